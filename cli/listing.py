# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette models` and `maquette jobs`: what there is, for people and as JSON."""

import json
import time
from argparse import Namespace

from ..client import CAPABILITIES, Model, describe_input
from ..headless import Exit, Session, get_model, wanted_outputs
from ..jobs import JobRecord, State, assets_of, cost_text, refuse_candidate, remove_assets, take_candidate
from .generate import job_json, where_of

_MAKES = {
    "img23d": "from an image or several views",
    "txt23d": "from text",
    "3d23d": "from a mesh",
    "video23d": "from a video",
}


def run_models(arguments: Namespace) -> int:
    """All 3D models, or one with its inputs, ranges and defaults; as JSON in the service's own form."""
    with Session(where_of(arguments)) as session:
        if arguments.id:
            model = get_model(session, arguments.id)
            print(json.dumps(model.raw, indent=2) if arguments.json else _describe(model))
            return Exit.DONE
        wanted = (arguments.capability,) if arguments.capability else CAPABILITIES
        models = list(session.api.list_models(capabilities=wanted))
    if arguments.json:
        print(json.dumps([model.raw for model in models], indent=2))
        return Exit.DONE
    width = max((len(model.id) for model in models), default=0)
    for model in models:
        able = "/".join(name for name in model.capabilities if name in CAPABILITIES)
        print(f"{model.id:<{width}}  {able:<14} {model.name}")
    shown = {name for model in models for name in model.capabilities}
    legend = [f"{name} {_MAKES[name]}" for name in CAPABILITIES if name in shown]
    print("\n" + " · ".join([*legend, "`models ID` tells a model's inputs"]))
    return Exit.DONE


def run_jobs(arguments: Namespace) -> int:
    """The jobs in the store, newest first; --cancel, --remove, --take and --refuse act on one."""
    with Session(where_of(arguments), is_new=False) as session:
        if arguments.cancel:
            job = session.store.request_cancel(session.store.get(arguments.cancel))
            asked = f"asked to stop; `{session.command('resume', job.id)}` follows it"
            text = {"": "canceled", "refused": job.message}.get(job.cancel, asked)
            print(f"{job.name}: {text}")
        elif arguments.take or arguments.refuse:
            job_id, remote_id = arguments.take or arguments.refuse
            decide = take_candidate if arguments.take else refuse_candidate
            job = decide(session.store, session.store.get(job_id), remote_id)
            text = f"it is {remote_id}. `{session.command('resume', job.id)}` fetches it."
            print(f"{job.name}: {text if arguments.take else job.message}")
        elif arguments.remove:
            job = session.store.get(arguments.remove)
            session.store.remove(job)
            print(f"{job.name}: removed with its files{_asset_words(job, is_to_go=arguments.with_asset)}")
        else:
            jobs = session.store.list_jobs(limit=arguments.limit)
            if arguments.json:
                print(json.dumps([job_json(session, job, _written(job)) for job in jobs], indent=2))
            else:
                print("\n".join(map(_job_line, jobs)) or "No jobs yet.")
    return Exit.DONE


def _asset_words(job: JobRecord, *, is_to_go: bool) -> str:
    """What has become of the job's asset, in whichever libraries it has one."""
    removed = ", ".join(map(str, remove_assets(job))) if is_to_go else ""
    kept = ", ".join(map(str, assets_of(job)))
    gone = f", its asset among them: {removed}" if removed else ""
    return f"{gone}. Its asset stays: {kept}" if kept else gone


def _written(job: JobRecord) -> list[str]:
    """The files that the job was written to, as far as they still stand there."""
    return [str(path) for path in wanted_outputs(job) if job.state is State.PLACED and path.exists()]


def _job_line(job: JobRecord) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.created_at))
    cost = "" if job.cost_cu is None else cost_text(job.cost_cu)
    state = "written" if job.state is State.PLACED and wanted_outputs(job) else job.state
    text = f"{job.id}  {when}  {state:<11} {cost:>9}  {job.name}  ({job.model_name})  {job.message}"
    return text.rstrip()


def _describe(model: Model) -> str:
    lines = [f"{model.name}  ({model.id})", "  " + ", ".join(model.capabilities)]
    lines += [f"  {model.short_description}", "Inputs (* required):"]
    for spec in model.inputs:
        star = "*" if spec.required.is_always else " "
        lines += [f" {star} {spec.name}: {describe_input(spec)}", f"       {spec.description}"]
    return "\n".join(line for line in lines if line.strip())
