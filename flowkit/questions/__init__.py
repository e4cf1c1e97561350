"""Questions: flows in, a small sorted table out, lazy on both sides. A chart has the name of the table it draws."""

from flowkit.questions.aggregation import aggregation
from flowkit.questions.cadence import cadence
from flowkit.questions.findings import Findings, findings
from flowkit.questions.health import health_changes, target_health
from flowkit.questions.peers import peers
from flowkit.questions.rejected import rejected
from flowkit.questions.size_clusters import size_clusters
from flowkit.questions.sizes import sizes
from flowkit.questions.timeline import timeline

__all__ = [
    "Findings",
    "aggregation",
    "cadence",
    "findings",
    "health_changes",
    "peers",
    "rejected",
    "size_clusters",
    "sizes",
    "target_health",
    "timeline",
]
