"""Cards 901 to 905: how long things take, against the thresholds."""

from __future__ import annotations

import asyncio

from oneprice.exchange import AccountEvent, PrivateExchange, PublicExchange
from oneprice.model import OrderRef
from oneprice.venues.kit import Channel, OrderUpdate
from oneprice.verify.bench import Bench
from oneprice.verify.card import Need, card, expect, skip
from oneprice.verify.measures import MS, percentile

REQUESTS = 40
ORDERS = 5
PAUSE_S = 0.7  # so that hardly any rate limit is met


@card(901, "Answers by REST are quick")
async def rest_latency(bench: Bench) -> str:
    """Asks for the venue's time and for 20 levels in turn, 40 requests one after the other over kept connections; the
    first two, which open them, do not count."""
    ports = bench.ports
    rules = await bench.rules()
    calls = (bench.market.server_time().request, bench.market.order_book(rules, 20).request)
    for request in calls:
        await bench.public.fetch(request)
    exchange = PublicExchange(bench.market, ports.network, ports.clock, ports.chance, tls=bench.tls)
    for number in range(REQUESTS):
        await exchange.fetch(calls[number % 2])
    figures, limits = exchange.figures, bench.thresholds
    p50, p99 = (round((figures.percentile_ns(part) or 0) / MS, 2) for part in (0.5, 0.99))
    saw = f"p50 {p50} ms, p99 {p99} ms of {figures.answers} answers, {figures.reused} over a connection that stood"
    expect(p50 <= limits.rest_ms_p50 and p99 <= limits.rest_ms_p99, saw)
    return saw


@card(902, "Frames are young when they arrive")
async def frame_age(bench: Bench) -> str:
    """Takes the time that depth and quote frames tell from the venue's time at their arrival: our clock, corrected by
    what the venue's is off."""
    watch = await bench.seen()
    offset_ns = watch.feed.clock.offset_ns or 0
    ages = [
        (one.wall_ns + offset_ns - one.part.event_ns) / MS
        for channel in (Channel.DEPTH, Channel.QUOTE)
        if channel in watch.book.channels
        for one in watch.heard(channel)
        if one.part.event_ns
    ]
    if not ages:
        skip("its frames tell no times")
    p50, p99 = percentile(ages, 0.5), percentile(ages, 0.99)
    saw = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms of {len(ages)} frames, the clock being {offset_ns / MS:+.1f} ms off"
    expect(p50 <= bench.thresholds.frame_age_ms_p50, saw)
    return saw


@card(903, "A book is LIVE soon after the start")
async def start_to_live(bench: Bench) -> str:
    """Opens a feed three times: from the start to the open connection, to the first depth data, to the LIVE book."""
    rows = [await _start(bench) for _ in range(3)]
    opened, first, live = (percentile(values, 0.5) for values in zip(*rows, strict=True))
    saw = f"open after {opened:.0f} ms, first data after {first:.0f} ms, LIVE after {live:.0f} ms (p50 of {len(rows)})"
    expect(first <= bench.thresholds.first_data_s * 1e3, saw)
    return saw


async def _start(bench: Bench) -> tuple[float, float, float]:
    """Milliseconds from the start of a feed to the open connection, the first depth data, and the LIVE book."""
    async with bench.watch() as watch:
        await watch.must(lambda: watch.is_live, bench.thresholds.live_s, "it is not LIVE")
        live_ns, began_ns = bench.ports.clock.monotonic_ns(), watch.began_ns
        first_ns, opened_ns = watch.first_ns(Channel.DEPTH) or live_ns, min(watch.ears.opened.values())
        return (opened_ns - began_ns) / MS, (first_ns - began_ns) / MS, (live_ns - began_ns) / MS


@card(904, "Orders and cancels are answered quickly", Need.TRADE)
async def order_latency(bench: Bench) -> str:
    """Places and cancels five orders that rest away from the market, one after the other. What our own rate limits
    make them wait does not count."""
    account, clock = await bench.account(), bench.ports.clock
    placed, cancelled = [], []
    for _ in range(ORDERS):
        order = await bench.order()
        began_ns = _watch_of(bench, account)
        await account.place(order)
        acked_ns = _watch_of(bench, account)
        await account.cancel(OrderRef(listing=order.listing, client_order_id=order.client_order_id))
        placed.append((acked_ns - began_ns) / MS)
        cancelled.append((_watch_of(bench, account) - acked_ns) / MS)
        await clock.sleep(PAUSE_S)
    entry = account.following.entry
    way = "REST" if entry is None or not entry.is_ready else "the order connection"
    place_ms, cancel_ms = percentile(placed, 0.5), percentile(cancelled, 0.5)
    saw = f"order p50 {place_ms:.2f} ms (most {max(placed):.2f}), cancel p50 {cancel_ms:.2f} ms, over {way}"
    expect(max(place_ms, cancel_ms) <= bench.thresholds.order_ms_p50, saw)
    return saw


def _watch_of(bench: Bench, account: PrivateExchange) -> int:
    """Monotonic time that stands still while an account waits for a rate limit of ours."""
    return bench.ports.clock.monotonic_ns() - account.figures.waited_ns


@card(905, "Orders are soon told by the private stream", Need.TRADE)
async def report_latency(bench: Bench) -> str:
    """Places orders over a second connection, so that only the private stream can tell the first one of them: from the
    sending to the report."""
    account, clock = await bench.account(), bench.ports.clock
    heard: dict[str, asyncio.Future[int]] = {}

    def hear(event: AccountEvent) -> None:
        name = event.order.client_order_id if isinstance(event, OrderUpdate) else ""
        if name in heard and not heard[name].done():
            heard[name].set_result(clock.monotonic_ns())

    beside = bench.new_account()
    stop = account.listen(hear)
    times = []
    try:
        await beside.open(stream=False)
        for _ in range(ORDERS):
            await clock.sleep(PAUSE_S)
            order = await bench.order()
            heard[order.client_order_id] = asyncio.get_running_loop().create_future()
            waited_ns, began_ns = beside.figures.waited_ns, clock.monotonic_ns()
            await beside.place(order)
            began_ns += beside.figures.waited_ns - waited_ns
            async with asyncio.timeout(bench.thresholds.report_s):
                told_ns = await heard[order.client_order_id]
            times.append((told_ns - began_ns) / MS)
            await beside.cancel(OrderRef(listing=order.listing, client_order_id=order.client_order_id))
    except TimeoutError:
        expect(False, f"order {len(times) + 1} was not told within {bench.thresholds.report_s:g} s")
    finally:
        stop()
        await beside.close()
    return (
        f"p50 {percentile(times, 0.5):.2f} ms, at most {max(times):.2f} ms from sending to report, {len(times)} orders"
    )
