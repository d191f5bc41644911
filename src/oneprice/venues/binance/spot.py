"""Binance spot, as of 2026-07. Source: binance-spot-api-docs rest-api.md, web-socket-streams.md."""

from __future__ import annotations

from oneprice.model import MarketKind
from oneprice.venues.binance.errors import SPOT_ERRORS
from oneprice.venues.binance.facts import ChannelFacts, Facts
from oneprice.venues.binance.rules import spot_listings
from oneprice.venues.binance.streams import SPOT_RAW, SPOT_SNAPSHOT
from oneprice.venues.kit import Budget, Channel, StreamLimits, Support, wrapped

SPOT = Facts(
    kind=MarketKind.SPOT,
    rest_url="https://api.binance.com",
    stream_url="wss://stream.binance.com:9443",
    stream_paths={"stream": "/stream"},
    prefix="/api/v3",
    budgets={"default": Budget(6_000, 60.0)},
    limits=StreamLimits(
        subscriptions_per_connection=1_024,
        names_per_message=100,
        messages_per_s=4.0,  # of 5: the transport's pongs count too
        connects=Budget(300, 300.0),
        lifetime_s=86_400.0,
    ),
    taker_fee_bps=10.0,
    weights={"/exchangeInfo": 20, "/trades": 25, "/ticker/24hr": 2},
    tickers_weight=80,
    quotes_weight=4,
    depth=((100, 5), (500, 25), (1_000, 50), (5_000, 250)),
    depth_exact=False,
    klines=((1_000, 2),),
    listings_query=(("showPermissionSets", "false"),),  # they are most of the answer, and not used
    read_listings=spot_listings,
    errors=SPOT_ERRORS,
    streams={"stream": wrapped(SPOT_RAW, "data")},
    snapshot=SPOT_SNAPSHOT,
    channels={
        Channel.DEPTH: ChannelFacts("depth@100ms", "stream", ("depth",)),
        Channel.QUOTE: ChannelFacts("bookTicker", "stream", ("quote",)),
        Channel.TRADES: ChannelFacts("trade", "stream", ("trades",)),
    },
    capabilities=(
        Support("listings", True, "exchangeInfo; ticks and lots from the filters"),
        Support("order book", True, "up to 5,000 levels a side"),
        Support("ticker", True, "24 h with best bid and ask"),
        Support("tickers", True, "24 h of the whole market"),
        Support("quotes", True, "whole market, without time"),
        Support("trades", True, "the last 1,000"),
        Support("klines", True, "all intervals, 1,000 candles"),
        Support("funding", False, "spot has none"),
        Support("funding history", False, "spot has none"),
        Support("stream: depth", True, "changes every 100 ms, whole book by REST"),
        Support("stream: quote", True, "real time, numbered as the depth changes are"),
        Support("stream: trades", True, "real time"),
    ),
    pays_funding=False,
)
