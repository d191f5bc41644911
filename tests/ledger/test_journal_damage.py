"""A journal that lost bytes or has wrong ones: it is noticed, told apart from a torn end, and repaired."""

from __future__ import annotations

import random

import msgspec
import pytest
from tests.ledger.fake_disk import FakeDisk, PowerCut
from tests.ledger.written import BUILD, FOLDER, WALL_NS, ended, frame_starts, noted, open_journal, started, write_run

from oneprice.errors import JournalError
from oneprice.ledger import headfile, segments
from oneprice.ledger.frames import HEAD, Place, frame, is_followed, scan
from oneprice.ledger.journal import REPAIRED, Journal, read
from oneprice.ledger.records import Alarmed
from oneprice.ledger.segments import HEAD_NAME, QUARANTINE, segment_name
from oneprice.ledger.upkeep import repair, verify

FIRST = f"{FOLDER}/{segment_name(1)}"
ANYTHING = msgspec.msgpack.Decoder()


@pytest.fixture
def disk() -> FakeDisk:
    return FakeDisk()


def reopened(disk: FakeDisk):
    journal, recovered = Journal.open(disk, FOLDER, build=BUILD)
    journal.close()
    return recovered


def damaged_at(disk: FakeDisk, path: str, at: int) -> None:
    disk.files[path][at] ^= 0x10


def of_64_kib() -> FakeDisk:
    """A closed journal of one file of exactly 64 KiB."""
    disk = FakeDisk()
    write_run(disk, 79, ends=False)
    journal = open_journal(disk)
    left = 65_536 - len(disk.files[FIRST])
    empty = 2 * HEAD.size + len(msgspec.msgpack.encode(noted(1))) + len(msgspec.msgpack.encode(ended()))
    journal.append(noted(1, padding=left - empty - 2), ended())  # 2: its text is long enough for a longer length
    journal.close()
    assert len(disk.files[FIRST]) == 65_536
    assert verify(disk, FOLDER).state == "whole"
    return disk


# ---------------------------------------------------------------------- missing bytes


def places_in(data: bytes) -> list[Place]:
    """Where each frame begins, the header's first, and where the last ends."""
    places = [Place(0, -1, 0)]
    for start in frame_starts(data):
        length, seal, number = HEAD.unpack_from(data, start)
        places.append(Place(start + HEAD.size + length, number, seal))
    return places


def test_every_truncation_of_the_last_4_kib_is_noticed() -> None:
    """All 4,096: by `verify` at the records' edges and beside them, else by what it looks with, from there."""
    whole = of_64_kib()
    data = bytes(whole.files[FIRST])
    place_at = {place.at: place for place in places_in(data)}
    edge = max(at for at in place_at if at <= len(data) - 4_096)
    records = len(read(whole, FOLDER).records)
    looked = 0
    for kept in range(len(data) - 4_096, len(data)):
        edge = kept if kept in place_at else edge
        if kept - edge > 1 and kept + 1 not in place_at:
            assert scan(data[:kept], place_at[edge], ANYTHING).fault
            assert not is_followed(data[:kept], place_at[edge])
            continue
        looked += 1
        cut = whole.killed()
        del cut.files[FIRST][kept:]
        verdict = verify(cut, FOLDER)
        assert (verdict.state, verdict.is_ok) == ("torn", False)
        assert verdict.lost_records == records - verdict.records > 0
        assert verdict.tail_bytes == kept - edge
    assert looked > 60


def test_without_its_head_a_cut_at_a_records_edge_shows_by_the_missing_end() -> None:
    whole = of_64_kib()
    data = bytes(whole.files[FIRST])
    for kept in frame_starts(data)[-30:]:
        cut = whole.killed()
        del cut.files[FIRST][kept:]
        del cut.files[f"{FOLDER}/{HEAD_NAME}"]
        verdict = verify(cut, FOLDER)
        assert verdict.state == "unclosed"
        assert any("head is missing" in fault for fault in verdict.faults)
        assert any("not closed in an orderly way" in notice for notice in verdict.notices)
        assert not read(cut, FOLDER).clean_end


def test_what_a_cut_took_is_counted_until_something_new_is_written(disk) -> None:
    write_run(disk, 3)
    edge = frame_starts(bytes(disk.files[FIRST]))[-3]
    del disk.files[FIRST][edge:]
    for _ in range(3):  # each a start that was interrupted
        recovered = reopened(disk)
        assert (recovered.lost_records, recovered.cut_bytes, recovered.clean_end) == (3, 0, False)
    journal = open_journal(disk)
    journal.append(started(2), ended())
    journal.close()
    assert reopened(disk).lost_records == 0
    assert verify(disk, FOLDER).state == "whole"


def test_a_head_that_was_ahead_does_not_return_to_contradict(disk) -> None:
    write_run(disk, 3)
    del disk.files[FIRST][frame_starts(bytes(disk.files[FIRST]))[-6] :]
    journal = open_journal(disk)
    journal.append(started(2))
    for number in range(20):
        journal.append(noted(number))
        assert verify(disk, FOLDER).is_ok
    journal.close()


def test_a_missing_file_is_named(disk) -> None:
    write_run(disk, 40, segment_bytes=2_000)
    del disk.files[f"{FOLDER}/{segment_name(3)}"]
    with pytest.raises(JournalError, match=r"00000004\.journal, byte 0: 00000003\.journal is missing"):
        open_journal(disk)
    assert verify(disk, FOLDER).state == "damaged"


def test_missing_last_files_are_missed(disk) -> None:
    count = write_run(disk, 40, segment_bytes=2_000)
    names = [name for name in disk.names(FOLDER) if name.endswith(".journal")]
    for name in names[-2:]:
        del disk.files[f"{FOLDER}/{name}"]
    verdict = verify(disk, FOLDER)
    assert verdict.lost_records == count - verdict.records > 0
    assert not verdict.is_ok
    for name in names[:-2]:
        del disk.files[f"{FOLDER}/{name}"]
    assert verify(disk, FOLDER).lost_records == count


def test_files_that_changed_places_are_refused(disk) -> None:
    write_run(disk, 40, segment_bytes=2_000)
    one, other = f"{FOLDER}/{segment_name(2)}", f"{FOLDER}/{segment_name(3)}"
    disk.files[one], disk.files[other] = disk.files[other], disk.files[one]
    with pytest.raises(JournalError, match=r"00000002\.journal, byte 0: it continues record"):
        open_journal(disk)


def test_a_cut_in_a_file_that_is_not_the_last_is_refused(disk) -> None:
    write_run(disk, 40, segment_bytes=2_000)
    path = f"{FOLDER}/{segment_name(2)}"
    at = frame_starts(bytes(disk.files[path]))[-1]
    for kept in (at + 5, at):
        del disk.files[path][kept:]
        with pytest.raises(JournalError, match="damage"):
            open_journal(disk)


def test_a_journal_that_was_brought_back_from_a_copy_does_not_pass_for_the_newer_one(disk) -> None:
    write_run(disk, 3)
    copy = bytes(disk.files[FIRST])
    journal = open_journal(disk)
    journal.append(started(2), noted(1), ended())
    journal.close()
    disk.files[FIRST] = bytearray(copy)
    assert verify(disk, FOLDER).lost_records == 3


def test_a_file_that_was_written_anew_with_right_checksums_is_not_the_one_the_head_names(disk) -> None:
    write_run(disk, 3)
    other = FakeDisk()
    write_run(other, 3, run=9)
    disk.files[FIRST] = other.files[FIRST]
    assert verify(disk, FOLDER).state == "damaged"
    with pytest.raises(JournalError, match="not of one journal"):
        open_journal(disk)


# ---------------------------------------------------------------------- wrong bits


def test_every_flipped_bit_of_64_kib_is_noticed() -> None:
    """All 524,288. Up to the frame with the bit nothing has changed, so looking begins there, as `load` would."""
    data = bytearray(of_64_kib().files[FIRST])
    places = places_in(bytes(data))
    noticed = 0
    last = len(places) - 2
    for turn, place in enumerate(places[:-1]):
        for at in range(place.at, places[turn + 1].at):
            right = data[at]
            for bit in range(8):
                data[at] = right ^ 1 << bit
                found = scan(data, place, ANYTHING)
                noticed += bool(found.fault) and found.end == place
            data[at] = right ^ 1 << at % 8
            assert is_followed(data, place) is (turn != last)  # and is told apart from a torn end
            data[at] = right
    assert noticed == 524_288


def test_a_flipped_bit_is_refused_wherever_whole_records_follow() -> None:
    whole = of_64_kib()
    starts = frame_starts(bytes(whole.files[FIRST]))
    chance = random.Random(7)
    heads = [start + byte for start in starts[:3] + starts[-3:-1] for byte in range(HEAD.size)]
    for at in heads + [chance.randrange(starts[-1]) for _ in range(100)]:
        wrong = whole.killed()
        wrong.files[FIRST][at] ^= 1 << chance.randrange(8)
        before = bytes(wrong.files[FIRST])
        verdict = verify(wrong, FOLDER)
        assert (verdict.state, verdict.is_ok) == ("damaged", False)
        assert verdict.offset == max(start for start in starts if start <= at)
        with pytest.raises(JournalError, match="repair"):
            open_journal(wrong)
        assert wrong.files[FIRST] == before


def test_a_flipped_bit_of_the_last_record_is_a_torn_or_damaged_tail_and_counts_as_lost() -> None:
    whole = of_64_kib()
    data = bytes(whole.files[FIRST])
    start = frame_starts(data)[-1]
    for at in range(start, len(data)):
        wrong = whole.killed()
        wrong.files[FIRST][at] ^= 1 << at % 8
        verdict = verify(wrong, FOLDER)
        assert (verdict.state, verdict.lost_records, verdict.offset) == ("torn", 1, start)
        assert any("torn or damaged tail" in fault for fault in verdict.faults)


def test_every_flipped_bit_of_the_head_is_noticed(disk) -> None:
    write_run(disk, 3)
    path = f"{FOLDER}/{HEAD_NAME}"
    for at in range(len(disk.files[path])):
        for bit in range(8):
            wrong = disk.killed()
            wrong.files[path][at] ^= 1 << bit
            assert not verify(wrong, FOLDER).is_ok
            assert reopened(wrong).lost_records == 0


def test_whole_records_behind_a_lost_sector_are_found() -> None:
    """Also where it is not known how many records the sector had, and where only zeros are left of it."""
    whole = of_64_kib()
    starts = frame_starts(bytes(whole.files[FIRST]))
    chance = random.Random(3)
    for filling in (bytes(4_096), chance.randbytes(4_096)):
        for _ in range(5):
            wrong = whole.killed()
            at = chance.randrange(starts[1], starts[-1] - 4_500)
            wrong.files[FIRST][at : at + 4_096] = filling
            assert verify(wrong, FOLDER).state == "damaged"


def test_a_tail_of_zeros_is_torn(disk) -> None:
    count = write_run(disk, 3)
    disk.files[FIRST] += bytes(100_000)
    assert verify(disk, FOLDER).state == "torn"
    recovered = reopened(disk)
    assert (recovered.cut_bytes, recovered.lost_records, len(recovered.records)) == (100_000, 0, count)


def test_a_record_with_a_right_checksum_and_another_number_is_damage(disk) -> None:
    write_run(disk, 1)
    end = segments.load(disk, FOLDER).segments[-1].end
    disk.files[FIRST] += frame(msgspec.msgpack.encode(ended()), end._replace(number=end.number + 1))[0]
    verdict = verify(disk, FOLDER)
    assert not verdict.is_ok
    assert "record 10 should be here, and the bytes say 11" in verdict.faults[0]


def test_the_head_has_the_last_two_writes_so_that_one_may_be_cut_short(disk) -> None:
    journal = open_journal(disk)
    for group in range(5):
        journal.append(noted(2 * group), noted(2 * group + 1))
        if group:
            head = disk.read(f"{FOLDER}/{HEAD_NAME}")
            slots = {headfile.SLOT.unpack_from(head, at)[0] for at in (0, headfile.SLOT.size)}
            assert slots == {2 * group, 2 * group + 2}
    newest = next(at for at in (0, 16) if headfile.SLOT.unpack_from(head, at)[0] == 10)
    disk.files[f"{FOLDER}/{HEAD_NAME}"][newest] ^= 1
    found = read(disk.killed(), FOLDER)
    assert (len(found.records), found.lost_records) == (10, 0)


def test_a_repeated_record_is_damage(disk) -> None:
    write_run(disk, 3)
    data = bytes(disk.files[FIRST])
    one, other = frame_starts(data)[4:6]
    disk.files[FIRST] = bytearray(data[:other] + data[one:other] + data[other:])
    assert verify(disk, FOLDER).state == "damaged"


# ---------------------------------------------------------------------- torn ends


def test_every_torn_end_is_cut_and_kept_aside() -> None:
    whole = FakeDisk()
    write_run(whole, 2, ends=False)
    data = bytes(whole.files[FIRST])
    start = frame_starts(data)[-1]
    for kept in range(start + 1, len(data)):
        torn = whole.killed()
        del torn.files[FIRST][kept:]
        recovered = reopened(torn)
        assert (recovered.cut_bytes, recovered.clean_end) == (kept - start, False)
        assert bytes(torn.files[FIRST]) == data[:start]
        assert torn.read(f"{FOLDER}/{QUARANTINE}/0001/{segment_name(1)}.from-{start}") == data[start:kept]


def test_after_a_cut_the_journal_goes_on(disk) -> None:
    write_run(disk, 2, ends=False)
    del disk.files[FIRST][-3:]
    write_run(disk, 2, run=2)
    recovered = reopened(disk)
    assert recovered.clean_end
    assert len(recovered.records) == 14 + 16
    assert verify(disk, FOLDER).state == "whole"


# ---------------------------------------------------------------------- repair


def test_a_repair_keeps_what_is_before_the_damage_and_deletes_nothing(disk) -> None:
    write_run(disk, 40, segment_bytes=2_000)
    before = {name: bytes(data) for name, data in disk.files.items() if name.endswith(".journal")}
    all_records = read(disk, FOLDER).records
    path = f"{FOLDER}/{segment_name(4)}"
    starts = frame_starts(before[path])
    damaged_at(disk, path, starts[5] + 20)
    wrong = bytes(disk.files[path])

    done = repair(disk, FOLDER, build=BUILD, wall_ns=WALL_NS)

    aside = done.aside
    assert aside == f"{FOLDER}/{QUARANTINE}/0001"
    assert disk.read(f"{aside}/{segment_name(4)}") == wrong
    later = [name for name in before if name > path]
    assert later
    for name in later:
        assert disk.read(name.replace(FOLDER, aside)) == before[name]
        assert name not in disk.files
    recovered = reopened(disk)
    assert recovered.records[:-1] == all_records[: done.kept]
    assert recovered.repaired
    assert not recovered.clean_end
    trace = recovered.records[-1]
    assert isinstance(trace, Alarmed)
    assert (trace.kind, trace.wall_ns) == (REPAIRED, WALL_NS)
    assert f"{len(all_records) - done.kept} records from there on" in trace.text
    verdict = verify(disk, FOLDER)
    assert verdict.is_ok
    assert "repaired, and nothing has run since" in verdict.notices[0]


def test_after_a_repair_the_run_must_settle_with_the_venues_once(disk) -> None:
    write_run(disk, 40, segment_bytes=2_000)
    damaged_at(disk, f"{FOLDER}/{segment_name(2)}", 300)
    repair(disk, FOLDER, build=BUILD, wall_ns=WALL_NS)
    assert not reopened(disk).clean_end
    write_run(disk, 1, run=2)
    recovered = reopened(disk)
    assert recovered.clean_end
    assert not recovered.repaired


def test_a_repair_of_everything_that_was_interrupted_does_not_look_like_a_new_journal(disk) -> None:
    write_run(disk, 3)
    damaged_at(disk, FIRST, 8)
    disk.cut_power_at(2)  # both files are aside, and the alarm is not written
    with pytest.raises(PowerCut):
        repair(disk, FOLDER, build=BUILD, wall_ns=WALL_NS)
    after = disk.killed()
    assert FIRST not in after.files
    assert not reopened(after).clean_end


@pytest.mark.parametrize("at", [0, 8, 30])
def test_a_broken_first_header_leaves_nothing_to_keep(disk, at: int) -> None:
    write_run(disk, 3)
    damaged_at(disk, FIRST, at)
    done = repair(disk, FOLDER, build=BUILD, wall_ns=WALL_NS)
    assert done.kept == 0
    assert not reopened(disk).clean_end
    assert verify(disk, FOLDER).is_ok


def test_a_repair_after_a_missing_file_keeps_what_comes_before(disk) -> None:
    write_run(disk, 40, segment_bytes=2_000)
    kept = len(read_until(disk, 3))
    del disk.files[f"{FOLDER}/{segment_name(3)}"]
    assert repair(disk, FOLDER, build=BUILD, wall_ns=WALL_NS).kept == kept
    assert verify(disk, FOLDER).is_ok


def read_until(disk: FakeDisk, number: int) -> list[object]:
    """The records of the files before that one."""
    fewer = disk.killed()
    for name in disk.names(FOLDER):
        if name >= segment_name(number):
            fewer.files.pop(f"{FOLDER}/{name}", None)
    return list(read(fewer, FOLDER).records)


def test_a_repair_where_the_head_contradicts_moves_the_head_aside(disk) -> None:
    count = write_run(disk, 3)
    other = FakeDisk()
    write_run(other, 3, run=9)
    disk.files[f"{FOLDER}/{HEAD_NAME}"] = other.files[f"{FOLDER}/{HEAD_NAME}"]
    done = repair(disk, FOLDER, build=BUILD, wall_ns=WALL_NS)
    assert done.kept == count
    assert HEAD_NAME in done.moved
    assert verify(disk, FOLDER).is_ok


def test_a_repair_of_missing_records_at_the_end_leaves_a_trace(disk) -> None:
    write_run(disk, 3)
    del disk.files[FIRST][frame_starts(bytes(disk.files[FIRST]))[-2] :]
    done = repair(disk, FOLDER, build=BUILD, wall_ns=WALL_NS)
    assert done.moved == ()
    assert "2 records that were written whole are missing" in done.words
    assert verify(disk, FOLDER).is_ok
    assert not reopened(disk).clean_end


def test_a_repair_of_nothing_changes_nothing(disk) -> None:
    write_run(disk, 3)
    before = {path: bytes(data) for path, data in disk.files.items()}
    assert "nothing is wrong" in repair(disk, FOLDER, build=BUILD, wall_ns=WALL_NS).words
    assert disk.files == before


def test_repairs_do_not_overwrite_each_others_leavings(disk) -> None:
    for number in (1, 2):
        write_run(disk, 3, run=number)
        damaged_at(disk, FIRST, len(disk.files[FIRST]) - 200)
        done = repair(disk, FOLDER, build=BUILD, wall_ns=WALL_NS)
        assert done.aside.endswith(f"000{number}")
    assert verify(disk, FOLDER).is_ok
