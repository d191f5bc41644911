"""The hub: frames in, certified books and opportunities out. One call a frame.

This is the reference; the Rust core has the same class with the same results. It has no clock, no I/O and no
randomness: time comes in with every call, in nanoseconds of any one monotonic scale.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from oneprice.core.decode import Decoder, PartError, TradePart
from oneprice.core.describe import Depth, Quote, Trades
from oneprice.core.jsonframe import FrameError
from oneprice.core.listing import Listing, Update
from oneprice.core.numbers import OffGrid
from oneprice.core.scan import Near, Open, Scan
from oneprice.core.sizing import Sized
from oneprice.core.specs import HubConfig, ListingSpec
from oneprice.core.states import BookState, Flag, Reason

# Plain numbers: combining members of an enum costs more than decoding a quote.
TOP, STATE, OPPORTUNITY, CONTROL = int(Flag.TOP), int(Flag.STATE), int(Flag.OPPORTUNITY), int(Flag.CONTROL)
TRADE, MALFORMED, UNKNOWN, QUOTE = int(Flag.TRADE), int(Flag.MALFORMED), int(Flag.UNKNOWN), int(Flag.QUOTE)
CYCLE_LEGS_MAX = 6
Event = tuple[object, ...]
Change = Callable[[Listing], None]


class Feed:
    """One connection's frames: how to read them and whose they are."""

    def __init__(self, description: bytes, levels_max: int) -> None:
        self.decoder = Decoder(description, levels_max)
        self.bound: dict[tuple[int, str], int] = {}
        self.listings: set[int] = set()
        self.up = True
        self.silent = False
        self.heard_ns = -1


class Hub:
    """Books and scan of many listings, fed by many connections. Bad arguments raise ValueError or IndexError."""

    def __init__(self, config: bytes = b"{}") -> None:
        self.config = msgspec.json.decode(config, type=HubConfig)
        self._listings: list[Listing] = []
        self._feeds: list[Feed] = []
        self._snapshots: list[Decoder] = []
        self._scan = Scan(self.config.min_net_bps)
        self._events: deque[Event] = deque()
        self._flags = 0
        self.events_lost = 0
        self.listing_of_frame = -1
        self.message_of_frame = -1

    # ------------------------------------------------------------------ set-up

    def add_listing(self, spec: bytes) -> int:
        """Take in a ListingSpec (JSON); gives its number, counted from 0."""
        listing = Listing(msgspec.json.decode(spec, type=ListingSpec), self.config)
        self._listings.append(listing)
        self._scan.add(listing)
        return len(self._listings) - 1

    def add_stream(self, description: bytes) -> int:
        """Take in a Stream description (JSON) for one connection; gives the stream's number."""
        self._feeds.append(Feed(description, self.config.levels_per_frame_max))
        return len(self._feeds) - 1

    def add_snapshot(self, description: bytes) -> int:
        """Take in a Snapshot description (JSON); gives its number."""
        self._snapshots.append(Decoder(description, self.config.levels_per_frame_max))
        return len(self._snapshots) - 1

    def bind(self, stream: int, message: str, symbol: str, listing: int) -> None:
        """Messages named `message` with `symbol`, as it stands in the frame, are this listing's."""
        feed, target = self._feeds[stream], self._listings[listing]
        for index, described in enumerate(feed.decoder.messages):
            if described.name == message:
                feed.bound[index, symbol] = listing
                if not isinstance(described, Trades):
                    feed.listings.add(listing)
                if isinstance(described, Depth) and described.levels_max:
                    target.levels_max = described.levels_max
                return
        raise ValueError(f"the stream describes no message {message!r}")

    def unbind(self, stream: int, symbol: str) -> None:
        """The stream no longer carries `symbol`."""
        feed = self._feeds[stream]
        feed.bound = {key: number for key, number in feed.bound.items() if key[1] != symbol}
        feed.listings = {
            number for (index, _), number in feed.bound.items() if not isinstance(feed.decoder.messages[index], Trades)
        }

    def add_cycle(self, legs: list[tuple[int, int]]) -> int:
        """Watch a cycle of `(listing, 1 to buy or -1 to sell)`; gives its number. Legs lead back to the start asset."""
        if not 2 <= len(legs) <= CYCLE_LEGS_MAX:
            raise ValueError(f"a cycle has 2 to {CYCLE_LEGS_MAX} legs, got {len(legs)}")
        for listing, side in legs:
            if not 0 <= listing < len(self._listings) or side not in (1, -1):
                raise ValueError(f"a leg is a known listing and 1 or -1, got {listing}, {side}")
        return self._scan.add_cycle(legs)

    # ------------------------------------------------------------------ feeding

    def on_frame(self, stream: int, frame: bytes, now_ns: int) -> int:
        """A frame as it came from the socket. Gives Flag bits; never raises for what a frame holds."""
        feed = self._feeds[stream]
        self._flags = 0
        self.listing_of_frame = self.message_of_frame = -1
        try:
            self._read(feed, frame, now_ns)
        except FrameError:
            self._flags |= MALFORMED
            self.listing_of_frame = self.message_of_frame = -1
            feed.heard_ns, feed.silent = now_ns, False
            for number in sorted(feed.listings):
                self._listings[number].counts.malformed += 1
                self._lose(number, Reason.MALFORMED, now_ns)
        return self._flags

    def on_snapshot(self, listing: int, snapshot: int, body: bytes, now_ns: int) -> int:
        """The body of a REST depth answer. Gives Flag bits."""
        target, decoder = self._listings[listing], self._snapshots[snapshot]
        self._flags = 0
        try:
            _, slots = decoder.read(body)
            update = self._update_of(target, decoder, 0, slots)[0]
        except (FrameError, PartError):
            self._spoiled(listing, Reason.MALFORMED, now_ns)
        except OffGrid:
            self._spoiled(listing, Reason.OFF_GRID, now_ns)
        else:
            before = target.state()
            target.on_snapshot(update, now_ns)
            self._after(listing, before, now_ns)
        return self._flags

    def begin_sync(self, listing: int, now_ns: int) -> int:
        """A snapshot was asked for: the book starts over, holding changes until the snapshot comes."""
        return self._change(listing, now_ns, Listing.begin_sync)

    def lose(self, listing: int, reason: int, now_ns: int) -> int:
        """Take a book out of LIVE for a reason that the caller knows."""
        self._flags = 0
        self._lose(listing, Reason(reason), now_ns)
        return self._flags

    def set_halted(self, listing: int, halted: bool, now_ns: int) -> int:
        """The venue says whether the listing trades."""

        def change(target: Listing) -> None:
            target.halted = halted

        return self._change(listing, now_ns, change)

    def stream_down(self, stream: int, now_ns: int) -> int:
        """The connection is gone. Books that no other connection feeds are lost."""
        self._flags = 0
        feed = self._feeds[stream]
        feed.up = False
        for number in sorted(feed.listings):
            if not any(other.up and other.heard_ns >= 0 and number in other.listings for other in self._feeds):
                self._lose(number, Reason.DISCONNECTED, now_ns)
        return self._flags

    def stream_up(self, stream: int) -> None:
        """The connection is there again. What is bound to it stays; it counts once it has been heard."""
        feed = self._feeds[stream]
        feed.up, feed.silent, feed.heard_ns = True, False, -1

    def tick(self, now_ns: int) -> int:
        """Let time pass: silent connections, stale and crossed books."""
        self._flags = 0
        before = [listing.state() for listing in self._listings]
        for feed in self._feeds:
            if feed.heard_ns >= 0 and feed.up and not feed.silent:
                feed.silent = now_ns - feed.heard_ns > self.config.silent_after_ns
        for feed in self._feeds:
            if feed.up and feed.silent:
                for number in feed.listings:
                    self._listings[number].silent = not self._heard_elsewhere(number)
        for number, listing in enumerate(self._listings):
            listing.age(now_ns)
            self._after(number, before[number], now_ns)
        return self._flags

    # ------------------------------------------------------------------ looking

    def state(self, listing: int) -> int:
        """The BookState."""
        return int(self._listings[listing].state())

    def reason(self, listing: int) -> int:
        """The Reason why continuity is not proven; NONE when it is."""
        return int(self._listings[listing].reason)

    def top(self, listing: int) -> tuple[int, int, int, int, int]:
        """`(bid ticks, bid lots, ask ticks, ask lots, venue id)`, whatever the state."""
        top = self._listings[listing].top
        return top[0], top[1], top[2], top[3], top[4]

    def quote(self, listing: int) -> tuple[int, int, int, int, int]:
        """The last best bid and ask of the quote stream, as `top`, whatever the state."""
        quote = self._listings[listing].quote
        return quote[0], quote[1], quote[2], quote[3], quote[4]

    def times(self, listing: int) -> tuple[int, int]:
        """When the listing was last heard, on our scale, and the venue's time of that (0: not given)."""
        target = self._listings[listing]
        return target.updated_ns, target.event_ns

    def sequence(self, listing: int) -> int:
        """The venue's number of the last change in the book."""
        return self._listings[listing].sequence

    def levels(self, listing: int, count: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """The best `count` bids and asks as `(ticks, lots)`, best first."""
        target = self._listings[listing]
        return target.bids.best(count), target.asks.best(count)

    def sizes(self, listing: int) -> tuple[int, int]:
        """How many bid and ask levels the book has."""
        target = self._listings[listing]
        return len(target.bids.levels), len(target.asks.levels)

    def counts(self, listing: int) -> dict[str, int]:
        """Counters since the start, by name."""
        counts = self._listings[listing].counts
        return {name: getattr(counts, name) for name in sorted(counts.__slots__)}

    def events(self) -> list[Event]:
        """What happened since the last call, oldest first.

        `("state", ns, listing, state, reason)`, `("trade", ns, listing, price ticks, lots, side, id, event ns)`,
        `("opened" | "closed", ns, opportunity)` with the form of `opportunities`.
        """
        drained = list(self._events)
        self._events.clear()
        return drained

    def opportunities(self) -> list[Event]:
        """What stands now: `(key, opened ns, updated ns, updates, sized, best)`.

        `key` is `(kind, first, second)`; `sized` and `best` are `(legs, gross bps, net bps, net atto)` with legs of
        `(listing, side, limit ticks, lots, value)`.
        """
        return [plain_open(self._scan.open[key]) for key in sorted(self._scan.open)]

    def near(self, count: int) -> list[Event]:
        """The nearest misses: `(key, gross bps, net bps, miss, listing)`."""
        return [plain_near(near) for near in self._scan.near(count)]

    def listing_hash(self, listing: int) -> int:
        """A digest of all that can be seen of a listing; equal in both cores."""
        target = self._listings[listing]
        digest = 0xCBF29CE484222325
        sides = [level for side in (target.bids, target.asks) for level in side.best(len(side.levels))]
        words = [
            int(target.state()),
            int(target.reason),
            target.sequence,
            *target.top,
            *target.quote,
            len(sides),
        ]
        words += [word for level in sides for word in level]
        words += self.counts(listing).values()
        for word in words:
            digest = ((digest ^ (word & (1 << 64) - 1)) * 0x100000001B3) & (1 << 64) - 1
        return digest

    # ------------------------------------------------------------------ inside

    def _read(self, feed: Feed, frame: bytes, now_ns: int) -> None:
        decoder = feed.decoder
        index, slots = decoder.read(frame)
        if index < 0:
            self._flags |= CONTROL
            return
        symbol = decoder.symbol(index, slots)
        self.message_of_frame = index
        feed.heard_ns, feed.silent = now_ns, False
        if not decoder.messages[index].symbol:
            self._on_mixed_trades(feed, index, slots, now_ns)
            return
        number = feed.bound.get((index, symbol))
        if number is None:
            decoder.check_levels(index, slots)
            self._flags |= UNKNOWN
            return
        self.listing_of_frame = number
        message = decoder.messages[index]
        try:
            if isinstance(message, Depth):
                self._on_depth(decoder, index, slots, number, now_ns)
            elif isinstance(message, Quote):
                self._on_quote(decoder, index, slots, number, message, now_ns)
            else:
                self._on_trades(decoder, index, slots, number, now_ns)
        except PartError:
            self._spoiled(number, Reason.MALFORMED, now_ns, book=not isinstance(message, Trades))
        except OffGrid:
            self._spoiled(number, Reason.OFF_GRID, now_ns, book=not isinstance(message, Trades))

    def _on_depth(self, decoder: Decoder, index: int, slots: list[object], number: int, now_ns: int) -> None:
        target = self._listings[number]
        update, event_ns = self._update_of(target, decoder, index, slots)
        before = target.state()
        target.end_silence()
        target.on_update(update, now_ns)
        target.event_ns = event_ns
        self._after(number, before, now_ns)

    @staticmethod
    def _update_of(target: Listing, decoder: Decoder, index: int, slots: list[object]) -> tuple[Update, int]:
        """The change in ticks and lots, and the venue's time. Raises PartError, OffGrid, and FrameError before both."""
        try:
            part = decoder.depth(index, slots)
            return target.update_of(part), part.event_ns
        except (PartError, OffGrid):
            decoder.check_levels(index, slots, rows=True)
            raise

    def _on_quote(
        self, decoder: Decoder, index: int, slots: list[object], number: int, message: Quote, now_ns: int
    ) -> None:
        target = self._listings[number]
        part = decoder.quote(index, slots)
        quote = target.quote_of(part)
        before = target.state()
        target.end_silence()
        if target.on_quote(quote, message.linked, message.sampled, now_ns):
            target.event_ns = part.event_ns
            self._flags |= QUOTE
        self._after(number, before, now_ns)

    def _on_trades(self, decoder: Decoder, index: int, slots: list[object], number: int, now_ns: int) -> None:
        rows = [self._trade_of(number, trade, now_ns) for trade in decoder.trades(index, slots)]
        for row in rows:
            self._tell(row, TRADE)

    def _on_mixed_trades(self, feed: Feed, index: int, slots: list[object], now_ns: int) -> None:
        """Trades of several symbols in one frame."""
        try:
            trades = feed.decoder.trades(index, slots)
        except PartError:
            self._flags |= MALFORMED
            return
        for trade in trades:
            number = feed.bound.get((index, trade.symbol))
            if number is None:
                self._flags |= UNKNOWN
                continue
            try:
                self._tell(self._trade_of(number, trade, now_ns), TRADE)
            except (PartError, OffGrid):
                self._spoiled(number, Reason.MALFORMED, now_ns, book=False)

    def _trade_of(self, number: int, trade: TradePart, now_ns: int) -> Event:
        changes, off = self._listings[number].counted([(trade.price, trade.quantity)])
        if off:
            raise OffGrid("a trade off the listing's grid")
        ticks, lots = changes[0]
        return ("trade", now_ns, number, ticks, lots, trade.side, trade.id, trade.event_ns)

    def _heard_elsewhere(self, number: int) -> bool:
        return any(
            feed.up and feed.heard_ns >= 0 and not feed.silent and number in feed.listings for feed in self._feeds
        )

    def _spoiled(self, number: int, reason: Reason, now_ns: int, book: bool = True) -> None:
        self._flags |= MALFORMED
        self._listings[number].counts.malformed += 1
        if book:
            self._lose(number, reason, now_ns)

    def _lose(self, number: int, reason: Reason, now_ns: int) -> None:
        self._change_state(number, now_ns, lambda target: target.lose(reason))

    def _change(self, number: int, now_ns: int, change: Change) -> int:
        self._flags = 0
        self._change_state(number, now_ns, change)
        return self._flags

    def _change_state(self, number: int, now_ns: int, change: Change) -> None:
        target = self._listings[number]
        before = target.state()
        change(target)
        self._after(number, before, now_ns)

    def _after(self, number: int, before: BookState, now_ns: int) -> None:
        """Tell of a new state, and scan when the top or the state changed."""
        target = self._listings[number]
        state = target.state()
        if state is not before:
            self._tell(("state", now_ns, number, int(state), int(target.reason)), STATE)
        if state is not before or target.top != target.scanned_top:
            if target.top[:4] != target.scanned_top[:4]:
                self._flags |= TOP
            target.scanned_top = target.top
            for what, opportunity in self._scan.changed(number, now_ns):
                self._flags |= OPPORTUNITY
                if what != "changed":
                    self._tell((what, now_ns, plain_open(opportunity)), OPPORTUNITY)

    def _tell(self, event: Event, flag: int) -> None:
        if len(self._events) >= self.config.events_max:
            self._events.popleft()
            self.events_lost += 1
        self._events.append(event)
        self._flags |= flag


def plain_open(opportunity: Open) -> Event:
    """An opportunity as plain tuples, the form that both cores give."""
    key, opened_ns, updated_ns, updates, sized, best = opportunity
    return (tuple(key), opened_ns, updated_ns, updates, _plain_sized(sized), _plain_sized(best))


def _plain_sized(sized: Sized) -> Event:
    legs, gross_bps, net_bps, net_atto = sized
    return (tuple(tuple(leg) for leg in legs), gross_bps, net_bps, net_atto)


def plain_near(near: Near) -> Event:
    """A near miss as a plain tuple."""
    return (tuple(near.key), near.gross_bps, near.net_bps, int(near.miss), near.listing)
