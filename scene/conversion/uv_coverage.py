# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of the texture UV maps use, and how much of that they use twice: sampled on a grid of texels.

Each material has a square of its own, since it has textures of its own. A texel counts if its centre is in a
face; faces that share an edge share no texel. Faces that reach out of the square are sampled in it alone.
"""

from dataclasses import dataclass

import numpy as np

_SIDE = 1024  # texels of a square's side, halved until there are no more in all than in four such squares
_MAX_TEXELS = 4 * _SIDE**2
_MAX_CROSSINGS = 8_000_000  # of edges with rows of texels; likewise
_LEAST_SIDE = 16
_OUTSIDE = 1e-4  # so far outside of the square nothing is meant by it
_FARTHEST = 1e6  # beyond it, single precision has no place within a square any more


@dataclass(frozen=True)
class UvFaces:
    """Faces with a UV map, beginning at `starts` among the corners, one after the other."""

    uv: np.ndarray  # (corners, 2), in single precision
    starts: np.ndarray
    corner_edges: np.ndarray  # the mesh's edge from each corner to the next
    materials: np.ndarray  # the number of each face's material

    @property
    def sizes(self) -> np.ndarray:
        """How many corners each face has."""
        return np.diff(self.starts, append=len(self.uv))


@dataclass(frozen=True)
class UvCoverage:
    """Shares are None where nothing could be sampled."""

    coverage: float | None = None  # of the squares of all materials, under some face
    overlap: float | None = None  # of that, under more than one
    outside_faces: int = 0  # that reach out of the square
    invalid_faces: int = 0  # with a corner at no place: not a number, or absurdly far away


def measure_uv(pieces: list[UvFaces]) -> UvCoverage:
    """Of all pieces of a model together; the same number means the same material."""
    valid = [_without_invalid(piece) for piece in pieces]
    invalid = sum(len(each.starts) for each in pieces) - sum(len(each.starts) for each in valid)
    valid = [each for each in valid if len(each.starts)]
    outside = sum(map(_count_outside, valid))
    materials = sorted(
        {int(each) for piece in valid for each in np.flatnonzero(np.bincount(piece.materials))}
    )
    outlines = [_outline_of(piece) for piece in valid]
    side = _SIDE if len(materials) else 0
    while side and (
        len(materials) * side * side > _MAX_TEXELS
        or sum(each.crossings(side) for each in outlines) > _MAX_CROSSINGS
    ):
        side = side // 2 if side > _LEAST_SIDE else 0
    if not side:
        return UvCoverage(outside_faces=outside, invalid_faces=invalid)
    squares = np.zeros(materials[-1] + 1, np.int64)
    squares[materials] = np.arange(len(materials))
    changes = sum(each.changes(squares, len(materials), side) for each in outlines)
    layers = np.cumsum(np.reshape(changes, (-1, side + 1)), axis=1)[:, :side]
    covered = int(np.count_nonzero(layers > 0.5))
    twice = int(np.count_nonzero(layers > 1.5))
    return UvCoverage(
        coverage=covered / layers.size,
        overlap=twice / covered if covered else 0.0,
        outside_faces=outside,
        invalid_faces=invalid,
    )


def _without_invalid(piece: UvFaces) -> UvFaces:
    if np.abs(piece.uv).max(initial=0.0) < _FARTHEST:  # false also of what is no number
        return piece
    is_valid = np.logical_and.reduceat((np.abs(piece.uv) < _FARTHEST).all(axis=1), piece.starts)
    sizes = piece.sizes[is_valid]
    corners = np.repeat(is_valid, piece.sizes)
    starts = np.cumsum(sizes) - sizes
    return UvFaces(piece.uv[corners], starts, piece.corner_edges[corners], piece.materials[is_valid])


def _count_outside(piece: UvFaces) -> int:
    if piece.uv.min() >= -_OUTSIDE and piece.uv.max() <= 1 + _OUTSIDE:
        return 0
    is_outside = ((piece.uv < -_OUTSIDE) | (piece.uv > 1 + _OUTSIDE)).any(axis=1)
    return int(np.count_nonzero(np.logical_or.reduceat(is_outside, piece.starts)))


@dataclass(frozen=True)
class _Outline:
    """Edges of faces, without those between two faces that lie side by side in the map as on the mesh.

    Along a row of texels, from left to right, a face begins at one edge of it and ends at another.
    """

    begin: np.ndarray  # (edges, 2)
    end: np.ndarray
    sides: np.ndarray  # of each edge: 1 where its face is counterclockwise, -1 where it is clockwise
    materials: np.ndarray

    def crossings(self, side: int) -> int:
        return int(np.abs(_rows(self.end, side) - _rows(self.begin, side)).sum())

    def changes(self, squares: np.ndarray, count: int, side: int) -> np.ndarray:
        """By texel, of each row one more than the square has: by how many faces it has more than the last."""
        rows, end_rows = _rows(self.begin, side), _rows(self.end, side)
        crossing = np.flatnonzero(rows != end_rows)
        rows, end_rows = rows[crossing], end_rows[crossing]
        is_up = end_rows > rows
        # From the lower end to the upper one: two faces then have the same numbers of their common edge.
        low, high = self.begin[crossing].astype(np.float64), self.end[crossing].astype(np.float64)
        low, high = np.where(is_up[:, None], low, high), np.where(is_up[:, None], high, low)
        slopes = (high[:, 0] - low[:, 0]) / (high[:, 1] - low[:, 1])
        counts = np.abs(end_rows - rows)
        row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        row += np.repeat(np.minimum(rows, end_rows), counts)
        u = np.repeat(low[:, 0], counts)
        u += ((row + 0.5) / side - np.repeat(low[:, 1], counts)) * np.repeat(slopes, counts)
        column = np.clip(np.ceil(u * side - 0.5), 0, side).astype(np.int64)
        square = np.repeat(squares[self.materials[crossing]], counts)
        begins = np.repeat(np.where(is_up, -1, 1) * self.sides[crossing], counts)
        return np.bincount((square * side + row) * (side + 1) + column, begins, count * side * (side + 1))


def _rows(places: np.ndarray, side: int) -> np.ndarray:
    """The first row of texels whose middle is not below each place."""
    return np.clip(np.ceil(places[:, 1] * np.float32(side) - np.float32(0.5)), 0, side).astype(np.int32)


def _outline_of(piece: UvFaces) -> _Outline:
    starts, sizes = piece.starts, piece.sizes
    count = len(piece.uv)
    following = np.arange(1, count + 1, dtype=np.int32)
    following[starts + sizes - 1] = starts
    across = _areas(piece, following)
    kinds = np.repeat(piece.materials * 3 + np.sign(across).astype(np.int32), sizes)
    users = np.bincount(piece.corner_edges)
    one, other = (np.zeros(len(users), np.int32) for _ in range(2))
    corners = np.arange(count, dtype=np.int32)
    one[piece.corner_edges[::-1]] = corners[::-1]  # of several values for a place the last stays
    other[piece.corner_edges] = corners
    one, other = one[users == 2], other[users == 2]
    places = np.ascontiguousarray(piece.uv, np.float32).view(np.int64).ravel()
    is_inner = (places[one] == places[following[other]]) & (places[following[one]] == places[other])
    is_inner &= kinds[one] == kinds[other]
    is_kept = np.ones(count, np.bool_)
    is_kept[one[is_inner]] = is_kept[other[is_inner]] = False
    kept = np.flatnonzero(is_kept)
    kinds = kinds[kept]
    materials = (kinds + 1) // 3
    return _Outline(piece.uv[kept], piece.uv[following[kept]], kinds - materials * 3, materials)


def _areas(piece: UvFaces, following: np.ndarray) -> np.ndarray:
    """Of each face twice its area in the map, below 0 where it is clockwise."""
    starts = piece.starts
    u, v = piece.uv.T
    if len(u) == 3 * len(starts):
        return (u[1::3] - u[::3]) * (v[2::3] - v[::3]) - (u[2::3] - u[::3]) * (v[1::3] - v[::3])
    base = np.repeat(starts, piece.sizes)
    x, y = u - u[base], v - v[base]
    return np.add.reduceat(x * y[following] - x[following] * y, starts)
