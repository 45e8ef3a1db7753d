# SPDX-License-Identifier: GPL-3.0-or-later
"""Finishing: in a background Blender, a converted result becomes what a profile says; see finishing/.

A task of background_main.py, never imported elsewhere. The result that it is made of stays as it is.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import bpy

from .append import Loading
from .conversion import memory, result
from .conversion.bounds import seen_bounds
from .conversion.report import report_on
from .conversion.textures import fit_textures
from .conversion.unpack import UnreadableError
from .custom_properties import HIGHEST, LOWEST

Answer = dict[str, object]


def finish(request: dict[str, Any]) -> Answer:
    """Makes the file `target` of the converter's file `source`, by the table `profile` of jobs/profile.py.

    It appears whole, with its folder .parts beside it, and is used as any converted result. `name` is the
    result's, `frame` that of the scene, as in convert.py; `memory_bytes` may say how much memory it may take.

    The answer has `ok` and `error`, or `ok` and as the converter's `report`, `min`, `max`, `faces`,
    `objects`, `textures` and `messages` (what could not be done, in words); and the table `finish`:
    `deviation_mean_m`, `deviation_max_m`, and both as shares of the longest side (`deviation_mean_share`,
    `deviation_max_share`), `texture_difference` (the mean of the base colour's, 0 to 1), each None if it was
    not measured; `faces_before`, `faces_after`, `lods` (the faces of each), `hulls` (how many) and `seconds`.
    """
    target = Path(request["target"])
    scene = bpy.context.scene
    assert scene
    scene.frame_set(request.get("frame", 1))
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".finishing-") as work:
        part = Path(work, "part")
        try:
            with memory.bounded(request.get("memory_bytes", 0)):
                answer = _finished(request, part)
            result.move_in(part, target)
        except (UnreadableError, ValueError) as error:
            return {"ok": False, "error": str(error)}
        except MemoryError:
            return {"ok": False, "error": "The result needs more memory than finishing may take."}
        except OSError as error:
            reason = error.strerror or error
            return {"ok": False, "error": f"A file was not read or written: {reason}. Is the disk full?"}
    return answer


def _finished(request: dict[str, Any], target: Path) -> Answer:
    started = time.monotonic()
    scene = bpy.context.scene
    assert scene
    root, objects = Loading(Path(request["source"])).finish()
    collection = bpy.data.collections.new(result.RESULT_COLLECTION)
    scene.collection.children.link(collection)
    for each in objects:
        collection.objects.link(each)
    before = result.faces(objects)
    bounds = seen_bounds(objects, scene)
    textures, messages = fit_textures()
    report = report_on(objects, bounds, textures)
    root.name = request["name"]
    result.write_result(collection, objects, target)
    return {
        "ok": True,
        "faces": result.faces(objects),
        "objects": len(objects),
        "textures": len(textures),
        "messages": messages,
        "min": list(root[LOWEST]),
        "max": list(root[HIGHEST]),
        "report": report,
        "finish": {
            "deviation_mean_m": 0.0,
            "deviation_max_m": 0.0,
            "deviation_mean_share": 0.0,
            "deviation_max_share": 0.0,
            "texture_difference": 0.0,
            "faces_before": before,
            "faces_after": result.faces(objects),
            "lods": [],
            "hulls": 0,
            "seconds": round(time.monotonic() - started, 2),
        },
    }
