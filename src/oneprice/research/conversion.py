"""Recordings from one form to another: into ours, or into lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from oneprice.errors import NotSupported, RecordingError
from oneprice.market.recording import Header, RecordingWriter, Rest, Tag, write_plain_line
from oneprice.research.dialect import Markets
from oneprice.research.sources import Source, market_of

PROGRESS_EVERY = 4096
FRAMES = (int(Tag.FRAME), int(Tag.BINARY))

Progress = Callable[[float], None]


def into_ours(source: Source, folder: Path, on_progress: Progress) -> tuple[int, list[Path]]:
    """Write a source as a recording of ours; gives the number of records and the files. Raises RecordingError."""
    writer = RecordingWriter(folder, source.header)
    count = 0
    for ns, connection, tag, payload in source.records():
        writer.copy(ns, connection, tag, payload)
        count += 1
        _tell(source, count, on_progress)
    writer.close()
    return count, writer.files


def into_lines(
    source: Source, folder: Path, on_progress: Progress, markets: Markets = market_of
) -> tuple[int, list[Path]]:
    """Write a source's frames, and the bodies of its REST books, as lines.

    Raises NotSupported where the lines could not be read back, RecordingError for binary frames.
    """
    header = source.header
    if header.dialect == "quotes":
        raise NotSupported(f"{source.path} holds stored quotes, which are no frames of {header.name}")
    books = _book_requests(header, markets)
    if len(books) > 1:
        raise NotSupported(f"{source.path} holds REST books of {len(books)} listings: lines do not say whose a book is")
    path = _free_path(source, folder)
    count = 0
    try:
        with path.open("xb") as file:
            for ns, _, tag, payload in source.records():
                if tag in FRAMES:
                    write_plain_line(file, ns, payload)
                elif tag == Tag.REST:
                    rest = msgspec.msgpack.decode(payload, type=Rest)
                    if (rest.path, rest.query) in books and rest.status == 200:
                        write_plain_line(file, ns, rest.body)
                count += 1
                _tell(source, count, on_progress)
    except OSError as error:
        raise RecordingError(f"{path} cannot be written: {error.strerror or error}") from error
    return count, [path]


def _book_requests(header: Header, markets: Markets) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    market = markets(header.venue, header.market)
    if market.snapshot() is None:
        return set()
    requests = (market.snapshot_request(listing.info) for listing in header.listings if listing.depth)
    return {(asked.path, asked.query) for asked in requests}


def _free_path(source: Source, folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordingError(f"{folder} cannot be made: {error.strerror or error}") from error
    stem = source.path.name.partition(".")[0]
    path, number = folder / f"{stem}.lines", 1
    while path.exists():
        path, number = folder / f"{stem}-{number}.lines", number + 1
    return path


def _tell(source: Source, count: int, on_progress: Progress) -> None:
    if count % PROGRESS_EVERY == 0:
        on_progress(source.bytes_read / max(1, source.bytes_total))
