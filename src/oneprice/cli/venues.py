"""`oneprice venues`: the capability matrix, read from the venue folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

if TYPE_CHECKING:
    from rich.table import Table

    from oneprice.venues.kit import PrivateMarket, PublicMarket, Support, Venue


@click.command()
@click.argument("names", nargs=-1, metavar="[VENUE]...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def venues(names: tuple[str, ...], as_json: bool) -> None:
    """What each venue supports: the capability matrix of all, or the details of those named."""
    from oneprice.venues.kit import find_venue, find_venues

    chosen = [find_venue(name) for name in names] if names else list(find_venues().values())
    if as_json:
        click.echo(msgspec.json.encode({"venues": [_described(venue) for venue in chosen]}).decode())
        return
    from rich.console import Console

    console = Console()
    if not names:
        console.print(_matrix(chosen))
        console.print("  details: oneprice venues VENUE", highlight=False)
        return
    for venue in chosen:
        console.print(f"{venue.title}  {venue.documentation}", highlight=False)
        for market in _markets(venue):
            console.print(_details(market, _account(venue, market)))


def _markets(venue: Venue) -> list[PublicMarket]:
    return [make(None) for make in venue.markets.values()]


def _account(venue: Venue, market: PublicMarket) -> PrivateMarket | None:
    """For its facts alone: nothing is signed."""
    from oneprice.venues.kit import Credentials

    make = venue.accounts.get(market.kind)
    return None if make is None else make(None, Credentials("unused", "unused"))


def _supports(venue: Venue, market: PublicMarket) -> list[Support]:
    account = _account(venue, market)
    return [*market.capabilities, *(account.capabilities if account is not None else ())]


def _name(market: PublicMarket) -> str:
    return f"{market.venue}-{market.kind.value}"


def _matrix(chosen: list[Venue]) -> Table:
    """One row a capability, one column a market. What a market does not list, it does not support."""
    from rich.table import Table

    pairs = [(venue, market) for venue in chosen for market in _markets(venue)]
    markets = [market for _, market in pairs]
    table = Table(title="venues", title_justify="left", show_edge=False, pad_edge=True)
    table.add_column("")
    for market in markets:
        table.add_column(_name(market).replace("-", "\n"), justify="center")
    supports = [{row.name: row.supported for row in _supports(venue, market)} for venue, market in pairs]
    for row in dict.fromkeys(name for support in supports for name in support):
        table.add_row(row, *("yes" if support.get(row) else "[dim]no[/]" for support in supports))
    table.add_row("taker fee, bps", *(f"{market.taker_fee_bps:g}" for market in markets))
    limits = [market.limits for market in markets]
    table.add_row("streams a connection", *(str(limit.subscriptions_per_connection) for limit in limits))
    table.add_row("lifetime, h", *(_hours(limit.lifetime_s) for limit in limits))
    return table


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:g}" if seconds else "[dim]-[/]"


def _details(market: PublicMarket, account: PrivateMarket | None) -> Table:
    from rich.table import Table

    table = Table(title=_name(market), title_justify="left", show_edge=False, show_header=False)
    for row in (*market.capabilities, *(account.capabilities if account is not None else ())):
        table.add_row(row.name, "yes" if row.supported else "no", row.note)
    table.add_row("rest", "", market.rest_url)
    for path, url in market.stream_urls.items():
        table.add_row("stream", "", f"{url}  ({path})" if path else url)
    budgets = dict(account.budgets if account is not None else {}) | dict(market.budgets)
    for name, budget in budgets.items():
        table.add_row("budget", "", f"{name}: weight {budget.weight_max} in {budget.seconds:g} s")
    return table


def _described(venue: Venue) -> dict[str, object]:
    return {
        "name": venue.name,
        "title": venue.title,
        "documentation": venue.documentation,
        "markets": [
            {
                "name": _name(market),
                "rest_url": market.rest_url,
                "stream_urls": dict(market.stream_urls),
                "taker_fee_bps": market.taker_fee_bps,
                "budgets": dict(market.budgets),
                "limits": market.limits,
                "capabilities": list(market.capabilities),
                "account_capabilities": list(account.capabilities) if account is not None else [],
            }
            for market, account in ((market, _account(venue, market)) for market in _markets(venue))
        ],
    }
