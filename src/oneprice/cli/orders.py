"""`oneprice orders`."""

from __future__ import annotations

from pathlib import Path

import click

from oneprice.cli.asking import engine_options, engine_told
from oneprice.cli.plain import columns, figure, say


@click.command()
@engine_options
def orders(config: Path | None, data_dir: Path | None, as_json: bool) -> None:
    """Open orders: ours, and those that other hands have placed on the same accounts.

    Without an engine: orders of which the journal knows no end. The venues may know more.
    """
    told = engine_told(config, data_dir, "orders")
    if as_json:
        say(told)
        return
    rows = told["orders"]
    if not rows:
        click.echo("no open orders" if told["running"] else f"no open orders by the journal of {told['data']}")
        return
    columns(
        ("id", "deal", "what", "listing", "side", "price", "quantity", "filled", "status"),
        [
            (
                row["client_order_id"] or row["venue_order_id"],
                str(row.get("deal", "-")),
                row.get("purpose", "not ours"),
                row["listing"],
                row["side"],
                figure(row["price"]),
                figure(row["quantity"]),
                figure(row.get("filled", "0")),
                row["status"],
            )
            for row in rows
        ],
        right=(1, 5, 6, 7),
    )
    if not told["running"]:
        click.echo("by the journal: no engine runs, and the venues may know more", err=True)
