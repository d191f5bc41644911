"""Orders go along legal edges, what is filled never gets less, and what is odd is counted and told."""

from __future__ import annotations

import pytest
from tests.ledger.making import (
    BUY,
    CROSSED,
    PERPETUAL,
    SELL,
    SPOT_A,
    SPOT_B,
    D,
    fill,
    folded,
    intent,
    opened,
    settled,
    told,
)

from oneprice.errors import InvariantError
from oneprice.ledger.ledger import ODD, Ledger
from oneprice.ledger.records import Alarmed, CancelIntended
from oneprice.model import ENDED, OrderStatus
from oneprice.model.deals import Purpose

S = OrderStatus
LEGAL = {
    S.PENDING_NEW: {
        S.NEW,
        S.PARTIALLY_FILLED,
        S.FILLED,
        S.PENDING_CANCEL,
        S.CANCELED,
        S.REJECTED,
        S.EXPIRED,
        S.UNKNOWN,
    },
    S.NEW: {S.PARTIALLY_FILLED, S.FILLED, S.PENDING_CANCEL, S.CANCELED, S.REJECTED, S.EXPIRED, S.UNKNOWN},
    S.PARTIALLY_FILLED: {S.FILLED, S.PENDING_CANCEL, S.CANCELED, S.REJECTED, S.EXPIRED, S.UNKNOWN},
    S.PENDING_CANCEL: {S.NEW, S.PARTIALLY_FILLED, S.FILLED, S.CANCELED, S.REJECTED, S.EXPIRED, S.UNKNOWN},
    S.UNKNOWN: {S.NEW, S.PARTIALLY_FILLED, S.FILLED, S.PENDING_CANCEL, S.CANCELED, S.REJECTED, S.EXPIRED},
    S.FILLED: set(),
    S.CANCELED: set(),
    S.REJECTED: set(),
    S.EXPIRED: set(),
}


def one_order(*records: object, **what: str) -> Ledger:
    return folded(opened(), intent("o1", **what), *records)  # type: ignore[arg-type]


@pytest.mark.parametrize("before", list(S))
@pytest.mark.parametrize("after", list(S))
def test_only_legal_edges_are_taken(before: S, after: S) -> None:
    ledger = one_order(*([] if before is S.PENDING_NEW else [told("o1", before)]))
    ledger.apply(told("o1", after))
    expected = after if after in LEGAL[before] else before
    assert ledger.orders["o1"].status is expected
    assert ledger.orders["o1"].is_over == (expected in ENDED)


def test_what_is_filled_never_gets_less() -> None:
    ledger = one_order(told("o1", S.PARTIALLY_FILLED, "0.6"), told("o1", S.PARTIALLY_FILLED, "0.4"))
    assert ledger.orders["o1"].filled == D("0.6")
    assert not ledger.alarms


def test_a_late_message_of_less_does_not_change_the_worth_told_with_more() -> None:
    ledger = one_order(
        told("o1", S.PARTIALLY_FILLED, "0.6", quote="60"), told("o1", S.PARTIALLY_FILLED, "0.4", quote="40")
    )
    assert ledger.orders["o1"].filled_quote == 60


def test_filled_is_the_larger_of_what_is_told_and_what_is_booked() -> None:
    ledger = one_order(fill("f1", quantity="0.5"), told("o1", S.PARTIALLY_FILLED, "0.3"))
    assert ledger.orders["o1"].filled == D("0.5")
    ledger.apply(told("o1", S.CANCELED, "0.7"))
    assert ledger.orders["o1"].filled == D("0.7")
    assert not ledger.orders["o1"].fills_complete
    ledger.apply(fill("f2", quantity="0.2"))
    assert ledger.orders["o1"].fills_complete
    assert not ledger.alarms, "a fill that the end had counted is none too many"


def test_a_fill_before_the_acknowledgement_is_evidence_of_the_order() -> None:
    ledger = one_order(fill("f1", quantity="0.5"))
    assert ledger.orders["o1"].status is S.PARTIALLY_FILLED
    ledger.apply(told("o1", S.NEW))
    assert ledger.orders["o1"].status is S.PARTIALLY_FILLED


def test_new_of_an_order_that_has_filled_is_partially_filled() -> None:
    ledger = one_order(fill("f1", quantity="0.5"), told("o1", S.UNKNOWN), told("o1", S.NEW))
    assert ledger.orders["o1"].status is S.PARTIALLY_FILLED


def test_fills_of_the_whole_quantity_end_an_order_without_another_word() -> None:
    ledger = one_order(told("o1", S.UNKNOWN), fill("f1", quantity="0.4"), fill("f2", quantity="0.6"))
    order = ledger.orders["o1"]
    assert (order.status, order.is_over, order.fills_complete) == (S.FILLED, True, True)


def test_filled_without_a_figure_means_all_of_it() -> None:
    ledger = one_order(told("o1", S.FILLED))
    assert ledger.orders["o1"].filled == 1
    assert not ledger.orders["o1"].fills_complete


def test_a_late_fill_after_the_end_is_booked_and_alarmed() -> None:
    ledger = one_order(told("o1", S.CANCELED), fill("f1", quantity="0.25"))
    order = ledger.orders["o1"]
    assert (order.status, order.booked, order.filled) == (S.CANCELED, D("0.25"), D("0.25"))
    assert ledger.total("alpha-spot", "BTC") == D("0.25")
    assert len(ledger.untold) == 1
    assert "late fill f1" in ledger.untold[0]


def test_more_told_after_the_end_is_taken_and_alarmed() -> None:
    ledger = one_order(told("o1", S.EXPIRED, "0.1"), told("o1", S.EXPIRED, "0.3"))
    assert ledger.orders["o1"].filled == D("0.3")
    assert "was over (EXPIRED) with 0.1 filled" in ledger.untold[0]


def test_a_fill_beyond_the_quantity_is_booked_and_alarmed() -> None:
    ledger = one_order(fill("f1", quantity="0.8"), fill("f2", quantity="0.8"))
    order = ledger.orders["o1"]
    assert (order.booked, order.filled, order.left, order.is_over) == (D("1.6"), D("1.6"), 0, True)
    assert ledger.total("alpha-spot", "BTC") == D("1.6")
    assert "beyond its quantity of 1" in ledger.untold[0]


def test_a_told_cumulative_beyond_the_quantity_is_cut_to_it_and_alarmed_once() -> None:
    ledger = one_order(told("o1", S.PARTIALLY_FILLED, "5"), fill("f1", quantity="1"))
    assert ledger.orders["o1"].filled == 1
    assert len(ledger.untold) == 1
    assert "beyond its quantity" in ledger.untold[0]


def test_an_order_that_has_filled_cannot_be_refused() -> None:
    ledger = one_order(fill("f1", quantity="0.5"), told("o1", S.REJECTED))
    assert ledger.orders["o1"].status is S.CANCELED
    assert ledger.untold


def test_our_own_conclusion_is_undone_by_the_venues_word() -> None:
    ledger = one_order(told("o1", S.REJECTED, venue_id="", not_sent=True))
    assert ledger.reserved("alpha-spot", "USDT") == 0
    ledger.apply(told("o1", S.NEW, venue_id="v7"))
    order = ledger.orders["o1"]
    assert (order.status, order.is_over, order.not_sent) == (S.NEW, False, False)
    assert ledger.reserved("alpha-spot", "USDT") == 100
    assert "was taken for refused" in ledger.untold[0]


def test_a_refusal_by_the_venue_itself_is_final() -> None:
    ledger = one_order(told("o1", S.REJECTED, venue_id="v1"), told("o1", S.NEW, venue_id="v1"))
    assert ledger.orders["o1"].status is S.REJECTED


def test_a_fill_of_an_order_taken_for_refused_makes_it_unknown_again() -> None:
    ledger = one_order(told("o1", S.REJECTED, venue_id=""), fill("f1", quantity="0.5"))
    order = ledger.orders["o1"]
    assert (order.status, order.is_over) == (S.UNKNOWN, False)
    assert ledger.reserved("alpha-spot", "USDT") == 50
    ledger.apply(fill("f2", quantity="0.5"))
    assert ledger.orders["o1"].status is S.FILLED


def test_a_whole_fill_of_an_order_taken_for_refused_ends_it_as_filled() -> None:
    ledger = one_order(told("o1", S.REJECTED, venue_id=""), fill("f1"))
    assert (ledger.orders["o1"].status, ledger.orders["o1"].is_over) == (S.FILLED, True)


def test_a_cancel_that_leaves_is_known_and_one_that_is_refused_too() -> None:
    ledger = one_order(told("o1", S.NEW), CancelIntended(1, "o1"))
    assert ledger.orders["o1"].status is S.PENDING_CANCEL
    ledger.apply(told("o1", S.NEW))
    assert ledger.orders["o1"].status is S.NEW


@pytest.mark.parametrize("status", [S.UNKNOWN, S.CANCELED])
def test_a_cancel_changes_nothing_of_what_is_unknown_or_over(status: S) -> None:
    ledger = one_order(told("o1", status), CancelIntended(1, "o1"))
    assert ledger.orders["o1"].status is status


def test_a_reason_is_kept_until_the_next_one() -> None:
    ledger = one_order(told("o1", S.UNKNOWN, reason="timed out"), told("o1", S.UNKNOWN))
    assert ledger.orders["o1"].reason == "timed out"
    ledger.apply(told("o1", S.CANCELED, reason="no match"))
    assert ledger.orders["o1"].reason == "no match"


# ---------------------------------------------------------------------- what is reserved


@pytest.mark.parametrize("status", [S.PENDING_NEW, S.NEW, S.PENDING_CANCEL, S.UNKNOWN])
def test_what_is_not_known_to_be_over_is_reserved_at_its_worst(status: S) -> None:
    ledger = one_order(told("o1", status, venue_id="")) if status is not S.PENDING_NEW else one_order()
    assert ledger.reserved("alpha-spot", "USDT") == 100
    assert ledger.reserved("alpha-spot", "BTC") == 0
    assert ledger.reserved("beta-spot", "USDT") == 0
    assert ledger.open_worst(SPOT_A) == (1, 0)


def test_a_sale_reserves_its_base() -> None:
    ledger = one_order(side=SELL, quantity="0.3")
    assert ledger.reserved("alpha-spot", "BTC") == D("0.3")
    assert ledger.open_worst(SPOT_A) == (0, D("0.3"))


def test_unknown_keeps_its_reservation_until_the_end_is_told() -> None:
    ledger = one_order(told("o1", S.UNKNOWN), fill("f1", quantity="0.4"), told("o1", S.UNKNOWN))
    assert ledger.reserved("alpha-spot", "USDT") == 60
    ledger.apply(told("o1", S.CANCELED, "0.4"))
    assert ledger.reserved("alpha-spot", "USDT") == 0


def test_what_is_filled_and_not_booked_stays_reserved() -> None:
    ledger = one_order(told("o1", S.CANCELED, "0.4"))
    assert ledger.reserved("alpha-spot", "USDT") == 40
    assert ledger.open_worst(SPOT_A) == (D("0.4"), 0)
    assert [order.intent.client_order_id for order in ledger.awaited()] == ["o1"]
    ledger.apply(fill("f1", quantity="0.4"))
    assert ledger.reserved("alpha-spot", "USDT") == 0
    assert not ledger.awaited()


def test_perpetual_orders_reserve_no_balance_and_count_in_contracts() -> None:
    ledger = one_order(key=PERPETUAL, side=SELL)
    assert ledger.reserved("alpha-usdm", "USDT") == 0
    assert ledger.open_worst(PERPETUAL) == (0, 1)


def test_orders_of_one_listing_do_not_reserve_in_another() -> None:
    ledger = one_order(key=CROSSED, price="0.05")
    assert ledger.reserved("alpha-spot", "BTC") == D("0.05")
    assert ledger.open_worst(SPOT_B) == (0, 0)


# ---------------------------------------------------------------------- alarms and the journal


def test_an_alarm_waits_until_the_journal_has_it() -> None:
    late = [opened(), intent("o1"), told("o1", S.CANCELED), fill("f1", quantity="0.25")]
    ledger = folded(*late)
    text = ledger.untold[0]
    ledger.apply(Alarmed(1, ODD, text))
    assert not ledger.untold
    assert list(ledger.alarms) == [f"ledger: {text}"]


def test_after_a_crash_the_same_alarm_waits_again_unless_it_was_written() -> None:
    late = [opened(), intent("o1"), told("o1", S.CANCELED), fill("f1", quantity="0.25")]
    text = folded(*late).untold[0]
    assert list(folded(*late).untold) == [text]
    assert not folded(*late, Alarmed(1, ODD, text)).untold


def test_alarms_of_others_are_kept_for_people() -> None:
    ledger = folded(Alarmed(1, "audit", "something"))
    assert list(ledger.alarms) == ["audit: something"]


# ---------------------------------------------------------------------- what cannot be


def test_what_a_venue_may_send_is_never_an_error() -> None:
    ledger = folded(
        told("nobody", S.NEW),
        fill("f1", "nobody"),
        fill("f2", "", key="gamma-spot:XUSDT"),
        fill("f3", "", quantity="0"),
    )
    assert len(ledger.untold) == 4
    assert ledger.has_fill("gamma-spot:XUSDT", "f2")
    assert ledger.total("alpha-spot", "BTC") == 1, "the fill moved the balance, whoever it is of"


@pytest.mark.parametrize(("side", "key"), [(SELL, SPOT_A), (BUY, SPOT_B)])
def test_a_fill_that_does_not_fit_its_order_is_counted_apart(side: object, key: str) -> None:
    ledger = one_order(fill("f1", side=side, key=key))  # type: ignore[arg-type]
    assert ledger.orders["o1"].booked == 0
    assert "does not fit" in ledger.untold[0]
    assert ledger.tallies["external"].left


@pytest.mark.parametrize(
    ("record", "word"),
    [
        (intent("o2", deal=9), "deal 9 is not open"),
        (intent("o2", key="gamma-spot:XUSDT"), "no record told its figures"),
        (intent("o1"), "a second time"),
        (CancelIntended(1, "nobody"), "never intended"),
        (settled(9), "deal 9 is not open"),
        (settled(1), "open or lacks fills"),
        (opened(1), "the next is 2"),
    ],
)
def test_what_we_ourselves_cannot_have_written_is_an_error(record: object, word: str) -> None:
    ledger = one_order()
    with pytest.raises(InvariantError, match=word):
        ledger.apply(record)  # type: ignore[arg-type]


def test_a_deal_is_not_settled_while_fills_are_missing() -> None:
    ledger = one_order(told("o1", S.CANCELED, "0.5"))
    assert not ledger.deals[1].is_quiet()
    with pytest.raises(InvariantError, match="lacks fills"):
        ledger.apply(settled())
    assert ledger.deals[1].orders[0].intent.purpose is Purpose.ENTRY
