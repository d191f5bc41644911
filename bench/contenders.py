"""Who turns a frame into a top: the Rust core, the Python reference, the C floor, ccxt.pro. One interface for all.

A pass feeds all frames of a case once, in batches, and gives nanoseconds of CPU time a frame for each batch, and the
top at the end. CPU time of the thread, so that what a neighbour takes does not count.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol

import msgspec

from oneprice.core.describe import Snapshot, Stream, encode
from oneprice.core.specs import listing_spec

BATCH = 200
FLOOR = Path(__file__).parent / "native" / "floor.c"


@dataclass(frozen=True)
class Case:
    """One listing's frames. `levels`: of all depth frames together."""

    name: str
    market: str
    symbol: str
    stream: Stream
    snapshot_described: Snapshot
    tick: Decimal
    lot: Decimal
    snapshot: bytes
    depth: list[bytes]
    quotes: list[bytes]
    levels: int


class Top(NamedTuple):
    """Best bid and ask in ticks."""

    bid: int
    ask: int


class Pass(NamedTuple):
    """Nanoseconds a frame of each batch, and the top at the end; None where the contender does not tell it."""

    batches_ns: list[float]
    top: Top | None


class Contender(Protocol):
    """`repeats`: how often a round repeats a pass; the best of each batch counts."""

    name: str
    repeats: int

    def depth(self, case: Case) -> Pass: ...

    def quotes(self, case: Case) -> Pass: ...


def timed(frames: Sequence[Any], take: Callable[[Any], object], batch: int = BATCH) -> list[float]:
    """`take` each frame, in batches."""
    clock, taken = time.thread_time_ns, []
    for start in range(0, len(frames), batch):
        portion = frames[start : start + batch]
        began = clock()
        for frame in portion:
            take(frame)
        taken.append((clock() - began) / len(portion))
    return taken


def best_of(passes: Sequence[list[float]]) -> list[float]:
    """The best of each batch."""
    return [min(batch) for batch in zip(*passes, strict=True)]


class HubContender:
    """A core's hub: one `on_frame` call a frame, as the engine makes it. `read_top`: and the top read after each."""

    def __init__(self, name: str, module: str, repeats: int, *, read_top: bool = False) -> None:
        self.name, self.repeats, self._read_top = name, repeats, read_top
        self._make: Callable[[bytes], Any] = importlib.import_module(module).Hub

    def depth(self, case: Case) -> Pass:
        hub, listing, stream = self._hub(case, "depth")
        snapshot = hub.add_snapshot(encode(case.snapshot_described))
        hub.on_snapshot(listing, snapshot, case.snapshot, 1)
        taken = self._feed(hub, listing, stream, case.depth)
        return Pass(taken, _top(hub.top(listing)))

    def quotes(self, case: Case) -> Pass:
        hub, listing, stream = self._hub(case, "quote")
        taken = self._feed(hub, listing, stream, case.quotes)
        return Pass(taken, _top(hub.quote(listing)))

    def _hub(self, case: Case, message: str) -> tuple[Any, int, int]:
        hub = self._make(b"{}")
        spec = listing_spec(case.name, tick_size=case.tick, lot_size=case.lot, group=case.symbol)
        listing = hub.add_listing(msgspec.json.encode(spec))
        stream = hub.add_stream(encode(case.stream))
        hub.bind(stream, message, case.symbol, listing)
        return hub, listing, stream

    def _feed(self, hub: Any, listing: int, stream: int, frames: list[bytes]) -> list[float]:
        on_frame, top = hub.on_frame, hub.top
        clock, taken = time.thread_time_ns, []
        gc.disable()
        for start in range(0, len(frames), BATCH):
            batch = frames[start : start + BATCH]
            if self._read_top:
                began = clock()
                for frame in batch:
                    on_frame(stream, frame, 5)
                    top(listing)
                ended = clock()
            else:
                began = clock()
                for frame in batch:
                    on_frame(stream, frame, 5)
                ended = clock()
            taken.append((ended - began) / len(batch))
        gc.enable()
        return taken


class Floor:
    """A C program with a scanner for this one format and a book indexed by tick, compiled here. Trusts its input."""

    repeats = 1  # of the program; a pass inside it is repeated
    _inner_repeats = 3

    def __init__(self, name: str) -> None:
        self.name = name
        self._folder = tempfile.TemporaryDirectory()
        self._program = Path(self._folder.name) / "floor"
        subprocess.run(["cc", "-O3", "-march=native", "-o", str(self._program), str(FLOOR)], check=True)
        self._told: dict[str, dict[str, Any]] = {}

    def depth(self, case: Case) -> Pass:
        told = self._run(case)
        return Pass(told["depth_ns"], Top(told["bid_ticks"], told["ask_ticks"]))

    def quotes(self, case: Case) -> Pass:
        """Times of the run that `depth` has made just before."""
        return Pass(self._told[case.name]["quote_ns"], None)

    def _run(self, case: Case) -> dict[str, Any]:
        folder = Path(self._folder.name)
        files = [folder / f"{case.name.replace(' ', '_')}.{kind}" for kind in ("depth", "quotes", "snapshot")]
        if not files[0].exists():
            for file, frames in zip(files, (case.depth, case.quotes), strict=False):
                file.write_bytes(b"".join(struct.pack("<I", len(frame)) + frame for frame in frames))
            files[2].write_bytes(case.snapshot)
        decimals = [str(_decimals(case.tick)), str(_decimals(case.lot))]
        figures = [*decimals, str(BATCH), str(self._inner_repeats)]
        answer = subprocess.run([self._program, *files, *figures], check=True, capture_output=True)
        told: dict[str, Any] = json.loads(answer.stdout)
        self._told[case.name] = told
        return told

    def __enter__(self) -> Floor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()


class Ccxt:
    """ccxt.pro's own path of a websocket message: decode, `handle_message`, its book or ticker. Markets are given."""

    repeats = 1

    def __init__(self, name: str) -> None:
        self.name = name

    def depth(self, case: Case) -> Pass:
        return asyncio.run(self._depth(case))

    def quotes(self, case: Case) -> Pass:
        return asyncio.run(self._quotes(case))

    async def _depth(self, case: Case) -> Pass:
        exchange, client, symbol = self._exchange(case)
        snapshot = exchange.parse_order_book(json.loads(case.snapshot), symbol, None, "bids", "asks")
        snapshot["nonce"] = json.loads(case.snapshot)["lastUpdateId"]
        book = exchange.orderbooks[symbol] = exchange.order_book(snapshot)
        taken = timed([frame.decode() for frame in case.depth], client.handle_text_or_binary_message)
        await exchange.close()
        return Pass(taken, self._top(case, book["bids"][0][0], book["asks"][0][0]))

    async def _quotes(self, case: Case) -> Pass:
        exchange, client, symbol = self._exchange(case)
        taken = timed([frame.decode() for frame in case.quotes], client.handle_text_or_binary_message)
        await exchange.close()
        ticker = exchange.bidsasks[symbol]
        return Pass(taken, self._top(case, ticker["bid"], ticker["ask"]))

    def _exchange(self, case: Case) -> tuple[Any, Any, str]:
        import ccxt.pro  # a second and 100 MB, for this contender only

        exchange = ccxt.pro.binance()
        base, quote = case.symbol[:-4], case.symbol[-4:]
        kind = "spot" if case.market == "spot" else "swap"
        symbol = f"{base}/{quote}" if kind == "spot" else f"{base}/{quote}:{quote}"
        rules: dict[str, Any] = {"id": case.symbol, "symbol": symbol, "base": base, "quote": quote, "type": kind}
        rules |= {kind: True, "active": True, "linear": True, "contract": kind == "swap"}
        rules["settle"] = quote if kind == "swap" else None
        exchange.set_markets([exchange.safe_market_structure(rules)])
        path = "stream" if kind == "spot" else "ws"
        return exchange, exchange.client(f"ws://127.0.0.1/{path}"), symbol

    def _top(self, case: Case, bid: float, ask: float) -> Top:
        return Top(*(round(Decimal(str(price)) / case.tick) for price in (bid, ask)))


def _top(told: tuple[int, ...]) -> Top:
    return Top(told[0], told[2])


def _decimals(step: Decimal) -> int:
    exponent = step.as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)
