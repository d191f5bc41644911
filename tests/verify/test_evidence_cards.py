"""Cards that judge what was seen of a stream: the true evidence passes, and each spoiled one fails for its reason."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from tests.verify.simulated import simulated_bench

from oneprice.core.states import BookState, Reason
from oneprice.venues.kit import Channel
from oneprice.verify import Failed, Thresholds, all_cards
from oneprice.verify.ears import Heard
from oneprice.verify.watch import Moment, Watch

CARDS = {card.number: card for card in all_cards()}
JUDGES = (205, 206, 801, 802, 803, 804, 805, 806, 902)
Spoil = Callable[[Watch], None]


async def _seen() -> tuple[Watch, Any]:
    async with simulated_bench("binance-spot") as bench:
        return await bench.seen(), bench.market


@pytest.fixture(scope="module")
def truth() -> tuple[Watch, Any]:
    """A book watched for a few seconds, and its market."""
    return asyncio.run(_seen())


@pytest.fixture
def bench(truth: tuple[Watch, Any]) -> SimpleNamespace:
    """What these cards use of a bench, with evidence of its own."""
    watch = copy.copy(truth[0])
    watch.ears = copy.copy(watch.ears)
    watch.ears.heard, watch.ears.unread = copy.copy(watch.ears.heard), list(watch.ears.unread)
    watch.moments, watch.history = list(watch.moments), watch.history.copy()

    async def seen() -> Watch:
        return watch

    return SimpleNamespace(seen=seen, market=truth[1], thresholds=Thresholds(), watch=watch)


def change(watch: Watch, channel: Channel, **fields: Any) -> None:
    """The last message of a channel says something else."""
    heard = watch.ears.heard
    index = max(number for number, one in enumerate(heard) if one.channel is channel)
    heard[index] = heard[index]._replace(part=heard[index].part._replace(**fields))


def each(watch: Watch, edit: Callable[[Heard], Heard]) -> None:
    """All messages are other ones."""
    for number, one in enumerate(watch.ears.heard):
        watch.ears.heard[number] = edit(one)


def book(watch: Watch, bid: int, ask: int) -> None:
    """The last book has other best prices."""
    number = next(reversed(watch.history))
    bids, asks = watch.history[number]
    watch.history[number] = (
        (bids[0]._replace(price=Decimal(bid)), *bids[1:]),
        (asks[0]._replace(price=Decimal(ask)), *asks[1:]),
    )


def older(one: Heard) -> Heard:
    return one._replace(part=one.part._replace(event_ns=one.part.event_ns - 3 * 10**9 if one.part.event_ns else 0))


SPOILED: list[tuple[int, Spoil, str]] = [
    (205, lambda watch: watch.moments.append(Moment(1, BookState.GAP, Reason.SEQUENCE)), "GAP (SEQUENCE)"),
    (205, lambda watch: watch.ears.unread.append("not JSON"), "unreadable"),
    (206, lambda watch: each(watch, _other_quote), "quote"),
    (801, lambda watch: change(watch, Channel.DEPTH, last=1), "depth numbers fall"),
    (801, lambda watch: change(watch, Channel.QUOTE, id=1), "quote numbers fall"),
    (801, lambda watch: change(watch, Channel.DEPTH, event_ns=1), "times of depth fall"),
    (801, lambda watch: watch.ears.heard.append(_last_trade(watch)), "trades came twice"),
    (802, lambda watch: book(watch, 60_000, 66_000), "at most 952.38 bps"),
    (803, lambda watch: change(watch, Channel.TRADES, price="64000.001"), "off the tick"),
    (803, lambda watch: change(watch, Channel.QUOTE, bid=("64000.01", "0.0000015")), "off the lot"),
    (804, lambda watch: each(watch, older), "old at p50"),
    (805, lambda watch: book(watch, 64_000, 63_000), "crossed at"),
    (806, lambda watch: change(watch, Channel.TRADES, price="70000"), "bps outside"),
    (902, lambda watch: each(watch, older), "p50 300"),
]


def _other_quote(one: Heard) -> Heard:
    return one._replace(part=one.part._replace(bid=("1", "1"))) if one.channel is Channel.QUOTE else one


def _last_trade(watch: Watch) -> Heard:
    return next(one for one in reversed(watch.ears.heard) if one.channel is Channel.TRADES)


@pytest.mark.parametrize("number", JUDGES)
async def test_true_evidence_passes(bench: Any, number: int) -> None:
    assert await CARDS[number].run(bench)


@pytest.mark.parametrize(("number", "spoil", "words"), SPOILED)
async def test_spoiled_evidence_fails(bench: Any, number: int, spoil: Spoil, words: str) -> None:
    spoil(bench.watch)
    with pytest.raises(Failed) as told:
        await CARDS[number].run(bench)
    assert words in str(told.value)
