# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the report of a result takes, beside the whole conversion that it is part of.

    python tests/bench/bench_report.py BLENDER [ARGUMENT…] [--faces 50000,500000,1500000]

The goal: half a second at most at 500,000 faces, once the mesh is welded. A mesh whose triangles all have
vertices of their own, as some generators deliver it, is measured too. The fastest of some runs counts.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from bench_convert import measure, write_glb

ROOT = Path(__file__).resolve().parents[2]
GOAL_S = 0.5
GOAL_FACES = 500_000
# Runs in the Blender: imports the model as the converter does, and times what it says of it.
TIMED = """
import sys, time, types
import bpy
import numpy as np
package = types.ModuleType("maquette")
package.__path__ = [{root!r}]
sys.modules["maquette"] = package
from maquette.scene.conversion import report, textures
from maquette.scene.conversion.bounds import Bounds
bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
bpy.ops.import_scene.gltf(filepath={model!r})
objects = list(bpy.context.scene.objects)
if {is_split}:
    for item in objects:
        mesh = item.data
        corners = np.empty(len(mesh.loops), np.int32)
        mesh.loops.foreach_get("vertex_index", corners)
        points = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", points)
        uv = np.empty(len(corners) * 2, np.float32)
        mesh.uv_layers[0].uv.foreach_get("vector", uv)
        item.data = split = bpy.data.meshes.new("split")
        split.vertices.add(len(corners))
        split.loops.add(len(corners))
        split.polygons.add(len(corners) // 3)
        split.vertices.foreach_set("co", points.reshape(-1, 3)[corners].ravel())
        split.loops.foreach_set("vertex_index", np.arange(len(corners), dtype=np.int32))
        split.polygons.foreach_set("loop_start", np.arange(0, len(corners), 3, dtype=np.int32))
        split.update(calc_edges=True)
        split.uv_layers.new(name="map").uv.foreach_set("vector", uv)
sizes, _ = textures.fit_textures()
box = Bounds(np.zeros(3), np.ones(3), [])
times = []
for _ in range({runs}):
    begun = time.perf_counter()
    found = report.report_on(objects, box, sizes)
    times.append(time.perf_counter() - begun)
assert not found["not_measured"], found
print("SECONDS", min(times), flush=True)
"""


def seconds(blender: list[str], model: Path, runs: int, *, is_split: bool) -> float:
    """What `report_on` takes of the model; the first run counts as little as in a Blender that goes on."""
    script = TIMED.format(root=str(ROOT), model=str(model), runs=runs, is_split=is_split)
    command = [*blender, "--background", "--factory-startup", "--python-exit-code", "3", "--python-expr"]
    done = subprocess.run([*command, script], check=True, capture_output=True, text=True, timeout=600)
    return next(float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("SECONDS"))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("blender", nargs="+", help="the command that starts Blender")
    parser.add_argument("--faces", default="50000,500000,1500000")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print(f"The goal: {GOAL_S} s for the report of {GOAL_FACES:,} faces. The conversion is with its report.")
    print(f"{'faces':>9} {'convert':>8} {'report':>7} {'share':>6} {'all split':>10}")
    is_slow = False
    for faces in map(int, options.faces.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            count, (start, _, converted) = measure(options.blender, Path(folder), faces, options.runs)
            model = Path(folder, "model.glb")
            write_glb(model, faces)
            report, split = (
                seconds(options.blender, model, options.runs, is_split=each) for each in (False, True)
            )
        converted -= start
        is_slow |= report > GOAL_S and faces <= GOAL_FACES
        print(
            f"{count:>9} {converted:8.2f} {report:7.2f} {report / converted:6.0%} {split:10.2f}", flush=True
        )
    return int(is_slow)


if __name__ == "__main__":
    sys.exit(main())
