"""REST answers of one venue market as bytes, told to the recorder on their way."""

from __future__ import annotations

from typing import Protocol, TypeVar

from oneprice.exchange.figures import RestFigures
from oneprice.market.recorder import Recorder
from oneprice.ports import Clock
from oneprice.venues.kit import Call, Request, Response

T = TypeVar("T")


class Fetch(Protocol):
    """REST within the venue's rate budgets: `oneprice.exchange.PublicExchange`."""

    @property
    def figures(self) -> RestFigures:
        """Counts and latencies of its requests."""

    async def fetch(self, request: Request) -> Response:
        """The venue's answer, which is no error. Raises NetworkError, ExchangeAPIError."""


class Rest:
    """`fetch`, `run` and `timed` raise NetworkError and ExchangeAPIError."""

    def __init__(self, name: str, exchange: Fetch, clock: Clock, recorder: Recorder | None) -> None:
        self._name, self._exchange, self._clock, self._recorder = name, exchange, clock, recorder

    async def fetch(self, request: Request) -> Response:
        """The answer as it came."""
        response = await self._exchange.fetch(request)
        if self._recorder is not None:
            self._recorder.on_rest(self._name, request, response, self._clock.wall_ns())
        return response

    async def run(self, call: Call[T]) -> T:
        """The answer, read."""
        return call.read(await self.fetch(call.request))

    async def timed(self, call: Call[T]) -> tuple[T, int]:
        """The answer, read, and the nanoseconds there and back. Waiting for its turn, and tries that failed, are no
        part of them."""
        told = await self.run(call)
        took_ns = self._exchange.figures.latency_ns_last  # of this very request: nothing was awaited since its answer
        return told, took_ns
