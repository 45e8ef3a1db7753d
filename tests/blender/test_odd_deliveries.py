# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliveries that are called something else, or that Blender cannot read: what the commands make of them."""

import csv
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import bpy
import pytest
from commands import HORSE, read_json, run, run_script

pytestmark = pytest.mark.skipif(
    bpy.app.version[:2] not in ((5, 2), (4, 3)), reason="the processes are the same in every Blender: two do"
)

POINTS = """ply
format ascii 1.0
element vertex 3
property float x
property float y
property float z
end_header
0 0 0
1 0 0
0 1 0
"""
SCRIPT = """
import sys
from bl_ext.user_default.maquette import batch, generate
made = generate("horse.png", sandbox=True, state="state", targetFaceNum=500)
assert made.blend is None and [path.name for path in made.files] == ["model.ply"], made
assert "point cloud" in made.message, made
done = batch("m.csv", "out", sandbox=True)
(row,) = done.rows
assert (done.code, row.state, row.blend) == (1, "failed", None), done
assert [path.name for path in row.files] == ["horse.ply"], row
assert "point cloud" in row.message, row
"""


def delivering(result: Path, kind: str = "3d") -> dict[str, str]:
    options = f"--delay 0 --result {result} --kind {kind}"
    return {**os.environ, "MAQUETTE_SANDBOX_OPTIONS": options}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "points.ply").write_text(POINTS)
    (tmp_path / "horse.png").write_bytes(Path(HORSE).read_bytes())
    (tmp_path / "m.csv").write_text("id,image,targetFaceNum\nhorse,horse.png,500\n")
    return tmp_path


def generate(folder: Path, env: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    state = ("--state", str(folder / "state"))
    return run("generate", HORSE, "--sandbox", *state, "-o", str(folder / "a.glb"), *words, env=env)


@pytest.mark.parametrize("kind", ["document", "json"])
def test_a_model_is_imported_whatever_the_service_calls_it(folder: Path, kind: str) -> None:
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    bpy.ops.export_scene.gltf(filepath=str(folder / "cube.glb"))
    os.rename(folder / "cube.glb", folder / "cube.bin")  # no name helps
    done = generate(folder, delivering(folder / "cube.bin", kind))
    assert done.returncode == 0, done.stderr
    assert (folder / "a.glb").read_bytes()[:4] == b"glTF"


def test_points_are_kept_and_named_and_no_command_says_that_it_is_done(folder: Path) -> None:
    env = delivering(folder / "points.ply")
    done = generate(folder, env, "--json")
    told: Any = read_json(done.stdout)
    assert (done.returncode, told["ok"]) == (1, False)
    (kept,) = told["jobs"][0]["outputs"]
    assert Path(kept).read_text() == POINTS
    assert "point cloud" in told["jobs"][0]["message"]
    assert kept in done.stderr

    words = ["batch", str(folder / "m.csv"), "-o", str(folder / "out"), "--sandbox"]
    for more in ([], ["--retry-failed"]):
        done = run(*words, *more, "--json", env=env)
        assert done.returncode == 1, done.stderr
        end = json.loads([line for line in done.stdout.splitlines() if line.startswith("{")][-1])
        assert end["spent_cu"] == pytest.approx(told["jobs"][0]["cost_cu"])  # once
    assert (folder / "out" / "horse.ply").read_text() == POINTS
    with (folder / "out" / "results.csv").open(newline="", encoding="utf-8-sig") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["state"], row["outputs"]) == ("failed", "horse.ply")
    assert "point cloud" in row["message"]


def test_points_end_no_task_of_a_farm_and_its_last_one_names_them(folder: Path) -> None:
    env = delivering(folder / "points.ply")
    words = ["batch", str(folder / "m.csv"), "-o", str(folder / "farm"), "--sandbox"]
    for _ in range(2):
        done = run(*words, "--row", "1", "--record-failures", env=env)
        assert done.returncode == 0, done.stderr
    done = run(*words, "--assemble", env=env)
    assert done.returncode == 1
    assert "point cloud" in done.stderr + done.stdout
    assert (folder / "farm" / "horse.ply").read_text() == POINTS


def test_points_are_no_result_for_a_script(folder: Path) -> None:
    (folder / "script.py").write_text(SCRIPT)
    done = run_script(folder / "script.py", folder=folder, env=delivering(folder / "points.ply"))
    assert done.returncode == 0, done.stderr + done.stdout
