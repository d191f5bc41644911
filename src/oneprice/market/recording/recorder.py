"""What the feeds tell as it comes, into files, without holding them up.

The feeds call on the event loop and only append to a queue; a thread compresses and writes. The queue is
bounded in bytes: what does not fit is counted, and the recording says where how much is missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

from oneprice.errors import RecordingError
from oneprice.market.recording.records import Header, RecordedListing, Rest
from oneprice.market.recording.writer import FILE_BYTES_MAX, RecordingWriter
from oneprice.model import MarketKind
from oneprice.venues.kit import Request, Response

QUEUE_BYTES_MAX = 64 << 20
ITEM_BYTES = 100  # what a queued record costs besides its payload
POLL_SECONDS = 0.05
FLUSH_POLLS = 100

Write = Callable[[RecordingWriter], None]


class _Item(NamedTuple):
    """Something for one market's file: a frame, or anything else as what to do with the writer."""

    market: str
    size: int
    ns: int
    connection: int
    payload: bytes
    binary: bool
    write: Write | None


class Recorder:
    """Takes frames and REST answers of any number of markets; one series of files for each.

    Times are wall times, nanoseconds since 1970. `failure` is set when the disk refuses: from then on
    everything is counted as lost, and `close` raises it. Use it as a context manager, or call `close`.
    """

    def __init__(
        self, folder: Path, *, file_bytes_max: int = FILE_BYTES_MAX, queue_bytes_max: int = QUEUE_BYTES_MAX
    ) -> None:
        self.folder = folder
        self.frames = self.bytes = self.lost = 0
        self.files: list[Path] = []
        self.failure: RecordingError | None = None
        self._file_bytes_max, self._queue_bytes_max = file_bytes_max, queue_bytes_max
        self._market_of: dict[int, str] = {}
        self._lost_of: dict[str, int] = {}
        self._queue: deque[_Item] = deque()
        self._given = self._taken = 0  # bytes; the loop writes the one, the thread the other
        self._writers: dict[str, RecordingWriter] = {}  # added to by the loop, used by the thread
        self._ended = Event()
        self._thread = Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------ what the feeds call

    def on_rules(self, venue: str, market: MarketKind, listings: Sequence[RecordedListing], wall_ns: int) -> None:
        """The listings that are recorded, with their rules: the next record begins a file that holds them."""
        header = Header(venue=venue, market=market, started_ns=wall_ns, listings=tuple(listings))
        self._know(header.name)
        self._do(header.name, wall_ns, lambda writer: writer.rules(header))

    def on_open(self, connection: int, market: str, path: str, wall_ns: int) -> None:
        """A websocket of the connection kind `path` is open."""
        self._know(market)
        self._market_of[connection] = market
        self._do(market, wall_ns, lambda writer: writer.opened(wall_ns, connection, path))

    def on_frame(self, connection: int, payload: bytes | memoryview, binary: bool, wall_ns: int) -> None:
        """A whole message of a connection; the memory may be reused when this returns."""
        market = self._market_of[connection]
        size = len(payload) + ITEM_BYTES
        if self._fits(market, size):
            self.frames += 1
            self.bytes += size - ITEM_BYTES
            if self._lost_of:
                self._tell_lost(market, wall_ns)
            self._given += size
            self._queue.append(_Item(market, size, wall_ns, connection, bytes(payload), binary, None))

    def on_rest(self, market: str, request: Request, response: Response, wall_ns: int) -> None:
        """The answer to a REST request."""
        self._know(market)
        size = len(response.body) + ITEM_BYTES
        if self._fits(market, size):
            rest = Rest(request.method, request.path, request.query, response.status, bytes(response.body))
            self._do(market, wall_ns, lambda writer: writer.rest(wall_ns, rest), size)

    def on_closed(self, connection: int, reason: str, wall_ns: int) -> None:
        """A connection is gone."""
        market = self._market_of.pop(connection)
        self._do(market, wall_ns, lambda writer: writer.closed(wall_ns, connection, reason))

    def close(self) -> None:
        """Write everything and finish the files. Raises RecordingError when the disk refused something."""
        self._ended.set()
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    # ------------------------------------------------------------------ inside

    def _know(self, name: str) -> None:
        """Make the writer of a market not heard of before. Its file is begun with its first record."""
        if name not in self._writers:
            venue, _, kind = name.rpartition("-")
            header = Header(venue=venue, market=MarketKind(kind), started_ns=0, listings=())
            self._writers[name] = RecordingWriter(
                self.folder, header, file_bytes_max=self._file_bytes_max, on_file=self.files.append
            )

    def _fits(self, market: str, size: int) -> bool:
        if self.failure is None and self._given - self._taken + size <= self._queue_bytes_max:
            return True
        self.lost += 1
        self._lost_of[market] = self._lost_of.get(market, 0) + 1
        return False

    def _tell_lost(self, market: str, ns: int) -> None:
        lost = self._lost_of.pop(market, 0)
        if lost:
            self._given += ITEM_BYTES
            self._queue.append(_Item(market, ITEM_BYTES, ns, 0, b"", False, lambda writer: writer.lost(ns, lost)))

    def _do(self, market: str, ns: int, write: Write, size: int = ITEM_BYTES) -> None:
        """Queue what is rare and must not be lost, however much is queued."""
        self._tell_lost(market, ns)
        self._given += size
        self._queue.append(_Item(market, size, ns, 0, b"", False, write))

    def _run(self) -> None:
        """The thread: write what comes, flush now and then, close at the end."""
        polls = 0
        while not self._ended.wait(POLL_SECONDS):
            self._drain()
            polls += 1
            if polls % FLUSH_POLLS == 0:
                self._all(RecordingWriter.flush)
        self._drain()
        self._all(RecordingWriter.close)

    def _drain(self) -> None:
        queue = self._queue
        while queue:
            item = queue.popleft()
            self._taken += item.size
            if self.failure is not None:
                continue
            writer = self._writers[item.market]
            try:
                if item.write is None:
                    writer.frame(item.ns, item.connection, item.payload, item.binary)
                else:
                    item.write(writer)
            except RecordingError as error:
                self.failure = error

    def _all(self, action: Write) -> None:
        for writer in list(self._writers.values()):
            try:
                action(writer)
            except RecordingError as error:
                self.failure = self.failure or error
