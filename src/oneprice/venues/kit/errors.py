"""A venue's error codes as a table: code, or code and words, or HTTP status -> error class and outcome."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from oneprice.errors import ExchangeAPIError, Outcome, RateLimitError, VenueUnavailableError
from oneprice.venues.kit.contract import Response

MESSAGE_LENGTH_MAX = 300
_SECONDS = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,6})?", re.ASCII)


class Rule(msgspec.Struct, frozen=True):
    """What an error is. `outcome`: what it proves about a change that the request asked for."""

    error: type[ExchangeAPIError]
    outcome: Outcome = Outcome.REJECTED


class Words(msgspec.Struct, frozen=True):
    """For codes that mean several things: the rule when `fragment` stands in the message.

    `code` empty: any code.
    """

    code: str
    fragment: str
    rule: Rule


BANNED = 418
"""What venues answer, over HTTP and in their websockets' answers, once too many requests have become a ban."""

STATUSES: Mapping[int, Rule] = {
    408: Rule(VenueUnavailableError, Outcome.UNKNOWN),
    BANNED: Rule(RateLimitError),
    429: Rule(RateLimitError),
    400: Rule(ExchangeAPIError, Outcome.UNKNOWN),
    500: Rule(VenueUnavailableError, Outcome.UNKNOWN),
}
"""What a status says by itself. 400 and 500 also stand for the rest of their hundred.

A refusal that no table names proves nothing: the code may be new, and what answered may not be the venue's gateway.
"""


class ErrorTable(msgspec.Struct, frozen=True, kw_only=True):
    """All that a venue's market says about its errors. Words are looked at first, then codes, then statuses.

    `venue`: the VENUE-MARKET name.
    `statuses` are added to STATUSES. An unlisted status counts as its hundred, others as an unknown outcome.
    """

    venue: str
    codes: Mapping[str, Rule]
    words: tuple[Words, ...] = ()
    statuses: Mapping[int, Rule] = {}

    def rule(self, status: int, code: str, message: str) -> Rule:
        """The rule for an answer. A 5xx never proves that nothing happened, whatever the code."""
        found = self._words(code, message) or self.codes.get(code) or self._status(status)
        return Rule(found.error, Outcome.UNKNOWN) if status >= 500 else found

    def error(self, response: Response, code: str, message: str, retry_after_ms: int | None = None) -> ExchangeAPIError:
        """The error itself. `retry_after_ms`: where the body tells; else the `Retry-After` header does."""
        if retry_after_ms is None:
            retry_after_ms = header_retry_after_ms(response.headers)
        rule = self.rule(response.status, code, message)
        error = rule.error(
            self.venue,
            message[:MESSAGE_LENGTH_MAX] or f"HTTP status {response.status}",
            code=code or f"HTTP {response.status}",
            outcome=rule.outcome,
            retry_after_ms=retry_after_ms,
        )
        if isinstance(error, RateLimitError):
            error.is_ban = response.status == BANNED
        return error

    def _words(self, code: str, message: str) -> Rule | None:
        for entry in self.words:
            if entry.code in ("", code) and entry.fragment in message:
                return entry.rule
        return None

    def _status(self, status: int) -> Rule:
        known = {**STATUSES, **self.statuses}
        return known.get(status) or known.get(status // 100 * 100) or Rule(ExchangeAPIError, Outcome.UNKNOWN)


def rules(table: Mapping[Rule | type[ExchangeAPIError], str]) -> dict[str, Rule]:
    """`{class or Rule: "codes parted by blanks"}` turned round.

    Raises ValueError for a code that stands twice.
    """
    found: dict[str, Rule] = {}
    for told, codes in table.items():
        for code in codes.split():
            if code in found:
                raise ValueError(f"code {code} stands twice in the error table")
            found[code] = told if isinstance(told, Rule) else Rule(told)
    return found


def header_retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """The `Retry-After` header (seconds) in milliseconds; None when it is missing or a date."""
    text = headers.get("retry-after", "").strip()
    return int(float(text) * 1_000) if _SECONDS.fullmatch(text) else None
