"""Widgets: controls that ask a question again; what is on screen is a value for the next cell."""

from flowkit.widgets.explorer import Explorer
from flowkit.widgets.split_panel import SplitPanel

__all__ = ["Explorer", "SplitPanel"]
