"""What a command can know of an engine: from itself while it runs, from its journal when it does not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from oneprice.cli.places import engine_folder

if TYPE_CHECKING:
    from oneprice.ledger.journal import Recovered
    from oneprice.ledger.ledger import Ledger
    from oneprice.ledger.records import AnyRecord

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
            "home": home_of(records),
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
        """At what assets were last worth: without an engine nobody watches prices."""
        import msgspec

        from oneprice.ledger.pnl import pnl_view
        from oneprice.trade.telling import held_rows

        home, worth = home_of(self.recovered.records), LastWorth()
        for record in self.recovered.records:
            worth.hear(record)
        told: Told = msgspec.to_builtins(pnl_view(self.ledger, home, worth.mark(home)))
        return {**told, "held": held_rows(self.ledger, worth.price, home)}


def home_of(records: Sequence[AnyRecord]) -> str:
    """The asset that the last run counted in: as its settings say, else the one that most deals count in."""
    import msgspec

    from oneprice.ledger.records import DealOpened, RunStarted

    homes: Counter[str] = Counter()
    for record in reversed(records):
        if type(record) is DealOpened:
            homes[record.home] += 1
        elif type(record) is RunStarted:
            try:
                return str(msgspec.json.decode(record.config)["base_currency"])
            except (msgspec.DecodeError, KeyError, TypeError):
                break
    return homes.most_common(1)[0][0] if homes else "USDT"


class LastWorth:
    """What assets were last worth, as settlements and our own fills on spot have told. It hears records in their
    order."""

    def __init__(self) -> None:
        self._marks: dict[tuple[str, str], Decimal] = {}
        self._homes: dict[int, str] = {}
        self._spot: dict[str, tuple[str, str]] = {}

    def hear(self, record: AnyRecord) -> None:
        """One more."""
        from oneprice.ledger.records import DealOpened, DealSettled, FillTold, ListingKnown

        if type(record) is ListingKnown:
            if not record.is_perpetual and record.multiplier == 1:
                self._spot[record.listing] = (record.base, record.quote)
        elif type(record) is FillTold:
            if (pair := self._spot.get(record.listing)) is not None:
                self._marks[pair] = record.price
        elif type(record) is DealOpened:
            self._homes[record.deal] = record.home
        elif type(record) is DealSettled:
            home = self._homes.pop(record.deal, "")
            self._marks.update(((asset, home), price) for asset, price in record.marks)

    def price(self, asset: str, home: str) -> Decimal | None:
        """Home units for one of the asset; None when nothing has told."""
        return Decimal(1) if asset == home else self._marks.get((asset, home))

    def mark(self, home: str) -> Callable[[str], Decimal | None]:
        """`price` in this home."""
        return lambda asset: self.price(asset, home)


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
