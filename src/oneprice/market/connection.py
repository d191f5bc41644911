"""One websocket of a venue market: subscribe, prove that every subscription delivers, notice when it is dead.

Data are the evidence: a subscription stands when its first frame has come, whatever was or was not acknowledged.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from oneprice.core.describe import Depth, Quote, Trades
from oneprice.core.states import Flag
from oneprice.errors import InvalidResponseError
from oneprice.market.context import Context, market_name
from oneprice.market.links import Link, Links
from oneprice.ports import WebSocket
from oneprice.venues.kit import Ack, Channel, Closing, PublicMarket, Refusal, Reply

MS = 1_000_000
KEEP_EVERY_S = 0.2
USELESS_AFTER_ACK_LIMITS = 3
RENEW_AFTER_MS_MAX = 600_000
CHANNELS: dict[type, Channel] = {Depth: Channel.DEPTH, Quote: Channel.QUOTE, Trades: Channel.TRADES}
LOOK = ~int(Flag.TOP | Flag.QUOTE | Flag.TRADE)  # ints: what an enum flag does takes microseconds
CONTROL, NEWS = int(Flag.CONTROL), int(Flag.STATE | Flag.OPPORTUNITY)
OPPORTUNITY = int(Flag.OPPORTUNITY)


class Connection:
    """A websocket listener. `stream` is its number in the hub, `number` its own over the run.

    `renew_after_s`: it asks for a successor when it is that old; 0 for never. `on_lost` is called once, when the
    connection is over.
    """

    def __init__(
        self,
        context: Context,
        market: PublicMarket,
        path: str,
        stream: int,
        links: Links,
        *,
        renew_after_s: float,
        on_lost: Callable[[Connection], None],
    ) -> None:
        clock = context.clock
        self.number, self.stream, self.links = next(context.connection_numbers), stream, links
        self.frames = 0
        self.opened_ns = self.heard_ns = self.alive_ns = clock.monotonic_ns()
        self.closed_reason: str | None = None
        self.replace_reason: str | None = None
        self.refusal = ""
        self._announced = False
        self._market, self._path = market, path
        self._channels = [CHANNELS[type(message)] for message in market.stream(path).messages]
        self._hub, self._clock, self._config = context.hub, clock, context.config
        self._supervisor, self._recorder = context.supervisor, context.recorder
        self._on_change, self._on_lost = context.on_change, on_lost
        self._on_opportunity = context.on_opportunity
        self._renew_after_ns = int(renew_after_s * 1e9)
        self._socket: WebSocket | None = None
        self._over = asyncio.Event()
        self._outbox: deque[tuple[list[Link], list[str]]] = deque()
        self._to_send = asyncio.Event()
        self._pinged_ns = self._venue_pinged_ns = self._silent_since_ns = self.opened_ns
        self._renew_after_ms = context.config.renew_silent_after_ms
        self._take: Callable[[int, bytes, int], int] = context.hub.on_frame
        self._now_ns = clock.monotonic_ns

    # ------------------------------------------------------------------ what the transport calls

    def on_frame(self, payload: bytes, binary: bool) -> None:
        """A whole message. The hot path."""
        now_ns = self._now_ns()
        self.frames += 1
        try:
            if self._recorder is not None:
                if not self._announced:
                    self._announce()
                self._recorder.on_frame(self.number, payload, binary, self._clock.wall_ns())
            flags = self._take(self.stream, payload, now_ns)
            if flags & OPPORTUNITY and self._on_opportunity is not None:
                self._on_opportunity(now_ns)
            if flags & LOOK or self.links.unheard:
                self._look(flags, payload, binary, now_ns)
            else:
                self.heard_ns = now_ns
        except BaseException as error:
            self._supervisor.fail(error)
            raise

    def on_closed(self, reason: str) -> None:
        """The connection is over: its books leave LIVE before this returns."""
        if self.closed_reason is not None:
            return
        self.closed_reason = reason or "closed"
        self._take = _nothing
        try:
            if self._recorder is not None and self._announced:
                self._recorder.on_closed(self.number, self.closed_reason, self._clock.wall_ns())
            self._hub.stream_down(self.stream, self._now_ns())
            self._on_lost(self)
        except BaseException as error:
            self._supervisor.fail(error)
            raise
        finally:
            self._over.set()

    # ------------------------------------------------------------------ what the session calls

    def start(self, socket: WebSocket) -> None:
        """The websocket is open: subscribe to everything, and serve it until it is over."""
        if self.closed_reason is not None:
            return
        self._socket = socket
        self.opened_ns = self.heard_ns = self.alive_ns = self._silent_since_ns = self._now_ns()
        self._pinged_ns = self._venue_pinged_ns = self.opened_ns
        if not self._announced:
            self._announce()
        self.ask(list(self.links))
        self._supervisor.spawn(self._serve(), f"connection {self.number}")

    @property
    def started(self) -> bool:
        """Whether it was ever open."""
        return self._socket is not None

    def ask(self, links: Sequence[Link], again: bool = False) -> None:
        """Subscribe, at the pace that the venue allows. `again`: unsubscribe first."""
        waiting = [link for link in links if not link.queued]
        for link in waiting:
            link.queue()
        if waiting:
            names = list(dict.fromkeys(link.subscription.name for link in waiting))
            self._outbox.append((waiting, names if again else []))
            self._to_send.set()

    def add(self, links: Sequence[Link]) -> None:
        """Carry these too."""
        self.links.add(links)
        if self.started:
            self.ask(links)

    def remove(self, names: set[str]) -> None:
        """Carry these no more."""
        self.links.remove(names)
        if self.started and names:
            self._outbox.append(([], sorted(names)))
            self._to_send.set()

    def replace(self, reason: str) -> None:
        """Ask the session for a successor; this one goes on until that carries."""
        if self.replace_reason is None:
            self.replace_reason = reason
            self._over.set()

    def keep_going(self) -> None:
        """No successor could be had: stay, and ask less often."""
        self.replace_reason = None
        self._renew_after_ms = min(2 * self._renew_after_ms, RENEW_AFTER_MS_MAX)
        self._silent_since_ns = self._now_ns()
        if self.closed_reason is None:
            self._over.clear()

    def close(self, reason: str) -> None:
        """Close politely. The books are told at once."""
        self._end(reason, abort=False)

    def abort(self, reason: str) -> None:
        """Drop the connection."""
        self._end(reason, abort=True)

    async def until_over(self) -> None:
        """Wait until it is closed or wants a successor."""
        await self._over.wait()

    def settled(self) -> bool:
        """Every subscription is answered."""
        return self.started and all(link.acked or link.heard for link in self.links)

    def carries(self) -> bool:
        """All is answered, and every listing has come here that came from anywhere since this connection opened."""
        links = self.links
        return links.heard_any and all(
            (link.heard or link.acked)
            and (links.hears(link.listing) or self._hub.times(link.listing)[0] <= self.opened_ns)
            for link in links
        )

    # ------------------------------------------------------------------ inside: frames

    def _announce(self) -> None:
        """Tell the recorder, before the first frame."""
        self._announced = True
        if self._recorder is not None:
            self._recorder.on_open(self.number, market_name(self._market), self._path, self._clock.wall_ns())

    def _look(self, flags: int, payload: bytes, binary: bool, now_ns: int) -> None:
        """The frames that are not plain data of a standing subscription."""
        self.alive_ns = now_ns
        if flags & CONTROL:
            self._on_control(payload, binary)
            return
        self.heard_ns = now_ns
        if self.links.unheard and self._hub.message_of_frame >= 0:
            self.links.hear(self._hub.listing_of_frame, self._channels[self._hub.message_of_frame])
        if flags & NEWS:
            self._on_change()

    def _on_control(self, payload: bytes, binary: bool) -> None:
        try:
            controls = self._market.control(payload, binary)
        except InvalidResponseError as error:
            self.refusal = str(error)
            return
        for control in controls:
            if isinstance(control, Ack):
                self.links.on_ack(control)
            elif isinstance(control, Reply):
                self._send(control.payload)
            elif isinstance(control, Closing):
                self.replace(f"the venue will close it: {control.reason}")
            elif isinstance(control, Refusal):
                self.refusal = control.reason
                self.links.on_refusal(control.reason)

    # ------------------------------------------------------------------ inside: keeping it alive

    async def _serve(self) -> None:
        sending = self._supervisor.spawn(self._send_paced(), f"connection {self.number}: sending")
        try:
            while self.closed_reason is None:
                self._keep(self._now_ns())
                await self._clock.sleep(KEEP_EVERY_S)
        finally:
            sending.cancel()
            if self._socket is not None and self.closed_reason is None:
                self._socket.abort("the run is over")

    def _keep(self, now_ns: int) -> None:
        """Every 200 ms: is it alive, does everything stand, must it be replaced."""
        assert self._socket is not None
        config = self._config
        alive_ns = max(self.heard_ns, self.alive_ns, self._socket.last_pong_ns)
        if now_ns - alive_ns > (config.connection.ping_every_ms + config.connection.pong_within_ms) * MS:
            self.abort(f"no frame and no pong for {(now_ns - alive_ns) // MS} ms")
            return
        self._ping(now_ns)
        limits = self._market.limits
        useless_ns = int(USELESS_AFTER_ACK_LIMITS * limits.ack_within_s * 1e9)
        if not self.links.stood_any and now_ns - self.opened_ns > useless_ns:
            self.abort("no subscription was answered")
            return
        due = self.links.due(now_ns, int(limits.ack_within_s * 1e9), config)
        if due:
            self.ask(due, again=any(link.acked for link in due))
        silent_ns = now_ns - max(self.heard_ns, self._silent_since_ns)
        if self.links.heard_any and silent_ns > self._renew_after_ms * MS:
            self.replace(f"no data for {silent_ns // MS} ms")
        elif self._renew_after_ns and now_ns - self.opened_ns > self._renew_after_ns:
            self.replace("its lifetime is nearly over")

    def _ping(self, now_ns: int) -> None:
        """Ping when nothing was heard for a while; where the venue wants pings of its own, also by its clock."""
        assert self._socket is not None
        idle_ns = self._config.connection.ping_every_ms * MS
        idle = now_ns - self.heard_ns > idle_ns and now_ns - self._pinged_ns > idle_ns
        if idle:
            self._socket.ping()
            self._pinged_ns = now_ns
        every_ns = int(self._market.limits.ping_every_s * 1e9)
        if every_ns and now_ns - self._venue_pinged_ns > every_ns:
            self._venue_pinged_ns = now_ns
            payload = self._market.ping(self._clock.wall_ns())
            if payload is not None:
                self._send(payload)
            elif not idle:
                self._socket.ping()

    async def _send_paced(self) -> None:
        """Send what waits in the outbox, one message at a time within the venue's message rate."""
        pause_s = 1.0 / self._market.limits.messages_per_s
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            while self._outbox:
                links, names_up = self._outbox.popleft()
                for message in self.links.messages(links, names_up, self._market, self._clock):
                    self._send(message)
                    await self._clock.sleep(pause_s)

    def _send(self, payload: bytes) -> None:
        if self._socket is not None:
            self._socket.send(payload)

    def _end(self, reason: str, *, abort: bool) -> None:
        socket = self._socket
        self.on_closed(reason)
        if socket is not None:
            if abort:
                socket.abort(reason)
            else:
                socket.close(reason)


def _nothing(stream: int, payload: bytes, now_ns: int) -> int:
    """What frames are good for once the connection is over: its number in the hub may be another's by now."""
    return 0
