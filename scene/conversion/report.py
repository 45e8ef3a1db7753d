# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a result: what came, in numbers, and what is wrong with it. jobs/ puts it in words.

Evaluated meshes are measured, each use of a mesh counted; docs/report.md says what each number means. A
report never costs a result: what cannot be measured is left out and named.
"""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import bpy
import numpy as np

from .bounds import Bounds
from .mesh_shape import MeshArrays, ShapeCounts, count_shape
from .same_content import count_copies
from .uv_coverage import UvFaces, measure_uv
from .values import values_of

MAX_FACES = 4_000_000  # of all meshes: shape and UVs of more are not measured
MAX_MATERIALS = 200  # that are compared: a millisecond each
_MIPMAPS = 4 / 3  # of the memory that a texture takes by itself
_HALF_FLOATS = (b"v/1\x01", b"#?")  # how files of more than 8 bits begin: OpenEXR, Radiance
_PNG = b"\x89PNG"
Report = dict[str, Any]
Sizes = Mapping[bpy.types.Image, tuple[int, int]]


def report_on(objects: list[bpy.types.Object], bounds: Bounds, textures: Sizes) -> Report:
    """The report of these objects, which are in the scene at its current frame, with these textures."""
    return begin_report(objects, bounds, textures)()


def begin_report(objects: list[bpy.types.Object], bounds: Bounds, textures: Sizes) -> Callable[[], Report]:
    """What makes the report, which takes longest for large meshes. It may be called when these objects are no
    longer there: what it needs of them is read now.
    """
    report: Report = {"version": 1, "not_measured": []}
    report["dimensions_m"] = [float(side) for side in bounds.high - bounds.low]
    uses = _uses(objects)
    _measure(report, "objects", lambda: _counts(objects, uses))
    _measure(report, "textures", lambda: _textures(textures))
    _measure(report, "materials", lambda: _materials(uses))
    _measure(report, "duplicates", lambda: _copies(uses, textures))
    _measure(report, "rig", lambda: _rig(objects))
    is_read = _measure(report, "meshes", lambda: _read_meshes(uses))

    def finish() -> Report:
        if is_read:
            _measure(report, "shape", lambda: _shape(uses))
            _measure(report, "UVs", lambda: _uvs(uses))
        return report

    return finish


def _measure(report: Report, name: str, measure: Callable[[], Report]) -> bool:
    """Adds to the report what was measured, or why it could not be; returns whether it was."""
    try:
        with np.errstate(all="ignore"):
            report |= measure()
        return True
    except _TooMuchError as error:
        report["not_measured"].append(f"{name}: {error}")
    except MemoryError:
        report["not_measured"].append(f"{name}: too large for the memory that there is")
    except Exception:  # a defect of ours, which the job's log then tells
        traceback.print_exc()
        report["not_measured"].append(f"{name}: Maquette met a defect")
    return False


class _TooMuchError(Exception):
    """It would take too long; the text says what there is too much of."""


class _Use:
    """A mesh as it is seen, and the objects that show it."""

    def __init__(self, mesh: bpy.types.Mesh, materials: list[bpy.types.Material | None]) -> None:
        self.mesh = mesh
        self.materials = materials  # of the first object, by its slots
        self.count = 0
        self.faces = len(mesh.polygons)
        self.uv_layers = len(mesh.uv_layers)
        self.is_textured = any(map(_has_picture, materials))
        self.arrays: MeshArrays | None = None  # these three once they are read
        self.uv: np.ndarray | None = None
        self.material_numbers: np.ndarray | None = None
        self.corner_edges: np.ndarray | None = None  # those that merging makes one as one; None: not known


def _uses(objects: list[bpy.types.Object]) -> list[_Use]:
    graph = bpy.context.evaluated_depsgraph_get()
    found: dict[bpy.types.Mesh, _Use] = {}
    for each in objects:
        mesh = each.data
        if not isinstance(mesh, bpy.types.Mesh):
            continue
        if each.modifiers or mesh.shape_keys:
            mesh = each.evaluated_get(graph).data
            assert isinstance(mesh, bpy.types.Mesh)
        if mesh not in found:
            found[mesh] = _Use(mesh, [slot.material for slot in each.material_slots])
        found[mesh].count += 1
    return list(found.values())


def _read_meshes(uses: list[_Use]) -> Report:
    """Reads what shape and UVs are measured by, and adds nothing to the report."""
    if _are_too_many(uses):
        return {}
    numbers: dict[bpy.types.Material | None, int] = {}
    for use in uses:
        use.arrays = arrays_of(use.mesh)
        layers = use.mesh.uv_layers
        if layers and use.faces:
            layer = next((each for each in layers if each.active_render), layers[0])
            slots = [numbers.setdefault(each, len(numbers)) for each in use.materials or [None]]
            of_slots, of_faces = np.array(slots, np.int32), _slots_of_faces(use.mesh)
            use.material_numbers = of_slots[np.clip(of_faces, 0, len(slots) - 1)]
            use.uv = values_of(layer.uv, "vector", np.float32, 2).reshape(-1, 2)
    return {}


def _counts(objects: list[bpy.types.Object], uses: list[_Use]) -> Report:
    points = [len(each.data.points) for each in objects if isinstance(each.data, bpy.types.PointCloud)]
    return {
        "objects": sum(each.type in ("MESH", "POINTCLOUD") for each in objects),
        "faces": sum(len(each.mesh.polygons) * each.count for each in uses),
        "tris": sum((len(each.mesh.loops) - 2 * len(each.mesh.polygons)) * each.count for each in uses),
        "vertices": sum(len(each.mesh.vertices) * each.count for each in uses),
        "points": sum(points),
    }


def _are_too_many(uses: list[_Use]) -> bool:
    return sum(each.faces for each in uses) > MAX_FACES


def _check_size(uses: list[_Use]) -> None:
    if _are_too_many(uses):
        raise _TooMuchError(f"over {MAX_FACES:,} faces")


def _shape(uses: list[_Use]) -> Report:
    _check_size(uses)
    total = dict.fromkeys(asdict(ShapeCounts()), 0)
    for use in uses:
        assert use.arrays is not None
        counts, use.corner_edges = count_shape(use.arrays)
        for name, count in asdict(counts).items():
            total[name] += count * use.count
    return total


def arrays_of(mesh: bpy.types.Mesh) -> MeshArrays:
    """What a mesh's shape is made of, as Blender has it."""
    return MeshArrays(
        points=_attribute(mesh, "position", "vector", np.float32, 3).reshape(-1, 3),
        edges=_attribute(mesh, ".edge_verts", "value", np.int32, 2).reshape(-1, 2),
        starts=_starts(mesh),
        corners=_attribute(mesh, ".corner_vert", "value", np.int32),
        corner_edges=_attribute(mesh, ".corner_edge", "value", np.int32),
    )


def _attribute(mesh: bpy.types.Mesh, name: str, part: str, kind: type, width: int = 1) -> np.ndarray:
    """Blender copies attributes as a whole, but edges and loops one by one. What is not there is empty."""
    attribute = mesh.attributes.get(name)
    return values_of(attribute.data if attribute else (), part, kind, width)


def _starts(mesh: bpy.types.Mesh) -> np.ndarray:
    """Where each face's corners begin."""
    count = len(mesh.polygons)
    if len(mesh.loops) == 3 * count:  # triangles alone: Blender would be asked for each
        return np.arange(0, 3 * count, 3, dtype=np.int32)
    return values_of(mesh.polygons, "loop_start", np.int32)


def _uvs(uses: list[_Use]) -> Report:
    _check_size(uses)
    pieces: list[UvFaces] = []
    for use in uses:
        if use.arrays is None or use.uv is None or use.material_numbers is None:
            continue
        corner_edges = use.arrays.corner_edges if use.corner_edges is None else use.corner_edges
        pieces.append(UvFaces(use.uv, use.arrays.starts, corner_edges, use.material_numbers))
    found = measure_uv(pieces)
    bare = [use for use in uses if not use.uv_layers]
    return {
        "uv_layers": max((use.uv_layers for use in uses), default=0),
        "faces_without_uv": sum(use.faces * use.count for use in bare),
        "textured_faces_without_uv": sum(use.faces * use.count for use in bare if use.is_textured),
        "uv_coverage": found.coverage,
        "uv_overlap": found.overlap,
        "uv_outside_faces": found.outside_faces,
        "uv_invalid_faces": found.invalid_faces,
    }


def _slots_of_faces(mesh: bpy.types.Mesh) -> np.ndarray:
    attribute = mesh.attributes.get("material_index")
    if attribute is None or attribute.domain != "FACE" or attribute.data_type != "INT":
        return np.zeros(len(mesh.polygons), np.int32)
    return values_of(attribute.data, "value", np.int32)


def _textures(sizes: Sizes) -> Report:
    """Sizes are those of the files, and what graphics cards take of it: RGBA with mipmaps, uncompressed."""
    pixels = {image: width * height for image, (width, height) in sizes.items()}
    gpu = sum(count * _bytes_of_pixel(image) * _MIPMAPS for image, count in pixels.items())
    return {
        "textures": len(sizes),
        "texture_pixels": sum(pixels.values()),
        "largest_texture_px": max((max(size) for size in sizes.values()), default=0),
        "texture_bytes": sum(image.packed_file.size for image in sizes),
        "texture_gpu_bytes": round(gpu),
    }


def _bytes_of_pixel(image: bpy.types.Image) -> int:
    """Of four channels: half floats where the file has more than 8 bits a channel."""
    head = image.packed_file.data[:32] if image.packed_file else b""
    is_deep = head[24:25] == b"\x10" if head.startswith(_PNG) else head.startswith(_HALF_FLOATS)
    return 8 if is_deep else 4


def _has_picture(material: bpy.types.Material | None) -> bool:
    tree = material.node_tree if material else None
    return tree is not None and any(getattr(node, "image", None) for node in tree.nodes)


def _materials(uses: list[_Use]) -> Report:
    return {"materials": len(_different(uses))}


def _copies(uses: list[_Use], textures: Sizes) -> Report:
    materials = _different(uses)
    if len(materials) > MAX_MATERIALS:
        raise _TooMuchError(f"over {MAX_MATERIALS} materials")
    same_materials, same_textures = count_copies(materials, textures)
    return {"duplicate_materials": same_materials, "duplicate_textures": same_textures}


def _different(uses: list[_Use]) -> list[bpy.types.Material]:
    return list(dict.fromkeys(each for use in uses for each in use.materials if each))


def _rig(objects: list[bpy.types.Object]) -> Report:
    rigs = [each.data for each in objects if isinstance(each.data, bpy.types.Armature)]
    keys = {each.data.shape_keys for each in objects if getattr(each.data, "shape_keys", None)}
    owners = [*objects, *keys]
    clips = {name for owner in owners for name in _clips(owner.animation_data)}
    return {
        "bones": sum(len(rig.bones) for rig in rigs),
        "shape_keys": sum(len(each.key_blocks) - 1 for each in keys),
        "clips": sorted(clips),
    }


def _clips(data: bpy.types.AnimData | None) -> set[str]:
    """As their strips are called; before 4.4 a clip is an action of its own for each object."""
    if data is None:
        return set()
    strips = [strip for track in data.nla_tracks for strip in track.strips]
    found = {strip.name for strip in strips}
    if data.action and all(strip.action != data.action for strip in strips):
        found.add(data.action.name)
    return found
