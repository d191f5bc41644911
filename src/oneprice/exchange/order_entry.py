"""Orders over a websocket: each command has its number, its deadline and exactly one outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from oneprice.errors import AuthenticationError, ExchangeAPIError, NetworkError, Outcome, RateLimitError
from oneprice.exchange.limiter import Leave, TooLong, Way
from oneprice.exchange.rest import RestClient
from oneprice.exchange.session import HangUp
from oneprice.model import NewOrder, Order, OrderRef, SymbolInfo
from oneprice.ports import Clock
from oneprice.venues.kit.account import EntryAnswer, EntryReady, OrderEntry, PrivateMarket
from oneprice.venues.kit.contract import Closing, Priority, Refusal, Reply

Answered = asyncio.Future[Order | None]


class _Asked:
    """A command that is on its way. `timer` is None for the moment in which it is being sent."""

    __slots__ = ("answered", "leave", "timer")

    def __init__(self, answered: Answered, leave: Leave) -> None:
        self.answered, self.leave = answered, leave
        self.timer: asyncio.TimerHandle | None = None


class EntryTalk:
    """One connection for orders. `place` and `cancel` may be used while it `is_ready`.

    When it ends, whatever has no answer yet has an unknown outcome: nothing of it is ever sent again.
    """

    def __init__(
        self, account: PrivateMarket, entry: OrderEntry, rest: RestClient, clock: Clock, timeout_s: float
    ) -> None:
        self._account, self._entry, self._rest, self._clock = account, entry, rest, clock
        self._timeout_s = timeout_s
        self._send: Callable[[bytes], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._logged_in: asyncio.Future[None] = self._loop.create_future()
        self._number = 0
        self._waiting: dict[int, _Asked] = {}
        self.is_ready = False

    # ---- commands

    def place_now(self, order: NewOrder, priority: Priority) -> Answered | None:
        """Send an order in this call; None, and nothing is sent, where it would have to wait for its turn.

        The future has the answer, or raises as `PrivateExchangeInterface.place`; it is not to be cancelled. Raises
        NotSupported and InvalidOrderError.
        """
        rest = self._rest
        if self._send is None or not rest.venue_clock.is_known:
            return None
        charges = self._account.entry_charges("place", order.listing)
        leave = rest.limiter.take(charges, priority, Way.SOCKET, "place")
        if leave is None:
            return None
        _, asked = self._put(leave, partial(self._entry.place, order))
        return asked.answered

    def rehearse(self, order: NewOrder) -> None:
        """What `place_now` does before it sends, without an effect. Raises NotSupported and InvalidOrderError."""
        charges = self._account.entry_charges("place", order.listing)
        self._rest.limiter.rehearse(charges, Priority.ORDER, Way.SOCKET, "place")
        self._entry.place(order, self._number + 1, self._rest.venue_clock.now_ns())

    async def place(self, order: NewOrder, priority: Priority) -> Order | None:
        """Raises as `PrivateExchangeInterface.place`."""
        leave = await self._leave("place", order.listing, priority)
        return await self._ask(leave, partial(self._entry.place, order))

    async def cancel(self, ref: OrderRef) -> Order | None:
        """Raises as `PrivateExchangeInterface.cancel`."""
        leave = await self._leave("cancel", ref.listing, Priority.CANCEL)
        return await self._ask(leave, partial(self._entry.cancel, ref))

    async def _leave(self, what: str, listing: SymbolInfo, priority: Priority) -> Leave:
        if not self._rest.venue_clock.is_known:
            await self._rest.measure_clock()
        charges = self._account.entry_charges(what, listing)
        leave = self._rest.limiter.take(charges, priority, Way.SOCKET, what)
        if leave is not None:
            return leave
        deadline_ns = self._clock.monotonic_ns() + round(self._timeout_s * 1e9)
        try:
            return await self._rest.limiter.wait(charges, priority, Way.SOCKET, deadline_ns)
        except TooLong as late:
            raise self._rest.unsent(f"{what} order", late.wait_ns) from None

    async def _ask(self, leave: Leave, make: Callable[[int, int], bytes]) -> Order | None:
        """Send a command and wait for its one answer."""
        number, asked = self._put(leave, make)
        try:
            return await asked.answered
        finally:
            if self._waiting.pop(number, None) is not None:  # cancelled by the caller
                self._over(asked)

    def _put(self, leave: Leave, make: Callable[[int, int], bytes]) -> tuple[int, _Asked]:
        """Send a command. Its answer, or its deadline, takes it out of those that wait."""
        self._number += 1
        number = self._number
        asked = _Asked(self._loop.create_future(), leave)
        sent = False
        try:
            if self._send is None:
                raise NetworkError(f"{self._account.venue}: order entry is not connected", Outcome.NOT_SENT)
            payload = make(number, self._rest.venue_clock.now_ns())
            self._waiting[number] = asked
            self._send(payload)
            sent = True
        finally:
            if not sent:
                self._waiting.pop(number, None)
                self._rest.limiter.land(leave)
        if number in self._waiting:  # to send may have ended the connection
            asked.timer = self._loop.call_later(self._timeout_s, self._late, number)
        self._rest.figures.requests += 1
        return number, asked

    def _over(self, asked: _Asked) -> int:
        """It holds nothing any more. Gives the monotonic time of now."""
        if asked.timer is not None:
            asked.timer.cancel()
        return self._rest.limiter.land(asked.leave)

    def _late(self, number: int) -> None:
        asked = self._waiting.pop(number, None)
        if asked is None:  # it was answered in this very turn of the loop
            return
        self._over(asked)
        self._rest.figures.network_failures += 1
        reason = f"{self._account.venue}: no answer to an order command within {self._timeout_s:g} s"
        asked.answered.set_exception(NetworkError(reason, Outcome.UNKNOWN))

    # ---- Talk

    @property
    def url(self) -> str:
        """The venue's."""
        return self._entry.url

    @property
    def lifetime_s(self) -> float:
        """The venue's limit."""
        return self._entry.lifetime_s

    @property
    def ping_every_s(self) -> float:
        """The venue's own pings."""
        return self._entry.ping_every_s

    def opened(self, send: Callable[[bytes], None]) -> None:
        """Log in, where that is needed."""
        self._send = send
        messages = self._entry.opening(self._rest.venue_clock.now_ns())
        for message in messages:
            send(message)
        if not messages:
            self._logged_in.set_result(None)

    def heard(self, payload: bytes, binary: bool) -> None:
        """Answers find their commands."""
        for event in self._entry.read(payload, binary):
            if isinstance(event, EntryAnswer):
                self._answer(event)
            elif isinstance(event, EntryReady):
                if not self._logged_in.done():
                    self._logged_in.set_result(None)
            elif isinstance(event, Reply):
                assert self._send is not None
                self._send(event.payload)
            elif isinstance(event, Closing):
                raise HangUp(event.reason)
            elif isinstance(event, Refusal):
                raise AuthenticationError(self._account.venue, event.reason, outcome=Outcome.REJECTED)

    def _answer(self, event: EntryAnswer) -> None:
        asked = self._waiting.pop(event.number, None)
        if asked is None:  # told twice, or too late: what it says comes by the private stream too
            self._rest.figures.unasked += 1
            return
        answered, leave, rest = asked.answered, asked.leave, self._rest
        now_ns = self._over(asked)
        if event.used:
            rest.limiter.hear(event.used, leave, now_ns)
        rest.figures.answered(now_ns - leave.sent_ns, 0, True)
        if answered.done():
            return
        if isinstance(event.result, ExchangeAPIError):
            rest.figures.venue_errors += 1
            if isinstance(event.result, RateLimitError):
                rest.keep_still(event.result, leave.charges, now_ns)
            elif isinstance(event.result, AuthenticationError):
                rest.venue_clock.forget()  # it may have been our idea of the venue's time
            answered.set_exception(event.result)
        else:
            answered.set_result(event.result)

    def ping(self) -> bytes | None:
        """The venue's own."""
        return self._entry.ping(self._rest.venue_clock.now_ns())

    async def ready(self) -> None:
        """Logged in."""
        await self._logged_in
        self.is_ready = True

    async def upkeep(self) -> None:
        """Nothing to do while it stands."""
        await self._loop.create_future()

    def ended(self, reason: str) -> None:
        """Commands without an answer have an unknown outcome."""
        self.is_ready, self._send = False, None
        if not self._logged_in.done():
            self._logged_in.cancel()
        waiting, self._waiting = self._waiting, {}
        for asked in waiting.values():
            self._over(asked)
            if not asked.answered.done():
                self._rest.figures.network_failures += 1
                why = f"{self._account.venue}: the order connection ended: {reason}"
                asked.answered.set_exception(NetworkError(why, Outcome.UNKNOWN))
