"""Objects that lie in AWS, brought to the disk a run at a time while the run before is read."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

from flowkit.access import Access, clean
from flowkit.errors import AwsBusyError, CacheError
from flowkit.sources import cloudwatch, s3
from flowkit.sources.cloudwatch import Slice
from flowkit.sources.objects import Object, chunks

AT_ONCE = 32
"""Transfers side by side: S3 answers after some 50 ms, so that one by one most of the time would be waiting."""

SLOWLY = 4
"""Readers of log groups side by side: FilterLogEvents allows 5 calls a second in most regions."""

BUSY_TRIES, BUSY_S = 6, 1.0
"""How often an object is asked for while AWS is too busy, and the first pause in seconds; each further one doubles."""

RUN = 12 << 20
"""Bytes of objects in a run, at least one object."""

AHEAD = 4
"""Runs on the disk or on their way while one is read."""

WAIT_S = 0.2
"""How often whoever waits is told how much has come."""


def fetched(
    objects: Sequence[Object],
    access: Access,
    folder: str | Path,
    *,
    tick: Callable[[int], None] = lambda _: None,
    keep: int = 1,
) -> Generator[list[Object]]:
    """Yield the objects in runs, each now a file in `folder`; its identity stays what it was.

    A run's files are there until `keep` further runs have been taken, the last ones' until the folder goes. `tick` is
    told now and then how many bytes have come. At most a few runs are on the disk, and one piece of each body in
    memory.

    Raises `AwsError` where an object does not come whole: never a run that lacks one.
    """
    come: list[int] = []
    coming: deque[list[Future[Object]]] = deque()
    taken: deque[list[Object]] = deque()
    slow = any(isinstance(o, Slice) for o in objects)
    with ThreadPoolExecutor(SLOWLY if slow else AT_ONCE, "flowkit-get") as pool:
        try:
            for number, run in enumerate(chunks(objects, RUN)):
                targets = [Path(folder, f"{number}-{i}") for i in range(len(run))]
                coming.append([pool.submit(_fetch, *pair, access, come) for pair in zip(run, targets, strict=True)])
                if len(coming) > AHEAD:
                    yield _there(coming.popleft(), taken, keep, lambda: tick(sum(come)))
            while coming:
                yield _there(coming.popleft(), taken, keep, lambda: tick(sum(come)))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _there(run: list[Future[Object]], taken: deque[list[Object]], keep: int, tick: Callable[[], None]) -> list[Object]:
    """Wait for a run to come, and take away the files of those long taken."""
    while len(taken) > keep:
        for o in taken.popleft():
            Path(o.path).unlink(missing_ok=True)
            cloudwatch.beside(Path(o.path)).unlink(missing_ok=True)
    tick()
    while wait(run, timeout=WAIT_S, return_when=FIRST_EXCEPTION).not_done and not any(map(_failed, run)):
        tick()
    taken.append([future.result() for future in run if _failed(future)] or [future.result() for future in run])
    tick()
    return taken[-1]


def _failed(future: Future[Object]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is not None


def _fetch(o: Object, target: Path, access: Access, come: list[int]) -> Object:
    try:
        _patiently(o, target, access)
    except OSError as error:
        why = error.strerror or error
        raise CacheError(clean(f"{o.path} cannot be kept in {target.parent}: {why}")) from None
    come.append(o.size)
    return replace(o, path=str(target), size=target.stat().st_size)


def _patiently(o: Object, target: Path, access: Access) -> None:
    """Fetch an object, and again after a while where AWS was too busy.

    boto3 soon stops trying again when many calls of one client meet with throttling: it leaves that to its caller.
    """
    for turn in range(BUSY_TRIES):
        try:
            if isinstance(o, Slice):
                cloudwatch.fetch(o, target, access)
            else:
                s3.fetch(o, target, access)
            break
        except AwsBusyError:
            if turn + 1 == BUSY_TRIES:
                raise
            time.sleep(BUSY_S * 2**turn * random.uniform(0.5, 1))  # noqa: S311 - no secret
