"""The scan: after a top changed, which spreads and cycles that touch it survive the fees.

A group holds the listings of one thing (BTC against USDT, spot and perpetual alike). A change of one listing is held
against the best of its group only; pairs of other listings cannot have changed. A cycle is three or more listings of
one venue that lead back to the asset they started from.
"""

from __future__ import annotations

from typing import NamedTuple

from oneprice.core.listing import Listing
from oneprice.core.sizing import BUY, SELL, Missed, Sized, ask_factor, bid_factor, size_cycle, size_pair
from oneprice.core.states import BookState, Miss

PAIR, CYCLE = 0, 1
NOTHING = float("-inf")


class Key(NamedTuple):
    """Names an opportunity: a pair by its listings (buy, sell), a cycle by its number and 0."""

    kind: int
    first: int
    second: int


class Open(NamedTuple):
    """An opportunity that stands: `sized` as it is now, `best` as it was at its best net amount."""

    key: Key
    opened_ns: int
    updated_ns: int
    updates: int
    sized: Sized
    best: Sized


class Near(NamedTuple):
    """What came near: `net_bps` from the tops alone, and what is in the way, where."""

    key: Key
    gross_bps: float
    net_bps: float
    miss: Miss
    listing: int


class Scan:
    """Groups, cycles and the opportunities that stand."""

    def __init__(self, min_net_bps: float) -> None:
        self.edge = 1.0 + min_net_bps / 1e4
        self.open: dict[Key, Open] = {}
        self.listings: list[Listing] = []
        self._groups: dict[str, list[int]] = {}
        self._cycles: list[list[tuple[int, int]]] = []
        self._cycles_of: list[list[int]] = []
        self._bid_factor: list[float] = []
        self._ask_factor: list[float] = []
        self._bids: list[float] = []
        self._asks: list[float] = []

    def add(self, listing: Listing) -> None:
        """Take in a listing; its number is its place."""
        spec = listing.spec
        number = len(self.listings)
        self.listings.append(listing)
        self._cycles_of.append([])
        self._bid_factor.append(bid_factor(spec))
        self._ask_factor.append(ask_factor(spec))
        self._bids.append(NOTHING)
        self._asks.append(-NOTHING)
        if spec.group:
            self._groups.setdefault(spec.group, []).append(number)

    def add_cycle(self, legs: list[tuple[int, int]]) -> int:
        """Watch `(listing, side)` legs that lead from an asset back to it; gives the cycle's number."""
        number = len(self._cycles)
        self._cycles.append(legs)
        for listing in sorted({listing for listing, _ in legs}):
            self._cycles_of[listing].append(number)
        return number

    def changed(self, number: int, now_ns: int) -> list[tuple[str, Open]]:
        """The top or state of a listing changed. Gives what opened, changed and closed."""
        listing = self.listings[number]
        top = listing.top
        live = listing.state() is BookState.LIVE
        self._bids[number] = top.bid_ticks * self._bid_factor[number] if live and top.bid_lots else NOTHING
        self._asks[number] = top.ask_ticks * self._ask_factor[number] if live and top.ask_lots else -NOTHING
        happened: list[tuple[str, Open]] = []
        for other in self._groups.get(listing.spec.group, ()):
            if other != number:
                self._hold_pair(number, other, now_ns, happened)
                self._hold_pair(other, number, now_ns, happened)
        for cycle in self._cycles_of[number]:
            key = Key(CYCLE, cycle, 0)
            sized = self._try_cycle(cycle) if self._cycle_ratio(cycle) > self.edge else None
            self._note(key, sized, now_ns, happened)
        return happened

    def near(self, count: int) -> list[Near]:
        """The nearest misses, best net first: of each group the best pair that is not open, and the best cycles."""
        found: list[Near] = []
        for members in self._groups.values():
            nearest: Near | None = None
            for buy in members:
                for sell in members:
                    key = Key(PAIR, buy, sell)
                    if buy != sell and key not in self.open:
                        miss = self._near_pair(key)
                        if miss and (nearest is None or miss.net_bps > nearest.net_bps):
                            nearest = miss
            if nearest:
                found.append(nearest)
        for cycle in range(len(self._cycles)):
            if Key(CYCLE, cycle, 0) not in self.open:
                miss = self._near_cycle(cycle)
                if miss:
                    found.append(miss)
        found.sort(key=lambda near: (-near.net_bps, near.key))
        return found[:count]

    # ------------------------------------------------------------------ inside

    def _hold_pair(self, buy: int, sell: int, now_ns: int, happened: list[tuple[str, Open]]) -> None:
        sized = None
        if self._bids[sell] > self._asks[buy] * self.edge:
            result = size_pair(buy, self.listings[buy], sell, self.listings[sell], self.edge)
            sized = result if isinstance(result, Sized) else None
        self._note(Key(PAIR, buy, sell), sized, now_ns, happened)

    def _note(self, key: Key, sized: Sized | None, now_ns: int, happened: list[tuple[str, Open]]) -> None:
        known = self.open.get(key)
        if sized is None:
            if known:
                del self.open[key]
                happened.append(("closed", known._replace(updated_ns=now_ns)))
        elif known is None:
            self.open[key] = opened = Open(key, now_ns, now_ns, 1, sized, sized)
            happened.append(("opened", opened))
        else:
            best = sized if sized.net_atto > known.best.net_atto else known.best
            self.open[key] = now = Open(key, known.opened_ns, now_ns, known.updates + 1, sized, best)
            happened.append(("changed", now))

    def _cycle_ratio(self, cycle: int) -> float:
        """What one unit of the start asset becomes at the tops, after fees."""
        ratio = 1.0
        for number, side in self._cycles[cycle]:
            ratio *= 1.0 / self._asks[number] if side == BUY else max(self._bids[number], 0.0)
        return ratio

    def _try_cycle(self, cycle: int) -> Sized | None:
        result = size_cycle([(number, self.listings[number], side) for number, side in self._cycles[cycle]])
        return result if isinstance(result, Sized) and result.net_bps > (self.edge - 1.0) * 1e4 else None

    def _near_pair(self, key: Key) -> Near | None:
        buy, sell = self.listings[key.first], self.listings[key.second]
        if not buy.top.ask_lots or not sell.top.bid_lots:
            return None
        paid = buy.top.ask_ticks * self._ask_factor[key.first]
        got = sell.top.bid_ticks * self._bid_factor[key.second]
        net = (got / paid - 1.0) * 1e4
        fees = (1.0 - sell.spec.fee_ppb / 1e9) / (1.0 + buy.spec.fee_ppb / 1e9)
        gross = (got / paid / fees - 1.0) * 1e4
        for number, listing in ((key.first, buy), (key.second, sell)):
            if listing.state() is not BookState.LIVE:
                return Near(key, gross, net, Miss.NOT_LIVE, number)
        if not self._bids[key.second] > self._asks[key.first] * self.edge:
            return Near(key, gross, net, Miss.FEES, key.first)
        result = size_pair(key.first, buy, key.second, sell, self.edge)
        return Near(key, gross, net, result.miss, result.listing) if isinstance(result, Missed) else None

    def _near_cycle(self, cycle: int) -> Near | None:
        legs = self._cycles[cycle]
        ratio = self._cycle_ratio(cycle)
        if not ratio > 0.0:
            return None
        fees = 1.0
        for number, side in legs:
            fee = self.listings[number].spec.fee_ppb / 1e9
            fees *= 1.0 / (1.0 + fee) if side == BUY else 1.0 - fee
        net, gross = (ratio - 1.0) * 1e4, (ratio / fees - 1.0) * 1e4
        if not ratio > self.edge:
            return Near(Key(CYCLE, cycle, 0), gross, net, Miss.FEES, legs[0][0])
        result = size_cycle([(number, self.listings[number], side) for number, side in legs])
        if isinstance(result, Missed):
            return Near(Key(CYCLE, cycle, 0), gross, net, result.miss, result.listing)
        return Near(Key(CYCLE, cycle, 0), gross, net, Miss.FEES, legs[0][0])


__all__ = ["BUY", "CYCLE", "PAIR", "SELL", "Key", "Near", "Open", "Scan"]
