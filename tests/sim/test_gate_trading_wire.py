"""Gate's signed REST as its documents describe it: signatures, refusals, rates, expiry, forgetting, rights."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest
from yarl import URL

from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET, ApiKey
from oneprice.sim.dialects.gate.refusals import RefusedError, futures_refusals, spot_refusals
from oneprice.sim.dialects.gate.signing import login_text, rest_text, subscription_text
from oneprice.sim.engine import Side
from oneprice.sim.faults import FaultKind, FaultOrder
from oneprice.sim.market import SimListing
from oneprice.sim.orders import Reason, Refused
from oneprice.sim.server import SimServer

StartVenue = Callable[..., Awaitable[SimServer]]
SPOT, FUTURES = "/spot/orders", "/futures/usdt/orders"


class Clock:
    """Time that only moves when told to."""

    def __init__(self) -> None:
        self.ns = 1_795_000_000_000_000_000

    def __call__(self) -> int:
        return self.ns

    def pass_s(self, seconds: float) -> None:
        self.ns += int(seconds * 1e9)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def gate(start_venue: StartVenue, clock: Clock) -> SimServer:
    return await start_venue("gate", instruments=("BTC/USDT", "ETH/USDT"), clock=clock, still=True)


def listing(server: SimServer, key: str) -> SimListing:
    return server.markets["futures" if key.endswith(":USDT") else "spot"].listings[key]


class Rest:
    """A raw client that signs by the documents' words."""

    def __init__(self, server: SimServer, http: aiohttp.ClientSession) -> None:
        self.server, self.http = server, http
        self.key, self.secret = DEFAULT_KEY, DEFAULT_SECRET
        self.headers: dict[str, str] = {}

    async def __call__(self, method: str, path: str, query: str = "", body: Any = None, **headers: str) -> Any:
        """The decoded answer; `headers` keeps what came with it."""
        sent = b"" if body is None else msgspec.json.encode(body)
        now_s = str(self.server.now_ms() // 1_000)
        digest = hashlib.sha512(sent).hexdigest()
        text = f"{method}\n/api/v4{path}\n{query}\n{digest}\n{now_s}"
        sign = hmac.new(self.secret.encode(), text.encode(), hashlib.sha512).hexdigest()
        signed = {"KEY": self.key, "Timestamp": now_s, "SIGN": sign, "Content-Type": "application/json"} | headers
        url = URL(f"{self.server.url}/api/v4{path}" + (f"?{query}" if query else ""))
        async with self.http.request(method, url, data=sent, headers=signed) as answer:
            self.headers, self.status = dict(answer.headers), answer.status
            return await answer.json()


@pytest.fixture
def rest(gate: SimServer, http: aiohttp.ClientSession) -> Rest:
    return Rest(gate, http)


def spot(server: SimServer, **more: Any) -> dict[str, Any]:
    """A buy that rests."""
    item = listing(server, "BTC/USDT")
    price = item.price_text(item.top.bid_ticks * 9 // 10)
    return {"currency_pair": "BTC_USDT", "side": "buy", "type": "limit", "amount": "0.01", "price": price} | more


def future(server: SimServer, **more: Any) -> dict[str, Any]:
    """A buy of contracts that rests."""
    item = listing(server, "BTC/USDT:USDT")
    return {"contract": "BTC_USDT", "size": 10, "price": item.price_text(item.top.bid_ticks * 9 // 10)} | more


# ---- signatures ---------------------------------------------------------------------------------------


def sign(text: str) -> str:
    return hmac.new(b"secret", text.encode(), hashlib.sha512).hexdigest()


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        (
            rest_text("GET", "/api/v4/futures/orders", "contract=BTC_USD&status=finished&limit=50", b"", "1541993715"),
            "55f84ea195d6fe57ce62464daaa7c3c02fa9d1dde954e4c898289c9a2407a3d6",
        ),
        (
            rest_text(
                "POST",
                "/api/v4/futures/orders",
                "",
                b'{"contract":"BTC_USD","type":"limit","size":100,"price":6800,"time_in_force":"gtc"}',
                "1541993715",
            ),
            "eae42da914a590ddf727473aff25fc87d50b64783941061f47a3fdb92742541f",
        ),
        (subscription_text("spot.orders", "subscribe", 1541993715), "e9c13b956612d4af11a7fd2025729fe28979b161"),
        (login_text("spot.login", "", "1541993715"), "b1acb13f269de69da0e7bfa0445d67c9515640e6c91bd716a75a4417"),
        (login_text("futures.login", "", "1541993715"), "2085a2b6f0343904fb273d0dd6fbe5c4724286a72284822976925"),
    ],
)
def test_signed_texts_match_the_documents(text: str, begins: str) -> None:
    assert sign(text).startswith(begins)


async def test_what_is_signed_wrong_is_refused(gate: SimServer, rest: Rest, clock: Clock) -> None:
    assert (await rest("GET", "/spot/accounts"))[0]["currency"] == "USDT"
    for header in ("KEY", "SIGN", "Timestamp"):
        answer = await rest("GET", "/spot/accounts", **{header: ""})
        assert (rest.status, answer["label"]) == (401, "MISSING_REQUIRED_HEADER")
    assert (await rest("GET", "/spot/accounts", KEY="nobody"))["label"] == "INVALID_KEY"
    assert (await rest("GET", "/spot/accounts", SIGN="0" * 128))["label"] == "INVALID_SIGNATURE"
    late = str(gate.now_ms() // 1_000 - 61)
    assert (await rest("GET", "/spot/accounts", Timestamp=late))["label"] == "REQUEST_EXPIRED"
    rest.secret = "wrong"
    assert (await rest("POST", SPOT, body=spot(gate)))["label"] == "INVALID_SIGNATURE"
    assert gate.desks["spot"].open_orders(gate.accounts.all()[0]) == []


async def test_the_query_is_signed_as_it_reads_decoded(rest: Rest) -> None:
    fees = await rest("GET", "/spot/batch_fee", "currency_pairs=BTC_USDT,ETH_USDT")
    assert set(fees) == {"BTC_USDT", "ETH_USDT"}


async def test_a_skewed_clock_expires_requests(gate: SimServer, rest: Rest, clock: Clock) -> None:
    skewed = str(clock.ns // 1_000_000_000)
    gate.faults.switch_on(FaultOrder(FaultKind.CLOCK_SKEW, seconds=60, delay_ms=90_000))
    assert (await rest("GET", "/spot/accounts", Timestamp=skewed))["label"] == "REQUEST_EXPIRED"


async def test_rights(gate: SimServer, rest: Rest) -> None:
    gate.accounts.open([ApiKey(key="reader", secret="r", rights=frozenset({"read"}))], {"spot": {"USDT": Decimal(9)}})
    gate.accounts.open([ApiKey(key="blind", secret="b", rights=frozenset())])
    rest.key, rest.secret = "reader", "r"
    assert (await rest("GET", "/spot/accounts"))[0]["available"] == "9"
    assert (await rest("POST", SPOT, body=spot(gate)))["label"] == "READ_ONLY"
    assert (await rest("POST", "/withdrawals", body={}))["label"] == "FORBIDDEN"
    rest.key, rest.secret = "blind", "b"
    assert (await rest("GET", "/spot/accounts"))["label"] == "FORBIDDEN"
    assert rest.status == 403
    gate.accounts.revoke("blind")
    assert (await rest("GET", "/spot/accounts"))["label"] == "INVALID_KEY"


# ---- refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_label(reason: Reason) -> None:
    for words in (spot_refusals, futures_refusals):
        with pytest.raises(RefusedError) as refused, words():
            raise Refused(reason, "why")
        assert refused.value.label.isupper()
        assert refused.value.message
        assert 400 <= refused.value.status < 500


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"price": "50000.123"}, "INVALID_PRECISION"),
        ({"amount": "0.0100000001"}, "INVALID_PRECISION"),
        ({"amount": "0.000001"}, "INVALID_PARAM_VALUE"),
        ({"amount": "0.00001"}, "INVALID_PARAM_VALUE"),
        ({"price": "100", "amount": "1"}, "PRICE_THRESHOLD_EXCEEDED"),
        ({"amount": "500"}, "BALANCE_NOT_ENOUGH"),
        ({"amount": "100000"}, "AMOUNT_TOO_MUCH"),
        ({"amount": "-1"}, "INVALID_PARAM_VALUE"),
        ({"amount": "1e3"}, "INVALID_PARAM_VALUE"),
        ({"amount": None}, "MISSING_REQUIRED_PARAM"),
        ({"price": None}, "MISSING_REQUIRED_PARAM"),
        ({"side": "hold"}, "INVALID_PARAM_VALUE"),
        ({"type": "stop"}, "INVALID_PARAM_VALUE"),
        ({"account": "margin"}, "INVALID_PARAM_VALUE"),
        ({"time_in_force": "day"}, "INVALID_PARAM_VALUE"),
        ({"time_in_force": "fok"}, "FOK_NOT_FILL"),
        ({"currency_pair": "X_Y"}, "INVALID_CURRENCY_PAIR"),
        ({"type": "market", "time_in_force": "gtc"}, "INVALID_PARAM_VALUE"),
        ({"stp_act": "cn"}, "INVALID_PARAM_VALUE"),
        ({"text": "abc"}, "INVALID_PARAM_VALUE"),
        ({"text": "t-"}, "INVALID_PARAM_VALUE"),
        ({"text": "t-" + 29 * "a"}, "INVALID_PARAM_VALUE"),
        ({"text": "t-ä"}, "INVALID_PARAM_VALUE"),
    ],
)
async def test_spot_refusals(gate: SimServer, rest: Rest, change: dict[str, Any], label: str) -> None:
    answer = await rest("POST", SPOT, body=spot(gate, **change))
    assert (rest.status, answer["label"]) == (400, label)
    assert "message" in answer


async def test_refusals_say_what_was_recorded(gate: SimServer, rest: Rest) -> None:
    ask = listing(gate, "BTC/USDT").price_text(listing(gate, "BTC/USDT").top.ask_ticks)
    taking = await rest("POST", SPOT, body=spot(gate, price=ask, time_in_force="poc"))
    assert taking["label"] == "POC_FILL_IMMEDIATELY"
    small = await rest("POST", SPOT, body=spot(gate, amount="0.00001"))
    assert small["message"] == "Your order size is too small. The minimum is 3 USDT"
    wrong = await rest("POST", SPOT, body=spot(gate, text="abc"))
    assert wrong == {"label": "INVALID_PARAM_VALUE", "message": "Invalid parameter `text` with value: abc"}
    unknown = await rest("GET", f"{SPOT}/t-12345678", "currency_pair=BTC_USDT")
    assert unknown == {"label": "CLIENT_ID_NOT_FOUND", "message": "Order with client ID t-12345678 not found"}
    gone = await rest("GET", f"{SPOT}/12345678", "currency_pair=BTC_USDT")
    assert gone == {"label": "ORDER_NOT_FOUND", "message": "Order not found"}
    gate.faults.switch_on(FaultOrder(FaultKind.HALT, seconds=60, target="BTC/USDT"))
    assert (await rest("POST", SPOT, body=spot(gate)))["label"] == "INVALID_CURRENCY_PAIR"
    assert (await rest("POST", FUTURES, body=future(gate)))["label"] == "CONTRACT_IN_DELISTING"


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"price": "50000.123"}, "INVALID_PRECISION"),
        ({"size": "1.5"}, "INVALID_ARGUMENT"),
        ({"size": 0}, "INVALID_ARGUMENT"),
        ({"size": 9_000_000}, "SIZE_TOO_LARGE"),
        ({"size": 900_000}, "INSUFFICIENT_AVAILABLE"),
        ({"price": "100"}, "PRICE_TOO_DEVIATED"),
        ({"tif": "fok"}, "ORDER_FOK"),
        ({"price": "0"}, "INVALID_PARAM_VALUE"),
        ({"contract": "X_USDT"}, "CONTRACT_NOT_FOUND"),
        ({"reduce_only": True}, "POSITION_EMPTY"),
        ({"size": 0, "close": True}, "POSITION_EMPTY"),
        ({"size": 0, "auto_size": "close_long"}, "INVALID_PARAM_VALUE"),
        ({"text": "my-id"}, "INVALID_PARAM_VALUE"),
    ],
)
async def test_futures_refusals(gate: SimServer, rest: Rest, change: dict[str, Any], label: str) -> None:
    answer = await rest("POST", FUTURES, body=future(gate, **change))
    assert (rest.status, answer["label"]) == (400, label)
    assert {"message", "detail"} & set(answer)


async def test_a_perpetual_post_only_order_names_the_detail(gate: SimServer, rest: Rest) -> None:
    item = listing(gate, "BTC/USDT:USDT")
    answer = await rest("POST", FUTURES, body=future(gate, price=item.price_text(item.top.ask_ticks), tif="poc"))
    assert answer["label"] == "ORDER_POC_IMMEDIATE"
    assert "detail" in answer


async def test_reduce_only_must_reduce(gate: SimServer, rest: Rest) -> None:
    await rest("POST", FUTURES, body=future(gate, price="0", tif="ioc"))
    answer = await rest("POST", FUTURES, body=future(gate, reduce_only=True))
    assert answer["label"] == "INCREASE_POSITION"


async def test_bodies_that_are_no_orders(gate: SimServer, rest: Rest) -> None:
    assert (await rest("POST", SPOT, body=[1]))["label"] == "MISSING_REQUIRED_PARAM"
    assert (await rest("POST", SPOT, body="x"))["label"] == "INVALID_REQUEST_BODY"
    assert (await rest("POST", "/spot/batch_orders", body={"a": 1}))["label"] == "INVALID_REQUEST_BODY"
    assert (await rest("GET", "/spot/nonsense"))["label"] == "NOT_FOUND"


# ---- orders ------------------------------------------------------------------------------------------


async def test_a_text_may_come_twice_and_the_later_order_is_found(gate: SimServer, rest: Rest) -> None:
    first = await rest("POST", SPOT, body=spot(gate, text="t-same"))
    assert rest.status == 201
    second = await rest("POST", SPOT, body=spot(gate, text="t-same"))
    assert (await rest("GET", f"{SPOT}/t-same", "currency_pair=BTC_USDT"))["id"] == second["id"] != first["id"]
    await rest("DELETE", f"{SPOT}/t-same", "currency_pair=BTC_USDT")
    assert (await rest("GET", f"{SPOT}/{first['id']}", "currency_pair=BTC_USDT"))["status"] == "open"


async def test_orders_without_text_get_the_venues(gate: SimServer, rest: Rest) -> None:
    assert (await rest("POST", SPOT, body=spot(gate)))["text"] == "apiv4"
    assert (await rest("POST", FUTURES, body=future(gate)))["text"] == "api"


async def test_action_modes(gate: SimServer, rest: Rest) -> None:
    short = await rest("POST", SPOT, body=spot(gate, text="t-1", action_mode="ACK"))
    assert set(short) == {"id", "text", "amend_text"}
    without = await rest("POST", SPOT, body=spot(gate, action_mode="RESULT"))
    full = await rest("POST", SPOT, body=spot(gate, action_mode="FULL"))
    assert set(without) < set(full)
    assert "fee" not in without


@pytest.mark.parametrize(
    ("path", "query", "order", "kept_s"),
    [(SPOT, "currency_pair=BTC_USDT", spot, 60), (FUTURES, "", future, 600)],
)
async def test_cancelled_without_a_fill_is_forgotten(
    gate: SimServer, rest: Rest, clock: Clock, path: str, query: str, order: Any, kept_s: int
) -> None:
    made = await rest("POST", path, body=order(gate, text="t-gone"))
    await rest("DELETE", f"{path}/{made['id']}", query)
    clock.pass_s(kept_s - 1)
    gate.tick(clock.ns)
    assert (await rest("GET", f"{path}/{made['id']}", query))["id"] == made["id"]
    clock.pass_s(2)
    gate.tick(clock.ns)
    assert (await rest("GET", f"{path}/{made['id']}", query))["label"] == "ORDER_NOT_FOUND"
    assert rest.status == 404


async def test_a_text_finds_an_ended_perpetual_order_for_a_minute(gate: SimServer, rest: Rest, clock: Clock) -> None:
    done = await rest("POST", FUTURES, body=future(gate, price="0", tif="ioc", text="t-short"))
    clock.pass_s(59)
    gate.tick(clock.ns)
    assert (await rest("GET", f"{FUTURES}/t-short"))["id"] == done["id"]
    clock.pass_s(2)
    gate.tick(clock.ns)
    assert (await rest("GET", f"{FUTURES}/t-short"))["label"] == "ORDER_NOT_FOUND"
    assert (await rest("GET", f"{FUTURES}/{done['id']}"))["text"] == "t-short"


async def test_an_account_may_have_its_own_fees(gate: SimServer, rest: Rest) -> None:
    account = gate.accounts.all()[0]
    account.taker_fees = {"BTC/USDT": Decimal("0.0004"), "futures": Decimal("0.0003")}
    assert (await rest("GET", "/wallet/fee", "currency_pair=BTC_USDT"))["taker_fee"] == "0.0004"
    assert (await rest("GET", "/wallet/fee"))["taker_fee"] == "0.001"
    done = await rest("POST", FUTURES, body=future(gate, price="0", tif="ioc"))
    assert done["tkfr"] == "0.0003"
    (fill, *_) = await rest("GET", "/futures/usdt/my_trades")
    assert Decimal(fill["fee"]) == Decimal(fill["trade_value"]) * Decimal("0.0003")


async def test_an_ended_order_over_again_is_refused(gate: SimServer, rest: Rest) -> None:
    ask = listing(gate, "BTC/USDT").price_text(listing(gate, "BTC/USDT").top.ask_ticks + 500)
    done = await rest("POST", SPOT, body=spot(gate, price=ask, amount="0.0001"))
    assert (done["status"], done["finish_as"], done["left"]) == ("closed", "filled", "0")
    again = await rest("DELETE", f"{SPOT}/{done['id']}", "currency_pair=BTC_USDT")
    assert again["label"] == "ORDER_CLOSED"
    perpetual = await rest("POST", FUTURES, body=future(gate, price="0", tif="ioc"))
    assert (await rest("DELETE", f"{FUTURES}/{perpetual['id']}"))["label"] == "ORDER_FINISHED"


async def test_a_partly_filled_ioc_order_is_cancelled_with_its_fill(gate: SimServer, rest: Rest) -> None:
    item = listing(gate, "BTC/USDT")
    ticks, lots = item.engine.levels(Side.SELL, 1)[0]
    amount = item.lots_text(lots + 1_000)
    body = spot(gate, price=item.price_text(ticks), amount=amount, time_in_force="ioc")
    done = await rest("POST", SPOT, body=body)
    assert (done["status"], done["finish_as"], done["left"]) == ("cancelled", "ioc", item.lots_text(1_000))
    assert done["filled_amount"] == item.lots_text(lots)
    assert Decimal(done["avg_deal_price"]) == Decimal(item.price_text(ticks))
    assert Decimal(done["fee"]) == Decimal(done["filled_amount"]) / 1_000


async def test_sizes_are_rounded_without_the_header(gate: SimServer, rest: Rest) -> None:
    item = listing(gate, "ETH/USDT:USDT")
    price = item.price_text(item.top.bid_ticks * 9 // 10)
    body = {"contract": "ETH_USDT", "size": "2.5", "price": price}
    made = await rest("POST", FUTURES, body=body, **{"X-Gate-Size-Decimal": "1"})
    assert made["size"] == "2.5"
    assert (await rest("GET", f"{FUTURES}/{made['id']}"))["size"] == 2


async def test_an_order_that_comes_too_late_is_not_placed(gate: SimServer, rest: Rest) -> None:
    past, ahead = str(gate.now_ms() - 1), str(gate.now_ms() + 1_000)
    late = await rest("POST", SPOT, body=spot(gate), **{"x-gate-exptime": past})
    assert late["label"] == "REQUEST_EXPIRED"
    assert (await rest("POST", SPOT, body=spot(gate), **{"x-gate-exptime": ahead}))["status"] == "open"
    assert (await rest("POST", SPOT, body=spot(gate), **{"x-gate-exptime": "soon"}))["label"] == "INVALID_PARAM_VALUE"


async def test_the_dead_mans_switch_falls_unless_set_anew(gate: SimServer, rest: Rest, clock: Clock) -> None:
    made = await rest("POST", SPOT, body=spot(gate))
    armed = await rest("POST", "/spot/countdown_cancel_all", body={"timeout": 5, "currency_pair": "BTC_USDT"})
    assert armed == {"triggerTime": str((clock.ns + 5_000_000_000) // 1_000_000)}
    clock.pass_s(4)
    await rest("POST", "/spot/countdown_cancel_all", body={"timeout": 5, "currency_pair": "BTC_USDT"})
    clock.pass_s(4)
    gate.tick(clock.ns)
    path, query = f"{SPOT}/{made['id']}", "currency_pair=BTC_USDT"
    assert (await rest("GET", path, query))["status"] == "open"
    clock.pass_s(2)
    gate.tick(clock.ns)
    assert (await rest("GET", path, query))["status"] == "cancelled"
    assert (await rest("POST", "/spot/countdown_cancel_all", body={"timeout": 4}))["label"] == "INVALID_PARAM_VALUE"
    assert (await rest("POST", "/spot/countdown_cancel_all", body={"timeout": 0})) == {"triggerTime": "0"}


# ---- rates and faults ---------------------------------------------------------------------------------


async def test_ten_orders_a_second_for_each_market(gate: SimServer, rest: Rest, clock: Clock) -> None:
    left = []
    for _ in range(10):
        assert (await rest("POST", SPOT, body=spot(gate)))["status"] == "open"
        left.append(int(rest.headers["X-Gate-RateLimit-Requests-Remain"]))
    assert left == list(range(9, -1, -1))
    limited = await rest("POST", SPOT, body=spot(gate))
    assert limited == {"label": "TOO_MANY_REQUESTS", "message": "Request Rate limit Exceeded (211)"}
    assert (rest.status, rest.headers["X-Gate-RateLimit-Limit"]) == (429, "10")
    other = listing(gate, "ETH/USDT")
    eth = {"currency_pair": "ETH_USDT", "amount": "0.1", "price": other.price_text(other.top.bid_ticks * 9 // 10)}
    assert (await rest("POST", SPOT, body=spot(gate, **eth)))["status"] == "open"
    assert len(await rest("DELETE", SPOT, "currency_pair=BTC_USDT")) == 10
    clock.pass_s(1)
    assert (await rest("POST", SPOT, body=spot(gate)))["status"] == "open"


async def test_every_signed_answer_carries_a_trace(rest: Rest) -> None:
    await rest("GET", "/account/detail")
    assert int(rest.headers["X-Out-Time"]) >= int(rest.headers["X-In-Time"])
    assert len(rest.headers["X-Gate-Trace-Id"]) == 32


async def test_unavailable_answers(gate: SimServer, rest: Rest) -> None:
    for kind, status, label in (
        (FaultKind.MAINTENANCE, 503, "TOO_BUSY"),
        (FaultKind.BAN, 403, "IP_FORBIDDEN"),
        (FaultKind.REST_ERROR, 503, "SERVER_ERROR"),
        (FaultKind.RATE_LIMIT, 429, "TOO_MANY_REQUESTS"),
    ):
        gate.faults.switch_on(FaultOrder(kind, count=1))
        assert (await rest("POST", SPOT, body=spot(gate)))["label"] == label
        assert rest.status == status


async def test_a_lost_answer_leaves_the_order(gate: SimServer, rest: Rest) -> None:
    gate.faults.switch_on(FaultOrder(FaultKind.LOST_ACK, count=1, target="POST /api/v4/spot/orders"))
    asking = asyncio.create_task(rest("POST", SPOT, body=spot(gate, text="t-lost")))
    while not gate.desks["spot"].open_orders(gate.accounts.all()[0]):  # noqa: ASYNC110 - nobody tells that it arrived
        await asyncio.sleep(0.005)
    assert (await rest("GET", f"{SPOT}/t-lost", "currency_pair=BTC_USDT"))["status"] == "open"
    assert not asking.done()
    asking.cancel()
