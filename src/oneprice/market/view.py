"""What screens show: frozen pictures of a run, in figures and plain words. Nothing here touches the engine."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class MarketRow(msgspec.Struct, frozen=True, kw_only=True):
    """A venue market. `state`: starting, connecting, open, reconnecting or closed. `books`: how many by state.

    Ages and delays are over about the last minute of live books: `age_ms` since the last change, `delay_ms` from the
    venue's event to us, None while the venue's clock is not known or it tells no times. `clock_offset_ms`: the
    venue's clock minus ours, right to `clock_doubt_ms`. `resyncs`, `reconnects`, `replacements`: counts of the run.
    `trouble`: what went wrong last, empty when all is well.
    """

    name: str
    state: str
    connections: int
    books: dict[str, int]
    frames: int
    frames_per_s: float
    age_ms_p50: float | None
    age_ms_p99: float | None
    delay_ms_p50: float | None
    delay_ms_p99: float | None
    clock_offset_ms: float | None
    clock_doubt_ms: float | None
    resyncs: int
    reconnects: int
    replacements: int
    trouble: str


class BookRow(msgspec.Struct, frozen=True, kw_only=True):
    """A listing. Prices per base coin, quantities in base coins; None for an empty side. `why`: why it is not live."""

    name: str
    state: str
    why: str
    bid: Decimal | None
    bid_quantity: Decimal | None
    ask: Decimal | None
    ask_quantity: Decimal | None
    age_ms: float
    resyncs: int
    counts: dict[str, int]


class OpportunityRow(msgspec.Struct, frozen=True, kw_only=True):
    """A spread that pays after fees, or paid: `is_open`.

    `kind`: spot-perp (bought on spot, sold as perpetual), perp-spot, spot-spot, perp-perp or cycle. `where`: the
    legs in words. `size`: base coins (of the first leg); `cost`: what the first leg takes, in `unit`. All figures
    are those of its best moment. `net`: in `unit`. `why`: why it stands, or why it ended.
    """

    key: tuple[int, int, int]
    kind: str
    symbol: str
    where: str
    size: Decimal
    cost: Decimal
    unit: str
    gross_bps: float
    fees_bps: float
    net_bps: float
    net: Decimal
    opened_wall_ns: int
    age_ms: float
    updates: int
    is_open: bool
    why: str


class NearRow(msgspec.Struct, frozen=True, kw_only=True):
    """A spread that does not pay, and why not. `net_bps` is what the best prices alone would leave after fees."""

    kind: str
    symbol: str
    where: str
    gross_bps: float
    net_bps: float
    why: str


class Refused(msgspec.Struct, frozen=True):
    """A listing that was wanted and is not watched or not used, and why."""

    name: str
    reason: str


class MarketView(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `opportunities` stand now; `history` are the last that ended, newest first; both counted in
    `opportunities_seen`."""

    wall_ns: int
    running_s: float
    core: str
    markets: tuple[MarketRow, ...]
    books: tuple[BookRow, ...]
    opportunities: tuple[OpportunityRow, ...]
    history: tuple[OpportunityRow, ...]
    opportunities_seen: int
    nearest: tuple[NearRow, ...]
    refused: tuple[Refused, ...]
    events_lost: int
