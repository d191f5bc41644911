"""A seeded stream of everything that can be done to a hub: made-up venues with all their faults.

A `World` has listings that trade near each other's prices, the connections that carry them, and the commands that a
life of market data is made of. It looks at one hub (the reference) to know which books ask for a snapshot.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
from tests.core.dialects import BARE, OBJECT, RAW, WHOLE, WRAPPED, Best, Change, Deal, Dialect
from tests.core.mangle import spoil
from tests.core.wire import WIRE

from oneprice.core.describe import Trades, encode
from oneprice.core.specs import HubConfig, ListingSpec, listing_spec
from oneprice.core.states import BookState, Reason

DIALECTS = (WRAPPED, RAW, BARE, OBJECT, WHOLE, WIRE)
Command = tuple[Any, ...]
MS = 1_000_000


class Venue:
    """The truth of one listing: its book, its counter, and what it says of both."""

    def __init__(self, rng: random.Random, dialect: Dialect, symbol: str, spec: ListingSpec, anchor: int) -> None:
        self.rng, self.dialect, self.symbol, self.spec = rng, dialect, symbol, spec
        self.anchor = self.mid = anchor
        self.sequence = rng.choice((1, 7, 1_000, 10**12, 2**62))
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.ms = 1_700_000_000_000
        self.streams: list[int] = []
        self.snapshot = 0
        for _ in range(4):
            self.step()

    def step(self) -> Change:
        """Let the market move; gives the change that the venue would send."""
        rng = self.rng
        bids: list[tuple[int, int]] = []
        asks: list[tuple[int, int]] = []
        if rng.random() < 0.25:
            self.mid += rng.choice((-3, -2, -1, 1, 2, 3))
            if abs(self.mid - self.anchor) > 12:
                self.mid += 2 if self.mid < self.anchor else -2
            bids += [(ticks, 0) for ticks in self.bids if ticks >= self.mid]
            asks += [(ticks, 0) for ticks in self.asks if ticks <= self.mid]
        for _ in range(rng.choice((1, 1, 2, 3, 5))):
            distance = rng.randint(1, 12) if rng.random() < 0.97 else rng.choice((500, 40_000, 70_000, 200_000))
            lots = 0 if rng.random() < 0.3 else rng.choice((1, 2, 5, 40)) * rng.randint(1, 60)
            if rng.random() < 0.5:
                bids.append((max(1, self.mid - distance), lots))
            else:
                asks.append((self.mid + distance, lots))
        for side, changes, worst in ((self.bids, bids, min), (self.asks, asks, max)):
            for ticks, lots in changes:
                if lots:
                    side[ticks] = lots
                else:
                    side.pop(ticks, None)
            while len(side) > 6:
                far = worst(side)
                del side[far]
                changes.append((far, 0))
        before = self.sequence
        self.sequence += rng.choice((1, 1, 1, 2, 30))
        self.ms += rng.choice((0, 1, 5))
        return self.change(before, bids, asks, whole=False)

    def change(self, before: int, bids: list[tuple[int, int]], asks: list[tuple[int, int]], whole: bool) -> Change:
        return Change(
            symbol=self.symbol,
            previous=before,
            last=self.sequence,
            bids=[self.texts(ticks, lots) for ticks, lots in bids],
            asks=[self.texts(ticks, lots) for ticks, lots in asks],
            whole=whole,
            ms=self.ms,
        )

    def whole(self) -> Change:
        """The whole book as it is now."""
        return self.change(self.sequence - 1, list(self.bids.items()), list(self.asks.items()), whole=True)

    def best(self) -> Best:
        """The best bid and ask as they are now."""
        bid, ask = max(self.bids, default=0), min(self.asks, default=0)
        return Best(
            symbol=self.symbol,
            id=self.sequence,
            bid=self.texts(bid, self.bids[bid]) if bid else ("", ""),
            ask=self.texts(ask, self.asks[ask]) if ask else ("", ""),
            ms=self.ms,
        )

    def deals(self) -> list[Deal]:
        rng = self.rng
        count = rng.choice((1, 1, 2, 3))
        return [
            Deal(self.symbol, *self.texts(self.mid, rng.randint(1, 90)), rng.random() < 0.5, number, self.ms)
            for number in range(count)
        ]

    def texts(self, ticks: int, lots: int) -> tuple[str, str]:
        spec = self.spec
        return (
            self._text(ticks * spec.price_unit, spec.price_decimals),
            self._text(lots * spec.quantity_unit, spec.quantity_decimals),
        )

    def _text(self, value: int, decimals: int) -> str:
        scale = 10**decimals
        text = f"{value // scale}.{value % scale:0{decimals}d}" if decimals else str(value)
        draw = self.rng.random()
        if draw < 0.9:
            return text
        if draw < 0.95:
            return text.rstrip("0").rstrip(".") if decimals else text + ".0"
        if draw < 0.98:
            return text + "0000" if decimals else text + ".00000000000"
        if draw < 0.99 and not self.dialect.bare:
            return "00" + text
        return f"{value}e-{decimals}"


class World:
    """Listings, streams and bindings of one seed (`setup`), and the commands that follow (`commands`)."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.now_ns = 1_000 * MS
        self.config = msgspec.json.encode(
            HubConfig(
                min_net_bps=rng.choice((0.0, 0.0, 1.0, -2.0)),
                buffered_max=rng.choice((2, 6, 4096)),
                levels_per_frame_max=rng.choice((20, 20_000)),
                disagreements_max=rng.choice((1, 3)),
                events_max=rng.choice((40, 65_536)),
            )
        )
        self.setup: list[Command] = []
        self.venues: list[Venue] = []
        self.streams: list[Dialect] = []
        self._waiting: deque[Command] = deque()
        self._last: dict[int, bytes] = {}
        self._build()

    # ------------------------------------------------------------------ set-up

    def _build(self) -> None:
        rng = self.rng
        for dialect in DIALECTS:
            self.setup.append(("add_snapshot", encode(dialect.snapshot)))
        grouped = rng.sample(DIALECTS, 4)
        for number, dialect in enumerate(grouped):
            depth = number != 3
            self._listing(dialect, f"A{number}", Decimal(100), "a", depth, rng.choice(("newer", "newer", "depth")))
        circle = rng.choice(DIALECTS)
        for symbol, price in (("XQ", Decimal(100)), ("YX", Decimal("0.05")), ("YQ", Decimal(5))):
            self._listing(circle, symbol, price, rng.choice(("", "a")) if symbol == "XQ" else "b", True, "newer")
        self._stream_of(range(4, 7))
        for number in range(4):
            self._stream_of([number])
        self._stream_of([0])
        self._stream_of([5, 6])
        self.setup.append(("add_cycle", [(4, 1), (5, 1), (6, -1)]))
        self.setup.append(("add_cycle", [(6, 1), (5, -1), (4, -1)]))

    def _listing(self, dialect: Dialect, symbol: str, price: Decimal, group: str, depth: bool, source: str) -> None:
        rng = self.rng
        tick = price * Decimal(rng.choice(("0.0001", "0.0001", "0.00005", "0.0002", "0.00025")))
        lot = Decimal(rng.choice(("0.001", "0.01", "0.0025", "1", "0.1")))
        contract = Decimal(rng.choice(("1", "1", "0.01", "10")))
        spec = listing_spec(
            f"{dialect.name}-{symbol}",
            tick_size=tick,
            lot_size=lot,
            order_tick=tick * rng.choice((1, 1, 4)),
            order_lot=lot * rng.choice((1, 1, 1, 5)),
            base_per_unit=contract,
            quote_per_unit=contract,
            min_quantity=lot * rng.choice((0, 1, 7)),
            min_notional=Decimal(rng.choice((0, 0, 5))),
            max_notional=Decimal(rng.choice((0, 0, 300))),
            taker_fee=Decimal(rng.choice(("0", "0.0001", "0.00025", "-0"))),
            group=group,
            depth=depth,
            source=source,
            stale_after_ns=rng.choice((0, 0, 3_000 * MS)),
        )
        self.setup.append(("add_listing", msgspec.json.encode(spec)))
        self.venues.append(Venue(rng, dialect, symbol, spec, round(price / tick)))
        self.venues[-1].snapshot = DIALECTS.index(dialect)

    def _stream_of(self, listings: Any) -> None:
        dialect = self.venues[listings[0]].dialect
        stream = len(self.streams)
        self.streams.append(dialect)
        self.setup.append(("add_stream", encode(dialect.stream)))
        for listing in listings:
            venue = self.venues[listing]
            venue.streams.append(stream)
            self.setup += self._bindings(stream, listing)

    def _bindings(self, stream: int, listing: int) -> list[Command]:
        venue = self.venues[listing]
        return [
            ("bind", stream, message.name, venue.symbol, listing)
            for message in venue.dialect.stream.messages
            if venue.spec.depth or message.name not in ("depth", "whole") or isinstance(message, Trades)
        ]

    # ------------------------------------------------------------------ commands

    def commands(self, count: int, hub: Any) -> Iterator[Command]:
        """`count` commands; `hub` is looked at only."""
        for _ in range(count):
            self._pass_time()
            while not self._waiting:
                self._think(hub)
            yield self._waiting.popleft()

    def _pass_time(self) -> None:
        draw = self.rng.random()
        if draw < 0.97:
            self.now_ns += int(draw * 10 * MS)
        else:
            self.now_ns += self.rng.choice((0, 0, -5, 200, 900, 1_100, 2_001, 2_500, 4_000, 11_000)) * MS

    def _think(self, hub: Any) -> None:
        rng = self.rng
        listing = rng.randrange(len(self.venues))
        venue = self.venues[listing]
        draw = rng.random()
        if draw < 0.62:
            self._market(venue)
        elif draw < 0.70:
            self._fault(venue)
        elif draw < 0.88:
            self._heal(hub, listing, venue)
        elif draw < 0.94:
            self._spoilt(listing, venue)
        else:
            self._command(hub, listing, venue)

    def _send(self, venue: Venue, frame: bytes) -> None:
        for stream in venue.streams:
            if stream == venue.streams[0] or self.rng.random() < 0.5:
                self._waiting.append(("on_frame", stream, frame, self.now_ns))

    def _market(self, venue: Venue) -> None:
        rng = self.rng
        dialect = venue.dialect
        draw = rng.random()
        if draw < 0.08:
            self._send(venue, dialect.trades(venue.deals()))
            return
        change = venue.step()
        if dialect.whole_only or rng.random() < 0.05:
            change = venue.whole()
        frame = dialect.depth(change)
        self._last[id(venue)] = frame
        quote = dialect.quote(self._wrong(venue.best()) if rng.random() < 0.02 else venue.best())
        frames = [frame, quote] if rng.random() < 0.5 else [quote, frame]
        if draw < 0.2:
            frames.remove(quote)
        for each in frames:
            self._send(venue, each)

    def _wrong(self, best: Best) -> Best:
        rng = self.rng
        draw = rng.random()
        nothing = ("", "")
        if draw < 0.2:
            return Best(best.symbol, best.id, nothing, best.ask, best.ms)
        if draw < 0.3:
            return Best(best.symbol, best.id, nothing, nothing, best.ms)
        if draw < 0.5:
            return Best(best.symbol, max(1, best.id - 40), best.bid, best.ask, best.ms)
        if draw < 0.7:
            return Best(best.symbol, best.id, best.ask, best.bid, best.ms)
        return Best(best.symbol, best.id, best.bid, (best.ask[0] + "1", best.ask[1]), best.ms)

    def _fault(self, venue: Venue) -> None:
        """Frames that are lost, come twice, or in the wrong order."""
        rng = self.rng
        dialect = venue.dialect
        draw = rng.random()
        if draw < 0.3:
            venue.step()
            self._send(venue, dialect.depth(venue.step()))
        elif draw < 0.6:
            frame = self._last.get(id(venue), b"{}")
            self._send(venue, frame)
        else:
            first, second = dialect.depth(venue.step()), dialect.depth(venue.step())
            self._send(venue, second)
            self._send(venue, first)

    def _heal(self, hub: Any, listing: int, venue: Venue) -> None:
        """What a client does for a book that is not live; a live one gets market data."""
        rng = self.rng
        state = hub.state(listing)
        if state in (BookState.LIVE, BookState.CROSSED) or not venue.spec.depth:
            self._market(venue)
            return
        if rng.random() < 0.7:
            self._waiting.append(("begin_sync", listing, self.now_ns))
        draw = rng.random()
        old = venue.whole() if draw < 0.2 else None
        for _ in range(rng.choice((0, 1, 3))):
            self._send(venue, venue.dialect.depth(venue.step()))
        body = venue.dialect.body(old or venue.whole())
        if draw > 0.92:
            body = spoil(rng, body, binary=False)
        self._waiting.append(("on_snapshot", listing, venue.snapshot, body, self.now_ns))

    def _spoilt(self, listing: int, venue: Venue) -> None:
        rng = self.rng
        draw = rng.random()
        dialect = venue.dialect
        if draw < 0.5:
            frame = dialect.depth(venue.step())
        elif draw < 0.6:
            frame = dialect.depth(venue.whole())
        elif draw < 0.8:
            frame = dialect.quote(venue.best())
        else:
            frame = dialect.trades(venue.deals())
        if rng.random() < 0.1:
            frame = frame.replace(venue.symbol.encode(), rng.choice((b"", b"ZZ", b"a0", b"A0\\u0000")))
        self._send(venue, spoil(rng, frame, binary=dialect.stream.format == "protobuf"))

    def _command(self, hub: Any, listing: int, venue: Venue) -> None:
        rng = self.rng
        stream = rng.randrange(len(self.streams))
        draw = rng.random()
        add = self._waiting.append
        if draw < 0.45:
            add(("tick", self.now_ns))
        elif draw < 0.5:
            self.now_ns += rng.choice((1_500, 2_500, 5_000, 12_000)) * MS
            add(("tick", self.now_ns))
        elif draw < 0.58:
            add(("lose", listing, rng.choice(tuple(Reason)).value, self.now_ns))
        elif draw < 0.68:
            add(("set_halted", listing, True, self.now_ns))
            self._market(venue)
            add(("set_halted", listing, False, self.now_ns))
        elif draw < 0.75:
            add(("stream_down", stream, self.now_ns))
            self._market(venue)
            add(("stream_up", stream))
        elif draw < 0.8:
            add(("stream_up", stream))
        elif draw < 0.88:
            add(("begin_sync", listing, self.now_ns))
        elif draw < 0.93:
            self._rebind(venue)
        else:
            body = venue.dialect.body(venue.whole())
            add(("on_snapshot", listing, venue.snapshot, body, self.now_ns))

    def _rebind(self, venue: Venue) -> None:
        stream = venue.streams[-1]
        self._waiting.append(("unbind", stream, venue.symbol))
        self._market(venue)
        self._waiting.extend(self._bindings(stream, self.venues.index(venue)))
