"""Gate's websocket: what its frames look like, and the messages that ask for them.

Books come by Order Book V2 (`obu`): the first push is the whole book, each later one begins at the id after
the last one's end; after a gap the stream is unsubscribed and subscribed again. `order_book_update` is
described beside it for whoever subscribes to that.

A request that names one unknown symbol is refused as a whole, so that each name gets a message of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from oneprice.core.describe import Condition, Depth, LevelShape, Message, Quote, Snapshot, Stream, Time, Trades
from oneprice.errors import InvalidResponseError, Outcome
from oneprice.model import SymbolInfo
from oneprice.venues.kit import (
    Ack,
    Binding,
    Budget,
    Channel,
    Closing,
    Control,
    Pong,
    Refusal,
    StreamLimits,
    Subscription,
)

PATH = "public"
LEVELS = 50  # of the obu stream that comes every 20 ms; the other has 400 every 100 ms
UPDATE_LEVELS = 100

LIMITS = StreamLimits(
    subscriptions_per_connection=100,  # ours: no limit is documented, 200 on one connection are known to work
    names_per_message=1,
    messages_per_s=20.0,  # ours: no limit is documented
    connects=Budget(30, 10.0),  # ours: documented are 300 connections an address
    ping_every_s=15.0,
)


def _frame(channel: str) -> tuple[Condition, ...]:
    return (Condition("channel", equals=channel), Condition("event", equals="update"))


def _depth(name: str, product: str, level: LevelShape, levels_max: int) -> Depth:
    """Both depth channels, whose frames differ in the levels' shape only. A frame may hold no side at all."""
    return Depth(
        name=name,
        when=_frame(f"{product}.{name}"),
        symbol="result.s",
        first=("result.U",),
        last=("result.u",),
        full_when="result.full",
        bids="result.b",
        asks="result.a",
        may_miss_side=True,
        level=level,
        levels_max=levels_max,
        time=Time("result.t"),
    )


def _book_ticker(product: str) -> Quote:
    """`u` counts with the book (seen side by side: depth up to ..901, ticker ..904): old ones are dropped.

    Spot's is a sample every 10 ms, so that a quote is true of its own number only. A perpetual's size may be "0"
    beside a price: what is there is less than one contract.
    """
    return Quote(
        name="book_ticker",
        when=_frame(f"{product}.book_ticker"),
        symbol="result.s",
        bid_price="result.b",
        bid_quantity="result.B",
        ask_price="result.a",
        ask_quantity="result.A",
        price="any",
        quantity="any",
        id=("result.u",),
        sampled=True,
        time=Time("result.t"),
    )


PAIRS = LevelShape(price="any", quantity="any")
OBJECTS = LevelShape("object", "p", "s", price="any", quantity="any")

SPOT_MESSAGES: tuple[Message, ...] = (
    _depth("obu", "spot", LevelShape(), LEVELS),
    _depth("order_book_update", "spot", LevelShape(), UPDATE_LEVELS),
    _book_ticker("spot"),
    Trades(
        name="trades",
        when=_frame("spot.trades"),
        symbol="result.currency_pair",
        price_path="result.price",
        quantity_path="result.amount",
        side="result.side",
        buy="buy",
        sell="sell",
        id="result.id",
        time=Time("result.create_time_ms"),
    ),
)

FUTURES_MESSAGES: tuple[Message, ...] = (
    _depth("obu", "futures", PAIRS, LEVELS),
    _depth("order_book_update", "futures", OBJECTS, UPDATE_LEVELS),
    _book_ticker("futures"),
    Trades(
        name="trades",
        when=_frame("futures.trades"),
        symbol="",
        rows="result",
        row_symbol="contract",
        price_path="price",
        quantity_path="size",
        price="any",
        quantity="any",
        id="id",
        time=Time("create_time_ms"),
    ),
)

SPOT_STREAM = Stream(messages=SPOT_MESSAGES)
FUTURES_STREAM = Stream(messages=FUTURES_MESSAGES)

SPOT_SNAPSHOT = Snapshot(last=("id",), bids="bids", asks="asks", time=Time("update"))
FUTURES_SNAPSHOT = Snapshot(last=("id",), bids="bids", asks="asks", level=OBJECTS, time=Time("update", "s"))
"""How REST books are read where somebody follows `order_book_update`; `obu` needs none."""


def subscription(product: str, listing: SymbolInfo, channel: Channel) -> Subscription:
    """`product` is the first half of the channels' names."""
    symbol = listing.venue_symbol
    message, argument = {
        Channel.DEPTH: ("obu", f"ob.{symbol}.{LEVELS}"),
        Channel.QUOTE: ("book_ticker", symbol),
        Channel.TRADES: ("trades", symbol),
    }[channel]
    return Subscription(
        listing=listing,
        channel=channel,
        name=f"{product}.{message}:{argument}",
        path=PATH,
        bindings=(Binding(message, argument),),
    )


def request(event: str, names: Sequence[str], number: int, wall_ns: int) -> list[bytes]:
    """One message for each name, `CHANNEL:ARGUMENT,..`. Its time may be at most 60 s off the venue's."""
    messages = []
    for name in names:
        channel, _, arguments = name.partition(":")
        messages.append(
            msgspec.json.encode(
                {
                    "time": wall_ns // 1_000_000_000,
                    "id": number,
                    "channel": channel,
                    "event": event,
                    "payload": arguments.split(","),
                }
            )
        )
    return messages


def ping(product: str, wall_ns: int) -> bytes:
    """The application-level ping."""
    return msgspec.json.encode({"time": wall_ns // 1_000_000_000, "channel": f"{product}.ping"})


class _Error(msgspec.Struct):
    code: int
    message: str = ""


class _Answer(msgspec.Struct):
    channel: str
    event: str = ""
    id: int | None = None
    payload: list[str] | None = None
    error: _Error | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")


class _Result(msgspec.Struct):
    status: str = ""
    type: str = ""


def control(product: str, market: str, payload: bytes) -> list[Control]:
    """Read a frame that is no described market data. Raises InvalidResponseError."""
    try:
        answer = msgspec.json.decode(payload, type=_Answer)
        if answer.channel == f"{product}.pong":
            return [Pong()]
        if answer.event in ("subscribe", "unsubscribe"):
            return [_ack(answer, msgspec.json.decode(answer.result, type=_Result | None))]
        if answer.channel.endswith(".system"):
            notice = msgspec.json.decode(answer.result, type=_Result)
            return [Closing(notice.type)] if notice.type == "upgrade" else []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unknown(market, str(error), payload) from None
    if answer.error is not None:
        return [Refusal(_reason(answer.error))]
    raise _unknown(market, f"channel {answer.channel!r}, event {answer.event!r}", payload)


def _ack(answer: _Answer, result: _Result | None) -> Ack:
    number = answer.id or 0
    if answer.error is None and (result is None or result.status != "fail"):
        return Ack(number)
    reason = _reason(answer.error) if answer.error else "failed without a reason"
    name = f"{answer.channel}:{','.join(answer.payload)}" if answer.payload else ""
    return Ack(number, {name: reason})


def _reason(error: _Error) -> str:
    return f"{error.message} (code {error.code})"


def _unknown(market: str, why: str, payload: bytes) -> InvalidResponseError:
    excerpt = payload[:120].decode("utf-8", "backslashreplace")
    return InvalidResponseError(market, f"unknown control frame: {why}; it begins {excerpt!r}", outcome=Outcome.UNKNOWN)
