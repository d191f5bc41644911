"""What belongs to no market: what the key may do, how assets move, and what has moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar

import msgspec

from oneprice.errors import AuthenticationError, InvalidRequestError
from oneprice.model import AssetName, AssetNetwork, KeyPermissions, MarketKind, Transfer, TransferStatus
from oneprice.venues.kit import BodyError, Budget, Call, Number, Priority, Reader, Request, Response, Ticket, ns_of

BUDGET = "wallet"
BUDGETS: Mapping[str, Budget] = {BUDGET: Budget(80, 10.0)}
"""Documented are 80 to 200 in 10 s, by endpoint."""

SECOND_NS = 1_000_000_000
SPAN_S_MAX = 30 * 86_400 - 1
ROWS_MAX = 500
MAY_NOT_ASK = frozenset({"FORBIDDEN", "REQUEST_FORBIDDEN", "READ_ONLY", "NOT_FOUND", "METHOD_NOT_ALLOWED"})
"""Labels that may come when a key of a sub-account asks for the main account's keys (unverified which does)."""

MARKET_SCOPES = {MarketKind.SPOT: "spot", MarketKind.USDM: "futures"}
T = TypeVar("T")


class Countdown(msgspec.Struct):
    """When the dead man's switch acts: a time in milliseconds, "0" when it is disarmed."""

    triggerTime: str | int  # noqa: N815 - Gate's name


class Detail(msgspec.Struct):
    """`/account/detail`."""

    user_id: int


class Scope(msgspec.Struct):
    """A thing that a key may touch, and whether it may change it."""

    name: str
    read_only: bool = False


class KeyMode(msgspec.Struct):
    """What newer answers have under `key`."""

    mode: int = 0


class KeyInfo(msgspec.Struct):
    """Of `/account/main_keys`. `key`: its first characters and stars where several are told; `perms` may be missing."""

    key: str | KeyMode = ""
    perms: list[Scope] | None = None
    ip_whitelist: list[str] | None = None


class ChainRow(msgspec.Struct):
    """A row of `/wallet/currency_chains`: 0 and 1."""

    chain: str
    is_disabled: int = 0
    is_deposit_disabled: int = 0
    is_withdraw_disabled: int = 0
    contract_address: str | None = None


class TransferRow(msgspec.Struct):
    """A row of `/wallet/deposits` or `/wallet/withdrawals`; the time in seconds."""

    id: str
    timestamp: Number
    currency: str
    amount: Number
    status: str
    chain: str = ""
    txid: str | None = None
    fee: Number | None = None
    block_number: str | int | None = None


def ticket(reader: Reader, budget: str) -> Call[Ticket]:
    """The user's number, which private channels of perpetuals want."""
    request = Request(path="/api/v4/account/detail", budget=budget, priority=Priority.QUERY, signed=True)
    return reader.call(request, Detail, lambda told: Ticket(str(told.user_id)))


def permissions(reader: Reader, kind: MarketKind, budget: str, api_key: str) -> Call[KeyPermissions]:
    """`can_trade` is of this market. Moving between a user's own accounts is part of "wallet"."""
    request = Request(path="/api/v4/account/main_keys", budget=budget, priority=Priority.QUERY, signed=True)

    def convert(told: KeyInfo | list[KeyInfo]) -> KeyPermissions:
        ours = [row for row in (told if isinstance(told, list) else [told]) if _may_be(row, api_key)]
        return _permissions(ours[0], kind) if len(ours) == 1 else KeyPermissions()

    call = reader.call(request, KeyInfo | list[KeyInfo], convert)  # type: ignore[arg-type]
    return Call(request, _or_untold(call.read))


def networks(reader: Reader, asset: AssetName) -> Call[list[AssetNetwork]]:
    """One request tells the chains; fees and minimums would be another."""
    request = Request(
        path="/api/v4/wallet/currency_chains", query=(("currency", asset),), budget=BUDGET, priority=Priority.QUERY
    )

    def convert(rows: list[ChainRow]) -> list[AssetNetwork]:
        return [
            AssetNetwork(
                asset=asset,
                network=row.chain,
                deposit_enabled=not (row.is_disabled or row.is_deposit_disabled),
                withdraw_enabled=not (row.is_disabled or row.is_withdraw_disabled),
                contract=row.contract_address or "",
            )
            for row in rows
        ]

    return reader.call(request, list[ChainRow], convert)


def deposits(reader: Reader, since_ns: int, now_ns: int) -> Call[list[Transfer]]:
    """Newest rows where there are more than 500."""
    return _transfers(reader, "/api/v4/wallet/deposits", since_ns, now_ns, _deposit_status)


def withdrawals(reader: Reader, since_ns: int, now_ns: int) -> Call[list[Transfer]]:
    """As `deposits`."""
    return _transfers(reader, "/api/v4/wallet/withdrawals", since_ns, now_ns, _withdrawal_status)


def rate(told: Decimal | None, what: str) -> Decimal:
    """Raises BodyError for a fee that is missing or no fraction."""
    if told is None or abs(told) >= 1:
        raise BodyError(f"{what} is {told}")
    return told


# ---------------------------------------------------------------------- inside


def _or_untold(read: Callable[[Response], KeyPermissions]) -> Callable[[Response], KeyPermissions]:
    def told_or_untold(response: Response) -> KeyPermissions:
        try:
            return read(response)
        except (AuthenticationError, InvalidRequestError) as error:
            if error.code not in MAY_NOT_ASK:
                raise
            return KeyPermissions()

    return told_or_untold


def _may_be(row: KeyInfo, api_key: str) -> bool:
    """Whether nothing of what is told of a key speaks against its being ours."""
    return not isinstance(row.key, str) or api_key.startswith(row.key.partition("*")[0])


def _permissions(told: KeyInfo, kind: MarketKind) -> KeyPermissions:
    listed = told.ip_whitelist
    if told.perms is None:
        return KeyPermissions(ip_restricted=None if listed is None else bool(listed))
    writes = {scope.name for scope in told.perms if not scope.read_only}
    market = {MARKET_SCOPES[kind], "unified"}
    return KeyPermissions(
        can_read=any(scope.name in market for scope in told.perms),
        can_trade=bool(market & writes),
        can_withdraw=any("withdraw" in name for name in writes),
        can_transfer="wallet" in writes,
        ip_restricted=None if listed is None else bool(listed),
        scopes=tuple(f"{scope.name}{' (read only)' if scope.read_only else ''}" for scope in told.perms),
    )


def _transfers(
    reader: Reader, path: str, since_ns: int, now_ns: int, status: Callable[[TransferRow], TransferStatus]
) -> Call[list[Transfer]]:
    until_s = now_ns // SECOND_NS + 1
    since_s = max(since_ns // SECOND_NS, until_s - SPAN_S_MAX)
    query = (("from", str(since_s)), ("to", str(until_s)), ("limit", str(ROWS_MAX)))
    request = Request(path=path, query=query, budget=BUDGET, priority=Priority.QUERY, signed=True)

    def convert(rows: list[TransferRow]) -> list[Transfer]:
        return sorted((_transfer(row, status(row)) for row in rows), key=lambda transfer: transfer.time_ns)

    return reader.call(request, list[TransferRow], convert)


def _transfer(row: TransferRow, status: TransferStatus) -> Transfer:
    return Transfer(
        id=row.id,
        asset=AssetName(row.currency),
        network=row.chain,
        amount=row.amount,
        status=status,
        venue_status=row.status,
        time_ns=ns_of(row.timestamp, "s"),
        fee=row.fee,
        transaction=row.txid or "",
    )


_DEPOSITS = {"DONE": TransferStatus.DONE, "DEP_CREDITED": TransferStatus.CREDITED, "INVALID": TransferStatus.FAILED}
_WITHDRAWALS = {"CANCEL": TransferStatus.FAILED, "FAIL": TransferStatus.FAILED, "INVALID": TransferStatus.FAILED}


def _deposit_status(row: TransferRow) -> TransferStatus:
    """What is not in the table (PEND, REVIEW, TRACK, BLOCKED, or new) is not here yet."""
    return _DEPOSITS.get(row.status, TransferStatus.PENDING)


def _withdrawal_status(row: TransferRow) -> TransferStatus:
    """DONE counts once it stands in a block, where Gate tells the block."""
    if row.status == "DONE":
        return TransferStatus.PENDING if str(row.block_number) in ("", "0") else TransferStatus.DONE
    return _WITHDRAWALS.get(row.status, TransferStatus.PENDING)
