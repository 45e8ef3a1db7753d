# SPDX-License-Identifier: GPL-3.0-or-later
"""The use cases with a window: its state, the timer, and what happens between a click and the result."""

from . import (
    begin,
    capture,
    collect_inputs,
    confirm,
    connection,
    object_inputs,
    on_original,
    placeholders,
    placing,
    spots,
    start_jobs,
    wait,
    when_ready,
)
from .blockers import blocker, notices, service_blocker
from .collect_inputs import RequestError
from .placing import placer

__all__ = [
    "RequestError",
    "begin",
    "blocker",
    "capture",
    "collect_inputs",
    "confirm",
    "connection",
    "notices",
    "object_inputs",
    "on_original",
    "placeholders",
    "placer",
    "placing",
    "service_blocker",
    "spots",
    "start_jobs",
    "wait",
    "when_ready",
]
