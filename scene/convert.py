# SPDX-License-Identifier: GPL-3.0-or-later
"""The converter: in a background Blender of its own, delivered files become one clean .blend to append.

An errand of child.py, never imported elsewhere: the artist's Blender parses no downloaded file.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import bpy

from .conversion import gate, memory, parts, result
from .conversion.joining import join
from .conversion.staging import Format, Model, Unreadable, Unsupported, stage

Answer = dict[str, object]


def convert(wish: dict[str, Any]) -> Answer:
    """Makes the file `target` of the `sources`; it appears whole. `name` is the result's.

    `memory_bytes` may say how much memory that may take; else it follows from the machine's.
    """
    target = Path(wish["target"])
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".converting-") as work:
        part, folder = Path(work, "part"), Path(work, "files").resolve()
        try:
            with memory.bounded(wish.get("memory_bytes", 0)):
                answer = _converted(wish["sources"], folder, part, wish["name"])
            if part.exists():
                _move_in(part, target)
        except Unreadable as error:  # perhaps it did not come as it was sent
            return {"ok": False, "error": str(error), "is_unreadable": True}
        except Unsupported as error:
            return {"ok": False, "error": str(error)}
        except MemoryError:
            return {"ok": False, "error": "The result needs more memory than a conversion may take."}
        except OSError as error:
            reason = error.strerror or error  # not the path; Blender's own errors are text alone
            return {"ok": False, "error": f"A file was not read or written: {reason}. Is the disk full?"}
    return answer


def _move_in(part: Path, target: Path) -> None:
    """The .blend comes last: when it is there, so are the files beside it."""
    beside = target.with_suffix(".parts")
    shutil.rmtree(beside, ignore_errors=True)
    if part.with_suffix(".parts").exists():
        os.replace(part.with_suffix(".parts"), beside)
    os.replace(part, target)


def _converted(sources: list[dict[str, str]], folder: Path, target: Path, name: str) -> Answer:
    """Imports the most complete format that works; the same model in other formats is kept as files."""
    models, problems = stage(sources, folder)
    imported: list[Model] = []
    messages: list[str] = []
    objects: list[bpy.types.Object] = []
    for model in sorted(models, key=lambda each: list(Format).index(each.format)):
        if imported and imported[0].format != model.format:
            why = f"{model.name} is kept as a file: {imported[0].name} brings the model already."
            problems.append((model.name, Unsupported(why)))
            continue
        try:
            left_out = gate.check(model, folder)
            imported_objects, baked = result.import_model(model)
            objects += imported_objects
            messages += left_out + baked
            imported.append(model)
        except (Unreadable, Unsupported) as why:
            problems.append((model.name, why))
    broken = [why for _, why in problems if isinstance(why, Unreadable)]
    if broken and not imported:
        raise broken[0]
    return {
        "ok": True,
        "imported": [each.name for each in imported],
        "kept": [{"name": each, "why": str(why)} for each, why in problems],
        "faces": result.faces(objects),
        "objects": 0,
        **(_written(objects, folder, target, name, messages) if imported else {}),
    }


def _written(
    objects: list[bpy.types.Object], folder: Path, target: Path, name: str, messages: list[str]
) -> Answer:
    """`messages` so far: in words what of the files is not in the result."""
    result.colour_by_vertices(objects)
    objects, joined = join(objects)
    result.slim_down(objects)
    low, high = result.bounds(objects)
    collection = result.root_over(objects, name, low, high)
    textures, left_out = result.pack_textures(folder)
    parts.take_out(objects, target.with_suffix(".parts"))
    try:
        bpy.data.libraries.write(str(target), {collection}, fake_user=False, compress=False)
    except RuntimeError as error:  # Blender tells no reason ("Error: Success")
        raise OSError("Blender could not write the result") from error
    return {
        "objects": len(objects),
        "textures": textures,
        "messages": messages + joined + left_out,
        "min": low.tolist(),
        "max": high.tolist(),
    }
