# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the tests on this machine: a connection to any other host fails, whatever library makes it."""

import socket
import sys


def is_loopback(host: object) -> bool:
    """True for names and addresses of this machine, and for no host at all."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    return not isinstance(host, str) or host in ("", "localhost", "::1") or host.startswith("127.")


def refuse_other_hosts(event: str, args: tuple[object, ...]) -> None:
    """An audit hook (PEP 578): sees the connections of every library, and cannot be taken out again."""
    if event == "socket.getaddrinfo":
        host = args[0]
    elif event in ("socket.connect", "socket.sendto"):
        address = args[1]
        host = address[0] if isinstance(address, tuple) else None  # else a Unix socket's path
    else:
        return
    if isinstance(host, str) and host.endswith(".invalid"):  # RFC 2606: a name that nothing answers to
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    if not is_loopback(host):
        raise RuntimeError(f"a test tried to reach {host!r}: tests stay on this machine")


def keep_to_loopback() -> None:
    """From here on this process reaches nothing but loopback; it cannot be undone."""
    sys.addaudithook(refuse_other_hosts)
