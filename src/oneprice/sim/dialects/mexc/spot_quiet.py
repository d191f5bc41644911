"""Signed spot endpoints about which the simulation has nothing to tell: no sub-accounts, rebates, small change.

They answer as for an account that has none of it, in the forms of the documents, so that clients that ask go on. What
would create such things is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from oneprice.sim.dialects.mexc.refusals import SpotRefusedError
from oneprice.sim.dialects.mexc.signing import Signed
from oneprice.sim.dialects.mexc.spot_private import SpotPrivate

__all__ = ["register_quiet"]

_ROWS: Final = {"rows": [], "total": 0}
_RECORDS: Final = {"page": 1, "totalRecords": 0, "totalPageNum": 0, "data": []}
_AFFILIATE: Final = {
    "success": True,
    "code": 0,
    "message": None,
    "data": {"pageSize": 10, "totalCount": 0, "totalPage": 0, "currentPage": 1, "resultList": []},
}

_EMPTY: Final[Mapping[str, object]] = {
    "/sub-account/list": {"subAccounts": []},
    "/sub-account/apiKey": {"subAccount": []},
    "/sub-account/asset": {"balances": []},
    "/capital/sub-account/universalTransfer": _ROWS,
    "/capital/transfer/internal": _RECORDS,
    "/capital/convert": _RECORDS,
    "/capital/convert/list": [],
    "/strategy/group/uid": [],
    "/rebate/taxQuery": _RECORDS,
    "/rebate/detail": _RECORDS,
    "/rebate/detail/kickback": _RECORDS,
    "/rebate/referCode": [],
    "/rebate/affiliate/commission": _AFFILIATE,
    "/rebate/affiliate/commission/detail": _AFFILIATE,
    "/rebate/affiliate/withdraw": _AFFILIATE,
    "/rebate/affiliate/campaign": _AFFILIATE,
    "/rebate/affiliate/referral": _AFFILIATE,
    "/rebate/affiliate/subaffiliates": _AFFILIATE,
}

_REFUSED: Final[Mapping[tuple[str, str], tuple[str, int, str]]] = {
    ("POST", "/sub-account/virtualSubAccount"): ("transfer", 700007, "No permission to access the endpoint."),
    ("POST", "/sub-account/apiKey"): ("transfer", 140001, "sub account does not exist"),
    ("DELETE", "/sub-account/apiKey"): ("transfer", 140001, "sub account does not exist"),
    ("POST", "/capital/sub-account/universalTransfer"): ("transfer", 140001, "sub account does not exist"),
    ("POST", "/capital/transfer/internal"): ("withdraw", 10001, "user does not exist"),
    ("POST", "/capital/convert"): ("trade", 10100, "this currency transfer is not supported"),
    ("DELETE", "/capital/withdraw"): ("withdraw", 22222, "record does not exist"),
    ("POST", "/apiKeyInfo"): ("withdraw", 700007, "No permission to access the endpoint."),
}
"""By what is asked: the right it needs, and what is said to those who have it."""


def register_quiet(door: SpotPrivate) -> None:
    """Put the endpoints on the server."""
    for path, told in _EMPTY.items():
        door.add("GET", path, partial(_tell, told))
    for (method, path), (right, code, text) in _REFUSED.items():
        door.add(method, path, partial(_refuse, code, text), right=right)


def _tell(told: object, _: Signed) -> object:
    return told


def _refuse(code: int, text: str, _: Signed) -> object:
    raise SpotRefusedError(code, text)
