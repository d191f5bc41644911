"""How other processes talk to a running engine: a unix socket in its data folder, one JSON object a line each way.

`{"do": "deals", "count": 5}` is answered by `{"ok": true, ...}`, or by `{"ok": false, "error": "..."}`. Only the
folder's owner can connect.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import msgspec

from oneprice.errors import NetworkError, OnePriceError, Outcome

SOCKET: Final = "run.sock"
LINE_BYTES_MAX: Final = 64 << 10
ANSWER_BYTES_MAX: Final = 64 << 20
CONNECTIONS_MAX: Final = 16
IDLE_S_MAX: Final = 30.0
PATH_BYTES_MAX: Final = 100
"""Of a socket's address; systems take 104 to 108."""

Answer = dict[str, Any]


class Controlled(Protocol):
    """What can be asked of an engine. Answers are plain values, Decimals as text; nothing waits."""

    def status(self) -> Answer:
        """Mode, switches, accounts, books, counts."""

    def orders(self) -> Answer:
        """`orders`: those that are open."""

    def deals(self, count: int) -> Answer:
        """`deals`: open ones, then the last settled, at most so many."""

    def pnl(self) -> Answer:
        """Profit and loss, at the marks of now."""

    def stop(self, reason: str) -> Answer:
        """Begin an orderly end."""

    def kill(self, reason: str) -> Answer:
        """Nothing that adds risk from now on, and all our orders cancelled."""

    def flatten(self, reason: str) -> Answer:
        """Begin an orderly end, and close what deals hold."""


class ControlServer:
    """Listens while it is entered. Who enters it holds the folder's lock: a socket that is there is a dead one's.

    Raises OSError where the socket cannot be made.
    """

    def __init__(self, folder: Path, controlled: Controlled) -> None:
        self._folder = folder
        self._calls: dict[str, tuple[type, Callable[..., Answer]]] = {
            "status": (_Plain, lambda order: controlled.status()),
            "orders": (_Plain, lambda order: controlled.orders()),
            "deals": (_Counted, lambda order: controlled.deals(order.count)),
            "pnl": (_Plain, lambda order: controlled.pnl()),
            "stop": (_Reasoned, lambda order: controlled.stop(order.reason)),
            "kill": (_Reasoned, lambda order: controlled.kill(order.reason)),
            "flatten": (_Reasoned, lambda order: controlled.flatten(order.reason)),
        }
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        (self._folder / SOCKET).unlink(missing_ok=True)
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _address(self._folder) as address:
                made.bind(address)
            (self._folder / SOCKET).chmod(0o600)  # before it listens: nobody can have connected yet
            made.setblocking(False)
            self._server = await asyncio.start_unix_server(self._serve, sock=made, limit=LINE_BYTES_MAX)
        except BaseException:
            made.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        (self._folder / SOCKET).unlink(missing_ok=True)
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            if len(self._open) < CONNECTIONS_MAX:
                self._open.add(task)
                with contextlib.suppress(TimeoutError, ConnectionError):
                    await self._talk(reader, writer)
        except asyncio.CancelledError:
            return  # the engine is at its end: who asked sees the connection close
        finally:
            self._open.discard(task)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            async with asyncio.timeout(IDLE_S_MAX):
                try:
                    line = await reader.readline()
                except ValueError:  # longer than the limit
                    writer.write(_encoded({"ok": False, "error": f"a line has at most {LINE_BYTES_MAX} bytes"}))
                    return
                if not line.endswith(b"\n"):
                    return
                writer.write(_encoded(self.answer(line)))
                await writer.drain()

    def answer(self, line: bytes) -> Answer:
        """The answer to one line."""
        try:
            order = json.loads(line)
        except ValueError:
            return {"ok": False, "error": "the line is no JSON"}
        name = order.pop("do", None) if isinstance(order, dict) else None
        if not isinstance(name, str) or name not in self._calls:
            return {"ok": False, "error": f'"do" must be one of {", ".join(self._calls)}'}
        kind, call = self._calls[name]
        try:
            return {"ok": True, **call(msgspec.convert(order, kind))}
        except (msgspec.ValidationError, OnePriceError) as error:
            return {"ok": False, "error": f"{name}: {error}"}


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    """An order without arguments."""


class _Counted(msgspec.Struct, forbid_unknown_fields=True):
    count: int = 20


class _Reasoned(msgspec.Struct, forbid_unknown_fields=True):
    reason: str = "no reason given"


def ask(folder: Path, do: str, arguments: Mapping[str, object] = {}, *, timeout_s: float = 5.0) -> Answer | None:
    """What the engine of a data folder answers; None where none runs.

    Raises NetworkError when it does not answer in time, or refuses.
    """
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as made:
        made.settimeout(timeout_s)
        try:
            with _address(folder) as address:
                made.connect(address)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError as error:
            raise NetworkError(f"{folder / SOCKET} cannot be connected to: {error.strerror or error}") from error
        try:
            made.sendall(_encoded({"do": do, **arguments}))
            answer = _read(made)
        except ConnectionError:
            return None  # it came to its end meanwhile
        except OSError as error:
            why = f"does not answer {do} within {timeout_s:g} s" if isinstance(error, TimeoutError) else f"{error}"
            raise NetworkError(f"the engine of {folder} {why}", Outcome.UNKNOWN) from error
    if answer is None:
        return None
    if not answer.pop("ok", False):
        raise NetworkError(f"the engine of {folder} refuses: {answer.get('error', 'no reason given')}")
    return answer


def _read(made: socket.socket) -> Answer | None:
    data = bytearray()
    while not data.endswith(b"\n"):
        more = made.recv(1 << 16)
        if not more or len(data) > ANSWER_BYTES_MAX:
            return None
        data += more
    answer: Answer = json.loads(data)
    return answer


def _encoded(answer: Mapping[str, object]) -> bytes:
    return msgspec.json.encode(answer) + b"\n"


@contextlib.contextmanager
def _address(folder: Path) -> Iterator[str]:
    """The socket's address. One that is too long for a socket is reached by way of the open folder (Linux)."""
    path = folder / SOCKET
    if len(os.fsencode(path)) <= PATH_BYTES_MAX:
        yield str(path)
        return
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except NotADirectoryError as error:
        raise FileNotFoundError(str(folder)) from error
    try:
        yield f"/proc/self/fd/{opened}/{SOCKET}"
    finally:
        os.close(opened)
