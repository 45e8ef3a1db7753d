# SPDX-License-Identifier: GPL-3.0-or-later
"""Real files with something changed in them: each ends as a result or as an error in words, in its folder.

Blender writes the seeds. `task.py soak-files` tries ten thousand, `make test` three hundred in one Blender.
"""

import json
import os
import random
import re
import shutil
import struct
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import background_tasks
import bpy
import pytest
from model_files import text_fbx

pytestmark = pytest.mark.skipif(
    bpy.app.version[:2] != (5, 2), reason="the importers' own crashes differ little: the newest does"
)
SLOW_S = 60.0  # a file that takes longer than this is refused in the test
EXTREMES = (b"\xff\xff\xff\xff", b"\x00\x00\x00\x80", b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\x00\x00\xc0\x7f")
WORDS = ("-1", "0", "1e308", "nan", "4294967295", "-2147483648", "99999999999999999999", "", '"../../x"')
Mutation = Callable[[bytes, random.Random], bytes]


def flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 3, 20))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def repeat(data: bytes, chance: random.Random) -> bytes:
    start, length = chance.randrange(len(data)), chance.randrange(1, 200)
    return data[:start] + data[start : start + length] * chance.choice((2, 50)) + data[start:]


def drop(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randrange(1, 200) :]


def stretch(data: bytes, chance: random.Random) -> bytes:
    """A number of four bytes, as large or as odd as can be."""
    start = chance.randrange(max(1, len(data) // 4)) * 4
    return data[:start] + chance.choice(EXTREMES) + data[start + 4 :]


def reword(data: bytes, chance: random.Random) -> bytes:
    """Another number in a text, or within the text part of a binary file."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?", data[: 64 << 10]))
    if not found:
        return flip(data, chance)
    number = chance.choice(found)
    return data[: number.start()] + chance.choice(WORDS).encode() + data[number.end() :]


MUTATIONS: tuple[Mutation, ...] = (flip, cut, repeat, drop, stretch, reword)


def mutate_glb(data: bytes, chance: random.Random) -> bytes:
    """Another value somewhere in the JSON, in a container that is right: the importer gets to see it."""
    length = struct.unpack_from("<I", data, 12)[0]
    document = json.loads(data[20 : 20 + length])
    holders: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        pairs = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, inner in pairs:
            holders.append((value, key))
            walk(inner)

    walk(document)
    holder, key = chance.choice(holders)
    if chance.random() < 0.3:
        del holder[key]
    else:
        holder[key] = chance.choice((-1, 2**31, 1e300, None, [], {}, "\0", "//host/x", True, holder[key]))
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    return struct.pack("<4sIIII", b"glTF", 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A) + text + rest


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A textured cube with a material and colours, in every format that Blender writes."""
    folder = tmp_path_factory.mktemp("seeds")
    bpy.data.batch_remove(list(bpy.data.objects))
    bpy.ops.mesh.primitive_cube_add(size=1)
    cube = bpy.context.object
    cube.data.materials.append(bpy.data.materials.new("Skin"))
    cube.data.color_attributes.new("Tint", "BYTE_COLOR", "CORNER")
    exports: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
        "a.glb": (bpy.ops.export_scene.gltf, {"export_format": "GLB"}),
        "a.fbx": (bpy.ops.export_scene.fbx, {}),
        "a.obj": (bpy.ops.wm.obj_export, {}),
        "b.ply": (bpy.ops.wm.ply_export, {}),
        "t.ply": (bpy.ops.wm.ply_export, {"ascii_format": True}),
        "b.stl": (bpy.ops.wm.stl_export, {}),
        "t.stl": (bpy.ops.wm.stl_export, {"ascii_format": True}),
        "a.usdc": (bpy.ops.wm.usd_export, {}),
        "a.usda": (bpy.ops.wm.usd_export, {}),
        "a.usdz": (bpy.ops.wm.usd_export, {}),
    }
    for name, (export, options) in exports.items():
        with warnings.catch_warnings(action="ignore"):  # of an exporter older than this numpy
            export(filepath=str(folder / name), **options)
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in ("a.obj", "a.mtl"):
            packed.write(folder / name, name)
    (folder / "t.fbx").write_bytes(text_fbx())
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.suffix != ".mtl"
    }


def mutated(seeds: dict[str, bytes], number: int) -> tuple[str, bytes]:
    """File `number` of an endless row that is always the same; now and then two files grown together."""
    chance = random.Random(number)
    name = sorted(seeds)[number % len(seeds)]
    data = seeds[name]
    if name.endswith(".glb") and chance.random() < 0.7:
        return name, mutate_glb(data, chance)
    if chance.random() < 0.05:
        other = seeds[chance.choice(sorted(seeds))]
        return name, data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]
    for _ in range(chance.choice((1, 1, 2, 4))):
        data = chance.choice(MUTATIONS)(data or b"\0", chance)
    return name, data


def test_each_mutated_file_ends_as_a_result_or_as_an_error_in_words(
    seeds: dict[str, bytes],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, Any], None],
) -> None:
    background_tasks.blenders.end()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(background_tasks.blenders, "timeout_s", SLOW_S)
    work = tmp_path / "work"
    count = int(str(request.config.getoption("--mutated")))

    def convert(number: int) -> tuple[int, str]:
        folder = work / f"{number:06}"
        folder.mkdir(parents=True)
        name, data = mutated(seeds, number)
        source = folder / name
        source.write_bytes(data)
        request = {"sources": [{"path": str(source), "role": "mesh", "name": name}], "name": "x"}
        answer = background_tasks.run_task(
            "convert", {**request, "target": str(folder / "result.blend")}, folder
        )
        left = {path.name for path in folder.iterdir()} - {name, "convert.log", "result.blend", "result.json"}
        # The last is of a child that crashed and was replaced: the worker deletes it.
        left = {each for each in left if not re.fullmatch(r"preview\.png|result\.\w+|\.converting-\w+", each)}
        has_result = (folder / "result.blend").exists()
        text = str(answer.get("error", ""))
        is_crash = "crashed" in text or "was stopped" in text
        assert source.read_bytes() == data, (number, "the source was changed")
        assert answer["ok"] is (has_result or bool(answer.get("kept"))), (number, answer)
        assert answer["ok"] or len(text.split()) > 3, (number, answer)
        assert is_crash or not left, (number, left)
        kind = "an error in words" if not is_crash else "a crash, said"
        if answer["ok"]:
            kind = "a result" if has_result else "kept as a file"
        if kind != "a crash, said":
            shutil.rmtree(folder)
        return number, kind

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # in a Blender that draws nothing meanwhile
        kinds = dict(pool.map(convert, range(count)))
    background_tasks.blenders.end()
    counts = Counter(kinds.values())
    record_property("files", json.dumps(dict(counts)))
    print(f"{count} mutated files: {dict(counts)}")
    assert sum(counts.values()) == count
    assert {path.name for path in tmp_path.iterdir()} == {"work", "temporary"}
    strangers = [p.name for p in temporary.iterdir() if not re.match(r"blender_|.*\.crash\.txt$", p.name)]
    assert not strangers, strangers
    assert counts["a crash, said"] * 20 <= count, [n for n, kind in kinds.items() if "crash" in kind]
