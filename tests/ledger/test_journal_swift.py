"""The Rust core reads and seals a journal's frames as the reference does, whatever they hold."""

from __future__ import annotations

import random
from decimal import Decimal

import msgspec
import pytest
from tests.ledger.streams import Stream
from tests.ledger.written import deal, ended, noted, started

from oneprice.ledger import frames, swift
from oneprice.ledger.frames import BODY_BYTES_MAX, HEAD, Place, Scanned, scan
from oneprice.ledger.records import AnyRecord, BalanceOpened, TransferTold

core = pytest.importorskip("oneprice._core", reason="the Rust core is not built")
DECODER: msgspec.msgpack.Decoder[AnyRecord] = msgspec.msgpack.Decoder(AnyRecord)
READER = core.Reader(list(swift.shapes(AnyRecord)))
START = Place(0, 41, 0xC0FFEE)
ODD_NUMBERS = [
    "",
    "-",
    "+1",
    ".5",
    "5.",
    "1e3",
    "NaN",
    "sNaN",
    "Infinity",
    "1_000",
    " 1",
    "1E",
    "1E+99999",
    "٣",
    "0" * 65,
]
PLAIN_NUMBERS = ["0", "-0", "0.000", "-12.50", "1E+3", "1.5E-18", "0E-8", "9" * 60]


def sealed(bodies: list[bytes]) -> bytes:
    return frames.seal(bodies, START.number, START.checksum)[0]


def read_by_both(data: bytes, start: Place = START) -> Scanned[AnyRecord]:
    """What the reference makes of it, and the core too: the same down to the numbers' last zeros, in words since
    a NaN equals nothing."""
    ours, theirs = scan(data, start, DECODER), scan(data, start, DECODER, READER)
    assert repr(theirs) == repr(ours)
    return ours


def bodies_of(records: list[AnyRecord]) -> list[bytes]:
    return [msgspec.msgpack.encode(record) for record in records]


def test_every_kind_of_record_is_known_to_the_core() -> None:
    assert {tag for tag, _, _ in swift.shapes(AnyRecord)} == {kind.__name__ for kind in AnyRecord.__args__}


def test_plain_records_are_not_left_to_msgspec() -> None:
    def decode(body: bytes) -> object:
        raise AssertionError(body)

    records = [started(), *deal(1), noted(1), ended(), BalanceOpened(1, "a", "B", Decimal("1E+3"))]
    made, *_, error = READER.scan(sealed(bodies_of(records)), *START, decode)
    assert (made, error) == (records, None)


@pytest.mark.parametrize("seed", range(20))
def test_both_read_the_same_of_what_an_engine_writes(seed: int) -> None:
    records = Stream(seed).go_on(150)
    assert read_by_both(sealed(bodies_of(records))).records == records


def test_both_seal_the_same() -> None:
    chance = random.Random(1)
    for count in range(30):
        bodies = [chance.randbytes(chance.choice((0, 1, 7, 8, 9, 200))) for _ in range(count)]
        number, checksum = chance.getrandbits(40), chance.getrandbits(32)
        assert core.seal(bodies, number, checksum) == frames.seal(bodies, number, checksum)


@pytest.mark.parametrize("seed", range(40))
def test_both_judge_bodies_alike_that_nobody_writes(seed: int) -> None:
    """The checksums are right, so only what is in the bodies decides."""
    chance = random.Random(seed)
    bodies = bodies_of([started(), *deal(3), noted(1), ended()])
    for _ in range(200):
        body = bytearray(chance.choice(bodies))
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(body))
            body[at : at + chance.randint(0, 2)] = chance.choice((b"", b"\xc0", b"\xc2", b"\x00", chance.randbytes(1)))
        read_by_both(sealed([bodies[0], bytes(body), bodies[1]]))


@pytest.mark.parametrize("text", ODD_NUMBERS + PLAIN_NUMBERS)
def test_both_know_the_same_numbers(text: str) -> None:
    body = msgspec.msgpack.encode(["TransferTold", 1, "a", "USDT", text, "deposit"])
    found = read_by_both(sealed([body, body]))
    if text in PLAIN_NUMBERS:
        wanted = TransferTold(1, "a", "USDT", Decimal(text), "deposit")
        assert list(map(repr, found.records)) == [repr(wanted)] * 2


@pytest.mark.parametrize(
    "number", [0, 127, 128, 2**31, 2**63 - 1, 2**63, 2**64 - 1, -1, -33, -(2**31), -(2**63), 1.0, True]
)
def test_both_know_the_same_whole_numbers(number: float) -> None:
    read_by_both(sealed([msgspec.msgpack.encode(["RunEnded", number, "why"])]))


def test_fields_that_an_earlier_build_did_not_write_have_their_defaults() -> None:
    told = msgspec.msgpack.decode(bodies_of(deal(1))[-1])
    assert read_by_both(sealed([msgspec.msgpack.encode(told[:-1])])).records == deal(1)[-1:]
    more = msgspec.msgpack.encode([*told, "of a later build"])
    assert read_by_both(sealed([more])).records == deal(1)[-1:]


@pytest.mark.parametrize("length", [0, 31, 32, 40, 41, 255, 256, 65_535, 65_536])
def test_texts_of_any_length_come_back(length: int) -> None:
    records = [noted(1, padding=length), noted(2, padding=length), noted(1, padding=length)]
    assert read_by_both(sealed(bodies_of(records))).records == records


def test_every_flipped_bit_and_every_cut_is_seen_by_both() -> None:
    data = sealed(bodies_of([noted(1), noted(2)]))
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        assert read_by_both(bytes(flipped)).fault
    for length in range(1, len(data)):
        whole = length == len(data) // 2
        assert bool(read_by_both(data[:length]).fault) is not whole


def test_a_frame_of_the_largest_body_is_read_and_a_larger_one_is_not() -> None:
    empty = len(bodies_of([noted(1, padding=70_000)])[0]) - 70_000
    for more, count in ((0, 1), (1, 0)):
        data = sealed(bodies_of([noted(1, padding=BODY_BYTES_MAX - empty + more)]))
        assert len(data) == HEAD.size + BODY_BYTES_MAX + more
        assert len(read_by_both(data).records) == count


@pytest.mark.parametrize("start", [Place(0, 2**64 - 1, 0), Place(10**9, 41, 0), Place(0, 40, 0xC0FFEE)])
def test_both_stop_at_once_at_a_place_that_nothing_continues(start: Place) -> None:
    data = sealed(bodies_of([noted(1)]))
    assert READER.scan(data, *start, DECODER.decode) == ([], *start, None)
    assert frames._scan(data, *start, DECODER.decode) == ([], *start, None)


def test_an_error_that_is_not_about_the_record_is_not_taken_for_one() -> None:
    class Broken:
        def decode(self, buf: bytes, /) -> AnyRecord:
            raise MemoryError

    data = sealed([msgspec.msgpack.encode(["unknown"])])
    for reader in (None, READER):
        with pytest.raises(MemoryError):
            scan(data, START, Broken(), reader)
