"""API keys from the environment or from files; nothing that they hold is ever repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from oneprice.config import credentials_of
from oneprice.errors import ConfigError

CANARY = "canary-secret-0123456789"


def test_no_variables_are_no_credentials() -> None:
    assert credentials_of("gate", {"ONEPRICE_BINANCE_API_KEY": "k"}) is None


def test_both_variables_are_credentials() -> None:
    found = credentials_of("gate", {"ONEPRICE_GATE_API_KEY": "key", "ONEPRICE_GATE_API_SECRET": CANARY})
    assert found is not None
    assert found.api_key == "key"
    assert CANARY not in repr(found)


def test_a_file_may_stand_for_a_variable(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{CANARY}\n")
    environment = {"ONEPRICE_GATE_API_KEY": "key", "ONEPRICE_GATE_API_SECRET_FILE": str(tmp_path / "secret")}
    found = credentials_of("gate", environment)
    assert found is not None
    assert found.hmac_hex("sha256")(b"x") == _signed(CANARY)


def _signed(secret: str) -> str:
    found = credentials_of("x", {"ONEPRICE_X_API_KEY": "key", "ONEPRICE_X_API_SECRET": secret})
    assert found is not None
    return found.hmac_hex("sha256")(b"x")


def test_half_a_pair_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ONEPRICE_GATE_API_KEY is missing") as told:
        credentials_of("gate", {"ONEPRICE_GATE_API_SECRET": CANARY})
    assert CANARY not in str(told.value)
    with pytest.raises(ConfigError, match="ONEPRICE_GATE_API_SECRET is missing"):
        credentials_of("gate", {"ONEPRICE_GATE_API_KEY": "key"})


def test_variable_and_file_at_once_are_refused(tmp_path: Path) -> None:
    both = {"ONEPRICE_GATE_API_SECRET": CANARY, "ONEPRICE_GATE_API_SECRET_FILE": str(tmp_path / "none")}
    with pytest.raises(ConfigError, match="both set") as told:
        credentials_of("gate", {"ONEPRICE_GATE_API_KEY": "key", **both})
    assert CANARY not in str(told.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name, why in (("none", "No such file"), ("binary", "no text")):
        environment = {"ONEPRICE_GATE_API_KEY": "key", "ONEPRICE_GATE_API_SECRET_FILE": str(tmp_path / name)}
        with pytest.raises(ConfigError, match=why):
            credentials_of("gate", environment)
