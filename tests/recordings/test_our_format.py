"""Our own recording format: what is written is read; damage is named, never passed on."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneprice.errors import RecordingError
from oneprice.market.recording import Header, RecordedListing, Recorder, RecordingFile, RecordingWriter, Rest, Tag
from oneprice.model import AssetName, ExchangeName, MarketKind, Symbol, SymbolInfo
from oneprice.venues.kit import Request, Response

HOUR_NS = 3_600_000_000_000
START_NS = 1_723_161_600_000_000_000

INFO = SymbolInfo(
    venue=ExchangeName("binance"),
    market=MarketKind.SPOT,
    symbol=Symbol(AssetName("BTC"), AssetName("USDT")),
    venue_symbol="BTCUSDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00001"),
    min_notional=Decimal(5),
    taker_fee=Decimal("0.001"),
)
HEADER = Header(
    venue="binance",
    market=MarketKind.SPOT,
    started_ns=0,
    listings=(RecordedListing(info=INFO, lot_size=Decimal("1e-6")),),
)


def write(folder: Path, frames: list[bytes], block_bytes: int = 256) -> Path:
    writer = RecordingWriter(folder, HEADER, block_bytes=block_bytes)
    writer.opened(START_NS, 1, "stream")
    for number, frame in enumerate(frames):
        writer.frame(START_NS + number, 1, frame)
    writer.close()
    (path,) = writer.files
    return path


def read(path: Path) -> list[bytes]:
    return [payload for _, _, tag, payload in RecordingFile(path).records() if tag == Tag.FRAME]


@given(frames=st.lists(st.binary(max_size=300), max_size=60), block_bytes=st.integers(1, 4000))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, frames: list[bytes], block_bytes: int
) -> None:
    path = write(tmp_path_factory.mktemp("r"), frames, block_bytes)
    file = RecordingFile(path)
    rows = list(file.records())
    assert [row[:3] for row in rows[:1]] == [(START_NS, 1, Tag.OPENED)]
    assert [(ns, payload) for ns, _, tag, payload in rows if tag == Tag.FRAME] == [
        (START_NS + number, frame) for number, frame in enumerate(frames)
    ]
    assert file.notes == []
    assert file.bytes_read == file.bytes_total


def test_the_header_holds_market_listings_and_rules(tmp_path: Path) -> None:
    header = RecordingFile(write(tmp_path, [b"x"])).header
    assert header.name == "binance-spot"
    assert header.started_ns == START_NS
    (listing,) = header.listings
    assert listing.info == INFO
    assert listing.lot_size == Decimal("1e-6")


def test_rest_answers_and_closings_keep_their_words(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path, HEADER)
    rest = Rest("GET", "/api/v3/depth", (("symbol", "BTCUSDT"), ("limit", "1000")), 200, b'{"bids":[]}')
    writer.rest(START_NS, rest)
    writer.opened(START_NS, 7, "stream")
    writer.closed(START_NS, 7, "the venue restarts")
    writer.frame(START_NS, 7, b"\x00\x01", binary=True)
    writer.close()
    rows = list(RecordingFile(writer.files[0]).records())
    assert msgspec.msgpack.decode(rows[0][3], type=Rest) == rest
    assert rows[2][1:] == (7, Tag.CLOSED, b"the venue restarts")
    assert rows[3][2] == Tag.BINARY


def test_a_new_hour_begins_a_file_that_names_open_connections(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path, HEADER)
    writer.opened(START_NS, 1, "stream")
    writer.opened(START_NS, 2, "gone")
    writer.closed(START_NS, 2, "over")
    writer.frame(START_NS + HOUR_NS, 1, b"next hour")
    writer.close()
    first, second = writer.files
    assert first.name == "binance-spot-20240809T000000Z-000.oprec"
    rows = list(RecordingFile(second).records())
    assert [(row[2], row[3]) for row in rows] == [(Tag.OPENED, b"stream"), (Tag.FRAME, b"next hour")]


def test_size_begins_a_file(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path, HEADER, file_bytes_max=2_000, block_bytes=100)
    noise = [bytes((7 * row + column * column) % 256 for column in range(200)) for row in range(60)]
    for number, frame in enumerate(noise):
        writer.frame(START_NS + number, 1, frame)
    writer.close()
    assert len(writer.files) > 3
    assert [frame for path in writer.files for frame in read(path)] == noise
    assert all(path.stat().st_size < 4_000 for path in writer.files)


def test_a_torn_tail_ends_the_file_with_a_note(tmp_path: Path) -> None:
    frames = [b"frame %d" % number for number in range(200)]
    whole = write(tmp_path, frames).read_bytes()
    torn = tmp_path / "torn.oprec"
    notes = set()
    for cut in range(600, len(whole), 37):
        torn.write_bytes(whole[:cut])
        file = RecordingFile(torn)
        got = [payload for _, _, tag, payload in file.records() if tag == Tag.FRAME]
        assert got == frames[: len(got)]
        assert len(file.notes) == 1
        notes.add(file.notes[0].split(":")[1][:12])
    assert " torn tail" in {note.rstrip() for note in notes}


def test_a_file_cut_within_its_header_says_so(tmp_path: Path) -> None:
    path = write(tmp_path, [b"x"])
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(RecordingError, match="nothing was recorded"):
        RecordingFile(path)


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_never_read_as_data(tmp_path_factory: pytest.TempPathFactory, place: float, bit: int) -> None:
    frames = [b'{"number":%d}' % number for number in range(100)]
    path = write(tmp_path_factory.mktemp("r"), frames)
    damaged = bytearray(path.read_bytes())
    damaged[int(place * len(damaged))] ^= 1 << bit
    path.write_bytes(damaged)
    got: list[bytes] = []
    with pytest.raises(RecordingError, match=path.name):
        got.extend(payload for _, _, tag, payload in RecordingFile(path).records() if tag == Tag.FRAME)
    assert got == frames[: len(got)]


def test_another_schema_is_refused_by_name(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path, msgspec.structs.replace(HEADER, schema=2))
    writer.frame(START_NS, 1, b"x")
    writer.close()
    with pytest.raises(RecordingError, match="schema 2; this build reads schema 1"):
        RecordingFile(writer.files[0])


def test_a_clock_that_steps_back_is_held(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path, HEADER)
    for ns in (5, 3, 4, 9):
        writer.frame(START_NS + ns, 1, b"x")
    writer.close()
    assert [row[0] - START_NS for row in RecordingFile(writer.files[0]).records()] == [5, 5, 5, 9]


# ------------------------------------------------------------------ the recorder that the feeds call


def test_the_recorder_keeps_each_market_in_its_own_files(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        recorder.on_rules("binance", MarketKind.SPOT, [RecordedListing(info=INFO)], START_NS)
        recorder.on_open(1, "binance-spot", "stream", START_NS)
        recorder.on_open(2, "gate-usdm", "public", START_NS)
        memory = bytearray(b"first")
        recorder.on_frame(1, memoryview(memory), False, START_NS)
        memory[:] = b"xxxxx"  # the transport uses its memory again
        recorder.on_frame(2, b"\xff", True, START_NS)
        request = Request(path="/api/v3/depth", query=(("symbol", "BTCUSDT"),))
        recorder.on_rest("binance-spot", request, Response(200, {}, b"{}"), START_NS)
        recorder.on_closed(1, "over", START_NS)
    assert recorder.frames == 2
    assert recorder.lost == 0
    by_market = {file.header.name: list(file.records()) for file in map(RecordingFile, recorder.files)}
    assert [(row[2], row[3][:5]) for row in by_market["binance-spot"]][:2] == [
        (Tag.OPENED, b"strea"),
        (Tag.FRAME, b"first"),
    ]
    assert [row[2] for row in by_market["binance-spot"]] == [Tag.OPENED, Tag.FRAME, Tag.REST, Tag.CLOSED]
    assert [(row[2], row[3]) for row in by_market["gate-usdm"]] == [(Tag.OPENED, b"public"), (Tag.BINARY, b"\xff")]


def test_new_rules_begin_a_new_file(tmp_path: Path) -> None:
    finer = msgspec.structs.replace(INFO, tick_size=Decimal("0.001"))
    with Recorder(tmp_path) as recorder:
        for info in (INFO, INFO, finer):
            recorder.on_rules("binance", MarketKind.SPOT, [RecordedListing(info=info)], START_NS)
            recorder.on_open(1, "binance-spot", "stream", START_NS)
            recorder.on_frame(1, b"x", False, START_NS)
    ticks = [RecordingFile(path).header.listings[0].info.tick_size for path in recorder.files]
    assert ticks == [Decimal("0.01"), Decimal("0.001")]


def test_what_does_not_fit_is_counted_and_told(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, queue_bytes_max=1_000)
    recorder.on_open(1, "binance-spot", "stream", START_NS)
    for _ in range(50):
        recorder.on_frame(1, bytes(400), False, START_NS)
    lost = recorder.lost
    recorder.on_closed(1, "over", START_NS)
    recorder.close()
    assert 0 < lost < 50
    rows = list(RecordingFile(recorder.files[0]).records())
    assert sum(int(row[3]) for row in rows if row[2] == Tag.LOST) == lost
    assert sum(row[2] == Tag.FRAME for row in rows) == 50 - lost


def test_a_disk_that_refuses_ends_with_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    recorder = Recorder(tmp_path / "file")
    recorder.on_open(1, "binance-spot", "stream", START_NS)
    recorder.on_frame(1, b"x", False, START_NS)
    with pytest.raises(RecordingError, match="cannot be written"):
        recorder.close()
    assert recorder.failure is not None
