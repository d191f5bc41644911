"""Error tables, sharding, multiples and wrapped descriptions: the pure pieces that venues share."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneprice.core.describe import Condition, Depth, Quote, Stream, Time, Trades
from oneprice.errors import (
    ExchangeAPIError,
    InvalidOrderError,
    InvalidRequestError,
    Outcome,
    RateLimitError,
    VenueUnavailableError,
)
from oneprice.model import AssetName, ExchangeName, MarketKind, Symbol, SymbolInfo
from oneprice.venues.kit import (
    Binding,
    Budget,
    Channel,
    ErrorTable,
    Response,
    Rule,
    StreamLimits,
    Subscription,
    Words,
    batches,
    multiple,
    rules,
    shard,
    wrapped,
)

TABLE = ErrorTable(
    venue="test",
    codes=rules({InvalidOrderError: "10 11", Rule(VenueUnavailableError, Outcome.UNKNOWN): "20"}),
    words=(Words("10", "too fast", Rule(RateLimitError)), Words("", "closed", Rule(InvalidRequestError))),
    statuses={451: Rule(InvalidRequestError)},
)


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "outcome"),
    [
        (400, "10", "no", InvalidOrderError, Outcome.REJECTED),
        (400, "10", "too fast", RateLimitError, Outcome.REJECTED),
        (400, "11", "too fast", InvalidOrderError, Outcome.REJECTED),
        (400, "11", "market is closed", InvalidRequestError, Outcome.REJECTED),
        (400, "20", "no", VenueUnavailableError, Outcome.UNKNOWN),
        (503, "11", "no", InvalidOrderError, Outcome.UNKNOWN),
        (400, "?", "no", ExchangeAPIError, Outcome.UNKNOWN),
        (404, "", "", ExchangeAPIError, Outcome.UNKNOWN),
        (200, "?", "no", ExchangeAPIError, Outcome.UNKNOWN),
        (429, "?", "no", RateLimitError, Outcome.REJECTED),
        (429, "", "", RateLimitError, Outcome.REJECTED),
        (451, "", "", InvalidRequestError, Outcome.REJECTED),
        (502, "", "", VenueUnavailableError, Outcome.UNKNOWN),
        (302, "", "", ExchangeAPIError, Outcome.UNKNOWN),
    ],
)
def test_words_come_before_codes_and_codes_before_statuses(
    status: int, code: str, message: str, kind: type[ExchangeAPIError], outcome: Outcome
) -> None:
    error = TABLE.error(Response(status, {}, b""), code, message)
    assert type(error) is kind
    assert error.outcome is outcome
    assert error.code == (code or f"HTTP {status}")


@pytest.mark.parametrize(
    ("header", "told", "expected"),
    [
        ("34", None, 34_000),
        ("0.5", None, 500),
        ("34", 7, 7),
        ("", None, None),
        ("Wed, 21 Oct", None, None),
        ("-1", None, None),
    ],
)
def test_retry_after_is_told_in_milliseconds(header: str, told: int | None, expected: int | None) -> None:
    error = TABLE.error(Response(429, {"retry-after": header}, b""), "", "slow down", told)
    assert error.retry_after_ms == expected


@pytest.mark.parametrize(("status", "is_ban"), [(418, True), (429, False), (400, False)])
def test_a_ban_is_told_from_one_too_many_by_its_status(status: int, is_ban: bool) -> None:
    error = TABLE.error(Response(status, {}, b""), "10", "too fast")
    assert isinstance(error, RateLimitError)
    assert error.is_ban is is_ban


def test_a_code_in_two_classes_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="10"):
        rules({InvalidOrderError: "10", RateLimitError: "10"})


# ---------------------------------------------------------------------- sharding


def subscription(base: str, channel: Channel, path: str) -> Subscription:
    listing = SymbolInfo(
        venue=ExchangeName("test"),
        market=MarketKind.SPOT,
        symbol=Symbol(AssetName(base), AssetName("USDT")),
        venue_symbol=base,
        tick_size=Decimal(1),
        lot_size=Decimal(1),
    )
    return Subscription(listing, channel, f"{base}@{channel.value}", path, (Binding(channel.value, base),))


def limits(subscriptions: int, names: int = 10) -> StreamLimits:
    return StreamLimits(
        subscriptions_per_connection=subscriptions,
        names_per_message=names,
        messages_per_s=5.0,
        connects=Budget(300, 300.0),
    )


wanted = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(list(Channel)), st.sampled_from(["a", "b"])), unique=True, max_size=80
)


@given(wanted, st.integers(3, 12))
def test_every_subscription_is_on_one_connection_within_the_limit(
    rows: list[tuple[int, Channel, str]], most: int
) -> None:
    subscriptions = [subscription(f"C{number}", channel, path) for number, channel, path in rows]
    shards = shard(subscriptions, limits(most))
    placed = [item for told in shards for item in told.subscriptions]
    assert sorted(map(id, placed)) == sorted(map(id, subscriptions))
    homes: dict[tuple[str, str], set[int]] = {}
    for number, told in enumerate(shards):
        assert 0 < len(told.subscriptions) <= most
        assert len(told.names) == len(set(told.names))
        for item in told.subscriptions:
            assert item.path == told.path
            homes.setdefault((item.path, item.listing.venue_symbol), set()).add(number)
    assert all(len(home) == 1 for home in homes.values())


def test_a_listing_that_fits_no_connection_is_an_error() -> None:
    both = [subscription("A", Channel.DEPTH, "p"), subscription("A", Channel.QUOTE, "p")]
    with pytest.raises(ValueError, match="test-spot:A/USDT"):
        shard(both, limits(1))


def test_names_are_cut_into_messages() -> None:
    names = [str(number) for number in range(7)]
    assert list(batches(names, limits(100, 3))) == [("0", "1", "2"), ("3", "4", "5"), ("6",)]
    assert list(batches([], limits(100, 3))) == []


# ---------------------------------------------------------------------- multiples


@pytest.mark.parametrize(
    ("name", "asset", "coins"),
    [
        ("1000PEPE", "PEPE", 1_000),
        ("10000SATS", "SATS", 10_000),
        ("1000000MOG", "MOG", 1_000_000),
        ("1MBABYDOGE", "BABYDOGE", 1_000_000),
        ("1000CAT", "CAT", 1_000),
    ],
)
def test_a_multiple_names_its_asset(name: str, asset: str, coins: int) -> None:
    assert multiple(name) == (asset, Decimal(coins))


@pytest.mark.parametrize(
    "name",
    [
        "BTC",
        "1INCH",
        "1MIL",
        "1000X",
        "1000",
        "100PEPE",
        "2000PEPE",
        "1000pepe",
        "1M",
        "10000000000PEPE",
        "A1000PEPE",
        "",
    ],
)
def test_other_names_are_assets_of_their_own(name: str) -> None:
    assert multiple(name) == (name, Decimal(1))


# ---------------------------------------------------------------------- wrapped descriptions


def test_a_wrapped_description_has_every_path_below_the_key() -> None:
    test = Condition("e", equals="x")
    depth = Depth(
        name="d",
        when=(test,),
        symbol="s",
        last=("u", "v"),
        first=("U",),
        previous=("p",),
        bids="b",
        asks="a",
        full_when="f",
        time=Time("E", "us"),
    )
    quote = Quote(
        name="q", when=(), symbol="s", bid_price="b", bid_quantity="B", ask_price="a", ask_quantity="A", id=("u",)
    )
    trades = Trades(
        name="t", when=(), symbol="s", price_path="p", quantity_path="q", side="m", buy="buy", sell="sell", id="t"
    )
    assert wrapped(Stream(messages=(depth, quote, trades)), "data").messages == (
        Depth(
            name="d",
            when=(msgspec.structs.replace(test, path="data.e"),),
            symbol="data.s",
            last=("data.u", "data.v"),
            first=("data.U",),
            previous=("data.p",),
            bids="data.b",
            asks="data.a",
            full_when="data.f",
            time=Time("data.E", "us"),
        ),
        Quote(
            name="q",
            when=(),
            symbol="data.s",
            bid_price="data.b",
            bid_quantity="data.B",
            ask_price="data.a",
            ask_quantity="data.A",
            id=("data.u",),
        ),
        Trades(
            name="t",
            when=(),
            symbol="data.s",
            price_path="data.p",
            quantity_path="data.q",
            side="data.m",
            buy="buy",
            sell="sell",
            id="data.t",
        ),
    )


def test_trades_in_rows_cannot_be_wrapped() -> None:
    rows = Trades(name="t", when=(), symbol="s", price_path="p", quantity_path="q", rows="r")
    with pytest.raises(ValueError, match="rows"):
        wrapped(Stream(messages=(rows,)), "data")
