"""Cards 310 to 322: orders by REST, of every kind, and what they do to balances."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from oneprice.errors import DuplicateOrderError, ExchangeAPIError, InvalidOrderError
from oneprice.exchange import PrivateExchange
from oneprice.model import NewOrder, Order, OrderRef, OrderStatus, OrderType, Side, TimeInForce
from oneprice.venues.kit import PrivateMarket
from oneprice.verify.bench import Bench
from oneprice.verify.card import Failed, Need, card, expect, skip
from oneprice.verify.measures import first_few, plain, repeated
from oneprice.verify.trading import (
    INTO,
    WITHOUT_FILL,
    Taken,
    account_of,
    brief,
    drop,
    ended,
    eventually,
    fees_of,
    fills_of,
    has_row,
    look_up,
    need_no_position,
    need_no_strangers,
    need_rows,
    outcome_of,
    place,
    position_of,
    quantity_of,
    quote_of,
    ref_of,
    refused,
    resting,
    take,
    taken,
    undo,
)

DEAD_MAN_S = 5
ROUNDING = Decimal("0.0001")


@card(310, "A post-only order rests, is found by both ids and among the open ones, and is cancelled", Need.TRADE)
async def post_only_rests(bench: Bench) -> str:
    """Places a post-only order 5 % away, asks for it by our id, by the venue's and among the open orders (looking at
    the bare answers), cancels it, and asks again."""
    account, codec = await bench.trader(), await bench.codec()
    need_rows(account, "order: post-only", "query by client id", "open orders")
    order = await bench.order(type=OrderType.LIMIT_MAKER)
    placed = await place(bench, account, order)
    expect(not placed.is_over, f"it is over at once: {brief(placed)}")
    found = await eventually(bench, lambda: look_up(account, ref_of(order)), lambda one: one is not None)
    if found is None:
        raise Failed(f"not found by {order.client_order_id}")
    ref = OrderRef(listing=order.listing, venue_order_id=found.venue_order_id)
    for one in (ref_of(order), ref):
        _is_the_same(await account.rest.run(codec.query(one)), order, ref.venue_order_id)
    among = await _among_open(account, codec, ref)
    expect(len(among) == 1, f"{len(among)} times among the open orders")
    _is_the_same(among[0], order, ref.venue_order_id)
    await account.cancel(ref_of(order))
    over = await ended(bench, account, ref)
    expect(over.status is OrderStatus.CANCELED and not over.filled_quantity, f"after the cancel: {brief(over)}")
    expect(not await _among_open(account, codec, ref), "cancelled, and still among the open orders")
    return f"{plain(order.quantity)} at {plain(order.price)}: {placed.status.name}, found three ways, CANCELED"


async def _among_open(account: PrivateExchange, codec: PrivateMarket, ref: OrderRef) -> list[Order]:
    """The open orders with this venue order id, as the answer has them."""
    rows = await account.rest.run(codec.open_orders(ref.listing))
    return [row for row in rows if row.venue_order_id == ref.venue_order_id]


def _is_the_same(told: Order, order: NewOrder, venue_order_id: str) -> None:
    """A bare answer is about this order, as it was placed."""
    ids = (told.venue_order_id, told.client_order_id)
    ours = ids[0] == venue_order_id and ids[1] in ("", order.client_order_id)
    expect(ours, f"asked for {venue_order_id} and {order.client_order_id}, {ids[0]} and {ids[1]} came")
    expect(told.status is OrderStatus.NEW, f"it should rest: {brief(told)}")
    expect(told.side in (None, order.side), f"its side is {told.side!r}")
    expect(told.price in (None, order.price), f"its price is {plain(told.price)}, asked for was {plain(order.price)}")
    size = (plain(told.quantity), plain(order.quantity))
    expect(told.quantity in (None, order.quantity), f"its size is {size[0]}, asked for was {size[1]}")
    expect(not told.filled_quantity, f"it filled far away: {brief(told)}")


@card(311, "An IOC order fills as much as its fills say, not beyond its limit, and fees are told", Need.TRADE)
async def ioc_fills(bench: Bench) -> str:
    """Buys with an IOC order half a per cent above the best ask: what is filled is the sum of the fills, none of them
    above the limit, each with its fee. Then sells it again."""
    account = await bench.trader()
    need_rows(account, "order: limit IOC", "fills")
    bought = await take(bench, account, times=2)
    await undo(bench, account, bought)
    _fills_agree(bought)
    limit = bought.wanted.price
    above = [fill.price for fill in bought.fills if limit is not None and fill.price > limit]
    expect(not above, f"above the limit of {plain(limit)}: {first_few(above)}")
    fees_of(bought.fills, "")
    fees = [fee for fill in bought.fills for fee in fill.fees or ()]
    expect(bool(fees), "no fill has a fee")
    total: dict[str, Decimal] = {}
    for fee in fees:
        total[fee.asset] = total.get(fee.asset, Decimal(0)) + fee.amount
    cost = ", ".join(f"{plain(amount)} {asset}" for asset, amount in total.items())
    return f"{brief(bought.order)} in {len(bought.fills)} fills, limit {plain(limit)}; fees {cost}"


def _fills_agree(was: Taken) -> None:
    """The order's own figures are those of its fills."""
    order, fills = was.order, was.fills
    twice = repeated(fill.venue_fill_id for fill in fills)
    expect(not twice, f"fills told twice: {first_few(twice)}")
    saw = f"{plain(order.filled_quantity)} filled, the fills come to {plain(was.filled)}"
    expect(order.filled_quantity == was.filled, saw)
    sides = {fill.side for fill in fills}
    expect(sides == {was.wanted.side}, f"fills on the side {first_few(side.name for side in sides)}")
    quote = quote_of(fills)
    if order.filled_quote is not None:
        off = abs(order.filled_quote - quote)
        expect(off <= quote * ROUNDING, f"worth {plain(order.filled_quote)}, the fills come to {plain(quote)}")
    if order.quantity is not None:
        expect(was.filled <= order.quantity, f"more filled than asked for: {brief(order)}")


@card(312, "An IOC order far away ends without a fill", Need.TRADE)
async def ioc_far_away(bench: Bench) -> str:
    """Places an IOC order 5 % away: it must be over by itself, with nothing filled."""
    account = await bench.trader()
    need_rows(account, "order: limit IOC")
    order = await bench.order(time_in_force=TimeInForce.IOC)
    await place(bench, account, order)
    return await _without_fill(bench, account, order)


async def _without_fill(bench: Bench, account: PrivateExchange, order: NewOrder) -> str:
    over = await ended(bench, account, ref_of(order))
    expect(over.status in WITHOUT_FILL and not over.filled_quantity, f"it should end without a fill: {brief(over)}")
    fills = await fills_of(bench, account, over)
    expect(not fills, f"told as not filled, and there are {len(fills)} fills")
    return brief(over)


@card(313, "A FOK order that cannot be filled wholly ends without a fill", Need.TRADE)
async def fok_ends(bench: Bench) -> str:
    """Places a FOK order 5 % away; on a simulated exchange also one that would find about half of what it wants."""
    account = await bench.trader()
    need_rows(account, "order: limit FOK")
    order = await bench.order(time_in_force=TimeInForce.FOK)
    saw = f"far away: {await _refused_or_over(bench, account, order)}"
    if bench.faults is not None:
        await bench.faults.switch("partial_fill")
        order = await bench.order(away=INTO, time_in_force=TimeInForce.FOK, times=2)
        try:
            saw += f"; with half of it there: {await _refused_or_over(bench, account, order)}"
        finally:
            await _until_refilled(bench, order)
    return saw


async def _until_refilled(bench: Bench, order: NewOrder) -> None:
    """Until the other side of the book, thinned by the fault, has enough again for the cards that follow."""
    assert order.quantity is not None, "a limit order has a quantity"
    enough = 3 * order.quantity

    async def size() -> Decimal:
        asks = (await bench.public.order_book(order.listing, 20)).asks
        return sum((level.quantity for level in asks if level.price <= (order.price or 0)), Decimal(0))

    await eventually(bench, size, lambda there: there >= enough)


async def _refused_or_over(bench: Bench, account: PrivateExchange, order: NewOrder) -> str:
    """Venues may refuse such an order, or take it and end it at once."""
    told = await outcome_of(place(bench, account, order))
    if isinstance(told, ExchangeAPIError):
        return refused(told, "it", InvalidOrderError)
    return await _without_fill(bench, account, order)


@card(314, "A post-only order that would take does not take", Need.TRADE)
async def post_only_takes_nothing(bench: Bench) -> str:
    """Places a post-only order half a per cent into the other side: refused, or over without a fill."""
    account = await bench.trader()
    need_rows(account, "order: post-only")
    order = await bench.order(away=INTO, type=OrderType.LIMIT_MAKER)
    told = await outcome_of(place(bench, account, order))
    if isinstance(told, ExchangeAPIError):
        return refused(told, "it", InvalidOrderError)
    return await _took_nothing(bench, account, order)


async def _took_nothing(bench: Bench, account: PrivateExchange, order: NewOrder) -> str:
    """It is over without a fill; or it rests, or filled as a maker, because the book had moved away from it."""
    told = await eventually(bench, lambda: account.order(ref_of(order)), lambda one: one.is_over)
    if not told.is_over:
        await drop(account, ref_of(order))
        told = await ended(bench, account, ref_of(order))
    took = [fill for fill in await fills_of(bench, account, told) if fill.is_maker is not True]
    expect(not took, f"{brief(told)}, {plain(quantity_of(took))} of it as a taker")
    return brief(told)


@card(315, "A market order by base fills wholly", Need.TRADE)
async def market_by_base(bench: Bench) -> str:
    """Buys by a limit, sells as much by a market order of the smallest size; its fills come to its size."""
    account = await bench.trader()
    need_rows(account, "order: market by base")
    if not has_row(account, "order: limit IOC"):
        skip("there is nothing to sell without an IOC order before")
    bought = await take(bench, account, times=2)
    order = await bench.order(Side.SELL, type=OrderType.MARKET)
    await place(bench, account, order)
    sold = await taken(bench, account, order)
    await undo(bench, account, bought, sold.order.filled_quantity or Decimal(0))
    _fills_agree(sold)
    expect(sold.filled == order.quantity, f"sold {plain(sold.filled)} of {plain(order.quantity)}: {brief(sold.order)}")
    expect(sold.order.status is OrderStatus.FILLED, f"filled wholly, told as {sold.order.status.name}")
    return f"{plain(sold.filled)} sold in {len(sold.fills)} fills, for {plain(quote_of(sold.fills))}"


@card(316, "A market order by quote spends what it was given", Need.TRADE, Need.SPOT)
async def market_by_quote(bench: Bench) -> str:
    """Buys for twice the smallest worth: not more is spent, nor less by more than a lot. Then sells it again."""
    account = await bench.trader()
    need_rows(account, "order: market by quote")
    like = await bench.order(times=2)
    assert like.price is not None, "a limit order has a price"
    assert like.quantity is not None, "and a quantity"
    amount = (like.price * like.quantity).quantize(Decimal("0.01"))
    order = msgspec.structs.replace(like, type=OrderType.MARKET, quantity=None, price=None, quote_quantity=amount)
    await place(bench, account, order)
    bought = await taken(bench, account, order)
    await undo(bench, account, bought)
    _fills_agree(bought)
    spent = quote_of(bought.fills)
    lot = like.listing.lot_size * max(fill.price for fill in bought.fills)
    expect(amount - 2 * lot <= spent <= amount, f"{plain(spent)} spent of {plain(amount)}; a lot is worth {plain(lot)}")
    return f"{plain(spent)} spent of {plain(amount)} {bench.symbol.quote} on {plain(bought.filled)}"


@card(317, "A reduce-only order never opens a position", Need.TRADE, Need.PERPETUAL)
async def reduce_only(bench: Bench) -> str:
    """Places one without a position, then one of thrice the size of a position: refused or over, and in the end there
    is no position."""
    account, rules = await bench.trader(), await bench.rules()
    need_rows(account, "order: reduce-only")
    await need_no_position(bench, account)
    saw = []
    for times in (0, 1):
        if times:
            await take(bench, account)
        order = await bench.order(
            Side.SELL, away=INTO, time_in_force=TimeInForce.IOC, times=1 + 2 * times, reduce_only=True
        )
        told = await outcome_of(place(bench, account, order))
        if isinstance(told, ExchangeAPIError):
            saw.append(refused(told, f"{plain(order.quantity)} against {times}", InvalidOrderError))
        else:
            saw.append(f"{plain(order.quantity)} against {times}: {brief(await ended(bench, account, ref_of(order)))}")
        left = await position_of(account, rules)
        size = left.quantity if left is not None else Decimal(0)
        if size:
            await _flatten(bench, account, size)
        expect(size >= 0, f"{saw[-1]}; it opened a position of {plain(size)}")
    return "; ".join(saw)


async def _flatten(bench: Bench, account: PrivateExchange, size: Decimal) -> None:
    side = Side.SELL if size > 0 else Side.BUY
    order = await bench.order(side, away=INTO, time_in_force=TimeInForce.IOC)
    order = msgspec.structs.replace(order, quantity=abs(size))
    await place(bench, account, order)
    await ended(bench, account, ref_of(order))


@card(318, "A batch brings one result for each of its orders", Need.TRADE)
async def batch(bench: Bench) -> str:
    """Places three post-only orders in one call, the middle one so that it would take: one result each, in their
    order; the first and the last rest, the middle one does not fill."""
    account = await bench.trader()
    need_rows(account, "batch orders", "order: post-only")
    aways = (Decimal("0.05"), INTO, Decimal("0.06"))
    orders = [await bench.order(away=away, type=OrderType.LIMIT_MAKER) for away in aways]
    sent = account.figures.requests
    results = await account.place_many(orders)
    sent = account.figures.requests - sent
    try:
        expect(len(results) == len(orders), f"{len(results)} results for {len(orders)} orders")
        saw = []
        for order, result in zip(orders, results, strict=True):
            if isinstance(result, ExchangeAPIError):
                saw.append(refused(result, "refused", InvalidOrderError))
                continue
            told = result.client_order_id
            expect(told == order.client_order_id, f"the result for {order.client_order_id} is one for {told!r}")
            saw.append("taken")
        expect(saw[0] == saw[2] == "taken", f"the first was {saw[0]}, the last {saw[2]}")
        for order in (orders[0], orders[2]):
            told_now = await account.order(ref_of(order))
            expect(not told_now.is_over, f"{order.client_order_id} should rest: {brief(told_now)}")
        if saw[1] == "taken":
            saw[1] = await _took_nothing(bench, account, orders[1])
    finally:
        for order in orders:
            await drop(account, ref_of(order))
    return f"{len(orders)} orders in {sent} requests: {', '.join(saw)}"


@card(319, "All orders of a listing are cancelled by one call", Need.TRADE)
async def cancel_all(bench: Bench) -> str:
    """Places three orders far away, cancels all, and asks for the open ones and for each."""
    account = await bench.trader()
    need_rows(account, "cancel all")
    await need_no_strangers(bench, account)
    orders = [await bench.order(away=Decimal("0.05") + Decimal(step) / 1_000) for step in range(3)]
    for order in orders:
        await place(bench, account, order)
    told = await account.cancel_all(bench.symbol)
    for order in orders:
        over = await ended(bench, account, ref_of(order))
        expect(over.status is OrderStatus.CANCELED, f"{order.client_order_id}: {brief(over)}")
    left = await account.open_orders(bench.symbol)
    expect(not left, f"{len(left)} are still open")
    return f"{len(orders)} cancelled, the answer told of {len(told)}"


@card(320, "A client order id that is used twice is treated as the capability matrix says", Need.TRADE)
async def duplicate_id(bench: Bench) -> str:
    """Places an order far away, and another with the same id through a second account object: refused as a duplicate
    where the matrix says so; else whatever the venue does is told."""
    async with account_of(bench, stream=False) as second:
        account = await bench.trader()
        async with resting(bench, account) as order:
            told = await outcome_of(place(bench, second, order))
            if has_row(account, "client id refused twice"):
                return refused(told, "the second", DuplicateOrderError)
            if isinstance(told, ExchangeAPIError):
                return f"not documented; refused: {refused(told, 'the second', InvalidOrderError)}"
            first = account.view.get(ref_of(order))
            same = first is not None and told is not None and told.venue_order_id == first.venue_order_id
            if told is not None and not same:
                await drop(second, OrderRef(listing=order.listing, venue_order_id=told.venue_order_id))
            return "taken for the first one again" if same else "accepted as another order"


@card(321, "Balances change by exactly the fills and their fees", Need.TRADE)
async def balances_follow_fills(bench: Bench) -> str:
    """Buys and sells again: the sum of fills and fees is, to the last digit, what the balances changed by (spot: base
    and quote; perpetuals: the wallet, by fees and by what the round trip brought)."""
    account = await bench.trader()
    if bench.has(Need.PERPETUAL):
        await need_no_position(bench, account)
    base, quote = bench.symbol.base, bench.symbol.quote
    before = await _totals(account)
    bought = await take(bench, account, times=2)
    order = await bench.order(Side.SELL, away=INTO, time_in_force=TimeInForce.IOC, times=2)
    order = msgspec.structs.replace(order, quantity=bought.order.filled_quantity, reduce_only=bench.has(Need.PERPETUAL))
    if bench.has(Need.SPOT):
        order = msgspec.structs.replace(order, quantity=bench.smallest(order.listing, order.price or Decimal(1)))
    await place(bench, account, order)
    sold = await taken(bench, account, order)
    both = (*bought.fills, *sold.fills)
    want = {quote: quote_of(sold.fills) - quote_of(bought.fills) - fees_of(both, quote)}
    if bench.has(Need.SPOT):
        want[base] = quantity_of(bought.fills) - quantity_of(sold.fills) - fees_of(both, base)
    elif bought.order.filled_quantity != sold.order.filled_quantity:
        await undo(bench, account, bought, sold.order.filled_quantity or Decimal(0))
        skip(f"{brief(bought.order)} by the purchase, by the sale {brief(sold.order)}")

    async def changes() -> dict[str, Decimal]:
        after = await _totals(account)
        return {asset: after.get(asset, Decimal(0)) - before.get(asset, Decimal(0)) for asset in want}

    got = await eventually(bench, changes, lambda seen: seen == want)
    if bench.has(Need.SPOT):
        await undo(bench, account, bought, sold.order.filled_quantity or Decimal(0))
    told = ", ".join(f"{asset} {plain(got[asset])} (fills and fees: {plain(want[asset])})" for asset in want)
    expect(got == want, f"balances changed by {told}")
    return f"{len(both)} fills; balances changed by {told}"


async def _totals(account: PrivateExchange) -> dict[str, Decimal]:
    return {row.asset: row.total for row in await account.balances()}


@card(322, "The dead man's switch cancels when it is not told anew", Need.TRADE)
async def dead_man(bench: Bench) -> str:
    """Sets it to five seconds with an order far away, waits, and asks for the order; then disarms it."""
    account = await bench.trader()
    need_rows(account, "dead man's switch")
    await need_no_strangers(bench, account)
    clock = bench.ports.clock
    async with resting(bench, account) as order:
        began_ns = clock.monotonic_ns()
        await account.dead_man(DEAD_MAN_S, bench.symbol)
        try:
            open_now = await account.order(ref_of(order))
            expect(not open_now.is_over, f"it did not wait: {brief(open_now)}")
            over = await eventually(
                bench,
                lambda: account.order(ref_of(order)),
                lambda one: one.is_over,
                DEAD_MAN_S + bench.thresholds.report_s,
            )
        finally:
            await account.dead_man(0, bench.symbol)
        took_s = (clock.monotonic_ns() - began_ns) / 1e9
        expect(over.is_over and not over.filled_quantity, f"after {took_s:.1f} s: {brief(over)}")
        return f"{brief(over)} {took_s:.1f} s after it was set to {DEAD_MAN_S} s"
