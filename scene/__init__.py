# SPDX-License-Identifier: GPL-3.0-or-later
"""From a result file to objects in the scene: convert (in a child), append, place, export, render."""

from .append import GoneError, Loading, append_result
from .arrive import arrive, mode_in_use
from .custom_properties import AWAITS, BESIDE, JOB, PREFIX, awaited_job, bounds_or_none
from .export import ExportError, can_export, save_blend
from .export_as import TARGETS
from .export_formats import EXPORT_FORMATS
from .free_space import GAP, free_place, free_point, reach_of, row_place
from .original import has_original, job_ids_of, job_of
from .own_mesh import ONTO, EditedError, await_result, note_fit, put_onto_objects, waiting_for
from .parts import edited_of, parts_of
from .place import Placement, grid_locations, row_locations
from .placeholder import (
    add_placeholder,
    await_version,
    box_of,
    drop_placeholder,
    find_placeholders,
    is_animated,
    is_made_to_wait,
    move_foot,
    wait_no_more,
)
from .render import render_preview, shown_in_srgb
from .restore_original import restore_original
from .thumbnails import write_thumbnail
from .write import write_output

__all__ = [
    "AWAITS",
    "BESIDE",
    "EXPORT_FORMATS",
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
    "await_result",
    "await_version",
    "awaited_job",
    "bounds_or_none",
    "box_of",
    "can_export",
    "drop_placeholder",
    "edited_of",
    "find_placeholders",
    "free_place",
    "free_point",
    "grid_locations",
    "has_original",
    "is_animated",
    "is_made_to_wait",
    "job_ids_of",
    "job_of",
    "mode_in_use",
    "move_foot",
    "note_fit",
    "parts_of",
    "put_onto_objects",
    "reach_of",
    "render_preview",
    "restore_original",
    "row_locations",
    "row_place",
    "save_blend",
    "shown_in_srgb",
    "wait_no_more",
    "waiting_for",
    "write_output",
    "write_thumbnail",
]
