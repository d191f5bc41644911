"""What live trading needs, all of it: the file's word, the command's, keys, an amount, and a fresh check."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from oneprice.cli.plain import ago, figure
from oneprice.errors import ConfigError

if TYPE_CHECKING:
    from oneprice.config import Loaded
    from oneprice.venues.kit import Credentials

CHECKED = "checked.json"
FRESH_S = 24 * 3_600
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Z0-9]+)")


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The last check on a data folder. `keys`: which key each venue was asked with, by a mark that does not give it
    away. `simulated`: not the venues themselves were asked."""

    ok: bool
    hash: str
    simulated: bool
    keys: dict[str, str]
    wall_ns: int = 0


@dataclass(frozen=True)
class LiveWord:
    """What the command line said of live trading. `amount`: as typed after --i-understand."""

    live: bool
    amount: str


def keep_checked(folder: Path, checked: Checked) -> None:
    """Raises ConfigError where it cannot be written."""
    from oneprice.live.disk import LiveDisk

    disk = LiveDisk()
    try:
        disk.make_folder(str(folder))
        now = msgspec.structs.replace(checked, wall_ns=time.time_ns())
        disk.write(str(folder / CHECKED), msgspec.json.encode(now) + b"\n")
    except OSError as error:
        raise ConfigError(f"{folder / CHECKED} cannot be written: {error.strerror}") from error


def refusals(loaded: Loaded, word: LiveWord, keys: Mapping[str, Credentials], folder: Path, wall_ns: int) -> list[str]:
    """Everything that is missing before money may be traded; empty when nothing is."""
    settings = loaded.settings
    missing = []
    if settings.mode != "live":
        said = f' ({loaded.overrides["mode"]} says "{settings.mode}")' if "mode" in loaded.overrides else ""
        missing.append(f'mode = "live" in {loaded.path}; mode is "{settings.mode}" there{said}')
    if not word.live:
        missing.append("--live on the command line")
    for venue in settings.venues:
        if venue not in keys:
            prefix = f"ONEPRICE_{venue.upper()}"
            missing.append(f"{prefix}_API_KEY and {prefix}_API_SECRET in the environment, or both with _FILE")
    missing += [text for text in (_amount(loaded, word.amount), _freshness(loaded, keys, folder, wall_ns)) if text]
    return missing


def at_stake(loaded: Loaded) -> Decimal:
    """What the limits let all venues have together at stake, in base_currency."""
    return loaded.settings.risk.venue_exposure_max * len(loaded.settings.venues)


def _amount(loaded: Loaded, typed: str) -> str:
    """What is wrong with the amount that was typed; "" when nothing is."""
    home, stake = loaded.settings.base_currency, at_stake(loaded)
    count = len(loaded.settings.venues)
    why = (
        f"risk.venue_exposure_max = {figure(loaded.settings.risk.venue_exposure_max)} lets {count} venues have "
        f"{figure(stake)} {home} at stake"
    )
    if not typed:
        return f"--i-understand {figure(stake)}{home} on the command line: {why}"
    found = _AMOUNT.fullmatch(typed.strip().upper())
    try:
        amount = Decimal(found[1]) if found else None
    except InvalidOperation:
        amount = None
    if found is None or amount is None or found[2] != home:
        return f"--i-understand {typed}: that is no amount of {home} such as {figure(stake)}{home}"
    if amount < stake:
        return f"--i-understand {typed} is less than the limits allow: {why}; type that, or lower the limit"
    return ""


def _freshness(loaded: Loaded, keys: Mapping[str, Credentials], folder: Path, wall_ns: int) -> str:
    """Why the last check does not count; "" when it does."""
    from oneprice.config import key_mark

    wanted = "a fresh `oneprice check`"
    try:
        checked = msgspec.json.decode((folder / CHECKED).read_bytes(), type=Checked)
    except FileNotFoundError:
        return f"{wanted}: none was made on {folder}"
    except (OSError, msgspec.MsgspecError) as error:
        return f"{wanted}: {folder / CHECKED} cannot be read ({error})"
    age_s = (wall_ns - checked.wall_ns) / 1e9
    if not checked.ok:
        return f"{wanted}: the last one failed"
    if checked.simulated:
        return f"{wanted}: the last one asked simulated exchanges"
    if checked.hash != loaded.settings.hash:
        return f"{wanted}: the configuration has changed since the last one"
    if not 0 <= age_s <= FRESH_S:
        when = f"{ago(age_s)} ago" if age_s > 0 else "in the future, by this machine's clock"
        return f"{wanted}: the last one was made {when}, and counts for 24 h"
    changed = [venue for venue, one in keys.items() if checked.keys.get(venue) != key_mark(one)]
    if changed:
        return f"{wanted}: the last one was made with other keys ({', '.join(changed)})"
    return ""
