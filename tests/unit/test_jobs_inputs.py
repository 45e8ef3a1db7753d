# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's input files: what the window leaves to the worker is there, unchanged, before anything is paid."""

import itertools
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from maquette.client import InputError, Model, check_inputs
from maquette.jobs import (
    InputFile,
    JobRecord,
    NewJob,
    State,
    Store,
    StoreError,
    files,
    placeholder_inputs,
    source_of,
)
from maquette.jobs.blender_pool import BlenderPool
from maquette.jobs.input_files import QUICK_BYTES
from maquette.jobs.parse_inputs import gather_inputs
from maquette.jobs.provenance import provenance_of
from maquette.jobs.repeats import again
from maquette.jobs.worker import Worker
from png_files import png
from service import MODEL, Clock, MemoryService, fake_blender

LARGE = b"x" * (QUICK_BYTES + 1)
PNG = png()


class Scene:
    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, Clock()
        self.store = Store(folder / "state", is_interactive=True, clock=self.clock)
        self.service = MemoryService(self.clock)
        self.service.models["m"] = MODEL
        self.is_keeping_downloads = True
        self.answer: dict[str, Any] | None = {"ok": True, "objects": 1}

    def file(self, name: str, content: bytes = b"pixels", **values: Any) -> InputFile:
        path = self.folder / name
        path.write_bytes(content)
        return InputFile(path, **values)

    def add(self, **inputs: Any) -> JobRecord:
        return self.store.add(NewJob(name="horse", model_id="m", inputs=inputs, service="s"))

    def worker(self, **values: Any) -> Worker:
        return Worker(
            self.store,
            self.service,
            service="s",
            blenders=BlenderPool(fake_blender(self.folder, self.answer)),
            is_keeping_downloads=self.is_keeping_downloads,
            clock=self.clock,
            **values,
        )

    def run(self) -> JobRecord:
        worker = self.worker()
        assert worker.take_lease()
        while worker.round():
            worker.tasks.wait(10)
            self.clock.time += 1
        self.store.drop_lease("s", worker.name)
        worker.close()
        return self.store.list_jobs()[0]

    def kept(self, job: JobRecord) -> dict[str, bytes]:
        folder = self.store.job_folder(job.id) / "input"
        found = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_large_file_is_copied_by_the_worker(scene: Scene) -> None:
    job = scene.add(images=[scene.file("a.png", LARGE), scene.file("b.png")])
    assert scene.kept(job) == {"1/b.png": b"pixels"}
    assert scene.run().state is State.READY
    assert scene.kept(job) == {"0/a.png": LARGE, "1/b.png": b"pixels"}
    sent = [scene.service.asset_of(name) for name in ("a.png", "b.png")]
    assert scene.service.paid == [("m", {"images": sent})]


def test_a_large_file_that_changed_in_between_is_not_paid_for(scene: Scene) -> None:
    job = scene.add(image=scene.file("a.png", LARGE))
    scene.file("a.png", LARGE + b"!")
    ended = scene.run()
    assert (ended.state, ended.error_kind) == (State.FAILED, "InputFileError")
    assert "a.png was changed" in ended.message
    assert scene.service.paid == []
    assert scene.kept(job) == {}


def test_a_large_file_that_went_away_says_so(scene: Scene) -> None:
    file = scene.file("a.png", LARGE)
    scene.add(image=file)
    file.path.unlink()
    assert "a.png cannot be read" in scene.run().message
    scene.file("a.png", LARGE)
    with pytest.raises(StoreError, match=r"never\.png cannot be read"):
        scene.add(image=InputFile(scene.folder / "never.png"))


def test_a_temporary_file_is_moved(scene: Scene) -> None:
    file = scene.file("a.png", LARGE, is_temporary=True)
    job = scene.add(image=file)
    assert not file.path.exists()
    assert scene.kept(job) == {"0/a.png": LARGE}


def test_objects_are_sent_as_the_glb_that_blender_makes_of_them(scene: Scene) -> None:
    job = scene.add(mesh=scene.file("vase.blend", kind="3d", is_temporary=True, objects=("Vase",)))
    assert scene.run().state is State.READY
    assert scene.service.uploads == [("vase.glb", "3d")]
    assert "objects: ['Vase']" in (scene.store.job_folder(job.id) / "send.log").read_text()
    assert scene.kept(job).keys() == {"0/vase.blend", "0/vase.glb"}


def test_objects_that_cannot_be_sent_are_not_paid_for_and_can_be_resumed(scene: Scene) -> None:
    scene.answer = {"ok": False, "error": "It has no faces."}
    scene.add(mesh=scene.file("vase.blend", kind="3d"))
    job = scene.run()
    assert (job.state, job.message) == (State.FAILED, "It has no faces.")
    scene.answer = None
    scene.store.resume(job, may_spend=True)
    assert "crashed while preparing the mesh" in scene.run().message
    assert scene.service.paid == []
    scene.answer = {"ok": True, "objects": 1}
    scene.store.resume(scene.store.get(job.id), may_spend=True)
    assert scene.run().state is State.READY


def test_files_in_the_items_of_a_list_are_kept_sent_and_told_of(scene: Scene) -> None:
    front, back = scene.file("a.png"), scene.file("b.png", LARGE)
    views = [{"view": "front", "image": front}, {"view": "back", "image": back}]
    inputs: Any = {"views": views, "steps": 3}
    made_up = placeholder_inputs(inputs)["views"]
    assert [item.keys() for item in made_up] == [{"view", "image"}] * 2  # type: ignore[union-attr]
    assert "asset_000" in str(made_up) and "a.png" not in str(made_up)
    assert source_of(inputs) == "a.png"
    job = scene.add(**inputs)
    assert scene.kept(job) == {"0/a.png": b"pixels"}
    assert scene.run().state is State.READY
    assert scene.kept(job) == {"0/a.png": b"pixels", "1/b.png": LARGE}
    assets = [scene.service.asset_of(name) for name in ("a.png", "b.png")]
    sent = [{"view": "front", "image": assets[0]}, {"view": "back", "image": assets[1]}]
    assert scene.service.paid == [("m", {"views": sent, "steps": 3})]
    told = json.loads(str(provenance_of(job)["parameters"]))
    assert told["views"] == [{"view": "front", "image": "a.png"}, {"view": "back", "image": "b.png"}]
    second = scene.store.add(again(job, scene.store.job_folder(job.id)))
    assert scene.run().id == second.id
    assert scene.service.paid[1][1] == scene.service.paid[0][1]


def test_what_was_made_of_an_artists_object_is_fitted_to_it_also_if_it_is_run_again(scene: Scene) -> None:
    mesh = scene.file("vase.blend", kind="3d", is_temporary=True, objects=("Vase",))
    own = {"object": "Vase", "stretch": [1.0, 1.0, 1.0], "is_base": True, "result": "MATERIAL"}
    new = NewJob(name="Vase", model_id="m", inputs={"mesh": mesh}, service="s", placement={"own": own})
    scene.answer = {"ok": True, "objects": 1, "fit": [1.0], "messages": ["Told."]}
    job = scene.store.add(new)
    for _ in range(2):
        job = scene.run()
        assert job.state is State.READY
        assert job.result["put_back"] == {"ok": True, "objects": 1, "fit": [1.0]}
        assert job.message == "Told. Told."
        assert (scene.store.job_folder(job.id) / "own.blend").exists()
        job = scene.store.add(again(job, scene.store.job_folder(job.id)))
        assert [file.objects for file in job.input_files] == [("Vase",)]
        assert job.placement["own"] == own


def test_files_keep_their_names_however_often_a_job_is_run_again(scene: Scene) -> None:
    mesh = scene.file("vase.blend", kind="3d", is_temporary=True, objects=("Vase",))
    job = scene.add(image=scene.file("horse.png"), mesh=mesh)
    for _ in range(3):
        assert scene.run().state is State.READY
        job = scene.store.add(again(job, scene.store.job_folder(job.id)))
        assert scene.kept(job).keys() == {"0/horse.png", "1/vase.glb"}
        assert [file.name for file in job.input_files] == ["horse.png", "vase.glb"]
    assert {name for name, _ in scene.service.uploads} == {"horse.png", "vase.glb"}


PRIVATE = {"file": "input/../../private.png", "name": "a.png", "kind": "image"}
SCENE_OF_OURS = {"file": "input/0/a.glb", "name": "a.glb", "kind": "3d", "source": "../../private.blend"}


def with_default(kind: str, default: Any) -> Model:
    extra = {"name": "extra", "type": kind, "required": {"always": True}, "default": default}
    image = {"name": "image", "type": "file"}
    return Model.from_json({"id": "m", "name": "M", "inputs": [image, extra]})


@pytest.mark.parametrize("default", [PRIVATE, SCENE_OF_OURS | {"objects": []}])
def test_a_table_in_a_models_record_is_never_taken_for_a_file(scene: Scene, default: Any) -> None:
    picture = scene.file("a.png", PNG)
    jobs = scene.folder / "state" / "jobs"
    jobs.mkdir(exist_ok=True)
    for name in ("private.png", "private.blend"):
        (jobs / name).write_bytes(b"private")
    given = gather_inputs(with_default("new_kind", default), [str(picture.path)], None, {}).values
    job = scene.add(**given)
    assert scene.run().state is State.READY
    assert scene.service.uploads == [("a.png", "image")]
    assert scene.service.paid == [("m", {"image": "asset_1", "extra": default})]
    assert not (scene.store.job_folder(job.id) / "send.log").exists()


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        *itertools.product(["file", "string", "number", "boolean", "model", "inputs_array"], [PRIVATE]),
        *itertools.product(["file", "file_array", "string", "inputs_array", "new_kind"], [[{"$file": 0}]]),
        ("new_kind", {"$file": 0}),
    ],
)
def test_a_default_of_another_type_than_its_inputs_is_none(scene: Scene, default: Any, kind: str) -> None:
    picture = str(scene.file("a.png", PNG).path)
    with pytest.raises(InputError, match="extra: is required"):
        gather_inputs(with_default(kind, default), [], None, {"image": picture})


def test_a_name_that_only_the_store_may_write_is_refused_in_an_input(scene: Scene) -> None:
    with pytest.raises(StoreError, match=r"begins with \$"):
        scene.add(image=scene.file("a.png"), thing=[{"deep": {"$file": 0}}])
    model = Model.from_json({"id": "m", "name": "M", "inputs": [{"name": "thing", "type": "new_kind"}]})
    with pytest.raises(InputError, match=r"begins with \$"):
        check_inputs(model, {"thing": [{"$file": 0}]})


def test_a_kept_file_outside_its_jobs_folder_is_not_sent(scene: Scene) -> None:
    (scene.folder / "private.png").write_bytes(b"private")
    for path in ("../../../private.png", str(scene.folder / "private.png"), "input/link"):
        job = scene.add(image=scene.file("a.png"))
        if path == "input/link":
            (scene.store.job_folder(job.id) / path).symlink_to(scene.folder / "private.png")
        scene.store.update(job, input_files=[replace(job.input_files[0], path=path)])
        ended = scene.run()
        assert (ended.state, ended.error_kind) == (State.FAILED, "InputFileError")
        assert "not in the folder of its job" in ended.message
        with pytest.raises(StoreError, match="not in the folder"):
            again(ended, scene.store.job_folder(job.id))
    assert scene.service.uploads == []
    assert scene.service.paid == []


def test_input_files_are_read_once_and_never_in_the_workers_loop(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def sha256_of(path: Path) -> str:
        threads.append(threading.current_thread())
        return files.sha256_of(path)

    monkeypatch.setattr("maquette.jobs.input_files.sha256_of", sha256_of)
    job = scene.add(image=scene.file("a.png"))
    assert scene.run().state is State.READY
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()
    assert scene.store.get(job.id).input_files[0].sha256 == files.sha256_of(scene.folder / "a.png")


def test_a_large_file_holds_neither_the_lease_nor_other_jobs_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it takes to read: here until the other job is ready, a minute of the lease's clock."""
    may_go_on = threading.Event()

    def sha256_of(path: Path) -> str:
        assert path.name != "large.png" or may_go_on.wait(600)
        return files.sha256_of(path)

    monkeypatch.setattr("maquette.jobs.input_files.sha256_of", sha256_of)
    large = scene.add(image=scene.file("large.png", LARGE))
    other = scene.add(image=scene.file("a.png"))
    worker = scene.worker()
    assert worker.take_lease()
    try:
        for _ in range(60):
            assert worker.round()
            assert scene.store.is_lease_alive("s")
            if len(worker.tasks) > 1:  # more than the large file's
                worker.tasks.wait(10)
            scene.clock.time += 1
        assert scene.store.get(large.id).state is State.UPLOADING
        assert scene.store.get(other.id).state is State.READY
    finally:
        may_go_on.set()
        worker.close()
    scene.store.drop_lease("s", worker.name)
    scene.run()
    assert scene.store.get(large.id).state is State.READY
    assert len(scene.service.paid) == 2


def test_a_file_that_was_exchanged_for_a_link_after_it_was_read_is_not_sent(scene: Scene) -> None:
    (scene.folder / "private.png").write_bytes(b"private")
    job = scene.add(image=scene.file("a.png"))
    scene.store.update(job, input_files=[replace(job.input_files[0], sha256="of before")])
    kept = scene.store.job_folder(job.id) / job.input_files[0].path
    kept.unlink()
    kept.symlink_to(scene.folder / "private.png")
    ended = scene.run()
    assert (ended.state, ended.error_kind) == (State.FAILED, "InputFileError")
    assert ended.message == "a.png is not in the folder of its job. Add a new job."
    assert scene.service.uploads == scene.service.paid == []


def test_a_job_whose_files_are_gone_is_not_run_again(scene: Scene) -> None:
    job = scene.add(image=scene.file("a.png", LARGE))
    with pytest.raises(StoreError, match="Use its settings"):
        again(job, scene.store.job_folder(job.id))


def test_a_price_is_asked_with_made_up_assets(scene: Scene) -> None:
    inputs = {"images": [InputFile(Path("a.png")), "asset_7"], "steps": 3, "image": InputFile(Path("b.png"))}
    plain = placeholder_inputs(inputs)  # type: ignore[arg-type]
    made_up = plain["image"]
    assert plain == {"images": [made_up, "asset_7"], "steps": 3, "image": made_up}
    assert str(made_up).startswith("asset_0")


def test_downloads_are_deleted_after_the_conversion_if_they_are_not_wanted(scene: Scene) -> None:
    scene.is_keeping_downloads = False
    job = scene.add(prompt="x")
    ended = scene.run()
    assert (ended.state, ended.files) == (State.READY, [])
    folder = scene.store.job_folder(job.id)
    assert (folder / "result.blend").exists()
    assert not (folder / "result").exists()
    scene.answer = {"ok": True, "kept": [{"name": "a.spz", "why": "It stays a file."}]}
    job = scene.add(prompt="y")
    assert scene.run().files
    assert list((scene.store.job_folder(job.id) / "result").iterdir())


def test_a_worker_waits_for_more_without_the_lease_and_takes_up_what_comes(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scene.folder / "state" / "trash" / "old").mkdir(parents=True)
    asks: list[int] = []
    has_work = scene.store.has_work
    monkeypatch.setattr(scene.store, "has_work", lambda *of: (asks.append(1), has_work(*of))[1])
    looks: list[bool] = []

    class Waiting(threading.Event):
        """Time passes while it is waited for; at the tenth look another process asks for something."""

        def wait(self, timeout: float | None = None) -> bool:
            looks.append(scene.store.is_lease_alive("s"))
            if len(looks) == 10:
                Store(scene.folder / "state", clock=scene.clock).lookups.ask("s", "balance")
            scene.clock.time += 1
            return False

    scene.worker(linger_s=60.0, stopping=Waiting()).run()
    assert scene.service.calls["get_balance"] == 1
    assert not any(looks[:10])
    assert 60 < len(looks) < 90
    assert len(asks) < 15
    assert not (scene.folder / "state" / "trash").exists()
