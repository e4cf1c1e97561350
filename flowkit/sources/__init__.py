"""Where records lie. A source answers one question: which objects can hold records of this span of time."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from flowkit.errors import SourceError
from flowkit.sources import files
from flowkit.sources.objects import SLOT, Object, within

__all__ = ["SLOT", "Object", "find"]


def find(source: str | Path, start: datetime | None = None, end: datetime | None = None) -> list[Object]:
    """Return the objects of a source that can hold records of the span, in the order of their names.

    Raises `SourceError` where there is nothing to read.
    """
    text = str(source)
    if text.startswith(("s3://", "cwl:", "cwl://")):
        raise SourceError(
            f"{text} lies in AWS, and this version of flowkit reads files, folders and patterns: "
            "copy the objects first, for example with  aws s3 cp --recursive"
        )
    return within(files.find(text), start, end)
