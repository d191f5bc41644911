"""Accounts of a simulated exchange: who may sign in, what each wallet holds, and positions. Amounts are exact."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

DEFAULT_KEY = "oneprice-sim-key"
DEFAULT_SECRET = "oneprice-sim-secret"
"""What every simulated exchange lets in from its start. Public on purpose: it opens nothing real."""

DEFAULT_FUNDS: Mapping[str, Mapping[str, Decimal]] = {
    "spot": {
        "USDT": Decimal(200_000),
        "BTC": Decimal(2),
        "ETH": Decimal(40),
        "SOL": Decimal(500),
        "XRP": Decimal(100_000),
        "PEPE": Decimal(2_000_000_000),
    },
    "usdm": {"USDT": Decimal(200_000)},
}

FIRST_UID = 10_000_001

ACCOUNTS_MAX = 10_000
"""Of one exchange."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of an account. `rights`: of read, trade, transfer, withdraw. `public_key`: PEM of an Ed25519 key, instead
    of a secret."""

    key: str
    secret: str
    rights: frozenset[str] = frozenset({"read", "trade"})
    public_key: str = ""

    def __repr__(self) -> str:
        return f"ApiKey({self.key!r}, ...)"


class Balance:
    """One asset in one wallet. `held`: of orders (perpetuals have none: margin is computed). `version` counts."""

    __slots__ = ("free", "held", "version")

    def __init__(self) -> None:
        self.free = Decimal(0)
        self.held = Decimal(0)
        self.version = 0

    @property
    def total(self) -> Decimal:
        """Free and held."""
        return self.free + self.held


class SimPosition:
    """A net position. `lots` negative when short. `cost`: what it was bought for in quote (negative when sold), so that
    its unrealised profit is lots * lot * multiplier * mark - cost. `realised`: booked since the start."""

    __slots__ = ("cost", "lots", "realised", "updated_ns", "version")

    def __init__(self) -> None:
        self.lots = 0
        self.cost = Decimal(0)
        self.realised = Decimal(0)
        self.updated_ns = 0
        self.version = 0


class Account:
    """One customer. Wallets are by market ("spot", "usdm"), positions and leverages by listing key."""

    def __init__(self, uid: int, keys: Iterable[ApiKey] = ()) -> None:
        self.uid = uid
        self.keys = list(keys)
        self.wallets: dict[str, dict[str, Balance]] = {}
        self.positions: dict[str, SimPosition] = {}
        self.leverages: dict[str, int] = {}
        self.hedge_mode = False
        self.maker_fees: dict[str, Decimal] = {}
        self.taker_fees: dict[str, Decimal] = {}

    def balance(self, market: str, asset: str) -> Balance:
        """The balance, made when it is not there yet."""
        wallet = self.wallets.setdefault(market, {})
        found = wallet.get(asset)
        if found is None:
            found = wallet[asset] = Balance()
        return found

    def position(self, key: str) -> SimPosition:
        """The position in a listing, made when it is not there yet."""
        found = self.positions.get(key)
        if found is None:
            found = self.positions[key] = SimPosition()
        return found


class Accounts:
    """All of an exchange. `house` is the other side of the agents' trades and `revenue` earns the fees: with them the
    sum over all accounts only changes by deposits and withdrawals."""

    def __init__(self) -> None:
        self.house = Account(1)
        self.revenue = Account(2)
        self._by_uid: dict[int, Account] = {}
        self._by_key: dict[str, tuple[Account, ApiKey]] = {}
        self._next_uid = FIRST_UID

    def open(self, keys: Iterable[ApiKey], funds: Mapping[str, Mapping[str, Decimal]] = {}) -> Account:
        """A new account. Raises ValueError for a key that is taken, and for one account too many."""
        if len(self._by_uid) >= ACCOUNTS_MAX:
            raise ValueError(f"there are {ACCOUNTS_MAX} accounts already")
        given = list(keys)
        for key in given:
            if key.key in self._by_key:
                raise ValueError(f"the key {key.key!r} is taken")
        account = Account(self._next_uid, given)
        self._next_uid += 1
        self._by_uid[account.uid] = account
        for key in given:
            self._by_key[key.key] = (account, key)
        for market, assets in funds.items():
            for asset, amount in assets.items():
                account.balance(market, asset).free = amount
        return account

    def find(self, key: str) -> tuple[Account, ApiKey] | None:
        """The account that an API key opens, and the key."""
        return self._by_key.get(key)

    def revoke(self, key: str) -> None:
        """The key opens nothing any more."""
        self._by_key.pop(key, None)

    def all(self) -> list[Account]:
        """Customers, without house and revenue."""
        return list(self._by_uid.values())
