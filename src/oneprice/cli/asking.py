"""What a command can know of an engine: from itself while it runs, from its journal when it does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from oneprice.cli.places import engine_folder

if TYPE_CHECKING:
    from oneprice.ledger.journal import Recovered
    from oneprice.ledger.ledger import Ledger

F = TypeVar("F", bound=Callable[..., Any])
Told = dict[str, Any]


def engine_options(command: F) -> F:
    """`--config`, `--data-dir`, `--json`."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output."),
        click.option(
            "--data-dir",
            type=click.Path(path_type=Path, file_okay=False),
            help="The engine's data folder. [default: what the configuration says]",
        ),
        click.option(
            "--config",
            type=click.Path(path_type=Path, dir_okay=False),
            help="The configuration. [default: ./oneprice.toml, or the user's own]",
        ),
    ):
        command = option(command)
    return command


def engine_told(config: Path | None, data_dir: Path | None, do: str, **arguments: object) -> Told:
    """The engine's answer, or what its journal says. `running` says which. Raises NetworkError, JournalError."""
    from oneprice.trade.control import ask

    folder = engine_folder(data_dir, config)
    answer = ask(folder, do, arguments)
    if answer is not None:
        return {"running": True, "data": str(folder), **answer}
    return {"running": False, "data": str(folder), **FromJournal(folder).tell(do, **arguments)}


class FromJournal:
    """What the journal of a data folder says, in the shape in which the engine would tell it."""

    def __init__(self, folder: Path) -> None:
        from oneprice.ledger.journal import read
        from oneprice.live.disk import LiveDisk
        from oneprice.trading import fold, journal_folder

        self._folder = folder
        self.recovered: Recovered = read(LiveDisk(), journal_folder(folder))
        self.ledger: Ledger = fold(self.recovered)

    def tell(self, do: str, **arguments: Any) -> Told:
        """`status`, `orders`, `deals` or `pnl`."""
        told: Told = getattr(self, do)(**arguments)
        return told

    def status(self) -> Told:
        """What was last known; `ended_well`: the last run came to an orderly end."""
        ledger, records = self.ledger, self.recovered.records
        states: dict[str, int] = {}
        for deal in ledger.deals.values():
            states[deal.state.value] = states.get(deal.state.value, 0) + 1
        return {
            "mode": ledger.mode,
            "run": ledger.run,
            "home": home_of(ledger, records),
            "ended_well": bool(records) and self.recovered.clean_end,
            "journal": self.recovered.words,
            "last_wall_ns": records[-1].wall_ns if records else 0,
            "armed": False,
            "halt": "",
            "kill": killed(self._folder),
            "deals_open": states,
            "deals_settled": ledger.deals_settled,
            "orders_open": sum(not order.is_over for order in ledger.orders.values()),
            "orders_unknown": [name for name, order in ledger.orders.items() if order.is_unknown],
            "realised_today": str(ledger.realised_today(time.time_ns())),
            "alarms": list(ledger.alarms)[-5:],
        }

    def orders(self) -> Told:
        """Those of which the journal knows no end."""
        from oneprice.trade.telling import order_row

        return {"orders": [order_row(order) for order in self.ledger.orders.values() if not order.is_over]}

    def deals(self, count: int) -> Told:
        """Open ones, then the last settled, newest first."""
        from oneprice.trade.telling import deal_row, settled_row

        rows = [deal_row(number, deal) for number, deal in self.ledger.deals.items()]
        room = max(0, count - len(rows))
        settled = list(self.ledger.settled)[len(self.ledger.settled) - room :] if room else []
        return {"deals": rows + [settled_row(one) for one in reversed(settled)]}

    def pnl(self) -> Told:
        """At the marks of the last settlements: without an engine nobody watches prices."""
        import msgspec

        from oneprice.ledger.pnl import pnl_view

        home, marks = home_of(self.ledger, self.recovered.records), last_marks(self.recovered.records)
        told: Told = msgspec.to_builtins(pnl_view(self.ledger, home, lambda asset: marks.get((asset, home))))
        return told


def home_of(ledger: Ledger, records: list[Any]) -> str:
    """The asset that the last run counted in."""
    import msgspec

    from oneprice.ledger.records import RunStarted

    for record in reversed(records):
        if type(record) is RunStarted:
            try:
                return str(msgspec.json.decode(record.config)["base_currency"])
            except (msgspec.DecodeError, KeyError, TypeError):
                break
    return next((one.home for one in ledger.settled), "USDT")


def last_marks(records: list[Any]) -> dict[tuple[str, str], Decimal]:
    """What assets were last worth, by (asset, home), as settlements have told."""
    from oneprice.ledger.records import DealOpened, DealSettled

    homes: dict[int, str] = {}
    marks: dict[tuple[str, str], Decimal] = {}
    for record in records:
        if type(record) is DealOpened:
            homes[record.deal] = record.home
        elif type(record) is DealSettled:
            home = homes.pop(record.deal, "")
            marks.update(((asset, home), price) for asset, price in record.marks)
    return marks


def killed(folder: Path) -> str:
    """Why the folder's KILL file is there; "" where it is not."""
    from oneprice.trade.kill import FILE

    try:
        text = (folder / FILE).read_text(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{folder / FILE} cannot be read: {error.strerror}"
    return " ".join(text.split()) or "no reason given"
