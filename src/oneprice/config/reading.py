"""A tree of plain values into settings: every key known, every value of its kind and within its range. All problems are
told at once, each by its key, its value and what is allowed. Values of keys that are not known are never repeated.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Union, get_args, get_origin

import msgspec

from oneprice.config.allowed import CHOICES, EXAMPLES, LENGTH_MAX, RANGES, Range, figure
from oneprice.config.suggest import nearest

_SECRET = re.compile(r"(api|access|private)_?key|secret|passphrase|password|token|^key$", re.IGNORECASE)
_SHOWN_MAX = 60
_MISSING: Final = object()

Tree = Mapping[str, object]


@dataclass(frozen=True)
class Problem:
    """Something wrong with a key. `text` reads on from the key."""

    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.key}{self.text}"


def show(value: object) -> str:
    """A value as it would stand in the file, shortened."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, list | tuple):
        text = f"[{', '.join(show(one) for one in value)}]"
    elif isinstance(value, Mapping):
        text = "{...}"
    else:
        text = str(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 3]}..."


def general(path: str) -> str:
    """A key's path with its free parts as `*`: how the tables of what is allowed name it."""
    parts = path.split(".")
    if parts[0] == "venues" and len(parts) > 1:
        parts[1] = "*"
    elif parts[:2] == ["paper", "funds"] and len(parts) > 2:
        parts[2:] = ["*"]
    return ".".join(parts)


def kind_at(root: type[msgspec.Struct], parts: list[str]) -> Any:
    """The type that stands at a path; None where the path leads nowhere."""
    kind: Any = root
    for part in parts:
        if _is_struct(kind):
            found = {one.encode_name: one.type for one in msgspec.structs.fields(kind)}
            if part not in found:
                return None
            kind = _bare(found[part])
        elif get_origin(kind) is dict:
            kind = _bare(get_args(kind)[1])
        else:
            return None
    return kind


def paths_of(kind: Any, start: str = "") -> Iterator[str]:
    """All keys of a section and below, free parts as `*`."""
    if _is_struct(kind):
        for one in msgspec.structs.fields(kind):
            path = f"{start}.{one.encode_name}" if start else one.encode_name
            yield path
            yield from paths_of(_bare(one.type), path)
    elif get_origin(kind) is dict:
        inner = _bare(get_args(kind)[1])
        if not _is_struct(inner):
            yield f"{start}.*"
        yield from paths_of(inner, f"{start}.*")


@dataclass
class Reading:
    """One reading of a tree. `origins`: where a value came from when not from the file, by key."""

    root: type[msgspec.Struct]
    origins: Mapping[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def read(self, tree: Tree) -> Any:
        """The settings, or None when there were problems."""
        value = self._section(self.root, tree, "")
        return None if self.problems else value

    def tell(self, key: str, text: str) -> None:
        """Add a problem."""
        origin = self.origins.get(key, "")
        self.problems.append(Problem(key, f"{text} (set by {origin})" if origin else text))

    def _section(self, kind: type[msgspec.Struct], tree: Tree, path: str) -> object:
        known = {one.encode_name: one for one in msgspec.structs.fields(kind)}
        given: dict[str, object] = {}
        for key, value in tree.items():
            here = f"{path}.{key}" if path else key
            if key in known:
                given[known[key].name] = self._value(_bare(known[key].type), value, here)
            else:
                self.tell(here, self._unknown(key, value, path, known))
        for name, one in known.items():
            if one.required and one.name not in given:
                self._require(f"{path}.{name}" if path else name)
        return kind(**given) if not self.problems else _MISSING

    def _require(self, path: str) -> None:
        example = EXAMPLES.get(general(path), "")
        if path == "venues":
            self.tell(path, ' is missing: name at least one, such as [venues.binance] with markets = ["spot"]')
        elif path in CHOICES:
            self.tell(path, f" is missing: one of {', '.join(CHOICES[path])}")
        elif example:
            self.tell(path, f" is missing: such as {path.rpartition('.')[2]} = {example}")
        else:
            self.tell(path, f" is missing: {self._range(path).words()}")

    def _unknown(self, key: str, value: object, path: str, known: Mapping[str, object]) -> str:
        if _SECRET.search(key):
            return f": {self._secret(key, path)}"
        what = "section" if isinstance(value, Mapping) else "key"
        meant = nearest(key, known)
        if meant:
            return (
                f": no such {what}; did you mean {path}.{meant}?"
                if path
                else f": no such {what}; did you mean {meant}?"
            )
        elsewhere = {one.rpartition(".")[2]: one for one in paths_of(self.root)}
        meant = nearest(key, elsewhere)
        if meant:
            return f": no such {what}; did you mean {elsewhere[meant].replace('*', 'NAME')}?"
        return f": no such {what}; {path or 'the file'} may hold {', '.join(known)}"

    def _secret(self, key: str, path: str) -> str:
        parts = path.split(".")
        venue = parts[1].upper() if parts[0] == "venues" and len(parts) > 1 else "VENUE"
        name = next((one for one in ("SECRET", "PASSPHRASE") if one.lower() in key.lower()), "KEY")
        variable = f"ONEPRICE_{venue}_{name if name == 'PASSPHRASE' else f'API_{name}'}"
        return f"keys and secrets are not kept in this file; set {variable}, or {variable}_FILE to a file that holds it"

    # ---- values

    def _value(self, kind: Any, value: object, path: str) -> object:
        if _is_struct(kind):
            if isinstance(value, Mapping):
                return self._section(kind, value, path)
            return self._wrong(path, value, f"a section: [{path}]")
        if get_origin(kind) is dict:
            return self._table(kind, value, path)
        if get_origin(kind) is tuple:
            return self._list(value, path)
        if kind is bool:
            return value if isinstance(value, bool) else self._wrong(path, value, "true or false")
        if kind is str:
            return self._text(value, path)
        return self._number(kind, value, path)

    def _table(self, kind: Any, value: object, path: str) -> object:
        inner = _bare(get_args(kind)[1])
        if not isinstance(value, Mapping):
            return self._wrong(path, value, f"a section: [{path}]")
        return {key: self._value(inner, one, f"{path}.{key}") for key, one in value.items()}

    def _list(self, value: object, path: str) -> object:
        allowed = f"a list of texts such as {EXAMPLES[general(path)]}"
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            return self._wrong(path, value, allowed)
        if len(value) > LENGTH_MAX:
            return self._wrong(path, f"{len(value)} entries", f"a list of up to {LENGTH_MAX}")
        twice = next((one for number, one in enumerate(value) if one in value[:number]), None)
        if twice is not None:
            return self._wrong(path, value, f"a list that names each once; {show(twice)} is there twice")
        return tuple(value)

    def _text(self, value: object, path: str) -> object:
        choices = CHOICES.get(general(path))
        if choices is None:
            allowed = f"a text such as {EXAMPLES[general(path)]}"
            return value if isinstance(value, str) else self._wrong(path, value, allowed)
        if isinstance(value, str) and value in choices:
            return value
        meant = nearest(value, choices) if isinstance(value, str) else ""
        allowed = f"one of {', '.join(choices)}"
        return self._wrong(path, value, f"{allowed}; did you mean {show(meant)}?" if meant else allowed)

    def _number(self, kind: Any, value: object, path: str) -> object:
        limits = self._range(path)
        word = "a whole number" if kind is int else "a number"
        if limits.low == limits.high:
            allowed = figure(limits.low)
        else:
            allowed = f"{word} {limits.words()}"
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            quoted = isinstance(value, str) and re.fullmatch(r"\s*-?[\d.]+\s*", value) is not None
            return self._wrong(path, value, f"{allowed}; without the quotes" if quoted else allowed)
        number = Decimal(value)
        if not number.is_finite() or not Decimal(str(limits.low)) <= number <= Decimal(str(limits.high)):
            return self._wrong(path, value, allowed)
        if kind is int and number != int(number):
            return self._wrong(path, value, allowed)
        return kind(number) if kind is not Decimal else number

    def _range(self, path: str) -> Range:
        return RANGES[general(path)]

    def _wrong(self, path: str, value: object, allowed: str) -> object:
        self.tell(path, f" = {show(value)}: must be {allowed}")
        return _MISSING


def _bare(kind: Any) -> Any:
    """Without its `| None`: what is not given is not in the file."""
    if get_origin(kind) in (Union, types.UnionType):
        return next(one for one in get_args(kind) if one is not type(None))
    return kind


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
