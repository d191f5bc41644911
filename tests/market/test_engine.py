"""The whole of it: opportunities in words, strangers refused, errors loud, every byte recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest
from tests.market.test_sync import BTC, ETH, live, settled
from tests.market.toy import ToyMarket
from tests.market.world import Instrument, ToyServer, World, book_of, btc, eth, run

from oneprice.core.states import BookState, Reason
from oneprice.errors import ConfigError, OnePriceError
from oneprice.market import MarketConfig, MarketData
from oneprice.market.recording import RecordedListing
from oneprice.model import MarketKind
from oneprice.venues.kit import Channel, Request, Response


def two_venues(world: World) -> tuple[ToyServer, ToyServer]:
    return world.add(ToyMarket("east")), world.add(ToyMarket("west", MarketKind.USDM))


def test_an_opportunity_is_told_in_words_while_it_stands_and_after() -> None:
    async def scenario() -> None:
        world = World()
        _, west = two_venues(world)
        async with live(world, min_net_bps=2.0) as data:
            near = data.view().nearest[0]
            assert near.net_bps == pytest.approx(-2, abs=0.1)
            assert near.why == "the spread does not pay the fees and the wanted edge"
            west.shift("BTCUSDT", Decimal(50100))
            await asyncio.sleep(0.5)
            (row,) = data.view().opportunities
            assert (row.kind, row.symbol, row.where) == ("spot-perp", "BTC/USDT", "buy east-spot, sell west-usdm")
            assert row.is_open
            assert Decimal("0.1") < row.size <= Decimal("0.2"), "two levels deep"
            assert row.cost == Decimal("50000.1") * row.size + Decimal("0.1") * (row.size - Decimal("0.1"))
            assert row.unit == "USDT"
            assert row.fees_bps == pytest.approx(2.0, abs=0.01)
            assert row.net_bps == pytest.approx(row.gross_bps - row.fees_bps)
            assert float(row.net) == pytest.approx(float(row.cost) * row.net_bps / 1e4, rel=1e-3)
            assert 400 < row.age_ms < 600
            west.shift("BTCUSDT", Decimal(50000))
            await asyncio.sleep(0.1)
            view = data.view()
            assert (view.opportunities, view.opportunities_seen) == ((), 1)
            assert view.history[0].why == "the spread no longer pays the fees"
            assert not view.history[0].is_open

    run(scenario)


def test_an_opportunity_ends_with_the_book_it_rests_on() -> None:
    async def scenario() -> None:
        world = World()
        _, west = two_venues(world)
        async with live(world) as data:
            west.shift("BTCUSDT", Decimal(50100))
            await asyncio.sleep(0.1)
            assert data.view().opportunities
            west.drop_all()
            await asyncio.sleep(0.002)
            view = data.view()
            assert not view.opportunities
            assert view.history[0].why == "west-usdm:BTC/USDT: its connection is down"
            assert "west-usdm:BTC/USDT: its connection is down" in {near.why for near in view.nearest}

    run(scenario)


def test_the_same_ticker_at_another_price_is_refused_with_the_reason() -> None:
    async def scenario() -> None:
        world = World()
        world.add(ToyMarket("east"))
        world.add(ToyMarket("west"))
        odd = Instrument("BTC", "USDT", Decimal(80000), "0.1", "0.001")
        odd_server = world.add(ToyMarket("south"), [odd, eth()])
        async with live(world) as data:
            assert not data.view().opportunities
            (refused,) = data.view().refused
            assert refused.name == "south-spot:BTC/USDT"
            told = "not the same asset? south-spot:BTC/USDT costs 80000, east-spot:BTC/USDT 5000"
            assert refused.reason.startswith(told)
            assert data.state(book_of(data, "south-spot:BTC/USDT")) is BookState.HALTED
            odd_server.shift("BTCUSDT", Decimal(50000))
            assert await settled(data, odd_server, "south-spot:BTC/USDT", 3.0)
            assert not data.view().refused

    run(scenario)


def test_a_multiplier_makes_prices_comparable() -> None:
    async def scenario() -> None:
        world = World()
        world.add(ToyMarket("east"))
        thousand = Instrument("BTC", "USDT", Decimal(50000000), "100", "0.001")
        thousand.multiplier = Decimal(1000)
        world.add(ToyMarket("west"), [thousand, eth()])
        async with live(world) as data:
            assert not data.view().refused
            rows = {row.name: row for row in data.view().books}
            row = rows["west-spot:BTC/USDT"]
            assert (row.ask, row.ask_quantity) == (Decimal("50000.1"), 100), "per coin, in coins"

    run(scenario)


def test_cycles_of_one_spot_market_are_found() -> None:
    async def scenario() -> None:
        world = World()
        ethbtc = Instrument("ETH", "BTC", Decimal("0.06"), "0.0001", "0.01")
        server = world.add(instruments=[btc(), eth(), ethbtc])
        async with live(world, symbols=("BTC/USDT", "ETH/USDT", "ETH/BTC")) as data:
            assert len(data.opportunities.cycles) == 2
            server.shift("ETHBTC", Decimal("0.063"))
            await asyncio.sleep(0.1)
            (row,) = data.view().opportunities
            assert (row.kind, row.symbol, row.unit) == ("cycle", "USDT", "USDT")
            assert row.where == "on toy-spot buy ETH/USDT, sell ETH/BTC, sell BTC/USDT"
            assert row.net > 0

    run(scenario)


def test_a_market_that_is_down_at_the_start_does_not_hold_up_the_others() -> None:
    async def scenario() -> None:
        world = World()
        _, west = two_venues(world)
        west.rest_down = True
        async with world.engine() as data:
            assert not await data.until_live(5.0)
            rows = {row.name: row for row in data.view().markets}
            assert rows["east-spot"].books == {"live": 2}
            assert (rows["west-usdm"].state, rows["west-usdm"].trouble) == ("starting", "rules: west: not now")
            west.rest_down = False
            assert await data.until_live(31.0)

    run(scenario)


def test_a_market_without_prices_on_the_wanted_channels_is_shown_and_left_out() -> None:
    async def scenario() -> None:
        world = World()
        world.add(ToyMarket("east"))
        world.add(ToyMarket("west", channels=(Channel.DEPTH,)))
        async with live(world, channels=(Channel.QUOTE,)) as data:
            assert {row.name: row.books for row in data.view().markets} == {"east-spot": {"live": 2}, "west-spot": {}}
            assert data.view().refused[0].name == "west-spot:BTC/USDT"
            assert "none of the wanted channels shows prices" in data.view().refused[0].reason

    run(scenario)


def test_a_symbol_that_nobody_lists_ends_the_run_by_name() -> None:
    async def scenario() -> None:
        world = World()
        two_venues(world)
        async with world.engine(symbols=("BTC/USDT", "NOPE/USDT")) as data:
            await data.until_live(5.0)

    with pytest.raises(ConfigError, match="NOPE/USDT not listed by any of east-spot, west-usdm"):
        run(scenario)


class Tape:
    """A recorder that keeps everything, and fails when told to."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.fails_after = 1_000_000

    def on_rules(self, venue: str, market: MarketKind, listings: Sequence[RecordedListing], wall_ns: int) -> None:
        self.told.append(("rules", venue, market, [str(listing.info.name) for listing in listings]))

    def on_open(self, connection: int, market: str, path: str, wall_ns: int) -> None:
        self.told.append(("open", connection, market, path))

    def on_frame(self, connection: int, payload: bytes, binary: bool, wall_ns: int) -> None:
        self.told.append(("frame", connection, payload, wall_ns))
        if len(self.told) > self.fails_after:
            raise OnePriceError("the disk is full")

    def on_closed(self, connection: int, reason: str, wall_ns: int) -> None:
        self.told.append(("closed", connection, reason))

    def on_rest(self, market: str, request: Request, response: Response, wall_ns: int) -> None:
        self.told.append(("rest", market, request.path, response.body))


def test_everything_that_comes_in_is_recorded_before_it_is_looked_at() -> None:
    tape = Tape()

    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world, recorder=tape) as data:
            server.sockets[0].deliver(b"not even JSON")
            await asyncio.sleep(0.0101)
            assert b"not even JSON" in [told[2] for told in tape.told]
            assert data.hub.reason(book_of(data, BTC).number) != Reason.NONE
            server.drop_all()
            await asyncio.sleep(0.001)
            assert await settled(data, server, BTC, 1.0)

    run(scenario)
    kinds = [told[0] for told in tape.told]
    assert kinds.index("rules") < kinds.index("open") < kinds.index("frame")
    assert {told[2] for told in tape.told if told[0] == "rest"} == {"/rules", "/tickers", "/depth", "/time"}
    assert [told[1] for told in tape.told if told[0] == "open"] == [1, 2]
    assert ("closed", 1, "reset by peer") in tape.told
    ends = [told for told in tape.told if told[0] == "closed"]
    assert ends[-1] == ("closed", 2, "the session is closed")


def test_an_error_in_a_callback_ends_the_run_loudly() -> None:
    tape = Tape()

    async def scenario() -> None:
        world = World()
        world.add()
        async with live(world, recorder=tape):
            tape.fails_after = len(tape.told)
            await asyncio.sleep(60.0)

    with pytest.raises(OnePriceError, match="the disk is full"):
        run(scenario)


def test_an_error_in_a_task_ends_the_run_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        world = World()
        world.add()
        async with live(world) as data:
            monkeypatch.setattr(data.feeds["toy-spot"].recovery, "look", lambda now_ns: 1 / 0)
            await asyncio.sleep(60.0)

    with pytest.raises(ZeroDivisionError):
        run(scenario)


def test_the_same_seed_gives_the_same_run() -> None:
    def story() -> str:
        async def scenario() -> str:
            world = World(seed=7)
            east, _ = two_venues(world)
            async with live(world) as data:
                for _ in range(10):
                    east.drop_all()
                    await asyncio.sleep(3.0)
                hashes = [data.hub.listing_hash(book.number) for book in data.books]
                return f"{data.view()} {hashes} {east.connects_ns}"

        return run(scenario)

    assert story() == story()


def test_the_venues_clock_and_the_delay_of_its_data_are_known() -> None:
    async def scenario() -> None:
        world = World()
        world.add()
        world.venue_clock_ns = 3_000_000_000
        async with live(world) as data:
            await asyncio.sleep(15.0)
            row = data.view().markets[0]
            assert row.clock_offset_ms == pytest.approx(3_000, abs=1)
            assert row.clock_doubt_ms == pytest.approx(10, abs=1)
            assert row.delay_ms_p50 == pytest.approx(10, abs=2)
            assert row.frames_per_s == pytest.approx(80, abs=8)
            assert row.age_ms_p99 is not None
            assert row.age_ms_p99 < 60

    run(scenario)


def test_waiting_for_a_turn_is_no_part_of_the_way_to_the_venues_clock() -> None:
    async def scenario() -> None:
        world = World()
        world.add().rest_turn_s = 0.5
        world.venue_clock_ns = 3_000_000_000
        async with live(world) as data:
            await asyncio.sleep(15.0)
            row = data.view().markets[0]
            assert row.clock_offset_ms == pytest.approx(3_000, abs=1)
            assert row.clock_doubt_ms == pytest.approx(10, abs=1)

    run(scenario)


def test_leaving_closes_everything() -> None:
    async def scenario() -> None:
        world = World()
        server = world.add()
        async with live(world):
            assert server.sockets
        await asyncio.sleep(0.01)
        assert not server.sockets
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(scenario)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"markets": ()}, "markets is empty"),
        ({"symbols": ()}, "symbols is empty"),
        ({"markets": ("toy-spot", "toy-spot")}, "markets names something twice"),
        ({"markets": ("toy",)}, "'toy' is not VENUE-spot or VENUE-usdm"),
        ({"symbols": ("btc/usdt",)}, "'btc/usdt' is not BASE/QUOTE"),
        ({"taker_fee_bps": {"other-spot": Decimal(1)}}, "wants a market of this run"),
        ({"silent_after_ms": 0}, "silent_after_ms is 0"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_by_key(changes: dict[str, object], told: str) -> None:
    settings: dict[str, object] = {"markets": ("toy-spot",), "symbols": ("BTC/USDT",), **changes}
    with pytest.raises(ConfigError, match=told):
        MarketConfig(**settings).checked()  # type: ignore[arg-type]


def test_fees_come_from_the_configuration_before_the_venue() -> None:
    async def scenario(fees: dict[str, Decimal]) -> int:
        world = World()
        world.add()
        async with live(world, taker_fee_bps=fees) as data:
            return fee_of(data)

    def fee_of(data: MarketData) -> int:
        return data.books.spec(book_of(data, ETH).number).fee_ppb

    assert run(lambda: scenario({})) == 100_000
    assert run(lambda: scenario({"toy-spot": Decimal("7.5")})) == 750_000
