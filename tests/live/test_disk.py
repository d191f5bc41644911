"""The machine's own disk."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oneprice.live import disk as module
from oneprice.live.disk import LiveDisk, LiveFile

SLOW_S = 60.0


@pytest.fixture
def disk() -> LiveDisk:
    return LiveDisk()


@pytest.fixture
def path(tmp_path: Path, disk: LiveDisk) -> str:
    """An empty file."""
    disk.write(str(tmp_path / "file"), b"")
    return str(tmp_path / "file")


@pytest.fixture
def opened() -> Iterator[Callable[..., LiveFile]]:
    """Files whose thread ends with the test."""
    files: list[LiveFile] = []

    def open_one(path: str, sync_every_s: float = SLOW_S, stall_s_max: float = SLOW_S) -> LiveFile:
        files.append(LiveDisk(sync_every_s, stall_s_max).append_to(path, 0))
        return files[-1]

    yield open_one
    for file in files:
        try:
            file.close()
        except OSError:
            continue


def mode(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def test_everything_is_for_its_owner_alone(tmp_path, disk) -> None:
    folder = str(tmp_path / "a" / "b")
    disk.make_folder(folder)
    disk.write(f"{folder}/file", b"x")
    disk.map(f"{folder}/map", 32).close()
    lock = disk.lock(f"{folder}/lock")
    assert not isinstance(lock, int)
    lock.release()
    assert [mode(f"{folder}/{name}") for name in disk.names(folder)] == [0o600] * 3
    assert mode(folder) == mode(str(tmp_path / "a")) == 0o700


def append_until_it_fails(file: LiveFile) -> None:
    """The failure is kept a moment after it was raised in the thread."""
    for _ in range(1_000_000):
        file.append(b"y")


def test_a_folder_that_is_not_there_has_no_names(tmp_path, disk) -> None:
    assert disk.names(str(tmp_path / "nothing")) == []
    with pytest.raises(FileNotFoundError):
        disk.read(str(tmp_path / "nothing"))


def test_writing_replaces_a_whole_file(tmp_path, disk) -> None:
    path = str(tmp_path / "file")
    disk.write(path, b"a long text")
    disk.write(path, b"short")
    assert disk.read(path) == b"short"
    assert disk.names(str(tmp_path)) == ["file"]


def test_renaming_and_cutting(tmp_path, disk) -> None:
    disk.make_folder(str(tmp_path / "aside"))
    disk.write(str(tmp_path / "file"), b"0123456789")
    disk.cut(str(tmp_path / "file"), 4)
    disk.rename(str(tmp_path / "file"), str(tmp_path / "aside" / "file"))
    assert disk.read(str(tmp_path / "aside" / "file")) == b"0123"


def test_space_is_set_aside_without_making_the_file_longer_and_given_back(path, disk) -> None:
    file = disk.append_to(path, 1 << 20)
    file.append(b"abc")
    held = Path(path).stat()
    file.close()
    assert held.st_size == Path(path).stat().st_size == 3
    if sys.platform.startswith("linux"):
        assert held.st_blocks * 512 >= 1 << 20
        assert Path(path).stat().st_blocks * 512 < 1 << 20


def test_no_room_is_told_when_the_file_is_opened(path, disk) -> None:
    with pytest.raises(OSError, match="set aside"):
        disk.append_to(path, 1 << 60)


def test_an_append_is_in_the_file_at_once(path, opened) -> None:
    file = opened(path)
    file.append(b"one")
    file.append(b"two")
    assert Path(path).read_bytes() == b"onetwo"


def test_what_is_appended_is_synced_soon_and_all_of_it_together(path, opened, monkeypatch) -> None:
    synced = threading.Semaphore(0)
    monkeypatch.setattr(module, "sync_data", lambda file: synced.release())
    file = opened(path, sync_every_s=0.05)
    for _ in range(10):
        file.append(b"x")
    assert synced.acquire(timeout=10)
    assert not synced.acquire(timeout=0.2)  # nothing new, nothing to do
    file.append(b"x")
    assert synced.acquire(timeout=10)


def test_a_failed_sync_is_told_by_the_next_append_and_never_tried_again(path, opened, monkeypatch) -> None:
    calls = []

    def fail(file: int) -> None:
        calls.append(file)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(module, "sync_data", fail)
    file = opened(path, sync_every_s=0.001)
    file.append(b"x")
    while not calls:
        os.sched_yield()
    monkeypatch.setattr(module, "sync_data", lambda file: None)
    with pytest.raises(OSError, match="Input/output"):
        append_until_it_fails(file)
    size = Path(path).stat().st_size
    for again in (lambda: file.append(b"z"), file.sync, file.close):
        with pytest.raises(OSError, match="Input/output"):
            again()
    assert Path(path).stat().st_size == size
    assert len(calls) == 1


def test_a_disk_that_syncs_nothing_for_too_long_is_a_failure(path, opened, monkeypatch) -> None:
    now_ns = [1]
    monkeypatch.setattr(module.time, "monotonic_ns", lambda: now_ns[0])
    file = opened(path, stall_s_max=5.0)
    file.append(b"a")
    now_ns[0] += 5_000_000_000
    file.append(b"b")
    now_ns[0] += 1
    with pytest.raises(OSError, match="nothing was synced for 5 s"):
        file.append(b"c")


def test_a_write_that_is_cut_short_is_a_full_disk(path, opened, monkeypatch) -> None:
    file = opened(path)
    write = os.write
    monkeypatch.setattr(module.os, "write", lambda handle, data: write(handle, data[:2]))
    with pytest.raises(OSError, match="2 of 5 bytes") as caught:
        file.append(b"12345")
    assert caught.value.errno == errno.ENOSPC
    monkeypatch.undo()
    with pytest.raises(OSError, match="2 of 5 bytes"):
        file.append(b"x")


def test_a_map_is_the_file(tmp_path, disk) -> None:
    path = str(tmp_path / "map")
    disk.write(path, b"abcd")
    mapped = disk.map(path, 8)
    assert bytes(mapped.view) == b"abcd\0\0\0\0"
    mapped.view[4:6] = b"ef"
    assert disk.read(path) == b"abcdef\0\0"
    mapped.flush()
    mapped.close()
    mapped.close()


# ---------------------------------------------------------------------- the lock

HOLDER = """
import sys
from oneprice.live.disk import LiveDisk
lock = LiveDisk().lock(sys.argv[1])
print(lock if isinstance(lock, int) else "held", flush=True)
sys.stdin.read()
"""


def test_a_lock_is_held_by_one_who_is_named(tmp_path, disk) -> None:
    path = str(tmp_path / "lock")
    assert disk.holder(path) is None
    lock = disk.lock(path)
    assert not isinstance(lock, int)
    assert disk.lock(path) == disk.holder(path) == os.getpid()
    lock.release()
    lock.release()
    assert disk.holder(path) is None
    again = disk.lock(path)
    assert not isinstance(again, int)
    again.release()


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path, disk) -> None:
    path = str(tmp_path / "lock")
    command = [sys.executable, "-c", HOLDER, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert disk.lock(path) == disk.holder(path) == holder.pid
        holder.kill()
        holder.wait()
    assert disk.holder(path) is None
    lock = disk.lock(path)
    assert not isinstance(lock, int)
    lock.release()
