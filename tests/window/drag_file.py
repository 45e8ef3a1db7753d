# SPDX-License-Identifier: GPL-3.0-or-later
"""Drops files from outside where the pointer is, as a file manager does: python3 drag_file.py FILE...

A source of XDND, the drag and drop protocol of X11, on libX11 alone. The exit code is 1 if the window there
does not take the files.
"""

import ctypes
import sys
import time
from ctypes import byref, c_char_p, c_int, c_uint, c_ulong, c_void_p
from pathlib import Path

TIMEOUT_S = 10.0
CLIENT_MESSAGE, SELECTION_NOTIFY, SELECTION_REQUEST = 33, 31, 30
ATOM, REPLACE = 4, 0
Event = ctypes.c_long * 24  # every X event in longs, as Xlib lays them out on 64-bit machines
DATA = 7  # where a client message's five numbers begin


def load_xlib() -> ctypes.CDLL:
    """LibX11, with the types of those functions that take or return more than an int."""
    xlib, long = ctypes.CDLL("libX11.so.6"), ctypes.c_long
    xlib.XOpenDisplay.restype = c_void_p
    xlib.XDefaultRootWindow.restype = xlib.XInternAtom.restype = xlib.XCreateSimpleWindow.restype = c_ulong
    xlib.XCreateSimpleWindow.argtypes = [c_void_p, c_ulong, *[c_int] * 2, *[c_uint] * 3, *[c_ulong] * 2]
    xlib.XQueryPointer.argtypes = [c_void_p, c_ulong, *[c_void_p] * 7]
    xlib.XSetSelectionOwner.argtypes = [c_void_p, *[c_ulong] * 3]
    xlib.XSendEvent.argtypes = [c_void_p, c_ulong, c_int, long, c_void_p]
    xlib.XChangeProperty.argtypes = [c_void_p, *[c_ulong] * 3, c_int, c_int, c_char_p, c_int]
    xlib.XGetWindowProperty.argtypes = [
        c_void_p,
        c_ulong,
        c_ulong,
        long,
        long,
        c_int,
        c_ulong,
        *[c_void_p] * 5,
    ]
    xlib.XDefaultRootWindow.argtypes = xlib.XPending.argtypes = xlib.XFlush.argtypes = [c_void_p]
    xlib.XInternAtom.argtypes = [c_void_p, c_char_p, c_int]
    xlib.XNextEvent.argtypes = [c_void_p, c_void_p]
    return xlib


class Source:
    """One drag of files over the screen."""

    def __init__(self, files: list[Path]) -> None:
        self.xlib = load_xlib()
        self.display = self.xlib.XOpenDisplay(None)
        if not self.display:
            sys.exit("drag_file: no X server at $DISPLAY")
        self.root = self.xlib.XDefaultRootWindow(self.display)
        self.window = self.xlib.XCreateSimpleWindow(self.display, self.root, 0, 0, 1, 1, 0, 0, 0)
        self.selection = self.atom("XdndSelection")
        self.kind = self.atom("text/uri-list")
        self.content = "".join(file.resolve().as_uri() + "\r\n" for file in files).encode()
        self.xlib.XSetSelectionOwner(self.display, self.selection, self.window, 0)

    def atom(self, name: str) -> int:
        return self.xlib.XInternAtom(self.display, name.encode(), 0)

    def target(self) -> tuple[int, int, int, int]:
        """The window under the pointer that takes drops, its version of XDND, and the pointer's place."""
        window = self.root
        below, unused, numbers = c_ulong(), c_ulong(), [c_int() for _ in range(5)]
        pointers = [byref(number) for number in numbers]
        while window:
            self.xlib.XQueryPointer(self.display, window, byref(unused), byref(below), *pointers)
            version = self.version_of(window)
            if version:
                return window, version, numbers[0].value, numbers[1].value
            window = below.value
        sys.exit("drag_file: no window under the pointer takes drops")

    def version_of(self, window: int) -> int:
        """The window's version of XDND; 0 if it takes no drops."""
        kind, form, count, rest, value = c_ulong(), c_int(), c_ulong(), c_ulong(), ctypes.POINTER(c_ulong)()
        results = [byref(result) for result in (kind, form, count, rest, value)]
        self.xlib.XGetWindowProperty(self.display, window, self.atom("XdndAware"), 0, 1, 0, ATOM, *results)
        return value[0] if count.value else 0

    def send(self, target: int, message: str, *data: int) -> None:
        event = Event(CLIENT_MESSAGE, 0, 1, self.display, target, self.atom(message), 32, self.window, *data)
        self.xlib.XSendEvent(self.display, target, 0, 0, byref(event))
        self.xlib.XFlush(self.display)

    def wait_for(self, message: str) -> list[int]:
        """Hands out the files when asked, until `message` comes; returns its numbers."""
        end, wanted, event = time.monotonic() + TIMEOUT_S, self.atom(message), Event()
        while time.monotonic() < end:
            if not self.xlib.XPending(self.display):
                time.sleep(0.005)
                continue
            self.xlib.XNextEvent(self.display, byref(event))
            kind = event[0] & 0xFFFFFFFF
            if kind == SELECTION_REQUEST:
                self.hand_out(event)
            elif kind == CLIENT_MESSAGE and event[5] == wanted:
                return list(event[DATA : DATA + 5])
        sys.exit(f"drag_file: no {message} within {TIMEOUT_S:.0f} s")

    def hand_out(self, request: "ctypes.Array[ctypes.c_long]") -> None:
        requestor, selection, target, prop, when = request[5:10]
        content = (target, 8, REPLACE, self.content, len(self.content))
        self.xlib.XChangeProperty(self.display, requestor, prop, *content)
        answer = Event(SELECTION_NOTIFY, 0, 1, self.display, requestor, selection, target, prop, when)
        self.xlib.XSendEvent(self.display, requestor, 0, 0, byref(answer))
        self.xlib.XFlush(self.display)

    def drop(self) -> None:
        target, version, x, y = self.target()
        self.send(target, "XdndEnter", min(version, 5) << 24, self.kind, 0, 0)
        for offset in (2, 1, 0):  # the last of a longer way
            place = (x - offset) << 16 | (y - offset)
            self.send(target, "XdndPosition", 0, place, 0, self.atom("XdndActionCopy"))
            status = self.wait_for("XdndStatus")
        if not status[1] & 1:
            self.send(target, "XdndLeave", 0, 0, 0, 0)
            sys.exit("drag_file: the window refuses the files")
        self.send(target, "XdndDrop", 0, 0, 0, 0)
        self.wait_for("XdndFinished")


if __name__ == "__main__":
    Source([Path(name) for name in sys.argv[1:]]).drop()
