"""The user's object: listings found by instrument, rules kept in memory, calls read."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from oneprice.errors import ConfigError, InvalidResponseError
from oneprice.exchange import ConnectionConfig, PublicExchange, PublicExchangeInterface, RequestConfig
from oneprice.model import AssetName, ExchangeName, MarketKind, Symbol


def spot(base: str) -> Symbol:
    return Symbol(AssetName(base), AssetName("USDT"))


def promised(exchange: PublicExchange) -> PublicExchangeInterface:
    """The type checker holds the class to its interface here."""
    return exchange


async def test_a_call_is_made_and_its_answer_read(world, answer) -> None:
    world.network.script = [answer(body=b'{"time": 1700000000000000000}')]
    exchange = promised(world.exchange())
    assert await world.clock.run(exchange.server_time()) == 1_700_000_000_000_000_000
    assert (exchange.name, exchange.market) == ("testvenue", MarketKind.SPOT)


async def test_nonsense_is_an_error_and_not_asked_again(world, answer) -> None:
    world.network.script = [answer(body=b"<html>")]
    with pytest.raises(InvalidResponseError):
        await world.clock.run(world.exchange().server_time())
    assert len(world.network.sent) == 1


async def test_rules_are_asked_once_for_all_who_wait(world) -> None:
    exchange = world.exchange()
    await world.clock.run(asyncio.gather(*(exchange.ticker(spot("BTC")) for _ in range(5))))
    paths = [sent.url.removeprefix("https://api.test.invalid") for sent in world.network.sent]
    assert paths == ["/rules"] + ["/ticker?symbol=BTCUSDT"] * 5


async def test_rules_are_asked_again_when_they_are_old(world) -> None:
    exchange = world.exchange(rules_age_max_s=100)

    async def use_twice() -> None:
        await exchange.rules(spot("BTC"))
        await world.clock.sleep(99)
        await exchange.rules(spot("BTC"))
        assert len(world.network.sent) == 1
        await world.clock.sleep(2)
        await exchange.rules(spot("BTC"))

    await world.clock.run(use_twice())
    assert len(world.network.sent) == 2


async def test_symbols_are_always_asked_anew(world) -> None:
    exchange = world.exchange()
    rows = await world.clock.run(exchange.symbols())
    await world.clock.run(exchange.symbols())
    assert len(world.network.sent) == 2
    assert [row.venue_symbol for row in rows][:2] == ["BTCUSDT", "ETHUSDT"]


async def test_tickers_of_all_or_of_some_are_one_request(world) -> None:
    exchange = world.exchange()
    everything = await world.clock.run(exchange.tickers())
    some = await world.clock.run(exchange.tickers([spot("ETH")]))
    assert (len(everything), [one.symbol for one in some]) == (8, [spot("ETH")])
    assert len(world.network.sent) == 3


async def test_quotes_of_all_or_of_some_are_one_request(world) -> None:
    exchange = promised(world.exchange())
    everything = await world.clock.run(exchange.quotes())
    some = await world.clock.run(exchange.quotes([spot("ETH")]))
    assert (len(everything), [one.symbol for one in some]) == (8, [spot("ETH")])
    paths = [sent.url.removeprefix("https://api.test.invalid") for sent in world.network.sent]
    assert paths == ["/rules", "/quotes", "/quotes"]


async def test_past_funding_is_asked_by_listing_and_count(world) -> None:
    (past,) = await world.clock.run(promised(world.exchange()).funding_history(spot("BTC"), 5))
    assert (past.symbol, past.next_time_ns, past.time_ns) == (spot("BTC"), 0, 7)
    assert world.network.sent[-1].url.endswith("/past?symbol=BTCUSDT&limit=5")


async def test_a_listing_that_can_be_traded_wins_over_a_dead_one_of_the_same_name(world) -> None:
    assert (await world.clock.run(world.exchange().rules(spot("OLD")))).venue_symbol == "OLDUSDT"


async def test_an_instrument_listed_twice_must_be_named_exactly(world) -> None:
    exchange = world.exchange()
    with pytest.raises(ConfigError, match="PEPEUSDT, 1000PEPEUSDT"):
        await world.clock.run(exchange.ticker(spot("PEPE")))
    rows = await world.clock.run(exchange.symbols())
    thousand = next(row for row in rows if row.multiplier == 1000)
    assert (await world.clock.run(exchange.rules(thousand))) is thousand


async def test_an_instrument_listed_twice_must_be_named_even_when_neither_can_be_traded(world) -> None:
    with pytest.raises(ConfigError, match="DEADUSDT_1, DEADUSDT_2"):
        await world.clock.run(world.exchange().rules(spot("DEAD")))


async def test_an_unknown_instrument_is_refused_with_what_is_alike(world) -> None:
    with pytest.raises(ConfigError, match=r"testvenue-spot does not list BTX/USDT; did you mean BTC/USDT"):
        await world.clock.run(world.exchange().ticker(spot("BTX")))


async def test_a_perpetual_is_not_found_on_a_spot_market(world) -> None:
    perpetual = Symbol(AssetName("BTC"), AssetName("USDT"), is_futures=True)
    with pytest.raises(ConfigError, match="is_futures=False"):
        await world.clock.run(world.exchange().ticker(perpetual))


async def test_a_listing_of_another_market_is_refused(world) -> None:
    exchange = world.exchange()
    foreign = (await world.clock.run(exchange.symbols()))[0]
    foreign = msgspec.structs.replace(foreign, venue=ExchangeName("other"))
    with pytest.raises(ConfigError, match="no listing of testvenue-spot"):
        await world.clock.run(exchange.ticker(foreign))


@pytest.mark.parametrize("count", [0, -1])
async def test_less_than_one_is_refused(world, count) -> None:
    with pytest.raises(ConfigError, match="levels"):
        await world.clock.run(world.exchange().order_book(spot("BTC"), count))
    with pytest.raises(ConfigError, match="count"):
        await world.clock.run(world.exchange().trades(spot("BTC"), count))
    with pytest.raises(ConfigError, match="count"):
        await world.clock.run(world.exchange().funding_history(spot("BTC"), count))
    assert not world.network.sent


def test_settings_out_of_range_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"RequestConfig.attempts_max = 0: must be from 1 to 10"):
        RequestConfig(attempts_max=0)
    with pytest.raises(ConfigError, match=r"RequestConfig.backoff_max_ms = 10"):
        RequestConfig(backoff_first_ms=20, backoff_max_ms=10)
    with pytest.raises(ConfigError, match=r"RequestConfig.budget_share = 1.5"):
        RequestConfig(budget_share=1.5)
    with pytest.raises(ConfigError, match=r"ConnectionConfig.pong_within_ms = 0"):
        ConnectionConfig(pong_within_ms=0)


@pytest.mark.parametrize("settings", [RequestConfig, ConnectionConfig])
def test_the_defaults_are_within_their_own_ranges(settings) -> None:
    assert settings() == settings()
