"""A record of another century is told of, and no axis is stretched for it."""

from __future__ import annotations

from pathlib import Path

from records import FLOW, HEADER, Writer

import flowkit as fk


def test_a_flow_years_away_is_said_everywhere_and_drawn_nowhere(written: Writer, cache_folder: Path) -> None:
    start, end = FLOW.split()[10:12]
    strays = [
        FLOW.replace(start, "60").replace(end, "100"),
        FLOW.replace(start, "4102444800").replace(end, "4102444850"),
    ]
    case = fk.load(written("a.log", HEADER, *[FLOW] * 40, *strays), cache=cache_folder)
    others = fk.load(written("b/a.log", HEADER, *[FLOW] * 40), cache=cache_folder)
    assert (case.start, case.end, case.facts["flows"]) == (others.start, others.end, 42)
    said = "2 flows more than a year away from all others (1970-01-01 00:01:00 to 2100-01-01 00:00:50)"
    assert said in repr(case)
    assert said in str(fk.findings(case))
    drawn = fk.charts.timeline(fk.timeline(case.flows, vantage="all"), measure="flows")
    assert drawn.title.startswith("40 flows from ")
    assert "not drawn: 2 flows years away, of 1970-01-01 and 2100-01-01" in drawn.alt.lower()
    assert drawn.table["flows"].sum() == 42
    for screen in (fk.Explorer(case), fk.Explorer(case.flows)):
        assert (screen.start, screen.end) == (others.start, others.end)
        assert screen.note.value.endswith("2 of all lie years away from that</div>")


def test_a_quiet_year_before_the_traffic_is_no_broken_time(written: Writer, cache_folder: Path) -> None:
    """Eleven months away is drawn, whatever it does to the axis."""
    start, end = map(int, FLOW.split()[10:12])
    early = FLOW.replace(str(start), str(start - 330 * 86_400)).replace(str(end), str(end - 330 * 86_400))
    case = fk.load(written("a.log", HEADER, early, *[FLOW] * 40), cache=cache_folder)
    assert case.far is None
    assert (case.end - case.start).days == 330
