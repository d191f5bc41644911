"""Cards 201 to 210: market data over websockets, through the engine's own feed."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from oneprice.core.decode import QuotePart
from oneprice.core.describe import Quote
from oneprice.core.states import BookState
from oneprice.errors import InvalidRequestError
from oneprice.market.books import Book
from oneprice.venues.kit import Channel, Pong
from oneprice.verify.bench import Bench
from oneprice.verify.card import card, expect, skip
from oneprice.verify.cards.public_rest import ghost_of
from oneprice.verify.likeness import Likeness, not_ours
from oneprice.verify.line import Line
from oneprice.verify.measures import plain
from oneprice.verify.watch import Watch

BOOKS_ASKED = 5
PAUSE_S = 0.3
REACHED_S = 3.0
COINS = ("BTC", "ETH", "SOL", "XRP", "PEPE", "BNB", "DOGE", "ADA")
LISTINGS_MAX = 5


@card(201, "Depth comes soon after it is subscribed to")
async def depth_comes(bench: Bench) -> str:
    """Opens a connection, subscribes to the depth of one listing, and waits for its first data."""
    return await _first_data(bench, Channel.DEPTH)


@card(202, "Best bids and asks come soon after they are subscribed to")
async def quotes_come(bench: Bench) -> str:
    """Opens a connection, subscribes to the best bid and ask of one listing, and waits for its first data."""
    return await _first_data(bench, Channel.QUOTE)


@card(203, "Trades come after they are subscribed to")
async def trades_come(bench: Bench) -> str:
    """Subscribes to trades; where none comes in time, REST must know of none since then either."""
    channel = Channel.TRADES
    bench.market.subscription(await bench.rules(), channel)
    async with bench.watch(channels=(Channel.DEPTH, channel)) as watch:
        within_s = bench.thresholds.first_data_s
        began_ns = bench.ports.clock.wall_ns()
        waited_s = await watch.until(lambda: watch.first_ns(channel) is not None, within_s)
        if waited_s is None:
            rows = await bench.public.trades(bench.symbol, 100)
            missed = sum(one.time_ns > began_ns + 2 * 10**9 for one in rows)
            expect(not missed, f"none came within {within_s:g} s, and REST tells of {missed}")
            skip(f"nothing was traded for {within_s:g} s")
        return f"the first trade came after {waited_s:.2f} s"


async def _first_data(bench: Bench, channel: Channel) -> str:
    bench.market.subscription(await bench.rules(), channel)
    async with bench.watch(channels=(channel,)) as watch:
        await watch.must(
            lambda: watch.first_ns(channel) is not None, bench.thresholds.first_data_s, f"no {channel.value} came"
        )
        first_ns = watch.first_ns(channel)
        assert first_ns is not None
        opened_ns = min(watch.ears.opened.values())
        return (
            f"the first data came {(first_ns - opened_ns) / 1e6:.0f} ms after the connection was open,"
            f" {(first_ns - watch.began_ns) / 1e6:.0f} ms after the start"
        )


@card(204, "The book becomes LIVE and is the venue's own")
async def book_is_theirs(bench: Bench) -> str:
    """Waits until the book is LIVE, then asks for five books by REST and holds each against ours at the same sequence
    number, or between the two numbers around it."""
    async with bench.watch() as watch:
        await watch.must(lambda: watch.is_live, bench.thresholds.live_s, "it is not LIVE")
        live_s = (bench.ports.clock.monotonic_ns() - watch.began_ns) / 1e9
        words = await is_right(bench, watch)
        return f"LIVE after {live_s:.2f} s; {words}"


async def is_right(bench: Bench, watch: Watch) -> str:
    """Our book against several by REST, level by level. At the same number all must be the same; between two numbers
    levels may have come and gone, so there most must be."""
    found: list[Likeness] = []
    for _ in range(BOOKS_ASKED):
        seen = await _held_against(bench, watch)
        if seen is not None:
            found.append(seen)
        await bench.ports.clock.sleep(PAUSE_S)
    expect(bool(found), f"none of {BOOKS_ASKED} books by REST could be held against ours: the book is {watch.why}")
    wrong = not_ours(found)
    expect(not wrong, f"{len(wrong)} of {len(found)} books by REST are not ours: {wrong[:1] and wrong[0]}")
    exact = sum(one.exact for one in found)
    fleeting = sum(len(one.different) for one in found)
    words = f"{len(found)} books by REST are ours, {exact} at the very number, {found[0].compared} levels each"
    return f"{words}, but for {fleeting} that came and went between" if fleeting else words


async def _held_against(bench: Bench, watch: Watch) -> Likeness | None:
    """One book by REST against ours, as soon as ours has reached its number; None when it does not."""
    told = await bench.public.order_book(watch.book.info, 20)
    if not told.sequence:
        skip("books by REST have no sequence number here")
    await watch.until(lambda: watch.compare(told) is not None, REACHED_S)
    return watch.compare(told)


@card(205, "The book follows without a gap")
async def book_follows(bench: Bench) -> str:
    """Watches the book for a while: it stays LIVE, no change is missing, and no frame is unreadable."""
    watch = await bench.seen()
    counts = watch.counts()
    live = next(number for number, moment in enumerate(watch.moments) if moment.state is BookState.LIVE)
    left = [f"{moment.state.name} ({moment.reason.name})" for moment in watch.moments[live + 1 :]]
    expect(not left, f"it left LIVE: {', '.join(left)}")
    expect(not counts["gaps"] and not counts["malformed"], f"counted: {counts}")
    expect(not watch.ears.unread, f"{len(watch.ears.unread)} frames were unreadable: {watch.ears.unread[:1]}")
    expect(counts["applied"] > 0, "no change came")
    return f"{counts['applied']} changes and {counts['quotes']} quotes, no gap, nothing unreadable"


@card(206, "Quotes and the book's best prices are the same where they share numbers")
async def quotes_are_the_top(bench: Bench) -> str:
    """Holds each quote that is on the depth counter against the book at that number: price and size of both sides."""
    watch = await bench.seen()
    subscription = bench.market.subscription(watch.book.info, Channel.QUOTE)
    names = {binding.message for binding in subscription.bindings}
    described = [one for one in bench.market.stream(subscription.path).messages if one.name in names]
    message = next(one for one in described if isinstance(one, Quote))
    if not message.linked and not message.sampled:
        skip("quotes have no number of the depth counter here")
    quotes = {one.part.id: one.part for one in watch.heard(Channel.QUOTE) if isinstance(one.part, QuotePart)}
    if Channel.QUOTE not in watch.book.channels or not quotes:
        skip("no quote came")
    compared = 0
    for sequence, (bids, asks) in watch.history.items():
        number = max((one for one in quotes if one <= sequence), default=0)
        later = any(one > sequence for one in quotes)
        if not bids or not asks or (number != sequence if message.sampled else not number or not later):
            continue
        compared += 1
        quote = quotes[number]
        told = [tuple(map(Decimal, level)) for level in (quote.bid, quote.ask) if level is not None]
        here = f"{plain(bids[0].price)} / {plain(asks[0].price)}"
        expect(told == [tuple(bids[0]), tuple(asks[0])], f"at {sequence}: quote {told}, book {here} and other sizes")
    if not compared:
        skip(f"none of {len(quotes)} quotes and {len(watch.history)} books share a number")
    return f"{compared} of {len(watch.history)} books have a quote in force, and all are the same"


@card(207, "Unsubscribing stops the data")
async def unsubscribing(bench: Bench) -> str:
    """Unsubscribes from depth on an open connection, grants a second, and listens for two more: nothing of it comes,
    while the rest goes on."""
    async with bench.watch(channels=(Channel.DEPTH, Channel.TRADES)) as watch:
        await watch.must(lambda: watch.is_live, bench.thresholds.live_s, "it is not LIVE")
        await bench.ports.clock.sleep(1.0)
        names, before = watch.names(Channel.DEPTH), len(watch.heard(Channel.DEPTH))
        await watch.feed.session.unsubscribe([watch.book.info], [Channel.DEPTH])
        await bench.ports.clock.sleep(1.0)
        stopped_ns = bench.ports.clock.monotonic_ns()
        await bench.ports.clock.sleep(2.0)
        late = [one for one in watch.ears.heard if one.at_ns > stopped_ns and one.symbol in names]
        late = [one for one in late if one.channel is Channel.DEPTH]
        expect(not late, f"{len(late)} more came after a second of grace")
        expect(not watch.is_live, "the book is LIVE although nothing keeps it")
        return f"{before} messages before, none in the two seconds that began a second after; the book is {watch.why}"


@card(208, "A subscription to an unknown symbol is refused, or noticed")
async def unknown_subscription(bench: Bench) -> str:
    """Subscribes to the depth of a symbol that is not listed, beside a real one: either the venue refuses it, or it
    never becomes LIVE and that is told; the real one stays LIVE."""
    async with bench.watch() as watch:
        await watch.must(lambda: watch.is_live, bench.thresholds.live_s, "the real book is not LIVE")
        ghost = Book(ghost_of(watch.book.info), bench.name, (Channel.DEPTH,), Decimal(0))
        watch.data.books.add(ghost, bench.ports.clock.monotonic_ns())
        watch.feed.books[ghost.info] = ghost
        began_ns = bench.ports.clock.monotonic_ns()
        words = "it is acknowledged, and nothing comes of it"
        try:
            async with asyncio.timeout(bench.market.limits.ack_within_s):
                await watch.feed.session.subscribe([ghost.info], [Channel.DEPTH])
        except InvalidRequestError as refused:
            words = f"refused: {refused}"
        except TimeoutError:
            words = f"no answer within {bench.market.limits.ack_within_s:g} s"
        waited_s = (bench.ports.clock.monotonic_ns() - began_ns) / 1e9
        await bench.ports.clock.sleep(1.0)
        state = BookState(watch.data.hub.state(ghost.number))
        expect(state is not BookState.LIVE, f"the book of {ghost.info.venue_symbol} is LIVE; {words}")
        expect(watch.is_live, f"the real book suffers: it is {watch.why}")
        return f"{words} ({waited_s:.2f} s); its book is {state.name}, the real one LIVE"


@card(209, "Pings are answered")
async def pings_are_answered(bench: Bench) -> str:
    """Sends a protocol ping over a new connection, and where the venue wants pings of its own kind one of those."""
    async with Line(bench) as line:
        before_ns = line.socket.last_pong_ns
        line.socket.ping(b"v")
        pong_s = await line.until(lambda: line.socket.last_pong_ns > before_ns, 5.0)
        words = "no protocol pong" if pong_s is None else f"a protocol pong after {pong_s * 1e3:.0f} ms"
        own = bench.market.ping(bench.ports.clock.wall_ns())
        if own is None:
            expect(pong_s is not None, f"{words} within 5 s{', it was closed: ' if line.ended else ''}{line.ended}")
            return words
        line.socket.send(own)
        own_s = await line.until(lambda: any(isinstance(one, Pong) for one in line.controls), 5.0)
        expect(own_s is not None, f"no answer to the venue's own ping within 5 s; {words} {line.ended}")
        return f"the venue's own ping is answered after {(own_s or 0.0) * 1e3:.0f} ms; {words}"


@card(210, "Several listings are followed over one session")
async def several_listings(bench: Bench) -> str:
    """Watches up to five listings of the same quote asset at once: all of them become LIVE."""
    quote = bench.symbol.quote
    there = {str(row.symbol) for row in await bench.public.known() if row.tradable}
    wanted = [str(bench.symbol), *(f"{coin}/{quote}" for coin in COINS)]
    symbols = [name for name in dict.fromkeys(wanted) if name in there][:LISTINGS_MAX]
    if len(symbols) < 2:
        skip(f"of the usual coins only {', '.join(symbols)} is listed in {quote}")
    async with bench.watch(symbols=symbols) as watch:
        began_ns = bench.ports.clock.monotonic_ns()
        is_live = await watch.data.until_live(bench.thresholds.live_s)
        seconds = (bench.ports.clock.monotonic_ns() - began_ns) / 1e9
        states = {str(book.info.symbol): watch.data.state(book).name for book in watch.feed.books.values()}
        expect(is_live, f"after {seconds:.1f} s: {', '.join(f'{name} {state}' for name, state in states.items())}")
        return f"{', '.join(symbols)}: all LIVE after {seconds:.2f} s, over {len(watch.ears.opened)} connections"
