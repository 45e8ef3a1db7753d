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

from ..batches import Defaults, read_manifest
from .batch_progress import BatchProgress
from .batching import Batch, BatchOptions, output_folder
from .exits import CommandError
from .farm import choose_rows
from .generate import named_values
from .session import where_of

_NOTIFY_S = 300
_SECRETS = ("SCENARIO_", "MAQUETTE_")


def run_batch(arguments: Namespace) -> int:
    folder = output_folder(arguments.output)
    _find_manifest(arguments)
    if arguments.rows:
        choose_rows(arguments)
    parameters = named_values(arguments.param)
    options = BatchOptions(
        Defaults(arguments.model or "", parameters, arguments.size, arguments.outputs),
        dry_run=arguments.dry_run,
        max_cost=arguments.max_cost,
        concurrency=arguments.concurrency,
        converters=arguments.converters,
        only=arguments.only or (),
        rows=arguments.rows,
        limit=arguments.limit,
        shuffle=arguments.shuffle,
        skip_wrong=arguments.skip_wrong,
        retry_failed=arguments.retry_failed,
        turntable=arguments.turntable,
        machine=arguments.machine,
        assemble=arguments.assemble,
        record_failures=arguments.record_failures,
    )
    on_event = _print_json if arguments.json else None
    with closing(
        BatchProgress(folder, words=sys.stderr, on_event=on_event, is_openjd=arguments.openjd)
    ) as board:
        batch = Batch(folder, options, where_of(arguments), board)
        try:
            batch.make(lambda: read_manifest(Path(arguments.manifest).expanduser()))
            if batch.problems and not options.dry_run and batch.run is None:
                board.line("Nothing was started. Correct the rows, or leave them out with --skip-wrong.")
        except KeyboardInterrupt:
            board.line("Interrupted. What was submitted goes on: the same command picks it up.")
        finally:
            if arguments.notify and not arguments.dry_run:
                _notify(arguments.notify, folder, batch.code, board)
        return batch.code


def _find_manifest(arguments: Namespace) -> None:
    """`--only a b props.csv` means the table, too."""
    only = arguments.only or []
    if arguments.manifest is None and len(only) > 1 and Path(only[-1]).expanduser().exists():
        arguments.manifest = only.pop()
    if arguments.manifest is None:
        raise CommandError("Give the manifest: a folder of pictures, a .csv or a .jsonl file.")


def _print_json(event: dict[str, object]) -> None:
    print(json.dumps(event), flush=True)


def _notify(command: str, folder: Path, code: int, board: BatchProgress) -> None:
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
            board.line(f"--notify ended with exit code {done.returncode}.")
    except (OSError, subprocess.SubprocessError) as error:
        board.line(f"--notify could not be run: {error}")
