"""MEXC's perpetual account by REST: assets, positions, leverage, position mode, fees, funding."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.mexc.futures_book import CROSS, FuturesBook
from oneprice.sim.dialects.mexc.futures_orders import FuturesOrders
from oneprice.sim.dialects.mexc.futures_private import NO_DATA, FuturesPrivate, asked, number, page_of
from oneprice.sim.dialects.mexc.futures_shapes import FuturesShapes
from oneprice.sim.dialects.mexc.listed import contract_symbol, figure
from oneprice.sim.dialects.mexc.refusals import FuturesRefusedError
from oneprice.sim.dialects.mexc.signing import Signed
from oneprice.sim.dialects.mexc.spot_account import fees
from oneprice.sim.dialects.mexc.transfers import Transfer, Transfers
from oneprice.sim.market import SimListing

__all__ = ["FuturesAccount"]

_HEDGE: Final = 1
_ONE_WAY: Final = 2


class _Leverage(msgspec.Struct, rename="camel"):
    leverage: int
    symbol: str = ""
    position_id: int | None = None
    open_type: int | None = None
    position_type: int | None = None


class _Mode(msgspec.Struct, rename="camel"):
    position_mode: int


class FuturesAccount:
    """The handlers over the perpetual desk."""

    def __init__(
        self, desk: TradingDesk, book: FuturesBook, shapes: FuturesShapes, orders: FuturesOrders, transfers: Transfers
    ) -> None:
        self._desk = desk
        self._book = book
        self._shapes = shapes
        self._orders = orders
        self._transfers = transfers

    def register(self, door: FuturesPrivate) -> None:
        """Put the endpoints on the server."""
        door.add("GET", "/account/assets", self._assets)
        door.add("GET", "/account/asset/{currency}", self._asset)
        door.add("GET", "/account/transfer_record", self._transfer_record)
        door.add("GET", "/account/tiered_fee_rate", self._tiered_fees)
        door.add("GET", "/account/tiered_fee_rate/v2", self._tiered_fees)
        door.add("GET", "/account/contract/fee_rate", self._contract_fees)
        door.add("GET", "/account/risk_limit", self._risk_limits)
        door.add("GET", "/position/open_positions", self._open_positions)
        door.add("GET", "/position/list/history_positions", self._closed_positions)
        door.add("GET", "/position/funding_records", self._funding)
        door.add("GET", "/position/leverage", self._leverage)
        door.add("POST", "/position/leverage", self._set_leverage, right="trade")
        door.add("POST", "/position/change_leverage", self._set_leverage, right="trade")
        door.add("GET", "/position/position_mode", lambda signed: _HEDGE if signed.account.hedge_mode else _ONE_WAY)
        door.add("POST", "/position/change_position_mode", self._set_mode, right="trade")

    # ---- assets ---------------------------------------------------------------------------------------

    def _assets(self, signed: Signed) -> object:
        return [self._shapes.asset(signed.account, asset) for asset in self._settled()]

    def _asset(self, signed: Signed) -> object:
        currency = signed.params["currency"]
        if currency not in self._settled():
            raise FuturesRefusedError(1000, "Account does not exist")
        return self._shapes.asset(signed.account, currency)

    def _settled(self) -> list[str]:
        """What perpetuals settle in."""
        return list(dict.fromkeys(listing.instrument.quote for listing in self._desk.market.listings.values()))

    def _transfer_record(self, signed: Signed) -> object:
        """Into the perpetual wallet (IN) and out of it."""
        wanted = {name: signed.params.get(name) for name in ("currency", "type", "state")}
        rows = [
            row
            for item in reversed(self._transfers.made)
            if item.uid == signed.account.uid
            for row in (_transfer_row(item),)
            if all(value in (None, "", row[name]) for name, value in wanted.items())
        ]
        return page_of(signed.params).described(rows)

    # ---- fees and limits ------------------------------------------------------------------------------

    def _tiered_fees(self, signed: Signed) -> object:
        symbol = signed.params.get("symbol")
        maker, taker = fees(signed.account, self._desk, self._orders.listing(symbol) if symbol else None)
        return {
            "level": 0,
            "dealAmount": figure(0, 1),
            "walletBalance": figure(0, 1),
            "makerFee": figure(maker, 8),
            "takerFee": figure(taker, 8),
            "originalMakerFee": figure(maker, 8),
            "originalTakerFee": figure(taker, 8),
            "realMakerFee": figure(maker, 8),
            "realTakerFee": figure(taker, 8),
            "makerFeeDiscount": figure(1, 1),
            "takerFeeDiscount": figure(1, 1),
        }

    def _contract_fees(self, signed: Signed) -> object:
        wanted = signed.params.get("symbol")
        rows = []
        for listing in [self._orders.listing(wanted)] if wanted else self._desk.market.listings.values():
            maker, taker = fees(signed.account, self._desk, listing)
            rates = {"makerFeeRate": figure(maker, 8), "takerFeeRate": figure(taker, 8)}
            rows.append({"symbol": contract_symbol(listing), **rates})
        return rows

    def _risk_limits(self, signed: Signed) -> object:
        wanted = signed.params.get("symbol")
        listings = [self._orders.listing(wanted)] if wanted else list(self._desk.market.listings.values())
        return {contract_symbol(listing): self._tiers(signed, listing) for listing in listings}

    def _tiers(self, signed: Signed, listing: SimListing) -> list[dict[str, object]]:
        leverage = self._desk.leverage(signed.account, listing)
        return [
            {
                "level": 1,
                "maxVol": self._desk.rules.lots_max,
                "mmr": figure(0.004, 6),
                "imr": figure(0.008, 6),
                "positionType": side,
                "openType": CROSS,
                "leverage": leverage,
                "limitBySys": False,
                "currentMmr": figure(0.004, 6),
            }
            for side in (1, 2)
        ]

    # ---- positions ------------------------------------------------------------------------------------

    def _open_positions(self, signed: Signed) -> object:
        symbol = signed.params.get("symbol")
        listing = self._orders.listing(symbol) if symbol else None
        wanted = number(signed.params, "positionId", 0)
        return [
            self._shapes.position(signed.account, record)
            for record in self._book.held(signed.account)
            if listing in (None, record.listing) and wanted in (0, record.position_id)
        ]

    def _closed_positions(self, signed: Signed) -> object:
        symbol = signed.params.get("symbol")
        listing = self._orders.listing(symbol) if symbol else None
        kind = number(signed.params, "type", 0)
        records = [
            record
            for record in reversed(self._book.closed(signed.account))
            if listing in (None, record.listing) and kind in (0, 1 if record.is_long else 2)
        ]
        return [self._shapes.position(signed.account, record) for record in page_of(signed.params).cut(records)]

    def _funding(self, signed: Signed) -> object:
        """Positive amounts were received. The value of the position is told by what its rate came to."""
        symbol = signed.params.get("symbol")
        listing = self._orders.listing(symbol) if symbol else None
        payments = self._desk.funding_payments(signed.account, listing)
        rows: list[object] = []
        for number_, payment in enumerate(payments, start=1):
            worth = abs(payment.amount / payment.rate) if payment.rate else Decimal(0)
            rows.append(
                {
                    "id": number_,
                    "symbol": contract_symbol(self._desk.market.listings[payment.key]),
                    "positionType": 1 if (payment.amount < 0) is (payment.rate > 0) else 2,
                    "positionValue": figure(worth, 8),
                    "funding": figure(payment.amount, 12),
                    "rate": figure(payment.rate, 12),
                    "settleTime": payment.time_ns // 1_000_000,
                }
            )
        return page_of(signed.params).described(rows[::-1])

    # ---- leverage and mode ----------------------------------------------------------------------------

    def _leverage(self, signed: Signed) -> object:
        return self._tiers(signed, self._orders.listing(signed.params.get("symbol", "")))

    def _set_leverage(self, signed: Signed) -> object:
        """By position id, or by symbol with open type and position type."""
        new = asked(signed, _Leverage)
        if new.position_id:
            held = [item for item in self._book.held(signed.account) if item.position_id == new.position_id]
            if not held:
                raise FuturesRefusedError(2009, "Position is not exists or closed.")
            listing = held[0].listing
        else:
            if new.open_type not in (1, 2) or new.position_type not in (1, 2):
                raise FuturesRefusedError(600, "Parameter error! openType, positionType")
            listing = self._orders.listing(new.symbol)
        self._desk.set_leverage(signed.account, listing, new.leverage)
        return NO_DATA

    def _set_mode(self, signed: Signed) -> object:
        mode = asked(signed, _Mode).position_mode
        if mode not in (_HEDGE, _ONE_WAY):
            raise FuturesRefusedError(600, "Parameter error! positionMode")
        self._desk.set_hedge_mode(signed.account, mode == _HEDGE)
        return NO_DATA


def _transfer_row(item: Transfer) -> dict[str, object]:
    return {
        "id": int(item.transfer_id[:12], 16),
        "txid": item.transfer_id,
        "currency": item.asset,
        "amount": figure(item.amount, 8),
        "type": "IN" if item.target == "FUTURES" else "OUT",
        "state": "SUCCESS",
        "createTime": item.at_ms,
        "updateTime": item.at_ms,
    }
