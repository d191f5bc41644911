"""What changed between two views, in one line each: connections, and books by market."""

from __future__ import annotations

from collections import deque

import msgspec

from oneprice.market.view import BookRow, MarketRow, MarketView


class Tiding(msgspec.Struct, frozen=True):
    """One line. `good`: whether it is for the better."""

    wall_ns: int
    text: str
    good: bool


class News:
    """The last `kept` tidings, oldest first."""

    def __init__(self, kept: int = 200) -> None:
        self.tidings: deque[Tiding] = deque(maxlen=kept)
        self._markets: dict[str, MarketRow] = {}
        self._books: dict[str, BookRow] = {}
        self._fresh: list[Tiding] = []

    def tell(self, wall_ns: int, text: str, good: bool = False) -> Tiding:
        """Add a line of one's own."""
        tiding = Tiding(wall_ns, text, good)
        self.tidings.append(tiding)
        self._fresh.append(tiding)
        return tiding

    def take(self, view: MarketView) -> list[Tiding]:
        """Add what changed since the last view. Gives all that is new, with what was told in between."""
        for text, good in (*self._connections(view), *self._books_by_market(view)):
            self.tell(view.wall_ns, text, good)
        new, self._fresh = self._fresh, []
        self._markets = {row.name: row for row in view.markets}
        self._books = {row.name: row for row in view.books}
        return new

    def _connections(self, view: MarketView) -> list[tuple[str, bool]]:
        changes = []
        for row in view.markets:
            before = self._markets.get(row.name)
            if before is None:
                continue
            if row.state != before.state:
                why = f": {row.trouble}" if row.trouble and row.state != "open" else ""
                changes.append((f"{row.name} {before.state} -> {row.state}{why}", row.state == "open"))
            elif row.trouble and row.trouble != before.trouble:
                changes.append((f"{row.name}: {row.trouble}", False))
        return changes

    def _books_by_market(self, view: MarketView) -> list[tuple[str, bool]]:
        """Books of one market that went the same way are told of together."""
        moved: dict[tuple[str, str, str], list[BookRow]] = {}
        for row in view.books:
            before = self._books.get(row.name)
            if before is not None and before.state != row.state:
                market = row.name.partition(":")[0]
                moved.setdefault((market, before.state, row.state), []).append(row)
        changes = []
        for (market, old, new), rows in moved.items():
            which = rows[0].name.partition(":")[2] if len(rows) == 1 else f"{len(rows)} books"
            why = f": {rows[0].why}" if rows[0].why else ""
            changes.append((f"{market} {which} {old} -> {new}{why}", new == "live"))
        return changes
