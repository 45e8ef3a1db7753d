# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports for other programs, read back: size, textures, axes and unit; and what is asked for wrongly."""

import importlib
import os
import re
import shutil
import struct
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from background_tasks import run_task
from finish_scene import ball, finished, made, rigged
from model_files import converted
from png_files import png

PACKAGE = os.environ["MAQUETTE_PACKAGE"]
scene_package = importlib.import_module(f"{PACKAGE}.scene")
profiles = importlib.import_module(f"{PACKAGE}.jobs.profile")
headless = importlib.import_module(f"{PACKAGE}.headless")
RED = (230, 30, 25)
# A box of 2 x 2 x 4 m with a nose at its front, which is -Y: 1 m wide in Y.
BOX = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (0, 4)]
NOSE = (0, -2, 2)
FACES = [(0, 2, 3, 1), (4, 5, 7, 6), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
FACES += [(0, 8, 4), (4, 8, 5), (5, 8, 1), (1, 8, 0)]
IMPORTERS = {
    ".glb": "import_scene.gltf",
    ".gltf": "import_scene.gltf",
    ".fbx": "import_scene.fbx",
    ".obj": "wm.obj_import",
    ".usdc": "wm.usd_import",
    ".usd": "wm.usd_import",
    ".usdz": "wm.usd_import",
    ".stl": "wm.stl_import",
}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A converted model with a red texture."""
    folder = tmp_path_factory.mktemp("made")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    mesh = bpy.data.meshes.new("Box")
    mesh.from_pydata([*BOX, NOSE], [], FACES)
    mesh.uv_layers.new(name="UVMap")
    (folder / "red.png").write_bytes(png(4, color=RED))
    material: Any = bpy.data.materials.new("Red")
    if bpy.app.version < (5, 0):
        material.use_nodes = True
    nodes = material.node_tree.nodes
    texture = nodes.new("ShaderNodeTexImage")
    texture.image = bpy.data.images.load(str(folder / "red.png"))
    shader = next(each for each in nodes if each.type == "BSDF_PRINCIPLED")
    material.node_tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    mesh.materials.append(material)
    item = bpy.data.objects.new("Box", mesh)
    bpy.context.scene.collection.objects.link(item)
    bpy.ops.export_scene.gltf(filepath=str(folder / "box.glb"))
    answer = converted(folder, {"box.glb": (folder / "box.glb").read_bytes()})
    assert answer["ok"], answer
    return folder / "result.blend"


def export(result: Path, path: Path, target: str = "", **changes: Any) -> dict[str, Any]:
    request = {
        "result": str(result),
        "output": str(path),
        "name": path.stem,
        "size_m": 1.0,
        "provenance": {"job": "job_1"},
        "has_textures_beside": path.suffix in (".gltf", ".obj", ".usdc", ".usd"),
        "target": target,
        **changes,
    }
    return run_task("export_as", request, result.parent)


@pytest.mark.skipif(not bpy.app.build_options.usd, reason="this Blender has no USD")
def test_a_usd_leaves_all_else_in_its_folder_as_it_is(result: Path, tmp_path: Path) -> None:
    mine = [tmp_path / "thesis.txt", tmp_path / "deep" / "thesis.txt", tmp_path / "textures" / "red.png"]
    for file in mine:
        file.parent.mkdir(exist_ok=True)
        file.write_text("mine")
    for name in ("first", "second", "second"):
        written: dict[str, Any] = {"result": str(result), "name": name}
        written |= {
            "outputs": [str(tmp_path / f"{name}.usd")],
            "turntable": None,
            "picture": None,
            "size_m": 1.0,
            "provenance": {},
            "threads": 0,
        }
        answer = run_task("write", {**written, "asset": None}, result.parent)
        assert answer["ok"], answer
    assert {file.read_text() for file in mine} == {"mine"}
    textures = {file.name for file in (tmp_path / "textures").iterdir()}
    assert textures == {"red.png", "first.png", "second.png"}
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.usd_import(filepath=str(tmp_path / "second.usd"))
    (image,) = [each for each in bpy.data.images if tuple(each.size) > (0, 0)]
    assert Path(bpy.path.abspath(image.filepath)).name == "second.png"


def imported(path: Path) -> Any:
    """The one mesh object that Blender's own importer makes of it."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    group, name = IMPORTERS[path.suffix].split(".")
    getattr(getattr(bpy.ops, group), name)(filepath=str(path))
    bpy.context.view_layer.update()
    (item,) = [each for each in bpy.data.objects if each.type == "MESH"]
    return item


def corners(item: Any) -> np.ndarray:
    return np.array([item.matrix_world @ each.co for each in item.data.vertices])


def skip_unless_it_writes(ending: str) -> None:
    if not scene_package.can_export(ending):
        pytest.skip("this Blender was made without USD")


@pytest.mark.parametrize("is_beside", [False, True])
@pytest.mark.parametrize("ending", scene_package.EXPORT_FORMATS)
def test_what_is_exported_comes_back_in_its_size_with_its_texture(
    result: Path, tmp_path: Path, ending: str, is_beside: bool
) -> None:
    skip_unless_it_writes(ending)
    usual = ".usdc" if ending == ".usd" else ending  # the same under another name
    places = next(each for each in headless.FORMATS.values() if usual in each.values())
    if places.get("beside" if is_beside else "inside", ".stl") != usual or (ending == ".stl" and is_beside):
        pytest.skip("it has its textures elsewhere")
    (tmp_path / "red.png").write_bytes(b"the artist's own")
    path = tmp_path / f"box{ending}"
    answer = export(result, path, has_textures_beside=is_beside)
    assert answer == {"ok": True}
    if ending == ".glb" and "MAQUETTE_KEEP" in os.environ:
        shutil.copy(path, os.environ["MAQUETTE_KEEP"])
    beside = {each.name for each in tmp_path.iterdir()} - {path.name, "red.png", "box.bin", "box.mtl"}
    assert beside == ({"box_textures"} if is_beside else set())
    assert (tmp_path / "red.png").read_bytes() == b"the artist's own"
    points = corners(imported(path))
    assert points.min(0) == pytest.approx([-0.25, -0.375, 0], abs=1e-4)
    assert points.max(0) == pytest.approx([0.25, 0.375, 1], abs=1e-4)
    if ending != ".stl":
        (image,) = [each for each in bpy.data.images if tuple(each.size) == (4, 4)]
        assert list(image.pixels)[:3] == pytest.approx([value / 255 for value in RED], abs=0.01)


@pytest.mark.parametrize(
    ("ending", "target", "height"),
    [(".stl", "", 1000), (".obj", "", 1000), (".glb", "", 1), (".stl", "slicer", 1000), (".obj", "godot", 1)],
)
def test_what_was_finished_in_millimetres_has_them_where_numbers_have_no_unit(
    result: Path, tmp_path: Path, ending: str, target: str, height: float
) -> None:
    finished = tmp_path / "finished.blend"
    profile = profiles.as_json(profiles.PROFILES["print"])
    request = {"source": str(result), "target": str(finished), "profile": profile, "name": "box"}
    assert run_task("finish", request, tmp_path)["ok"]
    assert export(finished, tmp_path / f"box{ending}", target)["ok"]
    points = corners(imported(tmp_path / f"box{ending}"))
    assert np.ptp(points, axis=0).max() == pytest.approx(height, rel=1e-4)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("", {"box_LOD0", "box_LOD1", "UCX_box_LOD0_01"}),
        ("unreal", {"box_LOD0", "box_LOD1", "UCX_box_LOD0_01"}),
        ("unity", {"box_LOD0", "box_LOD1"}),
        ("godot", {"box_LOD0", "box_LOD0_01-convcolonly"}),
        ("three", {"box_LOD0"}),
    ],
)
def test_an_engine_gets_the_versions_and_hulls_that_it_knows(
    result: Path, tmp_path: Path, target: str, expected: set[str]
) -> None:
    finished = tmp_path / "finished.blend"
    profile = profiles.as_json(profiles.Profile(name="mine", lods=1, hulls=1))
    request = {"source": str(result), "target": str(finished), "profile": profile, "name": "box"}
    assert run_task("finish", request, tmp_path)["ok"]
    assert export(finished, tmp_path / "box.glb", target)["ok"]
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.import_scene.gltf(filepath=str(tmp_path / "box.glb"))
    assert {each.name.replace(" mesh", "") for each in bpy.data.objects if each.type == "MESH"} == expected


@pytest.fixture(scope="module", params=["plain", "rig"])
def versions(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished with LODs and a hull: what is turned and three times as long along its new Y as it is wide."""
    folder = tmp_path_factory.mktemp("versions")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    objects = rigged() if request.param == "rig" else [made(lambda held: ball(held, 4))]
    for each in objects[:1]:
        each.scale = (3, 1, 1)
    finished(objects, folder, lods=2, hulls=1, front="x", pivot="base")
    return folder / "finished.blend"


def boxes(path: Path) -> dict[str, np.ndarray]:
    """Of each mesh that is in the file its lowest and highest corner, as it is posed."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    group, name = IMPORTERS[path.suffix].split(".")
    getattr(getattr(bpy.ops, group), name)(filepath=str(path))
    graph = bpy.context.evaluated_depsgraph_get()
    found: dict[str, np.ndarray] = {}
    for each in [each for each in bpy.data.objects if each.type == "MESH"]:
        points = corners(each.evaluated_get(graph))
        found[each.name] = np.array([points.min(axis=0), points.max(axis=0)])
    return {name: box for name, box in found.items() if not name.startswith("Icosphere")}


@pytest.mark.parametrize(
    ("ending", "target", "count"),
    [
        *((".glb", "", 4), (".glb", "unreal", 4), (".glb", "godot", 2)),
        *((".fbx", "", 4), (".fbx", "unreal", 4), (".fbx", "unity", 3)),
        *((".obj", "", 4), (".obj", "unity", 3), (".obj", "slicer", 1)),
        *((".usdc", "", 4), (".usdz", "", 4), (".stl", "", 1)),
    ],
)
def test_all_versions_and_hulls_stand_where_the_finest_does(
    versions: Path, tmp_path: Path, ending: str, target: str, count: int
) -> None:
    skip_unless_it_writes(ending)
    assert export(versions, tmp_path / f"thing{ending}", target, size_m=5.0)["ok"]
    found = boxes(tmp_path / f"thing{ending}")
    assert len(found) == count, found.keys()
    finest = next(box for name, box in found.items() if not re.match(r"UCX_|.*(LOD[12]|only)$", name))
    assert np.ptp(finest, axis=0).max() == pytest.approx(5000 if target == "slicer" else 5, rel=1e-3)
    for box in found.values():
        assert box == pytest.approx(finest, abs=0.35)


@pytest.mark.parametrize("ending", [".glb", ".gltf", ".fbx", ".obj", ".usdc", ".usdz"])
def test_textures_have_the_profiles_names(result: Path, tmp_path: Path, ending: str) -> None:
    skip_unless_it_writes(ending)
    target = tmp_path / "finished.blend"
    profile = profiles.Profile(name="mine", bake=64, texture_name="T_{name}_{number}")
    request = {"source": str(result), "target": str(target), "profile": profiles.as_json(profile)}
    assert run_task("finish", request | {"name": "box"}, tmp_path)["ok"]
    assert export(target, tmp_path / f"box{ending}")["ok"]
    imported(tmp_path / f"box{ending}")
    images = [each for each in bpy.data.images if tuple(each.size) == (64, 64)]
    assert {Path(each.name).stem for each in images} == {"T_box_01", "T_box_02"}
    paths = {Path(each.filepath.replace("\\", "/")).stem for each in images}
    assert paths <= {"", "T_box_01", "T_box_02"}


def nose(item: Any) -> list[float]:
    """The direction that the front looks in, of a model that stands on the origin."""
    points = corners(item)
    unique = np.unique(points.round(4), axis=0)
    level = unique[np.abs(unique[:, 2] - 0.5) < 1e-3]
    (tip,) = level
    return list((tip[:2] / np.linalg.norm(tip[:2])).round(3))


@pytest.mark.parametrize(
    ("target", "front"), [("", (0, -1)), ("unity", (0, -1)), ("godot", (0, -1)), ("unreal", (1, 0))]
)
def test_the_front_of_an_fbx_looks_where_its_program_expects_it(
    result: Path, tmp_path: Path, target: str, front: tuple[float, float]
) -> None:
    assert export(result, tmp_path / "box.fbx", target)["ok"]
    assert nose(imported(tmp_path / "box.fbx")) == pytest.approx(front, abs=1e-3)


def test_for_unity_no_object_is_scaled_or_turned(result: Path, tmp_path: Path) -> None:
    assert export(result, tmp_path / "box.fbx", "unity")["ok"]
    content = (tmp_path / "box.fbx").read_bytes()
    at = content.index(b"UnitScaleFactor")
    assert struct.pack("<d", 100.0) in content[at : at + 80]  # its unit is the metre
    item = imported(tmp_path / "box.fbx")
    assert tuple(item.scale) == pytest.approx((1, 1, 1), abs=1e-5)
    assert max(abs(corners(item)[:, 2])) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("ending", [".stl", ".obj"])
def test_for_a_slicer_numbers_are_millimetres_and_z_is_up(result: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"box{ending}"
    assert export(result, path, "slicer")["ok"]
    if ending == ".obj":
        lines = path.read_text().splitlines()
        points = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], float)
    else:
        points = corners(imported(path))
    assert np.ptp(points, axis=0) == pytest.approx([500, 750, 1000], abs=0.1)


def test_a_failed_export_changes_nothing(result: Path, tmp_path: Path) -> None:
    path = tmp_path / "box.glb"
    path.write_bytes(b"of before")
    answer = export(result.with_name("none.blend"), path)
    assert not answer["ok"]
    answer = export(result, path, size_m=-1.0)
    assert (answer["ok"], "above 0" in answer["error"]) == (False, True)
    assert [each.name for each in tmp_path.iterdir()] == ["box.glb"]
    assert path.read_bytes() == b"of before"


def test_a_texture_with_a_hostile_name_stays_in_its_folder(tmp_path: Path) -> None:
    """Run here: a result with such a name cannot come from the converter."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    (tmp_path / "red.png").write_bytes(png(4, color=RED))
    for name in ("../../evil", "/etc/x", "a b", "a_b", "..", "\u202e\u0007"):
        image = bpy.data.images.load(str(tmp_path / "red.png"), check_existing=False)
        image.name = name
        image.pack()
    folder = tmp_path / "in" / "textures"
    folder.parent.mkdir()
    importlib.import_module(f"{PACKAGE}.scene.export_as").lay_textures(folder)
    assert [each.read_bytes() for each in folder.iterdir()] == [png(4, color=RED)] * 6
    outside = [each.name for each in tmp_path.rglob("*") if each.is_file() and each.parent != folder]
    assert outside == ["red.png"]


def form(*words: str | None, file: str = "") -> tuple[str, str]:
    found = headless.read_form(Path(file) if file else None, *words)
    return found.ending, found.textures


def test_a_format_is_read_from_the_name_or_the_target() -> None:
    assert form(None, None, None) == (".glb", "inside")
    assert form(None, None, None, file="a.GLTF") == (".gltf", "beside")
    assert form(None, "beside", None, file="a.fbx") == (".fbx", "beside")
    assert form("glb", "beside", None) == (".gltf", "beside")
    assert form(None, None, "unreal") == (".fbx", "inside")
    assert form(None, None, "slicer") == (".stl", "none")
    if scene_package.can_export(".usdz"):
        assert form("usd", "beside", None) == (".usdc", "beside")


@pytest.mark.parametrize(
    ("file", "words", "told"),
    [
        ("a.dae", (None, None, None), "ends in .glb or .gltf or .fbx"),
        ("a.3mf", (None, None, None), "--format stl"),
        ("", ("3mf", None, None), "--format stl"),
        ("a.glb", ("fbx", None, None), "would end in .fbx"),
        ("a.glb", (None, "beside", None), "its name ends in .gltf"),
        ("a.obj", (None, "inside", None), "cannot have its textures inside"),
        ("a.stl", (None, "inside", None), "has no textures"),
        ("a.glb", (None, None, "slicer"), "export stl or obj, not glb"),
        ("", ("stl", None, "three"), "export glb, not stl"),
    ],
)
def test_what_cannot_be_is_told_with_what_can(file: str, words: tuple[Any, ...], told: str) -> None:
    with pytest.raises(headless.MaquetteError, match=told):
        form(*words, file=file)
