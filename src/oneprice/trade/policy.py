"""What to do about legs that are not equal: by expected cost, within what may be lost.

Pure: what is left, the listings where it could be traded away, limits in; one choice out. One order each time; what it
leaves is looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Context, Decimal, localcontext
from typing import NamedTuple, TypeAlias

import msgspec

from oneprice.ledger.exact import EXACT
from oneprice.model import MarketKind, Side, SymbolInfo
from oneprice.trade.figures import ceil_div, shown
from oneprice.trade.settings import RiskLimits

BPS_PARTS = 10**9
"""A limit in basis points is counted in parts of 1e-5 of one."""
_ROUNDED = Context(prec=100, rounding=ROUND_CEILING)


class Residual(msgspec.Struct, frozen=True, kw_only=True):
    """What legs leave of an asset: `base_quantity` in base coins, above 0 when there is too much of it. `worth`: of all
    of it, in `home`, at a fair price, above 0; 0 when no price is known."""

    asset: str
    base_quantity: Decimal
    home: str
    worth: Decimal


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A listing where it could be traded away by an order of `side`.

    `levels`: `(price, quantity)` that the order would meet, best first, in the listing's units. `taker_fee`: a
    fraction. `usable`: "", or why it may not be used now. `room`: the most base coins that balance, position and limits
    allow. `is_leg`: the deal has traded there. `closes`: base coins of a position there that the order would close;
    within it a venue asks for no min_notional.
    """

    account: str
    listing: SymbolInfo
    side: Side
    levels: Sequence[tuple[Decimal, Decimal]]
    taker_fee: Decimal
    usable: str
    room: Decimal
    is_leg: bool
    closes: Decimal = Decimal(0)


class Hedge(msgspec.Struct, frozen=True):
    """Send this order: `price_ticks` is its worst price. `expected_cost`: against the fair price, fees and depth, in
    home asset; below 0 for a gain. `why` in words."""

    account: str
    listing: SymbolInfo
    side: Side
    price_ticks: int
    lots: int
    expected_cost: Decimal
    why: str = ""


class Carry(msgspec.Struct, frozen=True):
    """Too little to be traded anywhere: kept, to be netted with a later deal."""

    why: str


class Halt(msgspec.Struct, frozen=True):
    """Nothing more is tried for now: a person should know."""

    why: str


class Wait(msgspec.Struct, frozen=True):
    """Nothing can be done at this moment; ask again soon."""

    why: str


Choice: TypeAlias = Hedge | Carry | Halt | Wait


def choose(
    residual: Residual,
    candidates: Sequence[Candidate],
    limits: RiskLimits,
    *,
    attempt: int,
    age_ms: float,
) -> Choice:
    """`attempt`: how many hedges were sent for this before. `age_ms`: since when legs have been unequal.

    The cheapest listing is taken: what the order costs there by depth and fee, and for what it would leave, the most
    that a hedge may cost (`hedge_cost_bps_max`). No coin is traded at a price that loses more than that.
    """
    if not residual.base_quantity:
        return Carry("nothing is left")
    with localcontext(EXACT):
        return _choose(residual, candidates, limits, attempt, age_ms)


def _choose(
    residual: Residual, candidates: Sequence[Candidate], limits: RiskLimits, attempt: int, age_ms: float
) -> Choice:
    wanted = abs(residual.base_quantity)
    what = f"{shown(wanted)} {residual.asset} too {'much' if residual.base_quantity > 0 else 'little'}"
    fitting = [one for one in candidates if _fits(one, residual)]
    fair = _Fair(residual, fitting, limits.hedge_cost_bps_max)
    if fitting and all(_is_dust(one, wanted, fair) for one in fitting):
        return Carry(f"{what}: below what any listing takes ({_minimums(fitting)})")
    if attempt >= limits.hedge_attempts_max:
        return Halt(f"{what} after {attempt} hedges; {limits.hedge_attempts_max} are tried (risk.hedge_attempts_max)")
    options: list[_Option] = []
    reasons: list[str] = []
    dear: list[tuple[Decimal, str]] = []
    for place, one in enumerate(fitting):
        looked_at = one.usable or _option(one, place, wanted, fair, attempt, limits)
        if isinstance(looked_at, _Option):
            options.append(looked_at)
        elif isinstance(looked_at, _TooDear):
            dear.append((looked_at.parts, looked_at.text))
        else:
            reasons.append(f"{one.account}: {looked_at}")
    if options:
        return _hedge(min(options), residual, fair, what)
    if dear:
        return Halt(f"{what}: {min(dear)[1]} (risk.hedge_cost_bps_max)")
    nowhere = f"{what}, nowhere to trade it: {'; '.join(reasons) or 'no listing takes orders for it'}"
    if age_ms < limits.unhedged_ms_max:
        return Wait(nowhere)
    return Halt(f"{nowhere}; for {age_ms:.0f} ms, {limits.unhedged_ms_max} are allowed (risk.unhedged_ms_max)")


# ---------------------------------------------------------------------- what it may cost


class _Fair:
    """The fair price, as a worth over a quantity: nothing is divided, so nothing is rounded."""

    def __init__(self, residual: Residual, fitting: Sequence[Candidate], cost_bps_max: float) -> None:
        self.wanted = abs(residual.base_quantity)
        self.worth = residual.worth if residual.worth > 0 else self._worth_by_best(residual, fitting)
        self.cost_parts_max = max(0, round(cost_bps_max * (BPS_PARTS // 10_000)))

    def _worth_by_best(self, residual: Residual, fitting: Sequence[Candidate]) -> Decimal:
        """Without a mark: at the best price that is offered anywhere."""
        prices = [_ROUNDED.divide(one.levels[0][0], one.listing.multiplier) for one in fitting if one.levels]
        best = max if residual.base_quantity > 0 else min
        return best(prices) * self.wanted if prices else Decimal(0)

    def worst_ticks(self, candidate: Candidate) -> int:
        """The last price step at which a coin, with its fee, loses no more than it may."""
        info, fee = candidate.listing, candidate.taker_fee
        if candidate.side is Side.BUY:
            pays = self.worth * info.multiplier * (BPS_PARTS + self.cost_parts_max)
            return int(pays // (self.wanted * info.tick_size * (1 + fee) * BPS_PARTS))
        gets = self.worth * info.multiplier * max(0, BPS_PARTS - self.cost_parts_max)
        return max(1, ceil_div(gets, self.wanted * info.tick_size * (1 - fee) * BPS_PARTS))

    def cost(self, candidate: Candidate, quote: Decimal, coins: Decimal) -> Decimal:
        """What trading `coins` for `quote` loses, times `wanted`."""
        fee = abs(quote) * candidate.taker_fee
        if candidate.side is Side.BUY:
            return (quote + fee) * self.wanted - self.worth * coins
        return self.worth * coins - (quote - fee) * self.wanted

    def in_parts(self, cost: Decimal, coins: Decimal) -> Decimal:
        """Such a cost in parts of the worth of `coins`, down to whole ones."""
        worth = self.worth * coins
        return cost * BPS_PARTS // worth if worth else Decimal(0)


# ---------------------------------------------------------------------- what can be done at one listing


class _Option(NamedTuple):
    """Ordered: the cheapest as a whole first, then a listing of the deal's own, then the one that leaves least."""

    total: Decimal
    is_elsewhere: bool
    left: Decimal
    place: int
    candidate: Candidate
    price_ticks: int
    lots: int
    cost: Decimal


class _TooDear(NamedTuple):
    parts: Decimal
    text: str


def _option(
    candidate: Candidate, place: int, wanted: Decimal, fair: _Fair, attempt: int, limits: RiskLimits
) -> _Option | _TooDear | str:
    """The order that could be sent, that it would lose too much, or why there is none."""
    if not candidate.levels:
        return "nobody is on the other side"
    if _is_dust(candidate, wanted, fair):
        return f"it takes no so little ({_minimum(candidate)})"
    info = candidate.listing
    coin_lot = _coin_lot(info)
    sizes = _sizes(wanted, coin_lot, info)
    worst = fair.worst_ticks(candidate)
    met = _met(candidate, worst, max(sizes) * info.lot_size)
    if not met:
        return _too_dear(candidate, fair, limits)
    depth = int(sum((quantity for _, _, quantity in met), Decimal(0)) // info.lot_size)
    room = int(max(Decimal(0), candidate.room) // coin_lot)
    for lots in dict.fromkeys(min(lots, depth, room) for lots in sizes):
        found = _order(candidate, met, lots, worst, attempt, limits)
        if found is None:
            continue
        price_ticks, quote = found
        coins = lots * coin_lot
        cost = fair.cost(candidate, quote, coins)
        left = max(Decimal(0), wanted - coins)
        total = cost * BPS_PARTS + left * fair.worth * fair.cost_parts_max
        return _Option(total, not candidate.is_leg, left, place, candidate, price_ticks, lots, cost)
    if room * coin_lot < wanted and room <= depth:
        return f"room for {shown(candidate.room)} only, below what it takes ({_minimum(candidate)})"
    return f"only {shown(depth * coin_lot)} within what may be lost, below what it takes ({_minimum(candidate)})"


def _met(candidate: Candidate, worst: int, quantity: Decimal) -> list[tuple[int, Decimal, Decimal]]:
    """`(order's price step, price, quantity)` of the levels down to the worst price, as many as are needed."""
    found: list[tuple[int, Decimal, Decimal]] = []
    side, tick_size, left = candidate.side, candidate.listing.tick_size, quantity
    for price, there in candidate.levels:
        ticks = _ticks(price, tick_size, side)
        if left <= 0 or (ticks > worst if side is Side.BUY else ticks < worst):
            break
        found.append((ticks, price, there))
        left -= there
    return found


def _order(
    candidate: Candidate,
    met: Sequence[tuple[int, Decimal, Decimal]],
    lots: int,
    worst: int,
    attempt: int,
    limits: RiskLimits,
) -> tuple[int, Decimal] | None:
    """`(limit in ticks, quote that the fills are expected to be worth)`; None where the rules do not allow it.

    The limit is the last level that is needed, and with each attempt a larger share of what may still be lost, so that
    a price that moves away is caught.
    """
    info, side = candidate.listing, candidate.side
    quantity = lots * info.lot_size
    if lots < 1 or quantity < info.min_quantity:
        return None
    quote, left, last = Decimal(0), quantity, 0
    for ticks, price, there in met:
        taken = min(left, there)
        quote += price * taken
        left -= taken
        last = ticks
        if not left:
            break
    quote *= info.contract_size
    share, shares = attempt + 1, max(1, limits.hedge_attempts_max)
    limit = last + (worst - last) * share // shares if side is Side.BUY else last - (last - worst) * share // shares
    if quantity * info.contract_size * info.multiplier > candidate.closes:
        least = ceil_div(info.min_notional, quantity * info.contract_size * info.tick_size)
        if side is Side.SELL:
            if last < least:
                return None
            limit = max(limit, least)
        elif limit < least:
            return None
    return limit, quote


def _too_dear(candidate: Candidate, fair: _Fair, limits: RiskLimits) -> _TooDear:
    price = candidate.levels[0][0]
    info = candidate.listing
    cost = fair.cost(candidate, price * info.contract_size, info.contract_size * info.multiplier)
    parts = fair.in_parts(cost, info.contract_size * info.multiplier)
    bps = parts * 10_000 / BPS_PARTS
    return _TooDear(
        parts,
        f"the cheapest, {candidate.account} at {shown(price)}, would lose {bps:.1f} bps; "
        f"{limits.hedge_cost_bps_max:g} may be lost",
    )


def _hedge(option: _Option, residual: Residual, fair: _Fair, what: str) -> Hedge:
    one = option.candidate
    coins = option.lots * _coin_lot(one.listing)
    expected_cost = _ROUNDED.divide(option.cost, fair.wanted)
    bps = fair.in_parts(option.cost, coins) * 10_000 / BPS_PARTS
    verb = "buy" if one.side is Side.BUY else "sell"
    left = f", {shown(option.left)} is left" if option.left else ""
    return Hedge(
        account=one.account,
        listing=one.listing,
        side=one.side,
        price_ticks=option.price_ticks,
        lots=option.lots,
        expected_cost=expected_cost,
        why=f"{what}: {verb} {shown(coins)} at {one.account}, expected to cost {bps:.1f} bps{left}",
    )


# ---------------------------------------------------------------------- sizes


def _sizes(wanted: Decimal, coin_lot: Decimal, info: SymbolInfo) -> list[int]:
    """The nearest whole number of lots, then the next above where that leaves no more than was there, and never a whole
    lot on the other side. At most `max_quantity`."""
    below = int(wanted // coin_lot)
    rest = wanted - below * coin_lot
    nearest = below + (2 * rest > coin_lot)
    sizes = [nearest]
    if rest and nearest == below and (below + 1) * coin_lot <= 2 * wanted:
        sizes.append(below + 1)
    if info.max_quantity is not None:
        most = int(info.max_quantity // info.lot_size)
        sizes = [min(size, most) for size in sizes]
    return sizes


def _is_dust(candidate: Candidate, wanted: Decimal, fair: _Fair) -> bool:
    """Whether the listing would not take it with all the room and depth in the world."""
    info = candidate.listing
    for lots in _sizes(wanted, _coin_lot(info), info):
        quantity = lots * info.lot_size
        coins = quantity * info.contract_size * info.multiplier
        if lots < 1 or quantity < info.min_quantity:
            continue
        if coins <= candidate.closes:
            return False
        if candidate.levels:
            ticks = _ticks(candidate.levels[0][0], info.tick_size, candidate.side)
            is_enough = ticks * info.tick_size * quantity * info.contract_size >= info.min_notional
        else:
            is_enough = not fair.worth or fair.worth * coins >= info.min_notional * fair.wanted
        if is_enough:
            return False
    return True


def _fits(candidate: Candidate, residual: Residual) -> bool:
    """The asset against its home, by an order that takes it away, where orders are taken at all."""
    symbol = candidate.listing.symbol
    side = Side.SELL if residual.base_quantity > 0 else Side.BUY
    return (
        symbol.base == residual.asset
        and symbol.quote == residual.home
        and candidate.side is side
        and candidate.listing.tradable
    )


def _minimums(candidates: Sequence[Candidate]) -> str:
    return ", ".join(f"{one.account} {_minimum(one)}" for one in candidates)


def _minimum(candidate: Candidate) -> str:
    info = candidate.listing
    unit = info.symbol.base if info.market is MarketKind.SPOT and info.multiplier == 1 else "contracts"
    least = max(info.min_quantity, info.lot_size)
    return f"from {shown(least)} {unit} and {shown(info.min_notional)} {info.symbol.quote}"


def _coin_lot(info: SymbolInfo) -> Decimal:
    return info.lot_size * info.contract_size * info.multiplier


def _ticks(price: Decimal, tick_size: Decimal, side: Side) -> int:
    """The order's price step that still reaches this level."""
    return int(price // tick_size) if side is Side.SELL else ceil_div(price, tick_size)
