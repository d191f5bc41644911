"""status, orders, deals, pnl, why, stop, kill, flatten on a data folder where no engine runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.ledger.making import (
    BUY,
    NOW_NS,
    SELL,
    SPOT_A,
    SPOT_B,
    balance,
    fill,
    intent,
    leg,
    listing,
    opened,
    settled,
    told,
)

from oneprice.ledger.journal import Journal
from oneprice.ledger.records import Alarmed, RunStarted
from oneprice.live.disk import LiveDisk
from oneprice.model import OrderStatus

RECORDS = (
    RunStarted(NOW_NS, 3, "paper", "test", "c0ffee", '{"base_currency": "USDT"}'),
    listing(SPOT_A),
    listing(SPOT_B),
    balance("alpha-spot", "USDT", "1000"),
    balance("beta-spot", "BTC", "1"),
    opened(1, leg(SPOT_A, BUY, "0.5", "100"), leg(SPOT_B, SELL, "0.5", "102"), gross="1", fees="0.2", net="0.8"),
    intent("opabcd00300001000", SPOT_A, BUY, "0.5", "100"),
    intent("opabcd00300001100", SPOT_B, SELL, "0.5", "102", leg=1),
    fill("f1", "opabcd00300001000", "0.5", "100", key=SPOT_A, fees={"USDT": "0.1"}),
    fill("f2", "opabcd00300001100", "0.5", "102", key=SPOT_B, side=SELL, fees={"USDT": "0.1"}, venue_id="v2"),
    told("opabcd00300001000", OrderStatus.FILLED, "0.5"),
    told("opabcd00300001100", OrderStatus.FILLED, "0.5", venue_id="v2"),
    settled(1, marks={"BTC": "101"}, wall_ns=NOW_NS + 12_000_000),
    opened(2, leg(SPOT_A, BUY, "0.5", "100"), net="0.4"),
    intent("opabcd00300002000", SPOT_A, BUY, "0.5", "100", deal=2),
    told("opabcd00300002000", OrderStatus.UNKNOWN, reason="no answer within 5 s"),
    Alarmed(NOW_NS, "unknown", "opabcd00300002000 is looked for"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder of a run that was cut off: one deal is settled, one has an order of unknown outcome."""
    journal, _ = Journal.open(LiveDisk(), str(tmp_path / "data" / "journal"), build="test")
    journal.append(*RECORDS)
    journal.close()
    return tmp_path / "data"


def test_status_says_how_a_run_ended(invoke, folder: Path) -> None:
    told = json.loads(invoke("status", "--json").stdout)
    assert (told["running"], told["mode"], told["run"], told["ended_well"]) == (False, "paper", 3, False)
    assert (told["orders_open"], told["orders_unknown"]) == (1, ["opabcd00300002000"])
    assert (told["deals_open"], told["deals_settled"], told["home"]) == ({"working": 1}, 1, "USDT")
    text = invoke("status").stdout
    assert "not running  paper run 3 did not end in an orderly way" in text
    assert "1 open, 1 of unknown outcome (opabcd00300002000)" in text
    assert "opabcd00300002000 is looked for" in text


def test_status_of_a_folder_where_nothing_has_run(invoke) -> None:
    result = invoke("status")
    assert result.exit_code == 0
    assert "nothing has run on" in result.stdout
    assert invoke("status", "--health").exit_code == 1


def test_orders_by_the_journal(invoke, folder: Path) -> None:
    (row,) = json.loads(invoke("orders", "--json").stdout)["orders"]
    assert (row["client_order_id"], row["status"], row["filled"]) == ("opabcd00300002000", "unknown", "0")
    result = invoke("orders")
    assert result.stdout.splitlines()[1].split() == (
        ["opabcd00300002000", "2", "entry", "alpha-spot:BTCUSDT", "buy", "100", "0.5", "0", "unknown"]
    )
    assert "the venues may know more" in result.stderr


def test_orders_where_there_are_none(invoke) -> None:
    assert invoke("orders").stdout.startswith("no open orders by the journal of")


def test_deals_open_ones_first(invoke, folder: Path) -> None:
    rows = json.loads(invoke("deals", "--json").stdout)["deals"]
    assert [(row["deal"], row["state"]) for row in rows] == [(2, "working"), (1, "settled")]
    assert rows[1]["net"] == "0.8"
    assert [row["deal"] for row in json.loads(invoke("deals", "--last", "1", "--json").stdout)["deals"]] == [2]
    lines = invoke("deals").stdout.splitlines()
    assert lines[2].split()[:1] + lines[2].split()[-3:] == ["1", "captured", "+0.8", "+0.8"]


def test_pnl_at_the_last_marks(invoke, folder: Path) -> None:
    told = json.loads(invoke("pnl", "--json").stdout)
    assert (told["total"], told["by_venue"]) == ("0.8", {"alpha": "0.4", "beta": "0.4"})
    assert told["fees"] == {"USDT": "0.2"}
    result = invoke("pnl")
    assert result.stdout.splitlines()[0] == "total       +0.8 USDT"
    assert "what they were last worth" in result.stderr


def test_why_a_settled_deal(invoke, folder: Path) -> None:
    told = json.loads(invoke("why", "1", "--json").stdout)
    parts = told["split"]
    assert sum(float(parts[name]) for name in parts if name != "achieved") == pytest.approx(float(parts["achieved"]))
    assert [order["status"] for order in told["orders"]] == ["filled", "filled"]
    assert told["run"] == 3
    text = invoke("why", "1").stdout
    assert "deal 1  cross BTC/USDT  settled: captured  run 3" in text
    assert "settled 12 ms later" in text
    assert "buy  0.5 alpha-spot:BTCUSDT at 100 or better" in text
    assert "entry sell 0.5 beta-spot:BTCUSDT at 102 ioc: filled, filled 0.5 for 51, fees 0.1 USDT" in text
    assert "achieved" in text


def test_why_an_open_deal_and_by_its_order(invoke, folder: Path) -> None:
    text = invoke("why", "opabcd00300002000").stdout
    assert "deal 2  cross BTC/USDT  working  run 3" in text
    assert "unknown, filled 0" in text
    assert "no answer within 5 s" in text
    assert "result" not in text


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("9", "no deal 9: the journal of"),
        ("opabcd99999999999", "no order opabcd99999999999: it is not in the journal"),
        ("o1", "no opportunity: nothing has run on"),
        ("what", "'what' is no deal (17), opportunity (o4711) or client order id (op...)"),
    ],
)
def test_why_something_that_is_not_there(invoke, folder: Path, what: str, words: str) -> None:
    result = invoke("why", what)
    assert result.exit_code == 2
    assert words in result.stderr


def test_stop_and_flatten_without_an_engine(invoke, folder: Path) -> None:
    result = invoke("stop")
    assert (result.exit_code, result.stdout) == (0, f"no engine runs on {folder}\n")
    assert json.loads(invoke("stop", "--json").stdout) == {"running": False, "data": str(folder), "ended": False}
    result = invoke("flatten")
    assert result.exit_code == 1
    assert "`oneprice run` starts one" in result.stderr


def test_kill_without_an_engine_keeps_the_next_from_trading(invoke, folder: Path) -> None:
    result = invoke("kill", "--reason", "not today")
    assert result.exit_code == 0
    assert "the next one does not trade before `oneprice kill --lift`" in result.stdout
    assert (folder / "KILL").read_text() == "not today\n"
    assert json.loads(invoke("status", "--json").stdout)["kill"] == "not today"
    assert invoke("status", "--health").exit_code == 4
    assert json.loads(invoke("kill", "--json", "--reason", "again").stdout)["killed"] == "not today"
    assert "lifted (not today)" in invoke("kill", "--lift").stdout
    assert "nothing to lift" in invoke("kill", "--lift").stdout
    assert not (folder / "KILL").exists()


def test_a_kill_that_cannot_be_kept_is_an_error(invoke, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = invoke("kill", "--data-dir", str(tmp_path / "file" / "data"))
    assert result.exit_code == 2
    assert "cannot be made" in result.stderr or "cannot be connected to" in result.stderr


def test_a_damaged_journal_is_told(invoke, folder: Path) -> None:
    path = folder / "journal" / "00000001.journal"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    result = invoke("status")
    assert result.exit_code == 1
    assert "oneprice journal repair" in result.stderr


# ---------------------------------------------------------------------- where the data is


def test_the_configuration_says_where_even_when_it_is_wrong(invoke, folder: Path, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("ONEPRICE_DATA_DIR")
    path = tmp_path / "oneprice.toml"
    path.write_text("mode = 7\n[paths]\ndata = './data'\n")
    assert json.loads(invoke("status", "--config", str(path), "--json").stdout)["run"] == 3
    monkeypatch.chdir(tmp_path)
    assert json.loads(invoke("status", "--json").stdout)["data"] == str(folder)
    monkeypatch.setenv("ONEPRICE__PATHS__DATA", "elsewhere")
    assert json.loads(invoke("status", "--json").stdout)["data"] == str(tmp_path / "elsewhere")
    monkeypatch.setenv("ONEPRICE_DATA_DIR", str(folder))
    assert json.loads(invoke("status", "--json").stdout)["run"] == 3
    assert json.loads(invoke("status", "--json", "--data-dir", str(tmp_path / "x")).stdout)["run"] == 0


def test_a_configuration_that_is_no_toml_leaves_it_to_the_command(invoke, folder, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("ONEPRICE_DATA_DIR")
    path = tmp_path / "oneprice.toml"
    path.write_text("mode = ")
    result = invoke("kill", "--config", str(path))
    assert result.exit_code == 2
    assert "or name the data folder with --data-dir" in result.stderr
    assert invoke("kill", "--config", str(path), "--data-dir", str(folder)).exit_code == 0
