"""Lines that are no records as they stand: what each is, or the record it can be mended to, for many lines at once.

Mended is what can be: spaces too many, a byte order mark, `80.0` for a number, text of another program before the
record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import polars as pl

from flowkit.formats.form import TIMED, Format, sure
from flowkit.formats.layout import STUCK, joined
from flowkit.formats.pieces import BLANK, HEADER
from flowkit.formats.words import judged, sound, split
from flowkit.schema import FIELDS, STATUSES, canonical, field_of, is_header, uncommented

TWICE = "it is a header that names a field twice"

CUT = 200
"""Letters of a malformed line that are kept."""

_SPACES = r"[\s\x1c-\x1f]+"
"""What Python takes for white space."""


_BAD = pl.Schema({"line": pl.Int64, "reason": pl.String, "text": pl.String})


@dataclass(frozen=True, order=True)
class Turn:
    """A header: the number of the first line under it, its own mostly, and the fields it names."""

    line: int
    names: tuple[str, ...]
    behind: bool = False
    """Whether it stands behind a record, as a line end is missing: the line before is malformed then."""


@dataclass(frozen=True)
class Odd:
    """What some lines are: how many are headers or blank, records after all, and malformed."""

    headers: int = 0
    blanks: int = 0
    mended: pl.DataFrame = field(default_factory=pl.DataFrame)
    """The words and values of those that are records after all, as `words.judged` has them."""
    glued: pl.Series = field(default_factory=partial(pl.Series, [], dtype=pl.String))
    """The text that stood before records, where there was some."""
    bad: pl.DataFrame = field(default_factory=_BAD.to_frame)
    """The malformed: `line`, `reason`, `text` (cut)."""


def look(lines: pl.DataFrame, faults: Mapping[int, str], form: Format) -> Odd:
    """Return what lines are; `lines` has their numbers as `line` and their `text`, `faults` what is known of them."""
    why = pl.col("line").replace_strict(faults, return_dtype=pl.String) if faults else pl.lit("")
    known = lines.filter(pl.col("line").is_in(list(faults))).with_columns(why=why)
    bad = [_told(known.filter(~pl.col("why").is_in([HEADER, BLANK])), pl.col("why"))]
    rest = lines.filter((pl.col("text") != "") & ~pl.col("line").is_in(list(faults)))
    names = _headers(rest["text"])
    twice = [text for text, found in names.items() if len(set(found)) < len(found)]
    header = pl.col("text").is_in(list(names))
    bad.append(_told(rest.filter(pl.col("text").is_in(twice)), TWICE))
    seen = rest.filter(~header) if names else rest
    seen = seen.select("line", pl.col("text").str.strip_chars_end("\r"), bare=_bare(seen["text"]))
    blank = seen["bare"] == ""
    mended, glued, malformed = _mended(seen.filter(~blank) if blank.any() else seen, form)
    headers = known.filter(why=HEADER).height + rest.height - seen.height - bad[1].height
    blanks = known.filter(why=BLANK).height + int(blank.sum()) + lines.height - known.height - rest.height
    return Odd(headers, blanks, mended, glued, pl.concat([*bad, *malformed]))


def turns(lines: pl.DataFrame, form: Format) -> list[Turn]:
    """Return the headers among lines, and those behind a record on its line; none where all name the format's fields.

    `lines` are as `look` takes them.
    """
    named = lines["text"].str.contains(_NAMED)
    names = {
        text: found for text, found in _headers(lines["text"].filter(named)).items() if len(set(found)) == len(found)
    }
    late = lines.filter(~named).filter(pl.col("text").str.contains(_HEADER_BEHIND))
    late = late.with_columns(pl.col("text").str.extract(_HEADER_BEHIND))
    names |= {text: tuple(map(canonical, text.split())) for text in late["text"].unique()}
    if all(found == form.names for found in names.values()):
        return []
    own = [Turn(line, names[text]) for line, text in lines.filter(named).iter_rows() if text in names]
    return sorted([*own, *(Turn(line + 1, names[text], behind=True) for line, text in late.iter_rows())])


def _bare(texts: pl.Series) -> pl.Series:
    """Return texts with one space between words and nothing around them."""
    texts = texts.str.strip_prefix("\ufeff")
    odd = texts.str.contains("  |[^ -~]")
    if odd.any():
        texts = texts.scatter(odd.arg_true(), texts.filter(odd).str.replace_all(_SPACES, " "))
    return texts.str.strip_chars(" ")


def _headers(texts: pl.Series) -> dict[str, tuple[str, ...]]:
    """Return the texts that are headers, with the names of their fields."""
    some = texts.filter(texts.str.contains(_NAMED)).unique()
    words = {text: uncommented(bare.split(" ")) for text, bare in zip(some, _bare(some), strict=True)}
    return {text: tuple(map(canonical, found)) for text, found in words.items() if is_header(found)}


_FIELD = "|".join(sorted((name.replace("-", "[-_]") for name in FIELDS), key=len, reverse=True))

_NAMED = rf"(?i)^[\s\ufeff]*(?:\S+\s+)?#?(?:{_FIELD})(?:\s|$)"
"""How a header begins: one of its first two words is a field's name."""

_HEADER_BEHIND = rf"((?:{_FIELD})(?: (?:{_FIELD}))+\s*)$"
"""How a line ends behind which a header stands."""


def _mended(seen: pl.DataFrame, form: Format) -> tuple[pl.DataFrame, pl.Series, list[pl.DataFrame]]:
    """Return the records among lines as they are mended, the text that stood before some, and the malformed."""
    expected, count = len(form.names), pl.col("count")
    lines = seen.select("line", "text", record=_record(form))
    words = pl.when(pl.col("record") == "").then(0).otherwise(pl.col("record").str.count_matches(" ", literal=True) + 1)
    lines = lines.with_columns(count=words.cast(pl.Int64))
    long = (count > expected) & pl.col("record").str.contains(_ending(form)) & pl.lit(sure(form.names))
    mended, glued, bad = [], [], [_told(lines.filter((count != expected) & ~long), *_of_many(expected))]
    for some, more in ((lines.filter(count == expected), 0), _filled(lines.filter(long), expected)):
        known = _parsed(some["record"], more, form)
        good = known["_good"]
        if good.any():
            several = good & _ends_with_a_record(known, more, form)
            bad.append(_told(some.filter(several), "it holds more than one record: a line end is missing"))
            kept = known.filter(good & ~several)
            before = kept.select(_before(more))
            glued.append(some.filter(good & ~several).select("line", before["before"]).filter(pl.col("before") != ""))
            mended.append(kept.select(*form.columns, pl.selectors.starts_with("#"), "_good"))
            some, known = some.filter(~good), known.filter(~good)  # noqa: PLW2901 - what is left
        bad += _reasons(some, known, form)
    texts = pl.concat(glued).sort("line")["before"] if glued else pl.Series([], dtype=pl.String)
    return pl.concat(mended) if mended else pl.DataFrame(), texts, bad


def _filled(lines: pl.DataFrame, expected: int) -> tuple[pl.DataFrame, int]:
    """Return lines of as many words each as the longest has, and how many stand before a record's; some are empty.

    Of very long lines only the last words are looked at: a record, and what may be another one before it.
    """
    most: int = lines.select(pl.col("count").max().clip(expected, 2 * expected + 4).fill_null(expected)).item()
    last = pl.col("record").str.split(" ").list.tail(most).list.join(" ")
    longer, missing = pl.col("count") > most, (most - pl.col("count")).clip(0)
    cut = lines.filter(longer).with_columns(record=last)
    lines = pl.concat([lines.filter(~longer), cut]) if cut.height else lines
    filled = pl.col("record").str.pad_start(pl.col("record").str.len_chars() + missing)
    return lines.with_columns(record=filled), most - expected


def _before(more: int) -> pl.Expr:
    """Return the text that stands before a record: so many words, and what is stuck to it."""
    return pl.concat_str([*(f"_lead{i}" for i in range(more)), "_stuck"], separator=" ", ignore_nulls=True).alias(
        "before"
    )


def _ending(form: Format) -> str:
    """Return how a line ends that may hold a record at its end, as all fields but the first show."""
    kinds = {True: "[^ ]+", False: r"(?:-|\d+(?:\.0+)?)"}
    words = [kinds[field_of(name).raw == pl.String] for name in form.names[1:]]
    words = [
        f"(?:{'|'.join(STATUSES)})" if n == "log-status" else w for n, w in zip(form.names[1:], words, strict=True)
    ]
    return f" {' '.join(words)}$"


def _parsed(records: pl.Series, more: int, form: Format) -> pl.DataFrame:
    """Return texts as `words.judged` has them; so many words stand before a record, and what is stuck to it."""
    words = split(joined(records), replace(form, lead=more))
    if words.height != records.len():  # Where polars does not see lines as they are, none of them is mended.
        words = words.clear(records.len())
    nothing = pl.lit(None, pl.String).alias("_stuck")
    if form.names[0] == "version" and sure(form.names) and words["version"].str.contains(STUCK).any():
        stuck = pl.col("version").str.extract_groups(STUCK).struct
        words = words.with_columns(pl.coalesce(stuck.field("2"), "version").alias("version"), _stuck=stuck.field("1"))
    else:
        words = words.with_columns(nothing)
    return _valued(words, form)


def _valued(words: pl.DataFrame, form: Format) -> pl.DataFrame:
    """Return words as `words.judged` has them; pandas makes 25238.0 of 25238."""
    known = judged(words, replace(form, lead=0))
    odd = [c for c in form.columns if f"#{c}" in known.columns and known[f"#{c}"].null_count()]
    floats = [c for c in odd if words[c].str.contains(".0", literal=True).any()]
    if not floats:
        return known
    return judged(words.with_columns(pl.col(floats).str.replace(r"^(\d+)\.0+$", "$1")), replace(form, lead=0))


def _ends_with_a_record(known: pl.DataFrame, more: int, form: Format) -> pl.Series:
    """Return whether what stands before a record ends with another one, or with one and what leads the second."""
    count, timed = len(form.names), rf"^(?:{TIMED})$"
    found = pl.repeat(value=False, n=known.height, dtype=pl.Boolean, eager=True)
    for stuck in (False, True):
        before = [*(f"_lead{i}" for i in range(more)), *(["_stuck"] if stuck else [])]
        for led in range(len(before) - count + 1 if len(before) < count + 3 else 4):
            own = before[: len(before) - led][-count:]
            which = known["_stuck"].is_not_null() if stuck else known["_stuck"].is_null()
            which &= known[before[-led]].str.contains(timed).fill_null(value=False) if led else True
            if which.any():
                some = known.filter(which).select(pl.col(a).alias(b) for a, b in zip(own, form.columns, strict=True))
                good = _valued(some.with_columns(_more=pl.lit(None, pl.String)), form)["_good"]
                found = found.scatter(which.arg_true(), found.filter(which) | good)
    return found


def _of_many(expected: int) -> tuple[pl.Expr, ...]:
    """Return the reason of a line with too few words or too many."""
    words = pl.when(pl.col("count") == 1).then(pl.lit(" word")).otherwise(pl.lit(" words"))
    behind = pl.when((pl.col("count") > expected) & pl.col("text").str.contains(_HEADER_BEHIND)).then(
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


def _reasons(lines: pl.DataFrame, words: pl.DataFrame, form: Format) -> Iterator[pl.DataFrame]:
    """Yield number, reason and text (cut) of lines that are no records; `words` are as `words.judged` has them.

    The reason is that of the first field that does not fit, and before that the number of words.
    """
    expected = len(form.names)
    if not lines.height or lines["count"][0] != expected:
        yield _told(lines, *_of_many(expected))
        return
    left = lines.select(pl.repeat(value=True, n=pl.len(), dtype=pl.Boolean)).to_series()
    for name in form.names:
        if name != "log-status" and field_of(name).raw == pl.String:
            continue
        fault, why = _fault(name)
        bad = left & words.select(fault).to_series()
        if bad.any():
            seen = words[field_of(name).column].filter(bad).str.slice(0, 40)
            yield _told(lines.filter(bad).with_columns(seen=seen), f"{name} is '", pl.col("seen"), f"', {why}")
            left &= ~bad
    yield _told(lines.filter(left), pl.lit("it is no record"))


def _fault(name: str) -> tuple[pl.Expr, str]:
    """Return whether a word is none of its field, and what to say of it then."""
    if name == "log-status":
        return ~pl.col("log_status").is_in(STATUSES), "not OK, NODATA or SKIPDATA"
    return ~sound(name), "not a whole number in range"


def _told(lines: pl.DataFrame, *reason: str | pl.Expr) -> pl.DataFrame:
    """Return lines as the quarantine has them, with the parts of the reason put together."""
    parts = [pl.lit(part) if isinstance(part, str) else part for part in reason]
    text = pl.col("text").str.strip_chars_end("\r").str.slice(0, CUT)
    return lines.select("line", pl.concat_str(parts).alias("reason"), text)


def numbered(numbers: pl.Series | Sequence[int], texts: pl.Series | Sequence[str]) -> pl.DataFrame:
    """Return lines as `look` takes them."""
    return pl.DataFrame({"line": numbers, "text": texts}, schema={"line": pl.Int64, "text": pl.String})
