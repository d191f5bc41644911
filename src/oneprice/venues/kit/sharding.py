"""Subscriptions spread over connections, and names over messages, within a venue's limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from oneprice.venues.kit.contract import StreamLimits, Subscription


class Shard(msgspec.Struct, frozen=True):
    """What one connection carries."""

    path: str
    subscriptions: tuple[Subscription, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The venue's words, each once."""
        return tuple(dict.fromkeys(subscription.name for subscription in self.subscriptions))


def shard(subscriptions: Sequence[Subscription], limits: StreamLimits) -> list[Shard]:
    """Connections for the subscriptions, in their order.

    What a listing has on one path stays on one connection, so that its book and its quotes arrive in the
    venue's order. Raises ValueError when one listing alone is more than a connection takes.
    """
    most = limits.subscriptions_per_connection
    if most < 1:
        raise ValueError(f"{most} subscriptions a connection")
    shards: list[Shard] = []
    filling: dict[str, list[Subscription]] = {}
    for (path, listing), group in _by_listing(subscriptions).items():
        if len(group) > most:
            raise ValueError(f"{listing} needs {len(group)} subscriptions on one connection of {most}")
        current = filling.setdefault(path, [])
        if len(current) + len(group) > most:
            shards.append(Shard(path, tuple(current)))
            filling[path] = current = []
        current.extend(group)
    return shards + [Shard(path, tuple(group)) for path, group in filling.items() if group]


def batches(names: Sequence[str], limits: StreamLimits) -> Iterator[tuple[str, ...]]:
    """The names in portions of one message each."""
    most = limits.names_per_message
    if most < 1:
        raise ValueError(f"{most} names a message")
    for start in range(0, len(names), most):
        yield tuple(names[start : start + most])


def _by_listing(subscriptions: Sequence[Subscription]) -> dict[tuple[str, str], list[Subscription]]:
    groups: dict[tuple[str, str], list[Subscription]] = {}
    for subscription in subscriptions:
        groups.setdefault((subscription.path, str(subscription.listing.name)), []).append(subscription)
    return groups
