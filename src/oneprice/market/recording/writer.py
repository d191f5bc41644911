"""Writing one market's recording: blocks of records, a new file by size and by the hour."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
from zlib import crc32

import msgspec
import zstandard

from oneprice.errors import RecordingError
from oneprice.market.recording.records import (
    BLOCK_HEAD,
    DATA_HEAD,
    MAGIC,
    PAYLOAD_BYTES_MAX,
    RECORD_HEAD,
    SUFFIX,
    Block,
    End,
    Header,
    Rest,
    Tag,
)

LEVEL = 3
BLOCK_RAW_BYTES = 256 << 10
FILE_BYTES_MAX = 256 << 20
HOUR_NS = 3_600_000_000_000


class RecordingWriter:
    """Writes files `VENUE-MARKET-TIME-NUMBER.oprec` into a folder. One block is held in memory.

    A file that is begun while connections are open starts with them, so that it stands alone. Raises
    RecordingError when the disk refuses.
    """

    def __init__(
        self,
        folder: Path,
        header: Header,
        *,
        file_bytes_max: int = FILE_BYTES_MAX,
        block_bytes: int = BLOCK_RAW_BYTES,
        on_file: Callable[[Path], None] | None = None,
    ) -> None:
        self.folder, self.header = folder, header
        self.files: list[Path] = []
        self._file_bytes_max, self._block_bytes = file_bytes_max, block_bytes
        self._on_file = on_file
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=False)
        self._open: dict[int, str] = {}
        self._file: IO[bytes] | None = None
        self._file_bytes = 0
        self._hour = -1
        self._buffer = bytearray()
        self._count = 0
        self._records = 0
        self._first_ns = self._last_ns = 0

    # ------------------------------------------------------------------ records

    def frame(self, ns: int, connection: int, payload: bytes | bytearray | memoryview, binary: bool = False) -> None:
        """A frame, as received at wall time `ns`."""
        self._add(ns, connection, Tag.BINARY if binary else Tag.FRAME, payload)

    def rest(self, ns: int, rest: Rest) -> None:
        """A REST answer."""
        self._add(ns, 0, Tag.REST, msgspec.msgpack.encode(rest))

    def opened(self, ns: int, connection: int, path: str) -> None:
        """A connection of the kind `path` is open."""
        self._add(ns, connection, Tag.OPENED, path.encode())
        self._open[connection] = path

    def closed(self, ns: int, connection: int, reason: str) -> None:
        """A connection is gone."""
        self._open.pop(connection, None)
        self._add(ns, connection, Tag.CLOSED, reason.encode())

    def copy(self, ns: int, connection: int, tag: int, payload: bytes) -> None:
        """A record that was read somewhere else."""
        if tag == Tag.OPENED:
            self.opened(ns, connection, payload.decode())
        elif tag == Tag.CLOSED:
            self.closed(ns, connection, payload.decode())
        else:
            self._add(ns, connection, Tag(tag), payload)

    def lost(self, ns: int, count: int) -> None:
        """Records were dropped before they reached the writer."""
        self._add(ns, 0, Tag.LOST, str(count).encode())

    def rules(self, header: Header) -> None:
        """New rules: the next record begins a new file with this header."""
        if header.listings != self.header.listings:
            self.close()
        self.header = header

    # ------------------------------------------------------------------ the file

    def flush(self) -> None:
        """Write what is held as a block, and hand it to the operating system."""
        if self._file is not None:
            self._write_data()
            self._guard(self._file.flush)

    def close(self) -> None:
        """Finish the file. Another record would begin a new one."""
        if self._file is None:
            return
        self._write_data()
        self._write_block(Block.END, msgspec.json.encode(End(self._records, self._last_ns)))
        file, self._file = self._file, None
        self._guard(file.flush)
        self._guard(lambda: os.fsync(file.fileno()))
        self._guard(file.close)

    # ------------------------------------------------------------------ inside

    def _add(self, ns: int, connection: int, tag: Tag, payload: bytes | bytearray | memoryview) -> None:
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise RecordingError(f"a record of {len(payload)} bytes is larger than {PAYLOAD_BYTES_MAX}")
        if self._file is None or ns // HOUR_NS != self._hour or self._file_bytes >= self._file_bytes_max:
            self._begin(ns)
        self._put(ns, connection, tag, payload)

    def _put(self, ns: int, connection: int, tag: Tag, payload: bytes | bytearray | memoryview) -> None:
        if not self._count:
            self._first_ns = ns
        self._buffer += RECORD_HEAD.pack(ns, connection, tag, len(payload))
        self._buffer += payload
        self._count += 1
        self._last_ns = ns
        if len(self._buffer) >= self._block_bytes:
            self._write_data()

    def _begin(self, ns: int) -> None:
        self.close()
        self._hour, self._records, self._file_bytes = ns // HOUR_NS, 0, 0
        path = self._free_path(ns)
        self._guard(lambda: self.folder.mkdir(parents=True, exist_ok=True))
        self._guard(lambda: self._create(path))
        self.files.append(path)
        self._write(MAGIC)
        self._write_block(Block.HEADER, msgspec.json.encode(msgspec.structs.replace(self.header, started_ns=ns)))
        for connection, kind in self._open.items():
            self._put(ns, connection, Tag.OPENED, kind.encode())
        if self._on_file is not None:
            self._on_file(path)

    def _free_path(self, ns: int) -> Path:
        stamp = datetime.fromtimestamp(ns // 1_000_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")
        number = 0
        while (path := self.folder / f"{self.header.name}-{stamp}-{number:03d}{SUFFIX}").exists():
            number += 1
        return path

    def _create(self, path: Path) -> None:
        self._file = path.open("xb")

    def _write_data(self) -> None:
        if not self._count:
            return
        head = DATA_HEAD.pack(self._first_ns, self._last_ns, self._count, len(self._buffer))
        self._records += self._count
        self._count = 0
        body = head + self._compressor.compress(bytes(self._buffer))
        self._buffer.clear()
        self._write_block(Block.DATA, body)

    def _write_block(self, kind: Block, body: bytes) -> None:
        self._write(block(kind, body))

    def _write(self, data: bytes) -> None:
        file = self._file
        assert file is not None
        self._guard(lambda: file.write(data))
        self._file_bytes += len(data)

    def _guard(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError as error:
            path = self.files[-1] if self.files else self.folder
            raise RecordingError(f"{path} cannot be written: {error}") from error


def block(kind: Block, body: bytes) -> bytes:
    """A block with its head."""
    head = BLOCK_HEAD.pack(len(body), kind, crc32(body), 0)[:12]
    return head + crc32(head).to_bytes(4, "little") + body
