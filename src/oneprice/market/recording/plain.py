"""The plain line format `<receive ns> <raw frame>`, one frame a line, optionally packed with gzip or zstd."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import zstandard

from oneprice.errors import RecordingError

if TYPE_CHECKING:
    from typing_extensions import Buffer

CHUNK_BYTES = 1 << 20
LINE_BYTES_MAX = 32 << 20
PACKED_BYTES = 64 << 10
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"

Unpacked = gzip.GzipFile | io.BufferedReader


class PlainFile:
    """A file of lines, packed or not.

    `notes` says in words what was unusual, after an iteration has ended. `bytes_read` of `bytes_total`, as
    they are on disk, tell how far it is. Raises RecordingError, which names the file and the line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self.bytes_read = 0
        try:
            self.bytes_total = path.stat().st_size
        except OSError as error:
            raise RecordingError(f"{path} cannot be read: {error.strerror or error}") from error

    def chunks(self) -> Iterator[bytes]:
        """The lines, unpacked, about a megabyte of whole lines at a time; the last one may lack its end."""
        left = b""
        torn = False
        with self._open() as raw, _unpacked(raw) as file:
            while not torn:
                data, torn = self._read(file)
                self.bytes_read = raw.tell()
                if not data:
                    break
                end = data.rfind(b"\n") + 1
                if not end:
                    left += data
                    if len(left) > LINE_BYTES_MAX:
                        raise RecordingError(f"{self.path}: a line is longer than {LINE_BYTES_MAX} bytes")
                    continue
                yield left + data[:end]
                left = data[end:]
        if torn:
            self.notes.append(f"{self.path}: torn tail, the packed file ends in the middle; its last line was left out")
        elif left:
            yield left

    def frames(self) -> Iterator[tuple[int, int, bytes]]:
        """`(line number from 0, receive ns, frame)`. Times never run backwards: a step back is held."""
        latest, number = 0, -1
        for chunk in self.chunks():
            for line in chunk.splitlines():
                number += 1
                try:
                    stamp, frame = line.split(None, 1)
                    ns = int(stamp)
                except ValueError:
                    if not line.strip():
                        continue
                    raise self._bad_line(number, line) from None
                if ns < latest:
                    ns = latest
                latest = ns
                yield number, ns, frame

    # ------------------------------------------------------------------ inside

    def _read(self, file: Unpacked) -> tuple[bytes, bool]:
        """About a chunk, and whether the packed file ends in the middle."""
        parts: list[bytes] = []
        wanted = CHUNK_BYTES
        try:
            while wanted > 0 and (part := file.read1(wanted)):
                parts.append(part)
                wanted -= len(part)
        except EOFError:
            return b"".join(parts), True
        except (zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
            raise RecordingError(f"{self.path} is damaged: {error}") from error
        return b"".join(parts), False

    def _open(self) -> io.BufferedReader:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise RecordingError(f"{self.path} cannot be read: {error.strerror or error}") from error

    def _bad_line(self, number: int, line: bytes) -> RecordingError:
        shown = line[:60].decode("utf-8", "replace")
        return RecordingError(f"{self.path}, line {number + 1}: expected '<receive ns> <frame>', found {shown!r}")


def unpacked_start(path: Path, count: int) -> bytes:
    """The first bytes of a file after unpacking, to recognise it by. Raises RecordingError."""
    try:
        with path.open("rb") as raw, _unpacked(raw) as file:
            return file.read(count)
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise RecordingError(f"{path} cannot be read: {error}") from error


def open_text(path: Path) -> io.TextIOWrapper:
    """A file of text lines, packed or not. Raises RecordingError."""
    try:
        return io.TextIOWrapper(_unpacked(path.open("rb")), encoding="utf-8", newline="")
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error}") from error


def write_plain_line(file: IO[bytes], ns: int, frame: bytes) -> None:
    """Write one frame as a line. Raises RecordingError for a frame that is no single line of text."""
    try:
        text = frame.decode("utf-8")
    except UnicodeDecodeError:
        text = "\n"
    if "\n" in text or "\r" in text or not text.strip():
        raise RecordingError("a frame is binary or has several lines, which the line format cannot hold")
    file.write(b"%d %b\n" % (ns, frame))


class _Zstd(io.RawIOBase):
    """A file packed with zstd. Raises EOFError when it ends in the middle, as gzip does."""

    def __init__(self, raw: io.BufferedReader) -> None:
        self._raw = raw
        self._packed = self._left = b""
        self._frame: zstandard.ZstdDecompressionObj | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Unpacked bytes; what one read brings may be more than fits and is kept."""
        view = memoryview(buffer)
        while not self._left:
            data = self._packed or self._raw.read(PACKED_BYTES)
            if not data:
                if self._frame is not None:
                    raise EOFError("the packed file ends in the middle")
                return 0
            frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
            self._left = frame.decompress(data)
            self._packed = frame.unused_data
            self._frame = None if frame.eof else frame
        count = min(len(view), len(self._left))
        view[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def _unpacked(raw: io.BufferedReader) -> Unpacked:
    magic = raw.read(4)
    raw.seek(0)
    if magic.startswith(_GZIP):
        return gzip.GzipFile(fileobj=raw)
    return io.BufferedReader(_Zstd(raw), PACKED_BYTES) if magic == _ZSTD else raw
