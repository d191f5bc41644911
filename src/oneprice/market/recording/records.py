"""What a recording holds: a header, and records tagged by kind.

A file is `MAGIC` followed by blocks. A block is a head of 16 bytes (`BLOCK_HEAD`: length and kind of the
body, CRC32 of the body, CRC32 of the head so far) and its body. The first block is the header (JSON), the
last one of a file that was closed is the end (JSON); between them are data blocks: `DATA_HEAD` and a zstd
frame with records, each a `RECORD_HEAD` and its payload. All integers are little-endian.
"""

from __future__ import annotations

import struct
from decimal import Decimal
from enum import IntEnum
from typing import Literal

import msgspec

from oneprice.model import MarketKind, SymbolInfo

SCHEMA = 1
SUFFIX = ".oprec"
MAGIC = b"1PRICE\r\n"

BLOCK_HEAD = struct.Struct("<IIII")  # body length, kind, CRC32 of the body, CRC32 of the twelve bytes before
DATA_HEAD = struct.Struct("<qqII")  # first and last time, records, length of the records before compression
RECORD_HEAD = struct.Struct("<qIBI")  # wall time, connection, tag, payload length

BLOCK_BYTES_MAX = 64 << 20
PAYLOAD_BYTES_MAX = 32 << 20


class Block(IntEnum):
    """Kinds of blocks."""

    HEADER = 1
    DATA = 2
    END = 3


class Tag(IntEnum):
    """Kinds of records."""

    FRAME = 1  # a websocket message of text, as received
    BINARY = 2  # a binary websocket message, as received
    REST = 3  # the answer to a REST request: `Rest` as msgpack
    OPENED = 4  # a connection is open; the payload is the venue's kind of connection
    CLOSED = 5  # a connection is gone; the payload is the reason
    LOST = 6  # records that could not be kept; the payload is their number


class Rest(msgspec.Struct, frozen=True):
    """A REST answer, with what was asked: `method`, `path` and `query` as the venue's codec made them."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    status: int
    body: bytes


class RecordedListing(msgspec.Struct, frozen=True, kw_only=True):
    """A listing's rules when the file was begun.

    `tick_size`, `lot_size`: the grid its book was kept on, where that is finer than the rules'. `inferred`:
    the rules are not the venue's, they were concluded from the frames. `sizes_known`: false when the
    contract size is not known, so that quantities cannot be compared with other listings'. `depth`,
    `quotes`: what of it is recorded.
    """

    info: SymbolInfo
    tick_size: Decimal | None = None
    lot_size: Decimal | None = None
    inferred: bool = False
    sizes_known: bool = True
    depth: bool = True
    quotes: bool = True


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first block of a file.

    `dialect`: `venue` for frames as the venue sends them, `quotes` for best bids and asks that another
    program stored (see `oneprice.research.dialect`). `origin`: where an imported recording comes from.
    """

    schema: int = SCHEMA
    venue: str
    market: MarketKind
    started_ns: int
    listings: tuple[RecordedListing, ...]
    dialect: Literal["venue", "quotes"] = "venue"
    origin: str = ""

    @property
    def name(self) -> str:
        """The market's name, `VENUE-MARKET`."""
        return f"{self.venue}-{self.market.value}"


class End(msgspec.Struct, frozen=True):
    """The last block of a file that was closed."""

    records: int
    last_ns: int
