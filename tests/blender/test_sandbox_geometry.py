# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sandbox builds, inside Blender: closed, upright, within the face limit, in its input's colours."""

import gzip
import importlib
import json
import os
import struct
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest

PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette") + ".sandbox"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Blender's own importers and exporters
BLENDER = os.environ.get("MAQUETTE_BLENDER") or bpy.app.binary_path


def module(name: str) -> ModuleType:
    return importlib.import_module(f"{PACKAGE}.{name}")


build = module("build")
cutout, field, lettering, meshes, picture = (
    module(f"geometry.{name}") for name in ("cutout", "field", "lettering", "meshes", "picture")
)
Y, X = np.mgrid[0:200, 0:240]
DISC = (X - 120) ** 2 + (Y - 100) ** 2 < 70**2
CROSS = ((abs(X - 120) < 15) | (abs(Y - 100) < 15)) & (abs(X - 120) < 90) & (abs(Y - 100) < 80)
FRAME = (abs(X - 120) < 90) & (abs(Y - 100) < 70) & ~((abs(X - 120) < 60) & (abs(Y - 100) < 40))


@pytest.fixture(autouse=True)
def _empty_scene() -> None:
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)


def save(path: Path, rgb: Any, alpha: Any = None) -> str:
    """Write a picture; `rgb` is (height, width, 3), rows from the top."""
    rgb = np.asarray(rgb, np.float32)
    image = bpy.data.images.new("test", rgb.shape[1], rgb.shape[0], alpha=True)
    pixels = np.ones((*rgb.shape[:2], 4), np.float32)
    pixels[..., :3] = rgb
    if alpha is not None:
        pixels[..., 3] = alpha
    image.pixels.foreach_set(pixels[::-1].ravel())
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)
    return str(path)


def silhouette(path: Path, mask: Any, colour: tuple[float, float, float] = (0.2, 0.2, 0.2)) -> str:
    return save(path, np.where(mask[..., None], colour, (1, 1, 1)))


def is_closed(thing: Any) -> bool:
    """Whether every edge has exactly two faces."""
    count = np.zeros(len(thing.data.edges), int)
    for loop in thing.data.loops:
        count[loop.edge_index] += 1
    return bool((count == 2).all())


def size(thing: Any) -> Any:
    return np.ptp(meshes.arrays(thing)[0], axis=0)


def volume(thing: Any) -> float:
    """The enclosed volume, above 0 if the faces look outwards."""
    place, corners = meshes.arrays(thing)
    a, b, c = (place[corners[:, i]] for i in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def sample(count: int) -> tuple[Any, Any, Any]:
    """Points spread evenly over the surface of the scene's only mesh, their normals, their sRGB colours."""
    (thing,) = meshes.scene_meshes()
    place, corners = meshes.arrays(thing)
    flat = np.cross(place[corners[:, 1]] - place[corners[:, 0]], place[corners[:, 2]] - place[corners[:, 0]])
    area = np.linalg.norm(flat, axis=1)
    chance = np.random.default_rng(1)
    picked = np.searchsorted(np.cumsum(area), chance.random(count) * area.sum()).clip(0, len(area) - 1)
    weight = chance.dirichlet((1, 1, 1), count)[..., None]
    normal = flat[picked] / area[picked, None]
    return (place[corners[picked]] * weight).sum(1), normal, colours(thing.data, picked, weight)


def colours(mesh: Any, picked: Any, weight: Any) -> Any:
    """The colours of the mesh's picture at these places of these triangles."""
    nodes = [node for material in mesh.materials for node in material.node_tree.nodes]
    image = next(node.image for node in nodes if node.type == "TEX_IMAGE")
    uv = np.empty(len(mesh.loops) * 2, np.float32)
    mesh.uv_layers[0].data.foreach_get("uv", uv)
    loops = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("loops", loops)
    at = (uv.reshape(-1, 2)[loops.reshape(-1, 3)[picked]] * weight).sum(1) % 1.0
    pixels = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(pixels)
    width, height = image.size
    rows, columns = (np.clip((at[:, i] * n).astype(int), 0, n - 1) for i, n in ((1, height), (0, width)))
    return pixels.reshape(height, width, -1)[rows, columns, :3]


def request(folder: Path, task: str, **more: Any) -> dict[str, Any]:
    usual = {"prompt": "", "images": {}, "meshes": [], "faces": 5000, "textured": True, "is_splat": False}
    usual |= {"keeps_map": False}
    return {**usual, "folder": str(folder), "task": task, **more}


@pytest.fixture
def ball(tmp_path: Path) -> str:
    """A textured ball in a GLB."""
    picture_path = save(
        tmp_path / "stripes.png", np.repeat([[[0.8, 0.1, 0.1]], [[0.1, 0.1, 0.8]]], 32, 0).repeat(64, 1)
    )
    bpy.ops.mesh.primitive_uv_sphere_add(segments=48, ring_count=32)
    thing = bpy.context.object
    assert thing
    meshes.dress(thing, meshes.load_picture(picture_path)[..., :3])
    meshes.export(tmp_path / "ball.glb")
    bpy.data.objects.remove(thing)
    return str(tmp_path / "ball.glb")


@pytest.mark.parametrize("mask", [DISC, CROSS, FRAME], ids=["disc", "cross", "frame"])
def test_a_picture_becomes_a_closed_upright_solid_of_its_proportions(tmp_path: Path, mask: Any) -> None:
    thing = picture.build({"front": silhouette(tmp_path / "a.png", mask)}, 8000)
    rows, columns = (np.ptp(np.flatnonzero(mask.any(axis))) + 1 for axis in (1, 0))
    assert is_closed(thing)
    assert volume(thing) > 0
    assert size(thing).max() == pytest.approx(1, abs=0.01)
    assert size(thing)[2] / size(thing)[0] == pytest.approx(rows / columns, abs=0.05)
    assert meshes.arrays(thing)[0][:, 2].min() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("faces", [100, 1500, 20_000, 1_000_000])
def test_no_more_faces_come_than_were_asked_for(tmp_path: Path, faces: int) -> None:
    thing = picture.build({"front": silhouette(tmp_path / "a.png", DISC)}, faces)
    assert 0.5 * min(faces, 20_000) < meshes.triangles(thing) <= faces
    assert len(thing.data.polygons) == meshes.triangles(thing)


def test_the_surface_of_any_field_is_closed() -> None:
    noise = np.random.default_rng(3).normal(size=(24, 20, 22)).astype(np.float32)
    place, quads = field.surface(np.pad(noise, 2, constant_values=-1))
    thing = meshes.to_object(place, quads)
    edges = np.sort(np.stack([quads.ravel(), np.roll(quads, -1, 1).ravel()], 1), 1)
    _, count = np.unique(edges, axis=0, return_counts=True)
    assert (count == 2).all()
    assert volume(thing) > 0


def overlap(mask: Any, found: Any) -> float:
    return float((mask & (found > 0.5)).sum() / (mask | (found > 0.5)).sum())


def test_a_subject_is_found_on_a_softly_shaded_noisy_background() -> None:
    noise = np.random.default_rng(1).normal(0, 0.015, (200, 240, 3))
    back = 0.75 + 0.15 * (X / 240)[..., None] - 0.1 * (Y / 200)[..., None]
    photo = np.where(DISC[..., None], (0.7, 0.2, 0.15), back) + noise
    rgba = np.dstack([photo.clip(0, 1), np.ones((200, 240))]).astype(np.float32)
    assert overlap(DISC, cutout.subject(rgba)) > 0.95


def test_thin_gaps_and_holes_stay_open_on_a_plain_background() -> None:
    rgba = np.dstack([np.where(FRAME[..., None], 0.0, (1, 1, 1)), np.ones((200, 240))]).astype(np.float32)
    assert overlap(FRAME, cutout.subject(rgba)) > 0.95


def test_transparency_decides_where_there_is_some() -> None:
    rgba = np.dstack([np.full((200, 240, 3), 0.5), DISC]).astype(np.float32)
    assert overlap(DISC, cutout.subject(rgba)) > 0.99


@pytest.mark.parametrize(
    "colours", [np.full((90, 120, 3), 0.4), np.random.default_rng(2).random((90, 120, 3))]
)
def test_a_picture_without_a_subject_yields_its_middle(tmp_path: Path, colours: Any) -> None:
    thing = picture.build({"front": save(tmp_path / "a.png", colours)}, 3000)
    assert is_closed(thing)
    assert size(thing)[0] > size(thing)[2] > 0.5


def tower_views(folder: Path) -> dict[str, str]:
    """A slab 2 wide, 1 deep, a tower on its own left (+X) at the back (+Y); every side has its colour."""
    colours = {"front": (1, 0, 0), "left": (0, 1, 0), "back": (0, 0, 1), "right": (1, 1, 0)}
    views = {}
    for name, colour in colours.items():
        length, tower_is_right = (160 if name in ("front", "back") else 80), name in ("front", "left")
        mask = np.zeros((200, 240), bool)
        start = 120 - length // 2
        mask[130:180, start : start + length] = True
        tower = slice(start + length - 40, start + length) if tower_is_right else slice(start, start + 40)
        mask[40:130, tower] = True
        views[name] = save(folder / f"{name}.png", np.where(mask[..., None], colour, (1, 1, 1)), mask)
    return views


def test_named_views_carve_a_body_the_right_way_round(tmp_path: Path) -> None:
    thing = picture.build(tower_views(tmp_path), 8000)
    place, _ = meshes.arrays(thing)
    tower = place[place[:, 2] > 0.5]
    assert is_closed(thing)
    assert np.allclose(size(thing) / size(thing)[0], (1, 0.5, 140 / 160), atol=0.05)
    assert tower[:, 0].min() > 0.1
    assert tower[:, 1].min() > -0.05


def test_each_side_is_coloured_by_the_view_that_sees_it(tmp_path: Path) -> None:
    picture.build(tower_views(tmp_path), 8000)
    _, normal, colour = sample(4000)
    for direction, expected in (
        ((0, -1), (1, 0, 0)),
        ((1, 0), (0, 1, 0)),
        ((0, 1), (0, 0, 1)),
        ((-1, 0), (1, 1, 0)),
    ):
        seen = colour[normal[:, :2] @ direction > 0.95]
        assert len(seen) > 50
        assert np.abs(seen - expected).mean() < 0.1


def test_the_background_leaves_no_fringe(tmp_path: Path) -> None:
    picture.build({"front": silhouette(tmp_path / "a.png", CROSS, (0.6, 0.1, 0.1))}, 8000)
    _, _, colour = sample(20_000)
    assert np.percentile(colour[:, 1], 99.5) < 0.3


@pytest.mark.parametrize(
    "prompt", ["fox", "A red wooden rocking chair, old and worn, by the sea", "日本", "!!!"]
)
def test_words_become_a_solid_within_the_face_limit(prompt: str) -> None:
    thing = lettering.build(prompt, 6000)
    assert 50 < meshes.triangles(thing) <= 6000
    assert size(thing).max() == pytest.approx(1, abs=0.02)
    assert size(thing)[1] < 0.5
    assert thing.data.uv_layers


def test_letters_are_closed() -> None:
    thing = lettering.build("Fox 42", 100_000)
    assert is_closed(thing)
    assert volume(thing) > 0


def test_a_colour_in_the_words_is_the_solids_colour() -> None:
    lettering.build("a green frog", 4000)
    red, green, blue = sample(500)[2].mean(0)
    assert green > 2 * red
    assert green > 2 * blue


def test_a_mesh_is_decimated_to_its_face_limit(tmp_path: Path, ball: str) -> None:
    entry = build.build(request(tmp_path, "decimate", meshes=[ball], faces=500))
    assert 300 < entry["properties"]["faceCount"] <= 500


def test_a_mesh_gets_the_colour_of_the_words(tmp_path: Path, ball: str) -> None:
    build.build(request(tmp_path, "retexture", meshes=[ball], prompt="a green moon"))
    colour = sample(2000)[2].mean(0)
    assert colour[1] > 1.5 * max(colour[0], colour[2])


@pytest.mark.parametrize("keeps_map", [True, False])
def test_a_mesh_gets_a_checker_of_two_shades_and_keeps_its_faces(
    tmp_path: Path, ball: str, keeps_map: bool
) -> None:
    told = build.build(request(tmp_path, "retexture", meshes=[ball], prompt="red", keeps_map=keeps_map))
    assert told["properties"]["faceCount"] == 48 * 31 * 2
    reds = sample(4000)[2][:, 0]
    assert 0.35 < (reds > reds.mean()).mean() < 0.65
    assert np.ptp(reds) > 0.3


def test_a_mesh_that_is_made_anew_has_other_faces_and_a_size_of_its_own(tmp_path: Path, ball: str) -> None:
    told = build.build(request(tmp_path, "remake", meshes=[ball], prompt="red"))
    assert told["properties"]["faceCount"] > 10_000
    (thing,) = meshes.scene_meshes()
    points, _ = meshes.arrays(thing)
    assert np.allclose((points.max(0) + points.min(0)) / 2, 0, atol=1e-4)
    assert size(thing).max() == pytest.approx(1, abs=1e-4)


def test_a_mesh_gets_the_colours_of_a_style(tmp_path: Path, ball: str) -> None:
    style = save(tmp_path / "style.png", np.full((32, 32, 3), (0.9, 0.8, 0.1)))
    build.build(request(tmp_path, "retexture", meshes=[ball], images={"style": style}))
    assert np.allclose(sample(2000)[2].mean(0), (0.9, 0.8, 0.1), atol=0.03)


def test_an_unwrapped_mesh_has_a_map_without_overlaps(tmp_path: Path, ball: str) -> None:
    build.build(request(tmp_path, "unwrap", meshes=[ball]))
    mesh = meshes.scene_meshes()[0].data
    uv = np.empty(len(mesh.loops) * 2, np.float32)
    mesh.uv_layers[0].data.foreach_get("uv", uv)
    uv = uv.reshape(-1, 2)
    corners = np.array([tuple(triangle.loops) for triangle in mesh.loop_triangles])
    (ax, ay), (bx, by) = ((uv[corners[:, i]] - uv[corners[:, 0]]).T for i in (1, 2))
    assert uv.min() >= 0
    assert uv.max() <= 1
    assert 0.2 < np.abs(ax * by - ay * bx).sum() / 2 < 1


def test_blocks_have_axis_aligned_faces(tmp_path: Path, ball: str) -> None:
    build.build(request(tmp_path, "blocks", meshes=[ball]))
    (thing,) = meshes.scene_meshes()
    place, corners = meshes.arrays(thing)
    flat = np.cross(place[corners[:, 1]] - place[corners[:, 0]], place[corners[:, 2]] - place[corners[:, 0]])
    assert len(corners) > 1000
    assert np.allclose(np.abs(flat).max(1), np.linalg.norm(flat, axis=1), rtol=0.01)


def test_other_models_hand_the_mesh_back(tmp_path: Path, ball: str) -> None:
    entry = build.build(request(tmp_path, "pass", meshes=[ball]))
    assert entry["properties"]["faceCount"] == 2976
    assert meshes.scene_meshes()[0].data.uv_layers


def test_meshes_of_several_formats_are_read(tmp_path: Path) -> None:
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.wm.obj_export(filepath=str(tmp_path / "a.obj"))
    bpy.ops.wm.stl_export(filepath=str(tmp_path / "a.stl"))
    bpy.ops.wm.ply_export(filepath=str(tmp_path / "a.ply"))
    bpy.ops.export_scene.fbx(filepath=str(tmp_path / "a.fbx"))
    for suffix in ("obj", "stl", "ply", "fbx"):
        entry = build.build(request(tmp_path, "pass", meshes=[str(tmp_path / f"a.{suffix}")]))
        assert entry["properties"]["faceCount"] == 12, suffix


def test_splats_come_as_spz(tmp_path: Path) -> None:
    image = silhouette(tmp_path / "a.png", DISC)
    entry = build.build(request(tmp_path, "image", images={"front": image}, is_splat=True))
    data = gzip.decompress((tmp_path / entry["file"]).read_bytes())
    magic, version, count, degree, bits = struct.unpack("<IIIBB", data[:14])
    assert (magic, version, degree, bits) == (0x5053474E, 2, 0, 12)
    assert len(data) == 16 + count * (9 + 1 + 3 + 3 + 3)


@pytest.mark.parametrize(
    ("name", "content", "task", "said"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\nbroken", "image", "picture"),
        ("a.glb", b"glTF\x02\0\0\0broken", "pass", "mesh"),
        ("a.ply", b"ply\nformat ascii 1.0\nelement vertex 0\nend_header\n", "pass", "mesh"),
        ("a.vox", b"VOX ", "pass", ".vox"),
    ],
)
def test_a_bad_input_is_answered_with_what_is_wrong(
    tmp_path: Path, name: str, content: bytes, task: str, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    files = (
        {"images": {"front": str(tmp_path / name)}} if task == "image" else {"meshes": [str(tmp_path / name)]}
    )
    order = tmp_path / "request.json"
    order.write_text(json.dumps(request(tmp_path, task, **files)))
    build.main(str(order))
    assert said in json.loads((tmp_path / "result.json").read_text())["error"]


def test_the_builder_runs_a_blender_of_its_own_once_for_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "with a space"
    folder.mkdir()
    builder = module("builder").BlenderBuilder(BLENDER, tmp_path / "kept")
    result = builder(request(folder, "text", prompt="blue fox"), folder)
    data = (folder / result["file"]).read_bytes()
    assert data[:4] == b"glTF"
    assert result["properties"]["faceCount"] > 100

    def fail(*_: object, **__: object) -> None:
        raise OSError("no such program")

    monkeypatch.setattr(module("builder").subprocess, "Popen", fail)  # the same is not built again
    again = tmp_path / "again"
    again.mkdir()
    assert builder(request(again, "text", prompt="blue fox"), again) == result
    assert (again / result["file"]).read_bytes() == data
    with pytest.raises(module("builder").BuildError, match="could not be started"):
        builder(request(again, "text", prompt="red fox"), again)
