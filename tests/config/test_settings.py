"""From a file and the environment to settings."""

from __future__ import annotations

import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from tests.config.bad import text_of

from oneprice.config import Settings, load, parse
from oneprice.config.allowed import CHOICES, EXAMPLES, RANGES
from oneprice.config.reading import kind_at, paths_of
from oneprice.config.template import TEMPLATE
from oneprice.errors import ConfigError
from oneprice.model import AssetName
from oneprice.trade.settings import TradeSettings

PLACE = Path("folder/oneprice.toml")


def settings(changes: dict[str, str] | None = None, **environment: str) -> Settings:
    return parse(text_of(changes or {}), PLACE, environment).settings


def refused(**environment: str) -> str:
    with pytest.raises(ConfigError) as told:
        settings(**environment)
    return str(told.value).partition("\n")[2].strip()


# ---------------------------------------------------------------------- the file


def test_what_a_file_does_not_say_is_small_and_safe() -> None:
    found = settings()
    assert found.trade_settings == TradeSettings()
    assert found.mode == "paper"
    assert found.paper.funds["USDT"] == 10_000
    assert found.live.allow_withdraw_keys == ()


def test_numbers_are_exact() -> None:
    found = settings({"risk.order_notional_max": "50.1", "venues.gate.fees.spot_taker_bps": "0.3"})
    assert found.risk.order_notional_max == Decimal("50.1")
    assert found.market_config.taker_fee_bps == {"gate-spot": Decimal("0.3")}


def test_the_feeds_are_told_what_the_file_says() -> None:
    changes = {
        "symbols": '["BTC/USDT", "ETH/USDT", "ETH/BTC"]',
        "venues.gate.symbols": '["BTC/USDT"]',
        "venues.binance.fees.spot_maker_bps": "-1",
        "strategy.triangular": "{ enabled = true, min_net_bps = 2 }",
    }
    config = settings(changes).market_config.checked()
    assert config.markets == ("binance-spot", "gate-spot")
    assert config.symbols_at("gate-spot") == ("BTC/USDT",)
    assert config.symbols_at("binance-spot") == ("BTC/USDT", "ETH/USDT", "ETH/BTC")
    assert config.min_net_bps == 2.0
    assert config.triangles
    assert config.order_notional_max == 50
    assert settings(changes).maker_fee_bps == {"binance-spot": Decimal(-1)}


def test_the_data_folder_is_relative_to_the_file() -> None:
    found = parse(text_of({"paths.data": '"./data"'}), PLACE, {})
    assert found.data == Path("folder/data").absolute()
    assert parse(text_of({}), PLACE, {}).data is None


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read: No such file"):
        load(tmp_path / "none.toml", {})
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, {})
    (tmp_path / "binary").write_bytes(b"mode = '\xff'")
    with pytest.raises(ConfigError, match=r"is no text in UTF-8 \(byte 8\)"):
        load(tmp_path / "binary", {})
    (tmp_path / "large").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(ConfigError, match="that is no configuration"):
        load(tmp_path / "large", {})


# ---------------------------------------------------------------------- the hash


def test_the_hash_names_the_settings_and_not_their_place() -> None:
    same = [settings(), settings({"paths.data": '"/elsewhere"'}), settings({"risk.cooldown_ms": "500"})]
    assert len({one.hash for one in same}) == 1
    other = [settings({"risk.cooldown_ms": "501"}), settings({"mode": '"live"'}), settings(ONEPRICE__MODE="simulated")]
    assert len({one.hash for one in [*same, *other]}) == 4
    assert re.fullmatch(r"[0-9a-f]{16}", settings().hash)


def test_the_hash_is_the_same_in_every_process() -> None:
    code = (
        "from pathlib import Path; from oneprice.config import parse; from oneprice.config.template import TEMPLATE;"
        "print(parse(TEMPLATE, Path('x'), {}).settings.hash)"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert told == {parse(TEMPLATE, Path("x"), {}).settings.hash}


# ---------------------------------------------------------------------- the environment


def test_the_environment_overrides_any_key() -> None:
    found = settings(
        ONEPRICE__RISK__DAILY_LOSS_MAX="15.5",
        ONEPRICE__STRATEGY__CROSS__MIN_NET_BPS="7",
        ONEPRICE__SYMBOLS="BTC/USDT, ETH/USDT",
        ONEPRICE__VENUES__GATE__MARKETS='["spot", "usdm"]',
        ONEPRICE__VENUES__MEXC__MARKETS="spot",
        ONEPRICE__PAPER__FUNDS__BTC="0.25",
        ONEPRICE__PAPER__FUNDS__USDT="7",
        ONEPRICE__PATHS__DATA="7",
        ONEPRICE__STRATEGY__CARRY__ENABLED="true",
        ONEPRICE_DATA_DIR="unread",
    )
    assert found.risk.daily_loss_max == Decimal("15.5")
    assert found.strategy.cross.min_net_bps == 7.0
    assert found.symbols == ("BTC/USDT", "ETH/USDT")
    assert found.markets == ("binance-spot", "gate-spot", "gate-usdm", "mexc-spot")
    assert found.paper.funds == {"BTC": Decimal("0.25"), "USDT": Decimal(7)}
    assert found.paths.data == "7"
    assert found.strategy.carry.enabled


def test_what_was_overridden_is_known() -> None:
    found = parse(text_of({}), PLACE, {"ONEPRICE__RISK__COOLDOWN_MS": "7"})
    assert found.overrides == {"risk.cooldown_ms": "ONEPRICE__RISK__COOLDOWN_MS"}


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("RISK__DAILY_LOSS_LIMIT", "15", "risk.daily_loss_limit: no such key; did you mean risk.daily_loss_max?"),
        (
            "RISK__DAILY_LOSS_MAX",
            "lots",
            'risk.daily_loss_max = "lots": must be a number from 0.01 to 10000000, in base_currency',
        ),
        ("RISK", "1", 'risk = "1": must be a section: [risk]'),
        ("RISK__", "1", "risk.: no such key; risk may hold"),
        ("STRATEGY__CROSS__ENABLED", "yes", 'strategy.cross.enabled = "yes": must be true or false'),
        ("MODE", "live", 'mode = "live": only the file can say live, the environment cannot'),
        ("LIVE__ALLOW_WITHDRAW_KEYS", "gate", "live.allow_withdraw_keys: only the file can say this"),
        ("VENUES__GATE__API_KEY", "hunter2", "venues.gate.api_key: keys and secrets are not kept in this file"),
        ("TRADE__DEAD_MAN_S", "3\nx = 4", 'trade.dead_man_s = "3\\nx = 4": must be a whole number'),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str, words: str) -> None:
    told = refused(**{f"ONEPRICE__{variable}": value})
    assert told.startswith(words)
    assert told.endswith(f"(set by ONEPRICE__{variable})")
    assert "hunter2" not in told


def test_the_environment_may_make_a_live_file_harmless() -> None:
    live = text_of({"mode": '"live"'})
    assert parse(live, PLACE, {"ONEPRICE__MODE": "paper"}).settings.mode == "paper"
    assert parse(live, PLACE, {"ONEPRICE__MODE": "live"}).settings.mode == "live"


# ---------------------------------------------------------------------- the tables and the template


def test_every_key_has_its_table_of_what_is_allowed() -> None:
    known = set(paths_of(Settings))
    for path in known:
        kind = kind_at(Settings, path.split("."))
        if kind in (int, float, Decimal):
            assert path in RANGES, path
        elif kind is str:
            assert path in CHOICES or path in EXAMPLES, path
    assert (set(RANGES) | set(CHOICES) | set(EXAMPLES)) <= known


def test_the_template_holds_every_key_with_its_default() -> None:
    found = parse(TEMPLATE, PLACE, {}).settings
    assert found.trade_settings == TradeSettings()
    assert (found.trade, found.feeds, found.account, found.live) == (
        type(found.trade)(),
        type(found.feeds)(),
        type(found.account)(),
        type(found.live)(),
    )
    assert found.paper == type(found.paper)()
    known = list(paths_of(Settings))
    for path in known:
        if not any(other.startswith(f"{path}.") for other in known):
            key = path.removesuffix(".*").rpartition(".")[2]
            assert re.search(rf"\b{key} = ", TEMPLATE), path


def test_every_line_of_the_template_fits_a_screen() -> None:
    assert max(map(len, TEMPLATE.splitlines())) <= 120
    assert AssetName("USDT") in TEMPLATE
