# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender is quit in the middle of a job and started again: it goes on, and nothing is paid twice."""

import time

import bpy
import expected
from driver import Steps, Window

JOB_S = 600  # in the second part the sandbox is another one, to which it is done


def steps(w: Window) -> Steps:
    inputs = yield from expected.in_sandbox(w, JOB_S)
    expected.choose_horse(inputs)
    yield from expected.generate(w)
    yield from expected.submitted(w)
    bpy.ops.wm.save_as_mainfile(filepath=str(w.folder / "quit.blend"))
    bpy.ops.wm.save_userpref()
    (w.folder / "quit-at.txt").write_text(str(time.time()))
    w.quits = True


def steps_2(w: Window) -> Steps:
    expected.slow_down(12)
    asked, ended = (float((w.folder / f"{name}-at.txt").read_text()) for name in ("quit", "ended"))
    took = ended - asked
    w.check(took < JOB_S / 4, "Blender ends, and waits for no job that is under way", f"{took:.1f} s")
    yield from w.until(lambda: not expected.processes_of(w.folder), 60, "and leaves no process behind")
    bpy.ops.wm.open_mainfile(filepath=str(w.folder / "quit.blend"))
    yield from w.until(lambda: expected.is_placed("horse"), 90, "it goes on by itself, and arrives")
    yield from w.open_sidebar()
    yield 1.0
    w.picture("after-restart")
    w.check(expected.paid(w) == 1, "one job was paid for", expected.paid(w))
    expected.check_opens(w)
