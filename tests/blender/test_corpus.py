# SPDX-License-Identifier: GPL-3.0-or-later
"""`make corpus` in a Blender: it finds each kind of difference that is planted, and no other."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import bpy
import corpus
import corpus_files
import corpus_rules
import pytest

BLENDER = os.environ.get("MAQUETTE_BLENDER") or bpy.app.binary_path


def cube() -> bpy.types.Object:
    """A cube with a material, a picture and an action, alone in the file."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.mesh.primitive_cube_add(size=2)
    made = bpy.context.object
    assert made
    material = bpy.data.materials.new("Skin")
    if bpy.app.version < (5, 0):
        material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.new("Picture", 8, 8)
    node.image.pack()
    surface = next(each for each in material.node_tree.nodes if each.type == "BSDF_PRINCIPLED")
    material.node_tree.links.new(node.outputs["Color"], surface.inputs["Base Color"])
    made.data.materials.append(material)
    made.keyframe_insert("location", frame=1)
    return made


def less_faces(item: bpy.types.Object) -> None:
    made = bpy.data.meshes.new("Triangle")
    made.from_pydata([(-1, -1, -1), (1, 1, 1), (1, 1, -1)], [], [(0, 1, 2)])
    made.materials.append(item.data.materials[0])
    item.data = made


def no_material(item: bpy.types.Object) -> None:
    item.data.materials.clear()


def no_picture(item: bpy.types.Object) -> None:
    tree = item.data.materials[0].node_tree
    tree.nodes.remove(next(each for each in tree.nodes if each.type == "TEX_IMAGE"))


def still(item: bpy.types.Object) -> None:
    item.animation_data_clear()


def larger(item: bpy.types.Object) -> None:
    for vertex in item.data.vertices:
        vertex.co *= 1.01


PLANTED: dict[str, tuple[Callable[[bpy.types.Object], None], set[str]]] = {
    "same": (lambda _: None, set()),
    "faces": (less_faces, {"faces"}),
    "material": (no_material, {"materials", "textures"}),
    "picture": (no_picture, {"textures"}),
    "action": (still, {"actions"}),
    "size": (larger, {"size", "told bounds"}),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("planted")
    found: dict[str, Path] = {}
    for name, (change, _) in PLANTED.items():
        change(cube())
        found[name] = folder / f"{name}.glb"
        with warnings.catch_warnings(action="ignore"):  # of an exporter older than this numpy
            bpy.ops.export_scene.gltf(filepath=str(found[name]))
    return found


def test_each_planted_difference_is_found(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The converter gets another file than Blender's own import."""
    trial = corpus.Trial(BLENDER)
    found: dict[str, set[str]] = {}
    try:
        for name, path in files.items():
            other = [{"path": str(path), "name": "same.glb", "role": "mesh"}]
            monkeypatch.setattr(corpus_files, "sources", lambda *_, other=other: other)
            made = trial.record(files["same"], path.parent)
            assert made["blender"]["textures"] == ["8 x 8"], made
            found[name] = {each.what for each in corpus_rules.differences(made)}
    finally:
        trial.end()
    assert found == {name: whats for name, (_, whats) in PLANTED.items()}


def test_a_folder_is_tried_to_its_end_and_ends_with_a_table(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / "a.glb").write_bytes(files["same"].read_bytes())
    (folder / "b.stl").write_text("no model", "utf-8")
    (folder / "c.ply").write_text(
        "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
        "property uchar red\nproperty uchar green\nproperty uchar blue\n"
        "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
        "0 0 0 255 0 0\n1 0 0 0 255 0\n0 1 0 0 0 255\n3 0 1 2\n",
        "utf-8",
    )
    assert corpus.main([BLENDER, str(folder), "--results", str(tmp_path / "results")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("by rule    c.ply: materials (c), Blender has ()") for line in lines), lines
    assert lines[-1] == "| all | 3 | 2 | 1 | 0 |"
