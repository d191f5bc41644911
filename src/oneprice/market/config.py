"""What a run of live feeds is told. Times in milliseconds or seconds, as the names say."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from oneprice.errors import ConfigError
from oneprice.exchange import ConnectionConfig
from oneprice.venues.kit import Channel

FEED_CONNECTIONS = ConnectionConfig(
    open_timeout_ms=5_000,
    message_bytes_max=4 << 20,
    ping_every_ms=1_000,
    pong_within_ms=3_000,
    reconnect_max_ms=5_000,
)
"""A dead connection is noticed within `ping_every_ms` and `pong_within_ms` together: below five seconds."""


class MarketConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which listings to watch, and the limits of watching them.

    `markets`: VENUE-MARKET names. `symbols`: BASE/QUOTE; each is watched wherever one of the markets lists it.
    `symbols_only`: by VENUE-MARKET, where not all of them are watched there.
    `taker_fee_bps`: by VENUE-MARKET, over what the venue tells; in basis points of the notional.
    `order_notional_max`: opportunities are sized to this many quote units at most, 0 for as deep as the books go.
    `price_gap_percent_max`: listings of one symbol whose prices differ by more are taken for different assets.
    `silent_after_ms`: a connection without any data takes its books out of LIVE. `renew_silent_after_ms`: a successor
    is opened for it. `stale_after_ms`: a listing without any change. `renew_stale_after_ms`: it is subscribed anew.
    `connection`: pings are sent while nothing else is heard. Waits between connections are within the venue's connect
    budget besides; a connection that held for longer than the last wait (from `stable_after_min_ms` to
    `stable_after_max_ms`) starts them over. Waits between tries of REST requests grow from `backoff_first_ms` to
    `backoff_max_ms`. `refused_again_after_ms`: a refused subscription is tried again, each time after twice as long,
    up to 32 times this.
    """

    markets: tuple[str, ...]
    symbols: tuple[str, ...]
    symbols_only: dict[str, tuple[str, ...]] = {}
    channels: tuple[Channel, ...] = (Channel.DEPTH, Channel.QUOTE)
    triangles: bool = True
    min_net_bps: float = 0.0
    order_notional_max: Decimal = Decimal(0)
    taker_fee_bps: dict[str, Decimal] = {}
    price_gap_percent_max: int = 25

    silent_after_ms: int = 2_000
    stale_after_ms: int = 10_000
    crossed_after_ms: int = 1_000
    tick_every_ms: int = 100

    connection: ConnectionConfig = FEED_CONNECTIONS
    first_data_within_ms: int = 10_000
    renew_silent_after_ms: int = 20_000
    renew_stale_after_ms: int = 60_000
    refused_again_after_ms: int = 2_000
    backoff_first_ms: int = 250
    backoff_max_ms: int = 30_000
    stable_after_min_ms: int = 2_000
    stable_after_max_ms: int = 10_000

    snapshots_at_once: int = 4
    snapshot_again_after_ms: int = 100
    snapshot_again_after_max_ms: int = 1_000
    rules_every_s: int = 300
    clock_every_s: int = 30
    opportunities_kept: int = 1_000

    def symbols_at(self, market: str) -> tuple[str, ...]:
        """What is watched at a VENUE-MARKET."""
        return self.symbols_only.get(market, self.symbols)

    def checked(self) -> MarketConfig:
        """Itself. Raises ConfigError for what cannot work; the message names the key."""
        for key in ("markets", "symbols", "channels"):
            if not getattr(self, key):
                raise ConfigError(f"{key} is empty: name at least one")
            if len(set(getattr(self, key))) < len(getattr(self, key)):
                raise ConfigError(f"{key} names something twice: {', '.join(map(str, getattr(self, key)))}")
        for name in self.markets:
            venue, _, kind = name.rpartition("-")
            if not venue or kind not in ("spot", "usdm"):
                raise ConfigError(f"markets: {name!r} is not VENUE-spot or VENUE-usdm")
        for symbol in self.symbols:
            base, _, quote = symbol.partition("/")
            if not base or not quote or symbol != symbol.upper():
                raise ConfigError(f"symbols: {symbol!r} is not BASE/QUOTE in capitals, such as BTC/USDT")
        for name, only in self.symbols_only.items():
            if name not in self.markets or not only or not set(only) <= set(self.symbols):
                raise ConfigError(f"symbols_only: {name} = {', '.join(only)}; wants a market and symbols of this run")
        for name, fee in self.taker_fee_bps.items():
            if name not in self.markets or not 0 <= fee <= 1_000:
                raise ConfigError(f"taker_fee_bps: {name} = {fee}; wants a market of this run and 0 to 1000")
        for field in msgspec.structs.fields(self):
            value = getattr(self, field.name)
            if field.type is int and value <= 0:
                raise ConfigError(f"{field.name} is {value}; it must be above 0")
        return self
