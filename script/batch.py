# SPDX-License-Identifier: GPL-3.0-or-later
"""`batch`: a model of each row, made as `maquette batch` makes them and in the same folder."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..batches import Defaults, Manifest, Outcome, Problem, RowState, read_manifest, read_rows
from ..cli.batch_progress import BatchProgress
from ..cli.batching import Batch, BatchOptions, output_folder
from ..cli.exits import EXPECTED, Exit, code_of
from ..cli.farm import blend_of, provenance_of_row
from ..cli.session import Where
from ..jobs.parse_inputs import read_size
from .errors import MaquetteError, refuse_in_window
from .generate import given

_SHOWN = 5  # wrong rows in an error's text


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What came of one row; `place` takes it. Only a row that is done has a `blend`."""

    key: str
    state: str  # done, failed, waiting, elsewhere (another machine has it), later (over `limit`)
    name: str
    model_id: str
    job_id: str
    files: tuple[Path, ...]  # the outputs
    blend: Path | None  # what `place` takes in
    size_m: float | None  # longest side in metres; None: as delivered
    faces: int | None
    price_cu: float | None  # in creative units, before; None: not known before the upload
    cost_cu: float | None  # what it cost
    refunded_cu: float  # what of that was given back
    seconds: float | None  # from the request to the finished result
    message: str  # why it failed, or what a person should know
    provenance: Mapping[str, str | int | float]  # becomes custom properties of the placed object


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How a batch went. `code` is what the command would end with: 0 all is done, 1 a row failed or was
    wrong, 2 rows are wrong (of a dry run), 3 too few credits or a refused key, 4 the rest would exceed
    `max_cost`.
    """

    rows: tuple[BatchRow, ...]  # in the manifest's order, without those that are wrong
    problems: tuple[Problem, ...]  # what is wrong with which row: its `number`, `key` and `text`
    price_cu: float  # of all rows if none were there, less those whose price is not known
    to_pay_cu: float  # what was left to pay for when it began, less where the price is not known
    cost_cu: float  # what all jobs of this folder have cost, now and before, without what was refunded
    code: int


def batch(
    manifest: str | os.PathLike[str] | Iterable[Mapping[str, object]],
    output: str | os.PathLike[str],
    *,
    base: str | os.PathLike[str] = ".",
    model: str | None = None,
    size: float | Literal["original"] = 1.0,
    outputs: str | Sequence[str] = "glb,png",
    dry_run: bool = False,
    max_cost: float | None = None,
    concurrency: int | None = None,
    converters: int | None = None,
    only: str | Sequence[str] = (),
    limit: int | None = None,
    shuffle: bool = False,
    skip_wrong: bool = False,
    retry_failed: bool = False,
    turntable: bool = False,
    machine: str = "main",
    sandbox: bool = False,
    api_url: str | None = None,
    project: str | None = None,
    on_event: Callable[[dict[str, Any]], object] | None = None,
    **parameters: object,
) -> BatchResult:
    """Makes a model of each row into the folder `output`, and waits; again: what is missing or has changed.

    `manifest` is what the command takes, or rows in Python: dicts with the manifest's columns
    (docs/batch.md), whose files are relative to `base`. `parameters` are inputs of the models for rows that
    do not say otherwise. The other arguments are the command's options of the same names, in its units:
    `size` in metres, `max_cost` in creative units for all jobs of this folder together. The command and this
    function go on with each other's work, and pay for nothing twice.

    Every row is checked and priced before anything is started. If one is wrong, nothing is started and
    MaquetteError says which; with `skip_wrong`, and in a dry run, they are in `problems` instead. A row that
    failed does not raise: see its `state` and `message`. `on_event` gets what `--json` prints, as a dict.

    Raises MaquetteError also if nothing could be started, or if the service was gone for ten minutes: then
    the same call goes on later. With a window it always raises.

        rows = [{"id": "horse", "image": "horse.png"}, {"id": "cup", "prompt": "a cup"}]
        done = batch(rows, "out", max_cost=60)
        for row in done.rows:
            print(row.key, row.state, row.files, row.message)
    """
    refuse_in_window("batch", "Run the script with `blender --background --python`, or run `maquette batch`.")
    work = None

    def read() -> Manifest:
        if isinstance(manifest, str | os.PathLike):
            return read_manifest(Path(manifest).expanduser())
        return read_rows(manifest, Path(base).expanduser())

    try:
        folder = output_folder(output)
        endings = outputs if isinstance(outputs, str) else ",".join(outputs)
        options = BatchOptions(
            Defaults(model or "", given(parameters), read_size(size), endings),
            dry_run=dry_run,
            max_cost=max_cost,
            concurrency=concurrency,
            converters=converters,
            only=(only,) if isinstance(only, str) else tuple(only),
            limit=limit,
            shuffle=shuffle,
            skip_wrong=skip_wrong,
            retry_failed=retry_failed,
            turntable=turntable,
            machine=machine,
        )
        with closing(BatchProgress(folder, words=None, on_event=on_event)) as board:
            work = Batch(folder, options, Where(sandbox, api_url, project), board)
            work.make(read)
    except EXPECTED as error:
        run = work.run if work else None
        cost_cu = run.spent_cu() if run else 0.0
        raise MaquetteError(
            str(error), code=code_of(error), cost_cu=cost_cu, can_resume=run is not None
        ) from error
    if work.problems and not (dry_run or skip_wrong):
        raise _wrong(work.problems)
    rows = work.rows or [RowState(item, item.id) for item in work.items]
    return BatchResult(
        rows=tuple(_row_of(work, row) for row in rows),
        problems=tuple(work.problems),
        price_cu=work.price_cu,
        to_pay_cu=work.to_pay_cu,
        cost_cu=work.run.spent_cu() if work.run else 0.0,
        code=int(work.code),
    )


def _wrong(problems: Sequence[Problem]) -> MaquetteError:
    told = " ".join(map(str, problems[:_SHOWN]))
    more = f" And {len(problems) - _SHOWN} more." if len(problems) > _SHOWN else ""
    text = f"Nothing was started. {told}{more} Correct this, or leave such rows out with skip_wrong=True."
    return MaquetteError(text, code=Exit.USAGE, problems=problems)


def _row_of(work: Batch, row: RowState) -> BatchRow:
    item, outcome = row.item, row.outcome or Outcome()
    return BatchRow(
        key=item.key,
        state=str(row.stage),
        name=item.name,
        model_id=item.model.id,
        job_id=row.job_id,
        files=tuple(work.folder / name for name in outcome.outputs),
        blend=blend_of(work.folder, work.claims, row) if work.claims else None,
        size_m=item.size_m,
        faces=outcome.faces,
        price_cu=item.price_cu,
        cost_cu=outcome.cost_cu,
        refunded_cu=outcome.refunded_cu or 0.0,
        seconds=outcome.seconds,
        message=row.message,
        provenance=provenance_of_row(row),
    )
