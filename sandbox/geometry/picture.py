# SPDX-License-Identifier: GPL-3.0-or-later
"""From pictures to a textured object: one view is inflated, several carve a body out between them."""

from dataclasses import dataclass

import bpy
import numpy as np

from . import field, meshes
from .cutout import Array, blur, resize, subject

WORKING = 320  # pixels along the longest side while the subject is searched
TEXTURE = 1024  # pixels along the longest side of the picture that colours the object
MARGIN = 0.03  # of a view on each side, filled with the subject's colours


@dataclass
class View:
    """A picture cut to its subject: how much each pixel belongs to it, and its colours spread beyond it."""

    cover: Array
    colours: Array


def cut(path: str) -> View:
    """Find the subject of a picture. ValueError if there is none."""
    picture = meshes.load_picture(path)
    shrink = min(1.0, WORKING / max(picture.shape))
    small = resize(picture, *(max(2, round(n * shrink)) for n in picture.shape[:2]))
    cover = resize(subject(small), *picture.shape[:2])
    rows, columns = (np.flatnonzero((cover > 0.5).any(axis)) for axis in (1, 0))
    if not len(rows):
        raise ValueError("There is nothing to be seen in this picture")
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    pad = [(round(MARGIN * n), round(MARGIN * n)) for n in cover[box].shape]
    within = np.pad(cover[box], pad)
    known = np.minimum(within, blur(within, 2, 1)) > 0.9  # not the edge, where the background shines through
    known = (known if known.any() else within > 0.5).astype(np.float32)
    colours = np.pad(picture[box][..., :3], [*pad, (0, 0)], mode="edge")
    return View(cover[box], _fill(colours * known[..., None], known))


def _fill(sums: Array, weights: Array) -> Array:
    """Return sums / weights, and where nothing is known, what a coarser look at the picture knows."""
    height, width = weights.shape
    mean = sums / np.maximum(weights, 1e-6)[..., None]
    if weights.min() > 0 or min(height, width) < 2:
        return mean
    even = [(0, height % 2), (0, width % 2)]
    wide = np.pad(sums, [*even, (0, 0)]), np.pad(weights, even)
    coarse = [part[::2, ::2] + part[1::2, ::2] + part[::2, 1::2] + part[1::2, 1::2] for part in wide]
    return np.where((weights > 0)[..., None], mean, resize(_fill(*coarse), height, width))


def build(pictures: dict[str, str], faces: int, is_textured: bool = True) -> bpy.types.Object:
    """Return the object that these pictures (by side) show: upright, 1 in size, at most `faces` triangles."""
    views = {name: cut(path) for name, path in pictures.items() if name in field.SIDES}
    covers = {name: view.cover for name, view in views.items()}
    if "left" in views or "right" in views:
        grid = field.carve(covers, faces)
    else:
        grid = field.inflate(covers.get("front", next(iter(covers.values()))), faces)
    thing = meshes.to_object(*field.surface(grid))
    meshes.modified(thing, "SMOOTH", factor=1, iterations=3)
    meshes.decimate(thing, faces)
    meshes.stand(thing)
    if is_textured:
        paint(thing, views)
    return thing


def paint(thing: bpy.types.Object, views: dict[str, View]) -> None:
    """Give each triangle the part of the view that looks at it most directly; the views lie side by side."""
    first = next(iter(views.values())).colours.shape
    scale = min(1.0, TEXTURE / np.sqrt(len(views)) / max(first))
    height, width = (max(4, round(n * scale)) for n in first[:2])
    meshes.dress(thing, np.concatenate([resize(view.colours, height, width) for view in views.values()], 1))
    points, corners = meshes.arrays(thing)
    a, b, c = (points[corners[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    turns = np.array([field.SIDES.index(name) for name in views]) * np.pi / 2  # of the camera, from -Y to +X
    sight = normal[:, :1] * np.sin(turns) - normal[:, 1:2] * np.cos(turns)
    number = (sight - 0.02 * np.arange(len(views))).argmax(1)[:, None]
    x, y, z = np.moveaxis((points[corners] - points.min(0)) / np.ptp(points, axis=0) - 0.5, 2, 0)
    across = x * np.cos(turns[number]) + y * np.sin(turns[number])
    seen = np.stack([across, z], -1) * (1 - 2 * MARGIN) + 0.5
    meshes.lay_out(thing, (seen + np.stack([number, 0 * number], -1)) / (len(views), 1))
