# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts what is wrong with a mesh's shape, by arrays alone: the same mesh has the same numbers everywhere.

Vertices in the same place count as one, because formats such as glTF store a vertex again at each seam: the
surface is what is judged. Places are the same where they are so on a grid of 2^20 steps along the longest
side; a face that is thinner than a step is degenerate. Faces with a corner at no place are left out.
"""

from dataclasses import dataclass

import numpy as np

from .mesh_parts import FaceLinks, components, count_flipped

STEPS = 2**20


@dataclass(frozen=True)
class MeshArrays:
    """A mesh as Blender has it. Faces begin at `starts` among the corners, one after the other."""

    points: np.ndarray  # (vertices, 3)
    edges: np.ndarray  # (edges, 2) of vertices
    starts: np.ndarray
    corners: np.ndarray  # the vertex of each corner
    corner_edges: np.ndarray  # the edge from each corner to the next

    @property
    def sizes(self) -> np.ndarray:
        """How many corners each face has."""
        return np.diff(self.starts, append=len(self.corners))


@dataclass(frozen=True)
class ShapeCounts:
    """What was counted in one mesh."""

    triangles: int = 0
    quads: int = 0
    ngons: int = 0
    parts: int = 0  # that hang together by faces
    boundary_edges: int = 0  # with one face
    non_manifold_edges: int = 0  # with three faces or more
    split_edges: int = 0  # with one face as long as doubles are not merged
    loose_edges: int = 0  # without a face
    flipped_faces: int = 0
    degenerate_faces: int = 0
    doubles: int = 0  # vertices that merging would take away
    invalid_vertices: int = 0  # at no place: NaN or infinite
    one_sided_faces: int = 0  # as of a Möbius strip: none of them can be said to be flipped


def count_shape(mesh: MeshArrays) -> tuple[ShapeCounts, np.ndarray]:
    """The counts of one mesh, which any mesh has; and each corner's edge, where those that merge are one."""
    sizes = mesh.sizes
    corner_edges = mesh.corner_edges
    triangles, quads = (int(np.count_nonzero(sizes == size)) for size in (3, 4))
    is_used = np.zeros(len(mesh.edges), np.bool_)
    is_used[mesh.corner_edges] = True
    is_valid = np.isfinite(mesh.points).all(axis=1)
    counts = {
        "triangles": triangles,
        "quads": quads,
        "ngons": len(sizes) - triangles - quads,
        "loose_edges": len(is_used) - int(np.count_nonzero(is_used)),
        "invalid_vertices": len(is_valid) - int(np.count_nonzero(is_valid)),
    }
    if counts["invalid_vertices"] and len(sizes):
        mesh = _without(mesh, ~is_valid)
    if len(mesh.starts):
        of_faces, merged_edges = _counts_of_faces(mesh)
        counts |= of_faces
        corner_edges = merged_edges if len(merged_edges) == len(corner_edges) else corner_edges
    return ShapeCounts(**counts), corner_edges


def parts_of_faces(mesh: MeshArrays) -> np.ndarray:
    """Of each face a number: the same for those that hang together, vertices in one place being one."""
    if not len(mesh.starts):
        return np.zeros(0, np.int32)
    points = np.where(np.isfinite(mesh.points), mesh.points, np.float32(0))
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    is_used = np.zeros(len(points), np.bool_)
    is_used[mesh.corners] = True
    first = _first_in_place(points.T, is_used, low, float((high - low).max()) or 1.0)
    ends = first[mesh.edges]
    return components(len(points), ends[:, 0], ends[:, 1])[first[mesh.corners[mesh.starts]]]


def _without(mesh: MeshArrays, is_bad: np.ndarray) -> MeshArrays:
    """The mesh without the faces that have one of these vertices, which then stand in the origin."""
    sizes = mesh.sizes
    is_kept = ~np.logical_or.reduceat(is_bad[mesh.corners], mesh.starts)
    is_corner = np.repeat(is_kept, sizes)
    starts = np.cumsum(sizes[is_kept]) - sizes[is_kept]
    points = np.where(is_bad[:, None], np.float32(0), mesh.points)
    return MeshArrays(points, mesh.edges, starts, mesh.corners[is_corner], mesh.corner_edges[is_corner])


def _counts_of_faces(mesh: MeshArrays) -> tuple[dict[str, int], np.ndarray]:
    """Of a mesh with faces, all of whose corners are at some place."""
    sizes = mesh.sizes
    axes = np.ascontiguousarray(mesh.points.T)
    is_used = np.zeros(len(mesh.points), np.bool_)
    is_used[mesh.corners] = True
    used = axes if is_used.all() else axes[:, is_used]
    low, high = used.min(axis=1).astype(np.float64), used.max(axis=1).astype(np.float64)
    side = float((high - low).max()) or 1.0
    open_before = int(np.count_nonzero(np.bincount(mesh.corner_edges) == 1))
    first = _first_in_place(axes, is_used, low, side)
    is_first = first == np.arange(len(first))
    if not is_first.all():
        mesh, axes = _merged(mesh, first, is_first), axes[:, is_first]
    faces = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    corners, edges = mesh.corners, mesh.corner_edges
    ends = np.ascontiguousarray(mesh.edges.T)
    is_used = np.bincount(edges, minlength=len(mesh.edges)) > 0
    parts = components(len(mesh.points), ends[0, is_used], ends[1, is_used])[corners[mesh.starts]]
    is_edge = (ends[0] != ends[1])[edges]
    if not is_edge.all():  # a face that merging makes a line or a point of is no part of the surface
        is_edge &= np.repeat(np.add.reduceat(is_edge, mesh.starts, dtype=np.int32) > 2, sizes)
        faces, edges, corners = (each[is_edge] for each in (faces, edges, corners))
    users = np.bincount(edges, minlength=len(mesh.edges))
    in_unit = ((axes - ((low + high) / 2)[:, None]) / side).astype(np.float32)
    volumes, heights = _volumes_and_heights(in_unit, mesh)
    links = _face_links(mesh, faces, edges, corners == ends[0][edges], users, parts, volumes)
    flipped, one_sided = count_flipped(links)
    boundary = int(np.count_nonzero(users == 1))
    counts = {
        "parts": int(np.count_nonzero(np.bincount(parts))),
        "boundary_edges": boundary,
        "non_manifold_edges": int(np.count_nonzero(users > 2)),
        "split_edges": max(0, open_before - boundary),
        "flipped_faces": flipped,
        "degenerate_faces": int(np.count_nonzero(heights < 1 / STEPS)),
        "doubles": len(is_first) - int(np.count_nonzero(is_first)),
        "one_sided_faces": one_sided,
    }
    return counts, mesh.corner_edges


def _merged(mesh: MeshArrays, first: np.ndarray, is_first: np.ndarray) -> MeshArrays:
    """The mesh with each vertex replaced by the `first` in its place, and one edge between the same two."""
    vertices = (np.cumsum(is_first, dtype=np.int32) - 1)[first]
    ends = vertices[mesh.edges[:, 0]], vertices[mesh.edges[:, 1]]
    low, high = np.minimum(*ends), np.maximum(*ends)
    same = np.arange(len(low), dtype=np.int32)
    is_shared = np.bincount(vertices) > 1
    several = np.flatnonzero(is_shared[low] | is_shared[high])  # no others can be the same
    same[several] = several[_first_equal(low[several].astype(np.int64) << 32 | high[several])]
    is_kept = same == np.arange(len(same))
    return MeshArrays(
        points=mesh.points[is_first],
        edges=np.stack((low[is_kept], high[is_kept]), axis=1),
        starts=mesh.starts,
        corners=vertices[mesh.corners],
        corner_edges=(np.cumsum(is_kept, dtype=np.int32) - 1)[same][mesh.corner_edges],
    )


def _face_links(
    mesh: MeshArrays,
    faces: np.ndarray,
    edges: np.ndarray,
    is_ahead: np.ndarray,
    users: np.ndarray,
    parts: np.ndarray,
    volumes: np.ndarray,
) -> FaceLinks:
    """By `faces` and `edges` of corners, and whether their faces go along the edges in these' own way."""
    one, other = (np.zeros(len(users), np.int32) for _ in range(2))
    one[edges[::-1]] = faces[::-1]  # of several values for a place the last stays
    other[edges] = faces
    is_pair = users == 2
    ahead = np.bincount(edges[is_ahead], minlength=len(users))
    is_open = np.zeros(len(parts), np.bool_)
    is_open[faces[~is_pair[edges]]] = True
    return FaceLinks(
        points=mesh.points,
        corners=mesh.corners,
        sizes=mesh.sizes,
        parts=parts,
        volumes=volumes,
        is_open=is_open,
        one=one[is_pair],
        other=other[is_pair],
        is_turned=ahead[is_pair] != 1,
    )


def _first_in_place(axes: np.ndarray, is_used: np.ndarray, low: np.ndarray, side: float) -> np.ndarray:
    """Of each vertex the first in its place; of one that no face uses, itself."""
    place = np.zeros(len(is_used), np.int64)
    for values, lowest in zip(axes, low, strict=True):
        steps = np.rint((values - lowest) * (STEPS / side))
        place = place << 21 | np.clip(steps, 0, STEPS).astype(np.int64)
    place[~is_used] = -1 - np.flatnonzero(~is_used)
    return _first_equal(place)


def _first_equal(keys: np.ndarray) -> np.ndarray:
    """Of each key the number of the first that equals it."""
    order = np.argsort(keys, kind="stable").astype(np.int32)
    ordered = keys[order]
    is_first = np.append(True, ordered[1:] != ordered[:-1])
    if is_first.all():
        return np.arange(len(keys), dtype=np.int32)
    found = np.empty(len(keys), np.int32)
    found[order] = order[is_first][np.cumsum(is_first) - 1]
    return found


def _volumes_and_heights(axes: np.ndarray, mesh: MeshArrays) -> tuple[np.ndarray, np.ndarray]:
    """Of each face the volume between it and the origin, and how high it stands on its longest edge.

    `axes` are the vertices' places, axis by axis.
    """
    fans, owner = _fans(mesh)
    first, second, third = ([axis[each] for axis in axes] for each in fans)
    x, y, z = (b - a for a, b in zip(first, second, strict=True))
    u, v, w = (c - a for a, c in zip(first, third, strict=True))
    across = [y * w - z * v, z * u - x * w, x * v - y * u]
    volumes = _dot(first, across)
    if owner is None:
        opposite = [c - b for b, c in zip(second, third, strict=True)]
        longest = np.maximum(np.maximum(_dot([x, y, z]), _dot([u, v, w])), _dot(opposite))
    else:
        count = len(mesh.starts)
        volumes = np.bincount(owner, volumes, count)
        across = [np.bincount(owner, each, count) for each in across]
        following = np.append(mesh.corners[1:], mesh.corners[:1])
        following[mesh.starts + mesh.sizes - 1] = mesh.corners[mesh.starts]
        longest = np.maximum.reduceat(
            _dot([axis[following] - axis[mesh.corners] for axis in axes]), mesh.starts
        )
    areas = np.sqrt(_dot(across))  # each twice the face's
    return volumes / 6, areas / np.sqrt(np.maximum(longest, np.float32(1e-30)))


def _fans(mesh: MeshArrays) -> tuple[list[np.ndarray], np.ndarray | None]:
    """The corners of triangles that make up the faces, and each triangle's face; None: they are the faces."""
    starts, corners = mesh.starts, mesh.corners
    if len(corners) == 3 * len(starts):
        return [corners[place::3] for place in range(3)], None
    is_between = np.ones(len(corners), np.bool_)
    is_between[starts] = is_between[starts + mesh.sizes - 1] = False
    at = np.flatnonzero(is_between)
    owner = np.repeat(np.arange(len(starts)), mesh.sizes)[at]
    return [corners[starts[owner]], corners[at], corners[at + 1]], owner


def _dot(one: list[np.ndarray], other: list[np.ndarray] | None = None) -> np.ndarray:
    """The products of vectors, axis by axis; without another, their squares."""
    (x, y, z), (u, v, w) = one, other or one
    return x * u + y * v + z * w
