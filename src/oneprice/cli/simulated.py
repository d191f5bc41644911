"""Trading on simulated exchanges of our own: their accounts, what they hold by the exchanges' word, and the change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Context, Decimal, Inexact
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from oneprice.app import Ports
    from oneprice.ledger.ledger import Ledger
    from oneprice.market import MarketData
    from oneprice.sim.cluster import SimCluster
    from oneprice.trade.account import TradingAccount

_EXACT = Context(prec=100, traps=[Inexact])


class Truth(msgspec.Struct, frozen=True):
    """What exchanges say that the demo's account has: amounts by (VENUE-MARKET, asset), and perpetual positions by
    (VENUE-MARKET, coin) as `(coins, cost in quote)`."""

    amounts: dict[tuple[str, str], Decimal]
    positions: dict[tuple[str, str], tuple[Decimal, Decimal]]


async def read_truth(cluster: SimCluster) -> Truth:
    """Ask every exchange of the cluster for the account that was opened first."""
    from oneprice.sim.price import coin_and_factor

    amounts: dict[tuple[str, str], Decimal] = {}
    positions: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
    for venue in cluster.exchanges:
        told = (await cluster.accounts(venue))["accounts"][0]
        for wallet, assets in told["wallets"].items():
            for asset, held in assets.items():
                total = _EXACT.add(Decimal(held["free"]), Decimal(held["held"]))
                amounts[f"{venue}-{market_of(wallet)}", asset] = total
        for instrument, held in told["positions"].items():
            coin, factor = coin_and_factor(instrument.partition("/")[0])
            place = (f"{venue}-usdm", coin)
            coins, cost = positions.get(place, (Decimal(0), Decimal(0)))
            coins = _EXACT.add(coins, _EXACT.multiply(Decimal(held["base"]), Decimal(factor)))
            positions[place] = (coins, _EXACT.add(cost, Decimal(held["cost"])))
    return Truth(amounts, positions)


def market_of(wallet: str) -> str:
    """The second half of a VENUE-MARKET name; exchanges name their perpetual wallets in their own ways."""
    return "spot" if wallet == "spot" else "usdm"


def balance_change(before: Truth, after: Truth, mark: Callable[[str], Decimal | None]) -> Decimal:
    """What the account has gained, in quote asset, by the exchanges' own balances: each asset's change at its mark, and
    positions at their mark less their cost. Exact."""
    total = Decimal(0)
    for place in sorted(before.amounts.keys() | after.amounts.keys()):
        change = _EXACT.subtract(after.amounts.get(place, Decimal(0)), before.amounts.get(place, Decimal(0)))
        if change:
            total = _EXACT.add(total, _EXACT.multiply(change, mark(place[1]) or Decimal(0)))
    for place in sorted(before.positions.keys() | after.positions.keys()):
        base_before, cost_before = before.positions.get(place, (Decimal(0), Decimal(0)))
        base_after, cost_after = after.positions.get(place, (Decimal(0), Decimal(0)))
        moved = _EXACT.subtract(base_after, base_before)
        if moved:
            worth = _EXACT.multiply(moved, mark(place[1]) or Decimal(0))
            total = _EXACT.add(total, worth)
        total = _EXACT.subtract(total, _EXACT.subtract(cost_after, cost_before))
    return total


def simulated_accounts(
    markets: tuple[str, ...], urls: Mapping[str, str], ports: Ports
) -> Callable[[MarketData, Ledger], Mapping[str, TradingAccount]]:
    """Accounts with the key that every simulated exchange lets in. `urls` by venue."""

    def make(market: MarketData, ledger: Ledger) -> Mapping[str, TradingAccount]:
        from oneprice.app import build_account, simulated_hosts
        from oneprice.sim.accounts import DEFAULT_KEY, DEFAULT_SECRET
        from oneprice.venues.kit import Credentials

        hosts = simulated_hosts(markets, urls)
        credentials = Credentials(DEFAULT_KEY, DEFAULT_SECRET)
        return {name: build_account(name, credentials, ports, hosts=hosts[name]) for name in markets}

    return make
