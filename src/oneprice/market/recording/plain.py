"""The plain line format `<receive ns> <raw frame>`, one frame a line, optionally packed with gzip or zstd."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import zstandard

from oneprice.errors import RecordingError

CHUNK_BYTES = 1 << 20
LINE_BYTES_MAX = 32 << 20
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


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

    def chunks(self) -> Iterator[list[bytes]]:
        """The lines, unpacked and without their ends, in lists of about a megabyte."""
        left = b""
        torn = False
        with self._open() as raw, _unpacked(raw) as file:
            while True:
                try:
                    data = file.read(CHUNK_BYTES)
                except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
                    if not isinstance(error, EOFError):
                        raise RecordingError(f"{self.path} is damaged: {error}") from error
                    data, torn = b"", True
                self.bytes_read = raw.tell()
                if not data:
                    break
                lines = (left + data).split(b"\n")
                left = lines.pop()
                if len(left) > LINE_BYTES_MAX:
                    raise RecordingError(f"{self.path}: a line is longer than {LINE_BYTES_MAX} bytes")
                yield lines
        if torn:
            self.notes.append(
                f"{self.path}: torn tail, the packed file ends in the middle; its last line was left out"
            )
        elif left:
            yield [left]

    def frames(self) -> Iterator[tuple[int, int, bytes]]:
        """`(line number from 0, receive ns, frame)`. Times never run backwards: a step back is held."""
        latest, number = 0, -1
        for lines in self.chunks():
            for line in lines:
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


def _unpacked(raw: io.BufferedReader) -> gzip.GzipFile | io.BufferedReader:
    magic = raw.read(4)
    raw.seek(0)
    if magic.startswith(_GZIP):
        return gzip.GzipFile(fileobj=raw)
    if magic == _ZSTD:
        reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        return io.BufferedReader(reader)
    return raw
