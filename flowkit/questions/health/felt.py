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
    """The service beside a failing target: what failed, and the flows a minute served before and meanwhile."""

    failed: int
    """Flows of service to it that were refused or not answered."""
    alike: int
    """Flows that failed and may be service's or checks': they look the same."""
    elsewhere: str | None
    """Its address, where its port is for checks alone and the service goes to other ports."""
    before: float | None
    """Flows a minute that it served before, None where the span begins with the failure."""
    meanwhile: float | None
    """Flows a minute that it served meanwhile; None where the failure fills no window."""
    all_before: float | None
    all_meanwhile: float | None
    spells: int = 1
    """How often it failed: the flows a minute are those of the longest."""

    def words(self, name: str) -> list[str]:
        """Return it in sentences; none where there is no service to speak of."""
        where = f"{self.elsewhere}, on ports that nobody checks," if self.elsewhere else name
        said = [self._failed(where), self._doubtful(name), self._rate(), self._others()]
        return [sentence for sentence in said if sentence]

    def _failed(self, where: str) -> str:
        if self.failed:
            many = "s" if self.failed > 1 else ""
            return f"Clients felt it: {self.failed:,} service flow{many} to {where} failed."
        seen = not self.alike and (self.before or self.meanwhile)
        return f"No service flow to {where} is seen to fail." if seen else ""

    def _doubtful(self, name: str) -> str:
        if not self.alike:
            return ""
        many = f"{self.alike:,} failed flow{'s' if self.alike > 1 else ''} to {name}"
        return f"Whether {many} {'were' if self.alike > 1 else 'was'} service or health checks cannot be told."

    def _rate(self) -> str:
        if self.meanwhile is None or not (self.before or self.meanwhile):
            return ""
        meanwhile = "meanwhile" if self.spells == 1 else "in the longest of the failures"
        if self.before is None:
            return f"It served {_rate(self.meanwhile)} {meanwhile}."
        return f"It served {_rate(self.before)} before and {_count(self.meanwhile)} {meanwhile}."

    def _others(self) -> str:
        before, now = self.all_before, self.all_meanwhile
        if before is None or now is None or self.meanwhile is None or before < _LEAST or self.before in (None, before):
            return ""
        if self.meanwhile >= _CARRIED * self.before:
            return ""
        end = (
            ": the others carried it." if now >= _CARRIED * before else f": {'less' if now else 'nothing'} was served."
        )
        return f"All targets of its port together served {_count(before)} before and {_count(now)} meanwhile{end}"


def felt(health: pl.DataFrame, target: str, start: datetime, end: datetime) -> Service:
    """Return what became of the service while a target failed, from a table of `seen_health`."""
    # Other ports are other services.
    same = pl.col("target").str.ends_with(f":{target.rpartition(':')[2]}")
    rows = health.filter(same).unique(["target", "time"]).sort("time")
    width = timedelta(milliseconds=rows["_width"].item(0))
    until = pl.col("time") + width
    during = (pl.col("time") >= start) & (until <= end + timedelta(seconds=1))
    prior = until <= start
    own = rows.filter(pl.col("target") == target)
    touching = own.filter((until >= start - width) & (pl.col("time") <= end + width))
    served = pl.col("service") - pl.col("service_failed")
    return Service(
        failed=int(touching["service_failed"].sum()),
        alike=int(touching["alike"].sum()),
        elsewhere=target.rpartition(":")[0] if own["elsewhere"].any() else None,
        before=_pace(own.filter(prior), served, width),
        meanwhile=_pace(own.filter(during), served, width),
        all_before=_pace(rows.filter(prior), served, width),
        all_meanwhile=_pace(rows.filter(during), served, width),
    )


def _pace(rows: pl.DataFrame, count: pl.Expr, width: timedelta) -> float | None:
    """Return the flows a minute in an ordinary window; the first of a span is cut off, so it is the median."""
    sums = rows.group_by("_bin").agg(count.cast(pl.Float64).sum().alias("n"))["n"]
    return float(sums.median() or 0) * 60 / width.total_seconds() if len(sums) else None  # type: ignore[arg-type]


def _rate(pace: float) -> str:
    return f"{_count(pace)} service flow{'' if _count(pace) == '1' else 's'} a minute"


def _count(pace: float) -> str:
    return f"{pace:,.0f}" if pace >= _LEAST or pace == 0 else f"{pace:.1f}"
