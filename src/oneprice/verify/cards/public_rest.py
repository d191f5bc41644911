"""Cards 101 to 113: what a market tells everybody by REST."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import msgspec

from oneprice.errors import ExchangeAPIError, InvalidRequestError, Outcome, TradingDisabledError
from oneprice.model import AssetName, KlineInterval, SymbolInfo, Ticker, Trade
from oneprice.verify.bench import Bench
from oneprice.verify.card import Need, card, expect, skip
from oneprice.verify.measures import MS, first_few, is_on_grid, off_grid, plain, repeated, spread_bps, top_of

MINUTE_NS = 60 * 10**9
FUNDING_MAX = Decimal("0.05")
NEAR_BPS = 100


@card(101, "The venue's clock and ours agree")
async def server_time(bench: Bench) -> str:
    """Asks for the venue's time five times and takes the answer that came fastest: its time against the middle of the
    request."""
    best: tuple[int, int] | None = None
    for _ in range(5):
        began_ns, wall_ns = bench.ports.clock.monotonic_ns(), bench.ports.clock.wall_ns()
        venue_ns = await bench.public.server_time()
        took_ns = bench.ports.clock.monotonic_ns() - began_ns
        offset_ns = venue_ns - (wall_ns + took_ns // 2)
        best = min(best or (took_ns, offset_ns), (took_ns, offset_ns))
    assert best is not None
    took_ms, offset_ms = best[0] / MS, best[1] / MS
    saw = f"the venue's clock is {offset_ms:+.1f} ms off ours, right to {took_ms / 2:.1f} ms"
    expect(abs(offset_ms) - took_ms / 2 <= bench.thresholds.clock_offset_ms, saw)
    return saw


@card(102, "Listings are told, each once, and the symbol is among them")
async def listings(bench: Bench) -> str:
    """Asks for all listings anew; venue symbols must be unique, and the symbol under test listed and tradable."""
    rows = await bench.public.symbols()
    expect(bool(rows), "no listing at all")
    twice = repeated(row.venue_symbol for row in rows)
    expect(not twice, f"listed twice: {first_few(twice)}")
    strangers = [row for row in rows if row.market is not bench.market.kind or row.venue != bench.market.venue]
    expect(not strangers, f"{len(strangers)} listings belong to another market")
    found = [row for row in rows if row.symbol == bench.symbol]
    expect(bool(found), f"{bench.symbol} is not among {len(rows)} listings")
    expect(found[0].tradable, f"{bench.symbol} takes no orders: {found[0].status}")
    tradable = sum(row.tradable for row in rows)
    return f"{len(rows)} listings, {tradable} of them tradable; {bench.symbol} is {found[0].venue_symbol}"


@card(103, "The rules of all listings make sense")
async def rules_make_sense(bench: Bench) -> str:
    """Looks at tick, lot, minimum and maximum sizes, minimum notional, contract size and fees of every tradable
    listing: positive, and consistent with each other."""
    rows = [row for row in await bench.public.known() if row.tradable]
    wrong = [f"{row.symbol}: {what}" for row in rows if (what := _wrong_rule(row))]
    expect(not wrong, f"{len(wrong)} of {len(rows)} listings: {first_few(wrong)}")
    one = await bench.rules()
    return (
        f"{len(rows)} listings are sound; {one.symbol}: tick {plain(one.tick_size)}, lot {plain(one.lot_size)}, from"
        f" {plain(one.min_quantity)}, worth {plain(one.min_notional)} {one.symbol.quote} or more"
    )


def _wrong_rule(row: SymbolInfo) -> str:
    """What is wrong with it, empty when nothing is."""
    if min(row.tick_size, row.lot_size, row.contract_size, row.multiplier) <= 0:
        return "a tick, lot, contract size or multiplier that is not above 0"
    if min(row.min_quantity, row.min_notional) < 0:
        return "a minimum below 0"
    if row.max_quantity is not None and row.max_quantity < max(row.min_quantity, row.lot_size):
        return f"at most {row.max_quantity}, at least {row.min_quantity}"
    fees = [fee for fee in (row.taker_fee, row.maker_fee) if fee is not None]
    if any(not Decimal("-0.01") <= fee <= Decimal("0.05") for fee in fees):
        return f"fees of {fees}"
    return ""


@card(104, "The order book is sorted, uncrossed, on ticks and on lots")
async def book_is_sound(bench: Bench) -> str:
    """Asks for 20 levels: prices fall on the bid side and rise on the ask side, the best bid is below the best ask,
    and every price and size is a whole number of the listing's ticks and lots."""
    rules = await bench.rules()
    book = await bench.public.order_book(rules, 20)
    bids, asks = [level.price for level in book.bids], [level.price for level in book.asks]
    expect(bool(bids and asks), f"an empty side: {len(bids)} bids, {len(asks)} asks")
    expect(bids == sorted(set(bids), reverse=True), f"bids do not fall: {first_few(bids)}")
    expect(asks == sorted(set(asks)), f"asks do not rise: {first_few(asks)}")
    expect(bids[0] < asks[0], f"crossed: {top_of(book)}")
    off = off_grid([*bids, *asks], rules.tick_size)
    expect(not off, f"off the tick of {plain(rules.tick_size)}: {first_few(off)}")
    sizes = [level.quantity for level in (*book.bids, *book.asks)]
    expect(min(sizes) > 0, "a level of size 0")
    off = off_grid(sizes, rules.lot_size)
    expect(not off, f"off the lot of {plain(rules.lot_size)}: {first_few(off)}")
    return f"{len(bids)} bids and {len(asks)} asks, {top_of(book)}"


@card(105, "The order book is as deep as it is asked for")
async def depth_as_asked(bench: Bench) -> str:
    """Asks for 5, 20 and 100 levels: a deeper request brings no fewer levels, and at least as many as asked for
    unless the market has no more."""
    got: list[tuple[int, int, int]] = []
    for levels in (5, 20, 100):
        book = await bench.public.order_book(bench.symbol, levels)
        got.append((levels, len(book.bids), len(book.asks)))
    saw = ", ".join(f"{asked} asked: {bids} bids and {asks} asks" for asked, bids, asks in got)
    for side in (1, 2):
        deepest = max(row[side] for row in got)
        expect(all(row[side] >= min(row[0], deepest) for row in got), saw)
    return saw


@card(106, "The ticker is consistent with itself and with the book")
async def ticker_is_consistent(bench: Bench) -> str:
    """Asks for the ticker and the book: last between low and high, bid not above ask, and both near the book's."""
    ticker = await bench.public.ticker(bench.symbol)
    book = await bench.public.order_book(bench.symbol, 5)
    last, low, high = ticker.last, ticker.low, ticker.high
    expect(ticker.symbol == bench.symbol, f"it is of {ticker.symbol}")
    if last is None:
        skip("it tells no last price")
    if low is not None and high is not None:
        expect(low <= last <= high, f"last {plain(last)} is outside of {plain(low)} to {plain(high)}")
    if ticker.bid is not None and ticker.ask is not None:
        expect(ticker.bid <= ticker.ask, f"bid {plain(ticker.bid)} above ask {plain(ticker.ask)}")
    middle = (book.bids[0].price + book.asks[0].price) / 2
    off_bps = float(abs(last - middle) / middle * 10_000)
    saw = f"last {plain(last)} in {plain(low)} to {plain(high)}, {off_bps:.1f} bps from the middle of the book"
    expect(off_bps <= NEAR_BPS, saw)
    return saw


@card(107, "One request brings the tickers of all listings")
async def tickers_of_all(bench: Bench) -> str:
    """Asks for all tickers: each symbol as often as it is listed, the symbol under test with a price."""
    rows = await bench.public.tickers()
    await _each_once(bench, rows)
    prices = {row.symbol: row.last or row.bid for row in rows}
    expect(prices.get(bench.symbol) is not None, f"no price of {bench.symbol} among {len(rows)}")
    known = sum(row.tradable for row in await bench.public.known())
    return f"{len(rows)} tickers of {known} tradable listings; {bench.symbol} at {plain(prices[bench.symbol])}"


@card(108, "One request brings the best bids and asks of all listings")
async def quotes_of_all(bench: Bench) -> str:
    """Asks for all quotes: each symbol as often as it is listed, none crossed, that under test with both sides."""
    rows = await bench.public.quotes()
    await _each_once(bench, rows)
    crossed = [row.symbol for row in rows if row.bid and row.ask and row.bid >= row.ask]
    expect(not crossed, f"crossed: {first_few(crossed)}")
    ours = next((row for row in rows if row.symbol == bench.symbol), None)
    if ours is None or ours.bid is None or ours.ask is None:
        expect(False, f"no bid and ask of {bench.symbol} among {len(rows)}")
        return ""
    return f"{len(rows)} quotes; {bench.symbol} {plain(ours.bid)} / {plain(ours.ask)}"


async def _each_once(bench: Bench, rows: list[Ticker]) -> None:
    """A symbol comes as often as it is listed: once, but where a market lists an asset in two sizes."""
    listed = Counter(row.symbol for row in await bench.public.known())
    twice = [symbol for symbol, count in Counter(row.symbol for row in rows).items() if count > listed[symbol]]
    expect(not twice, f"told more often than listed: {first_few(twice)}")


@card(109, "Trades are in order, unique, on ticks and on lots")
async def trades_are_sound(bench: Bench) -> str:
    """Asks for the last 100 trades (again for a while where there is none yet): oldest first, no id twice, prices and
    sizes whole numbers of ticks and lots."""
    rules = await bench.rules()
    rows = await bench.public.trades(rules, 100)
    until_ns = bench.ports.clock.monotonic_ns() + round(bench.thresholds.first_data_s * 1e9)
    while not rows:
        if bench.ports.clock.monotonic_ns() > until_ns:
            skip("there is no trade yet")
        await bench.ports.clock.sleep(0.5)
        rows = await bench.public.trades(rules, 100)
    wrong = _wrong_trades(rows, rules)
    expect(not wrong, wrong)
    seconds = (rows[-1].time_ns - rows[0].time_ns) / 1e9
    age_s = (bench.ports.clock.wall_ns() - rows[-1].time_ns) / 1e9
    return f"{len(rows)} trades over {seconds:.1f} s, the last {age_s:.1f} s ago at {plain(rows[-1].price)}"


def _wrong_trades(rows: list[Trade], rules: SymbolInfo) -> str:
    """What is wrong with them, empty when nothing is."""
    times = [row.time_ns for row in rows]
    if times != sorted(times):
        return "not oldest first"
    twice = repeated(row.id for row in rows if row.id)
    if twice:
        return f"the same id twice: {first_few(twice)}"
    off = off_grid([row.price for row in rows], rules.tick_size)
    if off:
        return f"off the tick of {plain(rules.tick_size)}: {first_few(off)}"
    bad = [row.quantity for row in rows if row.quantity <= 0 or not is_on_grid(row.quantity, rules.lot_size)]
    return f"sizes that are no lots of {plain(rules.lot_size)}: {first_few(bad)}" if bad else ""


@card(110, "Candles are contiguous and consistent")
async def klines_are_sound(bench: Bench) -> str:
    """Asks for 20 candles of a minute: a minute apart, oldest first, low and high enclose open and close."""
    rows = await bench.public.klines(bench.symbol, KlineInterval.MINUTE_1, 20)
    expect(bool(rows), "no candle at all")
    opens = [row.open_time_ns for row in rows]
    expected = [opens[0] + number * MINUTE_NS for number in range(len(rows))]
    expect(opens == expected, f"{len(rows)} candles, not each a minute after the one before")
    expect(opens[0] % MINUTE_NS == 0, "they do not begin with the minute")
    wrong = [
        row.open_time_ns
        for row in rows
        if not row.low <= min(row.open, row.close) <= max(row.open, row.close) <= row.high or row.volume < 0
    ]
    expect(not wrong, f"inconsistent candles that began at {first_few(wrong)}")
    age_s = (bench.ports.clock.wall_ns() - opens[-1]) / 1e9
    expect(age_s < 180, f"the last candle began {age_s:.0f} s ago")
    return f"{len(rows)} candles, the last began {age_s:.0f} s ago and stands at {plain(rows[-1].close)}"


@card(111, "The funding rate is plausible and its next payment is to come", Need.PERPETUAL)
async def funding_is_sound(bench: Bench) -> str:
    """Asks for the current funding: at most 5 %, paid next within its interval, mark and index near each other."""
    funding = await bench.public.funding(bench.symbol)
    rate = f"{float(funding.rate) * 10_000:+.3f} bps"
    expect(abs(funding.rate) <= FUNDING_MAX, f"a rate of {rate}")
    hours = (funding.next_time_ns - bench.ports.clock.wall_ns()) / 3.6e12
    interval_h = (funding.interval_s or 8 * 3_600) / 3_600
    if funding.next_time_ns:
        expect(-0.1 <= hours <= interval_h + 0.1, f"next payment in {hours:.2f} h, every {interval_h:g} h")
    if funding.mark_price and funding.index_price:
        apart_bps = abs(spread_bps(funding.mark_price, funding.index_price))
        expect(apart_bps <= NEAR_BPS, f"mark {plain(funding.mark_price)}, index {plain(funding.index_price)}")
    return f"{rate} every {interval_h:g} h, next in {hours:.2f} h; mark price {plain(funding.mark_price)}"


@card(112, "Past funding is in order and plausible", Need.PERPETUAL)
async def funding_history_is_sound(bench: Bench) -> str:
    """Asks for the last ten settlements: oldest first, each once, in the past, none above 5 %."""
    rows = await bench.public.funding_history(bench.symbol, 10)
    expect(bool(rows), "no settlement at all")
    times = [row.time_ns for row in rows]
    expect(times == sorted(set(times)), "not oldest first, or one told twice")
    expect(times[-1] <= bench.ports.clock.wall_ns() + MINUTE_NS, "the last settlement is in the future")
    expect(all(abs(row.rate) <= FUNDING_MAX for row in rows), "a rate above 5 %")
    mean = sum(row.rate for row in rows) / len(rows)
    return f"{len(rows)} settlements, {float(mean) * 10_000:+.3f} bps on average"


@card(113, "An unknown symbol is refused in so many words")
async def unknown_symbol(bench: Bench) -> str:
    """Asks for the book of a symbol that is not listed: the answer must be read as an error of ours, and as one after
    which it is certain that nothing was done."""
    ghost = ghost_of(await bench.rules())
    try:
        await bench.public.run(bench.market.order_book(ghost, 5))
    except (InvalidRequestError, TradingDisabledError) as refused:
        expect(refused.outcome is Outcome.REJECTED, f"its outcome is {refused.outcome.value}: {refused}")
        return f"{ghost.venue_symbol}: {type(refused).__name__}, {refused}"
    except ExchangeAPIError as other:
        expect(False, f"it is taken for {type(other).__name__}: {other}")
    expect(False, f"a book of {ghost.venue_symbol}, which is not listed")
    return ""


def ghost_of(rules: SymbolInfo) -> SymbolInfo:
    """The same listing with a coin that there is not."""
    name = rules.venue_symbol.replace(rules.symbol.base, "NOSUCHCOIN")
    symbol = msgspec.structs.replace(rules.symbol, base=AssetName("NOSUCHCOIN"))
    venue_symbol = name if name != rules.venue_symbol else f"NOSUCH{name}"
    return msgspec.structs.replace(rules, symbol=symbol, venue_symbol=venue_symbol)
