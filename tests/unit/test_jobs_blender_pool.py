# SPDX-License-Identifier: GPL-3.0-or-later
"""Background Blenders are used again, replaced when they crash, and ended when they are idle."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from maquette.jobs.blender_pool import BlenderPool, ChildError

BLENDER = f"""#!{sys.executable}
import json, os, pathlib, sys, time
for line in sys.stdin:
    task = json.loads(line)
    with open(task["log"], "a") as log:
        print("at", task["command"], file=log)
    if task.get("crash"):
        os._exit(11)
    time.sleep(task.get("takes_s", 0))
    part = pathlib.Path(task["answer"] + ".part")
    secrets = [name for name, text in os.environ.items() if "planted" in text]
    goes_on = task.get("goes_on", "")
    answer = {{"ok": True, "pid": os.getpid(), "secrets": secrets, "is_to_be_continued": bool(goes_on)}}
    part.write_text(json.dumps(answer))
    os.replace(part, task["answer"])
    if goes_on == "crash":
        os._exit(13)
    if goes_on:
        part.write_text(json.dumps({{"ok": True, "more": goes_on}}))
        os.replace(part, task["answer"] + ".more")
    if task.get("crash_after"):
        os._exit(12)
"""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., BlenderPool]]:
    """Pools of the stand-in, whose Blenders end with the test."""
    script = tmp_path / "blender"
    script.write_text(BLENDER)
    script.chmod(0o755)
    made: list[BlenderPool] = []

    def pool(**options: Any) -> BlenderPool:
        made.append(BlenderPool(str(script), **options))
        return made[-1]

    yield pool
    for each in made:
        each.end()


@pytest.fixture
def blenders(make: Callable[..., BlenderPool]) -> BlenderPool:
    return make()


def pid(blenders: BlenderPool, folder: Path, **request: int | bool) -> int:
    return int(str(blenders.run("convert", request, folder, "reading the result")["pid"]))


def test_one_blender_does_many_tasks_and_not_too_many(
    make: Callable[..., BlenderPool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blenders = make(tasks_max=3)
    for name in ("SCENARIO_SDK_API_KEY", "MAQUETTE_X", "HTTPS_PROXY", "GITHUB_TOKEN", "db_password"):
        monkeypatch.setenv(name, "http://me:planted@host")
    pids = [pid(blenders, tmp_path) for _ in range(4)]
    assert len({*pids[:3]}) == 1
    assert pids[3] != pids[0]
    assert blenders.run("send", {}, tmp_path, "it")["secrets"] == []
    assert {path.name for path in tmp_path.iterdir()} == {"blender", "convert.log", "send.log"}


def test_tasks_at_the_same_time_have_a_blender_each(blenders: BlenderPool, tmp_path: Path) -> None:
    first, second = (blenders.begin(do, {"takes_s": 0.2}, tmp_path, "it") for do in ("convert", "send"))
    answers = []
    while len(answers) < 2:
        for task in (first, second):
            answer = task.poll() if task not in [each for each, _ in answers] else None
            if answer is not None:
                answers.append((task, answer["pid"]))
        time.sleep(0.01)
    assert answers[0][1] != answers[1][1]


def test_a_crash_is_told_in_words_and_the_next_task_has_a_new_blender(
    blenders: BlenderPool, tmp_path: Path
) -> None:
    with pytest.raises(ChildError, match=r"crashed while reading the result \(exit code 11\).*convert\.log"):
        pid(blenders, tmp_path, crash=True)
    assert "at convert" in (tmp_path / "convert.log").read_text()
    assert pid(blenders, tmp_path)


def test_a_task_does_not_pay_for_the_one_before_it(blenders: BlenderPool, tmp_path: Path) -> None:
    first = pid(blenders, tmp_path, crash_after=True)
    assert pid(blenders, tmp_path) != first  # dead, or dying: either way the task is done


def test_a_bad_task_in_a_used_blender_is_tried_in_a_new_one_and_then_told(
    blenders: BlenderPool, tmp_path: Path
) -> None:
    first = pid(blenders, tmp_path)
    with pytest.raises(ChildError, match="crashed"):
        pid(blenders, tmp_path, crash=True)
    assert pid(blenders, tmp_path) != first


def test_what_a_task_has_to_say_later_comes_after_its_answer(blenders: BlenderPool, tmp_path: Path) -> None:
    task = blenders.begin("convert", {"goes_on": "it is large"}, tmp_path, "it")
    first = task.wait()
    assert (first["ok"], task.to_be_continued) == (True, True)
    assert task.wait() == {"ok": True, "more": "it is large"}
    assert not task.to_be_continued
    assert pid(blenders, tmp_path) == first["pid"]
    assert {path.name for path in tmp_path.iterdir()} == {"blender", "convert.log"}


def test_a_crash_after_an_answer_is_told_and_the_task_not_done_again(
    blenders: BlenderPool, tmp_path: Path
) -> None:
    used = pid(blenders, tmp_path)
    task = blenders.begin("convert", {"goes_on": "crash"}, tmp_path, "it")
    assert task.wait()["pid"] == used
    with pytest.raises(ChildError, match="crashed"):
        task.wait()
    assert (tmp_path / "convert.log").read_text() == "at convert\n"


def test_one_that_takes_too_long_is_ended(make: Callable[..., BlenderPool], tmp_path: Path) -> None:
    with pytest.raises(ChildError, match="took over"):
        pid(make(timeout_s=0.2), tmp_path, takes_s=60)


def test_idle_blenders_end(blenders: BlenderPool, tmp_path: Path) -> None:
    first = pid(blenders, tmp_path)
    blenders.tidy()
    assert pid(blenders, tmp_path) == first
    blenders.end()
    assert pid(blenders, tmp_path) != first


def test_a_missing_blender_is_told(tmp_path: Path) -> None:
    with pytest.raises(ChildError, match=r"could not be started \(none\): No such file"):
        BlenderPool("none").run("convert", {}, tmp_path, "it")
