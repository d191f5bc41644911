"""The kill switch. Once pulled it stays so: in this run for good, and over restarts for as long as its file is there.

It is pulled by the file KILL in the data folder (whoever makes it, with the reason as its text), by a signal, a command
or a call. However it was pulled, the file is made: to trade again, remove it and start anew.
"""

from __future__ import annotations

from collections.abc import Callable

from oneprice.ports import Clock, Disk

FILE = "KILL"
LOOK_EVERY_S = 0.02
REASON_MAX = 200


class KillSwitch:
    """`folder`: the data folder. `reason`: why it was pulled, "" while it was not."""

    def __init__(self, disk: Disk, folder: str, clock: Clock) -> None:
        self._disk, self._clock = disk, clock
        self._path = f"{folder}/{FILE}"
        self._on_kill: Callable[[str], None] | None = None
        self.reason = ""

    async def watch(self, on_kill: Callable[[str], None]) -> None:
        """Look for the file, for ever. `on_kill` is called once, with the reason: in the turn of whoever pulls, or now
        where that has been done."""
        assert self._on_kill is None, "one at a time watches"
        self._on_kill = on_kill
        if self.reason:
            on_kill(self.reason)
        try:
            while True:
                self.look()
                await self._clock.sleep(LOOK_EVERY_S)
        finally:
            self._on_kill = None

    def look(self) -> str:
        """Whether the file is there, now; gives `reason`. To be called before anything is armed."""
        if not self.reason:
            try:
                text = self._disk.read(self._path)
            except FileNotFoundError:
                return ""
            except OSError as error:
                self._latch(f"{self._path} cannot be looked at: {error}")
            else:
                words = " ".join(text.decode(errors="replace").split())[:REASON_MAX]
                self._latch(f"the file {self._path} is there" + (f": {words}" if words else ""))
        return self.reason

    def pull(self, reason: str) -> None:
        """Kill now. Harmless when repeated: the first reason stays.

        Raises OSError when the file cannot be made; everything else is done by then.
        """
        if self._latch(reason):
            self._disk.write(self._path, f"{reason}\n".encode())

    def _latch(self, reason: str) -> bool:
        """Whether this was the first."""
        if self.reason:
            return False
        self.reason = reason or "no reason given"
        if self._on_kill is not None:
            self._on_kill(self.reason)
        return True
