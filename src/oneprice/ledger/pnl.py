"""Profit and loss: what the accounts have gained, split by where it came from. Exact, at given marks."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from oneprice.ledger.exact import ONE, ZERO, add, exactly, minus, plus, times, total
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.tallies import EXTERNAL

Mark = Callable[[str], "Decimal | None"]
"""What one of an asset is worth in home; None when nobody knows."""


class StrategyPnl(msgspec.Struct, frozen=True, kw_only=True):
    """Of one strategy, or of one open deal. `realised`: settled deals, at the marks of their ends; `unrealised`: the
    rest of `total`, which is at the marks given: open deals, and what became of coins that settled ones left. `fees`
    by asset, in that asset; `funding` in home; both are part of the total."""

    deals: int
    total: Decimal
    realised: Decimal
    unrealised: Decimal
    fees: dict[str, Decimal]
    funding: Decimal


class PnlView(msgspec.Struct, frozen=True, kw_only=True):
    """All in one home asset but `fees`, which are in the asset that they were paid in.

    `total` is what trading has changed in all balances, at marks, with the unrealised profit of perpetuals:
    `realised` and `unrealised`. It is the sum of `by_venue`, of `by_asset` and of `by_strategy`, exactly. What was
    there at first counts as nothing gained, and so do transfers. `settled`: by strategy, at the marks of the deals'
    ends. `strategies`: the same in more detail; `deals`: the open ones. `carried_worth`: of what is to be netted.
    `unpriced`: assets that changed and have no mark; they count as nothing.
    """

    home: str
    total: Decimal
    realised: Decimal
    unrealised: Decimal
    funding: Decimal
    fees: dict[str, Decimal]
    by_venue: dict[str, Decimal]
    by_asset: dict[str, Decimal]
    by_strategy: dict[str, Decimal]
    settled: dict[str, Decimal]
    strategies: dict[str, StrategyPnl]
    deals: dict[int, StrategyPnl]
    carried_worth: Decimal
    external: Decimal
    unpriced: tuple[str, ...]


class _Marked:
    """Amounts at marks. Remembers what had none."""

    def __init__(self, home: str, mark: Mark) -> None:
        self._home, self._mark = home, mark
        self._known: dict[str, Decimal | None] = {home: ONE}
        self.unpriced: set[str] = set()

    def worth(self, asset: str, amount: Decimal) -> Decimal:
        """In home."""
        if not amount:
            return ZERO
        if asset not in self._known:
            self._known[asset] = self._mark(asset)
        price = self._known[asset]
        if price is None:
            self.unpriced.add(asset)
            return ZERO
        return times(amount, price)

    def sum(self, amounts: dict[str, Decimal]) -> Decimal:
        """Of all, in home."""
        return total(self.worth(asset, amount) for asset, amount in amounts.items())


def pnl_view(ledger: Ledger, home: str, mark: Mark) -> PnlView:
    """As of now."""
    marked = _Marked(home, mark)
    with exactly():
        return _view(ledger, home, marked)


def _view(ledger: Ledger, home: str, marked: _Marked) -> PnlView:
    by_venue: dict[str, Decimal] = {}
    by_asset: dict[str, Decimal] = {}
    fees: dict[str, Decimal] = {}
    realised = unrealised = funding = ZERO
    for held in ledger.holdings():
        value = marked.worth(held.asset, held.gained)
        realised = plus(realised, value)
        add(by_venue, held.account.rpartition("-")[0], value)
        add(by_asset, held.asset, value)
        funding = plus(funding, marked.worth(held.asset, held.funding))
        if held.fees:
            add(fees, held.asset, held.fees)
    for key, position in sorted(ledger.positions.items()):
        listing = ledger.listings[key]
        coins = marked.worth(listing.base, minus(position.coins, position.opened_coins))
        cost = marked.worth(listing.quote, minus(position.cost, position.opened_cost))
        value = minus(coins, cost)
        unrealised = plus(unrealised, value)
        add(by_venue, listing.account.rpartition("-")[0], value)
        add(by_asset, listing.base, value)
    deals, strategies = _by_deal(ledger, marked), {}
    for name, tally in sorted(ledger.tallies.items()):
        value = marked.sum(tally.left)
        strategies[name] = _row(tally.deals, value, tally.realised, tally.fees, marked.sum(tally.funding))
    for number, row in deals.items():
        name = ledger.deals[number].opened.strategy
        strategies[name] = _sum(strategies[name], row) if name in strategies else row
    return PnlView(
        home=home,
        total=plus(realised, unrealised),
        realised=realised,
        unrealised=unrealised,
        funding=funding,
        fees=fees,
        by_venue=by_venue,
        by_asset=by_asset,
        by_strategy={name: row.total for name, row in strategies.items()},
        settled={name: row.realised for name, row in strategies.items()},
        strategies=strategies,
        deals=deals,
        carried_worth=marked.sum(ledger.carried),
        external=strategies[EXTERNAL].total,
        unpriced=tuple(sorted(marked.unpriced)),
    )


def _by_deal(ledger: Ledger, marked: _Marked) -> dict[int, StrategyPnl]:
    rows = {}
    for number, deal in ledger.deals.items():
        funding = total(marked.worth(asset, amount) for (_, asset), amount in deal.funding.items())
        changed, fees = deal.sums()
        rows[number] = _row(0, marked.sum(changed), ZERO, fees, funding)
    return rows


def _row(deals: int, value: Decimal, realised: Decimal, fees: dict[str, Decimal], funding: Decimal) -> StrategyPnl:
    return StrategyPnl(
        deals=deals,
        total=value,
        realised=realised,
        unrealised=minus(value, realised),
        fees=dict(fees),
        funding=funding,
    )


def _sum(row: StrategyPnl, other: StrategyPnl) -> StrategyPnl:
    fees = dict(row.fees)
    for asset, amount in other.fees.items():
        add(fees, asset, amount)
    value, realised = plus(row.total, other.total), plus(row.realised, other.realised)
    return _row(row.deals + other.deals, value, realised, fees, plus(row.funding, other.funding))
