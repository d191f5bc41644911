"""How frames are read: a venue's own, from its folder, and those of quotes that another program stored.

A stored quote is `{"s":"BTC/USDT","b":"..","B":"..","a":"..","A":".."}`: best bid, its quantity, best ask,
its quantity. A program that stores what it last knew stores it again and again: a quote that equals the one
before it is no sign that its feed is alive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from oneprice.core.describe import Condition, Depth, Quote, Stream, Trades
from oneprice.errors import NotSupported, RecordingError
from oneprice.market.recording import Header
from oneprice.model import MarketKind
from oneprice.venues.kit import PublicMarket

QUOTE_FRAMES = Stream(
    messages=(
        Quote(
            name="quote",
            when=(Condition("s", has=True),),
            symbol="s",
            bid_price="b",
            bid_quantity="B",
            ask_price="a",
            ask_quantity="A",
        ),
    )
)

MIXED = "*"
"""The connection kind of a file in which all kinds are mixed."""

MIXED_BARE = "*bare"
"""The same, with payloads that are not in the venue's envelope."""

T = TypeVar("T")

Markets = Callable[[str, MarketKind], PublicMarket]


def frames_of(header: Header, path: str, markets: Markets) -> Stream:
    """The frames on connections of the kind `path`. Raises RecordingError for a kind that the venue does not have."""
    if header.dialect == "quotes":
        return QUOTE_FRAMES
    market = markets(header.venue, header.market)
    if path == MIXED:
        return mixed_stream(market)
    stream = bare(mixed_stream(market)) if path == MIXED_BARE else None
    if stream is not None:
        return stream
    if path not in market.stream_urls:
        raise RecordingError(f"{header.name} has no connections of the kind {path!r}: {', '.join(market.stream_urls)}")
    return book_stream(market, path)


def quote_frame(symbol: str, bid: str, bid_quantity: str, ask: str, ask_quantity: str) -> bytes:
    """A stored quote; an empty price for an empty side."""
    return msgspec.json.encode({"s": symbol, "b": bid, "B": bid_quantity, "a": ask, "A": ask_quantity})


def book_stream(market: PublicMarket, path: str) -> Stream:
    """What moves books on the connections of one kind. Trades are left out: nothing here needs them."""
    stream = market.stream(path)
    return replace(stream, messages=tuple(message for message in stream.messages if not isinstance(message, Trades)))


def mixed_stream(market: PublicMarket) -> Stream:
    """All kinds of connections in one file. Raises NotSupported for venues whose frames are binary."""
    found: dict[str, Depth | Quote] = {}
    for path in market.stream_urls:
        stream = book_stream(market, path)
        if stream.format != "json":
            raise NotSupported(
                f"{market.venue}-{market.kind.value} sends binary frames, which a file of lines cannot hold; "
                "use a recording in our own format"
            )
        for message in stream.messages:
            assert not isinstance(message, Trades)
            if found.setdefault(message.name, message) != message:
                name = f"{path}.{message.name}"
                found[name] = replace(message, name=name)
    return Stream(messages=tuple(found.values()))


def bare(stream: Stream) -> Stream | None:
    """The same frames without the envelope that all their paths share (`data` in `data.s`); None where none is.

    Venues send payloads bare on one kind of connection and wrapped on another.
    """
    heads = {message.symbol.partition(".")[0] for message in stream.messages}
    if len(heads) != 1 or any("." not in message.symbol for message in stream.messages):
        return None
    (head,) = heads
    return _unwrapped(stream, head + ".")


def _unwrapped(value: T, head: str) -> T:
    """Every path in a description without `head`."""
    found: object = value
    if isinstance(value, str):
        found = value.removeprefix(head)
    elif isinstance(value, tuple):
        found = tuple(_unwrapped(item, head) for item in value)
    elif isinstance(value, msgspec.Struct):
        fields = (name for name in value.__struct_fields__ if name != "name")
        found = replace(value, **{name: _unwrapped(getattr(value, name), head) for name in fields})
    return found  # type: ignore[return-value]  # each kind becomes its own kind
