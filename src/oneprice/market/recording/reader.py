"""Reading a recording back, block by block. A torn tail ends the file with a note; other damage is an error."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from zlib import crc32

import msgspec
import zstandard

from oneprice.errors import RecordingError
from oneprice.market.recording.records import (
    BLOCK_BYTES_MAX,
    BLOCK_HEAD,
    DATA_HEAD,
    MAGIC,
    RECORD_HEAD,
    SCHEMA,
    Block,
    End,
    Header,
    Tag,
)

_TAGS = frozenset(int(tag) for tag in Tag)


class RecordingFile:
    """One file of our own format. The header is read at once, records as they are asked for.

    `notes` says in words what was unusual, after `records` has ended. Raises RecordingError, which names
    the file and the place.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self.bytes_read = 0
        try:
            self.bytes_total = path.stat().st_size
            with path.open("rb") as file:
                self.header = self._read_header(file)
        except OSError as error:
            raise RecordingError(f"{path} cannot be read: {error.strerror or error}") from error

    def records(self) -> Iterator[tuple[int, int, int, bytes]]:
        """`(wall ns, connection, tag, payload)` in the order of writing. A step back in time is held."""
        latest = 0
        for ns, connection, tag, payload in self._records():
            if ns > latest:
                latest = ns
            yield latest, connection, tag, payload

    # ------------------------------------------------------------------ inside

    def _records(self) -> Iterator[tuple[int, int, int, bytes]]:
        decompressor = zstandard.ZstdDecompressor()
        seen = 0
        with self.path.open("rb") as file:
            self._read_header(file)
            while True:
                at = file.tell()
                found = self._block(file, at)
                self.bytes_read = file.tell()
                if found is None:
                    return
                kind, body = found
                if kind == Block.DATA:
                    for record in self._data(decompressor, body, at):
                        seen += 1
                        yield record
                elif kind == Block.END:
                    self._check_end(file, body, seen, at)
                    return
                else:
                    raise RecordingError(f"{self.path}: block of kind {kind} at byte {at} is not expected there")

    def _read_header(self, file: IO[bytes]) -> Header:
        if file.read(len(MAGIC)) != MAGIC:
            raise RecordingError(f"{self.path} is no recording of ours (it does not begin with {MAGIC!r})")
        found = self._block(file, len(MAGIC))
        if found is None or found[0] != Block.HEADER:
            raise RecordingError(f"{self.path} ends before its header: nothing was recorded")
        try:
            schema = msgspec.json.decode(found[1], type=dict[str, object]).get("schema")
            if schema != SCHEMA:
                raise RecordingError(f"{self.path} has schema {schema}; this build reads schema {SCHEMA}")
            return msgspec.json.decode(found[1], type=Header)
        except msgspec.MsgspecError as error:
            raise RecordingError(f"{self.path}: the header cannot be read: {error}") from error

    def _block(self, file: IO[bytes], at: int) -> tuple[int, bytes] | None:
        head = file.read(BLOCK_HEAD.size)
        if not head:
            self.notes.append(f"{self.path}: not closed by its recorder; all that was written was read")
            return None
        if len(head) < BLOCK_HEAD.size:
            self._note_torn(at, len(head))
            return None
        length, kind, body_crc, head_crc = BLOCK_HEAD.unpack(head)
        if crc32(head[:12]) != head_crc or length > BLOCK_BYTES_MAX:
            raise RecordingError(f"{self.path}: block at byte {at} is damaged (checksum of its head is wrong)")
        body = file.read(length)
        if len(body) < length:
            self._note_torn(at, len(head) + len(body))
            return None
        if crc32(body) != body_crc:
            raise RecordingError(f"{self.path}: block at byte {at} is damaged (checksum of its body is wrong)")
        return kind, body

    def _note_torn(self, at: int, count: int) -> None:
        self.notes.append(
            f"{self.path}: torn tail: the last {count} bytes, from byte {at}, are an unfinished block, left out"
        )

    def _data(
        self, decompressor: zstandard.ZstdDecompressor, body: bytes, at: int
    ) -> Iterator[tuple[int, int, int, bytes]]:
        try:
            _, _, count, raw_length = DATA_HEAD.unpack_from(body)
            if raw_length > BLOCK_BYTES_MAX:
                raise ValueError(f"{raw_length} bytes")
            raw = decompressor.decompress(body[DATA_HEAD.size :], max_output_size=raw_length)
            place = 0
            for _ in range(count):
                ns, connection, tag, length = RECORD_HEAD.unpack_from(raw, place)
                place += RECORD_HEAD.size + length
                if tag not in _TAGS or place > len(raw):
                    raise ValueError(f"tag {tag}, {length} bytes")
                yield ns, connection, tag, raw[place - length : place]
        except (ValueError, zstandard.ZstdError, struct.error) as error:
            raise RecordingError(f"{self.path}: block at byte {at} does not hold records: {error}") from error

    def _check_end(self, file: IO[bytes], body: bytes, seen: int, at: int) -> None:
        try:
            end = msgspec.json.decode(body, type=End)
        except msgspec.MsgspecError as error:
            raise RecordingError(f"{self.path}: the end at byte {at} cannot be read: {error}") from error
        if end.records != seen:
            raise RecordingError(f"{self.path}: {seen} records were read, {end.records} were written")
        if file.read(1):
            raise RecordingError(f"{self.path}: there is more after the end at byte {at}")
