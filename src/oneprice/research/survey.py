"""The first look at a file of lines: whose frames are in it, and on which grid their numbers lie.

Rules are not recorded there. A grid on which every number of a listing lies exactly follows from the finest
decimals that it ever has; it may be finer than the venue's tick, never coarser than what is in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import NamedTuple

from oneprice.core.decode import Decoder
from oneprice.core.describe import Condition, Depth, LevelShape, Quote, Snapshot, Stream, encode
from oneprice.core.jsonframe import FrameError
from oneprice.core.numbers import NumberError, parse_decimal
from oneprice.market.recording import PlainFile

LEVELS_MAX = 100_000
TRIED_MAX = 50
_QUOTE_MARK = {"quoted": b'"', "bare": b"", "any": b'"?'}
_TOKENS = re.compile(r"[A-Za-z0-9]+(?:[_/-][A-Za-z0-9]+)?", re.ASCII)


@dataclass
class Found:
    """One listing in a file, and what of it."""

    venue_symbol: str
    depth: bool = False
    quotes: bool = False
    price_decimals: int = 0
    quantity_decimals: int = 0

    @property
    def tick_size(self) -> Decimal:
        """The price grid."""
        return Decimal(1).scaleb(-self.price_decimals)

    @property
    def lot_size(self) -> Decimal:
        """The quantity grid."""
        return Decimal(1).scaleb(-self.quantity_decimals)


class Survey:
    """Reads a file once. `found` by venue symbol; `snapshots`: numbers of the lines that hold a REST book, from 0."""

    def __init__(self, stream: Stream, snapshot: Snapshot | None) -> None:
        self.found: dict[str, Found] = {}
        self.snapshots: set[int] = set()
        self._decoder = Decoder(encode(stream), LEVELS_MAX)
        self._snapshot = snapshot
        self._body_decoder = None if snapshot is None else Decoder(encode(snapshot), LEVELS_MAX)
        self._snapshot_keys = [] if snapshot is None else _snapshot_keys(snapshot)
        self._symbol_before = _keys_pattern(_last_key(message.symbol) for message in stream.messages)
        self._symbol = re.compile(self._symbol_before + rb'"([^"]+)"')
        self._new_symbol = self._symbol
        self._kinds = [_Kind(message) for message in stream.messages if isinstance(message, Depth | Quote)]
        self._numbers = _Numbers([kind.message for kind in self._kinds], snapshot)
        self._owner: dict[bytes, Found | None] = {}

    def read(self, file: PlainFile) -> None:
        """Look through all lines."""
        number = 0
        for chunk in file.chunks():
            self._look(chunk, number)
            number += chunk.count(b"\n")

    # ------------------------------------------------------------------ inside

    def _look(self, chunk: bytes, number: int) -> None:
        if self._snapshot_keys and all(key in chunk for key in self._snapshot_keys):
            self._find_snapshots(chunk.splitlines(), number)
        while match := self._new_symbol.search(chunk):
            self._owner[match.group(1)] = self._judge(match.group(1), chunk.splitlines())
            known = b"|".join(re.escape(text) for text in self._owner)
            self._new_symbol = re.compile(self._symbol_before + rb'"(?!(?:%b)")([^"]+)"' % known)
        if len(self.found) == 1:
            (found,) = self.found.values()
            self._measure(found, chunk)
        elif self.found:
            for found, own in self._sorted(chunk.splitlines()):
                self._measure(found, b"\n".join(own))

    def _find_snapshots(self, lines: list[bytes], number: int) -> None:
        if self._body_decoder is None:
            return
        for offset, line in enumerate(lines):
            if all(key in line for key in self._snapshot_keys):
                frame = line.partition(b" ")[2]
                try:
                    if self._decoder.read(frame)[0] < 0:
                        _, slots = self._body_decoder.read(frame)
                        self._body_decoder.depth(0, slots)
                        self.snapshots.add(number + offset)
                except ValueError:  # neither: the hub will say what it is
                    continue

    def _judge(self, text: bytes, lines: list[bytes]) -> Found | None:
        """Whose symbol a text is, by a frame that carries it; None when it is none."""
        carriers = islice((line for line in lines if text in line), TRIED_MAX)
        for line in carriers:
            index, symbol = self._symbol_in(line)
            if index >= 0 and symbol.encode() == text:
                venue_symbol = venue_symbol_in(symbol)
                return self.found.setdefault(venue_symbol, Found(venue_symbol))
        return None

    def _symbol_in(self, line: bytes) -> tuple[int, str]:
        """Which message a line is, -1 for none, and the symbol it carries."""
        try:
            index, slots = self._decoder.read(line.partition(b" ")[2])
            return index, self._decoder.symbol(index, slots) if index >= 0 else ""
        except FrameError:
            return -1, ""

    def _sorted(self, lines: list[bytes]) -> Iterator[tuple[Found, list[bytes]]]:
        """The lines of each listing. Those that name none, as REST books, count for all."""
        own: dict[str, list[bytes]] = {}
        nameless: list[bytes] = []
        for line in lines:
            match = self._symbol.search(line)
            found = self._owner.get(match.group(1)) if match else None
            if found:
                own.setdefault(found.venue_symbol, []).append(line)
            else:
                nameless.append(line)
        for venue_symbol, mine in own.items():
            yield self.found[venue_symbol], mine + nameless

    def _measure(self, found: Found, chunk: bytes) -> None:
        missing = [kind for kind in self._kinds if not (found.depth if kind.is_depth else found.quotes)]
        if missing:
            lines = chunk.splitlines()
            for kind in missing:
                there = self._is_there(kind, lines)
                found.depth |= there and kind.is_depth
                found.quotes |= there and not kind.is_depth
        small = b"e-" in chunk or b"E-" in chunk
        found.price_decimals = self._numbers.price(chunk, found.price_decimals, small)
        found.quantity_decimals = self._numbers.quantity(chunk, found.quantity_decimals, small)

    def _is_there(self, kind: _Kind, lines: list[bytes]) -> bool:
        for line in lines:
            if kind.may_be(line):
                index, _ = self._symbol_in(line)
                if index >= 0 and self._decoder.messages[index] == kind.message:
                    return True
        return False


def venue_symbol_in(text: str) -> str:
    """The venue's symbol in what frames carry: `BTC_USDT` in `ob.BTC_USDT.50`. The longest word with a letter."""
    words = [word for word in _TOKENS.findall(text) if not word.isdigit()]
    return max(words, key=len, default=text)


class _Kind:
    """One described message, and a cheap test whether a line may hold it."""

    def __init__(self, message: Depth | Quote) -> None:
        self.message = message
        self.is_depth = isinstance(message, Depth)
        self._tests = [_condition(test) for test in message.when]

    def may_be(self, line: bytes) -> bool:
        return all(test.search(line) for test in self._tests)


class _Place(NamedTuple):
    """Where a number stands: after a key, first in a pair, or second in a pair when `key` is empty."""

    key: str
    second: bool
    quote: bytes

    def before(self) -> bytes:
        """The pattern of what stands before the number. It begins with a literal, for speed."""
        if self.key:
            return rb'"%b"\s*+:\s*+%b' % (re.escape(self.key.encode()), self.quote)
        first = rb"\[\s*+%b" % self.quote
        return rb"%b[0-9.eE+-]++%b\s*+,\s*+%b" % (first, self.quote, self.quote) if self.second else first


class _Numbers:
    """Finds numbers finer than a known count of decimals, by where in a frame prices and quantities stand."""

    def __init__(self, messages: Sequence[Depth | Quote], snapshot: Snapshot | None) -> None:
        prices: set[_Place] = set()
        quantities: set[_Place] = set()
        shapes: set[LevelShape] = {snapshot.level} if snapshot else set()
        for message in messages:
            if isinstance(message, Depth):
                shapes.add(message.level)
                continue
            for path in (message.bid_price, message.ask_price):
                prices.add(_Place(_last_key(path), False, _QUOTE_MARK[message.price]))
            for path in (message.bid_quantity, message.ask_quantity):
                quantities.add(_Place(_last_key(path), False, _QUOTE_MARK[message.quantity]))
        for shape in shapes:
            prices.add(_Place(shape.price_key, False, _QUOTE_MARK[shape.price]))
            quantities.add(_Place(shape.quantity_key, True, _QUOTE_MARK[_wider(shape.price, shape.quantity)]))
        self._prices, self._quantities = sorted(prices), sorted(quantities)

    def price(self, chunk: bytes, decimals: int, small: bool) -> int:
        """The finest decimals of prices, at least `decimals`. `small`: there may be powers of ten below one."""
        return _finest(self._prices, chunk, decimals, small)

    def quantity(self, chunk: bytes, decimals: int, small: bool) -> int:
        """The finest decimals of quantities, at least `decimals`."""
        return _finest(self._quantities, chunk, decimals, small)


def _finest(places: Sequence[_Place], chunk: bytes, decimals: int, small: bool) -> int:
    for place in places:
        if not small and re.search(rb"\.[0-9]{%d}0*+[1-9]" % decimals, chunk) is None:
            return decimals
        decimals = _finest_at(place.before(), chunk, decimals, small)
    return decimals


def _finest_at(before: bytes, chunk: bytes, decimals: int, small: bool) -> int:
    at = 0
    powers = rb"|[0-9.]++[eE]-[0-9]++" if small else b""
    while True:
        finer = rb"%b([0-9]++\.[0-9]{%d}0*+[1-9][0-9]*+%b)" % (before, decimals, powers)
        for match in re.compile(finer).finditer(chunk, at):
            try:
                more = parse_decimal(match.group(1).decode())[1]
            except NumberError:
                continue
            if more > decimals:
                decimals, at = more, match.end()
                break
        else:
            return decimals


def _wider(one: str, other: str) -> str:
    return one if one == other else "any"


def _condition(test: Condition) -> re.Pattern[bytes]:
    key = rb'"%b"\s*:' % re.escape(_last_key(test.path).encode())
    if test.equals is not None:
        return re.compile(rb'%b\s*"?%b' % (key, re.escape(test.equals.encode())))
    return re.compile(b"" if test.has is False else key)


def _keys_pattern(keys: Iterable[str]) -> bytes:
    """Any of the keys, up to where its value begins. A single one begins with a literal, for speed."""
    names = sorted({re.escape(key.encode()) for key in keys})
    return rb'"%b"\s*+:\s*+' % (names[0] if len(names) == 1 else b"(?:%b)" % b"|".join(names))


def _snapshot_keys(snapshot: Snapshot) -> list[bytes]:
    return [b'"%b"' % _last_key(path).encode() for path in (snapshot.last[0], snapshot.bids, snapshot.asks)]


def _last_key(path: str) -> str:
    return path.rpartition(".")[2]
