"""A market's live feed under observation: the engine's own feed, and what its first book was at each moment."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from oneprice.core.states import BookState, Reason
from oneprice.exchange import PublicExchange, RestFigures
from oneprice.market import MarketConfig, MarketData
from oneprice.market.books import Book
from oneprice.market.feed import MarketFeed
from oneprice.model import BookLevel, OrderBook
from oneprice.venues.kit import Channel, Request, Response
from oneprice.verify.card import Failed
from oneprice.verify.ears import Ears, Heard
from oneprice.verify.likeness import Likeness, Sides, likeness

if TYPE_CHECKING:
    from oneprice.verify.bench import Bench

LEVELS = 20
KEPT = 20_000
LOOK_EVERY_S = 0.01


class Moment(NamedTuple):
    """The book was in this state from then on (monotonic)."""

    at_ns: int
    state: BookState
    reason: Reason


class SharedRest:
    """The feeds' REST: the bench's own, with the answers to `costly` requests from memory after the first time.

    Every card opens a feed of its own; asked anew each time, all listings and tickers would use up the rate limit.
    """

    def __init__(self, exchange: PublicExchange, costly: Sequence[Request]) -> None:
        self._exchange, self._costly = exchange, tuple(costly)
        self._known: dict[Request, Response] = {}

    @property
    def figures(self) -> RestFigures:
        """The bench's own, of all that was not from memory."""
        return self._exchange.figures

    async def fetch(self, request: Request) -> Response:
        """Raises NetworkError, ExchangeAPIError."""
        if request not in self._costly:
            return await self._exchange.fetch(request)
        if request not in self._known:
            self._known[request] = await self._exchange.fetch(request)
        return self._known[request]


class Watch:
    """As a context it runs the feed of `symbols`, and is entered once their rules are known. The first book is looked
    at closely: `moments` are its states, `history` what it was by sequence number whenever it was LIVE.

    `ears` have the frames. Entering raises Failed when the rules do not come.
    """

    def __init__(self, bench: Bench, symbols: Sequence[str], channels: Sequence[Channel], config: MarketConfig) -> None:
        ports = bench.ports
        self.clock = ports.clock
        self.moments: list[Moment] = []
        self.history: OrderedDict[int, Sides] = OrderedDict()
        self.ears = Ears(bench.market, ports.clock, self.look)
        self.began_ns = 0
        self._within_s = bench.thresholds.first_data_s
        self._book: Book | None = None
        self.data = MarketData(
            config,
            [bench.market],
            network=ports.network,
            clock=ports.clock,
            chance=ports.chance,
            exchanges=lambda _: bench.rest,
            recorder=self.ears,
            tls=bench.tls,
        )
        self.feed: MarketFeed = self.data.feeds[bench.name]

    async def __aenter__(self) -> Watch:
        self.began_ns = self.clock.monotonic_ns()
        await self.data.__aenter__()
        try:
            if await self.until(lambda: self.feed.known, self._within_s) is None:
                raise Failed(f"no rules within {self._within_s:g} s: {self.feed.trouble or 'no answer'}")
            if not self.feed.books:
                raise Failed(f"nothing to watch: {self.feed.unwatched or self.feed.missing}")
        except BaseException as error:
            await self.data.__aexit__(type(error), error, error.__traceback__)
            raise
        self._book = next(iter(self.feed.books.values()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.look()
        await self.data.__aexit__(kind, error, trace)

    # ---- the first book

    @property
    def book(self) -> Book:
        """The engine's."""
        assert self._book is not None, "the context was entered"
        return self._book

    @property
    def symbol(self) -> str:
        """The venue's word for it."""
        return self.book.info.venue_symbol

    @property
    def state(self) -> BookState:
        """As it is now."""
        return BookState(self.data.hub.state(self.book.number))

    @property
    def is_live(self) -> bool:
        """Whether the book may be used now."""
        return self.state is BookState.LIVE

    @property
    def why(self) -> str:
        """State and reason, in words."""
        reason = Reason(self.data.hub.reason(self.book.number))
        words = self.state.name if reason is Reason.NONE else f"{self.state.name} ({reason.name})"
        return f"{words}; {self.feed.recovery.trouble}" if self.feed.recovery.trouble else words

    @property
    def sequence(self) -> int:
        """The venue's number of the last change in the book."""
        return self.data.hub.sequence(self.book.number)

    def counts(self) -> dict[str, int]:
        """The engine's counters of the book."""
        return self.data.hub.counts(self.book.number)

    def sides(self) -> Sides:
        """Its best levels in the venue's units."""
        book = self.book
        bids, asks = self.data.hub.levels(book.number, LEVELS)
        return (
            tuple(BookLevel(ticks * book.tick_size, lots * book.lot_size) for ticks, lots in bids),
            tuple(BookLevel(ticks * book.tick_size, lots * book.lot_size) for ticks, lots in asks),
        )

    def names(self, channel: Channel) -> frozenset[str]:
        """How the book is called in the frames of a channel. Raises NotSupported."""
        return frozenset(binding.symbol for binding in self.feed.market.subscription(self.book.info, channel).bindings)

    def heard(self, channel: Channel, since_ns: int = 0) -> list[Heard]:
        """What was heard of the book on a channel."""
        names = self.names(channel)
        return [
            one for one in self.ears.heard if one.channel is channel and one.symbol in names and one.at_ns >= since_ns
        ]

    def first_ns(self, channel: Channel) -> int | None:
        """When the first of it came (monotonic)."""
        return min(
            (
                self.ears.first_ns[name, channel]
                for name in self.names(channel)
                if (name, channel) in self.ears.first_ns
            ),
            default=None,
        )

    def compare(self, told: OrderBook) -> Likeness | None:
        """Our book against one by REST of the same moment; None as long as that cannot be told."""
        self.look()
        return likeness(self.history, told)

    def states_since(self, at_ns: int) -> list[Moment]:
        """Changes of state since then."""
        return [moment for moment in self.moments if moment.at_ns >= at_ns]

    def look(self) -> None:
        """Take down what the book is now."""
        if self._book is None:
            return
        number = self._book.number
        state, reason = BookState(self.data.hub.state(number)), Reason(self.data.hub.reason(number))
        if not self.moments or self.moments[-1][1:] != (state, reason):
            self.moments.append(Moment(self.clock.monotonic_ns(), state, reason))
        if state is BookState.LIVE:
            sequence = self.data.hub.sequence(number)
            if sequence not in self.history:
                self.history[sequence] = self.sides()
                if len(self.history) > KEPT:
                    self.history.popitem(last=False)

    # ---- waiting

    async def until(self, holds: Callable[[], bool], seconds: float) -> float | None:
        """Wait until it holds; gives the seconds that took, None when it took too long."""
        began_ns = self.clock.monotonic_ns()
        while True:
            self.look()
            waited_s = (self.clock.monotonic_ns() - began_ns) / 1e9
            if holds():
                return waited_s
            if waited_s > seconds:
                return None
            await self.clock.sleep(LOOK_EVERY_S)

    async def must(self, holds: Callable[[], bool], seconds: float, otherwise: str) -> float:
        """As `until`. Raises Failed with `otherwise` and the book's state when it took too long."""
        waited_s = await self.until(holds, seconds)
        if waited_s is None:
            raise Failed(f"{otherwise} within {seconds:g} s: the book is {self.why}")
        return waited_s
