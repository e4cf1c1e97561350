"""The case's cache: never wrong, whatever befalls the disk or the process."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from records import FLOW, HEADER, Writer, ordered

import flowkit as fk
from flowkit.case import account, cache
from flowkit.errors import CacheError

OTHER = FLOW.replace("40000", "40001")


def stored(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(f"parts/*/{pattern}"))


def damaged(path: Path) -> None:
    """Turn every bit of some bytes in the middle of a file, its size and time unchanged."""
    facts, data = path.stat(), bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 8] = bytes(b ^ 0xFF for b in data[middle : middle + 8])
    path.write_bytes(data)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("harm", [damaged, shortened, Path.unlink])
@pytest.mark.parametrize(
    "pattern", ["*.parquet", "*.json", "*.quarantine", "cases/*/flows-*.parquet", "cases/*/*.json"]
)
def test_a_part_that_the_disk_has_damaged_is_read_anew(
    written: Writer, cache_folder: Path, pattern: str, harm: object
) -> None:
    path = written("a.log", HEADER, FLOW, OTHER, "2 torn")
    before = fk.load(path, cache=cache_folder)
    flows, torn = ordered(before.flows), before.quarantine
    victims = stored(cache_folder, pattern)
    assert victims
    for victim in victims:
        harm(victim)  # type: ignore[operator]
    after = fk.load(path, cache=cache_folder)
    assert ordered(after.flows).equals(flows)
    assert after.quarantine.equals(torn)
    assert after.ledger.equals(before.ledger)


def test_a_whole_part_is_not_written_again(written: Writer, cache_folder: Path) -> None:
    path = written("a.log", HEADER, FLOW, "2 torn")
    fk.load(path, cache=cache_folder)
    files = {p: p.stat().st_mtime_ns for p in cache_folder.rglob("*") if p.is_file() and p.name != "source"}
    fk.load(path, cache=cache_folder)
    assert files == {p: p.stat().st_mtime_ns for p in files}


def test_a_file_that_is_written_anew_is_read_anew_though_its_size_and_time_stay(
    written: Writer, cache_folder: Path
) -> None:
    path = written("a.log", HEADER, FLOW)
    old = fk.load(path, cache=cache_folder).flows.select("srcaddr", "bytes").collect()
    before = path.stat()
    path.write_text(path.read_text("utf-8").replace(old["srcaddr"][0], old["srcaddr"][0].translate(OTHER)), "utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    new = fk.load(path, cache=cache_folder).flows.select("srcaddr", "bytes").collect()
    assert new["srcaddr"].to_list() == [old["srcaddr"][0].translate(OTHER)]
    assert new["bytes"].equals(old["bytes"])


OTHER = str.maketrans("12345", "23451")


def test_two_processes_may_load_the_same_at_once(tmp_path: Path, cache_folder: Path) -> None:
    source = fk.samples("incident")
    script = f"import flowkit as fk; c = fk.load({source!r}, cache={str(cache_folder)!r}); print(c.facts['flows'])"
    both = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0] for process in both] == ["30473\n", "30473\n"]
    case, fresh = fk.load(source, cache=cache_folder), fk.load(source, cache=tmp_path / "fresh")
    assert ordered(case.flows).equals(ordered(fresh.flows))
    assert case.ledger.equals(fresh.ledger)


def load_with(limit: str, source: str, folder: Path) -> str:
    """Load in a process of its own after `limit`, and return the sentence of its CacheError."""
    script = (
        f"import resource, flowkit as fk, flowkit.case\nfrom flowkit.errors import CacheError\n{limit}\n"
        f"try: fk.load({source!r}, cache={str(folder)!r})\nexcept CacheError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_done(cache_folder: Path) -> None:
    """No file may grow beyond 100,000 bytes: the part of the sample is larger."""
    source = fk.samples("incident")
    said = load_with("resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))", source, cache_folder)
    assert said == TOO_LARGE.format(cache_folder)
    assert [p for p in cache_folder.rglob("*") if p.suffix in (".json", ".parquet")] == []
    assert fk.load(source, cache=cache_folder).facts["flows"] == 30473
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.mark.parametrize("room", [200, 2_000, 20_000])
def test_a_disk_that_is_full_when_the_case_is_settled_is_the_same_sentence(
    written: Writer, cache_folder: Path, room: int
) -> None:
    """The records are kept already; then there is no room for what a case stands on, or at last for its flows."""
    source = fk.samples("incident")
    fk.load(source, cache=cache_folder)
    for place in stored(cache_folder, "cases"):
        shutil.rmtree(place)
    said = load_with(f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))", source, cache_folder)
    assert said == TOO_LARGE.format(cache_folder)
    assert [p for place in stored(cache_folder, "cases") for p in place.rglob("*.parquet")] == []
    assert fk.load(source, cache=cache_folder).facts["flows"] == 30473


TOO_LARGE = (
    "the cache {} cannot be written (File too large): give another folder with cache=, or cache=False to keep nothing\n"
)


def test_a_cache_that_may_not_be_written_is_one_sentence() -> None:
    """As a user who may read and not write: where root runs the test, it becomes nobody first."""
    with TemporaryDirectory() as name:
        place, folder = Path(name), Path(name) / "cache"
        (place / "a.log").write_text(f"{FLOW}\n")
        folder.mkdir(mode=0o555)
        place.chmod(0o755)
        source = str(place / "a.log")
        warm = f"import os; fk.load({source!r}, cache=False)"  # Imports what nobody may not read where root has it.
        said = load_with(f"{warm}; os.getuid() or os.setuid(65534)", source, folder)
    assert said == (
        f"the cache {folder} cannot be written (Permission denied): give another folder with cache=, "
        "or cache=False to keep nothing\n"
    )


def test_many_malformed_lines_are_all_counted_and_the_first_are_kept(
    written: Writer, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "KEPT", 3)
    written("b.log", HEADER, FLOW, "2 other")
    path = written("a.log", HEADER, FLOW, *(f"2 torn {n}" for n in range(5)))
    case = fk.load(path.parent, cache=cache_folder)
    assert case.ledger["malformed"].to_list() == [5, 1]
    assert case.ledger["lines"].to_list() == [7, 3]
    assert case.quarantine["text"].to_list() == ["2 torn 0", "2 torn 1", "2 torn 2", "2 other"]
    assert "a.log: 5 malformed lines, the first 3 of them in the quarantine" in repr(case)


def test_the_cache_lists_what_it_keeps_and_a_case_says_its_size(written: Writer, cache_folder: Path) -> None:
    path = written("a.log", HEADER, FLOW)
    case = fk.load(path, cache=cache_folder)
    (shelf,) = cache.shelves(cache_folder)
    assert shelf.source == str(path)
    assert shelf.bytes == case.facts["cache_bytes"] > 1000
    assert f"0.0 MB in {cache_folder}" in repr(case)


def test_clearing_takes_what_is_old_and_only_what_flowkit_made(written: Writer, cache_folder: Path) -> None:
    paths = [written("a/a.log", FLOW), written("b/b.log", FLOW)]
    for path in paths:
        fk.load(path, cache=cache_folder)
    (cache_folder / "mine.txt").write_text("keep")
    (label,) = [s.place / "source" for s in cache.shelves(cache_folder) if s.source == str(paths[0])]
    os.utime(label, (0, 0))
    assert [s.source for s in cache.clear(cache_folder, older_than=timedelta(days=30))] == [str(paths[0])]
    assert [s.source for s in cache.clear(cache_folder)] == [str(paths[1])]
    assert cache.shelves(cache_folder) == []
    assert (cache_folder / "mine.txt").read_text() == "keep"


def test_what_a_killed_load_left_is_swept_after_a_day(written: Writer, cache_folder: Path) -> None:
    path = written("a.log", FLOW)
    fk.load(path, cache=cache_folder)
    (place,) = [s.place for s in cache.shelves(cache_folder)]
    old, new = place / ".new-old.parquet", place / ".new-new.parquet"
    for left in (old, new):
        left.write_text("half")
    os.utime(old, (0, 0))
    fk.load(path, cache=cache_folder)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_folder_that_cannot_be_cleared_is_named(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    place = cache.shelf(cache_folder, "somewhere")
    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(CacheError, match=f"{place} cannot be removed: Permission denied"):
        cache.clear(cache_folder)
