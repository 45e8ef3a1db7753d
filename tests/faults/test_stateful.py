# SPDX-License-Identifier: GPL-3.0-or-later
"""Two machines, one account, and whatever may happen to them, in any order: paid ≤ wished, and all that was
paid for ends in a store. `make soak-faults` tries thousands of histories, `make test` a few.
"""

import os
import tempfile
from collections import Counter
from pathlib import Path

from faults.rig import QuickBlenders
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from loopback import keep_to_loopback
from maquette.client import JobStatus, NetworkError, RateLimitedError, ServerError
from maquette.jobs import JobRecord, NewJob, State, Store
from maquette.jobs.candidates import refuse_candidate, take_candidate
from maquette.jobs.store import StaleError, StoreError
from maquette.jobs.worker import Worker
from service import Clock, MemoryService

keep_to_loopback()
EXAMPLES = int(os.environ.get("MAQUETTE_EXAMPLES", "25"))
LOST = NetworkError("The connection broke", kind="broken", may_have_arrived=True)
UNREACHED = NetworkError("Nothing answers", kind="refused")
TROUBLES = {
    "upload": [UNREACHED, ServerError("down")],
    "generate": [UNREACHED, LOST, RateLimitedError("slow down")],  # it never arrived
    "answer": [LOST, ServerError("down", may_have_arrived=True)],  # it was carried out
    "list_jobs": [UNREACHED, ServerError("down")],
    "get_job": [UNREACHED],
    "get_assets": [ServerError("down")],
    "download": [LOST, ServerError("down")],
}
MACHINES = st.integers(0, 1)


class Machine:
    """A store, and a worker that may be killed. Its clock may be wrong, its monotonic clock is not."""

    def __init__(self, folder: Path, service: MemoryService) -> None:
        self.service, self.ahead_s = service, 0.0
        self.store = Store(folder, clock=self.time)
        self.worker: Worker | None = None

    def time(self) -> float:
        return self.service.clock() + self.ahead_s

    def work(self, rounds: int) -> bool:
        """Whether nothing is left to do."""
        if self.worker is None:
            self.worker = Worker(
                self.store,
                self.service,
                service="test",
                blenders=QuickBlenders(),
                clock=self.service.clock,  # monotonic: nobody sets it
            )
        if not self.store.take_lease("test", self.worker.name):
            return False  # of one that was killed: for some seconds more
        for _ in range(rounds):
            if not self.worker.round():
                self.store.drop_lease("test", self.worker.name)
                return True
            self.worker.tasks.drain()
            self.service.clock.time += 1.0 if self.worker.tasks else 4.0
        return False

    def kill(self) -> None:
        """What is under way is carried out by the service, and nobody hears of it."""
        if self.worker is not None:
            self.worker.close()
            self.worker = None

    def close(self) -> None:
        self.kill()
        self.store.close()


class History(RuleBasedStateMachine):
    """What may happen. Subclasses say how far the two machines are apart."""

    bodies = (("a cup", "a chair"), ("a lamp", "a horse"))  # of each machine
    clock_steps: tuple[float, ...] = ()
    has_shared_claims = False  # as the machines of a batch have

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.service = MemoryService(Clock())
        self.machines = [Machine(Path(self.folder.name, name), self.service) for name in "ab"]
        self.wished: Counter[str] = Counter()

    @initialize(late_s=st.sampled_from([0.0, 0.0, 5.0, 40.0]))
    def the_list_is_late(self, late_s: float) -> None:
        self.service.shows_after_s = late_s

    @rule(which=MACHINES, body=st.integers(0, 1))
    def submit(self, which: int, body: int) -> None:
        prompt = self.bodies[which][body]
        claims = str(Path(self.folder.name, "claims")) if self.has_shared_claims else ""
        inputs = {"prompt": prompt}
        new = NewJob(name=prompt, model_id="model_x", inputs=inputs, service="test", claims=claims)
        self.machines[which].store.add(new)
        self.wished[prompt] += 1

    @rule(call=st.sampled_from(sorted(TROUBLES)), number=st.integers(0, 2), times=st.integers(1, 3))
    def fail_next(self, call: str, number: int, times: int) -> None:
        error = TROUBLES[call][number % len(TROUBLES[call])]
        self.service.fail.setdefault(call, []).extend([error] * times)

    @rule(which=MACHINES, body=st.integers(0, 1), call=st.sampled_from(["generate", "answer"]))
    def submit_and_hear_nothing(self, which: int, body: int, call: str) -> None:
        """The request is lost on its way, or its answer is."""
        self.submit(which, body)
        self.service.fail[call] = [LOST]
        self.machines[which].work(4)

    @rule(which=MACHINES, rounds=st.integers(1, 30))
    def work(self, which: int, rounds: int) -> None:
        self.machines[which].work(rounds)

    @rule(which=MACHINES)
    def kill_worker(self, which: int) -> None:
        self.machines[which].kill()

    @rule(which=MACHINES)
    def resume(self, which: int) -> None:
        """A person resumes all that can be, and says of each job in doubt whether it is theirs."""
        store = self.machines[which].store
        for job in store.list_jobs():
            if job.resume_state:
                self.resume_job(store, job)

    def resume_job(self, store: Store, job: JobRecord) -> None:
        for candidate in job.doubts:
            remote_id = str(candidate["id"])
            kept = {each.remote_id for machine in self.machines for each in machine.store.list_jobs()}
            if remote_id not in kept and self.service.jobs[remote_id].input == job.sent:
                take_candidate(store, job, remote_id)
                return
            job = refuse_candidate(store, job, remote_id)
        store.resume(job, may_spend=True)

    @rule(which=MACHINES)
    def cancel(self, which: int) -> None:
        store = self.machines[which].store
        for job in store.list_jobs()[:1]:
            try:
                store.request_cancel(job)
            except (StaleError, StoreError):
                continue  # it has ended

    @rule(seconds=st.sampled_from([5.0, 30.0, 200.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        self.service.clock.time += seconds

    @rule(which=MACHINES, number=st.integers(0, 7))
    def clock_is_set(self, which: int, number: int) -> None:
        if self.clock_steps:
            self.machines[which].ahead_s += self.clock_steps[number % len(self.clock_steps)]

    @rule(final=st.sampled_from([JobStatus.SUCCESS, JobStatus.SUCCESS, JobStatus.FAILURE]))
    def jobs_end_so(self, final: JobStatus) -> None:
        self.service.final = final

    @invariant()
    def paid_at_most_what_was_wished(self) -> None:
        paid = Counter(str(inputs["prompt"]) for _, inputs in self.service.paid)
        assert all(paid[body] <= self.wished[body] for body in paid), (paid, self.wished)

    def teardown(self) -> None:
        try:
            self.all_ends_well()
        finally:
            for machine in self.machines:
                machine.close()
            self.folder.cleanup()

    def all_ends_well(self) -> None:
        """All is mended, and a person resumes what asks for it: what was paid for is in a store, once."""
        self.service.fail.clear()
        self.service.final = JobStatus.SUCCESS
        for _ in range(3):
            for machine in self.machines:
                machine.kill()
                self.service.clock.time += 100
                assert machine.work(2000), [job.state for job in machine.store.list_jobs()]
                self.resume(self.machines.index(machine))
        self.paid_at_most_what_was_wished()
        jobs = [job for machine in self.machines for job in machine.store.list_jobs()]
        kept = Counter(job.remote_id for job in jobs if job.remote_id)
        assert set(kept) == set(self.service.jobs), "a paid job is in no store"
        assert all(count == 1 for count in kept.values()), kept
        for job in jobs:
            is_refunded = self.service.jobs[job.remote_id].status if job.remote_id else None
            if is_refunded is JobStatus.SUCCESS:
                assert job.state is State.READY, job


class Apart(History):
    """Each machine asks for things of its own."""


class WrongClocks(History):
    """The machines' clocks are set by hours, at any moment."""

    clock_steps = (-3600.0, 120.0, 200.0, 3600.0, -200.0)


class Twins(History):
    """Both machines ask for the same, as those of a batch may."""

    has_shared_claims = True

    bodies = (("a cup", "a chair"), ("a cup", "a chair"))


TEST_SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    derandomize="MAQUETTE_EXAMPLES" not in os.environ,
    database=None,
    phases=[Phase.generate],  # a long history is told as it is: to shorten it takes minutes
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
Apart.TestCase.settings = TEST_SETTINGS
WrongClocks.TestCase.settings = TEST_SETTINGS
Twins.TestCase.settings = TEST_SETTINGS
TestApart = Apart.TestCase
TestWrongClocks = WrongClocks.TestCase
TestTwins = Twins.TestCase
