"""What every venue owes, asked of each market that discovery finds."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

import oneprice.venues
from oneprice.core import Hub
from oneprice.core.describe import Depth, Quote, Trades, encode
from oneprice.errors import ConfigError, ExchangeAPIError, InvalidResponseError, NotSupported
from oneprice.model import AssetName, ExchangeName, KlineInterval, MarketKind, Symbol, SymbolInfo
from oneprice.venues.kit import (
    CAPABILITIES,
    Call,
    Channel,
    Hosts,
    PublicMarket,
    Request,
    Response,
    Subscription,
    find_venue,
    find_venues,
)

VENUES = find_venues()
MARKETS = [(name, kind) for name, venue in VENUES.items() for kind in venue.markets]
HOSTS = Hosts("http://127.0.0.1:9001", "ws://127.0.0.1:9001")
EXPECTED = {Channel.DEPTH: Depth, Channel.QUOTE: Quote, Channel.TRADES: Trades}
STREAM_ROWS = {channel: f"stream: {channel.value}" for channel in Channel}

every_market = pytest.mark.parametrize(
    ("name", "kind"), MARKETS, ids=[f"{name}-{kind.value}" for name, kind in MARKETS]
)


def market_of(name: str, kind: MarketKind, hosts: Hosts | None = None) -> PublicMarket:
    return VENUES[name].markets[kind](hosts)


def listing_of(market: PublicMarket, base: str = "BTC") -> SymbolInfo:
    """A listing in the venue's own spelling, found by what its fixtures and fact sheet use."""
    joined = {("binance", MarketKind.SPOT), ("binance", MarketKind.USDM), ("mexc", MarketKind.SPOT)}
    glue = "" if (market.venue, market.kind) in joined else "_"
    return SymbolInfo(
        venue=ExchangeName(market.venue),
        market=market.kind,
        symbol=Symbol(AssetName(base), AssetName("USDT"), market.kind is MarketKind.USDM),
        venue_symbol=f"{base}{glue}USDT",
        tick_size=Decimal("0.1"),
        lot_size=Decimal("0.001"),
    )


def subscriptions_of(market: PublicMarket, *bases: str) -> list[Subscription]:
    found = []
    for base in bases:
        for channel in Channel:
            try:
                found.append(market.subscription(listing_of(market, base), channel))
            except NotSupported:
                assert not supported(market)[STREAM_ROWS[channel]]
    return found


def supported(market: PublicMarket) -> Mapping[str, bool]:
    return {row.name: row.supported for row in market.capabilities}


def calls_of(market: PublicMarket) -> list[Call[Any]]:
    """One call of each kind that the market has."""
    listing = listing_of(market)
    makers: list[Callable[[], Call[Any] | None]] = [
        lambda: market.server_time(),
        lambda: market.listings(),
        lambda: market.order_book(listing, 10),
        lambda: market.trades(listing, 10),
        lambda: market.ticker(listing),
        lambda: market.tickers([listing]),
        lambda: market.quotes([listing]),
        lambda: market.klines(listing, KlineInterval.HOUR_1, 10),
        lambda: market.funding(listing),
        lambda: market.funding_history(listing, 10),
        lambda: market.funding_intervals(),
    ]
    found: list[Call[Any]] = []
    for make in makers:
        try:
            call = make()
        except NotSupported:
            continue
        if call is not None:
            found.append(call)
    return found


def test_every_folder_is_found_with_both_markets() -> None:
    folder = Path(oneprice.venues.__path__[0])
    folders = {path.parent.name for path in folder.glob("*/__init__.py")} - {"kit"}
    assert set(VENUES) == folders
    for name, venue in VENUES.items():
        assert venue.name == name
        assert venue.title
        assert set(venue.markets) == set(MarketKind)


def test_an_unknown_venue_is_a_config_error_that_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=", ".join(VENUES)):
        find_venue("nowhere")


def test_no_venue_imports_another_nor_anything_above_the_kit() -> None:
    allowed = ("oneprice.model", "oneprice.errors", "oneprice.venues.kit", "oneprice.core.describe")
    for name in VENUES:
        for path in (Path(oneprice.venues.__path__[0]) / name).rglob("*.py"):
            for module in imported(path):
                own = (*allowed, f"oneprice.venues.{name}")
                assert not module.startswith("oneprice") or module.startswith(own), f"{path.name} imports {module}"
                assert module.partition(".")[0] not in {"time", "asyncio", "socket", "aiohttp", "random"}, path


def imported(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module] if node.module != "oneprice" else [f"oneprice.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return found


@every_market
def test_it_says_who_and_where_it_is(name: str, kind: MarketKind) -> None:
    market = market_of(name, kind)
    assert (market.venue, market.kind) == (name, kind)
    assert market.rest_url.startswith("https://")
    assert not market.rest_url.endswith("/")
    assert market.stream_urls
    assert all(url.startswith("wss://") for url in market.stream_urls.values())
    assert all(isinstance(text, str) for pair in market.stream_headers.items() for text in pair)


@every_market
def test_other_hosts_take_the_place_of_the_venues(name: str, kind: MarketKind) -> None:
    own, other = market_of(name, kind), market_of(name, kind, HOSTS)
    assert other.rest_url == HOSTS.rest
    assert set(other.stream_urls) == set(own.stream_urls)
    for path, url in other.stream_urls.items():
        assert url.startswith(HOSTS.stream)
        assert own.stream_urls[path].endswith(url.removeprefix(HOSTS.stream))


@every_market
def test_the_capability_matrix_has_every_row_once(name: str, kind: MarketKind) -> None:
    rows = market_of(name, kind).capabilities
    assert tuple(row.name for row in rows) == CAPABILITIES
    assert all(row.supported or row.note for row in rows), "what is not supported says why"


@every_market
def test_what_is_not_supported_raises_and_what_is_does_not(name: str, kind: MarketKind) -> None:
    market = market_of(name, kind)
    listing, told = listing_of(market), supported(market)
    asks: dict[str, Callable[[], object]] = {
        "listings": lambda: market.listings(),
        "order book": lambda: market.order_book(listing, 10),
        "ticker": lambda: market.ticker(listing),
        "tickers": lambda: market.tickers([listing]),
        "quotes": lambda: market.quotes([listing]),
        "trades": lambda: market.trades(listing, 10),
        "klines": lambda: market.klines(listing, KlineInterval.HOUR_1, 10),
        "funding": lambda: market.funding(listing),
        "funding history": lambda: market.funding_history(listing, 10),
        "stream: depth": lambda: market.subscription(listing, Channel.DEPTH),
        "stream: quote": lambda: market.subscription(listing, Channel.QUOTE),
        "stream: trades": lambda: market.subscription(listing, Channel.TRADES),
    }
    assert tuple(asks) == CAPABILITIES
    for row, ask in asks.items():
        if told[row]:
            ask()
        else:
            with pytest.raises(NotSupported):
                ask()
    assert told["funding"] is told["funding history"] is (kind is MarketKind.USDM)


@every_market
def test_limits_and_budgets_can_be_kept(name: str, kind: MarketKind) -> None:
    market = market_of(name, kind)
    limits = market.limits
    assert limits.subscriptions_per_connection >= 1
    assert limits.names_per_message >= 1
    assert limits.messages_per_s > 0
    assert limits.ack_within_s > 0
    assert 0 <= market.taker_fee_bps < 100
    assert market.sizes_in_coins or kind is MarketKind.USDM
    for budget in (limits.connects, *market.budgets.values()):
        assert budget.weight_max >= 1
        assert budget.seconds > 0


@every_market
def test_requests_are_plain_and_within_their_budget(name: str, kind: MarketKind) -> None:
    market = market_of(name, kind)
    requests = [call.request for call in calls_of(market)]
    if market.snapshot() is not None:
        requests.append(market.snapshot_request(listing_of(market)))
    for request in requests:
        assert isinstance(request, Request)
        assert (request.method, request.body) == ("GET", b"")
        assert request.path.startswith("/")
        assert "?" not in request.path
        assert all(isinstance(text, str) and text for pair in request.query for text in pair)
        assert 1 <= request.weight <= market.budgets[request.budget].weight_max


@every_market
def test_klines_of_every_interval_are_asked_for_or_not_supported(name: str, kind: MarketKind) -> None:
    market = market_of(name, kind)
    asked = set()
    for interval in KlineInterval:
        try:
            asked.add(market.klines(listing_of(market), interval, 5).request)
        except NotSupported:
            continue
    assert len(asked) >= 6, "each interval is another request"


@every_market
def test_descriptions_load_into_the_hub_with_all_that_is_bound(name: str, kind: MarketKind) -> None:
    market, hub = market_of(name, kind), Hub(b"{}")
    listing = listing_of(market)
    number = hub.add_listing(msgspec.json.encode(listing.spec(taker_fee=Decimal("0.001"), group="btc")))
    streams = {path: hub.add_stream(encode(market.stream(path))) for path in market.stream_urls}
    snapshot = market.snapshot()
    assert snapshot is None or hub.add_snapshot(encode(snapshot)) == 0
    for told in subscriptions_of(market, "BTC"):
        assert told.path in market.stream_urls
        assert told.bindings
        kinds = {message.name: type(message) for message in market.stream(told.path).messages}
        for binding in told.bindings:
            assert kinds[binding.message] is EXPECTED[told.channel]
            hub.bind(streams[told.path], binding.message, binding.symbol, number)


@every_market
def test_every_path_names_its_messages_once(name: str, kind: MarketKind) -> None:
    market = market_of(name, kind)
    for path in market.stream_urls:
        names = [message.name for message in market.stream(path).messages]
        assert names
        assert len(names) == len(set(names))


@every_market
def test_subscription_names_and_bindings_are_told_apart(name: str, kind: MarketKind) -> None:
    told = subscriptions_of(market_of(name, kind), "BTC", "ETH", "PEPE")
    assert len(told) >= 6
    names = [(item.path, item.name) for item in told]
    assert len(names) == len(set(names))
    bound = [(item.path, binding) for item in told for binding in item.bindings]
    assert len(bound) == len(set(bound))
    for item in told:
        assert item.listing.symbol.quote == "USDT"


@every_market
def test_subscribing_and_unsubscribing_is_text_of_ours(name: str, kind: MarketKind) -> None:
    market = market_of(name, kind)
    for told in subscriptions_of(market, "BTC"):
        on = market.subscribe([told.name], 41, 1_700_000_000_000_000_000)
        off = market.unsubscribe([told.name], 42, 1_700_000_000_000_000_000)
        assert on
        assert off
        assert on != off
        for payload in (*on, *off):
            assert isinstance(payload, bytes)
            assert isinstance(msgspec.json.decode(payload), dict)
    ping = market.ping(1_700_000_000_000_000_000)
    assert ping is None or isinstance(msgspec.json.decode(ping), dict)
    if ping is not None:
        assert market.limits.ping_every_s > 0


JUNK = (b"", b"{", b"null", b"[1]", b"\xff\x00", b"<html>", b"[" * 100_000, b'{"novelty":1}')


@every_market
@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("binary", [False, True])
def test_junk_is_no_control_frame(name: str, kind: MarketKind, junk: bytes, binary: bool) -> None:
    market = market_of(name, kind)
    if binary and any(market.stream(path).format == "protobuf" for path in market.stream_urls):
        return  # data that no description takes is passed over there
    with pytest.raises(InvalidResponseError) as caught:
        market.control(junk, binary)
    assert caught.value.venue == f"{name}-{kind.value}"


@every_market
@pytest.mark.parametrize("junk", [body for body in JUNK if body != b"[1]"] + [b'[{"a":"NaN"}]', b"7", b'"x"'])
def test_junk_is_no_answer_to_any_call(name: str, kind: MarketKind, junk: bytes) -> None:
    market = market_of(name, kind)
    for call in calls_of(market):
        with pytest.raises(ExchangeAPIError) as caught:
            call.read(Response(200, {}, junk))
        assert caught.value.venue == f"{name}-{kind.value}", call.request.path


@every_market
@pytest.mark.parametrize("status", [400, 403, 404, 418, 429, 451, 500, 502, 503])
@pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b"{}", b"[]", b"\xff"])
def test_every_failing_status_is_an_error_whatever_the_body(
    name: str, kind: MarketKind, status: int, body: bytes
) -> None:
    market = market_of(name, kind)
    response = Response(status, {}, body)
    assert isinstance(market.error(response), ExchangeAPIError)
    with pytest.raises(ExchangeAPIError):
        market.server_time().read(response)


@every_market
def test_headers_without_weights_tell_nothing_false(name: str, kind: MarketKind) -> None:
    market = market_of(name, kind)
    for headers in ({}, {"content-type": "application/json"}):
        assert set(market.used_weight(Response(200, headers, b"{}"))) <= set(market.budgets)
