"""The store: one truth for several processes, where no step is taken twice."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from maquette.jobs import InputFile, JobRecord, NewJob, State, Store, StoredFile, StoreError
from maquette.jobs.database import DATABASE, MIGRATIONS
from maquette.jobs.stale import retry_when_stale
from maquette.jobs.states import MOVES, WORKING, IllegalMoveError, check_move
from maquette.jobs.store import LEASE_S, LEFT, REFUSED, LeaseLostError, StaleError
from service import Clock
from small_files import files_of_at_most


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state", clock=Clock())


def add(store: Store, **values: Any) -> JobRecord:
    values = {"inputs": {"prompt": "a cup"}, "service": "s", **values}
    return store.add(NewJob(name="cup", model_id="model_x", **values))


def test_every_state_has_its_moves_and_no_other_is_made(store: Store) -> None:
    assert set(MOVES) == set(State)
    for old in State:
        for new in State:
            if new not in MOVES[old]:
                with pytest.raises(IllegalMoveError):
                    check_move(old, new)
    with pytest.raises(IllegalMoveError):
        store.move(add(store), State.READY)


def test_every_working_state_leads_to_an_end() -> None:
    ends = set(State) - WORKING
    for state in WORKING:
        reached, todo = set[State](), {state}
        while todo:
            reached |= todo
            todo = {new for old in todo for new in MOVES[old]} - reached
        assert reached & ends


def test_a_job_is_read_as_it_was_written(store: Store, tmp_path: Path) -> None:
    picture = tmp_path / "a b%.png"
    picture.write_bytes(b"pixels")
    inputs = {"image": [InputFile(picture), "asset_1"], "steps": 3, "paint": False}
    job = store.add(NewJob(name="n", model_id="m", inputs=inputs, placement={"size_m": 2.0}))  # type: ignore[arg-type]
    assert job == store.get(job.id)
    kept = job.inputs["image"]
    assert kept == [StoredFile("input/0/a b_.png", "a b%.png", "image"), "asset_1"]
    assert job.input_files == [StoredFile("input/0/a b_.png", "a b%.png", "image")]
    assert (store.job_folder(job.id) / "input/0/a b_.png").read_bytes() == b"pixels"
    assert job.placement == {"size_m": 2.0}


def test_a_missing_input_leaves_nothing_behind(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no\.png cannot be read"):
        store.add(NewJob(name="n", model_id="m", inputs={"image": InputFile(tmp_path / "no.png")}))
    assert store.list_jobs() == []
    assert list((store.folder / "jobs").iterdir()) == []


def test_a_path_that_is_none_is_an_error_in_words_and_leaves_nothing_behind(store: Store) -> None:
    with pytest.raises(StoreError, match=r"a\?\.png cannot be read: .*embedded null"):
        store.add(NewJob(name="n", model_id="m", inputs={"image": InputFile(Path("a\0.png"))}))
    assert list((store.folder / "jobs").iterdir()) == []


def test_a_request_is_written_down_once(store: Store) -> None:
    new = NewJob(name="cup", model_id="model_x", inputs={"prompt": "a cup"}, service="s")
    job = store.add(new)
    assert job.id == new.id
    with pytest.raises(StoreError, match="it is there"):
        store.add(new)
    assert store.list_jobs() == [job]
    assert store.job_folder(job.id).is_dir()


def test_of_several_jobs_all_are_written_down_or_none(store: Store) -> None:
    """The third is there already: no row and no folder of the others stays behind."""
    there = add(store)
    wanted = [NewJob(name=name, model_id="model_x", inputs={}, service="s") for name in ("one", "two")]
    with pytest.raises(StoreError, match="it is there"):
        store.add_all([*wanted, NewJob(name="cup", model_id="model_x", inputs={}, service="s", id=there.id)])
    assert store.ids("s") == {there.id}
    assert [each.name for each in (store.folder / "jobs").iterdir()] == [there.id]
    assert [job.name for job in store.add_all(wanted)] == ["one", "two"]


def test_jobs_are_not_added_one_by_one_while_another_process_writes(tmp_path: Path) -> None:
    """A person's click is not held: it is told at once, and nothing of it is there."""
    store = Store(tmp_path / "state", is_interactive=True, clock=Clock())
    other = sqlite3.connect(store.folder / DATABASE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    wanted = [NewJob(name=name, model_id="model_x", inputs={}, service="s") for name in ("one", "two")]
    with pytest.raises(StoreError, match="cannot be written to just now"):
        store.add_all(wanted)
    assert store.ids("s") == set()
    assert list((store.folder / "jobs").iterdir()) == []
    other.close()


def test_what_a_killed_process_left_of_a_job_does_not_keep_it_from_being_made(store: Store) -> None:
    new = NewJob(name="cup", model_id="model_x", inputs={"prompt": "a cup"}, service="s")
    (store.job_folder(new.id) / "input" / "0").mkdir(parents=True)
    job = store.add(new)
    assert [path.name for path in store.job_folder(job.id).rglob("*")] == ["input"]


def test_a_full_disk_is_an_error_in_words_and_leaves_nothing_behind(store: Store) -> None:
    largest = max(path.stat().st_size for path in store.folder.glob(f"{DATABASE}*"))
    with files_of_at_most(largest), pytest.raises(StoreError, match="disk"):
        store.add(NewJob(name="n", model_id="m", inputs={"prompt": "x" * 100_000}))
    assert store.list_jobs() == []
    assert list((store.folder / "jobs").iterdir()) == []
    assert add(store)


def test_a_store_waits_for_another_process_that_is_making_it(
    tmp_path: Path, locked_until_waited_for: Callable[[Path], AbstractContextManager[None]]
) -> None:
    with locked_until_waited_for(tmp_path / DATABASE):
        Store(tmp_path, is_interactive=True).close()


def test_a_store_from_before_keeps_its_jobs(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / DATABASE) as db:
        for statement in ";".join(MIGRATIONS[:2]).split(";"):
            db.execute(statement)
        db.execute(
            "INSERT INTO jobs (id, service, project_id, state, name, source, model_id, model_name, inputs,"
            " created_at, updated_at, change)"
            " VALUES ('1', 's', 'p', 'ready', 'cup', '', 'm', '', '{}', 1, 1, 1)"
        )
        db.execute("PRAGMA user_version=2")
    db.close()
    job = Store(tmp_path).get("1")
    assert (job.state, job.session) == (State.READY, "")


@pytest.mark.parametrize("state", [State.PREPARED, State.UPLOADING])
def test_an_unpaid_job_of_a_store_from_before_is_nobodys_until_a_person_resumes_it(
    tmp_path: Path, state: State
) -> None:
    with sqlite3.connect(tmp_path / DATABASE) as db:
        for statement in ";".join(MIGRATIONS[:3]).split(";"):
            db.execute(statement)
        db.execute(
            "INSERT INTO jobs (id, service, state, name, source, model_id, model_name, inputs,"
            " created_at, updated_at, change) VALUES ('1', 's', ?, 'cup', '', 'm', '', '{}', 1, 1, 1)",
            (state,),
        )
        db.execute("PRAGMA user_version=3")
    db.close()
    store = Store(tmp_path)
    assert store.list_actionable("s", 9) == []
    store.adopt("s")
    assert (store.get("1").state, store.get("1").message) == (State.FAILED, LEFT)
    assert store.resume(store.get("1"), may_spend=True).state is State.PREPARED


def test_files_in_a_row_from_before_stay_files_and_what_looks_like_one_does_not(tmp_path: Path) -> None:
    glb = {"file": "input/0/a.glb", "name": "a.glb", "kind": "3d", "source": "input/0/a.blend"}
    mesh: dict[str, Any] = {**glb, "objects": ["A"]}
    large: dict[str, Any] = {"file": "input/1/b.png", "name": "b.png", "kind": "image", "source": "/b.png"}
    large |= {"size": 9, "mtime_ns": 8}
    odd: list[Any] = [
        {"file": "input/../../x.png", "name": "x.png", "kind": "image"},
        {**mesh, "source": "/home/me/private.blend"},
        {"file": "input/0/x.png"},  # not what Maquette wrote: see StoredFile
        {"file": "input/0/x.png", "name": 5, "kind": "image"},
        {**mesh, "file": "input/0/..", "source": "input/0/.."},
        {**mesh, "objects": "A"},
        {**mesh, "objects": [5]},
        {**large, "size": "9"},
        {**large, "mtime_ns": None},
        {**mesh, "more": 1},
    ]
    marks = [{"$file": 0}, {"$file": "x"}]
    inputs = {"mesh": mesh, "views": [{"image": large}], "odd": odd, "marks": marks}
    version = next(number for number, script in enumerate(MIGRATIONS) if "input_files" in script)
    with sqlite3.connect(tmp_path / DATABASE) as db:
        for statement in ";".join(MIGRATIONS[:version]).split(";"):
            db.execute(statement)
        db.execute(
            "INSERT INTO jobs (id, service, state, name, source, model_id, model_name, inputs, created_at,"
            " updated_at, change) VALUES ('1', 's', 'prepared', 'cup', '', 'm', '', ?, 1, 1, 1)",
            (json.dumps(inputs),),
        )
        db.execute(f"PRAGMA user_version={version}")
    db.close()
    job = Store(tmp_path).get("1")
    kept = [
        StoredFile("input/0/a.glb", "a.glb", "3d", source="input/0/a.blend", objects=("A",)),
        StoredFile("input/1/b.png", "b.png", "image", source="/b.png", size=9, mtime_ns=8),
    ]
    assert job.input_files == kept
    values = {"odd": odd, "marks": [{"file": 0}, {"file": "x"}]}
    assert job.inputs == {"mesh": kept[0], "views": [{"image": kept[1]}], **values}
    assert [each.id for each in Store(tmp_path).list_jobs()] == ["1"]


def test_a_step_is_taken_once(store: Store) -> None:
    job = add(store)
    store.move(job, State.UPLOADING)
    with pytest.raises(StaleError):
        store.move(job, State.UPLOADING)


def watch(store: Store, clock: Clock, seconds: float) -> None:
    """So long a process looks after the leases."""
    for _ in range(round(seconds)):
        clock.time += 1.0
        store.is_lease_alive("s")


def test_the_lease_is_one_workers_until_it_is_silent(tmp_path: Path) -> None:
    clock = Clock()
    one, two = Store(tmp_path, clock=clock), Store(tmp_path, clock=clock)
    assert one.take_lease("s", "a")
    assert not two.take_lease("s", "b")
    assert two.take_lease("other", "b")
    clock.time += LEASE_S - 1
    assert one.take_lease("s", "a")
    assert one.is_lease_alive("s")
    watch(one, clock, LEASE_S + 1)
    assert not one.is_lease_alive("s")
    assert two.take_lease("s", "b")
    job = add(one)
    with pytest.raises(LeaseLostError):
        one.move(job, State.UPLOADING, lease="a")
    assert one.get(job.id).state is State.PREPARED
    one.drop_lease("s", "a")
    assert two.is_lease_alive("s")


def test_each_session_of_a_service_has_a_lease_and_a_trouble_of_its_own(store: Store) -> None:
    assert store.take_lease("s", "a")
    assert store.take_lease("s", "b", "one")
    assert not store.take_lease("s", "c", "one")
    store.set_trouble("s", "b", "No network.", "NetworkError")
    assert store.get_trouble("s") == ("", "")
    assert store.get_trouble("s", "one") == ("No network.", "NetworkError")
    store.drop_lease("s", "b")
    assert store.is_lease_alive("s")
    assert not store.is_lease_alive("s", "one")


def test_a_clock_set_back_does_not_keep_a_dead_lease_alive(tmp_path: Path) -> None:
    clock = Clock()
    store = Store(tmp_path, clock=clock)
    assert store.take_lease("s", "a")
    clock.time -= 86_400
    assert store.take_lease("s", "b")


@pytest.mark.parametrize("step_s", [3600.0, 9.0, -3600.0])
def test_a_worker_that_slept_or_whose_clock_was_set_leaves_the_others_time_to_renew_their_leases(
    tmp_path: Path, step_s: float
) -> None:
    """The computer was suspended, or its clock set: the leases of all are old, whoever looks first."""
    clock = Clock()
    store, other = Store(tmp_path, clock=clock), Store(tmp_path, clock=clock)
    paid, waits = add(store, session="alive"), add(store, session="alive")
    for state in (State.UPLOADING, State.SUBMITTING, State.QUEUED):
        paid = store.move(paid, state)
    assert other.take_lease("s", "a", "alive")
    watch(store, clock, LEASE_S / 2)
    clock.time += step_s
    for _ in range(3):
        store.adopt("s")
        assert store.is_left(paid) is False
        clock.time += 1.0
    assert other.take_lease("s", "a", "alive")
    watch(store, clock, 3)
    store.adopt("s")
    assert [store.get(job.id).session for job in (paid, waits)] == ["alive"] * 2
    assert store.get(waits.id).state is State.PREPARED


def test_a_worker_that_died_before_the_computer_slept_is_followed_within_two_lease_times(
    tmp_path: Path,
) -> None:
    clock = Clock()
    store = Store(tmp_path, clock=clock)
    job = add(store, session="dead")
    for state in (State.UPLOADING, State.SUBMITTING, State.QUEUED):
        job = store.move(job, state)
    assert store.take_lease("s", "a", "dead")
    clock.time += 3600.0
    assert not store.is_left(job)
    watch(store, clock, LEASE_S)
    store.adopt("s")
    assert store.get(job.id).session == ""


def test_who_looks_seldom_sees_that_a_worker_is_dead_all_the_same(tmp_path: Path) -> None:
    clock = Clock()
    store = Store(tmp_path, clock=clock)
    assert store.take_lease("s", "a")
    looks = []
    for _ in range(4):
        clock.time += 60.0
        looks.append(store.is_lease_alive("s"))
    assert looks == [True, True, False, False]


def test_changes_are_told_once_and_in_order(tmp_path: Path) -> None:
    writer, reader = Store(tmp_path), Store(tmp_path)
    version = reader.data_version()
    first, second = add(writer), add(writer)
    writer.move(first, State.UPLOADING)
    assert reader.data_version() != version
    changed = reader.changed_since(0, "s", 9)
    assert [job.id for job in changed] == [second.id, first.id]
    assert reader.changed_since(changed[-1].change, "s", 9) == []


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / "maquette.db") as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(StoreError, match="newer Maquette"):
        Store(tmp_path)


def test_a_folder_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="Choose another folder"):
        Store(tmp_path / "file")


def test_a_job_under_way_is_not_removed(store: Store) -> None:
    job = add(store)
    with pytest.raises(StoreError, match="cancel it"):
        store.remove(job)
    store.remove(store.request_cancel(job))
    assert store.list_jobs() == []
    assert not store.job_folder(job.id).exists()
    job = store.move(store.move(store.move(add(store), State.UPLOADING), State.SUBMITTING), State.QUEUED)
    with pytest.raises(StoreError, match="asked to stop, let it end first"):
        store.remove(store.request_cancel(job))


def test_only_what_is_under_way_can_be_canceled(store: Store) -> None:
    job = store.move(add(store), State.FAILED)
    with pytest.raises(StoreError, match="nothing to cancel"):
        store.request_cancel(job)
    job = add(store)
    for state in (State.UPLOADING, State.SUBMITTING, State.QUEUED, State.DOWNLOADING):
        job = store.move(job, state)
    job = store.request_cancel(job)
    assert (job.cancel, job.message) == ("refused", REFUSED)  # it is made and paid for: nobody is asked


def test_what_was_canceled_since_it_was_read_is_not_submitted(store: Store) -> None:
    job = store.move(add(store), State.UPLOADING)
    assert store.request_cancel(job).state is State.CANCELED
    with pytest.raises(StaleError, match="canceled"):
        store.move(job, State.SUBMITTING)
    assert store.get(job.id).state is State.CANCELED


def test_what_is_to_be_canceled_is_not_submitted_once_more(store: Store) -> None:
    job = store.move(store.move(add(store), State.UPLOADING), State.SUBMITTING)
    assert store.request_cancel(job).cancel == "requested"
    job = store.move(job, State.UPLOADING)  # it was refused for now
    with pytest.raises(StaleError, match="canceled"):
        store.move(job, State.SUBMITTING)


def test_a_worker_does_not_inherit_the_trouble_of_one_that_died(tmp_path: Path) -> None:
    clock = Clock()
    store = Store(tmp_path, clock=clock)
    assert store.take_lease("s", "a")
    store.set_trouble("s", "a", "No network.", "NetworkError")
    assert store.take_lease("s", "a")
    assert store.get_trouble("s") == ("No network.", "NetworkError")
    clock.time += LEASE_S + 1
    assert store.take_lease("s", "b")
    assert store.get_trouble("s") == ("", "")


def test_work_is_seen_while_there_is_some(store: Store) -> None:
    assert not store.has_work("s")
    job = add(store)
    assert store.has_work("s")
    assert not store.has_work("other")
    for state in (State.UPLOADING, State.SUBMITTING, State.UNCERTAIN):
        job = store.move(job, state)
    assert store.has_work("s")
    job = store.update(job, resume_state=State.PREPARED)
    assert not store.has_work("s")
    assert not job.is_working


def test_an_upload_is_known_for_its_service_and_kind_alone(store: Store) -> None:
    job = add(store)
    store.uploads.add(job.service, "aa", "image", "asset_1")
    assert store.uploads.find(job.service, "aa", "image") == "asset_1"
    assert store.uploads.find(job.service, "aa", "3d") is None
    other = store.add(NewJob(name="n", model_id="m", inputs={}, service="t"))
    assert store.uploads.find(other.service, "aa", "image") is None
    store.uploads.remove("s", ["asset_1"])
    assert store.uploads.find(job.service, "aa", "image") is None


def test_whoever_has_lost_the_lease_does_not_try_again(store: Store) -> None:
    job = add(store)
    tries: list[JobRecord] = []

    def change(now: JobRecord) -> JobRecord:
        tries.append(now)
        raise LeaseLostError

    with pytest.raises(LeaseLostError):
        retry_when_stale(store, job.id, change)
    assert tries == [job]
