"""Instruments and listings: what is traded, and the rules that one venue trades it by."""

from __future__ import annotations

from decimal import Decimal
from typing import NewType

import msgspec

from oneprice.core.specs import ListingSpec, listing_spec
from oneprice.model.codes import MarketKind

AssetName = NewType("AssetName", str)
ExchangeName = NewType("ExchangeName", str)


class Symbol(msgspec.Struct, frozen=True, order=True):
    """An instrument, the same on every venue: base, quote, and whether it is a perpetual."""

    base: AssetName
    quote: AssetName
    is_futures: bool = False

    def __str__(self) -> str:
        return f"{self.base}/{self.quote}"


class ListingName(msgspec.Struct, frozen=True, order=True):
    """A listing's name, `VENUE-MARKET:BASE/QUOTE`, e.g. `binance-usdm:BTC/USDT`."""

    venue: ExchangeName
    market: MarketKind
    symbol: Symbol

    def __str__(self) -> str:
        return f"{self.venue}-{self.market.value}:{self.symbol}"


class SymbolInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A listing's rules.

    `venue_symbol`: the venue's own string, for its codec only. `tick_size`: price step in quote asset. `lot_size`,
    `min_quantity`, `max_quantity`: in the venue's unit of quantity, which is `contract_size` priced units (coins on
    spot, contracts on some perpetuals). `multiplier`: base coins in one priced unit (1000 for 1000PEPE, where
    `symbol.base` is PEPE). `min_notional`: in quote asset. Fees are fractions of the venue's default schedule, not
    of the account's; None when the venue's rules do not tell. `tradable`: the venue accepts orders on it by API.
    """

    venue: ExchangeName
    market: MarketKind
    symbol: Symbol
    venue_symbol: str
    tick_size: Decimal
    lot_size: Decimal
    min_quantity: Decimal = Decimal(0)
    max_quantity: Decimal | None = None
    min_notional: Decimal = Decimal(0)
    contract_size: Decimal = Decimal(1)
    multiplier: Decimal = Decimal(1)
    taker_fee: Decimal | None = None
    maker_fee: Decimal | None = None
    tradable: bool = True
    status: str = ""

    @property
    def name(self) -> ListingName:
        """Its name across the house."""
        return ListingName(self.venue, self.market, self.symbol)

    def spec(
        self,
        *,
        taker_fee: Decimal,
        group: str,
        depth: bool = True,
        source: str = "newer",
        max_notional: Decimal = Decimal(0),
        stale_after_ns: int = 0,
        tick_size: Decimal | None = None,
        lot_size: Decimal | None = None,
    ) -> ListingSpec:
        """As the hub takes it. `tick_size`, `lot_size`: a finer grid for the book than the rules', where seen on the
        wire; orders still follow the rules. Raises ValueError when a figure cannot be held exactly."""
        return listing_spec(
            str(self.name),
            tick_size=tick_size or self.tick_size,
            lot_size=lot_size or self.lot_size,
            order_tick=self.tick_size,
            order_lot=self.lot_size,
            base_per_unit=self.contract_size * self.multiplier,
            quote_per_unit=self.contract_size,
            min_quantity=self.min_quantity,
            min_notional=self.min_notional,
            max_notional=max_notional,
            taker_fee=taker_fee,
            group=group,
            depth=depth,
            source=source,
            stale_after_ns=stale_after_ns,
        )
