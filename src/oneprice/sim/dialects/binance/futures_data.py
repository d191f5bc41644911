"""Futures' further market figures: open interest, ratios, indices, and klines of mark and index prices.

The agents hold no positions of their own, so ratios are even, and open interest is what customers and the house hold.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from oneprice.sim.dialects.binance.feeds import INTERVALS_MS
from oneprice.sim.dialects.binance.operations import Operation, Weight, public
from oneprice.sim.dialects.binance.parameters import Parameters
from oneprice.sim.dialects.binance.queries import by_limit, one_or_all, read_klines
from oneprice.sim.dialects.binance.refusals import RequestError, missing
from oneprice.sim.dialects.binance.shapes import Fields, FuturesShape
from oneprice.sim.market import SimListing
from oneprice.sim.server import SimServer

_PERIODS = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")
_EVEN: Fields = {"longShortRatio": "1.0000", "longAccount": "0.5000", "shortAccount": "0.5000"}


class MarketFigures:
    """What clients look up beside prices."""

    def __init__(self, server: SimServer, listings: Mapping[str, SimListing]) -> None:
        self._server = server
        self._listings = listings
        self._shape = FuturesShape()

    def operations(self) -> dict[str, Operation]:
        """By whole path."""
        weight: Weight = by_limit(((99, 1), (499, 2), (1_000, 5), (1_500, 10)), 500)
        return {
            "/fapi/v1/openInterest": public(self._open_interest),
            "/fapi/v1/continuousKlines": public(self._of_pair(self._klines), weight),
            "/fapi/v1/indexPriceKlines": public(self._of_pair(self._prices_only), weight),
            "/fapi/v1/markPriceKlines": public(self._prices_only, weight),
            "/fapi/v1/premiumIndexKlines": public(self._premium_klines, weight),
            "/fapi/v1/indexInfo": public(lambda parameters: []),
            "/fapi/v1/assetIndex": public(self._asset_index, 10),
            "/fapi/v1/constituents": public(self._constituents, 2),
            "/fapi/v1/insuranceBalance": public(lambda parameters: {"symbols": list(self._listings), "assets": []}),
            "/fapi/v1/tradingSchedule": public(self._schedule, 5),
            "/fapi/v1/symbolAdlRisk": public(lambda parameters: one_or_all(parameters, self._adl_row)),
            "/futures/data/openInterestHist": public(self._history(self._interest_row), 0),
            "/futures/data/globalLongShortAccountRatio": public(self._history(_ratio_row), 0),
            "/futures/data/topLongShortAccountRatio": public(self._history(_ratio_row), 0),
            "/futures/data/topLongShortPositionRatio": public(self._history(_ratio_row), 0),
            "/futures/data/takerlongshortRatio": public(self._history(self._taker_row), 0),
            "/futures/data/basis": public(self._of_pair(self._history(self._basis_row)), 0),
            "/futures/data/delivery-price": public(lambda parameters: [], 0),
        }

    # ---- answers --------------------------------------------------------------------------------------

    def _open_interest(self, parameters: Parameters) -> object:
        symbol, listing = parameters.symbol()
        lots = self._interest_lots(listing)
        return {
            "openInterest": self._shape.quantity(listing, lots),
            "symbol": symbol,
            "time": self._server.now_ms(),
        }

    def _klines(self, parameters: Parameters) -> list[list[object]]:
        return read_klines(self._shape, parameters, limit_max=1_500)

    def _prices_only(self, parameters: Parameters) -> list[list[object]]:
        """Mark and index prices go with the last price here; they have no volume."""
        return [[*row[:5], "0", row[6], "0", row[8], "0", "0", "0"] for row in self._klines(parameters)]

    def _premium_klines(self, parameters: Parameters) -> list[list[object]]:
        _, listing = parameters.symbol()
        funding = listing.funding()
        premium = f"{funding.mark / funding.index - 1.0:.8f}"
        rows = self._klines(parameters)
        return [[row[0], *[premium] * 4, "0", row[6], "0", row[8], "0", "0", "0"] for row in rows]

    def _asset_index(self, parameters: Parameters) -> object:
        row: Fields = {"symbol": "USDTUSD", "time": self._server.now_ms(), "index": "1.00000000"}
        rates = ("bidBuffer", "askBuffer", "autoExchangeBidBuffer", "autoExchangeAskBuffer")
        prices = ("bidRate", "askRate", "autoExchangeBidRate", "autoExchangeAskRate")
        row |= dict.fromkeys(rates, "0.00000000") | dict.fromkeys(prices, "1.00000000")
        return row if "symbol" in parameters else [row]

    def _constituents(self, parameters: Parameters) -> object:
        symbol, listing = parameters.symbol()
        price = f"{listing.funding().index:.8f}"
        parts = [{"exchange": "binance", "symbol": symbol, "price": price, "weight": "1.00000000"}]
        return {"symbol": symbol, "time": self._server.now_ms(), "constituents": parts}

    def _schedule(self, parameters: Parameters) -> object:
        """Sessions of contracts on stocks and metals, of which there are none."""
        return {"updateTime": self._server.now_ms(), "marketSchedules": {}}

    def _adl_row(self, symbol: str, listing: SimListing) -> Fields:
        return {"symbol": symbol, "adlRisk": "low", "updateTime": self._server.now_ms()}

    # ---- rows of histories ----------------------------------------------------------------------------

    def _interest_row(self, symbol: str, listing: SimListing) -> Fields:
        lots = self._interest_lots(listing)
        worth = listing.base_amount(lots) * Decimal(str(listing.funding().mark))
        return {
            "symbol": symbol,
            "sumOpenInterest": f"{listing.base_amount(lots):.8f}",
            "sumOpenInterestValue": f"{worth:.8f}",
            "CMCCirculatingSupply": "0.00000000",
        }

    def _taker_row(self, symbol: str, listing: SimListing) -> Fields:
        half = f"{listing.base_amount(listing.day().volume_lots) / 2:.4f}"
        return {"buySellRatio": "1.0000", "buyVol": half, "sellVol": half}

    def _basis_row(self, symbol: str, listing: SimListing) -> Fields:
        funding = listing.funding()
        return {
            "pair": symbol,
            "contractType": "PERPETUAL",
            "indexPrice": f"{funding.index:.8f}",
            "futuresPrice": f"{funding.mark:.8f}",
            "basis": f"{funding.mark - funding.index:.8f}",
            "basisRate": f"{funding.mark / funding.index - 1.0:.4f}",
            "annualizedBasisRate": "",
        }

    def _history(self, row: Callable[[str, SimListing], Fields]) -> Callable[[Parameters], object]:
        """Rows at the ends of the periods before now, oldest first, all as it is now."""

        def read(parameters: Parameters) -> object:
            symbol, listing = parameters.symbol()
            period = parameters.text("period")
            if period not in _PERIODS:
                raise RequestError(-1130, "Data sent for parameter 'period' is not valid.")
            period_ms, limit = INTERVALS_MS[period], parameters.limit(30, 500)
            last_ms = self._server.now_ms() // period_ms * period_ms
            end_ms = min(parameters.whole("endTime", last_ms) or last_ms, last_ms) // period_ms * period_ms
            start_ms = parameters.whole("startTime", 0) or 0
            times = [end_ms - number * period_ms for number in reversed(range(limit))]
            present = row(symbol, listing)
            return [present | {"timestamp": at_ms} for at_ms in times if at_ms >= start_ms]

        return read

    def _of_pair(self, read: Callable[[Parameters], object]) -> Callable[[Parameters], object]:
        """Named by `pair`, of which the perpetual is the only contract."""

        def answer(parameters: Parameters) -> object:
            pair = parameters.values.get("pair")
            if not pair:
                raise missing("pair")
            return read(parameters.replaced({**parameters.values, "symbol": pair}))

        return answer

    def _interest_lots(self, listing: SimListing) -> int:
        desk = self._server.desks.get(listing.market.market)
        if desk is None:
            return 0
        held = [account.positions.get(listing.key) for account in (*desk.accounts.all(), desk.accounts.house)]
        return sum(max(0, position.lots) for position in held if position is not None)


def _ratio_row(symbol: str, listing: SimListing) -> Fields:
    return {"symbol": symbol} | _EVEN
