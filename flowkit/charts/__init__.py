"""Charts: a question's table in, a `Figure` out. Each has the name of the table it draws.

    fk.charts.timeline(fk.timeline(case.flows, by="kind"), tz="Asia/Tokyo")

Altair is imported when the first chart is drawn, so that `import flowkit` stays light.
"""

from flowkit.charts.cadence import cadence
from flowkit.charts.coverage import coverage
from flowkit.charts.figure import Figure
from flowkit.charts.peers import peers
from flowkit.charts.rejected import rejected
from flowkit.charts.size_clusters import size_clusters
from flowkit.charts.sizes import sizes
from flowkit.charts.target_health import target_health
from flowkit.charts.timeline import timeline

__all__ = ["Figure", "cadence", "coverage", "peers", "rejected", "size_clusters", "sizes", "target_health", "timeline"]
