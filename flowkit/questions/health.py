"""Target health from the flow logs alone: what became of the load balancer's checks, target by target."""

from __future__ import annotations

import math
import re

import polars as pl

from flowkit.errors import QuestionError
from flowkit.questions.aggregation import aggregation
from flowkit.questions.shared import require, seen_from
from flowkit.schema import TIME

OUTCOMES = ("answered", "slow", "refused", "unreachable")
FAILED = ("refused", "unreachable")
NEEDED = ("interface_id", "srcaddr", "dstaddr", "srcport", "dstport", "packets", "bytes", "start", "end", "kind")
_PAIR = ["target", "checker"]
_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
# AWS takes a target out after two failed checks in a row at the least: one alone changes nothing.
_LASTING = 2
# A target is no longer checked when this many checks that were due have not come.
_OVERDUE = 3


def target_health(flows: pl.LazyFrame, *, every: str | None = None) -> pl.LazyFrame:
    """Return what became of the health checks of each target by each checker, in each bin of time.

    Parameters
    ----------
    flows
        Labelled flow records, as `case.flows` gives them.
    every
        Length of a bin: "30s", "1m", "5m", "1h". By default the capture window: the records know nothing shorter.

    Returns
    -------
    Columns `target` ("10.0.1.102:80", IPv6 "[fd00::1]:80"), `checker` (its address), `time` (start of the bin), the
    checks by outcome, each UInt32: `answered`, `slow` (the connection stood, but the usual answer did not come),
    `refused` (a reset came back), `unreachable` (nothing came back), and `checks`, their sum; `service`, the records
    of service towards the target; `state`: "answering", "slow", "refused", "unreachable" or "no checks seen". Sorted by
    target, checker, time. A bin in which no check was due keeps the state before it.

    Raises
    ------
    QuestionError
        Where a column is missing (`kind` comes with `flowkit.load`) or `every` is no length of time.

    >>> from datetime import UTC, datetime
    >>> at = [datetime(2026, 5, 14, 0, 0, second, tzinfo=UTC) for second in (0, 0, 10, 10)]
    >>> flows = pl.LazyFrame({"interface_id": "eni-a", "start": at, "end": at, "protocol": 6, "kind": "health-check",
    ...     "srcaddr": ["10.0.0.9", "10.0.1.1"] * 2, "dstaddr": ["10.0.1.1", "10.0.0.9"] * 2,
    ...     "srcport": [40000, 80, 40002, 80], "dstport": [80, 40000, 80, 40002],
    ...     "packets": [4, 2, 1, 1], "bytes": [216, 112, 60, 40]})
    >>> target_health(flows).select("target", "checker", "answered", "refused", "state").collect().rows()
    [('10.0.1.1:80', '10.0.0.9', 1, 1, 'answering')]
    """
    health = _health(flows, every)
    counts = [pl.col(name).cast(pl.UInt32) for name in (*OUTCOMES, "checks", "service")]
    return health.select(*_PAIR, "time", *counts, "state").sort(*_PAIR, "time")


def health_changes(flows: pl.LazyFrame) -> pl.LazyFrame:
    """Return the lasting states of each target, one row a state: what happened to it, from when to when.

    A state lasts from two checks on. Its start is placed within the capture window by the share of checks that still
    had the state before.

    Returns
    -------
    Columns `target`, `state`, `start`, `end`, `checks` (all outcomes), `checkers` (how many), `service` (records of
    service towards the target meanwhile); sorted by target and start. Raises `QuestionError` like `target_health`.

    >>> from datetime import UTC, datetime
    >>> flows = pl.LazyFrame({"interface_id": "eni-a", "protocol": 6, "kind": "health-check", "srcaddr": "10.0.0.9",
    ...     "start": [datetime(2026, 5, 14, 0, minute, tzinfo=UTC) for minute in (0, 0, 1, 1, 1)],
    ...     "end": [datetime(2026, 5, 14, 0, minute, tzinfo=UTC) for minute in (0, 0, 1, 1, 1)],
    ...     "dstaddr": "10.0.1.1", "srcport": [40000, 40002, 40004, 40006, 40008], "dstport": 80,
    ...     "packets": [4, 4, 1, 1, 1], "bytes": [216, 216, 60, 60, 60]})
    >>> health_changes(flows).select("target", "state", pl.col("start").dt.minute()).collect().rows()
    [('10.0.1.1:80', 'answering', 0), ('10.0.1.1:80', 'unreachable', 1)]
    """
    health = _health(flows, None)
    whole = health.group_by("target", "time").agg(
        *(pl.col(name).sum() for name in (*OUTCOMES, "checks")),
        pl.col("service").max(),
        pl.col("opened").min(),
        pl.col("closed").max(),
        checkers=pl.col("checker").filter(pl.col("checks") > 0),
    )
    return _runs(_states(whole, ["target"]))


def _health(flows: pl.LazyFrame, every: str | None) -> pl.LazyFrame:
    require(flows, NEEDED)
    seen = seen_from(flows, "once").filter(pl.col("kind").is_in(["health-check", "uncertain", "service"]))
    timed = _timed(seen.select(*NEEDED), flows, every)
    checks = _connections(timed.filter(pl.col("kind") != "service"))
    # From here on a few rows a window: worked out eagerly, when the query runs.
    counted = checks.map_batches(
        _counted, schema=_COUNTED, predicate_pushdown=False, projection_pushdown=False, slice_pushdown=False
    )
    served = timed.filter(pl.col("kind") == "service").group_by("_bin", target=_end("dst")).agg(service=pl.len())
    whole = counted.join(served, on=["target", "_bin"], how="left")
    return whole.with_columns(pl.col("service").fill_null(0).cast(pl.Int64)).drop("_bin")


def _timed(seen: pl.LazyFrame, flows: pl.LazyFrame, every: str | None) -> pl.LazyFrame:
    """Return the records with `_bin` and `_width` (ms): each in the bin of its middle, which its window contains."""
    middle = (pl.col("start").dt.epoch("ms") + pl.col("end").dt.epoch("ms")) // 2
    if every is not None:
        return seen.with_columns(_width=pl.lit(_millis(every))).with_columns(_bin=middle // pl.col("_width"))
    windows = aggregation(flows)
    # The widest window among the interfaces: a bin that holds whole windows of all. Where nothing tells, a minute.
    width = windows.select(_width=pl.col("window_s").max().fill_null(60).cast(pl.Int64) * 1000)
    seen = seen.join(width, how="cross")
    # Windows that all records of an interface share have a grid of their own, and each is a bin.
    angle = middle % pl.col("_width") * (2 * math.pi) / pl.col("_width")
    mean = pl.arctan2(angle.sin().sum(), angle.cos().sum()) / (2 * math.pi) * pl.col("_width").first()
    centre = (
        seen.group_by("interface_id").agg(_centre=mean).join(windows.filter("shared"), on="interface_id", how="semi")
    )
    seen = seen.join(centre, on="interface_id", how="left")
    nearest = ((middle - pl.col("_centre") + pl.col("_width") / 2) // pl.col("_width")).cast(pl.Int64)
    return seen.with_columns(_bin=pl.coalesce(nearest, middle // pl.col("_width"))).drop("_centre")


def _millis(every: str) -> int:
    match = re.fullmatch(r"(\d+)([smhd])", every)
    if not match or int(match[1]) == 0:
        raise QuestionError(f"every={every!r} is no length of time: write it as '30s', '1m', '5m' or '1h'")
    return int(match[1]) * _UNITS[match[2]]


def _connections(checks: pl.LazyFrame) -> pl.LazyFrame:
    """Return one row per connection and bin, its ends in the order of their names, with what went either way."""
    src, dst = (pl.struct(addr=f"{side}addr", port=f"{side}port") for side in ("src", "dst"))
    forth = (pl.col("srcaddr") < pl.col("dstaddr")) | (
        (pl.col("srcaddr") == pl.col("dstaddr")) & (pl.col("srcport") < pl.col("dstport"))
    )
    one, two = pl.when(forth).then(src).otherwise(dst), pl.when(forth).then(dst).otherwise(src)
    return checks.group_by("_bin", "_width", one.alias("one"), two.alias("two")).agg(
        *(
            pl.col(name).filter(side).sum().alias(f"{name}_{way}")
            for name in ("packets", "bytes")
            for way, side in (("forth", forth), ("back", ~forth))
        ),
        start=pl.col("start").min(),
        end=pl.col("end").max(),
        sure=(pl.col("kind") == "health-check").any(),
    )


def _end(side: str) -> pl.Expr:
    """Return an address with its port as a person writes it."""
    return _shown(pl.col(f"{side}addr"), pl.col(f"{side}port"))


def _shown(address: pl.Expr, port: pl.Expr) -> pl.Expr:
    v6 = address.str.contains(":", literal=True)
    return pl.format("{}:{}", pl.when(v6).then(pl.format("[{}]", address)).otherwise(address), port)


_COUNTED = {
    **dict.fromkeys(_PAIR, pl.String()),
    "_bin": pl.Int64(),
    "time": TIME,
    **dict.fromkeys((*OUTCOMES, "checks"), pl.Int64()),
    "opened": TIME,
    "closed": TIME,
    "state": pl.String(),
}


def _counted(connections: pl.DataFrame) -> pl.DataFrame:
    """Return the checks of each target by each checker and bin, by outcome, with the state."""
    if connections.is_empty():
        return pl.DataFrame(schema=_COUNTED)
    width = int(connections["_width"][0])
    told = _outcomes(_joined(_sided(connections)))
    sure, doubtful = told.filter("sure"), told.filter(~pl.col("sure") & pl.col("outcome").is_in(FAILED))
    counted = sure.group_by(*_PAIR, "_bin").agg(
        *(pl.col("n").filter(pl.col("outcome") == name).sum().alias(name) for name in OUTCOMES),
        opened=pl.col("start").min(),
        closed=pl.col("end").max(),
    )
    if counted.is_empty():
        return pl.DataFrame(schema=_COUNTED)
    whole = _every_bin(_with_doubtful(counted, doubtful)).with_columns(pl.col(*OUTCOMES).fill_null(0))
    time = (pl.col("_bin") * width).cast(pl.Datetime("ms")).dt.replace_time_zone("UTC").cast(TIME)
    whole = whole.with_columns(time=time, checks=pl.sum_horizontal(OUTCOMES))
    return _states(whole.lazy(), _PAIR).select(list(_COUNTED)).cast(_COUNTED).collect()  # type: ignore[arg-type]


def _with_doubtful(counted: pl.DataFrame, doubtful: pl.DataFrame) -> pl.DataFrame:
    """Return the counts with failed connections that may be service's, as many as there are checks missing.

    When a target refuses, it refuses checks and service alike, with the same few bytes: which is which is not to be
    known, but how many checks were due is.
    """
    due = counted.with_columns(pl.sum_horizontal(OUTCOMES).alias("due")).group_by(_PAIR).agg(pl.col("due").median())
    maybe = (
        doubtful.join(due, on=_PAIR)
        .group_by(*_PAIR, "_bin")
        .agg(
            *(pl.col("n").filter(pl.col("outcome") == name).sum().alias(f"{name}_maybe") for name in FAILED),
            pl.col("due").first(),
            start=pl.col("start").min(),
            end=pl.col("end").max(),
        )
    )
    both = counted.join(maybe, on=[*_PAIR, "_bin"], how="full", coalesce=True)
    both = both.with_columns(pl.col(*OUTCOMES, "due", "^.*_maybe$").fill_null(0))
    some = pl.sum_horizontal(f"{name}_maybe" for name in FAILED)
    missing = pl.min_horizontal((pl.col("due") - pl.sum_horizontal(OUTCOMES)).clip(0), some)
    share = [(missing * pl.col(f"{name}_maybe") / some.clip(1)).round().cast(pl.Int64) for name in FAILED]
    both = both.with_columns(pl.col(name) + part for name, part in zip(FAILED, share, strict=True))
    times = {"opened": pl.min_horizontal("opened", "start"), "closed": pl.max_horizontal("closed", "end")}
    return both.with_columns(**times).select(counted.columns)


def _sided(connections: pl.DataFrame) -> pl.DataFrame:
    """Return the connections with `target`, `checker`, `port` (the checker's), and what went there and came back.

    The target's end is the one that meets more ports: each check comes from a new one, and all go to the same.
    """
    ends = pl.concat(
        connections.select(end=near, other=pl.col(far).struct.field("port"))
        for near, far in (("one", "two"), ("two", "one"))
    )
    meets = ends.group_by("end").agg(met=pl.col("other").n_unique())
    for end in ("one", "two"):
        connections = connections.join(meets.rename({"met": f"met_{end}"}), left_on=end, right_on="end")
    lower = pl.col("one").struct.field("port") < pl.col("two").struct.field("port")
    first = pl.when(pl.col("met_one") != pl.col("met_two")).then(pl.col("met_one") > pl.col("met_two")).otherwise(lower)
    target, checker = pl.when(first).then("one").otherwise("two"), pl.when(first).then("two").otherwise("one")
    ways = {"fp": ("packets", "back", "forth"), "fb": ("bytes", "back", "forth")}
    ways |= {"bp": ("packets", "forth", "back"), "bb": ("bytes", "forth", "back")}
    return connections.select(
        "_bin",
        "sure",
        "start",
        "end",
        target=_shown(target.struct.field("addr"), target.struct.field("port")),
        checker=checker.struct.field("addr"),
        port=checker.struct.field("port"),
        **{name: pl.when(first).then(f"{what}_{a}").otherwise(f"{what}_{b}") for name, (what, a, b) in ways.items()},
    )


def _joined(parts: pl.DataFrame) -> pl.DataFrame:
    """Return the connections that a window's edge cut in two as one: halves that make no more than one check."""
    keys = [*_PAIR, "port", "_bin"]
    stood = ~_silent() & (pl.col("fp") > 1)
    usual = pl.col("fp").filter(stood).median().over(_PAIR).fill_null(1)
    parts = parts.with_columns(usual=usual, answer=pl.col("bb").filter(stood).median().over(_PAIR))
    amounts = ["fp", "fb", "bp", "bb"]
    after = parts.select(*keys, *amounts).with_columns(pl.col("_bin") - 1)
    before = parts.select(*keys, *amounts).with_columns(pl.col("_bin") + 1)
    parts = parts.join(after, on=keys, how="left", suffix="_after").join(before, on=keys, how="left", suffix="_before")
    one = pl.col("usual") + 2
    tail = (pl.col("fp_before") + pl.col("fp") <= one) & (pl.col("fp") < pl.col("usual"))
    head = (pl.col("fp") + pl.col("fp_after") <= one).fill_null(value=False)
    # An answer may also be recorded in the window before: a balancer's interface is logged by several capturers.
    early = ((pl.col("fp_before") == 0) & (pl.col("bp") == 0)).fill_null(value=False)
    whole = [
        pl.when(head)
        .then(pl.col(name) + pl.col(f"{name}_after"))
        .when(early)
        .then(pl.col(name) + pl.col(f"{name}_before"))
        .otherwise(name)
        .alias(name)
        for name in amounts
    ]
    tail &= pl.col("fp_before") > 0
    return parts.filter((pl.col("fp") > 0) & ~tail.fill_null(value=False)).with_columns(whole)


def _longer() -> pl.Expr:
    """Return what each IPv6 header weighs more than one of IPv4."""
    return pl.when(pl.col("checker").str.contains(":", literal=True)).then(20).otherwise(0)


def _each() -> pl.Expr:
    return pl.col("fb") / pl.col("fp") - _longer()


def _silent() -> pl.Expr:
    """Whether nothing but SYNs went there: 60 bytes each, or without timestamps 52, 48 or 44.

    The shorter ones are believed only where nothing came back, or as many resets of 40 bytes: a whole check without
    timestamps weighs 132 bytes in 3 packets, as much as three SYNs; and a lone 52 may be the rest of a connection.
    """
    reset = (pl.col("bp") == pl.col("fp")) & (pl.col("bb") == (40 + _longer()) * pl.col("bp"))
    lost = (pl.col("bp") == 0) & ((_each() != 52) | (pl.col("fp") > 1))
    return (_each() == 60) | (_each().is_in([44.0, 48.0, 52.0]) & (reset | lost))


def _outcomes(checks: pl.DataFrame) -> pl.DataFrame:
    """Return the checks with `outcome` and `n`, how many checks the connection holds (a port may come back)."""
    silent = _silent()
    # Nothing but ACKs and FINs, of 52 bytes or 40 each, is the rest of a connection and no check.
    rest = ~silent & _each().is_in([40.0, 52.0])
    data = pl.col("answer") - 60 * pl.col("usual")
    dumb = (data > 24) & (pl.col("bp") > 0) & (pl.col("bb") <= (56 + _longer()) * pl.col("bp"))
    outcome = (
        pl.when(silent & (pl.col("bp") == 0))
        .then(pl.lit("unreachable"))
        .when(silent)
        .then(pl.lit("refused"))
        .when(dumb)
        .then(pl.lit("slow"))
        .otherwise(pl.lit("answered"))
    )
    several = (pl.col("fp") / pl.col("usual").clip(1)).round().clip(1)
    n = pl.when(outcome == "refused").then("fp").when(outcome == "unreachable").then(1).otherwise(several)
    return checks.filter(~rest).with_columns(outcome=outcome, n=n.cast(pl.Int64))


def _every_bin(counted: pl.DataFrame) -> pl.DataFrame:
    """Return the counts with a row for every bin between the first and the last, so that silence has rows too."""
    first, last = int(counted["_bin"].min()), int(counted["_bin"].max())  # type: ignore[arg-type]
    # A record with a broken time must not make a million rows. The first and the last window are cut off: no silence.
    inner = pl.DataFrame({"_bin": range(first + 1, min(last, first + 100_000))}, schema={"_bin": pl.Int64})
    grid = counted.select(_PAIR).unique().join(inner, how="cross")
    return grid.join(counted, on=[*_PAIR, "_bin"], how="full", coalesce=True)


def _states(counts: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    """Return the counts with `state`: what most checks of the bin met; two slow ones, or a third, make it slow."""
    failed = pl.col("refused") + pl.col("unreachable")
    state = (
        pl.when(pl.col("checks") == 0)
        .then(None)
        .when(2 * failed > pl.col("checks"))
        .then(
            pl.when(pl.col("refused") >= pl.col("unreachable")).then(pl.lit("refused")).otherwise(pl.lit("unreachable"))
        )
        .when(pl.col("slow") >= pl.max_horizontal(1, pl.min_horizontal(pl.col("checks") / 3, 2), pl.col("checks") / 10))
        .then(pl.lit("slow"))
        .otherwise(pl.lit("answering"))
    )
    pace = pl.col("checks").sum().over(keys) / (pl.col("checks") > 0).sum().over(keys)
    silence = (pl.col("checks") == 0).rle_id().over(keys, order_by="time")
    counts = counts.with_columns(state=state, _silence=silence, _pace=pace)
    # One empty bin may be the work of windows that lie askew; two are not.
    empty = pl.len().over(*keys, "_silence")
    overdue = (pl.col("checks") == 0) & (empty >= 2) & (empty * pl.col("_pace") >= _OVERDUE)
    counts = counts.with_columns(state=pl.when(overdue).then(pl.lit("no checks seen")).otherwise("state"))
    kept = pl.col("state").forward_fill().backward_fill().over(keys, order_by="time")
    return counts.with_columns(state=kept).drop("_silence", "_pace")


_STATE_OF = {"answering": "answered", "slow": "slow", "refused": "refused", "unreachable": "unreachable"}


def _share(before: str = "") -> pl.Expr:
    """Return which share of a bin's checks met the row's state, in this bin or (`before="_"`) in the one before."""
    met = pl.sum_horizontal(
        pl.when(pl.col("state") == word).then(pl.col(before + column)).otherwise(0)
        for word, column in _STATE_OF.items()
    )
    return met / pl.col(f"{before}checks").clip(1)


def _runs(states: pl.LazyFrame) -> pl.LazyFrame:
    """Return one row per lasting run of a state."""

    def over(expr: pl.Expr) -> pl.Expr:
        return expr.over("target", order_by="time")

    rows = states.with_columns(_run=over(pl.col("state").rle_id()), _met=_share() * pl.col("checks"))
    brief = (pl.col("_met").sum().over("target", "_run") < _LASTING) & (pl.col("state") != "no checks seen")
    rows = rows.with_columns(state=pl.when(~brief).then("state"))
    rows = rows.with_columns(state=over(pl.col("state").forward_fill().backward_fill())).drop_nulls("state")
    last = [
        over(pl.col(name).shift(1)).alias(f"_{name}") for name in (*OUTCOMES, "checks", "opened", "closed", "state")
    ]
    rows = rows.with_columns(*last, _run=over(pl.col("state").rle_id())).with_columns(began=_began())
    runs = rows.group_by("target", "_run").agg(
        pl.col("state").first(),
        start=pl.col("began").sort_by("time").first(),
        closed=pl.coalesce("closed", "time").max(),
        checks=pl.col("checks").sum().cast(pl.Int64),
        checkers=pl.col("checkers").explode().drop_nulls().n_unique().cast(pl.Int64),
        service=pl.col("service").sum().cast(pl.Int64),
    )
    runs = runs.with_columns(pl.col("start").cum_max().over("target", order_by="_run"))
    end = pl.col("start").shift(-1).over("target", order_by="_run").fill_null(pl.col("closed"))
    runs = runs.with_columns(end=end).sort("target", "_run")
    return runs.select("target", "state", "start", "end", "checks", "checkers", "service")


def _began() -> pl.Expr:
    """Return when a state that first shows in this bin began, as near as the counts can tell.

    In a mixed bin the checks that met the old state came first. Where this bin has only the new one, it may have begun
    at the end of the bin before.
    """
    opened, closed = pl.col("opened"), pl.col("closed")
    here = closed - (closed - opened) * _share()
    before = pl.col("_closed") - (pl.col("_closed") - pl.col("_opened")) * _share("_")
    moment = pl.when(_share() < 1).then(here).when(_share("_") > 0).then(before).otherwise(opened)
    silent = pl.col("state") == "no checks seen"
    # Slow checks come in no order among the others.
    mixed = (pl.col("state") == "slow") | (pl.col("_state") == "slow")
    moment = pl.when(silent).then(pl.col("_closed")).when(mixed).then(opened).otherwise(moment)
    return moment.fill_null(pl.col("time")).cast(TIME)
