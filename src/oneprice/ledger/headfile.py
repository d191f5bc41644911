"""The file `head`: what the journal's last record was, kept beside it so that a journal that lost its end is noticed.

Memory that the system shares with the file: it is right after kill -9 too. Two slots take turns, so that a change that
was cut short leaves the one before. A slot: number u64, checksum u32, and a sum of both that shows a wrong bit.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

SLOT = struct.Struct("<QII")
_pack_into = SLOT.pack_into
BYTES = 2 * SLOT.size


class Head(NamedTuple):
    """The last record's number and the checksum of its frame."""

    number: int
    checksum: int


def write_slot(view: memoryview, at: int, number: int, checksum: int) -> None:
    """Change the slot that begins at the byte `at`: 0 or 16, in turn."""
    seal = (number ^ number >> 32 ^ checksum ^ 0xFFFFFFFF) & 0xFFFFFFFF
    _pack_into(view, at, number, checksum, seal)


def reset(view: memoryview, number: int, checksum: int) -> None:
    """Forget what was there."""
    view[:] = bytes(BYTES)
    write_slot(view, 0, number, checksum)


def read(data: bytes | memoryview) -> tuple[Head | None, str]:
    """The newer of the slots, None when there is none; and what is wrong with the file in words, "" for nothing."""
    if len(data) != BYTES:
        return None, f"has {len(data)} bytes instead of {BYTES}"
    heads, bad = [], 0
    for at in (0, SLOT.size):
        number, checksum, seal = SLOT.unpack_from(data, at)
        if seal == (number ^ number >> 32 ^ checksum ^ 0xFFFFFFFF) & 0xFFFFFFFF:
            heads.append(Head(number, checksum))
        elif any(data[at : at + SLOT.size]):
            bad += 1
    if bad:
        return max(heads, default=None), f"is damaged ({bad} of its 2 slots)"
    return (max(heads), "") if heads else (None, "names no record")
