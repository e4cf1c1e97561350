"""A case: load once into a local Parquet cache, account for every line, label, and hold in the hand."""

from flowkit.case.case import Case
from flowkit.case.load import load

__all__ = ["Case", "load"]
