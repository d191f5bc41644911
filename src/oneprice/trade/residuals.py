"""What legs left unequal: completed, hedged elsewhere, reversed, carried as dust, or halted on. Never forgotten."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from oneprice.ledger.deals import Deal
from oneprice.ledger.records import Alarmed, DealMoved, DealSettled, Switched
from oneprice.model import AssetName, OrderStatus
from oneprice.model.deals import ADDS_RISK, DealOutcome, DealState, Expected, Plan, Purpose
from oneprice.trade.approved import Refusal
from oneprice.trade.candidates import Candidates, without
from oneprice.trade.desk import Desk
from oneprice.trade.marks import Marks
from oneprice.trade.policy import Carry, Choice, Halt, Hedge, Residual, choose
from oneprice.trade.recorder import Recorder

MS = 1_000_000
AGAIN_MS, AGAIN_MS_MAX = 50, 2_000
HALTED_AGAIN_MS = 5_000
REFUSALS_SHIFT_MAX = 4
UNHEDGED = "unhedged"


class Residuals:
    """Looks after every deal that is not settled. `submit` sends a plan; `settled` is told of each end: deal number,
    group, listings, and what it brought in its home asset; `holds` of each that is equal and stays open."""

    def __init__(
        self,
        desk: Desk,
        recorder: Recorder,
        marks: Marks,
        candidates: Candidates,
        submit: Callable[[Plan], int | Refusal],
        settled: Callable[[Deal, Decimal], None],
        holds: Callable[[Deal], None],
    ) -> None:
        self._desk, self._recorder, self._marks, self._candidates = desk, recorder, marks, candidates
        self._submit, self._settled, self._holds = submit, settled, holds
        self._ledger = recorder.ledger
        self._since_ns: dict[int, int] = {}
        self._again_ns: dict[int, tuple[int, int]] = {}
        self._refused: dict[int, tuple[int, int]] = {}  # how many hedges were, and until when the next one waits
        self._busy: set[int] = set()
        self._halting: set[int] = set()

    def unhedged_ms(self, number: int, now_ns: int) -> float:
        """How long the deal's legs have been unequal; 0 when they are not."""
        since_ns = self._since_ns.get(number)
        return 0.0 if since_ns is None else (now_ns - since_ns) / MS

    def look(self, now_ns: int) -> None:
        """Time has passed."""
        for number in list(self._ledger.deals):
            due_ns, _ = self._again_ns.get(number, (0, 0))
            if now_ns >= due_ns:
                self.consider(number)
            self._keep_in_time(number, now_ns)

    def consider(self, number: int) -> None:
        """Something of the deal changed: do what is to be done. Quick, and harmless when nothing is."""
        deal = self._ledger.deals.get(number)
        if deal is None or number in self._busy:
            return
        self._busy.add(number)
        try:
            self._consider(number, deal)
        finally:
            self._busy.discard(number)

    # ---- inside

    def _consider(self, number: int, deal: Deal) -> None:
        now_ns = self._desk.clock.monotonic_ns()
        residual = {asset: amount for asset, amount in deal.residual().items() if amount}
        if residual:
            self._since_ns.setdefault(number, now_ns)
        if any(not order.is_over and order.intent.purpose is not Purpose.MAKER for order in deal.orders):
            return  # what is out may still make them equal; `_keep_in_time` sees to it that this ends
        if residual and self._rests(number, deal, now_ns):
            return
        hedged = False
        for asset, amount in residual.items():
            choice = self._trade_away(number, deal, asset, amount, now_ns)
            if isinstance(choice, Hedge):
                hedged = True
            elif isinstance(choice, Halt):
                self._halt(number, deal, choice.why)
                self._wait(number, now_ns, HALTED_AGAIN_MS)
                return
            elif not isinstance(choice, Carry):
                self._wait(number, now_ns, AGAIN_MS)
                return
        if hedged or self._again_ns.get(number, (0, 0))[0] > now_ns:
            return
        self._equal(number, deal, now_ns)

    def _rests(self, number: int, deal: Deal, now_ns: int) -> bool:
        """Whether a hedge was refused just now: the next one waits a little, longer each time, or all attempts would be
        over before a venue could change its mind."""
        refusals = sum(
            order.status is OrderStatus.REJECTED and order.intent.purpose is Purpose.HEDGE for order in deal.orders
        )
        seen, until_ns = self._refused.get(number, (0, 0))
        if refusals > seen:
            until_ns = now_ns + (AGAIN_MS << min(refusals, REFUSALS_SHIFT_MAX)) * MS
            self._refused[number] = (refusals, until_ns)
            self._again_ns[number] = (until_ns, AGAIN_MS)
        return now_ns < until_ns

    def _equal(self, number: int, deal: Deal, now_ns: int) -> None:
        """Legs are equal, but for dust: hold, settle, or wait for what is still to be told."""
        self._since_ns.pop(number, None)
        if number in self._halting:
            self._halting.discard(number)
            self._resume(number)
        if any(not order.is_over for order in deal.orders):
            if deal.state is not DealState.WORKING:
                self._move(number, DealState.WORKING, "its quote stands")
            return
        if not deal.is_quiet():
            return
        if held(deal):
            if deal.state is not DealState.HOLDING:
                self._move(number, DealState.HOLDING, "legs are equal and stay open")
                self._holds(deal)
            return
        self._settle(number, deal)

    def _trade_away(self, number: int, deal: Deal, asset: str, amount: Decimal, now_ns: int) -> Choice:
        """The hedge that was sent, the cheapest that no gate refuses; or why there was none."""
        home, risk = deal.opened.home, self._desk.settings.risk
        attempts = sum(order.intent.purpose is Purpose.HEDGE and not order.not_sent for order in deal.orders)
        if deal.state is DealState.HALTED:
            attempts = min(attempts, risk.hedge_attempts_max - 1)
        mark = self._marks.price(asset, home) or Decimal(0)
        residual = Residual(asset=asset, base_quantity=amount, home=home, worth=abs(amount) * mark)
        candidates = self._candidates.find(asset, home, amount, deal)
        age_ms = self.unhedged_ms(number, now_ns)
        while True:
            choice = choose(residual, candidates, risk, attempt=attempts, age_ms=age_ms)
            if not isinstance(choice, Hedge):
                return choice
            refused = self._hedge(number, deal, asset, choice, now_ns)
            if not isinstance(refused, Refusal):
                self._again_ns.pop(number, None)
                return choice
            candidates = without(candidates, choice, refused)

    def _hedge(self, number: int, deal: Deal, asset: str, choice: Hedge, now_ns: int) -> int | Refusal:
        opened = deal.opened
        if deal.state is not DealState.HEDGING:
            self._move(number, DealState.HEDGING, choice.why)
        return self._submit(
            Plan(
                strategy=opened.strategy,
                group=f"{asset}/{opened.home}",
                home=AssetName(opened.home),
                legs=(self._candidates.leg(choice, deal),),
                expected=Expected(gross=Decimal(0), fees=choice.expected_cost, net=-choice.expected_cost, net_bps=0.0),
                made_ns=now_ns,
                deal=number,
            )
        )

    def _wait(self, number: int, now_ns: int, first_ms: int) -> None:
        _, last_ms = self._again_ns.get(number, (0, 0))
        pause_ms = min(max(first_ms, 2 * last_ms), max(AGAIN_MS_MAX, first_ms))
        self._again_ns[number] = (now_ns + pause_ms * MS, pause_ms)

    def _keep_in_time(self, number: int, now_ns: int) -> None:
        """Unequal legs are equal within the time allowed, or entries stop until they are."""
        deal = self._ledger.deals.get(number)
        if deal is None or number in self._halting:
            return
        allowed = self._desk.settings.risk
        late_ms = self.unhedged_ms(number, now_ns)
        if late_ms > allowed.unhedged_ms_max:
            out = [order.intent.client_order_id for order in deal.orders if not order.is_over]
            why = f"waits for {', '.join(out)}" if out else deal.reason
            self._stop_entries(
                number,
                f"deal {number} has been unequal for {late_ms:.0f} ms (risk.unhedged_ms_max "
                f"{allowed.unhedged_ms_max}); {why}",
            )

    def _halt(self, number: int, deal: Deal, why: str) -> None:
        if deal.state is not DealState.HALTED:
            self._move(number, DealState.HALTED, why)
        if number not in self._halting:
            self._stop_entries(number, f"deal {number} is halted: {why}")

    def _stop_entries(self, number: int, text: str) -> None:
        self._halting.add(number)
        wall_ns = self._recorder.wall_ns()
        self._recorder.write(
            Alarmed(wall_ns=wall_ns, kind=UNHEDGED, text=text),
            Switched(wall_ns=wall_ns, switch="halt", value="on", reason=text),
        )
        self._desk.switches.stop_entries(f"deal {number}", text)

    def _resume(self, number: int) -> None:
        """The deal is equal again. Entries go on when nobody else has stopped them."""
        if not self._desk.switches.resume_entries(f"deal {number}"):
            return
        text = f"deal {number} is equal again"
        self._recorder.write(Switched(wall_ns=self._recorder.wall_ns(), switch="halt", value="off", reason=text))

    def _move(self, number: int, state: DealState, reason: str) -> None:
        self._recorder.write(DealMoved(wall_ns=self._recorder.wall_ns(), deal=number, state=state, reason=reason))

    def _settle(self, number: int, deal: Deal) -> None:
        home = deal.opened.home
        carried = tuple(sorted((asset, amount) for asset, amount in deal.exposure().items() if amount))
        assets = {asset for asset, _ in carried} | {asset for _, asset in deal.flows()}
        marks = []
        for asset in sorted(assets - {home}):
            price = self._marks.price(asset, home)
            if price is None:
                text = f"deal {number}: no price of {asset} in {home} here; it counts as nothing in its profit"
                self._recorder.write(Alarmed(wall_ns=self._recorder.wall_ns(), kind="no price", text=text))
            else:
                marks.append((asset, price))
        outcome, reason = ending(deal)
        self._recorder.write(
            DealSettled(
                wall_ns=self._recorder.wall_ns(),
                deal=number,
                outcome=outcome,
                reason=reason,
                carried=carried,
                marks=tuple(marks),
            )
        )
        self._since_ns.pop(number, None)
        self._again_ns.pop(number, None)
        self._refused.pop(number, None)
        worth = dict(marks)
        net = sum(
            (amount * (1 if asset == home else worth.get(asset, 0)) for (_, asset), amount in deal.flows().items()),
            Decimal(0),
        )
        self._settled(deal, net)


def held(deal: Deal) -> dict[str, Decimal]:
    """Positions in perpetuals that the deal's orders have left, by listing, signed, in contracts."""
    return {key: quantity for key, quantity in deal.positions().items() if quantity}


def ending(deal: Deal) -> tuple[DealOutcome, str]:
    """How a deal ended, and in words."""
    filled = [order for order in deal.orders if order.filled]
    if not filled:
        reasons = sorted({order.reason for order in deal.orders if order.reason})
        return DealOutcome.MISSED, "; ".join(reasons) or "nothing was filled"
    hedges = [order for order in filled if order.intent.purpose is Purpose.HEDGE]
    if hedges and deal.opened.strategy != "net":
        return DealOutcome.HEDGED, f"{len(hedges)} hedge{'s' if len(hedges) > 1 else ''}"
    entries = [order for order in deal.orders if order.intent.purpose in ADDS_RISK]
    if all(order.filled == order.intent.quantity for order in entries):
        return DealOutcome.CAPTURED, "every leg whole"
    return DealOutcome.PARTIAL, "legs equal, smaller than planned"
