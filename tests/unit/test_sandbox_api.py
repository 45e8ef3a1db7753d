# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's routes answer as scenario's do: shapes, statuses, paging, checks of inputs, prices."""

import base64
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from png_files import png
from sandbox_client import GLB, HUNYUAN, Caller


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Caller]:
    caller = Caller(tmp_path)
    yield caller
    caller.sandbox.close()


def all_models(caller: Caller, size: int) -> list[dict[str, Any]]:
    models, token = [], ""
    while True:
        page = caller.ask("GET", f"/models?privacy=public&pageSize={size}{token}")
        models += page["models"]
        if b"nextPaginationToken" not in page.data:
            return models
        token = f"&paginationToken={page['nextPaginationToken']}"


def test_a_wrong_secret_is_refused_with_a_reason(caller: Caller) -> None:
    wrong = {"Authorization": "Basic " + base64.b64encode(f"{caller.sandbox.api.key}:x".encode()).decode()}
    for headers in (wrong, {"Authorization": "Basic ?"}, {"Authorization": "Bearer x"}, {}):
        answer = caller.ask("GET", "/teams", headers=headers)
        assert answer.status == 401
        assert answer["reason"]
        assert answer["trace_id"]


def test_public_records_need_no_key_but_jobs_do(caller: Caller) -> None:
    public = {"Authorization": "public-auth-token"}
    assert caller.ask("GET", f"/models/{HUNYUAN}", headers=public).status == 200
    assert caller.ask("GET", "/jobs", headers=public).status == 401
    assert caller.ask("POST", f"/generate/custom/{HUNYUAN}", {}, headers=public).status == 401


def test_a_project_of_others_is_refused(caller: Caller) -> None:
    own = caller.ask("GET", "/teams")["teams"][0]["projects"][0]["id"]
    assert caller.ask("GET", f"/jobs?projectId={own}").status == 200
    assert caller.ask("GET", "/jobs?projectId=proj_other").status == 403


def test_public_models_come_page_by_page_without_inputs(caller: Caller) -> None:
    models = all_models(caller, 25)
    assert len(models) == len({model["id"] for model in models}) == 60
    assert not any("inputs" in model for model in models)
    assert all("stand-in" in model["shortDescription"] for model in models)
    assert caller.ask("GET", "/models")["models"] == []


@pytest.mark.parametrize("query", ["pageSize=0", "pageSize=501", "pageSize=x", "paginationToken=%21"])
def test_a_bad_page_is_refused(caller: Caller, query: str) -> None:
    assert caller.ask("GET", f"/models?privacy=public&{query}").status == 400


def test_a_model_has_its_input_table_in_the_services_form(caller: Caller) -> None:
    model = caller.ask("GET", f"/models/{HUNYUAN}")["model"]
    image, paint = model["inputs"][:2]
    assert (image["type"], image["kind"], image["required"]) == ("file", "image", {"always": True})
    assert "required" not in paint
    assert caller.ask("GET", "/models/model_none").status == 404


def test_a_dry_run_prices_without_a_job_or_a_look_at_assets(caller: Caller) -> None:
    answer = caller.ask("POST", f"/generate/custom/{HUNYUAN}?dryRun=true", {"image": "asset_none"})
    assert answer.status == 269
    assert answer["creativeUnitsCost"] > 0
    assert caller.ask("GET", f"/jobs/{answer['job']['jobId']}").status == 404
    assert caller.sandbox.api.stats()["paidJobs"] == 0


def test_a_dry_run_asked_for_in_the_body_is_an_unknown_input(caller: Caller) -> None:
    answer = caller.ask("POST", f"/generate/custom/{HUNYUAN}", {"image": caller.image(), "dryRun": True})
    assert answer.status == 400
    assert "dryRun" in answer["reason"]


def test_the_price_moves_with_costly_inputs_and_may_be_fractional(caller: Caller, tmp_path: Path) -> None:
    prices = set()
    for inputs in ({}, {"faceLimit": 900}, {"textureQuality": "extreme"}, {"quad": True}):
        target = "/generate/custom/model_tripo-v3-0-image-to-3d?dryRun=true"
        prices.add(caller.ask("POST", target, {"image": "a", **inputs})["creativeUnitsCost"])
    assert len(prices) == 3
    assert any(price % 1 for price in prices)


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        ({"imagee": "a"}, "imagee"),
        ({"image": "a", "steps": "30"}, "steps"),
        ({"image": "a", "steps": True}, "steps"),
        ({"image": "a", "steps": 9}, "steps"),
        ({"image": "a", "targetFaceNum": 1e9}, "targetFaceNum"),
        ({"image": ["a"]}, "image"),
        ({"image": "a", "paint": "yes"}, "paint"),
        ({"steps": 20}, "image"),
    ],
)
def test_a_wrong_input_is_refused_by_name(caller: Caller, inputs: dict[str, Any], named: str) -> None:
    for query in ("", "?dryRun=true"):
        answer = caller.ask("POST", f"/generate/custom/{HUNYUAN}{query}", inputs)
        assert answer.status == 400
        assert f"'{named}'" in answer["reason"]


@pytest.mark.parametrize(
    ("model", "inputs", "named"),
    [
        ("model_tripo-stylization", {"model": "a", "style": "baroque"}, "style"),
        ("model_meshy-img23d", {"image": ["a"] * 5}, "image"),
        ("model_meshy-img23d", {"image": "a"}, "image"),
        ("model_meshy-img23d", {"image": []}, "image"),
        ("model_meshy-multi-image-to-3d", {"image": ["a"], "texturePrompt": "x" * 601}, "texturePrompt"),
        ("model_rodin-hyper3d", {"seed": 1}, "prompt"),
        ("model_yvo3d-retexture", {"model": "a", "retexture": True}, "referenceImage"),
    ],
)
def test_rules_beyond_types_hold_too(caller: Caller, model: str, inputs: dict[str, Any], named: str) -> None:
    answer = caller.ask("POST", f"/generate/custom/{model}?dryRun=true", inputs)
    assert answer.status == 400
    assert f"'{named}'" in answer["reason"]


def test_a_model_whose_inputs_are_all_optional_needs_one_of_them(caller: Caller) -> None:
    answer = caller.ask("POST", "/generate/custom/model_worldlabs-marble-1-1", {"seed": 4})
    assert answer.status == 400
    assert "prompt, images, video" in answer["reason"]


def test_assets_are_looked_up_and_must_be_of_the_inputs_kind(caller: Caller) -> None:
    assert caller.ask("POST", f"/generate/custom/{HUNYUAN}", {"image": "asset_none"}).status == 404
    mesh = caller.upload(GLB, "3d", "a.glb")["entityId"]
    answer = caller.ask("POST", f"/generate/custom/{HUNYUAN}", {"image": mesh})
    assert answer.status == 400
    assert "'image' takes image assets, not 3d" in answer["reason"]


def test_every_model_takes_its_required_inputs_alone(caller: Caller) -> None:
    files = {"image": caller.image(), "3d": caller.upload(GLB, "3d", "a.glb")["entityId"]}
    files["video"] = caller.upload(b"\0\0\0\x18ftypmp42", "video", "a.mp4")["entityId"]
    for model in all_models(caller, 100):
        specs = caller.ask("GET", f"/models/{model['id']}")["model"]["inputs"]
        wanted = [spec for spec in specs if spec.get("required", {}).get("always")]
        wanted = wanted or [next(spec for spec in specs if spec["name"] in ("prompt", "images"))]
        inputs: dict[str, Any] = {}
        for spec in wanted:
            if spec["type"] == "file":
                inputs[spec["name"]] = files[spec["kind"]]
            elif spec["type"] == "file_array":
                inputs[spec["name"]] = [files[spec["kind"]]] * spec.get("minLength", 1)
            else:
                inputs[spec["name"]] = spec.get("default", "a fox")
        answer = caller.ask("POST", f"/generate/custom/{model['id']}", inputs)
        assert answer.status == 200, (model["id"], answer.data)
        assert answer["job"]["metadata"]["input"] == {**inputs, "modelId": model["id"]}


def test_running_out_of_credits_is_said_and_shows_in_the_limits(tmp_path: Path) -> None:
    caller = Caller(tmp_path, credits_cu=5.0, price=2.5)
    target = f"/generate/custom/{HUNYUAN}"
    inputs = {"image": caller.image()}
    statuses = [caller.ask("POST", target, inputs).status for _ in range(3)]
    team = caller.ask("GET", "/teams")["teams"][0]["id"]
    limits = caller.ask("GET", f"/teams/{team}/limits")
    assert statuses == [200, 200, 402]
    assert limits["limits"]["creativeUnits"] - limits["values"]["creativeUnits"] == 0
    assert "creative units" in caller.ask("POST", target, inputs)["reason"]
    caller.sandbox.close()


def test_the_job_list_pages_newest_first_and_sees_each_job_once(caller: Caller) -> None:
    made = []
    for _ in range(7):
        caller.clock.time += 1
        made.append(caller.submit()["jobId"])
    seen, token, pages = [], "", 0
    while True:
        page = caller.ask("GET", f"/jobs?types=custom&pageSize=3{token}")
        seen += [job["jobId"] for job in page["jobs"]]
        pages += 1
        if b"nextPaginationToken" not in page.data:
            break
        token = f"&paginationToken={page['nextPaginationToken']}"
    assert seen == made[::-1]
    assert pages == 3


def test_only_jobs_updated_since_then_are_listed(caller: Caller) -> None:
    first = caller.submit()
    caller.clock.time += 1
    second = caller.submit()
    jobs = caller.ask("GET", f"/jobs?types=custom&updatedAfter={first['updatedAt']}")["jobs"]
    assert [job["jobId"] for job in jobs] == [second["jobId"]]
    assert caller.ask("GET", f"/jobs?types=custom&updatedAfter={second['updatedAt']}")["jobs"] == []


def test_only_jobs_created_since_then_are_listed_newest_first(caller: Caller) -> None:
    first = caller.submit()
    made = []
    for _ in range(3):
        caller.clock.time += 1
        made.append(caller.submit()["jobId"])
    jobs = caller.ask("GET", f"/jobs?createdAfter={first['createdAt']}")["jobs"]
    assert [job["jobId"] for job in jobs] == made[::-1]


@pytest.mark.parametrize(
    "query",
    [
        "updatedAfter=2026-01-01T00:00:00Z",
        "types=custom&createdAfter=2026-01-01T00:00:00Z",
        "types=custom&updatedAfter=yesterday",
        "createdAfter=yesterday",
        "pageSize=101",
    ],
)
def test_a_job_list_that_the_service_would_refuse_is_refused(caller: Caller, query: str) -> None:
    assert caller.ask("GET", f"/jobs?{query}").status == 400


def test_a_custom_job_cannot_be_cancelled(caller: Caller) -> None:
    answer = caller.ask("POST", f"/jobs/{caller.submit()['jobId']}/action", {"action": "cancel"})
    assert (answer.status, answer["reason"]) == (400, "Cannot cancel this type of job. Action not permitted.")
    assert caller.ask("POST", "/jobs/job_none/action", {"action": "cancel"}).status == 404


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_an_image_is_taken_bare_or_as_a_data_url(caller: Caller, prefix: str) -> None:
    body = {"name": "a", "image": prefix + base64.b64encode(png()).decode()}
    asset = caller.ask("POST", "/assets", body)["asset"]
    assert (asset["kind"], asset["mimeType"]) == ("image", "image/png")
    assert caller.ask("GET", asset["url"]).data == png()


@pytest.mark.parametrize("image", ["bm8gcGljdHVyZQ==", "%%%", 7, ""])
def test_an_image_that_is_none_is_refused(caller: Caller, image: object) -> None:
    assert caller.ask("POST", "/assets", {"name": "a", "image": image}).status == 400


def test_a_body_beyond_the_gateways_limit_is_refused(caller: Caller) -> None:
    answer = caller.ask("POST", "/assets", None, {**caller.sign_in, "Content-Length": "10000001"})
    assert answer.status == 413


@pytest.mark.parametrize("body", [b"{", b"[]", b"[" * 100_000, b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(caller: Caller, body: bytes) -> None:
    assert caller.ask("POST", "/assets/get-bulk", body).status == 400


def test_get_bulk_leaves_out_what_is_missing_and_has_a_limit(caller: Caller) -> None:
    image = caller.image()
    assets = caller.ask("POST", "/assets/get-bulk", {"assetIds": [image, "asset_none"]})["assets"]
    assert [asset["id"] for asset in assets] == [image]
    assert caller.ask("POST", "/assets/get-bulk", {"assetIds": ["a"] * 201}).status == 400


def test_statistics_count_requests_by_route(caller: Caller) -> None:
    caller.submit()
    for job in ("job_a", "job_b"):
        caller.ask("GET", f"/jobs/{job}")
    url = caller.sandbox.url.replace("/v1", "/sandbox/stats")
    assert caller.ask("GET", url).status == 401
    stats = caller.ask("GET", url, headers=caller.sign_in)
    assert stats["requests"]["GET /jobs/{id}"] == 2
    assert stats["requests"]["POST /generate/custom/{id}"] == 1
    assert (stats["paidJobs"], stats["authHeadersOnCdn"]) == (1, 0)


@pytest.mark.parametrize("target", ["/assets", "/generate/custom/x", "/uploads", "/none"])
def test_who_asks_is_checked_before_a_byte_of_the_body_is_read(caller: Caller, target: str) -> None:
    host = caller.sandbox.url.removeprefix("http://").removesuffix("/v1")
    with socket.create_connection(("127.0.0.1", int(host.split(":")[1])), timeout=10) as connection:
        head = f"POST /v1{target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9000000\r\n\r\n"
        connection.sendall(head.encode())  # and no body: an answer shows that it is not waited for
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(("target", "limit"), [("/assets", 10_000_000), ("/uploads", 1_000_000)])
def test_a_body_is_bounded_by_what_its_route_needs(caller: Caller, target: str, limit: int) -> None:
    told = {**caller.sign_in, "Content-Length": str(limit + 1)}
    assert caller.ask("POST", target, None, told).status == 413
    host = caller.sandbox.url.removeprefix("http://").removesuffix("/v1")
    with socket.create_connection(("127.0.0.1", int(host.split(":")[1])), timeout=10) as connection:
        head = f"POST /v1{target} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n"
        head += f"Authorization: {caller.sign_in['Authorization']}\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 411 ")


def test_a_page_of_another_host_cannot_talk_to_the_sandbox(caller: Caller) -> None:
    page = {**caller.sign_in, "Origin": "https://evil.example"}
    for url in ("/models?privacy=public", "/teams"):
        answer = caller.ask("GET", url, headers=page)
        assert answer.status == 403
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert caller.ask("OPTIONS", "/teams", headers=page).status == 501
    assert caller.ask("GET", "/teams", headers={**caller.sign_in, "Host": "evil.example"}).status == 403
