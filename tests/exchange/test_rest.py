"""Requests of one market: rate limits, bans, repetition, and what each failure becomes."""

from __future__ import annotations

import asyncio

import pytest

from oneprice.errors import (
    InvalidRequestError,
    InvariantError,
    NetworkError,
    Outcome,
    RateLimitError,
    VenueUnavailableError,
)
from oneprice.exchange.rest import target
from oneprice.venues.kit.contract import Budget, Charge, Request

GET = Request(path="/time")
POST = Request(method="POST", path="/order", body=b"{}")
LOST = NetworkError("lost", Outcome.UNKNOWN)


async def test_a_request_is_sent_as_the_venue_writes_it(world, answer) -> None:
    rest = world.rest(timeout_ms=1_500, bytes_max=77)
    request = Request(path="/depth", query=(("symbol", "BTCUSDT"), ("limit", "5")))
    response = await world.clock.run(rest.fetch(request))
    assert (response.status, response.body) == (200, b"{}")
    sent = world.network.sent[0]
    assert (sent.method, sent.url) == ("GET", "https://api.test.invalid/depth?symbol=BTCUSDT&limit=5")
    assert (sent.timeout_s, sent.bytes_max) == (1.5, 77)


def test_a_query_is_percent_encoded_in_the_given_order() -> None:
    request = Request(path="/x", query=(("symbols", '["A","B"]'), ("a", "1 2+&/~-_.")))
    assert target(request) == "/x?symbols=%5B%22A%22%2C%22B%22%5D&a=1%202%2B%26%2F~-_."
    assert target(Request(path="/x")) == "/x"


# ---- rate limits


async def test_requests_beyond_the_budget_wait_for_the_window_instead_of_exceeding_it(world) -> None:
    world.budgets = {"default": Budget(4, 10.0)}
    rest = world.rest(budget_share=1.0)
    await world.clock.run(asyncio.gather(*(rest.fetch(Request(path="/x", weight=2)) for _ in range(6))))
    # Two of weight 2 fit; their answers come after 10 ms, and a whole window later the next two fit.
    assert world.network.times_s == [0, 0, 10.01, 10.01, 20.02, 20.02]
    assert rest.figures.waited_ns == 2 * 10_010_000_000 + 2 * 20_020_000_000


async def test_one_budget_does_not_wait_for_another(world) -> None:
    world.budgets = {"default": Budget(1, 10.0), "other": Budget(1, 10.0)}
    rest = world.rest()
    calls = [GET, GET, Request(path="/other", budget="other")]
    await world.clock.run(asyncio.gather(*map(rest.fetch, calls)))
    assert [(sent.url[-6:], when) for sent, when in zip(world.network.sent, world.network.times_s, strict=True)] == [
        ("d/time", 0),
        ("/other", 0),
        ("d/time", 10.01),
    ]


async def test_a_heavy_request_is_not_overtaken_for_ever(world) -> None:
    world.budgets = {"default": Budget(10, 10.0)}
    rest = world.rest(budget_share=1.0)
    light = Request(path="/light", weight=1)
    calls = [light, Request(path="/heavy", weight=10), *[light] * 5]
    await world.clock.run(asyncio.gather(*map(rest.fetch, calls)))
    assert world.network.sent[1].url.endswith("/heavy")


async def test_a_wait_that_would_be_too_long_is_refused_unsent(world) -> None:
    world.budgets = {"default": Budget(1, 60.0)}
    rest = world.rest(wait_max_ms=5_000)
    await world.clock.run(rest.fetch(GET))
    with pytest.raises(RateLimitError, match="not sent") as refused:
        await world.clock.run(rest.fetch(GET))
    assert refused.value.outcome is Outcome.NOT_SENT
    assert refused.value.retry_after_ms == 60_000
    assert (len(world.network.sent), rest.figures.unsent) == (1, 1)


async def test_the_venues_own_count_is_heeded(world, answer) -> None:
    world.network.script = [answer(headers={"used": "990"}), answer()]
    rest = world.rest(budget_share=1.0, wait_max_ms=100_000)
    await world.clock.run(rest.fetch(GET))
    await world.clock.run(rest.fetch(Request(path="/x", weight=11)))
    assert world.network.times_s == [0, 60.01]


async def test_no_more_than_the_allowed_number_is_in_flight(world) -> None:
    rest = world.rest(concurrency_max=3)
    await world.clock.run(asyncio.gather(*(rest.fetch(GET) for _ in range(20))))
    assert (len(world.network.sent), world.network.flying_most) == (20, 3)


async def test_a_cancelled_request_gives_back_its_place_but_still_counts(world) -> None:
    world.budgets = {"default": Budget(1, 10.0)}
    rest = world.rest(concurrency_max=1)
    first = asyncio.ensure_future(rest.fetch(GET))
    for _ in range(5):
        await asyncio.sleep(0)
    assert world.network.sent
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await world.clock.run(rest.fetch(GET))
    assert world.network.times_s == [0, 10.0]


async def test_a_cancelled_waiter_lets_the_next_one_go(world) -> None:
    world.budgets = {"default": Budget(1, 10.0)}
    rest = world.rest()
    await world.clock.run(rest.fetch(GET))
    waiter, next_one = asyncio.ensure_future(rest.fetch(GET)), asyncio.ensure_future(rest.fetch(GET))
    for _ in range(5):
        await asyncio.sleep(0)
    waiter.cancel()
    await world.clock.run(next_one)
    assert len(world.network.sent) == 2
    assert waiter.cancelled()


@pytest.mark.parametrize("request_", [Request(path="/x", budget="none"), Request(path="/x", weight=1_001)])
async def test_a_request_that_its_venue_has_no_budget_for_is_a_fault_of_ours(world, request_) -> None:
    with pytest.raises(InvariantError, match="budgets are"):
        await world.clock.run(world.rest().fetch(request_))
    assert not world.network.sent


# ---- bans


async def test_nothing_at_all_is_sent_within_a_ban(world, answer) -> None:
    world.network.script = [answer(status=418, headers={"retry-after": "20"}), answer()]
    rest = world.rest(attempts_max=1)
    with pytest.raises(RateLimitError):
        await world.clock.run(rest.fetch(GET))
    calls = [GET, POST, Request(path="/other", budget="small")]
    await world.clock.run(asyncio.gather(*map(rest.fetch, calls)))
    assert world.network.times_s == [0, 20.01, 20.01, 20.01]
    assert rest.figures.rate_limited == 1


async def test_a_request_that_was_waiting_stays_out_of_a_ban_that_begins_meanwhile(world, answer) -> None:
    world.budgets = {"default": Budget(1, 10.0), "other": Budget(10, 10.0)}
    world.network.script = [answer(), answer(status=418, headers={"retry-after": "25"}, seconds=1.0), answer()]
    rest = world.rest(attempts_max=1)
    calls = [GET, Request(path="/banned", budget="other"), GET]
    results = await world.clock.run(asyncio.gather(*map(rest.fetch, calls), return_exceptions=True))
    assert isinstance(results[1], RateLimitError)
    assert world.network.times_s == [0, 0, 26.0]


async def test_a_ban_longer_than_the_patience_is_told_at_once(world, answer) -> None:
    world.network.script = [answer(status=418, headers={"retry-after": "120"}), answer()]
    rest = world.rest()
    with pytest.raises(RateLimitError) as first:
        await world.clock.run(rest.fetch(GET))
    assert (first.value.outcome, first.value.retry_after_ms) == (Outcome.REJECTED, 120_000)
    with pytest.raises(RateLimitError, match="banned") as second:
        await world.clock.run(rest.fetch(GET))
    assert (second.value.outcome, second.value.retry_after_ms) == (Outcome.NOT_SENT, 120_000)
    assert len(world.network.sent) == 1


async def test_a_ban_without_a_time_lasts_as_long_as_configured(world, answer) -> None:
    world.network.script = [answer(status=418), answer()]
    rest = world.rest(attempts_max=1, ban_ms=7_000)
    with pytest.raises(RateLimitError):
        await world.clock.run(rest.fetch(GET))
    await world.clock.run(rest.fetch(Request(path="/other", budget="small")))
    assert world.network.times_s == [0, 7.01]


async def test_a_refusal_without_a_time_holds_back_that_budget_only(world, answer) -> None:
    world.network.script = [answer(status=429), answer()]
    rest = world.rest(attempts_max=1)
    small = Request(path="/small", budget="small")
    with pytest.raises(RateLimitError):
        await world.clock.run(rest.fetch(small))
    await world.clock.run(asyncio.gather(rest.fetch(small), rest.fetch(GET)))
    assert world.network.times_s == [0, 0.01, 10.01]


async def test_a_refusal_with_a_time_leaves_other_budgets_alone(world, answer) -> None:
    world.network.script = [answer(status=429, headers={"retry-after": "7"}), answer()]
    rest = world.rest(attempts_max=1)
    orders, cancels = Request(path="/orders", budget="small"), GET
    with pytest.raises(RateLimitError):
        await world.clock.run(rest.fetch(orders))
    await world.clock.run(asyncio.gather(rest.fetch(orders), rest.fetch(cancels)))
    assert world.network.times_s == [0, 0.01, 7.01]


async def test_a_refusal_without_a_time_does_not_stop_a_budget_of_a_day_for_a_day(world, answer) -> None:
    world.budgets = {"default": Budget(10, 60.0), "day": Budget(1_000, 86_400.0)}
    world.network.script = [answer(status=429), answer()]
    rest = world.rest(attempts_max=1, wait_max_ms=100_000)
    order = Request(path="/order", also=(Charge("day", 1),))
    with pytest.raises(RateLimitError):
        await world.clock.run(rest.fetch(order))
    await world.clock.run(rest.fetch(order))
    assert world.network.times_s == [0, 60.01]


# ---- repetition


async def test_a_get_is_repeated_after_growing_random_pauses(world, answer) -> None:
    world.network.script = [answer(error=LOST), answer(status=503), answer()]
    rest = world.rest(backoff_first_ms=1_000)
    assert (await world.clock.run(rest.fetch(GET))).status == 200
    # The chance of this test always takes the middle: half of 1 s, then half of 2 s.
    assert world.network.times_s == [0, 0.51, 1.52]
    assert (rest.figures.requests, rest.figures.retries, rest.figures.network_failures) == (3, 2, 1)


async def test_pauses_have_a_limit(world, answer) -> None:
    world.network.script = [answer(error=LOST)]
    rest = world.rest(attempts_max=5, backoff_first_ms=1_000, backoff_max_ms=2_000)
    with pytest.raises(NetworkError):
        await world.clock.run(rest.fetch(GET))
    assert world.network.times_s == [0, 0.51, 1.52, 2.53, 3.54]


async def test_tries_have_a_limit_and_the_last_error_is_told(world, answer) -> None:
    world.network.script = [answer(error=LOST), answer(status=503)]
    with pytest.raises(VenueUnavailableError):
        await world.clock.run(world.rest(attempts_max=3).fetch(GET))
    assert len(world.network.sent) == 3


async def test_a_refused_get_is_repeated_after_the_time_that_the_venue_wants(world, answer) -> None:
    world.network.script = [answer(status=429, headers={"retry-after": "3"}), answer()]
    rest = world.rest()
    await world.clock.run(rest.fetch(GET))
    assert world.network.times_s == [0, 3.01]


async def test_an_unavailable_venue_is_asked_again_when_it_said_so_and_others_need_not_wait(world, answer) -> None:
    world.network.script = [answer(status=503, headers={"retry-after": "9"}, seconds=0.5), answer()]
    rest = world.rest()

    async def another_a_second_later() -> None:
        await world.clock.sleep(1.0)
        await rest.fetch(GET)

    await world.clock.run(asyncio.gather(rest.fetch(GET), another_a_second_later()))
    assert world.network.times_s == [0, 1.0, 9.5]


@pytest.mark.parametrize("failure", [{"error": LOST}, {"status": 503}, {"status": 429}])
async def test_what_may_change_something_is_never_repeated(world, answer, failure) -> None:
    world.network.script = [answer(**failure), answer()]
    with pytest.raises((NetworkError, VenueUnavailableError, RateLimitError)):
        await world.clock.run(world.rest().fetch(POST))
    assert len(world.network.sent) == 1


async def test_a_request_that_the_venue_calls_wrong_is_not_repeated(world, answer) -> None:
    world.network.script = [answer(status=400), answer()]
    with pytest.raises(InvalidRequestError) as wrong:
        await world.clock.run(world.rest().fetch(GET))
    assert (wrong.value.venue, wrong.value.kind) == ("testvenue", "invalid_request")
    assert len(world.network.sent) == 1


async def test_what_is_known_of_a_lost_request_is_passed_on(world, answer) -> None:
    for outcome in (Outcome.NOT_SENT, Outcome.UNKNOWN):
        world.network.script = [answer(error=NetworkError("x", outcome))]
        with pytest.raises(NetworkError) as lost:
            await world.clock.run(world.rest(attempts_max=1).fetch(POST))
        assert lost.value.outcome is outcome


async def test_tries_count_against_the_budget_too(world, answer) -> None:
    world.budgets = {"default": Budget(1, 10.0)}
    world.network.script = [answer(error=LOST), answer()]
    await world.clock.run(world.rest().fetch(GET))
    assert world.network.times_s == [0, 10.01]


# ---- figures


async def test_figures_are_plain_integers_that_add_up(world, answer) -> None:
    world.network.script = [answer(body=b"x" * 10, seconds=0.003), answer(status=400, body=b"y", seconds=0.5)]
    rest = world.rest()
    await world.clock.run(rest.fetch(GET))
    with pytest.raises(InvalidRequestError):
        await world.clock.run(rest.fetch(GET))
    figures = rest.figures
    assert (figures.requests, figures.answers, figures.venue_errors, figures.bytes_received) == (2, 2, 1, 11)
    assert figures.latency_ns_last == figures.latency_ns_max == 500_000_000
    assert figures.latency_ns_sum == 503_000_000
    assert sum(figures.latency_buckets) == 2
    assert figures.percentile_ns(0.5) == pytest.approx(figures.latency_ns_sum - figures.latency_ns_max, rel=0.13)


async def test_nothing_is_sent_after_close(world) -> None:
    rest = world.rest()
    rest.close()
    with pytest.raises(NetworkError, match="closed") as closed:
        await world.clock.run(rest.fetch(GET))
    assert closed.value.outcome is Outcome.NOT_SENT
    assert not world.network.sent


async def test_the_clock_is_measured_before_data_when_a_limit_binds(world, answer) -> None:
    world.budgets = {"default": Budget(10, 10.0)}
    world.network.script = [answer(body=b'{"time": 5}')]
    rest = world.account_rest(budget_share=1.0)
    data = Request(path="/data", weight=6)
    waiting = asyncio.ensure_future(asyncio.gather(rest.fetch(data), rest.fetch(data)))
    await world.clock.run(rest.measure_clock())
    assert sorted(sent.url[-5:] for sent in world.network.sent) == ["/data", "/time"]
    await world.clock.run(waiting)
    assert [sent.url[-5:] for sent in world.network.sent][2:] == ["/data"]
    assert world.network.times_s[-1] > 10


async def test_waiting_for_a_turn_is_no_part_of_the_way_to_the_venue(world, answer) -> None:
    world.budgets = {"default": Budget(1, 10.0)}
    venue_ns = world.clock.wall_ns() + 20_000_000_000
    world.network.script = [answer(), answer(body=b'{"time": %d}' % venue_ns, seconds=0.1)]
    rest = world.rest(budget_share=1.0)
    await world.clock.run(rest.fetch(GET))
    await world.clock.run(rest.measure_clock())
    assert world.network.times_s == [0, 10.01]
    assert rest.venue_clock.doubt_ns == 50_000_000
    assert rest.venue_clock.now_ns() == pytest.approx(venue_ns + 50_000_000, abs=2)
