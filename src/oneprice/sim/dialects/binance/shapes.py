"""How Binance writes market data: numbers, and the fields of each REST answer and stream frame.

Spot pads every number to eight decimals; futures use pricePrecision and quantityPrecision. Field names and
their order follow the documented samples. Spot's bookTicker has no time; futures add E, T, ps and st.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol

from oneprice.sim.dialects.binance.aggregates import AggregateTrade
from oneprice.sim.dialects.binance.rules import SPOT_DECIMALS, futures_decimals
from oneprice.sim.engine import Side, TradePrint
from oneprice.sim.klines import Kline
from oneprice.sim.market import BookSnapshot, DayTicker, DepthDelta, SimListing, Top

Fields = dict[str, Any]
Levels = list[list[str]]


class Shape(Protocol):
    """Renders one market's data. `now_ns` is the event time; times inside data are their own."""

    def price(self, listing: SimListing, ticks: int) -> str:
        """Ticks as text."""
        ...

    def quantity(self, listing: SimListing, lots: int) -> str:
        """Lots as text."""
        ...

    def amount(self, listing: SimListing, value: Decimal) -> str:
        """An amount of quote currency as text."""
        ...

    def time(self, ts_ns: int) -> int:
        """A time in the unit the client wants."""
        ...

    def book_ticker(self, symbol: str, listing: SimListing, top: Top, now_ns: int) -> Fields:
        """A best bid and ask frame."""
        ...

    def depth(self, symbol: str, listing: SimListing, delta: DepthDelta, now_ns: int) -> Fields:
        """A depth diff frame."""
        ...

    def partial(self, symbol: str, listing: SimListing, book: BookSnapshot, now_ns: int) -> Fields:
        """A frame of the top levels."""
        ...

    def trade(self, symbol: str, listing: SimListing, trade: TradePrint, now_ns: int) -> Fields:
        """A trade frame."""
        ...

    def aggregate(self, symbol: str, listing: SimListing, trade: AggregateTrade, now_ns: int) -> Fields:
        """An aggregate trade frame."""
        ...

    def kline(self, symbol: str, listing: SimListing, row: Kline, name: str, is_closed: bool, now_ns: int) -> Fields:
        """A kline frame."""
        ...

    def ticker(self, symbol: str, listing: SimListing, now_ns: int) -> Fields:
        """A 24 h ticker frame."""
        ...

    def mini_ticker(self, symbol: str, listing: SimListing, now_ns: int) -> Fields:
        """A 24 h mini ticker frame."""
        ...


def levels(shape: Shape, listing: SimListing, side: list[tuple[int, int]]) -> Levels:
    """Levels as pairs of text."""
    price, quantity = shape.price, shape.quantity
    return [[price(listing, ticks), quantity(listing, lots)] for ticks, lots in side]


def kline_row(shape: Shape, listing: SimListing, row: Kline) -> list[object]:
    """A kline as REST has it."""
    return [
        shape.time(row.open_ms * 1_000_000),
        shape.price(listing, row.open_ticks),
        shape.price(listing, row.high_ticks),
        shape.price(listing, row.low_ticks),
        shape.price(listing, row.close_ticks),
        shape.quantity(listing, row.volume_lots),
        shape.time(row.close_ms * 1_000_000),
        shape.amount(listing, listing.quote_amount(1, row.notional)),
        row.trades,
        shape.quantity(listing, row.taker_buy_lots),
        shape.amount(listing, listing.quote_amount(1, row.taker_buy_notional)),
        "0",
    ]


def day_figures(shape: Shape, listing: SimListing, day: DayTicker) -> Mapping[str, str]:
    """Change, percent and average of the last 24 hours, written out."""
    volume = listing.base_amount(day.volume_lots)
    average = day.quote_volume / volume if volume else Decimal(0)
    percent = Decimal(day.last_ticks - day.open_ticks) * 100 / day.open_ticks
    decimals = len(shape.price(listing, 1).partition(".")[2])
    return {
        "change": shape.price(listing, day.last_ticks - day.open_ticks),
        "percent": f"{percent:.3f}",
        "average": f"{average:.{decimals}f}",
        "quote_volume": shape.amount(listing, day.quote_volume),
    }


class _Common:
    """The fields spot and futures share; the subclass-specific ones are added by `_stamp`."""

    def __init__(self, unit_ns: int = 1_000_000) -> None:
        self._unit_ns = unit_ns

    def time(self, ts_ns: int) -> int:
        """Milliseconds, or microseconds where the client asked for them."""
        return ts_ns // self._unit_ns


class SpotShape(_Common):
    """Spot market data."""

    def price(self, listing: SimListing, ticks: int) -> str:
        """Ticks as text."""
        return listing.price_text(ticks, SPOT_DECIMALS)

    def quantity(self, listing: SimListing, lots: int) -> str:
        """Lots as text."""
        return listing.lots_text(lots, SPOT_DECIMALS)

    def amount(self, listing: SimListing, value: Decimal) -> str:
        """An amount of quote currency as text."""
        return f"{value:.{SPOT_DECIMALS}f}"

    def book_ticker(self, symbol: str, listing: SimListing, top: Top, now_ns: int) -> Fields:
        """A best bid and ask frame."""
        return {
            "u": top.update_id,
            "s": symbol,
            "b": self.price(listing, top.bid_ticks),
            "B": self.quantity(listing, top.bid_lots),
            "a": self.price(listing, top.ask_ticks),
            "A": self.quantity(listing, top.ask_lots),
        }

    def depth(self, symbol: str, listing: SimListing, delta: DepthDelta, now_ns: int) -> Fields:
        """A depth diff frame."""
        return {
            "e": "depthUpdate",
            "E": self.time(now_ns),
            "s": symbol,
            "U": delta.first_id,
            "u": delta.last_id,
            "b": levels(self, listing, delta.bids),
            "a": levels(self, listing, delta.asks),
        }

    def partial(self, symbol: str, listing: SimListing, book: BookSnapshot, now_ns: int) -> Fields:
        """A frame of the top levels."""
        return {
            "lastUpdateId": book.update_id,
            "bids": levels(self, listing, book.bids),
            "asks": levels(self, listing, book.asks),
        }

    def trade(self, symbol: str, listing: SimListing, trade: TradePrint, now_ns: int) -> Fields:
        """A trade frame."""
        return {
            "e": "trade",
            "E": self.time(now_ns),
            "s": symbol,
            "t": trade.trade_id,
            "p": self.price(listing, trade.price_ticks),
            "q": self.quantity(listing, trade.lots),
            "T": self.time(trade.ts_ns),
            "m": trade.taker_side is Side.SELL,
            "M": True,
        }

    def aggregate(self, symbol: str, listing: SimListing, trade: AggregateTrade, now_ns: int) -> Fields:
        """An aggregate trade frame."""
        return {"e": "aggTrade", "E": self.time(now_ns), "s": symbol} | self.aggregate_row(listing, trade)

    def aggregate_row(self, listing: SimListing, trade: AggregateTrade) -> Fields:
        """An aggregate trade as REST has it."""
        return {
            "a": trade.aggregate_id,
            "p": self.price(listing, trade.price_ticks),
            "q": self.quantity(listing, trade.lots),
            "f": trade.first_trade_id,
            "l": trade.last_trade_id,
            "T": self.time(trade.ts_ns),
            "m": trade.taker_side is Side.SELL,
            "M": True,
        }

    def kline(self, symbol: str, listing: SimListing, row: Kline, name: str, is_closed: bool, now_ns: int) -> Fields:
        """A kline frame."""
        return {
            "e": "kline",
            "E": self.time(now_ns),
            "s": symbol,
            "k": kline_fields(self, symbol, listing, row, name, is_closed),
        }

    def ticker(self, symbol: str, listing: SimListing, now_ns: int) -> Fields:
        """A 24 h ticker frame."""
        day, top = listing.day(), listing.top
        figures = day_figures(self, listing, day)
        return {
            "e": "24hrTicker",
            "E": self.time(now_ns),
            "s": symbol,
            "p": figures["change"],
            "P": figures["percent"],
            "w": figures["average"],
            "x": self.price(listing, day.open_ticks),
            "c": self.price(listing, day.last_ticks),
            "Q": self.quantity(listing, day.last_lots),
            "b": self.price(listing, top.bid_ticks),
            "B": self.quantity(listing, top.bid_lots),
            "a": self.price(listing, top.ask_ticks),
            "A": self.quantity(listing, top.ask_lots),
        } | self._day_tail(listing, day, figures["quote_volume"])

    def _day_tail(self, listing: SimListing, day: DayTicker, quote_volume: str) -> Fields:
        return {
            "o": self.price(listing, day.open_ticks),
            "h": self.price(listing, day.high_ticks),
            "l": self.price(listing, day.low_ticks),
            "v": self.quantity(listing, day.volume_lots),
            "q": quote_volume,
            "O": self.time(day.open_ms * 1_000_000),
            "C": self.time(day.close_ms * 1_000_000),
            "F": day.first_trade_id,
            "L": day.last_trade_id,
            "n": day.trades,
        }

    def mini_ticker(self, symbol: str, listing: SimListing, now_ns: int) -> Fields:
        """A 24 h mini ticker frame."""
        return mini_ticker(self, symbol, listing, now_ns)


class FuturesShape(_Common):
    """USDT-margined futures data."""

    def price(self, listing: SimListing, ticks: int) -> str:
        """Ticks as text."""
        return listing.price_text(ticks, futures_decimals(listing)[0])

    def quantity(self, listing: SimListing, lots: int) -> str:
        """Lots as text."""
        return listing.lots_text(lots, futures_decimals(listing)[1])

    def amount(self, listing: SimListing, value: Decimal) -> str:
        """An amount of quote currency as text."""
        return f"{value:.{sum(futures_decimals(listing))}f}"

    def book_ticker(self, symbol: str, listing: SimListing, top: Top, now_ns: int) -> Fields:
        """A best bid and ask frame."""
        return {
            "e": "bookTicker",
            "u": top.update_id,
            "E": self.time(now_ns),
            "T": self.time(top.ts_ns),
            "s": symbol,
            "ps": symbol,
            "b": self.price(listing, top.bid_ticks),
            "B": self.quantity(listing, top.bid_lots),
            "a": self.price(listing, top.ask_ticks),
            "A": self.quantity(listing, top.ask_lots),
            "st": 1,
        }

    def depth(self, symbol: str, listing: SimListing, delta: DepthDelta, now_ns: int) -> Fields:
        """A depth diff frame."""
        return {
            "e": "depthUpdate",
            "E": self.time(now_ns),
            "T": self.time(delta.ts_ns),
            "s": symbol,
            "ps": symbol,
            "U": delta.first_id,
            "u": delta.last_id,
            "pu": delta.previous_id,
            "b": levels(self, listing, delta.bids),
            "a": levels(self, listing, delta.asks),
            "st": 1,
        }

    def partial(self, symbol: str, listing: SimListing, book: BookSnapshot, now_ns: int) -> Fields:
        """A frame of the top levels."""
        # The partial stream has the shape of a diff with the full top levels each time.
        whole = DepthDelta(book.update_id, book.update_id, book.update_id - 1, book.bids, book.asks, book.ts_ns)
        return self.depth(symbol, listing, whole, now_ns)

    def trade(self, symbol: str, listing: SimListing, trade: TradePrint, now_ns: int) -> Fields:
        """A trade frame."""
        return {
            "e": "trade",
            "E": self.time(now_ns),
            "T": self.time(trade.ts_ns),
            "s": symbol,
            "t": trade.trade_id,
            "p": self.price(listing, trade.price_ticks),
            "q": self.quantity(listing, trade.lots),
            "X": "MARKET",
            "m": trade.taker_side is Side.SELL,
        }

    def aggregate(self, symbol: str, listing: SimListing, trade: AggregateTrade, now_ns: int) -> Fields:
        """An aggregate trade frame."""
        row = self.aggregate_row(listing, trade)
        return {"e": "aggTrade", "E": self.time(now_ns), "s": symbol} | row | {"st": 1}

    def aggregate_row(self, listing: SimListing, trade: AggregateTrade) -> Fields:
        """An aggregate trade as REST has it; nq is the quantity without retail-price-improvement trades."""
        quantity = self.quantity(listing, trade.lots)
        return {
            "a": trade.aggregate_id,
            "p": self.price(listing, trade.price_ticks),
            "q": quantity,
            "nq": quantity,
            "f": trade.first_trade_id,
            "l": trade.last_trade_id,
            "T": self.time(trade.ts_ns),
            "m": trade.taker_side is Side.SELL,
        }

    def kline(self, symbol: str, listing: SimListing, row: Kline, name: str, is_closed: bool, now_ns: int) -> Fields:
        """A kline frame."""
        return {
            "e": "kline",
            "E": self.time(now_ns),
            "s": symbol,
            "ps": symbol,
            "k": kline_fields(self, symbol, listing, row, name, is_closed),
            "st": 1,
        }

    def ticker(self, symbol: str, listing: SimListing, now_ns: int) -> Fields:
        """A 24 h ticker frame."""
        day = listing.day()
        figures = day_figures(self, listing, day)
        return {
            "e": "24hrTicker",
            "E": self.time(now_ns),
            "s": symbol,
            "ps": symbol,
            "p": figures["change"],
            "P": figures["percent"],
            "w": figures["average"],
            "c": self.price(listing, day.last_ticks),
            "Q": self.quantity(listing, day.last_lots),
            "o": self.price(listing, day.open_ticks),
            "h": self.price(listing, day.high_ticks),
            "l": self.price(listing, day.low_ticks),
            "v": self.quantity(listing, day.volume_lots),
            "q": figures["quote_volume"],
            "O": day.open_ms,
            "C": day.close_ms,
            "F": day.first_trade_id,
            "L": day.last_trade_id,
            "n": day.trades,
            "st": 1,
        }

    def mini_ticker(self, symbol: str, listing: SimListing, now_ns: int) -> Fields:
        """A 24 h mini ticker frame."""
        return mini_ticker(self, symbol, listing, now_ns) | {"ps": symbol, "st": 1}


def mini_ticker(shape: Shape, symbol: str, listing: SimListing, now_ns: int) -> Fields:
    """A 24 h mini ticker frame."""
    day = listing.day()
    return {
        "e": "24hrMiniTicker",
        "E": shape.time(now_ns),
        "s": symbol,
        "c": shape.price(listing, day.last_ticks),
        "o": shape.price(listing, day.open_ticks),
        "h": shape.price(listing, day.high_ticks),
        "l": shape.price(listing, day.low_ticks),
        "v": shape.quantity(listing, day.volume_lots),
        "q": shape.amount(listing, day.quote_volume),
    }


def kline_fields(shape: Shape, symbol: str, listing: SimListing, row: Kline, name: str, is_closed: bool) -> Fields:
    """The inner object of a kline frame."""
    return {
        "t": shape.time(row.open_ms * 1_000_000),
        "T": shape.time(row.close_ms * 1_000_000),
        "s": symbol,
        "i": name,
        "f": row.first_trade_id,
        "L": row.last_trade_id,
        "o": shape.price(listing, row.open_ticks),
        "c": shape.price(listing, row.close_ticks),
        "h": shape.price(listing, row.high_ticks),
        "l": shape.price(listing, row.low_ticks),
        "v": shape.quantity(listing, row.volume_lots),
        "n": row.trades,
        "x": is_closed,
        "q": shape.amount(listing, listing.quote_amount(1, row.notional)),
        "V": shape.quantity(listing, row.taker_buy_lots),
        "Q": shape.amount(listing, listing.quote_amount(1, row.taker_buy_notional)),
        "B": "0",
    }
