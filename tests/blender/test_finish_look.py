# SPDX-License-Identifier: GPL-3.0-or-later
"""What a finished result looks like: new UVs with everything baked over, textures, materials."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from finish_scene import cube, finished, loaded, look, made, painted_ball, shading, surfaces, wrong_share
from mathutils import Matrix

pytestmark = pytest.mark.usefixtures("empty_file")


# New UVs, and everything baked over.


def test_a_checker_is_baked_over(tmp_path: Path) -> None:
    answer = finished([painted_ball()], tmp_path, bake=512)
    assert answer["messages"] == []
    assert answer["textures"] >= 1
    assert answer["finish"]["texture_difference"] < 0.02
    (item,) = loaded(tmp_path)
    assert wrong_share(item) < 0.03


def test_fewer_faces_have_the_shape_in_their_normals(tmp_path: Path) -> None:
    answer = finished([painted_ball()], tmp_path, bake=512, faces=300, smooth_angle=180)
    assert answer["messages"] == []
    assert answer["faces"] <= 300
    (item,) = loaded(tmp_path)
    assert wrong_share(item) < 0.1
    (slot,) = item.material_slots
    normal = look.channels_of(slot.material)["normal"].image
    assert tuple(normal.size) == (512, 512)
    assert bent_error(item) < 0.01


def bent_error(item: Any) -> float:
    """How far the shown normals are from those of a ball, as 1 - cosine, in the mean."""
    surface = surfaces.surface_from([(item.data, Matrix())], has_tangents=True)
    rng = np.random.default_rng(1)
    weights = rng.dirichlet((1, 1, 1), 5000).astype(np.float32)
    places = surfaces.Places(rng.integers(0, len(surface.corners), 5000), weights, np.empty(0))
    seen = look.Look(surface)
    channel = seen.channels[0]["normal"]
    bend = seen.sampled(channel.image, places.of(surface.uv))[:, :3] * 2 - 1
    normal = surfaces.unit(places.of(surface.normals))
    tangent = places.of(surface.tangents)
    across = surfaces.unit(tangent[:, :3])
    up = np.cross(normal, across) * np.sign(tangent[:, 3:4])
    shown = surfaces.unit(across * bend[:, :1] + up * bend[:, 1:2] + normal * bend[:, 2:3])
    points = places.of(surface.corners)
    middle = (surface.corners.reshape(-1, 3).max(axis=0) + surface.corners.reshape(-1, 3).min(axis=0)) / 2
    return float(1 - (surfaces.unit(points - middle) * shown).sum(axis=1).mean())


def test_opacity_emission_roughness_and_metal_are_baked_too(tmp_path: Path) -> None:
    item = painted_ball(4)
    mesh: Any = item.data
    rng = np.random.default_rng(3)
    pictures = {
        name: shading.image_of(name, coarse(rng, count), is_color=name != "surface", has_alpha=count == 4)
        for name, count in (("color", 4), ("surface", 3), ("emission", 3))
    }
    mesh.materials.clear()
    mesh.materials.append(shading.material_of("all", pictures, shading.channels_of(None), "UVMap"))
    surface = surfaces.surface_from([(mesh, Matrix())])
    before = {name: look.Look(surface).values(name, middles(surface)) for name in pictures}
    finished([item], tmp_path, bake=1024)
    (item,) = loaded(tmp_path)
    surface = surfaces.surface_from([(item.data, Matrix())])
    after = look.Look(surface)
    for name, values in before.items():
        apart = np.abs(after.values(name, middles(surface)) - values)
        assert float(np.median(apart, axis=0).max()) < 0.02, name
        assert float(apart.mean(axis=0).max()) < 0.06, name


def coarse(rng: Any, count: int) -> Any:
    """A picture of 256 pixels a side, in patches of 64."""
    return rng.random((4, 4, count)).repeat(64, 0).repeat(64, 1).astype(np.float32)


def middles(surface: Any) -> Any:
    """The middle of each triangle."""
    count = len(surface.corners)
    return surfaces.Places(np.arange(count), np.full((count, 3), 1 / 3, np.float32), np.empty(0))


def test_all_meshes_get_one_material_and_their_own_looks(tmp_path: Path) -> None:
    items = [painted_ball(4), painted_ball(3)]
    items[1].location.x = 0.5  # within each other: neither may have the other's colours
    answer = finished(items, tmp_path, bake=1024)
    assert answer["report"]["materials"] == 1
    assert answer["report"]["uv_overlap"] < 0.01
    balls = [each for each in loaded(tmp_path) if each.type == "MESH"]
    assert [wrong_share(each) < 0.1 for each in balls] == [True, True]


# Textures and materials.


@pytest.mark.parametrize(("kind", "head"), [("png", b"\x89PNG"), ("jpeg", b"\xff\xd8"), ("webp", b"RIFF")])
def test_textures_are_made_smaller_and_packed_in_a_format(kind: str, head: bytes, tmp_path: Path) -> None:
    answer = finished([painted_ball(4)], tmp_path, texture_px=512, texture_format=kind)
    assert answer["messages"] == []
    assert answer["report"]["largest_texture_px"] == 512
    assert answer["finish"]["texture_difference"] < 0.05
    assert answer["finish"]["deviation_max_m"] == 0.0
    loaded(tmp_path)
    (image,) = [each for each in bpy.data.images if each.packed_file]
    assert image.packed_file.data.startswith(head)
    assert image.filepath_raw.endswith({"png": ".png", "jpeg": ".jpg", "webp": ".webp"}[kind])


def test_the_same_materials_and_textures_become_one(tmp_path: Path) -> None:
    items = [painted_ball(3) for _ in range(3)]
    for number, each in enumerate(items):
        each.location.x = 3.0 * number
    answer = finished(items, tmp_path, merge=True)
    assert (answer["report"]["materials"], answer["textures"]) == (1, 1)
    assert answer["report"]["duplicate_materials"] == answer["report"]["duplicate_textures"] == 0


def test_slots_with_the_same_material_become_one(tmp_path: Path) -> None:
    item = made(cube)
    mesh: Any = item.data
    for colour in ((1, 0, 0, 1), (0, 1, 0, 1), (1, 0, 0, 1)):
        material = bpy.data.materials.new("paint")
        material.diffuse_color = colour
        mesh.materials.append(material)
    mesh.polygons.foreach_set("material_index", [0, 1, 2, 0, 1, 2])
    finished([item], tmp_path, merge=True)
    mesh = loaded(tmp_path)[0].data
    colours = [tuple(mesh.materials[each.material_index].diffuse_color) for each in mesh.polygons]
    assert len(mesh.materials) == 2
    assert colours == [(1, 0, 0, 1), (0, 1, 0, 1), (1, 0, 0, 1)] * 2
