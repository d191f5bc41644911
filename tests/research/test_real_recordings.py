"""The recordings beside the checkout: what a scan says, against a short computation of its own."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from oneprice.research.replay import Replay
from oneprice.research.report import PairReport, ScanReport, report

Play = Callable[..., Replay]
Quotes = list[tuple[int, float, float]]


class Truth(NamedTuple):
    """Of one file: the last best bid and ask of the book, its levels, frames, and all best-bid-ask frames."""

    bid: Decimal
    ask: Decimal
    levels: int
    frames: int
    applied: int
    quotes: Quotes


@cache
def truth(path: Path) -> Truth:
    """The book as two dicts of texts; changes older than the snapshot are left out."""
    sides: dict[str, dict[str, str]] = {"b": {}, "a": {}}
    early: list[dict[str, object]] = []
    last, frames, applied = -1, 0, 0
    quotes: Quotes = []

    def take(change: dict[str, object]) -> None:
        nonlocal applied
        applied += 1
        for side, levels in sides.items():
            for price, size in change[side]:  # type: ignore[attr-defined]
                levels[price] = size

    with gzip.open(path) as file:
        for line in file:
            stamp, text = line.split(b" ", 1)
            if b"@trade" in text[:40]:
                continue
            frame = json.loads(text)
            data = frame.get("data")
            if data is None:
                sides = {"b": dict(frame["bids"]), "a": dict(frame["asks"])}
                last = frame["lastUpdateId"]
                for change in early:
                    if change["u"] > last:  # type: ignore[operator]
                        take(change)
            elif frame["stream"].endswith("@bookTicker"):
                quotes.append((int(stamp), float(data["b"]), float(data["a"])))
            else:
                frames += 1
                if last < 0:
                    early.append(data)
                elif data["u"] > last:
                    take(data)
    alive = {name: [Decimal(price) for price, size in side.items() if float(size)] for name, side in sides.items()}
    return Truth(max(alive["b"]), min(alive["a"]), len(alive["b"]) + len(alive["a"]), frames, applied, quotes)


def segments(buy: Quotes, sell: Quotes) -> Iterator[tuple[int, float]]:
    """`(duration, gross bps)` from the later first quote to the earlier last one."""
    start, end = max(buy[0][0], sell[0][0]), min(buy[-1][0], sell[-1][0])
    moments = sorted(
        [(ns, 0, ask) for ns, _, ask in buy] + [(ns, 1, bid) for ns, bid, _ in sell], key=lambda row: row[0]
    )
    now = [0.0, 0.0]
    for (ns, side, value), (following, _, _) in zip(moments, [*moments[1:], (end, 0, 0.0)], strict=True):
        now[side] = value
        since, until = max(ns, start), min(following, end)
        if until > since:
            yield until - since, (now[1] / now[0] - 1) * 1e4


def compare(pair: PairReport, buy: Quotes, sell: Quotes, fees: float) -> None:
    rows = list(segments(buy, sell))
    total = sum(duration for duration, _ in rows)
    assert pair.overlap_s == pytest.approx(total / 1e9, abs=1e-6)
    for share, told in ((0.05, pair.gross_bps.p5), (0.5, pair.gross_bps.p50), (0.95, pair.gross_bps.p95)):
        passed = 0
        for gross, duration in sorted((gross, duration) for duration, gross in rows):
            passed += duration
            if passed >= share * total:
                assert told == pytest.approx(gross, abs=0.002)
                break
    assert pair.gross_bps.max == pytest.approx(max(gross for _, gross in rows), abs=1e-5)
    runs, above = [0], False
    for duration, gross in rows:
        if gross > fees:
            runs = [*runs[:-1], runs[-1] + duration] if above else [*runs, duration]
        above = gross > fees
    assert pair.net_threshold_bps == fees
    assert pair.episodes.count == len(runs) - 1
    assert pair.episodes.total_ms == pytest.approx(sum(runs) / 1e6)
    assert pair.episodes.longest_ms == pytest.approx(max(runs) / 1e6)


def binance(shared: Path) -> Path:
    return shared / "recordings" / "binance_20240808"


def scan_binance(
    shared: Path, play: Play, fees: Decimal | None, symbols: tuple[str, ...] = (), quotes: str = "bba"
) -> ScanReport:
    folder = binance(shared)
    places = (f"binance-spot={folder / 'spot'}", f"binance-usdm={folder / 'usdm'}")
    return report(play(*places, fees_bps=fees, wanted=symbols, quotes=quotes), quotes)


def truths(shared: Path, *coins: str) -> dict[str, Truth]:
    return {
        f"binance-{market}:{coin}/USDT": truth(binance(shared) / market / f"{coin.lower()}usdt_20240808.gz")
        for market in ("spot", "usdm")
        for coin in coins
    }


def test_binance_books_and_spreads_at_the_venues_fees(shared: Path, play: Play) -> None:
    found, expected = scan_binance(shared, play, None), truths(shared, "BTC", "ETH")
    assert {book.listing for book in found.books} == set(expected)
    for book in found.books:
        true = expected[book.listing]
        assert (book.state, book.gaps, book.malformed, book.disagreements) == ("LIVE", 0, 0, 0)
        assert (Decimal(book.best_bid or 0), Decimal(book.best_ask or 0)) == (true.bid, true.ask)
        assert book.levels == true.levels
        assert (book.frames, book.applied) == (true.frames, true.applied)
        assert book.applied + book.dropped == book.frames
        assert book.quotes == len(true.quotes)
        assert book.agreements > 1_000
    assert len(found.pairs) == 4
    for pair in found.pairs:
        assert pair.kind == ("spot-perp" if pair.buy.startswith("binance-spot") else "perp-spot")
        compare(pair, expected[pair.buy].quotes, expected[pair.sell].quotes, 15.0)
    assert found.opportunities == []
    assert all("never paid the fees of 15 bps" in miss.why for miss in found.near_misses)


@pytest.mark.parametrize("fees", [5, 10])
def test_binance_episodes_at_lower_fees(shared: Path, play: Play, fees: int) -> None:
    found, expected = scan_binance(shared, play, Decimal(fees), ("BTC/USDT",)), truths(shared, "BTC")
    assert len(found.pairs) == 2
    for pair in found.pairs:
        compare(pair, expected[pair.buy].quotes, expected[pair.sell].quotes, float(fees))
    (one,) = found.opportunities
    above = next(pair for pair in found.pairs if pair.episodes.count)
    assert (above.buy, above.sell) == ("binance-usdm:BTC/USDT", "binance-spot:BTC/USDT")
    assert "on binance-usdm:BTC/USDT, at most" in one.legs[0]
    assert 0 < one.count <= above.episodes.count
    assert one.net_bps > 0


def test_binance_spreads_from_books_are_near_those_of_quotes(shared: Path, play: Play) -> None:
    found, expected = scan_binance(shared, play, None, ("ETH/USDT",), "depth"), truths(shared, "ETH")
    for pair in found.pairs:
        rows = sorted((gross, ns) for ns, gross in segments(expected[pair.buy].quotes, expected[pair.sell].quotes))
        passed, half = 0, sum(ns for _, ns in rows) / 2
        middle = next(gross for gross, ns in rows if (passed := passed + ns) >= half)
        assert pair.gross_bps.p50 == pytest.approx(middle, abs=0.1)
        assert pair.overlap_s == pytest.approx(344.7, abs=1.0)
        assert pair.episodes.count == 0


def table(path: Path) -> Quotes:
    with gzip.open(path, "rt") as file:
        return [
            (
                int(dt.datetime.fromisoformat(row["timestamp"]).timestamp() * 1e6) * 1_000,
                float(row["bid_price"]),
                float(row["ask_price"]),
            )
            for row in csv.DictReader(file)
        ]


@pytest.mark.parametrize("fees", [None, Decimal(40)])
def test_luncusdt_tables_are_scanned_as_they_lie(shared: Path, play: Play, fees: Decimal | None) -> None:
    folder = shared / "recordings" / "luncusdt_mexc_gate_20251011"
    files = {"mexc-spot": "mexc_spot_lunc_usdt.csv.gz", "gate-usdm": "gateio_futures_lunc_usdt.csv.gz"}
    found = report(play(*(f"{name}={folder / file}" for name, file in files.items()), fees_bps=fees), "bba")
    rows = {f"{name}:LUNC/USDT": table(folder / file) for name, file in files.items()}
    assert {book.listing: (book.frames, book.state) for book in found.books} == dict.fromkeys(rows, (10_000, "LIVE"))
    assert {(pair.buy, pair.kind) for pair in found.pairs} == {
        ("mexc-spot:LUNC/USDT", "spot-perp"),
        ("gate-usdm:LUNC/USDT", "perp-spot"),
    }
    for pair in found.pairs:
        compare(pair, rows[pair.buy], rows[pair.sell], pair.net_threshold_bps)
        assert pair.episodes.count > 0
    # Gate counts contracts, and how many coins one is, the file does not say: nothing may be sized.
    assert found.opportunities == []
    assert all("contract size of gate-usdm:LUNC/USDT is not known" in miss.why for miss in found.near_misses)


def test_luncusdt_is_sized_when_the_contract_size_is_given(shared: Path, play: Play) -> None:
    folder = shared / "recordings" / "luncusdt_mexc_gate_20251011"
    replay = play(f"mexc-spot={folder}", f"gate-usdm={folder}", contract_sizes={"gate-usdm:LUNC/USDT": Decimal(10_000)})
    found = report(replay, "bba")
    episodes = sum(pair.episodes.count for pair in found.pairs)
    assert 0 < found.summary.opportunities <= episodes
    assert all(Decimal(one.quantity) % 10_000 == 0 for one in found.opportunities)


def test_the_frozen_feed_yields_nothing_and_says_why(shared: Path, play: Play) -> None:
    path = shared / "recordings" / "bithumb_frozen_feed_20260329" / "opportunities.csv"
    found = report(play(f"bithumb-spot={path}"), "bba")
    assert (found.opportunities, found.summary.opportunities, found.summary.episodes) == ([], 0, 0)
    assert not any("bithumb" in pair.buy + pair.sell for pair in found.pairs)
    won = {book.listing: book for book in found.books if book.listing.startswith("bithumb")}
    assert {book.listing: book.best_bid for book in won.values()} == {
        "bithumb-spot:BTC/KRW": "101088000",
        "bithumb-spot:ETH/KRW": "3026000",
        "bithumb-spot:XRP/KRW": "2013",
    }
    for book in won.values():
        assert (book.state, book.applied) == ("STALE", 1)
        assert "no change for 78" in book.why
    reasons = [refused.why for refused in found.refused if refused.sell == "bithumb-spot:BTC/KRW"]
    assert len(reasons) == 2
    for why in reasons:
        assert "BTC/KRW is not BTC/USDT" in why
        assert "official rate of exchange is no market" in why
        assert "bithumb-spot:BTC/KRW is frozen" in why
