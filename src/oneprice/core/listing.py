"""One listing's book and quote, and the certificate that says whether they may be used.

Continuity (LIVE, SYNCING, GAP) is what the sequence numbers prove. Silence, staleness, a crossed book and a halt
lie over it: they end by themselves with the next good frame, since the sequence proves that nothing was missed.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple, cast

from oneprice.core.book import Change, Side
from oneprice.core.decode import DepthPart, Level, Levels, PartError, QuotePart
from oneprice.core.numbers import MANTISSA_MAX, NumberError, OffGrid, parse_decimal
from oneprice.core.specs import HubConfig, ListingSpec
from oneprice.core.states import BookState, Reason

TEXTS_KEPT_MAX = 16_384
QUOTES_KEPT = 64


class Update(NamedTuple):
    """A decoded change in ticks and lots; `previous` is None for a whole book."""

    previous: int | None
    last: int
    bids: list[Change]
    asks: list[Change]


class Top(NamedTuple):
    """Best bid and ask. Ticks and lots, 0 and 0 for an empty side. `id`: the venue's counter, 0 when it has none."""

    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int
    id: int


NO_TOP = Top(0, 0, 0, 0, 0)


class Counts:
    """What happened to one listing's frames."""

    __slots__ = (
        "agreements",
        "applied",
        "disagreements",
        "dropped",
        "frames",
        "gaps",
        "malformed",
        "quotes",
        "snapshots",
    )

    def __init__(self) -> None:
        self.frames = self.applied = self.dropped = self.gaps = self.malformed = 0
        self.quotes = self.snapshots = self.agreements = self.disagreements = 0


class Scale(dict[str, int]):
    """Decimal text to whole steps of one grid: a table of quoted texts that fills itself.

    Looking up raises OffGrid, or NumberError when the text is no number, or too large, or 0 where that is none, and
    TypeError for what is no quoted text.
    """

    __slots__ = ("_shift", "_unit", "_zero")

    def __init__(self, decimals: int, unit: int, zero: bool) -> None:
        self._shift, self._unit, self._zero = decimals, unit, zero

    def __missing__(self, text: str) -> int:
        if type(text) is not str:
            raise TypeError("no text")
        count = self._plain_count(text)
        if count < 0:
            count = self.count(text)
        if len(self) >= TEXTS_KEPT_MAX:
            self.clear()
        self[text] = count
        return count

    def _plain_count(self, text: str) -> int:
        """The common case without a pattern: short digits with one point, on a grid of single steps. -1 for others."""
        point = text.find(".")
        digits = text[:point] + text[point + 1 :]
        if point < 1 or len(digits) > 15 or self._unit != 1 or not digits.isdigit() or not digits.isascii():
            return -1
        shift = self._shift - len(digits) + point
        if shift == 0:
            count, rest = int(digits), 0
        else:
            count, rest = divmod(int(digits) * int(10 ** max(0, shift)), int(10 ** max(0, -shift)))
        return count if not rest and (count or self._zero) and count < MANTISSA_MAX and len(digits) > point else -1

    def count(self, text: str) -> int:
        """Work it out. Raises OffGrid, NumberError."""
        mantissa, decimals = parse_decimal(text)
        if not mantissa and not self._zero:
            raise NumberError("a price of 0")
        if decimals > self._shift:
            raise OffGrid(f"{text} has more than {self._shift} decimals")
        mantissa *= int(10 ** (self._shift - decimals))
        if mantissa >= MANTISSA_MAX:
            raise NumberError(f"{text} is too large")
        count, rest = divmod(mantissa, self._unit)
        if rest:
            raise OffGrid(f"{text} is not a multiple of {self._unit}e-{self._shift}")
        return count


class Listing:
    """State of one listing. Methods return nothing; `state()` and `top` say what is true afterwards."""

    def __init__(self, spec: ListingSpec, config: HubConfig) -> None:
        self.spec, self._config = spec, config
        self.price = Scale(spec.price_decimals, spec.price_unit, zero=False)
        self.quantity = Scale(spec.quantity_decimals, spec.quantity_unit, zero=True)
        self.bids, self.asks = Side(bids=True), Side(bids=False)
        self.counts = Counts()
        self.base, self.reason = BookState.SYNCING, Reason.WAITING
        self.silent = self.stale = self.halted = False
        self.crossed_since_ns = -1
        self.sequence = 0
        self.updated_ns = 0
        self.event_ns = 0
        self.quote = NO_TOP
        self.top = NO_TOP
        self.scanned_top = NO_TOP
        self.levels_max = 0
        self.sampled = False
        self._buffer: deque[Update] = deque()
        self._quotes: deque[Top] = deque(maxlen=QUOTES_KEPT)
        self._check_due = False
        self._disagreed = 0
        self.stale_after_ns = spec.stale_after_ns or config.stale_after_ns

    def state(self) -> BookState:
        """The one state that counts."""
        if self.halted:
            return BookState.HALTED
        if self.base is not BookState.LIVE:
            return self.base
        if self.silent:
            return BookState.SILENT
        if self.stale:
            return BookState.STALE
        return BookState.LIVE if self.crossed_since_ns < 0 else BookState.CROSSED

    # ------------------------------------------------------------------ depth

    def update_of(self, part: DepthPart) -> Update:
        """In ticks and lots. Raises PartError, OffGrid."""
        bids, off_bids = self.changes(part.bids)
        asks, off_asks = self.changes(part.asks)
        if off_bids or off_asks:
            raise OffGrid("a price or quantity is off the listing's grid")
        return Update(part.previous, part.last, bids, asks)

    def on_update(self, update: Update, now_ns: int) -> None:
        """A change or whole book from the stream."""
        self.counts.frames += 1
        if self.base is not BookState.LIVE or update.last > self.sequence:
            self._heard(now_ns)
        if self.base is BookState.LIVE:
            self._follow(update)
        elif update.previous is None:
            self._load(update)
            self.counts.applied += 1
        else:
            self._hold(update)
        self._settle(now_ns)

    def on_snapshot(self, update: Update, now_ns: int) -> None:
        """A whole book from REST, followed by the changes that were held for it."""
        self.counts.snapshots += 1
        if self.base is BookState.LIVE and update.last <= self.sequence:
            return
        held = self._buffer
        self._load(update)
        first = True
        while held:
            change = held[0]
            if change.last > self.sequence:
                if change.previous is not None and change.previous > self.sequence:
                    if first:
                        self._lose(Reason.SNAPSHOT_OLD)
                        self.base = BookState.SYNCING
                    else:
                        self.counts.gaps += 1
                        self._lose(Reason.SEQUENCE)
                    self._buffer = held
                    break
                self._apply(change)
                first = False
            else:
                self.counts.dropped += 1
            held.popleft()
        self._heard(now_ns)
        self._settle(now_ns)

    def lose(self, reason: Reason) -> None:
        """Continuity is lost, or cannot be proven any more. What was held is forgotten."""
        self._buffer.clear()
        self._lose(reason)
        if reason in (Reason.DISCONNECTED, Reason.MALFORMED, Reason.OFF_GRID):
            self._forget_quotes()
        self._choose_top()

    def begin_sync(self) -> None:
        """A snapshot is on its way: start over, holding the changes that come meanwhile."""
        self.base, self.reason = BookState.SYNCING, Reason.WAITING
        self.bids, self.asks = Side(bids=True), Side(bids=False)
        self.sequence = 0
        self.crossed_since_ns = -1
        self._choose_top()

    # ------------------------------------------------------------------ quotes

    def quote_of(self, part: QuotePart) -> Top:
        """In ticks and lots. Raises PartError, OffGrid."""
        sides, off = [(0, 0), (0, 0)], False
        for index, side in enumerate((part.bid, part.ask)):
            if side is not None:
                changes, off_side = self.counted([side])
                off = off or off_side
                if changes:
                    sides[index] = changes[0]
        if off:
            raise OffGrid("a price or quantity is off the listing's grid")
        return Top(*sides[0], *sides[1], part.id)

    def on_quote(self, quote: Top, linked: bool, sampled: bool, now_ns: int) -> bool:
        """A best bid and ask from the stream. False when it is older than the one before and was dropped."""
        if quote.id and quote.id < self.quote.id:
            self.counts.dropped += 1
            return False
        self.counts.quotes += 1
        self._heard(now_ns)
        if self.spec.depth and (linked or sampled):
            self.sampled = sampled
            if sampled:
                if quote.id == self.sequence and self.base is BookState.LIVE:
                    self._judge(quote)
            else:
                self._compare_before(quote)
            self._quotes.append(quote)
        elif not self.spec.depth and self.base is not BookState.LIVE:
            self.base, self.reason = BookState.LIVE, Reason.NONE
        self.quote = quote
        self._settle(now_ns, quoted=not (linked or sampled))
        return True

    # ------------------------------------------------------------------ time

    def end_silence(self) -> None:
        """A frame of its own has come. Quotes may have been lost meanwhile, so that the ones kept prove nothing."""
        if self.silent:
            self.silent = False
            self._check_due = False
            self._quotes.clear()

    def age(self, now_ns: int) -> None:
        """Let time pass: staleness, and a book that stays crossed."""
        if self.base is not BookState.LIVE:
            return
        self.stale = now_ns - self.updated_ns > self.stale_after_ns
        if (
            self.crossed_since_ns >= 0
            and now_ns - self.crossed_since_ns > self._config.crossed_after_ns
            and self.spec.depth
        ):
            self.counts.gaps += 1
            self.lose(Reason.CROSSED)

    # ------------------------------------------------------------------ inside

    def _follow(self, update: Update) -> None:
        if update.last <= self.sequence:
            self.counts.dropped += 1
        elif update.previous is None:
            self._load(update)
            self.counts.applied += 1
        elif update.previous > self.sequence:
            self.counts.gaps += 1
            self._lose(Reason.SEQUENCE)
            self._hold(update)
        else:
            self._apply(update)
            self._compare_after()

    def _apply(self, update: Update) -> None:
        self.bids.apply(update.bids)
        self.asks.apply(update.asks)
        if self.levels_max:
            self.bids.prune(self.levels_max)
            self.asks.prune(self.levels_max)
        self.sequence = update.last
        self.counts.applied += 1

    def _load(self, update: Update) -> None:
        self.bids.replace(update.bids)
        self.asks.replace(update.asks)
        self.sequence = update.last
        self.base, self.reason = BookState.LIVE, Reason.NONE
        self._buffer = deque()
        self._check_due = False
        self._disagreed = 0

    def _hold(self, update: Update) -> None:
        if len(self._buffer) >= self._config.buffered_max:
            self._buffer.clear()
            self.reason = Reason.OVERFLOW
        self._buffer.append(update)

    def _lose(self, reason: Reason) -> None:
        self.base, self.reason = BookState.GAP, reason
        self._check_due = False
        self._disagreed = 0
        self.crossed_since_ns = -1

    def _forget_quotes(self) -> None:
        self.quote = NO_TOP
        self._quotes.clear()

    def _heard(self, now_ns: int) -> None:
        self.updated_ns = now_ns
        self.stale = False

    def _settle(self, now_ns: int, quoted: bool = False) -> None:
        """After any change: the top, and whether it is crossed."""
        self._choose_top(quoted)
        top = self.top
        crossed = bool(top.bid_lots and top.ask_lots and top.bid_ticks >= top.ask_ticks)
        if not crossed:
            self.crossed_since_ns = -1
        elif self.crossed_since_ns < 0 and self.base is BookState.LIVE:
            self.crossed_since_ns = now_ns

    def _choose_top(self, quoted: bool = False) -> None:
        spec, quote = self.spec, self.quote
        newer = quoted or quote.id > self.sequence
        if not spec.depth or spec.source == "quote" or (spec.source == "newer" and newer and quote is not NO_TOP):
            self.top = quote
            return
        bid, ask = self.bids.top(), self.asks.top()
        self.top = Top(*(bid or (0, 0)), *(ask or (0, 0)), self.sequence)

    def changes(self, levels: Levels) -> tuple[list[Change], bool]:
        """In ticks and lots, and whether any level is off the grid. Raises PartError, FrameError.

        Texts that were seen before are looked up at once; whatever is unusual is then checked level by level.
        """
        if levels.likely_plain:
            price, quantity = self.price, self.quantity
            try:
                rows = cast("list[list[str]]", levels.rows)
                return [(price[text], quantity[size]) for text, size in rows], False
            except (NumberError, TypeError, ValueError):
                pass
        return self.counted(levels.checked())

    def counted(self, levels: list[Level]) -> tuple[list[Change], bool]:
        """Texts in ticks and lots. No number weighs more than off the grid, wherever it stands."""
        changes: list[Change] = []
        off = False
        for price_text, quantity_text in levels:
            ticks, lots = _count(self.price, price_text), _count(self.quantity, quantity_text)
            off = off or ticks is None or lots is None
            if ticks is not None and lots is not None:
                changes.append((ticks, lots))
        return ([], True) if off else (changes, False)

    # ------------------------------------------------------------------ agreement of book and quotes

    def _compare_after(self) -> None:
        """After a change of the book: the quote in force at its sequence number must be its top.

        A quote is in force from its own number until the next quote's. The newest quote may still be followed by one
        below the book's number, so that it is judged only when the next one has come.
        """
        following: Top | None = None
        for quote in reversed(self._quotes):
            if quote.id <= self.sequence:
                if self.sampled:
                    if quote.id == self.sequence:
                        self._judge(quote)
                elif following is None:
                    self._check_due = True
                else:
                    self._judge(quote)
                return
            following = quote

    def _compare_before(self, coming: Top) -> None:
        if self._check_due and coming.id > self.sequence and self.base is BookState.LIVE:
            self._check_due = False
            if self._quotes and self._quotes[-1].id <= self.sequence:
                self._judge(self._quotes[-1])

    def _judge(self, quote: Top) -> None:
        if quote.bid_ticks and not quote.bid_lots or quote.ask_ticks and not quote.ask_lots:
            return
        bid, ask = self.bids.top() or (0, 0), self.asks.top() or (0, 0)
        if quote[:4] == (*bid, *ask):
            self.counts.agreements += 1
            self._disagreed = 0
            return
        self.counts.disagreements += 1
        self._disagreed += 1
        if self._disagreed >= self._config.disagreements_max:
            self.counts.gaps += 1
            self._buffer.clear()
            self._lose(Reason.DISAGREES)


def _count(scale: Scale, text: str) -> int | None:
    """None when the text is off the grid. Raises PartError when it is no number."""
    try:
        return scale.count(text)
    except OffGrid:
        return None
    except NumberError as error:
        raise PartError(str(error)) from None
