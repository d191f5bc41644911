"""Where coins may be traded away: what a gate refuses is not chosen again and again, the next listing is."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.trade.gate_desk import FINE, LISTINGS, MS, REST, D, GateDesk

from oneprice.core.states import Reason
from oneprice.ledger.records import AnyRecord, DealMoved, Switched, TransferTold
from oneprice.model import OrderStatus, Side
from oneprice.model.deals import DealState, Plan, Purpose
from oneprice.trade.approved import Refusal
from oneprice.trade.candidates import Candidates
from oneprice.trade.desk import listing_key
from oneprice.trade.marks import Marks
from oneprice.trade.netting import NET_AFTER_MS, Netting
from oneprice.trade.policy import Candidate
from oneprice.trade.recorder import Recorder
from oneprice.trade.residuals import Residuals
from oneprice.trade.switches import VenueHealth

BUY, SELL = Side.BUY, Side.SELL
replace = msgspec.structs.replace
SPOT = ("binance-spot", "gate-spot", "mexc-spot")


class Scene(GateDesk):
    """Deals are looked after, and their plans come to the gates. `asked`: each listing that a plan came with, and the
    gate that refused it or ""."""

    def __init__(self, *others: Any, **risk: Any) -> None:
        super().__init__(*others, **risk)
        self.asked: list[tuple[str, str]] = []
        self.heard: list[AnyRecord] = []
        candidates = Candidates(self.desk, self.gates)
        self.candidates = candidates
        self.recorder = Recorder(self, self.ledger, self.desk.clock)
        marks = Marks(self.desk)
        self.residuals = Residuals(
            self.desk, self.recorder, marks, candidates, self.submit, lambda deal, net: None, lambda deal: None
        )
        self.netting = Netting(self.desk, self.recorder, marks, candidates, self.submit)

    def append(self, *records: AnyRecord) -> None:
        """A journal that takes everything."""
        self.heard += records

    def submit(self, plan: Plan) -> int | Refusal:
        """As the trader does."""
        told = self.ask(plan)
        refused = told.gate if isinstance(told, Refusal) else ""
        self.asked.append((plan.legs[0].account, refused))
        return told if isinstance(told, Refusal) else self.send(plan)[0]

    def best(self, market: str, bid: Any) -> None:
        """So much is bid there, and the ask is a tick above."""
        book = self.book(market)
        self.quote(book, D(bid), D(bid) + book.info.tick_size)

    def bought_only(self, market: str = "gate-spot") -> int:
        """A deal of which the first leg filled and the second one was refused: 0.0008 BTC too much."""
        number, (bought, sold) = self.send(self.cross(market, "mexc-spot"))
        self.fill_all(bought)
        self.tell(sold, OrderStatus.REJECTED)
        return number

    def found(self, number: int = 0, amount: Any = "0.0008") -> dict[str, Candidate]:
        """By account."""
        deal = self.ledger.deals[number] if number else None
        return {one.account: one for one in self.candidates.find("BTC", "USDT", D(amount), deal)}


def rests_there(scene: Scene) -> None:
    """A quote of ours is what the hedge would meet."""
    scene.send(scene.plan(scene.leg("binance-spot", BUY, "50001", **REST), group="x"))


def rests_deeper(scene: Scene) -> None:
    """A quote of ours is not the best there, and within the hedge's limit."""
    scene.send(scene.plan(scene.leg("binance-spot", BUY, "49990", **REST), group="x"))


def last_price_is_far(scene: Scene) -> None:
    """Its last price is out of the band."""
    scene.book("binance-spot").price = D(52_000)


def is_being_left(scene: Scene) -> None:
    """Its breaker takes only what closes something there, and coins were never sold there."""
    scene.switches.health["binance-spot"] = (VenueHealth.FLAT, "ill")


REFUSING = (rests_there, rests_deeper, last_price_is_far)


@pytest.mark.parametrize("refusing", REFUSING)
def test_the_next_listing_is_chosen_when_a_gate_refuses_the_cheapest(refusing: Callable[[Scene], None]) -> None:
    scene = Scene()
    scene.best("binance-spot", 50_001)
    number = scene.bought_only()
    refusing(scene)
    scene.residuals.look(scene.now_ns)
    assert scene.asked[-1] == ("gate-spot", "")
    assert scene.asked.count(("binance-spot", "price_band")) + scene.asked.count(("binance-spot", "self_cross")) <= 1
    assert scene.ledger.deals[number].state is DealState.HEDGING
    sent = list(scene.asked)
    for _ in range(50):
        scene.now_ns += 20 * MS
        scene.refresh()
        scene.residuals.look(scene.now_ns)
    assert scene.asked == sent, "an order is out"


def test_a_listing_that_is_being_left_is_not_bought_at() -> None:
    scene = Scene()
    number, (bought, sold) = scene.send(scene.cross("gate-spot", "mexc-spot"))
    scene.fill_all(sold)
    scene.tell(bought, OrderStatus.REJECTED)
    is_being_left(scene)
    scene.best("binance-spot", 49_998)
    scene.residuals.look(scene.now_ns)
    [(account, refused)] = scene.asked
    assert account != "binance-spot"
    assert refused == ""
    assert "being left" in scene.found(number, "-0.0008")["binance-spot"].usable


def test_a_deal_that_every_gate_refuses_waits_and_halts_with_their_reasons() -> None:
    scene = Scene([one for one in LISTINGS if listing_key(one).startswith(SPOT)])
    number = scene.bought_only()
    for market in SPOT:
        scene.book(market).price = D(52_000)
    scene.residuals.look(scene.now_ns)
    assert sorted(scene.asked) == [(market, "price_band") for market in SPOT]
    assert scene.ledger.deals[number].state is DealState.HEDGING
    for _ in range(100):
        scene.now_ns += 20 * MS
        scene.refresh()
        scene.residuals.look(scene.now_ns)
    deal = scene.ledger.deals[number]
    assert deal.state is DealState.HALTED
    assert "price_band" in deal.reason
    assert scene.switches.halt
    assert len(scene.asked) < 40, "it is asked for less and less often"
    for market in SPOT:
        scene.book(market).price = D(50_000)
    scene.now_ns += 6_000 * MS
    scene.refresh()
    scene.residuals.look(scene.now_ns)
    assert scene.asked[-1][1] == ""
    moved = [one.state for one in scene.heard if isinstance(one, DealMoved)]
    assert moved == [DealState.HEDGING, DealState.HALTED, DealState.HEDGING]
    assert [one.value for one in scene.heard if isinstance(one, Switched)] == ["on"]


def test_what_earlier_deals_left_goes_to_the_next_listing_too() -> None:
    scene = Scene(unhedged_notional_max=D(10))
    number = scene.bought_only()
    scene.settle(number, "0.0008")
    scene.best("binance-spot", 50_001)
    last_price_is_far(scene)
    for _ in range(2 + NET_AFTER_MS // 100):
        scene.netting.look(scene.now_ns)
        scene.now_ns += 100 * MS
        scene.refresh()
    assert scene.asked == [("binance-spot", "price_band"), (scene.asked[-1][0], "")]


# ---------------------------------------------------------------------- what is known of a listing


def test_what_gates_know_of_a_listing_is_told() -> None:
    scene = Scene()
    number = scene.bought_only()
    assert {name: one.usable for name, one in scene.found(number).items()} == dict.fromkeys(SPOT, "")
    scene.standings["mexc-spot"] = replace(FINE, banned_ns=1_000 * MS)
    scene.book("gate-spot").doubted = "another asset"
    book = scene.book("binance-spot")
    scene.hub.lose(book.number, int(Reason.SEQUENCE), scene.now_ns)
    found = scene.found(number)
    assert "silence for 1.0 s" in found["mexc-spot"].usable
    assert "another asset" in found["gate-spot"].usable
    assert "did not follow" in found["binance-spot"].usable
    assert found["binance-usdm"].usable == found["gate-usdm"].usable == ""  # where no spot listing can be used


@pytest.mark.parametrize("standing", [{"stream_complete": False, "reason": "gone"}, {"order_room": 0.0}])
def test_an_account_that_tells_little_is_used_when_there_is_no_other(standing: dict[str, Any]) -> None:
    scene = Scene([one for one in LISTINGS if listing_key(one).startswith(SPOT)])
    number = scene.bought_only()
    scene.standings["mexc-spot"] = replace(FINE, **standing)
    assert set(scene.found(number)) == {"binance-spot", "gate-spot"}
    for market in SPOT:
        scene.standings[market] = replace(FINE, **standing)
    assert {name: one.usable for name, one in scene.found(number).items()} == dict.fromkeys(SPOT, "")


def test_room_is_what_is_free_there_at_the_worst_price() -> None:
    scene = Scene(hedge_cost_bps_max=100.0)
    number = scene.bought_only()
    assert scene.found(number)["gate-spot"].room == D("1.0008")
    scene.send(scene.plan(scene.leg("gate-spot", SELL, "60000", "0.5", **REST), group="x"))
    assert scene.found(number)["gate-spot"].room == D("0.5008")
    room = scene.found(number, "-0.0008")["mexc-spot"].room
    most = D(10_000) / (D("50000.1") * D("1.01") * D("1.001"))
    assert abs(room - most) < D("1e-12")
    lost = TransferTold(wall_ns=1, account="mexc-spot", asset="USDT", amount=D(-20_000), why="gone")
    scene.ledger.apply(lost)
    assert scene.found(number, "-0.0008")["mexc-spot"].room == Decimal(0)


# ---------------------------------------------------------------------- perpetuals


def held_by_another(scene: Scene, contracts: int = 8) -> int:
    """A deal that is long at gate-usdm against spot: 8 contracts are 0.0008 BTC."""
    legs = (scene.leg("gate-usdm", BUY, quantity=contracts), scene.leg("gate-spot", SELL))
    number, names = scene.send(scene.plan(*legs, holds=True, strategy="carry"))
    for name in names:
        scene.fill_all(name)
    scene.move(number, DealState.HOLDING)
    return number


def test_a_position_of_another_deal_is_not_closed_for_a_hedge() -> None:
    """It would look like the cheapest way out, and leave two deals that can never be closed."""
    scene = Scene()
    other = held_by_another(scene)
    scene.best("gate-usdm", 50_100)
    number = scene.bought_only("binance-spot")
    assert "gate-usdm" not in scene.found(number)
    scene.residuals.consider(number)
    assert scene.asked[-1][0].endswith("-spot")
    assert scene.ledger.deals[other].positions() == {"gate-usdm:BTCUSDT": D(8)}


def test_a_position_of_the_deals_own_is_closed_for_a_hedge_and_no_more_than_that() -> None:
    scene = Scene()
    held_by_another(scene, 30)
    number = held_by_another(scene)
    scene.best("gate-usdm", 50_100)
    [(name,)] = [scene.send(scene.hedge(number, scene.leg("gate-spot", BUY), Purpose.EXIT))[1]]
    scene.fill_all(name)
    assert scene.found(number)["gate-usdm"].closes == D("0.0008")
    scene.residuals.consider(number)
    assert scene.asked == [("gate-usdm", "")]
    [hedge] = [one for one in scene.ledger.deals[number].orders if one.intent.purpose is Purpose.HEDGE]
    assert (hedge.intent.quantity, hedge.intent.reduce_only) == (D(8), True)


def test_a_position_that_no_deal_holds_is_closed_for_what_earlier_deals_left() -> None:
    scene = Scene()
    held_by_another(scene, 30)
    assert "gate-usdm" not in scene.found()
    scene.hold("gate-usdm", 7)
    assert scene.found()["gate-usdm"].closes == D("0.0007")
