# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender --background --command maquette …`: the words it knows, and how it ends.

Exit codes: 0 done, 1 a job failed, 2 wrong usage, 3 not signed in or not allowed, 4 over the cost
limit, 5 network or server, 6 made but rejected by --require, 130 interrupted.
"""

import argparse
import json
import sys
import time
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
from ..jobs import PROFILES, read_requirements, read_size, start_sandbox, stop_sandbox
from ..scene import TARGETS
from .batch import run_batch
from .export import run_export
from .finish import run_finish
from .generate import run_cost, run_generate, run_resume
from .library import add_words, run_library
from .listing import run_jobs, run_models

_LOOK_S = 0.2
# Adds a command: its name, what carries it out, and its help.
AddCommand = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]


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
        while process.poll() is None:
            time.sleep(_LOOK_S)  # a wait without an end misses a signal that comes just before it
        return process.returncode
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
        name: str, run_it: Callable[[argparse.Namespace], int], help_text: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help_text, description=help_text)
        made.set_defaults(run=run_it)
        return made

    _add_generate(command)
    _add_batch(command)
    _add_lists(command)
    _add_resume(command)
    _add_results(command)
    _add_sandbox(command)
    return parser


def _add_generate(command: AddCommand) -> None:
    help_text = "Make a 3D model and write it to a file."
    generate = command("generate", run_generate, help_text)
    help_text = "Tell what `generate` with the same words would cost, and the balance."
    cost = command("cost", run_cost, help_text)
    for parser in (generate, cost):
        add = parser.add_argument
        add("images", nargs="*", metavar="IMAGE", help="picture, or other file that the model takes")
        add("--prompt", metavar="TEXT", help="words to make a 3D model from")
        add("--model", metavar="ID", help="id of the model that makes it; `models` lists them")
        _add_repeatable(parser, "--param", "-p", metavar="NAME=VALUE", text="one of the model's inputs")
    add = generate.add_argument
    add("--name", help="name of the object")
    help_text = "longest side in metres (1), or `original`"
    add("--size", type=_argument(read_size), default=1.0, metavar="M", help=help_text)
    _add_repeatable(generate, "-o", "--output", metavar="FILE", text=f"of {', '.join(OUTPUTS)}")
    add("--preview", metavar="FILE", help="render a small picture of the result (.png)")
    add("--dry-run", action="store_true", help="check everything, ask for the price, spend nothing")
    add("--max-cost", type=float, metavar="CU", help="do not start if it costs more")
    _add_finish(generate)
    add("--library", metavar="DIR", help="keep the result in the asset library in this folder, too")
    _add_service(generate)
    _add_service(cost)


def _add_batch(command: AddCommand) -> None:
    help_text = "Make a 3D model of each row of a manifest; again: what is missing."
    batch = command("batch", run_batch, help_text)
    add = batch.add_argument
    add("manifest", nargs="?", metavar="MANIFEST", help="folder of pictures, .csv or .jsonl")
    add("-o", "--output", required=True, metavar="DIR", help="where results and the batch's state go")
    help_text = "for rows that do not say otherwise"
    add("--param", "-p", metavar="NAME=VALUE", action="append", default=[], help=help_text)
    for option in fields(BatchOptions):
        _add_option(batch, option)
    add("--openjd", action="store_true", help="print progress as Open Job Description reads it")
    add("--notify", metavar="COMMAND", help="run at the end; facts are in BATCH_… variables")
    _add_service(batch, has_state=False)


def _add_lists(command: AddCommand) -> None:
    """What lists the models and the jobs, and what is said of a job by its id."""
    help_text = "List the models that make 3D models, or one with its inputs."
    models = command("models", run_models, help_text)
    models.add_argument("id", nargs="?", metavar="ID")
    models.add_argument("--capability", choices=CAPABILITIES, help="only models that can do this")
    _add_service(models)
    jobs = command("jobs", run_jobs, "List the jobs.")
    add = jobs.add_argument
    add("--limit", type=_argument(read_count), default=50, metavar="N")
    add("--cancel", metavar="ID", help="stop a job, or ask the service to, once submitted")
    add("--remove", metavar="ID", help="forget a finished job and delete its files")
    add("--with-asset", action="store_true", help="with --remove: its asset in a library, too")
    pair = ("ID", "REMOTE")
    add("--take", nargs=2, metavar=pair, help="a job in doubt is the service's job REMOTE")
    add("--refuse", nargs=2, metavar=pair, help="a job in doubt is not the service's job REMOTE")
    _add_service(jobs)


def _add_resume(command: AddCommand) -> None:
    help_text = "Resume interrupted jobs. Without ID or --pay, only those that cost nothing more."
    resume = command("resume", run_resume, help_text)
    add = resume.add_argument
    add("ids", nargs="*", metavar="ID", help="a job to carry on; it is paid for if it was not yet")
    add("--pay", action="store_true", help="also submit, and pay for, those that stopped before that")
    add("--max-cost", type=float, metavar="CU", help="do not start if those to pay for cost more together")
    _add_service(resume)


def _add_results(command: AddCommand) -> None:
    """What works on results that are there."""
    help_text = "Finish results that are there by a profile, anew. It is free."
    finish = command("finish", run_finish, help_text)
    finish.add_argument("ids", nargs="+", metavar="JOB", help="as `jobs` lists it")
    _add_repeatable(finish, "-o", "--output", metavar="FILE", text="also write it")
    _add_finish(finish, is_required=True)
    _add_service(finish)
    help_text = "Write results that are made as files for another program."
    export = command("export", run_export, help_text)
    add = export.add_argument
    add("ids", nargs="+", metavar="JOB", help="as `jobs` lists them")
    help_text = "a file, whose ending says the format, or a folder for one file of each job"
    add("-o", "--output", required=True, metavar="FILE|DIR", help=help_text)
    help_text = "else as the file's name, or --target, says, or glb"
    add("--format", metavar="|".join(FORMATS), choices=(*FORMATS, "3mf"), help=help_text)
    help_text = "in the file, or as files in a folder beside it"
    add("--textures", metavar="inside|beside", choices=("inside", "beside"), help=help_text)
    help_text = "with the axes and the unit that this program expects"
    add("--target", metavar="|".join(TARGETS), choices=tuple(TARGETS), help=help_text)
    help_text = "longest side in metres, or `original`; else as the job said"
    add("--size", type=_argument(read_size), default=argparse.SUPPRESS, metavar="M", help=help_text)
    _add_service(export)
    help_text = "Keep results in an asset library of Blender's, and publish it."
    _add_service(add_words(command("library", run_library, help_text)))


def _add_sandbox(command: AddCommand) -> None:
    help_text = "Run a stand-in for the service here until it is interrupted."
    add = command("sandbox", _run_sandbox, help_text).add_argument
    add("--port", type=_port, metavar="N", help="any free one if not given")
    add("--data", metavar="DIR", help="where it keeps what it is sent and makes")
    add("--delay", type=float, metavar="S", help="seconds that a job takes at least")
    add("--price", type=float, metavar="CU", help="made-up price of every job")


def _add_service(parser: argparse.ArgumentParser, *, has_state: bool = True) -> None:
    """Which service is meant and which store, and how the answer is printed."""
    add = parser.add_argument_group("service").add_argument
    add("--sandbox", action="store_true", help="use a private stand-in: no account, no cost")
    add("--api-url", metavar="URL", help="another service (HTTPS, or HTTP to this machine)")
    if has_state:
        add("--state", metavar="DIR", help="folder for jobs and results")
    add("--json", action="store_true", help="print one machine-readable result on stdout")


def _add_repeatable(parser: argparse.ArgumentParser, *flags: str, metavar: str, text: str) -> None:
    parser.add_argument(*flags, metavar=metavar, action="append", default=[], help=f"{text}; repeatable")


def _add_finish(parser: argparse.ArgumentParser, *, is_required: bool = False) -> None:
    """What a result is finished by, and what it is judged by."""
    add = parser.add_argument
    help_text = f"finish it by a profile: {', '.join(PROFILES)}, or a .toml file"
    add("--finish", metavar="PROFILE", required=is_required, help=help_text)
    add("--faces", metavar="N", help="the profile's budget of faces")
    help_text = "end with 6 if the result does not meet these terms: `faces<=5000, manifold`, or a .toml file"
    add("--require", type=_argument(read_requirements), default=(), metavar="TERMS", help=help_text)


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


def _argument(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """As argparse takes it: what `read` raises as InputError is told as wrong usage."""

    def read_argument(text: str) -> Any:
        try:
            return read(text)
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read_argument


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("give a number from 1 to 65535")
    return int(text)
