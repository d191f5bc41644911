"""How long does a start take to know again what a journal of 100,000 records says?

The records are those of a trading day at three venues: deals of two legs whose orders fill whole, in parts, or not at
all, with their hedges, quotes that nobody takes, carries with funding, transfers and audits. Read means: a journal on
this disk is opened, every checksum and number in it checked, every record made again. Apply means: folded into a
ledger. CPU time of the thread, with Python's collector as a start has it; median and best of some rounds. The Rust core
reads where it is built; `ONEPRICE_CORE=python` shows the reference.
"""

from __future__ import annotations

import gc
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal

from oneprice.core import backend
from oneprice.ledger.journal import Journal
from oneprice.ledger.ledger import Ledger
from oneprice.ledger.records import (
    AnyRecord,
    BalanceChecked,
    BalanceOpened,
    CancelIntended,
    DealMoved,
    DealOpened,
    DealSettled,
    FillTold,
    FundingPaid,
    LegOpened,
    ListingKnown,
    OrderIntended,
    OrderTold,
    RunStarted,
    TransferTold,
)
from oneprice.live.disk import LiveDisk
from oneprice.model import OrderStatus, OrderType, Side, TimeInForce
from oneprice.model.deals import DealOutcome, DealState, Purpose
from report import arguments, machine, say_conditions, table, verdict, write

VENUES = ("binance", "gate", "mexc")
COINS = {"BTC": Decimal(64_000), "ETH": Decimal(3_000), "SOL": Decimal(150), "XRP": Decimal("0.5")}
LOTS = {"BTC": Decimal("0.00001"), "ETH": Decimal("0.0001"), "SOL": Decimal("0.001"), "XRP": Decimal("0.1")}
TICKS = {"BTC": Decimal("0.01"), "ETH": Decimal("0.01"), "SOL": Decimal("0.01"), "XRP": Decimal("0.0001")}
FEE = Decimal("0.001")
NONE = Decimal(0)
GOAL_S = 0.5
BUILD = "bench"


class Day:
    """Makes the records. `now_ns` goes on by a little with each."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._now_ns = 1_700_000_000_000_000_000
        self._deal = self._fill = 0
        self._prices = dict(COINS)

    def records(self, count: int) -> list[AnyRecord]:
        """So many."""
        made: list[AnyRecord] = list(self._morning())
        while len(made) < count:
            for coin, price in self._prices.items():
                step = TICKS[coin] * self._chance.randint(-20, 20)
                self._prices[coin] = max(COINS[coin] / 2, price + step)
            made.extend(self._something())
        return made[:count]

    def _wall(self) -> int:
        self._now_ns += self._chance.randint(50_000, 5_000_000)
        return self._now_ns

    def _morning(self) -> Iterator[AnyRecord]:
        yield RunStarted(self._wall(), 1, "live", "0.1.0", "5f3c", "{}")
        for venue in VENUES:
            for market, is_perpetual in (("spot", False), ("usdm", True)):
                account = f"{venue}-{market}"
                for coin in COINS:
                    key, figures = f"{account}:{coin}USDT", (TICKS[coin], LOTS[coin], Decimal(1), Decimal(1))
                    yield ListingKnown(self._wall(), key, account, f"{coin}/USDT", coin, "USDT", is_perpetual, *figures)
                    if not is_perpetual:
                        yield BalanceOpened(self._wall(), account, coin, Decimal(1_000))
                yield BalanceOpened(self._wall(), account, "USDT", Decimal("200000.00000000"))

    def _something(self) -> Iterator[AnyRecord]:
        draw = self._chance.random()
        if draw < 0.80:
            yield from self._cross()
        elif draw < 0.95:
            yield from self._quote()
        elif draw < 0.98:
            yield from self._carry()
        else:
            account, amount = f"{self._chance.choice(VENUES)}-spot", Decimal(self._chance.randint(1, 10**10)).scaleb(-8)
            yield TransferTold(self._wall(), account, "USDT", amount, "deposit")
            yield BalanceChecked(self._wall(), account, "USDT", amount, amount, "")

    def _opened(self, strategy: str, coin: str, legs: list[LegOpened]) -> DealOpened:
        self._deal += 1
        figures = (NONE, Decimal("0.0713"), Decimal("0.0501"), Decimal("0.0212"))
        return DealOpened(
            self._wall(), self._deal, strategy, f"{coin}/USDT", "USDT", self._deal, False, *figures, tuple(legs)
        )

    def _leg(self, account: str, coin: str, side: Side, quantity: Decimal, edge_ticks: int) -> LegOpened:
        price = self._prices[coin] + int(side) * edge_ticks * TICKS[coin]
        return LegOpened(f"{account}:{coin}USDT", side, quantity, price, price * quantity, FEE, price)

    def _cross(self) -> Iterator[AnyRecord]:
        coin = self._chance.choice(list(COINS))
        buys, sells = self._chance.sample(VENUES, 2)
        quantity = LOTS[coin] * self._chance.randint(20, 900)
        legs = [
            self._leg(f"{buys}-spot", coin, Side.BUY, quantity, 2),
            self._leg(f"{sells}-spot", coin, Side.SELL, quantity, 2),
        ]
        opened = self._opened("cross", coin, legs)
        yield opened
        draw = self._chance.random()
        second = quantity if draw < 0.8 else NONE if draw < 0.9 else LOTS[coin] * 7
        first = quantity if draw < 0.98 else NONE
        intents = [self._intent(opened, place, leg, Purpose.ENTRY) for place, leg in enumerate(legs)]
        yield from intents
        yield from self._life(intents[0], first)
        yield from self._life(intents[1], second)
        outcome = DealOutcome.CAPTURED
        if first != second:
            outcome, left = DealOutcome.HEDGED, first - second
            yield DealMoved(self._wall(), opened.deal, DealState.HEDGING, f"{left:+f} {coin} too much")
            hedge = self._leg(f"{buys}-spot", coin, Side.SELL, left, 5)
            intent = self._intent(opened, -1, hedge, Purpose.HEDGE)
            yield intent
            yield from self._life(intent, left)
        yield self._settled(opened, coin, outcome)

    def _quote(self) -> Iterator[AnyRecord]:
        """Stands for a while and is pulled."""
        coin = self._chance.choice(list(COINS))
        leg = self._leg("mexc-spot", coin, Side.BUY, LOTS[coin] * 100, -30)
        opened = self._opened("maker", coin, [leg])
        intent = self._intent(opened, 0, leg, Purpose.MAKER)
        name, venue_id = intent.client_order_id, str(self._now_ns)
        yield opened
        yield intent
        yield OrderTold(self._wall(), name, OrderStatus.NEW, venue_id, NONE, None, "")
        yield CancelIntended(self._wall(), name)
        yield OrderTold(self._wall(), name, OrderStatus.CANCELED, venue_id, NONE, None, "")
        yield self._settled(opened, coin, DealOutcome.MISSED)

    def _carry(self) -> Iterator[AnyRecord]:
        """Bought on spot, sold as a perpetual, held over a funding time, closed."""
        coin, quantity = "BTC", LOTS["BTC"] * 50
        spot, perpetual = "binance-spot", "gate-usdm"
        legs = [self._leg(spot, coin, Side.BUY, quantity, 1), self._leg(perpetual, coin, Side.SELL, quantity, 1)]
        opened = self._opened("carry", coin, legs)
        yield opened
        for place, leg in enumerate(legs):
            intent = self._intent(opened, place, leg, Purpose.ENTRY)
            yield intent
            yield from self._life(intent, quantity)
        yield DealMoved(self._wall(), opened.deal, DealState.HOLDING, "legs are equal and stay open")
        yield FundingPaid(self._wall(), perpetual, legs[1].listing, "USDT", Decimal("0.00812345"), opened.deal)
        yield DealMoved(self._wall(), opened.deal, DealState.EXITING, "closing now leaves 2.1 bps")
        for place, leg in enumerate(legs):
            close = self._leg(leg.listing.partition(":")[0], coin, Side(-leg.side), quantity, 1)
            intent = self._intent(opened, place, close, Purpose.EXIT)
            yield intent
            yield from self._life(intent, quantity)
        yield self._settled(opened, coin, DealOutcome.CAPTURED)

    def _intent(self, opened: DealOpened, place: int, leg: LegOpened, purpose: Purpose) -> OrderIntended:
        attempt = 1 if purpose is Purpose.EXIT else 0
        digit = "z" if place < 0 else str(place)
        name = f"opk3x9001{opened.deal:05d}{digit}{attempt:02d}"
        what = (OrderType.LIMIT, TimeInForce.IOC, leg.price, leg.quantity, False)
        return OrderIntended(self._wall(), name, opened.deal, place, attempt, purpose, leg.listing, leg.side, *what)

    def _life(self, intent: OrderIntended, filled: Decimal) -> Iterator[AnyRecord]:
        """Acknowledged, filled in one to three parts, and told to be over."""
        name, venue_id = intent.client_order_id, str(28_000_000_000 + self._now_ns % 10**9)
        yield OrderTold(self._wall(), name, OrderStatus.NEW, venue_id, NONE, None, "")
        coin = intent.listing.partition(":")[2][:-4]
        lots, lot = int(filled / LOTS[coin]), LOTS[coin]
        parts = [lots] if lots < 3 or self._chance.random() < 0.7 else [lots // 3, lots - lots // 3]
        worth = NONE
        for part in parts if lots else []:
            self._fill += 1
            price, quantity = intent.price - int(intent.side) * TICKS[coin] * self._chance.randint(0, 2), part * lot
            got = quantity if intent.side is Side.BUY and "-spot" in intent.listing else price * quantity
            asset = coin if got is quantity else "USDT"
            fee = (got * FEE).quantize(Decimal("1e-8"))
            worth += price * quantity
            what = (intent.side, price, quantity, ((asset, fee),), False, self._now_ns - 400_000)
            yield FillTold(self._wall(), intent.listing, str(910_000_000 + self._fill), name, venue_id, *what)
        status = OrderStatus.FILLED if filled == intent.quantity else OrderStatus.EXPIRED
        yield OrderTold(self._wall(), name, status, venue_id, filled, worth, "" if filled else "nothing to take")

    def _settled(self, opened: DealOpened, coin: str, outcome: DealOutcome) -> DealSettled:
        dust = ((coin, Decimal("-0.00000123")),)
        return DealSettled(self._wall(), opened.deal, outcome, "every leg whole", dust, ((coin, self._prices[coin]),))


def main() -> int:
    """Run, print, perhaps write."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", help="on the disk that is meant; a temporary one when not given")
    options = parser.parse_args()
    conditions = machine()
    say_conditions(conditions)
    records = Day(1).records(options.records)
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder = f"{temporary}/journal"
        journal, _ = Journal.open(LiveDisk(), folder, build=BUILD)
        for begin in range(0, len(records), 100):
            journal.append(*records[begin : begin + 100])
        journal.close()
        rounds = [once(folder) for _ in range(options.rounds)]
    kinds = {kind.__name__: sum(type(one) is kind for one in records) for kind in {type(one) for one in records}}
    assert len({digest for *_, digest in rounds}) == 1, "the same records make the same ledger"
    reads, folds = [read_s for read_s, _, _ in rounds], [fold_s for _, fold_s, _ in rounds]
    both = [read_s + fold_s for read_s, fold_s, _ in rounds]
    rows = [("read", reads), ("apply", folds), ("both", both)]
    print(f"\n{len(records):,} records, read by the {backend} core")
    table(
        ["", "median ms", "best ms", "best us a record"],
        [
            [name, f"{statistics.median(of) * 1e3:.0f}", f"{min(of) * 1e3:.0f}", f"{min(of) * 1e6 / len(records):.2f}"]
            for name, of in rows
        ],
    )
    print()
    goal = f"read and applied within {GOAL_S} s: {min(both):.3f}"
    result = {
        "question": (__doc__ or "").splitlines()[0],
        "conditions": conditions,
        "core": backend,
        "records": len(records),
        "kinds": dict(sorted(kinds.items())),
        "seconds": {name: {"median": statistics.median(of), "best": min(of)} for name, of in rows},
        "targets": [verdict(goal, min(both) <= GOAL_S)],
    }
    write(options.json, result)
    return 0


def once(folder: str) -> tuple[float, float, str]:
    """Seconds for reading and for folding, and what came of it."""
    gc.collect()
    began = time.thread_time()
    journal, recovered = Journal.open(LiveDisk(), folder, build=BUILD)
    read = time.thread_time()
    ledger = Ledger()
    ledger.fold(recovered.records)
    folded = time.thread_time()
    journal.close()
    return read - began, folded - read, ledger.digest()


if __name__ == "__main__":
    sys.exit(main())
