# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports a model with Blender's own importer and cleans it: one mesh by itself, else a tree under a root.

The root stands at the bottom centre of the geometry and carries its bounds: appending evaluates nothing.
"""

import os
import shutil
from collections.abc import Collection
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..custom_properties import HIGHEST, LOWEST, PART, PREFIX
from ..place import floor_centre
from .animated import uses_of
from .clips import settle_clips
from .importers import run_importer
from .instances import realise_instances
from .names import make_readable
from .one_object import can_be_one, make_one
from .rig_scale import fold_scale
from .shown import hidden_words, include_all_collections, shown_meshes
from .sidecar import extract_arrays
from .takes import keep_takes
from .unpack import Format, Model, UnreadableError, UnsupportedError

RESULT_COLLECTION = "Maquette result"
_EMPTY_IF_ZERO = ("material_index", "sharp_face", "sharp_edge")


def import_model(model: Model) -> tuple[list[bpy.types.Object], list[str]]:
    """The meshes and rigs of the file, and in words what of it does not stay.

    Raises UnreadableError or UnsupportedError; then no object of it stays.
    """
    before = set(bpy.data.objects)
    actions = set(bpy.data.actions)
    try:
        messages = run_importer(model)
        make_readable()
        _drop_properties_of_ours()
        messages += _without_caches(model)
        realise_instances()
        include_all_collections()
        made = [each for each in bpy.data.objects if each not in before]
        objects, left_out = _cleaned(made, has_splats=model.format in (Format.SPZ, Format.PLY))
        messages += hidden_words(model.name, left_out)
        keep_takes(objects, set(bpy.data.actions) - actions)
        if not (has_shape(objects) or any(_is_moved_rig(each) for each in objects)):
            raise UnsupportedError(
                f"{model.name} holds no faces (points or lines at most); it is kept as a file."
            )
        settle_clips(objects)
        messages += fold_scale(objects)
    except (UnreadableError, UnsupportedError):
        discard(set(bpy.data.objects) - before)
        raise
    return objects, messages


def _drop_properties_of_ours() -> None:
    """Takes away every custom property that has a name of ours: the artist's Blender acts upon those.

    A file that Maquette exported brings them back from a service; one made to hurt, anything at all.
    """
    holders: list[bpy.types.bpy_struct] = []
    for name, kind in bpy.data.bl_rna.properties.items():
        if kind.type == "COLLECTION":
            holders += getattr(bpy.data, name)
    trees = [each.node_tree for each in holders if getattr(each, "node_tree", None)]
    holders += [node for tree in [*trees, *bpy.data.node_groups] for node in tree.nodes]
    for armature in bpy.data.armatures:
        holders += [*armature.bones, *armature.collections_all]
    holders += [bone for each in bpy.data.objects if each.pose for bone in each.pose.bones]
    for scene in bpy.data.scenes:
        holders += [scene.collection, *scene.view_layers]
    for holder in [*trees, *holders]:
        for key in [key for key in holder.keys() if key.startswith(PREFIX)]:  # noqa: SIM118 # no dict
            del holder[key]


def _without_caches(model: Model) -> list[str]:
    """Keeps the shape and the place of the frame that is shown: a cache is read from a file, which goes."""
    if not bpy.data.cache_files:
        return []
    scene = bpy.context.scene
    assert scene
    graph = bpy.context.evaluated_depsgraph_get()
    cached = [each for each in bpy.data.objects if any(_reads_cache(part) for part in _steps(each))]
    places = {each: each.evaluated_get(graph).matrix_world.copy() for each in cached}
    shapes: dict[bpy.types.Object, bpy.types.Mesh] = {}
    for each in cached:
        if each.type == "MESH" and any(_reads_cache(modifier) for modifier in each.modifiers):
            shapes[each] = bpy.data.meshes.new_from_object(
                each.evaluated_get(graph), preserve_all_data_layers=True, depsgraph=graph
            )
    for each in cached:
        for part in [part for part in each.constraints if _reads_cache(part)]:
            each.constraints.remove(part)
        for part in [part for part in each.modifiers if _reads_cache(part) or each in shapes]:
            each.modifiers.remove(part)
        if each in shapes:
            each.data = shapes[each]
    for each in sorted(cached, key=lambda item: len(_owners(item))):
        each.matrix_world = places[each]
        bpy.context.view_layer.update()
    bpy.data.batch_remove(list(bpy.data.cache_files))
    return [f"The animation of {model.name} is left out: the shape at frame {scene.frame_current} is kept."]


def _steps(item: bpy.types.Object) -> list[bpy.types.Modifier | bpy.types.Constraint]:
    return [*item.modifiers, *item.constraints]


def _reads_cache(step: bpy.types.Modifier | bpy.types.Constraint) -> bool:
    return step.type in ("MESH_SEQUENCE_CACHE", "TRANSFORM_CACHE")


def _owners(item: bpy.types.Object) -> list[bpy.types.Object]:
    found: list[bpy.types.Object] = []
    while item.parent:
        item = item.parent
        found.append(item)
    return found


def faces(objects: list[bpy.types.Object]) -> int:
    """How many faces the meshes among the objects have, each use counted."""
    return sum(len(each.data.polygons) for each in objects if isinstance(each.data, bpy.types.Mesh))


def has_shape(objects: list[bpy.types.Object]) -> bool:
    """Whether there is something to be seen of them but bones."""
    return any(faces([each]) or each.type == "POINTCLOUD" for each in objects)


def _is_moved_rig(item: bpy.types.Object) -> bool:
    """A file of motion has a rig and no mesh for it."""
    return isinstance(item.data, bpy.types.Armature) and bool(item.data.bones and uses_of(item))


def _cleaned(objects: list[bpy.types.Object], *, has_splats: bool) -> tuple[list[bpy.types.Object], int]:
    """Keeps meshes with faces, armatures, splats and what holds them, deselected, and removes the rest.

    Returns how many meshes went that the file does not show.
    """
    rigs = [each for each in objects if each.type == "ARMATURE"]
    meshes = [each for each in objects if faces([each])]
    shown = shown_meshes(meshes, has_rig=bool(rigs))
    wanted: set[bpy.types.Object] = set()
    splats = [each for each in objects if has_splats and each.type == "POINTCLOUD"]
    for each in [*rigs, *shown, *splats]:
        owner: bpy.types.Object | None = each
        while owner is not None:
            wanted.add(owner)
            owner = owner.parent
    kept = [each for each in objects if each in wanted]
    discard({*objects} - wanted)
    bpy.data.batch_remove(list(bpy.data.worlds))
    for each in kept:
        each.select_set(False)  # a selected object would come selected into the artist's scene
    return kept, len(meshes) - len(shown)


def discard(objects: Collection[bpy.types.Object]) -> None:
    """Removes the objects, and what only they had: a texture of theirs is none of the result's."""
    data = {each.data for each in objects if each.data}
    bpy.data.batch_remove(objects)
    bpy.data.batch_remove([each for each in data if not each.users])
    for kind in (bpy.data.materials, bpy.data.node_groups, bpy.data.images) if data else ():
        bpy.data.batch_remove([each for each in kind if not each.users])


def slim_down(objects: list[bpy.types.Object]) -> None:
    """Drops what says nothing: selections, materials all the first, no edge or face sharp.

    An attribute that is missing means just that, and a sixth of the bytes need not be appended.
    """
    for mesh in {each.data for each in objects if isinstance(each.data, bpy.types.Mesh)}:
        for name in (".select_vert", ".select_edge", ".select_poly", *_EMPTY_IF_ZERO):
            attribute = mesh.attributes.get(name)
            if attribute and not (name in _EMPTY_IF_ZERO and _is_set(attribute)):
                mesh.attributes.remove(attribute)


def _is_set(attribute: bpy.types.Attribute) -> bool:
    values = np.empty(len(attribute.data), np.int32 if attribute.data_type == "INT" else np.bool_)
    attribute.data.foreach_get("value", values)
    return bool(values.any())


def root_over(
    objects: list[bpy.types.Object], name: str, low: np.ndarray, high: np.ndarray
) -> bpy.types.Collection:
    """The result in a new collection, its bottom centre on the origin: one mesh by itself, else an empty.

    Both are called `name`. Under an empty the shift sits in the parent inverse: it neither touches a mesh nor
    a location that an action may animate.
    """
    pivot = floor_centre(Vector(low), Vector(high))
    to_pivot = Matrix.Translation(-pivot)
    if can_be_one(objects):
        root = make_one(objects, to_pivot)
        root.name = name
        objects[:] = [root]
    else:
        root = bpy.data.objects.new(name, None)
        root.empty_display_size = float((high - low).max()) * 0.25
    root[LOWEST], root[HIGHEST] = list(Vector(low) - pivot), list(Vector(high) - pivot)
    collection = bpy.data.collections.new(RESULT_COLLECTION)
    for each in {root: None, **dict.fromkeys(objects)}:
        collection.objects.link(each)
        if each == root:
            continue
        each[PART] = True
        if each.parent is None:
            each.parent = root
            each.matrix_parent_inverse = to_pivot
    return collection


def write_result(collection: bpy.types.Collection, objects: list[bpy.types.Object], target: Path) -> None:
    """Writes it, and what is large beside it. Raises OSError."""
    extract_arrays(objects, target.with_suffix(".parts"))
    try:
        bpy.data.libraries.write(str(target), {collection}, fake_user=False, compress=False)
    except RuntimeError as error:  # Blender tells no reason ("Error: Success")
        raise OSError("Blender could not write the result") from error


def move_in(part: Path, target: Path) -> None:
    """Puts a result that was written elsewhere into its place. The .blend comes last: then all is there."""
    beside = target.with_suffix(".parts")
    shutil.rmtree(beside, ignore_errors=True)
    if part.with_suffix(".parts").exists():
        os.replace(part.with_suffix(".parts"), beside)
    os.replace(part, target)
