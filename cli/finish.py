# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette finish JOB…`: results that are there, finished by a profile, judged, and written. It is free."""

import json
import sys
from argparse import Namespace
from pathlib import Path

from ..batches import OUTPUTS
from ..headless import Exit, MaquetteError, Session, add_to_library, check_finishable, finish, write_outputs
from ..jobs import assets_of, finish_of, named_profile
from .generate import job_json, output_path, tell_result, where_of
from .progress import ProgressLine


def run_finish(arguments: Namespace) -> int:
    """Finish the named jobs; 1 if one could not be, 6 if one is rejected. No service is asked."""
    profile = named_profile(arguments.finish, arguments.faces)
    if arguments.output and len(arguments.ids) > 1:
        raise MaquetteError("-o takes the result of one job. Finish the jobs one by one.")
    outputs = [output_path(name, *OUTPUTS) for name in arguments.output]
    progress = ProgressLine()
    code = Exit.DONE
    told: list[dict[str, object]] = []
    with Session(where_of(arguments), is_new=False) as session:
        jobs = [session.store.get(job_id) for job_id in arguments.ids]
        for job in jobs:
            check_finishable(session, job)
        for job in jobs:
            print(f"{job.name}: {profile.label}, which costs nothing", file=sys.stderr)
            done = finish(session, job, profile)
            for path in assets_of(job) if done is not job else ():  # they are what the result was before
                add_to_library(session, session.store.get(job.id), path.parent)
            if outputs:
                write_outputs(session, done, [Path(name) for name in outputs])
            rejected = tell_result(progress, session, done, outputs, arguments.require)
            facts = finish_of(done.result)
            if facts and facts.error:
                code = Exit.JOB_FAILED
            elif rejected:
                code = code or Exit.REJECTED
            told.append(job_json(session, done, outputs, rejected))
    if arguments.json:
        print(json.dumps({"ok": not code, "error": None, "jobs": told}))
    return code
