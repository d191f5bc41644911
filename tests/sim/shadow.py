"""A second bookkeeping of a simulated exchange, in whole atoms, that knows nothing but orders' tickets and reports.

It shares no arithmetic with the desks: amounts are integers of 10^-24, fees and shares are worked out anew, and books,
holds and positions are counted afresh from the open orders and the fills after every command.
"""

from collections import defaultdict
from decimal import Decimal
from functools import lru_cache

from oneprice.sim.accounts import Account, Accounts
from oneprice.sim.desk import TradingDesk
from oneprice.sim.engine import SelfTrade, Side
from oneprice.sim.market import Kind, SimListing
from oneprice.sim.orders import BalanceReason, BalanceReport, Change, OrderReport, OrderState, Report, SimFill, SimOrder

ATOMS = 10**24
FEE_STEP = ATOMS // 10**8


@lru_cache(maxsize=100_000)
def atoms(value: Decimal) -> int:
    """The amount in atoms, exactly."""
    numerator, denominator = value.as_integer_ratio()
    whole, rest = divmod(numerator * ATOMS, denominator)
    assert rest == 0, f"{value} is finer than an atom"
    return whole


class Contract:
    """A listing's units in atoms: of base per lot, of quote per tick and lot."""

    def __init__(self, listing: SimListing) -> None:
        instrument = listing.instrument
        self.is_spot = instrument.kind is Kind.SPOT
        self.base, self.quote = instrument.base, instrument.quote
        self.lot = atoms(instrument.lot * instrument.multiplier)
        self.tick_lot = atoms(instrument.tick * instrument.lot * instrument.multiplier)


class Shadow:
    """Watches one desk. `check` is called after every command and compares everything."""

    def __init__(self, desk: TradingDesk, accounts: Accounts) -> None:
        self.desk = desk
        self.accounts = accounts
        self.contracts = {key: Contract(listing) for key, listing in desk.market.listings.items()}
        self.is_spot = all(contract.is_spot for contract in self.contracts.values())
        self.calls = 0
        self.last_taken: SimFill | None = None
        self.heard: object = None
        self.reports = 0
        self.fills = 0
        self.fees = 0
        self.wallets: dict[tuple[int, str], int] = defaultdict(int)
        self.told: dict[tuple[int, str], int] = defaultdict(int)
        self.revenue: dict[str, int] = defaultdict(int)
        self.deposits: dict[str, int] = defaultdict(int)
        self.positions: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])  # lots, cost
        self.open: dict[int, SimOrder] = {}
        self.checked: dict[str, tuple[int, int]] = {}
        self.filled: dict[int, list[int]] = defaultdict(lambda: [0, 0])  # lots, quote
        for account in accounts.all():
            for asset, balance in account.wallets.get(desk.wallet, {}).items():
                self.wallets[account.uid, asset] = self.told[account.uid, asset] = atoms(balance.total)
                self.deposits[asset] += atoms(balance.total)
        desk.listeners.append(self._hear)

    # ---- what the reports say --------------------------------------------------------------------------

    def _hear(self, report: Report) -> None:
        self.reports += 1
        if isinstance(report, BalanceReport):
            self._hear_balance(report)
        elif isinstance(report, OrderReport):
            order = report.order
            if report.change is Change.NEW:
                assert order.order_id not in self.open
                assert order.filled_lots == 0
                self.open[order.order_id] = order
            assert order.order_id in self.open, "a report of an order that is not open"
            if report.change is Change.TRADE:
                assert report.fill is not None
                self._trade(report.fill)
            if order.state is not OrderState.OPEN:
                assert order.held == 0
                assert order.engine_id == 0
                assert (order.state is OrderState.FILLED) == (report.change is Change.TRADE)
                del self.open[order.order_id]

    def _hear_balance(self, report: BalanceReport) -> None:
        for asset, change in report.changes.items():
            place = (report.account.uid, asset)
            self.told[place] += atoms(change)
            if report.reason in (BalanceReason.DEPOSIT, BalanceReason.WITHDRAW):
                self.wallets[place] += atoms(change)
                self.deposits[asset] += atoms(change)
            elif report.reason is BalanceReason.FUNDING:
                self.wallets[place] += atoms(change)
            elif report.reason is BalanceReason.ORDER:
                assert change == 0

    def _trade(self, fill: SimFill) -> None:
        order = fill.order
        contract = self.contracts[order.listing.key]
        uid, sign = order.account.uid, 1 if order.side is Side.BUY else -1
        if order.price_ticks is not None:
            assert (fill.price_ticks - order.price_ticks) * sign <= 0, "a price beyond the limit"
        taker = self.last_taken
        if not fill.is_maker:
            self.last_taken = fill
        elif taker is not None and (taker.fill_id, taker.order.listing) == (fill.fill_id, order.listing):
            assert taker.order.account is not order.account or taker.order.self_trade is SelfTrade.NONE, "self-trade"
        base, quote = fill.lots * contract.lot, fill.price_ticks * fill.lots * contract.tick_lot
        assert atoms(fill.quote) == quote
        taken_from = base if contract.is_spot and sign > 0 else quote
        fee = self._fee(fill, taken_from, capped=contract.is_spot)
        assert atoms(fill.fee) == fee
        assert fill.fee_asset == (contract.base if contract.is_spot and sign > 0 else contract.quote)
        self.revenue[fill.fee_asset] += fee
        if contract.is_spot:
            self.wallets[uid, contract.base] += sign * base
            self.wallets[uid, contract.quote] -= sign * quote
        else:
            position = self.positions[uid, order.listing.key]
            if order.reduce_only:
                assert position[0] * -sign >= fill.lots, "a reduce-only order went beyond the position"
            realised = self._move(position, sign * fill.lots, fill.price_ticks, contract)
            assert atoms(fill.realised) == realised
            self.wallets[uid, contract.quote] += realised
        self.wallets[uid, fill.fee_asset] -= fee
        filled = self.filled[order.order_id]
        filled[0] += fill.lots
        filled[1] += quote
        assert [order.filled_lots, atoms(order.filled_quote)] == filled
        if order.quote_quantity is not None:
            assert filled[1] <= atoms(order.quote_quantity), "more than the quote amount"
        self.fills += 1
        self.fees += fee

    def _fee(self, fill: SimFill, amount: int, *, capped: bool) -> int:
        rate = self.desk.rules.maker_fee if fill.is_maker else self.desk.rules.taker_fee
        numerator, denominator = rate.as_integer_ratio()
        fee = -(-amount * numerator // (denominator * FEE_STEP)) * FEE_STEP
        return min(fee, amount) if capped else fee

    def _move(self, position: list[int], lots: int, price_ticks: int, contract: Contract) -> int:
        """Apply signed lots; returns the booked profit. Shares of the cost are rounded half to even at 10^-8."""
        realised = 0
        if position[0] * lots < 0:
            closing = min(abs(lots), abs(position[0])) * (1 if lots > 0 else -1)
            if closing == -position[0]:
                share = position[1]
            else:
                numerator, denominator = position[1] * abs(closing), abs(position[0]) * FEE_STEP
                whole, rest = divmod(numerator, denominator)
                up = rest * 2 > denominator or rest * 2 == denominator and whole % 2
                share = (whole + bool(up)) * FEE_STEP
            realised = -closing * price_ticks * contract.tick_lot - share
            position[0] += closing
            position[1] -= share
            lots -= closing
        position[0] += lots
        position[1] += lots * price_ticks * contract.tick_lot
        return realised

    # ---- what must hold after every command --------------------------------------------------------------

    def check(self) -> None:
        """Compare everything. AssertionError names what differs.

        Where no report and no change of a book was heard, only every eighth call does: what changes in silence is found
        by the next one that looks.
        """
        self.calls += 1
        heard = (self.reports, [listing.engine.update_id for listing in self.desk.market.listings.values()])
        if heard == self.heard and self.calls % 8:
            return
        self.heard = heard
        customers = self.accounts.all()
        held: dict[tuple[int, str], int] = defaultdict(int)
        for key, listing in self.desk.market.listings.items():
            self._check_book(key, listing)
        open_now = {order.order_id: order for account in customers for order in self.desk.open_orders(account)}
        assert open_now == self.open, "open orders are not those reported"
        for order in open_now.values():
            self._check_order(order, held)
        for account in customers:
            self._check_wallet(account, held)
            if not self.is_spot:
                self._check_positions(account)
        self._check_sums()

    def _check_book(self, key: str, listing: SimListing) -> None:
        """Levels are the sums of their orders; a book without a new update is the one that was checked before."""
        engine = listing.engine
        state = (engine.update_id, len(self.open))
        if self.checked.get(key) == state:
            return
        self.checked[key] = state
        totals: dict[tuple[Side, int], int] = defaultdict(int)
        customers = 0
        for resting in engine._orders.values():
            totals[resting.side, resting.price_ticks] += resting.lots
            customers += resting.owner.isdigit()
        for side in Side:
            levels = engine.levels(side)
            assert all(totals.get((side, price)) == lots for price, lots in levels)
        assert len(totals) == len(engine.levels(Side.BUY)) + len(engine.levels(Side.SELL))
        assert customers == sum(order.listing is listing for order in self.open.values())
        bid, ask = engine.best(Side.BUY), engine.best(Side.SELL)
        assert bid is None or ask is None or bid < ask, f"{key} is crossed"

    def _check_order(self, order: SimOrder, held: dict[tuple[int, str], int]) -> None:
        resting = order.listing.engine.order(order.engine_id)
        assert resting is not None, "an open order is not in the book"
        assert order.lots is not None
        left = order.lots - order.filled_lots
        assert (resting.lots, resting.price_ticks, resting.side) == (left, order.price_ticks, order.side)
        assert resting.owner == str(order.account.uid)
        assert order.state is OrderState.OPEN
        contract = self.contracts[order.listing.key]
        if not contract.is_spot:
            assert order.held == 0
        elif order.side is Side.BUY:
            held[order.account.uid, contract.quote] += resting.price_ticks * left * contract.tick_lot
        else:
            held[order.account.uid, contract.base] += left * contract.lot

    def _check_wallet(self, account: Account, held: dict[tuple[int, str], int]) -> None:
        for asset, balance in account.wallets[self.desk.wallet].items():
            place = (account.uid, asset)
            in_orders = atoms(balance.held)
            assert in_orders == held[place], f"{asset} held {balance.held}"
            whole = atoms(balance.free) + in_orders
            assert whole == self.wallets[place] == self.told[place], f"{asset} of {account.uid}"
            if self.is_spot:
                assert balance.free >= 0
                assert self.desk.available(account, asset) == balance.free

    def _check_positions(self, account: Account) -> None:
        for key, position in account.positions.items():
            lots, cost = self.positions[account.uid, key]
            assert (position.lots, atoms(position.cost)) == (lots, cost), f"position in {key}"
            assert position.lots or not position.cost
            for side, closable in ((Side.SELL, max(0, lots)), (Side.BUY, max(0, -lots))):
                reducing = [
                    order.left_lots
                    for order in self.open.values()
                    if order.reduce_only and order.side is side and (order.account, order.listing.key) == (account, key)
                ]
                assert sum(reducing) <= closable, "reduce-only orders beyond the position"

    def _check_sums(self) -> None:
        """Nothing comes from nowhere: wallets less costs of positions change by deposits alone."""
        everybody = [*self.accounts.all(), self.accounts.house, self.accounts.revenue]
        for asset, deposited in self.deposits.items():
            balances = [account.wallets.get(self.desk.wallet, {}).get(asset) for account in everybody]
            total = sum(atoms(balance.total) for balance in balances if balance is not None)
            for key, contract in self.contracts.items():
                if not contract.is_spot and contract.quote == asset:
                    positions = [account.positions[key] for account in everybody if key in account.positions]
                    total -= sum(atoms(position.cost) for position in positions)
                    assert sum(position.lots for position in positions) == 0
            assert total == deposited, f"{asset} came from nowhere or went there"
            earned = self.accounts.revenue.wallets.get(self.desk.wallet, {}).get(asset)
            assert (0 if earned is None else atoms(earned.total)) == self.revenue[asset]
