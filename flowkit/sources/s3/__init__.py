"""Objects of an S3 bucket, in any of AWS's layouts: which ones to read (`listing`), and how they come (`transfer`)."""

from __future__ import annotations

from flowkit.sources.s3.listing import find
from flowkit.sources.s3.transfer import fetch

__all__ = ["fetch", "find"]
