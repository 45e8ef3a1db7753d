# SPDX-License-Identifier: GPL-3.0-or-later
"""Results are finished by a profile before they are written, and anew afterwards, for nothing."""

import csv
import importlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest
from commands import EXAMPLES, HORSE, TIMEOUT_S, Sandbox, command, read_json, run, running_sandbox

pytestmark = pytest.mark.skipif(
    bpy.app.version[:2] not in ((5, 2), (4, 3)), reason="the processes are the same in every Blender: two do"
)
maquette: Any = importlib.import_module(os.environ["MAQUETTE_PACKAGE"])


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("finish"), "--delay", "0") as running:
        yield running


def paid(sandbox: Sandbox) -> int:
    return int(sandbox.stats()["paidJobs"])


def quick(folder: Path, **values: int) -> str:
    """A profile of a person's own that takes no time: as *Game*, without baking."""
    path = folder / "quick.toml"
    lines = [f"{name} = {value}" for name, value in ({"bake": 0} | values).items()]
    path.write_text("\n".join(['base = "game"', *lines]), encoding="utf-8")
    return str(path)


def test_a_command_finishes_before_it_writes_and_anew_and_goes_back(sandbox: Sandbox, tmp_path: Path) -> None:
    profile = quick(tmp_path, faces=900)
    words = ("generate", HORSE, "--param", "targetFaceNum=2000", "-o", str(tmp_path / "a.glb"), "--json")
    done = run(*words, "--finish", profile, env=sandbox.env)
    assert done.returncode == 0, done.stderr
    (job,) = read_json(done.stdout)["jobs"]
    before = paid(sandbox)
    facts = job["finish"]
    assert (facts["profile"], facts["faces_after"]) == ("quick", job["faces"])
    assert facts["faces_after"] <= facts["faces_before"] <= 2000
    assert facts["sentence"].startswith(f"quick: {facts['faces_before']:,} → ")
    assert f"horse: {facts['sentence']}" in done.stderr
    assert job["report"]["faces"] == job["faces"]
    assert Path(job["blend"]).name.startswith("finished-")
    assert (tmp_path / "a.glb").is_file()

    glb = tmp_path / "b.glb"
    again = ("finish", job["id"], "--json", "--finish", profile, "--faces")
    done = run(*again, "500", "-o", str(glb), "--require", "faces<=1", env=sandbox.env)
    assert done.returncode == 6, done.stderr
    (anew,) = read_json(done.stdout)["jobs"]
    assert anew["rejected"] == [f"faces {anew['faces']:,}, required <=1"]
    assert (anew["state"], anew["outputs"], anew["finished_at"]) == ("placed", [str(glb)], job["finished_at"])
    assert anew["blend"] != job["blend"]
    assert glb.read_bytes().startswith(b"glTF")
    done = run("finish", job["id"], "--finish", "as-delivered", "--json", env=sandbox.env)
    assert done.returncode == 0, done.stderr
    (back,) = read_json(done.stdout)["jobs"]
    assert (back["finish"], Path(back["blend"]).name) == (None, "result.blend")
    assert back["faces"] == facts["faces_before"]
    assert paid(sandbox) == before


def test_two_commands_that_finish_one_job_at_a_time_each_write_what_they_were_asked_for(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    done = run("generate", HORSE, "--param", "targetFaceNum=2000", "--json", env=sandbox.env)
    (job,) = read_json(done.stdout)["jobs"]
    profile = quick(tmp_path, bake=1024)
    running: list[subprocess.Popen[str]] = []
    for faces in (900, 500):
        words = ("finish", job["id"], "--json", "--finish", profile, "--faces", str(faces))
        output = str(tmp_path / f"{faces}.glb")
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "text": True}
        running.append(subprocess.Popen(command(*words, "-o", output), env=sandbox.env, **pipes))
    for process, faces in zip(running, (900, 500), strict=True):
        said, _ = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0, said
        (told,) = read_json(said)["jobs"]
        assert told["faces"] <= faces
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        bpy.ops.import_scene.gltf(filepath=str(tmp_path / f"{faces}.glb"))
        (mesh,) = [each for each in bpy.data.meshes if each.users and "horse" in each.name]
        assert len(mesh.polygons) == told["faces"]


def test_what_is_wrong_with_a_profile_is_told_before_anything_is_paid(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    before = paid(sandbox)
    for words, says in (
        (("--finish", "gmae"), "did you mean game"),
        (("--finish", str(tmp_path / "none.toml")), "none.toml cannot be read"),
        (("--faces", "500"), "faces: name a profile, too"),
        (("--finish", ""), "finish: give a profile's name or a .toml file, not ''"),
        (("--finish", "game", "--faces", "some"), "faces: give a whole number"),
    ):
        done = run("generate", HORSE, *words, env=sandbox.env)
        assert (done.returncode, says in done.stderr) == (2, True), done.stderr
    for words in (("finish", "none"), ("batch", str(EXAMPLES), "-o", str(tmp_path / "out"))):
        done = run(*words, "--finish", "", env=sandbox.env)
        assert (done.returncode, "finish: give a profile's name" in done.stderr) == (2, True), done.stderr
    done = run("finish", "none", "--finish", "game", env=sandbox.env)
    assert (done.returncode, "There is no job none" in done.stderr) == (2, True), done.stderr
    done = run("finish", "a", "b", "--finish", "game", "-o", str(tmp_path / "a.glb"), env=sandbox.env)
    assert (done.returncode, "-o takes the result of one job" in done.stderr) == (2, True), done.stderr
    assert paid(sandbox) == before


def test_a_script_has_what_was_finished_and_another_profile_pays_nothing(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SCENARIO_SDK_API_KEY", "SCENARIO_SDK_API_SECRET", "MAQUETTE_API_URL"):
        monkeypatch.setenv(name, sandbox.env[name])
    monkeypatch.setenv("MAQUETTE_STATE", str(tmp_path / "state"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    options: dict[str, Any] = {"key": "prop", "targetFaceNum": 2000}
    made = maquette.generate(HORSE, finish=quick(tmp_path), faces=700, require="faces<=2000", **options)
    before = paid(sandbox)
    assert made.finish["profile"] == "quick"
    assert (made.faces, made.rejected) == (made.finish["faces_after"], ())
    assert made.report["faces"] == made.faces
    small = maquette.place(made)
    assert len(small.data.polygons) == made.faces
    stripped = tmp_path / "strip.toml"
    stripped.write_text('strip = "all"')
    bare = maquette.place(maquette.generate(HORSE, finish=stripped, **options))
    assert {"maquette_model", "maquette_source"} < set(small.keys())
    told = ("job", "model", "source", "parameters", "remote_job")
    assert [name for name in told if f"maquette_{name}" in bare] == ["job"]
    other = maquette.generate(HORSE, finish=quick(tmp_path), faces=300, **options)
    plain = maquette.generate(HORSE, **options)
    assert {each.id for each in (made, other, plain)} == {made.id}
    assert (plain.finish, plain.blend.name) == (None, "result.blend")
    assert len({each.blend for each in (made, other, plain)}) == 3
    assert all(each.blend.exists() for each in (made, other, plain))
    assert paid(sandbox) == before
    with pytest.raises(maquette.MaquetteError, match="did you mean game"):
        maquette.generate(HORSE, finish="gmae")
    for make in (
        lambda: maquette.generate(HORSE, finish=""),
        lambda: maquette.batch([], tmp_path, finish=""),
    ):
        with pytest.raises(maquette.MaquetteError, match="finish: give a profile's name"):
            make()


def test_what_a_rows_profile_strips_is_not_in_all_blend_nor_for_export() -> None:
    farm: Any = importlib.import_module(os.environ["MAQUETTE_PACKAGE"] + ".headless.farm")
    profiles: Any = importlib.import_module(os.environ["MAQUETTE_PACKAGE"] + ".jobs.profile")
    told: list[dict[str, str]] = []
    for strip in ((), "all", ("source",)):
        profile = profiles.override(profiles.PROFILES["game"], strip=strip)
        item = SimpleNamespace(key="a", model=SimpleNamespace(id="m"), source="a.png", profile=profile)
        told.append(farm.provenance_of_row(SimpleNamespace(job_id="j", item=item)))
    assert told == [
        {"job": "j", "key": "a", "model": "m", "source": "a.png"},
        {"key": "a"},
        {"job": "j", "key": "a", "model": "m"},
    ]


def results(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="", encoding="utf-8-sig") as stream:
        return list(csv.DictReader(stream))


def test_of_twelve_rows_that_are_finished_the_two_that_miss_the_gate_are_rejected(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    for picture in ("horse.png", "cat.png", "coffee.png"):
        shutil.copyfile(EXAMPLES / picture, tmp_path / picture)
    pictures = ("horse.png", "cat.png", "coffee.png")
    rows: list[dict[str, Any]] = [
        {"id": f"row {n}", "file": pictures[n % 3], "targetFaceNum": 900 + n} for n in range(12)
    ]
    for number in (4, 9):
        rows[number] |= {"targetFaceNum": 4000, "faces": 3000}
    manifest, out = tmp_path / "m.jsonl", tmp_path / "out"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    words = ("batch", str(manifest), "-o", str(out), "--outputs", "glb", "--json", "--finish")
    gate = ("--require", "faces<=1500")
    done = run(*words, quick(tmp_path), "--faces", "1000", *gate, env=sandbox.env)
    assert done.returncode == 6, done.stderr
    before = paid(sandbox)
    assert "12 done · 2 of them rejected" in done.stderr
    table = results(out)
    wanted = ["rejected" if number in (4, 9) else "done" for number in range(12)]
    assert [row["state"] for row in table] == wanted
    assert {row["profile"] for row in table} == {"quick"}
    assert all(row["faces_after"] == row["faces"] for row in table)
    assert all(int(row["faces_before"]) >= int(row["faces"]) for row in table)
    assert all((out / row["outputs"]).is_file() for row in table)
    page = (out / "index.html").read_text("utf-8")
    assert page.count('"state": "rejected"') == 2
    assert page.count('["Finished", "quick: ') == 12
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    finished = {event["id"]: event for event in told if event["event"] == "row" and event["state"] == "done"}
    assert finished["row 0"]["finish"]["faces_after"] == int(table[0]["faces"])

    # As delivered they are written anew, and back again, and nothing is paid.
    done = run(*words, "as-delivered", *gate, env=sandbox.env)
    assert [row["faces"] for row in results(out)] == [row["faces_before"] for row in table], done.stderr
    assert {row["profile"] for row in results(out)} == {""}
    assert paid(sandbox) == before
