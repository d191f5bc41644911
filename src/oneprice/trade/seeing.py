"""The hub's opportunities in words and units, for the black box."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from oneprice.core.specs import ATTO, PPB
from oneprice.core.states import BookState, Reason
from oneprice.ledger.blackbox import InWords, Opportunity, SeenLeg
from oneprice.market import MarketData
from oneprice.market.opportunities import Standing
from oneprice.market.words import STATES, why_not_live
from oneprice.model import Side
from oneprice.trade.desk import listing_key

MS = 1_000_000
_Leg = tuple[int, int, int, int, int]
_Top = tuple[int, int, int, int, int]
_Sample = list[tuple[_Top, int]]
"""Of each leg: the book's top, and for how long nothing was heard of it, in nanoseconds."""


class _LegEnd(NamedTuple):
    """Of a leg when the opportunity had just ended. `age_ns`: since its book was last heard of; below 0 when it has
    moved on since. `is_retired`: another listing stands for it now."""

    top: _Top
    state: int
    reason: int
    age_ns: int
    is_retired: bool


class Describer:
    """`ledger.blackbox.Describe` over a running market."""

    def __init__(self, market: MarketData) -> None:
        self._books, self._hub = market.books, market.hub
        self._edge_bps = market.config.min_net_bps

    def sample(self, standing: Opportunity) -> _Sample:
        """The legs' books as they are now, in the hub's own figures."""
        assert isinstance(standing, Standing)
        hub, now_ns = self._hub, standing.updated_ns
        return [(hub.top(leg[0]), now_ns - hub.times(leg[0])[0]) for leg in standing.sized.legs]

    def ending(self, standing: Opportunity, now_ns: int) -> list[_LegEnd]:
        """The legs' books as they are now, in the hub's own figures."""
        assert isinstance(standing, Standing)
        hub, books = self._hub, self._books
        return [
            _LegEnd(
                hub.top(number),
                hub.state(number),
                hub.reason(number),
                now_ns - hub.times(number)[0],
                books[number].number != number,
            )
            for number, *_ in standing.sized.legs
        ]

    def ended(self, standing: Opportunity, ending: object) -> str:
        """A book that may not be used any more, else prices that moved away, else a size that is too small."""
        assert isinstance(standing, Standing)
        assert isinstance(ending, list)
        legs = [(leg, end) for leg, end in zip(standing.sized.legs, ending, strict=True)]
        lost = [self._lost(leg[0], end) for leg, end in legs if end.state != BookState.LIVE]
        if lost:
            return "; ".join(lost)
        net_bps = self._net_bps(legs)
        if net_bps is None or net_bps <= self._edge_bps:
            moves = [self._move(leg, end) for leg, end in legs]
            left = "" if net_bps is None else f"; {net_bps:+.2f} bps after fees are left"
            return f"the price moved away: {', '.join(move for move in moves if move) or 'on all legs'}{left}"
        if any(end.age_ns < 0 for _, end in legs):
            return "the price moved away and came back within the same moment"
        sizes = [self._size(leg, end) for leg, end in legs]
        return f"too little is left where it pays ({net_bps:+.2f} bps after fees): {', '.join(sizes)}"

    def words(self, standing: Opportunity, sample: object) -> InWords:
        """Both in words and units."""
        assert isinstance(standing, Standing)
        assert isinstance(sample, list)
        best = standing.best
        legs = tuple(self._leg(leg, *seen) for leg, seen in zip(best.legs, sample, strict=True))
        number, side, *_ = best.legs[0]
        symbol = self._books[number].info.symbol
        home = str(symbol.quote if side == Side.BUY else symbol.base)
        return InWords(home, best.gross_bps, best.net_bps, Decimal(best.net_atto) / ATTO, legs)

    def _leg(self, leg: _Leg, top: _Top, age_ns: int) -> SeenLeg:
        number, side, limit_ticks, lots, value = leg
        book, spec = self._books[number], self._books.spec(number)
        worth = Decimal(value * spec.value_unit_atto) / ATTO
        bid_ticks, bid_lots, ask_ticks, ask_lots, _ = top
        return SeenLeg(
            listing=listing_key(book.info),
            side=side,
            price=limit_ticks * book.tick_size,
            quantity=lots * book.lot_size,
            value=worth,
            fee=worth * spec.fee_ppb / PPB,
            age_ms=max(0, age_ns) / MS,
            bid=bid_ticks * book.tick_size,
            bid_quantity=bid_lots * book.lot_size,
            ask=ask_ticks * book.tick_size,
            ask_quantity=ask_lots * book.lot_size,
        )

    def _lost(self, number: int, end: _LegEnd) -> str:
        name = listing_key(self._books[number].info)
        if end.is_retired:
            return f"the rules of {name} changed: another listing stands for it"
        state = BookState(end.state)
        book = self._books[number]
        if state is BookState.HALTED:
            return f"{name} may not be traded: {book.closed or book.doubted or 'halted'}"
        return f"the book of {name} is {STATES[state]}: {why_not_live(state, Reason(end.reason), end.age_ns / MS)}"

    def _net_bps(self, legs: list[tuple[_Leg, _LegEnd]]) -> float | None:
        """What the best prices alone leave after fees; None where a side is empty."""
        ratio = 1.0
        for (number, side, *_), end in legs:
            bid_ticks, bid_lots, ask_ticks, ask_lots, _ = end.top
            if not (ask_lots if side == Side.BUY else bid_lots):
                return None
            spec = self._books.spec(number)
            fee = spec.fee_ppb / PPB
            if side == Side.BUY:
                ratio /= ask_ticks * spec.price_factor * (1.0 + fee)
            else:
                ratio *= bid_ticks * spec.price_factor * (1.0 - fee)
        return (ratio - 1.0) * 1e4

    def _move(self, leg: _Leg, end: _LegEnd) -> str:
        """From the worst price that it would have met to the best that is there now; "" where that is no worse."""
        number, side, limit_ticks, *_ = leg
        bid_ticks, bid_lots, ask_ticks, ask_lots, _ = end.top
        book = self._books[number]
        name, is_buy = listing_key(book.info), side == Side.BUY
        ticks, lots = (ask_ticks, ask_lots) if is_buy else (bid_ticks, bid_lots)
        if not lots:
            return f"{name} has no {'asks' if is_buy else 'bids'}"
        if (ticks <= limit_ticks) if is_buy else (ticks >= limit_ticks):
            return ""
        was, now = limit_ticks * book.tick_size, ticks * book.tick_size
        return f"{'ask' if is_buy else 'bid'} of {name} {was:f} -> {now:f}"

    def _size(self, leg: _Leg, end: _LegEnd) -> str:
        number, side, *_ = leg
        bid_ticks, bid_lots, ask_ticks, ask_lots, _ = end.top
        book = self._books[number]
        verb, ticks, lots = ("buy", ask_ticks, ask_lots) if side == Side.BUY else ("sell", bid_ticks, bid_lots)
        return f"{verb} {lots * book.lot_size:f} {listing_key(book.info)} at {ticks * book.tick_size:f}"
