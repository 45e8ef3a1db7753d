# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard that keeps the tests on this machine."""

import socket

import pytest


def test_a_connection_to_another_host_is_refused_before_it_is_made() -> None:
    with socket.socket() as sock, pytest.raises(RuntimeError, match="tests stay on this machine"):
        sock.connect(("192.0.2.1", 80))  # RFC 5737: an address of nobody's
    with pytest.raises(RuntimeError, match=r"example\.com"):
        socket.getaddrinfo("example.com", 80)


def test_a_name_that_cannot_exist_fails_as_it_does_everywhere() -> None:
    with pytest.raises(socket.gaierror):
        socket.create_connection(("nowhere.invalid", 80), timeout=1)


def test_loopback_is_open() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as near,
    ):
        far, _ = server.accept()
        near.sendall(b"x")
        assert far.recv(1) == b"x"
        far.close()
