# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test leaves running is ended, and only that test fails for it."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import leftovers
import pytest

SLEEP = "import time; time.sleep(600)"


def start(code: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_a_process_that_is_left_behind_is_ended_and_named() -> None:
    started: list[subprocess.Popen[str]] = []
    with pytest.raises(pytest.fail.Exception, match=r"still running.*sleep\(600\)"), leftovers.ended(0.0):
        started.append(start(SLEEP))
    (process,) = started
    assert process.returncode not in (None, 0)
    assert process.stdout is not None
    assert process.stdout.closed


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at processes as Linux has them")
def test_also_a_child_of_a_child_whose_parent_is_gone() -> None:
    again = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).pid)"
    pids: list[int] = []

    def leave_one() -> None:
        with leftovers.ended(0.0):
            process = start(again)
            assert process.stdout is not None
            pids.append(int(process.stdout.readline()))
            process.wait(60)

    with pytest.raises(pytest.fail.Exception, match=r"sleep\(600\)"):
        leave_one()
    with suppress(FileNotFoundError, ProcessLookupError):  # it is gone
        while Path(f"/proc/{pids[0]}/cmdline").read_bytes():  # killed; the kernel takes a moment
            time.sleep(0.01)


def test_what_has_ended_or_belongs_to_others_is_left_alone() -> None:
    with leftovers.ended():
        kept = start(SLEEP)
        with leftovers.ended():
            assert start("print(1)").communicate(timeout=60)[0] == f"1{os.linesep}"
        assert kept.poll() is None
        kept.kill()


def test_what_is_meant_to_outlive_a_test_does() -> None:
    with leftovers.ended():
        kept = leftovers.outliving(start)(SLEEP)
    assert kept.poll() is None
    kept.kill()
    kept.communicate(timeout=60)


TESTS = """
import gc, leftovers, subprocess, sys

leftovers.GRACE_S = 0.0

def test_that_fails():
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdout=subprocess.PIPE)
    opened = [open(__file__)]
    opened.append(opened)
    assert not left.pid

def test_that_is_innocent():
    gc.collect()
"""


def test_a_test_that_fails_fails_no_other(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    conftest = (root / "tests" / "conftest.py").read_text(encoding="utf-8")
    settings = ["[pytest]", f"pythonpath = {root / 'tests'}", "filterwarnings = error"]
    (tmp_path / "pytest.ini").write_text("\n".join(settings), encoding="utf-8")
    text = conftest.replace("Path(__file__).resolve().parent.parent", f"Path({str(root)!r})")
    (tmp_path / "conftest.py").write_text(text, encoding="utf-8")
    (tmp_path / "test_both.py").write_text(TESTS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert "1 failed, 1 passed, 1 error" in done.stdout, done.stdout
    assert "ERROR test_both.py::test_that_fails - Failed: still running" in done.stdout
