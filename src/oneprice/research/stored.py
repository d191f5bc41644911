"""Quotes that another program stored, as a recording."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from oneprice.errors import RecordingError
from oneprice.market.recording import Header, RecordedListing, Tag, open_text
from oneprice.model import ExchangeName, MarketKind, Symbol, SymbolInfo
from oneprice.research.dialect import quote_frame

ROWS_MAX = 20_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Cell = Decimal | None
"""A price or quantity; None where there is none."""


class StoredQuotes:
    """One market's quotes, held in memory. Collects rows in any order; `finish` before reading."""

    def __init__(self, path: Path, venue: str, market: MarketKind) -> None:
        self.path, self.venue, self.market = path, venue, market
        self.notes: list[str] = []
        self.bytes_read = self.bytes_total = path.stat().st_size
        self._rows: list[tuple[int, bytes]] = []
        self._decimals: dict[Symbol, tuple[int, int]] = {}

    def add(self, ns: int, symbol: Symbol, bid: Cell, bid_quantity: Cell, ask: Cell, ask_quantity: Cell) -> None:
        """One stored quote."""
        if len(self._rows) >= ROWS_MAX:
            raise RecordingError(f"{self.path} has more than {ROWS_MAX} rows: cut it into several files")
        price_decimals, quantity_decimals = self._decimals.get(symbol, (0, 0))
        self._decimals[symbol] = (
            max(price_decimals, _decimals(bid), _decimals(ask)),
            max(quantity_decimals, _decimals(bid_quantity), _decimals(ask_quantity)),
        )
        frame = quote_frame(str(symbol), _text(bid), _text(bid_quantity), _text(ask), _text(ask_quantity))
        self._rows.append((ns, frame))

    def finish(self) -> StoredQuotes:
        """Put the rows in the order of time; those of one time keep theirs."""
        self._rows.sort(key=lambda row: row[0])
        return self

    @property
    def header(self) -> Header:
        """The market and its listings, with grids that hold every number."""
        return Header(
            venue=self.venue,
            market=self.market,
            started_ns=self._rows[0][0] if self._rows else 0,
            listings=tuple(self._listing(symbol) for symbol in self._decimals),
            dialect="quotes",
            origin=self.path.name,
        )

    def records(self, source: int = 0) -> Iterator[tuple[int, int, int, bytes]]:
        """Every row as a frame of connection 1."""
        connection, tag = source << 32 | 1, int(Tag.FRAME)
        if self._rows:
            yield self._rows[0][0], connection, int(Tag.OPENED), b""
        for ns, frame in self._rows:
            yield ns, connection, tag, frame

    def _listing(self, symbol: Symbol) -> RecordedListing:
        price_decimals, quantity_decimals = self._decimals[symbol]
        info = SymbolInfo(
            venue=ExchangeName(self.venue),
            market=self.market,
            symbol=symbol,
            venue_symbol=str(symbol),
            tick_size=Decimal(1).scaleb(-price_decimals),
            lot_size=Decimal(1).scaleb(-quantity_decimals),
        )
        known = self.market is MarketKind.SPOT
        return RecordedListing(info=info, inferred=True, sizes_known=known, depth=False)


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """`(line number, row)` of a CSV file, packed or not. Raises RecordingError when a row lacks a column."""
    with open_text(path) as file:
        try:
            for number, row in enumerate(csv.DictReader(file), 2):
                missing = [name for name in columns if row.get(name) is None]
                if missing:
                    raise RecordingError(f"{path}, line {number}: no {', '.join(missing)}")
                yield number, row
        except (UnicodeDecodeError, EOFError, csv.Error) as error:
            raise RecordingError(f"{path} cannot be read as a table: {error}") from error


def cell(path: Path, number: int, row: dict[str, str], name: str) -> Cell:
    """An exact figure; None for nothing and for 0. Raises RecordingError."""
    text = row[name].strip()
    try:
        value = Decimal(text or "0")
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        raise RecordingError(f"{path}, line {number}: {name} is {text!r}, which is no price or quantity")
    return value.normalize() if value else None


def time_ns(path: Path, number: int, text: str) -> int:
    """An ISO time in nanoseconds since 1970. Raises RecordingError for one without a zone."""
    try:
        when = datetime.fromisoformat(text)
        if when.tzinfo is None:
            raise ValueError("it has no time zone")
    except ValueError as error:
        raise RecordingError(f"{path}, line {number}: {text!r} is no time: {error}") from error
    return (when - _EPOCH) // _MICROSECOND * 1_000


def some(found: Iterable[StoredQuotes], path: Path) -> list[StoredQuotes]:
    """The markets found in a file. Raises RecordingError when there are none."""
    finished = [quotes.finish() for quotes in found]
    if not finished:
        raise RecordingError(f"{path} has no rows")
    return finished


def _decimals(value: Cell) -> int:
    if value is None:
        return 0
    return max(0, -int(value.as_tuple().exponent))


def _text(value: Cell) -> str:
    return "" if value is None else f"{value:f}"
