"""Sends what was approved and journaled, and nothing else: `Sender.send` takes a `JournaledPlan`, which only
`Sender.journal` makes, from an `ApprovedPlan`, which only the gates make."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from oneprice.errors import ExchangeAPIError, InvariantError, NetworkError, NotSupported, Outcome
from oneprice.ledger.records import DealOpened, LegOpened, OrderIntended
from oneprice.model import NewOrder, Order
from oneprice.model.deals import Plan, Purpose
from oneprice.trade.account import TradingAccount
from oneprice.trade.approved import ApprovedPlan
from oneprice.trade.desk import listing_key
from oneprice.trade.ids import NOT_A_LEG, make_id
from oneprice.trade.recorder import Recorder

_SEAL = object()
_HEDGES = frozenset({Purpose.HEDGE, Purpose.EXIT, Purpose.FLATTEN})

Answered = Callable[[str, NewOrder, "Order | BaseException"], None]
"""Told of each order's answer: account, order, and what came."""


class JournaledPlan:
    """Orders whose intents are in the journal. `orders`: `(account, order, whether it takes risk away)`; `records`:
    what was written, which counts once the orders have left."""

    __slots__ = ("deal", "orders", "records")

    def __init__(
        self,
        deal: int,
        orders: Sequence[tuple[str, NewOrder, bool]],
        records: Sequence[DealOpened | OrderIntended],
        seal: object,
    ) -> None:
        if seal is not _SEAL:
            raise InvariantError("only Sender.journal makes a JournaledPlan")
        self.deal, self.orders, self.records = deal, orders, records


class Sender:
    """`answered` hears what each order's sending came to; it is called once for each."""

    def __init__(
        self, engine: str, accounts: Mapping[str, TradingAccount], recorder: Recorder, answered: Answered
    ) -> None:
        self._engine, self._accounts, self._recorder = engine, accounts, recorder
        self._answered = answered
        self._on_their_way: set[asyncio.Future[Order]] = set()

    def journal(self, approved: ApprovedPlan) -> JournaledPlan:
        """Write the deal, where the plan opens one, and the intent of each order. Raises JournalError."""
        number, orders, records = self._made(approved.plan)
        self._recorder.write_ahead(*records)
        return JournaledPlan(number, orders, records, _SEAL)

    def rehearse(self, approved: ApprovedPlan) -> Sequence[tuple[str, NewOrder, bool]]:
        """What `journal` does, all but the writing; the orders have names that the next real ones will have."""
        _, orders, records = self._made(approved.plan)
        self._recorder.rehearse(*records)
        return orders

    def _made(self, plan: Plan) -> tuple[int, list[tuple[str, NewOrder, bool]], list[DealOpened | OrderIntended]]:
        """The deal's number, its orders, and their records."""
        ledger = self._recorder.ledger
        wall_ns, opens = self._recorder.wall_ns(), not plan.deal
        number = ledger.next_deal if opens else plan.deal
        attempts: dict[int, int] = {}
        if not opens:
            for known in ledger.deals[number].orders:
                attempts[known.intent.leg] = attempts.get(known.intent.leg, 0) + 1
        records: list[DealOpened | OrderIntended] = [_opened(plan, number, wall_ns)] if opens else []
        orders = []
        for place, leg in enumerate(plan.legs):
            purpose, listing = leg.purpose, leg.listing
            leg_number = place if opens and purpose not in _HEDGES else _leg_of(plan, place)
            attempt = attempts.get(leg_number, 0)
            attempts[leg_number] = attempt + 1
            client_order_id = make_id(self._engine, ledger.run, number, leg_number, attempt)
            price, quantity = leg.price, leg.quantity
            order = NewOrder(
                listing=listing,
                side=leg.side,
                client_order_id=client_order_id,
                type=leg.type,
                quantity=quantity,
                price=price,
                time_in_force=leg.time_in_force,
                reduce_only=leg.reduce_only,
            )
            records.append(
                OrderIntended(
                    wall_ns=wall_ns,
                    client_order_id=client_order_id,
                    deal=number,
                    leg=leg_number,
                    attempt=attempt,
                    purpose=purpose,
                    listing=listing_key(listing),
                    side=leg.side,
                    type=leg.type,
                    time_in_force=leg.time_in_force,
                    price=price,
                    quantity=quantity,
                    reduce_only=leg.reduce_only,
                )
            )
            orders.append((leg.account, order, purpose in _HEDGES))
        return number, orders, records

    def send(self, journaled: JournaledPlan) -> int:
        """All orders back to back, in this call. Where one cannot even be sent, those after it are not. Gives the
        monotonic time at which they had left.

        The ledger counts them right after: nothing can have been heard of them before this returns.
        """
        sent: list[tuple[str, NewOrder, asyncio.Future[Order] | BaseException]] = []
        stopped: BaseException | None = None
        try:
            for account, order, reduces in journaled.orders:
                if stopped is not None:
                    why = f"not sent, since another leg could not be: {stopped}"
                    sent.append((account, order, NetworkError(why, Outcome.NOT_SENT)))
                    continue
                sending = self._accounts[account].begin(order, hedge=reduces)
                if sending.done() and (error := sending.exception()) is not None and is_unsent(error):
                    stopped = error
                sent.append((account, order, sending))
            sent_ns = self._recorder.monotonic_ns()
        finally:
            self._recorder.count(*journaled.records)
        for account, order, outcome in sent:
            self._follow(account, order, outcome)
        return sent_ns

    async def settle(self) -> None:
        """Wait until nothing is on its way."""
        while self._on_their_way:
            await asyncio.wait(self._on_their_way)

    def _follow(self, account: str, order: NewOrder, sending: asyncio.Future[Order] | BaseException) -> None:
        if isinstance(sending, BaseException):
            self._answered(account, order, sending)
            return

        def over(done: asyncio.Future[Order]) -> None:
            self._on_their_way.discard(done)
            if done.cancelled():
                self._answered(account, order, NetworkError("given up while it was on its way", Outcome.UNKNOWN))
            else:
                self._answered(account, order, done.exception() or done.result())

        if sending.done():
            over(sending)
        else:
            self._on_their_way.add(sending)
            sending.add_done_callback(over)


def is_unsent(error: BaseException) -> bool:
    """Whether nothing of the order has left."""
    if isinstance(error, NotSupported):
        return True
    return isinstance(error, NetworkError | ExchangeAPIError) and error.outcome is Outcome.NOT_SENT


def _leg_of(plan: Plan, place: int) -> int:
    """Hedges belong to no leg; a maker's new quote is its leg's next attempt, an exit that of the leg it closes."""
    return NOT_A_LEG if plan.legs[place].purpose is Purpose.HEDGE else place


def _opened(plan: Plan, number: int, wall_ns: int) -> DealOpened:
    expected = plan.expected
    return DealOpened(
        wall_ns=wall_ns,
        deal=number,
        strategy=plan.strategy,
        group=plan.group,
        home=str(plan.home),
        opportunity=plan.opportunity,
        holds=plan.holds,
        nets=plan.nets,
        expected_gross=expected.gross,
        expected_fees=expected.fees,
        expected_net=expected.net,
        legs=tuple(
            LegOpened(
                listing=listing_key(leg.listing),
                side=leg.side,
                quantity=leg.quantity,
                price=leg.price,
                value=leg.value,
                fee=leg.fee,
                best=leg.best,
            )
            for leg in plan.legs
        ),
    )
