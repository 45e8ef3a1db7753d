# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm's template run for real by Open Job Description's own runner, its tasks killed and run again."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import pytest
from commands import EXAMPLES, NO_PICTURE, Sandbox, run, running_sandbox
from holding import HoldingProxy

OPENJD = Path(sys.executable).with_name("openjd")
TEMPLATE = EXAMPLES.parent / "docs" / "farm" / "openjd" / "template.yaml"
ROWS = ("horse.png", "cat.png", "coffee.png", "views/front.png")
TIMEOUT_S = 240
# Where a host goes down: it has paid and does not know it; it knows, and waits.
POINTS = (r"POST /v1/generate/custom/[^?]*$", r"GET /v1/jobs\?")

pytestmark = pytest.mark.skipif(not OPENJD.exists(), reason="openjd-cli comes with the wheels' environments")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("farm"), "--delay", "2") as running:
        yield running


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "some props.csv"
    rows = [f"row {n},{EXAMPLES / file},{500 + n}" for n, file in enumerate(ROWS)]
    path.write_text("\n".join(["id,image,targetFaceNum", *rows]), encoding="utf-8")
    return path


def start(sandbox: Sandbox, manifest: Path, *words: str) -> "subprocess.Popen[str]":
    parameters = {
        "Manifest": str(manifest),
        "OutputFolder": str(manifest.parent / "out"),
        "Rows": f"1-{len(ROWS)}",
        "Blender": os.environ["MAQUETTE_BLENDER"],
        "Options": "--outputs glb",
    }
    given = [word for name, value in parameters.items() for word in ("-p", f"{name}={value}")]
    return subprocess.Popen(
        [OPENJD, "run", TEMPLATE, *given, *words],
        env=sandbox.env, cwd=manifest.parent, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def task(sandbox: Sandbox, manifest: Path, row: int) -> "subprocess.Popen[str]":
    return start(sandbox, manifest, "--step", "Generate", "--task-param", f"Row={row}")


def end(process: "subprocess.Popen[str]", code: int = 0) -> str:
    text, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == code, text
    return text


def kill_row(manifest: Path, row: int) -> int:
    """Everything that works on this row, as when its host goes down; returns how many processes."""
    store, count = f"/machines/row-row {row - 1}", 0
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:  # it has just ended
            continue
        is_ours = any(str(manifest.parent) in word for word in words)
        if is_ours and (words[-3:-1] == ["--rows", str(row)] or any(store in word for word in words)):
            os.kill(int(file.parent.name), signal.SIGKILL)
            count += 1
    return count


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes as Linux has them")
@pytest.mark.skipif(bpy.app.version[:2] != (5, 2), reason="the processes are the same in every Blender")
def test_tasks_two_at_a_time_killed_and_retried_pay_once(sandbox: Sandbox, manifest: Path) -> None:
    out = manifest.parent / "out"
    with contextlib.closing(HoldingProxy(sandbox.api)) as proxy:
        farm = Sandbox({**sandbox.env, "MAQUETTE_API_URL": proxy.api}, sandbox.api)
        for rows, point in zip(((1, 2), (3, 4)), POINTS, strict=True):
            proxy.hold(point, "answer")
            killed = task(farm, manifest, rows[0])
            assert proxy.is_held.wait(TIMEOUT_S)
            beside = task(farm, manifest, rows[1])
            assert kill_row(manifest, rows[0])
            killed.communicate(timeout=TIMEOUT_S)
            proxy.go_on()
            text = end(task(farm, manifest, rows[0]))
            shares = [int(number) for number in re.findall(r"openjd_progress: (\d+)", text)]
            assert shares == sorted(shares)
            assert shares[-1] == 100
            end(beside)
        end(task(farm, manifest, 2))  # once more, as farms do
        text = end(start(farm, manifest, "--step", "Assemble", "--no-run-dependencies"))
    assert "4 done" in text
    assert sandbox.stats()["paidJobs"] == len(ROWS)
    assert sorted(file.name for file in out.glob("*.glb")) == [f"row {n}.glb" for n in range(len(ROWS))]
    assert (out / "index.html").read_text(encoding="utf-8").count('"state": "done"') == len(ROWS)
    libraries: Any = bpy.data.libraries  # the stubs know no context manager
    with libraries.load(str(out / "all.blend")) as (found, _):
        assert {f"row {n}" for n in range(len(ROWS))} <= set(found.objects)


@pytest.mark.skipif(bpy.app.version[:2] != (5, 2), reason="the processes are the same in every Blender")
def test_a_bad_row_ends_no_task_and_the_last_one_tells_it_after_the_contact_sheet(
    sandbox: Sandbox, manifest: Path
) -> None:
    torn = manifest.parent / "torn.jpg"
    torn.write_bytes(NO_PICTURE)  # it shows only where it is decoded
    text = manifest.read_text(encoding="utf-8").splitlines()
    text[2] = f"row 1,{torn},501"
    text[3] = f"row 2,{manifest.parent / 'none.png'},502"
    manifest.write_text("\n".join(text[:4]), encoding="utf-8")
    rows = ("-p", "Rows=1-3")
    told = end(start(sandbox, manifest, "--step", "Assemble", "--run-dependencies", *rows), code=1)
    assert "All in one: " in told
    assert "row 1: failed: " in told
    assert "row 2" in told
    page = (manifest.parent / "out" / "index.html").read_text(encoding="utf-8")
    assert [page.count(f'"state": "{state}"') for state in ("done", "failed", "wrong")] == [1, 1, 1]


@pytest.mark.skipif(bpy.app.version[:2] != (5, 2), reason="the processes are the same in every Blender")
def test_a_few_rows_may_be_a_task_and_one_over_the_limit_on_cost_is_told_by_the_last(
    sandbox: Sandbox, manifest: Path
) -> None:
    out = manifest.parent / "out"
    words = ("batch", str(manifest), "-o", str(out), "--outputs", "glb", "--max-cost", "41")  # 20.25 each
    done = run(*words, "--record-failures", "--rows", "1-3", env=sandbox.env)
    assert done.returncode == 0, done.stderr
    done = run(*words, "--assemble", env=sandbox.env)
    assert done.returncode == 1
    assert "row 2: failed: Not started: it would exceed the limit on cost." in done.stderr
    assert "row 3: failed: not made yet" in done.stderr
    assert "2 done" in done.stderr
    done = run(*words, "--assemble", "--outputs", "fbx", "--turntable", "--json", env=sandbox.env)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["event"] == "end", done.stderr
    assert "2 done" in done.stderr
    assert (out / "all.blend").exists()
    done = run(*words, "--rows", "1-3", env=sandbox.env)
    assert done.returncode == 4, done.stderr
    for wrong in (("--row", "5"), ("--rows", "3-1"), ("--row", "1", "--assemble")):
        assert run(*words, *wrong, env=sandbox.env).returncode == 2
