"""JSON: what CloudWatch Logs, Logs Insights and Firehose give, on one line or many, one document or a thousand.

Documents need nothing between them. What an event of Lambda holds in base64, zipped or not, is read in its place. A
document is decoded whole where it is small and entered where it is large or
damaged, so that memory stays flat and a damaged event costs no other.
"""

from __future__ import annotations

import base64
import codecs
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from flowkit.errors import FormatError
from flowkit.formats.form import Format, choose
from flowkit.formats.pieces import GZIP, GZIP_BASE64, pieces
from flowkit.formats.wrapped.rows import EVENT_TIME, field_name, flat, line, named, summed, word

LOOK = 1 << 20
"""Characters of text in sight whenever a value is decoded: what is larger is entered."""

_DEEPEST = 8
_DECODER = json.JSONDecoder(strict=False)
_LISTS = {
    "logEvents": "CloudWatch subscription",
    "events": "CloudWatch Logs events",
    "results": "CloudWatch Insights results",
}
_MESSAGES = ("message", "@message", "log", "event", "line", "_raw")
"""The keys that records have stood under, in CloudWatch Logs, and in what shippers make of them."""

_RECORDS = ("Records", "records")
"""Lists of a Lambda event, and of what Firehose has one transform."""

_PACKED = ("awslogs", "kinesis")
"""Keys of a Lambda event under which `data` is packed; Firehose has it in the record itself."""

_MOST = 64 << 20
"""Bytes that packed data may unpack to: a Lambda event has six million at the most."""

_GAP = re.compile(r"[\s,:\x00\x1e\ufeff]*")
_NEXT = re.compile(r"\{\s*\"|\n\s*(?=[\[{])|(?<=,)\s*\[")
_LEAF = re.compile(r"\[\s*\{\s*\"field\"")


@dataclass(frozen=True)
class Broken:
    """A piece of text that is no JSON."""

    text: str


@dataclass(frozen=True)
class Event:
    """A record as it stands in JSON: a message, or a value a key; where it was found, in words."""

    what: str | Mapping[str, Any] | Broken
    title: str


def look(path: str, fields: Sequence[str] | None) -> Format | None:
    """Return the format of an object of JSON, None where it is no JSON.

    Raises `FormatError` where it is, but holds no flow logs.
    """
    notes: dict[str, str] = {}
    found = list(islice(_events(path, notes), 300))
    events = [e for e in found if not isinstance(e.what, Broken)]
    if not events:
        if notes:
            raise FormatError(f"it holds no flow log records, only {notes[path]}")
        return None
    keys = dict.fromkeys(key for e in events for key in _named(e.what))
    by_key = len(keys) > 1 and named(keys)
    if messages := [e for e in events if isinstance(_message(e.what), str)]:
        try:
            names, origin, _ = choose([flat(_message(e.what)).split() for e in messages], fields, led=False)
            return Format("json", names, origin, messages[0].title, message=True)
        except FormatError:
            if not by_key:
                raise
    if not by_key:
        raise FormatError(_none(events[0]))
    spelt = dict.fromkeys(key for e in events if isinstance(e.what, Mapping) for key in e.what)
    if summed(spelt):
        raise FormatError(f"it holds sums or counts, no records: its keys are {', '.join(spelt)[:120]}")
    return Format("json", tuple(keys), "keys", events[0].title)


def _none(event: Event) -> str:
    keys = set(event.what) if isinstance(event.what, Mapping) else set()
    if {"eventVersion", "eventSource"} <= keys:
        return "it is a CloudTrail log, no flow log"
    if _is_packed(event.what):
        return "it is an event whose packed data are damaged or cut short: nothing of them could be read"
    seen = json.dumps(event.what)[:120] if isinstance(event.what, Mapping) else str(event.what)[:120]
    return f"it is JSON that holds no flow log records: {seen!r} was seen"


def lines(path: str, form: Format, notes: dict[str, str]) -> Iterator[tuple[str, str | None]]:
    """Yield each event as a flow-log line, with the reason where it is none."""
    later: dict[str, None] = {}
    for event in _events(path, notes):
        if isinstance(event.what, Broken):
            yield flat(event.what.text), "it is no JSON: damaged or cut short"
        elif form.message:
            message = _message(event.what)
            why = "its packed data are damaged or cut short" if _is_packed(event.what) else _why_not(message)
            yield flat(_shown(event.what) if message is None else message), why
        else:
            held = _named(event.what)
            later |= dict.fromkeys(name for name in held if name not in form.names)
            yield line(word(held.get(name), name) for name in form.names), None
    if later:
        left = f"keys that only later events have, left out: {', '.join(later)}"
        notes[path] = "; ".join(filter(None, [notes.get(path), left]))


def _why_not(message: object) -> str | None:
    if not isinstance(message, str):
        return "it has no message"
    return None if message.strip() else "its message is empty"


def _shown(what: object) -> str:
    return json.dumps(what, default=str)[:1000]


def _message(what: object) -> object:
    if isinstance(what, Mapping):
        return next((what[key] for key in _MESSAGES if key in what), None)
    return what


def _named(what: object) -> dict[str, Any]:
    if not isinstance(what, Mapping):
        return {}
    fields = {name: value for key, value in what.items() if (name := field_name(str(key)))}
    return {"start": what[EVENT_TIME], **fields} if fields and EVENT_TIME in what else fields


def _events(path: str, notes: dict[str, str]) -> Iterator[Event]:
    """Yield the events of an object; the control messages of a subscription are counted in `notes`."""
    cut: dict[str, str] = {}
    control = 0
    for keys, value in values(_decoded(path, cut)):
        for event in _in(value, keys):
            if isinstance(event.what, Mapping) and event.what.get("messageType") == "CONTROL_MESSAGE":
                control += 1
                notes[path] = f"{control:,} control message{'' if control == 1 else 's'} of the subscription"
            else:
                yield event
    notes |= {path: "; ".join(filter(None, [cut.get(path), notes.get(path)]))} if cut else {}


def _in(value: object, keys: tuple[str, ...]) -> Iterator[Event]:
    """Yield the events that a value holds, or is; what stands beside them, such as a token, is none."""
    key = next((k for k in reversed(keys) if k), "")
    title = _LISTS.get(key, "JSON")
    if isinstance(value, Broken):
        yield Event(value, title)
    elif isinstance(value, Mapping):
        yield from _in_object(value, keys, title)
    elif isinstance(value, list):
        yield from _in_list(value, keys, title)
    elif isinstance(value, str) and keys and keys[-1] == "" and (not key or key in _LISTS):
        yield Event(value, title)


def _in_object(value: Mapping[str, Any], keys: tuple[str, ...], title: str) -> Iterator[Event]:
    if value.get("messageType") == "CONTROL_MESSAGE":
        yield Event(value, title)
        return
    packed = _data(value)
    if isinstance(packed, str) and (held := _unpacked(packed)):
        yield from _packed_events(held)
        return
    lists = [name for name in (*_LISTS, *_RECORDS) if isinstance(value.get(name), list)]
    for name in lists:
        for one in value[name]:
            yield from _in(one, (*keys, name, ""))
    if not lists and (not keys or not keys[-1]) and _wanted(keys):
        yield Event(value, "CloudWatch Insights results" if "@message" in value else title)


def _data(value: Mapping[str, Any]) -> object:
    return next((value[key] for key in _PACKED if isinstance(value.get(key), Mapping)), value).get("data")


def _is_packed(what: object) -> bool:
    """Return whether an event holds gzip data in base64: it is one only where they could not be unpacked."""
    return isinstance(what, Mapping) and str(_data(what)).startswith(GZIP_BASE64.decode())


def _in_list(value: list[Any], keys: tuple[str, ...], title: str) -> Iterator[Event]:
    if value and all(isinstance(one, Mapping) and "field" in one for one in value):
        yield Event({str(one["field"]): one.get("value") for one in value}, title)
    elif len(keys) < _DEEPEST:
        for one in value:
            yield from _in(one, (*keys, ""))


def _wanted(keys: tuple[str, ...]) -> bool:
    return all(key in _LISTS or key in ("", *_RECORDS) for key in keys)


def _packed_events(text: str) -> Iterator[Event]:
    """Yield the events of what was packed: JSON again, or plain records."""
    if text.lstrip()[:1] in ("{", "["):
        for keys, value in values(iter([text])):
            yield from _in(value, keys)
    else:
        yield from (Event(line, "JSON") for line in text.splitlines())


def _unpacked(text: str) -> str | None:
    """Return the text that base64 stands for, zipped or not; None where it is none, or more than can be."""
    try:
        data = base64.b64decode(text, validate=True)
        while data[:2] == GZIP:
            machine = zlib.decompressobj(wbits=31)
            data = machine.decompress(data, _MOST)
            if not machine.eof:
                return None
    except (ValueError, zlib.error):
        return None
    return data.decode("utf-8", "replace") if data.strip() and b"\0" not in data else None


def _decoded(path: str, notes: dict[str, str]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for piece in pieces(path, notes):
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)


@dataclass
class _Text:
    """A window on a text that is read in pieces."""

    source: Iterator[str]
    text: str = ""
    at: int = 0
    ended: bool = False
    deep: bool = False

    def fill(self) -> bool:
        """See to it that enough is in sight; return whether anything is."""
        while not self.ended and len(self.text) - self.at < LOOK:
            piece = next(self.source, None)
            self.ended = piece is None
            self.text, self.at = self.text[self.at :] + (piece or ""), 0
        return self.at < len(self.text)

    def skip(self, gap: re.Pattern[str]) -> None:
        found = gap.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def decode(self) -> object:
        """Return the value that begins here and go behind it; `ValueError` where there is none, or not all of it."""
        try:
            value, self.at = _DECODER.raw_decode(self.text, self.at)
        except RecursionError:
            self.deep = True
            raise ValueError("too deep") from None
        return value

    def broken(self) -> Broken:
        """Go on to where the next event may begin; return what was left behind."""
        begin = self.at
        found = None if self.deep else _NEXT.search(self.text, begin + 1)
        self.deep = False
        self.at = found.start() if found else len(self.text)
        return Broken(self.text[begin : min(self.at, begin + 1000)])


def values(source: Iterator[str]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield the values of a JSON text with the keys they stand under, "" for a place in a list."""
    text, path = _Text(source), _Path()
    while text.fill():
        text.skip(_GAP)
        if not text.fill():
            return
        letter = text.text[text.at]
        if letter in "]}":
            text.at += 1
            path.leave()
            continue
        try:
            value = text.decode()
        except ValueError:
            if _holds_more(text) and path.enter(letter):
                text.at += 1
            else:
                yield path.keys, text.broken()
                path.restart()
            continue
        if path.expects_key:
            path.key = value if isinstance(value, str) else "?"
        else:
            yield path.keys, value
            path.key = None


def _holds_more(text: _Text) -> bool:
    """Return whether what begins here is a list or object of events, rather than an event."""
    letter = text.text[text.at]
    if letter == "[":
        return not _LEAF.match(text.text, text.at)
    opening, closing = (text.text.find(sign, text.at) for sign in "[}")
    return letter == "{" and opening >= 0 and (closing < 0 or opening < closing)


@dataclass
class _Path:
    """The lists and objects that were entered: their kind, and the key each stands under."""

    open: list[tuple[str, str]] = field(default_factory=list)
    key: str | None = None

    @property
    def expects_key(self) -> bool:
        return bool(self.open) and self.open[-1][0] == "{" and self.key is None

    @property
    def keys(self) -> tuple[str, ...]:
        return (*(key for _, key in self.open if key), *([self.key or ""] if self.open else []))

    def enter(self, letter: str) -> bool:
        if len(self.open) >= _DEEPEST or self.expects_key:
            return False
        self.open.append((letter, self.key or ""))
        self.key = None
        return True

    def leave(self) -> None:
        if self.open:
            self.open.pop()
        self.key = None

    def restart(self) -> None:
        """After damage: an object is left, a list goes on."""
        while self.open and self.open[-1][0] == "{":
            self.open.pop()
        self.key = None
