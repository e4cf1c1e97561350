"""Records written in any form, with any damage, come back exactly, and every damaged line is in the quarantine."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl
import polars.selectors as cs
import pytest
from forms import LED, events, packed, subscription, zipped
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import read_one

import flowkit as fk
from flowkit import sources
from flowkit.formats.wrapped import walk
from flowkit.schema import DEFAULT, FIELDS, TIME, field_of

Words = list[str]


def _words(name: str) -> st.SearchStrategy[str]:
    """Return words that a field can hold."""
    field = field_of(name)
    if name == "log-status":
        return st.sampled_from(["OK", "OK", "OK", "NODATA", "SKIPDATA"])
    if name == "action":
        return st.sampled_from(["ACCEPT", "REJECT"])
    if field.dtype == TIME:
        return st.one_of(st.integers(1_400_000_000, 1_900_000_000), st.just(1795449900123)).map(str)
    if name == "bytes":
        return st.integers(1 << 20, 1 << 40).map(str)
    if field.raw != pl.String:
        return st.one_of(st.integers(0, min(field.most, 1 << 20)).map(str), st.just("-"))
    return st.one_of(
        st.from_regex(r"[a-z]{1,4}-[0-9a-f]{1,8}", fullmatch=True), st.sampled_from(["10.0.0.1", "fd00::1"])
    )


def value(word: str, name: str) -> object:
    """Return what a word stands for; a time as milliseconds."""
    field = field_of(name)
    if word == "-":
        return None
    if field.dtype == TIME:
        return int(word) * (1 if len(word) > 11 else 1000)
    return word if field.raw == pl.String else int(word)


def short(words: Words, names: Sequence[str]) -> Words:
    """Cut the line in two."""
    return words[: max(1, len(words) // 2)]


def long(words: Words, names: Sequence[str]) -> Words:
    """Put a word too many at the end."""
    return [*words, "more"]


def no_number(words: Words, names: Sequence[str]) -> Words:
    """Put something else where a number belongs, the status where the format has none."""
    place = next((i for i, name in enumerate(names) if field_of(name).raw != pl.String), names.index("log-status"))
    return [*words[:place], "7x", *words[place + 1 :]]


def no_status(words: Words, names: Sequence[str]) -> Words:
    """Put something else where the status belongs."""
    place = names.index("log-status")
    return [*words[:place], "FINE", *words[place + 1 :]]


DAMAGE: tuple[Callable[[Words, Sequence[str]], Words], ...] = (short, long, no_number, no_status)
HARMLESS = ("{}", "{}", "{}", " {}", "{} ", "{}\r")


@dataclass(frozen=True)
class Log:
    """Records of some fields, and what is to happen to each line: an index of `DAMAGE`, or nothing."""

    names: tuple[str, ...]
    records: list[Words]
    damage: list[int | None]
    dress: list[int]

    @property
    def lines(self) -> list[Words]:
        """The lines' words, the damaged ones damaged."""
        pairs = zip(self.records, self.damage, strict=True)
        return [words if how is None else DAMAGE[how](words, self.names) for words, how in pairs]

    @property
    def good(self) -> list[tuple[object, ...]]:
        """The records that are to be read, as values."""
        kept = (words for words, how in zip(self.records, self.damage, strict=True) if how is None)
        return [tuple(map(value, words, self.names)) for words in kept]

    @property
    def bad(self) -> list[int]:
        """Which lines are damaged, from 1."""
        return [i + 1 for i, how in enumerate(self.damage) if how is not None]


@st.composite
def logs(draw: st.DrawFn, names: Sequence[str] | None = None) -> Log:
    """Return records of a drawn format, or of the given one, some of them damaged."""
    if names is None:
        others = draw(
            st.lists(st.sampled_from([n for n in FIELDS if n != "log-status"]), unique=True, min_size=2, max_size=20)
        )
        names = draw(st.permutations([*others, "log-status"]))
    records = draw(st.lists(st.tuples(*map(_words, names)).map(list), min_size=1, max_size=12))
    count = len(records)
    damage = draw(st.lists(st.sampled_from([None, None, None, 0, 1, 2, 3]), min_size=count, max_size=count))
    damage[0] = None  # A form without names has to be told by something.
    dress = draw(st.lists(st.integers(0, len(HARMLESS) - 1), min_size=count, max_size=count))
    return Log(tuple(names), records, damage, dress)


def as_text(log: Log) -> bytes:
    dressed = [HARMLESS[how].format(" ".join(words)) for words, how in zip(log.lines, log.dress, strict=True)]
    return "\n".join([" ".join(log.names), *dressed, ""]).encode()


def as_csv(log: Log) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL if log.dress[0] % 2 else csv.QUOTE_MINIMAL)
    writer.writerow([field_of(name).column for name in log.names])
    writer.writerows([["" if word == "-" else word for word in words] for words in log.lines])
    return file.getvalue().encode()


def as_athena(log: Log) -> bytes:
    rows = [[field_of(name).column for name in log.names], *log.lines]
    return "".join(",".join("" if word == "-" else f'"{word}"' for word in row) + "\r\n" for row in rows).encode()


def as_objects(log: Log) -> list[str]:
    """A key a field; a line of too few or too many words is JSON cut short."""
    rows = []
    for words in log.lines:
        text = json.dumps(dict(zip(log.names, words, strict=False)))
        rows.append(text if len(words) == len(log.names) else text[:-1])
    return rows


def as_json(log: Log) -> bytes:
    return "\n".join(as_objects(log)).encode()


def as_json_list(log: Log) -> bytes:
    return f"[{(',', ', ')[log.dress[0] % 2].join(as_objects(log))}]".encode()


def as_export(log: Log) -> bytes:
    return "".join(f"{LED} {' '.join(words)}\n" for words in log.lines).encode()


def as_console(log: Log) -> bytes:
    return "\n".join(["timestamp,message", *(f'1,"{" ".join(words)}"' for words in log.lines)]).encode()


def as_console_over_two_lines(log: Log) -> bytes:
    return "\n".join(["timestamp,message", *(f'1,"{" ".join(words)}\n"' for words in log.lines), ""]).encode()


def as_insights(log: Log) -> bytes:
    return "\n".join(["@message;@ptr", *(f'"{" ".join(words)}";CnkKP' for words in log.lines), ""]).encode()


def as_cli_text(log: Log) -> bytes:
    return "".join(f"EVENTS\t{i}\t1\teni-1-all\t{' '.join(words)}\t1\n" for i, words in enumerate(log.lines)).encode()


def as_tail(log: Log) -> bytes:
    return "".join(f"2026-11-23T16:05:00 {' '.join(words)}\n" for words in log.lines).encode()


def as_firehose(log: Log) -> bytes:
    return b"".join(json.dumps({"message": f"{' '.join(words)}\n"}).encode() for words in log.lines)


def as_pages(log: Log) -> bytes:
    return b"\n".join(json.dumps({"events": events(" ".join(words))}, indent=4).encode() for words in log.lines)


def as_lambda(log: Log) -> bytes:
    return json.dumps({"awslogs": {"data": packed(subscription(*map(" ".join, log.lines)))}}).encode()


def as_events(log: Log) -> bytes:
    return json.dumps({"events": events(*map(" ".join, log.lines))}, indent=log.dress[0] or None).encode()


def as_subscriptions(log: Log) -> bytes:
    return b"".join(subscription(" ".join(words)) for words in log.lines)


NAMED = {
    "text": (as_text, 1),
    "csv": (as_csv, 1),
    "athena": (as_athena, 1),
    "json": (as_json, 0),
    "json list": (as_json_list, 0),
}
DEFAULTS = {
    "text": (as_text, 1),
    "export": (as_export, 0),
    "console": (as_console, 1),
    "events": (as_events, 0),
    "subscriptions": (as_subscriptions, 0),
    "console over two lines": (as_console_over_two_lines, 1),
    "insights": (as_insights, 1),
    "cli text": (as_cli_text, 0),
    "tail": (as_tail, 0),
    "firehose": (as_firehose, 0),
    "pages": (as_pages, 0),
    "lambda": (as_lambda, 0),
}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda data: data,
    "gzip": gzip.compress,
    "gzip in two members": lambda data: gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :]),
    "gzip twice": lambda data: gzip.compress(gzip.compress(data)),
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "zip": lambda data: zipped(a=data),
}


def rows(frame: pl.DataFrame, log: Log) -> list[str]:
    """Return the records' values in words, in one order; times in milliseconds."""
    columns = [field_of(name).column for name in log.names]
    values = frame.select(columns).with_columns(cs.datetime().dt.epoch("ms"))
    return sorted(map(repr, values.rows()))


def check(folder: pytest.TempPathFactory, log: Log, data: bytes, packing: str, headers: int) -> None:
    """Assert that what was put in comes back, by the reader and by scan."""
    path = folder.mktemp("log") / ("a.zip" if packing == "zip" else "a")
    path.write_bytes(PACKED[packing](data))
    (found,) = sources.find(str(path))
    with pytest.MonkeyPatch.context() as patch:
        if log.dress[-1] % 2:  # JSON is read in slabs, however small.
            patch.setattr(walk, "LEAST", 1)
        batch = read_one(found.path)  # type: ignore[arg-type]
        scanned = fk.scan(path).collect()
    assert rows(batch.frame, log) == sorted(map(repr, log.good))
    assert [line - headers for line in batch.quarantine["line"]] == log.bad
    flows = [row for row in log.good if row[log.names.index("log-status")] == "OK"]
    assert rows(scanned, log) == sorted(map(repr, flows))


@pytest.mark.filterwarnings("ignore:.*flowkit.load accounts")
@settings(deadline=None, max_examples=60)
@given(log=logs(), form=st.sampled_from(sorted(NAMED)), packing=st.sampled_from(sorted(PACKED)))
def test_any_format_in_a_form_that_names_its_fields(
    tmp_path_factory: pytest.TempPathFactory, log: Log, form: str, packing: str
) -> None:
    write, headers = NAMED[form]
    if form.startswith("json"):  # What is too much has no key to stand under.
        log = Log(log.names, log.records, [how if how != 1 else None for how in log.damage], log.dress)
    check(tmp_path_factory, log, write(log), packing, headers)


@pytest.mark.filterwarnings("ignore:.*flowkit.load accounts")
@settings(deadline=None, max_examples=60)
@given(log=logs(DEFAULT), form=st.sampled_from(sorted(DEFAULTS)), packing=st.sampled_from(sorted(PACKED)))
def test_the_default_format_in_every_form(
    tmp_path_factory: pytest.TempPathFactory, log: Log, form: str, packing: str
) -> None:
    write, headers = DEFAULTS[form]
    check(tmp_path_factory, log, write(log), packing, headers)


@settings(deadline=None, max_examples=40)
@given(log=logs(), kind=st.sampled_from([pl.Int32, pl.Int64, pl.Float64, pl.String]))
def test_any_format_in_parquet_whatever_the_type_of_its_numbers(
    tmp_path_factory: pytest.TempPathFactory, log: Log, kind: type[pl.DataType]
) -> None:
    """A number may be an int, a double or a text; one that does not fit the type stays a text."""
    columns = [field_of(name).column for name in log.names]
    frame = pl.DataFrame(
        [tuple(words) for words in log.records], schema=dict.fromkeys(columns, pl.String), orient="row"
    )
    for name, column in zip(log.names, columns, strict=True):
        cast = frame[column].replace("-", None).cast(kind, strict=False)
        if field_of(name).raw != pl.String and cast.null_count() == (frame[column] == "-").sum():
            frame = frame.with_columns(cast)
    path = tmp_path_factory.mktemp("log") / "a.parquet"
    frame.write_parquet(path)
    batch = read_one(path)
    expected = [tuple(map(value, words, log.names)) for words in log.records]
    assert rows(batch.frame, log) == sorted(map(repr, expected))
