# SPDX-License-Identifier: GPL-3.0-or-later
"""A server on loopback that misbehaves to order, and remembers every request it got."""

import json
import re
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from maquette.client import Asset, Credentials, Scenario
from maquette.client.elapsed import Timing

KEY = Credentials("key_1", "s3cret-of-the-test")
IMPATIENT = Timing(sleep=lambda _seconds: None)


@dataclass
class Seen:
    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    target: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Say:
    """One answer. `body` that is not bytes goes out as JSON; `drop` cuts the line instead of answering."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    cut_after: int | None = None
    raw: Iterable[bytes] = ()  # instead of an answer: these pieces, until the other side has had enough
    drip_s: float | None = None

    def send(self, handler: "Handler") -> None:
        if self.drop:
            handler.cut()
            return
        for piece in self.raw:
            handler.wfile.write(piece)
            if handler.server.is_over.wait(self.drip_s or 0.0):
                return
        if self.raw:
            return
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        handler.send_response(self.status)
        for name, value in {"Content-Length": str(len(body)), **self.headers}.items():
            if value:
                handler.send_header(name, value)
        handler.end_headers()
        if self.drip_s is not None:
            for byte in body:
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
                if handler.server.is_over.wait(self.drip_s):
                    return
        elif self.headers.get("Transfer-Encoding") == "chunked":
            for start in range(0, len(body), 1 << 20):
                piece = body[start : start + (1 << 20)]
                handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            handler.wfile.write(b"0\r\n\r\n")
        elif self.cut_after is not None:
            handler.wfile.write(body[: self.cut_after])
            handler.wfile.flush()
            handler.cut(is_gentle=True)
        else:
            handler.wfile.write(body)


@dataclass
class File:
    """A stored file, served with Range; each entry of `cuts` breaks one answer after so many bytes."""

    content: bytes
    etag: str = '"v1"'
    cuts: list[int] = field(default_factory=list)
    has_ranges: bool = True

    def __call__(self, seen: Seen) -> Say:
        cut = self.cuts.pop(0) if self.cuts else None
        span = re.fullmatch(r"bytes=(\d+)-", seen.headers.get("Range", ""))
        is_same = seen.headers.get("If-Range", self.etag) == self.etag
        if not (span and self.has_ranges and is_same):
            return Say(self.content, headers={"ETag": self.etag}, cut_after=cut)
        start = int(span[1])
        if start >= len(self.content):
            return Say(b"", 416, {"Content-Range": f"bytes */{len(self.content)}"})
        place = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        return Say(self.content[start:], 206, {"ETag": self.etag, "Content-Range": place}, cut_after=cut)


Answer = Say | Callable[[Seen], Say]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement
    server: "Server"  # pyright: ignore[reportIncompatibleVariableOverride] - the one kind that starts it

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        seen = Seen(self.command, unquote(parts.path), query, dict(self.headers), body, self.path)
        self.server.seen.append(seen)
        waiting = self.server.answers[self.command, seen.path]
        answer = (
            waiting.pop(0) if len(waiting) > 1 else waiting[0] if waiting else Say({"reason": "no such"}, 404)
        )
        (answer if isinstance(answer, Say) else answer(seen)).send(self)

    do_GET = do_POST = do_PUT = handle_any

    def cut(self, *, is_gentle: bool = False) -> None:
        """Close at once: with a reset, or (gently) as a server does that ends too early."""
        if not is_gentle:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close() if not is_gentle else self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base calls it so
        pass

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            return  # cut to order


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[Seen] = []
        self.connections = 0
        self.answers: dict[tuple[str, str], list[Answer]] = defaultdict(list)
        self.is_over = threading.Event()

    def get_request(self) -> tuple[socket.socket, Any]:
        self.connections += 1
        return super().get_request()

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that hangs up is part of the tests


@contextmanager
def nobody() -> Iterator[str]:
    """An address of this machine at which nothing answers, whatever else is started here meanwhile."""
    with socket.socket() as taken:  # and never listened at
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


class FakeApi:
    """`with FakeApi() as api:` runs it; `api.on("GET", "/jobs/1", Say(…), …)`: the last answer repeats."""

    def __init__(self) -> None:
        self.server = Server()
        self._clients: list[Scenario] = []
        self.root = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.url = f"{self.root}/v1"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()
        self.server.is_over.set()
        self.server.shutdown()
        self.server.server_close()

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self.server.answers[method, path] = list(answers)

    def seen(self, method: str | None = None, path: str | None = None) -> list[Seen]:
        return [s for s in self.server.seen if method in (None, s.method) and path in (None, s.path)]

    @property
    def connections(self) -> int:
        """How many were made."""
        return self.server.connections

    def client(self, *, timing: Timing = IMPATIENT, **options: Any) -> Scenario:
        options.setdefault("credentials", KEY)
        scenario = Scenario(self.url, timing=timing, **options)
        self._clients.append(scenario)
        return scenario

    def asset(self, url: str, **more: Any) -> Asset:
        return Asset.from_json({"id": "asset_1", "url": url, "kind": "3d", **more})


JOB = {
    "jobId": "job_1",
    "jobType": "custom",
    "status": "queued",
    "metadata": {"input": {"modelId": "model_x"}},
}
