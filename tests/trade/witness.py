"""What a test saw at the very moment when something left the engine or came to an exchange: files, connections, orders.

The engine knows nothing of it. What must not be is gathered in `broken`, in words.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from oneprice.core.states import BookState
from oneprice.errors import NetworkError, Outcome
from oneprice.exchange import PrivateExchange
from oneprice.live.disk import LiveDisk
from oneprice.market import MarketData
from oneprice.model import NewOrder, Order, OrderRef
from oneprice.ports import DiskFile, HttpLine, HttpResponse, Network, WebSocket, WebSocketListener
from oneprice.sim.accounts import Account
from oneprice.sim.orders import Change, EndedBy, OrderReport, Report
from oneprice.trade.desk import listing_key
from oneprice.trade.ids import PREFIX

TOO_MANY, BANNED = 429, 418


class Witness:
    """`written`: every byte that the journals' files have taken. `refused`: answers of an exchange to too many
    requests. `sent` and `cancelled`: client order ids in the order in which they left. `before_send`: what a test does
    when the n-th order is about to leave, after it was journaled."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.broken: list[str] = []
        self.refused: Counter[int] = Counter()
        self.sent: list[str] = []
        self.cancelled: list[str] = []
        self.killed = ""
        self.is_dead = False
        self.before_send: dict[int, Callable[[NewOrder], None]] = {}

    def is_written(self, name: str, times: int = 1) -> bool:
        """Whether the journal names an order so often."""
        return self.written.count(name.encode()) >= times

    # ---- at the engine's door

    def watch(self, account: PrivateExchange, market: MarketData, age_ns_max: int) -> None:
        """See each order and cancel of an account before its first byte leaves."""
        begin, cancel, clock = account.begin, account.cancel, account._clock

        def seen_begin(order: NewOrder, *, hedge: bool = False) -> asyncio.Future[Order]:
            if self.is_dead:
                unsent: asyncio.Future[Order] = asyncio.get_running_loop().create_future()
                unsent.set_exception(NetworkError("the process is dead", Outcome.NOT_SENT))
                return unsent
            name, key = order.client_order_id, listing_key(order.listing)
            if name in self.sent:
                self.broken.append(f"I2 {name} is sent a second time")
            self.sent.append(name)
            if (act := self.before_send.pop(len(self.sent) - 1, None)) is not None:
                act(order)
            if not self.is_written(name):
                self.broken.append(f"I1 {name} leaves before its intent is written")
            if self.killed and not hedge:
                self.broken.append(f"I11 {name} adds risk after the kill ({self.killed})")
            book = next(one for one in market.books if listing_key(one.info) == key)
            if market.hub.state(book.number) != BookState.LIVE:
                self.broken.append(f"I8 {name} leaves while {key} is {market.state(book).name}")
            elif not hedge and clock.monotonic_ns() - market.hub.times(book.number)[0] > age_ns_max:
                self.broken.append(f"I8 {name} leaves by a book of {key} that is too old")
            return begin(order, hedge=hedge)

        async def seen_cancel(ref: OrderRef) -> Order | None:
            if self.is_dead:
                raise NetworkError("the process is dead", Outcome.NOT_SENT)
            name = ref.client_order_id
            self.cancelled.append(name)
            return await cancel(ref)

        account.begin = seen_begin  # type: ignore[method-assign]
        account.cancel = seen_cancel  # type: ignore[method-assign]

    # ---- at the exchange's door

    def hear(self, account: Account, planted: set[str]) -> Callable[[Report], None]:
        """A listener of an exchange's desk. `planted`: orders with our name that are not the engine's."""

        def on_report(report: Report) -> None:
            if not isinstance(report, OrderReport) or report.order.account is not account:
                return
            name = our_id(report.order.client_order_id)
            if not name or name in planted:
                return
            if report.change is Change.NEW and not self.is_written(name):
                self.broken.append(f"I1 {name} came to the exchange, and no journal has its intent")
            if report.order.ended_by is EndedBy.USER and name not in self.cancelled:
                self.broken.append(f"I1 {name} was cancelled at the exchange, and nobody sent a cancel")

        return on_report


def our_id(client_order_id: str) -> str:
    """The id without what a venue puts before it; "" when oneprice has not made it."""
    name = client_order_id.rpartition("-")[2]
    return name if name.startswith(PREFIX) else ""


class WatchedDisk(LiveDisk):
    """The machine's own, seen by a witness. `fails`: what the next write to a journal meets."""

    def __init__(self, witness: Witness) -> None:
        super().__init__()
        self._witness = witness
        self.fails = 0

    def append_to(self, path: str, reserve_bytes: int) -> Any:
        """A file whose bytes are seen. Space is not set aside: a test writes little."""
        file = super().append_to(path, 0)
        return _WatchedFile(self, file) if path.endswith(".journal") else file

    def write(self, path: str, data: bytes) -> None:
        """Whole files are seen too."""
        super().write(path, data)
        self._witness.written += data

    def taken(self, data: bytes) -> None:
        """They are with the system."""
        self._witness.written += data


class _WatchedFile:
    def __init__(self, disk: WatchedDisk, file: DiskFile) -> None:
        self._disk, self._file = disk, file

    def append(self, data: bytes) -> None:
        if self._disk.fails:
            raise OSError(errno.ENOSPC, "No space left on device")
        self._file.append(data)
        self._disk.taken(data)

    def sync(self) -> None:
        self._file.sync()

    def close(self) -> None:
        self._file.close()


class WatchedNetwork:
    """The machine's own, with the refusals counted."""

    def __init__(self, inner: Network, witness: Witness) -> None:
        self._inner, self._witness = inner, witness

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        bytes_max: int,
        tls: ssl.SSLContext | None = None,
    ) -> HttpResponse:
        answer = await self._inner.request(
            method, url, headers=headers, body=body, timeout_s=timeout_s, bytes_max=bytes_max, tls=tls
        )
        return self._judge(answer)

    def open_line(self, url: str, *, connections: int, tls: ssl.SSLContext | None = None) -> HttpLine:
        return _WatchedLine(self._inner.open_line(url, connections=connections, tls=tls), self._judge)

    async def open_websocket(
        self,
        url: str,
        listener_factory: Callable[[], WebSocketListener],
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        message_bytes_max: int,
        tls: ssl.SSLContext | None = None,
    ) -> WebSocket:
        return await self._inner.open_websocket(
            url,
            listener_factory,
            headers=headers,
            timeout_s=timeout_s,
            message_bytes_max=message_bytes_max,
            tls=tls,
        )

    async def close(self) -> None:
        await self._inner.close()

    def _judge(self, answer: HttpResponse) -> HttpResponse:
        if answer.status in (TOO_MANY, BANNED):
            self._witness.refused[answer.status] += 1
        return answer


class _WatchedLine:
    def __init__(self, inner: HttpLine, judge: Callable[[HttpResponse], HttpResponse]) -> None:
        self._inner, self._judge = inner, judge

    async def warm(self) -> None:
        await self._inner.warm()

    def request(
        self,
        method: str,
        target: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes,
        *,
        timeout_s: float,
        bytes_max: int,
    ) -> Awaitable[HttpResponse]:
        waiting = self._inner.request(method, target, headers, body, timeout_s=timeout_s, bytes_max=bytes_max)
        return self._then(waiting)

    async def _then(self, waiting: Awaitable[HttpResponse]) -> HttpResponse:
        return self._judge(await waiting)

    async def close(self) -> None:
        await self._inner.close()


class SteppedClock:
    """The machine's own, whose wall clock a test can step; the monotonic one goes on."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.step_ns = 0

    def monotonic_ns(self) -> int:
        return int(self._inner.monotonic_ns())

    def wall_ns(self) -> int:
        return int(self._inner.wall_ns()) + self.step_ns

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
