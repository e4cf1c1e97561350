"""What several tests share: flow logs written to a folder, and an AWS on this machine."""

from __future__ import annotations

import gzip
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import pytest
from records import Writer

from flowkit.access import Access

# How long an example takes says how busy the machine is, and nothing of the code.
hypothesis.settings.register_profile("flowkit", deadline=None)
hypothesis.settings.load_profile("flowkit")


@pytest.fixture
def written(tmp_path: Path) -> Writer:
    """Write lines (or bytes) under a name below `logs`, gzipped where the name ends in .gz; return the path."""

    def write_file(name: str, *lines: str, data: bytes | None = None) -> Path:
        path = tmp_path / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        body = "".join(f"{line}\n" for line in lines).encode() if data is None else data
        path.write_bytes(gzip.compress(body) if name.endswith(".gz") and data is None else body)
        return path

    return write_file


@pytest.fixture
def cache_folder(tmp_path: Path) -> Path:
    """A cache of the test's own."""
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def aws_server() -> Iterator[str]:
    """The address of a server on this machine that speaks S3, EC2, ELBv2, CloudWatch Logs and STS."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session", autouse=True)
def _models() -> Iterator[None]:
    """Read botocore's models of the services once: each test has sessions of its own, and they are large."""
    import botocore.loaders

    loader, make = botocore.loaders.create_loader(), botocore.loaders.create_loader
    botocore.loaders.create_loader = lambda *_: loader
    yield
    botocore.loaders.create_loader = make


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment in which AWS is unknown: no credentials, no region, no profile, no metadata service."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))


@pytest.fixture
def aws_session(no_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials and a region that any stand-in takes; waits between tries are left out."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))


@pytest.fixture
def aws(aws_session: None, aws_server: str, monkeypatch: pytest.MonkeyPatch) -> Access:
    """A session on the stand-in, which is empty."""
    urllib.request.urlopen(urllib.request.Request(f"{aws_server}/moto-api/reset", method="POST"), timeout=10).close()
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_server)
    return Access()
