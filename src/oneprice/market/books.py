"""The listings that are watched, and their numbers in the hub.

A listing in the hub cannot be changed. New rules or a finer grid make a new one; the old one is retired: emptied and
halted for good.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from oneprice.core import Hub
from oneprice.core.specs import ListingSpec
from oneprice.core.states import Reason
from oneprice.market.config import MarketConfig
from oneprice.model import SymbolInfo
from oneprice.venues.kit import Channel

MS = 1_000_000


class Book:
    """One watched listing. `spec` is what the hub was told, `tick_size` and `lot_size` the grid of its book.

    `price`: the last known, per base coin, None until known. `closed`: the venue does not take orders on it, in
    words. `doubted`: why it may not be the asset that its name says. `resyncs`, `refinements`: counts of the run.
    """

    def __init__(self, info: SymbolInfo, market: str, channels: tuple[Channel, ...], taker_fee: Decimal) -> None:
        self.info, self.market, self.channels, self.taker_fee = info, market, channels, taker_fee
        self.number = -1
        self.tick_size, self.lot_size = info.tick_size, info.lot_size
        self.price: Decimal | None = None
        self.closed = self.doubted = ""
        self.resyncs = self.refinements = 0

    @property
    def name(self) -> str:
        """`binance-spot:BTC/USDT`."""
        return str(self.info.name)

    @property
    def group(self) -> str:
        """The asset and what it is paid with: listings of one group are the same thing to own."""
        return str(self.info.symbol)

    @property
    def has_depth(self) -> bool:
        """Whether its depth is watched, or its quotes alone."""
        return Channel.DEPTH in self.channels

    def spec(self, config: MarketConfig) -> ListingSpec:
        """As the hub takes it. Raises ValueError when a figure cannot be held exactly."""
        return self.info.spec(
            taker_fee=self.taker_fee,
            group=self.group,
            depth=self.has_depth,
            max_notional=config.order_notional_max,
            tick_size=self.tick_size,
            lot_size=self.lot_size,
        )


class Books:
    """All watched listings of a run, by number. Retired numbers still name their book."""

    def __init__(self, hub: Hub, config: MarketConfig) -> None:
        self._hub, self._config = hub, config
        self._by_number: list[tuple[Book, ListingSpec]] = []
        self._books: list[Book] = []

    def __iter__(self) -> Iterator[Book]:
        return iter(self._books)

    def __getitem__(self, number: int) -> Book:
        return self._by_number[number][0]

    def spec(self, number: int) -> ListingSpec:
        """What the hub was told of this number."""
        return self._by_number[number][1]

    def add(self, book: Book, now_ns: int) -> None:
        """Register it; sets its number. Raises ValueError when its figures cannot be held exactly."""
        self._register(book)
        self._books.append(book)
        self.set_halted(book, now_ns)

    def register_again(self, book: Book, now_ns: int) -> int:
        """After its rules or grid changed: a new number, the old one is retired. Gives the old number."""
        old = book.number
        self._register(book)
        self._hub.lose(old, int(Reason.DISCONNECTED), now_ns)
        self._hub.begin_sync(old, now_ns)
        self._hub.set_halted(old, True, now_ns)
        self.set_halted(book, now_ns)
        return old

    def set_halted(self, book: Book, now_ns: int) -> None:
        """Tell the hub whether the book may be used."""
        self._hub.set_halted(book.number, bool(book.closed or book.doubted), now_ns)

    def _register(self, book: Book) -> None:
        spec = book.spec(self._config)
        book.number = self._hub.add_listing(msgspec.json.encode(spec))
        assert book.number == len(self._by_number), "only this registers listings"
        self._by_number.append((book, spec))
