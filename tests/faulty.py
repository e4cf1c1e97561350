"""A bucket on a socket that fails as real ones do: what each key does, a try at a time, is written down beforehand."""

from __future__ import annotations

import hashlib
import struct
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SO_LINGER, SOL_SOCKET
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ERRORS = {
    "slow down": (503, "SlowDown", "Please reduce your request rate."),
    "503": (503, "", ""),
    "expired": (400, "ExpiredToken", "The provided token has expired."),
    "denied": (403, "AccessDenied", "Access Denied"),
    "kms": (403, "AccessDenied", "User: arn:aws:iam::1:user/ann is not authorized to perform: kms:Decrypt on it"),
    "archived": (403, "InvalidObjectState", "The operation is not valid for the object's storage class"),
    "moved": (301, "PermanentRedirect", "The bucket is in another region"),
    "elsewhere": (301, "PermanentRedirect", "The bucket is in another region"),
}


class Faulty:
    """The server: `objects` by key, and `faults` by key or listed prefix, one a try; after the last all is well."""

    def __init__(self, objects: Mapping[str, bytes], faults: Mapping[str, list[str]]) -> None:
        self.objects, self.faults = dict(objects), {key: list(each) for key, each in faults.items()}
        self.asked: Counter[str] = Counter()
        self.lock, self.over = threading.Lock(), threading.Event()

    def fault(self, what: str) -> str:
        """Count a request and return what it meets; a last fault that ends in `…` stays."""
        with self.lock:
            self.asked[what] += 1
            left = self.faults.get(what, [])
            return left[0].removesuffix("…") if left and left[0].endswith("…") else left.pop(0) if left else ""


@contextmanager
def serve(objects: Mapping[str, bytes], faults: Mapping[str, list[str]]) -> Iterator[tuple[str, Faulty]]:
    faulty = Faulty(objects, faults)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"faulty": faulty}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", faulty
    finally:
        faulty.over.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    faulty: Faulty
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        where = urlsplit(self.path)
        key = unquote(where.path).partition("/")[2].partition("/")[2]
        query = {name: values[0] for name, values in parse_qs(where.query).items()}
        listing = "list-type" in query
        what = query.get("prefix", "") if listing else key
        fault = self.faulty.fault(what)
        if fault in ERRORS:
            self.error(*ERRORS[fault], moved=fault == "moved")
        elif fault == "reset":
            self.connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        elif listing:
            self.answer(self.listing(query).encode(), "")
        else:
            self.answer(self.faulty.objects[key], fault)

    def error(self, status: int, code: str, message: str, *, moved: bool) -> None:
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode() if code else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if moved:
            self.send_header("x-amz-bucket-region", "us-east-1")
        self.end_headers()
        self.wfile.write(body)

    def answer(self, body: bytes, fault: str) -> None:
        self.send_response(200)
        if fault != "short":  # Without a length, a body that ends early looks whole.
            self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.md5(body).hexdigest()}"')
        if fault == "checksum":
            self.send_header("x-amz-checksum-crc32", "AAAAAA==")
        self.end_headers()
        if fault in ("cut", "short", "stall"):
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
            if fault == "stall":
                self.faulty.over.wait(5)
        else:
            self.wfile.write(body[:-1] + bytes([body[-1] ^ 1]) if fault == "wrong" else body)

    def listing(self, query: dict[str, str]) -> str:
        prefix, sign = query.get("prefix", ""), query.get("delimiter", "")
        keys = sorted(key for key in self.faulty.objects if key.startswith(prefix))
        deeper = {
            prefix + key[len(prefix) :].partition(sign)[0] + sign for key in keys if sign and sign in key[len(prefix) :]
        }
        flat = [key for key in keys if not any(key.startswith(folder) for folder in deeper)]
        return "".join(
            [
                "<ListBucketResult><IsTruncated>false</IsTruncated>",
                *(self.entry(key) for key in flat),
                *(f"<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>" for folder in sorted(deeper)),
                "</ListBucketResult>",
            ]
        )

    def entry(self, key: str) -> str:
        body = self.faulty.objects[key]
        return (
            f"<Contents><Key>{key}</Key><Size>{len(body)}</Size><LastModified>2026-05-14T12:09:00Z</LastModified>"
            f"<ETag>&quot;{hashlib.md5(body).hexdigest()}&quot;</ETag></Contents>"
        )
