"""How well transfers hide latency: objects from a server on this machine that waits before it answers.

    python tests/benchmarks/s3_transfer.py [OBJECTS] [LATENCY_MS] [KILOBYTES]

The bound is the larger of two: what 32 requests side by side allow, each of them waiting for the latency once; and what
the line carries, measured with 32 bare sockets that throw away what comes. The transfer should take at most twice that.
Peak memory is that of this process; the server is another.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from flowkit import sources
from flowkit.access import Access
from flowkit.sources.fetching import AT_ONCE


def main(count: int = 200, latency_ms: float = 50, kilobytes: int = 64) -> None:
    command = [sys.executable, __file__, "serve", str(count), str(latency_ms), str(kilobytes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            port = server.stdout.readline().strip()
            stand_in = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_REGION": "eu-west-1"}
            os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", **stand_in}
            measure(count, latency_ms / 1000, kilobytes * 1000)
        finally:
            server.terminate()


def measure(count: int, latency: float, size: int) -> None:
    access = Access()
    began = time.perf_counter()
    objects = sources.find("s3://logs/", access=access)
    listed = time.perf_counter() - began
    waiting, line = -(-count // AT_ONCE) * latency, bare(count, size)
    bound = max(waiting, line)
    print(
        f"{count} objects of {size / 1e3:,.0f} kB, {latency * 1e3:.0f} ms before each answer; listed in {listed:.2f} s"
    )
    print(f"  the bound is {bound:.2f} s: {waiting:.2f} s of waiting, {line:.2f} s with bare sockets")
    for turn in range(3):
        with tempfile.TemporaryDirectory() as folder:
            began, cpu = time.perf_counter(), time.process_time()
            come = sum(o.size for run in sources.fetched(objects, access, folder) for o in run)
            took, cpu = time.perf_counter() - began, time.process_time() - cpu
        assert come == count * size
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"  {turn + 1}: {took:.2f} s, {took / bound:.2f} times the bound; one by one it would be "
            f"{count * latency:.1f} s; {come / took / 1e6:,.0f} MB/s, {cpu:.2f} s of CPU, peak {peak:,.0f} MB"
        )


def bare(count: int, size: int) -> float:
    """Return the seconds that 32 bare connections take to read the same bytes, and throw them away."""
    port = int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2])
    turns = [count // AT_ONCE + (n < count % AT_ONCE) for n in range(AT_ONCE)]

    def read(turn: int) -> int:
        line = http.client.HTTPConnection("127.0.0.1", port)
        come = 0
        for _ in range(turn):
            line.request("GET", "/logs/k")
            answer = line.getresponse()
            while piece := answer.read(1 << 20):
                come += len(piece)
        return come

    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert sum(pool.map(read, turns)) == count * size
    return time.perf_counter() - began


def serve(count: int, latency: float, size: int) -> None:
    body = os.urandom(size)
    tag = hashlib.md5(body).hexdigest()
    head = f'HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nETag: "{tag}"\r\n\r\n'.encode()
    entries = "".join(
        f"<Contents><Key>k/{n:05d}</Key><Size>{size}</Size><LastModified>2026-05-14T12:09:00Z</LastModified>"
        f"<ETag>&quot;{tag}&quot;</ETag></Contents>"
        for n in range(count)
    )
    listing = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()
    folder = (
        b"<ListBucketResult><IsTruncated>false</IsTruncated><CommonPrefixes><Prefix>k/</Prefix></CommonPrefixes>"
        b"</ListBucketResult>"
    )

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                asked = await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(latency)
                if b"list-type" in asked:
                    page = listing if b"prefix=k" in asked.split(b"\r\n")[0] else folder
                    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(page)}\r\n\r\n".encode() + page)
                else:
                    writer.write(head)
                    writer.write(body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=200)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(run())


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]), float(sys.argv[3]) / 1000, int(sys.argv[4]) * 1000)
    else:
        main(*map(int, sys.argv[1:4]))
