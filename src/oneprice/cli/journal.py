"""`oneprice journal`: is it whole, what does it say, and what to do when it is damaged."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args

import click

from oneprice import __version__
from oneprice.errors import ConfigError, JournalError

if TYPE_CHECKING:
    from oneprice.ledger.records import AnyRecord

F = TypeVar("F", bound=Callable[..., Any])
Shown = dict[str, Any]


@click.group()
def journal() -> None:
    """Check, show or repair the journal: all that was intended, sent and told."""


def _options(command: F) -> F:
    """`--data-dir`, `--json`."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output."),
        click.option(
            "--data-dir",
            type=click.Path(path_type=Path, file_okay=False),
            help="The data folder. [default: what the configuration says]",
        ),
    ):
        command = option(command)
    return command


def _folder(data_dir: Path | None) -> str:
    from oneprice.cli.places import engine_folder

    return str(engine_folder(data_dir, None) / "journal")


# ---------------------------------------------------------------------- verify, repair


@journal.command()
@_options
def verify(data_dir: Path | None, as_json: bool) -> int:
    """Look at every byte, and change nothing; an engine may be running.

    Exit code 0 when nothing is wrong, 1 when records are missing, cannot be trusted, or would not be missed.
    """
    import msgspec

    from oneprice.ledger import upkeep
    from oneprice.live.disk import LiveDisk

    found = upkeep.verify(LiveDisk(), _folder(data_dir))
    if as_json:
        click.echo(msgspec.json.encode({"ok": found.is_ok, **msgspec.structs.asdict(found)}).decode())
    else:
        click.echo(
            f"{found.folder}: {found.state}; {found.records:,} records, {found.bytes:,} bytes in {found.files} files"
        )
        for text in found.faults:
            click.echo(f"  fault: {text}")
        for text in found.notices:
            click.echo(f"  {text}")
        if found.state == "damaged":
            click.echo("  to do: oneprice journal repair")
    return 0 if found.is_ok else 1


@journal.command()
@_options
def repair(data_dir: Path | None, as_json: bool) -> None:
    """Keep what is whole, move the rest aside.

    All records before the first damage are kept, and nothing is deleted. No engine may be running. The next run settles
    the difference with the venues before it trades.
    """
    import msgspec

    from oneprice.ledger import upkeep
    from oneprice.live.disk import LiveDisk

    folder = _folder(data_dir)
    if not Path(folder).is_dir():
        raise JournalError(f"{folder}: no journal is here; nothing has run on this data folder yet")
    done = upkeep.repair(LiveDisk(), folder, build=__version__, wall_ns=time.time_ns())
    if as_json:
        click.echo(msgspec.json.encode(done).decode())
        return
    click.echo(f"{done.folder}: {done.words}")
    if done.aside:
        click.echo(f"  moved aside to {done.aside}")


# ---------------------------------------------------------------------- show


class Wanted(NamedTuple):
    """Which records are shown. None, "" and 0 leave a thing open."""

    deal: int | None
    order: str
    kind: str
    last: int


@journal.command()
@click.option("--deal", type=click.IntRange(min=1), help="Only this deal, with its orders and their fills.")
@click.option("--order", default="", metavar="ID", help="Only the order with this client order id.")
@click.option("--kind", default="", help="Only records of this kind, such as FillTold.")
@click.option("--last", type=click.IntRange(min=1), default=None, metavar="N", help="Only the last N of those.")
@_options
def show(deal: int | None, order: str, kind: str, last: int | None, data_dir: Path | None, as_json: bool) -> None:
    """Print the records in the order in which they were written. Amounts in the venues' units, times in UTC."""
    import msgspec

    from oneprice.ledger.journal import read
    from oneprice.live.disk import LiveDisk

    wanted = Wanted(deal, order, _known_kind(kind), last or 0)
    found = read(LiveDisk(), _folder(data_dir))
    chosen = chosen_records(found.records, wanted)
    if as_json:
        shown = [shown_record(number, record) for number, record in chosen]
        click.echo(msgspec.json.encode({"words": found.words, "records": shown}).decode())
        return
    for number, record in chosen:
        click.echo(_line(shown_record(number, record)))
    click.echo(found.words, err=True)


def chosen_records(records: list[AnyRecord], wanted: Wanted) -> list[tuple[int, AnyRecord]]:
    """Those that are wanted, with their numbers from 1."""
    fitting = (
        (number, record) for number, record in enumerate(records, 1) if not wanted.kind or _kind(record) == wanted.kind
    )
    if wanted.order:
        fitting = (pair for pair in fitting if getattr(pair[1], "client_order_id", "") == wanted.order)
    if wanted.deal is not None:
        ids = _order_ids(records, wanted.deal)
        fitting = (pair for pair in fitting if _is_of_deal(pair[1], wanted.deal, ids))
    return list(deque(fitting, wanted.last) if wanted.last else fitting)


def shown_record(number: int, record: AnyRecord) -> Shown:
    """With names instead of codes, for people and programs alike."""
    import msgspec

    fields: Shown = msgspec.structs.asdict(record)
    wall_ns = fields.pop("wall_ns")
    return {
        "number": number,
        "time": _utc(wall_ns),
        "record": _kind(record),
        **{name: _plain(fields[name]) for name in fields},
    }


def _known_kind(text: str) -> str:
    """As it is spelled. Raises ConfigError."""
    from oneprice.ledger.records import AnyRecord

    kinds: dict[str, str] = {kind.__name__.lower(): kind.__name__ for kind in get_args(AnyRecord)}
    if text and text.lower() not in kinds:
        raise ConfigError(f"--kind {text!r} is no kind of record; there are: {', '.join(kinds.values())}")
    return kinds.get(text.lower(), "")


def _kind(record: AnyRecord) -> str:
    return type(record).__name__


def _order_ids(records: list[AnyRecord], deal: int) -> frozenset[str]:
    from oneprice.ledger.records import OrderIntended

    return frozenset(one.client_order_id for one in records if type(one) is OrderIntended and one.deal == deal)


def _is_of_deal(record: AnyRecord, deal: int, ids: frozenset[str]) -> bool:
    return getattr(record, "deal", None) == deal or getattr(record, "client_order_id", "") in ids


def _utc(wall_ns: int) -> str:
    seconds, rest = divmod(wall_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1_000:06d}Z"


def _plain(value: object) -> Any:
    """Decimals as the text they have, codes by name, structs by field."""
    import msgspec

    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, msgspec.Struct):
        return {name: _plain(one) for name, one in msgspec.structs.asdict(value).items()}
    return value


def _line(shown: Shown) -> str:
    """One record on one line."""
    head: str = f"{shown['number']:>8}  {shown['time']}  {shown['record']:<15}"
    line: str = " ".join([head, *_words(shown)])
    return line.rstrip()


def _words(shown: Shown) -> Iterator[str]:
    for name, value in shown.items():
        if name in ("number", "time", "record") or value in ("", None, False, []):
            continue
        yield name if value is True else f"{name}={_text(value)}"


def _text(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_text(one) for one in value) + "]"
    if isinstance(value, dict):
        return "(" + " ".join(f"{name}={_text(one)}" for name, one in value.items()) + ")"
    text = str(value)
    return repr(text) if " " in text else text
