"""What Gate's private channels have in common: one topic per account, told by `Connection.report`.

A subscription is signed for its channel; there is no replay of what happened before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from oneprice.sim.accounts import Account
from oneprice.sim.connection import Frame, Topic
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.gate.listed import by_name
from oneprice.sim.dialects.gate.session import ArgumentError, PrivatePlanner, Stream
from oneprice.sim.market import SimListing
from oneprice.sim.orders import Report
from oneprice.sim.server import SimServer

__all__ = ["AccountBook", "PrivateTopic", "Source", "silent"]

ALL = "!all"
Rows = Callable[[Report], list[dict[str, object]]]
Source = Callable[[Account, SimListing | None, bool], Rows]
"""From an account, a listing (None for all) and how sizes are written, to what makes a report's rows; [] for none."""


class PrivateTopic(Topic):
    """A topic whose frames are private events."""

    def publish(self, frame: Frame, *, is_diff: bool = False) -> None:
        """To everybody who has subscribed with this account's key."""
        for connection in list(self.subscribers):
            connection.report(frame, self.name)


class AccountBook:
    """The private streams of one product. A stream is made when first asked for and kept."""

    def __init__(self, server: SimServer, product: str, desk: TradingDesk, unknown: str) -> None:
        self._server = server
        self._product = product
        self._desk = desk
        self._listings = by_name(desk.market)
        self._unknown = unknown
        self._streams: dict[str, Stream] = {}

    def planner(
        self, channel: str, source: Source, *, takes_uid: bool = False, takes_listing: bool = True
    ) -> PrivatePlanner:
        """What a subscription's payload means: names of listings or !all, after the user id where that is asked."""

        def plan(account: Account, payload: Sequence[str], decimal: bool) -> list[Stream]:
            wanted = _without_uid(account, payload, channel) if takes_uid else payload
            names = wanted if takes_listing else [ALL]
            if not names:
                raise ArgumentError("payload is empty")
            return [self._stream(channel, account, name, decimal, source) for name in names]

        return plan

    def _stream(self, channel: str, account: Account, name: str, decimal: bool, source: Source) -> Stream:
        listing = None if name == ALL else self._listings.get(name)
        if listing is None and name != ALL:
            raise ArgumentError(f"{self._unknown}: {name}")
        topic = f"{self._product}.{channel}:{account.uid}:{name}{':decimal' if decimal else ''}"
        found = self._streams.get(topic)
        if found is None:
            attach = partial(self._attach, channel, partial(source, account, listing, decimal))
            found = self._streams[topic] = Stream(PrivateTopic(topic, attach))
        return found

    def _attach(self, channel: str, make: Callable[[], Rows], topic: Topic) -> Callable[[], None]:
        rows = make()

        def hear(report: Report) -> None:
            found = rows(report)
            if found:
                topic.publish(self._frame(channel, found))

        self._desk.listeners.append(hear)
        return lambda: self._desk.listeners.remove(hear)

    def _frame(self, channel: str, rows: list[dict[str, object]]) -> str:
        now_ms = self._server.now_ms()
        frame = {
            "time": now_ms // 1_000,
            "time_ms": now_ms,
            "channel": f"{self._product}.{channel}",
            "event": "update",
            "result": rows,
        }
        return msgspec.json.encode(frame).decode()


def silent(account: Account, listing: SimListing | None, decimal: bool) -> Rows:
    """Channels of what does not happen here: liquidations, triggers, margin accounts."""
    return lambda report: []


def picked(shape: Mapping[str, object], names: Sequence[str]) -> dict[str, object]:
    """Some of the fields, in that order."""
    return {name: shape[name] for name in names}


def _without_uid(account: Account, payload: Sequence[str], channel: str) -> Sequence[str]:
    """The payload after the user id, which must be the key's (of positions it is a mere placeholder)."""
    if not payload:
        raise ArgumentError("payload is empty")
    if payload[0] != str(account.uid) and channel != "positions":
        raise ArgumentError(f"user id {payload[0]} is not the key's")
    return payload[1:] or [ALL]
