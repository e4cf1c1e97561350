"""The load balancer's nodes: given by the user, named by the logs, or inferred from what they do."""

from __future__ import annotations

import polars as pl

SCHEMA = {"address": pl.String, "known": pl.String, "why": pl.String}


def nodes_of(found: pl.DataFrame | None) -> pl.DataFrame:
    """Return the load balancer's addresses: address, known ("given", "logged", "inferred"), why."""
    if found is None or found.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    checkers = found.group_by(address="cl").agg(
        pl.col("given", "logged").any(),
        pl.col("chance", "passes", "sources").max(),
        targets=pl.col("sv").filter(pl.col("chance") >= 0.6).n_unique(),
    )
    checkers = checkers.filter(pl.col("given") | pl.col("logged") | (pl.col("chance") >= 0.6)).sort("address")
    rows = [(row["address"], _how(row), _why(row)) for row in checkers.to_dicts()]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _how(row: dict[str, object]) -> str:
    return "given" if row["given"] else "logged" if row["logged"] else "inferred"


def _why(row: dict[str, object]) -> str:
    if row["given"]:
        return "named by the user"
    if row["logged"]:
        return "the logs mark its interface as one of AWS's own services, such as a load balancer"
    reasons = [
        f"opens connections of one size, over and over, to {row['targets']} target{'s' if row['targets'] != 1 else ''}"
    ]
    if float(str(row["passes"])) > 0.5:
        reasons.append("what clients send to it goes on unchanged to the targets")
    if int(str(row["sources"])) > 1:
        reasons.append("another address does just the same")
    return "; ".join(reasons)
