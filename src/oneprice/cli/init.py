"""`oneprice init`."""

from __future__ import annotations

from pathlib import Path

import click

from oneprice.cli.places import CONFIG_NAME
from oneprice.cli.plain import say
from oneprice.errors import ConfigError


@click.command()
@click.option(
    "--config",
    "place",
    type=click.Path(path_type=Path),
    default=Path(CONFIG_NAME),
    show_default=f"./{CONFIG_NAME}",
    help="Where to write it.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def init(place: Path, as_json: bool) -> None:
    """Write a configuration to start from: every key with its default and a comment; mode paper, so no money moves.

    A file that is there already is never touched.
    """
    from oneprice.config.template import TEMPLATE

    path = place.expanduser()
    if path.is_dir():
        path /= CONFIG_NAME
    if path.exists():
        raise ConfigError(f"{path} is there already, and nothing was written; --config PATH names another place")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    if as_json:
        say({"config": str(path.absolute()), "mode": "paper"})
        return
    named = "" if path == Path(CONFIG_NAME) else f" --config {path}"
    click.echo(f"wrote {path}: mode paper, real prices and invented money, no keys needed")
    click.echo("next:")
    click.echo(f"  oneprice check{named:<26}is it right, and do the venues agree?")
    click.echo(f"  oneprice run{named:<28}trade on paper; Ctrl-C ends")
    click.echo("  oneprice status, deals, pnl, why        what it does, from another terminal")
