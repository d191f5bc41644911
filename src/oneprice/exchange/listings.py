"""The listings of one market, found by instrument."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from oneprice.errors import ConfigError
from oneprice.exchange.interfaces import Listed
from oneprice.model import MarketKind, Symbol, SymbolInfo


class Listings:
    """What a market lists, as of one answer of the venue."""

    __slots__ = ("_by_symbol", "_market", "rows")

    def __init__(self, venue: str, kind: MarketKind, rows: Sequence[SymbolInfo]) -> None:
        self._market = f"{venue}-{kind.value}"
        self.rows = tuple(rows)
        self._by_symbol: dict[Symbol, list[SymbolInfo]] = {}
        for row in rows:
            self._by_symbol.setdefault(row.symbol, []).append(row)

    def find(self, listed: Listed) -> SymbolInfo:
        """The listing. Raises ConfigError when there is none, or more than one that can be traded.

        A market may list an instrument twice, as PEPE and as a contract on 1000 PEPE: then pass the
        SymbolInfo.
        """
        if isinstance(listed, SymbolInfo):
            if f"{listed.venue}-{listed.market.value}" != self._market:
                raise ConfigError(f"{listed.name} is no listing of {self._market}")
            return listed
        rows = self._by_symbol.get(listed, [])
        if len(rows) > 1:
            rows = [row for row in rows if row.tradable] or rows
        if len(rows) == 1:
            return rows[0]
        if rows:
            names = ", ".join(row.venue_symbol for row in rows)
            raise ConfigError(f"{self._market} lists {listed} as {names}: pass the SymbolInfo of the one meant")
        alike = get_close_matches(str(listed), {str(symbol) for symbol in self._by_symbol}, n=3)
        wrong_kind = any(str(symbol) == str(listed) for symbol in self._by_symbol)
        hint = f"; did you mean {', '.join(alike)}?" if alike and not wrong_kind else ""
        if wrong_kind:
            hint = f"; there it has is_futures={not listed.is_futures}"
        raise ConfigError(f"{self._market} does not list {listed}{hint}")
