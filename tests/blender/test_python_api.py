# SPDX-License-Identifier: GPL-3.0-or-later
"""`generate`, `batch` and `place` in a script: what they refuse and pay, and share with the command."""

import dataclasses
import importlib
import inspect
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest
from commands import EXAMPLES, NO_PICTURE, NOBODY, Sandbox, run, running_sandbox
from holding import HoldingProxy

pytestmark = pytest.mark.skipif(
    bpy.app.version[:2] not in ((5, 2), (4, 3)), reason="the processes are the same in every Blender: two do"
)
PACKAGE = os.environ["MAQUETTE_PACKAGE"]
maquette: Any = importlib.import_module(PACKAGE)
MaquetteError: type[Exception] = maquette.MaquetteError
FEW = {"targetFaceNum": 500}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("api"), "--delay", "0") as running:
        yield running


@pytest.fixture(autouse=True)
def signed_in(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty scene, a folder with pictures, a state of its own."""
    for name in ("SCENARIO_SDK_API_KEY", "SCENARIO_SDK_API_SECRET", "MAQUETTE_API_URL"):
        monkeypatch.setenv(name, sandbox.env[name])
    monkeypatch.setenv("MAQUETTE_STATE", str(tmp_path / "state"))
    for picture in ("horse.png", "cat.png"):
        shutil.copyfile(EXAMPLES / picture, tmp_path / picture)
    monkeypatch.chdir(tmp_path)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


def paid(sandbox: Sandbox) -> int:
    return int(sandbox.stats()["paidJobs"])


def rows() -> list[dict[str, Any]]:
    return [{"id": "horse", "image": Path("horse.png")}, {"id": "cat", "file": "cat.png", "size": "original"}]


def test_in_a_window_it_refuses_and_names_what_does_not_wait(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, errors = paid(sandbox), importlib.import_module(f"{PACKAGE}.headless.errors")
    monkeypatch.setattr(errors, "bpy", SimpleNamespace(app=SimpleNamespace(background=False)))
    with pytest.raises(MaquetteError, match=r"hold Blender's window.*bpy\.ops\.maquette\.generate"):
        maquette.generate("horse.png")
    with pytest.raises(MaquetteError, match=r"hold Blender's window.*maquette batch"):
        maquette.batch(rows(), "out")
    assert paid(sandbox) == before
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("images", "options", "code", "says"),
    [
        (["horse.png"], {"max_cost": 1}, 4, "it costs 20.25 CU, and it may cost 1 CU at most"),
        (["horse.png"], {"max_cost": float("nan")}, 4, "at most"),
        (["horse.png"], {"targetFaceNumm": 1}, 2, "did you mean targetFaceNum"),
        (["horse.png"], {"targetFaceNum": 1}, 2, "100 to 1000000"),
        (["horse.png"], {"targetFaceNum": object()}, 2, "give texts, numbers, paths"),
        (["horse.png"], {"size": -1}, 2, "length in metres"),
        (["horse.png"], {"size": float("nan")}, 2, "length in metres"),
        (["horse.png"], {"model": "model_nope"}, 2, "no model model_nope"),
        (["horse.png"], {"prompt": "x"}, 2, "takes no words"),
        (["horse.png"], {"api_url": "https://example.com/v1"}, 3, "online access is off"),
        (["horse.png"], {"api_url": "http://example.com/v1"}, 2, "must begin with https"),
        (["horse.png"], {"api_url": f"http://{NOBODY}/v1"}, 5, NOBODY),
        (["dog.png"], {}, 2, "no such file"),
        ([], {}, 2, "nothing to make a model from"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_started(
    sandbox: Sandbox, images: list[str], options: dict[str, Any], code: int, says: str
) -> None:
    before = paid(sandbox)
    with pytest.raises(MaquetteError, match=says) as told:
        maquette.generate(*images, **options)
    error: Any = told.value
    assert (error.code, error.job_id, error.cost_cu, error.can_resume) == (code, None, 0.0, False)
    assert "Nothing was started" in str(error) or "Not started" in str(error)
    assert paid(sandbox) == before


def test_a_result_tells_what_a_script_wants_to_know_and_is_placed_as_often_as_wanted(
    sandbox: Sandbox, service: HoldingProxy
) -> None:
    told: list[Any] = []

    def look(progress: Any) -> None:
        """A stage may be over between two looks: two of them end when they have been told."""
        told.append(progress)
        if progress.state == "submitting":
            service.go_on()
        elif progress.state == "queued":
            service.refusals.clear()

    service.hold(r"POST /v1/generate/custom/[^?]*$", "answer")
    service.refusals["GET /v1/jobs"] = 503, "Down"
    made = maquette.generate(Path("horse.png"), size=2, name="a horse", on_progress=look, **FEW)
    assert (made.name, made.model_id) == ("a horse", "model_hunyuan-3d-v2-1")
    assert 100 < made.faces <= 500
    assert made.cost_cu == 20.25
    assert made.seconds > 0
    assert made.blend.exists()
    assert [path.suffix for path in made.files] == [".glb"]
    assert max(made.dimensions_m) == pytest.approx(2)
    assert {"submitting", "queued", "ready"} <= {each.state for each in told}
    assert told[-1].state == "ready"
    assert all(one != next_one for one, next_one in pairwise(told))
    root = maquette.place(made, location=(1, 2, 3), rotation_z=0.5)
    small = maquette.place(made, size=0.5, name="small", scene=bpy.data.scenes.new("other"))
    bpy.context.view_layer.update()
    assert root.name == "a horse"
    assert tuple(root.location) == (1, 2, 3)
    assert root.rotation_euler.z == 0.5
    assert root["maquette_job"] == made.id
    corners = [root.matrix_world @ vertex.co for vertex in root.data.vertices]
    assert max(corner.z for corner in corners) - min(corner.z for corner in corners) == pytest.approx(
        made.dimensions_m[2], rel=1e-3
    )
    assert small.users_scene == (bpy.data.scenes["other"],)
    assert max(small.dimensions) == pytest.approx(0.5, rel=1e-3)
    again = maquette.place(made.blend, size="original")
    assert again.scale.x == 1


def test_a_result_has_its_report_and_what_of_the_required_it_does_not_meet(sandbox: Sandbox) -> None:
    made = maquette.generate("horse.png", size=2, require=["faces<=100", "not rigged"], **FEW)
    assert made.report["faces"] == made.faces
    assert made.report["light"] in ("green", "yellow", "red")
    assert made.report["dimensions_m"] == pytest.approx(made.dimensions_m)
    assert made.rejected == (f"faces {made.faces:,}, required <=100",)
    assert made.blend.exists()
    with pytest.raises(maquette.MaquetteError, match="did you mean faces"):
        maquette.generate("horse.png", require="facs<=100")


def test_what_cannot_be_placed_is_told_and_leaves_nothing(sandbox: Sandbox) -> None:
    splat = maquette.generate("horse.png", model="model_vast-ai-triposplat")
    assert splat.blend is None
    assert splat.dimensions_m is None
    assert splat.files[0].suffix == ".spz"
    Path("none.blend").write_text("no .blend")
    bpy.ops.wm.save_as_mainfile(filepath=str(Path("other.blend").resolve()), copy=True)
    for what, says in (
        (splat, r"nothing that Blender can take in.*\.spz"),
        ("missing.blend", "cannot be read"),
        ("none.blend", "cannot be read"),
        ("other.blend", "is not a result"),
    ):
        with pytest.raises(MaquetteError, match=says):
            maquette.place(what)
    made = maquette.generate("horse.png", **FEW)
    with pytest.raises(MaquetteError, match="length in metres"):
        maquette.place(made, size=0)
    assert not bpy.data.objects


def test_a_key_pays_once_and_other_values_are_another_job(sandbox: Sandbox) -> None:
    before = paid(sandbox)
    first = maquette.generate("horse.png", key="hero", **FEW)
    again = maquette.generate("horse.png", key="hero", size=3, max_cost=1, **FEW)
    assert paid(sandbox) == before + 1
    assert again.id == first.id
    assert (first.size_m, again.size_m) == (1.0, 3.0)
    shutil.copyfile("cat.png", "horse.png")
    other = maquette.generate("horse.png", key="hero", **FEW)
    new = maquette.generate("horse.png", **FEW)
    assert len({first.id, other.id, new.id}) == 3
    assert paid(sandbox) == before + 3


def test_an_interrupted_job_goes_on_under_its_key(sandbox: Sandbox, service: HoldingProxy) -> None:
    before = paid(sandbox)

    def interrupt(progress: Any) -> None:
        if progress.state in ("queued", "running"):
            raise KeyboardInterrupt

    service.refusals["GET /v1/jobs"] = 503, "Down"  # or it may be done between two looks
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            maquette.generate("horse.png", key="hero", on_progress=interrupt, seed=1, **FEW)
    service.refusals.clear()
    made = maquette.generate("horse.png", key="hero", seed=1, **FEW)
    assert made.blend.exists()
    assert paid(sandbox) == before + 1


def test_three_threads_each_make_a_model_in_a_private_sandbox() -> None:
    with ThreadPoolExecutor() as pool:
        made = [pool.submit(maquette.generate, prompt=f"word {n}", sandbox=True) for n in range(3)]
        results = [future.result(timeout=200) for future in made]
    assert all(result.blend.exists() for result in results)
    assert len({result.id for result in results}) == 3


def test_an_unpaid_job_of_an_earlier_call_is_taken_up_within_max_cost_alone(
    sandbox: Sandbox, service: HoldingProxy
) -> None:
    before, jobs = paid(sandbox), importlib.import_module(f"{PACKAGE}.jobs")

    def interrupt(progress: Any) -> None:
        if progress.state == "prepared":
            raise KeyboardInterrupt

    service.refusals["POST /v1/assets"] = 503, "Down"  # so that the worker does not come to the submission
    with pytest.raises(KeyboardInterrupt):
        maquette.generate("horse.png", key="hero", on_progress=interrupt, **FEW)
    service.refusals.clear()
    maquette.generate(prompt="word", max_cost=14)
    assert paid(sandbox) == before + 1
    with pytest.raises(MaquetteError, match=r"it costs 20\.25 CU, and it may cost 20 CU at most"):
        maquette.generate("horse.png", key="hero", max_cost=20, **FEW)
    assert paid(sandbox) == before + 1
    assert maquette.generate("horse.png", key="hero", max_cost=20.25, **FEW).blend.exists()
    assert paid(sandbox) == before + 2
    store = jobs.Store(Path("state"))
    assert len(store.list_jobs()) == 2
    store.close()


@pytest.fixture
def service(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[HoldingProxy]:
    """The sandbox, which can be told to refuse requests."""
    proxy = HoldingProxy(sandbox.api)
    monkeypatch.setenv("MAQUETTE_API_URL", proxy.api)
    yield proxy
    proxy.close()


def test_a_refused_job_is_kept_and_goes_on_when_that_is_mended(
    sandbox: Sandbox, service: HoldingProxy
) -> None:
    before = paid(sandbox)
    service.refusals[r"POST /v1/generate/custom/[^?]*$"] = 403, "Your plan does not include this model"
    with pytest.raises(MaquetteError, match=r"Your plan.*call generate with this key once more") as told:
        maquette.generate("horse.png", key="hero", **FEW)
    error: Any = told.value
    assert (error.code, error.cost_cu, error.can_resume) == (3, 0.0, True)
    with pytest.raises(MaquetteError, match=r"Your plan.*maquette resume [0-9a-f]+"):
        maquette.generate("horse.png", **FEW)
    service.refusals.clear()
    with pytest.raises(MaquetteError, match="1 CU at most"):
        maquette.generate("horse.png", key="hero", max_cost=1, **FEW)
    assert paid(sandbox) == before
    assert maquette.generate("horse.png", key="hero", **FEW).id == error.job_id
    assert paid(sandbox) == before + 1


def test_a_key_that_is_refused_while_it_waits_is_told_with_what_is_paid(
    sandbox: Sandbox, service: HoldingProxy
) -> None:
    before, events = paid(sandbox), list[dict[str, Any]]()
    service.refusals["GET /v1/jobs"] = 401, "Unauthorized"
    with pytest.raises(
        MaquetteError, match=r"does not accept the API key.*call generate with this key"
    ) as told:
        maquette.generate("horse.png", key="hero", **FEW)
    error: Any = told.value
    assert (error.code, error.cost_cu, error.can_resume) == (3, 20.25, True)
    with pytest.raises(MaquetteError, match=r"does not accept the API key.*do the same once more") as told:
        maquette.batch(rows(), "out", outputs="glb", on_event=events.append, **FEW)
    assert "API key" in next(event["message"] for event in events if event["event"] == "trouble")
    error = told.value
    assert (error.code, error.cost_cu, error.can_resume) == (3, 40.5, True)
    service.refusals.clear()
    assert maquette.generate("horse.png", key="hero", **FEW).blend.exists()
    done = maquette.batch(rows(), "out", outputs="glb", **FEW)
    assert [row.state for row in done.rows] == ["done", "done"]
    assert paid(sandbox) == before + 3


def test_without_credits_a_batch_stops_and_goes_on_when_there_are_some(
    sandbox: Sandbox, service: HoldingProxy
) -> None:
    before = paid(sandbox)
    service.refusals[r"POST /v1/generate/custom/[^?]*$"] = 402, "Not enough credits"
    done = maquette.batch(rows(), "out", concurrency=1, outputs="glb", **FEW)
    assert [row.state for row in done.rows] == ["failed", "waiting"]
    assert "too few creative units" in done.rows[0].message
    assert (done.code, done.cost_cu) == (3, 0.0)
    service.refusals.clear()
    assert maquette.batch(rows(), "out", outputs="glb", **FEW).code == 0
    assert paid(sandbox) == before + 2


def test_a_job_that_failed_at_the_service_stays_failed_under_its_key(sandbox: Sandbox) -> None:
    before = paid(sandbox)
    Path("broken.jpg").write_bytes(NO_PICTURE)
    for _ in range(2):
        with pytest.raises(MaquetteError, match=r"can't read this picture.*cannot go on") as told:
            maquette.generate("broken.jpg", key="hero", **FEW)
        error: Any = told.value
        assert (error.code, error.can_resume) == (1, False)
        assert error.job_id.startswith("hero-")
    assert paid(sandbox) <= before + 1
    done = maquette.batch([{"id": "hero", "image": "broken.jpg"}, *rows()], "out", outputs="glb", **FEW)
    assert [row.state for row in done.rows] == ["failed", "done", "done"]
    assert "can't read this picture" in done.rows[0].message
    assert done.rows[0].blend is None
    assert done.code == 1


def test_rows_run_twice_and_by_the_command_are_paid_once(sandbox: Sandbox) -> None:
    before, told = paid(sandbox), list[dict[str, Any]]()
    wanted: dict[str, Any] = {"outputs": ["glb"], **FEW}
    words = ("batch", "rows.jsonl", "-o", "out", "--outputs", "glb", "-p", "targetFaceNum=500")
    first = maquette.batch(rows(), "out", on_event=told.append, **wanted)
    assert [(row.key, row.state) for row in first.rows] == [("horse", "done"), ("cat", "done")]
    assert [row.files for row in first.rows] == [
        (Path(f"out/{key}.glb").resolve(),) for key in ("horse", "cat")
    ]
    assert all(path.stat().st_size > 100 for row in first.rows for path in row.files)
    assert all(100 < row.faces <= 500 and row.cost_cu == row.price_cu == 20.25 for row in first.rows)
    assert [row.size_m for row in first.rows] == [1.0, None]
    assert (first.code, first.price_cu, first.cost_cu, first.problems) == (0, 40.5, 40.5, ())
    assert [event["event"] for event in told if event["event"] != "row"] == ["plan", "end"]
    assert paid(sandbox) == before + 2
    again = maquette.batch(iter(rows()), "out", **wanted)
    assert again.rows == first.rows
    lines = [json.dumps(row, default=str) for row in rows()]
    Path("rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    done = run(*words, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert "2 done" in done.stderr
    assert paid(sandbox) == before + 2
    more = [*rows(), {"id": "words", "prompt": "a word"}]
    Path("rows.jsonl").write_text("\n".join(json.dumps(row, default=str) for row in more), encoding="utf-8")
    done = run(*words, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    third = maquette.batch(more, "out", **wanted)
    assert [row.state for row in third.rows] == ["done"] * 3
    assert paid(sandbox) == before + 3
    assert [maquette.place(row).name for row in third.rows] == ["horse", "cat", "words"]


def test_wrong_rows_start_nothing_unless_they_are_left_out(sandbox: Sandbox) -> None:
    before, wrong = (
        paid(sandbox),
        [*rows()[:1], {"id": "dog", "image": "dog.png"}, {"id": "x", "image": object()}],
    )
    with pytest.raises(
        MaquetteError, match=r"row 2 \(dog\): dog\.png: no such file.*row 3.*skip_wrong=True"
    ) as told:
        maquette.batch(wrong, "out", **FEW)
    error: Any = told.value
    assert [problem.number for problem in error.problems] == [2, 3]
    assert (error.code, error.can_resume) == (2, False)
    plan = maquette.batch(wrong, "out", dry_run=True, **FEW)
    assert [(row.key, row.state, row.price_cu) for row in plan.rows] == [("horse", "waiting", 20.25)]
    assert [problem.number for problem in plan.problems] == [2, 3]
    assert plan.code == 2
    assert paid(sandbox) == before
    tables = list[str]()
    in_the_way = Path("out/index.html")
    in_the_way.mkdir(parents=True)

    def look(event: dict[str, Any]) -> None:
        table = Path("out/results.csv")
        tables.append(table.read_text() if table.exists() else "")
        if tables[-1] and in_the_way.is_dir():
            in_the_way.rmdir()

    done = maquette.batch(wrong, "out", skip_wrong=True, outputs="glb", on_event=look, **FEW)
    assert "running" in "".join(tables[:-1])  # it was there before the end
    assert "The table or the page could not be written" in Path("out/batch.log").read_text()
    assert "horse" in in_the_way.read_text()
    assert [row.state for row in done.rows] == ["done"]
    assert done.code == 1
    assert paid(sandbox) == before + 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"concurrency": 0}, "concurrency: give a whole number, 1 or more"),
        ({"machine": "a/b"}, "machine: give a short name"),
        ({"outputs": "stl"}, r"\.stl is not one of"),
        ({"only": "dog"}, "There is no row dog"),
        ({"size": "big"}, "length in metres"),
        ({"dry_run": "yes"}, "dry_run: give True or False"),
        ({"max_cost": "little"}, "max_cost: give a number of creative units"),
        ({"rows": (2, 1)}, "rows: give the first and the last row"),
        ({"rows": 1, "assemble": True}, "rows and assemble: give one of the two"),
        ({"skipwrong": True}, "skipwrong: none of the models has such an input"),
    ],
)
def test_wrong_options_of_a_batch_are_told(sandbox: Sandbox, options: dict[str, Any], says: str) -> None:
    before = paid(sandbox)
    with pytest.raises(MaquetteError, match=says):
        maquette.batch(rows(), "out", **options)
    assert paid(sandbox) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the disk that is always full is Linux's")
def test_a_log_that_cannot_be_written_hides_nothing_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "batch.log").symlink_to("/dev/full")
    told: list[dict[str, Any]] = []
    reporter = importlib.import_module(f"{PACKAGE}.headless").BatchReporter(tmp_path, told.append)
    reporter.event("trouble", message="first")
    reporter.line("in words")
    reporter.event("end", error="last")
    reporter.close()
    assert [event["event"] for event in told] == ["trouble", "end"]
    assert caplog.text.count("batch.log cannot be written") == 1


def test_help_tells_the_options_of_a_batch_that_the_command_has() -> None:
    told = inspect.signature(maquette.batch).parameters
    options: Any = importlib.import_module(f"{PACKAGE}.headless").BatchOptions
    defaults = {each.name: each.default for each in dataclasses.fields(options)}
    assert {name: told[name].default for name in told if name in defaults} == defaults
    assert list(told)[-1] == "parameters"


def test_a_farms_row_is_made_from_python_too(sandbox: Sandbox) -> None:
    before = paid(sandbox)
    task = maquette.batch(rows(), "out", rows=2, outputs="glb", record_failures=True, **FEW)
    assert ([row.key for row in task.rows], task.code) == (["cat"], 0)
    gathered = maquette.batch(rows(), "out", assemble=True, outputs="glb", **FEW)
    assert [(row.key, row.state) for row in gathered.rows] == [("horse", "failed"), ("cat", "done")]
    assert Path("out/all.blend").exists()
    assert (gathered.code, paid(sandbox)) == (1, before + 1)


def test_an_output_that_is_no_folder_is_told_in_words(sandbox: Sandbox) -> None:
    Path("file").touch()
    for output, says in (("file", "is a file"), ("/proc/no/such", "cannot be written to")):
        with pytest.raises(MaquetteError, match=says) as told:
            maquette.batch(rows(), output)
        assert told.value.code == 2


def test_a_dry_run_in_python_tells_what_is_still_to_be_paid(sandbox: Sandbox) -> None:
    before = paid(sandbox)
    maquette.batch(rows()[:1], "out", outputs="glb", **FEW)
    told: list[dict[str, Any]] = []
    plan = maquette.batch(rows(), "out", outputs="glb", dry_run=True, on_event=told.append, **FEW)
    assert [row.state for row in plan.rows] == ["done", "waiting"]
    assert (plan.price_cu, plan.to_pay_cu, plan.cost_cu, plan.code) == (40.5, 20.25, 20.25, 0)
    items = next(event["items"] for event in told if event["event"] == "plan")
    assert [item["fate"] for item in items] == ["there", "new"]
    assert paid(sandbox) == before + 1


def test_a_limit_on_cost_leaves_rows_waiting(sandbox: Sandbox) -> None:
    before = paid(sandbox)
    done = maquette.batch(rows(), "out", max_cost=21, outputs="glb", **FEW)
    assert [row.state for row in done.rows] == ["done", "waiting"]
    assert (done.code, done.cost_cu) == (4, 20.25)
    assert paid(sandbox) == before + 1


def test_nothing_of_the_scripts_file_is_touched_before_something_is_placed(sandbox: Sandbox) -> None:
    bpy.ops.mesh.primitive_cube_add()
    bpy.data.meshes.new("kept for later")  # without a user
    before = contents()
    made = maquette.generate("horse.png", **FEW)
    assert contents() == before
    done = maquette.batch(rows(), "out", outputs="glb,blend", **FEW)
    assert [row.state for row in done.rows] == ["done", "done"]
    assert contents() == before
    maquette.place(made)
    assert bpy.data.objects["Cube"].name in contents()["objects"]
    path = str(Path("out/horse.blend").resolve())
    libraries: Any = bpy.data.libraries  # the stubs know no context manager
    with libraries.load(path) as (found, _):
        assert "horse" in found.objects
        assert "Cube" not in found.objects


def contents() -> dict[str, set[str]]:
    kinds = (
        "objects",
        "meshes",
        "images",
        "materials",
        "scenes",
        "collections",
        "worlds",
        "cameras",
        "lights",
    )
    return {kind: {each.name for each in getattr(bpy.data, kind)} for kind in kinds}
