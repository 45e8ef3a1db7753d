# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette generate`, `cost` and `resume`: what spends is announced with its price first, and spent once."""

import json
import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from ..batches import OUTPUTS, delivered_files
from ..client import JsonValue
from ..headless import (
    Exit,
    GenerateRequest,
    MaquetteError,
    Resumable,
    Session,
    Where,
    check_cost,
    deliver,
    exit_for_job,
    find_resumable,
    left_elsewhere,
    open_library,
    read_request,
    resume_jobs,
    start,
    stop_unpaid,
    wait_for,
    wanted_outputs,
)
from ..jobs import (
    DONE,
    LIBRARY_KEY,
    JobRecord,
    Report,
    Requirement,
    State,
    cost_text,
    finish_json,
    finish_of,
    finish_sentence,
    named_profile,
    reasons,
    report_json,
    report_of,
    sentence_of,
)
from ..scene import can_export
from .progress import ProgressLine


def where_of(arguments: Namespace) -> Where:
    return Where(arguments.sandbox, arguments.api_url, state=getattr(arguments, "state", None))


def run_generate(arguments: Namespace) -> int:
    outputs = [output_path(name, *OUTPUTS) for name in arguments.output]
    preview = output_path(arguments.preview, ".png") if arguments.preview else None
    profile = named_profile(arguments.finish, arguments.faces)
    library = {LIBRARY_KEY: str(open_library(arguments.library))} if arguments.library else {}
    with Session(where_of(arguments)) as session:
        try:
            request = _read(session, arguments, sys.stderr)
            check_cost(request.cost_cu, arguments.max_cost)
            if arguments.dry_run:
                if arguments.json:
                    print(json.dumps({"model": request.model.id, "cost_cu": request.cost_cu}))
                return Exit.DONE
            placement = {"size_m": arguments.size, "outputs": [*outputs], "preview": preview, **library}
            job = start(
                session,
                request,
                name=arguments.name,
                placement=placement,
                max_cost_cu=arguments.max_cost,
                profile=profile,
            )
            return _finish(session, [job], is_json=arguments.json, gate=arguments.require)
        except KeyboardInterrupt:
            return _interrupted(session)


def run_cost(arguments: Namespace) -> int:
    """The price of what `generate` would do, and the balance where the key may read it; spends nothing."""
    with Session(where_of(arguments)) as session:
        out = sys.stderr if arguments.json else sys.stdout
        request = _read(session, arguments, out)
        balance = session.api.get_balance()
        balance_cu = balance and balance.remaining_cu
        if arguments.json:
            print(
                json.dumps({"model": request.model.id, "cost_cu": request.cost_cu, "balance_cu": balance_cu})
            )
        elif balance_cu is not None:
            print(f"Balance: {cost_text(balance_cu)}")
    return Exit.DONE


def run_resume(arguments: Namespace) -> int:
    """Take up the named jobs, or every one that costs nothing more; with --pay also those that cost."""
    is_paying = arguments.pay or bool(arguments.ids)
    with Session(where_of(arguments), is_new=False) as session:
        try:
            found = find_resumable(session, arguments.ids)
            _tell_resumable(session, found, is_paying=is_paying)
            jobs = resume_jobs(session, found, is_paying=is_paying, max_cost_cu=arguments.max_cost)
            code = _finish(session, jobs, is_json=arguments.json)
        except KeyboardInterrupt:
            return _interrupted(session, is_resuming=True)
    left = Exit.OVER_COST if found.unpaid and not is_paying else Exit.DONE
    return code or (Exit.JOB_FAILED if found.in_doubt else left)


def _tell_resumable(session: Session, found: Resumable, *, is_paying: bool) -> None:
    """Names each job with what it costs from here on."""
    words = [f"{job.name}: {job.message}" for job in found.in_doubt]
    words += [f"{job.name} ({job.id}): costs nothing more" for job in found.paid]
    for job, price in zip(found.unpaid, found.prices, strict=True):
        words.append(f"{job.name} ({job.id}): {_price_text(price)}")
    if not is_paying:
        words += [
            f"{job.name} is left: `{session.command('resume', job.id)}` pays for it" for job in found.unpaid
        ]
    if found.is_empty:
        words.append(f"Nothing to resume.{left_elsewhere(session)}")
    for line in words:
        print(line, file=sys.stderr)


def _finish(
    session: Session, jobs: list[JobRecord], *, is_json: bool, gate: Sequence[Requirement] = ()
) -> int:
    progress = ProgressLine()
    store = session.store
    if jobs:
        again = f"run `{session.command('resume', *(job.id for job in jobs))}`"
        jobs = wait_for(session, jobs, progress, again=again)
    written = deliver(session, jobs)
    jobs = [store.get(job.id) for job in jobs]  # what went wrong with its asset is told there
    codes: list[Exit] = [exit_for_job(job) for job in jobs]
    rejected: dict[str, tuple[str, ...]] = {}
    for job in jobs:
        # One that was there before does not count.
        missing = [str(path) for path in wanted_outputs(job) if str(path) not in written.get(job.id, ())]
        if job.state in DONE and missing:
            codes.append(Exit.JOB_FAILED)
            kept = ", ".join(written[job.id]) or "no files"
            progress.line(
                f"{job.name}: not written: {', '.join(missing)}. Delivered: {kept}. {job.message}".rstrip()
            )
        elif job.state in DONE:
            rejected[job.id] = tell_result(progress, session, job, written[job.id], gate)
        else:
            command = session.command("resume", job.id)
            ending = f" `{command}` tries again." if job.resume_state and not job.doubts else ""
            ending = f" `{command}` submits it, which is paid for." if store.would_spend(job) else ending
            files = [str(path) for path in delivered_files(session.store, job) if path.exists()]
            kept = f" Delivered: {', '.join(files)}." if files else ""
            progress.line(f"{job.name}: {job.message or job.state}{kept}{ending}")
    code = max(codes, default=Exit.DONE) or (Exit.REJECTED if any(rejected.values()) else Exit.DONE)
    if is_json:
        written_jobs = [
            job_json(session, store.get(job.id), written.get(job.id, []), rejected.get(job.id, ()))
            for job in jobs
        ]
        print(json.dumps({"ok": not code, "error": None, "jobs": written_jobs}))
    return code


def tell_result(
    progress: ProgressLine,
    session: Session,
    job: JobRecord,
    files: Sequence[str],
    gate: Sequence[Requirement],
) -> tuple[str, ...]:
    """Says what came of a job, and what of that was finished; returns why it is rejected, if it is."""
    faces = job.result.get("faces")
    facts = f"{faces:,} faces" if isinstance(faces, int) else "done"
    cost = "" if job.cost_cu is None else f", {cost_text(job.cost_cu)}"
    where = ", ".join(files) or session.store.result_blend(job)
    progress.line(f"{job.name}: {facts}{cost} → {where}")
    if job.message:
        progress.line(f"{job.name}: {job.message}")
    report, finish = _report_of(job), finish_of(job.result)
    if finish and not finish.error:  # else the message has it
        progress.line(f"{job.name}: {finish_sentence(finish, report)}")
    if report:
        progress.line(f"{job.name}: {sentence_of(report)}")
    rejected = reasons(gate, report)
    if rejected:
        progress.line(f"{job.name}: rejected: {'; '.join(rejected)}")
    return rejected


def _interrupted(session: Session, *, is_resuming: bool = False) -> int:
    """Stops what the session has not submitted, and says what becomes of each of its jobs."""
    print("Interrupted.", file=sys.stderr)
    for job in session.store.list_jobs(service=session.service, session=session.id):
        now = stop_unpaid(session, job, is_resuming=is_resuming)
        command = session.command("resume", job.id)
        unpaid = "not submitted again" if now.submitted_at else "not submitted: nothing was paid"
        match now.state:
            case State.CANCELED if now.remote_id is None:
                text = f"canceled, {unpaid}."
            case State.FAILED if now.resume_state is State.PREPARED:
                text = f"{unpaid}. `{command}` submits it."
            case State.SUBMITTING | State.UNCERTAIN:
                text = f"it was being submitted and may be paid for. `{command}` looks it up."
            case _ if now.is_working:
                text = f"it was submitted and goes on at the service. `{command}` picks it up."
            case State.READY:
                text = f"it is made. `{command}` writes its files."
            case _:
                continue
        print(f"{now.name}: {text}", file=sys.stderr)
    return Exit.INTERRUPTED


def job_json(
    session: Session, job: JobRecord, outputs: list[str], rejected: Sequence[str] = ()
) -> dict[str, object]:
    """A job as the machine-readable output has it; keys are only ever added."""
    blend = session.store.result_blend(job)
    report = _report_of(job)
    return {
        "id": job.id,
        "state": job.state,
        "name": job.name,
        "model": job.model_id,
        "remote_id": job.remote_id,
        "cost_cu": job.cost_cu,
        "refunded_cu": job.refunded_cu,
        "blend": str(blend) if blend.exists() else None,
        "outputs": outputs,
        "faces": job.result.get("faces"),
        "report": report_json(report),
        "finish": finish_json(finish_of(job.result), report),
        "rejected": [*rejected],
        "candidates": job.doubts,
        "error": job.message if job.error_kind else None,
        "message": job.message,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
    }


def _report_of(job: JobRecord) -> Report | None:
    """At the size that its files have."""
    report = report_of(job.result)
    return report and report.at_size(job.size_m)


def _read(session: Session, arguments: Namespace, out: TextIO) -> GenerateRequest:
    """What was asked for, its price told on `out`."""
    parameters = named_values(arguments.param)
    request = read_request(session, arguments.images, arguments.prompt, arguments.model, parameters)
    print(f"{request.model.name}: {_price_text(request.cost_cu)}", file=out)
    return request


def _price_text(cost_cu: float | None) -> str:
    return (
        "price not known before the upload" if cost_cu is None else f"{cost_text(cost_cu)} (creative units)"
    )


def named_values(parameters: list[str]) -> dict[str, JsonValue]:
    """The values of `--param NAME=VALUE` by name."""
    for parameter in parameters:
        if "=" not in parameter:
            raise MaquetteError(f"--param {parameter}: write it as NAME=VALUE.")
    return {name: value for name, _, value in (parameter.partition("=") for parameter in parameters)}


def output_path(name: str, *allowed: str) -> str:
    """The file's whole path, where it can be written. Raises MaquetteError."""
    if Path(name).suffix.lower() not in allowed:
        raise MaquetteError(f"{name}: an output's name ends in {' or '.join(allowed)}.")
    if not can_export(Path(name).suffix.lower()):
        raise MaquetteError(f"{name}: this Blender was built without USD.")
    try:  # now, not when it is paid for
        path = Path(name).expanduser().resolve()
        if path.is_dir():
            raise MaquetteError(f"{name} is a folder. Give the name of a file.")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            return str(path)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no such home
        why = getattr(error, "strerror", None) or error
        raise MaquetteError(f"{name} cannot be written: {why}. Choose another place.") from error
