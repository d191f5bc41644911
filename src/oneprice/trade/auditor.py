"""Holds the venues' balances against ours, again and again: what differs is explained, or shown."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from decimal import Decimal

from oneprice.errors import ExchangeAPIError, NetworkError
from oneprice.ledger.audit import Difference, compare
from oneprice.ledger.records import Alarmed, BalanceChecked, TransferTold
from oneprice.model import MarketKind
from oneprice.trade.desk import Desk, listing_key
from oneprice.trade.recorder import Recorder
from oneprice.trade.tracker import Tracker


class Auditor:
    """A difference counts once it was seen twice, `audit_every_s` apart, with nothing in between: until then a fill may
    be on its way. Then it is adopted as a transfer, and an alarm tells."""

    def __init__(self, desk: Desk, recorder: Recorder, tracker: Tracker) -> None:
        self._desk, self._recorder, self._tracker = desk, recorder, tracker
        self._seen: dict[tuple[str, str], tuple[Decimal, int]] = {}
        self.checks = self.adopted = 0
        self.last: dict[tuple[str, str], Difference] = {}

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._desk.clock.sleep(self._desk.settings.audit_every_s)
            await self.audit_all("audit")

    async def audit_all(self, why: str, but: Collection[str] = ()) -> None:
        """All accounts but those. A venue that does not answer is left for the next time."""
        await asyncio.gather(*(self._guarded(name, why) for name in self._desk.accounts if name not in but))

    async def _guarded(self, name: str, why: str) -> None:
        try:
            await self.audit(name, why)
        except (NetworkError, ExchangeAPIError) as error:
            text = f"{name}: balances cannot be compared: {error}"
            self._recorder.write(Alarmed(wall_ns=self._recorder.wall_ns(), kind="audit", text=text))

    async def audit(self, name: str, why: str) -> None:
        """One account. Raises NetworkError, ExchangeAPIError."""
        if self._is_busy(name):
            return
        account, ledger = self._desk.accounts[name], self._recorder.ledger
        fills = ledger.fills_booked(name)
        balances = {str(one.asset): one.total for one in await account.balances()}
        positions = {}
        if account.market is not MarketKind.SPOT:
            positions = {listing_key(one.listing): one.quantity for one in await account.positions()}
        if self._is_busy(name) or ledger.fills_booked(name) != fills:
            return  # something moved while we asked
        self.checks += 1
        differences = compare(ledger, name, balances, positions)
        for found in differences:
            self._judge(name, found, fills, why)
        for key in [key for key in self._seen if key[0] == name and all(one.asset != key[1] for one in differences)]:
            del self._seen[key]

    def _judge(self, name: str, found: Difference, fills: int, why: str) -> None:
        key = (name, found.asset)
        self.last[key] = found
        if found.explained:
            return
        wall_ns = self._recorder.wall_ns()
        if self._seen.get(key) != (found.amount, fills) and why != "start":
            self._seen[key] = (found.amount, fills)
            return
        self._seen.pop(key, None)
        text = f"{name}: the venue has {found.amount:+f} {found.asset} more than ours; nothing explains it"
        self.adopted += 1
        self._recorder.write(
            BalanceChecked(
                wall_ns=wall_ns,
                account=name,
                asset=found.asset,
                venue_total=found.venue,
                our_total=found.ours,
                explained="",
            ),
            TransferTold(
                wall_ns=wall_ns, account=name, asset=found.asset, amount=found.amount, why=f"unexplained at {why}"
            ),
            Alarmed(wall_ns=wall_ns, kind="balance", text=text),
        )

    def _is_busy(self, name: str) -> bool:
        """Whether an order is out at this account, or a fill still to be told."""
        return any(
            not (order.is_over and order.fills_complete)
            for order in self._recorder.ledger.orders.values()
            if order.intent.listing.startswith(f"{name}:")
        )
