# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of one job that the worker takes: upload, submit, cancel, download, convert.

The submission is the one step that spends: its intent is on disk before it, and it is never repeated.
"""

import shutil
from concurrent.futures import Future  # of the worker process, which is plain Python
from pathlib import Path
from typing import Any

from ..client import (
    AnswerError,
    CancelRefusedError,
    InputError,
    JobStatus,
    JsonValue,
    NetworkError,
    NotAllowedError,
    NotFoundError,
    RateLimitedError,
    ScenarioError,
    Submission,
)
from .blender_pool import BlenderPool, ChildError
from .database import RemoteTakenError
from .finishing import make_result, message_of
from .input_files import is_for_blender, is_prepared, prepare_files, upload_inputs
from .lease import may_send
from .leased_store import STORE_TROUBLE, LeasedStore, log
from .lost_jobs import LOOKING
from .poller import Poller
from .record import DeliveredFile, JobRecord
from .remote_claims import claim_remote, note_submission
from .service import Service
from .stale import retry_when_stale
from .states import DONE, REMOTE, State
from .store import REFUSED
from .tasks import Tasks
from .transfers import (
    BadDeliveryError,
    SpoiltFileError,
    TransferProgress,
    UnreadableResultError,
    download_results,
    set_aside,
)

MAX_INTENT_AGE_S = 45.0  # a submission that was intended longer ago is not sent any more
MAX_REJECTED = 3  # deliveries of one job that nobody could read, before a person is asked
# Answers to the fetching of what is paid for that may be of a gateway's, or too early.
_MAY_PASS = (NotFoundError, NotAllowedError, AnswerError, InputError)


class _NotDoneError(Exception):
    """The service has told that a job is done, and tells now that it is not."""


class Steps:
    """`blenders` convert results and prepare meshes."""

    def __init__(
        self,
        leased: LeasedStore,
        api: Service,
        tasks: Tasks,
        poller: Poller,
        *,
        blenders: BlenderPool,
        is_keeping_downloads: bool,
    ) -> None:
        self._leased = leased
        self._api = api
        self._tasks = tasks
        self._poller = poller
        self._blenders = blenders
        self._is_keeping_downloads = is_keeping_downloads
        self._was_clock_asked = False
        self._submitting = ""  # id of the job whose submission is under way: one at a time

    def advance(self, job: JobRecord) -> None:
        """Begin the next step of a job that has one now."""
        match job.state:
            case State.PREPARED:
                self.advance(self._leased.move(job, State.UPLOADING, sent={}))
            case State.UPLOADING if job.cancel:
                self._leased.end(job, State.CANCELED)
            case State.UPLOADING if job.sent and self._has_clock():
                self._submit(job)
            case State.UPLOADING if not is_prepared(job, self._folder(job)):
                self._prepare(job)
            case State.UPLOADING:
                self._upload(job)
            case State.SUBMITTING:  # a worker died between the intent and the answer
                self._look_for_lost(job)
            case State.QUEUED | State.RUNNING:
                self._cancel(job)
            case State.DOWNLOADING:
                self._download(job)
            case State.CONVERTING:
                self._convert(job)
            case _:
                raise AssertionError(job.state)

    def _folder(self, job: JobRecord) -> Path:
        return self._leased.store.job_folder(job.id)

    def _prepare(self, job: JobRecord) -> None:
        folder = self._folder(job)
        self._tasks.start(
            job.id,
            "convert" if is_for_blender(job, folder) else "upload",
            lambda _: prepare_files(self._blenders, job, folder),
            lambda future: self._prepared(job, future),
        )

    def _prepared(self, job: JobRecord, future: Future[Any]) -> None:
        job = self._leased.since(job)
        error = future.exception()
        if error is None:
            self._leased.update(job, input_files=future.result())
        else:
            self._leased.fail(job, str(error), type(error).__name__, State.PREPARED)

    def _has_clock(self) -> bool:
        """Whether any answer has told the service's clock, which dates submissions; one may never tell it."""
        return self._was_clock_asked or self._api.last_answer_at() is not None

    def _upload(self, job: JobRecord) -> None:
        folder = self._folder(job)
        uploads = self._leased.store.uploads
        keys = {(file.sha256, file.kind) for file in job.input_files}
        found = {key: uploads.find(job.service, *key) for key in keys}
        before = {key: asset_id for key, asset_id in found.items() if asset_id}
        known = dict(before)

        def work(progress: TransferProgress) -> Any:
            sent = upload_inputs(self._api, job, folder, known, progress)
            if not self._has_clock():
                self._poller.note_model(self._api.get_model(job.model_id))
                self._was_clock_asked = True
            return sent

        def then(future: Future[Any]) -> None:
            for key in known.keys() - before.keys():
                uploads.add(job.service, *key, known[key])
            self._uploaded(job, future)

        self._tasks.start(job.id, "upload", work, then)

    def _uploaded(self, job: JobRecord, future: Future[Any]) -> None:
        job = self._leased.since(job)
        error = future.exception()
        if error is not None:
            self._leased.postpone_or_fail(job, error, State.PREPARED)
            return
        sent = future.result()
        self._leased.update(job, sent=sent, progress=None, attempts=0, message="", error_kind="")

    def _submit(self, job: JobRecord) -> None:
        if self._submitting in self._tasks:
            return
        leased = self._leased
        intended_at = leased.clock()
        answered_at = self._api.last_answer_at()
        # The intent is on disk before the one POST that spends.
        job = leased.move(
            job,
            State.SUBMITTING,
            submitted_at=self._api.now() if answered_at is None else answered_at,
            lost_at=None,
            lost_here_at=None,
            candidates=[],
        )

        def check() -> None:
            """Right before the first byte: this machine may have slept since, and another worker be at it."""
            is_late = leased.clock() - intended_at > MAX_INTENT_AGE_S
            try:
                is_allowed = not is_late and may_send(leased.store.folder, job.id, leased.name)
            except STORE_TROUBLE as error:
                raise NetworkError(f"It was not sent: the job store says {error}.") from error
            if not is_allowed:
                raise NetworkError("It was not sent: too much time went by before that.", kind="timeout")

        def work(_: TransferProgress) -> Submission:
            try:
                note_submission(job.claims, job.id)
            except OSError as error:
                raise NetworkError(f"It was not sent: {error.strerror}: {job.claims}.") from error
            answer = self._api.generate(job.model_id, job.sent, before_send=check)
            if job.claims and not _is_ours(job, answer.job.id):
                raise RemoteTakenError(f"The service's job {answer.job.id} is another machine's.")
            return answer

        self._submitting = job.id
        self._tasks.start(job.id, "submit", work, lambda future: self._submitted(job, future))

    def _submitted(self, job: JobRecord, future: Future[Any]) -> None:
        self._submitting = ""
        error = future.exception()
        # Another worker may have taken over and be looking for the job that is here.
        job = self._leased.since(job, *(() if error else (State.UNCERTAIN,)))
        if error is None:
            self._accept(job, future.result())
        elif not isinstance(error, ScenarioError) or error.may_have_arrived:
            self._look_for_lost(job, error)
        elif isinstance(error, RateLimitedError | NetworkError):
            # Refused, or never reached: nothing was spent, so it may wait and be submitted then.
            job = self._leased.move(job, State.UPLOADING)
            if job.cancel:
                self._leased.end(job, State.CANCELED)
            else:
                self._leased.postpone_or_fail(job, error, State.PREPARED)
        else:
            sent = _texts(list(job.sent.values()))
            if _is_of_asset(error, sent):  # a resume uploads them anew
                self._leased.store.uploads.remove(job.service, sent)
            self._leased.fail(job, str(error), type(error).__name__, State.PREPARED)

    def _accept(self, job: JobRecord, answer: Submission) -> None:
        cost = answer.cost.creative_units if answer.cost else answer.job.cost_cu
        try:
            job = self._leased.move(job, State.QUEUED, remote_id=answer.job.id, cost_cu=cost, attempts=0)
        except RemoteTakenError as error:  # another of our jobs was taken for it, or it was answered twice
            self._look_for_lost(job, error)
            return
        self._poller.follow(job)

    def _look_for_lost(self, job: JobRecord, error: BaseException | None = None) -> None:
        """Look at the service for what the submission has made."""
        log.warning("job %s: the answer to the submission is unknown: %s", job.id, error)
        if job.state is State.SUBMITTING:
            self._leased.move(job, State.UNCERTAIN, message=LOOKING)
        self._poller.poll_soon()

    def _cancel(self, job: JobRecord) -> None:
        remote_id = job.remote_id or ""
        self._tasks.start(
            job.id,
            "cancel",
            lambda _: self._api.cancel_job(remote_id),
            lambda future: self._canceled(job, future),
        )

    def _canceled(self, job: JobRecord, future: Future[Any]) -> None:
        job = self._leased.since(job, *REMOTE)
        error = future.exception()
        if error is None:
            self._poller.apply(self._leased.update(job, cancel=""), future.result(), is_sure=True)
        elif isinstance(error, CancelRefusedError):
            self._leased.update(job, cancel="refused", message=REFUSED)
        else:
            text = f"Canceling did not work, the job goes on. {error}"
            self._leased.update(job, cancel="", message=text)

    def _download(self, job: JobRecord) -> None:
        folder, told = self._folder(job), self._poller.take_asset_ids(job)

        def work(progress: TransferProgress) -> Any:
            asset_ids = told or self._ask_asset_ids(job)
            return download_results(self._api, list(asset_ids), folder, progress, attempts=job.attempts)

        self._tasks.start(job.id, "download", work, lambda future: self._downloaded(job, future))

    def _ask_asset_ids(self, job: JobRecord) -> tuple[str, ...]:
        remote = self._api.get_job(job.remote_id or "")
        if remote.status not in (JobStatus.SUCCESS, JobStatus.UNKNOWN):
            raise _NotDoneError
        if not remote.asset_ids:
            raise BadDeliveryError("The service does not tell yet which files the result has.")
        return remote.asset_ids

    def _downloaded(self, job: JobRecord, future: Future[Any]) -> None:
        job = self._leased.since(job)
        error = future.exception()
        if error is None:
            files = future.result()
            if job.error_kind == UnreadableResultError.__name__ and _hashes(files) == _hashes(job.files):
                folder = self._folder(job) / "result"
                text = f"{job.message} The service delivers the same file again; it is kept in {folder}."
                self._leased.fail(job, text, job.error_kind, State.DOWNLOADING)
                return
            # Without what an earlier result was: these files are converted.
            known = {name: value for name, value in job.result.items() if name == "rejected"}
            self._leased.move(job, State.CONVERTING, files=files, result=known, progress=None, attempts=0)
        elif isinstance(error, _NotDoneError):
            self._poller.follow(self._leased.move(job, State.RUNNING, progress=None, attempts=0))
        elif isinstance(error, NotFoundError) and not self._leased.has_attempts(job):
            text, kind = f"The result cannot be fetched. {error}", type(error).__name__
            self._leased.end(job, State.EXPIRED, message=text, error_kind=kind, resume_state=State.QUEUED)
        else:
            self._leased.postpone_or_fail(job, error, State.DOWNLOADING, also=_MAY_PASS)

    def _convert(self, job: JobRecord) -> None:
        folder, is_window = self._folder(job), not self._leased.session
        answered: Future[Any] = Future()

        def work(_: TransferProgress) -> JsonValue:
            answer, task = make_result(self._blenders, job, folder, is_report_later=is_window)
            answered.set_result(answer)  # the result is there, and need not wait for what is measured of it
            return task.wait().get("report") if task else None

        def then(future: Future[Any]) -> None:
            self._converted(job, future, measured)

        measured = self._tasks.start(job.id, "convert", work, then, first=answered)

    def _converted(self, job: JobRecord, future: Future[Any], measured: Future[Any]) -> None:
        error = future.exception()
        answer: dict[str, JsonValue] = future.result() if error is None else {}
        if error is None:
            self._tasks.follow(f"{job.id} report", measured, lambda future: self._reported(job, future))
        job = self._leased.since(job)
        if error is None and not (answer.get("objects") or answer.get("kept")):
            text = "The service delivered no 3D model. Resume the job to look again."
            self._leased.fail(job, text, UnreadableResultError.__name__, State.DOWNLOADING)
        elif error is None:
            message = message_of(answer)
            if job.cancel:
                message = f"It came all the same: the service did not stop it. {message}".strip()
            files = job.files
            if not (self._is_keeping_downloads or answer.get("kept")):
                shutil.rmtree(self._folder(job) / "result", ignore_errors=True)
                files = []
            self._leased.end(job, State.READY, result=answer, files=files, cancel="", message=message)
        else:
            if isinstance(error, SpoiltFileError):
                self._download_again(job, error)
                return
            prefix = "" if isinstance(error, ChildError) else "The result could not be converted: "
            text = f"{prefix}{error}"
            self._leased.fail(job, text, type(error).__name__, State.CONVERTING)

    def _reported(self, job: JobRecord, future: Future[Any]) -> None:
        if error := future.exception():
            log.warning("job %s: no report: %s", job.id, error)
            return
        if future.result() is None:  # it came with the result
            return

        def add_report(now: JobRecord) -> JobRecord:
            if now.state not in (job.state, *DONE) or "untouched" in now.result:  # it is being made anew
                return now
            return self._leased.update(now, result={**now.result, "report": future.result()})

        retry_when_stale(self._leased.store, job.id, add_report)

    def _download_again(self, job: JobRecord, error: SpoiltFileError) -> None:
        """What cannot be read may not have come as it was sent: the files are set aside, and fetched anew a
        few times by itself, which costs nothing.
        """
        for entry in job.files:
            path = self._folder(job) / entry["path"]
            if path.exists():
                set_aside(path)
        rejected = job.result.get("rejected")
        count = rejected + 1 if isinstance(rejected, int) else 1
        text, kind = str(error), type(error).__name__
        if count > MAX_REJECTED:
            self._leased.fail(job, text, kind, State.DOWNLOADING)
        else:
            found = {"rejected": count}
            self._leased.move(
                job,
                State.DOWNLOADING,
                result=found,
                message=text,
                error_kind=kind,
                attempts=0,
                not_before=0.0,
            )


def _hashes(files: list[DeliveredFile]) -> set[str]:
    return {entry["sha256"] for entry in files}


def _is_ours(job: JobRecord, remote_id: str) -> bool:
    try:
        return claim_remote(job.claims, remote_id, job.id)
    except OSError as error:  # the answer counts more than the other machines' knowing of it
        log.warning("job %s: %s is not marked in %s: %s", job.id, remote_id, job.claims, error)
        return True


def _is_of_asset(error: ScenarioError, sent: list[str]) -> bool:
    """Whether the service may have refused because it no longer has a file among what was `sent`."""
    if isinstance(error, NotFoundError):
        return True
    text = str(error).casefold()
    words = ("asset", "not found", *(each.casefold() for each in sent if each))
    return isinstance(error, InputError) and any(word in text for word in words)


def _texts(value: JsonValue) -> list[str]:
    """Every string in a list of values and lists."""
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []
