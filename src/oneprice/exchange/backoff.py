"""How long to wait before the next try: at random, and for longer the more have failed."""

from __future__ import annotations

from oneprice.ports import Chance

_DOUBLINGS_MAX = 30


def longest_pause_ms(failures: int, first_ms: int, most_ms: int) -> int:
    """`first_ms` after one failure, doubled with each further one, never above `most_ms`; 0 after none."""
    return min(most_ms, first_ms << min(failures - 1, _DOUBLINGS_MAX)) if failures > 0 else 0


def pause_s(chance: Chance, failures: int, first_ms: int, most_ms: int) -> float:
    """Full jitter: anything up to `longest_pause_ms`, so that those who failed together do not try again together."""
    return chance.uniform(0.0, longest_pause_ms(failures, first_ms, most_ms) / 1e3) if failures > 0 else 0.0
