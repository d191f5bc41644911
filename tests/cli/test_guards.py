"""What live trading needs: each missing thing is named, all at once, and nothing starts."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.canaries import planted
from tests.config.bad import text_of

from oneprice.cli.guards import CHECKED, Checked, LiveWord, at_stake, keep_checked, refusals
from oneprice.config import Loaded, key_mark, parse
from oneprice.venues.kit import Credentials

HOUR_NS = 3_600_000_000_000
LIVE = {"mode": '"live"'}
KEYS = {venue: Credentials(*planted(venue)) for venue in ("binance", "gate")}
TYPED = LiveWord(live=True, amount="400USDT")


def loaded(changes: dict[str, str] | None = None, **environment: str) -> Loaded:
    return parse(text_of({**LIVE, **(changes or {})}), Path("oneprice.toml"), environment)


@pytest.fixture
def checked(tmp_path: Path) -> Path:
    """A data folder on which the live configuration was checked just now."""
    marks = {venue: key_mark(one) for venue, one in KEYS.items()}
    keep_checked(tmp_path, Checked(ok=True, hash=loaded().settings.hash, simulated=False, keys=marks))
    return tmp_path


def missing(
    folder: Path, found: Loaded | None = None, word: LiveWord = TYPED, *, later_ns: int = HOUR_NS, **keys: Credentials
) -> list[str]:
    return refusals(found or loaded(), word, keys or KEYS, folder, time.time_ns() + later_ns)


def test_with_all_of_it_nothing_is_missing(checked: Path) -> None:
    assert missing(checked) == []
    assert missing(checked, word=LiveWord(live=True, amount="1000.5 usdt")) == []
    assert at_stake(loaded()) == Decimal(400)


def test_all_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    found = parse(text_of({}), Path("oneprice.toml"), {})
    stake = "risk.venue_exposure_max = 200 lets 2 venues have 400 USDT at stake"
    told = refusals(found, LiveWord(live=False, amount=""), {}, tmp_path, 0)
    assert told == [
        'mode = "live" in oneprice.toml; mode is "paper" there',
        "--live on the command line",
        "ONEPRICE_BINANCE_API_KEY and ONEPRICE_BINANCE_API_SECRET in the environment, or both with _FILE",
        "ONEPRICE_GATE_API_KEY and ONEPRICE_GATE_API_SECRET in the environment, or both with _FILE",
        f"--i-understand 400USDT on the command line: {stake}",
        f"a fresh `oneprice check`: none was made on {tmp_path}",
    ]


def test_the_environment_can_take_live_back(checked: Path) -> None:
    (mode, check) = missing(checked, loaded(ONEPRICE__MODE="paper"))
    assert mode == 'mode = "live" in oneprice.toml; mode is "paper" there (ONEPRICE__MODE says "paper")'
    assert check == "a fresh `oneprice check`: the configuration has changed since the last one"


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("", "--i-understand 400USDT on the command line: risk.venue_exposure_max"),
        ("400", "--i-understand 400: that is no amount of USDT such as 400USDT"),
        ("yes", "--i-understand yes: that is no amount of USDT such as 400USDT"),
        ("400EUR", "--i-understand 400EUR: that is no amount of USDT such as 400USDT"),
        ("-400USDT", "--i-understand -400USDT: that is no amount of USDT such as 400USDT"),
        ("399.99USDT", "--i-understand 399.99USDT is less than the limits allow: risk.venue_exposure_max = 200 lets"),
    ],
)
def test_the_amount_must_cover_what_the_limits_allow(checked: Path, amount: str, words: str) -> None:
    (told,) = missing(checked, word=LiveWord(live=True, amount=amount))
    assert told.startswith(words)


@pytest.mark.parametrize(
    ("changes", "later_ns", "words"),
    [
        ({"ok": False}, 0, "the last one failed"),
        ({"simulated": True}, 0, "the last one asked simulated exchanges"),
        ({"hash": "0" * 16}, 0, "the configuration has changed since the last one"),
        ({}, 25 * HOUR_NS, "the last one was made 25 h ago, and counts for 24 h"),
        ({}, -HOUR_NS, "the last one was made in the future, by this machine's clock, and counts for 24 h"),
        ({"keys": {"binance": key_mark(KEYS["binance"])}}, 0, "the last one was made with other keys (gate)"),
    ],
)
def test_only_a_fresh_check_of_the_same_counts(
    checked: Path, changes: dict[str, object], later_ns: int, words: str
) -> None:
    told = json.loads((checked / CHECKED).read_bytes()) | changes
    (checked / CHECKED).write_bytes(msgspec.json.encode(told))
    assert missing(checked, later_ns=later_ns + 1_000_000_000) == [f"a fresh `oneprice check`: {words}"]


def test_a_check_that_cannot_be_read_does_not_count(checked: Path) -> None:
    (checked / CHECKED).write_bytes(b"{}")
    (told,) = missing(checked)
    assert "checked.json cannot be read" in told


def test_a_mark_tells_keys_apart_and_gives_none_away() -> None:
    key, secret = planted("marked")
    mark = key_mark(Credentials(key, secret))
    assert mark != key_mark(Credentials(key + "x", secret))
    assert mark not in key
    assert len(mark) == 16


# ---------------------------------------------------------------------- the command


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A live configuration with keys in the environment."""
    for venue in KEYS:
        key, secret = planted(venue)
        monkeypatch.setenv(f"ONEPRICE_{venue.upper()}_API_KEY", key)
        monkeypatch.setenv(f"ONEPRICE_{venue.upper()}_API_SECRET", secret)
    (tmp_path / "oneprice.toml").write_text(text_of(LIVE))
    return tmp_path / "oneprice.toml"


def test_a_live_file_alone_does_not_trade(invoke, live: Path, tmp_path: Path) -> None:
    result = invoke("run", "--config", str(live))
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert lines[0] == "error: live trading does not start; it also needs"
    assert [line.split()[0] for line in lines[1:-1]] == ["--live", "--i-understand", "a"]
    assert lines[-1] == "on paper instead: ONEPRICE__MODE=paper oneprice run"
    assert not (tmp_path / "data").exists()


def test_a_command_alone_does_not_trade(invoke, live: Path) -> None:
    live.write_text(text_of({}))
    result = invoke("run", "--config", str(live), "--live", "--i-understand", "400USDT", "--sim", "gate=http://x")
    assert result.exit_code == 2
    assert f'mode = "live" in {live}; mode is "paper" there' in result.stderr
    assert "no --sim: simulated exchanges are for the modes simulated and paper" in result.stderr


def test_the_environment_alone_does_not_trade(invoke, live: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live.write_text(text_of({}))
    monkeypatch.setenv("ONEPRICE__MODE", "live")
    result = invoke("run", "--config", str(live))
    assert result.exit_code == 2
    assert 'mode = "live": only the file can say live, the environment cannot (set by ONEPRICE__MODE)' in result.stderr
