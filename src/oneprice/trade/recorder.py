"""The one way in which something becomes known: written to the journal, then folded into the ledger, then told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from oneprice.ledger.ledger import ODD, Ledger
from oneprice.ledger.records import Alarmed, AnyRecord
from oneprice.ports import Clock


class Written(Protocol):
    """A journal that takes records. Raises JournalError; then none of them counts."""

    def append(self, *records: AnyRecord) -> None:
        """All of them, or none."""

    def rehearse(self, *records: AnyRecord) -> None:
        """What `append` does before it writes. Nothing is kept."""


class Recorder:
    """`listeners` hear each record after it counts: viewers, breakers. They must be quick and raise nothing."""

    def __init__(self, journal: Written, ledger: Ledger, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self.ledger = ledger
        self.listeners: list[Callable[[AnyRecord], None]] = []

    def wall_ns(self) -> int:
        """Now, for a record."""
        return self._clock.wall_ns()

    def monotonic_ns(self) -> int:
        """Now, to measure with."""
        return self._clock.monotonic_ns()

    def write(self, *records: AnyRecord) -> None:
        """All of them in one write. Raises JournalError: nothing of it has happened, and nothing may be sent for it."""
        self.write_ahead(*records)
        self.count(*records)

    def write_ahead(self, *records: AnyRecord) -> None:
        """Into the journal alone; `count` has to follow in the same turn of the loop. Raises JournalError."""
        self._journal.append(*records)

    def rehearse(self, *records: AnyRecord) -> None:
        """What `write_ahead` does, without an effect."""
        self._journal.rehearse(*records)

    def count(self, *records: AnyRecord) -> None:
        """Fold what was written ahead into the ledger, and tell of it."""
        for record in records:
            self.ledger.apply(record)
        for record in records:
            for heard in self.listeners:
                heard(record)
        # What the ledger finds odd about what venues tell: an alarm each, which it takes as told.
        while self.ledger.untold:
            self.write(Alarmed(wall_ns=self.wall_ns(), kind=ODD, text=self.ledger.untold[0]))
