# SPDX-License-Identifier: GPL-3.0-or-later
"""The converter: in a background Blender of its own, delivered files become one clean .blend to append.

A task of background_main.py, never imported elsewhere: the artist's Blender parses no downloaded file.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

from .conversion import memory, preflight, result
from .conversion.bounds import Bounds, seen_bounds
from .conversion.colours import colour_by_vertices
from .conversion.joining import join
from .conversion.pictures import use_picture_beside
from .conversion.report import Report, begin_report
from .conversion.textures import fit_textures, pack_textures
from .conversion.unpack import Format, Model, Problem, UnreadableError, UnsupportedError, stage
from .conversion.versions import Imported

Answer = dict[str, object]


def convert(request: dict[str, Any]) -> Iterator[Answer]:
    """Makes the file `target` of the `sources`; it appears whole. `name` is the result's.

    What moves is measured as it stands at `frame`, that of the scene that it is for.
    `memory_bytes` may say how much memory that may take; else it follows from the machine's.
    With `is_report_later` the answer comes without the report, which another answer has.
    """
    answer, report = _made(request)
    if report and request.get("is_report_later"):
        yield {**answer, "is_to_be_continued": True}
        answer = {}
    if report:
        with memory.bounded(request.get("memory_bytes", 0)):
            answer = {"ok": True, **answer, "report": report()}
    yield answer


def _made(request: dict[str, Any]) -> tuple[Answer, Callable[[], Report] | None]:
    """The answer without the report, and what measures that: None if there is nothing to be measured."""
    target = Path(request["target"])
    _scene().frame_set(request.get("frame", 1))
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".converting-") as work:
        part, folder = Path(work, "part"), Path(work, "files").resolve()
        try:
            with memory.bounded(request.get("memory_bytes", 0)):
                answer, report = _converted(request["sources"], folder, part, request["name"])
            if part.exists():
                result.move_in(part, target)
            return answer, report
        except UnreadableError as error:  # perhaps it did not come as it was sent
            return {"ok": False, "error": str(error), "is_unreadable": True}, None
        except UnsupportedError as error:
            text = str(error)
        except MemoryError:
            text = "The result needs more memory than a conversion may take."
        except OSError as error:
            reason = error.strerror or error  # not the path; Blender's own errors are text alone
            text = f"A file was not read or written: {reason}. Is the disk full?"
    return {"ok": False, "error": text}, None


def _scene() -> bpy.types.Scene:
    assert bpy.context.scene
    return bpy.context.scene


def _converted(
    sources: list[dict[str, str]], folder: Path, target: Path, name: str
) -> tuple[Answer, Callable[[], Report] | None]:
    """Imports the most complete version of the model; its other versions and formats are kept as files."""
    models, problems = stage(sources, folder)
    chosen: list[Imported] = []
    for kind in Format:
        group = [each for each in models if each.format == kind]
        # The largest is likely to be the most complete, and what comes first keeps its names.
        group.sort(key=lambda each: -each.path.stat().st_size)
        if chosen and (kind == Format.STL or any(each.has_colours for each in chosen)):
            for model in group:
                why = f"{model.name} is kept as a file: {chosen[0].model.name} brings the model already."
                problems.append((model.name, UnsupportedError(why)))
            continue
        found = _imported(group, folder, problems)
        is_shape = any(result.has_shape(each.objects) for each in chosen)
        if is_shape and not any(each.has_colours for each in found):
            found, chosen = chosen, found
        for each in chosen if found else ():
            _keep_as_file(each, found[0], problems)
        chosen = found or chosen
    broken = [why for _, why in problems if isinstance(why, UnreadableError)]
    if broken and not chosen:
        raise broken[0]
    answer: Answer = {
        "ok": True,
        "imported": [each.model.name for each in chosen],
        "kept": [{"name": each, "why": str(why)} for each, why in problems],
        "faces": result.faces([item for each in chosen for item in each.objects]),
        "objects": 0,
    }
    if not chosen:
        return answer, None
    written, report = _written(chosen, target, name)
    return answer | written, report


def _imported(models: list[Model], folder: Path, problems: list[Problem]) -> list[Imported]:
    """Of all that belongs together the most complete version; adds to `problems` why others are not here."""
    chosen: list[Imported] = []
    for model in models:
        try:
            left_out = preflight.check(model, folder)
            images = set(bpy.data.images)
            objects, messages = result.import_model(model)
            messages += use_picture_beside(model, objects, folder)
            messages += pack_textures(set(bpy.data.images) - images, folder)
            found = Imported(model, objects, left_out + messages, _measured(objects))
        except (UnreadableError, UnsupportedError) as why:
            problems.append((model.name, why))
            continue
        earlier = next((each for each in chosen if found.is_version_of(each)), None)
        if earlier is None:
            chosen.append(found)
        elif found.completeness > earlier.completeness:
            chosen[chosen.index(earlier)] = found
            _keep_as_file(earlier, found, problems)
        else:
            _keep_as_file(found, earlier, problems)
    shapes = [each for each in chosen if result.has_shape(each.objects)]
    for each in chosen if shapes else ():
        if each not in shapes:
            result.discard(each.objects)
            why = f"{each.model.name} holds a motion without a mesh; it is kept as a file."
            problems.append((each.model.name, UnsupportedError(why)))
    return shapes or chosen


def _measured(objects: list[bpy.types.Object]) -> Bounds:
    """The bounds. Raises UnreadableError if there are none; then the objects are gone."""
    try:
        return seen_bounds(objects, _scene())
    except UnreadableError:
        result.discard(objects)
        raise


def _keep_as_file(version: Imported, better: Imported, problems: list[Problem]) -> None:
    result.discard(version.objects)
    name = version.model.name
    why = f"{name} is kept as a file: {better.model.name} is the most complete version of the same model."
    problems.append((name, UnsupportedError(why)))


def _written(models: list[Imported], target: Path, name: str) -> tuple[Answer, Callable[[], Report]]:
    """Writes the .blend; its messages say in words what of the files is not in the result."""
    objects = [item for each in models for item in each.objects]
    messages = [message for each in models for message in each.messages]
    bounds = models[0].bounds if len(models) == 1 else seen_bounds(objects, _scene())
    colour_by_vertices(objects)
    objects, joined = join(objects)
    result.slim_down(objects)
    textures, smaller = fit_textures()
    report = begin_report(objects, bounds, textures)
    collection = result.root_over(objects, name, bounds.low, bounds.high)
    result.write_result(collection, objects, target)
    answer: Answer = {
        "objects": len(objects),
        "textures": len(textures),
        "messages": messages + joined + bounds.messages + smaller,
        "min": bounds.low.tolist(),
        "max": bounds.high.tolist(),
    }
    return answer, report
