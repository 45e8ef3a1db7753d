# SPDX-License-Identifier: GPL-3.0-or-later
"""What an artist does with results every day: where they stand, how they are selected and copied."""

import json
from pathlib import Path
from random import Random
from typing import Any

import bpy
import pytest
from commands import HORSE
from mathutils import Vector
from sandbox_scene import newest, operators, part, placeholders

INPUTS = json.dumps({"image": HORSE, "targetFaceNum": 2000})


placing = part("window.placing")
scene_package = part("scene")


def result_of(job: Any) -> Any:
    (found,) = placeholders.objects_of(job.id, bpy.context.scene.objects)
    return found


def corners(item: Any) -> tuple[Vector, Vector]:
    bpy.context.view_layer.update()
    points = [item.matrix_world @ Vector(corner) for corner in item.bound_box]
    return Vector(map(min, zip(*points, strict=True))), Vector(map(max, zip(*points, strict=True)))


def is_apart(one: Any, other: Any) -> bool:
    (low, high), (other_low, other_high) = corners(one), corners(other)
    return any(high[axis] <= other_low[axis] or other_high[axis] <= low[axis] for axis in range(3))


@pytest.mark.usefixtures("no_waiting")
def test_replace_selected_takes_meshes_curves_and_empties_alone(scene: Any, backend: Any) -> None:
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.light_add()
    bpy.ops.object.camera_add()
    bpy.ops.object.armature_add()
    bpy.ops.curve.primitive_bezier_circle_add()
    bpy.ops.object.empty_add()
    bpy.ops.object.select_all(action="SELECT")
    scene.maquette.place_mode = "SELECTED"
    wanted = {"CURVE", "EMPTY", "MESH"}
    assert {each.type for each in placeholders.targets(bpy.context)} == wanted
    assert len(placeholders.targets(bpy.context)) == 3
    operators.generate(inputs=INPUTS)
    assert {each.type for each in scene.objects if "maquette_awaits" in each} == wanted
    for job_id in list(backend.jobs.order[:3]):
        operators.cancel_job(job_id=job_id)
    bpy.ops.object.select_all(action="DESELECT")
    next(each for each in scene.objects if each.type == "LIGHT").select_set(True)
    assert part("window.blockers").blocker(bpy.context).text == "Select meshes, curves or empties to replace"


def test_the_first_result_stands_beside_the_cube_and_says_so_and_can_be_put_at_the_cursor(
    scene: Any, backend: Any
) -> None:
    bpy.ops.mesh.primitive_cube_add(size=2)
    bpy.ops.mesh.primitive_plane_add(size=40)
    cube = bpy.data.objects["Cube"]
    operators.generate(inputs=INPUTS)
    made = result_of(newest(backend))
    assert is_apart(made, cube)
    assert made["maquette_beside"] == "Cube"
    assert corners(made)[0].z == pytest.approx(0, abs=1e-4), "it stands on the plane, and not beside that"
    operators.put_at_cursor(job_id=newest(backend).id)
    assert (made.location - scene.cursor.location).length < 1e-5
    assert "maquette_beside" not in made


@pytest.mark.usefixtures("no_waiting")
def test_a_placeholder_can_be_put_at_the_cursor_and_a_room_is_no_hindrance(scene: Any, backend: Any) -> None:
    bpy.ops.mesh.primitive_cube_add(size=12)
    bpy.ops.mesh.primitive_cube_add(size=1, location=(0, 0, 0.5))
    operators.generate(inputs=INPUTS)
    job = newest(backend)
    waiting = result_of(job)
    assert waiting["maquette_beside"] == "Cube.001"
    assert waiting.location.x == pytest.approx(1.25)
    bpy.context.view_layer.update()
    operators.put_at_cursor(job_id=job.id)
    assert tuple(waiting.location) == pytest.approx((0, 0, 0.5), abs=1e-5)
    operators.cancel_job(job_id=job.id)


def test_what_arrives_is_selected_if_the_selection_is_what_it_was(scene: Any, backend: Any) -> None:
    bpy.ops.mesh.primitive_cube_add(location=(9, 0, 0))
    cube = bpy.context.object
    operators.generate(inputs=INPUTS)
    made = result_of(newest(backend))
    assert bpy.context.selected_objects == [made]
    assert bpy.context.view_layer.objects.active == made
    made.select_set(False)
    placeholders.note_selection(bpy.context, "another")
    cube.select_set(True)
    placeholders.select_arrived("another", [made])
    assert bpy.context.selected_objects == [cube]


def test_run_again_stands_beside_the_first_with_a_new_seed(scene: Any, backend: Any) -> None:
    operators.generate(inputs=json.dumps({"image": HORSE, "targetFaceNum": 2000, "seed": 42}))
    first = newest(backend)
    result_of(first).location = (3, 4, 5)
    bpy.context.view_layer.update()
    operators.repeat_job(job_id=first.id)
    second = newest(backend)
    assert second.id != first.id
    assert "seed" not in second.inputs
    assert "seed" not in second.placement["settings"]
    assert is_apart(result_of(first), result_of(second))
    assert tuple(result_of(second).location)[1:] == pytest.approx((4, 5), abs=0.05)
    operators.repeat_job(job_id=first.id, keeps_seed=True)
    third = newest(backend)
    assert third.inputs["seed"] == 42
    assert is_apart(result_of(third), result_of(second))


def test_a_result_is_duplicated_deleted_appended_and_exported_by_blenders_own_actions(
    scene: Any, backend: Any, tmp_path: Path
) -> None:
    operators.generate(inputs=INPUTS)
    made = result_of(newest(backend))
    bpy.ops.object.duplicate()
    (twin,) = bpy.context.selected_objects
    assert twin.type == "MESH"
    assert twin.data.polygons
    bpy.ops.object.delete()
    assert list(scene.objects) == [made]
    made.select_set(True)
    bpy.ops.export_scene.gltf(filepath=str(tmp_path / "horse.glb"), use_selection=True)
    assert (tmp_path / "horse.glb").stat().st_size > 10_000
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"), copy=True)
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.append(directory=str(tmp_path / "file.blend" / "Object"), filename="horse")
    assert [each.type for each in bpy.context.scene.objects] == ["MESH"]
    assert bpy.data.objects["horse"].data.polygons


def test_any_part_of_a_result_with_several_selects_the_whole_of_it(scene: Any, backend: Any) -> None:
    root = bpy.data.objects.new("table", None)
    root["maquette_min"], root["maquette_max"] = (-1, -1, 0), (1, 1, 2)
    root["maquette_job"] = "job"
    scene.collection.objects.link(root)
    for number in range(3):
        bpy.ops.mesh.primitive_cube_add(location=(3 * number, 0, 0))
        item: Any = bpy.context.object
        item["maquette_part"] = True
        item.parent = root
    hat = bpy.data.objects.new("hat", None)  # the artist's own, no part of it
    scene.collection.objects.link(hat)
    hat.parent = root
    assert bpy.context.selected_objects == [bpy.context.object]
    assert operators.select_model.poll()
    operators.select_model()
    assert len(bpy.context.selected_objects) == 4
    bpy.ops.object.duplicate()
    assert len(scene.objects) == 9
    assert len(next(each for each in bpy.context.selected_objects if each.type == "EMPTY").children) == 3
    operators.select_model()
    bpy.ops.object.delete()
    assert len(scene.objects) == 5


@pytest.mark.parametrize("ending", scene_package.EXPORT_FORMATS)
def test_blender_s_exporters_know_the_options_that_export_gives_them(ending: str) -> None:
    form = scene_package.EXPORT_FORMATS[ending]
    if not scene_package.can_export(ending):
        pytest.skip(f"this Blender was made without {form.title}")
    group, name = form.operator.split(".")
    known = getattr(getattr(bpy.ops, group), name).get_rna_type().properties
    targets = [target.options.get(ending, {}) for target in scene_package.TARGETS.values()]
    given = {*form.selection, *form.options, *(name for options in targets for name in options)}
    assert {"filepath", *given} <= set(known.keys())


def test_what_is_not_in_the_scene_is_not_exported(scene: Any, backend: Any) -> None:
    assert operators.generate(inputs=INPUTS) == {"FINISHED"}
    job = newest(backend)
    bpy.data.objects.remove(result_of(job))
    with pytest.raises(RuntimeError, match="not in this scene"):
        operators.export_job(job_id=job.id)


@pytest.mark.parametrize("seed", range(6))
def test_the_free_place_is_that_of_a_look_at_every_corner(seed) -> None:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    random, layer = Random(seed), bpy.context.view_layer
    holder = bpy.data.objects.new("Holder", None)
    bpy.context.collection.objects.link(holder)
    holder.location, holder.rotation_euler = (1.0, 2.0, 0.5), (0.3, 0.2, 1.0)
    for number in range(60):
        mesh = bpy.data.meshes.new("Box")
        ends = [[random.uniform(-2, 2) for _ in range(3)] for _ in range(4)]
        mesh.from_pydata(ends, [], [(0, 1, 2), (1, 2, 3)])
        item = bpy.data.objects.new(f"Box {number}", mesh)
        bpy.context.collection.objects.link(item)
        item.parent = holder if number % 5 == 0 else None
        item.hide_viewport = number % 7 == 0
        item.location = [random.uniform(-9, 9) for _ in range(3)]
        item.rotation_euler = [random.uniform(-3, 3) for _ in range(3)]
        item.scale = [random.uniform(-2, 2) for _ in range(3)]
        layer.update()
    waiting = scene_package.add_placeholder(
        bpy.context.scene, job_id="job", name="Wait", location=(0, 0, 0), size=1
    )
    bpy.data.objects.remove(bpy.data.objects["Box 11"])  # leaves a gap in the view layer's list
    place = Vector([random.uniform(-4, 4) for _ in range(3)])
    found, beside = scene_package.free_place(place, 1.5, layer)

    def box(item: bpy.types.Object) -> tuple[Vector, Vector]:
        world = item.matrix_world if item.parent else item.matrix_basis
        cube = [(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]
        corners = [world @ Vector(end) for end in (cube if item == waiting else item.bound_box)]
        return Vector(map(min, zip(*corners, strict=True))), Vector(map(max, zip(*corners, strict=True)))

    expected, first = place.copy(), ""
    solid = [each for each in bpy.data.objects if each != holder and each.visible_get()]
    for low, high, name in sorted([(*box(each), each.name) for each in solid], key=lambda one: one[1].x):
        own = [(expected - Vector((0.75, 0.75, 0))), (expected + Vector((0.75, 0.75, 1.5)))]
        shared = [min(high[axis], own[1][axis]) - max(low[axis], own[0][axis]) for axis in range(3)]
        if min((high - low).xy) < 6.0 and min(shared) > 0.015:
            expected.x, first = high.x + 0.75 * 1.5, first or name
    assert beside == first
    assert (found - expected).length < 1e-4


@pytest.mark.parametrize("at", [5.0, 5e6, 1e12])
def test_beside_a_point_is_a_free_one_however_far_away_it_is(at: float) -> None:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    point, step = Vector((at, at, 0.0)), Vector((0.1, 0.075, 0.0))
    scene_package.add_placeholder(bpy.context.scene, job_id="job", name="Wait", location=point, size=0.1)
    bpy.context.view_layer.update()
    free = scene_package.free_point(point, step, bpy.context.view_layer)
    assert free.x > at and free.y > at
    assert (free - point).length == pytest.approx(max(0.125, at * 2.0**-21), rel=1)
