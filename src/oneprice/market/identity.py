"""The same ticker is not the same asset: listings whose prices are far apart are not traded against each other."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from oneprice.core import Hub
from oneprice.core.states import Reason
from oneprice.market.books import Book, Books


def doubt(books: Books, hub: Hub, gap_percent_max: int) -> list[Book]:
    """Compare the prices of all listings of each group. Sets `price` and `doubted` of each.

    Gives the books that came into doubt or out of it.
    """
    groups: dict[str, list[Book]] = {}
    for book in books:
        book.price = price_of(book, hub) or book.price
        groups.setdefault(book.group, []).append(book)
    changed = []
    for group in groups.values():
        reasons = strangers({book.name: book.price for book in group if book.price}, gap_percent_max)
        for book in group:
            reason = reasons.get(book.name, "")
            if not book.price and len(group) > 1:
                reason = "no price yet to tell whether it is the same asset"
            if bool(reason) != bool(book.doubted):
                changed.append(book)
            book.doubted = reason
    return changed


def price_of(book: Book, hub: Hub) -> Decimal | None:
    """Between bid and ask, per base coin; None while the book is not proven."""
    bid_ticks, bid_lots, ask_ticks, ask_lots, _ = hub.top(book.number)
    if not bid_lots or not ask_lots or hub.reason(book.number) != Reason.NONE:
        return None
    return (bid_ticks + ask_ticks) * book.tick_size / 2 / book.info.multiplier


def strangers(prices: Mapping[str, Decimal], gap_percent_max: int) -> dict[str, str]:
    """Of listings with one ticker, those that may be another asset, with the reason in words.

    Listings that can be reached from each other in steps of at most `gap_percent_max` are one asset; the largest
    such set is believed. Without a majority none is: nobody can tell which of two is the real one.
    """
    ordered = sorted(prices, key=lambda name: (prices[name], name))
    sets: list[list[str]] = []
    for name in ordered:
        near = sets and prices[name] <= prices[sets[-1][-1]] * (100 + gap_percent_max) / 100
        if near:
            sets[-1].append(name)
        else:
            sets.append([name])
    sets.sort(key=len, reverse=True)
    if len(sets) < 2:
        return {}
    believed = sets[0] if len(sets[0]) > len(sets[1]) else []
    found = {}
    for name in ordered:
        if name not in believed:
            other = (believed or [other for other in ordered if other not in _set_of(sets, name)])[0]
            found[name] = (
                f"not the same asset? {name} costs {plain(prices[name])}, {other} {plain(prices[other])}; "
                f"more than {gap_percent_max} % apart"
            )
    return found


def plain(number: Decimal) -> str:
    """Without exponent or idle zeros, eight significant digits."""
    return f"{Decimal(f'{number:.8g}').normalize():f}"


def _set_of(sets: list[list[str]], name: str) -> list[str]:
    return next(members for members in sets if name in members)
