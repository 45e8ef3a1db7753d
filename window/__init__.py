# SPDX-License-Identifier: GPL-3.0-or-later
"""The use cases with a window: its state, the timer, and what happens between a click and the result."""

from . import collect_inputs, confirm, connection, placeholders, placing, wait
from .collect_inputs import RequestError, save_image
from .placing import placer

__all__ = [
    "RequestError",
    "collect_inputs",
    "confirm",
    "connection",
    "placeholders",
    "placer",
    "placing",
    "save_image",
    "wait",
]
