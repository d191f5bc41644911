"""Whether a process had its core to itself: how long it has waited for it while other processes ran there."""

from __future__ import annotations

import os
from pathlib import Path

DISTURBED_NS = 100_000
"""Who waits longer than this within one event did not lose the time by itself. Waking up takes less."""


class Waiting:
    """Of one process, by what Linux tells in `schedstat`; 0 for ever elsewhere.

    What its main thread waits while other threads of its own run is its own affair and is not counted.
    """

    def __init__(self, pid: int) -> None:
        self._main, self._others = -1, list[int]()
        try:
            self._main = os.open(f"/proc/{pid}/schedstat", os.O_RDONLY)
            for task in Path(f"/proc/{pid}/task").iterdir():
                if task.name != str(pid):
                    self._others.append(os.open(task / "schedstat", os.O_RDONLY))
        except FileNotFoundError:
            return

    def waited_ns(self) -> int:
        """Since the process began."""
        if self._main < 0:
            return 0
        return _figures(self._main)[1] - sum(_figures(other)[0] for other in self._others)


def _figures(descriptor: int) -> tuple[int, int]:
    """On a core, and waiting for one. A thread that has ended ran no longer."""
    try:
        ran, waited, _ = os.pread(descriptor, 64, 0).split()
    except ProcessLookupError:
        return 0, 0
    return int(ran), int(waited)
