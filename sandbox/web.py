# SPDX-License-Identifier: GPL-3.0-or-later
"""What both of the sandbox's ports share: bounded requests, answers of known length, loopback only."""

import json
import os
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

MAX_BODY_BYTES = 10_000_000  # the service's gateway refuses more than 10 MB
SOCKET_TIMEOUT_S = 60


class ApiError(Exception):
    """An answer other than success: status, the service's `reason`, and further fields of the body."""

    def __init__(self, status: int, reason: str, **more: object) -> None:
        super().__init__(reason)
        self.status = status
        self.body: dict[str, object] = {"reason": reason, "trace_id": uuid.uuid4().hex, **more}


class LoopbackServer(ThreadingHTTPServer):
    """An HTTP server on 127.0.0.1, one thread a connection, none of which outlives the process."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = os.name != "nt"  # on Windows it would let another process take over the port

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # the client went away in mid-answer: its business, and no traceback of ours


class Handler(BaseHTTPRequestHandler):
    """Reads one request, lets the subclass answer it, and turns errors into the service's bodies."""

    protocol_version = "HTTP/1.1"
    timeout = SOCKET_TIMEOUT_S
    disable_nagle_algorithm = True
    server_version = "MaquetteSandbox"
    sys_version = ""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass  # the sandbox counts requests in its statistics instead

    def split_target(self) -> tuple[str, dict[str, str]]:
        """Return the path and the query, after a check that the request is meant for loopback."""
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in ("127.0.0.1", "localhost", ""):
            raise ApiError(403, "The sandbox answers requests to 127.0.0.1 only")
        target = urlsplit(self.path)
        return target.path, dict(parse_qsl(target.query, keep_blank_values=True))

    def body_length(self, limit: int) -> int:
        """Return the announced length of the body; an unread body ends the connection."""
        try:
            length = int(self.headers.get("Content-Length", "0"))
        except ValueError:
            length = -1
        if length < 0 or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise ApiError(411, "Send a Content-Length")
        if length > limit:
            self.close_connection = True
            raise ApiError(413, "Request Too Long")
        return length

    def read_json(self) -> dict[str, object]:
        data = self.rfile.read(self.body_length(MAX_BODY_BYTES))
        try:
            body = json.loads(data) if data else {}
        except (ValueError, RecursionError) as error:
            raise ApiError(400, f"The body is no JSON: {error}") from None
        if not isinstance(body, dict):
            raise ApiError(400, "The body must be a JSON object")
        return body

    def send(self, status: int, data: bytes, content_type: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def send_json(self, status: int, body: object, **headers: str) -> None:
        self.send(status, json.dumps(body).encode(), "application/json", **headers)
