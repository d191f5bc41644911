"""The journal: what is intended, told and concluded is written here first, and everything else follows from it.

To start is to recover: `Journal.open` reads all there is, cuts what a crash left half written, and refuses whatever a
crash cannot have left. The format: frames.py, segments.py.
"""

from __future__ import annotations

from typing import NoReturn

import msgspec

from oneprice.errors import JournalError
from oneprice.ledger import headfile, swift
from oneprice.ledger.frames import BODY_BYTES_MAX
from oneprice.ledger.records import SCHEMA, Alarmed, AnyRecord, RunEnded, RunStarted
from oneprice.ledger.segments import (
    HEAD_NAME,
    LOCK_NAME,
    MAGIC,
    QUARANTINE,
    Contents,
    Fault,
    FaultKind,
    Header,
    header_frame,
    load,
    segment_name,
)
from oneprice.ports import Disk, DiskFile, FolderLock, MappedFile

SEGMENT_BYTES = 16 << 20
REPAIRED = "journal repaired"
"""The `kind` of the alarm that a repair leaves as its trace."""

_encode = msgspec.msgpack.Encoder().encode
_seal = swift.sealer()


class Recovered(msgspec.Struct, frozen=True):
    """What a journal held.

    `clean_end`: its last run ended in an orderly way, and nothing of it is missing; true of a new journal.
    `cut_bytes`: of a record at the end that was not written whole. `lost_records`: were written whole and are not
    there. `repaired`: since the last run began, so more may be missing before it. `words`: all that in a sentence.
    Unless `clean_end`, only the venues know what is open.
    """

    records: list[AnyRecord]
    clean_end: bool
    cut_bytes: int
    lost_records: int
    repaired: bool
    segments: int
    words: str


class Journal:
    """The one writer of a folder. Not for several threads.

    After the first failure nothing can be appended any more, by this object: whether the disk holds what it was last
    given is unknown then, and only reading it again can tell.
    """

    def __init__(
        self, disk: Disk, folder: str, build: str, lock: FolderLock, contents: Contents, *, strict: bool, limit: int
    ) -> None:
        self._disk, self._folder, self._build, self._strict, self._limit = disk, folder, build, strict, limit
        self._failure, self._is_closed = "", False
        self._lock = lock
        start = contents.records[contents.start] if contents.start >= 0 else None
        self._run = start.run if type(start) is RunStarted else 0
        self._number, self._checksum = contents.last.number, contents.checksum
        self._segment = len(contents.segments)
        self._size = contents.segments[-1].end.at if contents.segments else 0
        self._slot = 0
        # What the head says is kept until a record is written: opened again before that, the loss is told again.
        self._head_is_stale = contents.head != contents.last or bool(contents.head_fault)
        self._head: MappedFile = disk.map(f"{folder}/{HEAD_NAME}", headfile.BYTES)
        self._view = self._head.view
        self._file: DiskFile
        last = contents.segments[-1].header if contents.segments else None
        if last is None or last.build != build or self._size >= limit:
            self._begin_segment()
        else:
            self._file = disk.append_to(self._path(), self._limit - self._size)

    @classmethod
    def open(
        cls, disk: Disk, folder: str, *, build: str, strict: bool = False, segment_bytes: int = SEGMENT_BYTES
    ) -> tuple[Journal, Recovered]:
        """Lock the folder (made when missing), read it, and be ready to append.

        `strict`: each append waits until the disk has it. `segment_bytes`: a file that has grown to it is followed by
        another. Raises JournalError when another engine holds the folder (with its process id), when a file is damaged
        or of another schema, and when the disk fails.
        """
        lock = take_lock(disk, folder)
        try:
            return cls.open_locked(disk, folder, lock, build=build, strict=strict, segment_bytes=segment_bytes)
        except JournalError:
            lock.release()
            raise

    @classmethod
    def open_locked(
        cls,
        disk: Disk,
        folder: str,
        lock: FolderLock,
        *,
        build: str,
        strict: bool = False,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> tuple[Journal, Recovered]:
        """`open`, by who holds the lock already; it is the journal's then."""
        try:
            contents = load(disk, folder)
            refuse(folder, contents.fault)
            if contents.fault is not None:
                _cut_tail(disk, folder, contents)
            journal = cls(disk, folder, build, lock, contents, strict=strict, limit=segment_bytes)
        except OSError as error:
            raise JournalError(f"{folder}: {_said(error)}; the journal cannot be opened, so nothing starts") from error
        return journal, recovered(contents)

    # ------------------------------------------------------------------ writing

    def append(self, *records: AnyRecord) -> None:
        """Write records, all in one write, in this order. When this returns they outlive the process.

        Raises JournalError when the disk failed, now or at any time before. What was given is not to be acted on then.
        """
        if self._failure:
            raise JournalError(self._failure)
        if not records:
            return
        if self._size >= self._limit:
            self._follow()
        data, number, seal = _seal(list(map(_encode, records)), self._number, self._checksum)
        if len(data) > BODY_BYTES_MAX:
            raise JournalError(
                f"{len(data)} bytes of records at once; {BODY_BYTES_MAX} are allowed. Nothing was written"
            )
        try:
            self._file.append(data)
            if self._strict:
                self._file.sync()
        except OSError as error:
            self._fail(error)
        self._number, self._checksum = number, seal
        self._size += len(data)
        if self._head_is_stale:
            self._renew_head()
        else:
            headfile.write_slot(self._view, self._slot, number, seal)
            self._slot ^= headfile.SLOT.size
        first = records[0]
        if type(first) is RunStarted:
            self._run = first.run

    def rehearse(self, *records: AnyRecord) -> None:
        """Make the bytes that `append` would write, and drop them."""
        _seal(list(map(_encode, records)), self._number, self._checksum)

    def sync(self) -> None:
        """Return when the disk has everything. Raises JournalError."""
        if self._failure:
            raise JournalError(self._failure)
        try:
            self._file.sync()
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        """Everything to the disk, and the folder is free. Harmless when repeated. Raises JournalError when the disk
        fails now, not again when it did before."""
        if self._is_closed:
            return
        failed, self._failure = self._failure, f"{self._folder}: the journal is closed"
        self._is_closed = True
        try:
            self._file.close()
        except OSError as error:
            if not failed:
                raise JournalError(f"{self._path()}: {_said(error)} when closing; its end may not be there") from error
        finally:
            self._head.close()
            self._lock.release()

    # ------------------------------------------------------------------ inside

    def _path(self) -> str:
        return f"{self._folder}/{segment_name(self._segment)}"

    def _follow(self) -> None:
        """Another file. The one before is on the disk first: only the last may ever be torn."""
        try:
            self._file.close()
            self._begin_segment()
        except OSError as error:
            self._fail(error)

    def _begin_segment(self) -> None:
        header = Header(MAGIC, SCHEMA, self._build, self._run, self._number, self._checksum)
        data, start = header_frame(header)
        self._segment += 1
        self._disk.write(self._path(), data)
        self._file = self._disk.append_to(self._path(), self._limit - len(data))
        self._size, self._checksum = start.at, start.checksum

    def _renew_head(self) -> None:
        """It was behind, ahead or broken. On the disk at once: an older one would contradict what is written now."""
        try:
            headfile.reset(self._view, self._number, self._checksum)
            self._head.flush()
        except OSError as error:
            self._fail(error)
        self._head_is_stale, self._slot = False, headfile.SLOT.size

    def _fail(self, error: OSError) -> NoReturn:
        self._failure = (
            f"{self._path()}: {_said(error)}. Nothing more is written, so nothing may be sent; "
            "see to the disk and start again: what is open is found at the venues"
        )
        raise JournalError(self._failure) from error


def read(disk: Disk, folder: str) -> Recovered:
    """What a journal holds, also while an engine writes to it. Changes nothing.

    Raises JournalError for a journal that `Journal.open` would refuse, and when the disk fails.
    """
    try:
        contents = load(disk, folder)
    except OSError as error:
        raise JournalError(f"{folder}: {_said(error)}; the journal cannot be read") from error
    refuse(folder, contents.fault)
    return recovered(contents)


def take_lock(disk: Disk, folder: str) -> FolderLock:
    """Make the folder when it is missing, and hold it. Raises JournalError."""
    try:
        disk.make_folder(folder)
        lock = disk.lock(f"{folder}/{LOCK_NAME}")
    except OSError as error:
        raise JournalError(f"{folder}: {_said(error)}; the journal cannot be opened, so nothing starts") from error
    if isinstance(lock, int):
        who = f"process {lock}" if lock else "another process"
        raise JournalError(f"{folder}: {who} holds it. One engine for each data folder: stop that one, or name another")
    return lock


def refuse(folder: str, fault: Fault | None) -> None:
    """Raises JournalError for what a crash cannot have left."""
    if fault is None or fault.kind is FaultKind.TORN:
        return
    place = f"{folder}/{fault.name}, byte {fault.offset}: {fault.why}"
    if fault.kind is FaultKind.FOREIGN:
        raise JournalError(f"{place}. Use the build that wrote it, or another data folder. Nothing was changed")
    raise JournalError(
        f"{place}. This is damage, not a write that was cut short. Nothing was changed and nothing starts. "
        "`oneprice journal repair` keeps what is whole before it and moves the rest aside; the next run then settles "
        "the difference with the venues"
    )


def recovered(contents: Contents) -> Recovered:
    """What a journal that can be used held."""
    records, lost = contents.records, contents.lost_records
    is_torn = contents.fault is not None
    repaired = _is_repaired(records[contents.start + 1 :])
    blind = contents.head is None and (bool(records) or contents.has_quarantine)
    ended = not records or type(records[-1]) is RunEnded
    told = [f"{len(records)} records in {len(contents.segments)} files"]
    if is_torn:
        told.append(f"the last {contents.tail_bytes} bytes were no whole record")
    if lost:
        told.append(f"{lost} records that had been written at the end are missing")
    if blind:
        told.append(f"the file {HEAD_NAME} {contents.head_fault}, so missing records at the end would not be noticed")
    if repaired:
        told.append("it was repaired since, and records may be missing before that")
    if not ended:
        told.append("the last run did not end in an orderly way")
    clean_end = ended and not (is_torn or lost or blind or repaired)
    cut_bytes = contents.tail_bytes if is_torn else 0
    return Recovered(records, clean_end, cut_bytes, lost, repaired, len(contents.segments), "; ".join(told))


def _is_repaired(of_run: list[AnyRecord]) -> bool:
    return Alarmed in set(map(type, of_run)) and any(type(one) is Alarmed and one.kind == REPAIRED for one in of_run)


def _cut_tail(disk: Disk, folder: str, contents: Contents) -> None:
    """Keep what is cut: it may be a record that was damaged, for people to read."""
    segment = contents.segments[-1]
    path = f"{folder}/{segment.name}"
    aside = new_quarantine(disk, folder)
    disk.write(f"{aside}/{segment.name}.from-{segment.end.at}", disk.read(path)[segment.end.at :])
    disk.cut(path, segment.end.at)


def new_quarantine(disk: Disk, folder: str) -> str:
    """A folder for what is moved aside now."""
    place = f"{folder}/{QUARANTINE}"
    numbers = [int(name) for name in disk.names(place) if name.isdigit()]
    aside = f"{place}/{max(numbers, default=0) + 1:04d}"
    disk.make_folder(aside)
    return aside


def _said(error: OSError) -> str:
    return error.strerror or str(error)
