"""What Binance's REST answers share: parameters, error bodies, request weights and their headers.

Errors are `{"code":-nnnn,"msg":"text"}`. A pool over its limit answers 429 with Retry-After until the minute
turns; a client that goes on regardless is banned with 418.
"""

from collections.abc import Callable, Mapping

from aiohttp import web

from oneprice.sim.faults import FaultKind
from oneprice.sim.limits import WindowCounter
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer, json_response

Handler = Callable[["Parameters"], object]
Weight = int | Callable[["Parameters"], int]

_REFUSALS_BEFORE_BAN = 20
_BAN_S = 120


class RequestError(Exception):
    """A request the venue refuses: HTTP status, Binance code and text."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


INVALID_SYMBOL = (-1121, "Invalid symbol.")


class Parameters:
    """The query of a request, checked as Binance checks it. Times come out in ms, or µs when asked for."""

    def __init__(self, request: web.Request, listings: Mapping[str, SimListing], micros: bool) -> None:
        self._query = request.query
        self._listings = listings
        self.unit_ns = 1_000 if micros else 1_000_000

    def time(self, ts_ns: int) -> int:
        """A time in the unit the client wants."""
        return ts_ns // self.unit_ns

    def time_of_ms(self, ts_ms: int) -> int:
        """Like `time`, from milliseconds."""
        return ts_ms * 1_000_000 // self.unit_ns

    def __contains__(self, name: str) -> bool:
        return name in self._query

    def text(self, name: str) -> str:
        """A parameter that must be there."""
        value = self._query.get(name, "")
        if not value:
            raise RequestError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def is_false(self, name: str) -> bool:
        """Whether a flag was switched off."""
        return self._query.get(name, "").lower() == "false"

    def whole(self, name: str, default: int | None = None) -> int | None:
        """A whole number of at most 20 digits."""
        value = self._query.get(name)
        if value is None:
            return default
        if not value.isascii() or not value.isdigit() or len(value) > 20:
            raise RequestError(
                -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
            )
        return int(value)

    def limit(self, default: int, maximum: int) -> int:
        """`limit`, rounded down to the maximum."""
        value = self.whole("limit", default)
        assert value is not None
        if value < 1:
            raise RequestError(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(value, maximum)

    def symbol(self) -> tuple[str, SimListing]:
        """The symbol asked for and its listing."""
        name = self.text("symbol")
        listing = self._listings.get(name)
        if listing is None:
            raise RequestError(*INVALID_SYMBOL)
        return name, listing

    def symbols(self) -> tuple[dict[str, SimListing], bool]:
        """The listings meant by `symbol`, `symbols` or neither, and whether the answer is a single object."""
        if "symbol" in self._query and "symbols" in self._query:
            raise RequestError(-1128, "Combination of optional parameters invalid.")
        if "symbol" in self._query:
            name, listing = self.symbol()
            return {name: listing}, True
        if "symbols" not in self._query:
            return dict(self._listings), False
        names = _name_list(self._query["symbols"])
        if any(name not in self._listings for name in names):
            raise RequestError(*INVALID_SYMBOL)
        return {name: self._listings[name] for name in names}, False


def _name_list(text: str) -> list[str]:
    """`["BTCUSDT","ETHUSDT"]`, without spaces, as the venue wants it."""
    if not (text.startswith('["') and text.endswith('"]')) or " " in text:
        raise RequestError(
            -1100,
            "Illegal characters found in parameter 'symbols'; "
            'legal range is \'^\\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\\]$\'.',
        )
    return text[2:-2].split('","')


class RestPool:
    """The REST side of one market: its weight pool and its routes."""

    def __init__(
        self,
        server: SimServer,
        listings: Mapping[str, SimListing],
        prefixes: tuple[str, ...],
        weight_limit: int,
        is_spot: bool,
    ) -> None:
        self._server = server
        self._listings = listings
        self._prefixes = prefixes
        self._is_spot = is_spot
        self._weights = WindowCounter(weight_limit, 60, server.now_ns)
        self._refusals = WindowCounter(_REFUSALS_BEFORE_BAN, 60, server.now_ns)
        self._banned_until_ms: dict[str, int] = {}

    def get(self, path: str, weight: Weight, handler: Handler, requests: WindowCounter | None = None) -> None:
        """Answer GET `path` with the JSON of what the handler returns; `requests` limits it besides weight."""

        def answer(request: web.Request) -> web.StreamResponse:
            if requests is not None and requests.add(request.remote or "unknown", 1) > requests.limit:
                return self._too_much(self._weights.used(request.remote or "unknown"))
            return self._answer(request, weight, handler)

        for prefix in self._prefixes:
            self._server.route("GET", prefix + path, answer)

    def fault_answer(self, kind: FaultKind) -> web.Response:
        """The venue's shapes of HTTP 429 and 503."""
        if kind is FaultKind.RATE_LIMIT:
            return self._too_much(self._weights.limit + 1)
        text = "Internal error; unable to process your request. Please try again."
        return json_response({"code": -1001, "msg": text if self._is_spot else "Service Unavailable."}, 503)

    def _answer(self, request: web.Request, weight: Weight, handler: Handler) -> web.Response:
        client = request.remote or "unknown"
        now_ms = self._server.now_ms()
        if self._banned_until_ms.get(client, 0) > now_ms:
            return self._banned(client, now_ms)
        micros = self._is_spot and request.headers.get("X-MBX-TIME-UNIT", "").upper().startswith("MICRO")
        parameters = Parameters(request, self._listings, micros)
        used = 0
        try:
            cost = weight if isinstance(weight, int) else weight(parameters)
            used = self._weights.add(client, cost)
            if used > self._weights.limit:
                if self._refusals.add(client, 1) > _REFUSALS_BEFORE_BAN:
                    self._banned_until_ms[client] = now_ms + _BAN_S * 1_000
                    return self._banned(client, now_ms)
                return self._too_much(used)
            return json_response(handler(parameters), headers=self._headers(used))
        except RequestError as refused:
            return json_response(
                {"code": refused.code, "msg": refused.message},
                refused.status,
                self._headers(used or self._weights.add(client, 1)),
            )

    def _headers(self, used: int) -> dict[str, str]:
        headers = {"X-MBX-USED-WEIGHT-1M": str(used)}
        if self._is_spot:
            headers["X-MBX-USED-WEIGHT"] = str(used)
        return headers

    def _too_much(self, used: int) -> web.Response:
        body = {
            "code": -1003,
            "msg": f"Too much request weight used; current limit is {self._weights.limit} request weight per "
            "1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.",
        }
        headers = self._headers(used) | {"Retry-After": str(self._weights.retry_after_s())}
        return json_response(body, 429, headers)

    def _banned(self, client: str, now_ms: int) -> web.Response:
        until_ms = self._banned_until_ms[client]
        body = {
            "code": -1003,
            "msg": f"Way too much request weight used; IP banned until {until_ms}. "
            "Please use WebSocket Streams for live updates to avoid bans.",
        }
        return json_response(body, 418, {"Retry-After": str(max(1, (until_ms - now_ms) // 1_000))})
