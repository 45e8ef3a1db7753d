# SPDX-License-Identifier: GPL-3.0-or-later
"""A background Blender that does one task after the other.

Run by path (`blender -b --factory-startup --python background_main.py`), never imported. Each line on
stdin is a task: a JSON object with `command`, the paths `log` and `answer`, and what the task itself needs.
`command` names a module in scene/, and the function of the same name in it. Arguments name the tasks that are
expected: their modules are loaded before one comes. What a person should know goes into the answer's file,
what a task has to say later into one with ".more" behind its name. An error that nobody foresaw ends the
process; so does the end of stdin.
"""

import contextlib
import importlib
import json
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import bpy


def main() -> None:
    # The package as `maquette`, without running its __init__.py.
    package = types.ModuleType("maquette")
    package.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules["maquette"] = package
    if hasattr(os, "nice"):
        os.nice(5)  # whoever works at this machine comes first
    for name in sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else ():
        importlib.import_module(f"maquette.scene.{name}")
    tasks = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115 # read until our end
    while line := tasks.readline():
        request = json.loads(line)
        sys.stdout.flush()
        sys.stderr.flush()
        with open(request["log"], "ab") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        # The user's preferences stay away, and nothing is left of the startup file or the last task.
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        name = request["command"]
        made = getattr(importlib.import_module(f"maquette.scene.{name}"), name)(request)
        for number, answer in enumerate(made if isinstance(made, Iterator) else [made]):
            part = Path(request["answer"] + ".part")
            part.write_text(json.dumps(answer), "utf-8")
            os.replace(part, request["answer"] + ".more" * number)
    sys.stdout.flush()
    sys.stderr.flush()
    with contextlib.suppress(OSError):  # not empty, or no folder of this Blender's own
        os.rmdir(bpy.app.tempdir)  # as the usual exit does
    os._exit(0)  # all is on disk: freeing a large scene takes a while, and the 4.2 module crashes at it


main()
