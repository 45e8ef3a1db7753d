# SPDX-License-Identifier: GPL-3.0-or-later
"""The use cases with a window: its state, the timer, and what happens between a click and the result."""

from . import (
    asset_facts,
    begin,
    box_lines,
    capture,
    collect_inputs,
    confirm,
    connection,
    dialog,
    in_scene,
    library,
    on_original,
    pictures,
    placeholders,
    placing,
    repeats,
    spots,
    start_jobs,
    variations,
    wait,
    when_ready,
)
from .blockers import blocker, credits_blocker, not_in_scene, notices, service_blocker, wrong_mode
from .collect_inputs import RequestError
from .placing import placer
from .status import redraw_sidebars
from .wanted import Wanted, wanted_now

__all__ = [
    "RequestError",
    "Wanted",
    "asset_facts",
    "begin",
    "blocker",
    "box_lines",
    "capture",
    "collect_inputs",
    "confirm",
    "connection",
    "credits_blocker",
    "dialog",
    "in_scene",
    "library",
    "not_in_scene",
    "notices",
    "on_original",
    "pictures",
    "placeholders",
    "placer",
    "placing",
    "redraw_sidebars",
    "repeats",
    "service_blocker",
    "spots",
    "start_jobs",
    "variations",
    "wait",
    "wanted_now",
    "when_ready",
    "wrong_mode",
]
