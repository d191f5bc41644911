"""A wrong configuration names the key, the value and what is allowed, and starts nothing."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.config.bad import BAD, GOOD, text_of

from oneprice.config import parse
from oneprice.errors import ConfigError

PLACE = Path("oneprice.toml")
VENUES = {"binance": ["spot", "usdm"], "gate": ["spot", "usdm"], "mexc": ["spot", "usdm"]}


def refusal(text: str, environment: dict[str, str] | None = None) -> list[str]:
    """The lines that a file is refused with."""
    with pytest.raises(ConfigError) as told:
        parse(text, PLACE, environment or {}, VENUES)
    return str(told.value).splitlines()


@pytest.mark.parametrize(("changes", "words"), BAD, ids=[words.partition(" ")[0] for _, words in BAD])
def test_a_bad_configuration_is_refused_in_these_words(changes: dict[str, str], words: str) -> None:
    assert refusal(text_of(changes)) == ["oneprice.toml: 1 problem", f"  {words}"]


def test_there_are_many_of_them_and_the_good_one_is_good() -> None:
    assert len(BAD) >= 60
    assert parse(text_of({}), PLACE, {}, VENUES).settings.markets == ("binance-spot", "gate-spot")


def test_all_problems_are_told_at_once() -> None:
    lines = refusal(text_of({"risk.max_ordr": "3", "mode": '"papr"', "risk.cooldown_ms": '"1"', "venues.gate.x": "1"}))
    assert lines[0] == "oneprice.toml: 4 problems"
    assert [line.split()[0] for line in lines[1:]] == ["mode", "venues.gate.x:", "risk.max_ordr:", "risk.cooldown_ms"]


def test_the_value_of_an_unknown_key_is_never_repeated() -> None:
    for key in ("apikey", "risk.secret_", "venues.gate.private_key", "venues.gate.pass_word", "nonsense", "paths.toke"):
        assert "hunter2" not in "".join(refusal(text_of({key: '"hunter2"'})))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("mode = ", "end of document"),
        ("mode = paper", "line 1, column 8"),
        ("mode = 'paper'\nmode = 'live'\n", "line 2, column 14"),
        ("\n[risk\n", "line 2, column 6"),
        ("x = " + "[" * 5_000, "nested too deeply"),
    ],
)
def test_what_is_no_toml_is_told_by_its_place(text: str, place: str) -> None:
    (line,) = refusal(text)
    assert line.startswith("oneprice.toml is no TOML: ")
    assert place in line


@given(st.dictionaries(st.sampled_from([*GOOD, "risk", "risk.x", "strategy.cross", "venues.gate", "paper.funds"]),
                       st.sampled_from(["1", "-1", "''", "[]", "{}", "true", "nan", "[[]]", "{a = {b = 1}}", "1.5"]),
                       max_size=4))  # fmt: skip
def test_whatever_a_file_says_it_is_accepted_or_refused(changes: dict[str, str]) -> None:
    with contextlib.suppress(ConfigError):
        assert parse(text_of(changes), PLACE, {}, VENUES).settings.markets
