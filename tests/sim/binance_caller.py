"""A client of Binance's private wire written from its documents alone: what it sends is in the test's hands."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import aiohttp

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET
from oneprice.sim.server import SimServer

NOW_NS = 1_795_000_000_000_000_000
LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "60000",
}
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}

Answer = tuple[int, Any, Any]


class Clock:
    """Wall time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_ns = NOW_NS

    def __call__(self) -> int:
        return self.now_ns

    def pass_s(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)


def signed(secret: str, payload: str) -> str:
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


class Caller:
    """Signs and sends. `sent` parameters win over the timestamp that is added."""

    def __init__(
        self, http: aiohttp.ClientSession, server: SimServer, key: str = DEFAULT_KEY, secret: str = DEFAULT_SECRET
    ) -> None:
        self.http = http
        self.server = server
        self.key = key
        self.secret = secret

    async def ask(self, method: str, path: str, **sent: Any) -> Answer:
        """A signed REST request: parameters in the query, or in the body of POST and PUT."""
        payload = urlencode({"timestamp": self.server.now_ms()} | sent)
        payload += f"&signature={signed(self.secret, payload)}"
        in_body = method in ("POST", "PUT")
        return await self.send(method, path if in_body else f"{path}?{payload}", payload if in_body else None)

    async def send(self, method: str, path: str, body: str | None = None, *, key: str | None = None) -> Answer:
        """A request as it is given."""
        headers = {"X-MBX-APIKEY": self.key if key is None else key}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        url = aiohttp.client.URL(self.server.url + path, encoded=True)
        async with self.http.request(method, url, data=body, headers=headers) as response:
            text = await response.text()
            return response.status, json.loads(text) if text.startswith(("{", "[")) else text, response.headers

    async def done(self, method: str, path: str, **sent: Any) -> Any:
        """The answer of a request that succeeds."""
        status, answer, _ = await self.ask(method, path, **sent)
        assert status == 200, answer
        return answer

    async def refused(self, method: str, path: str, **sent: Any) -> tuple[int, int, str]:
        """Status, code and text of a request that does not."""
        status, answer, _ = await self.ask(method, path, **sent)
        assert status >= 400, answer
        return status, answer["code"], answer["msg"]

    def request(self, method: str, request_id: object = 1, **sent: Any) -> dict[str, Any]:
        """A signed request of the WS API."""
        params = {"apiKey": self.key, "timestamp": self.server.now_ms()} | sent
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        return {"id": request_id, "method": method, "params": params | {"signature": signed(self.secret, payload)}}


class Api:
    """One WS API connection. Events that come before an answer are kept in `events`."""

    def __init__(self, caller: Caller, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.caller = caller
        self.socket = socket
        self.events: list[Any] = []

    async def ask(self, method: str, **sent: Any) -> Any:
        """A signed request and its answer."""
        return await self.exchange(self.caller.request(method, **sent))

    async def exchange(self, request: dict[str, Any]) -> Any:
        """A request as it is given, and its answer."""
        await self.socket.send_json(request)
        while "id" not in (frame := await self.socket.receive_json(timeout=5)):
            self.events.append(frame)
        return frame

    async def next_event(self) -> Any:
        """The next event."""
        if self.events:
            return self.events.pop(0)
        return await self.socket.receive_json(timeout=5)
