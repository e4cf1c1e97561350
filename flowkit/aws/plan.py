"""What would be done in AWS, shown before it is done, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flowkit.access import Access, told
from flowkit.aws import show
from flowkit.aws.fetch import right
from flowkit.errors import AwsError


@dataclass(frozen=True)
class Call:
    """One call of AWS's API: the service and the operation as boto3 names them, and the parameters, exactly."""

    service: str
    operation: str
    parameters: Mapping[str, Any]

    @property
    def permission(self) -> str:
        """The permission it takes."""
        return right(self.service, self.operation)

    def __str__(self) -> str:
        return f"{self.permission} {json.dumps(self.parameters, indent=2, ensure_ascii=False)}"


@dataclass(frozen=True, repr=False)
class Outcome:
    """What came of the calls: a line for each interface or flow log, and those that failed."""

    lines: tuple[tuple[str, str], ...]
    failed: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return show.table(list(self.lines))

    def _repr_html_(self) -> str:
        return show.html_table(list(self.lines), "flowkit-outcome")


@dataclass(frozen=True, repr=False)
class Plan:
    """What would be done: it prints itself, and does nothing until `apply` is called.

    `calls` are the exact calls; `done` is true where there is nothing to do.
    """

    said: tuple[tuple[str, str], ...]
    calls: tuple[Call, ...]
    access: Access
    finish: Callable[[Call, Mapping[str, Any]], Outcome]
    blocked: str = ""
    """Why `apply` will not do it, if it will not."""

    @property
    def done(self) -> bool:
        """Whether everything is as it should be already."""
        return not self.calls

    def apply(self) -> Outcome:
        """Make the calls and return what came of each interface or flow log.

        AWS may do a part and refuse the rest without an error: what failed is in `failed`. Raises `AwsError` where
        nothing was done.
        """
        if self.done:
            return Outcome((("outcome", "nothing to do"),))
        if self.blocked:
            raise AwsError(f"nothing was done: {self.blocked}")
        outcomes = [self._make(call) for call in self.calls]
        lines = [line for outcome in outcomes for line in outcome.lines]
        return Outcome(tuple(lines), tuple(f for outcome in outcomes for f in outcome.failed))

    def _make(self, call: Call) -> Outcome:
        with told(f"{call.operation.replace('_', ' ')}", call.permission):
            answer = getattr(self.access.client(call.service), call.operation)(**call.parameters)
        return self.finish(call, answer)

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield the plan as labelled lines."""
        yield from self.said
        yield from (("call", str(call)) for call in self.calls)
        if self.blocked:
            yield "stopped", self.blocked

    def __repr__(self) -> str:
        return show.table(list(self.lines()))

    def _repr_html_(self) -> str:
        return show.html_table(list(self.lines()), "flowkit-plan")
