"""What people look at: the live screen, progress lines and summaries. Reads views, touches nothing."""

from oneprice.observe.lines import progress_line
from oneprice.observe.news import News, Tiding
from oneprice.observe.screen import WIDE, draw
from oneprice.observe.summary import markets_table, summary_table
from oneprice.observe.tally import PairTotal, Tally

__all__ = [
    "WIDE",
    "News",
    "PairTotal",
    "Tally",
    "Tiding",
    "draw",
    "markets_table",
    "progress_line",
    "summary_table",
]
