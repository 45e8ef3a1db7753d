"""A result is finished by its job's profile as it is converted, and anew whenever asked, for nothing."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from job_scene import ANSWER, Scene
from maquette.client import InputError
from maquette.jobs import (
    AS_DELIVERED,
    PROFILES,
    BlenderPool,
    ChildError,
    JobRecord,
    Profile,
    State,
    Store,
    StoreError,
    at_work,
    finish_anew,
    finish_of,
    finish_sentence,
    finished_key,
    is_finished_by,
    named_profile,
    override,
    profile_json,
    profile_key,
    reasons,
    report_of,
)
from maquette.jobs.database import MIGRATIONS
from maquette.jobs.finish_words import Finish, finish_cells, finish_json, read_finish
from maquette.jobs.finishing import make_result
from maquette.jobs.gate import read_requirements
from maquette.jobs.report import Report
from maquette.jobs.store import StaleError
from service import Clock, fake_blender
from stored_rows import execute

GAME = override(PROFILES["game"], faces=5000)
REPORT = {"faces": 512340, "dimensions_m": [1.0, 2.0, 0.5]}
DELIVERED = {**ANSWER, "faces": 512340, "report": REPORT, "messages": ["A file was left out."]}
FINISHED = {
    "ok": True,
    "faces": 4990,
    "objects": 1,
    "textures": 1,
    "min": [0, 0, 0],
    "max": [1, 2, 0.5],
    "report": {"faces": 4990, "dimensions_m": [1.0, 2.0, 0.5]},
    "messages": ["The UVs were made anew."],
    "finish": {
        "faces_before": 512340,
        "faces_after": 4990,
        "deviation_mean_share": 0.0001,
        "deviation_max_share": 0.0006,
        "lods": [2495],
        "seconds": 3.5,
    },
}
REFUSED = {"ok": False, "error": "There is nothing left of it."}


@pytest.fixture
def made(scene: Scene) -> Scene:
    """Where a background Blender finishes what it has converted."""
    scene.blender = fake_blender(scene.folder, DELIVERED, finish=FINISHED)
    return scene


def blend_of(scene: Scene, job: JobRecord) -> str:
    return scene.store.result_blend(job).read_text()


def test_what_is_in_use_is_the_finished_one_and_the_untouched_one_stays(made: Scene) -> None:
    made.add(profile=profile_json(GAME))
    job = made.run()
    assert (job.state, blend_of(made, job)) == (State.READY, "game")
    assert made.store.result_blend(job).name == f"finished-{profile_key(GAME)}.blend"
    assert (made.store.job_folder(job.id) / "result.blend").read_text() == "BLENDER"
    assert job.message == "A file was left out. The UVs were made anew."
    assert job.result["faces"] == 4990
    assert is_finished_by(job, GAME)


def test_a_job_without_a_profile_comes_as_delivered(made: Scene) -> None:
    made.add()
    job = made.run()
    assert job.result == DELIVERED
    assert (blend_of(made, job), finished_key(job.result), finish_of(job.result)) == ("BLENDER", "", None)
    assert is_finished_by(job, AS_DELIVERED)


def test_the_gate_judges_the_finished_one(made: Scene) -> None:
    gate = read_requirements("faces<=5000")
    made.add()
    assert reasons(gate, report_of(made.run().result)) == ("faces 512,340, required <=5000",)
    made.add(profile=profile_json(GAME))
    assert reasons(gate, report_of(made.run().result)) == ()


@pytest.mark.parametrize("broken", [REFUSED, None], ids=["refuses", "crashes"])
def test_what_cannot_be_finished_comes_as_delivered_and_says_why(
    scene: Scene, broken: dict[str, Any] | None
) -> None:
    scene.blender = fake_blender(scene.folder, DELIVERED, finish=broken)
    scene.add(profile=profile_json(GAME))
    job = scene.run()
    assert (job.state, blend_of(scene, job), job.result["faces"]) == (State.READY, "BLENDER", 512340)
    why = REFUSED["error"] if broken else "Blender crashed while finishing the result"
    assert job.message.startswith(f"A file was left out. It comes as delivered, and not as Game: {why}")
    assert not is_finished_by(job, GAME)
    scene.blender = fake_blender(scene.folder, DELIVERED, finish=FINISHED)
    finish_anew(scene.store, job, GAME)
    job = scene.run()
    assert blend_of(scene, job) == "game"
    assert job.message == "A file was left out. The UVs were made anew."


def test_two_that_finish_one_result_at_a_time_do_not_spoil_each_others_work(scene: Scene) -> None:
    """What is in the folder is left over only if nobody is at work there."""
    scene.blender = fake_blender(scene.folder, DELIVERED, finish=FINISHED)
    scene.add()
    job = scene.run()
    folder = scene.store.job_folder(job.id)
    work = folder / ".finishing-other"
    work.mkdir()
    wanted = replace(job, profile=profile_json(GAME))
    blenders = BlenderPool(scene.blender)
    with ThreadPoolExecutor() as threads:
        with at_work(folder):
            made = threads.submit(make_result, blenders, wanted, folder)
            with pytest.raises(TimeoutError):
                made.result(timeout=0.3)
            assert work.is_dir()
            with (
                pytest.raises(ChildError, match="still at work on this result"),
                at_work(folder, timeout_s=0.0),
            ):
                pytest.fail("two are at work")
        answer, _ = made.result(timeout=30)
    blenders.end()
    assert finished_key(answer) == profile_key(GAME)
    assert not work.exists()


def test_a_result_that_is_there_is_finished_anew_from_the_untouched_one_and_nothing_is_paid(
    made: Scene,
) -> None:
    made.add(profile=profile_json(GAME))
    job = made.run()
    finished_at = job.finished_at
    (made.store.job_folder(job.id) / "result.blend").write_text("UNTOUCHED")
    made.clock.time += 1000
    finish_anew(made.store, job, PROFILES["film"])
    job = made.run()
    assert (blend_of(made, job), job.finished_at) == ("film", finished_at)
    assert (made.store.job_folder(job.id) / "result.blend").read_text() == "UNTOUCHED"
    assert job.message == "A file was left out. The UVs were made anew."
    finish_anew(made.store, job, AS_DELIVERED)
    job = made.run()
    assert (blend_of(made, job), job.result) == ("UNTOUCHED", DELIVERED)
    assert len(made.service.paid) == made.service.calls["download"] == 1


def test_a_worker_that_is_killed_at_it_is_followed_by_one_that_finishes(made: Scene) -> None:
    made.add()
    job = finish_anew(made.store, made.run(), GAME)
    assert made.run(until=State.CONVERTING).state is State.CONVERTING
    assert blend_of(made, made.run()) == "game"
    assert job.id == made.store.list_jobs()[0].id


def test_files_that_come_anew_are_converted_and_finished_anew(made: Scene) -> None:
    made.add(profile=profile_json(GAME))
    job = made.run()
    (made.store.job_folder(job.id) / "result.blend").unlink()
    assert made.store.is_gone(job)
    made.store.resume(job)
    job = made.run()
    assert (made.store.job_folder(job.id) / "result.blend").read_text() == "BLENDER"
    assert blend_of(made, job) == "game"


def test_nothing_that_is_not_there_is_finished(made: Scene) -> None:
    job = made.add()
    with pytest.raises(StoreError, match="horse is prepared: there is no 3D model to finish"):
        finish_anew(made.store, job, GAME)
    job = made.run()
    finish_anew(made.store, job, GAME)
    with pytest.raises(StaleError):
        finish_anew(made.store, job, GAME)


def test_what_goes_onto_an_object_is_not_finished(made: Scene) -> None:
    made.blender = fake_blender(made.folder, {**DELIVERED, "put_back": {"result": "MESH"}}, finish=FINISHED)
    made.add(profile=profile_json(GAME))
    job = made.run()
    assert blend_of(made, job) == "BLENDER"
    assert job.message.endswith("not as Game: it goes onto an object of yours.")


def test_a_store_from_before_there_were_profiles_is_as_delivered(tmp_path: Path) -> None:
    store = Store(tmp_path, clock=Clock())
    store.close()
    for column in ("profile", "lost_here_at"):
        execute(tmp_path, f"ALTER TABLE jobs DROP COLUMN {column}")
    version = next(number for number, script in enumerate(MIGRATIONS) if "COLUMN profile" in script)
    execute(
        tmp_path,
        "INSERT INTO jobs (id, service, state, name, source, model_id, model_name, inputs, created_at,"
        " updated_at, change) VALUES ('a', 's', 'ready', 'n', '', 'm', '', '{}', 1, 1, 1)",
    )
    execute(tmp_path, f"PRAGMA user_version={version}")
    job = Store(tmp_path, clock=Clock()).get("a")
    assert (job.profile, is_finished_by(job, AS_DELIVERED)) == ({}, True)


@pytest.mark.parametrize("profile", ["{}x", '{"faces": "many"}', '{"name": 5}'])
def test_a_profile_in_the_store_that_is_none_costs_no_result(made: Scene, profile: str) -> None:
    job = made.add()
    execute(made.store.folder, "UPDATE jobs SET profile = ? WHERE id = ?", (profile, job.id))
    job = made.run()
    assert job.state in (State.READY, State.FAILED)
    if job.state is State.READY:
        assert (blend_of(made, job), len(made.service.paid)) == ("BLENDER", 1)
    else:
        assert not made.service.paid


def test_a_profile_is_named_with_a_budget_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text('base = "game"\nname = "Ours"\n')
    assert named_profile("Game", "5000") == named_profile("game", 5000) == GAME
    assert named_profile("ours.toml", None, tmp_path).name == "Ours"
    assert named_profile(tmp_path / "ours.toml", None).name == "Ours"
    assert named_profile(None, None) is named_profile(None, "") is AS_DELIVERED


@pytest.mark.parametrize(
    ("given", "faces", "words"),
    [
        ("gmae", None, "finish: 'gmae' is no profile"),
        ("none.toml", None, "finish: none.toml cannot be read"),
        (5, None, "finish: give a profile's name or a .toml file, not 5"),
        ("", None, "finish: give a profile's name or a .toml file, not ''"),
        (" ", None, "finish: give a profile's name or a .toml file, not ' '"),
        (None, 5000, "faces: name a profile, too"),
        ("game", "many", "faces: give a whole number"),
        ("game", "-5", "faces: give a whole number"),
        ("game", True, "faces: give a whole number"),
    ],
)
def test_what_is_wrong_with_a_profile_is_told(
    given: object, faces: object, words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        named_profile(given, faces, tmp_path)
    assert words in str(caught.value)


def test_it_is_told_in_words_at_the_size_of_the_result() -> None:
    facts = finish_of({"finish": {**FINISHED["finish"], "profile": "game"}})  # type: ignore[dict-item]
    assert facts
    report = Report(dimensions_m=(1.0, 2.0, 0.5))
    words = "Game: 512,340 → 4,990 faces, at most 1.2 mm from the original"
    assert finish_sentence(facts, report) == words
    assert finish_sentence(facts, report.at_size(20.0)).endswith("at most 12 mm from the original")
    assert finish_sentence(facts, None) == "Game: 512,340 → 4,990 faces"
    assert finish_cells(facts, report) == ["game", 512340, 4990, 0.2, 1.2]
    table = finish_json(facts, report)
    assert table
    assert table["sentence"] == words
    assert (table["deviation_max_mm"], table["lods"], table["profile"]) == (1.2, [2495], "game")


@pytest.mark.parametrize(
    ("millimetres", "words"), [(0.0, "0 mm"), (0.0003, "0.01 mm"), (0.25, "0.25 mm"), (1500.0, "1.5 m")]
)
def test_a_length_is_told_in_a_few_figures(millimetres: float, words: str) -> None:
    facts = Finish(profile="game", deviation_max_share=millimetres / 1000)
    assert words in finish_sentence(facts, Report(dimensions_m=(1.0, 1.0, 1.0)))


@pytest.mark.parametrize(
    "odd",
    [
        None,
        [],
        "game",
        {"profile": 5, "faces_after": "many", "lods": {"a": 1}, "deviation_max_share": -1.0},
        {"profile": "a\x1b[2J" * 1000, "lods": [None] * 10**4, "faces_after": float("nan")},
    ],
)
def test_what_is_read_of_a_file_that_anybody_may_write_is_bounded(odd: object) -> None:
    facts = read_finish(odd)
    if facts:
        assert len(facts.profile) <= 500
        assert "\x1b" not in facts.profile
        assert (facts.faces_after, facts.lods, facts.deviation_max_share) == (None, (), None)
        assert finish_sentence(facts, None)


def test_a_key_in_a_result_names_no_file_elsewhere() -> None:
    assert finished_key({"finished": "b5dfcd87a977"}) == "b5dfcd87a977"
    for odd in ("../../secrets", "B5DFCD87A977", "", 5, None):
        assert finished_key({"finished": odd}) == ""


def test_profiles_that_leave_the_house_in_another_way_are_other_wishes(made: Scene) -> None:
    made.add(profile=profile_json(GAME))
    job = made.run()
    stripping = override(GAME, strip="all")
    assert profile_key(stripping) == profile_key(GAME)
    assert not is_finished_by(job, stripping)
    assert profile_json(Profile(name="as-delivered")) == {}
