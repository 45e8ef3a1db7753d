# SPDX-License-Identifier: GPL-3.0-or-later
"""A batch from its manifest to its contact sheet: checks everything, tells the price, makes what is missing.

The state lies in FOLDER/.maquette: the same once more goes on, and pays for nothing twice.
"""

import difflib
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from .. import preferences
from ..batches import (
    OVER_COST,
    Claims,
    Defaults,
    Delivery,
    HostLock,
    Item,
    Manifest,
    Outcome,
    PaidFolders,
    Problem,
    RowPlan,
    RowState,
    RowStatus,
    Run,
    RunLimits,
    make_items,
    price_key,
    read_outputs,
    stem_of,
    write_sheet,
    write_table,
)
from ..client import InputError, JsonValue, NotFoundError
from ..jobs import UNPAID, State, cost_text, read_library
from ..scene import can_export
from .batch_options import BatchOptions
from .batch_reporter import BatchReporter, summary
from .errors import EXPECTED, Exit, MaquetteError, code_of, error_text
from .farm import assemble, machine_folder, machine_of_rows, mark_unmade_as_failed, record_failures
from .outputs import TICK_S, OutageTimer, output_folder
from .request import check_space, price_or_none
from .resume import stop_unpaid
from .session import Session, Where, blender_binary

_PUBLISH_S = 30.0  # the least time between two writings of the table and the page
_SHOWN = 20  # files that a line names
_PAID = (RowPlan.NEW, RowPlan.CHANGED, RowPlan.UNPAID, RowPlan.RETRIED)
_CONCURRENCY = 4  # where the account's limit cannot be read


class Batch:
    """`make` does it, once; the attributes then say how it went, also where `make` has raised."""

    def __init__(
        self,
        folder: Path,
        options: BatchOptions,
        parameters: Mapping[str, JsonValue],
        where: Where,
        reporter: BatchReporter,
    ) -> None:
        """`parameters` are inputs of the models for rows that do not say otherwise."""
        self.folder = folder
        self._options = options
        self._defaults = Defaults(
            model=options.model or "",
            parameters=parameters,
            size_m=options.size,
            outputs=options.outputs,
            finish=options.finish,
            faces=options.faces,
        )
        self._reporter = reporter
        self._where = where
        self._paid_folders: PaidFolders | None = None  # where something is paid for
        self._is_remembered = False
        self.code: int = Exit.JOB_FAILED
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
        """Raises MaquetteError or one of EXPECTED; what was submitted until then goes on at the service."""
        options = self._options
        try:
            manifest = read()
            machine = machine_of_rows(manifest, options.rows) if options.rows else options.machine
            where = replace(self._where, state=machine_folder(self.folder, machine))
            if not where.sandbox:
                self._paid_folders = PaidFolders(preferences.user_folder() / "batches")
                self._paid_folders.check(self.folder)
            with ExitStack() as stack:
                host_lock = HostLock(Path(where.state or ""))
                host_lock.acquire(self._reporter.line)
                stack.callback(host_lock.release)
                session = stack.enter_context(Session(where, converters=options.converters))
                self.code = self._make(manifest, machine, session, host_lock)
        except KeyboardInterrupt:
            self.code = Exit.INTERRUPTED
            raise
        except EXPECTED as error:
            self.code, self.error = code_of(error), error_text(error)
            raise
        finally:
            facts: dict[str, object] = {"ok": not self.code, "error": self.error}
            if self.run:
                facts |= {"spent_cu": self.run.spent_cu(), "refunded_cu": self.run.refunded_cu()}
            self._reporter.event("end", exit_code=int(self.code), **facts)

    def _make(self, manifest: Manifest, machine: str, session: Session, host_lock: HostLock) -> Exit:
        options = self._options
        reporter = self._reporter
        self._check(manifest, session)
        for problem in self.problems:
            reporter.line(str(problem))
        is_all_wrong = any(not problem.number for problem in self.problems)
        is_wrong = bool(self.problems) and (is_all_wrong or not options.is_skipping_wrong)
        if not options.dry_run and not is_wrong:
            check_space(session.folder, "output")
        library = output_folder(options.library) if options.library and not options.dry_run else None
        if library:
            read_library(library)
        claims = self.claims = Claims(self.folder / ".maquette", machine)
        most = max(1, min(session.converters, len(self.items)))
        delivery = Delivery(
            session.store,
            self.folder,
            claims,
            blender_binary(),
            has_turntable=options.turntable,
            most=most,
            library=library,
        )
        run = self._new_run(session, claims, delivery, is_dry=options.dry_run or is_wrong)
        self.to_pay_cu = run.to_pay_cu()
        self._tell_plan(run, claims)
        if is_wrong:
            self.error = f"Nothing was started: {self.problems[0]}"
            return Exit.USAGE
        self.run = run
        if options.dry_run:
            return Exit.USAGE if self.problems else self._dry_code(run)
        try:
            if options.assemble:
                mark_unmade_as_failed(claims, run.rows)
            else:
                self._follow(run, session, host_lock, delivery)
        finally:
            try:
                self._publish(run, delivery, is_over=True)
            finally:
                delivery.close()
        place = self.folder if options.is_part else self.folder / "index.html"
        reporter.line(f"{summary(run, is_over=True)} → {place}")
        return self._ended(run, claims)

    def _new_run(self, session: Session, claims: Claims, delivery: Delivery, *, is_dry: bool) -> Run:
        options = self._options
        limits = RunLimits(
            concurrency=1 if is_dry else self._concurrency(session),
            deliveries=delivery.most,
            max_cost_cu=options.max_cost,
            is_retrying=options.retry_failed,
            is_dry=is_dry,
            is_gathering=options.assemble,
            gate=options.require,
        )
        run = Run(session.store, session.service, claims, self.items, limits, delivery, session=session.id)
        if options.limit is not None:
            run.keep_to(options.limit)
        return run

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
        counts = run.counts()
        reporter = self._reporter
        passed = Exit.REJECTED if any(row.rejections for row in run.rows) else Exit.DONE
        if self._options.record_failures:
            return record_failures(run, claims, self.problems)
        if self._options.assemble:
            for row in self.rows:
                if row.shown_status != RowStatus.DONE:
                    said = row.text if row.rejections else f"{row.shown_status}: {row.text}"
                    reporter.line(f"{row.item.key}: {said}")
            path = assemble(self.folder, claims, self.rows)
            reporter.line(f"All in one: {path}" if path else "There is no result yet to put into all.blend.")
            is_short = self.problems or counts[RowStatus.DONE] < len(run.rows)
            return Exit.JOB_FAILED if is_short else passed
        if run.stopped == OVER_COST:
            reporter.line(
                f"{_rows(counts[RowStatus.WAITING])} left: the next one would exceed the limit on cost."
            )
            return Exit.OVER_COST
        if run.stopped:
            reporter.line(f"Stopped: {run.stopped}")
            return Exit.NOT_ALLOWED
        return Exit.JOB_FAILED if counts[RowStatus.FAILED] or self.problems else passed

    def _check(self, manifest: Manifest, session: Session) -> None:
        """Every row checked and priced; nothing is spent."""
        options = self._options
        self.problems = manifest.problems
        for note in manifest.notes:
            self._reporter.line(note)
        read_outputs(self._defaults.outputs)
        if options.only:
            keys = {row.key for row in manifest.rows} | {problem.key for problem in manifest.problems}
            if missing := [key for key in options.only if key not in keys]:
                near = difflib.get_close_matches(missing[0], keys, 1)
                advice = f" Did you mean {near[0]}?" if near else ""
                raise MaquetteError(f"There is no row {', '.join(missing)}.{advice}")
            manifest.rows = [row for row in manifest.rows if row.key in options.only]
            manifest.problems[:] = [each for each in manifest.problems if each.key in options.only]
        if options.rows:
            first, last = options.rows
            manifest.rows = [row for row in manifest.rows if first <= row.number <= last]
            manifest.problems[:] = [each for each in manifest.problems if first <= each.number <= last]
        _ = session.credentials
        items = make_items(manifest, self._defaults, session.service, session.api.get_model)
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
        """What is going to be done with each row, and what it is going to cost."""
        reporter = self._reporter
        count = len(self.problems)
        rows = sorted(run.rows, key=lambda row: row.item.row.number)
        plans = [run.plan_for(row) for row in rows]
        row_facts: list[dict[str, object]] = []
        for row, plan in zip(rows, plans, strict=True):
            item, is_paid = row.item, plan in _PAID
            facts = {"row": item.row.number, "id": item.key, "job": row.job_id, "fate": str(plan)}
            row_facts.append({**facts, "price_cu": item.price_cu if is_paid else 0.0, "message": row.text})
            if self._options.dry_run:
                price = "price not known before the upload"
                if item.price_cu is not None:
                    price = cost_text(item.price_cu)
                words = (f"row {item.row.number} ({item.key}): {plan}", price if is_paid else "", row.text)
                reporter.line(", ".join(filter(None, words)))
        counts = Counter(plans)
        words = [f"{counts[plan]} {plan}" for plan in RowPlan if counts[plan]]
        words += [f"{count} wrong"] if count else []
        unknown = run.without_price()
        text = f"{_rows(len(rows) + count)}: {', '.join(words)} → {cost_text(run.to_pay_cu())}"
        text += f"; the price of {unknown} is not known before the upload" if unknown else ""
        reporter.line(text)
        left_over = [] if self._options.is_part else self._left_over(run, claims)
        reporter.event(
            "plan",
            rows=len(self.items),
            price_cu=self.price_cu,
            unknown_prices=self.unknown_prices,
            problems=[*map(str, self.problems)],
            to_pay_cu=run.to_pay_cu(),
            to_pay_unknown=unknown,
            spent_cu=run.spent_cu(),
            fates={str(plan): number for plan, number in counts.items()},
            items=row_facts if self._options.dry_run else [],
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
            if run.plan_for(row) is RowPlan.NEW and row.item.content and row.item.content in before:
                self._reporter.line(
                    f"{row.item.key}: the same was made as {before[row.item.content]}, which is no row any"
                    " more. Under its new key it is made, and paid for, again."
                )
        if files:
            more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
            self._reporter.line(f"Left over from rows that are gone: {', '.join(files[:_SHOWN])}{more}")
        return files

    def _dry_code(self, run: Run) -> Exit:
        if run.is_all_affordable():
            return Exit.DONE
        spent = f" {cost_text(run.spent_cu())} is spent already." if run.spent_cu() else ""
        limit = cost_text(self._options.max_cost or 0.0)
        self._reporter.line(f"That does not fit into the limit on cost, {limit}.{spent}")
        return Exit.OVER_COST

    def _tell_trouble(self, text: str) -> None:
        self._reporter.line(text)
        self._reporter.event("trouble", message=text)

    def _concurrency(self, session: Session) -> int:
        if self._options.concurrency is not None:
            return self._options.concurrency
        balance = session.api.get_balance()
        return (balance and balance.parallel_jobs) or _CONCURRENCY

    def _follow(self, run: Run, session: Session, host_lock: HostLock, delivery: Delivery) -> None:
        """Until nothing is left to do. Raises MaquetteError if the service is gone."""
        supervisor = session.supervisor()
        outage = OutageTimer(session, self._tell_trouble, "do the same once more")
        publish_at = time.monotonic()  # at once: the page can be opened from the beginning
        try:
            host_lock.renew()
            self._remember_paid(run)
            while run.step():
                self._reporter.tell(run)
                self._remember_paid(run)
                supervisor.invalidate()  # what the run itself has written is no news to `check`
                supervisor.check()
                outage.check()
                if (now := time.monotonic()) >= publish_at:
                    try:
                        self._publish(run, delivery)
                    except OSError as error:  # a table that is open elsewhere, say: no reason to stop
                        self._reporter.line(f"The table or the page could not be written: {error}")
                    took_s = time.monotonic() - now
                    publish_at = now + took_s + max(_PUBLISH_S, 50 * took_s)
                time.sleep(TICK_S / 4 if run.is_writing else TICK_S)
                host_lock.renew()  # before the next submission
            self._reporter.tell(run)
        finally:
            supervisor.close()
            unpaid = session.store.list_jobs(session=session.id, states=UNPAID)
            stopped = [stop_unpaid(session, job, is_resuming=True) for job in unpaid]
            if count := sum(job.state is State.FAILED for job in stopped):
                self._reporter.line(f"Not submitted, and nothing paid: {count} of the rows.")

    def _remember_paid(self, run: Run) -> None:
        """Once something is paid for here, an empty folder of this name is no new batch."""
        if self._paid_folders is None or self._is_remembered:
            return
        if not any(job.committed_cu and job.state not in UNPAID for job in run.jobs.values()):
            return
        self._is_remembered = True
        try:
            self._paid_folders.remember(self.folder)
        except OSError as error:  # no reason to stop
            self._reporter.line(f"It could not be noted that rows here were paid for: {error}")


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"


def _price_or_error(session: Session, item: Item) -> float | InputError | None:
    """None where the service prices real files only."""
    try:
        return price_or_none(session, item.model, item.inputs)
    except (InputError, NotFoundError) as error:
        return InputError(str(error))
