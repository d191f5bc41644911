"""Live feeds for commands: which markets and symbols, where, and what to do when nobody answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from oneprice.errors import ConfigError, NetworkError

if TYPE_CHECKING:
    from oneprice.market import MarketConfig, MarketData
    from oneprice.venues.kit import Hosts

ANSWER_WITHIN_S = 12.0
GIVE_UP_AFTER_S = 2.0  # when every venue has failed by then
LOOK_EVERY_S = 0.1


def config_of(markets: str, symbols: str, fees_bps: Decimal | None) -> MarketConfig:
    """The feeds' configuration; all markets of all venues when none is named. Raises ConfigError."""
    from oneprice.market import MarketConfig
    from oneprice.research.names import parse_market, parse_symbols
    from oneprice.venues.kit import find_venues

    names = [name.strip() for name in markets.split(",") if name.strip()]
    if not names:
        names = [f"{venue.name}-{kind.value}" for venue in find_venues().values() for kind in venue.markets]
    for name in names:
        parse_market(name)
    fees = {} if fees_bps is None else dict.fromkeys(names, fees_bps / 2)
    return MarketConfig(markets=tuple(names), symbols=parse_symbols(symbols), taker_fee_bps=fees).checked()


def hosts_of(sims: Sequence[str], markets: Sequence[str]) -> dict[str, Hosts]:
    """`VENUE=URL` of simulated exchanges, for the markets of those venues. Raises ConfigError."""
    from oneprice.app import simulated_hosts

    urls = {}
    for text in sims:
        venue, _, url = text.partition("=")
        if not venue or not url.startswith(("http://", "https://")):
            raise ConfigError(f"--sim {text!r} is not VENUE=URL, such as binance=http://127.0.0.1:9001")
        urls[venue] = url.rstrip("/")
    here = [name for name in markets if name.rpartition("-")[0] in urls]
    unused = sorted(set(urls) - {name.rpartition("-")[0] for name in here})
    if unused:
        raise ConfigError(f"--sim {', '.join(unused)}: no market of that venue is watched")
    return simulated_hosts(here, urls) if here else {}


async def until_answered(data: MarketData) -> list[str]:
    """Wait until every market has told its rules, or has had its time. Gives what is wrong with those that have not.

    Raises NetworkError, with a line for each, when none has.
    """
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    while True:
        silent = [feed for feed in data.feeds.values() if not feed.known]
        waited_s = loop.time() - started_s
        all_failed = len(silent) == len(data.feeds) and all(feed.trouble for feed in silent)
        if not silent or waited_s > ANSWER_WITHIN_S or all_failed and waited_s > GIVE_UP_AFTER_S:
            break
        await asyncio.sleep(LOOK_EVERY_S)
    wrong = [f"{feed.name}: {feed.trouble or f'no answer within {ANSWER_WITHIN_S:.0f} s'}" for feed in silent]
    if len(silent) == len(data.feeds):
        raise ExceptionGroup("no venue answers", [NetworkError(line) for line in wrong])
    return wrong
