# SPDX-License-Identifier: GPL-3.0-or-later
"""Large results come in short steps, and are in the end what the importer made of the file."""

import ctypes
import importlib
import math
import os
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
from wavy_sheet import TEXTURE_PX, convert, wavy

pytestmark = pytest.mark.usefixtures("empty_file")
PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette")
BLENDER = os.environ.get("MAQUETTE_BLENDER") or bpy.app.binary_path

if sys.platform == "linux":
    import resource

scene_package = importlib.import_module(PACKAGE + ".scene")
parts = importlib.import_module(PACKAGE + ".scene.conversion.sidecar")

memory = importlib.import_module(PACKAGE + ".scene.prefault")


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """A result of 90,000 faces with a texture of 8 MB, converted by the real child."""
    return convert(tmp_path_factory.mktemp("large"), lambda: wavy(300))


def mesh_of(objects: list[bpy.types.Object]) -> bpy.types.Mesh:
    (mesh,) = {each.data for each in objects if isinstance(each.data, bpy.types.Mesh)}
    return mesh


def facts(mesh: bpy.types.Mesh) -> dict[str, np.ndarray]:
    """What makes the mesh look as it does."""

    def read(collection: object, name: str, width: int, kind: type) -> np.ndarray:
        values = np.empty(len(collection) * width, kind)
        collection.foreach_get(name, values)
        return values

    return {
        "position": read(mesh.vertices, "co", 3, np.float32),
        "edges": read(mesh.edges, "vertices", 2, np.int32),
        "corners": read(mesh.loops, "vertex_index", 1, np.int32),
        "corner edges": read(mesh.loops, "edge_index", 1, np.int32),
        "faces": read(mesh.polygons, "loop_start", 1, np.int32),
        "smooth": read(mesh.polygons, "use_smooth", 1, np.bool_),
        "uv": read(mesh.uv_layers.active.data, "uv", 2, np.float32),
        "normals": read(mesh.corner_normals, "vector", 3, np.float32),
    }


def middle_of_floor(points: np.ndarray) -> np.ndarray:
    low, high = points.min(axis=0), points.max(axis=0)
    return np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])


def test_a_large_result_is_in_the_end_what_the_importer_made_of_the_file(large):
    root, objects = scene_package.Loading(large).finish()
    came = mesh_of(objects)
    bpy.ops.import_scene.gltf(filepath=str(large.with_name("model.glb")))
    imported = bpy.context.object.data
    found, wanted = facts(came), facts(imported)
    for name, values in wanted.items():
        if name == "position":  # it stands on its bottom centre
            values = values.reshape(-1, 3) - middle_of_floor(values.reshape(-1, 3))
            values = values.ravel()
        assert np.array_equal(found[name], values) or np.allclose(found[name], values, atol=1e-4), name
    assert not came.validate(), "Blender finds nothing to repair"
    assert [layer.name for layer in came.uv_layers] == [layer.name for layer in imported.uv_layers]
    assert came.uv_layers.active.active_render
    assert [each.name for each in came.materials] == ["Skin"]
    assert "maquette_min" in root
    assert parts.ARRAYS_BESIDE not in came


def test_its_texture_is_packed_as_the_bytes_that_were_delivered(large):
    scene_package.Loading(large).finish()
    (image,) = [each for each in bpy.data.images if each.source == "FILE"]
    (file,) = [each for each in large.with_suffix(".parts").iterdir() if each.suffix != ".array"]
    assert image.packed_file.data == file.read_bytes()
    assert tuple(image.size) == (TEXTURE_PX, TEXTURE_PX)
    assert str(large.parent) not in image.filepath_raw
    assert parts.ARRAYS_BESIDE not in image


def test_it_comes_in_many_steps_and_nothing_is_in_the_scene_before_the_last(large):
    loading, count, long = scene_package.Loading(large), 0, 0
    while not loading.step():
        count += 1
        long += loading.is_next_long
        assert not bpy.context.scene.objects
        assert all(mesh.users for mesh in bpy.data.meshes)
    assert count > 5
    assert 2 < long < count / 2  # appending, packing, and setting what is large


def faults_of(work) -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    work()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def keeps_freed_memory() -> bool:
    """Whether Blender's allocator does at all; glibc does, once it has seen a block of that size freed."""
    size_bytes = 17 << 20

    def use() -> None:
        block = memory.allocate(size_bytes)
        ctypes.memset(block, 0, size_bytes)
        memory.free(block)

    use()
    use()
    return faults_of(use) < 5  # in pages of 2 MB it would take nine of them anew each time


@pytest.mark.skipif(sys.platform != "linux", reason="counts page faults")
@pytest.mark.parametrize("hole_mb", [0, 18, 40])
@pytest.mark.parametrize("size_mb", [17, 42, 60])
def test_the_memory_for_a_texture_is_there_before_blender_packs_it(tmp_path, size_mb, hole_mb):
    if not keeps_freed_memory():
        pytest.skip("this Blender's allocator gives freed memory back at once")
    size_bytes = size_mb << 20
    file = tmp_path / "skin.png"
    file.write_bytes(bytes(size_bytes))
    image = bpy.data.images.new("skin", 4, 4)
    image.filepath_raw = str(file)
    image.source = "FILE"
    hole = [memory.allocate(each << 20) for each in (hole_mb // 2, hole_mb // 2) if each]
    behind_it = memory.allocate(1 << 20)
    for block in hole:
        memory.free(block)
    steps = list(memory.prefault(size_bytes))
    faults = faults_of(image.pack)
    memory.free(behind_it)
    assert len(steps) >= size_mb
    assert faults < size_mb * 256 / 10


def test_no_memory_is_looked_for_if_it_would_not_be_kept():
    assert list(memory.prefault(memory.SLICE_BYTES)) == []
    assert list(memory.prefault(memory.MOST_BYTES + 1)) == [True]


def test_a_result_that_is_undone_half_way_says_so_and_leaves_nothing(large):
    loading = scene_package.Loading(large)
    while not bpy.data.meshes:
        loading.step()
    loading.step()
    bpy.data.batch_remove(list(bpy.data.meshes))  # as undo does
    with pytest.raises(scene_package.GoneError):
        loading.finish()
    assert not bpy.data.objects


@pytest.mark.parametrize("suffix", [".array", ".png"])
def test_a_part_that_is_missing_is_an_error_and_leaves_nothing(large, tmp_path, suffix):
    for file in [large, *large.with_suffix(".parts").iterdir()]:
        target = tmp_path / file.relative_to(large.parent)
        target.parent.mkdir(exist_ok=True)
        if file.suffix != suffix and not (suffix == ".png" and file.suffix != ".array" and file != large):
            os.link(file, target)
    with pytest.raises(OSError, match=r"missing|No such file"):
        scene_package.Loading(tmp_path / large.name).finish()
    assert not bpy.data.objects
    assert not bpy.data.meshes


def test_an_array_that_was_cut_short_is_an_error_and_no_crash(large, tmp_path):
    for file in [large, *large.with_suffix(".parts").iterdir()]:
        target = tmp_path / file.relative_to(large.parent)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(file.read_bytes()[: None if file.suffix != ".array" else 4096])
    with pytest.raises(OSError, match="spoilt"):
        scene_package.Loading(tmp_path / large.name).finish()


def test_a_large_rigged_mesh_keeps_its_weights_and_its_texture_coordinates(tmp_path):
    def rigged() -> None:
        sheet = wavy(300)
        bpy.ops.object.armature_add()
        bone = bpy.context.object
        sheet.parent = bone
        sheet.modifiers.new("Armature", "ARMATURE").object = bone
        sheet.vertex_groups.new(name="Bone").add(range(1000), 0.5, "REPLACE")
        sheet.vertex_groups["Bone"].add(range(1000, len(sheet.data.vertices)), 1.0, "REPLACE")

    _, objects = scene_package.Loading(convert(tmp_path, rigged)).finish()
    (sheet,) = [each for each in objects if each.type == "MESH"]
    assert [group.name for group in sheet.vertex_groups] == ["Bone"]
    assert all(vertex.groups for vertex in sheet.data.vertices)
    uvs = np.empty(len(sheet.data.loops) * 2, np.float32)
    sheet.data.uv_layers.active.data.foreach_get("uv", uvs)
    assert math.isclose(uvs.min(), 0, abs_tol=1e-4)
    assert math.isclose(uvs.max(), 1, abs_tol=1e-4)


def test_a_small_result_needs_no_files_beside_it(tmp_path):
    result = convert(tmp_path, lambda: bpy.ops.mesh.primitive_cube_add())
    assert not result.with_suffix(".parts").exists()
    _, objects = scene_package.Loading(result).finish()
    assert len(mesh_of(objects).polygons) in (6, 12)
