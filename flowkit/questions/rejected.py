"""What security groups and network ACLs rejected, from whom it came, and whether it really was a block."""

from __future__ import annotations

import polars as pl

from flowkit.questions.largest import KEY, SUMMED, key, largest, marked, typed
from flowkit.questions.shared import COUNTS, OTHER, By, columns, number, require, sums, text
from flowkit.schema import TIME
from flowkit.spill import Parts, among, parted

NOT_IN = "not allowed in"
NOT_OUT = "not allowed out"
NOT = "not allowed"
LATE = "late packet after close, probably not a block"
NO_SYN = "no connection opened (no SYN): late or stray packet"
PERHAPS = "follows an accepted connection: late packet, or a rule that changed"
BPA = "VPC Block Public Access"
ENCRYPTION = "VPC encryption control"

_SYN = 2
_TCP = 6
_TUPLE = ("interface_id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol")
_TELLING = ("tcp_flags", "flow_direction", "reject_reason")
_CONNECTION = "_connection"


def rejected(flows: pl.LazyFrame, *, by: By = ("srcaddr", "dstaddr", "dstport"), n: int = 20) -> pl.LazyFrame:
    """Return the refused traffic, the most often refused first.

    REJECT means that a security group or network ACL did not allow it, *or* that packets came after the connection was
    closed (VPC User Guide, "Flow log records"). The records of all interfaces count: a REJECT is the decision of the
    interface it was recorded on, and a packet is refused only once. The column `reason` tells as much as the records
    do:

    - "not allowed in" / "not allowed out" (or "not allowed", where the log has no `flow_direction`): a connection
      that was never accepted;
    - "late packet after close, probably not a block": TCP, no SYN, and the same 5-tuple, either way, was accepted on
      this interface in the ten minutes before;
    - "no connection opened (no SYN): late or stray packet": no SYN, and nothing of this 5-tuple was accepted in these
      records;
    - "follows an accepted connection: late packet, or a rule that changed": the log has no `tcp_flags` to tell;
    - "VPC Block Public Access" or "VPC encryption control": the log's own `reject_reason`.

    Parameters
    ----------
    flows
        Flow records, as `case.flows` or `flowkit.scan` give them.
    by
        One column or several to group by.
    n
        How many groups to show. The rest is summed in one row for each reason, with "other" in the columns where they
        differ.

    Returns
    -------
    Columns `by` as text, `reason`, `flows`, `packets`, `bytes`, `first_seen`, `last_seen` (UTC), `sources` (distinct
    source addresses) and `groups` (how many the row stands for). Sorted by flows, "other" last. Raises
    `QuestionError` on an unknown column.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 5, 14, tzinfo=UTC)
    >>> flows = pl.LazyFrame({"interface_id": ["eni-a"], "srcaddr": ["198.51.100.7"], "dstaddr": ["10.0.0.5"],
    ...     "srcport": [50000], "dstport": [22], "protocol": [6], "packets": [1], "bytes": [60], "start": [at],
    ...     "end": [at], "action": ["REJECT"], "tcp_flags": [2], "flow_direction": ["ingress"]})
    >>> rejected(flows).select("srcaddr", "dstport", "reason", "flows").collect().rows()
    [('198.51.100.7', '22', 'not allowed in', 1)]
    """
    keys = columns(by)
    number("n", n)
    made = ("reason", "flows", "packets", "bytes", "first_seen", "last_seen", "sources", "groups")
    require(flows, [*_TUPLE, "packets", "bytes", "start", "end", "action"], keys, made)
    schema = typed(*keys, "reason") | SUMMED | {"sources": pl.Int64(), "groups": pl.Int64()}
    return pl.defer(lambda: _answer(flows, keys, n), schema=schema)


def _answer(flows: pl.LazyFrame, keys: tuple[str, ...], n: int) -> pl.DataFrame:
    """Go over the flows twice, for the REJECTs and for what was accepted: there may be millions of groups of them."""
    own = [name for name in _TELLING if name in flows.collect_schema().names()]
    names = dict.fromkeys([*keys, *_TUPLE, "packets", "bytes", "start", "end", *own])
    refused = flows.filter(pl.col("action") == "REJECT").select(*names, _connection())
    with parted(refused, _CONNECTION) as refusals:
        each = pl.concat(refusals).join(_accepted(flows, refusals).lazy(), on=_CONNECTION, how="left")
        source = pl.col("srcaddr").hash().alias("_source")
        told = each.select(*text(*keys), _reason([*names]), "packets", "bytes", "start", "end", source)
        return _of(told.with_columns(key(*keys, "reason")), keys, n)


def _of(each: pl.LazyFrame, keys: tuple[str, ...], n: int) -> pl.DataFrame:
    """Return the answer for REJECTs with their reasons: most groups of them are never shown by name."""
    with parted(each.select(KEY, "reason", "_source"), KEY) as parts:
        near, groups = largest(parts, pl.len(), n, "reason")
        rows = _summed(marked(each, near), keys)
        down = [True, *(False for _ in keys), False]
        named = rows.filter("_named").sort("flows", *keys, "reason", descending=down)
        first = named.head(n).select(KEY).with_row_index("_rank")
        sources = _sources(parts, first, n)
    return _cut(
        rows.join(first, on=KEY, how="left").with_columns(pl.col("_rank").fill_null(n)), keys, n, groups, sources
    )


def _summed(each: pl.LazyFrame, keys: tuple[str, ...]) -> pl.DataFrame:
    """Return a row for each of the named groups, and one for each reason of all the others."""
    # A port scan has one source and a thousand ports: what all left-over groups share, their row keeps.
    ends = [value for name in keys for value in (pl.col(name).min(), pl.col(name).max().alias(f"_{name}"))]
    seen = {"first_seen": pl.col("start").min().cast(TIME), "last_seen": pl.col("end").max().cast(TIME)}
    groups = each.group_by("_named", "reason", pl.when("_named").then(KEY).alias(KEY))
    return groups.agg(*sums(), *ends, **seen).collect(engine="streaming")


def _sources(parts: Parts, first: pl.DataFrame, n: int) -> pl.DataFrame:
    """Return how many sources each row of the answer has, by its rank and reason: a source may be in many parts."""
    rows = pl.concat(parts).join(first.lazy(), on=KEY, how="left")
    rows = rows.select(pl.col("_rank").fill_null(n), "reason", "_source")
    with parted(rows, "_source") as again:
        each = [part.unique().group_by("_rank", "reason").agg(sources=pl.len().cast(pl.Int64)) for part in again]
        counts = pl.concat([part.collect(engine="streaming") for part in each])
    return counts.group_by("_rank", "reason").agg(pl.col("sources").sum())


def _cut(
    rows: pl.DataFrame, keys: tuple[str, ...], n: int, groups: pl.DataFrame, sources: pl.DataFrame
) -> pl.DataFrame:
    """Return a row for each of the `n` first groups, and one for each reason of all the others."""
    ends = [*(pl.col(name).min() for name in keys), *(pl.col(f"_{name}").max() for name in keys)]
    same = [
        pl.when(pl.col(name) == pl.col(f"_{name}")).then(name).otherwise(pl.lit(OTHER)).alias(name) for name in keys
    ]
    return (
        rows.lazy()
        .group_by("_rank", "reason")
        .agg(pl.col(*COUNTS).sum(), pl.col("first_seen").min(), pl.col("last_seen").max(), *ends)
        .join(sources.lazy(), on=["_rank", "reason"])
        .join(groups.lazy(), on="reason", how="left")
        .with_columns(*same, groups=_stands_for(n))
        .sort("_rank", "flows", "reason", descending=[False, True, False])
        .select(*keys, "reason", *COUNTS, "first_seen", "last_seen", "sources", "groups")
        .collect()
    )


def _stands_for(n: int) -> pl.Expr:
    shown = pl.col("_rank") < n
    return pl.when(shown).then(1).otherwise(pl.col("_all") - shown.sum().over("reason")).cast(pl.Int64)


def _accepted(flows: pl.LazyFrame, refused: Parts) -> pl.DataFrame:
    """Return from when to when each connection was accepted of which there is one of the REJECTs too."""
    through = flows.filter((pl.col("action") == "ACCEPT") & (pl.col("protocol") == _TCP))
    asked = [part.filter((pl.col("protocol") == _TCP) & ~_opened(part)).select(_CONNECTION) for part in refused]
    span = {"_first": pl.col("start").min(), "_last": pl.col("end").max()}
    near = among(through.select(_connection(), "start", "end"), asked, _CONNECTION)
    with parted(near, _CONNECTION) as accepted:
        both = [a.join(r, on=_CONNECTION, how="semi") for a, r in zip(accepted, asked, strict=True)]
        each = [part.group_by(_CONNECTION).agg(**span).collect(engine="streaming") for part in both]
    return pl.concat(each)


def _opened(refused: pl.LazyFrame) -> pl.Expr:
    """Return whether a record has a SYN: it opens a connection, and is not looked for among the accepted ones."""
    there = "tcp_flags" in refused.collect_schema().names()
    return ((pl.col("tcp_flags") & _SYN) > 0).fill_null(value=False) if there else pl.lit(value=False)


def _connection() -> pl.Expr:
    """Return a number for the interface and the two ends of a record, the same whichever way its packets went."""
    ends = [(pl.col(f"{side}addr").hash(1) + pl.col(f"{side}port").hash(2)).hash(3) for side in ("src", "dst")]
    return (ends[0] + ends[1] + pl.col("interface_id").hash(4)).alias(_CONNECTION)


def _reason(names: list[str]) -> pl.Expr:
    near = (pl.col("_first") <= pl.col("end")) & (pl.col("_last") >= pl.col("start") - pl.duration(minutes=10))
    after = (pl.col("protocol") == _TCP) & near.fill_null(value=False)
    own = pl.col("reject_reason") if "reject_reason" in names else pl.lit(None, dtype=pl.String)
    way = pl.col("flow_direction") if "flow_direction" in names else pl.lit(None, dtype=pl.String)
    flags = pl.col("tcp_flags") if "tcp_flags" in names else pl.lit(None, dtype=pl.Int32)
    no_syn = (pl.col("protocol") == _TCP) & ((flags & _SYN) == 0)
    said = pl.when(own == "BPA").then(pl.lit(BPA)).when(own == "EC").then(pl.lit(ENCRYPTION))
    late = said.when(no_syn & after).then(pl.lit(LATE)).when(no_syn).then(pl.lit(NO_SYN))
    unsure = late.when(flags.is_null() & after).then(pl.lit(PERHAPS))
    return (
        unsure.when(way == "ingress")
        .then(pl.lit(NOT_IN))
        .when(way == "egress")
        .then(pl.lit(NOT_OUT))
        .otherwise(pl.lit(NOT))
        .alias("reason")
    )
