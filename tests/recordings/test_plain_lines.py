"""The line format: packed or not, whole or torn."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from oneprice.errors import RecordingError
from oneprice.market.recording import PlainFile, write_plain_line

PACKS = {"plain": bytes, "gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}


def frames(path: Path) -> list[tuple[int, bytes]]:
    return [(ns, frame) for _, ns, frame in PlainFile(path).frames()]


@pytest.mark.parametrize("pack", PACKS)
@given(rows=st.lists(st.tuples(st.integers(0, 2**62), st.text('abc{}": ,', min_size=1).filter(str.strip)), max_size=30))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, pack: str, rows: list[tuple[int, str]]
) -> None:
    rows.sort()
    out = io.BytesIO()
    for ns, text in rows:
        write_plain_line(out, ns, text.strip().encode())
    path = tmp_path_factory.mktemp("p") / "file"
    path.write_bytes(PACKS[pack](out.getvalue()))
    assert frames(path) == [(ns, text.strip().encode()) for ns, text in rows]


def test_more_than_a_chunk_keeps_every_line(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    rows = [(number, b"x" * (number % 4_000) + b"y") for number in range(3_000)]
    path.write_bytes(gzip.compress(b"".join(b"%d %b\n" % row for row in rows), 1))
    file = PlainFile(path)
    assert [(ns, frame) for _, ns, frame in file.frames()] == rows
    assert file.bytes_read == file.bytes_total


def test_a_last_line_without_its_end_counts(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b'1 {"a":1}\r\n\n2 {"b":2}')
    assert frames(path) == [(1, b'{"a":1}'), (2, b'{"b":2}')]


@pytest.mark.parametrize("pack", ["gzip", "zstd"])
def test_a_torn_packed_file_gives_its_whole_lines_and_a_note(tmp_path: Path, pack: str) -> None:
    rows = [(number, b'{"number":%d}' % pow(3, number, 10**30)) for number in range(20_000)]
    packed = PACKS[pack](b"".join(b"%d %b\n" % row for row in rows))
    path = tmp_path / "file"
    path.write_bytes(packed[: len(packed) // 2])
    file = PlainFile(path)
    got = [(ns, frame) for _, ns, frame in file.frames()]
    assert 100 < len(got) < 20_000
    assert got == rows[: len(got)]
    assert "torn tail" in file.notes[0]


def test_damage_within_a_packed_file_is_an_error(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(bytes(range(256)) * 100))
    packed[len(packed) // 2] ^= 0xFF
    path = tmp_path / "file.gz"
    path.write_bytes(packed)
    with pytest.raises(RecordingError, match=r"file\.gz"):
        frames(path)


@pytest.mark.parametrize("line", [b"no number here", b"12", b"1.5 {}"])
def test_a_line_that_is_none_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1 {}\n" + line + b"\n")
    with pytest.raises(RecordingError, match="line 2: expected '<receive ns> <frame>'"):
        frames(path)


@pytest.mark.parametrize("frame", [b"two\nlines", b"\xff\xfe", b"", b"  "])
def test_a_frame_that_is_no_line_is_refused(frame: bytes) -> None:
    with pytest.raises(RecordingError, match="binary or has several lines"):
        write_plain_line(io.BytesIO(), 1, frame)


def test_a_step_back_in_time_is_held(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"5 a\n3 b\n6 c\n")
    assert frames(path) == [(5, b"a"), (5, b"b"), (6, b"c")]
