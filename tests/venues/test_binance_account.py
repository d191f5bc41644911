"""Binance's account calls: the exact text of each request, what it costs, and what its answer becomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from oneprice.errors import (
    InvalidRequestError,
    InvalidResponseError,
    NotSupported,
)
from oneprice.model import (
    AssetName,
    ExchangeName,
    MarketKind,
    PositionMode,
    Symbol,
    SymbolInfo,
)
from oneprice.venues.binance import VENUE
from oneprice.venues.kit import (
    ACCOUNT_CAPABILITIES,
    Call,
    Credentials,
    Hosts,
    PrivateMarket,
    Response,
    Ticket,
)

D = Decimal
T_MS = 1_700_000_000_000
T_NS = T_MS * 1_000_000


def account(kind: MarketKind, hosts: Hosts | None = None) -> PrivateMarket:
    made = VENUE.accounts[kind](hosts, Credentials("the-key-of-the-account", "the-secret"))
    made.know([listing(kind), listing(kind, "1000SATSUSDT", "SATS", 1_000)])
    return made


def listing(kind: MarketKind, venue_symbol: str = "BTCUSDT", base: str = "BTC", multiplier: int = 1) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("binance"),
        market=kind,
        symbol=Symbol(AssetName(base), AssetName("USDT"), kind is MarketKind.USDM),
        venue_symbol=venue_symbol,
        tick_size=D("0.01"),
        lot_size=D("0.001"),
        multiplier=D(multiplier),
    )


SPOT, USDM = account(MarketKind.SPOT), account(MarketKind.USDM)
SPOT_BTC, USDM_BTC = listing(MarketKind.SPOT), listing(MarketKind.USDM)
ONE_WAY, DUAL, COUNTDOWN = PositionMode.ONE_WAY, "/fapi/v1/positionSide/dual", "/fapi/v1/countdownCancelAll"
both = pytest.mark.parametrize("ours", [SPOT, USDM], ids=["spot", "usdm"])


def sent(ours: PrivateMarket, call: Call[Any]) -> str:
    """Method, target and body as they go out, without what every signed request has."""
    wire = ours.wire(call.request, T_NS)
    text = f"{wire.method} {wire.target} {wire.body.decode()}".rstrip()
    text = text.partition("&signature=")[0]
    return text.replace(f"timestamp={T_MS}", "T").replace("recvWindow=3000", "R")


def answer(call: Call[Any], body: Any, status: int = 200, **headers: str) -> Any:
    return call.read(Response(status, headers, json.dumps(body).encode()))


def test_calls_of_the_account_as_text() -> None:
    calls: list[tuple[PrivateMarket, Call[Any], str, int]] = [
        (SPOT, SPOT.balances(), "GET /api/v3/account?T&omitZeroBalances=true&R", 20),
        (USDM, USDM.balances(), "GET /fapi/v3/balance?T&R", 5),
        (USDM, USDM.positions(), "GET /fapi/v3/positionRisk?T&R", 5),
        (SPOT, SPOT.fees(SPOT_BTC), "GET /api/v3/account/commission?T&symbol=BTCUSDT&R", 20),
        (USDM, USDM.fees(USDM_BTC), "GET /fapi/v1/commissionRate?T&symbol=BTCUSDT&R", 20),
        (USDM, USDM.leverage(USDM_BTC, 3), "POST /fapi/v1/leverage T&symbol=BTCUSDT&leverage=3&R", 1),
        (USDM, USDM.position_mode(), "GET /fapi/v1/positionSide/dual?T&R", 30),
        (USDM, USDM.set_position_mode(ONE_WAY), f"POST {DUAL} T&dualSidePosition=false&R", 1),
        (USDM, USDM.dead_man(USDM_BTC, 60), f"POST {COUNTDOWN} T&symbol=BTCUSDT&countdownTime=60000&R", 10),
        (SPOT, SPOT.permissions(), "GET /sapi/v1/account/apiRestrictions?T&R", 1),
        (USDM, USDM.networks(AssetName("USDT")), "GET /sapi/v1/capital/config/getall?T&R", 10),
    ]
    for ours, call, text, weight in calls:
        assert sent(ours, call) == text
        assert call.request.weight == weight
        assert call.request.weight <= ours.budgets[call.request.budget].weight_max


def test_wallet_calls_of_perpetuals_go_to_the_spot_host() -> None:
    assert USDM.permissions().request.origin == "https://api.binance.com"
    assert SPOT.permissions().request.origin == ""
    simulated = account(MarketKind.USDM, Hosts("http://127.0.0.1:9", "ws://127.0.0.1:9"))
    assert (simulated.permissions().request.origin, simulated.rest_url) == ("", "http://127.0.0.1:9")


def test_spot_has_nothing_of_perpetuals() -> None:
    asked: list[Callable[[], object]] = [
        SPOT.positions,
        lambda: SPOT.leverage(SPOT_BTC, 2),
        SPOT.position_mode,
        lambda: SPOT.set_position_mode(PositionMode.HEDGE),
        lambda: SPOT.dead_man(SPOT_BTC, 60),
        lambda: USDM.dead_man(None, 60),
    ]
    for call in asked:
        with pytest.raises(NotSupported):
            call()


def test_setting_what_is_set_already_is_no_error() -> None:
    call = USDM.set_position_mode(PositionMode.ONE_WAY)
    assert answer(call, {"code": -4059, "msg": "No need to change position side."}, 400) is None
    with pytest.raises(InvalidRequestError):
        answer(call, {"code": -4067, "msg": "Position side cannot be changed if there exists open orders."}, 400)


def test_assets_that_go_by_the_thousand_are_counted_in_coins() -> None:
    body = {
        "balances": [
            {"asset": "1000SATS", "free": "2.5", "locked": "1"},
            {"asset": "BTC", "free": "0.1", "locked": "0"},
        ]
    }
    sats, btc = answer(SPOT.balances(), body)
    assert (sats.asset, sats.total, sats.free, sats.locked) == ("SATS", 3_500, 2_500, 1_000)
    assert (btc.asset, btc.total) == ("BTC", D("0.1"))
    fresh = VENUE.accounts[MarketKind.SPOT](None, Credentials("key-of-account", "secret"))
    assert answer(fresh.balances(), body)[0].asset == "1000SATS"


def test_names_of_many_coins_count_only_where_a_listing_has_them() -> None:
    ours, kind = VENUE.accounts[MarketKind.SPOT](None, Credentials("key-of-account", "secret")), MarketKind.SPOT
    ours.know([listing(kind, "1MBABYDOGEUSDT", "BABYDOGE", 1_000_000), listing(kind, "1000CATUSDT", "1000CAT")])
    rows = [{"asset": word, "free": "2", "locked": "0"} for word in ("1MBABYDOGE", "1000CAT", "BABYDOGE", "1000X")]
    told = [(balance.asset, balance.total) for balance in answer(ours.balances(), {"balances": rows})]
    assert told == [("BABYDOGE", 2_000_000), ("1000CAT", 2), ("BABYDOGE", 2), ("1000X", 2)]


def test_a_position_in_hedge_mode_is_refused() -> None:
    row = {"symbol": "BTCUSDT", "positionAmt": "-0.5", "positionSide": "BOTH", "entryPrice": "30000", "markPrice": "0"}
    (held,) = answer(USDM.positions(), [row, {**row, "positionAmt": "0.000"}])
    assert (held.quantity, held.entry_price, held.mark_price, held.listing) == (D("-0.5"), 30_000, None, USDM_BTC)
    with pytest.raises(InvalidResponseError, match="hedge mode"):
        answer(USDM.positions(), [{**row, "positionSide": "SHORT"}])


def test_used_budgets_are_read_from_the_headers() -> None:
    headers = {"x-mbx-used-weight-1m": "17", "x-mbx-order-count-10s": "3", "x-mbx-order-count-1d": "200"}
    assert SPOT.used_weight(Response(200, headers, b"")) == {"default": 17, "orders_10s": 3, "orders_1d": 200}
    assert USDM.used_weight(Response(200, {"x-mbx-order-count-1m": "9", "x-mbx-used-weight-1m": "x"}, b"")) == {
        "orders_1m": 9
    }


@both
def test_capabilities_and_budgets_are_complete(ours: PrivateMarket) -> None:
    assert tuple(row.name for row in ours.capabilities) == ACCOUNT_CAPABILITIES
    public = VENUE.markets[ours.kind](None)
    assert ours.budgets["default"] == public.budgets["default"]
    assert ours.venue == public.venue
    assert ours.rest_url == public.rest_url
    assert ours.findable_after_s == 15.0
    assert ours.forgotten_after_s == (90 if ours.kind is MarketKind.SPOT else 3) * 86_400


# ---------------------------------------------------------------------- listen keys


def test_listen_keys_are_asked_for_with_the_key_alone() -> None:
    call = USDM.ticket()
    assert call is not None
    wire = USDM.wire(call.request, T_NS)
    assert (wire.method, wire.target, wire.body) == ("POST", "/fapi/v1/listenKey", b"")
    assert wire.headers == (("X-MBX-APIKEY", "the-key-of-the-account"),)
    told = answer(call, {"listenKey": "pqia91ma19a5s61cv6a8"})
    assert told.value == "pqia91ma19a5s61cv6a8"
    renewal = USDM.renew(told)
    assert renewal is not None
    assert sent(USDM, renewal) == "PUT /fapi/v1/listenKey"
    assert answer(renewal, {}) is None
    with pytest.raises(InvalidRequestError):
        answer(renewal, {"code": -1125, "msg": "This listenKey does not exist."}, 400)
    assert (SPOT.ticket(), SPOT.renew(Ticket("x")), SPOT.renew_every_s, USDM.renew_every_s) == (None, None, 0, 1_500)


@pytest.mark.parametrize("body", [b'{"listenKey":"canary/canary?canary"}', b'{"listenKey":["canary"]}', b'"canary'])
def test_a_listen_key_of_another_form_is_not_repeated(body: bytes) -> None:
    call = USDM.ticket()
    assert call is not None
    with pytest.raises(InvalidResponseError) as caught:
        call.read(Response(200, {}, body))
    assert "canary" not in str(caught.value) + repr(caught.value)
