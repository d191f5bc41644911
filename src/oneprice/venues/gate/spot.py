"""Gate's spot market: `/api/v4/spot`, prices and quantities as texts."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from oneprice.model import (
    AssetName,
    ExchangeName,
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
    Call,
    Millis,
    Number,
    Reader,
    Request,
    Sequenced,
    Support,
    book_side,
    ns_of,
    positive,
)

MS = 1_000_000
DECIMALS_MAX = 18

CAPABILITIES = (
    Support("listings", True),
    Support("order book", True, "at most 100 levels: deeper answers are tens of seconds old"),
    Support("ticker", True, "no opening price, no time"),
    Support("tickers", True, "no sizes"),
    Support("quotes", True, "best prices of the tickers, no sizes"),
    Support("trades", True),
    Support("klines", True, "weeks run from Thursday to Wednesday, months are natural months"),
    Support("funding", False, "spot has none"),
    Support("funding history", False, "spot has none"),
    Support("stream: depth", True, f"{streams.LEVELS} levels every 20 ms, the whole book first"),
    Support("stream: quote", True, "every 10 ms"),
    Support("stream: trades", True),
)


class PairRow(msgspec.Struct):
    """A row of `/currency_pairs`. `fee` is in percent. `type` is normal or premarket; limits may be null."""

    id: str
    base: str
    quote: str
    precision: int
    amount_precision: int
    trade_status: str
    fee: Number | None = None
    min_base_amount: Number | None = None
    min_quote_amount: Number | None = None
    max_base_amount: Number | None = None
    type: str = "normal"


class BookBody(msgspec.Struct):
    """`/order_book` with its id; times in milliseconds."""

    id: Sequenced
    bids: list[tuple[Number, Number]]
    asks: list[tuple[Number, Number]]
    update: Millis


class TradeRow(msgspec.Struct):
    """A row of `/trades`; the time is a text with fractions of a millisecond."""

    id: str
    create_time_ms: Number
    side: Literal["buy", "sell"]
    amount: Number
    price: Number


class SpotTicker(TickerRow, kw_only=True):
    """Sizes come only when one pair is asked for."""

    symbol: str = msgspec.field(name="currency_pair")
    volume: str | None = msgspec.field(name="base_volume", default=None)
    quote_volume: str | None = msgspec.field(name="quote_volume", default=None)


class CandleRow(msgspec.Struct, array_like=True):
    """A row of `/candlesticks` in Gate's order; the time in seconds."""

    time: Number
    quote_volume: Number
    close: Number
    high: Number
    low: Number
    open: Number
    volume: Number
    closed: Literal["true", "false"]


def read_listings(reader: Reader, request: Request) -> Call[list[SymbolInfo]]:
    """Pairs whose decimals can be held."""

    def convert(rows: list[PairRow]) -> list[SymbolInfo]:
        names = {row.base for row in rows}
        return [
            _listing(row, *asset(row.base, names))
            for row in rows
            if 0 <= min(row.precision, row.amount_precision) <= max(row.precision, row.amount_precision) <= DECIMALS_MAX
        ]

    return reader.call(request, list[PairRow], convert)


def _listing(row: PairRow, base: AssetName, multiplier: Decimal) -> SymbolInfo:
    fee, normal = None if row.fee is None else row.fee / 100, row.type == "normal"
    return SymbolInfo(
        venue=ExchangeName(VENUE_NAME),
        market=MarketKind.SPOT,
        symbol=Symbol(base, AssetName(row.quote)),
        venue_symbol=row.id,
        tick_size=Decimal(1).scaleb(-row.precision),
        lot_size=Decimal(1).scaleb(-row.amount_precision),
        min_quantity=row.min_base_amount or Decimal(0),
        max_quantity=row.max_base_amount or None,
        min_notional=row.min_quote_amount or Decimal(0),
        multiplier=multiplier,
        taker_fee=fee,
        maker_fee=fee,
        tradable=normal and row.trade_status == "tradable",
        status=row.trade_status if normal else f"{row.trade_status} {row.type}",
    )


def read_book(reader: Reader, request: Request, symbol: Symbol) -> Call[OrderBook]:
    """A book."""

    def convert(told: BookBody) -> OrderBook:
        bids, asks = book_side(told.bids, bids=True), book_side(told.asks, bids=False)
        return OrderBook(symbol, bids, asks, told.id, told.update * MS)

    return reader.call(request, BookBody, convert)


def read_trades(reader: Reader, request: Request, symbol: Symbol) -> Call[list[Trade]]:
    """Gate has the newest first."""

    def convert(row: TradeRow) -> Trade:
        return Trade(
            symbol,
            positive(row.price, "a price"),
            positive(row.amount, "an amount"),
            Side.BUY if row.side == "buy" else Side.SELL,
            ns_of(row.create_time_ms, "ms"),
            row.id,
        )

    return reader.call(
        request, list[TradeRow], lambda rows: sorted(map(convert, reversed(rows)), key=lambda trade: trade.time_ns)
    )


def read_klines(reader: Reader, request: Request, symbol: Symbol, interval: KlineInterval) -> Call[list[Kline]]:
    """Gate says which are closed."""

    def convert(row: CandleRow) -> Kline:
        return Kline(
            symbol,
            interval,
            ns_of(row.time, "s"),
            row.open,
            row.high,
            row.low,
            row.close,
            row.volume,
            row.quote_volume,
            row.closed == "true",
        )

    return reader.call(request, list[CandleRow], lambda rows: sorted(map(convert, rows), key=_open_time))


def _open_time(candle: Kline) -> int:
    return candle.open_time_ns


SPOT = Product(
    kind=MarketKind.SPOT,
    word="spot",
    prefix="/api/v4/spot",
    symbol_key="currency_pair",
    listings_path="/currency_pairs",
    stream_url="wss://api.gateio.ws",
    stream_path="/ws/v4/",
    taker_fee_bps=20.0,
    sizes_in_coins=True,
    intervals={**BASE_INTERVALS, KlineInterval.WEEK_1: "7d"},
    klines_max=1_000,
    stream=streams.SPOT_STREAM,
    capabilities=CAPABILITIES,
    listings=read_listings,
    order_book=read_book,
    trades=read_trades,
    tickers=list[SpotTicker],
    klines=read_klines,
)
