"""Fees, networks, deposits, withdrawals and transfers: `/wallet/*` and `/withdrawals`.

A deposit is what the exchange's control API puts into the spot wallet; a withdrawal leaves at once and is DONE.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import count
from typing import Final

import msgspec
from aiohttp import web

from oneprice.sim import money
from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.gate.caller import Call, Right
from oneprice.sim.dialects.gate.fields import Fields
from oneprice.sim.dialects.gate.ledger import Entry, Ledger
from oneprice.sim.dialects.gate.listed import plain, quotient
from oneprice.sim.dialects.gate.networks import Network, networks_of
from oneprice.sim.dialects.gate.rates import WALLET, WITHDRAW
from oneprice.sim.dialects.gate.refusals import RefusedError, invalid, spot_refusals
from oneprice.sim.dialects.gate.rest import Gateway, required
from oneprice.sim.dialects.gate.spot_account import fee_shape, rates_of

__all__ = ["Wallet"]

_WALLETS: Final = {"spot": "spot", "futures": "futures"}
_TRANSFERS_KEPT: Final = 10_000
_WITHDRAWALS_KEPT: Final = 10_000
_FIRST_ID: Final = 59_000_001
_DAY_LIMIT: Final = "2000000"


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


class Wallet:
    """The endpoints; `desks` by market name."""

    def __init__(self, desks: Mapping[str, TradingDesk], ledger: Ledger) -> None:
        self._desks = desks
        self._ledger = ledger
        self._ids = count(_FIRST_ID)
        self._transfers: dict[int, tuple[int, str]] = {}
        self._withdrawals: dict[int, _Withdrawal] = {}

    def register(self, gateway: Gateway) -> None:
        """Put the endpoints on the gateway."""
        gateway.get("/wallet/currency_chains", _chains)
        gateway.private("GET", "/wallet/fee", self._fee)
        gateway.private("GET", "/wallet/total_balance", self._total, rate=WALLET)
        gateway.private("GET", "/wallet/withdraw_status", self._status)
        gateway.private("GET", "/wallet/deposit_address", _address)
        gateway.private("GET", "/wallet/saved_address", lambda call: [])
        gateway.private("GET", "/wallet/deposits", self._deposits)
        gateway.private("GET", "/wallet/withdrawals", self._list_withdrawals)
        gateway.private("POST", "/wallet/transfers", self._transfer, right=Right.TRANSFER, rate=WALLET)
        gateway.private("GET", "/wallet/order_status", self._order_status)
        gateway.private("GET", "/wallet/transfers", lambda call: [])
        gateway.private("POST", "/withdrawals", self._withdraw, right=Right.WITHDRAW, rate=WITHDRAW, status=202)

    # ---- reading --------------------------------------------------------------------------------------

    def _fee(self, call: Call) -> object:
        """Personal rates of spot and perpetuals."""
        answer: dict[str, object] = {}
        if "spot" in self._desks:
            answer |= fee_shape(self._desks["spot"], call.account)
        if "futures" in self._desks:
            maker, taker = rates_of(self._desks["futures"], call.account)
            names = {"futures_taker_fee": taker, "futures_maker_fee": maker, "futures_rpi_maker_fee": maker}
            names |= {"delivery_taker_fee": taker, "delivery_maker_fee": maker}
            answer |= {name: plain(rate) for name, rate in names.items()}
        return answer | {"user_id": call.account.uid}

    def _total(self, call: Call) -> object:
        """Everything in `currency`, USDT at first."""
        currency = call.fields().text("currency", "USDT")
        price = self._price(currency)
        if not price:
            raise RefusedError("INVALID_CURRENCY", f"Invalid currency {currency}")
        worth = {name: self._worth(call.account, desk) for name, desk in self._desks.items()}
        unrealised = self._unrealised(call.account)
        sums = {name: {"currency": currency, "amount": quotient(value, price, 8)} for name, value in worth.items()}
        if "futures" in sums:
            sums["futures"]["unrealised_pnl"] = quotient(unrealised, price, 8)
        total = quotient(money.total(list(worth.values())), price, 8)
        return {
            "details": sums,
            "total": {
                "currency": currency,
                "amount": total,
                "unrealised_pnl": quotient(unrealised, price, 8),
                "borrowed": "0",
            },
        }

    def _status(self, call: Call) -> object:
        """What withdrawals cost, by currency and network."""
        wanted = call.fields().text("currency")
        currencies = [wanted] if wanted else self._currencies()
        if wanted and wanted not in self._currencies():
            raise RefusedError("INVALID_CURRENCY", f"Invalid currency {wanted}")
        return [_status_row(currency) for currency in currencies]

    def _deposits(self, call: Call) -> object:
        """Newest first; every one is DONE."""
        return _page(call.fields(), [self._deposit_row(entry) for entry in self._entries(call, "deposit")])

    def _list_withdrawals(self, call: Call) -> object:
        """Newest first. What the control API took is there too."""
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
        fields = call.fields()
        number = fields.number("tx_id", 0, 1, 2**60)
        uid, status = self._transfers.get(number, (0, ""))
        if uid != call.account.uid:
            raise RefusedError("ORDER_NOT_FOUND", "Order not found", 404)
        return {"tx_id": str(number), "status": status}

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
        self._transfers[number] = (call.account.uid, "SUCCESS")
        if len(self._transfers) > _TRANSFERS_KEPT:
            del self._transfers[next(iter(self._transfers))]
        return {"tx_id": number}

    def _withdraw(self, call: Call) -> object:
        """The amount leaves the spot wallet, its fee included."""
        fields = call.fields()
        currency, chain = fields.needed("currency"), fields.needed("chain")
        fields.needed("amount")
        address, amount = fields.needed("address"), fields.positive("amount") or Decimal(0)
        network = next((item for item in networks_of(currency) if item.chain == chain), None)
        if network is None or not network.sends_withdrawals or currency not in self._currencies():
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
        if len(self._withdrawals) > _WITHDRAWALS_KEPT:
            del self._withdrawals[next(iter(self._withdrawals))]
        return _withdrawal_row(item) | {"status": "REQUEST"}

    # ---- inside ---------------------------------------------------------------------------------------

    def _currencies(self) -> list[str]:
        listings = [listing for desk in self._desks.values() for listing in desk.market.listings.values()]
        return sorted({name for item in listings for name in (item.instrument.base, item.instrument.quote)})

    def _price(self, asset: str) -> Decimal:
        """In USDT, 0 when nothing tells it."""
        if asset == "USDT":
            return Decimal(1)
        for desk in self._desks.values():
            for listing in desk.market.listings.values():
                if listing.instrument.base == asset and listing.instrument.quote == "USDT":
                    return desk.mark_price(listing)
        return Decimal(0)

    def _worth(self, account: Account, desk: TradingDesk) -> Decimal:
        wallet = account.wallets.get(desk.wallet, {})
        return money.total([money.times(balance.total, self._price(asset)) for asset, balance in wallet.items()])

    def _unrealised(self, account: Account) -> Decimal:
        desk = self._desks.get("futures")
        if desk is None:
            return Decimal(0)
        return money.total([desk.unrealised(account, listing) for listing in desk.market.listings.values()])

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

    def _deposit_row(self, entry: Entry) -> dict[str, object]:
        return {
            "id": f"d{entry.entry_id}",
            "txid": f"{entry.entry_id:064x}",
            "withdraw_order_id": "",
            "timestamp": str(entry.time_ns // 1_000_000_000),
            "amount": plain(entry.change),
            "currency": entry.asset,
            "address": _address_of(networks_of(entry.asset)[0], entry.entry_id),
            "memo": "",
            "status": "DONE",
            "chain": networks_of(entry.asset)[0].chain,
        }


def _chains(request: web.Request) -> object:
    """Public: the networks of a currency."""
    return [
        {
            "chain": network.chain,
            "name_cn": network.name,
            "name_en": network.name,
            "contract_address": network.contract,
            "is_disabled": int(not (network.takes_deposits or network.sends_withdrawals)),
            "is_deposit_disabled": int(not network.takes_deposits),
            "is_withdraw_disabled": int(not network.sends_withdrawals),
            "decimal": str(network.decimals),
            "is_tag": int(network.has_tag),
        }
        for network in networks_of(required(request, "currency"))
    ]


def _status_row(currency: str) -> dict[str, object]:
    networks = networks_of(currency)
    first = networks[0]
    return {
        "currency": currency,
        "name": currency,
        "name_cn": currency,
        "deposit": "0",
        "withdraw_percent": "0%",
        "withdraw_fix": plain(first.fee),
        "withdraw_day_limit": _DAY_LIMIT,
        "withdraw_day_limit_remain": _DAY_LIMIT,
        "withdraw_amount_mini": plain(first.least),
        "withdraw_eachtime_limit": _DAY_LIMIT,
        "withdraw_fix_on_chains": {network.chain: plain(network.fee) for network in networks},
        "withdraw_percent_on_chains": {network.chain: "0%" for network in networks},
    }


def _address(call: Call) -> object:
    """Where the user's deposits of a currency go."""
    currency = call.fields().needed("currency")
    rows = [
        {
            "chain": network.chain,
            "address": _address_of(network, call.account.uid),
            "payment_id": str(call.account.uid) if network.has_tag else "",
            "payment_name": "Tag" if network.has_tag else "",
            "obtain_failed": 0,
        }
        for network in networks_of(currency)
    ]
    return {"currency": currency, "address": rows[0]["address"], "multichain_addresses": rows}


def _address_of(network: Network, number: int) -> str:
    """Made up, and plainly so."""
    return f"simulated-{network.chain.lower()}-{number}"


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
