"""Configurations that are wrong: what is changed in a good one, and the exact words that it is refused with."""

from __future__ import annotations

from collections.abc import Mapping

GOOD: Mapping[str, str] = {
    "version": "1",
    "mode": '"paper"',
    "symbols": '["BTC/USDT"]',
    "venues.binance.markets": '["spot"]',
    "venues.gate.markets": '["spot"]',
}

GONE = "(gone)"

RISK = (
    "order_notional_max, venue_exposure_max, position_notional_max, unhedged_notional_max, unhedged_ms_max, "
    "orders_per_minute_max, quotes_per_minute_max, daily_loss_max, open_deals_max, cooldown_ms, "
    "cooldown_after_loss_ms, book_age_ms_max, price_band_bps, too_good_bps, clock_offset_ms_max, hedge_reserve, "
    "hedge_cost_bps_max, hedge_attempts_max, evidence_s_max, margin_share"
)
MONEY = "must be a number from 1 to 10000000, in base_currency"


def text_of(changes: Mapping[str, str]) -> str:
    """The good file with these keys changed, added, or gone."""
    lines = {**GOOD, **changes}
    return "\n".join(f"{key} = {value}" for key, value in lines.items() if value != GONE)


BAD: list[tuple[dict[str, str], str]] = [
    # what is missing
    ({"version": GONE}, "version is missing: from 1 to 1"),
    ({"mode": GONE}, "mode is missing: one of simulated, paper, live"),
    ({"symbols": GONE}, 'symbols is missing: such as symbols = ["BTC/USDT", "ETH/USDT"]'),
    (
        {"venues.binance.markets": GONE, "venues.gate.markets": GONE},
        'venues is missing: name at least one, such as [venues.binance] with markets = ["spot"]',
    ),
    (
        {"venues.gate.markets": GONE, "venues.gate.symbols": '["BTC/USDT"]'},
        'venues.gate.markets is missing: such as markets = ["spot", "usdm"]',
    ),
    # keys that do not exist
    ({"risk.max_ordr": "50"}, "risk.max_ordr: no such key; did you mean risk.order_notional_max?"),
    ({"risk.max_order_notional": "50"}, "risk.max_order_notional: no such key; did you mean risk.order_notional_max?"),
    ({"risk.daily_loss_limit": "20"}, "risk.daily_loss_limit: no such key; did you mean risk.daily_loss_max?"),
    ({"risk.Daily_Loss_Max": "20"}, "risk.Daily_Loss_Max: no such key; did you mean risk.daily_loss_max?"),
    ({"risk.kill_switch": "true"}, f"risk.kill_switch: no such key; risk may hold {RISK}"),
    ({"risks.order_notional_max": "50"}, "risks: no such section; did you mean risk?"),
    ({"daily_loss_max": "20"}, "daily_loss_max: no such key; did you mean risk.daily_loss_max?"),
    ({"dead_man_s": "20"}, "dead_man_s: no such key; did you mean trade.dead_man_s?"),
    ({"trade.latency": "20"}, "trade.latency: no such key; did you mean paper.latency_ms?"),
    ({"trade.speed": "20"}, "trade.speed: no such key; trade may hold dead_man_s, audit_every_s"),
    ({"modes": '"paper"'}, "modes: no such key; did you mean mode?"),
    ({"strategy.basis.enabled": "true"}, "strategy.basis: no such section; did you mean strategy.carry?"),
    (
        {"strategy.cross.min_net_percent": "1"},
        "strategy.cross.min_net_percent: no such key; did you mean strategy.cross.min_net_bps?",
    ),
    ({"venues.gate.market": '["spot"]'}, "venues.gate.market: no such key; did you mean venues.gate.markets?"),
    (
        {"venues.gate.fees.taker_bps": "1"},
        "venues.gate.fees.taker_bps: no such key; did you mean venues.gate.fees.spot_taker_bps?",
    ),
    ({"breaker.error_max": "1"}, "breaker.error_max: no such key; did you mean breaker.errors_max?"),
    (
        {"alerts.telegram": "true"},
        (
            "alerts: no such section; the file may hold version, mode, symbols, venues, "
            "base_currency, paths, risk, breaker, strategy, trade, feeds, account, paper, live"
        ),
    ),
    # keys and secrets
    (
        {"venues.gate.api_key": '"abcdef"'},
        (
            "venues.gate.api_key: keys and secrets are not kept in this file; set ONEPRICE_GATE_API_KEY, or "
            "ONEPRICE_GATE_API_KEY_FILE to a file that holds it"
        ),
    ),
    (
        {"venues.binance.apiSecret": '"abcdef"'},
        (
            "venues.binance.apiSecret: keys and secrets are not kept in this file; set ONEPRICE_BINANCE_API_SECRET, or "
            "ONEPRICE_BINANCE_API_SECRET_FILE to a file that holds it"
        ),
    ),
    (
        {"passphrase": '"abcdef"'},
        (
            "passphrase: keys and secrets are not kept in this file; set ONEPRICE_VENUE_PASSPHRASE, or "
            "ONEPRICE_VENUE_PASSPHRASE_FILE to a file that holds it"
        ),
    ),
    # values of the wrong kind
    ({"mode": "1"}, "mode = 1: must be one of simulated, paper, live"),
    ({"risk": "50"}, "risk = 50: must be a section: [risk]"),
    (
        {"venues.gate.markets": GONE, "venues.gate": '["spot"]'},
        'venues.gate = ["spot"]: must be a section: [venues.gate]',
    ),
    ({"risk.order_notional_max": "true"}, f"risk.order_notional_max = true: {MONEY}"),
    ({"risk.order_notional_max": '"50"'}, f'risk.order_notional_max = "50": {MONEY}; without the quotes'),
    ({"risk.order_notional_max": '"fifty"'}, f'risk.order_notional_max = "fifty": {MONEY}'),
    ({"risk.order_notional_max": "[50]"}, f"risk.order_notional_max = [50]: {MONEY}"),
    ({"risk.order_notional_max": "2026-01-01"}, f"risk.order_notional_max = 2026-01-01: {MONEY}"),
    ({"risk.cooldown_ms": "0.5"}, "risk.cooldown_ms = 0.5: must be a whole number from 0 to 3600000, in milliseconds"),
    ({"strategy.cross.enabled": '"yes"'}, 'strategy.cross.enabled = "yes": must be true or false'),
    ({"strategy.cross.enabled": "1"}, "strategy.cross.enabled = 1: must be true or false"),
    ({"base_currency": "1"}, 'base_currency = 1: must be a text such as "USDT"'),
    ({"paths.data": "7"}, 'paths.data = 7: must be a text such as "./oneprice-data"'),
    ({"symbols": '"BTC/USDT"'}, 'symbols = "BTC/USDT": must be a list of texts such as ["BTC/USDT", "ETH/USDT"]'),
    ({"symbols": "[1, 2]"}, 'symbols = [1, 2]: must be a list of texts such as ["BTC/USDT", "ETH/USDT"]'),
    (
        {"venues.gate.markets": '"spot"'},
        'venues.gate.markets = "spot": must be a list of texts such as ["spot", "usdm"]',
    ),
    ({"paper.funds": '"lots"'}, 'paper.funds = "lots": must be a section: [paper.funds]'),
    # values out of their range
    ({"version": "2"}, "version = 2: must be 1"),
    ({"mode": '"prod"'}, 'mode = "prod": must be one of simulated, paper, live'),
    ({"mode": '"papr"'}, 'mode = "papr": must be one of simulated, paper, live; did you mean "paper"?'),
    ({"mode": '"Live"'}, 'mode = "Live": must be one of simulated, paper, live; did you mean "live"?'),
    ({"risk.order_notional_max": "0"}, f"risk.order_notional_max = 0: {MONEY}"),
    ({"risk.order_notional_max": "inf"}, f"risk.order_notional_max = Infinity: {MONEY}"),
    ({"risk.order_notional_max": "nan"}, f"risk.order_notional_max = NaN: {MONEY}"),
    (
        {"risk.daily_loss_max": "-20"},
        "risk.daily_loss_max = -20: must be a number from 0.01 to 10000000, in base_currency",
    ),
    (
        {"risk.book_age_ms_max": "60000"},
        "risk.book_age_ms_max = 60000: must be a whole number from 1 to 10000, in milliseconds",
    ),
    ({"risk.hedge_reserve": "1.5"}, "risk.hedge_reserve = 1.5: must be a number from 0.05 to 0.95"),
    ({"risk.price_band_bps": "1e6"}, "risk.price_band_bps = 1E+6: must be a number from 1 to 2000, in basis points"),
    ({"risk.open_deals_max": "0"}, "risk.open_deals_max = 0: must be a whole number from 1 to 1000"),
    ({"breaker.window_s": "0"}, "breaker.window_s = 0: must be a number from 1 to 3600, in seconds"),
    ({"strategy.cross.slack_share": "50"}, "strategy.cross.slack_share = 50: must be a number from 0 to 1"),
    ({"trade.dead_man_s": "-1"}, "trade.dead_man_s = -1: must be a whole number from 0 to 600, in seconds"),
    (
        {"feeds.price_gap_percent_max": "0"},
        "feeds.price_gap_percent_max = 0: must be a whole number from 1 to 100, in percent",
    ),
    ({"account.order_path": '"ws"'}, 'account.order_path = "ws": must be one of auto, rest, websocket'),
    (
        {"venues.gate.fees.spot_taker_bps": "-2000"},
        "venues.gate.fees.spot_taker_bps = -2000: must be a number from 0 to 1000, in basis points",
    ),
    ({"paper.funds.USDT": "-1"}, "paper.funds.USDT = -1: must be a number from 0 to 1000000000000, in that asset"),
    (
        {"symbols": '["BTC/USDT", "BTC/USDT"]'},
        'symbols = ["BTC/USDT", "BTC/USDT"]: must be a list that names each once; "BTC/USDT" is there twice',
    ),
    # names that mean nothing here
    (
        {"venues.gate.markets": GONE, "venues.binanse.markets": '["spot"]'},
        "venues.binanse: no such venue; allowed: binance, gate, mexc; did you mean binance?",
    ),
    (
        {"venues.gate.markets": '["spott"]'},
        'venues.gate.markets holds "spott"; allowed: spot, usdm; did you mean spot?',
    ),
    ({"venues.gate.markets": '["spot", "futures"]'}, 'venues.gate.markets holds "futures"; allowed: spot, usdm'),
    (
        {"venues.gate.symbols": '["ETH/USDT"]'},
        'venues.gate.symbols holds "ETH/USDT", which the file\'s symbols do not; add it there',
    ),
    (
        {"venues.gate.fees.usdm_taker_bps": "5"},
        'venues.gate.fees.usdm_taker_bps: venues.gate.markets does not hold "usdm"',
    ),
    ({"live.allow_withdraw_keys": '["mexc"]'}, 'live.allow_withdraw_keys holds "mexc"; allowed: binance, gate'),
    ({"base_currency": '"usdt"'}, 'base_currency = "usdt": must be an asset in capitals, such as USDT'),
    ({"base_currency": '"EUR"'}, 'base_currency = "EUR": none of the symbols is paid with it (USDT are)'),
    (
        {"symbols": '["BTC/USDT", "ETHUSDT"]'},
        'symbols holds "ETHUSDT"; a symbol is BASE/QUOTE in capitals, such as BTC/USDT; did you mean ETH/USDT?',
    ),
    (
        {"symbols": '["BTC/USDT", "eth/usdt"]'},
        'symbols holds "eth/usdt"; a symbol is BASE/QUOTE in capitals, such as BTC/USDT; did you mean ETH/USDT?',
    ),
    (
        {"symbols": '["BTC/USDT", "ETH/USDT:USDT"]'},
        (
            'symbols holds "ETH/USDT:USDT"; a symbol is BASE/QUOTE in capitals, such as BTC/USDT; perpetuals are '
            'chosen by markets = ["usdm"]'
        ),
    ),
    (
        {"symbols": '["BTC/USDT", "BTC/BTC"]'},
        'symbols holds "BTC/BTC"; a symbol is BASE/QUOTE in capitals, such as BTC/USDT',
    ),
    (
        {"paper.funds.usdt": "5", "paper.funds.USDT": "5"},
        "paper.funds.usdt: assets are written in capitals, such as USDT; did you mean USDT?",
    ),
    # what does not go together
    ({"venues.gate.markets": "[]"}, "venues.gate.markets is empty: name at least one of spot, usdm"),
    (
        {"risk.order_notional_max": "55", "risk.venue_exposure_max": "52"},
        "risk.venue_exposure_max = 52: must be at least risk.order_notional_max = 55; one order would be above it",
    ),
    (
        {"risk.position_notional_max": "10"},
        "risk.position_notional_max = 10: must be at least risk.order_notional_max = 50; one order would be above it",
    ),
    (
        {"risk.order_notional_max": "100"},
        "risk.unhedged_notional_max = 60: must be at least risk.order_notional_max = 100; one leg alone halts trading",
    ),
    (
        {"risk.cooldown_ms": "9000"},
        "risk.cooldown_after_loss_ms = 5000: must be at least risk.cooldown_ms = 9000",
    ),
    (
        {"strategy.cross.min_net_bps": "200"},
        "strategy.cross.min_net_bps = 200: must be below risk.too_good_bps = 150; nothing would be traded",
    ),
    ({"feeds.stale_after_ms": "1000"}, "feeds.stale_after_ms = 1000: must be at least feeds.silent_after_ms = 2000"),
    (
        {"strategy.cross.enabled": "false"},
        (
            "strategy: none is enabled; set enabled = true in one of [strategy.cross], [strategy.triangular], "
            "[strategy.carry], [strategy.maker]"
        ),
    ),
    (
        {"venues.gate.markets": GONE},
        "strategy.cross.enabled = true: needs a symbol on two spot markets; there are binance-spot",
    ),
    (
        {
            "symbols": '["BTC/USDT", "ETH/USDT"]',
            "venues.gate.symbols": '["ETH/USDT"]',
            "venues.binance.symbols": '["BTC/USDT"]',
        },
        "strategy.cross.enabled = true: needs a symbol on two spot markets; there are binance-spot, gate-spot",
    ),
    (
        {"strategy.triangular.enabled": "true"},
        (
            "strategy.triangular.enabled = true: needs three symbols that make a cycle on one spot market: BTC/USDT, "
            "ETH/USDT, ETH/BTC"
        ),
    ),
    (
        {"strategy.carry.enabled": "true"},
        "strategy.carry.enabled = true: needs a usdm market and another; there are binance-spot, gate-spot",
    ),
    (
        {"venues.gate.markets": '["spot", "usdm"]', "strategy.carry": "{ enabled = true, hold_s_max = 60 }"},
        "strategy.carry.hold_s_expected = 3600: must be at most strategy.carry.hold_s_max = 60",
    ),
    (
        {"strategy.maker": '{ enabled = true, hedge = ["gate-spot"] }'},
        "strategy.maker.post is empty: name at least one of binance-spot, gate-spot",
    ),
    (
        {"strategy.maker": '{ enabled = true, post = ["gate-spt"], hedge = ["binance-spot"] }'},
        'strategy.maker.post holds "gate-spt"; allowed: binance-spot, gate-spot; did you mean gate-spot?',
    ),
    (
        {"strategy.maker": '{ enabled = true, post = ["gate-spot"], hedge = ["gate-spot"] }'},
        'strategy.maker.hedge = ["gate-spot"]: must name another market than strategy.maker.post',
    ),
    (
        {"strategy.maker": '{ enabled = true, post = ["gate-spot"], hedge = ["binance-spot"], symbols = ["X/USDT"] }'},
        'strategy.maker.symbols holds "X/USDT", which the file\'s symbols do not; add it there',
    ),
    (
        {"strategy.maker": '{ enabled = true, post = ["gate-spot"], hedge = ["binance-spot"], order_notional = 51 }'},
        "strategy.maker.order_notional = 51: must be at most risk.order_notional_max = 50",
    ),
    ({"paper.funds.BTC": "1"}, "paper.funds holds no USDT, the base_currency: nothing could be bought"),
]
"""One problem each."""
