# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns a picture the way up that its camera wrote down: a task of background_main.py.

Blender's own readers leave that out; a service that does so, too, would make a chair that lies on its side.
"""

from pathlib import Path
from typing import Any

from .export import ExportError
from .thumbnails import load_upright, save_image


def turn(request: dict[str, Any]) -> dict[str, object]:
    """Writes the picture `source`, which lies as the EXIF `orientation` says, upright to `target`.

    As a JPEG where `is_jpeg`, else as a PNG.
    """
    try:
        pixels = load_upright(Path(request["source"]), request["orientation"])
        file_format = "JPEG" if request["is_jpeg"] else "PNG"
        save_image(pixels, Path(request["target"]), file_format=file_format, quality=97)
    except (OSError, RuntimeError, ExportError) as error:
        return {"ok": False, "error": f"The picture could not be turned upright: {error}"}
    return {"ok": True}
