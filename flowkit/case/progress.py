"""A word on long work: one line that moves, and is gone when the work is done."""

from __future__ import annotations

import html
import sys
import time
from typing import Any

PATIENCE = 0.7
"""Seconds of silence before anything is shown: short work needs no word."""


class Progress:
    """Show how far a load has come, in the notebook or on the terminal; elsewhere nothing is written."""

    def __init__(self, what: str, *, first: str | None = None) -> None:
        """Begin; `first` is a line shown at once, and above the rest while the work goes on."""
        self.what = what
        self.began = time.monotonic()
        self.handle: Any = None
        self.shown = False
        if first:
            self._say(first)

    def __call__(self, done: int, total: int) -> None:
        """Show `done` of `total` bytes."""
        passed = time.monotonic() - self.began
        if passed < PATIENCE or not total:
            return
        left = passed * (total - done) / done if done else 0
        rest = f", about {left:,.0f} s left" if left >= 1 else ""
        rate = f" at {done / 1e6 / passed:,.1f} MB/s" if done else ""
        self._write(f"{self.what}: {done / 1e6:,.1f} of {total / 1e6:,.1f} MB ({done / total:.0%}){rate}{rest}")

    def close(self) -> None:
        """Take the line away."""
        if self.shown:
            self._write("")

    def _say(self, line: str) -> None:
        """Show a line that stays on the terminal; in a notebook it goes with the rest, so that no report keeps it."""
        if _in_notebook():
            self._write(line)
        elif sys.stderr.isatty():
            sys.stderr.write(f"{line}\n")

    def _write(self, line: str) -> None:
        if _in_notebook():
            self._display(line)
        elif sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[2K{line}")
            sys.stderr.flush()
        self.shown = True

    def _display(self, line: str) -> None:
        from IPython import display

        shown = display.HTML(f"<div>{html.escape(line)}</div>" if line else "")
        if self.handle is None:
            self.handle = display.display(shown, display_id=True)
        else:
            self.handle.update(shown)


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and shell.__class__.__name__ == "ZMQInteractiveShell"
