"""Keeps measuring how far a venue's clock is from ours."""

from __future__ import annotations

from oneprice.errors import ExchangeAPIError, NetworkError
from oneprice.exchange.clock import SAMPLES, VenueClock
from oneprice.market.rest import Rest
from oneprice.ports import Clock
from oneprice.venues.kit import PublicMarket


class ClockWatch:
    """`offset_ns`: what to add to our wall clock to get the venue's, None until known; right to `doubt_ns` at most."""

    def __init__(self, market: PublicMarket, rest: Rest, clock: Clock, every_s: int) -> None:
        self._market, self._rest, self._clock, self._every_s = market, rest, clock, every_s
        self._venue_clock = VenueClock(clock)

    @property
    def offset_ns(self) -> int | None:
        """Nanoseconds."""
        return self._venue_clock.offset_ns if self._venue_clock.is_known else None

    @property
    def doubt_ns(self) -> int | None:
        """Half of the time there and back."""
        return self._venue_clock.doubt_ns

    async def run(self) -> None:
        """Ask now and then, for ever. A request that fails is no sample."""
        while True:
            try:
                await self._sample()
            except (NetworkError, ExchangeAPIError):
                await self._clock.sleep(self._every_s)
                continue
            await self._clock.sleep(self._every_s if self._venue_clock.count == SAMPLES else 1.0)

    async def _sample(self) -> None:
        venue_ns, took_ns = await self._rest.timed(self._market.server_time())
        self._venue_clock.sample(venue_ns, self._clock.wall_ns() - took_ns, took_ns)
