"""`oneprice verify`: cards on a simulated exchange, what comes out, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def test_cards_that_hold_end_with_0_and_one_object_on_standard_output(shell, tmp_path: Path) -> None:
    page = tmp_path / "gate.html"
    result = shell(
        *("verify", "gate", "--markets", "spot", "--card", "101", "--card", "104", "--card", "111"),
        *("--json", "-", "--html", str(page)),
    )
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["ok"] is True
    (market,) = told["markets"]
    assert [(one["number"], one["verdict"]) for one in market["cards"]] == [(101, "pass"), (104, "pass"), (111, "skip")]
    assert "gate-spot (simulated), 3 cards" in result.stderr
    assert "The venue&#x27;s clock and ours agree" in page.read_text()


def test_a_card_that_fails_ends_with_1(shell, tmp_path: Path) -> None:
    file = tmp_path / "told.json"
    result = shell("verify", "gate", "--symbol", "NOSUCH/USDT", "--card", "102", "--json", str(file))
    assert result.returncode == 1
    assert "NOSUCH/USDT is not among" in result.stdout
    assert json.loads(file.read_bytes())["failed"] == 2


def test_nobody_there_ends_with_3(invoke) -> None:
    result = invoke("verify", "gate", "--sim", "http://127.0.0.1:1")
    assert result.exit_code == 3
    assert "127.0.0.1" in result.stderr


def test_the_list_has_all_cards(invoke) -> None:
    from oneprice.verify import all_cards

    listed = invoke("verify", "--list")
    assert listed.exit_code == 0
    assert all(f"{card.number}  {card.title}" in listed.stdout for card in all_cards())
    told = json.loads(invoke("verify", "--list", "--card", "204", "--json", "-").stdout)
    assert [card["number"] for card in told["cards"]] == [204]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "which venue"),
        (("nasdaq",), "nasdaq"),
        (("gate", "--card", "999"), "no card 999"),
        (("gate", "--markets", "options"), "gate has spot, usdm"),
        (("gate", "--live", "--sim"), "choose one"),
        (("gate", "--trade"), "--trade is for --live"),
        (("gate", "--live", "--trade"), "belong together"),
        (("gate", "--live", "--cap", "50"), "belong together"),
        (("gate", "--live", "--trade", "--cap", "much"), "not an amount"),
        (("gate", "--live", "--trade", "--cap", "50"), "ONEPRICE_GATE_API_KEY"),
        (("gate", "--symbol", "btcusdt"), "BASE/QUOTE"),
        (("--sim", "gate"), "which venue"),
        (("gate", "--sim", "binance"), "no URL"),
    ],
)
def test_what_does_not_go_together_is_said(
    invoke, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    for name in ("ONEPRICE_GATE_API_KEY", "ONEPRICE_GATE_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    result = invoke("verify", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_secret_is_not_shown_when_the_rest_is_wrong(invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEPRICE_GATE_API_SECRET", "canary-secret-0123456789")
    monkeypatch.delenv("ONEPRICE_GATE_API_KEY", raising=False)
    result = invoke("verify", "gate", "--live", "--card", "101")
    assert result.exit_code == 2
    assert "ONEPRICE_GATE_API_KEY is missing" in result.stderr
    assert "canary" not in result.stdout + result.stderr


def test_a_file_that_cannot_be_written_is_named(shell, tmp_path: Path) -> None:
    result = shell("verify", "gate", "--markets", "spot", "--card", "101", "--html", str(tmp_path / "no" / "page.html"))
    assert result.returncode == 2
    assert "page.html cannot be written" in result.stderr
