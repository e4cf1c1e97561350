"""The weight of the evidence: log-odds that a family of connections is a load balancer's health check.

Each weight is the log-odds that one piece of evidence is worth, set by hand from what the evidence means and rounded;
none is fitted. Their sum decides, so that no single piece does, except where noted.
"""

from __future__ import annotations

import polars as pl

from flowkit.split.beat import log_chance
from flowkit.split.reduce import UNIT

# Before any evidence: of all the sizes a log holds, few are a check's.
PRIOR = -3.2
# Counts a million times too even for chance (10^-6) say what evenness can say; twice the prior is not needed.
EVEN, SURE = 3.2, 6
# A family pooled over a port's pairs was chosen among some ten sizes.
POOLED = 1
# What is this uneven itself is none of the pool, however even the others are.
UNEVEN = 0.8
# A clock's counts waver by a tick or so in a window, however many ticks there are. Steady clients at a high rate are
# even for their number, but waver by several.
TICKS, TOO_MANY_TICKS = 1.5, 4.0
# Neither even nor alone with its pair and seen from two sources: nothing makes it a check, whatever else is so.
AIMLESS, STEADY = -6.0, 0.2
# Alone with its pair it may still be service of one size, unless the interface of a source is logged and shows that
# nobody sent it in: the records cannot tell, whatever else is so (log-odds of an even chance).
BLIND = 0.0
# A checker checks all the targets of a port alike.
COVERED, HALF = 1.8, 0.25
# Connecting and closing without data is what TCP checks do, and few services.
BARE = 0.5
# Where nothing shows that the source is a load balancer, what ticks may be a monitor's, and chance is left for that:
# much where several sources do alike, as its nodes do, or where the source sends more, as one that passes on does; and
# more where one address alone does it, and nobody else meets the target. Beside others' traffic it may be anyone's.
PERHAPS, HARDLY = 1.7, 1.0
# A check's answer is a page at the most; who takes ten segments of data and more in, with as many acknowledgements, is
# after the data.
LONG_ANSWER = 12
# The shortest interval is 5 s, so six a window of 30 s; several checkers at one node make a few times that, and twice
# that again is too many for any.
MANY, TOO_MANY, TOO_FAST, UNHURRIED = 18, 36, -3.4, 0.4
# Nothing else goes from this source to this target: service has more than one size.
SINGLE, SINGLE_SHARE, SINGLE_RATE = 1.5, 0.9, 40
# What clients sent in at the source's front in like number, it only passed on. What none sent, it made itself.
FRONT, FRONT_SHARE, OWN, OWN_SHARE, VISIBLE = -6.0, 0.6, 1.5, 0.3, 0.5
# One clock shared out over several targets: one client behind the source, not a checker for each target. Then the
# targets' counts waver against each other, and less together than one by one.
ONE_CLOCK, APART, TOGETHER, LOOSE = -3.0, 0.9, 0.6, 0.2
# A steadier family at the same pair, twice as sure, takes the place of the pair's checker.
RIVALLED, RIVAL = -2.0, 0.5
# The same source port window after window is one long connection, with one record each: perfectly even, and no check.
LONG, FRESH = -4.0, 0.5
# The source: given by the user; or inferred from what it does and where it is, which never counts for more.
GIVEN, NOT_GIVEN = 2.5, -8.0
# Where several nodes check a port alike, an address that does not, and passes no client's data on, is a stranger.
STRANGER, KNOWN_EVEN = -4.0, 0.5
# Not given, it is weighed by where it is: checks come from the load balancer's private addresses ("Register targets",
# Elastic Load Balancing), so never from outside; by whether another does alike, as each node checks; by whether it
# passes clients' data on; and by whether the logs call its interface AWS's own, or an instance's.
INSIDE, OUTSIDE, TWIN, PASSES, LOGGED, INSTANCE = 0.5, -5.0, 1.5, 1.5, 2.0, -3.0

# A target group that checks this port says little where service uses it too, and nearly all where none does; one that
# checks the target elsewhere leaves room for another load balancer's checks alone.
GROUP, OWN_PORT, ELSEWHERE = 0.5, 2.0, -2.5
# Its interval and protocol, kept or not.
PACED, OFF_PACE, SPOKEN, MISSPOKEN = 1.5, -1.5, 0.5, -1.5
# Where clients keep their addresses, what comes from a load balancer's own is its checks.
PRESERVED = 2.0
# Newer fields: records that open connections, or none that does; another's address under the source's own.
OPENS, OPENS_NONE, FOREIGN, UNTOUCHED, DIRECTED, CONFUSED = 0.3, -4.0, -3.0, 0.3, 0.3, -1.0
# Nearly all records and hardly any: one in ten is another window's of a long connection, or lacks the field.
MOST, FEW = 0.9, 0.1


def scored(found: pl.DataFrame) -> pl.DataFrame:
    """Return the candidates with what the score is made of, and `score`, the log-odds of being a health check."""
    found = found.with_columns(
        even=_even(),
        covered=pl.col("coverage").fill_null(pl.when(pl.col("sources") > 1).then(1.0).otherwise(0.5)),
        told=pl.col("front") / pl.col("fed").clip(1),
        visible=pl.col("passes") > VISIBLE,
        single=(pl.col("pure") > SINGLE_SHARE) & (pl.col("rate") <= SINGLE_RATE),
    )
    found = found.with_columns(
        # What fails comes in the place of what is answered, and not against it.
        rivalled=~pl.col("single") & ~pl.col("dead") & (pl.col("even") < RIVAL * pl.col("even").max().over(UNIT)),
        one_clock=pl.when((pl.col("feet") > 1) & (pl.col("each_F") > LOOSE))
        .then(((APART - pl.col("shared")) / (APART - TOGETHER)).clip(0, 1))
        .otherwise(0.0),
    )
    found = found.with_columns(
        mine=_mine(),
        long=(pl.col("usual_packets") >= LONG_ANSWER) & (pl.col("folds") == 1),
        # Who sends what nobody sent to it is a client of its own: an application that pings its database, a poller.
        client=(pl.col("more") & pl.col("home").is_not_null()) | pl.col("asks"),
    )
    # Several that do alike, and send the same targets much else: what clients sent to them, whose interfaces are not
    # logged. Applications with a common server do so too, so that it is no proof.
    likely = (pl.col("sources") > 1).any().over("cl", "sp") & pl.col("more") & ~pl.col("client")
    found = found.with_columns(likely=likely)
    found = found.with_columns(here=_nodes().any().over("sp") & (pl.col("sources") > 1))
    found = found.with_columns(stranger=_stranger(), blind=_blind(), idle=_idle(), unlisted=_unlisted())
    score = PRIOR + pl.sum_horizontal(_parts())
    return found.with_columns(score=pl.min_horizontal(score, _most()))


def _mine() -> pl.Expr:
    """Whether something shows that the source is a load balancer's node: on whichever port, under whichever address."""
    proof = pl.col("given") | pl.col("logged") | pl.col("visible") | pl.col("keeps") | pl.col("group").is_not_null()
    return proof.any().over(pl.coalesce("home", "cl"))


def _most() -> pl.Expr:
    """Return the most that the score may be, where something essential is not known; null where all is."""
    doubt = pl.col("client") | pl.col("long")
    alike = (pl.col("sources") > 1).any().over("cl", "sp") | pl.col("more")
    doubtful = pl.col("blind") | pl.col("idle") | pl.col("unlisted")
    unproven = pl.when(doubt).then(BLIND).when(alike).then(PERHAPS).when("lonely").then(HARDLY).otherwise(BLIND)
    return pl.when(doubtful).then(pl.lit(BLIND)).when(~pl.col("mine")).then(unproven)


def _even() -> pl.Expr:
    """Return how much of what evenness can say is said, from 0 to 1: by the pair itself or by its like at the port."""
    pairs = pl.col("pool_pairs").clip(1)
    mean = pl.col("pool_mean") / pairs
    pooled = log_chance(pl.col("pool_apart") / 2 / pairs / mean, pl.col("pool_pairs"))
    own = (-pl.col("tried") / SURE).clip(0, 1) * _clocklike(pl.col("F") * pl.col("rate"))
    all_alike = (-(pooled + POOLED) / SURE).clip(0, 1) * _clocklike(pl.col("pool_apart") / 2 / pairs)
    return pl.max_horizontal(own, pl.when(pl.col("F") <= UNEVEN).then(all_alike).otherwise(0.0))


def _stranger() -> pl.Expr:
    known = pl.col("given") | pl.col("logged") | pl.col("visible") | (pl.col("sources") > 1)
    alike = (pl.col("even") >= KNOWN_EVEN) & (pl.col("sources") > 1)
    return alike.any().over("sp") & ~known.any().over("cl")


def _blind() -> pl.Expr:
    """Whether only being alone with its pair speaks for it, and no interface of a source that does so is logged."""
    alone = pl.col("single") & (pl.col("even") < STEADY) & (pl.col("sources") > 1)
    return alone & ~(alone & pl.col("home").is_not_null()).any().over("sp")


def _nodes() -> pl.Expr:
    """Whether it is one of several nodes that check alike, and are shown to be the load balancer's."""
    even, several = pl.col("even") >= KNOWN_EVEN, pl.col("sources") > 1
    return even & several & pl.col("mine") & (pl.col("told") < OWN_SHARE)


def _idle() -> pl.Expr:
    """Whether it is beside the load balancer's nodes, which pass clients' data on, and passes none on itself.

    It may be a scraper's or a monitor's. Nodes that no client has come to yet are several, or do just as the others do,
    and their own interfaces, logged like theirs, have nothing but their checks; a host always has more.
    """
    yet = (pl.col("sources") > 1) & pl.col("dedicated")
    beside = pl.col("group").is_null() & _nodes().any().over("sv")
    return (pl.col("even") >= KNOWN_EVEN) & ~pl.col("mine") & ~yet & (pl.col("here") | beside)


def _unlisted() -> pl.Expr:
    """Whether it does as a node that was given does, but was not given itself."""
    even, several = (pl.col("even") >= KNOWN_EVEN) & (pl.col("told") < OWN_SHARE), pl.col("sources") > 1
    given = even & several & pl.col("given")
    passing = (given & pl.col("visible")).any().over("sp")
    alike = several & given.any().over("sp") & (pl.col("visible") | ~passing)
    return pl.col("known") & ~pl.col("given") & even & alike


def _clocklike(variance: pl.Expr) -> pl.Expr:
    return ((TOO_MANY_TICKS - variance) / (TOO_MANY_TICKS - TICKS)).clip(0, 1)


def _parts() -> list[pl.Expr]:
    aim = pl.when(pl.col("single") & (pl.col("sources") > 1)).then(1.0).otherwise((pl.col("even") / STEADY).clip(0, 1))
    told, visible = pl.col("told"), pl.col("visible")
    return [
        EVEN * pl.col("even"),
        AIMLESS * (1 - aim),
        COVERED * (pl.col("covered") - HALF),
        pl.when(pl.col("payload_high") == 0).then(BARE).otherwise(0.0),
        UNHURRIED + TOO_FAST * ((30 * pl.col("rate") / pl.col("width") - MANY) / (TOO_MANY - MANY)).clip(0, 1),
        pl.when("single").then(SINGLE).otherwise(0.0),
        pl.when(told >= FRONT_SHARE).then(FRONT).when(visible & (told < OWN_SHARE)).then(OWN).otherwise(0.0),
        ONE_CLOCK * pl.col("one_clock"),
        pl.when("rivalled").then(RIVALLED).otherwise(0.0),
        pl.when(pl.col("fresh") < FRESH).then(LONG).otherwise(0.0),
        pl.when("stranger").then(STRANGER).otherwise(0.0),
        pl.when(pl.col("given"))
        .then(GIVEN)
        .when(pl.col("known") & ~pl.col("unlisted"))
        .then(NOT_GIVEN)
        .otherwise(_source()),
        *_settings(),
        *_fields(),
    ]


def _settings() -> list[pl.Expr]:
    """Return what the target groups' settings weigh; nothing where they say nothing."""
    grouped = pl.when("own_port").then(OWN_PORT).otherwise(GROUP)
    owned = pl.col("given") | pl.col("logged")
    return [
        pl.when(pl.col("group").is_not_null()).then(grouped).when("elsewhere").then(ELSEWHERE).otherwise(0.0),
        pl.when("paced").then(PACED).when(~pl.col("paced")).then(OFF_PACE).otherwise(0.0),
        pl.when("spoken").then(SPOKEN).when(~pl.col("spoken")).then(MISSPOKEN).otherwise(0.0),
        pl.when(pl.col("preserved") & owned).then(PRESERVED).otherwise(0.0),
    ]


def _fields() -> list[pl.Expr]:
    """Return what newer fields weigh; nothing where they are missing."""
    opens, foreign, outward = (pl.col(field) for field in ("opens", "foreign", "outward"))
    one_way = (outward >= MOST) | (outward <= FEW)
    return [
        pl.when(opens >= MOST).then(OPENS).when(opens < FEW).then(OPENS_NONE).otherwise(0.0),
        pl.when(foreign >= MOST).then(FOREIGN).when(foreign <= FEW).then(UNTOUCHED).otherwise(0.0),
        pl.when(one_way).then(DIRECTED).when(~one_way).then(CONFUSED).otherwise(0.0),
    ]


def _source() -> pl.Expr:
    twin = pl.when(pl.col("sources") > 1).then(TWIN).otherwise(0.0)
    passes = pl.when("visible").then(PASSES).otherwise(0.0)
    place = pl.when("inside").then(INSIDE + twin + passes).otherwise(OUTSIDE)
    marked = pl.when("logged").then(LOGGED).when("instance").then(INSTANCE).otherwise(0.0)
    return (place + marked).clip(upper_bound=GIVEN)
