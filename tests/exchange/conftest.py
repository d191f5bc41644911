"""A venue, a network and a clock that exist in memory only. Time passes when everybody waits."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import msgspec
import pytest
import uvloop

from oneprice.errors import (
    ExchangeAPIError,
    InvalidRequestError,
    InvalidResponseError,
    NetworkError,
    Outcome,
    RateLimitError,
    VenueUnavailableError,
)
from oneprice.exchange import PublicExchange, RequestConfig, RestClient
from oneprice.model import AssetName, ExchangeName, FundingRate, MarketKind, Symbol, SymbolInfo, Ticker
from oneprice.venues.kit.account import PrivateMarket
from oneprice.venues.kit.contract import Budget, Call, PublicMarket, Request, Response

T = TypeVar("T")
SECOND_NS = 1_000_000_000
_SETTLING_TURNS = 30


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test on both loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class VirtualClock:
    """Stands still until nobody can go on; then jumps to the next end of a sleep."""

    def __init__(self) -> None:
        self.now_ns = 1_000 * SECOND_NS
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    def monotonic_ns(self) -> int:
        return self.now_ns

    def wall_ns(self) -> int:
        return self.now_ns

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        deadline_ns = self.now_ns + max(1, round(seconds * 1e9))
        heapq.heappush(self._sleepers, (deadline_ns, next(self._count), future))
        await future

    async def run(self, work: Awaitable[T]) -> T:
        """The outcome of `work`, however long it takes of this clock's time."""
        task = asyncio.ensure_future(work)
        while not task.done():
            for _ in range(_SETTLING_TURNS):
                await asyncio.sleep(0)
            if not task.done():
                assert self._sleepers, "everybody waits for nothing"
                self.now_ns, _, future = heapq.heappop(self._sleepers)
                if not future.done():
                    future.set_result(None)
        return await task


class MiddleChance:
    """Always the middle, so that pauses are known."""

    def uniform(self, low: float, high: float) -> float:
        return (low + high) / 2


class Answer(msgspec.Struct, frozen=True):
    """What the scripted network says: an answer, or an error where `error` is one."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b"{}"
    reused: bool = False
    seconds: float = 0.01
    error: NetworkError | None = None


class Sent(msgspec.Struct, frozen=True):
    """A request as it arrived."""

    at_ns: int
    method: str
    url: str
    body: bytes
    timeout_s: float
    bytes_max: int


class ScriptedNetwork:
    """Answers in the order of the script, then always with the last line of it."""

    def __init__(self, clock: VirtualClock, script: Sequence[Answer] = (Answer(),)) -> None:
        self.clock, self.script, self.sent = clock, list(script), list[Sent]()
        self.flying = self.flying_most = 0

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        bytes_max: int,
        tls: object = None,
    ) -> Answer:
        self.sent.append(Sent(self.clock.now_ns, method, url, body, timeout_s, bytes_max))
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.flying += 1
        self.flying_most = max(self.flying_most, self.flying)
        try:
            await self.clock.sleep(answer.seconds)
        finally:
            self.flying -= 1
        if answer.error is not None:
            raise answer.error
        return answer

    def open_line(self, url: str, *, connections: int, tls: object = None) -> ScriptedLine:
        return ScriptedLine(self, url)

    @property
    def times_s(self) -> list[float]:
        """When requests were sent, in seconds since the first."""
        return [round((one.at_ns - self.sent[0].at_ns) / 1e9, 6) for one in self.sent]


class ScriptedLine:
    """The order path of the scripted network."""

    def __init__(self, network: ScriptedNetwork, url: str) -> None:
        self._network, self._url = network, url

    async def warm(self) -> None:
        return None

    async def request(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        timeout_s: float,
        bytes_max: int,
    ) -> Answer:
        return await self._network.request(
            method, self._url + target, headers=dict(headers), body=body, timeout_s=timeout_s, bytes_max=bytes_max
        )

    async def close(self) -> None:
        return None


def _listing(base: str, venue_symbol: str, *, tradable: bool = True, multiplier: int = 1) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("testvenue"),
        market=MarketKind.SPOT,
        symbol=Symbol(AssetName(base), AssetName("USDT")),
        venue_symbol=venue_symbol,
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.001"),
        multiplier=Decimal(multiplier),
        tradable=tradable,
    )


LISTINGS = [
    _listing("BTC", "BTCUSDT"),
    _listing("ETH", "ETHUSDT"),
    _listing("OLD", "OLDUSDT_2020", tradable=False),
    _listing("OLD", "OLDUSDT"),
    _listing("DEAD", "DEADUSDT_1", tradable=False),
    _listing("DEAD", "DEADUSDT_2", tradable=False),
    _listing("PEPE", "PEPEUSDT"),
    _listing("PEPE", "1000PEPEUSDT", multiplier=1000),
]


class ScriptedMarket:
    """The REST side of a venue. `used` in an answer's headers is the weight its default budget has used."""

    venue = "testvenue"
    kind = MarketKind.SPOT
    rest_url = "https://api.test.invalid"
    capabilities = ()

    def __init__(self, budgets: Mapping[str, Budget]) -> None:
        self.budgets = budgets

    def error(self, response: Response) -> ExchangeAPIError | None:
        after = response.headers.get("retry-after")
        kinds: dict[int, type[ExchangeAPIError]] = {
            400: InvalidRequestError,
            418: RateLimitError,
            429: RateLimitError,
            503: VenueUnavailableError,
        }
        if response.status == 200:
            return None
        error = kinds[response.status](
            self.venue,
            f"HTTP {response.status}",
            outcome=Outcome.REJECTED,
            retry_after_ms=None if after is None else int(after) * 1_000,
        )
        if isinstance(error, RateLimitError):
            error.is_ban = response.status == 418
        return error

    def used_weight(self, response: Response) -> dict[str, int]:
        return {"default": int(response.headers["used"])} if "used" in response.headers else {}

    def server_time(self) -> Call[int]:
        def read(response: Response) -> int:
            try:
                return int(msgspec.json.decode(response.body, type=dict[str, int])["time"])
            except (msgspec.DecodeError, KeyError) as error:
                raise InvalidResponseError(self.venue, f"no time in {response.body!r}") from error

        return Call(Request(path="/time"), read)

    def listings(self) -> Call[list[SymbolInfo]]:
        return Call(Request(path="/rules", weight=5), lambda _: list(LISTINGS))

    def ticker(self, listing: SymbolInfo) -> Call[Ticker]:
        request = Request(path="/ticker", query=(("symbol", listing.venue_symbol),))
        return Call(request, lambda _: Ticker(symbol=listing.symbol))

    def tickers(self, listings: Sequence[SymbolInfo]) -> Call[list[Ticker]]:
        return Call(Request(path="/tickers"), lambda _: [Ticker(symbol=one.symbol) for one in listings])

    def quotes(self, listings: Sequence[SymbolInfo]) -> Call[list[Ticker]]:
        return Call(Request(path="/quotes"), lambda _: [Ticker(symbol=one.symbol) for one in listings])

    def funding_history(self, listing: SymbolInfo, count: int) -> Call[list[FundingRate]]:
        request = Request(path="/past", query=(("symbol", listing.venue_symbol), ("limit", str(count))))
        return Call(request, lambda _: [FundingRate(listing.symbol, Decimal("0.0001"), 0, time_ns=7)])


class World:
    """All of it, wired up."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.network = ScriptedNetwork(self.clock)
        self.budgets = {"default": Budget(1_000, 60.0), "small": Budget(10, 10.0)}

    def _parts(self, settings: dict[str, Any]) -> tuple[Any, ...]:
        market = cast(PublicMarket, ScriptedMarket(self.budgets))
        return market, self.network, self.clock, MiddleChance(), RequestConfig(**settings)

    def rest(self, **settings: Any) -> RestClient:
        return RestClient(*self._parts(settings))

    def account_rest(self, **settings: Any) -> RestClient:
        """With an account, so that what is more urgent finds room."""
        return RestClient(*self._parts(settings), account=cast(PrivateMarket, SimpleNamespace(budgets={})))

    def exchange(self, **settings: Any) -> PublicExchange:
        return PublicExchange(*self._parts(settings))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def answer() -> type[Answer]:
    return Answer
