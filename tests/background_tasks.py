# SPDX-License-Identifier: GPL-3.0-or-later
"""Has the product's background Blenders do tasks for tests inside Blender, many in the same one."""

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
import leftovers

_pool = importlib.import_module(os.environ.get("MAQUETTE_PACKAGE", "maquette") + ".jobs.blender_pool")
_BLENDER = os.environ.get("MAQUETTE_BLENDER") or bpy.app.binary_path
blenders: Any = _pool.BlenderPool(_BLENDER)
blenders.acquire = leftovers.outliving(
    blenders.acquire
)  # kept from test to test; the session's end ends them


def run_task(command: str, request: Mapping[str, Any], folder: Path, pool: Any = blenders) -> dict[str, Any]:
    """The answer, also where it is that it could not be done. Nothing else stays in `folder` but a log."""
    try:
        return pool.run(command, request, folder, "doing it")
    except _pool.ChildError as error:
        return {"ok": False, "error": str(error)}


def run_in_new_blender(command: str, request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The same in a Blender that has done nothing else: whose memory no earlier task has left free."""
    pool = _pool.BlenderPool(_BLENDER)
    try:
        return run_task(command, request, folder, pool)
    finally:
        pool.end()
