"""exchangeInfo to listings. Ticks, lots and minima come from the filters: pricePrecision is not the tick."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from oneprice.model import AssetName, ExchangeName, MarketKind, Symbol, SymbolInfo
from oneprice.venues.binance.bodies import ExchangeInfo, Filter, ListedSymbol
from oneprice.venues.binance.errors import VENUE_NAME
from oneprice.venues.kit import BodyError, multiple

_OFF = Filter("")


def spot_listings(told: ExchangeInfo) -> list[SymbolInfo]:
    """All spot symbols. Where a filter is off, the assets' precision is the grid. Raises BodyError."""
    ambiguous = _ambiguous(told.symbols)
    return [
        _listing(
            row,
            MarketKind.SPOT,
            ambiguous,
            tick_size=_filter(row, "PRICE_FILTER").tick_size or _unit(row.quote_asset_precision),
            lot_size=_filter(row, "LOT_SIZE").step_size or _unit(row.base_asset_precision),
            min_notional=max(_filter(row, kind).min_notional for kind in ("NOTIONAL", "MIN_NOTIONAL")),
            tradable=row.status == "TRADING" and row.is_spot_trading_allowed,
        )
        for row in told.symbols
    ]


def usdm_listings(told: ExchangeInfo) -> list[SymbolInfo]:
    """Perpetuals quoted and margined in USDT: no dated ones, none on shares or other regulated underlyings.

    A contract without a tick or lot, as one may be before its start, cannot be priced and is left out.
    Raises BodyError.
    """
    rows = [
        row
        for row in told.symbols
        if row.contract_type == "PERPETUAL"
        and row.quote_asset == row.margin_asset == "USDT"
        and _filter(row, "PRICE_FILTER").tick_size
        and _filter(row, "LOT_SIZE").step_size
    ]
    ambiguous = _ambiguous(rows)
    return [
        _listing(
            row,
            MarketKind.USDM,
            ambiguous,
            tick_size=_filter(row, "PRICE_FILTER").tick_size,
            lot_size=_filter(row, "LOT_SIZE").step_size,
            min_notional=_filter(row, "MIN_NOTIONAL").notional,
            tradable=row.status == "TRADING",
        )
        for row in rows
    ]


def _listing(
    row: ListedSymbol,
    kind: MarketKind,
    ambiguous: frozenset[tuple[str, str]],
    *,
    tick_size: Decimal,
    lot_size: Decimal,
    min_notional: Decimal,
    tradable: bool,
) -> SymbolInfo:
    base, multiplier = multiple(row.base_asset)
    if (base, row.quote_asset) in ambiguous:
        base, multiplier = AssetName(row.base_asset), Decimal(1)
    lots = _filter(row, "LOT_SIZE")
    if min(tick_size, lot_size, min_notional, lots.min_qty, lots.max_qty) < 0:
        raise BodyError(f"{row.symbol} has a filter below 0")
    return SymbolInfo(
        venue=ExchangeName(VENUE_NAME),
        market=kind,
        symbol=Symbol(base, AssetName(row.quote_asset), kind is MarketKind.USDM),
        venue_symbol=row.symbol,
        tick_size=tick_size,
        lot_size=lot_size,
        min_quantity=lots.min_qty,
        max_quantity=lots.max_qty or None,
        min_notional=min_notional,
        multiplier=multiplier,
        tradable=tradable,
        status=row.status,
    )


def _ambiguous(rows: Sequence[ListedSymbol]) -> frozenset[tuple[str, str]]:
    """`(asset, quote)` that several symbols come down to, as CAT and 1000CAT: those keep their own names."""
    count = Counter((multiple(row.base_asset)[0], row.quote_asset) for row in rows)
    return frozenset(name for name, times in count.items() if times > 1)


def _filter(row: ListedSymbol, kind: str) -> Filter:
    return next((told for told in row.filters if told.filter_type == kind), _OFF)


def _unit(decimals: int) -> Decimal:
    if not 0 <= decimals <= 18:
        raise BodyError(f"a precision of {decimals} decimals")
    return Decimal(1).scaleb(-decimals)
