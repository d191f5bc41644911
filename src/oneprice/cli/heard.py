"""What a trader does while somebody watches: deals as they settle, alarms and switches as they come."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from oneprice.cli.plain import short
from oneprice.ledger.records import Alarmed, AnyRecord, DealSettled, Switched
from oneprice.model.deals import DealOutcome

if TYPE_CHECKING:
    from oneprice.ledger.deals import SettledDeal
    from oneprice.trade.trader import Trader

KEPT = 100
"""Of each kind; a slow viewer sees the last ones."""


class Heard:
    """`outcomes`: of this run's settled deals, by outcome. `last`: settled deals with fills, oldest first."""

    def __init__(self, trader: Trader) -> None:
        self.outcomes: Counter[str] = Counter()
        self.last: deque[SettledDeal] = deque(maxlen=KEPT)
        self._ledger = trader.ledger
        self._deals: deque[SettledDeal] = deque(maxlen=KEPT)
        self._alarms: deque[str] = deque(maxlen=KEPT)
        trader.recorder.listeners.append(self._hear)

    def new_deals(self) -> list[SettledDeal]:
        """With fills, settled since the last call."""
        fresh = list(self._deals)
        self._deals.clear()
        return fresh

    def new_alarms(self) -> list[str]:
        """Since the last call: alarms, and what stops or lets go on."""
        fresh = list(self._alarms)
        self._alarms.clear()
        return fresh

    def traded(self) -> str:
        """`5 captured, 2 hedged, 22 missed`."""
        return ", ".join(f"{count} {name}" for name, count in sorted(self.outcomes.items())) or "none"

    def _hear(self, record: AnyRecord) -> None:
        if isinstance(record, DealSettled):
            self.outcomes[record.outcome.value] += 1
            settled = self._ledger.settled[-1]
            if record.outcome is not DealOutcome.MISSED:
                self.last.append(settled)
                self._deals.append(settled)
        elif isinstance(record, Alarmed):
            self._alarms.append(f"{record.kind}: {record.text}")
        elif isinstance(record, Switched) and record.switch.startswith("venue:"):
            self._alarms.append(f"{record.switch.removeprefix('venue:')} is {record.value}: {record.reason}")


def deal_line(deal: SettledDeal) -> str:
    """A settled deal in a line."""
    took_ms = (deal.settled_ns - deal.opened_ns) / 1e6
    return (
        f"deal {deal.deal}  {deal.strategy} {deal.group}  {deal.outcome.value}  {short(deal.net)} {deal.home}, "
        f"expected {short(deal.expected_net)}, {took_ms:,.0f} ms  ({deal.reason})"
    )
