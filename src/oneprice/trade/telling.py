"""What the engine tells of itself: plain rows for screens, commands and programs. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from oneprice.ledger.deals import Deal, SettledDeal
from oneprice.ledger.exact import times
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.orders import TrackedOrder
from oneprice.ledger.pnl import PnlView, pnl_view
from oneprice.model.deals import DealState
from oneprice.trade.residuals import held
from oneprice.trade.trader import Trader

MS = 1_000_000
Row = dict[str, object]


def status(trader: Trader, now_ns: int) -> Row:
    """Mode, switches, accounts, books, deals by state, and what stops trading now."""
    desk, ledger = trader.desk, trader.ledger
    states: dict[str, int] = {}
    for book in desk.market.books:
        name = desk.market.state(book).name.lower()
        states[name] = states.get(name, 0) + 1
    working: dict[str, int] = {}
    for deal in ledger.deals.values():
        working[deal.state.value] = working.get(deal.state.value, 0) + 1
    return {
        "mode": trader.facts.mode,
        "run": ledger.run,
        "armed": desk.switches.armed,
        "halt": desk.switches.halt,
        "kill": desk.switches.kill,
        "books": states,
        "accounts": account_rows(trader),
        "deals_open": working,
        "deals_settled": ledger.deals_settled,
        "unequal": [
            {
                "deal": number,
                "residual": amounts(deal.residual()),
                "for_ms": round(trader.residuals.unhedged_ms(number, now_ns)),
            }
            for number, deal in ledger.deals.items()
            if any(deal.residual().values())
        ],
        "orders_open": sum(not order.is_over for order in ledger.orders.values()),
        "orders_unknown": [name for name, order in ledger.orders.items() if order.is_unknown],
        "refusals": dict(trader.refusals.most_common()),
        "alarms": list(ledger.alarms)[-5:],
    }


def account_rows(trader: Trader) -> dict[str, Row]:
    """How each account stands, by VENUE-MARKET."""
    rows: dict[str, Row] = {}
    for name, account in trader.desk.accounts.items():
        standing, (health, reason) = account.standing(), trader.desk.switches.health_of(name)
        rows[name] = {
            "health": health.name.lower(),
            "reason": reason or ("" if standing.stream_complete else standing.reason),
            "stream_complete": standing.stream_complete,
            "clock_offset_ms": None if standing.clock_offset_ns is None else round(standing.clock_offset_ns / MS, 3),
            "order_room": round(standing.order_room, 3),
        }
    return rows


def orders(trader: Trader) -> list[Row]:
    """Open orders: ours, then those of other hands."""
    rows = [order_row(order) for order in trader.ledger.orders.values() if not order.is_over]
    rows += [
        {
            "client_order_id": order.client_order_id,
            "venue_order_id": order.venue_order_id,
            "listing": str(order.listing.name),
            "side": order.side.name.lower() if order.side else "",
            "price": str(order.price),
            "quantity": str(order.quantity),
            "status": order.status.name.lower(),
            "owner": "external",
        }
        for order in trader.tracker.external.orders.values()
    ]
    return rows


def order_row(order: TrackedOrder) -> Row:
    """One order of ours."""
    intent = order.intent
    return {
        "client_order_id": intent.client_order_id,
        "venue_order_id": order.venue_order_id,
        "deal": intent.deal,
        "purpose": intent.purpose.name.lower(),
        "listing": intent.listing,
        "side": intent.side.name.lower(),
        "type": intent.type.name.lower(),
        "time_in_force": intent.time_in_force.name.lower(),
        "price": str(intent.price),
        "quantity": str(intent.quantity),
        "filled": str(order.filled),
        "status": order.status.name.lower(),
        "reason": order.reason,
        "owner": "oneprice",
    }


def deal_row(number: int, deal: Deal) -> Row:
    """One deal that is not settled."""
    return {
        "deal": number,
        "strategy": deal.opened.strategy,
        "group": deal.opened.group,
        "state": deal.state.value,
        "reason": deal.reason,
        "opened_wall_ns": deal.opened.wall_ns,
        "expected_net": str(deal.opened.expected_net),
        "residual": amounts(deal.residual()),
        "positions": amounts(held(deal)),
        "orders": [order_row(order) for order in deal.orders],
    }


def settled_row(settled: SettledDeal) -> Row:
    """One deal that is."""
    return {
        "deal": settled.deal,
        "strategy": settled.strategy,
        "group": settled.group,
        "state": DealState.SETTLED.value,
        "outcome": settled.outcome.value,
        "reason": settled.reason,
        "opened_wall_ns": settled.opened_ns,
        "settled_wall_ns": settled.settled_ns,
        "expected_net": str(settled.expected_net),
        "net": str(settled.net),
    }


def deals(trader: Trader, count: int) -> list[Row]:
    """Open ones, then the last settled, newest first."""
    rows = [deal_row(number, deal) for number, deal in trader.ledger.deals.items()]
    last = list(trader.ledger.settled)[-max(0, count - len(rows)) :] if count > len(rows) else []
    return rows + [settled_row(one) for one in reversed(last)]


def residuals(trader: Trader, home: str) -> list[Row]:
    """What is held that was not held at first, at the marks of now."""
    return held_rows(trader.ledger, trader.marks.price, home)


def held_rows(ledger: Ledger, price: Callable[[str, str], Decimal | None], home: str) -> list[Row]:
    """What open deals hold, and what settled ones have left: each with its worth in `home`, None where `price` of the
    asset in `home` is not known."""
    rows: list[Row] = []
    for asset, amount in sorted(ledger.carried.items()):
        if amount:
            rows.append(_asset_row(asset, amount, "carried dust", price, home))
    for number, deal in ledger.deals.items():
        why = f"deal {number} {deal.state.value}"
        for asset, amount in sorted(deal.residual().items()):
            if amount:
                rows.append(_asset_row(asset, amount, why, price, home))
        rows += [
            {"listing": key, "amount": f"{quantity:f}", "why": why} for key, quantity in sorted(held(deal).items())
        ]
    return rows


def pnl(trader: Trader, home: str) -> PnlView:
    """Profit and loss by venue, asset, deal and strategy, at the marks of now."""
    return pnl_view(trader.ledger, home, lambda asset: trader.marks.price(asset, home))


def amounts(values: dict[str, Decimal]) -> dict[str, str]:
    """As text, without those that are 0."""
    return {name: str(value) for name, value in values.items() if value}


def _asset_row(asset: str, amount: Decimal, why: str, price: Callable[[str, str], Decimal | None], home: str) -> Row:
    mark = price(asset, home)
    worth = None if mark is None else f"{times(amount, mark):f}"
    return {"asset": asset, "amount": f"{amount:f}", "why": why, "worth": worth, "in": home}
