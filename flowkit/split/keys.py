"""Numbers for names: many million rows are grouped and joined by one 64-bit number, not by several texts.

Two different things share a number by chance once in 10^19 pairs; among a hundred million connections that is once in
some thousand logs, and then one record takes the other's label.
"""

from __future__ import annotations

import polars as pl

_ODD = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: multiplying by it spreads neighbours apart (Knuth, TAOCP 6.4)


def name(column: str | pl.Expr) -> pl.Expr:
    """Return the number of a text; a category has that of its text."""
    expr = pl.col(column) if isinstance(column, str) else column
    return expr.cast(pl.String).hash(1)


def number(*parts: str | pl.Expr) -> pl.Expr:
    """Return one number for several whole numbers, truths or numbers of names, in this order.

    >>> frame = pl.DataFrame({"a": ["x", "x", "y"], "b": [1, 2, 1]})
    >>> frame.select(number(name("a"), "b").n_unique()).item()
    3
    """
    exprs = [(pl.col(part) if isinstance(part, str) else part).cast(pl.UInt64, wrap_numerical=True) for part in parts]
    out = exprs[0]
    for expr in exprs[1:]:
        out = out * _ODD + expr
    return out.hash(2)
