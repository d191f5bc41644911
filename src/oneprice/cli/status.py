"""`oneprice status`: how the engine does, or how it ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneprice.cli.asking import engine_options, engine_told
from oneprice.cli.plain import ago, money, say, utc

if TYPE_CHECKING:
    from oneprice.cli.asking import Told

HALTED = 4


@click.command()
@engine_options
@click.option("--health", is_flag=True, help="Exit code 0 only while it trades: 1 not running, 4 halted by risk.")
def status(health: bool, config: Path | None, data_dir: Path | None, as_json: bool) -> int:
    """How the engine does: mode, switches, accounts, books, deals, orders. Without an engine: how it ended."""
    told = engine_told(config, data_dir, "status")
    if as_json:
        say(told)
    else:
        (_running if told["running"] else _ended)(told)
    if not health:
        return 0
    if told["kill"] or told["halt"]:
        return HALTED
    return 0 if told["running"] and told["armed"] else 1


def _running(told: Told) -> None:
    click.echo(f"{told['mode'].upper()}  run {told['run']} for {ago(told['running_s'])}  {_switches(told)}")
    click.echo(f"data      {told['data']}")
    states = ", ".join(f"{count} {state}" for state, count in sorted(told["books"].items()))
    click.echo(f"books     {states or 'none'}")
    for name, account in told["accounts"].items():
        offset = account["clock_offset_ms"]
        clock = "clock not measured" if offset is None else f"clock {offset:+.1f} ms"
        reason = f"  {account['reason']}" if account["reason"] else ""
        stream = "complete" if account["stream_complete"] else "incomplete"
        click.echo(
            f"account   {name}  {account['health']}, stream {stream}, {clock}, "
            f"{account['order_room']:.0%} of the order rate free{reason}"
        )
    _counts(told)
    for row in told["unequal"]:
        held = ", ".join(f"{amount} {asset}" for asset, amount in row["residual"].items())
        click.echo(f"unequal   deal {row['deal']}: {held} for {row['for_ms']} ms")
    if told["refusals"]:
        counts = ", ".join(f"{gate} {count}" for gate, count in list(told["refusals"].items())[:6])
        click.echo(f"refused   {counts}")
    _alarms(told)


def _ended(told: Told) -> None:
    if not told["run"]:
        click.echo(f"nothing has run on {told['data']} yet: `oneprice run` starts")
        return
    how = "ended in an orderly way" if told["ended_well"] else "did not end in an orderly way"
    click.echo(f"not running  {told['mode']} run {told['run']} {how}, {utc(told['last_wall_ns'])}")
    click.echo(f"data      {told['data']}")
    if not told["ended_well"]:
        click.echo(f"journal   {told['journal']}")
        click.echo("          the next start asks the venues about whatever is open, before it trades")
    if told["kill"]:
        click.echo(f"killed    {told['kill']}  (`oneprice kill --lift` lets the next run trade)")
    _counts(told)
    _alarms(told)


def _switches(told: Told) -> str:
    if told["kill"]:
        return click.style(f"KILLED: {told['kill']}", fg="red", bold=True)
    if told["halt"]:
        return click.style(f"HALTED: {told['halt']}", fg="red", bold=True)
    if told["armed"]:
        return click.style("armed", fg="green")
    return f"not armed ({told.get('ending') or 'starting'})"


def _counts(told: Told) -> None:
    deals = ", ".join(f"{count} {state}" for state, count in sorted(told["deals_open"].items())) or "none open"
    click.echo(
        f"deals     {deals}, {told['deals_settled']} settled, today {money(told['realised_today'])} {told['home']}"
    )
    unknown = told["orders_unknown"]
    doubt = f", {len(unknown)} of unknown outcome ({', '.join(unknown[:3])})" if unknown else ""
    click.echo(f"orders    {told['orders_open']} open{doubt}")


def _alarms(told: Told) -> None:
    for text in told["alarms"]:
        click.echo(f"alarm     {text}")
