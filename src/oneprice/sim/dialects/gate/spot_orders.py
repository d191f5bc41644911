"""Gate's spot orders: what a client may ask of them, the same by REST and by websocket."""

from __future__ import annotations

from typing import Final

from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.gate.caller import Call
from oneprice.sim.dialects.gate.fields import Fields, check_text
from oneprice.sim.dialects.gate.groups import SelfTradeGroups
from oneprice.sim.dialects.gate.listed import by_name, name_of
from oneprice.sim.dialects.gate.refusals import RefusedError, invalid, spot_refusals
from oneprice.sim.dialects.gate.spot_shapes import TIMES_IN_FORCE, side_name, spot_order, without_fees
from oneprice.sim.engine import Side, TimeInForce
from oneprice.sim.keeping import keep_newest
from oneprice.sim.market import SimListing
from oneprice.sim.orders import OrderState, Refused, SimOrder, Ticket

__all__ = ["SIDES", "SpotOrders"]

SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}
_TYPES: Final = {"limit": True, "market": False}
_ACCOUNTS: Final = {"spot": None}
_MODES: Final = {"ACK": "ACK", "RESULT": "RESULT", "FULL": "FULL"}
_BATCH_PAIRS_MAX: Final = 4
_BATCH_ORDERS_MAX: Final = 10
_CANCELS_MAX: Final = 20
_AMENDS_MAX: Final = 5
_PAGE_MAX: Final = 100
_FINISHED_PAGE_MAX: Final = 1_000
_AMEND_TEXTS_KEPT: Final = 10_000


class SpotOrders:
    """Places, finds, lists, amends and cancels. All raise RefusedError in the venue's words."""

    def __init__(self, desk: TradingDesk, groups: SelfTradeGroups) -> None:
        self.desk = desk
        self.listings = by_name(desk.market)
        self._groups = groups
        self._amend_texts: dict[int, str] = {}

    # ---- one order ------------------------------------------------------------------------------------

    def place(self, call: Call, fields: Fields) -> dict[str, object]:
        """A new order as its answer, in the size that `action_mode` asks for."""
        mode = fields.choice("action_mode", _MODES, "FULL")
        order = self._place(call, fields)
        if mode == "ACK":
            return {"id": str(order.order_id), "text": order.client_order_id, "amend_text": "-"}
        shape = self.shape(order)
        return without_fees(shape) if mode == "RESULT" else shape

    def find(self, call: Call, fields: Fields) -> dict[str, object]:
        """`order_id`: a number, or a text."""
        return self.shape(self._find(call.account, fields, "order_id"))

    def cancel(self, call: Call, fields: Fields) -> dict[str, object]:
        """The order as it ended."""
        order = self._find(call.account, fields, "order_id")
        with spot_refusals(order.listing):
            self.desk.cancel(order, call.now_ns)
        return self.shape(order)

    def amend(self, call: Call, fields: Fields) -> dict[str, object]:
        """A new price, a new amount (the whole of it, with what is filled), or both."""
        order = self._find(call.account, fields, "order_id")
        price, amount = fields.positive("price"), fields.positive("amount")
        if price is None and amount is None:
            raise RefusedError("INVALID_PARAM_VALUE", "Either amount or price must be given")
        with spot_refusals(order.listing):
            self.desk.amend(order, call.now_ns, price, amount)
        if text := fields.text("amend_text"):
            self._amend_texts[order.order_id] = text
            keep_newest(self._amend_texts, _AMEND_TEXTS_KEPT)
        return self.shape(order)

    # ---- many -----------------------------------------------------------------------------------------

    def place_batch(self, call: Call) -> list[dict[str, object]]:
        """Each on its own: what is refused stands between the others with its label."""
        orders = [Fields(item) for item in call.rows()]
        pairs = [fields.text("currency_pair") for fields in orders]
        if len(set(pairs)) > _BATCH_PAIRS_MAX:
            raise RefusedError("TOO_MANY_CURRENCY_PAIRS", f"at most {_BATCH_PAIRS_MAX} currency pairs")
        if any(pairs.count(pair) > _BATCH_ORDERS_MAX for pair in set(pairs)):
            raise RefusedError("TOO_MANY_ORDERS", f"at most {_BATCH_ORDERS_MAX} orders of a currency pair")
        if len({fields.text("account", "spot") for fields in orders}) > 1:
            raise RefusedError("MIXED_ACCOUNT_TYPE", "orders must be of one account type")
        answers: list[dict[str, object]] = []
        for fields in orders:
            text = fields.text("text")
            try:
                check_text(text)
                shape = self.shape(self._place(call, fields))
            except RefusedError as refusal:
                answers.append({"text": text, "succeeded": False, "label": refusal.label, "message": refusal.message})
            else:
                answers.append({"order_id": shape["id"], "succeeded": True, "label": "", "message": ""} | shape)
        return answers

    def cancel_batch(self, call: Call) -> list[dict[str, object]]:
        """By ids or texts."""
        wanted = [Fields(item) for item in call.rows()]
        if len(wanted) > _CANCELS_MAX:
            raise RefusedError("TOO_MANY_ORDERS", f"at most {_CANCELS_MAX} orders")
        answers: list[dict[str, object]] = []
        for fields in wanted:
            answer: dict[str, object] = {"currency_pair": fields.text("currency_pair"), "id": fields.text("id")}
            try:
                order = self._find(call.account, fields, "id")
                with spot_refusals(order.listing):
                    self.desk.cancel(order, call.now_ns)
            except RefusedError as refusal:
                answer |= {"text": "", "succeeded": False, "label": refusal.label, "message": refusal.message}
            else:
                answer |= {"id": str(order.order_id), "text": order.client_order_id}
                answer |= {"succeeded": True, "label": "", "message": ""}
            answers.append(answer | {"account": "spot"})
        return answers

    def amend_batch(self, call: Call) -> list[dict[str, object]]:
        """Like `amend` for several."""
        wanted = [Fields(item) for item in call.rows()]
        if len(wanted) > _AMENDS_MAX:
            raise RefusedError("TOO_MANY_ORDERS", f"at most {_AMENDS_MAX} orders")
        answers: list[dict[str, object]] = []
        for fields in wanted:
            try:
                shape = self.amend(call, fields)
            except RefusedError as refusal:
                order_id = fields.text("order_id")
                answers.append(
                    {"order_id": order_id, "succeeded": False, "label": refusal.label, "message": refusal.message}
                )
            else:
                answers.append({"order_id": shape["id"], "succeeded": True, "label": "", "message": ""} | shape)
        return answers

    def cancel_all(self, call: Call, fields: Fields) -> list[dict[str, object]]:
        """Of a pair, of a side, or every single one."""
        _check_account(fields)
        name = fields.text("currency_pair")
        listing = self.listing(name) if name else None
        side = fields.choice("side", SIDES, fields.text("side")) if fields.text("side") else None
        with spot_refusals(listing):
            ended = self.desk.cancel_all(call.account, listing, call.now_ns, side)
        return [self.shape(order) | {"succeeded": True, "label": "", "message": ""} for order in ended]

    def find_many(self, call: Call, fields: Fields) -> list[dict[str, object]]:
        """Open orders of a pair, or finished ones, newest first."""
        _check_account(fields)
        is_open = fields.choice("status", {"open": True, "finished": False}, fields.needed("status"))
        name = fields.needed("currency_pair") if is_open else fields.text("currency_pair")
        listing = self.listing(name) if name else None
        if is_open:
            found = self.desk.open_orders(call.account, listing)
        else:
            kept = self.desk.orders(call.account, listing, fields.since_ns(), fields.until_ns())
            found = [order for order in kept if order.state is not OrderState.OPEN]
        side = fields.text("side")
        chosen = [order for order in reversed(found) if not side or side_name(order.side) == side]
        return [self.shape(order) for order in page(chosen, fields, _PAGE_MAX if is_open else _FINISHED_PAGE_MAX)]

    def open_by_pair(self, call: Call, fields: Fields) -> list[dict[str, object]]:
        """`/spot/open_orders`: every pair that has some."""
        _check_account(fields)
        by_pair: dict[str, list[SimOrder]] = {}
        for order in self.desk.open_orders(call.account):
            by_pair.setdefault(name_of(order.listing), []).append(order)
        return [
            {
                "currency_pair": pair,
                "total": len(orders),
                "orders": [self.shape(order) for order in page(orders[::-1], fields, _PAGE_MAX)],
            }
            for pair, orders in by_pair.items()
        ]

    def countdown(self, call: Call, fields: Fields) -> dict[str, object]:
        """The dead man's switch: `timeout` seconds from now everything is cancelled; 0 disarms."""
        name = fields.text("currency_pair")
        until_ns = deadline_ns(call, fields)
        self.desk.countdown(call.account, self.listing(name) if name else None, until_ns, call.now_ns)
        return {"triggerTime": str((until_ns or 0) // 1_000_000)}

    def shape(self, order: SimOrder) -> dict[str, object]:
        """An order as it is answered."""
        amend_text = self._amend_texts.get(order.order_id, "-")
        return spot_order(order, amend_text=amend_text, stp_id=self._groups.group_of(order.account))

    def listing(self, name: str) -> SimListing:
        """The listing of a pair. Raises RefusedError for one that is not listed."""
        listing = self.listings.get(name)
        if listing is None:
            raise RefusedError("INVALID_CURRENCY_PAIR", f"Invalid currency pair {name}")
        return listing

    # ---- inside ---------------------------------------------------------------------------------------

    def _place(self, call: Call, fields: Fields) -> SimOrder:
        listing = self.listing(fields.needed("currency_pair"))
        ticket = self._ticket(call, fields)
        with spot_refusals(listing):
            return self.desk.place(call.account, listing, ticket, call.now_ns)

    def _ticket(self, call: Call, fields: Fields) -> Ticket:
        _check_account(fields)
        if fields.decimal("iceberg"):
            raise invalid("iceberg", fields.text("iceberg"))
        side = fields.choice("side", SIDES, fields.needed("side"))
        is_limit = fields.choice("type", _TYPES, "limit")
        time_in_force = fields.choice("time_in_force", TIMES_IN_FORCE, "gtc")
        if not is_limit and time_in_force not in (TimeInForce.IOC, TimeInForce.FOK):
            raise invalid("time_in_force", fields.text("time_in_force", "gtc"))
        fields.needed("amount")
        amount = fields.positive("amount")
        if is_limit:
            fields.needed("price")
        spends_quote = side is Side.BUY and not is_limit
        text = fields.text("text")
        return Ticket(
            side=side,
            quantity=None if spends_quote else amount,
            quote_quantity=amount if spends_quote else None,
            price=fields.positive("price") if is_limit else None,
            time_in_force=time_in_force,
            client_order_id=check_text(text) if text else ("apiv4-ws" if call.by_socket else "apiv4"),
            self_trade=self._groups.choice(call.account, fields),
        )

    def _find(self, account: Account, fields: Fields, name: str) -> SimOrder:
        """By number, or by text: the latest of it."""
        wanted = fields.needed(name)
        listing = self.listing(fields.needed("currency_pair"))
        if wanted.startswith("t-"):
            try:
                return self.desk.by_client_id(account, listing, wanted)
            except Refused:
                message = f"Order with client ID {wanted} not found"
                raise RefusedError("CLIENT_ID_NOT_FOUND", message, 404) from None
        if not (wanted.isascii() and wanted.isdigit() and len(wanted) < 19):
            raise invalid(name, wanted)
        with spot_refusals(listing):
            order = self.desk.order(account, int(wanted))
        if order.listing is not listing:
            raise RefusedError("ORDER_NOT_FOUND", "Order not found", 404)
        return order


def deadline_ns(call: Call, fields: Fields) -> int | None:
    """When the dead man's switch falls; None to disarm it. At least 5 s ahead."""
    seconds = fields.number("timeout", -1, 0, 86_400)
    if seconds < 0:
        raise RefusedError("MISSING_REQUIRED_PARAM", "Missing required parameter: timeout")
    if 0 < seconds < 5:
        raise invalid("timeout", seconds)
    return call.now_ns + seconds * 1_000_000_000 if seconds else None


def page(orders: list[SimOrder], fields: Fields, most: int) -> list[SimOrder]:
    """`page` from 1, `limit` per page, 100 when it is not given."""
    limit = fields.number("limit", _PAGE_MAX, 1, most)
    start = (fields.number("page", 1, 1, 1_000) - 1) * limit
    return orders[start : start + limit]


def _check_account(fields: Fields) -> None:
    """The account is a classic one: it has neither margin nor a unified wallet."""
    fields.choice("account", _ACCOUNTS, "spot")
