"""Figures as people read them: short, aligned, never more exact than they are."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal


def bps(value: float) -> str:
    """`+4.3`, `-0.2`: basis points with their sign."""
    return f"{value:+.1f}"


def amount(value: Decimal, digits: int = 5) -> str:
    """That many digits that count, never in powers of ten: `0.02134`, `1,310.5`, `2,500,000`."""
    if value == 0:
        return "0"
    digits_before = value.copy_abs().adjusted() + 1
    rounded = round(value, max(0, digits - digits_before))
    text = f"{rounded:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def span(milliseconds: float) -> str:
    """`85 ms`, `1.4 s`, `75 s`, `12 min`."""
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1_000
    if seconds < 600:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def latency(milliseconds: float | None) -> str:
    """`0.4`, `12`, `-` for not known; in milliseconds."""
    if milliseconds is None:
        return "-"
    return f"{milliseconds:.1f}" if abs(milliseconds) < 10 else f"{milliseconds:,.0f}"


def clock(wall_ns: int) -> str:
    """Local time of day, `12:00:07`."""
    return dt.datetime.fromtimestamp(wall_ns // 1_000_000_000).astimezone().strftime("%H:%M:%S")


def counted(counts: dict[str, int]) -> str:
    """`3 silent, 1 gap`, most first; empty when nothing is counted."""
    there = sorted(((count, name) for name, count in counts.items() if count), key=lambda pair: (-pair[0], pair[1]))
    return ", ".join(f"{count} {name}" for count, name in there)
