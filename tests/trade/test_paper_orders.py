"""Paper orders of every kind against a live book: what fills, at what price, and what is told of it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
import pytest
from tests.trade.paper_scene import (
    BUY,
    FOK,
    GTC,
    IOC,
    SELL,
    Scene,
    copy_of,
)

from oneprice.errors import (
    ConfigError,
    DuplicateOrderError,
    InsufficientBalanceError,
    InvalidOrderError,
    InvalidRequestError,
    NotSupported,
    OrderNotFoundError,
    Outcome,
    RateLimitError,
    TradingDisabledError,
)
from oneprice.exchange import StreamState
from oneprice.model import NewOrder, OrderRef, OrderStatus

CANCELED, EXPIRED, FILLED, NEW, PARTIAL, REJECTED = (
    OrderStatus.CANCELED,
    OrderStatus.EXPIRED,
    OrderStatus.FILLED,
    OrderStatus.NEW,
    OrderStatus.PARTIALLY_FILLED,
    OrderStatus.REJECTED,
)
D = Decimal


def refused(error: pytest.ExceptionInfo[Exception], outcome: Outcome, *words: str) -> None:
    assert error.value.outcome is outcome  # type: ignore[attr-defined]
    assert all(word in str(error.value) for word in words), str(error.value)


def scene_ref(scene: Scene, venue_order_id: str = "", client_order_id: str = "") -> OrderRef:
    return OrderRef(listing=scene.info, venue_order_id=venue_order_id, client_order_id=client_order_id)


# ---------------------------------------------------------------------- takers


def test_ioc_takes_what_is_within_its_limit_level_by_level() -> None:
    async def story(scene: Scene) -> None:
        order = await scene.place(BUY, 15, "100.2", IOC)
        assert (order.status, order.filled_quantity, order.filled_quote) == (
            FILLED,
            15,
            D("100.1") * 10 + D("100.2") * 5,
        )
        assert [(fill.price, fill.quantity, fill.is_maker) for fill in scene.fills] == [
            (D("100.1"), 10, False),
            (D("100.2"), 5, False),
        ]
        assert {fill.venue_order_id for fill in scene.fills} == {order.venue_order_id}
        assert len({fill.venue_fill_id for fill in scene.fills}) == 2

    Scene().play(story)


def test_the_rest_of_an_ioc_expires() -> None:
    async def story(scene: Scene) -> None:
        order = await scene.place(SELL, 4, "99.9", IOC)
        assert order.status is FILLED
        scene.show([("99.9", 3), ("99.8", 20)], [("100.1", 10)])
        order = await scene.place(SELL, 1, "100", IOC)
        assert (order.status, order.filled_quantity) == (EXPIRED, 0)
        scene.show([("99.9", "0.5"), ("99.8", 20)], [("100.1", 10)])
        order = await scene.place(SELL, 1, "99.9", IOC)
        assert (order.status, order.filled_quantity) == (EXPIRED, D("0.5"))

    Scene().play(story)


def test_fok_fills_wholly_or_not_at_all() -> None:
    async def story(scene: Scene) -> None:
        order = await scene.place(BUY, "10.001", "100.1", FOK)
        assert (order.status, order.filled_quantity, scene.fills) == (EXPIRED, 0, [])
        order = await scene.place(BUY, 10, "100.1", FOK)
        assert (order.status, order.filled_quantity) == (FILLED, 10)

    Scene().play(story)


def test_a_market_order_takes_at_any_price_and_never_rests() -> None:
    async def story(scene: Scene) -> None:
        order = await scene.place(BUY, 12)
        assert (order.status, order.filled_quantity, order.price) == (FILLED, 12, None)
        scene.show([("99.9", 10)], [("100.1", 1)])
        order = await scene.place(BUY, 2)
        assert (order.status, order.filled_quantity) == (EXPIRED, 1)
        assert await scene.account.open_orders() == []

    Scene().play(story)


def test_a_market_order_by_quote_spends_no_more_than_it_may() -> None:
    async def story(scene: Scene) -> None:
        order = await scene.place(BUY, None, quote=1_050)
        assert order.filled_quote is not None
        assert order.filled_quote <= 1_050 < order.filled_quote + D("100.2") * D("0.001")
        assert (order.status, order.quote_quantity) == (FILLED, 1_050)
        order = await scene.place(SELL, None, quote=100)
        assert order.filled_quantity == D("1.001")
        scene.show([("99.9", 10)], [("100000", 10)])
        with pytest.raises(InvalidOrderError) as error:
            await scene.place(BUY, None, quote=50)
        refused(error, Outcome.REJECTED, "50 pays for less than an order may be")

    Scene().play(story)


def test_a_market_order_worth_too_little_is_refused() -> None:
    async def story(scene: Scene) -> None:
        with pytest.raises(InvalidOrderError) as error:
            await scene.place(BUY, "0.049")
        refused(error, Outcome.REJECTED, "4.9049", "below min_notional 5")

    Scene().play(story)


def test_the_same_level_is_taken_once_until_it_changes() -> None:
    async def story(scene: Scene) -> None:
        assert (await scene.place(BUY, 6, "100.1", IOC)).filled_quantity == 6
        assert (await scene.place(BUY, 6, "100.1", IOC)).filled_quantity == 4
        assert (await scene.place(BUY, 6, "100.1", IOC)).filled_quantity == 0
        scene.show([("99.9", 11)], [("100.1", 10), ("100.2", 20)])
        assert (await scene.place(BUY, 6, "100.1", IOC)).filled_quantity == 0, "another level changed, not this one"
        order = await scene.place(BUY, 6, "100.2", IOC)
        assert [fill.price for fill in scene.fills if fill.venue_order_id == order.venue_order_id] == [D("100.2")]
        scene.show([("99.9", 11)], [("100.1", 9), ("100.2", 20)])
        assert (await scene.place(BUY, 20, "100.1", IOC)).filled_quantity == 9
        scene.show([("99.9", 11)], [("100.2", 20)])
        assert (await scene.place(BUY, 20, "100.2", IOC)).filled_quantity == 14, "6 of its 20 are taken"
        scene.show([("99.9", 11)], [("100.1", 9), ("100.2", 20)])
        assert (await scene.place(BUY, 9, "100.1", IOC)).filled_quantity == 9, "it had gone, so it is a new one"

    Scene(funds={"USDT": D(100_000)}).play(story)


def test_orders_meet_the_book_as_it_is_when_they_arrive() -> None:
    async def story(scene: Scene) -> None:
        placing = asyncio.ensure_future(scene.place(BUY, 5, "100.1", IOC))
        await asyncio.sleep(0)
        scene.show([("99.9", 10)], [("100.2", 10)])
        order = await placing
        assert (order.status, order.filled_quantity) == (EXPIRED, 0)

    Scene(latency_ms=50.0).play(story)


def test_latency_is_drawn_around_what_was_set() -> None:
    async def story(scene: Scene) -> None:
        took = []
        for _ in range(200):
            before_ns = scene.clock.monotonic_ns()
            await scene.account.info()
            took.append((scene.clock.monotonic_ns() - before_ns) / 1e6)
        assert 20.0 <= min(took) < 30.0
        assert 50.0 < max(took) <= 60.0
        assert 37.0 < sum(took) / len(took) < 43.0

    Scene().play(story)


def test_a_book_that_is_not_live_fills_nothing() -> None:
    async def story(scene: Scene) -> None:
        scene.market.lose()
        for order in (await scene.place(BUY, 1, "100.1", IOC), await scene.place(BUY, 1)):
            assert (order.status, order.filled_quantity, order.reason) == (EXPIRED, 0, "its book is not live")
        assert (await scene.place(BUY, 1, "100.1", FOK)).status is EXPIRED
        order = await scene.place(BUY, 1, "100.1", GTC)
        assert order.status is NEW
        await scene.rest()
        assert scene.fills == []
        scene.show([("99.9", 10)], [("100.1", 10)])
        await scene.rest()
        assert [fill.quantity for fill in scene.fills] == [1]

    Scene().play(story)


# ---------------------------------------------------------------------- makers


def test_gtc_takes_what_it_can_and_rests_with_the_rest() -> None:
    async def story(scene: Scene) -> None:
        order = await scene.place(BUY, 15, "100.1")
        assert (order.status, order.filled_quantity) == (PARTIAL, 10)
        assert [one.filled_quantity for one in await scene.account.open_orders(scene.info)] == [10]
        scene.show([("99.9", 10)], [("100.1", 3), ("100.2", 1)])
        await scene.rest()
        assert (await scene.account.order(scene_ref(scene, order.venue_order_id))).filled_quantity == 13
        fill = scene.fills[-1]
        assert (fill.price, fill.quantity, fill.is_maker) == (D("100.1"), 3, True)

    Scene().play(story)


def test_a_resting_order_fills_at_its_own_price_when_the_other_side_comes_to_it_or_beyond() -> None:
    async def story(scene: Scene) -> None:
        await scene.place(BUY, 5, "99.9")
        await scene.rest()
        scene.show([("99.8", 20)], [("100", 10)])
        await scene.rest()
        assert scene.fills == [], "the bids at its price have gone, and still nobody sells there"
        scene.show([("99.7", 20)], [("99.9", 2), ("100", 10)])
        await scene.rest()
        scene.show([("99.5", 20)], [("99.6", 1), ("99.7", 9)])
        await scene.rest()
        assert [(fill.price, fill.quantity, fill.is_maker) for fill in scene.fills] == [
            (D("99.9"), 2, True),
            (D("99.9"), 3, True),
        ]
        assert await scene.account.open_orders() == []

    Scene().play(story)


def test_a_resting_sale_fills_when_bids_come_to_it() -> None:
    async def story(scene: Scene) -> None:
        await scene.place(SELL, 2, "100.1", post_only=True)
        scene.show([("100.3", 1)], [("100.4", 10)])
        await scene.rest()
        assert [(fill.price, fill.quantity) for fill in scene.fills] == [(D("100.1"), 1)]
        fee = scene.fills[0].fees
        assert fee is not None
        assert (fee[0].asset, fee[0].amount) == ("USDT", D("100.1") * D("0.0005"))

    Scene().play(story)


def test_two_resting_orders_share_what_comes_best_price_first() -> None:
    async def story(scene: Scene) -> None:
        low = await scene.place(BUY, 4, "99.8")
        high = await scene.place(BUY, 4, "99.9")
        scene.show([("99.0", 20)], [("99.5", 6)])
        await scene.rest()
        assert [(fill.venue_order_id, fill.quantity) for fill in scene.fills] == [
            (high.venue_order_id, 4),
            (low.venue_order_id, 2),
        ]

    Scene().play(story)


def test_what_a_resting_order_got_is_not_there_for_a_taker() -> None:
    async def story(scene: Scene) -> None:
        await scene.place(BUY, 4, "99.9")
        scene.show([("99.0", 20)], [("99.5", 6)])
        await scene.rest()
        assert (await scene.place(BUY, 6, "99.5", IOC)).filled_quantity == 2

    Scene().play(story)


def test_post_only_is_refused_when_it_would_take_and_rests_otherwise() -> None:
    async def story(scene: Scene) -> None:
        with pytest.raises(InvalidOrderError) as error:
            await scene.place(BUY, 1, "100.1", post_only=True)
        refused(error, Outcome.REJECTED, "post-only")
        assert scene.told()[-1] == "REJECTED"
        order = await scene.place(BUY, 1, "100", post_only=True)
        assert order.status is NEW

    Scene().play(story)


def test_cancel_takes_an_order_off() -> None:
    async def story(scene: Scene) -> None:
        order = await scene.place(BUY, 1, "99")
        told = await scene.account.cancel(scene_ref(scene, order.venue_order_id))
        assert told is not None
        assert told.status is CANCELED
        scene.show([("98", 1)], [("98.5", 5)])
        await scene.rest()
        assert scene.fills == []
        for ref in (scene_ref(scene, order.venue_order_id), scene_ref(scene, client_order_id="never")):
            with pytest.raises(OrderNotFoundError) as error:
                await scene.account.cancel(ref)
            refused(error, Outcome.REJECTED)

    Scene().play(story)


def test_cancel_all_ends_every_order_of_a_listing() -> None:
    async def story(scene: Scene) -> None:
        await scene.place(BUY, 1, "99")
        await scene.place(SELL, 1, "101")
        ended = await scene.account.cancel_all(scene.info.symbol)
        assert [order.status for order in ended] == [CANCELED, CANCELED]
        assert await scene.account.open_orders() == []

    Scene().play(story)


def test_a_dead_man_s_switch_cancels_unless_renewed() -> None:
    async def story(scene: Scene) -> None:
        await scene.place(BUY, 1, "99")
        await scene.account.dead_man(5)
        await scene.rest(4.0)
        await scene.account.dead_man(5)
        await scene.rest(4.0)
        assert len(await scene.account.open_orders()) == 1
        await scene.rest(1.5)
        assert await scene.account.open_orders() == []
        await scene.place(BUY, 1, "99")
        await scene.account.dead_man(1, scene.info)
        await scene.account.dead_man(0, scene.info)
        await scene.rest(3.0)
        assert len(await scene.account.open_orders()) == 1

    Scene().play(story)


# ---------------------------------------------------------------------- what is told


def test_events_come_in_order_and_before_the_answer() -> None:
    async def story(scene: Scene) -> None:
        scene.told()
        await scene.place(BUY, 15, "100.2", IOC)
        assert scene.told() == ["fill 10", "fill 5", "FILLED", "balance BTC USDT"]
        order = await scene.place(BUY, 1, "99")
        assert scene.told() == ["NEW", "balance BTC USDT"]
        await scene.account.cancel(scene_ref(scene, order.venue_order_id))
        assert scene.told() == ["CANCELED", "balance BTC USDT"]

    Scene().play(story)


def test_events_of_commands_that_cross_keep_the_venue_s_order() -> None:
    async def story(scene: Scene) -> None:
        scene.told()
        await asyncio.gather(*(scene.place(BUY, 1, "100.1", IOC) for _ in range(20)))
        ids = [int(fill.venue_fill_id) for fill in scene.fills]
        assert ids == sorted(ids)
        assert len(ids) == 10, "that is all there is"

    Scene().play(story)


def test_an_order_goes_on_its_way_whether_or_not_somebody_waits() -> None:
    async def story(scene: Scene) -> None:
        task = asyncio.ensure_future(scene.place(BUY, 1, "100.1", IOC))
        await scene.rest(0.001)
        task.cancel()
        await scene.rest()
        assert [fill.quantity for fill in scene.fills] == [1]

    Scene().play(story)


def test_listeners_can_stop() -> None:
    async def story(scene: Scene) -> None:
        heard: list[object] = []
        stop = scene.account.listen(heard.append)
        await scene.place(BUY, 1, "100.1", IOC)
        count = len(heard)
        stop()
        stop()
        await scene.place(BUY, 1, "100.1", IOC)
        assert len(heard) == count > 0

    Scene().play(story)


# ---------------------------------------------------------------------- refusals


def test_what_our_rules_refuse_is_never_sent() -> None:
    async def story(scene: Scene) -> None:
        scene.told()
        with pytest.raises(InvalidOrderError) as error:
            await scene.place(BUY, 1, "100.15")
        refused(error, Outcome.NOT_SENT, "tick_size")
        with pytest.raises(NotSupported):
            await scene.place(SELL, 1, "100", reduce_only=True)
        await scene.place(BUY, 1, "99", name="twice")
        with pytest.raises(DuplicateOrderError) as error:
            await scene.place(BUY, 1, "99", name="twice")
        refused(error, Outcome.NOT_SENT, "'twice'")
        with pytest.raises(ConfigError, match="not watched"):
            await scene.account.place(
                copy_of_order(scene, venue_symbol="ETHUSDT"),
            )
        assert scene.told() == ["NEW", "balance BTC USDT"]

    Scene().play(story)


def copy_of_order(scene: Scene, **figures: object) -> NewOrder:
    return msgspec.structs.replace(scene.new(BUY, 1, "99"), listing=copy_of(scene.info, **figures))


def test_too_little_balance_is_refused_by_the_venue_and_told() -> None:
    async def story(scene: Scene) -> None:
        scene.told()
        with pytest.raises(InsufficientBalanceError) as error:
            await scene.place(BUY, 100, "100.1", IOC)
        refused(error, Outcome.REJECTED, "10010.0000 USDT needed, 10000 free")
        with pytest.raises(InsufficientBalanceError) as error:
            await scene.place(SELL, "5.001", "100.1", IOC)
        refused(error, Outcome.REJECTED, "5.001 BTC needed, 5 free")
        assert scene.told() == ["REJECTED", "REJECTED"]
        assert await scene.balance("USDT") == (10_000, 10_000)

    Scene().play(story)


def test_open_orders_hold_their_worst_case() -> None:
    async def story(scene: Scene) -> None:
        order = await scene.place(BUY, 90, "99")
        assert await scene.balance("USDT") == (10_000, 10_000 - 90 * 99)
        with pytest.raises(InsufficientBalanceError):
            await scene.place(BUY, 20, "100.1", IOC)
        await scene.account.cancel(scene_ref(scene, order.venue_order_id))
        assert (await scene.place(BUY, 20, "100.2", IOC)).filled_quantity == 20

    Scene().play(story)


def test_a_listing_that_the_venue_has_closed_takes_no_orders() -> None:
    async def story(scene: Scene) -> None:
        scene.market.book().closed = "the venue takes no orders on it (BREAK)"
        with pytest.raises(TradingDisabledError) as error:
            await scene.place(BUY, 1, "100.1", IOC)
        refused(error, Outcome.REJECTED, "BREAK")

    Scene().play(story)


def test_rules_that_changed_on_the_way_are_the_venue_s_word() -> None:
    async def story(scene: Scene) -> None:
        resting = await scene.place(BUY, 1, "99.9")
        scene.market.change_rules(copy_of(scene.info, min_notional=D(50), tick_size=D("0.5")))
        scene.show([("98", 1)], [("98.5", 5)])
        with pytest.raises(InvalidOrderError) as error:
            await scene.place(BUY, 1, "98.6", IOC)
        refused(error, Outcome.REJECTED, "tick_size 0.5")
        await scene.rest()
        order = await scene.account.order(scene_ref(scene, resting.venue_order_id))
        assert (order.status, order.filled_quantity) == (FILLED, 1), "one that rests is left as it is"
        assert (await scene.place(BUY, 1, "98.5", IOC)).filled_quantity == 1

    Scene().play(story)


def test_a_resting_price_that_is_off_a_new_grid_is_reached_by_no_worse_one() -> None:
    async def story(scene: Scene) -> None:
        await scene.place(SELL, 1, "100.1")
        await scene.place(BUY, 1, "99.7")
        scene.market.change_rules(copy_of(scene.info, tick_size=D("0.25")))
        scene.show([("100", 5)], [("100.25", 5)])
        await scene.rest()
        assert scene.fills == []
        scene.show([("100.25", 5)], [("100.5", 5)])
        await scene.rest()
        scene.show([("99.25", 5)], [("99.5", 5)])
        await scene.rest()
        assert [fill.price for fill in scene.fills] == [D("100.1"), D("99.7")]

    Scene().play(story)


def test_a_market_order_by_quote_is_for_whole_lots_of_the_rules() -> None:
    async def story(scene: Scene) -> None:
        scene.market.change_rules(copy_of(scene.info, lot_size=D("0.01")))
        scene.show([("99.9", "0.123"), ("99.8", 9)], [("100.1", "0.123"), ("100.2", 9)])
        order = await scene.place(BUY, None, quote=50)
        assert order.filled_quantity == D("0.49")

    Scene().play(story)


def test_everything_has_a_maximum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oneprice.trade.paper.venue.OPEN_MAX", 2)
    monkeypatch.setattr("oneprice.trade.paper.wire.IN_FLIGHT_MAX", 3)

    async def story(scene: Scene) -> None:
        await scene.place(BUY, 1, "99")
        await scene.place(BUY, 1, "99")
        with pytest.raises(InvalidOrderError) as refusal:
            await scene.place(BUY, 1, "99")
        refused(refusal, Outcome.REJECTED, "2 orders are open already")
        await scene.rest()
        asking = [asyncio.ensure_future(scene.account.balances()) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(RateLimitError) as limit:
            await scene.place(BUY, 1, "99", name="late")
        refused(limit, Outcome.NOT_SENT)
        await asyncio.gather(*asking)
        with pytest.raises(InvalidOrderError, match="open already"):
            await scene.place(BUY, 1, "99", name="late")

    Scene().play(story)


# ---------------------------------------------------------------------- batches, questions, life


def test_a_batch_arrives_together_and_each_has_its_own_result() -> None:
    async def story(scene: Scene) -> None:
        results = await scene.account.place_many(
            [scene.new(BUY, 1, "100.1", IOC), scene.new(BUY, 1_000, "100.1", IOC), scene.new(SELL, 1, "99.9", IOC)]
        )
        assert [getattr(one, "status", type(one)) for one in results] == [FILLED, InsufficientBalanceError, FILLED]
        with pytest.raises(InvalidRequestError, match="there twice"):
            await scene.account.place_many([scene.new(BUY, 1, "99", name="a"), scene.new(BUY, 1, "99", name="a")])
        with pytest.raises(InvalidOrderError):
            await scene.account.place_many([scene.new(BUY, 1, "99", name="b"), scene.new(BUY, 0, "99")])
        assert await scene.account.find(scene_ref(scene, client_order_id="b")) is None, "all or none"

    Scene().play(story)


def test_orders_are_found_by_either_id_and_what_never_was_is_certainly_nothing() -> None:
    async def story(scene: Scene) -> None:
        order = await scene.place(BUY, 1, "100.1", IOC, name="mine")
        for ref in (scene_ref(scene, order.venue_order_id), scene_ref(scene, client_order_id="mine")):
            assert await scene.account.order(ref) == order
            assert await scene.account.find(ref) == order
        nothing = scene_ref(scene, client_order_id="other")
        assert await scene.account.find(nothing) is None
        with pytest.raises(OrderNotFoundError):
            await scene.account.order(nothing)
        with pytest.raises(InsufficientBalanceError):
            await scene.place(BUY, 1_000, "100.1", name="poor")
        assert await scene.account.find(scene_ref(scene, client_order_id="poor")) is None

    Scene().play(story)


def test_fills_can_be_asked_for_since_a_time_and_by_order() -> None:
    async def story(scene: Scene) -> None:
        first = await scene.place(BUY, 1, "100.1", IOC)
        await scene.rest(1.0)
        since_ns = scene.clock.wall_ns()
        second = await scene.place(SELL, 1, "99.9", IOC)
        assert [one.venue_order_id for one in await scene.account.fills(scene.info, 0)] == [
            first.venue_order_id,
            second.venue_order_id,
        ]
        assert await scene.account.fills(scene.info, since_ns) == scene.fills[1:]
        assert await scene.account.fills(scene.info, 0, first.venue_order_id) == scene.fills[:1]

    Scene().play(story)


def test_what_makes_no_sense_here_is_not_supported() -> None:
    async def story(scene: Scene) -> None:
        account = scene.account
        for call in (
            account.positions(),
            account.position_mode(),
            account.set_leverage(scene.info, 5),
            account.networks(scene.info.symbol.base),
        ):
            with pytest.raises(NotSupported):
                await call
        assert await account.deposits(0) == await account.withdrawals(0) == []
        keys = await account.permissions()
        assert (keys.can_trade, keys.can_withdraw) == (True, False)
        fee = await account.fees(scene.info)
        assert (fee.maker, fee.taker) == (D("0.0005"), D("0.001"))
        told = await account.info()
        assert (told.position_mode, [one.asset for one in told.balances]) == (None, ["BTC", "USDT"])
        with pytest.raises(ConfigError):
            await account.fees(copy_of(scene.info, venue_symbol="DOGE"))

    Scene().play(story)


def test_its_standing_follows_the_books() -> None:
    async def story(scene: Scene) -> None:
        standing = scene.account.standing()
        assert (standing.stream_complete, standing.reason, standing.clock_offset_ns) == (True, "", 1_000_000)
        assert (standing.banned_ns, standing.order_room) == (0, 1.0)
        scene.told()
        scene.market.lose()
        await scene.rest()
        assert not scene.account.standing().stream_complete
        assert scene.account.standing().reason == "none of its books is live"
        assert scene.events == [StreamState(False, "none of its books is live")]
        scene.show([("99", 1)], [("100", 1)])
        await scene.rest()
        assert scene.account.standing().stream_complete

    Scene().play(story)


def test_an_error_of_a_listener_is_not_lost() -> None:
    async def story(scene: Scene) -> None:
        def broken(event: object) -> None:
            raise RuntimeError("the listener")

        stop = scene.account.listen(broken)
        task = asyncio.ensure_future(scene.place(BUY, 1, "100.1", IOC))
        await scene.rest()
        stop()
        assert "the listener" in scene.account.standing().reason
        task.cancel()

    with pytest.raises(RuntimeError, match="the listener"):
        Scene().play(story)


def test_a_closed_account_sends_nothing() -> None:
    scene = Scene()

    async def story(scene: Scene) -> None:
        await scene.account.close()
        with pytest.raises(Exception, match="closed") as error:
            await scene.place(BUY, 1, "100.1", IOC)
        refused(error, Outcome.NOT_SENT)

    scene.play(story)
