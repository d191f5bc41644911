"""What a scan says of small recordings written by hand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.research.written import MS, START_NS, Line, make_market, write_lines

from oneprice.core.states import BookState, Reason
from oneprice.errors import ConfigError, NotSupported, RecordingError
from oneprice.market.recording import RecordingWriter
from oneprice.model import MarketKind
from oneprice.research.conversion import into_lines, into_ours
from oneprice.research.names import parse_place, symbol_of
from oneprice.research.replay import Replay
from oneprice.research.report import ScanReport, report
from oneprice.research.sources import open_place

Play = Callable[..., Replay]


def quote(ns: int, bid: str, ask: str, number: int, symbol: str = "BTCUSDT", size: str = "1.000") -> Line:
    data = {"u": number, "s": symbol, "b": bid, "B": size, "a": ask, "A": size}
    return ns, json.dumps({"stream": f"{symbol.lower()}@bookTicker", "data": data}, separators=(",", ":")).encode()


def two_venues(folder: Path) -> tuple[str, str]:
    """Spot at 100.00/100.01; the perpetual's bid is 20 bps higher for 30 ms, 5 bps for 40 ms, then level again."""
    spot = [quote(START_NS + at * MS, "100.00", "100.01", 10 + at) for at in range(0, 200, 10)]
    perp = [quote(START_NS + 5 * MS + at * MS, *prices, 50 + at) for at, prices in _perp()]
    first = write_lines(folder / "spot.lines", spot)
    second = write_lines(folder / "perp.lines", perp)
    return f"binance-spot={first}", f"binance-usdm={second}"


def _perp() -> Sequence[tuple[int, tuple[str, str]]]:
    low, high, little = ("100.00", "100.01"), ("100.21", "100.22"), ("100.06", "100.07")
    return [(0, low), (40, high), (70, little), (110, low), (190, low)]


def both(play: Play, folder: Path, **options: object) -> ScanReport:
    return report(play(*two_venues(folder), **options), "bba")


def test_a_pair_is_told_in_both_directions(tmp_path: Path, play: Play) -> None:
    found = both(play, tmp_path)
    kinds = {(pair.buy, pair.sell): pair.kind for pair in found.pairs}
    assert kinds == {
        ("binance-spot:BTC/USDT", "binance-usdm:BTC/USDT"): "spot-perp",
        ("binance-usdm:BTC/USDT", "binance-spot:BTC/USDT"): "perp-spot",
    }
    first = found.pairs[0]
    assert first.net_threshold_bps == 15.0
    assert first.overlap_s == pytest.approx(0.185)  # from the perpetual's first quote to spot's last one
    assert first.gross_bps.max == pytest.approx((100.21 / 100.01 - 1) * 1e4, abs=1e-5)
    assert (first.episodes.count, first.episodes.total_ms, first.episodes.longest_ms) == (1, 30.0, 30.0)


def test_fees_are_the_total_of_both_legs(tmp_path: Path, play: Play) -> None:
    found = both(play, tmp_path, fees_bps=Decimal(3))
    assert {pair.net_threshold_bps for pair in found.pairs} == {3.0}
    assert [pair.episodes.total_ms for pair in found.pairs] == [70.0, 0.0]


def test_an_opportunity_says_why_in_words(tmp_path: Path, play: Play) -> None:
    (found,) = both(play, tmp_path, fees_bps=Decimal(10)).opportunities
    assert (found.kind, found.count, found.quantity) == ("spot-perp", 1, "1")
    assert found.total_ms == pytest.approx(30)
    assert "buy 1 BTC on binance-spot:BTC/USDT, at most 100.01" in found.why
    assert "gross 20.0 bps, fees 10.0, net +10.0 bps" in found.why


def test_a_near_miss_says_how_near_and_why(tmp_path: Path, play: Play) -> None:
    misses = both(play, tmp_path, fees_bps=Decimal(25)).near_misses
    assert misses[0].net_bps == pytest.approx(20.0 - 25.0, abs=0.01)
    assert "gross never paid the fees of 25 bps: at best 20.0 bps, at 2023-11-14 22:13:20.045 UTC" in misses[0].why


def test_a_book_that_is_not_live_makes_no_opportunity(tmp_path: Path, play: Play) -> None:
    """Spot has depth frames, but no book: its quotes show an episode, and the hub refuses it."""
    spot, perp = two_venues(tmp_path)
    path = Path(spot.partition("=")[2])
    change = next(frame for _, frame in make_market(1).lines if b"depthUpdate" in frame)
    path.write_bytes(b"%d %b\n" % (START_NS - 1, change) + path.read_bytes())
    found = report(play(spot, perp), "bba")
    assert found.opportunities == []
    assert found.pairs[0].episodes.count == 1
    miss = next(miss for miss in found.near_misses if miss.buy.startswith("binance-spot"))
    assert "binance-spot:BTC/USDT was syncing (waiting for its first book)" in miss.why


def test_symbols_choose_listings(tmp_path: Path, play: Play) -> None:
    lines = sorted(make_market(1).lines + make_market(2, symbol="ETHUSDT").lines)
    lines = [line for line in lines if b"lastUpdateId" not in line[1]]
    path = write_lines(tmp_path / "both", lines)
    names = [part.name for part in play(f"binance-spot={path}").parts]
    assert names == ["binance-spot:BTC/USDT", "binance-spot:ETH/USDT"]
    chosen = play(f"binance-spot={path}", wanted=("ETH/USDT",))
    assert [part.name for part in chosen.parts] == ["binance-spot:ETH/USDT"]
    assert chosen.hub.counts(0)["frames"] == 60
    with pytest.raises(ConfigError, match="none of XRP/USDT is in the recordings"):
        play(f"binance-spot={path}", wanted=("XRP/USDT",))


def test_a_rest_book_among_several_listings_is_left_out_with_a_note(tmp_path: Path, play: Play) -> None:
    lines = sorted(make_market(1).lines + make_market(2, symbol="ETHUSDT").lines)
    found = report(play(f"binance-spot={write_lines(tmp_path / 'both', lines)}"), "bba")
    assert {book.state for book in found.books} == {"SYNCING"}
    assert "2 REST books name no listing" in found.notes[0]


def test_payloads_without_the_venues_envelope_are_read_too(tmp_path: Path, play: Play) -> None:
    market = make_market(4)
    bare = [(ns, json.dumps(json.loads(frame).get("data", json.loads(frame))).encode()) for ns, frame in market.lines]
    replay = play(f"binance-spot={write_lines(tmp_path / 'bare', bare)}")
    assert replay.hub.state(0) == BookState.LIVE
    assert replay.hub.counts(0)["applied"] == 55


def test_depth_quotes_come_from_books_and_end_with_them(tmp_path: Path, play: Play) -> None:
    market = make_market(5)
    other = make_market(6, middle=10_020)
    lines = list(market.lines)
    del lines[market.depth_at[30]]
    perp = f"binance-usdm={write_lines(tmp_path / 'perp', _perps(other.lines))}"
    with_gap = f"binance-spot={write_lines(tmp_path / 'gap', lines)}"
    without = f"binance-spot={write_lines(tmp_path / 'whole', market.lines)}"
    gapped = report(play(with_gap, perp, quotes="depth"), "depth")
    whole = report(play(without, perp, quotes="depth"), "depth")
    assert [book.state for book in gapped.books] == ["GAP", "LIVE"]
    assert gapped.books[0].why == "a change did not follow the one before it"
    assert gapped.pairs[0].overlap_s < 0.7 * whole.pairs[0].overlap_s


def _perps(lines: Sequence[Line]) -> list[Line]:
    """Spot's frames as a perpetual's: each change names its predecessor."""
    found, previous = [], 0
    for ns, frame in lines:
        told = json.loads(frame)
        data = told.get("data", {})
        if data.get("e") == "depthUpdate":
            data["pu"] = previous or data["U"] - 1
            previous = data["u"]
        found.append((ns, json.dumps(told).encode()))
    return found


def test_grids_hold_every_figure_exactly(tmp_path: Path, play: Play) -> None:
    lines = make_market(7).lines
    rare = quote(lines[-1][0] + MS, "99.975", "100.5", 10**6, size="0.00000120")
    replay = play(f"binance-spot={write_lines(tmp_path / 'f', [*lines, rare])}")
    assert (replay.parts[0].tick, replay.parts[0].lot) == (Decimal("0.001"), Decimal("0.0000001"))
    assert replay.hub.counts(0)["malformed"] == 0
    assert replay.hub.quote(0)[:4] == (99_975, 12, 100_500, 12)


def test_folders_packed_files_and_our_format_say_the_same(tmp_path: Path, play: Play) -> None:
    lines = make_market(8).lines
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "SOURCES.md").write_text("not a recording")
    write_lines(folder / "btcusdt.lines", lines)
    plain = play(f"binance-spot={folder}")
    packed = tmp_path / "f.gz"
    packed.write_bytes(gzip.compress((folder / "btcusdt.lines").read_bytes()))
    (source,) = open_place(parse_place(f"binance-spot={packed}"), ())
    count, (ours,) = into_ours(source, tmp_path / "ours", lambda _: None)
    assert count == len(lines) + 1
    (again,) = open_place(parse_place(str(ours)), ())
    _, (back,) = into_lines(again, tmp_path / "back", lambda _: None)
    assert back.read_bytes() == (folder / "btcusdt.lines").read_bytes()
    hashes = {play(text).hub.listing_hash(0) for text in (f"binance-spot={packed}", str(ours), f"binance-spot={ours}")}
    assert hashes == {plain.hub.listing_hash(0)}


def recorded(folder: Path, market: str, lines: Sequence[Line], file_bytes_max: int) -> int:
    """The lines as our recorder would have written them; the connection goes down at the end. Gives the files."""
    (source,) = open_place(parse_place(f"{market}={write_lines(folder / market, lines)}"), ())
    writer = RecordingWriter(
        folder / "ours",
        msgspec.structs.replace(source.header, origin=""),
        file_bytes_max=file_bytes_max,
        block_bytes=500,
    )
    for ns, connection, tag, payload in source.records():
        writer.copy(ns, connection, tag, payload)
        last_ns = ns
    writer.closed(last_ns, 1, "gone")
    writer.close()
    return len(writer.files)


def test_a_connection_outlives_its_file_and_takes_its_book_along_when_it_goes(tmp_path: Path, play: Play) -> None:
    assert recorded(tmp_path, "binance-spot", make_market(1).lines, 3_000) > 3
    assert play(str(tmp_path / "ours")).hub.state(0) == BookState.LIVE  # at the end of all everything goes
    recorded(tmp_path, "binance-usdm", make_market(2, futures=True, steps=90).lines, 1 << 20)
    replay = play(str(tmp_path / "ours"))
    (spot,) = (part.number for part in replay.parts if part.market == "binance-spot")
    assert replay.hub.counts(spot)["gaps"] == 0
    assert (replay.hub.state(spot), replay.hub.reason(spot)) == (BookState.GAP, Reason.DISCONNECTED)


def test_reports_are_the_same_every_time(tmp_path: Path, play: Play) -> None:
    assert both(play, tmp_path) == both(play, tmp_path)


def test_a_silent_side_ends_its_opportunities_while_it_is_silent(tmp_path: Path, play: Play) -> None:
    spot = [quote(START_NS, "100.00", "100.01", 1), quote(START_NS + 6_000 * MS, "100.00", "100.01", 2)]
    perp = [quote(START_NS + at * MS, "100.21", "100.22", at) for at in range(50, 6_100, 50)]
    places = (f"binance-spot={write_lines(tmp_path / 'a', spot)}", f"binance-usdm={write_lines(tmp_path / 'b', perp)}")
    found = report(play(*places), "bba")
    assert found.pairs[0].episodes.longest_ms == pytest.approx(5_950)  # as-of: the last quote holds
    first = found.opportunities[0]
    assert first.count == 2
    assert first.longest_ms == pytest.approx(2_000, abs=150)  # but nothing is to be had from a silent feed


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("BTCUSDT", "BTC/USDT"),
        ("ETHBTC", "ETH/BTC"),
        ("BTC_USDT", "BTC/USDT"),
        ("btc-usdc", "BTC/USDC"),
        ("1000PEPEUSDT", "1000PEPE/USDT"),
        ("XYZABC", "XYZ/ABC"),
        ("NOTHING", "None"),
        ("A_B_C", "None"),
        ("USDT", "None"),
    ],
)
def test_base_and_quote_of_a_venues_symbol(text: str, symbol: str) -> None:
    assert str(symbol_of(text, MarketKind.SPOT, ("XYZ/ABC",))) == symbol


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: f"binance-spot={folder / 'none'}", "there is no file or folder"),
        (lambda folder: f"Binance-spot={folder}", "not VENUE-MARKET"),
        (lambda folder: f"binance-options={folder}", "markets are spot, usdm"),
        (lambda folder: f"nowhere-spot={write_lines(folder / 'f', [(1, b'{}')])}", "no venue 'nowhere'"),
        (lambda folder: f"binance-spot={folder}", "holds no recording"),
        (lambda folder: str(write_lines(folder / "f", [(1, b"{}")])), "does not say whose frames"),
        (lambda folder: f"mexc-spot={write_lines(folder / 'f', [(1, b'{}')])}", "sends binary frames"),
        (lambda folder: f"binance-spot={write_lines(folder / 'f', [(1, b'{}')])}", "no listing is in the recordings"),
    ],
)
def test_bad_input_names_what_is_wrong(tmp_path: Path, play: Play, make: Callable[[Path], str], message: str) -> None:
    with pytest.raises((ConfigError, RecordingError, NotSupported), match=message):
        play(make(tmp_path))


def test_an_unknown_file_is_refused_with_what_could_be_read(tmp_path: Path, play: Play) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(RecordingError, match=r"picture\.png is not understood: expected a recording of ours"):
        play(f"binance-spot={path}")


def test_an_empty_file_is_called_empty(tmp_path: Path, play: Play) -> None:
    path = tmp_path / "lines.txt"
    path.touch()
    with pytest.raises(RecordingError, match=r"lines\.txt is empty"):
        play(f"binance-spot={path}")
