"""`oneprice check`, against simulated exchanges."""

from __future__ import annotations

import json
import stat
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import Result
from tests.canaries import planted
from tests.config.bad import BAD, text_of

from oneprice.cli.checking import judge_key, smallest_order
from oneprice.config import Settings, parse
from oneprice.model import AssetName, ExchangeName, KeyPermissions, MarketKind, Symbol, SymbolInfo

Checked = Callable[..., Result]


@pytest.fixture
def check(invoke, sims: dict[str, str], tmp_path: Path) -> Checked:
    """Check a configuration with some changes against the simulated exchanges."""
    urls = [part for venue, url in sims.items() for part in ("--sim", f"{venue}={url}")]

    def run(*arguments: str, **changes: str) -> Result:
        named = {key.replace("__", "."): value for key, value in changes.items()}
        (tmp_path / "oneprice.toml").write_text(text_of(named))
        return invoke("check", "--config", str(tmp_path / "oneprice.toml"), *urls, *arguments)

    return run


def open_account(url: str, key: str, secret: str, *rights: str) -> None:
    order = {"key": key, "secret": secret, "rights": rights, "funds": {"spot": {"USDT": "5"}}}
    request = urllib.request.Request(f"{url}/_sim/account", json.dumps(order).encode(), method="POST")
    urllib.request.urlopen(request, timeout=5).close()


def test_a_good_configuration_shows_what_trading_costs(check, tmp_path: Path) -> None:
    result = check()
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines() if "BTC/USDT" in line]
    assert [row[:4] for row in rows] == [
        ["binance-spot", "BTC/USDT", "10", "10"],
        ["gate-spot", "BTC/USDT", "10", "10"],
    ]
    assert result.stdout.splitlines()[-1] == "ok"
    kept = tmp_path / "data" / "checked.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    told = json.loads(kept.read_text())
    assert (told["ok"], told["simulated"], sorted(told["keys"])) == (True, True, ["binance", "gate"])


def test_json_is_one_object_with_exact_amounts(check) -> None:
    told = json.loads(check("--json").stdout)
    assert told["ok"]
    assert [one["market"] for one in told["markets"]] == ["binance-spot", "gate-spot"]
    (row,) = told["markets"][1]["listings"]
    assert (row["symbol"], row["tick_size"], row["own_fees"], row["note"]) == ("BTC/USDT", "0.1", True, "")
    assert Decimal(row["order_min"]) >= 3


def test_a_symbol_that_nobody_lists_fails(check, tmp_path: Path) -> None:
    result = check(symbols='["BTC/USDT", "NOPE/USDT"]')
    assert result.exit_code == 1
    assert "FAIL  symbols: none of the markets lists NOPE/USDT" in result.stdout
    assert "gate-spot does not list NOPE/USDT" in result.stdout
    assert not json.loads((tmp_path / "data" / "checked.json").read_text())["ok"]


def test_orders_that_are_too_small_for_a_market_are_told(check) -> None:
    result = check(risk__order_notional_max="2", risk__unhedged_notional_max="2", risk__venue_exposure_max="5")
    assert result.exit_code == 1
    assert "its smallest order is above risk.order_notional_max = 2" in result.stdout
    assert "FAIL  strategy.cross: no symbol can be traded on two spot markets" in result.stdout


def test_a_key_that_can_withdraw_is_refused_unless_the_file_says_so(check, sims, monkeypatch) -> None:
    key, secret = planted("withdraws")
    open_account(sims["gate"], key, secret, "read", "trade", "withdraw")
    monkeypatch.setenv("ONEPRICE_SIM_GATE_API_KEY", key)
    monkeypatch.setenv("ONEPRICE_SIM_GATE_API_SECRET", secret)
    result = check()
    assert result.exit_code == 1
    assert "FAIL  gate-spot: its key can withdraw: whoever reads it has the money" in result.stdout
    assert "withdraws yes" in result.stdout
    result = check(live__allow_withdraw_keys='["gate"]')
    assert result.exit_code == 0
    assert "warn  gate-spot: its key can withdraw, and the configuration allows that" in result.stdout


def test_a_key_that_the_venue_does_not_know_is_a_venue_error(check, monkeypatch) -> None:
    key, secret = planted("unknown")
    monkeypatch.setenv("ONEPRICE_SIM_GATE_API_KEY", key)
    monkeypatch.setenv("ONEPRICE_SIM_GATE_API_SECRET", secret)
    result = check()
    assert result.exit_code == 3
    assert "FAIL  gate-spot: gate-spot: " in result.stdout


def test_a_venue_that_does_not_answer_is_a_venue_error(invoke, tmp_path: Path) -> None:
    (tmp_path / "oneprice.toml").write_text(text_of({}))
    nobody = [part for venue in ("binance", "gate") for part in ("--sim", f"{venue}=http://127.0.0.1:9")]
    result = invoke("check", "--config", str(tmp_path / "oneprice.toml"), *nobody)
    assert result.exit_code == 3
    assert "FAIL  gate-spot: " in result.stdout


def test_real_keys_never_go_to_a_simulated_exchange(check, monkeypatch) -> None:
    key, secret = planted("real")
    monkeypatch.setenv("ONEPRICE_GATE_API_KEY", key)
    monkeypatch.setenv("ONEPRICE_GATE_API_SECRET", secret)
    assert check().exit_code == 0  # that key would have been refused


def test_live_wants_keys(check) -> None:
    """A check of a live configuration against simulated exchanges says so, and does not count."""
    told = json.loads(check("--json", mode='"live"').stdout)
    assert told["mode"] == "live"
    assert all(one["simulated"] for one in told["markets"])


def test_mode_simulated_starts_exchanges_of_its_own(invoke, tmp_path: Path) -> None:
    (tmp_path / "oneprice.toml").write_text(text_of({"mode": '"simulated"'}))
    told = json.loads(invoke("check", "--config", str(tmp_path / "oneprice.toml"), "--json").stdout)
    assert told["ok"]
    assert [one["simulated"] for one in told["markets"]] == [True, True]
    assert all(one["key"]["permissions"]["can_trade"] for one in told["markets"])


def test_what_was_overridden_is_said(check, monkeypatch) -> None:
    monkeypatch.setenv("ONEPRICE__RISK__COOLDOWN_MS", "7")
    assert "risk.cooldown_ms is set by ONEPRICE__RISK__COOLDOWN_MS" in check().stdout


@pytest.mark.parametrize(("changes", "words"), BAD, ids=[words.partition(" ")[0] for _, words in BAD])
def test_a_wrong_configuration_starts_nothing(invoke, tmp_path: Path, changes: dict[str, str], words: str) -> None:
    path = tmp_path / "oneprice.toml"
    path.write_text(text_of(changes))
    result = invoke("run", "--config", str(path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"error: {path}: 1 problem\n  {words}\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_wrong_configuration_is_told_to_programs_too(invoke, tmp_path: Path) -> None:
    changes, words = BAD[0]
    (tmp_path / "oneprice.toml").write_text(text_of(changes))
    result = invoke("check", "--config", str(tmp_path / "oneprice.toml"), "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout) == {
        "ok": False,
        "errors": [f"{tmp_path / 'oneprice.toml'}: 1 problem", f"  {words}"],
    }


def test_without_a_configuration_it_says_how_to_make_one(invoke, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    result = invoke("check")
    assert result.exit_code == 2
    assert "`oneprice init` writes one, --config names another" in result.stderr


# ---------------------------------------------------------------------- judgements


def settings(**changes: str) -> Settings:
    return parse(text_of(changes), Path("x"), {}).settings


@pytest.mark.parametrize(
    ("told", "failures", "warnings"),
    [
        ({"can_read": True, "can_trade": True, "can_withdraw": False, "ip_restricted": True}, [], []),
        ({"can_withdraw": None}, [], ["the venue does not tell whether its key can withdraw: look it up there"]),
        ({"can_withdraw": False, "can_read": False}, ["its key cannot read the account"], []),
        ({"can_withdraw": False, "can_trade": False}, [], ["its key cannot trade here"]),
        ({"can_withdraw": False, "can_transfer": True}, [], ["its key can move money between accounts"]),
        (
            {"can_withdraw": False, "ip_restricted": False},
            [],
            ["its key works from any address: bind it to this machine's"],
        ),
        ({"can_withdraw": False, "expires_ns": 5}, ["its key has expired"], []),
        ({"can_withdraw": False, "expires_ns": 86_400_000_000_010}, [], ["its key expires in 1.0 days"]),
    ],
)
def test_what_a_key_may_do_is_judged(told: dict[str, bool], failures: list[str], warnings: list[str]) -> None:
    assert judge_key(KeyPermissions(**told), "gate", settings(), 10) == (failures, warnings)


def test_to_trade_the_key_must_be_able_to() -> None:
    told = KeyPermissions(can_withdraw=False, can_trade=False)
    assert judge_key(told, "gate", settings(mode='"live"'), 0)[0] == ["its key cannot trade here"]


@pytest.mark.parametrize(
    ("rules", "price", "worth"),
    [
        ({"lot_size": "0.1", "min_quantity": "0.3"}, "10", "3"),
        ({"lot_size": "0.1", "min_notional": "5"}, "10", "5"),
        ({"lot_size": "0.1", "min_notional": "5.01"}, "10", "6"),
        ({"lot_size": "1", "min_quantity": "1", "contract_size": "0.001"}, "50000", "50"),
        ({"lot_size": "0.25"}, "8", "2"),
    ],
)
def test_the_smallest_order_follows_every_rule(rules: dict[str, str], price: str, worth: str) -> None:
    info = SymbolInfo(
        venue=ExchangeName("gate"),
        market=MarketKind.SPOT,
        symbol=Symbol(AssetName("BTC"), AssetName("USDT")),
        venue_symbol="BTC_USDT",
        tick_size=Decimal(1),
        **{name: Decimal(value) for name, value in rules.items()},
    )
    assert smallest_order(info, Decimal(price)) == Decimal(worth)
