# SPDX-License-Identifier: GPL-3.0-or-later
"""The one module that opens sockets: the API's HTTP and JSON, bounded in size and time, failures in words.

What changes nothing is retried. What may spend has a connection of its own that cannot repeat it; all else
shares connections, which are kept. The key goes to the API's own address alone, and nothing follows a
redirect by itself. Safe to share among threads.
"""

import base64
import json
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from http.client import HTTPException
from typing import Any, Self, cast
from urllib.parse import quote, urlencode, urljoin

import requests
from requests import exceptions
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import exceptions as wire
from urllib3.util.retry import Retry

from .address import address_problem, host_of, is_loopback
from .elapsed import Timing
from .errors import (
    AnswerError,
    InputError,
    NetworkError,
    NotFoundError,
    RateLimitedError,
    ScenarioError,
    ServerError,
    SignInError,
    TransferError,
    error_from_answer,
    retry_after_s,
)
from .fields import Fields
from .records import Credentials
from .redaction import Redaction
from .service_clock import ServiceClock
from .wire import TimedAdapter

CONNECT_TIMEOUT_S = 5.0
SEND_TIMEOUT_S = 30.0  # for each piece of a body on its way out
BODY_TIMEOUT_S = 1800.0  # for all of them: a part of a file on a line of 0.1 Mbit/s
MAX_WAIT_S = 60.0  # a service that wants more patience than this is taken at its word
RETRIES = 4
BACKOFF_S = 0.5
MAX_ANSWER_BYTES = 12 << 20  # the service's gateway passes 10 MB
MAX_ANSWER_VALUES = 300_000  # in these; a page of models has thirty thousand. In memory each takes 64 bytes
MAX_REDIRECTS = 5
MAX_KEPT = 16  # connections to one host: of lists, lookups, uploads and downloads beside each other
PIECE_BYTES = 64 << 10


class Body:
    """A request's body, sent in pieces; `tell` gets the bytes that are through, and may raise to stop.

    `before_send` is called when the connection is there, right before the first byte of the body; if it
    raises, none is sent.
    """

    def __init__(
        self,
        content: bytes,
        tell: Callable[[int], None] = lambda _done: None,
        before_send: Callable[[], None] = lambda: None,
    ) -> None:
        self._content, self._tell = content, tell
        self._before_send = before_send
        self.was_asked_for = False  # until then there was no connection, and nothing can have arrived

    def __len__(self) -> int:
        return len(self._content)

    def __iter__(self) -> Iterator[bytes]:
        self._before_send()
        self.was_asked_for = True
        ends_at = time.monotonic() + BODY_TIMEOUT_S
        for start in range(0, len(self._content), PIECE_BYTES):
            if time.monotonic() > ends_at:
                raise TimeoutError("the body was not taken in time")
            yield self._content[start : start + PIECE_BYTES]
            self._tell(min(start + PIECE_BYTES, len(self._content)))


class Answer:
    """An HTTP answer whose body is read piece by piece, as it is on the wire."""

    def __init__(
        self, response: requests.Response, url: str, body: object, timeout_s: float, redaction: Redaction
    ) -> None:
        self.status = response.status_code
        plain = {name: redaction.of_text(value) for name, value in response.headers.items()}
        self.headers: Mapping[str, str] = CaseInsensitiveDict(plain)
        # Past urllib3, whose reads wait for all that is asked for, however slowly it drips in.
        self._wire: Any = response.raw._original_response  # noqa: SLF001  # no other way
        self.length: int | None = self._wire.length
        self._response = response
        self._url = url
        self._body = body
        self._timeout_s = timeout_s
        self._redaction = redaction

    def read(self, most: int) -> bytes:
        """What comes next, `most` bytes at most and nothing at the end; raises NetworkError."""
        with _in_words(self._url, self._body):
            piece: bytes = self._wire.read_piece(most, self._timeout_s)
            if not piece:
                if self._wire.length:
                    raise HTTPException
                self._wire.close()
                self._response.raw.release_conn()
            return piece

    def read_all(self, most: int) -> bytes:
        """The body, or its first `most` bytes, if they come in the time for one piece; else NetworkError."""
        body, ends_at = bytearray(), time.monotonic() + self._timeout_s
        while len(body) < most and (piece := self.read(min(PIECE_BYTES, most - len(body)))):
            body += piece
            with _in_words(self._url, self._body):
                if time.monotonic() > ends_at:
                    raise TimeoutError
        return bytes(body)

    def refusal(self, doing: str) -> ScenarioError:
        """The error of a file's server: trouble that may pass as it is, all else as a TransferError."""
        error = self.error(self.read_all(PIECE_BYTES), has_effect=False)
        if isinstance(error, ServerError | RateLimitedError):
            return error
        return TransferError(f"The file cannot be {doing} ({self.status}): {error}")

    def value(self, content: bytes) -> object:
        """The JSON value in `content`, without our secret; raises ValueError or RecursionError."""
        text = content.decode("utf-8-sig")
        if sum(map(text.count, ",[{")) > MAX_ANSWER_VALUES:
            raise ValueError(len(text))
        # int("NaN") raises ValueError: JSON has neither NaN nor Infinity.
        return self._redaction.of_json(text, json.loads(text, parse_constant=int))

    def error(self, content: bytes, *, has_effect: bool, has_inputs: bool = True) -> ScenarioError:
        """What an answer with another status than 2xx means."""
        fields: Mapping[str, object] = {}
        try:
            value = self.value(content)
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            if isinstance(value, dict):
                fields = cast("dict[str, object]", value)
        except (ValueError, RecursionError):  # not JSON: the raw text is shown instead
            text = self._redaction.of_text(content.decode("utf-8", "replace"))
        facts = (self.status, self.headers, fields, text)
        return error_from_answer(*facts, has_effect=has_effect, has_inputs=has_inputs)


class Transport:
    """Speaks HTTP with one API address; paths are given as parts and quoted here."""

    def __init__(
        self, api_url: str, credentials: Credentials | None, project_id: str | None, timing: Timing
    ) -> None:
        problem = address_problem(api_url) or ("it has a query" if "?" in api_url or "#" in api_url else None)
        if problem:
            raise InputError(f"The API address cannot be used: {problem}.")
        self.api_url = api_url.rstrip("/")
        self.clock = ServiceClock(timing)
        self._timing = timing
        self._is_here = is_loopback(api_url)
        self._project_id = project_id
        self._authorization, self._redaction = "public-auth-token", Redaction(credentials)
        if credentials is not None:
            if not (credentials.key and credentials.secret):
                raise SignInError("The API key or its secret is empty. Enter both.")
            pair = base64.b64encode(f"{credentials.key}:{credentials.secret}".encode()).decode()
            self._authorization = f"Basic {pair}"
        self._environment = requests.Session()  # asked for proxies and certificates alone
        retry = _SafeRetry(
            total=RETRIES,
            read=2,
            other=0,  # a certificate does not get better by asking again
            allowed_methods=None,
            status_forcelist=(429, 500, 502, 503, 504),
            backoff_factor=BACKOFF_S,
            raise_on_status=False,
        )
        retry.pause = timing.sleep
        self._adapter = TimedAdapter(max_retries=retry, pool_maxsize=MAX_KEPT)
        self._adapter_once = TimedAdapter(pool_maxsize=MAX_KEPT)

    def close(self) -> None:
        self._adapter.close()
        self._adapter_once.close()

    def ask(
        self,
        *path: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        is_safe: bool = False,
        is_paid: bool = False,
        before_send: Callable[[], None] = lambda: None,
    ) -> Fields:
        """The JSON answer to a GET or, with a body, to a POST: sent once, unless it `is_safe` to repeat.

        What `is_paid` for has a new connection: one that was kept may be closed by the other side just then,
        and nobody knows what it had read. `before_send` may stop what is sent once, by raising: see Body.
        """
        if any(part.strip() in ("", ".", "..") for part in path):
            raise NotFoundError(f"There is nothing called {'/'.join(path)[:80]!r}.")
        url = "/".join([self.api_url, *(quote(part, safe="") for part in path)])
        asked = {**(query or {}), **({"projectId": self._project_id} if self._project_id else {})}
        url += f"?{urlencode(asked, safe=',')}" if asked else ""
        try:
            data = None if body is None else json.dumps(body, allow_nan=False).encode()
        except (ValueError, RecursionError):
            raise InputError("The inputs hold what JSON cannot express, such as an endless number.") from None
        method, is_safe = ("GET", True) if data is None else ("POST", is_safe)
        kinds = {"Accept-Encoding": "gzip", "Content-Type": "application/json"}
        headers = {"Authorization": self._authorization, **kinds}
        kept = self._adapter if is_safe else self._adapter_once
        with closing(TimedAdapter()) if is_paid else nullcontext(kept) as adapter:
            for is_last in (False, True) if is_safe else (True,):
                sent = data if is_safe or data is None else Body(data, before_send=before_send)
                with self._exchange(adapter, method, url, headers, sent) as answer:
                    try:
                        return self._understood(answer, has_effect=not is_safe, has_inputs=data is not None)
                    except NetworkError:  # an answer that broke off
                        if is_last:
                            raise
        raise AssertionError("the last try returns or raises")

    def put(self, url: str, body: Body, content_type: str) -> None:
        """PUT `body` to a signed address, without the key."""
        with self._exchange(self._adapter, "PUT", url, {"Content-Type": content_type}, body) as answer:
            if not 200 <= answer.status < 300:
                raise answer.refusal("uploaded")
            answer.read_all(PIECE_BYTES)

    @contextmanager
    def stream(self, url: str, start: int) -> Generator[Answer]:
        """GET a signed address from byte `start` on, without the key, along redirects, each looked at."""
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
        for _ in range(MAX_REDIRECTS + 1):
            with self._exchange(self._adapter, "GET", url, headers) as answer:
                location = answer.headers.get("Location")
                if answer.status not in (301, 302, 303, 307, 308) or not location:
                    yield answer
                    return
            try:
                url = urljoin(url, location)
            except ValueError:
                raise TransferError(f"{host_of(url)} redirects to an address that is none.") from None
        raise TransferError(f"{host_of(url)} redirects for ever. Try again later.")

    @contextmanager
    def _exchange(
        self, adapter: HTTPAdapter, method: str, url: str, headers: Mapping[str, str], body: Any = None
    ) -> Generator[Answer]:
        """The answer, whatever its status; raises NetworkError. `url`, perhaps signed, is sent as written.

        The adapter is used without requests' session, which would look for keys in ~/.netrc, keep cookies
        and read a redirect's body without bounds. No proxy is used to this very machine.
        """
        why = address_problem(url, may_be_loopback=self._is_here)
        if why is None and self._is_here and not is_loopback(url):
            why = "a service on this machine may name addresses on this machine alone"
        if why:
            raise TransferError(
                f"The service names an address that Maquette does not use, {host_of(url)!r}: {why}."
            )
        answer_timeout_s = self._timing.answer_timeout_s
        timeout = (SEND_TIMEOUT_S if isinstance(body, Body) else CONNECT_TIMEOUT_S, answer_timeout_s)
        with _in_words(url, body):
            sent = {"User-Agent": "Maquette", **headers}
            request = requests.Request(method, url, headers=sent, data=body).prepare()
            request.url = url
            settings: Any = self._environment.merge_environment_settings(url, {}, True, None, None)
            if is_loopback(url):
                settings["proxies"] = {}
            response = adapter.send(request, timeout=timeout, **settings)
        with response:
            yield Answer(response, url, body, answer_timeout_s, self._redaction)

    def _understood(self, answer: Answer, *, has_effect: bool, has_inputs: bool) -> Fields:
        content, is_good = answer.read_all(MAX_ANSWER_BYTES + 1), 200 <= answer.status < 300
        self.clock.hear(answer.headers.get("Date", ""))
        plain = b""
        with suppress(ValueError, RecursionError, zlib.error):
            plain = _unpacked(content, answer.headers.get("Content-Encoding", ""))
            if is_good:
                return Fields(answer.value(plain), size_bytes=len(plain))
        if not is_good:
            raise answer.error(plain, has_effect=has_effect, has_inputs=has_inputs)
        text = (
            f"The answer of {host_of(self.api_url)} is not understood: it is no proper JSON, or larger than"
            f" {MAX_ANSWER_BYTES >> 20} MB or {MAX_ANSWER_VALUES:,} values."
            " Check the API address, or try again later."
        )
        raise AnswerError(text, may_have_arrived=has_effect)


def _unpacked(content: bytes, encoding: str) -> bytes:
    """`content` without its gzip coating, within MAX_ANSWER_BYTES. Raises ValueError or zlib.error."""
    if encoding.strip().lower() in ("gzip", "x-gzip"):
        content = zlib.decompressobj(wbits=31).decompress(content, MAX_ANSWER_BYTES + 1)
    elif encoding.strip().lower() not in ("", "identity"):
        raise ValueError(encoding)
    if len(content) > MAX_ANSWER_BYTES:
        raise ValueError(len(content))
    return content


class _SafeRetry(Retry):
    """Retries what changes nothing; Retry-After is obeyed up to MAX_WAIT_S, beyond it the answer stands."""

    pause: Callable[[float], None] = staticmethod(time.sleep)

    def new(self, **values: Any) -> Self:
        made = super().new(**values)
        made.pause = self.pause
        return made

    def sleep(self, response: Any = None) -> None:
        told_s = None if response is None else self.get_retry_after(response)
        self.pause(told_s or self.get_backoff_time())

    def get_retry_after(self, response: Any) -> float | None:
        return retry_after_s(response.headers)

    def increment(self, method: Any = 0, url: Any = 0, response: Any = None, *args: Any, **more: Any) -> Any:
        if response is not None and (self.get_retry_after(response) or 0) > MAX_WAIT_S:
            raise wire.MaxRetryError(more["_pool"], url, wire.ResponseError("told to wait for long"))
        return super().increment(method, url, response, *args, **more)


_PROXY = (wire.ProxyError, exceptions.ProxyError, exceptions.InvalidProxyURL, exceptions.InvalidSchema)
_TLS_ADVICE = (
    "No secure connection to {}. If this network inspects HTTPS, set REQUESTS_CA_BUNDLE to its certificate"
    " file; else check this computer's date."
)
_TROUBLES: tuple[tuple[str, tuple[type[BaseException], ...], str], ...] = (  # the first that fits an error
    ("proxy", _PROXY, "The proxy on the way to {} does not let it through. Check the proxy settings."),
    ("dns", (socket.gaierror,), "{} cannot be found. Check the internet connection, the address, and DNS."),
    ("refused", (ConnectionRefusedError,), "Nothing answers at {}. Check the address, and that it runs."),
    ("tls", (ssl.SSLError, wire.SSLError), _TLS_ADVICE),
    ("timeout", (TimeoutError, wire.TimeoutError), "{} does not answer in time. Try again later."),
    ("broken", (BaseException,), "The connection to {} broke. Check the internet connection and try again."),
)


@contextmanager
def _in_words(url: str, body: object) -> Generator[None]:
    """Puts the failures of a request to `url` into words; only the host is named, the rest may be signed."""
    try:
        yield
    except (wire.HTTPError, HTTPException, OSError, UnicodeError) as error:  # requests' are OSErrors
        causes: list[BaseException] = [error]
        while cause := causes[-1].__cause__ or causes[-1].__context__:
            causes.append(cause)
        if "TLS CA certificate" in str(error):  # requests says it with a bare OSError
            causes = [ssl.SSLError()]
        kind, _, text = next(row for row in _TROUBLES if any(isinstance(one, row[1]) for one in causes))
        may_have_arrived = isinstance(body, Body) and body.was_asked_for
        raise NetworkError(text.format(host_of(url)), kind=kind, may_have_arrived=may_have_arrived) from None
