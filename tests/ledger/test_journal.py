"""Writing a journal and opening it again."""

from __future__ import annotations

import msgspec
import pytest
from tests.ledger.fake_disk import OUR_ID, FakeDisk
from tests.ledger.written import (
    BUILD,
    FOLDER,
    deal,
    ended,
    frame_starts,
    noted,
    open_journal,
    started,
    write_run,
)

from oneprice.errors import JournalError
from oneprice.ledger import segments
from oneprice.ledger.frames import BODY_BYTES_MAX, HEAD, Place, frame
from oneprice.ledger.journal import Journal, read
from oneprice.ledger.records import SCHEMA, AnyRecord
from oneprice.ledger.segments import MAGIC, Header, header_frame, segment_name
from oneprice.ledger.upkeep import repair, verify

FIRST = f"{FOLDER}/{segment_name(1)}"


@pytest.fixture
def disk() -> FakeDisk:
    return FakeDisk()


def test_a_new_journal_is_empty_and_owes_nothing(disk) -> None:
    journal, recovered = Journal.open(disk, FOLDER, build=BUILD)
    journal.close()
    assert recovered.records == []
    assert recovered.clean_end
    assert (recovered.cut_bytes, recovered.lost_records) == (0, 0)


def test_what_was_appended_comes_back_in_order(disk) -> None:
    written = [started(), *deal(1), *deal(2), ended()]
    journal = open_journal(disk)
    journal.append(written[0])
    journal.append(*written[1:4])
    for record in written[4:]:
        journal.append(record)
    journal.close()
    journal, recovered = Journal.open(disk, FOLDER, build=BUILD)
    assert recovered.records == written
    assert recovered.clean_end
    assert recovered.words == "16 records in 1 files"
    journal.close()


def test_a_group_is_one_write(disk) -> None:
    journal = open_journal(disk)
    before = disk.steps
    journal.append(*deal(1))
    assert disk.steps == before + 2  # the head, renewed by the first append, is the other
    journal.append(*deal(2))
    assert disk.steps == before + 3


def test_appending_nothing_writes_nothing(disk) -> None:
    journal = open_journal(disk)
    before = disk.steps
    journal.append()
    assert disk.steps == before


def test_bodies_are_plain_msgpack_of_the_records(disk) -> None:
    write_run(disk, 1)
    data = disk.read(FIRST)
    decoder = msgspec.msgpack.Decoder(AnyRecord)
    starts = frame_starts(data)
    bodies = [data[at + HEAD.size : at + HEAD.size + HEAD.unpack_from(data, at)[0]] for at in starts[1:]]
    assert [decoder.decode(body) for body in bodies] == [started(), *deal(1), ended()]


def test_a_run_that_is_still_open_did_not_end_cleanly(disk) -> None:
    write_run(disk, 2, ends=False)
    recovered = read(disk, FOLDER)
    assert not recovered.clean_end
    assert "did not end in an orderly way" in recovered.words


def test_strict_waits_for_the_disk_at_each_append(disk) -> None:
    journal = open_journal(disk, strict=True)
    journal.append(started())
    syncs = disk.syncs
    for number in range(3):
        journal.append(noted(number))
    assert disk.syncs == syncs + 3
    assert disk.synced[FIRST] == disk.files[FIRST]


def test_otherwise_appending_waits_for_nothing(disk) -> None:
    journal = open_journal(disk)
    journal.append(started())
    syncs = disk.syncs
    for number in range(3):
        journal.append(noted(number))
    assert disk.syncs == syncs
    journal.sync()
    assert disk.synced[FIRST] == disk.files[FIRST]


def test_a_closed_journal_takes_nothing(disk) -> None:
    journal = open_journal(disk)
    journal.close()
    journal.close()
    for refused in (lambda: journal.append(started()), journal.sync):
        with pytest.raises(JournalError, match="closed"):
            refused()


def test_more_than_a_megabyte_at_once_is_refused_and_leaves_the_journal_usable(disk) -> None:
    journal = open_journal(disk)
    with pytest.raises(JournalError, match="Nothing was written"):
        journal.append(noted(1, padding=BODY_BYTES_MAX))
    journal.append(noted(2))
    journal.close()
    assert read(disk, FOLDER).records == [noted(2)]


def test_a_record_that_cannot_be_encoded_leaves_no_trace(disk) -> None:
    journal = open_journal(disk)
    journal.append(started())
    with pytest.raises(TypeError):
        journal.append(noted(1), object())  # type: ignore[arg-type]
    journal.append(ended())
    journal.close()
    assert read(disk, FOLDER).records == [started(), ended()]


# ---------------------------------------------------------------------- growth


def test_a_file_that_has_grown_is_followed_by_another(disk) -> None:
    count = write_run(disk, 40, segment_bytes=2_000)
    names = [name for name in disk.names(FOLDER) if name.endswith(".journal")]
    assert names == [segment_name(number) for number in range(1, len(names) + 1)]
    assert len(names) > 5
    recovered = read(disk, FOLDER)
    assert len(recovered.records) == count
    assert recovered.clean_end
    assert recovered.segments == len(names)
    assert verify(disk, FOLDER).is_ok


def test_a_file_is_on_the_disk_before_the_next_begins(disk) -> None:
    write_run(disk, 40, segment_bytes=2_000, ends=False)
    *full, _ = [name for name in disk.names(FOLDER) if name.endswith(".journal")]
    for name in full:
        assert disk.synced[f"{FOLDER}/{name}"] == disk.files[f"{FOLDER}/{name}"]


def test_each_file_says_what_it_continues(disk) -> None:
    write_run(disk, 40, segment_bytes=2_000)
    found = segments.load(disk, FOLDER)
    for before, after in zip(found.segments, found.segments[1:], strict=False):
        assert (after.header.number, after.header.checksum) == (before.end.number, before.end.checksum)
        assert after.header.run == 1
        assert after.header.build == BUILD
    assert found.segments[0].header.run == 0


def test_opening_again_goes_on_in_the_same_file(disk) -> None:
    for run in range(1, 4):
        write_run(disk, 2, run=run)
    assert read(disk, FOLDER).segments == 1


def test_another_build_begins_another_file(disk) -> None:
    write_run(disk, 1)
    journal, _ = Journal.open(disk, FOLDER, build="0.2.0")
    journal.append(started(2), ended())
    journal.close()
    found = segments.load(disk, FOLDER)
    assert [segment.header.build for segment in found.segments] == [BUILD, "0.2.0"]
    assert verify(disk, FOLDER).is_ok


def test_files_without_records_between_builds_are_no_damage(disk) -> None:
    write_run(disk, 1)
    for build in ("b", "c", "d"):
        Journal.open(disk, FOLDER, build=build)[0].close()
    journal, recovered = Journal.open(disk, FOLDER, build="e")
    assert recovered.clean_end
    journal.append(started(2), ended())
    journal.close()
    assert verify(disk, FOLDER).state == "whole"


# ---------------------------------------------------------------------- one owner


def test_a_folder_has_one_journal_at_a_time_and_tells_who_holds_it(disk) -> None:
    journal = open_journal(disk)
    with pytest.raises(JournalError, match=f"process {OUR_ID} holds it"):
        open_journal(disk)
    journal.close()
    open_journal(disk).close()


def test_a_refused_journal_leaves_the_folder_free(disk) -> None:
    write_run(disk, 3)
    disk.files[FIRST][200] ^= 1
    for _ in range(2):
        with pytest.raises(JournalError, match="damage"):
            open_journal(disk)


def test_reading_needs_no_lock_and_sees_what_is_there_so_far(disk) -> None:
    journal = open_journal(disk)
    journal.append(started(), *deal(1))
    assert len(read(disk, FOLDER).records) == 8
    verdict = verify(disk, FOLDER)
    assert (verdict.state, verdict.is_ok, verdict.holder) == ("open", True, OUR_ID)
    journal.close()


def test_repair_needs_the_lock(disk) -> None:
    journal = open_journal(disk)
    with pytest.raises(JournalError, match="holds it"):
        repair(disk, FOLDER, build=BUILD, wall_ns=1)
    journal.close()


# ---------------------------------------------------------------------- what is not ours


def test_a_journal_of_another_schema_is_refused_and_says_so(disk) -> None:
    data, _ = header_frame(Header(MAGIC, SCHEMA + 1, "1.9", 0, 0, 0))
    disk.write(FIRST, data)
    for look in (lambda: open_journal(disk), lambda: read(disk, FOLDER)):
        with pytest.raises(JournalError, match=rf"has schema {SCHEMA + 1}; this build reads schema {SCHEMA}"):
            look()
    with pytest.raises(JournalError, match="Nothing was changed"):
        repair(disk, FOLDER, build=BUILD, wall_ns=1)
    assert verify(disk, FOLDER).state == "foreign"
    assert disk.read(FIRST) == data


def test_a_later_schema_may_have_any_other_header(disk) -> None:
    body = msgspec.msgpack.encode([MAGIC, 7, {"quite": "another"}])
    disk.write(FIRST, frame(body, Place(0, -1, 0))[0])
    with pytest.raises(JournalError, match="has schema 7"):
        open_journal(disk)


def test_a_record_of_an_unknown_kind_is_not_taken_for_damage(disk) -> None:
    write_run(disk, 1)
    found = segments.load(disk, FOLDER)
    disk.files[FIRST] += frame(msgspec.msgpack.encode(["MoonPhase", 1, "full"]), found.segments[-1].end)[0]
    with pytest.raises(JournalError, match=r"record 10 is none that this build knows.*Use the build that wrote it"):
        open_journal(disk)
    assert verify(disk, FOLDER).state == "foreign"


def test_a_record_with_a_text_that_is_none_is_not_taken_for_damage(disk) -> None:
    write_run(disk, 1)
    found = segments.load(disk, FOLDER)
    body = msgspec.msgpack.encode(noted(1)).replace(b"note", b"n\xc0te")
    disk.files[FIRST] += frame(body, found.segments[-1].end)[0]
    with pytest.raises(JournalError, match=r"record 10 is none that this build knows"):
        open_journal(disk)
    assert verify(disk, FOLDER).state == "foreign"


def test_a_file_that_is_no_journal_is_refused(disk) -> None:
    no_text = frame(b"\x91\xa1\xc0", Place(0, -1, 0))[0]
    for data in (b"", b"hello, this is text", bytes(64), frame(b"\x01", Place(0, -1, 0))[0], no_text):
        disk.write(FIRST, data)
        with pytest.raises(JournalError, match=r"00000001\.journal, byte 0: no journal begins like this"):
            open_journal(disk)


def test_other_files_in_the_folder_are_let_be(disk) -> None:
    write_run(disk, 1)
    disk.write(f"{FOLDER}/{segment_name(2)}.new", b"half of a header")
    disk.write(f"{FOLDER}/notes.txt", b"mine")
    assert verify(disk, FOLDER).state == "whole"


def test_there_is_no_verdict_where_nothing_has_run(disk) -> None:
    with pytest.raises(JournalError, match="nothing has run"):
        verify(disk, FOLDER)
    assert read(disk, FOLDER).records == []
