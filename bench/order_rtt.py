"""What does an order cost from the call to its acknowledgement over loopback: how long, and how much of our CPU?

The venue (`order_venue.py`, another process on another core) answers Binance spot's REST and WS API and does nothing
else. One order at a time, each awaited.

- ours REST, ours websocket: `PrivateExchange.place`, with everything that belongs to it: the listing's rules checked,
  rate limits, signature, answer read exactly, the view of orders kept.
- ours, sending alone: the venue's codec and `live/line.py`: built, signed, sent, the answer read exactly; nothing else.
- floor: a hand-written asyncio client (Protocol, prepared request, HMAC, the answer parsed by `json`), nothing kept.
- aiohttp: the same request by the general HTTP client. ccxt: `create_order` as published.
- signing: what `wire` takes of it, HMAC and encoding together.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp

from oneprice.app import Ports, find_account, find_market, live_ports
from oneprice.exchange import AccountConfig, PrivateExchange
from oneprice.live import run
from oneprice.model import AssetName, ExchangeName, NewOrder, Side, Symbol, SymbolInfo
from oneprice.venues.kit import Budget, Credentials, Hosts, PrivateMarket, Response
from report import arguments, machine, say_conditions, table, verdict, write

VENUE = Path(__file__).parent / "order_venue.py"
KEY, SECRET = "bench-key", "bench-secret"  # of nothing
WARM_UP = 300
CPU_US_MAX, CCXT_RATIO_MIN, SIGN_US_MAX = 60.0, 8.0, 3.0
Place = Callable[[int], Awaitable[object]]


def main() -> int:
    """Run, print, perhaps write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--orders", type=int, default=1_500, help="of each contender in each round")
    parser.add_argument(
        "--busy-poll", action="store_true", help="the loop never sleeps: times only, CPU is all of a core"
    )
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[0]})
    conditions = machine("aiohttp", "ccxt", "httptools", "picows", "uvloop")
    say_conditions(conditions)
    command = [sys.executable, str(VENUE), "--core", str(cores[-1] if len(cores) > 1 else -1)]
    venue = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert venue.stdout is not None
        ports = json.loads(venue.stdout.readline())
        results = run(race(ports, options.rounds, options.orders), busy_poll=options.busy_poll)
    finally:
        venue.terminate()
        venue.wait()
    sign_us = signing_us()
    if options.busy_poll:
        table(
            ("busy polling", "p50 us", "p99 us"),
            [(name, one["p50_us"], one["p99_us"]) for name, one in results.items()],
        )
        write(options.json, {"conditions": conditions, "results": results, "busy_poll": True})
        return 0
    rows = [(name, one["p50_us"], one["p99_us"], one["cpu_us"], one["cpu_us_best"]) for name, one in results.items()]
    table(("", "p50 us", "p99 us", "CPU us/order", "best round"), rows)
    print(f"signing and encoding one order: {sign_us:.2f} us")
    ccxt = results.get("ccxt")
    verdicts = [verdict(f"signing: at most {SIGN_US_MAX:g} us ({sign_us:.2f})", sign_us <= SIGN_US_MAX)]
    for name in ("ours, sending alone", "ours REST"):
        cpu_us = results[name]["cpu_us_best"]
        verdicts.append(verdict(f"{name}: at most {CPU_US_MAX:g} us of CPU ({cpu_us:.1f})", cpu_us <= CPU_US_MAX))
        if ccxt is not None:
            ratio = ccxt["cpu_us_best"] / cpu_us
            told = f"{name}: at least {CCXT_RATIO_MIN:g} times less CPU than ccxt ({ratio:.1f})"
            verdicts.append(verdict(told, ratio >= CCXT_RATIO_MIN))
    write(options.json, {"conditions": conditions, "results": results, "signing_us": sign_us, "verdicts": verdicts})
    return 0


async def race(ports: dict[str, int], rounds: int, orders: int) -> dict[str, dict[str, float]]:
    """Contenders take turns; the median and the best of the rounds."""
    rest, stream = f"http://127.0.0.1:{ports['http']}", f"ws://127.0.0.1:{ports['websocket']}"
    async with AsyncExitStack() as stack:
        contenders: dict[str, Place] = {
            "floor": await floor(stack, ports["http"]),
            "ours, sending alone": await sending(stack, Hosts(rest, stream)),
            "ours REST": await ours(stack, Hosts(rest, stream), "rest"),
            "ours websocket": await ours(stack, Hosts(rest, stream), "websocket"),
            "aiohttp": await general(stack, rest),
        }
        try:
            contenders["ccxt"] = await ccxt_client(stack, rest)
        except ImportError:
            print("ccxt is not here: left out")
        rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in contenders}
        numbers = iter(range(1, 1 << 40))
        for _ in range(rounds):
            for name, place in contenders.items():
                for _ in range(WARM_UP if not rows[name] else 20):
                    await place(next(numbers))
                rows[name].append(await measure(place, [next(numbers) for _ in range(orders)]))
    return {name: summary(told) for name, told in rows.items()}


async def measure(place: Place, numbers: list[int]) -> tuple[float, float, float]:
    """p50, p99 and CPU of one order, in microseconds."""
    took: list[int] = []
    cpu_ns = time.process_time_ns()
    for number in numbers:
        began = time.perf_counter_ns()
        await place(number)
        took.append(time.perf_counter_ns() - began)
    cpu_ns = time.process_time_ns() - cpu_ns
    took.sort()
    return took[len(took) // 2] / 1e3, took[len(took) * 99 // 100] / 1e3, cpu_ns / len(numbers) / 1e3


def summary(rows: list[tuple[float, float, float]]) -> dict[str, float]:
    """Of all rounds."""
    p50, p99, cpu = zip(*rows, strict=True)
    return {
        "p50_us": round(statistics.median(p50), 1),
        "p99_us": round(statistics.median(p99), 1),
        "cpu_us": round(statistics.median(cpu), 1),
        "cpu_us_best": round(min(cpu), 1),
    }


# ---------------------------------------------------------------------- contenders


class Unlimited:
    """A market or an account with rate limits that never bind: this venue has none. They are counted all the same."""

    def __init__(self, limited: Any) -> None:
        for name in dir(limited):
            if not name.startswith("_") and name != "budgets":
                setattr(self, name, getattr(limited, name))
        self.budgets = {name: Budget(1 << 40, one.seconds) for name, one in limited.budgets.items()}


async def ours(stack: AsyncExitStack, hosts: Hosts, path: str) -> Place:
    """`PrivateExchange.place`."""
    ports: Ports = live_ports(1)
    stack.push_async_callback(ports.network.close)
    market: Any = Unlimited(find_market("binance-spot", hosts))
    account: Any = Unlimited(find_account("binance-spot", Credentials(KEY, SECRET), hosts))
    config = AccountConfig(order_path=path)
    exchange = PrivateExchange(market, account, ports.network, ports.clock, ports.chance, config)
    await exchange.open(stream=path == "websocket")
    stack.push_async_callback(exchange.close)
    rules = await exchange.public.rules(Symbol(AssetName("BTC"), AssetName("USDT")))
    if path == "websocket":
        await ready(exchange)
    return lambda number: exchange.place(an_order(rules, number))


async def sending(stack: AsyncExitStack, hosts: Hosts) -> Place:
    """The order path without the account around it."""
    ports: Ports = live_ports(1)
    stack.push_async_callback(ports.network.close)
    account = find_account("binance-spot", Credentials(KEY, SECRET), hosts)
    rules = listing(account)
    account.know([rules])
    line = ports.network.open_line(hosts.rest, connections=1)

    async def place(number: int) -> object:
        call = account.place(an_order(rules, number))
        wire = account.wire(call.request, time.time_ns())
        answer = await line.request(wire.method, wire.target, wire.headers, wire.body, timeout_s=5.0, bytes_max=1 << 20)
        return call.read(Response(answer.status, answer.headers, answer.body))

    return place


async def ready(exchange: PrivateExchange) -> None:
    """Until the order connection is."""
    for _ in range(1_000):
        if exchange.following.entry is not None and exchange.following.entry.is_ready:
            return
        await asyncio.sleep(0.01)
    raise SystemExit("error: the order connection was not ready within 10 s")


def an_order(rules: SymbolInfo, number: int) -> NewOrder:
    """A limit order."""
    return NewOrder(
        listing=rules,
        side=Side.BUY,
        client_order_id=f"bench-{number}",
        quantity=Decimal("0.00125"),
        price=Decimal("61234.56"),
    )


class Bare(asyncio.Protocol):
    """One request at a time, the answer's body by its length."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.buffer = b""
        self.answered: asyncio.Future[bytes]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return
        at = head.index(b"Content-Length:") + 15
        if len(body) >= int(head[at : head.index(b"\r\n", at)]):
            self.buffer = b""
            self.answered.set_result(body)


async def floor(stack: AsyncExitStack, port: int) -> Place:
    """By hand."""
    loop = asyncio.get_running_loop()
    transport, bare = await loop.create_connection(Bare, "127.0.0.1", port)
    stack.callback(transport.close)
    head = f"POST /api/v3/order HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-MBX-APIKEY: {KEY}\r\n".encode()
    prepared = hmac.new(SECRET.encode(), digestmod="sha256")

    async def place(number: int) -> object:
        query = b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.00125&price=61234.56"
        query += b"&newClientOrderId=bench-%d&timestamp=%d" % (number, time.time_ns() // 1_000_000)
        state = prepared.copy()
        state.update(query)
        body = query + b"&signature=" + state.hexdigest().encode()
        bare.answered = loop.create_future()
        transport.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return json.loads(await bare.answered)

    return place


async def general(stack: AsyncExitStack, rest: str) -> Place:
    """aiohttp's client, the same order."""
    session = await stack.enter_async_context(aiohttp.ClientSession())

    async def place(number: int) -> object:
        query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.00125&price=61234.56"
        query += f"&newClientOrderId=bench-{number}&timestamp={time.time_ns() // 1_000_000}"
        signature = hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()
        url = f"{rest}/api/v3/order?{query}&signature={signature}"
        async with session.post(url, headers={"X-MBX-APIKEY": KEY}) as response:
            return json.loads(await response.read())

    return place


async def ccxt_client(stack: AsyncExitStack, rest: str) -> Place:
    """As published, but for the host and its own throttle."""
    import ccxt.async_support as ccxt

    options = {
        "fetchMarkets": {"types": ["spot"]},
        "defaultType": "spot",
        "fetchCurrencies": False,
        "fetchMargins": False,
    }
    client = ccxt.binance({"apiKey": KEY, "secret": SECRET, "enableRateLimit": False, "options": options})
    client.has["fetchCurrencies"] = False
    for name in ("public", "private", "v1"):
        client.urls["api"][name] = client.urls["api"][name].replace("https://api.binance.com", rest)
    stack.push_async_callback(client.close)
    await client.load_markets()
    return lambda number: client.create_order(
        "BTC/USDT", "limit", "buy", 0.00125, 61234.56, {"newClientOrderId": f"bench-{number}"}
    )


def listing(account: PrivateMarket) -> SymbolInfo:
    """The one that is traded."""
    return SymbolInfo(
        venue=ExchangeName(account.venue),
        market=account.kind,
        symbol=Symbol(AssetName("BTC"), AssetName("USDT")),
        venue_symbol="BTCUSDT",
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.00001"),
    )


def signing_us() -> float:
    """One order's `wire`, best of many."""
    account = find_account("binance-spot", Credentials(KEY, SECRET))
    request = account.place(an_order(listing(account), 1)).request
    now_ns, best = time.time_ns(), float("inf")
    for _ in range(200):
        began = time.thread_time_ns()
        for _ in range(100):
            account.wire(request, now_ns)
        best = min(best, (time.thread_time_ns() - began) / 100)
    return best / 1e3


if __name__ == "__main__":
    sys.exit(main())
