"""Runs one simulated exchange in a process: `python -m oneprice.sim.serve --venue binance`.

Prints one JSON line when it listens, and stops on SIGTERM, SIGINT or when the parent process is gone.
"""

import argparse
import asyncio
import contextlib
import errno
import os
import signal
import ssl
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

from oneprice.sim import dialects
from oneprice.sim.agents import OrderFlow
from oneprice.sim.market import SimListing, SimMarket
from oneprice.sim.playback import Playback, RecordedFrame, read_recording
from oneprice.sim.server import SimServer

_PARENT_CHECK_S = 0.5


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What one exchange is started with. `t0_ns` 0 means now; `playback` holds (market, listing
    key, recording)."""

    venue: str
    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 42
    t0_ns: int = 0
    instruments: tuple[str, ...] = ()
    playback: tuple[tuple[str, str, Path], ...] = ()
    tls: ssl.SSLContext | None = None
    clock: Callable[[], int] = time.time_ns
    lifetime_s: float | None = None


async def start_exchange(options: ServeOptions) -> SimServer:
    """Build and start one exchange in this event loop; the caller stops it.

    Raises ValueError for an unknown venue, instrument or recording.
    """
    now_ns = options.clock()
    t0_ns = options.t0_ns or now_ns
    markets = dialects.make_markets(options.venue, options.seed, t0_ns, options.instruments or None)
    flows = _playback_flows(options, markets)
    for name, market in markets.items():
        market.start(now_ns, flows.get(name))
    server = SimServer(options.venue, markets, clock=options.clock, tls=options.tls, lifetime_s=options.lifetime_s)
    rules = dialects.desk_rules(options.venue)
    if rules:
        server.open_desks(rules)
    dialects.load(options.venue).build(markets, server)
    await server.start(options.host, options.port)
    return server


def _playback_flows(
    options: ServeOptions, markets: dict[str, SimMarket]
) -> dict[str, dict[str, Callable[[SimListing], OrderFlow]]]:
    flows: dict[str, dict[str, Callable[[SimListing], OrderFlow]]] = {}
    for market, key, path in options.playback:
        if market not in markets or not markets[market].has(key):
            raise ValueError(f"playback names {market}:{key}, which {options.venue} does not have")
        flows.setdefault(market, {})[key] = partial(_playback, read_recording(path))
    return flows


def _playback(frames: Iterator[RecordedFrame], listing: SimListing) -> OrderFlow:
    return Playback(listing, frames)


def main(arguments: Sequence[str] | None = None, *, name: str = "oneprice.sim.serve") -> int:
    """Entry point; returns the exit code. `name` begins the line that says what went wrong."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        options = ServeOptions(
            venue=chosen.venue,
            host=chosen.host,
            port=chosen.port,
            seed=chosen.seed,
            t0_ns=chosen.t0_ns,
            instruments=tuple(part for part in chosen.instruments.split(",") if part),
            playback=tuple(_playback_option(text) for text in chosen.playback),
            tls=_tls(chosen.tls_cert, chosen.tls_key),
            lifetime_s=chosen.lifetime_s,
        )
        _run(serve(options, chosen.with_parent))
    except (ValueError, OSError) as error:
        is_taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = f"port {chosen.port} is in use; give another --port, or 0 for a free one" if is_taken else str(error)
        print(f"{name}: {why}", file=sys.stderr)
        return 2
    return 0


async def serve(options: ServeOptions, parent_pid: int | None = None) -> None:
    """Serve until told to stop or until the parent process is gone."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await start_exchange(options)
    ready = {"venue": options.venue, "pid": os.getpid(), "url": server.url, "ready": True}
    print(msgspec.json.encode(ready).decode(), flush=True)
    try:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _PARENT_CHECK_S)
            if server.is_broken or (parent_pid is not None and os.getppid() != parent_pid):
                break
    finally:
        await server.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="oneprice.sim.serve", description="One simulated exchange.")
    parser.add_argument("--venue", required=True, help=f"one of {', '.join(dialects.names())}")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--t0-ns", type=int, default=0, help="start of the common price path; 0 is now")
    parser.add_argument("--instruments", default="", help="BTC/USDT,ETH/USDT; empty takes the defaults")
    parser.add_argument("--tls-cert", type=Path, default=None)
    parser.add_argument("--tls-key", type=Path, default=None)
    parser.add_argument(
        "--playback",
        action="append",
        default=[],
        metavar="MARKET:KEY=FILE",
        help="feed a listing from a recording, e.g. spot:BTC/USDT=btcusdt.gz (repeatable)",
    )
    parser.add_argument("--lifetime-s", type=float, default=None, help="life of a websocket, mostly 24 h")
    parser.add_argument("--with-parent", type=int, default=None, metavar="PID", help="stop when PID is gone")
    return parser


def _playback_option(text: str) -> tuple[str, str, Path]:
    place, equals, path = text.partition("=")
    market, colon, key = place.partition(":")
    if not (equals and colon and market and key and path):
        raise ValueError(f"--playback wants MARKET:KEY=FILE, got {text!r}")
    return market, key, Path(path)


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ValueError("TLS needs both --tls-cert and --tls-key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _run(main_task: Coroutine[None, None, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(main_task)
        return
    uvloop.run(main_task)


if __name__ == "__main__":
    sys.exit(main())
