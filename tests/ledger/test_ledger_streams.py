"""The ledger equals a slow and obvious recount, after any stream of records, from any place on."""

from __future__ import annotations

import os
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from tests.ledger.making import apply_all
from tests.ledger.recount import Amounts, Recount
from tests.ledger.streams import KEYS, Stream

from oneprice.ledger.exact import total
from oneprice.ledger.ledger import DAY_NS, ODD, Ledger
from oneprice.ledger.pnl import pnl_view
from oneprice.ledger.records import Alarmed, AnyRecord

STREAMS = int(os.environ.get("ONEPRICE_LEDGER_STREAMS", "300"))
"""More of them: set it."""
GROUPS = 10
NEARLY = Fraction(1, 10**12)
MARKS = {"BTC": Decimal(97), "ETH": Decimal("4.7"), "BNB": Decimal(3), "1000PEPE": Decimal("0.09")}


@pytest.mark.parametrize("group", range(GROUPS))
def test_the_ledger_equals_the_recount(group: int) -> None:
    for seed in range(group, STREAMS, GROUPS):
        stream = Stream(seed)
        stream.go_on(stream.chance.randint(20, 160))
        try:
            equal(stream.ledger, Recount(stream.records))
            told_once_journaled(stream)
            same_from_anywhere(stream)
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise


def equal(ledger: Ledger, recount: Recount) -> None:
    for name, counted in recount.orders.items():
        order = ledger.order(name)
        assert order is not None
        what = (order.status, order.filled, order.booked, order.booked_quote, order.unbooked)
        assert what == (counted.status, counted.filled, counted.booked, counted.worth, counted.unbooked), name
        assert order.is_over == counted.is_over
        alarmed = sum(f"order {name} " in text for text in ledger.alarms)
        assert alarmed >= max(counted.late, counted.beyond), name
    assert all(ledger.has_fill(*key) for key in recount.seen)
    money(ledger, recount)
    deals(ledger, recount)


def money(ledger: Ledger, recount: Recount) -> None:
    held, costs = recount.totals()
    for account, asset in held:
        ours, paid = Fraction(ledger.total(account, asset)), held[account, asset] + costs[account, asset]
        assert abs(ours - paid) < NEARLY
        assert Fraction(ledger.reserved(account, asset)) == recount.reserved(account, asset)
        cost = sum(
            Fraction(one.cost) - Fraction(one.opened_cost)
            for key, one in ledger.positions.items()
            if (recount.listings[key].account, recount.listings[key].quote) == (account, asset)
        )
        assert ours - cost == held[account, asset], "realised and cost are what was paid, exactly"
    for key in KEYS:
        assert tuple(map(Fraction, ledger.open_worst(key))) == recount.open_worst(key)
        if key in ledger.positions:
            quantity, cost = recount.position(key)
            assert Fraction(ledger.position(key)) == quantity
            assert abs(Fraction(ledger.positions[key].cost) - cost) < NEARLY
    view = pnl_view(ledger, "USDT", MARKS.get)
    assert (
        total(view.by_venue.values()) == total(view.by_asset.values()) == total(view.by_strategy.values()) == view.total
    )


def deals(ledger: Ledger, recount: Recount) -> None:
    assert set(ledger.deals) == set(recount.opened) - set(recount.settled)
    for number, deal in ledger.deals.items():
        assert fractions(deal.exposure()) == recount.exposure(number)
        assert deal.is_quiet() == recount.is_quiet(number)
    assert fractions(ledger.carried) == {asset: amount for asset, amount in recount.carried.items() if amount}
    by_day: dict[int, Fraction] = {}
    for one in ledger.settled:
        assert Fraction(one.net) == recount.net[one.deal]
        by_day[one.settled_ns] = by_day.get(one.settled_ns, Fraction(0)) + recount.net[one.deal]
        split = ledger.split(one.deal)
        assert split is not None
        *parts, achieved = msgspec.structs.astuple(split)
        assert total(parts) == achieved
    for wall_ns, net in by_day.items():
        assert Fraction(ledger.realised_today(wall_ns + DAY_NS - 1 - wall_ns % DAY_NS)) == net
    for strategy, changed in recount.by_strategy().items():
        ours: Amounts = dict(fractions(ledger.tallies[strategy].left)) if strategy in ledger.tallies else {}
        for deal in ledger.deals.values():
            if deal.opened.strategy == strategy:
                for asset, amount in fractions(deal.sums()[0]).items():
                    ours[asset] = ours.get(asset, Fraction(0)) + amount
        assert {k: v for k, v in ours.items() if v} == {k: v for k, v in changed.items() if v}, strategy


def told_once_journaled(stream: Stream) -> None:
    """Whoever writes the journal writes down each alarm, and none is left."""
    while stream.ledger.untold:
        stream.write(Alarmed(1, ODD, stream.ledger.untold[0]))


def same_from_anywhere(stream: Stream) -> None:
    """A start folds what the journal has, then goes on."""
    cut = stream.chance.randint(0, len(stream.records))
    again = Ledger()
    apply_all(again, read_again(stream.records[:cut]))
    apply_all(again, stream.records[cut:])
    assert again.digest() == stream.ledger.digest()
    assert not again.untold


def read_again(records: list[AnyRecord]) -> list[AnyRecord]:
    return [DECODER.decode(ENCODER.encode(record)) for record in records]


ENCODER, DECODER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(AnyRecord)


def fractions(amounts: dict[str, Decimal]) -> Amounts:
    return {asset: Fraction(amount) for asset, amount in amounts.items() if amount}
