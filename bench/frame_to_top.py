"""How long from the bytes of a frame, handed over from Python, until the book is updated and its top is known?

Depth frames and best-bid-ask frames; Rust core and Python reference (one `on_frame` call a frame, as the engine makes
it), a C program that does nothing else and trusts its input as the floor, and ccxt.pro's own handler. All get the same
frames in the same run, in interleaved rounds, and must end with the same top. Binance's recordings where they are
present (`shared/` beside the checkout, or ONEPRICE_SHARED), otherwise frames that `generated.py` makes.

`best`: of each batch of 200 frames the best pass, then the mean. `median`: the median round.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from decimal import Decimal
from importlib.util import find_spec
from typing import Any

import msgspec
from contenders import Case, Ccxt, Contender, Floor, HubContender, Pass, best_of
from generated import generate
from recorded import RECORDINGS, read, recordings_folder
from report import arguments, machine, say_conditions, table, verdict, write

from oneprice.core.describe import Snapshot
from oneprice.venues.binance.streams import SPOT_RAW, SPOT_SNAPSHOT, USDM_SNAPSHOT
from oneprice.venues.kit import wrapped

RUST, RUST_READ, PYTHON, FLOOR, CCXT = "Rust core", "Rust core, top read", "Python reference", "C floor", "ccxt.pro"


class _Levels(msgspec.Struct):
    b: list[tuple[msgspec.Raw, msgspec.Raw]]
    a: list[tuple[msgspec.Raw, msgspec.Raw]]


class _Frame(msgspec.Struct):
    data: _Levels


def main() -> int:
    """Run, print, perhaps write. 1 when the contenders disagree."""
    options = _options()
    conditions = machine("ccxt", "orjson", "msgspec")
    say_conditions(conditions)
    cases, source = _cases(options)
    print(f"{source}; {options.rounds} rounds\n")
    with ExitStack() as stack:
        contenders = _contenders(stack, options.only)
        passes = _rounds(cases, contenders, options.rounds)
    agreed = _agree(cases, contenders, passes)
    result: dict[str, Any] = {"question": (__doc__ or "").splitlines()[0], "conditions": conditions}
    result |= {"source": source, "rounds": options.rounds, "tops_agree": agreed}
    for job in ("depth", "quotes"):
        result[job] = _tell(job, cases, contenders, passes)
    result["targets"] = _targets(result)
    write(options.json, result)
    return 0 if agreed else 1


def _options() -> argparse.Namespace:
    parser = arguments(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quotes", type=int, default=8_000, help="best-bid-ask frames of each listing (default 8000)")
    parser.add_argument("--generated", action="store_true", help="generated frames even where recordings are present")
    parser.add_argument("--only", nargs="*", default=(), help="contenders whose name holds one of these words")
    return parser.parse_args()


def _cases(options: argparse.Namespace) -> tuple[list[Case], str]:
    folder = None if options.generated else recordings_folder()
    if folder is None:
        market = generate("BTCUSDT", 3_000)
        tick, lot = Decimal("0.01"), Decimal("0.00001")
        case = _case("generated", "spot", "BTCUSDT", SPOT_SNAPSHOT, tick, lot, market.snapshot, market.of("depth"), [])
        return [_with_quotes(case, market.of("quote"), options.quotes)], "generated frames"
    cases = []
    for recording in RECORDINGS:
        market_name, _, file = recording.path.partition("/")
        snapshot, depth, quotes = read(folder / recording.path)
        described = SPOT_SNAPSHOT if market_name == "spot" else USDM_SNAPSHOT
        name = f"{market_name}/{file[:3]}"
        case = _case(name, market_name, recording.symbol, described, recording.tick, recording.lot, snapshot, depth, [])
        case = msgspec.structs.replace(case) if isinstance(case, msgspec.Struct) else case
        cases.append(_with_quotes(case, quotes, options.quotes))
    return cases, f"recorded frames of {', '.join(case.name for case in cases)}"
