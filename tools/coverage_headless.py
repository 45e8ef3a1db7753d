# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of headless/ the tests inside a Blender run, with the commands that they start.

Each process of the `blender` command notes the lines that it runs (tools/bpy_blender.py); here they are
added up.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import steps
import venvs
from blenders import Outcome
from steps import BUILD, ROOT

FLOOR = 90  # per cent, below which `test` fails
_CONFIG = """[run]
data_file = {folder}/sum
[paths]
source =
    {headless}
    */maquette/headless
"""


def sum_up(folders: Iterable[Path]) -> Outcome:
    """The share of lines that ran, of what the processes have left in these folders."""
    name = "coverage of headless/ by the tests in Blender"
    parts = sorted(path for folder in folders for path in folder.glob("part.*"))
    if not parts:
        note = f"no process of the newest Blender has noted what it ran; the floor is {FLOOR} %"
        return Outcome(name, failed=int(steps.IS_CI), skipped=int(not steps.IS_CI), note=note)
    folder = BUILD / "coverage-headless"
    folder.mkdir(exist_ok=True)
    config = folder / "config.ini"
    config.write_text(_CONFIG.format(folder=folder, headless=ROOT / "headless"), encoding="utf-8")
    program = [venvs.program(venvs.make_dev(), "python"), "-m", "coverage"]
    steps.ask([*program, "combine", "--quiet", f"--rcfile={config}", *parts], timeout_s=300)
    report = [*program, "report", "--show-missing", "--skip-covered", f"--fail-under={FLOOR}"]
    code, output = steps.ask([*report, f"--rcfile={config}"], timeout_s=300)
    steps.say(output.rstrip())
    total = next((line.split()[-1] for line in output.splitlines() if line.startswith("TOTAL")), "")
    note = f"{total}, the floor is {FLOOR} %"
    return Outcome(name, passed=int(not code), failed=int(bool(code)), note=note)
