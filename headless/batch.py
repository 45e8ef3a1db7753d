# SPDX-License-Identifier: GPL-3.0-or-later
"""`batch`: a 3D model of each row, made as `maquette batch` makes them and in the same folder."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from ..batches import Manifest, Outcome, Problem, RowState, read_manifest, read_rows
from ..jobs import finish_json, report_json
from .batch_options import has_options, take_options
from .batch_reporter import BatchReporter
from .errors import EXPECTED, Exit, MaquetteError, code_of, error_text, refuse_in_window
from .farm import blend_of, provenance_of_row
from .generate import read_parameters
from .make_batch import Batch
from .outputs import output_folder
from .results import BatchResult, BatchRow
from .session import Where

_SHOWN = 5  # wrong rows in an error's text


@has_options
def batch(
    manifest: str | os.PathLike[str] | Iterable[Mapping[str, object]],
    output: str | os.PathLike[str],
    *,
    base: str | os.PathLike[str] = ".",
    sandbox: bool = False,
    api_url: str | None = None,
    project: str | None = None,
    on_event: Callable[[dict[str, Any]], object] | None = None,
    **parameters: Any,
) -> BatchResult:
    """Makes a 3D model of each row into the folder `output`, and waits; again: what is missing or changed.

    `manifest` is what the command takes, or rows in Python: dicts with the manifest's columns
    (docs/batch.md), whose files are relative to `base`. `parameters` are inputs of the models for rows that
    do not say otherwise; one that is called like an argument here is written `**{"input.size": …}`. The other
    arguments are the command's options of the same names, in its units: `size` in metres, `max_cost` in
    creative units for all jobs of this folder together (`maquette batch --help` tells each). The command and
    this function go on with each other's work, and pay for nothing twice.

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
        options = take_options(parameters)
        folder = output_folder(output)
        with closing(BatchReporter(folder, on_event)) as reporter:
            work = Batch(
                folder, options, read_parameters(parameters), Where(sandbox, api_url, project), reporter
            )
            work.make(read)
    except EXPECTED as error:
        run = work.run if work else None
        cost_cu = run.spent_cu() if run else 0.0
        raise MaquetteError(
            error_text(error), code=code_of(error), cost_cu=cost_cu, can_resume=run is not None
        ) from error
    if work.problems and not (options.dry_run or options.is_skipping_wrong):
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
    listed = " ".join(map(str, problems[:_SHOWN]))
    more = f" And {len(problems) - _SHOWN} more." if len(problems) > _SHOWN else ""
    text = f"Nothing was started. {listed}{more} Correct this, or leave such rows out with skip_wrong=True."
    return MaquetteError(text, code=Exit.USAGE, problems=problems)


def _row_of(work: Batch, row: RowState) -> BatchRow:
    item, outcome = row.item, row.outcome or Outcome()
    return BatchRow(
        key=item.key,
        state=row.shown_status,
        name=item.name,
        model_id=item.model.id,
        job_id=row.job_id,
        files=tuple(work.folder / name for name in outcome.outputs),
        blend=blend_of(work.folder, work.claims, row) if work.claims else None,
        size_m=item.size_m,
        faces=outcome.faces,
        report=report_json(row.report),
        finish=finish_json(row.finish, row.report),
        price_cu=item.price_cu,
        cost_cu=outcome.cost_cu,
        refunded_cu=outcome.refunded_cu or 0.0,
        seconds=outcome.seconds,
        message=row.text,
        rejected=row.rejections,
        provenance=provenance_of_row(row),
    )
