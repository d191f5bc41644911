"""MEXC's websockets: what their frames look like, and the messages that ask for them.

Spot: control in JSON, data in protobuf, described by the field numbers of the venue's .proto files (2026-06). A frame
without a body occurs and says nothing. Perpetuals: JSON; with `compress` false each push is one version.

Acknowledgements carry no number that can be relied on, so that each name gets a message of its own and an
acknowledgement is the oldest message's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from oneprice.core.describe import Condition, Depth, LevelShape, Quote, Snapshot, Stream, Time, Trades
from oneprice.errors import InvalidResponseError, NotSupported, Outcome
from oneprice.model import SymbolInfo
from oneprice.venues.kit import Ack, Binding, Budget, Channel, Control, Pong, Refusal, StreamLimits, Subscription
from oneprice.venues.mexc.errors import FUTURES_TABLE, SPOT_TABLE

F = TypeVar("F")

PATH = "public"
REFUSED = "Not Subscribed"

SPOT_LIMITS = StreamLimits(
    subscriptions_per_connection=30,
    names_per_message=1,
    messages_per_s=20.0,  # documented are 100, of unclear scope
    connects=Budget(20, 10.0),  # ours: no limit is documented
    lifetime_s=86_400.0,
    ping_every_s=15.0,
)
FUTURES_LIMITS = StreamLimits(
    subscriptions_per_connection=100,  # ours: no limit is documented
    names_per_message=1,
    messages_per_s=20.0,
    connects=Budget(20, 10.0),
    ping_every_s=15.0,
)

# ---------------------------------------------------------------------- spot

SPEED = "10ms"  # the same sequence of versions as 100ms, sooner
SPOT_CHANNELS: Mapping[Channel, tuple[str, str]] = {
    Channel.DEPTH: ("depth", f"spot@public.aggre.depth.v3.api.pb@{SPEED}@"),
    Channel.QUOTE: ("book_ticker", f"spot@public.aggre.bookTicker.v3.api.pb@{SPEED}@"),
    Channel.TRADES: ("deals", f"spot@public.aggre.deals.v3.api.pb@{SPEED}@"),
}
_SENT = Time("6")
_LEVEL = LevelShape("object", price_key="1", quantity_key="2")

SPOT_STREAM = Stream(
    format="protobuf",
    messages=(
        Depth(
            name="depth",
            when=(Condition("313", has=True),),
            symbol="3",
            first=("313.4",),
            last=("313.5",),
            asks="313.1",
            bids="313.2",
            level=_LEVEL,
            may_miss_side=True,
            time=_SENT,
        ),
        Quote(  # its version (315.5) is on no documented counter
            name="book_ticker",
            when=(Condition("315", has=True),),
            symbol="3",
            bid_price="315.1",
            bid_quantity="315.2",
            ask_price="315.3",
            ask_quantity="315.4",
            time=_SENT,
        ),
        Trades(
            name="deals",
            when=(Condition("314", has=True),),
            symbol="3",
            rows="314.1",
            price_path="1",
            quantity_path="2",
            side="3",
            buy="1",
            sell="2",
            id="5",
            time=Time("4"),
        ),
        Depth(
            name="limit_depth",
            when=(Condition("303", has=True),),
            symbol="3",
            last=("303.4",),
            asks="303.1",
            bids="303.2",
            level=_LEVEL,
            full=True,
            may_miss_side=True,
            time=_SENT,
        ),
    ),
)
SPOT_SNAPSHOT = Snapshot(last=("lastUpdateId",), bids="bids", asks="asks", time=Time("timestamp"))


def spot_subscription(listing: SymbolInfo, channel: Channel) -> Subscription:
    """All channels."""
    message, name = SPOT_CHANNELS[channel]
    symbol = listing.venue_symbol
    return Subscription(listing, channel, name + symbol, PATH, (Binding(message, symbol),))


def spot_request(method: str, names: Sequence[str], number: int) -> list[bytes]:
    """One message for each name."""
    return [msgspec.json.encode({"method": method, "params": [name], "id": number}) for name in names]


class _SpotAnswer(msgspec.Struct):
    msg: str
    code: int = 0
    id: int = 0


def spot_control(payload: bytes, binary: bool) -> list[Control]:
    """Acknowledgements and pongs. Refusals have code 0 too: only the text tells them. Raises InvalidResponseError."""
    if binary:
        return []
    answer = _answer(SPOT_TABLE.venue, payload, _SpotAnswer)
    if answer.code != 0 or answer.msg.startswith(REFUSED):
        return [Ack(answer.id, {"": f"{answer.msg.strip()} (code {answer.code})"})]
    if answer.msg == "PONG":
        return [Pong()]
    if "@" in answer.msg:
        return [Ack(answer.id)]
    return [Refusal(answer.msg)]


# ---------------------------------------------------------------------- perpetuals

FUTURES_CHANNELS: Mapping[Channel, str] = {Channel.DEPTH: "depth", Channel.TRADES: "deal"}
_ROW = LevelShape(price="any", quantity="any")

FUTURES_STREAM = Stream(
    messages=(
        Depth(
            name="depth",
            when=(Condition("channel", equals="push.depth"),),
            symbol="symbol",
            first=("data.begin", "data.version"),
            last=("data.end", "data.version"),
            bids="data.bids",
            asks="data.asks",
            level=_ROW,
            may_miss_side=True,
            time=Time("ts"),
        ),
        Trades(
            name="deal",
            when=(Condition("channel", equals="push.deal"),),
            symbol="symbol",
            rows="data",
            price_path="p",
            quantity_path="v",
            price="any",
            quantity="any",
            side="T",
            buy="1",
            sell="2",
            id="i",
            time=Time("t"),
        ),
    )
)
FUTURES_SNAPSHOT = Snapshot(
    last=("data.version",), bids="data.bids", asks="data.asks", level=_ROW, time=Time("data.timestamp")
)


def futures_subscription(listing: SymbolInfo, channel: Channel) -> Subscription:
    """Raises NotSupported for quotes: the ticker tells prices without quantities, once a second."""
    word = FUTURES_CHANNELS.get(channel)
    if word is None:
        raise NotSupported(f"mexc-usdm has no {channel.value} stream with quantities: the depth stream serves")
    symbol = listing.venue_symbol
    return Subscription(listing, channel, f"{word}:{symbol}", PATH, (Binding(word, symbol),))


def futures_request(verb: str, names: Sequence[str]) -> list[bytes]:
    """One message for each name, `CHANNEL:SYMBOL`."""
    messages = []
    for name in names:
        word, _, symbol = name.partition(":")
        param = {"symbol": symbol, "compress": False} if word == "depth" else {"symbol": symbol}
        messages.append(msgspec.json.encode({"method": f"{verb}.{word}", "param": param, "gzip": False}))
    return messages


class _FuturesAnswer(msgspec.Struct):
    channel: str
    data: str | int | None = None


def futures_control(payload: bytes) -> list[Control]:
    """Acknowledgements and pongs. Raises InvalidResponseError."""
    answer = _answer(FUTURES_TABLE.venue, payload, _FuturesAnswer)
    if answer.channel == "pong":
        return [Pong()]
    if answer.channel.startswith(("rs.sub.", "rs.unsub.")) and answer.data == "success":
        return [Ack(0)]
    if answer.channel.startswith("rs."):
        return [Ack(0, {"": str(answer.data)})]
    raise _unknown(FUTURES_TABLE.venue, f"channel {answer.channel!r}", payload)


# ---------------------------------------------------------------------- both


def _answer(market: str, payload: bytes, form: type[F]) -> F:
    try:
        return msgspec.json.decode(payload, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unknown(market, str(error), payload) from None


def _unknown(market: str, why: str, payload: bytes) -> InvalidResponseError:
    excerpt = payload[:120].decode("utf-8", "backslashreplace")
    return InvalidResponseError(market, f"unknown control frame: {why}; it begins {excerpt!r}", outcome=Outcome.UNKNOWN)
