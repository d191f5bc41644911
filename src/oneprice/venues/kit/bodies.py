"""REST bodies to typed Structs, exactly.

A venue declares a body as a msgspec Struct with the fields that it uses. `Number` fields take `"1.5"` and
`1.5` alike and never pass through a float. Whatever is not as declared becomes InvalidResponseError with the
field's path and the first characters of the body; no other exception leaves a reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from decimal import Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Annotated, Generic, Literal, NoReturn, TypeVar

import msgspec

from oneprice.errors import ExchangeAPIError, InvalidResponseError, Outcome
from oneprice.model import BookLevel
from oneprice.venues.kit.contract import Call, Request, Response

T = TypeVar("T")
F = TypeVar("F")

EXCERPT_LENGTH = 120
_NS_MAX = 2**63 - 1
NUMBER_LENGTH_MAX = 64
_TEXTS_KEPT = 4_096  # venues write the same few over and over: "0.00000000"
_INTEGER_END = 10 ** (NUMBER_LENGTH_MAX - 1)
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)

Sequenced = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A sequence number or id."""

Millis = Annotated[int, msgspec.Meta(ge=0, le=(2**63 - 1) // 10**6)]
"""A time in milliseconds, up to the year 2262, where 64 bits of nanoseconds end."""

if TYPE_CHECKING:
    Number = Decimal
else:

    class _DecimalKind(type):
        """Lets msgspec call our decoding hook for a field and find a plain Decimal in the result."""

        # Bound to Decimal, and without any Python in it: it is asked for every number.
        __instancecheck__ = staticmethod(type.__instancecheck__.__get__(Decimal))

    class Number(metaclass=_DecimalKind):
        """A finite decimal, quoted or bare; its value is a plain Decimal with the digits that came."""


class BodyError(ValueError):
    """The body has the declared shape, but what it says cannot be: a price of 0, an unsorted book."""


def decode(body: bytes, form: type[F], *, venue: str, what: str) -> F:
    """The body as `form`. Raises InvalidResponseError; `what` names the request in its message."""
    try:
        told: F = _decoder(form).decode(body)  # type: ignore[assignment, arg-type]  # cast() costs on the order path
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(venue, what, str(error), body) from None
    return told


def invalid(venue: str, what: str, why: str, body: bytes) -> InvalidResponseError:
    """The error for an answer that is not what the venue documents."""
    excerpt = body[:EXCERPT_LENGTH].decode("utf-8", "backslashreplace")
    more = "..." if len(body) > EXCERPT_LENGTH else ""
    message = f"the answer to {what} is not as documented: {why}; it begins {excerpt!r}{more}"
    return InvalidResponseError(venue, message, outcome=Outcome.UNKNOWN)


class Reader(msgspec.Struct, frozen=True):
    """Makes a market's Calls: look for the venue's error first, then decode, then convert."""

    venue: str
    error: Callable[[Response], ExchangeAPIError | None]

    def call(self, request: Request, form: type[F], convert: Callable[[F], T]) -> Call[T]:
        """A Call whose answer is decoded as `form` and given to `convert`, which may raise BodyError."""
        return Call(request, _Read(self, f"{request.method} {request.path}", form, convert))


class _Read(msgspec.Struct, Generic[F, T], frozen=True):
    reader: Reader
    what: str
    form: type[F]
    convert: Callable[[F], T]

    def __call__(self, response: Response) -> T:
        failure = self.reader.error(response)
        if failure is not None:
            raise failure
        told = decode(response.body, self.form, venue=self.reader.venue, what=self.what)
        try:
            return self.convert(told)
        except BodyError as error:
            raise invalid(self.reader.venue, self.what, str(error), response.body) from None


def unless(call: Call[T], is_fine: Callable[[ExchangeAPIError], bool], value: T) -> Call[T]:
    """The call, with `value` for an error that is none: what was asked for is so already."""

    def read(response: Response) -> T:
        try:
            return call.read(response)
        except ExchangeAPIError as error:
            if not is_fine(error):
                raise
            return value

    return Call(call.request, read)


# ---------------------------------------------------------------------- conversions


def positive(value: Decimal, what: str) -> Decimal:
    """The value itself. Raises BodyError when it is 0 or below."""
    if value <= 0:
        raise BodyError(f"{what} is {value}")
    return value


def blank(text: str | None, what: str) -> Decimal | None:
    """A number, or None where the venue has written "" or null. Raises BodyError when it is no number."""
    if not text:
        return None
    try:
        return _exact(text)
    except ValueError as error:
        raise BodyError(f"{what}: {error}") from None


def ns_of(value: Decimal, unit: Literal["s", "ms"]) -> int:
    """Whole nanoseconds of a time with a fraction. Raises BodyError below 0 and beyond 64 bits."""
    scaled = int(value * (1_000_000_000 if unit == "s" else 1_000_000))
    if not 0 <= scaled <= _NS_MAX:
        raise BodyError(f"{value} {unit} is no time")
    return scaled


def book_side(levels: Iterable[tuple[Decimal, Decimal]], *, bids: bool) -> tuple[BookLevel, ...]:
    """One side of a book, best first.

    Raises BodyError when a price is not positive, a quantity negative, or the prices unsorted.
    """
    side = tuple(BookLevel(price, quantity) for price, quantity in levels)
    name = "bids" if bids else "asks"
    for index, level in enumerate(side):
        positive(level.price, f"a price in {name}")
        if level.quantity < 0:
            raise BodyError(f"a quantity in {name} is {level.quantity}")
        before = side[index - 1].price if index else None
        if before is not None and (level.price >= before if bids else level.price <= before):
            raise BodyError(f"{name} are not sorted at {level.price}")
    return side


def one(rows: Sequence[F], what: str) -> F:
    """The only element. Raises BodyError when there is none or more than one."""
    if len(rows) != 1:
        raise BodyError(f"{len(rows)} {what} where there should be one")
    return rows[0]


# ---------------------------------------------------------------------- inside


@cache
def _decoder(form: Hashable) -> msgspec.json.Decoder[object]:
    return msgspec.json.Decoder(form, dec_hook=_number, float_hook=str)  # bare fractions stay text, down to the digit


def _number(kind: type, told: object) -> Decimal:
    if type(told) is str:
        return _exact(told)
    if kind is not Number:
        raise NotImplementedError(f"no way to decode {kind}")
    if type(told) is int:
        return _exact(str(told)) if abs(told) < _INTEGER_END else _refuse("Expected a number of sane length")
    return _refuse(f"Expected a number, got `{type(told).__name__}`")


@lru_cache(maxsize=_TEXTS_KEPT)
def _exact(text: str) -> Decimal:
    if len(text) > NUMBER_LENGTH_MAX or not _NUMBER.fullmatch(text):
        _refuse(f"Expected a number, got {text[:NUMBER_LENGTH_MAX]!r}")
    return Decimal(text)


def _refuse(why: str) -> NoReturn:
    raise BodyError(why)
