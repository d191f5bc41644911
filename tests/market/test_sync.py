"""Books get out of LIVE when they must, and come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import pairwise
from typing import Any

from tests.market.toy import ToyMarket
from tests.market.world import ToyServer, World, agrees, book_of, run

from oneprice.core.states import BookState, Reason
from oneprice.market import MarketData

BTC, ETH = "toy-spot:BTC/USDT", "toy-spot:ETH/USDT"


@asynccontextmanager
async def live(world: World, **settings: Any) -> AsyncIterator[MarketData]:
    """A running engine with busy servers, all live."""
    async with world.engine(**settings) as data:
        busy = [asyncio.create_task(server.bustle()) for server in world.servers.values()]
        assert await data.until_live(5.0), data.view()
        try:
            yield data
        finally:
            for task in busy:
                task.cancel()


async def settled(data: MarketData, server: ToyServer, name: str, seconds: float) -> bool:
    """Whether the book gets LIVE and equal to the venue's within the time."""
    until = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < until:
        await asyncio.sleep(0.011)
        if name not in {book.name for book in data.books}:
            continue
        if data.state(book_of(data, name)) is BookState.LIVE and agrees(data, server, name):
            return True
    return False


def test_a_gap_stops_the_book_until_a_snapshot_brings_it_back() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world) as data:
            book, other = book_of(data, BTC), book_of(data, ETH)
            before = book.resyncs, other.resyncs
            server.skip_frames = 1
            server.change("BTCUSDT")
            server.change("BTCUSDT")
            await asyncio.sleep(0.0101)
            assert data.state(book) is not BookState.LIVE
            assert data.state(other) is BookState.LIVE, "the tick of one listing does not touch others"
            assert await settled(data, server, BTC, 1.0)
            assert (book.resyncs, other.resyncs) == (before[0] + 1, before[1])

    run(scenario)


def test_a_snapshot_older_than_the_stream_is_asked_for_again() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        old = [server.instruments["BTCUSDT"].snapshot()] * 3
        async with live(world) as data:
            book = book_of(data, BTC)
            started = len(server.requests)
            server.stale_snapshots = old
            server.skip_frames = 1
            server.change("BTCUSDT")
            server.change("BTCUSDT")
            assert await settled(data, server, BTC, 2.0)
            asked_ns = [ns for ns, path in server.requests[started:] if path == "/depth"]
            pauses = [later - earlier for earlier, later in pairwise(asked_ns)]
            assert len(asked_ns) == 4
            assert all(100_000_000 <= pause <= 1_100_000_000 for pause in pauses), pauses
            assert not server.stale_snapshots
            assert book.resyncs >= 4

    run(scenario)


def test_snapshots_fail_while_rest_is_down_and_the_book_comes_back_with_it() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world) as data:
            server.rest_down = True
            server.skip_frames = 1
            server.change("BTCUSDT")
            server.change("BTCUSDT")
            await asyncio.sleep(5.0)
            assert data.state(book_of(data, BTC)) in (BookState.GAP, BookState.SYNCING)
            assert "not now" in data.view().markets[0].trouble
            server.rest_down = False
            assert await settled(data, server, BTC, 15.0)
            assert data.view().markets[0].trouble == ""

    run(scenario)


def test_a_garbled_frame_loses_the_books_of_its_connection_until_snapshots_come() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world) as data:
            server.sockets[0].deliver(b'{"s":"BTCUSDT","U":12,"u":')
            await asyncio.sleep(0.0101)
            assert data.hub.reason(book_of(data, BTC).number) in (Reason.MALFORMED, Reason.WAITING)
            assert await settled(data, server, BTC, 1.0)
            assert await settled(data, server, ETH, 1.0)

    run(scenario)


def test_a_price_off_the_grid_registers_the_book_with_a_finer_one() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world) as data:
            book = book_of(data, BTC)
            old, other = book.number, book_of(data, ETH).number
            server.change("BTCUSDT", price=Decimal("49999.95"), lots=Decimal("0.02"))
            assert await settled(data, server, BTC, 2.0)
            assert book.number != old
            assert (book.tick_size, book.info.tick_size) == (Decimal("0.01"), Decimal("0.1"))
            assert data.books.spec(book.number).order_ticks == 10
            assert data.hub.state(old) == BookState.HALTED
            assert data.hub.top(old)[:4] == (0, 0, 0, 0)
            assert book_of(data, ETH).number == other
            server.change("BTCUSDT", lots=Decimal("0.0205"))
            assert await settled(data, server, BTC, 2.0)
            assert book.lot_size == Decimal("0.0001")

    run(scenario)


def test_new_rules_reach_the_book_and_a_halt_stops_it() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world, rules_every_s=10) as data:
            instrument = server.instruments["BTCUSDT"]
            instrument.tick = Decimal("0.05")
            await asyncio.sleep(11.0)
            assert book_of(data, BTC).info.tick_size == Decimal("0.05")
            assert await settled(data, server, BTC, 1.0)
            instrument.tradable = False
            await asyncio.sleep(11.0)
            assert data.state(book_of(data, BTC)) is BookState.HALTED
            row = next(row for row in data.view().books if row.name == BTC)
            assert "takes no orders" in row.why
            instrument.tradable = True
            await asyncio.sleep(11.0)
            assert data.state(book_of(data, BTC)) is BookState.LIVE
            del server.instruments["BTCUSDT"]
            await asyncio.sleep(11.0)
            assert "no more" in book_of(data, BTC).closed

    run(scenario)


def test_where_streams_bring_whole_books_a_gap_is_healed_by_subscribing_again() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add(ToyMarket(whole=True))
        async with live(world) as data:
            server.skip_frames = 1
            server.change("BTCUSDT")
            server.change("BTCUSDT")
            assert await settled(data, server, BTC, 2.0)
            assert not [path for _, path in server.requests if path == "/depth"]
            gone = [message for message in server.messages if message["do"] == "unsubscribe"]
            assert [sorted(message["names"]) for message in gone] == [["BTCUSDT@depth", "BTCUSDT@quote"]]
            server.drop_all()
            await asyncio.sleep(0.001)
            assert data.state(book_of(data, BTC)) is BookState.GAP
            assert await settled(data, server, BTC, 3.0)

    run(scenario)


def test_snapshots_at_once_stay_within_their_budget() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world, snapshots_at_once=1) as data:
            started = len(server.requests)
            server.sockets[0].deliver(b"{")
            assert await settled(data, server, BTC, 1.0)
            assert await settled(data, server, ETH, 1.0)
            asked_ns = [ns for ns, path in server.requests[started:] if path == "/depth"]
            assert len(asked_ns) == 2
            assert asked_ns[1] - asked_ns[0] >= 20_000_000, "one after the other"

    run(scenario)


def test_a_listing_that_went_quiet_is_subscribed_anew() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world) as data:
            for socket in server.sockets:
                socket.names -= {"BTCUSDT@depth", "BTCUSDT@quote"}  # the venue forgot them
            await asyncio.sleep(12.0)
            assert data.state(book_of(data, BTC)) is BookState.STALE
            await asyncio.sleep(62.0)
            assert await settled(data, server, BTC, 1.0)
            assert data.view().markets[0].reconnects == 0

    run(scenario)


def test_a_book_that_is_lost_again_and_again_is_not_asked_for_ever_faster() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world) as data:
            started = len(server.requests)
            for _ in range(600):
                server.skip_frames = 1
                await asyncio.sleep(0.1)
            asked = [path for _, path in server.requests[started:] if path == "/depth"]
            assert 8 <= len(asked) <= 40, "of two books, in a minute"
            assert await settled(data, server, BTC, 31.0)

    run(scenario)
