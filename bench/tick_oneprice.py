"""The oneprice engine as a contender of `tick_to_order.py`: feeds, scan, gates, journal on a disk, orders by websocket.

`python tick_oneprice.py --ports JSON --folder FOLDER [--busy-poll]` prints `{"ready": true}` when it is armed, and
after a line on stdin what it has done: `stages` as `Trader.stages` has them (monotonic), and `made`, when each order's
bytes were begun and how long they took, codec and signature.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from oneprice.app import Ports, build_market, find_account, find_market, live_ports, simulated_hosts
from oneprice.exchange import AccountConfig, PrivateExchange
from oneprice.ledger.ledger import Ledger
from oneprice.live import QuietGarbage, run
from oneprice.live.disk import LiveDisk
from oneprice.market import MarketConfig, MarketData
from oneprice.model import NewOrder
from oneprice.trade.account import TradingAccount
from oneprice.trade.settings import CrossSettings, RiskLimits, Strategies, TradeSettings
from oneprice.trade.trader import Trader
from oneprice.trading import TradeRun, config_text, open_trader
from oneprice.venues.kit import Budget, Channel, Credentials, Hosts

MARKETS = ("binance-spot", "gate-spot")
KEY, SECRET = "bench-key", "bench-secret"  # of nothing
READY_WITHIN_S = 20.0
SETTLED_WITHIN_S = 5.0
COLLECT_EVERY_S = 0.25


def settings() -> TradeSettings:
    """Limits that do not end the trading of many small deals in a row; every gate looks all the same."""
    risk = RiskLimits(
        order_notional_max=Decimal(2_000),
        venue_exposure_max=Decimal(10_000_000),
        position_notional_max=Decimal(10_000_000),
        unhedged_notional_max=Decimal(5_000),
        orders_per_minute_max=1_000_000,
        open_deals_max=4,
        cooldown_ms=0,
        cooldown_after_loss_ms=0,
    )
    return TradeSettings(risk=risk, strategies=Strategies(cross=CrossSettings(min_net_bps=1.0)))


class TimedEntry:
    """Order entry that notes how long the bytes of each order took, codec and signature."""

    def __init__(self, entry: Any, made: list[tuple[int, int]]) -> None:
        self._entry, self._made = entry, made
        for name in ("url", "opening", "cancel", "read", "ping", "ping_every_s", "lifetime_s"):
            setattr(self, name, getattr(entry, name))

    def place(self, order: NewOrder, number: int, time_ns: int) -> bytes:
        """As the venue's."""
        began_ns = time.monotonic_ns()
        payload: bytes = self._entry.place(order, number, time_ns)
        self._made.append((began_ns, time.monotonic_ns() - began_ns))
        return payload


class Account:
    """A venue's account with rate limits that never bind: these venues have none. They are counted all the same."""

    def __init__(self, account: Any, made: list[tuple[int, int]]) -> None:
        for name in dir(account):
            if not name.startswith("_") and name not in ("budgets", "order_entry"):
                setattr(self, name, getattr(account, name))
        self.budgets = {name: Budget(1 << 40, one.seconds) for name, one in account.budgets.items()}
        self._account, self._made = account, made

    def order_entry(self) -> TimedEntry:
        """Timed."""
        return TimedEntry(self._account.order_entry(), self._made)


class Engine:
    """Markets, accounts and a trader."""

    def __init__(self, venue_ports: Mapping[str, int], folder: Path, *, busy: bool) -> None:
        self.folder, self.busy = folder, busy
        self.ports: Ports = live_ports(1)
        self.hosts = simulated_hosts(MARKETS, {name: f"http://127.0.0.1:{port}" for name, port in venue_ports.items()})
        self.accounts: list[PrivateExchange] = []
        self.made: list[tuple[int, int]] = []
        self.garbage = QuietGarbage()

    async def trade(self) -> dict[str, Any]:
        """Until a line comes; gives what was done."""
        channels = (Channel.DEPTH,)
        config = MarketConfig(
            markets=MARKETS, symbols=("BTC/USDT",), channels=channels, order_notional_max=Decimal(2_000)
        )
        chosen = settings()
        order = TradeRun("simulated", self.folder, chosen, config_text(chosen), "bench", self._accounts, self.busy)
        try:
            async with (
                build_market(config, self.ports, hosts=self.hosts) as market,
                open_trader(order, market, self.ports, LiveDisk()) as trader,
            ):
                await _until(lambda: self._is_ready(trader), READY_WITHIN_S, "armed, with both order connections")
                self.garbage.start()
                collecting = asyncio.create_task(self._collect())
                print(json.dumps({"ready": True}), flush=True)
                await _line()
                collecting.cancel()
                self.garbage.stop()
                await _until(lambda: not trader.ledger.deals, SETTLED_WITHIN_S, "all deals settled")
                told = self._told(trader)
                await trader.stop("the benchmark is over", within_s=SETTLED_WITHIN_S)
                return told
        finally:
            await self.ports.network.close()

    def _told(self, trader: Trader) -> dict[str, Any]:
        return {
            "stages": [list(stages) for stages in trader.stages],
            "made": self.made,
            "deals": Counter(one.outcome.value for one in trader.ledger.settled),
            "refusals": dict(trader.refusals),
        }

    async def _collect(self) -> None:
        while True:
            await asyncio.sleep(COLLECT_EVERY_S)
            self.garbage.collect()

    def _accounts(self, market: MarketData, ledger: Ledger) -> dict[str, TradingAccount]:
        return {name: self._account(name, self.hosts[name]) for name in MARKETS}

    def _account(self, name: str, hosts: Hosts) -> PrivateExchange:
        account: Any = Account(find_account(name, Credentials(KEY, SECRET), hosts), self.made)
        ports, config = self.ports, AccountConfig(order_path="websocket")
        market = find_market(name, hosts)
        self.accounts.append(PrivateExchange(market, account, ports.network, ports.clock, ports.chance, config))
        return self.accounts[-1]

    def _is_ready(self, trader: Trader) -> bool:
        entries = [account.following.entry for account in self.accounts]
        return trader.desk.switches.armed and all(entry is not None and entry.is_ready for entry in entries)


async def _until(holds: Any, within_s: float, what: str) -> None:
    """Raises SystemExit when it does not come."""
    until = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > until:
            raise SystemExit(f"error: not {what} within {within_s:g} s")
        await asyncio.sleep(0.01)


async def _line() -> None:
    """A line on stdin, or its end."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), came.set)
    await came.wait()
    loop.remove_reader(sys.stdin.fileno())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ports", type=json.loads, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--busy-poll", action="store_true")
    options = parser.parse_args()

    async def trade() -> dict[str, Any]:
        return await Engine(options.ports, options.folder, busy=options.busy_poll).trade()

    print(json.dumps(run(trade(), busy_poll=options.busy_poll)), flush=True)


if __name__ == "__main__":
    main()
