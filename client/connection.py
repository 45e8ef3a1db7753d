# SPDX-License-Identifier: GPL-3.0-or-later
"""The one module that opens sockets: deadlines that no drip stretches, bounded retries, failures in words.

The HTTP library's timeouts hold for each receive alone; here an answer's head, and each read of its body
however many receives it takes, end in ANSWER_TIMEOUT_S.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3 import exceptions as wire_errors
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.retry import Retry

from .address import host_of, is_loopback
from .errors import NetworkError
from .failures import retry_after_s

ANSWER_TIMEOUT_S = 60.0
CONNECT_TIMEOUT_S = 5.0
SEND_TIMEOUT_S = 30.0  # for each piece of a body on its way out
BUFFER_BYTES = 64 << 10
MAX_WAIT_S = 60.0  # a service that wants more patience than this is taken at its word
RETRIES = 4
BACKOFF_S = 0.5


_FAILURES = (
    requests.RequestException,
    wire_errors.HTTPError,
    http.client.HTTPException,
    OSError,
    UnicodeError,
)
_NO_PROXY = {"http": None, "https": None, "all": None}


class Body(Protocol):
    """A request's body that is streamed: its length is known, and each iteration begins anew."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...


class Answer:
    """An HTTP answer whose body is read piece by piece, as it is on the wire."""

    def __init__(self, response: requests.Response, url: str, *, has_effect: bool) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response, self._url, self._has_effect = response, url, has_effect

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end only; raises NetworkError."""
        try:
            return self._response.raw.read(size, decode_content=False)
        except _FAILURES as error:
            raise _network_error(error, self._url, may_have_arrived=self._has_effect) from None

    def readinto(self, buffer: memoryview) -> int:
        """Fill `buffer`; less comes at the end only. Raises NetworkError. Faster than `read`."""
        try:
            raw: Any = self._response.raw
            count: int = raw._original_response.readinto(buffer)
            if raw._original_response.isclosed():
                raw.release_conn()
            return count
        except _FAILURES as error:
            raise _network_error(error, self._url, may_have_arrived=self._has_effect) from None

    def read_all(self, most: int) -> bytes:
        """The body, cut after `most` + 1 bytes; raises NetworkError, also if it ends too early."""
        body = b""
        while len(body) <= most and (piece := self.read(most + 1 - len(body))):
            body += piece
        length = self.headers.get("Content-Length", "")
        if len(body) <= most and length.isdecimal() and len(body) < int(length[:18]):
            raise _network_error(EOFError(), self._url, may_have_arrived=self._has_effect)
        return body


class Sender:
    """Sends requests as they are told, over connections that it keeps; `is_retrying` repeats what fails.

    No keys are looked up in ~/.netrc, no cookies kept and no redirects followed. Proxies and certificates
    come from the environment, as in requests; no proxy is used to this very machine. Threads may share it.
    """

    def __init__(self, *, is_retrying: bool) -> None:
        self._adapter = _Adapter(BoundedRetry.usual() if is_retrying else Retry(0, read=False))
        self._environment = requests.Session()

    def close(self) -> None:
        self._adapter.close()

    @contextmanager
    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Body | None = None,
        *,
        has_effect: bool = False,
    ) -> Generator[Answer]:
        """The answer, whatever its status; raises NetworkError. `url`, perhaps signed, is sent as written."""
        patience = (CONNECT_TIMEOUT_S if isinstance(body, bytes | None) else SEND_TIMEOUT_S, ANSWER_TIMEOUT_S)
        proxies: Any = dict(_NO_PROXY) if is_loopback(url) else {}
        try:
            # Past requests' session: that would look for keys, and read a redirect's body without bounds.
            prepared = requests.Request(method, url, headers=dict(headers), data=cast(Any, body)).prepare()
            prepared.url = url
            settings: Any = self._environment.merge_environment_settings(url, proxies, True, None, None)
            response = self._adapter.send(prepared, timeout=patience, **settings)
        except _FAILURES as error:
            may_have_arrived = has_effect and self._adapter.was_open
            raise _network_error(error, url, may_have_arrived=may_have_arrived) from None
        with response:
            yield Answer(response, url, has_effect=has_effect)


class _Adapter(HTTPAdapter):
    """Requests' adapter over our connections; until `was_open`, nothing can have arrived."""

    def __init__(self, retries: Retry) -> None:
        self.was_open = False
        super().__init__(max_retries=retries)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager: Any = super().proxy_manager_for(proxy, **options)
        if proxy.lower().startswith("socks"):
            self.was_open = True  # it has connections of its own kind, which do not tell
        else:
            manager.pool_classes_by_scheme = _pool_classes(self)
        return manager


def _pool_classes(adapter: _Adapter) -> dict[str, type[HTTPConnectionPool]]:
    """Connection pools by scheme, whose connections keep the deadlines and tell `adapter` when open."""

    def told(base: Any) -> Any:
        class Connection(base):
            response_class = _TimedAnswer

            def connect(self) -> None:
                base.connect(self)
                adapter.was_open = True

        return Connection

    class PlainPool(HTTPConnectionPool):
        ConnectionCls: Any = told(HTTPConnection)

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls: Any = told(HTTPSConnection)

    return {"http": PlainPool, "https": SecurePool}


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._file = sock.makefile("rb", buffering=0)  # keeps the socket open as long as its answer is read
        self._patience_s = 0.0
        self.start()

    def start(self) -> None:
        self._ends_at = time.monotonic() + ANSWER_TIMEOUT_S

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer comes too slowly")
        if abs(left - self._patience_s) > ANSWER_TIMEOUT_S / 60:  # each change is a system call
            self._patience_s = left
            self._sock.settimeout(left)
        return self._sock.recv_into(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


class _TimedAnswer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._timed = _TimedReader(sock)
        self.fp.close()
        self.fp = io.BufferedReader(self._timed, BUFFER_BYTES)

    def read(self, amt: int | None = None) -> bytes:
        self._timed.start()
        return super().read(amt)

    def readinto(self, b: Any) -> int:
        self._timed.start()
        return super().readinto(b)


class BoundedRetry(Retry):
    """Retries what changes nothing; Retry-After is obeyed up to MAX_WAIT_S, beyond it the answer stands."""

    @classmethod
    def usual(cls) -> "BoundedRetry":
        return cls(
            total=RETRIES,
            read=2,
            other=0,  # a certificate does not get better by asking again
            allowed_methods=None,
            status_forcelist=(429, 500, 502, 503, 504),
            backoff_factor=BACKOFF_S,
            raise_on_status=False,
        )

    def get_retry_after(self, response: Any) -> float | None:
        return retry_after_s(response.headers)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: Any = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: TracebackType | None = None,
    ) -> Retry:
        if response is not None and (retry_after_s(response.headers) or 0) > MAX_WAIT_S:
            raise wire_errors.MaxRetryError(
                _pool, url or "", wire_errors.ResponseError("told to wait for long")
            )
        return super().increment(method, url, response, error, _pool, _stacktrace)


def _network_error(error: Exception, url: str, *, may_have_arrived: bool) -> NetworkError:
    """The failure `error` of a request to `url`, in words; only the host is named, the rest may be signed."""
    host = host_of(url)
    kind = next(filter(None, map(_kind, _chain(error))), "broken")
    return NetworkError(_WORDS[kind].format(host=host), kind=kind, may_have_arrived=may_have_arrived)


_WORDS = {
    "dns": "{host} cannot be found. Check the internet connection, the address and the DNS settings.",
    "refused": "Nothing answers at {host}. Check the address, and that the server runs.",
    "timeout": "{host} does not answer in time. Check the internet connection and try again.",
    "proxy": "The proxy on the way to {host} does not let the request through. Check the proxy settings.",
    "tls": "No secure connection to {host}. If this network inspects HTTPS, set REQUESTS_CA_BUNDLE to its"
    " certificate file; else check this computer's date.",
    "broken": "The connection to {host} broke. Check the internet connection and try again.",
}


def _chain(error: BaseException) -> Iterator[BaseException]:
    """`error` and what it came of, outermost first."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [getattr(one, "reason", None), *one.args, one.__cause__, one.__context__]


def _kind(error: BaseException) -> str | None:
    if isinstance(
        error,
        wire_errors.ProxyError | requests.exceptions.InvalidProxyURL | requests.exceptions.InvalidSchema,
    ):
        return "proxy"
    if isinstance(error, socket.gaierror):
        return "dns"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, ssl.SSLError | wire_errors.SSLError) or "TLS CA certificate" in str(error):
        return "tls"
    if isinstance(error, wire_errors.NewConnectionError):
        return None  # some versions count it among the timeouts; the reason comes behind it
    if isinstance(error, TimeoutError | wire_errors.TimeoutError):
        return "timeout"
    return None
