"""`oneprice flatten`."""

from __future__ import annotations

from pathlib import Path

import click

from oneprice.cli.asking import engine_options
from oneprice.cli.ending import end_engine


@click.command()
@click.option("--reason", default="oneprice flatten", show_default=True, help="Kept in the journal.")
@engine_options
def flatten(reason: str, config: Path | None, data_dir: Path | None, as_json: bool) -> int:
    """End a run, and close what its deals hold. Needs a running engine: start one with `oneprice run` if there is none.

    Returns when the engine has ended. Exit code 1 when no engine runs, when it has not ended within 40 s, or when
    something is still held.
    """
    return end_engine("flatten", reason, config, data_dir, as_json)
