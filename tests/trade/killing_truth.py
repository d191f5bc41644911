"""Holds what exchanges say of an account against what a journal says, when the engine has come to an orderly end and
nobody else trades there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.trade.witness import our_id

from oneprice.ledger.ledger import Ledger
from oneprice.ledger.records import Alarmed, AnyRecord, FillTold, ListingKnown, OrderIntended, TransferTold

Place = tuple[str, str, str]
"""A fill's: account, symbol, and the number that the exchange gave it."""


@dataclass(frozen=True)
class Truth:
    """One venue's. `account` and `fills`: as the control API of a simulated exchange tells them."""

    venue: str
    account: Mapping[str, Any]
    fills: Sequence[Mapping[str, Any]]


@dataclass
class Findings:
    """What does not hold, in words. `orphans`: orders that nobody looks after; `lost` and `doubled`: fills, and deals
    that do not come to an end; `unexplained`: money. The rest are counts."""

    orphans: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    orders: int = 0
    fills: int = 0
    deals: int = 0
    alarms: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """All that does not hold."""
        parts = {"ORPHAN": self.orphans, "LOST": self.lost, "DOUBLED": self.doubled, "UNEXPLAINED": self.unexplained}
        return [f"{name}: {text}" for name, texts in parts.items() for text in texts]


def judge(truths: Sequence[Truth], records: Sequence[AnyRecord]) -> Findings:
    """Everything at once."""
    found, ledger = Findings(), Ledger()
    ledger.fold(records)
    intended = {one.client_order_id for one in records if isinstance(one, OrderIntended)}
    found.orders, found.deals = len(intended), ledger.deals_settled
    found.alarms.update(one.kind for one in records if isinstance(one, Alarmed))
    found.orphans += _orphans(truths, records, ledger, intended)
    _fills(truths, records, found)
    found.lost += [f"deal {number} is {deal.state.value}: {deal.reason}" for number, deal in ledger.deals.items()]
    found.unexplained += [
        f"{one.account}: {one.amount} {one.asset}, {one.why}" for one in records if isinstance(one, TransferTold)
    ]
    for truth in truths:
        found.unexplained += _money(truth, ledger)
    if ledger.switches.get("halt", ("off", ""))[0] == "on":
        found.unexplained.append(f"entries are halted: {ledger.switches['halt'][1]}")
    return found


def _orphans(
    truths: Sequence[Truth], records: Sequence[AnyRecord], ledger: Ledger, intended: set[str]
) -> Iterator[str]:
    for name, order in ledger.orders.items():
        if not order.is_over:
            yield f"{name} is {order.status.name} in the journal"
    for one in records:
        if isinstance(one, Alarmed) and one.kind in ("orphan", "two engines"):
            yield one.text
    for truth in truths:
        for row in truth.account["open_orders"]:
            yield f"{truth.venue} has {row['client_order_id']!r} open"
        for name in sorted({our_id(row["client_order_id"]) for row in truth.fills} - intended):
            yield f"{truth.venue} has fills of {name!r}, which was never intended"


def _fills(truths: Sequence[Truth], records: Sequence[AnyRecord], found: Findings) -> None:
    symbols = {one.listing: (one.account, one.symbol) for one in records if isinstance(one, ListingKnown)}
    booked: dict[Place, list[FillTold]] = {}
    for one in records:
        if isinstance(one, FillTold):
            found.fills += 1
            # MEXC says behind the number which side it was.
            booked.setdefault((*symbols[one.listing], one.venue_fill_id.partition("X")[0]), []).append(one)
    there = {}
    for truth in truths:
        for row in truth.fills:
            account = f"{truth.venue}-{'spot' if row['market'] == 'spot' else 'usdm'}"
            there[account, row["instrument"].partition(":")[0], str(row["fill_id"])] = row
    for place, row in there.items():
        if place not in booked:
            found.lost.append(f"the fill {place} of {row['client_order_id']!r} is not in the journal")
        else:
            found.lost += [f"the fill {place}: {text}" for text in _differences(row, booked[place][0])]
    for place, told in booked.items():
        if len(told) > 1:
            found.doubled.append(f"the fill {place} is in the journal {len(told)} times")
        if place not in there:
            found.doubled.append(f"the fill {place} is in the journal, and none of the exchange's")


def _differences(row: Mapping[str, Any], told: FillTold) -> Iterator[str]:
    if told.client_order_id != our_id(row["client_order_id"]):
        yield f"it is of {row['client_order_id']!r}, and booked for {told.client_order_id!r}"
    if (Decimal(row["price"]), Decimal(row["quantity"])) != (told.price, told.quantity):
        yield f"{row['quantity']} at {row['price']}, booked as {told.quantity} at {told.price}"
    fees = {asset: amount for asset, amount in told.fees if amount}
    if fees != ({row["fee_asset"]: Decimal(row["fee"])} if Decimal(row["fee"]) else {}):
        yield f"its fee is {row['fee']} {row['fee_asset']}, booked as {fees}"


def _money(truth: Truth, ledger: Ledger) -> Iterator[str]:
    for key, row in truth.account["positions"].items():
        if Decimal(row["quantity"]):
            yield f"{truth.venue}: a position of {row['quantity']} {key} is left"
    for key, quantity in ledger.open_positions():
        if key.startswith(f"{truth.venue}-"):
            yield f"{key}: the ledger has a position of {quantity}"
    for wallet, assets in truth.account["wallets"].items():
        account = f"{truth.venue}-{'spot' if wallet == 'spot' else 'usdm'}"
        if account not in ledger.accounts:
            continue
        for asset, held in assets.items():
            theirs, ours = Decimal(held["free"]) + Decimal(held["held"]), ledger.total(account, asset)
            if theirs != ours:
                yield f"{account} has {theirs} {asset}, the ledger {ours}"
