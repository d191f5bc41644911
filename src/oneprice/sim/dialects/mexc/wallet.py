"""MEXC's wallet by REST: networks, addresses, deposits and withdrawals.

Deposits and withdrawals are what the desks report; a withdrawal needs a key with that right, and is sent at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from oneprice.sim.accounts import Account
from oneprice.sim.dialects.mexc.listed import plain
from oneprice.sim.dialects.mexc.networks import NETWORKS, Network
from oneprice.sim.dialects.mexc.private_streams import coin_id
from oneprice.sim.dialects.mexc.refusals import SpotRefusedError
from oneprice.sim.dialects.mexc.signing import Signed
from oneprice.sim.dialects.mexc.spot_private import SpotPrivate, amount_of, missing, number, required
from oneprice.sim.orders import BalanceReason, BalanceReport, Report
from oneprice.sim.server import SimServer

__all__ = ["Wallet"]

KEPT_MAX: Final = 10_000
_MS_MAX: Final = 2**53
_DEPOSITED: Final = 5
_WITHDRAWN: Final = 7
_FROM_OUTSIDE: Final = (BalanceReason.DEPOSIT, BalanceReason.WITHDRAW)


class _Movement(msgspec.Struct, frozen=True, kw_only=True):
    """A deposit, or a withdrawal (`is_out`)."""

    movement_id: str
    uid: int
    coin: str
    amount: Decimal
    network: Network
    address: str
    at_ms: int
    is_out: bool
    memo: str | None = None
    client_id: str | None = None


class Wallet:
    """The handlers, and what came and went; the oldest is forgotten first. Transfers are none of it."""

    def __init__(self, server: SimServer, moves_inside: Callable[[], bool]) -> None:
        self._server = server
        self._moves_inside = moves_inside
        self._desks = server.desks
        self._movements: list[_Movement] = []
        self._is_withdrawing = False
        self._made = 0
        for desk in self._desks.values():
            desk.listeners.append(self._hear)

    def register(self, door: SpotPrivate) -> None:
        """Put the endpoints on the server."""
        door.add("GET", "/capital/config/getall", self._config, weight=10)
        door.add("GET", "/capital/deposit/hisrec", lambda signed: self._history(signed, False), weight=10)
        door.add("GET", "/capital/withdraw/history", lambda signed: self._history(signed, True))
        door.add("GET", "/capital/withdraw/address", self._saved_addresses, weight=10)
        door.add("GET", "/capital/deposit/address", self._addresses, weight=10)
        door.add("POST", "/capital/deposit/address", self._make_address)
        door.add("POST", "/capital/withdraw", self._withdraw, right="withdraw")
        door.add("POST", "/capital/withdraw/apply", self._withdraw, right="withdraw")  # the older path

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
        """Perpetuals' money comes by transfer only. What was not asked for here goes over the first network."""
        if not isinstance(report, BalanceReport) or report.reason not in _FROM_OUTSIDE:
            return
        if report.market != "spot" or self._moves_inside() or self._is_withdrawing:
            return
        for coin, amount in report.changes.items():
            network = next(iter(NETWORKS.get(coin, ())), None)
            if network is not None:
                address = _address(report.account, coin, network)
                self._keep(self._movement(report.account, coin, abs(amount), network, address, amount < 0))

    def _movement(
        self, account: Account, coin: str, amount: Decimal, network: Network, address: str, is_out: bool
    ) -> _Movement:
        self._made += 1
        return _Movement(
            movement_id=coin_id(f"{account.uid} {self._made} {self._server.now_ns()}"),
            uid=account.uid,
            coin=coin,
            amount=amount,
            network=network,
            address=address,
            at_ms=self._server.now_ms(),
            is_out=is_out,
        )

    def _keep(self, movement: _Movement) -> None:
        self._movements.append(movement)
        del self._movements[:-KEPT_MAX]

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
        address, amount = required(signed, "address"), amount_of(signed)
        memo = signed.params.get("memo")
        if network.needs_memo and not memo:
            raise missing("memo")
        if not network.sends:
            raise SpotRefusedError(10265, "withdrawal is unavailable, please try again later")
        if not Decimal(network.least) <= amount <= Decimal(network.most):
            raise SpotRefusedError(10097, "amount is error")
        self._is_withdrawing = True
        try:
            self._desks["spot"].deposit(signed.account, coin, -amount, self._server.now_ns())
        finally:
            self._is_withdrawing = False
        movement = msgspec.structs.replace(
            self._movement(signed.account, coin, amount, network, address, is_out=True),
            memo=memo,
            client_id=signed.params.get("withdrawOrderId"),
        )
        self._keep(movement)
        return {"id": movement.movement_id}


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
    code, needed = item.network.code, item.network.confirmations
    return {
        "amount": plain(item.amount),
        "coin": f"{item.coin}-{code}" if code != item.coin else item.coin,
        "network": item.network.shown,
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
    code = item.network.code
    return {
        "id": item.movement_id,
        "withdrawOrderId": item.client_id,
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
