"""Strict JSON frames to the slots that a description names.

The whole frame is checked, also what nobody asks for. Not accepted, besides what RFC 8259 forbids: NaN and Infinity,
text that is not UTF-8, nesting deeper than 32, and a described key that stands twice in one object.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NoReturn

NESTING_MAX = 32


class FrameError(ValueError):
    """The frame as a whole cannot be trusted."""


class Bare(str):
    """The text of a number that stood without quotes.

    It has no hash, so that a table of quoted texts cannot take it for one of them.
    """

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]


class Doubled(dict[str, object]):
    """An object in which keys stand twice; `doubled` has their names, `hidden` the values that others replaced."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.doubled = {name for name in names if names.count(name) > 1}
        self.hidden = [value for name, value in pairs if name in self.doubled]


class Node:
    """One described place in a frame: the slot that takes its value, and the described keys below it."""

    __slots__ = ("children", "slot")

    def __init__(self) -> None:
        self.slot = -1
        self.children: dict[str, Node] = {}


def add_path(root: Node, keys: list[str], slot: int) -> int:
    """Describe a path; gives the slot of that path, a new one (`slot`) when it was not described before."""
    node = root
    for key in keys:
        node = node.children.setdefault(key, Node())
    if node.slot < 0:
        node.slot = slot
    return node.slot


def read(frame: bytes, root: Node, slots: list[object]) -> None:
    """Fill `slots` from a JSON frame. Raises FrameError."""
    try:
        value = _DECODER.decode(str(frame, "utf-8"))
    except (ValueError, RecursionError) as error:
        raise FrameError(f"not JSON: {error}") from None
    if type(value) is dict or type(value) is Doubled:
        _fill(value, root, slots, 1)
    else:
        check_nesting(value, 0)


def _fill(value: dict[str, object], node: Node, slots: list[object], depth: int) -> None:
    children = node.children
    if type(value) is Doubled and not value.doubled.isdisjoint(children):
        raise FrameError(f"doubled key in {sorted(value.doubled)}")
    if type(value) is Doubled:
        check_nesting(value.hidden, depth - 1)
    for key, item in value.items():
        child = children.get(key)
        kind = type(item)
        if child is None:
            if kind is dict or kind is list or kind is Doubled:
                check_nesting(item, depth)
            continue
        if child.slot >= 0:
            slots[child.slot] = item
        if kind is dict or kind is Doubled:
            if child.children and depth < NESTING_MAX:
                _fill(item, child, slots, depth + 1)  # type: ignore[arg-type]
            else:
                check_nesting(item, depth)
        elif kind is list and child.slot < 0:
            check_nesting(item, depth)


def check_nesting(value: object, depth: int) -> None:
    """Raise FrameError when containers in `value`, which stands inside `depth` others, nest too deep.

    `read` leaves lists in slots to its caller, who walks over most of them anyway.
    """
    layer = [value] if isinstance(value, (list, dict)) else []
    while layer:
        depth += 1
        if depth > NESTING_MAX:
            raise FrameError("nested too deep")
        layer = [inner for item in layer for inner in _inner(item) if isinstance(inner, (list, dict))]


def _inner(item: object) -> Iterable[object]:
    if type(item) is Doubled:
        return (*item.values(), *item.hidden)
    return item.values() if isinstance(item, dict) else item  # type: ignore[return-value]


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Doubled(pairs)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=Bare, parse_int=Bare, parse_constant=_refuse)
