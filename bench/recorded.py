"""The Binance recordings of 2024-08-08, where they are present: beside the checkout, or where ONEPRICE_SHARED says."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec

from oneprice.core.describe import Stream
from oneprice.venues.binance.streams import PUBLIC_RAW, SPOT_RAW

FOLDER = "recordings/binance_20240808"
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Recording:
    """One file. Tick and lot are those of the book's grid: spot books held quantities finer than the rules' lot."""

    path: str
    raw: Stream
    symbol: str
    tick: Decimal
    lot: Decimal


RECORDINGS = (
    Recording("spot/btcusdt_20240808.gz", SPOT_RAW, "BTCUSDT", Decimal("0.01"), Decimal("0.00000001")),
    Recording("spot/ethusdt_20240808.gz", SPOT_RAW, "ETHUSDT", Decimal("0.01"), Decimal("0.00000001")),
    Recording("usdm/btcusdt_20240808.gz", PUBLIC_RAW, "BTCUSDT", Decimal("0.1"), Decimal("0.001")),
    Recording("usdm/ethusdt_20240808.gz", PUBLIC_RAW, "ETHUSDT", Decimal("0.01"), Decimal("0.001")),
)


class _Numbered(msgspec.Struct):
    u: int


class _Wrapped(msgspec.Struct):
    data: _Numbered


class _Snapshot(msgspec.Struct):
    lastUpdateId: int  # noqa: N815  # the venue's name


def recordings_folder() -> Path | None:
    """Where the recordings are; None when they are not here."""
    for shared in (os.environ.get("ONEPRICE_SHARED"), ROOT.parent / "shared"):
        if shared and (Path(shared) / FOLDER).is_dir():
            return Path(shared) / FOLDER
    return None


def read(path: Path) -> tuple[bytes, list[bytes], list[bytes]]:
    """The snapshot, the depth frames that follow it, and all best-bid-ask frames."""
    with gzip.open(path) as lines:
        frames = [line.split(b" ", 1)[1].strip() for line in lines]
    snapshot = next(frame for frame in frames if frame.startswith(b'{"lastUpdateId"'))
    last = msgspec.json.decode(snapshot, type=_Snapshot).lastUpdateId
    decoder = msgspec.json.Decoder(_Wrapped)
    depth = [f for f in frames if b'"depthUpdate"' in f and decoder.decode(f).data.u > last]
    return snapshot, depth, [frame for frame in frames if b'@bookTicker"' in frame]
