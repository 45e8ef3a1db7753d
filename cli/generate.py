# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette generate`, `cost` and `resume`: what spends is announced with its price first, and spent once."""

import json
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import TextIO

from ..client import JsonValue
from ..jobs import DONE, JobRecord, State
from .deliver import deliver, wait_for
from .exits import CommandError, Exit, exit_for_job
from .order import Order, check_cost, read_order, start
from .progress import ProgressLine
from .session import Session, where_of


def run_generate(arguments: Namespace) -> int:
    outputs = [_output(name, ".blend", ".glb") for name in arguments.output]
    preview = _output(arguments.preview, ".png") if arguments.preview else None
    with Session(where_of(arguments)) as session:
        order = _read(session, arguments, sys.stderr)
        check_cost(order, arguments.max_cost)
        if arguments.dry_run:
            if arguments.json:
                print(json.dumps({"model": order.model.id, "cost_cu": order.cost_cu}))
            return Exit.DONE
        placement = {"size_m": arguments.size, "outputs": [*outputs], "preview": preview}
        job = start(session, order, name=arguments.name, placement=placement, max_cost_cu=arguments.max_cost)
        return _finish(session, [job], is_json=arguments.json)


def run_cost(arguments: Namespace) -> int:
    """The price of what `generate` would do, and the balance where the key may read it; spends nothing."""
    with Session(where_of(arguments)) as session:
        out = sys.stderr if arguments.json else sys.stdout
        order = _read(session, arguments, out)
        balance = session.api.get_balance()
        balance_cu = balance and balance.remaining_cu
        if arguments.json:
            print(json.dumps({"model": order.model.id, "cost_cu": order.cost_cu, "balance_cu": balance_cu}))
        elif balance_cu is not None:
            print(f"Balance: {balance_cu:g} CU")
    return Exit.DONE


def run_resume(arguments: Namespace) -> int:
    """Take up every job that stopped half-way, or the named ones; nothing is paid twice."""
    with Session(where_of(arguments)) as session:
        _ = session.credentials
        store = session.store
        jobs = [store.get(job_id) for job_id in arguments.ids] or store.list_jobs(service=session.service)
        for job in jobs:
            if job.service != session.service:
                raise CommandError(f"Job {job.id} belongs to {job.service}: resume it there.")
        wanted = [job for job in reversed(jobs) if job.is_working or job.resume_state or _is_undelivered(job)]
        if not wanted:
            print("Nothing to resume.", file=sys.stderr)
        wanted = [store.resume(job) if job.resume_state else job for job in wanted]
        return _finish(session, wanted, is_json=arguments.json, is_resuming=True)


def _is_undelivered(job: JobRecord) -> bool:
    return job.state is State.READY and bool(job.placement.get("outputs") or job.placement.get("preview"))


def _finish(session: Session, jobs: list[JobRecord], *, is_json: bool, is_resuming: bool = False) -> int:
    progress, store = ProgressLine(), session.store
    try:
        jobs = wait_for(session, jobs, progress)
        lost = [job for job in jobs if job.state is State.UNCERTAIN and job.resume_state]
        if is_resuming and lost:
            # A person asked for it, and the service has shown that it knows nothing of them.
            jobs = wait_for(session, [store.resume(job) if job in lost else job for job in jobs], progress)
    except KeyboardInterrupt:
        progress.line(
            "Stopped waiting. What was submitted goes on at the service: `maquette resume` picks it up."
        )
        return Exit.INTERRUPTED
    written = deliver(session, jobs)
    for job in jobs:
        if job.state in DONE:
            faces = job.result.get("faces")
            facts = f"{faces:,} faces" if isinstance(faces, int) else "done"
            cost = "" if job.cost_cu is None else f", {job.cost_cu:g} CU"
            files = ", ".join(written[job.id]) or store.job_folder(job.id) / "result.blend"
            progress.line(f"{job.name}: {facts}{cost} → {files} {job.message}".rstrip())
        else:
            ending = f" `maquette resume {job.id}` tries again." if job.resume_state else ""
            progress.line(f"{job.name}: {job.message or job.state}{ending}")
    if is_json:
        told = [job_json(session, store.get(job.id), written.get(job.id, [])) for job in jobs]
        print(json.dumps({"jobs": told}))
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


def _read(session: Session, arguments: Namespace, out: TextIO) -> Order:
    """What was asked for, its price told on `out`."""
    parameters = named_values(arguments.param)
    order = read_order(session, arguments.images, arguments.prompt, arguments.model, parameters)
    cost_cu = order.cost_cu
    told = "price not known before the upload" if cost_cu is None else f"{cost_cu:g} CU (creative units)"
    print(f"{order.model.name}: {told}", file=out)
    return order


def named_values(parameters: list[str]) -> dict[str, JsonValue]:
    """The values of `--param NAME=VALUE` by name."""
    for parameter in parameters:
        if "=" not in parameter:
            raise CommandError(f"--param {parameter}: write it as NAME=VALUE.")
    return {name: value for name, _, value in (parameter.partition("=") for parameter in parameters)}


def _output(name: str, *allowed: str) -> str:
    path = Path(name).expanduser().resolve()
    if path.suffix.lower() not in allowed:
        raise CommandError(f"{name}: an output's name ends in {' or '.join(allowed)}.")
    if path.is_dir():
        raise CommandError(f"{name} is a folder. Give the name of a file.")
    try:  # now, not when it is paid for
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            return str(path)
    except OSError as error:
        raise CommandError(f"{name} cannot be written: {error.strerror}. Choose another place.") from error
