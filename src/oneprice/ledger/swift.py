"""The Rust core's part in the journal, where it is built: it makes the same of the same bytes, only sooner.

A record that is not quite as it is written today it leaves to msgspec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any, TypeAlias

from msgspec import inspect

from oneprice.core import backend
from oneprice.ledger import frames

Kind: TypeAlias = "str | dict[int | str, Enum] | tuple[type | None, list[Kind]]"
"""What a field holds: a name of a kind; the members of an Enum by what is written of them; for a tuple of things that
are arrays their class, None where they are tuples, and what the arrays hold."""
Shape = tuple[str, type, list[Kind]]
"""A record's tag, its class, and its fields."""

_NAMES: dict[type, str] = {
    inspect.IntType: "integer",
    inspect.BoolType: "boolean",
    inspect.StrType: "text",
    inspect.DecimalType: "number",
}


def reader(records: object) -> frames.Reader[Any] | None:
    """For a union of tagged structs that are written as arrays. None where the Rust core is not used."""
    if backend != "rust":
        return None
    from oneprice._core import Reader as Made

    return Made(list(shapes(records)))


def sealer() -> Callable[[Sequence[bytes], int, int], tuple[bytes, int, int]]:
    """`frames.seal`, or what does the same."""
    if backend != "rust":
        return frames.seal
    from oneprice._core import seal

    return seal


def shapes(records: object) -> Iterator[Shape]:
    """Of those records that hold nothing but what is known here."""
    union = inspect.type_info(records)
    for record in union.types if isinstance(union, inspect.UnionType) else (union,):
        if isinstance(record, inspect.StructType) and isinstance(record.tag, str) and record.array_like:
            kinds = _kinds([field.type for field in record.fields])
            if kinds is not None:
                yield record.tag, record.cls, kinds


def _kinds(types: Sequence[inspect.Type]) -> list[Kind] | None:
    kinds = [kind for kind in map(_kind, types) if kind is not None]
    return kinds if len(kinds) == len(types) else None


def _kind(told: inspect.Type) -> Kind | None:
    if type(told) in _NAMES:
        return _NAMES[type(told)] if told == type(told)() else None
    if isinstance(told, inspect.EnumType):
        return {member.value: member for member in told.cls}
    if isinstance(told, inspect.UnionType):
        return (
            "number or none" if {type(one) for one in told.types} == {inspect.DecimalType, inspect.NoneType} else None
        )
    if isinstance(told, inspect.VarTupleType):
        item = told.item_type
        if isinstance(item, inspect.TupleType):
            kinds = _kinds(item.item_types)
            return None if kinds is None else (None, kinds)
        if isinstance(item, inspect.StructType) and item.array_like and item.tag is None:
            kinds = _kinds([field.type for field in item.fields])
            return None if kinds is None else (item.cls, kinds)
    return None
