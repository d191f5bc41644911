"""Binance's default instruments with their real ticks and lots, symbols, and exchangeInfo.

The field lists are those of recorded exchangeInfo answers (spot 2025-08, futures 2025-08).
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from oneprice.sim.desk import TradingDesk
from oneprice.sim.market import Kind, SimInstrument, SimListing, SimMarket

_STP_MODES = ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"]
_SPOT_TYPES = ["LIMIT", "LIMIT_MAKER", "MARKET"]
_FUTURES_TYPES = [
    "LIMIT",
    "MARKET",
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
]
SPOT_DECIMALS = 8
PRICE_TICKS_MIN, PRICE_TICKS_MAX = 100, 45_297_640  # of futures
SPOT_WEIGHT_LIMIT = 6_000
FUTURES_WEIGHT_LIMIT = 2_400


def _spot(base: str, quote: str, tick: str, lot: str, notional: str) -> SimInstrument:
    return SimInstrument(base, quote, Decimal(tick), Decimal(lot), Decimal(lot), Decimal(notional))


def _perpetual(base: str, tick: str, lot: str, notional: str) -> SimInstrument:
    return SimInstrument(
        base,
        "USDT",
        Decimal(tick),
        Decimal(lot),
        Decimal(lot),
        Decimal(notional),
        kind=Kind.PERPETUAL,
    )


INSTRUMENTS: Mapping[str, Sequence[SimInstrument]] = {
    "spot": (
        _spot("BTC", "USDT", "0.01", "0.00001", "5"),
        _spot("ETH", "USDT", "0.01", "0.0001", "5"),
        _spot("SOL", "USDT", "0.01", "0.001", "5"),
        _spot("XRP", "USDT", "0.0001", "0.1", "5"),
        _spot("ETH", "BTC", "0.00001", "0.0001", "0.0001"),
        _spot("PEPE", "USDT", "0.00000001", "1", "1"),
    ),
    "usdm": (
        _perpetual("BTC", "0.10", "0.001", "100"),
        _perpetual("ETH", "0.01", "0.001", "20"),
        _perpetual("SOL", "0.01", "0.01", "5"),
        _perpetual("XRP", "0.0001", "0.1", "5"),
        _perpetual("1000PEPE", "0.0000001", "1", "5"),
    ),
}

SHARED_SEQUENCE = frozenset({"usdm"})
"""Futures update ids are shared by all symbols of the engine, hence the jumps within one symbol."""


def symbol_of(listing: SimListing) -> str:
    """BTC/USDT -> BTCUSDT, in both markets."""
    return f"{listing.instrument.base}{listing.instrument.quote}"


def by_symbol(market: SimMarket) -> dict[str, SimListing]:
    """A market's listings by Binance symbol."""
    return {symbol_of(listing): listing for listing in market.listings.values()}


def futures_decimals(listing: SimListing) -> tuple[int, int]:
    """pricePrecision and quantityPrecision; the first is not the tick (BTCUSDT: 2 and a tick of 0.10)."""
    return max(2, listing.price_scale.decimals), listing.lot_scale.decimals


def halted_in(desk: TradingDesk | None) -> set[str]:
    """Keys of the listings whose trading is halted."""
    if desk is None:
        return set()
    return {key for key, listing in desk.market.listings.items() if desk.is_halted(listing)}


def spot_exchange_info(
    listings: Mapping[str, SimListing], now_ms: int, permission_sets: bool, halted: Collection[str]
) -> object:
    """The answer to /api/v3/exchangeInfo."""
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": [
            _limit("REQUEST_WEIGHT", "MINUTE", 1, SPOT_WEIGHT_LIMIT),
            _limit("ORDERS", "SECOND", 10, 100),
            _limit("ORDERS", "DAY", 1, 200_000),
            _limit("RAW_REQUESTS", "MINUTE", 5, 300_000),
        ],
        "exchangeFilters": [],
        "symbols": [
            _spot_symbol(symbol, listing, permission_sets) | _status(listing, halted, "HALT")
            for symbol, listing in listings.items()
        ],
    }


def futures_exchange_info(listings: Mapping[str, SimListing], now_ms: int, halted: Collection[str]) -> object:
    """The answer to /fapi/v1/exchangeInfo."""
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            _limit("REQUEST_WEIGHT", "MINUTE", 1, FUTURES_WEIGHT_LIMIT),
            _limit("ORDERS", "MINUTE", 1, 1_200),
            _limit("ORDERS", "SECOND", 10, 300),
        ],
        "exchangeFilters": [],
        "assets": [
            {"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"},
            {"asset": "BTC", "marginAvailable": True, "autoAssetExchange": "-0.10000000"},
        ],
        "symbols": [
            _futures_symbol(symbol, listing) | _status(listing, halted, "PENDING_TRADING")
            for symbol, listing in listings.items()
        ],
    }


def _status(listing: SimListing, halted: Collection[str], name: str) -> dict[str, object]:
    return {"status": name if listing.key in halted else "TRADING"}


def _limit(kind: str, interval: str, number: int, limit: int) -> dict[str, object]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def _padded(value: Decimal) -> str:
    return f"{value:.{SPOT_DECIMALS}f}"


def _spot_symbol(symbol: str, listing: SimListing, permission_sets: bool) -> dict[str, object]:
    instrument = listing.instrument
    return {
        "symbol": symbol,
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": _SPOT_TYPES,
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": spot_filters(instrument),
        "permissions": [],
        "permissionSets": [["SPOT", "TRD_GRP_004"]] if permission_sets else [],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": _STP_MODES,
    }


def spot_filters(instrument: SimInstrument) -> list[dict[str, object]]:
    """A symbol's filters, as exchangeInfo and /myFilters have them."""
    tick, lot = _padded(instrument.tick), _padded(instrument.lot)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": tick,
            "maxPrice": _padded(instrument.tick * 100_000_000),
            "tickSize": tick,
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": _padded(instrument.min_quantity),
            "maxQty": _padded(instrument.lot * 900_000_000),
            "stepSize": lot,
        },
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        {
            # Live data has minQty and stepSize zero here: the rule is off and LOT_SIZE holds.
            "filterType": "MARKET_LOT_SIZE",
            "minQty": "0.00000000",
            "maxQty": _padded(instrument.lot * 9_000_000),
            "stepSize": "0.00000000",
        },
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": 10,
            "maxTrailingAboveDelta": 2_000,
            "minTrailingBelowDelta": 10,
            "maxTrailingBelowDelta": 2_000,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": "1.8",
            "bidMultiplierDown": "0.2",
            "askMultiplierUp": "1.8",
            "askMultiplierDown": "0.2",
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": _padded(instrument.min_notional),
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
    ]


def _futures_symbol(symbol: str, listing: SimListing) -> dict[str, object]:
    instrument = listing.instrument
    price_decimals, quantity_decimals = futures_decimals(listing)
    return {
        "symbol": symbol,
        "pair": symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4_133_404_800_000,
        "onboardDate": 1_569_398_400_000,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.quote,
        "pricePrecision": price_decimals,
        "quantityPrecision": quantity_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "permissionSets": ["GRID", "COPY"],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10_000,
        "filters": _futures_filters(instrument),
        "orderTypes": _FUTURES_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def _futures_filters(instrument: SimInstrument) -> list[dict[str, object]]:
    tick, lot = f"{instrument.tick:f}", f"{instrument.lot:f}"
    minimum = f"{instrument.min_quantity:f}"
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": f"{instrument.tick * PRICE_TICKS_MIN:f}",
            "maxPrice": f"{instrument.tick * PRICE_TICKS_MAX:f}",
            "tickSize": tick,
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": minimum,
            "maxQty": f"{instrument.lot * 1_000_000:f}",
            "stepSize": lot,
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": minimum,
            "maxQty": f"{instrument.lot * 120_000:f}",
            "stepSize": lot,
        },
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
        {"filterType": "MIN_NOTIONAL", "notional": f"{instrument.min_notional:f}"},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": "1.0500",
            "multiplierDown": "0.9500",
            "multiplierDecimal": "4",
        },
        {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
    ]
