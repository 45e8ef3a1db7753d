# SPDX-License-Identifier: GPL-3.0-or-later
"""A result takes the place of its placeholders: their transform, name, parent, collections and selection.

Through bpy.data alone: no operator, so neither mode nor anything else that is selected changes.
"""

from collections.abc import Iterable, Mapping

import bpy

from .append import Loading, collection_of, note_provenance
from .conversion.sidecar import PART
from .placeholder import PLACEHOLDER_KEYS, find_placeholders, fitted


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
    return [_put(item, *copy) for item, copy in zip(waiting, copies, strict=True)]


def is_in_use(job_id: str) -> bool:
    """Whether the artist is inside one of the job's placeholders, in Edit Mode for instance."""
    names = find_placeholders([job_id]).get(job_id, [])
    return any(bpy.data.objects[each].mode != "OBJECT" for each in names)


def _put(item: bpy.types.Object, root: bpy.types.Object, objects: list[bpy.types.Object]) -> bpy.types.Object:
    """Puts the result in the item's place, and returns its root there: an empty becomes the root itself.

    No object that the artist knows is freed: a field of it that is being edited would crash Blender. What
    goes is in no scene any more, and is not saved.
    """
    children = _children()
    was, collections = item.matrix_basis.copy(), _collections(item)
    world, earlier = item.matrix_world.inverted_safe(), dict.fromkeys(_parts(item, children))
    held = [
        (child, world @ owner.matrix_world @ child.matrix_parent_inverse)
        for owner in (item, *earlier)
        for child in children.get(owner, ())
        if child not in earlier
    ]
    place = fitted(root, item)
    for child in [each for each in objects if each.parent == root] if item.type == "EMPTY" else ():
        inverse = child.matrix_parent_inverse.copy()
        child.parent = item
        child.matrix_parent_inverse = inverse
    new = item if item.type == "EMPTY" else root
    for collection in collections:
        for each in [each for each in objects if each != root or new == root]:
            collection.objects.link(each)
    if new == item:
        _become(item, root)
        goes = list(earlier)
    else:
        _stand_in(root, item)
        goes = [item, *earlier]
    new.matrix_basis = place
    for child, inverse in held:
        child.parent = new
        child.matrix_parent_inverse = place.inverted_safe() @ was @ inverse
    for each in goes:
        for collection in each.users_collection:
            collection.objects.unlink(each)
    return new


def _become(item: bpy.types.Object, root: bpy.types.Object) -> None:
    """Turns the placeholder into the result's root.

    Copies the root's properties to it and deletes the root, which was never shown.
    """
    for key in PLACEHOLDER_KEYS:
        item.pop(key, None)
    for key, value in root.items():
        item[key] = value
    item.empty_display_type, item.empty_display_size = root.empty_display_type, root.empty_display_size
    bpy.data.objects.remove(root)


def _stand_in(root: bpy.types.Object, item: bpy.types.Object) -> None:
    """The root gets the object's name, parent and selection; the object waits no more."""
    root.rotation_mode = item.rotation_mode
    root.parent = item.parent
    root.parent_type, root.parent_bone = item.parent_type, item.parent_bone
    root.matrix_parent_inverse = item.matrix_parent_inverse
    for scene in item.users_scene:
        for layer in scene.view_layers:
            if item.name in layer.objects:
                if item.select_get(view_layer=layer):
                    root.select_set(True, view_layer=layer)
                if layer.objects.active == item:
                    layer.objects.active = root
    name = item.name
    item.name = f"{name} (replaced)"
    root.name = name
    for key in PLACEHOLDER_KEYS:
        item.pop(key, None)


def _children() -> dict[bpy.types.Object, list[bpy.types.Object]]:
    """By parent, in one go: `Object.children` looks at every object of the file, each time."""
    found: dict[bpy.types.Object, list[bpy.types.Object]] = {}
    for each in bpy.data.objects:
        if each.parent:
            found.setdefault(each.parent, []).append(each)
    return found


def _parts(
    item: bpy.types.Object, children: Mapping[bpy.types.Object, list[bpy.types.Object]]
) -> list[bpy.types.Object]:
    """What came under the root of an earlier result, without what the artist has added."""
    found: list[bpy.types.Object] = []
    waiting = [item]
    while waiting:
        parts = [child for child in children.get(waiting.pop(), ()) if PART in child]
        found += parts
        waiting += parts
    return found


def _collections(item: bpy.types.Object) -> list[bpy.types.Collection]:
    own = [each for each in item.users_collection if each.library is None]
    return own or [collection_of(scene) for scene in item.users_scene or bpy.data.scenes[:1]]


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
