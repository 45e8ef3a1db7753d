# SPDX-License-Identifier: GPL-3.0-or-later
"""Coarser versions beside each mesh, under the engines' names: _LOD0 is the finest, each next has half of it.

They share materials and UVs, and are hidden, as they stand in the same place.
"""

from typing import Any

import bpy
from mathutils import Matrix

from ..custom_properties import HIGHEST, LOWEST, PART
from .decimate import fewer
from .work import CannotError, Work

SHARE = 0.5


def add_lods(work: Work) -> None:
    """`lods` for each mesh. Raises CannotError for those with shape keys."""
    users_of = work.users()
    plain = {mesh: users for mesh, users in users_of.items() if not mesh.shape_keys}
    names = {each: each.name for users in plain.values() for each in users}
    if plain:
        put_under_empty(work)
    for mesh, users in plain.items():
        finer = mesh
        for number in range(1, work.profile["lods"] + 1):
            finer = fewer(finer, max(4, int(len(finer.polygons) * SHARE)), keeps_uv=True)
            for each in users:
                _add(work, each, finer, f"{names[each]}_LOD{number}")
            if len(work.lods) < number:
                work.lods.append(0)
            work.lods[number - 1] += len(finer.polygons) * len(users)
        for each in users:
            each.name = f"{names[each]}_LOD0"
    if len(plain) < len(users_of):
        raise CannotError("shape keys fit only the faces that they came with")


def _add(work: Work, item: bpy.types.Object, mesh: bpy.types.Mesh, name: str) -> None:
    made: Any = item.copy()
    made.data = mesh
    made.name = mesh.name = name
    hide(made)
    item.users_collection[0].objects.link(made)
    work.objects.append(made)


def hide(item: bpy.types.Object) -> None:
    """Not shown, neither in the window nor in a render; exported as it is."""
    item.hide_viewport = item.hide_render = True


def put_under_empty(work: Work) -> None:
    """A root that is a mesh becomes a part, under an empty of its name that has its bounds."""
    item = work.root
    if not isinstance(item.data, bpy.types.Mesh):
        return
    root: Any = bpy.data.objects.new("root", None)
    name = item.name
    item.name = f"{name} mesh"
    root.name = name
    item.users_collection[0].objects.link(root)
    root.empty_display_size = 0.25 * max(item.dimensions)
    for key in (LOWEST, HIGHEST):
        root[key] = item[key]
        del item[key]
    item.parent = root
    item.matrix_parent_inverse = Matrix()
    item[PART] = True
    work.objects.insert(0, root)
