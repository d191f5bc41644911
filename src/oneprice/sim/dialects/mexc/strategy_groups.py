"""Self-trade prevention groups: an account's `stpMode` has an effect only while the account is in one."""

from __future__ import annotations

from oneprice.sim.accounts import Account
from oneprice.sim.dialects.mexc.refusals import SpotRefusedError
from oneprice.sim.dialects.mexc.signing import Signed
from oneprice.sim.dialects.mexc.spot_private import SpotPrivate, required
from oneprice.sim.server import SimServer

__all__ = ["StrategyGroups"]


class _Group:
    def __init__(self, group_id: int, name: str, created_ms: int) -> None:
        self.group_id = group_id
        self.name = name
        self.created_ms = created_ms
        self.uids: set[int] = set()


class StrategyGroups:
    """The groups that each account has made. Every account counts as a master account."""

    def __init__(self, server: SimServer) -> None:
        self._server = server
        self._groups: dict[int, dict[int, _Group]] = {}
        self._next_id = 1

    def is_member(self, account: Account) -> bool:
        """Whether the account is in any group."""
        return any(account.uid in group.uids for owned in self._groups.values() for group in owned.values())

    def register(self, door: SpotPrivate) -> None:
        """Put the endpoints on the server."""
        door.add("POST", "/strategy/group", self._create, right="trade", weight=20)
        door.add("GET", "/strategy/group", self._list, weight=20)
        door.add("DELETE", "/strategy/group", self._delete, right="trade")
        door.add("POST", "/strategy/group/uid", self._join, right="trade", weight=20)
        door.add("DELETE", "/strategy/group/uid", self._leave, right="trade")

    def _create(self, signed: Signed) -> object:
        group = _Group(self._next_id, required(signed, "tradeGroupName"), self._server.now_ms())
        self._next_id += 1
        self._groups.setdefault(signed.account.uid, {})[group.group_id] = group
        return _row(group)

    def _list(self, signed: Signed) -> object:
        name = signed.params.get("tradeGroupName")
        owned = self._groups.get(signed.account.uid, {}).values()
        return [_row(group) for group in owned if name in (None, "", group.name)]

    def _delete(self, signed: Signed) -> object:
        group = self._group(signed)
        del self._groups[signed.account.uid][group.group_id]
        return True

    def _join(self, signed: Signed) -> object:
        group = self._group(signed)
        group.uids.update(_uids(signed))
        return [{"uid": str(uid)} for uid in sorted(group.uids)]

    def _leave(self, signed: Signed) -> object:
        self._group(signed).uids.difference_update(_uids(signed))
        return True

    def _group(self, signed: Signed) -> _Group:
        text = required(signed, "tradeGroupId")
        owned = self._groups.get(signed.account.uid, {})
        group = owned.get(int(text)) if text.isascii() and text.isdigit() else None
        if group is None:
            raise SpotRefusedError(22222, "record does not exist")
        return group


def _uids(signed: Signed) -> list[int]:
    parts = required(signed, "uid").split(",")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise SpotRefusedError(33333, "Param Error: uid")
    return [int(part) for part in parts]


def _row(group: _Group) -> dict[str, object]:
    return {
        "tradeGroupName": group.name,
        "tradeGroupId": group.group_id,
        "createTime": group.created_ms,
        "updateTime": group.created_ms,
        "uids": [str(uid) for uid in sorted(group.uids)],
    }
