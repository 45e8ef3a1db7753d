# SPDX-License-Identifier: GPL-3.0-or-later
"""Bakes what one surface looks like onto the UV map of another, in texels about as large as those that came.

Each texel asks once for its place on the other surface, and takes every channel from there. Where there is no
place near enough it is marked in a colour that nobody takes for the texture, and counted.
"""

import math
from dataclasses import dataclass

import bpy
import numpy as np

from .look import Look
from .raster import Texels, filled, texels_of
from .shading import Channel, image_of, material_of
from .surface import Finder, Places, Surface, unit, uv_area

GAP = (1.0, 0.0, 1.0)  # what is shown where nothing came
NEAR = 0.02  # of the size: what is farther away is not the same place
SMALLEST, LARGEST = 256, 4096  # pixels a side
_AT_ONCE = 1_000_000  # texels


@dataclass
class Baked:
    """A material for some slots, and how much of their UVs it covers."""

    material: bpy.types.Material
    texels: int
    gaps: int
    overlap: float


@dataclass(frozen=True)
class Whole:
    """Has each texel take the nearest place however far away it is, and bakes the shape as normals."""

    size: int  # pixels a side
    near: float  # what is on the back of a thin part is so near at most


class Baker:
    """Bakes from one surface onto another, which lies where it does. `match`: see `matching_triangles`."""

    def __init__(
        self,
        came: Surface,
        target: Surface,
        match: tuple[np.ndarray, np.ndarray] | None,
        whole: Whole | None = None,
    ) -> None:
        self._came, self._target = came, target
        self._match = match
        self._finder = None if match else Finder(came)
        self._whole = whole
        self._near = whole.near if whole else came.size * NEAR
        self._look = Look(came)

    def close(self) -> None:
        if self._finder:
            self._finder.close()

    def bake(self, chosen: np.ndarray, name: str, uv_name: str) -> Baked:
        """A material `name` for those triangles of the target, on its UV map of that name."""
        assert self._target.uv is not None
        uv = self._target.uv[chosen]
        size = self._whole.size if self._whole else self._size(uv)
        texels = texels_of(uv, size)
        texels.triangle = chosen[texels.triangle]
        wanted = self._wanted()
        pixels = {key: np.zeros((size * size, 4), np.uint8) for key in wanted}  # as in the file
        is_known, is_gap = (np.zeros(size * size, np.bool_) for _ in range(2))
        is_known[texels.number] = True
        for start in range(0, len(texels.number), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            some = Texels(texels.number[part], texels.triangle[part], texels.weights[part], 0.0)
            places = self._places(some)
            is_gap[some.number] = (places.distance > self._near) & (self._whole is None)
            for key in wanted:
                values = self._values(key, places, some)
                pixels[key][some.number] = (values * 255 + 0.5).clip(0, 255).astype(np.uint8)
        pictures: dict[str, bpy.types.Image] = {}
        has_alpha = "color" in pixels and bool((pixels["color"][is_known, 3] < 255).any())
        for key, values in pixels.items():
            whole = filled(
                values.reshape(size, size, 4) / np.float32(255), (is_known & ~is_gap).reshape(size, size)
            )
            if key == "color":
                whole.reshape(-1, 4)[is_gap] = (*GAP, 1.0)
            count = 4 if key == "color" and has_alpha else 3
            title = name if key == "color" else f"{name} {key}"
            pictures[key] = image_of(
                title, whole[..., :count], is_color=key in ("color", "emission"), has_alpha=count == 4
            )
        usual = self._look.channels[0]
        return Baked(
            material_of(name, pictures, usual, uv_name), len(texels.number), int(is_gap.sum()), texels.overlap
        )

    def _size(self, uv: np.ndarray) -> int:
        """Pixels a side, so that a place has about as many as it came with: a power of two."""
        largest = max((max(each.size) for each in self._look.images()), default=1024)
        if self._came.uv is not None and self._came.uv.size:
            ratio = math.sqrt(max(uv_area(self._came.uv), 1e-6) / max(uv_area(uv), 1e-6))
            largest *= min(max(ratio, 0.5), 4.0)
        return int(min(max(2 ** round(math.log2(max(largest, 1))), SMALLEST), LARGEST))

    def _wanted(self) -> list[str]:
        """What needs a picture: `surface` is roughness in green and metal in blue, as glTF has it."""
        channels, differs = self._look.channels, self._look.differs
        is_coloured = any(each["color"].has_colours for each in channels)
        is_bent = any(each["normal"].image for each in channels) and self._came.tangents is not None
        glows = any(any(each["emission"].factor) for each in channels)
        wanted = {
            "color": self._whole is None or is_coloured or differs("color") or differs("alpha"),
            "surface": differs("metallic") or differs("roughness"),
            "normal": self._target.tangents is not None and (self._whole is not None or is_bent),
            "emission": glows and differs("emission"),
        }
        return [key for key, is_wanted in wanted.items() if is_wanted]

    def _places(self, texels: Texels) -> Places:
        """Where on the other surface the texels are."""
        here = Places(texels.triangle, texels.weights, np.empty(0))
        points = here.of(self._target.corners)
        if self._match:
            triangle, corner = self._match
            weights = np.zeros_like(texels.weights)
            rows = np.arange(len(weights))
            for place in range(3):
                weights[rows, corner[texels.triangle, place]] += texels.weights[:, place]
            found = Places(triangle[texels.triangle], weights, np.empty(0))
            found.distance = np.linalg.norm(found.of(self._came.corners) - points, axis=1)
            return found
        assert self._finder
        found = self._finder.nearest(points)
        self._look_from_outside(found, points, unit(here.of(self._target.normals)))
        return found

    def _look_from_outside(self, found: Places, points: np.ndarray, normals: np.ndarray) -> None:
        """The nearest place may be on the back of a thin part: there, what is seen from outside counts."""
        assert self._finder
        flat = self._came.flat_normals
        is_back = (flat[found.triangle] * normals).sum(axis=1) < 0
        chosen = np.flatnonzero(is_back & (found.distance <= self._near))
        if not len(chosen):
            return
        outside = points[chosen] + normals[chosen] * self._near
        other, is_hit = self._finder.along(outside, -normals[chosen], 2 * self._near)
        is_front = (flat[other.triangle] * normals[chosen]).sum(axis=1) > 0
        better = is_hit & is_front
        distance = np.linalg.norm(other.of(self._came.corners) - points[chosen], axis=1)
        found.triangle[chosen[better]] = other.triangle[better]
        found.weights[chosen[better]] = other.weights[better]
        found.distance[chosen[better]] = distance[better]

    def _values(self, key: str, places: Places, texels: Texels) -> np.ndarray:
        """The texels of one picture, as they are to be in the file."""
        if key != "normal":
            return self._look.values(key, places)
        made = np.ones((len(places.triangle), 4), np.float32)
        made[:, :3] = (0.5, 0.5, 1.0)
        for here, channels, uv, part in self._look.by_material(places):
            channel = channels["normal"]
            has_picture = channel.image and uv is not None and self._came.tangents is not None
            if has_picture or self._whole:
                own = Places(texels.triangle[here], texels.weights[here], np.empty(0))
                made[here, :3] = self._bent(channel, uv if has_picture else None, part, own)
        return made

    def _bent(self, channel: Channel, uv: np.ndarray | None, places: Places, own: Places) -> np.ndarray:
        """A normal of the one surface in the other's tangent space, as a colour."""
        assert self._target.tangents is not None
        normal = unit(places.of(self._came.normals))
        if uv is not None:
            assert channel.image and self._came.tangents is not None
            bend = (self._look.sampled(channel.image, uv)[:, :3] * 2 - 1) * np.array(
                channel.factor, np.float32
            )
            across, up = _frame(places.of(self._came.tangents), normal)
            normal = unit(across * bend[:, :1] + up * bend[:, 1:2] + normal * bend[:, 2:3])
        here = unit(own.of(self._target.normals))
        across, up = _frame(own.of(self._target.tangents), here)
        parts = [(normal * axis).sum(axis=1) for axis in (across, up, here)]
        return unit(np.stack(parts, axis=1)) * 0.5 + 0.5


def _frame(tangent: np.ndarray, normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat = tangent[:, :3]
    across = unit(flat - normal * (flat * normal).sum(axis=1, keepdims=True))
    return across, np.cross(normal, across) * np.sign(tangent[:, 3:4])
