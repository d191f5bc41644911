"""What the trader wants of a strategy."""

from __future__ import annotations

from typing import Protocol

import msgspec

from oneprice.ledger.deals import Deal
from oneprice.market.opportunities import Standing
from oneprice.model.deals import Plan


class Quote(msgspec.Struct, frozen=True):
    """A wish to rest an order: a plan of one MAKER leg."""

    plan: Plan


class Pull(msgspec.Struct, frozen=True):
    """A wish to cancel a resting order."""

    client_order_id: str
    reason: str


class Strategy(Protocol):
    """Takes, at once or not at all. All calls are quick and do not wait."""

    @property
    def name(self) -> str:
        """As plans and deals carry it."""

    def on_opportunity(self, standing: Standing, now_ns: int) -> Plan | str | None:
        """In the turn of the frame that made it: the plan, why not, or None when it is not this strategy's."""

    def on_tick(self, now_ns: int) -> list[Plan]:
        """Time has passed."""

    def close(self, number: int, deal: Deal, reason: str, now_ns: int) -> Plan | None:
        """Orders that close what the deal holds, at what the books give; None when nothing can be closed now."""


class Quoting(Protocol):
    """Rests orders and moves them."""

    @property
    def name(self) -> str:
        """As plans and deals carry it."""

    def on_tick(self, now_ns: int) -> list[Quote | Pull]:
        """Time has passed."""

    def refused(self, wish: Quote, why: str, now_ns: int) -> None:
        """A gate stopped it: not at once again."""
