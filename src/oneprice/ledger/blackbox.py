"""The black box: every opportunity that the hub saw, taken or not: why, how long it lived, what delay left of it.

Kept beside the journal, in files of its own for each run; a crash may take its last moments, which the journal never
loses. In a frame's turn it only remembers; what is over is put into words and written in small batches between frames.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

import msgspec

from oneprice.errors import JournalError
from oneprice.ledger.frames import Place, frame, scan
from oneprice.ports import Clock, Disk, DiskFile

MS = 1_000_000
ATTO = 10**18
DELAYS_MS = (1, 5, 20, 100, 500)
_DELAYS_NS = tuple(delay * MS for delay in DELAYS_MS)

OPEN_MAX = 20_000
"""That stand at once. The oldest makes room: its end has not been told."""
WAITING_MAX = 20_000
"""That are over and not written yet. Further ones are counted in `lost`, unless they were taken."""
BATCH = 20
"""Written in one tick at most: putting one into words takes about 30 us."""
WRITE_EVERY_NS = 250 * MS
RECENT_KEPT = 2_000
DEALS_KEPT = 16
FILE_BYTES = 16 << 20
RUN_BYTES = 512 << 20
"""Of one run; after that only opportunities that were taken are written, and the others lost."""

UNSEEN = "pause"
"""The gate's name for one that nobody looked at: its legs had been refused a moment before."""
EARLY = "start"
"""For one that ended before anybody looked at opportunities."""

NAME = re.compile(r"opportunities-(\d{4})\.bin")
Key = tuple[int, int, int]

_encode = msgspec.msgpack.Encoder().encode
_START = Place(0, 0, 0)


class SeenLeg(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A leg. `price` (the worst level that it would have met, in quote), `quantity` (in the listing's unit), `value`
    and `fee` (in quote) are of the opportunity's best moment; the book's best levels and `age_ms`, the time since it
    was heard of, are of the first frame."""

    listing: str
    side: int
    price: Decimal
    quantity: Decimal
    value: Decimal
    fee: Decimal
    age_ms: float
    bid: Decimal
    bid_quantity: Decimal
    ask: Decimal
    ask_quantity: Decimal


class Seen(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One opportunity, from its first frame to its last. Amounts in `home`.

    `number`: in its run, from 1. `net`, `gross_bps`, `net_bps`: at its best moment, `first_net` at its first. `left`:
    the net that there would have been so many milliseconds after the first frame (DELAYS_MS), 0 once it was gone.
    `gates`: how often each stopped it, `whys` what each said first; `gate`, `why`: the last, or why nobody looked at
    it; "" when it was taken.
    `deal`: that took it first, 0 for none; `deals`: all. `is_over`: else it still stood, and figures are those so far.
    `ended`: why it is gone, in words and figures; "" while it stands.
    """

    number: int
    opened_wall_ns: int
    lifetime_ms: float
    updates: int
    home: str
    gross_bps: float
    net_bps: float
    net: Decimal
    legs: tuple[SeenLeg, ...]
    left: tuple[Decimal, ...]
    gates: tuple[tuple[str, int], ...]
    gate: str
    why: str
    deal: int
    first_net: Decimal
    whys: tuple[tuple[str, str], ...]
    deals: tuple[int, ...]
    is_over: bool
    ended: str = ""


class Sized(Protocol):
    """A trade of all legs, as the hub sizes it."""

    @property
    def net_atto(self) -> int:
        """What it leaves after fees, in quote (or start) asset times 1e18."""


class Opportunity(Protocol):
    """As the hub tells of it (`market.opportunities.Standing`)."""

    @property
    def key(self) -> Key:
        """Names it among those that stand."""

    @property
    def opened_ns(self) -> int:
        """Since when it stands."""

    @property
    def updates(self) -> int:
        """How often it was sized."""

    @property
    def sized(self) -> Sized:
        """As it is now, or was last."""


class Told(NamedTuple):
    """What became of it when it was looked at: a deal, or which gate stopped it and why."""

    gate: str
    why: str
    deal: int


class InWords(NamedTuple):
    """An opportunity in words and units, at its best moment."""

    home: str
    gross_bps: float
    net_bps: float
    net: Decimal
    legs: tuple[SeenLeg, ...]


class Describe(Protocol):
    """Knows the market. `sample` is called in the first frame's turn, `ending` right after the last one; they only take
    figures. The others put them into words later."""

    def sample(self, standing: Opportunity) -> object:
        """The legs' books as they are now."""

    def ending(self, standing: Opportunity, now_ns: int) -> object:
        """The legs' books as they are now that it is gone, since so long ago as `now_ns` says."""

    def words(self, standing: Opportunity, sample: object) -> InWords:
        """Both in words and units."""

    def ended(self, standing: Opportunity, ending: object) -> str:
        """Why it is gone."""


class _Life:
    """An opportunity while it stands, and until it is written. `net`: what it leaves, as far as is known. `left`: what
    it left at each of the delays that have passed. `over_ns`: 0 while it stands. `ending`: its books when it ended."""

    __slots__ = (
        "deals", "ending", "first_net", "gates", "is_written", "last", "left", "net", "number", "over_ns", "sample",
        "standing",
    )  # fmt: skip

    def __init__(self, number: int, standing: Opportunity, sample: object) -> None:
        self.number, self.standing, self.sample = number, standing, sample
        self.net = self.first_net = standing.sized.net_atto
        self.left: list[int] = []
        self.gates: dict[str, tuple[int, str]] = {}
        self.last = ("", "")
        self.deals: list[int] = []
        self.over_ns = 0
        self.ending: object = None
        self.is_written = False

    def move(self, standing: Opportunity, net_atto: int, now_ns: int) -> None:
        """It leaves something else from now on: what it left until now, it left at every delay that has passed."""
        left, opened_ns = self.left, standing.opened_ns
        while len(left) < len(_DELAYS_NS) and now_ns > opened_ns + _DELAYS_NS[len(left)]:
            left.append(self.net)
        self.standing, self.net = standing, net_atto

    def note(self, told: Told) -> None:
        """What was made of it."""
        if told.deal:
            if len(self.deals) < DEALS_KEPT:
                self.deals.append(told.deal)
        elif told.gate:
            count, first = self.gates.get(told.gate, (0, told.why))
            self.gates[told.gate] = (count + 1, first)
            self.last = (told.gate, told.why)


class BlackBox:
    """`folder`: of the run. `count`: of all opportunities; `lost`: of those that are not written.

    `number_of`, `seen`, `moved`, `standing`, `gone` and `over` are for a frame's turn. Times are monotonic.
    """

    def __init__(self, disk: Disk, folder: str, describe: Describe, clock: Clock) -> None:
        self._describe, self._clock = describe, clock
        self._files = _Files(disk, folder)
        self._open: dict[tuple[Key, int], _Life] = {}
        self._gone = 0
        self._waiting: deque[_Life] = deque()
        self._recent: OrderedDict[int, Seen] = OrderedDict()
        self._written_ns = clock.monotonic_ns()
        self.count = self.lost = 0

    def number_of(self, standing: Opportunity) -> int:
        """Its number in this run, from 1."""
        return self._life(standing).number

    def seen(self, standing: Opportunity, told: Told, now_ns: int, net_atto: int) -> None:
        """It opened or changed, leaves so much now, and this was made of it."""
        life = self._life(standing)
        life.move(standing, net_atto, now_ns)
        life.note(told)
        if told.deal:
            self._waiting.append(life)  # written as it stands, lest a crash takes it

    def moved(self, standing: Opportunity, now_ns: int, net_atto: int) -> None:
        """It opened or changed, leaves so much now, and nobody looked at it."""
        self._life(standing).move(standing, net_atto, now_ns)

    @property
    def standing(self) -> int:
        """How many have been told of, and neither as gone nor as over."""
        return len(self._open) - self._gone

    def gone(self, standing: Sequence[tuple[Any, ...]], now_ns: int) -> None:
        """Only these, by `(key, opened ns, ...)`, stand after this frame: the books of all others are looked at now, as
        they end; `over` comes later."""
        keys = {(one[0], one[1]) for one in standing}
        for place, life in self._open.items():
            if place not in keys and life.ending is None:
                life.ending = self._describe.ending(life.standing, now_ns)
                self._gone += 1

    def over(self, standing: Opportunity, now_ns: int) -> None:
        """It is gone."""
        is_new = (standing.key, standing.opened_ns) not in self._open
        life = self._life(standing)
        del self._open[standing.key, standing.opened_ns]
        if is_new:
            life.last = (EARLY, "it stood before the engine looked at any")
        if life.ending is None:
            life.ending = self._describe.ending(standing, now_ns)
        else:
            self._gone -= 1
        life.move(standing, 0, now_ns)
        life.over_ns = now_ns
        self._wait(life)

    def tick(self, now_ns: int) -> None:
        """Put some of what is over into words, and write now and then. Raises JournalError when the disk fails."""
        for _ in range(min(BATCH, len(self._waiting))):
            self._take(self._waiting.popleft(), now_ns)
        if self._files.waiting and now_ns - self._written_ns >= WRITE_EVERY_NS:
            self._written_ns = now_ns
            self._files.write()

    def find(self, number: int) -> Seen | None:
        """One that stands, or was over lately."""
        for life in (*self._open.values(), *self._waiting):
            if life.number == number:
                return self._row(life, self._clock.monotonic_ns())
        return self._recent.get(number)

    def close(self) -> None:
        """Write everything; what still stands is written as it does. Raises JournalError when the disk fails."""
        now_ns = self._clock.monotonic_ns()
        for life in (*self._waiting, *self._open.values()):
            self._take(life, now_ns)
        self._waiting.clear()
        self._open.clear()
        self._files.close()

    # ---- inside

    def _life(self, standing: Opportunity) -> _Life:
        key = (standing.key, standing.opened_ns)
        life = self._open.get(key)
        if life is None:
            if len(self._open) >= OPEN_MAX:
                oldest = self._open.pop(next(iter(self._open)))
                self._gone -= oldest.ending is not None
                self._wait(oldest)
            self.count += 1
            life = self._open[key] = _Life(self.count, standing, self._describe.sample(standing))
        return life

    def _wait(self, life: _Life) -> None:
        if len(self._waiting) < WAITING_MAX or life.deals:
            self._waiting.append(life)
        else:
            self.lost += 1

    def _take(self, life: _Life, now_ns: int) -> None:
        if life.is_written:
            return
        row = self._row(life, now_ns)
        if self._files.is_full and not row.deals:
            self.lost += 1
            return
        life.is_written = row.is_over
        self._files.add(_encode(row))
        self._recent[row.number] = row
        if len(self._recent) > RECENT_KEPT:
            self._recent.popitem(last=False)

    def _row(self, life: _Life, now_ns: int) -> Seen:
        standing, words = life.standing, self._describe.words(life.standing, life.sample)
        opened_ns, until_ns = standing.opened_ns, life.over_ns or now_ns
        left = life.left + [life.net] * (len(_DELAYS_NS) - len(life.left))
        lifetime_ms = (until_ns - opened_ns) / MS
        gate, why = ("", "") if life.deals else life.last
        if not gate and not life.deals:
            gate, why = UNSEEN, f"refused just before, and {lifetime_ms:.2f} ms later not looked at again yet"
        return Seen(
            number=life.number,
            opened_wall_ns=opened_ns + self._clock.wall_ns() - self._clock.monotonic_ns(),
            lifetime_ms=lifetime_ms,
            updates=standing.updates,
            home=words.home,
            gross_bps=words.gross_bps,
            net_bps=words.net_bps,
            net=words.net,
            legs=words.legs,
            left=tuple(Decimal(net) / ATTO for net in left),
            gates=tuple((name, count) for name, (count, _) in sorted(life.gates.items())),
            gate=gate,
            why=why,
            deal=life.deals[0] if life.deals else 0,
            first_net=Decimal(life.first_net) / ATTO,
            whys=tuple((name, first) for name, (_, first) in sorted(life.gates.items())),
            deals=tuple(life.deals),
            is_over=bool(life.over_ns),
            ended=self._describe.ended(standing, life.ending) if life.over_ns else "",
        )


class _Files:
    """The files of a run, one after another, each a chain of frames of its own. Files that are there are left alone."""

    def __init__(self, disk: Disk, folder: str) -> None:
        self._disk, self._folder = disk, folder
        self._file: DiskFile | None = None
        self._path = folder
        self._place = _START
        self._written = 0
        self.waiting = bytearray()

    @property
    def is_full(self) -> bool:
        """Whether the run has all the room that it gets."""
        return self._written + self._place.at >= RUN_BYTES

    def add(self, body: bytes) -> None:
        """To be written next."""
        if self._place.at >= FILE_BYTES:
            self.write()
            self._let_go()
        data, self._place = frame(body, self._place)
        self.waiting += data

    def write(self) -> None:
        """Raises JournalError."""
        try:
            if self._file is None:
                self._file = self._begin()
            self._file.append(bytes(self.waiting))
        except OSError as error:
            raise JournalError(f"{self._path}: {error.strerror or error}; opportunities cannot be written") from error
        self.waiting.clear()

    def close(self) -> None:
        """Raises JournalError."""
        if self.waiting:
            self.write()
        self._let_go()

    def _begin(self) -> DiskFile:
        self._disk.make_folder(self._folder)
        numbers = [int(match[1]) for name in self._disk.names(self._folder) if (match := NAME.fullmatch(name))]
        self._path = f"{self._folder}/opportunities-{max(numbers, default=0) + 1:04d}.bin"
        self._disk.write(self._path, b"")
        return self._disk.append_to(self._path, 0)

    def _let_go(self) -> None:
        file, self._file = self._file, None
        self._written, self._place = self._written + self._place.at, _START
        if file is not None:
            try:
                file.close()
            except OSError as error:
                raise JournalError(f"{self._path}: {error.strerror or error} when closing") from error


def read_blackbox(disk: Disk, folder: str) -> Iterator[Seen]:
    """All opportunities of a run, each once, in the order of their ends; then those that were never seen to end.

    Of a file whose end is torn, or damaged, what comes before is read. Raises OSError.
    """
    decoder = msgspec.msgpack.Decoder(Seen)
    standing: dict[int, Seen] = {}
    for name in disk.names(folder):
        if NAME.fullmatch(name):
            for seen in scan(disk.read(f"{folder}/{name}"), _START, decoder).records:
                if seen.is_over:
                    standing.pop(seen.number, None)
                    yield seen
                else:
                    standing[seen.number] = seen
    yield from standing.values()
