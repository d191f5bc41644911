"""Gate's public websocket channels of USDT perpetuals (`futures.*` on `/v4/ws/usdt`).

Results are lists where spot's are objects (trades, tickers, candlesticks). A connection whose handshake had
`X-Gate-Size-Decimal: 1` gets sizes as decimal strings, so each stream exists in two forms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from oneprice.sim.connection import Topic
from oneprice.sim.dialects.gate.depth import DepthUpdate
from oneprice.sim.dialects.gate.futures_rest import contract_size, signed_lots, ticker_fields
from oneprice.sim.dialects.gate.listed import INTERVALS_MS, name_of, plain
from oneprice.sim.dialects.gate.obu import obu_stream
from oneprice.sim.dialects.gate.session import ArgumentError, ChannelTable, Stream
from oneprice.sim.dialects.gate.streams import Attach, DepthPlan, DepthSource, StreamBook, exactly, some
from oneprice.sim.engine import TradePrint
from oneprice.sim.market import SimListing, SimMarket, Top
from oneprice.sim.server import SimServer

__all__ = ["FuturesStreams"]

_UPDATE_PLANS: Final = {
    ("100ms", "100"): DepthPlan(100, 100, whole_every_frames=3_000),
    ("100ms", "50"): DepthPlan(50, 100, whole_every_frames=3_000),
    ("100ms", "20"): DepthPlan(20, 100, whole_every_frames=3_000),
    ("20ms", "20"): DepthPlan(20, 20, whole_every_frames=15_000),
}
_TICKER_MS: Final = 1_000
_KLINE_MS: Final = 1_000

Source = Callable[[SimListing, bool], Attach]


class FuturesStreams:
    """Plans the streams of each perpetual channel from a subscription's payload."""

    def __init__(self, server: SimServer, market: SimMarket) -> None:
        self._book = StreamBook(server, "futures", market, "unknown contract")

    def channels(self) -> ChannelTable:
        """What can be subscribed, by channel name."""
        return {
            "futures.book_ticker": self._per_contract("book_ticker", self._top_source),
            "futures.trades": self._per_contract("trades", self._trade_source),
            "futures.tickers": self._per_contract("tickers", self._ticker_source),
            "futures.order_book_update": self._updates,
            "futures.obu": lambda payload, _: [obu_stream(self._book, text) for text in some(payload)],
            "futures.candlesticks": self._candlesticks,
        }

    def _per_contract(self, channel: str, source: Source) -> Callable[[Sequence[str], bool], list[Stream]]:
        def plan(payload: Sequence[str], decimal: bool) -> list[Stream]:
            listings = [self._book.listing(name) for name in some(payload)]
            return [
                self._book.plain_stream(
                    f"futures.{channel}:{name_of(listing)}{_form(decimal)}", source(listing, decimal)
                )
                for listing in listings
            ]

        return plan

    def _updates(self, payload: Sequence[str], decimal: bool) -> list[Stream]:
        """The third item, the number of levels, is 100 when left out."""
        name, speed, levels = exactly([*payload, "100"] if len(payload) == 2 else payload, 3)
        plan = _UPDATE_PLANS.get((speed, levels))
        if plan is None:
            raise ArgumentError(f"invalid interval or level: {speed}, {levels}")
        listing = self._book.listing(name)

        def frame(update: DepthUpdate, changed_ms: int, whole: bool) -> str:
            result: dict[str, object] = {
                "t": changed_ms,
                "s": name,
                "U": update.first_id,
                "u": update.last_id,
                "b": _levels(listing, update.bids, decimal),
                "a": _levels(listing, update.asks, decimal),
                "l": levels,
            }
            return self._book.frame("order_book_update", {"full": True} | result if whole else result)

        def make(topic: str) -> Stream:
            return Stream(DepthSource(self._book.server, topic, listing, plan, frame).topic)

        return [self._book.stream(f"futures.order_book_update:{name}:{speed}:{levels}{_form(decimal)}", make)]

    def _top_source(self, listing: SimListing, decimal: bool) -> Attach:
        """The best bid and ask at every change; an empty side has the price ""."""

        def attach(topic: Topic) -> Callable[[], None]:
            def push(top: Top) -> None:
                topic.publish(self._book.frame("book_ticker", _top(listing, top, decimal)))

            listing.on_top.append(push)
            return lambda: listing.on_top.remove(push)

        return attach

    def _trade_source(self, listing: SimListing, decimal: bool) -> Attach:
        def attach(topic: Topic) -> Callable[[], None]:
            def push(trade: TradePrint) -> None:
                topic.publish(self._book.frame("trades", [_trade(listing, trade, decimal)]))

            listing.on_trade.append(push)
            return lambda: listing.on_trade.remove(push)

        return attach

    def _ticker_source(self, listing: SimListing, decimal: bool) -> Attach:
        return self._book.periodic(_TICKER_MS, "tickers", lambda: [ticker_fields(listing, decimal=decimal)])

    def _candlesticks(self, payload: Sequence[str], decimal: bool) -> list[Stream]:
        interval, name = exactly(payload, 2)
        interval_ms = INTERVALS_MS.get(interval)
        if interval_ms is None:
            raise ArgumentError(f"invalid interval: {interval}")
        listing = self._book.listing(name)

        def result() -> object:
            row = listing.klines(interval_ms, 1)[-1]
            return [
                {
                    "t": row.open_ms // 1_000,
                    "v": contract_size(listing, row.volume_lots, decimal=decimal),
                    "c": listing.price_text(row.close_ticks),
                    "h": listing.price_text(row.high_ticks),
                    "l": listing.price_text(row.low_ticks),
                    "o": listing.price_text(row.open_ticks),
                    "n": f"{interval}_{name}",
                    "a": plain(listing.quote_amount(1, row.notional)),
                    "w": False,
                }
            ]

        source = self._book.periodic(_KLINE_MS, "candlesticks", result)
        return [self._book.plain_stream(f"futures.candlesticks:{name}:{interval}{_form(decimal)}", source)]


def _form(decimal: bool) -> str:
    return ":decimal" if decimal else ""


def _levels(listing: SimListing, levels: list[tuple[int, int]], decimal: bool) -> list[dict[str, object]]:
    return [
        {"p": listing.price_text(price), "s": contract_size(listing, lots, decimal=decimal)} for price, lots in levels
    ]


def _top(listing: SimListing, top: Top, decimal: bool) -> dict[str, object]:
    return {
        "t": top.ts_ns // 1_000_000,
        "u": top.update_id,
        "s": name_of(listing),
        "b": listing.price_text(top.bid_ticks) if top.bid_lots else "",
        "B": contract_size(listing, top.bid_lots, decimal=decimal),
        "a": listing.price_text(top.ask_ticks) if top.ask_lots else "",
        "A": contract_size(listing, top.ask_lots, decimal=decimal),
    }


def _trade(listing: SimListing, trade: TradePrint, decimal: bool) -> dict[str, object]:
    return {
        "id": trade.trade_id,
        "create_time": trade.ts_ns // 1_000_000_000,
        "create_time_ms": trade.ts_ns // 1_000_000,
        "contract": name_of(listing),
        "size": contract_size(listing, signed_lots(trade), decimal=decimal),
        "price": listing.price_text(trade.price_ticks),
        "is_internal": False,
    }
