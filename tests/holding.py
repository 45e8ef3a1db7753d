# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy before the sandbox's API that can refuse a request, or hold it on its way there or its answer back.

So a test can kill a process at an exact point of the conversation.
"""

import http.client
import json
import re
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class HoldingProxy:
    """`hold("POST /v1/generate", "answer")` holds the next such request; `is_held` tells when it is there."""

    def __init__(self, api: str) -> None:
        self.target = urlsplit(api)
        self._pattern: re.Pattern[str] | None = None
        self._point = ""
        self._lock = threading.Lock()  # requests come in threads of their own
        self.is_held = threading.Event()
        self.refusals: dict[str, tuple[int, str]] = {}  # pattern → the status and reason of the answer
        self.refused = 0  # requests so far
        self._go_on = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.api = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def hold(self, pattern: str, point: str) -> None:
        """`point` is "request" (it never arrives if its sender dies) or "answer" (it was carried out)."""
        assert point in ("request", "answer")
        self.is_held.clear()
        self._go_on.clear()
        with self._lock:
            self._pattern, self._point = re.compile(pattern), point

    def go_on(self) -> None:
        with self._lock:
            self._pattern = None
        self._go_on.set()

    def close(self) -> None:
        self.go_on()
        self._server.shutdown()
        self._server.server_close()

    def wait(self, line: str, point: str) -> bool:
        """True if the request is to be dropped: it was held before it arrived."""
        with self._lock:
            if self._pattern is None or point != self._point or not self._pattern.match(line):
                return False
            self._pattern = None
        self.is_held.set()
        self._go_on.wait()
        return point == "request"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
                return

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                line = f"{self.command} {self.path}"
                if proxy.wait(line, "request"):
                    self.close_connection = True
                    return
                for pattern, (status, reason) in list(proxy.refusals.items()):  # a test may clear them now
                    if re.match(pattern, line):
                        proxy.refused += 1
                        self._send(status, json.dumps({"reason": reason}).encode(), {})
                        return
                upstream = http.client.HTTPConnection(proxy.target.netloc, timeout=60)
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
                upstream.request(self.command, self.path, body, headers)
                answer = upstream.getresponse()
                content = answer.read()
                upstream.close()
                proxy.wait(line, "answer")
                self._send(answer.status, content, dict(answer.headers))

            def _send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
                self.send_response_only(status)
                for name in ("Content-Type", "Date", "Retry-After"):
                    if name in headers:
                        self.send_header(name, headers[name])
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = _pass_on

        return Handler
