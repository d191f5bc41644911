"""The hub's opportunities in words and units, for the black box."""

from __future__ import annotations

from decimal import Decimal

from oneprice.core.specs import ATTO, PPB
from oneprice.ledger.blackbox import InWords, Opportunity, SeenLeg
from oneprice.market import MarketData
from oneprice.market.opportunities import Standing
from oneprice.model import Side
from oneprice.trade.desk import listing_key

MS = 1_000_000
_Top = tuple[int, int, int, int, int]
_Sample = list[tuple[_Top, int]]
"""Of each leg: the book's top, and for how long nothing was heard of it, in nanoseconds."""


class Describer:
    """`ledger.blackbox.Describe` over a running market."""

    def __init__(self, market: MarketData) -> None:
        self._books, self._hub = market.books, market.hub

    def sample(self, standing: Opportunity) -> _Sample:
        """The legs' books as they are now, in the hub's own figures."""
        assert isinstance(standing, Standing)
        hub, now_ns = self._hub, standing.updated_ns
        return [(hub.top(leg[0]), now_ns - hub.times(leg[0])[0]) for leg in standing.sized.legs]

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

    def _leg(self, leg: tuple[int, int, int, int, int], top: _Top, age_ns: int) -> SeenLeg:
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
