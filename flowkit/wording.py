"""Words that every room says alike: a number with what it counts, a foreign text on one line."""

from __future__ import annotations

import re


def many(number: int, word: str, plural: str = "") -> str:
    """Return how many there are of a thing.

    >>> many(1, "object"), many(1200, "line"), many(2, "copy", "copies")
    ('1 object', '1,200 lines', '2 copies')
    """
    return f"{number:,} {word if number == 1 else plural or f'{word}s'}"


_HEADINGS = {
    "retransmitted": "packet sent again",
    "failed_in_a_row": "most failed in a row",
    "service": "service flows",
    "service_failed": "service flows failed",
    "lb_state": "by its thresholds",
    "unhealthy_at": "taken out at",
    "healthy_at": "taken back at",
    "length_s": "length, s",
    "interval_s": "interval, s",
    "per_minute": "checks a minute",
    "due": "checks due",
    "window_s": "window, s",
    "bytes_low": "bytes, least",
    "bytes_high": "bytes, most",
    "packets_low": "packets, least",
    "packets_high": "packets, most",
    "first_seen": "first seen",
    "last_seen": "last seen",
}


def heading(column: str) -> str:
    """Return what stands above a column for a reader: the fields keep AWS's names, what flowkit counts has words.

    >>> heading("service_failed"), heading("srcaddr")
    ('service flows failed', 'srcaddr')
    """
    return _HEADINGS.get(column, column)


def printable(words: str) -> str:
    r"""Return words without what a terminal would obey.

    >>> printable("\x1b[2Jeni-1\r\n")
    '�[2Jeni-1��'
    """
    if words.isprintable():
        return words
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in words)


_ARGUMENT = re.compile(
    r"(?<![\w'\"=])(start|end|tz|fields|cache|duplicates|assign|nlb|ip_ranges|lb_addresses|target_groups|max_gb|accounts"
    r"|regions|flow_log_ids|interfaces|region|profile|role_arn|to)=(?:'(\w+)'|(?=[\s,;:.)]|$))"
)
_PLACES = {
    ", or cache=False to keep nothing": "",
    "lb_addresses: ": "--lb-addresses: ",
    "see case.ledger": "flowkit check --all shows them",
    "case.ledger says why": "flowkit check --all says why",
    "see case.quarantine": "listed below",
    "see case.context.missing": "flowkit nlb shows them",
    "see case.split.clusters": "the notebook health_checks shows them",
}


def in_shell(words: str) -> str:
    """Return a sentence that names arguments and places as Python spells them, as the shell does.

    >>> in_shell("name it with fields= or give start=: see case.ledger")
    'name it with --fields or give --start: flowkit check --all shows them'
    >>> in_shell("duplicates='drop' leaves them out"), in_shell("'fields=x'")
    ('--duplicates drop leaves them out', "'fields=x'")
    """
    for place, there in _PLACES.items():
        words = words.replace(place, there)
    return _ARGUMENT.sub(lambda found: " ".join(filter(None, [f"--{found[1].replace('_', '-')}", found[2]])), words)
