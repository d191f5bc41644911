"""What each key may be: ranges of numbers with their units, and what the lists and texts hold.

A key of `[venues.NAME]` is `venues.*`. Both ends of a range belong to it.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Range(NamedTuple):
    """From `low` to `high`; `unit` in words."""

    low: float
    high: float
    unit: str

    def words(self) -> str:
        """`from 1 to 100, in seconds`."""
        unit = f", in {self.unit}" if self.unit else ""
        return f"from {figure(self.low)} to {figure(self.high)}{unit}"


def figure(value: float) -> str:
    """Without an exponent, however large."""
    return f"{value:.9f}".rstrip("0").rstrip(".") if value != int(value) else str(int(value))


_MONEY = "base_currency"
_BPS, _MS, _S = "basis points", "milliseconds", "seconds"
_NOTIONAL = Range(1, 10_000_000, _MONEY)
_SHARE = Range(0, 1, "")

RANGES: Final[dict[str, Range]] = {
    "version": Range(1, 1, ""),
    "venues.*.fees.spot_taker_bps": Range(0, 1_000, _BPS),
    "venues.*.fees.spot_maker_bps": Range(-100, 1_000, _BPS),
    "venues.*.fees.usdm_taker_bps": Range(0, 1_000, _BPS),
    "venues.*.fees.usdm_maker_bps": Range(-100, 1_000, _BPS),
    "risk.order_notional_max": _NOTIONAL,
    "risk.venue_exposure_max": _NOTIONAL,
    "risk.position_notional_max": _NOTIONAL,
    "risk.unhedged_notional_max": _NOTIONAL,
    "risk.unhedged_ms_max": Range(100, 600_000, _MS),
    "risk.orders_per_minute_max": Range(1, 100_000, ""),
    "risk.quotes_per_minute_max": Range(1, 100_000, ""),
    "risk.daily_loss_max": Range(0.01, 10_000_000, _MONEY),
    "risk.open_deals_max": Range(1, 1_000, ""),
    "risk.cooldown_ms": Range(0, 3_600_000, _MS),
    "risk.cooldown_after_loss_ms": Range(0, 86_400_000, _MS),
    "risk.book_age_ms_max": Range(1, 10_000, _MS),
    "risk.price_band_bps": Range(1, 2_000, _BPS),
    "risk.too_good_bps": Range(1, 5_000, _BPS),
    "risk.clock_offset_ms_max": Range(1, 60_000, _MS),
    "risk.hedge_reserve": Range(0.05, 0.95, ""),
    "risk.hedge_cost_bps_max": Range(1, 2_000, _BPS),
    "risk.hedge_attempts_max": Range(1, 100, ""),
    "risk.evidence_s_max": Range(1, 3_600, _S),
    "risk.margin_share": Range(0.01, 1, ""),
    "breaker.window_s": Range(1, 3_600, _S),
    "breaker.errors_max": Range(1, 1_000, ""),
    "breaker.rejects_max": Range(1, 1_000, ""),
    "breaker.latency_ms_p90_max": Range(1, 60_000, _MS),
    "breaker.stream_stale_ms_max": Range(100, 600_000, _MS),
    "breaker.healthy_s": Range(0.1, 3_600, _S),
    "breaker.flat_after_s": Range(1, 86_400, _S),
    "strategy.cross.min_net_bps": Range(0, 1_000, _BPS),
    "strategy.cross.slack_share": _SHARE,
    "strategy.triangular.min_net_bps": Range(0, 1_000, _BPS),
    "strategy.triangular.slack_share": _SHARE,
    "strategy.carry.min_net_bps": Range(0, 1_000, _BPS),
    "strategy.carry.exit_net_bps": Range(-1_000, 1_000, _BPS),
    "strategy.carry.hold_s_expected": Range(1, 31_536_000, _S),
    "strategy.carry.hold_s_max": Range(1, 31_536_000, _S),
    "strategy.carry.positions_max": Range(1, 1_000, ""),
    "strategy.carry.slack_share": _SHARE,
    "strategy.maker.order_notional": _NOTIONAL,
    "strategy.maker.min_net_bps": Range(0, 1_000, _BPS),
    "strategy.maker.requote_bps": Range(0.01, 100, _BPS),
    "strategy.maker.requotes_per_minute_max": Range(1, 10_000, ""),
    "strategy.maker.rest_ms_min": Range(0, 60_000, _MS),
    "trade.dead_man_s": Range(0, 600, _S),
    "trade.audit_every_s": Range(1, 3_600, _S),
    "feeds.silent_after_ms": Range(100, 60_000, _MS),
    "feeds.stale_after_ms": Range(100, 600_000, _MS),
    "feeds.price_gap_percent_max": Range(1, 100, "percent"),
    "feeds.clock_every_s": Range(1, 3_600, _S),
    "account.order_timeout_ms": Range(10, 600_000, _MS),
    "account.measure_clock_every_s": Range(1, 86_400, _S),
    "account.warm_every_s": Range(1, 3_600, _S),
    "account.overlap_s": Range(0, 86_400, _S),
    "account.find_for_s": Range(1, 3_600, _S),
    "paper.funds.*": Range(0, 1_000_000_000_000, "that asset"),
    "paper.latency_ms": Range(0, 10_000, _MS),
}

CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "mode": ("simulated", "paper", "live"),
    "account.order_path": ("auto", "rest", "websocket"),
}

EXAMPLES: Final[dict[str, str]] = {
    "base_currency": '"USDT"',
    "symbols": '["BTC/USDT", "ETH/USDT"]',
    "paths.data": '"./oneprice-data"',
    "venues.*.markets": '["spot", "usdm"]',
    "venues.*.symbols": '["BTC/USDT"]',
    "strategy.maker.post": '["gate-spot"]',
    "strategy.maker.hedge": '["binance-spot"]',
    "strategy.maker.symbols": '["BTC/USDT"]',
    "live.allow_withdraw_keys": '["gate"]',
}
"""How texts and lists look."""

LENGTH_MAX: Final = 2_000
"""Of a list."""
