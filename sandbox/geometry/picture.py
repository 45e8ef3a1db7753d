# SPDX-License-Identifier: GPL-3.0-or-later
"""From pictures to a textured object: one view is inflated, several carve a body out between them."""

from dataclasses import dataclass

import bpy
import numpy as np

from . import field, meshes
from .cutout import Array, subject

WORKING = 320  # pixels along the longest side while the subject is searched
MARGIN = 0.03  # of a tile on each side, filled with the subject's colours
SMOOTHING = 3
SIDES = ("left", "back", "right", "top", "bottom")


@dataclass
class View:
    """A picture cut to its subject: how much each pixel belongs to it, and its colours spread beyond it."""

    cover: Array
    colours: Array


def cut(path: str) -> View:
    picture = meshes.load_picture(path)
    shrink = WORKING / max(picture.shape)
    small = (
        picture
        if shrink >= 1
        else field.resize(picture, *(max(2, round(n * shrink)) for n in picture.shape[:2]))
    )
    cover = field.resize(subject(small), *picture.shape[:2])
    rows, columns = (np.flatnonzero((cover > 0.5).any(axis)) for axis in (1, 0))
    if not len(rows):
        raise ValueError("There is nothing to be seen in this picture")
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    margin = round(MARGIN * (bottom - top)), round(MARGIN * (right - left))
    pad = [(margin[0], margin[0]), (margin[1], margin[1])]
    within = np.pad(cover[top:bottom, left:right], pad)
    colours = np.pad(picture[top:bottom, left:right, :3], [*pad, (0, 0)], mode="edge")
    return View(cover[top:bottom, left:right], spread(colours, within))


def spread(colours: Array, cover: Array) -> Array:
    """Return the colours with those of the subject in place of the background's, so that no fringe shows."""
    known = (np.minimum(cover, field.blur(cover, 2, 1)) > 0.9).astype(np.float32)
    if not known.any():
        known = (cover > 0.5).astype(np.float32)
    return _fill(colours * known[..., None], known)


def _fill(sums: Array, weights: Array) -> Array:
    """Return sums / weights, and where nothing is known, what a coarser look at the picture knows."""
    height, width = weights.shape
    mean = sums / np.maximum(weights, 1e-6)[..., None]
    if weights.min() > 0 or min(height, width) < 2:
        return mean
    wide = (
        np.pad(sums, ((0, height % 2), (0, width % 2), (0, 0))),
        np.pad(weights, ((0, height % 2), (0, width % 2))),
    )
    coarse = [part[::2, ::2] + part[1::2, ::2] + part[::2, 1::2] + part[1::2, 1::2] for part in wide]
    rest = field.resize(_fill(*coarse), height, width)
    return np.where((weights > 0)[..., None], mean, rest)


def build(pictures: dict[str, str], faces: int, is_textured: bool = True) -> bpy.types.Object:
    """Return the object that these pictures (by view) show: upright, 1 in size, at most `faces` triangles."""
    views = {name: cut(path) for name, path in pictures.items() if name in ("front", *SIDES)}
    grid = volume(views, faces)
    points, quads = field.surface(grid)
    points = field.smooth(points, quads, SMOOTHING)
    size = points.max(0) - points.min(0)
    points = (points - points.min(0) - size * (0.5, 0.5, 0)) / size.max()
    thing = meshes.to_object(points, quads, "model")
    meshes.decimate(thing, faces)
    if is_textured:
        paint(thing, views)
    else:
        thing.data.materials.append(meshes.material(None, "plain"))
    return thing


def volume(views: dict[str, View], faces: int) -> Array:
    """Return the field of what the views show: carved if they show a side, inflated if not."""
    if set(views) & {"left", "right", "top", "bottom"}:
        return field.carve({name: view.cover for name, view in views.items()}, faces)
    return field.inflate(views.get("front", next(iter(views.values()))).cover, faces)


def paint(thing: bpy.types.Object, views: dict[str, View]) -> None:
    """Give each face the part of the view that looks at it most directly; all views lie in one picture."""
    names = list(views)
    columns = int(np.ceil(np.sqrt(len(names))))
    rows = int(np.ceil(len(names) / columns))
    if len(names) == 1:
        picture = views[names[0]].colours
        scale = min(1.0, 1024 / max(picture.shape))
        atlas = field.resize(picture, *(max(4, round(n * scale)) for n in picture.shape[:2]))
    else:
        tile = 1024 // columns
        atlas = np.zeros((rows * tile, columns * tile, 3), np.float32)
        for i, name in enumerate(names):
            y, x = i // columns * tile, i % columns * tile
            atlas[y : y + tile, x : x + tile] = field.resize(views[name].colours, tile, tile)
    mesh = thing.data
    mesh.materials.append(meshes.material(np.clip(atlas, 0, 1), "model"))
    points, corners = meshes.arrays(thing)
    size = points.max(0) - points.min(0)
    unit = (points - points.min(0)) / size - 0.5
    flat = np.cross(
        points[corners[:, 1]] - points[corners[:, 0]], points[corners[:, 2]] - points[corners[:, 0]]
    )
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    facing = np.stack([flat @ _towards(name) - 0.02 * i for i, name in enumerate(names)], 1).argmax(1)
    uv = np.empty((len(corners), 3, 2), np.float32)
    for i, name in enumerate(names):
        picked = facing == i
        place = (_seen(name, unit[corners[picked]]) * (1 - 2 * MARGIN)) + 0.5
        uv[picked, :, 0] = (i % columns + place[..., 0]) / columns
        uv[picked, :, 1] = 1 - (i // columns + 1 - place[..., 1]) / rows
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", uv.ravel())


def _towards(name: str) -> Array:
    """Return the direction from the thing to the camera of a view."""
    if name in ("top", "bottom"):
        return np.array([0, 0, 1 if name == "top" else -1], np.float32)
    angle = np.radians(field.AZIMUTHS[name])
    return np.array([np.sin(angle), -np.cos(angle), 0], np.float32)


def _seen(name: str, unit: Array) -> Array:
    """Return where a view shows points of the box -0.5..0.5: right and up, -0.5..0.5."""
    if name in ("top", "bottom"):
        return np.stack([unit[..., 0], unit[..., 1] * (1 if name == "top" else -1)], -1)
    angle = np.radians(field.AZIMUTHS[name])
    return np.stack([unit[..., 0] * np.cos(angle) + unit[..., 1] * np.sin(angle), unit[..., 2]], -1)
