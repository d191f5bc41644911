"""Cards 601 to 605: rate limits, as the venue counts them and as we keep them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from oneprice.errors import AuthenticationError, OrderNotFoundError, Outcome, RateLimitError
from oneprice.exchange import AccountConfig, PrivateExchange, RequestConfig
from oneprice.exchange.rest import charges_of
from oneprice.model import NewOrder, OrderRef, SymbolInfo, TimeInForce
from oneprice.venues.kit.contract import Request, Response
from oneprice.verify.bench import Bench
from oneprice.verify.card import Failed, Need, Skipped, card, expect, skip
from oneprice.verify.measures import MS
from oneprice.verify.trading import account_of, faults_of, ref_of, resting

_BY_REST = AccountConfig(order_path="rest")
_AT_ONCE = RequestConfig(attempts_max=1, wait_max_ms=0, ban_ms=1_000)
_PATIENT = RequestConfig(attempts_max=1, wait_max_ms=800)
_LOOP_S = 2.5
_AT_A_TIME = 3
"""As many as the order path has connections for, but for the one that is kept for cancels."""
_ATTEMPTS = 3
_HELD_UP_S = 0.3
_NO_WAIT_MS = 100
_WINDOW_MAX_S = 10.0
STILL_MAX_S = 4.0


@card(601, "What the venue says we have used agrees with what we sent", Need.KEY)
async def usage_agrees(bench: Bench) -> str:
    """Sends the same question five times, a public one and a signed one: the figure in the answers' headers must grow
    by just what we count for them (in one of three attempts: windows end, and others may share the address)."""
    account, codec, rules = await bench.trader(), await bench.codec(), await bench.rules()
    asked = {
        "order book": (bench.market.order_book(rules, 5).request, bench.market.used_weight),
        "open orders": (codec.open_orders(rules).request, codec.used_weight),
    }
    saw = []
    for name, (request, read) in asked.items():
        grown = await _growth(account, request, read)
        if grown is not None:
            saw.append(f"{name}: {grown}")
    if not saw:
        skip(f"{bench.market.venue} tells no usage in its answers")
    return "; ".join(saw)


async def _growth(
    account: PrivateExchange, request: Request, read: Callable[[Response], Mapping[str, int]]
) -> str | None:
    """What was counted for four requests after the first; None where nothing is told."""
    cost = dict(charges_of(request))
    seen = []
    for _ in range(_ATTEMPTS):
        figures = [read(await account.rest.fetch(request)) for _ in range(5)]
        told = {name for one in figures for name in one if name in cost}
        if not told:
            return None
        grew = {name: figures[-1].get(name, 0) - figures[0].get(name, 0) for name in told}
        if all(grew[name] == 4 * cost[name] for name in told):
            return ", ".join(f"four more cost {grew[name]} of {name!r}, as we count" for name in sorted(told))
        seen.append(grew)
    raise Failed(f"{request.path}: we count {4 * cost[request.budget]} for four, the venue {seen}")


@card(602, "Orders beyond the limit are slowed to within it, and cancels pass meanwhile", Need.TRADE, Need.FAULTS)
async def orders_are_slowed(bench: Bench) -> str:
    """Sends IOC orders far away as fast as they go, three at a time, until some are held up: no answer says that it was
    too many, and an order that rests is cancelled at once."""
    clock = bench.ports.clock
    await clock.sleep(1.0)  # what earlier cards sent within the same second is not known to this account
    opened = account_of(bench, stream=False, config=_BY_REST, requests=_PATIENT)
    async with opened as account, resting(bench, account) as rests:
        like = await bench.order(time_in_force=TimeInForce.IOC)
        began_ns, count, held = clock.monotonic_ns(), 0, ""
        while not held and clock.monotonic_ns() - began_ns < _LOOP_S * 1e9:
            waited_ns = account.figures.waited_ns
            results = await asyncio.gather(*(_one_more(bench, account, like) for _ in range(_AT_A_TIME)))
            unsent = [late for late in results if late is not None]
            count += _AT_A_TIME - len(unsent)
            waited_ms = (account.figures.waited_ns - waited_ns) / MS
            if unsent:
                held = f"{len(unsent)} more would have waited for {unsent[0].retry_after_ms or 0} ms"
            elif waited_ms >= 50:
                held = f"the last {_AT_A_TIME} waited for {waited_ms:.0f} ms together"
        took_s = (clock.monotonic_ns() - began_ns) / 1e9
        waited_ns = account.figures.waited_ns
        await account.cancel(ref_of(rests))
        waited_ms = (account.figures.waited_ns - waited_ns) / MS
        limited = account.figures.rate_limited
    if not held and not limited:
        skip(f"{bench.market.venue} allows more than the {count} orders that could be sent in {took_s:.1f} s")
    saw = f"{count} orders in {took_s:.1f} s; {held}; then a cancel waited for {waited_ms:.0f} ms"
    expect(not limited, f"{saw}; the venue said {limited} times that it was too many")
    expect(waited_ms < _NO_WAIT_MS, saw)
    return saw


async def _one_more(bench: Bench, account: PrivateExchange, like: NewOrder) -> RateLimitError | None:
    """The same order again, under an id of its own. Gives the error of one that was not sent."""
    try:
        await account.place(msgspec.structs.replace(like, client_order_id=bench.client_id()))
    except RateLimitError as late:
        expect(late.outcome is Outcome.NOT_SENT, f"the venue refused an order: {late}")
        return late
    return None


@card(603, "After a refusal for too many requests nothing is sent until the time is over", Need.KEY, Need.FAULTS)
async def still_after_429(bench: Bench) -> str:
    """Has one question refused with it; then the same question is not sent for as long as the venue said."""
    return await _keeps_still(bench, "rate_limit", everything=False)


@card(604, "During a ban nothing is sent, not even cancels", Need.KEY, Need.FAULTS)
async def still_while_banned(bench: Bench) -> str:
    """Has one question answered with a ban; then neither questions nor cancels are sent for as long as it lasts."""
    return await _keeps_still(bench, "ban", everything=True)


async def _keeps_still(bench: Bench, fault: str, *, everything: bool) -> str:
    faults, clock, rules = faults_of(bench), bench.ports.clock, await bench.rules()
    async with account_of(bench, stream=False, config=_BY_REST, requests=_AT_ONCE) as account:
        await faults.switch(fault, seconds=1.5)
        try:
            await account.open_orders(rules)
            raise Failed(f"{fault}: answered as if nothing were")
        except AuthenticationError as error:
            skip(f"{bench.market.venue} has no ban that ends by itself: {error}")
        except RateLimitError as error:
            expect(error.outcome is Outcome.REJECTED, f"its outcome is {error.outcome.value}: {error}")
            told_ms = error.retry_after_ms
        sent = account.figures.requests
        await faults.clear()
        held_ms = await _held_back(account, rules)
        began_ns = clock.monotonic_ns()
        if everything:
            await _cancel_is_held_back(bench, account)
        more = account.figures.requests - sent
        expect(not more, f"{more} requests were sent inside")
        saw = f"{'no time' if told_ms is None else f'{told_ms} ms'} told, held back for {held_ms} ms"
        if held_ms > STILL_MAX_S * 1e3:
            return f"{saw} (not waited for)"
        await clock.sleep(held_ms / 1e3 + 0.01 - (clock.monotonic_ns() - began_ns) / 1e9)
        try:
            await account.open_orders(rules)
        except RateLimitError as late:
            expect(late.outcome is Outcome.NOT_SENT, f"{saw}; sent afterwards, it was refused again: {late}")
            return f"{saw}; then held back further, by the usage that the venue told"
    return f"{saw}; then it passed"


async def _held_back(account: PrivateExchange, rules: SymbolInfo) -> int:
    """For how many milliseconds, at least, the question is not sent."""
    try:
        await account.open_orders(rules)
    except RateLimitError as late:
        expect(late.outcome is Outcome.NOT_SENT, f"it was sent again: {late}")
        return late.retry_after_ms or 0
    raise Failed("it was sent again at once")


async def _cancel_is_held_back(bench: Bench, account: PrivateExchange) -> None:
    never = OrderRef(listing=await bench.rules(), client_order_id=bench.client_id())
    try:
        await account.cancel(never)
    except RateLimitError as late:
        expect(late.outcome is Outcome.NOT_SENT, f"a cancel was sent during the ban: {late}")
    except OrderNotFoundError as answered:
        raise Failed(f"a cancel was sent during the ban: {answered}") from None


@card(605, "Questions leave room for cancels", Need.TRADE, Need.FAULTS)
async def room_for_cancels(bench: Bench) -> str:
    """Asks for market data until a limit of ours holds it up: an order that rests can still be asked for and cancelled
    at once, and the venue never says that it was too many."""
    account = await bench.trader()
    limited = account.figures.rate_limited
    heavy = _heaviest(bench, await bench.rules())
    budget = bench.market.budgets[heavy.budget]
    if not bench.market.used_weight(await account.rest.fetch(heavy)) and budget.seconds <= _WINDOW_MAX_S:
        await bench.ports.clock.sleep(budget.seconds)  # nobody tells what other accounts of this run have used
    async with resting(bench, account) as rests:
        count = await _until_held_up(bench, account, heavy)
        waited_ns = account.figures.waited_ns
        known = await account.order(ref_of(rests))
        await account.cancel(ref_of(rests))
        waited_ms = (account.figures.waited_ns - waited_ns) / MS
        limited = account.figures.rate_limited - limited
    saw = f"after {count} requests for {heavy.path} of weight {heavy.weight} the next was held up"
    expect(not limited, f"{saw}; the venue said {limited} times that it was too many")
    expect(not known.is_over, f"{saw}; the order was over")
    saw += f"; a query and a cancel waited for {waited_ms:.0f} ms"
    expect(waited_ms < _NO_WAIT_MS, saw)
    return saw


async def _until_held_up(bench: Bench, account: PrivateExchange, request: Request) -> int:
    """How many were sent before one had to wait; that one is not sent. Skips the card where none has to in time."""
    clock = bench.ports.clock
    began_ns, count = clock.monotonic_ns(), 0
    while clock.monotonic_ns() - began_ns < 2 * _LOOP_S * 1e9:
        sent = account.figures.requests
        asked = asyncio.ensure_future(account.rest.fetch(request))
        done, _ = await asyncio.wait({asked}, timeout=_HELD_UP_S)
        if not done and account.figures.requests == sent:
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            return count
        try:
            await asked
        except RateLimitError as late:
            expect(late.outcome is Outcome.NOT_SENT, f"the venue refused request {count + 1}: {late}")
            return count
        count += 1
    raise Skipped(f"{bench.market.venue} allows more than the {count} requests that could be sent in {2 * _LOOP_S:g} s")


def _heaviest(bench: Bench, rules: SymbolInfo) -> Request:
    """The question that uses a limit up soonest."""
    market = bench.market
    calls = (
        market.order_book(rules, 5_000),
        market.order_book(rules, 5),
        market.ticker(rules),
        market.trades(rules, 100),
    )
    requests = [call.request for call in calls]
    return min(requests, key=lambda request: market.budgets[request.budget].weight_max / request.weight)
