# SPDX-License-Identifier: GPL-3.0-or-later
"""A surface of quads: Blender's QuadriFlow, within a time; if it cannot, the shape is made anew of voxels.

QuadriFlow cannot be stopped while it works, so it has a Blender of its own that can be ended.
"""

import math
import subprocess
import tempfile
import time
from pathlib import Path

import bpy
import numpy as np

from ..conversion.values import values_of
from .clean import drop_own_normals
from .decimate import fewer
from .watertight import REACH, keeps_sheets, voxels
from .work import CannotError, Work, bends, put_in_place

LIMIT_S = 120.0  # for all meshes together
USUAL_FACES = 10_000  # where there is no budget
_SOURCE_TIMES = 6  # as many triangles as quads are wanted: with more, it takes longer and is no better
_TRIES = 5
_SCRIPT = Path(__file__).with_name("quadriflow.py")


def make_quads(work: Work, *, limit_s: float = LIMIT_S) -> None:
    """About `faces` of them in all. Raises CannotError for what a rig or shape keys move."""
    budget, before = work.profile["faces"] or USUAL_FACES, work.faces()
    kept: list[str] = []
    lost: list[str] = []
    ends = time.monotonic() + limit_s
    for mesh, users in work.users().items():
        if bends(users):
            kept.append(users[0].name)
            continue
        wanted = max(8, int(len(mesh.polygons) * budget / max(before, 1)))
        made, why = _quadriflow(mesh, wanted, ends - time.monotonic())
        if made is None:
            made = _of_voxels(mesh, wanted)
            if made is None:
                lost.append(users[0].name)
                continue
            work.messages.append(f"Quads: those of {users[0].name} are voxels', as QuadriFlow {why}.")
        work.quads.add(put_in_place(mesh, made).name)
        work.is_reshaped = work.has_new_surface = True
    if kept:
        raise CannotError(f"a rig or shape keys move its vertices ({', '.join(kept[:3])})")
    if lost:
        raise CannotError(f"QuadriFlow cannot, and sheets would be lost in voxels ({', '.join(lost[:3])})")


def _quadriflow(mesh: bpy.types.Mesh, wanted: int, limit_s: float) -> tuple[bpy.types.Mesh | None, str]:
    """The quads; or none, and why."""
    if limit_s <= 0:
        return None, "takes too long"
    source = fewer(mesh, max(wanted * _SOURCE_TIMES, 2_000), keeps_uv=False)
    points, triangles = _arrays(source)
    bpy.data.meshes.remove(source)
    with tempfile.TemporaryDirectory(prefix="quads-") as name:
        folder = Path(name)
        np.save(folder / "points.npy", points)
        np.save(folder / "triangles.npy", triangles)
        (folder / "faces").write_text(str(wanted), encoding="ascii")
        command = [bpy.app.binary_path, "--background", "--factory-startup", "--python", str(_SCRIPT)]
        try:
            subprocess.run(
                [*command, "--", str(math.ceil(limit_s) + 1), name],
                timeout=limit_s,
                check=False,
                stdin=subprocess.DEVNULL,
            )
            with np.load(folder / "quads.npz") as found:
                return _mesh_of(mesh.name, found["points"], found["faces"]), ""
        except subprocess.TimeoutExpired:
            return None, "takes too long"
        except OSError:  # no file was written
            return None, "cannot do with its shape"


def _arrays(mesh: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray]:
    points = values_of(mesh.vertices, "co", width=3)
    mesh.calc_loop_triangles()
    corners = values_of(mesh.loop_triangles, "vertices", np.int32, width=3)
    return points.reshape(-1, 3), corners.reshape(-1, 3)


def _mesh_of(name: str, points: np.ndarray, faces: np.ndarray) -> bpy.types.Mesh:
    made = bpy.data.meshes.new(name)
    made.from_pydata(points.tolist(), [], [[each for each in face if each >= 0] for face in faces.tolist()])
    made.update(calc_edges=True)
    return made


def _of_voxels(mesh: bpy.types.Mesh, wanted: int) -> bpy.types.Mesh | None:
    """At most so many quads, all of one size; None where sheets would be lost."""
    source = mesh.copy()
    drop_own_normals(source)
    areas = values_of(source.polygons, "area")
    size = float(np.sqrt(areas.sum(dtype=np.float64) / wanted))
    made: bpy.types.Mesh | None = None
    for _ in range(_TRIES):
        if made is not None:
            bpy.data.meshes.remove(made)
        made = voxels(source, size)
        if len(made.polygons) <= wanted:
            break
        size *= 1.02 * float(np.sqrt(len(made.polygons) / wanted))
    bpy.data.meshes.remove(source)
    assert made
    if keeps_sheets(mesh, made, REACH * size):
        return made
    bpy.data.meshes.remove(made)
    return None
