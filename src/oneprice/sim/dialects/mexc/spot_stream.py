"""MEXC's public spot channels: what each pushes, as protobuf frames.

A channel is `spot@public.<kind>.v3.api.pb@..`; its parts name speed, symbol, depth or interval. Speeds are
10ms and 100ms. Channels without `.pb` and the kinds without `aggre` are retired.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from oneprice.sim.connection import Topic
from oneprice.sim.dialects.mexc.listed import (
    SPOT_STREAM_INTERVALS_MS,
    plain,
    spot_symbol,
    trade_type,
)
from oneprice.sim.dialects.mexc.protobuf import Value, encode
from oneprice.sim.engine import Side, TradePrint
from oneprice.sim.market import DepthDelta, DepthFeed, SimListing, SimMarket, Top
from oneprice.sim.server import SimServer

__all__ = ["SpotStreams"]

_SPEEDS_MS: Final = {"10ms": 10, "100ms": 100}
_LIMITS: Final = {"5": 5, "10": 10, "20": 20}
_LIMIT_DEPTH_MS: Final = 100
_BATCH_MS: Final = 100
_KLINE_MS: Final = 1_000
_MINI_TICKER_MS: Final = 3_000
_QUIET_NS: Final = 2_000_000_000
_TIME_ZONES: Final = frozenset({"24H", *(f"UTC{offset:+d}" for offset in range(-10, 14))})

Push = Callable[[], None]
Source = Callable[[SimListing, Topic], tuple[Push, Callable[[], None]]]
"""Makes the work of one timer tick of a stream, and what undoes the source."""


class SpotStreams:
    """Finds the topic of a channel string."""

    def __init__(self, server: SimServer, market: SimMarket) -> None:
        self._server = server
        self._listings = {spot_symbol(listing): listing for listing in market.listings.values()}
        self._topics: dict[str, Topic] = {}

    def find(self, channel: str) -> Topic | None:
        """The topic, None when there is no such channel."""
        topic = self._topics.get(channel)
        if topic is None:
            topic = self._make(channel)
            if topic is not None:
                self._topics[channel] = topic
        return topic

    def _make(self, channel: str) -> Topic | None:
        head, _, rest = channel.removeprefix("spot@public.").partition(".v3.api.pb@")
        parts = rest.split("@")
        if not channel.startswith("spot@public.") or not rest:
            return None
        match head, parts:
            case "aggre.depth", [speed, symbol] if speed in _SPEEDS_MS:
                return self._timed(channel, symbol, _SPEEDS_MS[speed], self._depth)
            case "aggre.bookTicker", [speed, symbol] if speed in _SPEEDS_MS:
                return self._timed(channel, symbol, _SPEEDS_MS[speed], self._top)
            case "aggre.deals", [speed, symbol] if speed in _SPEEDS_MS:
                return self._timed(channel, symbol, _SPEEDS_MS[speed], self._deals)
            case "limit.depth", [symbol, limit] if limit in _LIMITS:
                return self._timed(channel, symbol, _LIMIT_DEPTH_MS, self._limit_depth(_LIMITS[limit]))
            case "bookTicker.batch", [symbol]:
                return self._timed(channel, symbol, _BATCH_MS, self._top_batch)
            case "kline", [symbol, interval] if interval in SPOT_STREAM_INTERVALS_MS:
                return self._timed(channel, symbol, _KLINE_MS, self._kline(interval))
            case "miniTicker", [symbol, zone] if zone in _TIME_ZONES:
                return self._timed(channel, symbol, _MINI_TICKER_MS, self._mini_ticker)
            case "miniTickers", [zone] if zone in _TIME_ZONES:
                return self._mini_tickers(channel)
        return None

    def _timed(self, channel: str, symbol: str, interval_ms: int, source: Source) -> Topic | None:
        listing = self._listings.get(symbol)
        if listing is None:
            return None

        def attach(topic: Topic) -> Callable[[], None]:
            push, undo = source(listing, topic)
            stop_timer = self._server.every(interval_ms, lambda _: push())

            def stop() -> None:
                stop_timer()
                undo()

            return stop

        return Topic(channel, attach)

    # ---- sources --------------------------------------------------------------------------------------

    def _depth(self, listing: SimListing, topic: Topic) -> tuple[Push, Callable[[], None]]:
        """Changes of the whole book. A book that rests gets a frame without a body now and then."""
        feed = DepthFeed(listing)
        event_type = topic.name.rpartition("@")[0]
        last_sent_ns = self._server.now_ns()

        def push() -> None:
            nonlocal last_sent_ns
            delta = feed.take()
            if delta is None and self._server.now_ns() - last_sent_ns < _QUIET_NS:
                return
            last_sent_ns = self._server.now_ns()
            body = {} if delta is None else {"publicAggreDepths": _depth_body(listing, delta, event_type)}
            topic.publish(self._frame(topic, listing, body), is_diff=delta is not None)

        return push, feed.close

    def _top(self, listing: SimListing, topic: Topic) -> tuple[Push, Callable[[], None]]:
        sent: Top | None = None

        def push() -> None:
            nonlocal sent
            top = listing.top
            if top is not sent:
                sent = top
                body = _top_body(listing, top) | {"version": str(top.update_id)}
                topic.publish(self._frame(topic, listing, {"publicAggreBookTicker": body}))

        return push, _nothing

    def _top_batch(self, listing: SimListing, topic: Topic) -> tuple[Push, Callable[[], None]]:
        sent: Top | None = None

        def push() -> None:
            nonlocal sent
            top = listing.top
            if top is not sent:
                sent = top
                body: dict[str, Value] = {
                    "items": [_top_body(listing, top)],
                    "version": str(top.update_id),
                }
                topic.publish(self._frame(topic, listing, {"publicBookTickerBatch": body}))

        return push, _nothing

    def _deals(self, listing: SimListing, topic: Topic) -> tuple[Push, Callable[[], None]]:
        gathered: list[TradePrint] = []

        def hear(trade: TradePrint) -> None:
            gathered.append(trade)

        listing.on_trade.append(hear)
        event_type = topic.name.rpartition("@")[0]

        def push() -> None:
            if gathered:
                deals = [_deal(listing, trade) for trade in gathered]
                gathered.clear()
                body: dict[str, Value] = {"deals": deals, "eventType": event_type}
                topic.publish(self._frame(topic, listing, {"publicAggreDeals": body}))

        return push, lambda: listing.on_trade.remove(hear)

    def _limit_depth(self, limit: int) -> Source:
        def source(listing: SimListing, topic: Topic) -> tuple[Push, Callable[[], None]]:
            sent_id = 0
            event_type = topic.name.split("@")[1]

            def push() -> None:
                nonlocal sent_id
                snapshot = listing.snapshot(limit)
                if snapshot.update_id == sent_id:
                    return
                sent_id = snapshot.update_id
                body: dict[str, Value] = {
                    "asks": _items(listing, snapshot.asks),
                    "bids": _items(listing, snapshot.bids),
                    "eventType": f"spot@{event_type}",
                    "version": str(snapshot.update_id),
                }
                topic.publish(self._frame(topic, listing, {"publicLimitDepths": body}))

            return push, _nothing

        return source

    def _kline(self, interval: str) -> Source:
        def source(listing: SimListing, topic: Topic) -> tuple[Push, Callable[[], None]]:
            def push() -> None:
                row = listing.klines(SPOT_STREAM_INTERVALS_MS[interval], 1)[-1]
                body: dict[str, Value] = {
                    "interval": interval,
                    "windowStart": row.open_ms // 1_000,
                    "openingPrice": listing.price_text(row.open_ticks),
                    "closingPrice": listing.price_text(row.close_ticks),
                    "highestPrice": listing.price_text(row.high_ticks),
                    "lowestPrice": listing.price_text(row.low_ticks),
                    "volume": listing.lots_text(row.volume_lots),
                    "amount": plain(listing.quote_amount(1, row.notional)),
                    "windowEnd": (row.open_ms + row.interval_ms) // 1_000,
                }
                topic.publish(self._frame(topic, listing, {"publicSpotKline": body}))

            return push, _nothing

        return source

    def _mini_ticker(self, listing: SimListing, topic: Topic) -> tuple[Push, Callable[[], None]]:
        def push() -> None:
            topic.publish(self._frame(topic, listing, {"publicMiniTicker": _mini_ticker_body(listing)}))

        return push, _nothing

    def _mini_tickers(self, channel: str) -> Topic:
        def attach(topic: Topic) -> Callable[[], None]:
            def push(now_ns: int) -> None:
                items = [_mini_ticker_body(listing) for listing in self._listings.values()]
                topic.publish(self._frame(topic, None, {"publicMiniTickers": {"items": items}}))

            return self._server.every(_MINI_TICKER_MS, push)

        return Topic(channel, attach)

    def _frame(self, topic: Topic, listing: SimListing | None, body: Mapping[str, Value]) -> bytes:
        values: dict[str, Value] = {"channel": topic.name, "sendTime": self._server.now_ms()}
        if listing is not None:
            values["symbol"] = spot_symbol(listing)
        return encode("PushDataV3ApiWrapper", values | dict(body))


def _nothing() -> None:
    """Sources without listeners have nothing to undo."""


def _items(listing: SimListing, levels: list[tuple[int, int]]) -> list[dict[str, Value]]:
    return [{"price": listing.price_text(price), "quantity": listing.lots_text(lots)} for price, lots in levels]


def _depth_body(listing: SimListing, delta: DepthDelta, event_type: str) -> dict[str, Value]:
    return {
        "asks": _items(listing, delta.asks),
        "bids": _items(listing, delta.bids),
        "eventType": event_type,
        "fromVersion": str(delta.first_id),
        "toVersion": str(delta.last_id),
        "lastOrderCreateTime": delta.ts_ns // 1_000_000,
    }


def _top_body(listing: SimListing, top: Top) -> dict[str, Value]:
    return {
        "bidPrice": listing.price_text(top.bid_ticks) if top.bid_lots else "",
        "bidQuantity": listing.lots_text(top.bid_lots) if top.bid_lots else "",
        "askPrice": listing.price_text(top.ask_ticks) if top.ask_lots else "",
        "askQuantity": listing.lots_text(top.ask_lots) if top.ask_lots else "",
    }


def _deal(listing: SimListing, trade: TradePrint) -> dict[str, Value]:
    """The trade's id joins the buyer's and the seller's order ids."""
    maker, taker = trade.maker_order_id, trade.taker_order_id
    buyer, seller = (taker, maker) if trade.taker_side is Side.BUY else (maker, taker)
    run = listing.first_trade_id
    return {
        "price": listing.price_text(trade.price_ticks),
        "quantity": listing.lots_text(trade.lots),
        "tradeType": trade_type(trade),
        "time": trade.ts_ns // 1_000_000,
        "tradeId": f"{run}{buyer:09d}X0_{run}{seller:09d}X0",
    }


def _mini_ticker_body(listing: SimListing) -> dict[str, Value]:
    """`volume` is the turnover in quote, `quantity` the volume in base."""
    day = listing.day()
    rate = f"{(day.last_ticks - day.open_ticks) / day.open_ticks:.4f}"
    return {
        "symbol": spot_symbol(listing),
        "price": listing.price_text(day.last_ticks),
        "rate": rate,
        "zonedRate": rate,
        "high": listing.price_text(day.high_ticks),
        "low": listing.price_text(day.low_ticks),
        "volume": plain(day.quote_volume),
        "quantity": listing.lots_text(day.volume_lots),
        "lastCloseRate": rate,
        "lastCloseZonedRate": rate,
        "lastCloseHigh": listing.price_text(day.high_ticks),
        "lastCloseLow": listing.price_text(day.low_ticks),
    }
