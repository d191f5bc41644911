"""All that a configuration file may say. Defaults are those of a file that does not mention a key; units are in the
names. What is allowed of each is in `allowed.py`, what has to go together in `sense.py`."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Final

import msgspec

from oneprice.exchange.config import AccountConfig
from oneprice.market.config import MarketConfig
from oneprice.trade.settings import BreakerLimits, RiskLimits, Strategies, TradeSettings

MODES: Final = ("simulated", "paper", "live")
VERSION: Final = 1
"""Of the file's form."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file."""


class Paths(Section, frozen=True):
    """`data`: the data folder, relative to the file; "" for the machine's usual place."""

    data: str = ""


class VenueFees(Section, frozen=True):
    """Fees in basis points, a maker's negative for a rebate; None for the venue's usual ones. They count on paper and
    in what is looked for; real and simulated accounts are asked for their own."""

    spot_taker_bps: Decimal | None = None
    spot_maker_bps: Decimal | None = None
    usdm_taker_bps: Decimal | None = None
    usdm_maker_bps: Decimal | None = None


class VenueSettings(Section, frozen=True):
    """`markets`: which of the venue's. `symbols`: only these of the file's symbols; empty for all of them."""

    markets: tuple[str, ...]
    symbols: tuple[str, ...] = ()
    fees: VenueFees = VenueFees()


class EngineSettings(Section, frozen=True):
    """`dead_man_s`: after so long without us a venue that can cancels our orders; 0 for never. `audit_every_s`: how
    often each venue's balances are held against ours."""

    dead_man_s: int = 30
    audit_every_s: float = 30.0


class FeedSettings(Section, frozen=True):
    """`silent_after_ms`: a connection without data takes its books out of use; `stale_after_ms`: a book without a
    change. `price_gap_percent_max`: listings of one symbol farther apart are different assets. `clock_every_s`: how
    often venues' clocks are measured."""

    silent_after_ms: int = 2_000
    stale_after_ms: int = 10_000
    price_gap_percent_max: int = 25
    clock_every_s: int = 30


class PaperSettings(Section, frozen=True):
    """`funds`: what each paper account has at first, by asset; to sell on spot takes coins. `latency_ms`: from sending
    an order to the match."""

    funds: dict[str, Decimal] = msgspec.field(
        default_factory=lambda: {"USDT": Decimal(10_000), "BTC": Decimal("0.1"), "ETH": Decimal(3)}
    )
    latency_ms: float = 20.0


class LiveSettings(Section, frozen=True):
    """`allow_withdraw_keys`: venues whose key may be able to withdraw. Whoever reads such a key has the money."""

    allow_withdraw_keys: tuple[str, ...] = ()


class Settings(Section, frozen=True):
    """The whole file. `base_currency`: what profit is counted in, and limits with it. `symbols`: BASE/QUOTE, watched at
    every market that lists them; perpetuals are a market, not a symbol."""

    version: int
    mode: str
    symbols: tuple[str, ...]
    venues: dict[str, VenueSettings]
    base_currency: str = "USDT"
    paths: Paths = Paths()
    risk: RiskLimits = RiskLimits()
    breaker: BreakerLimits = BreakerLimits()
    strategy: Strategies = Strategies()
    trade: EngineSettings = EngineSettings()
    feeds: FeedSettings = FeedSettings()
    account: AccountConfig = AccountConfig()
    paper: PaperSettings = PaperSettings()
    live: LiveSettings = LiveSettings()

    @property
    def markets(self) -> tuple[str, ...]:
        """VENUE-MARKET names, in the file's order."""
        return tuple(f"{venue}-{kind}" for venue, one in self.venues.items() for kind in one.markets)

    def symbols_at(self, venue: str) -> tuple[str, ...]:
        """Those that are watched at a venue."""
        return self.venues[venue].symbols or self.symbols

    @property
    def trade_settings(self) -> TradeSettings:
        """What the trading engine is told."""
        return TradeSettings(
            base_currency=self.base_currency,
            risk=self.risk,
            breaker=self.breaker,
            strategies=self.strategy,
            dead_man_s=self.trade.dead_man_s,
            audit_every_s=self.trade.audit_every_s,
        )

    @property
    def market_config(self) -> MarketConfig:
        """What the feeds are told: opportunities from the least that a strategy wants, sized to one order."""
        strategies = (self.strategy.cross, self.strategy.triangular, self.strategy.carry, self.strategy.maker)
        return MarketConfig(
            markets=self.markets,
            symbols=self.symbols,
            symbols_only={
                f"{venue}-{kind}": one.symbols
                for venue, one in self.venues.items()
                for kind in one.markets
                if one.symbols
            },
            triangles=self.strategy.triangular.enabled,
            min_net_bps=min((one.min_net_bps for one in strategies if one.enabled), default=0.0),
            order_notional_max=self.risk.order_notional_max,
            taker_fee_bps=self._fees("taker"),
            price_gap_percent_max=self.feeds.price_gap_percent_max,
            silent_after_ms=self.feeds.silent_after_ms,
            stale_after_ms=self.feeds.stale_after_ms,
            clock_every_s=self.feeds.clock_every_s,
        )

    @property
    def maker_fee_bps(self) -> dict[str, Decimal]:
        """By VENUE-MARKET, where the file tells."""
        return self._fees("maker")

    def _fees(self, side: str) -> dict[str, Decimal]:
        told = {}
        for venue, one in self.venues.items():
            for kind in one.markets:
                fee = getattr(one.fees, f"{kind}_{side}_bps")
                if fee is not None:
                    told[f"{venue}-{kind}"] = fee
        return told

    @property
    def text(self) -> str:
        """All of it as JSON, always the same for the same settings. Keys are never part of settings."""
        return msgspec.json.encode(self, order="deterministic").decode()

    @property
    def hash(self) -> str:
        """Names these settings: 16 hex digits. Where the data lies does not count."""
        elsewhere = msgspec.structs.replace(self, paths=Paths())
        return hashlib.sha256(elsewhere.text.encode()).hexdigest()[:16]
