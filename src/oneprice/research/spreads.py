"""Spreads over time: how long each direction stood how high, and how often it stood above the fees.

Gross is the bid of the selling side over the ask of the buying side minus one. Quotes hold from their
receipt until the next one of the same listing. A direction is judged from the later first quote to the
earlier last quote of its two listings, cut exactly there: what came after one side spoke last is held back
until it speaks again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

STEPS_PER_BPS = 1_000
FINE_BPS = 1_000.0  # beyond this, steps are of 1 bps, and beyond GROSS_BPS_MAX there is one last step
GROSS_BPS_MAX = 1e6
HELD_MAX = 64


class Episodes(NamedTuple):
    """Unbroken stretches above the fees."""

    number: int
    total_ns: int
    longest_ns: int


class Stretch:
    """What one direction did over a stretch of time. Two stretches that follow each other can be joined."""

    __slots__ = (
        "_count",
        "_head_ns",
        "_longest_ns",
        "_tail_ns",
        "_time_at",
        "_total_ns",
        "known_ns",
        "peak",
        "peak_ns",
        "span_ns",
        "threshold",
        "updates",
    )

    def __init__(self, threshold_bps: float) -> None:
        self.threshold = threshold_bps
        self.span_ns = self.known_ns = 0
        self.updates = 0
        self.peak, self.peak_ns = float("-inf"), 0
        self._time_at: dict[int, int] = {}
        # Runs above the threshold: those that touch the start (head) and the end (tail) may go on beyond it.
        self._count = self._total_ns = self._longest_ns = self._head_ns = self._tail_ns = 0

    def add(self, since_ns: int, duration_ns: int, gross: float | None) -> None:
        """The spread stood at `gross` bps for so long; None when a side had no price. No time at all is nothing."""
        if duration_ns <= 0:
            return
        if gross is None or gross <= self.threshold:
            self._tail_ns = 0
        else:
            if not self._tail_ns:
                self._count += 1
            self._total_ns += duration_ns
            self._tail_ns += duration_ns
            self._longest_ns = max(self._longest_ns, self._tail_ns)
            if self._head_ns == self.span_ns:
                self._head_ns += duration_ns
        self.span_ns += duration_ns
        if gross is None:
            return
        self.known_ns += duration_ns
        step = _step(gross)
        self._time_at[step] = self._time_at.get(step, 0) + duration_ns
        if gross > self.peak:
            self.peak, self.peak_ns = gross, since_ns

    def join(self, later: Stretch) -> None:
        """Take in the stretch that follows this one."""
        self.updates += later.updates
        if not later.span_ns:
            return
        joined = self._tail_ns + later._head_ns
        bridged = bool(self._tail_ns and later._head_ns)
        self._count += later._count - bridged
        self._total_ns += later._total_ns
        self._longest_ns = max(self._longest_ns, later._longest_ns, joined)
        if self._head_ns == self.span_ns:
            self._head_ns += later._head_ns
        self._tail_ns = joined if later._tail_ns == later.span_ns else later._tail_ns
        self.span_ns += later.span_ns
        self.known_ns += later.known_ns
        for step, duration_ns in later._time_at.items():
            self._time_at[step] = self._time_at.get(step, 0) + duration_ns
        if later.peak > self.peak:
            self.peak, self.peak_ns = later.peak, later.peak_ns

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """For each share of the time, ascending: the least gross bps at or below which the spread stood so long."""
        found: list[float] = []
        passed_ns = 0
        steps = iter(sorted(self._time_at.items()))
        step, duration_ns = next(steps)
        for share in shares:
            while passed_ns + duration_ns < share * self.known_ns:
                passed_ns += duration_ns
                step, duration_ns = next(steps)
            found.append(_value(step))
        return found

    def episodes(self) -> Episodes:
        """Stretches above the threshold, those at the edges cut there."""
        return Episodes(self._count, self._total_ns, self._longest_ns)


class Direction:
    """Buying at one listing and selling at another.

    `threshold_bps`: fees of both legs. `above`: the spread stands above them now.
    """

    __slots__ = (
        "_held",
        "_held_more",
        "_held_updates",
        "_last_ns",
        "_since_ns",
        "_speaker",
        "_value",
        "above",
        "buy",
        "done",
        "sell",
    )

    def __init__(self, buy: int, sell: int, threshold_bps: float) -> None:
        self.buy, self.sell = buy, sell
        self.above = False
        self.done = Stretch(threshold_bps)
        self._held: list[tuple[int, int, float | None]] = []
        self._held_more: Stretch | None = None
        self._held_updates = 0
        self._value: float | None = None
        self._since_ns = self._last_ns = 0
        self._speaker = -1

    def speak(self, listing: int, ns: int, bid: float, ask: float) -> bool:
        """A quote of `listing` made these the selling bid and the buying ask; 0 for none. True when it rose above.

        Called from when both listings have spoken.
        """
        value = (bid / ask - 1.0) * 1e4 if bid and ask else None
        if listing != self._speaker:
            if self._speaker < 0:
                self._since_ns, self._value = ns, value
            self._turn(listing)
        if value != self._value:
            self._hold(self._since_ns, ns)
            self._since_ns, self._value = ns, value
        self._last_ns = ns
        self._held_updates += 1
        above = value is not None and value > self.done.threshold
        rose, self.above = above and not self.above, above
        return rose

    def again(self, listing: int, ns: int) -> None:
        """A quote of `listing` with the same prices, after at least one of each side."""
        if listing != self._speaker:
            self._turn(listing)
        self._last_ns = ns
        self._held_updates += 1

    @property
    def value(self) -> float | None:
        """Gross bps now, None when a side has no price."""
        return self._value

    # ------------------------------------------------------------------ inside

    def _turn(self, listing: int) -> None:
        """The other side speaks: all up to the last word of the one before counts now."""
        if self._speaker >= 0:
            self._release()
            self.done.add(self._since_ns, self._last_ns - self._since_ns, self._value)
            self._since_ns = self._last_ns
        self._speaker = listing

    def _hold(self, since_ns: int, until_ns: int) -> None:
        """What counts only if the other side speaks again."""
        self._held.append((since_ns, until_ns - since_ns, self._value))
        if len(self._held) > HELD_MAX:
            if self._held_more is None:
                self._held_more = Stretch(self.done.threshold)
            for segment in self._held:
                self._held_more.add(*segment)
            self._held.clear()

    def _release(self) -> None:
        done = self.done
        if self._held_more is not None:
            done.join(self._held_more)
            self._held_more = None
        for segment in self._held:
            done.add(*segment)
        self._held.clear()
        done.updates += self._held_updates
        self._held_updates = 0


class Spreads:
    """All directions between listings of the same thing, fed with every quote. Prices are per base coin."""

    def __init__(self) -> None:
        self.directions: list[Direction] = []
        self.rose: list[Direction] = []
        self._bids: list[float] = []
        self._asks: list[float] = []
        self._counts: list[int] = []
        self._ever_bid: list[bool] = []
        self._ever_asked: list[bool] = []
        self._of: list[list[tuple[Direction, int]]] = []

    def add_listing(self) -> None:
        """Take in a listing; listings are counted from 0."""
        self._bids.append(0.0)
        self._asks.append(0.0)
        self._counts.append(0)
        self._ever_bid.append(False)
        self._ever_asked.append(False)
        self._of.append([])

    def add_direction(self, buy: int, sell: int, threshold_bps: float) -> None:
        """Watch buying at one listing and selling at another."""
        direction = Direction(buy, sell, threshold_bps)
        self.directions.append(direction)
        self._of[buy].append((direction, sell))
        self._of[sell].append((direction, buy))

    def quote(self, listing: int, ns: int, bid: float, ask: float) -> None:
        """A quote; 0 for an empty side. Directions that rose above their fees are added to `rose`."""
        bids, asks, spoke = self._bids, self._asks, self._counts
        known = spoke[listing]
        spoke[listing] = known + 1
        if known and bid == bids[listing] and ask == asks[listing]:
            for direction, other in self._of[listing]:
                if spoke[other]:
                    direction.again(listing, ns)
            return
        bids[listing], asks[listing] = bid, ask
        if bid:
            self._ever_bid[listing] = True
        if ask:
            self._ever_asked[listing] = True
        for direction, other in self._of[listing]:
            if spoke[other]:
                if other == direction.sell:
                    rose = direction.speak(listing, ns, bids[other], ask)
                else:
                    rose = direction.speak(listing, ns, bid, asks[other])
                if rose:
                    self.rose.append(direction)

    def again(self, listing: int, ns: int) -> None:
        """The quote that the listing has, once more."""
        self.quote(listing, ns, self._bids[listing], self._asks[listing])

    def quotes(self, listing: int) -> int:
        """How many quotes it had."""
        return self._counts[listing]

    def bid_for(self, listing: int) -> bool:
        """Whether it ever had a bid."""
        return self._ever_bid[listing]

    def asked(self, listing: int) -> bool:
        """Whether it ever had an ask."""
        return self._ever_asked[listing]

    def has_price(self, listing: int) -> bool:
        """Whether it has a bid or an ask now."""
        return bool(self._bids[listing] or self._asks[listing])


def _step(gross: float) -> int:
    if -FINE_BPS <= gross <= FINE_BPS:
        return round(gross * STEPS_PER_BPS)
    return round(max(-1e4, min(gross, GROSS_BPS_MAX))) * STEPS_PER_BPS


def _value(step: int) -> float:
    return step / STEPS_PER_BPS
