"""Records as a run writes them."""

from __future__ import annotations

from decimal import Decimal

from oneprice.ledger.frames import HEAD
from oneprice.ledger.journal import SEGMENT_BYTES, Journal
from oneprice.ledger.records import (
    Alarmed,
    AnyRecord,
    DealOpened,
    FillTold,
    LegOpened,
    OrderIntended,
    OrderTold,
    RunEnded,
    RunStarted,
)
from oneprice.model import OrderStatus, OrderType, Side, TimeInForce
from oneprice.model.deals import Purpose
from oneprice.ports import Disk

FOLDER = "data/journal"
BUILD = "0.1.0-test"
WALL_NS = 1_732_390_000_000_000_000
LISTING = "binance-spot:BTCUSDT"


def started(run: int = 1) -> RunStarted:
    return RunStarted(WALL_NS, run, "simulated", BUILD, "c0ffee", "{}")


def ended() -> RunEnded:
    return RunEnded(WALL_NS, "asked to stop")


def noted(number: int, padding: int = 0) -> Alarmed:
    """A small record that says which one it is."""
    return Alarmed(WALL_NS + number, "note", f"{number}" + "." * padding)


def deal(number: int) -> list[AnyRecord]:
    """A deal of two legs as it is opened, sent and filled: seven records."""
    leg = LegOpened(
        LISTING, Side.BUY, Decimal("0.00125"), Decimal("61234.56"), Decimal("76.5432"), Decimal("0.0765432")
    )
    other = LegOpened("gate-spot:BTC_USDT", Side.SELL, leg.quantity, Decimal("61300.1"), Decimal("76.6251"), leg.fee)
    opened = DealOpened(
        wall_ns=WALL_NS + number,
        deal=number,
        strategy="cross",
        group="BTC/USDT",
        home="USDT",
        opportunity=number * 3,
        holds=False,
        nets=Decimal(0),
        expected_gross=Decimal("0.0819"),
        expected_fees=Decimal("0.0612"),
        expected_net=Decimal("0.0207"),
        legs=(leg, other),
    )
    told: list[AnyRecord] = [opened]
    for place, one in enumerate(opened.legs):
        told.append(
            OrderIntended(
                wall_ns=WALL_NS + number,
                client_order_id=f"op0001001{number:04d}{place}00",
                deal=number,
                leg=place,
                attempt=0,
                purpose=Purpose.ENTRY,
                listing=one.listing,
                side=one.side,
                type=OrderType.LIMIT,
                time_in_force=TimeInForce.IOC,
                price=one.price,
                quantity=one.quantity,
                reduce_only=False,
            )
        )
    for place, one in enumerate(opened.legs):
        name, venue_id = f"op0001001{number:04d}{place}00", f"{number}{place}77"
        paid = (("BTC", Decimal("0.00000125")),)
        told.append(
            FillTold(
                WALL_NS,
                one.listing,
                f"t{venue_id}",
                name,
                venue_id,
                one.side,
                one.price,
                one.quantity,
                paid,
                False,
                WALL_NS,
            )
        )
        told.append(OrderTold(WALL_NS, name, OrderStatus.FILLED, venue_id, one.quantity, one.value, ""))
    return told


def open_journal(disk: Disk, *, strict: bool = False, segment_bytes: int = SEGMENT_BYTES) -> Journal:
    return Journal.open(disk, FOLDER, build=BUILD, strict=strict, segment_bytes=segment_bytes)[0]


def write_run(disk: Disk, deals: int, *, segment_bytes: int = SEGMENT_BYTES, run: int = 1, ends: bool = True) -> int:
    """A whole run. Gives the number of its records."""
    journal = open_journal(disk, segment_bytes=segment_bytes)
    journal.append(started(run))
    for number in range(1, deals + 1):
        told = deal(number)
        journal.append(*told[:3])
        for record in told[3:]:
            journal.append(record)
    if ends:
        journal.append(ended())
    journal.close()
    return 1 + 7 * deals + ends


def frame_starts(data: bytes) -> list[int]:
    """Where each frame of a file begins, the header's first."""
    starts, at = [], 0
    while at < len(data):
        starts.append(at)
        at += HEAD.size + HEAD.unpack_from(data, at)[0]
    return starts
