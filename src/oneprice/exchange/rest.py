"""A market's REST requests: within its rate limits, outside of its bans, signed at the last moment, repeated only
where that is harmless.
"""

from __future__ import annotations

import ssl
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from oneprice.errors import (
    AuthenticationError,
    ConfigError,
    ExchangeAPIError,
    NetworkError,
    Outcome,
    RateLimitError,
    VenueUnavailableError,
)
from oneprice.exchange.backoff import pause_s
from oneprice.exchange.clock import VenueClock
from oneprice.exchange.config import RequestConfig
from oneprice.exchange.figures import RestFigures
from oneprice.exchange.limiter import ALL, PARTS, Charges, Leave, Limiter, TooLong, Way
from oneprice.ports import Chance, Clock, HttpLine, HttpResponse, Network
from oneprice.venues.kit.account import PrivateMarket, Wire
from oneprice.venues.kit.contract import Call, Charge, Priority, PublicMarket, Request, Response

T = TypeVar("T")
_AT_ONCE = frozenset({Priority.CANCEL, Priority.HEDGE, Priority.ORDER})
HEAR_EVERY_NS = 20_000_000
"""The venue's own count of what is used is looked at so often: ours is exact, it only adds what others use."""


class RestClient:
    """Runs the calls of one market, and of one account there. All who talk to that market from this address should
    share one: it holds their rate limits.

    Every try waits its turn for the request's budgets, up to `wait_max_ms`; orders and cancels go over connections of
    their own. GETs and cancels that failed below the venue's protocol, met an unavailable venue or a rate limit are
    tried again after a random pause; all else is not, least of all an order.
    """

    def __init__(
        self,
        market: PublicMarket,
        network: Network,
        clock: Clock,
        chance: Chance,
        config: RequestConfig | None = None,
        *,
        account: PrivateMarket | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._market, self._network, self._clock, self._chance = market, network, clock, chance
        self._config, self._tls = config or RequestConfig(), tls
        self._account = account
        parts = ALL if account is None else PARTS
        self._limiter = Limiter(
            market.budgets,
            self._config.budget_share,
            clock,
            pool=self._config.concurrency_max,
            line=self._config.order_connections,
            parts=parts,
        )
        if account is not None:
            self._limiter.add(account.budgets)
        self._hear_again_ns = 0
        self._line: HttpLine | None = None
        self._timeout_s = self._config.timeout_ms / 1e3
        self.order_timeout_s = self._timeout_s
        self.venue_clock = VenueClock(clock)
        self.figures = RestFigures()

    @property
    def banned_until_ns(self) -> int:
        """Monotonic time before which nothing is sent; in the past when there is no ban."""
        return self._limiter.still_until_ns

    @property
    def limiter(self) -> Limiter:
        """The market's rate limits, which commands over websockets draw on too."""
        return self._limiter

    def now_ns(self) -> int:
        """Monotonic."""
        return self._clock.monotonic_ns()

    async def run(self, call: Call[T]) -> T:
        """Make the request and read its answer.

        Raises what the call's `read` raises, NetworkError, or RateLimitError with outcome NOT_SENT when the rate limit
        or a ban would have kept the request waiting for longer than `wait_max_ms`.
        """
        request = call.request
        if request.signed and not self.venue_clock.is_known:
            await self.measure_clock()
        tries = self._config.attempts_max if _is_harmless(request) else 1
        tried = 0
        while True:
            tried += 1
            try:
                return self._read(call, await self._exchange(request))
            except (NetworkError, RateLimitError, VenueUnavailableError) as error:
                told_ms = 0 if isinstance(error, NetworkError) else error.retry_after_ms or 0
                if tried >= tries or told_ms > self._config.wait_max_ms or _is_unsent(error):
                    raise
            except AuthenticationError as error:
                if not request.signed or not await self._clock_was_wrong(error, again=tried < tries):
                    raise
                told_ms = 0
            self.figures.retries += 1
            backoff_s = pause_s(self._chance, tried, self._config.backoff_first_ms, self._config.backoff_max_ms)
            await self._clock.sleep(max(backoff_s, told_ms / 1e3))

    async def fetch(self, request: Request) -> Response:
        """The answer as it came, if it is no error. Raises as `run`."""
        side = self._side(request)

        def judged(response: Response) -> Response:
            error = side.error(response)
            if error is not None:
                raise error
            return response

        return await self.run(Call(request, judged))

    async def measure_clock(self) -> None:
        """Ask the venue for its time. Raises what `run` raises.

        What it waited for its turn, or for tries that failed, is not part of the way there and back.
        """
        call = self._market.server_time()
        if self._account is not None:  # nothing can be signed without it, a cancel neither
            request = msgspec.structs.replace(call.request, priority=Priority.CANCEL)
            call = Call(request, call.read)
        venue_ns = await self.run(call)
        took_ns = self.figures.latency_ns_last  # of this very request: nothing was awaited since its answer
        self.venue_clock.sample(venue_ns, self._clock.wall_ns() - took_ns, took_ns)

    async def warm(self) -> None:
        """Open the order path's connections ahead. Raises NetworkError when none can be opened."""
        await self._open_line().warm()

    def close(self) -> None:
        """Send nothing more."""
        self._limiter.close()

    async def aclose(self) -> None:
        """As `close`, and drop the order path's connections."""
        self.close()
        if self._line is not None:
            await self._line.close()

    # ---- inside

    def _open_line(self) -> HttpLine:
        if self._line is None:
            count = self._config.order_connections
            self._line = self._network.open_line(self._market.rest_url, connections=count, tls=self._tls)
        return self._line

    async def _admit(self, request: Request, charges: Charges, way: Way) -> Leave:
        """Wait for the turn."""
        began_ns = self._clock.monotonic_ns()
        deadline_ns = began_ns + self._config.wait_max_ms * 1_000_000
        try:
            leave = await self._limiter.wait(charges, request.priority, way, deadline_ns)
        except TooLong as late:
            self.figures.unsent += not self._limiter.is_closed
            raise self.unsent(request.path, late.wait_ns) from None
        self.figures.waited_ns += leave.sent_ns - began_ns
        return leave

    def unsent(self, what: str, wait_ns: int) -> RateLimitError | NetworkError:
        """The error for a request that would have waited too long, or that came once all is closed."""
        if self._limiter.is_closed:
            return NetworkError(f"{self._market.venue}: the exchange object is closed", Outcome.NOT_SENT)
        cause = "banned" if self.banned_until_ns > self._clock.monotonic_ns() else "the rate limit is used up"
        return RateLimitError(
            self._market.venue,
            f"{cause}: {what} was not sent, it would wait for {wait_ns / 1e9:.3f} s or more",
            outcome=Outcome.NOT_SENT,
            retry_after_ms=-(-wait_ns // 1_000_000),
        )

    async def _exchange(self, request: Request) -> Response:
        """One request and its answer, not judged yet. What it holds of the limits lands whatever happens."""
        charges, limiter, figures = charges_of(request), self._limiter, self.figures
        way = Way.LINE if request.priority in _AT_ONCE and not request.origin else Way.POOL
        leave = limiter.take(charges, request.priority, way, f"{request.method} {request.path}")
        if leave is None:
            leave = await self._admit(request, charges, way)
        try:
            wire = self._wire(request)
            figures.requests += 1
            if way is Way.LINE:
                line = self._line or self._open_line()
                answer: HttpResponse = await line.request(
                    wire.method,
                    wire.target,
                    wire.headers,
                    wire.body,
                    timeout_s=self.order_timeout_s,
                    bytes_max=self._config.bytes_max,
                )
            else:
                answer = await self._send(wire, request)
        except NetworkError:
            figures.network_failures += 1
            raise
        finally:
            now_ns = limiter.land(leave)
        # It has the same three fields, and lives no longer than the call.
        response: Response = answer  # type: ignore[assignment]
        figures.answered(now_ns - leave.sent_ns, len(response.body), answer.reused)
        if now_ns >= self._hear_again_ns:
            self._hear_again_ns = now_ns + HEAR_EVERY_NS
            limiter.hear(self._side(request).used_weight(response), leave, now_ns)
        return response

    def _side(self, request: Request) -> PublicMarket | PrivateMarket:
        return self._account if request.signed and self._account is not None else self._market

    def _read(self, call: Call[T], response: Response) -> T:
        try:
            return call.read(response)
        except ExchangeAPIError as error:
            self._refused(error, call.request)
            raise

    def _refused(self, error: ExchangeAPIError, request: Request) -> None:
        """Count an error, and heed what it says about limits."""
        self.figures.venue_errors += 1
        if isinstance(error, RateLimitError):
            self.keep_still(error, charges_of(request), self._clock.monotonic_ns())

    def _wire(self, request: Request) -> Wire:
        if not request.signed:
            return Wire(request.method, target(request), request.headers, request.body)
        if self._account is None:
            raise ConfigError(f"{self._market.venue}: {request.path} needs an account's key, and there is none")
        return self._account.wire(request, self.venue_clock.now_ns())

    async def _send(self, wire: Wire, request: Request) -> HttpResponse:
        return await self._network.request(
            wire.method,
            (request.origin or self._market.rest_url) + wire.target,
            headers=dict(wire.headers),
            body=wire.body,
            timeout_s=self._timeout_s,
            bytes_max=self._config.bytes_max,
            tls=self._tls,
        )

    def keep_still(self, error: RateLimitError, charges: Charges, now_ns: int) -> None:
        """After a refusal: these budgets pause, so that a limit on orders does not keep cancels from going out. After a
        ban the whole market does."""
        self.figures.rate_limited += 1
        told_ms = error.retry_after_ms
        if not error.is_ban:
            self._limiter.block(charges, now_ns, None if told_ms is None else told_ms * 1_000_000)
            return
        still_ns = (self._config.ban_ms if told_ms is None else told_ms) * 1_000_000
        self._limiter.still_until_ns = max(self._limiter.still_until_ns, now_ns + still_ns)

    async def _clock_was_wrong(self, error: AuthenticationError, again: bool) -> bool:
        """Whether to try once more, because our idea of the venue's time was wrong. It is measured anew in any case,
        here or before the next signed request."""
        before_ns = self.venue_clock.offset_ns
        self.venue_clock.forget()
        if not again:
            return False
        try:
            await self.measure_clock()
        except (NetworkError, ExchangeAPIError) as failure:
            raise error from failure
        return abs(self.venue_clock.offset_ns - before_ns) > CLOCK_MATTERS_NS


CLOCK_MATTERS_NS = 200_000_000
"""A smaller change of the offset does not explain a refused timestamp."""


def _is_unsent(error: Exception) -> bool:
    """Whether our own rate limits kept it: it has waited long enough."""
    return isinstance(error, RateLimitError) and error.outcome is Outcome.NOT_SENT


def charges_of(request: Request) -> Charges:
    """All that a request costs."""
    return (Charge(request.budget, request.weight), *request.also)


def _is_harmless(request: Request) -> bool:
    """Whether sending it twice does no more than sending it once."""
    return request.method == "GET" or request.priority is Priority.CANCEL


def target(request: Request) -> str:
    """Path and query as they are sent: in the given order, all but unreserved characters percent-encoded."""
    if not request.query:
        return request.path
    return f"{request.path}?{urlencode(request.query, quote_via=quote, safe='')}"
