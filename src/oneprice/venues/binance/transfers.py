"""Binance's wallet calls (`/sapi`): what a key may do, how assets move in and out, and what did.

They live at the spot host, for accounts of perpetuals too. Source: wallet endpoints "All Coins' Information",
"Deposit History", "Withdraw History", "Get API Key Permission".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from oneprice.model import AssetName, AssetNetwork, KeyPermissions, MarketKind, Transfer, TransferStatus
from oneprice.venues.binance.bodies import MS
from oneprice.venues.binance.holdings import KeyRights, key_permissions
from oneprice.venues.binance.names import Names
from oneprice.venues.kit import BodyError, Call, Charge, Millis, Number, Priority, Reader, Request

SPAN_NS = 90 * 86_400 * 10**9
"""No longer may one request for history reach back; less by a minute, for both ends are of our clock."""
ROWS_MAX = 1_000
_SPAN_USED_NS = SPAN_NS - 60 * 10**9

_DEPOSITS: Mapping[int, TransferStatus] = {
    0: TransferStatus.PENDING,
    1: TransferStatus.DONE,
    2: TransferStatus.FAILED,
    6: TransferStatus.CREDITED,
    7: TransferStatus.FAILED,
    8: TransferStatus.PENDING,
}
_WITHDRAWALS: Mapping[int, TransferStatus] = {
    0: TransferStatus.PENDING,
    1: TransferStatus.FAILED,  # cancelled; this and failure (5) stand in older documents alone
    2: TransferStatus.PENDING,
    3: TransferStatus.FAILED,
    4: TransferStatus.PENDING,
    5: TransferStatus.FAILED,
    6: TransferStatus.DONE,
}


class NetworkRow(msgspec.Struct, rename="camel"):
    """A network of a coin."""

    network: str
    deposit_enable: bool
    withdraw_enable: bool
    withdraw_fee: Number | None = None
    withdraw_min: Number | None = None
    min_confirm: int | None = None
    contract_address: str | None = None


class CoinRow(msgspec.Struct, rename="camel"):
    """One of `capital/config/getall`."""

    coin: str
    network_list: list[NetworkRow]


class DepositRow(msgspec.Struct, rename="camel"):
    """One of `capital/deposit/hisrec`."""

    id: str
    amount: Number
    coin: str
    status: int
    insert_time: Millis
    network: str | None = None
    tx_id: str | None = None


class WithdrawalRow(msgspec.Struct, rename="camel"):
    """One of `capital/withdraw/history`. `apply_time`: UTC, without saying so."""

    id: str
    amount: Number
    coin: str
    status: int
    apply_time: str
    network: str | None = None
    transaction_fee: Number | None = None
    tx_id: str | None = None


class Wallet:
    """The wallet calls of one account. `origin`: where they live, if not at the market's own host."""

    def __init__(self, reader: Reader, kind: MarketKind, names: Names, origin: str) -> None:
        self._reader, self._kind, self._names, self._origin = reader, kind, names, origin

    def permissions(self) -> Call[KeyPermissions]:
        """Of the key; the account's own are another matter."""
        request = self._asked("/sapi/v1/account/apiRestrictions", (), 1)
        return self._reader.call(request, KeyRights, lambda told: key_permissions(told, self._kind))

    def networks(self, asset: AssetName) -> Call[list[AssetNetwork]]:
        """Binance tells of all coins at once; those of `asset` are kept."""
        request = self._asked("/sapi/v1/capital/config/getall", (), 10)
        return self._reader.call(request, list[CoinRow], lambda rows: self._networks(rows, asset))

    def deposits(self, since_ns: int, now_ns: int) -> Call[list[Transfer]]:
        """The last 90 days at most, and the last 1,000."""
        request = self._asked("/sapi/v1/capital/deposit/hisrec", _span(since_ns, now_ns), 1)
        return self._reader.call(request, list[DepositRow], lambda rows: _sorted([self._deposit(row) for row in rows]))

    def withdrawals(self, since_ns: int, now_ns: int) -> Call[list[Transfer]]:
        """As `deposits`; 10 a second at most, counted by account."""
        path = "/sapi/v1/capital/withdraw/history"
        request = self._asked(path, _span(since_ns, now_ns), 1, (Charge("sapi_uid", 18_000),))
        return self._reader.call(
            request, list[WithdrawalRow], lambda rows: _sorted([self._withdrawal(row) for row in rows])
        )

    def _asked(
        self, path: str, query: tuple[tuple[str, str], ...], weight: int, also: tuple[Charge, ...] = ()
    ) -> Request:
        return Request(
            path=path,
            query=query,
            weight=weight,
            budget="sapi_ip",
            also=also,
            priority=Priority.DATA,
            signed=True,
            origin=self._origin,
        )

    def _networks(self, rows: Sequence[CoinRow], asset: AssetName) -> list[AssetNetwork]:
        named = [(self._names.asset(row.coin), row.network_list) for row in rows]
        return [
            AssetNetwork(
                asset=asset,
                network=told.network,
                deposit_enabled=told.deposit_enable,
                withdraw_enabled=told.withdraw_enable,
                withdraw_fee=_times(told.withdraw_fee, coins),
                withdraw_min=_times(told.withdraw_min, coins),
                confirmations=told.min_confirm,
                contract=told.contract_address or "",
            )
            for (name, coins), networks in named
            if name == asset
            for told in networks
        ]

    def _deposit(self, row: DepositRow) -> Transfer:
        asset, coins = self._names.asset(row.coin)
        return Transfer(
            id=row.id,
            asset=asset,
            network=row.network or "",
            amount=row.amount * coins,
            status=_DEPOSITS.get(row.status, TransferStatus.PENDING),
            venue_status=str(row.status),
            time_ns=row.insert_time * MS,
            transaction=row.tx_id or "",
        )

    def _withdrawal(self, row: WithdrawalRow) -> Transfer:
        asset, coins = self._names.asset(row.coin)
        return Transfer(
            id=row.id,
            asset=asset,
            network=row.network or "",
            amount=row.amount * coins,
            status=_WITHDRAWALS.get(row.status, TransferStatus.PENDING),
            venue_status=str(row.status),
            time_ns=_utc_ns(row.apply_time),
            fee=_times(row.transaction_fee, coins),
            transaction=row.tx_id or "",
        )


def _span(since_ns: int, now_ns: int) -> tuple[tuple[str, str], ...]:
    start_ns = max(since_ns, now_ns - _SPAN_USED_NS)
    return ("startTime", str(start_ns // MS)), ("endTime", str(now_ns // MS)), ("limit", str(ROWS_MAX))


def _sorted(transfers: list[Transfer]) -> list[Transfer]:
    return sorted(transfers, key=lambda transfer: transfer.time_ns)


def _times(value: Decimal | None, coins: Decimal) -> Decimal | None:
    return None if value is None else value * coins


def _utc_ns(text: str) -> int:
    try:
        return int(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()) * 10**9
    except ValueError:
        raise BodyError(f"{text!r} is no time of the form 2019-10-12 11:12:02") from None
