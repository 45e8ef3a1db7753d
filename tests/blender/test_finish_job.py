# SPDX-License-Identifier: GPL-3.0-or-later
"""*Finish…* and the sidebar's profile: what stands of a result becomes its finished version where it is."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import pytest
from commands import HORSE
from mathutils import Matrix
from sandbox_scene import newest, operators, part, properties, until, wait

INPUTS = json.dumps({"image": HORSE, "targetFaceNum": 2000})
jobs = part("jobs")
scene_package = part("scene")
placer = part("window.placing").placer


@pytest.fixture
def profiles() -> Iterator[Path]:
    """The folder of a person's own, with one that takes no time, and one that is none."""
    folder: Path = part("preferences").profiles_folder()
    folder.mkdir()
    (folder / "quick.toml").write_text('base = "game"\nbake = 0\nfaces = 900\n', encoding="utf-8")
    (folder / "lods.toml").write_text('base = "game"\nbake = 0\nfaces = 900\nlods = 2\nhulls = 3\n')
    (folder / "odd.toml").write_text("facs = 5", encoding="utf-8")
    properties.read_profiles()
    yield folder
    shutil.rmtree(folder)
    properties.read_profiles()


def result_of(job: Any) -> Any:
    (found,) = [
        each
        for each in bpy.context.scene.objects
        if "maquette_min" in each and each.get("maquette_job") == job.id
    ]
    return found


def faces_of(item: Any) -> int:
    return len(item.data.polygons)


def test_what_stands_is_replaced_by_its_finished_version_and_stays_as_it_was_put(
    scene: Any, backend: Any, profiles: Path
) -> None:
    operators.generate(inputs=INPUTS)
    job = newest(backend)
    item = result_of(job)
    empty = bpy.data.objects.new("parent", None)
    stage = bpy.data.collections.new("Stage")
    scene.collection.children.link(stage)
    scene.collection.objects.link(empty)
    for collection in item.users_collection:
        collection.objects.unlink(item)
    stage.objects.link(item)
    child = bpy.data.objects.new("child", None)
    stage.objects.link(child)
    empty.location = (1.0, 2.0, 3.0)
    item.parent = empty
    item.name = "Hero"
    item.location = (0.5, -1.0, 0.25)
    item.rotation_euler = (0.1, 0.2, 0.7)
    item.scale = (1.0, 2.0, 0.5)
    child.parent = item
    child.matrix_parent_inverse = Matrix.Translation((0.0, 0.0, 1.0))
    item["note"] = "mine"
    bpy.context.view_layer.update()
    matrix, held = item.matrix_world.copy(), child.matrix_world.copy()
    low, high = scene_package.bounds_or_none(item)

    assert operators.finish_job(job_id=job.id, profile="quick.toml") == {"FINISHED"}
    job = backend.jobs.by_id[job.id]
    new = result_of(job)
    assert (job.state, job.profile["name"]) == ("placed", "quick")
    assert job.result["finished"] in backend.store.result_blend(job).name
    assert faces_of(new) == job.result["faces"] <= 2000
    bpy.context.view_layer.update()
    assert (new.name, new.parent, new["note"]) == ("Hero", empty, "mine")
    assert new.users_collection == (stage,)
    assert all((a - b).length < 1e-5 for a, b in zip(new.matrix_world, matrix, strict=True))
    assert all((a - b).length < 1e-4 for a, b in zip(child.matrix_world, held, strict=True))
    assert child.parent == new
    assert "maquette_awaits" not in new and "maquette_version" not in new
    size = max(high - low)
    ends = zip(scene_package.bounds_or_none(new), (low, high), strict=True)
    assert all((a - b).length < 0.1 * size for a, b in ends)

    # A copy and the first become another version, each in its place; and back again to what was delivered.
    copy = new.copy()
    copy.location.x += 3.0
    stage.objects.link(copy)
    before = {new.name: new.location.copy(), copy.name: copy.location.copy()}
    operators.finish_job(job_id=job.id, profile="as-delivered")
    job = backend.jobs.by_id[job.id]
    both = [each for each in stage.objects if each.get("maquette_job") == job.id]
    assert {each.name: each.location for each in both} == before
    assert {faces_of(each) for each in both} == {job.result["faces"]}
    assert (job.profile, "finish" in job.result, job.cost_cu) == ({}, False, job.cost_cu)


def test_what_a_profile_strips_does_not_come_into_the_scene_but_for_the_job(
    scene: Any, backend: Any, profiles: Path
) -> None:
    (profiles / "strip.toml").write_text('strip = "all"', encoding="utf-8")
    properties.read_profiles()
    operators.generate(inputs=INPUTS)
    job = newest(backend)
    told = {"maquette_remote_job", "maquette_model", "maquette_source", "maquette_parameters"}
    assert told < set(result_of(job).keys())
    operators.finish_job(job_id=job.id, profile="strip.toml")
    assert not told & set(result_of(job).keys()), "maquette_job stays: the list finds the object by it"
    operators.finish_job(job_id=job.id, profile="as-delivered")
    assert told < set(result_of(job).keys())


def test_a_result_that_stands_nowhere_is_finished_for_when_it_is_placed(
    scene: Any, backend: Any, profiles: Path
) -> None:
    operators.generate(inputs=INPUTS)
    job = newest(backend)
    bpy.data.objects.remove(result_of(job))
    paid = backend.jobs.spent_cu(0)
    operators.finish_job(job_id=job.id, profile="quick.toml", faces=400)
    job = backend.jobs.by_id[job.id]
    assert (job.state, job.profile["faces"]) == ("ready", 400)
    operators.place_job(job_id=job.id)
    assert faces_of(result_of(job)) == job.result["faces"]
    assert backend.jobs.spent_cu(0) == paid


def test_what_could_not_be_placed_while_it_was_edited_gives_way_to_the_newest_version(
    scene: Any,
    backend: Any,
    profiles: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    operators.generate(inputs=INPUTS)
    job = newest(backend)
    bpy.context.view_layer.objects.active = result_of(job)
    bpy.ops.object.mode_set(mode="EDIT")
    monkeypatch.setattr(wait.patience, "stuck_s", 0.5)
    with pytest.raises(RuntimeError, match="is being edited"):
        operators.finish_job(job_id=job.id, profile="quick.toml", faces=900)
    bpy.ops.object.mode_set(mode="OBJECT")
    monkeypatch.undo()
    for profile, faces in (("quick.toml", 400), ("as-delivered", 0)):
        assert operators.finish_job(job_id=job.id, profile=profile, faces=faces) == {"FINISHED"}
        job = backend.jobs.by_id[job.id]
        assert (job.state, faces_of(result_of(job))) == ("placed", job.result["faces"])
    assert not [each for each in caplog.records if each.exc_info]


def test_what_is_half_there_gives_way_to_the_version_that_is_asked_for_meanwhile(
    scene: Any, backend: Any, profiles: Path, no_waiting: None
) -> None:
    operators.generate(inputs=INPUTS)
    job = newest(backend)
    until(lambda: backend.jobs.by_id[job.id].state == "placed")
    operators.finish_job(job_id=job.id, profile="quick.toml", faces=900)
    until(lambda: placer.is_loading)
    operators.finish_job(job_id=job.id, profile="quick.toml", faces=400)
    until(lambda: backend.jobs.by_id[job.id].state == "placed" and not placer.is_busy)
    assert faces_of(result_of(job)) == backend.jobs.by_id[job.id].result["faces"] <= 400
    assert len([each for each in bpy.data.objects if each.get("maquette_job") == job.id]) == 1


def test_what_the_artist_has_put_on_it_keeps_its_name_and_what_comes_has_the_results(
    scene: Any, backend: Any, profiles: Path
) -> None:
    operators.generate(inputs=INPUTS)
    job = newest(backend)
    item = result_of(job)
    steel, paint = (bpy.data.materials.new(name) for name in ("TEAM_Steel", "TEAM_Paint"))
    item.data.materials.append(paint)
    item.material_slots[0].link = "OBJECT"
    item.material_slots[0].material = steel
    item.keyframe_insert("location", frame=1)
    action = item.animation_data.action
    action.name = "HERO_walk"
    kept = item.data.materials[0]
    kept.use_fake_user = True
    for faces in (900, 901, 902):
        operators.finish_job(job_id=job.id, profile="quick.toml", faces=faces)
        item = result_of(job)
        assert (steel.name, paint.name, action.name) == ("TEAM_Steel", "TEAM_Paint", "HERO_walk")
        assert (item.material_slots[0].material, item.animation_data.action) == (steel, action)
        assert (item.name, item.data.name) == ("horse", "horse")
        assert kept.name == "horse", "the artist keeps it in the file"


def names_of(job: Any) -> list[str]:
    item = result_of(job)
    parts = scene_package.parts_of(item)
    return sorted([item.name, *(each.name for each in parts), *(f"mesh {each.data.name}" for each in parts)])


def test_parts_have_the_names_that_engines_match_however_often_they_are_replaced(
    scene: Any, backend: Any, profiles: Path, tmp_path: Path
) -> None:
    operators.generate(inputs=INPUTS)
    first = newest(backend)
    operators.repeat_job(job_id=first.id)
    second = newest(backend)
    bpy.data.objects.remove(result_of(second))
    operators.finish_job(job_id=first.id, profile="quick.toml")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    operators.finish_job(job_id=first.id, profile="quick.toml", faces=800)
    assert result_of(first).name == "horse"
    wanted = ["horse", *(f"horse_LOD{number}" for number in range(3))]
    for faces in (900, 700):
        operators.finish_job(job_id=first.id, profile="lods.toml", faces=faces)
        names = names_of(first)
        assert [each for each in names if each.startswith("horse")] == wanted
        hulls = [each for each in names if each.startswith("UCX")]
        assert hulls == [f"UCX_horse_LOD0_{number:02}" for number in range(1, len(hulls) + 1)]
        assert not [each for each in names if "." in each]
    operators.swap_job(job_id=first.id, to=second.id)
    assert (result_of(second).name, result_of(second).data.name) == ("horse", "horse")
    operators.swap_job(job_id=second.id, to=first.id)
    assert names_of(first) == names
    assert sum("(replaced)" not in each.name for each in bpy.data.objects) == 4 + len(hulls)


def test_a_mesh_that_was_given_other_proportions_is_kept(scene: Any, backend: Any, profiles: Path) -> None:
    operators.generate(inputs=INPUTS)
    job = newest(backend)
    item = result_of(job)
    item.data.transform(Matrix.Scale(2.0, 4))  # all of it larger is the same shape
    bpy.context.view_layer.update()
    assert not scene_package.edited_of(item)
    operators.finish_job(job_id=job.id, profile="quick.toml")
    assert [each.name for each in bpy.data.meshes if "(edited)" in each.name] == []
    item = result_of(job)
    item.data.transform(Matrix.Diagonal((1.0, 1.0, 3.0, 1.0)))
    bpy.context.view_layer.update()
    assert scene_package.edited_of(item)
    old = item.data
    operators.finish_job(job_id=job.id, profile="quick.toml", faces=700)
    assert (old.name, old.use_fake_user, result_of(job).data.name) == ("horse (edited)", True, "horse")


def test_what_points_to_a_part_points_to_that_of_the_next_version_or_to_the_whole(
    scene: Any, backend: Any, profiles: Path
) -> None:
    operators.generate(inputs=INPUTS)
    job = newest(backend)
    operators.finish_job(job_id=job.id, profile="lods.toml")
    camera = bpy.data.objects.new("camera", None)
    scene.collection.objects.link(camera)
    aim: Any = camera.constraints.new("TRACK_TO")
    aim.target = bpy.data.objects["horse_LOD0"]
    for profile, faces, name in (
        ("lods.toml", 700, "horse_LOD0"),
        ("quick.toml", 800, "horse"),
        ("lods.toml", 900, "horse"),
    ):
        operators.finish_job(job_id=job.id, profile=profile, faces=faces)
        assert (aim.target.name, bool(aim.target.users_scene)) == (name, True)


def test_another_version_is_shown_and_stands_as_the_artist_has_set_it(
    scene: Any, backend: Any, profiles: Path
) -> None:
    operators.generate(inputs=INPUTS)
    first = newest(backend)
    operators.repeat_job(job_id=first.id)
    second = newest(backend)
    bpy.data.objects.remove(result_of(second))
    operators.finish_job(job_id=second.id, profile="lods.toml")
    item = result_of(first)
    shown = {"display_type": "WIRE", "show_name": True, "show_in_front": True, "show_wire": True}
    item.location, item.scale = (1.0, 2.0, 3.0), (-1.0, 1.0, 1.0)
    item.rotation_euler = (0.2, 20.0, 30.0)
    child = bpy.data.objects.new("child", None)
    child.parent = item
    child.matrix_parent_inverse = Matrix.Translation((0.1, 0.2, 0.3))
    item.lineart.usage = "EXCLUDE"
    item.data["team"] = "blue"
    for name, value in shown.items():
        setattr(item, name, value)

    def told(item: Any) -> tuple[Any, ...]:
        channels = (*item.location, *item.rotation_euler, *item.scale)
        return ({name: getattr(item, name) for name in shown}, item.lineart.usage, channels)

    before, inverse = told(item), child.matrix_parent_inverse.copy()
    operators.finish_job(job_id=first.id, profile="quick.toml")
    assert told(result_of(first)) == before
    assert result_of(first).data["team"] == "blue"
    for now, comes in ((first, second), (second, first)):
        operators.swap_job(job_id=now.id, to=comes.id)
        assert told(result_of(comes)) == before
        assert child.matrix_parent_inverse == inverse


def test_the_sidebars_profile_is_that_of_new_jobs_and_comes_back_with_their_settings(
    scene: Any, backend: Any, profiles: Path
) -> None:
    settings = scene.maquette
    assert (settings.finish, settings.finish_faces) == ("as-delivered", 0)
    settings.finish = "game"
    assert settings.finish_faces == 20_000
    settings.finish_faces = 5000
    settings.finish = "quick.toml"
    assert settings.finish_faces == 900
    settings.finish_faces = 800
    operators.generate(inputs=INPUTS)
    job = newest(backend)
    assert (job.profile["name"], job.profile["faces"]) == ("quick", 800)
    assert job.result["finish"]["profile"] == "quick"
    settings.finish = "print"
    operators.use_settings(job_id=job.id)
    assert (settings.finish, settings.finish_faces) == ("quick.toml", 800)
    settings.finish = "as-delivered"
    operators.generate(inputs=INPUTS)
    assert newest(backend).profile == {}


def test_a_profile_whose_file_is_gone_is_told_and_nothing_is_started(
    scene: Any, backend: Any, profiles: Path
) -> None:
    scene.maquette.finish = "quick.toml"
    (profiles / "quick.toml").unlink()
    properties.read_profiles()
    assert scene.maquette.finish == "quick.toml"
    count = len(backend.jobs.order)
    with pytest.raises(RuntimeError, match=r"The profile quick\.toml is not in"):
        operators.generate(inputs=INPUTS)
    assert len(backend.jobs.order) == count


def test_what_is_not_there_is_not_finished(scene: Any, backend: Any, no_waiting: None) -> None:
    operators.generate(inputs=INPUTS)
    job = newest(backend)
    with pytest.raises(RuntimeError, match="has no 3D model to finish"):
        operators.finish_job(job_id=job.id, profile="game")
    until(lambda: not backend.jobs.by_id[job.id].is_working)


def test_one_result_is_one_version_whatever_a_file_says(scene: Any) -> None:
    """A .blend from elsewhere may hold anything in the property."""
    item = bpy.data.objects.new("odd", None)
    for value in ("x", [1.0], -1.0, 0.0, float("nan"), float("inf"), 1e30, True, 2):
        item["maquette_version"] = value
        assert part("scene.custom_properties").version_size(item) in (0.0, 1.0, 2.0)
