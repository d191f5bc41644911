"""A described frame, decoded: text and positions, not yet in anybody's ticks.

`Decoder.read` finds which message a frame is; `depth`, `quote` and `trades` then take its parts. They raise
FrameError when the frame as a whole cannot be trusted and PartError when only this symbol's message is wrong.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from oneprice.core import jsonframe, protoframe
from oneprice.core.describe import Condition, Depth, LevelShape, Quote, Snapshot, Stream, Time, Trades
from oneprice.core.jsonframe import Bare, Doubled, FrameError, Node, add_path
from oneprice.core.numbers import NumberError, parse_id, parse_time_ns

Level = tuple[str, str]


class Levels:
    """One side's levels. `rows` are lists, most likely of two texts each; `checked` makes sure of it."""

    __slots__ = ("_depth", "_protobuf", "_shape", "rows")

    def __init__(self, rows: list[object], shape: LevelShape, protobuf: bool, depth: int) -> None:
        self.rows, self._shape, self._protobuf, self._depth = rows, shape, protobuf, depth

    def checked(self) -> list[Level]:
        """Prices and quantities in the described form. Raises PartError, FrameError."""
        jsonframe.check_nesting(self.rows, self._depth)
        return _levels(self.rows, self._shape, self._protobuf)

    @property
    def likely_plain(self) -> bool:
        """Lists, where quoted pairs are wanted: their texts may be looked up before they are checked."""
        shape = self._shape
        quoted = shape.kind == "array" and shape.price != "bare" and shape.quantity != "bare"
        return quoted and not self._protobuf and set(map(type, self.rows)) <= {list}


class PartError(ValueError):
    """The frame is sound, this message is not: a field is missing, of the wrong type, or no number."""


class DepthPart(NamedTuple):
    """`previous` is None for a whole book. Levels are `(price, quantity)` texts."""

    previous: int | None
    last: int
    bids: Levels
    asks: Levels
    event_ns: int


class QuotePart(NamedTuple):
    """A side is None when it is empty. `id` is 0 when the venue gives none."""

    id: int
    bid: Level | None
    ask: Level | None
    event_ns: int


class TradePart(NamedTuple):
    """`side` is 1 when the taker bought, -1 when it sold."""

    price: str
    quantity: str
    side: int
    id: str
    event_ns: int
    symbol: str = ""


class Decoder:
    """Compiled from a Stream or a Snapshot description (as JSON)."""

    def __init__(self, description: bytes, levels_max: int) -> None:
        self.levels_max = levels_max
        self._root = Node()
        self._paths: list[str] = []
        self._slot_of: dict[str, int] = {}
        told = msgspec.json.decode(description, type=Stream | Snapshot)
        stream = _snapshot_stream(told) if isinstance(told, Snapshot) else told
        self.messages = stream.messages
        self.protobuf = stream.format == "protobuf"
        self.frame_bytes_max = stream.frame_bytes_max
        self._whens = [[(self._slot(test.path), test) for test in message.when] for message in stream.messages]
        self._repeated: set[int] = set()
        for message in stream.messages:
            self._register(message)
        self._lists = frozenset(self._repeated)
        self._empty: list[object] = [None] * len(self._paths)

    def read(self, frame: bytes) -> tuple[int, list[object]]:
        """`(index of the message or -1 for a control frame, slots)`. Raises FrameError."""
        if len(frame) > self.frame_bytes_max:
            raise FrameError(f"{len(frame)} bytes, more than {self.frame_bytes_max}")
        slots = self._empty.copy()
        if not self.protobuf:
            jsonframe.read(frame, self._root, slots)
        elif frame[:1] == b"{":
            return -1, slots
        else:
            protoframe.read(frame, self._root, slots, self._lists)
        index = self._match(slots)
        if not self.protobuf:
            self.check_lists(index, slots)
        return index, slots

    def symbol(self, index: int, slots: list[object]) -> str:
        """The venue's symbol in the frame. Raises FrameError: without it nothing can be said of the frame.

        Trades whose rows have symbols of their own give ""."""
        if not self.messages[index].symbol:
            return ""
        value = slots[self._slot_of[self.messages[index].symbol]]
        if type(value) is not str:
            raise FrameError("no symbol")
        return value

    def depth(self, index: int, slots: list[object]) -> DepthPart:
        """The change or book in the frame. Raises PartError, FrameError."""
        message = self.messages[index]
        assert isinstance(message, Depth)
        sides = [self._side(slots, path, message) for path in (message.bids, message.asks)]
        last = self._id(slots, message.last)
        if last is None:
            raise PartError(f"no sequence number in {message.last}")
        whole = message.full or message.full_when is not None and self._get(slots, message.full_when) is True
        previous = None
        if not whole:
            if message.previous:
                previous = self._id(slots, message.previous)
            else:
                first = self._id(slots, message.first) or last
                previous = first - 1
            if previous is None:
                raise PartError(f"no sequence number in {message.previous}")
            if previous > last:
                raise PartError(f"sequence runs backwards, {previous} to {last}")
        return DepthPart(previous, last, sides[0], sides[1], self._time(slots, message.time))

    def quote(self, index: int, slots: list[object]) -> QuotePart:
        """The best bid and ask in the frame. Raises PartError."""
        message = self.messages[index]
        assert isinstance(message, Quote)
        bid = self._quote_side(slots, message, message.bid_price, message.bid_quantity)
        ask = self._quote_side(slots, message, message.ask_price, message.ask_quantity)
        number = self._id(slots, message.id) if message.id else 0
        if number is None:
            raise PartError(f"no number in {message.id}")
        return QuotePart(number, bid, ask, self._time(slots, message.time))

    def trades(self, index: int, slots: list[object]) -> list[TradePart]:
        """The trades in the frame, in its order. Raises PartError."""
        message = self.messages[index]
        assert isinstance(message, Trades)
        if not message.rows:
            paths = (message.price_path, message.quantity_path, message.side, message.id)
            row = {path: self._get(slots, path) for path in paths if path}
            if message.time:
                row[message.time.path] = self._get(slots, message.time.path)
            return [_trade(message, row)]
        rows = self._get(slots, message.rows)
        if not isinstance(rows, list):
            raise PartError(f"{message.rows} is no list")
        if len(rows) > self.levels_max:
            raise PartError(f"{len(rows)} trades in one frame, more than {self.levels_max}")
        return [_trade(message, _row(row)) for row in rows]

    # ------------------------------------------------------------------ compiling

    def _slot(self, path: str) -> int:
        slot = self._slot_of.get(path)
        if slot is None:
            slot = add_path(self._root, path.split("."), len(self._paths))
            self._paths.append(path)
            self._slot_of[path] = slot
        return slot

    def _register(self, message: Depth | Quote | Trades) -> None:
        if message.symbol:
            self._slot(message.symbol)
        if isinstance(message, Depth):
            for path in (*message.last, *message.first, *message.previous):
                self._slot(path)
            self._repeated |= {self._slot(message.bids), self._slot(message.asks)}
            if message.full_when:
                self._slot(message.full_when)
        elif isinstance(message, Quote):
            for path in (
                message.bid_price,
                message.bid_quantity,
                message.ask_price,
                message.ask_quantity,
                *message.id,
            ):
                self._slot(path)
        elif message.rows:
            self._repeated.add(self._slot(message.rows))
            return
        else:
            for path in (message.price_path, message.quantity_path, message.side, message.id):
                if path:
                    self._slot(path)
        if message.time:
            self._slot(message.time.path)

    # ------------------------------------------------------------------ taking apart

    def _match(self, slots: list[object]) -> int:
        for index, tests in enumerate(self._whens):
            if all(_holds(test, slots[slot]) for slot, test in tests):
                return index
        return -1

    def check_lists(self, index: int, slots: list[object]) -> None:
        """Nesting of the lists in slots. Raises FrameError. Those that `depth` gives check themselves."""
        message = self.messages[index] if index >= 0 else None
        walked = (message.bids, message.asks) if isinstance(message, Depth) else ()
        for path, slot in self._slot_of.items():
            if type(slots[slot]) is list and path not in walked:
                jsonframe.check_nesting(slots[slot], path.count(".") + 1)

    def check_levels(self, index: int, slots: list[object], rows: bool = False) -> None:
        """The levels of a message that is not taken apart to its end: their nesting, and with `rows` that they are
        protobuf messages. Raises FrameError."""
        message = self.messages[index]
        for path in (message.bids, message.asks) if isinstance(message, Depth) else ():
            levels = slots[self._slot_of[path]]
            if not self.protobuf:
                jsonframe.check_nesting(levels, path.count(".") + 1)
            elif rows and isinstance(levels, list) and len(levels) <= self.levels_max:
                for row in levels:
                    protoframe.message(row)

    def _get(self, slots: list[object], path: str) -> object:
        return slots[self._slot_of[path]]

    def _id(self, slots: list[object], paths: tuple[str, ...]) -> int | None:
        for path in paths:
            value = slots[self._slot_of[path]]
            if value is None or value == "":
                continue
            if type(value) is not Bare and type(value) is not str:
                raise PartError(f"{path} is no sequence number")
            try:
                number = parse_id(value)
            except NumberError as error:
                raise PartError(f"{path}: {error}") from None
            if number:
                return number
        return None

    def _time(self, slots: list[object], time: Time | None) -> int:
        return 0 if time is None else _event_time(slots[self._slot_of[time.path]], time)

    def _side(self, slots: list[object], path: str, message: Depth) -> Levels:
        rows = slots[self._slot_of[path]]
        if rows is None:
            if message.may_miss_side:
                return Levels([], message.level, self.protobuf, 1)
            raise PartError(f"no {path}")
        if not isinstance(rows, list):
            raise PartError(f"{path} is no list")
        if len(rows) > self.levels_max:
            raise PartError(f"{len(rows)} levels in one frame, more than {self.levels_max}")
        return Levels(rows, message.level, self.protobuf, path.count(".") + 1)

    def _quote_side(self, slots: list[object], message: Quote, price_path: str, quantity_path: str) -> Level | None:
        price, quantity = self._get(slots, price_path), self._get(slots, quantity_path)
        if price is None or price == "":
            return None
        level = (
            _require(price, message.price, price_path),
            _require(quantity, message.quantity, quantity_path),
        )
        return level if level[0].strip("0.") else None


def _snapshot_stream(snapshot: Snapshot) -> Stream:
    """A REST answer as a stream of one message that always matches; its listing is known to the caller."""
    depth = Depth(
        name="snapshot",
        when=(),
        symbol="",
        last=snapshot.last,
        bids=snapshot.bids,
        asks=snapshot.asks,
        level=snapshot.level,
        full=True,
        time=snapshot.time,
    )
    return Stream(messages=(depth,), frame_bytes_max=snapshot.frame_bytes_max)


def _holds(test: Condition, value: object) -> bool:
    if test.has is not None:
        return (value is not None) is test.has
    if type(value) is not str:
        return False
    if test.equals is not None:
        return value == test.equals
    if test.prefix is not None:
        return value.startswith(test.prefix)
    return test.suffix is not None and value.endswith(test.suffix)


def _levels(rows: list[object], shape: LevelShape, protobuf: bool) -> list[Level]:
    pairs: list[list[object]]
    if shape.kind == "array" and not protobuf:
        pairs = [row for row in rows if isinstance(row, list) and len(row) > 1]
        if len(pairs) != len(rows):
            raise PartError("a level is no list of price and quantity")
    else:
        objects = [_row(row) for row in rows]
        pairs = [[_member(row, shape.price_key), _member(row, shape.quantity_key)] for row in objects]
    return [
        (_require(pair[0], shape.price, "a level's price"), _require(pair[1], shape.quantity, "a level's quantity"))
        for pair in pairs
    ]


def _row(row: object) -> dict[str, object]:
    if isinstance(row, bytes):
        return protoframe.message(row)
    if not isinstance(row, dict):
        raise PartError("a row is no object")
    return row


def _member(row: dict[str, object], key: str) -> object:
    if isinstance(row, Doubled) and key in row.doubled:
        raise PartError(f"{key} stands twice")
    return row.get(key)


def _trade(message: Trades, row: dict[str, object]) -> TradePart:
    price = _require(_member(row, message.price_path), message.price, message.price_path)
    text = _require(_member(row, message.quantity_path), message.quantity, message.quantity_path)
    if message.side:
        told = _member(row, message.side)
        word = {True: "true", False: "false"}.get(told) if type(told) is bool else told
        side = 1 if word == message.buy else -1 if word == message.sell else 0
        if not side:
            raise PartError(f"side {told!r} is neither {message.buy!r} nor {message.sell!r}")
    else:
        side, text = (-1, text[1:]) if text.startswith("-") else (1, text)
    number = _member(row, message.id) if message.id else ""
    if number is not None and not (isinstance(number, str) and _is_text(number)):
        raise PartError(f"{message.id} is no trade id")
    event_ns = _event_time(_member(row, message.time.path), message.time) if message.time else 0
    symbol = _member(row, message.row_symbol) if message.row_symbol else ""
    if type(symbol) is not str:
        raise PartError(f"no symbol in {message.row_symbol}")
    return TradePart(price, text, side, str(number or ""), event_ns, symbol)


def _is_text(text: str) -> bool:
    """No half of a surrogate pair, no byte that was not UTF-8."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _event_time(value: object, time: Time) -> int:
    if value is None or value == "":
        return 0
    if type(value) is not Bare and type(value) is not str:
        raise PartError(f"{time.path} is no time")
    try:
        return parse_time_ns(value, time.unit)
    except NumberError as error:
        raise PartError(f"{time.path}: {error}") from None


def _require(value: object, form: str, where: str) -> str:
    if not isinstance(value, str) or form == ("bare" if type(value) is str else "quoted"):
        raise PartError(f"{where} is not a {form} number")
    return value
