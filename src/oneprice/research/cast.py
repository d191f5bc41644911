"""Who plays in a replay: the listings of all recordings together, as the hub takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_UP, Decimal
from math import gcd
from typing import NamedTuple

from msgspec.structs import replace

from oneprice.core.specs import ListingSpec
from oneprice.errors import ConfigError, NotSupported
from oneprice.market.recording import Header, RecordedListing
from oneprice.model import MarketKind, SymbolInfo
from oneprice.research.dialect import Markets
from oneprice.research.sources import Source
from oneprice.venues.kit import Channel

FEE_STEP = Decimal("1e-9")
BPS = Decimal(10_000)
UNKNOWN_FEE_BPS = Decimal(10)


class Part(NamedTuple):
    """One listing. `fee_bps`: the taker fee of its leg. `from_book`: quotes come from the book, not the quote stream.

    `price`: what one tick is worth per base coin, for statistics. `group`: what it is compared with in
    sizing; empty when quantities cannot be compared.
    """

    number: int
    recorded: RecordedListing
    fee_bps: Decimal
    from_book: bool
    group: str

    @property
    def info(self) -> SymbolInfo:
        """The rules."""
        return self.recorded.info

    @property
    def name(self) -> str:
        """`VENUE-MARKET:BASE/QUOTE`."""
        return str(self.info.name)

    @property
    def market(self) -> str:
        """`VENUE-MARKET`."""
        return f"{self.info.venue}-{self.info.market.value}"

    @property
    def kind(self) -> str:
        """`spot` or `perp`."""
        return "perp" if self.info.market is MarketKind.USDM else "spot"

    @property
    def tick(self) -> Decimal:
        """The price grid of the book."""
        return self.recorded.tick_size or self.info.tick_size

    @property
    def lot(self) -> Decimal:
        """The quantity grid of the book."""
        return self.recorded.lot_size or self.info.lot_size

    def spec(self) -> ListingSpec:
        """As the hub takes it. Raises ConfigError when a figure is too fine to be held exactly."""
        try:
            return self.info.spec(
                taker_fee=(self.fee_bps / BPS).quantize(FEE_STEP, ROUND_UP),
                group=self.group,
                depth=self.recorded.depth,
                source="depth" if self.from_book else "quote",
                tick_size=self.recorded.tick_size,
                lot_size=self.recorded.lot_size,
            )
        except ValueError as error:
            raise ConfigError(f"{self.name}: {error}") from error


class Fees:
    """Taker fees in bps. `total`: of both legs together, instead of the venues' own; None for those."""

    def __init__(self, total: Decimal | None, markets: Markets) -> None:
        self.total = total
        self.notes: list[str] = []
        self._markets = markets
        self._of_market: dict[str, Decimal] = {}

    def of(self, info: SymbolInfo) -> Decimal:
        """One leg's."""
        if self.total is not None:
            return self.total / 2
        if info.taker_fee is not None:
            return info.taker_fee * BPS
        market = f"{info.venue}-{info.market.value}"
        if market not in self._of_market:
            self._of_market[market] = self._ask(info, market)
        return self._of_market[market]

    def _ask(self, info: SymbolInfo, market: str) -> Decimal:
        try:
            return Decimal(str(self._markets(info.venue, info.market).taker_fee_bps))
        except ConfigError:
            self.notes.append(f"the fees of {market} are not known: {UNKNOWN_FEE_BPS} bps are counted; see --fees-bps")
            return UNKNOWN_FEE_BPS


def cast(
    sources: Sequence[Source],
    *,
    wanted: Sequence[str],
    quotes: str,
    fees: Fees,
    contract_sizes: Mapping[str, Decimal],
    markets: Markets,
) -> list[Part]:
    """The listings of all sources, those `wanted` (BASE/QUOTE; empty for all). `quotes` is `bba` or `depth`.

    Raises ConfigError when nothing is left.
    """
    recorded: dict[str, RecordedListing] = {}
    for listing in _all_listings(source.header for source in sources):
        name = str(listing.info.name)
        if not wanted or str(listing.info.symbol) in wanted:
            known = recorded.get(name)
            recorded[name] = listing if known is None else _together(known, listing)
    if not recorded:
        raise ConfigError(
            f"none of {', '.join(wanted)} is in the recordings" if wanted else "no listing is in the recordings"
        )
    for name in contract_sizes:
        if name not in recorded:
            raise ConfigError(f"{name} is not in the recordings; there are: {', '.join(recorded)}")
    parts = []
    for number, (name, listing) in enumerate(recorded.items()):
        listing = _as_subscribed(listing, markets) if not listing.inferred else listing
        size = contract_sizes.get(name)
        if size is not None:
            info = replace(listing.info, contract_size=size)
            listing = replace(listing, info=info, sizes_known=True)
        parts.append(
            Part(
                number=number,
                recorded=listing,
                fee_bps=fees.of(listing.info),
                from_book=listing.depth and (quotes == "depth" or not listing.quotes),
                group=str(listing.info.symbol) if listing.sizes_known else "",
            )
        )
    return parts


def _all_listings(headers: Iterable[Header]) -> Iterable[RecordedListing]:
    return (listing for header in headers for listing in header.listings)


def _together(one: RecordedListing, other: RecordedListing) -> RecordedListing:
    """The same listing in two files: the later rules, on a grid that holds both."""
    return replace(
        other,
        tick_size=_common(one.tick_size or one.info.tick_size, other.tick_size or other.info.tick_size),
        lot_size=_common(one.lot_size or one.info.lot_size, other.lot_size or other.info.lot_size),
        depth=one.depth or other.depth,
        quotes=one.quotes or other.quotes,
    )


def _as_subscribed(listing: RecordedListing, markets: Markets) -> RecordedListing:
    """What the recorder could subscribe to: not every market has every channel."""
    market = markets(listing.info.venue, listing.info.market)
    has = {}
    for channel in (Channel.DEPTH, Channel.QUOTE):
        try:
            market.subscription(listing.info, channel)
            has[channel] = True
        except NotSupported:
            has[channel] = False
    return replace(listing, depth=listing.depth and has[Channel.DEPTH], quotes=listing.quotes and has[Channel.QUOTE])


def _common(one: Decimal, other: Decimal) -> Decimal:
    """The coarsest step that divides both."""
    scale = Decimal(1).scaleb(min(int(one.as_tuple().exponent), int(other.as_tuple().exponent), 0))
    return gcd(int(one / scale), int(other / scale)) * scale
