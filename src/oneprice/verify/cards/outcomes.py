"""Cards 507 to 510: orders whose answer is lost, late or no answer, and how their outcome is found."""

from __future__ import annotations

from collections.abc import Awaitable

from oneprice.errors import ExchangeAPIError, NetworkError, Outcome, VenueUnavailableError
from oneprice.exchange import AccountConfig, PrivateExchange, RequestConfig
from oneprice.model import NewOrder, Order, OrderRef, OrderStatus, TimeInForce
from oneprice.verify.bench import Bench
from oneprice.verify.card import Failed, Need, card, expect
from oneprice.verify.trading import (
    INTO,
    Ears,
    account_of,
    brief,
    ended,
    eventually,
    faults_of,
    fills_of,
    has_row,
    place,
    ref_of,
    taken,
    undo,
    words,
)

LONG_AGO_NS = 60 * 10**9
"""An order that was sent so long ago has come to the venue, or never will."""
TIMEOUT_MS = 400
_ONCE = RequestConfig(attempts_max=1)


def _impatient(path: str) -> AccountConfig:
    """For accounts that send one order, whose answer will not come."""
    return AccountConfig(order_path=path, order_timeout_ms=TIMEOUT_MS)


def _paths(account: PrivateExchange) -> list[str]:
    """The ways that orders may go."""
    return ["rest", "websocket"] if has_row(account, "websocket order entry") else ["rest"]


async def _live_at_venue(bench: Bench, order: NewOrder) -> int:
    """How many open orders of this id the exchange itself has."""
    truth = await faults_of(bench).truth()
    rows = [row for account in truth["accounts"] for row in account["open_orders"]]
    return sum(str(row["client_order_id"]).endswith(order.client_order_id) for row in rows)


async def _unknown(bench: Bench, account: PrivateExchange, order: NewOrder) -> str:
    """Place an order whose answer must not come: fails unless its outcome is unknown."""
    try:
        told = await place(bench, account, order)
    except (NetworkError, ExchangeAPIError) as error:
        expect(error.outcome is Outcome.UNKNOWN, f"no answer, and its outcome is {error.outcome.value}: {error}")
        return type(error).__name__
    raise Failed(f"no answer was given, and it is told as {brief(told)}")


@card(507, "An order whose answer is lost is found again by its id, and there is one of it", Need.TRADE, Need.FAULTS)
async def lost_ack(bench: Bench) -> str:
    """Places an order far away, over each way there is, and has its answer lost: unknown, not refused; `find` brings
    it, and the exchange itself has exactly one."""
    faults, trader, saw = faults_of(bench), await bench.trader(), []
    for path in _paths(trader):
        async with account_of(bench, stream=path != "rest", config=_impatient(path)) as account:
            await _ready(bench, account, path)
            order = await bench.order()
            await faults.switch("lost_ack")
            error = await _unknown(bench, account, order)
            await faults.clear()
            found = await account.find(ref_of(order))
            count = await _live_at_venue(bench, order)
            if found is None:
                raise Failed(f"by {path}: not found, though the exchange has {count} of it")
            expect(count == 1, f"by {path}: the exchange has {count} of it")
            expect(found.client_order_id == order.client_order_id, f"found was {found.client_order_id!r}")
            expect(not found.is_over, f"by {path}: found as {brief(found)}, though it is open")
            await trader.cancel(OrderRef(listing=order.listing, venue_order_id=found.venue_order_id))
            saw.append(f"by {path}: {error}, found as {found.status.name}, one at the exchange")
    return "; ".join(saw)


async def _ready(bench: Bench, account: PrivateExchange, path: str) -> None:
    """Where orders go over a websocket, until it may be used."""
    if path == "rest":
        return

    async def ask() -> bool:
        entry = account.following.entry
        return entry is not None and entry.is_ready

    expect(await eventually(bench, ask, bool), "the order connection is not ready")


@card(508, "Of an order that never arrived it is proven that it never was", Need.TRADE, Need.FAULTS)
async def lost_request(bench: Bench) -> str:
    """Has an order lost on its way, over each way there is: unknown; `find` then proves that nothing of it is open or
    filled (told as sent a minute ago, so that the evidence counts at once), and it is settled as rejected."""
    faults, saw = faults_of(bench), []
    for path in _paths(await bench.trader()):
        async with account_of(bench, stream=path != "rest", config=_impatient(path)) as account:
            await _ready(bench, account, path)
            order = await bench.order()
            await faults.switch("lost_request")
            error = await _unknown(bench, account, order)
            await faults.clear()
            known = account.view.get(ref_of(order))
            waits = known is not None and known.status is OrderStatus.UNKNOWN
            expect(waits, f"by {path}: not kept as UNKNOWN meanwhile: {known and brief(known)}")
            sent_ns = bench.ports.clock.wall_ns() - LONG_AGO_NS
            found = await account.find(ref_of(order), sent_ns=sent_ns)
            expect(found is None, f"by {path}: found as {found and brief(found)}")
            expect(await _live_at_venue(bench, order) == 0, "the exchange has it")
            settled = account.view.get(ref_of(order))
            over = settled is not None and settled.status is OrderStatus.REJECTED
            expect(over, f"by {path}: afterwards it is {settled and brief(settled)}")
            saw.append(f"by {path}: {error}, then proven that it never was")
    return "; ".join(saw)


@card(509, "An answer that comes after the fills changes nothing, in time or too late", Need.TRADE, Need.FAULTS)
async def late_ack(bench: Bench) -> str:
    """Fills an order whose answer comes after its events, over each way there is; then one whose answer comes too late
    to be waited for. Each is told as it is, each fill once."""
    faults, saw = faults_of(bench), []
    for path in _paths(await bench.trader()):
        for delay_ms, config in ((200, AccountConfig(order_path=path)), (900, _impatient(path))):
            async with account_of(bench, config=config) as account:
                await _ready(bench, account, path)
                await faults.switch("late_ack", delay_ms=delay_ms, count=1)
                saw.append(f"by {path}, {delay_ms} ms late: {await _one_late(bench, account, delay_ms > TIMEOUT_MS)}")
                await faults.clear()
    return "; ".join(saw)


async def _one_late(bench: Bench, account: PrivateExchange, too_late: bool) -> str:
    order, trader = await bench.order(away=INTO, time_in_force=TimeInForce.IOC), await bench.trader()
    with Ears(bench, account) as ears:
        told: Order | None
        if too_late:
            await _unknown(bench, account, order)
            told = await account.find(ref_of(order))
            await bench.ports.clock.sleep(0.5)  # for the answer that nobody waits for any more
        else:
            told = await place(bench, account, order)
        if told is None:
            raise Failed("it is filled, and not found")
        over = await ended(bench, account, ref_of(order))
        fills = await fills_of(bench, account, over)
        await ears.until(lambda: len(ears.fills(over)) >= len(fills))
        heard = [fill.venue_fill_id for fill in ears.fills(over)]
        steps = ears.orders(order)
    await undo(bench, trader, await taken(bench, trader, order))
    expect(sorted(heard) == sorted(fill.venue_fill_id for fill in fills), f"{len(fills)} fills, told {len(heard)}")
    expect(bool(steps) and steps[-1].is_over, f"its end was not told: {words(steps)}")
    ends = {(one.status, one.filled_quantity) for one in steps if one.is_over}
    expect(len(ends) == 1, f"it ended in more than one way: {words(steps)}")
    return f"{brief(over)}, told {words(steps)}, {len(heard)} fills"


@card(510, "In maintenance the venue is unavailable, and no order is taken for unsent", Need.TRADE, Need.FAULTS)
async def maintenance(bench: Bench) -> str:
    """Asks for balances and places an order meanwhile, over each way there is; afterwards both pass, and `find` tells
    what became of the order."""
    faults, saw = faults_of(bench), []
    for path in _paths(await bench.trader()):
        config = AccountConfig(order_path=path)
        async with account_of(bench, stream=path != "rest", config=config, requests=_ONCE) as account:
            await _ready(bench, account, path)
            await account.balances()
            order = await bench.order()
            await faults.switch("maintenance", seconds=20.0)
            asked = await _error_of(account.balances())
            told = await _error_of(place(bench, account, order))
            await faults.clear()
            kind = isinstance(asked, VenueUnavailableError)
            expect(kind, f"a question: {type(asked).__name__}, {asked}")
            if not isinstance(told, VenueUnavailableError):
                raise Failed(f"an order by {path}: {type(told).__name__}, {told}")
            unsent = told.outcome is Outcome.NOT_SENT
            expect(not unsent, f"an order by {path} was sent, and its outcome is {told.outcome.value}")
            await account.balances()
            if told.outcome is Outcome.UNKNOWN:
                sent_ns = bench.ports.clock.wall_ns() - LONG_AGO_NS
                found = await account.find(ref_of(order), sent_ns=sent_ns)
                expect(found is None, "the order was carried out during maintenance")
            saw.append(f"by {path}: {told.outcome.value}, {told.code}")
    return "; ".join(saw)


async def _error_of(work: Awaitable[object]) -> object:
    """The error that came of it, else what it gave."""
    try:
        return await work
    except (ExchangeAPIError, NetworkError) as error:
        return error
