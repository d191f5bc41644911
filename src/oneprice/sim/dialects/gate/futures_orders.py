"""Gate's perpetual orders: what a client may ask of them, the same by REST and by websocket."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.gate.caller import Call
from oneprice.sim.dialects.gate.fees import rates_of
from oneprice.sim.dialects.gate.fields import Fields, check_text
from oneprice.sim.dialects.gate.futures_shapes import futures_order
from oneprice.sim.dialects.gate.groups import SelfTradeGroups
from oneprice.sim.dialects.gate.listed import by_name
from oneprice.sim.dialects.gate.refusals import RefusedError, futures_refusals, invalid
from oneprice.sim.dialects.gate.spot_orders import deadline_ns
from oneprice.sim.dialects.gate.spot_shapes import TIMES_IN_FORCE, side_name
from oneprice.sim.engine import Side, TimeInForce
from oneprice.sim.keeping import keep_newest
from oneprice.sim.market import SimListing
from oneprice.sim.orders import OrderState, Refused, SimOrder, Ticket

__all__ = ["FuturesOrders"]

_BATCH_MAX: Final = 10
_CANCELS_MAX: Final = 20
_PAGE_MAX: Final = 1_000
_AMEND_TEXTS_KEPT: Final = 10_000
_SIDES: Final = {"bid": Side.BUY, "ask": Side.SELL, "buy": Side.BUY, "sell": Side.SELL}


class FuturesOrders:
    """Places, finds, lists, amends and cancels. All raise RefusedError in the venue's words."""

    def __init__(self, desk: TradingDesk, groups: SelfTradeGroups) -> None:
        self.desk = desk
        self.listings = by_name(desk.market)
        self._groups = groups
        self._extras: dict[int, dict[str, object]] = {}

    # ---- one order ------------------------------------------------------------------------------------

    def place(self, call: Call, fields: Fields) -> dict[str, object]:
        """A new order; `action_mode` ACK answers with little."""
        order = self._place(call, fields)
        if fields.text("action_mode") == "ACK":
            return {"id": order.order_id, "text": order.client_order_id, "amend_text": "-"}
        return self.shape(call, order)

    def find(self, call: Call, fields: Fields) -> dict[str, object]:
        """`order_id`: a number, or a text."""
        return self.shape(call, self._find(call.account, fields.needed("order_id")))

    def cancel(self, call: Call, fields: Fields) -> dict[str, object]:
        """The order as it ended."""
        order = self._find(call.account, fields.needed("order_id"))
        with futures_refusals(order.listing):
            self.desk.cancel(order, call.now_ns)
        return self.shape(call, order)

    def amend(self, call: Call, fields: Fields) -> dict[str, object]:
        """A new price, a new size (the whole of it, signed, with what is filled), or both."""
        order = self._find(call.account, fields.text("order_id") or fields.needed("text"))
        price, size = fields.positive("price"), fields.decimal("size")
        if price is None and size is None:
            raise RefusedError("NO_CHANGE", "No change is made")
        if size is not None and (size > 0) != (order.side is Side.BUY):
            raise invalid("size", fields.text("size"))
        with futures_refusals(order.listing):
            self.desk.amend(order, call.now_ns, price, None if size is None else abs(size))
        if text := fields.text("amend_text"):
            self._remember(order, {"amend_text": text})
        return self.shape(call, order)

    # ---- many -----------------------------------------------------------------------------------------

    def place_batch(self, call: Call) -> list[dict[str, object]]:
        """Each on its own: what is refused stands between the others with its label."""
        return self._each(call, _BATCH_MAX, lambda fields: self.shape(call, self._place(call, fields)))

    def amend_batch(self, call: Call) -> list[dict[str, object]]:
        """Like `amend` for several."""
        return self._each(call, _BATCH_MAX, lambda fields: self.amend(call, fields))

    def _each(self, call: Call, most: int, change: Callable[[Fields], dict[str, object]]) -> list[dict[str, object]]:
        wanted = [Fields(item) for item in call.rows()]
        if not 0 < len(wanted) <= most:
            raise RefusedError("TOO_MANY_ORDERS", f"1 to {most} orders are allowed")
        answers: list[dict[str, object]] = []
        for fields in wanted:
            try:
                answers.append({"succeeded": True} | change(fields))
            except RefusedError as refusal:
                failed: dict[str, object] = {"succeeded": False, "label": refusal.label, "detail": refusal.message}
                answers.append(failed | ({"text": fields.text("text")} if fields.text("text") else {}))
        return answers

    def cancel_batch(self, call: Call) -> list[dict[str, object]]:
        """A list of ids or texts."""
        wanted = call.rows()
        if not 0 < len(wanted) <= _CANCELS_MAX:
            raise RefusedError("TOO_MANY_ORDERS", f"1 to {_CANCELS_MAX} orders are allowed")
        answers: list[dict[str, object]] = []
        for item in wanted:
            answer: dict[str, object] = {"user_id": call.account.uid, "id": str(item)}
            try:
                order = self._find(call.account, str(item))
                with futures_refusals(order.listing):
                    self.desk.cancel(order, call.now_ns)
            except RefusedError as refusal:
                answer |= {"succeeded": False, "message": refusal.label}
            else:
                answer |= {"succeeded": True, "message": ""}
            answers.append(answer)
        return answers

    def cancel_all(self, call: Call, fields: Fields) -> list[dict[str, object]]:
        """Of a contract, of a side (bid, ask), or every single one."""
        name = fields.text("contract")
        listing = self.listing(name) if name else None
        side = fields.choice("side", _SIDES, "bid") if fields.text("side") else None
        with futures_refusals(listing):
            ended = self.desk.cancel_all(call.account, listing, call.now_ns, side)
        return [self.shape(call, order) for order in ended]

    def find_many(self, call: Call, fields: Fields) -> list[dict[str, object]]:
        """Open or finished orders, newest first; `offset` or `last_id` to go on."""
        if fields.choice("status", {"open": True, "finished": False}, fields.needed("status")):
            name = fields.text("contract")
            found = self.desk.open_orders(call.account, self.listing(name) if name else None)
            return self._page(call, fields, found)
        return self.find_ended(call, fields)

    def find_ended(self, call: Call, fields: Fields) -> list[dict[str, object]]:
        """Finished orders within `from` and `to`."""
        name = fields.text("contract")
        listing = self.listing(name) if name else None
        kept = self.desk.orders(call.account, listing, fields.since_ns(), fields.until_ns())
        return self._page(call, fields, [order for order in kept if order.state is not OrderState.OPEN])

    def countdown(self, call: Call, fields: Fields) -> dict[str, object]:
        """The dead man's switch: `timeout` seconds from now everything is cancelled; 0 disarms."""
        name = fields.text("contract")
        until_ns = deadline_ns(call, fields)
        self.desk.countdown(call.account, self.listing(name) if name else None, until_ns, call.now_ns)
        return {"triggerTime": str((until_ns or 0) // 1_000_000)}

    def shape(self, call: Call, order: SimOrder) -> dict[str, object]:
        """An order as it is answered to this client."""
        extras = self._extras.get(order.order_id, {}) | {"stp_id": self._groups.group_of(order.account)}
        maker, taker = rates_of(self.desk, order.account, order.listing)
        return futures_order(order, maker, taker, decimal=call.decimal, extras=extras)

    def listing(self, name: str) -> SimListing:
        """The listing of a contract. Raises RefusedError for one that is not listed."""
        listing = self.listings.get(name)
        if listing is None:
            raise RefusedError("CONTRACT_NOT_FOUND", f"contract {name} not found")
        return listing

    # ---- inside ---------------------------------------------------------------------------------------

    def _page(self, call: Call, fields: Fields, found: list[SimOrder]) -> list[dict[str, object]]:
        last_id = fields.number("last_id", 0, 0, 2**60)
        side = fields.text("side")
        chosen = [
            order
            for order in reversed(found)
            if (not last_id or order.order_id < last_id) and (not side or side_name(order.side) == side)
        ]
        start, limit = fields.number("offset", 0, 0, 1_000_000), fields.number("limit", 100, 1, _PAGE_MAX)
        return [self.shape(call, order) for order in chosen[start : start + limit]]

    def _place(self, call: Call, fields: Fields) -> SimOrder:
        listing = self.listing(fields.needed("contract"))
        check_wallet(self.desk, call.account)
        ticket = self._closing(call, fields, listing) if fields.flag("close") else self._ticket(call, fields)
        with futures_refusals(listing):
            if ticket.reduce_only and not call.account.position(listing.key).lots:
                raise RefusedError("POSITION_EMPTY", "empty position")
            order = self.desk.place(call.account, listing, ticket, call.now_ns)
        if fields.flag("close"):
            self._remember(order, {"is_close": True, "is_reduce_only": True})
        return order

    def _ticket(self, call: Call, fields: Fields) -> Ticket:
        fields.needed("size")
        size = fields.decimal("size")
        if fields.text("auto_size"):
            raise RefusedError("INVALID_PARAM_VALUE", "auto_size is for dual mode")
        if not size:
            raise RefusedError("INVALID_ARGUMENT", "invalid size", 400, "detail")
        return self._order(call, fields, Side.BUY if size > 0 else Side.SELL, abs(size), fields.flag("reduce_only"))

    def _closing(self, call: Call, fields: Fields, listing: SimListing) -> Ticket:
        """`close` with size 0: the whole position."""
        lots = call.account.position(listing.key).lots
        if not lots:
            raise RefusedError("POSITION_EMPTY", "empty position")
        if fields.decimal("size"):
            raise RefusedError("INVALID_ARGUMENT", "invalid size", 400, "detail")
        side = Side.SELL if lots > 0 else Side.BUY
        return self._order(call, fields, side, listing.lot_scale.value(abs(lots)), True)

    def _order(self, call: Call, fields: Fields, side: Side, size: Decimal, reduce_only: bool) -> Ticket:
        if fields.decimal("iceberg"):
            raise invalid("iceberg", fields.text("iceberg"))
        if not call.decimal and size != int(size):
            raise RefusedError("INVALID_ARGUMENT", "invalid size", 400, "detail")
        price = fields.decimal("price") or Decimal(0)
        if price < 0:
            raise invalid("price", fields.text("price"))
        time_in_force = fields.choice("tif", TIMES_IN_FORCE, "gtc")
        if not price and time_in_force not in (TimeInForce.IOC, TimeInForce.FOK):
            raise RefusedError("INVALID_PARAM_VALUE", "invalid argument: tif of a market order must be ioc or fok")
        text = fields.text("text")
        return Ticket(
            side=side,
            quantity=size,
            price=price or None,
            time_in_force=time_in_force,
            client_order_id=check_text(text) if text else "api",
            reduce_only=reduce_only,
            self_trade=self._groups.choice(call.account, fields),
        )

    def _find(self, account: Account, wanted: str) -> SimOrder:
        """By number, or by text: the latest of it, whatever its contract."""
        if wanted.startswith("t-"):
            return self._by_text(account, wanted)
        if not (wanted.isascii() and wanted.isdigit() and len(wanted) < 19):
            raise invalid("order_id", wanted)
        with futures_refusals():
            return self.desk.order(account, int(wanted))

    def _by_text(self, account: Account, text: str) -> SimOrder:
        found: list[SimOrder] = []
        for listing in self.listings.values():
            try:
                found.append(self.desk.by_client_id(account, listing, text))
            except Refused:
                continue
        if not found:
            raise RefusedError("ORDER_NOT_FOUND", "order not found", 404)
        return max(found, key=lambda order: order.order_id)

    def _remember(self, order: SimOrder, extra: dict[str, object]) -> None:
        self._extras[order.order_id] = self._extras.get(order.order_id, {}) | extra
        keep_newest(self._extras, _AMEND_TEXTS_KEPT)


def check_wallet(desk: TradingDesk, account: Account) -> None:
    """A futures wallet is there from the first transfer on. Raises RefusedError."""
    if not account.wallets.get(desk.wallet):
        raise RefusedError("USER_NOT_FOUND", "please transfer funds first to create futures account")
