"""How the suite is dealt out to workers (`pytest -n`): a file's tests go to one of them, one after the other, for they
share fixtures. What is long goes first, and what can go anywhere last, so that all workers end at about the same time.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

FIRST = (
    "tests/research/test_real_recordings.py",
    "tests/verify/test_public_cards.py",
    "tests/trade/test_kills.py",
    "tests/cli/test_demo.py",
    "tests/verify/test_private_cards.py",
)
"""Files whose few tests take long, or wait long."""
APART = (
    "tests/core/test_both_cores.py",
    "tests/research/test_real_recordings.py",
    "tests/sim/test_money_random.py",
)
"""Files whose tests share nothing and take seconds each: dealt out one by one."""


class FilesTogether(LoadScopeScheduling):
    """Deals out whole files, in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file in APART else file


def order(items: list[pytest.Item]) -> None:
    """Bring the collection into the order in which it is dealt out."""

    def place(item: pytest.Item) -> int:
        file = item.nodeid.partition("::")[0]
        return FIRST.index(file) - len(FIRST) if file in FIRST else file in APART

    items.sort(key=place)
