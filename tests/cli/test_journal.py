"""`oneprice journal`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.ledger.written import BUILD, deal, ended, frame_starts, started

from oneprice.ledger.journal import Journal
from oneprice.live.disk import LiveDisk


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The journal of a data folder in which two deals were made."""
    place = tmp_path / "data" / "journal"
    journal, _ = Journal.open(LiveDisk(), str(place), build=BUILD)
    journal.append(started())
    journal.append(*deal(1))
    journal.append(*deal(2))
    journal.append(ended())
    journal.close()
    return place


def damage(folder: Path, record: int) -> None:
    path = folder / "00000001.journal"
    data = bytearray(path.read_bytes())
    data[frame_starts(bytes(data))[record] + 20] ^= 1
    path.write_bytes(data)


def test_a_whole_journal_is_said_to_be(invoke, folder) -> None:
    result = invoke("journal", "verify")
    assert result.exit_code == 0
    assert ": whole; 16 records" in result.stdout
    told = json.loads(invoke("journal", "verify", "--json").stdout)
    assert (told["ok"], told["state"], told["records"], told["faults"]) == (True, "whole", 16, [])


def test_damage_fails_the_check_and_names_the_place(invoke, folder) -> None:
    damage(folder, 5)
    result = invoke("journal", "verify")
    assert result.exit_code == 1
    assert "fault: 00000001.journal, byte" in result.stdout
    assert "oneprice journal repair" in result.stdout
    told = json.loads(invoke("journal", "verify", "--json").stdout)
    assert (told["ok"], told["state"], told["file"]) == (False, "damaged", "00000001.journal")
    assert told["offset"] > 0


def test_a_damaged_journal_is_not_shown_as_if_it_were_whole(invoke, folder) -> None:
    damage(folder, 5)
    result = invoke("journal", "show")
    assert result.exit_code == 1
    assert "repair" in result.stderr
    assert result.stdout == ""


def test_repair_says_what_it_did_and_verify_is_content_then(invoke, folder) -> None:
    damage(folder, 5)
    told = json.loads(invoke("journal", "repair", "--json").stdout)
    assert told["kept"] == 4
    assert (Path(told["aside"]) / "00000001.journal").exists()
    assert invoke("journal", "verify").exit_code == 0
    shown = json.loads(invoke("journal", "show", "--json").stdout)
    assert [record["record"] for record in shown["records"]][-1] == "Alarmed"
    assert shown["records"][-1]["kind"] == "journal repaired"
    assert "repaired" in shown["words"]


def test_repair_of_a_whole_journal_changes_nothing(invoke, folder) -> None:
    result = invoke("journal", "repair")
    assert result.exit_code == 0
    assert "nothing is wrong" in result.stdout


def test_repair_is_refused_while_an_engine_holds_the_folder(invoke, folder) -> None:
    journal, _ = Journal.open(LiveDisk(), str(folder), build=BUILD)
    result = invoke("journal", "repair")
    journal.close()
    assert result.exit_code == 1
    assert "holds it" in result.stderr


@pytest.mark.parametrize("command", ["verify", "repair"])
def test_where_nothing_has_run_there_is_nothing_to_look_after(invoke, tmp_path, command: str) -> None:
    result = invoke("journal", command)
    assert result.exit_code == 1
    assert "nothing has run" in result.stderr
    assert not (tmp_path / "data").exists()


def test_records_are_shown_with_names_and_times(invoke, folder) -> None:
    lines = invoke("journal", "show").stdout.splitlines()
    assert len(lines) == 16
    assert lines[0].split()[:3] == ["1", "2024-11-23T19:26:40.000000Z", "RunStarted"]
    intended = lines[2]
    for part in ("OrderIntended", "side=buy", "purpose=entry", "price=61234.56", "listing=binance-spot:BTCUSDT"):
        assert part in intended
    assert "legs=[(listing=binance-spot:BTCUSDT" in lines[1]


def test_records_of_one_deal_have_its_orders_and_their_fills(invoke, folder) -> None:
    told = json.loads(invoke("journal", "show", "--deal", "2", "--json").stdout)["records"]
    assert [record["record"] for record in told] == [type(record).__name__ for record in deal(2)]
    assert told[3]["fees"] == [["BTC", "0.00000125"]]
    assert told[3]["number"] == 12


def test_records_of_one_order_one_kind_and_the_last_of_them(invoke, folder) -> None:
    def kinds(*arguments: str) -> list[str]:
        told = json.loads(invoke("journal", "show", "--json", *arguments).stdout)["records"]
        return [record["record"] for record in told]

    order = deal(1)[1].client_order_id  # type: ignore[union-attr]
    assert kinds("--order", order) == ["OrderIntended", "FillTold", "OrderTold"]
    assert kinds("--kind", "filltold") == ["FillTold"] * 4
    assert kinds("--kind", "FillTold", "--last", "3") == ["FillTold"] * 3
    assert kinds("--last", "1") == ["RunEnded"]
    assert kinds("--deal", "9") == []


def test_an_unknown_kind_names_the_known_ones(invoke, folder) -> None:
    result = invoke("journal", "show", "--kind", "Fill")
    assert result.exit_code == 2
    assert "FillTold" in result.stderr


def test_another_data_folder_can_be_named(invoke, folder, tmp_path) -> None:
    assert invoke("journal", "verify", "--data-dir", str(tmp_path / "data")).exit_code == 0
    assert invoke("journal", "verify", "--data-dir", str(tmp_path)).exit_code == 1
