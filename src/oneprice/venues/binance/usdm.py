"""Binance USDT-margined perpetuals (USDⓈ-M), as of 2026-07.

Each stream belongs to one path, `/public` or `/market`; on the wrong one it is acknowledged and stays silent.
"""

from __future__ import annotations

from oneprice.model import MarketKind
from oneprice.venues.binance.errors import USDM_ERRORS
from oneprice.venues.binance.facts import ChannelFacts, Facts
from oneprice.venues.binance.rules import usdm_listings
from oneprice.venues.binance.streams import MARKET_RAW, PUBLIC_RAW, USDM_SNAPSHOT
from oneprice.venues.kit import Budget, Channel, StreamLimits, Support, wrapped

USDM = Facts(
    kind=MarketKind.USDM,
    rest_url="https://fapi.binance.com",
    stream_url="wss://fstream.binance.com",
    stream_paths={"public": "/public/stream", "market": "/market/stream"},
    prefix="/fapi/v1",
    budgets={"default": Budget(2_400, 60.0), "funding": Budget(500, 300.0)},
    limits=StreamLimits(
        subscriptions_per_connection=200,  # older documents; newer ones allow 1,024
        names_per_message=100,
        messages_per_s=8.0,  # of 10: the transport's pongs count too
        connects=Budget(300, 300.0),
        lifetime_s=86_400.0,
    ),
    taker_fee_bps=5.0,
    weights={"/trades": 5},
    tickers_weight=40,
    quotes_weight=5,
    depth=((5, 2), (10, 2), (20, 2), (50, 2), (100, 5), (500, 10), (1_000, 20)),
    depth_exact=True,
    klines=((99, 1), (499, 2), (1_000, 5)),
    read_listings=usdm_listings,
    errors=USDM_ERRORS,
    streams={"public": wrapped(PUBLIC_RAW, "data"), "market": wrapped(MARKET_RAW, "data")},
    snapshot=USDM_SNAPSHOT,
    channels={
        Channel.DEPTH: ChannelFacts("depth@100ms", "public", ("depth",)),
        Channel.QUOTE: ChannelFacts("bookTicker", "public", ("quote",)),
        Channel.TRADES: ChannelFacts("trade", "public", ("trades", "trades_unmarked")),
    },
    capabilities=(
        Support("listings", True, "exchangeInfo; PERPETUAL in USDT, ticks and lots from the filters"),
        Support("order book", True, "up to 1,000 levels a side"),
        Support("ticker", True, "24 h, without best bid and ask"),
        Support("tickers", True, "24 h of the whole market, without best bid and ask"),
        Support("quotes", True, "whole market"),
        Support("trades", True, "the last 1,000"),
        Support("klines", True, "all intervals, 1,000 candles"),
        Support("funding", True, "premiumIndex; intervals other than 8 h from fundingInfo"),
        Support("funding history", True, "the last 1,000 settlements, without intervals"),
        Support("stream: depth", True, "changes every 100 ms, whole book by REST"),
        Support("stream: quote", True, "real time, numbered as the depth changes are"),
        Support("stream: trades", True, "real time; without insurance fund and deleveraging"),
    ),
    pays_funding=True,
)
