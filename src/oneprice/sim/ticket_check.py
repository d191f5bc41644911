"""Whether a ticket fits a listing's rules, and what it comes to in whole ticks and lots."""

from decimal import Decimal

import msgspec

from oneprice.sim import money
from oneprice.sim.engine import SelfTrade, Side
from oneprice.sim.market import SimListing
from oneprice.sim.orders import DeskRules, Reason, Refused, Ticket

_EVERYTHING = 10**18
"""More lots than any book has."""


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket that may go to the engine.

    `lots` is what the engine gets. `target_lots`: what fills the order wholly; 0 when the book cannot serve the quote
    amount. `worth`: in quote, at the limit, or of what a market order would meet now. `to_spend`: of a buy by quote.
    """

    side: Side
    lots: int
    price_ticks: int | None
    worth: Decimal
    target_lots: int
    to_spend: Decimal | None = None
    by_quote: bool = False


def worth(listing: SimListing, price_ticks: int, lots: int) -> Decimal:
    """Exact quote amount of lots at a price."""
    return money.times(price_ticks * lots, listing.quote_amount(1, 1))


def lots_per_step(listing: SimListing) -> int:
    """How many lots of the book make one lot that an order may use (more than 1 in recorded books)."""
    steps = money.whole_steps(listing.instrument.lot, listing.lot_scale.step)
    assert steps, "the book's lot must divide the instrument's lot"
    return steps


def check_ticket(listing: SimListing, ticket: Ticket, rules: DeskRules, reference: Decimal, owner: str) -> Intent:
    """Tick, lot, minimum and maximum quantity, minimum notional and price band, in this order.

    Reduce-only tickets may be worth less, or the small rest of a position could not be closed. `reference` is the price
    that the band lies around. Raises Refused.
    """
    if ticket.price is None:
        return _market_intent(listing, ticket, rules, owner)
    price_ticks = ticks_of(listing, ticket.price)
    lots = lots_of(listing, ticket.quantity, rules)
    if not ticket.reduce_only:
        check_worth(listing, worth(listing, price_ticks, lots))
    check_band(listing, price_ticks, rules, reference)
    return Intent(
        side=ticket.side,
        lots=lots,
        price_ticks=price_ticks,
        worth=worth(listing, price_ticks, lots),
        target_lots=lots,
    )


def ticks_of(listing: SimListing, price: Decimal) -> int:
    """A price in ticks. Raises Refused(PRICE_TICK)."""
    ticks = money.whole_steps(price, listing.instrument.tick)
    if ticks is None or ticks <= 0:
        raise Refused(Reason.PRICE_TICK, f"{price} is no positive multiple of the tick {listing.instrument.tick}")
    return ticks


def lots_of(listing: SimListing, quantity: Decimal | None, rules: DeskRules) -> int:
    """A quantity in lots of the book. Raises Refused(LOT_SIZE, MIN_QUANTITY or MAX_QUANTITY)."""
    instrument = listing.instrument
    if quantity is None:
        raise Refused(Reason.LOT_SIZE, "no quantity")
    steps = money.whole_steps(quantity, instrument.lot)
    if steps is None:
        raise Refused(Reason.LOT_SIZE, f"{quantity} is no multiple of the lot {instrument.lot}")
    if steps <= 0 or quantity < instrument.min_quantity:
        raise Refused(Reason.MIN_QUANTITY, f"{quantity} is below {instrument.min_quantity}")
    if steps > rules.lots_max:
        raise Refused(Reason.MAX_QUANTITY, f"{quantity} is above {money.times(rules.lots_max, instrument.lot)}")
    return steps * lots_per_step(listing)


def check_worth(listing: SimListing, amount: Decimal) -> None:
    """Raises Refused(MIN_NOTIONAL)."""
    if amount < listing.instrument.min_notional:
        raise Refused(Reason.MIN_NOTIONAL, f"{amount} is worth less than {listing.instrument.min_notional}")


def check_band(listing: SimListing, price_ticks: int, rules: DeskRules, reference: Decimal) -> None:
    """Raises Refused(PRICE_BAND)."""
    price = money.times(price_ticks, listing.instrument.tick)
    if abs(money.minus(price, reference)) > money.times(reference, rules.price_band):
        raise Refused(Reason.PRICE_BAND, f"{price} is further than {rules.price_band} from {reference}")


def _market_intent(listing: SimListing, ticket: Ticket, rules: DeskRules, owner: str) -> Intent:
    if ticket.quote_quantity is not None:
        return _quote_intent(listing, ticket, ticket.quote_quantity, rules, owner)
    lots = lots_of(listing, ticket.quantity, rules)
    best = _best(listing, ticket.side)
    met = listing.engine.preview(owner, ticket.side, lots, None, ticket.self_trade)
    cost = money.total([worth(listing, price, met_lots) for price, met_lots in met])
    rest = lots - sum(met_lots for _, met_lots in met)
    if not ticket.reduce_only:
        check_worth(listing, money.plus(cost, worth(listing, met[-1][0] if met else best, rest)))
    return Intent(side=ticket.side, lots=lots, price_ticks=None, worth=cost, target_lots=lots)


def _quote_intent(listing: SimListing, ticket: Ticket, amount: Decimal, rules: DeskRules, owner: str) -> Intent:
    """A market order by quote takes as many whole lots as the amount pays for, level by level."""
    if not money.is_amount(amount):
        raise Refused(Reason.LOT_SIZE, f"{amount} is no amount of {listing.instrument.quote}")
    _best(listing, ticket.side)
    check_worth(listing, amount)
    lots, is_enough = _walk_quote(listing, owner, ticket.side, amount, ticket.self_trade)
    step = lots_per_step(listing)
    lots -= lots % step
    if not lots:
        raise Refused(Reason.MIN_QUANTITY, f"{amount} pays for less than a lot")
    if lots > rules.lots_max * step:
        raise Refused(Reason.MAX_QUANTITY, f"{amount} pays for more than {rules.lots_max} lots")
    met = listing.engine.preview(owner, ticket.side, lots, None, ticket.self_trade)
    return Intent(
        side=ticket.side,
        lots=lots,
        price_ticks=None,
        worth=money.total([worth(listing, price, met_lots) for price, met_lots in met]),
        target_lots=lots if is_enough else 0,
        to_spend=amount if ticket.side is Side.BUY else None,
        by_quote=True,
    )


def _walk_quote(
    listing: SimListing, owner: str, side: Side, amount: Decimal, self_trade: SelfTrade
) -> tuple[int, bool]:
    """Lots that the amount pays for, and whether the book has enough of them."""
    left, lots = amount, 0
    for price, met_lots in listing.engine.preview(owner, side, _EVERYTHING, None, self_trade):
        affordable = money.whole_parts(left, worth(listing, price, 1))
        if affordable < met_lots:
            return lots + affordable, True
        lots += met_lots
        left = money.minus(left, worth(listing, price, met_lots))
    return lots, left == 0


def _best(listing: SimListing, side: Side) -> int:
    best = listing.engine.best(side.opposite)
    if best is None:
        raise Refused(Reason.NO_LIQUIDITY, f"nobody to trade with in {listing.key}")
    return best
