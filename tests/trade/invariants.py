"""The invariants I1-I18 after a story, each from the exchanges' own truth and the journal's records.

    await check(stage)

waits until the faults' ends have come through, then looks at everything at once, and raises one AssertionError that
names all that does not hold.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

from tests.canaries import KEY_MARK, SECRET_MARK
from tests.trade.stage import Stage
from tests.trade.witness import BANNED, TOO_MANY, our_id

from oneprice.core.states import BookState
from oneprice.ledger.audit import COST_ROUNDING
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.orders import EDGES, TrackedOrder
from oneprice.ledger.records import (
    Alarmed,
    AnyRecord,
    DealOpened,
    FillTold,
    OrderIntended,
    OrderTold,
    RunStarted,
    Switched,
)
from oneprice.model import ENDED, OrderStatus
from oneprice.model.deals import ADDS_RISK, DealState, Purpose
from oneprice.sim.engine import Side as SimSide
from oneprice.sim.faults import FaultKind
from oneprice.sim.orders import OrderState, SimOrder
from oneprice.trade.tracker import ASKED_MAX, NAMES_MAX

LIVE_WITHIN_S = 10.0
EQUAL_WITHIN_S = 4.0
LOOKED_AT_NS = 100_000_000
"""The engine looks after its deals every 20 ms, on a machine that does other things too."""

MINUTE_NS = 60_000_000_000
LEVELS = 20
RESTS = (DealState.HOLDING, DealState.HALTED)
ZERO = Decimal(0)


async def check(
    stage: Stage, *, armed: bool = True, killed: bool = False, halted: bool = False, resting: bool = False
) -> None:
    """All of them. `armed`, `killed`, `halted`: how the story is to end; `resting`: orders of ours may be open."""
    stage.world.calm()
    try:
        await stage.until(lambda: not list(_unquiet(stage, resting)), LIVE_WITHIN_S)
    except AssertionError as error:
        raise AssertionError(f"I13 no peace when faults are over: {list(_unquiet(stage, resting))}; {error}") from None
    with contextlib.suppress(AssertionError):  # what does not come true is told below
        await stage.until(lambda: not any(list(look(stage)) for look in (_money, _books, _bounds)), EQUAL_WITHIN_S)
    broken = what_is_broken(stage)
    switches = stage.trader.desk.switches
    if switches.armed != armed:
        broken.append(f"I13 armed is {switches.armed}: {stage.trader.ended}")
    if bool(switches.kill) != killed:
        broken.append(f"I11 kill is {switches.kill!r}")
    if bool(switches.halt) != halted:
        broken.append(f"I10 halt is {switches.halt!r}")
    assert not broken, "\n".join([*broken, stage.picture()])


def what_is_broken(stage: Stage) -> list[str]:
    """All that does not hold now, each with its invariant."""
    found = [*stage.world.witness.broken]
    for look in LOOKS:
        found += look(stage)
    return found


def _unquiet(stage: Stage, resting: bool) -> Iterator[str]:
    """I13: what still moves, or does not live."""
    for book in stage.market.books:
        if stage.market.hub.state(book.number) != BookState.LIVE:
            yield f"{book.name} is {stage.market.state(book).name}"
    for name, account in stage.trader.desk.accounts.items():
        if not account.standing().stream_complete:
            yield f"{name}: {account.standing().reason}"
    for name, known in stage.ledger.orders.items():
        if known.is_unknown or not known.fills_complete or not (known.is_over or resting):
            yield f"order {name} is {known.status.name} with {known.booked} of {known.filled} booked"
    for number, deal in stage.ledger.deals.items():
        if deal.state not in RESTS and not (resting and any(not order.is_over for order in deal.orders)):
            yield f"deal {number} is {deal.state.value}: {deal.reason}"
    # what is told of orders that are settled
    for known in stage.ledger.awaited():
        if not resting:
            yield f"{known.intent.client_order_id} is awaited"


# ---------------------------------------------------------------------- orders and fills


def _orders(stage: Stage) -> Iterator[str]:
    """I2: what the exchanges have under our name is in the journal, and open there is what is open here."""
    intents = {one.client_order_id for one in stage.of(OrderIntended) if isinstance(one, OrderIntended)}
    for market in stage.world.markets:
        truth = stage.world.orders(market)
        told = Counter(our_id(one.client_order_id) for one in truth)
        for name, count in told.items():
            if name not in intents and name not in stage.world.planted:
                yield f"I2 {market} has {name}, which the journal has not"
            if count > 1:
                yield f"I2 {market} has {name} {count} times"
        there = {our_id(one.client_order_id) for one in truth if one.state is OrderState.OPEN}
        here = {name for name, one in stage.ledger.orders.items() if not one.is_over and _at(one, market)}
        if there != here:
            yield f"I2 open at {market}: {sorted(there)}; open for us: {sorted(here)}"


def _ends(stage: Stage) -> Iterator[str]:
    """I6: each end that we believe in is the exchange's; I3: each order's fills are the exchange's."""
    for intent in stage.of(OrderIntended):
        assert isinstance(intent, OrderIntended)
        name, known = intent.client_order_id, stage.ledger.order(intent.client_order_id)
        if known is None:
            yield f"I2 {name} was intended, and is forgotten"
            continue
        truth = [one for one in stage.world.orders(_market(intent.listing)) if our_id(one.client_order_id) == name]
        yield from _end(name, known, truth)


def _end(name: str, known: TrackedOrder, truth: list[SimOrder]) -> Iterator[str]:
    if not truth:
        if known.status is not OrderStatus.REJECTED or known.filled:
            yield f"I6 {name} is {known.status.name} here, and never came to the exchange"
        return
    [order] = truth
    filled = order.filled_lots * order.listing.lot_scale.step
    if (order.state is OrderState.OPEN) == known.is_over:
        yield f"I6 {name} is {known.status.name} here and {order.state.value} at the exchange"
    if (order.state is OrderState.FILLED) != (known.status is OrderStatus.FILLED):
        yield f"I6 {name} is {known.status.name} here and {order.state.value} at the exchange"
    if (known.filled, known.booked) != (filled, filled):
        yield f"I3 {name}: {filled} filled, {known.filled} told, {known.booked} booked"
    if known.booked_quote != order.filled_quote:
        yield f"I3 {name}: worth {order.filled_quote}, booked {known.booked_quote}"


def _fills(stage: Stage) -> Iterator[str]:
    """I3: every fill of the exchange once, with its price, size and fee, and none beside."""
    booked: dict[tuple[str, str, str], list[FillTold]] = defaultdict(list)
    for one in stage.of(FillTold):
        assert isinstance(one, FillTold)
        number = one.venue_fill_id.partition("X")[0]  # MEXC says behind it which side it was
        booked[_market(one.listing), _symbol(stage, one.listing), number].append(one)
    truth = {}
    for market in stage.world.markets:
        for fill in stage.world.fills(market):
            truth[market, fill.order.listing.key, str(fill.fill_id)] = fill
    for place, told in booked.items():
        if len(told) > 1:
            yield f"I3 fill {place} is booked {len(told)} times"
        fill = truth.get(place)
        if fill is None:
            yield f"I3 fill {place} is booked, and is none of the exchange's"
            continue
        listing = fill.order.listing
        price, quantity = fill.price_ticks * listing.instrument.tick, fill.lots * listing.lot_scale.step
        fees = {asset: amount for asset, amount in told[0].fees if amount}
        if (told[0].price, told[0].quantity) != (price, quantity):
            yield f"I3 fill {place}: {quantity} at {price}, told {told[0].quantity} at {told[0].price}"
        if fees != ({fill.fee_asset: fill.fee} if fill.fee else {}):
            yield f"I3 fill {place}: fee {fill.fee} {fill.fee_asset}, told {fees}"
        name = our_id(fill.order.client_order_id)
        if told[0].client_order_id != ("" if name in stage.world.planted else name):
            yield f"I3 fill {place} is of {fill.order.client_order_id!r}, booked for {told[0].client_order_id!r}"
    for place in truth.keys() - booked.keys():
        yield f"I3 fill {place} of {truth[place].order.client_order_id!r} is not booked"


def _states(stage: Stage) -> Iterator[str]:
    """I5: only legal changes, what is filled never gets less or too much, and what is odd is told as an alarm."""
    for text in stage.ledger.untold:
        yield f"I5 not written down: {text}"
    ledger = Ledger()
    for record in stage.journal():
        name = record.client_order_id if isinstance(record, OrderTold | FillTold) else ""
        known = ledger.order(name) if name else None
        before = None if known is None else (known.status, known.filled, known.booked, known.venue_order_id)
        alarms = len(ledger.alarms)
        ledger.apply(record)
        if known is None or before is None:
            continue
        status, filled, booked, venue_order_id = before
        is_revived = status is OrderStatus.REJECTED and not venue_order_id
        if known.status not in (status, *EDGES[status]) and not is_revived:
            yield f"I5 {name} goes from {status.name} to {known.status.name}"
        if not filled <= known.filled <= known.intent.quantity or known.booked > known.intent.quantity:
            yield f"I5 {name}: filled {filled} -> {known.filled} of {known.intent.quantity}"
        is_late = status in ENDED and (known.filled > filled or (known.booked > booked and booked >= filled))
        if is_late and len(ledger.alarms) == alarms:
            yield f"I5 {name} was {status.name}, and a late fill raised no alarm"


# ---------------------------------------------------------------------- money


def _money(stage: Stage) -> Iterator[str]:
    """I4: every wallet and position is what the ledger says, to the last unit."""
    for market in stage.world.markets:
        wallet = stage.world.wallet(market)
        assets = wallet.keys() | {one.asset for one in stage.ledger.holdings() if one.account == market}
        positions = stage.world.positions(market)
        for asset in sorted(assets):
            theirs, ours = wallet.get(asset, ZERO), stage.ledger.total(market, asset)
            if theirs != ours and not (positions and abs(theirs - ours) <= COST_ROUNDING):
                yield f"I4 {market} has {theirs} {asset}, the ledger {ours} ({theirs - ours:+f})"
        for book in stage.market.books:
            if book.market == market and not market.endswith("-spot"):
                theirs = positions.get(f"{book.group}:USDT", ZERO)
                ours = stage.ledger.position(f"{market}:{book.info.venue_symbol}")
                if theirs != ours:
                    yield f"I4 {market} has a position of {theirs} {book.group}, the ledger {ours}"


def _attribution(stage: Stage) -> Iterator[str]:
    """I4: the parts of what each deal brought sum to it, and to what its end told unless a fill came later."""
    for one in stage.ledger.settled:
        is_late = any(f"its deal {one.deal} is settled" in alarm for alarm in stage.ledger.alarms)
        parts = stage.ledger.split(one.deal)
        if parts is None:
            yield f"I4 deal {one.deal} has no parts"
            continue
        whole = sum((getattr(parts, name) for name in parts.__struct_fields__ if name != "achieved"), ZERO)
        if whole != parts.achieved or (parts.achieved != one.net and not is_late):
            yield f"I4 deal {one.deal} brought {one.net}, its parts sum to {whole}"


# ---------------------------------------------------------------------- limits


def _limits(stage: Stage) -> Iterator[str]:
    """I7: at every step of the journal; I10: what is unequal is made equal, or entries stop, in time."""
    ledger, risk = Ledger(), stage.settings.risk
    entries_ns: list[int] = []
    quotes_ns: list[int] = []
    since_ns: dict[int, int] = {}
    halted = killed = False
    armed = False
    for record in stage.journal():
        ledger.apply(record)
        if isinstance(record, RunStarted):
            halted = killed = armed = False
            since_ns.clear()
        if isinstance(record, Switched):
            halted = record.value == "on" if record.switch == "halt" else halted
            killed = killed or (record.switch == "kill" and record.value == "on")
            armed = record.value == "on" if record.switch == "armed" else armed
        if isinstance(record, OrderIntended) and record.purpose in ADDS_RISK:
            sent_ns = entries_ns if record.purpose is Purpose.ENTRY else quotes_ns
            sent_ns.append(record.wall_ns)
            yield from _entry(stage, ledger, record, halted=halted, killed=killed, armed=armed)
            late = [one for one in sent_ns if record.wall_ns - MINUTE_NS < one <= record.wall_ns]
            most = risk.orders_per_minute_max if sent_ns is entries_ns else risk.quotes_per_minute_max
            if len(late) > most:
                yield f"I7 {record.client_order_id} is number {len(late)} within a minute"
        yield from _reserved(ledger)
        yield from _unequal(stage, ledger, record, since_ns, halted=halted or killed)


def _entry(
    stage: Stage, ledger: Ledger, intent: OrderIntended, *, halted: bool, killed: bool, armed: bool
) -> Iterator[str]:
    risk, name, listing = stage.settings.risk, intent.client_order_id, ledger.listings[intent.listing]
    if killed:
        yield f"I11 {name} adds risk after the kill"
    if halted or not armed:
        yield f"I7 {name} adds risk while entries are stopped"
    notional = intent.price * intent.quantity * listing.contract_size
    if listing.quote == "USDT" and notional > risk.order_notional_max:
        yield f"I7 {name} is worth {notional}, {risk.order_notional_max} are allowed"
    moving = [one for one in ledger.deals.values() if one.state is not DealState.HOLDING]
    if len(moving) > risk.open_deals_max:
        yield f"I7 {name} is of one of {len(moving)} open deals"
    if ledger.realised_today(intent.wall_ns) < -risk.daily_loss_max:
        yield f"I7 {name} was sent after {ledger.realised_today(intent.wall_ns)} today"
    venue = listing.account.partition("-")[0]
    exposure = sum(
        (_exposure(ledger, key) for key, one in ledger.listings.items() if one.account.startswith(f"{venue}-")), ZERO
    )
    if exposure > risk.venue_exposure_max:
        yield f"I7 with {name} {venue} comes to {exposure}, {risk.venue_exposure_max} are allowed"


def _exposure(ledger: Ledger, key: str) -> Decimal:
    """Quote that a listing can come to, by orders' own prices."""
    listing = ledger.listings[key]
    if listing.quote != "USDT":
        return ZERO
    out = [one for one in ledger.orders.values() if one.intent.listing == key]
    price = max((one.intent.price for one in out), default=ZERO)
    held = ledger.position(key) if listing.is_perpetual else sum((one.moved for one in out), ZERO)
    buys, sells = ledger.open_worst(key)
    return max(abs(held + buys), abs(held - sells)) * price * listing.contract_size


def _reserved(ledger: Ledger) -> Iterator[str]:
    """I6: an order of unknown outcome keeps its worst case reserved. I7: nothing is promised twice."""
    for name, order in ledger.orders.items():
        if order.is_unknown and not order.listing.is_perpetual:
            spent = order.listing.quote if order.intent.side > 0 else order.listing.base
            worst = order.unbooked * order.listing.contract_size
            worst *= order.intent.price if order.intent.side > 0 else order.listing.multiplier
            if ledger.reserved(order.listing.account, spent) < worst:
                yield f"I6 {name} is unknown, and its {worst} {spent} are not reserved"


def _unequal(
    stage: Stage, ledger: Ledger, record: AnyRecord, since_ns: dict[int, int], *, halted: bool
) -> Iterator[str]:
    risk = stage.settings.risk
    for number in [number for number in since_ns if number not in ledger.deals]:
        del since_ns[number]
    for number, deal in ledger.deals.items():
        worth = max((abs(amount) * _price(ledger, asset) for asset, amount in deal.residual().items()), default=ZERO)
        if worth < _dust(stage) or halted or deal.state is DealState.HALTED:
            since_ns.pop(number, None)
            continue
        if worth > risk.unhedged_notional_max:
            yield f"I10 deal {number} leaves {worth}, {risk.unhedged_notional_max} are allowed"
        late_ns = record.wall_ns - since_ns.setdefault(number, record.wall_ns)
        if late_ns > risk.unhedged_ms_max * 1_000_000 + LOOKED_AT_NS and abs(stage.world.clock.step_ns) == 0:
            yield f"I10 deal {number} is unequal for {late_ns / 1e6:.0f} ms, and entries go on"


def _price(ledger: Ledger, asset: str) -> Decimal:
    """What one of it was last traded for by us, per coin."""
    prices = [one.intent.price / one.listing.multiplier for one in ledger.orders.values() if one.listing.base == asset]
    return max(prices, default=ZERO)


def _dust(stage: Stage) -> Decimal:
    """Too little to be traded anywhere, in quote."""
    instruments = [
        listing.instrument
        for market in stage.world.markets
        for listing in stage.world.desk(market).market.listings.values()
        if listing.instrument.quote == "USDT"
    ]
    least = [
        max(one.min_notional, one.min_quantity * one.multiplier * 64_000) for one in instruments if one.base == "BTC"
    ]
    return min(least, default=Decimal(5)) * 2


# ---------------------------------------------------------------------- books, bounds, and the rest


def _books(stage: Stage) -> Iterator[str]:
    """I9: a LIVE book is the exchange's, level by level."""
    for book in stage.market.books:
        if stage.market.hub.state(book.number) != BookState.LIVE:
            continue
        listing = stage.world.desk(book.market).market.listings[
            _symbol(stage, f"{book.market}:{book.info.venue_symbol}")
        ]
        for ours, side in zip(stage.market.hub.levels(book.number, LEVELS), (SimSide.BUY, SimSide.SELL), strict=True):
            theirs = listing.engine.levels(side, LEVELS)
            here = [(ticks * book.tick_size, lots * book.lot_size) for ticks, lots in ours]
            there = [(ticks * listing.instrument.tick, lots * listing.lot_scale.step) for ticks, lots in theirs]
            if here != there:
                yield f"I9 {book.name} differs in its {side.name} side: {here[:2]} here, {there[:2]} there"


def _bounds(stage: Stage) -> Iterator[str]:
    """I12: what is remembered of orders that are settled is let go, and nothing waits for ever."""
    trader, tracker = stage.trader, stage.trader.tracker
    open_orders = len(stage.ledger.awaited())
    sizes = {
        "sending times": (len(tracker._sent_ns), 0),
        "questions out": (len(tracker._asking), open_orders + 5),
        "what was asked": (len(tracker._asked), ASKED_MAX),
        "venues' names of orders": (len(tracker._names), NAMES_MAX),
        "opportunities that wait": (len(trader._not_before), 50),
        "fills whose order is not known": (len(tracker.external._held), 0),
        "cancels under way": (len(trader.cancelling.under_way), open_orders),
        "orders on their way": (len(trader.sender._on_their_way), 0),
        "tasks": (len(trader._supervisor._tasks), 12 + 2 * open_orders + len(stage.world.markets)),
    }
    for what, (size, most) in sizes.items():
        if size > most:
            yield f"I12 {what}: {size}, {most} at most"


def _replay(stage: Stage) -> Iterator[str]:
    """I14: the journal folded again is what is known. I18: told twice, or again after any cut, nothing changes."""
    records = stage.journal()
    once = _fold(records)
    if once.digest() != stage.ledger.digest():
        yield "I14 the journal folded again is not what the engine knows"
    if _fold(records).digest() != once.digest():
        yield "I14 two folds differ"
    told_again = _fold(itertools.chain.from_iterable(_again(record) for record in records))
    if _money_of(told_again) != _money_of(once):
        yield "I18 what venues told, told twice, counts twice"


def _again(record: AnyRecord) -> tuple[AnyRecord, ...]:
    return (record, record) if isinstance(record, OrderTold | FillTold) else (record,)


def _fold(records: Iterator[AnyRecord] | list[AnyRecord]) -> Ledger:
    ledger = Ledger()
    for record in records:
        ledger.apply(record)
    return ledger


def _money_of(ledger: Ledger) -> object:
    return (
        [(one.account, one.asset, one.total) for one in ledger.holdings()],
        sorted(ledger.open_positions()),
        sorted((name, one.status, one.filled, one.booked) for name, one in ledger.orders.items()),
        sorted((number, one.state) for number, one in ledger.deals.items()),
        [(one.deal, one.outcome, one.net) for one in ledger.settled],
        {asset: amount for asset, amount in ledger.carried.items() if amount},
    )


def _secrets(stage: Stage) -> Iterator[str]:
    """I15: no key in any file."""
    for path in sorted(Path(stage.folder).rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            for mark in (KEY_MARK, SECRET_MARK):
                if mark.encode() in content:
                    yield f"I15 {path.name} holds {mark}"


def _clocks(stage: Stage) -> Iterator[str]:
    """I16: nobody waits for ever, or not at all, because the wall clock was stepped: seen by stories that step it."""
    deals = {one.deal for one in stage.of(DealOpened) if isinstance(one, DealOpened)}
    done = {one.deal for one in stage.ledger.settled} | stage.ledger.deals.keys()
    if deals - done:
        yield f"I16 deals {sorted(deals - done)} are neither open nor settled"


def _budget(stage: Stage) -> Iterator[str]:
    """I17: no exchange says that there were too many requests, but where a fault has it say so."""
    planted: Counter[str] = Counter()
    for venue in stage.world.venues.values():
        planted.update(venue.server.faults.hits)
    refused = stage.world.witness.refused
    if refused[TOO_MANY] > planted[FaultKind.RATE_LIMIT] or refused[BANNED] > planted[FaultKind.BAN]:
        yield f"I17 refused for too many requests: {dict(refused)}; planted {dict(planted)}"


def _alarms(stage: Stage) -> Iterator[str]:
    """A halt is told as an alarm, too."""
    halts = [
        one for one in stage.of(Switched) if isinstance(one, Switched) and (one.switch, one.value) == ("halt", "on")
    ]
    told = [one for one in stage.of(Alarmed) if isinstance(one, Alarmed)]
    for one in halts:
        if all(one.reason != alarm.text for alarm in told):
            yield f"I10 halted without an alarm: {one.reason}"


LOOKS: tuple[Callable[[Stage], Iterator[str]], ...] = (
    _orders, _ends, _fills, _states, _money, _attribution, _limits, _books, _bounds, _replay, _secrets, _clocks,
    _budget, _alarms,
)  # fmt: skip


def _market(listing: str) -> str:
    return listing.partition(":")[0]


def _symbol(stage: Stage, key: str) -> str:
    """How the exchange names a listing."""
    book = next(one for one in stage.market.books if f"{one.market}:{one.info.venue_symbol}" == key)
    symbol = f"{book.info.symbol.base}/{book.info.symbol.quote}"
    return symbol if book.market.endswith("-spot") else f"{symbol}:{book.info.symbol.quote}"


def _at(order: TrackedOrder, market: str) -> bool:
    return _market(order.intent.listing) == market
