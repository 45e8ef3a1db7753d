# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes one mesh of many objects: appending takes Blender a time that grows with the square of their number.

What is animated or has a rig is left alone as long as the rest is enough. By arrays: Blender's own operator
takes two minutes for 10,000 objects.
"""

from collections.abc import Iterable

import bpy
import numpy as np

from .unpack import UnreadableError
from .values import values_of

MAX_OBJECTS = 500  # some 30 ms to append
MAX_FACES = 10_000_000  # of the joined mesh: instances of a large one may be far more than was delivered
# By the attribute's type: the property with its values, and how many make one.
_VALUES: dict[str, tuple[str, int, type]] = {
    "BOOLEAN": ("value", 1, np.bool_),
    "BYTE_COLOR": ("color", 4, np.float32),
    "FLOAT": ("value", 1, np.float32),
    "FLOAT2": ("vector", 2, np.float32),
    "FLOAT_COLOR": ("color", 4, np.float32),
    "FLOAT_VECTOR": ("vector", 3, np.float32),
    "INT": ("value", 1, np.int32),
    "INT16_2D": ("value", 2, np.int16),
}
_TOPOLOGY = ("position", ".edge_verts", ".corner_vert", ".corner_edge", "material_index")
_Arrays = dict[str, np.ndarray]


def join(objects: list[bpy.types.Object]) -> tuple[list[bpy.types.Object], list[str]]:
    """The objects, at most MAX_OBJECTS of them, and in words what became of them. Raises UnreadableError."""
    if len(objects) <= MAX_OBJECTS:
        return objects, []
    count = len(objects)
    what = f"The {count:,} objects of the model were joined into one mesh"
    bpy.context.view_layer.update()
    meshes = [each for each in objects if isinstance(each.data, bpy.types.Mesh)]
    kept = _joined(objects, [each for each in meshes if _is_plain(each)])
    if len(kept) <= MAX_OBJECTS:
        return kept, [f"{what}, but for {len(kept) - 1:,}." if len(kept) > 1 else f"{what}."]
    meshes = [each for each in kept if isinstance(each.data, bpy.types.Mesh)]
    return _joined(kept, meshes, is_all=True), [f"{what}, without rigs and animation."]


def _is_plain(item: bpy.types.Object) -> bool:
    mesh = item.data
    assert isinstance(mesh, bpy.types.Mesh)
    if item.modifiers or item.vertex_groups or mesh.shape_keys or mesh.animation_data:
        return False
    owner: bpy.types.Object | None = item
    while owner is not None:
        if owner.animation_data or owner.constraints or owner.type == "ARMATURE":
            return False
        owner = owner.parent
    return True


def _joined(
    objects: list[bpy.types.Object], meshes: list[bpy.types.Object], *, is_all: bool = False
) -> list[bpy.types.Object]:
    """What is left of the objects when the meshes among them are one; without what holds nothing any more."""
    if not meshes:
        return objects
    if sum(len(each.data.polygons) for each in meshes) > MAX_FACES:
        raise UnreadableError(
            f"The model has {len(objects):,} objects with over {MAX_FACES:,} faces, too many to be shown."
        )
    made = bpy.data.objects.new("Joined", _one_mesh(meshes))
    bpy.context.scene.collection.objects.link(made)
    gone = set(meshes)
    wanted: set[bpy.types.Object] = set()
    for each in () if is_all else [each for each in objects if each not in gone and each.data]:
        owner: bpy.types.Object | None = each
        while owner is not None and owner not in wanted:
            wanted.add(owner)
            owner = owner.parent
    for each in [each for each in wanted if each.parent in gone and each.parent not in wanted]:
        place = each.matrix_world.copy()
        each.parent = None
        each.matrix_world = place
    bpy.data.batch_remove([each for each in objects if each not in wanted])
    return [made, *(each for each in objects if each in wanted)]


def _one_mesh(items: list[bpy.types.Object]) -> bpy.types.Mesh:
    graph = bpy.context.evaluated_depsgraph_get()
    read: dict[bpy.types.Mesh, _Arrays] = {}
    materials: dict[bpy.types.Material | None, int] = {}
    pieces: list[_Arrays] = []
    for item in items:
        is_deformed = item.modifiers or item.data.shape_keys
        mesh = item.evaluated_get(graph).data if is_deformed else item.data  # as it is seen
        assert isinstance(mesh, bpy.types.Mesh)
        if mesh not in read:
            read[mesh] = _arrays(mesh)
        slots = [slot.material for slot in item.material_slots] or [None]
        numbers = np.array([materials.setdefault(each, len(materials)) for each in slots], np.int32)
        pieces.append(_placed(read[mesh], np.array(item.matrix_world), numbers))
    made = bpy.data.meshes.new("Joined")
    _fill(made, pieces)
    for material in materials:
        made.materials.append(material)
    _fill_attributes(made, pieces, read)
    made.update(calc_edges=True)
    return made


def _arrays(mesh: bpy.types.Mesh) -> _Arrays:
    return {
        "points": values_of(mesh.vertices, "co", width=3).reshape(-1, 3),
        "corners": values_of(mesh.loops, "vertex_index", np.int32),
        "starts": values_of(mesh.polygons, "loop_start", np.int32),
        "totals": values_of(mesh.polygons, "loop_total", np.int32),
        "materials": values_of(mesh.polygons, "material_index", np.int32),
        **{f"attribute {each.name}": _values(each) for each in mesh.attributes if _is_told(each)},
    }


def _is_told(attribute: bpy.types.Attribute) -> bool:
    """Edges are found anew, so what is said of them goes."""
    return (
        attribute.name not in _TOPOLOGY
        and attribute.domain in ("POINT", "FACE", "CORNER")
        and attribute.data_type in _VALUES
    )


def _values(attribute: bpy.types.Attribute) -> np.ndarray:
    name, width, kind = _VALUES[attribute.data_type]
    found = np.empty(len(attribute.data) * width, kind)
    attribute.data.foreach_get(name, found)
    return found.reshape(-1, width)


def _placed(read: _Arrays, world: np.ndarray, numbers: np.ndarray) -> _Arrays:
    """The arrays of one use of a mesh, at its place; mirrored faces are turned about."""
    piece = dict(read)
    piece["points"] = (read["points"] @ world[:3, :3].T + world[:3, 3]).astype(np.float32)
    piece["materials"] = numbers[np.clip(read["materials"], 0, len(numbers) - 1)]
    if np.linalg.det(world[:3, :3]) < 0:
        starts, totals = np.repeat(read["starts"], read["totals"]), np.repeat(read["totals"], read["totals"])
        order = 2 * starts + totals - 1 - np.arange(len(starts), dtype=np.int32)
        piece["order"] = order
        piece["corners"] = read["corners"][order]
    return piece


def _fill(made: bpy.types.Mesh, pieces: list[_Arrays]) -> None:
    def joined(name: str, shift_by: str = "") -> np.ndarray:
        shift, found = 0, list[np.ndarray]()
        for piece in pieces:
            found.append(piece[name] + shift if shift_by else piece[name])
            shift += len(piece[shift_by]) if shift_by else 0
        return np.concatenate(found)

    points, corners = joined("points"), joined("corners", "points")
    starts = joined("starts", "corners")
    made.vertices.add(len(points))
    made.loops.add(len(corners))
    made.polygons.add(len(starts))
    made.vertices.foreach_set("co", points.ravel())
    made.loops.foreach_set("vertex_index", corners.astype(np.int32))
    made.polygons.foreach_set("loop_start", starts.astype(np.int32))
    made.polygons.foreach_set("material_index", joined("materials"))


def _fill_attributes(made: bpy.types.Mesh, pieces: list[_Arrays], meshes: Iterable[bpy.types.Mesh]) -> None:
    """Each attribute that one of the meshes has; zeros for the others."""
    kinds = {
        each.name: (each.data_type, each.domain)
        for mesh in meshes
        for each in mesh.attributes
        if _is_told(each)
    }
    sizes = {"POINT": "points", "FACE": "starts", "CORNER": "corners"}
    uv_names = [layer.name for mesh in meshes for layer in mesh.uv_layers if layer.active_render]
    for name, (data_type, domain) in kinds.items():
        property_name, width, kind = _VALUES[data_type]
        columns = list[np.ndarray]()
        for piece in pieces:
            values = piece.get(f"attribute {name}")
            length = len(piece[sizes[domain]])
            if values is None or values.shape != (length, width):  # the same name may be of another kind
                values = np.zeros((length, width), kind)
            columns.append(values[piece["order"]] if domain == "CORNER" and "order" in piece else values)
        attribute = made.attributes.get(name) or made.attributes.new(name, data_type, domain)
        if attribute.data_type == data_type and attribute.domain == domain:
            attribute.data.foreach_set(property_name, np.concatenate(columns).astype(kind).ravel())
    if uv_names and (layer := made.uv_layers.get(uv_names[0])):
        layer.active_render = True
