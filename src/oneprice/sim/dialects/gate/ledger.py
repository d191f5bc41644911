"""The account books: what changed a wallet, in Gate's words, kept for REST and the private streams.

Spot types: order_fill, order_fee, deposit, withdraw, futures_in, futures_out. Perpetual types: dnw (deposits,
withdrawals and transfers), pnl, fee, fund.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Final

import msgspec

from oneprice.sim import money
from oneprice.sim.accounts import Account
from oneprice.sim.desk import TradingDesk
from oneprice.sim.dialects.gate.listed import name_of
from oneprice.sim.orders import BalanceReason, BalanceReport, OrderReport, Report, SimFill

__all__ = ["Entry", "Ledger"]

_ENTRIES_KEPT: Final = 5_000
_FIRST_ID: Final = 100_000


class Entry(msgspec.Struct, frozen=True):
    """One line of a book. `text` is the contract and order of perpetuals, else empty."""

    entry_id: int
    time_ns: int
    market: str
    asset: str
    change: Decimal
    balance: Decimal
    kind: str
    text: str = ""
    contract: str = ""
    trade_id: int = 0


class Ledger:
    """Writes the books of all accounts. It must listen to the desks before any stream does."""

    def __init__(self, desks: Mapping[str, TradingDesk], clock: Callable[[], int]) -> None:
        self._clock = clock
        self._desks = desks
        self._books: dict[tuple[int, str], deque[Entry]] = {}
        self._fills: dict[tuple[int, str], SimFill] = {}
        self._ids = count(_FIRST_ID)
        self.is_transferring = False
        for name, desk in desks.items():
            desk.listeners.append(partial(self._hear, name))

    def entries(self, account: Account, market: str) -> Iterator[Entry]:
        """Newest first."""
        return reversed(self._books.get((account.uid, market), deque()))

    @contextmanager
    def transfer(self) -> Iterator[None]:
        """What moves meanwhile moves between the account's own wallets."""
        self.is_transferring = True
        try:
            yield
        finally:
            self.is_transferring = False

    def _hear(self, market: str, report: Report) -> None:
        if isinstance(report, OrderReport):
            if report.fill is not None:
                self._fills[report.order.account.uid, market] = report.fill
        elif isinstance(report, BalanceReport) and report.reason is not BalanceReason.ORDER:
            entries = self._spot(report) if market == "spot" else self._futures(market, report)
            book = self._books.setdefault((report.account.uid, market), deque(maxlen=_ENTRIES_KEPT))
            book.extend(entries)

    def _spot(self, report: BalanceReport) -> list[Entry]:
        entries: list[Entry] = []
        fill = self._fill(report, "spot")
        for asset, change in report.changes.items():
            balance = report.account.balance("spot", asset).total
            if fill is not None and fill.fee and fill.fee_asset == asset:
                gross, before = money.plus(change, fill.fee), money.plus(balance, fill.fee)
                entries.append(self._entry("spot", asset, gross, before, "order_fill"))
                entries.append(self._entry("spot", asset, money.negated(fill.fee), balance, "order_fee"))
            else:
                entries.append(self._entry("spot", asset, change, balance, self._spot_kind(report.reason)))
        return entries

    def _spot_kind(self, reason: BalanceReason) -> str:
        if reason is BalanceReason.TRADE:
            return "order_fill"
        if self.is_transferring:
            return "futures_in" if reason is BalanceReason.DEPOSIT else "futures_out"
        return "deposit" if reason is BalanceReason.DEPOSIT else "withdraw"

    def _futures(self, market: str, report: BalanceReport) -> list[Entry]:
        entries: list[Entry] = []
        fill = self._fill(report, market)
        for asset, change in report.changes.items():
            balance = report.account.balance(market, asset).total
            if fill is not None:
                entries += self._of_fill(market, asset, balance, fill)
            elif report.reason is BalanceReason.FUNDING:
                contract = self._last_funded(market, report.account)
                entries.append(self._entry(market, asset, change, balance, "fund", contract, contract))
            else:
                entries.append(self._entry(market, asset, change, balance, "dnw", "-"))
        return entries

    def _of_fill(self, market: str, asset: str, balance: Decimal, fill: SimFill) -> Iterator[Entry]:
        """The profit that was booked, then the fee."""
        contract = name_of(fill.order.listing)
        text = f"{contract}:{fill.order.order_id}"
        if fill.realised:
            before = money.plus(balance, fill.fee)
            yield self._entry(market, asset, fill.realised, before, "pnl", text, contract, fill.fill_id)
        yield self._entry(market, asset, money.negated(fill.fee), balance, "fee", text, contract, fill.fill_id)

    def _fill(self, report: BalanceReport, market: str) -> SimFill | None:
        """The match that a report of a trade belongs to: the one told just before."""
        fill = self._fills.get((report.account.uid, market))
        if report.reason is not BalanceReason.TRADE or fill is None or fill.order is not report.order:
            return None
        return fill

    def _last_funded(self, market: str, account: Account) -> str:
        desk = self._desks[market]
        payments = desk.funding_payments(account)
        return name_of(desk.market.listings[payments[-1].key]) if payments else ""

    def _entry(
        self,
        market: str,
        asset: str,
        change: Decimal,
        balance: Decimal,
        kind: str,
        text: str = "",
        contract: str = "",
        trade_id: int = 0,
    ) -> Entry:
        return Entry(next(self._ids), self._clock(), market, asset, change, balance, kind, text, contract, trade_id)
