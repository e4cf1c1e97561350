"""The events of JSON, many at once by polars; only those that are not whole, or not alike, are taken one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

import polars as pl

from flowkit.formats.batch import Wanted
from flowkit.formats.form import Format
from flowkit.formats.loose import ODD
from flowkit.formats.odd import numbered
from flowkit.formats.pieces import Block
from flowkit.formats.wrapped import cells, slabs, values
from flowkit.formats.wrapped.jsons import (
    LISTS,
    MESSAGES,
    Event,
    Packed,
    controls,
    decoded,
    events,
    fields,
    is_control,
    told,
    wanted,
)
from flowkit.formats.wrapped.rows import EVENT_TIME, Found, Part, field_name, flat
from flowkit.formats.wrapped.slabs import ROW, Shape
from flowkit.formats.wrapped.walk import LEAST, NEXT, Broken, Path, Slab, Walk
from flowkit.schema import field_of

Told = list[tuple[str, str | None]]
"""Events as lines, with the reasons of those that are none."""

_MANY = 50_000


def parts(path: str, form: Format, columns: Wanted, notes: dict[str, str]) -> Iterator[Part]:
    """Yield the events of an object; what is to be said of it goes to `notes`."""
    said: dict[str, str] = {}
    reader = _Events(form, columns)
    yield from reader.read(decoded(path, said))
    words = [said.get(path), controls(reader.control) if reader.control else None]
    if reader.later:
        words.append(f"keys that only later events have, left out: {', '.join(reader.later)}")
    notes |= {path: "; ".join(filter(None, words))} if any(words) else {}


@dataclass
class _Events:
    """What was met of an object's events so far."""

    form: Format
    wanted: Wanted
    number: int = 1
    """Of the event that comes next."""
    control: int = 0
    later: dict[str, None] = field(default_factory=dict)
    spelt: dict[str, bool] = field(default_factory=dict)
    """The keys of events, and whether only whole numbers were met under each."""

    def read(self, source: Iterator[str]) -> Iterator[Part]:
        """Yield the events of a text."""
        walk, lines = Walk(source, slabs=True), Told()
        last: object = None
        for found in walk:
            if isinstance(found, Slab):
                yield from self._part(*self._slab(found, walk), before=lines)
                lines = []
                continue
            for event in events(found[1], found[0]):
                if isinstance(event, Packed):
                    yield from self._lines(lines)
                    yield from self.read(iter([event.text]))
                    lines = []
                else:
                    lines += self._told(event)
            last = found[1]
            if len(lines) >= _MANY:
                yield from self._lines(lines)
                lines = []
        yield from self._lines([*lines, *_unfinished(walk.path, last, "")])

    def _told(self, event: Event) -> Told:
        """Return an event as a line, nothing for a control message; what keys it has is kept in mind."""
        if is_control(event.what):
            self.control += 1
            return []
        if not self.form.message and isinstance(event.what, Mapping):
            self._note(event.what)
            self.later |= dict.fromkeys(name for name in fields(event.what) if name not in self.form.names)
        return [told(event, self.form)]

    def _note(self, what: Mapping[str, object]) -> None:
        for key, value in what.items():
            whole = value is None or (isinstance(value, int) and not isinstance(value, bool))
            self.spelt[key] = self.spelt.get(key, True) and whole

    def _lines(self, lines: Told) -> Iterator[Part]:
        if lines:
            yield self._block(pl.Series(dtype=pl.String), {}, lines)

    def _block(self, texts: pl.Series, why: Mapping[int, str], before: Told) -> Block:
        if before:
            texts = pl.concat([_texts(before), texts])
            why = {**_reasons(before), **{i + len(before): fault for i, fault in why.items()}}
        number, self.number = self.number, self.number + texts.len()
        return Block(cells.text(texts), number, texts.len(), {number + i: fault for i, fault in why.items()})

    def _slab(self, slab: Slab, walk: Walk) -> tuple[pl.DataFrame | None, dict[int, Told], bool]:
        """Return the events of a slab: all where it is whole; else those that are, and each other one by itself."""
        shape = self._shape(slab)
        if shape is None:
            walk.back(0)
            return None, {}, False
        if (found := slabs.whole(slab, shape)) is not None:
            inner, odd = shape.opened(found)
            if not odd.any() and slabs.sure(slab.text, inner, shape, message=self.form.message):
                return inner, {}, values.plain(slab.text.encode())
        lines = cells.lines(slab.lined.encode())
        if not slab.listed:
            lines = lines.filter(lines.str.contains(r"\S"))
        inner, odd = slabs.apart(lines, shape, message=self.form.message)
        others, done = self._others(lines, odd, slab, walk)
        inner = inner.filter(inner[ROW] < done)
        return inner.filter(~inner[ROW].is_in(list(others))), others, False

    def _shape(self, slab: Slab) -> Shape | None:
        """Return how the values of a slab are built, None where they have to be taken one by one."""
        like = slab.like
        if not wanted(slab.keys) or is_control(like) or not isinstance(like, str | Mapping):
            return None
        within = [name for name in LISTS if isinstance(like, Mapping) and isinstance(like.get(name), list)]
        if not within and not self.form.message:
            self._sample(slab)
        first = like[within[0]][:1] if within and isinstance(like, Mapping) else [like]
        if len(within) > 1 or not first or (within and not self.form.message):
            return None
        keys = self._keys(first[0])
        return None if keys is None else Shape(keys, *within)

    def _sample(self, slab: Slab) -> None:
        """Note the keys of the first events, and what stands under them."""
        for text in slab.lined[:LEAST].split("\n")[:-1]:
            with suppress(ValueError, RecursionError):
                what = json.loads(text)
                self._note(what if isinstance(what, Mapping) else {})

    def _keys(self, like: object) -> dict[str, pl.DataType | type[pl.DataType]] | None:
        """Return the keys that are read of events, with their types: of a message its own and those that go before."""
        if isinstance(like, str):
            return {} if self.form.message else None
        if not isinstance(like, Mapping):
            return None
        if self.form.message:
            place = next((i for i, key in enumerate(MESSAGES) if key in like), None)
            return None if place is None else dict.fromkeys(MESSAGES[: place + 1], pl.String())
        named = [name for key in self.spelt if (name := field_name(key))]
        if len(set(named)) < len(named):
            return None  # One field under two keys.
        return {key: pl.Int64() if whole and _is_number(key) else pl.String() for key, whole in self.spelt.items()}

    def _others(self, lines: pl.Series, odd: pl.Series, slab: Slab, walk: Walk) -> tuple[dict[int, Told], int]:
        """Return the events of odd lines, and before which line all are told: what comes then is gone through again.

        Lines that are odd one after another may be one value. The last of them may go on behind the slab. Where a list
        ends in one, what lies behind is elsewhere.
        """
        found = dict[int, Told]()
        runs = _runs(odd.arg_true().to_list())
        for i, (begin, stop) in enumerate(runs):
            if stop == lines.len() and slab.listed:
                texts = lines.head(begin)
                walk.back(int(texts.str.len_chars().sum()) + begin * (len(slab.joint) - 2))
                return found, begin
            text = slab.joint[1:-1].join(lines[begin:stop])
            found[begin] = self._alone(text, walk.path, slabs=stop - begin == 1 and not slab.listed)
            found |= {row: [] for row in range(begin + 1, stop)}
            for other in range(stop, runs[i + 1][0] if i + 1 < len(runs) else lines.len()):
                if walk.path.keys == slab.keys:
                    break
                found[other] = self._alone(lines[other], walk.path)
        return found, lines.len()

    def _alone(self, text: str, path: Path, *, slabs: bool = True) -> Told:
        """Return the events of a text that belongs where a walk is; what it leaves open is left again."""
        opened, lines = list(path.open), Told()
        last: object = None
        walk = Walk(iter([text]), path, slabs=slabs, broken=slabs)
        for found in walk:
            if isinstance(found, Slab):
                lines += self._as_lines(*self._slab(found, walk))
                continue
            for event in events(found[1], found[0]):
                if isinstance(event, Packed):
                    lines += self._alone(event.text, Path())
                else:
                    lines += self._told(event)
            last = found[1]
        if len(path.open) > len(opened) and path.open[: len(opened)] == opened:
            path.open, path.key, within = opened, None, _unfinished(path, last, text)
            later = NEXT.search(text, 1) if within and len(text) < LEAST and all(why for _, why in lines) else None
            if later:  # What lies behind was taken for a part of what was cut.
                head = (flat(text[: later.start()]), "it is no JSON: damaged or cut short")
                return [head, *self._alone(text[later.start() :], path, slabs=False)]
            lines += within
        return lines

    def _as_lines(self, inner: pl.DataFrame | None, others: dict[int, Told], simple: bool) -> Told:
        """Return what `_slab` found as lines."""
        texts, why = self._spliced(inner, others, simple=simple)
        return [(text, why.get(i)) for i, text in enumerate(texts)]

    def _part(self, inner: pl.DataFrame | None, others: dict[int, Told], simple: bool, before: Told) -> Iterator[Part]:
        """Yield the same, and the events before it, as it is read at a time."""
        if self.form.message or inner is None:
            texts, why = self._spliced(inner, others, simple=simple)
            yield from [self._block(texts, why, before)] if before or texts.len() else []
            return
        words = self._words(inner)
        chosen = values.read(self.form, self.wanted)
        rows = values.valued(words.select(chosen), words[ROW] < 0, self.form, simple=simple)
        odd = rows[ODD].arg_true()
        more = {-1: before, **others} if before else others
        lines = [one for lines in more.values() for one in lines]
        order = _order(inner[ROW], more) + self.number
        self.number += order.len()
        numbers = pl.concat([order.gather(odd), order.tail(len(lines))])
        texts = values.lines(words[odd], self.form) if odd.len() else pl.Series(dtype=pl.String)
        faults = _told_at(order.tail(len(lines)), lines)
        yield Found(rows, numbered(numbers, pl.concat([texts, _texts(lines)])).sort("line"), faults)

    def _spliced(
        self, inner: pl.DataFrame | None, others: dict[int, Told], *, simple: bool
    ) -> tuple[pl.Series, dict[int, str]]:
        """Return events as lines, and the reasons of those that are none."""
        if inner is None:
            texts, rows = pl.Series(dtype=pl.String), pl.Series(dtype=pl.UInt32)
        elif self.form.message:
            texts, rows = _flat(inner[inner.columns[-1]], simple=simple), inner[ROW]
        else:
            texts, rows = values.lines(self._words(inner), self.form), inner[ROW]
        empty = (~texts.str.contains(r"\S")).arg_true().to_list()
        if not others:
            return texts, dict.fromkeys(empty, "its message is empty")
        lines = [one for lines in others.values() for one in lines]
        order = _order(rows, others)
        why = dict.fromkeys(order.gather(empty), "its message is empty")
        why |= _told_at(order.tail(len(lines)), lines)
        return pl.concat([texts, _texts(lines)]).gather(order.arg_sort()), why

    def _words(self, inner: pl.DataFrame) -> pl.DataFrame:
        """Return the words of events by the columns of their fields."""
        keys = {field_of(name).column: key for key in inner.columns if key != ROW and (name := field_name(key))}
        if EVENT_TIME in inner.columns:
            keys.setdefault("start", EVENT_TIME)
        nothing = pl.lit(None, pl.String)
        return inner.select(ROW, *((pl.col(keys[c]) if c in keys else nothing).alias(c) for c in self.form.columns))


def _runs(rows: list[int]) -> list[tuple[int, int]]:
    """Return runs of neighbours, from the first to behind the last.

    >>> _runs([1, 2, 5])
    [(1, 3), (5, 6)]
    """
    edges = [i for i, row in enumerate(rows) if i == 0 or row != rows[i - 1] + 1]
    return [(rows[i], rows[j - 1] + 1) for i, j in pairwise([*edges, len(rows)])]


def _order(rows: pl.Series, more: Mapping[int, Told]) -> pl.Series:
    """Return the place of each event in the order of their rows, those in `more` after the others."""
    if not more:
        return pl.int_range(rows.len(), dtype=pl.Int64, eager=True)
    others = [row for row, lines in more.items() for _ in lines]
    every = pl.concat([rows.cast(pl.Int64), pl.Series(others, dtype=pl.Int64)])
    places = pl.DataFrame({"row": every}).with_row_index("i").sort("row", maintain_order=True)["i"]
    return places.arg_sort().cast(pl.Int64)


def _texts(lines: Told) -> pl.Series:
    # Half a pair of surrogates is no letter of any text.
    return pl.Series([text.encode("utf-8", "replace").decode() for text, _ in lines], dtype=pl.String)


def _told_at(places: pl.Series, lines: Told) -> dict[int, str]:
    return {place: why for place, (_, why) in zip(places.to_list(), lines, strict=True) if why is not None}


def _reasons(lines: Told) -> dict[int, str]:
    return {i: why for i, (_, why) in enumerate(lines) if why is not None}


def _flat(texts: pl.Series, *, simple: bool) -> pl.Series:
    """Return messages as lines, without the line end that some tools leave at their end."""
    if simple or not texts.str.contains("[\r\n]").any():
        return texts
    return texts.str.strip_chars().str.replace_all("[\r\n]+", " ")


def _is_number(key: str) -> bool:
    return field_of(field_name(key)).raw != pl.String


def _unfinished(path: Path, last: object, text: str) -> Told:
    """Return the event that a text ends within, if there is one."""
    within = bool(path.open) and not (path.open[-1][0] == "[" and wanted(path.keys))
    return (
        [(flat(text)[-200:], "it is no JSON: damaged or cut short")] if within and not isinstance(last, Broken) else []
    )
