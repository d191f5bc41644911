"""A made-up venue, `toy`: the smallest protocol that has everything that can go wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

from oneprice.core.describe import Condition, Depth, Quote, Snapshot, Stream, Time
from oneprice.errors import ExchangeAPIError, InvalidResponseError, NotSupported, VenueUnavailableError
from oneprice.model import AssetName, ExchangeName, MarketKind, Symbol, SymbolInfo, Ticker
from oneprice.venues.kit import (
    Ack,
    Binding,
    Budget,
    Call,
    Channel,
    Closing,
    Control,
    Pong,
    Refusal,
    Reply,
    Request,
    Response,
    StreamLimits,
    Subscription,
    Support,
)

LIMITS = StreamLimits(
    subscriptions_per_connection=100,
    names_per_message=10,
    messages_per_s=20.0,
    connects=Budget(weight_max=20, seconds=60.0),
    ack_within_s=2.0,
)
STREAM = Stream(
    messages=(
        Depth(
            name="depth",
            when=(Condition(path="U", has=True),),
            symbol="s",
            first=("U",),
            last=("u",),
            bids="b",
            asks="a",
            full_when="full",
            time=Time(path="t", unit="ms"),
        ),
        Quote(
            name="quote",
            when=(Condition(path="bp", has=True),),
            symbol="s",
            bid_price="bp",
            bid_quantity="bq",
            ask_price="ap",
            ask_quantity="aq",
            id=("id",),
            linked=True,
        ),
    )
)


class ToyMarket:
    """Names are `SYMBOL@depth` and `SYMBOL@quote`. With `whole` the stream brings whole books and there is no REST."""

    def __init__(
        self,
        venue: str = "toy",
        kind: MarketKind = MarketKind.SPOT,
        limits: StreamLimits = LIMITS,
        whole: bool = False,
        channels: Sequence[Channel] = (Channel.DEPTH, Channel.QUOTE),
    ) -> None:
        self.venue, self.kind, self.limits, self.whole, self.channels = venue, kind, limits, whole, channels
        self.rest_url = f"http://{venue}-{kind.value}"
        self.stream_urls = {"stream": f"ws://{venue}-{kind.value}"}
        self.stream_headers: Mapping[str, str] = {}
        self.budgets: Mapping[str, Budget] = {}
        self.taker_fee_bps = 1.0
        self.capabilities: Sequence[Support] = ()

    def server_time(self) -> Call[int]:
        return Call(Request(path="/time"), lambda response: int(json.loads(response.body)))

    def listings(self) -> Call[list[SymbolInfo]]:
        def read(response: Response) -> list[SymbolInfo]:
            return [
                SymbolInfo(
                    venue=ExchangeName(self.venue),
                    market=self.kind,
                    symbol=Symbol(AssetName(row["base"]), AssetName(row["quote"]), self.kind is MarketKind.USDM),
                    venue_symbol=row["symbol"],
                    tick_size=Decimal(row["tick"]),
                    lot_size=Decimal(row["lot"]),
                    multiplier=Decimal(row["multiplier"]),
                    tradable=row["tradable"],
                    status="" if row["tradable"] else "BREAK",
                )
                for row in json.loads(response.body)
            ]

        return Call(Request(path="/rules"), read)

    def order_book(self, listing: SymbolInfo, levels: int) -> Call[object]:
        from oneprice.model import BookLevel, OrderBook

        def read(response: Response) -> OrderBook:
            body = json.loads(response.body)
            sides = [tuple(BookLevel(Decimal(p), Decimal(q)) for p, q in body[side]) for side in "ba"]
            return OrderBook(listing.symbol, sides[0], sides[1], body["id"])

        return Call(self.snapshot_request(listing), read)

    def tickers(self, listings: Sequence[SymbolInfo]) -> Call[list[Ticker]]:
        def read(response: Response) -> list[Ticker]:
            prices = json.loads(response.body)
            return [
                Ticker(symbol=listing.symbol, last=Decimal(prices[listing.venue_symbol]))
                for listing in listings
                if listing.venue_symbol in prices
            ]

        return Call(Request(path="/tickers"), read)

    def error(self, response: Response) -> ExchangeAPIError | None:
        return None if response.status == 200 else VenueUnavailableError(self.venue, "not now")

    def stream(self, path: str) -> Stream:
        return STREAM

    def snapshot(self) -> Snapshot | None:
        return None if self.whole else Snapshot(last=("id",), bids="b", asks="a")

    def snapshot_request(self, listing: SymbolInfo) -> Request:
        return Request(path="/depth", query=(("symbol", listing.venue_symbol),))

    def subscription(self, listing: SymbolInfo, channel: Channel) -> Subscription:
        if channel not in self.channels:
            raise NotSupported(f"{self.venue} has no {channel.value}")
        symbol = listing.venue_symbol
        name = f"{symbol}@{channel.value}"
        return Subscription(listing, channel, name, "stream", (Binding(channel.value, symbol),))

    def subscribe(self, names: Sequence[str], number: int, wall_ns: int) -> list[bytes]:
        return [json.dumps({"do": "subscribe", "names": list(names), "n": number}).encode()]

    def unsubscribe(self, names: Sequence[str], number: int, wall_ns: int) -> list[bytes]:
        return [json.dumps({"do": "unsubscribe", "names": list(names), "n": number}).encode()]

    def control(self, payload: bytes, binary: bool) -> list[Control]:
        told = json.loads(payload)
        if "ack" in told:
            return [Ack(told["ack"], told.get("refused", {}))]
        if "pong" in told:
            return [Pong()]
        if "ask" in told:
            return [Reply(b'{"do":"answer"}')]
        if "closing" in told:
            return [Closing(told["closing"])]
        if "error" in told:
            return [Refusal(told["error"])]
        raise InvalidResponseError(self.venue, f"unknown frame {payload[:80]!r}")

    def ping(self, wall_ns: int) -> bytes | None:
        return None
