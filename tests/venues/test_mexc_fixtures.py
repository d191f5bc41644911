"""Every payload of the mexc fixtures is read by a test, or named in NOT_READ with the reason; none is forgotten.

Most are read where their subject is tested: READ says in which file. What stands alone is read here. A frame and
its JSON twin have one name.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from oneprice.model import AssetName, ExchangeName, MarketKind, Symbol, SymbolInfo
from oneprice.venues.kit import Call, Response
from oneprice.venues.mexc import VENUE

SPOT, USDM = (VENUE.markets[kind](None) for kind in (MarketKind.SPOT, MarketKind.USDM))

HERE = ("futures_rest_ticker", "spot_rest_book_ticker_all")
READ = {
    "test_mexc_errors.py": (
        "futures_rest_error_500_maintenance",
        "spot_rest_error_insufficient_10101",
        "spot_rest_error_min_notional_88013",
        "spot_rest_error_signature_700002",
        "spot_rest_error_timestamp_700003",
    ),
    "test_mexc_private_fixtures.py": (
        "futures_rest_account_assets",
        "futures_rest_order_by_external",
        "futures_rest_order_cancel_mixed",
        "futures_rest_order_create_response",
        "futures_rest_order_create_response_2026",
        "futures_rest_positions",
        "futures_ws_push_personal_asset",
        "futures_ws_push_personal_order",
        "futures_ws_push_personal_order_deal",
        "spot_rest_account",
        "spot_rest_api_key_info",
        "spot_rest_batch_orders_mixed_result",
        "spot_rest_capital_config_getall",
        "spot_rest_deposit_hisrec",
        "spot_rest_listen_key_create",
        "spot_rest_my_trades",
        "spot_rest_open_orders",
        "spot_rest_order_cancel",
        "spot_rest_order_new_response",
        "spot_rest_order_new_response_minimal",
        "spot_rest_order_query",
        "spot_rest_order_query_origqty",
        "spot_rest_trade_fee",
        "spot_rest_withdraw_history",
    ),
    "test_mexc_rest.py": (
        "futures_rest_contract_detail_single",
        "futures_rest_funding_rate",
        "futures_rest_ticker",
        "spot_rest_depth_snapshot_doc",
        "spot_rest_exchange_info",
        "spot_rest_klines",
        "spot_rest_server_time",
        "spot_rest_trades",
    ),
    "test_mexc_streams.py": (
        "futures_ws_push_contract",
        "futures_ws_push_deal",
        "futures_ws_push_depth_compressed",
        "futures_ws_push_depth_sequence",
        "futures_ws_push_ticker",
        "futures_ws_sub_depth_ack",
        "spot_ws_pong",
        "spot_ws_private_account_order_placed",
        "spot_ws_private_deals",
        "spot_ws_private_orders_filled",
        "spot_ws_public_aggre_book_ticker",
        "spot_ws_public_aggre_deals",
        "spot_ws_public_aggre_deals_2026_trade_id",
        "spot_ws_public_aggre_depth",
        "spot_ws_public_aggre_depth_btcusdc",
        "spot_ws_public_aggre_depth_empty_body",
        "spot_ws_public_limit_depth",
        "spot_ws_subscribe_ack",
        "spot_ws_subscribe_blocked",
    ),
}
NOT_READ = {
    "SOURCES": "where the payloads come from",
    "spot_rest_default_symbols": "names that the API may trade; listings ask exchangeInfo, which says it too",
}


def listing_of(kind: MarketKind, venue_symbol: str) -> SymbolInfo:
    return SymbolInfo(
        venue=ExchangeName("mexc"),
        market=kind,
        symbol=Symbol(AssetName("A"), AssetName("B"), kind is MarketKind.USDM),
        venue_symbol=venue_symbol,
        tick_size=Decimal(1),
        lot_size=Decimal(1),
    )


def fixture(shared: Path, name: str) -> tuple[bytes, Any]:
    """As it came, and parsed independently."""
    body = (shared / "fixtures" / "mexc" / f"{name}.json").read_bytes()
    return body, json.loads(body, parse_float=Decimal)


def test_every_fixture_is_read_or_named_with_a_reason(shared: Path) -> None:
    here, own, read = Path(__file__).parent, Path(__file__).read_text(encoding="utf-8"), set(HERE)
    assert all(f'fixture(shared, "{name}")' in own for name in HERE)
    for file, names in READ.items():
        text = (here / file).read_text(encoding="utf-8")
        for name in names:
            quoted = (f'"{name}"', *(f'"{name}.{ending}"' for ending in ("json", "jsonl", "pb")))
            assert any(spelt in text for spelt in quoted), f"{file} does not read {name}"
        read.update(names)
    stems = {path.stem for path in (shared / "fixtures" / "mexc").iterdir()}
    assert read <= stems
    for stem in sorted(stems - read):
        assert any(fnmatch.fnmatch(stem, pattern) for pattern in NOT_READ), f"{stem} is read by no test"
    for pattern in NOT_READ:
        assert fnmatch.filter(stems, pattern), f"{pattern} names nothing"
        assert not fnmatch.filter(read, pattern), f"{pattern} is read after all"


def test_best_prices_by_rest(shared: Path, survives_mangling: Callable[[Call[Any], bytes], None]) -> None:
    body, rows = fixture(shared, "spot_rest_book_ticker_all")
    call = SPOT.quotes([listing_of(MarketKind.SPOT, "AEUSDT")])
    for quote, row in zip(call.read(Response(200, {}, body)), rows, strict=True):
        told = tuple(Decimal(row[key]) for key in ("bidPrice", "bidQty", "askPrice", "askQty"))
        assert (quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity) == told
        assert quote.time_ns == 0
    assert SPOT.quotes([listing_of(MarketKind.SPOT, "OTHERUSDT")]).read(Response(200, {}, body)) == []
    survives_mangling(call, body)


def test_best_prices_of_perpetuals_come_without_sizes(shared: Path) -> None:
    _, told = fixture(shared, "futures_rest_ticker")
    exact = msgspec.json.Encoder(decimal_format="number")
    body = exact.encode(told | {"data": [told["data"]]})  # of the whole market it is a list
    (quote,) = USDM.quotes([listing_of(MarketKind.USDM, "BTC_USDT")]).read(Response(200, {}, body))
    assert (quote.bid, quote.ask) == (told["data"]["bid1"], told["data"]["ask1"])
    assert (quote.bid_quantity, quote.ask_quantity) == (None, None)
    assert quote.time_ns == told["data"]["timestamp"] * 1_000_000
