# SPDX-License-Identifier: GPL-3.0-or-later
"""Many items at once: a manifest's rows become jobs, each paid for once, and a contact sheet. No bpy."""

from .claims import Claims
from .delivery import Delivery
from .host_lock import HostLock
from .manifest import Manifest, Problem, Row, read_manifest, read_rows
from .outcome import Outcome
from .plan import OUTPUTS, Defaults, Item, make_items
from .row_state import Fate, RowState, RowStatus, RunLimits
from .run import Run
from .sheet import write_sheet, write_table

__all__ = [
    "OUTPUTS",
    "Claims",
    "Defaults",
    "Delivery",
    "Fate",
    "HostLock",
    "Item",
    "Manifest",
    "Outcome",
    "Problem",
    "Row",
    "RowState",
    "RowStatus",
    "Run",
    "RunLimits",
    "make_items",
    "read_manifest",
    "read_rows",
    "write_sheet",
    "write_table",
]  # fmt: skip
