"""How MEXC writes perpetual orders, fills, positions and assets, by REST and in `push.personal` frames alike.

Numbers are JSON numbers, ids are text. The four sides tell opening from closing: 1 opens a long, 2 closes a short, 3
opens a short, 4 closes a long; in one-way mode closing is what reduce-only orders do.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from oneprice.sim import money
from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.mexc.futures_book import FuturesBook, PositionRecord
from oneprice.sim.dialects.mexc.listed import contract_symbol, figure, plain, price, volume
from oneprice.sim.engine import Side, TimeInForce
from oneprice.sim.market import SimListing
from oneprice.sim.orders import EndedBy, OrderState, SimFill, SimOrder

__all__ = ["ONE_WAY", "FuturesShapes", "order_id_text", "order_number"]

ONE_WAY: Final = 2
_IDS_FROM: Final = 700_000_000_000_000_000

_TYPES: Final = {TimeInForce.GTC: 1, TimeInForce.POST_ONLY: 2, TimeInForce.IOC: 3, TimeInForce.FOK: 4}
_MARKET: Final = 5
_STATES: Final = {OrderState.OPEN: 2, OrderState.FILLED: 3}
_ENDED: Final = 4
_ERRORS: Final = {
    EndedBy.REDUCE_ONLY: 4,  # position_not_enough (unverified)
    EndedBy.VENUE: 8,  # sys_cancel
    EndedBy.SELF_TRADE: 8,  # (unverified)
    EndedBy.IOC: 18,
    EndedBy.FOK: 19,
    EndedBy.POST_ONLY: 20,
    EndedBy.NO_LIQUIDITY: 21,
}


def order_id_text(order: SimOrder) -> str:
    """Eighteen digits: too many for a double."""
    return str(_IDS_FROM + order.order_id)


def order_number(text: str) -> int | None:
    """The desk's number of an order id; None when it is none of MEXC's."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    number = int(text) - _IDS_FROM
    return number if number > 0 else None


class FuturesShapes:
    """Writes what the desk and the book know."""

    def __init__(self, desk: TradingDesk, book: FuturesBook) -> None:
        self._desk = desk
        self._book = book

    def order(self, order: SimOrder) -> dict[str, object]:
        """An order. A price of 0 is a market order's."""
        listing, extras = order.listing, self._book.order(order)
        lots = order.filled_lots if order.lots is None else order.lots
        return {
            "orderId": order_id_text(order),
            "symbol": contract_symbol(listing),
            "positionId": extras.position_id,
            "price": price(listing, order.price_ticks or 0),
            "vol": volume(listing, lots),
            "leverage": self._desk.leverage(order.account, listing),
            "side": side_number(order),
            "category": 1,
            "orderType": _MARKET if order.is_market else _TYPES[order.time_in_force],
            "dealAvgPrice": _mean(listing, order.filled_quote, order.filled_lots),
            "dealVol": volume(listing, order.filled_lots),
            "remainVol": volume(listing, lots - order.filled_lots),
            "orderMargin": self._order_margin(order),
            "takerFee": _number(extras.taker_fee),
            "makerFee": _number(extras.maker_fee),
            "profit": _number(extras.profit),
            "feeCurrency": listing.instrument.quote,
            "openType": extras.open_type,
            "state": _STATES.get(order.state, _ENDED),
            "externalOid": order.client_order_id,
            "errorCode": _ERRORS.get(order.ended_by, 0),
            "usedMargin": figure(0, 1),
            "createTime": order.created_ns // 1_000_000,
            "updateTime": order.updated_ns // 1_000_000,
            "positionMode": ONE_WAY,
            "reduceOnly": order.reduce_only,
            "version": order.version,
        }

    def deal(self, fill: SimFill) -> dict[str, object]:
        """A fill."""
        order, listing = fill.order, fill.order.listing
        return {
            "id": str(fill.fill_id),
            "symbol": contract_symbol(listing),
            "side": side_number(order),
            "vol": volume(listing, fill.lots),
            "price": price(listing, fill.price_ticks),
            "feeCurrency": fill.fee_asset,
            "fee": _number(fill.fee),
            "timestamp": fill.ts_ns // 1_000_000,
            "profit": _number(fill.realised),
            "isTaker": not fill.is_maker,
            "taker": not fill.is_maker,
            "category": 1,
            "orderId": order_id_text(order),
            "isSelf": False,
            "opponentUid": 0,
            "externalOid": order.client_order_id,
            "positionMode": ONE_WAY,
            "reduceOnly": order.reduce_only,
        }

    def position(self, account: Account, record: PositionRecord) -> dict[str, object]:
        """A position, open (state 1) or closed (state 3); `realised` has the fees in it."""
        listing, decimals = record.listing, record.listing.price_scale.decimals + 4
        is_open = record.held_lots > 0
        opened, margin = figure(record.open_price, decimals), figure(0, 1)
        if is_open:
            margin = _number(self._desk.position_margin(account, listing))
        return {
            "positionId": record.position_id,
            "symbol": contract_symbol(listing),
            "positionType": 1 if record.is_long else 2,
            "openType": record.open_type,
            "state": 1 if is_open else 3,
            "holdVol": volume(listing, record.held_lots),
            "frozenVol": volume(listing, self._closing_lots(account, record)),
            "closeVol": volume(listing, record.closed_lots),
            "holdAvgPrice": opened,
            "openAvgPrice": opened,
            "closeAvgPrice": _mean(listing, record.closed_worth, record.closed_lots),
            "liquidatePrice": figure(0, 1),
            "oim": margin,
            "im": margin,
            "holdFee": figure(0, 1),
            "realised": _number(money.minus(record.profit, record.fees)),
            "closeProfitLoss": _number(record.profit),
            "fee": _number(record.fees),
            "leverage": self._desk.leverage(account, listing),
            "createTime": record.created_ms,
            "updateTime": record.updated_ms,
            "autoAddIm": False,
            "version": record.version,
            "positionShowStatus": "HOLDING" if is_open else "CLOSED",
        }

    def asset(self, account: Account, asset: str) -> dict[str, object]:
        """An asset of the perpetual wallet."""
        desk = self._desk
        held = [record.listing for record in self._book.held(account) if record.listing.instrument.quote == asset]
        cash = account.balance(desk.wallet, asset).total
        unrealised = money.total([desk.unrealised(account, listing) for listing in held])
        margin = money.total([desk.position_margin(account, listing) for listing in held])
        return {
            "currency": asset,
            "positionMargin": _number(margin),
            "availableBalance": _number(desk.available(account, asset)),
            "cashBalance": _number(cash),
            "frozenBalance": _number(desk.order_margin(account)),
            "equity": _number(money.plus(cash, unrealised)),
            "unrealized": _number(unrealised),
            "bonus": figure(0, 1),
        }

    def _order_margin(self, order: SimOrder) -> msgspec.Raw:
        if order.state is not OrderState.OPEN or order.reduce_only or order.price_ticks is None:
            return figure(0, 1)
        worth = order.listing.quote_amount(order.price_ticks, order.left_lots)
        return figure(worth / self._desk.leverage(order.account, order.listing), 8)

    def _closing_lots(self, account: Account, record: PositionRecord) -> int:
        """What open orders would close of the position."""
        if not record.held_lots:
            return 0
        closing = Side.SELL if record.is_long else Side.BUY
        orders = self._desk.open_orders(account, record.listing)
        wanted = sum(order.left_lots for order in orders if order.reduce_only and order.side is closing)
        return min(wanted, record.held_lots)


def side_number(order: SimOrder) -> int:
    """1 to 4."""
    if order.side is Side.BUY:
        return 2 if order.reduce_only else 1
    return 4 if order.reduce_only else 3


def _mean(listing: SimListing, worth: Decimal, lots: int) -> msgspec.Raw:
    if not lots:
        return figure(0, 1)
    return figure(worth / listing.base_amount(lots), listing.price_scale.decimals + 4)


def _number(value: Decimal) -> msgspec.Raw:
    return msgspec.Raw(plain(value).encode())
