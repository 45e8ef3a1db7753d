# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette library add`, `set` and `publish`: results as assets of Blender's Asset Browser."""

import argparse
import json
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from .. import preferences
from ..headless import (
    EXPECTED,
    Exit,
    MaquetteError,
    Session,
    add_to_library,
    blender_binary,
    open_library,
    publish_library,
)
from ..jobs import DONE, JobRecord, read_library, write_library
from .generate import job_json, where_of


def add_words(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Adds the actions; returns the parser of `add`, the only one that uses a store."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    def action(name: str, run_it: Callable[[Namespace], int], help_text: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=help_text, description=help_text)
        made.set_defaults(act=run_it)
        return made

    add = action("add", _run_add, "Keep results that are there already in a library.")
    add.add_argument("ids", nargs="*", metavar="JOB", help="`maquette jobs` lists them")
    add.add_argument("--all", action="store_true", help="all finished jobs")
    help_text = "the library's folder (the one of the preferences)"
    add.add_argument("--library", metavar="DIR", help=help_text)
    change = action("set", _run_set, "Say what a library tells of each asset from now on.")
    change.add_argument("folder", metavar="DIR")
    for name in ("author", "licence", "copyright"):
        change.add_argument(f"--{name}", metavar="TEXT")
    help_text = "whether it keeps a table of what they cost"
    change.add_argument("--prices", action=argparse.BooleanOptionalAction, default=None, help=help_text)
    publish = action("publish", _run_publish, "List a library for a web server, with Blender 5.2 or later.")
    publish.add_argument("folder", metavar="DIR")
    publish.add_argument("--with-prices", action="store_true", help="also the table of what they cost")
    return add


def run_library(arguments: Namespace) -> int:
    return arguments.act(arguments)


def _run_add(arguments: Namespace) -> int:
    name = arguments.library or preferences.library_folder()
    if not name:
        raise MaquetteError("Say which library: --library DIR, or switch one on in the preferences.")
    if bool(arguments.ids) == arguments.all:
        raise MaquetteError("Name the jobs to keep (`maquette jobs` lists them), or give --all.")
    library = open_library(name)
    blender_binary()
    code = Exit.DONE
    with Session(where_of(arguments), is_new=False) as session:
        store = session.store
        jobs = store.list_jobs(states=DONE) if arguments.all else [store.get(each) for each in arguments.ids]
        if arguments.all:
            jobs = [job for job in jobs if store.result_blend(job).exists()]
        written: list[dict[str, object]] = []
        for job in jobs:
            path = _added(session, job, library)
            code = code if path else Exit.JOB_FAILED
            written.append(job_json(session, store.get(job.id), [str(path)] if path else []))
    if not jobs:
        print("No finished jobs.", file=sys.stderr)
    if arguments.json:
        print(json.dumps({"ok": not code, "error": None, "jobs": written}))
    return code


def _added(session: Session, job: JobRecord, library: Path) -> Path | None:
    """Its file; None if it could not be written, which is told: the others are."""
    try:
        path = add_to_library(session, job, library)
    except EXPECTED as error:
        print(f"{job.name}: {error}", file=sys.stderr)
        return None
    print(f"{job.name} → {path}", file=sys.stderr)
    return path


def _run_set(arguments: Namespace) -> int:
    folder = open_library(arguments.folder, is_new=False)
    names = ("author", "licence", "copyright", "prices")
    given = {name: getattr(arguments, name) for name in names}
    changed = {name: value for name, value in given.items() if value is not None}
    settings = replace(read_library(folder), **changed)
    if changed:
        write_library(folder, settings)
    for name, value in asdict(settings).items():
        print(f"{name} = {json.dumps(value, ensure_ascii=False)}")
    return Exit.DONE


def _run_publish(arguments: Namespace) -> int:
    listing = publish_library(arguments.folder, with_prices=arguments.with_prices)
    text = "This folder on any web server is an online library for Blender 5.2 and later."
    print(f"{listing}\n{text}")
    return Exit.DONE
