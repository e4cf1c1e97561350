"""Flow records reduced to small tables, in two streaming passes; everything after works on these tables.

The first pass learns three things at once: how each interface cuts its windows, which (address, port) ends are servers,
and which pairs of addresses meet often enough to hold a checker. The second counts the connections of those pairs by
size and window.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

# A check is a handful of packets. Several in one record (a source port that comes back, 600 s windows) stay far below
# this too; anything larger is service, and leaving it out keeps the histogram small.
LARGEST_PACKETS, LARGEST_BYTES = 256, 32_768
# Fewer connections than this from one address to another say nothing about a beat: six ticks are the least that a
# checker could be told from chance by.
FEWEST = 6
# Below 1024 a port belongs to a server by convention (RFC 6335: system ports); clients, the load balancer among them,
# open connections from 1024 to 65535.
SYSTEM_PORTS = 1024
# An end that meets this many different ports is a server's: a client's own port meets one or two.
SERVER_MEETS = 4
# A client that knocks on this many different system ports of one address is a scan: a service has a few.
SCAN_PORTS = 8

# Who opens connections (cl), to whom (sv), on which server port (sp).
UNIT = ["cl", "sv", "sp"]
# What makes a record one that can be part of a check at all, by field: TCP, let through.
TESTS = {"protocol": pl.col("protocol") == 6, "action": pl.col("action") == "ACCEPT"}
# Other formats under the same prefix may have no times or sizes.
TESTS |= {name: pl.col(name).is_not_null() for name in ("packets", "bytes", "start", "end")}
NEEDED = ("srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end")
# Fields of other versions that help where they are there.
HELPFUL = ("tcp_flags", "interface_type", "instance_id", "account_id")


@dataclass(frozen=True)
class Reduced:
    """The small tables: how windows lie, which ends serve, who scans, and connections by size and window."""

    windows: pl.DataFrame  # interface_id, width, phase (seconds): how this interface's time is cut
    marks: pl.DataFrame  # interface_id, balancer, instance: what the logs themselves say the interface belongs to
    ends: pl.DataFrame  # addr, port, meets: server ends among ports that need a look
    scans: pl.DataFrame  # cl, sv: pairs of addresses in which the first scans the second
    pairs: pl.DataFrame  # interface_id, srcaddr, dstaddr, n: who meets whom, on which interface
    # interface_id, cl, sv, sp, reply, packets, bytes, bin, n, port, last_port, opened, closed: pairs that meet often,
    # by size and window, with the lowest and highest of the opener's ports, and the first and last second
    hist: pl.DataFrame
    served: pl.DataFrame  # interface_id, sv, packets, bytes, n: what each server end was sent, by whomever


def reduce_flows(flows: pl.LazyFrame) -> Reduced:
    """Return the small tables of a frame of flows: two passes over the records."""
    flows = completed(flows)
    names = [name for name in (*NEEDED, "interface_id", *HELPFUL) if name in flows.collect_schema().names()]
    tcp = flows.filter(usable()).select(names)
    lengths, marks, ends, pairs = pl.collect_all(
        [_lengths(tcp), _marks(tcp), _ends(tcp), _pairs(tcp)], engine="streaming"
    )
    windows = _windows(lengths)
    scans = pairs.filter(pl.col("system") >= SCAN_PORTS).select(cl="srcaddr", sv="dstaddr").unique()
    often = _worth_counting(pairs, scans)
    roles = oriented(tcp, windows, ends)
    hist, served = pl.collect_all([_histogram(roles, often), _served(roles, scans)], engine="streaming")
    return Reduced(windows, marks, ends, scans, pairs.drop("system"), hist, served)


def completed(flows: pl.LazyFrame) -> pl.LazyFrame:
    """Return the flows with an interface and an action, for formats that were made without."""
    names = flows.collect_schema().names()
    missing = {"interface_id": "", "action": "ACCEPT"}
    return flows.with_columns(**{name: pl.lit(value) for name, value in missing.items() if name not in names})


def usable() -> pl.Expr:
    """Whether a record can be part of a check at all: TCP, let through."""
    return pl.all_horizontal(TESTS.values())


def _seconds(name: str) -> pl.Expr:
    return pl.col(name).dt.epoch("s")


def _marks(tcp: pl.LazyFrame) -> pl.LazyFrame:
    """Return what newer fields tell of an interface; all false where the format has none of them."""
    names = tcp.collect_schema().names()
    no = pl.lit(False)
    instance = pl.col("instance_id").is_not_null().any() if "instance_id" in names else no
    balancer = (pl.col("interface_type") == "network_load_balancer").any() if "interface_type" in names else no
    # Interfaces of AWS's own services may carry no account; only a load balancer's also opens steady connections.
    unowned = (pl.col("account_id") == "unknown").any() if "account_id" in names else no
    return tcp.group_by("interface_id").agg(
        balancer=(balancer | unowned).fill_null(False).any(), instance=instance.any()
    )


def _lengths(tcp: pl.LazyFrame) -> pl.LazyFrame:
    length = (_seconds("end") - _seconds("start")).clip(0, 660)
    return tcp.group_by("interface_id", mark=_seconds("start") % 600, length=length).len("n")


def _ends(tcp: pl.LazyFrame) -> pl.LazyFrame:
    open_to_doubt = tcp.filter((pl.col("srcport") >= SYSTEM_PORTS) == (pl.col("dstport") >= SYSTEM_PORTS))
    there = open_to_doubt.select(addr="dstaddr", port="dstport", other="srcport")
    back = open_to_doubt.select(addr="srcaddr", port="srcport", other="dstport")
    meets = pl.concat([there, back]).group_by("addr", "port").agg(meets=pl.col("other").n_unique())
    return meets.filter(pl.col("meets") >= SERVER_MEETS)


def _pairs(tcp: pl.LazyFrame) -> pl.LazyFrame:
    system = pl.col("dstport").filter(pl.col("dstport") < SYSTEM_PORTS).n_unique()
    return tcp.group_by("interface_id", "srcaddr", "dstaddr").agg(pl.len().alias("n"), system=system)


def _worth_counting(pairs: pl.DataFrame, scans: pl.DataFrame) -> pl.DataFrame:
    """Return the directed pairs that meet often; `alone` where this interface never logs the other direction."""
    there = pairs.filter(pl.col("n") >= FEWEST)
    back = pairs.select("interface_id", srcaddr="dstaddr", dstaddr="srcaddr", back=pl.lit(True))
    kept = there.join(back, on=["interface_id", "srcaddr", "dstaddr"], how="left")
    kept = kept.join(scans, left_on=["srcaddr", "dstaddr"], right_on=["cl", "sv"], how="anti")
    kept = kept.join(scans, left_on=["dstaddr", "srcaddr"], right_on=["cl", "sv"], how="anti")
    return kept.select("interface_id", "srcaddr", "dstaddr", alone=pl.col("back").is_null())


def _windows(marks: pl.DataFrame) -> pl.DataFrame:
    rows = [
        _window(str(name[0]), part) for name, part in sorted(marks.group_by("interface_id"), key=lambda g: str(g[0]))
    ]
    return pl.DataFrame(rows, schema={"interface_id": pl.String, "width": pl.Int64, "phase": pl.Int64}, orient="row")


def _window(interface: str, marks: pl.DataFrame) -> tuple[str, int, int]:
    """Return the width and the phase of one interface's windows.

    AWS cuts at 60 or 600 seconds, and at about 30 on Nitro and load balancer interfaces, whose records all carry the
    first and last packet of the interface: their lengths press against the window's width. Where most records are far
    shorter than the longest, times are the flow's own and any cut will do.
    """
    by_length = marks.sort("length")
    lengths, total = by_length["length"], int(marks["n"].sum())
    cumulated = by_length["n"].cum_sum()
    typical, long = (int(lengths[int((cumulated < share * total).sum())]) for share in (0.5, 0.95))
    width = 30 if long <= 33 else 60 if long <= 66 or typical < 10 else 600
    return interface, width, _phase(marks, width)


def _phase(marks: pl.DataFrame, width: int) -> int:
    """Return the second at which windows begin: the cut across which the fewest records reach."""
    step = 1 if width <= 60 else 10
    cuts = pl.DataFrame({"cut": range(0, width, step)})
    into = (pl.col("mark") - pl.col("cut")) % width
    fits = (
        marks.join(cuts, how="cross")
        .group_by("cut")
        .agg(inside=pl.col("n").filter(into + pl.col("length") < width).sum(), early=(into * pl.col("n")).sum())
    )
    return int(fits.sort("inside", "early", "cut", descending=[True, False, False])["cut"][0])


def oriented(tcp: pl.LazyFrame, windows: pl.DataFrame, ends: pl.DataFrame) -> pl.LazyFrame:
    """Return the records with `cl`, `clport`, `sv`, `sp` (who opened, who serves), `reply` and `bin` (window)."""
    frame = tcp
    if ends.height:
        for side in ("src", "dst"):
            met = ends.lazy().select(
                pl.col("addr").alias(f"{side}addr"),
                pl.col("port").alias(f"{side}port"),
                pl.col("meets").alias(f"_{side}"),
            )
            frame = frame.join(met, on=[f"{side}addr", f"{side}port"], how="left")
    else:
        frame = frame.with_columns(_src=pl.lit(0), _dst=pl.lit(0))
    src, dst = pl.col("_src").fill_null(0), pl.col("_dst").fill_null(0)
    system_src, system_dst = pl.col("srcport") < SYSTEM_PORTS, pl.col("dstport") < SYSTEM_PORTS
    guess = (
        pl.when(system_src != system_dst)
        .then(system_src)
        .when(src != dst)
        .then(src > dst)
        .otherwise(pl.col("srcport") < pl.col("dstport"))
    )
    if "tcp_flags" in frame.collect_schema().names():
        # SYN alone comes from who opens, SYN with ACK (18) from who answers; a connection's later windows have neither.
        shake = pl.col("tcp_flags").fill_null(0) & 18
        guess = pl.when(shake == 2).then(False).when(shake == 18).then(True).otherwise(guess)
    frame = frame.with_columns(reply=guess).drop("_src", "_dst")
    frame = frame.with_columns(
        cl=pl.when("reply").then("dstaddr").otherwise("srcaddr"),
        sv=pl.when("reply").then("srcaddr").otherwise("dstaddr"),
        clport=pl.when("reply").then("dstport").otherwise("srcport"),
        sp=pl.when("reply").then("srcport").otherwise("dstport"),
    )
    frame = frame.join(windows.lazy(), on="interface_id", how="left")
    # The middle of a record, not its start: what an interface saw first wanders within its window.
    middle = (_seconds("start") + _seconds("end")) // 2
    return frame.with_columns(bin=(middle - pl.col("phase")) // pl.col("width"))


def _histogram(frame: pl.LazyFrame, often: pl.DataFrame) -> pl.LazyFrame:
    small = _small()
    kept = frame.join(often.lazy(), on=["interface_id", "srcaddr", "dstaddr"], how="inner")
    kept = kept.filter(~pl.col("reply") | pl.col("alone"))
    packets = pl.when(small).then("packets").otherwise(0)
    size = pl.when(small).then("bytes").otherwise(0)
    return kept.group_by("interface_id", *UNIT, "reply", packets=packets, bytes=size, bin="bin").agg(
        n=pl.len(),
        port=pl.col("clport").min(),
        last_port=pl.col("clport").max(),
        opened=_seconds("start").min(),
        closed=_seconds("end").max(),
    )


def _served(frame: pl.LazyFrame, scans: pl.DataFrame) -> pl.LazyFrame:
    sent = frame.filter(~pl.col("reply") & _small()).join(scans.lazy(), on=["cl", "sv"], how="anti")
    return sent.group_by("interface_id", "sv", "packets", "bytes").agg(pl.len().alias("n"))


def _small() -> pl.Expr:
    return (pl.col("packets") <= LARGEST_PACKETS) & (pl.col("bytes") <= LARGEST_BYTES)
