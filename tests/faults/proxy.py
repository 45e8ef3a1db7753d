# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy on loopback that gives a faulty answer to chosen requests, and passes all others on.

A fault is a function of the `Exchange`: it may carry the request out or not, and answers, lies, or hangs up.
"""

import gzip
import http.client
import io
import json
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

PAUSE_S = 0.02  # between two bytes of an answer that drips


class HangUpError(Exception):
    """The connection is to be closed; with a reset, or as a server does that ends."""

    def __init__(self, *, is_reset: bool = True) -> None:
        super().__init__()
        self.is_reset = is_reset


@dataclass
class Exchange:
    """One request that came in; `forward` carries it out, once, and `send` answers it."""

    proxy: "FaultProxy"
    line: str  # "GET /v1/jobs?…"
    headers: Mapping[str, str]
    body: bytes
    connection: socket.socket
    _answer: tuple[int, dict[str, str], bytes] | None = None

    def forward(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and content of the true answer."""
        if self._answer is None:
            method, _, path = self.line.partition(" ")
            upstream = http.client.HTTPConnection(self.proxy.target, timeout=60)
            kept = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
            try:
                upstream.request(method, path, self.body, kept)
                answer = upstream.getresponse()
                self._answer = (answer.status, dict(answer.headers), answer.read())
            finally:
                upstream.close()
        return self._answer

    def send(
        self,
        status: int,
        content: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        length: int | None = None,
    ) -> None:
        """An answer; `length` is what it claims to have, if not the truth."""
        self.write(
            head(status, {"Date": self.proxy.date(), **(headers or {})}, length or len(content)) + content
        )

    def write(self, data: bytes) -> None:
        self.connection.sendall(data)

    def linger(self) -> None:
        """Keep the connection open without a word until the client leaves, or the proxy closes."""
        self.connection.settimeout(0.05)
        while not self.proxy.is_closed.is_set():
            try:
                if not self.connection.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        raise HangUpError


def head(status: int, headers: Mapping[str, str], length: int) -> bytes:
    told = {"Content-Type": "application/json", **headers, "Content-Length": str(length)}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items() if name != "Transfer-Encoding")
    return f"HTTP/1.1 {status} {http.client.responses.get(status, 'Odd')}\r\n{lines}\r\n".encode()


Fault = Callable[[Exchange], None]


@dataclass
class Armed:
    pattern: re.Pattern[str]
    fault: Fault
    times: int
    tried: int = 0


@dataclass
class Seen:
    line: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class FaultProxy:
    """`arm("POST /v1/generate", fault)` spoils such requests from now on, `lift()` ends all faults.

    `clock` dates the answers, as the service's own clock does. `url` is what the client is given.
    """

    def __init__(self, target: str, clock: Callable[[], float] = time.time) -> None:
        self.target = urlsplit(target).netloc
        self._path = urlsplit(target).path
        self._clock = clock
        self._armed: list[Armed] = []
        self._refuses_after: Callable[[str, bytes], bool] | None = None
        self._lock = threading.Lock()
        self.seen: list[Seen] = []
        self.is_closed = threading.Event()
        self.is_held = threading.Event()
        self._go_on = threading.Event()
        self._connections: set[socket.socket] = set()
        self._hung_up: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        # It has the port while nobody listens, so that no other process gets it. (Windows knows no such way.)
        self._place = bound_to(0) if os.name == "posix" else None
        self.port = self._place.getsockname()[1] if self._place else 0
        self._listen()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self._path}"

    def date(self) -> str:
        return formatdate(self._clock(), usegmt=True)

    def count(self, pattern: str) -> int:
        return sum(1 for seen in self.seen if re.match(pattern, seen.line))

    # The script.

    def arm(self, pattern: str, fault: Fault, times: int = 1 << 30) -> Armed:
        armed = Armed(re.compile(pattern), fault, times)
        with self._lock:
            self._armed.append(armed)
        return armed

    def is_to_spoil(self, line: str) -> bool:
        """Whether such a request would get a faulty answer if it came in now."""
        with self._lock:
            return self._fault_or_none(line) is not None

    def _fault_or_none(self, line: str) -> Armed | None:
        armed = (each for each in self._armed if each.tried < each.times and each.pattern.match(line))
        return next(armed, None)

    def refuse_after(self, is_last: Callable[[str, bytes], bool]) -> None:
        """No connection is taken any more once a request and its answer are as `is_last` says."""
        self._refuses_after = is_last

    def refuse(self, but: socket.socket | None = None) -> None:
        """From now on nothing listens; those who are connected are hung up on, `but` one."""
        with self._lock:  # what is accepted meanwhile is hung up on by `_accept`
            connections = self._connections - {but}
            self._hung_up |= connections
            try:
                self._listener.shutdown(socket.SHUT_RDWR)  # at once, also where `accept` waits
            except OSError:  # it has been closed
                return
            finally:
                self._listener.close()
        for connection in connections:
            hang_up(connection)

    def hold(self, pattern: str, point: str) -> None:
        """Hold the next such request: at "request" it never arrives, at "answer" it was carried out."""
        self.is_held.clear()
        self._go_on.clear()

        def held(exchange: Exchange) -> None:
            if point == "answer":
                exchange.forward()
            self.is_held.set()
            self._go_on.wait()
            if point == "request":
                raise HangUpError
            pass_on(exchange)

        self.arm(pattern, held, 1)

    def go_on(self) -> None:
        self._go_on.set()

    def lift(self) -> None:
        """All is well again."""
        with self._lock:
            self._armed.clear()
        self._refuses_after = None
        self._go_on.set()
        if self._listener.fileno() < 0:
            self._listen()

    def close(self) -> None:
        self.is_closed.set()
        self._go_on.set()
        self.refuse()
        for thread in self._threads:
            thread.join(5)
        if self._place:
            self._place.close()

    # The sockets.

    def _listen(self) -> None:
        self._listener = bound_to(self.port)
        self._listener.listen()
        self._listener.settimeout(0.05)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept, self._listener)

    def _start(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True, name="fault-proxy")
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while not self.is_closed.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:  # closed: it refuses
                return
            connection.settimeout(None)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                is_refused = listener.fileno() < 0
                if not is_refused:
                    self._connections.add(connection)
            if is_refused:
                connection.close()
                return
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection.makefile("rb") as stream:
                while exchange := self._read(connection, stream):
                    if connection in self._hung_up:  # the request came before this thread heard of it
                        raise HangUpError
                    self._answer(exchange)
        except HangUpError as how:
            hang_up(connection, is_reset=how.is_reset)
        except (OSError, http.client.HTTPException, ValueError):
            hang_up(connection)  # the client left
        finally:
            with self._lock:
                self._connections.discard(connection)
                self._hung_up.discard(connection)
            connection.close()

    def _read(self, connection: socket.socket, stream: io.BufferedReader) -> Exchange | None:
        line = stream.readline(65536).decode("latin-1").split(" ")
        if len(line) != 3:
            return None
        headers = {name: str(value) for name, value in http.client.parse_headers(stream).items()}
        body = stream.read(int(headers.get("Content-Length", 0)))
        seen = Seen(" ".join(line[:2]), headers, body)
        self.seen.append(seen)
        return Exchange(self, seen.line, headers, body, connection)

    def _answer(self, exchange: Exchange) -> None:
        with self._lock:
            armed = self._fault_or_none(exchange.line)
            if armed:
                armed.tried += 1
        is_last = bool(self._refuses_after and self._refuses_after(exchange.line, exchange.forward()[2]))
        if is_last:  # before it is answered: the client may ask on at once
            self._refuses_after = None
            self.refuse(but=exchange.connection)
        (armed.fault if armed else pass_on)(exchange)
        if is_last:
            raise HangUpError(is_reset=False)


def bound_to(port: int) -> socket.socket:
    """A socket at that port of this machine, which a second one may have, too, as long as neither listens."""
    bound = socket.socket()
    if os.name == "posix":  # on Windows it would share what listens
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound


def hang_up(connection: socket.socket, *, is_reset: bool = True) -> None:
    try:
        if is_reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            connection.shutdown(socket.SHUT_WR)
        connection.shutdown(socket.SHUT_RD)
    except OSError:  # the other end was faster
        return


# The faults. Each is a function of the exchange; those named `…_answer` take the true answer and spoil it.


def pass_on(exchange: Exchange) -> None:
    status, headers, content = exchange.forward()
    kept = {name: headers[name] for name in KEPT if name in headers}
    exchange.send(status, content, kept)


KEPT = ("Content-Type", "Retry-After", "Accept-Ranges", "Content-Range", "Location", "ETag")


def reset(exchange: Exchange) -> None:
    raise HangUpError


def lose(exchange: Exchange) -> None:
    """The request never arrives, and the connection ends without an answer."""
    raise HangUpError(is_reset=False)


def hang(exchange: Exchange) -> None:
    exchange.linger()


def drip(exchange: Exchange) -> None:
    """The true answer, one byte at a time."""
    status, _, content = exchange.forward()
    exchange.write(head(status, {"Date": exchange.proxy.date()}, len(content)))
    _drip(exchange, content)


def drip_head(exchange: Exchange) -> None:
    """A head that goes on for more than a second."""
    exchange.write(b"HTTP/1.1 200 OK\r\n")
    _drip(exchange, b"X-Slow: " + b"y" * 60)
    raise HangUpError


def continue_for_ever(exchange: Exchange) -> None:
    for _ in range(60):
        exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if exchange.proxy.is_closed.wait(PAUSE_S):
            break
    raise HangUpError


def _drip(exchange: Exchange, data: bytes) -> None:
    for start in range(len(data)):
        exchange.write(data[start : start + 1])
        if exchange.proxy.is_closed.wait(PAUSE_S):
            raise HangUpError


def cut(exchange: Exchange) -> None:
    """Half of the answer, then the end."""
    status, _, content = exchange.forward()
    exchange.send(status, content[: len(content) // 2], length=max(2, len(content)))
    raise HangUpError(is_reset=False)


def claim_more(exchange: Exchange) -> None:
    """Announces more than it sends, and waits."""
    status, _, content = exchange.forward()
    exchange.send(status, content, length=len(content) + 1000)
    exchange.linger()


def claim_less(exchange: Exchange) -> None:
    """Announces half of what it sends."""
    status, _, content = exchange.forward()
    exchange.send(status, content, length=max(1, len(content) // 2))
    raise HangUpError(is_reset=False)


def page(exchange: Exchange) -> None:
    """The web page of a hotel's network, with 200."""
    text = b"<!DOCTYPE html><html><title>Sign in to the network</title><body><h1>Welcome</h1></body></html>"
    exchange.send(200, text, {"Content-Type": "text/html"})


def status_fault(status: int, reason: str = "", **headers: str) -> Fault:
    def answer(exchange: Exchange) -> None:
        body = json.dumps({"reason": reason or f"made up: {status}"}).encode()
        exchange.send(status, body, {name.replace("_", "-"): value for name, value in headers.items()})

    return answer


def gateway_page(exchange: Exchange) -> None:
    exchange.send(502, b"<html><h1>Bad Gateway</h1></html>", {"Content-Type": "text/html"})


def redirect(status: int) -> Fault:
    """To another port of this machine, where nothing of ours may arrive."""

    def answer(exchange: Exchange) -> None:
        exchange.send(status, b"", {"Location": f"http://127.0.0.1:9/{status}"})

    return answer


def huge(exchange: Exchange) -> None:
    """Fifty megabytes of JSON out of fifty kilobytes."""
    content = gzip.compress(b"[" + b"0," * (25 << 20) + b"0]", compresslevel=1)
    exchange.send(200, content, {"Content-Encoding": "gzip"})


def deep(exchange: Exchange) -> None:
    exchange.send(200, b"[" * 200_000)


def wrong_json(exchange: Exchange) -> None:
    exchange.send(200, json.dumps({"something": ["else"]}).encode())


def carried_out(fault: Fault) -> Fault:
    """The same, but the request has arrived and was carried out."""

    def answer(exchange: Exchange) -> None:
        exchange.forward()
        fault(exchange)

    return answer


def listed(change: Callable[[list[Any]], list[Any]]) -> Fault:
    """The true page of a list with other entries in it."""

    def answer(exchange: Exchange) -> None:
        status, _, content = exchange.forward()
        body = json.loads(content)
        for name in ("jobs", "assets"):
            if name in body:
                body[name] = change(body[name])
        exchange.send(status, json.dumps(body).encode())

    return answer


def broken_entry(entries: list[Any]) -> list[Any]:
    odd: list[Any] = [{"jobId": 7, "status": []}, None, {"id": "asset_odd", "kind": {}}]
    return [*odd, *entries]


LIST_FAULTS: dict[str, Fault] = {
    "list repeats": listed(lambda entries: entries * 3),
    "list reordered": listed(lambda entries: entries[::-1]),
    "list empty": listed(lambda entries: []),
    "odd entry": listed(broken_entry),
}
NEVER_ANSWERED = {"hang", "drip", "dripping head", "endless 100", "claims more"}  # want a short patience
FAULTS: dict[str, Fault] = {
    "reset": reset,
    "lost": lose,
    "hang": hang,
    "drip": drip,
    "dripping head": drip_head,
    "endless 100": continue_for_ever,
    "cut": cut,
    "claims more": claim_more,
    "claims less": claim_less,
    "page with 200": page,
    "429": status_fault(429),
    "429, wait 2 s": status_fault(429, Retry_After="2"),
    "429, wait 104 days": status_fault(429, Retry_After="9000000"),
    "500": status_fault(500),
    "502 page": gateway_page,
    "503": status_fault(503),
    "401": status_fault(401),
    "403": status_fault(403),
    "404": status_fault(404),
    "302": redirect(302),
    "307": redirect(307),
    "huge JSON": huge,
    "deep JSON": deep,
    "other JSON": wrong_json,
}
