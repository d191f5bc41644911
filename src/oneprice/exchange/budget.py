"""Rate limits: a venue's weighted budgets, counted so that the venue can never count more."""

from __future__ import annotations

from collections import deque

from oneprice.venues.kit.contract import Budget


class WeightBudget:
    """What of one budget is used up, in whatever way the venue cuts its windows.

    The venue counts a request at some moment between its sending and its answer. So its weight is held from
    the sending until one whole window after the answer: at any moment the weights held here are at least
    those in the venue's current window, be it sliding or aligned to the venue's clock.

    What the venue itself tells counts too, for it knows of other programs behind our address: the figure of
    its last answer, plus what was sent since, is held for a window unless a later answer tells less.
    """

    __slots__ = (
        "_flying",
        "_held",
        "_landed",
        "_told",
        "_told_ns",
        "_told_until_ns",
        "blocked_until_ns",
        "usable",
        "weight_max",
        "window_ns",
    )

    def __init__(self, budget: Budget, share: float) -> None:
        self.weight_max = budget.weight_max
        self.window_ns = round(budget.seconds * 1e9)
        self.blocked_until_ns = 0
        self.usable = max(1, int(budget.weight_max * share))
        self._held = self._flying = 0
        self._landed: deque[tuple[int, int]] = deque()  # (held until, weight), in that order
        self._told = self._told_until_ns = self._told_ns = 0

    def used(self, now_ns: int) -> int:
        """Weight held at this moment."""
        landed = self._landed
        while landed and landed[0][0] <= now_ns:
            self._held -= landed.popleft()[1]
        if now_ns < self._told_until_ns and self._told > self._held:
            return self._told
        return self._held

    def ready_ns(self, weight: int, now_ns: int, part: float = 1.0) -> int:
        """`now_ns` if this weight fits into `part` of the budget, else the first moment worth asking again."""
        if now_ns < self.blocked_until_ns:
            return self.blocked_until_ns
        usable = max(weight, int(self.usable * part))
        if self.used(now_ns) + weight <= usable:
            return now_ns
        if now_ns < self._told_until_ns and self._told + weight > usable:
            return self._told_until_ns
        return self._landed[0][0] if self._landed else now_ns + self.window_ns

    def take(self, weight: int, now_ns: int, usable: int) -> bool:
        """`send`, if the weight fits into `usable` of the budget now; whether it did."""
        landed = self._landed
        while landed and landed[0][0] <= now_ns:
            self._held -= landed.popleft()[1]
        used = self._held
        if self._told > used and now_ns < self._told_until_ns:
            used = self._told
        if used + weight > usable or now_ns < self.blocked_until_ns:
            return False
        self._held += weight
        self._flying += weight
        self._told += weight
        return True

    def give_back(self, weight: int) -> None:
        """What was taken was not sent."""
        self._held -= weight
        self._flying -= weight
        self._told -= weight

    def send(self, weight: int) -> None:
        """Hold the weight of a request that leaves now."""
        self._held += weight
        self._flying += weight
        self._told += weight

    def land(self, weight: int, now_ns: int) -> None:
        """The answer to a request of this weight is here, or will not come."""
        self._flying -= weight
        self._landed.append((now_ns + self.window_ns, weight))

    def hear(self, told: int, sent_ns: int, now_ns: int) -> None:
        """The venue's own figure, in the answer to a request that left at `sent_ns` and has landed.

        Answers may overtake each other: less than was told before is believed only of a request that left
        after.
        """
        figure = told + self._flying
        still = self._told if now_ns < self._told_until_ns else 0
        if sent_ns >= self._told_ns or figure > still:
            self._told, self._told_ns = figure, now_ns
            self._told_until_ns = now_ns + self.window_ns

    def block(self, until_ns: int) -> None:
        """Let nothing through before this moment."""
        self.blocked_until_ns = max(self.blocked_until_ns, until_ns)
