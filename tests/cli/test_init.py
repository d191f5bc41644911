"""`oneprice init`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oneprice.config import load
from oneprice.config.template import TEMPLATE


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_it_writes_a_configuration_that_is_right_and_trades_on_paper(invoke, tmp_path: Path) -> None:
    result = invoke("init")
    assert result.exit_code == 0
    assert "mode paper" in result.stdout
    assert "oneprice check " in result.stdout
    assert "oneprice run " in result.stdout
    found = load(tmp_path / "oneprice.toml", {})
    assert found.settings.mode == "paper"
    assert found.data == tmp_path / "oneprice-data"


def test_it_never_touches_a_file_that_is_there(invoke, tmp_path: Path) -> None:
    (tmp_path / "oneprice.toml").write_text("mine")
    result = invoke("init")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: oneprice.toml is there already, and nothing was written; --config PATH names another place\n"
    )
    assert (tmp_path / "oneprice.toml").read_text() == "mine"


def test_it_writes_where_it_is_told(invoke, tmp_path: Path) -> None:
    assert invoke("init", "--config", "new/folder/my.toml").exit_code == 0
    assert (tmp_path / "new/folder/my.toml").read_text() == TEMPLATE
    (tmp_path / "there").mkdir()
    told = json.loads(invoke("init", "--config", "there", "--json").stdout)
    assert told == {"config": str(tmp_path / "there/oneprice.toml"), "mode": "paper"}


def test_a_place_that_cannot_be_written_is_named(invoke, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = invoke("init", "--config", "file/oneprice.toml")
    assert result.exit_code == 2
    assert "file/oneprice.toml cannot be written" in result.stderr
