"""MEXC's websockets: what their frames look like, and the messages that ask for them.

Spot: control in JSON, data in protobuf, described by the field numbers of the venue's .proto files (2026-06). A frame
without a body occurs and says nothing. Perpetuals: JSON; with `compress` false each push is one version.

Acknowledgements carry no number that can be relied on, so that each name gets a message of its own and an
acknowledgement is the oldest message's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from oneprice.core.describe import Condition, Depth, LevelShape, Quote, Snapshot, Stream, Time, Trades
from oneprice.errors import InvalidResponseError, Outcome
from oneprice.venues.kit import Ack, Budget, Channel, Control, Pong, Refusal, StreamLimits
from oneprice.venues.mexc.errors import FUTURES_TABLE, SPOT_TABLE

F = TypeVar("F")

REFUSED = "Not Subscribed"


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """One market's websocket. `channels`: the described message, and what stands before the symbol in a name.

    `request(True to subscribe or False to unsubscribe, name, number)`. `control` raises InvalidResponseError.
    """

    stream: Stream
    snapshot: Snapshot
    limits: StreamLimits
    channels: Mapping[Channel, tuple[str, str]]
    request: Callable[[bool, str, int], bytes]
    control: Callable[[bytes], list[Control]]
    ping: bytes


# ---------------------------------------------------------------------- spot

SPEED = "10ms"  # the same sequence of versions as 100ms, sooner
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


def _spot_request(subscribe: bool, name: str, number: int) -> bytes:
    method = "SUBSCRIPTION" if subscribe else "UNSUBSCRIPTION"
    return msgspec.json.encode({"method": method, "params": [name], "id": number})


class _SpotAnswer(msgspec.Struct):
    msg: str
    code: int = 0
    id: int = 0


def _spot_control(payload: bytes) -> list[Control]:
    """Acknowledgements and pongs. Refusals have code 0 too: only the text tells them."""
    answer = _answer(SPOT_TABLE.venue, payload, _SpotAnswer)
    if answer.code != 0 or answer.msg.startswith(REFUSED):
        return [Ack(answer.id, {"": f"{answer.msg.strip()} (code {answer.code})"})]
    if answer.msg == "PONG":
        return [Pong()]
    if "@" in answer.msg:
        return [Ack(answer.id)]
    return [Refusal(answer.msg)]


SPOT_WIRE = Wire(
    stream=SPOT_STREAM,
    snapshot=Snapshot(last=("lastUpdateId",), bids="bids", asks="asks", time=Time("timestamp")),
    limits=StreamLimits(
        subscriptions_per_connection=30,
        names_per_message=1,
        messages_per_s=20.0,  # documented are 100, of unclear scope
        connects=Budget(20, 10.0),  # ours: no limit is documented
        lifetime_s=86_400.0,
        ping_every_s=15.0,
    ),
    channels={
        Channel.DEPTH: ("depth", f"spot@public.aggre.depth.v3.api.pb@{SPEED}@"),
        Channel.QUOTE: ("book_ticker", f"spot@public.aggre.bookTicker.v3.api.pb@{SPEED}@"),
        Channel.TRADES: ("deals", f"spot@public.aggre.deals.v3.api.pb@{SPEED}@"),
    },
    request=_spot_request,
    control=_spot_control,
    ping=b'{"method":"PING"}',
)


# ---------------------------------------------------------------------- perpetuals

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


def _futures_request(subscribe: bool, name: str, number: int) -> bytes:
    word, _, symbol = name.partition(":")
    param = {"symbol": symbol, "compress": False} if word == "depth" else {"symbol": symbol}
    return msgspec.json.encode({"method": f"{'sub' if subscribe else 'unsub'}.{word}", "param": param, "gzip": False})


class _FuturesAnswer(msgspec.Struct):
    channel: str
    data: str | int | None = None


def _futures_control(payload: bytes) -> list[Control]:
    answer = _answer(FUTURES_TABLE.venue, payload, _FuturesAnswer)
    if answer.channel == "pong":
        return [Pong()]
    if answer.channel.startswith(("rs.sub.", "rs.unsub.")) and answer.data == "success":
        return [Ack(0)]
    if answer.channel.startswith("rs."):
        return [Ack(0, {"": str(answer.data)})]
    raise _unknown(FUTURES_TABLE.venue, f"channel {answer.channel!r}", payload)


FUTURES_WIRE = Wire(
    stream=FUTURES_STREAM,
    snapshot=Snapshot(
        last=("data.version",), bids="data.bids", asks="data.asks", level=_ROW, time=Time("data.timestamp")
    ),
    limits=StreamLimits(
        subscriptions_per_connection=100,  # ours: no limit is documented
        names_per_message=1,
        messages_per_s=20.0,
        connects=Budget(20, 10.0),
        ping_every_s=15.0,
    ),
    channels={Channel.DEPTH: ("depth", "depth:"), Channel.TRADES: ("deal", "deal:")},
    request=_futures_request,
    control=_futures_control,
    ping=b'{"method":"ping"}',
)

# ---------------------------------------------------------------------- both


def _answer(market: str, payload: bytes, form: type[F]) -> F:
    try:
        return msgspec.json.decode(payload, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unknown(market, str(error), payload) from None


def _unknown(market: str, why: str, payload: bytes) -> InvalidResponseError:
    excerpt = payload[:120].decode("utf-8", "backslashreplace")
    return InvalidResponseError(market, f"unknown control frame: {why}; it begins {excerpt!r}", outcome=Outcome.UNKNOWN)
