"""JSON: what CloudWatch Logs, Logs Insights and Firehose give, on one line or many, one document or a thousand.

What such an object is, and what an event in it is; how the text is gone through is in `flowkit.formats.wrapped.walk`,
and how many events are read at once in `flowkit.formats.wrapped.events`.
"""

from __future__ import annotations

import base64
import codecs
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from flowkit.errors import FormatError
from flowkit.formats.form import Format, choose
from flowkit.formats.pieces import GZIP, GZIP_BASE64, pieces
from flowkit.formats.wrapped.rows import EVENT_TIME, field_name, flat, line, named, summed, word
from flowkit.formats.wrapped.walk import Broken, Keys, Slab, Thing, Walk

DEEPEST = 8
"""How many lists and objects an event may lie in."""

LISTS = {
    "logEvents": "CloudWatch subscription",
    "events": "CloudWatch Logs events",
    "results": "CloudWatch Insights results",
}
_SIGHT = 1 << 18
"""Characters that are looked at at a time to tell what an object is."""

_SOME = 100
"""Events that are looked at."""

MESSAGES = ("message", "@message", "log", "event", "line", "_raw")
"""The keys that records have stood under, in CloudWatch Logs, and in what shippers make of them."""

RECORDS = ("Records", "records")
"""Lists of a Lambda event, and of what Firehose has one transform."""

_PACKED = ("awslogs", "kinesis")
"""Keys of a Lambda event under which `data` is packed; Firehose has it in the record itself."""

_MOST = 64 << 20
"""Bytes that packed data may unpack to: a Lambda event has six million at the most."""


@dataclass(frozen=True)
class Event:
    """A record as it stands in JSON: a message, or a value a key; where it was found, in words."""

    what: str | Mapping[str, Any] | Broken
    title: str


@dataclass(frozen=True)
class Packed:
    """JSON that stood packed in a value."""

    text: str


def look(path: str, given: Sequence[str] | None) -> Format | None:
    """Return the format of an object of JSON, None where it is no JSON.

    Raises `FormatError` where it is, but holds no flow logs.
    """
    notes: dict[str, str] = {}
    found = list(islice(_events(path, notes), _SOME))
    events = [e for e in found if not isinstance(e.what, Broken)]
    if not events:
        if notes:
            raise FormatError(f"it holds no flow log records, only {notes[path]}")
        return None
    keys = dict.fromkeys(key for e in events for key in fields(e.what))
    by_key = len(keys) > 1 and named(keys)
    if messages := [e for e in events if isinstance(_message(e.what), str)]:
        try:
            names, origin, _ = choose([flat(_message(e.what)).split() for e in messages], given, led=False)
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


def told(event: Event, form: Format) -> tuple[str, str | None]:
    """Return an event as a flow-log line, with the reason where it is none."""
    what = event.what
    if isinstance(what, Broken):
        return flat(what.text), "it is no JSON: damaged or cut short"
    if isinstance(what, Thing) and what.twice and (what.twice in MESSAGES if form.message else field_name(what.twice)):
        return flat(_shown(what)), f"it has the key {what.twice[:60]!r} twice"
    if not form.message:
        held = fields(what)
        return line(word(held.get(name), name) for name in form.names), None
    message = _message(what)
    why = "its packed data are damaged or cut short" if _is_packed(what) else _why_not(message)
    return flat(_shown(what) if message is None else message), why


def _why_not(message: object) -> str | None:
    if not isinstance(message, str):
        return "it has no message"
    return None if message.strip() else "its message is empty"


def _shown(what: object) -> str:
    return json.dumps(what, default=str)[:1000]


def _message(what: object) -> object:
    if isinstance(what, Mapping):
        return next((what[key] for key in MESSAGES if key in what), None)
    return what


def fields(what: object) -> dict[str, Any]:
    """Return the values of an event by the fields that its keys mean."""
    if not isinstance(what, Mapping):
        return {}
    held = {name: value for key, value in what.items() if (name := field_name(str(key)))}
    return {"start": what[EVENT_TIME], **held} if held and EVENT_TIME in what else held


def _events(path: str, notes: dict[str, str]) -> Iterator[Event]:
    """Yield the events of an object, one by one; control messages are named in `notes`."""
    control, cut = 0, dict[str, str]()
    for event in _each(decoded(path, cut)):
        control += is_control(event.what)
        if not is_control(event.what):
            yield event
    said = [cut.get(path), controls(control) if control else None]
    notes |= {path: "; ".join(filter(None, said))} if any(said) else {}


def _each(source: Iterator[str]) -> Iterator[Event]:
    for found in Walk(source, sight=_SIGHT):
        for event in () if isinstance(found, Slab) else events(found[1], found[0]):
            yield from _each(iter([event.text])) if isinstance(event, Packed) else [event]


def controls(number: int) -> str:
    """Return what is said of a subscription's control messages."""
    return f"{number:,} control message{'' if number == 1 else 's'} of the subscription"


def is_control(what: object) -> bool:
    """Return whether a value is a message of the subscription itself."""
    return isinstance(what, Mapping) and what.get("messageType") == "CONTROL_MESSAGE"


def events(value: object, keys: Keys) -> Iterator[Event | Packed]:
    """Yield the events that a value holds, or is; what stands beside them, such as a token, is none."""
    key = next((k for k in reversed(keys) if k), "")
    title = LISTS.get(key, "JSON")
    if isinstance(value, Broken):
        yield Event(value, title)
    elif isinstance(value, Mapping):
        yield from _in_object(value, keys, title)
    elif isinstance(value, list):
        yield from _in_list(value, keys, title)
    elif isinstance(value, str) and keys and keys[-1] == "" and (not key or key in LISTS):
        yield Event(value, title)


def _in_object(value: Mapping[str, Any], keys: Keys, title: str) -> Iterator[Event | Packed]:
    if is_control(value):
        yield Event(value, title)
        return
    packed = _data(value)
    if isinstance(packed, str) and (held := _unpacked(packed)):
        if held.lstrip()[:1] in ("{", "["):
            yield Packed(held)
        else:
            yield from (Event(line, "JSON") for line in held.splitlines())
        return
    lists = [name for name in (*LISTS, *RECORDS) if isinstance(value.get(name), list)]
    for name in lists:
        for one in value[name]:
            yield from events(one, (*keys, name, ""))
    if not lists and (not keys or not keys[-1]) and wanted(keys):
        yield Event(value, "CloudWatch Insights results" if "@message" in value else title)


def _data(value: Mapping[str, Any]) -> object:
    return next((value[key] for key in _PACKED if isinstance(value.get(key), Mapping)), value).get("data")


def _is_packed(what: object) -> bool:
    """Return whether an event holds gzip data in base64: it is one only where they could not be unpacked."""
    return isinstance(what, Mapping) and str(_data(what)).startswith(GZIP_BASE64.decode())


def _in_list(value: list[Any], keys: Keys, title: str) -> Iterator[Event | Packed]:
    if value and all(isinstance(one, Mapping) and "field" in one for one in value):
        yield Event({str(one["field"]): one.get("value") for one in value}, title)
    elif len(keys) < DEEPEST:
        for one in value:
            yield from events(one, (*keys, ""))


def wanted(keys: Keys) -> bool:
    """Return whether events may stand under these keys."""
    return all(key in LISTS or key in ("", *RECORDS) for key in keys)


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


def decoded(path: str, notes: dict[str, str]) -> Iterator[str]:
    """Yield the text of an object."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for piece in pieces(path, notes):
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)
