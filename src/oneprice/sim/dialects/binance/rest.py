"""Binance's REST side of one market: routes, security, weights and their headers.

Errors are `{"code":-nnnn,"msg":"text"}`. A path belongs to a pool, whose weight its requests use up.
"""

from collections.abc import Mapping

from aiohttp import web

from oneprice.sim.accounts import Account, ApiKey
from oneprice.sim.dialects.binance.operations import Call, Handler, Operation, Security, Weight, public
from oneprice.sim.dialects.binance.parameters import MICROS_NS, MILLIS_NS, Parameters
from oneprice.sim.dialects.binance.quotas import OrderCounts, WeightPool, banned
from oneprice.sim.dialects.binance.refusals import OFF_SERVICE, RequestError
from oneprice.sim.dialects.binance.signing import (
    check_encoding,
    check_right,
    check_signature,
    check_window,
    find_key,
    rest_payload,
    sent_parameters,
)
from oneprice.sim.faults import FaultKind
from oneprice.sim.limits import WindowCounter
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer, json_response


class RestPool:
    """One market's routes. `weight_headers` name the headers that tell the weight used."""

    def __init__(
        self,
        server: SimServer,
        listings: Mapping[str, SimListing],
        prefixes: tuple[str, ...],
        weights: WeightPool,
        weight_headers: tuple[str, ...],
        orders: OrderCounts | None = None,
        *,
        has_micros: bool = False,
    ) -> None:
        self._server = server
        self._listings = listings
        self._prefixes = prefixes
        self.weights = weights
        self._weight_headers = weight_headers
        self._orders = orders
        self._has_micros = has_micros

    def get(self, path: str, weight: Weight, handler: Handler, requests: WindowCounter | None = None) -> None:
        """Answer GET `path` for anybody; `requests` limits it besides weight."""
        self.add("GET", path, public(handler, weight), requests)

    def add(self, method: str, path: str, operation: Operation, requests: WindowCounter | None = None) -> None:
        """Answer `method path` with what the operation returns."""

        def answer(request: web.Request) -> web.StreamResponse:
            client = request.remote or "unknown"
            if requests is not None and requests.add(client, 1) > requests.limit:
                return self._refuse(client, self.weights.too_much())
            return self._answer(request, client, operation)

        for prefix in self._prefixes:
            self._server.route(method, prefix + path, answer, changes=operation.changes)

    def fault_answer(self, kind: FaultKind) -> web.Response:
        """The venue's shapes of HTTP 418, 429 and 503."""
        left_s = self._server.faults.left_s(kind)
        if kind is FaultKind.RATE_LIMIT:
            return self._refuse("", self.weights.too_much(), self.weights.limit + 1)
        if kind is FaultKind.BAN:
            return self._refuse("", banned(self._server.now_ms() + left_s * 1_000, left_s))
        if kind is FaultKind.MAINTENANCE:
            return self._refuse("", RequestError(*OFF_SERVICE, status=503))
        text = "Internal error; unable to process your request. Please try again."
        return self._refuse("", RequestError(-1001, text if self._has_micros else "Service Unavailable.", 503))

    # ---- inside ---------------------------------------------------------------------------------------

    def _answer(self, request: web.Request, client: str, operation: Operation) -> web.Response:
        try:
            self.weights.enter(client)
        except RequestError as refused:
            return self._refuse(client, refused)
        cost = 1
        try:
            parameters, query, body = self._read(request)
            cost = operation.cost(parameters)
        except RequestError as refused:
            return self._refuse_charged(client, refused, cost)
        try:
            self.weights.charge(client, cost)
            account, key = self._let_in(request, operation.security, parameters, query, body)
            answer = operation.run(Call(parameters, self._server.now_ns(), account, key))
        except RequestError as refused:
            return self._refuse(client, refused)
        if operation.is_free_if_done:
            self.weights.give_back(client, cost)
        headers = self._headers(client)
        if operation.counts_orders and self._orders is not None and account is not None:
            headers |= self._orders.headers(account.uid)
        return json_response(answer, headers=headers)

    def _read(self, request: web.Request) -> tuple[Parameters, str, str]:
        query = request.raw_path.partition("?")[2]
        body = self._server.body(request).decode("utf-8", "replace") if request.method != "GET" else ""
        micros = self._has_micros and request.headers.get("X-MBX-TIME-UNIT", "").upper().startswith("MICRO")
        values = sent_parameters(query, body)
        return Parameters(values, self._listings, MICROS_NS if micros else MILLIS_NS), query, body

    def _let_in(
        self, request: web.Request, security: Security, parameters: Parameters, query: str, body: str
    ) -> tuple[Account | None, ApiKey | None]:
        if security is Security.NONE:
            return None, None
        account, key = find_key(self._server.accounts, request.headers.get("X-MBX-APIKEY", ""))
        if security.is_signed:
            check_window(parameters.values, self._server.now_ns())
            payload = rest_payload(query, body)
            if self._has_micros:
                check_encoding(payload)
            check_signature(key, payload, parameters.values.get("signature", ""))
            check_right(key, security.value)
        return account, key

    def _refuse_charged(self, client: str, refused: RequestError, cost: int) -> web.Response:
        try:
            self.weights.charge(client, cost)
        except RequestError as tired:
            return self._refuse(client, tired)
        return self._refuse(client, refused)

    def _refuse(self, client: str, refused: RequestError, used: int | None = None) -> web.Response:
        headers = self._headers(client, used)
        if refused.retry_after_s is not None:
            headers["Retry-After"] = str(refused.retry_after_s)
        return json_response(refused.body(), refused.status, headers)

    def _headers(self, client: str, used: int | None = None) -> dict[str, str]:
        text = str(self.weights.used(client) if used is None else used)
        return dict.fromkeys(self._weight_headers, text)
