# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer to a paid submission is lost, and the service's lists and clock are not as they should be: that
nothing was paid is never said, and no resume submits again.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from typing import Any

import pytest
from faults.proxy import Exchange, Fault, carried_out, lose
from faults.rig import Rig
from maquette.jobs import State
from maquette.jobs.candidates import take_candidate
from maquette.jobs.database import StoreError

SUBMIT = r"POST /v1/generate/custom/[^?]*$"


def told(body: Any) -> Fault:
    return lambda exchange: exchange.send(200, json.dumps(body).encode())


def changed(change: Callable[[dict[str, Any]], None]) -> Fault:
    """The true answer with jobs that were changed in it."""

    def answer(exchange: Exchange) -> None:
        status, _, content = exchange.forward()
        body = json.loads(content)
        for job in [*body.get("jobs", []), *([body["job"]] if "job" in body else [])]:
            change(job)
        exchange.send(status, json.dumps(body).encode())

    return answer


def tell_file_as_url(job: dict[str, Any]) -> None:
    job["metadata"]["input"]["image"] = f"https://cdn.test/{job['metadata']['input']['image']}.png?sig=1"


def clamp_number(job: dict[str, Any]) -> None:
    job["metadata"]["input"]["targetFaceNum"] = 5000


def rename_id(job: dict[str, Any]) -> None:
    job["id"] = job.pop("jobId")


LISTS: dict[str, Fault] = {
    "no list": told({}),
    "null": told({"jobs": None}),
    "a message": told({"message": "Service under maintenance"}),
    "pages in a ring": told({"jobs": [], "nextPaginationToken": "x"}),
    "ids under another name": changed(rename_id),
    "file as URL": changed(tell_file_as_url),
    "number clamped": changed(clamp_number),
}


def end_by_a_person(rig: Rig) -> None:
    """All is mended: a person takes what is shown, and the job arrives, paid for once."""
    rig.lift()
    rig.run(for_s=4000.0)
    job = rig.job()
    if job.doubts:
        take_candidate(rig.store, job, str(job.doubts[0]["id"]))
        rig.run(for_s=4000.0)
    assert rig.job().state is State.READY
    assert rig.paid() == 1


@pytest.mark.parametrize("name", LISTS)
def test_no_list_makes_a_paid_job_one_that_was_not_paid_for(name: str, rig: Rig) -> None:
    rig.api_proxy.arm(SUBMIT, carried_out(lose), 1)
    rig.api_proxy.arm(r"GET /v1/jobs", LISTS[name])
    rig.add()
    worker = rig.worker()
    for _ in range(2):
        rig.run(worker, for_s=900.0)
        assert "nothing was paid" not in rig.job().message
        with suppress(StoreError):
            rig.store.resume(rig.job(), may_spend=True)
    assert rig.paid() == 1
    if name != "ids under another name":
        rig.abandon(worker)
        rig.sleep(100.0)
        end_by_a_person(rig)


def date(rig: Rig, ahead_s: float) -> str:
    return formatdate(rig.clock() + ahead_s, usegmt=True)


def test_a_paid_job_is_shown_where_a_proxy_dates_the_answers_a_minute_ahead(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rig.api_proxy, "date", lambda: date(rig, 60.0))
    rig.api_proxy.arm(SUBMIT, carried_out(lose), 1)
    rig.add()
    rig.run()
    assert len(rig.job().doubts) == 1
    end_by_a_person(rig)


@pytest.mark.parametrize("ahead_s", [3600.0, -3600.0, 86400.0 * 365, None])
def test_one_answer_that_is_dated_wrong_before_the_submission_hides_no_paid_job(
    ahead_s: float | None, rig: Rig
) -> None:
    def wrong(exchange: Exchange) -> None:
        status, _, content = exchange.forward()
        told = "Fri, 31 Dec 9999 23:59:59 -2359" if ahead_s is None else date(rig, ahead_s)
        exchange.send(status, content, {"Date": told})

    rig.api_proxy.arm(r"POST /v1/assets$", wrong, 1)
    rig.api_proxy.arm(SUBMIT, carried_out(lose), 1)
    rig.add()
    rig.run()
    assert (rig.job().state, rig.paid()) == (State.READY, 1)


def test_a_host_whose_clock_is_ahead_does_not_end_the_search_for_a_job_that_is_listed_late(rig: Rig) -> None:
    rig.api_proxy.arm(SUBMIT, carried_out(lose), 1)
    made_at = rig.clock()

    def late(exchange: Exchange) -> None:
        is_listed = rig.clock() >= made_at + 80.0
        content = exchange.forward()[2] if is_listed else b'{"jobs": []}'
        is_first = rig.api_proxy.count(r"GET /v1/jobs\?") <= 1
        exchange.send(200, content, {"Date": date(rig, 0.0 if is_first else 600.0)})

    rig.api_proxy.arm(r"GET /v1/jobs", late)
    rig.add()
    rig.run()
    assert (rig.job().state, rig.paid()) == (State.READY, 1)
