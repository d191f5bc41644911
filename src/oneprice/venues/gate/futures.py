"""Gate's perpetuals margined in USDT: `/api/v4/futures/usdt`.

Quantities are contracts of `quanto_multiplier` coins. Every request and handshake asks for decimal sizes:
without that header sizes are whole contracts, rounded towards zero, as numbers instead of texts. Both are read.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from oneprice.model import (
    AssetName,
    ExchangeName,
    FundingRate,
    Kline,
    KlineInterval,
    MarketKind,
    OrderBook,
    Side,
    Symbol,
    SymbolInfo,
    Trade,
)
from oneprice.venues.gate import streams
from oneprice.venues.gate.errors import VENUE_NAME
from oneprice.venues.gate.product import BASE_INTERVALS, Product, TickerRow, asset
from oneprice.venues.kit import (
    BodyError,
    Call,
    Number,
    Reader,
    Request,
    Sequenced,
    Support,
    book_side,
    ns_of,
    positive,
)

QUOTE_SUFFIX = "_USDT"
COIN_TYPES = ("", "crypto")

CAPABILITIES = (
    Support("listings", True, "without stocks, indices and metals: their tickers are not coins'"),
    Support("order book", True, "at most 100 levels"),
    Support("ticker", True, "no opening price, no time"),
    Support("tickers", True),
    Support("quotes", True, "best prices and sizes of the tickers"),
    Support("trades", True),
    Support("klines", True, "months are natural months"),
    Support("funding", True),
    Support("funding history", True, "without intervals and prices"),
    Support("stream: depth", True, f"{streams.LEVELS} levels every 20 ms, the whole book first"),
    Support("stream: quote", True),
    Support("stream: trades", True),
)


class ContractRow(msgspec.Struct):
    """A row of `/contracts`. `enable_decimal` is new in 2026. Times in seconds."""

    name: str
    quanto_multiplier: Number
    order_price_round: Number
    order_size_min: Number
    order_size_max: Number | None = None
    enable_decimal: bool = False
    maker_fee_rate: Number | None = None
    taker_fee_rate: Number | None = None
    in_delisting: bool = False
    is_pre_market: bool = False
    status: str = "trading"
    contract_type: str = ""
    funding_rate: Number | None = None
    funding_interval: int | None = None
    funding_next_apply: Number | None = None
    mark_price: Number | None = None
    index_price: Number | None = None


class LevelRow(msgspec.Struct):
    """Price and contracts."""

    p: Number
    s: Number


class BookBody(msgspec.Struct):
    """`/order_book` with its id; times in seconds with decimals."""

    id: Sequenced
    bids: list[LevelRow]
    asks: list[LevelRow]
    update: Number


class TradeRow(msgspec.Struct):
    """A row of `/trades`: the size's sign is the taker's side; here `create_time_ms` too is in seconds."""

    id: Sequenced
    size: Number
    price: Number
    create_time: Number
    create_time_ms: Number | None = None


class FuturesTicker(TickerRow, kw_only=True):
    """Sizes and volume in contracts."""

    symbol: str = msgspec.field(name="contract")
    volume: str | None = msgspec.field(name="volume_24h", default=None)
    quote_volume: str | None = msgspec.field(name="volume_24h_quote", default=None)


class CandleRow(msgspec.Struct):
    """A row of `/candlesticks`: `t` in seconds, `v` in contracts, `sum` in quote asset."""

    t: Number
    o: Number
    h: Number
    l: Number  # noqa: E741 - Gate's name
    c: Number
    v: Number
    sum: Number | None = None


class FundingRow(msgspec.Struct):
    """A row of `/funding_rate`: a settlement's time in seconds, and its rate."""

    t: Number
    r: Number


def read_listings(reader: Reader, request: Request) -> Call[list[SymbolInfo]]:
    """Contracts on coins. One without tick or size, as before its start, cannot be priced and is left out."""

    def convert(rows: list[ContractRow]) -> list[SymbolInfo]:
        coins = [
            row
            for row in rows
            if row.contract_type in COIN_TYPES
            and row.name.endswith(QUOTE_SUFFIX)
            and row.order_price_round > 0
            and row.quanto_multiplier > 0
        ]
        names = {row.name.removesuffix(QUOTE_SUFFIX) for row in coins}
        return [_listing(row, *asset(row.name.removesuffix(QUOTE_SUFFIX), names)) for row in coins]

    return reader.call(request, list[ContractRow], convert)


def _listing(row: ContractRow, base: AssetName, multiplier: Decimal) -> SymbolInfo:
    status = "delisting" if row.in_delisting else "pre-market" if row.is_pre_market else row.status
    return SymbolInfo(
        venue=ExchangeName(VENUE_NAME),
        market=MarketKind.USDM,
        symbol=Symbol(base, AssetName("USDT"), is_futures=True),
        venue_symbol=row.name,
        tick_size=row.order_price_round,
        lot_size=_lot_size(row),
        min_quantity=row.order_size_min,
        max_quantity=row.order_size_max or None,
        contract_size=row.quanto_multiplier,
        multiplier=multiplier,
        taker_fee=row.taker_fee_rate,
        maker_fee=row.maker_fee_rate,
        tradable=status == "trading",
        status=status,
    )


def _lot_size(row: ContractRow) -> Decimal:
    """One contract. The step of fractions stands in no field: the least size serves as one.

    Seen in 2026: ETH with a least size of 0.1 and book sizes such as 5116.8.
    """
    return row.order_size_min if row.enable_decimal and 0 < row.order_size_min < 1 else Decimal(1)


def read_book(reader: Reader, request: Request, symbol: Symbol) -> Call[OrderBook]:
    """A book in contracts."""

    def convert(told: BookBody) -> OrderBook:
        bids = book_side([(level.p, level.s) for level in told.bids], bids=True)
        asks = book_side([(level.p, level.s) for level in told.asks], bids=False)
        return OrderBook(symbol, bids, asks, told.id, ns_of(told.update, "s"))

    return reader.call(request, BookBody, convert)


def read_trades(reader: Reader, request: Request, symbol: Symbol) -> Call[list[Trade]]:
    """Gate has the newest first."""

    def convert(row: TradeRow) -> Trade:
        if row.size == 0:
            raise BodyError(f"the size of trade {row.id} is 0")
        seconds = row.create_time if row.create_time_ms is None else row.create_time_ms
        side = Side.BUY if row.size > 0 else Side.SELL
        return Trade(symbol, positive(row.price, "a price"), abs(row.size), side, ns_of(seconds, "s"), str(row.id))

    return reader.call(
        request, list[TradeRow], lambda rows: sorted(map(convert, reversed(rows)), key=lambda trade: trade.time_ns)
    )


def read_klines(reader: Reader, request: Request, symbol: Symbol, interval: KlineInterval) -> Call[list[Kline]]:
    """Gate does not say which are closed: the last one may still run, and counts as open."""

    def convert(rows: list[CandleRow]) -> list[Kline]:
        last = max((row.t for row in rows), default=None)
        return [
            Kline(symbol, interval, ns_of(row.t, "s"), row.o, row.h, row.l, row.c, row.v, row.sum, row.t != last)
            for row in sorted(rows, key=lambda row: row.t)
        ]

    return reader.call(request, list[CandleRow], convert)


def read_funding(reader: Reader, request: Request, symbol: Symbol) -> Call[FundingRate]:
    """From a contract's rules."""

    def convert(row: ContractRow) -> FundingRate:
        if row.funding_rate is None or row.funding_interval is not None and row.funding_interval < 0:
            raise BodyError(f"{row.name}: funding_rate {row.funding_rate}, interval {row.funding_interval}")
        next_ns, interval_s = ns_of(row.funding_next_apply or Decimal(0), "s"), row.funding_interval or None
        return FundingRate(symbol, row.funding_rate, next_ns, interval_s, row.mark_price, row.index_price)

    return reader.call(request, ContractRow, convert)


def read_funding_history(reader: Reader, request: Request, symbol: Symbol) -> Call[list[FundingRate]]:
    """Gate has the newest first."""

    def convert(rows: list[FundingRow]) -> list[FundingRate]:
        return [FundingRate(symbol, row.r, 0, time_ns=ns_of(row.t, "s")) for row in sorted(rows, key=lambda row: row.t)]

    return reader.call(request, list[FundingRow], convert)


FUTURES = Product(
    kind=MarketKind.USDM,
    word="futures",
    prefix="/api/v4/futures/usdt",
    symbol_key="contract",
    listings_path="/contracts",
    stream_url="wss://fx-ws.gateio.ws",
    stream_path="/v4/ws/usdt",
    headers=(("X-Gate-Size-Decimal", "1"),),
    taker_fee_bps=5.0,
    sizes_in_coins=False,
    intervals={**BASE_INTERVALS, KlineInterval.WEEK_1: "1w"},
    klines_max=2_000,
    stream=streams.FUTURES_STREAM,
    capabilities=CAPABILITIES,
    listings=read_listings,
    order_book=read_book,
    trades=read_trades,
    tickers=list[FuturesTicker],
    klines=read_klines,
    funding=read_funding,
    funding_history=read_funding_history,
)
