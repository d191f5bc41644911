"""`oneprice pnl`."""

from __future__ import annotations

from pathlib import Path

import click

from oneprice.cli.asking import engine_options, engine_told
from oneprice.cli.plain import figure, money, say


@click.command()
@engine_options
def pnl(config: Path | None, data_dir: Path | None, as_json: bool) -> None:
    """Profit and loss since the data folder's first run: by venue, asset and strategy, with fees and funding.

    The total is the change of all balances but deposits and withdrawals. Without an engine assets count at what they
    were last worth when a deal was settled.
    """
    told = engine_told(config, data_dir, "pnl")
    if as_json:
        say(told)
        return
    home = told["home"]
    click.echo(f"total       {money(told['total'])} {home}")
    for name in ("realised", "unrealised", "funding"):
        click.echo(f"{name:<12}{money(told[name])} {home}")
    for title, key in (("by venue", "by_venue"), ("by asset", "by_asset"), ("by strategy", "by_strategy")):
        for name, value in ((name, value) for name, value in told[key].items() if float(value)):
            click.echo(f"{title:<12}{name:<12} {money(value)} {home}")
            title = ""
    fees = ", ".join(f"{figure(amount)} {asset}" for asset, amount in told["fees"].items() if float(amount)) or "none"
    click.echo(f"fees        {fees}")
    for name, words in (("carried_worth", "dust of settled deals"), ("external", "from orders of other hands")):
        if float(told[name]):
            click.echo(f"of it       {money(told[name])} {home} {words}")
    if told["unpriced"]:
        click.echo(f"not in it   {', '.join(told['unpriced'])}: what they are worth in {home} is not known")
    for row in told.get("held", []):
        worth = f", {money(row['worth'])} {home}" if row.get("worth") else ""
        click.echo(f"held        {figure(row['amount'])} {row.get('asset') or row['listing']} ({row['why']}{worth})")
    if not told["running"]:
        click.echo("no engine runs: assets count at what they were last worth", err=True)
