"""Planted secrets show nowhere: not in a log, an error, a repr, a warning or on the terminal, whatever goes wrong.

Of the API key the last four characters may show. Everything that was signed is known here by listening to the signing,
and every listen key by listening to the tickets.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import gc
import logging
import pickle
import traceback
import warnings
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from types import ModuleType

import msgspec
import pytest
from tests.canaries import planted
from tests.exchange.accounts import MARKETS, PATHS, House, Venue, bitcoin, fast_ports, lots_of_worth, on_tick

from oneprice.app import build_account, simulated_hosts
from oneprice.errors import AuthenticationError, ConfigError, OnePriceError
from oneprice.exchange import AccountConfig, ConnectionConfig, PrivateExchange, RequestConfig
from oneprice.exchange.following import AccountEvent
from oneprice.model import MarketKind, NewOrder, OrderRef, Side, TimeInForce
from oneprice.sim.accounts import ApiKey
from oneprice.sim.faults import FaultKind
from oneprice.venues.kit import Credentials, Response, find_venue
from oneprice.venues.kit.account import Ticket

on_uvloop = pytest.mark.asyncio(loop_factories=["uvloop"])

PROMPT = ConnectionConfig(reconnect_first_ms=1, reconnect_max_ms=20, open_timeout_ms=300)
ONCE = RequestConfig(attempts_max=1, timeout_ms=300, wait_max_ms=1_000)


class Vault:
    """All that must not show, as it becomes known."""

    def __init__(self, api_key: str, secret: str) -> None:
        self.secrets = {"secret": secret, "api key": api_key[:-4]}
        self.signatures = self.tickets = 0

    def sign(self, signature: str) -> str:
        self.signatures += 1
        self.secrets[f"signature {self.signatures}"] = signature
        return signature

    def ticket(self, ticket: Ticket | None) -> None:
        if ticket is not None and not ticket.value.isdigit():  # a user's number is no secret
            self.tickets += 1
            self.secrets[f"listen key {self.tickets}"] = ticket.value

    def shown_in(self, text: str) -> list[str]:
        return [what for what, secret in self.secrets.items() if secret in text]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    opened = House(fast_ports(8))
    yield opened
    await opened.close()


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Vault:
    known = Vault(*planted("the first account"))
    prepare = Credentials.hmac_hex

    def hmac_hex(self: Credentials, digest: str):  # type: ignore[no-untyped-def]
        sign = prepare(self, digest)
        return lambda payload: known.sign(sign(payload))

    monkeypatch.setattr(Credentials, "hmac_hex", hmac_hex)
    return known


class Story:
    """What an account lives through, and everything that it says on the way."""

    def __init__(self, venue: Venue, exchange: PrivateExchange, market: str) -> None:
        self.venue, self.exchange, self.market = venue, exchange, market
        self.errors: list[BaseException] = []
        self.events: list[AccountEvent] = []
        self._count = 0
        exchange.listen(self.events.append)

    async def order(self) -> NewOrder:
        rules = await self.exchange.public.rules(bitcoin(self.market))
        listing = self.venue.listing(self.market)
        price = on_tick(rules, listing.top.bid_ticks * listing.instrument.tick * Decimal("0.9"))
        self._count += 1
        return NewOrder(
            listing=rules,
            side=Side.BUY,
            client_order_id=f"secret-{self._count}",
            quantity=lots_of_worth(rules, price),
            price=price,
            time_in_force=TimeInForce.GTC if self._count % 2 else TimeInForce.IOC,
        )

    async def everything(self) -> None:
        """Every call, as far as it comes."""
        order = await self.order()
        exchange, ref = self.exchange, OrderRef(listing=order.listing, client_order_id=order.client_order_id)
        await self.note(exchange.place(order))
        await self.note(exchange.order(ref))
        await self.note(exchange.cancel(ref))
        await self.note(exchange.cancel(OrderRef(listing=order.listing, venue_order_id="1")))
        await self.note(exchange.open_orders(order.listing))
        await self.note(exchange.fills(order.listing, 0))
        await self.note(exchange.balances())
        await self.note(exchange.permissions())
        await self.note(exchange.health_check())

    async def note(self, work: object) -> None:
        """Await it, and keep its error."""
        try:
            await work  # type: ignore[misc]
        except OnePriceError as error:
            self.errors.append(error)

    async def with_fault(self, kind: FaultKind, count: int | None = None, delay_ms: int = 0) -> None:
        """Everything while that goes wrong."""
        self.venue.fault(kind, count, delay_ms)
        await self.everything()
        self.venue.server.faults.clear()

    async def reconnected(self) -> None:
        """Until the private stream is complete again."""
        async with asyncio.timeout(10):
            while not self.exchange.following.state.complete:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def live_through(story: Story) -> None:
    """Errors of every sort."""
    kinds = FaultKind
    await story.everything()
    for kind in (kinds.REJECT_ORDER, kinds.LOST_ACK, kinds.LOST_REQUEST, kinds.GARBAGE):
        await story.with_fault(kind, 1)
    for kind in (kinds.REST_ERROR, kinds.MAINTENANCE, kinds.HALT):
        await story.with_fault(kind)
    await story.with_fault(kinds.CLOCK_SKEW, delay_ms=-3_600_000)
    story.exchange.rest.venue_clock.forget()
    for kind in (kinds.DROP, kinds.REFUSE, kinds.RESTART):
        story.venue.fault(kind)
        story.venue.fault(kinds.DROP)
        await asyncio.sleep(0.1)
        await story.note(story.exchange.balances())
        story.venue.server.faults.clear()
        await asyncio.sleep(0.02)
        await story.reconnected()
    story.venue.fault(kinds.HALF_OPEN)
    await story.note(story.exchange.balances())
    await story.note(story.exchange.place(await story.order()))
    story.venue.server.faults.clear()
    await asyncio.sleep(0.05)
    story.venue.server.accounts.revoke(planted("the first account")[0])
    await story.everything()


@contextlib.contextmanager
def everything_said(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Logs of all loggers at their most talkative, and warnings."""
    said: list[str] = []
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        if not name.startswith("aiohttp.access"):  # the simulated exchange's own book of requests
            caplog.set_level(logging.DEBUG, logger=name)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield said
    said += [str(warning.message) for warning in warned]
    said += [
        record.getMessage() + str(record.exc_text or "") for record in caplog.records if "access" not in record.name
    ]


def reachable(roots: list[object]) -> list[object]:
    """Every object of ours, and every exception, that can be come by from these."""
    found, seen, left = [], set(), list(roots)
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, (type, ModuleType, str, bytes, int, float)):
            continue
        seen.add(id(one))
        home = type(one).__module__
        if home.startswith("oneprice.sim"):
            continue
        if home.startswith("oneprice") or isinstance(one, BaseException):
            found.append(one)
        left += gc.get_referents(one)
    return found


@on_uvloop
@pytest.mark.parametrize(("market", "path"), PATHS)
async def test_planted_secrets_show_nowhere(
    house: House,
    vault: Vault,
    market: str,
    path: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    asyncio.get_running_loop().set_debug(True)
    with everything_said(caplog) as said:
        venue = await house.venue(market)
        key, secret = planted("the first account")
        venue.server.accounts.open([ApiKey(key=key, secret=secret)], venue.funds())
        hosts = simulated_hosts([market], {market.partition("-")[0]: venue.server.url})[market]
        config = AccountConfig(order_path=path, order_timeout_ms=100, find_for_s=1.0)
        credentials = Credentials(key, secret)
        exchange = build_account(
            market, credentials, house.ports, hosts=hosts, config=config, requests=ONCE, connections=PROMPT
        )
        make = exchange._account.user_stream
        exchange._account.user_stream = lambda ticket: (vault.ticket(ticket), make(ticket))[1]  # type: ignore[method-assign]
        story = Story(venue, exchange, market)
        await exchange.open()
        await live_through(story)
        objects = reachable([exchange, credentials, story.errors, story.events, *asyncio.all_tasks()])
        said += [repr(one) for one in objects]
        said += [str(one) for one in objects]
        said += ["".join(traceback.format_exception(error)) for error in story.errors]
        await exchange.close()
    said += capfd.readouterr()
    assert len({type(error) for error in story.errors}) > 4, "too little went wrong to prove anything"
    assert vault.signatures > 20
    assert bool(vault.tickets) is (market in ("binance-usdm", "mexc-spot"))
    assert {type(one).__name__ for one in objects} >= {"Credentials", "PrivateExchange", "RestClient"}
    shown = {what: text for text in said for what in vault.shown_in(text)}
    assert not shown, next((what, f"{text[:200]} ... {len(text)} characters") for what, text in shown.items())


@on_uvloop
@pytest.mark.parametrize("market", MARKETS)
async def test_a_refused_key_is_not_repeated(house: House, vault: Vault, market: str) -> None:
    venue = await house.venue(market)
    hosts = simulated_hosts([market], {market.partition("-")[0]: venue.server.url})[market]
    exchange = build_account(market, Credentials(*planted("the first account")), house.ports, hosts=hosts)
    async with asyncio.timeout(10):
        with pytest.raises(AuthenticationError) as refused:
            await exchange.open()
    text = "".join(traceback.format_exception(refused.value)) + repr(refused.value)
    assert vault.shown_in(text) == []
    assert [task for task in asyncio.all_tasks() if "Session.run" in repr(task)] == []
    await exchange.close()


NONSENSE = (
    '{{"listenKey": ["{0}"]}}',
    '{{"listenKey": "{0}"',
    '{{"listenkey": "{0}"}}',
    '["{0}"]',
    "{0}",
)


@pytest.mark.parametrize("nonsense", NONSENSE)
@pytest.mark.parametrize("market", ["binance-usdm", "mexc-spot"])
def test_an_answer_that_holds_a_listen_key_is_not_repeated(market: str, nonsense: str) -> None:
    name, _, kind = market.partition("-")
    account = find_venue(name).accounts[MarketKind(kind)](None, Credentials(*planted("the first account")))
    call = account.ticket()
    assert call is not None
    listen_key = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
    try:
        ticket = call.read(Response(200, {}, nonsense.format(listen_key).encode()))
    except OnePriceError as error:
        text = "".join(traceback.format_exception(error))
    else:
        text = repr(ticket)
    assert listen_key not in text


@pytest.mark.parametrize("wrong", ["", "  ", "with space {0}", "{0}\n", '"{0}"é'])
def test_a_key_that_is_none_is_refused_without_repeating_it(wrong: str) -> None:
    key, secret = planted("wrong")
    with pytest.raises(ConfigError) as refused:
        Credentials(wrong.format(key), secret)
    assert key not in str(refused.value)
    with pytest.raises(ConfigError) as refused:
        Credentials(key, " ")
    assert key not in str(refused.value)


def test_credentials_can_be_neither_pickled_nor_printed_nor_encoded() -> None:
    key, secret = planted("wrong")
    credentials = Credentials(key, secret, "passphrase-5432")
    for show in (repr, str, "{}".format, "%s".__mod__, lambda one: repr([one]), lambda one: repr({"a": one})):
        text = show(credentials)
        assert secret not in text
        assert "passphrase-5432" not in text
        assert key[:-4] not in text
    with pytest.raises(TypeError):
        msgspec.json.encode(credentials)
    with pytest.raises(TypeError):
        copy.deepcopy(credentials)
    with pytest.raises(TypeError):
        pickle.dumps(credentials)
    assert not hasattr(credentials, "__dict__")
