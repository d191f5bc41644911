"""How far a venue's clock is from ours."""

from __future__ import annotations

from collections import deque

from oneprice.errors import ExchangeAPIError, NetworkError
from oneprice.market.rest import Rest
from oneprice.ports import Clock
from oneprice.venues.kit import PublicMarket

SAMPLES = 8


class ClockWatch:
    """`offset_ns`: what to add to our wall clock to get the venue's, None until known; right to `doubt_ns` at most.

    The sample with the shortest way there and back counts, of the last eight.
    """

    def __init__(self, market: PublicMarket, rest: Rest, clock: Clock, every_s: int) -> None:
        self._market, self._rest, self._clock, self._every_s = market, rest, clock, every_s
        self._samples: deque[tuple[int, int]] = deque(maxlen=SAMPLES)

    @property
    def offset_ns(self) -> int | None:
        """Nanoseconds."""
        return min(self._samples)[1] if self._samples else None

    @property
    def doubt_ns(self) -> int | None:
        """Half of the time there and back."""
        return min(self._samples)[0] if self._samples else None

    async def run(self) -> None:
        """Ask now and then, for ever. A request that fails is no sample."""
        while True:
            try:
                await self._sample()
            except (NetworkError, ExchangeAPIError):
                await self._clock.sleep(self._every_s)
                continue
            await self._clock.sleep(self._every_s if len(self._samples) == SAMPLES else 1.0)

    async def _sample(self) -> None:
        before_ns, started_ns = self._clock.wall_ns(), self._clock.monotonic_ns()
        venue_ns = await self._rest.run(self._market.server_time())
        half_ns = (self._clock.monotonic_ns() - started_ns) // 2
        self._samples.append((half_ns, venue_ns - before_ns - half_ns))
