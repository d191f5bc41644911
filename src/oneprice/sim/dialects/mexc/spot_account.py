"""MEXC's spot account by REST: balances, fees, symbols, and what a key may do."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.mexc.listed import plain, spot_symbol
from oneprice.sim.dialects.mexc.refusals import SpotRefusedError
from oneprice.sim.dialects.mexc.signing import Signed
from oneprice.sim.dialects.mexc.spot_private import SpotPrivate, required
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer

__all__ = ["SpotAccount", "fees"]

_SCOPES: Final = {
    "read": ("SPOT_ACCOUNT_READ", "SPOT_DEAL_READ", "CONTRACT_ACCOUNT_READ", "CONTRACT_DEAL_READ"),
    "trade": ("SPOT_DEAL_WRITE", "CONTRACT_DEAL_WRITE", "CONTRACT_ACCOUNT_WRITE"),
    "transfer": ("SPOT_TRANSFER_READ", "SPOT_TRANSFER_WRITE"),
    "withdraw": ("SPOT_WITHDRAW_READ", "SPOT_WITHDRAW_WRITE"),
}
_KEY_DAYS: Final = 90
_CREATED: Final = "2026-09-14T18:53:36.000+00:00"


class SpotAccount:
    """The handlers over the spot desk."""

    def __init__(self, server: SimServer, desk: TradingDesk) -> None:
        self._server = server
        self._desk = desk
        self._listings = {spot_symbol(listing): listing for listing in desk.market.listings.values()}
        self._paying_in_mx: set[int] = set()

    def register(self, door: SpotPrivate) -> None:
        """Put the endpoints on the server."""
        door.add("GET", "/account", self._account, weight=10, counters=(door.limits.accounts_read,))
        door.add("GET", "/tradeFee", self._trade_fee, weight=20)
        door.add("GET", "/selfSymbols", self._self_symbols)
        door.add("GET", "/apiKeyInfo", self._key_info)
        door.add("GET", "/uid", lambda signed: {"uid": str(signed.account.uid)})
        door.add("GET", "/kyc/status", lambda _: {"status": "3"})
        door.add("GET", "/mxDeduct/enable", self._mx)
        door.add("POST", "/mxDeduct/enable", self._set_mx, right="trade")

    def _account(self, signed: Signed) -> object:
        """Only what is not zero is listed. `canTrade` is of the account, not of the key."""
        balances = signed.account.wallets.get(self._desk.wallet, {})
        return {
            "makerCommission": None,
            "takerCommission": None,
            "buyerCommission": None,
            "sellerCommission": None,
            "canTrade": True,
            "canWithdraw": True,
            "canDeposit": True,
            "updateTime": None,
            "accountType": "SPOT",
            "balances": [
                {
                    "asset": asset,
                    "free": plain(balance.free),
                    "locked": plain(balance.held),
                    "available": plain(balance.free),
                }
                for asset, balance in balances.items()
                if balance.free or balance.held
            ],
            "permissions": ["SPOT"],
        }

    def _trade_fee(self, signed: Signed) -> object:
        """Fractions as JSON numbers, the account's own where it has some."""
        listing = self._listings.get(required(signed, "symbol"))
        if listing is None:
            raise SpotRefusedError(-1121, "Invalid symbol.")
        maker, taker = fees(signed.account, self._desk, listing)
        data = {"makerCommission": _fraction(maker), "takerCommission": _fraction(taker)}
        return {"data": data, "code": 0, "msg": "success", "timestamp": self._server.now_ms()}

    def _self_symbols(self, signed: Signed) -> object:
        return {"data": list(self._listings), "code": 0, "msg": "success", "timestamp": self._server.now_ms()}

    def _key_info(self, signed: Signed) -> object:
        """Of the key that signs; of another one of the same account when `accessKey` names it."""
        name = signed.params.get("accessKey") or signed.key.key
        key = next((item for item in signed.account.keys if item.key == name), None)
        if key is None:
            raise SpotRefusedError(730706, "API KEY information does not exist")
        return {
            "note": "simulated",
            "accessKey": key.key,
            "createTime": _CREATED,
            "permissions": permissions(key.rights),
            "remainingValidity": _KEY_DAYS,
            "ipWhiteList": "",
            "status": "VALID",
        }

    def _mx(self, signed: Signed) -> object:
        return _succeeded({"mxDeductEnable": signed.account.uid in self._paying_in_mx}, self._server.now_ms())

    def _set_mx(self, signed: Signed) -> object:
        """Remembered and told, without effect: there is no MX in the simulation to pay fees with."""
        wanted = required(signed, "mxDeductEnable").lower() == "true"
        (self._paying_in_mx.add if wanted else self._paying_in_mx.discard)(signed.account.uid)
        return _succeeded({"mxDeductEnable": wanted}, self._server.now_ms())


def fees(account: Account, desk: TradingDesk, listing: SimListing | None = None) -> tuple[Decimal, Decimal]:
    """The account's maker and taker fee in the desk's market, or of one listing."""
    key = desk.wallet if listing is None else listing.key
    maker = account.maker_fees.get(desk.wallet, desk.rules.maker_fee)
    taker = account.taker_fees.get(desk.wallet, desk.rules.taker_fee)
    return account.maker_fees.get(key, maker), account.taker_fees.get(key, taker)


def permissions(rights: frozenset[str]) -> str:
    """A key's scopes, comma-separated, in MEXC's words."""
    return ",".join(scope for right, scopes in _SCOPES.items() if right in rights for scope in scopes)


def _fraction(value: Decimal) -> msgspec.Raw:
    return msgspec.Raw(f"{value:.18f}".encode())


def _succeeded(data: object, now_ms: int) -> dict[str, object]:
    return {"data": data, "code": 0, "msg": "success", "timestamp": now_ms}
