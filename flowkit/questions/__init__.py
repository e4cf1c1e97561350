"""Questions: flows in, a small sorted table out, lazy on both sides. A chart has the name of the table it draws."""

from flowkit.questions.aggregation import aggregation
from flowkit.questions.peers import peers
from flowkit.questions.rejected import rejected
from flowkit.questions.sizes import sizes
from flowkit.questions.timeline import timeline

__all__ = ["aggregation", "peers", "rejected", "sizes", "timeline"]
