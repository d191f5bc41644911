"""Frames spoilt in every way that we can think of. What comes out may still be a good frame."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable

from tests.core.odd_values import BARE_VALUES, TEXTS

Spoiler = Callable[[random.Random, bytes], bytes]

TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null')
SPACES = (b" ", b"\t", b"\n", b"\r", b"  \r\n", b"\x0b", b"\x0c", "\u00a0".encode(), "\u2028".encode(), b"\x00")


def cut(rng: random.Random, frame: bytes) -> bytes:
    return frame[: rng.randrange(len(frame) + 1)]


def flip(rng: random.Random, frame: bytes) -> bytes:
    spoilt = bytearray(frame)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        if spoilt:
            at = rng.randrange(len(spoilt))
            spoilt[at] = rng.randrange(256) if rng.random() < 0.5 else spoilt[at] ^ 1 << rng.randrange(8)
    return bytes(spoilt)


def insert(rng: random.Random, frame: bytes) -> bytes:
    at = rng.randrange(len(frame) + 1)
    return (
        frame[:at]
        + rng.choice((b"0", b"1", b".", b"-", b'"', b"[", b"]", b"{", b"}", b",", b":", b"\\", b"e", b"\xff"))
        + frame[at:]
    )


def remove(rng: random.Random, frame: bytes) -> bytes:
    at = rng.randrange(len(frame) + 1)
    return frame[:at] + frame[at + rng.choice((1, 1, 2, 9)) :]


def repeat(rng: random.Random, frame: bytes) -> bytes:
    at = rng.randrange(len(frame) + 1)
    end = at + rng.choice((1, 2, 8, 30))
    return frame[:end] + frame[at:end] + frame[end:]


def trail(rng: random.Random, frame: bytes) -> bytes:
    return frame + rng.choice((b" ", b"\n\t\r ", b"\x00", b"}", b"1", b",", b"{}", b"\xff", frame))


def lead(rng: random.Random, frame: bytes) -> bytes:
    return rng.choice((b"\xef\xbb\xbf", b" ", b"\r\n\t ", b"\x00", b"[", b"\xff\xfe", b",")) + frame


def nothing(rng: random.Random, frame: bytes) -> bytes:
    return rng.choice(
        (b"", b" ", b"{}", b"[]", b"null", b"1", b'""', b"true", b"{", b"\x00", b'{"event":"pong"}', b"ping")
    )


def _tokens(frame: bytes) -> list[re.Match[bytes]]:
    return list(TOKEN.finditer(frame))


def _is_key(frame: bytes, token: re.Match[bytes]) -> bool:
    return frame[token.end() : token.end() + 1] == b":"


def value(rng: random.Random, frame: bytes) -> bytes:
    """Another value in some place, mostly of the same kind."""
    tokens = [token for token in _tokens(frame) if not _is_key(frame, token)]
    if not tokens:
        return frame
    token = rng.choice(tokens)
    quoted = frame[token.start() : token.start() + 1] == b'"'
    new = rng.choice(TEXTS if quoted == (rng.random() < 0.8) else BARE_VALUES)
    return frame[: token.start()] + new + frame[token.end() :]


def key(rng: random.Random, frame: bytes) -> bytes:
    """A key that stands twice, is renamed, or is written with escapes."""
    keys = [token for token in _tokens(frame) if _is_key(frame, token)]
    if not keys:
        return frame
    token = rng.choice(keys)
    name, start, end = token.group(), token.start(), token.end()
    draw = rng.random()
    if draw < 0.3:
        return frame[:start] + name + b":" + rng.choice(BARE_VALUES + TEXTS) + b"," + frame[start:]
    if draw < 0.5:
        return frame[:start] + escaped(rng, name) + frame[end:]
    if draw < 0.6:
        return frame[:start] + escaped(rng, name) + b":1," + frame[start:]
    if draw < 0.8:
        other = rng.choice(keys)
        return frame[:start] + other.group() + frame[end:]
    return (
        frame[:start] + rng.choice((b'"x"', b'""', b"1", b"null", b'"\\ud800"', b'"\xff"', b'"\xc3\xa9"')) + frame[end:]
    )


def escaped(rng: random.Random, text: bytes) -> bytes:
    """A quoted text with one letter written as \\u and hexadecimal digits."""
    if len(text) < 3:
        return text
    at = rng.randrange(1, len(text) - 1)
    if text[at] == 0x5C or text[at - 1] == 0x5C or text[at] >= 0x80:
        return text
    return text[:at] + rng.choice((b"\\u%04x", b"\\u%04X")) % text[at] + text[at + 1 :]


def escape(rng: random.Random, frame: bytes) -> bytes:
    quoted = [token for token in _tokens(frame) if token.group().startswith(b'"')]
    if not quoted:
        return frame
    token = rng.choice(quoted)
    return frame[: token.start()] + escaped(rng, token.group()) + frame[token.end() :]


def unknown(rng: random.Random, frame: bytes) -> bytes:
    """A member that nobody described."""
    keys = [token for token in _tokens(frame) if _is_key(frame, token)]
    if not keys:
        return frame
    at = rng.choice(keys).start()
    name = rng.choice((b'"new"', b'"n"', b'"\\u006e"', '"\u00e9"'.encode(), b'""', b'"e.s"'))
    return (
        frame[:at] + name + b":" + rng.choice(BARE_VALUES + TEXTS + (b"1", b'"x"', b'{"a":[{}]}')) + b"," + frame[at:]
    )


def deep(rng: random.Random, frame: bytes) -> bytes:
    """Containers in containers, around the limit of 32."""
    tokens = [token for token in _tokens(frame) if not _is_key(frame, token)]
    if not tokens:
        return frame
    token = rng.choice(tokens)
    count = rng.choice((1, 2, 26, 27, 28, 29, 30, 31, 32, 33, 40, 3000))
    if rng.random() < 0.5:
        nest = b"[" * count + b"]" * count
    else:
        nest = b'{"a":' * count + b"1" + b"}" * count
    draw = rng.random()
    if draw < 0.6:
        return frame[: token.start()] + nest + frame[token.end() :]
    return frame[: token.end()] + b',"deep":' + nest + frame[token.end() :]


def space(rng: random.Random, frame: bytes) -> bytes:
    """White space between tokens, and sometimes what only looks like it."""
    spoilt = bytearray()
    for byte in frame:
        if byte in b'{}[],:"' and rng.random() < 0.2:
            spoilt += rng.choice(SPACES[:5] if rng.random() < 0.995 else SPACES)
        spoilt.append(byte)
    return bytes(spoilt)


def quoting(rng: random.Random, frame: bytes) -> bytes:
    """A number without its quotes, or with quotes that it should not have."""
    numbers = [token for token in _tokens(frame) if re.fullmatch(rb'"?[0-9.]+"?', token.group())]
    if not numbers:
        return frame
    token = rng.choice(numbers)
    number = token.group()
    other = number.strip(b'"') if number.startswith(b'"') else b'"' + number + b'"'
    return frame[: token.start()] + other + frame[token.end() :]


def reorder(rng: random.Random, frame: bytes) -> bytes:
    """The same members in another order."""
    try:
        whole = json.loads(frame, parse_float=lambda text: text)
    except (ValueError, RecursionError):
        return frame
    return json.dumps(_shuffled(rng, whole), separators=(",", ":")).encode("utf-8", "replace")


def _shuffled(rng: random.Random, whole: object) -> object:
    if isinstance(whole, dict):
        items = list(whole.items())
        rng.shuffle(items)
        return {name: _shuffled(rng, item) for name, item in items}
    return whole


def large(rng: random.Random, frame: bytes) -> bytes:
    return frame + b" " * rng.choice((1, 1400, 1500, 1501, 2000))


SPOILERS: tuple[Spoiler, ...] = (
    *(cut, flip, flip, insert, remove, repeat, trail, lead, nothing, value, value, value, value, key, key),
    *(escape, unknown, deep, space, reorder, large, quoting),
)
BINARY_SPOILERS: tuple[Spoiler, ...] = (cut, flip, flip, flip, insert, remove, repeat, trail, nothing)


def spoil(rng: random.Random, frame: bytes, binary: bool) -> bytes:
    """The frame, spoilt once or twice."""
    spoilers = BINARY_SPOILERS if binary else SPOILERS
    spoilt = rng.choice(spoilers)(rng, frame)
    return rng.choice(spoilers)(rng, spoilt) if rng.random() < 0.15 else spoilt
