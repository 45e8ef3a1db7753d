# SPDX-License-Identifier: GPL-3.0-or-later
"""A batch from its manifest to its contact sheet: checks everything, tells the price, makes what is missing.

The state lies in FOLDER/.maquette: the same once more goes on, and pays for nothing twice.
"""

import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..batches import (
    Claims,
    Defaults,
    Item,
    Limits,
    Manifest,
    Presence,
    Problem,
    Run,
    Stage,
    Tracked,
    make_items,
    write_sheet,
    write_table,
)
from ..batches.plan import price_key, read_outputs
from ..batches.run import OVER_COST
from ..client import InputError, NotFoundError
from ..jobs import cost_text, safe_name
from ..scene import can_export
from .batch_files import Delivery
from .board import Board, summary
from .deliver import TICK_S, Patience
from .exits import EXPECTED, CommandError, Exit, code_of
from .farm import assemble
from .order import check_space, price_or_none
from .session import Session, Where

_PUBLISH_S = 30.0  # the least time between two writings of the table and the page
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
    limit: int | None = None
    shuffle: bool = False
    skip_wrong: bool = False
    retry_failed: bool = False
    turntable: bool = False
    machine: str = "main"
    assemble: bool = False

    def __post_init__(self) -> None:
        if safe_name(self.machine) != self.machine:
            raise CommandError("machine: give a short name of letters and digits.")
        for name in ("concurrency", "converters", "limit"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise CommandError(f"{name}: give a number from 1 on.")


class Batch:
    """`make` does it, once; the attributes then say how it went, also where `make` has raised."""

    def __init__(self, folder: Path, options: BatchOptions, where: Where, board: Board) -> None:
        self.folder, self._options, self._board = folder, options, board
        self._where = replace(where, state=folder / ".maquette" / "machines" / options.machine)
        self.code: Exit = Exit.JOB_FAILED
        self.items: list[Item] = []  # rows that can be made
        self.problems: list[Problem] = []
        self.claims: Claims | None = None
        self.run: Run | None = None  # once something may be started

    @property
    def rows(self) -> list[Tracked]:
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
                presence = Presence(Path(self._where.state or ""))
                presence.enter(self._board.line)
                stack.callback(presence.leave)
                # The store is this machine's part of the batch: each run carries on what it has paid for.
                opened = Session(self._where, converters=self._options.converters, session_id="")
                session = stack.enter_context(opened)
                self.code = self._make(read, session, presence)
        except KeyboardInterrupt:
            self.code = Exit.INTERRUPTED
            raise
        except EXPECTED as error:
            self.code = code_of(error)
            raise
        finally:
            self._board.event("end", exit_code=int(self.code))

    def _make(self, read: Callable[[], Manifest], session: Session, presence: Presence) -> Exit:
        options, board, folder = self._options, self._board, self.folder
        self._check(read(), session)
        self._tell_plan()
        if self.problems and (options.dry_run or not options.skip_wrong):
            return Exit.USAGE  # nothing was started
        if options.dry_run:
            if options.max_cost is not None and self.price_cu > options.max_cost + 1e-9:
                board.line(f"That is more than the limit on cost, {cost_text(options.max_cost)}.")
                return Exit.OVER_COST
            return Exit.DONE
        check_space(session.folder, "output")
        claims = self.claims = Claims(folder / ".maquette", options.machine)
        most = max(1, min(session.converters, len(self.items)))
        delivery = Delivery(session, folder, claims, has_turntable=options.turntable, most=most)
        limits = Limits(self._concurrency(session), most, options.max_cost, options.retry_failed)
        run = self.run = Run(
            *(session.store, session.service, claims, self.items, limits),
            deliver=delivery.begin,
            wish=delivery.wish,
            is_there=delivery.is_there,
        )
        if options.limit is not None:
            run.keep_to(options.limit)
        try:
            if not options.assemble:
                self._follow(run, session, presence, delivery)
        finally:
            delivery.close()
            self._publish(run, delivery)
        board.line(f"{summary(run)} → {folder if options.only else folder / 'index.html'}")
        return self._ended(run, claims)

    def _publish(self, run: Run, delivery: Delivery) -> None:
        """The table and the page as they are now; they are of all rows."""
        if self._options.only:
            return
        run.look_elsewhere()
        delivery.add_pictures(self.rows)
        write_table(self.folder / "results.csv", self.rows, self.problems)
        write_sheet(self.folder / "index.html", self.rows, self.problems)

    def _ended(self, run: Run, claims: Claims) -> Exit:
        counts, board = run.counts(), self._board
        if self._options.assemble:
            board.line(f"All in one: {assemble(self.folder, claims, self.rows)}")
            return Exit.DONE if counts[Stage.DONE] == len(run.rows) else Exit.JOB_FAILED
        if run.stopped == OVER_COST:
            board.line(f"{counts[Stage.WAITING]} rows are left: the next one would exceed the limit on cost.")
            return Exit.OVER_COST
        if run.stopped:
            board.line(f"Stopped: {run.stopped}")
            return Exit.NOT_ALLOWED
        return Exit.JOB_FAILED if counts[Stage.FAILED] or self.problems else Exit.DONE

    def _check(self, manifest: Manifest, session: Session) -> None:
        """Every row checked and priced; nothing is spent."""
        options = self._options
        self.problems = manifest.problems
        read_outputs(options.defaults.outputs)
        if options.only:
            keys = {row.key for row in manifest.rows} | {problem.key for problem in manifest.problems}
            if missing := [key for key in options.only if key not in keys]:
                raise CommandError(f"There is no row {missing[0]}.")
            manifest.rows = [row for row in manifest.rows if row.key in options.only]
            manifest.problems[:] = [each for each in manifest.problems if each.key in options.only]
        _ = session.credentials
        items = make_items(manifest, options.defaults, session.service, session.api.get_model)
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

    def _tell_plan(self) -> None:
        board, unknown, count = self._board, self.unknown_prices, len(self.problems)
        for problem in self.problems:
            board.line(str(problem))
        told = f"{len(self.items)} rows to make, {cost_text(self.price_cu)} if none of them is there yet"
        told += f"; the price of {unknown} is not known before the upload" if unknown else ""
        told += f"; {count} problem{'s' if count > 1 else ''}" if count else ""
        board.line(told)
        facts = {"rows": len(self.items), "price_cu": self.price_cu, "unknown_prices": unknown}
        board.event("plan", **facts, problems=[*map(str, self.problems)])

    def _tell_trouble(self, text: str) -> None:
        self._board.line(text)
        self._board.event("trouble", message=text)

    def _concurrency(self, session: Session) -> int:
        if self._options.concurrency is not None:
            return self._options.concurrency
        balance = session.api.get_balance()
        return (balance and balance.parallel_jobs) or _CONCURRENCY

    def _follow(self, run: Run, session: Session, presence: Presence, delivery: Delivery) -> None:
        """Until nothing is left to do. Raises CommandError if the service is gone."""
        watch, patience = session.watch(), Patience(session, self._tell_trouble, "do the same once more")
        published_at, pause_s = time.monotonic(), _PUBLISH_S
        try:
            presence.beat()
            while run.step():
                self._board.tell(run)
                watch.touch()  # what the run itself has written is no news to `look`
                watch.look()
                patience.look()
                if (now := time.monotonic()) - published_at > pause_s:
                    try:
                        self._publish(run, delivery)
                    except OSError as error:  # a table that is open elsewhere, say: no reason to stop
                        self._board.line(f"The table or the page could not be written: {error}")
                    published_at = time.monotonic()
                    pause_s = max(_PUBLISH_S, 50 * (published_at - now))
                time.sleep(TICK_S / 4 if run.is_writing else TICK_S)
                presence.beat()  # before the next submission
            self._board.tell(run)
        finally:
            watch.close()


def _price_or_error(session: Session, item: Item) -> float | InputError | None:
    """None where the service prices real files only."""
    try:
        return price_or_none(session, item.model, item.inputs)
    except (InputError, NotFoundError) as error:
        return InputError(str(error))
