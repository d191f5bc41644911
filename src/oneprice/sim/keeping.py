"""Stores that never outgrow their maximum: an exchange that runs for days remembers the newest."""

from collections import defaultdict, deque
from functools import partial
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def keep_newest(kept: dict[K, V], most: int) -> None:
    """Drop the oldest entries beyond `most`."""
    while len(kept) > most:
        del kept[next(iter(kept))]


def histories(most: int) -> defaultdict[K, deque[V]]:
    """By account or the like: the newest `most` entries, oldest first."""
    return defaultdict(partial(deque[V], maxlen=most))
