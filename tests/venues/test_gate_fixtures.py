"""Every payload of the gate fixtures is read by a test, or named in NOT_READ with the reason; none is forgotten.

Most are read where their subject is tested: READ says in which file. What stands alone is read here.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from oneprice.model import AssetName, ExchangeName, MarketKind, Symbol, SymbolInfo
from oneprice.venues.gate import VENUE
from oneprice.venues.kit import Call, PublicMarket, Response

SPOT, USDM = (VENUE.markets[kind](None) for kind in (MarketKind.SPOT, MarketKind.USDM))

HERE = ("futures_rest_funding_history", "spot_rest_tickers")
READ = {
    "test_gate_errors.py": (
        "spot_rest_error_client_id_not_found",
        "spot_rest_error_invalid_param",
        "spot_rest_error_order_not_found",
        "spot_rest_error_order_too_small",
    ),
    "test_gate_private_fixtures.py": (
        "account_rest_detail",
        "futures_rest_account",
        "futures_rest_order_create",
        "futures_rest_user_trades",
        "futures_ws_balances",
        "futures_ws_orders",
        "futures_ws_usertrades",
        "futures_wsapi_order_place_result",
        "spot_rest_accounts",
        "spot_rest_countdown_cancel_all",
        "spot_rest_fee",
        "spot_rest_my_trades",
        "spot_rest_open_orders",
        "spot_rest_order_create_ack",
        "spot_rest_order_create_full",
        "spot_rest_order_get",
        "spot_ws_balances",
        "spot_ws_orders_put",
        "spot_ws_usertrades",
        "spot_wsapi_error_rate_limit",
        "spot_wsapi_login_request",
        "spot_wsapi_login_response",
        "spot_wsapi_order_cancel_request",
        "spot_wsapi_order_place_ack",
        "spot_wsapi_order_place_result_full",
        "wallet_rest_currency_chains",
    ),
    "test_gate_rest.py": (
        "futures_rest_contract",
        "futures_rest_order_book",
        "spot_rest_currency_pair",
        "spot_rest_klines",
        "spot_rest_order_book",
        "spot_rest_tickers",
        "spot_rest_time",
        "spot_rest_trades",
    ),
    "test_gate_streams.py": (
        "futures_ws_book_ticker",
        "futures_ws_book_ticker_decimal_size",
        "futures_ws_subscribe_ack",
        "futures_ws_tickers",
        "futures_ws_trades",
        "spot_ws_book_ticker",
        "spot_ws_obu_duplicate_subscribe_error",
        "spot_ws_obu_full",
        "spot_ws_obu_increment",
        "spot_ws_obu_subscribe_ack",
        "spot_ws_order_book_update_full",
        "spot_ws_pong",
        "spot_ws_subscribe_ack",
        "spot_ws_subscribe_request_order_book_update",
        "spot_ws_tickers",
        "spot_ws_trades",
    ),
}
SEQUENCES = ("futures_seq_front", "futures_seq_sfp", "spot_seq_hai_eth", "spot_seq_qtum3s")  # in test_gate_streams.py
NOT_READ = {
    "SOURCES": "where the payloads come from",
}


def listing_of(market: PublicMarket, venue_symbol: str) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("gate"),
        market=market.kind,
        symbol=Symbol(AssetName("A"), AssetName("B"), market.kind is MarketKind.USDM),
        venue_symbol=venue_symbol,
        tick_size=Decimal(1),
        lot_size=Decimal(1),
    )


def fixture(shared: Path, name: str) -> tuple[bytes, Any]:
    """As it came, and parsed independently."""
    body = (shared / "fixtures" / "gate" / f"{name}.json").read_bytes()
    return body, json.loads(body, parse_float=Decimal)


def test_every_fixture_is_read_or_named_with_a_reason(shared: Path) -> None:
    here, own, read = Path(__file__).parent, Path(__file__).read_text(encoding="utf-8"), set(HERE)
    assert all(f'fixture(shared, "{name}")' in own for name in HERE)
    for file, names in (*READ.items(), ("test_gate_streams.py", SEQUENCES)):
        text = (here / file).read_text(encoding="utf-8")
        for name in names:
            assert f'"{name}"' in text or f'"{name}.json"' in text, f"{file} does not read {name}"
        read.update(names)
    parts = {f"{name}_{part}" for name in SEQUENCES for part in ("snapshot", "diffs", "expected")}
    read = read - set(SEQUENCES) | parts
    stems = {path.stem for path in (shared / "fixtures" / "gate").iterdir()}
    assert read <= stems
    for stem in sorted(stems - read):
        assert any(fnmatch.fnmatch(stem, pattern) for pattern in NOT_READ), f"{stem} is read by no test"
    for pattern in NOT_READ:
        assert fnmatch.filter(stems, pattern), f"{pattern} names nothing"
        assert not fnmatch.filter(read, pattern), f"{pattern} is read after all"


def test_past_funding(shared: Path, survives_mangling: Callable[[Call[Any], bytes], None]) -> None:
    body, rows = fixture(shared, "futures_rest_funding_history")
    call = USDM.funding_history(listing_of(USDM, "BTC_USDT"), 100)
    for rate, row in zip(call.read(Response(200, {}, body)), rows, strict=True):
        assert (rate.rate, rate.time_ns) == (Decimal(row["r"]), row["t"] * 1_000_000_000)
        assert (rate.next_time_ns, rate.interval_s, rate.mark_price) == (0, None, None)
    survives_mangling(call, body)


def test_best_prices_by_rest(shared: Path, survives_mangling: Callable[[Call[Any], bytes], None]) -> None:
    body, (row,) = fixture(shared, "spot_rest_tickers")
    call = SPOT.quotes([listing_of(SPOT, row["currency_pair"])])
    (quote,) = call.read(Response(200, {}, body))
    assert (quote.bid, quote.ask) == (Decimal(row["highest_bid"]), Decimal(row["lowest_ask"]))
    assert (quote.bid_quantity, quote.ask_quantity) == (None, None)
    assert SPOT.quotes([listing_of(SPOT, "OTHER_USDT")]).read(Response(200, {}, body)) == []
    survives_mangling(call, body)
