"""`oneprice verify`: the compliance kit against one venue, simulated or live."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from oneprice import __version__
from oneprice.errors import ConfigError

if TYPE_CHECKING:
    from oneprice.cli.subjects import Asked
    from oneprice.verify import Bench, Card, CardResult
    from oneprice.verify.report import Report

OWN = "own"
COLOURS = {"pass": "green", "fail": "red", "skip": "bright_black"}


@click.command()
@click.argument("venue", required=False)
@click.option("--live", is_flag=True, help="The venue's own hosts. Reads only, unless --trade is given too.")
@click.option(
    "--sim",
    is_flag=False,
    flag_value=OWN,
    metavar="[URL]",
    help="A simulated exchange: one of its own (the default), or the one that runs at URL.",
)
@click.option("--markets", default="", help="spot,usdm; all of them when not given.")
@click.option("--symbol", default="BTC/USDT", show_default=True, help="What most cards look at.")
@click.option("--card", "numbers", type=int, multiple=True, metavar="N", help="Only this card; may be repeated.")
@click.option("--trade", is_flag=True, help="Live: place small orders as well; wants --cap.")
@click.option("--cap", default="", metavar="QUOTE", help="What one order may be worth, such as 50.")
@click.option("--json", "json_file", metavar="FILE", help="Write one JSON object; - is standard output.")
@click.option("--html", "html_file", type=click.Path(path_type=Path, dir_okay=False), help="Write a page to read.")
@click.option("--card-seconds", "card_s", type=click.FloatRange(1, 600), default=30.0, show_default=True)
@click.option("--list", "list_only", is_flag=True, help="List all cards and try none.")
def verify(
    venue: str | None,
    live: bool,
    sim: str | None,
    markets: str,
    symbol: str,
    numbers: tuple[int, ...],
    trade: bool,
    cap: str,
    json_file: str | None,
    html_file: Path | None,
    card_s: float,
    list_only: bool,
) -> int:
    """Try VENUE, card by card: public and private REST, streams, errors, limits, reconnection, data, latency.

    By default on a simulated exchange that speaks VENUE's wire protocol, where faults are switched on too; with --live
    on the venue itself. Exit code 0 when no card failed (skipped ones are allowed), 1 when one did, 3 when the venue
    cannot be reached.
    """
    from oneprice.cli.loop import run

    cards = chosen_cards(numbers)
    if list_only:
        _list(cards, json_file)
        return 0
    asked = _asked(venue, live, sim, markets, symbol, trade, cap, card_s)
    report = run(_verify(asked, cards))
    return _tell(report, json_file, html_file)


def chosen_cards(numbers: Sequence[int]) -> list[Card]:
    """Those with the numbers, all when there are none. Raises ConfigError."""
    from oneprice.verify import all_cards

    cards = {card.number: card for card in all_cards()}
    unknown = [str(number) for number in numbers if number not in cards]
    if unknown:
        raise ConfigError(f"no card {', '.join(unknown)}: oneprice verify --list shows all")
    return [cards[number] for number in sorted(set(numbers))] if numbers else list(cards.values())


def _asked(
    venue: str | None,
    live: bool,
    sim: str | None,
    markets: str,
    symbol: str,
    trade: bool,
    cap: str,
    card_s: float,
) -> Asked:
    """What is to be tried. Raises ConfigError for what does not go together."""
    from oneprice.cli.subjects import Asked, kinds_of

    if venue is None:
        raise ConfigError("which venue? Such as: oneprice verify binance (oneprice venues shows all)")
    if live and sim is not None:
        raise ConfigError("--live and --sim: choose one")
    if sim is not None and sim != OWN and not sim.startswith(("http://", "https://")):
        raise ConfigError(f"--sim {sim!r} is no URL such as http://127.0.0.1:9001; write the venue before --sim")
    if trade and not live:
        raise ConfigError("--trade is for --live; on a simulated exchange orders are always placed")
    if live and trade is not bool(cap):
        raise ConfigError("--trade and --cap belong together: --trade --cap 50 lets each order be worth 50 at most")
    base, _, quote = symbol.partition("/")
    if not base or not quote or symbol != symbol.upper():
        raise ConfigError(f"--symbol {symbol!r} is not BASE/QUOTE in capitals, such as BTC/USDT")
    kinds = kinds_of(venue, [name.strip() for name in markets.split(",") if name.strip()])
    url = "" if sim in (None, OWN) else str(sim).rstrip("/")
    return Asked(venue, kinds, symbol, live, url, _amount(cap) if cap else None, card_s)


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0:
        raise ConfigError(f"--cap {text!r} is not an amount above 0 such as 50")
    return amount


async def _verify(asked: Asked, cards: Sequence[Card]) -> Report:
    """Every card on every market, one after the other. Raises NetworkError, ExchangeAPIError when nobody answers."""
    from oneprice.cli.subjects import benches
    from oneprice.venues.kit import find_venue
    from oneprice.verify import run_cards
    from oneprice.verify.report import Report

    reports = []
    async with benches(asked) as made:
        for bench in made:
            await bench.public.server_time()
        for bench in made:
            click.echo(_heading(bench, len(cards)), err=True)
            reports.append(await run_cards(bench, cards, done=_progress))
    title = find_venue(asked.venue).title
    return Report(venue=asked.venue, title=title, oneprice=__version__, markets=tuple(reports))


def _heading(bench: Bench, count: int) -> str:
    where = "LIVE" if bench.faults is None else "simulated"
    return f"{bench.name} ({where}), {count} cards, {bench.symbol}"


def _progress(result: CardResult) -> None:
    word = click.style(f"{result.verdict.value:<4}", fg=COLOURS[result.verdict.value])
    click.echo(f"  {result.number}  {word}  {result.seconds:6.2f} s  {result.title}", err=True)
    if result.verdict.value == "fail":
        click.echo(f"                       {result.saw}", err=True)


def _tell(report: Report, json_file: str | None, html_file: Path | None) -> int:
    """Write what was asked for; the table for people unless standard output has the JSON."""
    from oneprice.verify.report import as_html, as_json

    if html_file is not None:
        _write(html_file, as_html(report).encode())
    if json_file == "-":
        click.echo(as_json(report).decode())
    else:
        if json_file is not None:
            _write(Path(json_file), as_json(report))
        _table(report)
    if html_file is not None:
        click.echo(f"page: {html_file}", err=True)
    return 0 if report.ok else 1


def _write(path: Path, text: bytes) -> None:
    try:
        path.write_bytes(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def _table(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    from oneprice.verify import Verdict

    console = Console(width=None if sys.stdout.isatty() else 132)
    table = Table(title=f"{report.title}, {report.subject}", title_justify="left", show_edge=False)
    for heading in ("market", "cards", "passed", "failed", "skipped", "seconds"):
        table.add_column(heading, justify="left" if heading == "market" else "right")
    for market in report.markets:
        counts = [market.count(verdict) for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.SKIP)]
        seconds = sum(result.seconds for result in market.results)
        table.add_row(market.market, str(len(market.results)), *map(str, counts), f"{seconds:.1f}")
    console.print(table)
    for market in report.markets:
        for result in market.failed:
            console.print(
                f"  [red]fail[/]  {market.market} {result.number} {result.title}", highlight=False, soft_wrap=True
            )
            console.print(f"        {result.saw}", highlight=False, markup=False, soft_wrap=True)


def _list(cards: Sequence[Card], json_file: str | None) -> None:
    if json_file is not None:
        told = [
            {
                "number": card.number,
                "area": card.area.value,
                "title": card.title,
                "does": card.does,
                "needs": sorted(need.value for need in card.needs),
            }
            for card in cards
        ]
        text = msgspec.json.encode({"cards": told}).decode()
        click.echo(text) if json_file == "-" else _write(Path(json_file), text.encode())
        return
    area = None
    for card in cards:
        if card.area is not area:
            area = card.area
            click.echo(f"{area.value}")
        click.echo(f"  {card.number}  {card.title}")
