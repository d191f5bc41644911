"""One tree of errors.

OnePriceError
├── ConfigError                 a setting or argument: names the key, the value and what is allowed
├── NotSupported                a venue or part cannot do this; nothing was sent
├── InvariantError              something that must always hold does not
├── RecordingError              a recording cannot be read or written
├── JournalError                the journal cannot be read, trusted or written: nothing may be sent
├── NetworkError                no connection, time-out, refused certificate (outcome says if anything arrived)
└── ExchangeAPIError            the venue answered with an error: venue, kind, outcome, code, message
    ├── RateLimitError          retry_after_ms; also while banned
    ├── AuthenticationError
    ├── InsufficientBalanceError
    ├── OrderNotFoundError
    ├── InvalidOrderError       it breaks a rule of the listing
    │   └── DuplicateOrderError an order with this client order id is there already
    ├── InvalidRequestError
    ├── InvalidResponseError    the venue's answer is not what its documentation says
    ├── TradingDisabledError
    └── VenueUnavailableError   maintenance, overload
"""

from __future__ import annotations

from enum import Enum


class Outcome(str, Enum):
    """What is known of a request that failed."""

    NOT_SENT = "not_sent"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class OnePriceError(Exception):
    """Root of all errors that this package raises on purpose."""


class ConfigError(OnePriceError):
    """A setting or argument is wrong. The message names it and what is allowed."""


class NotSupported(OnePriceError):
    """The venue, or this build, cannot do what was asked. Nothing was sent."""


class InvariantError(OnePriceError):
    """Something that must always hold does not."""


class RecordingError(OnePriceError):
    """A recording cannot be read or written. The message names the file and place."""


class JournalError(OnePriceError):
    """The journal cannot be read, trusted or written. The message names the file, the place and what to do."""


class NetworkError(OnePriceError):
    """A connection or request failed below the venue's own protocol."""

    def __init__(self, message: str, outcome: Outcome = Outcome.NOT_SENT) -> None:
        super().__init__(message)
        self.outcome = outcome


class ExchangeAPIError(OnePriceError):
    """The venue answered with an error.

    `code`: the venue's own, as text. `retry_after_ms`: when it may be tried again, None when not told.
    """

    kind = "error"

    def __init__(
        self,
        venue: str,
        message: str,
        *,
        code: str = "",
        outcome: Outcome = Outcome.UNKNOWN,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(f"{venue}: {message}" + (f" (code {code})" if code else ""))
        self.venue, self.message, self.code = venue, message, code
        self.outcome, self.retry_after_ms = outcome, retry_after_ms


class RateLimitError(ExchangeAPIError):
    """Too many requests, or banned. `retry_after_ms` says for how long to send nothing.

    `is_ban`: the venue shuts us out altogether, whatever is asked.
    """

    kind = "rate_limit"
    is_ban = False


class AuthenticationError(ExchangeAPIError):
    """Key, signature, timestamp or permission refused."""

    kind = "authentication"


class InsufficientBalanceError(ExchangeAPIError):
    """Not enough balance or margin."""

    kind = "insufficient_balance"


class OrderNotFoundError(ExchangeAPIError):
    """The venue does not know the order (now)."""

    kind = "order_not_found"


class InvalidOrderError(ExchangeAPIError):
    """The order breaks a rule of the listing."""

    kind = "invalid_order"


class DuplicateOrderError(InvalidOrderError):
    """The venue has an order with this client order id, so an earlier sending of it arrived."""

    kind = "duplicate_order"


class InvalidRequestError(ExchangeAPIError):
    """The request is wrong: unknown symbol, bad parameter."""

    kind = "invalid_request"


class InvalidResponseError(ExchangeAPIError):
    """The answer is not what the venue documents. Nothing of it was used."""

    kind = "invalid_response"


class TradingDisabledError(ExchangeAPIError):
    """The account or listing may not trade."""

    kind = "trading_disabled"


class VenueUnavailableError(ExchangeAPIError):
    """Maintenance, overload, or an error inside the venue."""

    kind = "unavailable"
