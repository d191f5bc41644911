"""What a scan of recordings tells: one object for programs.

Prices and quantities are decimal texts, spreads are in basis points, times are nanoseconds since 1970 or in
the unit that their names say. Null stands for what is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from oneprice.core import backend
from oneprice.core.specs import ATTO
from oneprice.core.states import BookState, Reason
from oneprice.market.words import why_not_live
from oneprice.research.cast import Part
from oneprice.research.findings import CYCLE, Leg, Seen
from oneprice.research.replay import Replay
from oneprice.research.spreads import Direction

SHARES = (0.05, 0.5, 0.95)
MS = 1_000_000
REFUSED_MAX = 100


class BookReport(msgspec.Struct, kw_only=True):
    """A listing. `frames`: depth frames (stored quotes where it has no depth), of which `applied` moved the book and
    `dropped` were old news. `levels`: of both sides. The best bid and ask are the book's, or the last
    quote's where it has no depth; `quote_bid`, `quote_ask` are the last best-bid-ask frame's. `why`: why it
    is not LIVE."""

    listing: str
    frames: int
    applied: int
    dropped: int
    gaps: int
    state: str
    best_bid: str | None
    best_ask: str | None
    levels: int
    best_bid_quantity: str | None
    best_ask_quantity: str | None
    bid_levels: int
    ask_levels: int
    quote_bid: str | None
    quote_ask: str | None
    quotes: int
    snapshots: int
    malformed: int
    agreements: int
    disagreements: int
    sequence: int
    taker_fee_bps: float
    quotes_from: str
    tick_size: str
    lot_size: str
    why: str


class Gross(msgspec.Struct):
    """Time-weighted. `max`: the highest that stood for any time at all."""

    p5: float
    p50: float
    p95: float
    max: float


class EpisodesReport(msgspec.Struct):
    """Unbroken stretches with gross above the fees."""

    count: int
    total_ms: float
    longest_ms: float


class PairReport(msgspec.Struct, kw_only=True):
    """A direction. `updates`: quotes of both sides within the overlap. `net_threshold_bps`: both legs' fees."""

    buy: str
    sell: str
    kind: str
    overlap_s: float
    updates: int
    gross_bps: Gross
    net_threshold_bps: float
    episodes: EpisodesReport


class OpportunityReport(msgspec.Struct, kw_only=True):
    """What the hub sized and found to pay after fees, on books that were all LIVE. Figures are of the best one."""

    kind: str
    legs: list[str]
    count: int
    total_ms: float
    longest_ms: float
    gross_bps: float
    net_bps: float
    quantity: str
    net: str
    at_ns: int
    why: str


class NearMiss(msgspec.Struct, kw_only=True):
    """A direction that was never an opportunity: how near it came, and why it was none."""

    buy: str
    sell: str
    gross_bps: float
    net_bps: float
    at_ns: int
    why: str


class Refused(msgspec.Struct):
    """Two listings that are not compared, and why."""

    buy: str
    sell: str
    why: str


class Summary(msgspec.Struct, kw_only=True):
    """The whole."""

    records: int
    first_ns: int
    last_ns: int
    seconds: float
    books: int
    live: int
    pairs: int
    opportunities: int
    episodes: int
    best_gross_bps: float | None
    quotes: str
    core: str


class ScanReport(msgspec.Struct, kw_only=True):
    """All of it. `notes`: what was unusual about the recordings, and what was assumed."""

    books: list[BookReport]
    pairs: list[PairReport]
    opportunities: list[OpportunityReport]
    near_misses: list[NearMiss]
    refused: list[Refused]
    summary: Summary
    notes: list[str]


def report(replay: Replay, quotes: str) -> ScanReport:
    """After the replay has run."""
    books = [_book(replay, part) for part in replay.parts]
    compared = [direction for direction in replay.spreads.directions if direction.done.known_ns]
    pairs = [_pair(replay.parts, direction) for direction in compared]
    seen = replay.findings.seen
    opportunities = sorted((_opportunity(replay, key, found) for key, found in seen.items()), key=lambda o: -o.net_bps)
    near = [_near(replay, direction) for direction in compared if (0, direction.buy, direction.sell) not in seen]
    summary = Summary(
        records=replay.records,
        first_ns=replay.first_ns,
        last_ns=replay.now_ns,
        seconds=round((replay.now_ns - replay.first_ns) / 1e9, 3),
        books=len(books),
        live=sum(book.state == BookState.LIVE.name for book in books),
        pairs=len(pairs),
        opportunities=sum(found.count for found in seen.values()),
        episodes=sum(pair.episodes.count for pair in pairs),
        best_gross_bps=max((pair.gross_bps.max for pair in pairs), default=None),
        quotes=quotes,
        core=backend,
    )
    return ScanReport(
        books=books,
        pairs=pairs,
        opportunities=opportunities,
        near_misses=sorted(near, key=lambda miss: -miss.net_bps),
        refused=_refused(replay),
        summary=summary,
        notes=_notes(replay),
    )


def clock(ns: int) -> str:
    """A moment, `2024-08-08 23:57:12.345 UTC`."""
    return f"{datetime.fromtimestamp(ns // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S}.{ns // MS % 1000:03d} UTC"


def _book(replay: Replay, part: Part) -> BookReport:
    hub, number, depth = replay.hub, part.number, part.recorded.depth
    counts = hub.counts(number)
    bids, asks = hub.levels(number, 1)
    bid_levels, ask_levels = hub.sizes(number)
    quote = hub.quote(number)
    best_bid, best_ask = (bids[0] if bids else None, asks[0] if asks else None) if depth else _sides(quote)
    quote_bid, quote_ask = _sides(quote)
    state, reason = BookState(hub.state(number)), Reason(hub.reason(number))
    rows = replay.spreads.quotes(number)
    return BookReport(
        listing=part.name,
        frames=counts["frames"] if depth else rows,
        applied=counts["applied"] if depth else counts["quotes"],
        dropped=counts["dropped"] if depth else rows - counts["quotes"],
        gaps=counts["gaps"],
        state=state.name,
        best_bid=_price(part, best_bid),
        best_ask=_price(part, best_ask),
        levels=bid_levels + ask_levels if depth else sum(side is not None for side in (quote_bid, quote_ask)),
        best_bid_quantity=_quantity(part, best_bid),
        best_ask_quantity=_quantity(part, best_ask),
        bid_levels=bid_levels if depth else int(quote_bid is not None),
        ask_levels=ask_levels if depth else int(quote_ask is not None),
        quote_bid=_price(part, quote_bid),
        quote_ask=_price(part, quote_ask),
        quotes=counts["quotes"],
        snapshots=counts["snapshots"],
        malformed=counts["malformed"],
        agreements=counts["agreements"],
        disagreements=counts["disagreements"],
        sequence=hub.sequence(number),
        taker_fee_bps=float(part.fee_bps),
        quotes_from="depth" if part.from_book else "bba",
        tick_size=f"{part.tick:f}",
        lot_size=f"{part.lot:f}",
        why=why_not_live(state, reason, (replay.now_ns - hub.times(number)[0]) / MS),
    )


def _pair(parts: Sequence[Part], direction: Direction) -> PairReport:
    done = direction.done
    p5, p50, p95 = done.quantiles(SHARES)
    count, total_ns, longest_ns = done.episodes()
    buy, sell = parts[direction.buy], parts[direction.sell]
    return PairReport(
        buy=buy.name,
        sell=sell.name,
        kind=f"{buy.kind}-{sell.kind}",
        overlap_s=done.known_ns / 1e9,
        updates=done.updates,
        gross_bps=Gross(p5, p50, p95, round(done.peak, 6)),
        net_threshold_bps=done.threshold,
        episodes=EpisodesReport(count, total_ns / MS, longest_ns / MS),
    )


def _opportunity(replay: Replay, key: tuple[int, int, int], seen: Seen) -> OpportunityReport:
    best, findings, parts = seen.best.best, replay.findings, replay.parts
    first = best.legs[0]
    cycle = key[0] == CYCLE
    info = parts[first.listing].info
    unit = info.symbol.quote if not cycle or first.side > 0 else info.symbol.base
    net = _short(Decimal(best.net_atto) / ATTO)
    legs = [_leg(replay, leg) for leg in best.legs]
    return OpportunityReport(
        kind="cycle" if cycle else "-".join(parts[leg.listing].kind for leg in best.legs),
        legs=legs,
        count=seen.count,
        total_ms=seen.total_ns / MS,
        longest_ms=seen.longest_ns / MS,
        gross_bps=round(best.gross_bps, 6),
        net_bps=round(best.net_bps, 6),
        quantity=_short(findings.quantity(first)),
        net=f"{net} {unit}",
        at_ns=seen.best.opened_ns,
        why=(
            f"{', then '.join(legs)}: gross {best.gross_bps:.1f} bps, fees "
            f"{best.gross_bps - best.net_bps:.1f}, net {best.net_bps:+.1f} bps = {net} {unit}; all books live"
        ),
    )


def _leg(replay: Replay, leg: Leg) -> str:
    part, findings = replay.parts[leg.listing], replay.findings
    verb, bound = ("buy", "at most") if leg.side > 0 else ("sell", "at least")
    quantity = _short(findings.quantity(leg))
    return f"{verb} {quantity} {part.info.symbol.base} on {part.name}, {bound} {findings.limit(leg):f}"


def _near(replay: Replay, direction: Direction) -> NearMiss:
    done = direction.done
    net = done.peak - done.threshold
    when = clock(done.peak_ns)
    if net <= 0:
        why = f"gross never paid the fees of {done.threshold:g} bps: at best {done.peak:.1f} bps, at {when}"
    else:
        count, total_ns, _ = done.episodes()
        reasons = replay.findings.reasons(direction.buy, direction.sell)
        told = "; ".join(f"{reason} ({times} times)" for reason, times in reasons[:3])
        why = f"above the fees {count} times, {total_ns / MS:.1f} ms in all, but {told}"
    return NearMiss(
        buy=replay.parts[direction.buy].name,
        sell=replay.parts[direction.sell].name,
        gross_bps=round(done.peak, 6),
        net_bps=round(net, 6),
        at_ns=done.peak_ns,
        why=why,
    )


def _refused(replay: Replay) -> list[Refused]:
    """Pairs that look alike and are not, and pairs of which one side was never quoted."""
    found = []
    for direction in replay.spreads.directions:
        if not direction.done.known_ns:
            buy, sell = replay.parts[direction.buy], replay.parts[direction.sell]
            found.append(Refused(buy.name, sell.name, _never(replay, buy, sell)))
    for buy in replay.parts:
        for sell in replay.parts:
            one, other = buy.info.symbol, sell.info.symbol
            if one.base == other.base and one.quote != other.quote and _could(replay, buy, sell):
                found.append(Refused(buy.name, sell.name, _other_money(replay, buy, sell)))
    return found[:REFUSED_MAX]


def _could(replay: Replay, buy: Part, sell: Part) -> bool:
    """Whether the buying side was ever offered and the selling side ever bid for."""
    return replay.spreads.asked(buy.number) and replay.spreads.bid_for(sell.number)


def _never(replay: Replay, buy: Part, sell: Part) -> str:
    if not replay.spreads.asked(buy.number):
        return f"{buy.name} has no asks in the recording"
    if not replay.spreads.bid_for(sell.number):
        return f"{sell.name} has no bids in the recording"
    return "they were never quoted at the same time"


def _other_money(replay: Replay, buy: Part, sell: Part) -> str:
    one, other = buy.info.symbol, sell.info.symbol
    why = (
        f"{other} is not {one}: what {other.quote} is worth in {one.quote} is known from no live market here, "
        "and an official rate of exchange is no market"
    )
    for part in (buy, sell):
        age_s = (replay.now_ns - replay.hub.times(part.number)[0]) / 1e9
        if replay.hub.state(part.number) == BookState.STALE:
            why += f"; {part.name} is frozen: its quote has not changed for {age_s:.0f} s"
    return why


def _notes(replay: Replay) -> list[str]:
    notes = [note for source in replay.sources for note in source.notes] + replay.notes + replay.fees.notes
    inferred = [part for part in replay.parts if part.recorded.inferred]
    if inferred:
        grids = ", ".join(f"{part.name} tick {part.tick:f} lot {part.lot:f}" for part in inferred)
        notes.append(f"rules are not recorded; grids from the figures themselves, no minimums: {grids}")
    for part in replay.parts:
        if not part.group:
            notes.append(
                f"the contract size of {part.name} is not known: spreads are told, sizes are not; "
                f"give it with --contract-size {part.name}=COINS"
            )
        if replay.hub.reason(part.number) == Reason.OFF_GRID:
            notes.append(f"{part.name}: figures finer than its rules were seen: the rules had changed")
    return notes


def _sides(top: tuple[int, int, int, int, int]) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    bid, bid_lots, ask, ask_lots, _ = top
    return (bid, bid_lots) if bid_lots else None, (ask, ask_lots) if ask_lots else None


def _price(part: Part, level: tuple[int, int] | None) -> str | None:
    return None if level is None else f"{level[0] * part.tick:f}"


def _quantity(part: Part, level: tuple[int, int] | None) -> str | None:
    return None if level is None else f"{level[1] * part.lot:f}"


def _short(value: Decimal) -> str:
    """At most eight decimals, no zeros at the end."""
    text = f"{value.quantize(Decimal('1e-8')):f}"
    return text.rstrip("0").rstrip(".") or "0"
