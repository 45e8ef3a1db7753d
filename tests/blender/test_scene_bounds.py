# SPDX-License-Identifier: GPL-3.0-or-later
"""The size and the place of a result are those of what is seen: deformed, of the default scene, in metres."""

import importlib
import os
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import bpy
import numpy as np
import pytest
from background_tasks import run_task
from glb_files import glb

pytestmark = pytest.mark.usefixtures("empty_file")
PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette")
maquette: Any = importlib.import_module(PACKAGE)
scene_package = importlib.import_module(PACKAGE + ".scene")


Placement = scene_package.Placement
QUADS = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
TRIANGLES = [each for a, b, c, d in QUADS for each in (a, b, c, a, c, d)]


class Gltf:
    """A glTF put together piece by piece; one box is 8 vertices, Y up."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {
            "asset": {"version": "2.0"},
            "accessors": [],
            "bufferViews": [],
            "meshes": [],
            "nodes": [],
            "scene": 0,
            "scenes": [{"nodes": []}],
        }
        self._binary = b""

    def accessor(self, values: Iterable[Any], kind: str, code: str = "<f4") -> int:
        array = np.array(values, code)
        component = {"<f4": 5126, "<u2": 5123, "u1": 5121}[code]
        told: dict[str, Any] = {"componentType": component, "count": len(array), "type": kind}
        if kind == "VEC3":
            told |= {"min": array.min(0).tolist(), "max": array.max(0).tolist()}
        elif code == "<f4" and kind == "SCALAR":
            told |= {"min": [float(array.min())], "max": [float(array.max())]}
        data = array.tobytes()
        self.document["bufferViews"].append(
            {"buffer": 0, "byteOffset": len(self._binary), "byteLength": len(data)}
        )
        self._binary += data + b"\0" * (-len(data) % 4)
        self.document["accessors"].append(told | {"bufferView": len(self.document["bufferViews"]) - 1})
        return len(self.document["accessors"]) - 1

    def box(self, size: tuple[float, float, float] = (1, 1, 1)) -> dict[str, Any]:
        """A primitive round the origin."""
        x, y, z = (edge / 2 for edge in size)
        points = [(a, b, c) for a in (-x, x) for b in (-y, y) for c in (-z, z)]
        return {
            "attributes": {"POSITION": self.accessor(points, "VEC3")},
            "indices": self.accessor(TRIANGLES, "SCALAR", "<u2"),
        }

    def square(self, edge: float) -> dict[str, Any]:
        """A primitive that lies flat, of two faces."""
        points = [(x * edge / 2, 0, z * edge / 2) for x in (-1, 1) for z in (-1, 1)]
        return {
            "attributes": {"POSITION": self.accessor(points, "VEC3")},
            "indices": self.accessor([0, 1, 2, 2, 1, 3], "SCALAR", "<u2"),
        }

    def node(self, *primitives: dict[str, Any], is_in_scene: bool = True, **more: Any) -> int:
        """A node with a mesh of these; without, a mere node."""
        told = dict(more)
        if primitives:
            self.document["meshes"].append({"primitives": list(primitives)} | told.pop("mesh_too", {}))
            told["mesh"] = len(self.document["meshes"]) - 1
        self.document["nodes"].append(told)
        if is_in_scene:
            self.document["scenes"][0]["nodes"].append(len(self.document["nodes"]) - 1)
        return len(self.document["nodes"]) - 1

    def rigged_box(self, size: tuple[float, float, float], **joint: Any) -> int:
        """A box, all of it on one joint of its own; the joint's number."""
        number = self.node(name="joint", **joint)
        body = self.box(size)
        body["attributes"]["JOINTS_0"] = self.accessor([(0, 0, 0, 0)] * 8, "VEC4", "u1")
        body["attributes"]["WEIGHTS_0"] = self.accessor([(1, 0, 0, 0)] * 8, "VEC4")
        inverse = self.accessor([np.eye(4).ravel()], "MAT4")
        skins = self.document.setdefault("skins", [])
        skins.append({"joints": [number], "inverseBindMatrices": inverse})
        self.node(body, skin=len(skins) - 1, name="body")
        return number

    def animate(self, node: int, path: str, *values: tuple[float, ...]) -> None:
        """One key a second."""
        times = self.accessor(range(len(values)), "SCALAR")
        keys = self.accessor(values, "VEC3")
        self.document["animations"] = [
            {
                "samplers": [{"input": times, "output": keys}],
                "channels": [{"sampler": 0, "target": {"node": node, "path": path}}],
            }
        ]

    def write(self, path: Path) -> Path:
        self.document["buffers"] = [{"byteLength": len(self._binary)}]
        path.write_bytes(glb(self.document, self._binary))
        return path


def export_fbx(path: Path, **options: Any) -> None:
    """Runs Blender's exporter; with a newer numpy than it was made for, it warns."""
    with warnings.catch_warnings(action="ignore"):
        bpy.ops.export_scene.fbx(filepath=str(path), **options)


def converted(folder: Path, *files: Path, **more: Any) -> dict[str, Any]:
    """The converter's answer, which must be good; the result is `result.blend` in the folder."""
    sources = [{"path": str(each), "name": each.name, "role": "mesh"} for each in files]
    request = {"sources": sources, "target": str(folder / "result.blend"), "name": "thing", **more}
    answer = run_task("convert", request, folder)
    assert answer["ok"], answer
    return answer


def sides(answer: dict[str, Any]) -> list[float]:
    return [high - low for low, high in zip(answer["min"], answer["max"], strict=True)]


def placed(folder: Path, **placement: Any) -> bpy.types.Object:
    return scene_package.append_result(
        folder / "result.blend",
        name="thing",
        scene=bpy.context.scene,
        placement=Placement(**placement),
        provenance={},
    )


def seen(
    items: Iterable[bpy.types.Object], scene: bpy.types.Scene | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The corners of all that faces of the objects use, as Blender evaluates them: an independent measure."""
    graph = bpy.context.evaluated_depsgraph_get()
    if scene:
        scene.view_layers[0].update()
        graph = scene.view_layers[0].depsgraph
    points: list[Any] = []
    for each in items:
        if each.type == "MESH":
            item = each.evaluated_get(graph)
            mesh = item.to_mesh()
            used = {number for face in cast("Any", mesh.polygons) for number in face.vertices}
            points += [item.matrix_world @ mesh.vertices[number].co for number in used]
            item.to_mesh_clear()
    cloud = np.array(points)
    return cloud.min(axis=0), cloud.max(axis=0)


def open_file(path: Path) -> None:
    """Imports a file as another program would find it."""
    importers = {".glb": bpy.ops.import_scene.gltf, ".fbx": bpy.ops.import_scene.fbx}
    importers.get(path.suffix, bpy.ops.wm.usd_import)(filepath=str(path))
    bpy.context.scene.frame_set(1)


def assert_stands(folder: Path, frame: int = 1) -> None:
    """The result's longest side is 1 m, and it stands on the point where it is placed."""
    bpy.context.scene.frame_set(frame)
    root = placed(folder, location=(3, 4, 5), size_m=1.0)
    low, high = seen([root, *root.children_recursive])
    assert max(high - low) == pytest.approx(1, abs=1e-4)
    assert [*(low + high)[:2] / 2, low[2]] == pytest.approx([3, 4, 5], abs=1e-4)


def test_a_skinned_mesh_is_as_large_as_its_joints_make_it(tmp_path):
    made = Gltf()
    made.rigged_box((100, 100, 200), scale=[0.01, 0.01, 0.01])
    answer = converted(tmp_path, made.write(tmp_path / "m.glb"))
    assert sides(answer) == pytest.approx([1, 2, 1], abs=1e-4)
    assert_stands(tmp_path)


def test_a_rig_that_moves_stands_where_it_was_placed_at_the_frame_that_is_shown(tmp_path):
    made = Gltf()
    made.animate(made.rigged_box((1, 1, 2)), "translation", (20, 0, 0), (21, 0, 0))
    converted(tmp_path, made.write(tmp_path / "m.glb"))
    assert_stands(tmp_path)
    answer = converted(tmp_path, tmp_path / "m.glb", frame=13)
    assert answer["min"][0] == pytest.approx(19.5 + 13 / 24, abs=1e-4)
    assert_stands(tmp_path, frame=13)


def test_what_moves_stands_where_a_script_places_it_at_the_frame_of_its_scene(tmp_path):
    """Whatever frame it was converted for, in a scene that is not shown, too."""
    made = Gltf()
    made.animate(made.rigged_box((1, 1, 2)), "translation", (20, 0, 0), (21, 7, 0))
    converted(tmp_path, made.write(tmp_path / "m.glb"))
    shown, other = bpy.context.scene, bpy.data.scenes.new("other")
    shown.frame_set(5)
    other.frame_set(17)
    for scene in (shown, other):
        root = maquette.place(tmp_path / "result.blend", location=(3, 4, 5), size=1.0, scene=scene)
        for _ in range(2):
            low, high = seen([root, *root.children_recursive], scene)
            assert max(high - low) == pytest.approx(1, abs=1e-4)
            assert [*(low + high)[:2] / 2, low[2]] == pytest.approx([3, 4, 5], abs=1e-4)
            scene.frame_set(scene.frame_current)  # as a render does


def test_what_moves_stands_on_the_origin_in_outputs_at_the_frame_that_they_show(tmp_path):
    """A row's job may have been converted for any frame; its .blend opens at one of its own."""
    made = Gltf()
    made.animate(made.rigged_box((1, 1, 2)), "translation", (20, 0, 0), (21, 7, 0))
    converted(tmp_path, made.write(tmp_path / "m.glb"), frame=13)
    request = {
        "result": str(tmp_path / "result.blend"),
        "outputs": [str(tmp_path / "out.blend")],
        "turntable": "",
        "picture": "",
        "name": "thing",
        "size_m": 1.0,
        "provenance": {},
        "threads": 1,
    }
    assert run_task("write", request, tmp_path)["ok"]
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    (root,) = [each for each in bpy.data.objects if each.parent is None]
    low, high = seen([root, *root.children_recursive])
    assert max(high - low) == pytest.approx(1, abs=1e-4)
    assert [*(low + high)[:2] / 2, low[2]] == pytest.approx([0, 0, 0], abs=1e-4)


def test_the_weight_of_a_morph_target_counts(tmp_path):
    made = Gltf()
    body = made.box()
    up = [(0, 5 * (number // 2 % 2), 0) for number in range(8)]
    body["targets"] = [{"POSITION": made.accessor(up, "VEC3")}]
    made.node(body, mesh_too={"weights": [1.0]})
    answer = converted(tmp_path, made.write(tmp_path / "m.glb"))
    assert sides(answer) == pytest.approx([1, 1, 6], abs=1e-4)
    assert_stands(tmp_path)


def test_points_and_vertices_that_no_face_uses_do_not_set_the_size(tmp_path):
    made = Gltf()
    points = {"attributes": {"POSITION": made.accessor([(50, 0, 0), (60, 0, 0)], "VEC3")}, "mode": 0}
    made.node(made.box(), points)
    answer = converted(tmp_path, made.write(tmp_path / "m.glb"))
    assert sides(answer) == pytest.approx([1, 1, 1])
    (tmp_path / "m.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 900 0 0\nf 1 2 3\n")
    assert max(sides(converted(tmp_path, tmp_path / "m.obj"))) == pytest.approx(1)


def test_what_grows_out_of_a_point_is_measured_where_its_animation_ends(tmp_path):
    made = Gltf()
    made.animate(made.node(made.box((1, 2, 3))), "scale", (0, 0, 0), (0, 0, 0), (1, 1, 1))
    answer = converted(tmp_path, made.write(tmp_path / "m.glb"))
    assert sides(answer) == pytest.approx([1, 3, 2], abs=1e-4)


def test_only_the_default_scene_is_placed(tmp_path):
    made = Gltf()
    made.node(made.box())
    backdrop = made.node(made.box((30, 1, 30)), is_in_scene=False, translation=[0, 0, -40])
    made.document["scenes"].insert(0, {"nodes": [backdrop]})
    made.document["scene"] = 1
    answer = converted(tmp_path, made.write(tmp_path / "m.glb"))
    assert (answer["faces"], answer["objects"]) == (12, 1)
    assert sides(answer) == pytest.approx([1, 1, 1])
    assert answer["messages"] == ["An object of m.glb is hidden, or in no default scene, and is left out."]


def test_nodes_that_no_scene_has_and_hidden_ones_are_left_out_with_their_rigs(tmp_path):
    made = Gltf()
    made.node(made.box())
    made.node(made.box((9, 9, 9)), is_in_scene=False)
    inner = made.node(made.box((9, 9, 9)), is_in_scene=False)
    made.node(children=[inner], extensions={"KHR_node_visibility": {"visible": False}})
    joint = made.rigged_box((9, 9, 9))
    made.document["scenes"][0]["nodes"] = made.document["scenes"][0]["nodes"][:-2]
    made.animate(joint, "translation", (0, 0, 0), (1, 0, 0))
    made.document["extensionsUsed"] = made.document["extensionsRequired"] = ["KHR_node_visibility"]
    answer = converted(tmp_path, made.write(tmp_path / "m.glb"))
    assert (answer["faces"], answer["objects"]) == (12, 1)
    assert answer["messages"] == ["3 objects of m.glb are hidden, or in no default scene, and are left out."]


@pytest.mark.parametrize("scenes", [[], [{"nodes": []}], [{}, {"nodes": [0]}]])
def test_where_a_file_shows_nothing_all_of_it_is_placed(tmp_path, scenes):
    made = Gltf()
    made.rigged_box((1, 2, 3))
    made.document["scenes"] = scenes
    if not scenes:
        del made.document["scenes"], made.document["scene"]
    answer = converted(tmp_path, made.write(tmp_path / "m.glb"))
    assert sides(answer) == pytest.approx([1, 3, 2], abs=1e-4)
    assert answer["messages"] == []
    assert_stands(tmp_path)


def test_joints_that_no_scene_has_still_move_the_mesh(tmp_path):
    made = Gltf()
    joint = made.rigged_box((100, 100, 200), scale=[0.01, 0.01, 0.01])
    made.document["scenes"] = [{"nodes": [joint + 1]}, {"nodes": []}]
    assert sides(converted(tmp_path, made.write(tmp_path / "m.glb"))) == pytest.approx([1, 2, 1], abs=1e-4)


def test_a_hidden_object_of_an_fbx_is_left_out_with_its_textures(tmp_path):
    bpy.ops.mesh.primitive_cube_add(size=1)
    bpy.ops.mesh.primitive_cube_add(size=9)
    hidden = bpy.context.object
    material = bpy.data.materials.new("Wall")
    if bpy.app.version < (5, 0):
        material.use_nodes = True
    picture = bpy.data.images.new("wall", 4, 4)
    picture.filepath_raw = str(tmp_path / "wall.png")
    picture.file_format = "PNG"
    picture.save()
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = picture
    material.node_tree.links.new(
        node.outputs[0], material.node_tree.nodes["Principled BSDF"].inputs["Base Color"]
    )
    hidden.data.materials.append(material)
    hidden.hide_viewport = True
    export_fbx(tmp_path / "m.fbx", path_mode="COPY", embed_textures=True)
    answer = converted(tmp_path, tmp_path / "m.fbx")
    assert sides(answer) == pytest.approx([1, 1, 1], rel=1e-4)
    assert (answer["objects"], answer["textures"]) == (1, 0)
    assert "hidden" in answer["messages"][0]


def test_the_sphere_that_blender_draws_bones_with_is_no_part_of_the_model(tmp_path):
    made = Gltf()
    made.rigged_box((1, 1, 1))
    path = made.write(tmp_path / "m.glb")
    assert converted(tmp_path, path)["objects"] == 2
    bpy.ops.import_scene.gltf(filepath=str(path))
    for each in bpy.data.collections:
        each.hide_viewport = False
    bpy.ops.mesh.primitive_ico_sphere_add(radius=40)
    bpy.context.object.name = "Icosphere"
    export_fbx(tmp_path / "m.fbx")
    answer = converted(tmp_path, tmp_path / "m.fbx")
    assert max(sides(answer)) < 2
    assert answer["faces"] == 12


def test_a_backdrop_is_placed_but_does_not_set_the_size(tmp_path):
    made = Gltf()
    made.node(made.box(), name="chair")
    made.node(made.square(40), name="Plane")
    made.node(made.box((50, 50, 50)), name="Skybox")
    answer = converted(tmp_path, made.write(tmp_path / "m.glb"))
    assert answer["objects"] == 3
    assert sides(answer) == pytest.approx([1, 1, 1])
    assert answer["messages"] == ["The size is that of the model without its backdrop ('Plane', 'Skybox')."]


def test_a_flat_part_that_is_about_as_large_as_the_model_counts(tmp_path):
    made = Gltf()
    made.node(made.box(), name="lamp")
    made.node(made.square(2), name="base")
    assert max(sides(converted(tmp_path, made.write(tmp_path / "m.glb")))) == pytest.approx(2)


def version(path: Path, *, size: float = 1, at: float = 0, count: int = 1, is_coloured: bool = False) -> Path:
    """A box at `at`, `count` times; white, or with colours at its vertices."""
    made = Gltf()
    for _ in range(count):
        body = made.box((size, size, size))
        if is_coloured:
            body["attributes"]["COLOR_0"] = made.accessor([(1, 0, 0)] * 8, "VEC3")
        made.node(body, translation=[at, 0, 0])
    return made.write(path)


def test_of_several_versions_the_one_with_colours_is_placed_and_then_the_one_with_most_faces(tmp_path):
    white = version(tmp_path / "white_mesh.glb", count=3)
    coloured = version(tmp_path / "coloured_mesh.glb", is_coloured=True)
    answer = converted(tmp_path, white, coloured)
    assert answer["imported"] == ["coloured_mesh.glb"]
    why = (
        "white_mesh.glb is kept as a file: coloured_mesh.glb is the most complete version of the same model."
    )
    assert answer["kept"] == [{"name": "white_mesh.glb", "why": why}]
    archive = tmp_path / "m.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for level, size in enumerate((1, 1, 0.9)):  # the fewer faces the smaller
            name = f"prop_LOD{2 - level}.glb"
            out.write(version(tmp_path / name, size=size), name)
        out.write(version(tmp_path / "many.glb", count=2), "prop_lod7.glb")
    answer = converted(tmp_path, archive)
    assert answer["imported"] == ["prop_lod7.glb"]
    assert (answer["faces"], len(answer["kept"])) == (24, 3)
    with zipfile.ZipFile(archive, "w") as out:
        for level in (1, 0, 2):
            out.write(version(tmp_path / "same.glb"), f"prop_LOD{level}.glb")
    assert converted(tmp_path, archive)["imported"] == ["prop_LOD0.glb"]


def test_parts_of_one_thing_come_together(tmp_path):
    answer = converted(tmp_path, version(tmp_path / "part_0.glb"), version(tmp_path / "part_1.glb", at=2))
    assert (answer["imported"], answer["faces"]) == (["part_0.glb", "part_1.glb"], 24)
    assert sides(answer) == pytest.approx([3, 1, 1])


def test_a_white_model_in_the_usual_format_gives_way_to_one_with_colours_in_another(tmp_path):
    corners = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    lines = [f"v {x} {y} {z} 1 0 0" for x, y, z in corners]
    lines += [f"f {a + 1} {b + 1} {c + 1} {d + 1}" for a, b, c, d in QUADS]
    (tmp_path / "m.obj").write_text("\n".join(lines) + "\n")
    answer = converted(tmp_path, version(tmp_path / "m.glb", count=2), tmp_path / "m.obj")
    assert answer["imported"] == ["m.obj"]
    assert [each["name"] for each in answer["kept"]] == ["m.glb"]


def test_rigged_objects_that_are_joined_keep_the_size_that_their_joints_gave_them(tmp_path):
    made = Gltf()
    made.rigged_box((100, 100, 200), scale=[0.01, 0.01, 0.01])
    mesh = made.document["nodes"][-1]["mesh"]
    for _ in range(500):
        made.node(mesh=mesh, skin=0)
    answer = converted(tmp_path, made.write(tmp_path / "m.glb"))
    assert "without rigs" in answer["messages"][0]
    assert sides(answer) == pytest.approx([1, 2, 1], abs=1e-4)
    assert_stands(tmp_path)


def test_a_broken_version_does_not_spoil_the_sound_one(tmp_path):
    made = Gltf()
    made.node(made.box((0, 0, 0)), name="nothing")
    answer = converted(tmp_path, version(tmp_path / "m.glb"), made.write(tmp_path / "empty.glb"))
    assert answer["imported"] == ["m.glb"]
    assert "one point" in answer["kept"][0]["why"]


@pytest.mark.parametrize("name", ["out.glb", "out.fbx", "out.usdz"])
def test_a_file_for_elsewhere_shows_a_morph_and_a_rig_as_they_stand(tmp_path, name):
    if not scene_package.can_export(Path(name).suffix):
        pytest.skip("this Blender was built without USD")
    made = Gltf()
    body = made.box()
    body["targets"] = [
        {"POSITION": made.accessor([(0, 5 * (number // 2 % 2), 0) for number in range(8)], "VEC3")}
    ]
    made.node(body, mesh_too={"weights": [1.0]})
    made.animate(made.rigged_box((1, 1, 2)), "translation", (20, 0, 0), (20, 0, 0))
    converted(tmp_path, made.write(tmp_path / "m.glb"))
    root = placed(tmp_path, location=(3, 0, 0), size_m=2.0)
    low, high = seen([root, *root.children_recursive])
    with warnings.catch_warnings(action="ignore"):
        scene_package.write_output([root], tmp_path / name)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    open_file(tmp_path / name)
    found_low, found_high = seen(each for each in bpy.data.objects if "Icosphere" not in each.name)
    assert [*found_low, *found_high] == pytest.approx([*low, *high], abs=1e-3)


UNITS = [("METRIC", 0.001), ("IMPERIAL", 0.3048), ("METRIC", 1.0), ("NONE", 0.001)]


@pytest.mark.parametrize(("system", "length"), UNITS)
def test_a_size_in_metres_is_one_in_a_scene_of_any_unit_and_in_every_file(tmp_path, system, length):
    made = Gltf()
    made.rigged_box((100, 100, 200), scale=[0.01, 0.01, 0.01])
    converted(tmp_path, made.write(tmp_path / "m.glb"))
    settings = bpy.context.scene.unit_settings
    settings.system = system
    settings.scale_length = length
    unit = length if system != "NONE" else 1.0
    root = placed(tmp_path, location=(3 / unit, 0, 0), size_m=0.9)
    low, high = seen([root, *root.children_recursive])
    assert max(high - low) == pytest.approx(0.9 / unit, rel=1e-4)
    before = [*root.location, *root.scale]
    files = [tmp_path / name for name in ("out.glb", "out.fbx", "usd/out.usd", "out.usdz")]
    files = [each for each in files if scene_package.can_export(each.suffix)]
    for path in files:
        with warnings.catch_warnings(action="ignore"):  # Blender's exporter, with a newer numpy
            scene_package.write_output([root], path)
    assert [*root.location, *root.scale] == before
    for path in files:
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        open_file(path)
        low, high = seen(each for each in bpy.data.objects if "Icosphere" not in each.name)
        assert max(high - low) == pytest.approx(0.9, rel=1e-3), path.name
        assert (low + high)[0] / 2 == pytest.approx(3, abs=1e-3), path.name


@pytest.mark.parametrize("how", ["excluded", "eye", "screen", "eye of the one above"])
def test_a_result_does_not_vanish_into_a_collection_that_is_not_shown(tmp_path, how):
    converted(tmp_path, version(tmp_path / "m.glb"))
    placed(tmp_path)
    scene = bpy.context.scene
    collection = scene.collection.children["Maquette"]
    if how == "eye of the one above":
        shelf = bpy.data.collections.new("Shelf")
        scene.collection.children.link(shelf)
        shelf.children.link(collection)
        scene.collection.children.unlink(collection)
    layer = bpy.context.view_layer.layer_collection.children[0]
    if how == "excluded":
        layer.exclude = True
    elif how == "screen":
        collection.hide_viewport = True
    else:
        layer.hide_viewport = True
    second = placed(tmp_path)
    assert second.visible_get()
    assert collection not in second.users_collection
    assert placed(tmp_path).users_collection == second.users_collection


LAYER = """#usda 1.0
# (metersPerUnit = 5)
(
    doc = '''in "metersPerUnit = 7" ( or not'''
    customLayerData = {{ double metersPerUnit = 3 }}
    {}
    upAxis = "Z"
)
def Mesh "m" (doc = "metersPerUnit = 9")
{{
    int[] faceVertexCounts = [4]
    int[] faceVertexIndices = [0, 1, 3, 2]
    point3f[] points = [(0, 0, 0), (100, 0, 0), (0, 200, 0), (100, 200, 100)]
}}
"""
with_usd = pytest.mark.skipif(not bpy.app.build_options.usd, reason="this Blender was built without USD")


@with_usd
@pytest.mark.parametrize(
    ("told", "metres"),
    [("metersPerUnit = 0.01", 1), ("metersPerUnit=1", 100), ("metersPerUnit = 2.54e-2", 2.54), ("", 1)],
)
@pytest.mark.parametrize("form", ["usda", "usd", "usdz"])
def test_a_usd_is_as_large_as_its_unit_says(tmp_path, told, metres, form):
    """Older Blenders take any unit for the metre; one that is not told is the centimetre (OpenUSD)."""
    layer = tmp_path / "m.usda"
    layer.write_text(LAYER.format(told))
    file = tmp_path / f"delivered.{form}"
    if form == "usdz":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:
            packed.write(layer, layer.name)
    else:
        file.write_bytes(layer.read_bytes())
    answer = converted(tmp_path, file)
    assert sides(answer) == pytest.approx([metres, 2 * metres, metres], rel=1e-5)


@with_usd
@pytest.mark.parametrize("unit", [1.0, 0.01, 0.3048])
def test_a_binary_usd_is_as_large_as_its_unit_says(tmp_path, unit):
    """As this Blender writes it."""
    bpy.ops.mesh.primitive_cube_add(size=2)
    bpy.context.scene.unit_settings.scale_length = unit
    file = tmp_path / "m.usdc"
    exporter: Any = bpy.ops.wm.usd_export  # the stubs know no get_rna_type()
    has_units = "meters_per_unit" in exporter.get_rna_type().properties
    options = {"convert_scene_units": "CUSTOM", "meters_per_unit": unit} if has_units else {}
    # Where the exporter has units, it scales the cube to 2 m.
    exporter(filepath=str(file), root_prim_path="", **options)
    usd = importlib.import_module(PACKAGE + ".scene.conversion.usd")
    assert usd.unit_of(file) == pytest.approx(unit)
    edge = 2 if has_units else 2 * unit
    assert sides(converted(tmp_path, file)) == pytest.approx([edge] * 3, rel=1e-4)


def test_the_unit_of_a_usd_is_what_openusd_says(tmp_path):
    """Of a binary one with every kind of number, and of one whose table of fields is damaged: the metre."""
    if not hasattr(bpy.utils, "expose_bundled_modules"):
        pytest.skip("this Blender brings no OpenUSD for Python")
    bpy.utils.expose_bundled_modules()
    pxr = pytest.importorskip("pxr", reason="this build brings no OpenUSD for Python")
    stages = importlib.import_module(pxr.__name__ + ".Usd")
    geometry = importlib.import_module(pxr.__name__ + ".UsdGeom")
    usd = importlib.import_module(PACKAGE + ".scene.conversion.usd")
    for number, unit in enumerate((1.0, 0.01, 0.3048, 1e-9, 1000.0, None)):
        file = tmp_path / f"{number}.usdc"
        stage = stages.Stage.CreateNew(str(file))
        for name in range(300):
            cube = geometry.Cube.Define(stage, f"/a{name}")
            cube.GetSizeAttr().Set(name / 7)
        if unit is not None:
            geometry.SetStageMetersPerUnit(stage, unit)
        stage.GetRootLayer().Save()
        assert usd.unit_of(file) == geometry.GetStageMetersPerUnit(stage)
        content = file.read_bytes()
        file.write_bytes(content.replace(b"FIELDS\0", b"FOLDER\0"))
        assert usd.unit_of(file) == (1.0 if unit is not None else 0.01)
