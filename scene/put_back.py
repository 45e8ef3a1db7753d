# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes, of a converted result, what goes onto the artist's own object: a task of background_main.py.

It finds where the result lies in the object's own space, and for a material or a mesh writes a .blend with
just that, which the artist's Blender takes over in milliseconds (see own_mesh.py). The object is the one in
the job's input: as it was sent.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from .append import Loading
from .conversion import result, sidecar
from .conversion.alignment import alignment, matching_triangles
from .conversion.bake import Baked, Baker
from .conversion.raster import texels_of
from .conversion.shading import channels_of, has_texture, show_in_solid, use_uv_map
from .conversion.surface import Finder, Surface, surface_from, uv_area
from .conversion.values import values_of
from .custom_properties import HIGHEST, LOWEST
from .finishing.clean import weld_mesh
from .own_mesh import ONTO, marks_of
from .own_shape import WITH_FACES, load_objects, mesh_of, owner_of, to_own_space

Parts = list[tuple[bpy.types.Mesh, Matrix]]
LEAST_COVERAGE = 0.5  # with less the material is none of the object's
TOLD_COVERAGE = 0.995  # with less the artist is told
TOLD_OVERLAP = 0.02  # of the UVs: with more the artist is told
_LEAST_UV_AREA = 1e-3
_SAME_UV = 2e-3  # less than four texels of 2048
_LOOK = 512  # pixels a side, to see which UVs overlap


class _OwnObjectError(Exception):
    """It has to come as an object of its own; the text says why."""


@dataclass
class _Sent:
    """The artist's object; `mesh` and `surface` are its shape as it was sent."""

    item: bpy.types.Object
    surface: Surface
    mesh: bpy.types.Mesh
    stretch: Matrix
    is_base: bool
    is_one_mesh: bool  # nothing else was sent, and it is a mesh: else `base` and `mesh` are not all of it

    @property
    def base(self) -> bpy.types.Mesh:
        assert isinstance(self.item.data, bpy.types.Mesh)
        return self.item.data

    @property
    def uv_name(self) -> str:
        """The UV map that is rendered with, if it has any area."""
        layer = next((each for each in self.base.uv_layers if each.active_render), None)
        if layer is None:
            return ""
        uv = surface_from([(self.base, Matrix())], uv=layer.name).uv
        return layer.name if uv is not None and uv_area(uv) > _LEAST_UV_AREA else ""


def put_back(request: dict[str, Any]) -> dict[str, object]:
    """Fits the converter's file `result` to the `objects` of the .blend `source` that were sent.

    `own` is what the job's placement says of it. The answer's `fit` is a matrix, by rows, from the result's
    root to the object; `result` is what the file `target` has, else OBJECT.
    """
    sent = _load_sent(request)
    if sent is None:
        return {"ok": False, "error": "What was sent is no longer there."}
    came_parts = _came(Path(request["result"]))
    place, distance = alignment(surface_from(came_parts), sent.surface)
    fit = sent.stretch.inverted() @ place
    answer: dict[str, object] = {
        "ok": True,
        "result": "OBJECT",
        "fit": [value for row in fit for value in row],
    }
    messages: list[str] = []
    wanted = request["own"].get("result")
    try:
        placed = [(mesh, place @ matrix) for mesh, matrix in came_parts]
        target = Path(request["target"])
        if wanted in ONTO and not sent.is_one_mesh:
            raise _OwnObjectError(f"{sent.item.name} is no single mesh")
        if wanted == "MATERIAL":
            answer |= _material(sent, placed, target, messages)
        elif wanted == "MESH":
            answer |= _mesh(sent, placed, target)
    except _OwnObjectError as error:
        messages.append(f"It comes as an object of its own: {error}.")
    if distance > 0.05 and answer["result"] != "MATERIAL":
        messages.append(f"Its shape is not that of {sent.item.name}: only their boxes were fitted.")
    return answer | {"messages": messages}


def _load_sent(request: dict[str, Any]) -> _Sent | None:
    """What was sent, in the scene at the request's frame; None if it is no longer there."""
    scene = bpy.context.scene
    assert scene
    scene.frame_set(request.get("frame", 1))
    own = request["own"]
    loaded = load_objects(request["source"])
    names = set(request["objects"])
    sent = [each for name, each in loaded.items() if each.type in WITH_FACES and (name in names or not names)]
    owner = owner_of(loaded, sent, own.get("object", ""))
    if owner is None or not sent:
        return None
    to_own, stretch = to_own_space(owner, own.get("stretch"))
    is_base = bool(own.get("is_base"))
    parts = [mesh_of(each, stretch @ to_own @ each.matrix_world, is_base=is_base) for each in sent]
    whole = surface_from([(mesh, Matrix()) for mesh in parts])
    return _Sent(owner, whole, parts[0], stretch, is_base, sent == [owner] and owner.type == "MESH")


def _came(path: Path) -> Parts:
    """The meshes of the result as they are seen, in the space of its root."""
    scene = bpy.context.scene
    assert scene
    root, objects = Loading(path).finish()
    for each in objects:
        scene.collection.objects.link(each)
    root.matrix_basis = Matrix()
    scene.frame_set(scene.frame_current)
    to_root = root.matrix_world.inverted_safe()
    return [
        (mesh_of(each, is_base=False), to_root @ each.matrix_world)
        for each in objects
        if isinstance(each.data, bpy.types.Mesh)
    ]


def _material(sent: _Sent, placed: Parts, target: Path, messages: list[str]) -> dict[str, object]:
    """Materials for the object's slots, and a UV map where it has none. Raises _OwnObjectError."""
    is_bent = any(channels_of(each)["normal"].image for mesh, _ in placed for each in mesh.materials)
    came = surface_from(placed, has_tangents=is_bent)
    match = matching_triangles(came, sent.surface)
    uv_name = sent.uv_name
    is_plain = not any(map(has_texture, came.materials))
    if is_plain and (came.uv is None or not match or not _has_base_loops(sent)):
        raise _OwnObjectError(
            "it brings no texture, and its UVs are for other faces than yours" if came.uv is not None
            else "it brings no texture and no UVs"
        )  # fmt: skip
    marks = marks_of(sent.base, uv_name, len(sent.item.material_slots))
    answer: dict[str, object] = {"result": "MATERIAL", "coverage": 1.0, "uv": "", "marks": marks}
    materials: dict[int, bpy.types.Material] = {}
    if match and came.uv is not None and _has_base_loops(sent) and (is_plain or not uv_name):
        answer["marks"] = marks | {"uv": "", "places": []}  # whatever the artist's own map is
        uv_name = _take_over_uv(sent, came, match, target, answer)
        messages.append(f"The UV map {uv_name!r} came with it; yours, if any, are as they were.")
    elif not uv_name:
        uv_name = _new_uv(sent, target, answer)
        messages.append(f"{sent.item.name} had no UVs: it has got the UV map {uv_name!r}.")
    if not is_plain:
        seen = _seen_with_uv(sent, uv_name)
        look = surface_from([(seen, Matrix())], uv=uv_name, has_tangents=is_bent)
        exact = match if match and len(look.corners) == len(sent.surface.corners) else None
        materials = _taken_over(came, look, exact, uv_name)
        if not materials:
            materials = _baked(came, look, exact, sent.item.name, uv_name, answer, messages)
    for material in set(materials.values()):
        show_in_solid(material)
    carrier = bpy.data.meshes.new(sent.item.name)
    carrier.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    for slot in range(max(len(sent.item.material_slots), 1)):
        carrier.materials.append(materials.get(slot))
    _write(bpy.data.objects.new(sent.item.name, carrier), target)
    return answer


def _has_base_loops(sent: _Sent) -> bool:
    """Whether what was sent has the corners of the mesh without modifiers."""
    return len(sent.mesh.loops) == len(sent.base.loops) and len(sent.mesh.polygons) == len(sent.base.polygons)


def _seen_with_uv(sent: _Sent, uv_name: str) -> bpy.types.Mesh:
    """The shape that was sent, with that UV map; without modifiers where they lose it."""
    seen = mesh_of(sent.item, sent.stretch, is_base=sent.is_base)
    return seen if uv_name in seen.uv_layers else mesh_of(sent.item, sent.stretch, is_base=True)


def _taken_over(
    came: Surface, look: Surface, match: tuple[np.ndarray, np.ndarray] | None, uv_name: str
) -> dict[int, bpy.types.Material]:
    """The materials as they came, by slot, where triangles and UVs are the same; else none."""
    if not match or came.uv is None or look.uv is None:
        return {}
    triangle, corner = match
    there = came.uv[triangle[:, None], corner]
    if np.abs(there - look.uv).max() > _SAME_UV:
        return {}
    found: dict[int, bpy.types.Material] = {}
    for slot in np.unique(look.material):
        used = np.unique(came.material[triangle[look.material == slot]])
        material = came.materials[used[0]]
        if len(used) > 1 or material is None or any(c.has_colours for c in channels_of(material).values()):
            return {}
        use_uv_map(material, uv_name)
        found[int(slot)] = material
    return found


def _baked(
    came: Surface,
    look: Surface,
    match: tuple[np.ndarray, np.ndarray] | None,
    name: str,
    uv_name: str,
    answer: dict[str, object],
    messages: list[str],
) -> dict[int, bpy.types.Material]:
    """A material for all slots together, or for each where their UVs lie over each other."""
    assert look.uv is not None
    slots = [int(slot) for slot in np.unique(look.material)]
    groups = [np.flatnonzero(look.material == slot) for slot in slots]
    apart = [texels_of(look.uv[group], _LOOK) for group in groups]
    together = texels_of(look.uv, _LOOK)
    is_one = sum(len(each.number) for each in apart) <= len(together.number) * (1 + TOLD_OVERLAP)
    baker = Baker(came, look, match)
    done: list[Baked] = []
    found: dict[int, bpy.types.Material] = {}
    try:
        if is_one:
            done.append(baker.bake(np.arange(len(look.corners)), name, uv_name))
            found = dict.fromkeys(slots, done[0].material)
        else:
            for slot, group in zip(slots, groups, strict=True):
                done.append(baker.bake(group, f"{name} {slot + 1}", uv_name))
                found[slot] = done[-1].material
    finally:
        baker.close()
    texels = sum(each.texels for each in done)
    coverage = 1.0 - sum(each.gaps for each in done) / texels if texels else 0.0
    if coverage < LEAST_COVERAGE:
        raise _OwnObjectError(f"its surface lies on {coverage:.0%} of yours alone")
    answer["coverage"] = round(coverage, 4)
    if coverage < TOLD_COVERAGE:
        messages.append(f"{1 - coverage:.1%} of the surface got no texture, and is magenta.")
    overlap = max(each.overlap for each in done)
    if overlap > TOLD_OVERLAP:
        messages.append(f"{overlap:.0%} of the UVs lie over others: both show the same.")
    return found


def _take_over_uv(
    sent: _Sent, came: Surface, match: tuple[np.ndarray, np.ndarray], target: Path, answer: dict[str, object]
) -> str:
    """Writes the UVs that came as a map more for the mesh's own corners."""
    assert came.uv is not None
    triangle, corner = match
    base = sent.base
    sent.mesh.calc_loop_triangles()
    loops = values_of(sent.mesh.loop_triangles, "loops", np.int32, width=3)
    values = np.zeros((len(base.loops), 2), np.float32)
    values[loops] = came.uv[triangle[:, None], corner].reshape(-1, 2)
    return _write_uv(base, values, target, answer)


def _new_uv(sent: _Sent, target: Path, answer: dict[str, object]) -> str:
    """Lays the faces out as *Smart UV Project* does."""
    base = sent.base
    layer = base.uv_layers.new(name="Laid Out")
    base.uv_layers.active = layer
    scratch = bpy.data.objects.new("scratch", base)
    scene = bpy.context.scene
    assert scene and bpy.context.view_layer
    scene.collection.objects.link(scratch)
    for each in scene.objects:
        each.select_set(each == scratch)
    bpy.context.view_layer.objects.active = scratch
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.reveal(select=False)
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.uv.smart_project(angle_limit=1.15, island_margin=0.004)
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.data.objects.remove(scratch)
    values = np.empty(len(base.loops) * 2, np.float32)
    layer = base.uv_layers["Laid Out"]
    layer.uv.foreach_get("vector", values)
    base.uv_layers.remove(layer)
    return _write_uv(base, values.reshape(-1, 2), target, answer)


def _write_uv(base: bpy.types.Mesh, values: np.ndarray, target: Path, answer: dict[str, object]) -> str:
    """The map for the artist's mesh, in a file; and on the mesh here, so that it can be baked on."""
    layer = base.uv_layers.new(name="UVMap", do_init=False)
    layer.uv.foreach_set("vector", np.ascontiguousarray(values, np.float32).ravel())
    base.uv_layers.active = layer
    base.update_tag()
    bpy.context.view_layer.update()
    values.astype("<f4").tofile(target.with_suffix(".uv"))
    answer |= {"uv": layer.name, "corners": len(base.loops)}
    return layer.name


def _mesh(sent: _Sent, placed: Parts, target: Path) -> dict[str, object]:
    """One mesh in the object's space, with its materials where it brings none of its own."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    assert scene and layer
    to_object = sent.stretch.inverted()
    is_plain = not any(has_texture(each) for mesh, _ in placed for each in mesh.materials)
    made: list[bpy.types.Object] = []
    for mesh, matrix in placed:
        whole = to_object @ matrix
        mesh.transform(whole)
        if whole.is_negative:
            mesh.flip_normals()
        made.append(bpy.data.objects.new("part", mesh))
        scene.collection.objects.link(made[-1])
    if len(made) > 1:
        with bpy.context.temp_override(active_object=made[0], selected_editable_objects=made):
            bpy.ops.object.join()
    item = made[0]
    mesh: Any = item.data
    mesh.name = sent.base.name
    weld_mesh(mesh, keeps_normals=True)  # a file has a vertex for each UV: a modifier would tear it
    if is_plain:
        _use_own_slots(sent, mesh)
    result.slim_down([item])
    _write(item, target)
    return {"result": "MESH", "keeps_materials": is_plain}


def _use_own_slots(sent: _Sent, mesh: bpy.types.Mesh) -> None:
    """Each face has the slot of the object's face that it lies on."""
    mesh.materials.clear()
    slots = np.zeros(len(mesh.polygons), np.int32)
    if len(sent.surface.materials) > 1:
        centres = values_of(mesh.polygons, "center", width=3)
        stretch = np.array(sent.stretch, np.float32)[:3, :3]
        finder = Finder(sent.surface)
        slots = sent.surface.material[finder.nearest(centres.reshape(-1, 3) @ stretch.T).triangle]
        finder.close()
    for _ in sent.surface.materials:
        mesh.materials.append(None)
    mesh.polygons.foreach_set("material_index", np.ascontiguousarray(slots, np.int32))


def _write(item: bpy.types.Object, target: Path) -> None:
    """Writes the object as a result, so that it is loaded like any other."""
    corners = np.array(item.bound_box)
    item[LOWEST], item[HIGHEST] = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    sidecar.extract_arrays([item], target.with_suffix(".parts"))
    try:
        bpy.data.libraries.write(str(target), {item}, fake_user=False, compress=False)
    except RuntimeError as error:  # Blender tells no reason
        raise OSError("Blender could not write what goes onto the object") from error
