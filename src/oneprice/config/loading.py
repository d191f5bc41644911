"""A file and the environment into settings. Raises ConfigError with every problem, a line each, and starts nothing."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, get_origin

import msgspec

from oneprice.config.reading import Problem, Reading, kind_at
from oneprice.config.sense import Offered, examine
from oneprice.config.settings import Settings
from oneprice.errors import ConfigError
from oneprice.venues.kit import find_venues

PREFIX: Final = "ONEPRICE__"
BYTES_MAX: Final = 1 << 20


@dataclass(frozen=True)
class Loaded:
    """Settings and where they are from. `overrides`: keys that the environment set, with the variables' names."""

    path: Path
    settings: Settings
    overrides: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path | None:
        """The data folder that the file names; None where it names none."""
        return data_of(self.settings.paths.data, self.path)


def load(path: Path, environment: Mapping[str, str]) -> Loaded:
    """Read, override, check. Raises ConfigError."""
    return parse(read_text(path), path, environment)


def parse(text: str, path: Path, environment: Mapping[str, str], offered: Offered | None = None) -> Loaded:
    """As `load`, from the file's text. `offered`: venues and the kinds of their markets; by default this build's."""
    tree = toml_tree(text, path)
    reading = Reading(Settings)
    overridden, overrides = _override(tree, environment, reading)
    reading.origins = overrides
    settings = reading.read(overridden)
    if settings is not None:
        examine(settings, offered if offered is not None else markets_offered(), reading.tell)
    if reading.problems:
        raise ConfigError(words(path, reading.problems))
    assert isinstance(settings, Settings)
    return Loaded(path, settings, overrides)


def words(path: Path, problems: list[Problem]) -> str:
    """All problems, for people."""
    count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
    return "\n".join([f"{path}: {count}", *(f"  {problem}" for problem in problems)])


def markets_offered() -> dict[str, list[str]]:
    """The venues of this build and the kinds of their markets."""
    return {name: [kind.value for kind in venue.markets] for name, venue in find_venues().items()}


def read_text(path: Path) -> str:
    """The file's text. Raises ConfigError."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise ConfigError(f"{path} is larger than {BYTES_MAX} bytes: that is no configuration")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text in UTF-8 (byte {error.start})") from None


def toml_tree(text: str, path: Path) -> dict[str, Any]:
    """The file's tables, numbers exact. Raises ConfigError that names the place."""
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path} is no TOML: it is nested too deeply") from None


def data_of(folder: str, path: Path) -> Path | None:
    """A folder that the file at `path` names, relative to it."""
    return path.absolute().parent / Path(folder).expanduser() if folder else None


# ---------------------------------------------------------------------- the environment


def _override(
    tree: Mapping[str, Any], environment: Mapping[str, str], reading: Reading
) -> tuple[dict[str, Any], dict[str, str]]:
    """The tree with ONEPRICE__SECTION__KEY laid over it, and which variable set which key."""
    changed, origins = copy.deepcopy(dict(tree)), {}
    for name in sorted(environment):
        if not name.startswith(PREFIX):
            continue
        parts = [part.lower() for part in name.removeprefix(PREFIX).split("__")]
        if parts[:2] == ["paper", "funds"]:
            parts[2:] = [part.upper() for part in parts[2:]]
        key = ".".join(parts)
        refusal = _refusal(parts, environment[name], tree)
        if refusal:
            reading.problems.append(Problem(key, f"{refusal} (set by {name})"))
            continue
        origins[key] = name
        _put(changed, parts, _value(kind_at(Settings, parts), environment[name]))
    return changed, origins


def _refusal(parts: list[str], given: str, tree: Mapping[str, Any]) -> str:
    """Why the environment may not set this, "" when it may."""
    if parts[0] == "live":
        return ": only the file can say this, the environment cannot"
    if parts == ["mode"] and given.strip() == "live" and tree.get("mode") != "live":
        return ' = "live": only the file can say live, the environment cannot'
    return ""


def _put(tree: dict[str, Any], parts: list[str], value: object) -> None:
    """Set a value, making the tables above it. Where something else than a table is above it, that is left for the
    check to tell."""
    for part in parts[:-1]:
        below = tree.setdefault(part, {})
        if not isinstance(below, dict):
            return
        tree = below
    tree[parts[-1]] = value


def _value(kind: Any, text: str) -> object:
    """As TOML where it is not plain text; a list may also be written `a, b`. What cannot be read stays text."""
    if kind is str or kind is None or isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return text
    stripped = text.strip()
    if get_origin(kind) is tuple and not stripped.startswith("["):
        return [one.strip() for one in stripped.split(",") if one.strip()]
    if "\n" in stripped:
        return text
    try:
        return tomllib.loads(f"value = {stripped}", parse_float=Decimal)["value"]
    except tomllib.TOMLDecodeError:
        return text
