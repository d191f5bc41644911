"""MEXC's perpetual orders by REST: placing, cancelling, asking.

Sides tell opening from closing, in one-way mode too. That a cancel succeeded says nothing of each order: every result
has an errorCode of its own.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.mexc.desk_rules import FUTURES_PRICE_BAND
from oneprice.sim.dialects.mexc.futures_book import CROSS, ISOLATED, FuturesBook
from oneprice.sim.dialects.mexc.futures_private import NO_DATA, FuturesPrivate, asked
from oneprice.sim.dialects.mexc.futures_shapes import FuturesShapes, order_id_text, order_number
from oneprice.sim.dialects.mexc.listed import contract_symbol
from oneprice.sim.dialects.mexc.refusals import FuturesRefusedError, futures_refusal
from oneprice.sim.dialects.mexc.signing import Signed
from oneprice.sim.engine import SelfTrade, Side, TimeInForce
from oneprice.sim.market import SimListing
from oneprice.sim.orders import Reason, Refused, SimOrder, Ticket
from oneprice.sim.server import SimServer

__all__ = ["FuturesOrders"]

CANCELS_MAX: Final = 50
BATCH_MAX: Final = 50
OID_BYTES_MAX: Final = 32

_SIDES: Final = {1: (Side.BUY, False), 2: (Side.BUY, True), 3: (Side.SELL, False), 4: (Side.SELL, True)}
_LIMITS: Final = {1: TimeInForce.GTC, 2: TimeInForce.POST_ONLY, 3: TimeInForce.IOC, 4: TimeInForce.FOK}
_MARKETS: Final = (5, 6)
_STP: Final = {0: SelfTrade.NONE, 1: SelfTrade.CANCEL_BOTH, 2: SelfTrade.CANCEL_MAKER, 3: SelfTrade.CANCEL_TAKER}


class _NewOrder(msgspec.Struct, rename="camel"):
    """The body of a new order, as far as the simulation looks at it."""

    symbol: str = ""
    price: Decimal | None = None
    vol: Decimal | None = None
    leverage: int | None = None
    side: int = 0
    type: int = 0
    open_type: int = 0
    external_oid: str | None = None
    position_mode: int | None = None
    reduce_only: bool | None = None
    stp_mode: int | None = None


class _External(msgspec.Struct, rename="camel"):
    symbol: str = ""
    external_oid: str = ""


class _ForSymbol(msgspec.Struct):
    symbol: str | None = None


class FuturesOrders:
    """The handlers over the perpetual desk that place and cancel."""

    def __init__(self, server: SimServer, desk: TradingDesk, book: FuturesBook, shapes: FuturesShapes) -> None:
        self._server = server
        self._desk = desk
        self._book = book
        self._shapes = shapes
        self._listings = {contract_symbol(listing): listing for listing in desk.market.listings.values()}

    def register(self, door: FuturesPrivate) -> None:
        """Put the endpoints on the server."""
        places = {
            "/order/create": self._create,
            "/order/submit": self._submit,
            "/order/submit_batch": self._submit_batch,
            "/order/cancel": self._cancel,
            "/order/cancel_with_external": self._cancel_with_external,
            "/order/batch_cancel_with_external": self._cancel_with_external,
            "/order/cancel_all": self._cancel_all,
            "/position/close_all": self._close_all,
        }
        for path, handler in places.items():
            door.add("POST", path, handler, right="trade", changes=True)

    # ---- placing --------------------------------------------------------------------------------------

    def _create(self, signed: Signed) -> object:
        order = self._place(signed, asked(signed, _NewOrder))
        return {"orderId": order_id_text(order), "ts": self._server.now_ms()}

    def _submit(self, signed: Signed) -> object:
        """The older endpoint: the id alone, as a number."""
        return int(order_id_text(self._place(signed, asked(signed, _NewOrder))))

    def _submit_batch(self, signed: Signed) -> object:
        """An externalOid that an order has already gets that order's id; no second one is placed."""
        wanted = asked(signed, list[_NewOrder]) if signed.body else [asked(signed, _NewOrder)]
        if not 0 < len(wanted) <= BATCH_MAX:
            raise FuturesRefusedError(2014, "The quantity of batch orders exceeds the limit")
        return [self._one_of_batch(signed, new) for new in wanted]

    def _one_of_batch(self, signed: Signed, new: _NewOrder) -> dict[str, object]:
        try:
            order = self._known(signed, new)
            if order is None:
                order = self._place(signed, new)
        except FuturesRefusedError as refusal:
            return {"externalOid": new.external_oid, "errorCode": refusal.code, "errorMsg": refusal.message}
        return {"externalOid": new.external_oid, "orderId": order_id_text(order), "errorCode": 0, "errorMsg": ""}

    def _known(self, signed: Signed, new: _NewOrder) -> SimOrder | None:
        listing = self._listings.get(new.symbol)
        if listing is None or not new.external_oid:
            return None
        try:
            return self._desk.by_client_id(signed.account, listing, new.external_oid)
        except Refused:
            return None  # nobody has that id yet

    def _place(self, signed: Signed, new: _NewOrder) -> SimOrder:
        listing = self.listing(new.symbol)
        ticket = _ticket(new)
        _check_band(listing, ticket)
        account = signed.account
        if new.position_mode not in (None, 0, 1 if account.hedge_mode else 2):
            raise FuturesRefusedError(2022, "Position type error")
        try:
            if new.open_type == ISOLATED and new.leverage is not None:
                self._desk.set_leverage(account, listing, new.leverage)
            self._book.placing(new.open_type)
            return self._desk.place(account, listing, ticket, self._server.now_ns())
        except Refused as refusal:
            raise futures_refusal(refusal, ticket.side) from None
        finally:
            self._book.placing(CROSS)

    def _close_all(self, signed: Signed) -> object:
        """A market order against every position."""
        for record in self._book.held(signed.account):
            side = Side.SELL if record.is_long else Side.BUY
            lots = record.listing.lot_scale.value(record.held_lots)
            ticket = Ticket(side=side, quantity=lots, reduce_only=True)
            self._desk.place(signed.account, record.listing, ticket, self._server.now_ns())
        return []

    # ---- cancelling -----------------------------------------------------------------------------------

    def _cancel(self, signed: Signed) -> object:
        wanted = asked(signed, list[int | str])
        if len(wanted) > CANCELS_MAX:
            raise FuturesRefusedError(2013, "Cancel orders over maximum limit")
        return [self._cancel_one(signed, str(order_id)) for order_id in wanted]

    def _cancel_one(self, signed: Signed, order_id: str) -> dict[str, object]:
        try:
            self._desk.cancel(self.by_id(signed, order_id), self._server.now_ns())
        except Refused as refusal:
            error = futures_refusal(refusal)
            return {"orderId": order_id, "errorCode": error.code, "errorMsg": error.message}
        return {"orderId": order_id, "errorCode": 0, "errorMsg": "success"}

    def _cancel_with_external(self, signed: Signed) -> object:
        """One object, or a list of them (both are documented)."""
        if signed.body.lstrip().startswith(b"["):
            return [self._cancel_external(signed, one) for one in asked(signed, list[_External])]
        return self._cancel_external(signed, asked(signed, _External))

    def _cancel_external(self, signed: Signed, one: _External) -> dict[str, object]:
        code, text = 0, "success"
        try:
            order = self._desk.by_client_id(signed.account, self.listing(one.symbol), one.external_oid)
            self._desk.cancel(order, self._server.now_ns())
        except Refused as refusal:
            error = futures_refusal(refusal)
            code, text = error.code, error.message
        return {"symbol": one.symbol, "externalOid": one.external_oid, "errorCode": code, "errorMsg": text}

    def _cancel_all(self, signed: Signed) -> object:
        symbol = asked(signed, _ForSymbol).symbol
        self._desk.cancel_all(signed.account, self.listing(symbol) if symbol else None, self._server.now_ns())
        return NO_DATA

    # ---- finding --------------------------------------------------------------------------------------

    def listing(self, symbol: str) -> SimListing:
        """Raises FuturesRefusedError for a contract that is not there."""
        listing = self._listings.get(symbol)
        if listing is None:
            raise FuturesRefusedError(1001, "Contract does not exist!")
        return listing

    def by_id(self, signed: Signed, order_id: str) -> SimOrder:
        """Raises Refused(UNKNOWN_ORDER)."""
        wanted = order_number(order_id)
        if wanted is None:
            raise Refused(Reason.UNKNOWN_ORDER)
        return self._desk.order(signed.account, wanted)


def _ticket(new: _NewOrder) -> Ticket:
    """The order as a desk takes it. Raises FuturesRefusedError for fields that make none."""
    sides = _SIDES.get(new.side)
    if sides is None:
        raise FuturesRefusedError(2001, "Order direction error")
    if new.type not in _LIMITS and new.type not in _MARKETS:
        raise FuturesRefusedError(2029, "Order type error")
    if new.open_type not in (ISOLATED, CROSS):
        raise FuturesRefusedError(2002, "Wrong opening type")
    if new.open_type == ISOLATED and new.leverage is None and not sides[1]:
        raise FuturesRefusedError(2006, "Leverage ratio error")
    if len((new.external_oid or "").encode()) > OID_BYTES_MAX:
        raise FuturesRefusedError(2030, "External order ID is too long, max 32 bits")
    if new.vol is None or not new.vol.is_finite() or new.vol <= 0:
        raise FuturesRefusedError(2011, "Order quantity error")
    is_market = new.type in _MARKETS
    if not is_market and (new.price is None or not new.price.is_finite() or new.price <= 0):
        raise FuturesRefusedError(2007, "Order price error")
    mode = _STP.get(new.stp_mode or 0)
    if mode is None:
        raise FuturesRefusedError(600, "Parameter error! stpMode")
    return Ticket(
        side=sides[0],
        quantity=new.vol,
        price=None if is_market else new.price,
        time_in_force=_LIMITS.get(new.type, TimeInForce.IOC),
        client_order_id=new.external_oid or "",
        reduce_only=sides[1] or bool(new.reduce_only),
        self_trade=mode,
    )


def _check_band(listing: SimListing, ticket: Ticket) -> None:
    """Raises FuturesRefusedError for a buy too far above the index price, or a sell too far below."""
    if ticket.price is None:
        return
    index = Decimal(listing.funding().index)
    if ticket.side is Side.BUY and ticket.price > index * (1 + FUTURES_PRICE_BAND):
        raise FuturesRefusedError(2003, "Overpriced to pay")
    if ticket.side is Side.SELL and ticket.price < index * (1 - FUTURES_PRICE_BAND):
        raise FuturesRefusedError(2004, "Low-price for selling")
