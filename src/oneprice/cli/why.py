"""`oneprice why`: explain one deal, order or opportunity, from the journal and the black box."""

from __future__ import annotations

import re
from pathlib import Path

import click

from oneprice.cli.asking import engine_options
from oneprice.cli.places import engine_folder
from oneprice.cli.plain import say
from oneprice.errors import ConfigError

LISTED = 20


@click.command()
@click.argument("what", required=False, default="")
@click.option("--run", "run", type=click.IntRange(min=1), help="Opportunities of this run. [default: the last]")
@engine_options
def why(what: str, run: int | None, config: Path | None, data_dir: Path | None, as_json: bool) -> None:
    """Explain WHAT: a deal (17), an opportunity (o4711), or an order by its client order id.

    A deal: what was expected, each order, and what was achieved, in parts that sum to the change of balances. An
    opportunity: what was seen, which gate stopped it, and what delay would have left of it. Without WHAT: the last
    opportunities of a run.
    """
    from oneprice.cli import reasons

    folder = engine_folder(data_dir, config)
    if not what:
        told = reasons.last_opportunities(folder, run, LISTED)
        say(told) if as_json else reasons.show_opportunities(told)
    elif re.fullmatch(r"o\d+", what):
        told = reasons.opportunity(folder, run, int(what[1:]))
        say(told) if as_json else reasons.show_opportunity(told)
    elif re.fullmatch(r"\d+", what):
        told = reasons.deal(folder, int(what))
        say(told) if as_json else reasons.show_deal(told)
    elif re.fullmatch(r"op[0-9a-z]{6,40}", what):
        told = reasons.deal(folder, reasons.deal_of_order(folder, what))
        say(told) if as_json else reasons.show_deal(told)
    else:
        raise ConfigError(f"{what!r} is no deal (17), opportunity (o4711) or client order id (op...)")
