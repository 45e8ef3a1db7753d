# SPDX-License-Identifier: GPL-3.0-or-later
"""From a result file to objects in the scene: convert (in a child), append, place, export, render."""

from .append import GoneError, Loading, append_result
from .arrive import arrive, mode_in_use
from .custom_properties import AWAITS, BESIDE, JOB, PREFIX, awaited_job, bounds_or_none
from .export import ExportError, can_export, export_glb, save_blend
from .export_as import FORMS, TARGETS
from .original import has_original, job_of
from .own_mesh import ONTO, EditedError, note_fit, put, reserve, waiting_for
from .parts import edited_of, parts_of
from .place import Placement, grid_locations, row_locations
from .placeholder import (
    GAP,
    add_placeholder,
    await_version,
    box_of,
    drop_placeholder,
    find_placeholders,
    free_place,
    free_point,
    is_animated,
    is_made,
    move_foot,
    reach_of,
    row_place,
    wait_no_more,
)
from .render import render_preview, shown_in_srgb
from .restore_original import restore
from .thumbnails import write_thumbnail
from .write import write_form

__all__ = [
    "AWAITS",
    "BESIDE",
    "FORMS",
    "GAP",
    "JOB",
    "ONTO",
    "PREFIX",
    "TARGETS",
    "EditedError",
    "ExportError",
    "GoneError",
    "Loading",
    "Placement",
    "add_placeholder",
    "append_result",
    "arrive",
    "await_version",
    "awaited_job",
    "bounds_or_none",
    "box_of",
    "can_export",
    "drop_placeholder",
    "edited_of",
    "export_glb",
    "find_placeholders",
    "free_place",
    "free_point",
    "grid_locations",
    "has_original",
    "is_animated",
    "is_made",
    "job_of",
    "mode_in_use",
    "move_foot",
    "note_fit",
    "parts_of",
    "put",
    "reach_of",
    "render_preview",
    "reserve",
    "restore",
    "row_locations",
    "row_place",
    "save_blend",
    "shown_in_srgb",
    "wait_no_more",
    "waiting_for",
    "write_form",
    "write_thumbnail",
]
