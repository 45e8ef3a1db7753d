# SPDX-License-Identifier: GPL-3.0-or-later
"""The Flamenco job type, compiled in node against what Flamenco gives its scripts: `author`, `job`."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "farm" / "flamenco" / "maquette_batch.js"
KINDS = {"string", "int32", "float", "bool"}  # of settings, by Flamenco's manual
FLAMENCO = """
class Task {
    constructor(name, type) { Object.assign(this, { name, type, commands: [], needs: [] }); }
    addCommand(command) { this.commands.push(command); }
    addDependency(task) { this.needs.push(task.name); }
}
const author = {
    Task: (name, type) => new Task(name, type),
    Command: (name, parameters) => ({ name, parameters }),
};
const job = { settings: SETTINGS, tasks: [], addTask(task) { this.tasks.push(task); } };
"""
pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="no node: apt-get install nodejs")


def compiled(**settings: object) -> dict[str, Any]:
    given = {"manifest": "/farm/a b.csv", "output_folder": "/farm/out", "rows": 3, "options": "", **settings}
    script = FLAMENCO.replace("SETTINGS", json.dumps(given)) + SCRIPT.read_text(encoding="utf-8")
    script += "\ncompileJob(job); console.log(JSON.stringify({ type: JOB_TYPE, tasks: job.tasks }));"
    done = subprocess.run(["node", "-"], input=script, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_each_row_is_a_task_and_all_come_before_the_last() -> None:
    tasks = compiled(rows=3)["tasks"]
    assert [task["name"] for task in tasks] == ["row-1", "row-2", "row-3", "assemble"]
    assert tasks[-1]["needs"] == ["row-1", "row-2", "row-3"]
    assert {task["type"] for task in tasks} == {"blender"}
    (command,) = tasks[1]["commands"]
    assert command["name"] == "exec"
    assert command["parameters"]["exe"] == "{blender}"
    words = command["parameters"]["args"]
    assert words[-3:] == ["--record-failures", "--rows", "2"]
    assert words[:6] == ["--background", "--online-mode", "--command", "maquette", "batch", "/farm/a b.csv"]


def test_options_are_words_of_their_own() -> None:
    words = compiled(options="  --size 2  --outputs glb,png ")["tasks"][0]["commands"][0]["parameters"][
        "args"
    ]
    assert words[-7:-3] == ["--size", "2", "--outputs", "glb,png"]


def test_a_task_may_make_a_few_rows() -> None:
    tasks = compiled(rows=5, rows_per_task=2)["tasks"]
    assert [task["name"] for task in tasks] == ["row-1-2", "row-3-4", "row-5", "assemble"]
    words = [task["commands"][0]["parameters"]["args"] for task in tasks]
    assert [each[-1] for each in words] == ["1-2", "3-4", "5", "--assemble"]


def test_settings_are_what_flamenco_knows() -> None:
    settings = compiled()["type"]["settings"]
    assert {setting["key"] for setting in settings} == {
        *("manifest", "output_folder", "rows", "rows_per_task", "options")
    }
    assert {setting["type"] for setting in settings} <= KINDS
