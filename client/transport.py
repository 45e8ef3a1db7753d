# SPDX-License-Identifier: GPL-3.0-or-later
"""Speaks the API's HTTP and JSON: paths, keys, answers of bounded size, errors in words.

What changes nothing is retried; what spends has a connection of its own that cannot repeat it. The key goes
to the API's own address alone, and nothing follows a redirect by itself. Safe to share among threads.
"""

import base64
import json
import time
import zlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import NoReturn
from urllib.parse import quote, urlencode, urljoin

from .address import address_problem, host_of, is_loopback
from .connection import Answer, Body, Sender
from .errors import (
    AnswerError,
    InputError,
    NetworkError,
    NotFoundError,
    ScenarioError,
    SignInError,
    TransferError,
    UsageError,
)
from .failures import error_from_answer
from .records import Credentials

MAX_ANSWER_BYTES = 32 << 20
MAX_ERROR_BYTES = 1 << 20
MAX_REDIRECTS = 5
BODY_TRIES = 3
_REDIRECTS = (301, 302, 303, 307, 308)


class Transport:
    """Speaks HTTP with one API address; paths are given as parts and quoted here."""

    def __init__(
        self, api_url: str, credentials: Credentials | None, *, project_id: str | None, user_agent: str
    ) -> None:
        problem = address_problem(api_url) or ("it has a query" if "?" in api_url or "#" in api_url else None)
        if problem:
            raise UsageError(f"The API address cannot be used: {problem}.")
        self.api_url = api_url.rstrip("/")
        self.has_key = credentials is not None
        self.clock_offset_s = 0.0
        self._is_here = is_loopback(api_url)
        self._project_id = project_id
        self._user_agent = user_agent
        self._authorization, self._secrets = _authorization(credentials)
        self._reads = Sender(is_retrying=True)
        self._writes = Sender(is_retrying=False)
        self._files = Sender(is_retrying=False)

    def close(self) -> None:
        for sender in (self._reads, self._writes, self._files):
            sender.close()

    def get(self, *path: str, query: Mapping[str, str] | None = None, is_public: bool = False) -> object:
        """The JSON answer to a GET; `is_public` ones go without a key too."""
        return self._json(self._reads, "GET", path, query, None, is_safe=True, is_public=is_public)

    def post(
        self, *path: str, body: object, query: Mapping[str, str] | None = None, is_safe: bool = False
    ) -> object:
        """The JSON answer to a POST; only one that changes nothing (`is_safe`) is ever repeated."""
        return self._json(
            self._reads if is_safe else self._writes, "POST", path, query, body, is_safe=is_safe
        )

    def post_once(self, *path: str, body: object) -> object:
        """The JSON answer to a POST that spends: on a connection of its own, which sends it once at most."""
        sender = Sender(is_retrying=False)
        try:
            return self._json(sender, "POST", path, None, body, is_safe=False)
        finally:
            sender.close()

    def put(self, url: str, body: Body, content_type: str) -> ScenarioError | None:
        """PUT `body` to a signed address, without the key; returns what the other side has against it."""
        self._require_usable(url)
        headers = {"User-Agent": self._user_agent, "Content-Type": content_type}
        with self._files.send("PUT", url, headers, body) as answer:
            text = answer.read_all(MAX_ERROR_BYTES)
            if 200 <= answer.status < 300:
                return None
            return error_from_answer(answer.status, answer.headers, text, has_effect=False)

    @contextmanager
    def stream(self, url: str, headers: Mapping[str, str]) -> Generator[Answer]:
        """GET a signed address, without the key, along up to MAX_REDIRECTS redirects, each looked at."""
        sent = {"User-Agent": self._user_agent, "Accept-Encoding": "identity", **headers}
        for _ in range(MAX_REDIRECTS + 1):
            self._require_usable(url)
            with self._files.send("GET", url, sent) as answer:
                location = answer.headers.get("Location")
                if answer.status not in _REDIRECTS or not location:
                    yield answer
                    return
            try:
                url = urljoin(url, location)
            except ValueError:
                raise TransferError(f"{host_of(url)} redirects to an address that is none.") from None
        raise TransferError(f"{host_of(url)} redirects for ever. Try again later.")

    def _require_usable(self, url: str) -> None:
        if problem := address_problem(url, may_be_loopback=self._is_here):
            raise TransferError(
                f"The service sends to {host_of(url)!r}, an address that Maquette does not use: {problem}."
            )

    def _json(
        self,
        sender: Sender,
        method: str,
        path: tuple[str, ...],
        query: Mapping[str, str] | None,
        body: object,
        *,
        is_safe: bool,
        is_public: bool = False,
    ) -> object:
        if not (self.has_key or is_public):
            raise SignInError(
                "This needs an API key and secret of your Scenario account. Enter them, or set"
                " SCENARIO_SDK_API_KEY and SCENARIO_SDK_API_SECRET."
            )
        url = self._url(path, query)
        headers = {
            "User-Agent": self._user_agent,
            "Authorization": self._authorization,
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
        }
        try:
            data = None if body is None else json.dumps(body, allow_nan=False).encode()
        except (ValueError, RecursionError):
            raise InputError("The inputs hold what JSON cannot express, such as an endless number.") from None
        if data is not None:
            headers["Content-Type"] = "application/json"
        for tries_left in reversed(range(BODY_TRIES if is_safe else 1)):
            with sender.send(method, url, headers, data, has_effect=not is_safe) as answer:
                try:
                    content = answer.read_all(MAX_ANSWER_BYTES)
                except NetworkError:
                    if not tries_left:
                        raise
                    continue
            return self._understood(answer, content, has_effect=not is_safe)
        raise AssertionError("the last try returns or raises")

    def _understood(self, answer: Answer, content: bytes, *, has_effect: bool) -> object:
        self._learn_clock(answer.headers)
        is_good = 200 <= answer.status < 300
        try:
            text = _unpacked(content, answer.headers.get("Content-Encoding", ""))
            if is_good:
                return _parsed(text)
        except (ValueError, RecursionError, zlib.error) as error:
            if is_good:
                what = str(error) if isinstance(error, _TooLargeError) else "it is no proper JSON"
                raise AnswerError(
                    f"The answer of {host_of(self.api_url)} is not understood: {what}. Check the API address,"
                    " or try again later.",
                    may_have_arrived=has_effect,
                ) from None
            text = b""
        raise error_from_answer(
            answer.status, answer.headers, text, has_effect=has_effect, secrets=self._secrets
        )

    def _url(self, path: tuple[str, ...], query: Mapping[str, str] | None) -> str:
        if any(part.strip() in ("", ".", "..") for part in path):
            raise NotFoundError(f"There is nothing called {'/'.join(path)[:80]!r}.")
        asked = {**(query or {}), **({"projectId": self._project_id} if self._project_id else {})}
        url = "/".join([self.api_url, *(quote(part, safe="") for part in path)])
        return f"{url}?{urlencode(asked, safe=',')}" if asked else url

    def _learn_clock(self, headers: Mapping[str, str]) -> None:
        try:
            told = parsedate_to_datetime(headers.get("Date", "")).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):  # no date, no news
            return
        self.clock_offset_s = told + 0.5 - time.time()  # the header leaves out the part of the second


class _TooLargeError(ValueError):
    pass


def _unpacked(content: bytes, encoding: str) -> bytes:
    """`content` without its gzip coating; the limit holds before and after: a small bomb stays small."""
    if encoding.strip().lower() in ("gzip", "x-gzip"):
        content = zlib.decompressobj(wbits=31).decompress(content, MAX_ANSWER_BYTES + 1)
    elif encoding.strip().lower() not in ("", "identity"):
        raise ValueError(encoding)
    if len(content) > MAX_ANSWER_BYTES:
        raise _TooLargeError(f"it is larger than {MAX_ANSWER_BYTES >> 20} MB")
    return content


def _parsed(content: bytes) -> object:
    text = content.decode("utf-8-sig")
    value: object = json.loads(text, parse_constant=_no_constant)
    if "\\ud" in text.lower():  # half characters can be neither stored nor shown: replaced
        value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _authorization(credentials: Credentials | None) -> tuple[str, tuple[str, ...]]:
    """The header's value, and the texts that no message may repeat."""
    if credentials is None:
        return "public-auth-token", ()
    if not (credentials.key and credentials.secret):
        raise SignInError("The API key or its secret is empty. Enter both.")
    pair = base64.b64encode(f"{credentials.key}:{credentials.secret}".encode()).decode()
    return f"Basic {pair}", (pair, credentials.secret)
