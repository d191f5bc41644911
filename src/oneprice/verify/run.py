"""Running cards one after the other, and what comes of it."""

from __future__ import annotations

import importlib
import pkgutil
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from oneprice.errors import ExchangeAPIError, NetworkError, NotSupported, OnePriceError, RateLimitError
from oneprice.verify import cards as room
from oneprice.verify.bench import Bench
from oneprice.verify.card import Area, Card, CardResult, Failed, Need, Skipped, Verdict

LITTLE = 0.3


class VenueReport(msgspec.Struct, frozen=True, kw_only=True):
    """All cards of one market. `subject`: "simulated" or "live". `started_ns`: wall clock."""

    market: str
    subject: str
    started_ns: int
    results: tuple[CardResult, ...]

    @property
    def failed(self) -> list[CardResult]:
        """Cards that failed."""
        return [one for one in self.results if one.verdict is Verdict.FAIL]

    def count(self, verdict: Verdict) -> int:
        """How many cards got it."""
        return sum(one.verdict is verdict for one in self.results)


def all_cards() -> list[Card]:
    """Every card of the folder `cards`, by number. Raises ValueError when two share one."""
    found: dict[int, Card] = {}
    for module in pkgutil.iter_modules(room.__path__):
        for value in vars(importlib.import_module(f"{room.__name__}.{module.name}")).values():
            if isinstance(value, Card):
                if found.get(value.number, value) is not value:
                    raise ValueError(f"two cards have the number {value.number}")
                found[value.number] = value
    return [found[number] for number in sorted(found)]


async def run_cards(
    bench: Bench, cards: Sequence[Card], *, done: Callable[[CardResult], None] | None = None
) -> VenueReport:
    """Try each card; none keeps another from being tried. `done` hears of each result as it comes.

    Those about rate limits come last, for they use them up, and begin when little of them is used.
    """
    started_ns = bench.ports.clock.wall_ns()
    results: list[CardResult] = []
    for one in sorted(cards, key=lambda one: one.area is Area.LIMITS):
        if one.area is Area.LIMITS and results and results[-1].area is not Area.LIMITS:
            await _recover(bench)
        results.append(await _run(bench, one))
        if done is not None:
            done(results[-1])
    return VenueReport(
        market=bench.name,
        subject="simulated" if bench.faults is not None else "live",
        started_ns=started_ns,
        results=tuple(sorted(results, key=lambda one: one.number)),
    )


async def _recover(bench: Bench) -> None:
    """Where the venue tells that much of a limit is used, wait for the end of its window."""
    market = bench.market
    try:
        used = market.used_weight(await bench.public.fetch(market.server_time().request))
    except RateLimitError as late:
        await bench.ports.clock.sleep((late.retry_after_ms or 0) / 1e3)
        return
    except (NetworkError, ExchangeAPIError):
        return  # the cards will tell
    windows = [
        market.budgets[name].seconds
        for name, weight in used.items()
        if name in market.budgets and weight > LITTLE * market.budgets[name].weight_max
    ]
    await bench.ports.clock.sleep(max(windows, default=0.0))


async def _run(bench: Bench, one: Card) -> CardResult:
    began_ns = bench.ports.clock.monotonic_ns()
    missing = [need for need in Need if need in one.needs and not bench.has(need)]
    try:
        if missing:
            raise Skipped(f"it needs {missing[0].value}")
        async with bench.patience(one.number):
            verdict, saw = Verdict.PASS, await one.run(bench)
    except (Skipped, NotSupported) as told:
        verdict, saw = Verdict.SKIP, str(told)
    except Failed as told:
        verdict, saw = Verdict.FAIL, str(told)
    except TimeoutError:
        verdict, saw = Verdict.FAIL, f"nothing came of it within {bench.thresholds.card_s:g} s"
    except (OnePriceError, ExceptionGroup) as error:
        verdict, saw = Verdict.FAIL, f"{type(error).__name__}: {error}"
    except Exception as error:  # noqa: BLE001  # what nobody foresaw is a finding too, and stops no other card
        verdict, saw = Verdict.FAIL, f"unforeseen, {_place(error)}: {type(error).__name__}: {error}"
    finally:
        await bench.tidy()
    seconds = (bench.ports.clock.monotonic_ns() - began_ns) / 1e9
    return CardResult(
        number=one.number, title=one.title, area=one.area, verdict=verdict, did=one.does, saw=saw, seconds=seconds
    )


def _place(error: Exception) -> str:
    """Where it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name} line {last.lineno}"
