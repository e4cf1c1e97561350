"""Read AWS VPC Flow Logs: lazily, with the load balancer's health checks told apart, charted and reported.

    import flowkit as fk

    case = fk.load("data/samples/incident", tz="Asia/Tokyo")
    fk.charts.timeline(fk.timeline(case.flows, by="kind"), tz=case.tz)

Names are loaded when they are first used, so that `import flowkit` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowkit import aws, charts
    from flowkit.access import Access
    from flowkit.bundled import samples
    from flowkit.case.case import Case
    from flowkit.case.load import load
    from flowkit.errors import FlowkitError
    from flowkit.questions.aggregation import aggregation
    from flowkit.questions.cadence import cadence
    from flowkit.questions.findings import findings
    from flowkit.questions.health import health_changes, target_health
    from flowkit.questions.peers import peers
    from flowkit.questions.rejected import rejected
    from flowkit.questions.size_clusters import size_clusters
    from flowkit.questions.sizes import sizes
    from flowkit.questions.timeline import timeline
    from flowkit.reporting import report
    from flowkit.scanning import scan
    from flowkit.widgets import Explorer, SplitPanel

_HOMES = {
    "Access": "flowkit.access",
    "Case": "flowkit.case",
    "Explorer": "flowkit.widgets",
    "FlowkitError": "flowkit.errors",
    "SplitPanel": "flowkit.widgets",
    "aggregation": "flowkit.questions",
    "cadence": "flowkit.questions",
    "findings": "flowkit.questions",
    "health_changes": "flowkit.questions",
    "load": "flowkit.case",
    "peers": "flowkit.questions",
    "rejected": "flowkit.questions",
    "report": "flowkit.reporting",
    "samples": "flowkit.bundled",
    "scan": "flowkit.scanning",
    "size_clusters": "flowkit.questions",
    "sizes": "flowkit.questions",
    "target_health": "flowkit.questions",
    "timeline": "flowkit.questions",
}

__all__ = [
    "Access",
    "Case",
    "Explorer",
    "FlowkitError",
    "SplitPanel",
    "aggregation",
    "aws",
    "cadence",
    "charts",
    "findings",
    "health_changes",
    "load",
    "peers",
    "rejected",
    "report",
    "samples",
    "scan",
    "size_clusters",
    "sizes",
    "target_health",
    "timeline",
]


def __getattr__(name: str) -> object:
    if name in ("aws", "charts"):
        return import_module(f"flowkit.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'flowkit' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
