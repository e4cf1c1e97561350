"""Small tables as the questions give them, for the tests of the charts; `column` and `value` put anything in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from flowkit.schema import TIME

MIDNIGHT = datetime(2026, 5, 14, tzinfo=UTC)
HOSTILE = '</script><script>window.PWNED=1</script><img src=x onerror="window.PWNED=1">{{1+1}} datum.value'


def at(minute: float) -> datetime:
    return MIDNIGHT + timedelta(minutes=minute)


def timeline_table(*series: str, column: str = "kind") -> pl.DataFrame:
    """Two minutes: each series has 1,000 bytes in the first and 3,000 in the second."""
    rows = [(at(m), s, 1, 10, [1000, 3000][m], "once") for m in (0, 1) for s in series or ("service",)]
    schema = {"time": TIME, column: pl.String, "flows": pl.Int64, "packets": pl.Int64, "bytes": pl.Int64}
    return pl.DataFrame(rows, schema=schema | {"vantage": pl.String}, orient="row")


def sizes_table(column: str = "kind", value: str = "service") -> pl.DataFrame:
    rows = [(164, 164, "health-check", 900), (1000, 1043, value, 300), (1500, 1500, value, 50)]
    return pl.DataFrame(rows, schema=["low", "high", column, "flows"], orient="row")


def clusters_table(cluster: str = "port 80, payload of a length that a phone has no room for") -> pl.DataFrame:
    """Clusters of a split: a check at the small end of the sizes, and service at the large end."""
    rows = [(cluster, "health-check", 164, 216, 9, 0.97, ""), (f"{cluster} (2)", "service", 1490, 1500, 9, 0.9, "")]
    names = ["cluster", "kind", "bytes_low", "bytes_high", "flows", "confidence", "reason"]
    return pl.DataFrame(rows, schema=names, orient="row")


def size_clusters_table(name: str = "port 80, 164–216 B") -> pl.DataFrame:
    """Port 80 with two clusters, and a port that was only scanned."""
    rows = [(80, name, 164, 216, 600, 0.6, 1039), (80, "port 80, 5,000–5,200 B", 5000, 5200, 400, 0.4, None)]
    rows += [(7, "port 7, 44 B", 44, 44, 1, 1.0, None)]
    names = ["server_port", "cluster", "bytes_low", "bytes_high", "flows", "share", "boundary"]
    return pl.DataFrame(rows, schema=names, orient="row")


def peers_table(column: str = "srcaddr", value: str = "10.0.0.1") -> pl.DataFrame:
    rows = [(value, 3, 30, 9000, at(0), at(1), 0.9, 1, "once"), ("other", 2, 2, 1000, at(0), at(1), 0.1, 2, "once")]
    names = [column, "flows", "packets", "bytes", "first_seen", "last_seen", "share", "groups", "vantage"]
    return pl.DataFrame(rows, schema=names, orient="row")


def rejected_table(column: str = "srcaddr", value: str = "198.51.100.7") -> pl.DataFrame:
    late = "late packet after close, probably not a block"
    rows = [
        (value, "not allowed in", 1400, 1400, 84000, at(0), at(5), 1, 1),
        ("10.9.9.9", late, 39, 39, 2028, at(1), at(2), 1, 1),
    ]
    names = [column, "reason", "flows", "packets", "bytes", "first_seen", "last_seen", "sources", "groups"]
    return pl.DataFrame(rows, schema=names, orient="row")


def coverage_table(eni: str = "eni-a") -> pl.DataFrame:
    states = ["OK", "OK", "SKIPDATA", "OK", "no record"]
    rows = [(eni, at(minute), state, 5, 60) for minute, state in enumerate(states)]
    return pl.DataFrame(rows, schema=["interface_id", "time", "state", "records", "window_s"], orient="row")


def cadence_table(checker: str = "10.0.9.1") -> pl.DataFrame:
    """Twelve checks a minute; four came in the third, and the last is cut off after 20 s."""
    counts = [(12, 60.0), (12, 60.0), (4, 60.0), (12, 60.0), (4, 20.0)]
    rows = [(checker, at(m), n, 2, length, n * 60 / length, length / 5) for m, (n, length) in enumerate(counts)]
    names = ["checker", "time", "checks", "targets", "length_s", "per_minute", "due"]
    return pl.DataFrame(rows, schema=names, orient="row")


def health_table(target: str = "10.0.0.2:80") -> pl.DataFrame:
    """Two checkers; the target answers, refuses, is unreachable; its service stops."""
    outcomes = [(6, 0, 0, 40), (2, 4, 0, 10), (0, 0, 3, 0)]
    rows = [
        (target, checker, at(minute), up, 0, no, gone, up + no + gone, service, "")
        for checker in ("10.0.9.1", "10.0.9.2")
        for minute, (up, no, gone, service) in enumerate(outcomes)
    ]
    names = ["target", "checker", "time", "answered", "slow", "refused", "unreachable", "checks", "service", "state"]
    return pl.DataFrame(rows, schema=names, orient="row")
