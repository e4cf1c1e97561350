"""Make the samples anew from a folder of captures: `python data/samples/make.py CAPTURES`.

Each sample is the objects of one flow log of one capture, byte for byte. The captures' truth labels stay behind.
"""

import json
import shutil
import sys
from pathlib import Path

SAMPLES = {
    "incident": ("s05-incident", "v2"),
    "ordinary": ("aws-windows/s01-tcp-web", "v2"),
    "custom": ("s07-preserve-mixed", "v5"),
}


def make(name: str, capture: Path, version: str) -> None:
    """Copy one flow log's objects of a capture into the sample's folder."""
    flow_log = json.loads((capture / "scenario.json").read_text())["flow_logs"][version]
    target = Path(__file__).parent / name / "AWSLogs"
    shutil.rmtree(target, ignore_errors=True)
    for found in sorted((capture / "AWSLogs").rglob(f"*{flow_log}*")):
        place = target / found.relative_to(capture / "AWSLogs")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found, place)


if __name__ == "__main__":
    for name, (capture, version) in SAMPLES.items():
        make(name, Path(sys.argv[1]) / capture, version)
