# SPDX-License-Identifier: GPL-3.0-or-later
"""The desk that the window works at, and the plain facts that panels draw while there is none."""

from dataclasses import dataclass, field

from .desk import Desk


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


def current() -> Desk | None:
    return _held[0] if _held else None


def hold(desk: Desk | None) -> None:
    """Make `desk` the current one; the one before is for the caller to close."""
    _held[:] = [desk] if desk else []
