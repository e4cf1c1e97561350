"""What a panel says of itself, as HTML in which every word is only a word."""

from __future__ import annotations

import html

from flowkit.errors import FlowkitError


def status(words: str) -> str:
    """Return words that a screen reader speaks when they change.

    >>> status("3 < 4")
    '<div role="status">3 &lt; 4</div>'
    """
    return f'<div role="status">{html.escape(words)}</div>'


def alert(error: Exception) -> str:
    """Return what went wrong as one sentence: our own errors are one, of others the first line is."""
    words = str(error) if isinstance(error, FlowkitError) else f"{type(error).__name__}: {error}".split("\n")[0][:300]
    return f'<div role="alert" style="color: var(--jp-error-color1, #b00020)">{html.escape(words)}</div>'
