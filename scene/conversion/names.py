# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives another name to what has one that is no UTF-8: Python can't read it, here or in the artist's Blender.

Blender's importers take such bytes out of a name, but for some that only Python finds wrong.
"""

from collections.abc import Iterable
from typing import Any

import bpy

_INNER = ("attributes", "vertex_groups", "key_blocks", "bones", "nodes")


def make_readable() -> None:
    """Renames all such data, and what has a name within it."""
    for name, kind in bpy.data.bl_rna.properties.items():
        if kind.type != "COLLECTION":
            continue
        _rename(getattr(bpy.data, name))
        for each in getattr(bpy.data, name):
            for inner in _INNER:
                _rename(getattr(each, inner, ()))


def _rename(items: Iterable[Any]) -> None:
    for item in list(items):
        try:
            _ = item.name
        except UnicodeDecodeError:
            item.name = "Unreadable name"
