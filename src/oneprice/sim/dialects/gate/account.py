"""Who the user is and what the key may: `/account/*`, `/unified/*`, and the account types this user has not."""

from __future__ import annotations

from typing import Final

from oneprice.sim.dialects.gate.caller import Call, Right
from oneprice.sim.dialects.gate.groups import SelfTradeGroups
from oneprice.sim.dialects.gate.refusals import RefusedError
from oneprice.sim.dialects.gate.rest import Gateway

__all__ = ["register_account"]

_CREATED: Final = "2024-01-01T00:00:00Z"
_PERMISSIONS: Final = {
    # name -> the right that makes it writable
    "wallet": Right.TRANSFER,
    "spot": Right.TRADE,
    "futures": Right.TRADE,
    "account": Right.READ,
}
_EMPTY: Final = (
    "/margin/accounts",
    "/margin/account_book",
    "/margin/funding_accounts",
    "/margin/user/account",
    "/margin/uni/loans",
    "/sub_accounts",
    "/unified/loans",
    "/unified/loan_records",
    "/unified/interest_records",
    "/wallet/sub_account_transfers",
    "/wallet/sub_account_balances",
    "/wallet/sub_account_margin_balances",
    "/wallet/sub_account_futures_balances",
    "/wallet/sub_account_cross_margin_balances",
    "/wallet/small_balance",
    "/wallet/small_balance_history",
    "/wallet/push",
    "/earn/uni/lends",
    "/flash_swap/orders",
)
_MISSING: Final = (
    "/futures/btc/accounts",
    "/futures/btc/positions",
    "/futures/btc/orders",
    "/delivery/{settle}/accounts",
    "/delivery/{settle}/positions",
    "/delivery/{settle}/orders",
    "/options/accounts",
    "/options/positions",
    "/options/orders",
    "/margin/cross/accounts",
)


def register_account(gateway: Gateway, groups: SelfTradeGroups) -> None:
    """Put the endpoints on the gateway."""
    gateway.private("GET", "/account/detail", _detail)
    gateway.private("GET", "/account/main_keys", _main_keys)
    gateway.private("GET", "/account/rate_limit", _rate_limit)
    gateway.private("GET", "/account/debit_fee", lambda call: {"enabled": False})
    gateway.private("GET", "/account/stp_groups", groups.created_by)
    gateway.private("POST", "/account/stp_groups", groups.create)
    gateway.private("GET", "/account/stp_groups/{stp_id}/users", groups.members)
    gateway.private("POST", "/account/stp_groups/{stp_id}/users", groups.add)
    gateway.private("DELETE", "/account/stp_groups/{stp_id}/users", groups.remove)
    gateway.private("GET", "/unified/unified_mode", lambda call: {"mode": "classic", "settings": {}})
    gateway.private("PUT", "/unified/unified_mode", _not_unified)
    gateway.private("GET", "/unified/accounts", _not_unified)
    for path in _EMPTY:
        gateway.private("GET", path, lambda call: [])
    for path in _MISSING:
        gateway.private("GET", path, _no_user)


def _detail(call: Call) -> object:
    """`key.mode` 1 is a classic account. The key's rights are not said here."""
    return {
        "user_id": call.account.uid,
        "ip_whitelist": [],
        "currency_pairs": [],
        "key": {"mode": 1},
        "tier": 0,
        "tier_expire_time": "0001-01-01T00:00:00Z",
        "copy_trading_role": 0,
    }


def _main_keys(call: Call) -> object:
    """What the calling key may; `withdrawal` is there only for keys that may withdraw."""
    names = dict(_PERMISSIONS)
    if Right.WITHDRAW.value in call.key.rights:
        names["withdrawal"] = Right.WITHDRAW
    return {
        "state": 1,
        "mode": 1,
        "name": [call.key.key],
        "user_id": call.account.uid,
        "currency_pairs": [],
        "ip_whitelist": [],
        "perms": [
            {"name": name, "read_only": right is Right.READ or right.value not in call.key.rights}
            for name, right in names.items()
        ],
        "key": {"mode": 1},
        "created_at": _CREATED,
        "updated_at": _CREATED,
        "last_access": _CREATED,
    }


def _rate_limit(call: Call) -> object:
    return [{"tier": "0", "ratio": "0", "main_ratio": "0", "updated_at": str(call.now_ns // 1_000_000_000)}]


def _not_unified(call: Call) -> object:
    raise RefusedError("ACCOUNT_EXCEPTION", "unified account is not enabled")


def _no_user(call: Call) -> object:
    raise RefusedError("USER_NOT_FOUND", "please transfer funds first to create the account")
