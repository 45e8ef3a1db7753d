# SPDX-License-Identifier: GPL-3.0-or-later
"""What was paid for arrives, also where the first delivery is late, cut short, or something else."""

import hashlib
import io
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from job_scene import Scene
from maquette.client import (
    AnswerError,
    Asset,
    Credentials,
    Download,
    InputError,
    Job,
    NotAllowedError,
    NotFoundError,
    RateLimitedError,
    ServerError,
)
from maquette.jobs import Backend, NewJob, State, Store, WorkerSettings, start_worker
from maquette.jobs.process import end_at_once, let_go
from maquette.jobs.store import MAX_DELAY_S
from maquette.jobs.supervisor import Supervisor
from maquette.jobs.transfers import BAD_BYTES, MAX_ATTEMPTS, MAX_RESULT_FILES, damage_of, file_name
from maquette.session_state import SessionState
from service import asset, fake_blender

from .fake_api import FakeApi, Say

GLB = b"glTF\x02\0\0\0" + (20).to_bytes(4, "little") + bytes(8)
USD = b"PXR-USDC" + bytes(8) + (24).to_bytes(8, "little") + b"\0"
PAGE = b"<!DOCTYPE html><title>Sign in to this network</title>"
UNREADABLE = {"ok": False, "error": "model.glb is damaged.", "is_unreadable": True}


def deliver(scene: Scene, *contents: bytes) -> None:
    """The service's downloads bring these, one after the other; the last one for good."""
    waiting = list(contents)

    def download(wanted: Asset, target: Path, *, max_bytes: int, progress: Any = None) -> Download:
        scene.service.calls["download"] += 1
        content = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        target.write_bytes(content)
        return Download(target, len(content), hashlib.sha256(content).hexdigest())

    scene.service.download = download  # type: ignore[method-assign]


@pytest.mark.parametrize("bad", [PAGE, b"  <html>", b"", GLB[:19], b"PK\3\4 and no end", USD[:-1]])
def test_a_file_that_shows_its_damage_is_set_aside_and_downloaded_again(scene: Scene, bad: bytes) -> None:
    deliver(scene, bad, GLB)
    scene.add()
    job = scene.run()
    assert job.state is State.READY
    assert scene.service.calls["download"] == 2
    assert len(scene.service.paid) == 1
    (kept,) = (scene.store.job_folder(job.id) / "result").glob("*.bad")
    assert kept.read_bytes() == bad


def test_a_web_page_for_ever_fails_in_the_end_and_a_resume_downloads_again(scene: Scene) -> None:
    deliver(scene, *[PAGE] * (MAX_ATTEMPTS + 1), GLB)
    scene.add()
    job = scene.run()
    assert (job.state, job.resume_state) == (State.FAILED, State.DOWNLOADING)
    assert "a web page" in job.message
    scene.store.resume(job)
    assert scene.run().state is State.READY
    assert len(scene.service.paid) == 1


def test_a_page_instead_of_a_texture_does_not_keep_the_model_back(scene: Scene) -> None:
    scene.service.get_assets = lambda _: [asset("m"), asset("t", kind="image")]  # type: ignore[method-assign]
    deliver(scene, *[GLB, PAGE] * (MAX_ATTEMPTS + 1))
    scene.add()
    job = scene.run()
    assert (job.state, len(job.files)) == (State.READY, 2)


@pytest.mark.parametrize("first", [[], [asset("t", kind="image")], [asset("t", type="3d-texture")]])
def test_a_list_without_a_model_is_waited_out_also_where_no_file_was_told_of(
    scene: Scene, first: list[Asset]
) -> None:
    lists = [first, first, [asset("m")]]
    scene.service.get_assets = lambda _: lists.pop(0) if len(lists) > 1 else lists[0]  # type: ignore[method-assign]
    scene.add()
    assert scene.run().state is State.READY
    assert len(lists) == 1


@pytest.mark.parametrize("kind", ["document", "", "json", "3d-model"])
@pytest.mark.parametrize("content", [GLB, USD, b"#usda 1.0", b"ply\n"])
def test_bytes_decide_where_the_service_names_no_model(scene: Scene, kind: str, content: bytes) -> None:
    mime = "application/octet-stream"
    listed = [asset("m", kind=kind, mime_type=mime, type=""), asset("t", kind="image", mime_type="image/png")]
    scene.service.get_assets = lambda _: listed  # type: ignore[method-assign]
    deliver(scene, content, b"\x89PNG\r\n\x1a\n")
    scene.add()
    job = scene.run()
    assert job.state is State.READY
    assert [entry["role"] for entry in job.files if isinstance(entry, dict)] == ["mesh", "companion"]
    assert scene.service.calls["download"] == 2


def test_a_note_beside_a_model_of_no_kind_is_not_taken_for_one(scene: Scene) -> None:
    listed = [asset(name, kind="document", mime_type="", type="") for name in ("m", "n")]
    scene.service.get_assets = lambda _: listed  # type: ignore[method-assign]
    deliver(scene, GLB, b'{"seed": 7}')
    scene.add()
    assert [entry["role"] for entry in scene.run().files if isinstance(entry, dict)] == ["mesh", "companion"]


def test_a_zip_of_no_kind_is_looked_into(scene: Scene) -> None:
    listed = [asset("z", kind="document", mime_type="application/zip", type="")]
    scene.service.get_assets = lambda _: listed  # type: ignore[method-assign]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("m.glb", GLB)
    deliver(scene, packed.getvalue())
    scene.add()
    assert [entry["role"] for entry in scene.run().files if isinstance(entry, dict)] == ["mesh"]


def test_a_document_alone_that_is_a_picture_is_waited_out_as_a_list_without_a_model(scene: Scene) -> None:
    lists = [[asset("t", kind="document", mime_type="", type="")]] * 2 + [[asset("m")]]
    scene.service.get_assets = lambda _: lists.pop(0) if len(lists) > 1 else lists[0]  # type: ignore[method-assign]
    deliver(scene, b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n", GLB)
    scene.add()
    assert scene.run().state is State.READY
    assert len(lists) == 1


def test_a_result_without_a_model_is_no_success_and_can_be_looked_for_again(scene: Scene) -> None:
    scene.service.get_assets = lambda _: [asset("t", kind="image")]  # type: ignore[method-assign]
    scene.blender = fake_blender(scene.folder, {"ok": True, "faces": 0, "objects": 0, "kept": []})
    scene.add()
    job = scene.run()
    assert (job.state, job.resume_state) == (State.FAILED, State.DOWNLOADING)
    assert "no 3D model" in job.message


def test_what_is_kept_of_bad_files_is_bounded(scene: Scene) -> None:
    deliver(scene, PAGE + bytes(BAD_BYTES), GLB)
    scene.add()
    job = scene.run()
    (kept,) = (scene.store.job_folder(job.id) / "result").glob("*.bad")
    assert kept.stat().st_size == BAD_BYTES


def test_a_job_that_waits_for_another_try_is_not_kept_waiting_once_it_is_resumed(scene: Scene) -> None:
    scene.add()
    job = scene.run(until=State.DOWNLOADING)
    job = scene.store.update(job, not_before=scene.store.clock() + MAX_DELAY_S)
    assert scene.store.resume(job).not_before == 0


def test_what_cannot_be_read_is_downloaded_again_and_not_for_ever(scene: Scene) -> None:
    deliver(scene, *(GLB + bytes([n]) for n in range(9)))
    scene.blender = fake_blender(scene.folder, UNREADABLE)
    scene.add()
    job = scene.run()
    assert (job.state, job.resume_state) == (State.FAILED, State.DOWNLOADING)
    assert scene.service.calls["download"] == 4
    scene.store.resume(job)
    assert scene.run().state is State.FAILED
    assert scene.service.calls["download"] == 5


def test_the_same_unreadable_file_twice_is_what_the_service_has(scene: Scene) -> None:
    deliver(scene, GLB)
    scene.blender = fake_blender(scene.folder, UNREADABLE)
    scene.add()
    job = scene.run()
    assert (job.state, job.resume_state) == (State.FAILED, State.DOWNLOADING)
    assert "the same file again" in job.message
    kept = [path for path in (scene.store.job_folder(job.id) / "result").iterdir() if path.suffix != ".bad"]
    assert [path.read_bytes() for path in kept] == [GLB]
    assert str(kept[0].parent) in job.message
    assert scene.service.calls["download"] == 2


def test_a_file_that_is_missing_from_the_list_is_waited_for(scene: Scene) -> None:
    real, calls = scene.service.get_assets, []

    def get_assets(ids: list[str]) -> list[Asset]:
        calls.append(ids)
        return real(ids) if len(calls) > 3 else []

    scene.service.get_assets = get_assets  # type: ignore[method-assign]
    scene.add()
    job = scene.run()
    assert (job.state, len(calls)) == (State.READY, 4)


def test_a_result_whose_files_are_told_of_minutes_later_is_waited_for(scene: Scene) -> None:
    ends_at = scene.clock() + 240.0

    def listed(job: Job) -> Job:
        return job if scene.clock() > ends_at else replace(job, asset_ids=())

    scene.service.listed = listed
    scene.add()
    assert scene.run().state is State.READY
    assert scene.clock() > ends_at


@pytest.mark.parametrize(
    "error",
    [NotFoundError("gone"), NotAllowedError("A page"), AnswerError("A page"), InputError("Bad request")],
)
def test_one_refusal_of_the_files_is_not_the_last_word(scene: Scene, error: Exception) -> None:
    scene.service.fail["get_assets"] = [error]
    scene.add()
    assert scene.run().state is State.READY


def test_files_that_are_gone_for_good_are_told_so_once_and_can_be_asked_for_again(scene: Scene) -> None:
    scene.service.get_assets = lambda _ids: []  # type: ignore[method-assign]
    scene.add()
    began = scene.clock()
    job = scene.run()
    assert (job.state, job.resume_state) == (State.EXPIRED, State.QUEUED)
    assert job.message.count("no longer has") == 1
    assert scene.clock() - began > 180.0


def test_files_that_never_come_do_not_keep_back_those_that_are_there(scene: Scene) -> None:
    real = scene.service.get_job
    scene.service.list_jobs = lambda **_: iter([real(name) for name in scene.service.jobs])  # type: ignore[assignment,method-assign]

    def get_job(job_id: str) -> Any:
        return replace(real(job_id), asset_ids=("asset_of_mesh", "asset_of_texture"))

    scene.service.get_job = get_job  # type: ignore[method-assign]
    scene.service.get_assets = lambda _ids: [asset("asset_of_mesh")]  # type: ignore[method-assign]
    scene.add()
    job = scene.run()
    assert job.state is State.READY
    assert len(job.files) == 1


def test_an_asset_whose_address_comes_later_is_waited_for(scene: Scene) -> None:
    scene.service.fail["download"] = [ServerError("The asset has no file to download yet.")] * 3
    scene.add()
    assert scene.run().state is State.READY


def test_an_address_that_is_not_there_yet_is_a_matter_of_time(tmp_path: Path) -> None:
    with FakeApi() as api:
        api.on("GET", "/v1/assets/asset_1", Say({"asset": {"id": "asset_1"}}))
        with pytest.raises(ServerError, match="no file to download yet"):
            api.client().download(api.asset(""), tmp_path / "a")


def test_each_file_of_a_delivery_has_a_name_of_its_own() -> None:
    taken: set[str] = set()
    given = ["2-a.glb", "a.glb", "a.glb", "A.GLB", "é.glb", "é.glb", "ﬁ.glb", "fi.glb", "a.glb.", "a.glb "]
    names: list[str] = []
    for name in given:
        names.append(file_name(asset("asset_1", file_name=name), taken))
        taken.add(names[-1].casefold())
    assert len({name.casefold() for name in names}) == len(given)
    assert names[:2] == given[:2]


def test_no_file_is_named_as_another_is_while_it_comes(scene: Scene) -> None:
    names = ["a.glb", "a.glb.part", "A.glb.bad", "b.glb.part", "b.glb"]
    assets = [asset(f"m{number}", file_name=name) for number, name in enumerate(names)]
    scene.service.get_assets = lambda _: assets  # type: ignore[method-assign]
    scene.add()
    files = [entry for entry in scene.run().files if isinstance(entry, dict)]
    paths = [str(entry["path"]).lower() for entry in files]
    used = [path + end for path in paths for end in ("", ".part", ".bad")]
    assert len(set(used)) == len(used) == 3 * len(names)


def announce(scene: Scene, **listed: Any) -> None:
    scene.service.get_assets = lambda _: [asset("m", **listed)]  # type: ignore[method-assign]


OBJ = {"file_name": "horse.obj", "mime_type": "model/obj", "size_bytes": 35_000}


def test_a_file_shorter_than_the_service_lists_is_downloaded_again(scene: Scene) -> None:
    announce(scene, **OBJ)
    deliver(scene, b"v" * 5000, b"v" * 35_000)
    scene.add()
    job = scene.run()
    assert (job.state, job.message) == (State.READY, "")
    assert (scene.store.job_folder(job.id) / "result" / "horse.obj").stat().st_size == 35_000


@pytest.mark.parametrize("contents", [[b"v" * 5000], [bytes([n]) * 5000 for n in range(1, 60)]])
def test_a_file_that_is_never_as_long_as_listed_is_taken_and_that_is_said(
    scene: Scene, contents: list[bytes]
) -> None:
    announce(scene, **OBJ)
    deliver(scene, *contents)
    scene.add()
    job = scene.run()
    assert job.state is State.READY
    assert job.message == "horse.obj came with 5,000 bytes, and the service lists 35,000."


@pytest.mark.parametrize(("content", "size"), [(GLB, 15), (b"glTF short", None), (b"v" * 9, 0)])
def test_nothing_is_said_of_a_size_that_proves_nothing(
    scene: Scene, content: bytes, size: int | None
) -> None:
    announce(scene, size_bytes=size)
    deliver(scene, content, b"another")
    scene.add()
    job = scene.run()
    assert (job.state, job.message) == (State.READY, "")
    assert (scene.store.job_folder(job.id) / "result" / "m.glb").read_bytes() == content


def test_files_that_are_too_many_for_one_job_are_said(scene: Scene) -> None:
    count = MAX_RESULT_FILES + 51
    scene.service.get_assets = lambda ids: [asset(each) for each in ids]  # type: ignore[method-assign]
    scene.service.listed = lambda job: (
        replace(job, asset_ids=tuple(f"a{n}" for n in range(count))) if job.asset_ids else job
    )
    scene.add()
    job = scene.run()
    assert len(job.files) == MAX_RESULT_FILES
    assert job.state is State.READY
    assert job.message == "The result has 251 files. Maquette fetches 200 of them for one job."


def test_no_wish_of_the_service_parks_a_job_for_long(scene: Scene) -> None:
    scene.service.fail["upload"] = [RateLimitedError("Too many", retry_after_s=9_000_000.0)]
    scene.add()
    began = scene.clock()
    assert scene.run().state is State.READY
    assert scene.clock() - began < MAX_DELAY_S + 600


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_zip_without_its_end_is_not_whole(tmp_path: Path, is_whole: bool) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.obj", "v 0 0 0")
    if not is_whole:
        path.write_bytes(path.read_bytes()[:-30])
    assert damage_of(path) == ("" if is_whole else "not whole")


def test_a_worker_that_is_told_to_be_offline_ends_in_mid_download(tmp_path: Path) -> None:
    """What came stays as .part; the job goes on where it is, once there is a worker again."""
    with FakeApi() as api:
        remote = {"jobId": "job_1", "status": "success", "metadata": {"assetIds": ["asset_1"]}}
        listed = {"id": "asset_1", "url": f"{api.root}/file", "kind": "3d", "metadata": {"fileName": "a.glb"}}
        api.on("GET", "/v1/jobs/job_1", Say({"job": remote}))
        api.on("POST", "/v1/assets/get-bulk", Say({"assets": [listed]}))
        api.on("GET", "/file", Say(bytes(size := 100_000), drip_s=0.01))  # a quarter of an hour
        store = Store(tmp_path)
        job = store.add(NewJob(name="n", model_id="m", inputs={}, service="s"))
        for state in (State.UPLOADING, State.SUBMITTING, State.QUEUED, State.DOWNLOADING):
            job = store.move(job, state, **({"remote_id": "job_1"} if state is State.QUEUED else {}))
        settings = WorkerSettings("s", "blender", api.url, Credentials("key", "secret"))
        started: list[subprocess.Popen[bytes]] = []

        def start() -> "subprocess.Popen[bytes]":
            started.append(start_worker(tmp_path, settings))
            return started[-1]

        watch = Supervisor(store, "s", start)
        watch.check()
        deadline = time.monotonic() + 60
        part = store.job_folder(job.id) / "result" / "a.glb.part"
        while not (part.exists() and part.stat().st_size):
            assert started[0].poll() is None, (tmp_path / "worker.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process = started[0]
        assert watch.give_up_worker() is process
        before = part.stat().st_size
        while part.stat().st_size == before:  # it goes on with its transfers
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        end_at_once(process)
        assert process.wait(timeout=30)
        let_go(process)
        assert 0 < part.stat().st_size < size
        assert store.get(job.id).state is State.DOWNLOADING
        assert api.seen()[-1].path == "/file"


def test_the_worker_of_a_closed_backend_hears_of_online_access_that_goes_off(tmp_path: Path) -> None:
    wait = "import sys, time; sys.stdin.read(); time.sleep(60)"
    workers = [subprocess.Popen([sys.executable, "-c", wait], stdin=subprocess.PIPE) for _ in range(2)]
    backends = [
        Mock(spec=Backend, service=name, close=Mock(return_value=worker))
        for name, worker in zip("ab", workers, strict=True)
    ]
    state = SessionState()
    try:
        for backend in backends:
            state.backend = backend
            state.close_backend()
        state.end_offline(lambda service: True)
        assert workers[0].poll() is None
        state.end_offline(lambda service: service == "b")
        if workers[0].returncode == 0:  # it was let go before its end was seen
            workers[0].returncode = None
        assert workers[0].wait(30)
        assert workers[1].poll() is None
        state.let_go_of_workers()
    finally:
        state.let_go_of_workers()
        for worker in workers:
            worker.returncode = None
            worker.kill()
            worker.wait(30)
