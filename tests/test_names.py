"""Names beside addresses: only where known, only for the time they were true, and harmless whatever they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from flowkit.errors import KnowledgeError
from flowkit.names import Name, Names, names, ranges


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 5, 14, hour, minute, tzinfo=UTC)


KNOWN = Names(
    [
        Name("10.0.1.5", "api-old", until=at(11)),
        Name("10.0.1.5", "api-new", since=at(12)),
        Name("fd00::1", "api-6"),
        Name("eni-0a1b", "orders eu-west-1a", "load balancer"),
    ]
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("10.9.9.9", "10.9.9.9"),
        ("fd00:0::1", "api-6 fd00:0::1"),
        ("[fd00::1]:443", "api-6 [fd00::1]:443"),
        ("eni-0a1b", "orders eu-west-1a eni-0a1b"),
        ("other", "other"),
        ("-", "-"),
    ],
)
def test_a_name_stands_before_what_it_names(value: str, shown: str) -> None:
    assert KNOWN.label(value) == shown


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        (at(10), at(11), "api-old"),
        (at(13), at(14), "api-new"),
        (at(11, 30), at(11, 40), None),  # nobody knows whose it was
        (at(10), at(13), None),  # neither had it all along
        (at(11, 59), at(12, 30), "api-new"),  # a record's times may be a minute off
        (None, None, "api-old or api-new"),  # a table without times, of a span nobody gave
    ],
)
def test_a_name_is_used_only_for_the_time_it_was_true(first: datetime, last: datetime, name: str | None) -> None:
    assert KNOWN.of("10.0.1.5", first, last) == name


def test_a_table_without_times_is_of_the_span_of_the_case() -> None:
    table = pl.DataFrame({"srcaddr": ["10.0.1.5"], "bytes": [1]})
    assert KNOWN.within(at(13), at(14)).apply(table)["srcaddr"].to_list() == ["api-new 10.0.1.5"]


def test_each_row_has_the_name_of_its_own_time() -> None:
    table = pl.DataFrame({"target": "10.0.1.5:80", "time": [at(10), at(11, 30), at(13)], "checks": 1})
    assert KNOWN.apply(table)["target"].to_list() == ["api-old 10.0.1.5:80", "10.0.1.5:80", "api-new 10.0.1.5:80"]


def test_columns_of_other_things_and_missing_values_stay() -> None:
    table = pl.DataFrame({"srcaddr": [None, "fd00::1"], "kind": ["fd00::1", "service"]})
    assert KNOWN.apply(table).rows() == [(None, "fd00::1"), ("api-6 fd00::1", "service")]


def test_a_hostile_name_is_one_short_printable_line_and_never_hides_the_address() -> None:
    shown = Names([Name("10.0.1.5", "\x1b[2J\n" + "x" * 500)]).label("10.0.1.5")
    assert shown.isprintable()
    assert shown.endswith("… 10.0.1.5")
    assert len(shown) < 60


def test_the_longest_range_and_the_most_telling_service_win(tmp_path: Path) -> None:
    v4 = [("52.0.0.0/8", "AMAZON"), ("52.95.0.0/16", "S3"), ("52.95.0.0/16", "AMAZON"), ("52.95.9.0/24", "EC2")]
    v4 += [("52.95.9.0/24", "ROUTE53_HEALTHCHECKS")]
    listed = {
        "prefixes": [{"ip_prefix": prefix, "region": "eu-west-1", "service": service} for prefix, service in v4],
        "ipv6_prefixes": [{"ipv6_prefix": "2a05:d000::/28", "region": "GLOBAL", "service": "CLOUDFRONT"}],
    }
    (tmp_path / "ip-ranges.json").write_text(json.dumps(listed))
    known = names([Name("52.95.1.2", "our own")], tmp_path / "ip-ranges.json")
    assert known.of("52.95.1.2") == "our own"
    assert known.of("52.95.1.3") == "AWS S3 eu-west-1"
    assert known.of("52.95.9.9") == "AWS ROUTE53_HEALTHCHECKS eu-west-1"
    assert known.of("52.1.1.1") == "AWS AMAZON eu-west-1"
    assert known.of("2a05:d001::1") == "AWS CLOUDFRONT GLOBAL"
    assert known.of("10.0.0.1") is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"prefixes": [{"ip_prefix": "here", "service": "S3", "region": ""}]}']
)
def test_a_file_of_another_form_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "ranges.json").write_text(text)
    with pytest.raises(KnowledgeError, match="is not AWS's list of address ranges"):
        ranges(tmp_path / "ranges.json")
