"""The private stream of one account: complete, or known not to be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from oneprice.errors import AuthenticationError, NetworkError, Outcome, RateLimitError, VenueUnavailableError
from oneprice.exchange.rest import RestClient
from oneprice.exchange.session import HangUp
from oneprice.ports import Clock
from oneprice.venues.kit.account import PrivateMarket, StreamReady, Ticket, UserEvent, UserStream
from oneprice.venues.kit.contract import Closing, Pong, Refusal, Reply

RENEW_AGAIN_S = 60.0
Hear = Callable[[UserEvent], None]


class StreamTalk:
    """One connection of the private stream. It is ready when the venue has acknowledged every subscription and
    `catch_up` has brought by REST what happened before."""

    def __init__(
        self,
        account: PrivateMarket,
        ticket: Ticket | None,
        rest: RestClient,
        clock: Clock,
        hear: Hear,
        catch_up: Callable[[], Awaitable[None]],
    ) -> None:
        self._account, self._ticket, self._rest, self._clock = account, ticket, rest, clock
        self._hear, self._catch_up = hear, catch_up
        self._stream: UserStream = account.user_stream(ticket)
        self._send: Callable[[bytes], None] = _nobody
        self._acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def url(self) -> str:
        """Ticket included."""
        return self._stream.url

    @property
    def lifetime_s(self) -> float:
        """The venue's limit."""
        return self._stream.lifetime_s

    @property
    def ping_every_s(self) -> float:
        """The venue's own pings."""
        return self._stream.ping_every_s

    def opened(self, send: Callable[[bytes], None]) -> None:
        """Log in and subscribe."""
        self._send = send
        messages = self._stream.opening(self._rest.venue_clock.now_ns())
        for message in messages:
            send(message)
        if not messages:
            self._acknowledged.set_result(None)

    def heard(self, payload: bytes, binary: bool) -> None:
        """Hand the events on; see to those that are about the stream itself."""
        for event in self._stream.read(payload, binary, self._rest.venue_clock.now_ns()):
            kind = type(event)
            if kind is Reply:
                assert isinstance(event, Reply)
                self._send(event.payload)
            elif isinstance(event, Closing):
                raise HangUp(event.reason)
            elif isinstance(event, Refusal):
                raise AuthenticationError(self._account.venue, event.reason, outcome=Outcome.REJECTED)
            elif isinstance(event, StreamReady):
                if not self._acknowledged.done():
                    self._acknowledged.set_result(None)
            elif kind is not Pong:
                self._hear(event)

    def ping(self) -> bytes | None:
        """The venue's own."""
        return self._stream.ping(self._rest.venue_clock.now_ns())

    async def ready(self) -> None:
        """Acknowledged, then caught up."""
        await self._acknowledged
        await self._catch_up()

    async def upkeep(self) -> None:
        """Renew the ticket for as long as the connection stands.

        A renewal that failed on its way is tried again soon, for a ticket lasts longer than `renew_every_s`.
        One that the venue refuses ends the connection.
        """
        renewal = self._account.renew(self._ticket) if self._ticket is not None else None
        if renewal is None:
            await asyncio.get_running_loop().create_future()
        pause_s = self._account.renew_every_s
        while True:
            await self._clock.sleep(pause_s)
            assert self._ticket is not None
            renewal = self._account.renew(self._ticket)
            assert renewal is not None, "a venue renews its tickets, or never does"
            try:
                await self._rest.run(renewal)
                pause_s = self._account.renew_every_s
            except (NetworkError, RateLimitError, VenueUnavailableError):
                pause_s = min(RENEW_AGAIN_S, self._account.renew_every_s)

    def ended(self, reason: str) -> None:
        """From here on events are missed."""
        if not self._acknowledged.done():
            self._acknowledged.cancel()


def _nobody(payload: bytes) -> None:
    raise AssertionError("nothing is said before the connection stands")
