"""One private websocket kept open: connected, logged in, pinged, replaced before the venue ends it, connected anew."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from oneprice.errors import ExchangeAPIError, NetworkError
from oneprice.exchange.backoff import pause_s
from oneprice.exchange.config import ConnectionConfig
from oneprice.exchange.interfaces import SessionState
from oneprice.ports import Chance, Clock, Network, WebSocket


class Talk(Protocol):
    """What is said over one connection. Made anew for each."""

    @property
    def url(self) -> str:
        """Where to connect. It may hold a secret."""

    @property
    def lifetime_s(self) -> float:
        """The venue closes the connection after; 0 for never told."""

    @property
    def ping_every_s(self) -> float:
        """How often to send `ping`; 0 where never."""

    def opened(self, send: Callable[[bytes], None]) -> None:
        """The connection stands: say what has to be said first."""

    def heard(self, payload: bytes, binary: bool) -> None:
        """A message. Raises ExchangeAPIError, which ends the connection, or HangUp."""

    def ping(self) -> bytes | None:
        """Our application-level ping; None where protocol pings do."""

    async def ready(self) -> None:
        """Returns when the log-in is done and all is caught up; it may then be used. Raises what went wrong."""

    async def upkeep(self) -> None:
        """Whatever has to be done while the connection stands; ends the connection by raising."""

    def ended(self, reason: str) -> None:
        """The connection is over."""


class HangUp(Exception):
    """This connection is to be replaced by a new one."""


class _Ears:
    """Hands frames on, and keeps what they raise for the session's own task."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.refused: ExchangeAPIError | None = None

    def on_frame(self, payload: bytes, binary: bool) -> None:
        try:
            self._talk.heard(payload, binary)
        except HangUp as told:
            self.end(str(told))
        except ExchangeAPIError as error:
            self.refused = self.refused or error
            self.end(str(error))

    def on_closed(self, reason: str) -> None:
        self.end(reason)

    def end(self, reason: str) -> None:
        if not self.over.done():
            self.over.set_result(reason)

    def why(self) -> str:
        """Why the connection is over. Raises what the venue refused."""
        if self.refused is not None:
            raise self.refused
        return self.over.result()


class Session:
    """Runs until cancelled. `make` gives what is said over the next connection (it may ask the venue for a ticket).

    `name`: for messages. `headers`: of the handshake. `changed`: called at each change of `state`, with the reason.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        clock: Clock,
        chance: Chance,
        config: ConnectionConfig,
        make: Callable[[], Awaitable[Talk]],
        *,
        changed: Callable[[SessionState, str], None],
        headers: Mapping[str, str],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._name, self._network, self._clock, self._chance = name, network, clock, chance
        self._config, self._make, self._changed, self._tls = config, make, changed, tls
        self._headers = headers
        self.state = SessionState.CONNECTING
        self.reason = "not connected yet"
        self.connects = 0
        self.error: NetworkError | ExchangeAPIError | None = None  # of the last attempt, if it failed

    async def run(self) -> None:
        """Keep the connection for ever."""
        failures = 0
        while True:
            began_ns = self._clock.monotonic_ns()
            try:
                await self._connection()
            except (NetworkError, ExchangeAPIError) as error:
                self.error = error
                self._to(SessionState.RECONNECTING, str(error))
            lived_s = (self._clock.monotonic_ns() - began_ns) / 1e9
            first_ms, most_ms = self._config.reconnect_first_ms, self._config.reconnect_max_ms
            failures = 0 if lived_s > most_ms / 1e3 else failures + 1  # one that had lived long is replaced at once
            await self._clock.sleep(pause_s(self._chance, failures, first_ms, most_ms))

    def close(self) -> None:
        """To be called when `run` was cancelled."""
        self._to(SessionState.CLOSED, "closed")

    async def _connection(self) -> None:
        """One connection from its opening to its end. Raises NetworkError, ExchangeAPIError."""
        talk = await self._make()
        ears = _Ears(talk)
        socket = await self._network.open_websocket(
            talk.url,
            lambda: ears,
            headers=self._headers,
            timeout_s=self._config.open_timeout_ms / 1e3,
            message_bytes_max=self._config.message_bytes_max,
            tls=self._tls,
        )
        self.connects += 1
        reason = "closed"
        try:
            talk.opened(socket.send)
            reason = await self._serve(talk, ears, socket)
        except (NetworkError, ExchangeAPIError) as error:
            self.error, reason = error, str(error)
            raise
        finally:
            socket.close("done")
            self._to(SessionState.RECONNECTING, reason)
            talk.ended(reason)

    async def _serve(self, talk: Talk, ears: _Ears, socket: WebSocket) -> str:
        """Why the connection ended. Raises ExchangeAPIError, NetworkError when the log-in failed."""
        ready = asyncio.ensure_future(talk.ready())
        watch = asyncio.ensure_future(self._watch(talk, socket))
        upkeep: asyncio.Future[None] | None = None
        tasks: list[asyncio.Future[None]] = [ready, watch]
        try:
            late = asyncio.ensure_future(self._clock.sleep(self._config.ready_within_ms / 1e3))
            tasks.append(late)
            await _first(ready, late, watch, ears.over)
            if ears.over.done():
                return ears.why()
            if not ready.done() and not watch.done():
                raise NetworkError(f"{self._name}: not logged in within {self._config.ready_within_ms} ms")
            if ready.done():
                await ready
                self.error = None
                self._to(SessionState.OPEN, "")
                upkeep = asyncio.ensure_future(talk.upkeep())
                tasks.append(upkeep)
                await _first(watch, upkeep, ears.over)
            if ears.over.done():
                return ears.why()
            for task in (watch, upkeep):
                if task is not None and task.done():
                    await task
        except HangUp as told:
            return str(told)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return "its upkeep ended"

    async def _watch(self, talk: Talk, socket: WebSocket) -> None:
        """Ping, and end a connection that does not answer or whose time is nearly over."""
        config, clock = self._config, self._clock
        opened_ns = clock.monotonic_ns()
        own_every_s = talk.ping_every_s
        own_due_ns = opened_ns + round(own_every_s * 1e9)
        while True:
            socket.ping()
            await clock.sleep(min(config.ping_every_ms / 1e3, own_every_s or 3_600.0))
            now_ns = clock.monotonic_ns()
            silent_ms = (now_ns - socket.last_pong_ns) / 1e6
            if silent_ms > config.ping_every_ms + config.pong_within_ms:
                raise HangUp(f"no pong for {silent_ms:.0f} ms")
            if own_every_s and now_ns >= own_due_ns and (text := talk.ping()) is not None:
                socket.send(text)
                own_due_ns = now_ns + round(own_every_s * 1e9)
            if talk.lifetime_s and (now_ns - opened_ns) / 1e9 > _end_of(talk.lifetime_s, config.renew_before_s):
                raise HangUp("replaced before the venue's limit on its lifetime")

    def _to(self, state: SessionState, reason: str) -> None:
        if (state, reason) != (self.state, self.reason):
            self.state, self.reason = state, reason
            self._changed(state, reason)


def _end_of(lifetime_s: float, before_s: float) -> float:
    return max(lifetime_s - before_s, lifetime_s / 2)


async def _first(*futures: asyncio.Future[Any]) -> None:
    """Until one of them is done."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
