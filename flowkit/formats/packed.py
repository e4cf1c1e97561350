"""A packed object as a file of its own, for readers that need to jump about in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowkit.errors import FormatError
from flowkit.formats import zipped
from flowkit.formats.pieces import GZIP, head, pieces

MOST = 4 << 30
"""Bytes a packed Parquet object may unpack to."""


def is_packed(path: str) -> bool:
    """Return whether an object is packed: a member of a zip, or gzipped."""
    return zipped.is_member(path) or head(path, 2) == GZIP


@contextmanager
def local(path: str, notes: dict[str, str]) -> Iterator[str]:
    """Give the path of a file that holds the object: its own, or for a packed one a copy that is gone afterwards.

    `notes` says where its packing is damaged.
    """
    if not is_packed(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="flowkit-") as folder:
        place, done = Path(folder, "member"), 0
        with place.open("wb") as file:
            for piece in pieces(path, notes):
                done += file.write(piece)
                if done > MOST:
                    raise FormatError(f"it unpacks to more than {MOST:,} bytes of Parquet: unpack it first")
        yield str(place)
