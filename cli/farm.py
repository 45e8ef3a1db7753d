# SPDX-License-Identifier: GPL-3.0-or-later
"""What a render farm needs of `maquette batch`: one row a task, and all results together at the end.

Each row has a store of its own, so tasks run on any host and as often as the farm likes: a row is paid once.
"""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import bpy

from .. import scene
from ..batches import Claims, Stage, Tracked, read_manifest
from ..batches.manifest import stem_of
from .exits import CommandError

_GAP_M = 0.2  # between two results


def choose_row(arguments: Namespace) -> None:
    """Makes `--row N` that row's key, in a store of its own. Raises CommandError or InputError."""
    manifest = read_manifest(Path(arguments.manifest).expanduser())
    lines = sorted([*manifest.rows, *manifest.problems], key=lambda each: each.number)
    if arguments.row > len(lines):
        raise CommandError(f"--row {arguments.row}: the manifest has {len(lines)}.")
    chosen = lines[arguments.row - 1]
    if wrong := next((each for each in manifest.problems if each.number == chosen.number), None):
        raise CommandError(str(wrong))
    arguments.only, arguments.machine = [chosen.key], stem_of(f"row-{chosen.key}")


def assemble(folder: Path, claims: Claims, rows: Sequence[Tracked]) -> Path | None:
    """Puts all results into `folder`/all.blend, each in its size, on a grid; None if there is none."""
    bpy.data.batch_remove([*bpy.data.objects, *bpy.data.collections])
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


def blend_of(folder: Path, claims: Claims, row: Tracked) -> Path | None:
    """The result of a row that is done, to append, whichever machine has made it; None if there is none."""
    machine = claims.holder(row.job_id)
    blend = folder / ".maquette" / "machines" / str(machine) / "jobs" / row.job_id / "result.blend"
    return blend if row.stage is Stage.DONE and blend.exists() else None


def provenance_of_row(row: Tracked) -> dict[str, str | int | float]:
    item = row.item
    return {"job": row.job_id, "key": item.key, "model": item.model.id, "source": item.source}
