"""What `oneprice why` tells: one deal or one opportunity, in words and figures."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oneprice.cli.plain import columns, figure, money, utc
from oneprice.errors import ConfigError

if TYPE_CHECKING:
    from oneprice.ledger.blackbox import Seen
    from oneprice.ledger.records import AnyRecord

Told = dict[str, Any]
PARTS = (
    ("expected", "by the books that the plan was made from, after fees"),
    ("price_moved", "prices had moved when the orders came"),
    ("depth", "taking more or less than planned from behind the best price"),
    ("fees", "above or below the expected ones"),
    ("partial", "what a leg that filled less left out"),
    ("hedge", "making unequal legs equal"),
    ("funding", "received or paid"),
    ("rounding", "steps of lots, and shares that are no whole decimals"),
    ("achieved", "the change of all balances; the sum of the above"),
)

# ---------------------------------------------------------------------- what is known


def deal(folder: Path, number: int) -> Told:
    """Raises ConfigError for a number that no deal has."""
    import msgspec

    from oneprice.ledger.ledger import Ledger
    from oneprice.ledger.records import DealOpened, DealSettled, RunStarted
    from oneprice.trade.telling import deal_row, settled_row

    ledger, told, run = Ledger(), Told(), 0
    opened: DealOpened | None = None
    for record in _records(folder):
        if type(record) is RunStarted:
            run = record.run
        if type(record) is DealOpened and record.deal == number:
            opened, told["run"] = record, run
        if type(record) is DealSettled and record.deal == number:
            told |= deal_row(number, ledger.deals[number])
            told["orders"] = [_order(order) for order in ledger.deals[number].orders]
            ledger.apply(record)
            settled = ledger.settled[-1]
            told |= settled_row(settled) | {"home": settled.home, "split": msgspec.to_builtins(ledger.split(number))}
        else:
            ledger.apply(record)
    if opened is None:
        raise _unknown(f"deal {number}", f"the journal of {folder} has {ledger.next_deal - 1}, from 1")
    if number in ledger.deals:
        told |= deal_row(number, ledger.deals[number])
        told |= {"home": opened.home, "orders": [_order(order) for order in ledger.deals[number].orders]}
    told |= {"opportunity": opened.opportunity, "expected_gross": str(opened.expected_gross)}
    told["legs"] = [{**_fields(leg), "side": leg.side.name.lower()} for leg in opened.legs]
    if opened.opportunity:
        seen = _find(folder, told["run"], opened.opportunity)
        told["seen"] = None if seen is None else _row(seen, told["run"])
    return told


def deal_of_order(folder: Path, client_order_id: str) -> int:
    """Raises ConfigError for an id that no order has."""
    from oneprice.ledger.records import OrderIntended

    for record in _records(folder):
        if type(record) is OrderIntended and record.client_order_id == client_order_id:
            return record.deal
    raise _unknown(f"order {client_order_id}", f"it is not in the journal of {folder}")


def opportunity(folder: Path, run: int | None, number: int) -> Told:
    """Raises ConfigError for a number that none has."""
    chosen = _run(folder, run)
    seen = _find(folder, chosen, number)
    if seen is None:
        raise _unknown(
            f"opportunity o{number} of run {chosen}",
            "it has not ended, or never was; `oneprice why` lists the last ones, --run chooses another run",
        )
    return _row(seen, chosen)


def last_opportunities(folder: Path, run: int | None, count: int) -> Told:
    """The last of a run, newest first."""
    chosen = _run(folder, run)
    last = deque(_seen(folder, chosen), count)
    return {"run": chosen, "opportunities": [_row(seen, chosen) for seen in reversed(last)]}


def _records(folder: Path) -> list[AnyRecord]:
    from oneprice.ledger.journal import read
    from oneprice.live.disk import LiveDisk
    from oneprice.trading import journal_folder

    return read(LiveDisk(), journal_folder(folder)).records


def _run(folder: Path, run: int | None) -> int:
    from oneprice.trading import runs_folder

    place = runs_folder(folder)
    runs = sorted(int(one.name) for one in place.iterdir() if one.name.isdigit()) if place.is_dir() else []
    if not runs:
        raise _unknown("opportunity", f"nothing has run on {folder} yet")
    if run is not None and run not in runs:
        raise _unknown(f"run {run}", f"{folder} has opportunities of runs {runs[0]} to {runs[-1]}")
    return run or runs[-1]


def _seen(folder: Path, run: int) -> Any:
    from oneprice.ledger.blackbox import read_blackbox
    from oneprice.live.disk import LiveDisk
    from oneprice.trading import runs_folder

    return read_blackbox(LiveDisk(), str(runs_folder(folder) / f"{run:06d}"))


def _find(folder: Path, run: int, number: int) -> Seen | None:
    found: Seen | None = next((seen for seen in _seen(folder, run) if seen.number == number), None)
    return found


def _row(seen: Seen, run: int) -> Told:
    import msgspec

    from oneprice.ledger.blackbox import DELAYS_MS
    from oneprice.model import Side

    told: Told = {"run": run, **msgspec.structs.asdict(seen)}
    told["legs"] = [{**_fields(leg), "side": Side(leg.side).name.lower()} for leg in seen.legs]
    told["gates"] = dict(seen.gates)
    told["left"] = {f"{delay} ms": str(left) for delay, left in zip(DELAYS_MS, seen.left, strict=True)}
    plain: Told = msgspec.to_builtins(told)
    return plain


def _fields(leg: Any) -> Told:
    """By name, Decimals as text."""
    import msgspec

    plain: Told = msgspec.to_builtins(msgspec.structs.asdict(leg))
    return plain


def _order(order: Any) -> Told:
    from oneprice.trade.telling import order_row

    return {
        **order_row(order),
        "fills": len(order.fills),
        "booked_quote": str(order.booked_quote),
        "fees": {asset: str(amount) for asset, amount in order.fees.items()},
    }


def _unknown(what: str, why: str) -> ConfigError:
    return ConfigError(f"no {what}: {why}")


# ---------------------------------------------------------------------- in words


def show_deal(told: Told) -> None:
    """A deal: what was planned, what was sent, what came of it."""
    home = told["home"]
    end = f"{told['state']}: {told['outcome']}" if "outcome" in told else told["state"]
    click.echo(f"deal {told['deal']}  {told['strategy']} {told['group']}  {end}  run {told['run']}")
    click.echo(f"opened   {utc(told['opened_wall_ns'])}", nl="settled_wall_ns" not in told)
    if "settled_wall_ns" in told:
        lasted_ms = (told["settled_wall_ns"] - told["opened_wall_ns"]) / 1e6
        click.echo(f", settled {lasted_ms:,.0f} ms later")
    if told["reason"]:
        click.echo(f"because  {told['reason']}")
    if told["opportunity"]:
        seen = told.get("seen")
        lived = f": lived {seen['lifetime_ms']:.1f} ms, best {seen['net_bps']:+.2f} bps net" if seen else ""
        click.echo(f"from     opportunity o{told['opportunity']}{lived}")
    click.echo(f"planned  {money(told['expected_net'])} {home} net of {money(told['expected_gross'])} gross")
    for leg in told["legs"]:
        click.echo(f"  {leg['side']:<4} {figure(leg['quantity'])} {leg['listing']} at {figure(leg['price'])} or better")
    click.echo("orders")
    for row in told["orders"]:
        _show_order(row)
    for name, key in (("holds", "positions"), ("unequal", "residual")):
        if told.get(key) and "outcome" not in told:
            click.echo(f"{name:<9}{', '.join(f'{amount} {what}' for what, amount in told[key].items())}")
    if "split" in told:
        click.echo(f"result   in {home}")
        rows = [(f"  {name.replace('_', ' ')}", money(told["split"][name]), words) for name, words in PARTS]
        columns((), rows, right=(1,))


def _show_order(row: Told) -> None:
    fees = ", ".join(f"{figure(amount)} {asset}" for asset, amount in row["fees"].items())
    paid = f" for {figure(row['booked_quote'])}, fees {fees or 'none'}" if float(row["booked_quote"]) else ""
    click.echo(
        f"  {row['client_order_id']}  {row['purpose']} {row['side']} {figure(row['quantity'])} {row['listing']} "
        f"at {figure(row['price'])} {row['time_in_force']}: {row['status']}, filled {figure(row['filled'])}{paid}"
    )
    if row["reason"]:
        click.echo(f"      {row['reason']}")


def show_opportunity(told: Told) -> None:
    """An opportunity: what was seen, and why it was not taken."""
    home = told["home"]
    click.echo(f"opportunity o{told['number']}  run {told['run']}  seen {utc(told['opened_wall_ns'])}")
    click.echo(
        f"best     {told['net_bps']:+.2f} bps net of {told['gross_bps']:+.2f} gross, {money(told['net'])} {home}; "
        f"lived {told['lifetime_ms']:.1f} ms, {told['updates']} updates"
    )
    for leg in told["legs"]:
        click.echo(
            f"  {leg['side']:<4} {figure(leg['quantity'])} {leg['listing']} to {figure(leg['price'])}, "
            f"worth {figure(leg['value'])}, fee {figure(leg['fee'])}, book {leg['age_ms']:.1f} ms old"
        )
    left = ", ".join(f"{money(amount)} after {delay}" for delay, amount in told["left"].items())
    click.echo(f"left     {left} ({home})")
    if told["deal"]:
        click.echo(f"taken    by deal {told['deal']}: oneprice why {told['deal']}")
    else:
        click.echo(f"stopped  {told['gate']}: {told['why']}")
    still = "it still stood when this was written"
    click.echo(f"ended    {told['ended'] or ('not told' if told['is_over'] else still)}")
    if told["gates"]:
        counts = ", ".join(f"{gate} {count}" for gate, count in told["gates"].items())
        click.echo(f"gates    {counts} (times)")


def show_opportunities(told: Told) -> None:
    """A line for each."""
    if not told["opportunities"]:
        click.echo(f"no opportunity has ended in run {told['run']} yet")
        return
    click.echo(f"run {told['run']}, newest first; `oneprice why oNUMBER` explains one")
    columns(
        ("number", "seen", "net bps", "ms", "what", "then"),
        [
            (
                f"o{row['number']}",
                utc(row["opened_wall_ns"]),
                f"{row['net_bps']:+.2f}",
                f"{row['lifetime_ms']:.1f}",
                ", ".join(f"{leg['side']} {leg['listing']}" for leg in row["legs"]),
                f"deal {row['deal']}" if row["deal"] else f"{row['gate']}: {row['why']}",
            )
            for row in told["opportunities"]
        ],
        right=(0, 2, 3),
    )
