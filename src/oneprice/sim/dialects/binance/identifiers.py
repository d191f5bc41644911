"""Ids that the venue makes up or checks: client order ids and listen keys."""

import hashlib
import re

from oneprice.sim.dialects.binance.refusals import RequestError

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SPOT_CLIENT_ID = "^[a-zA-Z0-9-_]{1,36}$"
_FUTURES_CLIENT_ID = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
_CLIENT_ID_LENGTH = 22
_LISTEN_KEY_LENGTH = 64


class IdMaker:
    """Makes ids that look drawn by lot and are the same in each run of a simulation."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._made = 0

    def client_id(self) -> str:
        """A client order id, for orders and cancels sent without one."""
        return self._make(_CLIENT_ID_LENGTH)

    def listen_key(self) -> str:
        """The name of a user stream."""
        return self._make(_LISTEN_KEY_LENGTH)

    def _make(self, length: int) -> str:
        self._made += 1
        number = int.from_bytes(hashlib.sha512(f"{self._seed}:{self._made}".encode()).digest())
        text = ""
        for _ in range(length):
            number, digit = divmod(number, len(_ALPHABET))
            text += _ALPHABET[digit]
        return text


def check_client_id(name: str, value: str, *, is_spot: bool) -> str:
    """The client id, if the market allows such. Raises RequestError."""
    pattern = _SPOT_CLIENT_ID if is_spot else _FUTURES_CLIENT_ID
    if re.fullmatch(pattern, value) is not None:
        return value
    if not is_spot and len(value) > 36:
        raise RequestError(-4015, "Client order id length should be less than 36 chars")
    raise RequestError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{pattern}'.")
