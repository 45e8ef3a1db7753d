# SPDX-License-Identifier: GPL-3.0-or-later
"""A result that is there, finished by another profile: in a background Blender here, without any service."""

from dataclasses import replace

from ..jobs import (
    DONE,
    ChildError,
    JobRecord,
    Profile,
    StaleError,
    at_work,
    finish_result,
    is_finished_by,
    message_of,
    profile_json,
    untouched,
)
from .errors import MaquetteError
from .session import Session


def check_finishable(session: Session, job: JobRecord) -> None:
    """Raises MaquetteError where there is no result that can be finished, and says why."""
    if job.state not in DONE:
        raise MaquetteError(f"{job.name} ({job.id}) is {job.state}: there is nothing to finish yet.")
    if not job.has_model:
        folder = session.store.job_folder(job.id) / "result"
        raise MaquetteError(
            f"{job.name} ({job.id}) cannot be finished: what was delivered is no 3D model that Blender can"
            f" read. It is kept in {folder}."
        )
    if session.store.is_gone(job):
        command = session.command("resume", job.id)
        raise MaquetteError(f"The files of {job.name} are gone. `{command}` fetches them, for nothing.")


def finish(session: Session, job: JobRecord, profile: Profile) -> JobRecord:
    """The job with its result as the profile has it, made of the untouched one; nothing is paid.

    A result that already fits the profile is returned unchanged. What cannot be finished is as delivered, and
    says why. Another process that is at work on it is waited for. Raises MaquetteError where there is no
    result, or if another process has moved the job on meanwhile.
    """
    check_finishable(session, job)
    try:
        with at_work(session.store.job_folder(job.id)):
            return _finished(session, session.store.get(job.id), profile)
    except ChildError as error:
        raise MaquetteError(f"{job.name}: {error}") from None
    except StaleError:
        raise MaquetteError(f"{job.name} has just moved on. Do the same once more.") from None


def _finished(session: Session, job: JobRecord, profile: Profile) -> JobRecord:
    store = session.store
    check_finishable(session, job)
    if is_finished_by(job, profile) and store.result_blend(job).is_file():
        return job
    wanted = replace(job, profile=profile_json(profile))
    result = finish_result(session.blenders, wanted, store.job_folder(job.id), untouched(job.result))
    return store.update(job, profile=wanted.profile, result=result, message=message_of(result))
