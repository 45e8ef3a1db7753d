# SPDX-License-Identifier: GPL-3.0-or-later
"""A result takes the place of its placeholders: their transform, name, parent, collections and selection.

Through bpy.data alone: no operator, so neither mode nor anything else that is selected changes.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from operator import not_
from typing import Any

import bpy
from mathutils import Matrix

from .append import (
    REPLACED,
    Going,
    Loading,
    collection_of,
    data_of,
    give_up_name,
    name_data,
    note_provenance,
    take_name,
    without_number,
)
from .custom_properties import (
    BESIDE,
    HIGHEST,
    LOWEST,
    NAMED,
    PART,
    PREFIX,
    awaited_job,
    bounds_or_none,
    version_size,
)
from .parts import children_of_all, edited_of, note_parts, parts_of
from .place import corners_of
from .placeholder import PLACEHOLDER_KEYS, find_placeholders, fitted, full_basis, is_animated, version_within
from .stand_in import keep_channels, keep_own, stand_in

_POINT_PARENTS = ("BONE", "VERTEX", "VERTEX_3")  # where a child hangs on a point of its parent
_QUICK_VERTICES = 200_000  # are moved in some milliseconds


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
    children = children_of_all()
    earlier = {item: parts_of(item, children) for item in waiting}
    for item in waiting:
        for mesh in edited_of(item, children) if version_size(item) else ():
            mesh.use_fake_user = True
            mesh.name = f"{mesh.name} (edited)"
    names, is_named = loading.own_names(), NAMED in root
    own_name = names.pop(root, root.name)
    going, data = _going(earlier, objects), data_of(objects)
    for each, own in names.items():
        if is_named or isinstance(each, bpy.types.Object):
            take_name(each, own, going)
    root.name = name
    note_provenance(root, provenance)
    copies = [(root, objects), *(_copied(root, objects) for _ in waiting[1:])]
    parts: list[list[bpy.types.Object]] = []
    applied: Matrix | None = None  # to the mesh that they share
    for item, (each, its_objects) in zip(waiting, copies, strict=True):
        new, applied = _put(item, each, its_objects, applied, earlier[item])
        parts.append([new, *(part for part in its_objects if part != each)])
    if not is_named:
        name_data(data, parts[0][0].name, going)
    elif without_number(parts[0][0].name) == name:  # not one that the artist has chosen
        parts[0][0].name = own_name
    for new, *others in parts:
        note_parts(new, others)
    return [new for new, *_ in parts]


def _going(
    waiting: Mapping[bpy.types.Object, Iterable[bpy.types.Object]], coming: Iterable[bpy.types.Object]
) -> Going:
    """Has the parts of the results that are replaced give up their names; returns what data goes with them.

    It goes if only these results use it, or objects that nothing uses. What anything else uses stays.
    """
    parts = dict.fromkeys(part for of_one in waiting.values() for part in of_one)
    for part in parts:
        give_up_name(part)
    kinds = (bpy.data.meshes, bpy.data.materials, bpy.data.images, bpy.data.actions)
    unused = {each for kind in kinds for each in _unused(kind)}
    lost = set(_unused(bpy.data.objects))
    uses = Counter[bpy.types.ID](dict.fromkeys(unused, 0))
    uses.update(item.data for item in waiting if item.data and bounds_or_none(item))
    uses.update(use for each in parts.keys() | lost.difference(coming) for use in _uses(each))
    found: dict[tuple[str, str], bpy.types.ID] = {}
    for kind in ("MESH", "MATERIAL", "IMAGE", "ACTION"):
        of_kind = [(each, count) for each, count in uses.items() if each.id_type == kind]
        for each in [each for each, count in of_kind if each.users <= count and each.library is None]:
            found[kind, each.name] = each
            uses.update(_uses(each))
    return found


def _unused(kind: "bpy.types.bpy_prop_collection[Any]") -> list[bpy.types.ID]:
    """What has no users in the file. The numbers are read in one piece: a file may have thousands."""
    users = array("i", bytes(len(kind) * 4))
    kind.foreach_get("users", users)
    return [each for each in compress(kind, map(not_, users)) if each.library is None] if 0 in users else []


def _uses(item: bpy.types.ID) -> list[bpy.types.ID]:
    """The mesh, materials, images and actions that it uses, each as often as it does."""
    found: list[bpy.types.ID | None] = []
    owners = [item]
    if isinstance(item, bpy.types.Object):
        found = [item.data, *(slot.material for slot in item.material_slots if slot.link == "OBJECT")]
    elif isinstance(item, bpy.types.Mesh):
        found = list(item.materials)
        owners = [item.shape_keys] if item.shape_keys else []
    elif isinstance(item, bpy.types.Material) and item.node_tree:
        found = [
            node.image for node in item.node_tree.nodes if isinstance(node, bpy.types.ShaderNodeTexImage)
        ]
    for data in [each.animation_data for each in owners if getattr(each, "animation_data", None)]:
        found += [data.action, *(strip.action for track in data.nla_tracks for strip in track.strips)]
    return [each for each in found if each is not None]


def mode_in_use(job_id: str) -> str:
    """The mode in which the artist is inside one of the job's placeholders, or a part of it; "" if none."""
    for item in bpy.data.objects:
        mode = item.mode
        above = item if mode != "OBJECT" else None
        while above is not None:
            if awaited_job(above) == job_id:
                return mode
            above = above.parent if PART in above else None
    return ""


def _put(
    item: bpy.types.Object,
    root: bpy.types.Object,
    objects: list[bpy.types.Object],
    applied: Matrix | None,
    earlier: Sequence[bpy.types.Object],
) -> tuple[bpy.types.Object, Matrix]:
    """Puts the result in the item's place; returns its root there, and what has been done to its mesh.

    No object that the artist knows is freed: a field of it that is being edited would crash Blender. What
    goes is in no scene any more, and is not saved.
    """
    was = full_basis(item)
    held = _held(item, earlier)
    stands, inner = _where(root, item)
    applied = _shift(root, objects, inner, applied)
    for each in earlier:
        each.parent = None  # else it would count to the new one
    new = _swapped(item, root, objects)
    if stands != was:
        new.matrix_basis = stands
    elif new != item:
        keep_channels(new, item)
    moved = Matrix() if stands == was else stands.inverted_safe() @ was
    twins = {without_number(each.name): each for each in objects if each != root}
    twins |= {each.name: each for each in objects if each != root}
    for child, owner, inverse in held:
        _hang(child, new, moved @ inverse, _twin(owner, twins))
    _put_away(earlier, new, twins)
    return new, applied


def _where(root: bpy.types.Object, item: bpy.types.Object) -> tuple[Matrix, Matrix]:
    """The transform of the result's root in the item's place, and how the result is moved within its root."""
    inner = version_within(root, item)
    if inner is not None:  # another version of what is there stands as the artist has put that
        return item.matrix_basis.copy(), inner
    place = fitted(root, item)
    stands = _stands(root, item, place)
    return stands, stands.inverted_safe() @ place


def _swapped(
    item: bpy.types.Object, root: bpy.types.Object, objects: Sequence[bpy.types.Object]
) -> bpy.types.Object:
    """Links the result where the item is, and returns its root there.

    Where the root is an empty and the item is one, the item becomes the root. So does a result that is one
    mesh and gets another version of itself: its modifiers stay. Else the root stands in for the item.
    """
    is_version = bool(version_size(item))
    is_same = item.type == root.type == "EMPTY" or (
        is_version and _is_mesh_alone(root) and item.type == "MESH"
    )
    for collection in _collections(item):
        for each in [each for each in objects if not (is_same and each == root)]:
            collection.objects.link(each)
    if is_version:
        keep_own(root, item)
    if is_same:
        _become(item, root, objects)
        return item
    stand_in(root, item, is_version=is_version)
    for key in PLACEHOLDER_KEYS:
        item.pop(key, None)
    return root


def _put_away(
    parts: Sequence[bpy.types.Object], new: bpy.types.Object, twins: Mapping[str, bpy.types.Object]
) -> None:
    """Takes the earlier parts out of the scene; what pointed to one points to that of the same name, such as
    LOD0, else to the whole.
    """
    for each in parts:
        for collection in each.users_collection:
            collection.objects.unlink(each)
        each.user_remap(_twin(each, twins) or new)


def _held(
    item: bpy.types.Object, parts: Sequence[bpy.types.Object]
) -> list[tuple[bpy.types.Object, bpy.types.Object, Matrix]]:
    """What the artist has put under the item or a part of it: each object, its parent, and the parent's place
    in the item's space.
    """
    children, world = children_of_all(), item.matrix_world.inverted_safe()
    known = {item, *parts}
    found: list[tuple[bpy.types.Object, bpy.types.Object, Matrix]] = []
    for owner in (item, *parts):
        for child in children.get(owner, ()):
            if child in known:
                continue
            if child.parent_type in _POINT_PARENTS:  # of these the inverse says not all
                inverse = world @ child.matrix_world @ child.matrix_basis.inverted_safe()
            else:
                inverse = (
                    world @ owner.matrix_world if owner != item else Matrix()
                ) @ child.matrix_parent_inverse
            found.append((child, owner, inverse))
    return found


def _hang(
    child: bpy.types.Object, new: bpy.types.Object, inverse: Matrix, twin: bpy.types.Object | None
) -> None:
    """Puts what the artist has under an earlier result under the new one: on the same bone, else where it is.

    `twin` is the part that takes the place of its parent.
    """
    child.pop(PART, None)  # of a copy of a part
    bones = twin.data.bones if twin and isinstance(twin.data, bpy.types.Armature) else ()
    if child.parent_type == "BONE" and child.parent_bone in bones:
        child.parent = twin
        return
    if child.parent_type in _POINT_PARENTS:
        child.parent_type = "OBJECT"
    child.parent = new
    child.matrix_parent_inverse = inverse


def _twin(part: bpy.types.Object, twins: Mapping[str, bpy.types.Object]) -> bpy.types.Object | None:
    """The new part with the name that the earlier one came under."""
    name = part.get(PART)
    name = name if isinstance(name, str) else without_number(part.name).removesuffix(REPLACED)
    return twins.get(name) or twins.get(without_number(name))


def _stands(root: bpy.types.Object, item: bpy.types.Object, place: Matrix) -> Matrix:
    """The new object's transform, for a result that is to be seen at `place`.

    What animation, a driver or a constraint moves keeps its transform, since that says what it does. A mesh
    has no scale otherwise: it is made as large as it is to be, unless that would hold the window (40 ns a
    vertex).
    """
    basis = full_basis(item)
    if (is_animated(item) or item.constraints) and abs(basis.determinant()) > 1e-12:
        return basis
    if not isinstance(root.data, bpy.types.Mesh) or len(root.data.vertices) > _QUICK_VERTICES:
        return place
    location, turn, _ = place.decompose()
    return Matrix.LocRotScale(location, turn, None)


def _shift(
    root: bpy.types.Object, objects: list[bpy.types.Object], inner: Matrix, applied: Matrix | None
) -> Matrix:
    """Moves the result within its root by `inner`; returns what has been done to the mesh that copies share.

    That was `applied` for the first of them; one that wants something else gets a mesh of its own.
    """
    if not _is_same(inner, Matrix()):
        moved = [inner @ corner for corner in corners_of(root)]
        low, high = ([pick(axis) for axis in zip(*moved, strict=True)] for pick in (min, max))
        root[LOWEST], root[HIGHEST] = low, high
    for child in [each for each in objects if each.parent == root]:
        child.matrix_parent_inverse = inner @ child.matrix_parent_inverse
    mesh = root.data
    if not isinstance(mesh, bpy.types.Mesh) or _is_same(inner, applied or Matrix()):
        return applied or Matrix()
    step = inner
    if applied is not None:
        mesh = mesh.copy()
        root.data = mesh
        step = inner @ applied.inverted_safe()
    mesh.transform(step, shape_keys=True)
    if step.determinant() < 0:
        mesh.flip_normals()
    return inner if applied is None else applied


def _is_same(one: Matrix, other: Matrix) -> bool:
    return all((a - b).length < 1e-6 for a, b in zip(one, other, strict=True))


def _become(item: bpy.types.Object, root: bpy.types.Object, objects: Sequence[bpy.types.Object]) -> None:
    """Turns the placeholder into the result's root.

    Gives it the root's mesh, properties and children, and deletes the root, which was never shown.
    """
    for child in [each for each in objects if each.parent == root]:
        inverse = child.matrix_parent_inverse.copy()
        child.parent = item
        child.matrix_parent_inverse = inverse
    for key in [each for each in item.keys() if each.startswith(PREFIX) and each != BESIDE]:  # noqa: SIM118 # no dict
        del item[key]
    for key, value in root.items():
        item[key] = value
    item.empty_display_type, item.empty_display_size = root.empty_display_type, root.empty_display_size
    item.instance_type = "NONE"  # what it has shown is replaced
    item.data = root.data
    bpy.data.objects.remove(root)


def _is_mesh_alone(root: bpy.types.Object) -> bool:
    """Whether it is its mesh, its place and its properties, and nothing else."""
    return root.type == "MESH" and not (root.modifiers or root.constraints or root.animation_data)


def _collections(item: bpy.types.Object) -> list[bpy.types.Collection]:
    own = [each for each in item.users_collection if each.library is None]
    return own or [collection_of(scene) for scene in item.users_scene or bpy.data.scenes[:1]]


def _copied(
    root: bpy.types.Object, objects: Iterable[bpy.types.Object]
) -> tuple[bpy.types.Object, list[bpy.types.Object]]:
    """A copy of the result, with the same meshes."""
    twins = {each: each.copy() for each in objects}
    for twin in twins.values():
        inverse = twin.matrix_parent_inverse.copy()
        twin.parent = twins.get(twin.parent)
        twin.matrix_parent_inverse = inverse
        for modifier in twin.modifiers:
            if getattr(modifier, "object", None) in twins:
                modifier.object = twins[modifier.object]
    return twins[root], list(twins.values())  # pyright: ignore[reportReturnType] # the stubs' copy() may be None
