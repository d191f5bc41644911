"""Cards fail where they should: on markets that lie, books that are wrong, and an engine that notices nothing."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
import pytest
from tests.verify.simulated import simulated_bench

from oneprice.core.describe import Depth, Stream
from oneprice.market.config import FEED_CONNECTIONS
from oneprice.model import OrderBook
from oneprice.venues.kit import Call, PublicMarket
from oneprice.verify import Bench, CardResult, Thresholds, Verdict, all_cards, run_cards

Lie = Callable[[Any], Any]
CARDS = {card.number: card for card in all_cards()}
LESS_THAN_A_LOT = Decimal("1E-12")
replace = msgspec.structs.replace


class Lying:
    """A market one of whose calls is read with a lie."""

    def __init__(self, honest: PublicMarket, call: str, lie: Lie) -> None:
        self._honest, self._call, self._lie = honest, call, lie

    def __getattr__(self, name: str) -> Any:
        honest = getattr(self._honest, name)
        if name != self._call:
            return honest

        def lying(*arguments: Any) -> Call[Any]:
            call = honest(*arguments)
            return Call(call.request, lambda response: self._lie(call.read(response)))

        return lying


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with simulated_bench("gate-usdm") as made:
        yield made


def on(bench: Bench, market: Any, thresholds: Thresholds | None = None) -> Bench:
    """The same bench with another market."""
    return Bench(market, bench.ports, faults=bench.faults, symbol=bench.symbol, thresholds=thresholds)


async def tried(bench: Bench, number: int) -> CardResult:
    (result,) = (await run_cards(bench, [CARDS[number]])).results
    return result


def levels(book: OrderBook, **sides: Any) -> OrderBook:
    return replace(book, **sides)


def in_turn(*lies: Lie) -> Lie:
    """The first lie for the first answer, and so on; the last for all that follow."""
    left: Iterator[Lie] = itertools.chain(lies, itertools.repeat(lies[-1]))
    return lambda value: next(left)(value)


def same(value: Any) -> Any:
    return value


LIES: list[tuple[int, str, Lie, str]] = [
    (101, "server_time", lambda ns: ns + 5 * 10**9, "off ours"),
    (102, "listings", lambda rows: [], "no listing at all"),
    (102, "listings", lambda rows: rows * 2, "listed twice"),
    (102, "listings", lambda rows: [replace(row, tradable=False, status="halted") for row in rows], "halted"),
    (103, "listings", lambda rows: [replace(row, tick_size=row.tick_size * 0) for row in rows], "not above 0"),
    (103, "listings", lambda rows: [replace(row, max_quantity=row.lot_size / 2) for row in rows], "at most"),
    (104, "order_book", lambda book: levels(book, bids=book.bids[::-1]), "bids do not fall"),
    (104, "order_book", lambda book: levels(book, bids=book.asks[::-1], asks=book.asks), "crossed"),
    (104, "order_book", lambda book: levels(book, asks=()), "an empty side"),
    (
        104,
        "order_book",
        lambda book: levels(book, bids=tuple(one._replace(price=one.price - one.price / 7) for one in book.bids)),
        "off the tick",
    ),
    (105, "order_book", in_turn(same, lambda book: levels(book, bids=book.bids[:2])), "20 asked: 2 bids"),
    (106, "ticker", lambda ticker: replace(ticker, last=ticker.last * 2), "outside of"),
    (106, "ticker", lambda ticker: replace(ticker, last=ticker.last / 2, low=None), "bps from the middle"),
    (107, "tickers", lambda rows: rows * 2, "told more often"),
    (107, "tickers", lambda rows: [], "no price of BTC/USDT"),
    (108, "quotes", lambda rows: [replace(row, bid=row.ask, ask=row.bid) for row in rows], "crossed"),
    (109, "trades", lambda rows: rows[:1] + rows, "the same id twice"),
    (109, "trades", lambda rows: [replace(row, quantity=row.quantity + LESS_THAN_A_LOT) for row in rows], "no lots"),
    (110, "klines", lambda rows: rows[:5] + rows[6:], "not each a minute after"),
    (110, "klines", lambda rows: [replace(row, low=row.high * 2) for row in rows], "inconsistent"),
    (111, "funding", lambda told: replace(told, rate=told.rate * 0 + 1), "a rate of"),
    (112, "funding_history", lambda rows: rows[::-1], "not oldest first"),
]


@pytest.mark.parametrize(("number", "call", "lie", "words"), LIES)
async def test_a_lie_is_noticed(bench: Bench, number: int, call: str, lie: Lie, words: str) -> None:
    result = await tried(on(bench, Lying(bench.market, call, lie)), number)
    assert result.verdict is Verdict.FAIL
    assert words in result.saw


class Obliging(Lying):
    """A market that has a book of whatever it is asked for."""

    def __getattr__(self, name: str) -> Any:
        honest = getattr(self._honest, name)
        if name != "order_book":
            return honest
        return lambda listing, count: honest(replace(listing, venue_symbol="BTC_USDT"), count)


async def test_a_book_of_what_is_not_listed_is_noticed(bench: Bench) -> None:
    result = await tried(on(bench, Obliging(bench.market, "", same)), 113)
    assert result.verdict is Verdict.FAIL
    assert "which is not listed" in result.saw


class Misread(Lying):
    """A market that takes every depth change for a whole book."""

    def __getattr__(self, name: str) -> Any:
        honest = getattr(self._honest, name)
        return self._stream if name == "stream" else honest

    def _stream(self, path: str) -> Stream:
        told = self._honest.stream(path)
        messages = tuple(replace(one, full=True) if isinstance(one, Depth) else one for one in told.messages)
        return replace(told, messages=messages)


async def test_a_wrong_book_is_noticed() -> None:
    async with simulated_bench("binance-usdm") as bench:
        result = await tried(on(bench, Misread(bench.market, "", same)), 204)
    assert result.verdict is Verdict.FAIL
    assert "differ" in result.saw or "held against" in result.saw or "within" in result.saw


async def test_an_engine_that_waits_for_ever_is_noticed(bench: Bench) -> None:
    patient = on(bench, bench.market)
    patient.watch = partial(patient.watch, silent_after_ms=600_000, stale_after_ms=600_000)  # type: ignore[method-assign]
    result = await tried(patient, 704)
    assert result.verdict is Verdict.FAIL
    assert "the book stays LIVE" in result.saw


class Impatient:
    """Faults after which a bench waits for no longer than a second."""

    def __init__(self, bench: Bench) -> None:
        assert bench.faults is not None
        self._bench, self._faults = bench, bench.faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._faults, name)

    async def switch(self, kind: str, **options: Any) -> None:
        await self._faults.switch(kind, **options)
        self._bench.thresholds = Thresholds(live_s=1.0)


async def test_an_engine_that_does_not_come_back_is_noticed(bench: Bench) -> None:
    slow = on(bench, bench.market)
    slow.faults = Impatient(slow)
    waits = replace(FEED_CONNECTIONS, reconnect_first_ms=60_000, reconnect_max_ms=60_000)
    slow.watch = partial(slow.watch, connection=waits)  # type: ignore[method-assign]
    result = await tried(slow, 701)
    assert result.verdict is Verdict.FAIL
    assert "it is not LIVE again within 1 s: the book is GAP (DISCONNECTED)" in result.saw


async def test_slow_answers_fail_the_latency_card(bench: Bench) -> None:
    assert bench.faults is not None
    await bench.faults.switch("slow", seconds=60.0, delay_ms=30)
    result = await tried(on(bench, bench.market, Thresholds(rest_ms_p50=10.0)), 901)
    assert result.verdict is Verdict.FAIL
    words, figure, *_ = result.saw.split()
    assert words == "p50"
    assert float(figure) >= 30
