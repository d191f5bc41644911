"""What a misspelt word was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LIKE_MIN = 0.72
_WORD_LIKE_MIN = 0.6
_EXTRA_WORD = 0.02
_SAME = {"amount": "notional", "basis": "carry", "limit": "max", "percent": "bps", "pct": "bps", "size": "notional"}
"""Words of other tools for ours."""
_EMPTY = frozenset({"", "of", "per", "the"})


def nearest(given: str, known: Iterable[str]) -> str:
    """The known word that is most like the given one, "" when none is."""
    name = max(known, key=lambda one: _likeness(given.lower(), one), default="")
    return name if name and _likeness(given.lower(), name) >= _LIKE_MIN else ""


def _likeness(given: str, known: str) -> float:
    """0 to 1: letter by letter, or word by word in any order, whichever is higher."""
    letters = difflib.SequenceMatcher(None, given, known.lower()).ratio()
    words = [_SAME.get(word, word) for word in given.split("_") if word not in _EMPTY]
    theirs = known.lower().split("_")
    if not words:
        return 0.0
    best = [max(difflib.SequenceMatcher(None, word, other).ratio() for other in theirs) for word in words]
    if min(best) < _WORD_LIKE_MIN:
        return letters
    extra = abs(len(theirs) - len(words))
    return max(letters, sum(best) / len(best) - _EXTRA_WORD * extra - (0.25 if len(words) == 1 and extra else 0.0))
