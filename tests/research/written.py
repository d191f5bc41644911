"""A small market written by hand: its frames as Binance sends them, and what is true at every number."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

START_NS = 1_700_000_000_000_000_000
MS = 1_000_000

Line = tuple[int, bytes]
Levels = tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]


@dataclass
class Market:
    """One listing's frames in order, and its whole book (best first) by the number of its last change."""

    lines: list[Line] = field(default_factory=list)
    books: dict[int, Levels] = field(default_factory=dict)
    depth_at: list[int] = field(default_factory=list)


def make_market(
    seed: int, *, futures: bool = False, steps: int = 60, symbol: str = "BTCUSDT", middle: int = 10_000
) -> Market:
    """A book that is changed level by level; prices in cents, quantities in thousandths."""
    chance = random.Random(seed)
    market = Market()
    bids = {middle - 1 - step: chance.randint(1, 9_000) for step in range(30)}
    asks = {middle + step: chance.randint(1, 9_000) for step in range(30)}
    number = previous = 1_000 * seed + 7
    ns = START_NS + seed * 3 * MS
    market.books[number] = _levels(bids, asks)
    snapshot_at = 4
    for step in range(steps):
        ns += chance.randint(1, 40) * MS
        first = number + 1
        changed = _change(chance, bids, asks)
        number += len(changed[0]) + len(changed[1])
        data: dict[str, object] = {"e": "depthUpdate", "E": ns // MS, "s": symbol, "U": first, "u": number}
        if futures:
            data |= {"pu": previous}
        data |= {"b": changed[0], "a": changed[1]}
        previous = number
        market.books[number] = _levels(bids, asks)
        market.depth_at.append(len(market.lines))
        market.lines.append((ns, _frame(f"{symbol.lower()}@depth@100ms", data)))
        if step == snapshot_at:
            told = market.books[number]
            body = {"lastUpdateId": number, "bids": told[0], "asks": told[1]}
            market.lines.append((ns + MS // 2, json.dumps(body).encode()))
        best = market.books[number]
        quote: dict[str, object] = {"u": number, "s": symbol}
        quote |= {"b": best[0][0][0], "B": best[0][0][1], "a": best[1][0][0], "A": best[1][0][1]}
        if futures:
            quote |= {"e": "bookTicker", "E": ns // MS, "T": ns // MS}
        market.lines.append((ns + MS, _frame(f"{symbol.lower()}@bookTicker", quote)))
    return market


def write_lines(path: Path, lines: Iterable[Line]) -> Path:
    path.write_bytes(b"".join(b"%d %b\n" % line for line in lines))
    return path


def _change(
    chance: random.Random, bids: dict[int, int], asks: dict[int, int]
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """One to four levels of each side set or removed, never so that the book is crossed or empty."""
    found: list[list[tuple[str, str]]] = []
    for side, sign, other in ((bids, -1, asks), (asks, 1, bids)):
        rows = []
        for _ in range(chance.randint(1, 4)):
            best = min(side, key=lambda tick: sign * tick)
            facing = min(other, key=lambda tick: -sign * tick)
            if chance.random() < 0.4 and len(side) > 20:
                tick = best if chance.random() < 0.5 else chance.choice(sorted(side))
                del side[tick]
                rows.append((_price(tick), "0.000"))
            else:
                tick = best + sign * chance.randint(-2, 20)
                if sign * (tick - facing) <= 0:
                    tick = facing + sign
                side[tick] = chance.randint(1, 9_000)
                rows.append((_price(tick), _quantity(side[tick])))
        found.append(rows)
    return found[0], found[1]


def _levels(bids: dict[int, int], asks: dict[int, int]) -> Levels:
    return (
        tuple((_price(tick), _quantity(bids[tick])) for tick in sorted(bids, reverse=True)),
        tuple((_price(tick), _quantity(asks[tick])) for tick in sorted(asks)),
    )


def _price(tick: int) -> str:
    return f"{tick / 100:.2f}"


def _quantity(lots: int) -> str:
    return f"{lots / 1000:.3f}"


def _frame(stream: str, data: dict[str, object]) -> bytes:
    return json.dumps({"stream": stream, "data": data}, separators=(",", ":")).encode()
