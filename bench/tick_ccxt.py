"""A ccxt.pro bot as a contender of `tick_to_order.py`, written as its users write one.

Two loops of `watch_order_book`; after each change the best prices are compared net of fees, and both orders leave by
`create_order_ws`, which is the fastest path that ccxt has. No journal, no gates, no account kept.

`python tick_ccxt.py --ports JSON` prints `{"ready": true}` when it has both books and both order connections, and how
many pairs of orders it has sent after a line on stdin.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

import ccxt.pro
import uvloop

SYMBOL, FEE, NET_MIN = "BTC/USDT", 0.001, 0.0001
AMOUNT_MAX = 2_000 / 60_000
READY_WITHIN_S = 20.0


class Bot:
    """Watches both books and trades between them."""

    def __init__(self, ports: Mapping[str, int]) -> None:
        self.clients = {name: _client(name, port) for name, port in ports.items()}
        self.books: dict[str, Any] = {}
        self.is_trading = False
        self.traded = 0
        self.has_both = asyncio.Event()

    async def watch(self, name: str) -> None:
        """For ever."""
        while True:
            self.books[name] = await self.clients[name].watch_order_book(SYMBOL)
            if len(self.books) == 2:
                self.has_both.set()
                if not self.is_trading:
                    await self.consider()

    async def consider(self) -> None:
        """Trade when it is worth it."""
        for buy, sell in (("binance", "gate"), ("gate", "binance")):
            (ask, asked), (bid, wanted) = self.books[buy]["asks"][0][:2], self.books[sell]["bids"][0][:2]
            if bid * (1 - FEE) > ask * (1 + FEE) * (1 + NET_MIN):
                self.is_trading = True
                amount = min(asked, wanted, AMOUNT_MAX)
                try:
                    await asyncio.gather(
                        self.clients[buy].create_order_ws(SYMBOL, "limit", "buy", amount, ask, {"timeInForce": "IOC"}),
                        self.clients[sell].create_order_ws(
                            SYMBOL, "limit", "sell", amount, bid, {"timeInForce": "IOC"}
                        ),
                    )
                finally:
                    self.is_trading = False
                self.traded += 1

    async def trade(self) -> None:
        """Until a line comes."""
        for client in self.clients.values():
            await client.load_markets()
        watching = [asyncio.create_task(self.watch(name)) for name in self.clients]
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await self.has_both.wait()
            for client in self.clients.values():  # the first order opens the order connection
                await client.create_order_ws(SYMBOL, "limit", "buy", 0.001, 61_000.0, {"timeInForce": "IOC"})
            print(json.dumps({"ready": True}), flush=True)
            ended = asyncio.create_task(_line())
            done, _ = await asyncio.wait({ended, *watching}, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            for one in watching:
                one.cancel()
            for client in self.clients.values():
                await client.close()
        print(json.dumps({"answered": self.traded}), flush=True)


def _client(name: str, port: int) -> Any:
    """As published, but for the host and its own throttle."""
    options = {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot", "fetchCurrencies": False}
    keys = {"apiKey": "bench-key", "secret": "bench-secret", "enableRateLimit": False}
    client = getattr(ccxt.pro, name)(keys | {"options": options | {"fetchMargins": False}})
    client.has["fetchCurrencies"] = False
    client.urls["api"] = _pointed(client.urls["api"], f"127.0.0.1:{port}")
    return client


def _pointed(urls: Any, host: str) -> Any:
    """The same addresses on another host, without TLS."""
    if isinstance(urls, dict):
        return {key: _pointed(value, host) for key, value in urls.items()}
    if not isinstance(urls, str) or "://" not in urls:
        return urls
    scheme, _, rest = urls.partition("://")
    _, _, path = rest.partition("/")
    return f"{'ws' if scheme == 'wss' else 'http'}://{host}/{path}"


async def _line() -> None:
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), came.set)
    await came.wait()
    loop.remove_reader(sys.stdin.fileno())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ports", type=json.loads, required=True)
    ports = parser.parse_args().ports

    async def trade() -> None:
        await Bot(ports).trade()

    uvloop.run(trade())


if __name__ == "__main__":
    main()
