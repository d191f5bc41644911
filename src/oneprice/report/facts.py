"""What a report is made from: the journal and black box of a run's folder, and what only the running engine knew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

from oneprice.ledger.attribution import Split, split
from oneprice.ledger.blackbox import Seen, read_blackbox
from oneprice.ledger.deals import Deal
from oneprice.ledger.exact import times
from oneprice.ledger.journal import read
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.records import Alarmed, AnyRecord, DealSettled, OrderIntended, OrderTold, RunStarted
from oneprice.model import OrderStatus
from oneprice.model.deals import DealOutcome
from oneprice.ports import Disk

ANSWERED = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED, OrderStatus.CANCELED})
ALARMS_SHOWN = 50
UNWANTED = "strategy"
"""The gate's name under which strategies say that an opportunity is not for them."""


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What only the engine knew while it ran. `pnl`: total by our books, `balance_change`: by the venues' own word
    where that can be asked for; both in `home`. `residuals`: what is still held. `stages`: of plans that were sent,
    monotonic nanoseconds (received, decided, approved, journaled, sent). `refusals`: by gate. `markets`: rows of the
    feeds. `missing`: what of this nobody knows any more, in words.
    """

    title: str
    home: str
    seconds: float
    pnl: Decimal
    balance_change: Decimal | None = None
    residuals: Sequence[Mapping[str, object]] = ()
    stages: Sequence[tuple[int, int, int, int, int]] = ()
    refusals: Mapping[str, int] = {}
    markets: Sequence[Mapping[str, object]] = ()
    missing: str = ""


class DealFacts(msgspec.Struct, frozen=True):
    """A settled deal. Times in wall nanoseconds, amounts in `home`: the report's, or the deal's own where no settlement
    told what that is worth."""

    deal: int
    strategy: str
    group: str
    home: str
    route: str
    outcome: DealOutcome
    reason: str
    opened_ns: int
    settled_ns: int
    expected_gross: Decimal
    expected_fees: Decimal
    parts: Split


class RunFacts(msgspec.Struct, frozen=True):
    """All of a run. `ack_ms`: from an order's intent to the first word of its venue."""

    run: int
    mode: str
    build: str
    config: str
    started_ns: int
    deals: tuple[DealFacts, ...]
    seen: tuple[Seen, ...]
    ack_ms: tuple[float, ...]
    orders: int
    alarms: tuple[str, ...]
    open_deals: int
    carried: Mapping[str, Decimal]
    unpriced: tuple[DealFacts, ...] = ()


def gather(disk: Disk, folder: Path, home: str, run: int = 0, records: Sequence[AnyRecord] | None = None) -> RunFacts:
    """One run of a data folder, 0 for the last, in `home`; deals that count in another asset are converted at its last
    worth. `records`: of its journal, where somebody has read it already. Raises JournalError when it cannot be read."""
    ledger, found = Ledger(), _Gathered()
    for record in read(disk, str(folder / "journal")).records if records is None else records:
        if isinstance(record, RunStarted):
            if run and ledger.run == run:
                break
            found = _Gathered(record)
        elif isinstance(record, DealSettled) and record.deal in ledger.deals:
            found.settle(_deal_facts(ledger.deals[record.deal], record), record, home)
        elif isinstance(record, OrderIntended):
            found.sent_ns[record.client_order_id] = record.wall_ns
            found.orders += 1
        elif isinstance(record, OrderTold) and record.status in ANSWERED:
            sent_ns = found.sent_ns.pop(record.client_order_id, None)
            if sent_ns is not None:
                found.ack_ms.append((record.wall_ns - sent_ns) / 1e6)
        elif isinstance(record, Alarmed):
            found.alarms.append(f"{record.kind}: {record.text}")
        ledger.apply(record)
    started = found.started
    deals = [found.converted(deal, home) for deal in found.deals]
    return RunFacts(
        run=ledger.run,
        mode=ledger.mode,
        build=started.build if started else "",
        config=started.config if started else "{}",
        started_ns=started.wall_ns if started else 0,
        deals=tuple(deal for deal in deals if deal.home == home),
        unpriced=tuple(deal for deal in deals if deal.home != home),
        seen=tuple(read_blackbox(disk, str(folder / "runs" / f"{ledger.run:06d}"))),
        ack_ms=tuple(found.ack_ms),
        orders=found.orders,
        alarms=tuple(found.alarms[-ALARMS_SHOWN:]),
        open_deals=len(ledger.deals),
        carried={asset: amount for asset, amount in sorted(ledger.carried.items()) if amount},
    )


class _Gathered:
    def __init__(self, started: RunStarted | None = None) -> None:
        self.started = started
        self.deals: list[DealFacts] = []
        self.marks: dict[str, Decimal] = {}
        self.sent_ns: dict[str, int] = {}
        self.ack_ms: list[float] = []
        self.alarms: list[str] = []
        self.orders = 0

    def settle(self, deal: DealFacts, record: DealSettled, home: str) -> None:
        """Take one in; what assets are worth is known from deals that count in `home`."""
        if deal.home == home:
            self.marks.update(record.marks)
        self.deals.append(self.converted(deal, home))

    def converted(self, deal: DealFacts, home: str) -> DealFacts:
        """In `home`, exactly; as it is where the worth of its own home is not known (yet)."""
        price = self.marks.get(deal.home)
        if deal.home == home or price is None:
            return deal
        parts = Split(*(times(getattr(deal.parts, name), price) for name in Split.__struct_fields__))
        gross, fees = times(deal.expected_gross, price), times(deal.expected_fees, price)
        return msgspec.structs.replace(deal, home=home, parts=parts, expected_gross=gross, expected_fees=fees)


def _deal_facts(deal: Deal, record: DealSettled) -> DealFacts:
    opened = deal.opened
    return DealFacts(
        deal=record.deal,
        strategy=opened.strategy,
        group=opened.group,
        home=opened.home,
        route=_route(deal),
        outcome=record.outcome,
        reason=record.reason,
        opened_ns=opened.wall_ns,
        settled_ns=record.wall_ns,
        expected_gross=opened.expected_gross,
        expected_fees=opened.expected_fees,
        parts=split(deal, dict(record.marks)),
    )


def _route(deal: Deal) -> str:
    """`gate-spot > mexc-spot`: where the plan's legs were, in their order."""
    places = [leg.listing.partition(":")[0] for leg in deal.opened.legs]
    return " > ".join(dict.fromkeys(places))


def funnel(facts: RunFacts) -> list[tuple[str, int]]:
    """Opportunities, from those seen to those captured; each line is part of the one before.

    An opportunity that several deals took counts by the best of them.
    """
    outcomes = {deal.deal: deal.outcome for deal in facts.deals}
    taken = [{outcomes.get(deal) for deal in one.deals} for one in facts.seen if one.deals]
    wanted = sum(1 for one in facts.seen if one.deals or any(gate != UNWANTED for gate, _ in one.gates))
    return [
        ("seen", len(facts.seen)),
        ("wanted", wanted),
        ("sent", len(taken)),
        ("settled with fills", sum(1 for ends in taken if ends - {None, DealOutcome.MISSED})),
        ("every leg whole", sum(1 for ends in taken if DealOutcome.CAPTURED in ends)),
    ]


def stopped_by(facts: RunFacts) -> list[tuple[str, int]]:
    """The gate that had the last word on each opportunity that was not taken, most first."""
    return Counter(one.gate for one in facts.seen if one.gate and not one.deal).most_common()


def percentile(values: Sequence[float], part: float) -> float | None:
    """The value that this part (0 to 1) does not exceed; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
