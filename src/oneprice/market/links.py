"""The subscriptions of one connection: asked for, acknowledged or refused, and heard."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence

from oneprice.market.config import MarketConfig
from oneprice.ports import Clock
from oneprice.venues.kit import Ack, Channel, PublicMarket, Subscription
from oneprice.venues.kit.sharding import batches

MS = 1_000_000
DOUBLINGS_MAX = 5


class Link:
    """One subscription on one connection, for listing number `listing` of the hub."""

    __slots__ = ("acked", "asked_ns", "heard", "listing", "queued", "refused", "subscription", "tries")

    def __init__(self, subscription: Subscription, listing: int) -> None:
        self.subscription, self.listing = subscription, listing
        self.acked = self.heard = self.queued = False
        self.refused = ""
        self.tries = 0
        self.asked_ns = -1

    def queue(self) -> None:
        """It waits to be sent (again): nothing is known of it any more."""
        self.queued = True
        self.acked = self.heard = False

    def ask(self, now_ns: int) -> None:
        """It is sent now."""
        self.queued, self.refused = False, ""
        self.tries += 1
        self.asked_ns = now_ns

    def again_after_ns(self, ack_within_ns: int, config: MarketConfig) -> int:
        """How long after it was asked for it is asked for again, while no data come. Doubles with each try."""
        if self.refused:
            first_ns = config.refused_again_after_ms * MS
        elif self.acked:
            first_ns = config.first_data_within_ms * MS
        else:
            first_ns = ack_within_ns
        return int(first_ns * 2 ** min(max(self.tries - 1, 0), DOUBLINGS_MAX))


class _Asked:
    """A subscribe or unsubscribe under way: whose it is, and how many answers are to come."""

    __slots__ = ("answers_left", "asked_ns", "links")

    def __init__(self, links: list[Link], answers_left: int, asked_ns: int) -> None:
        self.links, self.answers_left, self.asked_ns = links, answers_left, asked_ns


class Links:
    """`unheard`: how many have brought no data yet. `heard_any`, `stood_any`: whether anything has, or was acked."""

    def __init__(self, links: Sequence[Link]) -> None:
        self._links = list(links)
        self._asked: OrderedDict[int, _Asked] = OrderedDict()
        self._number = 0
        self.unheard = len(self._links)
        self.heard_any = self.stood_any = False

    def __iter__(self) -> Iterator[Link]:
        return iter(self._links)

    def __len__(self) -> int:
        return len(self._links)

    def of_listing(self, listing: int, channel: Channel | None = None) -> list[Link]:
        """What is subscribed to for one listing, on the channel or on any."""
        return [
            link
            for link in self._links
            if link.listing == listing and (channel is None or link.subscription.channel is channel)
        ]

    def hears(self, listing: int, channel: Channel | None = None) -> bool:
        """Whether data of the listing have come, on the channel or on any."""
        return any(link.heard for link in self.of_listing(listing, channel))

    def add(self, links: Sequence[Link]) -> None:
        """Carry these too."""
        self._links += links
        self._count()

    def remove(self, names: set[str]) -> None:
        """Carry these no more."""
        self._links = [link for link in self._links if link.subscription.name not in names]
        self._count()

    def rebind(self, old: int, new: int) -> None:
        """The listing has a new number in the hub."""
        for link in self._links:
            if link.listing == old:
                link.listing = new

    def hear(self, listing: int, channel: Channel) -> None:
        """A data frame of the listing came; -1 for a frame with trades of several."""
        for link in self._links:
            if listing in (link.listing, -1) and link.subscription.channel is channel and not link.heard:
                link.heard, link.refused, link.tries = True, "", 0
                self.heard_any = self.stood_any = True
        self._count()

    def on_ack(self, ack: Ack) -> None:
        """An answer to a message. Number 0 answers the oldest message without an answer, name "" all its names."""
        number = ack.id or next(iter(self._asked), 0)
        asked = self._asked.get(number)
        links = asked.links if asked else []
        everything = ack.refused.get("")
        for link in self._links:
            reason = ack.refused.get(link.subscription.name, everything if link in links else None)
            if reason is not None and not link.heard:
                link.refused = reason or "refused without a reason"
        if asked is None:
            return
        asked.answers_left -= 1
        if asked.answers_left <= 0:
            del self._asked[number]
            for link in links:
                if everything is None and link.subscription.name not in ack.refused:
                    link.refused = ""
                    link.acked = self.stood_any = True

    def on_refusal(self, reason: str) -> None:
        """An error that names no message: perhaps of the oldest one without an answer, which is asked again then."""
        for asked in list(self._asked.values())[:1]:
            for link in asked.links:
                if not link.heard and not link.acked:
                    link.refused = reason

    def due(self, now_ns: int, ack_within_ns: int, config: MarketConfig) -> list[Link]:
        """Those that have to be asked for again: not answered, refused a while ago, or answered without data.

        That there are no trades for a while is no sign of anything.
        """
        for number in [number for number, asked in self._asked.items() if now_ns - asked.asked_ns > ack_within_ns]:
            del self._asked[number]
        return [
            link
            for link in self._links
            if not link.heard
            and not link.queued
            and not (link.acked and link.subscription.channel is Channel.TRADES)
            and now_ns - link.asked_ns > link.again_after_ns(ack_within_ns, config)
        ]

    def messages(
        self, links: Sequence[Link], names_up: Sequence[str], market: PublicMarket, clock: Clock
    ) -> Iterator[bytes]:
        """The texts that give up `names_up`, then ask for `links`."""
        for batch in batches(names_up, market.limits):
            texts = market.unsubscribe(batch, self._next(), clock.wall_ns())
            self._asked[self._number] = _Asked([], len(texts), clock.monotonic_ns())
            yield from texts
        for batch in batches(list(dict.fromkeys(link.subscription.name for link in links)), market.limits):
            asked = [link for link in links if link.subscription.name in batch]
            texts = market.subscribe(batch, self._next(), clock.wall_ns())
            for link in asked:
                link.ask(clock.monotonic_ns())
            self._asked[self._number] = _Asked(asked, len(texts), clock.monotonic_ns())
            self._count()
            yield from texts

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _count(self) -> None:
        self.unheard = sum(not link.heard for link in self._links)
