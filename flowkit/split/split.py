"""`fit` and `Split`: learn from a frame of flows what its health checks look like, and say of each flow which it is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import polars as pl

from flowkit.split.assign import CHECK, DOUBT, assign
from flowkit.split.families import families
from flowkit.split.nodes import nodes_of
from flowkit.split.reduce import NEEDED, UNIT, Reduced, completed, oriented, reduce_flows, usable
from flowkit.split.words import boundary, clusters, page, summary

CONNECTION = ["interface_id", *UNIT, "clport", "bin"]


def fit(flows: pl.LazyFrame, *, lb_addresses: Collection[str] | None = None) -> Split:
    """Return how the health checks among these flows are told apart from their service.

    Reads the flows in two streaming passes that reduce them to small tables; all that follows works on those. Needs
    only fields of version 2. A family of connections is called a health check for what it weighs without its headers
    (a check repeats its own bytes), for its beat (counts per capture window far steadier than chance), and for its
    source (a load balancer's node: what clients send comes in at its front and goes on unchanged, its checks do not).
    Where nothing looks like that, nothing is claimed.

    Parameters
    ----------
    flows
        One row per flow record, with AWS's column names. Where a needed field is missing nothing is claimed, and
        `Split.boundary` says which.
    lb_addresses
        Addresses of the load balancer's nodes, when known. Then only they can be checkers; else nodes are inferred.

    Returns
    -------
    Split
        Its `label` says of each flow what it is; `clusters`, `nodes` and `boundary` say why.

    Examples
    --------
    >>> import polars as pl
    >>> fit(pl.LazyFrame(schema=["srcaddr", "dstaddr", "protocol", "packets", "bytes", "start", "end"])).boundary
    'Health checks cannot be told apart: these flows lack srcport, dstport.'
    """
    names = flows.collect_schema().names()
    lacking = [name for name in NEEDED if name not in names]
    if lacking:
        return Split(clusters=clusters(None), nodes=nodes_of(None), boundary=boundary(None, lacking))
    reduced = reduce_flows(flows)
    found = families(reduced, lb_addresses)
    checks = assign(reduced.hist, reduced.windows, found)
    return Split(
        clusters=clusters(found),
        nodes=nodes_of(found),
        boundary=boundary(found),
        reduced=reduced,
        checks=checks,
        found=found,
    )


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """How health checks and service were told apart: the families, the nodes, the boundary, and a label for every flow.

    Attributes
    ----------
    clusters
        One row per family of connections found, with runners-up: cluster (its name), kind, server_port,
        payload_low/payload_high (bytes without headers), bytes_low/bytes_high and packets_low/packets_high (a record,
        towards the target), flows (records seen at one interface), interval_s (seconds between checks from one checker
        to one target), checkers, targets (how many), confidence (that it is a health check), reason (in words).
    nodes
        The load balancer's addresses as far as they are known: address, known ("given", "logged" or "inferred"), why.
    boundary
        What separates health checks from service here, in words.
    """

    clusters: pl.DataFrame
    nodes: pl.DataFrame
    boundary: str
    reduced: Reduced | None = field(default=None)
    checks: pl.DataFrame | None = field(default=None)
    found: pl.DataFrame | None = field(default=None)

    def over(self, flows: pl.LazyFrame) -> Split:
        """Return the split for other flows of the same logs: its families, looked for in another stretch of time."""
        if self.found is None:
            return self
        reduced = reduce_flows(flows)
        return replace(self, reduced=reduced, checks=assign(reduced.hist, reduced.windows, self.found))

    def label(self, flows: pl.LazyFrame) -> pl.LazyFrame:
        """Return the flows with `kind` (String) and `confidence` (Float32, of that kind), lazily.

        `kind` is "health-check", "service", "uncertain" (what speaks for a check and what speaks against it balance)
        or "other": not TCP, rejected, or a scan. Both directions and both interfaces of a connection are labelled.
        The flows should be those the split was fitted on: what lies in another window is not a known check.
        """
        names = [name for name in flows.collect_schema().names() if name not in ("kind", "confidence")]
        if self.reduced is None or self.checks is None:
            return _kinds(flows.with_columns(_counts=pl.lit(True), _chance=pl.lit(0.0)), names)
        roles = oriented(completed(flows), self.reduced.windows, self.reduced.ends)
        counts = usable() & ~self._scans()
        roles = roles.with_columns(_counts=counts.fill_null(False), _chance=pl.lit(0.0))
        return _kinds(self._chances(roles) if self.checks.height else roles, names)

    def _scans(self) -> pl.Expr:
        assert self.reduced is not None
        pairs = self.reduced.scans.select(pl.concat_str("cl", "sv", separator=" ")).to_series()
        return pl.concat_str("cl", "sv", separator=" ").is_in(pairs.implode()) if len(pairs) else pl.lit(False)

    def _chances(self, roles: pl.LazyFrame) -> pl.LazyFrame:
        assert self.checks is not None
        where = ["interface_id", *UNIT, "reply", "packets", "bytes", "bin"]
        seen = roles.join(self.checks.lazy(), on=where, how="left", maintain_order="left")
        seen = seen.with_columns(_chance=pl.when("_counts").then("chance").fill_null(0.0)).drop("chance")
        both = seen.join(_answers(seen), on=[*CONNECTION, "reply"], how="left", maintain_order="left")
        return both.with_columns(_chance=pl.max_horizontal("_chance", pl.when("_counts").then("answer").fill_null(0.0)))

    def __repr__(self) -> str:
        return summary(self.clusters, self.nodes, self.boundary)

    def _repr_html_(self) -> str:
        return page(self.clusters, self.nodes, self.boundary)


def _answers(seen: pl.LazyFrame) -> pl.LazyFrame:
    """Return the other direction of every connection that is, or may be, a check: it carries the label across."""
    checks = seen.filter(pl.col("_chance") >= DOUBT).select(*CONNECTION, ~pl.col("reply"), answer="_chance")
    # The answer's record may lie in the window beside: its first packet comes later, and a load balancer's interface
    # is logged by several capturers at once, each with windows of its own. Source ports are fresh, so this is safe.
    beside = pl.concat([checks.with_columns(pl.col("bin") + step) for step in (-1, 0, 1)])
    return beside.group_by(*CONNECTION, "reply").agg(pl.col("answer").max())


def _kinds(frame: pl.LazyFrame, names: list[str]) -> pl.LazyFrame:
    chance = pl.col("_chance")
    kind = (
        pl.when(~pl.col("_counts"))
        .then(pl.lit("other"))
        .when(chance >= CHECK)
        .then(pl.lit("health-check"))
        .when(chance >= DOUBT)
        .then(pl.lit("uncertain"))
        .otherwise(pl.lit("service"))
    )
    sure = pl.when(~pl.col("_counts")).then(1.0).when(chance >= DOUBT).then(chance).otherwise(1 - chance)
    return frame.select(*names, kind=kind, confidence=sure.cast(pl.Float32))
