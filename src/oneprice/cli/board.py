"""The live screen of a run that trades: profit, deals, what is open and held, the venues, and what happened last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from oneprice.cli.plain import figure, short
from oneprice.observe import WIDE
from oneprice.observe.figures import amount, bps, clock, counted, latency, span
from oneprice.observe.summary import plain_table

if TYPE_CHECKING:
    from oneprice.cli.heard import Heard
    from oneprice.ledger.deals import SettledDeal
    from oneprice.ledger.pnl import PnlView
    from oneprice.market import MarketRow, MarketView
    from oneprice.observe import Tiding
    from oneprice.trade.trader import Trader

HEAD_LINES = 5
"""Title, profit, deals, orders, held."""
TABLE_LINES = 2
DEALS_MIN, DEALS_MAX = 3, 14
NEWS_MIN, NEWS_MAX = 2, 8
SPREADS_MAX = 6
ROOMY_LINES = 32
"""From this height on there is room for the spreads that stand."""

DUST = "carried dust"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Board:
    """The trading half of the picture. Amounts in `home`; `fees`: of all that was filled, None where some asset's worth
    is not known. `switch`: what trading is now, and whether that is well. `open_deals`: rows of `telling.deal_row`."""

    home: str
    switch: tuple[str, bool]
    pnl: PnlView
    today: Decimal
    fees: Decimal | None
    traded: str
    settled: Sequence[SettledDeal]
    open_deals: Sequence[Row]
    orders_open: int
    orders_unknown: int
    held: Sequence[Row]
    accounts: Mapping[str, Row]


def board_of(trader: Trader, heard: Heard, home: str) -> Board:
    """As it is now."""
    from oneprice.ledger.exact import times, total
    from oneprice.trade import telling

    desk, ledger = trader.desk, trader.ledger
    view = telling.pnl(trader, home)
    paid = [(amount, trader.marks.price(asset, home)) for asset, amount in view.fees.items()]
    known = [times(amount, price) for amount, price in paid if price is not None]
    return Board(
        home=home,
        switch=_switch(trader),
        pnl=view,
        today=ledger.realised_today(desk.clock.wall_ns()),
        fees=total(known) if len(known) == len(paid) else None,
        traded=heard.traded(),
        settled=list(heard.last),
        open_deals=[telling.deal_row(number, deal) for number, deal in ledger.deals.items()],
        orders_open=sum(not order.is_over for order in ledger.orders.values()),
        orders_unknown=sum(order.is_unknown for order in ledger.orders.values()),
        held=telling.residuals(trader, home),
        accounts=telling.account_rows(trader),
    )


def _switch(trader: Trader) -> tuple[str, bool]:
    switches = trader.desk.switches
    if switches.kill:
        return f"KILLED: {switches.kill}", False
    if switches.halt:
        return f"HALTED: {switches.halt}", False
    if switches.armed:
        return "armed", True
    return f"not armed ({f'ending: {trader.ended}' if trader.ended else 'starting'})", False


def draw_board(
    board: Board, view: MarketView, tidings: Sequence[Tiding], title: str, width: int, height: int
) -> RenderableType:
    """One picture for a screen of that size; the parts keep their places as rows come and go."""
    wide = width >= WIDE
    shows_spreads = height >= ROOMY_LINES
    blanks = 3 + shows_spreads
    free = height - HEAD_LINES - blanks - 2 * TABLE_LINES - len(view.markets)
    spreads = min(SPREADS_MAX, max(0, (free - TABLE_LINES) // 4)) if shows_spreads else 0
    free -= spreads + TABLE_LINES * shows_spreads
    deals = min(DEALS_MAX, max(DEALS_MIN, free * 2 // 3))
    news = min(NEWS_MAX, max(NEWS_MIN, free - deals))
    parts: list[RenderableType] = [*_head(board, view, title), Text(), _deals(board, view, deals, wide=wide), Text()]
    if shows_spreads:
        parts += [_spreads(view, spreads, wide=wide), Text()]
    parts += [_venues(board, view.markets, wide=wide), Text(), _news(tidings, news)]
    return Group(*parts)


# ---------------------------------------------------------------------- the top


def _head(board: Board, view: MarketView, title: str) -> list[Text]:
    words, is_well = board.switch
    home = board.home
    pnl = board.pnl
    told = [
        ("today", short(board.today)),
        ("realised", short(pnl.realised)),
        ("unrealised", short(pnl.unrealised)),
        ("fees", "?" if board.fees is None else short(-board.fees)),
        *([("funding", short(pnl.funding))] if pnl.funding else []),
    ]
    states: dict[str, int] = {}
    for row in board.open_deals:
        states[row["state"]] = states.get(row["state"], 0) + 1
    orders = f"{board.orders_open} open"
    doubt = (f", {board.orders_unknown} of unknown outcome", "bold red") if board.orders_unknown else ""
    dust_last = sorted(board.held, key=lambda row: row["why"] == DUST)
    held = ", ".join(_held(row, home) for row in dust_last) or "nothing"
    return [
        _line(
            (title, "bold"),
            "  ",
            (words, "green" if is_well else "bold red"),
            (f"  {span(view.running_s * 1_000)}  {view.opportunities_seen} opportunities  core {view.core}", "dim"),
        ),
        _line(
            ("profit  ", "dim"),
            (f"{short(pnl.total)} {home}", _colour(pnl.total, bold=True)),
            *(part for name, value in told for part in ((f"  {name} ", "dim"), value)),
        ),
        _line(("deals   ", "dim"), board.traded, ("   open ", "dim"), counted(states) or "none"),
        _line(("orders  ", "dim"), orders, doubt, *_best(view)),
        _line(("held    ", "dim"), held),
    ]


def _best(view: MarketView) -> list[tuple[str, str]]:
    """The best spread that stands, or the nearest miss."""
    if view.opportunities:
        best = max(view.opportunities, key=lambda row: row.net_bps)
        return [("   best ", "dim"), (f"{bps(best.net_bps)} bps net: {best.symbol} {best.where}", "green")]
    if view.nearest:
        near = view.nearest[0]
        return [(f"   nearest {bps(near.net_bps)} bps: {near.symbol} {near.where}", "dim")]
    return []


def _held(row: Row, home: str) -> str:
    what = row.get("asset") or str(row["listing"])
    worth = f" = {short(Decimal(row['worth']))} {home}" if row.get("worth") is not None else ""
    why = "dust" if row["why"] == DUST else row["why"]
    return f"{figure(row['amount'])} {what}{worth} ({why})"


def _line(*parts: str | tuple[str, str]) -> Text:
    return Text.assemble(*parts, overflow="ellipsis", no_wrap=True)


def _colour(value: Decimal, *, bold: bool = False) -> str:
    colour = "green" if value > 0 else "red" if value < 0 else ""
    return f"{'bold ' if bold else ''}{colour}".strip()


# ---------------------------------------------------------------------- the tables


def _deals(board: Board, view: MarketView, rows: int, *, wide: bool) -> Table:
    """Open ones first, at most half of the rows; then those that settled last, newest first."""
    table = plain_table()
    table.add_column("deal", justify="right", width=5)
    table.add_column("what", no_wrap=True, overflow="ellipsis", width=19)
    table.add_column("state", width=9, no_wrap=True, overflow="ellipsis")
    table.add_column("expected", justify="right", width=11, no_wrap=True)
    table.add_column("net", justify="right", width=15, no_wrap=True)
    table.add_column("for", justify="right", width=7, no_wrap=True)
    if wide:
        table.add_column("why", no_wrap=True, overflow="ellipsis", ratio=1)
    standing = list(board.open_deals)[-max(1, rows // 2) :]
    settled = list(board.settled)[-max(0, rows - len(standing)) :] if rows > len(standing) else []
    for row in standing:
        age_ms = (view.wall_ns - row["opened_wall_ns"]) / 1e6
        what = f"{row['strategy']} {row['group']}"
        cells = [str(row["deal"]), what, row["state"], short(Decimal(row["expected_net"])), "", span(max(0.0, age_ms))]
        table.add_row(*map(Text, [*cells, _waits(row)] if wide else cells), style="yellow")
    for deal in reversed(settled):
        took_ms = (deal.settled_ns - deal.opened_ns) / 1e6
        net = Text(f"{short(deal.net)} {deal.home}", _colour(deal.net))
        cells = [str(deal.deal), f"{deal.strategy} {deal.group}", deal.outcome.value, short(deal.expected_net)]
        told = [*map(Text, cells), net, Text(span(took_ms))]
        table.add_row(*told, *([Text(deal.reason)] if wide else []))
    for _ in range(rows - len(standing) - len(settled)):
        table.add_row()
    return table


def _waits(row: Row) -> str:
    """What an open deal has, or waits for."""
    has = [f"{figure(held)} {what}" for what, held in (*row["positions"].items(), *row["residual"].items())]
    waits = [f"{one['purpose']} {one['side']} is {one['status']}" for one in row["orders"] if one["status"] in _WAITING]
    return "; ".join([*has, *waits]) or row["reason"]


_WAITING = frozenset({"pending_new", "new", "partially_filled", "pending_cancel", "unknown"})


def _spreads(view: MarketView, rows: int, *, wide: bool) -> Table:
    """What pays now, best first; below it, dimmed, what ended last."""
    table = plain_table()
    table.add_column("spread", width=9, no_wrap=True)
    table.add_column("where", no_wrap=True, overflow="ellipsis", ratio=1, min_width=35)
    table.add_column("best net bps", justify="right", width=12)
    table.add_column("size", justify="right", width=11, no_wrap=True)
    if wide:
        table.add_column("stood", justify="right", width=7)
        table.add_column("ended because", no_wrap=True, overflow="ellipsis", ratio=1)
    standing = sorted(view.opportunities, key=lambda row: -row.net_bps)[:rows]
    shown = [*standing, *view.history[: rows - len(standing)]]
    for row in shown:
        cells = [row.symbol, row.where, bps(row.net_bps), amount(row.size)]
        more = [span(row.age_ms), "" if row.is_open else row.why] if wide else []
        table.add_row(*map(Text, [*cells, *more]), style="green" if row.is_open else "dim")
    for _ in range(rows - len(shown)):
        table.add_row()
    return table


def _venues(board: Board, markets: Sequence[MarketRow], *, wide: bool) -> Table:
    """Each market's feed and account."""
    table = plain_table()
    table.add_column("venue", width=12)
    table.add_column("feed", width=12, no_wrap=True)
    table.add_column("live", justify="right", width=5)
    table.add_column("frames/s", justify="right", width=8)
    table.add_column("age ms p50/99", justify="right", width=13)
    table.add_column("account", width=11, no_wrap=True)
    if wide:
        table.add_column("clock ms", justify="right", width=8)
        table.add_column("rate free", justify="right", width=9)
        table.add_column("trouble", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in markets:
        books = sum(row.books.values())
        live = row.books.get("live", 0)
        account = board.accounts.get(row.name, {})
        cells = [
            Text(row.name),
            Text(row.state, {"open": "green", "reconnecting": "red", "closed": "red"}.get(row.state, "yellow")),
            Text(f"{live}/{books}", "" if live == books else "yellow"),
            Text(f"{row.frames_per_s:,.0f}"),
            Text(f"{latency(row.age_ms_p50)}/{latency(row.age_ms_p99)}"),
            _account(account),
        ]
        if wide:
            offset = account.get("clock_offset_ms")
            room = account.get("order_room")
            cells += [
                Text("-" if offset is None else f"{offset:+.1f}"),
                Text("-" if room is None else f"{room:.0%}"),
                Text(account.get("reason") or row.trouble, "yellow"),
            ]
        table.add_row(*cells)
    return table


def _account(account: Row) -> Text:
    if not account:
        return Text("-", "dim")
    if account["health"] != "open":
        return Text(account["health"].replace("_", "-"), "bold red")
    return Text("ok", "green") if account["stream_complete"] else Text("catching up", "yellow")


def _news(tidings: Sequence[Tiding], rows: int) -> Text:
    """The newest last, as in a log."""
    lines = [
        Text.assemble((f"  {clock(one.wall_ns)}  ", "dim"), (one.text, "green" if one.good else "yellow"))
        for one in list(tidings)[-rows:]
    ]
    text = Text("\n").join(lines)
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
