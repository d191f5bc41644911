"""One venue's wire protocol each, over the shared markets and server kit.

A dialect is a module or package `oneprice.sim.dialects.<venue>` found by its folder name. It exposes

    INSTRUMENTS: Mapping[str, Sequence[SimInstrument]]
        the default instruments by market name ("spot", "usdm", ...), with the venue's real ticks and lots;
    SHARED_SEQUENCE: frozenset[str]  (optional)
        markets whose listings are numbered by one counter;
    DESK_RULES: Mapping[str, DeskRules]  (optional)
        how each market trades; without it nothing private is served and `server.desks` is empty;
    def build(markets: Mapping[str, SimMarket], server: SimServer) -> None
        registers REST routes and websockets on the server. The markets have been started, and `server.desks` are
        open.

Rules: written from the venue's documents alone; time comes from `server.now_ns()`; REST depth uses
`SimListing.snapshot` and data frames go out by `Topic.publish` or `Connection.send_data` (with
`is_diff=True` for depth diffs), so that the faults reach them; a subscription asks
`server.faults.hit(FaultKind.REJECT_SUBSCRIBE, stream)` first; `server.fault_answer` is set to the venue's
own shapes of rest_error, rate_limit, maintenance and ban (`server.faults.left_s(kind)` for Retry-After). REST
handlers that change orders are routed with `changes=True`; their like over websockets ask `Connection.loses(command)`
before they act and give their answer to `Connection.answer`; private events go out by `Connection.report`.
Private commands over websockets that `server.faults.hit(FaultKind.MAINTENANCE, command)` get the venue's unavailable
error. What a dialect remembers of orders, moves or keys has a maximum (see `keeping`).
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, cast

from oneprice.sim.market import SimInstrument, SimMarket
from oneprice.sim.orders import DeskRules
from oneprice.sim.price import Paths
from oneprice.sim.server import SimServer


class Dialect(Protocol):
    """What a dialect module exposes."""

    INSTRUMENTS: Mapping[str, Sequence[SimInstrument]]

    def build(self, markets: Mapping[str, SimMarket], server: SimServer) -> None:
        """Register REST routes and websockets."""
        ...


def names() -> list[str]:
    """The venues that have a dialect."""
    return sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))


def load(venue: str) -> Dialect:
    """The dialect of a venue. Raises ValueError naming the known ones when there is none."""
    if venue not in names():
        raise ValueError(f"no simulated exchange {venue!r}; there are {', '.join(names())}")
    return cast(Dialect, import_module(f"{__name__}.{venue}"))


def desk_rules(venue: str) -> Mapping[str, DeskRules]:
    """How each market of a venue trades; empty when its dialect has no private side."""
    return cast(Mapping[str, DeskRules], getattr(load(venue), "DESK_RULES", {}))


def make_markets(venue: str, seed: int, t0_ns: int, keep: Iterable[str] | None = None) -> dict[str, SimMarket]:
    """The venue's markets, not yet started; `keep` names instruments by base/quote, None keeps all.

    Raises ValueError when `keep` leaves nothing.
    """
    dialect = load(venue)
    shared = cast(frozenset[str], getattr(dialect, "SHARED_SEQUENCE", frozenset()))
    wanted = None if keep is None else set(keep)
    markets, paths = {}, Paths(seed, t0_ns)
    for market, instruments in dialect.INSTRUMENTS.items():
        chosen = [item for item in instruments if wanted is None or f"{item.base}/{item.quote}" in wanted]
        if chosen:
            markets[market] = SimMarket(
                venue, market, chosen, seed, t0_ns, shared_sequence=market in shared, paths=paths
            )
    if not markets:
        raise ValueError(f"{venue} has none of the instruments {sorted(wanted or ())}")
    return markets
