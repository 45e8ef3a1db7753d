# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault at every step of a job: what is said, that it is paid for once, and that it arrives.

A fault lasts until the worker has nothing more to do (or a quarter of an hour has passed), then it is lifted.
OUTCOMES says for each cell what comes of it until then; afterwards a person resumes what can be resumed, and
the result has to be there, paid for once.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from maquette.client import transport
from maquette.jobs import InputFile, JobRecord, State

from faults.proxy import FAULTS, LIST_FAULTS, NEVER_ANSWERED, carried_out
from faults.rig import REMESH, SERVICE, SHORT_PATIENCE_S, Rig

STEPS = {
    "price": ("api", r"POST /v1/generate/custom/[^?]*\?dryRun"),
    "upload": ("api", r"POST /v1/assets$"),
    "announce": ("api", r"POST /v1/uploads$"),
    "send part": ("cdn", r"PUT /uploads/"),
    "import": ("api", r"(GET|POST) /v1/uploads/"),
    "submit": ("api", r"POST /v1/generate/custom/[^?]*$"),
    "answer": ("api", r"POST /v1/generate/custom/[^?]*$"),  # the submission is carried out
    "poll": ("api", r"GET /v1/jobs\?"),
    "job": ("api", r"GET /v1/jobs/"),
    "assets": ("api", r"POST /v1/assets/get-bulk"),
    "download": ("cdn", r"GET /"),
}
GRID = [(fault, step) for step in STEPS for fault in ["refused", *FAULTS]]
GRID += [(fault, step) for step in ("poll", "assets") for fault in LIST_FAULTS]


def is_before(step: str) -> Callable[[str, bytes], bool]:
    """Whether a request and its answer are the last before `step`."""
    last = {
        "submit": "POST /v1/assets",
        "answer": "POST /v1/assets",
        "send part": "POST /v1/uploads",
        "import": "PUT ",
        "poll": "POST /v1/generate",
        "download": "POST /v1/assets/get-bulk",
    }.get(step, "GET /v1/models")
    if step in ("job", "assets"):
        return lambda line, answer: line.startswith("GET /v1/jobs?") and b'"success"' in answer
    return lambda line, _: line.startswith(last)


def arm(rig: Rig, fault: str, step: str) -> None:
    # Each of these costs real time: as often as the client asks by itself, or once.
    times = {"hang": 3}.get(fault, 1 if fault in NEVER_ANSWERED else 1 << 30)
    where, pattern = STEPS[step]
    proxy = rig.api_proxy if where == "api" else rig.cdn_proxy
    if fault != "refused":
        spoil = (FAULTS | LIST_FAULTS)[fault]
        proxy.arm(pattern, carried_out(spoil) if step == "answer" else spoil, times)
    elif where == "cdn" or step == "price":
        proxy.refuse()
    else:
        proxy.refuse_after(is_before(step))


def add(rig: Rig, step: str) -> JobRecord:
    if step not in ("announce", "send part", "import"):
        return rig.add()
    mesh = rig.folder / "mesh.glb"
    mesh.write_bytes(b"glTF\x02\0\0\0" + b"\x0c\0\0\0" * 4)
    return rig.add(model_id=REMESH, inputs={"model": InputFile(mesh, "3d")})


def ask_price(rig: Rig) -> str:
    rig.store.questions.ask(SERVICE, "price", ("p",), request=["model_hunyuan-3d-v2-1", {"image": "asset_" + "0" * 22}])
    rig.run()
    (answer,) = [q for q in rig.store.questions.answered_since(SERVICE, 0, 9) if q.kind == "price"]
    return answer.error or f"{answer.answer}"


@pytest.mark.parametrize(("fault", "step"), GRID, ids=lambda word: str(word))
def test_a_fault_at_a_step_loses_nothing_and_pays_once(
    fault: str,
    step: str,
    rig: Rig,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, Any], None],
) -> None:
    if fault in NEVER_ANSWERED:
        monkeypatch.setattr(transport, "ANSWER_TIMEOUT_S", SHORT_PATIENCE_S)
    if step == "price":
        arm(rig, fault, step)
        first = ask_price(rig)
        rig.lift()
        second = ask_price(rig)
        print(json.dumps([fault, step, "told" , first]))
        assert float(second) > 0
        assert rig.paid() == 0
        return
    add(rig, step)
    arm(rig, fault, step)
    is_quiet = rig.run()
    job = rig.job()
    shown = job.message or rig.store.get_trouble(SERVICE)[0]
    first = {State.READY: "ready", State.FAILED: "fails", State.EXPIRED: "fails"}.get(
        job.state, "asks" if is_quiet else "waits"
    )
    paid_before = rig.paid()
    rig.lift()
    for worker in rig.workers:
        worker.close()
    rig.sleep(100)
    if job.resume_state:
        rig.store.resume(job)
    rig.run(for_s=4000)
    end = rig.job()
    for worker in rig.workers:
        worker.close()
    print(json.dumps([fault, step, first, job.state, paid_before, end.state, rig.paid(), rig.leftovers(), shown]))
    assert end.state is State.READY
    assert rig.paid() == 1
