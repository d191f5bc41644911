"""What an account holds and may do, and what moves in and out of it. Decimals; times in nanoseconds since 1970."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

import msgspec

from oneprice.model.instrument import AssetName, SymbolInfo


class AssetBalance(msgspec.Struct, frozen=True, kw_only=True):
    """One asset of an account.

    `total`: all of it; on perpetuals the wallet balance, without unrealised profit. `free`: what new orders may use,
    None when not told. `time_ns`: of this state by the venue's clock, 0 when not told. `version`: the venue's own
    counter of this balance, 0 for none.
    """

    asset: AssetName
    total: Decimal
    free: Decimal | None = None
    time_ns: int = 0
    version: int = 0

    @property
    def locked(self) -> Decimal | None:
        """What orders and positions hold; None when not told."""
        return None if self.free is None else self.total - self.free


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A position in a perpetual. `quantity`: in the listing's unit, negative when short; 0 when it was closed.

    Prices in quote asset, None when not told. `leverage`: None when not told, 0 for cross margin without a figure.
    """

    listing: SymbolInfo
    quantity: Decimal
    entry_price: Decimal | None = None
    mark_price: Decimal | None = None
    liquidation_price: Decimal | None = None
    unrealised_pnl: Decimal | None = None
    leverage: Decimal | None = None
    time_ns: int = 0


class PositionMode(str, Enum):
    """ONE_WAY: one net position for a listing. HEDGE: a long and a short one beside each other."""

    ONE_WAY = "one_way"
    HEDGE = "hedge"


class TradingFee(msgspec.Struct, frozen=True, kw_only=True):
    """The account's own fees on a listing, as fractions of the notional; negative for a rebate.

    `discount_asset`: where fees are paid in another asset at a discount (already in the figures when it is on).
    """

    listing: SymbolInfo
    maker: Decimal
    taker: Decimal
    discount_asset: AssetName | None = None


class AccountInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An account at one moment. `position_mode` None and `positions` empty on spot."""

    balances: tuple[AssetBalance, ...]
    positions: tuple[Position, ...] = ()
    position_mode: PositionMode | None = None


class KeyPermissions(msgspec.Struct, frozen=True, kw_only=True):
    """What an API key may do; None where the venue does not tell. `scopes`: the venue's own words."""

    can_read: bool | None = None
    can_trade: bool | None = None
    can_withdraw: bool | None = None
    can_transfer: bool | None = None
    ip_restricted: bool | None = None
    expires_ns: int | None = None
    scopes: tuple[str, ...] = ()


class AssetNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """One network that an asset moves over. Fee and minimum in the asset, None when not told."""

    asset: AssetName
    network: str
    deposit_enabled: bool
    withdraw_enabled: bool
    withdraw_fee: Decimal | None = None
    withdraw_min: Decimal | None = None
    confirmations: int | None = None
    contract: str = ""


class TransferStatus(str, Enum):
    """CREDITED: usable for trading, not yet to be withdrawn."""

    PENDING = "pending"
    CREDITED = "credited"
    DONE = "done"
    FAILED = "failed"


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A deposit or a withdrawal. `venue_status`: the venue's own code or word. `transaction`: its id on the chain, ""
    as long as there is none."""

    id: str
    asset: AssetName
    network: str
    amount: Decimal
    status: TransferStatus
    venue_status: str
    time_ns: int
    fee: Decimal | None = None
    transaction: str = ""
