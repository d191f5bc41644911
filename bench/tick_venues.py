"""The venues of `tick_to_order.py`: two spot markets on one spinning thread, that time what they send and what arrives.

Prints a JSON line with the ports, `{"binance": N, "gate": N}`, and obeys lines on stdin, each answered by a JSON line:
`run EVENTS PID` makes so many opportunities, and tells of each `[sent_ns, binance_ns, gate_ns, waited_ns]`: the frame's
time just before its `send`, the times at which each market's order had been read from its socket (monotonic clock; 0
for one that did not come), and for how long this process and that with the PID had to wait for their cores meanwhile.
Between opportunities there are quiet frames. Ends at the end of stdin.

While an opportunity is out nothing else is done here: what arrives is kept as it was read and answered once both orders
are there, so that answering the one does not delay reading the other.
"""

from __future__ import annotations

import gc
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from tick_cores import Waiting
from tick_dialects import Binance, Gate, Levels, Market, Placed
from tick_wire import Peer, Sockets, framed

GAP_NS = 2_000_000
"""From one frame to the next."""
QUIET = 5
"""Frames between opportunities, on either market."""
IDLE_S = 0.02
LOST_NS = 500_000_000
PARSE_AFTER_NS = 5_000_000
"""So long it is waited for a second market's first bytes before those of the first are looked at."""
LEVELS = 50
NEAR, FAR = (59_999, 60_001), (59_680, 60_320)
"""The best prices, and where the levels begin that are left when a best one is taken away."""
LIFTED, SUNK = 60_250, 59_750
"""An opportunity: a best bid far above the other market's best ask, or a best ask far below its best bid."""
AMOUNT = "0.03000"


class Chance(NamedTuple):
    """A change of one market's book that is worth trading, the one that takes it back, and each market's side."""

    market: Market
    come: tuple[Levels, Levels]
    gone: tuple[Levels, Levels]
    sides: dict[str, str]


class Venues:
    """Both markets."""

    def __init__(self) -> None:
        self.sockets = Sockets()
        self.binance, self.gate = Binance(), Gate()
        self.markets: tuple[Market, Market] = (self.binance, self.gate)
        self.ports = {market.name: self.sockets.listen(market) for market in self.markets}
        for market in self.markets:
            market.frame(*_whole_book(market))
        self._chances = itertools.cycle(_chances(self.binance, self.gate))
        self._quiet = itertools.cycle(self._quiet_frames())
        self.is_over = False
        self._asked = b""
        self._waiting: tuple[Waiting, ...] = ()

    def serve(self) -> None:
        """Until the end of stdin."""
        self.sockets.watch(sys.stdin.fileno(), self._read_asked)
        print(json.dumps(self.ports), flush=True)
        while not self.is_over:
            self._handle(self.sockets.poll(IDLE_S))
            self._send_quiet()
            line, end, rest = self._asked.partition(b"\n")
            if end:
                self._asked = rest
                events, pid = map(int, line.split()[1:])
                print(json.dumps(self.run(events, pid)), flush=True)

    def run(self, events: int, pid: int) -> list[tuple[int, ...]]:
        """So many opportunities."""
        self._waiting = Waiting(os.getpid()), Waiting(pid)
        gc.collect()
        gc.disable()
        told = []
        for _ in range(events):
            for _ in range(QUIET):
                self._wait(GAP_NS)
                self._send_quiet()
            self._wait(GAP_NS)
            told.append(self._try(next(self._chances)))
        self._wait(GAP_NS)
        return told

    def _try(self, chance: Chance) -> tuple[int, ...]:
        market = chance.market
        frame, peer = framed(market.frame(*chance.come)), market.feeds[-1]
        waited_ns = -self._waited_ns()
        sent_ns = time.monotonic_ns()
        peer.sock.send(frame)
        placed = self._spin(sent_ns, chance)
        waited_ns += self._waited_ns()
        for one in placed:
            one.answer()
        self._wait(GAP_NS)
        self._tell(market, market.frame(*chance.gone))
        times = {one.market.name: one.read_ns for one in placed if chance.sides[one.market.name] == one.side}
        return (sent_ns, *(times.get(market.name, 0) for market in self.markets), waited_ns)

    def _waited_ns(self) -> int:
        return sum(one.waited_ns() for one in self._waiting)

    def _spin(self, sent_ns: int, chance: Chance) -> list[Placed]:
        """Until both orders were read, or it takes too long. Nothing is parsed before both can be there."""
        kept: list[tuple[Peer, bytes, int]] = []
        heard: set[object] = set()
        placed: list[Placed] = []
        poll, clock_ns = self.sockets.poll, time.monotonic_ns
        while clock_ns() - sent_ns < LOST_NS:
            for peer, chunk in poll():
                kept.append((peer, chunk, peer.read_ns))
                heard.add(peer.market)
            if kept and (len(heard) == 2 or clock_ns() - sent_ns > PARSE_AFTER_NS):
                for peer, chunk, peer.read_ns in kept:
                    self._hear(peer, chunk)
                kept.clear()
                placed = [one for market in self.markets for one in market.placed]
                if {one.market.name for one in placed if chance.sides[one.market.name] == one.side} == set(self.ports):
                    break
        for market in self.markets:
            market.placed.clear()
        return placed

    def _wait(self, span_ns: int) -> None:
        until_ns = time.monotonic_ns() + span_ns
        while time.monotonic_ns() < until_ns:
            self._handle(self.sockets.poll())

    def _handle(self, chunks: list[tuple[Peer, bytes]]) -> None:
        for peer, chunk in chunks:
            self._hear(peer, chunk)
        for market in self.markets:
            for placed in market.placed:
                placed.answer()
            market.placed.clear()

    def _hear(self, peer: Peer, chunk: bytes) -> None:
        market = peer.market
        assert isinstance(market, Market)
        for told in peer.take(chunk):
            market.hear(peer, told)

    def _send_quiet(self) -> None:
        market, levels = next(self._quiet)
        self._tell(market, market.frame(*levels))

    def _tell(self, market: Market, text: bytes) -> None:
        for peer in market.feeds[-1:]:
            peer.tell(text)

    def _quiet_frames(self) -> Iterator[tuple[Market, tuple[Levels, Levels]]]:
        """Other quantities far from the best prices, two levels a side, once around."""
        for turn in range(2, LEVELS - 2):
            for market in self.markets:
                quantity = f"{1 + turn % 7}.{turn:05d}"
                bids, asks = ([(price, quantity) for price, _ in side[turn : turn + 2]] for side in _levels(market))
                yield market, (bids, asks)

    def _read_asked(self) -> None:
        chunk = os.read(sys.stdin.fileno(), 4096)
        self.is_over = self.is_over or not chunk
        self._asked += chunk


def _price(market: Market, price: int) -> str:
    return f"{price}.00000000" if isinstance(market, Binance) else str(price)


def _levels(market: Market) -> tuple[Levels, Levels]:
    """Those that are always there."""
    below, above = FAR
    bids = [(_price(market, below - step), f"1.{step:05d}") for step in range(LEVELS - 1)]
    asks = [(_price(market, above + step), f"1.{step:05d}") for step in range(LEVELS - 1)]
    return bids, asks


def _whole_book(market: Market) -> tuple[Levels, Levels]:
    bids, asks = _levels(market)
    bid, ask = NEAR
    return [(_price(market, bid), "2.00000"), *bids], [(_price(market, ask), "2.00000"), *asks]


def _chances(binance: Binance, gate: Gate) -> list[Chance]:
    """Four in a circle, after which both accounts hold as many coins as before, but for fees."""
    found = []
    for market, is_lifted in ((gate, True), (binance, True), (gate, False), (binance, False)):
        bid, ask = (_price(market, price) for price in NEAR)
        here, there = ("sell", "buy") if is_lifted else ("buy", "sell")
        sides = {one.name: here if one is market else there for one in (binance, gate)}
        if is_lifted:
            best = _price(market, LIFTED)
            come: tuple[Levels, Levels] = [(best, AMOUNT)], [(ask, "0")]
            gone: tuple[Levels, Levels] = [(best, "0")], [(ask, "2.00000")]
        else:
            best = _price(market, SUNK)
            come, gone = ([(bid, "0")], [(best, AMOUNT)]), ([(bid, "2.00000")], [(best, "0")])
        found.append(Chance(market, come, gone, sides))
    return found


if __name__ == "__main__":
    Venues().serve()
