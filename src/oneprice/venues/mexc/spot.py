"""MEXC's spot market: `/api/v3`, much like Binance's, with other meanings in the rules. Times are in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

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
    Ticker,
    Trade,
)
from oneprice.venues.kit import (
    BodyError,
    Budget,
    Call,
    Millis,
    Number,
    Reader,
    Request,
    Sequenced,
    Support,
    blank,
    book_side,
    multiple,
    positive,
)
from oneprice.venues.mexc.errors import SPOT_TABLE, VENUE_NAME, spot_error
from oneprice.venues.mexc.market import Product
from oneprice.venues.mexc.streams import SPEED, SPOT_WIRE

MS = 1_000_000
DECIMALS_MAX = 18
BOOK_LEVELS_MAX = 5_000
TRADES_MAX = 1_000
KLINES_MAX = 500
ONLINE = ("1", "ENABLED")
STATUSES = {"1": "online", "2": "paused", "3": "offline"}
BOTH_SIDES = 1
SIDE_TYPES = {2: "buy only", 3: "sell only", 4: "closed"}

INTERVALS: Mapping[KlineInterval, str] = {
    KlineInterval.MINUTE_1: "1m",
    KlineInterval.MINUTE_5: "5m",
    KlineInterval.MINUTE_15: "15m",
    KlineInterval.MINUTE_30: "30m",
    KlineInterval.HOUR_1: "60m",
    KlineInterval.HOUR_4: "4h",
    KlineInterval.DAY_1: "1d",
    KlineInterval.WEEK_1: "1W",
    KlineInterval.MONTH_1: "1M",
}


class ServerTime(msgspec.Struct, rename="camel"):
    """`/time`."""

    server_time: Millis


class SymbolRow(msgspec.Struct, rename="camel"):
    """A symbol of `/exchangeInfo`.

    In spite of their names `base_size_precision` is the least quantity and `quote_amount_precision` the least value
    of a limit order; decimals are counted by `quote_precision` (price) and `base_asset_precision` (quantity).
    """

    symbol: str
    status: str
    base_asset: str = ""
    quote_asset: str = ""
    base_asset_precision: int | None = None
    quote_precision: int | None = None
    is_spot_trading_allowed: bool = False
    trade_side_type: int = BOTH_SIDES
    base_size_precision: Number | None = None
    quote_amount_precision: Number | None = None
    maker_commission: Number | None = None
    taker_commission: Number | None = None


class ExchangeInfo(msgspec.Struct):
    """`/exchangeInfo`."""

    symbols: list[SymbolRow]


class BookBody(msgspec.Struct, rename="camel"):
    """`/depth`."""

    last_update_id: Sequenced
    bids: list[tuple[Number, Number]]
    asks: list[tuple[Number, Number]]
    timestamp: Millis | None = None


class TradeRow(msgspec.Struct, rename="camel"):
    """A row of `/trades`; ids are null."""

    price: Number
    qty: Number
    time: Millis
    is_buyer_maker: bool


class DayRow(msgspec.Struct, rename="camel"):
    """A row of `/ticker/24hr`, or `/ticker/bookTicker`: quantities may be "", the quote volume null."""

    symbol: str
    last_price: str | None = None
    bid_price: str | None = None
    bid_qty: str | None = None
    ask_price: str | None = None
    ask_qty: str | None = None
    open_price: str | None = None
    high_price: str | None = None
    low_price: str | None = None
    volume: str | None = None
    quote_volume: str | None = None
    close_time: Millis | None = None


class CandleRow(msgspec.Struct, array_like=True):
    """A row of `/klines`."""

    open_ms: Millis
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Number
    close_ms: Millis
    quote_volume: Number


def _request(path: str, *query: tuple[str, str], weight: int = 1) -> Request:
    """Weights are the stricter of the two that MEXC's documentations give."""
    return Request(path=f"/api/v3/{path}", query=query, weight=weight)


def server_time(reader: Reader) -> Call[int]:
    """In nanoseconds."""
    return reader.call(_request("time"), ServerTime, lambda told: told.server_time * MS)


def listings(reader: Reader) -> Call[list[SymbolInfo]]:
    """Those with assets and decimals that can be held. 1000X is X times a thousand unless X is listed too."""

    def convert(told: ExchangeInfo) -> list[SymbolInfo]:
        rows = [row for row in told.symbols if row.base_asset and row.quote_asset]
        plain = {(row.base_asset, row.quote_asset) for row in rows}
        found = []
        for row in rows:
            tick, lot = _step(row.quote_precision), _step(row.base_asset_precision)
            if tick is not None and lot is not None:
                base, multiplier = multiple(row.base_asset)
                if multiplier != 1 and (base, row.quote_asset) in plain:
                    base, multiplier = AssetName(row.base_asset), Decimal(1)
                found.append(_listing(row, Symbol(base, AssetName(row.quote_asset)), multiplier, tick, lot))
        return found

    return reader.call(_request("exchangeInfo", weight=25), ExchangeInfo, convert)


def _listing(row: SymbolRow, symbol: Symbol, multiplier: Decimal, tick: Decimal, lot: Decimal) -> SymbolInfo:
    obstacles = [] if row.status in ONLINE else [STATUSES.get(row.status, row.status)]
    if not row.is_spot_trading_allowed:
        obstacles.append("not open to the API")
    if row.trade_side_type != BOTH_SIDES:
        obstacles.append(SIDE_TYPES.get(row.trade_side_type, f"sides {row.trade_side_type}"))
    return SymbolInfo(
        venue=ExchangeName(VENUE_NAME),
        market=MarketKind.SPOT,
        symbol=symbol,
        venue_symbol=row.symbol,
        tick_size=tick,
        lot_size=lot,
        min_quantity=row.base_size_precision or Decimal(0),
        min_notional=row.quote_amount_precision or Decimal(0),
        multiplier=multiplier,
        taker_fee=row.taker_commission,
        maker_fee=row.maker_commission,
        tradable=not obstacles,
        status=", ".join(obstacles) or "online",
    )


def _step(decimals: int | None) -> Decimal | None:
    return Decimal(1).scaleb(-decimals) if decimals is not None and 0 <= decimals <= DECIMALS_MAX else None


def book_request(listing: SymbolInfo, levels: int) -> Request:
    """Also of the stream's snapshot."""
    limit = str(min(levels, BOOK_LEVELS_MAX))
    return _request("depth", ("symbol", listing.venue_symbol), ("limit", limit), weight=3)


def order_book(reader: Reader, listing: SymbolInfo, levels: int) -> Call[OrderBook]:
    """A book."""

    def convert(told: BookBody) -> OrderBook:
        bids, asks = book_side(told.bids, bids=True), book_side(told.asks, bids=False)
        return OrderBook(listing.symbol, bids, asks, told.last_update_id, (told.timestamp or 0) * MS)

    return reader.call(book_request(listing, levels), BookBody, convert)


def trades(reader: Reader, listing: SymbolInfo, count: int) -> Call[list[Trade]]:
    """Oldest first; MEXC has the newest first."""

    def convert(row: TradeRow) -> Trade:
        side = Side.SELL if row.is_buyer_maker else Side.BUY
        price, quantity = positive(row.price, "a price"), positive(row.qty, "a quantity")
        return Trade(listing.symbol, price, quantity, side, row.time * MS)

    query = (("symbol", listing.venue_symbol), ("limit", str(min(count, TRADES_MAX))))
    return reader.call(
        _request("trades", *query, weight=5),
        list[TradeRow],
        lambda rows: sorted(map(convert, reversed(rows)), key=lambda trade: trade.time_ns),
    )


def ticker(reader: Reader, listing: SymbolInfo) -> Call[Ticker]:
    """Of one symbol."""

    def convert(row: DayRow) -> Ticker:
        if row.symbol != listing.venue_symbol:
            raise BodyError(f"it is of {row.symbol!r}, asked for was {listing.venue_symbol!r}")
        return _ticker(row, listing.symbol)

    return reader.call(_request("ticker/24hr", ("symbol", listing.venue_symbol)), DayRow, convert)


def tickers(reader: Reader, wanted: Sequence[SymbolInfo]) -> Call[list[Ticker]]:
    """Those of the wanted listings."""
    return _all(reader, _request("ticker/24hr", weight=40), wanted)


def quotes(reader: Reader, wanted: Sequence[SymbolInfo]) -> Call[list[Ticker]]:
    """Those of the wanted listings: rows of `/ticker/24hr` with nothing but the best prices and quantities."""
    return _all(reader, _request("ticker/bookTicker", weight=10), wanted)


def _all(reader: Reader, request: Request, wanted: Sequence[SymbolInfo]) -> Call[list[Ticker]]:
    symbols = {listing.venue_symbol: listing.symbol for listing in wanted}

    def convert(rows: list[DayRow]) -> list[Ticker]:
        return [_ticker(row, symbols[row.symbol]) for row in rows if row.symbol in symbols]

    return reader.call(request, list[DayRow], convert)


def _ticker(row: DayRow, symbol: Symbol) -> Ticker:
    """A price of 0 stands for none."""
    bid, ask = (blank(text, "a price") or None for text in (row.bid_price, row.ask_price))
    return Ticker(
        symbol=symbol,
        last=blank(row.last_price, "lastPrice") or None,
        bid=bid,
        bid_quantity=blank(row.bid_qty, "bidQty") if bid else None,
        ask=ask,
        ask_quantity=blank(row.ask_qty, "askQty") if ask else None,
        open=blank(row.open_price, "openPrice") or None,
        high=blank(row.high_price, "highPrice") or None,
        low=blank(row.low_price, "lowPrice") or None,
        volume=blank(row.volume, "volume"),
        quote_volume=blank(row.quote_volume, "quoteVolume"),
        time_ns=(row.close_time or 0) * MS,
    )


def klines(
    reader: Reader, listing: SymbolInfo, interval: KlineInterval, count: int, start_ns: int | None
) -> Call[list[Kline]]:
    """The last one may still run, and counts as open."""
    wanted = min(count, KLINES_MAX)
    query = [("symbol", listing.venue_symbol), ("interval", INTERVALS[interval]), ("limit", str(wanted))]
    if start_ns is not None:
        start_ms = -(-start_ns // MS)
        query += [("startTime", str(start_ms)), ("endTime", str(start_ms + wanted * int(interval) * 1_000 - 1))]

    def convert(rows: list[CandleRow]) -> list[Kline]:
        last = max((row.open_ms for row in rows), default=None)
        return [
            Kline(
                listing.symbol,
                interval,
                row.open_ms * MS,
                row.open,
                row.high,
                row.low,
                row.close,
                row.volume,
                row.quote_volume,
                row.open_ms != last,
            )
            for row in sorted(rows, key=lambda row: row.open_ms)
        ]

    return reader.call(_request("klines", *query), list[CandleRow], convert)


SPOT = Product(
    name=SPOT_TABLE.venue,
    kind=MarketKind.SPOT,
    stream_url="wss://wbs-api.mexc.com",
    stream_path="/ws",
    budgets={"default": Budget(300, 10.0)},
    taker_fee_bps=5.0,
    sizes_in_coins=True,
    capabilities=(
        Support("listings", True),
        Support("order book", True),
        Support("ticker", True),
        Support("tickers", True),
        Support("quotes", True),
        Support("trades", True, "without ids"),
        Support("klines", True),
        Support("funding", False, "spot has none"),
        Support("funding history", False, "spot has none"),
        Support("stream: depth", True, f"all levels, protobuf, every {SPEED}"),
        Support("stream: quote", True, f"protobuf, every {SPEED}"),
        Support("stream: trades", True, f"protobuf, every {SPEED}"),
    ),
    wire=SPOT_WIRE,
    error=spot_error,
    server_time=server_time,
    listings=listings,
    book_request=book_request,
    order_book=order_book,
    trades=trades,
    ticker=ticker,
    tickers=tickers,
    quotes=quotes,
    klines=klines,
)
