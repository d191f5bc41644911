"""Dead man's switches: renewed in time, alarmed about, and not asked for twice where there is none."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest
from tests.market.world import VirtualClock, run

from oneprice.errors import NetworkError, NotSupported, RateLimitError
from oneprice.model import AssetName, ExchangeName, MarketKind, Symbol, SymbolInfo
from oneprice.trade.dead_man import DeadMan

SECONDS = 30


def listing(base: str) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("toy"),
        market=MarketKind.USDM,
        symbol=Symbol(AssetName(base), AssetName("USDT"), True),
        venue_symbol=f"{base}USDT",
        tick_size=Decimal(1),
        lot_size=Decimal(1),
    )


BTC, ETH = listing("BTC"), listing("ETH")


class Venue:
    """An account of which only the switch is asked. `has`: "all", "each" (listing by listing) or "none"."""

    def __init__(self, clock: VirtualClock, has: str) -> None:
        self.clock, self.has = clock, has
        self.asked: list[tuple[float, int, str]] = []
        self.error: Exception | None = None

    async def dead_man(self, seconds: int, listed: SymbolInfo | None = None) -> None:
        self.asked.append(
            (round(self.clock.monotonic_ns() / 1e9, 3), seconds, "" if listed is None else listed.venue_symbol)
        )
        if self.has == "none" or (self.has == "each" and listed is None):
            raise NotSupported("toy-usdm has no such switch")
        if self.error is not None:
            raise self.error


class Scene:
    def __init__(self, has: str, seconds: int = SECONDS) -> None:
        self.clock = VirtualClock()
        self.venue = Venue(self.clock, has)
        self.alarms: list[tuple[str, str]] = []
        self.resting: list[SymbolInfo] = []
        self.switches = DeadMan(
            {"toy-usdm": self.venue},  # type: ignore[dict-item]
            self.clock,
            seconds,
            lambda kind, text: self.alarms.append((kind, text)),
            lambda account: list(self.resting),
        )

    @property
    def state(self) -> str:
        return self.switches.states["toy-usdm"]


def play(scene: Scene, story: Callable[[Scene], Awaitable[None]]) -> None:
    async def whole() -> None:
        running = asyncio.ensure_future(scene.switches.run())
        try:
            await story(scene)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run(whole)


def test_one_for_all_is_renewed_every_third_of_its_time() -> None:
    scene = Scene("all")

    async def story(scene: Scene) -> None:
        assert scene.state == "not armed"
        await scene.clock.sleep(35.0)
        assert scene.state == "armed"

    play(scene, story)
    assert scene.venue.asked == [(0.0, 30, ""), (10.0, 30, ""), (20.0, 30, ""), (30.0, 30, "")]
    assert scene.alarms == []


def test_what_a_venue_cannot_do_is_asked_once() -> None:
    scene = Scene("none")

    async def story(scene: Scene) -> None:
        await scene.clock.sleep(5.0)
        scene.resting = [BTC]
        await scene.clock.sleep(100.0)

    play(scene, story)
    assert [what for _, _, what in scene.venue.asked] == ["", "BTCUSDT"]
    assert scene.state == "none: toy-usdm has no such switch"
    assert scene.alarms == [], "it is no failure"


def test_listing_by_listing_it_is_armed_only_where_orders_rest() -> None:
    scene = Scene("each")

    async def story(scene: Scene) -> None:
        await scene.clock.sleep(5.2)
        assert scene.state == "armed where orders rest; none does"
        scene.resting = [BTC]
        await scene.clock.sleep(2.0)
        scene.resting = [BTC, ETH]
        await scene.clock.sleep(10.0)
        scene.resting = [ETH]
        await scene.clock.sleep(5.0)
        assert scene.state == "armed"

    play(scene, story)
    assert scene.venue.asked == [
        (0.0, 30, ""),
        (5.5, 30, "BTCUSDT"),
        (7.5, 30, "ETHUSDT"),
        (15.5, 30, "BTCUSDT"),
        (17.5, 30, "ETHUSDT"),
        (17.5, 0, "BTCUSDT"),
    ]


@pytest.mark.parametrize("error", [NetworkError("no answer"), RateLimitError("toy", "too many")])
def test_a_failure_is_told_once_and_tried_again_at_once(error: Exception) -> None:
    scene = Scene("all")

    async def story(scene: Scene) -> None:
        await scene.clock.sleep(5.0)
        scene.venue.error = error
        await scene.clock.sleep(14.0)
        assert scene.state.startswith("failing: ")
        scene.venue.error = None
        await scene.clock.sleep(2.0)
        assert scene.state == "armed"

    play(scene, story)
    assert scene.alarms == [("dead man", f"toy-usdm: the dead man's switch could not be set: {error}")]
    asked = [second for second, _, _ in scene.venue.asked]
    assert asked[:2] == [0.0, 10.0]
    assert all(1.0 <= later - sooner <= 1.5 for sooner, later in itertools.pairwise(asked[1:]))


def test_a_switch_that_runs_out_is_told_of_too() -> None:
    scene = Scene("all")

    async def story(scene: Scene) -> None:
        await scene.clock.sleep(5.0)
        scene.venue.error = NetworkError("no answer")
        await scene.clock.sleep(24.9)
        assert len(scene.alarms) == 1
        await scene.clock.sleep(100.0)

    play(scene, story)
    assert [text for _, text in scene.alarms] == [
        "toy-usdm: the dead man's switch could not be set: no answer",
        "toy-usdm: the dead man's switch has run out after 30 s; the venue cancels our orders",
    ]


def test_each_row_of_failures_is_told_of() -> None:
    scene = Scene("all")

    async def story(scene: Scene) -> None:
        for _ in range(3):
            scene.venue.error = NetworkError("no answer")
            await scene.clock.sleep(11.0)
            scene.venue.error = None
            await scene.clock.sleep(11.0)

    play(scene, story)
    assert len(scene.alarms) == 3


def test_it_is_disarmed_at_an_orderly_end_and_left_armed_otherwise() -> None:
    scene = Scene("each")
    scene.resting = [BTC, ETH]

    async def story(scene: Scene) -> None:
        await scene.clock.sleep(1.0)

    play(scene, story)
    assert [(seconds, what) for _, seconds, what in scene.venue.asked] == [(30, ""), (30, "BTCUSDT"), (30, "ETHUSDT")]
    run(scene.switches.disarm)
    assert [(seconds, what) for _, seconds, what in scene.venue.asked[3:]] == [(0, "BTCUSDT"), (0, "ETHUSDT")]


def test_a_failure_to_disarm_is_an_alarm_and_ends_nothing() -> None:
    scene = Scene("all")

    async def story(scene: Scene) -> None:
        await scene.clock.sleep(1.0)
        scene.venue.error = NetworkError("no answer")
        await scene.switches.disarm()

    play(scene, story)
    assert len(scene.alarms) == 1


def test_a_listing_that_cannot_be_disarmed_is_left_to_run_out() -> None:
    scene = Scene("each")
    scene.resting = [BTC]

    async def story(scene: Scene) -> None:
        await scene.clock.sleep(1.0)
        scene.resting = []
        scene.venue.error = NetworkError("no answer")
        await scene.clock.sleep(40.0)

    play(scene, story)
    assert len(scene.alarms) == 1
    assert scene.state == "armed where orders rest; none does"


def test_zero_seconds_arms_nothing() -> None:
    scene = Scene("all", seconds=0)

    async def story(scene: Scene) -> None:
        await scene.clock.sleep(100.0)

    play(scene, story)
    assert scene.venue.asked == []
    assert scene.state == "off"


def test_a_venue_that_is_slow_delays_no_other() -> None:
    class Slow(Venue):
        async def dead_man(self, seconds: int, listed: SymbolInfo | None = None) -> None:
            await self.clock.sleep(25.0)
            await super().dead_man(seconds, listed)

    clock = VirtualClock()
    slow, quick = Slow(clock, "all"), Venue(clock, "all")
    switches = DeadMan({"slow": slow, "quick": quick}, clock, 30, lambda *_: None, lambda _: [])  # type: ignore[dict-item]

    async def story() -> None:
        running = asyncio.ensure_future(switches.run())
        await clock.sleep(21.0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run(story)
    assert [second for second, _, _ in quick.asked] == [0.0, 10.0, 20.0]
