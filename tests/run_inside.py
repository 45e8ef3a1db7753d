# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs pytest inside Blender: blender --background --python tests/run_inside.py -- PYTEST-ARGUMENTS

Ends the process itself, as some Blenders crash or hang in the destructors of a usual exit.
"""

import os
import sys
import traceback
from pathlib import Path

import bpy

sys.path.extend(path for path in os.environ.get("MAQUETTE_TEST_PATH", "").split(os.pathsep) if path)
code = 1
try:
    import pytest

    os.chdir(Path(__file__).resolve().parent.parent)
    package = os.environ["MAQUETTE_PACKAGE"]
    if package not in bpy.context.preferences.addons:
        sys.exit(f"{package} is not enabled in this Blender")
    os.environ["MAQUETTE_BLENDER"] = bpy.app.binary_path
    code = int(pytest.main(sys.argv[sys.argv.index("--") + 1 :]))
except BaseException:
    traceback.print_exc()
sys.stdout.flush()
sys.stderr.flush()
os._exit(code)
