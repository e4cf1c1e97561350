"""The format that an investigation of a load balancer wants, and why each field is in it."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from flowkit.errors import FormatError
from flowkit.schema import DEFAULT, FIELDS, parse_fields

WHY = {
    **dict.fromkeys(DEFAULT, "one of AWS's fourteen default fields, which every reader of flow logs knows"),
    "tcp-flags": "tells who opened a connection, whether it was answered, and whether it was reset",
    "flow-direction": "tells whether a packet came in or went out, so also which way a REJECT was",
    "pkt-srcaddr": "the true source: a secondary address of a node, or the client's where it is preserved",
    "pkt-dstaddr": "the true destination, likewise",
    "az-id": "compares zones without asking anybody which interface is where",
    "reject-reason": "tells VPC Block Public Access and encryption controls from security groups and network ACLs",
}
"""The recommended fields in their order."""

# How many bytes a field takes in a line of text, the space after it included: typical of records of a load balancer.
# The default format comes to the 115 bytes a line that its records have.
_WIDTHS = dict(
    zip(DEFAULT, (2, 13, 22, 12, 12, 6, 6, 2, 3, 5, 11, 11, 7, 3), strict=True),
    **{"tcp-flags": 3, "flow-direction": 8, "pkt-srcaddr": 12, "pkt-dstaddr": 12, "az-id": 9, "reject-reason": 2},
    **{"vpc-id": 22, "subnet-id": 25, "instance-id": 11, "type": 5, "region": 11, "traffic-path": 2},
)
_OTHER_WIDTH = 20


def chosen(fields: str | Sequence[str]) -> tuple[str, ...]:
    """Return the fields of a format: "recommended", "default", or one's own as a list or in AWS's `${…}` form.

    Raises `FormatError` for a field that AWS does not have.

    >>> chosen("default") == DEFAULT, chosen("recommended")[-2:]
    (True, ('az-id', 'reject-reason'))
    >>> chosen("${srcaddr} ${tcp-flag}")
    Traceback (most recent call last):
    flowkit.errors.FormatError: AWS has no flow log field 'tcp-flag': did you mean 'tcp-flags'?
    """
    if fields in ("recommended", "default"):
        return tuple(WHY) if fields == "recommended" else DEFAULT
    names = parse_fields(fields)
    for name in names:
        if name not in FIELDS:
            near = get_close_matches(name, FIELDS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else "see the VPC User Guide, 'Flow log records'"
            raise FormatError(f"AWS has no flow log field {name!r}: {hint}")
    return names


def log_format(fields: Sequence[str]) -> str:
    """Return the fields as AWS's API takes them.

    >>> log_format(["srcaddr", "dstaddr"])
    '${srcaddr} ${dstaddr}'
    """
    return " ".join(f"${{{name}}}" for name in fields)


def width(fields: Sequence[str]) -> int:
    """Return about how many bytes a line of text with these fields has.

    >>> width(DEFAULT), width(tuple(WHY))
    (115, 161)
    """
    return sum(_WIDTHS.get(name, _OTHER_WIDTH) for name in fields)
