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
from faults.proxy import FAULTS, LIST_FAULTS, NEVER_ANSWERED, carried_out
from faults.rig import REMESH, SERVICE, SHORT_PATIENCE_S, Rig
from maquette.jobs import InputFile, JobRecord, State

pytestmark = pytest.mark.slow
STEPS = {
    "price": ("api", r"POST /v1/generate/custom/[^?]*\?dryRun"),
    "upload": ("api", r"POST /v1/assets$"),
    "begin": ("api", r"POST /v1/uploads$"),
    "part": ("cdn", r"PUT /uploads/"),
    "import": ("api", r"(GET|POST) /v1/uploads/"),
    "submit": ("api", r"POST /v1/generate/custom/[^?]*$"),
    "answer": ("api", r"POST /v1/generate/custom/[^?]*$"),  # the submission is carried out
    "poll": ("api", r"GET /v1/jobs\?"),
    "job": ("api", r"GET /v1/jobs/"),
    "assets": ("api", r"POST /v1/assets/get-bulk"),
    "download": ("cdn", r"GET /"),
}
REFUSALS = ("refused", "429", "429, wait 2 s", "429, wait 104 days", "401", "403", "404")
GRID = [
    (fault, step)
    for step in STEPS
    for fault in ["refused", *FAULTS]
    # A service that refuses what it carries out cannot be guarded against: docs/reliability.md says so.
    if step != "price" and not (step == "answer" and fault in REFUSALS)
]
GRID += [(fault, step) for step in ("poll", "assets") for fault in LIST_FAULTS]


# What comes of a fault as long as it lasts. arrives: nothing is noticed, or it was tried again · waits: said,
# and tried again until it is over · fails: said, to be resumed · asks: whether it was submitted is not known,
# a person is asked. Most faults last for ever; those that cost real time are over after one to three tries.
OUTCOMES_TABLE = """
                   upload  begin   part    import  submit  answer  poll    job     assets  download
refused            fails   fails   fails   fails   fails   -       waits   fails   fails   fails
reset              fails   fails   fails   fails   asks    arrives waits   fails   fails   fails
lost               fails   fails   fails   fails   asks    arrives waits   fails   fails   fails
hang               arrives arrives arrives arrives asks    arrives arrives arrives arrives arrives
drip               arrives arrives arrives arrives arrives arrives arrives arrives arrives arrives
dripping_head      arrives arrives arrives arrives asks    arrives arrives arrives arrives arrives
endless_100        arrives arrives arrives arrives asks    arrives arrives arrives arrives arrives
cut                fails   fails   fails   fails   arrives arrives waits   fails   fails   fails
claims_more        arrives arrives arrives arrives arrives arrives arrives arrives arrives arrives
claims_less        fails   fails   fails   fails   arrives arrives waits   fails   fails   fails
page_with_200      fails   fails   fails   fails   asks    arrives waits   fails   fails   fails
429                waits   waits   waits   waits   waits   -       waits   waits   waits   waits
429,_wait_2_s      waits   waits   waits   waits   waits   -       waits   waits   waits   waits
429,_wait_104_days waits   waits   waits   waits   waits   -       waits   waits   waits   waits
500                fails   fails   fails   fails   asks    arrives waits   fails   fails   fails
502_page           fails   fails   fails   fails   asks    arrives waits   fails   fails   fails
503                fails   fails   fails   fails   asks    arrives waits   fails   fails   fails
401                fails   fails   fails   fails   fails   -       waits   fails   fails   fails
403                fails   fails   fails   fails   fails   -       waits   fails   fails   fails
404                fails   fails   fails   fails   fails   -       waits   fails   fails   fails
302                fails   fails   fails   fails   asks    arrives waits   fails   fails   fails
307                fails   fails   fails   fails   asks    arrives waits   fails   fails   fails
huge_JSON          fails   fails   fails   fails   asks    arrives waits   fails   fails   fails
deep_JSON          fails   fails   fails   fails   asks    arrives waits   fails   fails   fails
other_JSON         fails   fails   fails   fails   asks    arrives waits   fails   fails   fails
list_repeats       -       -       -       -       -       -       arrives -       arrives -
list_reordered     -       -       -       -       -       -       arrives -       arrives -
list_empty         -       -       -       -       -       -       arrives -       fails   -
odd_entry          -       -       -       -       -       -       arrives -       arrives -
"""


def read_table() -> dict[tuple[str, str], str]:
    head, *rows = OUTCOMES_TABLE.strip("\n").splitlines()
    found: dict[tuple[str, str], str] = {}
    for row in rows:
        name, words = row[:19].strip().replace("_", " "), row[19:].split()
        found |= {(name, step): word for step, word in zip(head.split(), words, strict=True)}
    return found


OUTCOMES = read_table()


def is_before(step: str) -> Callable[[str, bytes], bool]:
    """Whether a request and its answer are the last before `step`."""
    if step == "assets":
        return lambda line, answer: line.startswith("GET /v1/jobs?") and b'"success"' in answer
    last = {
        "submit": "POST /v1/assets",
        "answer": "POST /v1/assets",
        "part": "POST /v1/uploads",
        "import": "POST /v1/uploads",
        "poll": "POST /v1/generate",
        "download": "POST /v1/assets/get-bulk",
    }[step]
    return lambda line, _: line.startswith(last)


def arm(rig: Rig, fault: str, step: str) -> None:
    # Each of these costs real time: as often as the client asks by itself, or once.
    times = {"hang": 3}.get(fault, 1 if fault in NEVER_ANSWERED else 1 << 30)
    where, pattern = STEPS[step]
    proxy = rig.api_proxy if where == "api" else rig.cdn_proxy
    if fault != "refused":
        spoil = (FAULTS | LIST_FAULTS)[fault]
        proxy.arm(pattern, carried_out(spoil) if step == "answer" else spoil, times)
    elif where == "cdn" or step in ("price", "upload", "begin", "job"):
        proxy.refuse()
    else:
        proxy.refuse_after(is_before(step))


def add(rig: Rig, step: str) -> JobRecord:
    if step not in ("begin", "part", "import"):
        return rig.add()
    mesh = rig.folder / "mesh.glb"
    mesh.write_bytes(b"glTF\x02\0\0\0" + b"\x0c\0\0\0" * 4)
    return rig.add(model_id=REMESH, inputs={"model": InputFile(mesh, "3d")})


def leave_before_download(rig: Rig) -> None:
    """What the list has told of the result goes with the worker: the next one asks for the job by its id."""
    worker = rig.worker()
    assert not rig.run(worker, until=lambda: rig.job().state is State.DOWNLOADING)
    rig.abandon(worker)


def ask_price(rig: Rig) -> str:
    rig.store.lookups.ask(
        SERVICE, "price", ("p",), request=["model_hunyuan-3d-v2-1", {"image": "asset_" + "0" * 22}]
    )
    rig.run()
    (answer,) = [q for q in rig.store.lookups.answered_since(SERVICE, 0, 9) if q.kind == "price"]
    return answer.error or f"{answer.answer}"


@pytest.mark.parametrize(("fault", "step"), GRID, ids=lambda word: str(word))
def test_a_fault_at_a_step_loses_nothing_and_pays_once(
    fault: str, step: str, rig: Rig, record_property: Callable[[str, Any], None]
) -> None:
    rig.max_attempts = 3  # instead of a dozen, for the test's own time
    if fault in NEVER_ANSWERED:
        rig.answer_timeout_s = SHORT_PATIENCE_S
    job = add(rig, step)
    if step == "job":
        leave_before_download(rig)
    arm(rig, fault, step)
    is_quiet = rig.run(for_s=300.0)
    job = rig.job()
    said = job.message or rig.store.get_trouble(SERVICE)[0]
    outcome = _outcome(job, is_quiet)
    rig.lift()
    rig.sleep(100.0)  # the lease of that worker
    for _ in range(3):
        rig.run(for_s=4000.0)
        if (job := rig.job()).resume_state is None:
            break
        rig.store.resume(job, may_spend=True)
    for worker in rig.workers:
        worker.close()
    facts = {"fault": fault, "step": step, "outcome": outcome, "paid": rig.paid(), "state": job.state}
    facts |= {"left": rig.leftovers(), "said": said}
    record_property("cell", json.dumps(facts))
    assert job.state is State.READY, facts
    assert rig.paid() == 1, facts
    assert not facts["left"], facts
    assert outcome == "arrives" or len(said.split()) > 3, facts
    assert outcome == OUTCOMES[fault, step], facts


def _outcome(job: JobRecord, is_quiet: bool) -> str:
    if job.state is State.READY:
        return "arrives"
    return "waits" if not is_quiet else "asks" if job.state is State.UNCERTAIN else "fails"


@pytest.mark.parametrize("fault", ["refused", *FAULTS])
def test_a_fault_while_the_price_is_asked_for_is_said_and_nothing_is_paid(
    fault: str, rig: Rig, record_property: Callable[[str, Any], None]
) -> None:
    if fault in NEVER_ANSWERED:
        rig.answer_timeout_s = SHORT_PATIENCE_S
    arm(rig, fault, "price")
    first = ask_price(rig)
    rig.lift()
    facts = {"fault": fault, "step": "price", "outcome": "said", "paid": rig.paid(), "state": "", "left": []}
    facts |= {"said": first}
    record_property("cell", json.dumps(facts))
    assert first
    assert float(ask_price(rig)) > 0
    assert rig.paid() == 0
