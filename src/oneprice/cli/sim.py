"""`oneprice sim`: serve simulated exchanges in the foreground; ask running ones, and switch their faults."""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from oneprice.errors import ConfigError, NetworkError

CONTROL_TIMEOUT_S = 5.0


@click.group()
def sim() -> None:
    """Simulated exchanges that speak the venues' real wire protocols on 127.0.0.1."""


@sim.command()
@click.argument("venue")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 picks a free one.")
@click.option("--seed", type=int, default=42, show_default=True, help="Same seed and start: same prices.")
@click.option("--instruments", default="", help="BTC/USDT,ETH/USDT; all of them when not given.")
@click.option("--playback", multiple=True, metavar="MARKET:KEY=FILE", help="Feed a listing from a recording.")
@click.option(
    "--tls",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Serve https and wss; writes a test authority and certificates into DIR.",
)
def serve(venue: str, port: int, seed: int, instruments: str, playback: tuple[str, ...], tls: Path | None) -> int:
    """Serve the simulated exchange VENUE until Ctrl-C. Prints one JSON line with its URL when it listens; on stderr
    the API key that it lets in."""
    from oneprice.sim import dialects
    from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET
    from oneprice.sim.serve import main as serve_exchange

    if venue not in dialects.names():
        raise ConfigError(f"no simulated exchange {venue!r}; there are: {', '.join(dialects.names())}")
    arguments = ["--venue", venue, "--port", str(port), "--seed", str(seed), "--instruments", instruments]
    for given in playback:
        arguments += ["--playback", given]
    if tls is not None:
        arguments += _certificates(tls)
    click.echo(f"API key {DEFAULT_KEY}, secret {DEFAULT_SECRET} (they open nothing real); Ctrl-C ends it", err=True)
    return serve_exchange(arguments, name="error")


def _certificates(folder: Path) -> list[str]:
    from oneprice.sim.authority import make_certificates

    try:
        made = make_certificates(folder)
    except ImportError as error:
        raise ConfigError(str(error)) from error
    click.echo(f"clients must trust {made.authority}", err=True)
    return ["--tls-cert", str(made.valid.certificate), "--tls-key", str(made.valid.key)]


_AUTHORITY = click.option(
    "--authority",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Certificate authority to trust, for an https URL.",
)


@sim.command()
@click.argument("url")
@_AUTHORITY
def status(url: str, authority: Path | None) -> None:
    """Connections, streams, faults, accounts and trading of the exchange at URL, as JSON."""
    _show(_control("GET", url, "status", None, authority))


@sim.command()
@click.argument("url")
@_AUTHORITY
def accounts(url: str, authority: Path | None) -> None:
    """Balances, positions and open orders of all accounts of the exchange at URL, as JSON."""
    _show(_control("GET", url, "accounts", None, authority))


@sim.command()
@click.argument("url")
@click.argument("kind")
@click.option("--seconds", type=float, help="How long it lasts.")
@click.option("--count", type=int, help="How often it hits.")
@click.option("--delay-ms", type=int, default=500, show_default=True, help="How late, for faults that delay.")
@click.option("--target", default="", help='Only streams, requests ("POST /path") or instruments whose name holds it.')
@_AUTHORITY
def fault(
    url: str,
    kind: str,
    seconds: float | None,
    count: int | None,
    delay_ms: int,
    target: str,
    authority: Path | None,
) -> None:
    """Switch on a fault of the exchange at URL. KIND is one of

    \b
    connections  drop, refuse, half_open, restart, slow
    streams      freeze, gap, garbage, stale_snapshot, reject_subscribe
    REST         rest_error, rate_limit, ban, maintenance, clock_skew
    commands     lost_request, lost_ack, late_ack, double_ack
    private      lost_report, late_report, double_report, reorder_report
    trading      partial_fill, reject_order, halt

    Without --seconds and --count it hits once, or lasts 5 s where it is a state. docs/simulator.md says what a
    client sees of each.
    """
    from oneprice.sim.faults import FaultKind

    if kind not in list(FaultKind):
        raise ConfigError(f"no fault {kind!r}; there are: {', '.join(FaultKind)}")
    order = {"kind": kind, "seconds": seconds, "count": count, "delay_ms": delay_ms, "target": target}
    wanted = {name: value for name, value in order.items() if value is not None}
    click.echo(_control("POST", url, "fault", json.dumps(wanted), authority))


@sim.command()
@click.argument("url")
@_AUTHORITY
def clear(url: str, authority: Path | None) -> None:
    """End all faults of the exchange at URL."""
    click.echo(_control("POST", url, "clear", "{}", authority))


def _show(answer: str) -> None:
    """One line for programs, indented for people."""
    click.echo(json.dumps(json.loads(answer), indent=2) if sys.stdout.isatty() else answer)


def _control(method: str, url: str, what: str, body: str | None, authority: Path | None) -> str:
    """The answer's JSON. Raises NetworkError when nobody answers, ConfigError when the exchange refuses."""
    parts = urlsplit(url if "//" in url else f"http://{url}")
    connection = _connection(parts.scheme, parts.netloc, authority)
    try:
        connection.request(method, f"/_sim/{what}", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        raise NetworkError(f"no simulated exchange answers at {url}: {error}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise ConfigError(f"{url} refused {what}: HTTP {answer.status}, {text}")
    return text


def _connection(scheme: str, place: str, authority: Path | None) -> http.client.HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context(cafile=authority)
        return http.client.HTTPSConnection(place, timeout=CONTROL_TIMEOUT_S, context=context)
    return http.client.HTTPConnection(place, timeout=CONTROL_TIMEOUT_S)
