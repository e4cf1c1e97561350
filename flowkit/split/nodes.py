"""The load balancer's nodes: given by the user, named by the logs, inferred from what they do, or decided by hand."""

from __future__ import annotations

from typing import Any

import polars as pl

from flowkit.split.decide import CHECK

SCHEMA = {"address": pl.String, "known": pl.String, "why": pl.String}


def nodes_of(found: pl.DataFrame | None, given: pl.DataFrame | None) -> pl.DataFrame:
    """Return the load balancer's addresses: address, known, why. `given` is what was named beforehand."""
    named = [] if given is None else given.filter(pl.col("group").is_null()).select("address", "records").rows()
    rows = [] if found is None or found.is_empty() else _checkers(found).to_dicts()
    checkers = {row["address"]: row for row in rows}
    told = [(address, *_given(checkers.get(address), records)) for address, records in named]
    told += [(address, _how(row), _why(row)) for address, row in checkers.items() if not row["given"]]
    return pl.DataFrame(told, schema=SCHEMA, orient="row").sort("address")


def _checkers(found: pl.DataFrame) -> pl.DataFrame:
    checks = pl.col("chance") >= CHECK
    each = found.group_by(address="cl").agg(
        pl.col("given", "logged", "mine", "likely").any(),
        pl.col("chance", "passes", "sources").max(),
        targets=pl.col("sv").filter(checks).n_unique(),
        byhand=pl.col("decided").filter(checks).is_not_null().all() & checks.any(),
    )
    return each.filter(pl.col("given") | pl.col("logged") | (pl.col("chance") >= CHECK)).sort("address")


def _given(row: dict[str, Any] | None, records: int) -> tuple[str, str]:
    """Return what is known of an address that was named by the user."""
    if not records:
        return "given, not seen", "named by the user; no record has this address"
    if row is None or not row["targets"]:
        return "given, checks nothing", "named by the user; nothing that it sends looks like a check"
    return "given", "named by the user"


def _how(row: dict[str, Any]) -> str:
    return "logged" if row["logged"] else "by hand" if row["byhand"] else "inferred"


def _why(row: dict[str, Any]) -> str:
    if row["logged"]:
        return "the logs mark its interface as one of AWS's own services, such as a load balancer"
    if row["byhand"]:
        return "a person said that what it sends is health checks"
    reasons = [
        f"opens connections of one size, over and over, to {row['targets']} target{'s' if row['targets'] != 1 else ''}"
    ]
    if row["passes"] > 0.5:
        reasons.append("what clients send to it goes on unchanged to the targets")
    if row["sources"] > 1:
        reasons.append("another address does just the same")
    if row["likely"] and not row["mine"]:
        reasons.append("it sends them data of many other sizes, as a load balancer passes on")
    elif not row["mine"]:
        reasons.append("but nothing shows that it is a load balancer's: a monitor would do the same")
    return "; ".join(reasons)
