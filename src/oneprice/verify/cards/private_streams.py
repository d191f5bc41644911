"""Cards 401 to 410: the private stream, and orders over a websocket."""

from __future__ import annotations

import itertools
from decimal import Decimal

from oneprice.errors import OrderNotFoundError
from oneprice.exchange import AccountConfig, ConnectionConfig, PrivateExchange, StreamState
from oneprice.model import AssetBalance, Fill, NewOrder, Order, OrderStatus, OrderType
from oneprice.venues.kit.account import BalanceUpdate, PositionUpdate
from oneprice.verify.bench import Bench
from oneprice.verify.card import Failed, Need, card, expect, skip
from oneprice.verify.measures import MS, first_few, plain, repeated
from oneprice.verify.trading import (
    Ears,
    Taken,
    account_of,
    brief,
    ended,
    eventually,
    faults_of,
    look_up,
    need_no_position,
    need_rows,
    place,
    position_of,
    quantity_of,
    ref_of,
    take,
    undo,
    words,
)

_ENDS = (OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED)
_STEPS: dict[OrderStatus, tuple[OrderStatus, ...]] = {
    OrderStatus.PENDING_NEW: (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.PENDING_CANCEL, *_ENDS),
    OrderStatus.NEW: (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.PENDING_CANCEL, *_ENDS),
    OrderStatus.PARTIALLY_FILLED: (OrderStatus.PARTIALLY_FILLED, OrderStatus.PENDING_CANCEL, *_ENDS),
    OrderStatus.PENDING_CANCEL: (OrderStatus.PENDING_CANCEL, *_ENDS),
}
_SLOW_TO_RETURN = ConnectionConfig(reconnect_first_ms=600, reconnect_max_ms=2_000)


@card(401, "The private stream is complete in time", Need.KEY)
async def complete_in_time(bench: Bench) -> str:
    """Opens the account anew: logged in, every subscription acknowledged, and caught up by REST."""
    clock = bench.ports.clock
    began_ns = clock.monotonic_ns()
    async with account_of(bench) as account:
        took_ms = (clock.monotonic_ns() - began_ns) / MS
        state = account.following.state
        expect(state.complete, f"not complete: {state.reason}")
        expect(took_ms <= bench.thresholds.first_data_s * 1e3, f"complete after {took_ms:.0f} ms")
        connects = account.following.stream_session.connects
        expect(connects == 1, f"complete at the connection number {connects}")
    return f"complete {took_ms:.0f} ms after its first request"


@card(402, "The life of an order is told, in legal steps", Need.TRADE)
async def life_of_an_order(bench: Bench) -> str:
    """Places and cancels an order far away, and one that fills, through an account object without a stream: the stream
    of another must tell each of them from its beginning to its end, and as REST does."""
    watcher, trader = await bench.account(), await bench.trader()
    need_rows(watcher, "stream: orders")
    with Ears(bench, watcher) as ears:
        order = await bench.order()
        await place(bench, trader, order)
        told_new = await ears.until(lambda: bool(ears.orders(order)))
        await trader.cancel(ref_of(order))
        expect(told_new, "the order was placed, and nothing was told")
        expect(await ears.until(lambda: _is_over(ears, order)), f"its end was not told: {words(ears.orders(order))}")
        first = ears.orders(order)
        _steps_are_legal(first)
        expect(first[0].status is OrderStatus.NEW, f"the first word of it was {first[0].status.name}")
        expect(first[-1].status is OrderStatus.CANCELED, f"cancelled, told as {brief(first[-1])}")
        bought = await take(bench, trader)
        over = await ears.until(lambda: _is_over(ears, bought.wanted))
        await undo(bench, trader, bought)
        second = ears.orders(bought.wanted)
        expect(over, f"a filled order's end was not told: {words(second)}")
        _steps_are_legal(second)
        last = second[-1]
        same = (last.status, last.filled_quantity) == (bought.order.status, bought.order.filled_quantity)
        expect(same, f"the stream says {brief(last)}, REST {brief(bought.order)}")
    return f"{words(first)}; {words(second)}"


def _is_over(ears: Ears, order: NewOrder) -> bool:
    told = ears.orders(order)
    return bool(told) and told[-1].is_over


def _steps_are_legal(told: list[Order]) -> None:
    for before, after in itertools.pairwise(told):
        legal = after.status in _STEPS.get(before.status, (before.status,))  # an end may be told in more detail
        expect(legal, f"{after.status.name} after {before.status.name}: {words(told)}")
        less = (after.filled_quantity or Decimal(0)) < (before.filled_quantity or Decimal(0))
        expect(not less, f"filled less than before: {brief(before)}, then {brief(after)}")


@card(403, "Each fill is told once, with its fee, as REST tells it", Need.TRADE)
async def fills_are_told(bench: Bench) -> str:
    """Fills an order through an account object without a stream; the stream of another must tell the same fills."""
    watcher, trader = await bench.account(), await bench.trader()
    need_rows(watcher, "stream: fills")
    with Ears(bench, watcher) as ears:
        bought = await take(bench, trader, times=2)
        await _hear_fills(ears, bought)
        await undo(bench, trader, bought)
        told = ears.fills(bought.order)
    _same_fills(told, bought.fills)
    without = [fill.venue_fill_id for fill in told if fill.fees is None]
    expect(not without, f"told without a fee: {first_few(without)}")
    wrong = [
        f"{ours.venue_fill_id}: {ours.fees} told, {theirs.fees} by REST"
        for ours, theirs in zip(_by_id(told), _by_id(bought.fills), strict=True)
        if {fee.asset: fee.amount for fee in ours.fees or ()} != {fee.asset: fee.amount for fee in theirs.fees or ()}
    ]
    expect(not wrong, first_few(wrong))
    return f"{len(told)} fills of {plain(quantity_of(told))}, with fees, as by REST"


async def _hear_fills(ears: Ears, bought: Taken) -> None:
    await ears.until(lambda: len(ears.fills(bought.order)) >= len(bought.fills))


def _by_id(fills: list[Fill] | tuple[Fill, ...]) -> list[Fill]:
    return sorted(fills, key=lambda fill: fill.venue_fill_id)


def _same_fills(told: list[Fill], by_rest: tuple[Fill, ...]) -> None:
    """Each once, and the same ones."""
    twice = repeated(fill.venue_fill_id for fill in told)
    expect(not twice, f"told twice: {first_few(twice)}")
    missing = {fill.venue_fill_id for fill in by_rest} - {fill.venue_fill_id for fill in told}
    expect(not missing, f"REST has {first_few(sorted(missing))}, and it was not told")
    strange = {fill.venue_fill_id for fill in told} - {fill.venue_fill_id for fill in by_rest}
    expect(not strange, f"told was {first_few(sorted(strange))}, which REST does not have")
    for ours, theirs in zip(_by_id(told), _by_id(by_rest), strict=True):
        same = (ours.price, ours.quantity, ours.side) == (theirs.price, theirs.quantity, theirs.side)
        saw = f"{plain(ours.quantity)} at {plain(ours.price)} told, by REST {plain(theirs.quantity)}"
        expect(same, f"fill {ours.venue_fill_id}: {saw} at {plain(theirs.price)}")


@card(404, "Balances are told after a fill, as REST tells them", Need.TRADE)
async def balances_are_told(bench: Bench) -> str:
    """Fills an order (on perpetuals: opens a position and closes it, for some venues' wallets hold its profit), waits
    until the stream has told of each asset that changed, and compares with REST."""
    watcher, trader = await bench.account(), await bench.trader()
    need_rows(watcher, "stream: balances")
    before = {row.asset: row.total for row in await trader.balances()}
    with Ears(bench, watcher) as ears:
        bought = await take(bench, trader)
        if bench.has(Need.PERPETUAL):
            await undo(bench, trader, bought)
        after = {row.asset: row for row in await trader.balances()}
        changed = [asset for asset, row in after.items() if row.total != before.get(asset)]
        expect(bool(changed), "nothing changed by a fill")
        spot = bench.has(Need.SPOT)
        agreed = await ears.until(lambda: all(_agrees(ears, after[asset], spot) for asset in changed))
        told = [f"{asset}: {_shown(_last(ears, asset))} told, {_shown(after[asset])} by REST" for asset in changed]
        if spot:
            await undo(bench, trader, bought)
    expect(agreed, "; ".join(told))
    return "; ".join(told)


def _last(ears: Ears, asset: str) -> AssetBalance | None:
    rows = [row for event in ears.of(BalanceUpdate) for row in event.balances if row.asset == asset]
    return rows[-1] if rows else None


def _agrees(ears: Ears, by_rest: AssetBalance, with_free: bool) -> bool:
    told = _last(ears, by_rest.asset)
    if told is None or told.total != by_rest.total:
        return False
    return not with_free or told.free is None or told.free == by_rest.free


def _shown(row: AssetBalance | None) -> str:
    return "nothing" if row is None else f"{plain(row.total)} ({plain(row.free)} free)"


@card(405, "A position is told, and its end", Need.TRADE, Need.PERPETUAL)
async def positions_are_told(bench: Bench) -> str:
    """Opens a position and closes it: the stream must tell its size as REST does, then 0."""
    watcher, trader, rules = await bench.account(), await bench.trader(), await bench.rules()
    need_rows(watcher, "stream: positions")
    await need_no_position(bench, trader)

    def sizes(ears: Ears) -> list[Decimal]:
        updates = ears.of(PositionUpdate)
        return [one.position.quantity for one in updates if one.position.listing.symbol == bench.symbol]

    with Ears(bench, watcher) as ears:
        bought = await take(bench, trader)
        position = await position_of(trader, rules)
        opened = await ears.until(lambda: sizes(ears)[-1:] == [bought.filled])
        told = ", ".join(plain(size) for size in sizes(ears)) or "nothing"
        await undo(bench, trader, bought)
        closed = await ears.until(lambda: sizes(ears)[-1:] == [Decimal(0)])
        then = ", ".join(plain(size) for size in sizes(ears))
    expect(position is not None and position.quantity == bought.filled, "REST does not have the position")
    expect(opened, f"{plain(bought.filled)} were bought, told was {told}")
    expect(closed, f"closed, told was {then}")
    return f"told: {then}"


async def _cut(bench: Bench, ears: Ears) -> None:
    """Cut every connection, and wait until the account has said that it knows."""
    await faults_of(bench).switch("drop")
    if not await ears.until(lambda: any(not state.complete for state in ears.of(StreamState))):
        raise Failed("all connections were cut, and the account takes its stream for complete")


async def _whole_again(bench: Bench, ears: Ears, account: PrivateExchange) -> None:
    within_s = bench.thresholds.live_s
    whole = await ears.until(lambda: account.following.state.complete, within_s)
    expect(whole, f"not complete again within {within_s:g} s: {account.following.state.reason}")


@card(406, "After a reconnection, what happened meanwhile has been caught up", Need.TRADE, Need.FAULTS)
async def caught_up(bench: Bench) -> str:
    """With one order resting all connections are cut; before the stream is back, another account object cancels that
    order and fills one. Then the stream's account must have heard of both, each fill once."""
    async with account_of(bench, connections=_SLOW_TO_RETURN) as watcher:
        with Ears(bench, watcher) as ears:
            order = await bench.order()
            await place(bench, watcher, order)
            await _cut(bench, ears)
            async with account_of(bench, stream=False, config=AccountConfig(order_path="rest")) as other:
                await other.cancel(ref_of(order))
                bought = await take(bench, other)
                early = not watcher.following.state.complete
                await _whole_again(bench, ears, watcher)
                heard = await ears.until(lambda: _is_over(ears, order) and bool(ears.fills(bought.order)))
                await undo(bench, other, bought)
            states = [state.complete for state in ears.of(StreamState)]
    expect(heard, f"the order: {words(ears.orders(order))}; fills told: {len(ears.fills(bought.order))}")
    last = ears.orders(order)[-1]
    expect(last.status is OrderStatus.CANCELED, f"cancelled meanwhile, told as {brief(last)}")
    _same_fills(ears.fills(bought.order), bought.fills)
    when = "before" if early else "while"
    return f"{when} it was back, {words(ears.orders(order))} and {len(bought.fills)} fills; states {states}"


@card(407, "Reports that come late, twice or in another order change nothing", Need.TRADE, Need.FAULTS)
async def odd_reports(bench: Bench) -> str:
    """Fills an order with each of these faults on: in the end the account knows of it what REST does, its steps are
    legal, and each fill was told once."""
    board, watcher, trader = faults_of(bench), await bench.account(), await bench.trader()
    saw = []
    faults = (("late_report", {"seconds": 1.0}), ("double_report", {"count": 8}), ("reorder_report", {"count": 2}))
    for kind, lasts in faults:
        with Ears(bench, watcher) as ears:
            await board.switch(kind, delay_ms=200, **lasts)
            bought = await take(bench, trader)
            await ears.until(lambda: _is_over(ears, bought.wanted))  # noqa: B023  (awaited at once)
            await _hear_fills(ears, bought)
            await bench.ports.clock.sleep(0.25)  # what is late or comes twice
            await board.clear()
            told = ears.orders(bought.wanted)
            _steps_are_legal(told)
            known = watcher.view.get(ref_of(bought.wanted))
            same = known is not None and known.filled_quantity == bought.order.filled_quantity and known.is_over
            expect(same, f"{kind}: {words(told)}, by REST {brief(bought.order)}")
            _same_fills(ears.fills(bought.order), bought.fills)
            saw.append(f"{kind}: {words(told)}")
            await undo(bench, trader, bought)
    return "; ".join(saw)


@card(408, "A report that was lost is made good by a query, and its fill after a reconnection", Need.TRADE, Need.FAULTS)
async def lost_report(bench: Bench) -> str:
    """Fills an order while all reports get lost. A query brings the order's end; after a cut, the fills are told."""
    board, trader = faults_of(bench), await bench.trader()
    async with account_of(bench) as watcher:
        with Ears(bench, watcher) as ears:
            await board.switch("lost_report", seconds=20.0)
            bought = await take(bench, trader)
            await board.clear()
            deaf = not ears.fills(bought.order)
            known = await watcher.order(ref_of(bought.wanted))
            same = (known.status, known.filled_quantity) == (bought.order.status, bought.order.filled_quantity)
            expect(same, f"asked, it says {brief(known)}; it is {brief(bought.order)}")
            await _cut(bench, ears)
            await _whole_again(bench, ears, watcher)
            await _hear_fills(ears, bought)
    _same_fills(ears.fills(bought.order), bought.fills)
    await undo(bench, trader, bought)
    return f"{'nothing' if deaf else 'some of it'} was told; then {brief(known)} and {len(bought.fills)} fills"


@card(409, "What the stream was opened with can be renewed", Need.KEY)
async def renewal(bench: Bench) -> str:
    """Gets a listen key (where the venue has such), renews it, and opens a stream that stays complete meanwhile."""
    codec = await bench.codec()
    call = codec.ticket()
    if call is None or not codec.renew_every_s:
        skip(f"{bench.market.venue} wants nothing renewed")
    async with account_of(bench) as account:
        ticket = await account.rest.run(call)
        renewing = codec.renew(ticket)
        if renewing is None:
            raise Failed(f"it is to be renewed every {codec.renew_every_s:g} s, and there is no call for that")
        await account.rest.run(renewing)
        state = account.following.state
        expect(state.complete, f"the stream ended meanwhile: {state.reason}")
        connects = account.following.stream_session.connects
        expect(connects == 1, f"the stream was cut by it: {connects} connections")
    return f"renewed; it is due every {codec.renew_every_s / 60:g} min"


@card(410, "Orders over a websocket do as those by REST", Need.TRADE)
async def order_entry(bench: Bench) -> str:
    """Over the order connection alone: places an order far away, cancels it, cancels it again (which must be refused),
    and fills one. By REST they are the same."""
    trader = await bench.trader()
    need_rows(trader, "websocket order entry")
    config = AccountConfig(order_path="websocket")
    async with account_of(bench, config=config) as account:
        entry = account.following

        async def ask() -> bool:
            return entry.entry is not None and entry.entry.is_ready

        if not await eventually(bench, ask, bool):
            raise Failed(f"the order connection is not ready: {entry.entry_session.reason}")
        order = await bench.order(type=OrderType.LIMIT_MAKER)
        placed = await place(bench, account, order)
        expect(not placed.is_over, f"over at once: {brief(placed)}")
        by_rest = await eventually(bench, lambda: look_up(trader, ref_of(order)), lambda one: one is not None)
        expect(by_rest is not None and by_rest.price == order.price, "REST does not have it as it was placed")
        await account.cancel(ref_of(order))
        over = await ended(bench, trader, ref_of(order))
        expect(over.status is OrderStatus.CANCELED, f"after the cancel: {brief(over)}")
        try:
            await account.cancel(ref_of(order))
            raise Failed("cancelled twice, and nothing was said")
        except OrderNotFoundError as again:
            saw = f"{type(again).__name__} {again.code}"
        bought = await take(bench, account)
        known = account.view.get(ref_of(bought.wanted))
        await undo(bench, account, bought)
        expect(known is not None and known.filled_quantity == bought.filled, "what filled is not known as filled")
    return f"{placed.status.name}, {brief(over)}, again: {saw}; then {brief(bought.order)}"
