"""`oneprice report`."""

from __future__ import annotations

from pathlib import Path

import click

from oneprice.cli.asking import engine_options
from oneprice.cli.places import engine_folder
from oneprice.cli.plain import money, say


@click.command()
@click.option("--run", "run", type=click.IntRange(min=1), help="Of this run. [default: the last]")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder to write it into. [default: the run's own, DATA/runs/NUMBER]",
)
@engine_options
def report(run: int | None, out: Path | None, config: Path | None, data_dir: Path | None, as_json: bool) -> None:
    """Write a run's report: a page with pictures (report.html), Markdown, and its deals, opportunities and equity as
    CSV.

    Of a run that is over, of one that was cut off (then it says what only the engine knew), or of one that goes on.
    Every run writes its own when it ends.
    """
    from oneprice.cli.reporting import make_report

    told = make_report(engine_folder(data_dir, config), run, out)
    if as_json:
        say(told)
        return
    click.echo(
        f"{told['mode']} run {told['run']}: {money(told['pnl'])} {told['home']}, {told['deals']} deals with fills, "
        f"{told['opportunities']} opportunities"
    )
    if told["missing"]:
        click.echo(told["missing"])
    click.echo(f"report {told['report']}")
