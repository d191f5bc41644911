"""An order of unknown outcome: looked for until the venue's evidence is enough. Nothing is ever sent again."""

from __future__ import annotations

from oneprice.errors import ExchangeAPIError, NetworkError, OrderNotFoundError
from oneprice.exchange.interfaces import PrivateExchangeInterface
from oneprice.exchange.rest import RestClient
from oneprice.exchange.view import OrderView
from oneprice.model import Fill, Order, OrderRef
from oneprice.ports import Clock
from oneprice.venues.kit import PrivateMarket

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_FILLS_BEFORE_NS = 5_000_000_000


async def find_order(
    exchange: PrivateExchangeInterface,
    account: PrivateMarket,
    view: OrderView,
    rest: RestClient,
    clock: Clock,
    ref: OrderRef,
    *,
    sent_ns: int,
    for_s: float,
) -> Order | None:
    """See `PrivateExchange.find`.

    "Not found" counts only once the venue has had `findable_after_s` since the sending; then neither the open orders
    nor the fills may have it either.
    """
    deadline_ns = clock.monotonic_ns() + round(for_s * 1e9)
    pause_s = _FIRST_PAUSE_S
    while True:
        known = view.get(ref)
        if known is not None and known.venue_order_id:
            return known  # the private stream was quicker
        failure: NetworkError | ExchangeAPIError
        try:
            return await exchange.order(ref)
        except OrderNotFoundError as error:
            if clock.wall_ns() - sent_ns >= account.findable_after_s * 1e9:
                return await _elsewhere(exchange, rest, ref, sent_ns)
            failure = error
        except (NetworkError, ExchangeAPIError) as error:
            failure = error
        if clock.monotonic_ns() + pause_s * 1e9 > deadline_ns:
            if isinstance(failure, OrderNotFoundError):
                found = await _elsewhere(exchange, rest, ref, sent_ns)
                if found is not None:
                    return found  # it proves what a young "not found" cannot
            raise failure
        await clock.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


async def _elsewhere(exchange: PrivateExchangeInterface, rest: RestClient, ref: OrderRef, sent_ns: int) -> Order | None:
    """The order among the open ones, or by a fill of its own; else None."""
    for order in await exchange.open_orders(ref.listing):
        if _is_meant(order, ref):
            return order
    since_ns = max(0, sent_ns + rest.venue_clock.offset_ns - _FILLS_BEFORE_NS)
    for fill in await exchange.fills(ref.listing, since_ns):
        if fill.client_order_id == ref.client_order_id or not fill.client_order_id:
            found = await _by_fill(exchange, ref, fill)
            if found is not None:
                return found
    return None


async def _by_fill(exchange: PrivateExchangeInterface, ref: OrderRef, fill: Fill) -> Order | None:
    """The order that a fill belongs to, if it is the one that is looked for."""
    try:
        order = await exchange.order(OrderRef(listing=ref.listing, venue_order_id=fill.venue_order_id))
    except OrderNotFoundError:
        return None
    return order if _is_meant(order, ref) else None


def _is_meant(order: Order, ref: OrderRef) -> bool:
    """An id that is not given is no likeness: other makers' orders have none of ours either."""
    if ref.venue_order_id:
        return order.venue_order_id == ref.venue_order_id
    return bool(ref.client_order_id) and order.client_order_id == ref.client_order_id
