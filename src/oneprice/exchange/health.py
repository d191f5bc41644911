"""Whether an account could trade now, point by point."""

from __future__ import annotations

import msgspec

from oneprice.errors import ExchangeAPIError, NetworkError
from oneprice.exchange.following import Following
from oneprice.exchange.interfaces import PrivateExchangeInterface
from oneprice.exchange.rest import RestClient
from oneprice.exchange.view import OrderView
from oneprice.model import OrderStatus

OFFSET_MAX_MS = 500.0


class HealthPoint(msgspec.Struct, frozen=True):
    """One thing that was looked at. `told`: what was seen, in words."""

    name: str
    ok: bool
    told: str


class Standing(msgspec.Struct, frozen=True):
    """Whether an account can be relied on now, as far as is known without asking. `stream_complete`: nothing of its
    private stream is missing; `reason` says why not. `clock_offset_ns`: the venue's clock minus ours, None while not
    measured. `banned_ns`: how long the venue wants silence, 0 for none. `order_room`: the part of its tightest rate
    limit that is free, 0 to 1.
    """

    stream_complete: bool
    reason: str
    clock_offset_ns: int | None
    banned_ns: int
    order_room: float


class Health(msgspec.Struct, frozen=True):
    """All of them."""

    points: tuple[HealthPoint, ...]

    @property
    def ok(self) -> bool:
        """Whether every point is."""
        return all(point.ok for point in self.points)


def stand(rest: RestClient, following: Following) -> Standing:
    """Asks nobody."""
    state, clock, reason = following.state, rest.venue_clock, following.state.reason
    if not state.complete:
        wait_s = rest.limiter.longest_wait_ns() / 1e9
        if wait_s >= 1:
            reason += f", its rate limit is used up for {wait_s:.0f} s"
    return Standing(
        stream_complete=state.complete,
        reason=reason,
        clock_offset_ns=clock.offset_ns if clock.is_known else None,
        banned_ns=max(0, rest.banned_until_ns - rest.now_ns()),
        order_room=rest.limiter.room(),
    )


async def examine(
    exchange: PrivateExchangeInterface, rest: RestClient, following: Following, view: OrderView
) -> Health:
    """Asks for the venue's time and the balances; the rest is known."""
    points = [await _venue(rest)]
    offset_ms = rest.venue_clock.offset_ns / 1e6
    points.append(
        HealthPoint("clock", abs(offset_ms) <= OFFSET_MAX_MS, f"the venue's clock is {offset_ms:+.1f} ms off ours")
    )
    points.append(await _key(exchange))
    state = following.state
    points.append(HealthPoint("private stream", state.complete, "complete" if state.complete else state.reason))
    entry = following.entry
    if entry is not None:
        told = "ready" if entry.is_ready else following.entry_session.reason
        if rest.figures.unasked:
            told += f"; {rest.figures.unasked} answers came twice or too late"
        points.append(HealthPoint("order entry", entry.is_ready, told))
    banned = rest.banned_until_ns > rest.now_ns()
    points.append(HealthPoint("rate limits", not banned, "banned for now" if banned else "no ban"))
    unknown = [order.client_order_id for order in view.open if order.status is OrderStatus.UNKNOWN]
    points.append(
        HealthPoint("orders", not unknown, f"outcome unknown: {', '.join(unknown)}" if unknown else "all known")
    )
    late = view.late_fills
    told = f"{late} came that an order's end did not reckon with" if late else "as their orders told"
    points.append(HealthPoint("fills", not late, told))
    return Health(tuple(points))


async def _venue(rest: RestClient) -> HealthPoint:
    try:
        await rest.measure_clock()
    except (NetworkError, ExchangeAPIError) as error:
        return HealthPoint("venue", False, str(error))
    latency_ms = rest.figures.latency_ns_last / 1e6
    return HealthPoint("venue", True, f"it answers in {latency_ms:.1f} ms")


async def _key(exchange: PrivateExchangeInterface) -> HealthPoint:
    try:
        balances = await exchange.balances()
    except (NetworkError, ExchangeAPIError) as error:
        return HealthPoint("key", False, str(error))
    return HealthPoint("key", True, f"accepted; {len(balances)} assets")
