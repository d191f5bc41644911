"""A journal through kills, power cuts and failing disks: nothing that was acknowledged is lost, nothing is made up."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.ledger.fake_disk import FakeDisk, PowerCut
from tests.ledger.written import BUILD, FOLDER, deal, ended, frame_starts, noted, open_journal, started

from oneprice.errors import JournalError
from oneprice.ledger.journal import Journal, Recovered, read
from oneprice.ledger.records import AnyRecord
from oneprice.ledger.segments import segment_name
from oneprice.ledger.upkeep import repair, verify
from oneprice.live.disk import LiveDisk

LIMIT = 1_500  # bytes a file: many rotations in a short story


@dataclass
class Told:
    """What a run heard before it ended: given to the journal, taken by it, on the disk for sure."""

    given: list[AnyRecord] = field(default_factory=list)
    taken: int = 0
    synced: int = 0


def story(disk: FakeDisk, told: Told, *, run: int = 1, deals: int = 4) -> None:
    """A run with a sync after each deal."""
    journal = open_journal(disk, segment_bytes=LIMIT)

    def append(*records: AnyRecord) -> None:
        told.given += records
        journal.append(*records)
        told.taken = len(told.given)

    append(started(run))
    for number in range(1, deals + 1):
        records = deal(number)
        append(*records[:3])
        for record in records[3:]:
            append(record)
        journal.sync()
        told.synced = told.taken
    append(ended())
    journal.close()
    told.synced = told.taken


def steps_of_a_story() -> int:
    disk = FakeDisk()
    story(disk, Told())
    return disk.steps


def opened(disk: FakeDisk) -> Recovered:
    """As the next start finds it."""
    journal, recovered = Journal.open(disk, FOLDER, build=BUILD, segment_bytes=LIMIT)
    journal.close()
    return recovered


def goes_on(disk: FakeDisk) -> None:
    """A whole run can follow, and then nothing is wrong."""
    before = len(read(disk, FOLDER).records)
    told = Told()
    story(disk, told, run=2, deals=1)
    assert read(disk, FOLDER).records[before:] == told.given
    assert verify(disk, FOLDER).state == "whole"


# ---------------------------------------------------------------------- kills


@pytest.mark.parametrize("step", range(steps_of_a_story()))
def test_a_kill_at_any_step_loses_nothing_that_was_taken(step: int) -> None:
    disk, told = FakeDisk(), Told()
    disk.cut_power_at(step)
    with pytest.raises(PowerCut):
        story(disk, told)
    after = disk.killed()
    found = opened(after)
    assert told.taken <= len(found.records) <= len(told.given)
    assert found.records == told.given[: len(found.records)]
    assert found.lost_records == 0
    assert found.clean_end is (not found.cut_bytes and (not found.records or found.records[-1] == ended()))
    goes_on(after)


def test_a_kill_in_the_middle_of_a_start_changes_nothing_of_what_the_next_start_finds() -> None:
    disk, told = FakeDisk(), Told()
    disk.cut_power_at(20)
    with pytest.raises(PowerCut):
        story(disk, told)
    torn = disk.killed()
    del torn.files[f"{FOLDER}/{max(name for name in torn.names(FOLDER) if name.endswith('.journal'))}"][-40:]
    expected = opened(torn.killed())
    for _ in range(4):
        for step in range(12):
            again = torn.killed()
            again.cut_power_at(step)
            try:
                opened(again)
            except PowerCut:
                torn = again.killed()
        found = opened(torn.killed())
        assert found.records == expected.records
        assert found.lost_records == expected.lost_records > 0


def test_a_kill_in_the_middle_of_a_repair_is_repaired_again() -> None:
    disk = FakeDisk()
    story(disk, Told())
    path = f"{FOLDER}/{segment_name(2)}"
    disk.files[path][frame_starts(bytes(disk.files[path]))[2] + 20] ^= 1
    whole = disk.killed()
    kept = repair(whole, FOLDER, build=BUILD, wall_ns=1).kept
    step = 0
    while True:
        again = disk.killed()
        again.cut_power_at(step)
        try:
            repair(again, FOLDER, build=BUILD, wall_ns=1)
        except PowerCut:
            again = again.killed()
            if verify(again, FOLDER).is_ok:
                assert not opened(again).clean_end
            else:
                repair(again, FOLDER, build=BUILD, wall_ns=1)
            found = opened(again)
            assert found.records[:kept] == opened(whole).records[:kept]
            assert not found.clean_end
            step += 1
        else:
            break
    assert step > 5


# ---------------------------------------------------------------------- power cuts


@pytest.mark.parametrize("step", range(0, steps_of_a_story(), 2))
def test_a_power_cut_loses_at_most_what_was_not_synced(step: int) -> None:
    chance = random.Random(step)
    disk, told = FakeDisk(), Told()
    disk.cut_power_at(step)
    with pytest.raises(PowerCut):
        story(disk, told)
    for _ in range(6):
        after = disk.power_cut(chance)
        found = opened(after)
        assert told.synced <= len(found.records) <= len(told.given)
        assert found.records == told.given[: len(found.records)]
        goes_on(after)


def test_power_cuts_one_after_the_other_contradict_nothing() -> None:
    """The head on the disk is of any of the times before."""
    for seed in range(60):
        chance = random.Random(seed)
        disk, known = FakeDisk(), list[AnyRecord]()
        for run in range(1, 5):
            told = Told()
            disk.cut_power_at(chance.randrange(steps_of_a_story()))
            with suppress(PowerCut):
                story(disk, told, run=run)
            disk = disk.power_cut(chance)
            found = opened(disk).records
            assert found[: len(known)] == known
            assert found[len(known) :] == told.given[: len(found) - len(known)]
            known = found


def test_a_power_cut_that_keeps_later_pages_and_not_earlier_ones_is_refused_or_right() -> None:
    refused = 0
    for seed in range(200):
        chance = random.Random(seed)
        disk, told = FakeDisk(), Told()
        disk.cut_power_at(chance.randrange(steps_of_a_story()))
        with pytest.raises(PowerCut):
            story(disk, told)
        after = disk.power_cut(chance, reorders=True)
        try:
            found = opened(after)
        except JournalError:
            refused += 1
            repair(after, FOLDER, build=BUILD, wall_ns=1)
            found = opened(after)
            assert not found.clean_end
            found = Recovered(found.records[:-1], False, 0, 0, True, 0, "")
        assert told.synced <= len(found.records)
        assert found.records == told.given[: len(found.records)]
    assert 0 < refused < 100


# ---------------------------------------------------------------------- failing disks


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("partly", [False, True])
def test_a_disk_that_fails_at_any_step_ends_the_journal_and_loses_nothing(code: int, partly: bool) -> None:
    for step in range(steps_of_a_story()):
        disk, told = FakeDisk(), Told()
        disk.fail_at(step, code, partly=partly)
        with pytest.raises(JournalError, match=errno.errorcode[code]):
            story(disk, told)
        after = disk.killed()
        found = opened(after)
        assert told.taken <= len(found.records) <= len(told.given)
        assert found.records == told.given[: len(found.records)]
        assert found.lost_records == 0
        goes_on(after)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_after_a_failure_every_append_is_refused_though_the_disk_is_well_again(code: int) -> None:
    for failing in ("append", "sync", "rotate"):
        disk = FakeDisk()
        journal = open_journal(disk, segment_bytes=LIMIT)
        journal.append(started(), *deal(1), *(deal(2) if failing == "rotate" else []))
        disk.fail_at(0, code)
        with pytest.raises(JournalError, match="nothing may be sent"):
            journal.sync() if failing == "sync" else journal.append(noted(1))
        before = bytes(disk.files[f"{FOLDER}/{segment_name(1)}"])
        for _ in range(3):
            with pytest.raises(JournalError, match="nothing may be sent"):
                journal.append(noted(2))
            with pytest.raises(JournalError):
                journal.sync()
        journal.close()  # tells nothing anew
        assert disk.files[f"{FOLDER}/{segment_name(1)}"] == before
        opened(disk)


def test_a_disk_that_fails_when_closing_is_told() -> None:
    disk = FakeDisk()
    journal = open_journal(disk)
    journal.append(started(), ended())
    disk.fail_at(0, errno.EIO)
    with pytest.raises(JournalError, match="when closing"):
        journal.close()
    opened(disk)


def test_a_disk_that_fails_when_opening_frees_the_folder() -> None:
    disk = FakeDisk()
    disk.fail_at(0)
    with pytest.raises(JournalError, match="nothing starts"):
        open_journal(disk)
    opened(disk)


# ---------------------------------------------------------------------- real kills

WRITERS = """
import os, sys
from tests.ledger.written import deal, started
from oneprice.ledger.journal import Journal
from oneprice.live.disk import LiveDisk


def write(folder, run):
    journal, _ = Journal.open(LiveDisk(), folder, build="kill", segment_bytes=60_000)
    said = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    journal.append(started(run))
    print("writing", flush=True)
    number = 0
    while True:
        number += 1
        records = deal(number)
        journal.append(*records[:3])
        for record in records[3:]:
            journal.append(record)
        os.pwrite(said, b"%08d" % number, 0)  # what it believes: this deal is written


for line in sys.stdin:
    child = os.fork()
    if not child:
        folder, run = line.split()
        write(folder, int(run))
    print(child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


def test_kill_9_of_a_process_that_writes(tmp_path: Path) -> None:
    """40 processes, ten after each other on a folder of the machine's own disk: each deal that one counted is there."""
    said = tmp_path / "said"
    chance, disk = random.Random(5), LiveDisk()
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "src")])}
    command = [sys.executable, "-c", WRITERS, str(said)]
    known = deals = 0
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=environment, cwd=root) as writers:
        assert writers.stdin is not None
        assert writers.stdout is not None
        for folder, run in [(str(tmp_path / f"journal-{ten}"), run) for ten in range(4) for run in range(1, 11)]:
            known = 0 if run == 1 else known
            print(folder, run, file=writers.stdin, flush=True)
            told = {writers.stdout.readline().strip() for _ in range(2)}
            assert "writing" in told
            time.sleep(chance.uniform(0, 0.004))
            os.kill(int((told - {"writing"}).pop()), signal.SIGKILL)
            assert writers.stdout.readline() == "gone\n"
            counted = int(said.read_bytes() or b"0")
            found = read(disk, folder)
            written = found.records[known:]
            expected = [record for number in range(1, counted + 2) for record in deal(number)]
            assert written[0] == started(run)
            assert len(written) - 1 >= 7 * counted
            assert written[1:] == expected[: len(written) - 1]
            assert found.lost_records == 0
            assert not found.clean_end
            known, deals = len(found.records), deals + counted
    assert deals > 40
    for folder in tmp_path.glob("journal-*"):
        Journal.open(disk, str(folder), build="look")[0].close()
        assert verify(disk, str(folder)).is_ok
