"""Binance's market streams: what the frames hold, what is sent, and what control frames say.

Payloads are described bare, as `/ws/<stream>` sends them and recordings hold them; connections use the
combined form `{"stream":..,"data":payload}`, which is the same wrapped in `data`.
Source: binance-spot-api-docs web-socket-streams.md; USDⓈ-M market streams.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from oneprice.core.describe import Condition, Depth, Quote, Snapshot, Stream, Time, Trades
from oneprice.venues.kit import Ack, Closing, Control, Refusal, invalid


def _is(event: str) -> Condition:
    return Condition("e", equals=event)


def _depth(*, first: tuple[str, ...] = (), previous: tuple[str, ...] = ()) -> Depth:
    return Depth(
        name="depth",
        when=(_is("depthUpdate"),),
        symbol="s",
        first=first,
        previous=previous,
        last=("u",),
        bids="b",
        asks="a",
        time=Time("E"),
    )


def _quote(time: Time | None) -> Quote:
    """Spot's bookTicker has no event name. `u` is on the counter of the depth stream's `u`."""
    return Quote(
        name="quote",
        when=(Condition("u", has=True), Condition("A", has=True)),
        symbol="s",
        bid_price="b",
        bid_quantity="B",
        ask_price="a",
        ask_quantity="A",
        id=("u",),
        linked=True,
        time=time,
    )


def _trades(name: str, number: str, *when: Condition) -> Trades:
    """`m` says that the buyer was the maker, so that the taker sold."""
    return Trades(
        name=name,
        when=when,
        symbol="s",
        price_path="p",
        quantity_path="q",
        side="m",
        buy="false",
        sell="true",
        id=number,
        time=Time("T"),
    )


_AGGREGATES = _trades("aggregates", "a", _is("aggTrade"))

SPOT_RAW = Stream(messages=(_depth(first=("U",)), _quote(None), _trades("trades", "t", _is("trade")), _AGGREGATES))
"""Spot. A depth change covers U to u."""

PUBLIC_RAW = Stream(
    messages=(
        _depth(previous=("pu",)),
        _quote(Time("E")),
        _trades("trades", "t", _is("trade"), Condition("X", equals="MARKET")),
        _trades("trades_unmarked", "t", _is("trade"), Condition("X", has=False)),
    )
)
"""Futures, `/public`. A depth change follows `pu`; U jumps, since all symbols share the counter.

Trades of the insurance fund and of deleveraging have another X; they match nothing and are left out.
"""

MARKET_RAW = Stream(messages=(_AGGREGATES,))
"""Futures, `/market`."""

SPOT_SNAPSHOT = Snapshot(last=("lastUpdateId",), bids="bids", asks="asks")
USDM_SNAPSHOT = Snapshot(last=("lastUpdateId",), bids="bids", asks="asks", time=Time("E"))

_UNUSED = frozenset(
    (
        *("trade", "aggTrade", "kline", "24hrTicker", "24hrMiniTicker", "markPriceUpdate", "referencePrice"),
        *("forceOrder", "contractInfo", "compositeIndex", "assetIndexUpdate", "bookTicker", "depthUpdate"),
    )
)
"""Events that may reach the codec though they are no control: market data that no description takes."""


def request(method: str, names: Sequence[str], number: int) -> bytes:
    """SUBSCRIBE or UNSUBSCRIBE."""
    return msgspec.json.encode({"method": method, "params": list(names), "id": number})


class _Failure(msgspec.Struct):
    code: int
    msg: str


class _Event(msgspec.Struct):
    e: str = ""


class _Frame(_Event):
    data: _Event | None = None
    result: None = None
    id: int | None = None
    code: int | None = None
    msg: str = ""
    error: _Failure | None = None


_DECODER = msgspec.json.Decoder(_Frame)


def read_control(payload: bytes, binary: bool, venue: str) -> list[Control]:
    """Acknowledgements, refusals, the notice of a shutdown. Raises InvalidResponseError.

    An error comes as `{"code":2,"msg":".."}`, without the number of the message that it answers, or with it.
    """
    what = "a binary frame" if binary else "a stream"
    try:
        told = _Frame() if binary else _DECODER.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(venue, what, str(error), payload) from None
    event = told.data.e if told.data else told.e
    failure = told.error or (None if told.code is None else _Failure(told.code, told.msg))
    if event == "serverShutdown":
        return [Closing("the server restarts soon")]
    if event in _UNUSED:
        return []
    if failure is not None:
        reason = f"{failure.msg} (code {failure.code})"
        return [Refusal(reason)] if told.id is None else [Ack(told.id, {"": reason})]
    if told.id is not None:
        return [Ack(told.id)]
    raise invalid(venue, what, "no known kind of message", payload)
