# SPDX-License-Identifier: GPL-3.0-or-later
"""What a render farm needs of `maquette batch`: a row or a few a task, and all results together at the end.

Each task has a store of its own, so it runs on any host and as often as the farm likes: a row is paid once.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import bpy

from .. import scene
from ..batches import OVER_COST, Claims, Manifest, Problem, RowState, RowStatus, Run, stem_of
from ..client import TransferError
from ..jobs import DONE, JobRecord, State, result_blend
from .errors import Exit, MaquetteError, exit_for_job

_GAP_M = 0.2  # between two results


def machine_folder(folder: Path, machine: str) -> Path:
    """The store of one machine in a batch's folder."""
    return folder / ".maquette" / "machines" / machine


def machine_of_rows(manifest: Manifest, rows: tuple[int, int]) -> str:
    """The name of the store that rows from the first to the last have for their own. Raises MaquetteError."""
    first, last = rows
    by_number = {each.number: each for each in (*manifest.rows, *manifest.problems) if each.number}
    count = max(by_number, default=0)
    if last > count:
        raise MaquetteError(f"Row {last}: the manifest has {count} row{'' if count == 1 else 's'}.")
    return stem_of(f"row-{by_number[first].key or first}" if first == last else f"rows-{first}-{last}")


def record_failures(run: Run, claims: Claims, problems: Sequence[Problem]) -> Exit:
    """Writes down why rows failed for good, which `--assemble` tells; returns the exit code of the task.

    That is not 0 only if another host, or a later time, may do better.
    """
    code = Exit.DONE
    for row in run.rows:
        job = run.jobs.get(row.job_id)
        message: str | None = None
        if row.status is RowStatus.WAITING and run.stopped != OVER_COST:
            code = max(code, Exit.NOT_ALLOWED)
        elif row.status is RowStatus.WAITING:
            message = row.message
        elif row.status is RowStatus.FAILED:
            # What this Blender cannot read, that of no host can.
            is_kept = row.outcome is not None and row.outcome.is_unconverted
            code = code if is_kept else max(code, _task_code(job))
            message = row.message
        claims.set_failure(row.item.row.stem, message)
    for problem in problems:
        if problem.key:
            claims.set_failure(stem_of(problem.key), problem.text)
    return code


def _task_code(job: JobRecord | None) -> Exit:
    if job is None or job.state is State.UNCERTAIN:  # another host's failure; one that waits for a person
        return Exit.DONE
    if job.state in DONE or job.error_kind == TransferError.__name__:  # this host could not write the files
        return Exit.JOB_FAILED
    code = exit_for_job(job)
    return code if code in (Exit.NOT_ALLOWED, Exit.NO_SERVICE) else Exit.DONE


def mark_unmade_as_failed(claims: Claims, rows: Sequence[RowState]) -> None:
    """Gives rows that are not done the reason that their task wrote down, else how far they are."""
    for row in rows:
        if row.status not in (RowStatus.WAITING, RowStatus.RUNNING):
            continue
        usual = "its files are not written yet: run its task again"
        if row.status is RowStatus.WAITING:
            is_changed = claims.current(row.item.row.stem) is not None
            usual = "changed since it was made, and not made anew yet" if is_changed else "not made yet"
        row.message = claims.failure(row.item.row.stem) or row.message or usual
        row.status = RowStatus.FAILED


def assemble(folder: Path, claims: Claims, rows: Sequence[RowState]) -> Path | None:
    """Puts all results into `folder`/all.blend, each in its size, on a grid; None if there is none."""
    bpy.data.batch_remove([*bpy.data.objects, *bpy.data.collections])
    bpy.data.orphans_purge(do_recursive=True)
    roots: list[bpy.types.Object] = []
    for row in rows:
        blend = blend_of(folder, claims, row)
        if blend is not None:
            item = row.item
            root = scene.append_result(
                blend,
                name=item.name,
                scene=cast("bpy.types.Scene", bpy.context.scene),
                placement=scene.Placement(size_m=item.size_m),
                provenance=provenance_of_row(row),
            )
            roots.append(root)
    for root, location in zip(roots, scene.grid_locations(roots, _GAP_M), strict=True):
        root.location = location
    if not roots:
        return None
    scene.save_blend(folder / "all.blend")
    return folder / "all.blend"


def blend_of(folder: Path, claims: Claims, row: RowState) -> Path | None:
    """The result of a row that is done, to append, whichever machine has made it; None if there is none."""
    machine = claims.owner(row.job_id)
    if machine is None or row.status is not RowStatus.DONE:
        return None
    finished = row.outcome.finished if row.outcome else ""
    blend = result_blend(machine_folder(folder, machine), row.job_id, finished)
    return blend if blend.exists() else None


def provenance_of_row(row: RowState) -> dict[str, str | int | float]:
    """How it was made, as files for elsewhere tell it: less what its profile strips."""
    item = row.item
    told = {"job": row.job_id, "key": item.key, "model": item.model.id, "source": item.source}
    return {name: value for name, value in told.items() if name not in item.profile.strip}
