# SPDX-License-Identifier: GPL-3.0-or-later
"""Finishing: each step on meshes with known defects, and each profile; test_finish_look.py has the looks."""

import importlib
import os
import warnings
from pathlib import Path
from typing import Any

import bmesh
import bpy
import numpy as np
import own_shapes as shapes
import pytest
from background_tasks import run_task
from finish_scene import (
    ball,
    counts_of,
    cube,
    finished,
    loaded,
    made,
    painted_ball,
    profiles,
    rigged,
    surfaces,
    write_result,
    wrong_share,
)
from mathutils import Matrix, Vector

pytestmark = pytest.mark.usefixtures("empty_file")
PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette")


# Faces that are stored twice, bits, normals.


def test_a_split_cube_is_welded(tmp_path: Path) -> None:
    def build(held: Any) -> None:
        cube(held)
        bmesh.ops.split_edges(held, edges=held.edges)

    finished([made(build)], tmp_path, weld=True)
    (item,) = loaded(tmp_path)
    assert (len(item.data.vertices), len(item.data.edges), len(item.data.polygons)) == (8, 12, 6)


def test_loose_bits_go_and_are_counted(tmp_path: Path) -> None:
    def build(held: Any) -> None:
        cube(held, 2.0)
        for number in range(3):
            cube(held, 0.01, (2.0, number / 10, 0.0))
        cube(held, 0.5, (3.0, 0.0, 0.0))

    answer = finished([made(build)], tmp_path, loose=0.01)
    assert (answer["finish"]["bits"], answer["messages"]) == (3, [])
    (item,) = loaded(tmp_path)
    assert len(item.data.polygons) == 12


def test_bits_that_are_the_model_stay(tmp_path: Path) -> None:
    def build(held: Any) -> None:
        for number in range(200):
            cube(held, 0.02, (number / 10, number % 7 / 10, 0.0))

    answer = finished([made(build)], tmp_path, loose=0.05)
    assert answer["messages"] == [
        "Loose bits: not done, as parts below 5.0% of its size are 100% of its surface."
    ]
    assert answer["faces"] == 1200


def test_split_faces_are_no_bits(tmp_path: Path) -> None:
    def build(held: Any) -> None:
        ball(held)
        bmesh.ops.split_edges(held, edges=held.edges)

    assert finished([made(build)], tmp_path, loose=0.1)["finish"]["bits"] == 0


def test_faces_look_outwards(tmp_path: Path) -> None:
    def build(held: Any) -> None:
        ball(held)
        bmesh.ops.reverse_faces(held, faces=list(held.faces)[::3])

    item = made(build)
    assert counts_of(item).flipped_faces > 100
    finished([item], tmp_path, normals=True)
    assert counts_of(loaded(tmp_path)[0]).flipped_faces == 0


def test_edges_are_sharp_above_the_angle(tmp_path: Path) -> None:
    def build(held: Any) -> None:
        bmesh.ops.create_cone(
            held, cap_ends=True, segments=32, radius1=1, radius2=1, depth=1, matrix=Matrix()
        )

    finished([made(build)], tmp_path, smooth_angle=40)
    (item,) = loaded(tmp_path)
    sharp = np.zeros(len(item.data.edges), bool)
    item.data.attributes["sharp_edge"].data.foreach_get("value", sharp)
    assert sharp.sum() == 64


# A budget of faces.


@pytest.mark.parametrize("budget", [4000, 500, 60])
def test_a_budget_is_kept_to(budget: int, tmp_path: Path) -> None:
    answer = finished([made(lambda held: ball(held, 5))], tmp_path, faces=budget)
    assert answer["messages"] == []
    assert 0.9 * budget <= answer["finish"]["faces_after"] == answer["report"]["faces"] <= budget
    assert answer["finish"]["faces_before"] == 20 * 4**4
    assert 0 < answer["finish"]["deviation_mean_share"] < answer["finish"]["deviation_max_share"] < 0.2
    assert counts_of(loaded(tmp_path)[0]).boundary_edges == 0


def test_what_is_within_the_budget_stays_as_it_is(tmp_path: Path) -> None:
    answer = finished([made(cube)], tmp_path, faces=6)
    assert (answer["faces"], answer["finish"]["deviation_max_m"]) == (6, 0.0)


def test_several_meshes_share_the_budget(tmp_path: Path) -> None:
    items = [made(lambda held: ball(held, 4)), made(lambda held: ball(held, 3))]
    twin = shapes.new_object("twin", items[0].data)
    twin.location.x = 5
    answer = finished([*items, twin], tmp_path, faces=500)
    assert answer["faces"] <= 500
    balls = [each for each in loaded(tmp_path) if each.type == "MESH"]
    assert len({each.data for each in balls}) == 2


def test_seams_of_uvs_stay_where_they_are(tmp_path: Path) -> None:
    item = painted_ball(6)
    before = seam_length(item)
    answer = finished([item], tmp_path, faces=6000)
    (item,) = loaded(tmp_path)
    assert seam_length(item) == pytest.approx(before, rel=0.02)
    assert answer["finish"]["texture_difference"] < 0.03
    assert answer["report"]["uv_layers"] == 1


def seam_length(item: Any) -> float:
    """In all, of edges whose two faces have them at different places of the UV map."""
    held = bmesh.new()
    held.from_mesh(item.data)
    layer = held.loops.layers.uv.active
    total = 0.0
    for edge in held.edges:
        places = {
            (loop.vert.index, tuple(round(part, 4) for part in loop[layer].uv))
            for face in edge.link_faces
            for loop in face.loops
            if loop.vert in edge.verts
        }
        total += edge.calc_length() if len(places) > 2 else 0.0
    held.free()
    return total


# How far it is from what it was.


def test_the_deviation_of_a_known_displacement_is_told() -> None:
    deviation: Any = importlib.import_module(PACKAGE + ".scene.finishing.deviation")
    work: Any = importlib.import_module(PACKAGE + ".scene.finishing.work")
    item = made(lambda held: ball(held, 6))
    held = work.Work("Thing", {}, [item])
    before = deviation.remember(held)
    item.data.transform(Matrix.Scale(1.05, 4))
    found = deviation.compare(held, before)
    assert found["deviation_mean_m"] == pytest.approx(0.05, rel=0.02)
    assert found["deviation_max_m"] == pytest.approx(0.05, rel=0.05)
    assert found["deviation_mean_share"] == pytest.approx(0.025, rel=0.02)
    assert found == deviation.compare(held, before)


def test_a_part_that_is_gone_is_a_deviation() -> None:
    deviation: Any = importlib.import_module(PACKAGE + ".scene.finishing.deviation")
    work: Any = importlib.import_module(PACKAGE + ".scene.finishing.work")
    item = made(lambda held: (cube(held), cube(held, 1.0, (4, 0, 0))))
    held = work.Work("Thing", {}, [item])
    before = deviation.remember(held)
    item.data = made(cube).data
    assert deviation.compare(held, before)["deviation_max_m"] == pytest.approx(4.0, abs=0.1)


def grid(held: Any) -> None:
    bmesh.ops.create_grid(held, x_segments=60, y_segments=60, size=0.5)


def triangle(held: Any) -> None:
    held.faces.new([held.verts.new(place_) for place_ in ((0, 0, 0), (1, 0, 0), (0, 1, 0))])


@pytest.mark.parametrize("build", [grid, triangle])
def test_a_sheet_of_quads_is_as_near_as_it_is(build: Any, tmp_path: Path) -> None:
    answer = finished([made(build)], tmp_path, quads=True, faces=4000)
    (item,) = loaded(tmp_path)
    assert len(item.data.polygons) > 2000
    assert answer["finish"]["deviation_max_m"] < 0.06


def test_the_nearest_place_in_a_triangle_is_found_also_in_a_mere_line() -> None:
    rng = np.random.default_rng(5)
    corners = rng.random((400, 3, 3)).astype(np.float32)
    corners[:100, 2] = corners[:100, 0] + (corners[:100, 1] - corners[:100, 0]) * rng.random((100, 1))
    corners[100:110, 1:] = corners[100:110, :1]  # points
    points = (2 * rng.random((400, 3)) - 0.5).astype(np.float32)
    found = surfaces.nearest_in(corners, np.arange(400), points)
    assert found.weights.min() >= 0
    assert found.weights.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(found.of(corners) - points, axis=1) == pytest.approx(found.distance, abs=1e-5)
    first, second = (axis.ravel() for axis in np.meshgrid(*[np.linspace(0, 1, 101)] * 2))
    is_inside = first + second <= 1
    weights = np.stack([1 - first - second, first, second], axis=1)[is_inside]
    for place_, point, distance in zip(corners, points, found.distance, strict=True):
        tried = np.linalg.norm(weights @ place_ - point, axis=1).min()
        assert tried - 0.02 <= distance <= tried + 1e-5


# Another surface.


def test_holes_are_filled_and_the_uvs_stay(tmp_path: Path) -> None:
    item = painted_ball()
    held = bmesh.new()
    held.from_mesh(item.data)
    held.faces.ensure_lookup_table()
    bmesh.ops.delete(held, geom=[held.faces[3], held.faces[400]], context="FACES")
    held.to_mesh(item.data)
    held.free()
    answer = finished([item], tmp_path, watertight=True)
    assert (answer["report"]["boundary_edges"], answer["report"]["uv_layers"]) == (0, 1)
    assert answer["finish"]["deviation_max_share"] < 0.01


def test_an_open_surface_is_closed_by_voxels(tmp_path: Path) -> None:
    def build(held: Any) -> None:
        bmesh.ops.create_grid(held, x_segments=20, y_segments=20, size=1)
        cube(held, 0.5)

    answer = finished([made(build)], tmp_path, watertight=True)
    assert answer["messages"] == []
    assert answer["report"]["boundary_edges"] == answer["report"]["non_manifold_edges"] == 0
    assert answer["finish"]["deviation_mean_share"] < 0.02


def bowl(held: Any) -> None:
    """Half of a ball, without thickness."""
    bmesh.ops.create_icosphere(held, subdivisions=2, radius=1)
    above = [each for each in held.faces if each.calc_center_median().z > 0.1]
    bmesh.ops.delete(held, geom=above, context="FACES")


def test_a_sheet_that_voxels_would_lose_gets_a_thickness(tmp_path: Path) -> None:
    answer = finished([made(bowl)], tmp_path, watertight=True)
    assert answer["messages"] == []
    assert answer["report"]["boundary_edges"] == answer["report"]["non_manifold_edges"] == 0
    assert answer["finish"]["deviation_max_share"] < 0.03


def test_a_sheet_stays_as_it_is_where_quads_of_voxels_would_lose_it() -> None:
    quads: Any = importlib.import_module(PACKAGE + ".scene.finishing.quads")
    work: Any = importlib.import_module(PACKAGE + ".scene.finishing.work")
    item = made(bowl)
    before = counts_of(item)
    held = work.Work("Thing", {"faces": 600}, [item])
    with pytest.raises(work.CannotError, match="sheets would be lost"):
        quads.make_quads(held, limit_s=0.01)
    assert counts_of(item) == before


def test_quads_are_made_of_few_quads(tmp_path: Path) -> None:
    def build(held: Any) -> None:
        cube(held, 1.0)
        bmesh.ops.subdivide_edges(held, edges=held.edges, cuts=7, use_grid_fill=True)

    answer = finished([made(build)], tmp_path, quads=True, faces=400)
    assert answer["messages"] == []
    assert answer["report"]["quads"] > 0.9 * answer["faces"]


def test_quads_are_made_and_the_checker_is_on_them(tmp_path: Path) -> None:
    answer = finished([painted_ball()], tmp_path, quads=True, faces=800, bake=512)
    assert answer["messages"] == []
    assert answer["report"]["quads"] > 0.95 * answer["faces"]
    assert 400 < answer["faces"] < 1200
    assert wrong_share(loaded(tmp_path)[0]) < 0.1


def test_quads_come_of_voxels_where_quadriflow_takes_too_long() -> None:
    quads: Any = importlib.import_module(PACKAGE + ".scene.finishing.quads")
    work: Any = importlib.import_module(PACKAGE + ".scene.finishing.work")
    item = made(lambda held: ball(held, 4))
    held = work.Work("Thing", {"faces": 600}, [item])
    quads.make_quads(held, limit_s=0.01)
    assert held.messages == ["Quads: those of made are voxels', as QuadriFlow takes too long."]
    counts = counts_of(item)
    assert (counts.triangles, counts.ngons, counts.boundary_edges) == (0, 0, 0)
    assert 300 < counts.quads <= 600


def test_quads_that_miss_the_budget_say_so(tmp_path: Path) -> None:
    answer = finished([painted_ball(3)], tmp_path, quads=True, faces=4)
    assert answer["faces"] > 5
    assert f"Faces: not done, as {answer['faces']} quads are as near to 4 as it came." in answer["messages"]


# New UVs.


def crumpled(held: Any) -> None:
    """A ball whose faces look everywhere: many islands."""
    rng = np.random.default_rng(3)
    for each in ball(held, 6):
        each.co *= 1 + 0.05 * rng.random()


@pytest.mark.parametrize("bake", [64, 128, 512])
def test_many_islands_lie_in_the_square_of_a_small_picture(bake: int, tmp_path: Path) -> None:
    answer = finished([made(crumpled)], tmp_path, bake=bake)
    assert answer["report"]["uv_outside_faces"] == 0
    assert answer["report"]["uv_coverage"] > 0.1
    (item,) = loaded(tmp_path)
    places = np.array([each.vector for each in item.data.uv_layers.active.uv])
    assert places.min() >= 0
    assert places.max() <= 1
    few = [text for text in answer["messages"] if text.startswith(f"Bake: {bake} pixels a side are few")]
    assert len(few) == len(answer["messages"]) == (bake < 512)


# How it stands, what is beside it, what it is called.


def test_scales_go_into_the_meshes(tmp_path: Path) -> None:
    outer = shapes.new_object("outer", None)
    outer.scale = (2, 2, 2)
    items = [made(cube), made(cube)]
    for number, each in enumerate(items):
        each.parent = outer
        each.scale = (1, 3, 0.5)
        each.location.x = number * 2
        each.rotation_euler.z = 0.3
    bpy.context.view_layer.update()
    before = np.sort(np.concatenate([shapes.world_points(each) for each in items]), axis=0)
    finished([outer, *items], tmp_path, apply_scale=True, pivot="base")
    root, *parts = loaded(tmp_path)
    assert all(tuple(each.matrix_local.to_scale()) == pytest.approx((1, 1, 1), abs=1e-4) for each in parts)
    after = np.sort(np.concatenate([shapes.world_points(e) for e in parts if e.type == "MESH"]), axis=0)
    assert np.ptp(after, axis=0) == pytest.approx(np.ptp(before, axis=0), abs=1e-4)
    assert root.location.length == 0


@pytest.mark.parametrize(
    ("pivot", "low", "high"),
    [("base", (-1, -0.5, 0), (1, 0.5, 3)), ("centre", (-1, -0.5, -1.5), (1, 0.5, 1.5))],
)
def test_the_origin_is_where_it_is_wanted(pivot: str, low: Any, high: Any, tmp_path: Path) -> None:
    item = made(cube)
    item.scale = (2, 1, 3)
    item.location = (4, 5, 6)
    answer = finished([item], tmp_path, pivot=pivot)
    assert (answer["min"], answer["max"]) == (pytest.approx(low), pytest.approx(high))
    points = shapes.world_points(loaded(tmp_path)[0])
    assert np.ptp(points, axis=0) == pytest.approx((2, 1, 3))


@pytest.mark.parametrize(
    ("front", "place_"), [("-y", (0, -1)), ("x", (1, 0)), ("y", (0, 1)), ("-x", (-1, 0))]
)
def test_the_front_is_turned(front: str, place_: tuple[int, int], tmp_path: Path) -> None:
    def build(held: Any) -> None:
        cube(held)
        cube(held, 0.2, (0, -1, 0))  # a nose

    finished([made(build)], tmp_path, front=front)
    (item,) = loaded(tmp_path)
    nose = np.array([vertex.co for vertex in item.data.vertices])[8:, :2].mean(axis=0)
    body = np.array([vertex.co for vertex in item.data.vertices])[:8, :2].mean(axis=0)
    assert nose - body == pytest.approx(place_, abs=1e-5)


def test_lods_and_hulls_stand_beside_it_under_the_engines_names(tmp_path: Path) -> None:
    answer = finished([painted_ball()], tmp_path, lods=3, hulls=4, pivot="base", faces=2000)
    assert answer["faces"] == answer["report"]["faces"] <= 2000
    assert [abs(faces - 2000 / 2**n) < 30 for n, faces in enumerate(answer["finish"]["lods"], 1)] == [
        True
    ] * 3
    root, *parts = loaded(tmp_path)
    names = {each.name for each in parts}
    assert {f"Thing_LOD{number}" for number in range(4)} <= names
    assert (root.name, root.type) == ("Thing", "EMPTY")
    hulls = [each for each in parts if each.name.startswith("UCX_Thing_LOD0_")]
    assert len(hulls) == answer["finish"]["hulls"] == len(parts) - 4
    hidden = {each.name for each in parts if each.hide_viewport}
    assert hidden == names - {"Thing_LOD0"}
    assert all(counts_of(each).boundary_edges == 0 for each in hulls)


@pytest.mark.parametrize("ending", [".glb", ".fbx", ".usdz"])
def test_lods_and_hulls_are_exported_in_the_size_of_the_finest(tmp_path: Path, ending: str) -> None:
    if not shapes.scene_package.can_export(ending):
        pytest.skip("this Blender was made without USD")
    finished([painted_ball(4)], tmp_path, lods=1, hulls=1, pivot="base", texture_name="T_{name}")
    path = tmp_path / f"file{ending}"
    request = {"result": str(tmp_path / "finished.blend"), "outputs": [str(path)]}
    request |= {"name": "Thing", "size_m": 5.0, "provenance": {}, "threads": 0}
    answer = run_task("write", request | {"turntable": None, "picture": None}, tmp_path)
    assert answer["ok"], answer
    importers = {".glb": bpy.ops.import_scene.gltf, ".fbx": bpy.ops.import_scene.fbx}
    with warnings.catch_warnings(action="ignore"):  # Blender's importer, with a newer numpy
        importers.get(ending, bpy.ops.wm.usd_import)(filepath=str(path))
    bpy.context.view_layer.update()
    parts = {each.name: shapes.world_points(each) for each in bpy.data.objects if each.type == "MESH"}
    finest = "made" if ending == ".usdz" else "Thing_LOD0"  # Blender reads USD's meshes by their own names
    assert {finest, "Thing_LOD1", "UCX_Thing_LOD0_01"} <= set(parts)
    for points in parts.values():
        assert np.ptp(points, axis=0) == pytest.approx((5, 5, 5), abs=0.5)
        assert points[:, 2].min() == pytest.approx(0, abs=0.3)
    names = {Path(each.name).stem for each in bpy.data.images if max(each.size)}
    assert names == {"T_Thing"}


def test_a_name_by_a_pattern_arrives_unless_the_artist_has_chosen_one(tmp_path: Path) -> None:
    finished([painted_ball(3)], tmp_path, object_name="SM_{name}")
    for job, own, wanted in (("job_1", "Thing", "SM_Thing"), ("job_2", "My Own", "My Own")):
        scene: Any = bpy.context.scene
        shapes.scene_package.add_placeholder(scene, job_id=job, name=own, location=(0, 0, 0), size=1.0)
        loading = shapes.scene_package.Loading(tmp_path / "finished.blend")
        (root,) = shapes.scene_package.arrive(loading, job_id=job, name="Thing", provenance={})
        assert root.name == wanted


def test_a_bench_gets_hulls_of_its_seat_and_its_legs(tmp_path: Path) -> None:
    def build(held: Any) -> None:
        held_parts = [((0, 0, 1), (2, 1, 0.1)), ((-0.9, 0, 0.5), (0.1, 1, 1)), ((0.9, 0, 0.5), (0.1, 1, 1))]
        for at, scale in held_parts:
            matrix = Matrix.LocRotScale(Vector(at), None, Vector(scale))
            bmesh.ops.create_cube(held, size=1, matrix=matrix)
        bmesh.ops.subdivide_edges(held, edges=held.edges, cuts=6, use_grid_fill=True)

    answer = finished([made(build)], tmp_path, hulls=8)
    assert 3 <= answer["finish"]["hulls"] <= 8
    root, *parts = loaded(tmp_path)
    assert root.type == "MESH"
    volume = 0.0
    for each in parts:
        held = bmesh.new()
        held.from_mesh(each.data)
        volume += abs(held.calc_volume())
        held.free()
    assert volume < 0.8 * 2.0  # that of one hull


def test_names_are_made_by_patterns(tmp_path: Path) -> None:
    patterns = {"object_name": "SM_{name}", "mesh_name": "M_{name}_{number}"}
    patterns |= {"material_name": "MI_{part}", "texture_name": "T_{name}_{number}"}
    finished([painted_ball(3)], tmp_path, **patterns)
    (item,) = loaded(tmp_path)
    assert (item.name, item.data.name) == ("SM_Thing", "M_Thing_01")
    assert item.data.materials[0].name == "MI_painted"
    assert [each.name for each in bpy.data.images if each.packed_file] == ["T_Thing_01"]


@pytest.mark.parametrize(
    ("patterns", "meshes"),
    [
        ({"object_name": "X"}, {"X_LOD1", "UCX_X_LOD0_01"}),
        ({"object_name": "X", "mesh_name": "M_{number}"}, {"M_01", "M_02", "UCX_M_01_01"}),
    ],
)
def test_lods_and_hulls_are_named_after_what_they_are_of(
    tmp_path: Path, patterns: dict[str, str], meshes: set[str]
) -> None:
    finished([painted_ball(3)], tmp_path, lods=1, hulls=1, **patterns)
    _, *parts = loaded(tmp_path)
    assert {each.name for each in parts} == {"X_LOD0", "X_LOD1", "UCX_X_LOD0_01"}
    assert meshes <= {each.data.name for each in parts}


def test_hostile_names_become_names(tmp_path: Path) -> None:
    items = [made(cube), made(cube)]
    items[0].name, items[1].name = "UCX_../..\\evil\x07", "é" * 30
    items[1].location.x = 3
    finished(items, tmp_path, object_name="{part}", lods=1, hulls=2)
    for each in loaded(tmp_path):
        assert each.name.isprintable()
        assert len(each.name) <= 63


# What cannot be done is told.


def test_a_rig_stays_and_steps_that_would_break_it_are_refused(tmp_path: Path) -> None:
    answer = finished(rigged(), tmp_path, faces=40, weld=True, quads=True, watertight=True)
    assert answer["messages"] == ["Quads: not done, as a rig or shape keys move its vertices (made)."]
    assert answer["faces"] <= 40
    item = next(each for each in loaded(tmp_path) if each.type == "MESH")
    (modifier,) = item.modifiers
    assert modifier.object.type == "ARMATURE"
    assert [each.name for each in item.vertex_groups] == ["bone 0", "bone 1"]
    rig = modifier.object
    rig.pose.bones["bone 1"].location = (0, 3, 0)
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    moved = max(vertex.co.z for vertex in item.evaluated_get(graph).data.vertices)
    assert moved > 4


def test_shape_keys_stay_and_their_faces_too(tmp_path: Path) -> None:
    item = painted_ball(3)
    item.shape_key_add(name="Basis")
    for point in item.shape_key_add(name="Wide").data:
        point.co.x *= 2
    answer = finished([item], tmp_path, faces=100, weld=True, lods=1)
    assert [text.split(":")[0] for text in answer["messages"]] == ["Faces", "LODs"]
    mesh = loaded(tmp_path)[0].data
    assert [each.name for each in mesh.shape_keys.key_blocks] == ["Basis", "Wide"]
    assert len(mesh.polygons) == 20 * 4**2


@pytest.mark.skipif(bpy.app.version < (5, 0), reason="this Blender makes no point clouds")
def test_points_are_only_placed_and_named(tmp_path: Path) -> None:
    mesh = bpy.data.meshes.new("points")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 1)], [], [])
    item = shapes.new_object("points", mesh)
    bpy.context.view_layer.objects.active = item
    item.select_set(True)
    bpy.ops.object.convert(target="POINTCLOUD")
    answer = finished([shapes.active()], tmp_path, profile="game", pivot="centre")
    assert answer["messages"] == ["It has no faces: only where it stands and its names are finished."]
    assert (answer["min"], answer["max"]) == ([-0.5] * 3, [0.5] * 3)
    assert answer["report"]["points"] == 3


def test_a_flat_model_has_no_hulls(tmp_path: Path) -> None:
    item = made(lambda held: bmesh.ops.create_grid(held, x_segments=4, y_segments=4, size=1))
    answer = finished([item], tmp_path, hulls=2)
    assert answer["messages"] == ["Hulls: not done, as it is flat."]


def test_what_is_no_result_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "result.blend").write_bytes(b"BLENDER-v402")
    request = {
        "source": str(tmp_path / "result.blend"),
        "target": str(tmp_path / "finished.blend"),
        "profile": profiles.as_json(profiles.PROFILES["game"]),
        "name": "Thing",
    }
    answer = run_task("finish", request, tmp_path)
    assert (answer["ok"], bool(answer["error"])) == (False, True)
    assert not (tmp_path / "finished.blend").exists()


# Profiles.


@pytest.mark.parametrize("profile", ["as-delivered", "game", "film", "print"])
def test_each_profile_finishes_a_model(profile: str, tmp_path: Path) -> None:
    answer = finished([painted_ball(6)], tmp_path, profile=profile, **SMALLER.get(profile, {}))
    assert answer["messages"] == []
    assert answer["finish"]["deviation_mean_share"] < 0.01
    assert answer["finish"]["texture_difference"] < 0.05
    assert answer["report"]["not_measured"] == []
    (item,) = loaded(tmp_path)
    assert wrong_share(item) < 0.1
    if profile == "as-delivered":
        assert (answer["faces"], answer["finish"]["deviation_max_m"]) == (20 * 4**5, 0.0)


SMALLER = {"game": {"bake": 512, "faces": 3000}, "film": {"bake": 512, "faces": 3000}}


def test_the_same_comes_each_time(tmp_path: Path) -> None:
    answers = []
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        item = painted_ball(5)
        answers.append(finished([item], folder, profile="game", bake=256, faces=1000, lods=1, hulls=3))
        del answers[-1]["finish"]["seconds"], answers[-1]["finish"]["steps"]
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert answers[0] == answers[1]


def test_the_original_stays_as_it_is(tmp_path: Path) -> None:
    item = painted_ball(6)
    write_result([item], tmp_path / "result.blend")
    files = sorted(each for each in tmp_path.rglob("*") if each.is_file())
    before = [each.read_bytes() for each in files]
    request = {
        "source": str(tmp_path / "result.blend"),
        "target": str(tmp_path / "finished.blend"),
        "profile": profiles.as_json(profiles.override(profiles.PROFILES["game"], bake=256)),
        "name": "Thing",
    }
    assert run_task("finish", request, tmp_path)["ok"]
    assert [each.read_bytes() for each in files] == before
