"""What does it cost to write an intent into the journal before its order leaves, and to read a journal back?

A real file on this machine's disk, the sync thread behind as in a run (every 5 ms), each append timed by itself.

- intent: one OrderIntended. deal: DealOpened and two OrderIntended, one write. told: one OrderTold.
- write alone: the same bytes, made before, by os.write into a file of its own: the floor.
- paced: each after a sleep of 2 ms, as in a run: caches are cold, and the sync thread has just been at work.
- strict: append returns when the disk has it.
- read: a journal of 100,000 records (deals with their orders, fills and ends), all checked and decoded, in CPU time of
  the thread; decoding alone is its floor.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec

from oneprice.ledger.frames import Place, frame
from oneprice.ledger.journal import Journal, read
from oneprice.ledger.records import AnyRecord, DealOpened, FillTold, LegOpened, OrderIntended, OrderTold, RunStarted
from oneprice.live.disk import LiveDisk
from oneprice.model import OrderStatus, OrderType, Side, TimeInForce
from oneprice.model.deals import Purpose
from report import arguments, machine, say_conditions, table, verdict, write

APPEND_US_MAX, READ_S_MAX = 5.0, 0.3
WALL_NS = 1_732_390_000_000_000_000
WARM_UP = 500
Append = Callable[[int], object]


def main() -> int:
    """Run, print, perhaps write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--appends", type=int, default=5_000, help="of each kind in each round")
    parser.add_argument("--records", type=int, default=100_000, help="to be read back")
    parser.add_argument("--folder", type=Path, help="on the disk that is meant; a temporary one when not given")
    options = parser.parse_args()
    conditions = machine("msgspec")
    say_conditions(conditions)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        results = race(Path(folder), options.rounds, options.appends)
        reading = read_back(str(Path(folder) / "long"), options.records, options.rounds)
    rows = [
        (name, f"{one['p50_us']:.2f}", f"{one['p99_us']:.1f}", f"{one['p50_us_best']:.2f}")
        for name, one in results.items()
    ]
    table(("append", "p50 us", "p99 us", "p50 of the best round"), rows)
    print(
        f"reading {reading['records']:,} records, {reading['bytes'] / 1e6:.1f} MB: {reading['seconds_best']:.3f} s "
        f"best, {reading['seconds']:.3f} s median ({reading['seconds_best'] / reading['records'] * 1e6:.2f} us each); "
        f"decoding alone {reading['decode_seconds_best']:.3f} s"
    )
    p50 = results["intent"]["p50_us_best"]
    verdicts = [
        verdict(f"an intent: p50 of the best round at most {APPEND_US_MAX:g} us ({p50:.2f})", p50 <= APPEND_US_MAX),
        verdict(
            f"100,000 records read in at most {READ_S_MAX:g} s ({reading['seconds_best']:.3f})",
            reading["seconds_best"] / reading["records"] * 100_000 <= READ_S_MAX,
        ),
    ]
    write(options.json, {"conditions": conditions, "append": results, "read": reading, "verdicts": verdicts})
    return 0


# ---------------------------------------------------------------------- appending


def race(folder: Path, rounds: int, appends: int) -> dict[str, dict[str, float]]:
    """Kinds take turns; the median and the best of the rounds."""
    disk = LiveDisk()
    journal, _ = Journal.open(disk, str(folder / "appended"), build="bench")
    strict, _ = Journal.open(disk, str(folder / "strict"), build="bench", strict=True)
    intent = deal(1)[1]
    data = frame(msgspec.msgpack.encode(intent), Place(0, 0, 0))[0]
    floor = os.open(folder / "floor", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    opened = [deal(number)[:3] for number in range(64)]
    told = [deal(number)[4] for number in range(64)]
    kinds: dict[str, tuple[Append, int, float]] = {
        "write alone": (lambda turn: os.write(floor, data), appends, 0.0),
        "intent": (lambda turn: journal.append(opened[turn % 64][1]), appends, 0.0),
        "deal": (lambda turn: journal.append(*opened[turn % 64]), appends, 0.0),
        "told": (lambda turn: journal.append(told[turn % 64]), appends, 0.0),
        "write alone, paced": (lambda turn: os.write(floor, data), min(appends, 300), 0.002),
        "intent, paced": (lambda turn: journal.append(opened[turn % 64][1]), min(appends, 300), 0.002),
        "strict": (lambda turn: strict.append(opened[turn % 64][1]), min(appends, 200), 0.0),
    }
    for append, _, pause_s in kinds.values():
        for turn in range(20 if pause_s else WARM_UP):
            append(turn)
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, (append, count, pause_s) in kinds.items():
            rows[name].append(measure(append, count, pause_s))
    journal.close()
    strict.close()
    os.close(floor)
    return {name: summary(of) for name, of in rows.items()}


def measure(append: Append, count: int, pause_s: float) -> tuple[float, float]:
    """p50 and p99 of one append, in microseconds."""
    took: list[int] = []
    for turn in range(count):
        if pause_s:
            time.sleep(pause_s)
        began = time.perf_counter_ns()
        append(turn)
        took.append(time.perf_counter_ns() - began)
    took.sort()
    return took[len(took) // 2] / 1e3, took[len(took) * 99 // 100] / 1e3


def summary(rows: list[tuple[float, float]]) -> dict[str, float]:
    """Of all rounds."""
    p50, p99 = zip(*rows, strict=True)
    return {
        "p50_us": round(statistics.median(p50), 2),
        "p99_us": round(statistics.median(p99), 2),
        "p50_us_best": round(min(p50), 2),
        "p99_us_best": round(min(p99), 2),
    }


# ---------------------------------------------------------------------- reading


def read_back(folder: str, count: int, rounds: int) -> dict[str, float]:
    """The best and the median of the rounds."""
    disk = LiveDisk()
    journal, _ = Journal.open(disk, folder, build="bench")
    journal.append(RunStarted(WALL_NS, 1, "simulated", "bench", "", "{}"))
    left, number = count - 1, 0
    while left > 0:
        number += 1
        records = deal(number)[:left]
        journal.append(*records)
        left -= len(records)
    journal.close()
    size = sum(len(disk.read(f"{folder}/{name}")) for name in disk.names(folder) if name.endswith(".journal"))
    took, decoding = list[float](), list[float]()
    decode = msgspec.msgpack.Decoder(AnyRecord).decode
    bodies = [msgspec.msgpack.encode(record) for record in read(disk, folder).records]
    for _ in range(rounds):
        began = time.thread_time()
        found = read(disk, folder)
        took.append(time.thread_time() - began)
        if len(found.records) != count:
            raise SystemExit(f"error: {len(found.records)} of {count} records came back")
        began = time.thread_time()
        decoded = [decode(body) for body in bodies]
        decoding.append(time.thread_time() - began)
        if decoded != found.records:
            raise SystemExit("error: other records came back")
    return {
        "records": count,
        "bytes": size,
        "seconds": round(statistics.median(took), 4),
        "seconds_best": round(min(took), 4),
        "decode_seconds_best": round(min(decoding), 4),
    }


def deal(number: int) -> list[AnyRecord]:
    """Two legs: opened, intended, filled, told."""
    quantity, price = Decimal("0.00125"), Decimal("61234.56")
    legs = tuple(
        LegOpened(listing, side, quantity, price, Decimal("76.5432"), Decimal("0.0765432"))
        for listing, side in (("binance-spot:BTCUSDT", Side.BUY), ("gate-spot:BTC_USDT", Side.SELL))
    )
    opened = DealOpened(
        wall_ns=WALL_NS + number,
        deal=number,
        strategy="cross",
        group="BTC/USDT",
        home="USDT",
        opportunity=number,
        holds=False,
        nets=Decimal(0),
        expected_gross=Decimal("0.1234567"),
        expected_fees=Decimal("0.1"),
        expected_net=Decimal("0.0234567"),
        legs=legs,
    )
    intended, told = list[AnyRecord](), list[AnyRecord]()
    for place, leg in enumerate(legs):
        name, venue_id = f"op0001001{number:05d}{place}00", f"{number}{place}778899"
        intended.append(
            OrderIntended(
                wall_ns=WALL_NS,
                client_order_id=name,
                deal=number,
                leg=place,
                attempt=0,
                purpose=Purpose.ENTRY,
                listing=leg.listing,
                side=leg.side,
                type=OrderType.LIMIT,
                time_in_force=TimeInForce.IOC,
                price=price,
                quantity=quantity,
                reduce_only=False,
            )
        )
        fees = (("BTC", Decimal("0.00000125")),)
        told += (
            FillTold(
                WALL_NS, leg.listing, f"t{venue_id}", name, venue_id, leg.side, price, quantity, fees, False, WALL_NS
            ),
            OrderTold(WALL_NS, name, OrderStatus.FILLED, venue_id, quantity, leg.value, ""),
        )
    return [opened, *intended, *told]


if __name__ == "__main__":
    sys.exit(main())
