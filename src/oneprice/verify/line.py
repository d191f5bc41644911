"""One bare websocket to a market: for what cannot be seen through the engine's feed."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from oneprice.exchange import ConnectionConfig
from oneprice.ports import WebSocket
from oneprice.venues.kit import Control

if TYPE_CHECKING:
    from oneprice.verify.bench import Bench

LOOK_EVERY_S = 0.01


class Line:
    """As a context it is open, on the market's first kind of connection. `controls`: what came that is no data."""

    def __init__(self, bench: Bench) -> None:
        self.controls: list[Control] = []
        self.frames = 0
        self.ended = ""
        self._bench = bench
        self._opened: WebSocket | None = None

    async def __aenter__(self) -> Line:
        bench, config = self._bench, ConnectionConfig()
        self._opened = await bench.ports.network.open_websocket(
            next(iter(bench.market.stream_urls.values())),
            lambda: self,
            headers=bench.market.stream_headers,
            timeout_s=config.open_timeout_ms / 1e3,
            message_bytes_max=config.message_bytes_max,
            tls=bench.tls,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close("done")

    @property
    def socket(self) -> WebSocket:
        """Open as long as the context lasts and `ended` is empty."""
        assert self._opened is not None, "the context was entered"
        return self._opened

    async def until(self, holds: Callable[[], bool], seconds: float) -> float | None:
        """Wait until it holds; gives the seconds that took, None when it took too long."""
        clock = self._bench.ports.clock
        began_ns = clock.monotonic_ns()
        while not holds():
            if (clock.monotonic_ns() - began_ns) / 1e9 > seconds:
                return None
            await clock.sleep(LOOK_EVERY_S)
        return (clock.monotonic_ns() - began_ns) / 1e9

    # ---- WebSocketListener

    def on_frame(self, payload: bytes, binary: bool) -> None:
        """Nothing is subscribed here: all of it is control."""
        self.frames += 1
        self.controls += self._bench.market.control(payload, binary)

    def on_closed(self, reason: str) -> None:
        """Over."""
        self.ended = reason or "closed"
