# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses may be talked to: HTTPS, and plain HTTP on this machine alone."""

import ipaddress
import re
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """Whether the address is this very machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def address_problem(url: str, *, may_be_loopback: bool = True) -> str | None:
    """Why `url` may not be used, in words for its user; None if it may.

    Hosts are letters, digits, dots and dashes: an @ or a backslash would let two readers see two hosts.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError where it is none
        is_here = is_loopback(url)
    except ValueError:
        return "it is not a web address"
    if not re.fullmatch(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?", parts.netloc):
        return "its host is not written as a plain name, or holds a user name"
    if parts.scheme == "https" or (parts.scheme == "http" and is_here and may_be_loopback):
        return None
    return "it must begin with https:// (http:// is for this very machine alone, such as http://127.0.0.1)"


def host_of(url: str) -> str:
    """Host and port, the one part of an address that is fit for messages: the rest may be signed."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2][:100] or "the address"
    except ValueError:
        return "the address"
