"""What settled deals have left: dust that has grown into an order, or a fill that came after its deal's end.

The next deal of the group may take it along for nothing; when none comes soon, it is traded away by a deal of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from oneprice.ledger.records import Alarmed, Switched
from oneprice.model import AssetName
from oneprice.model.deals import DealState, Expected, Plan
from oneprice.trade.approved import Refusal
from oneprice.trade.candidates import Candidates, without
from oneprice.trade.desk import Desk
from oneprice.trade.marks import Marks
from oneprice.trade.policy import Candidate, Choice, Hedge, Residual, choose
from oneprice.trade.recorder import Recorder

MS = 1_000_000
LOOK_EVERY_MS = 100
NET_AFTER_MS = 1_000
"""So long another deal may take it along."""
AGAIN_MS, AGAIN_MS_MAX = 500, 30_000
STRATEGY = "net"


class Netting:
    """Looks after `Ledger.carried`. `submit` sends a plan."""

    def __init__(
        self,
        desk: Desk,
        recorder: Recorder,
        marks: Marks,
        candidates: Candidates,
        submit: Callable[[Plan], int | Refusal],
    ) -> None:
        self._desk, self._recorder, self._marks = desk, recorder, marks
        self._candidates, self._submit = candidates, submit
        self._ledger = desk.ledger
        self._looked_ns = 0
        self._since_ns: dict[str, int] = {}
        self._again_ns: dict[str, tuple[int, int]] = {}

    def look(self, now_ns: int) -> None:
        """Time has passed."""
        if now_ns - self._looked_ns < LOOK_EVERY_MS * MS:
            return
        self._looked_ns = now_ns
        for asset, amount in list(self._ledger.carried.items()):
            if not amount:
                self._is_little(asset)
            elif not self._in_motion(asset):
                self._consider(asset, amount, now_ns)

    # ---- inside

    def _in_motion(self, asset: str) -> bool:
        """Whether a deal of the asset is about to change it, or to net it."""
        return any(
            deal.opened.group.partition("/")[0] == asset
            and deal.state is not DealState.HOLDING
            and (deal.has_fills or deal.nets)
            for deal in self._ledger.deals.values()
        )

    def _consider(self, asset: str, amount: Decimal, now_ns: int) -> None:
        home, risk = self._desk.settings.base_currency, self._desk.settings.risk
        worth = abs(amount) * (self._marks.price(asset, home) or Decimal(0))
        residual = Residual(asset=asset, base_quantity=amount, home=home, worth=worth)
        candidates = self._candidates.find(asset, home, amount, None)
        choice = choose(residual, candidates, risk, attempt=0, age_ms=0.0)
        if worth <= risk.unhedged_notional_max and not isinstance(choice, Hedge):
            self._is_little(asset)
            return
        waited_ns = now_ns - self._since_ns.setdefault(asset, now_ns)
        if waited_ns >= NET_AFTER_MS * MS:
            choice = self._net(residual, candidates, choice, now_ns)
        if waited_ns > risk.unhedged_ms_max * MS and worth > risk.unhedged_notional_max:
            self._stop_entries(asset, amount, worth, choice)

    def _net(self, residual: Residual, candidates: list[Candidate], choice: Choice, now_ns: int) -> Choice:
        """What was sent, the cheapest that no gate refuses; or why nothing could be."""
        asset = residual.asset
        due_ns, last_ms = self._again_ns.get(asset, (0, 0))
        if now_ns < due_ns or not isinstance(choice, Hedge):
            return choice
        pause_ms = min(max(AGAIN_MS, 2 * last_ms), AGAIN_MS_MAX)
        self._again_ns[asset] = (now_ns + pause_ms * MS, pause_ms)
        while isinstance(choice, Hedge):
            refused = self._submit(self._plan(residual, choice, now_ns))
            if not isinstance(refused, Refusal):
                break
            candidates = without(candidates, choice, refused)
            choice = choose(residual, candidates, self._desk.settings.risk, attempt=0, age_ms=0.0)
        return choice

    def _plan(self, residual: Residual, choice: Hedge, now_ns: int) -> Plan:
        leg, cost = self._candidates.leg(choice, None), choice.expected_cost
        return Plan(
            strategy=STRATEGY,
            group=f"{residual.asset}/{residual.home}",
            home=AssetName(residual.home),
            legs=(leg,),
            expected=Expected(gross=Decimal(0), fees=cost, net=-cost, net_bps=0.0),
            made_ns=now_ns,
            nets=leg.base_quantity * int(leg.side),
        )

    def _is_little(self, asset: str) -> None:
        """Nothing of it, or too little to be traded and to be afraid of."""
        self._since_ns.pop(asset, None)
        self._again_ns.pop(asset, None)
        if self._desk.switches.resume_entries(_who(asset)):
            self._switch("off", f"little {asset} is left of earlier deals")

    def _stop_entries(self, asset: str, amount: Decimal, worth: Decimal, choice: Choice) -> None:
        text = f"earlier deals have left {amount:+f} {asset}, worth {worth:.2f}; {choice.why}"
        if self._desk.switches.stop_entries(_who(asset), text):
            self._recorder.write(Alarmed(wall_ns=self._recorder.wall_ns(), kind="unhedged", text=text))
            self._switch("on", text)

    def _switch(self, value: str, reason: str) -> None:
        self._recorder.write(Switched(wall_ns=self._recorder.wall_ns(), switch="halt", value=value, reason=reason))


def _who(asset: str) -> str:
    return f"carried {asset}"
