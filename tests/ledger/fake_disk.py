"""A disk in memory that crashes on demand: what was not synced may be lost, torn, or there.

`Disk` of the ports. Every change is a step; `fail_at(step)` makes one fail, `cut_power_at(step)` ends the world there.
What outlives a kill is `killed()`, what may outlive a power cut is `power_cut(chance)`: two new disks.
"""

from __future__ import annotations

import errno
import random

from oneprice.ports import FolderLock

OUR_ID = 4242


class PowerCut(BaseException):
    """The machine stops here. No code under test may catch it."""


class FakeDisk:
    """`files`: what the system's cache has; `synced`: what is on the disk for sure. `steps` counts changes."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}
        self.synced: dict[str, bytes] = {}
        self.folders: set[str] = set()
        self.locked: set[str] = set()
        self.steps = 0
        self.syncs = 0
        self._fail_step, self._fail_code, self._partly = -1, 0, False
        self._cut_step = -1

    # ------------------------------------------------------------------ what happens to it

    def fail_at(self, step: int, code: int = errno.ENOSPC, *, partly: bool = False) -> None:
        """The change number `step` from now (0 is the next) raises; `partly`: half of the bytes are written."""
        self._fail_step, self._fail_code, self._partly = self.steps + step, code, partly

    def cut_power_at(self, step: int) -> None:
        """The change number `step` from now does not happen any more."""
        self._cut_step = self.steps + step

    def killed(self) -> FakeDisk:
        """After kill -9: all that was written is there, and no lock is held."""
        after = FakeDisk()
        after.files = {path: bytearray(data) for path, data in self.files.items()}
        after.synced, after.folders = dict(self.synced), set(self.folders)
        return after

    def power_cut(self, chance: random.Random, *, reorders: bool = False) -> FakeDisk:
        """After a power cut: of what was not synced any part may be there, the last of it perhaps torn.

        `reorders`: a later page may be there where an earlier one is not, and has zeros.
        """
        after = FakeDisk()
        after.folders = set(self.folders)
        for path, safe in self.synced.items():
            cached = self.files.get(path)
            data = bytearray(safe)
            if cached is not None and len(cached) > len(safe) and cached.startswith(safe):
                data += cached[len(safe) : chance.randint(len(safe), len(cached))]
                if reorders and len(data) > len(safe) + 2:
                    begin = chance.randrange(len(safe), len(data))
                    end = chance.randrange(begin, len(data))
                    data[begin:end] = bytes(end - begin)
            elif cached is not None and chance.random() < 0.5:
                data = bytearray(cached)  # a mapped file whose page went out by itself
            after.files[path] = data
            after.synced[path] = bytes(data)
        return after

    # ------------------------------------------------------------------ Disk

    def make_folder(self, path: str) -> None:
        self.folders.add(path)

    def names(self, folder: str) -> list[str]:
        inside = [path[len(folder) + 1 :] for path in (*self.files, *self.folders) if path.startswith(f"{folder}/")]
        return sorted({path.partition("/")[0] for path in inside})

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "No such file", path)
        return bytes(self.files[path])

    def write(self, path: str, data: bytes) -> None:
        self.step()
        self.files[path] = bytearray(data)
        self.synced[path] = bytes(data)

    def rename(self, old: str, new: str) -> None:
        self.step()
        self.files[new] = self.files.pop(old)
        self.synced[new] = self.synced.pop(old, bytes(self.files[new]))

    def cut(self, path: str, length: int) -> None:
        self.step()
        del self.files[path][length:]
        self.synced[path] = bytes(self.files[path])

    def append_to(self, path: str, reserve_bytes: int) -> FakeFile:
        return FakeFile(self, path)

    def map(self, path: str, length: int) -> FakeMap:
        held = self.files.setdefault(path, bytearray())
        if len(held) < length:
            self.step()
            self.files[path] = held = held + bytes(length - len(held))
            self.synced[path] = bytes(held)
        return FakeMap(self, path)

    def lock(self, path: str) -> FolderLock | int:
        if path in self.locked:
            return OUR_ID
        self.locked.add(path)
        return FakeLock(self, path)

    def holder(self, path: str) -> int | None:
        return OUR_ID if path in self.locked else None

    def step(self) -> None:
        """A change is about to happen."""
        now, self.steps = self.steps, self.steps + 1
        if now == self._cut_step:
            raise PowerCut
        if now == self._fail_step:
            raise OSError(self._fail_code, errno.errorcode[self._fail_code])

    def append(self, path: str, data: bytes) -> None:
        """Bytes into the cache."""
        try:
            self.step()
        except OSError:
            if self._partly:
                self.files[path] += data[: len(data) // 2]
            raise
        except PowerCut:
            self.files[path] += data[: len(data) // 2]
            raise
        self.files[path] += data

    def sync(self, path: str) -> None:
        """The cache to the disk."""
        self.step()
        self.syncs += 1
        self.synced[path] = bytes(self.files[path])


class FakeFile:
    """Appends; syncs only when told to."""

    def __init__(self, disk: FakeDisk, path: str) -> None:
        self._disk, self._path = disk, path
        self._failure: OSError | None = None

    def append(self, data: bytes) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            self._disk.append(self._path, data)
        except OSError as error:
            self._failure = error
            raise

    def sync(self) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            self._disk.sync(self._path)
        except OSError as error:
            self._failure = error
            raise

    def close(self) -> None:
        self.sync()


class FakeMap:
    """Its memory is the cache's."""

    def __init__(self, disk: FakeDisk, path: str) -> None:
        self._disk, self._path = disk, path
        self.view = memoryview(disk.files[path])

    def flush(self) -> None:
        self._disk.sync(self._path)

    def close(self) -> None:
        self.view.release()


class FakeLock:
    """Released by hand, or with the disk that `killed` leaves behind."""

    def __init__(self, disk: FakeDisk, path: str) -> None:
        self._disk, self._path = disk, path

    def release(self) -> None:
        self._disk.locked.discard(self._path)
