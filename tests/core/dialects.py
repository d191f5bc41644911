"""Made-up venues that between them use every word of the description language, and how each writes its frames.

Prices and quantities come as text. A dialect writes what it is told, right or wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from oneprice.core.describe import Condition, Depth, LevelShape, Quote, Snapshot, Stream, Time, Trades

Levels = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Change:
    """What a depth frame says: the updates after `previous` up to `last`, or the whole book."""

    symbol: str
    previous: int
    last: int
    bids: Levels
    asks: Levels
    whole: bool
    ms: int


@dataclass(frozen=True)
class Best:
    """What a quote says. An empty side has empty texts."""

    symbol: str
    id: int
    bid: tuple[str, str]
    ask: tuple[str, str]
    ms: int


@dataclass(frozen=True)
class Deal:
    """A trade; `buys` is the taker's side."""

    symbol: str
    price: str
    quantity: str
    buys: bool
    id: int
    ms: int


@dataclass(frozen=True)
class Dialect:
    """One venue: its description, and its frames. `bare`: numbers stand without quotes. `linked`: quotes are on the
    depth counter. `whole_only`: there are no changes, only whole books."""

    name: str
    stream: Stream
    snapshot: Snapshot
    depth: Callable[[Change], bytes]
    quote: Callable[[Best], bytes]
    trades: Callable[[Sequence[Deal]], bytes]
    body: Callable[[Change], bytes]
    bare: bool = False
    linked: bool = False
    whole_only: bool = False


def arrays(levels: Levels) -> str:
    return "[" + ",".join([f'["{price}","{quantity}"]' for price, quantity in levels]) + "]"


def bare_arrays(levels: Levels) -> str:
    return "[" + ",".join([f"[{price},{quantity},1]" for price, quantity in levels]) + "]"


def objects(levels: Levels) -> str:
    return "[" + ",".join([f'{{"s":"{quantity}","p":"{price}"}}' for price, quantity in levels]) + "]"


def quoted_body(book: Change) -> bytes:
    text = f'{{"lastUpdateId":{book.last},"bids":{arrays(book.bids)},"asks":{arrays(book.asks)}}}'
    return text.encode()


QUOTED_SNAPSHOT = Snapshot(last=("lastUpdateId",), bids="bids", asks="asks")

# ---------------------------------------------------------------------- wrapped frames, first and last, linked quotes


def _wrapped_depth(change: Change) -> bytes:
    return (
        f'{{"stream":"x@depth","data":{{"e":"depthUpdate","E":{change.ms},"s":"{change.symbol}",'
        f'"U":{change.previous + 1},"u":{change.last},"b":{arrays(change.bids)},"a":{arrays(change.asks)}}}}}'
    ).encode()


def _wrapped_quote(best: Best) -> bytes:
    return (
        f'{{"stream":"x@bookTicker","data":{{"u":{best.id},"s":"{best.symbol}","b":"{best.bid[0]}",'
        f'"B":"{best.bid[1]}","a":"{best.ask[0]}","A":"{best.ask[1]}"}}}}'
    ).encode()


def _wrapped_trade(deals: Sequence[Deal]) -> bytes:
    deal = deals[0]
    return (
        f'{{"stream":"x@trade","data":{{"e":"trade","E":{deal.ms},"s":"{deal.symbol}","t":{deal.id},"p":"{deal.price}",'
        f'"q":"{deal.quantity}","T":{deal.ms},"m":{"false" if deal.buys else "true"},"M":true}}}}'
    ).encode()


WRAPPED = Dialect(
    name="wrapped",
    stream=Stream(
        messages=(
            Depth(
                name="depth",
                when=(Condition("data.e", equals="depthUpdate"),),
                symbol="data.s",
                first=("data.U",),
                last=("data.u",),
                bids="data.b",
                asks="data.a",
                time=Time("data.E"),
            ),
            Quote(
                name="quote",
                when=(Condition("stream", suffix="@bookTicker"),),
                symbol="data.s",
                bid_price="data.b",
                bid_quantity="data.B",
                ask_price="data.a",
                ask_quantity="data.A",
                id=("data.u",),
                linked=True,
            ),
            Trades(
                name="trades",
                when=(Condition("data.e", equals="trade"),),
                symbol="data.s",
                price_path="data.p",
                quantity_path="data.q",
                side="data.m",
                buy="false",
                sell="true",
                id="data.t",
                time=Time("data.T"),
            ),
        )
    ),
    snapshot=QUOTED_SNAPSHOT,
    depth=_wrapped_depth,
    quote=_wrapped_quote,
    trades=_wrapped_trade,
    body=quoted_body,
    linked=True,
)

# ---------------------------------------------------------------------- raw frames, previous, short frames allowed


def _raw_depth(change: Change) -> bytes:
    return (
        f'{{"e":"depthUpdate","E":{change.ms},"T":{change.ms}.5,"s":"{change.symbol}","U":{change.previous + 1},'
        f'"u":{change.last},"pu":{change.previous},"b":{arrays(change.bids)},"a":{arrays(change.asks)}}}'
    ).encode()


def _raw_quote(best: Best) -> bytes:
    return (
        f'{{"e":"bookTicker","u":{best.id},"s":"{best.symbol}","b":"{best.bid[0]}","B":"{best.bid[1]}",'
        f'"a":"{best.ask[0]}","A":"{best.ask[1]}","T":{best.ms},"E":{best.ms}}}'
    ).encode()


def _raw_trade(deals: Sequence[Deal]) -> bytes:
    deal = deals[0]
    sign = "" if deal.buys else "-"
    return (
        f'{{"e":"aggTrade","s":"{deal.symbol}","a":"{deal.id}","p":"{deal.price}","q":"{sign}{deal.quantity}",'
        f'"T":{deal.ms * 1000}}}'
    ).encode()


RAW = Dialect(
    name="raw",
    stream=Stream(
        frame_bytes_max=1500,
        messages=(
            Depth(
                name="depth",
                when=(Condition("e", equals="depthUpdate"),),
                symbol="s",
                previous=("pu",),
                last=("u",),
                bids="b",
                asks="a",
                time=Time("T"),
            ),
            Quote(
                name="quote",
                when=(Condition("e", equals="bookTicker"),),
                symbol="s",
                bid_price="b",
                bid_quantity="B",
                ask_price="a",
                ask_quantity="A",
                id=("u",),
                linked=True,
                time=Time("E"),
            ),
            Trades(
                name="trades",
                when=(Condition("e", prefix="agg"),),
                symbol="s",
                price_path="p",
                quantity_path="q",
                id="a",
                time=Time("T", "us"),
            ),
        ),
    ),
    snapshot=QUOTED_SNAPSHOT,
    depth=_raw_depth,
    quote=_raw_quote,
    trades=_raw_trade,
    body=quoted_body,
    linked=True,
)

# ---------------------------------------------------------------------- bare numbers, alternatives, sides left out


def _bare_depth(change: Change) -> bytes:
    sides = []
    if change.asks or change.whole:
        sides.append(f'"asks":{bare_arrays(change.asks)}')
    if change.bids or change.whole:
        sides.append(f'"bids":{bare_arrays(change.bids)}')
    numbers = f'"begin":{change.previous + 1},"end":{change.last}' if change.last & 1 else f'"version":{change.last}'
    if not change.last & 1 and change.previous + 1 != change.last:
        numbers = f'"begin":{change.previous + 1},"end":0,"version":{change.last}'
    inner = ",".join([*sides, numbers, f'"full":{"true" if change.whole else "false"}'])
    return f'{{"channel":"push.depth","data":{{{inner}}},"symbol":"{change.symbol}","ts":{change.ms}}}'.encode()


def _bare_quote(best: Best) -> bytes:
    bid_price, bid_quantity, ask_price, ask_quantity = [text or "null" for text in (*best.bid, *best.ask)]
    return (
        f'{{"channel":"push.ticker","symbol":"{best.symbol}","data":{{"bid1":{bid_price},"bidQ":{bid_quantity},'
        f'"ask1":{ask_price},"askQ":{ask_quantity}}},"ts":{best.ms}}}'
    ).encode()


def _bare_trades(deals: Sequence[Deal]) -> bytes:
    rows = [
        f'{{"p":{deal.price},"v":{deal.quantity},"T":{1 if deal.buys else 2},"t":{deal.ms},"i":"{deal.id}"}}'
        for deal in deals
    ]
    symbol = deals[0].symbol
    return f'{{"channel":"push.deal","data":[{",".join(rows)}],"symbol":"{symbol}","ts":{deals[0].ms}}}'.encode()


def _bare_body(book: Change) -> bytes:
    return (
        f'{{"success":true,"code":0,"data":{{"asks":{bare_arrays(book.asks)},"bids":{bare_arrays(book.bids)},'
        f'"version":{book.last},"timestamp":{book.ms}}}}}'
    ).encode()


_BARE = LevelShape(price="bare", quantity="bare")

BARE = Dialect(
    name="bare",
    stream=Stream(
        messages=(
            Depth(
                name="depth",
                when=(Condition("channel", equals="push.depth"),),
                symbol="symbol",
                first=("data.begin", "data.version"),
                last=("data.end", "data.version"),
                bids="data.bids",
                asks="data.asks",
                level=_BARE,
                full_when="data.full",
                may_miss_side=True,
                time=Time("ts"),
            ),
            Quote(
                name="quote",
                when=(Condition("channel", equals="push.ticker"),),
                symbol="symbol",
                bid_price="data.bid1",
                bid_quantity="data.bidQ",
                ask_price="data.ask1",
                ask_quantity="data.askQ",
                price="bare",
                quantity="bare",
                time=Time("ts"),
            ),
            Trades(
                name="trades",
                when=(Condition("channel", equals="push.deal"),),
                symbol="symbol",
                rows="data",
                price_path="p",
                quantity_path="v",
                side="T",
                buy="1",
                sell="2",
                id="i",
                price="bare",
                quantity="bare",
                time=Time("t"),
            ),
        )
    ),
    snapshot=Snapshot(
        last=("data.version",), bids="data.bids", asks="data.asks", level=_BARE, time=Time("data.timestamp")
    ),
    depth=_bare_depth,
    quote=_bare_quote,
    trades=_bare_trades,
    body=_bare_body,
    bare=True,
)

# ---------------------------------------------------------------------- levels as objects, sampled quotes, row_symbol


def _object_depth(change: Change) -> bytes:
    whole = '"full":true,' if change.whole else ""
    return (
        f'{{"time":{change.ms // 1000},"channel":"ob.update","event":"update","result":{{{whole}"t":{change.ms},'
        f'"s":"{change.symbol}","U":{change.previous + 1},"u":{change.last},"b":{objects(change.bids)},'
        f'"a":{objects(change.asks)}}}}}'
    ).encode()


def _object_quote(best: Best) -> bytes:
    bid_quantity, ask_quantity = best.bid[1] or "0", best.ask[1] or '"0"'
    return (
        f'{{"channel":"ob.ticker","event":"update","result":{{"t":{best.ms},"u":{best.id},"s":"{best.symbol}",'
        f'"b":"{best.bid[0]}","B":{bid_quantity},"a":"{best.ask[0]}","A":{ask_quantity}}}}}'
    ).encode()


def _object_trades(deals: Sequence[Deal]) -> bytes:
    rows = [
        f'{{"size":{"" if deal.buys else "-"}{deal.quantity},"id":{deal.id},"create_time_ms":{deal.ms}.125,'
        f'"price":"{deal.price}","contract":"{deal.symbol}"}}'
        for deal in deals
    ]
    return f'{{"channel":"ob.trades","event":"update","result":[{",".join(rows)}]}}'.encode()


def _object_body(book: Change) -> bytes:
    return (
        f'{{"current":{book.ms / 1000},"id":{book.last},"asks":{objects(book.asks)},"bids":{objects(book.bids)}}}'
    ).encode()


_OBJECT = LevelShape("object", price_key="p", quantity_key="s", quantity="any")

OBJECT = Dialect(
    name="object",
    stream=Stream(
        messages=(
            Depth(
                name="depth",
                when=(Condition("channel", equals="ob.update"), Condition("event", equals="update")),
                symbol="result.s",
                first=("result.U",),
                last=("result.u",),
                bids="result.b",
                asks="result.a",
                level=_OBJECT,
                full_when="result.full",
                levels_max=8,
                time=Time("result.t"),
            ),
            Quote(
                name="quote",
                when=(Condition("channel", equals="ob.ticker"), Condition("event", equals="update")),
                symbol="result.s",
                bid_price="result.b",
                bid_quantity="result.B",
                ask_price="result.a",
                ask_quantity="result.A",
                quantity="any",
                id=("result.u",),
                sampled=True,
                time=Time("result.t"),
            ),
            Trades(
                name="trades",
                when=(Condition("channel", equals="ob.trades"), Condition("event", equals="update")),
                symbol="",
                rows="result",
                row_symbol="contract",
                price_path="price",
                quantity_path="size",
                quantity="any",
                id="id",
                time=Time("create_time_ms"),
            ),
        )
    ),
    snapshot=Snapshot(last=("id",), bids="bids", asks="asks", level=_OBJECT, time=Time("current", "s")),
    depth=_object_depth,
    quote=_object_quote,
    trades=_object_trades,
    body=_object_body,
    linked=True,
)

# ---------------------------------------------------------------------- whole books only, numbers in either form


def _either(levels: Levels) -> str:
    rows = [f'["{price}",{quantity},"0",[]]' for price, quantity in levels]
    return "[" + ",".join(rows) + "]"


def _whole_depth(change: Change) -> bytes:
    return (
        f'{{"ch":"books5","sym":"{change.symbol}","ver":null,"seq":"{change.last}","ts":"{change.ms / 1000}",'
        f'"bids":{_either(change.bids)},"asks":{_either(change.asks)}}}'
    ).encode()


def _whole_quote(best: Best) -> bytes:
    bid_price, bid_quantity = best.bid[0] or '""', best.bid[1] or '""'
    return (
        f'{{"ch":"bbo","sym":"{best.symbol}","seq":{best.id},"us":{best.ms * 1000},'
        f'"bid":{{"p":{bid_price},"q":{bid_quantity}}},"ask":{{"p":"{best.ask[0]}","q":"{best.ask[1]}"}}}}'
    ).encode()


def _whole_trades(deals: Sequence[Deal]) -> bytes:
    rows = [
        f'{{"px":"{deal.price}","sz":"{deal.quantity}","dir":"{"BUY" if deal.buys else "SELL"}",'
        f'"ns":{deal.ms * 10**6}}}'
        for deal in deals
    ]
    return f'{{"ch":"tr","sym":"{deals[0].symbol}","list":[{",".join(rows)}]}}'.encode()


WHOLE = Dialect(
    name="whole",
    stream=Stream(
        messages=(
            Depth(
                name="depth",
                when=(Condition("ch", prefix="books"),),
                symbol="sym",
                last=("ver", "seq"),
                bids="bids",
                asks="asks",
                level=LevelShape(price="any", quantity="any"),
                full=True,
                time=Time("ts", "s"),
            ),
            Trades(
                name="trades",
                when=(Condition("list", has=True), Condition("bids", has=False)),
                symbol="sym",
                rows="list",
                price_path="px",
                quantity_path="sz",
                side="dir",
                buy="BUY",
                sell="SELL",
                time=Time("ns", "ns"),
            ),
            Quote(
                name="quote",
                when=(Condition("bid.p", has=True),),
                symbol="sym",
                bid_price="bid.p",
                bid_quantity="bid.q",
                ask_price="ask.p",
                ask_quantity="ask.q",
                price="any",
                quantity="any",
                id=("seq",),
                time=Time("us", "us"),
            ),
        )
    ),
    snapshot=QUOTED_SNAPSHOT,
    depth=_whole_depth,
    quote=_whole_quote,
    trades=_whole_trades,
    body=quoted_body,
    bare=True,
    whole_only=True,
)
