"""Recordings of every kind as one kind of thing: a header, and records in the order of time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
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
    RecordedListing,
    RecordingFile,
    Rest,
    Tag,
    unpacked_start,
)
from oneprice.model import ExchangeName, MarketKind, SymbolInfo
from oneprice.research import opportunity_log, quote_table
from oneprice.research.dialect import MIXED, MIXED_BARE, Markets, bare, mixed_stream
from oneprice.research.names import OtherMarket, Place, symbol_of
from oneprice.research.survey import Found, Survey
from oneprice.venues.kit import PublicMarket, Request, find_venue

START_BYTES = 4096
READABLE = "a recording of ours, lines of '<receive ns> <frame>', a table of quotes, or a log of opportunities"


Row = tuple[int, int, int, bytes]
"""A record as a plain tuple: wall ns, connection, tag, payload."""

SOURCE_BITS = 32
"""In merged rows the connection's number is preceded by the source's: `source << 32 | connection`."""


class Source(Protocol):
    """One recording of one market. `notes` are complete when `records` has ended."""

    @property
    def path(self) -> Path:
        """The file."""

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

    def records(self, source: int = 0) -> Iterator[Row]:
        """In the order of time; connections as those of source number `source`."""


def market_of(venue: str, kind: MarketKind) -> PublicMarket:
    """A venue's market, for its codec. Raises ConfigError."""
    found = find_venue(venue)
    if kind not in found.markets:
        has = ", ".join(market.value for market in found.markets)
        raise ConfigError(f"{venue} has no market {kind.value!r}; it has: {has}")
    return found.markets[kind](None)


class Own:
    """A recording in our own format."""

    def __init__(self, path: Path) -> None:
        self.path, self.file = path, RecordingFile(path)
        self.header, self.notes, self.bytes_total = self.file.header, self.file.notes, self.file.bytes_total

    @property
    def bytes_read(self) -> int:
        """How much of `bytes_total` was read."""
        return self.file.bytes_read

    def records(self, source: int = 0) -> Iterator[Row]:
        """All records."""
        offset = source << SOURCE_BITS
        for ns, connection, tag, payload in self.file.records():
            yield ns, offset | connection, tag, payload


class Lines:
    """A file of lines, looked through once. `wire` is the connection kind that its frames are read as."""

    def __init__(self, file: PlainFile, place: Place, wanted: Sequence[str], markets: Markets) -> None:
        self.file, self.path = file, file.path
        self.notes: list[str] = []
        market = markets(place.venue, place.market)
        self.wire, survey = _survey(file, mixed_stream(market), market.snapshot())
        listings = [self._listing(found, place, wanted, market.sizes_in_coins) for found in survey.found.values()]
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

    def records(self, source: int = 0) -> Iterator[Row]:
        """Every line as a frame of connection 1, REST books as what they are."""
        books, tag, connection = self._books, int(Tag.FRAME), source << SOURCE_BITS | 1
        opened = False
        for number, ns, frame in self.file.frames():
            if not opened:
                opened = True
                yield ns, connection, int(Tag.OPENED), self.wire.encode()
            if number not in books:
                yield ns, connection, tag, frame
            elif self._book_request is not None:
                asked = self._book_request
                rest = Rest(asked.method, asked.path, asked.query, 200, frame)
                yield ns, connection - 1, int(Tag.REST), msgspec.msgpack.encode(rest)
        self.notes += self.file.notes

    # ------------------------------------------------------------------ inside

    def _listing(self, found: Found, place: Place, wanted: Sequence[str], coins: bool) -> RecordedListing:
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
        return RecordedListing(info=info, inferred=True, sizes_known=coins, depth=found.depth, quotes=found.quotes)

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
    """All recordings at a path; in a folder, those of the market that is named. Raises RecordingError, ConfigError."""
    if place.path.is_file():
        return list(_open_file(place, place.path, wanted, markets))
    found: list[Source] = []
    others: list[str] = []
    for path in sorted(place.path.iterdir()):
        if path.is_file() and not path.name.startswith(".") and _kind(path):
            try:
                found += _open_file(place, path, wanted, markets)
            except OtherMarket as error:
                others.append(str(error))
    if not found:
        raise RecordingError(
            "; ".join(others) or f"{place.path} holds no recording: expected files that are {READABLE}"
        )
    return found


def merged(sources: Sequence[Source]) -> Iterator[Row]:
    """The records of all sources, in the order of time; connections are numbered as SOURCE_BITS says."""
    return heapq.merge(*(source.records(number) for number, source in enumerate(sources)))


def _open_file(place: Place, path: Path, wanted: Sequence[str], markets: Markets) -> Sequence[Source]:
    kind = _kind(path)
    if kind == "ours":
        file = Own(path)
        if place.venue and file.header.name != place.name:
            raise OtherMarket(f"{path} is a recording of {file.header.name}, not of {place.name}")
        return [file]
    if kind == "table":
        return quote_table.read_quote_table(path, place)
    if kind == "log":
        return opportunity_log.read_opportunity_log(path, place)
    if kind == "lines":
        if not place.venue:
            raise ConfigError(f"{path} does not say whose frames it holds: write VENUE-MARKET={path}")
        return [Lines(PlainFile(path), place, wanted, markets)]
    if path.stat().st_size == 0:
        raise RecordingError(f"{path} is empty: nothing was recorded in it")
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


def _survey(file: PlainFile, stream: Stream, snapshot: Snapshot | None) -> tuple[str, Survey]:
    """The connection kind that fits the file: frames may come in the venue's envelope or without it."""
    survey = Survey(stream, snapshot)
    survey.read(file)
    plain = bare(stream)
    if not survey.found and plain is not None:
        other = Survey(plain, snapshot)
        other.read(file)
        if other.found:
            return MIXED_BARE, other
    return MIXED, survey
