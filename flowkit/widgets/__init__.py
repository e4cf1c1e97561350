"""Widgets: controls that ask a question again; what is on screen is a value for the next cell."""

from flowkit.widgets.explorer import Explorer

__all__ = ["Explorer"]
