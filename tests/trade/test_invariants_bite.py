"""The checker notices what it is there for: after a story that was right, one thing at a time is made wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.canaries import SECRET_MARK
from tests.trade.invariants import check, what_is_broken
from tests.trade.stage import Stage, staged

from oneprice.ledger.records import FillTold, OrderIntended, OrderTold
from oneprice.sim.orders import OrderState

BUY, SELL = "gate-spot", "binance-spot"
Lie = Callable[[Stage, pytest.MonkeyPatch], "AbstractContextManager[None] | None"]
LIES: list[tuple[str, Lie]] = []


def lie(invariant: str) -> Callable[[Lie], Lie]:
    def keep(told: Lie) -> Lie:
        LIES.append((invariant, told))
        return told

    return keep


def edit(stage: Stage, patch: pytest.MonkeyPatch, change: Callable[[list], list]) -> None:  # type: ignore[type-arg]
    """The journal reads otherwise."""
    records = change(stage.journal())
    patch.setattr(stage, "journal", lambda: records)


@lie("I2")
def an_intent_is_missing(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    found = [one for one in stage.journal() if isinstance(one, OrderIntended)]
    kind = stage.of
    patch.setattr(stage, "of", lambda wanted: found[1:] if wanted is OrderIntended else kind(wanted))


@lie("I2")
def an_order_is_open_there_and_not_here(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stage.world.orders(BUY)[0], "state", OrderState.OPEN)


@lie("I3")
def a_fill_is_booked_twice(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    fills = stage.of(FillTold)
    patch.setattr(stage, "of", lambda wanted: [*fills, fills[0]] if wanted is FillTold else [])


@lie("I3")
def a_fill_is_lost(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    fills = stage.of(FillTold)
    patch.setattr(stage, "of", lambda wanted: fills[1:] if wanted is FillTold else [])


@lie("I3")
def a_fee_is_wrong(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    first, *rest = stage.of(FillTold)
    wrong = msgspec.structs.replace(first, fees=())
    patch.setattr(stage, "of", lambda wanted: [wrong, *rest] if wanted is FillTold else [])


@lie("I4")
def a_unit_is_missing(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    balance = stage.world.account(SELL).balance("spot", "USDT")
    patch.setattr(balance, "free", balance.free - Decimal("0.00000001"))


@lie("I6")
def an_end_was_guessed(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    order = stage.world.orders(SELL)[0]
    patch.setattr(order, "state", OrderState.CANCELED)


@lie("I7")
def an_order_was_too_large(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    risk = msgspec.structs.replace(stage.settings.risk, order_notional_max=Decimal(100))
    patch.setattr(stage, "settings", msgspec.structs.replace(stage.settings, risk=risk))


@lie("I9")
def a_level_differs(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    engine = stage.world.listing(BUY).engine
    levels = engine.levels
    patch.setattr(engine, "levels", lambda side, depth=None: levels(side, depth)[1:])


@lie("I10")
def a_leg_was_left_alone(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    """As if the second leg's fills had come much later."""

    def late(records: list) -> list:  # type: ignore[type-arg]
        second = next(one for one in records if isinstance(one, OrderIntended) and one.leg == 1).client_order_id
        of_second = [one for one in records if isinstance(one, FillTold | OrderTold) and one.client_order_id == second]
        others = [one for one in records if one not in of_second]
        end = next(number for number, one in enumerate(others) if type(one).__name__ == "DealSettled")
        moved = [msgspec.structs.replace(one, wall_ns=one.wall_ns + 5 * 10**9) for one in (*of_second, *others[end:])]
        return [*others[:end], *moved]

    edit(stage, patch, late)


@lie("I12")
def questions_pile_up(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stage.trader.tracker, "_asking", set(map(str, range(50))))


@lie("I14")
def the_last_word_is_missing(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    edit(stage, patch, lambda records: records[:-5])


@lie("I15")
@contextmanager
def a_key_is_in_a_file(stage: Stage, patch: pytest.MonkeyPatch) -> Iterator[None]:
    path = Path(stage.folder) / "note"
    path.write_text(SECRET_MARK)
    yield
    path.unlink()


@lie("I17")
def an_exchange_was_asked_too_often(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stage.world.witness, "refused", {429: 1, 418: 0})


async def test_it_bites(tmp_path: Path) -> None:
    async with staged(tmp_path, BUY, SELL) as stage:
        stage.world.spread(BUY, SELL)
        await stage.settled()
        await check(stage)
        for invariant, told in LIES:
            with pytest.MonkeyPatch.context() as patch:
                undo = told(stage, patch)
                if undo is None:
                    found = what_is_broken(stage)
                else:
                    with undo:
                        found = what_is_broken(stage)
            assert any(text.startswith(invariant) for text in found), f"{told.__name__}: {found}"
        assert not what_is_broken(stage)


async def test_it_bites_where_orders_leave(tmp_path: Path) -> None:
    """I8 and I11 are seen at the door."""
    async with staged(tmp_path, BUY, SELL) as stage:
        book = next(one for one in stage.market.books if one.market == SELL)
        stage.before(1, lambda: stage.market.hub.lose(book.number, 10, stage.trader.desk.clock.monotonic_ns()))
        stage.world.witness.killed = "so says the test"
        stage.world.spread(BUY, SELL)
        await stage.sent(2)
        assert {text.partition(" ")[0] for text in stage.world.witness.broken} == {"I8", "I11"}
        stage.world.witness.killed = ""
        await stage.settled()
