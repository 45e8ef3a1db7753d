# SPDX-License-Identifier: GPL-3.0-or-later
"""What a surface looks like at places on it: colours and the like, by materials, textures and vertices."""

import bpy
import numpy as np

from .raster import sampled
from .shading import Channel, bytes_of, channels_of, to_linear, to_srgb
from .surface import Places, Surface


class Look:
    """Reads textures of one surface, each picture once."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self.channels = [channels_of(each) for each in surface.materials]
        self._pictures: dict[str, np.ndarray] = {}

    def images(self) -> list[bpy.types.Image]:
        return [one.image for channels in self.channels for one in channels.values() if one.image]

    def differs(self, key: str) -> bool:
        """Whether one value for the channel is not enough."""
        found = [each[key] for each in self.channels]
        return any(one.image for one in found) or len({one.factor for one in found}) > 1

    def values(self, key: str, places: Places) -> np.ndarray:
        """As a picture's file has them, 0 to 1 in four channels: of `color` (with opacity), `emission`, or
        `surface`, which is roughness in green and metal in blue.
        """
        made = np.ones((len(places.triangle), 4), np.float32)
        for here, channels, uv, part in self.by_material(places):
            if key == "surface":
                for place, name in ((1, "roughness"), (2, "metallic")):
                    made[here, place] = self.read(channels[name], uv, part)[:, 0]
                continue
            made[here, :3] = to_srgb(self.read(channels[key], uv, part, is_color=True))
            if key == "color":
                made[here, 3] = self.read(channels["alpha"], uv, part)[:, 0]
        return made

    def by_material(
        self, places: Places
    ) -> list[tuple[np.ndarray, dict[str, Channel], np.ndarray | None, Places]]:
        """Which of the places have a material, its channels, and these places with their UVs."""
        material = self.surface.material[places.triangle]
        uv = places.of(self.surface.uv) if self.surface.uv is not None else None
        found: list[tuple[np.ndarray, dict[str, Channel], np.ndarray | None, Places]] = []
        for number in np.unique(material):
            here = material == number
            part = Places(places.triangle[here], places.weights[here], np.empty(0))
            found.append((here, self.channels[number], uv[here] if uv is not None else None, part))
        return found

    def read(
        self, channel: Channel, uv: np.ndarray | None, places: Places, *, is_color: bool = False
    ) -> np.ndarray:
        """The channel there; colours are linear."""
        values = np.ones((len(places.triangle), 3), np.float32)
        if channel.image and uv is not None:
            found = self.sampled(channel.image, uv)
            one = channel.component
            values = found[:, :3] if one is None else np.repeat(found[:, one : one + 1], 3, axis=1)
            if is_color and channel.image.colorspace_settings.name == "sRGB":
                values = to_linear(values)
        if channel.has_colours and self.surface.colours is not None:
            values = values * places.of(self.surface.colours)[:, :3]
        return values * np.array(channel.factor, np.float32)

    def sampled(self, image: bpy.types.Image, uv: np.ndarray) -> np.ndarray:
        """What the picture has there, 0 to 1 in four channels."""
        if image.name not in self._pictures:
            self._pictures[image.name] = bytes_of(image)
        return sampled(self._pictures[image.name], uv)
