"""Where coins that are too many, or too few, could be traded away now, for the policy to choose from."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from oneprice.ledger.deals import Deal
from oneprice.market.books import Book
from oneprice.market.opportunities import not_live
from oneprice.model import MarketKind, OrderStatus, Side
from oneprice.model.deals import PlanLeg, Purpose
from oneprice.trade.desk import Desk, listing_key
from oneprice.trade.policy import Candidate, Hedge

LEVELS = 50
REFUSALS_MAX = 2
"""Of a deal's orders at one listing: then hedges go elsewhere."""


class Candidates:
    """Looks at books, balances and accounts as they are now."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._ledger = desk, desk.ledger

    def find(self, asset: str, home: str, amount: Decimal, deal: Deal | None) -> list[Candidate]:
        """Every listing that would do for `amount` of the asset (above 0: too much). A perpetual that would open a
        position only where no spot listing can be used, or where the deal wants one and is not leaving it: it would
        have to be closed later. `deal` None: for what settled deals have left."""
        orders = [] if deal is None else deal.orders
        own = {order.intent.listing for order in orders}
        enters = deal is not None and deal.opened.holds
        enters = enters and all(order.intent.purpose is not Purpose.EXIT for order in orders)
        found = self._willing(
            deal, [self._candidate(book, amount, own) for book in self._desk.books(f"{asset}/{home}")]
        )
        spot_ok = any(one.usable == "" and one.listing.market is MarketKind.SPOT for one in found)
        return [
            one
            for one in found
            if one.listing.market is MarketKind.SPOT
            or one.closes
            or not spot_ok
            or (enters and listing_key(one.listing) in own)
        ]

    def leg(self, choice: Hedge) -> PlanLeg:
        """The order that was chosen."""
        info = choice.listing
        held = self._ledger.position(listing_key(info)) if info.market is MarketKind.USDM else Decimal(0)
        quantity = choice.lots * info.lot_size
        closes = abs(held) >= quantity and (held > 0) == (choice.side is Side.SELL)
        return PlanLeg(
            account=choice.account,
            listing=info,
            side=choice.side,
            price_ticks=choice.price_ticks,
            lots=choice.lots,
            value=quantity * choice.price_ticks * info.tick_size * info.contract_size,
            fee=self._desk.taker_fees.get(listing_key(info), Decimal(0)),
            purpose=Purpose.HEDGE,
            reduce_only=bool(held) and closes,
        )

    # ---- inside

    @staticmethod
    def _willing(deal: Deal | None, found: list[Candidate]) -> list[Candidate]:
        """Without listings that refuse this deal's orders again and again, where another one can be used."""
        if deal is None:
            return found
        refused = Counter(
            order.intent.listing for order in deal.orders if order.status is OrderStatus.REJECTED and not order.not_sent
        )
        willing = [one for one in found if refused[listing_key(one.listing)] < REFUSALS_MAX]
        return willing if any(one.usable == "" for one in willing) else found

    def _candidate(self, book: Book, amount: Decimal, own: set[str]) -> Candidate:
        desk, hub = self._desk, self._desk.market.hub
        key = listing_key(book.info)
        bids, asks = hub.levels(book.number, LEVELS)
        side = Side.SELL if amount > 0 else Side.BUY
        levels = tuple(
            (ticks * book.tick_size, lots * book.lot_size) for ticks, lots in (bids if side is Side.SELL else asks)
        )
        now_ns = desk.clock.monotonic_ns()
        usable = not_live(book, hub, now_ns)
        standing = desk.accounts[book.market].standing()
        if not usable and not standing.stream_complete:
            usable = f"{book.market}: private stream {standing.reason}"
        if not usable and standing.banned_ns:
            usable = f"{book.market} wants silence for {standing.banned_ns / 1e9:.1f} s"
        if not usable and not standing.order_room:
            usable = f"{book.market}: its order rate is used up"
        return Candidate(
            account=book.market,
            listing=book.info,
            side=side,
            levels=levels,
            taker_fee=desk.taker_fees.get(key, book.taker_fee),
            usable=usable,
            closes=self._closes(book, side),
            room=self._room(book, side, levels),
            is_leg=key in own,
        )

    def _closes(self, book: Book, side: Side) -> Decimal:
        """Base coins of a perpetual position that an order of this side would close."""
        info = book.info
        position = self._ledger.position(listing_key(info)) if info.market is MarketKind.USDM else Decimal(0)
        closing = max(Decimal(0), position if side is Side.SELL else -position)
        return closing * info.contract_size * info.multiplier

    def _room(self, book: Book, side: Side, levels: tuple[tuple[Decimal, Decimal], ...]) -> Decimal:
        """The most base coins that the account's balance allows."""
        ledger, info = self._ledger, book.info
        per_unit = info.contract_size * info.multiplier
        if not levels:
            return Decimal(0)
        price = levels[0][0]
        if info.market is MarketKind.SPOT:
            if side is Side.SELL:
                base = str(info.symbol.base)
                return ledger.total(book.market, base) - ledger.reserved(book.market, base)
            quote = str(info.symbol.quote)
            free = ledger.total(book.market, quote) - ledger.reserved(book.market, quote)
            return max(Decimal(0), free / price / Decimal("1.01") * per_unit)
        free = ledger.total(book.market, str(info.symbol.quote))
        share = Decimal(str(self._desk.settings.risk.margin_share))
        opening = max(Decimal(0), free / share / price / info.contract_size)
        return self._closes(book, side) + opening * per_unit
