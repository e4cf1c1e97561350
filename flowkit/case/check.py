"""The ledger and the coverage for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from flowkit.case import show
from flowkit.case.coverage import silence
from flowkit.errors import SourceError
from flowkit.times import Clock, clock
from flowkit.wording import in_shell, many, printable

if TYPE_CHECKING:
    from flowkit.case.cache import Shelf
    from flowkit.case.case import Case

MARKS = {"OK": "#", "NODATA": ".", "SKIPDATA": "!", "no record": " ", "not yet delivered": "~"}
"""One letter a bin: what the logs hold of an interface there."""

_WIDE = 96
_COUNTS = ("lines", "flows", "nodata", "skipdata", "malformed", "header", "blank")


def text(case: Case, *, every: bool = False) -> str:
    """Return the case, its ledger by object, what was malformed, and the coverage by interface, as plain text.

    With `every` note, object and malformed line that is kept; else as many as a screen takes.
    """
    blocks = [
        in_shell(show.text(case, most=None if every else show.MOST)),
        _ledger(case.ledger, None if every else _OBJECTS),
        _quarantine(case.quarantine, int(case.ledger["malformed"].sum()), None if every else _MALFORMED),
    ]
    if case.ledger["lines"].sum():
        blocks.append(_coverage(case))
    return "\n\n".join(filter(None, blocks))


_OBJECTS, _MALFORMED = 40, 10


def _ledger(ledger: pl.DataFrame, most: int | None) -> str:
    """Return a row an object, those of which something is to be said first where there are more than a screen takes."""
    total = ledger.select(pl.lit("in all").alias("object"), pl.col(_COUNTS).sum())
    listed = ledger
    if most is not None and ledger.height > most:
        sound = (pl.col("malformed") == 0) & (pl.col("skipdata") == 0) & (pl.col("format") != show.NOT_READ)
        listed = ledger.sort(sound, pl.col("note") == "", maintain_order=True).head(most)
    rows = pl.concat([listed.select("object", *_COUNTS), total]).rows()
    heads = ("object", "lines", "flows", "NODATA", "SKIPDATA", "malformed", "header", "blank")
    shown = [[_short(printable(row[0])), *(f"{n:,}" for n in row[1:])] for row in rows]
    more = ledger.height - listed.height
    left_out = f"and {many(more, 'more object')}: flowkit check --all lists every one"
    return "\n".join([_table([list(heads), *shown]), *([left_out] if more else [])])


def _quarantine(quarantine: pl.DataFrame, total: int, most: int | None) -> str:
    if not quarantine.height:
        return ""
    kept = quarantine if most is None else quarantine.head(most)
    shown = [f"  {printable(o)}:{line}: {printable(why)}: {printable(text)}" for o, line, why, text in kept.iter_rows()]
    more = total - len(shown)
    return "\n".join(["malformed lines", *shown, *([f"  and {more:,} more"] if more else [])])


def _coverage(case: Case) -> str:
    """Return a strip of marks an interface, several bins to a mark where they would not fit on a line."""
    try:
        table = case.coverage().collect()
    except SourceError:
        return in_shell("no coverage: no record has a time in this span; give start= and end= to see one all the same")
    if table.is_empty():
        return ""
    bins = table["time"].unique().sort()
    step = -(-len(bins) // _WIDE)
    worst = pl.col("state").replace_strict({s: i for i, s in enumerate(_WORST)}, return_dtype=pl.Int8).min()
    strips = (
        table.with_columns(_bin=pl.col("time").rank("dense").over("interface_id") - 1)
        .group_by("interface_id", pl.col("_bin") // step, maintain_order=True)
        .agg(worst, pl.col("window_s").first())
        .sort("interface_id", "_bin")
        .group_by("interface_id", "window_s", maintain_order=True)
        .agg("state")
    )
    rows = [
        (printable(case.names.label(eni or "-")), window, _strip(states)) for eni, window, states in strips.iter_rows()
    ]
    wide = max(24, *(len(label) for label, *_ in rows))
    shown = [f"  {label:<{wide}} {f'{window} s' if window else '':>6} |{strip}|" for label, window, strip in rows]
    minutes = (bins[1] - bins[0]).total_seconds() / 60 * step if len(bins) > 1 else 1
    key = ", ".join(f"'{mark}' {state}" for state, mark in MARKS.items())
    at = clock(case.tz, bins[0], bins[-1])
    head = f"coverage from {at.show(bins[0])} {at.label}, {minutes:g} min a mark: {key}"
    if any(window for _, window, _ in rows):
        head += "; in seconds: how long an interface's capture windows are, where the records tell"
    told = silence(table, bins[1] - bins[0] if len(bins) > 1 else timedelta(minutes=1))
    return "\n".join([head, *shown, *([_silence(*told, at)] if told else [])])


def _silence(windows: int, seconds: int, interfaces: int, first: datetime, at: Clock) -> str:
    what = f"{many(windows, 'window')} without a record on {many(interfaces, 'interface')}"
    return f"  {what}, {seconds / 60:,.10g} min in all: the first at {at.show(first)}"


def shelves(found: Sequence[Shelf], home: Path) -> str:
    """Return what the cache keeps as plain text: size, last use in UTC, source."""
    if not found:
        return f"nothing is kept in {printable(str(home))}"
    rows = [["last used", "size", "source"]]
    rows += [[f"{s.used:%Y-%m-%d %H:%M} UTC", show.size(s.bytes), printable(s.source)] for s in found]
    total = f"{show.size(sum(s.bytes for s in found))} in {printable(str(home))}"
    return "\n".join([*(f"{used:<21} {size:>9}  {source}" for used, size, source in rows), total])


_WORST = ("SKIPDATA", "no record", "not yet delivered", "NODATA", "OK")


def _strip(states: list[int]) -> str:
    return "".join(MARKS[_WORST[state]] for state in states)


def _short(name: str, most: int = 60) -> str:
    return name if len(name) <= most else f"…{name[-most + 1 :]}"


def _table(rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    first, *rest = zip(*rows, strict=True)
    columns = [[w.ljust(widths[0]) for w in first]]
    columns += [[w.rjust(width) for w in column] for column, width in zip(rest, widths[1:], strict=True)]
    return "\n".join("  ".join(row).rstrip() for row in zip(*columns, strict=True))
