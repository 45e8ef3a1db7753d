# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line as a person or a script uses it, each command in a Blender of its own, on the sandbox."""

import contextlib
import importlib
import json
import os
import shlex
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import pytest
from commands import (
    EXAMPLES,
    HORSE,
    NOBODY,
    TIMEOUT_S,
    Sandbox,
    command,
    interrupted,
    read_json,
    run,
    running_sandbox,
)
from holding import HoldingProxy

jobs = importlib.import_module(os.environ["MAQUETTE_PACKAGE"] + ".jobs")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("command"), "--delay", "1") as running:
        yield running


def glb_json(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    magic, version, length, size = struct.unpack_from("<4sIII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    return json.loads(data[20 : 20 + size])


def test_a_picture_becomes_a_textured_model_in_every_form_asked_for(sandbox: Sandbox, tmp_path: Path) -> None:
    glb, blend, preview = tmp_path / "new" / "horse.glb", tmp_path / "horse.blend", tmp_path / "horse.png"
    fbx = tmp_path / "horse.fbx"
    done = run(
        "generate", HORSE, "--param", "targetFaceNum=4000", "--size", "2.5", "--json",
        "-o", str(glb), "-o", str(blend), "-o", str(fbx), "--preview", str(preview),
        env=sandbox.env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    job = read_json(done.stdout)["jobs"][0]
    assert job["state"] == "placed"
    assert job["outputs"] == [str(glb), str(blend), str(fbx), str(preview)]
    assert fbx.read_bytes().startswith(b"Kaydara FBX Binary")
    assert 500 < job["faces"] <= 4000
    content = glb_json(glb)
    assert content["images"]
    keep(glb)
    assert preview.read_bytes().startswith(b"\x89PNG")
    libraries: Any = bpy.data.libraries
    with libraries.load(str(blend)) as (source, target):
        assert "horse" in source.objects
        target.objects = ["horse"]
    root: Any = target.objects[0]
    assert root["maquette_model"] == "model_hunyuan-3d-v2-1"
    assert root["maquette_source"] == "horse.png"
    assert root["maquette_job"] == job["id"]
    assert json.loads(root["maquette_parameters"]) == {"image": "horse.png", "targetFaceNum": 4000}
    longest = max(high - low for low, high in zip(root["maquette_min"], root["maquette_max"], strict=True))
    assert root.scale.x * longest == pytest.approx(2.5, rel=1e-4)
    bpy.data.objects.remove(root)
    assert "CU" in done.stderr.splitlines()[0]


def test_a_model_that_is_not_as_required_is_written_and_ends_with_a_code_of_its_own(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    words = ("generate", HORSE, "--param", "targetFaceNum=2000", "-o", str(tmp_path / "h.glb"), "--json")
    done = run(*words, "--require", "faces<=100, manifold", env=sandbox.env)
    assert done.returncode == 6, done.stderr
    assert (tmp_path / "h.glb").is_file()
    answer = read_json(done.stdout)
    (job,) = answer["jobs"]
    assert (answer["ok"], job["state"]) == (False, "placed")
    assert job["rejected"] == [f"faces {job['faces']:,}, required <=100"]
    assert job["report"]["faces"] == job["faces"]
    assert max(job["report"]["dimensions_m"]) == pytest.approx(1.0)
    assert f"horse: {job['report']['sentence']}" in done.stderr
    before = sandbox.stats()["paidJobs"]
    done = run(*words, "--require", "facs<=100", env=sandbox.env)
    assert (done.returncode, "did you mean faces" in done.stderr) == (2, True)
    assert sandbox.stats()["paidJobs"] == before


def keep(path: Path) -> None:
    """For the Khronos validator, which runs after the tests."""
    if "MAQUETTE_KEEP" in os.environ:
        shutil.copy(path, os.environ["MAQUETTE_KEEP"])


def test_words_become_a_model(sandbox: Sandbox, tmp_path: Path) -> None:
    target = tmp_path / "text.glb"
    done = run("generate", "--prompt", "two words", "-o", str(target), env=sandbox.env)
    assert done.returncode == 0, done.stderr
    assert glb_json(target)["meshes"]
    keep(target)


@pytest.mark.skipif(bpy.app.ocio.version < (2, 2, 0), reason="this OpenColorIO brings no configuration")
def test_a_preview_is_written_under_a_studios_colour_configuration(sandbox: Sandbox, tmp_path: Path) -> None:
    words = ["generate", HORSE, "--param", "targetFaceNum=500", "-o", str(tmp_path / "a.glb")]
    preview = tmp_path / "a.png"
    done = run(*words, "--preview", str(preview), env={**sandbox.env, "OCIO": "ocio://default"})
    assert done.returncode == 0, done.stderr
    image = bpy.data.images.load(str(preview))
    numbers: list[float] = list(image.pixels)  # type: ignore[arg-type]  # the stubs know one number alone
    bright = sum(numbers) / len(numbers)
    bpy.data.images.remove(image)
    assert 0.3 < bright < 0.97  # neither black nor blown out; the fourth number is opacity


def test_four_views_go_to_the_inputs_that_their_names_say(sandbox: Sandbox, tmp_path: Path) -> None:
    views = [str(EXAMPLES / "views" / f"{view}.png") for view in ("back", "front", "left", "right")]
    model = "model_tripo-v3-0-multiview-to-3d"
    target = tmp_path / "views.glb"
    done = run("generate", *views, "--model", model, "-o", str(target), "--json", env=sandbox.env)
    assert done.returncode == 0, done.stderr
    told = read_json(done.stdout)["jobs"][0]
    assert told["state"] == "placed"
    keep(target)
    text = run("jobs", "--json", env=sandbox.env).stdout
    found, _ = json.JSONDecoder().raw_decode(text[text.index("[\n") :])  # Blender has a word before and after
    listed = {job["id"]: job for job in found}
    assert listed[told["id"]]["outputs"] == [str(target)]
    line = next(
        line for line in run("jobs", env=sandbox.env).stdout.splitlines() if line.startswith(told["id"])
    )
    assert " written " in line


def test_a_format_that_blender_cannot_read_stays_as_a_file(sandbox: Sandbox) -> None:
    done = run("generate", HORSE, "--model", "model_vast-ai-triposplat", "--json", env=sandbox.env)
    assert done.returncode == 0, done.stderr
    (job,) = read_json(done.stdout)["jobs"]
    outputs = job["outputs"]
    assert any(name.endswith(".spz") for name in outputs)
    assert all(Path(name).exists() for name in outputs)
    assert f"{job['name']}: {job['message']}\n" in done.stderr
    done = run("finish", job["id"], "--finish", "game", env=sandbox.env)
    assert done.returncode == 2
    said = "cannot be finished: what was delivered is no 3D model that Blender can read. It is kept in "
    assert said in done.stderr
    assert "costs nothing" not in done.stderr


def test_a_file_that_was_asked_for_and_cannot_be_written_is_no_success(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """A script that goes on with it would fail later; what was delivered is named."""
    target = tmp_path / "splat.glb"
    target.write_bytes(b"of an earlier run")
    splat = ("--model", "model_vast-ai-triposplat", "-o", str(target))
    done = run("generate", HORSE, *splat, env=sandbox.env)
    assert done.returncode == 1, done.stderr
    assert target.read_bytes() == b"of an earlier run"
    assert f"not written: {target}" in done.stderr
    assert ".spz" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["generate", HORSE, "-p", "targetFaceNumm=4000"], 2, "did you mean targetFaceNum"),
        (["generate", HORSE, "-p", "targetFaceNum=1"], 2, "100 to 1000000"),
        (["generate", HORSE, "-p", "paint"], 2, "NAME=VALUE"),
        (["generate", "no-such-file.png"], 2, "no such file"),
        (["generate", __file__], 2, "neither an image"),
        (["generate", HORSE, "-p", f"image={__file__}"], 2, "is not an image"),
        (["generate", HORSE, "--model", "model_nope"], 2, "maquette models"),
        (["generate", HORSE, HORSE], 2, "one image file at a time"),
        (["generate", HORSE, "--prompt", "x"], 2, "takes no words"),
        (["generate", HORSE, "-o", "x.obj"], 2, "name ends in .glb"),
        (["generate", HORSE, "-o", "/proc/none/x.glb"], 2, "cannot be written"),
        (["generate", HORSE, "--size", "nought"], 2, "length in metres"),
        (["generate", HORSE, "--max-cost", "0.01"], 4, "0.01 CU at most"),
        (["generate"], 2, "a prompt in words"),
        (["generate", HORSE, "--api-url", "https://example.com/v1"], 3, "online access"),
        (["generate", HORSE, "--api-url", "http://example.com/v1"], 2, "must begin with https"),
        (["resume", "--api-url", "nonsense"], 2, "API address"),
        (["generate", HORSE, "-o", "~nobody-of-this-name/x.glb"], 2, "cannot be written"),
        (["generate", HORSE, "-o", f"{'x' * 300}.glb"], 2, "too long"),
        (["generate", HORSE, "--state", __file__], 2, "Choose another folder"),
        (["jobs", "--limit", "0"], 2, "1 or more"),
        (["jobs", "--state", "misspelt"], 2, "There is no folder"),
        (["resume", "--state", "misspelt"], 2, "There is no folder"),
        (["sandbox", "--port", "99999"], 2, "from 1 to 65535"),
        (["sandbox", "--data", __file__], 2, "Choose another folder"),
        (["generate", HORSE, "--api-url", f"http://{NOBODY}/v1"], 5, NOBODY),
        (["resume", "nothing"], 2, "no job nothing"),
        (["models", "model_nope"], 2, "There is no model model_nope. `maquette models` lists"),
        (["cost", HORSE, "--sandbox", "--api-url", "http://127.0.0.1:1"], 2, "Leave one of the two out"),
        (["frobnicate"], 2, "--help"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    sandbox: Sandbox, words: list[str], code: int, says: str
) -> None:
    paid = sandbox.stats()["paidJobs"]
    done = run(*words, env=sandbox.env)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("maquette: ")]
    assert len(told) == 1
    assert sandbox.stats()["paidJobs"] == paid
    assert not Path("misspelt").exists()


def test_a_wrong_key_is_refused_in_one_line(sandbox: Sandbox) -> None:
    done = run("generate", HORSE, env={**sandbox.env, "SCENARIO_SDK_API_SECRET": "wrong"})
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "key" in done.stderr


def test_without_a_key_it_says_where_to_put_it(sandbox: Sandbox) -> None:
    env = {name: value for name, value in sandbox.env.items() if not name.startswith("SCENARIO_SDK_")}
    done = run("generate", HORSE, env=env)
    assert done.returncode == 3
    assert "SCENARIO_SDK_API_KEY" in done.stderr


def test_a_full_disk_is_told_before_anything_is_spent(sandbox: Sandbox) -> None:
    full = Path("/dev/full")
    if not full.exists() or os.geteuid() != 0:
        pytest.skip("needs root on Linux, to mount a small disk")
    folder = Path(sandbox.env["MAQUETTE_STATE"]).parent / "small"
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this machine may not mount")
    try:
        paid = sandbox.stats()["paidJobs"]
        done = run("generate", HORSE, "--state", str(folder), env=sandbox.env)
        assert done.returncode == 1
        assert "Make room" in done.stderr
        assert sandbox.stats()["paidJobs"] == paid
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_dry_run_and_a_price_spend_nothing(sandbox: Sandbox) -> None:
    paid = sandbox.stats()["paidJobs"]
    done = run("generate", HORSE, "--dry-run", "--json", env=sandbox.env)
    assert done.returncode == 0
    cost = run("cost", HORSE, "--json", env=sandbox.env)
    assert read_json(done.stdout)["cost_cu"] == read_json(cost.stdout)["cost_cu"] > 0
    assert read_json(cost.stdout)["balance_cu"] > 0
    assert sandbox.stats()["paidJobs"] == paid


def test_models_are_listed_and_described(sandbox: Sandbox) -> None:
    done = run("models", "--capability", "txt23d", env=sandbox.env)
    assert "model_meshy-txt23d" in done.stdout
    assert "model_hunyuan-3d-part" not in done.stdout
    done = run("models", "model_hunyuan-3d-v2-1", env=sandbox.env)
    assert "100 to 1000000" in done.stdout.replace("..", " to ") or "1000000" in done.stdout
    assert "stand-in" in done.stdout


def test_ctrl_c_leaves_a_job_that_resume_picks_up(sandbox: Sandbox, tmp_path: Path) -> None:
    paid = sandbox.stats()["paidJobs"]
    target = tmp_path / "horse.glb"
    with contextlib.closing(HoldingProxy(sandbox.api)) as proxy:
        env = {**sandbox.env, "MAQUETTE_STATE": str(tmp_path / "state"), "MAQUETTE_API_URL": proxy.api}
        proxy.hold(r"GET /v1/jobs\?", "answer")  # it stays queued until it is interrupted
        code, rest = interrupted(command("generate", HORSE, "-o", str(target)), env, at="queued")
        proxy.go_on()
        assert code == 130
        assert "maquette resume" in rest
        assert "Traceback" not in rest
        elsewhere = run("resume", "--sandbox", env=env)
        assert (elsewhere.returncode, "are left: give its --api-url" in elsewhere.stderr) == (0, True)
        done = run("resume", env=env)
        assert done.returncode == 0, done.stderr
        assert target.exists()
        assert sandbox.stats()["paidJobs"] == paid + 1
        assert run("resume", env=env).stderr.strip() == "Nothing to resume."
    other = run("resume", "--api-url", "https://example.com/v1", env=env)
    assert (other.returncode, other.stderr.strip()) == (0, "Nothing to resume.")


def test_what_an_interruption_says_to_type_brings_the_model(tmp_path: Path) -> None:
    target = tmp_path / "horse.glb"
    words = ["--sandbox", "--state", str(tmp_path / "the state"), "-o", str(target)]
    blender, background, *rest = command("generate", HORSE, *words)
    process = subprocess.Popen(
        [blender, background, "--online-mode", *rest],
        # Long enough to be interrupted in; the sandbox that is started anew takes its usual 2 s for the job.
        env={**os.environ, "MAQUETTE_SANDBOX_OPTIONS": "--delay 600"},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        next(line for line in process.stderr if "queued" in line)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
        process.communicate(timeout=30)
    assert process.returncode == 130
    told = shlex.split(said.split("`")[1])
    assert told[:3] == ["blender", "--background", "--online-mode"]
    done = subprocess.run([blender, *told[1:]], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    assert target.exists()


def test_its_version_is_told() -> None:
    assert "maquette 0." in run("--version").stdout


def test_money_is_told_to_the_last_hundredth(sandbox: Sandbox, tmp_path: Path) -> None:
    env = {**sandbox.env, "MAQUETTE_SANDBOX_OPTIONS": "--price 1234567.25"}
    words = ("--sandbox", "--state", str(tmp_path / "state"), "--max-cost", "1234567")
    done = run("generate", HORSE, *words, env=env)
    assert done.returncode == 4
    assert "1,234,567.25 CU (creative units)" in done.stderr
    assert "it costs 1,234,567.25 CU, and it may cost 1,234,567 CU at most" in done.stderr


def test_two_private_sandboxes_on_one_state_both_deliver(tmp_path: Path) -> None:
    env = {**os.environ, "MAQUETTE_SANDBOX_OPTIONS": "--delay 5"}
    targets = [tmp_path / f"{number}.glb" for number in range(2)]
    running = [
        subprocess.Popen(
            command("generate", HORSE, "--sandbox", "--state", str(tmp_path / "state"), "-o", str(target)),
            env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for target in targets
    ]  # fmt: skip
    try:
        said = [process.communicate(timeout=TIMEOUT_S)[1] for process in running]
    finally:
        for process in running:
            process.kill()
            process.communicate(timeout=30)
    assert [process.returncode for process in running] == [0, 0], said
    assert all(target.exists() for target in targets)


def test_the_private_sandbox_needs_nothing_and_leaves_no_process(tmp_path: Path) -> None:
    target = tmp_path / "horse.glb"
    state = tmp_path / "state"
    done = run("generate", HORSE, "--sandbox", "--state", str(state), "-o", str(target))
    assert done.returncode == 0, done.stderr
    assert target.exists()
    if Path("/proc/self").exists():
        deadline = time.monotonic() + TIMEOUT_S
        while left := [line for line in process_lines() if str(state) in line]:
            assert time.monotonic() < deadline, left
            time.sleep(0.2)


def process_lines() -> list[str]:
    lines: list[str] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it has ended meanwhile
    return lines


def test_a_person_says_which_of_the_services_jobs_a_job_in_doubt_is(sandbox: Sandbox, tmp_path: Path) -> None:
    store, state = jobs.Store(tmp_path), jobs.State
    job = store.add(jobs.NewJob(name="a cup", model_id="m", inputs={}, service=sandbox.api))
    for next_state in (state.UPLOADING, state.SUBMITTING, state.UNCERTAIN):
        job = store.move(job, next_state)
    found = [
        {"id": f"job_{number}", "url": "https://api.test/v1/jobs", "created_at": 1.8e9} for number in (7, 8)
    ]
    store.update(job, candidates=found, resume_state=state.PREPARED, message="It may be job_7 or job_8.")
    env = {**sandbox.env, "MAQUETTE_STATE": str(tmp_path)}
    paid = sandbox.stats()["paidJobs"]
    left = run("resume", env=env)
    assert left.returncode == 1
    assert "It may be job_7 or job_8." in left.stderr
    named = run("resume", job.id, env=env)
    assert named.returncode == 1
    assert sandbox.stats()["paidJobs"] == paid
    assert run("jobs", "--take", job.id, "job_9", env=env).returncode == 2
    refused = run("jobs", "--refuse", job.id, "job_7", env=env)
    assert refused.returncode == 0
    assert "job_8" in refused.stdout
    taken = run("jobs", "--take", job.id, "job_8", env=env)
    assert taken.returncode == 0
    assert f"maquette resume {job.id}" in taken.stdout
    job = store.get(job.id)
    store.close()
    assert (job.state, job.remote_id) == (state.QUEUED, "job_8")


def test_the_jobs_are_listed_without_any_service(sandbox: Sandbox, tmp_path: Path) -> None:
    store = jobs.Store(tmp_path)
    store.add(jobs.NewJob(name="a cup", model_id="m", model_name="Some Model", inputs={}, service="s"))
    store.close()
    env = {**sandbox.env, "MAQUETTE_API_URL": f"http://{NOBODY}/v1", "MAQUETTE_STATE": str(tmp_path)}
    done = run("jobs", env=env)
    assert done.returncode == 0
    assert "prepared" in done.stdout
    assert "a cup  (Some Model)" in done.stdout
