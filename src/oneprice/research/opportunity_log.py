"""Logs of opportunities that a bot believed in: one row for each, with the bid there and the ask here.

A row is no evidence of a fresh quote: the bot logs what it last knew. So a side counts as quoted anew only
when its own price changes. The bid of the won side was logged in USDT, converted with an official rate of
exchange; no market trades at that rate. What the venue quoted is the bid in won, and that is what is taken
from the row: BTC/KRW is another thing than BTC/USDT.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from pathlib import Path

from oneprice.model import AssetName, MarketKind, Symbol
from oneprice.research.names import OtherMarket, Place
from oneprice.research.stored import Cell, StoredQuotes, cell, read_rows, some, time_ns

COLUMNS = ("timestamp", "coin", "sell_exchange", "buy_exchange", "sell_bid_usdt", "buy_ask_usdt", "krw_usd", "est_qty")

WON = "KRW"
WON_VENUES = ("bithumb", "upbit", "coinone", "korbit")
WON_DECIMALS = Decimal("0.0001")
COIN_STEP = Decimal("1e-8")  # the log has quantities as binary floats


def read_opportunity_log(path: Path, place: Place) -> list[StoredQuotes]:
    """The quotes of all venues in the log; `place` may name any of them. Raises RecordingError."""
    rows = sorted(_rows(path, place.market is MarketKind.USDM), key=lambda row: row[0])
    venues = sorted({row[1] for row in rows})
    if place.venue and rows and place.venue not in venues:
        raise OtherMarket(f"{path} has quotes of {', '.join(venues)}, none of {place.venue}")
    found: dict[str, StoredQuotes] = {}
    known: dict[tuple[str, Symbol], tuple[Decimal, Cell]] = {}
    for ns, venue, symbol, selling, price, quantity in rows:
        before = known.get((venue, symbol))
        if before is None or before[0] != price:
            known[venue, symbol] = before = (price, quantity)
        if venue not in found:
            found[venue] = StoredQuotes(path, venue, place.market)
        sides = (*before, None, None) if selling else (None, None, *before)
        found[venue].add(ns, symbol, *sides)
    return some(found.values(), path)


def _rows(path: Path, futures: bool) -> list[tuple[int, str, Symbol, bool, Decimal, Cell]]:
    """`(time, venue, symbol, whether it is the bid, price, quantity)`, two for each row of the log."""
    found: list[tuple[int, str, Symbol, bool, Decimal, Cell]] = []
    for number, row in read_rows(path, COLUMNS):
        ns = time_ns(path, number, row["timestamp"])
        quantity = cell(path, number, row, "est_qty")
        for side, price_name in (("sell", "sell_bid_usdt"), ("buy", "buy_ask_usdt")):
            venue = row[f"{side}_exchange"].lower()
            price = cell(path, number, row, price_name)
            quote = "USDT"
            if venue in WON_VENUES and price is not None:
                quote, rate = WON, cell(path, number, row, "krw_usd")
                price = None if rate is None else (price * rate).quantize(WON_DECIMALS).normalize()
            if price is not None and quantity is not None:
                quantity = quantity.quantize(COIN_STEP, ROUND_DOWN).normalize()
                symbol = Symbol(AssetName(row["coin"].upper()), AssetName(quote), futures)
                found.append((ns, venue, symbol, side == "sell", price, quantity))
    return found
