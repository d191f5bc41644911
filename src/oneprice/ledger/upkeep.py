"""Looking after a journal: is it whole, and where it is not, what is kept of it and what is moved aside."""

from __future__ import annotations

import msgspec

from oneprice.errors import JournalError
from oneprice.ledger.journal import REPAIRED, Journal, new_quarantine, refuse, take_lock
from oneprice.ledger.records import Alarmed, AnyRecord, RunEnded
from oneprice.ledger.segments import HEAD_NAME, LOCK_NAME, QUARANTINE, Contents, Fault, FaultKind, load
from oneprice.ports import Disk, FolderLock


class Verdict(msgspec.Struct, frozen=True):
    """What a look at all bytes of a journal gives.

    `state`: whole, open (an engine writes to it), unclosed (its run was killed, or its end is missing), torn (the end
    is not whole, or not there), damaged, foreign (another schema). `faults`: records that are missing, cannot be
    trusted, or would not be missed. `notices`: worth knowing. `file`, `offset`: of the first fault in the records, ""
    and 0 for none. `holder`: the process that writes, 0 when it is not told, None when nobody does.
    """

    folder: str
    state: str
    faults: tuple[str, ...]
    notices: tuple[str, ...]
    files: int
    records: int
    bytes: int
    lost_records: int
    tail_bytes: int
    file: str
    offset: int
    holder: int | None

    @property
    def is_ok(self) -> bool:
        """Nothing is wrong with it."""
        return not self.faults


class Repaired(msgspec.Struct, frozen=True):
    """What a repair did. `moved`: files that are in `aside` now; `kept`: records that stay."""

    folder: str
    aside: str
    moved: tuple[str, ...]
    kept: int
    words: str


def verify(disk: Disk, folder: str) -> Verdict:
    """Look at every byte, and change nothing. Needs no lock. Raises JournalError when there is no journal, or the disk
    fails."""
    try:
        holder = disk.holder(f"{folder}/{LOCK_NAME}")
        found = load(disk, folder)
        if holder is not None and found.fault is not None:
            found = load(disk, folder)  # a record may have been half written when it was read
        aside = disk.names(f"{folder}/{QUARANTINE}")
    except OSError as error:
        raise JournalError(f"{folder}: {error.strerror or error}; the journal cannot be read") from error
    if not found.names and found.head is None:
        raise JournalError(f"{folder}: no journal is here; nothing has run on this data folder yet")
    fault = found.fault
    return Verdict(
        folder=folder,
        state=_state(found, holder),
        faults=tuple(_faults(found)),
        notices=tuple(_notices(found, holder, aside)),
        files=len(found.names),
        records=len(found.records),
        bytes=sum(segment.size for segment in found.segments),
        lost_records=found.lost_records,
        tail_bytes=found.tail_bytes,
        file=fault.name if fault is not None else "",
        offset=fault.offset if fault is not None else 0,
        holder=holder,
    )


def repair(disk: Disk, folder: str, *, build: str, wall_ns: int) -> Repaired:
    """Keep all records before the first fault, move the rest aside, and leave an alarm in the journal that says so.

    Nothing is deleted. It can be interrupted and repeated. The next run must settle everything with the venues. Raises
    JournalError when an engine holds the folder, for a journal of another schema, and when the disk fails.
    """
    lock = take_lock(disk, folder)
    try:
        return _repair(disk, folder, lock, build, wall_ns)
    except OSError as error:
        raise JournalError(f"{folder}: {error.strerror or error}; repair it again when the disk is well") from error
    finally:
        lock.release()


# ---------------------------------------------------------------------- inside


def _repair(disk: Disk, folder: str, lock: FolderLock, build: str, wall_ns: int) -> Repaired:
    found = load(disk, folder)
    faults = list(_faults(found))
    if not faults:
        return Repaired(folder, "", (), len(found.records), "nothing is wrong with it; nothing was changed")
    aside, moved = "", list[str]()
    if found.fault is not None and found.fault.kind is FaultKind.FOREIGN:
        refuse(folder, found.fault)
    if found.fault is not None and found.fault.kind is FaultKind.DAMAGED:
        aside = new_quarantine(disk, folder)
        moved = _move_aside(disk, folder, aside, found, found.fault)
        if found.lost_records:
            faults.append(f"{found.lost_records} records from there on are not kept")
    journal, recovered = Journal.open_locked(disk, folder, lock, build=build)
    kept = len(recovered.records)
    words = f"kept {kept} records; {'; '.join(faults)}; moved aside: {', '.join(moved) or 'no file'}"
    try:
        journal.append(Alarmed(wall_ns, REPAIRED, words))
    finally:
        journal.close()
    return Repaired(folder, aside, tuple(moved), kept, words)


def _move_aside(disk: Disk, folder: str, aside: str, found: Contents, fault: Fault) -> list[str]:
    """Until the last step the journal is refused, and after it is whole: this may be interrupted anywhere.

    The head goes too. Without one a journal does not count as ended in an orderly way.
    """
    moved = found.names[found.names.index(fault.name) + 1 :]
    if HEAD_NAME in disk.names(folder):
        moved.append(HEAD_NAME)
    for name in moved:
        disk.rename(f"{folder}/{name}", f"{aside}/{name}")
    path = f"{folder}/{fault.name}"
    if found.segments and found.segments[-1].name == fault.name:
        data = disk.read(path)
        disk.write(f"{aside}/{fault.name}", data)
        disk.write(path, data[: fault.offset])
    else:
        disk.rename(path, f"{aside}/{fault.name}")
    return [fault.name, *moved]


def _state(found: Contents, holder: int | None) -> str:
    if found.fault is not None:
        return found.fault.kind.value
    if found.lost_records:
        return FaultKind.TORN.value
    if holder is not None:
        return "open"
    return "whole" if _is_ended(found.records) else "unclosed"


def _faults(found: Contents) -> list[str]:
    told = []
    fault = found.fault
    if fault is not None:
        place = f"{fault.name}, byte {fault.offset}: {fault.why}"
        if fault.kind is FaultKind.TORN:
            place += f" (a torn or damaged tail of {found.tail_bytes} bytes; the next start cuts it)"
        told.append(place)
    if found.lost_records and (fault is None or fault.kind is FaultKind.TORN):
        told.append(f"{found.lost_records} records that were written whole are missing at the end")
    if found.head_fault and found.records:
        told.append(
            f"the file {HEAD_NAME} {found.head_fault}: were records missing at the end, it might not be noticed"
        )
    return told


def _notices(found: Contents, holder: int | None, aside: list[str]) -> list[str]:
    told = []
    if holder is not None:
        told.append(f"process {holder or '(unknown)'} writes to it")
    elif found.fault is None and not _is_ended(found.records):
        last = found.records[-1]
        repaired = type(last) is Alarmed and last.kind == REPAIRED
        what = "repaired, and nothing has run since" if repaired else "not closed in an orderly way: it was killed"
        told.append(f"{what}; the next start settles with the venues")
    if found.head is not None and found.fault is None and found.head.number < found.last.number and holder is None:
        told.append(f"the file {HEAD_NAME} is {found.last.number - found.head.number} records behind")
    if aside:
        told.append(f"{len(aside)} folders in {QUARANTINE}: earlier repairs, or tails that were cut")
    return told


def _is_ended(records: list[AnyRecord]) -> bool:
    return not records or type(records[-1]) is RunEnded
