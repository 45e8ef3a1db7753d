# SPDX-License-Identifier: GPL-3.0-or-later
"""Many items at once: a manifest's rows become jobs, each paid for once, and a contact sheet. No bpy."""

from .claims import Claims
from .delivery import Delivery, delivered_files
from .host_lock import HostLock
from .manifest import INPUT_MARK, Manifest, Problem, Row, json_values, read_manifest, read_rows, stem_of
from .outcome import Outcome
from .paid_folders import PaidFolders
from .plan import OUTPUTS, Defaults, Item, job_id, make_items, price_key, read_outputs
from .row_state import RowPlan, RowState, RowStatus, RunLimits
from .run import OVER_COST, Run
from .sheet import write_sheet, write_table

__all__ = [
    "INPUT_MARK",
    "OUTPUTS",
    "OVER_COST",
    "Claims",
    "Defaults",
    "Delivery",
    "HostLock",
    "Item",
    "Manifest",
    "Outcome",
    "PaidFolders",
    "Problem",
    "Row",
    "RowPlan",
    "RowState",
    "RowStatus",
    "Run",
    "RunLimits",
    "delivered_files",
    "job_id",
    "json_values",
    "make_items",
    "price_key",
    "read_manifest",
    "read_outputs",
    "read_rows",
    "stem_of",
    "write_sheet",
    "write_table",
]
