"""What the questions share: columns that must be there, one vantage, and the biggest few beside an "other"."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import polars as pl

from flowkit import vantage as observers
from flowkit.errors import QuestionError

OTHER = "other"
"""The name of the row that holds all that is not shown by itself."""

COUNTS = ("flows", "packets", "bytes")

By = str | Sequence[str] | None


def columns(by: By) -> tuple[str, ...]:
    """Return the columns to group by, whatever form they were given in.

    >>> columns("srcaddr"), columns(["srcaddr", "dstaddr"]), columns(None)
    (('srcaddr',), ('srcaddr', 'dstaddr'), ())
    """
    return (by,) if isinstance(by, str) else tuple(by or ())


def require(flows: pl.LazyFrame, needed: Sequence[str], by: Sequence[str] = (), made: Sequence[str] = ()) -> None:
    """Raise `QuestionError` where a column is not there, is named twice, or has the name of a result (`made`).

    >>> require(pl.LazyFrame({"dstport": [443]}), ["dst_port"])
    Traceback (most recent call last):
    flowkit.errors.QuestionError: the flows have no column 'dst_port': did you mean 'dstport'?
    """
    names = flows.collect_schema().names()
    for name in (*needed, *by):
        if name not in names:
            raise QuestionError(f"the flows have no column {name!r}: {_hint(str(name), names)}")
    for name in by:
        if name in made or list(by).count(name) > 1:
            raise QuestionError(f"by={name!r} will not do: it is counted already; group by another column")


def option(name: str, value: object, allowed: Sequence[str]) -> None:
    """Raise `QuestionError` where a word is none of the allowed ones.

    >>> option("rank", "size", ["flows", "packets", "bytes"])
    Traceback (most recent call last):
    flowkit.errors.QuestionError: rank='size' is not known: choose one of 'flows', 'packets', 'bytes'
    """
    if value not in allowed:
        raise QuestionError(f"{name}={value!r} is not known: choose one of {', '.join(map(repr, allowed))}")


def number(name: str, value: int) -> None:
    """Raise `QuestionError` where a number of rows is not 1 or more."""
    if value < 1:
        raise QuestionError(f"{name}={value!r} leaves nothing to show: give 1 or more")


def seen_from(flows: pl.LazyFrame, vantage: str, *, refused: bool = False) -> pl.LazyFrame:
    """Return the records of one vantage: "once" (one observer for each pair of addresses), "all", or one interface.

    With `refused`, "once" also keeps the REJECTs that only another interface saw: each is one interface's own decision,
    and a packet is refused only once, so none is counted twice as a REJECT.
    """
    if vantage == "all":
        return flows
    if vantage == "once":
        marked = flows if "once" in flows.collect_schema().names() else observers.mark(flows)
        keep = pl.col("once") | (pl.col("action") == "REJECT") if refused else pl.col("once")
        return marked.filter(keep)
    if not str(vantage).startswith("eni-"):
        raise QuestionError(
            f"vantage={vantage!r} is not known: choose 'once', 'all' or an interface such as 'eni-0a1b…'"
        )
    require(flows, ["interface_id"])
    return flows.filter(pl.col("interface_id") == vantage)


def text(*names: str) -> list[pl.Expr]:
    """Return columns as text, with AWS's own "-" where there is no value."""
    return [pl.col(name).cast(pl.String).fill_null("-") for name in names]


def sums() -> list[pl.Expr]:
    """Return what every question counts: flow records, packets, bytes."""
    return [pl.len().cast(pl.Int64).alias("flows"), total("packets"), total("bytes")]


MOST = 2**62
"""The greatest sum a table shows: what is more, which only forged records can be, stays there and does not wrap."""


def total(*names: str) -> pl.Expr:
    """Return the sum of columns, at most `MOST`.

    >>> pl.DataFrame({"bytes": [2**53] * 1024}).select(pl.col("bytes").sum(), most=total("bytes")).row(0)
    (-9223372036854775808, 4611686018427387904)
    """
    return pl.col(*names).cast(pl.Int128).sum().clip(0, MOST).cast(pl.Int64)


def copied(flows: pl.LazyFrame) -> pl.LazyFrame:
    """Return the flows with their texts copied, for a few that are kept of very many.

    Polars' texts are views: the few that a filter leaves of a Parquet page hold all of the page's texts in memory.
    """
    texts = [name for name, kind in flows.collect_schema().items() if kind == pl.String]
    return flows.with_columns(pl.concat_str(pl.col(name), pl.lit("")).alias(name) for name in texts)


def biggest(flows: pl.LazyFrame, by: str, *, most: int = 12, measure: pl.Expr) -> pl.LazyFrame:
    """Return the flows with the column `by` as text, of its biggest values only: the smaller ones are "other"."""
    flows = flows.with_columns(text(by))
    return only(flows, by, first(flows.group_by(by).agg(measure.alias("_size")), by, most=most))


def first(sizes: pl.LazyFrame, by: str, *, most: int = 12) -> pl.LazyFrame:
    """Return the values of `by` that keep their names, by their `_size`: all, or one less than `most`."""
    ranked = sizes.sort("_size", by, descending=[True, False]).with_row_index("_rank")
    return ranked.filter((pl.len() <= most) | (pl.col("_rank") < most - 1)).select(by, _kept=pl.lit(value=True))


def only(flows: pl.LazyFrame, by: str, kept: pl.LazyFrame) -> pl.LazyFrame:
    """Return the flows with the values of `by` that are `kept`, and "other" for the rest."""
    other = pl.when(pl.col("_kept")).then(pl.col(by)).otherwise(pl.lit(OTHER))
    return flows.join(kept, on=by, how="left").with_columns(other.alias(by)).drop("_kept")


def _hint(name: str, names: Sequence[str]) -> str:
    near = get_close_matches(name.replace("-", "_"), names, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    if name in ("kind", "confidence"):
        return "it is added by flowkit.load(…), as case.flows; flowkit.scan(…) gives the bare records"
    return f"it has {', '.join(names)}"
