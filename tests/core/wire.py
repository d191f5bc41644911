"""A made-up venue that speaks protobuf, written field by field."""

from __future__ import annotations

from collections.abc import Sequence

from tests.core.dialects import QUOTED_SNAPSHOT, Best, Change, Deal, Dialect, Levels, quoted_body

from oneprice.core.describe import Condition, Depth, LevelShape, Quote, Stream, Time, Trades


def varint(value: int) -> bytes:
    """A protobuf varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, value: int | str | bytes) -> bytes:
    """One field: an int as a varint, text and bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def fixed64(number: int, data: bytes = b"12345678") -> bytes:
    """A field of eight bytes, which the core passes over."""
    return varint(number << 3 | 1) + data


def _levels(number: int, levels: Levels) -> bytes:
    return b"".join([field(number, field(1, price) + field(2, quantity)) for price, quantity in levels])


def _frame(symbol: str, number: int, body: bytes, ms: int) -> bytes:
    return field(1, "channel") + field(3, symbol) + field(6, ms) + fixed64(9) + field(number, body)


def _depth(change: Change) -> bytes:
    sides = _levels(1, change.asks) + _levels(2, change.bids)
    if change.whole:
        return _frame(change.symbol, 303, sides + field(4, str(change.last)), change.ms)
    last = field(5, str(change.last)) if change.last & 1 else field(6, change.last)
    return _frame(change.symbol, 313, sides + field(4, str(change.previous + 1)) + last, change.ms)


def _quote(best: Best) -> bytes:
    body = field(1, best.bid[0]) + field(2, best.bid[1]) + field(3, best.ask[0]) + field(4, best.ask[1])
    return _frame(best.symbol, 315, body + field(5, best.id), best.ms)


def _trades(deals: Sequence[Deal]) -> bytes:
    if len(deals) == 1:
        deal = deals[0]
        body = field(1, deal.price) + field(2, deal.quantity) + field(3, int(deal.buys)) + field(4, deal.ms)
        return _frame(deal.symbol, 316, body, deal.ms)
    rows = [
        field(1, deal.price)
        + field(2, deal.quantity)
        + field(3, 1 if deal.buys else 2)
        + field(4, deal.ms)
        + field(5, f"id{deal.id}")
        for deal in deals
    ]
    return _frame(deals[0].symbol, 314, b"".join([field(1, row) for row in rows]), deals[0].ms)


_LEVEL = LevelShape("object", price_key="1", quantity_key="2")
_SENT = Time("6")

WIRE = Dialect(
    name="wire",
    stream=Stream(
        format="protobuf",
        messages=(
            Depth(
                name="depth",
                when=(Condition("313", has=True),),
                symbol="3",
                first=("313.4",),
                last=("313.5", "313.6"),
                asks="313.1",
                bids="313.2",
                level=_LEVEL,
                may_miss_side=True,
                time=_SENT,
            ),
            Quote(
                name="quote",
                when=(Condition("315", has=True),),
                symbol="3",
                bid_price="315.1",
                bid_quantity="315.2",
                ask_price="315.3",
                ask_quantity="315.4",
                id=("315.5",),
                linked=True,
                time=_SENT,
            ),
            Trades(
                name="trades",
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
            Trades(
                name="trade",
                when=(Condition("316", has=True),),
                symbol="3",
                price_path="316.1",
                quantity_path="316.2",
                side="316.3",
                buy="1",
                sell="0",
                time=Time("316.4"),
            ),
            Depth(
                name="whole",
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
    ),
    snapshot=QUOTED_SNAPSHOT,
    depth=_depth,
    quote=_quote,
    trades=_trades,
    body=quoted_body,
    linked=True,
)
