# SPDX-License-Identifier: GPL-3.0-or-later
"""From a checked request to a job that is written down once: for window, command, scripts and batches."""

import contextlib
from collections.abc import Mapping
from typing import Any

from ..client import Model
from .database import StoreError
from .finishing import profile_json
from .profile import Profile
from .provenance import name_of, source_of
from .record import InputValue, JobRecord, NewJob
from .states import State
from .store import StaleError, Store


def new_job(
    model: Model, inputs: Mapping[str, InputValue], *, service: str, name: str | None = None, **more: Any
) -> NewJob:
    """A job for `model` of `inputs`, which were checked against it. Without a name it gets one from what it
    is made of; `more` are other fields of NewJob.
    """
    source = source_of(inputs)
    return NewJob(
        name=name or name_of(source, model),
        model_id=model.id,
        model_name=model.name,
        inputs=inputs,
        service=service,
        source=source,
        **more,
    )


def add_once(store: Store, new: NewJob) -> JobRecord:
    """The job of this id: written down now, or by an earlier call or another process. Raises StoreError."""
    try:
        return store.add(new)
    except StoreError:
        if new.id not in store.ids(new.service):
            raise
        return store.get(new.id)


def take_up(store: Store, job: JobRecord, session: str, *, may_spend: bool) -> JobRecord:
    """The job, resumed by `session` unless another process was first. Raises StoreError as `resume` does."""
    with contextlib.suppress(StaleError):
        return store.resume(job, session, may_spend=may_spend)
    return store.get(job.id)


def finish_anew(store: Store, job: JobRecord, profile: Profile, session: str = "") -> JobRecord:
    """Have the worker of `session` finish a result that is there by the profile; nothing is paid.

    Raises StoreError where there is no result, StaleError if another process has moved the job on.
    """
    if not job.has_model:
        raise StoreError(f"{job.name} is {job.state}: there is no 3D model to finish.")
    anew: dict[str, Any] = {"progress": None, "attempts": 0, "not_before": 0.0, "cancel": ""}
    return store.move(job, State.CONVERTING, profile=profile_json(profile), session=session, **anew)
