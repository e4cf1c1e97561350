"""A walk through JSON text: value by value, or in slabs of many that lie alike.

Documents need nothing between them. A document is decoded whole where it is small and entered where it is large or
damaged, so that memory stays flat and a damaged event costs no other. A slab is text up to the last place in sight that
looks like a joint between two values; it may have been one within a text, but then no decoder takes what lies before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

LOOK = 8 << 20
"""Characters of text in sight whenever a value is decoded: what is larger is entered."""

LEAST = 16 << 10
"""Characters from which on text is worth a slab."""

_SMALL = 1 << 18
"""Characters of a document that is decoded whole."""

_LARGE = 16 << 10
"""Characters of a broken document from which on it is entered at once."""

_DEEPEST = 8
_GAP = re.compile(r"[\s,:\x00\x1e\ufeff]*")
NEXT = re.compile(r"\{\s*\"|\n\s*(?=[\[{])|(?<=,)\s*\[")
"""Where the next event may begin."""

_LEAF = re.compile(r"\[\s*\{\s*\"field\"")
_JOINT = re.compile(r"[\s,]*(?=([{\"]))")
_CLOSES = {"{": "}", '"': '"'}

Keys = tuple[str, ...]
"""The keys a value stands under, "" for a place in a list."""


class Thing(dict[str, Any]):
    """A JSON object; `twice` is a key that it has more than once."""

    twice: str | None = None


def _thing(pairs: list[tuple[str, Any]]) -> Thing:
    found = Thing(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        found.twice = next(name for name in names if names.count(name) > 1)
    return found


_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_thing)


@dataclass(frozen=True)
class Broken:
    """A piece of text that is no JSON."""

    text: str


@dataclass(frozen=True)
class Slab:
    """Text of many values, what stands between two of them (with a bracket or quote on each side), and the first."""

    text: str
    joint: str
    like: object
    keys: Keys

    @property
    def listed(self) -> bool:
        """Whether commas stand between the values."""
        return "," in self.joint

    @property
    def lined(self) -> str:
        """The values, one a line, where each is whole."""
        if self.joint == "}\n{" and "\r" not in self.text:
            return self.text
        apart = self.text.replace(self.joint, f"{self.joint[0]}\0{self.joint[-1]}")
        return apart.replace("\n", " ").replace("\r", " ").replace("\0", "\n")


@dataclass
class _Text:
    """A window on a text that is read in pieces."""

    source: Iterator[str]
    sight: int
    text: str = ""
    at: int = 0
    ended: bool = False
    deep: bool = False
    begin: int = 0
    """Where the last slab began."""
    quiet: int = 0
    """Where slabs may begin again."""

    def fill(self) -> bool:
        """See to it that enough is in sight; return whether anything is."""
        if not self.ended and len(self.text) - self.at < self.sight // 2:
            pieces, held = [self.text[self.at :]], len(self.text) - self.at
            while held < self.sight and (piece := next(self.source, None)) is not None:
                pieces.append(piece)
                held += len(piece)
            self.ended, self.quiet = held < self.sight, max(0, self.quiet - self.at)
            self.text, self.at = "".join(pieces), 0
        return self.at < len(self.text)

    def skip(self, gap: re.Pattern[str]) -> None:
        found = gap.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def decode(self, *, small: bool) -> object:
        """Return the value that begins here and go behind it; `ValueError` where there is none, or not all of it."""
        text, at = (self.text[self.at : self.at + _SMALL], 0) if small else (self.text, self.at)
        try:
            value, end = _DECODER.raw_decode(text, at)
        except RecursionError:
            self.deep = True
            raise ValueError("too deep") from None
        self.at += end - at
        return value

    def broken(self) -> Broken:
        """Go on to where the next event may begin; return what was left behind."""
        begin = self.at
        found = None if self.deep else NEXT.search(self.text, begin + 1)
        self.deep = False
        self.at = found.start() if found else len(self.text)
        return Broken(self.text[begin : min(self.at, begin + 1000)])

    def slab(self, begin: int, like: object, keys: Keys) -> Slab | None:
        """Return many values, of which the first is known, and go behind them, None where few are in sight."""
        letter = self.text[begin]
        if begin < self.quiet or len(self.text) - self.at < LEAST or letter not in _CLOSES:
            return None
        found = _JOINT.match(self.text, self.at)
        if not found or found[1] != letter:
            return None
        joint = f"{_CLOSES[letter]}{found[0]}{letter}"
        end = self.text.rfind(joint, self.at - 1) + 1
        if "," in joint:
            # A list seems to end where no comma follows, unless that is within a value.
            near = [at for sign in "]\n" if (at := self.text.find(joint[0] + sign, begin, end)) >= 0]
            before = self.text.rfind(joint, self.at - 1, min(near, default=end)) + 1
            end = before if before - begin >= LEAST else end
        elif self.ended:
            end = len(self.text)
        if end - begin < LEAST:
            return None
        self.begin, self.at = begin, end
        return Slab(self.text[begin:end], joint, like, keys)


@dataclass
class Path:
    """The lists and objects that were entered: their kind, and the key each stands under."""

    open: list[tuple[str, str]] = field(default_factory=list)
    key: str | None = None

    @property
    def expects_key(self) -> bool:
        """Whether a key comes next."""
        return bool(self.open) and self.open[-1][0] == "{" and self.key is None

    @property
    def keys(self) -> Keys:
        """The keys that a value here stands under."""
        return (*(key for _, key in self.open if key), *([self.key or ""] if self.open else []))

    def enter(self, letter: str) -> bool:
        """Enter what begins with this bracket; return whether that is possible here."""
        if len(self.open) >= _DEEPEST or self.expects_key:
            return False
        self.open.append((letter, self.key or ""))
        self.key = None
        return True

    def leave(self) -> None:
        """Leave what was entered last."""
        if self.open:
            self.open.pop()
        self.key = None

    def restart(self) -> None:
        """After damage: an object is left, a list goes on."""
        while self.open and self.open[-1][0] == "{":
            self.open.pop()
        self.key = None


@dataclass
class Walk:
    """Values, or slabs of them where those are wanted; `broken` text is entered rather than tried."""

    source: Iterator[str]
    path: Path = field(default_factory=Path)
    slabs: bool = False
    broken: bool = False
    sight: int = LOOK
    _text: _Text | None = None

    def back(self, characters: int) -> None:
        """Go back to so many characters behind the beginning of the last slab, and on from there value by value."""
        if self._text:
            self._text.quiet, self._text.at = self._text.at, self._text.begin + characters

    def __iter__(self) -> Iterator[tuple[Keys, object] | Slab]:
        """Yield the values with the keys they stand under."""
        text, path = _Text(self.source, self.sight), self.path
        self._text = text
        while text.fill():
            text.skip(_GAP)
            if not text.fill():
                return
            letter = text.text[text.at]
            if letter in "]}":
                text.at += 1
                path.leave()
                continue
            more = _holds_more(text)
            if more and self.broken and len(text.text) - text.at > _LARGE and path.enter(letter):
                text.at += 1
                continue
            begin = text.at
            try:
                value = text.decode(small=more)
            except ValueError:
                if more and path.enter(letter):
                    text.at += 1
                else:
                    yield path.keys, text.broken()
                    path.restart()
                continue
            if path.expects_key:
                path.key = value if isinstance(value, str) else "?"
                continue
            keys, path.key = path.keys, None
            alike = self.slabs and not (keys and keys[-1])
            yield (text.slab(begin, value, keys) if alike else None) or (keys, value)


def _holds_more(text: _Text) -> bool:
    """Return whether what begins here is a list or object of events, rather than an event."""
    letter = text.text[text.at]
    if letter == "[":
        return not _LEAF.match(text.text, text.at)
    if letter != "{":
        return False
    closing = text.text.find("}", text.at)
    return text.text.find("[", text.at, closing if closing >= 0 else len(text.text)) >= 0
