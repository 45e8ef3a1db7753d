# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender --background --command maquette …`: the words it knows, and how it ends.

Exit codes: 0 done, 1 a job failed, 2 wrong usage, 3 not signed in or not allowed, 4 over the cost
limit, 5 network or server, 6 made but rejected by --require, 130 interrupted.
"""

import argparse
import json
import sys
import tomllib
from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, NoReturn

from ..batches import OUTPUTS
from ..client import CAPABILITIES, InputError
from ..headless import (
    EXPECTED,
    FORMATS,
    BatchOptions,
    Exit,
    MaquetteError,
    blender_binary,
    code_of,
    error_text,
    read_count,
)
from ..jobs import PROFILES, Requirement, read_requirements, read_size, start_sandbox, stop_sandbox
from ..scene import TARGETS
from .batch import run_batch
from .export import run_export
from .finish import run_finish
from .generate import run_cost, run_generate, run_resume
from .library import add_words, run_library
from .listing import run_jobs, run_models


def run(words: list[str]) -> int:
    """Carry out one command; returns the exit code, errors are one line on stderr."""
    try:
        arguments = _parser().parse_args(words)
        return int(arguments.run(arguments))
    except SystemExit as end:  # argparse has said why
        return end.code if isinstance(end.code, int) else int(Exit.USAGE)
    except EXPECTED as error:
        print(f"maquette: {error_text(error)}", file=sys.stderr)
        if "--json" in words:
            answer = {"ok": False, "error": error_text(error), "exit_code": int(code_of(error))}
            print(json.dumps(answer), flush=True)
        return code_of(error)


def _run_sandbox(arguments: argparse.Namespace) -> int:
    """Keep a sandbox running until Ctrl-C; its one line on stdout says where it is."""
    from .. import preferences

    try:
        data = Path(arguments.data or preferences.user_folder() / "sandbox").expanduser().resolve()
        data.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no such home
        why = getattr(error, "strerror", None) or error
        raise MaquetteError(f"{arguments.data} cannot be used: {why}. Choose another folder.") from error
    given = [(name, getattr(arguments, name)) for name in ("port", "delay", "price")]
    options = [f"--{name}={value}" for name, value in given if value is not None]
    process = start_sandbox(data, blender_binary(), options, stdout=None, stderr=None)
    try:
        return process.wait()
    except KeyboardInterrupt:
        return Exit.DONE
    finally:
        stop_sandbox(process)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise MaquetteError(f"{message} (`{self.prog} --help` tells more)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="maquette",
        description="Turn images, text and geometry into 3D models through the Scenario API.",
        epilog=(__doc__ or "").split("\n\n")[1],
    )
    parser.add_argument("--version", action="version", version=f"maquette {_version()}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str, run_it: Callable[[argparse.Namespace], int], words: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=words, description=words)
        made.set_defaults(run=run_it)
        return made

    generate = command("generate", run_generate, "Make a 3D model and write it to a file.")
    cost = command("cost", run_cost, "Tell what `generate` with the same words would cost, and the balance.")
    for it in (generate, cost):
        add = it.add_argument
        add("images", nargs="*", metavar="IMAGE", help="picture, or other file that the model takes")
        add("--prompt", metavar="TEXT", help="words to make a 3D model from")
        add("--model", metavar="ID", help="id of the model that makes it; `models` lists them")
        repeatable = {"action": "append", "default": []}
        add("--param", "-p", metavar="NAME=VALUE", help="one of the model's inputs; repeatable", **repeatable)
    add = generate.add_argument
    add("--name", help="name of the object")
    add("--size", type=_size, default=1.0, metavar="M", help="longest side in metres (1), or `original`")
    add(
        "-o",
        "--output",
        action="append",
        default=[],
        metavar="FILE",
        help=f"of {', '.join(OUTPUTS)}; repeatable",
    )
    add("--preview", metavar="FILE", help="render a small picture of the result (.png)")
    add("--dry-run", action="store_true", help="check everything, ask for the price, spend nothing")
    add("--max-cost", type=float, metavar="CU", help="do not start if it costs more")
    _add_finish(generate)
    words = "keep the result in the asset library in this folder, too"
    add("--library", metavar="DIR", help=words)
    batch = command("batch", run_batch, "Make a 3D model of each row of a manifest; again: what is missing.")
    add = batch.add_argument
    add("manifest", nargs="?", metavar="MANIFEST", help="folder of pictures, .csv or .jsonl")
    add("-o", "--output", required=True, metavar="DIR", help="where results and the batch's state go")
    add("--param", "-p", metavar="NAME=VALUE", help="for rows that do not say otherwise", **repeatable)
    for option in fields(BatchOptions):
        _add_option(batch, option)
    add("--openjd", action="store_true", help="print progress as Open Job Description reads it")
    add("--notify", metavar="COMMAND", help="run at the end; facts are in BATCH_… variables")
    models = command("models", run_models, "List the models that make 3D models, or one with its inputs.")
    models.add_argument("id", nargs="?", metavar="ID")
    models.add_argument("--capability", choices=CAPABILITIES, help="only models that can do this")
    jobs = command("jobs", run_jobs, "List the jobs.")
    jobs.add_argument("--limit", type=_count, default=50, metavar="N")
    jobs.add_argument("--cancel", metavar="ID", help="stop a job, or ask the service to, once submitted")
    jobs.add_argument("--remove", metavar="ID", help="forget a finished job and delete its files")
    jobs.add_argument("--with-asset", action="store_true", help="with --remove: its asset in a library, too")
    pair = {"nargs": 2, "metavar": ("ID", "REMOTE")}
    jobs.add_argument("--take", help="a job in doubt is the service's job REMOTE", **pair)
    jobs.add_argument("--refuse", help="a job in doubt is not the service's job REMOTE", **pair)
    words = "Resume interrupted jobs. Without ID or --pay, only those that cost nothing more."
    resume = command("resume", run_resume, words)
    add = resume.add_argument
    add("ids", nargs="*", metavar="ID", help="a job to carry on; it is paid for if it was not yet")
    add("--pay", action="store_true", help="also submit, and pay for, those that stopped before that")
    add("--max-cost", type=float, metavar="CU", help="do not start if those to pay for cost more together")
    finish = command("finish", run_finish, "Finish results that are there by a profile, anew. It is free.")
    finish.add_argument("ids", nargs="+", metavar="JOB", help="as `jobs` lists it")
    add = finish.add_argument
    add("-o", "--output", action="append", default=[], metavar="FILE", help="also write it; repeatable")
    _add_finish(finish, is_required=True)
    export = command("export", run_export, "Write results that are made as files for another program.")
    add = export.add_argument
    add("ids", nargs="+", metavar="JOB", help="as `jobs` lists them")
    words = "a file, whose ending says the format, or a folder for one file of each job"
    add("-o", "--output", required=True, metavar="FILE|DIR", help=words)
    words = "else as the file's name, or --target, says, or glb"
    add("--format", metavar="|".join(FORMATS), choices=(*FORMATS, "3mf"), help=words)
    words = "in the file, or as files in a folder beside it"
    add("--textures", metavar="inside|beside", choices=("inside", "beside"), help=words)
    words = "with the axes and the unit that this program expects"
    add("--target", metavar="|".join(TARGETS), choices=tuple(TARGETS), help=words)
    words = "longest side in metres, or `original`; else as the job said"
    add("--size", type=_size, default=argparse.SUPPRESS, metavar="M", help=words)
    words = "Keep results in an asset library of Blender's, and publish it."
    kept = add_words(command("library", run_library, words))
    for it in (generate, cost, batch, models, jobs, resume, finish, export, kept):
        add = it.add_argument_group("service").add_argument
        add("--sandbox", action="store_true", help="use a private stand-in: no account, no cost")
        add("--api-url", metavar="URL", help="another service (HTTPS, or HTTP to this machine)")
        if it is not batch:
            add("--state", metavar="DIR", help="folder for jobs and results")
        add("--json", action="store_true", help="print one machine-readable result on stdout")
    sandbox = command("sandbox", _run_sandbox, "Run a stand-in for the service here until it is interrupted.")
    add = sandbox.add_argument
    add("--port", type=_port, metavar="N", help="any free one if not given")
    add("--data", metavar="DIR", help="where it keeps what it is sent and makes")
    add("--delay", type=float, metavar="S", help="seconds that a job takes at least")
    add("--price", type=float, metavar="CU", help="made-up price of every job")
    return parser


def _add_finish(parser: argparse.ArgumentParser, *, is_required: bool = False) -> None:
    """What a result is finished by, and what it is judged by."""
    add = parser.add_argument
    words = f"finish it by a profile: {', '.join(PROFILES)}, or a .toml file"
    add("--finish", metavar="PROFILE", required=is_required, help=words)
    add("--faces", metavar="N", help="the profile's budget of faces")
    words = "end with 6 if the result does not meet these terms: `faces<=5000, manifold`, or a .toml file"
    add("--require", type=_require, default=(), metavar="TERMS", help=words)


def _add_option(parser: argparse.ArgumentParser, option: Field[Any]) -> None:
    """An option of a batch, as the one table has it; its value is read by the table, too."""
    about = option.metadata
    how: dict[str, Any] = {"default": option.default, "help": about["text"], **about["how"]}
    how |= {"metavar": about["value"]} if about["value"] else {"action": "store_true"}
    flags = [f"--{name.replace('_', '-')}" for name in (option.name, *about["aliases"])]
    parser.add_argument(*flags, **how)


def _version() -> str:
    manifest = Path(__file__).resolve().parent.parent / "blender_manifest.toml"
    return tomllib.loads(manifest.read_text(encoding="utf-8"))["version"]


def _count(text: str) -> int:
    try:
        return read_count(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("give a number from 1 to 65535")
    return int(text)


def _require(text: str) -> tuple[Requirement, ...]:
    try:
        return read_requirements(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _size(text: str) -> float | None:
    try:
        return read_size(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
