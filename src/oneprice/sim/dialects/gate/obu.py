"""Gate's depth V2 (`spot.obu`, `futures.obu`): one subscription tells the whole book and then its changes."""

from __future__ import annotations

from typing import Final

from oneprice.sim.dialects.gate.depth import DepthUpdate
from oneprice.sim.dialects.gate.session import ArgumentError, Stream
from oneprice.sim.dialects.gate.streams import DepthPlan, DepthSource, StreamBook
from oneprice.sim.market import SimListing

__all__ = ["level_texts", "obu_stream"]

_PLANS: Final = {
    "400": DepthPlan(400, 100, deletes_pushed_out=True),
    "50": DepthPlan(50, 20, deletes_pushed_out=True),
}


def _plan(text: str) -> tuple[str, DepthPlan]:
    """The name and plan in `ob.BTC_USDT.400`. Raises ArgumentError for anything else."""
    parts = text.split(".")
    if len(parts) != 3 or parts[0] != "ob" or parts[2] not in _PLANS:
        raise ArgumentError(f"invalid payload: {text}")
    return parts[1], _PLANS[parts[2]]


def obu_stream(book: StreamBook, text: str) -> Stream:
    """Depth V2, alike in both products: the first push is the whole view, then changes without a break."""
    name, plan = _plan(text)
    listing = book.listing(name)

    def frame(update: DepthUpdate, changed_ms: int, whole: bool) -> str:
        result: dict[str, object] = {"t": changed_ms, "s": text, "u": update.last_id}
        result |= {"full": True} if whole else {"U": update.first_id}
        if update.bids or whole:
            result["b"] = level_texts(listing, update.bids)
        if update.asks or whole:
            result["a"] = level_texts(listing, update.asks)
        return book.frame("obu", result)

    def make(topic: str) -> Stream:
        source = DepthSource(book.server, topic, listing, plan, frame)
        return Stream(source.topic, source.greeting, is_exclusive=True, label=text)

    return book.stream(f"{book.product}.obu:{text}", make)


def level_texts(listing: SimListing, levels: list[tuple[int, int]]) -> list[list[str]]:
    """Rows of price and size; the size "0" deletes."""
    return [[listing.price_text(price), listing.lots_text(lots)] for price, lots in levels]
