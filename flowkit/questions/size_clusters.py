"""Clusters of record sizes by byte count alone, and the boundaries between them: the picture a person checks by eye."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import polars as pl

from flowkit.questions.shared import number, require, seen_from
from flowkit.questions.sizes import bin_of

SCHEMA = {
    "server_port": pl.Int32, "cluster": pl.String, "bytes_low": pl.Int64, "bytes_high": pl.Int64,
    "flows": pl.Int64, "share": pl.Float64, "boundary": pl.Int64,
}  # fmt: skip
# A further cluster that does not take away a twentieth of the spread is no cluster a person would draw.
WORTH = 0.05


def size_clusters(
    flows: pl.LazyFrame, *, most: int = 6, ports: int = 8, protocol: int = 6, vantage: str = "once"
) -> pl.LazyFrame:
    """Return clusters of what was sent to each server port, by the bytes of a record alone.

    Exact weighted k-means in one dimension (Wang and Song 2011, *Ckmeans.1d.dp*), of the logarithm of the size, over
    bins of a sixteenth of an octave: the least sum of squares there is, whatever the number of records. The number of
    clusters is the least after which a further one would take away less than a twentieth of the spread. This is what
    bytes alone show; `case.split.clusters` says which of them are health checks, judging by beat and source too.

    Parameters
    ----------
    flows
        Flow records, as `case.flows` or `flowkit.scan` give them.
    most
        Clusters of a port at most.
    ports
        How many server ports, those with most records.
    protocol
        IANA number: 6 is TCP.
    vantage
        "once" (each pair of addresses from one interface), "all", or one interface "eni-…".

    Returns
    -------
    Columns `server_port` (the lower of the two), `cluster` (its name), `bytes_low`, `bytes_high` (of a record towards
    the server, both included), `flows`, `share` (of the port's), `boundary` (bytes: from here on the next cluster; null
    for the last); sorted by port and size. Raises `QuestionError` on an unknown column or option.

    >>> flows = pl.LazyFrame({"srcport": [40000] * 5, "dstport": [80] * 5, "protocol": [6] * 5,
    ...                       "bytes": [164, 164, 216, 5000, 5200]})
    >>> size_clusters(flows, vantage="all").select("cluster", "flows", "boundary").collect().rows()
    [('port 80, 164–216 B', 3, 1039), ('port 80, 5,000–5,200 B', 2, None)]
    """
    require(flows, ["bytes", "srcport", "dstport", "protocol"])
    number("most", most)
    number("ports", ports)
    sent = seen_from(flows, vantage).filter(
        pl.col("protocol") == protocol, pl.col("dstport") < pl.col("srcport"), pl.col("bytes") > 0
    )
    low, _ = bin_of(pl.col("bytes").cast(pl.Int64))
    bins = sent.group_by("dstport", bin=low).agg(
        n=pl.len(), low=pl.col("bytes").min().cast(pl.Int64), high=pl.col("bytes").max().cast(pl.Int64)
    )
    return bins.map_batches(lambda table: _clustered(table, most, ports), schema=SCHEMA)


def _clustered(bins: pl.DataFrame, most: int, ports: int) -> pl.DataFrame:
    counts = bins.group_by("dstport").agg(pl.col("n").sum()).sort("n", "dstport", descending=[True, False])
    rows = [
        row
        for port in sorted(counts["dstport"].head(ports).to_list())
        for row in _of_port(port, bins.filter(dstport=port).sort("low"), most)
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _of_port(port: int, bins: pl.DataFrame, most: int) -> list[tuple[object, ...]]:
    low, high, n = (bins[column].to_list() for column in ("low", "high", "n"))
    starts = cut(((bins["low"] * bins["high"]).cast(pl.Float64).log(2) / 2).to_list(), n, most)
    parts = [(low[i], high[j - 1], sum(n[i:j])) for i, j in zip(starts, [*starts[1:], len(n)], strict=True)]
    edges = [round((a[1] * b[0]) ** 0.5) for a, b in pairwise(parts)]
    whole = sum(n)
    return [
        (port, _name(port, first, last), first, last, count, count / whole, edge)
        for (first, last, count), edge in zip(parts, [*edges, None], strict=True)
    ]


def _name(port: int, low: int, high: int) -> str:
    return f"port {port}, " + (f"{low:,} B" if low == high else f"{low:,}–{high:,} B")


def cut(places: Sequence[float], weights: Sequence[int], most: int) -> list[int]:
    """Return where each cluster of sorted places begins.

    Dynamic programming over at most some hundred bins: a library for it (ckwrap, ckmeans) would bring numpy along for
    milliseconds of work.

    >>> cut([1.0, 1.1, 5.0, 5.1, 9.0], [1, 1, 1, 1, 1], 6)
    [0, 2, 4]
    """
    sums = [(0.0, 0.0, 0.0)]
    for x, w in zip(places, weights, strict=True):
        s = sums[-1]
        sums.append((s[0] + w, s[1] + w * x, s[2] + w * x * x))

    def spread(i: int, j: int) -> float:
        w, s, q = (b - a for a, b in zip(sums[i], sums[j], strict=True))
        return max(0.0, q - s * s / w)

    ends = range(1, len(places) + 1)
    best, ways = [spread(0, j) for j in ends], [[[0]] * len(places)]
    costs = [best[-1]]
    for k in range(1, min(most, len(places))):
        before, known = best, ways[-1]
        picks = [min((before[i - 1] + spread(i, j), i) for i in range(k, j)) if j > k else (0.0, 0) for j in ends]
        best = [cost for cost, _ in picks]
        ways.append([[*known[i - 1], i] if i else known[j - 1] for j, (_, i) in zip(ends, picks, strict=True)])
        costs.append(best[-1])
    worth = [a - b >= WORTH * costs[0] and costs[0] > 0 for a, b in pairwise(costs)]
    return ways[next((k for k, so in enumerate(worth) if not so), len(worth))][-1]
