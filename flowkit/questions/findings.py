"""The case in sentences that a colleague can read: what the flow logs say, and what they cannot."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from flowkit.case import Case
from flowkit.case.coverage import silence, width
from flowkit.case.show import copies, elsewhere, outside, read, unseen, warnings
from flowkit.questions.health import lasting, seen_health
from flowkit.questions.largest import KEY, key
from flowkit.questions.rejected import rejected
from flowkit.questions.scans import scans
from flowkit.questions.shared import copied
from flowkit.questions.stories import moment as _time
from flowkit.questions.stories import targets
from flowkit.spill import parted
from flowkit.times import clock
from flowkit.wording import many

_MOST_GAPS = 5
_FEW = 200_000
# A SYN is 60 bytes at the most, over IPv6 80; an ACK less.
_BARE = 80


@dataclass(frozen=True, repr=False)
class Findings:
    """Sentences, in the order in which they matter; a list for the eye and for the next cell."""

    sentences: tuple[str, ...]

    def __iter__(self) -> Iterator[str]:
        return iter(self.sentences)

    def __repr__(self) -> str:
        return "\n".join(f"- {sentence}" for sentence in self.sentences)

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in self.sentences)
        return f'<ul class="flowkit-findings">{items}</ul>'


def findings(case: Case) -> Findings:
    """Return what the case shows, in sentences: targets' health, what was rejected, what is missing.

    Times are in the case's zone. Nothing is said that the records do not show; what they cannot show is said too.

    >>> import flowkit as fk
    >>> case = fk.load(fk.samples("incident"), tz="Asia/Tokyo", cache=False)
    >>> print(list(findings(case))[1])
    10.45.1.102:80 refused its health checks from 01:09:... to 01:11:... (...
    """
    if not case.facts["flows"]:
        none = f"There is no flow in this span: {read(case.ledger)}{elsewhere(case)}."
        return Findings((none, *_missing(case, None)))
    gaps = case.coverage().collect()
    counts = _counts(case)
    said = (*_health(case, gaps), *_rejects(case, counts), *scans(case), *_checks(case, counts), *_missing(case, gaps))
    return Findings((_when(case), *said))


def _when(case: Case) -> str:
    at = clock(case.tz, case.start, case.end)
    first, last = (at.show(moment, "%Y-%m-%d") for moment in (case.start, case.end))
    days = first if first == last else f"{first} to {last}"
    return f"All times are those of {days} in {at.label}."


def _health(case: Case, gaps: pl.DataFrame) -> Iterator[str]:
    # The records are read once for all three.
    spans = case.spans.filter(pl.col("log_status") == "OK")
    asked = seen_health(case.flows, None, case.knowledge.target_groups, spans=spans, coverage=gaps.lazy())
    found = asked.collect().lazy()
    changes, each, health = pl.collect_all([lasting(found, "target"), lasting(found, "checker"), found])
    if changes.is_empty():
        yield "No health checks were found, so the targets' health cannot be told from these records."
    window = timedelta(milliseconds=int(health["_width"].max() or 0))  # type: ignore[arg-type]
    yield from targets(changes, each, health, case, window)


def _counts(case: Case) -> dict[str, int]:
    """Return how many flows there are of each kind, of all and seen once, with an action, and rejected."""
    kinds = {kind: (pl.col("kind") == kind).sum() for kind in _KINDS}
    kinds |= {f"once {kind}": ((pl.col("kind") == kind) & pl.col("once")).sum() for kind in _KINDS}
    bare = pl.col("bytes") <= _BARE * pl.col("packets")
    kinds |= {"uncertain and failed": ((pl.col("kind") == "uncertain") & bare).sum()}
    actions = {"told": pl.col("action").is_not_null().sum(), "rejected": (pl.col("action") == "REJECT").sum()}
    return case.flows.select(**kinds, **actions).collect(engine="streaming").row(0, named=True)


def _rejects(case: Case, counts: dict[str, int]) -> Iterator[str]:
    if not counts["told"]:
        yield "These logs have no action field, so they do not say what was rejected."
        return
    if not (total := counts["rejected"]):
        yield "Nothing was rejected."
        return
    who, when, flows, reason = _most_rejected(case)
    were = "was" if total == 1 else "were"
    if flows == total:
        share = f"{'' if total == 1 else 'all '}from"
    else:
        share = f"most of them ({flows:,}) from" if 2 * flows > total else f"the most from one source ({flows:,}) from"
    yield f"{many(total, 'flow')} {were} rejected, {share} {who}, {when} ({reason})."


def _most_rejected(case: Case) -> tuple[str, str, int, str]:
    """Return of whom the most was rejected, in words: only its own records are looked at for the reason."""
    address = _most(case.flows.filter(pl.col("action") == "REJECT"))
    own = case.flows.filter(pl.any_horizontal(pl.col("srcaddr", "dstaddr").eq_missing(pl.lit(address))))
    # They are asked for several times: where they are few, it is done from memory.
    few = copied(own).head(_FEW + 1).collect(engine="streaming")
    own = few.lazy() if few.height <= _FEW else own
    table = rejected(own, by="srcaddr", n=20).filter(pl.col("srcaddr") == (address or "-")).collect()
    first, last = table.select(pl.col("first_seen").min(), pl.col("last_seen").max()).row(0)
    who = case.names.label(address or "-", first, last)
    when = f"{_time(first, case)} to {_time(last, case)}" if first and last else "at times that the records do not tell"
    return who, when, int(table["flows"].sum()), table["reason"][0]


def _most(refused: pl.LazyFrame) -> str | None:
    """Return the source of most of the records; of as many sources as there may be, few are held at once."""
    with parted(refused.select(key("srcaddr"), "srcaddr"), KEY) as parts:
        each = [_first(part.group_by("srcaddr").len()).collect(engine="streaming") for part in parts]
    found: str | None = _first(pl.concat(each).lazy()).collect()["srcaddr"].item()
    return found


def _first(sources: pl.LazyFrame) -> pl.LazyFrame:
    return sources.sort("len", "srcaddr", descending=[True, False]).head(1)


def _checks(case: Case, counts: dict[str, int]) -> Iterator[str]:
    known = [kind for kind in _KINDS if counts[kind]]
    every, once = (sum(counts[f"{which}{kind}"] for kind in known) for which in ("", "once "))
    shares = ", ".join(f"{counts[kind]:,} are {_KINDS[kind]}" for kind in known)
    yield f"Of {many(every, 'flow')}, {shares}.{_doubt(counts)} {case.split.boundary}"
    if once < every:
        left = ", ".join(f"{counts[f'once {kind}']:,} {_KINDS[kind]}" for kind in known if counts[f"once {kind}"])
        yield (
            "A hop that two interfaces saw is in these flows twice, and counted from one of them in the charts: "
            f"{many(once, 'flow')}, {left}."
        )


def _doubt(counts: dict[str, int]) -> str:
    """Return why flows are uncertain."""
    unsure, failed = counts["uncertain"], counts["uncertain and failed"]
    if not unsure:
        return ""
    if 2 * failed > unsure:
        most = "" if failed == unsure else f" ({failed:,} of them)"
        return f" Uncertain are connections without any data{most}: checks and service look alike when they fail."
    return " Uncertain are flows that could be either: the notebook health_checks says what speaks for and against."


_KINDS = {
    "health-check": "health checks",
    "service": "service",
    "uncertain": "uncertain",
    "other": "something else (rejected, scans, not TCP)",
}


def _missing(case: Case, gaps: pl.DataFrame | None) -> Iterator[str]:
    # As they stand: some begin with the name of an object.
    for sentence in (*outside(case), *unseen(case), *warnings(case.ledger), *copies(case)):
        yield f"{sentence}."
    if gaps is not None:
        yield from _silent(case, gaps)
    if balancer := case.context:
        late = [log.created for log in balancer.flow_logs if log.covers and log.created]
        if late and min(late) > case.start:
            made = _time(min(late), case)
            yield f"The flow logs of {balancer.name} were made at {made}: before that nothing was logged."
        yield from (f"Of the flow logs of {balancer.name}: {gap}." for gap in balancer.missing[:_MOST_GAPS])
    yield (
        "Flow logs cannot show payload, processes or who spoke first within a window; "
        "what is not in them may still have happened."
    )


def _silent(case: Case, gaps: pl.DataFrame) -> Iterator[str]:
    step = width(case.start, case.end)
    if found := silence(gaps, step):
        windows, seconds, interfaces, first = found
        place = f"{many(windows, 'capture window')} ({seconds / 60:,.10g} min in all)"
        yield (
            f"There is no record at all, neither a flow nor NODATA, in {place} on {many(interfaces, 'interface')}, "
            f"the first at {_time(first, case)}."
        )
    if left := _left_out(case, gaps):
        windows, seconds, interfaces = left
        place = f"{many(windows, 'capture window')} ({seconds / 60:,.10g} min in all)"
        yield f"AWS left records out in {place} on {many(interfaces, 'interface')}."
    late = gaps.filter(pl.col("state") == "not yet delivered")
    if n := late.height:
        wide = step // timedelta(minutes=1)
        place = f"for {many(n, 'minute')} in all" if wide == 1 else f"somewhere in {many(n, 'bin')} of {wide} minutes"
        some = many(late["interface_id"].n_unique(), "interface")
        yield f"Records may still be on their way {place} on {some}."


def _left_out(case: Case, gaps: pl.DataFrame) -> tuple[int, int, int] | None:
    """Return how many windows have a SKIPDATA record, how many seconds they are together, and on how many interfaces.

    The records say it themselves: bins of the coverage that a window only touches would make it longer.
    """
    skipped = case.spans.filter(pl.col("log_status") == "SKIPDATA").select("interface_id", "start", "end").unique()
    known = gaps.group_by("interface_id").agg(pl.col("window_s").max())
    found = skipped.collect(engine="streaming").join(known, on="interface_id", how="left", nulls_equal=True)
    lasted = pl.col("window_s").fill_null((pl.col("end") - pl.col("start")).dt.total_seconds() + 1)
    seconds = found.select(lasted.sum()).item()
    return (found.height, int(seconds), found["interface_id"].n_unique()) if found.height else None
