# SPDX-License-Identifier: GPL-3.0-or-later
"""*Run Again*: what it would make of a job's inputs, by which model, and what all of it costs.

Only the operator that a person presses writes jobs down; here they are made ready and priced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..client import InputError, Model
from ..jobs import (
    TIMES_MAX,
    Backend,
    InputValue,
    JobRecord,
    NewJob,
    StoreError,
    cost_text,
    is_seed,
    repeat,
    takes,
)
from ..session_state import state
from .collect_inputs import RequestError


@dataclass(frozen=True)
class Repeats:
    """The new jobs, none of them written down, and the inputs that their model has no place for.

    `cost_cu` is for all, None while it is not known; it `is_priced` once the service has answered, be it by
    an error.
    """

    new: Sequence[NewJob]
    left_out: Sequence[str]
    cost_cu: float | None
    is_priced: bool = True

    def lines(self) -> list[str]:
        """What the question tells, beside the price."""
        left_out = [f"Left out: {', '.join(self.left_out)}"] if self.left_out else []
        return [f"Model: {self.new[0].model_name}", *left_out]


def models_for(job: JobRecord) -> list[Model]:
    """The models whose inputs are known and that take what the job was made from, its own first."""
    catalogue = state.catalogue
    known = [catalogue.schema(each) for each in catalogue.models] if catalogue else []
    fitting = [each for each in known if each and (each.id == job.model_id or takes(each, job.inputs))]
    return sorted(fitting, key=lambda each: (each.id != job.model_id, each.name))


def plan(
    backend: Backend, job: JobRecord, *, times: int = 1, model_id: str = "", keeps_seed: bool = False
) -> Repeats:
    """So many jobs of this one's inputs, by its own model or another, and their price.

    Once more by the same model, it is what the first has cost; else the service is asked. Raises RequestError
    or StoreError: why they cannot be made.
    """
    if not 1 <= times <= TIMES_MAX:  # a property with limits would make another number of it, which is paid
        raise RequestError(f"times: give a number from 1 to {TIMES_MAX}, not {times}.")
    catalogue = backend.catalogue
    wanted = model_id or job.model_id
    model = catalogue.schema(wanted)
    if wanted != job.model_id and model is None:
        catalogue.ask_model(wanted)
        raise RequestError(
            catalogue.error("model", wanted)
            or f"The inputs of {wanted} are being asked for. Try again in a moment."
        )
    folder = backend.store.job_folder(job.id)
    try:
        new, left_out = repeat(job, folder, model, times=times, keeps_seed=keeps_seed)
    except InputError as error:
        raise RequestError(str(error)) from error
    if times == 1 and wanted == job.model_id:
        return Repeats(new, left_out, job.price_cu)
    price = catalogue.price(catalogue.ask_price(wanted, _priced(new[0].inputs)))
    each_cu = price.cost_cu if price else None
    if each_cu is None and wanted == job.model_id:
        each_cu = job.price_cu
    total = None if each_cu is None else each_cu * times
    return Repeats(
        [replace(each, estimate_cu=each_cu) for each in new], left_out, total, is_priced=price is not None
    )


def is_priced(job_id: str, times: int, model_id: str) -> bool:
    """Whether the question can be asked: the price is known, or nothing will come of it, which that tells."""
    backend = state.backend
    job = backend.jobs.by_id.get(job_id) if backend else None
    if backend is None or job is None:
        return True
    try:
        return plan(backend, job, times=times, model_id=model_id).is_priced
    except (RequestError, StoreError):
        return True


def price_suffix(job: JobRecord) -> str:
    """What stands behind the words of a button that runs the job once more; "" where no price is known."""
    return "" if job.price_cu is None else f" · {cost_text(job.price_cu)}"


def _priced(inputs: Mapping[str, InputValue]) -> dict[str, InputValue]:
    """The same for all seeds, which change no price."""
    return {name: 1 if is_seed(name) else value for name, value in inputs.items()}
