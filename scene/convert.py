# SPDX-License-Identifier: GPL-3.0-or-later
"""The converter: a throw-away background Blender turns delivered files into one clean .blend to append.

Run by path (`blender -b --factory-startup --python convert.py -- REQUEST.json`), never imported: the artist's
Blender parses no downloaded file. What a person should know goes into the answer; only a crash exits with 3.
"""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))  # this process runs nothing but the converter

from conversion import arrange, gate, importers
from conversion.formats import Format, Unreadable, Unsupported
from conversion.staging import Model, Source, stage

Answer = dict[str, object]


def convert(request: Path) -> None:
    """Does what the request file says and writes the answer file; see `_converted` for what it holds."""
    wish = json.loads(request.read_text("utf-8"))
    target, answer = Path(wish["target"]), Path(wish["answer"])
    sources = [
        Source(Path(s["path"]), s.get("name") or s["path"], s["role"] == "companion") for s in wish["sources"]
    ]
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".converting-") as folder:
            result = _converted(sources, Path(folder).resolve(), target, wish["name"])
    except (Unreadable, Unsupported) as error:
        result = {"ok": False, "error": str(error)}
    except OSError as error:
        result = {
            "ok": False,
            "error": f"A file could not be read or written: {_told(error)}. Is the disk full?",
        }
    with _replacing(answer) as part:
        part.write_text(json.dumps(result), "utf-8")


def _told(error: OSError) -> str:
    """What happened to which file, without the path to it; Blender's own errors are text alone."""
    if error.strerror is None:
        return str(error).strip().rstrip(".")
    return f"{error.strerror} ({Path(str(error.filename)).name})" if error.filename else error.strerror


def _converted(sources: list[Source], folder: Path, target: Path, name: str) -> Answer:
    """Imports the most complete format that works; the same model in other formats is kept as files."""
    models, kept = stage(sources, folder)
    arrange.empty_scene()
    imported: list[Model] = []
    objects: list[bpy.types.Object] = []
    messages: list[str] = []
    failure: Unreadable | None = None
    for model in sorted(models, key=lambda each: list(Format).index(each.format)):
        if imported and imported[0].format != model.format:
            why = f"{model.name} is kept as a file: {imported[0].name} brings the model already."
            kept.append((model.name, why))
            continue
        try:
            messages += gate.check(model, folder)
            objects += _import(model)
            imported.append(model)
        except (Unreadable, Unsupported) as why:
            kept.append((model.name, str(why)))
            failure = failure or (why if isinstance(why, Unreadable) else None)
    if failure and not imported:
        raise failure
    result: Answer = {"ok": True, "imported": [each.name for each in imported]}
    result["kept"] = [{"name": each, "why": why} for each, why in kept]
    counts: Answer = {"faces": 0, "vertices": 0, "objects": 0, "materials": 0, "textures": 0}
    if imported:
        counts = _write(objects, folder, target, name, messages)
    return result | counts | {"messages": messages}


def _import(model: Model) -> list[bpy.types.Object]:
    """The objects that the file brought; on failure none of them stay."""
    before = set(bpy.data.objects)
    try:
        importers.run(model)
        new = [each for each in bpy.data.objects if each not in before]
        if not arrange.faces(new):
            raise Unsupported(f"{model.name} holds no faces (points or lines at most); it is kept as a file.")
        return arrange.clean(new)
    except (Unreadable, Unsupported):
        bpy.data.batch_remove([each for each in bpy.data.objects if each not in before])
        raise


def _write(
    objects: list[bpy.types.Object], folder: Path, target: Path, name: str, messages: list[str]
) -> Answer:
    arrange.colour_by_vertices(objects)
    low, high = arrange.bounds(objects)
    collection = arrange.root_over(objects, name, low, high)
    textures, missing = arrange.pack_textures(folder)
    messages += missing
    with _replacing(target) as part:
        try:
            bpy.data.libraries.write(str(part), {collection}, fake_user=False, compress=False)
        except RuntimeError as error:  # Blender tells no reason ("Error: Success")
            raise OSError("Blender could not write the result") from error
    meshes = [each.data for each in objects if isinstance(each.data, bpy.types.Mesh)]
    return {
        "faces": arrange.faces(objects),
        "vertices": sum(len(mesh.vertices) for mesh in meshes),
        "objects": len(objects),
        "materials": len({material for mesh in meshes for material in mesh.materials if material}),
        "textures": textures,
        "min": [float(value) for value in low],
        "max": [float(value) for value in high],
    }


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A path beside the target to write to; it takes the target's place in one step or vanishes."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    convert(Path(sys.argv[sys.argv.index("--") + 1]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # all is on disk: freeing a large scene takes a while, and the 4.2 module crashes at it
