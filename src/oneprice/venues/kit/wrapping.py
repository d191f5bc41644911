"""Descriptions moved below a key: for venues that send the same payload bare and wrapped."""

from __future__ import annotations

import msgspec

from oneprice.core.describe import Message, Stream, Time

_PLACES = (
    *("symbol", "bids", "asks", "full_when", "first", "previous", "last", "id", "side"),
    *("bid_price", "bid_quantity", "ask_price", "ask_quantity", "price_path", "quantity_path"),
)


def wrapped(stream: Stream, key: str) -> Stream:
    """The same payloads, standing under `key` of a frame. Raises ValueError for trades in rows."""
    return msgspec.structs.replace(stream, messages=tuple(_below(key, told) for told in stream.messages))


def _below(key: str, message: Message) -> Message:
    if getattr(message, "rows", ""):
        raise ValueError(f"{message.name}: trades in rows cannot be wrapped")
    changes: dict[str, object] = {
        "when": tuple(msgspec.structs.replace(test, path=f"{key}.{test.path}") for test in message.when),
        "time": message.time and Time(f"{key}.{message.time.path}", message.time.unit),
    }
    for name in _PLACES:
        told = getattr(message, name, None)
        if isinstance(told, str) and told:
            changes[name] = f"{key}.{told}"
        elif isinstance(told, tuple):
            changes[name] = tuple(f"{key}.{path}" for path in told)
    return msgspec.structs.replace(message, **changes)
