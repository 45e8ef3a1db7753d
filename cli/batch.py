# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette batch MANIFEST --output DIR`: its options, its words on the terminal, and a word at its end."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from argparse import Namespace
from contextlib import closing
from pathlib import Path

from ..batches import read_manifest
from ..headless import Batch, MaquetteError, output_folder, take_options
from .batch_progress import BatchProgress
from .generate import named_values, where_of

_NOTIFY_S = 300
_SECRETS = ("SCENARIO_", "MAQUETTE_")


def run_batch(arguments: Namespace) -> int:
    folder = output_folder(arguments.output)
    _find_manifest(arguments)
    options = take_options(vars(arguments))
    parameters = named_values(arguments.param)
    on_event = _print_json if arguments.json else None
    with closing(BatchProgress(folder, on_event, is_openjd=arguments.openjd)) as progress:
        batch = Batch(folder, options, parameters, where_of(arguments), progress)
        try:
            batch.make(lambda: read_manifest(Path(arguments.manifest).expanduser()))
            if batch.problems and not options.dry_run and batch.run is None:
                progress.line("Nothing was started. Correct the rows, or leave them out with --skip-wrong.")
        except KeyboardInterrupt:
            progress.line("Interrupted. What was submitted goes on: the same command picks it up.")
        finally:
            if arguments.notify and not options.dry_run:
                _notify(arguments.notify, folder, batch.code, progress)
        return batch.code


def _find_manifest(arguments: Namespace) -> None:
    """`--only a b props.csv` means the table, too."""
    only = arguments.only or []
    if arguments.manifest is None and len(only) > 1 and Path(only[-1]).expanduser().exists():
        arguments.manifest = only.pop()
    if arguments.manifest is None:
        raise MaquetteError("Give the manifest: a folder of pictures, a .csv or a .jsonl file.")


def _print_json(event: dict[str, object]) -> None:
    print(json.dumps(event), flush=True)


def _notify(command: str, folder: Path, code: int, progress: BatchProgress) -> None:
    """Run the command with facts in its environment: nothing of the manifest becomes part of a command."""
    words = shlex.split(command, posix=os.name != "nt")
    facts = {"BATCH_FOLDER": str(folder), "BATCH_EXIT_CODE": str(int(code))}
    facts |= {"BATCH_RESULTS": str(folder / "results.csv"), "BATCH_SHEET": str(folder / "index.html")}
    env = {name: value for name, value in os.environ.items() if not name.startswith(_SECRETS)}
    try:
        if not words or not shutil.which(words[0]):
            raise OSError("there is no such command")
        done = subprocess.run(
            words, env=env | facts, stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=_NOTIFY_S
        )
        if done.returncode:
            progress.line(f"--notify ended with exit code {done.returncode}.")
    except (OSError, subprocess.SubprocessError) as error:
        progress.line(f"--notify could not be run: {error}")
