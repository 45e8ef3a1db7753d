# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens between two redraws: a tick with nothing new, and a view of 1024² that becomes an image.

    python tests/bench/bench_redraw.py

The goals: a tick's median under 0.2 ms; the image in less than the 90 ms that floats and Blender's own
packing take.
"""

import importlib
import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location(
    "maquette", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
)
assert spec is not None
sys.modules["maquette"] = importlib.util.module_from_spec(spec)


def measure(name: str, count: int, work: Callable[[], Any]) -> None:
    times: list[float] = []
    for _ in range(count):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    print(f"{name:>20}: median {statistics.median(times):.3f} ms, longest {max(times):.3f} ms of {count}")


def main() -> None:
    jobs = importlib.import_module("maquette.jobs")
    capture = importlib.import_module("maquette.window.capture")
    with tempfile.TemporaryDirectory() as name:
        backend = jobs.Backend(Path(name), "s", None)
        while backend.tick():
            continue
        measure("tick, nothing new", 2000, backend.tick)
        backend.close()
    drawn = np.zeros((1024, 1024, 4), np.uint8)
    drawn[200:800, 200:800] = 128
    drawn[..., :3] //= 2
    measure("view to image", 20, lambda: capture.packed_image("View", capture.png_of_drawn(drawn)))
    sys.stdout.flush()
    os._exit(0)  # bpy as a module crashes or hangs in the destructors of a usual exit


if __name__ == "__main__":
    main()
