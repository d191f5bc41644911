"""Gate's self-trade prevention groups (`/account/stp_groups`): only a member's orders may say what is prevented."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from oneprice.sim.accounts import Account
from oneprice.sim.dialects.gate.caller import Call
from oneprice.sim.dialects.gate.fields import Fields
from oneprice.sim.dialects.gate.refusals import RefusedError, invalid
from oneprice.sim.dialects.gate.spot_shapes import SELF_TRADES
from oneprice.sim.engine import SelfTrade

__all__ = ["SelfTradeGroups"]

_ACTS: Final[Mapping[str, SelfTrade]] = SELF_TRADES | {"-": SelfTrade.CANCEL_TAKER}
_GROUPS_MAX: Final = 1_000


class _Group(msgspec.Struct):
    group_id: int
    name: str
    creator: int
    created_s: int
    members: dict[int, int]  # uid -> when it joined, s


class SelfTradeGroups:
    """Who is in which group. The simulation prevents an account's trades with itself, not with fellow members."""

    def __init__(self) -> None:
        self._groups: dict[int, _Group] = {}

    def group_of(self, account: Account) -> int:
        """The account's group, 0 for none."""
        for group in self._groups.values():
            if account.uid in group.members:
                return group.group_id
        return 0

    def choice(self, account: Account, fields: Fields) -> SelfTrade:
        """What an order's `stp_act` asks for; members that say nothing get cn. Raises RefusedError for others."""
        act = fields.text("stp_act", "-")
        if act not in _ACTS:
            raise invalid("stp_act", act)
        if self.group_of(account):
            return _ACTS[act]
        if act != "-":
            raise RefusedError("INVALID_PARAM_VALUE", "stp_act needs the user to be in an STP group")
        return SelfTrade.NONE

    def create(self, call: Call) -> dict[str, object]:
        """A new group with its creator in it."""
        name = call.fields().needed("name")
        if self.group_of(call.account) or len(self._groups) >= _GROUPS_MAX:
            raise RefusedError("INVALID_PARAM_VALUE", "the user is in an STP group already")
        now_s = call.now_ns // 1_000_000_000
        group = _Group(len(self._groups) + 1, name, call.account.uid, now_s, {call.account.uid: now_s})
        self._groups[group.group_id] = group
        return _shape(group)

    def created_by(self, call: Call) -> list[dict[str, object]]:
        """The groups the caller has made."""
        return [_shape(group) for group in self._groups.values() if group.creator == call.account.uid]

    def members(self, call: Call) -> list[dict[str, object]]:
        """Who is in a group of the caller."""
        return _members(self._own(call))

    def add(self, call: Call) -> list[dict[str, object]]:
        """Users join a group of the caller."""
        group = self._own(call)
        for uid in call.rows():
            if not isinstance(uid, int) or isinstance(uid, bool):
                raise invalid("user_id", uid)
            group.members[uid] = call.now_ns // 1_000_000_000
        return _members(group)

    def remove(self, call: Call) -> list[dict[str, object]]:
        """A user leaves a group of the caller."""
        group = self._own(call)
        group.members.pop(call.fields().number("user_id", 0, 1, 2**60), None)
        return _members(group)

    def _own(self, call: Call) -> _Group:
        group = self._groups.get(call.fields().number("stp_id", 0, 1, 2**60))
        if group is None or group.creator != call.account.uid:
            raise RefusedError("NOT_FOUND", "STP group not found", 404)
        return group


def _shape(group: _Group) -> dict[str, object]:
    return {
        "id": group.group_id,
        "name": group.name,
        "creator_id": group.creator,
        "create_time": group.created_s,
    }


def _members(group: _Group) -> list[dict[str, object]]:
    return [{"user_id": uid, "stp_id": group.group_id, "create_time": at} for uid, at in group.members.items()]
