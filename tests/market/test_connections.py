"""Connections: subscriptions proven by data, dead sockets noticed, reconnects within a budget, no blind rollover."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import msgspec
from tests.market.test_sync import BTC, ETH, live, settled
from tests.market.toy import LIMITS, ToyMarket
from tests.market.world import World, agrees, book_of, run

from oneprice.core.states import BookState
from oneprice.exchange import SessionState
from oneprice.market import MarketData
from oneprice.model import MarketKind
from oneprice.venues.kit import Budget, Channel

S = 1_000_000_000


def limited(**changes: Any) -> ToyMarket:
    return ToyMarket(limits=msgspec.structs.replace(LIMITS, **changes))


def asked(server: Any) -> list[list[str]]:
    return [sorted(message["names"]) for message in server.messages if message["do"] == "subscribe"]


async def states_during(data: MarketData, name: str, seconds: float) -> set[BookState]:
    """All states that the book shows, looked at every few milliseconds."""
    seen = set()
    until = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < until:
        seen.add(data.state(book_of(data, name)))
        await asyncio.sleep(0.004)
    return seen


def test_only_the_subscription_without_an_answer_is_asked_for_again() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add(limited(names_per_message=1))
        server.lost_names = {"BTCUSDT@depth"}
        async with world.engine() as data:
            busy = asyncio.create_task(server.bustle())
            assert await settled(data, server, ETH, 1.5), "others trade meanwhile"
            assert data.state(book_of(data, BTC)) is BookState.SYNCING
            assert await settled(data, server, BTC, 2.0)
            assert asked(server)[4:] == [["BTCUSDT@depth"]]
            busy.cancel()

    run(scenario)


def test_a_refused_subscription_is_shown_and_does_not_end_the_run() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        server.refused_names = {"BTCUSDT@depth": "no such stream"}
        async with world.engine() as data:
            busy = asyncio.create_task(server.bustle())
            assert await settled(data, server, ETH, 2.0)
            await asyncio.sleep(20.0)
            row = next(row for row in data.view().books if row.name == BTC)
            assert (row.state, row.why) == ("syncing", "no such stream")
            assert [each.reason for each in data.view().refused] == ["no such stream"]
            server.refused_names = {}
            tries = len(asked(server))
            await asyncio.sleep(60.0)
            assert await settled(data, server, BTC, 3.0), "tried again"
            assert 4 <= tries + len(asked(server)) <= 10, "ever more rarely"
            busy.cancel()

    run(scenario)


def test_an_error_without_a_number_is_taken_for_an_answer_and_asked_again() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add(limited(ack_within_s=60.0))
        server.lost_names = {"BTCUSDT@depth"}
        async with world.engine() as data:
            busy = asyncio.create_task(server.bustle())
            await asyncio.sleep(0.5)
            server.sockets[0].deliver({"error": "invalid request"})
            assert await settled(data, server, BTC, 3.0)
            busy.cancel()

    run(scenario)


def test_what_is_acknowledged_but_brings_no_data_is_subscribed_anew() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        server.silent_names = {"BTCUSDT@quote"}
        async with live(world):
            await asyncio.sleep(9.0)
            assert len(asked(server)) == 1
            await asyncio.sleep(2.0)
            assert asked(server)[1:] == [["BTCUSDT@quote"]]

    run(scenario)


def test_a_frozen_feed_is_silent_within_the_limit_and_heals_with_its_next_frame() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world, silent_after_ms=1_000) as data:
            server.frozen = True
            await asyncio.sleep(0.95)
            assert data.state(book_of(data, BTC)) is BookState.LIVE
            world.clock.wall_step_ns = 3_600 * S  # ages do not come from the wall clock
            await asyncio.sleep(0.2)
            assert data.state(book_of(data, BTC)) is BookState.SILENT
            assert data.state(book_of(data, ETH)) is BookState.SILENT
            server.frozen = False
            assert await settled(data, server, BTC, 1.0)
            assert data.view().markets[0].reconnects == 0

    run(scenario)


def test_a_half_open_connection_is_dropped_within_five_seconds_and_replaced() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world) as data:
            server.half_open = True
            await asyncio.sleep(4.9)
            assert not server.sockets
            assert data.state(book_of(data, BTC)) is BookState.GAP
            server.half_open = False
            assert await settled(data, server, BTC, 6.0)
            assert data.view().markets[0].reconnects == 1

    run(scenario)


def test_a_lost_connection_takes_its_books_out_of_live_before_anything_else_happens() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world) as data:
            listener = server.sockets[0].listener
            listener.on_closed("reset by peer")
            assert data.state(book_of(data, BTC)) is BookState.GAP
            assert await settled(data, server, BTC, 1.0)

    run(scenario)


def test_reconnect_storms_stay_within_the_connect_budget_of_the_venue() -> None:
    async def scenario() -> None:
        world = World()
        budget = Budget(weight_max=10, seconds=30.0)
        servers = [
            world.add(ToyMarket(kind=kind, limits=msgspec.structs.replace(LIMITS, connects=budget)))
            for kind in MarketKind
        ]
        async with live(world) as data:
            for _ in range(600):
                for server in servers:
                    server.drop_all()
                await asyncio.sleep(0.1)
            attempts = sorted(ns for server in servers for ns in server.connects_ns)
            for index, ns in enumerate(attempts):
                assert sum(ns <= later < ns + 30 * S for later in attempts[index:]) <= 10
            assert len(attempts) >= 15, "it goes on trying"
            assert await data.until_live(90.0)

    run(scenario)


def test_refused_connections_are_tried_again_ever_more_rarely() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add(limited(connects=Budget(1_000, 60.0)))
        async with live(world) as data:
            server.refusing = True
            server.drop_all()
            await asyncio.sleep(120.0)
            waits = [later - earlier for earlier, later in pairwise(server.connects_ns[1:])]
            assert sum(waits[:4]) < 4 * S, "quickly at first"
            assert 30 <= len(waits) <= 70, "then every 2.5 s on average"
            assert max(waits) < 5.1 * S
            assert "refused" in data.view().markets[0].trouble
            server.refusing = False
            assert await settled(data, server, BTC, 31.0)

    run(scenario)


def test_a_connection_is_replaced_before_its_lifetime_ends_without_a_blind_moment() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add(limited(lifetime_s=10.0))
        async with live(world) as data:
            resyncs = book_of(data, BTC).resyncs
            assert await states_during(data, BTC, 30.0) == {BookState.LIVE}
            row = data.view().markets[0]
            assert (row.replacements, row.reconnects, row.connections) == (4, 0, 1)
            assert book_of(data, BTC).resyncs == resyncs, "nothing was missed"
            counts = data.hub.counts(book_of(data, BTC).number)
            assert counts["dropped"] > 0, "both connections brought the same changes for a while"
            assert counts["gaps"] == 0
            assert agrees(data, server, BTC) or await settled(data, server, BTC, 0.1)
            opened = [later - earlier for earlier, later in pairwise(server.connects_ns)]
            assert all(6 * S <= age < 9 * S for age in opened), "well before ten seconds, not all alike"
            assert len(data.feeds["toy-spot"].session.lanes[0]._streams) == 2, "the hub's numbers are used again"

    run(scenario)


def test_a_notice_of_closing_brings_a_successor_first() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world) as data:
            server.sockets[0].deliver({"closing": "maintenance"})
            assert await states_during(data, BTC, 3.0) == {BookState.LIVE}
            assert data.view().markets[0].replacements == 1
            assert len(server.sockets) == 1

    run(scenario)


def test_a_successor_without_data_does_not_take_over_nor_hide_the_silence_of_the_old_one() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world) as data:
            server.frozen = True
            await asyncio.sleep(2.2)
            assert await states_during(data, BTC, 35.0) == {BookState.SILENT}
            assert len(server.connects_ns) >= 2, "a new connection was tried"
            assert data.view().markets[0].replacements == 0
            server.frozen = False
            assert await settled(data, server, BTC, 1.0)

    run(scenario)


def test_books_are_lost_when_the_old_connection_dies_before_its_successor_carries() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world) as data:
            old = server.sockets[0]
            old.deliver({"closing": "maintenance"})
            await asyncio.sleep(0.031)
            assert len(server.sockets) == 2, "the successor is open, its data are not there yet"
            old.end("reset by peer")
            await asyncio.sleep(0.001)
            assert data.state(book_of(data, BTC)) is BookState.GAP
            assert await settled(data, server, BTC, 1.0)
            assert len(server.sockets) == 1

    run(scenario)


def test_messages_keep_to_the_venues_rate() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add(limited(names_per_message=1, messages_per_s=4.0))
        async with live(world):
            await asyncio.sleep(2.0)
            sent_ns = server.sockets[0].sent_ns
            assert len(sent_ns) == 4
            assert all(later - earlier >= S // 4 for earlier, later in pairwise(sent_ns))

    run(scenario)


def test_subscriptions_are_spread_over_connections_within_their_limit() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add(limited(subscriptions_per_connection=2))
        async with live(world) as data:
            assert len(server.sockets) == 2
            assert sorted(len(socket.names) for socket in server.sockets) == [2, 2]
            other = next(socket for socket in server.sockets if "ETHUSDT@depth" in socket.names)
            other.end("reset by peer")
            await asyncio.sleep(0.001)
            assert data.state(book_of(data, BTC)) is BookState.LIVE
            assert data.state(book_of(data, ETH)) is BookState.GAP

    run(scenario)


def test_a_question_of_the_venue_is_answered_at_once() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world):
            server.sockets[0].deliver({"ask": 1})
            await asyncio.sleep(0.03)
            assert server.messages[-1] == {"do": "answer"}

    run(scenario)


def test_the_session_subscribes_and_unsubscribes_on_request() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world, channels=(Channel.DEPTH,)) as data:
            session = data.feeds["toy-spot"].session
            listing = book_of(data, BTC).info
            await session.subscribe([listing], [Channel.QUOTE])
            assert session.state is SessionState.OPEN
            assert (listing, Channel.QUOTE) in session.subscriptions
            assert "BTCUSDT@quote" in server.sockets[0].names
            await asyncio.sleep(0.2)
            assert data.hub.counts(book_of(data, BTC).number)["quotes"] > 0
            await session.unsubscribe([listing], [Channel.DEPTH, Channel.QUOTE])
            await asyncio.sleep(0.2)
            assert server.sockets[0].names == {"ETHUSDT@depth"}
            assert data.state(book_of(data, BTC)) is BookState.GAP
            assert data.state(book_of(data, ETH)) is BookState.LIVE
            await session.close()
            await session.close()
            assert session.state is SessionState.CLOSED
            assert not server.sockets

    run(scenario)
