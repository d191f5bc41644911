"""Write the protobuf frames of MEXC's spot websocket (proto3, no package).

`MESSAGES` is the field table of the published .proto files (fact sheet, section 7), without the messages of retired
channels and without what `PrivateOrdersV3Api` tells of trigger orders and internal ids. `encode` turns the values of
one message into bytes:

* proto3 leaves zero values out: an empty string, 0, false, and an empty list write nothing;
* a single sub-message that is given is written even when it is empty (its tag and length 0);
* a field name the table does not know is a `ValueError`: a misspelt field would otherwise vanish silently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from msgspec import Struct

__all__ = ["MESSAGES", "Field", "Value", "encode", "varint"]

Value: TypeAlias = "str | int | Mapping[str, Value] | Iterable[Mapping[str, Value]]"

_VARINT: Final = 0
_LENGTH_DELIMITED: Final = 2
_VARINT_NAMES: Final = {"int": "integer", "bool": "truth value"}


class Field(Struct, frozen=True):
    """One field: number, name, kind (`str`, `int`, `bool`, or a message name) and whether it repeats.

    Only messages repeat on this wire. `int` covers int32 and int64: both are plain varints.
    """

    number: int
    name: str
    kind: str
    repeated: bool = False


def _fields(*names: str, kind: str = "str", start: int = 1) -> tuple[Field, ...]:
    return tuple(Field(number, name, kind) for number, name in enumerate(names, start))


_LEVELS: Final = (
    Field(1, "asks", "DepthItem", repeated=True),
    Field(2, "bids", "DepthItem", repeated=True),
    Field(3, "eventType", "str"),
)
_TOP: Final = _fields("bidPrice", "bidQuantity", "askPrice", "askQuantity")

MESSAGES: Final[Mapping[str, tuple[Field, ...]]] = {
    "PushDataV3ApiWrapper": (
        Field(1, "channel", "str"),
        Field(3, "symbol", "str"),
        Field(4, "symbolId", "str"),
        Field(5, "createTime", "int"),
        Field(6, "sendTime", "int"),
        Field(303, "publicLimitDepths", "PublicLimitDepthsV3Api"),
        Field(304, "privateOrders", "PrivateOrdersV3Api"),
        Field(306, "privateDeals", "PrivateDealsV3Api"),
        Field(307, "privateAccount", "PrivateAccountV3Api"),
        Field(308, "publicSpotKline", "PublicSpotKlineV3Api"),
        Field(309, "publicMiniTicker", "PublicMiniTickerV3Api"),
        Field(310, "publicMiniTickers", "PublicMiniTickersV3Api"),
        Field(311, "publicBookTickerBatch", "PublicBookTickerBatchV3Api"),
        Field(313, "publicAggreDepths", "PublicAggreDepthsV3Api"),
        Field(314, "publicAggreDeals", "PublicAggreDealsV3Api"),
        Field(315, "publicAggreBookTicker", "PublicAggreBookTickerV3Api"),
    ),
    "DepthItem": _fields("price", "quantity"),
    "PublicAggreDepthsV3Api": (
        *_LEVELS,
        Field(4, "fromVersion", "str"),
        Field(5, "toVersion", "str"),
        Field(6, "lastOrderCreateTime", "int"),
    ),
    "PublicLimitDepthsV3Api": (*_LEVELS, Field(4, "version", "str"), Field(5, "lastOrderCreateTime", "int")),
    "PublicBookTickerV3Api": _TOP,
    "PublicAggreBookTickerV3Api": (
        *_TOP,
        Field(5, "version", "str"),
        Field(6, "lastOrderCreateTime", "int"),
    ),
    "PublicBookTickerBatchV3Api": (
        Field(1, "items", "PublicBookTickerV3Api", repeated=True),
        Field(2, "version", "str"),
        Field(3, "lastOrderCreateTime", "int"),
    ),
    "PublicAggreDealsV3ApiItem": (
        *_fields("price", "quantity"),
        *_fields("tradeType", "time", kind="int", start=3),
        Field(5, "tradeId", "str"),
    ),
    "PublicAggreDealsV3Api": (
        Field(1, "deals", "PublicAggreDealsV3ApiItem", repeated=True),
        Field(2, "eventType", "str"),
    ),
    "PublicSpotKlineV3Api": (
        Field(1, "interval", "str"),
        Field(2, "windowStart", "int"),
        *_fields(
            "openingPrice", "closingPrice", "highestPrice", "lowestPrice", "volume", "amount", start=3
        ),
        Field(9, "windowEnd", "int"),
    ),
    "PublicMiniTickerV3Api": _fields(
        "symbol", "price", "rate", "zonedRate", "high", "low", "volume", "quantity",
        "lastCloseRate", "lastCloseZonedRate", "lastCloseHigh", "lastCloseLow",
    ),
    "PublicMiniTickersV3Api": (Field(1, "items", "PublicMiniTickerV3Api", repeated=True),),
    "PrivateOrdersV3Api": (
        *_fields("id", "clientId", "price", "quantity", "amount", "avgPrice"),
        *_fields("orderType", "tradeType", kind="int", start=7),
        Field(9, "isMaker", "bool"),
        *_fields(
            "remainAmount", "remainQuantity", "lastDealQuantity", "cumulativeQuantity", "cumulativeAmount", start=10
        ),
        *_fields("status", "createTime", kind="int", start=15),
    ),
    "PrivateDealsV3Api": (
        *_fields("price", "quantity", "amount"),
        Field(4, "tradeType", "int"),
        *_fields("isMaker", "isSelfTrade", kind="bool", start=5),
        *_fields("tradeId", "clientOrderId", "orderId", "feeAmount", "feeCurrency", start=7),
        Field(12, "time", "int"),
    ),
    "PrivateAccountV3Api": (
        *_fields(
            "vcoinName", "coinId", "balanceAmount", "balanceAmountChange", "frozenAmount", "frozenAmountChange", "type"
        ),
        Field(8, "time", "int"),
    ),
}  # fmt: skip


def encode(message: str, values: Mapping[str, Value]) -> bytes:
    """The wire bytes of one `message`; fields go out in the order of their numbers.

    Raises `ValueError` for an unknown message or field, `TypeError` for a value of the wrong kind.
    """
    fields = _COMPILED.get(message)
    if fields is None:
        raise ValueError(f"no protobuf message is called {message!r}; see MESSAGES")
    out = bytearray()
    written = 0
    for name, tag, kind, repeated in fields:
        value = values.get(name)
        if value is None:
            written += name in values
            continue
        written += 1
        _write(out, tag, kind, repeated, value)
    if written != len(values):
        unknown = sorted(set(values) - {entry[0] for entry in fields})
        raise ValueError(f"{message} has no field {', '.join(unknown)}")
    return bytes(out)


def varint(number: int) -> bytes:
    """A base-128 varint; negative numbers take ten bytes, as int32/int64 do in proto3."""
    remaining = number & 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while remaining > 0x7F:
        out.append(0x80 | (remaining & 0x7F))
        remaining >>= 7
    out.append(remaining)
    return bytes(out)


def _write(out: bytearray, tag: bytes, kind: str, repeated: bool, value: Value) -> None:
    if kind == "str":
        if not isinstance(value, str):
            raise TypeError(f"a protobuf string was expected, got {value!r}")
        if value:
            _write_bytes(out, tag, value.encode())
    elif kind in ("int", "bool"):
        if not isinstance(value, int) or isinstance(value, bool) is not (kind == "bool"):
            raise TypeError(f"a protobuf {_VARINT_NAMES[kind]} was expected, got {value!r}")
        if value:
            out += tag
            out += varint(value)
    elif repeated:
        if isinstance(value, str | int | Mapping):
            raise TypeError(f"a list of {kind} was expected, got {value!r}")
        for item in value:
            _write_bytes(out, tag, encode(kind, item))
    else:
        if not isinstance(value, Mapping):
            raise TypeError(f"one {kind} was expected, got {value!r}")
        _write_bytes(out, tag, encode(kind, value))


def _write_bytes(out: bytearray, tag: bytes, payload: bytes) -> None:
    out += tag
    out += varint(len(payload))
    out += payload


def _tag(field: Field) -> bytes:
    wire_type = _VARINT if field.kind in _VARINT_NAMES else _LENGTH_DELIMITED
    return varint(field.number << 3 | wire_type)


_COMPILED: Final = {
    message: tuple((field.name, _tag(field), field.kind, field.repeated) for field in fields)
    for message, fields in MESSAGES.items()
}
