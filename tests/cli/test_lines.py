"""What a run prints without a terminal."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from oneprice.cli import watching
from oneprice.cli.watching import Lines
from oneprice.trade.switches import Switches


async def test_what_came_after_the_last_look_is_told_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "state_line", lambda *_: "how it stands")
    switches, alarms = Switches(), ["feed: gone"]
    desk = SimpleNamespace(switches=switches, clock=SimpleNamespace(monotonic_ns=lambda: 1))
    heard = SimpleNamespace(new_deals=list, new_alarms=lambda: [alarms.pop() for _ in list(alarms)])
    lines = Lines(cast(Any, SimpleNamespace(desk=desk)), cast(Any, heard), "USDT", to_stderr=False)
    await lines.look()
    told = capsys.readouterr()
    assert (told.out, told.err) == ("how it stands\n", "alarm: feed: gone\n")
    switches.kill = "signal SIGUSR2"
    lines.close()
    lines.close()
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "KILLED: signal SIGUSR2\n")
