"""A replay as it stands at one moment: books and spreads, for a screen."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from oneprice.core.states import BookState
from oneprice.research.replay import Replay
from oneprice.research.report import clock
from oneprice.research.table import plain_table

ROWS_MAX = 30


def moment(replay: Replay, ns: int, title: str) -> RenderableType:
    """Books, then spreads, best first."""
    head = Text.assemble((title, "bold"), f"   {clock(ns)}   {replay.records:,} records   {replay.share_done():.0%}")
    return Group(head, _books(replay), _spreads(replay))


def moment_line(replay: Replay, ns: int) -> str:
    """The same in one line: the time, how many books are live, the best spread net of fees."""
    live = sum(replay.hub.state(part.number) == BookState.LIVE for part in replay.parts)
    line = f"{clock(ns)}  {replay.records:,} records  {live} of {len(replay.parts)} books live"
    best = max(_now(replay), default=None)
    if best is not None:
        net, gross, buy, sell = best
        line += f"  best {net:+.1f} bps net ({gross:+.1f} gross): buy {buy}, sell {sell}"
    return line


def _now(replay: Replay) -> list[tuple[float, float, str, str]]:
    """`(net, gross, buy, sell)` of every direction that has a price on both sides."""
    return [
        (direction.value - direction.done.threshold, direction.value, parts[0].name, parts[1].name)
        for direction in replay.spreads.directions
        if direction.value is not None
        for parts in [(replay.parts[direction.buy], replay.parts[direction.sell])]
    ]


def _books(replay: Replay) -> Table:
    table = plain_table("books")
    table.add_column("listing", no_wrap=True)
    table.add_column("state", width=8)
    for heading in ("bid", "ask", "quantity bid", "quantity ask", "frames", "quotes", "gaps"):
        table.add_column(heading, justify="right", no_wrap=True)
    for part in replay.parts[:ROWS_MAX]:
        bid, bid_lots, ask, ask_lots, _ = replay.hub.top(part.number)
        counts = replay.hub.counts(part.number)
        state = BookState(replay.hub.state(part.number))
        table.add_row(
            part.name,
            Text(state.name, style="green" if state is BookState.LIVE else "red"),
            f"{bid * part.tick:f}" if bid_lots else "-",
            f"{ask * part.tick:f}" if ask_lots else "-",
            f"{bid_lots * part.lot:f}",
            f"{ask_lots * part.lot:f}",
            f"{counts['frames']:,}",
            f"{counts['quotes']:,}",
            f"{counts['gaps']:,}",
        )
    return table


def _spreads(replay: Replay) -> Table:
    table = plain_table("spreads now, bps")
    table.add_column("buy", no_wrap=True)
    table.add_column("sell", no_wrap=True)
    for heading in ("gross", "net"):
        table.add_column(heading, justify="right", width=8)
    for net, gross, buy, sell in sorted(_now(replay), reverse=True)[:ROWS_MAX]:
        table.add_row(buy, sell, f"{gross:+.2f}", f"{net:+.2f}", style="green" if net > 0 else None)
    return table
