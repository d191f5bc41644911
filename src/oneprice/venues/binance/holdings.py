"""What a Binance account holds, pays and may do: bodies of account calls, and what they become.

Source: binance-spot-api-docs rest-api.md "Account"; USDⓈ-M account endpoints; wallet "Get API Key Permission".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from oneprice.model import AssetBalance, AssetName, KeyPermissions, MarketKind, Position, PositionMode, TradingFee
from oneprice.model import SymbolInfo as Listing
from oneprice.venues.binance.bodies import MS, ZERO
from oneprice.venues.binance.names import Names
from oneprice.venues.binance.orders import above_0
from oneprice.venues.kit import BodyError, Millis, Number

ONE_WAY = "BOTH"
"""The position side of an account without hedge mode."""


class SpotAsset(msgspec.Struct):
    """One asset of a spot account."""

    asset: str
    free: Number
    locked: Number


class SpotAccount(msgspec.Struct, rename="camel"):
    """`/api/v3/account`."""

    balances: list[SpotAsset]
    update_time: Millis = 0


def spot_balances(told: SpotAccount, names: Names) -> list[AssetBalance]:
    """All assets in the answer."""
    return [spot_balance(row.asset, row.free, row.locked, told.update_time * MS, names) for row in told.balances]


def spot_balance(word: str, free: Decimal, locked: Decimal, time_ns: int, names: Names) -> AssetBalance:
    """One asset. Raises BodyError for amounts below 0."""
    if free < 0 or locked < 0:
        raise BodyError(f"{free} {word} free and {locked} locked")
    asset, coins = names.asset(word)
    return AssetBalance(asset=asset, total=(free + locked) * coins, free=free * coins, time_ns=time_ns)


class MarginAsset(msgspec.Struct, rename="camel"):
    """One asset in `/fapi/v3/balance`."""

    asset: str
    balance: Number
    available_balance: Number
    update_time: Millis = 0


def margin_balances(rows: Sequence[MarginAsset], names: Names) -> list[AssetBalance]:
    """Wallet balances. What is free may be less, or more where positions have gained."""
    return [
        AssetBalance(
            asset=AssetName(row.asset),
            total=row.balance,
            free=row.available_balance,
            time_ns=row.update_time * MS,
        )
        for row in rows
    ]


class PositionRow(msgspec.Struct, rename="camel"):
    """One of `/fapi/v3/positionRisk`. The capital R is Binance's."""

    symbol: str
    position_amt: Number
    position_side: str = ONE_WAY
    entry_price: Number | None = None
    mark_price: Number | None = None
    liquidation_price: Number | None = None
    unrealised: Number | None = msgspec.field(name="unRealizedProfit", default=None)
    update_time: Millis = 0


def positions(rows: Sequence[PositionRow], names: Names) -> list[Position]:
    """Those that are not 0. Raises BodyError for one of hedge mode, which has two for a listing."""
    held = [row for row in rows if row.position_amt]
    for row in held:
        if row.position_side != ONE_WAY:
            raise BodyError(f"{row.symbol} has a {row.position_side} position: the account is in hedge mode")
    return [
        Position(
            listing=names.listing(row.symbol),
            quantity=row.position_amt,
            entry_price=above_0(row.entry_price),
            mark_price=above_0(row.mark_price),
            liquidation_price=above_0(row.liquidation_price),
            unrealised_pnl=row.unrealised,
            time_ns=row.update_time * MS,
        )
        for row in held
    ]


class ModeBody(msgspec.Struct, rename="camel"):
    """`/fapi/v1/positionSide/dual`."""

    dual_side_position: bool


def position_mode(told: ModeBody) -> PositionMode:
    """Which mode."""
    return PositionMode.HEDGE if told.dual_side_position else PositionMode.ONE_WAY


class Leverage(msgspec.Struct):
    """`/fapi/v1/leverage`."""

    leverage: int


class Countdown(msgspec.Struct, rename="camel"):
    """`/fapi/v1/countdownCancelAll`."""

    countdown_time: Number


class Done(msgspec.Struct):
    """`{"code":200,"msg":".."}`."""

    code: Literal[200]


class ListenKey(msgspec.Struct, rename="camel"):
    """`/fapi/v1/listenKey`. Not to be shown."""

    listen_key: str


class Renewed(msgspec.Struct):
    """The answer to a renewal has nothing that matters."""


# ---------------------------------------------------------------------- fees


class Rates(msgspec.Struct, frozen=True):
    """Commission rates; `buyer` or `seller` comes on top of `maker` or `taker`."""

    maker: Number = ZERO
    taker: Number = ZERO
    buyer: Number = ZERO
    seller: Number = ZERO


class Discount(msgspec.Struct, frozen=True, rename="camel"):
    """On the standard commission, when it is paid in `discount_asset`."""

    enabled_for_account: bool = False
    enabled_for_symbol: bool = False
    discount_asset: str | None = None
    discount: Number | None = None


class SpotCommission(msgspec.Struct, rename="camel"):
    """`/api/v3/account/commission`."""

    standard_commission: Rates
    special_commission: Rates = Rates()
    tax_commission: Rates = Rates()
    discount: Discount = Discount()


def spot_fee(told: SpotCommission, listing: Listing) -> TradingFee:
    """Standard, special and tax, of the dearer of the two sides.

    Some documents call the discount the part that is paid (0.75), others the part that is spared: the dearer
    reading counts.
    """
    part, asset = Decimal(1), None
    deal = told.discount
    if deal.enabled_for_account and deal.enabled_for_symbol and deal.discount_asset and deal.discount is not None:
        if not 0 <= deal.discount <= 1:
            raise BodyError(f"a discount of {deal.discount}")
        part, asset = max(deal.discount, 1 - deal.discount), AssetName(deal.discount_asset)
    maker = taker = ZERO
    for rates, share in (
        (told.standard_commission, part),
        (told.special_commission, Decimal(1)),
        (told.tax_commission, Decimal(1)),
    ):
        either = max(rates.buyer, rates.seller)
        maker += (rates.maker + either) * share
        taker += (rates.taker + either) * share
    return TradingFee(listing=listing, maker=maker, taker=taker, discount_asset=asset)


class MarginCommission(msgspec.Struct, rename="camel"):
    """`/fapi/v1/commissionRate`."""

    maker_commission_rate: Number
    taker_commission_rate: Number


def margin_fee(told: MarginCommission, listing: Listing) -> TradingFee:
    """Without the discount for paying in BNB, which this answer does not tell."""
    return TradingFee(listing=listing, maker=told.maker_commission_rate, taker=told.taker_commission_rate)


# ---------------------------------------------------------------------- the key


class KeyRights(msgspec.Struct, rename="camel"):
    """`/sapi/v1/account/apiRestrictions`: of the key, where `canWithdraw` in an account is of the account."""

    ip_restrict: bool
    enable_reading: bool
    enable_withdrawals: bool
    enable_internal_transfer: bool = False
    permits_universal_transfer: bool = False
    enable_futures: bool = False
    enable_spot_and_margin_trading: bool = False
    enable_margin: bool = False
    enable_vanilla_options: bool = False
    enable_portfolio_margin_trading: bool = False
    enable_fix_api_trade: bool = False
    enable_fix_read_only: bool = False
    trading_authority_expiration_time: Millis | None = None


_SCOPES: Mapping[str, str] = {
    field.name: field.encode_name
    for field in msgspec.structs.fields(KeyRights)
    if field.type is bool and field.name != "ip_restrict"
}


def key_permissions(told: KeyRights, kind: MarketKind) -> KeyPermissions:
    """`can_trade` is of the market asked about. Keys without an address list stop trading at `expires_ns`."""
    expires_ms = told.trading_authority_expiration_time
    return KeyPermissions(
        can_read=told.enable_reading,
        can_trade=told.enable_spot_and_margin_trading if kind is MarketKind.SPOT else told.enable_futures,
        can_withdraw=told.enable_withdrawals,
        can_transfer=told.enable_internal_transfer or told.permits_universal_transfer,
        ip_restricted=told.ip_restrict,
        expires_ns=None if expires_ms is None else expires_ms * MS,
        scopes=tuple(word for name, word in _SCOPES.items() if getattr(told, name)),
    )
