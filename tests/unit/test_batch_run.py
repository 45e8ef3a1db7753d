"""A run admits what the limits allow, does what is missing, and pays for each row once, killed or not."""

import errno
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from maquette.batches import (
    Claims,
    Defaults,
    Delivery,
    HostLock,
    Outcome,
    RowPlan,
    RowStatus,
    Run,
    RunLimits,
    make_items,
    read_manifest,
)
from maquette.batches.delivery import Writing
from maquette.batches.host_lock import host_id
from maquette.batches.plan import Item
from maquette.client import (
    CreditsError,
    InputError,
    JobStatus,
    Model,
    NetworkError,
    ScenarioError,
    ServerError,
    SignInError,
    TransferError,
)
from maquette.jobs import (
    AS_DELIVERED,
    PROFILES,
    JobRecord,
    Profile,
    State,
    Store,
    StoreError,
    finish_cells,
    profile_key,
    read_requirements,
)
from maquette.jobs.blender_pool import BlenderPool
from maquette.jobs.store import ABANDONED_S, LEASE_S
from maquette.jobs.worker import Worker
from service import Clock, MemoryService, fake_blender

MODEL = Model.from_json(
    {"id": "model_x", "name": "X", "inputs": [{"name": "prompt", "type": "string", "prompt": True}]}
)
LOST = NetworkError("The connection broke", kind="broken", may_have_arrived=True)


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it happens in this process."""


class World:
    """A folder that a batch runs in again and again, a service, and workers in the test's own thread."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, Clock()
        self.service = MemoryService(self.clock)
        self.service.models["model_x"] = MODEL
        self.blender = fake_blender(folder, {"ok": True, "faces": 12, "objects": 1})
        self.delivered: list[str] = []
        self.failing: Exception | None = None
        self.kept_suffix = ""  # of what no Blender can read
        self.most_at_service = 0

    def items(self, *keys: str, price_cu: float | None = 2.5) -> list[Item]:
        lines = "".join(f"{key.split('=')[0]},{key}\n" for key in keys)
        (self.folder / "m.csv").write_text("id,prompt\n" + lines)
        manifest = read_manifest(self.folder / "m.csv")
        items = make_items(manifest, Defaults(model="model_x"), "test", lambda _: MODEL)
        assert not manifest.problems
        return [replace(item, price_cu=price_cu) for item in items]

    def open(self, items: list[Item], *, machine: str = "main", session: str = "", **limits: Any) -> Run:
        self.session = session
        self.store = Store(self.folder / "machines" / machine, clock=self.clock)
        self.claims = Claims(self.folder, machine)
        self.delivery = Files(self)
        return Run(
            *(self.store, "test", self.claims, items, RunLimits(**limits), self.delivery), session=session
        )

    def worker(self) -> Worker:
        blenders = BlenderPool(self.blender)
        options: dict[str, Any] = {"service": "test", "blenders": blenders, "session": self.session}
        worker = Worker(self.store, self.service, clock=self.clock, **options)
        assert worker.take_lease()
        return worker

    def run(self, items: list[Item], *, rounds: int = 400, most: int | None = None, **limits: Any) -> Run:
        """One whole run of the command."""
        run = self.open(items, **limits)
        if most is not None:
            run.keep_to(most)
        worker = self.worker()
        try:
            for _ in range(rounds):
                if not run.step():
                    return run
                self.turn(run, worker)
            raise AssertionError(f"no end: {run.counts()} {run.stopped}")
        finally:
            self.end(worker)

    def turn(self, run: Run, worker: Worker) -> None:
        worker.round()
        worker.tasks.drain()
        at_service = {State.SUBMITTING, State.QUEUED, State.RUNNING}
        busy = sum(job.state in at_service for job in self.store.list_jobs())
        self.most_at_service = max(self.most_at_service, busy)
        self.clock.time += 1.0

    def end(self, worker: Worker) -> None:
        worker.close()
        self.clock.time += 100  # its lease is over
        self.store.close()


class Files(Delivery):
    """Writes a row's file itself, at the second look, without a Blender."""

    def __init__(self, world: World) -> None:
        self.world, self.claims = world, world.claims
        super().__init__(world.store, world.folder, self.claims, "blender", has_turntable=False, most=1)
        self.looked: set[str] = set()

    def begin(self, item: Item, job: JobRecord) -> Writing:
        return Writing(item, job)

    def poll(self, writing: Writing) -> Outcome | None:
        item, job = writing.item, writing.job
        if job.id not in self.looked:
            self.looked.add(job.id)
            return None
        if self.world.failing:
            raise self.world.failing
        is_kept = self.world.kept_suffix != ""
        name = f"{item.key}{self.world.kept_suffix or '.glb'}"
        self.claims.set_current(item.row.stem, job.id)
        (self.world.folder / name).write_text(job.id)
        self.world.delivered.append(job.id)
        return Outcome(outputs=(name,), is_unconverted=is_kept, spec=self.spec(item))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def stages(run: Run) -> list[RowStatus]:
    return [row.status for row in run.rows]


def test_what_is_made_is_judged_again_for_nothing_and_kept_whatever_comes_of_it(world: World) -> None:
    items = world.items("a", "b")
    made = {"faces": 48210, "boundary_edges": 0, "non_manifold_edges": 0}
    world.blender = fake_blender(world.folder, {"ok": True, "faces": 48210, "objects": 1, "report": made})
    run = world.run(items, gate=read_requirements("faces<=5000, manifold"))
    paid, delivered = len(world.service.paid), list(world.delivered)
    assert stages(run) == [RowStatus.DONE, RowStatus.DONE]
    assert [row.shown_status for row in run.rows] == ["rejected", "rejected"]
    assert run.rows[0].text == "Rejected: faces 48,210, required <=5000."
    for machine in ("main", "other"):
        passing = world.run(items, machine=machine, gate=read_requirements("faces<=50000, manifold"))
        assert "rejected" not in [row.shown_status for row in passing.rows]
        again = world.run(items, machine=machine, gate=read_requirements("faces<100"))
        assert [row.shown_status for row in again.rows] == ["rejected", "rejected"]
    assert (len(world.service.paid), world.delivered) == (paid, delivered)


FINISHED = {
    "ok": True,
    "faces": 4990,
    "objects": 1,
    "report": {"faces": 4990, "dimensions_m": [1.0, 2.0, 0.5]},
    "finish": {"faces_before": 48210, "faces_after": 4990, "deviation_max_share": 0.0006},
}


def finishing(world: World, items: list[Item], profile: Profile) -> list[Item]:
    made = {"ok": True, "faces": 48210, "objects": 1, "report": {"faces": 48210}}
    world.blender = fake_blender(world.folder, made, finish=FINISHED)
    return [replace(item, profile=profile) for item in items]


def test_a_changed_profile_finishes_what_is_there_and_pays_nothing(world: World) -> None:
    items = finishing(world, world.items("a", "b"), AS_DELIVERED)
    gate = read_requirements("faces<=5000")
    assert [row.shown_status for row in world.run(items, gate=gate).rows] == ["rejected", "rejected"]
    (ids, paid) = ([item.id for item in items], len(world.service.paid))
    items = finishing(world, items, PROFILES["game"])
    dry = world.open(items, is_dry=True)
    assert [dry.plan_for(row) for row in dry.rows] == [RowPlan.UNDER_WAY, RowPlan.UNDER_WAY]
    assert [row.profile for row in world.store.list_jobs()] == [{}, {}]
    run = world.run(items, gate=gate)
    assert [row.shown_status for row in run.rows] == ["done", "done"]
    outcome = run.rows[0].outcome
    assert outcome
    assert (outcome.faces, outcome.finished) == (4990, profile_key(PROFILES["game"]))
    assert finish_cells(run.rows[0].finish, run.rows[0].report) == ["game", 48210, 4990, None, 0.6]
    delivered = list(world.delivered)
    assert [row.shown_status for row in world.run(items, gate=gate).rows] == ["done", "done"]
    assert world.delivered == delivered
    world.run(finishing(world, items, AS_DELIVERED))
    assert (len(world.service.paid), [item.id for item in items]) == (paid, ids)
    assert world.delivered == [*delivered, *delivered[:2]]


def test_rows_that_are_made_with_a_profile_are_finished_before_they_are_written(world: World) -> None:
    (row,) = world.run(finishing(world, world.items("a"), PROFILES["game"])).rows
    assert row.outcome
    assert (row.outcome.faces, len(world.delivered)) == (4990, 1)


def test_what_could_not_be_finished_is_tried_anew_by_a_persons_wish_alone(world: World) -> None:
    items = finishing(world, world.items("a"), PROFILES["game"])
    world.blender = fake_blender(
        world.folder, {"ok": True, "faces": 9, "objects": 1}, finish={"ok": False, "error": "It is empty."}
    )
    (row,) = world.run(items).rows
    assert (row.shown_status, row.message) == ("done", "It comes as delivered, and not as Game: It is empty.")
    items = finishing(world, items, PROFILES["game"])
    assert world.run(items).rows[0].message == row.message
    (row,) = world.run(items, is_retrying=True).rows
    assert (row.message, len(world.service.paid), len(world.delivered)) == ("", 1, 2)


def test_a_result_from_before_there_were_reports_has_none_and_is_rejected(world: World) -> None:
    items = world.items("a")
    (row,) = world.run(items, gate=read_requirements("faces<=5000")).rows
    assert row.report is None
    assert row.rejections == ("faces<=5000: not measured",)
    (row,) = world.run(items).rows
    assert (row.shown_status, row.text) == ("done", "")


def test_a_row_without_the_outputs_that_it_was_to_have_failed_and_is_not_paid_for_again(world: World) -> None:
    """The delivery cannot be imported: it is kept, and a new one would be the same."""
    items = world.items("a")
    why = "m.ply is a point cloud; it is kept as a file."
    answer = {"ok": True, "faces": 0, "objects": 0, "kept": [{"name": "m.ply", "why": why}]}
    world.blender = fake_blender(world.folder, answer)

    world.kept_suffix = ".ply"
    for machine in ("main", "other"):
        for is_retrying in (False, True):
            run = world.run(items, machine=machine, is_retrying=is_retrying)
            assert stages(run) == [RowStatus.FAILED]
            assert run.rows[0].message.startswith(f"{why} Delivered: a.ply.")
            assert run.rows[0].outcome
            assert run.rows[0].outcome.outputs == ("a.ply",)
    assert len(world.service.paid) == 1


def test_a_batch_is_made_and_running_it_again_does_nothing(world: World) -> None:
    items = world.items("a", "b", "c")
    run = world.run(items, concurrency=2)
    assert stages(run) == [RowStatus.DONE] * 3
    assert run.spent_cu() == 7.5
    assert len(world.service.paid) == 3
    assert world.most_at_service <= 2
    run = world.run(items)
    assert stages(run) == [RowStatus.DONE] * 3
    assert len(world.service.paid) == 3
    assert len(world.delivered) == 3


def test_a_changed_row_is_a_new_job_and_going_back_costs_nothing(world: World) -> None:
    world.run(world.items("a", "b"))
    (world.folder / "m.csv").unlink()
    world.run(world.items("a=2", "b"))
    assert len(world.service.paid) == 3
    assert len(set(world.delivered)) == 3
    run = world.run(world.items("a", "b"))
    assert stages(run) == [RowStatus.DONE] * 2
    assert len(world.service.paid) == 3
    assert world.delivered[-1] == world.delivered[0] or world.delivered[-1] == world.delivered[1]


def test_a_file_that_is_gone_is_written_again_from_the_kept_result(world: World) -> None:
    items = world.items("a", "b")
    world.run(items)
    (world.folder / "a.glb").unlink()
    assert stages(world.run(items)) == [RowStatus.DONE] * 2
    assert len(world.delivered) == 3
    assert len(world.service.paid) == 2


def test_a_key_in_another_unicode_form_is_the_same_and_not_paid_for_again(world: World) -> None:
    def keyed(key: str) -> Item:
        (world.folder / "m.csv").write_text(f"id,prompt\n{key},a tin\n", "utf-8")
        manifest = read_manifest(world.folder / "m.csv")
        (item,) = make_items(manifest, Defaults(model="model_x"), "test", lambda _: MODEL)
        return replace(item, price_cu=2.5)

    world.run([keyed("k\u00e4t")])
    assert stages(world.run([keyed("ka\u0308t")])) == [RowStatus.DONE]
    assert len(world.service.paid) == 1
    other = keyed("so\u0308fa")
    assert other.former_id not in ("", other.id)
    world.run([replace(other, id=other.former_id)])  # as an earlier version called it
    assert stages(world.run([other])) == [RowStatus.DONE]
    assert len(world.service.paid) == 2


def test_what_is_gathered_is_taken_with_the_files_that_it_was_made_with(world: World) -> None:
    items = world.items("a", "b")
    world.run(items[:1])
    others = [replace(item, outputs=(".fbx",)) for item in items]
    run = world.open(others, is_gathering=True)
    assert stages(run) == [RowStatus.DONE, RowStatus.WAITING]
    (world.folder / "a.glb").unlink()
    before = world.store.last_change()
    assert stages(world.open(others, is_gathering=True)) == [RowStatus.RUNNING, RowStatus.WAITING]
    assert world.store.last_change() == before
    assert stages(world.open(others)) == [RowStatus.RUNNING, RowStatus.WAITING]


def test_the_batch_stops_before_it_costs_too_much(world: World) -> None:
    items = world.items("a", "b", "c", "d")
    run = world.run(items, max_cost_cu=5.0)
    assert len(world.service.paid) == 2
    assert run.stopped
    assert run.counts()[RowStatus.WAITING] == 2
    run = world.run(items, max_cost_cu=7.4)  # what was spent before counts
    assert len(world.service.paid) == 2
    run = world.run(items, max_cost_cu=7.5)
    assert len(world.service.paid) == 3
    assert run.spent_cu() == 7.5


def test_a_result_that_is_gone_with_its_outputs_is_fetched_again(world: World) -> None:
    items = world.items("a")
    world.run(items)
    blend = world.store.job_folder(world.delivered[0]) / "result.blend"
    blend.unlink()
    assert stages(world.run(items)) == [RowStatus.DONE]  # its outputs are there: that is what counts
    assert not blend.exists()
    (world.folder / "a.glb").unlink()
    assert stages(world.run(items)) == [RowStatus.DONE]
    assert blend.exists()
    assert len(world.service.paid) == 1


def test_a_result_that_a_share_hid_comes_back_though_the_service_has_lost_it(world: World) -> None:
    items = world.items("a")
    world.run(items)
    blend = world.store.job_folder(world.delivered[0]) / "result.blend"
    hidden = blend.rename(blend.with_name("hidden"))
    (world.folder / "a.glb").unlink()
    world.service.assets_gone = True
    run = world.run(items, rounds=3000)
    assert stages(run) == [RowStatus.FAILED]
    assert "cannot be fetched" in run.rows[0].message
    hidden.rename(blend)
    assert stages(world.run(items)) == [RowStatus.DONE]
    assert (world.folder / "a.glb").exists()
    assert len(world.service.paid) == 1


def left_by_a_killed_run(world: World, *keys: str) -> None:
    """Rows that are written down and not submitted, and nobody there who would."""
    run = world.open(world.items(*keys), session="killed")
    assert run.step()
    assert {job.state for job in world.store.list_jobs()} == {State.PREPARED}
    world.clock.time += 100


def test_what_a_killed_run_left_is_submitted_under_the_next_runs_limit_alone(world: World) -> None:
    left_by_a_killed_run(world, "a", "b", "c")
    run = world.run(world.items("a", "b", "c"), session="second", max_cost_cu=5.0)
    assert len(world.service.paid) == 2
    assert run.stopped
    assert stages(world.run(world.items("a", "b", "c"), session="third")) == [RowStatus.DONE] * 3
    assert len(world.service.paid) == 3


def test_what_a_killed_run_left_of_other_rows_is_not_submitted(world: World) -> None:
    left_by_a_killed_run(world, "a", "b")
    assert stages(world.run(world.items("b"), session="second")) == [RowStatus.DONE]
    assert [inputs["prompt"] for _, inputs in world.service.paid] == ["b"]


def test_of_two_processes_that_begin_at_once_neither_gives_a_row_up(world: World) -> None:
    items = world.items("a")
    first = world.open(items)
    assert first.step()
    second = world.open(items)
    worker = world.worker()
    try:
        while first.step() | second.step():
            world.turn(second, worker)
    finally:
        world.end(worker)
    assert stages(first) == stages(second) == [RowStatus.DONE]
    assert len(world.service.paid) == 1


def test_what_has_no_price_is_not_started_under_a_limit(world: World) -> None:
    run = world.run(world.items("a", price_cu=None), max_cost_cu=100.0)
    assert run.stopped
    assert not world.service.paid
    assert stages(world.run(world.items("a", price_cu=None))) == [RowStatus.DONE]


def test_a_failed_row_is_tried_anew_by_a_persons_wish_alone(world: World) -> None:
    world.service.final = JobStatus.FAILURE
    items = world.items("a")
    run = world.run(items)
    assert stages(run) == [RowStatus.FAILED]
    assert "another picture" in run.rows[0].message
    world.service.final = JobStatus.SUCCESS
    assert stages(world.run(items)) == [RowStatus.FAILED]
    assert len(world.service.paid) == 1
    run = world.run(items, is_retrying=True)
    assert stages(run) == [RowStatus.DONE]
    assert len(world.service.paid) == 2
    for is_retrying in (True, False):
        assert stages(world.run(items, is_retrying=is_retrying)) == [RowStatus.DONE]
    assert len(world.service.paid) == 2


def prompts(world: World) -> list[str]:
    """Of the jobs that were paid for."""
    return [inputs["prompt"] for _model, inputs in world.service.paid]


def left_by_an_interrupted_run(world: World, items: list[Item]) -> None:
    run = world.open(items, session="one")
    run.step()  # written down, and no worker has seen it
    world.store.close()


def test_a_run_of_other_rows_never_submits_what_an_interrupted_run_has_left(world: World) -> None:
    a, b = world.items("a", "b")
    left_by_an_interrupted_run(world, [a])
    run = world.run([b], session="two", max_cost_cu=2.5, concurrency=1)
    assert stages(run) == [RowStatus.DONE]
    assert prompts(world) == ["b"]
    assert run.spent_cu() == 2.5
    run = world.run([a, b], session="three", max_cost_cu=5.0)
    assert stages(run) == [RowStatus.DONE] * 2
    assert len(world.service.paid) == 2


def test_what_an_interrupted_run_has_left_for_long_is_submitted_by_the_next_run_of_its_row(
    world: World,
) -> None:
    items = world.items("a", "b", "c")
    left_by_an_interrupted_run(world, items)
    world.clock.time += 2 * ABANDONED_S
    run = world.run(items, session="two", concurrency=1)  # while its worker gives up what was left
    assert stages(run) == [RowStatus.DONE] * 3
    assert len(world.service.paid) == 3


def test_a_row_that_another_run_works_on_is_waited_for_and_taken_over_once_that_has_ended(
    world: World,
) -> None:
    items = world.items("a")
    left_by_an_interrupted_run(world, items)
    run = world.open(items, session="two")
    assert world.store.take_lease("test", "its worker", "one")
    worker = world.worker()
    assert run.step()
    world.turn(run, worker)
    assert (stages(run), world.service.paid) == ([RowStatus.RUNNING], [])
    world.clock.time += 2 * LEASE_S
    while run.step():
        world.turn(run, worker)
    world.end(worker)
    assert stages(run) == [RowStatus.DONE]
    assert len(world.service.paid) == 1


NOT_SENT = NetworkError("It could not be reached", kind="refused", may_have_arrived=False)


@pytest.mark.parametrize("error", [LOST, ServerError("It broke", may_have_arrived=True)])
def test_only_what_is_proven_unpaid_is_submitted_again_by_the_next_run(
    world: World, error: ScenarioError
) -> None:
    lost, unsent = world.items("a", "b")
    world.service.fail["generate"] = [error]
    assert stages(world.run([lost])) == [RowStatus.FAILED]
    assert stages(world.run([lost])) == [RowStatus.FAILED]
    assert world.service.calls["generate"] == 1
    world.service.fail["upload"] = world.service.fail["get_model"] = [NOT_SENT] * 50
    world.service.fail["generate"] = [NOT_SENT] * 50
    assert stages(world.run([unsent], rounds=9000)) == [RowStatus.FAILED]
    world.service.fail.clear()
    assert stages(world.run([lost, unsent])) == [RowStatus.FAILED, RowStatus.DONE]
    assert prompts(world) == ["b"]


def test_a_lost_row_that_was_to_be_tried_anew_and_was_not_sent_waits_for_another_wish(world: World) -> None:
    items = world.items("a")
    world.service.fail["generate"] = [LOST, SignInError("The key is refused.")]
    assert stages(world.run(items)) == [RowStatus.FAILED]
    assert stages(world.run(items, is_retrying=True)) == [RowStatus.FAILED]
    assert stages(world.run(items, is_retrying=True)) == [RowStatus.DONE]
    assert len(world.service.paid) == 1


def test_a_refused_row_waits_for_a_persons_wish(world: World) -> None:
    world.service.fail["generate"] = [InputError("The picture is too dark.")]
    items = world.items("a")
    assert stages(world.run(items)) == [RowStatus.FAILED]
    assert stages(world.run(items)) == [RowStatus.FAILED]
    assert world.service.calls["generate"] == 1
    assert stages(world.run(items, is_retrying=True)) == [RowStatus.DONE]
    assert len(world.service.paid) == 1


def test_a_lost_row_is_not_submitted_again_by_running_the_batch_again(world: World) -> None:
    world.service.fail["generate"] = [LOST]
    items = world.items("a")
    for _ in range(3):
        run = world.run(items)
        assert stages(run) == [RowStatus.FAILED]
        assert "does not list this job" in run.rows[0].message
    assert world.service.calls["generate"] == 1
    assert stages(world.run(items, is_retrying=True)) == [RowStatus.DONE]
    assert len(world.service.paid) == 1


def test_a_row_in_doubt_is_not_submitted_again_by_any_run_and_counts_as_spent(world: World) -> None:
    world.service.fail["answer"] = [LOST]
    world.service.listed = lambda job: replace(job, input={}, model_id=None)
    items = world.items("a")
    for is_retrying in (False, True, True):
        run = world.run(items, is_retrying=is_retrying)
        assert stages(run) == [RowStatus.FAILED]
        assert "job_1" in run.rows[0].message
        assert run.spent_cu() == 2.5
    assert world.service.calls["generate"] == 1


def test_a_machine_marks_in_the_shared_folder_which_job_of_the_services_it_has(world: World) -> None:
    world.run(world.items("a"))
    (mark,) = (world.folder / "remotes").iterdir()
    assert mark.name == "job_1"
    assert (mark / "job").read_text() == world.delivered[0]


def test_without_credits_nothing_more_is_started_and_the_next_run_goes_on(world: World) -> None:
    items = world.items("a", "b", "c", "d")
    world.service.fail["generate"] = [CreditsError("Too few credits.")]
    run = world.run(items, concurrency=1)
    assert run.stopped == "Too few credits."
    assert not world.service.paid
    assert stages(world.run(items)) == [RowStatus.DONE] * 4
    assert len(world.service.paid) == 4


def test_a_download_that_failed_goes_on_in_the_next_run_for_nothing(world: World) -> None:
    world.service.fail["download"] = [TransferError("The disk is full.")]
    items = world.items("a")
    assert stages(world.run(items)) == [RowStatus.FAILED]
    assert stages(world.run(items)) == [RowStatus.DONE]
    assert len(world.service.paid) == 1


@pytest.mark.parametrize("error", [RuntimeError("no room"), StoreError("a has just moved on.")])
def test_what_could_not_be_written_is_written_by_the_next_run(world: World, error: Exception) -> None:
    items = world.items("a", "b")
    world.failing = error
    run = world.run(items)
    assert stages(run) == [RowStatus.FAILED] * 2
    assert "paid for" in run.rows[0].message
    world.failing = None
    assert stages(world.run(items)) == [RowStatus.DONE] * 2
    assert len(world.service.paid) == 2


def test_what_was_refunded_is_not_spent_here_and_on_other_machines(world: World) -> None:
    world.service.final = JobStatus.FAILURE
    items = world.items("a", "b")
    run = world.run(items[:1], machine="one")
    assert stages(run) == [RowStatus.FAILED]
    assert (run.spent_cu(), run.refunded_cu()) == (0.0, 2.5)
    world.service.final = JobStatus.SUCCESS
    run = world.run(items[1:], machine="two", max_cost_cu=2.5)
    assert stages(run) == [RowStatus.DONE]
    assert run.spent_cu() == 2.5
    world.service.final = JobStatus.FAILURE
    world.service.listed = lambda job: replace(job, has_refund=False)
    run = world.run(world.items("c"), machine="one")
    assert run.spent_cu() == 2.5 + 2.5  # that one, and the other machine's


def fates(run: Run) -> list[str]:
    return [str(run.plan_for(row)) for row in run.rows]


def test_a_dry_run_tells_each_rows_fate_and_what_is_still_to_be_paid_and_changes_nothing(
    world: World,
) -> None:
    world.run(world.items("a", "b", "c"))
    world.service.final = JobStatus.FAILURE
    world.run(world.items("f"))
    left_by_an_interrupted_run(world, world.items("u"))
    items = world.items("a", "b=2", "c", "d", "f", "u")
    (world.folder / "c.glb").unlink()
    before = sorted((path, path.stat().st_mtime_ns) for path in (world.folder / "claims").rglob("*"))
    paid = len(world.service.paid)
    run = world.open(items, session="dry", is_dry=True, max_cost_cu=14.9)
    change = world.store.last_change()
    assert fates(run) == ["there", "changed", "under way", "new", "failed", "unpaid"]
    assert (run.to_pay_cu(), run.without_price()) == (7.5, 0)
    assert run.spent_cu() == 7.5  # the failed one was refunded
    assert not run.is_all_affordable()
    assert (len(world.service.paid), world.store.last_change()) == (paid, change)
    assert sorted((path, path.stat().st_mtime_ns) for path in (world.folder / "claims").rglob("*")) == before
    world.store.close()
    run = world.open(items, session="dry", is_dry=True, max_cost_cu=17.5, is_retrying=True)
    assert fates(run)[4] == "retried"
    assert run.is_all_affordable()
    world.store.close()
    run = world.open(world.items("x", price_cu=None), session="dry", is_dry=True, max_cost_cu=1000.0)
    assert not run.is_all_affordable()
    world.store.close()


def test_a_limit_leaves_the_rest_to_the_next_run(world: World) -> None:
    items = world.items("a", "b", "c")
    assert stages(world.run(items, most=2)) == [RowStatus.DONE, RowStatus.DONE, RowStatus.LATER]
    assert stages(world.run(items, most=2)) == [RowStatus.DONE] * 3
    assert len(world.service.paid) == 3


def test_two_machines_share_a_folder_and_pay_for_each_row_once(world: World) -> None:
    items = world.items(*"abcdef")
    world.run(items, most=2, machine="one")
    first = world.open(items, machine="one", concurrency=2)  # claims two more, and is in the middle of them
    first.step()
    world.store.close()
    run = world.run(items, machine="two")
    assert run.counts() == {RowStatus.DONE: 4, RowStatus.ELSEWHERE: 2}
    assert run.spent_cu() == 6 * 2.5
    run = world.run(items, machine="one")
    assert stages(run) == [RowStatus.DONE] * 6
    assert len(world.service.paid) == 6


def test_machines_that_start_at_the_same_time_keep_to_one_limit_on_cost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = world.items(*"abc")
    take, other = Claims.acquire, Claims(world.folder, "two")

    def take_both(claims: Claims, job_id: str, price_cu: float | None) -> bool:
        """The other machine, too, has found that there is enough left, and claims the next row."""
        if claims.machine == "one":
            take(other, items[2].id, price_cu)
        return take(claims, job_id, price_cu)

    monkeypatch.setattr(Claims, "acquire", take_both)
    run = world.run(items[:2], machine="one", max_cost_cu=2.5)
    assert (run.stopped, stages(run)) == ("over --max-cost", [RowStatus.WAITING] * 2)
    assert other.owner(items[0].id) is None
    assert world.service.paid == []
    run = world.run(items[:2], machine="one", max_cost_cu=5.0)
    assert stages(run) == [RowStatus.DONE, RowStatus.WAITING]
    assert run.spent_cu() == 5.0


def test_what_others_cost_is_known_whatever_became_of_their_claims(tmp_path: Path) -> None:
    one, two = Claims(tmp_path, "one"), Claims(tmp_path, "two")
    assert one.acquire("a", 2.0)
    assert one.cost_of_others_cu() == 0.0
    one.release("a")
    assert two.acquire("a", 2.0)
    assert one.cost_of_others_cu() == 2.0  # not what it was while it was one's own
    assert two.acquire("b", 3.0)
    two.write_result("b", Outcome(cost_cu=None))  # the service did not tell: the price stands
    assert two.acquire("c", 3.0)
    two.write_result("c", Outcome(cost_cu=1.0))
    assert one.cost_of_others_cu() == 6.0
    two.release("a")
    assert one.cost_of_others_cu() == 4.0
    assert one.acquire("a", 2.0)
    assert two.cost_of_others_cu() == 2.0


def test_what_failed_on_another_machine_has_failed_and_may_be_tried_anew_here(world: World) -> None:
    world.service.final = JobStatus.FAILURE
    items = world.items("a")
    world.run(items, machine="one")
    world.service.final = JobStatus.SUCCESS
    run = world.run(items, machine="two")
    assert stages(run) == [RowStatus.FAILED]
    assert "on one" in run.rows[0].message
    assert len(world.service.paid) == 1
    assert stages(world.run(items, machine="two", is_retrying=True)) == [RowStatus.DONE]
    assert stages(world.run(items, machine="one")) == [RowStatus.DONE]
    assert len(world.service.paid) == 2


def test_a_host_is_kept_out_while_another_shows_life_and_takes_over_when_it_does_not(tmp_path: Path) -> None:
    clock, said, is_alive = Clock(), list[str](), [True]
    one = HostLock(tmp_path, host="one", clock=clock)
    two = HostLock(tmp_path, host="two", clock=clock)

    def sleep(seconds: float) -> None:
        clock.time += seconds
        if is_alive[0]:
            one.renew()

    one.acquire(said.append, sleep)
    HostLock(tmp_path, host="one", clock=clock).acquire(said.append, sleep)  # the same host, at once
    assert not said
    with pytest.raises(InputError, match="a name of its own"):
        two.acquire(said.append, sleep)
    is_alive[0] = False
    two.acquire(said.append, sleep)
    two.release()
    one.acquire(said.append, sleep)
    assert len(said) == 2


def test_a_host_whose_clock_is_behind_the_shares_is_not_taken_for_one_that_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a time is set, some shares take the host's; where a file is written, they take their own."""
    set_time = os.utime

    def set_a_past_time(path: Path, times: tuple[float, float] | None = None, **how: Any) -> None:
        set_time(path, times or (1.0, 1.0), **how)

    monkeypatch.setattr(os, "utime", set_a_past_time)
    clock = Clock()
    one = HostLock(tmp_path, host="one", clock=clock)
    one.acquire(lambda _text: None)
    two = HostLock(tmp_path, host="two", clock=clock)

    def sleep(seconds: float) -> None:
        clock.time += 6.0
        one.renew()

    clock.time += 6.0
    one.renew()
    with pytest.raises(InputError, match="a name of its own"):
        two.acquire(lambda _text: None, sleep)


def test_heartbeats_that_cannot_be_listed_are_not_taken_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    HostLock(tmp_path, host="one").acquire(lambda _text: None)
    list_folder = os.listdir

    def fail_inside(path: Path) -> list[str]:
        if Path(path).name == "present-1":
            raise OSError(116, "Stale file handle", str(path))
        return list_folder(path)

    monkeypatch.setattr(os, "listdir", fail_inside)
    with pytest.raises(OSError, match="Stale"):
        HostLock(tmp_path, host="two").acquire(lambda _text: None)


def test_a_host_that_cannot_look_again_leaves_the_other_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    one, two = (HostLock(tmp_path, host=host, clock=clock) for host in ("one", "two"))
    one.acquire(lambda _text: None)
    list_folder = os.listdir

    def fail_once_taken(path: Path) -> list[str]:
        if Path(path).name == "present-1" and (tmp_path / "present-2").exists():
            raise OSError(116, "Stale file handle", str(path))
        return list_folder(path)

    def sleep(seconds: float) -> None:
        clock.time += seconds

    monkeypatch.setattr(os, "listdir", fail_once_taken)
    with pytest.raises(OSError, match="Stale"):
        two.acquire(lambda _text: None, sleep)
    one.renew()


def test_a_share_that_calls_a_renaming_failed_that_it_has_made_keeps_no_host_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def rename_and_fail(old: Path, new: Path) -> None:
        rename(old, new)
        raise OSError(5, "Input/output error", str(old))

    monkeypatch.setattr(os, "rename", rename_and_fail)
    lock = HostLock(tmp_path, host="one")
    lock.acquire(lambda _text: None)
    lock.renew()


@pytest.mark.parametrize("race", range(4))
def test_of_two_hosts_that_start_at_once_exactly_one_is_let_in(tmp_path: Path, race: int) -> None:
    barrier, has_looked = threading.Barrier(2, timeout=60), threading.local()

    def clock() -> float:
        """Asked for the first time when the host has seen that nobody is there."""
        if not hasattr(has_looked, "yes"):
            has_looked.yes = True
            assert not list(tmp_path.glob("present-*"))
            barrier.wait()
        return time.monotonic()

    def is_in(host: str) -> bool:
        try:
            HostLock(tmp_path, host=host, clock=clock).acquire(lambda _text: None)
        except InputError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(is_in, ["one", "two"])) == [False, True]


def test_a_host_that_was_taken_over_stops_at_its_next_beat(tmp_path: Path) -> None:
    clock = Clock()
    one, two = (HostLock(tmp_path, host=host, clock=clock) for host in ("one", "two"))

    def sleep(seconds: float) -> None:
        clock.time += seconds

    one.acquire(lambda _text: None, sleep)
    two.acquire(lambda _text: None, sleep)
    with pytest.raises(InputError, match="Another host"):
        one.renew()
    two.renew()


@pytest.mark.parametrize("has_boot_id", [True, False])
def test_processes_with_temporary_folders_of_their_own_are_of_one_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_boot_id: bool
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv("TMPDIR", str(tmp_path / name))
        monkeypatch.setattr("tempfile.tempdir", None)
        host = "" if has_boot_id else host_id(tmp_path / "no such file")
        HostLock(tmp_path / "batch", host=host).acquire(lambda _text: None)
    assert [path.name for path in (tmp_path / "batch").iterdir()] == ["present-1"]


def lose_store(world: World, harm: str) -> None:
    folder = world.folder / "machines" / "main"
    if harm == "folder gone":
        shutil.rmtree(folder)
        return
    for name in ("maquette.db-wal", "maquette.db-shm"):
        (folder / name).unlink(missing_ok=True)
    (folder / "maquette.db").write_bytes(b"" if harm == "empty" else b"\xff" * 8192)


HARMS = pytest.mark.parametrize("harm", ["empty", "garbage", "folder gone"])


@HARMS
def test_rows_that_are_made_are_not_paid_for_again_where_the_store_is_lost(world: World, harm: str) -> None:
    items = world.items("a", "b")
    world.run(items)
    lose_store(world, harm)
    (world.folder / "b.glb").unlink()
    run = world.run(items, max_cost_cu=1000.0)
    assert stages(run) == [RowStatus.DONE, RowStatus.FAILED]
    assert "may be paid for" in run.rows[1].message
    assert run.spent_cu() == 2 * 2.5
    assert len(world.service.paid) == 2
    run = world.run(items, is_retrying=True)
    assert stages(run) == [RowStatus.DONE, RowStatus.DONE]
    assert len(world.service.paid) == 3


@HARMS
def test_a_row_that_is_at_the_service_is_not_paid_for_again_where_the_store_is_lost(
    world: World, harm: str
) -> None:
    items = world.items("a", "b")
    world.service.is_finishing = False
    run = world.open(items, concurrency=1)
    worker = world.worker()
    for _ in range(6):
        run.step()
        world.turn(run, worker)
    world.end(worker)
    assert len(world.service.paid) == 1
    lose_store(world, harm)
    world.service.is_finishing = True
    run = world.run(items)
    assert stages(run) == [RowStatus.FAILED, RowStatus.DONE]
    assert "may be paid for" in run.rows[0].message
    assert len(world.service.paid) == 2


def test_a_row_that_was_claimed_and_never_submitted_is_made_where_the_store_is_lost(world: World) -> None:
    items = world.items("a")
    run = world.open(items)
    run.step()
    world.store.close()
    lose_store(world, "folder gone")
    assert stages(world.run(items)) == [RowStatus.DONE]
    assert len(world.service.paid) == 1


def test_a_claim_is_not_given_back_under_a_job_of_another_process_of_the_machine(world: World) -> None:
    (item,) = world.items("a")
    first = world.open([item], session="1", max_cost_cu=5.0)
    store = world.store
    second = world.open([item], session="2", max_cost_cu=5.0)
    acquire = world.claims.acquire

    def acquire_late(job_id: str, price_cu: float | None) -> bool:
        got = acquire(job_id, price_cu)
        first.step()
        assert Claims(world.folder, "two").acquire("dearer", 4.0)
        return got

    world.claims.acquire = acquire_late  # type: ignore[method-assign]
    second.step()
    (job,) = store.list_jobs()
    assert Claims(world.folder, "main").owner(job.id) == "main"
    store.close()
    world.store.close()


def test_a_claim_that_does_not_answer_is_not_said_to_be_damaged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be deleted, and the job be paid for again."""
    items = world.items("a", "b")
    world.run(items[:1])

    def open_stale(path: Path, *_: object) -> None:
        raise OSError(errno.ESTALE, "Stale file handle", str(path))

    monkeypatch.setattr(Path, "open", open_stale)
    with pytest.raises(OSError, match="Stale file handle"):
        world.open(items[1:], machine="two")
    world.store.close()


def test_files_that_stand_are_known_also_after_they_could_not_be_written_anew(world: World) -> None:
    """Else a person's own would be overwritten by the next."""
    (item,) = world.items("a")
    world.run([item])
    before = world.claims.result(item.id)
    assert before is not None
    world.failing = OSError(errno.ENOSPC, "No space left on device")
    assert stages(world.run([replace(item, size_m=2.0)])) == [RowStatus.FAILED]
    result = world.claims.result(item.id)
    assert result is not None
    assert (result.outputs, result.files, result.spec) == (before.outputs, before.files, None)
    assert before.outputs == ("a.glb",)


def test_a_claim_that_is_not_seen_yet_is_waited_for_and_one_that_stays_away_is_an_error(
    tmp_path: Path,
) -> None:
    clock = Clock()
    one, two = (Claims(tmp_path, name, clock) for name in ("one", "two"))
    assert one.acquire("job", 1.0)
    one.write_result("job", Outcome())
    path = tmp_path / "claims" / "job" / "claim.json"
    hidden = path.rename(tmp_path / "hidden")
    for _ in range(2):
        assert not two.acquire("job", 1.0)
        clock.time += 50
        hidden.rename(path)
        assert two.owner("job") == "one"
        path.rename(hidden)
    assert two.owner("job") is None
    assert two.cost_of_others_cu() == 0.0
    clock.time += 61
    for look in (lambda: two.owner("job"), lambda: two.acquire("job", 1.0), two.cost_of_others_cu):
        with pytest.raises(InputError, match="may be paid for") as caught:
            look()
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_an_unreadable_claim_is_an_error_with_its_path(tmp_path: Path, text: str) -> None:
    claims = Claims(tmp_path, "one")
    assert claims.acquire("job", 1.0)
    path = tmp_path / "claims" / "job" / "claim.json"
    path.write_text(text)
    for machine in ("one", "two"):
        with pytest.raises(InputError, match="may be paid for") as caught:
            Claims(tmp_path, machine).acquire("job", 1.0)
        assert str(path) in str(caught.value)
        with pytest.raises(InputError, match="may be paid for"):
            Claims(tmp_path, machine).cost_of_others_cu()


@pytest.mark.parametrize("price", ['"1"', "-1e9", "NaN", "-Infinity", "true", "1" + "0" * 400])
def test_a_claim_of_another_machine_with_no_price_in_its_place_is_an_error(
    tmp_path: Path, price: str
) -> None:
    """Taken as it is, it would make room below the limit on cost."""
    assert Claims(tmp_path, "two").acquire("job", 1.0)
    path = tmp_path / "claims" / "job" / "claim.json"
    path.write_text(f'{{"machine": "two", "price_cu": {price}}}')
    with pytest.raises(InputError, match="cannot be read"):
        Claims(tmp_path, "one").cost_of_others_cu()


def test_what_a_system_leaves_among_the_claims_is_no_claim(tmp_path: Path) -> None:
    clock = Clock()
    claims = Claims(tmp_path, "one", clock)
    (tmp_path / "claims" / ".DS_Store").write_bytes(b"")
    (tmp_path / "claims" / "@eaDir").mkdir()
    for _ in range(2):
        assert claims.cost_of_others_cu() == 0.0
        clock.time += 100


def test_to_find_a_job_claimed_nothing_is_written(tmp_path: Path) -> None:
    one, two = (Claims(tmp_path, name) for name in ("one", "two"))
    assert one.acquire("job", 1.0)
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.utime(path, (1, 1))
    assert one.acquire("job", 1.0)
    assert not two.acquire("job", 1.0)
    assert {path.stat().st_mtime for path in (tmp_path, *tmp_path.rglob("*"))} == {1.0}


before_each_rename: list[Callable[[], None]] = []


def _on_event(event: str, _args: tuple[Any, ...]) -> None:
    if event == "os.rename" and threading.current_thread() is threading.main_thread():
        for each in before_each_rename:
            each()


sys.addaudithook(_on_event)  # for good, as all audit hooks


@pytest.fixture
def kill_after(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Sets after how many steps on disk or to the service the process is killed, before or after the step."""
    left = [10**9]

    def count() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    def killing(step: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*given: Any, **named: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                return step(*given, **named)  # what is killed in a thread would be an error like others
            count()
            answer = step(*given, **named)
            count()
            return answer

        return stepped

    for owner, names in (
        (Store, ("add", "move", "resume", "update")),
        (Claims, ("acquire", "write_result", "set_current")),
        (Files, ("begin", "poll")),
    ):
        for name in names:
            monkeypatch.setattr(owner, name, killing(getattr(owner, name)))
    before_each_rename.append(count)
    yield lambda number: left.__setitem__(0, number)
    before_each_rename.remove(count)


@pytest.mark.parametrize("seed", range(30))
def test_killed_at_any_step_and_run_again_every_row_is_paid_for_once(
    world: World, kill_after: Callable[[int], None], seed: int
) -> None:
    dice, items = Random(seed), world.items(*"abcd")
    kills = 0
    for _ in range(6):
        kill_after(dice.randint(1, 60))
        if dice.random() < 0.3:
            world.service.fail.setdefault("answer", []).append(LOST)
        worker: Worker | None = None
        try:
            run = world.open(items, concurrency=dice.randint(1, 4), is_retrying=True)
            worker = world.worker()
            while run.step():
                world.turn(run, worker)
        except Killed:
            kills += 1
            kill_after(10**9)
        finally:
            if worker is not None:
                world.end(worker)
    assert kills
    kill_after(10**9)
    world.service.fail.clear()
    world.run(items, is_retrying=True)  # a submission that was lost after the last kill may need one more
    run = world.run(items, is_retrying=True)
    assert stages(run) == [RowStatus.DONE] * 4
    assert len(world.service.paid) == 4
    for row in run.rows:
        assert (world.folder / f"{row.item.key}.glb").read_text() == row.job_id


@pytest.mark.parametrize("version", ["first", "with files", "last"])
def test_a_folder_of_an_earlier_version_is_taken_as_done_and_not_paid_again(
    world: World, version: str
) -> None:
    """Its result.json is a table of facts in which `spec` is called "wish"."""
    items = world.items("a")
    run = world.run(items)
    written = world.folder / "a.glb"
    old: dict[str, Any] = {
        "key": "a",
        "job": items[0].id,
        "cost_cu": 2.5,
        "faces": 12,
        "message": "",
        "seconds": 4.0,
        "outputs": ["a.glb"],
        "preview": None,
        "turntable": None,
        "picture": None,
        "wish": [".glb", ".png", 1.0, "a", False],
    }
    if version != "first":
        stat = written.stat()
        old |= {"refunded_cu": 0.0, "content": items[0].content}
        old["files"] = {"a.glb": {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": "0" * 64}}
    if version == "last":
        old["is_kept"] = False
    (world.folder / "claims" / items[0].id / "result.json").write_text(json.dumps(old))
    for machine in ("main", "other"):
        run = world.run(items, machine=machine)
        assert stages(run) == [RowStatus.DONE]
        assert run.rows[0].outcome
        assert run.rows[0].outcome.outputs == ("a.glb",)
        assert run.rows[0].outcome.spec == old["wish"]
    assert len(world.service.paid) == 1
    assert len(world.delivered) == 1


def test_a_row_that_failed_in_an_earlier_version_elsewhere_has_failed(world: World) -> None:
    items = world.items("a")
    assert Claims(world.folder, "other").acquire(items[0].id, 2.5)
    old = {"key": "a", "job": "a-1", "cost_cu": 2.5, "faces": None, "message": "It broke.", "outputs": []}
    (world.folder / "claims" / items[0].id / "result.json").write_text(json.dumps(old))
    run = world.run(items)
    assert stages(run) == [RowStatus.FAILED]
    assert run.rows[0].message == "It broke. (on other)"
    assert not world.service.paid
