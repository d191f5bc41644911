"""A listing fed from a recording shows the recorded book, trades and timing."""

import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from oneprice.sim.dialects.binance import INSTRUMENTS
from oneprice.sim.engine import Side, TradePrint
from oneprice.sim.market import SimListing, SimMarket
from oneprice.sim.playback import Playback, read_recording

T0 = 1_700_000_000_000_000_000
ONE = 100_000_000  # recorded spot books are kept in 1e-8

LINES = """\
1000 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":5,"b":[["99.00","1"]],"a":[]}}
1500 {"lastUpdateId":10,"bids":[["100.00","1.00000"],["99.50","2.00000"]],"asks":[["100.01","3.00000"]]}
1600 {"stream":"btcusdt@bookTicker","data":{"u":11,"s":"BTCUSDT","b":"100.00","B":"1.0","a":"100.01","A":"3.0"}}
3000 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":2,"s":"BTCUSDT","U":11,"u":12,"b":[["100.02","4.00000"],["99.50","0.00000"]],"a":[["100.01","0.00000"],["100.05","1.50000"]]}}
3500 {"stream":"btcusdt@trade","data":{"e":"trade","E":3,"s":"BTCUSDT","t":7,"p":"100.02","q":"0.50000","T":3,"m":true,"M":true}}
"""  # noqa: E501 - recorded lines are as long as they are


def play(path: Path, key: str = "BTC/USDT", market: str = "spot") -> tuple[SimMarket, SimListing, Playback]:
    instruments = [item for item in INSTRUMENTS[market] if item.key == key]
    sim = SimMarket("binance", market, instruments, 42, T0)
    sim.start(T0, {key: lambda listing: Playback(listing, read_recording(path))})
    listing = sim.listings[key]
    assert isinstance(listing.flow, Playback)
    return sim, listing, listing.flow


def test_recorded_frames_move_the_book_at_their_times(tmp_path: Path) -> None:
    path = tmp_path / "frames.gz"
    path.write_bytes(gzip.compress(LINES.encode()))
    sim, listing, flow = play(path)
    trades: list[TradePrint] = []
    listing.on_trade.append(trades.append)
    assert listing.book().bids == [(10_000, ONE), (9_950, 2 * ONE)]
    sim.step(T0 + 1_499)
    assert listing.top.ask_ticks == 10_001
    sim.step(T0 + 1_500)
    assert listing.book().bids == [(10_002, 4 * ONE), (10_000, ONE)]
    assert listing.book().asks == [(10_005, ONE + ONE // 2)]
    assert not trades
    sim.step(T0 + 10_000)
    assert [(row.price_ticks, row.lots, row.taker_side) for row in trades] == [(10_002, ONE // 2, Side.SELL)]
    assert flow.is_over
    assert flow.conflicts == 0


async def test_served_recording_answers_like_the_venue(tmp_path: Path, start_venue: Any, http: Any) -> None:
    path = tmp_path / "frames.txt"
    path.write_text(LINES.replace("3.00000", "3.00000001"))
    playback = (("spot", "BTC/USDT", path),)
    server = await start_venue("binance", instruments=("BTC/USDT",), playback=playback)
    async with http.get(server.url + "/api/v3/depth?symbol=BTCUSDT&limit=5") as response:
        book = await response.json()
    assert book["bids"][0] == ["100.02000000", "4.00000000"]
    async with http.get(server.url + "/api/v3/exchangeInfo") as response:
        filters = (await response.json())["symbols"][0]["filters"]
    assert next(row for row in filters if row["filterType"] == "LOT_SIZE")["stepSize"] == "0.00001000"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello\n", "expected"),
        ("5 {}\n" * 3, "no depth snapshot"),
        ('5 {"lastUpdateId":1,"bids":[["100.001","1"]],"asks":[]}\n', "no multiple"),
    ],
)
def test_unusable_recordings_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "frames.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        play(path)


@pytest.mark.parametrize(
    ("file", "key", "market"),
    [("spot/btcusdt", "BTC/USDT", "spot"), ("usdm/btcusdt", "BTC/USDT:USDT", "usdm")],
)
def test_real_recording_plays_without_a_conflict(shared: Path, file: str, key: str, market: str) -> None:
    path = shared / "recordings" / "binance_20240808" / f"{file}_20240808.gz"
    sim, listing, flow = play(path, key, market)
    for second in range(1, 21):
        sim.step(T0 + second * 1_000_000_000)
    assert flow.conflicts == 0
    assert len(listing.book().bids) > 900
    assert listing.trades
    top = listing.price_scale.value(listing.top.bid_ticks)
    assert Decimal(61_000) < top < Decimal(62_500)
