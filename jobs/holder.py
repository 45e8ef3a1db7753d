# SPDX-License-Identifier: GPL-3.0-or-later
"""State of this Blender session: the open desk, if any, and the account status that panels show."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field

from .desk import Desk
from .process import end_at_once, let_go


@dataclass
class WindowState:
    """`account` is unknown, signed_out, environment, key or sandbox; `problem` says why there is no desk.

    `drawn_at` is when a panel was last drawn (time.monotonic()): the timer opens the desk after that.
    `price_keys` has, by scene, the key of `Desk.price` for what is set now; none while a change awaits its
    question. `placeholders` has the job of each object that waits for a result, by the object's name.
    """

    account: str = "unknown"
    problem: str = ""
    drawn_at: float = float("-inf")
    online: bool = True
    price_keys: dict[str, str] = field(default_factory=dict[str, str])
    placeholders: dict[str, str] = field(default_factory=dict[str, str])


state = WindowState()
_held: list[Desk] = []
_leaving: list[tuple[str, subprocess.Popen[bytes]]] = []  # workers of closed desks, with their service


def current() -> Desk | None:
    return _held[0] if _held else None


def hold(desk: Desk | None) -> None:
    """Make `desk` the current one; the one before is for the caller to close."""
    _held[:] = [desk] if desk else []


def close(desk: Desk) -> None:
    """Close a desk; its worker finishes its transfers, unless online access goes off."""
    worker = desk.close()
    if worker is not None:
        _leaving.append((desk.service, worker))


def end_offline(is_online: Callable[[str], bool]) -> None:
    """End the workers of closed desks at once whose service may not be talked to any more."""
    for entry in list(_leaving):
        service, worker = entry
        is_over = worker.poll() is not None
        if not is_over and not is_online(service):
            end_at_once(worker)
            is_over = True
        if is_over:
            _leaving.remove(entry)
            let_go(worker)


def let_go_of_workers() -> None:
    """Leave the workers of closed desks to themselves: they finish their transfers and end."""
    while _leaving:
        let_go(_leaving.pop()[1])
