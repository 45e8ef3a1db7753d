# SPDX-License-Identifier: GPL-3.0-or-later
"""The Blender of `task.py dev` has the working tree in it, as the tree is at any time."""

import os
import subprocess
import zipfile
from pathlib import Path

from commands import TIMEOUT_S
from document_blocks import ROOT

# Where the timer would look, it is looked by hand: in the background Blender has no timers.
SCRIPT = """
import os, runpy, sys
import bpy

before = {name for name in dir(bpy.types) if "maquette" in name.lower()}
assert not before, before
reload = runpy.run_path(sys.argv[-1])
look = reload["look"]
registration = "bl_ext.user_default.maquette.registration"

def write(text):
    file = reload["LINK"] / "registration.py"
    time_ns = file.stat().st_mtime_ns
    file.write_text(text, encoding="utf-8")
    os.utime(file, ns=(time_ns, time_ns + 10**9))

look()
first = sys.modules[registration]
text = (reload["LINK"] / "registration.py").read_text(encoding="utf-8")
registered = {name for name in dir(bpy.types) if "maquette" in name.lower()}
assert registered
look()
assert sys.modules[registration] is first, "nothing has changed"
write(text + "CHANGED = 1\\n")
look()
assert sys.modules[registration].CHANGED == 1
assert {name for name in dir(bpy.types) if "maquette" in name.lower()} == registered
write(text + "def broken(:\\n")
look()
write(text)
look()
assert not hasattr(sys.modules[registration], "CHANGED")
assert {name for name in dir(bpy.types) if "maquette" in name.lower()} == registered
reload["addon_utils"].disable("bl_ext.user_default.maquette")
assert not {name for name in dir(bpy.types) if "maquette" in name.lower()}
print("all is well", flush=True)
"""


def test_a_changed_file_is_loaded_and_unloading_leaves_nothing(tmp_path: Path) -> None:
    extensions = tmp_path / "user" / "extensions" / "user_default"
    extensions.mkdir(parents=True)
    with zipfile.ZipFile(os.environ["MAQUETTE_ZIP"]) as archive:
        archive.extractall(tmp_path / "tree")
    (extensions / "maquette").symlink_to(tmp_path / "tree")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    blender = [os.environ["MAQUETTE_BLENDER"], "--background", "--python-exit-code", "1"]
    done = subprocess.run(
        [*blender, "--python", str(script), "--", str(ROOT / "tools" / "dev_reload.py")],
        env={**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path / "user")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout
    assert "all is well" in done.stdout
    told = [line for line in done.stdout.splitlines() if line.startswith("Maquette: ")]
    assert [line.partition(" (")[0] for line in told] == [
        "Maquette: loaded", "Maquette: loaded", "Maquette: NOT loaded", "Maquette: loaded",
    ]  # fmt: skip
    assert told[1].endswith("(registration.py)")
