"""What a client may ask for, whichever way it comes: over REST or over the WS API.

An operation reads a `Call` and returns what is to be sent as JSON, or raises RequestError.
"""

from collections.abc import Callable
from enum import StrEnum

import msgspec

from oneprice.sim.accounts import Account, ApiKey
from oneprice.sim.dialects.binance.parameters import Parameters
from oneprice.sim.dialects.binance.refusals import RequestError

Handler = Callable[[Parameters], object]
Weight = int | Callable[[Parameters], int]


class Security(StrEnum):
    """What a request must carry: nothing, a key, or a key and its signature with the right named."""

    NONE = "none"
    KEY = "key"
    READ = "read"
    TRADE = "trade"
    TRANSFER = "transfer"
    WITHDRAW = "withdraw"

    @property
    def is_signed(self) -> bool:
        """Whether timestamp and signature are checked."""
        return self not in (Security.NONE, Security.KEY)


class Call:
    """One request. `account` and `key` are there unless the operation is public."""

    __slots__ = ("_account", "_key", "now_ns", "parameters")

    def __init__(
        self, parameters: Parameters, now_ns: int, account: Account | None = None, key: ApiKey | None = None
    ) -> None:
        self.parameters = parameters
        self.now_ns = now_ns
        self._account = account
        self._key = key

    @property
    def account(self) -> Account:
        """Who asks."""
        assert self._account is not None, "the operation's security lets nobody in without a key"
        return self._account

    @property
    def key(self) -> ApiKey:
        """With which key."""
        assert self._key is not None, "the operation's security lets nobody in without a key"
        return self._key

    def with_parameters(self, parameters: Parameters) -> "Call":
        """The same caller with other parameters: one element of a batch."""
        return Call(parameters, self.now_ns, self._account, self._key)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """`changes`: it changes orders, and the faults of commands strike. `is_free_if_done`: its weight is given back when
    it succeeds. `counts_orders`: the answer tells the account's order counts."""

    run: Callable[[Call], object]
    weight: Weight = 1
    security: Security = Security.READ
    changes: bool = False
    is_free_if_done: bool = False
    counts_orders: bool = False

    def cost(self, parameters: Parameters) -> int:
        """Its weight for these parameters."""
        return self.weight if isinstance(self.weight, int) else self.weight(parameters)


def public(handler: Handler, weight: Weight = 1) -> Operation:
    """An operation that anybody may ask for."""
    return Operation(run=lambda call: handler(call.parameters), weight=weight, security=Security.NONE)


def reading(run: Callable[[Call], object], weight: Weight = 1) -> Operation:
    """An operation that looks at the account."""
    return Operation(run=run, weight=weight)


def trading(run: Callable[[Call], object], weight: Weight = 1, *, is_free: bool = False) -> Operation:
    """An operation that changes orders."""
    return Operation(run=run, weight=weight, security=Security.TRADE, changes=True, is_free_if_done=is_free)


def setting(run: Callable[[Call], object], weight: Weight = 1) -> Operation:
    """An operation that changes how the account trades, but no order."""
    return Operation(run=run, weight=weight, security=Security.TRADE)


def fixed(answer: object) -> Callable[[Call], object]:
    """An answer that is always the same: there is nothing of the kind here."""
    return lambda call: answer


def refusing(code: int, message: str, status: int = 400) -> Callable[[Call], object]:
    """What the simulation does not have is refused as the venue refuses it."""

    def run(call: Call) -> object:
        raise RequestError(code, message, status)

    return run
