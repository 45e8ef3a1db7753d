# SPDX-License-Identifier: GPL-3.0-or-later
"""Materials and textures of the same content become one, and so do slots with the same material."""

from typing import Any

import bpy
import numpy as np

from ..conversion.same_content import copies_of_images, copies_of_materials
from ..conversion.values import values_of
from .work import Work

MAX_MATERIALS = 2_000  # that are compared: a millisecond each


def merge(work: Work) -> None:
    """First textures, since materials with different ones differ."""
    images = [each for each in bpy.data.images if each.packed_file and each.users]
    for image, first in copies_of_images(images).items():
        image.user_remap(first)
        bpy.data.images.remove(image)
    materials = [each for each in bpy.data.materials if each.users][:MAX_MATERIALS]
    images = [each for each in bpy.data.images if each.packed_file and each.users]
    for material, first in copies_of_materials(materials, images).items():
        material.user_remap(first)
        bpy.data.materials.remove(material)
    for mesh, users in work.users().items():
        if all(slot.link == "DATA" for each in users for slot in each.material_slots):
            _merge_slots(mesh)


def _merge_slots(mesh: bpy.types.Mesh) -> None:
    """One slot for each material that faces have."""
    slots: list[Any] = list(mesh.materials)
    numbers = values_of(mesh.polygons, "material_index", np.int32)
    used = [slots[number] if number < len(slots) else None for number in np.unique(numbers).tolist()]
    kept = list(dict.fromkeys(used))
    if len(slots) < 2 or kept == slots:
        return
    places = np.array([kept.index(each) if each in kept else 0 for each in slots], np.int32)
    mesh.polygons.foreach_set("material_index", places[np.clip(numbers, 0, len(slots) - 1)])
    mesh.materials.clear()
    for each in kept:
        mesh.materials.append(each)
    mesh.polygons.foreach_set("material_index", places[np.clip(numbers, 0, len(slots) - 1)])
