"""Options that say which recordings to read, and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from oneprice.errors import ConfigError

if TYPE_CHECKING:
    from oneprice.research.sources import Source

F = TypeVar("F", bound=Callable[..., Any])

FEES_BPS_MAX = 1_000


class Bps(click.ParamType[Decimal]):
    """Basis points, exact."""

    name = "bps"

    def convert(self, value: str | Decimal, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Raises a usage error for what is no number from 0 to 1000."""
        try:
            found = Decimal(value)
        except InvalidOperation:
            found = Decimal("NaN")
        if not found.is_finite() or not 0 <= found <= FEES_BPS_MAX:
            self.fail(f"{value!r} is not a number of basis points from 0 to {FEES_BPS_MAX}", param, ctx)
        return found


def engine_options(command: F) -> F:
    """`--symbols`, `--quotes`, `--fees-bps`, `--contract-size`."""
    for option in (
        click.option(
            "--contract-size",
            "contract_sizes",
            multiple=True,
            metavar="LISTING=COINS",
            help="Coins in one contract, where a recording does not tell.",
        ),
        click.option("--fees-bps", type=Bps(), help="Taker fees of both legs together. [default: the venues']"),
        click.option(
            "--quotes",
            type=click.Choice(["bba", "depth"]),
            default="bba",
            show_default=True,
            help="Compare best-bid-ask frames, or the tops of the books.",
        ),
        click.option("--symbols", default="", metavar="BASE/QUOTE,..", help="Only these, such as BTC/USDT,ETH/USDT."),
    ):
        command = option(command)
    return command


def open_all(places: Sequence[str], symbols: Sequence[str]) -> list[Source]:
    """All recordings that were named. One file is read once, however often it is named."""
    from oneprice.research.names import parse_place
    from oneprice.research.sources import open_place

    found: list[Source] = []
    done: set[tuple[Path, str]] = set()
    for text in places:
        place = parse_place(text)
        for source in open_place(place, symbols):
            key = (source.path.resolve(), source.header.name)
            if key not in done:
                done.add(key)
                found.append(source)
    return found


def parse_sizes(texts: Sequence[str]) -> dict[str, Decimal]:
    """`LISTING=COINS` pairs. Raises ConfigError."""
    found = {}
    for text in texts:
        name, _, figure = text.partition("=")
        try:
            size = Decimal(figure)
        except InvalidOperation:
            size = Decimal("NaN")
        if not name or not size.is_finite() or size <= 0:
            raise ConfigError(f"--contract-size {text!r} is not LISTING=COINS, such as gate-usdm:LUNC/USDT=10000")
        found[name] = size
    return found
