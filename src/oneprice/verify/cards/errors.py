"""Cards 501 to 513: what goes wrong, and what may be concluded from it."""

from __future__ import annotations

import logging
import re
from decimal import Decimal

import msgspec

from oneprice.errors import (
    AuthenticationError,
    ExchangeAPIError,
    InsufficientBalanceError,
    InvalidOrderError,
    NetworkError,
    OnePriceError,
    OrderNotFoundError,
    Outcome,
    TradingDisabledError,
    VenueUnavailableError,
)
from oneprice.exchange import AccountConfig, PrivateExchange, RequestConfig
from oneprice.model import NewOrder, Side, TimeInForce
from oneprice.venues.kit import Credentials
from oneprice.verify.bench import Bench, Faults
from oneprice.verify.card import Failed, Need, card, expect, skip
from oneprice.verify.measures import MS, plain
from oneprice.verify.trading import (
    INTO,
    Ears,
    account_of,
    brief,
    drop,
    fills_of,
    has_row,
    outcome_of,
    place,
    ref_of,
    refused,
    resting,
    taken,
    undo,
    words,
)

SKEW_MS = 90_000
"""More than any venue lets a signature's time be off."""
LONG_AGO_NS = 60 * 10**9
_ONCE = RequestConfig(attempts_max=1)
_HURRIED = AccountConfig(order_path="rest", order_timeout_ms=400)
_SECRETS = re.compile(r"(?:signature|listenKey|SIGN)=\w|/(?:ws|stream)/\w{30,}")


def faults_of(bench: Bench) -> Faults:
    """Of a card that needs them."""
    assert bench.faults is not None, "the card needs them"
    return bench.faults


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
    times = 3 if bench.has(Need.SPOT) else 300
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
    assert price is not None and quantity is not None, "a limit order has both"

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


@card(510, "In maintenance the venue is unavailable, and no order is taken for unsent", Need.TRADE, Need.FAULTS)
async def maintenance(bench: Bench) -> str:
    """Asks for balances and places an order meanwhile, over each way there is; afterwards both pass, and `find` tells
    what became of the order."""
    faults, saw = faults_of(bench), []
    for path in order_paths(await bench.trader()):
        config = AccountConfig(order_path=path)
        async with account_of(bench, stream=path != "rest", config=config, requests=_ONCE) as account:
            await account.balances()
            order = await bench.order()
            await faults.switch("maintenance", seconds=20.0)
            asked = await outcome_of(_balances(account))
            told = await _any_outcome(place(bench, account, order))
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


async def _balances(account: PrivateExchange) -> None:
    await account.balances()


async def _any_outcome(work: object) -> object:
    try:
        return await work  # type: ignore[misc]
    except (ExchangeAPIError, NetworkError) as error:
        return error


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


def _only_totals(rows: dict[str, tuple[Decimal, Decimal | None]]) -> dict[str, tuple[Decimal, Decimal | None]]:
    return {asset: (total, None) for asset, (total, _) in rows.items()}


# ---------------------------------------------------------------------- secrets


@card(512, "No secret shows in any error, event, log line or object", Need.KEY)
async def no_secret(bench: Bench) -> str:
    """Provokes what errors it can (a wrong secret, an unknown order, a request that is late, cut connections), and
    searches all their texts, the events, the log and the objects' own descriptions for the secret and for signatures."""
    texts: list[str] = []
    log = _Log(texts)
    logging.getLogger().addHandler(log)
    wrong = Credentials(bench.credentials.api_key, "canary-" + "5" * 57)
    try:
        for credentials in (bench.credentials, wrong):
            if credentials.is_ed25519 or wrong.is_ed25519:
                continue
            await _provoke(bench, credentials, texts)
    finally:
        logging.getLogger().removeHandler(log)
    ours = bench.credentials
    shown = [text for text in texts if ours.shows_in(text) or wrong.shows_in(text) or _SECRETS.search(text)]
    expect(not shown, f"{len(shown)} of {len(texts)} texts show a secret or a signature")
    return f"none in {len(texts)} texts"


async def _provoke(bench: Bench, credentials: Credentials, texts: list[str]) -> None:
    hurried = RequestConfig(attempts_max=1, timeout_ms=1_000)
    account = bench.new_account(credentials, None, hurried)
    account.public.know(await bench.public.known())
    stop = account.listen(lambda event: texts.append(f"{event!r}"))
    try:
        await _keep_error(account.balances(), texts)
        await _keep_error(_opened(account, bench), texts)
        rules = await bench.rules()
        never = NewOrder(listing=rules, side=Side.BUY, client_order_id=bench.client_id())
        await _keep_error(account.order(ref_of(never)), texts)
        if bench.faults is not None:
            await bench.faults.switch("drop")
            await _keep_error(account.balances(), texts)
            await bench.faults.switch("half_open", seconds=1.2)
            await _keep_error(account.order(ref_of(never)), texts)
            await bench.faults.clear()
    finally:
        stop()
        await account.close()
    codec = await bench.codec()
    for thing in (account, codec, credentials, account.rest, account.figures, account.following.state, account.rest):
        texts.append(f"{thing!r} {thing}")


async def _opened(account: PrivateExchange, bench: Bench) -> None:
    """Opens it, or gives up soon: with a wrong secret a stream never is complete."""
    import asyncio

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


def order_paths(account: PrivateExchange) -> list[str]:
    """The ways that orders may go."""
    return ["rest", "websocket"] if has_row(account, "websocket order entry") else ["rest"]
