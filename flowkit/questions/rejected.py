"""What was refused, by whom it came from, and whether it really was a block."""

from __future__ import annotations

import polars as pl

from flowkit.questions.shared import COUNTS, OTHER, By, columns, number, require, sums, text

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
    each = _with_reason(flows).group_by(*text(*keys), "reason", pl.col("srcaddr").alias("_source"))
    groups = each.agg(*sums(), first_seen=pl.col("start").min(), last_seen=pl.col("end").max())
    cut = groups.join(_first(groups, keys, n), on=[*keys, "reason"], how="left")
    # A port scan has one source and a thousand ports: what all left-over groups share, their row keeps.
    names = [pl.when(pl.col(key).n_unique() == 1).then(pl.col(key).first()).otherwise(pl.lit(OTHER)) for key in keys]
    return (
        cut.group_by(pl.col("_rank").fill_null(n), "reason")
        .agg(
            *(value.alias(key) for key, value in zip(keys, names, strict=True)),
            pl.col(*COUNTS).sum(),
            pl.col("first_seen").min(),
            pl.col("last_seen").max(),
            sources=pl.col("_source").n_unique().cast(pl.Int64),
            groups=pl.struct(pl.lit(0), *keys).hash().n_unique().cast(pl.Int64),
        )
        .sort("_rank", "flows", "reason", descending=[False, True, False])
        .select(*keys, *made)
    )


def _first(groups: pl.LazyFrame, keys: tuple[str, ...], n: int) -> pl.LazyFrame:
    """Return the groups refused most often, with their place from 0 as `_rank`."""
    totals = groups.group_by(*keys, "reason").agg(pl.col("flows").sum())
    order = totals.sort("flows", *keys, "reason", descending=[True, *(False for _ in keys), False])
    return order.head(n).drop("flows").with_row_index("_rank")


def _with_reason(flows: pl.LazyFrame) -> pl.LazyFrame:
    """Return the REJECTs with `reason`: each is looked up among the accepted connections of its own interface."""
    names = flows.collect_schema().names()
    refused = flows.filter(pl.col("action") == "REJECT").with_columns(_connection())
    accepted = (
        flows.filter((pl.col("action") == "ACCEPT") & (pl.col("protocol") == _TCP))
        .select(_connection(), "start", "end")
        .join(refused.select(_CONNECTION).unique(), on=_CONNECTION, how="semi")
        .group_by(_CONNECTION)
        .agg(_first=pl.col("start").min(), _last=pl.col("end").max())
    )
    near = (pl.col("_first") <= pl.col("end")) & (pl.col("_last") >= pl.col("start") - pl.duration(minutes=10))
    after = (pl.col("protocol") == _TCP) & near.fill_null(value=False)
    known = refused.join(accepted, on=_CONNECTION, how="left")
    return known.with_columns(reason=_reason(names, after))


def _connection() -> pl.Expr:
    """Return a number for the interface and the two ends of a record, the same whichever way its packets went."""
    ends = [(pl.col(f"{side}addr").hash(1) + pl.col(f"{side}port").hash(2)).hash(3) for side in ("src", "dst")]
    return (ends[0] + ends[1] + pl.col("interface_id").hash(4)).alias(_CONNECTION)


def _reason(names: list[str], after: pl.Expr) -> pl.Expr:
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
    )
