"""Cards 501 to 506 and 511 to 513: what venues refuse, what they say then, and that no secret shows."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import urlsplit

import msgspec

from oneprice.errors import (
    AuthenticationError,
    ExchangeAPIError,
    InsufficientBalanceError,
    InvalidOrderError,
    OnePriceError,
    OrderNotFoundError,
    Outcome,
    RateLimitError,
    TradingDisabledError,
)
from oneprice.exchange import AccountConfig, ConnectionConfig, PrivateExchange, RequestConfig
from oneprice.model import AssetName, NewOrder, Side, TimeInForce
from oneprice.venues.kit import Credentials, Ticket
from oneprice.verify.bench import Bench
from oneprice.verify.card import Failed, Need, card, expect, skip
from oneprice.verify.measures import MS, plain
from oneprice.verify.trading import (
    INTO,
    Ears,
    account_of,
    brief,
    drop,
    faults_of,
    outcome_of,
    place,
    ref_of,
    refused,
    resting,
    words,
)

SKEW_MS = 90_000
"""More than any venue lets a signature's time be off."""
LEVERAGE_MAX = 300
"""More than any venue gives."""
SIMULATED_LEVERAGE = 25
"""More than simulated exchanges give unasked; their largest orders are not worth 300 times the funds."""
_ONCE = RequestConfig(attempts_max=1)
_SIGNATURE = re.compile(r"(?:signature|listenKey|SIGN)=\w")


# ---------------------------------------------------------------------- keys and time


@card(501, "A wrong secret is refused as such, and nothing is done", Need.KEY)
async def wrong_secret(bench: Bench) -> str:
    """Asks for balances with the key and another secret; with leave to trade, places an order with it too."""
    ours = bench.credentials
    if ours.is_ed25519:
        skip("the secret is a key pair; another would need to be made")
    return await _refused_key(bench, Credentials(ours.api_key, "0" * 64))


@card(502, "An unknown key is refused as such, and nothing is done", Need.KEY)
async def unknown_key(bench: Bench) -> str:
    """Asks for balances with a key that is not ours; with leave to trade, places an order with it too."""
    ours = bench.credentials
    if ours.is_ed25519:
        skip("the secret is a key pair, and can sign for its own key only")
    strange = ours.api_key[:-4] + "".join("0" if letter != "0" else "1" for letter in ours.api_key[-4:])
    return await _refused_key(bench, Credentials(strange, "0" * 64))


async def _refused_key(bench: Bench, credentials: Credentials) -> str:
    async with account_of(bench, credentials=credentials, stream=False, requests=_ONCE) as account:
        saw = []
        try:
            await account.balances()
            expect(False, "balances were told")
        except ExchangeAPIError as error:
            saw.append(refused(error, "balances", AuthenticationError))
        if bench.has(Need.TRADE):
            told = await outcome_of(place(bench, account, await bench.order()))
            if isinstance(told, RateLimitError):  # what earlier cards sent is not known to this account
                await bench.ports.clock.sleep(max(1.0, (told.retry_after_ms or 0) / 1e3))
                told = await outcome_of(place(bench, account, await bench.order()))
            saw.append(refused(told, "an order", AuthenticationError))
    return "; ".join(saw)


@card(503, "When the clocks part, ours is set anew and requests pass", Need.KEY, Need.FAULTS)
async def clock_skew(bench: Bench) -> str:
    """Moves the venue's clock 90 s ahead, then 90 s behind: a signed question passes by itself, an order at the latest
    at its second sending, the first being refused and not unknown."""
    faults, saw = faults_of(bench), []
    async with account_of(bench, stream=False, config=AccountConfig(order_path="rest")) as account:
        for skew_ms in (SKEW_MS, -SKEW_MS):
            await account.balances()
            await faults.switch("clock_skew", seconds=20.0, delay_ms=skew_ms)
            await account.balances()
            offset_ms = account.rest.venue_clock.offset_ns / MS
            expect(abs(offset_ms - skew_ms) < 1_000, f"{skew_ms:+} ms off, measured as {offset_ms:+.0f} ms")
            await faults.clear()
            saw.append(f"{offset_ms:+.0f} ms measured, {await _order_passes(bench, account)}")
    return "; ".join(saw)


async def _order_passes(bench: Bench, account: PrivateExchange) -> str:
    if not bench.has(Need.TRADE):
        return "no leave for orders"
    for number in (1, 2):
        order = await bench.order()
        told = await outcome_of(place(bench, account, order))
        if not isinstance(told, ExchangeAPIError):
            await drop(account, ref_of(order))
            return f"an order passed at sending {number}"
        saw = refused(told, "an order", AuthenticationError)
    raise Failed(f"the second sending: {saw}")


# ---------------------------------------------------------------------- refusals


@card(504, "An order beyond the balance is refused as such, and nothing is done", Need.TRADE)
async def beyond_the_balance(bench: Bench) -> str:
    """Bids far away for several times what the account could pay (with any leverage)."""
    account, order = await bench.trader(), await bench.order()
    rules, price = order.listing, order.price or Decimal(1)
    rows = {row.asset: row for row in await account.balances()}
    held = rows.get(bench.symbol.quote)
    have = Decimal(0) if held is None else held.total
    times = 3 if bench.has(Need.SPOT) else SIMULATED_LEVERAGE if bench.faults is not None else LEVERAGE_MAX
    wanted = (have * times / (price * rules.contract_size) // rules.lot_size + 1) * rules.lot_size
    wanted = max(wanted, order.quantity or wanted)
    if rules.max_quantity is not None and wanted > rules.max_quantity:
        wanted = rules.max_quantity // rules.lot_size * rules.lot_size
        if wanted * price * rules.contract_size < have * times:
            skip(f"the account could pay for the largest order, {plain(wanted)}")
    told = await outcome_of(place(bench, account, msgspec.structs.replace(order, quantity=wanted)))
    return refused(told, f"{plain(wanted)} at {plain(price)} with {plain(have)}", InsufficientBalanceError)


@card(505, "Orders that are not there are not found, and cannot be cancelled, nor twice", Need.TRADE)
async def not_there(bench: Bench) -> str:
    """Asks for and cancels an order that never was, by our id; cancels a real one twice."""
    account = await bench.trader()
    never = ref_of(msgspec.structs.replace(await bench.order(), client_order_id=bench.client_id()))
    saw = [refused(await outcome_of(account.order(never)), "asked for", OrderNotFoundError)]
    saw.append(refused(await outcome_of(account.cancel(never)), "cancelled", OrderNotFoundError))
    order = await bench.order()
    await place(bench, account, order)
    await account.cancel(ref_of(order))
    saw.append(refused(await outcome_of(account.cancel(ref_of(order))), "cancelled twice", OrderNotFoundError))
    return "; ".join(saw)


@card(506, "Illegal orders are not sent, and the venue would refuse them", Need.TRADE)
async def illegal_orders(bench: Bench) -> str:
    """Half a tick, half a lot, below the minimum: refused here before a request leaves; sent all the same past our own
    check, they are refused by the venue as invalid."""
    account, codec = await bench.trader(), await bench.codec()
    saw = []
    for what, order in (await _illegal(bench)).items():
        sent = account.figures.requests
        try:
            await account.place(order)
            expect(False, f"{what}: it was sent")
        except InvalidOrderError as error:
            expect(error.outcome is Outcome.NOT_SENT, f"{what}: its outcome is {error.outcome.value}")
        expect(account.figures.requests == sent, f"{what}: a request left")
        try:
            told = await account.rest.run(codec.place(order))
        except ExchangeAPIError as error:
            if error.outcome is Outcome.NOT_SENT:
                saw.append(f"{what}: not even made")
                continue
            saw.append(refused(error, what, InvalidOrderError))
            continue
        await drop(account, ref_of(order))
        raise Failed(f"{what}: the venue took it ({plain(order.quantity)} at {plain(order.price)}): {brief(told)}")
    return "; ".join(saw)


async def _illegal(bench: Bench) -> dict[str, NewOrder]:
    """Each breaks one rule of the listing. They are far away, and small."""
    like, found = await bench.order(), dict[str, NewOrder]()
    rules, price, quantity = like.listing, like.price, like.quantity
    assert price is not None, "a limit order has a price"
    assert quantity is not None, "and a quantity"

    def other(**changes: Decimal) -> NewOrder:
        return msgspec.structs.replace(like, client_order_id=bench.client_id(), **changes)

    found["half a tick"] = other(price=price + rules.tick_size / 2)
    found["half a lot"] = other(quantity=quantity + rules.lot_size / 2)
    if quantity - rules.lot_size > 0 and rules.min_notional > 0:
        tiny = max(rules.min_quantity, rules.lot_size)
        if tiny * price * rules.contract_size < rules.min_notional:
            found["too little worth"] = other(quantity=tiny)
    if rules.min_quantity > rules.lot_size:
        found["below the minimum"] = other(quantity=rules.lot_size)
    return found


@card(511, "Where trading is halted orders are refused as such; cancels pass", Need.TRADE, Need.FAULTS)
async def halted(bench: Bench) -> str:
    """Halts the symbol with an order resting: another one is refused, and the first is cancelled."""
    faults, account = faults_of(bench), await bench.trader()
    async with resting(bench, account) as order:
        await faults.switch("halt", seconds=20.0, target=f"{bench.symbol.base}/{bench.symbol.quote}")
        told = await outcome_of(place(bench, account, await bench.order()))
        saw = refused(told, "a new order", TradingDisabledError)
        await account.cancel(ref_of(order))
    return f"{saw}; the other one was cancelled"


@card(513, "A refused order leaves no trace", Need.TRADE, Need.FAULTS)
async def no_trace(bench: Bench) -> str:
    """Has an order refused: balances are as before, none is open more than before, and no stream tells of it."""
    faults, watcher, trader = faults_of(bench), await bench.account(), await bench.trader()
    before = {row.asset: (row.total, row.free) for row in await trader.balances()}
    were = len(await trader.open_orders(bench.symbol))
    with Ears(bench, watcher) as ears:
        await faults.switch("reject_order")
        order = await bench.order(away=INTO, time_in_force=TimeInForce.IOC)
        saw = refused(await outcome_of(place(bench, trader, order)), "an order", InsufficientBalanceError)
        await bench.ports.clock.sleep(0.2)
        told = [one for one in ears.orders(order) if one.status.name != "REJECTED"]
    after = {row.asset: (row.total, row.free) for row in await trader.balances()}
    if bench.has(Need.PERPETUAL):  # what is free moves with the mark prices of positions
        before, after = _only_totals(before), _only_totals(after)
    moved = [asset for asset in {*before, *after} if before.get(asset) != after.get(asset)]
    expect(not moved, f"{saw}, and the balance of {', '.join(moved)} changed")
    expect(not told, f"{saw}, and the stream told {words(told)}")
    expect(len(await trader.open_orders(bench.symbol)) == were, f"{saw}, and there is one more open order")
    return f"{saw}; {len(after)} balances and {were} open orders as before"


def _only_totals(
    rows: Mapping[AssetName, tuple[Decimal, Decimal | None]],
) -> dict[AssetName, tuple[Decimal, Decimal | None]]:
    return {asset: (total, None) for asset, (total, _) in rows.items()}


# ---------------------------------------------------------------------- secrets


@card(512, "No secret shows in any error, event, log line or object", Need.KEY)
async def no_secret(bench: Bench) -> str:
    """Provokes what errors it can (a wrong secret, an unknown order, cut connections, a request and a connection that
    hang), and searches all their texts, the events, the log and the objects' own descriptions for the secret, for
    signatures and for listen keys."""
    ours, codec = bench.credentials, await bench.codec()
    wrong = ours if ours.is_ed25519 else Credentials(ours.api_key, "canary-" + "5" * 57)
    call = codec.ticket()
    ticket: Ticket | None = None
    if call is not None:
        ticket = await (await bench.trader()).rest.run(call)
    texts: list[str] = []
    log = _Log(texts)
    logging.getLogger().addHandler(log)
    try:
        for credentials in (ours, wrong):
            await _provoke(bench, credentials, ticket, texts)
    finally:
        logging.getLogger().removeHandler(log)
    for text in texts:
        shown = ours.shows_in(text) or wrong.shows_in(text)
        expect(not shown, f"one of {len(texts)} texts shows a secret; it begins with {text[:40]!r}")
        found = _SIGNATURE.search(text) is not None or (ticket is not None and ticket.value in text)
        expect(not found, f"a text shows a signature or listen key; it begins with {text[:40]!r}")
    return f"none in {len(texts)} texts"


async def _provoke(bench: Bench, credentials: Credentials, ticket: Ticket | None, texts: list[str]) -> None:
    hurried = RequestConfig(attempts_max=1, timeout_ms=1_000)
    impatient = ConnectionConfig(open_timeout_ms=200, reconnect_first_ms=50, reconnect_max_ms=50)
    account = bench.new_account(credentials, None, hurried, impatient)
    account.public.know(await bench.public.known())
    stop = account.listen(lambda event: texts.append(f"{event!r}"))
    try:
        await _keep_error(account.balances(), texts)
        await _keep_error(_opened(account, bench), texts)
        rules = await bench.rules()
        never = NewOrder(listing=rules, side=Side.BUY, client_order_id=bench.client_id())
        await _keep_error(account.order(ref_of(never)), texts)
        if bench.faults is not None:
            path = urlsplit((await bench.codec()).user_stream(ticket).url).path
            await bench.faults.switch("slow", seconds=1.0, delay_ms=2_000, target=path)
            await bench.faults.switch("drop")
            await _keep_error(account.balances(), texts)
            await bench.ports.clock.sleep(0.6)  # for the connection that is not open in time
            await bench.faults.switch("half_open", seconds=1.2)
            await _keep_error(account.order(ref_of(never)), texts)
            await bench.faults.clear()
    finally:
        stop()
        await account.close()
    codec = await bench.codec()
    things = (account, codec, credentials, account.rest, account.figures, account.following.state)
    texts.extend(f"{thing!r} {thing}" for thing in things)


async def _opened(account: PrivateExchange, bench: Bench) -> None:
    """Opens it, or gives up soon: with a wrong secret a stream never is complete."""
    async with asyncio.timeout(1.0):
        await account.open(follow=[await bench.rules()])


async def _keep_error(work: object, texts: list[str]) -> None:
    try:
        await work  # type: ignore[misc]
    except (OnePriceError, TimeoutError) as error:
        cause: BaseException | None = error
        while cause is not None:
            texts.append(f"{cause} {cause!r}")
            cause = cause.__cause__ or cause.__context__


class _Log(logging.Handler):
    def __init__(self, texts: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._texts = texts

    def emit(self, record: logging.LogRecord) -> None:
        self._texts.append(record.getMessage())
