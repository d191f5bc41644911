"""The bytes of a journal: frames, each sealed by a checksum that is seeded with that of the one before.

    length u32 | checksum u32 | number u64 | body        little-endian; length counts the body

The checksum is the CRC-32 of length, number and body. So no frame can be changed, dropped, moved or put in without the
chain breaking there: one bit always shows, whatever it is a bit of.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar
from zlib import crc32

from msgspec import MsgspecError

HEAD = struct.Struct("<IIQ")
SEALED = struct.Struct("<IQ")
BODY_BYTES_MAX = 1 << 20
NOT_KNOWN = (MsgspecError, UnicodeDecodeError)
"""What msgspec raises for a body that is none of the records."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Decoder(Protocol[T_co]):
    """What makes a record of a body. Raises what is NOT_KNOWN."""

    def decode(self, buf: bytes, /) -> T_co:
        """One body's."""


class Reader(Protocol[T]):
    """What reads frames of records sooner than `scan` does by itself, and makes the same of them."""

    def scan(
        self, data: bytes, at: int, number: int, checksum: int, decode: Callable[[bytes], T], /
    ) -> tuple[list[T], int, int, int, Exception | None]:
        """The records of the whole frames behind a place; the place behind the last; and what `decode` raised for the
        body of the next one, None where it raised nothing."""


class Place(NamedTuple):
    """Where a chain has come to: behind the byte `at`, with the last frame's number and checksum."""

    at: int
    number: int
    checksum: int


@dataclass(frozen=True)
class Scanned(Generic[T]):
    """The whole frames of some data. `fault`: why what follows them is none, "" at the data's end.

    `is_foreign`: it is a whole frame, with a body that the decoder does not know.
    """

    records: list[T]
    end: Place
    fault: str = ""
    is_foreign: bool = False


def checksum(body: bytes, number: int, seed: int) -> int:
    """Of a frame that follows one whose checksum is `seed`."""
    return crc32(body, crc32(SEALED.pack(len(body), number), seed))


def frame(body: bytes, after: Place) -> tuple[bytes, Place]:
    """The frame that continues a chain, and where the chain is then."""
    number = after.number + 1
    seal = checksum(body, number, after.checksum)
    return HEAD.pack(len(body), seal, number) + body, Place(after.at + HEAD.size + len(body), number, seal)


def seal(bodies: Sequence[bytes], number: int, checksum: int) -> tuple[bytes, int, int]:
    """Frames that continue a chain whose last has this number and checksum, and the number and checksum of the last of
    them."""
    parts: list[bytes] = []
    for body in bodies:
        number += 1
        checksum = crc32(body, crc32(SEALED.pack(len(body), number), checksum))
        parts += (HEAD.pack(len(body), checksum, number), body)
    return b"".join(parts), number, checksum


def scan(data: bytes, start: Place, decoder: Decoder[T], reader: Reader[T] | None = None) -> Scanned[T]:
    """Read and check frames from `start` to the first that is not whole, or to the end. `reader` does it where there is
    one."""
    if reader is None:
        records, at, number, seal, error = _scan(data, *start, decoder.decode)
    else:
        records, at, number, seal, error = reader.scan(data, *start, decoder.decode)
    place = Place(at, number, seal)
    if error is None:
        return Scanned(records, place, "" if at == len(data) else _fault(data, place))
    if not isinstance(error, NOT_KNOWN):
        raise error
    fault = f"record {number + 1} is none that this build knows ({error})"
    return Scanned(records, place, fault, is_foreign=True)


def is_followed(data: bytes, place: Place) -> bool:
    """Whether a whole frame of this chain lies anywhere behind the bad one at `place`.

    A write that was torn is the last thing in a file. What whole frames follow was damaged later.
    """
    seeds = set()
    if place.at + HEAD.size <= len(data):
        length, told, _ = HEAD.unpack_from(data, place.at)
        seeds.add(told)
        end = place.at + HEAD.size + length
        if end <= len(data):
            body = data[place.at + HEAD.size : end]
            seeds.add(checksum(body, place.number + 1, place.checksum))
            if any(_is_whole(data, end, place.number + 2, seed) for seed in seeds):
                return True
    return _is_found(data.rstrip(b"\0"), place, seeds)


def offset_of(data: bytes, start: Place, number: int) -> int:
    """Where the frame with this number begins, in data that was scanned from `start`."""
    at = start.at
    for _ in range(number - start.number - 1):
        at += HEAD.size + int(HEAD.unpack_from(data, at)[0])
    return at


# ---------------------------------------------------------------------- inside


def _scan(
    data: bytes, at: int, number: int, seal: int, decode: Callable[[bytes], T]
) -> tuple[list[T], int, int, int, Exception | None]:
    """`Reader.scan`."""
    size, last = len(data), len(data) - HEAD.size
    unpack = HEAD.unpack_from
    records: list[T] = []
    add = records.append
    while at <= last:
        length, told, counted = unpack(data, at)
        begin = at + 16
        end = begin + length
        if (
            counted != number + 1
            or end > size
            or length > BODY_BYTES_MAX
            or crc32(data[at + 8 : end], crc32(data[at : at + 4], seal)) != told
        ):
            break
        try:
            add(decode(data[begin:end]))
        except NOT_KNOWN as error:
            return records, at, number, seal, error
        at, number, seal = end, counted, told
    return records, at, number, seal, None


def _fault(data: bytes, place: Place) -> str:
    """What is wrong with the frame there, in words."""
    left = len(data) - place.at
    if left < HEAD.size:
        return f"{left} bytes are left, too few for a record"
    length, _, number = HEAD.unpack_from(data, place.at)
    if number != place.number + 1:
        return f"record {place.number + 1} should be here, and the bytes say {number}"
    if length > BODY_BYTES_MAX:
        return f"record {number} says that it has {length} bytes; {BODY_BYTES_MAX} are allowed"
    if length > left - HEAD.size:
        return f"record {number} should have {length} bytes, and {left - HEAD.size} are there"
    return f"the checksum of record {number} is wrong"


def _is_found(data: bytes, place: Place, seeds: set[int]) -> bool:
    """Look at whatever could be the head of a later frame: the upper bytes of its number are known."""
    number_max = place.number + 2 + (len(data) - place.at) // HEAD.size
    for upper in range((place.number + 2) >> 16, (number_max >> 16) + 1):
        wanted = upper.to_bytes(6, "little")
        at = place.at
        while (at := data.find(wanted, at)) >= 0:
            at += 1
            start = at - 11  # the number is 8 bytes into the head, and its upper part 2 into the number
            if start <= place.at:
                continue
            length, told, number = HEAD.unpack_from(data, start)
            if not place.number + 2 <= number <= number_max:
                continue
            if number == place.number + 2 and any(_is_whole(data, start, number, seed) for seed in seeds):
                return True
            if _is_whole(data, start + HEAD.size + length, number + 1, told):
                return True
    return False


def _is_whole(data: bytes, at: int, number: int, seed: int) -> bool:
    """Whether a frame with this number, sealed with this seed, is there."""
    if at + HEAD.size > len(data):
        return False
    length, told, counted = HEAD.unpack_from(data, at)
    end: int = at + HEAD.size + length
    return counted == number and end <= len(data) and checksum(data[at + HEAD.size : end], number, seed) == int(told)
