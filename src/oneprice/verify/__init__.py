"""The compliance kit: numbered cards that every venue folder must pass, on its simulated exchange or live."""

from oneprice.verify.bench import Bench, Faults, Thresholds, TradeCap
from oneprice.verify.card import Area, Card, CardResult, Failed, Need, Skipped, Verdict, card, expect, skip
from oneprice.verify.run import VenueReport, all_cards, run_cards

__all__ = [
    "Area",
    "Bench",
    "Card",
    "CardResult",
    "Failed",
    "Faults",
    "Need",
    "Skipped",
    "Thresholds",
    "TradeCap",
    "VenueReport",
    "Verdict",
    "all_cards",
    "card",
    "expect",
    "run_cards",
    "skip",
]
