"""`oneprice stop`."""

from __future__ import annotations

from pathlib import Path

import click

from oneprice.cli.asking import engine_options
from oneprice.cli.ending import end_engine


@click.command()
@click.option("--reason", default="oneprice stop", show_default=True, help="Kept in the journal.")
@engine_options
def stop(reason: str, config: Path | None, data_dir: Path | None, as_json: bool) -> int:
    """End a run in an orderly way: no new deals, open ones brought to their end; positions held on purpose stay.

    Returns when the engine has ended. Exit code 0 also when none runs, 1 when it has not ended within 40 s.
    """
    return end_engine("stop", reason, config, data_dir, as_json)
