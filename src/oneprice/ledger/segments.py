"""A journal's folder: numbered files that continue each other, and what can be read of them.

00000001.journal ...    each begins with a frame that says what it continues
head                    the last record's number and checksum
lock                    held by the engine that writes, with its process id inside
quarantine/0001 ...     what was cut off or moved aside
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import msgspec

from oneprice.ledger import headfile, swift
from oneprice.ledger.frames import Place, frame, is_followed, offset_of, scan
from oneprice.ledger.headfile import Head
from oneprice.ledger.quiet import no_collecting
from oneprice.ledger.records import SCHEMA, AnyRecord, RunStarted
from oneprice.ports import Disk

HEAD_NAME, LOCK_NAME, QUARANTINE = "head", "lock", "quarantine"
MAGIC = "oneprice journal"
NO_RECORD = Head(0, 0)
_NAME = re.compile(r"(\d{8})\.journal")
_ANYTHING: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder()
_RECORD: msgspec.msgpack.Decoder[AnyRecord] = msgspec.msgpack.Decoder(AnyRecord)
_READER = swift.reader(AnyRecord)


class Header(msgspec.Struct, frozen=True, array_like=True):
    """The first frame of each file. `run`: of the records that come first, 0 before the first run. `number`,
    `checksum`: of the last frame of the file before, both 0 in the first file."""

    magic: str
    schema: int
    build: str
    run: int
    number: int
    checksum: int


class FaultKind(Enum):
    """TORN: the end of the last file is not whole, as after a write that was cut short. DAMAGED: anything else that
    cannot be. FOREIGN: written by a build that this one does not understand."""

    TORN = "torn"
    DAMAGED = "damaged"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class Fault:
    """Where reading ended: a file of the folder, the byte, and why in words."""

    kind: FaultKind
    name: str
    offset: int
    why: str


@dataclass(frozen=True)
class Segment:
    """A file as far as it could be read. `start`: behind its header; `end`: behind its last whole frame."""

    name: str
    header: Header
    start: Place
    end: Place
    size: int


@dataclass
class Contents:
    """All that could be read of a journal, up to the first fault.

    `last`: the last record's number and checksum. `head`: what they should be, None when there is none that can be
    used; `head_fault` says what is wrong with it in words, "" for nothing. `has_quarantine`: something was cut off or
    moved aside once. `start`: where in `records` the last run begins, -1 when none does.
    """

    segments: list[Segment] = field(default_factory=list)
    records: list[AnyRecord] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    last: Head = NO_RECORD
    head: Head | None = None
    head_fault: str = ""
    has_quarantine: bool = False
    fault: Fault | None = None
    start: int = -1

    @property
    def checksum(self) -> int:
        """Of the last frame, which is a header where no record follows it."""
        return self.segments[-1].end.checksum if self.segments else 0

    @property
    def lost_records(self) -> int:
        """Records that were written at the end and are not there, by the head."""
        return max(0, self.head.number - self.last.number) if self.head is not None else 0

    @property
    def tail_bytes(self) -> int:
        """Behind the last whole frame of the last file."""
        return self.segments[-1].size - self.segments[-1].end.at if self.segments else 0


def segment_name(number: int) -> str:
    """Of the file with this number, from 1."""
    return f"{number:08d}.journal"


def header_frame(header: Header) -> tuple[bytes, Place]:
    """The first bytes of a file, and where its chain is then. It is sealed by itself: each file can be read alone."""
    data, place = frame(msgspec.msgpack.encode(header), Place(0, header.number - 1, 0))
    return data, place


def load(disk: Disk, folder: str) -> Contents:
    """Read a journal to its end or its first fault. Changes nothing, and needs no lock. Raises OSError.

    The head is read first: a journal that is being written has grown since, and has not shrunk.
    """
    found = Contents()
    try:
        found.head, found.head_fault = headfile.read(disk.read(f"{folder}/{HEAD_NAME}"))
    except FileNotFoundError:
        found.head_fault = "is missing"
    names = disk.names(folder)
    found.names = [name for name in names if _NAME.fullmatch(name)]
    found.has_quarantine = QUARANTINE in names
    with no_collecting():
        for turn, name in enumerate(found.names):
            data = disk.read(f"{folder}/{name}")
            found.fault = _load_segment(found, name, data, is_last=turn == len(found.names) - 1)
            if found.fault is not None:
                break
        found.start = _last_start(found.records)
    return found


def _last_start(records: list[AnyRecord]) -> int:
    kinds = list(map(type, records))  # of very many records; a loop over them would take ten times as long
    kinds.reverse()
    return len(kinds) - 1 - kinds.index(RunStarted) if RunStarted in kinds else -1


def _load_segment(found: Contents, name: str, data: bytes, *, is_last: bool) -> Fault | None:
    """Add a file to what was found, or say what is wrong with it."""
    wanted = segment_name(len(found.segments) + 1)
    if name != wanted:
        return Fault(FaultKind.DAMAGED, name, 0, f"{wanted} is missing before it")
    header, start, fault = _read_header(name, data)
    if header is None:
        return fault
    if (header.number, header.checksum) != (found.last.number, found.checksum):
        why = f"it continues record {header.number} of another file than the one before it, which ends with record "
        why += str(found.last.number)
        return Fault(FaultKind.DAMAGED, name, 0, why)
    scanned = scan(data, start, _RECORD, _READER)
    found.segments.append(Segment(name, header, start, scanned.end, len(data)))
    if scanned.records:
        found.records += scanned.records
        found.last = Head(scanned.end.number, scanned.end.checksum)
    if scanned.fault:
        kind, why = FaultKind.TORN, scanned.fault
        if scanned.is_foreign:
            kind = FaultKind.FOREIGN
        elif not is_last:
            kind, why = FaultKind.DAMAGED, f"{scanned.fault}, and another file follows"
        elif is_followed(data, scanned.end):
            kind, why = FaultKind.DAMAGED, f"{scanned.fault}, and whole records follow"
        return Fault(kind, name, scanned.end.at, why)
    if is_last:
        return _against_head(found, data)
    return None


def _read_header(name: str, data: bytes) -> tuple[Header | None, Place, Fault | None]:
    """The header and the place behind it, or what is wrong."""
    nowhere = Place(0, 0, 0)
    number = int.from_bytes(data[8:16], "little")
    length = int.from_bytes(data[:4], "little")
    first = scan(data[: 16 + length], Place(0, number - 1, 0), _ANYTHING)
    if not first.records:
        return (
            None,
            nowhere,
            Fault(FaultKind.DAMAGED, name, 0, f"no journal begins like this ({first.fault or 'empty'})"),
        )
    told = first.records[0]
    if not isinstance(told, list) or len(told) < 2 or told[0] != MAGIC:
        return None, nowhere, Fault(FaultKind.DAMAGED, name, 0, "no journal begins like this (it is something else)")
    if told[1] != SCHEMA:
        why = f"it has schema {told[1]}; this build reads schema {SCHEMA}"
        return None, nowhere, Fault(FaultKind.FOREIGN, name, 0, why)
    try:
        return msgspec.convert(told, Header), first.end, None
    except msgspec.ValidationError as error:
        return None, nowhere, Fault(FaultKind.DAMAGED, name, 0, f"no journal begins like this ({error})")


def _against_head(found: Contents, data: bytes) -> Fault | None:
    """The record that the head names must be the one that is there."""
    segment, head, last = found.segments[-1], found.head, found.last
    if head is None:
        return None
    offset, told = segment.end.at, last.checksum
    if segment.start.number < head.number < last.number:
        offset = offset_of(data, segment.start, head.number)
        told = int.from_bytes(data[offset + 4 : offset + 8], "little")
    elif head.number != last.number:
        return None
    if told == head.checksum:
        return None
    why = f"record {head.number} is not the one that the file {HEAD_NAME} names: the files are not of one journal"
    return Fault(FaultKind.DAMAGED, segment.name, offset, why)
