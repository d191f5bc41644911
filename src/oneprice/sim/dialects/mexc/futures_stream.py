"""What MEXC's websocket of USDT perpetuals pushes.

Depth is merged by default (a push names the versions `begin`..`end` it holds); with `"compress": false` each
version is a push of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from oneprice.sim.connection import Topic
from oneprice.sim.dialects.mexc.futures_rest import changed_levels, deal, levels, ticker
from oneprice.sim.dialects.mexc.listed import (
    CONTRACT_INTERVALS_MS,
    contract_symbol,
    figure,
    price,
    volume,
)
from oneprice.sim.engine import BookChange, Side, TradePrint
from oneprice.sim.market import DepthFeed, SimListing, SimMarket
from oneprice.sim.server import SimServer

__all__ = ["FuturesStreams", "RefusedError", "SubscriptionParam"]

_MERGE_MS: Final = 100
_FULL_DEPTH_MS: Final = 100
_DEAL_MS: Final = 10
_TICKER_MS: Final = 1_000
_FUNDING_MS: Final = 5_000
_FULL_LEVELS: Final = frozenset({5, 10, 20})

Attach = Callable[[Topic], Callable[[], None]]


class RefusedError(Exception):
    """The subscription is answered by `rs.error` with this text."""


class SubscriptionParam(msgspec.Struct):
    """The `param` of a subscription; which fields count depends on the method."""

    symbol: str = ""
    compress: bool = True
    limit: int = 20
    interval: str = ""


class FuturesStreams:
    """The topics of the perpetual market."""

    def __init__(self, server: SimServer, market: SimMarket) -> None:
        self._server = server
        self._listings = {contract_symbol(listing): listing for listing in market.listings.values()}
        self._topics: dict[str, Topic] = {}

    def topic(self, stream: str, param: SubscriptionParam) -> Topic:
        """The topic of `sub.<stream>`. Raises RefusedError for an unknown one."""
        if stream in ("tickers", "contract"):
            return self._kept(stream, self._tickers if stream == "tickers" else _nothing_to_tell)
        sources: Mapping[str, Callable[[SimListing, SubscriptionParam], tuple[str, Attach]]] = {
            "depth": self._depth,
            "depth.full": self._depth_full,
            "deal": self._deal,
            "ticker": self._ticker,
            "kline": self._kline,
            "funding.rate": self._funding_rate,
            "index.price": self._index_price,
            "fair.price": self._fair_price,
        }
        source = sources.get(stream)
        if source is None:
            raise RefusedError(f"Unknown method sub.{stream}")
        listing = self._listings.get(param.symbol)
        if listing is None:
            raise RefusedError("Contract doesn't exist!")
        form, attach = source(listing, param)
        return self._kept(f"{stream}:{param.symbol}{form}", attach)

    def _kept(self, name: str, attach: Attach) -> Topic:
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = Topic(name, attach)
        return topic

    def _frame(self, channel: str, data: object, symbol: str | None = None) -> str:
        named = {} if symbol is None else {"symbol": symbol}
        frame = named | {"data": data, "channel": f"push.{channel}", "ts": self._server.now_ms()}
        return msgspec.json.encode(frame).decode()

    def _periodic(self, listing: SimListing, interval_ms: int, channel: str, data: Callable[[], object]) -> Attach:
        symbol = contract_symbol(listing)

        def attach(topic: Topic) -> Callable[[], None]:
            return self._server.every(interval_ms, lambda _: topic.publish(self._frame(channel, data(), symbol)))

        return attach

    # ---- depth ----------------------------------------------------------------------------------------

    def _depth(self, listing: SimListing, param: SubscriptionParam) -> tuple[str, Attach]:
        return ("", self._merged(listing)) if param.compress else (":single", self._single(listing))

    def _merged(self, listing: SimListing) -> Attach:
        """`begin` and `end` are left out where a push holds one version only."""

        def attach(topic: Topic) -> Callable[[], None]:
            feed = DepthFeed(listing)

            def push(now_ns: int) -> None:
                delta = feed.take()
                if delta is None:
                    return
                data: dict[str, object] = {
                    "asks": levels(listing, Side.SELL, delta.asks),
                    "bids": levels(listing, Side.BUY, delta.bids),
                    "version": delta.last_id,
                    "cts": delta.ts_ns // 1_000_000,
                }
                if delta.first_id != delta.last_id:
                    data |= {"begin": delta.first_id, "end": delta.last_id}
                topic.publish(self._frame("depth", data, contract_symbol(listing)), is_diff=True)

            stop_timer = self._server.every(_MERGE_MS, push)

            def stop() -> None:
                stop_timer()
                feed.close()

            return stop

        return attach

    def _single(self, listing: SimListing) -> Attach:
        def attach(topic: Topic) -> Callable[[], None]:
            def push(change: BookChange) -> None:
                data = {"cts": change.ts_ns // 1_000_000} | changed_levels(listing, change)
                data["version"] = change.update_id
                topic.publish(self._frame("depth", data, contract_symbol(listing)), is_diff=True)

            listing.on_book.append(push)
            return lambda: listing.on_book.remove(push)

        return attach

    def _depth_full(self, listing: SimListing, param: SubscriptionParam) -> tuple[str, Attach]:
        limit = param.limit
        if limit not in _FULL_LEVELS:
            raise RefusedError(f"Unknown limit {limit}")

        def attach(topic: Topic) -> Callable[[], None]:
            sent_id = 0

            def push(now_ns: int) -> None:
                nonlocal sent_id
                snapshot = listing.snapshot(limit)
                if snapshot.update_id == sent_id:
                    return
                sent_id = snapshot.update_id
                data = {
                    "asks": levels(listing, Side.SELL, snapshot.asks),
                    "bids": levels(listing, Side.BUY, snapshot.bids),
                    "version": snapshot.update_id,
                }
                topic.publish(self._frame("depth.full", data, contract_symbol(listing)))

            return self._server.every(_FULL_DEPTH_MS, push)

        return f":{limit}", attach

    # ---- everything else ------------------------------------------------------------------------------

    def _deal(self, listing: SimListing, param: SubscriptionParam) -> tuple[str, Attach]:
        def attach(topic: Topic) -> Callable[[], None]:
            gathered: list[TradePrint] = []

            def hear(trade: TradePrint) -> None:
                gathered.append(trade)

            def push(now_ns: int) -> None:
                if gathered:
                    data = [deal(listing, trade) | {"cts": str(trade.ts_ns // 1_000_000)} for trade in gathered]
                    gathered.clear()
                    topic.publish(self._frame("deal", data, contract_symbol(listing)))

            listing.on_trade.append(hear)
            stop_timer = self._server.every(_DEAL_MS, push)

            def stop() -> None:
                stop_timer()
                listing.on_trade.remove(hear)

            return stop

        return "", attach

    def _ticker(self, listing: SimListing, param: SubscriptionParam) -> tuple[str, Attach]:
        return "", self._periodic(listing, _TICKER_MS, "ticker", lambda: ticker(listing, self._server.now_ms()))

    def _tickers(self, topic: Topic) -> Callable[[], None]:
        def push(now_ns: int) -> None:
            rows = [ticker(listing, now_ns // 1_000_000) for listing in self._listings.values()]
            topic.publish(self._frame("tickers", rows))

        return self._server.every(_TICKER_MS, push)

    def _kline(self, listing: SimListing, param: SubscriptionParam) -> tuple[str, Attach]:
        interval = param.interval
        interval_ms = CONTRACT_INTERVALS_MS.get(interval)
        if interval_ms is None:
            raise RefusedError(f"Unknown interval {interval}")

        def data() -> object:
            row = listing.klines(interval_ms, 1)[-1]
            opening, closing = price(listing, row.open_ticks), price(listing, row.close_ticks)
            high, low = price(listing, row.high_ticks), price(listing, row.low_ticks)
            return {
                "symbol": contract_symbol(listing),
                "interval": interval,
                "t": row.open_ms // 1_000,
                "o": opening,
                "c": closing,
                "h": high,
                "l": low,
                "a": figure(listing.quote_amount(1, row.notional), 5),
                "q": volume(listing, row.volume_lots),
                "ro": opening,
                "rc": closing,
                "rh": high,
                "rl": low,
            }

        return f":{interval}", self._periodic(listing, _TICKER_MS, "kline", data)

    def _funding_rate(self, listing: SimListing, param: SubscriptionParam) -> tuple[str, Attach]:
        def data() -> object:
            funding = listing.funding()
            return {
                "symbol": contract_symbol(listing),
                "rate": figure(funding.rate, 6),
                "nextSettleTime": funding.next_funding_ms,
            }

        return "", self._periodic(listing, _FUNDING_MS, "funding.rate", data)

    def _index_price(self, listing: SimListing, param: SubscriptionParam) -> tuple[str, Attach]:
        return "", self._periodic(
            listing, _TICKER_MS, "index.price", lambda: _reference(listing, listing.funding().index)
        )

    def _fair_price(self, listing: SimListing, param: SubscriptionParam) -> tuple[str, Attach]:
        return "", self._periodic(
            listing, _TICKER_MS, "fair.price", lambda: _reference(listing, listing.funding().mark)
        )


def _reference(listing: SimListing, value: float) -> dict[str, object]:
    return {"symbol": contract_symbol(listing), "price": figure(value, listing.price_scale.decimals + 1)}


def _nothing_to_tell(topic: Topic) -> Callable[[], None]:
    """`sub.contract` tells changes of contract rules, of which the simulation has none."""
    return lambda: None
