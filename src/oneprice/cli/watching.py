"""What a run shows while it trades: a live screen on a terminal, lines elsewhere; and how a killed one ends."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Protocol

import click

from oneprice.cli.heard import Heard, deal_line
from oneprice.cli.plain import money

if TYPE_CHECKING:
    from rich.console import Console

    from oneprice.trade.trader import Trader

LOOK_EVERY_S = 0.25
LINE_EVERY_S = 10.0
KILLED_WITHIN_S = 20.0


class Shown(Protocol):
    """A screen, or lines."""

    async def look(self) -> None:
        """Show what is new, and how it stands."""

    def close(self) -> None:
        """Give the terminal back."""


async def watch(trader: Trader, shown: Shown) -> None:
    """Until it is cancelled."""
    try:
        while True:
            await shown.look()
            await trader.desk.clock.sleep(LOOK_EVERY_S)
    finally:
        shown.close()


async def end_when_killed(trader: Trader) -> None:
    """A run that was killed ends once it is quiet, or has had its time."""
    clock, switches, ledger = trader.desk.clock, trader.desk.switches, trader.ledger
    while not switches.kill:  # it is pulled by a file, a signal, a command: there is no event for all
        await clock.sleep(LOOK_EVERY_S)
    until_ns = clock.monotonic_ns() + round(KILLED_WITHIN_S * 1e9)
    while ledger.deals or not all(one.is_over for one in ledger.orders.values()):
        if clock.monotonic_ns() > until_ns:
            break
        await clock.sleep(LOOK_EVERY_S)
    trader.end()


class Lines:
    """Deals as they are settled, what is switched, and how it stands now and then. `to_stderr`: standard output is kept
    for one JSON object."""

    def __init__(self, trader: Trader, heard: Heard, home: str, *, to_stderr: bool) -> None:
        self._trader, self._heard, self._home, self._to_stderr = trader, heard, home, to_stderr
        self._next_line_ns = 0
        self._halt = self._kill = ""

    async def look(self) -> None:
        """Lines for what is new."""
        self._tell()

    def _tell(self) -> None:
        for deal in self._heard.new_deals():
            say_line(deal_line(deal), to_stderr=self._to_stderr)
        for text in self._heard.new_alarms():
            click.echo(f"alarm: {text}", err=True)
        switches = self._trader.desk.switches
        if switches.halt != self._halt:
            self._halt = switches.halt
            click.echo(f"HALTED: {self._halt}" if self._halt else "no longer halted", err=True)
        now_ns = self._trader.desk.clock.monotonic_ns()
        if now_ns >= self._next_line_ns:
            self._next_line_ns = now_ns + round(LINE_EVERY_S * 1e9)
            say_line(state_line(self._trader, self._heard, self._home), to_stderr=self._to_stderr)
        if switches.kill and not self._kill:
            self._kill = switches.kill
            click.echo(f"KILLED: {self._kill}", err=True)

    def close(self) -> None:
        """What came since the last look is told, too: why it ended, often."""
        self._tell()


class Screen:
    """The live screen. It is written in a thread, so that a terminal that hangs holds up nothing else."""

    def __init__(self, trader: Trader, heard: Heard, home: str, title: str, console: Console) -> None:
        from rich.live import Live

        from oneprice.observe import News

        self._trader, self._heard, self._home, self._title = trader, heard, home, title
        self._console, self._news = console, News()
        self._live = Live(console=console, screen=True, auto_refresh=False)
        self._live.start()

    async def look(self) -> None:
        """Draw it anew."""
        from oneprice.cli.board import board_of, draw_board

        view = self._trader.desk.market.view(nearest=1, history=20)
        self._heard.new_deals()  # the board shows the last ones
        for text in self._heard.new_alarms():
            self._news.tell(view.wall_ns, text)
        self._news.take(view)
        board = board_of(self._trader, self._heard, self._home)
        picture = draw_board(board, view, self._news.tidings, self._title, *self._console.size)
        await asyncio.to_thread(self._live.update, picture, refresh=True)

    def close(self) -> None:
        """The terminal is as it was."""
        self._live.stop()


def state_line(trader: Trader, heard: Heard, home: str) -> str:
    """How it stands, in a line."""
    from oneprice.trade.telling import pnl

    ledger, market = trader.ledger, trader.desk.market
    states = [market.state(book).name for book in market.books]
    books = f"books {states.count('LIVE')}/{len(states)} live"
    armed = "armed" if trader.desk.switches.armed else "not armed"
    stopped = ", ".join(f"{gate} {count}" for gate, count in trader.refusals.most_common(3))
    return (
        f"{armed}  {books}  deals {heard.traded()}, {len(ledger.deals)} open  "
        f"{money(pnl(trader, home).total)} {home}" + (f"  stopped by {stopped}" if stopped else "")
    )


def say_line(text: str, *, to_stderr: bool) -> None:
    """At once, whoever reads it."""
    click.echo(text, err=to_stderr)
    (sys.stderr if to_stderr else sys.stdout).flush()
