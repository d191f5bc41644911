"""What `oneprice check` finds out: which symbols a market has, what trading there costs, and what the key may do.

Everything is read; nothing is placed or changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

import msgspec

from oneprice.errors import ExchangeAPIError, NetworkError, NotSupported
from oneprice.market.catalog import choose, middle

if TYPE_CHECKING:
    from oneprice.app import Ports
    from oneprice.config import Settings
    from oneprice.exchange import PrivateExchange, PublicExchange
    from oneprice.model import KeyPermissions, SymbolInfo
    from oneprice.venues.kit import Credentials, Hosts, PublicMarket

BPS = Decimal(10_000)
OWN_FEES_ASKED_MAX = 20
"""Listings of one market whose fees an account is asked for; each is a request."""
EXPIRES_SOON_S = 7 * 86_400


class ListingFound(msgspec.Struct, frozen=True, kw_only=True):
    """A symbol at a market. Fees in basis points, None when not known; `own_fees`: the account's own. `order_min`: what
    the smallest legal order is worth now, in quote asset, None without a price. `note`: why it will not be traded."""

    symbol: str
    venue_symbol: str
    tick_size: Decimal
    lot_size: Decimal
    price: Decimal | None
    order_min: Decimal | None
    taker_bps: Decimal | None
    maker_bps: Decimal | None
    own_fees: bool
    note: str


class KeyFound(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may do, and what it can use, by asset."""

    permissions: KeyPermissions
    balances: dict[str, Decimal]


class MarketFound(msgspec.Struct, kw_only=True):
    """A market. `error`: why it, or the account, could not be asked. `failures` keep it from being traded,
    `warnings` do not."""

    market: str
    simulated: bool
    listings: list[ListingFound] = []
    missing: list[str] = []
    key: KeyFound | None = None
    clock_offset_ms: float | None = None
    error: str = ""
    failures: list[str] = []
    warnings: list[str] = []


async def examine_all(
    settings: Settings, hosts: Mapping[str, Hosts], keys: Mapping[str, Credentials], ports: Ports
) -> list[MarketFound]:
    """All markets of the settings at once."""
    return list(await asyncio.gather(*(_examine(name, settings, hosts, keys, ports) for name in settings.markets)))


async def _examine(
    name: str, settings: Settings, hosts: Mapping[str, Hosts], keys: Mapping[str, Credentials], ports: Ports
) -> MarketFound:
    from oneprice.app import FEED_REQUESTS, build_account, find_market
    from oneprice.exchange import PublicExchange

    found = MarketFound(market=name, simulated=name in hosts)
    venue = name.rpartition("-")[0]
    place = hosts.get(name)
    account: PrivateExchange | None = None
    market = find_market(name, place)
    try:
        if venue in keys:
            account = build_account(name, keys[venue], ports, hosts=place, requests=FEED_REQUESTS)
            public = account.public
        else:
            public = PublicExchange(market, ports.network, ports.clock, ports.chance, FEED_REQUESTS)
        rows = await _public(found, public, market, settings, ports)
        if account is not None:
            await _account(found, account, rows, settings, ports)
        elif settings.mode == "live":
            prefix = f"ONEPRICE_{venue.upper()}"
            found.failures.append(f"mode is live and there is no key: set {prefix}_API_KEY and {prefix}_API_SECRET")
    except (NetworkError, ExchangeAPIError) as error:
        found.error = str(error)
    except NotSupported as error:
        found.failures.append(str(error))
    finally:
        if account is not None:
            await account.close()
    return found


async def _public(
    found: MarketFound, public: PublicExchange, market: PublicMarket, settings: Settings, ports: Ports
) -> list[SymbolInfo]:
    wanted = settings.symbols_at(market.venue)
    rows = choose(await public.symbols(), wanted)
    prices = {ticker.symbol: middle(ticker) for ticker in await public.tickers(rows)} if rows else {}
    before_ns = ports.clock.wall_ns()
    venue_ns = await public.server_time()
    found.clock_offset_ms = round((venue_ns - (before_ns + ports.clock.wall_ns()) / 2) / 1e6, 1)
    taker, maker = (fees.get(found.market) for fees in (settings.market_config.taker_fee_bps, settings.maker_fee_bps))
    usual = Decimal(str(market.taker_fee_bps))
    for info in rows:
        price = prices.get(info.symbol)
        found.listings.append(
            ListingFound(
                symbol=str(info.symbol),
                venue_symbol=info.venue_symbol,
                tick_size=info.tick_size,
                lot_size=info.lot_size,
                price=price,
                order_min=None if price is None else smallest_order(info, price),
                taker_bps=taker if taker is not None else _bps(info.taker_fee, usual),
                maker_bps=maker if maker is not None else _bps(info.maker_fee, None),
                own_fees=False,
                note=_note(info, price, settings),
            )
        )
    there = {row.symbol for row in found.listings}
    found.missing = [symbol for symbol in wanted if symbol not in there]
    if abs(found.clock_offset_ms) > settings.risk.clock_offset_ms_max:
        found.failures.append(
            f"its clock is {found.clock_offset_ms:+.0f} ms off ours; risk.clock_offset_ms_max allows "
            f"{settings.risk.clock_offset_ms_max}: set this machine's clock"
        )
    return rows


def smallest_order(info: SymbolInfo, price: Decimal) -> Decimal:
    """What the smallest legal order is worth at a price, in quote asset."""
    unit = price * info.contract_size
    quantity = max(info.min_quantity, info.lot_size, info.min_notional / unit)
    lots = (quantity / info.lot_size).to_integral_value(ROUND_CEILING)
    return lots * info.lot_size * unit


def _note(info: SymbolInfo, price: Decimal | None, settings: Settings) -> str:
    """Why a listing will not be traded; "" when it will."""
    if not info.tradable:
        return f"the venue takes no orders on it ({info.status or 'no reason told'})"
    if price is None:
        return "it has no price now"
    least = smallest_order(info, price)
    if info.symbol.quote == settings.base_currency and least > settings.risk.order_notional_max:
        return f"its smallest order is above risk.order_notional_max = {settings.risk.order_notional_max}"
    return ""


def _bps(fee: Decimal | None, usual: Decimal | None) -> Decimal | None:
    return usual if fee is None else fee * BPS


# ---------------------------------------------------------------------- the key


async def _account(
    found: MarketFound, account: PrivateExchange, rows: Sequence[SymbolInfo], settings: Settings, ports: Ports
) -> None:
    await account.rest.measure_clock()
    permissions = await account.permissions()
    balances = {str(one.asset): one.total for one in await account.balances() if one.total}
    found.key = KeyFound(permissions=permissions, balances=balances)
    failures, warnings = judge_key(permissions, str(account.name), settings, ports.clock.wall_ns())
    found.failures += failures
    found.warnings += warnings
    if not balances.get(settings.base_currency):
        found.warnings.append(f"the account holds no {settings.base_currency}: nothing can be bought there")
    for number, info in enumerate(rows[:OWN_FEES_ASKED_MAX]):
        fee = await account.fees(info)
        found.listings[number] = msgspec.structs.replace(
            found.listings[number], taker_bps=fee.taker * BPS, maker_bps=fee.maker * BPS, own_fees=True
        )


def judge_key(permissions: KeyPermissions, venue: str, settings: Settings, wall_ns: int) -> tuple[list[str], list[str]]:
    """What is wrong with a key, and what is odd about it."""
    failures, warnings = [], []
    if permissions.can_withdraw and venue not in settings.live.allow_withdraw_keys:
        failures.append(
            "its key can withdraw: whoever reads it has the money. Make one that cannot, or take the risk with "
            f'[live] allow_withdraw_keys = ["{venue}"]'
        )
    elif permissions.can_withdraw:
        warnings.append("its key can withdraw, and the configuration allows that")
    elif permissions.can_withdraw is None:
        warnings.append("the venue does not tell whether its key can withdraw: look it up there")
    if permissions.can_read is False:
        failures.append("its key cannot read the account")
    if permissions.can_trade is False:
        (warnings if settings.mode == "paper" else failures).append("its key cannot trade here")
    if permissions.can_transfer:
        warnings.append("its key can move money between accounts")
    if permissions.ip_restricted is False:
        warnings.append("its key works from any address: bind it to this machine's")
    if permissions.expires_ns is not None:
        left_s = (permissions.expires_ns - wall_ns) / 1e9
        if left_s <= 0:
            failures.append("its key has expired")
        elif left_s < EXPIRES_SOON_S:
            warnings.append(f"its key expires in {left_s / 86_400:.1f} days")
    return failures, warnings
