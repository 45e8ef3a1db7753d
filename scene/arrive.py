# SPDX-License-Identifier: GPL-3.0-or-later
"""A result takes the place of its placeholders: their transform, name, parent, collections and selection.

Through bpy.data alone: no operator, so neither mode nor anything else that is selected changes.
"""

from collections.abc import Iterable, Mapping

import bpy

from .append import Loading, collection_of, note_provenance
from .conversion.parts import PART
from .placeholder import find_placeholders, fit


def arrive(
    loading: Loading, *, job_id: str, name: str, provenance: Mapping[str, str | int | float]
) -> list[bpy.types.Object]:
    """Puts the result in the place of each placeholder of the job, and returns its roots, which share data.

    Raises as `Loading` does; then nothing has changed. `name` is for a placeholder that has lost its own.
    """
    waiting = [bpy.data.objects[each] for each in find_placeholders([job_id]).get(job_id, [])]
    if not waiting:
        loading.drop()
        return []
    root, objects = loading.finish()
    root.name = name
    note_provenance(root, provenance)
    copies = [(root, objects), *(_copied(root, objects) for _ in waiting[1:])]
    for item, (its_root, its_objects) in zip(waiting, copies, strict=True):
        _replace(item, its_root, its_objects)
    return [its_root for its_root, _ in copies]


def is_in_use(job_id: str) -> bool:
    """Whether the artist is inside one of the job's placeholders, in Edit Mode for instance."""
    names = find_placeholders([job_id]).get(job_id, [])
    return any(bpy.data.objects[each].mode != "OBJECT" for each in names)


def _replace(item: bpy.types.Object, root: bpy.types.Object, objects: list[bpy.types.Object]) -> None:
    for collection in [each for each in item.users_collection if each.library is None] or _fallback(item):
        for each in objects:
            collection.objects.link(each)
    fit(root, item)
    for scene in item.users_scene:
        for layer in scene.view_layers:
            if item.name in layer.objects:
                if item.select_get(view_layer=layer):
                    root.select_set(True, view_layer=layer)
                if layer.objects.active == item:
                    layer.objects.active = root
    goes = [item, *(each for each in item.children_recursive if PART in each)]  # of an earlier result
    for child in [each for each in item.children_recursive if each.parent in goes and each not in goes]:
        held = item.matrix_world.inverted_safe() @ child.parent.matrix_world @ child.matrix_parent_inverse
        child.parent = root
        child.matrix_parent_inverse = root.matrix_basis.inverted_safe() @ item.matrix_basis @ held
    name = item.name
    bpy.data.batch_remove(goes)
    root.name = name


def _fallback(item: bpy.types.Object) -> list[bpy.types.Collection]:
    return [collection_of(scene) for scene in item.users_scene or bpy.data.scenes[:1]]


def _copied(
    root: bpy.types.Object, objects: Iterable[bpy.types.Object]
) -> tuple[bpy.types.Object, list[bpy.types.Object]]:
    """The same once more, with the same meshes."""
    twins = {each: each.copy() for each in objects}
    for twin in twins.values():
        inverse = twin.matrix_parent_inverse.copy()
        twin.parent = twins.get(twin.parent)
        twin.matrix_parent_inverse = inverse
        for modifier in twin.modifiers:
            if getattr(modifier, "object", None) in twins:
                modifier.object = twins[modifier.object]
    return twins[root], list(twins.values())  # pyright: ignore[reportReturnType] # the stubs' copy() may be None
