# SPDX-License-Identifier: GPL-3.0-or-later
"""From a result file to objects in the scene: convert (in a child), append, place, export, render."""

from .append import append_result
from .export import ExportError, export_glb, save_blend
from .place import Placement, place, row_locations
from .render import render_preview

__all__ = [
    "ExportError",
    "Placement",
    "append_result",
    "export_glb",
    "place",
    "render_preview",
    "row_locations",
    "save_blend",
]
