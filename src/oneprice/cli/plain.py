"""How commands print: one JSON object for programs, aligned lines for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import click
import msgspec


def say(told: Mapping[str, object]) -> None:
    """One JSON object on standard output; Decimals as text."""
    click.echo(msgspec.json.encode(told).decode())


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """A table without lines. `right`: the columns that are flush right. Nothing is ever cut off."""
    table = [list(row) for row in (heads, *rows) if row]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = [
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())


def utc(wall_ns: int) -> str:
    """To the millisecond."""
    seconds, rest = divmod(wall_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest // 1_000_000:03d} UTC"


def ago(seconds: float) -> str:
    """`42 s`, `7 min`, `3.5 h`, `12 days`."""
    for limit, unit, size in ((120.0, "s", 1.0), (7_200.0, "min", 60.0), (172_800.0, "h", 3_600.0)):
        if seconds < limit:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 86_400:.0f} days"


def money(amount: str | Decimal) -> str:
    """With its sign, to six places; smaller amounts with three figures."""
    value = Decimal(amount)
    if value and abs(value) < Decimal("0.000001"):
        return f"{value:+.2e}"
    return f"{value:+,.6f}".rstrip("0").rstrip(".") if value else "0"


def short(amount: Decimal) -> str:
    """With its sign, in a few figures: `+1.04`, `-0.0031`, `+0.00000123`, `0`; for screens."""
    if not amount:
        return "0"
    digits = 2 if abs(amount) >= 1 else 4 if abs(amount) >= Decimal("0.001") else 8
    text = f"{amount:+,.{digits}f}"
    if digits == 8:
        text = text.rstrip("0")
    return text if any(digit in "123456789" for digit in text) else f"{amount:+.1e}"


def figure(amount: str | Decimal) -> str:
    """Without an exponent, and without zeros at its end."""
    text = f"{Decimal(amount):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
