# SPDX-License-Identifier: GPL-3.0-or-later
"""One model to be made: checked and priced before anything is spent, and started once."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..batches import job_id
from ..client import InputError, JsonValue, Model, NotFoundError
from ..jobs import (
    AS_DELIVERED,
    DEFAULT_IMAGE_MODEL,
    DEFAULT_TEXT_MODEL,
    InputValue,
    JobRecord,
    Profile,
    State,
    add_once,
    cost_text,
    gather_inputs,
    new_id,
    new_job,
    placeholder_inputs,
    profile_json,
    take_up,
)
from .errors import Exit, MaquetteError
from .session import Session

_FREE_BYTES = 200 << 20  # less than this free is too little for a result and its .blend


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """What a job would be made of. `cost_cu` None: the service prices real files only."""

    model: Model
    inputs: dict[str, InputValue]
    given: set[str]  # names of the inputs that are not the model's defaults
    cost_cu: float | None


def read_request(
    session: Session,
    files: Sequence[str],
    prompt: str | None,
    model_id: str | None,
    parameters: Mapping[str, JsonValue],
) -> GenerateRequest:
    """Raises MaquetteError, or the client's errors; nothing is spent and no file sent."""
    if not files and prompt is None and not parameters:
        raise MaquetteError("There is nothing to make a model from. Give an image, or a prompt in words.")
    _ = session.credentials
    model_id = model_id or (DEFAULT_IMAGE_MODEL if files else DEFAULT_TEXT_MODEL)
    model = get_model(session, model_id)
    asked = gather_inputs(model, files, prompt, parameters)
    price_cu = price_or_none(session, model, asked.values)
    return GenerateRequest(model, asked.values, asked.given, price_cu)


def get_model(session: Session, model_id: str) -> Model:
    """Raises MaquetteError if the service has no such model."""
    try:
        return session.api.get_model(model_id)
    except NotFoundError:
        raise MaquetteError(f"There is no model {model_id}. `maquette models` lists them.") from None


def price_or_none(session: Session, model: Model, inputs: Mapping[str, InputValue]) -> float | None:
    """None where the service prices real files only. Raises InputError or NotFoundError."""
    sent = placeholder_inputs(inputs)  # made-up ids for files
    try:
        return session.api.estimate_cost(model.id, sent).creative_units
    except (InputError, NotFoundError):
        if sent == inputs:
            raise
        return None


def price_of_job(session: Session, job: JobRecord) -> float | None:
    """What submitting a job of the store would cost now; None where the service prices real files only."""
    try:
        return session.api.estimate_cost(
            job.model_id, job.sent or placeholder_inputs(job.inputs)
        ).creative_units
    except (InputError, NotFoundError):
        return None


def check_cost(cost_cu: float | None, max_cost_cu: float | None) -> None:
    """Raises MaquetteError if it costs more, or if its price is not known."""
    if max_cost_cu is not None and (cost_cu is None or not cost_cu <= max_cost_cu):
        said = "the price is not known" if cost_cu is None else f"it costs {cost_text(cost_cu)}"
        text = f"Not started: {said}, and it may cost {cost_text(max_cost_cu)} at most."
        raise MaquetteError(text, Exit.OVER_COST)


def check_space(folder: Path, what: str) -> None:
    """Raises MaquetteError where a result would not find room."""
    if shutil.disk_usage(folder).free < _FREE_BYTES:
        text = f"Less than {_FREE_BYTES >> 20} MB are free in {folder}. Make room, or choose another"
        raise MaquetteError(f"{text} {what} folder.", Exit.JOB_FAILED)


def start(
    session: Session,
    request: GenerateRequest,
    *,
    name: str | None,
    placement: Mapping[str, JsonValue],
    max_cost_cu: float | None,
    key: str | None = None,
    profile: Profile = AS_DELIVERED,
) -> JobRecord:
    """A job for the request, written down. With `key` it is the one of this key, model, values and files: an
    earlier one is taken up where nothing is paid twice; one that may have been paid for is left to a person.
    Raises MaquetteError if it may not be paid for.
    """
    store = session.store
    given = {each: request.inputs[each] for each in request.given}
    wanted = new_id() if key is None else job_id(key, session.service, request.model.id, given)
    if wanted not in store.ids(session.service):
        check_cost(request.cost_cu, max_cost_cu)
        check_space(session.folder, "state")
        new = new_job(
            request.model,
            request.inputs,
            service=session.service,
            name=name,
            estimate_cu=request.cost_cu,
            placement=placement,
            profile=profile_json(profile),
            session=session.id,
            id=wanted,
        )
        job = add_once(store, new)
        if job.session == session.id:
            return job
    job = store.get(wanted)  # of an earlier call, or of another process that was first
    if job.state is State.UNCERTAIN:  # whether it is to be submitted again a person says, with `resume`
        return job
    session.wait_for_sign_of_life([job])
    job = store.get(wanted)
    if is_unpaid := store.would_spend(job):
        check_cost(request.cost_cu, max_cost_cu)
    if is_unpaid or job.resume_state:
        return take_up(store, job, session.id, may_spend=True)
    return job
