"""Follows every order of ours until the venue has said its last word, and books every fill once.

What accounts tell becomes records; what they do not tell is asked for. An order of unknown outcome keeps its worst case
reserved until evidence comes; nothing is concluded from time that passes, and nothing is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from oneprice.errors import ExchangeAPIError, NetworkError, OrderNotFoundError, Outcome, RateLimitError
from oneprice.exchange import AccountEvent, StreamState
from oneprice.ledger.orders import TrackedOrder
from oneprice.ledger.records import Alarmed, FillTold, FundingPaid, OrderTold, TransferTold
from oneprice.market.supervisor import Supervisor
from oneprice.model import AssetBalance, Fill, NewOrder, Order, OrderRef, OrderStatus, SymbolInfo
from oneprice.ports import Clock
from oneprice.trade.account import TradingAccount
from oneprice.trade.desk import listing_key
from oneprice.trade.external import External
from oneprice.trade.ids import read_id
from oneprice.trade.recorder import Recorder
from oneprice.trade.sender import is_unsent
from oneprice.venues.kit.account import BalanceMoved, BalanceUpdate, FillUpdate, OrderUpdate, PositionUpdate

MS = 1_000_000
ASK_AFTER_MS = 400
"""A taker's order that has not ended by then is asked about; fills that an ended order still lacks are, too."""
ASK_AGAIN_MS_MAX = 5_000
NAMES_MAX = 30_000
ASKED_MAX = 1_000
FILLS_BEFORE_NS = 10_000_000_000

Progress = Callable[[int], None]
Heard = Callable[[str, str, float | None], None]


class Tracker:
    """`progress` is told of each deal in which something changed; `heard` of what an account's answers were like:
    account, "ok", "error", "reject" or "unknown", and the milliseconds from sending to answer. `stream` hears whether
    an account's private stream is complete. `stranger` is called when another engine trades on one of our accounts.
    """

    def __init__(
        self,
        engine: str,
        accounts: Mapping[str, TradingAccount],
        recorder: Recorder,
        clock: Clock,
        supervisor: Supervisor,
        *,
        evidence_s_max: float,
        progress: Progress,
        heard: Heard,
        stream: Callable[[str, bool], None],
        stranger: Callable[[str, str], None],
    ) -> None:
        self._engine, self._accounts, self._recorder = engine, accounts, recorder
        self._clock, self._supervisor = clock, supervisor
        self._evidence_s_max = evidence_s_max
        self._progress, self._heard, self._stream, self._stranger = progress, heard, stream, stranger
        self._ledger = recorder.ledger
        self.listings: dict[str, SymbolInfo] = {}
        self.external = External(accounts, recorder)
        self.balances: dict[str, dict[str, AssetBalance]] = {name: {} for name in accounts}
        self.positions: dict[str, dict[str, Decimal]] = {name: {} for name in accounts}
        self._names: dict[tuple[str, str], str] = {}  # (listing, venue order id) -> our id
        self._sent_ns: dict[str, int] = {}
        self._asked: dict[str, tuple[int, int]] = {}  # what was asked for, when, and how often
        self._asking: set[str] = set()
        self._is_closed = False

    def follow(self) -> list[Callable[[], None]]:
        """Listen to all accounts from now on; the answers stop it. What venues call orders of earlier runs is known:
        some tell of fills by that alone."""
        for known in self._ledger.remembered():
            if known.venue_order_id:
                self._name(known.intent.listing, known.venue_order_id, known.intent.client_order_id)
        return [account.listen(self._ear(name)) for name, account in self._accounts.items()]

    def close(self) -> None:
        """Ask nothing more: the run ends, and the next start asks."""
        self._is_closed = True

    def know(self, info: SymbolInfo) -> None:
        """A listing whose orders may be told of."""
        self.listings[listing_key(info)] = info

    # ---- what the sender tells

    def answered(self, account: str, order: NewOrder, told: Order | BaseException) -> None:
        """The answer to an order's sending. What it says of the order has come by `listen` already, but for errors."""
        try:
            self._on_answer(account, order, told)
        except BaseException as error:  # noqa: BLE001
            self._supervisor.fail(error)  # the loop, which calls this, would only log it

    def _on_answer(self, account: str, order: NewOrder, told: Order | BaseException) -> None:
        name = order.client_order_id
        sent_ns = self._sent_ns.pop(name, None)
        latency_ms = None if sent_ns is None else (self._clock.monotonic_ns() - sent_ns) / MS
        if isinstance(told, Order):
            self._heard(account, "ok", latency_ms)
            self.on_order(account, told)
            return
        if is_unsent(told):
            self._conclude(name, OrderStatus.REJECTED, str(told), not_sent=True)
            self._heard(account, "reject" if isinstance(told, ExchangeAPIError) else "error", None)
        elif isinstance(told, NetworkError | ExchangeAPIError):
            if told.outcome is Outcome.REJECTED:
                known = self._ledger.order(name)
                if known is not None and not known.is_over and not known.is_unknown:
                    self._conclude(name, OrderStatus.REJECTED, str(told))
                self._heard(account, "error" if isinstance(told, RateLimitError) else "reject", latency_ms)
            else:
                self._heard(account, "unknown", latency_ms)
                self.doubt(name, str(told))
        else:
            self._supervisor.fail(told)

    def sent(self, client_order_id: str) -> None:
        """It leaves now: for the latency, and to know how old it is."""
        self._sent_ns[client_order_id] = self._clock.monotonic_ns()
        self._asked[client_order_id] = (self._clock.monotonic_ns(), 0)

    # ---- what accounts tell

    def _ear(self, account: str) -> Callable[[AccountEvent], None]:
        def hear(event: AccountEvent) -> None:
            try:
                self._on_event(account, event)
            except BaseException as error:
                self._supervisor.fail(error)
                raise

        return hear

    def _on_event(self, account: str, event: AccountEvent) -> None:
        if isinstance(event, OrderUpdate):
            self.on_order(account, event.order)
        elif isinstance(event, FillUpdate):
            self.book(account, event.fill)
        elif isinstance(event, BalanceUpdate):
            self._on_balances(account, event)
        elif isinstance(event, BalanceMoved):
            self._on_moved(account, event)
        elif isinstance(event, PositionUpdate):
            self.positions[account][listing_key(event.position.listing)] = event.position.quantity
        elif isinstance(event, StreamState):
            self._stream(account, event.complete)

    def on_order(self, account: str, order: Order) -> None:
        """An order as an account tells it: ours, another engine's, or of other hands."""
        name, key = order.client_order_id, listing_key(order.listing)
        known = self._ledger.order(name)
        if known is None:
            told = read_id(name)
            if told is None:
                self.external.on_order(account, order)
            elif told.engine != self._engine:
                if not order.is_over:
                    self._stranger(account, name)
            elif not order.is_over:
                self._orphan(account, order)
            return
        if order.venue_order_id:
            self._name(key, order.venue_order_id, name)
            for fill in self.external.claimed(key, order.venue_order_id):
                self.book(account, fill)
        filled = order.filled_quantity if order.filled_quantity is not None else known.filled
        is_news = (
            order.status is not known.status
            or filled > known.filled
            or (order.venue_order_id and order.venue_order_id != known.venue_order_id)
            or (order.filled_quote is not None and order.filled_quote != known.filled_quote)
        )
        if is_news and not (known.is_over and not order.is_over):
            self._recorder.write(
                OrderTold(
                    wall_ns=self._recorder.wall_ns(),
                    client_order_id=name,
                    status=order.status,
                    venue_order_id=order.venue_order_id or known.venue_order_id,
                    filled=filled,
                    filled_quote=order.filled_quote,
                    reason=order.reason,
                )
            )
        if order.status is OrderStatus.UNKNOWN:
            self._look_for(name)
        for fill in order.fills:
            self.book(account, fill)
        self._progress(known.intent.deal)

    def _name(self, key: str, venue_order_id: str, name: str) -> None:
        """Remember what the venue calls an order, for as long as the ledger knows it."""
        self._names[key, venue_order_id] = name
        if len(self._names) > NAMES_MAX:
            known = self._ledger.order
            self._names = {place: name for place, name in self._names.items() if known(name) is not None}

    def book(self, account: str, fill: Fill) -> bool:
        """Book a fill, unless it is booked. Whether it was new."""
        key = listing_key(fill.listing)
        if self._ledger.has_fill(key, fill.venue_fill_id):
            return False
        name = fill.client_order_id
        if self._ledger.order(name) is None:
            name = self._names.get((key, fill.venue_order_id), "")
        if not name:
            if self._may_be_ours(key):
                self.external.hold(key, fill)  # an order on its way may turn out to have this venue id
                return False
            self.external.on_fill(account, fill)
            return True
        known = self._ledger.order(name)
        assert known is not None, "names are those of orders that were intended"
        if fill.fees is None:
            self._ask_fills(account, known)  # its fee is told by REST only
            return False
        self.know(fill.listing)
        self._recorder.write(
            FillTold(
                wall_ns=self._recorder.wall_ns(),
                listing=key,
                venue_fill_id=fill.venue_fill_id,
                client_order_id=name,
                venue_order_id=fill.venue_order_id,
                side=fill.side,
                price=fill.price,
                quantity=fill.quantity,
                fees=tuple((str(fee.asset), fee.amount) for fee in fill.fees),
                is_maker=bool(fill.is_maker),
                venue_ns=fill.time_ns,
            )
        )
        self._progress(known.intent.deal)
        return True

    def _may_be_ours(self, key: str) -> bool:
        """Whether an order of ours at the listing has no venue id yet."""
        return any(
            known.intent.listing == key and not known.venue_order_id and not known.is_over
            for known in self._ledger.awaited()
        )

    def _on_balances(self, account: str, update: BalanceUpdate) -> None:
        held = self.balances[account]
        for balance in update.balances:
            before = held.get(str(balance.asset))
            held[str(balance.asset)] = balance
            if before is not None and "fund" in update.reason.lower() and balance.total != before.total:
                self._funding(account, str(balance.asset), balance.total - before.total)

    def _funding(self, account: str, asset: str, amount: Decimal) -> None:
        """Perpetuals paid or earned: of the listing where a position is, or of the first where there are more."""
        held = [key for key in sorted(self._ledger.listings) if key.startswith(f"{account}:") and self._holds(key)]
        listing = held[0] if held else ""
        deals = [
            number
            for number, deal in self._ledger.deals.items()
            if any(order.intent.listing == listing for order in deal.orders)
        ]
        self._recorder.write(
            FundingPaid(
                wall_ns=self._recorder.wall_ns(),
                account=account,
                listing=listing,
                asset=asset,
                amount=amount,
                deal=deals[0] if len(deals) == 1 else 0,
            )
        )

    def _holds(self, key: str) -> bool:
        return bool(self._ledger.position(key))

    def _on_moved(self, account: str, event: BalanceMoved) -> None:
        amount = Decimal(event.change)
        self._recorder.write(
            TransferTold(
                wall_ns=self._recorder.wall_ns(),
                account=account,
                asset=str(event.asset),
                amount=amount,
                why=f"{'deposit' if amount > 0 else 'withdrawal'} or transfer ({event.reason})",
            )
        )

    def _orphan(self, account: str, order: Order) -> None:
        """An open order with our name that the journal does not know: it is cancelled, and told of."""
        text = f"{account} has an open order {order.client_order_id} of ours that the journal does not know: cancelled"
        self._recorder.write(Alarmed(wall_ns=self._recorder.wall_ns(), kind="orphan", text=text))
        self._supervisor.spawn(self._cancel_orphan(account, order), f"orphan {order.client_order_id}")

    async def _cancel_orphan(self, account: str, order: Order) -> None:
        ref = OrderRef(
            listing=order.listing, client_order_id=order.client_order_id, venue_order_id=order.venue_order_id
        )
        pause_s = 0.2
        while True:
            try:
                await self._accounts[account].cancel(ref)
                return
            except OrderNotFoundError:
                return
            except (NetworkError, ExchangeAPIError):
                await self._clock.sleep(pause_s)
                pause_s = min(2 * pause_s, 5.0)

    # ---- what is asked for

    def look(self, now_ns: int) -> None:
        """Ask about orders and fills that are overdue. Often: it is cheap."""
        if len(self._asked) > ASKED_MAX:
            awaited = {known.intent.client_order_id for known in self._ledger.awaited()}
            self._asked = {name: asked for name, asked in self._asked.items() if name in awaited}
        for known in self._ledger.awaited():
            name = known.intent.client_order_id
            if known.is_unknown:
                self._look_for(name)
                continue
            rests = known.intent.time_in_force.name == "GTC"
            if rests and not known.is_over:
                continue
            asked_ns, times = self._asked.setdefault(name, (now_ns, 0))
            if now_ns - asked_ns > min(ASK_AFTER_MS << times, ASK_AGAIN_MS_MAX) * MS:
                self._asked[name] = (now_ns, min(times + 1, 16))
                account = known.intent.listing.partition(":")[0]
                if known.is_over:
                    self._ask_fills(account, known)
                elif name not in self._sent_ns:
                    self._ask_order(account, known)

    def _ask_order(self, account: str, known: TrackedOrder) -> None:
        async def ask() -> None:
            try:
                await self._accounts[account].order(self.ref(known))  # what it says comes by `listen`
            except OrderNotFoundError:
                self.doubt(known.intent.client_order_id, "the venue does not find it")

        self._once(f"order {known.intent.client_order_id}", ask)

    def _ask_fills(self, account: str, known: TrackedOrder) -> None:
        intent = known.intent

        async def ask() -> None:
            info = self.listings[intent.listing]
            since_ns = max(0, intent.wall_ns - FILLS_BEFORE_NS)
            for fill in await self._accounts[account].fills(info, since_ns, known.venue_order_id):
                is_meant = fill.venue_order_id == known.venue_order_id or fill.client_order_id == intent.client_order_id
                if is_meant and fill.fees is not None:
                    self.book(account, fill)

        self._once(f"fills {intent.client_order_id}", ask)

    def _look_for(self, name: str) -> None:
        """Look for an order of unknown outcome until there is evidence."""

        async def look() -> None:
            known = self._known(name)
            account = self._accounts[known.intent.listing.partition(":")[0]]
            began_ns, alarmed, pause_s = self._clock.monotonic_ns(), False, 0.25
            while known.is_unknown:
                try:
                    found = await account.find(self.ref(known), sent_ns=known.intent.wall_ns)
                except (NetworkError, ExchangeAPIError) as error:
                    if not alarmed and self._clock.monotonic_ns() - began_ns > self._evidence_s_max * 1e9:
                        alarmed = True
                        text = f"no evidence of order {name} within {self._evidence_s_max:g} s: {error}; still looking"
                        self._recorder.write(Alarmed(wall_ns=self._recorder.wall_ns(), kind="unknown order", text=text))
                    await self._clock.sleep(pause_s)
                    pause_s = min(2 * pause_s, 5.0)
                    continue
                self.found(name, found)
                return

        self._once(f"evidence of {name}", look)

    def found(self, name: str, order: Order | None) -> None:
        """What a search for an order has brought; None: there is nothing of it, open or filled."""
        known = self._known(name)
        if order is not None:
            self.on_order(known.intent.listing.partition(":")[0], order)
        elif not known.is_over:
            status = OrderStatus.CANCELED if known.filled or known.venue_order_id else OrderStatus.REJECTED
            self._conclude(name, status, "the venue has nothing of it")

    def doubt(self, name: str, reason: str) -> None:
        """Nobody knows what became of it: look for evidence."""
        self._conclude(name, OrderStatus.UNKNOWN, reason)
        self._look_for(name)

    def _known(self, name: str) -> TrackedOrder:
        known = self._ledger.order(name)
        assert known is not None, "only orders that were intended are looked for"
        return known

    def ref(self, known: TrackedOrder) -> OrderRef:
        """How to name an order to its account."""
        return OrderRef(
            listing=self.listings[known.intent.listing],
            client_order_id=known.intent.client_order_id,
            venue_order_id=known.venue_order_id,
        )

    def _once(self, what: str, ask: Callable[[], object]) -> None:
        """Have it asked, unless it is being asked. Errors of venue and network are left to the next time."""
        if what in self._asking or self._is_closed:
            return
        self._asking.add(what)

        async def guarded() -> None:
            try:
                await ask()  # type: ignore[misc]  # a coroutine function
            except (NetworkError, ExchangeAPIError):
                pass  # it is asked again when it is due
            finally:
                self._asking.discard(what)

        self._supervisor.spawn(guarded(), what)

    def _conclude(self, name: str, status: OrderStatus, reason: str, *, not_sent: bool = False) -> None:
        known = self._ledger.order(name)
        if known is None or known.is_over or (known.is_unknown and status is OrderStatus.UNKNOWN):
            return
        self._recorder.write(
            OrderTold(
                wall_ns=self._recorder.wall_ns(),
                client_order_id=name,
                status=status,
                venue_order_id=known.venue_order_id,
                filled=known.filled,
                filled_quote=known.filled_quote,
                reason=reason,
                not_sent=not_sent,
            )
        )
        self._progress(known.intent.deal)
