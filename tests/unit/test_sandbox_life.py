# SPDX-License-Identifier: GPL-3.0-or-later
"""A sandbox job's life, uploads, the CDN, and the sandbox as a process: restarted, interrupted, left."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from maquette.client import Credentials, Scenario
from maquette.jobs import Store, start_sandbox
from maquette.jobs.process import stop_sandbox
from maquette.sandbox.state import State
from sandbox_client import GLB, HUNYUAN, Caller, build_nothing

ROOT = Path(__file__).resolve().parents[2]
START = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("maquette", sys.argv[1] + "/__init__.py",
                                              submodule_search_locations=[sys.argv[1]])
sys.modules["maquette"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["maquette"])
from maquette.sandbox.server import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Caller]:
    caller = Caller(tmp_path)
    yield caller
    caller.sandbox.close()


def test_a_job_passes_through_its_statuses_with_rising_progress(caller: Caller) -> None:
    job_id = caller.submit()["jobId"]
    jobs = [caller.job(job_id, 1.0) for _ in range(11)]
    words = dict.fromkeys(job["status"] for job in jobs)
    assert list(words) == ["queued", "warming-up", "in-progress", "success"]
    progress = [job["progress"] for job in jobs]
    assert progress == sorted(progress)
    assert progress[0] == 0
    assert progress[-1] == 1
    assert any(0 < share < 1 for share in progress)


def test_a_job_takes_at_least_its_delay(caller: Caller) -> None:
    job_id = caller.submit()["jobId"]
    assert caller.job(job_id, 9.9)["status"] == "in-progress"
    assert caller.job(job_id, 0.2)["status"] == "success"


def test_a_job_waits_for_its_build_however_long(tmp_path: Path) -> None:
    gate = threading.Event()

    def build(request: dict[str, Any], folder: Path) -> dict[str, Any]:
        gate.wait(600)
        return build_nothing(request, folder)

    caller = Caller(tmp_path, build=build)
    job_id = caller.submit()["jobId"]
    caller.clock.time += 1000
    caller.sandbox.lifecycle.tick()
    assert caller.ask("GET", f"/jobs/{job_id}")["job"]["status"] == "in-progress"
    gate.set()
    assert caller.job(job_id)["status"] == "success"
    caller.sandbox.close()


def test_a_result_is_an_asset_that_knows_where_it_comes_from(caller: Caller) -> None:
    image = caller.image()
    job = caller.job(caller.submit(image=image)["jobId"], 11)
    asset = caller.ask("POST", "/assets/get-bulk", {"assetIds": job["metadata"]["assetIds"]})["assets"][0]
    wanted = {"type": "img23d", "parentJobId": job["jobId"], "parentId": image, "modelId": HUNYUAN}
    assert wanted.items() <= asset["metadata"].items()
    assert asset["properties"] == {"size": len(GLB), "format": "glb", "faceCount": 12}
    assert caller.ask("GET", asset["url"]).data == GLB
    assert not [name for name in (*asset, *job) if name.startswith("_")]


def test_a_build_that_fails_is_explained_and_refunded(caller: Caller) -> None:
    job = caller.job(caller.submit("model_meshy-txt23d", prompt="impossible")["jobId"], 11)
    assert job["status"] == "failure"
    assert (job["metadata"]["error"], job["metadata"]["hint"]) == (
        "This can't be built",
        "Ask for something else",
    )
    assert job["billing"]["cuCost"] > 0
    assert caller.sandbox.api.stats()["spentCu"] == 0


def test_jobs_assets_and_the_key_outlive_the_sandbox(tmp_path: Path) -> None:
    first = Caller(tmp_path)
    done, waiting = first.submit()["jobId"], ""
    asset_id = first.job(done, 11)["metadata"]["assetIds"][0]
    waiting = first.submit()["jobId"]
    first.sandbox.close()
    second = Caller(tmp_path, clock=first.clock)
    assert second.sign_in == first.sign_in
    assert second.ask("GET", second.ask("GET", f"/assets/{asset_id}")["asset"]["url"]).data == GLB
    assert second.job(waiting, 11)["status"] == "success"
    assert second.sandbox.api.stats()["paidJobs"] == 2
    second.sandbox.close()


def test_an_upload_in_parts_becomes_an_asset_in_stages(caller: Caller) -> None:
    data = GLB + bytes(range(256)) * 40
    body = {"fileName": "a.glb", "contentType": "x/y", "fileSize": len(data), "kind": "3d", "parts": 2}
    upload = caller.ask("POST", "/uploads", body)["upload"]
    for part, piece in zip(upload["parts"], (data[:5000], data[5000:]), strict=True):
        assert caller.ask("PUT", part["url"], piece).status == 200
    stages = [caller.ask("GET", f"/uploads/{upload['id']}")["upload"]["status"]]
    caller.ask("POST", f"/uploads/{upload['id']}/action", {"action": "complete"})
    for _ in range(3):
        stages.append(caller.ask("GET", f"/uploads/{upload['id']}")["upload"]["status"])
        caller.clock.time += 0.1
    assert list(dict.fromkeys(stages)) == ["pending", "validating", "imported"]
    asset_id = caller.ask("GET", f"/uploads/{upload['id']}")["upload"]["entityId"]
    assert caller.ask("GET", caller.ask("GET", f"/assets/{asset_id}")["asset"]["url"]).data == data


@pytest.mark.parametrize(
    ("data", "kind", "name", "size", "message"),
    [
        (b"no picture at all", "image", "a.png", None, "Unhandled image format"),
        (b"no mesh", "3d", "a.glb", None, "no 3d file"),
        (GLB, "3d", "a.glb", 99, "fileSize"),
        (b"\0" * 20, "3d", "a.obj", None, "no 3d file"),
    ],
)
def test_an_upload_that_is_not_what_it_says_fails(
    caller: Caller, data: bytes, kind: str, name: str, size: int | None, message: str
) -> None:
    upload = caller.upload(data, kind, name, size=size)
    assert upload["status"] == "failed"
    assert message in upload["errorMessage"]
    assert "entityId" not in upload


@pytest.mark.parametrize(
    "wrong", [{"fileSize": 0}, {"parts": 0}, {"kind": "cake"}, {"fileName": 3}, {"parts": 1e9}]
)
def test_an_upload_that_makes_no_sense_is_refused(caller: Caller, wrong: dict[str, Any]) -> None:
    body = {"fileName": "a", "contentType": "x/y", "fileSize": 3, "kind": "3d", "parts": 1}
    assert caller.ask("POST", "/uploads", body | wrong).status == 400


def asset_url(caller: Caller, data: bytes) -> str:
    asset_id = caller.upload(GLB + data, "3d", "a.glb")["entityId"]
    return caller.ask("GET", f"/assets/{asset_id}")["asset"]["url"]


def test_a_download_can_be_resumed_where_it_broke(caller: Caller) -> None:
    data = GLB + bytes(1000)
    url = asset_url(caller, bytes(1000))
    rest = caller.ask("GET", url, headers={"Range": "bytes=600-"})
    assert (rest.status, rest.headers["Content-Range"]) == (206, f"bytes 600-{len(data) - 1}/{len(data)}")
    assert rest.data == data[600:]
    assert caller.ask("GET", url, headers={"Range": f"bytes={len(data)}-"}).status == 416


def test_a_signed_url_expires_and_bears_no_change(caller: Caller) -> None:
    url = asset_url(caller, b"")
    name = url.split("/assets/")[1].split("?")[0]
    assert caller.ask("GET", url.replace("Signature=", "Signature=0")).status == 403
    assert caller.ask("GET", url.replace(name, "other.glb")).status == 403
    assert caller.ask("GET", url.split("?")[0]).status == 403
    caller.clock.time += 3601
    expired = caller.ask("GET", url)
    assert expired.status == 403
    assert b"AccessDenied" in expired.data


def test_the_apis_key_on_the_cdn_is_a_counted_mistake(caller: Caller) -> None:
    url = asset_url(caller, b"")
    assert caller.ask("GET", url, headers=caller.sign_in).status == 400
    assert caller.sandbox.api.stats()["authHeadersOnCdn"] == 1


def test_a_signed_asset_url_does_not_allow_writing(caller: Caller) -> None:
    url = asset_url(caller, b"")
    assert caller.ask("PUT", url, b"mine now").status == 405
    assert caller.ask("GET", url).data == GLB


def start(folder: Path, *more: str) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
    command = [
        sys.executable,
        "-I",
        "-B",
        "-c",
        START,
        str(ROOT),
        "--blender",
        "none",
        "--data",
        str(folder),
        *more,
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    return process, json.loads(process.stdout.readline())


def finish(process: subprocess.Popen[bytes]) -> str:
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    return errors.decode()


def test_it_says_where_it_is_and_what_it_is_and_ends_with_its_input(tmp_path: Path) -> None:
    process, ready = start(tmp_path, "--exit-with-stdin")
    assert set(ready) == {"api", "key", "secret"}
    words = finish(process)
    assert "not a generative model" in words
    assert "Traceback" not in words


def test_killed_and_started_again_it_keeps_its_key(tmp_path: Path) -> None:
    process, before = start(tmp_path)
    process.kill()
    process.communicate()
    process, after = start(tmp_path, "--exit-with-stdin")
    assert (after["key"], after["secret"]) == (before["key"], before["secret"])
    stats_url = after["api"].replace("/v1", "/sandbox/stats")
    pair = base64.b64encode(f"{after['key']}:{after['secret']}".encode()).decode()
    request = urllib.request.Request(stats_url, headers={"Authorization": f"Basic {pair}"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        assert json.load(answer)["paidJobs"] == 0
    finish(process)


@pytest.mark.skipif(os.name == "nt", reason="on Windows the user's folders are private by themselves")
@pytest.mark.parametrize("make", [lambda folder: Store(folder), lambda folder: State(folder)])
def test_a_state_is_its_users_alone_also_where_it_was_open_before(tmp_path: Path, make: Any) -> None:
    folder = tmp_path / "state"
    make(folder).close()
    found = [path for path in folder.rglob("*") if path.is_dir() or path.suffix == ".db"]
    for path in (folder, *found):
        path.chmod(0o777)
    make(folder).close()
    for path in (folder, *found):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)


def test_another_user_of_the_machine_can_read_no_key_and_no_file_and_start_no_job(tmp_path: Path) -> None:
    if not (hasattr(os, "geteuid") and os.geteuid() == 0):
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are private as they are
        Path(name).chmod(0o755)
        caller = Caller(Path(name, "sandbox"))
        Store(Path(name, "state")).close()
        caller.image()
        tried = [*Path(name).rglob("*.db"), *Path(name).rglob("*.png")]
        assert len(tried) >= 3
        code = (
            "import http.client, sys\n"
            "for path in sys.argv[3:]:\n"
            "    try:\n"
            "        open(path, 'rb')\n"
            "        print(path)\n"
            "    except PermissionError: pass\n"
            "for target in ('/v1/generate/custom/' + sys.argv[2], '/v1/assets', '/sandbox/stats'):\n"
            "    connection = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=10)\n"
            "    connection.request('POST', target, b'{}')\n"
            "    print(connection.getresponse().status)\n"
        )
        port = caller.sandbox.url.split(":")[2].split("/")[0]
        words = ["/usr/bin/python3", "-I", "-c", code, port, HUNYUAN, *map(str, tried)]
        done = subprocess.run(words, user=65534, group=65534, extra_groups=[], capture_output=True, text=True)
        stats = caller.sandbox.api.stats()
        caller.sandbox.close()
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["401"] * 3, "")
    assert stats["paidJobs"] == 0


@pytest.mark.skipif(os.name == "nt", reason="on Windows the user's folders are private by themselves")
def test_a_state_in_a_folder_that_a_group_shares_is_the_groups_and_nobody_elses(tmp_path: Path) -> None:
    """The output folder of a farm keeps its rights, and who assembles the results may read them."""
    output = tmp_path / "out"
    machines = output / ".maquette" / "machines"
    shared = (output, machines.parent, machines)
    for path in shared:
        path.mkdir()
        path.chmod(0o2775)
    state = machines / "host"
    before = os.umask(0o002)
    try:
        Store(state).close()
        State(state / "sandbox").close()  # its key is no group's
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o7777 for path in shared] == [0o2775] * 3
    assert [path.stat().st_mode & 0o777 for path in (state, state / "jobs")] == [0o770] * 2
    assert (state / "maquette.db").stat().st_mode & 0o777 == 0o660
    assert (state / "sandbox").stat().st_mode & 0o777 == 0o700
    assert (state / "sandbox" / "sandbox.db").stat().st_mode & 0o777 == 0o600


def test_no_process_of_ours_gets_a_secret_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = (
        "SCENARIO_SDK_API_KEY",
        "SCENARIO_SDK_API_SECRET",
        "GITHUB_TOKEN",
        "db_password",
        "OTHER_API_KEY",
    )
    for name in names:
        monkeypatch.setenv(name, "planted")
    blender = tmp_path / "blender"
    blender.write_text(f"#!/bin/sh\nenv > {tmp_path}/child\n")
    blender.chmod(0o755)
    with (tmp_path / "log").open("wb") as log:
        process = start_sandbox(tmp_path / "data", str(blender), ["--delay", "0"], stdout=-1, stderr=log)
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        with Scenario(ready["api"], Credentials(ready["key"], ready["secret"])) as api:
            job = api.generate("model_meshy-txt23d", {"prompt": "a cup"}).job
            while not api.get_job(job.id).has_ended:
                time.sleep(0.05)
        found = [(tmp_path / "child").read_text()]
        if sys.platform == "linux":
            found.append(Path(f"/proc/{process.pid}/environ").read_text())
        assert not [text for text in found if "planted" in text]
        assert all("PATH=" in text for text in found)
    finally:
        stop_sandbox(process)


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path, caller: Caller) -> None:
    port = caller.sandbox.url.split(":")[2].split("/")[0]
    command = [sys.executable, "-I", "-B", "-c", START, str(ROOT), "--blender", "none", "--port", port]
    command += ["--data", str(tmp_path / "other")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 5
    assert "Try another --port" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_two_sandboxes_on_one_folder_build_each_job_once(tmp_path: Path) -> None:
    built: list[str] = []

    def build(request: dict[str, Any], folder: Path) -> dict[str, Any]:
        built.append(request["type"])
        return build_nothing(request, folder)

    first = Caller(tmp_path, build=build)
    second = Caller(tmp_path, clock=first.clock, build=build)
    assert second.sign_in == first.sign_in
    job_id = second.submit()["jobId"]
    first.sandbox.lifecycle.tick()  # begins it
    assert first.job(job_id, 11)["status"] == "success"
    assert second.job(job_id)["status"] == "success"
    assert len(built) == 1
    first.sandbox.close()
    second.sandbox.close()


def test_where_a_sandbox_ends_another_on_its_folder_carries_its_jobs_on(tmp_path: Path) -> None:
    first = Caller(tmp_path)
    second = Caller(tmp_path, clock=first.clock)
    job_id = first.submit()["jobId"]
    assert second.job(job_id, 11)["status"] == "queued"
    first.sandbox.close()
    second.sandbox.lifecycle.tick()
    assert second.job(job_id)["status"] == "success"
    second.sandbox.close()


def test_a_sandbox_waits_for_another_that_is_making_the_folder(
    tmp_path: Path, locked_until_waited_for: Callable[[Path], AbstractContextManager[None]]
) -> None:
    with locked_until_waited_for(tmp_path / "sandbox.db"):
        State(tmp_path).close()


def test_sandboxes_that_begin_on_a_new_folder_at_once_have_one_key(tmp_path: Path) -> None:
    command = [sys.executable, "-c", START, str(ROOT), "--data", str(tmp_path / "new"), "--blender", "none"]
    started = [
        subprocess.Popen(
            [*command, "--exit-with-stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    try:
        ready = [json.loads(process.stdout.readline()) for process in started if process.stdout]
    finally:
        for process in started:
            process.communicate(timeout=30)
    assert len({(each["key"], each["secret"]) for each in ready}) == 1
    assert len({each["api"] for each in ready}) == 4
