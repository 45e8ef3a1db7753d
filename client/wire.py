# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections whose answers have deadlines: a head or a piece of a body that drips is given up in time.

requests and urllib3 limit each read alone: a server that sends a byte a minute, or `100 Continue` for ever,
would never end a request. Here each read of a head gets what is left until the head's deadline, and each that
a piece of a body takes (lengths of chunks and trailers may drip, too) what is left until that piece's.
"""

import io
import time
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class _TimedReader(io.RawIOBase):
    """Reads a socket; all reads until `ends_at` (time.monotonic()) together."""

    def __init__(self, raw: io.RawIOBase, connection: Any, ends_at: float) -> None:
        self._raw, self._connection = raw, connection
        self._usual_s: float = connection.gettimeout()
        self.ends_at = ends_at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self.ends_at - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer did not go on in time")
        self._connection.settimeout(min(left_s, self._usual_s))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """An answer whose whole head has to be there within the time that one read of the socket may take."""

    def __init__(self, sock: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        ends_at = time.monotonic() + sock.gettimeout()
        self._timed = _TimedReader(self.fp.detach(), sock, ends_at)  # type: ignore[attr-defined]
        self.fp = io.BufferedReader(self._timed)

    def read_piece(self, most: int, timeout_s: float) -> bytes:
        """As read1, the whole of it within `timeout_s`."""
        self._timed.ends_at = time.monotonic() + timeout_s
        return self.read1(most)


class _HTTPConnection(HTTPConnection):
    response_class = _TimedResponse


class _HTTPSConnection(HTTPSConnection):
    response_class = _TimedResponse


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection  # pyright: ignore[reportAssignmentType] - its Protocol has mutable fields


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection  # pyright: ignore[reportAssignmentType] - as above


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}


class TimedAdapter(HTTPAdapter):
    """requests' adapter with such connections, also through a proxy."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager
