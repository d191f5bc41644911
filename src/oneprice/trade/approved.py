"""What the gates have approved, as a type: nothing else can be journaled, and nothing else than that can be sent.

An `ApprovedPlan` is made by `Gates.approve` alone. It cannot be changed, copied or pickled.
"""

from __future__ import annotations

from typing import NoReturn

import msgspec

from oneprice.errors import InvariantError
from oneprice.model.deals import Plan

SEAL = object()
"""For `Gates.approve`, and for nobody else."""


class Refusal(msgspec.Struct, frozen=True):
    """Which gate said no, and why: words, figures, and in brackets the setting that decides."""

    gate: str
    text: str

    def __str__(self) -> str:
        return f"{self.gate}: {self.text}"


class ApprovedPlan:
    """A plan that no gate refused at `approved_ns` (monotonic). Raises InvariantError when anybody else makes one."""

    __slots__ = ("approved_ns", "plan")

    plan: Plan
    approved_ns: int

    def __init__(self, plan: Plan, approved_ns: int, seal: object = None) -> None:
        if seal is not SEAL:
            raise InvariantError("only Gates.approve makes an ApprovedPlan")
        _SET_PLAN(self, plan)
        _SET_TIME(self, approved_ns)

    def __init_subclass__(cls) -> NoReturn:
        raise InvariantError("an ApprovedPlan has no other kinds")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise InvariantError(f"an ApprovedPlan is not changed: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise InvariantError(f"an ApprovedPlan is not changed: {name}")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise InvariantError("an ApprovedPlan is neither copied nor kept")


_SET_PLAN, _SET_TIME = ApprovedPlan.__dict__["plan"].__set__, ApprovedPlan.__dict__["approved_ns"].__set__
