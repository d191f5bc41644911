"""The orders and fills of a desk's customers: found by number, by client id and by time, and forgotten by rule."""

from collections import deque

from oneprice.sim.accounts import Account
from oneprice.sim.engine import Side
from oneprice.sim.market import SimListing
from oneprice.sim.orders import DeskRules, OrderState, Reason, Refused, SimFill, SimOrder

ENDED_KEPT_MAX = 100_000
"""Ended orders of one desk that are remembered; the oldest go first."""

FILLS_KEPT_MAX = 100_000
"""Fills of one account that are remembered."""

_SECOND_NS = 1_000_000_000


class _File:
    """What is known of one account. Dicts keep the order of placing; the open ones are by listing."""

    __slots__ = ("by_client", "fills", "fills_of", "open", "orders")

    def __init__(self) -> None:
        self.orders: dict[int, SimOrder] = {}
        self.open: dict[str, dict[int, SimOrder]] = {}
        self.by_client: dict[tuple[str, str], SimOrder] = {}
        self.fills: deque[SimFill] = deque(maxlen=FILLS_KEPT_MAX)
        self.fills_of: dict[int, list[SimFill]] = {}


class OrderStore:
    """All orders of one desk. Only the desk adds and ends them."""

    def __init__(self, rules: DeskRules) -> None:
        self._rules = rules
        self._files: dict[int, _File] = {}
        self._ended: deque[SimOrder] = deque()
        # Both are parts of the ended orders: what these drop at their maximum is forgotten already.
        self._forgettable: deque[SimOrder] = deque(maxlen=ENDED_KEPT_MAX)
        self._named: deque[SimOrder] = deque(maxlen=ENDED_KEPT_MAX)

    # ---- changes --------------------------------------------------------------------------------------

    def add(self, order: SimOrder) -> None:
        """A new order. With a client id it is the one found by it from now on."""
        file = self._file(order.account)
        file.orders[order.order_id] = file.open.setdefault(order.listing.key, {})[order.order_id] = order
        if order.client_order_id:
            file.by_client[order.listing.key, order.client_order_id] = order

    def end(self, order: SimOrder) -> None:
        """The order is over: it is no longer open, and its time of being forgotten begins."""
        del self._file(order.account).open[order.listing.key][order.order_id]
        self._ended.append(order)
        if not order.filled_lots and self._rules.forget_unfilled_s:
            self._forgettable.append(order)
        if order.client_order_id and self._rules.client_id_kept_s:
            self._named.append(order)
        if len(self._ended) > ENDED_KEPT_MAX:
            self._forget(self._ended.popleft())

    def add_fill(self, fill: SimFill) -> None:
        """A new match of one of the orders."""
        file = self._file(fill.order.account)
        file.fills.append(fill)
        file.fills_of.setdefault(fill.order.order_id, []).append(fill)

    def forget(self, now_ns: int) -> None:
        """Drop what the rules say is gone by now."""
        kept_ns = int(self._rules.forget_unfilled_s * _SECOND_NS)
        while self._forgettable and self._forgettable[0].updated_ns + kept_ns <= now_ns:
            self._forget(self._forgettable.popleft())
        kept_ns = int(self._rules.client_id_kept_s * _SECOND_NS)
        while self._named and self._named[0].updated_ns + kept_ns <= now_ns:
            self._unname(self._named.popleft())

    # ---- views ----------------------------------------------------------------------------------------

    def by_id(self, account: Account, order_id: int) -> SimOrder:
        """Raises Refused(UNKNOWN_ORDER)."""
        order = self._file(account).orders.get(order_id)
        if order is None:
            raise Refused(Reason.UNKNOWN_ORDER, f"no order {order_id}")
        return order

    def by_client_id(self, account: Account, key: str, client_order_id: str) -> SimOrder:
        """The latest with that id in the listing. Raises Refused(UNKNOWN_ORDER)."""
        order = self._file(account).by_client.get((key, client_order_id))
        if order is None:
            raise Refused(Reason.UNKNOWN_ORDER, f"no order {client_order_id!r} in {key}")
        return order

    def open_with_client_id(self, account: Account, key: str, client_order_id: str) -> SimOrder | None:
        """The open order of that client id, which a second one would duplicate."""
        order = self._file(account).by_client.get((key, client_order_id))
        return order if order is not None and order.state is OrderState.OPEN else None

    def open_orders(self, account: Account, key: str | None = None, side: Side | None = None) -> list[SimOrder]:
        """Oldest first."""
        by_listing = self._file(account).open
        if key is not None:
            found = list(by_listing.get(key, {}).values())
        else:
            found = sorted((order for kept in by_listing.values() for order in kept.values()), key=_number)
        return found if side is None else [order for order in found if order.side is side]

    def open_count(self, account: Account, key: str) -> int:
        """How many orders are open in a listing."""
        return len(self._file(account).open.get(key, ()))

    def has_open(self, account: Account) -> bool:
        """Whether any order is open."""
        return any(self._file(account).open.values())

    def orders(self, account: Account, key: str | None, since_ns: int, until_ns: int | None) -> list[SimOrder]:
        """By time of placing, both ends included, oldest first."""
        return [
            order
            for order in self._file(account).orders.values()
            if (key is None or order.listing.key == key)
            and since_ns <= order.created_ns
            and (until_ns is None or order.created_ns <= until_ns)
        ]

    def fills(
        self,
        account: Account,
        listing: SimListing | None,
        since_ns: int,
        until_ns: int | None,
        order_id: int | None,
        after_id: int,
    ) -> list[SimFill]:
        """By time of the match, both ends included, oldest first."""
        file = self._file(account)
        return [
            fill
            for fill in (file.fills if order_id is None else file.fills_of.get(order_id, ()))
            if (listing is None or fill.order.listing is listing)
            and fill.fill_id > after_id
            and since_ns <= fill.ts_ns
            and (until_ns is None or fill.ts_ns <= until_ns)
        ]

    # ---- inside ---------------------------------------------------------------------------------------

    def _file(self, account: Account) -> _File:
        found = self._files.get(account.uid)
        if found is None:
            found = self._files[account.uid] = _File()
        return found

    def _forget(self, order: SimOrder) -> None:
        file = self._file(order.account)
        file.orders.pop(order.order_id, None)
        file.fills_of.pop(order.order_id, None)
        self._unname(order)

    def _unname(self, order: SimOrder) -> None:
        names, name = self._file(order.account).by_client, (order.listing.key, order.client_order_id)
        if names.get(name) is order:
            del names[name]


def _number(order: SimOrder) -> int:
    return order.order_id
