"""Exchanges that do not do what they are told to: the desk itself is broken."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from tests.verify.planted.plant import Plant

from oneprice.sim.desk import TradingDesk
from oneprice.sim.engine import TimeInForce
from oneprice.sim.orders import Reason, Refused, SimOrder, Ticket
from oneprice.sim.server import SimServer

Spoil = Callable[[SimServer], None]
Change = Callable[[Ticket], Ticket]


def _of_all_desks(spoil: Callable[[TradingDesk], None]) -> Spoil:
    def spoil_all(server: SimServer) -> None:
        for desk in server.desks.values():
            spoil(desk)

    return spoil_all


def _tickets(change: Change) -> Spoil:
    """Every order is taken as another one."""

    def spoil(desk: TradingDesk) -> None:
        place = desk.place
        desk.place = lambda account, listing, ticket, now_ns: place(account, listing, change(ticket), now_ns)

    return _of_all_desks(spoil)


def _instead_of(reason: Reason, change: Change) -> Spoil:
    """An order that would be refused for this reason is changed until it passes."""

    def spoil(desk: TradingDesk) -> None:
        place = desk.place

        def lenient(account: Any, listing: Any, ticket: Ticket, now_ns: int) -> SimOrder:
            try:
                return place(account, listing, ticket, now_ns)
            except Refused as refusal:
                if refusal.reason is not reason:
                    raise
                return place(account, listing, change(ticket), now_ns)

        desk.place = lenient

    return _of_all_desks(spoil)


def _nothing(method: str, answer: Any = None) -> Spoil:
    """A command is acknowledged, and nothing is done."""
    return _of_all_desks(lambda desk: setattr(desk, method, lambda *_, **__: answer))


def _larger(ticket: Ticket) -> Ticket:
    return msgspec.structs.replace(ticket, quantity=(ticket.quantity or Decimal(1)) * 10)


def _renamed(ticket: Ticket) -> Ticket:
    return msgspec.structs.replace(ticket, client_order_id=ticket.client_order_id + "b")


def _lasting(ticket: Ticket) -> Ticket:
    if ticket.time_in_force is not TimeInForce.IOC:
        return ticket
    return msgspec.structs.replace(ticket, time_in_force=TimeInForce.GTC)


def _bold(ticket: Ticket) -> Ticket:
    if ticket.time_in_force is not TimeInForce.POST_ONLY:
        return ticket
    return msgspec.structs.replace(ticket, time_in_force=TimeInForce.GTC)


def _opening(ticket: Ticket) -> Ticket:
    return msgspec.structs.replace(ticket, reduce_only=False)


def _partly(ticket: Ticket) -> Ticket:
    if ticket.time_in_force is not TimeInForce.FOK:
        return ticket
    return msgspec.structs.replace(ticket, time_in_force=TimeInForce.IOC)


def _keeps_what_it_refuses(desk: TradingDesk) -> None:
    place = desk.place

    def keeping(account: Any, listing: Any, ticket: Ticket, now_ns: int) -> SimOrder:
        try:
            return place(account, listing, ticket, now_ns)
        except Refused as refusal:
            if refusal.reason is Reason.INSUFFICIENT_BALANCE:
                account.balance(desk.wallet, "USDT").free -= 1
            raise

    desk.place = keeping


DESKS = (
    Plant(
        name="a cancel is acknowledged, and the order lives",
        market="binance-spot",
        areas=(3,),
        fails=frozenset({310}),
        spoil=_nothing("cancel"),
    ),
    Plant(
        name="cancelling all cancels nothing",
        market="binance-usdm",
        areas=(3,),
        fails=frozenset({319, 322}),
        spoil=_nothing("cancel_all", []),
    ),
    Plant(
        name="the dead man's switch never fires",
        market="gate-spot",
        numbers=(310, 319, 322),
        fails=frozenset({322}),
        spoil=_nothing("countdown"),
    ),
    Plant(
        name="orders below the minimum are taken",
        market="binance-usdm",
        numbers=(501, 502, 504, 505, 506, 511),
        fails=frozenset({506}),
        spoil=_instead_of(Reason.MIN_NOTIONAL, _larger),
    ),
    Plant(
        name="a client id is taken twice",
        market="binance-spot",
        areas=(3,),
        fails=frozenset({320}),
        spoil=_instead_of(Reason.DUPLICATE_CLIENT_ID, _renamed),
    ),
    Plant(
        name="IOC orders rest",
        market="gate-spot",
        numbers=(301, 306, 310, 311, 312, 319, 320),
        fails=frozenset({312}),
        spoil=_tickets(_lasting),
    ),
    Plant(
        name="FOK orders fill in part",
        market="binance-usdm",
        areas=(3,),
        fails=frozenset({313}),
        spoil=_tickets(_partly),
    ),
    Plant(
        name="post-only orders take",
        market="gate-usdm",
        areas=(3,),
        fails=frozenset({314, 318}),
        spoil=_tickets(_bold),
    ),
    Plant(
        name="reduce-only orders open positions",
        market="mexc-usdm",
        numbers=(308, 309, 311, 317),
        fails=frozenset({317}),
        spoil=_tickets(_opening),
    ),
    Plant(
        name="a halt is not kept",
        market="mexc-spot",
        numbers=(504, 505, 506, 511),
        fails=frozenset({511}),
        spoil=_nothing("is_halted", False),
    ),
    Plant(
        name="an order that is refused costs a unit",
        market="gate-spot",
        numbers=(505, 506, 513),
        fails=frozenset({513}),
        spoil=_of_all_desks(_keeps_what_it_refuses),
    ),
)
