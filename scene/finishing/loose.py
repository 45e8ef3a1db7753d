# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes loose bits out: parts that hang together with nothing and are small beside the whole."""

import bmesh
import bpy
import numpy as np

from ..conversion.mesh_shape import parts_of_faces
from ..conversion.report import arrays_of
from ..conversion.values import values_of
from .work import CannotError, Work, edited

MOST = 0.2  # of the surface: parts that are more of it than this are meant


def take_bits_out(work: Work) -> None:
    """Parts whose longest side is below the share `loose` of the model's, and what has no face.

    Raises CannotError where such parts are so many that they are the model.
    """
    share = work.profile["loose"]
    refused = 0.0
    for mesh in work.users():
        is_bit, count, area = _bits(mesh, share)
        if area > MOST:
            refused = max(refused, area)
            continue
        if count:
            with edited(mesh) as held:
                held.faces.ensure_lookup_table()
                gone = [held.faces[number] for number in np.flatnonzero(is_bit).tolist()]
                bmesh.ops.delete(held, geom=gone, context="FACES")
            work.bits += count
    if refused:
        raise CannotError(f"parts below {share:.1%} of its size are {refused:.0%} of its surface")


def _bits(mesh: bpy.types.Mesh, share: float) -> tuple[np.ndarray, int, float]:
    """Which faces are of loose bits; how many those are, and their share of the surface."""
    arrays = arrays_of(mesh)
    parts = np.unique(parts_of_faces(arrays), return_inverse=True)[1].reshape(-1)
    if not len(parts) or parts.max() == 0:
        return np.zeros(len(parts), np.bool_), 0, 0.0
    of_corner = np.repeat(parts, arrays.sizes)
    order = np.argsort(of_corner, kind="stable")
    starts = np.searchsorted(of_corner[order], np.arange(int(parts.max()) + 1))
    points = arrays.points[arrays.corners[order]]
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    sides = (high - low).max(axis=1)
    longest = float((high.max(axis=0) - low.min(axis=0)).max())
    is_small = sides < share * longest
    areas = values_of(mesh.polygons, "area")
    is_bit = is_small[parts]
    whole = float(areas.sum(dtype=np.float64))
    gone = float(areas[is_bit].sum(dtype=np.float64))
    return is_bit, int(is_small.sum()), gone / whole if whole else 0.0
