# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a result, each in the format of its name's ending: models, a preview; and a turntable.

`write` does it for one result alone, as a task of background_main.py.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from .append import append_result
from .asset import write_asset
from .export import ExportError, export_file, save_blend
from .place import Placement
from .render import render_preview
from .thumbnails import render_turntable, try_thumbnail


def write(request: dict[str, Any]) -> dict[str, object]:
    """Writes the result in the .blend `result` to each of the paths `outputs`, its longest side `size_m`.

    `name` and `provenance` go along. `turntable` and `picture` (of the input, small, as the JPEG `thumbnail`)
    may be None; `orientation` is how that picture lies, as EXIF numbers it. Renders with `threads`, 0 for
    all. `asset`, which may be None, becomes a file of a library (asset.py). The answer says whether the
    thumbnail is there.
    """
    scene = bpy.context.scene
    assert scene
    if request["threads"]:
        scene.render.threads_mode, scene.render.threads = "FIXED", request["threads"]
    try:
        has_thumbnail = bool(request["picture"]) and try_thumbnail(request)
        placement = Placement(size_m=request["size_m"])
        root = append_result(
            Path(request["result"]),
            name=request["name"],
            scene=scene,
            placement=placement,
            provenance=request["provenance"],
        )
        for output in request["outputs"]:
            write_output([root], Path(output))
        if request["turntable"]:
            render_turntable([root], Path(request["turntable"]))
        if request.get("asset"):
            previews = [each for each in request["outputs"] if each.lower().endswith(".png")]
            preview = request["asset"]["picture"] or next(iter(previews), None)
            write_asset(root, request["asset"], preview=Path(preview) if preview else None)
    except (OSError, ExportError, ValueError) as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True, "has_thumbnail": has_thumbnail}


def write_output(roots: Sequence[bpy.types.Object], path: Path) -> None:
    """Writes the roots in the format of the name's ending, one of `-o`. Raises ExportError."""
    match path.suffix.lower():
        case ".blend":
            save_blend(path)
        case ".png":
            render_preview(roots, path)
        case _:
            export_file(roots, path)
