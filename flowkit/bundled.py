"""The bundled samples: small real captures, each with what happened in it written down."""

from __future__ import annotations

from pathlib import Path

from flowkit.errors import SourceError


def samples(name: str) -> str:
    """Return the folder of a bundled sample: "incident", "ordinary" or "custom".

    Raises `SourceError` for another name, saying which there are.

    >>> samples("custom").endswith("custom")
    True
    >>> samples("nothing")
    Traceback (most recent call last):
    flowkit.errors.SourceError: no sample is called 'nothing': there are custom, incident, ordinary
    """
    root = _root()
    names = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith(("_", "."))) if root else []
    if name not in names:
        raise SourceError(f"no sample is called {name!r}: there are {', '.join(names) or 'none here'}")
    return str(root / name) if root else ""


def _root() -> Path | None:
    """Return where the samples are: inside an installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent
    return next((p for p in (here / "_samples", here.parent / "data" / "samples") if p.is_dir()), None)
