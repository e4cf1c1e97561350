"""Flow records reduced to small tables, in streaming passes that keep no more than the tables; all else works on these.

The first pass learns how each interface cuts its windows, which (address, port) ends are servers, and which pairs of
addresses meet often enough to hold a checker. The second counts what those pairs sent by size. Two more count chosen
sizes by window: those that may be a check's, to see their beat, and those of the families found, to label them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from flowkit.knowledge import Knowledge
from flowkit.split.keys import name, number
from flowkit.split.lengths import MINUTE, doubled_of, of_records
from flowkit.split.lengths import windows as windows_of
from flowkit.split.told import given_of

# A check is a handful of packets. Several in one record (a source port that comes back, 600 s windows) stay far below
# this too; anything larger is service, and leaving it out keeps the tables small.
LARGEST_PACKETS, LARGEST_BYTES = 256, 32_768
# Fewer connections than this from one address to another say nothing about a beat: six ticks are the least that a
# checker could be told from chance by.
FEWEST = 6
# Checks come every 300 s at least (Elastic Load Balancing API, HealthCheckIntervalSeconds). A pair that meets not half
# as often over all its time is no checker's; unless it has met so often that it may have had hours of rest.
SLOWEST, OFTEN = 600, 240
# Below 1024 a port belongs to a server by convention (RFC 6335: system ports); clients, the load balancer among them,
# open connections from 1024 to 65535.
SYSTEM_PORTS = 1024
# An end that meets this many different ports is a server's: a client's own port meets one or two.
SERVER_MEETS = 4
# A client that knocks on this many different system ports of one address is a scan: a service has a few.
SCAN_PORTS = 8
# Different ports are counted in the bits of one number, which is enough to tell few from many.
BITS = 64
# Two ends in one bucket do no harm but where both are servers of few: four million are seldom so.
ENDS = 2**22
# Windows of a pair that are looked at for a beat at most, and how many of them in a row: an hour of 30 s windows, which
# is twelve of the slowest checks. Of a pair with few connections a window all are looked at.
MOST_WINDOWS, BLOCK = 256, 128

# So many connections are one looked at for second copies; where more than one record in a hundred of them has one, some
# files were read twice, or two flow logs tell of the same interfaces.
SAMPLED, REPEATS = 32, 0.01

# Who opens connections (cl), to whom (sv), on which server port (sp).
UNIT = ["cl", "sv", "sp"]
# What makes a record one that can be part of a check at all, by field: TCP, let through.
TESTS = {"protocol": pl.col("protocol") == 6, "action": pl.col("action") == "ACCEPT"}
# Other formats under the same prefix may have no times or sizes.
TESTS |= {name: pl.col(name).is_not_null() for name in ("packets", "bytes", "start", "end")}
NEEDED = ("srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end")
# Fields of other versions that help where they are there.
HELPFUL = ("tcp_flags", "interface_type", "instance_id", "account_id", "pkt_srcaddr", "flow_direction")
SHAPE = ["unit", "packets", "bytes"]
# Seconds of a slot in which a port is looked for, whatever the windows of an interface.
SLOT = 30
FRONTS = {"cl": pl.String(), "slot": pl.Int64(), "port": pl.Int32()}
SIDES = {"suspect": pl.UInt32(), "front": pl.Boolean(), "bin": pl.Int64(), "n": pl.UInt32(), "ports": pl.List(pl.Int32)}


@dataclass(frozen=True)
class Reduced:
    """The small tables; `unit`, `pair`, `end` and `scan` are numbers for names (see `flowkit.split.keys`)."""

    windows: pl.DataFrame  # interface_id, width, phase, whole, opened, closed, filled (s): how its time is cut
    marks: pl.DataFrame  # interface_id, instance, typed, balancer: what the logs say the interface is
    ends: pl.DataFrame  # end, meets: server ends among ports that need a look
    scans: pl.DataFrame  # scan: pairs of addresses in which the first scans the second
    homes: pl.DataFrame  # interface, address, n, of: whom the records of an interface are about, n `of` so many
    units: pl.DataFrame  # unit, pair, interface_id, cl, sv, sp, reply, n, first, last: pairs that meet often
    sizes: pl.DataFrame  # unit, packets, bytes, n: what they sent
    hist: pl.DataFrame  # unit, packets, bytes, bin, n, ports: sizes of the families found, and their broken forms
    fronts: pl.DataFrame  # cl, slot (30 s), port: what clients sent of the checks' own sizes, where ports are kept
    given: pl.DataFrame  # group, address, port, records: what was named beforehand, and how often it was met
    twice: pl.DataFrame  # interface_id, slow: where records are there twice; slow: by minutes and by ten minutes

    @property
    def doubled(self) -> tuple[str, ...]:
        """The interfaces that one flow log tells of by the minute, and another by ten."""
        return tuple(self.twice.filter("slow")["interface_id"])


def reduce_flows(flows: pl.LazyFrame, known: Knowledge, windows: pl.DataFrame | None = None) -> Reduced:
    """Return the small tables of a frame of flows, `hist` still empty: two passes over the records.

    `windows` are known beforehand where the flows are a part of others.
    """
    tcp = _tcp(flows)
    # One after the other: collected together, the records that one of them is late to take pile up in memory.
    told = _told(tcp.collect_schema().names())
    lengths, repeats = _collect(of_records(tcp, told)), _repeats(flows)
    doubled = doubled_of(lengths) if repeats else ()
    if doubled:
        tcp = apart(tcp, doubled)
        lengths = _collect(of_records(tcp, told))
    ends, scans, pairs = map(_collect, (_ends(tcp), _scans(tcp), _pairs(tcp)))
    marks = lengths.group_by("interface_id").agg(pl.col(*told).any()).sort("interface_id")
    cut, often = _windows(lengths, windows), _often(pairs)
    roles = oriented(tcp, cut, ends, often)
    if scans.height:
        roles = roles.join(scans.lazy(), left_on=scanning(), right_on="scan", how="anti")
    sent = _collect(_sent(roles))
    sizes = sent.drop_nulls("packets").select(*SHAPE, "n")
    tables = (
        cut,
        marks,
        ends,
        scans,
        _homes(pairs),
        _units(sent, pairs),
        sizes,
        sizes.clear(),
        pl.DataFrame(schema=FRONTS),
        given_of(known, pairs),
    )
    twice = marks.select("interface_id", slow=pl.col("interface_id").is_in(list(doubled)))
    return Reduced(*tables, twice if repeats else twice.clear())


def apart(flows: pl.LazyFrame, doubled: Sequence[str]) -> pl.LazyFrame:
    """Return the flows with what a slower flow log tells of these interfaces as if it were of others."""
    slow = pl.col("interface_id").is_in(list(doubled)) & (_seconds("end") - _seconds("start") > MINUTE)
    other = pl.format("{} by ten minutes", pl.col("interface_id").cast(pl.String))
    return flows.with_columns(interface_id=pl.when(slow).then(other).otherwise(pl.col("interface_id").cast(pl.String)))


def _repeats(flows: pl.LazyFrame) -> bool:
    """Return whether records are there twice, judging by one connection in `SAMPLED`.

    Those of a connection follow each other in time; copies, and what another flow log tells of it, lie over each other.
    """
    # Clients take even ports, or any: the lowest bit is left out.
    some = completed(flows).filter(pl.col("srcport").xor(pl.col("dstport")).and_(2 * SAMPLED - 2) == 0)
    start, end = map(_seconds, ("start", "end"))
    tuples = number(name("interface_id"), name("srcaddr"), name("dstaddr"), "srcport", "dstport")
    each = some.select(connection=tuples, start=start, end=end, long=end - start).group_by("connection")
    span = each.agg(
        n=pl.len(), first=pl.col("start").min(), late=pl.col("start").max(), early=pl.col("end").min(),
        last=pl.col("end").max(), long=pl.col("long").sum(),
    )  # fmt: skip
    same = (pl.col("first") == pl.col("late")) & (pl.col("early") == pl.col("last"))
    over = same | (pl.col("long") > pl.col("last") - pl.col("first"))
    return (_collect(span.select(((pl.col("n") > 1) & over).mean())).item() or 0) > REPEATS


def _collect(frame: pl.LazyFrame) -> pl.DataFrame:
    return frame.collect(engine="streaming")


def _windows(lengths: pl.DataFrame, known: pl.DataFrame | None) -> pl.DataFrame:
    """Return how windows lie; where that is known, only what these records cover of the first and the last is new."""
    cut = windows_of(lengths)
    if known is None:
        return cut
    cover = cut.select("interface_id", "opened", "closed", "filled")
    both = known.drop("opened", "closed", "filled").join(cover, on="interface_id")
    return pl.concat([both.select(cut.columns), cut.join(known, on="interface_id", how="anti")])


def follow(flows: pl.LazyFrame, reduced: Reduced, shapes: pl.DataFrame) -> pl.DataFrame:
    """Return the connections of these shapes (unit, packets, bytes) by window: one pass over the records.

    Adds block, bin, of, n, port and last_port. Hours of a pair's windows tell all about its beat, more only cost time:
    of a pair seen in very many windows, only one block `of` so many is taken, for a beat shows in neighbours. The first
    and the last window of an interface are cut off, and left out.
    """
    spread = pl.min_horizontal(pl.col("last") - pl.col("first") + 1, pl.col("filled") / pl.col("width"))
    every = pl.when(pl.col("n") > 4 * MOST_WINDOWS).then((spread / MOST_WINDOWS).ceil()).otherwise(1).cast(pl.Int64)
    units = reduced.units.join(reduced.windows, on="interface_id").select("unit", "interface_id", of=every)
    units = units.join(_edges(reduced.windows), on="interface_id")
    wanted = _keyed(shapes).join(units.drop("interface_id"), on="unit")
    block = pl.when(pl.col("of") > 1).then(pl.col("bin") // BLOCK).otherwise(0)
    rows = _chosen(flows, reduced, wanted).with_columns(block=block)
    rows = rows.filter(pl.col("bin").is_between("oldest", "newest", closed="none"), pl.col("block") % pl.col("of") == 0)
    if reduced.twice.height:
        # A connection has one record a window on an interface, whoever tells it again.
        rows = rows.unique(["shape", "bin", "clport"])
    told = told_by(rows.collect_schema().names())
    ports = {"port": pl.col("clport").min(), "last_port": pl.col("clport").max()}
    sums = [pl.col(field).sum() for field in told]
    counts = rows.with_columns(**told).group_by("shape", "bin").agg(
        pl.len().alias("n"), pl.col("block").first(), *sums, **ports
    )  # fmt: skip
    return _collect(counts).join(wanted.drop("oldest", "newest"), on="shape").drop("shape")


def told_by(names: list[str]) -> dict[str, pl.Expr]:
    """Return what newer fields, where they are there, tell of a record.

    `opens`: it holds a connection's first packet (tcp-flags); `foreign`: another's address lies under the source's
    (pkt-srcaddr); `outward`: it left the interface (flow-direction).
    """
    told = {
        "tcp_flags": {"opens": (pl.col("tcp_flags").fill_null(0) & 2) > 0},
        "pkt_srcaddr": {"foreign": (pl.col("pkt_srcaddr") != pl.col("srcaddr")).fill_null(False)},
        "flow_direction": {"outward": (pl.col("flow_direction") == "egress").fill_null(False)},
    }
    return {name: expr for field, each in told.items() if field in names for name, expr in each.items()}


def _edges(windows: pl.DataFrame) -> pl.DataFrame:
    ends = {"oldest": "opened", "newest": "closed"}
    bins = {bound: (pl.col(second) - pl.col("phase")) // pl.col("width") for bound, second in ends.items()}
    return windows.select("interface_id", **bins)


def record(flows: pl.LazyFrame, reduced: Reduced, shapes: pl.DataFrame, ported: pl.DataFrame) -> Reduced:
    """Return the tables with `hist`, the connections of these shapes in every window: one pass over the records.

    And one more for `fronts` where there are families (`ported`, as `both_sides` takes them) that ports tell apart.
    """
    wanted = _keyed(shapes)
    counts = _collect(_chosen(flows, reduced, wanted).group_by("shape", "bin").agg(ports=pl.col("clport")))
    if reduced.twice.height:
        counts = counts.with_columns(pl.col("ports").list.unique())
    hist = counts.join(wanted, on="shape").with_columns(n=pl.col("ports").list.len())
    reduced = replace(reduced, hist=hist.select(*SHAPE, "bin", "n", "ports"))
    return replace(reduced, fronts=_fronts(flows, reduced, ported)) if ported.height else reduced


def _fronts(flows: pl.LazyFrame, reduced: Reduced, ported: pl.DataFrame) -> pl.DataFrame:
    came = both_sides(flows, reduced, ported).filter("front").join(ported.select("suspect", "cl", "home"), on="suspect")
    came = came.join(reduced.windows, left_on="home", right_on="interface_id")
    slot = (pl.col("bin") * pl.col("width") + pl.col("phase") + pl.col("width") // 2) // SLOT
    return came.explode("ports").select("cl", slot=slot, port="ports").unique().cast(FRONTS)  # type: ignore[arg-type]


def _keyed(shapes: pl.DataFrame) -> pl.DataFrame:
    return shapes.select(*SHAPE, shape=number(*SHAPE)).unique("shape")


def _chosen(flows: pl.LazyFrame, reduced: Reduced, wanted: pl.DataFrame) -> pl.LazyFrame:
    """Return the oriented records of the wanted shapes, with what else stands there."""
    pairs = reduced.units.join(wanted, on="unit", how="semi").select("pair").unique()
    # Most records are none of the wanted sizes: they go before anything is worked out of them.
    bounds = {size: (wanted[size].min(), wanted[size].max()) for size in ("packets", "bytes")}
    near = [pl.col(size).is_between(pl.lit(low), pl.lit(high)) for size, (low, high) in bounds.items()]
    roles = oriented(_tcp(flows, reduced.doubled).filter(*near), reduced.windows, reduced.ends, pairs)
    return roles.with_columns(shape=number(*SHAPE)).join(wanted.drop(SHAPE).lazy(), on="shape")


def served(flows: pl.LazyFrame, reduced: Reduced, addresses: pl.Series) -> pl.DataFrame:
    """Return what these addresses were sent, by interface and size: one pass over the records."""
    known = pl.DataFrame({"sv": addresses.unique()}).with_columns(_sv=name("sv"))
    tcp = _tcp(flows, reduced.doubled).join(
        known.lazy().select("_sv"), left_on=name("dstaddr"), right_on="_sv", how="semi"
    )
    roles = oriented(tcp, reduced.windows, reduced.ends).filter(~pl.col("reply") & small())
    if reduced.scans.height:
        roles = roles.join(reduced.scans.lazy(), left_on=scanning(), right_on="scan", how="anti")
    sent = roles.group_by("_sv", "_interface", "packets", "bytes").agg(pl.len().alias("n"))
    return sent.collect(engine="streaming").join(known, on="_sv").drop("_sv")


def both_sides(flows: pl.LazyFrame, reduced: Reduced, sizes: pl.DataFrame) -> pl.DataFrame:
    """Return what of these sizes came in at sources' own interfaces and went out, by window: one pass over the records.

    `sizes`: suspect (a number), home (the interface), cl, sp, and how x is read and where it lies on either side: h,
    lo, hi (least to most packets); front_h, front_lo, front_hi. Returns suspect, front (true for what came in), bin,
    n and ports.
    """
    keyed = sizes.with_columns(_interface=name("home"), _me=name("cl")).lazy()
    roles = oriented(_tcp(flows, reduced.doubled), reduced.windows, reduced.ends).filter(~pl.col("reply") & small())
    roles = roles.select("_interface", "_cl", "_sv", "sp", "packets", "bytes", "clport", "bin")
    went = keyed.select("suspect", "_interface", "sp", "h", "lo", "hi", "least", "most", _cl="_me")
    came = keyed.select("suspect", "_interface", h="front_h", lo="front_lo", hi="front_hi", _sv="_me")
    came = came.with_columns(least=0, most=LARGEST_PACKETS)
    sides = [
        roles.join(side, on=on)
        .filter(
            (pl.col("bytes") - pl.col("h") * pl.col("packets")).is_between("lo", "hi"),
            pl.col("packets").is_between("least", "most"),
        )
        .select("suspect", "bin", "clport", front=pl.lit(front))
        for side, on, front in ((went, ["_interface", "_cl", "sp"], False), (came, ["_interface", "_sv"], True))
    ]
    counts = pl.concat(sides).group_by("suspect", "front", "bin").agg(pl.len().alias("n"), ports=pl.col("clport"))
    return _collect(counts)


def completed(flows: pl.LazyFrame) -> pl.LazyFrame:
    """Return the flows with an interface and an action, for formats that were made without."""
    names = flows.collect_schema().names()
    missing = {"interface_id": "", "action": "ACCEPT"}
    return flows.with_columns(**{name: pl.lit(value) for name, value in missing.items() if name not in names})


def usable() -> pl.Expr:
    """Whether a record can be part of a check at all: TCP, let through."""
    return pl.all_horizontal(TESTS.values())


def _tcp(flows: pl.LazyFrame, doubled: Sequence[str] = ()) -> pl.LazyFrame:
    flows = apart(completed(flows), doubled) if doubled else completed(flows)
    names = [field for field in (*NEEDED, "interface_id", *HELPFUL) if field in flows.collect_schema().names()]
    return flows.filter(usable()).select(names)


def _seconds(field: str) -> pl.Expr:
    return pl.col(field).dt.epoch("s")


def _told(names: list[str]) -> dict[str, pl.Expr]:
    """Return what newer fields tell of a record's interface; false where the format has none of them."""
    no = pl.lit(False)
    typed = pl.col("interface_type") == "network_load_balancer" if "interface_type" in names else no
    # Interfaces of AWS's own services may carry no account; only a load balancer's also opens steady connections.
    unowned = pl.col("account_id") == "unknown" if "account_id" in names else no
    instance = pl.col("instance_id").is_not_null() if "instance_id" in names else no
    told = {"instance": instance, "typed": typed, "balancer": typed.fill_null(False) | unowned.fill_null(False)}
    return {mark: test.fill_null(False) for mark, test in told.items()}


def _meets(frame: pl.LazyFrame, by: str, port: str) -> pl.LazyFrame:
    """Return by each key about how many different values a port `meets`, up to `BITS`: each sets a bit."""
    bit = pl.lit(2, pl.UInt64) ** (pl.col(port) % BITS)
    bits = frame.select(by, bit=bit).group_by(by).agg(pl.col("bit").bitwise_or())
    return bits.select(by, meets=pl.col("bit").bitwise_count_ones())


def _end(side: str) -> pl.Expr:
    return number(name(f"{side}addr"), f"{side}port") % ENDS


def _ends(tcp: pl.LazyFrame) -> pl.LazyFrame:
    """Return which ends are servers, where the ports leave it open.

    Ends are counted in `ENDS` buckets, so that the table stays small whatever the number of clients.
    """
    doubt = tcp.filter((pl.col("srcport") >= SYSTEM_PORTS) == (pl.col("dstport") >= SYSTEM_PORTS))
    there = doubt.select(end=_end("dst"), other="srcport")
    back = doubt.select(end=_end("src"), other="dstport")
    meets = _meets(pl.concat([there, back]), "end", "other")
    return meets.filter(pl.col("meets") >= SERVER_MEETS)


def _scans(tcp: pl.LazyFrame) -> pl.LazyFrame:
    knocks = tcp.filter(pl.col("dstport") < SYSTEM_PORTS, pl.col("srcport") >= SYSTEM_PORTS)
    ports = _meets(knocks.select("dstport", scan=number(name("srcaddr"), name("dstaddr"))), "scan", "dstport")
    return ports.filter(pl.col("meets") >= SCAN_PORTS).select("scan")


def scanning() -> pl.Expr:
    """Return the number that `Reduced.scans` knows a scanner and its victim by, of oriented records."""
    return number("_cl", "_sv")


def _pair() -> pl.Expr:
    """Return the number of two addresses on an interface, whichever way a record goes."""
    # Numbers beyond 64 bits wrap around, so the sum is as good as any other symmetric mixture.
    return number("_interface", pl.col("_src") + pl.col("_dst"))


def _named(tcp: pl.LazyFrame) -> pl.LazyFrame:
    return tcp.with_columns(_interface=name("interface_id"), _src=name("srcaddr"), _dst=name("dstaddr"))


def _pairs(tcp: pl.LazyFrame) -> pl.LazyFrame:
    """Return how often and when each pair of addresses met, and the names it goes by: this pass alone carries them."""
    # Whatever is grouped is a column first: aggregates of expressions keep all rows in memory.
    up = pl.col("_src") < pl.col("_dst")
    names = ["interface_id", "srcaddr", "dstaddr"]
    each = _named(tcp).select(*names, pair=_pair(), up=up, at=_seconds("start"))
    return each.group_by("pair").agg(
        pl.len().alias("n"),
        pl.col("up").sum(),
        pl.col(names).first(),
        first=pl.col("at").min(),
        last=pl.col("at").max(),
    )


def _often(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs that meet often; `alone` where this interface never logs the other direction."""
    most = pl.max_horizontal("up", pl.col("n") - pl.col("up"))
    slow = (most < OFTEN) & (most * SLOWEST < pl.col("last") - pl.col("first"))
    alone = (pl.col("up") == 0) | (pl.col("up") == pl.col("n"))
    return pairs.filter((most >= FEWEST) & ~slow).select("pair", alone=alone)


def _homes(pairs: pl.DataFrame) -> pl.DataFrame:
    ends = [pairs.select("n", interface=name("interface_id"), address=name(end)) for end in ("srcaddr", "dstaddr")]
    weight = pl.concat(ends).group_by("interface", "address").agg(pl.col("n").sum()).filter(pl.col("n") >= FEWEST)
    whole = pairs.group_by(interface=name("interface_id")).agg(of=pl.col("n").sum())
    return weight.join(whole, on="interface")


def oriented(
    tcp: pl.LazyFrame, windows: pl.DataFrame, ends: pl.DataFrame, often: pl.DataFrame | None = None
) -> pl.LazyFrame:
    """Return the records with `reply`, `clport`, `sp`, `bin` (window), and the numbers `_cl`, `_sv` and `unit`.

    Where it is given, only the pairs in `often` are kept, with what else stands there.
    """
    frame = _named(tcp)
    if often is not None:
        frame = frame.with_columns(pair=_pair()).join(often.lazy(), on="pair")
    frame, guess = _guess(frame, ends)
    frame = frame.with_columns(reply=guess).with_columns(
        _cl=pl.when("reply").then("_dst").otherwise("_src"),
        _sv=pl.when("reply").then("_src").otherwise("_dst"),
        clport=pl.when("reply").then("dstport").otherwise("srcport"),
        sp=pl.when("reply").then("srcport").otherwise("dstport"),
    )
    cut = windows.lazy().select("width", "phase", _interface=name("interface_id"))
    frame = frame.join(cut, on="_interface", how="left")
    # The middle of a record, not its start: what an interface saw first wanders within its window.
    middle = (_seconds("start") + _seconds("end")) // 2
    unit = number("_interface", "_cl", "_sv", "sp", "reply")
    return frame.with_columns(unit=unit, bin=(middle - pl.col("phase")) // pl.col("width"))


def _guess(frame: pl.LazyFrame, ends: pl.DataFrame) -> tuple[pl.LazyFrame, pl.Expr]:
    """Return whether a record is a reply, judging by flags, system ports, ends known as servers, or the lower port."""
    system_src, system_dst = pl.col("srcport") < SYSTEM_PORTS, pl.col("dstport") < SYSTEM_PORTS
    systems = system_src != system_dst
    by_ports = pl.when(systems).then(system_src).otherwise(pl.col("srcport") < pl.col("dstport"))
    if ends.height:
        for side in ("src", "dst"):
            met = ends.lazy().select(pl.col("end").alias(f"_{side}_end"), pl.col("meets").alias(f"_{side}_meets"))
            frame = frame.with_columns(_end(side).alias(f"_{side}_end"))
            frame = frame.join(met, on=f"_{side}_end", how="left")
        src, dst = pl.col("_src_meets").fill_null(0), pl.col("_dst_meets").fill_null(0)
        by_ports = pl.when(~systems & (src != dst)).then(src > dst).otherwise(by_ports)
    if "tcp_flags" not in frame.collect_schema().names():
        return frame, by_ports
    # SYN alone comes from who opens, SYN with ACK (18) from who answers; a connection's later windows have neither.
    shake = pl.col("tcp_flags").fill_null(0) & 18
    return frame, pl.when(shake == 2).then(False).when(shake == 18).then(True).otherwise(by_ports)


def _kept() -> pl.Expr:
    return ~pl.col("reply") | pl.col("alone")


def _sent(roles: pl.LazyFrame) -> pl.LazyFrame:
    """Return what each unit sent by size, with the unit's facts; what is too large for checks counts under no size."""
    sizes = {size: pl.when(small()).then(size) for size in ("packets", "bytes")}
    facts = ["pair", "_cl", "sp", "reply"]
    each = roles.filter(_kept()).select("unit", *facts, "bin", **sizes)
    return each.group_by(SHAPE).agg(
        pl.len().alias("n"), pl.col(facts).first(), first=pl.col("bin").min(), last=pl.col("bin").max()
    )


def _units(sent: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    units = sent.group_by("unit").agg(
        pl.col("pair", "_cl", "sp", "reply").first(), pl.col("n").sum(), pl.col("first").min(), pl.col("last").max()
    )
    units = units.join(pairs.select("pair", "interface_id", "srcaddr", "dstaddr"), on="pair")
    there = pl.col("_cl") == name("srcaddr")
    cl, sv = (
        pl.when(there).then(one).otherwise(other) for one, other in (("srcaddr", "dstaddr"), ("dstaddr", "srcaddr"))
    )
    return units.with_columns(cl=cl, sv=sv).drop("_cl", "srcaddr", "dstaddr")


def small() -> pl.Expr:
    """Whether a record is small enough to be checks."""
    return (pl.col("packets") <= LARGEST_PACKETS) & (pl.col("bytes") <= LARGEST_BYTES)
