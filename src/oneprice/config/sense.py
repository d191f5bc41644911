"""What has to go together: keys that are each right by themselves, and wrong beside another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations

from oneprice.config.reading import show
from oneprice.config.settings import Settings
from oneprice.config.suggest import nearest

Tell = Callable[[str, str], None]
Offered = Mapping[str, Sequence[str]]
"""Venues and the kinds of their markets."""

SYMBOL = re.compile(r"[^\s/:a-z]+/[^\s/:a-z]+")
QUOTES = ("USDT", "USDC", "USD", "BTC", "ETH", "EUR")
ASSET = re.compile(r"[^\s/:a-z]{1,24}")
SPOT, USDM = "spot", "usdm"


def examine(settings: Settings, offered: Offered, tell: Tell) -> None:
    """Tell each problem: a key, and a text that reads on from it. Names come first; while one of them is wrong, what it
    goes with is not judged."""
    wrong: list[str] = []

    def note(key: str, text: str) -> None:
        wrong.append(key)
        tell(key, text)

    _names(settings, offered, note)
    _symbols(settings, note)
    if wrong:
        return
    _limits(settings, tell)
    _strategies(settings, tell)
    _paper(settings, tell)


def _names(settings: Settings, offered: Offered, tell: Tell) -> None:
    if not settings.venues:
        tell("venues", f" is empty: name at least one of {', '.join(offered)}")
    for venue, one in settings.venues.items():
        key = f"venues.{venue}"
        if venue not in offered:
            tell(key, f": no such venue; {_meant(venue, offered)}")
            continue
        if not one.markets:
            tell(f"{key}.markets", f" is empty: name at least one of {', '.join(offered[venue])}")
        for kind in one.markets:
            if kind not in offered[venue]:
                tell(f"{key}.markets", f" holds {show(kind)}; {_meant(kind, offered[venue])}")
        for kind in (SPOT, USDM):
            told = [side for side in ("taker", "maker") if getattr(one.fees, f"{kind}_{side}_bps") is not None]
            if told and kind not in one.markets:
                tell(f"{key}.fees.{kind}_{told[0]}_bps", f": {key}.markets does not hold {show(kind)}")
    for venue in settings.live.allow_withdraw_keys:
        if venue not in settings.venues:
            tell("live.allow_withdraw_keys", f" holds {show(venue)}; {_meant(venue, settings.venues)}")


def _meant(given: str, known: Iterable[str]) -> str:
    names = list(known)
    meant = nearest(given, names)
    allowed = f"allowed: {', '.join(names)}"
    return f"{allowed}; did you mean {meant}?" if meant else allowed


def _symbols(settings: Settings, tell: Tell) -> None:
    if not ASSET.fullmatch(settings.base_currency):
        tell("base_currency", f" = {show(settings.base_currency)}: must be an asset in capitals, such as USDT")
    if not settings.symbols:
        tell("symbols", ' is empty: name at least one, such as symbols = ["BTC/USDT"]')
    for symbol in settings.symbols:
        if not SYMBOL.fullmatch(symbol) or len(set(symbol.split("/"))) < 2:
            tell("symbols", f" holds {show(symbol)}; {_symbol_words(symbol)}")
    quotes = {symbol.partition("/")[2] for symbol in settings.symbols}
    if settings.symbols and ASSET.fullmatch(settings.base_currency) and settings.base_currency not in quotes:
        asked = f"none of the symbols is paid with it ({', '.join(sorted(quotes))} are)"
        tell("base_currency", f" = {show(settings.base_currency)}: {asked}")
    for venue, one in settings.venues.items():
        for symbol in one.symbols:
            if symbol not in settings.symbols:
                tell(f"venues.{venue}.symbols", f" holds {show(symbol)}, which the file's symbols do not; add it there")


def _symbol_words(symbol: str) -> str:
    allowed = "a symbol is BASE/QUOTE in capitals, such as BTC/USDT"
    if ":" in symbol:
        return f'{allowed}; perpetuals are chosen by markets = ["usdm"]'
    right = symbol.upper()
    if "/" not in right:
        quote = next((one for one in QUOTES if right.endswith(one) and right != one), "")
        right = f"{right[: -len(quote)].rstrip('-_')}/{quote}" if quote else ""
    if right != symbol and SYMBOL.fullmatch(right):
        return f"{allowed}; did you mean {right}?"
    return allowed


def _limits(settings: Settings, tell: Tell) -> None:
    risk = settings.risk
    order = risk.order_notional_max
    pairs = [
        ("venue_exposure_max", risk.venue_exposure_max, "one order would be above it"),
        ("position_notional_max", risk.position_notional_max, "one order would be above it"),
        ("unhedged_notional_max", risk.unhedged_notional_max, "one leg alone halts trading"),
    ]
    for name, value, why in pairs:
        if value < order:
            tell(f"risk.{name}", f" = {value}: must be at least risk.order_notional_max = {order}; {why}")
    if risk.cooldown_after_loss_ms < risk.cooldown_ms:
        tell(
            "risk.cooldown_after_loss_ms",
            f" = {risk.cooldown_after_loss_ms}: must be at least risk.cooldown_ms = {risk.cooldown_ms}",
        )
    for name in ("cross", "triangular", "carry", "maker"):
        strategy = getattr(settings.strategy, name)
        if strategy.enabled and strategy.min_net_bps >= risk.too_good_bps:
            tell(
                f"strategy.{name}.min_net_bps",
                f" = {strategy.min_net_bps:g}: must be below risk.too_good_bps = {risk.too_good_bps:g}; "
                "nothing would be traded",
            )
    if settings.feeds.stale_after_ms < settings.feeds.silent_after_ms:
        tell(
            "feeds.stale_after_ms",
            f" = {settings.feeds.stale_after_ms}: must be at least feeds.silent_after_ms = "
            f"{settings.feeds.silent_after_ms}",
        )


def _strategies(settings: Settings, tell: Tell) -> None:
    strategy, markets = settings.strategy, settings.markets
    if not any(one.enabled for one in (strategy.cross, strategy.triangular, strategy.carry, strategy.maker)):
        tell("strategy", ": none is enabled; set enabled = true in one of [strategy.cross], [strategy.triangular], "
             "[strategy.carry], [strategy.maker]")  # fmt: skip
    spot = [name for name in markets if name.endswith(f"-{SPOT}")]
    if strategy.cross.enabled and not _meet(settings, spot):
        tell("strategy.cross.enabled", f" = true: needs a symbol on two spot markets; there are {_listed(spot)}")
    if strategy.triangular.enabled and not any(_has_cycle(settings, name) for name in spot):
        tell(
            "strategy.triangular.enabled",
            " = true: needs three symbols that make a cycle on one spot market: BTC/USDT, ETH/USDT, ETH/BTC",
        )
    if strategy.carry.enabled and not (any(name.endswith(f"-{USDM}") for name in markets) and _meet(settings, markets)):
        tell("strategy.carry.enabled", f" = true: needs a usdm market and another; there are {_listed(markets)}")
    if strategy.carry.enabled and strategy.carry.hold_s_expected > strategy.carry.hold_s_max:
        tell(
            "strategy.carry.hold_s_expected",
            f" = {strategy.carry.hold_s_expected:g}: must be at most strategy.carry.hold_s_max = "
            f"{strategy.carry.hold_s_max:g}",
        )
    if strategy.maker.enabled:
        _maker(settings, tell)


def _maker(settings: Settings, tell: Tell) -> None:
    maker = settings.strategy.maker
    for name in ("post", "hedge"):
        key, places = f"strategy.maker.{name}", getattr(maker, name)
        if not places:
            tell(key, f" is empty: name at least one of {', '.join(settings.markets)}")
        for place in places:
            if place not in settings.markets:
                tell(key, f" holds {show(place)}; {_meant(place, settings.markets)}")
    if len(maker.post) == 1 and maker.hedge == maker.post:
        tell("strategy.maker.hedge", f" = {show(maker.hedge)}: must name another market than strategy.maker.post")
    for symbol in maker.symbols:
        if symbol not in settings.symbols:
            tell("strategy.maker.symbols", f" holds {show(symbol)}, which the file's symbols do not; add it there")
    order = settings.risk.order_notional_max
    if maker.order_notional > order:
        tell(
            "strategy.maker.order_notional",
            f" = {maker.order_notional}: must be at most risk.order_notional_max = {order}",
        )


def _meet(settings: Settings, markets: Sequence[str]) -> bool:
    """Whether two of the markets have a symbol in common."""
    watched = [set(settings.symbols_at(name.rpartition("-")[0])) for name in markets]
    return any(one & other for one, other in combinations(watched, 2))


def _has_cycle(settings: Settings, market: str) -> bool:
    pairs = [frozenset(symbol.split("/")) for symbol in settings.symbols_at(market.rpartition("-")[0])]
    known = set(pairs)
    return any(len(one & other) == 1 and one ^ other in known for one, other in combinations(pairs, 2))


def _listed(markets: Sequence[str]) -> str:
    return ", ".join(markets) if markets else "none"


def _paper(settings: Settings, tell: Tell) -> None:
    for asset in settings.paper.funds:
        if not ASSET.fullmatch(asset):
            right = f"; did you mean {asset.upper()}?" if ASSET.fullmatch(asset.upper()) else ""
            tell(f"paper.funds.{asset}", f": assets are written in capitals, such as USDT{right}")
    if settings.mode == "paper" and not settings.paper.funds.get(settings.base_currency):
        tell("paper.funds", f" holds no {settings.base_currency}, the base_currency: nothing could be bought")
