# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette export`: results of jobs as files, one or many; nothing is paid or sent."""

from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from commands import HORSE, Sandbox, read_json, run, running_sandbox

pytestmark = pytest.mark.skipif(
    bpy.app.version[:2] not in ((5, 2), (4, 3)), reason="the processes are the same in every Blender: two do"
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("export"), "--delay", "0") as running:
        yield running


@pytest.fixture(scope="module")
def made(sandbox: Sandbox) -> list[str]:
    """Two jobs of the same name."""
    ids: list[str] = []
    for _ in range(2):
        done = run("generate", HORSE, "--param", "targetFaceNum=600", "--json", env=sandbox.env)
        assert done.returncode == 0, done.stderr
        ids.append(read_json(done.stdout)["jobs"][0]["id"])
    return ids


def test_a_job_becomes_a_file_and_nothing_is_paid(made: list[str], sandbox: Sandbox, tmp_path: Path) -> None:
    before = sandbox.stats()["paidJobs"]
    target = tmp_path / "new" / "pony.stl"
    words = ("export", made[0], "-o", str(target), "--target", "slicer", "--size", "0.1", "--json")
    done = run(*words, env=sandbox.env)
    assert done.returncode == 0, done.stderr
    files = [{"id": made[0], "file": str(target)}]
    assert read_json(done.stdout) == {"ok": True, "error": None, "files": files}
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.stl_import(filepath=str(target))
    assert max(bpy.context.object.dimensions) == pytest.approx(100, abs=0.01)
    assert [each.name for each in target.parent.iterdir()] == ["pony.stl"]
    assert sandbox.stats()["paidJobs"] == before


@pytest.mark.skipif(not bpy.app.build_options.usd, reason="this Blender has no USD")
def test_a_usd_may_be_called_usd_as_that_of_generate(
    made: list[str], sandbox: Sandbox, tmp_path: Path
) -> None:
    target = tmp_path / "pony.usd"
    for words in ([], ["--format", "usd"]):
        done = run("export", made[0], "-o", str(target), *words, env=sandbox.env)
        assert done.returncode == 0, done.stderr
    assert {each.name for each in tmp_path.iterdir()} == {"pony.usd", "pony_textures"}
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.usd_import(filepath=str(target))
    assert sum(len(each.polygons) for each in bpy.data.meshes) > 100
    done = run("export", made[0], "-o", str(target), "--textures", "inside", env=sandbox.env)
    assert done.returncode == 2
    assert "its name ends in .usdz" in done.stderr


def test_several_jobs_become_a_file_each_in_a_folder(
    made: list[str], sandbox: Sandbox, tmp_path: Path
) -> None:
    done = run("export", *made, "--format", "obj", "-o", str(tmp_path / "out"), env=sandbox.env)
    assert done.returncode == 0, done.stderr
    found = {each.name for each in (tmp_path / "out").iterdir()}
    assert found == {
        *("horse.obj", "horse.mtl", "horse_textures"),
        *("horse-2.obj", "horse-2.mtl", "horse-2_textures"),
    }
    texture = next((tmp_path / "out" / "horse-2_textures").iterdir())
    assert f"horse-2_textures/{texture.name}" in (tmp_path / "out" / "horse-2.mtl").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["{second}", "-o", "{folder}/a.glb"], "is one file and there are 2 jobs"),
        (["none", "-o", "{folder}"], "There is no job none"),
        (["-o", "{folder}/a.3mf"], "--format stl"),
        (["-o", "{folder}", "--format", "dae"], "invalid choice"),
        (["-o", "{folder}/file/a.glb"], "file"),
    ],
)
def test_what_cannot_be_exported_is_told_and_nothing_is_written(
    made: list[str], sandbox: Sandbox, tmp_path: Path, words: list[str], told: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    words = [each.format(folder=tmp_path, second=made[1]) for each in words]
    done = run("export", made[0], *words, env=sandbox.env)
    assert done.returncode in (1, 2)
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
