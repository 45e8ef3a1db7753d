# SPDX-License-Identifier: GPL-3.0-or-later
"""Finishing: in a background Blender, a converted result becomes what a profile says; see finishing/.

A task of background_main.py, never imported elsewhere. The result that it is made of stays as it is.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from .append import GoneError, Loading
from .conversion import memory, result
from .conversion.bounds import seen_bounds
from .conversion.report import report_on
from .conversion.textures import fit_textures
from .conversion.unpack import UnreadableError
from .custom_properties import HIGHEST, LOWEST, UNIT
from .finishing import clean, deviation, origin
from .finishing.bake_over import bake_over, drop_before, take_before
from .finishing.decimate import decimate
from .finishing.hulls import add_hulls
from .finishing.lods import add_lods
from .finishing.loose import take_bits_out
from .finishing.merge import merge
from .finishing.modifiers import apply_modifiers
from .finishing.naming import give_names
from .finishing.quads import make_quads
from .finishing.textures import fit
from .finishing.watertight import make_watertight
from .finishing.work import Work

Answer = dict[str, object]


def finish(request: dict[str, Any]) -> Answer:
    """Makes the file `target` of the converter's file `source`, by the table `profile` of jobs/profile.py.

    It appears whole, with its folder .parts beside it, and is used as any converted result. `name` is the
    result's, `frame` that of the scene, as in convert.py; `memory_bytes` may say how much memory it may take.

    The answer has `ok` and `error`, or `ok` and as the converter's `report`, `min`, `max`, `faces`,
    `objects`, `textures` and `messages` (what could not be done, in words); and the table `finish`:
    `deviation_mean_m`, `deviation_max_m`, and both as shares of the longest side (`deviation_mean_share`,
    `deviation_max_share`), `texture_difference` (the mean of the base colour's, 0 to 1), each None if it was
    not measured; `faces_before`, `faces_after`, `bits` (loose ones that went), `lods` (the faces of
    each), `hulls` (how many), `seconds`, and `steps` (the seconds of each).
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
        except (UnreadableError, GoneError, ValueError) as error:
            return {"ok": False, "error": str(error)}
        except MemoryError:
            return {"ok": False, "error": "The result needs more memory than finishing may take."}
        except OSError as error:
            reason = error.strerror or error
            return {"ok": False, "error": f"A file was not read or written: {reason}. Is the disk full?"}
    return answer


def _finished(request: dict[str, Any], target: Path) -> Answer:
    started = time.monotonic()
    work = _loaded(request)
    faces = work.faces()
    measured = _reworked(work)
    found, smaller = fit_textures()
    _placed(work)
    scene: Any = bpy.context.scene
    report = report_on(work.objects, seen_bounds(work.objects, scene), found)
    faces_after = work.faces()
    _added(work)
    work.root[UNIT] = work.profile["unit"]
    objects = list(work.objects)
    result.slim_down(objects)
    result.write_result(work.root.users_collection[0], objects, target)
    return {
        "ok": True,
        "faces": faces_after,
        "objects": len(objects),
        "textures": len(found),
        "messages": work.messages + smaller,
        "min": list(work.root[LOWEST]),
        "max": list(work.root[HIGHEST]),
        "report": report,
        "finish": measured
        | {
            "faces_before": faces,
            "faces_after": faces_after,
            "bits": work.bits,
            "lods": work.lods,
            "hulls": work.hulls,
            "steps": work.steps,
            "seconds": round(time.monotonic() - started, 2),
        },
    }


def _loaded(request: dict[str, Any]) -> Work:
    """The result in a collection of its own, in the scene."""
    scene: Any = bpy.context.scene
    _, objects = Loading(Path(request["source"])).finish()
    collection = bpy.data.collections.new(result.RESULT_COLLECTION)
    scene.collection.children.link(collection)
    for each in objects:
        collection.objects.link(each)
    work = Work(request["name"], request["profile"], objects)
    work.root.name = work.name
    bpy.context.view_layer.update()
    return work


# Of each a field of the profile, its words, and what it does.
_Steps = tuple[tuple[str, str, Callable[[Work], None]], ...]
_CLEAN: _Steps = (
    ("loose", "Loose bits", take_bits_out),
    ("weld", "Weld", clean.weld),
    ("normals", "Normals", clean.turn_outwards),
    ("smooth_angle", "Smooth", clean.smooth),
)
_RESHAPE: _Steps = (
    ("watertight", "Watertight", make_watertight),
    ("quads", "Quads", make_quads),
    ("faces", "Faces", decimate),
)
_TEXTURES: _Steps = (("merge", "Merge", merge), ("texture_px", "Textures", fit))
_ORIGIN: _Steps = (("apply_scale", "Scale", origin.apply_scale), ("front", "Front", origin.turn))
_ADD: _Steps = (("lods", "LODs", add_lods), ("hulls", "Hulls", add_hulls))


def _do(steps: _Steps, work: Work) -> None:
    """Those that the profile asks for."""
    for name, what, step in steps:
        if work.profile[name]:
            work.attempt(what, step)


def _reworked(work: Work) -> dict[str, float | None]:
    """Its faces, UVs and textures; how far it is then from what it was."""
    profile = work.profile
    reshapes = any(profile[name] for name, *_ in (*_CLEAN, *_RESHAPE)) or profile["bake"]
    unchanged = deviation.UNCHANGED
    if not work.users():
        if reshapes:
            work.messages.append("It has no faces: only where it stands and its names are finished.")
        return unchanged
    if reshapes:
        work.attempt("Modifiers", apply_modifiers)
    _do(_CLEAN, work)
    before: list[deviation.Before] = []
    has_new_look = profile["bake"] or profile["texture_px"] or profile["texture_format"]
    if has_new_look or any(profile[name] for name, *_ in _RESHAPE):
        work.attempt("Deviation", lambda work: before.append(deviation.remember(work)))
    _reshape(work)
    _do(_TEXTURES, work)
    if not profile["texture_px"] and profile["texture_format"]:
        work.attempt("Textures", fit)
    if not (work.is_reshaped or work.is_repainted):
        return unchanged
    measured: dict[str, float | None] = dict.fromkeys(unchanged)
    if before:
        work.attempt("Deviation", lambda work: measured.update(deviation.compare(work, before[0])))
    if not work.is_reshaped:
        measured |= {name: 0.0 for name in unchanged if name.startswith("deviation")}
    return measured


def _reshape(work: Work) -> None:
    """Other faces, and where those leave no UVs, new ones with everything baked over."""
    profile = work.profile
    copies = take_before(work) if profile["bake"] or profile["watertight"] or profile["quads"] else {}
    _do(_RESHAPE, work)
    if work.is_reshaped:
        work.attempt("Smooth", lambda work: clean.smooth(work, profile["smooth_angle"] or clean.USUAL_ANGLE))
    if profile["bake"] or work.has_new_surface:
        work.attempt("Bake", lambda work: bake_over(work, copies))
    drop_before(copies)


def _placed(work: Work) -> None:
    """Its scale, its front and its origin."""
    _do(_ORIGIN, work)
    if work.is_reshaped or work.bits or any(work.profile[name] for name in ("pivot", "front", "apply_scale")):
        work.attempt("Pivot", origin.set_pivot)


def _added(work: Work) -> None:
    """LODs and hulls, and all names."""
    _do(_ADD, work)
    work.attempt("Names", give_names)
