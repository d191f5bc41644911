"""How far a long piece of work is, on standard error, from one second on."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

SHOW_AFTER_S = 1.0
LINE_EVERY_S = 5.0


class ShareDone:
    """Call it with the share that is done, 0 to 1: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._started_s = self._told_s = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> ShareDone:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, share: float) -> None:
        """So much is done."""
        now_s = time.monotonic()
        if now_s - self._started_s < SHOW_AFTER_S:
            return
        if sys.stderr.isatty():
            if self._bar is None:
                self._bar = _bar()
                self._bar.add_task(self._what, total=1.0)
                self._bar.start()
            self._bar.update(self._bar.task_ids[0], completed=share)
        elif now_s - self._told_s >= LINE_EVERY_S:
            self._told_s = now_s
            print(f"{self._what} {share:.0%}", file=sys.stderr, flush=True)


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
