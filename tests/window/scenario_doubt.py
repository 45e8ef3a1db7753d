# SPDX-License-Identifier: GPL-3.0-or-later
"""A submission's answer was lost: the list shows what it may have made, for a person to take or to refuse."""

from typing import Any

import bpy
import expected
from driver import Steps, Window

CANDIDATES = [
    {
        "id": "job_Qh3vY7Jd2mTz",
        "url": "https://api.cloud.scenario.com/v1/jobs/1",
        "created_at": 1_795_000_000,
    },
    {
        "id": "job_a8Kp0sWq5LxN",
        "url": "https://api.cloud.scenario.com/v1/jobs/2",
        "created_at": 1_795_000_042,
    },
]


def steps(w: Window) -> Steps:
    yield from expected.in_sandbox(w, 2)
    backend, jobs = expected.backend(w), expected.part(w, "jobs")
    properties = expected.part(w, "properties")
    new = jobs.NewJob(
        name="chair",
        model_id=expected.IMAGE_MODEL,
        model_name="Hunyuan 3D 2.1",
        inputs={},
        service="sandbox",
        estimate_cu=20.25,
        session="of another Blender",  # whose worker has lost the answer
    )
    job = backend.store.add(new)
    for state in (jobs.State.UPLOADING, jobs.State.SUBMITTING):
        job = backend.store.move(job, state)
    text = expected.part(w, "jobs.candidates").doubt_text(job.id, CANDIDATES)
    settled = {"candidates": CANDIDATES, "message": text, "resume_state": jobs.State.PREPARED}
    job = backend.store.move(job, jobs.State.UNCERTAIN, **settled)

    def shown(w: Window) -> Any:
        return expected.job(w, 0)

    yield from w.until(lambda: backend.jobs.by_id.get(job.id), 10, "the list shows it")
    yield from w.until(
        lambda: properties.active_job_id(bpy.context.window_manager) == job.id, 10, "it is the chosen one"
    )
    for scale in (2.0, 1.0):
        bpy.context.preferences.view.ui_scale = scale
        yield 1.5
        yield from w.find("maquette.refuse_candidate", pages=6)
        yield from w.move(w.view_point())
        w.picture(f"doubt-{scale:.0f}x", w.region("UI"))
        w.known.clear()
    yield from w.press("maquette.refuse_candidate")
    yield from w.until(lambda: len(shown(w).doubts) == 1, 10, "one of them is refused")
    yield 1.0
    w.picture("one-left", w.region("UI"))
    yield from w.press("maquette.refuse_candidate")
    yield from w.until(lambda: not shown(w).doubts, 10, "the other, too")
    yield 1.0
    w.picture("none-left", w.region("UI"))
    w.check(shown(w).state == jobs.State.UNCERTAIN, "nothing is submitted by that", shown(w).state)
    w.check(expected.paid(w) == 0, "and nothing was paid", expected.paid(w))
