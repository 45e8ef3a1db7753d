# SPDX-License-Identifier: GPL-3.0-or-later
"""All that the window knows of its jobs and of the service, in memory: panels draw from it without any I/O.

`tick` alone reads the store, a little at a time; what the artist wishes is written through.
"""

import contextlib
import hashlib
import json
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ..client import AnswerError, JsonValue, Model
from .candidates import refuse_candidate, take_candidate
from .database import is_damage, mark_damaged
from .lookups import ABANDONED_S, Lookup, Price
from .record import InputValue, JobRecord, NewJob, placeholder_inputs
from .states import DONE, State
from .store import StaleError, Store, StoreError
from .supervisor import Supervisor, WorkerError

BATCH = 50  # jobs read in one tick
ANSWERS = 5  # answers read in one tick: a model's inputs take up to a millisecond to understand
_DAY_S = 86_400.0
_RETRY_S = 60.0  # an answer that is an error is believed for so long
_TRIES = 3  # to change a job that the worker is changing, too
# For how long an answer is good.
_FRESH_S = {"models": _DAY_S / 4, "model": _DAY_S, "price": 900.0, "balance": 60.0}
_BACKGROUND_FRESH_S = 7 * _DAY_S


class Desk:
    """One service's jobs in one store. Raises StoreError if the folder cannot be used. Clock in Unix seconds.

    `start` starts a worker; without it (signed out) jobs are listed, and nothing is asked or run.
    """

    def __init__(
        self,
        folder: Path,
        service: str,
        start: Callable[[], subprocess.Popen[bytes]] | None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder, self.service = folder, service
        self.store = Store(folder, is_interactive=True, clock=clock)
        self.jobs: dict[str, JobRecord] = {}
        self.order: list[str] = []  # ids, newest first
        self.models: dict[str, Model] = {}  # the catalogue; without inputs
        self.balance_cu: float | None = None
        self.trouble = ""  # what keeps the worker from going on
        self.last_answer_error = ""  # of the newest question, for a person
        self.errors: dict[tuple[str, str], str] = {}  # of questions whose last answer is one, by (kind, key)
        self.revision = 0  # rises when anything of the above has changed
        self._can_ask, self._clock, self._opened_at = start is not None, clock, clock()
        self._watch = Supervisor(self.store, service, start, clock=clock)
        self._working: set[str] = set()
        self._change = self._older = self.store.last_change()  # jobs are read from here on, and back
        self._answer_change, self._read_to = 0, -1  # all writes up to the latter have been taken in
        self._schemas: dict[str, tuple[Model, float | None]] = {}
        self._prices: dict[str, Price] = {}
        self._expected_s: dict[str, float | None] = {}
        self._asked: dict[tuple[str, str], float] = {}  # open questions, and when they were asked
        self._background: set[tuple[str, str]] = set()  # those of them that nobody waits for
        self._good_until: dict[tuple[str, str], float] = {}
        self._known_at: dict[str, float] = {}  # model → when its inputs were read
        self._has_gaps = False  # models of the catalogue may have to be asked about
        with contextlib.suppress(StoreError):  # another process is writing: some other time
            self.store.questions.prune(service)

    def close(self) -> "subprocess.Popen[bytes] | None":
        """Let the worker finish its transfers; returns its process, see `Supervisor.give_up_worker`."""
        self.store.close()
        return self._watch.give_up_worker()

    # What panels draw.

    def schema(self, model_id: str) -> Model | None:
        """The model with its inputs, once known."""
        return self._schemas[model_id][0] if model_id in self._schemas else None

    def typical_cost_cu(self, model_id: str) -> float | None:
        """The price of a run with defaults, once known; else what the service's statistics tell."""
        model, cost_cu = self._schemas.get(model_id, (self.models.get(model_id), None))
        return cost_cu if cost_cu is not None or model is None else model.typical_cost_cu

    def price(self, key: str) -> Price | None:
        """The answer to `ask_price`; None while it is awaited."""
        return self._prices.get(key)

    def expected_s(self, model_id: str) -> float | None:
        """Median time from the request to the finished result in this model's past runs here."""
        if model_id not in self._expected_s:
            past = [
                job.finished_at - job.created_at
                for job in self.jobs.values()
                if job.model_id == model_id and job.state in DONE and job.finished_at is not None
            ]
            self._expected_s[model_id] = statistics.median(past) if past else None
        return self._expected_s[model_id]

    def has_work(self) -> bool:
        """Whether something is under way, or a question is without its answer."""
        now = self._clock()
        return bool(self._working) or any(now - at < ABANDONED_S for at in self._asked.values())

    # Questions; each does nothing while a good answer is there or awaited. Raise StoreError.

    def ask_models(self) -> None:
        self._ask("models")

    def ask_model(self, model_id: str) -> None:
        self._ask("model", model_id)

    def ask_balance(self) -> None:
        self._ask("balance")

    def ask_price(self, model_id: str, inputs: Mapping[str, InputValue]) -> str:
        """Ask what a run with these inputs costs; returns the key for `price`. No file is sent."""
        request: JsonValue = [model_id, placeholder_inputs(inputs)]
        key = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:32]
        self._ask("price", key, request)
        return key

    def ask_again(self) -> None:
        """The user asked to retry: drop cached errors and the cached balance, and start a worker anew."""
        for question in (*self.errors, ("balance", "")):
            self._good_until.pop(question, None)
        self.errors.clear()
        self._watch.reset_failures()

    def _ask(self, kind: str, key: str = "", request: JsonValue = None) -> None:
        question, now = (kind, key), self._clock()
        is_asked = now - self._asked.get(question, 0.0) < ABANDONED_S and question not in self._background
        if not self._can_ask or is_asked or now < self._good_until.get(question, 0.0):
            return
        self.store.questions.ask(self.service, kind, (key,), request=request)
        self._asked[question] = now
        self._background.discard(question)
        self._watch.invalidate()

    def _ask_about_models(self) -> None:
        """Have the inputs of models looked up that are not known, or of long ago: in the background."""
        self._has_gaps = False
        old = self._clock() - _BACKGROUND_FRESH_S
        unknown = {("model", key) for key in self.models if self._known_at.get(key, 0.0) < old}
        if gaps := unknown - self._asked.keys():
            self.store.questions.ask(self.service, "model", [key for _, key in gaps], is_background=True)
            self._asked |= dict.fromkeys(gaps, self._clock())
            self._background |= gaps
            self._watch.invalidate()

    # What the artist wishes. Raise StoreError.

    def add(self, new: NewJob) -> JobRecord:
        return self._written(self.store.add(new))

    def get(self, job_id: str) -> JobRecord:
        """The job as the store has it now, also if the history has not come to it yet."""
        job = self.store.get(job_id)
        if job.service != self.service:
            raise StoreError(f"{job.name} belongs to {job.service}, not to {self.service}.")
        self._put([job])
        return job

    def resume(self, job: JobRecord) -> JobRecord:
        """By a person's wish: what was not paid for is submitted."""
        return self._change_job(job, lambda now: self.store.resume(now, may_spend=True))

    def take_candidate(self, job: JobRecord, remote_id: str) -> JobRecord:
        return self._change_job(job, lambda now: take_candidate(self.store, now, remote_id))

    def refuse_candidate(self, job: JobRecord, remote_id: str) -> JobRecord:
        return self._change_job(job, lambda now: refuse_candidate(self.store, now, remote_id))

    def cancel(self, job: JobRecord) -> JobRecord:
        return self._change_job(job, self.store.request_cancel)

    def mark_placed(self, job: JobRecord) -> JobRecord:
        """It is in a scene; nothing is written if it was in one before."""

        def place(now: JobRecord) -> JobRecord:
            return now if now.state is State.PLACED else self.store.move(now, State.PLACED)

        return job if job.state is State.PLACED else self._change_job(job, place)

    def note_error(self, job: JobRecord, text: str) -> JobRecord:
        """Have the job, which stays in its state, say what went wrong with it here."""
        return self._change_job(job, lambda now: self.store.update(now, message=text, error_kind="Arrival"))

    def remove(self, job: JobRecord) -> None:
        """Forget a finished job; its files are deleted by the worker."""
        self.store.remove(job)
        self._drop({job.id})

    def _change_job(self, job: JobRecord, change: Callable[[JobRecord], JobRecord]) -> JobRecord:
        for _ in range(_TRIES):  # the worker may move it between the reading and the writing
            with contextlib.suppress(StaleError):
                return self._written(change(self.store.get(job.id)))
        raise StoreError(f"{job.name} has just moved on. Try again.")

    def _written(self, job: JobRecord) -> JobRecord:
        self._put([job])
        self._watch.reset_failures()
        return job

    # The tick.

    def tick(self) -> list[JobRecord]:
        """Jobs that are new or have changed; also the first ticks bring history, newest first, BATCH a call.

        Costs microseconds when there is nothing new. What a person has to mend does not raise: see `trouble`.
        """
        import sqlite3

        try:
            try:
                is_changed, problem = self._watch.check(), ""
            except WorkerError as error:
                is_changed, problem = True, str(error)
            return self._read(problem) if is_changed else []
        except (sqlite3.Error, OSError, StoreError) as error:
            self._watch.invalidate()
            text = f"The job store in {self.folder} does not answer: {error}."
            if is_damage(error):
                mark_damaged(self.folder)
                text += " Start Blender again: it is set aside then, and filled from the service's list."
            self._set_trouble(text)
            return []

    def _read(self, problem: str) -> list[JobRecord]:
        change = self.store.last_change()
        news = self._read_news(change) if change != self._read_to else []  # else the lease was renewed
        self._set_trouble(problem or self.store.get_trouble(self.service)[0] or self.store.notice)
        return news

    def _read_news(self, change: int) -> list[JobRecord]:
        jobs = self.store.changed_since(self._change, self.service, BATCH)
        self._change = jobs[-1].change if jobs else self._change
        room = BATCH - len(jobs)
        history = self.store.changed_until(self._older, self.service, room) if self._older and room else []
        self._older = history[-1].change - 1 if history else 0 if room else self._older
        answers = self.store.questions.answered_since(self.service, self._answer_change, ANSWERS)
        for answer in answers:
            with contextlib.suppress(AnswerError):  # written by another version of Maquette
                self._take(answer)
        self._put([*jobs, *history])
        if self._older or len(jobs) == BATCH or len(answers) == ANSWERS:
            self._watch.invalidate()  # there may be more
        else:
            self._read_to = change
            self._drop(self.jobs.keys() - self.store.ids(self.service))  # which another process removed
            if self._has_gaps and self._can_ask:
                self._ask_about_models()
        return [*jobs, *history]

    def _put(self, jobs: list[JobRecord]) -> None:
        is_new = any(job.id not in self.jobs for job in jobs)
        for job in jobs:
            before = self.jobs.get(job.id)
            if job.state in DONE:
                self._expected_s.pop(job.model_id, None)
            if before is not None and before.cost_cu != job.cost_cu:
                self._good_until.pop(("balance", ""), None)
            self.jobs[job.id] = job
            (self._working.add if job.is_working else self._working.discard)(job.id)
        if is_new:
            self.order = sorted(self.jobs, key=lambda job_id: self.jobs[job_id].created_at, reverse=True)
        self.revision += bool(jobs)

    def _drop(self, ids: set[str]) -> None:
        for job_id in ids:
            del self.jobs[job_id]
        self._working -= ids
        self.order = [job_id for job_id in self.order if job_id in self.jobs]
        self.revision += bool(ids)

    def _set_trouble(self, text: str) -> None:
        self.revision += text != self.trouble
        self.trouble = text

    def _take(self, answer: Lookup) -> None:
        """Learn what the worker has answered."""
        self._answer_change = answer.change
        question, at = (answer.kind, answer.key), answer.answered_at or 0.0
        if answer.is_open:
            self._asked.setdefault(question, self._clock())
        else:
            self._asked.pop(question, None)
            self._background.discard(question)
            self.errors.pop(question, None)
            if not answer.error:
                self._good_until[question] = at + _FRESH_S[answer.kind]
            elif at >= self._opened_at:
                self._good_until[question], self.errors[question] = at + _RETRY_S, answer.error
            if not answer.is_background and at >= self._opened_at:
                self.last_answer_error = answer.error
        self.revision += 1
        match answer.kind, answer.answer:
            case "models", list(entries):
                models = [Model.from_json(entry) for entry in entries]
                self.models = {model.id: model for model in models if model.replaced_by is None}
                self._has_gaps = True
            case "model", {"model": entry, "cost_cu": float() | None as cost_cu}:
                self._schemas[answer.key] = (Model.from_json(entry), cost_cu)
                self._known_at[answer.key] = at
            case "balance", float() | None as left if at > self._opened_at - _DAY_S:
                self.balance_cu = left
            case "price", cost_cu:
                known = cost_cu if isinstance(cost_cu, float) and not answer.error else None
                self._prices[answer.key] = Price(known, answer.error)
            case _:
                pass
