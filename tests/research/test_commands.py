"""`scan`, `import`, `replay` and `record` as a user runs them."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.research.written import make_market, write_lines

from oneprice.cli.main import main
from oneprice.research.pacing import paced
from oneprice.sim.cluster import SimCluster

Invoke = Callable[..., Result]

BOOK_KEYS = {"listing", "frames", "applied", "dropped", "gaps", "state", "best_bid", "best_ask", "levels"}
PAIR_KEYS = {"buy", "sell", "kind", "overlap_s", "updates", "gross_bps", "net_threshold_bps", "episodes"}


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.setenv("ONEPRICE_DATA_DIR", str(tmp_path / "data"))
    return lambda *arguments: CliRunner().invoke(main, list(arguments), catch_exceptions=False)


@pytest.fixture
def places(tmp_path: Path) -> list[str]:
    spot = write_lines(tmp_path / "spot.lines", make_market(1).lines)
    perp = write_lines(tmp_path / "perp.lines", make_market(2, futures=True).lines)
    return [f"binance-spot={spot}", f"binance-usdm={perp}"]


def scan(invoke: Invoke, places: list[str], *more: str) -> Result:
    return invoke("scan", *(part for place in places for part in ("--replay", place)), *more)


def test_scan_prints_one_json_object(invoke: Invoke, places: list[str]) -> None:
    result = scan(invoke, places, "--fees-bps", "7.5", "--symbols", "BTC/USDT", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert [book["listing"] for book in found["books"]] == ["binance-spot:BTC/USDT", "binance-usdm:BTC/USDT"]
    for book in found["books"]:
        assert set(book) >= BOOK_KEYS
        assert (book["state"], book["gaps"], book["applied"] + book["dropped"]) == ("LIVE", 0, book["frames"])
        assert float(book["best_bid"]) < float(book["best_ask"])
    for pair in found["pairs"]:
        assert set(pair) == PAIR_KEYS
        assert set(pair["gross_bps"]) == {"p5", "p50", "p95", "max"}
        assert set(pair["episodes"]) == {"count", "total_ms", "longest_ms"}
        assert pair["net_threshold_bps"] == 7.5
    assert {"opportunities", "near_misses", "summary"} <= set(found)
    assert result.stderr == ""


def test_scan_prints_tables_for_people(invoke: Invoke, places: list[str]) -> None:
    result = scan(invoke, places)
    assert result.exit_code == 0
    for words in ("books at the end", "binance-spot:BTC/USDT", "LIVE", "spreads in bps", "why not:", "notes:"):
        assert words in result.stdout


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--fees-bps", "-1"), "not a number of basis points from 0 to 1000"),
        (("--fees-bps", "nan"), "not a number of basis points"),
        (("--quotes", "mid"), "'mid' is not one of"),
        (("--symbols", "BTCUSDT"), "symbol 'BTCUSDT' is not BASE/QUOTE"),
        (("--symbols", "XRP/USDT"), "none of XRP/USDT is in the recordings"),
        (("--replay", "binance-spot"), "'binance-spot' is neither VENUE-MARKET=PATH nor a file or folder"),
        (("--replay", "binance-spot=/no/such/file"), "there is no file or folder '/no/such/file'"),
        (("--contract-size", "binance-spot:BTC/USDT=0"), "is not LISTING=COINS"),
        (("--for", "5s"), "--for and --sim belong to live scans"),
    ],
)
def test_wrong_options_exit_2_and_say_what(
    invoke: Invoke, places: list[str], more: tuple[str, ...], message: str
) -> None:
    result = scan(invoke, places, *more, "--json")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in " ".join(result.stderr.split())


def test_a_damaged_recording_exits_2_and_names_the_file(invoke: Invoke, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "f", make_market(1).lines)
    path.write_bytes(path.read_bytes() + b"\x1f\x8b garbage\n")
    result = scan(invoke, [f"binance-spot={path}"])
    assert result.exit_code == 2
    assert f"{path}, line 122: expected '<receive ns> <frame>'" in result.stderr


def test_import_and_replay_say_what_scan_says(invoke: Invoke, places: list[str], tmp_path: Path) -> None:
    told = json.loads(invoke("import", *places, "--out", str(tmp_path / "ours"), "--json").stdout)
    assert [one["listings"] for one in told["imported"]] == [["binance-spot:BTC/USDT"], ["binance-usdm:BTC/USDT"]]
    from_lines = json.loads(scan(invoke, places, "--json").stdout)
    from_ours = json.loads(scan(invoke, [str(tmp_path / "ours")], "--json").stdout)
    played = json.loads(invoke("replay", str(tmp_path / "ours"), "--fast", "--json").stdout)
    assert from_ours == from_lines
    assert played == from_lines


def test_import_writes_lines_again(invoke: Invoke, places: list[str], tmp_path: Path) -> None:
    result = invoke("import", *places, "--lines", "--out", str(tmp_path / "lines"))
    assert result.exit_code == 0
    for place in places:
        path = Path(place.partition("=")[2])
        assert (tmp_path / "lines" / path.name).read_bytes() == path.read_bytes()


def test_replay_refuses_two_speeds(invoke: Invoke, places: list[str]) -> None:
    result = invoke("replay", *places, "--fast", "--speed", "2")
    assert result.exit_code == 2
    assert "--fast and --speed exclude each other" in result.stderr


def test_pace_keeps_the_recordings_time() -> None:
    clock, taken, looks = [100.0], [], []

    def sleep(seconds: float) -> None:
        assert 0 < seconds <= 0.1
        clock[0] += seconds

    def times() -> list[int]:
        return [5_000_000_000, 5_000_000_000, 6_000_000_000, 9_000_000_000]

    def noted() -> object:
        for ns in times():
            yield ns
            taken.append(round(clock[0] - 100.0, 6))

    paced(noted(), 2.0, lambda: clock[0], sleep, looks.append, 0.5)  # type: ignore[arg-type]
    assert taken == [0.0, 0.0, 0.5, 2.0]
    assert looks == pytest.approx([6_000_000_000, 7_200_000_000, 8_400_000_000], abs=2e8)


@pytest.mark.parametrize("command", ["scan", "record"])
def test_without_anybody_answering_each_venue_is_named_and_the_exit_is_3(
    invoke: Invoke, tmp_path: Path, command: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"  # bound, and nobody listens
        more = ("--out", str(tmp_path / "rec")) if command == "record" else ("--json",)
        sims = ("--sim", f"binance={url}", "--sim", f"gate={url}")
        result = invoke(command, "--markets", "binance-spot,gate-usdm", *sims, "--for", "5s", *more)
    assert result.exit_code == 3
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert [line.split()[1] for line in lines] == ["binance-spot:", "gate-usdm:"]
    assert all("cannot connect" in line for line in lines)


async def test_what_is_recorded_is_what_was_seen(invoke: Invoke, tmp_path: Path) -> None:
    """Record two simulated exchanges over real sockets, and play the recording."""
    async with SimCluster(seed=7, venues=("binance", "mexc")) as cluster:
        sims = [part for name, one in cluster.exchanges.items() for part in ("--sim", f"{name}={one.url}")]
        markets = "binance-spot,binance-usdm,mexc-spot"
        folder = str(tmp_path / "rec")
        arguments = ("record", "--markets", markets, "--symbols", "BTC/USDT", *sims, "--for", "3s", "--out", folder)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "oneprice", *arguments, "--json", stdout=asyncio.subprocess.PIPE
        )
        told = json.loads((await process.communicate())[0])
    assert (process.returncode, told["lost"]) == (0, 0)
    assert told["frames"] > 50
    found = json.loads(scan(invoke, [folder], "--json").stdout)
    assert {book["listing"]: (book["state"], book["gaps"]) for book in found["books"]} == {
        f"{market}:BTC/USDT": ("LIVE", 0) for market in markets.split(",")
    }
    assert all(book["frames"] and book["quotes"] for book in found["books"])
    assert len(found["pairs"]) == 6
