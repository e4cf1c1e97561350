"""From accepted families to records: which sizes in which windows are checks, and how surely."""

from __future__ import annotations

import polars as pl

from flowkit.split.beat import options, within
from flowkit.split.decide import CHECK, DOUBT
from flowkit.split.folds import kin, returning
from flowkit.split.fronts import own
from flowkit.split.keys import name, number
from flowkit.split.reduce import SHAPE, UNIT, Reduced

# What fills a silent tick (refused, unanswered, cut by a window's edge, sent again) is a check's by its position only.
FILLED = 0.85
# Evenness that leaves no room for chance: such a family's clock can be counted on, tick by tick.
STEADY = 0.2
# Where not one in five of the connections that failed can be a check they are a crowd, and not all of them are called
# uncertain for the sake of a few.
CROWD = 5
# Of a crowd that may hold checks twice as many are drawn as are missing: a window that begins with the failure, or is
# cut otherwise where the checks are counted, may hold more of them.
SPARE = 2
# SYNs in as many packets as a fifth of all that nothing answers are a whole train; what is shorter may be cut.
TRAIN = 0.2
# Packets of a connection that failed or carried no data: four SYNs, or an open and a close, each of them sent twice.
FEW = 8
SEEN = ["unit", "slot"]
SIZE = ["unit", "x", "packets"]
RANGE = ["unit", "lo", "hi", "least", "most", "folds", "trains"]


def shapes(found: pl.DataFrame, reduced: Reduced) -> pl.DataFrame:
    """Return what must be counted to label the families found: their sizes and broken forms (unit, packets, bytes)."""
    shown = found.drop_nulls("cluster").with_columns(heavy=pl.col("usual_bytes").max().over("unit"))
    shown = _everywhere(shown, reduced)
    sent = reduced.sizes.join(shown.select("unit", "h").unique(), on="unit")
    sent = sent.with_columns(x=pl.col("bytes") - pl.col("h") * pl.col("packets"))
    main = within(shown.select(RANGE), sent)
    near = sent.join(shown.select("unit", "lo", "hi", "heavy", "held"), on="unit").filter(_broken_form())
    # Where service sends more of such sizes than there are checks, nothing tells a check gone wrong from it.
    form = pl.when(_bare()).then(0).otherwise((pl.col("x") - pl.col("lo")).sign())
    drowned = pl.col("n").sum().over("unit", "lo", "hi", form) > pl.col("held")
    near = near.filter((form == 0) | ~drowned)
    return pl.concat([part.select(*SHAPE) for part in (main, near, kin(shown, sent))]).unique()


def _everywhere(found: pl.DataFrame, reduced: Reduced) -> pl.DataFrame:
    """Return the families of each pair as those of its unit on every interface that logs it."""
    return found.drop("unit").join(reduced.units.select("unit", *UNIT, "reply"), on=[*UNIT, "reply"])


def assign(reduced: Reduced, found: pl.DataFrame) -> pl.DataFrame:
    """Return the labelled sizes: unit, packets, bytes, bin, ports, the unit's ends, and the chance of a check."""
    # In one order, so that the same records give the same label every time.
    found = _everywhere(found, reduced).sort("unit", "lo", "hi", "least", "most", "folds", "values")
    # What may fail in the place of sure checks is looked for where one of them is missing, and is theirs there.
    sure = ((pl.col("chance") >= CHECK) & ~pl.col("dead")).any().over("unit")
    vague = pl.col("dead") & (pl.col("chance") < CHECK) & sure & pl.col("decided").is_null()
    accepted = found.filter(pl.col("chance") >= DOUBT, ~vague)
    units = reduced.units.drop("n").join(_units(accepted), on="unit").join(reduced.windows, on="interface_id")
    facts = units.select(
        "unit",
        "pace",
        "rough",
        "alone",
        "clocked",
        "best",
        "width",
        "phase",
        "opened",
        "closed",
        "grain",
        "turn",
        "early",
        "late",
    )
    hist = own(reduced.hist, units, reduced.fronts)
    roles = _roles(hist, units, accepted, found)
    several = units.filter("several").select("unit")
    hist = returning(hist, roles.filter("main").join(several, on="unit", how="semi").select(SHAPE))
    rows = hist.join(roles, on=SHAPE).join(facts, on="unit")
    rows = rows.with_columns(slot=pl.col("bin") // pl.col("grain"))
    rows = _ticked(rows).with_columns(came=pl.col("ticks").filter("main").sum().over(SEEN))
    rows = rows.with_columns(expected=pl.col("pace") * _turned() * _covered())
    rows = rows.with_columns(
        missing=(pl.col("expected") - pl.col("came")).clip(0), jitter=(pl.col("rough") * pl.col("expected")).sqrt()
    )
    ticks, fills = _ticks(rows).with_columns(drawn=pl.lit(value=False)), _fills(rows)
    labelled = pl.concat([part.select(*SHAPE, "bin", "ports", "chance", "drawn") for part in (ticks, fills)])
    ends = units.select("unit", "interface_id", *UNIT, "reply", "ported")
    labelled = labelled.filter(pl.col("chance") >= DOUBT).join(ends, on="unit")
    return labelled.with_columns(pl.col("ported") | pl.col("drawn")).drop("drawn")


def _roles(hist: pl.DataFrame, units: pl.DataFrame, accepted: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Return what each size of a unit is: `main`, a check's own, with its chance and `times`; or of a broken `form`."""
    sizes = hist.select(SHAPE).unique().join(units.select("unit", "h", "lo", "hi", "heavy"), on="unit")
    sizes = sizes.with_columns(x=pl.col("bytes") - pl.col("h") * pl.col("packets"))
    sizes = _undenied(sizes, found)
    sizes = sizes.join(_sizes(sizes, accepted), on=SIZE, how="left").with_columns(form=_broken_form())
    return sizes.select(
        *SHAPE,
        "chance",
        "times",
        "whole",
        "form",
        main=pl.col("chance").is_not_null(),
        silent=pl.col("x") == options(pl.col("h")) * pl.col("packets"),
    )


def _ticked(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `ticks`, the checks that the connections of a row make.

    SYNs that nothing answers go on for seconds, and a window's edge cuts some of them in two (of checks every 10 s the
    same ones in every window of 60 s): the second piece, known by its port, is no check more.
    """
    trains = rows.filter("silent").group_by("unit", "packets").agg(pl.col("n").sum())
    usual = pl.col("n") >= TRAIN * pl.col("n").sum()
    trains = trains.group_by("unit").agg(train=pl.col("packets").filter(usual).max())
    rows = rows.join(trains, on="unit", how="left")
    pieces = rows.filter(pl.col("silent") & (pl.col("packets") < pl.col("train"))).select(*SHAPE, "bin", "ports")
    pieces = pieces.explode("ports")
    begun = pieces.select("unit", pl.col("bin") + 1, "ports").unique()
    rest = pieces.join(begun, on=["unit", "bin", "ports"], how="semi").group_by(*SHAPE, "bin").agg(rest=pl.len())
    rows = rows.join(rest, on=[*SHAPE, "bin"], how="left")
    silent, others = pl.col("n") - pl.col("rest").fill_null(0), pl.col("n") * pl.col("times").fill_null(1)
    return rows.with_columns(ticks=pl.when("silent").then(silent).otherwise(others))


def _units(accepted: pl.DataFrame) -> pl.DataFrame:
    """Return per pair how many ticks a second should hold, and whether the pair has nothing but checks."""
    # A pair whose own count is disturbed borrows the pace of the source's other targets.
    a_second = pl.col("own") / pl.col("width")
    steady = (pl.col("rate") / pl.col("width")).filter(pl.col("F") < STEADY).median().over("cl", "sp")
    accepted = accepted.with_columns(steady=steady)
    borrows = (pl.col("F") > 0.5) & pl.col("steady").is_not_null() & ~pl.col("mixed")
    failing = pl.col("dead").fill_null(False)
    pace = pl.when(borrows).then("steady").otherwise(a_second)
    rough = pl.when(borrows).then(STEADY).otherwise(pl.col("F").clip(0, 1))
    return accepted.group_by("unit").agg(
        pl.col("h").first(),
        pl.col("grain").sort_by(pace, "grain").last(),
        # A check is answered or it fails: what fails does not come beside what is answered, but in its place.
        pace=pl.max_horizontal(pace.filter(~failing).sum(), pace.filter(failing).sum()),
        alone=pl.col("single").any(),
        ported=(pl.col("ported") | pl.col("several")).any(),
        several=pl.col("several").any(),
        clocked=((pl.col("even") >= STEADY) | borrows).any(),
        rough=(rough * pace).sum() / pace.sum(),
        turn=pl.col("turn").min(),
        early=(pl.col("early").fill_null(1) * pace).sum() / pace.sum(),
        late=(pl.col("late").fill_null(1) * pace).sum() / pace.sum(),
        best=pl.col("chance").max(),
        lo=pl.col("lo").min(),
        hi=pl.col("hi").max(),
        heavy=pl.col("usual_bytes").max(),
    )


def _turned() -> pl.Expr:
    """Return the pace of a slot in parts of the whole log's: another one before the checks' interval was changed."""
    middle = (pl.col("slot") + 0.5) * pl.col("width") * pl.col("grain") + pl.col("phase")
    early = pl.when(middle < pl.col("turn")).then("early").otherwise("late")
    return pl.when(pl.col("turn").is_null()).then(1.0).otherwise(early)


def _covered() -> pl.Expr:
    """Return how many seconds of a slot the interface's records cover: of the first and the last only a part."""
    long = pl.col("width") * pl.col("grain")
    begin = pl.col("slot") * long + pl.col("phase")
    over = pl.min_horizontal(begin + long, pl.col("closed") + 1) - pl.max_horizontal(begin, "opened")
    return over.clip(0, long)


def _sizes(rows: pl.DataFrame, accepted: pl.DataFrame) -> pl.DataFrame:
    ranges = accepted.select(
        *RANGE, "chance", whole=pl.col("decided").is_not_null() | (pl.col("mixed") & ~pl.col("dead"))
    )
    hit = within(ranges, rows.select(*SIZE, "h").unique())
    return hit.group_by(*SIZE).agg(pl.col("chance", "times").max(), pl.col("whole").any())


def _undenied(rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Return the rows without those whose size a person said is service: no other clock may claim them."""
    denied = found.filter(pl.col("decided") == "service").select(RANGE)
    return rows.join(within(denied, rows.select(*SIZE, "h").unique()), on=SIZE, how="anti")


def _ticks(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the accepted sizes; in windows too full for the clock, unusual shapes are doubted first."""
    main = rows.filter("main")
    room = pl.max_horizontal(pl.lit(0.7), 1.5 * pl.col("jitter"))
    full = pl.col("came") <= pl.col("expected") + room
    usual = _usual(rows, full & pl.col("main"))
    main = main.join(usual, on=SHAPE, how="left").join(_windows(rows, full & pl.col("main")), on="unit", how="left")
    # Where a shape comes no more often than in calm windows, it is the check's own; what it comes more often is not.
    crowded = main.filter(~full).group_by(SHAPE).agg(crowd=pl.col("n").sum())
    crowds = main.filter(~full).group_by("unit").agg(crowds=pl.col("slot").n_unique())
    main = main.join(crowded, on=SHAPE, how="left").join(crowds, on="unit", how="left")
    then, now = pl.col("usual").fill_null(0) / pl.col("windows"), pl.col("crowd") / pl.col("crowds")
    share = (
        pl.when(pl.col("windows") >= 4)
        .then((then + 0.05) / (now + 0.05))
        .otherwise(pl.col("expected") / pl.col("came"))
    )
    share = pl.when("silent").then(pl.max_horizontal(share, _unanswered())).otherwise(share)
    # What a person decided holds for the whole size, on the beat and off it; and so does what is mixed.
    fits = pl.when(pl.col("clocked") & ~full & ~pl.col("whole")).then(share.clip(0, 1)).otherwise(1.0)
    return main.with_columns(chance=pl.col("chance") * fits)


def _unanswered() -> pl.Expr:
    """Return the share of a crowd of unanswered SYNs that are checks: they fail in the place of those answered."""
    failed = pl.col("ticks").filter("silent").sum().over(SEEN)
    missing = (pl.col("expected") - (pl.col("came") - failed)).clip(0)
    some = pl.when(missing >= 2).then(DOUBT).otherwise(0.0)
    return pl.max_horizontal(missing / failed.clip(1), some)


def _usual(rows: pl.DataFrame, calm: pl.Expr) -> pl.DataFrame:
    return rows.filter(calm).group_by(SHAPE).agg(usual=pl.col("n").sum())


def _windows(rows: pl.DataFrame, calm: pl.Expr) -> pl.DataFrame:
    return rows.filter(calm).group_by("unit").agg(windows=pl.col("slot").n_unique())


def _fills(rows: pl.DataFrame) -> pl.DataFrame:
    """Return what stands where a tick is missing: a check's failing or broken form that calm windows do not have."""
    calm = pl.col("missing") <= pl.max_horizontal(pl.lit(0.6), 1.5 * pl.col("jitter"))
    others = rows.filter(~pl.col("main") & pl.col("form"))
    usual, windows = _usual(others, calm), _windows(rows, calm)
    others = others.join(windows, on="unit", how="left").join(usual, on=SHAPE, how="left")
    others = others.join(_lacked(rows.filter(~calm)), on=SEEN, how="left")
    others = others.join(_answering(rows), on="unit", how="left")
    usual_rate = pl.col("usual").fill_null(0) / pl.col("windows").fill_null(1)
    odd = others.filter(pl.col("alone") | (~calm & (usual_rate <= pl.col("n") / 2)))
    odd = odd.with_columns(odd=pl.col("ticks").sum().over(SEEN))
    room = pl.col("missing") + pl.max_horizontal(pl.lit(1.0), 0.25 * pl.col("expected"))
    fits = pl.when((pl.col("odd") <= room) | ~pl.col("clocked")).then(1.0).otherwise(pl.col("missing") / pl.col("odd"))
    odd = odd.with_columns(chance=FILLED * pl.col("best") * fits)
    # Where ticks are missing, some of even a crowd of such records are the missing checks: never plainly service.
    some = ((pl.col("lacked") >= 2) & (pl.col("chance") < DOUBT)).fill_null(value=False)
    # A new target is checked every second or so until it answers: what fails before that is all alike.
    # Where some are answered the failure begins or ends, and its first connection tells when.
    dead = (pl.col("slot") > pl.col("begun")).fill_null(value=False) & (pl.col("came") == 0)
    crowd = some & dead & (pl.col("odd") > CROWD * pl.col("missing"))
    rest = odd.filter(~crowd).with_columns(chance=pl.when(some).then(DOUBT).otherwise("chance"))
    return pl.concat([rest.with_columns(drawn=pl.lit(value=False)), _drawn(odd.filter(crowd))])


def _drawn(crowd: pl.DataFrame) -> pl.DataFrame:
    """Return of a crowd of failing connections `SPARE` times as many as there are checks missing.

    Nobody can tell which they are, and each of the others is far likelier service. They are drawn by a number for their
    ports, so that a connection is drawn on all its interfaces.
    """
    each = crowd.explode("ports").with_columns(number=pl.col("ports").hash())
    # They may all be missing in one of the windows of a slot, but are no more there than a window holds.
    due = pl.min_horizontal("missing", pl.col("expected") / pl.col("grain"))
    due = (SPARE * due).ceil() + 1
    each = each.filter(pl.col("number").rank("ordinal").over("unit", "bin") <= due)
    drawn = each.with_columns(pl.concat_list("ports"), chance=pl.lit(DOUBT), drawn=pl.lit(value=True))
    return drawn.select(*crowd.columns, "drawn")


def _answering(rows: pl.DataFrame) -> pl.DataFrame:
    """Return by unit the slot in which its target first answered, `begun`."""
    return rows.filter("main").group_by("unit").agg(begun=pl.col("slot").min())


def _lacked(rows: pl.DataFrame) -> pl.DataFrame:
    """Return for each slot that lacks ticks how many are missing in it and in the ones just beside it."""
    slots = rows.group_by(SEEN).agg(pl.col("missing").first())
    near = pl.concat([slots.with_columns(pl.col("slot") + step) for step in (-1, 0, 1)])
    sums = near.group_by(SEEN).agg(lacked=pl.col("missing").sum())
    return sums.join(slots.select(SEEN), on=SEEN, how="semi")


def _broken_form() -> pl.Expr:
    """Whether a record can be a check gone wrong: nothing but SYNs, cut in two, or with segments sent again."""
    data = pl.col("hi") - 8
    bare = _bare()
    cut = (pl.col("x") < pl.col("lo")) & (pl.col("bytes") < pl.col("heavy"))
    # A full TLS handshake and one that resumes differ by some forty bytes of a few hundred.
    near = pl.max_horizontal(36, 0.08 * pl.col("hi"))
    again = (pl.col("x") - pl.col("hi")).is_between(1, near) | (pl.col("x") - pl.col("hi") - data).is_between(-12, 36)
    return (bare | cut | again) & (pl.col("packets") <= 24)


def _bare() -> pl.Expr:
    """Whether a record carries no data: SYNs and what only acknowledges; of more packets than a few, SYNs alone."""
    syns = pl.col("x") == options(pl.col("h")) * pl.col("packets")
    return syns | (pl.col("x") <= 12 * pl.min_horizontal("packets", pl.lit(FEW)))


def connections(checks: pl.DataFrame) -> pl.DataFrame:
    """Return the connections that are, or may be, checks.

    `_whole` is the chance, `_way` the direction seen, `_segment` the bytes of a packet without data; `_ported` whether
    nothing but the port tells it from a client's connection of the same size.
    """
    ends = {"_interface": name("interface_id"), "_cl": name("cl"), "_sv": name("sv")}
    segment = pl.when(pl.col("cl").str.contains(":", literal=True)).then(72).otherwise(52)
    units = checks.select("unit", "sp", "reply", segment=segment, **ends).unique("unit")
    each = checks.select("unit", "ports", "bin", "chance", "ported").explode("ports").join(units, on="unit")
    # The answer's record may lie in the window beside: its first packet comes later, and a load balancer's interface
    # is logged by several capturers at once, each with windows of its own. Source ports are fresh, so this is safe.
    beside = pl.concat([
        each.select(
            "chance", "reply", "segment", "ported", _connection=number(*ends, "sp", "ports", pl.col("bin") + step)
        )
        for step in (-2, -1, 0, 1, 2)
    ])  # fmt: skip
    return beside.group_by("_connection").agg(
        _whole=pl.col("chance").max(),
        _way=pl.col("reply").min(),
        _segment=pl.col("segment").first(),
        _ported=pl.col("ported").any(),
    )
