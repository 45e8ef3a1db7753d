# SPDX-License-Identifier: GPL-3.0-or-later
"""Many items at once: a manifest's rows become jobs, each paid for once, and a contact sheet. No bpy."""

from .claims import Claims
from .manifest import Manifest, Problem, Row, read_manifest, read_rows
from .plan import OUTPUTS, Defaults, Item, make_items
from .presence import Presence
from .run import Run
from .sheet import write_sheet, write_table
from .tracked import Fate, Limits, Stage, Tracked

__all__ = [
    "OUTPUTS", "Claims", "Defaults", "Fate", "Item", "Limits", "Manifest", "Presence", "Problem", "Row",
    "Run", "Stage", "Tracked", "make_items", "read_manifest", "read_rows", "write_sheet", "write_table",
]  # fmt: skip
