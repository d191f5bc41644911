"""Where coins that are too many, or too few, could be traded away now, for the policy to choose from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from oneprice.ledger.deals import Deal
from oneprice.ledger.exact import ZERO, times
from oneprice.market.books import Book
from oneprice.model import MarketKind, OrderStatus, Side, SymbolInfo
from oneprice.model.deals import PlanLeg, Purpose
from oneprice.trade.approved import Refusal
from oneprice.trade.desk import Desk, listing_key
from oneprice.trade.figures import ceil_div
from oneprice.trade.gates import Gates
from oneprice.trade.policy import Candidate, Hedge
from oneprice.trade.terms import ladder

REFUSALS_MAX = 2
"""Of a deal's orders at one listing: then hedges go elsewhere."""


class Candidates:
    """Looks at books, balances and accounts as they are now. Gates are asked what they can say of a listing beforehand;
    what they refuse all the same, `without` leaves out."""

    def __init__(self, desk: Desk, gates: Gates) -> None:
        self._desk, self._ledger, self._gates = desk, desk.ledger, gates
        self._beyond = 1 + Decimal(str(desk.settings.risk.hedge_cost_bps_max)).scaleb(-4)

    def find(self, asset: str, home: str, amount: Decimal, deal: Deal | None) -> list[Candidate]:
        """Every listing that would do for `amount` of the asset (above 0: too much). A perpetual that would open a
        position only where no spot listing can be used, or where the deal wants one and is not leaving it: it would
        have to be closed later. `deal` None: for what settled deals have left."""
        orders = [] if deal is None else deal.orders
        own = {order.intent.listing for order in orders}
        enters = deal is not None and deal.opened.holds
        enters = enters and all(order.intent.purpose is not Purpose.EXIT for order in orders)
        found = [self._candidate(book, amount, own, deal) for book in self._desk.books(f"{asset}/{home}")]
        found = _preferred(self._telling(found), found)
        found = _preferred(_willing(found, deal), found)
        spot_ok = any(one.usable == "" and one.listing.market is MarketKind.SPOT for one in found)
        return [
            one
            for one in found
            if one.listing.market is MarketKind.SPOT
            or one.closes
            or not spot_ok
            or (enters and listing_key(one.listing) in own)
        ]

    def leg(self, choice: Hedge, deal: Deal | None) -> PlanLeg:
        """The order that was chosen."""
        info = choice.listing
        quantity = choice.lots * info.lot_size
        coins = quantity * info.contract_size * info.multiplier
        return PlanLeg(
            account=choice.account,
            listing=info,
            side=choice.side,
            price_ticks=choice.price_ticks,
            lots=choice.lots,
            value=quantity * choice.price_ticks * info.tick_size * info.contract_size,
            fee=self._desk.taker_fees.get(listing_key(info), Decimal(0)),
            purpose=Purpose.HEDGE,
            reduce_only=info.market is MarketKind.USDM and coins <= self._closes(info, choice.side, deal),
        )

    # ---- inside

    def _telling(self, found: list[Candidate]) -> list[Candidate]:
        """Where fills would be heard of at once, and an order would not wait for its turn."""
        standings = {one.account: self._desk.accounts[one.account].standing() for one in found}
        return [
            one for one in found if standings[one.account].stream_complete and standings[one.account].order_room > 0
        ]

    def _candidate(self, book: Book, amount: Decimal, own: set[str], deal: Deal | None) -> Candidate:
        desk, info, key = self._desk, book.info, listing_key(book.info)
        side = Side.SELL if amount > 0 else Side.BUY
        rows = ladder(desk.market.hub, book.number, book.has_depth, int(side))
        levels = tuple((ticks * book.tick_size, lots * book.lot_size) for ticks, lots in rows)
        price = levels[0][0] if levels else info.tick_size
        ticks = int(price // info.tick_size) if side is Side.SELL else ceil_div(price, info.tick_size)
        worst = price if side is Side.SELL else times(price, self._beyond)
        number, now_ns = 0 if deal is None else deal.opened.deal, desk.clock.monotonic_ns()
        return Candidate(
            account=book.market,
            listing=info,
            side=side,
            levels=levels,
            taker_fee=desk.taker_fees.get(key, book.taker_fee),
            usable=self._gates.why_unusable(book, side, ticks, number, now_ns),
            closes=self._closes(info, side, deal),
            room=self._gates.room(book, side, worst, now_ns) if levels else ZERO,
            is_leg=key in own,
        )

    def _closes(self, info: SymbolInfo, side: Side, deal: Deal | None) -> Decimal:
        """Base coins of a perpetual position that an order of this side would close: of the deal's own, or for what
        settled deals have left of what no deal holds. Never of another deal's, which could not be closed then."""
        if info.market is not MarketKind.USDM:
            return ZERO
        key = listing_key(info)
        there = self._ledger.position(key)
        if deal is None:
            deals = self._ledger.deals.values()
            own = there - sum((one.positions().get(key, ZERO) for one in deals), ZERO)
        else:
            own = deal.positions().get(key, ZERO)
        sign = -int(side)
        closing = max(ZERO, min(sign * own, sign * there))
        return closing * info.contract_size * info.multiplier


def without(candidates: Sequence[Candidate], choice: Hedge, refused: Refusal) -> list[Candidate]:
    """The same, but that the listing which was chosen is of no use: a gate has refused it, and why."""
    return [
        msgspec.structs.replace(one, usable=str(refused))
        if (one.account, one.listing) == (choice.account, choice.listing)
        else one
        for one in candidates
    ]


def _willing(found: list[Candidate], deal: Deal | None) -> list[Candidate]:
    """Without listings that refuse this deal's orders again and again."""
    orders = [] if deal is None else deal.orders
    refused = Counter(
        order.intent.listing for order in orders if order.status is OrderStatus.REJECTED and not order.not_sent
    )
    return [one for one in found if refused[listing_key(one.listing)] < REFUSALS_MAX]


def _preferred(better: list[Candidate], found: list[Candidate]) -> list[Candidate]:
    """The better ones, where one of them can be used."""
    return better if any(one.usable == "" for one in better) else found
