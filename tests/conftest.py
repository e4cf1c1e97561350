"""What several tests share: flow logs written to a folder, as bytes that were chosen by hand."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from records import Writer


@pytest.fixture
def written(tmp_path: Path) -> Writer:
    """Write lines (or bytes) under a name below `logs`, gzipped where the name ends in .gz; return the path."""

    def write_file(name: str, *lines: str, data: bytes | None = None) -> Path:
        path = tmp_path / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        body = "".join(f"{line}\n" for line in lines).encode() if data is None else data
        path.write_bytes(gzip.compress(body) if name.endswith(".gz") and data is None else body)
        return path

    return write_file


@pytest.fixture
def cache_folder(tmp_path: Path) -> Path:
    """A cache of the test's own."""
    return tmp_path / "cache"
