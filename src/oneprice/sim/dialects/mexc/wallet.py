"""MEXC's wallet by REST: networks, addresses, deposits, withdrawals, and transfers between spot and perpetuals.

Deposits and withdrawals are what the desks report; a withdrawal needs a key with that right, and is sent at once.
"""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal
from typing import Final

import msgspec

from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.mexc.listed import plain
from oneprice.sim.dialects.mexc.networks import NETWORKS, Network
from oneprice.sim.dialects.mexc.private_streams import coin_id
from oneprice.sim.dialects.mexc.refusals import SpotRefusedError
from oneprice.sim.dialects.mexc.signing import Signed
from oneprice.sim.dialects.mexc.spot_private import SpotPrivate, missing, number, required
from oneprice.sim.orders import BalanceReason, BalanceReport, Report
from oneprice.sim.server import SimServer

__all__ = ["Transfer", "Wallet"]

KEPT_MAX: Final = 10_000
_AMOUNT: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,18})?")
_MS_MAX: Final = 2**53
_DEPOSITED: Final = 5
_WITHDRAWN: Final = 7
_WALLETS: Final = {"SPOT": "spot", "FUTURES": "futures"}


class Transfer(msgspec.Struct, frozen=True):
    """Money that moved between two wallets of an account."""

    transfer_id: str
    uid: int
    asset: str
    amount: Decimal
    source: str
    target: str
    at_ms: int


class _Movement(msgspec.Struct, frozen=True):
    """A deposit, or a withdrawal (`is_out`)."""

    movement_id: str
    uid: int
    coin: str
    amount: Decimal
    network: Network | None
    address: str
    memo: str | None
    at_ms: int
    is_out: bool


class Wallet:
    """The handlers, and what they have done."""

    def __init__(self, server: SimServer) -> None:
        self._server = server
        self._desks = server.desks
        self._movements: list[_Movement] = []
        self.transfers: list[Transfer] = []
        self._is_transferring = False
        self._made = 0
        for desk in self._desks.values():
            desk.listeners.append(self._hear)

    def moves_inside(self) -> bool:
        """Whether the balance change that is being told is a transfer between wallets."""
        return self._is_transferring

    def register(self, door: SpotPrivate) -> None:
        """Put the endpoints on the server."""
        door.add("GET", "/capital/config/getall", self._config, weight=10)
        door.add("GET", "/capital/deposit/hisrec", lambda signed: self._history(signed, False), weight=10)
        door.add("GET", "/capital/withdraw/history", lambda signed: self._history(signed, True))
        door.add("GET", "/capital/withdraw/address", self._saved_addresses, weight=10)
        door.add("GET", "/capital/deposit/address", self._addresses, weight=10)
        door.add("POST", "/capital/deposit/address", self._make_address)
        door.add("POST", "/capital/transfer", self._transfer, right="transfer")
        door.add("GET", "/capital/transfer", self._transfers)
        door.add("GET", "/capital/transfer/tranId", self._one_transfer)
        door.add("POST", "/capital/withdraw", self._withdraw, right="withdraw")

    # ---- networks -------------------------------------------------------------------------------------

    def _config(self, signed: Signed) -> object:
        wanted = signed.params.get("coin")
        return [
            {
                "coin": coin,
                "name": coin,
                "networkList": [_network_row(coin, network) for network in NETWORKS.get(coin, ())],
            }
            for coin in self._coins()
            if wanted in (None, "", coin)
        ]

    def _addresses(self, signed: Signed) -> object:
        coin, wanted = self._coin(signed), signed.params.get("network")
        rows = [_address_row(signed.account, coin, network) for network in NETWORKS.get(coin, ()) if network.takes]
        return [row for row in rows if wanted in (None, "", row["network"], row["netWork"])]

    def _make_address(self, signed: Signed) -> object:
        network = _network(self._coin(signed), required(signed, "network"))
        row = _address_row(signed.account, self._coin(signed), network)
        return {name: row[name] for name in ("coin", "network", "address", "memo")}

    def _saved_addresses(self, signed: Signed) -> object:
        return {"data": [], "totalRecords": 0, "page": 1, "totalPageNum": 0}

    def _coins(self) -> list[str]:
        """All that some market trades, in the order of the networks."""
        traded = {
            asset
            for desk in self._desks.values()
            for listing in desk.market.listings.values()
            for asset in (listing.instrument.base, listing.instrument.quote)
        }
        return [coin for coin in NETWORKS if coin in traded]

    def _coin(self, signed: Signed) -> str:
        coin = required(signed, "coin").partition("-")[0]
        if coin not in self._coins():
            raise SpotRefusedError(10232, "The currency not exist")
        return coin

    # ---- deposits and withdrawals ---------------------------------------------------------------------

    def _hear(self, report: Report) -> None:
        """Deposits come from outside. Withdrawals that were asked for here are noted where they are made."""
        if not isinstance(report, BalanceReport) or report.reason is not BalanceReason.DEPOSIT:
            return
        if self._is_transferring:
            return
        for coin, amount in report.changes.items():
            network = next(iter(NETWORKS.get(coin, ())), None)
            address = "" if network is None else _address(report.account, coin, network)
            self._note(report.account, coin, amount, network, address, None, False)

    def _note(
        self,
        account: Account,
        coin: str,
        amount: Decimal,
        network: Network | None,
        address: str,
        memo: str | None,
        is_out: bool,
    ) -> str:
        movement_id = self._new_id(account)
        now_ms = self._server.now_ms()
        self._movements.append(
            _Movement(movement_id, account.uid, coin, amount, network, address, memo, now_ms, is_out)
        )
        del self._movements[:-KEPT_MAX]
        return movement_id

    def _history(self, signed: Signed, is_out: bool) -> object:
        """Newest first."""
        coin = signed.params.get("coin", "").partition("-")[0]
        status = signed.params.get("status", "")
        since = number(signed, "startTime", 0, 0, _MS_MAX)
        until = number(signed, "endTime", _MS_MAX, 0, _MS_MAX)
        limit = number(signed, "limit", 1_000, 1, 1_000)
        chosen = [
            item
            for item in reversed(self._movements)
            if item.uid == signed.account.uid
            and item.is_out is is_out
            and coin in ("", item.coin)
            and since <= item.at_ms <= until
            and status in ("", str(_WITHDRAWN if is_out else _DEPOSITED))
        ]
        return [_withdrawal_row(item) if is_out else _deposit_row(item) for item in chosen[:limit]]

    def _withdraw(self, signed: Signed) -> object:
        coin = self._coin(signed)
        network = _network(coin, signed.params.get("netWork") or required(signed, "network"))
        address, amount = required(signed, "address"), _amount(signed)
        memo = signed.params.get("memo")
        if network.needs_memo and not memo:
            raise missing("memo")
        if not network.sends:
            raise SpotRefusedError(10265, "withdrawal is unavailable, please try again later")
        if not Decimal(network.least) <= amount <= Decimal(network.most):
            raise SpotRefusedError(10097, "amount is error")
        self._desks["spot"].deposit(signed.account, coin, -amount, self._server.now_ns())
        return {"id": self._note(signed.account, coin, amount, network, address, memo, True)}

    # ---- transfers ------------------------------------------------------------------------------------

    def _transfer(self, signed: Signed) -> object:
        asset, amount = required(signed, "asset"), _amount(signed)
        names = required(signed, "fromAccountType"), required(signed, "toAccountType")
        source, target = (self._desk(name) for name in names)
        if source is target or asset not in _assets(source) or asset not in _assets(target):
            raise SpotRefusedError(10100, "this currency transfer is not supported")
        now_ns = self._server.now_ns()
        self._is_transferring = True
        try:
            source.deposit(signed.account, asset, -amount, now_ns)
            target.deposit(signed.account, asset, amount, now_ns)
        finally:
            self._is_transferring = False
        made = Transfer(self._new_id(signed.account), signed.account.uid, asset, amount, *names, self._server.now_ms())
        self.transfers.append(made)
        del self.transfers[:-KEPT_MAX]
        return {"tranId": made.transfer_id}

    def _transfers(self, signed: Signed) -> object:
        names = required(signed, "fromAccountType"), required(signed, "toAccountType")
        since = number(signed, "startTime", 0, 0, _MS_MAX)
        until = number(signed, "endTime", _MS_MAX, 0, _MS_MAX)
        page, size = number(signed, "page", 1, 1, 10_000), number(signed, "size", 10, 1, 100)
        chosen = [
            item
            for item in reversed(self.transfers)
            if item.uid == signed.account.uid and (item.source, item.target) == names and since <= item.at_ms <= until
        ]
        return {"rows": [_transfer_row(item) for item in chosen[(page - 1) * size : page * size]], "total": len(chosen)}

    def _one_transfer(self, signed: Signed) -> object:
        wanted = required(signed, "tranId")
        for item in self.transfers:
            if item.uid == signed.account.uid and item.transfer_id == wanted:
                return _transfer_row(item)
        raise SpotRefusedError(22222, "record does not exist")

    def _desk(self, name: str) -> TradingDesk:
        desk = self._desks.get(_WALLETS.get(name, ""))
        if desk is None:
            raise SpotRefusedError(10103, "this account transfer is not supported")
        return desk

    def _new_id(self, account: Account) -> str:
        self._made += 1
        return coin_id(f"{account.uid} {self._made} {self._server.now_ns()}")


def _assets(desk: TradingDesk) -> set[str]:
    """What a wallet may hold: spot all that is traded, perpetuals what settles."""
    listings = desk.market.listings.values()
    quotes = {listing.instrument.quote for listing in listings}
    return quotes if desk.wallet == "futures" else quotes | {listing.instrument.base for listing in listings}


def _amount(signed: Signed) -> Decimal:
    text = required(signed, "amount")
    if _AMOUNT.fullmatch(text) is None or not Decimal(text):
        raise SpotRefusedError(10097, "amount is error")
    return Decimal(text)


def _network(coin: str, name: str) -> Network:
    for network in NETWORKS.get(coin, ()):
        if name in (network.code, network.shown):
            return network
    raise SpotRefusedError(10216, "No available deposit address")


def _address(account: Account, coin: str, network: Network) -> str:
    """Of one account on one network, the same each time."""
    digest = hashlib.sha256(f"{account.uid} {network.code}".encode()).hexdigest()
    return f"0x{digest[:40]}" if network.code in ("ETH", "BSC", "ARB") else f"{network.code[0]}{digest[:33]}"


def _address_row(account: Account, coin: str, network: Network) -> dict[str, object]:
    return {
        "coin": coin,
        "network": network.shown,
        "address": _address(account, coin, network),
        "memo": str(account.uid) if network.needs_memo else None,
        "netWork": network.code,
    }


def _network_row(coin: str, network: Network) -> dict[str, object]:
    tips = "Both a MEMO and an Address are required." if network.needs_memo else None
    return {
        "coin": coin,
        "depositDesc": None,
        "depositEnable": network.takes,
        "minConfirm": network.confirmations,
        "name": coin,
        "network": network.shown,
        "withdrawEnable": network.sends,
        "withdrawFee": network.fee,
        "withdrawIntegerMultiple": None,
        "withdrawMax": network.most,
        "withdrawMin": network.least,
        "sameAddress": network.needs_memo,
        "contract": network.contract,
        "withdrawTips": tips,
        "depositTips": tips,
        "netWork": network.code,
    }


def _deposit_row(item: _Movement) -> dict[str, object]:
    code = "" if item.network is None else item.network.code
    needed = 0 if item.network is None else item.network.confirmations
    return {
        "amount": plain(item.amount),
        "coin": f"{item.coin}-{code}" if code and code != item.coin else item.coin,
        "network": "" if item.network is None else item.network.shown,
        "status": _DEPOSITED,
        "address": item.address,
        "txId": f"{item.movement_id}:0",
        "insertTime": item.at_ms,
        "unlockConfirm": str(needed),
        "confirmTimes": str(needed),
        "memo": item.memo,
        "transHash": item.movement_id,
        "updateTime": item.at_ms,
        "netWork": code,
    }


def _withdrawal_row(item: _Movement) -> dict[str, object]:
    assert item.network is not None, "a withdrawal names its network"
    code = item.network.code
    return {
        "id": item.movement_id,
        "txId": f"{item.movement_id}:0",
        "coin": f"{item.coin}-{code}" if code != item.coin else item.coin,
        "network": item.network.shown,
        "address": item.address,
        "amount": plain(item.amount),
        "transferType": 0,
        "status": _WITHDRAWN,
        "transactionFee": item.network.fee,
        "confirmNo": None,
        "applyTime": item.at_ms,
        "remark": "",
        "memo": item.memo,
        "transHash": item.movement_id,
        "updateTime": item.at_ms,
        "coinId": coin_id(item.coin),
        "vcoinId": coin_id(f"{item.coin} {code}"),
        "netWork": code,
    }


def _transfer_row(item: Transfer) -> dict[str, object]:
    return {
        "tranId": item.transfer_id,
        "clientTranId": None,
        "asset": item.asset,
        "amount": plain(item.amount),
        "fromAccountType": item.source,
        "toAccountType": item.target,
        "symbol": None,
        "status": "SUCCESS",
        "timestamp": item.at_ms,
    }
