"""All fills of a MEXC spot account are found, whichever of too many the venue gives, and each request is a sane one."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneprice.errors import InvalidResponseError
from oneprice.model import AssetName, ExchangeName, MarketKind, Symbol, SymbolInfo
from oneprice.venues.kit import Credentials, FillsQuery, Response
from oneprice.venues.mexc import VENUE

MS = 1_000_000
START_MS = 1_700_000_000_000
MONTH_MS = 30 * 86_400_000
SPOT = VENUE.accounts[MarketKind.SPOT](None, Credentials("key", "secret"))
LISTING = SymbolInfo(
    venue=ExchangeName("mexc"),
    market=MarketKind.SPOT,
    symbol=Symbol(AssetName("BTC"), AssetName("USDT")),
    venue_symbol="BTCUSDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.000001"),
)


class Past:
    """A venue's memory of fills at these milliseconds, 100 at most at a time: the newest, or the oldest."""

    def __init__(self, times_ms: Sequence[int], *, newest: bool, ends_count: bool = True) -> None:
        self.times_ms, self.newest, self.ends_count = sorted(times_ms), newest, ends_count
        self.requests = 0

    def answer(self, query: dict[str, str]) -> bytes:
        self.requests += 1
        assert self.requests < 400, "it goes round in circles"
        since, until = int(query.get("startTime", 0)), int(query.get("endTime", 10**15))
        assert since <= until
        until += 0 if self.ends_count else -1
        found = [(time, number) for number, time in enumerate(self.times_ms) if since <= time <= until]
        found = found[-100:] if self.newest else found[:100]
        rows = [
            {
                "symbol": "BTCUSDT",
                "id": str(number),
                "orderId": "1",
                "price": "1",
                "qty": "1",
                "time": time,
                "isBuyer": True,
            }
            for time, number in reversed(found)
        ]
        return msgspec.json.encode(rows)


def collect(past: Past, query: FillsQuery) -> list[int]:
    """The numbers of all fills that asking on and on brings, without doubles."""
    found, wanted = set[int](), [query]
    while wanted:
        call = SPOT.fills(wanted.pop())
        page = call.read(Response(200, {}, past.answer(dict(call.request.query))))
        assert list(page.fills) == sorted(page.fills, key=lambda fill: fill.time_ns)
        found.update(int(fill.venue_fill_id) for fill in page.fills)
        wanted += [page.more] if page.more else []
    return sorted(found)


def test_few_fills_need_one_request() -> None:
    past = Past(range(START_MS, START_MS + 99), newest=True)
    assert len(collect(past, FillsQuery(listing=LISTING, since_ns=START_MS * MS))) == 99
    assert past.requests == 1


@pytest.mark.parametrize("newest", [True, False], ids=["the newest", "the oldest"])
@pytest.mark.parametrize("until_ms", [0, START_MS + 5_000_000], ids=["up to now", "up to a time"])
def test_many_fills_are_all_found(newest: bool, until_ms: int) -> None:
    past = Past(range(START_MS, START_MS + 1_000_000, 1_000), newest=newest)
    query = FillsQuery(listing=LISTING, since_ns=(START_MS - 86_400_000) * MS, until_ns=until_ms * MS)
    assert collect(past, query) == list(range(1_000))
    assert past.requests < 60


@given(
    gaps=st.lists(st.sampled_from([0, 0, 0, 1, 7, 1_000, 86_400_000]), min_size=150, max_size=500),
    newest=st.booleans(),
    ends_count=st.booleans(),
    bounded=st.booleans(),
)
def test_fills_in_bursts_are_all_found(gaps: list[int], newest: bool, ends_count: bool, bounded: bool) -> None:
    times, now, burst = [], START_MS, 0
    for gap in gaps:
        burst = burst + 1 if gap == 0 else 0
        now += 1 if burst > 60 else gap  # fewer in a millisecond than the venue can tell
        burst = 0 if burst > 60 else burst
        times.append(now)
    times = [time for time in times if time >= now - MONTH_MS]
    until_ns = (now + 1) * MS if bounded else 0
    past = Past(times, newest=newest, ends_count=ends_count)
    query = FillsQuery(listing=LISTING, since_ns=(times[0] - 1) * MS, until_ns=until_ns)
    assert collect(past, query) == list(range(len(times)))


def test_without_a_beginning_the_last_month_is_searched() -> None:
    past = Past(range(START_MS, START_MS + 200_000, 1_000), newest=True)
    assert collect(past, FillsQuery(listing=LISTING)) == list(range(200))


def test_more_than_can_be_told_of_one_millisecond_is_an_error() -> None:
    past = Past([START_MS] * 101, newest=True)
    with pytest.raises(InvalidResponseError, match="there may be more"):
        collect(past, FillsQuery(listing=LISTING, since_ns=(START_MS - 1_000) * MS))


def test_an_order_with_many_fills_is_asked_for_in_spans_too() -> None:
    past = Past(range(START_MS, START_MS + 250), newest=True)
    query = FillsQuery(listing=LISTING, venue_order_id="1")
    assert ("orderId", "1") in SPOT.fills(query).request.query
    assert collect(past, query) == list(range(250))
