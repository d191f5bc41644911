"""The parameters of one request, checked as Binance checks them."""

import re
from collections.abc import Collection, Mapping
from decimal import Decimal

from oneprice.sim.dialects.binance.refusals import INVALID_SYMBOL, RequestError, missing
from oneprice.sim.market import SimListing

_DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_SYMBOL = re.compile(r"[A-Z0-9-_.]{1,20}")
_NAMES = re.compile(r'\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}")*\]')
MILLIS_NS = 1_000_000
MICROS_NS = 1_000


class Parameters:
    """The names and values sent, as text. Times come out in units of `unit_ns`: ms, or µs when asked for."""

    def __init__(self, values: Mapping[str, str], listings: Mapping[str, SimListing], unit_ns: int = MILLIS_NS) -> None:
        self.values = values
        self._listings = listings
        self.unit_ns = unit_ns

    def time(self, ts_ns: int) -> int:
        """A time in the unit the client wants."""
        return ts_ns // self.unit_ns

    def time_of_ms(self, ts_ms: int) -> int:
        """Like `time`, from milliseconds."""
        return ts_ms * 1_000_000 // self.unit_ns

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str:
        """A parameter that must be there."""
        value = self.values.get(name, "")
        if not value:
            raise missing(name)
        return value

    def maybe(self, name: str) -> str | None:
        """A parameter that may be there, but not empty."""
        value = self.values.get(name)
        if value == "":
            raise RequestError(-1105, f"Parameter '{name}' was empty.")
        return value

    def is_false(self, name: str) -> bool:
        """Whether a flag was switched off."""
        return self.values.get(name, "").lower() == "false"

    def flag(self, name: str) -> bool:
        """A flag that is off unless sent."""
        value = self.values.get(name, "false").lower()
        if value not in ("true", "false"):
            raise RequestError(-1130, f"Data sent for parameter '{name}' is not valid.")
        return value == "true"

    def whole(self, name: str, default: int | None = None) -> int | None:
        """A whole number of at most 20 digits."""
        value = self.values.get(name)
        if value is None:
            return default
        if not value.isascii() or not value.isdigit() or len(value) > 20:
            raise RequestError(
                -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
            )
        return int(value)

    def number(self, name: str) -> Decimal | None:
        """A plain decimal without sign or exponent."""
        value = self.maybe(name)
        if value is None:
            return None
        if _DECIMAL.fullmatch(value) is None:
            raise RequestError(
                -1100,
                f"Illegal characters found in parameter '{name}'; "
                "legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'.",
            )
        return Decimal(value)

    def limit(self, default: int, maximum: int) -> int:
        """`limit`, rounded down to the maximum."""
        value = self.whole("limit", default)
        assert value is not None
        if value < 1:
            raise RequestError(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(value, maximum)

    def window(self) -> tuple[int, int | None]:
        """`startTime` and `endTime` in nanoseconds, the end inclusive. Spot clients may send µs."""
        start, end = self.whole("startTime"), self.whole("endTime")
        start_ns = 0 if start is None else _nanoseconds(start)
        end_ns = None if end is None else _nanoseconds(end) + MILLIS_NS - 1
        if end_ns is not None and end_ns < start_ns:
            raise RequestError(-1128, "Combination of optional parameters invalid.")
        return start_ns, end_ns

    def symbol(self) -> tuple[str, SimListing]:
        """The symbol asked for and its listing."""
        name = self.text("symbol")
        listing = self._listings.get(name)
        if _SYMBOL.fullmatch(name) is None:
            raise RequestError(
                -1100, "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'."
            )
        if listing is None:
            raise RequestError(*INVALID_SYMBOL)
        return name, listing

    def maybe_symbol(self) -> SimListing | None:
        """The listing asked for, None for all."""
        return self.symbol()[1] if self.maybe("symbol") is not None else None

    def symbols(self) -> tuple[dict[str, SimListing], bool]:
        """The listings meant by `symbol`, `symbols` or neither, and whether the answer is a single object."""
        if "symbol" in self.values and "symbols" in self.values:
            raise RequestError(-1128, "Combination of optional parameters invalid.")
        if "symbol" in self.values:
            name, listing = self.symbol()
            return {name: listing}, True
        if "symbols" not in self.values:
            return dict(self._listings), False
        names = _name_list(self.values["symbols"])
        if any(name not in self._listings for name in names):
            raise RequestError(*INVALID_SYMBOL)
        return {name: self._listings[name] for name in names}, False

    def replaced(self, values: Mapping[str, str]) -> "Parameters":
        """Other values for the same market and unit of time."""
        return Parameters(values, self._listings, self.unit_ns)

    def only(self, allowed: Collection[str]) -> None:
        """Refuse parameters that nobody would read."""
        read = sum(name in allowed for name in self.values)
        if read != len(self.values):
            raise RequestError(
                -1104,
                f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(self.values)}'.",
            )


def _nanoseconds(stamp: int) -> int:
    """A time stamp in ms or, when it is too long for that, in µs."""
    return stamp * (MICROS_NS if stamp >= 100_000_000_000_000 else MILLIS_NS)


def _name_list(text: str) -> list[str]:
    """`["BTCUSDT","ETHUSDT"]`, without spaces, as the venue wants it."""
    if _NAMES.fullmatch(text) is None:
        raise RequestError(
            -1100,
            "Illegal characters found in parameter 'symbols'; "
            'legal range is \'^\\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\\]$\'.',
        )
    return text[2:-2].split('","')
