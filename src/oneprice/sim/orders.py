"""The nouns of trading at a simulated exchange: tickets, orders, fills, refusals, and what is reported of them."""

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from oneprice.sim.engine import SelfTrade, Side, TimeInForce

if TYPE_CHECKING:
    from oneprice.sim.accounts import Account
    from oneprice.sim.market import SimListing


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """An order as a client asks for it, in the venue's units: `quantity` as in SimInstrument, prices in quote.

    `price` None: a market order. `quote_quantity`: a market order's amount in quote, to spend or to receive, instead of
    `quantity`. `client_order_id` as it stood on the wire; "" when none was given.
    """

    side: Side
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    client_order_id: str = ""
    reduce_only: bool = False
    self_trade: SelfTrade = SelfTrade.NONE


class Reason(StrEnum):
    """Why a command is refused. The dialect says it in its venue's own code."""

    PRICE_TICK = "price_tick"
    PRICE_BAND = "price_band"
    LOT_SIZE = "lot_size"
    MIN_QUANTITY = "min_quantity"
    MAX_QUANTITY = "max_quantity"
    MIN_NOTIONAL = "min_notional"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    WOULD_TAKE = "would_take"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    TOO_MANY_ORDERS = "too_many_orders"
    HALTED = "halted"
    REDUCE_ONLY = "reduce_only"
    FOK = "fok"
    NO_LIQUIDITY = "no_liquidity"
    UNKNOWN_ORDER = "unknown_order"
    ORDER_OVER = "order_over"
    BAD_LEVERAGE = "bad_leverage"
    IN_USE = "in_use"


class Refused(Exception):
    """A command that changed nothing. `order`: the one it was about, where there is one."""

    def __init__(self, reason: Reason, detail: str = "", order: "SimOrder | None" = None) -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason, self.detail, self.order = reason, detail, order


class OrderState(StrEnum):
    """OPEN covers partly filled orders too: `filled_lots` tells."""

    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class EndedBy(StrEnum):
    """What ended an order that did not fill wholly."""

    NOTHING = ""
    USER = "user"
    IOC = "ioc"
    FOK = "fok"
    POST_ONLY = "post_only"
    NO_LIQUIDITY = "no_liquidity"
    SELF_TRADE = "self_trade"
    REDUCE_ONLY = "reduce_only"
    DEAD_MAN = "dead_man"
    VENUE = "venue"


class SimOrder:
    """An order of an account. `order_id` is the exchange's number; the dialect writes it in its own form.

    `lots` None: a market order by quote. `filled_quote` and `fees` are exact. `version` counts its changes.
    `engine_id`: its number in the listing's engine while it rests, 0 while it does not. `held`: what of the balance is
    held for it. `target_lots`: how many lots fill it wholly; 0 when nothing can (a quote amount the book cannot serve).
    """

    __slots__ = (
        "account",
        "client_order_id",
        "created_ns",
        "ended_by",
        "engine_id",
        "fees",
        "filled_lots",
        "filled_quote",
        "held",
        "listing",
        "lots",
        "order_id",
        "price_ticks",
        "quote_quantity",
        "reduce_only",
        "self_trade",
        "side",
        "state",
        "target_lots",
        "time_in_force",
        "updated_ns",
        "version",
    )

    def __init__(self, order_id: int, account: "Account", listing: "SimListing", ticket: Ticket, now_ns: int) -> None:
        self.order_id = order_id
        self.account = account
        self.listing = listing
        self.client_order_id = ticket.client_order_id
        self.side = ticket.side
        self.time_in_force = ticket.time_in_force
        self.quote_quantity = ticket.quote_quantity
        self.reduce_only = ticket.reduce_only
        self.self_trade = ticket.self_trade
        self.price_ticks: int | None = None
        self.lots: int | None = None
        self.state = OrderState.OPEN
        self.ended_by = EndedBy.NOTHING
        self.filled_lots = 0
        self.filled_quote = Decimal(0)
        self.fees: dict[str, Decimal] = {}
        self.engine_id = 0
        self.held = Decimal(0)
        self.target_lots = 0
        self.created_ns = self.updated_ns = now_ns
        self.version = 1

    @property
    def is_market(self) -> bool:
        """Whether it has no limit price."""
        return self.price_ticks is None

    @property
    def left_lots(self) -> int:
        """What is not filled; 0 for a market order by quote."""
        return 0 if self.lots is None else self.lots - self.filled_lots


class SimFill(msgspec.Struct, frozen=True, kw_only=True):
    """One match, as one side's account has it. `fill_id` is the trade's number, the same on the public tape.

    `fee` in `fee_asset`, positive when paid. `realised`: a perpetual's profit that this match booked.
    """

    fill_id: int
    order: SimOrder
    price_ticks: int
    lots: int
    quote: Decimal
    fee: Decimal
    fee_asset: str
    is_maker: bool
    ts_ns: int
    realised: Decimal = Decimal(0)


class Change(StrEnum):
    """What happened to an order."""

    NEW = "new"
    TRADE = "trade"
    CANCELED = "canceled"
    EXPIRED = "expired"
    AMENDED = "amended"


class OrderReport(msgspec.Struct, frozen=True):
    """`order` is the live object: read it at once. `fill` comes with TRADE."""

    change: Change
    order: SimOrder
    fill: SimFill | None = None


class BalanceReport(msgspec.Struct, frozen=True):
    """Assets of an account's wallet that changed, with by how much the total did (0 for mere holds)."""

    account: "Account"
    market: str
    changes: dict[str, Decimal]
    reason: "BalanceReason"
    order: SimOrder | None = None


class BalanceReason(StrEnum):
    """Why a balance changed."""

    ORDER = "order"  # a hold was taken or given back
    TRADE = "trade"
    DEPOSIT = "deposit"
    WITHDRAW = "withdraw"
    FUNDING = "funding"


class PositionReport(msgspec.Struct, frozen=True):
    """A position of an account changed; `account.position(listing.key)` has it."""

    account: "Account"
    listing: "SimListing"


Report = OrderReport | BalanceReport | PositionReport
"""What a desk tells. One command tells, in order: NEW, then each TRADE with its balances and position, then the end."""


class DuplicateIds(StrEnum):
    """What a venue does with a client order id that it has seen."""

    REFUSED_WHILE_OPEN = "refused_while_open"
    ACCEPTED = "accepted"  # the later order is the one that is found


class DeskRules(msgspec.Struct, frozen=True, kw_only=True):
    """How one venue's market differs.

    `post_only_refused`, `fok_refused`: an error and no order, else an order that ends at once. `fee_decimals`: fees are
    rounded up to so many. `forget_unfilled_s`: cancelled orders without a fill are gone after; 0 for never.
    Fees are fractions of the notional; spot fees are taken from what is received, perpetuals' in the quote asset.
    """

    maker_fee: Decimal
    taker_fee: Decimal
    duplicate_ids: DuplicateIds = DuplicateIds.REFUSED_WHILE_OPEN
    post_only_refused: bool = True
    fok_refused: bool = False
    fee_decimals: int = 8
    open_orders_max: int = 200
    forget_unfilled_s: float = 0.0
    leverage_default: int = 20
    leverage_max: int = 125
    price_band: Decimal = Decimal("0.5")  # a limit price may be so far from the fair price, as a fraction
    client_id_kept_s: float = 0.0  # how long an ended order is found by client id; 0 for ever
    lots_max: int = 900_000_000  # of one order, in lots of the instrument
    funding_hours: int = 8
    funding_decimals: int = 8  # of the rate
