"""What happens on our accounts without us: orders and fills of other hands are adopted and shown, never touched."""

from __future__ import annotations

from collections.abc import Mapping

from oneprice.ledger.records import FillTold
from oneprice.model import Fill, Order
from oneprice.trade.account import TradingAccount
from oneprice.trade.desk import figures_of, listing_key
from oneprice.trade.recorder import Recorder

ORDERS_KEPT = 1_000
HELD_MAX = 1_000


class External:
    """`orders`: open ones that are not ours, by account and the venue's id. Fills that came before anybody could tell
    whose they are wait in here until an order of ours claims them, or none can."""

    def __init__(self, accounts: Mapping[str, TradingAccount], recorder: Recorder) -> None:
        self._recorder = recorder
        self.orders: dict[tuple[str, str], Order] = {}
        self._held: dict[tuple[str, str], list[Fill]] = {}
        self._accounts = {name: account.market for name, account in accounts.items()}

    def on_order(self, account: str, order: Order) -> None:
        """An order of other hands."""
        key = (account, order.venue_order_id)
        if order.is_over:
            self.orders.pop(key, None)
        else:
            self.orders[key] = order
            if len(self.orders) > ORDERS_KEPT:
                del self.orders[next(iter(self.orders))]

    def on_fill(self, account: str, fill: Fill) -> None:
        """A fill of other hands: it moves balances, so it is booked; of no deal."""
        if listing_key(fill.listing) not in self._recorder.ledger.listings:
            self._recorder.write(figures_of(fill.listing, self._recorder.wall_ns()))
        self._recorder.write(
            FillTold(
                wall_ns=self._recorder.wall_ns(),
                listing=listing_key(fill.listing),
                venue_fill_id=fill.venue_fill_id,
                client_order_id="",
                venue_order_id=fill.venue_order_id,
                side=fill.side,
                price=fill.price,
                quantity=fill.quantity,
                fees=tuple((str(fee.asset), fee.amount) for fee in fill.fees or ()),
                is_maker=bool(fill.is_maker),
                venue_ns=fill.time_ns,
            )
        )

    def hold(self, key: str, fill: Fill) -> None:
        """Whose it is will be known later."""
        waiting = self._held.setdefault((key, fill.venue_order_id), [])
        if all(one.venue_fill_id != fill.venue_fill_id for one in waiting):
            waiting.append(fill)
        if len(self._held) > HELD_MAX:
            del self._held[next(iter(self._held))]

    def claimed(self, key: str, venue_order_id: str) -> list[Fill]:
        """The fills that waited for this order."""
        return self._held.pop((key, venue_order_id), [])

    def unclaimed(self) -> list[Fill]:
        """All that still wait; they are given up here."""
        waiting = [fill for fills in self._held.values() for fill in fills]
        self._held.clear()
        return waiting
