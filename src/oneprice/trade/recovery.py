"""What a start does before anything is traded: what the journal left open is settled by the venues' evidence.

A first start and one after a crash are the same path; it can be cut off anywhere and repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal

from oneprice.errors import ExchangeAPIError, NetworkError, OrderNotFoundError
from oneprice.ledger.records import Alarmed, BalanceOpened, ListingKnown, PositionOpened, Switched
from oneprice.model import MarketKind, SymbolInfo
from oneprice.ports import Clock
from oneprice.trade.account import TradingAccount
from oneprice.trade.desk import figures_of, listing_key
from oneprice.trade.recorder import Recorder
from oneprice.trade.switches import Switches, VenueHealth
from oneprice.trade.tracker import Tracker

FILLS_BEFORE_NS = 60_000_000_000
"""A venue's clock may be behind ours, and a fill be told late: so much before what is known is looked through again."""


class Recovery:
    """Run once per start, when the accounts are open and the listings' rules are known."""

    def __init__(
        self, accounts: Mapping[str, TradingAccount], recorder: Recorder, tracker: Tracker, clock: Clock
    ) -> None:
        self._accounts, self._recorder, self._tracker, self._clock = accounts, recorder, tracker, clock
        self._ledger = recorder.ledger

    def know_listings(self, rows: list[SymbolInfo]) -> None:
        """Journal the figures of each listing, where they are new or have changed."""
        records = []
        for info in rows:
            self._tracker.know(info)
            record = figures_of(info, self._recorder.wall_ns())
            known = self._ledger.listings.get(record.listing)
            if known is None or _figures(known) != _figures(record):
                records.append(record)
        if records:
            self._recorder.write(*records)

    async def open_books(self) -> list[str]:
        """The opening balances and positions of accounts that the journal has never seen. Gives those."""
        new = [name for name in self._accounts if name not in self._ledger.accounts]
        await asyncio.gather(*(self._open_book(name) for name in new))
        return new

    async def _open_book(self, name: str) -> None:
        account = self._accounts[name]
        balances = await account.balances()
        positions = await account.positions() if account.market is not MarketKind.SPOT else []
        wall_ns = self._recorder.wall_ns()
        records: list[BalanceOpened | PositionOpened] = [
            BalanceOpened(wall_ns=wall_ns, account=name, asset=str(one.asset), total=one.total) for one in balances
        ]
        if not records:
            records.append(BalanceOpened(wall_ns=wall_ns, account=name, asset="USDT", total=Decimal(0)))
        for position in positions:
            price = position.entry_price or position.mark_price or Decimal(0)
            records.append(
                PositionOpened(
                    wall_ns=wall_ns, listing=listing_key(position.listing), quantity=position.quantity, price=price
                )
            )
        self._recorder.write(*records)

    async def settle(self) -> None:
        """Ask for every order of ours that was not over, and for the fills of their listings.

        Orders whose evidence is not to be had yet stay UNKNOWN, reserved, and are looked for while trading goes on.
        """
        await asyncio.gather(*(self._settle_account(name) for name in self._accounts))

    async def _settle_account(self, name: str) -> None:
        mine = [known for known in self._ledger.awaited() if known.intent.listing.startswith(f"{name}:")]
        for known in mine:
            if not known.is_over:
                await self._ask(name, known.intent.client_order_id)
        await self._catch_up_fills(name, sorted({known.intent.listing for known in mine}))

    def let_go(self, switches: Switches) -> None:
        """Of what the run before has switched by itself, halts and breakers: this one has its own reasons, or none. A
        kill stays."""
        for switch, (value, _) in sorted(self._ledger.switches.items()):
            if switch == "halt" and value == "on" and not switches.halt:
                self._switch(switch, "off")
            elif switch.startswith("venue:") and value != VenueHealth.OPEN.name.lower():
                self._switch(switch, VenueHealth.OPEN.name.lower())

    def _switch(self, switch: str, value: str) -> None:
        wall_ns = self._recorder.wall_ns()
        self._recorder.write(Switched(wall_ns=wall_ns, switch=switch, value=value, reason="a new start"))

    async def look_further(self) -> None:
        """What cannot be of a deal that is open: fills of other hands, and orders that nobody knows. It takes a venue's
        rate limits to ask for, so trading does not wait for it."""
        await asyncio.gather(*(self._look_further(name) for name in self._accounts))

    async def _look_further(self, name: str) -> None:
        account = self._accounts[name]
        keys = [key for key in sorted(self._ledger.watermarks()) if key.startswith(f"{name}:")]
        for key in keys:
            if key in self._tracker.listings:
                account.follow(self._tracker.listings[key])
        await self._catch_up_fills(name, keys)
        try:
            for order in await account.open_orders():
                self._tracker.on_order(name, order)
        except (NetworkError, ExchangeAPIError) as error:
            self._alarm("recovery", f"{name}: open orders cannot be asked for: {error}")

    async def _ask(self, name: str, client_order_id: str) -> None:
        known = self._ledger.orders[client_order_id]
        try:
            self._tracker.found(client_order_id, await self._accounts[name].order(self._tracker.ref(known)))
        except OrderNotFoundError:
            self._tracker.doubt(client_order_id, "the venue does not find it after a restart")
        except (NetworkError, ExchangeAPIError) as error:
            self._tracker.doubt(client_order_id, f"it cannot be asked about: {error}")

    async def _catch_up_fills(self, name: str, keys: list[str]) -> None:
        """Fills of these listings, from before the last one that is booked."""
        account, watermarks = self._accounts[name], self._ledger.watermarks()
        for key in keys:
            if key not in self._tracker.listings:
                continue
            info = self._tracker.listings[key]
            try:
                for fill in await account.fills(info, max(0, watermarks[key] - FILLS_BEFORE_NS)):
                    self._tracker.book(name, fill)
            except (NetworkError, ExchangeAPIError) as error:
                self._alarm("recovery", f"{name}: fills of {info.symbol} cannot be asked for: {error}")

    def _alarm(self, kind: str, text: str) -> None:
        self._recorder.write(Alarmed(wall_ns=self._recorder.wall_ns(), kind=kind, text=text))


def _figures(known: ListingKnown) -> tuple[object, ...]:
    return (known.tick_size, known.lot_size, known.contract_size, known.multiplier, known.is_perpetual)
