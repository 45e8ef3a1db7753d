# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette generate`, `cost` and `resume`: what spends is announced with its price first, and spent once."""

import json
import shutil
import sys
import tempfile
from argparse import Namespace
from pathlib import Path

from ..client import Cost, InputError, Model, NotFoundError
from ..jobs import (
    DEFAULT_IMAGE_MODEL,
    InputFile,
    InputValue,
    JobRecord,
    NewJob,
    State,
    name_of,
    placeholder_inputs,
    source_of,
)
from .deliver import deliver, wait_for
from .exits import CommandError, Exit, exit_for_job
from .inputs import DEFAULT_TEXT_MODEL, gather_inputs
from .progress import ProgressLine
from .session import Session

_OUTPUTS = (".blend", ".glb")
_FREE_BYTES = 200 << 20  # less than this free is too little for a result and its .blend


def run_generate(arguments: Namespace) -> int:
    outputs = [_output(name) for name in arguments.output]
    preview = _output(arguments.preview, (".png",)) if arguments.preview else None
    with Session(arguments) as session:
        model, inputs = _read_request(session, arguments)
        cost = _ask_price(session, model, inputs)
        print(f"{model.name}: {_price(cost)}", file=sys.stderr)
        if arguments.max_cost is not None and (cost is None or cost.creative_units > arguments.max_cost):
            said = "its price is not known" if cost is None else f"it costs {cost.creative_units:g} CU"
            raise CommandError(
                f"Not started: {said}, --max-cost is {arguments.max_cost:g} CU.", Exit.OVER_COST
            )
        if arguments.dry_run:
            if arguments.json:
                print(json.dumps({"model": model.id, "cost_cu": cost.creative_units if cost else None}))
            return Exit.DONE
        _ = session.credentials
        _check_space(session)
        source = source_of(inputs)
        job = session.store.add(
            NewJob(
                name=arguments.name or name_of(source, model),
                model_id=model.id,
                model_name=model.name,
                inputs=inputs,
                service=session.service,
                project_id=session.project_id,
                estimate_cu=cost.creative_units if cost else None,
                source=source,
                placement={
                    "size_m": arguments.size,
                    "outputs": [str(path) for path in outputs],
                    "preview": str(preview) if preview else None,
                },
            )
        )
        return _finish(session, [job], is_json=arguments.json)


def run_cost(arguments: Namespace) -> int:
    """The price of what `generate` would do, and the balance where the key may read it; spends nothing."""
    with Session(arguments) as session:
        model, inputs = _read_request(session, arguments)
        cost = _ask_price(session, model, inputs)
        balance = session.api.get_balance()
        if arguments.json:
            units = None if cost is None else cost.creative_units
            print(
                json.dumps(
                    {"model": model.id, "cost_cu": units, "balance_cu": balance and balance.remaining_cu}
                )
            )
        else:
            print(f"{model.name}: {_price(cost)}")
            if balance is not None:
                print(f"Balance: {balance.remaining_cu:g} CU")
    return Exit.DONE


def run_resume(arguments: Namespace) -> int:
    """Take up every job that stopped half-way, or the named ones; nothing is paid twice."""
    with Session(arguments) as session:
        _ = session.credentials
        if arguments.ids:
            jobs = [session.store.get(job_id) for job_id in arguments.ids]
        else:
            jobs = session.store.list_jobs(service=session.service)
        other = next((job for job in jobs if job.service != session.service), None)
        if other is not None:
            raise CommandError(f"Job {other.id} belongs to {other.service}: resume it there.")
        wanted = [job for job in reversed(jobs) if job.is_working or job.resume_state or _is_undelivered(job)]
        if not wanted:
            print("Nothing to resume.", file=sys.stderr)
            if arguments.json:
                print(json.dumps({"jobs": []}))
            return Exit.DONE
        wanted = [session.store.resume(job) if job.resume_state else job for job in wanted]
        return _finish(session, wanted, is_json=arguments.json, is_resuming=True)


def _is_undelivered(job: JobRecord) -> bool:
    return job.state is State.READY and bool(job.placement.get("outputs") or job.placement.get("preview"))


def _finish(session: Session, jobs: list[JobRecord], *, is_json: bool, is_resuming: bool = False) -> int:
    progress = ProgressLine()
    try:
        jobs = wait_for(session, jobs, progress)
        lost = [job for job in jobs if job.state is State.UNCERTAIN and job.resume_state]
        if is_resuming and lost:
            # A person asked for it, and the service has shown that it knows nothing of them.
            resumed = {job.id: session.store.resume(job) for job in lost}
            jobs = wait_for(session, [resumed.get(job.id, job) for job in jobs], progress)
    except KeyboardInterrupt:
        progress.line(
            "Stopped waiting. What was submitted goes on at the service: `maquette resume` picks it up."
        )
        return Exit.INTERRUPTED
    written = deliver(session, jobs)
    for job in jobs:
        if job.state in (State.READY, State.PLACED):
            cost = "" if job.cost_cu is None else f", {job.cost_cu:g} CU"
            files = ", ".join(written[job.id]) or str(session.store.job_folder(job.id) / "result.blend")
            note = f" {job.message}" if job.message else ""
            print(f"{job.name}: {_faces(job)}{cost} → {files}{note}", file=sys.stderr)
        else:
            ending = "" if job.resume_state is None else f" `maquette resume {job.id}` tries again."
            print(f"{job.name}: {job.message or job.state}{ending}", file=sys.stderr)
    if is_json:
        print(
            json.dumps(
                {"jobs": [job_json(session, session.store.get(j.id), written.get(j.id, [])) for j in jobs]}
            )
        )
    return max((exit_for_job(job) for job in jobs), default=Exit.DONE)


def job_json(session: Session, job: JobRecord, outputs: list[str]) -> dict[str, object]:
    """A job as the machine-readable output has it; keys are only ever added."""
    blend = session.store.job_folder(job.id) / "result.blend"
    return {
        "id": job.id,
        "state": job.state,
        "name": job.name,
        "model": job.model_id,
        "remote_id": job.remote_id,
        "cost_cu": job.cost_cu,
        "blend": str(blend) if blend.exists() else None,
        "outputs": outputs,
        "faces": job.result.get("faces"),
        "error": job.message if job.error_kind else None,
        "message": job.message,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
    }


def _read_request(session: Session, arguments: Namespace) -> tuple[Model, dict[str, InputValue]]:
    if not arguments.images and arguments.prompt is None and not arguments.param:
        raise CommandError("Give an image, or words with --prompt. `maquette generate --help` shows how.")
    model_id = arguments.model or (DEFAULT_IMAGE_MODEL if arguments.images else DEFAULT_TEXT_MODEL)
    try:
        model = session.api.get_model(model_id)
    except NotFoundError:
        raise CommandError(f"There is no model {model_id}. `maquette models` lists them.") from None
    return model, gather_inputs(model, arguments.images, arguments.prompt, arguments.param)


def _ask_price(session: Session, model: Model, inputs: dict[str, InputValue]) -> Cost | None:
    """The price by dry run, with made-up ids for files; None where the service prices real files only."""
    try:
        return session.api.estimate_cost(model.id, placeholder_inputs(inputs))
    except (InputError, NotFoundError):
        if not any(isinstance(v, InputFile) for value in inputs.values() for v in _items(value)):
            raise
        return None


def _items(value: InputValue) -> list[object]:
    return list(value) if isinstance(value, list) else [value]


def _price(cost: Cost | None) -> str:
    return (
        "price not known before the upload"
        if cost is None
        else f"{cost.creative_units:g} CU (creative units)"
    )


def _faces(job: JobRecord) -> str:
    faces = job.result.get("faces")
    return f"{faces:,} faces" if isinstance(faces, int) else "done"


def _output(name: str, allowed: tuple[str, ...] = _OUTPUTS) -> Path:
    path = Path(name).expanduser().resolve()
    if path.suffix.lower() not in allowed:
        raise CommandError(f"{name}: an output's name ends in {' or '.join(allowed)}.")
    if path.is_dir():
        raise CommandError(f"{name} is a folder. Give the name of a file.")
    try:  # now, not when it is paid for
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            return path
    except OSError as error:
        raise CommandError(f"{name} cannot be written: {error.strerror}. Choose another place.") from error


def _check_space(session: Session) -> None:
    if shutil.disk_usage(session.folder).free < _FREE_BYTES:
        raise CommandError(
            f"Less than {_FREE_BYTES >> 20} MB are free in {session.folder}."
            " Make room, or choose another --state folder.",
            Exit.JOB_FAILED,
        )
