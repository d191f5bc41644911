"""What a run found, added up by pair. Fed with views; takes each opportunity once, when it has ended."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from oneprice.market.view import MarketView, OpportunityRow


class PairTotal(msgspec.Struct):
    """All opportunities of one pair (or cycle). Times in milliseconds; `best_net` and `unit` belong to `best_net_bps`.

    `size_max`: base coins of the largest.
    """

    kind: str
    symbol: str
    where: str
    count: int = 0
    best_net_bps: float = 0.0
    best_net: Decimal = Decimal(0)
    unit: str = ""
    total_ms: float = 0.0
    longest_ms: float = 0.0
    size_max: Decimal = Decimal(0)

    def add(self, row: OpportunityRow) -> None:
        """One more opportunity."""
        if not self.count or row.net_bps > self.best_net_bps:
            self.best_net_bps, self.best_net, self.unit = row.net_bps, row.net, row.unit
        self.count += 1
        self.total_ms += row.age_ms
        self.longest_ms = max(self.longest_ms, row.age_ms)
        self.size_max = max(self.size_max, row.size)


class Tally:
    """Adds up over a run. Views must come often enough that none of their history is missed."""

    def __init__(self) -> None:
        self._ended: dict[tuple[str, str], PairTotal] = {}
        self._standing: tuple[OpportunityRow, ...] = ()
        self._taken: tuple[tuple[int, int, int], int] | None = None

    def take(self, view: MarketView) -> None:
        """Add what has ended since the last view."""
        new: list[OpportunityRow] = []
        for row in view.history:
            if (row.key, row.opened_wall_ns) == self._taken:
                break
            new.append(row)
        for row in reversed(new):
            _add(self._ended, row)
        if new:
            self._taken = (new[0].key, new[0].opened_wall_ns)
        self._standing = view.opportunities

    def totals(self) -> list[PairTotal]:
        """By pair, best net first; what stands in the last view is counted too."""
        totals = {key: msgspec.structs.replace(total) for key, total in self._ended.items()}
        for row in self._standing:
            _add(totals, row)
        return sorted(totals.values(), key=lambda total: (-total.best_net_bps, total.symbol, total.where))


def _add(totals: dict[tuple[str, str], PairTotal], row: OpportunityRow) -> None:
    key = (row.symbol, row.where)
    if key not in totals:
        totals[key] = PairTotal(row.kind, row.symbol, row.where)
    totals[key].add(row)
