# SPDX-License-Identifier: GPL-3.0-or-later
"""*Run Again…*, *Compare*, *Swap* and *Keep*: what was made of one input, in the scene."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest
from commands import HORSE
from mathutils import Matrix
from sandbox_scene import newest, operators, part, until

INPUTS = json.dumps({"image": HORSE, "targetFaceNum": 2000})
variations, repeats = part("window.variations"), part("window.repeats")
scene_package = part("scene")
state = part("session_state").state


@pytest.fixture(autouse=True)
def nothing_is_compared() -> None:
    state.compared = ""


@pytest.fixture
def group(scene: Any, backend: Any) -> list[Any]:
    """A result that stands, and two of the same input that do not."""
    operators.generate(inputs=INPUTS)
    first = newest(backend)
    operators.repeat_job(job_id=first.id, times=2)
    made = backend.jobs.group(first)
    for each in made[1:]:
        bpy.data.objects.remove(standing(each))
    return [backend.jobs.by_id[each.id] for each in made]


def found(job: Any) -> list[Any]:
    return variations.results_of(job.id, bpy.context.scene.objects)


def standing(job: Any) -> Any:
    (item,) = found(job)
    return item


def reach(item: Any) -> tuple[Any, Any]:
    bpy.context.view_layer.update()
    return scene_package.reach_of([item])


def test_several_at_once_are_a_group_in_a_row_each_paid_once(scene: Any, backend: Any) -> None:
    operators.generate(inputs=json.dumps({"image": HORSE, "targetFaceNum": 2000, "seed": 4}))
    first = newest(backend)
    paid = backend.jobs.spent_cu(0)
    operators.repeat_job(job_id=first.id, times=3)
    group = [backend.jobs.by_id[each.id] for each in backend.jobs.group(first)]
    assert len(group) == 4
    assert all("seed" not in each.inputs for each in group[1:])
    assert backend.jobs.spent_cu(0) - paid == pytest.approx(3 * first.cost_cu)
    ends = [reach(standing(each)) for each in group]
    ends.sort(key=lambda end: end[0].x)
    assert all(before[1].x <= after[0].x for before, after in pairwise(ends))


def test_another_model_makes_it_of_the_same_input_and_is_of_the_group(scene: Any, backend: Any) -> None:
    operators.generate(inputs=INPUTS)
    first = newest(backend)
    catalogue = backend.catalogue
    for model_id in ("model_pixal3d", "model_meshy-remesh"):
        until(lambda each=model_id: catalogue.schema(each) or catalogue.ask_model(each))
    names = [each.id for each in repeats.models_for(first)]
    assert names[0] == first.model_id
    assert "model_pixal3d" in names
    assert "model_meshy-remesh" not in names
    until(lambda: repeats.is_priced(first.id, times=2, model_id="model_pixal3d"))
    planned = repeats.plan(backend, first, times=2, model_id="model_pixal3d")
    assert planned.cost_cu == pytest.approx(2 * planned.new[0].estimate_cu)
    known = set(backend.jobs.by_id)
    with pytest.raises(RuntimeError, match="Meshy Remesh cannot do with these inputs: Model is required"):
        operators.repeat_job(job_id=first.id, model_id="model_meshy-remesh")
    with pytest.raises(RuntimeError, match=r"model_none: .*Nothing was started"):
        operators.repeat_job(job_id=first.id, model_id="model_none")
    for times in (0, 11, -1):
        with pytest.raises(RuntimeError, match=f"times: give a number from 1 to 10, not {times}"):
            operators.repeat_job(job_id=first.id, times=times)
    assert set(backend.jobs.by_id) == known
    operators.repeat_job(job_id=first.id, model_id="model_pixal3d")
    second = newest(backend)
    assert (second.model_id, second.group, second.state) == ("model_pixal3d", first.group, "placed")


def test_a_script_waits_for_the_inputs_of_another_model_and_a_window_says_that_they_are_asked_for(
    scene: Any, backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    operators.generate(inputs=INPUTS)
    first = newest(backend)
    catalogue, asked = backend.catalogue, list[str]()
    schema, ask_model = catalogue.schema, catalogue.ask_model
    monkeypatch.setattr(catalogue, "schema", lambda each: schema(each) if each in asked else None)
    monkeypatch.setattr(catalogue, "ask_model", lambda each: asked.append(each) or ask_model(each))
    with pytest.raises(part("window").RequestError, match="The inputs of model_trellis are being asked for"):
        repeats.plan(backend, first, model_id="model_trellis")
    asked.clear()  # as in a Blender that has just begun
    assert operators.repeat_job(job_id=first.id, times=2, model_id="model_trellis") == {"FINISHED"}
    made = [backend.jobs.by_id[each.id] for each in backend.jobs.group(first)][1:]
    assert [(each.model_id, str(each.state)) for each in made] == [("model_trellis", "placed")] * 2


def test_run_again_itself_pays_for_nothing(group: list[Any], backend: Any) -> None:
    known = set(backend.jobs.by_id)
    with pytest.raises(RuntimeError, match=r"In a script, maquette\.repeat_job does it"):
        operators.vary_job(job_id=group[0].id)
    assert set(backend.jobs.by_id) == known
    for name in ("vary_job", "compare_job", "swap_job", "keep_job"):
        assert "REGISTER" not in getattr(bpy.types, f"MAQUETTE_OT_{name}").bl_options


def test_compare_stands_the_others_beside_the_one_that_is_there(group: list[Any], backend: Any) -> None:
    first, second, third = group
    item = standing(first)
    item.location = (2.0, 1.0, 0.5)
    item.rotation_euler.z = 0.6
    item.scale = (2.0, 2.0, 2.0)
    low, high = reach(item)
    matrix = item.matrix_world.copy()
    operators.compare_job(job_id=second.id)
    assert item.matrix_world == matrix
    edge = high.x
    for each in (second, third):
        new = standing(each)
        new_low, new_high = reach(new)
        assert new_low.x > edge
        assert new_low.z == pytest.approx(low.z, abs=1e-3)
        assert new.matrix_world.to_euler().z == pytest.approx(0.6, abs=1e-5)
        edge = new_high.x
        sizes = [max(scene_package.box_of(one)[1] - scene_package.box_of(one)[0]) for one in (item, new)]
        assert sizes[1] * new.scale.x == pytest.approx(sizes[0] * 2.0, rel=0.02)
    count = len(bpy.context.scene.objects)
    operators.compare_job(job_id=second.id)  # all are there
    assert len(bpy.context.scene.objects) == count
    assert not scene_package.find_placeholders(None)


def test_what_comes_in_its_place_takes_over_all_that_it_was_given(group: list[Any], backend: Any) -> None:
    first, second, third = group
    scene: Any = bpy.context.scene
    item = standing(first)
    stage = bpy.data.collections.new("Stage")
    scene.collection.children.link(stage)
    empty, child, other = (bpy.data.objects.new(name, None) for name in ("parent", "child", "watched"))
    for each in (empty, child, other):
        stage.objects.link(each)
    for collection in item.users_collection:
        collection.objects.unlink(item)
    stage.objects.link(item)
    item.name = "Hero"
    item.parent = empty
    empty.location = (1.0, 2.0, 3.0)
    item.matrix_parent_inverse = Matrix.Translation((0.0, 0.5, 0.0))
    item.location, item.rotation_euler, item.scale = (0.5, -1.0, 0.2), (0.1, 0.2, 0.7), (1.0, 2.0, 0.5)
    child.parent = item
    item.constraints.new("LIMIT_LOCATION").name = "kept"
    other.constraints.new("COPY_LOCATION").target = item
    item["note"] = "mine"
    item.hide_render = True
    item.keyframe_insert("hide_render", frame=1)
    paint = bpy.data.materials.new("Paint")
    item.material_slots[0].link = "OBJECT"
    item.material_slots[0].material = paint
    item.select_set(True)
    bpy.context.view_layer.objects.active = item
    size = max(scene_package.box_of(item)[1] - scene_package.box_of(item)[0])
    bpy.context.view_layer.update()
    matrix, held = item.matrix_world.copy(), child.matrix_world.copy()
    paid = backend.jobs.spent_cu(0)

    for options, comes in (({}, second), ({"to": third.id}, third), ({"step": "NEXT"}, first)):
        now = next(each for each in group if found(each))
        assert operators.swap_job(job_id=now.id, **options) == {"FINISHED"}
        assert not found(now)
        new = standing(comes)
        bpy.context.view_layer.update()
        assert (new.name, new.parent, new["note"], new.users_collection) == ("Hero", empty, "mine", (stage,))
        assert all((a - b).length < 1e-5 for a, b in zip(new.matrix_world, matrix, strict=True))
        assert all((a - b).length < 1e-4 for a, b in zip(child.matrix_world, held, strict=True))
        assert (child.parent, other.constraints[0].target) == (new, new)
        assert [each.name for each in new.constraints] == ["kept"]
        assert new.animation_data.action == item.animation_data.action
        assert (new.hide_render, new.select_get()) == (True, True)
        assert bpy.context.view_layer.objects.active == new
        assert (new.material_slots[0].link, new.material_slots[0].material) == ("OBJECT", paint)
        ends = scene_package.box_of(new)
        assert max(ends[1] - ends[0]) == pytest.approx(size, rel=0.02)
        assert "maquette_awaits" not in new and "maquette_version" not in new
    assert backend.jobs.spent_cu(0) == paid


def test_the_artists_modifiers_stay_with_all_that_they_are_set_to(group: list[Any]) -> None:
    first, second, third = group
    item = standing(first)
    soft = item.modifiers.new("Soft", "SUBSURF")
    soft.levels = 2
    soft.keyframe_insert("levels", frame=1)
    bend = item.modifiers.new("Bend", "SIMPLE_DEFORM")
    bend.origin = bpy.data.objects.new("origin", None)
    size = max(scene_package.box_of(item)[1] - scene_package.box_of(item)[0])
    before = item.data
    for now, comes in ((first, second), (second, third), (third, first)):
        operators.swap_job(job_id=now.id, to=comes.id)
        new = standing(comes)
        assert [each.name for each in new.modifiers] == ["Soft", "Bend"]
        assert (new.modifiers["Soft"].levels, new.modifiers["Bend"].origin.name) == (2, "origin")
        assert new.animation_data.action.name in bpy.data.actions
        assert new.data != before
        assert new["maquette_job"] == comes.id
        low, high = scene_package.bounds_or_none(new)
        assert max(high - low) == pytest.approx(size, rel=0.02)


def test_only_the_selected_one_of_several_copies_is_swapped(group: list[Any]) -> None:
    first, second, _ = group
    item = standing(first)
    copy = item.copy()
    bpy.context.scene.collection.objects.link(copy)
    for each in bpy.context.scene.objects:
        each.select_set(each == copy)
    operators.swap_job(job_id=first.id)
    assert standing(first) == item
    assert standing(second).select_get()


def test_compared_ones_change_places(group: list[Any]) -> None:
    first, second, third = group
    operators.compare_job(job_id=first.id)
    places = [standing(each).location.copy() for each in group]
    operators.swap_job(job_id=first.id, to=third.id)
    assert [len(found(each)) for each in group] == [1, 1, 1]
    for each, place in ((third, places[0]), (second, places[1]), (first, places[2])):
        assert (standing(each).location - place).length < 1e-5
    assert state.compared == first.group


def test_keep_tidies_the_others_away_and_what_stood_on_them_stays(group: list[Any], backend: Any) -> None:
    first, second, third = group
    operators.compare_job(job_id=first.id)
    lamp = bpy.data.objects.new("lamp", None)
    bpy.context.scene.collection.objects.link(lamp)
    lamp.parent = standing(third)
    bpy.context.view_layer.update()
    world = lamp.matrix_world.copy()
    operators.keep_job(job_id=second.id)
    bpy.context.view_layer.update()
    assert [len(found(each)) for each in group] == [0, 1, 0]
    assert lamp.parent is None
    assert all((a - b).length < 1e-5 for a, b in zip(lamp.matrix_world, world, strict=True))
    assert all(backend.store.result_blend(each).is_file() for each in group)
    assert {each.id for each in group} <= backend.jobs.by_id.keys()
    assert not state.compared
    with pytest.raises(RuntimeError, match="No other 3D model of this input is in this scene"):
        operators.keep_job(job_id=second.id)
    with pytest.raises(RuntimeError, match="is not in this scene"):
        operators.keep_job(job_id=first.id)


def test_what_is_animated_or_sheared_stays_at_each_frame_where_it_was(group: list[Any]) -> None:
    first, second, third = group
    operators.compare_job(job_id=first.id)
    scene: Any = bpy.context.scene
    carrier = bpy.data.objects.new("carrier", None)
    scene.collection.objects.link(carrier)
    carrier.location, carrier.rotation_euler = (1.0, 2.0, 3.0), (0.1, 0.2, 0.3)
    standing(third).parent = carrier
    for each in (second, third):
        standing(each).scale = (1.0, 1.0, 3.0)
    children = []
    for each in (second, third):
        for name in ("still", "moving", "sheared"):
            child = bpy.data.objects.new(name, None)
            scene.collection.objects.link(child)
            child.parent = standing(each)
            child.location = (0.0, 1.0, 1.0)
            children.append(child)
            if name == "moving":
                child.keyframe_insert("location", frame=1)
                child.location.z = 4.0
                child.keyframe_insert("location", frame=20)
            if name == "sheared":
                child.rotation_euler.x = 0.6

    def places(frame: int) -> list[Any]:
        scene.frame_set(frame)
        return [each.matrix_world.copy() for each in children]

    was = {frame: places(frame) for frame in (20, 1)}
    operators.keep_job(job_id=first.id)
    for frame, worlds in was.items():
        for child, world, now in zip(children, worlds, places(frame), strict=True):
            assert all((a - b).length < 1e-4 for a, b in zip(now, world, strict=True)), (child, frame)
    parents = [each.parent for each in children]
    assert parents[0] is None
    assert parents[1] == parents[2]
    assert parents[1].type == "EMPTY"
    assert parents[3:] == [carrier] * 3


def test_what_is_not_shown_stays_where_it_was_put(group: list[Any], tmp_path: Path) -> None:
    first, second, _ = group
    operators.compare_job(job_id=first.id)
    hidden = bpy.data.collections.new("off")
    bpy.context.scene.collection.children.link(hidden)
    child = bpy.data.objects.new("hat", None)
    hidden.objects.link(child)
    child.parent, child.location = standing(second), (1.0, 2.0, 3.0)
    bpy.context.view_layer.update()
    world = child.matrix_world.copy()
    bpy.context.view_layer.layer_collection.children["off"].exclude = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "hidden.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "hidden.blend"))
    backend: Any = state.backend
    variations.keep(bpy.context, backend.jobs, first)
    bpy.context.view_layer.layer_collection.children["off"].exclude = False
    bpy.context.view_layer.update()
    child = bpy.data.objects["hat"]
    assert all((a - b).length < 1e-4 for a, b in zip(child.matrix_world, world, strict=True))


def test_what_another_scene_has_too_stays_there(group: list[Any]) -> None:
    first, second, third = group
    operators.compare_job(job_id=first.id)
    item, other = standing(second), bpy.data.scenes.new("Shot 2")
    other.collection.objects.link(item)
    wall = bpy.data.objects.new("wall", bpy.data.meshes.new("wall"))
    other.collection.objects.link(wall)
    wall.modifiers.new("cut", "BOOLEAN").object = item
    gone = standing(third).name
    operators.keep_job(job_id=first.id)
    assert [len(found(each)) for each in group] == [1, 0, 0]
    assert set(other.objects) == {item, wall}
    assert wall.modifiers["cut"].object == item
    assert gone not in bpy.data.objects


def test_an_object_of_the_artist_s_that_waits_stays_and_so_does_an_override(
    group: list[Any], backend: Any, tmp_path: Path
) -> None:
    first, _, third = group
    operators.compare_job(job_id=first.id)
    item = standing(third)
    item.name = "Hero"
    bpy.data.libraries.write(str(tmp_path / "hero.blend"), {item})
    bpy.data.objects.remove(item)
    libraries: Any = bpy.data.libraries  # the stubs know no context manager
    with libraries.load(str(tmp_path / "hero.blend"), link=True) as (_, linked):
        linked.objects = ["Hero"]
    override = linked.objects[0].override_create()
    bpy.context.scene.collection.objects.link(override)
    bpy.ops.mesh.primitive_cube_add()
    cube: Any = bpy.context.object
    cube["maquette_awaits"] = third.id
    assert not found(third)
    assert variations.keep(bpy.context, backend.jobs, first) == 2
    assert {cube, override} <= set(bpy.context.scene.objects)
    assert "maquette_awaits" not in cube
    assert [len(found(each)) for each in group] == [1, 0, 0]


@pytest.mark.parametrize("action", ["compare_job", "swap_job", "keep_job"])
def test_each_is_one_step_to_undo_and_undo_pays_for_nothing(
    group: list[Any], backend: Any, action: str
) -> None:
    first = group[0]
    bpy.context.view_layer.update()
    if action == "keep_job":
        operators.compare_job(job_id=first.id)
    names = sorted((each.name, each.get("maquette_job")) for each in bpy.context.scene.objects)
    bpy.ops.ed.undo_push(message="before")
    known, paid = set(backend.jobs.by_id), backend.jobs.spent_cu(0)
    getattr(operators, action)("EXEC_DEFAULT", True, job_id=first.id)
    if action != "keep_job":  # in a window the arrival pushes it
        bpy.ops.ed.undo_push(message="arrived")
    after = sorted((each.name, each.get("maquette_job")) for each in bpy.context.scene.objects)
    assert after != names
    bpy.ops.ed.undo()
    assert sorted((each.name, each.get("maquette_job")) for each in bpy.context.scene.objects) == names
    assert not scene_package.find_placeholders(None)
    bpy.ops.ed.redo()
    assert sorted((each.name, each.get("maquette_job")) for each in bpy.context.scene.objects) == after
    assert (set(backend.jobs.by_id), backend.jobs.spent_cu(0)) == (known, paid)


def test_results_that_come_together_are_one_step_however_some_fail(
    group: list[Any], backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    placing = part("window.placing")
    pushed: list[str] = []
    monkeypatch.setattr(placing, "_push_undo", pushed.append)
    variations.compare(bpy.context, backend.jobs, group[0])
    placer = placing.placer
    placer.enqueue(*(each.id for each in group[1:]))
    finish(lambda: not placer.is_busy, placer, backend)
    assert len(pushed) == 1
    assert all(map(found, group))
    for each in group[1:]:
        bpy.data.objects.remove(standing(each))
    (one, two) = variations.compare(bpy.context, backend.jobs, group[0])
    placer.enqueue(one.id, two.id)
    name = scene_package.find_placeholders([two.id])[two.id][0]
    bpy.data.objects.remove(bpy.data.objects[name])  # as an artist may, meanwhile
    finish(lambda: not placer.is_busy, placer, backend)
    assert len(pushed) == 2
    assert not found(two)


@pytest.mark.parametrize("asks", [True, False])
def test_what_was_asked_for_in_the_dialog_is_paid_for_after_a_question_alone(
    group: list[Any], backend: Any, asks: bool
) -> None:
    """The button in the list shows the price and asks no more; the dialog's does not."""
    job, confirm = group[0], part("window.confirm")
    confirm.unregister()
    confirm.spent.asked_at = float("-inf")
    kind = part("operators.repeat_job").MAQUETTE_OT_repeat_job
    questions: list[str] = []
    paid: list[str] = []

    def ask(*_given: object, **told: Any) -> set[str]:
        questions.append(told["message"])
        return {"RUNNING_MODAL"}

    operator = SimpleNamespace(
        bl_idname=kind.bl_idname,
        bl_label=kind.bl_label,
        job_id=job.id,
        times=1,
        model_id="",
        asks=asks,
        find=lambda _context: job,
        execute=lambda _context: paid.append(job.id) or {"CANCELLED"},
        _plan=lambda *given: repeats.plan(*given, times=1, model_id=""),
    )
    context = SimpleNamespace(window_manager=SimpleNamespace(invoke_confirm=ask))
    kind.invoke(operator, context, SimpleNamespace(mouse_x=10, mouse_y=10))
    assert (len(questions), paid) == ((1, []) if asks else (0, [job.id]))
    assert all("20.25 CU" in text for text in questions)


def finish(is_done: Callable[[], bool], placer: Any, backend: Any) -> None:
    for _ in range(10_000):
        if is_done():
            return
        placer.step(backend.jobs)
    raise AssertionError("it never ends")


def test_what_cannot_be_done_is_off_with_the_reason(scene: Any, backend: Any) -> None:
    operators.generate(inputs=INPUTS)
    job = newest(backend)
    jobs = backend.jobs
    assert "Run Again" in variations.why_not_compare(jobs, job)
    assert variations.why_not_swap(jobs, job) == variations.why_not_compare(jobs, job)
    for action in (operators.compare_job, operators.swap_job):
        with pytest.raises(RuntimeError, match="Nothing else was made of this input yet"):
            action(job_id=job.id)


def test_same_input_lists_the_group_alone(group: list[Any], backend: Any) -> None:
    operators.generate(inputs=INPUTS)
    shown: Any = bpy.context.window_manager.maquette
    properties = part("properties")
    properties.activate_job(bpy.context.window_manager, group[1].id)
    shown.filter = "GROUP"
    assert [item.job_id for item in shown.jobs] == [each.id for each in reversed(group)]
    assert properties.active_job_id(bpy.context.window_manager) == group[1].id
    shown.filter = "ALL"
    assert len(shown.jobs) == len(backend.jobs.by_id)
