# SPDX-License-Identifier: GPL-3.0-or-later
"""An asset library's catalogues, names and settings, and the worker that writes results into it."""

import os
import tempfile
import threading
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from job_scene import Scene
from maquette.client import InputError, without_controls
from maquette.jobs import (
    LIBRARY_KEY,
    PRICES_FILE,
    InputFile,
    JobRecord,
    LibrarySettings,
    NewJob,
    State,
    StoreError,
    asset_of,
    asset_path,
    asset_request,
    assets_of,
    lacks_picture,
    note_asset,
    picture_of,
    provenance_in_scene,
    provenance_outside,
    read_library,
    remove_assets,
    write_library,
)
from maquette.jobs.library import asset_name, is_asset_of, lacks_asset
from maquette.jobs.library_catalogues import FILE, add_catalogue, catalogue_id, catalogue_path, merged
from maquette.jobs.profile import PROVENANCE
from maquette.jobs.repeats import again
from service import fake_blender

MADE = {"ok": True, "faces": 12, "objects": 1}
names = st.text(max_size=300)


# Catalogues.


@given(names, names)
def test_a_path_has_nothing_in_it_that_the_file_means_something_by(first: str, second: str) -> None:
    path = catalogue_path(first, second)
    assert not set(path) & set(":\n\r\\\0")
    assert all(part.strip() for part in path.split("/")) or not path
    assert path.count("/") <= 1


@given(st.lists(st.tuples(names, names), max_size=8))
def test_each_catalogue_is_in_the_file_once_under_the_id_that_every_machine_gives_it(
    wanted: list[tuple[str, str]],
) -> None:
    paths = [path for each in wanted if (path := catalogue_path(*each))]
    content = b""
    for path in paths * 2:
        content, found = merged(content, path)
        assert found == catalogue_id(path)
        assert uuid.UUID(found).version == 5
    lines = [line for line in content.decode().split("\n") if ":" in line and not line.startswith("#")]
    found_paths = [line.split(":")[1] for line in lines]
    assert len(found_paths) == len(set(found_paths))
    above = {path.rpartition("/")[0] for path in paths} - {""}
    assert set(found_paths) == {*paths, *above}, "what is missing above, Blender marks as not saved"


def test_what_others_have_written_stays_to_the_byte() -> None:
    before = (
        b"# Ours\r\nVERSION 1\r\n\r\n"
        b"11111111-1111-4111-8111-111111111111:Props/Chairs:Chairs\r\n"
        b"what this is nobody knows \xff\r\n"
        b"22222222-2222-4222-8222-222222222222:Props"
    )
    after, found = merged(before, "From Text")
    assert after == before + f"\n{found}:From Text:From Text\n".encode()


def test_a_catalogue_that_somebody_has_made_or_renamed_in_blender_is_used() -> None:
    theirs = "11111111-1111-4111-8111-111111111111"
    before = f"VERSION 1\n\n{theirs.upper()}:From Text:Words\n".encode()
    assert merged(before, "From Text") == (before, theirs)
    own = catalogue_id("From Images")
    renamed = f"VERSION 1\n{own}:Pictures/All:All\n".encode()
    assert merged(renamed, "From Images") == (renamed, own)


@pytest.mark.parametrize("content", [b"VERSION 2\n", b"1-2-3:a:b\n", b"VERSION\n"])
def test_a_file_of_another_kind_is_left_alone(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(InputError, match="does not know"):
        add_catalogue(tmp_path, "From Text")
    assert (tmp_path / FILE).read_bytes() == content
    assert os.listdir(tmp_path) == [FILE]


def test_several_at_once_lose_nothing(tmp_path: Path) -> None:
    paths = [f"Project/{number}" for number in range(40)]

    def work(mine: list[str]) -> None:
        for path in mine:
            add_catalogue(tmp_path, path)

    threads = [threading.Thread(target=work, args=(paths[start::4],)) for start in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    text = (tmp_path / FILE).read_text("utf-8")
    assert all(f"{catalogue_id(path)}:{path}:" in text for path in paths)
    assert os.listdir(tmp_path) == [FILE]


def test_a_lock_that_was_left_behind_is_taken_over_and_one_in_use_is_not(tmp_path: Path) -> None:
    lock = tmp_path / f".{FILE}.lock"
    lock.write_bytes(b"of a process that was killed")
    add_catalogue(tmp_path, "From Text", sleep=lambda _: None)
    assert os.listdir(tmp_path) == [FILE]
    number = iter(range(100_000))
    lock.write_bytes(b"")
    with pytest.raises(OSError, match="delete that file"):  # each look finds another owner
        add_catalogue(tmp_path, "Another", sleep=lambda _: (lock.write_text(str(next(number))), None)[1])


def test_blender_writing_at_the_same_time_loses_nothing(tmp_path: Path) -> None:
    """It takes no lock: what it has written since the file was read is read once more."""
    target = tmp_path / FILE
    own = catalogue_id("From Text")
    add_catalogue(tmp_path, "From Meshes")
    theirs = target.read_bytes() + b"22222222-2222-4222-8222-222222222222:Props:Props\n"
    lock = tmp_path / f".{FILE}.lock"
    lock.write_bytes(b"held")

    def other(_: float) -> None:
        target.write_bytes(theirs)
        lock.unlink(missing_ok=True)

    add_catalogue(tmp_path, "From Text", sleep=other)
    assert target.read_bytes() == theirs + f"{own}:From Text:From Text\n".encode()


# Names.


@given(names, names)
def test_a_files_name_is_good_everywhere_and_the_jobs_own(name: str, job_id: str) -> None:
    made = asset_name(name, job_id)
    assert not set(made) & set('<>:"/\\|?*\n\r\0')
    assert len(made.encode()) <= 150
    assert not made.startswith(".")
    assert made.endswith(".blend")
    assert is_asset_of(Path(made), job_id)
    assert not is_asset_of(Path(made), job_id + "1")


def test_results_named_alike_and_names_that_windows_keeps_for_itself() -> None:
    assert asset_name("horse", "a") != asset_name("horse", "b")
    assert asset_name("con", "a").startswith("_con ")
    assert asset_name("", "a").startswith("result ")
    assert asset_name("../../etc/passwd", "a").startswith("passwd ")
    assert asset_name("v1.2", "a").startswith("v1.2 ")


# What an asset is told.


def made_job(scene: Scene, **values: Any) -> JobRecord:
    """A finished one, without a Blender."""
    new = NewJob(name="a cup", model_id="m", model_name="Some Model", service="test", **values)
    job = scene.store.add(new)
    for state in (State.UPLOADING, State.SUBMITTING, State.QUEUED):
        job = scene.store.move(job, state)
    job = scene.store.move(job, State.DOWNLOADING, cost_cu=2.5, remote_id="job_1")
    job = scene.store.move(job, State.CONVERTING)
    job = scene.store.move(job, State.READY, result=MADE, finished_at=1e9)
    scene.store.result_blend(job).write_bytes(b"RESULT")
    return job


def test_an_asset_tells_how_it_was_made_and_by_whom(scene: Scene, tmp_path: Path) -> None:
    library = tmp_path / "library"
    write_library(library, LibrarySettings(author="Ann ‮Artist\n", licence="CC BY 4.0"))
    job = made_job(scene, inputs={"prompt": "a red\ncup", "seed": 2**40})
    asset = asset_request(job, library, batch="props")
    facts: Any = asset["facts"]
    assert asset["catalogue"] == catalogue_id("From Text/props")
    assert (library / FILE).exists()
    assert asset["author"] == "Ann Artist"
    assert asset["licence"] == "CC BY 4.0"
    assert asset["description"] == "a red cup"
    assert asset["tags"] == ["Maquette", "From Text", "Some Model", "props"]
    assert facts["prompt"] == "a red\ncup"
    assert facts["seed"] == str(2**40)
    assert (facts["job"], facts["model"]) == (job.id, "m")
    assert facts["made_at"] == "2001-09-09T01:46:40Z"


def test_an_asset_tells_nothing_that_its_profile_strips(scene: Scene, tmp_path: Path) -> None:
    inputs: Any = {"image": InputFile(scene.picture), "prompt": "a red cup", "seed": 7}
    job = made_job(scene, inputs=inputs, source="picture.png", profile={"strip": [*PROVENANCE]})
    asset: Any = asset_request(job, tmp_path)
    assert asset["facts"] == {"made_at": "2001-09-09T01:46:40Z"}
    assert asset["description"] == ""
    assert asset["tags"] == ["Maquette", "From Images"]
    job = replace(job, profile={"strip": ["source", "seed"]})
    facts: Any = asset_request(job, tmp_path)["facts"]
    assert facts["parameters"] == '{"prompt": "a red cup"}'
    assert facts["model_name"] == "Some Model"
    assert not {"source", "seed", "prompt"} & facts.keys()
    assert provenance_outside(job) == {name: facts[name] for name in provenance_outside(job)}
    job = replace(job, profile={"strip": [*PROVENANCE]})
    assert (provenance_outside(job), provenance_in_scene(job)) == ({}, {"job": job.id})
    assert provenance_outside(replace(job, profile={"of": "tomorrow"})) == {}


def test_kinds_and_projects_are_catalogues(scene: Scene, tmp_path: Path) -> None:
    job = made_job(scene, inputs={"image": InputFile(scene.picture)})
    job = replace(job, service="https://api.test/v1#proj: one")
    asset_request(job, tmp_path)
    asset_request(replace(job, service="sandbox"), tmp_path)
    text = (tmp_path / FILE).read_text("utf-8")
    assert ":proj- one/From Images:" in text
    assert ":Sandbox/From Images:" in text


def test_prices_stand_in_a_table_of_the_library_and_in_no_asset(scene: Scene, tmp_path: Path) -> None:
    job = made_job(scene, inputs={"prompt": "a cup"})
    for _ in range(2):
        assert "2.5" not in str(asset_request(job, tmp_path))
    other = replace(job, id="another", refunded_cu=1.0)
    asset_request(other, tmp_path)
    lines = (tmp_path / PRICES_FILE).read_text("utf-8").splitlines()
    assert lines[0] == "job,model,cost_cu,made_at"
    assert lines[1:] == [f"{job.id},m,2.5,2001-09-09T01:46:40Z", "another,m,1.5,2001-09-09T01:46:40Z"]


def test_a_library_without_prices_keeps_none(scene: Scene, tmp_path: Path) -> None:
    job = made_job(scene, inputs={"prompt": "a cup"})
    asset_request(job, tmp_path)
    write_library(tmp_path, LibrarySettings(prices=False))
    assert not (tmp_path / PRICES_FILE).exists()
    asset_request(job, tmp_path)
    assert not (tmp_path / PRICES_FILE).exists()


@given(names, names, st.booleans())
def test_settings_are_read_as_they_were_written(author: str, licence: str, prices: bool) -> None:
    texts = {"author": without_controls(author), "licence": without_controls(licence)}
    settings = LibrarySettings(**texts, prices=prices)
    with tempfile.TemporaryDirectory() as folder:
        write_library(Path(folder), settings)
        assert read_library(Path(folder)) == settings


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("author = 3", "author is a text"),
        ("prices = 'no'", "prices is true or false"),
        ("price = false", "there is no 'price'"),
        ("author", "no TOML"),
    ],
)
def test_settings_that_say_something_else_are_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "maquette-library.toml").write_text(text, "utf-8")
    with pytest.raises(InputError, match=says):
        read_library(tmp_path)


# Which asset a job has.


def test_a_job_knows_its_asset_and_no_other_file_is_deleted(scene: Scene, tmp_path: Path) -> None:
    job = made_job(scene, inputs={"prompt": "a cup"})
    path = asset_path(job, tmp_path)
    assert asset_of(job) is None
    note_asset(scene.store, job, path)
    job = scene.store.get(job.id)
    assert asset_of(job) is None, "the file is not there"
    path.write_bytes(b"")
    assert asset_of(job) == path
    other = tmp_path / "theirs.blend"
    other.write_bytes(b"")
    changed = scene.store.update(job, result={**job.result, "asset": str(other)})
    assert remove_assets(replace(changed, placement={})) == []
    assert remove_assets(job) == [path]
    assert [each.name for each in tmp_path.glob("*.blend")] == ["theirs.blend"]


def test_a_job_knows_its_asset_in_each_library_also_once_it_is_made_anew(
    scene: Scene, tmp_path: Path
) -> None:
    job = made_job(scene, inputs={"prompt": "a cup"})
    paths = [asset_path(job, tmp_path / name) for name in ("first", "second")]
    for path in paths:
        path.parent.mkdir()
        asset_request(job, path.parent)
        path.write_bytes(b"")
    old = scene.store.update(job, result={**job.result, "asset": str(paths[0])})  # as 0.1.0 has it
    assert assets_of(old) == paths[:1]
    note_asset(scene.store, old, paths[1])
    job = scene.store.update(scene.store.get(job.id), result={**MADE, "faces": 20})
    assert assets_of(job) == paths
    assert asset_of(job) is None
    assert not again(job, scene.store.job_folder(job.id)).placement.get("assets")
    other = replace(job, id="another")
    asset_request(other, tmp_path / "second")
    assert remove_assets(job) == paths
    assert assets_of(job) == []
    rows = [(path.parent / PRICES_FILE).read_text("utf-8").splitlines()[1:] for path in paths]
    assert rows == [[], ["another,m,2.5,2001-09-09T01:46:40Z"]]


def test_a_renamed_asset_takes_the_place_of_the_one_in_its_own_library_alone(
    scene: Scene, tmp_path: Path
) -> None:
    job = made_job(scene, inputs={"prompt": "a cup"})
    renamed = replace(job, name="a mug")
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, named in ((first, job), (second, job), (second, renamed)):
        folder.mkdir(exist_ok=True)
        asset_path(named, folder).write_bytes(b"")
        note_asset(scene.store, scene.store.get(job.id), asset_path(named, folder))
    assert assets_of(scene.store.get(job.id)) == [asset_path(job, first), asset_path(renamed, second)]
    assert not asset_path(job, second).exists()


def test_an_asset_that_cannot_be_deleted_is_told(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = made_job(scene, inputs={"prompt": "a cup"})
    paths = [asset_path(job, tmp_path / name) for name in ("first", "second")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(b"")
        note_asset(scene.store, scene.store.get(job.id), path)
    job = scene.store.get(job.id)
    unlink = Path.unlink

    def held(path: Path, **values: Any) -> None:
        if path == paths[0]:
            raise PermissionError(path)
        unlink(path, **values)

    monkeypatch.setattr(Path, "unlink", held)
    assert remove_assets(job) == paths[1:]
    assert assets_of(job) == paths[:1]


def test_a_result_that_was_made_anew_lacks_its_asset(scene: Scene, tmp_path: Path) -> None:
    job = made_job(scene, inputs={"prompt": "a cup"}, placement={LIBRARY_KEY: str(tmp_path)})
    assert lacks_asset(job)
    anew = scene.store.update(job, result={**MADE, "faces": 20})
    note_asset(scene.store, job, asset_path(job, tmp_path))  # of the result as it was before
    assert lacks_asset(scene.store.get(job.id))
    note_asset(scene.store, anew, asset_path(job, tmp_path))
    assert not lacks_asset(scene.store.get(job.id))


def test_an_asset_that_could_not_be_noted_is_told(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = made_job(scene, inputs={"prompt": "a cup"})
    scene.store.move(job, State.PLACED)
    monkeypatch.setattr(scene.store, "get", lambda _id: job)  # each time it is read, it moves on
    with pytest.raises(StoreError, match="moved on"):
        note_asset(scene.store, job, asset_path(job, tmp_path))


# The worker.


def test_the_windows_worker_writes_a_placed_result_into_the_library(scene: Scene, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    scene.add(placement={LIBRARY_KEY: str(library)})
    scene.run(until=State.READY)
    job = scene.store.list_jobs()[0]
    assert asset_of(job) is None, "the window has it first"
    scene.store.move(job, State.PLACED)
    job = scene.run()
    path = asset_of(job)
    assert path == asset_path(job, library)
    assert path
    assert path.read_bytes() == b"BLENDER"
    assert (library / FILE).exists()
    picture = scene.store.job_folder(job.id) / picture_of(job)
    assert picture.read_bytes() == b"BLENDER", "what an asset shows, the list shows too"
    assert not lacks_picture(job)


def test_a_result_that_nobody_places_is_written_after_a_while(scene: Scene, tmp_path: Path) -> None:
    scene.add(placement={LIBRARY_KEY: str(tmp_path)})
    job = scene.run()
    assert job.state is State.READY
    assert asset_of(job)


def test_without_a_library_nothing_is_written(scene: Scene) -> None:
    scene.add()
    assert scene.run().result == MADE


def test_a_library_that_cannot_be_written_to_is_told_once_and_costs_no_result(
    scene: Scene, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.write_bytes(b"a file")
    scene.add(placement={LIBRARY_KEY: str(gone)})
    for _ in range(2):  # the second worker tries it again
        job = scene.run()
        assert job.state is State.READY
        assert job.message.count("Not in the library") == 1
        assert asset_of(job) is None


def test_a_blender_that_dies_at_an_asset_costs_no_result(scene: Scene, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    job = made_job(scene, inputs={"prompt": "a cup"}, placement={LIBRARY_KEY: str(library)})
    (tmp_path / "dead").mkdir()
    scene.blender = fake_blender(tmp_path / "dead", None)
    job = scene.run()
    assert job.state is State.READY
    assert "Not in the library: Blender crashed" in job.message
