"""Durations on the command line: `30s`, `5m`, `1h`, `500ms`, or a bare number of seconds."""

from __future__ import annotations

import re
from typing import Final

import click

UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "": 1.0}


class Duration(click.ParamType[float]):
    """Seconds, above zero."""

    name = "duration"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Raises a usage error that shows the allowed forms."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)", str(value).strip())
        seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
        if seconds <= 0:
            self.fail(f"{value!r} is not a duration above 0 such as 30s, 5m, 1h or 500ms", param, ctx)
        return seconds


DURATION: Final = Duration()
