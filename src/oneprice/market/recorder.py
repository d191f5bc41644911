"""The hook through which everything that comes in can be kept, byte for byte, before it is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from oneprice.market.recording import RecordedListing
from oneprice.model import MarketKind
from oneprice.venues.kit import Request, Response


class Recorder(Protocol):
    """What `oneprice.market.recording.Recorder` does; called on the event loop, in the order in which things came.

    Must be quick; what it raises ends the run. `connection` numbers count up over a run and are never used twice;
    `market` is a VENUE-MARKET name; times are nanoseconds since 1970.
    """

    def on_rules(self, venue: str, market: MarketKind, listings: Sequence[RecordedListing], wall_ns: int) -> None:
        """The listings that are watched, with their rules: before their connections open, and on changes."""

    def on_open(self, connection: int, market: str, path: str, wall_ns: int) -> None:
        """A websocket of the connection kind `path` is open."""

    def on_frame(self, connection: int, payload: bytes, binary: bool, wall_ns: int) -> None:
        """A frame, market data or not. The memory is the transport's: copy it."""

    def on_closed(self, connection: int, reason: str, wall_ns: int) -> None:
        """The websocket is gone."""

    def on_rest(self, market: str, request: Request, response: Response, wall_ns: int) -> None:
        """An answer to a REST request."""
