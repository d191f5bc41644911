"""`oneprice doctor`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oneprice.config.template import TEMPLATE
from oneprice.core import backend


def test_all_is_well_here(invoke) -> None:
    result = invoke("doctor")
    assert result.exit_code == 0, result.output
    assert "FAIL" not in result.output
    assert f"core       {backend} (" in result.output


def test_json_is_one_object_with_each_check(invoke) -> None:
    found = json.loads(invoke("doctor", "--json").stdout)
    assert found["ok"] is True
    by_name = {check["name"]: check for check in found["checks"]}
    assert {"python", "packages", "core", "loop", "clock", "data", "files", "loopback", "mode"} == set(by_name)
    assert by_name["core"]["value"].startswith(backend)
    assert all(check["value"] for check in found["checks"])


def test_a_core_that_cannot_be_chosen_fails_the_check(shell) -> None:
    result = shell("doctor", "--json", ONEPRICE_CORE="fortran")
    assert result.returncode == 1
    core = next(check for check in json.loads(result.stdout)["checks"] if check["name"] == "core")
    assert not core["ok"]
    assert "auto, rust, python" in core["value"]
    assert core["advice"]


def test_a_data_folder_that_is_a_file_fails_the_check(invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ONEPRICE_DATA_DIR", str(tmp_path / "file"))
    result = invoke("doctor")
    assert result.exit_code == 1
    assert "ONEPRICE_DATA_DIR" in result.output


def test_busy_polling_is_measured_when_asked(invoke) -> None:
    found = json.loads(invoke("doctor", "--json", "--busy-poll").stdout)
    assert "us p50 asleep" in found["checks"][-1]["value"]


def test_mode_says_what_a_run_would_do(invoke, tmp_path, monkeypatch) -> None:
    def mode() -> dict[str, object]:
        checks = json.loads(invoke("doctor", "--json").stdout)["checks"]
        return next(check for check in checks if check["name"] == "mode")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    assert mode()["value"] == "no configuration: `oneprice demo` needs none, `oneprice init` writes one"
    (tmp_path / "oneprice.toml").write_text(TEMPLATE)
    assert mode()["value"] == "paper by oneprice.toml: no money moves"
    (tmp_path / "oneprice.toml").write_text(TEMPLATE.replace("[risk]", "[risks]"))
    assert (mode()["ok"], mode()["advice"]) == (False, "risks: no such section; did you mean risk?")
