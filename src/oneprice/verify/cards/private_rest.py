"""Cards 301 to 309 and 323: what an account tells of itself by REST, and what its venue lacks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

from oneprice.errors import ConfigError, InvalidOrderError, NotSupported, Outcome
from oneprice.exchange import AccountConfig, PrivateExchange
from oneprice.model import MarketKind, NewOrder, OrderType, PositionMode, Side, SymbolInfo
from oneprice.verify.bench import Bench
from oneprice.verify.card import Need, card, expect, skip
from oneprice.verify.measures import first_few, plain, repeated
from oneprice.verify.trading import (
    account_of,
    fills_of,
    need_no_position,
    need_rows,
    position_of,
    take,
    undo,
)

DAY_NS = 86_400 * 10**9
LEVERAGE = 5
FEE_SLACK = Decimal("0.0001")


@card(301, "Balances are told, each asset once", Need.KEY)
async def balances(bench: Bench) -> str:
    """Asks for the balances: each asset once, nothing negative, what is free not above the whole."""
    account = await bench.trader()
    rows = await account.balances()
    twice = repeated(row.asset for row in rows)
    expect(not twice, f"told twice: {first_few(twice)}")
    wrong = [row.asset for row in rows if row.total < 0 or (row.free is not None and not 0 <= row.free <= row.total)]
    if bench.market.kind is MarketKind.SPOT:  # a perpetual wallet may owe, and profit may be free
        expect(not wrong, f"negative, or more free than there is: {first_few(wrong)}")
    if not rows:
        return "the account is empty"
    return first_few((f"{plain(row.total)} {row.asset} ({plain(row.free)} free)" for row in rows), 4)


@card(302, "The key may do what it is for, and may not withdraw", Need.KEY)
async def permissions(bench: Bench) -> str:
    """Asks what the key may do: it must not withdraw, must read, and trade where the run has leave to."""
    account = await bench.trader()
    need_rows(account, "key permissions")
    told = await account.permissions()
    rights = {"read": told.can_read, "trade": told.can_trade, "withdraw": told.can_withdraw}
    saw = ", ".join(f"{name}: {_yes(value)}" for name, value in rights.items())
    expect(told.can_withdraw is not True, f"{saw}; take the right to withdraw away from this key")
    expect(told.can_read is not False, saw)
    if bench.has(Need.TRADE):
        expect(told.can_trade is not False, saw)
    bound = "bound to addresses" if told.ip_restricted else "not bound to addresses, or not told"
    return f"{saw}; {bound}"


def _yes(value: bool | None) -> str:
    return "not told" if value is None else "yes" if value else "no"


@card(303, "The account's fees are near the venue's default schedule", Need.KEY)
async def fees(bench: Bench) -> str:
    """Asks for the account's own fees on the symbol: a maker pays no more than a taker, and a taker no more than the
    default schedule says, but for a basis point."""
    account, rules = await bench.trader(), await bench.rules()
    need_rows(account, "account fees")
    told = await account.fees(rules)
    default = rules.taker_fee if rules.taker_fee is not None else Decimal(str(bench.market.taker_fee_bps)) / 10_000
    saw = f"maker {_bps(told.maker)}, taker {_bps(told.taker)}; by default a taker pays {_bps(default)}"
    expect(told.maker <= told.taker, saw)
    expect(abs(told.maker) <= Decimal("0.01"), saw)
    expect(0 <= told.taker <= default + FEE_SLACK, saw)
    return saw


def _bps(fee: Decimal) -> str:
    return f"{float(fee * 10_000):.2f} bps"


@card(304, "Networks of an asset are told with their costs", Need.KEY)
async def networks(bench: Bench) -> str:
    """Asks for the networks of the base asset: each once, fees and minimums not below 0."""
    account = await bench.trader()
    need_rows(account, "networks")
    asset = bench.symbol.base
    rows = await account.networks(asset)
    expect(bool(rows), f"no network of {asset}")
    expect(all(row.asset == asset and row.network for row in rows), "one of another asset, or without a name")
    twice = repeated(row.network for row in rows)
    expect(not twice, f"told twice: {first_few(twice)}")
    costs = [value for row in rows for value in (row.withdraw_fee, row.withdraw_min) if value is not None]
    expect(all(value >= 0 for value in costs), f"a fee or minimum below 0: {first_few(costs)}")
    usable = sum(row.deposit_enabled and row.withdraw_enabled for row in rows)
    return (
        f"{asset}: {first_few(f'{row.network} for {plain(row.withdraw_fee)}' for row in rows)}; {usable} open both ways"
    )


@card(305, "Deposits and withdrawals can be read", Need.KEY)
async def transfers(bench: Bench) -> str:
    """Asks for those of the last seven days: oldest first, each once, within that time."""
    account = await bench.trader()
    need_rows(account, "deposits and withdrawals")
    since_ns = account.rest.venue_clock.now_ns() - 7 * DAY_NS
    saw = []
    for name, ask in (("deposits", account.deposits), ("withdrawals", account.withdrawals)):
        rows = await ask(since_ns)
        times = [row.time_ns for row in rows]
        expect(times == sorted(times), f"{name} are not oldest first")
        twice = repeated(row.id for row in rows)
        expect(not twice, f"{name} told twice: {first_few(twice)}")
        expect(all(row.amount >= 0 for row in rows), f"{name}: an amount below 0")
        expect(not times or times[0] >= since_ns - DAY_NS, f"{name} from before the time asked for")
        saw.append(f"{len(rows)} {name}")
    return " and ".join(saw) + " within seven days"


@card(306, "Open orders can be read", Need.KEY)
async def open_orders(bench: Bench) -> str:
    """Asks for open orders of the symbol and of all: none of them over, each once, the former among the latter."""
    account = await bench.trader()
    need_rows(account, "open orders")
    ours = await account.open_orders(bench.symbol)
    everything = await account.open_orders()
    for rows in (ours, everything):
        over = [row.venue_order_id for row in rows if row.is_over]
        expect(not over, f"over, but told as open: {first_few(over)}")
        twice = repeated((row.listing.venue_symbol, row.venue_order_id) for row in rows)
        expect(not twice, f"told twice: {first_few(twice)}")
    strangers = [row.listing.symbol for row in ours if row.listing.symbol != bench.symbol]
    expect(not strangers, f"asked for {bench.symbol}, told of {first_few(strangers)}")
    missing = {row.venue_order_id for row in ours} - {row.venue_order_id for row in everything}
    expect(not missing, f"missing among all: {first_few(missing)}")
    return f"{len(ours)} of {bench.symbol}, {len(everything)} in all"


@card(307, "Fills can be read, in order, each once", Need.KEY)
async def fills(bench: Bench) -> str:
    """With leave to trade, two small orders are filled first. Asks for the fills of the last hour: oldest first, each
    id once, of this symbol; and those of one order alone, which must be the same ones."""
    account = await bench.trader()
    need_rows(account, "fills")
    since_ns = account.rest.venue_clock.now_ns() - 3_600 * 10**9
    bought = None
    if bench.has(Need.TRADE):
        bought = await take(bench, account)
        await undo(bench, account, bought)
    rows = await account.fills(bench.symbol, since_ns)
    times = [row.time_ns for row in rows]
    expect(times == sorted(times), "not oldest first")
    twice = repeated(row.venue_fill_id for row in rows)
    expect(not twice, f"told twice: {first_few(twice)}")
    expect(all(row.listing.symbol == bench.symbol for row in rows), "one of another symbol")
    if bought is not None:
        of_order = await fills_of(bench, account, bought.order)
        strangers = [row.venue_fill_id for row in of_order if row.venue_order_id != bought.order.venue_order_id]
        expect(not strangers, f"asked for one order, told of others: {first_few(strangers)}")
        among = {row.venue_fill_id for row in rows if row.venue_order_id == bought.order.venue_order_id}
        same = {row.venue_fill_id for row in of_order}
        expect(among == same, f"of one order {first_few(sorted(same))}, among all of them {first_few(sorted(among))}")
    return f"{len(rows)} fills within an hour"


@card(308, "Positions and the position mode can be read", Need.KEY, Need.PERPETUAL)
async def positions(bench: Bench) -> str:
    """Asks for both: each listing once, no empty position, one net position for a listing (one-way mode)."""
    account = await bench.trader()
    need_rows(account, "positions", "position mode")
    mode, rows = await account.position_mode(), await account.positions()
    twice = repeated(row.listing.venue_symbol for row in rows)
    expect(not twice, f"told twice: {first_few(twice)}")
    expect(mode is PositionMode.ONE_WAY, f"the account is in {mode.value} mode; orders are made for one-way mode")
    expect(all(row.quantity for row in rows), "an empty position among them")
    return f"{len(rows)} positions, {mode.value} mode"


@card(309, "Leverage can be set", Need.TRADE, Need.PERPETUAL)
async def leverage(bench: Bench) -> str:
    """Sets it to 5 twice (the second must be no error), opens a small position, looks at the leverage it is told with,
    and closes it. Leverage stays at 5."""
    account = await bench.trader()
    need_rows(account, "leverage")
    await need_no_position(bench, account)
    for _ in range(2):
        await account.set_leverage(bench.symbol, LEVERAGE)
    bought = await take(bench, account)
    position = await position_of(account, await bench.rules())
    await undo(bench, account, bought)
    expect(position is not None, f"no position after {plain(bought.filled)} were bought")
    told = position.leverage if position is not None else None
    expect(told in (None, 0, LEVERAGE), f"set to {LEVERAGE}, told as {plain(told)}")
    return f"set to {LEVERAGE}; a position of {plain(bought.filled)} is told with {plain(told)}"


@card(323, "What the venue lacks is refused before anything is sent", Need.KEY)
async def lacking(bench: Bench) -> str:
    """Asks for everything that the capability matrix says is not there: NotSupported, and no request leaves."""
    async with account_of(bench, stream=False) as account:
        rules, sent = await bench.rules(), account.figures.requests
        lacks = [row.name for row in account.capabilities if not row.supported]
        tried = {name: ask for name, ask in _ways(bench, account, rules).items() if name in lacks}
        for name, ask in tried.items():
            try:
                await ask()
            except NotSupported:
                continue
            except InvalidOrderError as refusal:
                expect(refusal.outcome is Outcome.NOT_SENT, f"{name}: {refusal}")
                continue
            expect(False, f"{name} is said to be lacking, and was done")
        more = account.figures.requests - sent
        expect(not more, f"{more} requests were sent")
    if "websocket order entry" in lacks:
        _no_order_entry(bench)
        tried["websocket order entry"] = account.balances
    if not tried:
        skip("it lacks nothing that can be asked for")
    return f"{len(tried)} refused, nothing sent: {', '.join(tried)}"


def _no_order_entry(bench: Bench) -> None:
    try:
        bench.new_account(config=AccountConfig(order_path="websocket"))
    except (NotSupported, ConfigError):
        return
    expect(False, "an account that insists on a websocket for orders was made")


def _ways(bench: Bench, account: PrivateExchange, rules: SymbolInfo) -> dict[str, Callable[[], Awaitable[object]]]:
    """How to ask for each row of the matrix. Nothing here is meant to work."""
    price = rules.tick_size * 1_000_000
    quantity = bench.smallest(rules, price)
    limit = NewOrder(listing=rules, side=Side.BUY, client_order_id=bench.client_id(), quantity=quantity, price=price)
    by_quote = NewOrder(
        listing=rules,
        side=Side.BUY,
        client_order_id=bench.client_id(),
        type=OrderType.MARKET,
        quote_quantity=max(rules.min_notional, Decimal(1)) * 2,
    )
    reducing = NewOrder(
        listing=rules,
        side=Side.BUY,
        client_order_id=bench.client_id(),
        quantity=quantity,
        price=price,
        reduce_only=True,
    )
    return {
        "positions": account.positions,
        "order: market by quote": lambda: account.place(by_quote),
        "order: reduce-only": lambda: account.place(reducing),
        "batch orders": lambda: account.place_many([limit]),
        "leverage": lambda: account.set_leverage(rules, LEVERAGE),
        "position mode": account.position_mode,
        "key permissions": account.permissions,
        "networks": lambda: account.networks(rules.symbol.base),
        "deposits and withdrawals": lambda: account.deposits(0),
        "dead man's switch": lambda: account.dead_man(10, rules),
    }
