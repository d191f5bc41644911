"""A replay in its own time, or so many times faster."""

from __future__ import annotations

from collections.abc import Callable, Iterable

SLICE_S = 0.1


def paced(
    times_ns: Iterable[int],
    speed: float,
    now_s: Callable[[], float],
    sleep: Callable[[float], None],
    on_look: Callable[[int], None],
    look_every_s: float,
) -> None:
    """Go through `times_ns`, each not before it is due: (its time minus the first one) over `speed`.

    `speed` 0 waits for nothing. `on_look` is called with the recording's time every `look_every_s`, also
    while waiting; `sleep` is never asked for more than a tenth of a second.
    """
    started_s = looked_s = now_s()
    first_ns = -1
    for ns in times_ns:
        if first_ns < 0:
            first_ns = ns
        due_s = started_s + (ns - first_ns) / 1e9 / speed if speed else started_s
        while True:
            moment_s = now_s()
            if moment_s - looked_s >= look_every_s:
                looked_s = moment_s
                on_look(ns if not speed else min(ns, first_ns + int((moment_s - started_s) * speed * 1e9)))
            if moment_s >= due_s:
                break
            sleep(min(SLICE_S, due_s - moment_s))
