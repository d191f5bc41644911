"""REST answers of one venue market as bytes, told to the recorder on their way."""

from __future__ import annotations

from typing import Protocol, TypeVar

from oneprice.market.recorder import Recorder
from oneprice.ports import Clock
from oneprice.venues.kit import Call, Request, Response

T = TypeVar("T")


class Fetch(Protocol):
    """REST within the venue's rate budgets: `oneprice.exchange.PublicExchange`."""

    async def fetch(self, request: Request) -> Response:
        """The venue's answer, which is no error. Raises NetworkError, ExchangeAPIError."""


class Rest:
    """`fetch` and `run` raise NetworkError and ExchangeAPIError."""

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
