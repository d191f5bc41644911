"""Every wrong configuration, as a user meets it: told in words, exit code 2, and nothing is started or made."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.config.bad import BAD, text_of


@pytest.mark.parametrize(("changes", "words"), BAD, ids=[words.partition(" ")[0] for _, words in BAD])
def test_a_run_with_it_starts_nothing(
    invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], words: str
) -> None:
    started: list[object] = []
    monkeypatch.setattr("oneprice.cli.loop.run", started.append)
    path = tmp_path / "oneprice.toml"
    path.write_text(text_of(changes))
    result = invoke("run", "--config", str(path))
    assert result.exit_code == 2
    assert result.stderr == f"error: {path}: 1 problem\n  {words}\n"
    assert started == []
    assert [one.name for one in tmp_path.iterdir()] == ["oneprice.toml"]
