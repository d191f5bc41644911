"""Listings, feeds and agents: what a dialect reads is consistent, and the same seed gives the same bytes."""

import hashlib
from decimal import Decimal
from statistics import median

import msgspec
import pytest

from oneprice.sim.agents import Temper
from oneprice.sim.dialects.binance import INSTRUMENTS
from oneprice.sim.engine import BookChange, Side, TradePrint
from oneprice.sim.klines import MONTH_MS, WEEK_MS, closing, opening
from oneprice.sim.market import DepthFeed, Scale, SimMarket

T0 = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


def started(seed: int = 42, market: str = "spot", temper: Temper | None = None) -> SimMarket:
    sim = SimMarket("binance", market, INSTRUMENTS[market], seed, T0, temper=temper)
    sim.start(T0 + 5 * SECOND)
    return sim


def run(sim: SimMarket, seconds: float, step_ms: int) -> None:
    now_ns, end_ns = sim.now_ns, sim.now_ns + int(seconds * 1e9)
    while now_ns < end_ns:
        now_ns = min(end_ns, now_ns + step_ms * 1_000_000)
        sim.step(now_ns)


def digest_of_run(seed: int, step_ms: int) -> str:
    sim = started(seed)
    digest = hashlib.sha256()
    sim.listings["BTC/USDT"].engine.listeners.append(lambda event: digest.update(msgspec.json.encode(event)))
    run(sim, 8, step_ms)
    return digest.hexdigest()


def test_same_seed_gives_the_same_bytes_however_coarsely_it_is_driven() -> None:
    assert digest_of_run(1, 5) == digest_of_run(1, 5) == digest_of_run(1, 333)
    assert digest_of_run(1, 5) != digest_of_run(2, 5)


def test_agents_keep_a_deep_busy_book() -> None:
    sim = started()
    changes: dict[str, int] = dict.fromkeys(sim.listings, 0)
    for key, listing in sim.listings.items():

        def count(change: BookChange, key: str = key) -> None:
            changes[key] += 1

        listing.on_book.append(count)
    tops = []
    for _ in range(30):
        run(sim, 1, 20)
        listing = sim.listings["BTC/USDT"]
        tops.append(float(listing.quote_amount(listing.top.bid_ticks, listing.top.bid_lots)))
    for key, listing in sim.listings.items():
        assert 8 <= changes[key] / 30 <= 90, key
        assert len(listing.book().bids) >= 20
        assert len(listing.book().asks) >= 20
        assert listing.trades
    assert 100 < median(tops) < 5_000


def test_diffs_on_top_of_a_snapshot_give_the_book() -> None:
    sim = started()
    listing = sim.listings["ETH/USDT"]
    feed = DepthFeed(listing)
    first = listing.snapshot()
    book = {Side.BUY: dict(first.bids), Side.SELL: dict(first.asks)}
    last_id = first.update_id
    for _ in range(50):
        run(sim, 0.1, 10)
        delta = feed.take()
        if delta is None:
            continue
        assert delta.previous_id == last_id
        assert delta.first_id == last_id + 1
        last_id = delta.last_id
        for side, levels in ((Side.BUY, delta.bids), (Side.SELL, delta.asks)):
            for price, lots in levels:
                book[side][price] = lots
                if lots == 0:
                    del book[side][price]
    now = listing.snapshot()
    assert now.update_id == last_id > first.update_id
    assert book == {Side.BUY: dict(now.bids), Side.SELL: dict(now.asks)}


def test_shared_sequence_numbers_all_listings_together() -> None:
    sim = SimMarket("binance", "usdm", INSTRUMENTS["usdm"], 42, T0, shared_sequence=True)
    sim.start(T0)
    seen: list[int] = []
    for listing in sim.listings.values():
        listing.on_book.append(lambda change: seen.append(change.update_id))
    run(sim, 2, 10)
    assert seen == list(range(seen[0], seen[0] + len(seen)))


def test_frozen_snapshot_grows_old_while_the_stream_goes_on() -> None:
    sim = started()
    listing = sim.listings["BTC/USDT"]
    listing.freeze_snapshot(True)
    before = listing.snapshot(5)
    run(sim, 1, 10)
    assert listing.snapshot(5) == before
    assert listing.book(5).update_id > before.update_id
    listing.freeze_snapshot(False)
    assert listing.snapshot(5) == listing.book(5)


def test_klines_and_day_add_up_the_trades() -> None:
    sim = started()
    listing = sim.listings["BTC/USDT"]
    trades: list[TradePrint] = []
    listing.on_trade.append(trades.append)
    run(sim, 150, 50)
    rows = listing.klines(60_000, 5)
    assert len(rows) == 5
    assert [row.open_ms % 60_000 for row in rows] == [0] * 5
    minute = [trade for trade in trades if trade.ts_ns // 1_000_000 // 60_000 == rows[-2].open_ms // 60_000]
    assert rows[-2].volume_lots == sum(trade.lots for trade in minute)
    assert rows[-2].notional == sum(trade.lots * trade.price_ticks for trade in minute)
    assert (rows[-2].first_trade_id, rows[-2].last_trade_id) == (minute[0].trade_id, minute[-1].trade_id)
    assert rows[-2].high_ticks >= max(trade.price_ticks for trade in minute)
    hours = listing.klines(3_600_000, 24)
    assert len(hours) == 24
    assert all(row.low_ticks <= row.open_ticks <= row.high_ticks for row in hours)
    day = listing.day()
    assert day.last_ticks == trades[-1].price_ticks
    assert day.last_trade_id == trades[-1].trade_id
    assert day.low_ticks <= day.last_ticks <= day.high_ticks


@pytest.mark.parametrize(
    ("interval_ms", "opens"),
    [
        (WEEK_MS, [1_699_833_600_000]),  # Monday 2023-11-13
        (MONTH_MS, [1_698_796_800_000]),  # 2023-11-01
        (86_400_000, [1_699_833_600_000, 1_699_920_000_000]),
    ],
)
def test_long_klines_open_by_the_calendar(interval_ms: int, opens: list[int]) -> None:
    rows = started().listings["BTC/USDT"].klines(interval_ms, 10)
    assert [row.open_ms for row in rows] == opens
    assert all(row.volume_lots > 0 for row in rows)


def test_month_is_as_long_as_it_is() -> None:
    february = opening(1_707_000_000_000, MONTH_MS)  # 2024-02-03
    assert closing(february, MONTH_MS) - february == 29 * 86_400_000


def test_funding_times_are_aligned_and_the_mark_is_near_the_index() -> None:
    sim = started(market="usdm")
    funding = sim.listings["BTC/USDT:USDT"].funding()
    assert funding.next_funding_ms % 28_800_000 == 0
    assert funding.next_funding_ms - funding.last_funding_ms == 28_800_000
    assert funding.mark == pytest.approx(funding.index, rel=5e-4)
    assert abs(funding.rate) < 1e-3


@pytest.mark.parametrize(
    ("step", "steps", "decimals", "text"),
    [
        ("0.10", 5, None, "0.5"),
        ("0.10", 5, 2, "0.50"),
        ("0.05", 3, None, "0.15"),
        ("10", 7, None, "70"),
        ("0.00000001", 1120, 8, "0.00001120"),
        ("0.01", -123, 8, "-1.23000000"),
        ("1", 0, 2, "0.00"),
    ],
)
def test_scale_writes_steps_exactly(step: str, steps: int, decimals: int | None, text: str) -> None:
    assert Scale(Decimal(step)).text(steps, decimals) == text


def test_scale_refuses_to_cut_decimals_off() -> None:
    with pytest.raises(ValueError, match="decimals"):
        Scale(Decimal("0.001")).text(1, 2)
