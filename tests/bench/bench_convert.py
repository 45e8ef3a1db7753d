# SPDX-License-Identifier: GPL-3.0-or-later
"""How long converting takes beside the direct glTF import of the same file, each in a Blender of its own.

    python tests/bench/bench_convert.py BLENDER [ARGUMENT…] [--faces 200000,500000,1500000]

The goal: converting takes at most 1.3 times the import plus the bare start. The fastest of some runs counts.
"""

import argparse
import json
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from glb_files import glb_of
from png_files import png_of

CONVERTER = Path(__file__).resolve().parents[2] / "scene" / "background_main.py"
TEXTURE_PX = 2048
START = "import os; os._exit(0)"
IMPORT = "import bpy, os, sys; bpy.ops.import_scene.gltf(filepath=sys.argv[-1]); os._exit(0)"


def png(pixels: np.ndarray) -> bytes:
    """The pixels, height x width x 3 of uint8, as a PNG file; each is told by its difference to the left."""
    differences = np.diff(pixels, axis=1, prepend=np.uint8(0))
    rows = np.pad(differences.reshape(len(pixels), -1), ((0, 0), (1, 0)), constant_values=((0, 0), (1, 1)))
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 0)
    return png_of((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 1)))


def sphere(faces: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A bumpy sphere of about so many triangles: positions, normals, texture coordinates, indices."""
    rows = round((faces / 4) ** 0.5)
    u, v = np.meshgrid(np.linspace(0, 1, 2 * rows + 1), np.linspace(0.001, 0.999, rows + 1))
    turn, tilt = u * 2 * np.pi, v * np.pi
    normals = np.stack((np.sin(tilt) * np.cos(turn), np.cos(tilt), np.sin(tilt) * np.sin(turn)), -1).reshape(
        -1, 3
    )
    positions = normals * (1 + 0.05 * np.sin(turn * 20) * np.sin(tilt * 20)).reshape(-1, 1)
    corner = (np.arange(rows)[:, None] * (2 * rows + 1) + np.arange(2 * rows)).reshape(-1)
    below = corner + 2 * rows + 1
    triangles = np.stack((corner, corner + 1, below, corner + 1, below + 1, below), -1).reshape(-1)
    return positions, normals, np.stack((u, v), -1).reshape(-1, 2), triangles


def texture(side: int) -> np.ndarray:
    """Patches of colour with a little noise: as a PNG about a byte a pixel, as painted textures have."""
    rng = np.random.default_rng(1)
    patches = rng.integers(2, 250, (side // 16, side // 16, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    return patches + rng.integers(0, 3, (side, side, 3), np.uint8)


def write_glb(path: Path, faces: int, texture_px: int = TEXTURE_PX, unused_bytes: int = 0) -> int:
    """Writes a textured GLB and returns how many triangles it has."""
    positions, normals, uvs, triangles = sphere(faces)
    blobs = [each.astype("<f4").tobytes() for each in (positions, normals, uvs)]
    blobs += [triangles.astype("<u4").tobytes(), png(texture(texture_px)), b"\1" * unused_bytes]
    kinds = (
        ("VEC3", 5126, positions),
        ("VEC3", 5126, normals),
        ("VEC2", 5126, uvs),
        ("SCALAR", 5125, triangles),
    )
    accessors = [
        {"bufferView": at, "type": kind, "componentType": component, "count": len(values)}
        for at, (kind, component, values) in enumerate(kinds)
    ]
    accessors[0] |= {"min": positions.min(0).tolist(), "max": positions.max(0).tolist()}
    attributes = {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": 3, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 4, "mimeType": "image/png"}],
        "accessors": accessors,
    }
    path.write_bytes(glb_of(document, *blobs))
    return len(triangles) // 3


def seconds(command: list[str], line: bytes) -> float:
    begun = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(command, check=True, input=line, timeout=600, **quiet)  # type: ignore[call-overload]
    return time.perf_counter() - begun


def measure(blender: list[str], folder: Path, faces: int, runs: int) -> tuple[int, list[float]]:
    """The triangles of the file, and the fastest start, direct import and conversion in seconds."""
    model, answer = folder / "model.glb", folder / "answer.json"
    count = write_glb(model, faces)
    request = {"sources": [{"path": str(model), "role": "mesh", "name": "model.glb"}], "name": "model"}
    request |= {"target": str(folder / "result.blend"), "answer": str(answer), "log": str(folder / "log")}
    line = json.dumps({**request, "command": "convert"}).encode() + b"\n"
    base = [*blender, "--background", "--factory-startup", "--python-exit-code", "3"]
    commands = (
        [*base, "--python-expr", START],
        [*base, "--python-expr", IMPORT, "--", str(model)],
        [*base, "--python", str(CONVERTER)],
    )
    times = [[seconds(command, line) for command in commands] for _ in range(runs)]
    found = json.loads(answer.read_text())
    if not found["ok"] or found["faces"] != count:
        raise SystemExit(f"The conversion failed: {found}")
    return count, [min(column) for column in zip(*times, strict=True)]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("blender", nargs="+", help="the command that starts Blender")
    parser.add_argument("--faces", default="200000,500000,1500000")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print(f"{'faces':>9} {'start':>7} {'import':>7} {'convert':>8}  ratio (goal 1.3 at most)")
    worst = 0.0
    for faces in map(int, options.faces.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            count, (start, imported, converted) = measure(options.blender, Path(folder), faces, options.runs)
        ratio = (converted - start) / (imported - start)
        worst = max(worst, ratio)
        print(
            f"{count:>9} {start:7.2f} {imported - start:7.2f} {converted - start:8.2f}  {ratio:.2f}",
            flush=True,
        )
    return int(worst > 1.3)


if __name__ == "__main__":
    sys.exit(main())
