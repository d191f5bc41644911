"""The figures of a report, in the order in which they are read; page and Markdown show the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import msgspec

from oneprice.ledger.blackbox import DELAYS_MS
from oneprice.ledger.exact import ZERO, minus, plus
from oneprice.model.deals import DealOutcome
from oneprice.report.facts import DealFacts, RunFacts, RunSummary, percentile

PARTS = ("price_moved", "depth", "partial", "hedge", "rounding", "funding")
STAGES = ("receive to decide", "gates", "journal", "sign and send", "frame to sent")
PERCENTILES = (0.5, 0.9, 0.99, 0.999)


class Table(msgspec.Struct, frozen=True):
    """`numbers`: how many of the first columns are words; the others are figures."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


def money(value: Decimal) -> str:
    """All digits, without idle zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def cents(value: Decimal) -> str:
    """Two decimals and a sign, for reading."""
    return f"{value:+,.2f}"


def held_line(row: Mapping[str, object]) -> str:
    """What is still held, in words: `0.0001 BTC, worth 6.40 USDT (carried dust)`."""
    worth = row.get("worth")
    told = f", worth {cents(Decimal(str(worth)))} {row['in']}" if worth is not None and "in" in row else ""
    return f"{money(Decimal(str(row['amount'])))} {row.get('asset') or row.get('listing')}{told} ({row['why']})"


def agreement(summary: RunSummary) -> tuple[str, bool]:
    """How our books and the venues' own balances agree, in words, and whether they do."""
    if summary.balance_change is None:
        return "The venues' balances were compared while it ran: what did not agree is among the alarms.", True
    ours, theirs, home = money(summary.pnl), money(summary.balance_change), summary.home
    if summary.pnl == summary.balance_change:
        return f"The venues' own balances have changed by {theirs} {home}: equal to the last unit.", True
    return f"The venues' own balances have changed by {theirs}, ours say {ours} {home}: NOT EQUAL.", False


def left_out(facts: RunFacts) -> str:
    """Which deals the sums do not have, in words; "" when they have all."""
    if not facts.unpriced:
        return ""
    homes = ", ".join(sorted({deal.home for deal in facts.unpriced}))
    return (
        f"{len(facts.unpriced)} deals count in {homes}, whose worth no settlement told: they are not in the sums below."
    )


def traded(facts: RunFacts) -> list[DealFacts]:
    """Settled deals in which something was filled."""
    return [deal for deal in facts.deals if deal.outcome is not DealOutcome.MISSED]


def waterfall_steps(facts: RunFacts) -> list[tuple[str, Decimal]]:
    """Expected gross, then what took from it or added to it; they sum to what was achieved, exactly."""
    deals, missed = traded(facts), [deal for deal in facts.deals if deal.outcome is DealOutcome.MISSED]
    fees = [minus(deal.parts.fees, deal.expected_fees) for deal in deals]
    steps = [
        ("expected gross", _sum([deal.expected_gross for deal in facts.deals])),
        ("missed", _sum([minus(deal.parts.achieved, deal.expected_gross) for deal in missed])),
        ("fees", _sum(fees)),
    ]
    steps += [(name.replace("_", " "), _sum([getattr(deal.parts, name) for deal in deals])) for name in PARTS]
    rest = minus(achieved(facts), _sum([value for _, value in steps]))
    return [*steps, ("expected else", rest)] if rest else steps


def achieved(facts: RunFacts) -> Decimal:
    """By all settled deals."""
    return _sum([deal.parts.achieved for deal in facts.deals])


def by_route(facts: RunFacts) -> Table:
    """Where the deals were."""
    return _grouped("By venue pair", facts, lambda deal: deal.route)


def by_strategy(facts: RunFacts) -> Table:
    """Which strategy made them."""
    return _grouped("By strategy", facts, lambda deal: deal.strategy)


def _grouped(heading: str, facts: RunFacts, key: Callable[[DealFacts], str]) -> Table:
    groups: dict[str, list[DealFacts]] = {}
    for deal in traded(facts):
        groups.setdefault(key(deal), []).append(deal)
    rows = []
    for name, deals in groups.items():
        net = _sum([deal.parts.achieved for deal in deals])
        expected = _sum([deal.parts.expected for deal in deals])
        hedged = sum(deal.outcome is DealOutcome.HEDGED for deal in deals)
        rows.append((net, (name, str(len(deals)), str(hedged), cents(expected), cents(net))))
    ordered = tuple(row for _, row in sorted(rows, key=lambda pair: pair[0], reverse=True))
    return Table(heading, (heading[3:], "deals", "hedged", "expected", "achieved"), ordered)


def latencies(facts: RunFacts, summary: RunSummary) -> Table:
    """Percentiles of each stage, in microseconds, and of the venues' answers."""
    stages = summary.stages
    spans = [
        [(one[1] - one[0]) / 1e3 for one in stages],
        [(one[2] - one[1]) / 1e3 for one in stages],
        [(one[3] - one[2]) / 1e3 for one in stages],
        [(one[4] - one[3]) / 1e3 for one in stages],
        [(one[4] - one[0]) / 1e3 for one in stages],
    ]
    rows = [_percentiles(name, span, "us") for name, span in zip(STAGES, spans, strict=True) if span]
    if facts.ack_ms:
        rows.append(_percentiles("intent to the venue's word", facts.ack_ms, "ms"))
    if facts.seen:
        rows.append(_percentiles("life of an opportunity", [one.lifetime_ms for one in facts.seen], "ms"))
    return Table("Latency", ("from, to", "p50", "p90", "p99", "p99.9", "count"), tuple(rows))


def delays(facts: RunFacts) -> Table:
    """What a delay would have left of what was seen, all opportunities together, by home asset."""
    homes: dict[str, list[Decimal]] = {}
    for one in facts.seen:
        sums = homes.setdefault(one.home, [ZERO] * (len(DELAYS_MS) + 2))
        for place, value in enumerate((one.net, one.first_net, *one.left)):
            sums[place] = plus(sums[place], value)
    rows = tuple((home, *(cents(value) for value in sums)) for home, sums in sorted(homes.items()))
    return Table(
        "What a delay would have left",
        ("net of all seen", "at best", "at first", *(f"after {ms} ms" for ms in DELAYS_MS)),
        rows,
    )


def equity(facts: RunFacts) -> list[tuple[float, Decimal]]:
    """`(seconds since the start, sum of achieved)` after each settled deal."""
    points, total = [(0.0, ZERO)], ZERO
    for deal in sorted(facts.deals, key=lambda one: one.settled_ns):
        total = plus(total, deal.parts.achieved)
        points.append(((deal.settled_ns - facts.started_ns) / 1e9, total))
    return points


def drawdown(points: Sequence[tuple[float, Decimal]]) -> Decimal:
    """The deepest fall below an earlier height."""
    peak, deepest = ZERO, ZERO
    for _, value in points:
        peak = max(peak, value)
        deepest = max(deepest, minus(peak, value))
    return deepest


def _percentiles(name: str, values: Sequence[float], unit: str) -> tuple[str, ...]:
    told = [percentile(values, part) for part in PERCENTILES]
    return (name, *(f"{value:,.1f} {unit}" if value is not None else "" for value in told), str(len(values)))


def _sum(values: Sequence[Decimal]) -> Decimal:
    total = ZERO
    for value in values:
        total = plus(total, value)
    return total
