# SPDX-License-Identifier: GPL-3.0-or-later
"""A batch from its manifest to its contact sheet: checks everything, tells the price, makes what is missing.

The state lies in FOLDER/.maquette: the same once more goes on, and pays for nothing twice.
"""

import difflib
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..batches import (
    Claims,
    Defaults,
    Delivery,
    Fate,
    HostLock,
    Item,
    Manifest,
    Outcome,
    Problem,
    RowState,
    RowStatus,
    Run,
    RunLimits,
    make_items,
    write_sheet,
    write_table,
)
from ..batches.manifest import stem_of
from ..batches.plan import price_key, read_outputs
from ..batches.run import OVER_COST
from ..client import InputError, NotFoundError
from ..jobs import UNPAID, State, cost_text, safe_name
from ..scene import can_export
from .batch_progress import BatchProgress, summary
from .exits import EXPECTED, CommandError, Exit, code_of
from .farm import assemble, recorded, tell_failures
from .generate import stopped
from .generate_request import check_space, price_or_none
from .outputs import TICK_S, OutageTimer
from .session import Session, Where, blender_binary

_PUBLISH_S = 30.0  # the least time between two writings of the table and the page
_SHOWN = 20  # files that a line names
_PAID = (Fate.NEW, Fate.CHANGED, Fate.UNPAID, Fate.RETRIED)
_CONCURRENCY = 4  # where the account's limit cannot be read


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """What a person wants of a batch, under the names that the command's options have."""

    defaults: Defaults = field(default_factory=Defaults)
    dry_run: bool = False
    max_cost: float | None = None
    concurrency: int | None = None
    converters: int | None = None
    only: Sequence[str] = ()  # keys
    rows: tuple[int, int] | None = None  # from and to, counted from 1
    limit: int | None = None
    shuffle: bool = False
    skip_wrong: bool = False
    retry_failed: bool = False
    turntable: bool = False
    machine: str = "main"
    assemble: bool = False
    record_failures: bool = False

    @property
    def is_part(self) -> bool:
        """Whether it is of some rows alone: table and page, which are of all, are left as they are."""
        return bool(self.only or self.rows)

    def __post_init__(self) -> None:
        if safe_name(self.machine) != self.machine:
            raise CommandError("machine: give a short name of letters and digits.")
        for name in ("concurrency", "converters", "limit"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise CommandError(f"{name}: give a number from 1 on.")


def output_folder(name: str | os.PathLike[str]) -> Path:
    """The folder, made if it is not there. Raises CommandError where nothing can be written to it."""
    try:
        folder = Path(name).expanduser().resolve()
        if folder.exists() and not folder.is_dir():
            raise CommandError(f"{name} is a file. Give the name of a folder for the results.")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: there is no such home
        why = getattr(error, "strerror", None) or error
        raise CommandError(f"{name} cannot be written to: {why}. Choose another output folder.") from error


class Batch:
    """`make` does it, once; the attributes then say how it went, also where `make` has raised."""

    def __init__(self, folder: Path, options: BatchOptions, where: Where, board: BatchProgress) -> None:
        self.folder = folder
        self._options = options
        self._board = board
        self._where = replace(where, state=folder / ".maquette" / "machines" / options.machine)
        self.code: Exit = Exit.JOB_FAILED
        self.error: str | None = None  # why it ended before its end
        self.items: list[Item] = []  # rows that can be made
        self.problems: list[Problem] = []
        self.to_pay_cu = 0.0  # when it begins, without what has no price yet
        self.claims: Claims | None = None
        self.run: Run | None = None  # once something may be started

    @property
    def rows(self) -> list[RowState]:
        return sorted(self.run.rows if self.run else (), key=lambda row: row.item.row.number)

    @property
    def price_cu(self) -> float:
        """Of all rows, as if none of them was there; without those whose price is not known."""
        return sum(item.price_cu or 0.0 for item in self.items)

    @property
    def unknown_prices(self) -> int:
        return sum(item.price_cu is None for item in self.items)

    def make(self, read: Callable[[], Manifest]) -> None:
        """Raises CommandError or one of EXPECTED; what was submitted until then goes on at the service."""
        try:
            with ExitStack() as stack:
                host_lock = HostLock(Path(self._where.state or ""))
                host_lock.acquire(self._board.line)
                stack.callback(host_lock.release)
                session = stack.enter_context(Session(self._where, converters=self._options.converters))
                self.code = self._make(read, session, host_lock)
        except KeyboardInterrupt:
            self.code = Exit.INTERRUPTED
            raise
        except EXPECTED as error:
            self.code, self.error = code_of(error), str(error)
            raise
        finally:
            facts = (
                {"spent_cu": self.run.spent_cu(), "refunded_cu": self.run.refunded_cu()} if self.run else {}
            )
            facts |= {"ok": not self.code, "error": self.error}
            self._board.event("end", exit_code=int(self.code), **facts)

    def _make(self, read: Callable[[], Manifest], session: Session, host_lock: HostLock) -> Exit:
        options = self._options
        board = self._board
        folder = self.folder
        self._check(read(), session)
        for problem in self.problems:
            board.line(str(problem))
        is_skipping = options.skip_wrong or options.record_failures or options.assemble
        is_all_wrong = any(not problem.number for problem in self.problems)
        is_wrong = bool(self.problems) and (is_all_wrong or not is_skipping)
        if not options.dry_run and not is_wrong:
            check_space(session.folder, "output")
        claims = self.claims = Claims(folder / ".maquette", options.machine)
        most = max(1, min(session.converters, len(self.items)))
        delivery = Delivery(
            *(session.store, folder, claims, blender_binary()), has_turntable=options.turntable, most=most
        )
        is_dry = options.dry_run or is_wrong
        concurrency = 1 if is_dry else self._concurrency(session)
        limits = RunLimits(concurrency, most, options.max_cost, options.retry_failed, is_dry)
        run = Run(*(session.store, session.service, claims, self.items, limits, delivery), session=session.id)
        if options.limit is not None:
            run.keep_to(options.limit)
        self.to_pay_cu = run.to_pay_cu()
        self._tell_plan(run, claims)
        if is_wrong:
            return Exit.USAGE  # nothing was started
        self.run = run
        if options.dry_run:
            return Exit.USAGE if self.problems else self._dry_code(run)
        try:
            if options.assemble:
                tell_failures(claims, run.rows)
            else:
                self._follow(run, session, host_lock, delivery)
        finally:
            try:
                self._publish(run, delivery, is_over=True)
            finally:
                delivery.close()
        board.line(f"{summary(run, is_over=True)} → {folder if options.is_part else folder / 'index.html'}")
        return self._ended(run, claims)

    def _publish(self, run: Run, delivery: Delivery, *, is_over: bool = False) -> None:
        """The table and the page as they are now; they are of all rows."""
        if self._options.is_part:
            return
        run.look_elsewhere()
        while delivery.add_pictures(self.rows) and is_over:
            time.sleep(TICK_S / 4)
        write_table(self.folder / "results.csv", self.rows, self.problems)
        write_sheet(self.folder / "index.html", self.rows, self.problems)

    def _ended(self, run: Run, claims: Claims) -> Exit:
        counts, board = run.counts(), self._board
        if self._options.record_failures:
            return recorded(run, claims, self.problems)
        if self._options.assemble:
            for row in self.rows:
                if row.stage is not RowStatus.DONE:
                    board.line(f"{row.item.key}: {row.stage}: {row.message}")
            path = assemble(self.folder, claims, self.rows)
            board.line(f"All in one: {path}" if path else "There is no result yet to put into all.blend.")
            return Exit.JOB_FAILED if self.problems or counts[RowStatus.DONE] < len(run.rows) else Exit.DONE
        if run.stopped == OVER_COST:
            board.line(
                f"{_rows(counts[RowStatus.WAITING])} left: the next one would exceed the limit on cost."
            )
            return Exit.OVER_COST
        if run.stopped:
            board.line(f"Stopped: {run.stopped}")
            return Exit.NOT_ALLOWED
        return Exit.JOB_FAILED if counts[RowStatus.FAILED] or self.problems else Exit.DONE

    def _check(self, manifest: Manifest, session: Session) -> None:
        """Every row checked and priced; nothing is spent."""
        options = self._options
        self.problems = manifest.problems
        for note in manifest.notes:
            self._board.line(note)
        read_outputs(options.defaults.outputs)
        if options.only:
            keys = {row.key for row in manifest.rows} | {problem.key for problem in manifest.problems}
            if missing := [key for key in options.only if key not in keys]:
                near = difflib.get_close_matches(missing[0], keys, 1)
                advice = f" Did you mean {near[0]}?" if near else ""
                raise CommandError(f"There is no row {', '.join(missing)}.{advice}")
            manifest.rows = [row for row in manifest.rows if row.key in options.only]
            manifest.problems[:] = [each for each in manifest.problems if each.key in options.only]
        if options.rows:
            first, last = options.rows
            manifest.rows = [row for row in manifest.rows if first <= row.number <= last]
            manifest.problems[:] = [each for each in manifest.problems if first <= each.number <= last]
        _ = session.credentials
        items = make_items(manifest, options.defaults, session.service, session.api.get_model)
        if options.is_part:  # a parameter that none of these rows has may be another's
            manifest.problems[:] = [problem for problem in manifest.problems if problem.number]
        prices: dict[str, float | InputError | None] = {}
        for item in items:
            if (key := price_key(item)) not in prices:
                prices[key] = _price_or_error(session, item)
        for item in items:
            price = prices[price_key(item)]
            if isinstance(price, InputError):
                manifest.refuse(item.row, str(price))
            elif not all(map(can_export, item.outputs)):
                manifest.refuse(item.row, "This Blender was built without USD. Leave .usd and .usdz out.")
            else:
                self.items.append(replace(item, price_cu=price))
        if options.shuffle:
            random.shuffle(self.items)

    def _tell_plan(self, run: Run, claims: Claims) -> None:
        """Each row's fate, and what it is going to cost."""
        board, count = self._board, len(self.problems)
        rows = sorted(run.rows, key=lambda row: row.item.row.number)
        fates = [run.fate(row) for row in rows]
        told_rows: list[dict[str, object]] = []
        for row, fate in zip(rows, fates, strict=True):
            item, is_paid = row.item, fate in _PAID
            facts = {"row": item.row.number, "id": item.key, "job": row.job_id, "fate": str(fate)}
            told_rows.append({**facts, "price_cu": item.price_cu if is_paid else 0.0, "message": row.message})
            if self._options.dry_run:
                price = (
                    "price not known before the upload" if item.price_cu is None else cost_text(item.price_cu)
                )
                words = (f"row {item.row.number} ({item.key}): {fate}", price if is_paid else "", row.message)
                board.line(", ".join(filter(None, words)))
        counts = Counter(fates)
        words = [f"{counts[fate]} {fate}" for fate in Fate if counts[fate]] + [f"{count} wrong"] * bool(count)
        unknown = run.without_price()
        told = f"{_rows(len(rows) + count)}: {', '.join(words)} → {cost_text(run.to_pay_cu())}"
        told += f"; the price of {unknown} is not known before the upload" if unknown else ""
        board.line(told)
        left_over = [] if self._options.is_part else self._left_over(run, claims)
        board.event(
            "plan",
            rows=len(self.items),
            price_cu=self.price_cu,
            unknown_prices=self.unknown_prices,
            problems=[*map(str, self.problems)],
            to_pay_cu=run.to_pay_cu(),
            to_pay_unknown=unknown,
            spent_cu=run.spent_cu(),
            fates={str(fate): number for fate, number in counts.items()},
            items=told_rows if self._options.dry_run else [],
            left_over=left_over,
        )

    def _left_over(self, run: Run, claims: Claims) -> list[str]:
        """The outputs of rows that the manifest no longer has, told; a row that is one of them anew, too."""
        known = {row.item.row.stem for row in run.rows}
        known |= {stem_of(problem.key) for problem in self.problems if problem.key}
        files, before = list[str](), dict[str, str]()
        for stem in sorted(claims.stems() - known):
            outcome = claims.result(claims.current(stem) or "") or Outcome()
            files += outcome.outputs
            before[outcome.content] = outcome.key or stem
        files = [name for name in files if (self.folder / name).exists()]
        for row in run.rows:
            if run.fate(row) is Fate.NEW and row.item.content and row.item.content in before:
                self._board.line(
                    f"{row.item.key}: the same was made as {before[row.item.content]}, which is no row any"
                    " more. Under its new key it is made, and paid for, again."
                )
        if files:
            more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
            self._board.line(f"Left over from rows that are gone: {', '.join(files[:_SHOWN])}{more}")
        return files

    def _dry_code(self, run: Run) -> Exit:
        if run.is_all_affordable():
            return Exit.DONE
        spent = f" {cost_text(run.spent_cu())} is spent already." if run.spent_cu() else ""
        limit = cost_text(self._options.max_cost or 0.0)
        self._board.line(f"That does not fit into the limit on cost, {limit}.{spent}")
        return Exit.OVER_COST

    def _tell_trouble(self, text: str) -> None:
        self._board.line(text)
        self._board.event("trouble", message=text)

    def _concurrency(self, session: Session) -> int:
        if self._options.concurrency is not None:
            return self._options.concurrency
        balance = session.api.get_balance()
        return (balance and balance.parallel_jobs) or _CONCURRENCY

    def _follow(self, run: Run, session: Session, host_lock: HostLock, delivery: Delivery) -> None:
        """Until nothing is left to do. Raises CommandError if the service is gone."""
        supervisor, outage = (
            session.supervisor(),
            OutageTimer(session, self._tell_trouble, "do the same once more"),
        )
        published_at, pause_s = time.monotonic(), _PUBLISH_S
        try:
            host_lock.renew()
            while run.step():
                self._board.tell(run)
                supervisor.invalidate()  # what the run itself has written is no news to `check`
                supervisor.check()
                outage.check()
                if (now := time.monotonic()) - published_at > pause_s:
                    try:
                        self._publish(run, delivery)
                    except OSError as error:  # a table that is open elsewhere, say: no reason to stop
                        self._board.line(f"The table or the page could not be written: {error}")
                    published_at = time.monotonic()
                    pause_s = max(_PUBLISH_S, 50 * (published_at - now))
                time.sleep(TICK_S / 4 if run.is_writing else TICK_S)
                host_lock.renew()  # before the next submission
            self._board.tell(run)
        finally:
            supervisor.close()
            unpaid = session.store.list_jobs(session=session.id, states=UNPAID)
            if count := sum(stopped(session, job, is_resuming=True).state is State.FAILED for job in unpaid):
                self._board.line(f"Not submitted, and nothing paid: {count} of the rows.")


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"


def _price_or_error(session: Session, item: Item) -> float | InputError | None:
    """None where the service prices real files only."""
    try:
        return price_or_none(session, item.model, item.inputs)
    except (InputError, NotFoundError) as error:
        return InputError(str(error))
