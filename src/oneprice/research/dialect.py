"""How frames are read: a venue's own, from its folder, and those of quotes that another program stored.

A stored quote is `{"s":"BTC/USDT","b":"..","B":"..","a":"..","A":".."}`: best bid, its quantity, best ask, its
quantity. A program that stores what it last knew stores it again and again: a quote that equals the one before it is
no sign that its feed is alive.
"""

from __future__ import annotations

import msgspec

from oneprice.core.describe import Condition, Depth, Quote, Stream, Trades
from oneprice.errors import NotSupported
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


def quote_frame(symbol: str, bid: str, bid_quantity: str, ask: str, ask_quantity: str) -> bytes:
    """A stored quote; an empty price for an empty side."""
    return msgspec.json.encode({"s": symbol, "b": bid, "B": bid_quantity, "a": ask, "A": ask_quantity})


def book_stream(market: PublicMarket, path: str) -> Stream:
    """What moves books on the connections of one kind. Trades are left out: nothing here needs them."""
    stream = market.stream(path)
    return msgspec.structs.replace(
        stream, messages=tuple(message for message in stream.messages if not isinstance(message, Trades))
    )


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
                found[name] = msgspec.structs.replace(message, name=name)
    return Stream(messages=tuple(found.values()))


def bare(stream: Stream) -> Stream | None:
    """The same frames without the envelope that all their paths share (`data` in `data.s`); None where none is.

    Venues send payloads bare on one kind of connection and wrapped on another.
    """
    heads = {message.symbol.partition(".")[0] for message in stream.messages}
    if len(heads) != 1 or any("." not in message.symbol for message in stream.messages):
        return None
    (head,) = heads
    return Stream(messages=tuple(_unwrapped(message, head + ".") for message in stream.messages))  # type: ignore[arg-type]


def _unwrapped(value: object, head: str) -> object:
    """Every path in a description without `head`."""
    if isinstance(value, str):
        return value.removeprefix(head)
    if isinstance(value, tuple):
        return tuple(_unwrapped(item, head) for item in value)
    if isinstance(value, msgspec.Struct):
        changed = {name: _unwrapped(getattr(value, name), head) for name in value.__struct_fields__ if name != "name"}
        return msgspec.structs.replace(value, **changed)
    return value
