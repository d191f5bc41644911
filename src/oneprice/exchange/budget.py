"""Rate limits: a venue's weighted budgets, counted so that the venue can never count more."""

from __future__ import annotations

from collections import deque

from oneprice.venues.kit.contract import Budget


class Sending:
    """A request on its way: what it weighs and when it left."""

    __slots__ = ("sent_ns", "weight")

    def __init__(self, weight: int, sent_ns: int) -> None:
        self.weight, self.sent_ns = weight, sent_ns


class WeightBudget:
    """What of one budget is used up, in whatever way the venue cuts its windows.

    The venue counts a request at some moment between its sending and its answer. So its weight is held from
    the sending until one whole window after the answer: at any moment the weights held here are at least
    those in the venue's current window, be it sliding or aligned to the venue's clock.

    What the venue itself tells counts too, for it knows of other programs behind our address: the figure of
    its last answer, plus what was sent since, is held for a window unless a later answer tells less.
    """

    def __init__(self, budget: Budget, share: float) -> None:
        self.weight_max = budget.weight_max
        self.window_ns = round(budget.seconds * 1e9)
        self.blocked_until_ns = 0
        self._usable = max(1, int(budget.weight_max * share))
        self._flying = 0
        self._landed: deque[tuple[int, int]] = deque()  # (held until, weight), in that order
        self._landed_weight = 0
        self._told = self._told_until_ns = self._told_ns = 0

    def used(self, now_ns: int) -> int:
        """Weight held at this moment."""
        while self._landed and self._landed[0][0] <= now_ns:
            self._landed_weight -= self._landed.popleft()[1]
        told = self._told if now_ns < self._told_until_ns else 0
        return max(self._flying + self._landed_weight, told)

    def ready_ns(self, weight: int, now_ns: int, part: float = 1.0) -> int:
        """`now_ns` if this weight fits into `part` of the budget, else the first moment worth asking again."""
        if now_ns < self.blocked_until_ns:
            return self.blocked_until_ns
        usable = max(weight, int(self._usable * part))
        if self.used(now_ns) + weight <= usable:
            return now_ns
        if now_ns < self._told_until_ns and self._told + weight > usable:
            return self._told_until_ns
        return self._landed[0][0] if self._landed else now_ns + self.window_ns

    def send(self, weight: int, now_ns: int) -> Sending:
        """Hold the weight of a request that leaves now."""
        self._flying += weight
        self._told += weight
        return Sending(weight, now_ns)

    def land(self, sending: Sending, now_ns: int) -> None:
        """The answer is here, or will not come."""
        self._flying -= sending.weight
        self._landed.append((now_ns + self.window_ns, sending.weight))
        self._landed_weight += sending.weight

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
