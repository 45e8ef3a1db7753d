# SPDX-License-Identifier: GPL-3.0-or-later
"""What version 0.1.0 left behind goes on: its store, its batch folder, its scenes.

tests/data/version-0.1.0 was made by that version, on its sandbox, in Blender 4.2: a batch of three rows that
was killed when two were done and the third was paid for. The databases are there as SQL, the outputs are not.
"""

import csv
import importlib
import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import bpy
import pytest
from commands import run

OLD = Path(__file__).resolve().parents[1] / "data" / "version-0.1.0"
CONE = "cone-4deed9c0e97cd9802e39"
PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "maquette")
scene = importlib.import_module(f"{PACKAGE}.scene")


def database(sql: str, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as made:
        made.executescript((OLD / sql).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The batch's folder as it was, with stand-ins for the outputs."""
    folder = tmp_path_factory.mktemp("old") / "out"
    hidden = folder / ".maquette"
    shutil.copytree(OLD / "claims", hidden / "claims")
    shutil.copytree(OLD / "current", hidden / "current")
    shutil.copyfile(OLD / "results.csv", folder / "results.csv")
    machine = hidden / "machines" / "main"
    database("store.sql", machine / "maquette.db")
    database("sandbox.sql", machine / "sandbox" / "sandbox.db")
    (machine / "host.json").write_text(json.dumps(["another", "0123456789abcdef"]), encoding="utf-8")
    for name in ("ball.glb", "ball.png", "box.glb", "box.png"):
        (folder / name).write_bytes(b"made by version 0.1.0")
    return folder


@pytest.fixture(scope="module")
def cone(folder: Path) -> Path:
    """The batch is run again: the result of the row that was paid for and not done."""
    done = run("batch", str(OLD / "props.csv"), "--output", str(folder), "--sandbox")
    assert done.returncode == 0, done.stderr
    return folder / ".maquette" / "machines" / "main" / "jobs" / CONE / "result.blend"


def test_a_batch_of_an_earlier_version_goes_on_and_pays_for_nothing_again(folder: Path, cone: Path) -> None:
    assert cone.exists()
    with (folder / "results.csv").open(newline="", encoding="utf-8-sig") as stream:
        rows = {row["id"]: row for row in csv.DictReader(stream)}
    assert {name: row["state"] for name, row in rows.items()} == {
        "box": "done",
        "ball": "done",
        "cone": "done",
    }
    assert all(float(row["cost_cu"]) == 9 for row in rows.values())
    assert (rows["box"]["faces"], rows["box"]["job"]) == ("5208", "box-0b5b17180986f187f58c")
    assert (folder / "cone.glb").exists()
    assert (folder / "ball.glb").read_bytes() == b"made by version 0.1.0"
    with closing(sqlite3.connect(cone.parents[2] / "sandbox" / "sandbox.db")) as sandbox:
        assert sandbox.execute("SELECT count(*) FROM records WHERE kind = 'job'").fetchone() == (3,)


def test_the_placeholders_of_an_earlier_versions_scene_get_their_result(cone: Path) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(OLD / "scene.blend"))
    try:
        assert {name: set(names) for name, names in scene.find_placeholders(None).items()} == {
            CONE: {"cone", "Block"}
        }
        loading = scene.Loading(cone)
        while not loading.step():
            pass
        assert scene.arrive(loading, job_id=CONE, name="cone", provenance={})
        assert not scene.find_placeholders(None)
        bpy.context.view_layer.update()
        placed = [item for item in bpy.data.objects if scene.bounds_or_none(item)]
        assert sorted(round(item.matrix_world.translation.x) for item in placed) == [-2, 3]
    finally:
        bpy.ops.wm.read_homefile(use_factory_startup=True)
