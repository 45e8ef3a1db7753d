# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures for a page: of an image file, and of a result from all sides in one strip."""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .conversion.shading import to_srgb
from .export import ExportError, replacing
from .render import studio

_THUMBNAIL_PX = 320  # the longer side, at most
_VIEWS = 8  # of a turntable
_VIEW_PX = 192  # a side
_LINEAR = ("OPEN_EXR", "OPEN_EXR_MULTILAYER", "HDR")


def write_thumbnail(picture: Path, target: Path, *, orientation: int = 1) -> None:
    """The picture as a small JPEG, on white where transparent. Raises ExportError.

    `orientation` says how it lies, as EXIF numbers it.
    """
    _save_on_white(load_upright(picture, orientation, size=_THUMBNAIL_PX), target)


def try_thumbnail(request: dict[str, Any]) -> bool:
    """Writes the image file `picture` as the JPEG `thumbnail`; whether it could be read."""
    try:
        write_thumbnail(
            Path(request["picture"]), Path(request["thumbnail"]), orientation=request["orientation"]
        )
    except ExportError:
        return False  # the page shows a dash
    return True


def thumbnails(request: dict[str, Any]) -> dict[str, object]:
    """Small pictures of image files, as a task of background_main.py; the answer names those written."""
    try:
        written = [each["thumbnail"] for each in request["pictures"] if try_thumbnail(each)]
    except OSError as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True, "written": written}


def load_upright(picture: Path, orientation: int, *, size: int | None = None) -> np.ndarray:
    """Its pixels as `_pixels` has them, `size` along the longer side at most. Raises ExportError."""
    try:
        image = bpy.data.images.load(str(picture), check_existing=False)
    except RuntimeError as error:
        raise ExportError(f"{picture.name} is no picture that Blender can read.") from error
    try:
        image.colorspace_settings.is_data = True  # the file's own numbers, whatever the configuration says
        width, height = _size(image)
        if not width or not height:
            raise ExportError(f"{picture.name} is no picture that Blender can read.")
        share = min(1.0, (size or max(width, height)) / max(width, height))
        if share < 1.0:
            image.scale(max(1, round(width * share)), max(1, round(height * share)))
        pixels = _turned(_pixels(image), orientation)
        if image.file_format in _LINEAR:
            pixels[..., :3] = to_srgb(pixels[..., :3].clip(0.0, 1.0))
        return pixels
    finally:
        bpy.data.images.remove(image)


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Upright, from how EXIF says that it lies (CIPA DC-008, tag 0x0112). Rows run from the bottom."""
    if orientation >= 5:  # its rows are the columns of what was seen: mirrored at the diagonal, as the 5 is
        pixels = pixels[::-1].swapaxes(0, 1)[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def render_turntable(roots: Sequence[bpy.types.Object], target: Path) -> None:
    """The roots from eight sides, side by side in one JPEG. Raises ExportError."""
    strip: list[np.ndarray] = []
    with tempfile.TemporaryDirectory() as folder, studio(roots, (_VIEW_PX, _VIEW_PX), samples=4) as shoot:
        for number in range(_VIEWS):
            path = Path(folder, f"{number}.png")
            shoot(path, 2 * math.pi * number / _VIEWS)
            image = bpy.data.images.load(str(path))
            strip.append(_pixels(image))
            bpy.data.images.remove(image)
    _save_on_white(np.concatenate(strip, axis=1), target)


def _size(image: bpy.types.Image) -> tuple[int, int]:
    width, height = tuple(image.size)
    return width, height


def _pixels(image: bpy.types.Image) -> np.ndarray:
    """Rows from the bottom, RGBA."""
    width, height = _size(image)
    values = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(values)
    return values.reshape(height, width, 4)


def _save_on_white(pixels: np.ndarray, target: Path) -> None:
    alpha = pixels[..., 3:]
    flat = np.concatenate([pixels[..., :3] * alpha + (1.0 - alpha), np.ones_like(alpha)], axis=2)
    target.parent.mkdir(parents=True, exist_ok=True)
    save_image(flat, target, file_format="JPEG", quality=82)


def save_image(pixels: np.ndarray, target: Path, *, file_format: str, quality: int) -> None:
    """Rows from the bottom, RGBA. Raises ExportError."""
    height, width = pixels.shape[:2]
    image = bpy.data.images.new("Maquette picture", width, height, alpha=True)
    try:
        image.pixels.foreach_set(np.ascontiguousarray(pixels, np.float32).ravel())
        image.file_format = file_format
        with replacing(target) as part:
            image.save(filepath=str(part), quality=quality)
    finally:
        bpy.data.images.remove(image)
