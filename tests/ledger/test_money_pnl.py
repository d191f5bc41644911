"""Profit and loss: one total, exact, however it is split."""

from __future__ import annotations

from decimal import Decimal

from tests.ledger.making import (
    BUY,
    NOW_NS,
    PERPETUAL,
    SELL,
    SPOT_A,
    SPOT_B,
    D,
    balance,
    fill,
    folded,
    intent,
    leg,
    opened,
    settled,
)

from oneprice.ledger.exact import total
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.pnl import PnlView, pnl_view
from oneprice.ledger.records import FundingPaid, PositionOpened, TransferTold

MARKS = {"BTC": D(110), "BNB": D(500)}


def view(ledger: Ledger) -> PnlView:
    found = pnl_view(ledger, "USDT", MARKS.get)
    for split in (found.by_venue, found.by_asset, found.by_strategy):
        assert total(split.values()) == found.total
    assert found.realised + found.unrealised == found.total
    for name, row in found.strategies.items():
        assert row.realised + row.unrealised == row.total == found.by_strategy[name]
    return found


def a_lot() -> Ledger:
    return folded(
        balance("alpha-spot", "USDT", "1000"),
        balance("alpha-spot", "BNB", "1"),
        balance("beta-spot", "BTC", "3"),
        balance("alpha-usdm", "USDT", "500"),
        PositionOpened(NOW_NS, PERPETUAL, D(1), D(100)),
        TransferTold(NOW_NS, "beta-spot", "BTC", D(2), "deposit"),
        opened(1, leg(SPOT_A, BUY, "1", "100"), leg(SPOT_B, SELL, "1", "102"), net="2"),
        intent("o1"),
        intent("o2", SPOT_B, SELL, price="102", leg=1),
        fill("f1", fees={"BNB": "0.0002"}),
        fill("f2", "o2", "1", "102", key=SPOT_B, side=SELL, fees={"USDT": "0.1"}),
        settled(1, {"BTC": "0"}, {"BTC": "101", "BNB": "400"}),
        opened(2, leg(PERPETUAL, SELL, "1", "104"), strategy="carry", holds=True),
        intent("o3", PERPETUAL, SELL, "2", "104", deal=2),
        fill("f3", "o3", "2", "104", key=PERPETUAL, side=SELL, fees={"USDT": "0.05"}),
        FundingPaid(NOW_NS, "alpha-usdm", PERPETUAL, "USDT", D("0.5"), 2),
        FundingPaid(NOW_NS, "alpha-usdm", PERPETUAL, "USDT", D("0.25"), 0),
        fill("x1", "", "1", "90", key=SPOT_B),
    )


def test_all_ways_to_split_it_sum_to_the_same() -> None:
    found = view(a_lot())
    assert found.by_strategy == {
        "cross": D("1.8"),  # 2, less 0.1 USDT and 0.0002 BNB at 500
        "carry": D("-11.55"),  # sold two at 104 that are worth 110 now, less 0.05, and 0.5 of funding
        "external": D("20.25"),  # bought at 90, and 0.25 of funding
    }
    assert found.total == D("10.5")
    assert found.external == D("20.25")
    assert found.fees == {"BNB": D("0.0002"), "USDT": D("0.15")}
    assert found.funding == D("0.75")
    assert found.unpriced == ()


def test_settled_deals_keep_the_marks_of_their_end() -> None:
    found = view(a_lot())
    assert found.settled == {"cross": D("1.82"), "carry": 0, "external": 0}
    cross = found.strategies["cross"]
    assert (cross.deals, cross.realised, cross.unrealised) == (1, D("1.82"), D("-0.02"))
    assert cross.fees == {"BNB": D("0.0002"), "USDT": D("0.1")}
    assert (found.deals[2].total, found.deals[2].funding) == (D("-11.55"), D("0.5"))
    assert list(found.deals) == [2]


def test_it_is_the_change_of_balances_and_of_what_positions_are_worth() -> None:
    ledger = a_lot()
    before = {
        ("alpha-spot", "USDT"): 1000,
        ("alpha-spot", "BNB"): 1,
        ("beta-spot", "BTC"): 5,
        ("alpha-usdm", "USDT"): 500,
    }
    changed = Decimal(0)
    for held in ledger.holdings():
        gained = held.total - before.get((held.account, held.asset), 0)
        changed += gained * (1 if held.asset == "USDT" else MARKS.get(held.asset, 0))
    position = ledger.positions[PERPETUAL]
    changed += (position.quantity - 1) * MARKS["BTC"] - (position.cost - 100)
    assert changed == view(ledger).total


def test_a_strategy_without_settled_deals_has_a_row() -> None:
    found = view(folded(opened(1, strategy="maker"), intent("o1"), fill("f1")))
    assert found.strategies["maker"].total == found.strategies["maker"].unrealised == 10


def test_an_asset_without_a_mark_counts_as_nothing_and_is_named() -> None:
    found = pnl_view(folded(fill("f1", "", fees={"XYZ": "3"})), "USDT", MARKS.get)
    assert found.unpriced == ("XYZ",)
    assert found.total == 10


def test_what_is_carried_has_a_worth() -> None:
    ledger = folded(opened(), intent("o1"), fill("f1"), settled(1, {"BTC": "1"}, {"BTC": "100"}))
    found = view(ledger)
    assert (found.carried_worth, found.strategies["cross"].unrealised) == (110, 10)
