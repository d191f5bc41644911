"""Protobuf frames to the slots that a description names, by field number alone.

Unknown fields are skipped by their wire type, since venues add fields without notice. Not accepted: truncated or
overlong values, group wire types, field number 0, and a described single field that occurs twice. A described field
that the description uses for levels or rows is repeated and gathers its messages in a list.
"""

from __future__ import annotations

from collections.abc import Iterator

from oneprice.core.jsonframe import Bare, FrameError, Node

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
UNREAD: dict[str, object] = {}  # a value that is there, but that no description has a use for


def read(frame: bytes, root: Node, slots: list[object], repeated: frozenset[int]) -> None:
    """Fill `slots` from a protobuf frame; slots in `repeated` become lists of bytes. Raises FrameError."""
    _fill(frame, root, slots, repeated)


def _fill(data: bytes, node: Node, slots: list[object], repeated: frozenset[int]) -> None:
    seen: set[int] = set()
    for number, wire, value in fields(data):
        child = node.children.get(str(number))
        if child is None:
            continue
        if child.slot in repeated:
            if wire != BYTES:
                raise FrameError(f"field {number} is no message")
            found = slots[child.slot]
            if found is None:
                slots[child.slot] = [value]
            else:
                found.append(value)  # type: ignore[attr-defined]
            continue
        if number in seen:
            raise FrameError(f"field {number} occurs twice")
        seen.add(number)
        if child.slot >= 0:
            slots[child.slot] = scalar(wire, value)
        if child.children:
            if wire != BYTES:
                raise FrameError(f"field {number} is no message")
            _fill(value, child, slots, repeated)  # type: ignore[arg-type]


def scalar(wire: int, value: int | bytes) -> object:
    """A field's value as JSON would have given it: text, or the digits of an unsigned number."""
    if wire == BYTES:
        return value.decode("utf-8", "surrogateescape")  # type: ignore[union-attr]
    return Bare(value) if wire == VARINT else UNREAD


def message(data: bytes) -> dict[str, object]:
    """The fields of a small message (a level, a trade) by number; a doubled one is UNREAD. Raises FrameError."""
    found: dict[str, object] = {}
    for number, wire, value in fields(data):
        key = str(number)
        if key in found:
            found[key] = UNREAD
        else:
            found[key] = scalar(wire, value)
    return found


def fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Every `(number, wire type, value)`; fixed-width values are given as 0. Raises FrameError."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at, end)
        number, wire = key >> 3, key & 7
        if number == 0 or number >= 1 << 29:
            raise FrameError("not a protobuf field")
        if wire == BYTES:
            size, at = _varint(data, at, end)
            if size > end - at:
                raise FrameError("truncated")
            yield number, wire, data[at : at + size]
            at += size
        elif wire == VARINT:
            value, at = _varint(data, at, end)
            yield number, wire, value
        elif wire == FIXED64 or wire == FIXED32:
            at += 8 if wire == FIXED64 else 4
            if at > end:
                raise FrameError("truncated")
            yield number, wire, 0
        else:
            raise FrameError(f"wire type {wire}")


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= end:
            raise FrameError("truncated")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise FrameError("overlong number")
    if value >= 1 << 64:
        raise FrameError("overlong number")
    return value, at
