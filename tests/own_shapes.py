# SPDX-License-Identifier: GPL-3.0-or-later
"""An artist's objects for tests, and a stand-in for a service that changes what was sent of them."""

import importlib
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from background_tasks import run_task
from mathutils import Matrix

PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette")
scene_package: Any = importlib.import_module(PACKAGE + ".scene")
raster: Any = importlib.import_module(PACKAGE + ".scene.conversion.raster")
surfaces: Any = importlib.import_module(PACKAGE + ".scene.conversion.surface")
shading: Any = importlib.import_module(PACKAGE + ".scene.conversion.shading")
CELLS = 6  # of the checker, along the longest side
SHADES = np.array([(0.9, 0.2, 0.1), (0.1, 0.3, 0.8)], np.float32)
JOB = "job_1"


def checker(points: Any, low: Any, size: float) -> Any:
    """Colours of a checker in space, as bytes in a file have them."""
    cells = np.floor((points - low) / size * CELLS - 1e-4).astype(int).sum(axis=1)
    return SHADES[cells % 2]


def new_object(name: str, data: bpy.types.ID | None) -> bpy.types.Object:
    made = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(made)
    return made


def active() -> bpy.types.Object:
    made = bpy.context.object
    assert made
    return made


def table() -> bpy.types.Object:
    """2.0 x 0.8 x 0.7 m by its scale alone, turned by 35 degrees about Z."""
    bpy.ops.mesh.primitive_cube_add(size=1, location=(3, -1, 0.35))
    made = active()
    made.scale = (2.0, 0.8, 0.7)
    made.rotation_euler.z = np.radians(35)
    return made


def torus() -> bpy.types.Object:
    """Tilted by 45 degrees, its mesh off its origin."""
    bpy.ops.mesh.primitive_torus_add(major_segments=24, minor_segments=10, location=(0, 2, 1))
    made = active()
    mesh: Any = made.data
    mesh.transform(Matrix.Translation((0.3, 0.1, -0.2)))
    made.rotation_euler = (np.radians(45), 0.0, 0.3)
    return made


def in_parents() -> bpy.types.Object:
    """Under two parents, one turned, one unevenly scaled: its axes are not at right angles in the world."""
    made = table()
    outer, inner = new_object("Outer", None), new_object("Inner", None)
    outer.scale = (1.0, 3.0, 0.5)
    outer.location = (1, 2, 3)
    inner.parent = outer
    inner.rotation_euler = (0.4, 0.2, 0.9)
    made.parent = inner
    made.matrix_parent_inverse = Matrix.Translation((0.1, 0.2, 0.3)) @ Matrix.Rotation(0.5, 4, "Z")
    return made


def mirrored() -> bpy.types.Object:
    made = torus()
    made.scale = (-1.5, 0.7, 1.1)
    return made


def in_millimetres() -> bpy.types.Object:
    units = bpy.context.scene.unit_settings
    units.system, units.scale_length = "METRIC", 0.001
    bpy.ops.mesh.primitive_cone_add(vertices=12, radius1=400, depth=900, location=(1200, 300, 450))
    active().rotation_euler = (0.5, 0.3, 0.2)
    return active()


def suzanne() -> bpy.types.Object:
    """Turned, scaled, parented, subdivided by a modifier, with shape keys, weights and properties of hers."""
    bpy.ops.mesh.primitive_monkey_add(size=2.0, location=(1, 2, 3))
    made: Any = active()
    made.name = "Suzanne"
    mesh = made.data
    made.rotation_euler = (0.3, 0.5, 1.1)
    made.scale = (1.2, 0.8, 1.0)
    made.parent = new_object("Holder", None)
    made.parent.rotation_euler.z = 0.7
    made.modifiers.new("Subdivision", "SUBSURF").levels = 1
    made.shape_key_add(name="Basis")
    smile = made.shape_key_add(name="Smile")
    for number, point in enumerate(smile.data):
        point.co.x += 0.01 * (number % 7)
    for name in ("Head", "Ears"):
        group = made.vertex_groups.new(name=name)
        for number in range(0, len(mesh.vertices), 3):
            group.add([number], (number % 10) / 10, "REPLACE")
    mesh.attributes.new("wear", "FLOAT", "POINT").data.foreach_set(
        "value", np.linspace(0, 1, len(mesh.vertices), dtype=np.float32)
    )
    made["mood"] = "cheerful"
    lay_out(made)
    for name in ("Fur", "Eyes"):
        mesh.materials.append(bpy.data.materials.new(name))
    mesh.polygons.foreach_set("material_index", np.arange(len(mesh.polygons), dtype=np.int32) % 2)
    return made


def lay_out(item: bpy.types.Object, angle: float = 1.15) -> None:
    """A UV map of islands that lie apart."""
    for each in bpy.context.view_layer.objects:
        each.select_set(each == item)
    bpy.context.view_layer.objects.active = item
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.uv.smart_project(angle_limit=angle, island_margin=0.01)
    bpy.ops.object.mode_set(mode="OBJECT")


def own(item: bpy.types.Object, result: str, *, is_base: bool) -> dict[str, Any]:
    """As the window notes it."""
    bpy.context.view_layer.update()
    units = bpy.context.scene.unit_settings
    metres = units.scale_length if units.system != "NONE" else 1.0
    stretch = [abs(value) * metres for value in item.matrix_world.to_scale()]
    return {"object": item.name, "stretch": stretch, "is_base": is_base, "result": result}


def sent(item: bpy.types.Object, told: Mapping[str, Any], folder: Path) -> Path:
    """The GLB that is uploaded of it; the .blend beside it is what the job keeps."""
    item.update_from_editmode()
    bpy.data.libraries.write(str(folder / "in.blend"), {item}, path_remap="ABSOLUTE")
    request = {"source": str(folder / "in.blend"), "target": str(folder / "sent.glb"), "objects": [item.name]}
    answer = run_task("send", request | {"own": told}, folder)
    assert answer["ok"], answer
    return folder / "sent.glb"


def serviced(glb: Path, change: Callable[[bpy.types.Object], None] | None, folder: Path) -> Path:
    """What a service makes of a GLB: `change` is what it does to the one object in it."""
    before, used = set(bpy.data.objects), bpy.context.window.scene
    scene = bpy.data.scenes.new("Service")
    bpy.context.window.scene = scene
    with warnings.catch_warnings(action="ignore"):  # Blender's importer, with a newer numpy
        bpy.ops.import_scene.gltf(filepath=str(glb))
        meshes = [each for each in bpy.data.objects if each not in before and each.type == "MESH"]
        (item,) = meshes
        if change:
            change(item)
        bpy.ops.export_scene.gltf(
            filepath=str(folder / "came.glb"), export_format="GLB", use_active_scene=True
        )
    bpy.context.window.scene = used
    bpy.data.batch_remove([each for each in bpy.data.objects if each not in before])
    bpy.data.scenes.remove(scene)
    return folder / "came.glb"


def paint(item: bpy.types.Object, size: int = 1024) -> None:
    """Has the checker on the object, by its UV map."""
    mesh: Any = item.data
    surface = surfaces.surface_from([(mesh, Matrix())])
    points = surface.corners.reshape(-1, 3)
    low, longest = points.min(axis=0), float(np.ptp(points, axis=0).max())
    texels = raster.texels_of(surface.uv, size)
    places = surfaces.Places(texels.triangle, texels.weights, np.empty(0)).of(surface.corners)
    pixels = np.zeros((size * size, 3), np.float32)
    is_known = np.zeros(size * size, bool)
    pixels[texels.number] = checker(places, low, longest)
    is_known[texels.number] = True
    whole = raster.filled(pixels.reshape(size, size, 3), is_known.reshape(size, size))
    image = shading.image_of("painted", whole, is_color=True)
    values = shading.channels_of(None)
    mesh.materials.clear()
    mesh.materials.append(shading.material_of("painted", {"color": image}, values, mesh.uv_layers[0].name))


def fitted(came: Path, told: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The answers of the converter, and of what fits its result to the object."""
    sources = [{"path": str(came), "role": "mesh", "name": came.name}]
    request = {"sources": sources, "name": "came", "target": str(folder / "result.blend")}
    answer = run_task("convert", request, folder)
    assert answer["ok"], answer
    request = {"source": str(folder / "in.blend"), "objects": [told["object"]], "own": told}
    request |= {"result": str(folder / "result.blend"), "target": str(folder / "own.blend")}
    answer = run_task("put_back", request, folder)
    assert answer["ok"], answer
    return answer


def arrived(answer: Mapping[str, Any], told: Mapping[str, Any], folder: Path) -> list[bpy.types.Object]:
    """The objects that have got what came, once it is there."""
    bpy.context.view_layer.update()
    scene_package.await_result(bpy.data.objects[told["object"]], JOB, told["result"])
    scene_package.note_fit(JOB, answer["result"], answer["fit"])
    if scene_package.waiting_for(JOB):
        loading = scene_package.Loading(folder / "own.blend")
        return scene_package.put_onto_objects(
            loading, {**answer, "is_base": told["is_base"]}, job_id=JOB, provenance={}
        )
    return scene_package.arrive(
        scene_package.Loading(folder / "result.blend"), job_id=JOB, name="came", provenance={}
    )


def given(
    item: bpy.types.Object, result: str, folder: Path, *, slots: int = 1, job: str = JOB, uv: str = ""
) -> None:
    """What came for the object, without a service: one material in the first slots, or a triangle with it."""
    mesh: Any = bpy.data.meshes.new("made")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    material = bpy.data.materials.new("Texture")
    for _ in range(slots):
        mesh.materials.append(material)
    made = bpy.data.objects.new("made", mesh)
    made["maquette_min"], made["maquette_max"] = (0.0, 0.0, 0.0), (1.0, 1.0, 0.0)
    bpy.data.libraries.write(str(folder / "own.blend"), {made})
    bpy.data.batch_remove([made, mesh, material])
    corners = len(item.data.loops)  # type: ignore[union-attr]
    (folder / "own.uv").write_bytes(bytes(8 * corners))
    info = {"result": result, "is_base": True, "uv": uv, "corners": corners}
    scene_package.await_result(item, job, result)
    scene_package.put_onto_objects(
        scene_package.Loading(folder / "own.blend"), info, job_id=job, provenance={}
    )


def world_points(item: bpy.types.Object) -> Any:
    """The vertices of it and of what is under it, in the world."""
    bpy.context.view_layer.update()
    found = [
        each.matrix_world @ vertex.co
        for each in (item, *item.children_recursive)
        if isinstance(each.data, bpy.types.Mesh)
        for vertex in each.data.vertices
    ]
    return np.array(found)


def apart(one: Any, other: Any) -> float:
    """How far each of the points is from the nearest of the others, at most, either way."""
    distances = np.linalg.norm(one[:, None] - other[None], axis=2)
    return float(max(distances.min(axis=0).max(), distances.min(axis=1).max()))
