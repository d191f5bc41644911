"""Deposits, withdrawals and transfers: what moves between a user's wallets, and in and out of the exchange.

A deposit is what the exchange's control API puts into the spot wallet; a withdrawal leaves at once and is DONE.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import count
from typing import Final

import msgspec

from oneprice.sim import money
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.gate.caller import Call, Right
from oneprice.sim.dialects.gate.fields import Fields
from oneprice.sim.dialects.gate.ledger import Entry, Ledger
from oneprice.sim.dialects.gate.listed import plain
from oneprice.sim.dialects.gate.networks import networks_of
from oneprice.sim.dialects.gate.rates import WALLET, WITHDRAW
from oneprice.sim.dialects.gate.refusals import RefusedError, invalid, spot_refusals
from oneprice.sim.dialects.gate.rest import Gateway
from oneprice.sim.dialects.gate.wallet import address_of, currencies_of
from oneprice.sim.keeping import keep_newest

__all__ = ["Transfers"]

_WALLETS: Final = {"spot": "spot", "futures": "futures"}
_TRANSFERS_KEPT: Final = 10_000
_WITHDRAWALS_KEPT: Final = 10_000
_FIRST_ID: Final = 59_000_001


class _Withdrawal(msgspec.Struct, frozen=True):
    """What left, as the user asked for it; the fee is taken out of the amount."""

    number: int
    uid: int
    currency: str
    amount: Decimal
    fee: Decimal
    address: str
    memo: str
    chain: str
    order_id: str
    time_ns: int


class _Transfer(msgspec.Struct, frozen=True):
    """What moved between two wallets of a user; it always succeeds at once."""

    uid: int
    currency: str
    amount: Decimal
    source: str
    target: str


class Transfers:
    """The endpoints; `desks` by market name."""

    def __init__(self, desks: Mapping[str, TradingDesk], ledger: Ledger) -> None:
        self._desks = desks
        self._ledger = ledger
        self._ids = count(_FIRST_ID)
        self._transfers: dict[int, _Transfer] = {}
        self._withdrawals: dict[int, _Withdrawal] = {}

    def register(self, gateway: Gateway) -> None:
        """Put the endpoints on the gateway."""
        gateway.private("GET", "/wallet/deposits", self._deposits)
        gateway.private("GET", "/wallet/withdrawals", self._list_withdrawals)
        gateway.private("POST", "/wallet/transfers", self._transfer, right=Right.TRANSFER, rate=WALLET)
        gateway.private("GET", "/wallet/order_status", self._order_status)
        gateway.private("GET", "/wallet/transfers", self._transfer_detail)
        gateway.private("POST", "/withdrawals", self._withdraw, right=Right.WITHDRAW, rate=WITHDRAW, status=202)
        gateway.private("DELETE", "/withdrawals/{withdrawal_id}", _too_late, right=Right.WITHDRAW)

    # ---- reading --------------------------------------------------------------------------------------

    def _deposits(self, call: Call) -> object:
        """Newest first; every one is DONE."""
        return _page(call.fields(), [_deposit_row(entry) for entry in self._entries(call, "deposit")])

    def _list_withdrawals(self, call: Call) -> object:
        """Newest first; what the control API took is not among them."""
        fields = call.fields()
        since_ns, until_ns, currency = fields.since_ns(), fields.until_ns(), fields.text("currency")
        rows = [
            _withdrawal_row(item)
            for item in reversed(self._withdrawals.values())
            if item.uid == call.account.uid
            and (not currency or item.currency == currency)
            and since_ns <= item.time_ns
            and (until_ns is None or item.time_ns <= until_ns)
        ]
        return _page(fields, rows)

    def _order_status(self, call: Call) -> object:
        """Of a transfer."""
        number, _ = self._find_transfer(call)
        return {"tx_id": str(number), "status": "SUCCESS"}

    def _transfer_detail(self, call: Call) -> object:
        number, item = self._find_transfer(call)
        return {
            "tx_id": str(number),
            "status": "success",
            "currency": item.currency,
            "amount": plain(item.amount),
            "from_account": item.source,
            "to_account": item.target,
            "settle": "usdt",
            "currency_pair": "",
        }

    def _find_transfer(self, call: Call) -> tuple[int, _Transfer]:
        call.fields().needed("tx_id")
        number = call.fields().number("tx_id", 0, 1, 2**60)
        item = self._transfers.get(number)
        if item is None or item.uid != call.account.uid:
            raise RefusedError("ORDER_NOT_FOUND", "Order not found", 404)
        return number, item

    # ---- moving ---------------------------------------------------------------------------------------

    def _transfer(self, call: Call) -> object:
        """Between spot and futures; the first one into futures makes that wallet."""
        fields = call.fields()
        currency = fields.needed("currency")
        source = fields.choice("from", _WALLETS, fields.needed("from"))
        target = fields.choice("to", _WALLETS, fields.needed("to"))
        amount = fields.positive("amount")
        if amount is None:
            raise RefusedError("MISSING_REQUIRED_PARAM", "Missing required parameter: amount")
        if source == target or source not in self._desks or target not in self._desks:
            raise invalid("to", target)
        if currency != "USDT" or fields.text("settle", "usdt").lower() != "usdt":
            raise invalid("settle", fields.text("settle"))
        with spot_refusals(), self._ledger.transfer():
            self._desks[source].deposit(call.account, currency, money.negated(amount), call.now_ns)
            self._desks[target].deposit(call.account, currency, amount, call.now_ns)
        number = next(self._ids)
        self._transfers[number] = _Transfer(call.account.uid, currency, amount, source, target)
        keep_newest(self._transfers, _TRANSFERS_KEPT)
        return {"tx_id": number}

    def _withdraw(self, call: Call) -> object:
        """The amount leaves the spot wallet, its fee included."""
        fields = call.fields()
        currency, chain = fields.needed("currency"), fields.needed("chain")
        fields.needed("amount")
        address, amount = fields.needed("address"), fields.positive("amount") or Decimal(0)
        network = next((item for item in networks_of(currency) if item.chain == chain), None)
        if network is None or not network.sends_withdrawals or currency not in currencies_of(self._desks):
            raise invalid("chain", chain)
        if amount < network.least:
            raise RefusedError("AMOUNT_TOO_LITTLE", f"the minimum is {plain(network.least)} {currency}")
        with spot_refusals():
            self._desks["spot"].deposit(call.account, currency, money.negated(amount), call.now_ns)
        number = next(self._ids)
        memo, order_id = fields.text("memo"), fields.text("withdraw_order_id")
        item = _Withdrawal(
            number, call.account.uid, currency, amount, network.fee, address, memo, chain, order_id, call.now_ns
        )
        self._withdrawals[number] = item
        keep_newest(self._withdrawals, _WITHDRAWALS_KEPT)
        return _withdrawal_row(item) | {"status": "REQUEST"}

    # ---- inside ---------------------------------------------------------------------------------------

    def _entries(self, call: Call, kind: str) -> list[Entry]:
        fields = call.fields()
        since_ns, until_ns, currency = fields.since_ns(), fields.until_ns(), fields.text("currency")
        return [
            entry
            for entry in self._ledger.entries(call.account, "spot")
            if entry.kind == kind
            and (not currency or entry.asset == currency)
            and since_ns <= entry.time_ns
            and (until_ns is None or entry.time_ns <= until_ns)
        ]


def _deposit_row(entry: Entry) -> dict[str, object]:
    return {
        "id": f"d{entry.entry_id}",
        "txid": f"{entry.entry_id:064x}",
        "withdraw_order_id": "",
        "timestamp": str(entry.time_ns // 1_000_000_000),
        "amount": plain(entry.change),
        "currency": entry.asset,
        "address": address_of(networks_of(entry.asset)[0], entry.entry_id),
        "memo": "",
        "status": "DONE",
        "chain": networks_of(entry.asset)[0].chain,
    }


def _too_late(call: Call) -> object:
    raise RefusedError("INVALID_WITHDRAW_CANCEL_STATUS", "the withdrawal cannot be cancelled any more")


def _withdrawal_row(item: _Withdrawal) -> dict[str, object]:
    """DONE is only real with a block number."""
    return {
        "id": f"w{item.number}",
        "txid": f"{item.number:064x}",
        "block_number": str(item.time_ns // 12_000_000_000),
        "withdraw_order_id": item.order_id,
        "timestamp": str(item.time_ns // 1_000_000_000),
        "amount": plain(item.amount),
        "fee": plain(item.fee),
        "currency": item.currency,
        "address": item.address,
        "memo": item.memo,
        "status": "DONE",
        "chain": item.chain,
    }


def _page(fields: Fields, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    start, limit = fields.number("offset", 0, 0, 1_000_000), fields.number("limit", 100, 1, 500)
    return rows[start : start + limit]
