"""Paper money: conserved to the last digit whatever happens; positions, margins, funding, and a start anew."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.trade.paper_scene import BUY, FOK, GTC, IOC, SELL, Scene

from oneprice.errors import ConfigError, ExchangeAPIError, InsufficientBalanceError, NotSupported
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.records import (
    BalanceOpened,
    DealOpened,
    FillTold,
    ListingKnown,
    OrderIntended,
    OrderTold,
    PositionOpened,
)
from oneprice.model import FundingRate, MarketKind, OrderRef, OrderStatus, OrderType, PositionMode, Side
from oneprice.model.deals import Purpose
from oneprice.venues.kit.account import BalanceUpdate

SPOT, USDM = MarketKind
D = Decimal


# ---------------------------------------------------------------------- conservation


levels = st.lists(st.tuples(st.integers(0, 15), st.integers(1, 3_000)), max_size=4, unique_by=lambda level: level[0])
books = st.tuples(st.just("book"), levels, levels)
orders = st.tuples(
    st.just("order"),
    st.sampled_from([BUY, SELL]),
    st.integers(1, 4_000),
    st.one_of(st.none(), st.integers(-15, 15)),
    st.sampled_from([GTC, IOC, FOK]),
    st.booleans(),
    st.booleans(),
)
others = st.sampled_from([("cancel",), ("wait",), ("lose",), ("funding",)])
steps = st.lists(st.one_of(books, orders, orders, others), max_size=25)
odd_figures = st.sampled_from(
    [
        {},
        {"tick_size": D("0.00000001"), "lot_size": D(1), "multiplier": D(1_000), "min_notional": D(0)},
        {"lot_size": D(3), "contract_size": D("0.0001"), "min_notional": D(0)},
    ]
)


def worth(scene: Scene, price: Decimal, quantity: Decimal) -> Fraction:
    return Fraction(price) * Fraction(quantity) * Fraction(scene.info.contract_size)


async def act(scene: Scene, step: tuple[object, ...]) -> None:
    """One step of a random story; prices are ticks from 1,000 up, quantities lots."""
    tick, lot = scene.info.tick_size, scene.info.lot_size
    match step:
        case ("book", list(bids), list(asks)):
            scene.show(
                [((1_000 - down) * tick, lots * lot) for down, lots in sorted(bids)],
                [((1_001 + up) * tick, lots * lot) for up, lots in sorted(asks)],
            )
        case ("order", Side() as side, int(lots), price, tif, bool(post_only), bool(reduces)):
            with contextlib.suppress(ExchangeAPIError):
                await scene.place(
                    side,
                    lots * lot,
                    None if price is None else (1_000 + int(str(price))) * tick,
                    tif if isinstance(price, int) and not post_only else GTC,
                    post_only=post_only and price is not None,
                    reduce_only=reduces and scene.account.market is USDM,
                )
        case ("cancel",):
            await scene.account.cancel_all(scene.info)
        case ("wait",):
            await scene.rest(0.05)
        case ("lose",):
            scene.market.lose(scene.name)
        case ("funding",):
            fund(scene, "0.0001", in_s=0.001)
            await scene.rest(0.05)


def fund(scene: Scene, rate: str, in_s: float) -> None:
    """Tell of a funding time that is so far ahead."""
    due_ns = scene.clock.wall_ns() + round(in_s * 1e9)
    told = FundingRate(symbol=scene.info.symbol, rate=D(rate), next_time_ns=due_ns)
    scene.account.funding_rates = {"toy-usdm:BTCUSDT": told}


def fees_of(scene: Scene, asset: str) -> Fraction:
    return sum(
        (Fraction(fee.amount) for fill in scene.fills for fee in fill.fees or () if fee.asset == asset), Fraction()
    )


async def check_common(scene: Scene) -> None:
    """What must hold of any account at any time."""
    assert await scene.account.open_orders() == [
        order for order in await scene.account.open_orders() if not order.is_over
    ]
    for fill in scene.fills:
        assert fill.quantity > 0
        assert fill.price > 0
    last: dict[str, Decimal] = {}
    for event in scene.events:
        if isinstance(event, BalanceUpdate):
            last |= {str(one.asset): one.total for one in event.balances}
    for one in await scene.account.balances():
        assert one.free is not None
        assert one.free >= 0
        assert last.get(str(one.asset), one.total) == one.total, "the last that was told is how it is"
    by_order: dict[str, Decimal] = {}
    for fill in scene.fills:
        by_order[fill.venue_order_id] = by_order.get(fill.venue_order_id, D(0)) + fill.quantity
    for venue_order_id, filled in by_order.items():
        order = await scene.account.order(OrderRef(listing=scene.info, venue_order_id=venue_order_id))
        assert order.filled_quantity == filled
        assert order.quantity is not None
        assert filled <= order.quantity


@settings(max_examples=60)
@given(
    steps,
    st.sampled_from(
        [{}, {"tick_size": D("0.00000001"), "lot_size": D(1), "multiplier": D(1_000), "min_notional": D(0)}]
    ),
)
def test_spot_balances_change_by_fills_and_fees_alone(
    story: list[tuple[object, ...]], figures: dict[str, object]
) -> None:
    async def play(scene: Scene) -> None:
        for step in story:
            await act(scene, step)
        await scene.rest(0.2)
        base, quote = Fraction(0), Fraction(0)
        for fill in scene.fills:
            sign = int(fill.side)
            base += sign * Fraction(fill.quantity) * Fraction(scene.info.multiplier)
            quote -= sign * worth(scene, fill.price, fill.quantity)
        for asset, moved in (("BTC", base), ("USDT", quote)):
            total, _ = await scene.balance(asset)
            assert Fraction(total) == Fraction(scene.funds[asset]) + moved - fees_of(scene, asset)
            assert total >= 0
        await check_common(scene)

    Scene(SPOT, funds={"USDT": D(200), "BTC": D(2_000)}, latency_ms=5.0, **figures).play(play)


@settings(max_examples=80)
@given(steps, odd_figures)
def test_perpetual_wallets_and_costs_change_by_fills_fees_and_funding_alone(
    story: list[tuple[object, ...]], figures: dict[str, object]
) -> None:
    async def play(scene: Scene) -> None:
        for step in story:
            await act(scene, step)
        await scene.rest(0.2)
        quantity, paid = Fraction(0), Fraction(0)
        for fill in scene.fills:
            quantity += int(fill.side) * Fraction(fill.quantity)
            paid += int(fill.side) * worth(scene, fill.price, fill.quantity)
        wallet, _ = await scene.balance("USDT")
        money = scene.account._venue.money
        cost = sum((Fraction(held.cost) for held in money.positions.values()), Fraction())  # type: ignore[union-attr]
        assert Fraction(wallet) == Fraction(1_000) - paid - fees_of(scene, "USDT") + cost + funding_of(scene)
        held = await scene.account.positions()
        assert sum(Fraction(one.quantity) for one in held) == quantity
        if not quantity:
            assert (held, cost) == ([], 0), "nothing is left of a closed position, however it was closed"
        await check_common(scene)

    Scene(USDM, funds={"USDT": D(1_000)}, latency_ms=5.0, **figures).play(play)


def funding_of(scene: Scene) -> Fraction:
    """Changes of the wallet in funding updates, by the update before each."""
    before, paid = Fraction(1_000), Fraction(0)
    for event in scene.events:
        if isinstance(event, BalanceUpdate):
            now = Fraction(event.balances[0].total)
            if event.reason == "funding":
                paid += now - before
            before = now
    return paid


# ---------------------------------------------------------------------- perpetuals


def perpetual(story: Callable[[Scene], object], **options: object) -> None:
    Scene(USDM, **{"funds": {"USDT": D(1_000)}} | options).play(story)  # type: ignore[arg-type]


def test_a_position_is_opened_reduced_turned_round_and_closed_at_average_cost() -> None:
    async def story(scene: Scene) -> None:
        scene.show([("100", 1_000)], [("100.1", 30), ("100.4", 30)])
        await scene.place(BUY, 60, "100.4", IOC)
        (held,) = await scene.account.positions()
        assert (held.quantity, held.entry_price, held.leverage) == (60, D("100.25"), 10)
        wallet = 1_000 - D("60.15") * D("0.001")
        assert (await scene.balance("USDT"))[0] == wallet
        scene.show([("110", 1_000)], [("110.1", 1_000)])
        await scene.place(SELL, 20, "110", IOC)
        wallet += 22 - D("20.05") - D("0.022")
        assert (await scene.balance("USDT"))[0] == wallet
        await scene.place(SELL, 60, "110", IOC)
        wallet += 44 - D("40.1") - D("0.066")
        (held,) = await scene.account.positions()
        assert (held.quantity, held.entry_price) == (-20, 110)
        assert (await scene.balance("USDT"))[0] == wallet
        scene.show([("100", 1_000)], [("100.1", 1_000)])
        await scene.rest()
        (held,) = await scene.account.positions()
        assert (held.mark_price, held.unrealised_pnl) == (D("100.05"), 20 * (110 - D("100.05")) / 100)
        await scene.place(BUY, 20, "100.1", IOC, reduce_only=True)
        assert await scene.account.positions() == []
        assert scene.told()[-1] == "position 0"

    perpetual(story)


def test_a_perpetual_order_needs_margin_and_fee_for_what_it_opens() -> None:
    async def story(scene: Scene) -> None:
        scene.show([("100", 100_000)], [("100.1", 100_000)])
        with pytest.raises(InsufficientBalanceError, match="of margin and fee needed"):
            await scene.place(BUY, 9_990, "100.1", IOC)
        await scene.place(BUY, 9_000, "100.1", IOC)
        _, free = await scene.balance("USDT")
        assert free is not None
        assert free == 1_000 - D("9.009") - D("900.9") - 90 * D("0.05"), "fee, margin, and the loss at the middle"
        await scene.place(SELL, 9_000, "100.2")
        assert (await scene.balance("USDT"))[1] == free, "closing needs none"
        with pytest.raises(InsufficientBalanceError):
            await scene.place(SELL, 1_000, "100.2")
        await scene.place(SELL, 800, "100.2")
        assert (await scene.balance("USDT"))[1] == free - D("80.16")

    perpetual(story)


def test_losses_take_margin_away_and_profits_give_none() -> None:
    async def story(scene: Scene) -> None:
        scene.show([("100", 100_000)], [("100.1", 100_000)])
        await scene.place(BUY, 1_000, "100.1", IOC)
        at_cost = 1_000 - D("1.001") - D("100.1")
        scene.show([("90", 100_000)], [("90.1", 100_000)])
        await scene.rest()
        assert (await scene.balance("USDT"))[1] == at_cost - 10 * (D("100.1") - D("90.05"))
        scene.show([("120", 100_000)], [("120.1", 100_000)])
        await scene.rest()
        assert (await scene.balance("USDT"))[1] == at_cost

    perpetual(story)


def test_leverage_can_be_set() -> None:
    async def story(scene: Scene) -> None:
        scene.show([("100", 100_000)], [("100.1", 100_000)])
        await scene.account.set_leverage(scene.info, 1)
        with pytest.raises(InsufficientBalanceError):
            await scene.place(BUY, 1_000, "100.1", IOC)
        await scene.account.set_leverage(scene.info.symbol, 20)
        assert (await scene.place(BUY, 10_000, "100.1", IOC)).status is OrderStatus.FILLED
        with pytest.raises(ConfigError, match="leverage = 126"):
            await scene.account.set_leverage(scene.info, 126)
        assert await scene.account.position_mode() is PositionMode.ONE_WAY
        await scene.account.set_position_mode(PositionMode.ONE_WAY)
        with pytest.raises(NotSupported):
            await scene.account.set_position_mode(PositionMode.HEDGE)
        assert (await scene.account.info()).position_mode is PositionMode.ONE_WAY

    perpetual(story)


def test_resting_reduce_only_orders_shrink_with_the_position_newest_first() -> None:
    async def story(scene: Scene) -> None:
        scene.show([("100", 1_000)], [("100.1", 1_000)])
        await scene.place(BUY, 100, "100.1", IOC)
        first = await scene.place(SELL, 60, "101", reduce_only=True)
        second = await scene.place(SELL, 70, "102", reduce_only=True)
        assert second.quantity == 40, "no larger than what no other order closes"
        await scene.place(SELL, 70, "100", IOC)
        held = {order.venue_order_id: order for order in await scene.account.open_orders()}
        assert list(held) == [first.venue_order_id]
        assert held[first.venue_order_id].quantity == 30
        ended = await scene.account.order(OrderRef(listing=scene.info, venue_order_id=second.venue_order_id))
        assert (ended.status, ended.reason) == (OrderStatus.CANCELED, "reduce-only, and nothing is left to reduce")
        scene.show([("101", 50)], [("101.1", 1_000)])
        await scene.rest()
        assert await scene.account.positions() == []
        assert await scene.account.open_orders() == []

    perpetual(story)


def test_a_reduce_only_order_that_another_fill_made_idle_fills_no_more() -> None:
    async def story(scene: Scene) -> None:
        scene.show([("100", 1_000)], [("100.1", 1_000)])
        await scene.place(BUY, 10, "100.1", IOC)
        await scene.place(SELL, 10, "101")
        await scene.place(SELL, 10, "101.1", reduce_only=True)
        scene.show([("102", 1_000)], [("102.1", 1_000)])
        await scene.rest()
        assert [fill.price for fill in scene.fills] == [D("100.1"), 101]
        assert await scene.account.positions() == []

    perpetual(story)


def test_funding_is_paid_by_longs_once_a_time_at_the_rate_told_last() -> None:
    async def story(scene: Scene) -> None:
        fund(scene, "0.5", in_s=0.5)
        await scene.rest(1.0)
        scene.show([("100", 1_000)], [("100.2", 1_000)])
        await scene.place(SELL, 100, "100", IOC)
        await scene.rest()
        wallet, _ = await scene.balance("USDT")
        scene.told()
        fund(scene, "0.002", in_s=10.0)
        await scene.rest(5.0)
        fund(scene, "0.001", in_s=5.0)
        await scene.rest(4.5)
        assert scene.events == []
        await scene.rest(20.0)
        (event,) = scene.events
        assert isinstance(event, BalanceUpdate)
        assert (event.reason, event.balances[0].total) == ("funding", wallet + D("0.1001"))

    perpetual(story)


# ---------------------------------------------------------------------- a start anew


def ledger_of(kind: MarketKind, *more: object) -> Ledger:
    """One that knows the account, and a deal with an open order of 10 lots."""
    ledger, name = Ledger(), f"toy-{kind.value}"
    key, one = f"{name}:BTCUSDT", D("0.01") if kind is USDM else D(1)
    records = [
        ListingKnown(
            wall_ns=1,
            listing=key,
            account=name,
            symbol="BTC/USDT",
            base="BTC",
            quote="USDT",
            is_perpetual=kind is USDM,
            tick_size=D("0.1"),
            lot_size=D("0.001"),
            contract_size=one,
            multiplier=D(1),
        ),
        BalanceOpened(wall_ns=1, account=name, asset="USDT", total=D(500)),
        *more,
        DealOpened(
            wall_ns=1,
            deal=1,
            strategy="maker",
            group="BTC/USDT",
            home="USDT",
            opportunity=0,
            holds=False,
            nets=D(0),
            expected_gross=D(1),
            expected_fees=D(0),
            expected_net=D(1),
            legs=(),
        ),
        OrderIntended(
            wall_ns=1,
            client_order_id="open",
            deal=1,
            leg=0,
            attempt=0,
            purpose=Purpose.MAKER,
            listing=key,
            side=BUY,
            type=OrderType.LIMIT,
            time_in_force=GTC,
            price=D(100),
            quantity=D(10),
            reduce_only=False,
        ),
        OrderTold(
            wall_ns=1,
            client_order_id="open",
            status=OrderStatus.NEW,
            venue_order_id="77",
            filled=D(0),
            filled_quote=D(0),
            reason="",
        ),
        FillTold(
            wall_ns=1,
            listing=key,
            venue_fill_id="78",
            client_order_id="open",
            venue_order_id="77",
            side=BUY,
            price=D(100),
            quantity=D(4),
            fees=(("USDT", D("0.2")),),
            is_maker=True,
            venue_ns=1,
        ),
    ]
    for record in records:
        ledger.apply(record)  # type: ignore[arg-type]
    return ledger


def test_a_spot_account_goes_on_from_the_journal() -> None:
    async def story(scene: Scene) -> None:
        assert (await scene.balance("USDT"))[0] == 500 - 400 - D("0.2")
        assert (await scene.balance("BTC"))[0] == 4
        order = await scene.account.order(OrderRef(listing=scene.info, client_order_id="open"))
        assert (order.status, order.filled_quantity, order.venue_order_id) == (OrderStatus.CANCELED, 4, "77")
        assert await scene.account.find(OrderRef(listing=scene.info, venue_order_id="77")) == order
        assert await scene.account.open_orders() == []
        placed = await scene.place(SELL, 1, "99.9", IOC)
        assert int(placed.venue_order_id) > 10**12, "ids are not those of the run before"

    Scene(SPOT, ledger=ledger_of(SPOT)).play(story)


def test_a_perpetual_account_goes_on_with_its_position() -> None:
    ledger = ledger_of(USDM, PositionOpened(wall_ns=1, listing="toy-usdm:BTCUSDT", quantity=D(6), price=D(90)))

    async def story(scene: Scene) -> None:
        (held,) = await scene.account.positions()
        assert (held.quantity, held.entry_price) == (10, D(94))
        scene.show([("95", 100)], [("95.1", 100)])
        await scene.place(SELL, 10, "95", IOC, reduce_only=True)
        assert (await scene.balance("USDT"))[0] == 500 - D("0.2") + D("0.1") - D("9.5") * D("0.001")

    Scene(USDM, ledger=ledger).play(story)


def test_orders_that_were_over_are_not_brought_back() -> None:
    ledger = ledger_of(SPOT)
    over = OrderTold(
        wall_ns=2,
        client_order_id="open",
        status=OrderStatus.EXPIRED,
        venue_order_id="77",
        filled=D(4),
        filled_quote=D(400),
        reason="",
    )
    ledger.apply(over)

    async def story(scene: Scene) -> None:
        assert await scene.account.find(OrderRef(listing=scene.info, client_order_id="open")) is None

    Scene(SPOT, ledger=ledger).play(story)


def test_an_account_that_the_journal_does_not_know_gets_its_funds() -> None:
    async def story(scene: Scene) -> None:
        assert (await scene.balance("USDT"))[0] == 10_000

    Scene(SPOT, ledger=Ledger()).play(story)
