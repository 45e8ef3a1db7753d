# SPDX-License-Identifier: GPL-3.0-or-later
"""What both of the sandbox's ports share: bounded requests, answers of known length, loopback only."""

import json
import os
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


class ApiError(Exception):
    """An answer other than success: the status and the service's `reason`."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class LoopbackServer(ThreadingHTTPServer):
    """An HTTP server on 127.0.0.1, one thread a connection, none of which outlives the process."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = os.name != "nt"  # on Windows it would let another process take over the port

    def __init__(self, port: int, handler: "type[Handler]", **shared: object) -> None:
        """`shared` are attributes of every handler."""
        super().__init__(("127.0.0.1", port), type("Bound", (handler,), shared))
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):  # the client went away
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Reads a request, lets the subclass `answer` it, and sends an ApiError as the service does."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass  # the sandbox counts requests in its statistics instead

    def _handle(self) -> None:
        try:
            if self.headers.get("Host", "").rsplit(":", 1)[0] not in ("127.0.0.1", "localhost"):
                raise ApiError(403, "The sandbox answers requests to 127.0.0.1 only")
            if "Origin" in self.headers:  # and no header of ours lets a page read an answer
                raise ApiError(403, "The sandbox does not answer pages in a browser")
            target = urlsplit(self.path)
            self.answer(target.path, dict(parse_qsl(target.query, keep_blank_values=True)))
        except ApiError as error:
            self.close_connection = True  # its body may be unread
            self.send_json(error.status, {"reason": str(error), "trace_id": uuid.uuid4().hex})

    do_GET = do_POST = do_PUT = _handle

    def answer(self, path: str, query: dict[str, str]) -> None:
        raise NotImplementedError

    def read_body(self, limit: int) -> bytes:
        text = self.headers.get("Content-Length", "0")
        if not (text.isascii() and text.isdecimal()) or "Transfer-Encoding" in self.headers:
            raise ApiError(411, "Send a Content-Length")
        if len(text) > 18 or int(text) > limit:
            raise ApiError(413, "Request Too Long")
        data = self.rfile.read(int(text))
        if len(data) < int(text):
            raise ConnectionError("the client went away in mid-request")
        return data

    def start(self, status: int, length: int, content_type: str, **headers: str) -> None:
        """Send all of an answer but its content."""
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(length), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def send_json(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.start(status, len(data), "application/json")
        self.wfile.write(data)
