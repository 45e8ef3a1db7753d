# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns what an importer left behind into one clean tree: meshes and their rigs under a root at the origin.

The root stands at the bottom centre of the geometry and carries its bounds: appending evaluates nothing.
"""

from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from .formats import Unreadable

RESULT_COLLECTION = "Maquette result"
MAX_METRES = 1e9  # beyond it single precision leaves nothing of a shape


def empty_scene() -> None:
    """Removes what the startup file brings, so that its names are free."""
    for blocks in (bpy.data.objects, bpy.data.meshes, bpy.data.materials, bpy.data.lights, bpy.data.cameras):
        bpy.data.batch_remove(list(blocks))


def faces(objects: list[bpy.types.Object]) -> int:
    """How many faces the meshes among the objects have, each use counted."""
    return sum(len(each.data.polygons) for each in objects if isinstance(each.data, bpy.types.Mesh))


def clean(objects: list[bpy.types.Object]) -> list[bpy.types.Object]:
    """Keeps meshes with faces, armatures and what holds them, without custom properties or drivers."""
    wanted: set[bpy.types.Object] = set()
    for each in objects:
        if each.type == "ARMATURE" or faces([each]):
            owner: bpy.types.Object | None = each
            while owner is not None and owner not in wanted:
                wanted.add(owner)
                owner = owner.parent
    wanted = {each for each in wanted if each.type in {"MESH", "ARMATURE", "EMPTY"}}
    for each in wanted:
        if each.parent is not None and each.parent not in wanted:  # a camera or light that held it
            world = each.matrix_world.copy()
            each.parent = None
            each.matrix_world = world
    bpy.data.batch_remove([each for each in objects if each not in wanted])
    kept = [each for each in objects if each in wanted]
    for each in kept:
        each.select_set(False)  # a selected object would come selected into the artist's scene
    for block in [*kept, *{each.data for each in kept if each.data}, *bpy.data.materials, *bpy.data.images]:
        for key in list(block.keys()):
            del block[key]
        if getattr(block, "animation_data", None):
            for driver in list(block.animation_data.drivers):
                block.animation_data.drivers.remove(driver)
    return kept


def pack_textures(folder: Path) -> tuple[int, list[str]]:
    """Packs images as the bytes they came in, drops those missing or from outside; returns how many stay."""
    messages: list[str] = []
    for image in [each for each in bpy.data.images if each.source != "VIEWER" and each.users]:
        if not image.packed_file and image.source != "GENERATED":
            where = Path(bpy.path.abspath(image.filepath_raw)).resolve()
            if not where.is_relative_to(folder) or not where.is_file():
                messages.append(f"The texture {image.name!r} was not delivered and is left out.")
                _drop(image)
                continue
            image.pack()
        image.filepath_raw = "//textures/" + Path(image.filepath_raw).name if image.filepath_raw else ""
        for packed in image.packed_files:
            packed.filepath = image.filepath_raw
    return sum(1 for image in bpy.data.images if image.packed_file), messages


def _drop(image: bpy.types.Image) -> None:
    """Takes the image's nodes away, so that materials fall back to their own colour and not to magenta."""
    trees = [material.node_tree for material in bpy.data.materials if material.node_tree]
    for tree in [*trees, *bpy.data.node_groups]:
        for node in [each for each in tree.nodes if getattr(each, "image", None) == image]:
            tree.nodes.remove(node)
    bpy.data.images.remove(image)


def colour_by_vertices(objects: list[bpy.types.Object]) -> None:
    """Gives meshes that have vertex colours and no material one that shows them (PLY and OBJ bring none)."""
    bare = [each.data for each in objects if isinstance(each.data, bpy.types.Mesh)]
    bare = [mesh for mesh in bare if not any(mesh.materials) and len(mesh.color_attributes)]
    for mesh in bare:
        material = bpy.data.materials.new(mesh.name)
        if bpy.app.version < (5, 0):
            material.use_nodes = True  # always so from 5.0 on
        tree = material.node_tree
        colour = tree.nodes.new("ShaderNodeVertexColor")
        colour.layer_name = mesh.color_attributes[0].name
        surface = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
        tree.links.new(colour.outputs["Color"], surface.inputs["Base Color"])
        mesh.materials.clear()
        mesh.materials.append(material)


def bounds(objects: list[bpy.types.Object]) -> tuple[np.ndarray, np.ndarray]:
    """The corners of all vertices in world space, modifiers aside; Unreadable where they are no shape."""
    bpy.context.view_layer.update()
    corners: list[np.ndarray] = []
    for each in objects:
        mesh = each.data
        if not isinstance(mesh, bpy.types.Mesh) or not len(mesh.vertices):
            continue
        points = np.empty(len(mesh.vertices) * 3, dtype=np.float32)
        mesh.attributes["position"].data.foreach_get("vector", points)
        world = np.array(each.matrix_world)
        moved = points.reshape(-1, 3) @ world[:3, :3].T.astype(np.float32)
        for corner in (moved.min(axis=0), moved.max(axis=0)):
            corners.append(corner + world[:3, 3])
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    if not np.isfinite([low, high]).all() or np.abs([low, high]).max() > MAX_METRES:
        raise Unreadable("The model has vertices at no place or absurdly far away. Generate it anew.")
    if (high - low).max() <= 0:
        raise Unreadable("All vertices of the model lie in one point. Generate it anew.")
    return low, high


def root_over(
    objects: list[bpy.types.Object], name: str, low: np.ndarray, high: np.ndarray
) -> bpy.types.Collection:
    """Hangs the objects under an empty `name` at the origin, their bottom centre on it, in a new collection.

    The shift sits in the parent inverse: it neither touches a mesh nor a location that an action may animate.
    """
    root = bpy.data.objects.new(name, None)
    root.empty_display_type = "PLAIN_AXES"
    pivot = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    root.empty_display_size = float((high - low).max()) * 0.25
    root["maquette_min"] = [float(value) for value in low - pivot]
    root["maquette_max"] = [float(value) for value in high - pivot]
    collection = bpy.data.collections.new(RESULT_COLLECTION)
    for each in (root, *objects):
        collection.objects.link(each)
        if each is not root and each.parent is None:
            each.parent = root
            each.matrix_parent_inverse = Matrix.Translation([-float(value) for value in pivot])
    return collection
