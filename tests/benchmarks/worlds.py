"""Small made-up networks with truth labels, unlike the captures: `split_worlds.py` judges the split on them.

Each world is its checkers, its clients, how AWS cuts its records, and what is odd about it. Everything is drawn from a
seed, so that it is the same every time. Sizes are those of real programs (packets and bytes at the IP layer, TCP
timestamps on). Labels: `hc` a load balancer's check, `svc` a client's traffic, `mon` anyone else's monitor, `alb` the
checks of an Application Load Balancer, which may be called either.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import polars as pl

BEGIN = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp())
Sizes = tuple[int, int, int, int]
"""Packets and bytes there, packets and bytes back."""

CHECKS: dict[str, list[Sizes]] = {
    "tcp": [(4, 216, 2, 112)] * 9 + [(4, 216, 3, 164)],
    "tcp reset": [(3, 164, 1, 60)] * 9 + [(2, 112, 1, 60)],
    "http": [(3, 294, 5, 514)] * 8 + [(4, 346, 4, 462)] * 2,
    "http, answers vary": [(5, 408 + i % 4, 4, 700 + 37 * i) for i in range(12)],
    "https, four sizes": [(6, 1040 + more, 7, 4200 + more) for more in (0, 38, 71, 117)],
    "https, one size and others": [(6, 1040, 7, 4200)] * 10 + [(6, 1040 + more, 7, 4200) for more in (31, 64)],
}
WEB = [(5 + i % 4, (5 + i % 4) * 52 + 8 + 70 + i * i * 7 % 613, 5 + i % 7, 900 + i * 971 % 9001) for i in range(400)]
SERVICE: dict[str, list[Sizes]] = {
    "web": WEB,
    "one size": [(6, 890, 6, 1400), (7, 942, 6, 1400)],
    "three sizes": [(6, 890, 6, 1400), (6, 960, 6, 2400), (7, 1210, 6, 700)],
    "connects only": [(4, 216, 2, 112), (4, 216, 3, 164)],
}
REFUSED, SILENT = (1, 60, 1, 40), (3, 180, 0, 0)


@dataclass(frozen=True)
class World:
    """A network. `asks` names the service's sizes, "checks" for the very sizes of the checks."""

    check: str = "http"
    every: float = 10
    checkers: int = 1
    zones: int = 2
    targets: int = 3
    zonal: bool = False
    minutes: float = 30
    wobble: float = 0.2
    port: int = 80
    check_port: int = 0
    asks: str = "web"
    rate: float = 1.0
    preserve: bool = False
    keeps_ports: bool = False
    pool: int = 200
    ports: str = "fresh"
    cut: str = "aws"
    logged: str = "all"
    odd: tuple[str, ...] = ()
    copies: str = ""
    hosts: tuple[str, ...] = ()
    idle: int = 0
    header: int = 0

    def nodes(self) -> list[str]:
        """Return the load balancer's nodes; the last `idle` of them no client uses."""
        return [f"10.7.{zone}.10" for zone in range(self.zones)]

    def busy(self) -> list[str]:
        return self.nodes()[: self.zones - self.idle]

    def known(self) -> list[str]:
        """Return what somebody would give as load balancer addresses."""
        return self.nodes() + [node for odd, nodes in SECOND.items() if odd in self.odd for node in nodes]

    def places(self) -> list[str]:
        return [f"10.7.{i % self.zones}.{100 + i}" for i in range(self.targets)]


@dataclass
class Book:
    """The records of every logged interface, as packets are counted into them."""

    world: World
    held: dict[tuple[object, ...], list[int]] = field(default_factory=dict)
    truth: dict[tuple[object, ...], str] = field(default_factory=dict)

    def homes(self, *ends: str) -> Iterator[str]:
        wanted = {"all": True, "targets": False, "nodes": False}[self.world.logged]
        for end in ends:
            node, target = end in self.world.known(), end in self.world.places()
            if (wanted and (node or target or end in self.world.hosts)) or (
                self.world.logged == ("nodes" if node else "targets" if target else "")
            ):
                yield end

    def add(self, at: float, client: tuple[str, int], server: tuple[str, int], sizes: Sizes, label: str) -> None:
        """Count one connection, or one burst of a long one."""
        for home in self.homes(client[0], server[0]):
            width = {"aws": 30, "own60": 60, "own600": 600, "shared60": 60, "shared600": 600}[self.world.cut]
            window = int(at - sum(home.encode()) * 7 % width) // width
            for one, other, packets, size in ((client, server, *sizes[:2]), (server, client, *sizes[2:])):
                if packets:
                    key = (home, *one, *other, window)
                    now = self.held.setdefault(key, [0, 0, int(at), int(at)])
                    now[:] = now[0] + packets, now[1] + size, min(now[2], int(at)), max(now[3], int(at + 0.05))
                    self.truth[key] = label

    def frame(self) -> pl.DataFrame:
        keys = ["home", "srcaddr", "srcport", "dstaddr", "dstport", "window"]
        rows = [(*key, *counts, self.truth[key]) for key, counts in self.held.items()]
        out = pl.DataFrame(rows, schema=[*keys, "packets", "bytes", "first", "last", "label"], orient="row")
        shared = [pl.col("first").min().over("home", "window"), pl.col("last").max().over("home", "window")]
        own = self.world.cut.startswith("own")
        times = [pl.col("first"), pl.col("last")] if own else shared
        out = out.with_columns(start=times[0], end=times[1])
        seconds = [pl.from_epoch(pl.col(t) + BEGIN, "s").dt.cast_time_unit("ms").dt.replace_time_zone("UTC").alias(t)
                   for t in ("start", "end")]  # fmt: skip
        return out.select(
            pl.format("eni-{}", "home").alias("interface_id"), "srcaddr", "dstaddr",
            pl.col("srcport", "dstport").cast(pl.Int32), pl.lit(6, pl.Int32).alias("protocol"), "packets", "bytes",
            *seconds, pl.lit("ACCEPT").alias("action"), pl.lit("OK").alias("log_status"), "label",
        ).sort("start", "interface_id", "srcaddr", "srcport", "dstaddr", "dstport")  # fmt: skip


def made(world: World, seed: int = 1) -> pl.DataFrame:
    """Return the labelled records of a world; where something is copied, the copies too."""
    book, chance = Book(world), random.Random(seed)
    checked(book, chance)
    served(book, chance)
    for odd in world.odd:
        ODD[odd](book, chance)
    flows = book.frame()
    if world.copies == "exact":
        flows = pl.concat([flows, flows])
    if world.copies == "half":
        flows = pl.concat([flows, flows.filter(pl.col("start") < flows["start"].median())])
    if world.copies in ("own600", "shared60", "shared600"):
        flows = pl.concat([flows, made(replace(world, copies="", cut=world.copies), seed)])
    return flows.sort("start", "interface_id", "srcport")


def source(world: World, chance: random.Random, turn: int) -> int:
    """Return a source port for the `turn`-th connection of a checker."""
    if world.ports == "fresh":
        return 2 * chance.randrange(8_000, 30_000)
    if world.ports == "sequence":
        return 1024 + turn * 2 % 60_000
    return 40_000 + 2 * (turn % int(world.ports))


def fails(world: World, target: str, at: float) -> Sizes | None:
    """Return what a connection looks like while its target is out."""
    last, middle = target == world.places()[-1], world.minutes * 20 <= at < world.minutes * 40
    if "dead" in world.odd and last:
        return SILENT
    if "refuses" in world.odd and last:
        return REFUSED
    return REFUSED if "outage" in world.odd and last and middle else None


def healthy(world: World, at: float) -> list[str]:
    """Return the targets that service goes to: half a minute after it fails a target gets none, unless none is left."""
    up = [place for place in world.places() if not (fails(world, place, at) and fails(world, place, at - 30))]
    return up if up and "fails open" not in world.odd else world.places()


def checked(book: Book, chance: random.Random) -> None:
    """Let every node check every target (of its own zone, where zones are kept apart)."""
    world, turn = book.world, 0
    for i, node in enumerate(world.nodes()):
        for target in world.places():
            if (world.zonal and target.split(".")[2] != str(i)) or not world.check:
                continue
            for _ in range(world.checkers):
                at = chance.uniform(0, world.every)
                while at < world.minutes * 60:
                    sizes = fails(world, target, at) or chance.choice(CHECKS[world.check])
                    port = source(world, chance, turn)
                    book.add(at, (node, port), (target, world.check_port or world.port), sizes, "hc")
                    at, turn = at + world.every + chance.uniform(-1, 1) * world.wobble, turn + 1


def served(book: Book, chance: random.Random) -> None:
    """Let clients come at random to a node, and on from there to a target."""
    world = book.world
    sizes = CHECKS[world.check] if world.asks == "checks" else SERVICE[world.asks]
    at = chance.expovariate(world.rate) if world.rate else 1e9
    while at < world.minutes * 60:
        one = chance.randrange(world.pool)
        client = (f"203.0.{one // 250}.{one % 250}", chance.randrange(1_024, 65_000))
        through(book, chance, at, client, chance.choice(sizes))
        at += chance.expovariate(world.rate)


def through(book: Book, chance: random.Random, at: float, client: tuple[str, int], sizes: Sizes) -> None:
    """Pass one connection on: under the client's own address, or under the node's."""
    world = book.world
    node, target = chance.choice(world.busy()), chance.choice(healthy(world, at))
    sizes = fails(world, target, at) or sizes
    book.add(at, client, (node, world.port), sizes, "svc")
    port = client[1] if world.keeps_ports else 2 * chance.randrange(8_000, 30_000)
    out = client if world.preserve else (node, port)
    sizes = (sizes[0], sizes[1] + world.header, *sizes[2:])
    book.add(at, out, (target, world.port), sizes, "svc")


def clock(book: Book, chance: random.Random, client: str, every: float, sizes: Sizes) -> None:
    """A monitor that is not the load balancer's: straight to every target."""
    for target in book.world.places():
        at = chance.uniform(0, every)
        while at < book.world.minutes * 60:
            book.add(at, (client, chance.randrange(32_768, 61_000)), (target, book.world.port), sizes, "mon")
            at += every + chance.uniform(-0.05, 0.05)


def beacon(book: Book, chance: random.Random, every: float = 10) -> None:
    """A client that comes through the load balancer like a clock."""
    at = 3.3
    while at < book.world.minutes * 60:
        through(book, chance, at, ("203.0.113.99", chance.randrange(1_024, 65_000)), (5, 365, 5, 517))
        at += every


def scraper(book: Book, chance: random.Random, every: float = 15) -> None:
    """A scraper with one long connection to each target: one record a window, always from one port."""
    for i, target in enumerate(book.world.places()):
        at = 1.0 + i
        while at < book.world.minutes * 60:
            book.add(at, ("10.7.0.50", 45_678 + 2 * i), (target, book.world.port), (2, 350, 3, 9_000), "mon")
            at += every


def long_lived(book: Book, chance: random.Random) -> None:
    """Pools of long connections through the load balancer, with a keep-alive every 15 s and now and then a question."""
    world = book.world
    for i in range(12):
        node, target = chance.choice(world.nodes()), chance.choice(world.places())
        client, out = (f"203.0.113.{i}", 50_000 + 2 * i), (node, 50_000 + 2 * i)
        at = chance.uniform(0, 15)
        while at < world.minutes * 60:
            sizes = (1, 52, 1, 52) if chance.random() < 0.7 else (2, 52 + chance.randrange(90, 600), 2, 700)
            book.add(at, client, (node, world.port), sizes, "svc")
            book.add(at, client if world.preserve else out, (target, world.port), sizes, "svc")
            at += 15


def scan(book: Book, chance: random.Random) -> None:
    """A port scan of every target."""
    for target in book.world.places():
        for port in range(1, 400):
            book.add(100 + port / 10, ("198.51.100.66", 55_555), (target, port), REFUSED, "noise")


def nat(book: Book, chance: random.Random) -> None:
    """A pool of clients behind one address, all asking for the same page."""
    for _ in range(int(book.world.minutes * 60)):
        client = ("198.51.100.9", chance.randrange(1_024, 65_000))
        through(book, chance, chance.uniform(0, book.world.minutes * 60), client, (5, 365, 5, 517))


def asked(
    book: Book,
    chance: random.Random,
    ends: tuple[str, str, int],
    every: float,
    sizes: list[Sizes],
    *,
    label: str = "mon",
) -> None:
    """Let a source ask a target for one of these sizes, over and over, each time by a new connection."""
    source, target, port = ends
    at = chance.uniform(0, every)
    while at < book.world.minutes * 60:
        book.add(at, (source, chance.randrange(32_768, 61_000)), (target, port), chance.choice(sizes), label)
        at += every + chance.uniform(-0.05, 0.05)


SCRAPES = [(15 + i % 3, 52 * (15 + i % 3) + 168, 26 + i % 4, 30_000 + 977 * i) for i in range(20)]
EXPORTERS = {9100: SCRAPES, 9113: [(6, 500, 6, 3_100 + 31 * i) for i in range(9)]}


def prometheus(*sources: str) -> object:
    """Scrapers of two exporters on every target, that close their connections."""

    def scrape(book: Book, chance: random.Random) -> None:
        for source in sources:
            for target in book.world.places():
                for port, sizes in EXPORTERS.items():
                    asked(book, chance, (source, target, port), 15, sizes)
            talk(book, chance, source)

    return scrape


def talk(book: Book, chance: random.Random, host: str, every: float = 40) -> None:
    """What any instance does: it asks AWS's services for this and that."""
    at = chance.expovariate(1 / every)
    while at < book.world.minutes * 60:
        size = 900 + chance.randrange(4_000)
        book.add(at, (host, chance.randrange(32_768, 61_000)), ("52.94.5.5", 443), (12, size, 14, 6_000), "svc")
        at += chance.expovariate(1 / every)


def kubelets(book: Book, chance: random.Random) -> None:
    """Each host probes the pods of its own: liveness every 10 s, readiness every 5 s, on the service's port."""
    for i, target in enumerate(book.world.places()):
        for every, sizes in ((10, [(6, 436, 4, 340)]), (5, [(6, 440, 4, 344)])):
            asked(book, chance, (f"10.7.{i % book.world.zones}.{200 + i}", target, book.world.port), every, sizes)


def alb(book: Book, chance: random.Random) -> None:
    """An Application Load Balancer beside: checks every 30 s, and requests of its clients, rewritten and pooled."""
    for node in ("10.7.0.30", "10.7.1.31"):
        for target in book.world.places():
            asked(book, chance, (node, target, 8080), 30, [(6, 447, 5, 560)], label="alb")
            for _ in range(int(book.world.minutes * 4)):
                at, size = chance.uniform(0, book.world.minutes * 60), 300 + chance.randrange(2_000)
                book.add(
                    at, ("198.51.100.20", chance.randrange(1_024, 65_000)), (node, 443), (9, size, 9, 5_000), "svc"
                )
                sizes = (12, size + 700 + chance.randrange(300), 11, 5_500)
                book.add(at, (node, chance.randrange(1_024, 65_000)), (target, 8080), sizes, "svc")


def route53(book: Book, chance: random.Random) -> None:
    """Sixteen checkers of Route 53, each every 30 s, from outside and through the load balancer."""
    for i in range(16):
        at = chance.uniform(0, 30)
        while at < book.world.minutes * 60:
            through(book, chance, at, (f"54.183.255.{130 + i}", chance.randrange(1_024, 65_000)), (6, 431, 5, 700))
            at += 30 + chance.uniform(-0.3, 0.3)


def direct(book: Book, chance: random.Random) -> None:
    """Clients that come straight to the targets."""
    for _ in range(int(book.world.minutes * 60 * 2)):
        client = (f"203.0.113.{chance.randrange(200)}", chance.randrange(1_024, 65_000))
        end = (chance.choice(book.world.places()), book.world.port)
        book.add(chance.uniform(0, book.world.minutes * 60), client, end, chance.choice(WEB), "svc")


def applications(*sources: str) -> object:
    """Two application servers with a database: queries, and a connection every 30 s to see that it lives."""

    def ask(book: Book, chance: random.Random) -> None:
        for source in sources:
            for target in book.world.places():
                asked(book, chance, (source, target, book.world.port), 30, [(6, 380, 5, 390)])
                for _ in range(int(book.world.minutes * 30)):
                    at = chance.uniform(0, book.world.minutes * 60)
                    port = chance.randrange(32_768, 61_000)
                    book.add(at, (source, port), (target, book.world.port), chance.choice(WEB), "svc")

    return ask


def devices(book: Book, chance: random.Random) -> None:
    """Two hundred devices that report every 60 s or so through the load balancer, with some hundred bytes."""
    for i in range(200):
        at = chance.uniform(0, 60)
        while at < book.world.minutes * 60:
            client = (f"100.64.0.{i}", chance.randrange(1_024, 65_000))
            through(book, chance, at, client, (6, 436 + chance.randrange(3), 5, 390))
            at += 60 + chance.uniform(-8, 8)


def second(book: Book, chance: random.Random, *, used: bool = True, port: int = 0) -> None:
    """Another load balancer over the same targets, checking every 30 s."""
    for node in SECOND["second balancer"]:
        for target in book.world.places():
            asked(book, chance, (node, target, port or book.world.port), 30, [(4, 216, 2, 112)], label="hc")
    for _ in range(int(book.world.minutes * 60) if used else 0):
        at, sizes = chance.uniform(0, book.world.minutes * 60), chance.choice(WEB)
        client, node = ("203.0.113.77", chance.randrange(1_024, 65_000)), chance.choice(SECOND["second balancer"])
        book.add(at, client, (node, 81), sizes, "svc")
        end = (chance.choice(book.world.places()), port or book.world.port)
        book.add(at, (node, chance.randrange(1_024, 65_000)), end, sizes, "svc")


_SECOND = ("second balancer", "second balancer, idle", "second balancer, own port, idle")
SECOND = dict.fromkeys(_SECOND, ("10.7.0.20", "10.7.1.20"))
CRON = [(9, 800, 8, 3_000 + 10 * i) for i in range(9)]
HA = ("10.7.0.51", "10.7.1.52")
ODD = {
    "second balancer": second,
    "second balancer, idle": lambda book, chance: second(book, chance, used=False),
    "second balancer, own port, idle": lambda book, chance: second(book, chance, used=False, port=8443),
    "prometheus": prometheus(HA[0]), "two prometheus": prometheus(*HA), "kubelets": kubelets, "alb": alb,
    "route 53": route53, "direct": direct, "applications": applications(*HA), "application": applications(HA[0]),
    "devices": devices,
    "consul": lambda book, chance: clock(book, chance, "10.7.0.61", 10, CHECKS["tcp"][0]),
    "two nagios": lambda book, chance: [clock(book, chance, host, 60, CHECKS["tcp"][0]) for host in HA],
    "talk": lambda book, chance: [talk(book, chance, host) for host in HA],
    "cron": lambda book, chance: asked(book, chance, ("10.7.0.62", book.world.places()[0], 80), 60, CRON),
    "dead": lambda book, chance: None, "refuses": lambda book, chance: None, "outage": lambda book, chance: None,
    "fails open": lambda book, chance: None,
    "monitor": lambda book, chance: clock(book, chance, "10.7.0.60", 30, (5, 393, 5, 514)),
    "outside monitor": lambda book, chance: clock(book, chance, "172.31.9.9", 30, (5, 393, 5, 514)),
    "monitor like a check": lambda book, chance: clock(book, chance, "10.7.0.60", book.world.every, CHECKS["http"][0]),
    "beacon": beacon, "scraper": scraper, "long": long_lived, "scan": scan,
    "nat": nat,
}  # fmt: skip

PLAIN = World()
WORLDS: dict[str, World] = {
    "plain": PLAIN,
    "5 s": replace(PLAIN, every=5, minutes=15),
    "15 s": replace(PLAIN, every=15),
    "30 s": replace(PLAIN, every=30, minutes=45),
    "60 s": replace(PLAIN, every=60, minutes=90, rate=0.5),
    "120 s, TCP": replace(PLAIN, every=120, minutes=120, rate=0.5, check="tcp"),
    "60 s, own times": replace(PLAIN, every=60, minutes=60, cut="own60"),
    "300 s": replace(PLAIN, every=300, minutes=360, rate=0.15),
    "30 s, two checkers a node": replace(PLAIN, every=30, checkers=2),
    "10 s, three checkers a node": replace(PLAIN, checkers=3, check="tcp"),
    "one zone, one target": replace(PLAIN, zones=1, targets=1),
    "one zone, one target, TCP": replace(PLAIN, zones=1, targets=1, check="tcp"),
    "one zone, three targets": replace(PLAIN, zones=1),
    "six zones, zonal": replace(PLAIN, zones=6, targets=6, zonal=True),
    "three zones, zonal, TCP": replace(PLAIN, zones=3, targets=6, zonal=True, check="tcp"),
    "six zones, six targets": replace(PLAIN, zones=6, targets=6, minutes=15),
    "TCP": replace(PLAIN, check="tcp"),
    "TCP by reset": replace(PLAIN, check="tcp reset"),
    "answers vary": replace(PLAIN, check="http, answers vary"),
    "HTTPS, four sizes": replace(PLAIN, check="https, four sizes", port=443),
    "HTTPS, four sizes, one-size service": replace(PLAIN, check="https, four sizes", port=443, asks="one size"),
    "HTTPS, four sizes, 30 s": replace(PLAIN, check="https, four sizes", port=443, every=30, minutes=60),
    "HTTPS, four sizes, own times": replace(PLAIN, check="https, four sizes", port=443, cut="own60"),
    "HTTPS, one size and others": replace(PLAIN, check="https, one size and others", port=443),
    "HTTPS, four sizes, port of its own": replace(PLAIN, check="https, four sizes", port=443, check_port=8443),
    "port of its own": replace(PLAIN, check_port=8081, check="tcp"),
    "preserved": replace(PLAIN, preserve=True),
    "preserved, clients send the check, 1/s": replace(PLAIN, preserve=True, asks="checks"),
    "preserved, clients send the check, 4/s": replace(PLAIN, preserve=True, asks="checks", rate=4, minutes=15),
    "preserved, TCP, clients connect only": replace(PLAIN, preserve=True, check="tcp", asks="connects only"),
    "preserved, TCP, one client address": replace(PLAIN, preserve=True, check="tcp", asks="connects only", pool=1),
    "preserved, TCP, targets' logs, 4/s": replace(
        PLAIN, preserve=True, check="tcp", asks="checks", logged="targets", rate=4, minutes=15
    ),
    "clients send the check, 0.2/s": replace(PLAIN, asks="checks", rate=0.2),
    "clients send the check, 1/s": replace(PLAIN, asks="checks"),
    "clients send the check, 4/s": replace(PLAIN, asks="checks", rate=4, minutes=15),
    "clients send the check, ports kept, 4/s": replace(PLAIN, asks="checks", rate=4, minutes=15, keeps_ports=True),
    "TCP, clients connect only, ports kept, 1/s": replace(PLAIN, check="tcp", asks="connects only", keeps_ports=True),
    "clients send the check, targets' logs": replace(PLAIN, asks="checks", rate=1, logged="targets"),
    "clients send the check, own times": replace(PLAIN, asks="checks", rate=1, cut="own60"),
    "TCP, clients connect only, 1/s": replace(PLAIN, check="tcp", asks="connects only"),
    "service of one size": replace(PLAIN, asks="one size"),
    "service of three sizes, busy": replace(PLAIN, asks="three sizes", rate=6, minutes=15),
    "busy web": replace(PLAIN, rate=10, minutes=15, check="tcp"),
    "no service": replace(PLAIN, rate=0, check="tcp"),
    "a dead target": replace(PLAIN, odd=("dead",)),
    "a dead target, TCP": replace(PLAIN, odd=("dead",), check="tcp"),
    "a target refuses": replace(PLAIN, odd=("refuses",)),
    "an outage": replace(PLAIN, odd=("outage",)),
    "an outage, TCP 30 s": replace(PLAIN, odd=("outage",), check="tcp", every=30, minutes=60),
    "an outage, TCP, service keeps coming": replace(PLAIN, odd=("outage", "fails open"), check="tcp"),
    "a target refuses, service keeps coming": replace(PLAIN, odd=("refuses", "fails open")),
    "one target, dead": replace(PLAIN, odd=("dead",), targets=1),
    "monitor": replace(PLAIN, odd=("monitor",)),
    "monitor from outside": replace(PLAIN, odd=("outside monitor",)),
    "monitor with the check's bytes": replace(PLAIN, odd=("monitor like a check",)),
    "beacon": replace(PLAIN, odd=("beacon",)),
    "scraper, keep-alive": replace(PLAIN, odd=("scraper",)),
    "long connections": replace(PLAIN, odd=("long",)),
    "one NAT address": replace(PLAIN, odd=("nat",)),
    "scan": replace(PLAIN, odd=("scan",)),
    "ports in sequence": replace(PLAIN, ports="sequence"),
    "eight ports, TCP": replace(PLAIN, ports="8", check="tcp"),
    "own times, 60 s": replace(PLAIN, cut="own60"),
    "own times, 60 s, TCP 30 s": replace(PLAIN, cut="own60", check="tcp", every=30, minutes=60),
    "own times, 600 s": replace(PLAIN, cut="own600", minutes=60),
    "shared times, 60 s": replace(PLAIN, cut="shared60"),
    "targets' logs": replace(PLAIN, logged="targets"),
    "nodes' logs": replace(PLAIN, logged="nodes"),
    "copies": replace(PLAIN, copies="exact"),
    "copies, TCP 30 s": replace(PLAIN, copies="exact", check="tcp", every=30, minutes=60),
    "half copied": replace(PLAIN, copies="half"),
    "two flow logs, 30 and 60 s": replace(PLAIN, copies="shared60"),
    "two flow logs, 30 and 600 s": replace(PLAIN, copies="shared600", minutes=90),
    "two flow logs, own times, 60 and 600 s": replace(PLAIN, copies="own600", cut="own60", minutes=60),
    "ten minutes": replace(PLAIN, minutes=10, check="tcp"),
    "no checks": replace(PLAIN, check="", odd=("monitor", "scraper", "long")),
    "no checks, one size": replace(PLAIN, check="", asks="one size"),
    "no checks, connects only": replace(PLAIN, check="", asks="connects only", rate=3),
    "no checks, one size, targets' logs": replace(PLAIN, check="", asks="one size", logged="targets"),
    "no checks, connects only, targets' logs": replace(PLAIN, check="", asks="connects only", logged="targets"),
    "no checks, connects only, nodes' logs": replace(PLAIN, check="", asks="connects only", logged="nodes"),
    "no checks, beacon": replace(PLAIN, check="", odd=("beacon",)),
    "no checks, preserved": replace(PLAIN, check="", preserve=True, asks="one size", odd=("beacon",)),
    "a node without clients": replace(PLAIN, idle=1),
    "a node without clients, TCP 30 s": replace(PLAIN, idle=1, check="tcp", every=30),
    "few clients": replace(PLAIN, rate=0.02),
    "few clients, one zone": replace(PLAIN, rate=0.02, zones=1, check="tcp"),
    "few clients, targets' logs": replace(PLAIN, rate=0.02, logged="targets"),
    "one zone, three targets, targets' logs": replace(PLAIN, zones=1, logged="targets"),
    "one zone, preserved": replace(PLAIN, zones=1, preserve=True, check="tcp"),
    "one zone, no service": replace(PLAIN, zones=1, targets=1, rate=0, every=30),
    "PROXY protocol": replace(PLAIN, header=100),
    "PROXY protocol, one zone": replace(PLAIN, header=100, zones=1, check="tcp"),
    "two load balancers": replace(PLAIN, odd=("second balancer",)),
    "two load balancers, targets' logs": replace(PLAIN, odd=("second balancer",), logged="targets"),
    "two load balancers, one without clients": replace(PLAIN, odd=("second balancer, idle",)),
    "two load balancers, one without clients, own port": replace(PLAIN, odd=("second balancer, own port, idle",)),
    "Prometheus": replace(PLAIN, odd=("prometheus",)),
    "two Prometheus": replace(PLAIN, odd=("two prometheus",)),
    "two Prometheus, logged": replace(PLAIN, odd=("two prometheus",), hosts=HA),
    "kubelets": replace(PLAIN, odd=("kubelets",)),
    "kubelets, preserved": replace(PLAIN, odd=("kubelets",), preserve=True),
    "an ALB beside": replace(PLAIN, odd=("alb",), hosts=("10.7.0.30", "10.7.1.31")),
    "Route 53": replace(PLAIN, odd=("route 53",)),
    "Route 53, targets' logs": replace(PLAIN, odd=("route 53",), logged="targets"),
    "consul": replace(PLAIN, odd=("consul",), check="tcp"),
    "cron": replace(PLAIN, odd=("cron",)),
    "devices": replace(PLAIN, odd=("devices",), rate=0.3),
    "devices, targets' logs": replace(PLAIN, odd=("devices",), rate=0.3, logged="targets"),
    "no checks, Prometheus": replace(PLAIN, check="", odd=("prometheus",)),
    "no checks, two Prometheus": replace(PLAIN, check="", odd=("two prometheus",), hosts=HA),
    "no load balancer, two Prometheus": replace(PLAIN, check="", rate=0, odd=("two prometheus", "direct"), hosts=HA),
    "no load balancer, consul": replace(PLAIN, check="", rate=0, odd=("consul", "direct")),
    "no load balancer, two nagios": replace(PLAIN, check="", rate=0, odd=("two nagios", "talk", "direct"), hosts=HA),
    "no load balancer, two nagios, server's log": replace(PLAIN, check="", rate=0, odd=("two nagios", "direct")),
    "no load balancer, kubelets": replace(PLAIN, check="", rate=0, odd=("kubelets", "direct")),
    "no load balancer, cron": replace(PLAIN, check="", rate=0, odd=("cron", "direct")),
    "no load balancer, applications": replace(PLAIN, check="", rate=0, targets=1, odd=("applications",), hosts=HA),
    "no load balancer, application, server's log": replace(PLAIN, check="", rate=0, targets=1, odd=("application",)),
    "no checks, Route 53": replace(PLAIN, check="", odd=("route 53",)),
    "no checks, devices": replace(PLAIN, check="", odd=("devices",)),
    "no checks, an ALB": replace(PLAIN, check="", rate=0, odd=("alb",), hosts=("10.7.0.30", "10.7.1.31")),
    "no checks, one zone, one target": replace(PLAIN, check="", zones=1, targets=1, asks="three sizes", odd=("nat",)),
}  # fmt: skip
