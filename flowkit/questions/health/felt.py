"""Whether clients felt it: what became of the service while a target failed, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

# Nine tenths of what went to the targets before still go there: the others carry it.
_CARRIED = 0.9
_LEAST = 3.0


@dataclass(frozen=True)
class Service:
    """The service beside a failing target: flows a minute before and meanwhile, to it and to all, and what failed."""

    failed: int
    """Flows of service to it that were refused or not answered, from a window before to a window after."""
    before: float | None
    """Flows a minute to it before, None where the span begins with the failure."""
    meanwhile: float | None
    """Flows a minute to it meanwhile, those that failed left out; None where the failure fills no window."""
    all_before: float | None
    all_meanwhile: float | None

    def words(self, name: str) -> list[str]:
        """Return it in sentences; none where there is no service to speak of."""
        said = [self._failed(name), self._rate(), self._others()]
        return [sentence for sentence in said if sentence]

    def _failed(self, name: str) -> str:
        if self.failed:
            many = "s" if self.failed > 1 else ""
            return f"Clients felt it: {self.failed:,} service flow{many} to {name} failed."
        return f"No service flow to {name} is seen to fail." if self.before or self.meanwhile else ""

    def _rate(self) -> str:
        if self.meanwhile is None or not (self.before or self.meanwhile):
            return ""
        if self.before is None:
            return f"It was sent {_rate(self.meanwhile)} meanwhile."
        return f"It was sent {_rate(self.before)} before and {_count(self.meanwhile)} meanwhile."

    def _others(self) -> str:
        before, now = self.all_before, self.all_meanwhile
        if before is None or now is None or before < _LEAST or self.before in (None, before):
            return ""
        end = ": the others carried it." if now >= _CARRIED * before else ": less was served."
        return f"All targets together were sent {_count(before)} before and {_count(now)} meanwhile{end}"


def felt(health: pl.DataFrame, target: str, start: datetime, end: datetime) -> Service:
    """Return what became of the service while a target failed, from a table of `target_health`."""
    rows = health.unique(["target", "time"]).sort("time")
    width = _width(rows["time"])
    until = pl.col("time") + width
    during = (pl.col("time") >= start) & (until <= end + timedelta(seconds=1))
    prior = until <= start
    own = rows.filter(pl.col("target") == target)
    touching = own.filter((until >= start - width) & (pl.col("time") <= end + width))
    served = pl.col("service") - pl.col("service_failed")
    return Service(
        failed=int(touching["service_failed"].sum()),
        before=_pace(own.filter(prior), pl.col("service"), width),
        meanwhile=_pace(own.filter(during), served, width),
        all_before=_pace(rows.filter(prior), pl.col("service"), width),
        all_meanwhile=_pace(rows.filter(during), served, width),
    )


def _pace(rows: pl.DataFrame, count: pl.Expr, width: timedelta) -> float | None:
    """Return the flows a minute in an ordinary window; the first of a span is cut off, so it is the median."""
    sums = rows.group_by("time").agg(count.cast(pl.Float64).sum().alias("n"))["n"]
    return float(sums.median() or 0) * 60 / width.total_seconds() if len(sums) else None  # type: ignore[arg-type]


def _width(times: pl.Series) -> timedelta:
    shortest = times.unique().sort().diff().drop_nulls().min()
    return shortest if isinstance(shortest, timedelta) else timedelta(minutes=1)


def _rate(pace: float) -> str:
    return f"{_count(pace)} service flow{'' if _count(pace) == '1' else 's'} a minute"


def _count(pace: float) -> str:
    return f"{pace:,.0f}" if pace >= _LEAST or pace == 0 else f"{pace:.1f}"
