"""Draws `flowkit.target_health`: each target's checks as bars, and its service as a line above them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from flowkit.charts import style, words
from flowkit.charts.figure import Figure, bin_width, clock_of, collected, draw, drawn, near, nothing
from flowkit.names import Names
from flowkit.times import Clock

_STATES = ("answered", "retransmitted", "slow", "refused", "unreachable")
_ASKED = tuple(state for state in _STATES if state != "retransmitted")
_FAILED = {"refused": "refused", "unreachable": "left unanswered", "slow": "was late with"}
"""What fails a check, and the words for it, the plainest first."""

_TIPS = {
    "target": "target",
    "when": "time",
    **{f"n_{state}": state for state in _STATES},
    "n_retransmitted": "answered, a packet sent again",
    "n_service": "service",
    "n_service_failed": "service that failed",
}
_ROW = 124

# How much of its bin a bar fills: a failure is thinner, so that it is seen without its colour.
_FILLED = {"answered": 0.92, "retransmitted": 0.92, "slow": 0.92, "refused": 0.64, "unreachable": 0.36}
_MOST = 24


def target_health(
    table: pl.LazyFrame | pl.DataFrame,
    *,
    tz: str = "UTC",
    title: str | None = None,
    names: Names | None = None,
) -> Figure:
    """Return for each target the load balancer's checks over time, and its service beside them.

    `table` is what `flowkit.target_health` returns; the checkers of a target are summed. All rows share one scale for
    checks and one for service. Where there are more than 24 targets, those that failed most are drawn. Times are on the
    clock of `tz`. Raises `QuestionError` on another table.
    `names` are such as `case.names`: they stand before the addresses that they are known for.

    >>> from datetime import UTC, datetime
    >>> table = {"target": ["10.0.0.2:80"], "time": [datetime(2026, 5, 14, tzinfo=UTC)], "answered": 2, "refused": 10}
    >>> target_health(pl.DataFrame({**table, "slow": 0, "unreachable": 0, "service": 7})).title
    '10.0.0.2:80 refused 10 of 12 checks, all along'
    """
    frame = collected(table, "target", "time", *_ASKED, "service", names=names)
    if "retransmitted" not in frame.columns:
        frame = frame.with_columns(retransmitted=pl.lit(0))
    checks, away = near(frame.with_columns(n=pl.sum_horizontal(_STATES)), tz, n="n", what="check")
    at = clock_of(checks["time"], tz)
    if frame.height == 0:
        return nothing(frame, title=title, why="no health checks were found in this span", at=at)
    health = _Health(_summed(checks), _width(checks), at, away)
    height = _ROW * len(health.targets)
    return draw(_chart(health), frame, title=title or health.title, alt=health.spoken, at=at, height=height)


def _width(checks: pl.DataFrame) -> timedelta:
    """Return the length of a bin: each target's begin with the windows of the interface that saw it."""
    own = [part["time"] for part in checks.partition_by("target")]
    return min((bin_width(times) for times in own if times.n_unique() > 1), default=timedelta(minutes=1))


def _summed(frame: pl.DataFrame) -> pl.DataFrame:
    counts = [pl.col(name).cast(pl.Int64).sum() for name in _STATES]
    broken = pl.col("service_failed") if "service_failed" in frame.columns else pl.lit(0).alias("service_failed")
    # The target's own, said again for each of its checkers.
    service = [count.cast(pl.Int64).max() for count in (pl.col("service"), broken)]
    state = pl.col("state") if "state" in frame.columns else pl.lit("")
    silent = (state == "no checks seen").any()
    summed = frame.group_by("target", "time").agg(*counts, *service, silent=silent)
    failed, checks = pl.sum_horizontal(list(_FAILED)), pl.sum_horizontal(_STATES)
    silent = pl.col("silent") & (checks == 0)
    return summed.with_columns(failed=failed, checks=checks, silent=silent).sort("target", "time")


@dataclass(frozen=True)
class _Health:
    """What is drawn: the counts of each target and bin, the length of a bin, and the clock."""

    summed: pl.DataFrame
    width: timedelta
    at: Clock
    away: str

    @property
    def targets(self) -> list[str]:
        ranked = self.summed.group_by("target").agg(pl.col("failed").sum())
        return ranked.sort("failed", "target", descending=[True, False])["target"].head(_MOST).to_list()

    @property
    def number(self) -> int:
        return self.summed["target"].n_unique()

    @property
    def left_out(self) -> str:
        more = self.number - len(self.targets)
        return f"{words.count(more, 'target')} more in the table, not drawn: they failed less" if more else ""

    @property
    def title(self) -> str:
        totals = self.summed.group_by("target").agg(pl.col("failed", "checks").sum())
        # One check that failed is no news.
        failing = totals.filter(pl.col("failed") > 1).height
        if not failing:
            return self._steady(int(totals["failed"].sum()), int(totals["checks"].sum()))
        worst = self.targets[0]
        own = self.own(worst)
        did = " or ".join(word for state, word in _FAILED.items() if own[state].sum())
        failed, checks = int(own["failed"].sum()), words.count(int(own["checks"].sum()), "check")
        checks = f"{failed:,} of {checks}" if failed < own["checks"].sum() else f"all {checks}"
        return f"{words.name(worst)} {did} {checks}, {self.span(worst, 'failed')}{self._rest(failing)}"

    def _steady(self, failed: int, checks: int) -> str:
        """Return the title where no target failed: some may have been sent no checks."""
        silent = self.summed.filter("silent")["target"].unique().sort().to_list()
        if silent:
            more = f" and {words.count(len(silent) - 1, 'other target')}" if silent[1:] else ""
            when = self.span(silent[0], "silent")
            again = int(self.summed["retransmitted"].sum())
            lost = f"; {words.count(again, 'answered check')} had a packet sent again" if again else ""
            return (
                f"{words.name(silent[0])}{more} {'were' if more else 'was'} sent no checks, {when}; none failed{lost}"
            )
        said = words.count(checks, "health check")
        if again := int(self.summed["retransmitted"].sum()):
            failed_too = f", {failed:,} failed" if failed else ""
            return (
                f"{words.count(self.number, 'target')} answered {said}{failed_too}, {again:,} with a packet sent again"
            )
        return f"{words.count(self.number, 'target')} answered {f'{checks - failed:,} of {said}' if failed else said}"

    def _rest(self, failing: int) -> str:
        others = self.number - failing
        more = f"; {words.count(failing - 1, 'other target')} failed checks too" if failing > 1 else ""
        return more or (f"; {words.count(others, 'other target')} failed none" if others else "")

    @property
    def spoken(self) -> str:
        each = f"Bars of health checks in each {words.lasting(self.width)} and a line of service flows"
        rows = [f"{self.details(target)}." for target in self.targets]
        return " ".join((f"{each}, for {words.count(self.number, 'target')}, {self.at.label}.", *rows))

    def details(self, target: str) -> str:
        own = self.own(target)
        states = [s for s in _FAILED if own[s].sum()]
        return "; ".join(
            (
                self.label(target),
                self.service(target),
                *(f"{s} {own[s].sum():,} times, {self.span(target, s)}" for s in states),
            )
        )

    def own(self, target: str) -> pl.DataFrame:
        return self.summed.filter(pl.col("target") == target)

    def label(self, target: str) -> str:
        own = self.own(target)
        failed, checks = int(own["failed"].sum()), words.count(int(own["checks"].sum()), "check")
        said = f"{failed:,} of {checks} failed" if failed else f"{checks}, none failed"
        if again := int(own["retransmitted"].sum()):
            said += f", {again:,} with a packet sent again"
        return f"{words.name(target)} · {said}"

    def service(self, target: str) -> str:
        own = self.own(target)
        lost, most = int(own["service_failed"].sum()), words.count(max(own["service"].to_list()), "flow")
        broken = f"; ▲ {lost:,} failed" if lost else ""
        return f"line: service, up to {most} in {words.each(self.width)}{broken}"

    def span(self, target: str, column: str) -> str:
        """Return between which times a target's count is not 0; a bin at the edge may reach beyond the records."""
        own = self.own(target)
        met = own.filter(pl.col(column).cast(pl.Int64) > 0)
        times: list[datetime] = met["time"].to_list()
        every: list[datetime] = self.summed["time"].to_list()
        # Where nothing else was met there is no before and no after; the first check comes an interval into the span.
        whole = column != "silent" and met["checks"].sum() == own["checks"].sum() == own[column].sum()
        first = whole or min(times) - min(every) <= (self.width if column == "silent" else timedelta(0))
        last = whole or max(times) == max(every)
        begin, end = (
            words.moment(time, self.at, min(every), max(every), self.width)
            for time in (min(times), max(times) + self.width)
        )
        if first and last:
            return "all along"
        return f"{'from the beginning' if first else begin} to {'the end' if last else end}"


def _chart(health: _Health) -> style.Drawing:
    import altair as alt

    rows = len(health.targets)
    lost = "; ▲: where service flows failed" if health.summed["service_failed"].sum() else ""
    notes = f"bars: checks in {words.each(health.width)}{lost}", health.left_out, health.away
    axis = style.time_axis(health.at, *notes)
    x, y = alt.X("time:T", scale=alt.Scale(type="utc"), axis=axis), style.down(rows)
    placed = _placed(health)
    blue = style.COLOURS["kind"]["service"]
    bars = alt.Chart(style.data(_bars(placed, health))).mark_rect()
    line = alt.Chart(style.data(_line(placed, health)))
    tips = style.tooltip(**_TIPS)
    marked = line.mark_line(color=blue, strokeWidth=1.8, point=alt.OverlayMarkDef(size=16, filled=True, color=blue))
    return alt.layer(
        line.mark_area(color=blue, opacity=0.15).encode(x=x, y=y, y2="foot", detail="target:N"),
        marked.encode(x=x, y=y, detail="target:N", tooltip=tips),
        line.transform_filter("datum.lost > 0")
        .mark_point(shape="triangle-up", filled=True, size=60, opacity=1, color=style.COLOURS["health"]["unreachable"])
        .encode(x=x, y=y, tooltip=tips),
        bars.encode(x=x, x2="until", y=y, y2="foot", color=style.colour("health", _states(health)), tooltip=tips),
        style.labels([health.label(target) for target in health.targets], at=0.12),
        style.labels([health.service(target) for target in health.targets], at=0.24),
    )


def _states(health: _Health) -> list[str]:
    """Return the states of the legend: those that occur, and always the ones that one looks for."""
    return [state for state in _STATES if state not in ("retransmitted", "slow") or health.summed[state].sum()]


def _placed(health: _Health) -> pl.DataFrame:
    """Return the rows that are drawn, with `row` and the words of their tooltips."""
    place = {target: float(row) for row, target in enumerate(health.targets)}
    drawn_rows = health.summed.filter(pl.col("target").is_in(health.targets))
    return drawn_rows.with_columns(
        *(pl.col(name).alias(f"n_{name}") for name in (*_STATES, "service", "service_failed")),
        row=pl.col("target").replace_strict(place, return_dtype=pl.Float64),
        target=words.column(drawn_rows["target"], words.name),
        when=words.column(drawn_rows["time"], lambda t: words.during(t, health.width, health.at)),
    )


def _bars(placed: pl.DataFrame, health: _Health) -> pl.DataFrame:
    """Return the stacked bars, bottom first: one row for each bin, target and state."""
    scale = 0.37 / max(*health.summed["checks"].to_list(), 1)
    rank = pl.col("series").replace_strict({s: i for i, s in enumerate(_STATES)}, return_dtype=pl.Int32)
    long = placed.unpivot(_STATES, index=["time", "row", *_TIPS], variable_name="series", value_name="n")
    top = pl.col("row") + 0.96 - pl.col("n").cum_sum().over("row", "time") * scale
    filled = pl.col("series").replace_strict(_FILLED, return_dtype=pl.Float64) * health.width.total_seconds() * 1000
    begin = (pl.col("time") + (health.width.total_seconds() * 920 - filled) / 2).round()
    return (
        long.filter(pl.col("n") > 0)
        .sort("row", "time", rank)
        .with_columns(drawn("time", health.at), top=top)
        .with_columns(time=begin, until=(begin + filled).round(), foot=pl.col("top") + pl.col("n") * scale)
        .drop("row", "n")
        .tail(style.MOST_MARKS)
    )


def _line(placed: pl.DataFrame, health: _Health) -> pl.DataFrame:
    scale = 0.26 / max(*health.summed["service"].to_list(), 1)
    return (
        placed.with_columns(foot=pl.col("row") + 0.55, time=pl.col("time") + health.width * 0.46)
        .with_columns(drawn("time", health.at), top=pl.col("foot") - pl.col("service") * scale)
        .select("time", "top", "foot", *_TIPS, lost="service_failed")
    )
