"""A market's REST requests: within its rate limits, outside of its bans, repeated only where that is
harmless.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TypeVar
from urllib.parse import quote, urlencode

from oneprice.errors import (
    InvariantError,
    NetworkError,
    Outcome,
    RateLimitError,
    VenueUnavailableError,
)
from oneprice.exchange.budget import Sending, WeightBudget
from oneprice.exchange.config import RequestConfig
from oneprice.exchange.figures import RestFigures
from oneprice.ports import Chance, Clock, Network
from oneprice.venues.kit.contract import Call, PublicMarket, Request, Response

T = TypeVar("T")
_BANNED = 418


class RestClient:
    """Runs the calls of one market. All who talk to that market from this address should share one.

    Every try waits its turn for the request's budget, up to `wait_max_ms`. GETs that failed below the venue's
    protocol, met an unavailable venue or a rate limit are tried again after a random pause; all else is not.
    """

    def __init__(
        self,
        market: PublicMarket,
        network: Network,
        clock: Clock,
        chance: Chance,
        config: RequestConfig | None = None,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._market, self._network, self._clock, self._chance = market, network, clock, chance
        self._config, self._tls = config or RequestConfig(), tls
        share = self._config.budget_share
        self._budgets = {name: WeightBudget(budget, share) for name, budget in market.budgets.items()}
        self._slots = asyncio.Semaphore(self._config.concurrency_max)
        self._still_until_ns = 0
        self._closed = False
        self.figures = RestFigures()

    @property
    def banned_until_ns(self) -> int:
        """Monotonic time before which nothing is sent; in the past when there is no ban."""
        return self._still_until_ns

    async def run(self, call: Call[T]) -> T:
        """Make the request and read its answer. Raises what `fetch` and the call's `read` raise."""
        return call.read(await self.fetch(call.request))

    async def fetch(self, request: Request) -> Response:
        """The answer as it came, if it is no error.

        Raises NetworkError, the venue's ExchangeAPIError, or RateLimitError with outcome NOT_SENT when the
        rate limit or a ban would have kept the request waiting for longer than `wait_max_ms`.
        """
        tries = self._config.attempts_max if request.method == "GET" else 1
        tried = 0
        while True:
            budget = self._budget_of(request)
            sending = await self._admit(budget, request)
            tried += 1
            try:
                return await self._exchange(budget, sending, request)
            except (NetworkError, RateLimitError, VenueUnavailableError) as error:
                told_ms = 0 if isinstance(error, NetworkError) else error.retry_after_ms or 0
                if tried >= tries or told_ms > self._config.wait_max_ms:
                    raise
            self.figures.retries += 1
            await self._clock.sleep(max(self._pause_s(tried), told_ms / 1e3))

    def close(self) -> None:
        """Send nothing more."""
        self._closed = True

    def _budget_of(self, request: Request) -> WeightBudget:
        """Raises InvariantError for a request that its venue's own budgets do not allow for."""
        budget = self._budgets.get(request.budget)
        if budget is None or request.weight > budget.weight_max:
            known = {name: budget.weight_max for name, budget in self._budgets.items()}
            where = f"{self._market.venue}: {request.method} {request.path}"
            raise InvariantError(f"{where} costs {request.weight} of {request.budget!r}; budgets are {known}")
        return budget

    async def _admit(self, budget: WeightBudget, request: Request) -> Sending:
        """Wait for the turn; hold the weight and a slot. Nothing is awaited after the last look."""
        began_ns = self._clock.monotonic_ns()
        deadline_ns = began_ns + self._config.wait_max_ms * 1_000_000
        async with budget.turn:
            while True:
                await self._slots.acquire()
                now_ns = self._clock.monotonic_ns()
                ready_ns = max(self._still_until_ns, budget.ready_ns(request.weight, now_ns))
                if ready_ns <= now_ns and not self._closed:
                    self.figures.waited_ns += now_ns - began_ns
                    self.figures.requests += 1
                    return budget.send(request.weight, now_ns)
                self._slots.release()
                if self._closed:
                    raise NetworkError(f"{self._market.venue}: the exchange object is closed", Outcome.NOT_SENT)
                if ready_ns > deadline_ns:
                    self.figures.unsent += 1
                    raise self._unsent(request, ready_ns - now_ns)
                await self._clock.sleep((ready_ns - now_ns) / 1e9)

    def _unsent(self, request: Request, wait_ns: int) -> RateLimitError:
        cause = "banned" if self._still_until_ns > self._clock.monotonic_ns() else "the rate limit is used up"
        return RateLimitError(
            self._market.venue,
            f"{cause}: {request.path} was not sent, it would wait for {wait_ns / 1e9:.3f} s or more",
            outcome=Outcome.NOT_SENT,
            retry_after_ms=-(-wait_ns // 1_000_000),
        )

    async def _exchange(self, budget: WeightBudget, sending: Sending, request: Request) -> Response:
        """One request and its answer. The weight lands and the slot is free whatever happens."""
        try:
            answer = await self._network.request(
                request.method,
                self._market.rest_url + target(request),
                headers=dict(request.headers),
                body=request.body,
                timeout_s=self._config.timeout_ms / 1e3,
                bytes_max=self._config.bytes_max,
                tls=self._tls,
            )
        except NetworkError:
            self.figures.network_failures += 1
            raise
        finally:
            now_ns = self._clock.monotonic_ns()
            budget.land(sending, now_ns)
            self._slots.release()
        response = Response(answer.status, answer.headers, answer.body)
        self.figures.answered(now_ns - sending.sent_ns, len(response.body))
        for name, used in self._market.used_weight(response).items():
            if name in self._budgets:
                self._budgets[name].hear(used, sending.sent_ns, now_ns)
        error = self._market.error(response)
        if error is None:
            return response
        self.figures.venue_errors += 1
        if isinstance(error, RateLimitError):
            self._keep_still(error, response.status, budget, now_ns)
        raise error

    def _keep_still(self, error: RateLimitError, status: int, budget: WeightBudget, now_ns: int) -> None:
        """After a refusal: the whole market when the venue says for how long, or bans; else this budget's
        window.
        """
        self.figures.rate_limited += 1
        if error.retry_after_ms is not None:
            still_ns = error.retry_after_ms * 1_000_000
        elif status == _BANNED:
            still_ns = self._config.ban_ms * 1_000_000
        else:
            budget.block(now_ns + budget.window_ns)
            return
        self._still_until_ns = max(self._still_until_ns, now_ns + still_ns)

    def _pause_s(self, tried: int) -> float:
        """Full jitter: anything up to a limit that doubles with each try."""
        limit_ms = min(self._config.backoff_max_ms, self._config.backoff_first_ms << (tried - 1))
        return self._chance.uniform(0.0, limit_ms / 1e3)


def target(request: Request) -> str:
    """Path and query as they are sent: in the given order, all but unreserved characters percent-encoded."""
    if not request.query:
        return request.path
    return f"{request.path}?{urlencode(request.query, quote_via=quote, safe='')}"
