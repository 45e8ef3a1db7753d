# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette batch MANIFEST --output DIR`: checks everything, tells the price, then makes what is missing.

The state lies in DIR/.maquette: running the same command again goes on, and pays for nothing twice.
"""

import os
import random
import shlex
import shutil
import subprocess
import sys
import time
from argparse import Namespace
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from ..batches import (
    Claims,
    Defaults,
    Item,
    Limits,
    Manifest,
    Presence,
    Run,
    Stage,
    make_items,
    read_manifest,
    write_sheet,
    write_table,
)
from ..batches.plan import price_key, read_outputs
from ..batches.run import OVER_COST
from ..client import InputError, NotFoundError
from ..jobs import placeholder_inputs, safe_name
from ..scene import can_export
from .batch_files import Delivery
from .board import Board, summary
from .deliver import TICK_S, Patience
from .exits import EXPECTED, CommandError, Exit, exit_for
from .farm import assemble, choose_row
from .generate import check_space, named_values
from .session import Session

_CONCURRENCY = 4  # where the account's limit cannot be read
_NOTIFY_S = 300
_SECRETS = ("SCENARIO_", "MAQUETTE_")


def run_batch(arguments: Namespace) -> int:
    folder = Path(arguments.output).expanduser().resolve()
    state = folder / ".maquette"
    if arguments.row is not None:
        choose_row(arguments)
    if safe_name(arguments.machine) != arguments.machine:
        raise CommandError("--machine: give a short name of letters and digits.")
    state.mkdir(parents=True, exist_ok=True)
    arguments.state = str(state / "machines" / arguments.machine)
    presence = Presence(Path(arguments.state))
    with ExitStack() as stack:
        board = Board(folder / "batch.log", is_json=arguments.json, is_openjd=arguments.openjd)
        stack.callback(board.close)
        presence.enter(board.line)
        stack.callback(presence.leave)
        session = stack.enter_context(Session(arguments))
        code: int = Exit.JOB_FAILED
        try:
            code = _run(arguments, folder, session, board, presence)
        except KeyboardInterrupt:
            code = Exit.INTERRUPTED
            board.line("Interrupted. What was submitted goes on: the same command picks it up.")
        except (CommandError, *EXPECTED) as error:
            code = error.code if isinstance(error, CommandError) else exit_for(type(error))
            raise
        finally:
            board.event("end", exit_code=int(code))
            if arguments.notify and not arguments.dry_run:
                _notify(arguments.notify, folder, code, board)
        return code


def _run(arguments: Namespace, folder: Path, session: Session, board: Board, presence: Presence) -> int:
    manifest, items = _read(arguments, session)
    for problem in manifest.problems:
        board.line(str(problem))
    total = sum(item.price_cu or 0.0 for item in items)
    unknown = sum(item.price_cu is None for item in items)
    told = f"{len(items)} rows to make, {total:g} CU if none of them is there yet"
    told += f"; the price of {unknown} is not known before the upload" if unknown else ""
    told += f"; {len(manifest.problems)} problems" if manifest.problems else ""
    board.line(told)
    problems = [str(problem) for problem in manifest.problems]
    board.event("plan", rows=len(items), price_cu=total, unknown_prices=unknown, problems=problems)
    if arguments.dry_run:
        return Exit.USAGE if manifest.problems else Exit.DONE
    if manifest.problems and not arguments.skip_wrong:
        board.line("Nothing was started. Correct the rows, or leave them out with --skip-wrong.")
        return Exit.USAGE
    check_space(session.folder, "--output")
    claims = Claims(folder / ".maquette", arguments.machine)
    most = max(1, min(session.converters, len(items)))
    delivery = Delivery(session, folder, claims, has_turntable=arguments.turntable, most=most)
    limits = Limits(_concurrency(arguments, session), most, arguments.max_cost, arguments.retry_failed)
    run = Run(
        *(session.store, session.service, claims, items, limits),
        deliver=delivery.begin,
        wish=delivery.wish,
        is_there=delivery.is_there,
    )
    if arguments.limit is not None:
        run.keep_to(arguments.limit)
    try:
        if not arguments.assemble:
            _follow(run, session, board, presence)
    finally:
        delivery.close()
        rows = sorted(run.rows, key=lambda row: row.item.row.number)
        if not arguments.only:  # the table and the page are of all rows
            run.look_elsewhere()
            delivery.add_pictures(rows)
            write_table(folder / "results.csv", rows, manifest.problems)
            write_sheet(folder / "index.html", rows, manifest.problems)
    board.line(f"{summary(run)} → {folder if arguments.only else folder / 'index.html'}")
    counts = run.counts()
    if arguments.assemble:
        board.line(f"All in one: {assemble(folder, claims, rows)}")
        return Exit.DONE if counts[Stage.DONE] == len(run.rows) else Exit.JOB_FAILED
    if run.stopped == OVER_COST:
        board.line(f"{counts[Stage.WAITING]} rows are left: the next one would exceed --max-cost.")
        return Exit.OVER_COST
    if run.stopped:
        board.line(f"Stopped: {run.stopped}")
        return Exit.NOT_ALLOWED
    return Exit.JOB_FAILED if counts[Stage.FAILED] or manifest.problems else Exit.DONE


def _read(arguments: Namespace, session: Session) -> tuple[Manifest, list[Item]]:
    """Every row checked and priced; nothing is spent."""
    manifest = read_manifest(Path(arguments.manifest).expanduser())
    read_outputs(arguments.outputs)
    if arguments.only:
        keys = {row.key for row in manifest.rows} | {problem.key for problem in manifest.problems}
        if missing := [key for key in arguments.only if key not in keys]:
            raise CommandError(f"--only: there is no row {missing[0]}.")
        manifest.rows = [row for row in manifest.rows if row.key in arguments.only]
        manifest.problems = [each for each in manifest.problems if each.key in arguments.only]
    _ = session.credentials
    parameters = named_values(arguments.param)
    defaults = Defaults(arguments.model or "", parameters, arguments.size, arguments.outputs)
    items = make_items(manifest, defaults, session.service, session.api.get_model)
    prices: dict[str, float | InputError | None] = {}
    for item in items:
        if (key := price_key(item)) not in prices:
            prices[key] = _price_or_error(session, item)
    good: list[Item] = []
    for item in items:
        price = prices[price_key(item)]
        if isinstance(price, InputError):
            manifest.refuse(item.row, str(price))
        elif not all(map(can_export, item.outputs)):
            manifest.refuse(item.row, "This Blender was built without USD. Leave .usd and .usdz out.")
        else:
            good.append(replace(item, price_cu=price))
    if arguments.shuffle:
        random.shuffle(good)
    return manifest, good


def _price_or_error(session: Session, item: Item) -> float | InputError | None:
    """None where the service prices real files only."""
    sent = placeholder_inputs(item.inputs)
    try:
        return session.api.estimate_cost(item.model.id, sent).creative_units
    except (InputError, NotFoundError) as error:
        return None if sent != item.inputs else InputError(str(error))


def _concurrency(arguments: Namespace, session: Session) -> int:
    if arguments.concurrency is not None:
        return arguments.concurrency
    balance = session.api.get_balance()
    return (balance and balance.parallel_jobs) or _CONCURRENCY


def _follow(run: Run, session: Session, board: Board, presence: Presence) -> None:
    """Until nothing is left to do. Raises CommandError if the service is gone."""
    watch, patience = session.watch(), Patience(session, board.line, "run the same command again")
    try:
        while run.step():
            board.tell(run)
            watch.touch()  # what the run itself has written is no news to `look`
            watch.look()
            patience.look()
            presence.beat()
            time.sleep(TICK_S / 4 if run.is_writing else TICK_S)
        board.tell(run)
    finally:
        watch.close()


def _notify(command: str, folder: Path, code: int, board: Board) -> None:
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
