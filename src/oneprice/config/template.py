"""The file that `oneprice init` writes: every key there is, with its default and what it means."""

from __future__ import annotations

from typing import Final

TEMPLATE: Final = """\
# oneprice: what is watched, what is traded, and how much of it may go wrong.
#
#   oneprice check     is this file right, and do the venues agree with it?
#   oneprice run       trade as it says; Ctrl-C ends
#
# Every key is here with its default. A key that does not exist is refused, so a misspelt limit cannot be a missing one.
# The environment can set any key but [live]: ONEPRICE__RISK__DAILY_LOSS_MAX=15
# API keys are never in this file. They are in the environment: ONEPRICE_BINANCE_API_KEY, ONEPRICE_BINANCE_API_SECRET,
# or in files that ONEPRICE_BINANCE_API_KEY_FILE and ONEPRICE_BINANCE_API_SECRET_FILE name.

version = 1                      # of this file's form

# simulated   exchanges of our own on 127.0.0.1: real wire protocols, invented prices and money
# paper       the venues' real prices, invented money: no keys are needed and no order leaves
# live        your money. It also needs: keys, a fresh `oneprice check`, and
#             oneprice run --live --i-understand AMOUNT
mode = "paper"

base_currency = "USDT"           # profit and all limits are counted in it
symbols = ["BTC/USDT", "ETH/USDT"]

[paths]
data = "./oneprice-data"         # journal and reports, relative to this file; "" for the usual place of this machine

# ---------------------------------------------------------------------- where

[venues.binance]
markets = ["spot"]               # spot, usdm (perpetuals paid in USDT)
# symbols = ["BTC/USDT"]         # only these here; all of the above when not given
# fees = { spot_taker_bps = 10.0, spot_maker_bps = 10.0, usdm_taker_bps = 5.0, usdm_maker_bps = 2.0 }
#                                # basis points; the venue's usual ones when not given. Real accounts are asked.

[venues.gate]
markets = ["spot"]

[venues.mexc]
markets = ["spot"]

# ---------------------------------------------------------------------- what

[strategy.cross]                 # buy here, sell there, both at once: spot against spot
enabled = true
min_net_bps = 4.0                # basis points that must be left after all fees
slack_share = 0.5                # the part of that edge which prices may move by before the order no longer fills

[strategy.triangular]            # three trades in a circle on one spot market
enabled = false
min_net_bps = 4.0
slack_share = 0.5

[strategy.carry]                 # spot against perpetual, perpetual against perpetual: enter, hold, exit
enabled = false
min_net_bps = 4.0                # of the whole: entry, exit, and the funding that is expected meanwhile
exit_net_bps = 2.0               # leave when closing now leaves so much
hold_s_expected = 3600.0         # seconds that funding is reckoned for
hold_s_max = 28800.0             # leave anyway after
positions_max = 4                # held at once
slack_share = 0.3

[strategy.maker]                 # rest on one market; what is filled there is hedged on another at once
enabled = false
post = []                        # such as ["gate-spot"]
hedge = []                       # such as ["binance-spot"]
symbols = []                     # all when empty
order_notional = 50
min_net_bps = 3.0
requote_bps = 1.0                # an order is moved when its right price is farther away
requotes_per_minute_max = 60     # of one listing
rest_ms_min = 250                # an order rests at least so long

# ---------------------------------------------------------------------- how much

[risk]                           # small on purpose: raising one is a decision. Amounts in base_currency.
order_notional_max = 50          # one order
venue_exposure_max = 200         # one venue: positions and open orders at their worst
position_notional_max = 200      # one asset, over all venues
unhedged_notional_max = 60       # legs that are unequal; more than this, or for longer than the next, halts trading
unhedged_ms_max = 1500
orders_per_minute_max = 10       # entries; hedges do not count
quotes_per_minute_max = 120      # of strategy.maker
daily_loss_max = 20              # realised, by UTC day; then trading halts
open_deals_max = 4
cooldown_ms = 500                # between two deals in the same listings
cooldown_after_loss_ms = 5000
book_age_ms_max = 250            # of every book that a deal is made from, when its orders are sent
price_band_bps = 100.0           # how far a price may be from the other venues' and from the last one
too_good_bps = 150.0             # a better edge is taken for an error
clock_offset_ms_max = 500        # a venue's clock from ours
hedge_reserve = 0.3              # the part of a venue's order rate that is kept for hedges
hedge_cost_bps_max = 100.0       # what one hedge may lose
hedge_attempts_max = 5           # then the deal is halted
evidence_s_max = 30.0            # an order of unknown outcome raises the alarm after
margin_share = 0.25              # what must be free of a perpetual order's notional

[breaker]                        # when a venue is taken to be ill: first nothing new, then out
window_s = 30.0                  # the next three are counted over
errors_max = 5
rejects_max = 8
latency_ms_p90_max = 2000        # from an order to its answer
stream_stale_ms_max = 3000       # the account's stream incomplete for longer
healthy_s = 10.0                 # back to normal after
flat_after_s = 120.0             # what is held there is closed after

[trade]
dead_man_s = 30                  # a venue that can cancels our orders after so long without us; 0 for never
audit_every_s = 30.0             # the venues' balances against ours

[feeds]
silent_after_ms = 2000           # a connection without data: its books are not used
stale_after_ms = 10000           # a book without a change: it is not used
price_gap_percent_max = 25       # farther apart, one name stands for two assets
clock_every_s = 30               # the venues' clocks are measured

[account]
order_path = "auto"              # auto (websocket where a venue has one for orders), rest, websocket
order_timeout_ms = 5000          # after it an order's outcome is unknown, and is looked for
measure_clock_every_s = 60.0
warm_every_s = 20.0              # connections for orders are kept open
overlap_s = 60.0                 # how far before a gap its fills are looked through again
find_for_s = 30.0                # one search for an order's evidence

[paper]
latency_ms = 20.0                # from sending to the match
funds = { USDT = 10000, BTC = 0.1, ETH = 3 }   # what each account has at first; to sell on spot takes coins

[live]
allow_withdraw_keys = []         # venues whose key may be able to withdraw: whoever reads such a key has the money
"""
