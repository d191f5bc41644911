"""Listen keys of MEXC's private spot streams: an account's permission to connect, for 60 minutes at a time.

Every POST makes a new key, 60 an account at most; a key carries 5 connections at most. Connections of a key that has
run out or was closed are closed with it (unverified: the documents only say that the stream closes).
"""

from __future__ import annotations

import hashlib
from typing import Final

from oneprice.sim.accounts import Account
from oneprice.sim.connection import Connection
from oneprice.sim.dialects.mexc.refusals import SpotRefusedError
from oneprice.sim.dialects.mexc.signing import Signed
from oneprice.sim.dialects.mexc.spot_private import SpotPrivate, required
from oneprice.sim.server import SimServer

__all__ = ["ListenKeys"]

VALID_S: Final = 3_600
KEYS_MAX: Final = 60
CONNECTIONS_MAX: Final = 5


class _ListenKey:
    """One key's account, end and connections."""

    def __init__(self, account: Account, until_ns: int) -> None:
        self.account = account
        self.until_ns = until_ns
        self.connections: dict[Connection, None] = {}


class ListenKeys:
    """All keys of the exchange."""

    def __init__(self, server: SimServer) -> None:
        self._server = server
        self._keys: dict[str, _ListenKey] = {}
        self._made = 0
        server.every(1_000, self._expire)

    def register(self, door: SpotPrivate) -> None:
        """Put the endpoints on the server."""
        door.add("POST", "/userDataStream", self._create)
        door.add("PUT", "/userDataStream", self._extend)
        door.add("DELETE", "/userDataStream", self._close)
        door.add("GET", "/userDataStream", self._list)

    def join(self, key: str, connection: Connection) -> Account | None:
        """The account whose streams the connection may hear; None for a key that is not valid or is used up."""
        found = self._valid(key)
        if found is None or len(found.connections) >= CONNECTIONS_MAX:
            return None
        found.connections[connection] = None
        return found.account

    def leave(self, key: str, connection: Connection) -> None:
        """The connection is gone."""
        found = self._keys.get(key)
        if found is not None:
            found.connections.pop(connection, None)

    def _valid(self, key: str) -> _ListenKey | None:
        found = self._keys.get(key)
        return found if found is not None and self._server.now_ns() < found.until_ns else None

    def _owned(self, signed: Signed) -> tuple[str, _ListenKey]:
        key = required(signed, "listenKey")
        found = self._valid(key)
        if found is None or found.account is not signed.account:
            raise SpotRefusedError(33333, "Param Error: listenKey")
        return key, found

    # ---- handlers -------------------------------------------------------------------------------------

    def _create(self, signed: Signed) -> object:
        if len(self._of(signed.account)) >= KEYS_MAX:
            raise SpotRefusedError(33333, f"Param Error: more than {KEYS_MAX} listen keys")
        self._made += 1
        # No chance in a simulation: a key is made of what differs each time.
        text = f"{self._server.venue} {signed.account.uid} {self._made} {self._server.now_ns()}"
        key = hashlib.sha256(text.encode()).hexdigest()
        self._keys[key] = _ListenKey(signed.account, self._end_ns())
        return {"listenKey": key}

    def _extend(self, signed: Signed) -> object:
        key, found = self._owned(signed)
        found.until_ns = self._end_ns()
        return {"listenKey": key}

    def _close(self, signed: Signed) -> object:
        key, _ = self._owned(signed)
        self._end(key)
        return {"listenKey": key}

    def _list(self, signed: Signed) -> object:
        return {"listenKey": self._of(signed.account)}

    # ---- inside ---------------------------------------------------------------------------------------

    def _of(self, account: Account) -> list[str]:
        return [key for key, found in self._keys.items() if found.account is account and self._valid(key) is found]

    def _end_ns(self) -> int:
        return self._server.now_ns() + VALID_S * 1_000_000_000

    def _end(self, key: str) -> None:
        for connection in self._keys.pop(key).connections:
            connection.close(1008, "listen key is over")

    def _expire(self, _: int) -> None:
        """By the skewed clock like everything a client sees, not by the true one the timers give."""
        for key in [key for key, found in self._keys.items() if self._valid(key) is not found]:
            self._end(key)
