"""`oneprice check`: is the configuration right, do the venues agree, and may the keys be used?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneprice.cli.places import data_dir as usual_data_dir
from oneprice.cli.places import required_config
from oneprice.cli.plain import columns, figure, say
from oneprice.errors import ConfigError

if TYPE_CHECKING:
    from oneprice.cli.checking import KeyFound, MarketFound
    from oneprice.config import Loaded
    from oneprice.venues.kit import Credentials

EXIT_FAILED, EXIT_USAGE, EXIT_VENUE = 1, 2, 3


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration. [default: ./oneprice.toml, or the user's own]",
)
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Where the result is kept.")
@click.option("--sim", "sims", multiple=True, metavar="VENUE=URL", help="A simulated exchange instead.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def check(config: Path | None, data_dir: Path | None, sims: tuple[str, ...], as_json: bool) -> int:
    """Check the configuration, and ask each venue for its symbols, fees, smallest orders and clock.

    Where keys are set it asks what they may do: one that can withdraw is refused. Nothing is placed or changed. Live
    trading wants a check that passed within the last 24 h. Exit code 0 when all is well, 1 when a check failed, 2 for
    a wrong configuration, 3 when a venue cannot be asked.
    """
    from oneprice.cli.loop import run
    from oneprice.config import load

    try:
        loaded = load(required_config(config), os.environ)
        folder = data_folder(data_dir, loaded)
        found, keys = run(_examine(loaded, sims))
    except ConfigError as error:
        if not as_json:
            raise
        say({"ok": False, "errors": str(error).splitlines()})
        return EXIT_USAGE
    failures, warnings = verdict(loaded, found)
    failed = failures + [text for one in found for text in one.failures]
    errors = [one.error for one in found if one.error]
    ok = not failed and not errors
    _keep(folder, loaded, ok, simulated=any(one.simulated for one in found), keys=keys)
    if as_json:
        say(
            {
                "ok": ok,
                "config": str(loaded.path.absolute()),
                "hash": loaded.settings.hash,
                "mode": loaded.settings.mode,
                "data": str(folder),
                "overrides": loaded.overrides,
                "markets": found,
                "failures": failures,
                "warnings": warnings,
            }
        )
    else:
        _show(loaded, folder, found)
        _judge(found, failures, warnings)
    return EXIT_VENUE if errors else EXIT_FAILED if failed else 0


def data_folder(given: Path | None, loaded: Loaded) -> Path:
    """The data folder: as given, by ONEPRICE_DATA_DIR, as the configuration says, or the usual one."""
    if given is not None:
        return given.expanduser()
    if os.environ.get("ONEPRICE_DATA_DIR"):
        return usual_data_dir()
    return loaded.data or usual_data_dir()


async def _examine(loaded: Loaded, sims: tuple[str, ...]) -> tuple[list[MarketFound], dict[str, Credentials]]:
    from oneprice.app import live_ports
    from oneprice.cli.checking import examine_all
    from oneprice.cli.grounds import hosts_for, keys_for

    ports = live_ports()
    try:
        async with hosts_for(loaded.settings, sims, seed=42) as hosts:
            keys = keys_for(loaded.settings, hosts, os.environ)
            return await examine_all(loaded.settings, hosts, keys, ports), keys
    finally:
        await ports.network.close()


def verdict(loaded: Loaded, found: list[MarketFound]) -> tuple[list[str], list[str]]:
    """What is wrong over all markets, and what is odd. Markets that could not be asked are not judged."""
    settings = loaded.settings
    asked = [one for one in found if not one.error]
    if len(asked) < len(found):
        return [], []
    usable: dict[str, list[str]] = {}
    failures = []
    for symbol in settings.symbols:
        rows = [(one, row) for one in asked for row in one.listings if row.symbol == symbol]
        usable[symbol] = [one.market for one, row in rows if not row.note]
        if not rows:
            failures.append(f"symbols: none of the markets lists {symbol}")
    warnings = [
        f"{symbol} can be traded on {', '.join(markets) or 'no market'} only: nothing to trade it against"
        for symbol, markets in usable.items()
        if len(markets) < 2 and not settings.strategy.triangular.enabled
    ]
    if settings.mode == "paper":
        coins = {symbol.partition("/")[0] for symbol in settings.symbols}
        warnings += [
            f"paper.funds holds no {coin}: on paper none can be sold on spot"
            for coin in sorted(coins)
            if not settings.paper.funds.get(coin)
        ]
    spot = [sum(market.endswith("-spot") for market in markets) for markets in usable.values()]
    if settings.strategy.cross.enabled and max(spot, default=0) < 2:
        failures.append("strategy.cross: no symbol can be traded on two spot markets")
    return failures, warnings


def _keep(folder: Path, loaded: Loaded, ok: bool, *, simulated: bool, keys: dict[str, Credentials]) -> None:
    from oneprice.cli.guards import Checked, keep_checked
    from oneprice.config import key_mark

    marks = {venue: key_mark(one) for venue, one in keys.items()}
    keep_checked(folder, Checked(ok=ok, hash=loaded.settings.hash, simulated=simulated, keys=marks))


# ---------------------------------------------------------------------- in words


def _show(loaded: Loaded, folder: Path, found: list[MarketFound]) -> None:
    settings = loaded.settings
    click.echo(f"{loaded.path}  mode {settings.mode}, configuration {settings.hash}, data {folder}")
    for key, variable in loaded.overrides.items():
        click.echo(f"  {key} is set by {variable}")
    rows = [
        (
            one.market,
            row.symbol,
            _or_unknown(row.taker_bps) + ("" if row.own_fees else "*"),
            _or_unknown(row.maker_bps) + ("" if row.own_fees else "*"),
            figure(row.tick_size),
            figure(row.lot_size),
            "?" if row.order_min is None else f"{row.order_min:.2f}",
            row.note,
        )
        for one in found
        for row in one.listings
    ]
    if rows:
        heads = ("market", "symbol", "taker bps", "maker bps", "price step", "lot", "smallest order", "")
        columns(heads, rows, right=(2, 3, 4, 5, 6))
        if any(not row.own_fees for one in found for row in one.listings):
            click.echo("* not asked of an account: the venue's usual fee, or the configuration's")
    for one in found:
        if one.missing:
            click.echo(f"{one.market} does not list {', '.join(one.missing)}")
        if one.key is not None:
            click.echo(f"{one.market} key: {_key_words(one.key)}")


def _key_words(key: KeyFound) -> str:
    told = key.permissions
    abilities = {
        "reads": told.can_read,
        "trades": told.can_trade,
        "moves money inside": told.can_transfer,
        "withdraws": told.can_withdraw,
        "bound to addresses": told.ip_restricted,
    }
    words = [f"{name} {'yes' if can else 'no' if can is False else 'not told'}" for name, can in abilities.items()]
    held = ", ".join(f"{figure(total)} {asset}" for asset, total in sorted(key.balances.items())[:6])
    return f"{', '.join(words)}; holds {held or 'nothing'}"


def _or_unknown(value: object) -> str:
    return "?" if value is None else figure(str(value))


def _judge(found: list[MarketFound], failures: list[str], warnings: list[str]) -> None:
    told = [*(("FAIL", text) for text in failures), *(("warn", text) for text in warnings)]
    for one in found:
        told += [("FAIL", f"{one.market}: {text}") for text in [one.error, *one.failures] if text]
        told += [("warn", f"{one.market}: {text}") for text in one.warnings]
    for word, text in sorted(told, key=lambda row: row[0] != "FAIL"):
        click.echo(f"{click.style(word, fg='red' if word == 'FAIL' else 'yellow')}  {text}")
    if not any(word == "FAIL" for word, _ in told):
        click.echo(click.style("ok", fg="green"))
