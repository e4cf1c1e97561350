"""`fit` and `Split`: learn from a frame of flows what its health checks look like, and say of each flow which it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from weakref import WeakMethod

import polars as pl

from flowkit.knowledge import Groups, Knowledge, knowledge
from flowkit.split import decide
from flowkit.split.assign import assign, connections, shapes
from flowkit.split.beat import MOST_SYNS
from flowkit.split.clusters import SCHEMA, clusters, named, verdict
from flowkit.split.families import families, judged, spread, tried, united
from flowkit.split.folds import folded
from flowkit.split.fronts import located, suspects, weighed
from flowkit.split.keys import number
from flowkit.split.nodes import nodes_of
from flowkit.split.reduce import (
    NEEDED,
    SHAPE,
    SIDES,
    TESTS,
    Reduced,
    apart,
    both_sides,
    completed,
    follow,
    oriented,
    record,
    reduce_flows,
    scanning,
    served,
    usable,
)
from flowkit.split.words import against, boundary, page, summary


def fit(
    flows: pl.LazyFrame,
    *,
    lb_addresses: Collection[str] | str | None = None,
    target_groups: Groups | None = None,
    assign: Mapping[str, str] | None = None,
) -> Split:
    """Return how the health checks among these flows are told apart from their service.

    Reads the flows in a few streaming passes that reduce them to small tables; all that follows works on those. Needs
    only fields of version 2; newer ones, addresses and target groups make it surer, and the reasons name them. A family
    of connections is called a health check for what it weighs without its headers (a check repeats its own bytes), for
    its beat (counts per capture window far steadier than chance), and for its source (a load balancer's node: what
    clients send comes in at its front and goes on unchanged, its checks do not).
    Where nothing looks like that, nothing is claimed.

    Parameters
    ----------
    flows
        One row per flow record, with AWS's column names. Where a needed field is missing nothing is claimed, and
        `Split.boundary` says which.
    lb_addresses
        Addresses of the load balancer's nodes, when known. Then only they can be checkers; else nodes are inferred.
    target_groups
        How its target groups check their targets, as `flowkit.knowledge.knowledge` takes them.
    assign
        What a person decided, by the name of the cluster, as `Split.assign` takes it.

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
    lacking = tuple(name for name in NEEDED if name not in names)
    reduced, found = (None, None) if lacking else _learnt(flows, knowledge(lb_addresses, target_groups))
    split = Split(reduced, found, lacking)
    split.assign_all(assign or {})
    return split


def _learnt(flows: pl.LazyFrame, known: Knowledge) -> tuple[Reduced, pl.DataFrame]:
    reduced = reduce_flows(flows, known)
    what = tried(reduced)
    beats = follow(flows, reduced, what.beating())
    what = united(what, beats)
    fronts = served(flows, reduced, what.facts.join(what.ranges, on="unit", how="semi")["cl"])
    found = families(reduced, what, beats, fronts, known)
    doubted = suspects(found)
    sides = both_sides(flows, reduced, doubted) if doubted.height else pl.DataFrame(schema=SIDES)
    found = spread(named(judged(found, weighed(doubted, sides))), what)
    reduced = record(flows, reduced, shapes(found, reduced), located(found.filter("ported")))
    return reduced, folded(found, reduced)


@dataclass(eq=False, repr=False)
class Split:
    """How health checks and service were told apart: the families, the nodes, the boundary, and a label for every flow.

    Attributes
    ----------
    clusters
        One row per family of connections found, with runners-up: cluster (its name), kind, server_port,
        payload_low/payload_high (bytes without headers), bytes_low/bytes_high and packets_low/packets_high (a record,
        towards the target), flows (records seen at one interface), interval_s (seconds from check to check of one
        target by one address; where several checkers share the address, each one's own is as many times longer),
        checkers (addresses), targets (how many), confidence (the probability that the kind given is right; of an
        uncertain one, that it is health checks; 1 where a person decided), reason (in words), which is
        what it looks_like, what speaks_for health checks and what speaks_against them. What failing checks look
        like, a SYN alone, belongs to the cluster of the checks that are answered.
    nodes
        The load balancer's addresses as far as they are known: address, known ("given", "given, checks nothing",
        "given, not seen", "logged", "inferred" or "by hand"), why.
    boundary
        What separates health checks from service here, in words, with what was given and is not in the records, or
        does not agree with them.
    decisions
        What a person decided: the kind by the name of the cluster. `flowkit.load(…, assign=…)` takes it again.
    """

    reduced: Reduced | None
    found: pl.DataFrame | None
    lacking: tuple[str, ...] = ()
    decisions: dict[str, str] = field(default_factory=dict, init=False)
    clusters: pl.DataFrame = field(init=False)
    nodes: pl.DataFrame = field(init=False)
    boundary: str = field(init=False)
    checks: pl.DataFrame | None = field(init=False)
    _watchers: list[WeakMethod[Callable[[], None]]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._conclude()

    def assign(self, cluster: str, kind: str | None) -> None:
        """Say what a cluster is: "health-check", "service" or "uncertain"; None leaves it to the evidence again.

        The split is changed in place, and the flows of its case follow. Raises `QuestionError` where there is no such
        cluster or kind.

        >>> import flowkit as fk
        >>> case = fk.load(fk.samples("incident"), cache=False)
        >>> case.split.assign(case.split.clusters["cluster"][0], "service")
        >>> case.flows.filter(kind="health-check").collect().height
        0
        """
        decide.require(cluster, kind, self.clusters["cluster"].to_list())
        kept = {name: said for name, said in self.decisions.items() if name != cluster}
        self._decide({**kept, cluster: kind} if kind else kept)

    def assign_all(self, decisions: Mapping[str, str]) -> None:
        """Take over the decisions of another time, as `assign` does one by one."""
        for cluster, kind in decisions.items():
            decide.require(cluster, kind, self.clusters["cluster"].to_list())
        self._decide(dict(decisions))

    def watch(self, follow: Callable[[], None]) -> None:
        """Call a method after each decision, for as long as its object is there: so what shows the split follows."""
        self._watchers.append(WeakMethod(follow))

    @property
    def evidence(self) -> dict[str, str]:
        """What the evidence says of each cluster, whatever a person decided: the kind by the name of the cluster."""
        said = clusters(None if self.found is None else decide.decided(self.found, {}))
        return dict(said.select("cluster", "kind").iter_rows())

    def _decide(self, decisions: dict[str, str]) -> None:
        self.decisions = decisions
        self._conclude()
        for watcher in self._watchers:
            if follow := watcher():
                follow()

    def _conclude(self) -> None:
        """Work out again what follows from the evidence and the decisions; no record is read for it."""
        told = None if self.found is None else decide.decided(self.found, self.decisions)
        final = None if told is None else decide.weighed(told)
        drawn = clusters(told)
        self.clusters = drawn.select(list(SCHEMA))
        given = None if self.reduced is None else self.reduced.given
        self.boundary = " ".join([boundary(drawn, self.lacking), *against(final, given)])
        self.nodes = nodes_of(final, given)
        self.checks = None
        if self.reduced is not None and final is not None:
            self.checks = assign(self.reduced, final)

    def over(self, flows: pl.LazyFrame) -> Split:
        """Return the split for other flows of the same logs: its families, looked for in another stretch of time."""
        there = Split(self._reduced(flows), self.found, self.lacking)
        there.assign_all(self.decisions)
        return there

    def label(self, flows: pl.LazyFrame) -> pl.LazyFrame:
        """Return the flows with `kind` (String) and `confidence` (Float32), lazily.

        `kind` is "health-check", "service", "uncertain" (what speaks for a check and what speaks against it balance)
        or "other": not TCP, rejected, or a scan. `confidence` is the probability that the kind is right; of what is
        uncertain, that it is a check. Both directions and both interfaces of a connection are labelled.
        The flows should be those the split was fitted on: what lies in another window is not a known check.
        """
        names = [name for name in flows.collect_schema().names() if name not in ("kind", "confidence")]
        if self.reduced is None or self.checks is None:
            known = {name: expr for name, expr in TESTS.items() if name in names}
            counts = pl.all_horizontal(pl.lit(value=True), *known.values()).fill_null(value=False)
            return _kinds(flows.with_columns(_counts=counts, _chance=pl.lit(0.0)), names)
        flows = completed(flows)
        if self.reduced.doubled:
            flows = apart(flows.with_columns(_home="interface_id"), self.reduced.doubled)
        roles = oriented(flows, self.reduced.windows, self.reduced.ends)
        if self.reduced.doubled:
            roles = roles.with_columns(interface_id="_home")
        counts = usable()
        if self.reduced.scans.height:
            counts &= ~scanning().is_in(self.reduced.scans["scan"].implode())
        roles = roles.with_columns(_counts=counts.fill_null(False), _chance=pl.lit(0.0))
        return _kinds(self._chances(roles) if self.checks.height else roles, names)

    def _reduced(self, flows: pl.LazyFrame) -> Reduced | None:
        if self.reduced is None or self.found is None:
            return None
        reduced = replace(reduce_flows(flows, Knowledge(), self.reduced.windows), given=self.reduced.given)
        return record(flows, reduced, shapes(self.found, reduced), located(self.found.filter("ported")))

    def _chances(self, roles: pl.LazyFrame) -> pl.LazyFrame:
        assert self.checks is not None
        sizes = (
            self.checks.filter(~pl.col("ported")).select(_size=number(*SHAPE, "bin"), _sized="chance").unique("_size")
        )
        whole = connections(self.checks)
        roles = roles.with_columns(
            _size=number(*SHAPE, "bin"),
            _connection=number("_interface", "_cl", "_sv", "sp", "clport", "bin"),
        )
        roles = roles.join(sizes.lazy(), on="_size", how="left").join(whole.lazy(), on="_connection", how="left")
        # The rest of a check that a window's edge cut off goes the same way and carries no data, or is its SYN again.
        syns = pl.col("bytes") == (pl.col("_segment") + 8) * pl.col("packets")
        carried = (
            pl.col("_ported")
            | (pl.col("reply") != pl.col("_way"))
            | (pl.col("bytes") <= pl.col("_segment") * pl.col("packets"))
            | (syns & (pl.col("packets") <= MOST_SYNS))
        )
        chance = pl.max_horizontal(
            pl.col("_sized").fill_null(0.0), pl.when(carried).then("_whole").otherwise(0.0).fill_null(0.0)
        )
        return roles.with_columns(_chance=pl.when("_counts").then(chance).otherwise(0.0))

    def __repr__(self) -> str:
        return summary(self.clusters, self.nodes, self.boundary)

    def _repr_html_(self) -> str:
        return page(self.clusters, self.nodes, self.boundary)


def _kinds(frame: pl.LazyFrame, names: list[str]) -> pl.LazyFrame:
    chance = pl.col("_chance")
    kind = pl.when(~pl.col("_counts")).then(pl.lit("other")).otherwise(verdict(chance))
    sure = pl.when(~pl.col("_counts")).then(1.0).when(chance >= decide.DOUBT).then(chance).otherwise(1 - chance)
    return frame.select(*names, kind=kind, confidence=sure.cast(pl.Float32))
