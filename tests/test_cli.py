"""The same calls for the shell: one line on stderr and exit status 2 where a person has to do something."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from records import FLOW, HEADER, Writer

import flowkit as fk
from flowkit.case.cache import shelves
from flowkit.cli import main

ROOT = Path(__file__).parents[1]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flowkit.cli", *arguments], capture_output=True, text=True, check=False
    )


def test_check_prints_ledger_and_coverage(cache_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", fk.samples("incident"), "--tz", "Asia/Tokyo", "--cache", str(cache_folder)]) == 0
    words = capsys.readouterr().out
    assert "3 objects, 30,476 lines = 30,473 flows + 3 header" in words
    assert "coverage from 2026-11-24 01:04:00 Asia/Tokyo (UTC+9)" in words


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["check", "nowhere-at-all"], "flowkit: nothing to read: nowhere-at-all does not exist"),
        (["check", "{log}", "--tz", "Tokio"], "flowkit: no time zone is called 'Tokio'"),
        (["check", "{log}", "--start", "noon"], "flowkit: start 'noon' is not a time"),
        (["check", "{log}", "--fields", "srcaddr srcaddr"], "flowkit: the field 'srcaddr' stands twice"),
        (["check", "{text}"], "flowkit: no flow logs in"),
        (["report", "nowhere-at-all"], "flowkit: nothing to read"),
        (["report", "{log}", "--notebook", "nowhere"], "flowkit: there is no notebook 'nowhere'"),
        (["open", "nowhere-at-all"], "flowkit: nothing to read"),
        (["check", "{log}", "--target-groups", "none.csv"], "flowkit: the target groups cannot be read from none.csv"),
        (["check", "{log}", "--assign", "port 80, no payload=service"], "flowkit: there is no cluster 'port 80, no"),
        (
            ["check", "{text}", "--tz", "UTC"],
            "flowkit: no flow logs in {text}: it has no header line, and its lines do",
        ),
        (["check", "{log}", "{text}"], "flowkit: one at a time: {text} is too many; name the folder, or put a pattern"),
        (
            ["check", "{log}", "--field", "x", "--max-bg=1"],
            "flowkit: there is no option --max-bg=1: did you mean --max-gb?",
        ),
        (["cache", "clear", "--older-than", "x"], "flowkit: --older-than: 'x' is no number of days"),
        (
            ["check", "{log}", "--tz", "Europe/Berlin", "--start", "2026-03-29 02:30"],
            "flowkit: start '2026-03-29 02:30' does not exist in Europe/Berlin, where the clocks go forward",
        ),
        (["check", ""], "flowkit: a source is one path, pattern, s3://bucket/prefix or cwl:GROUP, not ''"),
        (["alarm", "orders", "--threshold", "-1"], "flowkit: --threshold: '-1' is no number of records"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(written: Writer, arguments: list[str], sentence: str) -> None:
    names = {"log": written("a.log", HEADER, FLOW), "text": written("b.txt", "not a log")}
    done = run(*[word.format(**names) for word in arguments])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence.format(**names))
    assert done.stderr.count("\n") == 1


def test_check_speaks_the_shells_words_and_can_say_all(
    written: Writer, cache_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(7):
        written(f"{number}.log", f"{HEADER} new-{number}", f"{FLOW} x")
    source = str(written("a.log", HEADER, FLOW, FLOW).parent)
    given = ["check", source, "--fields", "srcaddr", "--cache", str(cache_folder)]
    assert main(given) == 0
    short = capsys.readouterr().out
    assert "2 second copies of a record, kept: --duplicates drop leaves them out" in short
    assert (
        "0.log: read as text, header, not the fields given; a field flowkit does not know, kept as text: new-0" in short
    )
    assert "and 3 more notes: flowkit check --all shows them" in short
    assert "case." not in short
    assert main([*given, "--all"]) == 0
    assert "kept as text: new-6" in capsys.readouterr().out


def test_a_span_that_holds_nothing_says_when_the_records_are(
    written: Writer, cache_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(written("a.log", HEADER, FLOW))
    assert main(["check", path, "--start", "2026-11-25", "--tz", "Asia/Tokyo", "--cache", str(cache_folder)]) == 0
    words = capsys.readouterr().out
    assert "from 2026-11-25 00:00:00 Asia/Tokyo" in words
    assert "0 flows on 0 interfaces; what was read goes from 2026-11-24 01:05:00" in words
    case = fk.load(path, start="2026-11-25", tz="Asia/Tokyo", cache=False)
    with pytest.raises(
        fk.FlowkitError, match=r"its end is unknown: give end=; what was read goes from 2026-11-24 01:05"
    ):
        case.coverage()
    path = str(written("b.log", "srcaddr bytes", "10.0.0.1 164"))
    assert main(["check", path, "--cache", str(cache_folder)]) == 0
    words = capsys.readouterr().out
    assert "no coverage: no record has a time in this span; give --start" in words
    case = fk.load(path, cache=False)
    with pytest.raises(
        fk.FlowkitError, match=r"start and end are unknown: give start= and end=. What was read: 1 object, "
    ):
        case.coverage()


def test_a_report_goes_to_stdout_and_a_new_folder_is_told_of(tmp_path: Path, cache_folder: Path) -> None:
    (tmp_path / "own.ipynb").write_text((ROOT / "notebooks" / "health_checks.ipynb").read_text())
    given = ["report", fk.samples("custom"), "--notebook", "health_checks", "--cache", str(cache_folder)]
    done = run(*given, "-o", "-")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("<!doctype html>")
    page = tmp_path / "new" / "page.html"
    done = run(*given, "-o", str(page))
    assert (done.stdout, done.stderr) == (f"{page}\n", f"flowkit: the folder {page.parent} was made for it\n")


def test_what_is_assigned_by_hand_is_in_the_words_of_check(
    cache_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by_hand = ["--assign", "port 80, payload 130 B=service", "--cache", str(cache_folder)]
    assert main(["check", fk.samples("incident"), *by_hand]) == 0
    assert (
        "Decided by hand: port 80, payload 130 B is service, where the evidence says health-check"
        in capsys.readouterr().out
    )


def test_what_is_known_of_the_load_balancer_reaches_the_report(tmp_path: Path, cache_folder: Path) -> None:
    groups = tmp_path / "groups.csv"
    groups.write_text("name,port,unhealthy_threshold,healthy_threshold\nweb,80,2,3\n")
    known = ["--target-groups", str(groups), "--lb-addresses", "10.45.1.10,10.45.2.17"]
    known += ["--assign", "port 80, payload 130 B=health-check"]
    page = tmp_path / "page.html"
    done = run("report", fk.samples("incident"), *known, "--cache", str(cache_folder), "-o", str(page))
    assert (done.returncode, done.stderr) == (0, "")
    words = page.read_text()
    assert "By the thresholds of its target group the load balancer called 10.45.1.102:80 unhealthy at 16:09:5" in words
    assert "10.45.1.10 (given: named by the user)" in words
    assert "<dt>Decided by hand, in the parameters</dt><dd>port 80, payload 130 B is health-check</dd>" in words


@pytest.mark.parametrize("command", [[], ["report"], ["open"], ["check"], ["plan"], ["nlb"], ["enable"], ["cache"]])
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    script = (
        "import sys; from flowkit.cli import main\n"
        f"try: main({[*command, '--help']!r})\nexcept SystemExit: pass\n"
        "print(sorted({'polars', 'altair', 'nbformat', 'ipywidgets', 'boto3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "usage: flowkit" in done.stdout


def test_cache_lists_source_size_and_last_use(
    written: Writer, cache_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written("a.log", HEADER, FLOW)
    assert main(["cache", "--cache", str(cache_folder)]) == 0
    assert capsys.readouterr().out == f"nothing is kept in {cache_folder}\n"
    fk.load(path, cache=cache_folder)
    assert main(["cache", "--cache", str(cache_folder)]) == 0
    head, line, total = capsys.readouterr().out.splitlines()
    assert head.split() == ["last", "used", "size", "source"]
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d UTC +0\.0 MB  {path}", line)
    assert total == f"0.0 MB in {cache_folder}"


def test_clearing_the_cache_asks_first(written: Writer, cache_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody can answer, the answer is no."""
    fk.load(written("a.log", FLOW), cache=cache_folder)
    cleared = ["cache", "clear", "--cache", str(cache_folder)]
    assert main(cleared) == 0
    assert main([*cleared, "--yes", "--older-than", "1"]) == 0
    assert len(shelves(cache_folder)) == 1
    assert main([*cleared, "--yes"]) == 0
    assert shelves(cache_folder) == []
    assert capsys.readouterr().out.endswith("cleared: it is read again when it is next asked for\n")


def test_check_drops_second_copies_on_request(
    written: Writer, cache_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written("a.log", FLOW, FLOW)
    assert main(["check", str(path), "--cache", str(cache_folder), "--duplicates", "drop"]) == 0
    assert "1 second copy of a record, left out" in capsys.readouterr().out


def test_importing_flowkit_is_light() -> None:
    script = "import sys, flowkit; print(sorted({'polars', 'altair', 'ipywidgets', 'boto3'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_version_is_the_projects() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert run("--version").stdout == f"flowkit {version}\n"


def test_every_public_name_exists_and_stands_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for name in fk.__all__:
        assert getattr(fk, name) is not None
        assert name in readme, f"{name} is not in the README"
