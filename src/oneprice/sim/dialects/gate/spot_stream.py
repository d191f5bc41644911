"""Gate's public spot websocket channels (`spot.*` on `/ws/v4/`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from oneprice.sim.connection import Topic
from oneprice.sim.dialects.gate.depth import DepthUpdate
from oneprice.sim.dialects.gate.listed import INTERVALS_MS, name_of, plain
from oneprice.sim.dialects.gate.obu import level_texts, obu_stream
from oneprice.sim.dialects.gate.session import ArgumentError, ChannelTable, Stream
from oneprice.sim.dialects.gate.spot_rest import day_fields
from oneprice.sim.dialects.gate.streams import Attach, DepthPlan, DepthSource, StreamBook, exactly, some
from oneprice.sim.engine import Side, TradePrint
from oneprice.sim.market import SimListing, SimMarket, Top
from oneprice.sim.server import SimServer

__all__ = ["SpotStreams"]

_UPDATE_PLANS: Final = {
    "100ms": DepthPlan(100, 100, whole_every_frames=3_000),
    "20ms": DepthPlan(20, 20, whole_every_frames=15_000),
}
_SNAPSHOT_LEVELS: Final = ("5", "10", "20", "50", "100")
_SNAPSHOT_MS: Final = {"100ms": 100, "1000ms": 1_000}
_TOP_MS: Final = 10
_TICKER_MS: Final = 1_000
_KLINE_MS: Final = 1_000


class SpotStreams:
    """Plans the streams of each spot channel from a subscription's payload."""

    def __init__(self, server: SimServer, market: SimMarket) -> None:
        self._book = StreamBook(server, "spot", market, "unknown currency pair")

    def channels(self) -> ChannelTable:
        """What can be subscribed, by channel name."""
        return {
            "spot.book_ticker": self._per_pair("book_ticker", self._top_source),
            "spot.trades": self._per_pair("trades", self._trade_source),
            "spot.tickers": self._per_pair("tickers", self._ticker_source),
            "spot.order_book_update": self._updates,
            "spot.order_book": self._snapshots,
            "spot.obu": lambda payload, _: [obu_stream(self._book, text) for text in some(payload)],
            "spot.candlesticks": self._candlesticks,
        }

    def _per_pair(
        self, channel: str, source: Callable[[SimListing], Attach]
    ) -> Callable[[Sequence[str], bool], list[Stream]]:
        def plan(payload: Sequence[str], decimal: bool) -> list[Stream]:
            listings = [self._book.listing(name) for name in some(payload)]
            return [
                self._book.plain_stream(f"spot.{channel}:{name_of(listing)}", source(listing)) for listing in listings
            ]

        return plan

    # ---- depth ----------------------------------------------------------------------------------------

    def _updates(self, payload: Sequence[str], decimal: bool) -> list[Stream]:
        name, speed = exactly(payload, 2)
        plan = _UPDATE_PLANS.get(speed)
        if plan is None:
            raise ArgumentError(f"invalid interval: {speed}")
        listing = self._book.listing(name)

        def frame(update: DepthUpdate, changed_ms: int, whole: bool) -> str:
            result: dict[str, object] = {
                "t": changed_ms,
                "l": str(plan.depth),
                "e": "depthUpdate",
                "E": self._book.server.now_ms() // 1_000,
                "s": name,
                "U": update.first_id,
                "u": update.last_id,
                "b": level_texts(listing, update.bids),
                "a": level_texts(listing, update.asks),
            }
            return self._book.frame("order_book_update", {"full": True} | result if whole else result)

        def make(topic: str) -> Stream:
            return Stream(DepthSource(self._book.server, topic, listing, plan, frame).topic)

        return [self._book.stream(f"spot.order_book_update:{name}:{speed}", make)]

    def _snapshots(self, payload: Sequence[str], decimal: bool) -> list[Stream]:
        name, levels, speed = exactly(payload, 3)
        if levels not in _SNAPSHOT_LEVELS or speed not in _SNAPSHOT_MS:
            raise ArgumentError(f"invalid level or interval: {levels}, {speed}")
        listing = self._book.listing(name)

        def result() -> object:
            snapshot = listing.snapshot(int(levels))
            return {
                "t": snapshot.ts_ns // 1_000_000,
                "lastUpdateId": snapshot.update_id,
                "s": name,
                "l": levels,
                "bids": level_texts(listing, snapshot.bids),
                "asks": level_texts(listing, snapshot.asks),
            }

        source = self._book.periodic(_SNAPSHOT_MS[speed], "order_book", result)
        return [self._book.plain_stream(f"spot.order_book:{name}:{levels}:{speed}", source)]

    # ---- everything else ------------------------------------------------------------------------------

    def _top_source(self, listing: SimListing) -> Attach:
        """The best bid and ask every 10 ms in which they changed."""

        def attach(topic: Topic) -> Callable[[], None]:
            sent: Top | None = None

            def push(now_ns: int) -> None:
                nonlocal sent
                top = listing.top
                if top is not sent:
                    sent = top
                    topic.publish(self._book.frame("book_ticker", _top(listing, top)))

            return self._book.server.every(_TOP_MS, push)

        return attach

    def _trade_source(self, listing: SimListing) -> Attach:
        def attach(topic: Topic) -> Callable[[], None]:
            def push(trade: TradePrint) -> None:
                topic.publish(self._book.frame("trades", _trade(listing, trade)))

            listing.on_trade.append(push)
            return lambda: listing.on_trade.remove(push)

        return attach

    def _ticker_source(self, listing: SimListing) -> Attach:
        return self._book.periodic(_TICKER_MS, "tickers", lambda: day_fields(listing))

    def _candlesticks(self, payload: Sequence[str], decimal: bool) -> list[Stream]:
        interval, name = exactly(payload, 2)
        interval_ms = INTERVALS_MS.get(interval)
        if interval_ms is None:
            raise ArgumentError(f"invalid interval: {interval}")
        listing = self._book.listing(name)

        def result() -> object:
            row = listing.klines(interval_ms, 1)[-1]
            return {
                "t": str(row.open_ms // 1_000),
                "v": plain(listing.quote_amount(1, row.notional)),
                "c": listing.price_text(row.close_ticks),
                "h": listing.price_text(row.high_ticks),
                "l": listing.price_text(row.low_ticks),
                "o": listing.price_text(row.open_ticks),
                "n": f"{interval}_{name}",
                "a": listing.lots_text(row.volume_lots),
                "w": False,
            }

        source = self._book.periodic(_KLINE_MS, "candlesticks", result)
        return [self._book.plain_stream(f"spot.candlesticks:{name}:{interval}", source)]


def _top(listing: SimListing, top: Top) -> dict[str, object]:
    return {
        "t": top.ts_ns // 1_000_000,
        "u": top.update_id,
        "s": name_of(listing),
        "b": listing.price_text(top.bid_ticks) if top.bid_lots else "",
        "B": listing.lots_text(top.bid_lots),
        "a": listing.price_text(top.ask_ticks) if top.ask_lots else "",
        "A": listing.lots_text(top.ask_lots),
    }


def _trade(listing: SimListing, trade: TradePrint) -> dict[str, object]:
    return {
        "id": trade.trade_id,
        "id_market": trade.trade_id - listing.first_trade_id + 1,
        "create_time": trade.ts_ns // 1_000_000_000,
        "create_time_ms": f"{trade.ts_ns // 1_000_000}.{trade.ts_ns // 1_000 % 1_000:03d}",
        "side": "buy" if trade.taker_side is Side.BUY else "sell",
        "currency_pair": name_of(listing),
        "amount": listing.lots_text(trade.lots),
        "price": listing.price_text(trade.price_ticks),
        "range": f"{trade.trade_id}-{trade.trade_id}",
    }
