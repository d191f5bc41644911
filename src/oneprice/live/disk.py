"""Files that outlive a crash: one write a call, a thread that syncs behind it, renames that are on the disk."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from oneprice.errors import NotSupported
from oneprice.ports import FolderLock

SYNC_EVERY_S = 0.005
STALL_S_MAX = 5.0
OWNER_FILE, OWNER_FOLDER = 0o600, 0o700
KEEP_SIZE = 1  # fallocate: set blocks aside and leave the file's length alone
LOCK_TRIES, LOCK_PAUSE_S = 3, 0.01

sync_data = getattr(os, "fdatasync", os.fsync)


class LiveDisk:
    """The machine's own. `sync_every_s`: the longest that appended bytes wait for their sync to begin."""

    def __init__(self, sync_every_s: float = SYNC_EVERY_S, stall_s_max: float = STALL_S_MAX) -> None:
        self._sync_every_s, self._stall_s_max = sync_every_s, stall_s_max

    def make_folder(self, path: str) -> None:
        """Those that are made are the owner's alone; one that is there keeps its mode."""
        folder = Path(path)
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        for one in reversed(missing):
            one.mkdir(mode=OWNER_FOLDER, exist_ok=True)
            sync_folder(one.parent)

    def names(self, folder: str) -> list[str]:
        """Files and folders alike."""
        try:
            return sorted(entry.name for entry in Path(folder).iterdir())
        except FileNotFoundError:
            return []

    def read(self, path: str) -> bytes:
        """All of it, into memory."""
        return Path(path).read_bytes()

    def write(self, path: str, data: bytes) -> None:
        """Under the name with `.new` first, then renamed."""
        beside = f"{path}.new"
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_FILE)
        try:
            _write_all(file, data)
            os.fsync(file)
        finally:
            os.close(file)
        self.rename(beside, path)

    def rename(self, old: str, new: str) -> None:
        """Replaces what has the new name."""
        source, target = Path(old), Path(new)
        source.replace(target)
        sync_folder(target.parent)
        if source.parent != target.parent:
            sync_folder(source.parent)

    def cut(self, path: str, length: int) -> None:
        """Space that was set aside beyond is free again."""
        file = os.open(path, os.O_WRONLY)
        try:
            os.ftruncate(file, length)
            os.fsync(file)
        finally:
            os.close(file)

    def append_to(self, path: str, reserve_bytes: int) -> LiveFile:
        """Raises OSError (ENOSPC) when there is no room for what is to be set aside."""
        file = os.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            _reserve(file, os.fstat(file).st_size, reserve_bytes)
        except OSError:
            os.close(file)
            raise
        return LiveFile(file, self._sync_every_s, self._stall_s_max)

    def map(self, path: str, length: int) -> LiveMap:
        """Its bytes are written before they are mapped: touching a page that the disk has no room for kills."""
        file = os.open(path, os.O_RDWR | os.O_CREAT, OWNER_FILE)
        try:
            size = os.fstat(file).st_size
            if size < length:
                os.lseek(file, size, os.SEEK_SET)
                _write_all(file, bytes(length - size))
                os.fsync(file)
                sync_folder(Path(path).parent)
            return LiveMap(mmap.mmap(file, length))
        finally:
            os.close(file)

    def lock(self, path: str) -> FolderLock | int:
        """By flock, with our process id inside. Raises NotSupported where the system has no flock."""
        for turn in range(LOCK_TRIES):
            if turn:
                time.sleep(LOCK_PAUSE_S)  # `holder` of another process may just be asking
            file = os.open(path, os.O_RDWR | os.O_CREAT, OWNER_FILE)
            if _flock(file, shared=False):
                os.ftruncate(file, 0)
                _write_all(file, b"%d\n" % os.getpid())
                return LiveLock(file)
            told = _process_id(file)
            os.close(file)
        return told

    def holder(self, path: str) -> int | None:
        """Asks by taking the lock as a reader, for a moment."""
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            return None if _flock(file, shared=True) else _process_id(file)
        finally:
            os.close(file)


class LiveFile:
    """Appends at once; a thread syncs what is new every few milliseconds, all of it together.

    What a sync says when it fails it says only once, and what is on the disk is unknown then: the first failure stays.
    """

    def __init__(self, file: int, sync_every_s: float, stall_s_max: float) -> None:
        self._file, self._sync_every_s, self._stall_ns_max = file, sync_every_s, round(stall_s_max * 1e9)
        self._failure: OSError | None = None
        self._waits_since_ns = 0  # when the oldest byte that no sync has taken on was appended; 0 for none
        self._ended = Event()
        # It looks by itself: to be woken by each append would cost the append more than its write does.
        self._thread = Thread(target=self._run, name="disk-sync", daemon=True)
        self._thread.start()

    def append(self, data: bytes) -> None:
        """Raises OSError; a write that was cut short counts as a full disk."""
        if self._failure is not None:
            raise self._failure
        try:
            written = os.write(self._file, data)
        except OSError as error:
            self._failure = error
            raise
        if written != len(data):
            text = f"only {written} of {len(data)} bytes were written"
            self._failure = OSError(errno.ENOSPC, text)
            raise self._failure
        now_ns = time.monotonic_ns()
        if not self._waits_since_ns:
            self._waits_since_ns = now_ns
        elif now_ns - self._waits_since_ns > self._stall_ns_max:
            self._failure = OSError(errno.EIO, f"nothing was synced for {self._stall_ns_max / 1e9:g} s")
            raise self._failure

    def sync(self) -> None:
        """In the caller's thread. Raises OSError."""
        self._waits_since_ns = 0
        self._sync()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """The thread ends, what is left is synced, space that was set aside is free again."""
        if self._file < 0:
            return
        self._ended.set()
        self._thread.join()
        file, self._file = self._file, -1
        try:
            if self._failure is not None:
                raise self._failure
            sync_data(file)
            os.ftruncate(file, os.fstat(file).st_size)
        finally:
            os.close(file)

    def _run(self) -> None:
        while not self._ended.wait(self._sync_every_s):
            if self._waits_since_ns:
                self._waits_since_ns = 0
                self._sync()

    def _sync(self) -> None:
        if self._failure is None:
            try:
                sync_data(self._file)
            except OSError as error:
                self._failure = error


class LiveMap:
    """Shared with the system: what is changed is in its cache, whatever becomes of the process."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self.view = memoryview(memory)

    def flush(self) -> None:
        """Raises OSError."""
        self._memory.flush()

    def close(self) -> None:
        """The view is of no use any more."""
        self.view.release()
        self._memory.close()


class LiveLock:
    """An open file with a lock on it."""

    def __init__(self, file: int) -> None:
        self._file = file

    def release(self) -> None:
        """The file stays, empty: were it removed, two could hold a lock on two files of one name."""
        if self._file >= 0:
            file, self._file = self._file, -1
            with suppress(OSError):  # the lock goes with the descriptor; the id inside is only for people
                os.ftruncate(file, 0)
            os.close(file)


def sync_folder(path: Path) -> None:
    """Put names on the disk. Raises OSError."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _reserve(file: int, start: int, count: int) -> None:
    """Set blocks aside so that a full disk is met when the file is opened, not in the middle of a deal."""
    if count <= 0 or not sys.platform.startswith("linux") or sys.maxsize < 1 << 32:
        return
    fallocate = ctypes.CDLL(None, use_errno=True).fallocate
    fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    if fallocate(file, KEEP_SIZE, start, count):
        code = ctypes.get_errno()
        if code not in (errno.EOPNOTSUPP, errno.ENOSYS):
            raise OSError(code, f"{os.strerror(code)} ({count} bytes are to be set aside)")


def _flock(file: int, *, shared: bool) -> bool:
    """Whether it was free."""
    try:
        import fcntl
    except ImportError as error:
        raise NotSupported("this system has no flock, so a data folder cannot be kept to one engine") from error
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _process_id(file: int) -> int:
    text = os.pread(file, 32, 0).strip()
    return int(text) if text.isdigit() else 0
