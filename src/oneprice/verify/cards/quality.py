"""Cards 801 to 806: whether the data are what they claim to be."""

from __future__ import annotations

import itertools
from decimal import Decimal

from oneprice.core.decode import DepthPart, QuotePart, TradePart
from oneprice.venues.kit import Channel
from oneprice.verify.bench import Bench
from oneprice.verify.card import card, expect, skip
from oneprice.verify.measures import MS, first_few, off_grid, percentile, plain, repeated, spread_bps
from oneprice.verify.watch import Watch

CHANNELS = (Channel.DEPTH, Channel.QUOTE, Channel.TRADES)
TRADE_AWAY_BPS = 50.0


@card(801, "Sequence numbers and times do not run backwards")
async def order_holds(bench: Bench) -> str:
    """Goes through all messages of a listing as they came: depth numbers rise, quote numbers and times of each channel
    do not fall, no trade comes twice."""
    watch = await bench.seen()
    depth = [one.part for one in watch.heard(Channel.DEPTH) if isinstance(one.part, DepthPart)]
    lasts = [part.last for part in depth if part.previous is not None]
    expect(lasts == sorted(set(lasts)), "depth numbers fall, or come twice")
    said = [f"{len(lasts)} depth changes"]
    for channel in _there(watch):
        rows = watch.heard(channel)
        times = [one.part.event_ns for one in rows if one.part.event_ns]
        falls = sum(after < before for before, after in itertools.pairwise(times))
        expect(not falls, f"times of {channel.value} fall {falls} times in {len(times)}")
    if Channel.QUOTE in _there(watch):
        numbers = [one.part.id for one in watch.heard(Channel.QUOTE) if isinstance(one.part, QuotePart)]
        expect(numbers == sorted(numbers), "quote numbers fall")
        said.append(f"{len(numbers)} quotes")
    trades = [one.part.id for one in watch.heard(Channel.TRADES) if isinstance(one.part, TradePart) and one.part.id]
    expect(not repeated(trades), f"trades came twice: {first_few(repeated(trades))}")
    return f"{', '.join([*said, f'{len(trades)} trades'])}: all in order"


@card(802, "The spread is plausible")
async def spread_is_plausible(bench: Bench) -> str:
    """Looks at the best bid and ask of the LIVE book at every sequence number: above 0 and within the threshold."""
    watch = await bench.seen()
    spreads = [spread_bps(bids[0].price, asks[0].price) for bids, asks in watch.history.values() if bids and asks]
    expect(bool(spreads), "no book with both sides")
    saw = f"p50 {percentile(spreads, 0.5):.2f} bps, at most {max(spreads):.2f} bps, over {len(spreads)} books"
    expect(min(spreads) > 0 and max(spreads) <= bench.thresholds.spread_bps, saw)
    return saw


@card(803, "Streamed prices are on ticks, sizes on lots")
async def streams_are_on_the_grid(bench: Bench) -> str:
    """Divides every streamed price by the listing's tick and every size by its lot, as the venue wrote them."""
    watch = await bench.seen()
    rules = watch.book.info
    prices, sizes = _figures(watch)
    expect(bool(prices), "nothing came")
    off = off_grid(prices, rules.tick_size)
    expect(
        not off, f"{len(off)} of {len(prices)} prices are off the tick of {plain(rules.tick_size)}: {first_few(off)}"
    )
    off = off_grid(sizes, rules.lot_size)
    expect(not off, f"{len(off)} of {len(sizes)} sizes are off the lot of {plain(rules.lot_size)}: {first_few(off)}")
    return f"{len(prices)} prices on {plain(rules.tick_size)}, {len(sizes)} sizes on {plain(rules.lot_size)}"


def _figures(watch: Watch) -> tuple[list[Decimal], list[Decimal]]:
    """All prices and sizes that were heard of the book."""
    texts: list[tuple[str, str]] = []
    for channel in _there(watch):
        for one in watch.heard(channel):
            part = one.part
            if isinstance(part, DepthPart):
                texts += part.bids.checked() + part.asks.checked()
            elif isinstance(part, QuotePart):
                texts += [level for level in (part.bid, part.ask) if level is not None]
            else:
                texts.append((part.price, part.quantity))
    return [Decimal(price) for price, _ in texts], [Decimal(size) for _, size in texts]


@card(804, "Times in the data are near the venue's clock")
async def times_are_near(bench: Bench) -> str:
    """Compares the time that each message tells with ours at its arrival."""
    watch = await bench.seen()
    limit_ms, said = bench.thresholds.clock_offset_ms, []
    for channel in _there(watch):
        ages = [(one.wall_ns - one.part.event_ns) / MS for one in watch.heard(channel) if one.part.event_ns]
        if ages:
            middle = percentile(ages, 0.5)
            expect(abs(middle) <= limit_ms, f"{channel.value}: {middle:+.1f} ms old at p50 of {len(ages)}")
            said.append(f"{channel.value} {middle:+.1f} ms")
    if not said:
        skip("its messages tell no times")
    return f"age at arrival, p50: {', '.join(said)}"


@card(805, "The book is never crossed while it is LIVE")
async def never_crossed(bench: Bench) -> str:
    """Looks at the LIVE book at every sequence number: the best bid is below the best ask, both sides are sorted."""
    watch = await bench.seen()
    crossed = [str(number) for number, (bids, asks) in watch.history.items() if bids and asks and bids[0] >= asks[0]]
    expect(not crossed, f"crossed at {first_few(crossed)}")
    for number, (bids, asks) in watch.history.items():
        expect(bool(bids and asks), f"an empty side at {number}")
        prices = [level.price for level in (*reversed(bids), *asks)]
        expect(prices == sorted(set(prices)), f"unsorted at {number}")
    return f"{len(watch.history)} books, none crossed"


@card(806, "Trades are near the book")
async def trades_are_near(bench: Bench) -> str:
    """Holds each streamed trade against the best prices of the books that were seen: within 50 bps of them."""
    watch = await bench.seen()
    trades = [one.part for one in watch.heard(Channel.TRADES) if isinstance(one.part, TradePart)]
    if not trades:
        skip("no trade came while it was watched")
    tops = [(bids[0].price, asks[0].price) for bids, asks in watch.history.values() if bids and asks]
    low, high = min(bid for bid, _ in tops), max(ask for _, ask in tops)
    away = [float(max(low - price, price - high, Decimal(0)) / low * 10_000) for price in map(_price, trades)]
    saw = f"{len(trades)} trades, at most {max(away):.2f} bps outside of {plain(low)} to {plain(high)}"
    expect(max(away) <= TRADE_AWAY_BPS, saw)
    return saw


def _price(trade: TradePart) -> Decimal:
    return Decimal(trade.price)


def _there(watch: Watch) -> list[Channel]:
    """The channels that the market has."""
    return [channel for channel in CHANNELS if channel in watch.book.channels]
