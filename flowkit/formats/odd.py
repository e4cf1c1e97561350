"""Lines that are no records as they stand: what each is, or the record it can be mended to, for many lines at once.

Mended is what can be: spaces too many, a byte order mark, `80.0` for a number, text of another program before the
record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from flowkit.formats.form import TIMED, Format, sure
from flowkit.formats.pieces import BLANK, HEADER
from flowkit.formats.words import judged, sound
from flowkit.schema import FIELDS, STATUSES, canonical, field_of, is_header, uncommented

TWICE = "it is a header that names a field twice"

CUT = 200
"""Letters of a malformed line that are kept."""

_SPACES = r"[\s\x1c-\x1f]+"
"""What Python takes for white space."""


@dataclass(frozen=True)
class Odd:
    """What some lines are: the headers by their line numbers, how many are blank, records after all, and malformed."""

    headers: list[tuple[int, tuple[str, ...]]]
    blanks: int
    mended: pl.DataFrame
    """The words and values of those that are records after all, as `words.judged` has them."""
    glued: pl.Series
    """The text that stood before records, where there was some."""
    bad: pl.DataFrame
    """The malformed: `line`, `reason`, `text` (cut)."""


def look(lines: pl.DataFrame, faults: Mapping[int, str], form: Format) -> Odd:
    """Return what lines are; `lines` has their numbers as `line` and their `text`, `faults` what is known of them."""
    if not lines.height:
        none = pl.DataFrame(schema={"line": pl.Int64, "reason": pl.String, "text": pl.String})
        return Odd([], 0, pl.DataFrame(), pl.Series(dtype=pl.String), none)
    fault = pl.col("line").replace_strict(faults, default=None, return_dtype=pl.String) if faults else pl.lit(None)
    blank = (pl.col("text") == "") & fault.is_null()
    empty = int(lines.select(blank.sum()).item())
    seen = (lines.filter(~blank) if empty else lines).select(
        "line",
        pl.col("text").str.strip_chars_end("\r"),
        fault.cast(pl.String).alias("reason"),
        pl.col("text").str.strip_prefix("\ufeff").alias("bare"),
    )
    seen = seen.with_columns(bare=_spaced(seen["bare"]))
    names = _headers(seen, form)
    sort = pl.col("bare").replace_strict(
        {bare: HEADER if len(set(found)) == len(found) else TWICE for bare, found in names.items()} | {"": BLANK},
        default=None,
        return_dtype=pl.String,
    )
    seen = seen.with_columns(pl.coalesce("reason", sort))
    found = seen.filter(reason=HEADER).select("line", "bare")
    headers = [(number, names.get(bare, form.names)) for number, bare in found.iter_rows()]
    known = seen.filter(~pl.col("reason").is_in([HEADER, BLANK]))  # Null, what is left to mend, is not kept either.
    mended, glued, bad = _mended(seen.filter(pl.col("reason").is_null()), form)
    bad = pl.concat([known.select("line", "reason", pl.col("text").str.slice(0, CUT)), bad])
    return Odd(headers, empty + seen.filter(reason=BLANK).height, mended, glued, bad)


def _spaced(texts: pl.Series) -> pl.Series:
    """Return texts with one space between words and none around them."""
    if texts.str.contains("  |[^ -~]").any():
        texts = texts.str.replace_all(_SPACES, " ")
    return texts.str.strip_chars(" ")


def _headers(seen: pl.DataFrame, form: Format) -> dict[str, tuple[str, ...]]:
    """Return the lines that are headers, with the names of their fields."""
    first = [pl.col("bare").str.splitn(" ", 3).struct.field(f"field_{i}") for i in range(2)]
    named = pl.any_horizontal(
        word.str.to_lowercase().str.strip_prefix("#").str.replace_all("_", "-", literal=True).is_in(list(FIELDS))
        for word in first
    )
    # No header begins with a number, as nearly all records do.
    others = seen.filter(pl.col("reason").is_null() & ~pl.col("bare").str.contains("^[0-9]+ "))
    words = {
        bare: uncommented(bare.split(" ")) for bare in others.filter(named.fill_null(value=False))["bare"].unique()
    }
    return {bare: tuple(map(canonical, found)) for bare, found in words.items() if is_header(found)}


def _mended(seen: pl.DataFrame, form: Format) -> tuple[pl.DataFrame, pl.Series, pl.DataFrame]:
    """Return the records among lines as they are mended, the text that stood before some, and the malformed."""
    expected, count = len(form.names), pl.col("count")
    lines = seen.select("line", "text", record=_record(form))
    words = pl.when(pl.col("record") == "").then(0).otherwise(pl.col("record").str.count_matches(" ", literal=True) + 1)
    lines = lines.with_columns(count=words.cast(pl.Int64))
    whole = (count >= expected) if sure(form.names) else (count == expected)
    tried = _last_words(lines.filter(whole), form)
    found = _parsed(tried["record"], form)
    good = found["_good"]
    several = good & _ends_with_a_record(tried["before"], form)
    bad = [
        _told(lines.filter(~whole), *_of_many(expected)),
        _told(tried.filter(several), "it holds more than one record: a line end is missing"),
        *_reasons(tried.filter(~good), found.filter(~good), form),
    ]
    good &= ~several
    glued = tried.filter(good & (tried["before"] != ""))["before"]
    return found.filter(good), glued, pl.concat(bad)


def _parsed(records: pl.Series, form: Format) -> pl.DataFrame:
    """Return texts of as many words as there are fields as `words.judged` has them."""
    columns = records.str.split_exact(" ", len(form.names) - 1).struct.unnest()
    held = dict(zip(form.columns, columns.iter_columns(), strict=True))
    numbers = [c for c in form.columns if field_of(c).raw != pl.String]
    frame = pl.DataFrame([s.alias(c) for c, s in held.items()], schema=dict.fromkeys(held, pl.String)).with_columns(
        pl.col(numbers).str.replace(r"^(\d+)\.0+$", "$1"),  # pandas makes 25238.0 of 25238.
        *(pl.lit("-").alias(f"_lead{i}") for i in range(form.lead)),
        _more=pl.lit(None, pl.String),
    )
    return judged(frame, form)


def _ends_with_a_record(texts: pl.Series, form: Format) -> pl.Series:
    """Return whether what stands before a record is, or ends with, another one."""
    if not (texts != "").any():
        return pl.repeat(value=False, n=texts.len(), dtype=pl.Boolean, eager=True)
    own = texts.str.replace(rf" (?:{TIMED})(?: \S+){{0,2}}$", "")  # What leads the record behind it.
    return _parsed(own.str.split(" ").list.tail(len(form.names)).list.join(" "), form)["_good"]


_HEADER_BEHIND = rf"(?:{'|'.join(STATUSES)}) ?(?:{'|'.join(FIELDS)}) (?:{'|'.join(FIELDS)})(?: |$)"


def _of_many(expected: int) -> tuple[pl.Expr, ...]:
    """Return the reason of a line with too few words or too many."""
    words = pl.when(pl.col("count") == 1).then(pl.lit(" word")).otherwise(pl.lit(" words"))
    behind = pl.when(pl.col("text").str.contains(_HEADER_BEHIND)).then(
        pl.lit(": a header stands behind a record, as a line end is missing")
    )
    return (
        pl.lit("it has "),
        pl.col("count"),
        words,
        pl.lit(f" where {expected} fields belong"),
        behind.otherwise(pl.lit("")),
    )


def _record(form: Format) -> pl.Expr:
    """Return what a line holds behind the words that lead it, where the first of them is a time."""
    bare = pl.col("bare")
    if not form.lead:
        return bare
    rest = bare.str.splitn(" ", form.lead + 1).struct.field(f"field_{form.lead}").fill_null("")
    return pl.when(bare.str.contains(rf"^(?:{TIMED})(?: |$)")).then(rest).otherwise(bare)


def _last_words(lines: pl.DataFrame, form: Format) -> pl.DataFrame:
    """Return lines with as many words as there are fields as their `record`, and what stood `before` it."""
    expected = len(form.names)
    words = pl.col("record").str.split(" ")
    long = pl.col("count") > expected
    if lines.select(long.any()).item():
        lines = lines.with_columns(
            record=pl.when(long).then(words.list.tail(expected).list.join(" ")).otherwise("record"),
            before=pl.when(long).then(words.list.head(pl.col("count") - expected).list.join(" ")).otherwise(pl.lit("")),
        )
    else:
        lines = lines.with_columns(before=pl.lit(""))
    if form.names[0] != "version" or not sure(form.names):
        return lines
    stuck = pl.col("record").str.extract_groups(r"^(\S*[^\d\s])(\d{1,2}(?: .*|$))").struct
    return lines.with_columns(
        record=pl.coalesce(stuck.field("2"), "record"),
        before=pl.concat_str("before", stuck.field("1").fill_null(""), separator=" ").str.strip_chars(" "),
    )


def _reasons(lines: pl.DataFrame, words: pl.DataFrame, form: Format) -> Iterator[pl.DataFrame]:
    """Yield number, reason and text (cut) of lines that are no records; `words` are as `words.judged` has them.

    The reason is that of the first field that does not fit, and before that the number of words.
    """
    expected = len(form.names)
    left = lines["count"] == expected
    yield _told(lines.filter(~left), *_of_many(expected))
    for name in form.names:
        fault, why = _fault(name)
        bad = left & words.select(fault).to_series()
        seen = words[field_of(name).column].filter(bad).str.slice(0, 40)
        yield _told(lines.filter(bad).with_columns(seen=seen), f"{name} is '", pl.col("seen"), f"', {why}")
        left &= ~bad
    yield _told(lines.filter(left), pl.lit("it is no record"))


def _fault(name: str) -> tuple[pl.Expr, str]:
    """Return whether a word is none of its field, and what to say of it then."""
    if name == "log-status":
        return ~pl.col("log_status").is_in(STATUSES), "not OK, NODATA or SKIPDATA"
    return pl.lit(value=False) if field_of(name).raw == pl.String else ~sound(name), "not a whole number in range"


def _told(lines: pl.DataFrame, *reason: str | pl.Expr) -> pl.DataFrame:
    """Return lines as the quarantine has them, with the parts of the reason put together."""
    parts = [pl.lit(part) if isinstance(part, str) else part for part in reason]
    return lines.select("line", pl.concat_str(parts).alias("reason"), pl.col("text").str.slice(0, CUT))


def numbered(numbers: Sequence[int] | pl.Series, texts: pl.Series) -> pl.DataFrame:
    """Return lines as `look` takes them."""
    return pl.DataFrame({"line": pl.Series(numbers, dtype=pl.Int64), "text": texts})
