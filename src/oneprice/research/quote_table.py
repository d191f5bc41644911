"""Tables of best bids and asks: `timestamp,exchange,symbol_base,symbol_quote,bid_price,bid_qty,ask_price,ask_qty`.

Each row is what a collector knew when it stored it, about every half second. Its times are the collector's.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from oneprice.errors import RecordingError
from oneprice.model import AssetName, MarketKind, Symbol
from oneprice.research.names import OtherMarket, Place
from oneprice.research.stored import StoredQuotes, cell, read_rows, some, time_ns

COLUMNS = ("timestamp", "exchange", "symbol_base", "symbol_quote", "bid_price", "bid_qty", "ask_price", "ask_qty")

EXCHANGES = {"GATEIO": "gate"}
"""Venues whose name in such tables is not ours."""

KINDS = {"SPOT": MarketKind.SPOT, "FUTURES": MarketKind.USDM}


def read_quote_table(path: Path, place: Place) -> list[StoredQuotes]:
    """The quotes of the market that `place` names, of all markets where it names none. Raises RecordingError."""
    found: dict[tuple[str, MarketKind], StoredQuotes] = {}
    others: set[str] = set()
    for number, row in read_rows(path, COLUMNS):
        market = _market(path, number, row["exchange"])
        if place.venue and market != (place.venue, place.market):
            others.add(row["exchange"])
            continue
        if market not in found:
            found[market] = StoredQuotes(path, *market)
        symbol = Symbol(
            AssetName(row["symbol_base"].upper()), AssetName(row["symbol_quote"].upper()), market[1] is MarketKind.USDM
        )
        figures = [cell(path, number, row, name) for name in COLUMNS[4:]]
        found[market].add(time_ns(path, number, row["timestamp"]), symbol, *_whole(figures))
    if not found and others:
        raise OtherMarket(f"{path} has quotes of {', '.join(sorted(others))}, none of {place.name}")
    return some(found.values(), path)


def _whole(figures: list[Decimal | None]) -> list[Decimal | None]:
    """A side without price or without quantity is no side."""
    bid, bid_quantity, ask, ask_quantity = figures
    if bid is None or bid_quantity is None:
        bid = bid_quantity = None
    if ask is None or ask_quantity is None:
        ask = ask_quantity = None
    return [bid, bid_quantity, ask, ask_quantity]


def _market(path: Path, number: int, exchange: str) -> tuple[str, MarketKind]:
    name, _, kind = exchange.upper().rpartition("_")
    if not name or kind not in KINDS:
        raise RecordingError(f"{path}, line {number}: exchange {exchange!r} is not NAME_SPOT or NAME_FUTURES")
    return EXCHANGES.get(name, name.lower()), KINDS[kind]
