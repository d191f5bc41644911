"""The picture of a running `MarketData`, put together for screens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from oneprice.core import backend
from oneprice.core.states import BookState
from oneprice.market.books import MS, Book
from oneprice.market.feed import MarketFeed
from oneprice.market.opportunities import not_live
from oneprice.market.view import BookRow, MarketRow, MarketView, Refused
from oneprice.market.words import STATES

if TYPE_CHECKING:
    from oneprice.market.engine import MarketData


def picture(data: MarketData, nearest: int, history: int) -> MarketView:
    """Everything as it is now."""
    now_ns, wall_ns = data.clock.monotonic_ns(), data.clock.wall_ns()
    to_wall_ns = wall_ns - now_ns
    return MarketView(
        wall_ns=wall_ns,
        running_s=(now_ns - data.started_ns) / 1e9,
        core=backend,
        markets=tuple(_market(data, feed) for feed in data.feeds.values()),
        books=tuple(_book(data, book, now_ns) for book in data.books),
        opportunities=data.opportunities.standing(now_ns, to_wall_ns),
        history=data.opportunities.ended(history),
        opportunities_seen=data.opportunities.seen,
        nearest=data.opportunities.nearest(nearest, now_ns),
        refused=tuple(_refused(data)),
        events_lost=data.hub.events_lost,
    )


def percentile(samples: Iterable[float], share: float) -> float | None:
    """The nearest-rank percentile, None without samples."""
    ordered = sorted(samples)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else None


def _market(data: MarketData, feed: MarketFeed) -> MarketRow:
    states = Counter(data.state(book) for book in feed.books.values())
    lanes = feed.session.lanes
    offset_ns, doubt_ns = feed.clock.offset_ns, feed.clock.doubt_ns
    return MarketRow(
        name=feed.name,
        state=feed.session.state.name.lower() if feed.known else "starting",
        connections=sum(connection.started for connection in feed.session.connections()),
        books={word: states[state] for state, word in STATES.items() if states[state]},
        frames=feed.session.frames,
        frames_per_s=feed.frames_per_s,
        age_ms_p50=percentile(feed.ages_ms, 0.5),
        age_ms_p99=percentile(feed.ages_ms, 0.99),
        delay_ms_p50=percentile(feed.delays_ms, 0.5),
        delay_ms_p99=percentile(feed.delays_ms, 0.99),
        clock_offset_ms=None if offset_ns is None else offset_ns / MS,
        clock_doubt_ms=None if doubt_ns is None else doubt_ns / MS,
        resyncs=sum(book.resyncs for book in feed.books.values()),
        reconnects=sum(lane.reconnects for lane in lanes),
        replacements=sum(lane.replacements for lane in lanes),
        trouble=_trouble(feed),
    )


def _trouble(feed: MarketFeed) -> str:
    if feed.trouble or feed.recovery.trouble:
        return feed.trouble or feed.recovery.trouble
    down = [lane.trouble for lane in feed.session.lanes if not any(each.started for each in lane.connections)]
    refusals = [connection.refusal for connection in feed.session.connections() if connection.refusal]
    return next(iter([*down, *refusals]), "")


def _book(data: MarketData, book: Book, now_ns: int) -> BookRow:
    state = data.state(book)
    updated_ns, _ = data.hub.times(book.number)
    bid_ticks, bid_lots, ask_ticks, ask_lots, _ = data.hub.top(book.number)
    base_per_lot = book.lot_size * book.info.contract_size * book.info.multiplier
    price_of_tick = book.tick_size / book.info.multiplier
    why = not_live(book, data.hub, now_ns)
    if state in (BookState.SYNCING, BookState.GAP):
        why = data.feeds[book.market].session.refused(book.number) or why
    return BookRow(
        name=book.name,
        state=STATES[state],
        why=why,
        bid=_figure(bid_ticks, bid_lots, price_of_tick),
        bid_quantity=_figure(bid_lots, bid_lots, base_per_lot),
        ask=_figure(ask_ticks, ask_lots, price_of_tick),
        ask_quantity=_figure(ask_lots, ask_lots, base_per_lot),
        age_ms=(now_ns - updated_ns) / MS if updated_ns else 0.0,
        resyncs=book.resyncs,
        counts=data.hub.counts(book.number),
    )


def _figure(steps: int, lots: int, step: Decimal) -> Decimal | None:
    """Exact, without the idle zeros of the venue's spelling of the step."""
    if not lots:
        return None
    whole = step == step.to_integral_value()
    return steps * (step.quantize(Decimal(1)) if whole else step.normalize())


def _refused(data: MarketData) -> Iterable[Refused]:
    for feed in data.feeds.values():
        for symbol in feed.missing:
            yield Refused(f"{feed.name}:{symbol}", "not listed there")
        for name, reason in feed.unwatched.items():
            yield Refused(name, reason)
    for book in data.books:
        reason = book.closed or book.doubted or data.feeds[book.market].session.refused(book.number)
        if reason:
            yield Refused(book.name, reason)
