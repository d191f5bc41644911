"""The control API of a simulated exchange, `/_sim/...`: faults, accounts and the truth about them. Loopback only.

    GET  /_sim/status                                    connections, faults and their hits, instruments, accounts
    POST /_sim/fault    {"kind", "seconds"?, "count"?, "delay_ms"?, "target"?}
    POST /_sim/clear
    GET  /_sim/accounts                                  wallets, positions and open orders of all; no secrets
    POST /_sim/account  {"key", "secret" or "public_key", "rights"?, "funds": {market: {asset: "1.5"}}}
    POST /_sim/deposit  {"uid", "market", "asset", "amount"}     a negative amount is withdrawn
    POST /_sim/funding  {"market", "rate"?}              settles funding now
    GET  /_sim/fills?uid=10000001                        all of an account, oldest first

What is wrong with a request is answered with HTTP 400 and {"error": "..."}. Amounts are strings.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from oneprice.sim.accounts import Account, ApiKey, Balance
from oneprice.sim.desk import TradingDesk
from oneprice.sim.faults import FaultOrder
from oneprice.sim.market import Kind, SimMarket
from oneprice.sim.orders import Refused, SimFill, SimOrder

if TYPE_CHECKING:
    from oneprice.sim.server import SimServer

CONTROL_PATH = "/_sim/"
_LOOPBACK = ("127.0.0.1", "::1")
_DIGITS_MAX = 18
_RIGHTS = frozenset({"read", "trade", "transfer", "withdraw"})

Answer = Callable[[web.Request], Awaitable[dict[str, object]]]


class AccountOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /_sim/account`."""

    key: str
    secret: str = ""
    public_key: str = ""
    rights: frozenset[str] = frozenset({"read", "trade"})
    funds: dict[str, dict[str, Decimal]] = {}


class DepositOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /_sim/deposit`."""

    uid: int
    market: str
    asset: str
    amount: Decimal


class FundingOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /_sim/funding`. `rate` None: the present one."""

    market: str
    rate: Decimal | None = None


def assets_of(market: SimMarket) -> set[str]:
    """What a wallet of the market can hold: bases and quotes of spot, quotes alone of perpetuals."""
    instruments = [listing.instrument for listing in market.listings.values()]
    held = {item.base for item in instruments if item.kind is Kind.SPOT}
    return held | {item.quote for item in instruments}


class Control:
    """The handlers. Raises nothing to the server: what was wrong goes to whoever asked."""

    def __init__(self, server: SimServer) -> None:
        self._server = server

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the paths."""
        for name, read in (("status", self._status), ("accounts", self._accounts), ("fills", self._fills)):
            router.add_get(CONTROL_PATH + name, _guarded(read))
        for name, change in (
            ("fault", self._fault),
            ("clear", self._clear),
            ("account", self._open),
            ("deposit", self._deposit),
            ("funding", self._funding),
        ):
            router.add_post(CONTROL_PATH + name, _guarded(change))

    # ---- faults ---------------------------------------------------------------------------------------

    async def _status(self, request: web.Request) -> dict[str, object]:
        server = self._server
        accounts = server.accounts.all()
        return {
            "venue": server.venue,
            "connections": len(server.connections),
            "streams": sum(len(connection.topics) for connection in server.connections),
            "requests": server.requests_seen,
            "faults": server.faults.status(),
            "fault_hits": server.faults.hits,
            "instruments": {name: list(market.listings) for name, market in server.markets.items()},
            "accounts": [account.uid for account in accounts],
            "desks": {
                name: {
                    "open_orders": sum(len(desk.open_orders(account)) for account in accounts),
                    "halted": [key for key, listing in desk.market.listings.items() if desk.is_halted(listing)],
                }
                for name, desk in server.desks.items()
            },
        }

    async def _fault(self, request: web.Request) -> dict[str, object]:
        self._server.faults.switch_on(msgspec.json.decode(await request.read(), type=FaultOrder))
        # Dropping the connection that asked for the drop would lose the answer.
        self._server.spare(request)
        return {"faults": self._server.faults.status()}

    async def _clear(self, request: web.Request) -> dict[str, object]:
        self._server.faults.clear()
        return {"faults": []}

    # ---- accounts -------------------------------------------------------------------------------------

    async def _accounts(self, request: web.Request) -> dict[str, object]:
        accounts = self._server.accounts
        return {
            "accounts": [self._truth(account) for account in accounts.all()],
            "house": self._truth(accounts.house),
            "revenue": self._truth(accounts.revenue),
        }

    async def _open(self, request: web.Request) -> dict[str, object]:
        order = msgspec.json.decode(await request.read(), type=AccountOrder)
        if not order.key or bool(order.secret) == bool(order.public_key):
            raise ValueError("an account needs a key, and either a secret or a public_key")
        if unknown := order.rights - _RIGHTS:
            raise ValueError(f"no rights {sorted(unknown)}; there are: {', '.join(sorted(_RIGHTS))}")
        for market, funds in order.funds.items():
            for asset, amount in funds.items():
                self._check_funds(market, asset, amount)
                if amount <= 0:
                    raise ValueError(f"funds must be above 0, got {amount} {asset}")
        key = ApiKey(key=order.key, secret=order.secret, rights=order.rights, public_key=order.public_key)
        return {"uid": self._server.accounts.open([key], order.funds).uid}

    async def _deposit(self, request: web.Request) -> dict[str, object]:
        order = msgspec.json.decode(await request.read(), type=DepositOrder)
        account = self._account(order.uid)
        desk = self._check_funds(order.market, order.asset, order.amount)
        desk.deposit(account, order.asset, order.amount, self._server.now_ns())
        return self._truth(account)

    async def _funding(self, request: web.Request) -> dict[str, object]:
        order = msgspec.json.decode(await request.read(), type=FundingOrder)
        desk = self._desk(order.market)
        if all(listing.instrument.kind is Kind.SPOT for listing in desk.market.listings.values()):
            raise ValueError(f"{order.market} has no perpetuals, and no funding")
        if order.rate is not None and not (_is_short(order.rate) and abs(order.rate) < 1):
            raise ValueError(f"a funding rate is a fraction between -1 and 1 of at most 18 decimals, got {order.rate}")
        desk.settle_funding(self._server.now_ns(), order.rate)
        return {"market": order.market, "instruments": list(desk.market.listings)}

    async def _fills(self, request: web.Request) -> dict[str, object]:
        uid = request.query.get("uid", "")
        if not uid.isdecimal():
            raise ValueError(f"fills wants ?uid= of an account, got {uid!r}")
        account = self._account(int(uid))
        desks = self._server.desks.items()
        return {"fills": [_fill_row(name, fill) for name, desk in desks for fill in desk.fills(account)]}

    # ---- inside ---------------------------------------------------------------------------------------

    def _account(self, uid: int) -> Account:
        for account in self._server.accounts.all():
            if account.uid == uid:
                return account
        known = ", ".join(str(account.uid) for account in self._server.accounts.all())
        raise ValueError(f"no account {uid}; there are: {known}")

    def _desk(self, market: str) -> TradingDesk:
        desk = self._server.desks.get(market)
        if desk is None:
            raise ValueError(f"no trading in {market!r}; there is in: {', '.join(self._server.desks)}")
        return desk

    def _check_funds(self, market: str, asset: str, amount: Decimal) -> TradingDesk:
        desk = self._desk(market)
        known = assets_of(desk.market)
        if asset not in known:
            raise ValueError(f"no {asset} in {market}; there are: {', '.join(sorted(known))}")
        if not _is_short(amount) or abs(amount.adjusted()) > _DIGITS_MAX:
            raise ValueError(f"an amount must be a number of at most {_DIGITS_MAX} digits a side, got {amount}")
        return desk

    def _truth(self, account: Account) -> dict[str, object]:
        desks = self._server.desks
        return {
            "uid": account.uid,
            "wallets": {name: _wallet(assets) for name, assets in account.wallets.items()},
            "positions": {
                key: row for market in self._server.markets.values() for key, row in _positions(account, market)
            },
            "open_orders": [
                _order_row(name, order) for name, desk in desks.items() for order in desk.open_orders(account)
            ],
            "fills": {name: len(desk.fills(account)) for name, desk in desks.items()},
        }


def _guarded(answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        if request.remote not in _LOOPBACK:
            return _json({"error": "the control API answers loopback only"}, 403)
        try:
            return _json(await answer(request), 200)
        except (msgspec.DecodeError, ValueError, Refused) as error:
            return _json({"error": str(error)}, 400)

    return handle


def _json(value: Mapping[str, object], status: int) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def _is_short(value: Decimal) -> bool:
    """Whether money can be reckoned with it exactly: no more decimals than wallets could have."""
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and -_DIGITS_MAX <= exponent <= _DIGITS_MAX


def _text(amount: Decimal) -> str:
    return format(amount, "f")


def _wallet(assets: Mapping[str, Balance]) -> dict[str, dict[str, str]]:
    return {asset: {"free": _text(held.free), "held": _text(held.held)} for asset, held in assets.items()}


def _positions(account: Account, market: SimMarket) -> Iterator[tuple[str, dict[str, str]]]:
    for key, listing in market.listings.items():
        position = account.positions.get(key)
        if position is not None:
            yield (
                key,
                {
                    "quantity": listing.lots_text(position.lots),
                    "base": _text(listing.base_amount(position.lots)),
                    "cost": _text(position.cost),
                    "realised": _text(position.realised),
                },
            )


def _order_row(market: str, order: SimOrder) -> dict[str, object]:
    listing = order.listing
    return {
        "market": market,
        "instrument": listing.key,
        "order_id": order.order_id,
        "client_order_id": order.client_order_id,
        "side": order.side.name.lower(),
        "price": None if order.price_ticks is None else listing.price_text(order.price_ticks),
        "quantity": None if order.lots is None else listing.lots_text(order.lots),
        "filled": listing.lots_text(order.filled_lots),
    }


def _fill_row(market: str, fill: SimFill) -> dict[str, object]:
    listing = fill.order.listing
    return {
        "market": market,
        "instrument": listing.key,
        "fill_id": fill.fill_id,
        "order_id": fill.order.order_id,
        "client_order_id": fill.order.client_order_id,
        "side": fill.order.side.name.lower(),
        "price": listing.price_text(fill.price_ticks),
        "quantity": listing.lots_text(fill.lots),
        "quote": _text(fill.quote),
        "fee": _text(fill.fee),
        "fee_asset": fill.fee_asset,
        "is_maker": fill.is_maker,
        "realised": _text(fill.realised),
        "time_ns": fill.ts_ns,
    }
