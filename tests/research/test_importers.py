"""Tables of quotes and logs of opportunities: what is taken from them, and what is not believed."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from oneprice.core.states import BookState
from oneprice.errors import ConfigError, RecordingError
from oneprice.research.conversion import into_lines, into_ours
from oneprice.research.names import OtherMarket, parse_place
from oneprice.research.replay import Replay
from oneprice.research.report import report
from oneprice.research.sources import open_place

Play = Callable[..., Replay]

TABLE = "timestamp,exchange,symbol_base,symbol_quote,bid_price,bid_qty,ask_price,ask_qty\n"
LOG = (
    "id,timestamp,coin,direction,sell_exchange,buy_exchange,premium_pct,sell_bid_usdt,buy_ask_usdt,krw_usd,usdt_usd,"
    "est_qty,est_profit_usdt\n"
)


def table(path: Path, exchange: str, *rows: str) -> Path:
    body = "".join(f"2025-10-11T04:18:{row.replace('@', f'Z,{exchange},LUNC,USDT,')}\n" for row in rows)
    path.write_bytes(gzip.compress((TABLE + body).encode()))
    return path


def log(path: Path, *rows: str) -> Path:
    """Rows are `SECOND coin sell buy sell_bid ask krw quantity`."""
    lines = []
    for number, row in enumerate(rows):
        second, coin, sell, buy, bid, ask, rate, quantity = row.split()
        stamp = f"2026-03-29T22:{int(second) // 60:02d}:{int(second) % 60:02d}.000Z"
        lines.append(f"{number},{stamp},{coin},fwd,{sell},{buy},2.0,{bid},{ask},{rate},1,{quantity},1.0\n")
    path.write_text(LOG + "".join(reversed(lines)))  # newest first, as they come
    return path


def test_a_table_becomes_exact_quotes(tmp_path: Path, play: Play) -> None:
    path = table(tmp_path / "t.csv.gz", "MEXC_SPOT", "33.361123@3.539e-05,62559185.39,3.54e-05,450460.0")
    replay = play(f"mexc-spot={path}")
    part = replay.parts[0]
    assert (part.name, part.tick, part.lot) == ("mexc-spot:LUNC/USDT", Decimal("1e-8"), Decimal("0.01"))
    assert replay.hub.quote(0)[:4] == (3539, 6_255_918_539, 3540, 45_046_000)
    assert replay.now_ns == 1_760_156_313_361_123_000
    assert replay.hub.state(0) == BookState.LIVE


def test_a_row_that_repeats_is_no_word_from_the_venue(tmp_path: Path, play: Play) -> None:
    same = "3.5e-05,10,3.6e-05,20"
    rows = [f"{second:02d}@{same}" for second in range(20)]
    replay = play(f"mexc-spot={table(tmp_path / 't.csv', 'MEXC_SPOT', *rows)}")
    (book,) = report(replay, "bba").books
    assert (book.frames, book.applied, book.dropped) == (20, 1, 19)
    assert (book.state, book.why) == ("STALE", "no change for 19.0 s")


def test_a_side_without_quantity_is_no_side(tmp_path: Path, play: Play) -> None:
    replay = play(f"mexc-spot={table(tmp_path / 't.csv', 'MEXC_SPOT', '01@3.5e-05,0,3.6e-05,20')}")
    assert replay.hub.quote(0)[:4] == (0, 0, 36, 20)


def test_a_folder_gives_each_market_its_table(tmp_path: Path, play: Play) -> None:
    table(tmp_path / "a.csv.gz", "MEXC_SPOT", "01@3.5e-05,10,3.6e-05,20")
    gate = table(tmp_path / "b.csv.gz", "GATEIO_FUTURES", "01@3.5e-05,10,3.6e-05,20")
    replay = play(f"gate-usdm={tmp_path}", f"mexc-spot={tmp_path}")
    assert [part.name for part in replay.parts] == ["gate-usdm:LUNC/USDT", "mexc-spot:LUNC/USDT"]
    assert [part.group for part in replay.parts] == ["", "LUNC/USDT"]  # contracts of an unknown size
    with pytest.raises(OtherMarket, match="has quotes of GATEIO_FUTURES, none of mexc-spot"):
        play(f"mexc-spot={gate}")


def test_contract_sizes_belong_to_listings_that_are_there(tmp_path: Path, play: Play) -> None:
    path = table(tmp_path / "b.csv.gz", "GATEIO_FUTURES", "01@3.5e-05,10,3.6e-05,20")
    known = play(f"gate-usdm={path}", contract_sizes={"gate-usdm:LUNC/USDT": Decimal(1000)})
    assert known.parts[0].group == "LUNC/USDT"
    with pytest.raises(ConfigError, match="gate-usdm:BTC/USDT is not in the recordings"):
        play(f"gate-usdm={path}", contract_sizes={"gate-usdm:BTC/USDT": Decimal(1)})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("01@x,1,2,3", "line 2: bid_price is 'x'"),
        ("01@-1,1,2,3", "line 2: bid_price is '-1'"),
        ("01@nan,1,2,3", "bid_price is 'nan'"),
        ("61@1,1,2,3", "is no time"),
        ("01@1,1,2", "line 2: no ask_qty"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, play: Play, row: str, message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        play(f"mexc-spot={table(tmp_path / 't.csv', 'MEXC_SPOT', row)}")


def test_a_won_bid_is_taken_in_won(tmp_path: Path, play: Play) -> None:
    path = log(tmp_path / "log.csv", "1 BTC bithumb bybit 67034.4649775955 65672 1508.0004 0.015227189669874528")
    replay = play(f"bithumb-spot={path}")
    found = report(replay, "bba")
    assert {book.listing: (book.best_bid, book.best_ask) for book in found.books} == {
        "bithumb-spot:BTC/KRW": ("101088000", None),
        "bybit-spot:BTC/USDT": (None, "65672"),
    }


def test_another_official_rate_is_no_new_quote(tmp_path: Path, play: Play) -> None:
    """The price in USDT moves with the rate; the venue's own price does not."""
    rates = ("1508.0004", "1508.01337", "1507.96937")
    rows = [
        f"{second} BTC bithumb binance {101_088_000 / float(rate)} {65_000 + second} {rate} 0.1"
        for second in range(60)
        for rate in [rates[second // 20]]
    ]
    found = report(play(f"bithumb-spot={log(tmp_path / 'log.csv', *rows)}"), "bba")
    frozen, moving = found.books
    assert (frozen.listing, frozen.state, frozen.applied, frozen.frames) == ("bithumb-spot:BTC/KRW", "STALE", 1, 60)
    assert (moving.listing, moving.state, moving.applied) == ("binance-spot:BTC/USDT", "LIVE", 60)
    assert found.opportunities == []
    assert found.pairs == []
    assert "BTC/KRW is not BTC/USDT" in found.refused[0].why


def test_a_log_brings_all_its_venues_by_whatever_name(tmp_path: Path, play: Play) -> None:
    path = log(tmp_path / "log.csv", "1 BTC bithumb bybit 100 101 1000 1", "1 ETH bithumb binance 10 11 1000 1")
    names = {f"{name}-spot" for name in ("binance", "bithumb", "bybit")}
    for place in (str(path), f"bybit-spot={path}", f"bithumb-spot={path}"):
        assert {part.market for part in play(place).parts} == names
    with pytest.raises(RecordingError, match="binance, bithumb, bybit, none of okx"):
        play(f"okx-spot={path}")


def test_imported_quotes_play_as_before(tmp_path: Path, play: Play) -> None:
    rows = [f"{second:02d}@3.{second}e-05,{second + 1},3.9e-05,20" for second in range(30)]
    path = table(tmp_path / "t.csv", "MEXC_SPOT", *rows)
    (source,) = open_place(parse_place(f"mexc-spot={path}"), ())
    _, (ours,) = into_ours(source, tmp_path / "ours", lambda _: None)
    assert play(str(ours)).hub.listing_hash(0) == play(f"mexc-spot={path}").hub.listing_hash(0)
    (again,) = open_place(parse_place(str(ours)), ())
    with pytest.raises(Exception, match="stored quotes, which are no frames of mexc-spot"):
        into_lines(again, tmp_path, lambda _: None)
