"""What MEXC's spot interface tells of a whole account: the key's rights, networks, deposits and withdrawals.

Both accounts ask it; it is signed as spot is, wherever the coins are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

import msgspec

from oneprice.model import AssetName, AssetNetwork, KeyPermissions, Transfer, TransferStatus
from oneprice.venues.kit import Call, Charge, Number, Priority, Reader, Request, Response, ns_of
from oneprice.venues.mexc.errors import SPOT_TABLE, spot_error

MS = 1_000_000
DAY_NS = 86_400_000_000_000
SPAN_NS = 90 * DAY_NS
ROWS_MAX = 1_000
VALID = "VALID"
_PENDING, _DONE, _FAILED = TransferStatus.PENDING, TransferStatus.DONE, TransferStatus.FAILED

DEPOSIT_STATUSES: Mapping[int, TransferStatus] = {
    **dict.fromkeys((1, 2, 3, 4, 6, 9, 11), _PENDING),  # small, delayed, pending, auditing, pre-success, restricted
    **dict.fromkeys((5, 12), _DONE),
    **dict.fromkeys((7, 8, 10), _FAILED),  # rejected, refunded, invalid
}
WITHDRAWAL_STATUSES: Mapping[int, TransferStatus] = {
    **dict.fromkeys((1, 2, 3, 4, 5, 6, 10), _PENDING),
    7: _DONE,
    **dict.fromkeys((8, 9), _FAILED),
}


class KeyBody(msgspec.Struct, rename="camel"):
    """`/apiKeyInfo`. `remaining_validity`: days."""

    permissions: str
    status: str = VALID
    ip_white_list: str | None = None
    remaining_validity: int | None = None


class NetworkRow(msgspec.Struct, rename="camel"):
    """A network of a coin. `net_work` is the word for requests, `network` is for show."""

    network: str
    deposit_enable: bool
    withdraw_enable: bool
    net_work: str | None = None
    withdraw_fee: Number | None = None
    withdraw_min: Number | None = None
    min_confirm: int | None = None
    contract: str | None = None


class CoinRow(msgspec.Struct, rename="camel"):
    """A coin of `/capital/config/getall`."""

    coin: str
    network_list: list[NetworkRow]


class DepositRow(msgspec.Struct, rename="camel"):
    """A row of `/capital/deposit/hisrec`. It has no number but the transaction's. Status and time come as numbers or as
    texts."""

    coin: str
    amount: Number
    status: Number
    insert_time: Number
    network: str | None = None
    tx_id: str | None = None


class WithdrawalRow(msgspec.Struct, rename="camel"):
    """A row of `/capital/withdraw/history`."""

    id: str
    coin: str
    amount: Number
    status: Number
    apply_time: Number
    network: str | None = None
    transaction_fee: Number | None = None
    trans_hash: str | None = None
    tx_id: str | None = None


class Wallet:
    """Calls that draw on the budgets `ip` and `uid`. `scope`: "SPOT" or "CONTRACT", what reading and trading are of."""

    def __init__(self, api_key: str, scope: str, ip: str, uid: str) -> None:
        self._key, self._scope, self._ip, self._uid = api_key, scope, ip, uid
        self._reader = Reader(SPOT_TABLE.venue, spot_error)

    def permissions(self) -> Call[KeyPermissions]:
        """The key ends so many days after the answer's date."""
        call = self._reader.call(self._get("apiKeyInfo", ("accessKey", self._key)), KeyBody, lambda told: told)

        def read(response: Response) -> KeyPermissions:
            return self._permissions(call.read(response), response)

        return Call(call.request, read)

    def _permissions(self, told: KeyBody, response: Response) -> KeyPermissions:
        scopes = tuple(scope.strip() for scope in told.permissions.split(",") if scope.strip())
        valid = told.status == VALID
        return KeyPermissions(
            can_read=valid and {f"{self._scope}_ACCOUNT_READ", f"{self._scope}_DEAL_READ"} <= set(scopes),
            can_trade=valid and f"{self._scope}_DEAL_WRITE" in scopes,
            can_withdraw=any(_may_write(scope, "WITHDRAW") for scope in scopes),
            can_transfer=any(_may_write(scope, "TRANSFER") for scope in scopes),
            ip_restricted=bool(told.ip_white_list),
            expires_ns=_expiry_ns(told.remaining_validity, response.headers.get("date", "")),
            scopes=scopes,
        )

    def networks(self, asset: AssetName) -> Call[list[AssetNetwork]]:
        """Out of one answer with all coins; an unknown coin has none."""

        def convert(coins: list[CoinRow]) -> list[AssetNetwork]:
            return [_network(asset, row) for coin in coins if coin.coin == asset for row in coin.network_list]

        return self._reader.call(self._get("capital/config/getall", weight=10), list[CoinRow], convert)

    def deposits(self, since_ns: int, now_ns: int) -> Call[list[Transfer]]:
        """Of 90 days at most."""

        def convert(row: DepositRow) -> Transfer:
            return Transfer(
                id=row.tx_id or f"{row.coin}-{row.insert_time}",
                asset=AssetName(row.coin),
                network=row.network or "",
                amount=row.amount,
                status=DEPOSIT_STATUSES.get(int(row.status), _PENDING),
                venue_status=str(row.status),
                time_ns=ns_of(row.insert_time, "ms"),
                transaction=row.tx_id or "",
            )

        request = self._get("capital/deposit/hisrec", *_span(since_ns, now_ns), weight=10)
        return self._reader.call(request, list[DepositRow], lambda rows: _oldest_first(map(convert, rows)))

    def withdrawals(self, since_ns: int, now_ns: int) -> Call[list[Transfer]]:
        """Of 90 days at most."""

        def convert(row: WithdrawalRow) -> Transfer:
            return Transfer(
                id=row.id,
                asset=AssetName(row.coin),
                network=row.network or "",
                amount=row.amount,
                status=WITHDRAWAL_STATUSES.get(int(row.status), _PENDING),
                venue_status=str(row.status),
                time_ns=ns_of(row.apply_time, "ms"),
                fee=row.transaction_fee,
                transaction=row.trans_hash or row.tx_id or "",
            )

        request = self._get("capital/withdraw/history", *_span(since_ns, now_ns), weight=10)
        return self._reader.call(request, list[WithdrawalRow], lambda rows: _oldest_first(map(convert, rows)))

    def _get(self, path: str, *query: tuple[str, str], weight: int = 1) -> Request:
        return Request(
            path=f"/api/v3/{path}",
            query=query,
            weight=weight,
            budget=self._ip,
            also=(Charge(self._uid, weight),),
            priority=Priority.DATA,
            signed=True,
        )


def _may_write(scope: str, subject: str) -> bool:
    """The documentation spells it both `..._WRITE` and `..._W`: a W after the subject is taken for either."""
    _, found, rest = scope.partition(subject)
    return bool(found) and "W" in rest


def _expiry_ns(days: int | None, date: str) -> int | None:
    """None where the answer has no date. `days` below 0 would be a key that is over."""
    if days is None or not date:
        return None
    try:
        told_at = parsedate_to_datetime(date)
    except ValueError:
        return None
    return int(told_at.replace(tzinfo=UTC).timestamp()) * 1_000_000_000 + days * DAY_NS


def _network(asset: AssetName, row: NetworkRow) -> AssetNetwork:
    return AssetNetwork(
        asset=asset,
        network=row.net_work or row.network,
        deposit_enabled=row.deposit_enable,
        withdraw_enabled=row.withdraw_enable,
        withdraw_fee=row.withdraw_fee,
        withdraw_min=row.withdraw_min,
        confirmations=row.min_confirm,
        contract=row.contract or "",
    )


def _span(since_ns: int, now_ns: int) -> tuple[tuple[str, str], ...]:
    start_ms = max(since_ns, now_ns - SPAN_NS) // MS
    return ("startTime", str(start_ms)), ("endTime", str(now_ns // MS)), ("limit", str(ROWS_MAX))


def _oldest_first(transfers: Iterable[Transfer]) -> list[Transfer]:
    return sorted(transfers, key=lambda transfer: transfer.time_ns)
