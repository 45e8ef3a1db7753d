# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenario's own SDK, with its strict validation, is content with what the sandbox answers."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from png_files import png
from sandbox_client import GLB, HUNYUAN, Caller

try:
    import httpx
    import scenario_sdk
except ImportError:
    if os.environ.get("CI"):
        raise
    pytest.skip("scenario-sdk is not in this environment", allow_module_level=True)


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Caller]:
    caller = Caller(tmp_path)
    yield caller
    caller.sandbox.close()


@pytest.fixture
def sdk(caller: Caller) -> Iterator[Any]:
    def look(request: httpx.Request) -> None:
        assert request.url.host == "127.0.0.1"

    http = scenario_sdk.DefaultHttpxClient(trust_env=False, event_hooks={"request": [look]})
    with scenario_sdk.Scenario(
        api_key=caller.sandbox.api.key,
        api_secret=caller.sandbox.api.secret,
        base_url=caller.sandbox.url,
        max_retries=0,
        http_client=http,
        _strict_response_validation=True,
    ) as sdk:
        yield sdk


def test_models_are_listed_page_by_page_and_read(sdk: Any) -> None:
    models = list(sdk.models.list(privacy="public", page_size="25"))
    assert len(models) == 60
    for model in models:
        assert sdk.models.retrieve(model.id).model.inputs


def test_a_picture_is_uploaded_and_read(sdk: Any) -> None:
    asset = sdk.assets.upload(image=base64.b64encode(png()).decode(), name="a").asset
    assert sdk.assets.retrieve(asset.id).asset.kind == "image"
    assert [one.id for one in sdk.assets.get_bulk(asset_ids=[asset.id]).assets] == [asset.id]


def test_a_mesh_is_uploaded_in_parts(caller: Caller, sdk: Any) -> None:
    upload = sdk.uploads.create(
        content_type="model/gltf-binary", file_name="a.glb", file_size=len(GLB), kind="3d", parts=1
    ).upload
    assert caller.ask("PUT", upload.parts[0].url, GLB).status == 200
    assert sdk.uploads.trigger_action(upload.id, action="complete").upload.status == "validating"
    caller.clock.time += 5
    done = sdk.uploads.retrieve(upload.id).upload
    assert done.status == "imported"
    assert sdk.assets.retrieve(done.entity_id).asset.kind == "3d"


def test_a_job_is_priced_paid_followed_and_its_result_read(caller: Caller, sdk: Any) -> None:
    body = {"image": caller.image()}
    price = sdk.generate.run_model(HUNYUAN, dry_run="true", body=body).creative_units_cost
    assert caller.sandbox.api.stats()["paidJobs"] == 0
    made = sdk.generate.run_model(HUNYUAN, body=body)
    assert made.creative_units_cost == price
    assert [job.job_id for job in sdk.jobs.list(types="custom")] == [made.job.job_id]
    with pytest.raises(scenario_sdk.BadRequestError, match="Cannot cancel"):
        sdk.jobs.trigger_action(made.job.job_id, action="cancel")
    statuses = []
    for seconds in (0.0, 3.0, 8.0):
        caller.job(made.job.job_id, seconds)
        job = sdk.jobs.retrieve(made.job.job_id).job
        statuses.append(job.status)
    assert statuses == ["queued", "in-progress", "success"]
    assert [entry.status for entry in job.status_history] == statuses
    assert sdk.assets.retrieve(job.metadata.asset_ids[0]).asset.metadata.parent_job_id == job.job_id


def test_the_team_and_its_limits_are_read(caller: Caller, sdk: Any) -> None:
    team = sdk.teams.list().teams[0]
    assert team.projects[0].id == caller.sandbox.api.project_id
    assert sdk.teams.retrieve_limits(team.id).limits.creative_units == 10_000
