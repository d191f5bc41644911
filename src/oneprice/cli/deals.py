"""`oneprice deals`."""

from __future__ import annotations

from pathlib import Path

import click

from oneprice.cli.asking import engine_options, engine_told
from oneprice.cli.plain import columns, money, say, utc


@click.command()
@click.option("--last", "count", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@engine_options
def deals(count: int, config: Path | None, data_dir: Path | None, as_json: bool) -> None:
    """Open deals, then the last settled ones, newest first. `oneprice why NUMBER` explains one."""
    told = engine_told(config, data_dir, "deals", count=count)
    if as_json:
        say(told)
        return
    if not told["deals"]:
        click.echo(f"no deals yet on {told['data']}")
        return
    columns(
        ("deal", "opened", "strategy", "group", "state", "expected", "net", ""),
        [
            (
                str(row["deal"]),
                utc(row["opened_wall_ns"]),
                row["strategy"],
                row["group"],
                row.get("outcome") or row["state"],
                money(row["expected_net"]),
                money(row["net"]) if "net" in row else "",
                row["reason"] or ", ".join(f"{amount} {asset}" for asset, amount in row.get("residual", {}).items()),
            )
            for row in told["deals"]
        ],
        right=(0, 5, 6),
    )
