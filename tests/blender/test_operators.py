# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user can do, without a window, on the sandbox that the worker starts."""

import json
import os
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import bpy
import pytest
from commands import EXAMPLES, HORSE, NOBODY
from sandbox_scene import (
    MODEL,
    PACKAGE,
    cancel_all,
    choose_model,
    connection,
    newest,
    operators,
    part,
    placeholders,
    properties,
    timer,
    until,
)

INPUTS = json.dumps({"image": HORSE, "targetFaceNum": 2000})


client, jobs = map(part, ("client", "jobs"))
collect_inputs = part("window.collect_inputs")
placing, session_state = part("window.placing"), part("session_state")


def roots(job: Any) -> list[Any]:
    return [
        each for each in bpy.data.objects if "maquette_min" in each and each.get("maquette_job") == job.id
    ]


def waiting(job: Any) -> list[Any]:
    return [each for each in bpy.data.objects if each.get("maquette_awaits") == job.id]


def test_a_script_without_a_window_gets_the_model_into_the_scene(scene: Any, backend: Any) -> None:
    scene.cursor.location = (1, 2, 3)
    assert operators.generate(inputs=INPUTS) == {"FINISHED"}
    job = newest(backend)
    assert (job.state, job.name, job.source, job.model_name) == (
        "placed",
        "horse",
        "horse.png",
        "Hunyuan 3D 2.1",
    )
    (root,) = roots(job)
    assert root.name == "horse"
    assert tuple(root.location) == pytest.approx((1, 2, 3))
    assert not waiting(job)


def test_values_of_the_panel_are_what_is_asked_for(scene: Any, backend: Any, no_waiting: None) -> None:
    model = backend.catalogue.schema(MODEL)
    properties.ensure_inputs(model)
    image = bpy.data.images.new("drawn", 64, 64)
    properties.set_values(scene.maquette, model, {"image": properties.Picture("drawn"), "steps": 20})
    scene.frame_set(30)
    operators.generate()
    job = newest(backend)
    assert job.inputs["steps"] == 20
    assert job.placement["frame"] == 30
    file = backend.store.job_folder(job.id) / job.inputs["image"].path
    assert file.name.endswith("drawn.png")
    assert file.read_bytes().startswith(b"\x89PNG")
    assert image.file_format != "PNG" or not image.is_dirty
    assert not list(backend.store.folder.glob("asked-*"))
    operators.cancel_job(job_id=job.id)
    assert not waiting(job)


def test_each_selected_block_out_becomes_a_model_in_its_box(scene: Any, backend: Any) -> None:
    parent = bpy.data.objects.new("house", None)
    scene.collection.objects.link(parent)
    for number in range(3):
        bpy.ops.mesh.primitive_cube_add(size=1 + number, location=(4 * number, 0, 0))
        bpy.context.object.name = f"block {number}"
        bpy.context.object.parent = parent
    for number in range(3):
        bpy.data.objects[f"block {number}"].select_set(True)
    scene.maquette.place_mode = "SELECTED"
    operators.generate(inputs=INPUTS)
    bpy.context.view_layer.update()
    for number in range(3):
        root = bpy.data.objects[f"block {number}"]
        assert root.type == "MESH"
        assert root.parent == parent
        corners = [root.matrix_world @ v.co for v in root.data.vertices]
        low, high = ([pick(corner[axis] for corner in corners) for axis in range(3)] for pick in (min, max))
        size = 1 + number
        assert max(b - a for a, b in zip(low, high, strict=True)) == pytest.approx(size, rel=0.01)
        assert low[2] == pytest.approx(-size / 2, abs=0.01)
        assert (low[0] + high[0]) / 2 == pytest.approx(4 * number, abs=0.01)


def test_a_new_result_replaces_an_earlier_one_with_all_that_came_with_it(scene: Any, backend: Any) -> None:
    operators.generate(inputs=INPUTS)
    (old,) = roots(newest(backend))
    old.name, old.location, old.rotation_euler.z = "Bucephalus", (3, 4, 5), 1.0
    hat = bpy.data.objects.new("Hat", None)
    scene.collection.objects.link(hat)
    hat.parent, hat.location = old, (0, 0, 2)
    bpy.context.view_layer.update()
    at, box = hat.matrix_world.translation.copy(), old.dimensions.copy()
    bpy.ops.object.select_all(action="DESELECT")
    old.select_set(True)
    count = len(scene.objects)
    scene.maquette.place_mode = "SELECTED"
    operators.generate(inputs=INPUTS)
    bpy.context.view_layer.update()
    (new,) = roots(newest(backend))
    assert new.name == "Bucephalus"
    assert tuple(new.location) == pytest.approx((3, 4, 5), abs=1e-3)
    assert new.rotation_euler.z == pytest.approx(1.0)
    assert len(scene.objects) == count, "the earlier one is gone, the hat is not"
    assert bpy.data.objects["Hat"].parent == new
    assert (bpy.data.objects["Hat"].matrix_world.translation - at).length < 1e-3
    assert tuple(new.dimensions) == pytest.approx(tuple(box), abs=1e-4)
    assert not waiting(newest(backend))


def test_a_mesh_of_the_scene_can_be_sent(scene: Any, backend: Any) -> None:
    choose_model("model_meshy-remesh")
    bpy.ops.mesh.primitive_monkey_add(location=(0, 0, 5))
    scene.maquette.mesh_place_mode = "SELECTED"
    operators.generate()
    assert newest(backend).inputs["model"].path.endswith(".glb")
    assert roots(newest(backend))[0].name == "Suzanne"


def test_what_is_missing_is_said_and_nothing_is_made(scene: Any, backend: Any) -> None:
    before = set(backend.jobs.by_id)
    with pytest.raises(RuntimeError, match="image: is required"):
        operators.generate()
    with pytest.raises(RuntimeError, match="no such input"):
        operators.generate(inputs=json.dumps({"image": HORSE, "colour": 1}))
    with pytest.raises(RuntimeError, match=r"nowhere\.png cannot be read"):
        operators.generate(inputs=json.dumps({"image": "/nowhere.png"}))
    assert set(backend.jobs.by_id) == before
    assert not bpy.data.objects


def test_a_deleted_placeholder_leaves_the_result_in_the_list(
    scene: Any, backend: Any, no_waiting: None
) -> None:
    operators.generate(inputs=INPUTS)
    job = newest(backend)
    (placeholder,) = waiting(job)
    bpy.data.objects.remove(placeholder)
    until(lambda: backend.jobs.by_id[job.id].state == "ready")
    for _ in range(3):
        timer.tick()
    assert not bpy.data.objects
    operators.place_job(job_id=job.id)
    assert len(roots(job)) == 1
    assert backend.jobs.by_id[job.id].state == "placed"
    operators.select_job(job_id=job.id)
    assert bpy.context.selected_objects == roots(job)


def test_a_result_comes_in_where_each_redraw_takes_longer_than_a_tick_is_apart(
    scene: Any, backend: Any, no_waiting: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timer, "last", timer.LastTicks())
    operators.generate(inputs=INPUTS)
    job = newest(backend)
    until(lambda: placing.placer.is_loading)
    now = time.monotonic()
    numbers = iter(range(1, 100))
    while not roots(job):
        timer.tick(now + 3 * timer.FAST_S * next(numbers))
    assert job.id not in session_state.state.placeholders.values()  # its label would say Undone


def test_another_file_gets_nothing_and_the_first_its_model(
    scene: Any, backend: Any, no_waiting: None, tmp_path: Path
) -> None:
    operators.generate(inputs=INPUTS)
    job = newest(backend)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "first.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    until(lambda: backend.jobs.by_id[job.id].state == "ready")
    for _ in range(3):
        timer.tick()
    assert not bpy.data.objects
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "first.blend"))
    assert waiting(job)
    until(lambda: roots(job))
    assert not waiting(job)
    for _ in range(2):  # and each time that the file as it was saved is opened
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "first.blend"))
        until(lambda: roots(job))


def test_run_again_uses_the_files_that_the_job_kept(scene: Any, backend: Any, no_waiting: None) -> None:
    first = next(
        job for job in backend.jobs.by_id.values() if job.state == "placed" and job.source == "horse.png"
    )
    operators.repeat_job(job_id=first.id)
    again = newest(backend)
    assert again.id != first.id
    assert again.inputs["targetFaceNum"] == 2000
    assert waiting(again)
    until(lambda: roots(again))


def test_a_job_run_again_and_again_keeps_the_names_of_its_files(
    scene: Any, backend: Any, no_waiting: None
) -> None:
    operators.generate(inputs=INPUTS)
    first = newest(backend)
    for _ in range(3):
        operators.repeat_job(job_id=newest(backend).id)
        assert newest(backend).inputs == first.inputs
        assert newest(backend).source == "horse.png"
    operators.use_settings(job_id=newest(backend).id)
    operators.generate()
    assert newest(backend).inputs == first.inputs
    assert newest(backend).name == "horse"
    cancel_all(backend)
    until(lambda: not backend.has_work())


def test_files_in_the_items_of_a_list_become_the_job_s(scene: Any, backend: Any, no_waiting: None) -> None:
    image, view = {"name": "image", "type": "file", "kind": "image"}, {"name": "view", "type": "string"}
    number = {"name": "n", "type": "number"}
    views = {"name": "views", "type": "inputs_array", "inputs": [image, view, number]}
    model = client.Model.from_json({"id": "model_views", "name": "Views", "inputs": [views]})
    properties.ensure_inputs(model)
    bpy.data.images.new("drawn", 8, 8)
    values = {"views": [{"image": properties.Picture("drawn"), "view": "front", "n": 2.0}]}
    properties.set_values(scene.maquette, model, values)
    set_up = properties.values_of(scene.maquette, model)
    assert set_up == values
    set_up["views"].append({"image": HORSE, "view": "back"})  # as a script gives it
    folder = backend.store.folder / "made"
    folder.mkdir()

    def save(value: Any, kind: str) -> Any:
        return collect_inputs.save(value, kind, [], lambda: folder)

    inputs = collect_inputs.job_inputs(model, set_up, save)
    assert [item["image"].path.name for item in inputs["views"]] == ["drawn.png", "horse.png"]
    assert repr(inputs["views"][0]["n"]) == "2"
    job = backend.jobs.add(jobs.NewJob(name="n", model_id=model.id, inputs=inputs, service=backend.service))
    kept = [backend.store.job_folder(job.id) / item["image"].path for item in job.inputs["views"]]
    assert [path.name for path in kept] == ["drawn.png", "horse.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in kept)
    operators.repeat_job(job_id=job.id)
    assert newest(backend).id != job.id
    assert [file.path for file in newest(backend).input_files] == [file.path for file in job.input_files]
    with pytest.raises(client.InputError, match=r"views\[1\]\.image: must be a file"):
        collect_inputs.job_inputs(model, {"views": [{"image": 5}]}, save)
    odd = client.Model.from_json(
        {"id": "o", "name": "Odd", "inputs": [{"name": "thing", "type": "new_kind"}]}
    )
    with pytest.raises(collect_inputs.RequestError, match=r"Odd takes no file where drawn\.png was given"):
        collect_inputs.job_inputs(odd, {"thing": [properties.Picture("drawn")]}, save)
    for each in (job, newest(backend)):
        operators.cancel_job(job_id=each.id)


def test_blender_s_own_repetition_undo_and_redo_spend_nothing(
    scene: Any, backend: Any, no_waiting: None
) -> None:
    bpy.ops.ed.undo_push(message="before")
    operators.generate("EXEC_DEFAULT", True, inputs=INPUTS)
    first = newest(backend)
    operators.repeat_job("EXEC_DEFAULT", True, job_id=first.id)
    known = set(backend.jobs.by_id)
    ops: Any = bpy.ops
    for repeat in (ops.screen.repeat_last, ops.ed.undo, ops.ed.undo, ops.ed.redo, ops.ed.redo):
        if repeat.poll():
            repeat()
        assert set(backend.jobs.by_id) == known
    for name in ("generate", "repeat_job", "resume_job"):
        assert "REGISTER" not in getattr(getattr(bpy.types, f"MAQUETTE_OT_{name}"), "bl_options", ())
    cancel_all(backend)


def test_a_job_that_cannot_have_its_place_is_not_written_down_and_the_other_way_round(
    scene: Any, backend: Any, no_waiting: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = set(backend.jobs.by_id)

    def fail(*_args: object, **_values: object) -> None:
        raise RuntimeError("no place")

    with monkeypatch.context() as patch:
        patch.setattr(placeholders.scene, "add_placeholder", fail)
        with pytest.raises(RuntimeError, match="no place"):
            operators.generate(inputs=INPUTS)
    with monkeypatch.context() as patch:
        patch.setattr(type(backend.jobs), "add_all", fail)
        with pytest.raises(RuntimeError, match="no place"):
            operators.generate(inputs=INPUTS)
    assert {job.id for job in backend.store.list_jobs(service=backend.service)} == known
    assert not bpy.data.objects
    assert not list(backend.store.folder.glob("asked-*"))


def test_nothing_is_started_unless_all_can_be(scene: Any, backend: Any, no_waiting: None) -> None:
    known = set(backend.jobs.by_id)
    choose_model("model_meshy-remesh")
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.empty_add()
    for each in scene.objects:
        each.select_set(True)
    scene.maquette.mesh_place_mode = "SELECTED"
    with pytest.raises(RuntimeError, match="Select a mesh object"):
        operators.generate()
    assert set(backend.jobs.by_id) == known
    assert not any("maquette_awaits" in each for each in scene.objects)


def test_a_mesh_is_sent_without_what_it_is_parented_to(scene: Any, backend: Any) -> None:
    choose_model("model_meshy-remesh")
    bpy.ops.mesh.primitive_cube_add()
    bpy.context.object.name = "Parent"
    bpy.ops.mesh.primitive_monkey_add()
    bpy.context.object.parent = bpy.data.objects["Parent"]
    operators.generate()
    job = newest(backend)
    content = (backend.store.job_folder(job.id) / job.inputs["model"].path).read_bytes()
    told = json.loads(content[20 : 20 + int.from_bytes(content[12:16], "little")])
    assert [node["name"] for node in told["nodes"] if "mesh" in node] == ["Suzanne"]


def test_a_cancel_that_the_service_refuses_keeps_the_result_out_of_the_scene(
    scene: Any, backend: Any, no_waiting: None
) -> None:
    operators.generate(inputs=INPUTS)
    job = newest(backend)
    until(lambda: backend.jobs.by_id[job.id].state in ("queued", "running"))
    operators.cancel_job(job_id=job.id)
    assert not waiting(job)
    until(lambda: backend.jobs.by_id[job.id].cancel == "refused")
    until(lambda: "does not stop this job" in backend.jobs.by_id[job.id].message)
    until(lambda: not backend.jobs.by_id[job.id].is_working)
    assert backend.jobs.by_id[job.id].state == "ready"
    assert "did not stop it" in backend.jobs.by_id[job.id].message
    for _ in range(3):
        timer.tick()
    assert not bpy.data.objects
    operators.place_job(job_id=job.id)
    assert len(roots(job)) == 1
    with pytest.raises(RuntimeError, match="nothing to cancel"):
        operators.cancel_job(job_id=job.id)


def test_settings_of_a_job_come_back_with_its_picture(scene: Any, backend: Any) -> None:
    job = next(job for job in backend.jobs.by_id.values() if job.source == "horse.png")
    scene.maquette.model_id = ""
    operators.use_settings(job_id=job.id)
    values = properties.values_of(scene.maquette, backend.catalogue.schema(MODEL))
    assert values["targetFaceNum"] == 2000
    assert bpy.data.images[values["image"].name].size[0] > 0


def test_cancel_lets_the_placeholder_go_but_not_a_block_out(
    scene: Any, backend: Any, no_waiting: None
) -> None:
    bpy.ops.mesh.primitive_cube_add()
    scene.maquette.place_mode = "SELECTED"
    operators.generate(inputs=INPUTS)
    job = newest(backend)
    assert waiting(job)[0].name == "Cube"
    operators.cancel_job(job_id=job.id)
    assert not waiting(job)
    assert "Cube" in bpy.data.objects
    until(lambda: not backend.jobs.by_id[job.id].is_working)


def test_dropped_files_go_to_the_inputs_they_are_named_after(scene: Any, backend: Any) -> None:
    model_id = next(
        key
        for key in backend.catalogue.models
        if (known := backend.catalogue.schema(key))
        and {"frontImage", "leftImage"} <= {s.name for s in known.inputs}
    )
    scene.maquette.model_id = model_id
    properties.ensure_inputs(backend.catalogue.schema(model_id))
    files = [{"name": "left.png"}, {"name": "front.png"}]
    operators.drop_image("EXEC_DEFAULT", directory=str(EXAMPLES / "views"), files=files)
    values = properties.values_of(scene.maquette, backend.catalogue.schema(model_id))
    assert {key: values[key].name for key in ("frontImage", "leftImage")} == {
        "frontImage": "front.png",
        "leftImage": "left.png",
    }


def test_a_dropped_file_that_is_no_image_changes_nothing(scene: Any, backend: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_text("This is no image.")
    with pytest.raises(RuntimeError, match=r"Not an image: broken\.png"):
        operators.drop_image("EXEC_DEFAULT", directory=str(tmp_path), files=[{"name": "broken.png"}])
    assert "broken.png" not in bpy.data.images


def test_clear_and_remove_forget_what_is_finished(scene: Any, backend: Any) -> None:
    until(lambda: not backend.has_work())
    paid = next(job for job in backend.jobs.by_id.values() if job.state == "placed")
    again = {"state": jobs.State.FAILED, "resume_state": jobs.State.CONVERTING}
    backend.store.update(paid, **again)  # it is paid for, and can still be had
    until(lambda: backend.jobs.by_id[paid.id].resume_state)
    kept = [job.id for job in backend.jobs.by_id.values() if job.state == "ready"] + [paid.id]
    operators.clear_jobs()
    assert sorted(backend.jobs.by_id) == sorted(kept)
    for job_id in kept:
        operators.remove_job(job_id=job_id)
    assert not backend.jobs.by_id


KEY, SECRET = "key-5d1f0c2b7e", "secret-90ab44e1c7"
SIGN_IN = f"""
import bpy, importlib, sys
part = lambda name: importlib.import_module({PACKAGE!r} + "." + name)
bpy.ops.maquette.sign_in(key={KEY!r}, secret={SECRET!r})
holder, folder = part("session_state"), part("preferences").user_folder()
assert holder.state.account == "key", holder.state
bpy.ops.ed.undo_push(message="after")
for operator in bpy.context.window_manager.operators:
    kept = operator.properties
    assert {KEY!r} not in repr([(name, getattr(kept, name)) for name in kept.keys()])
bpy.ops.wm.save_userpref()
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[-1])
print("KEPT", oct((folder / "account.json").stat().st_mode & 0o777), (folder / "account.json").read_text())
bpy.ops.maquette.sign_out()
assert holder.state.account == "signed_out", holder.state
print("LEFT", (folder / "account.json").exists())
"""


def test_the_key_is_in_its_own_file_alone(tmp_path: Path) -> None:
    env = {
        **os.environ,
        "BLENDER_USER_RESOURCES": str(tmp_path / "user"),
        "MAQUETTE_API_URL": f"http://{NOBODY}/v1",
    }
    blender = os.environ["MAQUETTE_BLENDER"]
    install = [
        "--command",
        "extension",
        "install-file",
        "-r",
        "user_default",
        "--enable",
        os.environ["MAQUETTE_ZIP"],
    ]
    subprocess.run([blender, *install], env=env, check=True, capture_output=True, timeout=120)
    run = [
        "--background",
        "--python-exit-code",
        "3",
        "--python-expr",
        SIGN_IN,
        "--",
        str(tmp_path / "file.blend"),
    ]
    done = subprocess.run([blender, *run], env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    kept = next(line for line in done.stdout.splitlines() if line.startswith("KEPT"))
    assert KEY in kept and SECRET in kept
    if os.name == "posix":
        assert stat.S_IMODE(0o600) == int(kept.split()[1], 8)
    assert "LEFT False" in done.stdout
    others = done.stdout.replace(kept, "") + done.stderr
    assert KEY not in others and SECRET not in others
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "userpref.blend" for path in files)
    for path in files:
        content = path.read_bytes()
        assert KEY.encode() not in content and SECRET.encode() not in content, path


def test_the_folder_of_the_environment_counts_for_operators_as_for_commands(
    scene: Any, backend: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = backend.store.folder  # from here on the window has another backend than the other tests
    monkeypatch.setenv("MAQUETTE_STATE", str(tmp_path / "here"))
    assert connection.current_backend().store.folder == tmp_path / "here"
    assert (tmp_path / "here" / "maquette.db").is_file()
    monkeypatch.delenv("MAQUETTE_STATE")
    assert connection.current_backend().store.folder == before
