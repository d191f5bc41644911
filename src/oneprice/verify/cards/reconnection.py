"""Cards 701 to 708: what is lost comes back, and until then nothing wrong is taken for right."""

from __future__ import annotations

from oneprice.core.states import BookState
from oneprice.errors import ExchangeAPIError, NetworkError
from oneprice.exchange import PrivateExchange
from oneprice.model import OrderRef, SymbolInfo
from oneprice.venues.kit import Channel
from oneprice.verify.bench import Bench, Faults
from oneprice.verify.card import Need, card, expect, skip
from oneprice.verify.cards.streams import is_right
from oneprice.verify.likeness import Likeness
from oneprice.verify.watch import LOOK_EVERY_S, Moment, Watch

SILENT_AFTER_S = 2.0
DEAD_AFTER_S = 4.0
"""The engine's own limits: of silence on a connection, and of a ping without an answer after a second of silence."""
GRACE_S = 2.0
FAULT_S = 25.0
STALE_FOR_S = 2.5
ASK_EVERY_S = 0.1
NOTICED_S = 0.02


@card(701, "A dropped connection is made anew, and its book is LIVE again", Need.FAULTS)
async def dropped(bench: Bench) -> str:
    """Has the exchange cut all connections: the feed connects and subscribes by itself, and the book is right again."""
    async with bench.watch() as watch:
        await _live(bench, watch)
        began_ns = bench.ports.clock.monotonic_ns()
        await _faults(bench).switch("drop")
        await watch.must(lambda: bool(_closed(watch, began_ns)), GRACE_S, "the loss of the connection was not noticed")
        back_s = await watch.must(
            lambda: watch.is_live and _is_new(watch, began_ns), bench.thresholds.live_s, _NOT_BACK
        )
        words = await is_right(bench, watch)
        return f"{_closed(watch, began_ns)}; LIVE again after {back_s:.2f} s; {words}"


@card(702, "A connection that is open and dead is noticed", Need.FAULTS)
async def half_open(bench: Bench) -> str:
    """Has the exchange neither read nor write: the book leaves LIVE, the connection is given up for want of a pong, and
    when the exchange is back so is the book."""
    async with bench.watch() as watch:
        await _live(bench, watch)
        began_ns = bench.ports.clock.monotonic_ns()
        await _faults(bench).switch("half_open", seconds=FAULT_S)
        left_s = await watch.must(lambda: not watch.is_live, SILENT_AFTER_S + GRACE_S, "the book stays LIVE")
        state = watch.state.name
        dead_s = await watch.must(
            lambda: bool(_closed(watch, began_ns)), DEAD_AFTER_S + GRACE_S, "the connection is not given up"
        )
        await _faults(bench).clear()
        back_s = await watch.must(lambda: watch.is_live, bench.thresholds.live_s, _NOT_BACK)
        return (
            f"{state} after {left_s:.2f} s, given up after {left_s + dead_s:.2f} s ({_closed(watch, began_ns)}), LIVE"
            f" {back_s:.2f} s after the exchange was back"
        )


@card(703, "A missing change is noticed, and the book is never wrong while it is LIVE", Need.FAULTS)
async def gap(bench: Bench) -> str:
    """Has the exchange leave out depth changes: the book leaves LIVE and comes back; books by REST, asked for all the
    while, are the same as ours at every number at which ours was LIVE."""
    async with bench.watch() as watch:
        await _live(bench, watch)
        began_ns = bench.ports.clock.monotonic_ns()
        await _faults(bench).switch("gap", count=2)
        told = [await bench.public.order_book(watch.book.info, 20)]
        while not (_left(watch, began_ns) and watch.is_live) and _seconds(bench, began_ns) < bench.thresholds.live_s:
            await watch.until(lambda: False, ASK_EVERY_S)
            told.append(await bench.public.order_book(watch.book.info, 20))
            watch.look()
        left = _left(watch, began_ns)
        expect(bool(left), f"it was not noticed within {bench.thresholds.live_s:g} s: counted {watch.counts()}")
        await watch.must(lambda: watch.is_live, bench.thresholds.live_s, _NOT_BACK)
        away_s = _away_s(left, watch)
        words = await is_right(bench, watch)
        same = [one for one in map(watch.compare, told) if one is not None and one.exact]
        wrong = [one for one in same if not one.same]
        expect(not wrong, f"{len(wrong)} of {len(same)} books were wrong while LIVE: {_first(wrong)}")
        return (
            f"{_names(left)} for {away_s * 1e3:.0f} ms; {len(same)} books that were asked for meanwhile, then {words}"
        )


@card(704, "A feed that says nothing does not stay LIVE", Need.FAULTS)
async def frozen(bench: Bench) -> str:
    """Has the exchange stop all data while it goes on to answer pings: the book leaves LIVE, and comes back after."""
    async with bench.watch() as watch:
        await _live(bench, watch)
        began_ns = bench.ports.clock.monotonic_ns()
        await _faults(bench).switch("freeze", seconds=FAULT_S)
        left_s = await watch.must(lambda: not watch.is_live, SILENT_AFTER_S + GRACE_S, "the book stays LIVE")
        states = _names(watch.states_since(began_ns))
        await bench.ports.clock.sleep(1.0)
        expect(not watch.is_live, "LIVE again although nothing comes")
        await _faults(bench).clear()
        back_s = await watch.must(lambda: watch.is_live, bench.thresholds.live_s, _NOT_BACK)
        words = await is_right(bench, watch)
        return f"{states} after {left_s:.2f} s, LIVE {back_s:.2f} s after data came again; {words}"


@card(705, "A snapshot that is too old makes no LIVE book", Need.FAULTS)
async def stale_snapshot(bench: Bench) -> str:
    """Has the exchange answer depth by REST with an old book, and leave out a change so that a new snapshot is needed:
    the book does not become LIVE before snapshots are new again, and is right then."""
    if bench.market.snapshot() is None:
        skip("books come whole over the stream here, no snapshot is asked for")
    async with bench.watch() as watch:
        await _live(bench, watch)
        await _faults(bench).switch("stale_snapshot", seconds=FAULT_S)
        await bench.ports.clock.sleep(1.0)
        began_ns = bench.ports.clock.monotonic_ns()
        await _faults(bench).switch("gap", count=1)
        await watch.must(lambda: not watch.is_live, bench.thresholds.live_s, "the missing change was not noticed")
        lived_s = await watch.until(lambda: watch.is_live, STALE_FOR_S)
        expect(lived_s is None, f"LIVE after {lived_s or 0:.2f} s, from an old snapshot")
        states, tried = _names(watch.states_since(began_ns)), watch.book.resyncs
        await _faults(bench).clear()
        back_s = await watch.must(lambda: watch.is_live, bench.thresholds.live_s, _NOT_BACK)
        words = await is_right(bench, watch)
        return f"{states} for {STALE_FOR_S:g} s and {tried} snapshots, then LIVE after {back_s:.2f} s; {words}"


@card(706, "A frame that cannot be read does no harm", Need.FAULTS)
async def garbage(bench: Bench) -> str:
    """Has the exchange mangle a frame: it is counted, nothing of it is used, and the book is right again."""
    async with bench.watch(channels=(Channel.DEPTH,)) as watch:
        await _live(bench, watch)
        began_ns = bench.ports.clock.monotonic_ns()
        await _faults(bench).switch("garbage", count=1)
        await watch.must(lambda: watch.counts()["malformed"] > 0, bench.thresholds.live_s, "no bad frame was counted")
        await watch.must(lambda: watch.is_live, bench.thresholds.live_s, _NOT_BACK)
        left = _left(watch, began_ns)
        states = f"{_names(left)} for {_away_s(left, watch) * 1e3:.0f} ms" if left else "the book stayed LIVE"
        words = await is_right(bench, watch)
        return f"{watch.counts()['malformed']} bad frame ({_first(watch.ears.unread)}): {states}; {words}"


@card(707, "A dropped private stream comes back and misses nothing", Need.FAULTS, Need.TRADE)
async def private_dropped(bench: Bench) -> str:
    """Rests an order, has the exchange cut all connections, and at once cancels that order and sends another one from a
    second connection: the stream is complete again by itself, and knows both."""
    account = await bench.account()
    first, second = await bench.order(), await bench.order()
    beside = bench.new_account()
    try:
        await beside.open(stream=False)
        await account.place(first)
        await _faults(bench).switch("drop")
        began_ns = bench.ports.clock.monotonic_ns()
        await bench.ports.clock.sleep(NOTICED_S)  # until our own end knows which connections are gone
        await _insist(bench, beside, _ref(first.listing, first.client_order_id))
        await beside.place(second)
        refs = [_ref(one.listing, one.client_order_id) for one in (first, second)]
        while _seconds(bench, began_ns) < bench.thresholds.live_s:
            known = [account.view.get(ref) for ref in refs]
            over = [None if order is None else order.is_over for order in known]
            if account.following.state.complete and over == [True, False]:
                connects = account.following.stream_session.connects
                return f"complete and up to date {_seconds(bench, began_ns):.2f} s after, connection number {connects}"
            await bench.ports.clock.sleep(LOOK_EVERY_S)
        state = account.following.state
        told = "complete" if state.complete else f"not complete ({state.reason})"
        expect(False, f"after {bench.thresholds.live_s:g} s it is {told}; orders over: {over}, expected [True, False]")
    finally:
        await beside.close()
    return ""


@card(708, "A dropped order connection is usable again", Need.FAULTS, Need.TRADE)
async def entry_dropped(bench: Bench) -> str:
    """Has the exchange cut all connections, waits until the order connection is logged in again, and places and cancels
    an order over it."""
    account = await bench.account()
    if (await bench.codec()).order_entry() is None:
        skip("orders go by REST here")
    before = account.following.entry_session.connects
    began_ns = bench.ports.clock.monotonic_ns()
    await _faults(bench).switch("drop")
    while not _is_ready(account, before):
        expect(
            _seconds(bench, began_ns) < bench.thresholds.live_s, f"not ready: {account.following.entry_session.reason}"
        )
        await bench.ports.clock.sleep(LOOK_EVERY_S)
    ready_s = _seconds(bench, began_ns)
    order = await bench.order()
    placed = await account.place(order)
    await account.cancel(_ref(order.listing, order.client_order_id))
    return f"ready after {ready_s:.2f} s; an order was placed ({placed.status.name}) and cancelled over it"


def _is_ready(account: PrivateExchange, before: int) -> bool:
    entry = account.following.entry
    return account.following.entry_session.connects > before and entry is not None and entry.is_ready


async def _insist(bench: Bench, account: PrivateExchange, ref: OrderRef) -> None:
    """Cancel over connections that may just have been cut."""
    for tries_left in (2, 1, 0):
        try:
            await account.cancel(ref)
            return
        except (NetworkError, ExchangeAPIError):
            if not tries_left:
                raise
            await bench.ports.clock.sleep(0.1)


# ---- what they share

_NOT_BACK = "it is not LIVE again"


def _faults(bench: Bench) -> Faults:
    assert bench.faults is not None, "the card needs FAULTS"
    return bench.faults


async def _live(bench: Bench, watch: Watch) -> None:
    await watch.must(lambda: watch.is_live, bench.thresholds.live_s, "it is not LIVE at first")
    await bench.ports.clock.sleep(0.5)


def _closed(watch: Watch, since_ns: int) -> str:
    """Why connections ended since then, empty when none did."""
    return ", ".join(dict.fromkeys(one.reason for one in watch.ears.closed if one.at_ns >= since_ns))


def _is_new(watch: Watch, since_ns: int) -> bool:
    return any(opened_ns >= since_ns for opened_ns in watch.ears.opened.values())


def _left(watch: Watch, since_ns: int) -> list[Moment]:
    return [moment for moment in watch.states_since(since_ns) if moment.state is not BookState.LIVE]


def _names(moments: list[Moment]) -> str:
    words = (
        moment.state.name if not moment.reason else f"{moment.state.name} ({moment.reason.name})" for moment in moments
    )
    return ", ".join(dict.fromkeys(words))


def _away_s(left: list[Moment], watch: Watch) -> float:
    """From the first of these until the book was LIVE again."""
    back = [
        moment.at_ns for moment in watch.moments if moment.state is BookState.LIVE and moment.at_ns > left[-1].at_ns
    ]
    return (back[0] - left[0].at_ns) / 1e9 if back else 0.0


def _first(rows: list[Likeness] | list[str]) -> str:
    return str(rows[0]) if rows else "-"


def _seconds(bench: Bench, since_ns: int) -> float:
    return (bench.ports.clock.monotonic_ns() - since_ns) / 1e9


def _ref(listing: SymbolInfo, client_order_id: str) -> OrderRef:
    return OrderRef(listing=listing, client_order_id=client_order_id)
