"""Fees, networks, addresses and the worth of all wallets: what `/wallet/*` tells."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from aiohttp import web

from oneprice.sim import money
from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.gate.caller import Call
from oneprice.sim.dialects.gate.fees import fee_shape, rates_of
from oneprice.sim.dialects.gate.listed import by_name, plain, quotient
from oneprice.sim.dialects.gate.networks import Network, networks_of
from oneprice.sim.dialects.gate.rates import WALLET
from oneprice.sim.dialects.gate.refusals import RefusedError
from oneprice.sim.dialects.gate.rest import Gateway, required

__all__ = ["Wallet", "address_of", "currencies_of"]

_DAY_LIMIT: Final = "2000000"


class Wallet:
    """The endpoints; `desks` by market name."""

    def __init__(self, desks: Mapping[str, TradingDesk]) -> None:
        self._desks = desks

    def register(self, gateway: Gateway) -> None:
        """Put the endpoints on the gateway."""
        gateway.get("/wallet/currency_chains", _chains)
        gateway.private("GET", "/wallet/fee", self._fee)
        gateway.private("GET", "/wallet/total_balance", self._total, rate=WALLET)
        gateway.private("GET", "/wallet/withdraw_status", self._status)
        gateway.private("GET", "/wallet/deposit_address", _address)
        gateway.private("GET", "/wallet/saved_address", lambda call: [])

    # ---- reading --------------------------------------------------------------------------------------

    def _fee(self, call: Call) -> object:
        """Personal rates of spot and perpetuals, or of the pair that is asked for."""
        answer: dict[str, object] = {}
        pair = call.fields().text("currency_pair")
        if "spot" in self._desks:
            desk = self._desks["spot"]
            answer |= fee_shape(desk, call.account, by_name(desk.market).get(pair))
        if "futures" in self._desks:
            desk = self._desks["futures"]
            maker, taker = rates_of(desk, call.account, by_name(desk.market).get(pair))
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
        currencies = [wanted] if wanted else currencies_of(self._desks)
        if wanted and wanted not in currencies_of(self._desks):
            raise RefusedError("INVALID_CURRENCY", f"Invalid currency {wanted}")
        return [_status_row(currency) for currency in currencies]

    # ---- inside ---------------------------------------------------------------------------------------

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


def currencies_of(desks: Mapping[str, TradingDesk]) -> list[str]:
    """What is traded on any of the desks."""
    listings = [listing for desk in desks.values() for listing in desk.market.listings.values()]
    return sorted({name for item in listings for name in (item.instrument.base, item.instrument.quote)})


def address_of(network: Network, number: int) -> str:
    """Made up, and plainly so."""
    return f"simulated-{network.chain.lower()}-{number}"


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
            "address": address_of(network, call.account.uid),
            "payment_id": str(call.account.uid) if network.has_tag else "",
            "payment_name": "Tag" if network.has_tag else "",
            "obtain_failed": 0,
        }
        for network in networks_of(currency)
    ]
    return {"currency": currency, "address": rows[0]["address"], "multichain_addresses": rows}
