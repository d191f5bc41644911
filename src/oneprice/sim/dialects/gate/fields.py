"""What a private request says: its parameters, wherever they stood (query, path, JSON body, websocket), exactly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, TypeVar

import msgspec

from oneprice.sim.dialects.gate.refusals import RefusedError, invalid

__all__ = ["Fields", "check_text", "decode", "items"]

T = TypeVar("T")

_DECIMAL: Final = re.compile(r"[+-]?(\d{1,24}\.?\d{0,18}|\.\d{1,18})\Z", re.ASCII)
_TEXT: Final = re.compile(r"t-[0-9A-Za-z_.-]{1,28}\Z", re.ASCII)
_MILLISECONDS_FROM: Final = 100_000_000_000
_JSON: Final = msgspec.json.Decoder(float_hook=Decimal)


def decode(body: bytes) -> object:
    """The JSON of a body, fractions as Decimal; None for an empty one. Raises RefusedError."""
    if not body:
        return None
    try:
        decoded: object = _JSON.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RefusedError("INVALID_REQUEST_BODY", "Invalid request body") from None
    return decoded


def items(value: object) -> list[object]:
    """A list. Raises RefusedError."""
    if not isinstance(value, list):
        raise RefusedError("INVALID_REQUEST_BODY", "Invalid request body: a list is expected")
    return value


def check_text(text: str) -> str:
    """A client order id: `t-` and 1 to 28 of digits, letters, `_`, `-` and `.`. Raises RefusedError."""
    if not _TEXT.match(text):
        raise invalid("text", text)
    return text


class Fields:
    """Named parameters. A missing one and null are the same; numbers may be JSON numbers or strings."""

    def __init__(self, *sources: object) -> None:
        """Later sources win. Raises RefusedError when one is no object."""
        self._values: dict[str, object] = {}
        for source in sources:
            if source is None:
                continue
            if not isinstance(source, Mapping):
                raise RefusedError("INVALID_REQUEST_BODY", "Invalid request body: an object is expected")
            self._values.update(source)

    def text(self, name: str, default: str = "") -> str:
        """As text, the default when missing or empty."""
        value = self._values.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, Decimal):
            return f"{value:f}"
        if isinstance(value, str | int):
            return str(value)
        raise invalid(name, "an object")

    def needed(self, name: str) -> str:
        """Text that must be there."""
        value = self.text(name)
        if not value:
            raise RefusedError("MISSING_REQUIRED_PARAM", f"Missing required parameter: {name}")
        return value

    def decimal(self, name: str) -> Decimal | None:
        """An exact number, None when missing."""
        text = self.text(name)
        if not text:
            return None
        if not _DECIMAL.match(text):
            raise invalid(name, text)
        return Decimal(text)

    def positive(self, name: str) -> Decimal | None:
        """An exact number above 0, None when missing."""
        value = self.decimal(name)
        if value is not None and value <= 0:
            raise invalid(name, self.text(name))
        return value

    def flag(self, name: str) -> bool:
        """True or false; false when missing."""
        text = self.text(name, "false").lower()
        if text not in ("true", "false", "1", "0"):
            raise invalid(name, text)
        return text in ("true", "1")

    def choice(self, name: str, choices: Mapping[str, T], default: str) -> T:
        """One of the values by its name."""
        text = self.text(name, default)
        if text not in choices:
            raise invalid(name, text)
        return choices[text]

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within [low, high]."""
        text = self.text(name)
        if not text:
            return default
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else low - 1
        if not low <= value <= high:
            raise invalid(name, text)
        return value

    def since_ns(self) -> int:
        """`from`, 0 when missing. In seconds on the wire; clients that send milliseconds are understood."""
        return _time_ns(self.number("from", 0, 0, 2**50))[0]

    def until_ns(self) -> int | None:
        """`to`, the whole of its second included, None when missing."""
        given = self.number("to", -1, 0, 2**50)
        return None if given < 0 else _time_ns(given)[1]


def _time_ns(given: int) -> tuple[int, int]:
    """First and last nanosecond of a second or, when the number is too large for one, of a millisecond."""
    unit = 1_000_000_000 if given < _MILLISECONDS_FROM else 1_000_000
    return given * unit, (given + 1) * unit - 1
