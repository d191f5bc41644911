"""One market of a simulated venue: its instruments, their books, order flow, trades, klines and tickers.

Nothing here knows a wire format. A dialect reads `SimListing` (snapshot, top, trades, klines, day) and hears
its events (`on_book`, `on_trade`, `on_top`); `DepthFeed` gathers book changes for conflated streams.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from itertools import islice

import msgspec

from oneprice.sim.agents import MarketAgents, OrderFlow, Temper
from oneprice.sim.engine import BookChange, Engine, Event, Side, TradePrint, UpdateSequence
from oneprice.sim.klines import Kline, KlineStore
from oneprice.sim.price import FairPrice, Paths

_TRADES_KEPT = 1_000
_DAY_MS = 86_400_000
_DAY_FRESH_MS = 500
_RECORDED_LOT = Decimal("0.00000001")
"""Recorded spot books hold sizes left over from finer lots of earlier days."""


class Kind(StrEnum):
    """What kind of instrument is traded."""

    SPOT = "spot"
    PERPETUAL = "perpetual"


class SimInstrument(msgspec.Struct, frozen=True):
    """The rules of one instrument at one venue.

    `tick` is in quote per base, `lot` and `min_quantity` in the venue's quantity unit, of which one is
    `multiplier` base units (a contract; 1 for spot). `min_notional` is in quote. The base may carry a factor
    in its name (1000PEPE); its price is then per that many coins. `book_lot` is the unit the book is kept
    in when that is finer than what new orders may use: recorded books hold such sizes.
    """

    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    multiplier: Decimal = Decimal(1)
    kind: Kind = Kind.SPOT
    book_lot: Decimal | None = None

    @property
    def key(self) -> str:
        """`BTC/USDT` for spot, `BTC/USDT:USDT` for a perpetual."""
        plain = f"{self.base}/{self.quote}"
        return plain if self.kind is Kind.SPOT else f"{plain}:{self.quote}"


class Scale:
    """Exact text of whole steps: `Scale(Decimal("0.10")).text(5)` is `0.5`, `.text(5, 2)` is `0.50`."""

    __slots__ = ("_units", "decimals", "step")

    def __init__(self, step: Decimal) -> None:
        if step <= 0:
            raise ValueError(f"a step must be positive, got {step}")
        self.step = step.normalize()
        exponent = self.step.as_tuple().exponent
        assert isinstance(exponent, int)
        self.decimals = max(0, -exponent)
        self._units = int(self.step.scaleb(self.decimals))

    def text(self, steps: int, decimals: int | None = None) -> str:
        """`steps` of the step in plain decimals; with `decimals` padded to that many, else trimmed.

        Raises ValueError when the value does not fit into `decimals`.
        """
        if decimals is not None and decimals < self.decimals:
            raise ValueError(f"{decimals} decimals cannot show steps of {self.step}")
        sign = "-" if steps < 0 else ""
        digits = str(abs(steps) * self._units)
        if self.decimals:
            digits = digits.rjust(self.decimals + 1, "0")
            whole, part = digits[: -self.decimals], digits[-self.decimals :]
        else:
            whole, part = digits, ""
        if decimals is not None:
            part = part.ljust(decimals, "0")
        else:
            part = part.rstrip("0")
        return f"{sign}{whole}.{part}" if part else f"{sign}{whole}"

    def value(self, steps: int) -> Decimal:
        """Whole steps as an exact number."""
        return self.step * steps

    def nearest(self, value: float) -> int:
        """Whole steps nearest to a float, for reference prices only (mark, index), never for orders."""
        return round(value / float(self.step))


class Top(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask; 0 ticks and 0 lots where a side is empty."""

    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int
    update_id: int
    ts_ns: int


class BookSnapshot(msgspec.Struct, frozen=True):
    """Levels as (price_ticks, lots), best first, as of `update_id`."""

    update_id: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]
    ts_ns: int


class DayTicker(msgspec.Struct, frozen=True):
    """The last 24 hours, in ticks and lots; `quote_volume` in quote units (exact)."""

    open_ticks: int
    high_ticks: int
    low_ticks: int
    last_ticks: int
    last_lots: int
    volume_lots: int
    quote_volume: Decimal
    trades: int
    first_trade_id: int
    last_trade_id: int
    open_ms: int
    close_ms: int


class Funding(msgspec.Struct, frozen=True):
    """A perpetual's prices and funding: prices as floats (reference only), rate as a fraction."""

    mark: float
    index: float
    rate: float
    last_funding_ms: int
    next_funding_ms: int
    interval_hours: int


class SimListing:
    """An instrument at this venue: its engine, who trades in it, and what is known about it."""

    def __init__(self, market: "SimMarket", instrument: SimInstrument, engine: Engine, fair: FairPrice) -> None:
        self.market = market
        self.instrument = instrument
        self.key = instrument.key
        self.engine = engine
        self.fair = fair
        self.price_scale = Scale(instrument.tick)
        self.lot_scale = Scale(instrument.book_lot or instrument.lot)
        self.trades: deque[TradePrint] = deque(maxlen=_TRADES_KEPT)
        self.on_book: list[Callable[[BookChange], None]] = []
        self.on_trade: list[Callable[[TradePrint], None]] = []
        self.on_top: list[Callable[[Top], None]] = []
        self.top = Top(0, 0, 0, 0, engine.update_id, 0)
        self.flow: OrderFlow | None = None
        self.first_trade_id = engine.next_trade_id
        self._frozen: BookSnapshot | None = None
        self._day: DayTicker | None = None
        self._last_change_ns = 0
        self._klines = KlineStore(self._history_price, self._history_lots(), market.now_ns // 1_000_000)
        engine.listeners.append(self._hear)
        engine.settled.append(self._read_top)

    # ---- reading --------------------------------------------------------------------------------------

    def price_text(self, ticks: int, decimals: int | None = None) -> str:
        """Ticks in plain decimals, see `Scale.text`."""
        return self.price_scale.text(ticks, decimals)

    def lots_text(self, lots: int, decimals: int | None = None) -> str:
        """Lots in plain decimals, see `Scale.text`."""
        return self.lot_scale.text(lots, decimals)

    def book(self, depth: int | None = None) -> BookSnapshot:
        """The book as it is now, for streams."""
        engine = self.engine
        bids, asks = engine.levels(Side.BUY, depth), engine.levels(Side.SELL, depth)
        return BookSnapshot(engine.update_id, bids, asks, self._last_change_ns)

    def snapshot(self, depth: int | None = None) -> BookSnapshot:
        """The book for REST: as it is now, or as it was when `freeze_snapshot` was called."""
        frozen = self._frozen
        if frozen is None:
            return self.book(depth)
        return BookSnapshot(frozen.update_id, frozen.bids[:depth], frozen.asks[:depth], frozen.ts_ns)

    def freeze_snapshot(self, frozen: bool) -> None:
        """Make `snapshot` answer with the present book until released (the stale_snapshot fault)."""
        self._frozen = self.book() if frozen else None

    def recent_trades(self, limit: int) -> list[TradePrint]:
        """The newest `limit` trades, oldest first."""
        return list(islice(self.trades, max(0, len(self.trades) - limit), None))

    def quote_amount(self, price_ticks: int, lots: int) -> Decimal:
        """Exact worth of a quantity in quote units."""
        return price_ticks * self.instrument.tick * self.base_amount(lots)

    def base_amount(self, lots: int) -> Decimal:
        """Exact base units of a quantity."""
        return lots * self.lot_scale.step * self.instrument.multiplier

    def klines(
        self, interval_ms: int, limit: int, start_ms: int | None = None, end_ms: int | None = None
    ) -> list[Kline]:
        """Up to `limit` klines, oldest first, the running one last. From `start_ms` on, or the newest."""
        return self._klines.rows(self.market.now_ns // 1_000_000, interval_ms, limit, start_ms, end_ms)

    def day(self) -> DayTicker:
        """Rolling 24-hour figures, at most half a second old (made-up history before the start)."""
        now_ms = self.market.now_ns // 1_000_000
        if self._day is not None and now_ms - self._day.close_ms < _DAY_FRESH_MS:
            return self._day
        self._day = self._read_day(now_ms)
        return self._day

    def _read_day(self, now_ms: int) -> DayTicker:
        rows = self._klines.minutes(now_ms - _DAY_MS, now_ms)
        assert rows, "a kline store always has the present minute"
        last = self.trades[-1] if self.trades else None
        volume = sum(row.volume_lots for row in rows)
        quote = self.quote_amount(1, sum(row.notional for row in rows))
        count = sum(row.trades for row in rows)
        last_id = last.trade_id if last is not None else self.first_trade_id - 1
        return DayTicker(
            rows[0].open_ticks,
            max(row.high_ticks for row in rows),
            min(row.low_ticks for row in rows),
            last.price_ticks if last is not None else rows[-1].close_ticks,
            last.lots if last is not None else 0,
            volume,
            quote,
            count,
            last_id - count + 1,
            last_id,
            now_ms - _DAY_MS,
            now_ms,
        )

    def funding(self, interval_hours: int = 8) -> Funding:
        """Mark and index price and the funding rate as of now; funding times are aligned to UTC hours."""
        now_ns = self.market.now_ns
        index = self.fair.index(now_ns)
        interval_ms = interval_hours * 3_600_000
        last_ms = now_ns // 1_000_000 // interval_ms * interval_ms
        return Funding(
            mark=index * (1.0 + self.fair.basis_bps(now_ns) * 1e-4),
            index=index,
            rate=self.fair.funding_rate(now_ns),
            last_funding_ms=last_ms,
            next_funding_ms=last_ms + interval_ms,
            interval_hours=interval_hours,
        )

    # ---- inside ---------------------------------------------------------------------------------------

    def _hear(self, event: Event) -> None:
        if isinstance(event, BookChange):
            self._last_change_ns = event.ts_ns
            for on_book in self.on_book:
                on_book(event)
        else:
            self.trades.append(event)
            self._klines.add(event)
            for on_trade in self.on_trade:
                on_trade(event)

    def _read_top(self, ts_ns: int) -> None:
        engine, old = self.engine, self.top
        bid, ask = engine.best(Side.BUY) or 0, engine.best(Side.SELL) or 0
        bid_lots, ask_lots = engine.total_lots(Side.BUY, bid), engine.total_lots(Side.SELL, ask)
        assert not bid or not ask or bid < ask, f"{self.key} is crossed: {bid} >= {ask}"
        if (bid, bid_lots, ask, ask_lots) == (old.bid_ticks, old.bid_lots, old.ask_ticks, old.ask_lots):
            return
        self.top = Top(bid, bid_lots, ask, ask_lots, engine.update_id, ts_ns)
        for on_top in self.on_top:
            on_top(self.top)

    def _history_price(self, ts_ms: int) -> float:
        return self.fair.coarse(ts_ms * 1_000_000) / float(self.instrument.tick)

    def _history_lots(self) -> int:
        """Lots a made-up minute trades: about 20,000 USDT."""
        worth = float(self.quote_amount(1, 1)) * self._history_price(self.market.t0_ns // 1_000_000)
        usdt = worth * self.fair.quote_in_usdt(self.market.t0_ns)
        return max(1, int(20_000.0 / usdt))


class SimMarket:
    """All listings of one market of a venue. `t0_ns` and `seed` are shared by the venues of a simulation.

    `shared_sequence` numbers the changes of all listings together (Binance futures), else each has its own.
    Markets of one process may share `paths` so that each price path is computed once.
    """

    def __init__(
        self,
        venue: str,
        market: str,
        instruments: Iterable[SimInstrument],
        seed: int,
        t0_ns: int,
        *,
        shared_sequence: bool = False,
        temper: Temper | None = None,
        paths: Paths | None = None,
    ) -> None:
        self.venue = venue
        self.market = market
        self.seed = seed
        self.t0_ns = t0_ns
        self.now_ns = t0_ns
        self.listings: dict[str, SimListing] = {}
        self._instruments = tuple(instruments)
        self._shared = shared_sequence
        self._temper = temper
        self._paths = paths if paths is not None else Paths(seed, t0_ns)
        if not self._instruments:
            raise ValueError(f"market {market} of {venue} has no instruments")

    def has(self, key: str) -> bool:
        """Whether the market lists the instrument of that key, started or not."""
        return any(instrument.key == key for instrument in self._instruments)

    def start(self, now_ns: int, flows: Mapping[str, Callable[[SimListing], OrderFlow]] | None = None) -> None:
        """Create the listings and fill their books as of `now_ns`.

        Ids start from the time in milliseconds, so a restarted venue never goes back. `flows` replaces the
        agents of the listings it names (by key), for playback.
        """
        self.now_ns = now_ns
        first_id = now_ns // 1_000_000
        shared = UpdateSequence(first_id)
        for ruled in self._instruments:
            make_flow = (flows or {}).get(ruled.key)
            instrument = ruled
            if make_flow is not None and ruled.kind is Kind.SPOT:
                instrument = msgspec.structs.replace(ruled, book_lot=_RECORDED_LOT)
            engine = Engine(shared if self._shared else UpdateSequence(first_id), first_trade_id=first_id)
            fair = FairPrice(
                self._paths,
                self.venue,
                self.market,
                instrument.base,
                instrument.quote,
                instrument.kind is Kind.PERPETUAL,
            )
            listing = SimListing(self, instrument, engine, fair)
            listing.flow = make_flow(listing) if make_flow is not None else self._agents(listing, now_ns)
            self.listings[listing.key] = listing
            listing.flow.start(now_ns)

    def step(self, now_ns: int) -> None:
        """Bring every listing up to `now_ns`; going back in time does nothing."""
        if now_ns <= self.now_ns:
            return
        self.now_ns = now_ns
        for listing in self.listings.values():
            assert listing.flow is not None, "start() gives every listing its flow"
            listing.flow.step(now_ns)

    def _agents(self, listing: SimListing, now_ns: int) -> MarketAgents:
        instrument, fair = listing.instrument, listing.fair
        tick, unit = float(instrument.tick), float(instrument.lot * instrument.multiplier)
        price = fair.at(now_ns)
        minimum_lots = max(
            int(instrument.min_quantity / instrument.lot),
            int(float(instrument.min_notional) * 1.2 / (price * unit)) + 1,
        )
        return MarketAgents(
            listing.engine,
            lambda ts_ns: fair.at(ts_ns) / tick,
            lambda ts_ns: fair.index(ts_ns) * unit * fair.quote_in_usdt(ts_ns),
            minimum_lots,
            f"{self.seed}:{self.venue}:{self.market}:{listing.key}:{now_ns}",
            self._temper,
        )


class DepthDelta(msgspec.Struct, frozen=True):
    """Book changes of one interval: absolute lots per level (0 removes), and the ids they span.

    `previous_id` is the `last_id` of the delta before (or the book's id when the feed began).
    """

    first_id: int
    last_id: int
    previous_id: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]
    ts_ns: int


class DepthFeed:
    """Gathers a listing's changes until `take` is called; use one per stream speed."""

    def __init__(self, listing: SimListing) -> None:
        self._listing = listing
        self._previous_id = listing.engine.update_id
        self._first_id = self._last_id = 0
        self._ts_ns = 0
        self._levels: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        listing.on_book.append(self._add)

    def close(self) -> None:
        """Stop listening."""
        self._listing.on_book.remove(self._add)

    def take(self) -> DepthDelta | None:
        """What changed since the last call, None when nothing did."""
        if not self._first_id:
            return None
        bids, asks = self._levels[Side.BUY], self._levels[Side.SELL]
        delta = DepthDelta(
            self._first_id,
            self._last_id,
            self._previous_id,
            sorted(bids.items(), reverse=True),
            sorted(asks.items()),
            self._ts_ns,
        )
        self._previous_id, self._first_id = self._last_id, 0
        self._levels = {Side.BUY: {}, Side.SELL: {}}
        return delta

    def _add(self, change: BookChange) -> None:
        if not self._first_id:
            self._first_id = change.update_id
        self._last_id = change.update_id
        self._ts_ns = change.ts_ns
        self._levels[change.side][change.price_ticks] = change.total_lots
