# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette batch` as a studio uses it, on the sandbox: dry, mixed, limited, killed, shared, run again."""

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import pytest
from commands import EXAMPLES, TIMEOUT_S, Sandbox, command, interrupted, kill_worker, run, running_sandbox
from holding import HoldingProxy

pytestmark = pytest.mark.skipif(
    bpy.app.version[:2] not in ((5, 2), (4, 3)), reason="the processes are the same in every Blender: two do"
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("batch"), "--delay", "0") as running:
        yield running


# Debian's Blender is built without USD.
FORMS = ["fbx", "usd", "usdz"] if bpy.app.build_options.usd else ["fbx"]


def write_manifest(folder: Path, rows: list[dict[str, Any]], name: str = "m.jsonl") -> Path:
    for picture in ("horse.png", "cat.png", "coffee.png"):
        shutil.copyfile(EXAMPLES / picture, folder / picture)
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def few(count: int) -> list[dict[str, Any]]:
    pictures = ("horse.png", "cat.png", "coffee.png")
    return [{"id": f"row {n}", "file": pictures[n % 3], "targetFaceNum": 500 + n} for n in range(count)]


def results(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="", encoding="utf-8-sig") as stream:
        return list(csv.DictReader(stream))


def paid(sandbox: Sandbox) -> int:
    return sandbox.stats()["paidJobs"]


def test_a_dry_run_tells_prices_and_mistakes_and_spends_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    rows = [*few(2), {"id": "bad", "file": "no.png"}, {"id": "worse", "file": "cat.png", "targetFaceNum": 1}]
    manifest, before = write_manifest(tmp_path, rows), paid(sandbox)
    words = ("batch", str(manifest), "-o", str(tmp_path / "out"), "--json")
    done = run(*words, "--dry-run", env=sandbox.env)
    assert done.returncode == 2, done.stderr
    assert "row 3 (bad): no.png: no such file" in done.stderr
    assert "row 4 (worse): targetFaceNum" in done.stderr
    plan = next(event for event in events(done.stdout) if event["event"] == "plan")
    assert plan["rows"] == 2
    assert plan["price_cu"] > 0
    done = run(*words, env=sandbox.env)
    assert done.returncode == 2
    assert "--skip-wrong" in done.stderr
    assert paid(sandbox) == before
    assert not (tmp_path / "out" / "results.csv").exists()


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_rows_that_miss_what_is_required_are_rejected_kept_and_judged_again_for_nothing(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    rows = [
        {**row, "targetFaceNum": faces} for row, faces in zip(few(4), (500, 4000, 500, 4000), strict=True)
    ]
    manifest, out = write_manifest(tmp_path, rows), tmp_path / "out"
    words = ("batch", str(manifest), "-o", str(out), "--outputs", "glb", "--json")
    done = run(*words, "--require", "faces<=1000, manifold", env=sandbox.env)
    assert done.returncode == 6, done.stderr
    before = paid(sandbox)
    assert "4 done · 2 of them rejected" in done.stderr
    said = done.stderr.lower()
    assert "row 1: rejected: faces " in said and "rejected: rejected" not in said
    table = results(out)
    assert [row["state"] for row in table] == ["done", "rejected", "done", "rejected"]
    assert table[1]["message"].startswith("Rejected: faces ")
    assert all((out / row["outputs"]).is_file() for row in table)
    assert [row["light"] != "" and int(row["triangles"]) > 0 for row in table] == [True] * 4
    told = {event["id"]: event for event in events(done.stdout) if event["event"] == "row"}
    assert told["row 1"]["rejected"] and not told["row 0"]["rejected"]
    assert told["row 0"]["report"]["faces"] == int(table[0]["faces"])
    assert "2 rejected" not in (out / "index.html").read_text("utf-8")  # the page's script counts
    assert (out / "index.html").read_text("utf-8").count('"state": "rejected"') == 2

    (tmp_path / "film.toml").write_text('require = ["faces<=100000"]\n', encoding="utf-8")
    done = run(*words, "--require", str(tmp_path / "film.toml"), env=sandbox.env)
    assert done.returncode == 0, done.stderr
    assert [row["state"] for row in results(out)] == ["done"] * 4
    assert paid(sandbox) == before
    done = run(*words, "--require", "facs<=1000", env=sandbox.env)
    assert (done.returncode, "did you mean faces" in done.stderr) == (2, True), done.stderr


def test_a_mixed_batch_comes_with_every_form_a_table_a_page_and_a_word_at_the_end(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "horse <1>", "file": "horse.png", "targetFaceNum": 800, "size": 2, "outputs": "glb,blend,png"},
        {"id": "forms", "file": "cat.png", "targetFaceNum": 600, "outputs": " ".join(FORMS)},
        {"id": "words", "prompt": "mug"},
        {"id": "splat", "file": "horse.png", "model": "model_vast-ai-triposplat"},
        {"id": "wrong", "file": "horse.png", "nonsense": 1},
    ]
    manifest, before, out = write_manifest(tmp_path, rows), paid(sandbox), tmp_path / "out"
    told = tmp_path / "told.txt"
    script = f"import os; open({str(told)!r}, 'w').write(str(sorted(os.environ.items())))"
    notify = f'"{sys.executable}" -c "{script}"'
    words = ("batch", str(manifest), "-o", str(out), "--skip-wrong", "--turntable", "--notify", notify)
    done = run(*words, env=sandbox.env)
    assert done.returncode == 1, done.stderr  # one row was wrong
    assert paid(sandbox) == before + 4
    table = results(out)
    assert [row["state"] for row in table] == ["done"] * 3 + ["failed", "wrong"]
    for row in table[:4]:
        files = [out / name for name in row["outputs"].split(", ")]
        assert files
        assert all(file.stat().st_size > 100 for file in files)
    assert [Path(name).suffix for name in table[1]["outputs"].split(", ")] == [f".{form}" for form in FORMS]
    assert table[3]["outputs"] == "splat.spz"  # kept: it is no form that was asked for
    assert "Delivered: splat.spz." in table[3]["message"]
    assert (out / "sheet" / "forms.turn.jpg").stat().st_size > 1000
    page = (out / "index.html").read_text("utf-8")
    assert "horse <1>" not in page
    assert "sheet/forms.turn.jpg" in page
    facts = told.read_text()
    assert "'BATCH_EXIT_CODE', '1'" in facts
    texts = [page, facts, (out / "batch.log").read_text("utf-8"), done.stderr]
    assert not any(sandbox.env["SCENARIO_SDK_API_SECRET"] in text for text in texts)
    check_forms(out)
    again = run(*words, env=sandbox.env)
    assert again.returncode == 1
    assert paid(sandbox) == before + 4
    assert "3 done" in again.stderr


def check_forms(out: Path) -> None:
    """Each form holds the one model and nothing else, at its size."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    read_fbx = bpy.ops.wm.fbx_import if bpy.app.version >= (4, 5) else bpy.ops.import_scene.fbx
    read_fbx(filepath=str(out / "forms.fbx"))
    if "usd" in FORMS:
        bpy.ops.wm.usd_import(filepath=str(out / "usd" / "forms" / "forms.usd"))
        bpy.ops.wm.usd_import(filepath=str(out / "forms.usdz"))
    meshes = [each for each in bpy.data.objects if each.type == "MESH"]
    assert len(meshes) == len(FORMS)
    assert not [each for each in bpy.data.objects if each.type in ("CAMERA", "LIGHT")]
    for mesh in meshes:
        assert 100 < len(mesh.data.polygons) <= 1200
        corners = [mesh.matrix_world @ vertex.co for vertex in mesh.data.vertices]
        sides = [max(c[axis] for c in corners) - min(c[axis] for c in corners) for axis in range(3)]
        assert max(sides) == pytest.approx(1.0, abs=1e-3)
        assert mesh.data.uv_layers


def test_a_limit_on_cost_stops_the_batch_and_a_changed_row_keeps_the_old_result(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    manifest, before, out = write_manifest(tmp_path, few(3)), paid(sandbox), tmp_path / "out"
    words = ("batch", str(manifest), "-o", str(out), "--outputs", "glb")
    done = run(*words, "--max-cost", "41", env=sandbox.env)  # 20.25 each
    assert done.returncode == 4, done.stderr
    assert paid(sandbox) == before + 2
    done = run(*words, env=sandbox.env)
    assert done.returncode == 0, done.stderr
    assert paid(sandbox) == before + 3
    old = (out / "row 0.glb").read_bytes()
    changed = few(3)
    changed[0]["targetFaceNum"] = 900
    write_manifest(tmp_path, changed)
    done = run(*words, env=sandbox.env)
    assert done.returncode == 0, done.stderr
    assert paid(sandbox) == before + 4
    assert (out / "row 0.glb").read_bytes() != old
    assert [path.read_bytes() for path in (out / "earlier").rglob("*.glb")] == [old]
    resized = (*words, "--size", "3", "--only", "row 1")
    assert run(*resized, env=sandbox.env).returncode == 0
    assert paid(sandbox) == before + 4


def test_wrong_uses_are_told_in_words_and_with_json_on_stdout(sandbox: Sandbox, tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, few(1))
    out = ("-o", str(tmp_path / "out"))
    for words, says in (
        (("batch", str(manifest), "-o", str(manifest)), "is a file. Give the name of a folder"),
        (("batch", str(manifest), "-o", "/proc/no/such"), "cannot be written to"),
        (("batch", *out), "Give the manifest"),
        (("batch", str(manifest), *out, "--row", "2"), "the manifest has 1 row"),
        (("batch", str(manifest), *out, "--nonsense"), "--nonsense"),
        (("batch", str(manifest), *out, "--only", "row O"), "There is no row row O. Did you mean row 0?"),
    ):
        done = run(*words, "--json", env=sandbox.env)
        assert done.returncode == 2, done.stderr
        assert says in done.stderr
        last = events(done.stdout)[-1]
        assert (last["ok"], last["exit_code"]) == (False, 2)
        assert says in last["error"]
        assert "Errno" not in done.stderr


def test_delivered_files_have_the_rows_name_and_no_price(sandbox: Sandbox, tmp_path: Path) -> None:
    manifest, out = write_manifest(tmp_path, [{"id": "chair", "file": "cat.png"}]), tmp_path / "out"
    words = ("batch", "--only", "chair", str(manifest), "-o", str(out), "--outputs", "glb,blend")
    done = run(*words, "--json", env=sandbox.env)
    assert done.returncode == 0, done.stderr
    told = events(done.stdout)
    assert all(event["time"] > 1.7e9 for event in told)
    assert (told[-1]["ok"], told[-1]["spent_cu"], told[-1]["refunded_cu"]) == (True, 20.25, 0.0)
    data = (out / "chair.glb").read_bytes()
    scene = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    names = [part["name"] for kind in ("scenes", "meshes", "materials") for part in scene[kind]]
    assert names == ["chair"] * len(names)
    assert scene["nodes"][scene["scenes"][0]["nodes"][0]]["extras"]["maquette_job"]
    assert b"cost_cu" not in data
    libraries: Any = bpy.data.libraries  # the stubs know no context manager
    with libraries.load(str(out / "chair.blend")) as (found, _):
        assert list(found.meshes) == ["chair"]
    assert b"cost_cu" not in (out / "chair.blend").read_bytes()


def test_an_output_that_was_changed_by_hand_is_written_anew_for_nothing_and_the_other_is_kept(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    manifest, out = write_manifest(tmp_path, few(2)), tmp_path / "out"
    words = ("batch", str(manifest), "-o", str(out), "--outputs", "glb")
    assert run(*words, env=sandbox.env).returncode == 0
    before, whole = paid(sandbox), (out / "row 0.glb").read_bytes()
    (out / "row 0.glb").write_bytes(b"by hand")
    done = run(*words, "--dry-run", env=sandbox.env)
    assert "2 rows: 1 under way, 1 there → 0 CU" in done.stderr
    os.utime(out / "row 1.glb", (1, 1))  # copied, say
    assert run(*words, env=sandbox.env).returncode == 0
    assert (out / "row 0.glb").stat().st_size == len(whole)
    assert [path.read_bytes() for path in (out / "earlier").rglob("*.glb")] == [b"by hand"]
    assert (out / "row 1.glb").stat().st_mtime == 1
    assert paid(sandbox) == before
    told = run(*words, "--dry-run", env=sandbox.env).stderr
    assert "row 1 (row 0): there\n" in told
    assert "2 rows: 2 there → 0 CU" in told


def test_a_folder_that_is_empty_while_its_drive_is_away_is_not_paid_for_anew(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    manifest, out = write_manifest(tmp_path, few(1)), tmp_path / "out"
    words = ("batch", str(manifest), "-o", str(out), "--outputs", "glb")
    assert run(*words, env=sandbox.env).returncode == 0
    before = paid(sandbox)
    drive = out.rename(tmp_path / "drive")
    out.mkdir()
    for more in (["--row", "1"], []):
        done = run(*words, *more, env=sandbox.env)
        assert done.returncode == 2, done.stderr
        assert "Is a drive not mounted?" in done.stderr
    shutil.rmtree(out)
    drive.rename(out)
    done = run(*words, env=sandbox.env)
    assert done.returncode == 0
    assert "1 row: 1 there → 0 CU" in done.stderr
    assert paid(sandbox) == before


def test_rows_that_are_gone_leave_their_outputs_told_and_a_new_key_for_the_same_is_warned_of(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    manifest, out = write_manifest(tmp_path, few(2)), tmp_path / "out"
    words = ("batch", str(manifest), "-o", str(out), "--outputs", "glb")
    assert run(*words, env=sandbox.env).returncode == 0
    renamed = few(2)
    renamed[1]["id"] = "stool"
    write_manifest(tmp_path, renamed)
    done = run(*words, "--dry-run", "--json", "--max-cost", "41", env=sandbox.env)  # 20.25 each
    assert done.returncode == 4, done.stderr
    assert "stool: the same was made as row 1, which is no row any more." in done.stderr
    assert "Left over from rows that are gone: row 1.glb" in done.stderr
    assert "does not fit into the limit on cost, 41 CU. 40.5 CU is spent already." in done.stderr
    plan = next(event for event in events(done.stdout) if event["event"] == "plan")
    assert plan["left_over"] == ["row 1.glb"]
    assert [(item["id"], item["fate"], item["price_cu"]) for item in plan["items"]] == [
        ("row 0", "there", 0.0),
        ("stool", "new", 20.25),
    ]
    assert (plan["to_pay_cu"], plan["spent_cu"]) == (20.25, 40.5)
    assert (out / "row 1.glb").exists()


# Where everything is killed, and whether the worker is, too: else it ends by itself when its command is gone.
KILLS = (
    (r"POST /v1/assets$", True),
    (r"POST /v1/generate/custom/[^?]*$", True),
    (r"GET /v1/jobs\?", False),
    (r"POST /v1/assets/get-bulk", True),
)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_again_and_again_every_row_is_made_and_paid_for_once(sandbox: Sandbox, tmp_path: Path) -> None:
    count = len(KILLS) + 1
    manifest, before, out = write_manifest(tmp_path, few(count)), paid(sandbox), tmp_path / "out"
    words = ("batch", str(manifest), "-o", str(out), "--outputs", "glb", "--concurrency", "1")
    with contextlib.closing(HoldingProxy(sandbox.api)) as proxy:
        env = {**sandbox.env, "MAQUETTE_API_URL": proxy.api}
        for point, is_worker_killed in KILLS:
            proxy.hold(point, "answer")
            process = subprocess.Popen(
                command(*words), env=env, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            assert proxy.is_held.wait(TIMEOUT_S), point
            if is_worker_killed:
                kill_worker(out / ".maquette" / "machines" / "main")
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
            proxy.go_on()
            assert paid(sandbox) <= before + count
        done = run(*words, env=env)
    assert done.returncode == 0, done.stderr
    assert Counter(row["state"] for row in results(out)) == {"done": count}
    assert all((out / f"row {number}.glb").exists() for number in range(count))
    assert paid(sandbox) == before + count


def test_two_machines_split_a_folder_between_them(sandbox: Sandbox, tmp_path: Path) -> None:
    manifest, before, out = write_manifest(tmp_path, few(4)), paid(sandbox), tmp_path / "out"
    words = ("batch", str(manifest), "-o", str(out), "--outputs", "glb", "--concurrency", "1")
    both = [
        subprocess.Popen(
            command(*words, "--machine", name), env=sandbox.env, stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )
        for name in ("one", "two")
    ]  # fmt: skip
    assert [process.wait(240) for process in both] == [0, 0]
    assert paid(sandbox) == before + 4
    assert run(*words, "--machine", "one", env=sandbox.env).returncode == 0
    assert Counter(row["state"] for row in results(out)) == {"done": 4}
    assert paid(sandbox) == before + 4


@pytest.mark.skipif(os.name != "posix", reason="SIGINT")
def test_ctrl_c_leaves_a_page_and_a_batch_that_goes_on(sandbox: Sandbox, tmp_path: Path) -> None:
    rows = few(3)
    rows[1] = {"id": "row 1", "prompt": "mug", "model": "model_meshy-txt23d"}
    manifest, before, out = write_manifest(tmp_path, rows), paid(sandbox), tmp_path / "out"
    words = ("batch", str(manifest), "-o", str(out), "--outputs", "glb", "--concurrency", "1")
    with contextlib.closing(HoldingProxy(sandbox.api)) as proxy:
        env = {**sandbox.env, "MAQUETTE_API_URL": proxy.api}
        proxy.hold(r"POST /v1/generate/custom/model_meshy-txt23d$", "answer")  # or it may all be done by then
        code, rest = interrupted(command(*words), env, at=": done")
        proxy.go_on()
        assert code == 130, rest
        assert "the same command picks it up" in rest
        assert "Traceback" not in rest
        assert results(out)[0]["state"] == "done"
        assert (out / "index.html").exists()
        assert run(*words, env=env).returncode == 0
    assert paid(sandbox) == before + 3


def test_the_guides_examples_are_manifests(sandbox: Sandbox, tmp_path: Path) -> None:
    guide = (EXAMPLES.parent / "docs" / "batch.md").read_text("utf-8")
    for ending, mark in ((".csv", "csv"), (".jsonl", "json")):
        manifest = write_manifest(tmp_path, [], f"m{ending}")
        manifest.write_text(guide.partition(f"```{mark}\n")[2].partition("```")[0], encoding="utf-8")
        words = ("batch", str(manifest), "-o", str(tmp_path / mark), "--dry-run")
        done = run(*words, env=sandbox.env)
        assert done.returncode == 0, done.stderr
        assert "2 rows: 2 new → " in done.stderr


def test_a_batch_without_anything_to_make_says_so(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("batch", str(tmp_path / "empty"), "-o", str(tmp_path / "out"), env=sandbox.env)
    assert done.returncode == 2
    assert "no picture" in done.stderr
    manifest = write_manifest(tmp_path, few(1))
    done = run("batch", str(manifest), "-o", str(tmp_path / "out"), "--only", "nobody", env=sandbox.env)
    assert done.returncode == 2
    assert "There is no row nobody" in done.stderr
