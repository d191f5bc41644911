"""Cancels orders of ours: each until the venue says that it is over, and all when nobody will look after them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from oneprice.errors import ExchangeAPIError, JournalError, NetworkError, OrderNotFoundError
from oneprice.ledger.orders import TrackedOrder
from oneprice.ledger.records import CancelIntended
from oneprice.market.supervisor import Supervisor
from oneprice.model import OrderStatus
from oneprice.ports import Clock
from oneprice.trade.account import TradingAccount
from oneprice.trade.recorder import Recorder
from oneprice.trade.tracker import Tracker

PAUSE_S, PAUSE_S_MAX = 0.1, 2.0
LEAVE_WITHIN_S = 3.0
"""So long an engine that ends waits for its last cancels. What is open then is found by the next start."""


class Cancelling:
    """`under_way`: names of the orders."""

    def __init__(
        self,
        accounts: Mapping[str, TradingAccount],
        recorder: Recorder,
        tracker: Tracker,
        supervisor: Supervisor,
        clock: Clock,
    ) -> None:
        self._accounts, self._recorder, self._tracker = accounts, recorder, tracker
        self._supervisor, self._clock = supervisor, clock
        self._ledger = recorder.ledger
        self.under_way: set[str] = set()

    def pull(self, client_order_id: str, reason: str) -> None:
        """Cancel an order, once. Raises JournalError."""
        known = self._ledger.order(client_order_id)
        if known is None or known.is_over or client_order_id in self.under_way:
            return
        self._intend(client_order_id)
        self.under_way.add(client_order_id)
        self._supervisor.spawn(self._until_over(client_order_id), f"cancel {client_order_id}: {reason}")

    def pull_all(self, reason: str) -> None:
        """All that are open. Raises JournalError."""
        for known in self._open():
            self.pull(known.intent.client_order_id, reason)

    async def leave_none(self) -> None:
        """The last thing of a run, however it ends: whatever is open is cancelled, as far as a moment is enough for it.

        A journal that takes nothing more does not keep it from being done: a cancel adds no risk.
        """
        try:
            async with asyncio.timeout(LEAVE_WITHIN_S):
                await asyncio.gather(*(self._leave(known) for known in self._open()))
        except TimeoutError:
            return

    # ---- inside

    def _open(self) -> list[TrackedOrder]:
        return [known for known in self._ledger.awaited() if not known.is_over]

    def _intend(self, name: str) -> None:
        self._recorder.write(CancelIntended(wall_ns=self._recorder.wall_ns(), client_order_id=name))

    async def _leave(self, known: TrackedOrder) -> None:
        name = known.intent.client_order_id
        with contextlib.suppress(JournalError):
            self._intend(name)
        with contextlib.suppress(JournalError, NetworkError, ExchangeAPIError):  # the next start asks for it
            await self._cancel(known)

    async def _until_over(self, name: str) -> None:
        """By whatever way. A cancel may be sent again: it can do nothing twice."""
        pause_s = PAUSE_S
        try:
            while (known := self._ledger.order(name)) is not None and not known.is_over:
                try:
                    await self._cancel(known)
                except OrderNotFoundError:  # it is over, or not there yet: evidence is looked for meanwhile
                    self._tracker.doubt(name, "the venue does not find it to cancel")
                except (NetworkError, ExchangeAPIError):
                    pass  # tried again below
                await self._clock.sleep(pause_s)
                pause_s = min(2 * pause_s, PAUSE_S_MAX)
        finally:
            self.under_way.discard(name)

    async def _cancel(self, known: TrackedOrder) -> None:
        account = known.intent.listing.partition(":")[0]
        told = await self._accounts[account].cancel(self._tracker.ref(known))
        if told is not None and told.status is not OrderStatus.UNKNOWN:
            self._tracker.on_order(account, told)
