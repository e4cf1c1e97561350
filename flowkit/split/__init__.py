"""Health checks and service told apart, from sizes, beat and sources."""

from flowkit.split.split import Split, fit

__all__ = ["Split", "fit"]
