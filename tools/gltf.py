# SPDX-License-Identifier: GPL-3.0-or-later
"""The Khronos validator (npm's gltf-validator) on what the tests inside each Blender exported."""

from __future__ import annotations

import shutil

import steps
from blenders import Outcome
from steps import BUILD, ROOT, TaskError, quietly, step

PACKAGE = "gltf-validator@2.0.0-dev.3.10"


def validate() -> Outcome:
    """Checks every GLB that tests kept (see MAQUETTE_KEEP in `blenders`); one with an error fails."""
    name = "Khronos glTF validator"
    files = sorted(path for path in (BUILD / "tests").glob("*/kept/*.glb"))
    if not files:
        return Outcome(name, skipped=1, note="the tests in Blender kept no GLB")
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        return Outcome(name, skipped=len(files), note="no Node.js. Install it: apt-get install nodejs npm")
    home = BUILD / "npm"
    try:
        with step(f"{name} on {len(files)} files"):
            if not (home / "node_modules" / "gltf-validator").is_dir():
                home.mkdir(parents=True, exist_ok=True)
                quietly([npm, "install", "--silent", "--no-save", "--prefix", home, PACKAGE])
            shutil.copyfile(ROOT / "tools" / "validate_gltf.js", home / "validate.js")
            code, output = steps.ask([node, home / "validate.js", *files], timeout_s=300)
    except TaskError as failure:
        return Outcome(name, failed=1, note=str(failure))
    steps.say(output.rstrip())
    return Outcome(name, passed=0 if code else len(files), failed=1 if code else 0)
