"""What comes in over a feed's connections, read a second time by the Python reference of the decoder."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from oneprice.core.decode import Decoder, DepthPart, PartError, QuotePart, TradePart
from oneprice.core.describe import Depth, Quote, encode
from oneprice.core.jsonframe import FrameError
from oneprice.market.recording import RecordedListing
from oneprice.model import MarketKind
from oneprice.ports import Clock
from oneprice.venues.kit import Channel, PublicMarket, Request, Response

KEPT = 50_000
PARTS_MAX = 100_000

Part = DepthPart | QuotePart | TradePart


class Heard(NamedTuple):
    """One message, or one trade of it. `at_ns` is monotonic, `wall_ns` since 1970, both ours. `part`: as texts."""

    at_ns: int
    wall_ns: int
    connection: int
    channel: Channel
    symbol: str
    part: Part


class Closed(NamedTuple):
    """A connection ended."""

    at_ns: int
    connection: int
    reason: str


class Ears:
    """A `Recorder` that keeps what it hears. `look` is called before and after each frame is taken in, and when a
    connection is gone.

    `heard`: the last messages, oldest first. `opened`: monotonic time by connection. `first_ns`: when the first data of
    (venue symbol, channel) came. `control`: frames that are no data. `unread`: why frames could not be read.
    """

    def __init__(self, market: PublicMarket, clock: Clock, look: Callable[[], None]) -> None:
        self.heard: deque[Heard] = deque(maxlen=KEPT)
        self.opened: dict[int, int] = {}
        self.closed: list[Closed] = []
        self.first_ns: dict[tuple[str, Channel], int] = {}
        self.unread: list[str] = []
        self.control = self.frames = 0
        self._market, self._clock, self._look = market, clock, look
        self._decoders: dict[int, Decoder] = {}

    # ---- Recorder

    def on_rules(self, venue: str, market: MarketKind, listings: Sequence[RecordedListing], wall_ns: int) -> None:
        """The feed knows them as well."""

    def on_open(self, connection: int, market: str, path: str, wall_ns: int) -> None:
        """A connection of this kind."""
        self.opened[connection] = self._clock.monotonic_ns()
        self._decoders[connection] = Decoder(encode(self._market.stream(path)), PARTS_MAX)

    def on_frame(self, connection: int, payload: bytes, binary: bool, wall_ns: int) -> None:
        """A frame that the engine takes in right after."""
        self._look()
        asyncio.get_running_loop().call_soon(self._look)
        self.frames += 1
        now_ns = self._clock.monotonic_ns()
        try:
            for channel, symbol, part in _parts(self._decoders[connection], bytes(payload)):
                self.heard.append(Heard(now_ns, wall_ns, connection, channel, symbol, part))
                self.first_ns.setdefault((symbol, channel), now_ns)
        except _NoData:
            self.control += 1
        except (FrameError, PartError) as error:
            self.unread.append(str(error))

    def on_closed(self, connection: int, reason: str, wall_ns: int) -> None:
        """It is gone."""
        self.closed.append(Closed(self._clock.monotonic_ns(), connection, reason))
        self._look()

    def on_rest(self, market: str, request: Request, response: Response, wall_ns: int) -> None:
        """Snapshots are judged by what becomes of the book."""


class _NoData(Exception):
    """A control frame."""


def _parts(decoder: Decoder, frame: bytes) -> Iterator[tuple[Channel, str, Part]]:
    """What a frame says, by venue symbol. Raises FrameError, PartError, _NoData."""
    index, slots = decoder.read(frame)
    if index < 0:
        raise _NoData
    message, symbol = decoder.messages[index], decoder.symbol(index, slots)
    if isinstance(message, Depth):
        yield Channel.DEPTH, symbol, decoder.depth(index, slots)
    elif isinstance(message, Quote):
        yield Channel.QUOTE, symbol, decoder.quote(index, slots)
    else:
        for trade in decoder.trades(index, slots):
            yield Channel.TRADES, symbol or trade.symbol, trade
