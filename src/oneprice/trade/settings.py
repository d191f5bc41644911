"""What trading is told: limits and strategies. Amounts in quote asset (USDT); units are in the names."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Small on purpose: raising one is a decision.

    `order_notional_max`: of one order. `venue_exposure_max`: of one venue, positions and open orders at their worst
    together. `position_notional_max`: of one asset net over all venues. `unhedged_notional_max`, `unhedged_ms_max`: of
    legs that are not equal; beyond them trading halts. `orders_per_minute_max`: entries; `quotes_per_minute_max`:
    quotes that rest, which would otherwise leave no room for entries. `daily_loss_max`: realised, per UTC day; trading
    halts. `open_deals_max`: at once. `cooldown_ms`: after a deal in a group, on that pair of listings;
    `cooldown_after_loss_ms` after one that lost. `book_age_ms_max`: at the time of sending. `price_band_bps`: a leg's
    price from the median of the other venues' and from the last price of its own. `too_good_bps`: an edge above it is
    taken for an error. `clock_offset_ms_max`: a venue's clock from ours. `hedge_reserve`: the part of a venue's order
    rate that entries leave free. `hedge_cost_bps_max`: what one hedge may lose; `hedge_attempts_max`: before a deal is
    halted. `evidence_s_max`: for an order of unknown outcome, then an alarm (it stays reserved and is looked for on).
    `margin_share`: what must be free of a perpetual order's notional.
    """

    order_notional_max: Decimal = Decimal(50)
    venue_exposure_max: Decimal = Decimal(200)
    position_notional_max: Decimal = Decimal(200)
    unhedged_notional_max: Decimal = Decimal(60)
    unhedged_ms_max: int = 1_500
    orders_per_minute_max: int = 10
    quotes_per_minute_max: int = 120
    daily_loss_max: Decimal = Decimal(20)
    open_deals_max: int = 4
    cooldown_ms: int = 500
    cooldown_after_loss_ms: int = 5_000
    book_age_ms_max: int = 250
    price_band_bps: float = 100.0
    too_good_bps: float = 150.0
    clock_offset_ms_max: int = 500
    hedge_reserve: float = 0.3
    hedge_cost_bps_max: float = 100.0
    hedge_attempts_max: int = 5
    evidence_s_max: float = 30.0
    margin_share: float = 0.25


class BreakerLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a venue's market is taken to be ill: OPEN -> REDUCE_ONLY -> FLAT, and back after `healthy_s`.

    Over the last `window_s`: `errors_max` (network, unavailable, unknown outcomes), `rejects_max`,
    `latency_ms_p90_max` (place to ack). `stream_stale_ms_max`: the private stream incomplete for longer.
    `flat_after_s`: reduce-only for longer than this closes what is held there.
    """

    window_s: float = 30.0
    errors_max: int = 5
    rejects_max: int = 8
    latency_ms_p90_max: int = 2_000
    stream_stale_ms_max: int = 3_000
    healthy_s: float = 10.0
    flat_after_s: float = 120.0


class CrossSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Buy here, sell there, both taken at once: spot against spot. `min_net_bps` after fees. `slack_share`: the part of
    the net edge that the limits may give up, so that a price that moves a little still fills."""

    enabled: bool = True
    min_net_bps: float = 4.0
    slack_share: float = 0.5


class TriangularSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cycles within one venue's spot market, all legs at once from what the account holds."""

    enabled: bool = False
    min_net_bps: float = 4.0
    slack_share: float = 0.5


class CarrySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Spot against perpetual, perpetual against perpetual: enter, hold, exit.

    `min_net_bps`: of the entry, after the fees of entry and exit and what funding is expected to cost over
    `hold_s_expected`. `exit_net_bps`: leave when closing now would leave so much of the whole. `hold_s_max`: leave
    anyway after. `positions_max`: held at once.
    """

    enabled: bool = False
    min_net_bps: float = 4.0
    exit_net_bps: float = 2.0
    hold_s_expected: float = 3_600.0
    hold_s_max: float = 28_800.0
    positions_max: int = 4
    slack_share: float = 0.3


class MakerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Post on `post`, hedge fills at once on `hedge` (VENUE-MARKET names).

    `min_net_bps`: what a fill must leave after the maker's and the hedge's fee. `requote_bps`: a quote is moved when
    its right price is farther away. `requotes_per_minute_max`: per listing. `rest_ms_min`: a quote stands at least so
    long.
    """

    enabled: bool = False
    post: tuple[str, ...] = ()
    hedge: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    order_notional: Decimal = Decimal(50)
    min_net_bps: float = 3.0
    requote_bps: float = 1.0
    requotes_per_minute_max: int = 60
    rest_ms_min: int = 250


class Strategies(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of them, on the one path."""

    cross: CrossSettings = CrossSettings()
    triangular: TriangularSettings = TriangularSettings()
    carry: CarrySettings = CarrySettings()
    maker: MakerSettings = MakerSettings()


class TradeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that the trading engine is told besides its markets. `base_currency`: what profit is counted in."""

    base_currency: str = "USDT"
    risk: RiskLimits = RiskLimits()
    breaker: BreakerLimits = BreakerLimits()
    strategies: Strategies = Strategies()
    dead_man_s: int = 30
    audit_every_s: float = 30.0
