# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports a model with Blender's own importer and makes one clean tree of it: meshes and rigs under a root.

The root stands at the bottom centre of the geometry and carries its bounds: appending evaluates nothing.
"""

import re
import struct
from collections.abc import Collection
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from ..custom_properties import HIGHEST, LOWEST, PREFIX
from .parts import PART
from .shown import hidden_words, include_all_collections, shown_meshes
from .staging import Format, Model, Unreadable, Unsupported

RESULT_COLLECTION = "Maquette result"
MAX_TEXTURE_PX = 16_384
MAX_PIXELS = 4 * MAX_TEXTURE_PX**2  # of all textures of a result: 4 GB in memory
_EMPTY_IF_ZERO = ("material_index", "sharp_face", "sharp_edge")
_USD = (("wm", "usd_import"),)
_OPERATORS: dict[Format, tuple[tuple[str, str], ...]] = {
    Format.GLTF: (("import_scene", "gltf"),),
    Format.USDA: _USD,
    Format.USDC: _USD,
    Format.USDZ: _USD,
    Format.FBX: (("wm", "fbx_import"), ("import_scene", "fbx")),  # the former from 4.5 on
    Format.OBJ: (("wm", "obj_import"),),
    Format.PLY: (("wm", "ply_import"),),
    Format.STL: (("wm", "stl_import"),),
}
# glTF's importer would draw bones with a mesh of its own.
_USD_OPTIONS = {"support_scene_instancing": False}
_OPTIONS = {
    Format.GLTF: {"disable_bone_shape": True},
    Format.USDA: _USD_OPTIONS,
    Format.USDC: _USD_OPTIONS,
    Format.USDZ: _USD_OPTIONS,
}


def import_model(model: Model) -> tuple[list[bpy.types.Object], list[str]]:
    """The meshes and rigs of the file, and in words what of it does not stay.

    Raises Unreadable or Unsupported; then no object of it stays.
    """
    before = set(bpy.data.objects)
    try:
        _run_importer(model)
        _drop_properties_of_ours()
        messages = _without_caches(model)
        include_all_collections()
        objects, left_out = _cleaned([each for each in bpy.data.objects if each not in before])
        messages += hidden_words(model.name, left_out)
        if not faces(objects):
            raise Unsupported(f"{model.name} holds no faces (points or lines at most); it is kept as a file.")
    except (Unreadable, Unsupported):
        discard(set(bpy.data.objects) - before)
        raise
    return objects, messages


def _run_importer(model: Model) -> None:
    options = _OPTIONS.get(model.format, {})
    for group, verb in _OPERATORS[model.format]:
        try:
            if "FINISHED" in getattr(getattr(bpy.ops, group), verb)(filepath=str(model.path), **options):
                return
            raise RuntimeError("its importer gives no reason")
        except AttributeError:  # no such operator; an error inside one is a RuntimeError
            continue
        except RuntimeError as error:
            lines = [line.strip() for line in str(error).replace(str(model.path), model.name).splitlines()]
            reason = [line for line in lines if line and not line.startswith("Location:")][-1][:300]
            raise Unreadable(
                f"Blender could not read {model.name}: {reason.rstrip('.')}. Download or generate it anew."
            ) from error
    raise Unsupported(
        f"{model.name} is a {model.format} file, and this Blender was built without an importer for it; "
        "it is kept as a file. Official builds from blender.org have one."
    )


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


def _cleaned(objects: list[bpy.types.Object]) -> tuple[list[bpy.types.Object], int]:
    """Keeps meshes with faces, armatures and what holds them, deselected, and removes the rest.

    Returns how many meshes went that the file does not show.
    """
    rigs = [each for each in objects if each.type == "ARMATURE"]
    meshes = [each for each in objects if faces([each])]
    shown = shown_meshes(meshes, has_rig=bool(rigs))
    wanted: set[bpy.types.Object] = set()
    for each in [*rigs, *shown]:
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


def pack_textures(folder: Path) -> tuple[int, list[str]]:
    """Packs images as the bytes they came in; returns how many stay, and in words which do not and why.

    The largest are made smaller where all together have more than MAX_PIXELS.
    """
    messages: list[str] = []
    sizes: dict[bpy.types.Image, tuple[int, int]] = {}
    for image in [each for each in bpy.data.images if each.source != "VIEWER" and each.users]:
        if image.source in ("MOVIE", "SEQUENCE"):
            messages.append(f"{image.name!r} is a film and no texture, and is left out.")
            _drop(image)
            continue
        if not image.packed_file and image.source != "GENERATED":
            where = Path(bpy.path.abspath(image.filepath_raw)).resolve()
            if not where.is_relative_to(folder) or not where.is_file():
                messages.append(f"The texture {image.name!r} was not delivered and is left out.")
                _drop(image)
                continue
            image.pack()
        size = _size(image)
        if max(size) > MAX_TEXTURE_PX:
            messages.append(
                f"The texture {image.name!r} has over {MAX_TEXTURE_PX} pixels a side and is left out."
            )
            _drop(image)
            continue
        image.filepath_raw = f"//textures/{Path(image.filepath_raw).name}" if image.filepath_raw else ""
        sizes[image] = (size[0], size[1]) if len(size) == 2 else (max(size), max(size))
    messages += _shrunk(sizes)
    for image in sizes:
        for packed in image.packed_files:
            packed.filepath = image.filepath_raw
    return sum(1 for image in bpy.data.images if image.packed_file and image.users), messages


def _shrunk(sizes: dict[bpy.types.Image, tuple[int, int]]) -> list[str]:
    """Halves the largest images until all together are within MAX_PIXELS; says so."""
    wanted = dict(sizes)
    while sum(width * height for width, height in wanted.values()) > MAX_PIXELS:
        largest = max(wanted, key=lambda image: wanted[image][0] * wanted[image][1])
        width, height = wanted[largest]
        wanted[largest] = (max(1, width // 2), max(1, height // 2))
    changed = [image for image, size in wanted.items() if size != sizes[image]]
    for image in changed:
        image.scale(*wanted[image])
        image.pack()
        image.buffers_free()
    if not changed:
        return []
    side = max(max(wanted[image]) for image in changed)
    return [
        f"{len(changed)} of {len(sizes)} textures were made smaller, to {side} pixels a side at most: "
        f"together they had over {MAX_PIXELS // 10**6:,} million pixels."
    ]


def _size(image: bpy.types.Image) -> list[int]:
    """Width and height; by the header where that is easy: a small file may unpack to vast pixels."""
    data = image.packed_file.data if image.packed_file else b""
    if data.startswith(b"\x89PNG"):
        return [int.from_bytes(data[at : at + 4], "big") for at in (16, 20)]
    if data.startswith(b"\xff\xd8"):  # a JPEG may also hold a preview of itself
        found = re.findall(rb"(?s)\xff[\xc0-\xc2]\0[\x0b\x11\x14]\x08(.{4})", data)
        return [side for each in found for side in struct.unpack(">HH", each)] or [0]
    return list(image.size)


def _drop(image: bpy.types.Image) -> None:
    """Takes the image's nodes away, so that materials fall back to their own colour and not to magenta."""
    trees = [material.node_tree for material in bpy.data.materials if material.node_tree]
    for tree in [*trees, *bpy.data.node_groups]:
        for node in [each for each in tree.nodes if getattr(each, "image", None) == image]:
            tree.nodes.remove(node)
    bpy.data.images.remove(image)


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


def colour_by_vertices(objects: list[bpy.types.Object]) -> None:
    """Gives meshes that have vertex colours and no material one that shows them (PLY and OBJ bring none)."""
    meshes = {each.data for each in objects if isinstance(each.data, bpy.types.Mesh)}
    for mesh in [each for each in meshes if each.color_attributes and not any(each.materials)]:
        material = bpy.data.materials.new(mesh.name)
        if bpy.app.version < (5, 0):
            material.use_nodes = True  # always so from 5.0 on
        tree = material.node_tree
        colour = tree.nodes.new("ShaderNodeVertexColor")
        colour.layer_name = mesh.color_attributes[0].name
        tree.links.new(colour.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
        mesh.materials.clear()
        mesh.materials.append(material)


def root_over(
    objects: list[bpy.types.Object], name: str, low: np.ndarray, high: np.ndarray
) -> bpy.types.Collection:
    """Hangs the objects under an empty `name` at the origin, their bottom centre on it, in a new collection.

    The shift sits in the parent inverse: it neither touches a mesh nor a location that an action may animate.
    """
    root = bpy.data.objects.new(name, None)
    root.empty_display_size = float((high - low).max()) * 0.25
    pivot = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    root[LOWEST], root[HIGHEST] = (low - pivot).tolist(), (high - pivot).tolist()
    collection = bpy.data.collections.new(RESULT_COLLECTION)
    for each in (root, *objects):
        collection.objects.link(each)
        if each is root:
            continue
        each[PART] = True
        if each.parent is None:
            each.parent = root
            each.matrix_parent_inverse = Matrix.Translation([-float(value) for value in pivot])
    return collection
