"""Recordings played through the hub, in the order of receipt: the same code that live feeds go through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from oneprice.core import Hub
from oneprice.core.decode import Decoder
from oneprice.core.describe import Stream, encode
from oneprice.core.jsonframe import FrameError
from oneprice.core.specs import HubConfig, listing_spec
from oneprice.core.states import BookState, Flag
from oneprice.errors import RecordingError
from oneprice.market.recording import Header, Rest, Tag
from oneprice.market.triangles import Pair, triangles
from oneprice.model import SymbolInfo
from oneprice.research.cast import Fees, cast
from oneprice.research.dialect import Markets, frames_of
from oneprice.research.findings import Findings
from oneprice.research.sources import SOURCE_BITS, Source, market_of, merged
from oneprice.research.spreads import Spreads
from oneprice.research.survey import LEVELS_MAX, venue_symbol_in

TICK_NS = 100_000_000
QUIET_NS = 15_000_000_000  # longer than anything that a tick can find out; beyond it, quiet time is skipped
POLLED_SILENT_NS = 3_600_000_000_000
PROGRESS_EVERY = 4096

# Plain integers: operators of IntFlag and IntEnum cost more than the hub does.
_CONNECTION = (1 << SOURCE_BITS) - 1
_FRAME, _BINARY = int(Tag.FRAME), int(Tag.BINARY)
_QUOTE, _UNKNOWN, _STATE = int(Flag.QUOTE), int(Flag.UNKNOWN), int(Flag.STATE)
_NEWS = int(Flag.STATE | Flag.OPPORTUNITY)
_RARE = _NEWS | _UNKNOWN
SPARE = msgspec.json.encode(listing_spec("not wanted", tick_size=Decimal("1e-9"), lot_size=Decimal("1e-9")))
_UNSURE = frozenset((int(BookState.GAP), int(BookState.SYNCING), int(BookState.CROSSED)))


class Wire:
    """One connection of a recording: its stream in the hub, and how to learn whose an unknown frame is.

    `stored`: it carries quotes that another program stored. `numbers`: their listings, by how the frames
    begin.
    """

    def __init__(self, stream: int, description: Stream, known: Mapping[str, int], stored: bool) -> None:
        self.stream, self.known, self.stored = stream, known, stored
        self.numbers: dict[bytes, int] = {}
        self.decoder = Decoder(encode(description), LEVELS_MAX)


class Replay:
    """All recordings as one run. `hub`, `parts`, `spreads` and `findings` are for reading.

    `wanted`: BASE/QUOTE names, empty for all. `quotes`: `bba` for best-bid-ask frames, `depth` for the tops
    of books. `fees_bps`: of both legs together, None for the venues' own. Raises ConfigError,
    RecordingError.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        wanted: Sequence[str] = (),
        quotes: str = "bba",
        fees_bps: Decimal | None = None,
        contract_sizes: Mapping[str, Decimal] | None = None,
        markets: Markets = market_of,
    ) -> None:
        self.sources = sources
        self.fees = Fees(fees_bps, markets)
        self.parts = cast(
            sources,
            wanted=wanted,
            quotes=quotes,
            fees=self.fees,
            contract_sizes=contract_sizes or {},
            markets=markets,
        )
        self.notes: list[str] = []
        self.first_ns = self.now_ns = self.records = 0
        polled = any(source.header.dialect == "quotes" for source in sources)
        config = HubConfig(silent_after_ns=POLLED_SILENT_NS) if polled else HubConfig()
        self.hub = Hub(msgspec.json.encode(config))
        specs = [part.spec() for part in self.parts]
        for spec in specs:
            self.hub.add_listing(msgspec.json.encode(spec))
        self.findings = Findings(self.hub, self.parts, specs)
        self.spreads = self._directions()
        self._markets = markets
        self._price = [float(part.tick / part.info.multiplier) for part in self.parts]
        self._from_book = [part.from_book for part in self.parts]
        self._spare = -1
        self._wires: dict[int, Wire] = {}
        self._lasting: dict[tuple[str, int], Wire] = {}
        self._closing: list[tuple[int, int]] = []
        self._stored: dict[tuple[int, bytes], bytes] = {}
        self._tick_at_ns = 0
        self._add_cycles()
        self._books = [self._book_requests(source.header) for source in sources]

    def run(self, on_progress: Callable[[float], None] | None = None) -> None:
        """Play everything, as fast as it goes. `on_progress` is told the share that is done, 0 to 1."""
        take = self.take
        for row in merged(self.sources):
            take(*row)
            if on_progress is not None and not self.records % PROGRESS_EVERY:
                on_progress(self.share_done())
        self.findings.finish(self.now_ns)

    def share_done(self) -> float:
        """How much of all files was read, 0 to 1."""
        total = sum(source.bytes_total for source in self.sources)
        return sum(source.bytes_read for source in self.sources) / total if total else 1.0

    def steps(self) -> Iterator[int]:
        """Play record by record; yields each one's time before it is taken in."""
        for row in merged(self.sources):
            yield row[0]
            self.take(*row)
        self.findings.finish(self.now_ns)

    def take(self, ns: int, connection: int, tag: int, payload: bytes) -> None:
        """One record; `connection` is numbered as in `merged`."""
        if self._closing and tag != Tag.CLOSED:
            self._close()
        if ns >= self._tick_at_ns:
            self._let_pass(ns)
        self.now_ns = ns
        self.records += 1
        if tag == _FRAME or tag == _BINARY:
            wire = self._wires.get(connection)
            if wire is None:
                raise RecordingError(f"a frame of connection {connection & _CONNECTION}, which was never opened")
            if wire.stored:
                self._take_stored(wire, payload, ns)
            else:
                self._take_frame(wire, payload, ns)
        elif tag == Tag.REST:
            self._take_rest(connection >> SOURCE_BITS, msgspec.msgpack.decode(payload, type=Rest), ns)
        elif tag == Tag.OPENED:
            self._wires[connection] = self._open(connection, payload.decode())
        elif tag == Tag.CLOSED:
            self._closing.append((ns, connection))
        elif tag == Tag.LOST:
            self.notes.append(f"{payload.decode()} records were not kept: the recorder's disk was too slow")

    # ------------------------------------------------------------------ inside: records

    def _take_frame(self, wire: Wire, payload: bytes, ns: int) -> None:
        hub = self.hub
        flags = hub.on_frame(wire.stream, payload, ns)
        if flags & _RARE:
            if flags & _UNKNOWN:
                flags = self._learn(wire, payload, ns)
            if flags & _NEWS:
                self._after(flags, ns)
        number = hub.listing_of_frame
        if number < 0 or number == self._spare:
            return
        if self._from_book[number]:
            if not flags & _QUOTE:
                self._quote_book(number, ns)
        elif flags & _QUOTE:
            bid, bid_lots, ask, ask_lots, _ = hub.quote(number)
            price = self._price[number]
            self.spreads.quote(number, ns, bid * price if bid_lots else 0.0, ask * price if ask_lots else 0.0)
        if self.spreads.rose:
            self._note_rises()

    def _take_stored(self, wire: Wire, payload: bytes, ns: int) -> None:
        """A stored quote. The same one again is no word from the venue, but the quote still holds."""
        key = (wire.stream, payload.partition(b',"b"')[0])
        if self._stored.get(key) != payload:
            self._stored[key] = payload
            self._take_frame(wire, payload, ns)
            wire.numbers[key[1]] = self.hub.listing_of_frame
        elif wire.numbers[key[1]] != self._spare:
            self.spreads.again(wire.numbers[key[1]], ns)

    def _take_rest(self, source: int, rest: Rest, ns: int) -> None:
        number, snapshot = self._books[source].get((rest.path, rest.query), (-1, -1))
        if number >= 0 and rest.status == 200:
            self._after(self.hub.on_snapshot(number, snapshot, rest.body, ns), ns)
            if self._from_book[number]:
                self._quote_book(number, ns)
            if self.spreads.rose:
                self._note_rises()

    def _quote_book(self, number: int, ns: int) -> None:
        """The top of a book as a quote; none while the book is not known to be right."""
        bid = bid_lots = ask = ask_lots = 0
        if self.hub.state(number) not in _UNSURE:
            bid, bid_lots, ask, ask_lots, _ = self.hub.top(number)
        price = self._price[number]
        if bid_lots or ask_lots or self.spreads.quotes(number):
            self.spreads.quote(number, ns, bid * price if bid_lots else 0.0, ask * price if ask_lots else 0.0)

    def _after(self, flags: int, ns: int) -> None:
        """The hub has news: opportunities, or books that are not right any more."""
        self.findings.drain()
        if flags & _STATE:
            for part in self.parts:
                if part.from_book and self.hub.state(part.number) in _UNSURE and self.spreads.has_price(part.number):
                    self.spreads.quote(part.number, ns, 0.0, 0.0)

    def _close(self) -> None:
        """Connections went down, and something came after: at the end of a recording all do, and that is no loss."""
        for ns, connection in self._closing:
            wire = self._wires.pop(connection, None)
            self._lasting.pop(self._lasting_key(connection), None)
            if wire is not None:
                self._after(self.hub.stream_down(wire.stream, ns), ns)
        self._closing.clear()

    def _note_rises(self) -> None:
        for direction in self.spreads.rose:
            self.findings.on_rise(direction)
        self.spreads.rose.clear()

    def _let_pass(self, ns: int) -> None:
        """Time passes evenly, as it does live, so that silence and staleness are found when they begin."""
        at = self._tick_at_ns
        if not at:
            at = self.first_ns = self.now_ns = ns
        while at <= ns:
            flags = self.hub.tick(at)
            if flags & _NEWS:
                self._after(flags, at)
            at += TICK_NS
            if at - self.now_ns > QUIET_NS:
                at = max(at, ns)
        self._tick_at_ns = at

    # ------------------------------------------------------------------ inside: set-up

    def _open(self, connection: int, path: str) -> Wire:
        """A connection: its frames' description goes to the hub, its listings are bound as they are heard of.

        One that our recorder carried over into a new file is the same one still.
        """
        header = self.sources[connection >> SOURCE_BITS].header
        if not header.origin:
            key = self._lasting_key(connection)
            if key not in self._lasting:
                self._lasting[key] = self._new_wire(header, path)
            return self._lasting[key]
        return self._new_wire(header, path)

    def _lasting_key(self, connection: int) -> tuple[str, int]:
        return self.sources[connection >> SOURCE_BITS].header.name, connection & _CONNECTION

    def _new_wire(self, header: Header, path: str) -> Wire:
        description = frames_of(header, path, self._markets)
        known = {info.venue_symbol: number for info, number in self._own(header)}
        stream = self.hub.add_stream(encode(description))
        return Wire(stream, description, known, stored=header.dialect == "quotes")

    def _learn(self, wire: Wire, payload: bytes, ns: int) -> int:
        """A frame of something that was not heard before on its connection: bind it, and take the frame again."""
        try:
            index, slots = wire.decoder.read(payload)
            text = wire.decoder.symbol(index, slots)
        except FrameError:
            return int(Flag.UNKNOWN)
        number = wire.known.get(text, wire.known.get(venue_symbol_in(text), -1))
        if number < 0:
            number = self._spare = self._spare if self._spare >= 0 else self.hub.add_listing(SPARE)
        self.hub.bind(wire.stream, wire.decoder.messages[index].name, text, number)
        return self.hub.on_frame(wire.stream, payload, ns)

    def _book_requests(self, header: Header) -> dict[tuple[str, tuple[tuple[str, str], ...]], tuple[int, int]]:
        """What a REST book was asked for with: the number of its listing, and of its description."""
        found: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[int, int]] = {}
        if header.dialect == "quotes":
            return found
        market = self._markets(header.venue, header.market)
        description = market.snapshot()
        if description is not None:
            number = self.hub.add_snapshot(encode(description))
            for info, listing in self._own(header):
                asked = market.snapshot_request(info)
                found[asked.path, asked.query] = (listing, number)
        return found

    def _own(self, header: Header) -> list[tuple[SymbolInfo, int]]:
        """The listings of a recording that take part, with their numbers."""
        numbers = {part.name: part.number for part in self.parts}
        infos = [listing.info for listing in header.listings]
        return [(info, numbers[name]) for info in infos if (name := str(info.name)) in numbers]

    def _directions(self) -> Spreads:
        spreads = Spreads()
        for _ in self.parts:
            spreads.add_listing()
        for buy in self.parts:
            for sell in self.parts:
                same = (buy.info.symbol.base, buy.info.symbol.quote) == (sell.info.symbol.base, sell.info.symbol.quote)
                if buy.number != sell.number and same:
                    spreads.add_direction(buy.number, sell.number, float(buy.fee_bps + sell.fee_bps))
        return spreads

    def _add_cycles(self) -> None:
        """Triangles within each venue's spot market."""
        markets: dict[str, list[Pair]] = {}
        for part in self.parts:
            if part.kind == "spot":
                pair = Pair(part.number, part.info.symbol.base, part.info.symbol.quote)
                markets.setdefault(part.market, []).append(pair)
        for pairs in markets.values():
            for legs in triangles(pairs):
                self.hub.add_cycle(legs)
                self.findings.cycles.append(legs)
