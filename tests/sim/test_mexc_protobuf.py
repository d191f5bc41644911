"""MEXC's protobuf frames, judged by google.protobuf with descriptors of the published field numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from hypothesis import given, settings
from hypothesis import strategies as st

from oneprice.sim.dialects.mexc.protobuf import MESSAGES, encode, varint

# Written again from the fact sheet, not taken from the writer: `name:number:type`, `*` repeats.
PUBLISHED: dict[str, str] = {
    "PushDataV3ApiWrapper": (
        "channel:1:s symbol:3:s symbolId:4:s createTime:5:i sendTime:6:i "
        "publicLimitDepths:303:PublicLimitDepthsV3Api privateOrders:304:PrivateOrdersV3Api "
        "privateDeals:306:PrivateDealsV3Api privateAccount:307:PrivateAccountV3Api "
        "publicSpotKline:308:PublicSpotKlineV3Api "
        "publicMiniTicker:309:PublicMiniTickerV3Api publicMiniTickers:310:PublicMiniTickersV3Api "
        "publicBookTickerBatch:311:PublicBookTickerBatchV3Api "
        "publicAggreDepths:313:PublicAggreDepthsV3Api publicAggreDeals:314:PublicAggreDealsV3Api "
        "publicAggreBookTicker:315:PublicAggreBookTickerV3Api"
    ),
    "DepthItem": "price:1:s quantity:2:s",
    "PublicAggreDepthsV3Api": (
        "asks:1:*DepthItem bids:2:*DepthItem eventType:3:s fromVersion:4:s toVersion:5:s lastOrderCreateTime:6:i"
    ),
    "PublicLimitDepthsV3Api": ("asks:1:*DepthItem bids:2:*DepthItem eventType:3:s version:4:s lastOrderCreateTime:5:i"),
    "PublicBookTickerV3Api": "bidPrice:1:s bidQuantity:2:s askPrice:3:s askQuantity:4:s",
    "PublicAggreBookTickerV3Api": (
        "bidPrice:1:s bidQuantity:2:s askPrice:3:s askQuantity:4:s version:5:s lastOrderCreateTime:6:i"
    ),
    "PublicBookTickerBatchV3Api": "items:1:*PublicBookTickerV3Api version:2:s lastOrderCreateTime:3:i",
    "PublicAggreDealsV3ApiItem": "price:1:s quantity:2:s tradeType:3:n time:4:i tradeId:5:s",
    "PublicAggreDealsV3Api": "deals:1:*PublicAggreDealsV3ApiItem eventType:2:s",
    "PublicSpotKlineV3Api": (
        "interval:1:s windowStart:2:i openingPrice:3:s closingPrice:4:s highestPrice:5:s lowestPrice:6:s "
        "volume:7:s amount:8:s windowEnd:9:i"
    ),
    "PublicMiniTickerV3Api": (
        "symbol:1:s price:2:s rate:3:s zonedRate:4:s high:5:s low:6:s volume:7:s quantity:8:s "
        "lastCloseRate:9:s lastCloseZonedRate:10:s lastCloseHigh:11:s lastCloseLow:12:s"
    ),
    "PublicMiniTickersV3Api": "items:1:*PublicMiniTickerV3Api",
    "PrivateOrdersV3Api": (
        "id:1:s clientId:2:s price:3:s quantity:4:s amount:5:s avgPrice:6:s orderType:7:n tradeType:8:n isMaker:9:b "
        "remainAmount:10:s remainQuantity:11:s lastDealQuantity:12:s cumulativeQuantity:13:s cumulativeAmount:14:s "
        "status:15:n createTime:16:i"
    ),
    "PrivateDealsV3Api": (
        "price:1:s quantity:2:s amount:3:s tradeType:4:n isMaker:5:b isSelfTrade:6:b tradeId:7:s clientOrderId:8:s "
        "orderId:9:s feeAmount:10:s feeCurrency:11:s time:12:i"
    ),
    "PrivateAccountV3Api": (
        "vcoinName:1:s coinId:2:s balanceAmount:3:s balanceAmountChange:4:s frozenAmount:5:s frozenAmountChange:6:s "
        "type:7:s time:8:i"
    ),
}
TYPES = {"s": 9, "i": 3, "n": 5, "b": 8}  # TYPE_STRING, TYPE_INT64, TYPE_INT32, TYPE_BOOL


def published_classes() -> Mapping[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="mexc_witness.proto", syntax="proto3", package="witness")
    for message, fields in PUBLISHED.items():
        described = file.message_type.add(name=message)
        for text in fields.split():
            name, number, kind = text.split(":")
            field = described.field.add(name=name, number=int(number), json_name=name)
            field.label = 3 if kind.startswith("*") else 1
            kind = kind.removeprefix("*")
            if kind in TYPES:
                field.type = TYPES[kind]
            else:
                field.type, field.type_name = 11, f".witness.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        message: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"witness.{message}"))
        for message in PUBLISHED
    }


WITNESS = published_classes()


def read(message: str, payload: bytes) -> dict[str, Any]:
    """What google.protobuf finds; int64 comes as text, zero values are absent."""
    parsed = WITNESS[message]()
    parsed.ParseFromString(payload)
    return json_format.MessageToDict(parsed, preserving_proto_field_name=True)


def as_witness_shows(message: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as `MessageToDict` would print them."""
    shown: dict[str, Any] = {}
    kinds = {text.split(":")[0]: text.split(":")[2] for text in PUBLISHED[message].split()}
    for name, value in values.items():
        kind = kinds[name]
        if kind.startswith("*"):
            if value:
                shown[name] = [as_witness_shows(kind[1:], item) for item in value]
        elif kind not in TYPES:
            shown[name] = as_witness_shows(kind, value)
        elif value:
            shown[name] = str(value) if kind == "i" else value
    return shown


def values_of(message: str) -> st.SearchStrategy[dict[str, Any]]:
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for text in PUBLISHED[message].split():
        name, _, kind = text.split(":")
        if kind.startswith("*"):
            optional[name] = st.lists(values_of(kind[1:]), max_size=3)
        elif kind == "s":
            optional[name] = st.text(max_size=12)
        elif kind == "i":
            optional[name] = st.integers(-(2**63), 2**63 - 1)
        elif kind == "n":
            optional[name] = st.integers(-(2**31), 2**31 - 1)
        elif kind == "b":
            optional[name] = st.booleans()
        else:
            optional[name] = values_of(kind)
    return st.fixed_dictionaries({}, optional=optional)


def test_the_writers_table_is_the_published_one() -> None:
    kinds = {"s": "str", "i": "int", "n": "int", "b": "bool"}
    for message, fields in PUBLISHED.items():
        published = [text.split(":") for text in fields.split()]
        assert [(field.name, str(field.number), field.kind, field.repeated) for field in MESSAGES[message]] == [
            (name, number, kinds.get(kind.lstrip("*"), kind.lstrip("*")), kind.startswith("*"))
            for name, number, kind in published
        ]
    assert set(MESSAGES) == set(PUBLISHED)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_google_protobuf_reads_back_every_message(data: st.DataObject) -> None:
    message = data.draw(st.sampled_from(sorted(set(PUBLISHED) - {"PushDataV3ApiWrapper"})))
    values = data.draw(values_of(message))
    assert read(message, encode(message, values)) == as_witness_shows(message, values)


def test_a_depth_frame_has_the_bytes_of_the_wire() -> None:
    frame = encode(
        "PushDataV3ApiWrapper",
        {"channel": "c", "symbol": "S", "publicAggreDepths": {"bids": [{"price": "1", "quantity": "0"}]}},
    )
    assert frame.hex(" ") == "0a 01 63 1a 01 53 ca 13 08 12 06 0a 01 31 12 01 30"


def test_an_empty_body_is_present_and_a_missing_one_is_not() -> None:
    assert read("PushDataV3ApiWrapper", encode("PushDataV3ApiWrapper", {"publicAggreDepths": {}})) == {
        "publicAggreDepths": {}
    }
    assert read("PushDataV3ApiWrapper", encode("PushDataV3ApiWrapper", {"channel": "x"})) == {"channel": "x"}


@pytest.mark.parametrize(("number", "bytes_"), [(0, "00"), (1, "01"), (300, "ac02"), (-1, "ffffffffffffffffff01")])
def test_varints(number: int, bytes_: str) -> None:
    assert varint(number).hex() == bytes_


def test_a_misspelt_field_or_wrong_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="has no field pric"):
        encode("DepthItem", {"pric": "1"})
    with pytest.raises(ValueError, match="no protobuf message"):
        encode("DepthItems", {})
    with pytest.raises(TypeError, match="string was expected"):
        encode("DepthItem", {"price": 1})
    with pytest.raises(TypeError, match="integer was expected"):
        encode("PublicSpotKlineV3Api", {"windowStart": "1"})
    with pytest.raises(TypeError, match="truth value was expected"):
        encode("PrivateDealsV3Api", {"isMaker": 1})
    with pytest.raises(TypeError, match="list of DepthItem"):
        encode("PublicAggreDepthsV3Api", {"bids": {"price": "1"}})
    with pytest.raises(TypeError, match="one PublicAggreDealsV3Api"):
        encode("PushDataV3ApiWrapper", {"publicAggreDeals": []})
