"""What the private stream missed is caught up on before it counts as complete: orders, fills, each once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import msgspec
import pytest
from tests.canaries import planted
from tests.exchange.accounts import (
    MARKETS,
    House,
    Member,
    Venue,
    bitcoin,
    fast_ports,
    lots_of_worth,
    on_tick,
    ref_of,
)

from oneprice.app import build_account, simulated_hosts
from oneprice.errors import AuthenticationError, NetworkError
from oneprice.exchange import AccountConfig, ConnectionConfig, PrivateExchange, StreamState
from oneprice.exchange.interfaces import SessionState
from oneprice.model import NewOrder, OrderStatus, OrderType, Side, TimeInForce
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.orders import OrderState
from oneprice.venues.kit import Credentials
from oneprice.venues.kit.account import BalanceUpdate, FillUpdate, PositionUpdate

pytestmark = pytest.mark.asyncio(loop_factories=["uvloop"])

PROMPT = ConnectionConfig(reconnect_first_ms=1, reconnect_max_ms=50)
REST = AccountConfig(order_path="rest")


@pytest.fixture
async def house() -> AsyncIterator[House]:
    opened = House(fast_ports(20))
    yield opened
    await opened.close()


async def near(member: Member, venue: Venue, market: str, name: str, **fields: object) -> NewOrder:
    """A buy that rests as the best bid."""
    rules = await member.exchange.public.rules(bitcoin(market))
    listing = venue.listing(market)
    price = on_tick(rules, listing.top.bid_ticks * listing.instrument.tick) + rules.tick_size
    order = NewOrder(
        listing=rules, side=Side.BUY, client_order_id=name, quantity=lots_of_worth(rules, price), price=price
    )
    return msgspec.structs.replace(order, **fields)


async def gap(venue: Venue, member: Member) -> None:
    """The stream is cut, and cannot be opened again until `heal`."""
    venue.server.faults.switch_on(FaultOrder(FaultKind.REFUSE, seconds=3_000.0))
    await asyncio.sleep(0.02)
    venue.fault(FaultKind.DROP)
    await member.until(lambda: not member.exchange.following.state.complete)


async def heal(venue: Venue, member: Member) -> None:
    venue.server.faults.clear()
    await member.until(lambda: member.exchange.following.state.complete, 10.0)


@pytest.mark.parametrize("market", MARKETS)
async def test_what_happened_in_a_gap_is_told_once_before_the_stream_is_complete(house: House, market: str) -> None:
    venue, member = await house.venue(market), await house.member(market, REST, connections=PROMPT)
    filled, canceled = await near(member, venue, market, "filled"), await near(member, venue, market, "canceled")
    for order in (filled, canceled):
        await member.exchange.place(order)
    await gap(venue, member)
    (one,), (other,) = (venue.truth(market, member, name) for name in ("filled", "canceled"))
    venue.serve_whole(market, one)
    venue.desk(market).cancel(other, venue.server.now_ns())
    assert member.status(ref_of(filled)) is OrderStatus.NEW
    before = len(member.events)
    await heal(venue, member)
    news = member.events[before:]
    at = next(place for place, event in enumerate(news) if event == StreamState(True))
    fills = [event.fill for event in news[:at] if isinstance(event, FillUpdate)]
    assert sum(fill.quantity for fill in fills) == filled.quantity
    assert len({fill.venue_fill_id for fill in fills}) == len(fills)
    assert member.status(ref_of(filled)) is OrderStatus.FILLED
    assert member.status(ref_of(canceled)) is OrderStatus.CANCELED
    assert member.exchange.view.open == []
    assert [event for event in news[:at] if isinstance(event, BalanceUpdate)]
    if market.endswith("usdm"):
        positions = [event.position for event in news[:at] if isinstance(event, PositionUpdate)]
        assert [position.quantity for position in positions] == [filled.quantity]
    again = len(member.events)
    venue.fault(FaultKind.DROP)
    await member.until(lambda: StreamState(True) in member.events[again:], 10.0)
    assert [event for event in member.events[again:] if isinstance(event, FillUpdate)] == []


@pytest.mark.parametrize("market", ["binance-spot", "gate-usdm", "mexc-spot"])
async def test_a_fill_of_late_in_a_gap_does_not_hide_one_of_its_beginning(house: House, market: str) -> None:
    config = AccountConfig(order_path="rest", overlap_s=1.0)
    quick = ConnectionConfig(reconnect_first_ms=1, reconnect_max_ms=50, ping_every_ms=500, pong_within_ms=500)
    venue, member = await house.venue(market), await house.member(market, config, connections=quick)
    early = await near(member, venue, market, "early")
    await member.exchange.place(early)
    venue.server.faults.switch_on(FaultOrder(FaultKind.FREEZE, seconds=3_000.0))
    venue.serve_whole(market, venue.truth(market, member, "early")[0])
    following = member.exchange.following
    following.stream_session._to(SessionState.RECONNECTING, "the test says so")
    await house.ports.clock.sleep(10.0)
    late = await near(member, venue, market, "late", time_in_force=TimeInForce.IOC)
    assert late.price is not None
    late = msgspec.structs.replace(late, price=on_tick(late.listing, late.price * Decimal("1.02")))
    placed = await member.exchange.place(late)
    fills = await member.exchange.fills(late.listing, 0, placed.venue_order_id)
    assert fills
    for fill in fills:
        following.hear(FillUpdate(fill))  # as an answer with fills does
    venue.server.faults.clear()
    await following._catch_up()
    told = [event.fill for event in member.events if isinstance(event, FillUpdate)]
    early_id = member.exchange.view.get(ref_of(early)).venue_order_id  # type: ignore[union-attr]
    assert sum(fill.quantity for fill in told if fill.venue_order_id == early_id) == early.quantity


@pytest.mark.parametrize("market", ["gate-spot", "gate-usdm"])
async def test_an_order_that_the_venue_has_forgotten_is_over(house: House, market: str) -> None:
    venue, member = await house.venue(market), await house.member(market, REST, connections=PROMPT)
    order = await near(member, venue, market, "forgotten")
    await member.exchange.place(order)
    await gap(venue, member)
    (truth,) = venue.truth(market, member, "forgotten")
    venue.desk(market).cancel(truth, venue.server.now_ns())
    venue.desk(market)._store._forget(truth)
    await house.ports.clock.sleep(member.exchange._account.findable_after_s + 1.0)
    await heal(venue, member)
    assert truth.state is OrderState.CANCELED
    assert member.status(ref_of(order)) is OrderStatus.CANCELED
    assert member.exchange.view.open == []


@pytest.mark.parametrize("market", MARKETS)
async def test_a_refused_key_is_told_at_once_and_nothing_runs_on(house: House, market: str) -> None:
    venue = await house.venue(market)
    hosts = simulated_hosts([market], {market.partition("-")[0]: venue.server.url})[market]
    exchange = build_account(market, Credentials(*planted("a stranger")), house.ports, hosts=hosts)
    async with asyncio.timeout(5):
        with pytest.raises(AuthenticationError):
            async with exchange:
                raise AssertionError("it opened")
    assert exchange.following._tasks == []
    with pytest.raises(NetworkError, match="closed"):
        await exchange.balances()


async def test_a_key_that_is_refused_later_is_tried_again(house: House) -> None:
    market = "gate-spot"
    venue, member = await house.venue(market), await house.member(market, REST, connections=PROMPT)
    (key,) = member.account.keys
    venue.server.accounts.revoke(key.key)
    venue.fault(FaultKind.DROP)
    await member.until(lambda: not member.exchange.following.state.complete)
    await asyncio.sleep(0.1)
    assert not member.exchange.following.state.complete
    venue.server.accounts._by_key[key.key] = (member.account, key)
    await member.until(lambda: member.exchange.following.state.complete, 10.0)


@pytest.mark.parametrize("market", ["binance-spot", "gate-usdm"])
async def test_no_websocket_is_opened_while_banned(house: House, market: str) -> None:
    venue = await house.venue(market)
    member = await house.member(market, AccountConfig(), connections=PROMPT)
    exchange, clock = member.exchange, house.ports.clock
    exchange.rest.limiter.still_until_ns = clock.monotonic_ns() + 5_000_000_000
    venue.fault(FaultKind.DROP)
    await member.until(lambda: not exchange.following.state.complete)
    await asyncio.sleep(0.05)
    seen = venue.server.requests_seen
    await clock.sleep(3.0)
    assert venue.server.requests_seen == seen
    assert "banned" in exchange.following.state.reason
    await member.until(lambda: exchange.following.state.complete, 10.0)
    assert clock.monotonic_ns() >= exchange.rest.banned_until_ns


@pytest.mark.parametrize("market", ["binance-spot", "binance-usdm", "gate-spot", "gate-usdm"])
async def test_where_orders_insist_on_the_websocket_opening_waits_for_it(house: House, market: str) -> None:
    member = await house.member(market, AccountConfig(order_path="websocket"))
    entry = member.exchange.following.entry
    assert entry is not None
    assert entry.is_ready


async def test_who_stops_listening_hears_nothing_more(house: House) -> None:
    member = await house.member("gate-spot", REST)
    heard: list[object] = []
    stop = member.exchange.listen(heard.append)
    venue = await house.venue("gate-spot")
    await member.exchange.place(await near(member, venue, "gate-spot", "one", type=OrderType.LIMIT_MAKER))
    assert heard
    stop()
    stop()
    count = len(heard)
    await member.exchange.place(await near(member, venue, "gate-spot", "two", type=OrderType.LIMIT_MAKER))
    assert len(heard) == count


async def test_an_exchange_object_that_was_never_opened_closes_quietly(house: House) -> None:
    venue = await house.venue("mexc-spot")
    hosts = simulated_hosts(["mexc-spot"], {"mexc": venue.server.url})["mexc-spot"]
    exchange: PrivateExchange = build_account("mexc-spot", Credentials(*planted("x")), house.ports, hosts=hosts)
    await exchange.close()


async def test_a_stream_that_was_opened_too_often_takes_a_listen_key_that_is_there(house: House) -> None:
    """MEXC gives an account 60, each for an hour; an engine that is killed leaves one behind at each start."""
    venue = await house.venue("mexc")
    member = await venue.join("mexc-spot")
    exchange = member.exchange
    for _ in range(59):
        call = exchange._account.ticket()
        assert call is not None
        await exchange.rest.run(call)
    venue.server.faults.switch_on(FaultOrder(FaultKind.DROP))
    await member.until(lambda: not exchange.following.state.complete)
    await member.until(lambda: exchange.following.state.complete)
