# SPDX-License-Identifier: GPL-3.0-or-later
"""`generate`: one 3D model, made as `maquette generate` makes it, for a script to go on with."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, cast

from ..batches import INPUT_MARK, delivered_files, json_values
from ..client import JsonValue
from ..jobs import (
    DONE,
    LIBRARY_KEY,
    JobRecord,
    Requirement,
    State,
    Store,
    asset_of,
    finish_json,
    finish_of,
    named_profile,
    provenance_outside,
    read_requirements,
    read_size,
    reasons,
    report_json,
    report_of,
)
from .errors import EXPECTED, MaquetteError, code_of, error_text, exit_for_job, refuse_in_window
from .finish import finish as finish_result_of
from .library import open_library
from .outputs import deliver, wait_for
from .request import read_request, start
from .results import Progress, Result
from .session import Session, Where


def generate(
    *images: str | os.PathLike[str],
    prompt: str | None = None,
    model: str | None = None,
    name: str | None = None,
    key: str | None = None,
    size: float | Literal["original"] = 1.0,
    max_cost: float | None = None,
    finish: str | os.PathLike[str] | None = None,
    faces: int | None = None,
    require: str | os.PathLike[str] | Sequence[str] = (),
    library: str | os.PathLike[str] | None = None,
    sandbox: bool = False,
    state: str | os.PathLike[str] | None = None,
    api_url: str | None = None,
    project: str | None = None,
    on_progress: Callable[[Progress], object] | None = None,
    **parameters: object,
) -> Result:
    """Makes one 3D model and waits for it: minutes. Checks and prices everything first, and spends once.

    `images` are pictures, or whatever files the model takes, relative to the current folder; `prompt` is
    words. `model` is the id of one that `maquette models` lists, and `parameters` are its inputs: numbers,
    texts, paths, lists of them, or None for the model's default. One that is called like an argument here is
    written `**{"input.model": …}`. `size` is the longest side in metres that `place` gives the result.
    Nothing is started if it costs more than `max_cost` creative units, or if that is not known. `finish` is
    a profile, "game" or a .toml file, that the result is finished by, and `faces` its budget:
    docs/finishing.md. What of `require` the result does not meet, such as "faces<=5000, manifold", is in its
    `rejected`: docs/report.md. `library` is the
    folder of an asset library that it is kept in, too: docs/library.md.

    Without a `key` each call is a new job, and is paid for. With one, a call with the same key, model,
    parameters and files is the same job: what is there is returned at once, finished anew where `finish` has
    changed, what was interrupted goes on, and nothing is paid twice. A job that failed for good stays failed
    under its key.

    `sandbox` uses a private stand-in: no account, no cost. `state`, `api_url` and `project` are the command's
    `--state`, `--api-url` and `MAQUETTE_PROJECT_ID`; without them the environment and the preferences say.

    Raises MaquetteError, with a window always: there, `bpy.ops.maquette.generate` does not wait.

        horse = generate("horse.png", targetFaceNum=4000, size=2.4, max_cost=30)
        print(horse.faces, horse.dimensions_m, horse.cost_cu)
    """
    refuse_in_window("generate", "There, bpy.ops.maquette.generate(inputs=…) works on while you do.")
    reporter = _ProgressReporter(on_progress)
    again = "call generate with this key once more"
    try:
        size_m, values = read_size(size), read_parameters(parameters)
        gate = read_requirements(require) if require else ()
        profile = named_profile(finish, faces)
        with Session(Where(sandbox, api_url, project, state)) as session:
            request = read_request(session, [os.fspath(image) for image in images], prompt, model, values)
            placement: dict[str, JsonValue] = {"size_m": size_m}
            if library is not None:
                placement[LIBRARY_KEY] = str(open_library(library))
            job = start(
                session,
                request,
                name=name,
                placement=placement,
                max_cost_cu=max_cost,
                key=key,
                profile=profile,
            )
            by_command = f"run `{session.command('resume', job.id)}`"
            reporter.job, again = job, again if key is not None else by_command
            (job,) = wait_for(session, [job], reporter, again=again)
            reporter.job = job
            again = by_command if job.state is State.UNCERTAIN else again
            if job.state not in DONE:
                raise _unfinished(job, again, "call generate anew" if key is None else "give another key")
            if job.has_model:
                job = finish_result_of(session, job, profile)
            deliver(session, [job])
            return _result_of(session.store, session.store.get(job.id), name or job.name, size_m, gate)
    except EXPECTED as error:
        raise _error_of(error, reporter.job, again) from error


def read_parameters(parameters: Mapping[str, object]) -> dict[str, JsonValue]:
    """A model's inputs as a manifest has them, less those left to the model. Raises InputError."""
    values = json_values(parameters)
    return {each.removeprefix(INPUT_MARK): value for each, value in values.items() if value not in (None, "")}


class _ProgressReporter:
    """Passes on how the job is doing, each change once, and remembers the job."""

    def __init__(self, on_progress: Callable[[Progress], object] | None) -> None:
        self._on_progress, self._last = on_progress, Progress("")
        self.job: JobRecord | None = None  # as it was last read; None: nothing was started

    def tell(self, jobs: list[JobRecord]) -> None:
        self.job = job = jobs[0]
        self._pass_on(Progress(str(job.state), job.progress if job.is_working else None, job.message))

    def line(self, text: str) -> None:
        self._pass_on(replace(self._last, message=text))

    def end(self) -> None:
        """Nothing is left open."""

    def _pass_on(self, progress: Progress) -> None:
        if self._on_progress and progress != self._last:
            self._on_progress(progress)
        self._last = progress


def _unfinished(job: JobRecord, again: str, anew: str) -> MaquetteError:
    ending = f"It cannot go on. For another job, which is paid for by itself, {anew}."
    if job.state is State.UNCERTAIN:  # that is a person's to say, not a script's
        ending = "" if job.doubts else f"`maquette resume {job.id}` does that."
    elif job.resume_state:
        ending = f"When that is mended, {again}: nothing is paid twice."
    return MaquetteError(f"{job.name}: {job.message or job.state} {ending}".strip(), exit_for_job(job))


def _error_of(error: Exception, job: JobRecord | None, again: str) -> MaquetteError:
    text, code = error_text(error), code_of(error)
    if job is None:
        return MaquetteError(
            text if text.startswith("Not started") else f"{text} Nothing was started.", code=code
        )
    if not isinstance(error, MaquetteError):
        text = f"{text} The job is kept: {again}."
    can_resume = job.is_working or job.state in DONE or job.resume_state is not None
    return MaquetteError(text, code=code, job_id=job.id, cost_cu=job.committed_cu, can_resume=can_resume)


def _result_of(
    store: Store, job: JobRecord, name: str, size_m: float | None, gate: Sequence[Requirement]
) -> Result:
    blend = store.result_blend(job)
    faces = job.result.get("faces")
    found = report_of(job.result)
    report = found and found.at_size(size_m)
    dimensions = None
    if blend.exists():
        low, high = (cast("list[float]", job.result[end]) for end in ("min", "max"))
        sides = [top - bottom for bottom, top in zip(low, high, strict=True)]
        factor = 1.0 if size_m is None else size_m / max(sides)
        dimensions = (sides[0] * factor, sides[1] * factor, sides[2] * factor)
    return Result(
        id=job.id,
        name=name,
        model_id=job.model_id,
        blend=blend if dimensions else None,
        files=tuple(path for path in delivered_files(store, job) if path.exists()),
        faces=faces if isinstance(faces, int) else None,
        report=report_json(report),
        finish=finish_json(finish_of(job.result), report),
        dimensions_m=dimensions,
        size_m=size_m,
        cost_cu=job.cost_cu,
        seconds=None if job.finished_at is None else job.finished_at - job.created_at,
        message=job.message,
        rejected=reasons(gate, report),
        asset=asset_of(job),
        provenance=provenance_outside(job),
    )
