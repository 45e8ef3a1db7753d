# SPDX-License-Identifier: GPL-3.0-or-later
"""The API's calls against a server on loopback: routes, pages, the dry run, errors, retries, the clock."""

import base64
import gzip
import html
import itertools
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from maquette import client
from maquette.client import (
    UNNAMED,
    AnswerError,
    CancelRefusedError,
    Credentials,
    CreditsError,
    InputError,
    NetworkError,
    NotAllowedError,
    NotFoundError,
    RateLimitedError,
    Scenario,
    ScenarioError,
    ServerError,
    SignInError,
    transport,
)
from maquette.client.api import MAX_PAGES
from maquette.client.elapsed import Timing
from maquette.client.service_clock import ServiceClock

from .fake_api import IMPATIENT, JOB, KEY, FakeApi, File, Say, Seen, nobody


def in_a_hurry(answer_timeout_s: float) -> Timing:
    return replace(IMPATIENT, answer_timeout_s=answer_timeout_s)


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with FakeApi() as running:
        yield running


def test_a_model_is_fetched_with_the_key_and_the_project(api: FakeApi) -> None:
    api.on("GET", "/v1/models/model_x-3.0", Say({"model": {"id": "model_x-3.0"}}))
    with api.client(project_id="proj_1") as scenario:
        assert scenario.get_model("model_x-3.0").id == "model_x-3.0"
    (seen,) = api.seen()
    assert seen.headers["Authorization"] == "Basic " + base64.b64encode(b"key_1:s3cret-of-the-test").decode()
    assert seen.headers["User-Agent"] == "Maquette"
    assert seen.query == {"projectId": "proj_1"}


def test_without_a_key_the_word_for_public_things_is_sent(api: FakeApi) -> None:
    api.on("GET", "/v1/models/model_x", Say({"model": {"id": "model_x"}}))
    api.client(credentials=None).get_model("model_x")
    assert api.seen()[0].headers["Authorization"] == "public-auth-token"


@pytest.mark.parametrize(
    "hostile", ["..", "a/../../teams", "a?dryRun=false", "a#b", "a%2fb", "a\r\nX: y", "ä"]
)
def test_an_id_stays_one_part_of_the_path(api: FakeApi, hostile: str) -> None:
    scenario = api.client()
    with pytest.raises(NotFoundError):
        scenario.get_job(hostile)
    for seen in api.seen():
        assert seen.target.count("/") == 3
        assert seen.path == f"/v1/jobs/{hostile}"
        assert not seen.query


def test_the_list_of_models_follows_pages_and_leaves_out_the_deprecated(api: FakeApi) -> None:
    api.on(
        "GET",
        "/v1/models",
        Say({"models": [{"id": "m1", "capabilities": ["img23d"]}], "nextPaginationToken": "t+/1="}),
        Say({"models": [], "nextPaginationToken": "t2"}),
        Say(
            {
                "models": [
                    {"id": "m2", "capabilities": ["txt23d"], "tags": ["deprecated:m3"]},
                    {"id": "m3", "capabilities": ["txt23d", "x"]},
                ]
            }
        ),
    )
    assert [m.id for m in api.client().list_models(capabilities=["img23d", "txt23d"])] == ["m1", "m3"]
    assert [s.query.get("paginationToken") for s in api.seen()] == [None, "t+/1=", "t2"]
    assert {s.query["privacy"] for s in api.seen()} == {"public"}


def test_a_list_that_goes_on_for_ever_ends_with_an_error(api: FakeApi) -> None:
    tokens = itertools.count()  # another one each time
    api.on("GET", "/v1/jobs", lambda _: Say({"jobs": [JOB], "nextPaginationToken": f"t{next(tokens)}"}))
    with pytest.raises(AnswerError, match=f"after {MAX_PAGES} pages"):
        list(api.client().list_jobs(updated_after=0))


@pytest.mark.parametrize("back_to", ["t0", "t1"])
def test_a_list_that_leads_back_to_a_page_ends_at_once(api: FakeApi, back_to: str) -> None:
    pages = [Say({"jobs": [JOB], "nextPaginationToken": token}) for token in ("t0", "t1", back_to)]
    api.on("GET", "/v1/jobs", *pages)
    with pytest.raises(AnswerError, match="leads back"):
        list(api.client().list_new_jobs(created_after=0))
    assert len(api.seen()) == 3


@pytest.mark.parametrize("page", [{}, {"jobs": None}, {"message": "Under maintenance"}, {"jobs": {}}])
def test_what_is_no_list_is_not_an_empty_one(api: FakeApi, page: dict[str, Any]) -> None:
    api.on("GET", "/v1/jobs", Say(page))
    with pytest.raises(AnswerError, match="list"):
        list(api.client().list_new_jobs(created_after=0))
    with pytest.raises(AnswerError, match="list"):
        list(api.client().list_jobs(updated_after=0))
    api.on("GET", "/v1/jobs", Say({"jobs": []}))
    assert list(api.client().list_new_jobs(created_after=0)) == []


@pytest.mark.parametrize("moment", [253402300800.0, 1e18, -5.0])
def test_a_list_is_asked_for_since_any_moment(api: FakeApi, moment: float) -> None:
    api.on("GET", "/v1/jobs", Say({"jobs": []}))
    list(api.client().list_jobs(updated_after=moment))
    assert len(api.seen()[0].query["updatedAfter"]) == len("2027-01-15T08:00:00.250Z")


def test_jobs_on_models_are_listed_by_time_over_empty_pages(api: FakeApi) -> None:
    api.on("GET", "/v1/jobs", Say({"jobs": [], "nextPaginationToken": "t1"}), Say({"jobs": [JOB]}))
    (job,) = api.client().list_jobs(updated_after=1_800_000_000.25)
    assert (job.id, job.model_id) == ("job_1", "model_x")
    assert api.seen()[0].query == {
        "types": "custom",
        "pageSize": "100",
        "updatedAfter": "2027-01-15T08:00:00.250Z",
    }


def test_the_list_that_reconciles_asks_for_jobs_of_every_type(api: FakeApi) -> None:
    api.on("GET", "/v1/jobs", Say({"jobs": [{**JOB, "jobType": "splat"}]}))
    (job,) = api.client().list_new_jobs(created_after=1_800_000_000.25)
    assert (job.id, job.type) == ("job_1", "splat")
    assert api.seen()[0].query == {"pageSize": "100", "createdAfter": "2027-01-15T08:00:00.250Z"}


def test_a_job_in_the_list_that_is_not_understood_hides_no_other(api: FakeApi) -> None:
    odd = [
        None, 5, "job_2", [], {}, {"jobId": None}, {"jobId": 7}, {"jobId": ""},
        {"jobId": "job_odd", "status": 5, "metadata": [], "billing": "free", "createdAt": "soon"},
        {"jobId": "job_half", "status": "success", "progress": "half", "metadata": {"assetIds": "a"}},
    ]  # fmt: skip
    api.on("GET", "/v1/jobs", Say({"jobs": [*odd, JOB]}))
    jobs = {job.id: job for job in api.client().list_jobs(updated_after=0)}
    assert list(jobs) == ["job_odd", "job_half", "job_1"]
    assert (jobs["job_odd"].status, jobs["job_odd"].created_at, jobs["job_odd"].input) == ("unknown", 0, {})
    assert (jobs["job_half"].is_success, jobs["job_half"].asset_ids) == (True, ())


def test_a_new_job_without_an_id_is_listed_as_nobody_knows_whose_it_is(api: FakeApi) -> None:
    told = {
        "id": "job_real",
        "jobType": "custom",
        "createdAt": "2027-01-15T08:00:00Z",
        "metadata": JOB["metadata"],
    }
    api.on("GET", "/v1/jobs", Say({"jobs": [None, told, {"jobId": 7}, JOB]}))
    jobs = list(api.client().list_new_jobs(created_after=0))
    assert [job.id.startswith(UNNAMED) for job in jobs] == [True, True, True, False]
    assert len({job.id for job in jobs}) == 4
    assert (jobs[1].created_at, jobs[1].model_id) == (1_800_000_000, "model_x")
    assert [job.id for job in api.client().list_new_jobs(created_after=0)] == [job.id for job in jobs]
    with pytest.raises(NotFoundError):
        api.client().get_job(jobs[0].id)


@pytest.mark.parametrize(
    "odd",
    [
        {"job": JOB, "creativeUnitsCost": "many"},
        {"job": JOB, "creativeUnitsCost": [1]},
        {"job": JOB, "creativeUnitsCost": True},
        {"job": {**JOB, "billing": {"cuCost": {}}}},
        {"job": {**JOB, "billing": 5, "status": [], "metadata": "none", "createdAt": 5}},
        {"job": {"jobId": "job_1"}},
        {"jobId": "job_1"},
    ],
)
def test_whatever_else_the_answer_to_a_submission_says_the_jobs_id_is_not_lost(
    api: FakeApi, odd: dict[str, Any]
) -> None:
    api.on("POST", "/v1/generate/custom/model_x", Say(odd))
    assert api.client().generate("model_x", {}).job.id == "job_1"


def test_an_answer_to_a_submission_without_an_id_may_have_started_a_job(api: FakeApi) -> None:
    for odd in ({}, {"job": {}}, {"job": {"jobId": 5}}, {"job": []}):
        api.on("POST", "/v1/generate/custom/model_x", Say(odd))
        with pytest.raises(AnswerError) as caught:
            api.client().generate("model_x", {})
        assert caught.value.may_have_arrived


def test_what_spends_can_be_stopped_right_before_its_first_byte(api: FakeApi) -> None:
    connections: list[Any] = []
    real = api.server.get_request
    api.server.get_request = lambda: (connections.append(1), real())[1]  # type: ignore[method-assign]

    def stop() -> None:
        connected.append(len(connections))
        raise NetworkError("too late", kind="timeout")

    connected: list[int] = []
    with pytest.raises(NetworkError, match="too late") as caught:
        api.client().generate("model_x", {"a": 1}, before_send=stop)
    assert len(connected) == 1
    assert not caught.value.may_have_arrived
    assert not [seen for seen in api.seen() if seen.body]


def test_the_price_comes_with_status_269_and_the_dry_run_in_the_query_alone(api: FakeApi) -> None:
    api.on(
        "POST",
        "/v1/generate/custom/model_x",
        Say({"creativeUnitsCost": 13.25, "creativeUnitsDiscount": 1}, 269),
    )
    cost = api.client().estimate_cost("model_x", {"steps": 30})
    assert cost.creative_units == 13.25
    (seen,) = api.seen()
    assert seen.query == {"dryRun": "true"}
    assert seen.json == {"steps": 30}


def test_a_price_without_a_number_is_an_error(api: FakeApi) -> None:
    api.on("POST", "/v1/generate/custom/model_x", Say({"job": {}}, 269))
    with pytest.raises(AnswerError, match="price"):
        api.client().estimate_cost("model_x", {})


@pytest.mark.parametrize("units", [-100, -0.25, 1e10, 1e299, None])
def test_a_price_that_cannot_be_is_not_known(api: FakeApi, units: float | None) -> None:
    api.on("POST", "/v1/generate/custom/model_x", Say({"creativeUnitsCost": units}, 269))
    with pytest.raises(AnswerError, match="price"):
        api.client().estimate_cost("model_x", {})
    told = {"job": {**JOB, "billing": {"cuCost": units}}, "creativeUnitsCost": units}
    api.on("POST", "/v1/generate/custom/model_x", Say(told))
    submission = api.client().generate("model_x", {})
    assert (submission.cost, submission.job.cost_cu) == (None, None)


def test_a_generation_is_sent_flat_and_gives_job_and_price(api: FakeApi) -> None:
    api.on("POST", "/v1/generate/custom/model_x", Say({"job": JOB, "creativeUnitsCost": 7.25}))
    submission = api.client().generate("model_x", {"image": "asset_1", "steps": 30})
    assert submission.job.id == "job_1"
    assert submission.cost is not None
    assert submission.cost.creative_units == 7.25
    (seen,) = api.seen()
    assert seen.json == {"image": "asset_1", "steps": 30}
    assert seen.query == {}


ONCE: dict[str, tuple[Say, type[ScenarioError], bool]] = {
    "reset after the body": (Say(drop=True), NetworkError, True),
    "answer cut short": (Say({"job": JOB}, cut_after=5), ScenarioError, True),
    "no JSON": (Say(b"<html>ok</html>"), AnswerError, True),
    "no job": (Say({"creativeUnitsCost": 1}), AnswerError, True),
    "an estimate": (Say({"creativeUnitsCost": 1, "job": {}}, 269), AnswerError, True),
    "a redirect": (Say(b"", 307, {"Location": "/v1/generate/custom/model_x"}), AnswerError, True),
    "an unknown status": (Say(b"", 600), AnswerError, True),
    "500": (Say({"reason": "x"}, 500), ServerError, True),
    "502": (Say(b"<html><body>Bad Gateway</body></html>", 502), ServerError, True),
    "503 with Retry-After": (Say(b"", 503, {"Retry-After": "0"}), ServerError, True),
    "504": (Say({"message": "Endpoint request timed out"}, 504), ServerError, True),
    "429": (Say({"reason": "slow down"}, 429, {"Retry-After": "0"}), RateLimitedError, False),
    "400": (Say({"reason": "bad"}, 400), InputError, False),
    "401": (Say({"reason": "who?"}, 401), SignInError, False),
    "402": (Say({"reason": "pay"}, 402), CreditsError, False),
    "403": (Say({"reason": "no"}, 403), NotAllowedError, False),
    "404": (Say({"reason": "what?"}, 404), NotFoundError, False),
}


@pytest.mark.parametrize("case", ONCE)
def test_what_spends_is_sent_once_whatever_happens(api: FakeApi, case: str) -> None:
    answer, error, may_have_arrived = ONCE[case]
    api.on("POST", "/v1/generate/custom/model_x", answer)
    with pytest.raises(error) as caught:
        api.client().generate("model_x", {"a": 1})
    assert caught.value.may_have_arrived is may_have_arrived
    assert len(api.seen()) == 1


def test_what_spends_is_sent_once_when_no_answer_comes_in_time(api: FakeApi) -> None:
    has_arrived = threading.Event()

    def keep_waiting(_: Seen) -> Say:
        has_arrived.set()
        api.server.is_over.wait()
        return Say({"job": JOB})

    api.on("POST", "/v1/generate/custom/model_x", keep_waiting)
    with pytest.raises(NetworkError) as caught:
        api.client(timing=in_a_hurry(0.2)).generate("model_x", {})
    assert (caught.value.kind, caught.value.may_have_arrived) == ("timeout", True)
    assert has_arrived.wait(60)  # the server may read it later than the client gives it up
    assert len(api.seen()) == 1
    assert api.connections == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_express_is_not_sent(api: FakeApi, value: float) -> None:
    with pytest.raises(InputError, match="endless"):
        api.client().generate("model_x", {"a": value})
    assert not api.seen()


def test_all_but_what_spends_shares_connections_that_are_kept(api: FakeApi, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    api.on("GET", "/v1/jobs", Say({"jobs": [JOB]}))
    api.on("POST", "/v1/assets/get-bulk", Say({"assets": []}))
    api.on("POST", "/v1/assets", Say({"asset": {"id": "asset_1"}}))
    api.on("POST", "/v1/generate/custom/model_x", Say({"creativeUnitsCost": 1}, 269))
    api.on("GET", "/file", File(b"glTF" * 1000))
    scenario = api.client()
    for _ in range(3):
        list(scenario.list_jobs(updated_after=0.0))
        scenario.get_assets(["asset_1"])
        scenario.estimate_cost("model_x", {})
        scenario.download(api.asset(f"{api.root}/file"), tmp_path / "a.glb")
    assert api.connections == 1
    for _ in range(3):
        scenario.upload(picture)  # not repeated by itself, so that it may not share with what is
    assert api.connections == 2


def test_an_upload_does_not_use_a_kept_connection_that_was_closed(api: FakeApi, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    api.on("POST", "/v1/assets", Say({"asset": {"id": "asset_1"}}, headers={"Connection": "close"}))
    scenario = api.client()
    assert [scenario.upload(picture) for _ in range(3)] == ["asset_1"] * 3
    assert api.connections == 3


def test_what_spends_does_not_use_a_connection_that_may_be_stale(api: FakeApi) -> None:
    api.on("GET", "/v1/jobs/job_1", Say({"job": JOB}))
    api.on("POST", "/v1/generate/custom/model_x", Say({"job": JOB}))
    ports: list[int] = []
    scenario = api.client()
    real = api.server.finish_request

    def note(request: Any, address: Any) -> None:
        ports.append(address[1])
        real(request, address)

    api.server.finish_request = note  # type: ignore[method-assign]
    scenario.get_job("job_1")
    scenario.get_job("job_1")
    scenario.generate("model_x", {})
    scenario.generate("model_x", {})
    assert len(ports) == len(set(ports)) == 3


def test_nobody_there_means_that_nothing_can_have_arrived() -> None:
    with nobody() as root:
        scenario = Scenario(f"{root}/v1", Credentials("a", "b"))
        try:
            raise ConnectionResetError("something else that the caller is busy with")
        except ConnectionResetError:
            with pytest.raises(NetworkError, match=r"Nothing answers at 127\.0\.0\.1") as caught:
                scenario.generate("model_x", {})
    assert (caught.value.kind, caught.value.may_have_arrived) == ("refused", False)


def test_an_unknown_host_means_that_nothing_can_have_arrived() -> None:
    with pytest.raises(NetworkError, match=r"no-such-host\.invalid cannot be found") as caught:
        Scenario("https://no-such-host.invalid/v1", Credentials("a", "b")).generate("model_x", {})
    assert (caught.value.kind, caught.value.may_have_arrived) == ("dns", False)


def test_a_server_without_tls_means_that_nothing_can_have_arrived(api: FakeApi) -> None:
    scenario = Scenario(api.url.replace("http:", "https:"), Credentials("a", "b"))
    with pytest.raises(NetworkError, match="REQUESTS_CA_BUNDLE") as caught:
        scenario.generate("model_x", {})
    assert (caught.value.kind, caught.value.may_have_arrived) == ("tls", False)


def test_a_missing_certificate_file_is_told_as_such(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(NetworkError) as caught:
        Scenario("https://127.0.0.1:9/v1", Credentials("a", "b")).generate("model_x", {})
    assert (caught.value.kind, caught.value.may_have_arrived) == ("tls", False)


def test_a_proxy_that_is_not_there_means_that_nothing_can_have_arrived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with nobody() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with pytest.raises(NetworkError, match="proxy") as caught:
            Scenario("https://no-such-host.invalid/v1", Credentials("a", "b")).generate("model_x", {})
    assert (caught.value.kind, caught.value.may_have_arrived) == ("proxy", False)


def test_a_proxy_gets_the_request_and_loopback_goes_past_it(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeApi() as proxy:
        for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.root)
        api.on("GET", "/v1/jobs/job_1", Say({"job": JOB}))
        api.client().get_job("job_1")
        assert not proxy.seen()
        with pytest.raises(NetworkError) as caught:  # it refuses CONNECT: the try is what counts
            Scenario("https://elsewhere.invalid/v1", Credentials("a", "b")).generate("model_x", {})
        assert not caught.value.may_have_arrived


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_reads_is_tried_again(api: FakeApi, status: int) -> None:
    api.on("GET", "/v1/jobs/job_1", Say(b"", status), Say(b"", status), Say({"job": JOB}))
    assert api.client().get_job("job_1").id == "job_1"
    assert len(api.seen()) == 3


@pytest.mark.parametrize("trouble", [Say(drop=True), Say({"job": JOB}, cut_after=7)])
def test_what_reads_is_tried_again_after_a_break(api: FakeApi, trouble: Say) -> None:
    api.on("GET", "/v1/jobs/job_1", trouble, Say({"job": JOB}))
    assert api.client().get_job("job_1").id == "job_1"


def test_the_safe_posts_are_tried_again_and_no_others(api: FakeApi, tmp_path: Path) -> None:
    api.on("POST", "/v1/assets/get-bulk", Say(b"", 503), Say({"assets": [{"id": "asset_1"}]}))
    api.on("POST", "/v1/generate/custom/m", Say(drop=True), Say({"creativeUnitsCost": 1}, 269))
    api.on("POST", "/v1/jobs/job_1/action", Say(b"", 503))
    scenario = api.client()
    assert scenario.get_assets(["asset_1"])[0].id == "asset_1"
    assert scenario.estimate_cost("m", {}).creative_units == 1
    with pytest.raises(ServerError) as caught:
        scenario.cancel_job("job_1")
    assert caught.value.may_have_arrived
    assert len(api.seen(path="/v1/jobs/job_1/action")) == 1


def test_patience_ends(api: FakeApi) -> None:
    api.on("GET", "/v1/jobs/job_1", Say({"reason": "still warming up"}, 503))
    with pytest.raises(ServerError, match="still warming up") as caught:
        api.client().get_job("job_1")
    assert not caught.value.may_have_arrived
    assert len(api.seen()) == 1 + transport.RETRIES


def test_retry_after_is_obeyed(api: FakeApi) -> None:
    api.on("GET", "/v1/jobs/job_1", Say(b"", 429, {"Retry-After": "1"}), Say({"job": JOB}))
    pauses: list[float] = []
    api.client(timing=Timing(sleep=pauses.append)).get_job("job_1")
    assert pauses == [1.0]


@pytest.mark.parametrize("wait", ["900", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_a_long_retry_after_is_an_error_at_once(api: FakeApi, wait: str) -> None:
    api.on("GET", "/v1/jobs/job_1", Say({"reason": "cooldown"}, 429, {"Retry-After": wait}))
    with pytest.raises(RateLimitedError, match="after") as caught:
        api.client().get_job("job_1")
    assert caught.value.retry_after_s is not None
    assert caught.value.retry_after_s >= 899
    assert len(api.seen()) == 1


@pytest.mark.parametrize("wait", ["soon", "-5", "1e9999", "Fri, 99 Foo 2100", "9" * 30])
def test_a_senseless_retry_after_is_passed_over(api: FakeApi, wait: str) -> None:
    api.on("GET", "/v1/jobs/job_1", Say(b"", 429, {"Retry-After": wait}), Say({"job": JOB}))
    assert api.client().get_job("job_1").id == "job_1"


def test_the_cooldown_in_the_body_is_told(api: FakeApi) -> None:
    api.on("POST", "/v1/generate/custom/m", Say({"reason": "cooldown", "remainingSeconds": 900}, 429))
    with pytest.raises(RateLimitedError, match=r"\(in 15 min\)") as caught:
        api.client().generate("m", {})
    assert caught.value.retry_after_s == 900


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"reason": "R", "message": "M"}, "R"),
        ({"status": "error", "code": "INVALID_PARAMETER", "message": "M", "error": "E"}, "M"),
        ({"error": "E", "detail": "D"}, "E"),
        ({"error": {"message": "inner"}}, "inner"),
        ({"detail": "D"}, "D"),
        ({"odd": 1}, '{"odd": 1}'),
        (b"plain words", "plain words"),
        (b"<!DOCTYPE html><style>x{}</style><h1>Sorry</h1> &amp; bye<script>evil()</script>", "Sorry & bye"),
        ({"reason": "a\x1b[31mb\x00\nc\u202ed"}, "a [31mb c d"),
    ],
)
def test_the_reason_is_found_in_every_kind_of_body(api: FakeApi, body: Any, text: str) -> None:
    api.on("GET", "/v1/jobs/job_1", Say(body, 400))
    with pytest.raises(InputError) as caught:
        api.client().get_job("job_1")
    assert f"The service says: {text}" in str(caught.value)


def test_a_long_reason_is_trimmed_and_the_trace_id_kept(api: FakeApi) -> None:
    api.on("GET", "/v1/jobs/job_1", Say({"reason": "x" * 10_000, "traceId": "Root=1-abc\n"}, 400))
    with pytest.raises(InputError, match=r"trace id Root1-abc") as caught:
        api.client().get_job("job_1")
    assert len(str(caught.value)) < 600


def test_a_secret_of_one_letter_is_not_starred_in_every_word(api: FakeApi) -> None:
    api.on("GET", "/v1/jobs/job_1", Say({"reason": "this is refused"}, 401))
    with pytest.raises(SignInError, match="this is refused"):
        api.client(credentials=Credentials("key", "s")).get_job("job_1")


def test_a_secret_that_comes_back_is_not_repeated(api: FakeApi) -> None:
    pair = base64.b64encode(b"key_1:s3cret-of-the-test").decode()
    api.on("GET", "/v1/jobs/job_1", Say({"reason": f"bad secret s3cret-of-the-test in {pair}"}, 401))
    with pytest.raises(SignInError) as caught:
        api.client().get_job("job_1")
    shown = str(caught.value) + repr(caught.value)
    assert "s3cret" not in shown
    assert pair not in shown


HUSH = KEY.secret
PAIR = base64.b64encode(f"{KEY.key}:{HUSH}".encode()).decode()
ESCAPED = "".join(f"\\u{ord(letter):04x}" for letter in HUSH)


@pytest.mark.parametrize("form", [HUSH, PAIR, base64.b64encode(HUSH.encode()).decode(), ESCAPED])
@pytest.mark.parametrize(
    "body",
    [
        '"%s"',
        '["%s"]',
        '{"job": "%s"}',
        '{"job": {"jobId": "%s"}}',
        '{"job": {"jobId": ["%s"]}}',
        '{"job": {"jobId": "j", "status": {"%s": 1}}}',
        '{"job": {"jobId": "j", "status": "%s", "jobType": "%s"}}',
        '{"job": {"jobId": "j", "status": "failure", "metadata": {"error": "no: %s", "hint": "a %s b"}}}',
        '{"job": {"jobId": "j", "status": "failure", "metadata": {"error": {"%s": ["%s"]}}}}',
        '{"job": {"jobId": "j", "status": "queued", "metadata": {"input": {"%s": {"a": ["%s"]}}}}}',
    ],
)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_whatever_an_answer_says_is_read_without_the_secret(
    api: FakeApi, form: str, body: str, status: int
) -> None:
    api.on("GET", "/v1/jobs/job_1", Say(body.replace("%s", form).encode(), status, {"X-Echo": form}))
    try:
        said = repr(api.client().get_job("job_1"))
    except ScenarioError as error:
        said = f"{error} {error!r} {error.__context__!r}"
    assert not any(one.rstrip("=") in said for one in (HUSH, PAIR, form))


def test_neither_a_trace_id_nor_a_page_nor_a_files_server_tells_the_secret(
    api: FakeApi, tmp_path: Path
) -> None:
    api.on("GET", "/v1/jobs/job_1", Say({"reason": "no", "traceId": f"Root-{HUSH}"}, 401))
    with pytest.raises(SignInError, match="trace id") as caught:
        api.client().get_job("job_1")
    assert HUSH not in str(caught.value)
    odd = Credentials("key", "s3cret & <of> the test")
    api.on("GET", "/v1/jobs/job_1", Say(f"<h1>bad: {html.escape(odd.secret)}</h1>".encode(), 401))
    with pytest.raises(SignInError, match="bad") as caught:
        api.client(credentials=odd).get_job("job_1")
    assert odd.secret not in str(caught.value)
    api.on(
        "GET", "/file", Say({"reason": f"bad: {HUSH}"}, 400), Say(b"", 302, {"Location": f"https://{HUSH}/"})
    )
    for _ in range(2):
        with pytest.raises(ScenarioError) as failed:
            api.client().download(api.asset(f"{api.root}/file"), tmp_path / "a.glb")
        assert HUSH not in str(failed.value)


def test_a_plan_that_is_too_low_is_told_with_its_name(api: FakeApi) -> None:
    body = {
        "name": "ModelAccessRestrictedError",
        "reason": "restricted",
        "modelId": "model_x",
        "details": {"requiredPlan": 50},
    }
    api.on("POST", "/v1/generate/custom/model_x", Say(body, 403))
    with pytest.raises(NotAllowedError, match="needs the plan Pro"):
        api.client().estimate_cost("model_x", {})


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (403, "Insufficient creative units"),
        (429, "Not enough credits left"),
        (400, "CU limit exceeded"),
        (402, "x"),
    ],
)
def test_too_few_credits_are_told_whatever_the_status(api: FakeApi, status: int, text: str) -> None:
    api.on("POST", "/v1/generate/custom/m", Say({"reason": text}, status))
    with pytest.raises(CreditsError, match="too few creative units"):
        api.client().generate("m", {})


def test_a_refused_input_is_named(api: FakeApi) -> None:
    api.on("POST", "/v1/generate/custom/m", Say({"reason": "faceLimit must be below 5"}, 400))
    with pytest.raises(InputError) as caught:
        api.client().generate("m", {"face": 1, "faceLimit": 9})
    assert [name for name, _ in caught.value.problems] == ["faceLimit"]


def test_a_question_that_is_refused_does_not_tell_a_person_to_correct_inputs(api: FakeApi) -> None:
    api.on("GET", "/v1/jobs/job_1", Say({"reason": "no such thing"}, 400))
    with pytest.raises(InputError, match=r"refuses the request\. Try again later\..*no such thing"):
        api.client().get_job("job_1")


def test_a_cancel_that_is_refused_says_so(api: FakeApi) -> None:
    api.on("POST", "/v1/jobs/job_1/action", Say({"reason": "Cannot cancel this type of job."}, 400))
    with pytest.raises(CancelRefusedError, match="goes on and is paid for"):
        api.client().cancel_job("job_1")
    api.on("POST", "/v1/jobs/job_1/action", Say({"job": {**JOB, "status": "canceled"}}))
    assert api.client().cancel_job("job_1").has_ended
    assert api.seen()[-1].json == {"action": "cancel"}


def test_assets_come_in_the_order_asked_for(api: FakeApi) -> None:
    def bulk(seen: Seen) -> Say:
        return Say({"assets": [{"id": one} for one in reversed(seen.json["assetIds"]) if one != "a7"]})

    api.on("POST", "/v1/assets/get-bulk", bulk)
    wanted = [f"a{n}" for n in range(20)]
    assert [a.id for a in api.client().get_assets(wanted)] == [w for w in wanted if w != "a7"]


def test_an_odd_asset_hides_no_other_and_what_is_odd_in_one_hides_nothing_else(api: FakeApi) -> None:
    odd = {"id": "a1", "url": f"{api.root}/file", "properties": {"size": "12"}, "metadata": []}
    api.on("POST", "/v1/assets/get-bulk", Say({"assets": [None, {"id": 5}, odd, {"id": "a2"}]}))
    found = api.client().get_assets(["a1", "a2"])
    assert [(asset.id, asset.url, asset.size_bytes) for asset in found] == [
        ("a1", f"{api.root}/file", None),
        ("a2", "", None),
    ]
    api.on("GET", "/v1/assets/a1", Say({"asset": odd}))
    assert api.client().get_asset("a1") == found[0]
    api.on("POST", "/v1/assets/get-bulk", Say({"assets": [None, {"id": 5}]}))
    with pytest.raises(AnswerError, match="not understood"):
        api.client().get_assets(["a1"])


@pytest.mark.parametrize(
    "odd",
    [
        None,
        {"name": "no id"},
        {"id": "m", "name": 7},
        {"id": "m", "capabilities": "img23d"},
        {"id": "m", "tags": [1]},
        {"id": "m", "accessRestrictions": -1},
        {"id": "m", "accessRestrictions": "pro"},
        {"id": "m", "shortDescription": {"en": "x"}},
        {"id": "m", "capabilities": ["txt2img"], "inputs": [{"name": "a", "type": "string", "min": "0"}]},
    ],
)
def test_a_model_that_is_not_understood_is_left_out_and_said_in_the_log(
    api: FakeApi, odd: Any, caplog: pytest.LogCaptureFixture
) -> None:
    good = {"id": "model_good", "capabilities": ["img23d"]}
    api.on("GET", "/v1/models", Say({"models": [odd, good]}))
    assert [model.id for model in api.client().list_models(capabilities=["img23d"])] == ["model_good"]
    assert "Left out of the service's models: 1 of 2." in caplog.text
    api.on("GET", "/v1/models", Say({"models": [odd]}))
    with pytest.raises(AnswerError, match="not understood"):
        list(api.client().list_models(capabilities=["img23d"]))


def limits(**more: Any) -> dict[str, Any]:
    return {
        "plan": "cu-pro",
        "limits": {"creativeUnits": 100, "parallelCustomJobs": 4},
        "values": {"creativeUnits": 30.5},
        **more,
    }


def test_the_balance_adds_packs_that_have_not_expired(api: FakeApi) -> None:
    packs = [
        {"remaining": 5, "expiration": "2020-01-01T00:00:00Z"},
        {"remaining": 7, "expiration": "2100-01-01T00:00:00Z"},
    ]
    api.on(
        "GET",
        "/v1/teams",
        Say({"teams": [{"id": "team_0"}, {"id": "team_1", "projects": [{"id": "proj_1"}]}]}),
    )
    api.on("GET", "/v1/teams/team_1/limits", Say(limits(oneShotCreativeUnits=packs)))
    scenario = api.client(project_id="proj_1")
    for _ in range(2):
        balance = scenario.get_balance()
        assert balance is not None
        assert balance.remaining_cu == 76.5
    assert len(api.seen("GET", "/v1/teams")) == 1  # whose the project is does not change


@pytest.mark.parametrize("status", [403, 404])
def test_no_balance_where_the_key_may_not_read_it(api: FakeApi, status: int) -> None:
    api.on("GET", "/v1/teams", Say({"teams": [{"id": "team_1"}]}))
    api.on(
        "GET",
        "/v1/teams/team_1/limits",
        Say({"reason": "API Keys cannot access protected resources"}, status),
    )
    assert api.client().get_balance() is None


@pytest.mark.parametrize(
    ("teams", "told"),
    [
        ({"teams": "many"}, {}),
        ({"teams": [{"id": 5}]}, {}),
        ({"teams": [{"id": "team_1"}]}, {"limits": {"creativeUnits": "many"}}),
        ({"teams": [{"id": "team_1"}]}, {"limits": []}),
        ({"teams": [{"id": "team_1"}]}, limits(values={"creativeUnits": "few"})),
        ({"teams": [{"id": "team_1"}]}, limits(oneShotCreativeUnits=[{"remaining": "x"}])),
    ],
)
def test_a_balance_that_is_not_understood_is_none_and_said_in_the_log(
    api: FakeApi, teams: Any, told: Any, caplog: pytest.LogCaptureFixture
) -> None:
    api.on("GET", "/v1/teams", Say(teams))
    api.on("GET", "/v1/teams/team_1/limits", Say(told))
    assert api.client().get_balance() is None
    assert "The balance is not known. The service's answer is not understood" in caplog.text


def test_the_balance_is_known_also_where_how_many_jobs_may_run_is_odd(api: FakeApi) -> None:
    api.on("GET", "/v1/teams", Say({"teams": [{"id": "team_1"}]}))
    odd = {"creativeUnits": 100, "parallelCustomJobs": "4"}
    api.on("GET", "/v1/teams/team_1/limits", Say(limits(limits=odd)))
    assert api.client().get_balance() == client.Balance(69.5)


def test_no_balance_where_no_limit_is_told(api: FakeApi) -> None:
    api.on("GET", "/v1/teams", Say({"teams": [{"id": "team_1"}]}), Say({"teams": []}))
    api.on("GET", "/v1/teams/team_1/limits", Say({"plan": "enterprise"}))
    assert api.client().get_balance() is None
    assert api.client().get_balance() is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nope",
        b"[1]",
        b'{"job": 5}',
        b'{"job": NaN}',
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"job": ' + b"9" * 5000 + b"}",
        b"null",
        b'{"job": {"jobId": "a", "status": "\xed\xa0\x80"}}',
    ],
)
def test_an_answer_that_makes_no_sense_is_an_answer_error(api: FakeApi, body: bytes) -> None:
    api.on("GET", "/v1/jobs/job_1", Say(body))
    with pytest.raises(AnswerError):
        api.client().get_job("job_1")


def test_half_characters_do_not_get_in(api: FakeApi) -> None:
    api.on(
        "GET",
        "/v1/jobs/job_1",
        Say(b'{"job": {"jobId": "job_1", "status": "q", "error": "a\\uD800b \\ud83d\\ude00"}}'),
    )
    assert api.client().get_job("job_1").error == "a?b \U0001f600"


def test_packed_answers_are_unpacked_and_a_bomb_stays_small(api: FakeApi) -> None:
    packed = {"Content-Encoding": "gzip"}
    api.on("GET", "/v1/jobs/job_1", Say(gzip.compress(json.dumps({"job": JOB}).encode()), headers=packed))
    assert api.client().get_job("job_1").id == "job_1"
    bomb = gzip.compress(bytes(2 * transport.MAX_ANSWER_BYTES))
    assert len(bomb) < 1 << 17
    for status in (200, 400):
        api.on("GET", "/v1/jobs/job_1", Say(bomb, status, packed))
        with pytest.raises(AnswerError if status == 200 else InputError):
            api.client().get_job("job_1")
    api.on("GET", "/v1/jobs/job_1", Say(b"not gzip", headers=packed))
    with pytest.raises(AnswerError):
        api.client().get_job("job_1")
    api.on("GET", "/v1/jobs/job_1", Say(b"{}", headers={"Content-Encoding": "br"}))
    with pytest.raises(AnswerError):
        api.client().get_job("job_1")


def test_an_answer_that_is_too_long_is_refused(api: FakeApi) -> None:
    api.on("GET", "/v1/jobs/job_1", Say(b" " * (transport.MAX_ANSWER_BYTES + 1)))
    with pytest.raises(AnswerError, match="larger"):
        api.client().get_job("job_1")


def test_an_answer_of_more_values_than_memory_is_for_is_refused(api: FakeApi) -> None:
    for many in (b"{}," * transport.MAX_ANSWER_VALUES, b"0," * (transport.MAX_ANSWER_VALUES + 1)):
        packed = gzip.compress(b'{"jobs":[' + many + b"0]}", 1)
        api.on("GET", "/v1/jobs", Say(packed, headers={"Content-Encoding": "gzip"}))
        with pytest.raises(AnswerError, match="larger"):
            list(api.client().list_jobs(updated_after=0))


def test_a_list_of_pages_that_are_larger_than_memory_is_for_is_refused(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.api, "MAX_LIST_BYTES", 3 << 20)
    tokens = itertools.count()
    body = {"jobs": [{**JOB, "metadata": {"input": {"prompt": "x" * (1 << 20)}}}]}
    api.on("GET", "/v1/jobs", lambda _: Say({**body, "nextPaginationToken": f"t{next(tokens)}"}))
    with pytest.raises(AnswerError, match="larger than 3 MB"):
        list(api.client().list_jobs(updated_after=0))
    assert len(api.seen()) == 3


def test_a_slow_drip_ends_at_the_deadline(api: FakeApi) -> None:
    api.on("GET", "/v1/jobs/job_1", Say(b" " * 1000, drip_s=0.05))
    with pytest.raises(NetworkError, match="in time") as caught:
        api.client(timing=in_a_hurry(0.4)).get_job("job_1")
    assert caught.value.kind == "timeout"  # at its end, after 50 s, it would be an answer


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "raw",
    [[CHUNKED, *[b"0"] * 100, b"\r\n\r\n"], [CHUNKED + b"0\r\n", *[b"X: y\r\n"] * 100, b"\r\n"]],
    ids=["a chunk's length that drips", "trailers for ever"],
)
def test_what_stands_between_the_pieces_of_a_body_has_a_deadline_too(api: FakeApi, raw: list[bytes]) -> None:
    api.on("GET", "/v1/jobs/job_1", Say(raw=raw, drip_s=0.05))
    with pytest.raises(NetworkError) as caught:
        api.client(timing=in_a_hurry(0.4)).get_job("job_1")
    assert caught.value.kind == "timeout"  # at its end, after 5 s, it would be an answer


@pytest.mark.parametrize(
    "raw",
    [[b"HTTP/1.1 200 OK\r\nX-Slow: ", *[b"y"] * 500], [b"HTTP/1.1 100 Continue\r\n\r\n"] * 500],
    ids=["a head that drips", "100 Continue for ever"],
)
def test_a_head_has_a_deadline_as_a_whole(api: FakeApi, raw: list[bytes]) -> None:
    api.on("GET", "/v1/jobs/job_1", Say(raw=raw, drip_s=0.05))
    with pytest.raises(NetworkError) as caught:
        api.client(timing=in_a_hurry(0.4)).get_job("job_1")
    assert caught.value.kind == "timeout"
    api.on("POST", "/v1/generate/custom/model_x", Say(raw=raw, drip_s=0.05))
    with pytest.raises(NetworkError) as caught:
        api.client(timing=in_a_hurry(0.4)).generate("model_x", {})
    assert caught.value.may_have_arrived
    ends_at = time.monotonic() + 60
    while not api.seen("POST"):  # the server may read it later than the client gives it up
        assert time.monotonic() < ends_at
        time.sleep(0.01)
    assert len(api.seen("POST")) == 1


def test_a_head_without_end_is_refused(api: FakeApi) -> None:
    api.on("GET", "/v1/jobs/job_1", Say(b"{}", headers={f"X-{n}": "y" for n in range(200)}))
    with pytest.raises(NetworkError):
        api.client().get_job("job_1")


def test_a_redirect_of_the_api_is_not_followed_and_its_body_not_swallowed(api: FakeApi) -> None:
    with FakeApi() as other:
        api.on("GET", "/v1/jobs/job_1", Say(b"", 302, {"Location": f"{other.url}/jobs/job_1"}))
        with pytest.raises(AnswerError, match="redirect"):
            api.client().get_job("job_1")
        assert not other.seen()


def test_netrc_is_not_asked_for_a_key(api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login thief password leak\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    api.on("GET", "/v1/models/model_x", Say({"model": {"id": "model_x"}}))
    api.on("GET", "/file", Say(b"content"))
    scenario = api.client(credentials=None)
    scenario.get_model("model_x")
    scenario.download(api.asset(f"{api.root}/file"), tmp_path / "out")
    assert [s.headers.get("Authorization") for s in api.seen()] == ["public-auth-token", None]


def test_cookies_are_not_kept(api: FakeApi) -> None:
    api.on("GET", "/v1/jobs/job_1", Say({"job": JOB}, headers={"Set-Cookie": "a=b; Path=/"}))
    scenario = api.client()
    scenario.get_job("job_1")
    scenario.get_job("job_1")
    assert not [s for s in api.seen() if "Cookie" in s.headers]


def test_the_clock_is_the_services(api: FakeApi) -> None:
    class Dated(Say):
        def send(self, handler: Any) -> None:
            handler.date_time_string = lambda timestamp=None: "Fri, 15 Jan 2027 08:00:00 GMT"
            super().send(handler)

    scenario = api.client(timing=Timing(elapsed_s=lambda: 50.0, now=lambda: 1_800_000_030.0))
    assert abs(scenario.now() - 1_800_000_030) < 1
    assert scenario.last_answer_at() is None
    api.on("GET", "/v1/jobs/job_1", Dated({"job": JOB}))
    scenario.get_job("job_1")
    assert abs(scenario.now() - 1_800_000_000) < 3
    assert scenario.last_answer_at() == 1_800_000_000


class Told:
    """A service's clock that hears dates, and this computer's clocks, which a test turns."""

    def __init__(self) -> None:
        self.ours, self.elapsed_s = 1_800_000_000.0, 50.0
        self.clock = ServiceClock(Timing(elapsed_s=lambda: self.elapsed_s, now=lambda: self.ours))

    def hear(self, ahead_s: float, *, after_s: float = 10.0) -> float | None:
        """What the clock is ahead of ours after an answer with that date."""
        self.ours += after_s
        self.elapsed_s += after_s
        self.clock.hear(formatdate(self.ours + ahead_s, usegmt=True))
        told_at = self.clock.last_answer_at
        return None if told_at is None else round(told_at - self.ours)


def test_one_answer_that_is_dated_wrong_does_not_set_the_clock() -> None:
    told = Told()
    assert told.hear(3600.0) is None
    assert told.hear(20.0) == 20
    assert told.hear(600.0) == 20
    assert told.hear(3600.0) == 20
    assert told.hear(-40.0) == -40


def test_a_clock_of_this_computer_that_is_wrong_is_overruled_by_two_answers() -> None:
    told = Told()
    assert [told.hear(-7200.0), told.hear(-7201.0), told.hear(-7200.0)] == [None, -7201, -7200]


def test_another_time_that_is_told_for_long_is_believed() -> None:
    told = Told()
    told.hear(0.0)
    heard = [told.hear(600.0) for _ in range(40)]
    assert heard == [0] * 30 + [600] * 10


@pytest.mark.parametrize(
    "date", ["Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 0001 00:00:00 +0000", "soon", ""]
)
def test_a_date_that_is_absurd_is_none(date: str) -> None:
    told = Told()
    for _ in range(60):
        told.elapsed_s += 10.0
        told.clock.hear(date)
    assert told.clock.last_answer_at is None
    told.hear(0.0)
    told.clock.hear(date)
    assert told.clock.last_answer_at == told.ours


@pytest.mark.parametrize("step_s", [-3600, 120, 200, 3600])
def test_a_step_of_this_computers_clock_does_not_move_the_services(api: FakeApi, step_s: float) -> None:
    ahead_s = [0.0]
    scenario = api.client(timing=Timing(now=lambda: time.time() + ahead_s[0]))
    api.on("GET", "/v1/jobs/job_1", Say({"job": JOB}))
    scenario.get_job("job_1")
    before, answered_at = scenario.now(), scenario.last_answer_at()
    ahead_s[0] = step_s
    assert 0 <= scenario.now() - before < 60
    assert scenario.last_answer_at() == answered_at


@pytest.mark.parametrize(
    "url",
    [
        "http://api.test/v1", "ftp://127.0.0.1/", "127.0.0.1:80", "", "https://", "https://me:pw@api.test/v1",
        "http://127.0.0.1@evil.test/v1", "http://127.0.0.1\\@evil.test/", "https://api.test/v1?x=1", "http://localhost.evil.test/",
        "https://api.test:port/", "https://[::1/", "http://2130706433/",
    ],
)  # fmt: skip
def test_an_address_that_is_not_safe_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="API address") as caught:
        Scenario(url, Credentials("key", "secret"))
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://api.test/v1/", "http://127.0.0.1:80/v1", "http://localhost/v1", "http://[::1]:8/v1"]
)
def test_https_and_this_very_machine_are_good_addresses(url: str) -> None:
    Scenario(url, Credentials("key", "secret")).close()


@pytest.mark.parametrize("credentials", [Credentials("", "x"), Credentials("x", "")])
def test_an_empty_key_is_refused_at_once(credentials: Credentials) -> None:
    with pytest.raises(SignInError, match="empty"):
        Scenario("https://api.test/v1", credentials)


def test_every_error_is_one_of_the_tree_and_tells_whether_it_may_have_arrived() -> None:
    errors = [value for name, value in vars(client).items() if name.endswith("Error")]
    assert errors
    assert all(issubclass(error, ScenarioError) for error in errors)
    assert not InputError("x").may_have_arrived


def test_what_the_client_offers_is_there() -> None:
    assert all(hasattr(client, name) for name in client.__all__)
