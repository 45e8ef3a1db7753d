# SPDX-License-Identifier: GPL-3.0-or-later
"""Surfaces as arrays of triangles, and for points in space the nearest place on one.

Blender's geometry nodes look for it, in all threads: four million points take seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

_KEY = "maquette_key"  # of each corner: two barycentric weights and the number of its triangle
_FOUND = "maquette_found"
_DIRECTION = "maquette_direction"
_FARTHEST = 1e15  # the square of more is beyond single precision
_CHUNK = 1 << 17  # points at a time
_LEAST_AREA = 1e-10  # what has less, for the length of its sides, is a line
_TINY = 1e-300


@dataclass
class Surface:
    """Triangles, by corner: all arrays are (triangles, 3, …), but `material`, a number in `materials`."""

    corners: np.ndarray
    normals: np.ndarray
    material: np.ndarray
    materials: list[bpy.types.Material | None]
    uv: np.ndarray | None = None
    tangents: np.ndarray | None = None  # x, y, z and the sign of the bitangent
    colours: np.ndarray | None = None  # linear

    @property
    def size(self) -> float:
        """The diagonal of its box."""
        points = self.corners.reshape(-1, 3)
        return float(np.linalg.norm(points.max(axis=0) - points.min(axis=0))) if len(points) else 0.0

    @property
    def flat_normals(self) -> np.ndarray:
        a, b, c = (self.corners[:, corner] for corner in range(3))
        return unit(np.cross(b - a, c - a))


def unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors of length 1; those of none stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-20)


def uv_area(uv: np.ndarray) -> float:
    """How much of the UV map triangles take, (n, 3, 2): 1 is the square of the picture."""
    one, other = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    return float(np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]).sum() / 2)


def surface_from(
    parts: Sequence[tuple[bpy.types.Mesh, Matrix]], *, uv: str = "", has_tangents: bool = False
) -> Surface:
    """The meshes as one surface, each where its matrix puts it; with that UV map, or the usual."""
    materials: list[bpy.types.Material | None] = []
    found: list[Surface] = []
    for mesh, matrix in parts:
        one = _surface(mesh, np.array(matrix, np.float32), uv, has_tangents)
        one.material += len(materials)
        materials += one.materials
        found.append(one)

    def together(name: str) -> np.ndarray | None:
        arrays = [getattr(one, name) for one in found]
        known = next((each for each in arrays if each is not None), None)
        if known is None:
            return None
        usual = 1.0 if name == "colours" else 0.0  # of a mesh that has none, beside others
        return np.concatenate(
            [
                np.full((len(one.corners), *known.shape[1:]), usual, known.dtype) if each is None else each
                for one, each in zip(found, arrays, strict=True)
            ]
        )

    names = ("corners", "normals", "material", "uv", "tangents", "colours")
    arrays: dict[str, Any] = {name: together(name) for name in names}
    return Surface(materials=materials, **arrays)


def _surface(mesh: bpy.types.Mesh, matrix: np.ndarray, uv: str, has_tangents: bool) -> Surface:
    layer = mesh.uv_layers.get(uv) or next((each for each in mesh.uv_layers if each.active_render), None)
    name = layer.name if layer else ""
    tangents = _tangents(mesh, name) if layer and has_tangents else None
    mesh.calc_loop_triangles()
    count = len(mesh.loop_triangles)
    loops = _read(mesh.loop_triangles, "loops", count * 3, np.int32)
    vertices = _read(mesh.loop_triangles, "vertices", count * 3, np.int32)
    polygons = _read(mesh.loop_triangles, "polygon_index", count, np.int32)
    material = _read(mesh.polygons, "material_index", len(mesh.polygons), np.int32)[polygons]
    slots: list[bpy.types.Material | None] = list(mesh.materials) or [None]
    places = _read(mesh.vertices, "co", len(mesh.vertices) * 3).reshape(-1, 3)
    places = places @ matrix[:3, :3].T + matrix[:3, 3]
    upright = np.linalg.inv(matrix[:3, :3].astype(np.float64)).astype(np.float32)  # of the transpose: normals
    normals = _read(mesh.corner_normals, "vector", len(mesh.loops) * 3).reshape(-1, 3) @ upright
    made = Surface(
        places[vertices].reshape(-1, 3, 3),
        unit(normals)[loops].reshape(-1, 3, 3),
        np.minimum(material, len(slots) - 1),
        slots,
    )
    if layer:
        values = _read(mesh.uv_layers[name].uv, "vector", len(mesh.loops) * 2).reshape(-1, 2)
        made.uv = values[loops].reshape(-1, 3, 2)
    if tangents is not None:
        tangents[:, :3] = unit(tangents[:, :3] @ matrix[:3, :3].T)
        made.tangents = tangents[loops].reshape(-1, 3, 4)
    colours = mesh.color_attributes.get(
        (mesh.color_attributes.render_color_index >= 0 and (mesh.attributes.default_color_name or "")) or ""
    )
    if colours is not None:
        values = _read(colours.data, "color", len(colours.data) * 4).reshape(-1, 4)
        made.colours = values[loops if colours.domain == "CORNER" else vertices].reshape(-1, 3, 4)
    return made


def _read(held: Any, name: str, count: int, kind: Any = np.float32) -> np.ndarray:
    values = np.empty(count, kind)
    held.foreach_get(name, values)
    return values


def _tangents(mesh: bpy.types.Mesh, uv: str) -> np.ndarray | None:
    """By corner; None where Blender has none, which is with faces of more than four corners."""
    try:
        mesh.calc_tangents(uvmap=uv)
    except RuntimeError:
        return None
    found = np.empty((len(mesh.loops), 4), np.float32)
    found[:, :3] = _read(mesh.loops, "tangent", len(mesh.loops) * 3).reshape(-1, 3)
    found[:, 3] = _read(mesh.loops, "bitangent_sign", len(mesh.loops))
    mesh.free_tangents()
    return found


@dataclass
class Places:
    """For each point, a place on a surface: triangle, weights of its corners, and the distance to it."""

    triangle: np.ndarray
    weights: np.ndarray
    distance: np.ndarray

    def of(self, values: np.ndarray) -> np.ndarray:
        """What the surface has there of values by corner."""
        weights = self.weights.reshape(*self.weights.shape, *[1] * (values.ndim - 2))
        found = values[self.triangle, 0] * weights[:, 0]
        for corner in (1, 2):
            found += values[self.triangle, corner] * weights[:, corner]
        return found


def places_by_area(surface: Surface, count: int, chance: np.random.Generator) -> Places | None:
    """So many places, as many everywhere by area, without distances; None if the surface has no area."""
    a, b, c = (surface.corners[:, corner].astype(np.float64) for corner in range(3))
    ends = np.cumsum(np.nan_to_num(np.linalg.norm(np.cross(b - a, c - a), axis=1)))
    if not len(ends) or not ends[-1] > 0:
        return None
    triangle = np.searchsorted(ends, chance.random(count) * ends[-1], "right").clip(0, len(ends) - 1)
    first, second = np.sqrt(chance.random(count)), chance.random(count)
    weights = np.stack([1 - first, first * (1 - second), first * second], axis=1).astype(np.float32)
    return Places(triangle, weights, np.empty(0))


class Finder:
    """Looks for places on one surface."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        count = len(surface.corners)
        key = np.zeros((count, 3, 4), np.float32)
        key[:, 0, 0] = key[:, 1, 1] = 1.0
        key[:, :, 2] = np.arange(count, dtype=np.float32)[:, None]  # exact up to 16.7 million
        mesh = bpy.data.meshes.new("surface")
        mesh.vertices.add(count * 3)
        mesh.vertices.foreach_set("co", np.ascontiguousarray(surface.corners, np.float32).ravel())
        mesh.loops.add(count * 3)
        mesh.loops.foreach_set("vertex_index", np.arange(count * 3, dtype=np.int32))
        mesh.polygons.add(count)
        mesh.polygons.foreach_set("loop_start", np.arange(0, count * 3, 3, dtype=np.int32))
        mesh.update(calc_edges=True)
        mesh.attributes.new(_KEY, "FLOAT_COLOR", "CORNER").data.foreach_set("color", key.ravel())
        self._target = bpy.data.objects.new("surface", mesh)

    def nearest(self, points: np.ndarray) -> Places:
        """The nearest place to each point; one at no place, or absurdly far away, counts as the origin."""
        points = np.where(np.abs(points) < _FARTHEST, points, np.float32(0))
        triangle = self._look(points, None, 0.0)[:, 0]
        return nearest_in(self._surface.corners, np.rint(triangle).astype(np.int32), points)

    def along(self, points: np.ndarray, directions: np.ndarray, reach: float) -> tuple[Places, np.ndarray]:
        """The first place that a ray from the point meets within reach; and whether it meets any."""
        found = self._look(points, directions, reach)
        return self._places(points, found), found[:, 3] > 0.5

    def _places(self, points: np.ndarray, found: np.ndarray) -> Places:
        triangle = np.rint(found[:, 2]).astype(np.int32).clip(0, len(self._surface.corners) - 1)
        weights = np.empty((len(found), 3), np.float32)
        weights[:, :2] = found[:, :2]
        weights[:, 2] = 1.0 - found[:, 0] - found[:, 1]
        places = Places(triangle, weights.clip(0.0, 1.0), np.empty(0, np.float32))
        places.distance = np.linalg.norm(places.of(self._surface.corners) - points, axis=1)
        return places

    def _look(self, points: np.ndarray, directions: np.ndarray | None, reach: float) -> np.ndarray:
        """Of each point four values: what the nodes store."""
        scene = bpy.context.scene
        assert scene
        mesh = bpy.data.meshes.new("points")
        mesh.vertices.add(len(points))
        mesh.vertices.foreach_set("co", np.ascontiguousarray(points, np.float32).ravel())
        if directions is not None:
            held: Any = mesh.attributes.new(_DIRECTION, "FLOAT_VECTOR", "POINT")
            held.data.foreach_set("vector", np.ascontiguousarray(directions, np.float32).ravel())
        item = bpy.data.objects.new("points", mesh)
        modifier: Any = item.modifiers.new("find", "NODES")
        group = _ray_nodes(self._target, reach) if directions is not None else _nearest_nodes(self._target)
        modifier.node_group = group
        for each in (self._target, item):
            scene.collection.objects.link(each)
        try:
            graph = bpy.context.evaluated_depsgraph_get()
            attributes: Any = item.evaluated_get(graph).data.attributes
            return _read(attributes[_FOUND].data, "color", len(points) * 4).reshape(-1, 4)
        finally:
            scene.collection.objects.unlink(self._target)
            bpy.data.objects.remove(item)
            bpy.data.meshes.remove(mesh)
            bpy.data.node_groups.remove(group)

    def close(self) -> None:
        mesh: Any = self._target.data
        bpy.data.objects.remove(self._target)
        bpy.data.meshes.remove(mesh)


def nearest_in(corners: np.ndarray, triangle: np.ndarray, points: np.ndarray) -> Places:
    """The nearest place to each point in the triangle of that number, also in one that is a mere line."""
    places = Places(triangle, np.empty((len(points), 3), np.float32), np.empty(len(points), np.float32))
    for start in range(0, len(points), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        a, b, c = (corners[triangle[chunk], corner].astype(np.float64) for corner in range(3))
        second, third = _weights(b - a, c - a, points[chunk] - a)
        weights = np.stack([1 - second - third, second, third], axis=1)
        found = a + (b - a) * second[:, None] + (c - a) * third[:, None]
        places.weights[chunk] = weights.clip(0.0, 1.0)
        places.distance[chunk] = np.linalg.norm(found - points[chunk], axis=1)
    return places


def _weights(ab: np.ndarray, ac: np.ndarray, ap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of b and c, where the triangle is nearest to p; all seen from a."""
    bb, cc, bc, bp, cp = (np.einsum("ij,ij->i", *pair) for pair in _pairs(ab, ac, ap))
    area = bb * cc - bc * bc
    is_face = area > _LEAST_AREA * bb * cc
    area = np.where(is_face, area, 1.0)
    second, third = (cc * bp - bc * cp) / area, (bb * cp - bc * bp) / area
    outside = np.flatnonzero(~(is_face & (second >= 0) & (third >= 0) & (second + third <= 1)))
    if not len(outside):
        return second, third
    bb, cc, bc, bp, cp = (each[outside] for each in (bb, cc, bc, bp, cp))
    side = np.maximum(bb + cc - 2 * bc, _TINY)
    along_b = (bp / np.maximum(bb, _TINY)).clip(0, 1)
    along_c = (cp / np.maximum(cc, _TINY)).clip(0, 1)
    along_bc = ((cp - bp + bb - bc) / side).clip(0, 1)
    nothing = np.zeros(len(outside))
    on_edges = np.array([[along_b, nothing], [nothing, along_c], [1 - along_bc, along_bc]])
    second_, third_ = on_edges[:, 0], on_edges[:, 1]
    far = second_**2 * bb + third_**2 * cc + 2 * (second_ * third_ * bc - second_ * bp - third_ * cp)
    nearest = np.argmin(far, axis=0), np.arange(len(outside))
    second[outside], third[outside] = second_[nearest], third_[nearest]
    return second, third


def _pairs(ab: np.ndarray, ac: np.ndarray, ap: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    return (ab, ab), (ac, ac), (ab, ac), (ab, ap), (ac, ap)


def _nearest_nodes(target: bpy.types.Object) -> bpy.types.NodeTree:
    """They store the number of the triangle alone: what Blender would blend there has no sense in one that is
    nearly a line.
    """
    tree, source, _, store = _group(target)
    nearest: Any = tree.nodes.new("GeometryNodeSampleNearest")
    nearest.domain = "FACE"
    tree.links.new(source.outputs["Geometry"], nearest.inputs["Geometry"])
    tree.links.new(nearest.outputs["Index"], _socket(store.inputs, "RGBA"))
    return tree


def _ray_nodes(target: bpy.types.Object, reach: float) -> bpy.types.NodeTree:
    tree, source, key, store = _group(target)
    cast: Any = tree.nodes.new("GeometryNodeRaycast")
    cast.data_type = "FLOAT_COLOR"
    if hasattr(cast, "mapping"):  # an input from 5.0 on, with this as its default
        cast.mapping = "INTERPOLATED"
    direction: Any = tree.nodes.new("GeometryNodeInputNamedAttribute")
    direction.data_type = "FLOAT_VECTOR"
    direction.inputs["Name"].default_value = _DIRECTION
    cast.inputs["Ray Length"].default_value = reach
    tree.links.new(source.outputs["Geometry"], cast.inputs["Target Geometry"])
    tree.links.new(_socket(key.outputs, "RGBA"), _socket(cast.inputs, "RGBA"))
    tree.links.new(_socket(direction.outputs, "VECTOR"), cast.inputs["Ray Direction"])
    # The fourth value says whether it hit.
    apart: Any = tree.nodes.new("FunctionNodeSeparateColor")
    again: Any = tree.nodes.new("FunctionNodeCombineColor")
    tree.links.new(_socket(cast.outputs, "RGBA"), apart.inputs[0])
    for name in ("Red", "Green", "Blue"):
        tree.links.new(apart.outputs[name], again.inputs[name])
    tree.links.new(cast.outputs["Is Hit"], again.inputs["Alpha"])
    tree.links.new(again.outputs[0], _socket(store.inputs, "RGBA"))
    return tree


def _group(target: bpy.types.Object) -> tuple[Any, Any, Any, Any]:
    """The nodes that both have: the surface, its keys, and where what is found is stored."""
    tree: Any = bpy.data.node_groups.new("find", "GeometryNodeTree")
    for direction in ("INPUT", "OUTPUT"):
        tree.interface.new_socket("Geometry", in_out=direction, socket_type="NodeSocketGeometry")
    given, made = (tree.nodes.new(f"NodeGroup{kind}") for kind in ("Input", "Output"))
    source = tree.nodes.new("GeometryNodeObjectInfo")
    source.inputs["Object"].default_value = target
    key = tree.nodes.new("GeometryNodeInputNamedAttribute")
    key.data_type = "FLOAT_COLOR"
    key.inputs["Name"].default_value = _KEY
    store = tree.nodes.new("GeometryNodeStoreNamedAttribute")
    store.data_type, store.domain = "FLOAT_COLOR", "POINT"
    store.inputs["Name"].default_value = _FOUND
    tree.links.new(given.outputs[0], store.inputs["Geometry"])
    tree.links.new(store.outputs[0], made.inputs[0])
    return tree, source, key, store


def _socket(sockets: Any, kind: str) -> Any:
    """The socket for values: a node has one for each type, and uses that of its `data_type`."""
    return next(each for each in sockets if each.type == kind and each.enabled)
