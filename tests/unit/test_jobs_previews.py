# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of results: asked for by who looks at the list, made one at a time, and never in anybody's way."""

import shutil
import sys
import threading
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from backend_scene import BackendScene
from job_scene import ANSWER, Scene
from maquette.jobs import JobRecord, State, lacks_picture, picture_of
from maquette.jobs.blender_pool import BlenderPool
from maquette.jobs.previews import PLACING_S
from maquette.jobs.worker import Worker
from service import fake_blender

FAILING = f"""#!{sys.executable}
import json, os, pathlib, sys
for line in sys.stdin:
    task = json.loads(line)
    answer = pathlib.Path(task["answer"])
    answer.with_suffix(".part").write_text(json.dumps({{"ok": False, "error": "It has no camera."}}))
    os.replace(answer.with_suffix(".part"), answer)
"""
ENDLESS = f"""#!{sys.executable}
import json, pathlib, sys, time
for line in sys.stdin:
    pathlib.Path(json.loads(line)["outputs"][0] + ".begun").touch()
    time.sleep(600)
"""


def blender(folder: Path, script: str) -> str:
    path = folder / "another-blender"
    path.write_text(script)
    path.chmod(0o755)
    return str(path)


def finished(scene: Scene) -> JobRecord:
    scene.add()
    return scene.run()


def ask(scene: Scene, job: JobRecord) -> None:
    scene.store.lookups.ask("test", "preview", [job.id], is_background=True)


def picture(scene: Scene, job: JobRecord) -> Path:
    return scene.store.job_folder(job.id) / "preview.png"


def test_a_picture_is_made_once_somebody_looks_and_not_before(scene: Scene) -> None:
    job = finished(scene)
    assert job.state is State.READY
    assert (lacks_picture(job), picture_of(job), picture(scene, job).exists()) == (True, "", False)
    ask(scene, job)
    assert scene.store.has_work("test")
    job = scene.run()
    assert not scene.store.has_work("test")
    assert (lacks_picture(job), picture_of(job)) == (False, "preview.png")
    assert picture(scene, job).read_bytes() == b"BLENDER"
    assert {**job.result, "has_preview": True} == job.result
    picture(scene, job).unlink()
    ask(scene, job)
    scene.run()
    assert not picture(scene, job).exists()  # once is enough


def test_a_placed_result_has_one_too_and_stays_placed(scene: Scene) -> None:
    job = scene.store.move(finished(scene), State.PLACED)
    ask(scene, job)
    assert scene.run().state is State.PLACED
    assert picture(scene, job).exists()


@pytest.mark.parametrize("state", [State.DOWNLOADING, State.CONVERTING])
def test_a_result_that_is_on_its_way_in_comes_first(scene: Scene, state: State) -> None:
    old = finished(scene)
    new = scene.add()
    worker = scene.worker()
    scene.run(until=state, worker=worker)
    ask(scene, old)
    assert worker.take_lease()
    while scene.store.get(new.id).state is not State.READY:
        assert not picture(scene, old).exists()
        assert "preview" not in worker.tasks
        assert worker.round()
        worker.tasks.drain()
    worker.round()
    assert "preview" not in worker.tasks  # the window is at placing it
    scene.clock.time += PLACING_S
    worker.round()
    worker.tasks.drain()
    assert picture(scene, old).exists()


def test_a_picture_is_given_up_for_a_result_that_comes_in_and_made_another_time(scene: Scene) -> None:
    old = finished(scene)
    scene.blender = blender(scene.folder, ENDLESS)
    ask(scene, old)
    worker = scene.worker()
    assert worker.take_lease()
    worker.round()
    while not picture(scene, old).with_name("preview.png.begun").exists():
        time.sleep(0.01)
    new = scene.add()
    while scene.store.get(new.id).state not in (State.DOWNLOADING, State.CONVERTING):
        worker.round()
        scene.clock.time += scene.step_s
    worker.round()
    worker.tasks.drain()
    worker.round()
    assert "preview" not in worker.tasks
    assert lacks_picture(scene.store.get(old.id))
    assert scene.store.lookups.next_preview("test") is not None


def test_pictures_are_made_one_at_a_time_the_last_that_was_asked_for_first(scene: Scene) -> None:
    first, second = finished(scene), finished(scene)
    for job in (first, second):
        ask(scene, job)
        scene.clock.time += 1
    worker = scene.worker()
    assert worker.take_lease()
    worker.round()
    worker.tasks.drain()
    assert (picture(scene, first).exists(), picture(scene, second).exists()) == (False, True)
    scene.run(worker=worker)
    assert picture(scene, first).exists()


def test_the_worker_of_a_command_makes_none(scene: Scene) -> None:
    job = finished(scene)
    scene.add(session="command")
    ask(scene, job)
    scene.run(worker=scene.worker("command"))
    assert not picture(scene, job).exists()
    assert not scene.store.has_work("test", "command")


def test_a_commands_result_has_one_once_a_window_shows_it(scene: Scene) -> None:
    scene.add(session="command")
    job = scene.run(worker=scene.worker("command"))
    ask(scene, job)
    scene.run()
    assert picture_of(scene.store.get(job.id)) == "preview.png"


def test_nothing_is_rendered_where_the_result_is_gone(scene: Scene) -> None:
    job = finished(scene)
    shutil.rmtree(scene.store.job_folder(job.id))
    ask(scene, job)
    scene.store.lookups.ask("test", "preview", ["removed"], is_background=True)
    job = scene.run()
    assert "has_preview" not in job.result  # fetched again, it may have one
    assert not scene.store.job_folder(job.id).exists()
    assert not scene.store.has_work("test")


def test_what_cannot_be_rendered_is_not_tried_again(scene: Scene) -> None:
    job = finished(scene)
    scene.blender = blender(scene.folder, FAILING)
    ask(scene, job)
    job = scene.run()
    assert (job.state, job.message) == (State.READY, "")
    assert (lacks_picture(job), picture_of(job)) == (False, "")


def test_without_a_blender_it_is_tried_another_time(scene: Scene) -> None:
    job = finished(scene)
    scene.blender = str(scene.folder / "none")
    ask(scene, job)
    assert lacks_picture(scene.run())


def test_a_worker_that_is_to_end_does_not_wait_for_a_picture(scene: Scene) -> None:
    job = finished(scene)
    scene.blender = blender(scene.folder, ENDLESS)
    ask(scene, job)
    stopping = threading.Event()
    worker = scene.worker(stopping=stopping)
    assert worker.take_lease()
    worker.round()
    while not picture(scene, job).with_name("preview.png.begun").exists():
        time.sleep(0.01)
    worker.stop()
    worker.tasks.drain()
    assert not worker.round()
    assert lacks_picture(scene.store.get(job.id))
    assert scene.store.has_work("test")  # another worker makes it


def test_the_services_own_picture_is_shown_at_once_and_none_is_made() -> None:
    job = _job(files=[_file("model.glb", "mesh"), _file("preview.png", "companion")])
    assert (picture_of(job), lacks_picture(job)) == ("result/preview.png", False)
    texture = _job(files=[_file("albedo.png", "companion")])
    assert (picture_of(texture), lacks_picture(texture)) == ("", True)


@pytest.mark.parametrize(
    ("values", "is_lacking"),
    [
        ({}, True),
        ({"state": State.PLACED}, True),
        ({"state": State.CONVERTING}, False),
        ({"state": State.FAILED}, False),
        ({"result": {"kept": [{}]}}, False),
        ({"result": ANSWER | {"has_preview": True}}, False),
    ],
)
def test_only_what_blender_shows_lacks_a_picture(values: dict[str, Any], is_lacking: bool) -> None:
    assert lacks_picture(_job(**values)) == is_lacking


def test_a_window_asks_for_one_at_a_time_and_waits_for_none(opened: BackendScene, tmp_path: Path) -> None:
    first, second = opened.add(2)
    for job in (first, second):
        _finish(opened, job)
    opened.settle()
    catalogue = opened.backend.catalogue
    for _ in range(2):
        catalogue.ask_preview([second.id, first.id])
    lookup = opened.other.lookups.next_preview("s")
    assert lookup is not None
    assert lookup.key == second.id
    assert not opened.backend.has_work()  # the window goes on ticking slowly
    _work(opened, tmp_path)
    catalogue.ask_preview([second.id, first.id])
    _work(opened, tmp_path)
    assert [picture_of(opened.backend.jobs.by_id[job.id]) for job in (first, second)] == ["preview.png"] * 2
    catalogue.ask_preview([second.id, first.id])
    assert opened.other.lookups.next_preview("s") is None
    assert catalogue.last_error == ""


def test_nobody_who_is_signed_out_asks(tmp_path: Path) -> None:
    scene = BackendScene(tmp_path / "state", is_signed_in=False)
    scene.backend.catalogue.ask_preview(["x"])
    assert scene.other.lookups.next_preview("s") is None


def _finish(opened: BackendScene, job: JobRecord) -> None:
    for state in (State.UPLOADING, State.SUBMITTING, State.QUEUED, State.DOWNLOADING, State.CONVERTING):
        job = opened.other.move(job, state)
    opened.other.move(job, State.READY, result=ANSWER)
    opened.other.result_blend(job).write_bytes(b"BLENDER")


def _work(opened: BackendScene, folder: Path) -> None:
    blenders = BlenderPool(fake_blender(folder, ANSWER))
    worker = Worker(opened.other, opened.service, service="s", blenders=blenders, clock=opened.clock)
    assert worker.take_lease()
    while worker.round():
        worker.tasks.drain()
    opened.other.drop_lease("s", worker.name)
    worker.close()
    opened.settle()


def _file(name: str, role: str) -> dict[str, str]:
    return {"path": f"result/{name}", "role": role, "name": name, "sha256": ""}


def _job(**values: Any) -> JobRecord:
    known = {"state": State.READY, "result": ANSWER, "files": [], **values}
    made: Any = {each.name: known.get(each.name) for each in fields(JobRecord)}
    return JobRecord(**made)
