"""Client order ids: a pure function of engine, run, deal, leg and attempt, short enough for every venue.

    op ENGINE(4) RUN(3) DEAL(5) LEG(1) ATTEMPT(2)        digits 0-9a-z; leg z: not a leg of the plan

`ENGINE` belongs to a data folder: recovery knows its own orders by it, and another engine's on the same account.
"""

from __future__ import annotations

from typing import NamedTuple

from oneprice.errors import InvariantError
from oneprice.ports import Chance

PREFIX = "op"
NOT_A_LEG = -1
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ENGINE, _RUN, _DEAL, _LEG, _ATTEMPT = 4, 3, 5, 1, 2
LENGTH = len(PREFIX) + _ENGINE + _RUN + _DEAL + _LEG + _ATTEMPT
LEGS_MAX = 35
ATTEMPTS_MAX = 36**_ATTEMPT


class OrderId(NamedTuple):
    """What an id says."""

    engine: str
    run: int
    deal: int
    leg: int
    attempt: int


def make_id(engine: str, run: int, deal: int, leg: int, attempt: int) -> str:
    """The id. Raises InvariantError for a number that has no room in it."""
    if not -1 <= leg < LEGS_MAX:
        raise InvariantError(f"leg {leg} has no room in an order id")
    place = _DIGITS[-1] if leg == NOT_A_LEG else _DIGITS[leg]
    return f"{PREFIX}{engine}{_text(run % 36**_RUN, _RUN)}{_text(deal, _DEAL)}{place}{_text(attempt, _ATTEMPT)}"


def read_id(client_order_id: str) -> OrderId | None:
    """What an id says; None when oneprice has not made it."""
    if len(client_order_id) != LENGTH or not client_order_id.startswith(PREFIX):
        return None
    if any(digit not in _DIGITS for digit in client_order_id):
        return None
    rest = client_order_id[len(PREFIX) :]
    engine, rest = rest[:_ENGINE], rest[_ENGINE:]
    run, rest = int(rest[:_RUN], 36), rest[_RUN:]
    deal, rest = int(rest[:_DEAL], 36), rest[_DEAL:]
    leg = NOT_A_LEG if rest[0] == _DIGITS[-1] else int(rest[0], 36)
    return OrderId(engine, run, deal, leg, int(rest[1:], 36))


def draw_engine(chance: Chance) -> str:
    """A name for a new data folder."""
    return "".join(_DIGITS[int(chance.uniform(0, len(_DIGITS))) % len(_DIGITS)] for _ in range(_ENGINE))


def is_engine(text: str) -> bool:
    """Whether it may be the name of one."""
    return len(text) == _ENGINE and all(digit in _DIGITS for digit in text)


def _text(number: int, digits: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    if len(text) > digits:
        raise InvariantError(f"a number has no room in the {digits} digits of an order id")
    return text.rjust(digits, "0")
