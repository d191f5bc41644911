"""Transfers between MEXC's spot and perpetual wallets."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.mexc.listed import plain
from oneprice.sim.dialects.mexc.private_streams import coin_id
from oneprice.sim.dialects.mexc.refusals import SpotRefusedError
from oneprice.sim.dialects.mexc.signing import Signed
from oneprice.sim.dialects.mexc.spot_private import SpotPrivate, amount_of, number, required
from oneprice.sim.server import SimServer

__all__ = ["Transfer", "Transfers"]

KEPT_MAX: Final = 10_000
_MS_MAX: Final = 2**53
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


class Transfers:
    """The handlers, and what they have moved; the oldest is forgotten first."""

    def __init__(self, server: SimServer) -> None:
        self._server = server
        self.made: list[Transfer] = []
        self._is_moving = False
        self._count = 0

    def moves_inside(self) -> bool:
        """Whether the balance change that is being told is a transfer between wallets."""
        return self._is_moving

    def register(self, door: SpotPrivate) -> None:
        """Put the endpoints on the server."""
        door.add("POST", "/capital/transfer", self._transfer, right="transfer")
        door.add("GET", "/capital/transfer", self._list)
        door.add("GET", "/capital/transfer/tranId", self._one)

    def _transfer(self, signed: Signed) -> object:
        asset, amount = required(signed, "asset"), amount_of(signed)
        names = required(signed, "fromAccountType"), required(signed, "toAccountType")
        source, target = (self._desk(name) for name in names)
        if source is target or asset not in _assets(source) or asset not in _assets(target):
            raise SpotRefusedError(10100, "this currency transfer is not supported")
        now_ns = self._server.now_ns()
        self._is_moving = True
        try:
            source.deposit(signed.account, asset, -amount, now_ns)
            target.deposit(signed.account, asset, amount, now_ns)
        finally:
            self._is_moving = False
        self._count += 1
        transfer_id = coin_id(f"transfer {self._count} {now_ns}")
        made = Transfer(transfer_id, signed.account.uid, asset, amount, *names, self._server.now_ms())
        self.made.append(made)
        del self.made[:-KEPT_MAX]
        return {"tranId": made.transfer_id}

    def _list(self, signed: Signed) -> object:
        names = required(signed, "fromAccountType"), required(signed, "toAccountType")
        since = number(signed, "startTime", 0, 0, _MS_MAX)
        until = number(signed, "endTime", _MS_MAX, 0, _MS_MAX)
        page, size = number(signed, "page", 1, 1, 10_000), number(signed, "size", 10, 1, 100)
        chosen = [
            item
            for item in reversed(self.made)
            if item.uid == signed.account.uid and (item.source, item.target) == names and since <= item.at_ms <= until
        ]
        return {"rows": [_transfer_row(item) for item in chosen[(page - 1) * size : page * size]], "total": len(chosen)}

    def _one(self, signed: Signed) -> object:
        wanted = required(signed, "tranId")
        for item in self.made:
            if item.uid == signed.account.uid and item.transfer_id == wanted:
                return _transfer_row(item)
        raise SpotRefusedError(22222, "record does not exist")

    def _desk(self, name: str) -> TradingDesk:
        desk = self._server.desks.get(_WALLETS.get(name, ""))
        if desk is None:
            raise SpotRefusedError(10103, "this account transfer is not supported")
        return desk


def _assets(desk: TradingDesk) -> set[str]:
    """What a wallet may hold: spot all that is traded, perpetuals what settles."""
    listings = desk.market.listings.values()
    quotes = {listing.instrument.quote for listing in listings}
    return quotes if desk.wallet == "futures" else quotes | {listing.instrument.base for listing in listings}


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
