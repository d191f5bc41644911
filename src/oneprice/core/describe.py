"""The language in which a venue describes its market-data frames.

A description is a table, not a parser: it says *where* in a frame the symbol, the sequence numbers and the
levels are, and what a level looks like. The core compiles it once into a one-pass scanner.

Paths
    JSON: keys joined by dots from the root, `"data.s"`. Protobuf: field numbers, `"313.4"`.
    Several alternatives may be given as a tuple; the first one that is present, not null and not zero counts.

Matching
    A frame belongs to the first message all of whose conditions hold. A frame that belongs to none is a control
    frame (acknowledgement, pong) and goes to the venue's codec.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Path = str
Paths = tuple[Path, ...]
NumberForm = Literal["quoted", "bare", "any"]
TimeUnit = Literal["s", "ms", "us", "ns"]


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One test on the frame. Exactly one of the tests is given; `has` asks only that the path is present."""

    path: Path
    equals: str | None = None
    prefix: str | None = None
    suffix: str | None = None
    has: bool | None = None


class LevelShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One price level.

    `array`: `[price, quantity, ...]`, further elements are ignored. `object`: `{price_key: .., quantity_key: ..}`.
    In protobuf a level is a message and the keys are field numbers, both strings on the wire.
    """

    kind: Literal["array", "object"] = "array"
    price_key: str = ""
    quantity_key: str = ""
    price: NumberForm = "quoted"
    quantity: NumberForm = "quoted"


class Time(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The venue's event time. Fractions (`1699.25` seconds) are allowed in any unit."""

    path: Path
    unit: TimeUnit = "ms"


class Depth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="depth"):
    """A change of the book, or the whole book.

    The change covers the venue's updates after `previous` up to `last`; `previous` is either given by the venue or
    follows from `first` (`first - 1`). Which of the two a venue gives is its whole sequence rule: a change may be
    applied when `previous <= book < last`, is dropped when `last <= book`, and anything else is a gap.
    `full`: true when the frame holds the complete book; `full_when` names a boolean in the frame that says so.
    """

    name: str
    when: tuple[Condition, ...]
    symbol: Path
    last: Paths
    bids: Path
    asks: Path
    level: LevelShape = LevelShape()
    first: Paths = ()
    previous: Paths = ()
    full: bool = False
    full_when: Path | None = None
    may_miss_side: bool = False
    levels_max: int = 0  # the venue never speaks of levels beyond this many a side: they are pruned
    time: Time | None = None


class Quote(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="quote"):
    """Best bid and ask. A price that is empty, missing or 0 is an empty side.

    `linked`: `id` is on the depth counter, and a quote is in force from its number until the next quote's, so that
    book and quotes can be held against each other. `sampled`: it is on the counter, but the venue leaves quotes out,
    so that a quote is true of its own number only.
    """

    name: str
    when: tuple[Condition, ...]
    symbol: Path
    bid_price: Path
    bid_quantity: Path
    ask_price: Path
    ask_quantity: Path
    price: NumberForm = "quoted"
    quantity: NumberForm = "quoted"
    id: Paths = ()
    linked: bool = False
    sampled: bool = False
    time: Time | None = None


class Trades(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="trades"):
    """Public trades. `rows` is a list of objects, or empty when the frame itself is one trade.

    The taker's side is `side` compared with `buy` (`"sell"` with `sell`), or the sign of the quantity when `side` is
    empty. With `rows`, the other paths but `symbol` are keys inside a row (or field numbers), not paths from the root.
    `row_symbol`: the symbol is this key of every row; `symbol` is then empty.
    """

    name: str
    when: tuple[Condition, ...]
    symbol: Path
    price_path: Path
    quantity_path: Path
    rows: Path = ""
    row_symbol: Path = ""
    side: Path = ""
    buy: str = ""
    sell: str = ""
    id: Path = ""
    price: NumberForm = "quoted"
    quantity: NumberForm = "quoted"
    time: Time | None = None


Message = Depth | Quote | Trades


class Stream(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="stream"):
    """All frames that one kind of connection carries."""

    messages: tuple[Message, ...]
    format: Literal["json", "protobuf"] = "json"
    frame_bytes_max: int = 4 << 20


class Snapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="snapshot"):
    """A REST answer that holds a whole book: where its sequence number and its levels are."""

    last: Paths
    bids: Path
    asks: Path
    level: LevelShape = LevelShape()
    time: Time | None = None
    frame_bytes_max: int = 16 << 20


def encode(description: Stream | Snapshot) -> bytes:
    """The description as JSON, the form in which both cores take it."""
    return msgspec.json.encode(description)
