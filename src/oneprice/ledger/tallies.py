"""What each strategy has brought, summed over its settled deals. All that changes a sum is to be called `exactly`."""

from __future__ import annotations

from decimal import Decimal

from oneprice.ledger.deals import Deal
from oneprice.ledger.exact import ZERO, add

EXTERNAL = "external"
"""What was not done by any strategy: orders of other hands, and funding of positions that no deal holds."""


class Tally:
    """`left`: what it has changed by asset, the coins of perpetuals among them; `fees`, `funding` by asset, part of it.
    `realised`: of settled deals, in the home asset, at the marks of their ends. `deals`: how many."""

    __slots__ = ("deals", "fees", "funding", "left", "realised")

    def __init__(self) -> None:
        self.deals = 0
        self.realised = ZERO
        self.left: dict[str, Decimal] = {}
        self.fees: dict[str, Decimal] = {}
        self.funding: dict[str, Decimal] = {}

    def settle(self, deal: Deal, achieved: Decimal, changed: dict[str, Decimal], fees: dict[str, Decimal]) -> None:
        """A deal of it is over."""
        self.deals += 1
        self.realised += achieved
        left, paid = self.left, self.fees
        for asset, amount in changed.items():
            left[asset] = left[asset] + amount if asset in left else amount
        for asset, amount in fees.items():
            paid[asset] = paid[asset] + amount if asset in paid else amount
        for (_, asset), amount in deal.funding.items():
            add(self.funding, asset, amount)

    def pay(self, fees: tuple[tuple[str, Decimal], ...]) -> None:
        """Fees of a fill that no open deal counts."""
        for asset, amount in fees:
            add(self.fees, asset, amount)
            add(self.left, asset, -amount)

    def fund(self, asset: str, amount: Decimal) -> None:
        """Funding that no open deal counts."""
        add(self.funding, asset, amount)
        add(self.left, asset, amount)
