# SPDX-License-Identifier: GPL-3.0-or-later
"""Results as assets: the file that is written, commands, preferences, and what is read in an asset."""

import importlib
import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from background_tasks import run_task
from commands import EXAMPLES, HORSE, Sandbox, read_json, run, running_sandbox
from sandbox_scene import PACKAGE, newest, operators, part, session_state, until
from wavy_sheet import TEXTURE_PX, convert, wavy

jobs = importlib.import_module(PACKAGE + ".jobs")
library: Any = part("window.library")
asset_facts: Any = part("window.asset_facts")
preferences: Any = part("preferences")
IS_LISTING = bpy.app.version >= (5, 2, 0)
two_blenders = pytest.mark.skipif(
    bpy.app.version[:2] not in ((5, 2), (4, 3)), reason="the processes are the same in every Blender: two do"
)
# What a Blender finds in an asset's file that has never seen Maquette, linked and appended; and in its own
# file afterwards.
LOOK = """
import json, sys, bpy
path, link = sys.argv[sys.argv.index("--") + 1:][:2]
found = {"addons": [each.module for each in bpy.context.preferences.addons if "maquette" in each.module]}
with bpy.data.libraries.load(path, link=bool(int(link)), assets_only=True) as (source, target):
    target.collections = list(source.collections)
    kinds = [kind for kind in dir(source) if kind != "version" and getattr(source, kind)]
    found["assets"] = {kind: list(getattr(source, kind)) for kind in kinds}
(collection,) = target.collections
bpy.context.scene.collection.children.link(collection)
data = collection.asset_data
found["faces"] = sum(len(each.data.polygons) for each in collection.all_objects if each.type == "MESH")
found["dimensions"] = [max(each.dimensions) for each in collection.all_objects if each.type == "MESH"]
images = [each for each in bpy.data.images if each.source == "FILE"]
found["packed"] = [bool(each.packed_files) and each.size[0] for each in images]
found["libraries"] = [each.filepath for each in bpy.data.libraries]
found["objects"] = {each.name: dict(each.items()) for each in collection.all_objects}
for each in found["objects"].values():
    for name, value in each.items():
        each[name] = value if isinstance(value, (str, int, float)) else str(value)
if data:
    names = ("author", "license", "copyright", "description", "catalog_id")
    found["data"] = {name: getattr(data, name) for name in names}
    found["tags"] = sorted(each.name for each in data.tags)
    found["facts"] = dict(data.items())
preview = collection.preview
found["preview"] = list(preview.image_size) if preview else []
if preview:
    values = list(preview.image_pixels_float)
    found["greys"] = [min(values[0::4]), max(values[0::4])]
print(json.dumps(found))
"""


@pytest.fixture(autouse=True)
def _no_file_stays_open() -> Iterator[None]:
    yield
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


@pytest.fixture
def no_library() -> Iterator[Any]:
    """Blender's list of libraries, which is as it was afterwards; no results are kept."""
    entries: Any = bpy.context.preferences.filepaths.asset_libraries
    before = [each.name for each in entries]
    yield entries
    library.switch_off()
    assert [each.name for each in entries] == before


def elsewhere(path: Path, *, is_linked: bool) -> dict[str, Any]:
    """What a factory Blender makes of the asset."""
    script = path.parent / "look.py"
    script.write_text(LOOK, "utf-8")
    words = ["--background", "--factory-startup", "--python-exit-code", "1", "--python", str(script)]
    done = subprocess.run(
        [os.environ["MAQUETTE_BLENDER"], *words, "--", str(path), str(int(is_linked))],
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    script.unlink()
    return read_json(done.stdout)


@pytest.fixture(scope="module")
def asset(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Of a result of 180,000 faces with a texture of 8 MB beside it, and what it was told."""
    folder = tmp_path_factory.mktemp("asset")
    result = convert(folder, lambda: wavy(300))
    assert result.with_suffix(".parts").is_dir()
    path = folder / "library" / "wavy sheet 0123456789.blend"
    path.parent.mkdir()
    told = {
        "file": str(path),
        "catalogue": "11111111-1111-4111-8111-111111111111",
        "author": "Ann Artist",
        "licence": "CC BY 4.0",
        "copyright": "2026 Ann Artist",
        "description": "a wavy sheet",
        "tags": ["Maquette", "From Text", "x" * 63],
        "facts": {"job": "j1", "model": "m", "prompt": "a wavy\nsheet", "seed": "7"},
        "picture": None,
    }
    request = {
        "result": str(result), "outputs": [], "turntable": None, "picture": None, "name": "wavy sheet",
        "size_m": 3.0, "provenance": {"job": "j1", "model": "m"}, "threads": 0, "asset": told,
    }  # fmt: skip
    answer = run_task("write", request, folder)
    assert answer["ok"], answer
    return path, told


@pytest.mark.parametrize("is_linked", [False, True], ids=["appended", "linked"])
def test_a_blender_that_never_saw_maquette_has_all_of_an_asset(
    asset: tuple[Path, dict[str, Any]], is_linked: bool
) -> None:
    path, _ = asset
    found = elsewhere(path, is_linked=is_linked)
    assert found["addons"] == []
    assert found["assets"] == {"collections": ["wavy sheet"]}
    assert found["faces"] == 180_000  # triangles, as GLB has them
    assert found["dimensions"] == [pytest.approx(3.0, rel=1e-4)]
    assert found["packed"] == [TEXTURE_PX]
    assert found["objects"]["wavy sheet"]["maquette_job"] == "j1"
    assert len(found["libraries"]) == (1 if is_linked else len(found["libraries"]))


def test_an_assets_metadata_is_in_its_file(asset: tuple[Path, dict[str, Any]]) -> None:
    path, told = asset
    found = elsewhere(path, is_linked=True)
    assert found["data"] == {
        "author": told["author"], "license": told["licence"], "copyright": told["copyright"],
        "description": told["description"], "catalog_id": told["catalogue"],
    }  # fmt: skip
    assert found["tags"] == sorted(told["tags"])
    assert found["facts"] == {f"maquette_{name}": value for name, value in told["facts"].items()}
    assert found["preview"] == [256, 256]
    low, high = found["greys"]
    assert high - low > 0.2, "there is something to be seen"


def test_an_asset_is_one_file_that_opens_as_any_other(asset: tuple[Path, dict[str, Any]]) -> None:
    path, _ = asset
    assert [each.name for each in path.parent.glob("*.parts")] == []
    bpy.ops.wm.open_mainfile(filepath=str(path))
    assert [each.name for each in bpy.context.scene.collection.children] == ["wavy sheet"]
    assert [each.name for each in bpy.data.objects] == ["wavy sheet"]
    assert [each.name for each in bpy.data.cameras] == []
    assert all(each.packed_files for each in bpy.data.images if each.source == "FILE")


def test_no_path_of_the_disk_is_in_an_asset_or_a_blend_for_elsewhere(
    asset: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    path, _ = asset
    content = path.read_bytes()
    assert content.startswith(b"BLENDER")  # not compressed
    folder = path.parent.parent
    for place in (str(folder), folder.name, str(Path.home()), "result.blend", "result.parts"):
        assert place.encode() not in content, place
    request = {
        "result": str(folder / "result.blend"), "outputs": [str(tmp_path / "out.blend")], "turntable": None,
        "picture": None, "name": "wavy sheet", "size_m": 3.0, "provenance": {}, "threads": 0, "asset": None,
    }  # fmt: skip
    answer = run_task("write", request, tmp_path)
    assert answer["ok"], answer
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    blocks = [*bpy.data.meshes, *bpy.data.materials, *bpy.data.images]
    assert {each.name for each in blocks} >= {"wavy sheet"}
    assert not [each.name for each in blocks if each.library_weak_reference]
    image: Any = next(each for each in bpy.data.images if each.source == "FILE")
    assert image.filepath_raw in ("", f"//textures/{Path(image.filepath_raw).name}")
    assert [each.filepath for each in image.packed_files] == [image.filepath_raw]
    assert image.size[0] == TEXTURE_PX
    assert sum(len(each.polygons) for each in bpy.data.meshes) == 180_000


def test_a_picture_that_is_there_becomes_the_preview_the_right_way_up(tmp_path: Path) -> None:
    scene_asset: Any = part("scene.asset")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    image = bpy.data.images.new("Top red", 300, 200)
    pixels = np.zeros((200, 300, 4), np.float32)
    pixels[..., 3] = 1.0
    pixels[100:, :, 0] = 0.5  # rows run from the bottom
    image.pixels.foreach_set(pixels.ravel())
    image.file_format = "PNG"
    image.save(filepath=str(tmp_path / "picture.png"))
    made: Any = bpy.data.collections.new("made")
    scene_asset.load_preview(made, tmp_path / "picture.png")
    width, height = tuple(made.preview.image_size)
    kept = np.array(tuple(made.preview.image_pixels_float)).reshape(height, width, 4)
    assert (width, height) == (256, 171)
    assert kept[-1, 0, 0] == pytest.approx(0.5, abs=0.01)
    assert kept[0, 0, 0] == 0


# The commands.


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("library"), "--delay", "0") as running:
        yield running


def made(sandbox: Sandbox, folder: Path, *words: str) -> tuple[dict[str, str], dict[str, Any]]:
    """A job in a store of its own: the environment in which commands find it, and what `generate` told."""
    env = {**sandbox.env, "MAQUETTE_STATE": str(folder / "state")}
    done = run("generate", HORSE, "-p", "targetFaceNum=500", "--json", *words, env=env)
    assert done.returncode == 0, done.stderr
    return env, read_json(done.stdout)["jobs"][0]


def assets_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.blend"))


@two_blenders
def test_a_result_is_kept_once_and_stays_when_its_job_is_removed(sandbox: Sandbox, tmp_path: Path) -> None:
    kept = tmp_path / "kept here"
    words = ("--library", str(kept), "-o", str(tmp_path / "horse.glb"), "--size", "2")
    env, job = made(sandbox, tmp_path, *words)
    (name,) = assets_in(kept)
    assert str(kept / name) in job["outputs"]
    again = run("library", "add", job["id"], "--library", str(kept), env=env)
    assert again.returncode == 0, again.stderr
    assert assets_in(kept) == [name]
    found = elsewhere(kept / name, is_linked=True)
    assert found["data"]["catalog_id"] in (kept / "blender_assets.cats.txt").read_text("utf-8")
    assert "cost" not in json.dumps(found["facts"])
    assert job["id"] in (kept / jobs.PRICES_FILE).read_text("utf-8")
    assert found["facts"]["maquette_source"] == "horse.png"
    assert found["dimensions"] == [pytest.approx(2.0, rel=1e-3)]
    removed = run("jobs", "--remove", job["id"], env=env)
    assert f"Its asset stays: {kept / name}" in removed.stdout
    assert assets_in(kept) == [name]


@two_blenders
def test_an_asset_goes_with_its_job_if_that_is_wanted(sandbox: Sandbox, tmp_path: Path) -> None:
    env, job = made(sandbox, tmp_path, "--library", str(tmp_path / "kept"))
    (name,) = assets_in(tmp_path / "kept")
    removed = run("jobs", "--remove", job["id"], "--with-asset", env=env)
    assert name in removed.stdout
    assert assets_in(tmp_path / "kept") == []


@two_blenders
def test_an_asset_in_two_libraries_is_named_and_goes_in_both(sandbox: Sandbox, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    env, job = made(sandbox, tmp_path, "--library", str(first))
    (asset,) = assets_in(first)
    _, other = made(sandbox, tmp_path, "--library", str(first))
    profile = tmp_path / "strip.toml"
    profile.write_text('strip = "all"', "utf-8")
    for words in (("finish", job["id"], "--finish", str(profile)), ("library", "add", job["id"])):
        done = run(*words, *(["--library", str(second)] if words[0] == "library" else []), env=env)
        assert done.returncode == 0, done.stderr
    (name,) = assets_in(second)
    assert set(elsewhere(first / asset, is_linked=True)["facts"]) == {"maquette_made_at"}
    found = elsewhere(second / name, is_linked=True)
    assert set(found["facts"]) == {"maquette_made_at"}
    assert found["data"]["description"] == ""
    assert not [tag for tag in found["tags"] if "Hunyuan" in tag]
    assert not [each for each in found["objects"].values() if "maquette_job" in each]
    removed = run("jobs", "--remove", job["id"], "--with-asset", env=env)
    assert str(first / name) in removed.stdout and str(second / name) in removed.stdout
    assert (len(assets_in(first)), assets_in(second)) == (1, [])
    assert job["id"] not in (second / jobs.PRICES_FILE).read_text("utf-8")
    assert job["id"] not in (first / jobs.PRICES_FILE).read_text("utf-8")
    assert other["id"] in (first / jobs.PRICES_FILE).read_text("utf-8")


@two_blenders
def test_what_is_there_is_kept_without_its_price_if_the_library_says_so(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    env, job = made(sandbox, tmp_path)
    kept.mkdir()
    said = run("library", "set", str(kept), "--author", "Studio", "--no-prices", env=env)
    assert said.returncode == 0, said.stderr
    assert 'author = "Studio"\n' in said.stdout
    assert "prices = false" in said.stdout
    done = run("library", "add", "--all", "--library", str(kept), "--json", env=env)
    assert done.returncode == 0, done.stderr
    (told,) = read_json(done.stdout)["jobs"]
    (name,) = assets_in(kept)
    assert (told["id"], told["outputs"]) == (job["id"], [str(kept / name)])
    found = elsewhere(kept / name, is_linked=True)
    assert found["data"]["author"] == "Studio"
    assert found["facts"]["maquette_job"] == job["id"]
    assert not (kept / jobs.PRICES_FILE).exists()


@two_blenders
def test_a_batch_keeps_its_rows_and_what_was_made_before_without_paying_again(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    files = (HORSE, str(EXAMPLES / "cat.png"))
    rows = [{"id": f"row {number}", "file": file, "name": "con"} for number, file in enumerate(files)]
    manifest = tmp_path / "rows.jsonl"
    manifest.write_text("".join(json.dumps(row | {"targetFaceNum": 500}) + "\n" for row in rows), "utf-8")
    words = ("batch", str(manifest), "-o", str(tmp_path / "props"), "--outputs", "glb")
    done = run(*words, env=sandbox.env)
    assert done.returncode == 0, done.stderr
    paid = sandbox.stats()["paidJobs"]
    kept = tmp_path / "kept"
    for _ in range(2):
        done = run(*words, "--library", str(kept), env=sandbox.env)
        assert done.returncode == 0, done.stderr
        assert sandbox.stats()["paidJobs"] == paid
        assert len(assets_in(kept)) == 2
    assert "From Images/props" in (kept / "blender_assets.cats.txt").read_text("utf-8")
    found = elsewhere(kept / assets_in(kept)[0], is_linked=False)
    assert list(found["objects"]) == ["con"]


@two_blenders
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["add", "--library", "here"], "Name the jobs to keep"),
        (["add", "--all"], "Say which library"),
        (["add", "nobody", "--library", "here"], "no job nobody"),
        (["publish", "nowhere"], "There is no folder"),
        (["set", "here", "--author", "x"], "Is its name right? Make it first for a new one."),
        ([], "ACTION"),
    ],
)
def test_what_makes_no_sense_is_said(words: list[str], says: str, tmp_path: Path) -> None:
    env = {**os.environ, "MAQUETTE_STATE": str(tmp_path / "state")}
    words = [str(tmp_path / "here") if word == "here" else word for word in words]
    done = run("library", *words, env=env)
    assert done.returncode == 2
    assert says in done.stderr
    assert words[:1] == ["add"] or not (tmp_path / "here").exists()


@pytest.mark.skipif(IS_LISTING, reason="this one can")
def test_an_older_blender_says_which_one_can_publish(tmp_path: Path) -> None:
    done = run("library", "publish", str(tmp_path))
    assert done.returncode == 2
    assert "Blender 5.2 or later" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not IS_LISTING, reason="Blender lists libraries from 5.2 on")
def test_a_published_library_lists_all_that_blender_asks_of_one(sandbox: Sandbox, tmp_path: Path) -> None:
    kept = tmp_path / "kept ünï 椅"
    env, job = made(sandbox, tmp_path, "--library", str(kept))
    refused = run("library", "publish", str(kept), env=env)
    assert refused.returncode == 2
    assert f"`maquette library set {shlex.quote(str(kept))} --no-prices`" in refused.stderr
    assert not [*kept.rglob("*.json")]
    run("library", "set", str(kept), "--no-prices", env=env)
    done = run("library", "publish", str(kept), env=env)
    assert done.returncode == 0, done.stderr
    pages = "".join(path.read_text("utf-8") for path in kept.rglob("*.json"))
    assert assets_in(kept)[0] in pages
    assert job["id"] in pages
    assert "maquette_model" in pages
    assert "From Images" in pages
    assert [*kept.rglob("*.webp")]


# In a window.


def test_one_click_lists_a_library_and_another_unlists_it(no_library: Any, tmp_path: Path) -> None:
    theirs = no_library.new(name="Maquette", directory=str(tmp_path / "theirs"))
    try:
        before = [(each.name, each.path) for each in no_library]
        assert operators.add_library(directory=str(tmp_path / "ours")) == {"FINISHED"}
        assert (tmp_path / "ours").is_dir()
        assert preferences.library_folder() == str(tmp_path / "ours")
        now = [(each.name, each.path) for each in no_library]
        assert now[: len(before)] == before
        assert len(now) == len(before) + 1
        assert operators.add_library(directory=str(tmp_path / "other")) == {"FINISHED"}
        assert len(no_library) == len(before) + 1
        (tmp_path / "other" / "asset.blend").write_bytes(b"")
        assert operators.remove_library() == {"FINISHED"}
        assert [(each.name, each.path) for each in no_library] == before
        assert (tmp_path / "other" / "asset.blend").exists()
        assert preferences.library_folder() == ""
    finally:
        no_library.remove(next(each for each in no_library if each.path == str(tmp_path / "theirs")))
    del theirs


def test_a_library_that_somebody_lists_already_stays_listed(no_library: Any, tmp_path: Path) -> None:
    no_library.new(name="Mine", directory=str(tmp_path))
    try:
        operators.add_library(directory=str(tmp_path))
        assert [each.name for each in no_library].count("Mine") == 1
        operators.remove_library()
        assert "Mine" in [each.name for each in no_library]
    finally:
        no_library.remove(next(each for each in no_library if each.name == "Mine"))


def test_the_usual_folder_is_beside_blenders_own() -> None:
    folder = library.default_folder()
    assert folder.name == "Maquette"
    assert folder.parent.name == "Blender"


def test_library_settings_are_written_for_all_who_use_it(no_library: Any, tmp_path: Path) -> None:
    operators.add_library(directory=str(tmp_path))
    assert operators.set_library(author="Ann", prices=False) == {"FINISHED"}
    assert jobs.read_library(tmp_path) == jobs.LibrarySettings(author="Ann", prices=False)


def test_a_result_of_the_window_becomes_an_asset_of_its_size_by_itself(
    scene: Any, backend: Any, no_library: Any, tmp_path: Path
) -> None:
    operators.add_library(directory=str(tmp_path / "ours"))
    scene.unit_settings.scale_length = 0.01
    scene.maquette.size = 150.0
    operators.generate(inputs=json.dumps({"image": HORSE, "targetFaceNum": 500}))
    job = newest(backend)
    until(lambda: jobs.asset_of(backend.jobs.by_id[job.id]))
    path = jobs.asset_of(backend.jobs.by_id[job.id])
    assert path.parent == tmp_path / "ours"
    assert elsewhere(path, is_linked=False)["dimensions"] == [pytest.approx(1.5, rel=1e-3)]
    operators.remove_job(job_id=job.id)
    assert path.exists()


def test_an_asset_can_be_removed_with_its_job(
    scene: Any, backend: Any, no_library: Any, tmp_path: Path
) -> None:
    operators.add_library(directory=str(tmp_path))
    operators.generate(inputs=json.dumps({"image": HORSE, "targetFaceNum": 500}))
    job = newest(backend)
    until(lambda: jobs.asset_of(backend.jobs.by_id[job.id]))
    path = jobs.asset_of(backend.jobs.by_id[job.id])
    operators.remove_job(job_id=job.id, removes_asset=True)
    assert not path.exists()


# What an asset tells.


class Metadata(dict[str, Any]):
    """As an asset's, and as little to be trusted."""


def metadata(**values: Any) -> Metadata:
    return Metadata({f"maquette_{name}": value for name, value in {"model": "m", **values}.items()})


def test_what_is_no_asset_of_ours_has_no_facts() -> None:
    assert asset_facts.facts_of(Metadata()) is None
    for model in ("", "a b", "../x", 7, None, "m" * 201, [1], b"m"):
        assert asset_facts.facts_of(metadata(model=model)) is None


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("job_id", ["../../etc", 3, "j" * 201, "a/b"]),
        ("prompt", [b"x", 1.5, "x" * 4001, ["a"]]),
        ("seed", [12, {"a": 1}]),
    ],
)
def test_values_of_another_kind_or_size_count_as_not_there(name: str, values: list[Any]) -> None:
    for value in values:
        told = metadata(**{name.removesuffix("_id"): value})
        assert getattr(asset_facts.facts_of(told), name) == ""


def test_a_prompt_has_no_control_characters() -> None:
    assert asset_facts.facts_of(metadata(prompt="a\x1b[31m ‮cup")).prompt == "a[31m cup"


@pytest.mark.parametrize("text", ["[" * 100_000, "[1]", "nothing", "1", '{"a": ', "{}"])
def test_parameters_that_are_none_set_nothing(text: str, scene: Any, backend: Any) -> None:
    facts = asset_facts.facts_of(metadata(model="model_hunyuan-3d-v2-1", parameters=text))
    assert asset_facts.use_settings(bpy.context, facts) == ("", [])


def test_settings_of_an_asset_from_elsewhere_go_into_the_panel_as_far_as_the_model_takes_them(
    scene: Any, backend: Any
) -> None:
    properties = part("properties")
    model = backend.catalogue.schema("model_hunyuan-3d-v2-1")
    given = {
        "targetFaceNum": 4000,
        "seed": "not a number",
        "image": "/etc/passwd",
        "nobody": 1,
        "__class__": "x",
    }
    facts = asset_facts.facts_of(metadata(model=model.id, parameters=json.dumps(given)))
    problem, files = asset_facts.use_settings(bpy.context, facts)
    assert (problem, files) == ("", ["image"])
    assert properties.values_of(scene.maquette, model) == {"targetFaceNum": 4000}
    assert "passwd" not in [each.name for each in bpy.data.images]


def test_another_seed_is_drawn_for_another_result(scene: Any, backend: Any) -> None:
    properties = part("properties")
    model = backend.catalogue.schema("model_hunyuan-3d-v2-1")
    facts = asset_facts.facts_of(metadata(model=model.id, parameters=json.dumps({"seed": 7})))
    asset_facts.use_settings(bpy.context, facts)
    assert properties.values_of(scene.maquette, model).get("seed") == 7
    asset_facts.use_settings(bpy.context, facts, has_seed=False)
    assert "seed" not in properties.values_of(scene.maquette, model)


def test_a_model_that_is_not_known_yet_is_asked_for(scene: Any, backend: Any) -> None:
    facts = asset_facts.facts_of(metadata(model="model_of-tomorrow", model_name="Tomorrow"))
    problem, _ = asset_facts.use_settings(bpy.context, facts)
    assert problem == "Tomorrow is being looked up. Try again in a moment."
    assert session_state.state.backend is backend
