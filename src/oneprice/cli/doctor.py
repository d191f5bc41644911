"""`oneprice doctor`: is this machine and installation fit? No network is asked."""

from __future__ import annotations

import importlib.util
import itertools
import os
import platform
import resource
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import click
import msgspec

from oneprice import __version__
from oneprice.cli.places import config_path, data_dir
from oneprice.errors import ConfigError
from oneprice.live.loop import loop_factory

FREE_BYTES_MIN = 1 << 30
OPEN_FILES_MIN = 256
CLOCK_STEP_NS_MAX = 1_000_000
MESSAGES = 300
PACKAGES = ("aiohttp", "click", "msgspec", "picows", "platformdirs", "rich", "zstandard")


class Check(msgspec.Struct, frozen=True):
    """One line of the answer. `value` says what was found; `advice` what to do, empty when all is well."""

    name: str
    ok: bool
    value: str
    advice: str = ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option("--busy-poll", is_flag=True, help="Also measure what sleeping costs against busy polling (1 s).")
def doctor(as_json: bool, busy_poll: bool) -> int:
    """Check this machine and installation. Exit code 0 when all is well, 1 when a check failed."""
    checks = [check() for check in CHECKS]
    if busy_poll:
        checks.append(_busy_poll())
    ok = all(check.ok for check in checks)
    if as_json:
        found = {"oneprice": __version__, "ok": ok, "checks": checks}
        click.echo(msgspec.json.encode(found).decode())
    else:
        click.echo(f"oneprice {__version__}")
        for check in checks:
            click.echo(f"  {'ok  ' if check.ok else 'FAIL'}  {check.name:<10} {check.value}")
            if check.advice:
                click.echo(f"                    {check.advice}")
    return 0 if ok else 1


def _python() -> Check:
    ok = sys.version_info >= (3, 11)
    words = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return Check("python", ok, words, "" if ok else "oneprice needs Python 3.11 or newer")


def _packages() -> Check:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        return Check("packages", False, f"missing: {', '.join(missing)}", "install again: make install")
    found = (f"{name} {metadata.version(name)}" for name in ("picows", "aiohttp", "msgspec"))
    return Check("packages", True, ", ".join(found))


def _core() -> Check:
    try:
        from oneprice.core import backend, backend_note
    except ConfigError as error:
        return Check("core", False, str(error), "unset ONEPRICE_CORE, or install again with cargo on the PATH")
    return Check("core", True, f"{backend} ({backend_note})")


def _loop() -> Check:
    name = loop_factory().__module__.partition(".")[0]
    version = f" {metadata.version(name)}" if name != "asyncio" else ""
    return Check("loop", True, f"{name}{version}")


def _clock() -> Check:
    """The smallest step that the monotonic clock really makes, and the cost of asking it."""
    samples = [time.monotonic_ns() for _ in range(10_000)]
    steps = [after - before for before, after in itertools.pairwise(samples) if after > before]
    step_ns = min(steps, default=CLOCK_STEP_NS_MAX + 1)
    cost_ns = (samples[-1] - samples[0]) / len(samples)
    words = f"monotonic, smallest step {step_ns} ns, {cost_ns:.0f} ns a call; offset not asked (no network)"
    ok = step_ns <= CLOCK_STEP_NS_MAX
    return Check("clock", ok, words, "" if ok else "ages of books need steps below 1 ms")


def _data() -> Check:
    """Whether recordings can be written, and how long one small durable write takes."""
    place = data_dir()
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    advice = "set ONEPRICE_DATA_DIR to a folder that can be written"
    if not os.access(there, os.W_OK | os.X_OK) or not there.is_dir():
        return Check("data", False, f"{place} cannot be written", advice)
    words = f"{place}, free {free / 1e9:.0f} GB, sync {_sync_ms(there):.2f} ms p50"
    if free < FREE_BYTES_MIN:
        return Check("data", False, words, "recordings need 1 GB free: make room, or set ONEPRICE_DATA_DIR")
    return Check("data", True, words)


def _sync_ms(folder: Path) -> float:
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(20):
            started = time.perf_counter_ns()
            file.write(bytes(256))
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter_ns() - started)
    return statistics.median(times) / 1e6


def _files() -> Check:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    ok = limit == resource.RLIM_INFINITY or limit >= OPEN_FILES_MIN
    return Check("files", ok, f"{limit} open files allowed", "" if ok else f"ulimit -n {OPEN_FILES_MIN} or more")


def _loopback() -> Check:
    """The demo's exchanges listen on 127.0.0.1."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
            return Check("loopback", True, "127.0.0.1 can be listened on and reached")
    except OSError as error:
        return Check("loopback", False, str(error), "the demo needs sockets on 127.0.0.1")


def _mode() -> Check:
    """What `oneprice run` would do here."""
    path = config_path()
    if path is None:
        return Check("mode", True, "no configuration: `oneprice demo` needs none, `oneprice init` writes one")
    from oneprice.config import load

    try:
        mode = load(path, os.environ).settings.mode
    except ConfigError as error:
        return Check("mode", False, f"{path} is wrong", str(error).splitlines()[-1].strip())
    meant = "your money, with --live and a fresh check" if mode == "live" else "no money moves"
    return Check("mode", True, f"{mode} by {path}: {meant}")


def _busy_poll() -> Check:
    """How late another process's message is seen: by a process that sleeps, and by one that keeps looking."""
    asleep, awake = _latency_us(busy=False), _latency_us(busy=True)
    words = f"a message is seen after {asleep:.0f} us p50 asleep, {awake:.0f} us p50 busy polling"
    if (os.cpu_count() or 1) < 2:
        return Check("busy poll", True, words, "busy polling takes a whole core, and this machine has one")
    return Check("busy poll", True, f"{words}; that takes a whole core")


SENDER = """
import socket, sys, time
sock = socket.socket(fileno=int(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    time.sleep(0.001)
    sock.send(time.monotonic_ns().to_bytes(8, "little"))
"""


def _latency_us(busy: bool) -> float:
    """The median over messages 1 ms apart. The monotonic clock is one for all processes."""
    here, there = socket.socketpair()
    poll = select.poll()
    poll.register(here, select.POLLIN)
    late = []
    with here, there:
        arguments = [sys.executable, "-c", SENDER, str(there.fileno()), str(MESSAGES)]
        with subprocess.Popen(arguments, pass_fds=[there.fileno()]):
            there.close()
            while True:
                while not poll.poll(0 if busy else None):
                    continue
                sent = here.recv(8)
                seen_ns = time.monotonic_ns()
                if not sent:
                    break
                late.append(seen_ns - int.from_bytes(sent, "little"))
    return statistics.median(late) / 1e3


CHECKS: tuple[Callable[[], Check], ...] = (
    _python,
    _packages,
    _core,
    _loop,
    _clock,
    _data,
    _files,
    _loopback,
    _mode,
)
