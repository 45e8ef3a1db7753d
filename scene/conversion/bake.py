# SPDX-License-Identifier: GPL-3.0-or-later
"""Bakes what one surface looks like onto the UV map of another: pictures of the same size a texel.

Each texel asks once for its place on the other surface, and takes every channel from there. Where there is no
place near enough it is marked in a colour that nobody takes for the texture, and counted.
"""

import math
from dataclasses import dataclass

import bpy
import numpy as np

from .raster import Texels, filled, sampled, texels_of
from .shading import Channel, bytes_of, channels_of, image_of, material_of, to_linear, to_srgb
from .surface import Finder, Places, Surface, unit

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

    @property
    def coverage(self) -> float:
        return 1.0 - self.gaps / self.texels if self.texels else 0.0


class Baker:
    """Bakes from one surface onto another, which lies where it does. `match`: see `matching_triangles`."""

    def __init__(self, came: Surface, target: Surface, match: tuple[np.ndarray, np.ndarray] | None) -> None:
        self._came, self._target = came, target
        self._match = match
        self._finder = None if match else Finder(came)
        self._near = came.size * NEAR
        self._channels = [channels_of(each) for each in came.materials]
        self._pictures: dict[str, np.ndarray] = {}

    def close(self) -> None:
        if self._finder:
            self._finder.close()

    def bake(self, chosen: np.ndarray, name: str, uv_name: str) -> Baked:
        """A material `name` for those triangles of the target, on its UV map of that name."""
        assert self._target.uv is not None
        uv = self._target.uv[chosen]
        size = self._size(uv)
        texels = texels_of(uv, size)
        texels.triangle = chosen[texels.triangle]
        wanted = self._wanted()
        pixels = {key: np.zeros((size * size, 4), np.float32) for key in wanted}
        is_known, is_gap = (np.zeros(size * size, np.bool_) for _ in range(2))
        is_known[texels.number] = True
        for start in range(0, len(texels.number), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            some = Texels(texels.number[part], texels.triangle[part], texels.weights[part], 0.0)
            places = self._places(some)
            is_gap[some.number] = places.distance > self._near
            for key in wanted:
                pixels[key][some.number] = self._values(key, places, some)
        pictures: dict[str, bpy.types.Image] = {}
        has_alpha = "color" in pixels and bool((pixels["color"][is_known, 3] < 0.999).any())
        for key, values in pixels.items():
            whole = filled(values.reshape(size, size, 4), (is_known & ~is_gap).reshape(size, size))
            if key == "color":
                whole.reshape(-1, 4)[is_gap] = (*GAP, 1.0)
            count = 4 if key == "color" and has_alpha else 3
            title = name if key == "color" else f"{name} {key}"
            pictures[key] = image_of(
                title, whole[..., :count], is_color=key in ("color", "emission"), has_alpha=count == 4
            )
        usual = self._channels[0]
        return Baked(
            material_of(name, pictures, usual, uv_name), len(texels.number), int(is_gap.sum()), texels.overlap
        )

    def _size(self, uv: np.ndarray) -> int:
        """Pixels a side, so that a place has about as many as it came with: a power of two."""
        largest = max((max(each.size) for each in self._images()), default=1024)
        if self._came.uv is not None and self._came.uv.size:
            ratio = math.sqrt(max(_area(self._came.uv), 1e-6) / max(_area(uv), 1e-6))
            largest *= min(max(ratio, 0.5), 4.0)
        return int(min(max(2 ** round(math.log2(max(largest, 1))), SMALLEST), LARGEST))

    def _images(self) -> list[bpy.types.Image]:
        return [one.image for channels in self._channels for one in channels.values() if one.image]

    def _wanted(self) -> list[str]:
        """What needs a picture: `surface` is roughness in green and metal in blue, as glTF has it."""

        def differs(key: str) -> bool:
            found = [each[key] for each in self._channels]
            return any(one.image for one in found) or len({one.factor for one in found}) > 1

        wanted = ["color"]
        wanted += ["surface"] if differs("metallic") or differs("roughness") else []
        wanted += ["normal"] if any(each["normal"].image for each in self._channels) else []
        glows = any(any(each["emission"].factor) and each["emission"].image for each in self._channels)
        if self._came.tangents is None or self._target.tangents is None:
            wanted = [key for key in wanted if key != "normal"]
        return wanted + ["emission"] * glows

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
        made = np.ones((len(places.triangle), 4), np.float32)
        material = self._came.material[places.triangle]
        uv = places.of(self._came.uv) if self._came.uv is not None else None
        for number in np.unique(material):
            here = material == number
            channels = self._channels[number]
            own_uv = uv[here] if uv is not None else None
            part = Places(places.triangle[here], places.weights[here], places.distance[here])
            if key == "surface":
                for place, name in ((1, "roughness"), (2, "metallic")):
                    made[here, place] = self._read(channels[name], own_uv, part)[:, 0]
            elif key == "normal":
                if channels[key].image and own_uv is not None:
                    own = Places(texels.triangle[here], texels.weights[here], np.empty(0))
                    made[here, :3] = self._bent(channels[key], own_uv, part, own)
                else:
                    made[here, :3] = (0.5, 0.5, 1.0)
            else:
                made[here, :3] = to_srgb(self._read(channels[key], own_uv, part, is_color=True))
                if key == "color":
                    made[here, 3] = self._read(channels["alpha"], own_uv, part)[:, 0]
        return made

    def _read(
        self, channel: Channel, uv: np.ndarray | None, places: Places, *, is_color: bool = False
    ) -> np.ndarray:
        """The channel there; colours are linear."""
        values = np.ones((len(places.triangle), 3), np.float32)
        if channel.image and uv is not None:
            found = sampled(self._picture(channel.image), uv)
            one = channel.component
            values = found[:, :3] if one is None else np.repeat(found[:, one : one + 1], 3, axis=1)
            if is_color and channel.image.colorspace_settings.name == "sRGB":
                values = to_linear(values)
        if channel.has_colours and self._came.colours is not None:
            values = values * places.of(self._came.colours)[:, :3]
        return values * np.array(channel.factor, np.float32)

    def _picture(self, image: bpy.types.Image) -> np.ndarray:
        if image.name not in self._pictures:
            self._pictures[image.name] = bytes_of(image)
        return self._pictures[image.name]

    def _bent(self, channel: Channel, uv: np.ndarray, places: Places, own: Places) -> np.ndarray:
        """A normal of the one surface's tangent space in the other's, as a colour."""
        assert channel.image and self._came.tangents is not None and self._target.tangents is not None
        bend = (sampled(self._picture(channel.image), uv)[:, :3] * 2 - 1) * np.array(
            channel.factor, np.float32
        )
        normal = unit(places.of(self._came.normals))
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


def _area(uv: np.ndarray) -> float:
    one, other = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    return float(np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]).sum() / 2)
