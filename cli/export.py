# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette export`: the results of jobs as files for another program; nothing is sent, nothing is paid."""

import json
import sys
from argparse import Namespace
from pathlib import Path

from ..headless import Exit, MaquetteError, Session, export_jobs, read_form
from .generate import where_of


def run_export(arguments: Namespace) -> int:
    """Each job's result to a file; one line each, or as JSON."""
    try:
        output = Path(arguments.output).expanduser().resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no such home
        raise MaquetteError(f"{arguments.output} cannot be used: {error}. Choose another place.") from error
    is_file = len(arguments.ids) == 1 and bool(output.suffix) and not output.is_dir()
    form = read_form(output if is_file else None, arguments.format, arguments.textures, arguments.target)
    with Session(where_of(arguments), is_new=False) as session:
        jobs = [session.store.get(job_id) for job_id in dict.fromkeys(arguments.ids)]
        size_m = arguments.size if "size" in arguments else "as the job"  # None: the original's
        paths = export_jobs(session, jobs, output, form, size_m=size_m)
    for job, path in zip(jobs, paths, strict=True):
        print(f"{job.name} → {path}", file=sys.stderr)
    if arguments.json:
        files = [{"id": job.id, "file": str(path)} for job, path in zip(jobs, paths, strict=True)]
        print(json.dumps({"ok": True, "error": None, "files": files}))
    return Exit.DONE
