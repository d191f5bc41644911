"""Recordings of every kind as one kind of thing: a header, and records in the order of time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from oneprice.core.describe import Snapshot, Stream
from oneprice.errors import ConfigError, RecordingError
from oneprice.market.recording import (
    MAGIC,
    SUFFIX,
    Header,
    PlainFile,
    Record,
    RecordedListing,
    RecordingFile,
    Rest,
    Tag,
    unpacked_start,
)
from oneprice.model import ExchangeName, MarketKind, SymbolInfo
from oneprice.research import opportunity_log, quote_table
from oneprice.research.dialect import bare, mixed_stream
from oneprice.research.names import Place, symbol_of
from oneprice.research.survey import Found, Survey
from oneprice.venues.kit import PublicMarket, Request, find_venue

START_BYTES = 4096
READABLE = "a recording of ours, lines of '<receive ns> <frame>', a table of quotes, or a log of opportunities"

Markets = Callable[[str, MarketKind], PublicMarket]


class Source(Protocol):
    """One recording of one market. `notes` are complete when `records` has ended."""

    @property
    def header(self) -> Header:
        """Whose frames these are, and the listings' rules."""

    @property
    def notes(self) -> list[str]:
        """What was unusual, in words."""

    @property
    def bytes_read(self) -> int:
        """How much of `bytes_total` was read."""

    @property
    def bytes_total(self) -> int:
        """Size on disk."""

    def records(self) -> Iterator[Record]:
        """In the order of time."""


def market_of(venue: str, kind: MarketKind) -> PublicMarket:
    """A venue's market, for its codec. Raises ConfigError."""
    found = find_venue(venue)
    if kind not in found.markets:
        has = ", ".join(market.value for market in found.markets)
        raise ConfigError(f"{venue} has no market {kind.value!r}; it has: {has}")
    return found.markets[kind](None)


class Lines:
    """A file of lines, looked through once. `stream` describes its frames, `symbols` says what they call listings."""

    def __init__(self, file: PlainFile, place: Place, wanted: Sequence[str], markets: Markets) -> None:
        self.file = file
        self.notes: list[str] = []
        self.symbols: dict[str, SymbolInfo] = {}
        market = markets(place.venue, place.market)
        self.stream, survey = _survey(file, mixed_stream(market), market.snapshot())
        listings = []
        for found in survey.found.values():
            listing = self._listing(found, place, wanted)
            listings.append(listing)
            self.symbols |= dict.fromkeys(found.texts, listing.info)
        self.header = Header(
            venue=place.venue, market=place.market, started_ns=0, listings=tuple(listings), origin=file.path.name
        )
        self._books = survey.snapshots
        self._book_request = self._whose_books(market, listings)

    @property
    def bytes_read(self) -> int:
        """How much of `bytes_total` was read."""
        return self.file.bytes_read

    @property
    def bytes_total(self) -> int:
        """Size on disk."""
        return self.file.bytes_total

    def records(self) -> Iterator[Record]:
        """Every line as a frame of connection 1, REST books as what they are."""
        books = self._books
        for number, ns, frame in self.file.frames():
            if number not in books:
                yield Record(ns, 1, Tag.FRAME, frame)
            elif self._book_request is not None:
                asked = self._book_request
                rest = Rest(asked.method, asked.path, asked.query, 200, frame)
                yield Record(ns, 0, Tag.REST, msgspec.msgpack.encode(rest))
        self.notes += self.file.notes

    # ------------------------------------------------------------------ inside

    def _listing(self, found: Found, place: Place, wanted: Sequence[str]) -> RecordedListing:
        symbol = symbol_of(found.venue_symbol, place.market, wanted)
        if symbol is None:
            raise RecordingError(
                f"{self.file.path}: base and quote of {found.venue_symbol!r} cannot be told apart; "
                "name it with --symbols BASE/QUOTE"
            )
        info = SymbolInfo(
            venue=ExchangeName(place.venue),
            market=place.market,
            symbol=symbol,
            venue_symbol=found.venue_symbol,
            tick_size=found.tick_size,
            lot_size=found.lot_size,
        )
        return RecordedListing(info=info, inferred=True, depth=found.depth, quotes=found.quotes)

    def _whose_books(self, market: PublicMarket, listings: Sequence[RecordedListing]) -> Request | None:
        """A REST book does not say whose it is: it is of the only listing whose depth is in the file."""
        owners = [listing for listing in listings if listing.depth] or list(listings)
        if not self._books:
            return None
        if len(owners) == 1:
            return market.snapshot_request(owners[0].info)
        self.notes.append(
            f"{self.file.path}: {len(self._books)} REST books name no listing, and the file has depth of "
            f"{len(owners)}: they were left out"
        )
        return None


def open_place(place: Place, wanted: Sequence[str], markets: Markets = market_of) -> list[Source]:
    """All recordings at a path. Raises RecordingError, ConfigError."""
    if place.path.is_file():
        return _open_file(place, place.path, wanted, markets)
    found: list[Source] = []
    for path in sorted(place.path.iterdir()):
        if path.is_file() and not path.name.startswith(".") and _kind(path):
            found += _open_file(place, path, wanted, markets)
    if not found:
        raise RecordingError(f"{place.path} holds no recording: expected files that are {READABLE}")
    return found


def merged(sources: Sequence[Source]) -> Iterator[tuple[int, int, int, int, bytes]]:
    """`(ns, number of the source, connection, tag, payload)` of all sources, in the order of time."""
    return heapq.merge(*(_numbered(number, source) for number, source in enumerate(sources)))


def _numbered(number: int, source: Source) -> Iterator[tuple[int, int, int, int, bytes]]:
    for ns, connection, tag, payload in source.records():
        yield ns, number, connection, tag, payload


def _open_file(place: Place, path: Path, wanted: Sequence[str], markets: Markets) -> Sequence[Source]:
    kind = _kind(path)
    if kind == "ours":
        file = RecordingFile(path)
        if place.venue and file.header.name != place.name:
            raise RecordingError(f"{path} is a recording of {file.header.name}, not of {place.name}")
        return [file]
    if kind == "table":
        return quote_table.read_quote_table(path, place)
    if kind == "log":
        return opportunity_log.read_opportunity_log(path, place)
    if kind == "lines":
        if not place.venue:
            raise ConfigError(f"{path} does not say whose frames it holds: write VENUE-MARKET={path}")
        return [Lines(PlainFile(path), place, wanted, markets)]
    raise RecordingError(f"{path} is not understood: expected {READABLE}")


def _kind(path: Path) -> str:
    """What a file is, by its first bytes; empty for nothing known."""
    if path.suffix == SUFFIX:
        return "ours"
    start = unpacked_start(path, START_BYTES)
    if start.startswith(MAGIC):
        return "ours"
    first = start.split(b"\n", 1)[0].strip()
    columns = first.decode("utf-8", "replace").split(",")
    if set(quote_table.COLUMNS) <= set(columns):
        return "table"
    if set(opportunity_log.COLUMNS) <= set(columns):
        return "log"
    stamp, _, frame = first.partition(b" ")
    return "lines" if stamp.isdigit() and frame else ""


def _survey(file: PlainFile, stream: Stream, snapshot: Snapshot | None) -> tuple[Stream, Survey]:
    """The description that fits the file: frames may come in the venue's envelope or without it."""
    survey = Survey(stream, snapshot)
    survey.read(file)
    plain = bare(stream)
    if not survey.found and plain is not None:
        other = Survey(plain, snapshot)
        other.read(file)
        if other.found:
            return plain, other
    return stream, survey
