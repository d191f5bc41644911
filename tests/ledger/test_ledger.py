"""The fold: deals from their opening to what is remembered of them, and the same state after the same records."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.ledger.making import (
    BUY,
    CROSSED,
    ETHER,
    NOW_NS,
    PERPETUAL,
    SELL,
    SPOT_A,
    SPOT_B,
    D,
    apply_all,
    balance,
    fill,
    folded,
    intent,
    leg,
    listing,
    opened,
    settled,
    told,
)

from oneprice.ledger import fills, ledger
from oneprice.ledger.digest import fingerprint
from oneprice.ledger.ledger import DAY_NS, Ledger
from oneprice.ledger.records import (
    AnyRecord,
    BalanceChecked,
    DealMoved,
    FundingPaid,
    PositionOpened,
    RunEnded,
    RunStarted,
    Switched,
)
from oneprice.model import OrderStatus
from oneprice.model.deals import DealOutcome, DealState, Purpose

ROOT = Path(__file__).resolve().parents[2]


def a_whole_deal(deal: int, *, price: str = "101", wall_ns: int = NOW_NS, strategy: str = "cross") -> list[AnyRecord]:
    buy, sell = f"b{deal}", f"s{deal}"
    return [
        opened(
            deal, leg(SPOT_A, BUY, "1", "100"), leg(SPOT_B, SELL, "1", price), gross="1", net="1", strategy=strategy
        ),
        intent(buy, deal=deal),
        intent(sell, SPOT_B, SELL, price=price, deal=deal, leg=1),
        told(buy, OrderStatus.FILLED, "1", venue_id=buy, quote="100"),
        fill(f"fill-{buy}", buy, fees={"BTC": "0.001"}),
        fill(f"fill-{sell}", sell, "1", price, key=SPOT_B, side=SELL, fees={"USDT": "0.1"}),
        told(sell, OrderStatus.FILLED, "1", venue_id=sell, quote=price),
        settled(deal, {"BTC": "-0.001"}, {"BTC": "100"}, wall_ns),
    ]


# ---------------------------------------------------------------------- deals


def test_a_deal_is_followed_and_then_remembered() -> None:
    records = a_whole_deal(1)
    known = folded(*records[:-1])
    assert (known.next_deal, list(known.deals), list(known.orders)) == (2, [1], ["b1", "s1"])
    assert known.deals[1].is_quiet()
    known.apply(records[-1])
    assert not known.deals
    assert not known.orders
    last = known.settled[-1]
    assert (last.deal, last.strategy, last.home, last.outcome) == (1, "cross", "USDT", DealOutcome.CAPTURED)
    assert (last.net, last.expected_net, known.deals_settled) == (D("0.8"), 1, 1)
    assert known.carried == {"BTC": D("-0.001")}
    late = known.order("b1")
    assert late is not None
    assert late.booked == 1


def test_a_deals_state_is_as_it_was_moved() -> None:
    known = folded(opened(), DealMoved(NOW_NS, 1, DealState.HALTED, "no book"))
    assert (known.deals[1].state, known.deals[1].reason) == (DealState.HALTED, "no book")


def test_exposure_counts_what_is_told_before_it_is_booked() -> None:
    known = folded(opened(), intent("o1"))
    assert known.deals[1].exposure() == known.deals[1].residual() == {}
    known.apply(told("o1", OrderStatus.CANCELED, "0.4"))
    assert known.deals[1].exposure() == {"BTC": D("0.4")}
    known.apply(fill("f1", quantity="0.4", fees={"BTC": "0.0004"}))
    assert known.deals[1].exposure() == {"BTC": D("0.3996")}


def test_exposure_counts_fees_only_in_what_the_deal_trades() -> None:
    bnb = folded(opened(), intent("o1"), fill("f1", fees={"BNB": "0.01"}))
    assert bnb.deals[1].exposure() == {"BTC": 1}
    assert bnb.deals[1].flows()["alpha-spot", "BNB"] == D("-0.01")
    home = folded(opened(), intent("o1"), fill("f1", fees={"USDT": "0.01"}))
    assert home.deals[1].exposure() == {"BTC": 1}


def test_a_quote_asset_other_than_home_is_exposure_as_booked_as_told_or_at_the_limit() -> None:
    known = folded(opened(group="USDT"), intent("o1", CROSSED, quantity="2", price="0.05"))
    known.apply(told("o1", OrderStatus.CANCELED, "2"))
    assert known.deals[1].exposure() == {"ETH": 2, "BTC": D("-0.1")}
    known.apply(told("o1", OrderStatus.CANCELED, "2", quote="0.0998"))
    assert known.deals[1].exposure() == {"ETH": 2, "BTC": D("-0.0998")}
    known.apply(fill("f1", quantity="2", price="0.0498", key=CROSSED))
    assert known.deals[1].exposure() == {"ETH": 2, "BTC": D("-0.0996")}
    half = folded(opened(group="USDT"), intent("o1", CROSSED, quantity="2", price="0.05"))
    apply_all(half, [fill("f1", quantity="1.5", price="0.04", key=CROSSED), told("o1", OrderStatus.CANCELED, "2")])
    assert half.deals[1].exposure() == {"ETH": 2, "BTC": D("-0.085")}


def test_a_perpetual_is_exposure_and_a_position_but_no_flow_of_coins() -> None:
    key = "beta-usdm:BTCUSDT"
    known = folded(listing(key, contract_size="0.001"), opened(), intent("o1", key, SELL, "5", "60000"))
    known.apply(fill("f1", quantity="5", price="60000", key=key, side=SELL, fees={"USDT": "0.15"}))
    deal = known.deals[1]
    assert deal.exposure() == {"BTC": D("-0.005")}
    assert deal.positions() == {key: -5}
    assert deal.flows() == {("beta-usdm", "USDT"): D("299.85")}
    assert known.position(key) == -5


def test_what_a_deal_leaves_on_purpose_is_no_residual() -> None:
    known = folded(opened(1, nets="-0.1"), intent("o1", side=SELL, quantity="0.1"))
    assert known.deals[1].residual() == {}, "nothing is filled yet"
    known.apply(fill("f1", quantity="0.1", side=SELL))
    deal = known.deals[1]
    assert (deal.nets, deal.exposure(), deal.residual()) == (D("-0.1"), {"BTC": D("-0.1")}, {})


def test_what_deals_carry_is_netted_by_later_ones() -> None:
    known = folded(*a_whole_deal(1), *a_whole_deal(2))
    assert known.carried == {"BTC": D("-0.002")}
    known = folded(
        opened(3, strategy="net", nets="0.002"),
        intent("n", quantity="0.002", deal=3, leg=-1, purpose=Purpose.HEDGE),
        fill("fn", "n", "0.002"),
        settled(3, {"BTC": "0.002"}, {"BTC": "100"}),
        into=known,
    )
    assert known.carried == {"BTC": 0}


def test_what_deals_of_today_brought() -> None:
    tomorrow = NOW_NS + DAY_NS
    known = folded(*a_whole_deal(1), *a_whole_deal(2, price="90"), *a_whole_deal(3, price="103", wall_ns=tomorrow))
    assert known.realised_today(NOW_NS) == D("0.8") + D("-10.2")
    assert known.realised_today(tomorrow) == D("2.8")
    assert known.realised_today(NOW_NS - DAY_NS) == 0


# ---------------------------------------------------------------------- what comes after the end


def test_a_late_fill_of_a_settled_deal_is_booked_carried_and_alarmed() -> None:
    known = folded(
        opened(), intent("o1"), told("o1", OrderStatus.CANCELED), settled(), balance("alpha-spot", "USDT", "500")
    )
    known.apply(fill("f1", quantity="0.5", fees={"BTC": "0.0005"}))
    assert known.total("alpha-spot", "USDT") == 450
    assert known.carried == {"BTC": D("0.4995")}
    assert known.tallies["cross"].left == {"USDT": -50, "BTC": D("0.4995")}
    assert not known.tallies["external"].left
    assert "its deal 1 is settled" in known.untold[0]
    known.apply(fill("f1", quantity="0.5", fees={"BTC": "0.0005"}))
    assert known.carried == {"BTC": D("0.4995")}


def test_a_late_fill_of_a_cycle_carries_both_assets() -> None:
    known = folded(opened(), intent("o1", CROSSED), told("o1", OrderStatus.CANCELED), settled())
    known.apply(fill("f1", quantity="2", price="0.05", key=CROSSED))
    assert known.carried == {"ETH": 2, "BTC": D("-0.1")}


def test_an_order_of_a_settled_deal_that_turns_out_to_live_is_reserved_and_alarmed() -> None:
    refused = told("o1", OrderStatus.REJECTED, venue_id="", not_sent=True)
    known = folded(opened(), intent("o1"), refused, settled(), told("o1", OrderStatus.NEW, venue_id="v1"))
    assert known.reserved("alpha-spot", "USDT") == 100
    assert "its deal 1 is settled" in known.untold[0]
    known.apply(told("o1", OrderStatus.CANCELED, venue_id="v1"))
    assert not known.awaited()
    known.apply(told("o1", OrderStatus.CANCELED, venue_id="v1"))
    assert len(known.untold) == 1


def test_fills_of_other_hands_are_of_nobody() -> None:
    known = folded(fill("x1", "", "2", "50", side=SELL, fees={"USDT": "0.1"}))
    assert known.tallies["external"].left == {"USDT": D("99.9"), "BTC": -2}
    assert known.tallies["external"].fees == {"USDT": D("0.1")}
    assert not known.carried
    assert not known.untold


def test_funding_belongs_to_its_deal_even_late_and_else_to_nobody() -> None:
    paid = [FundingPaid(NOW_NS, "alpha-usdm", PERPETUAL, "USDT", D(amount), deal) for amount, deal in ((1, 1), (2, 0))]
    known = folded(opened(strategy="carry"), *paid)
    assert known.deals[1].funding == {("alpha-usdm", "USDT"): D(1)}
    apply_all(known, [settled(), paid[0]])
    assert known.tallies["carry"].funding == {"USDT": D(2)}
    assert known.tallies["external"].funding == {"USDT": D(2)}
    assert known.settled[-1].net == 1


# ---------------------------------------------------------------------- runs, switches, watermarks


def test_runs_switches_and_how_the_last_one_ended() -> None:
    assert not folded().ended_well
    known = folded(RunStarted(NOW_NS, 3, "paper", "b", "h", "{}"), Switched(NOW_NS, "armed", "on", "ready"))
    assert (known.run, known.mode, known.ended_well) == (3, "paper", False)
    assert known.switches == {"armed": ("on", "ready")}
    known.apply(RunEnded(NOW_NS, "asked"))
    assert known.ended_well
    known.apply(BalanceChecked(NOW_NS, "alpha-spot", "USDT", D(1), D(1), ""))
    assert known.applied == 9


def test_watermarks_are_the_first_intent_and_then_the_last_fill() -> None:
    known = folded(opened(), intent("o1"))
    assert known.watermarks() == {SPOT_A: NOW_NS}
    apply_all(known, [fill("f2", venue_ns=NOW_NS + 9), fill("f1", quantity="0.1", venue_ns=NOW_NS + 3)])
    assert known.watermarks() == {SPOT_A: NOW_NS + 9}


# ---------------------------------------------------------------------- bounds


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fills, "FILLS_KEPT", 10)
    monkeypatch.setattr(ledger, "PAST_KEPT", 5)
    monkeypatch.setattr(ledger, "DAYS_KEPT", 3)


@pytest.mark.usefixtures("small")
def test_what_is_remembered_of_settled_deals_is_bounded() -> None:
    known = folded()
    for deal in range(1, 101):
        apply_all(known, a_whole_deal(deal, wall_ns=NOW_NS + deal * DAY_NS))
        assert known.order(f"b{max(1, deal - 4)}") is not None, "so many at least"
    assert len(known.fills) <= 20
    assert known.has_fill(SPOT_A, "fill-b100")
    assert known.order("b100") is not None
    assert known.order("b96") is not None
    assert known.order("b90") is None
    assert known.split(89) is None
    assert known.deals_settled == 100
    assert known.realised_today(NOW_NS + DAY_NS) == 0
    assert known.realised_today(NOW_NS + 98 * DAY_NS) == D("0.8")
    known.apply(told("b1", OrderStatus.CANCELED))
    assert "is not known here" in known.untold[-1]


@pytest.mark.usefixtures("small")
def test_fills_of_a_deal_that_is_not_settled_are_never_forgotten() -> None:
    known = folded(opened(1), intent("o1", quantity="9"), fill("kept", quantity="1"))
    for deal in range(2, 60):
        apply_all(known, a_whole_deal(deal))
        assert known.has_fill(SPOT_A, "kept")
    known.apply(fill("kept", quantity="1"))
    assert known.orders["o1"].booked == 1


@pytest.mark.usefixtures("small")
def test_an_order_that_lives_on_after_its_deal_is_reserved_until_it_is_forgotten() -> None:
    known = folded(opened(1), intent("o1"), told("o1", OrderStatus.REJECTED, venue_id=""), settled(1))
    known.apply(told("o1", OrderStatus.NEW))
    assert known.reserved("alpha-spot", "USDT") == 100
    for deal in range(2, 13):
        apply_all(known, a_whole_deal(deal))
    assert known.reserved("alpha-spot", "USDT") == 0


# ---------------------------------------------------------------------- the same state after the same records


def everything() -> list[AnyRecord]:
    return [
        RunStarted(NOW_NS, 1, "live", "b", "h", "{}"),
        *(listing(key) for key in (SPOT_A, SPOT_B, PERPETUAL, CROSSED, ETHER)),
        balance("alpha-spot", "USDT", "1000"),
        balance("beta-spot", "BTC", "10"),
        balance("alpha-usdm", "USDT", "70"),
        PositionOpened(NOW_NS, PERPETUAL, D(-1), D(99)),
        *a_whole_deal(1),
        opened(2, leg(PERPETUAL, BUY, "3", "100"), strategy="carry", holds=True),
        intent("p1", PERPETUAL, quantity="3", deal=2),
        fill("fp", "p1", "2", "100", key=PERPETUAL, fees={"USDT": "0.1", "BNB": "0.001"}),
        FundingPaid(NOW_NS, "alpha-usdm", PERPETUAL, "USDT", D("0.5"), 2),
        told("p1", OrderStatus.UNKNOWN, "2"),
        fill("x1", "", side=SELL),
        Switched(NOW_NS, "venue:alpha", "reduce_only", "errors"),
    ]


def folded_anew() -> Ledger:
    known = Ledger()
    apply_all(known, everything())
    return known


def test_the_digest_is_of_all_records() -> None:
    words = set()
    records = everything()
    for count in range(len(records) + 1):
        known = Ledger()
        apply_all(known, records[:count])
        words.add(known.digest())
        apply_all(known, records[count:])
        whole = known.digest()
    assert len(words) == len(records) + 1
    assert whole in words


def test_the_digest_is_the_same_in_any_process() -> None:
    code = "from tests.ledger.test_ledger import folded_anew; print(folded_anew().digest())"
    words = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert words == {folded_anew().digest()}


def test_the_digest_is_the_same_after_the_journals_bytes() -> None:
    encode, decoder = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(AnyRecord)
    again = Ledger()
    apply_all(again, [decoder.decode(encode(record)) for record in everything()])
    assert folded_anew().digest() == again.digest()


def test_what_has_no_order_of_its_own_has_no_fingerprint() -> None:
    assert fingerprint(Decimal("1.0")) != fingerprint(Decimal(1))
    with pytest.raises(NotImplementedError, match="complex"):
        fingerprint(1j)
