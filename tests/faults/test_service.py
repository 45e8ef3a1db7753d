# SPDX-License-Identifier: GPL-3.0-or-later
"""What every service promises (`jobs.service.Service`): the client before the sandbox, and the one in memory
that tests of jobs use. Another service is another `kind` here.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from faults.rig import Rig
from maquette.client import CancelRefusedError, InputError, JobStatus, NetworkError, NotFoundError
from maquette.jobs.service import Service
from png_files import png
from sandbox_client import HUNYUAN
from service import Clock, MemoryService, asset


@dataclass
class Kind:
    """A service, one model of its, and what brings its jobs to their end."""

    service: Service
    clock: Clock
    model_id: str
    finish: Callable[[], None]


@pytest.fixture(params=["client and sandbox", "in memory"])
def kind(request: pytest.FixtureRequest) -> Iterator[Kind]:
    if request.param == "in memory":
        clock = Clock()
        yield Kind(MemoryService(clock), clock, "model_x", lambda: None)
        return
    rig: Rig = request.getfixturevalue("rig")

    def finish() -> None:
        for build in list(rig.sandbox.lifecycle.builds.values()):
            build.exception(60)
        rig.sleep(60)
        rig.sandbox.lifecycle.tick()

    yield Kind(rig.api(), rig.clock, HUNYUAN, finish)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "chair.png"
    path.write_bytes(png())
    return path


def submit(kind: Kind, picture: Path) -> tuple[str, dict[str, str]]:
    inputs = {"image": kind.service.upload(picture, kind="image")}
    return kind.service.generate(kind.model_id, inputs).job.id, inputs


def test_its_clock_is_the_services_own(kind: Kind) -> None:
    kind.service.get_model(kind.model_id)
    assert kind.service.now() == pytest.approx(kind.clock(), abs=1.0)


def test_what_it_does_after_an_answer_is_not_dated_before_it(kind: Kind, picture: Path) -> None:
    assert kind.service.last_answer_at() is None
    kind.service.get_model(kind.model_id)
    answered_at = kind.service.last_answer_at()
    assert answered_at is not None
    assert answered_at == int(kind.clock())
    job_id, _ = submit(kind, picture)
    assert kind.service.get_job(job_id).created_at >= answered_at


def test_a_model_that_is_listed_can_be_had_with_its_inputs(kind: Kind) -> None:
    listed = {model.id: model for model in kind.service.list_models(capabilities=["img23d", "txt23d"])}
    model = kind.service.get_model(kind.model_id)
    assert model.id in listed
    assert "image" in [spec.name for spec in model.inputs]
    assert not list(kind.service.list_models(capabilities=["no-such-capability"]))


def test_what_has_an_unknown_id_is_not_found(kind: Kind) -> None:
    service = kind.service
    for ask in (
        lambda: service.get_model("model_unknown"),
        lambda: service.get_job("job_unknown"),
        lambda: service.cancel_job("job_unknown"),
        lambda: service.estimate_cost("model_unknown", {"image": "asset_1"}),
        lambda: service.generate("model_unknown", {"image": "asset_1"}),
    ):
        with pytest.raises(NotFoundError):
            ask()
    assert service.get_assets(["asset_unknown"]) == []
    assert not list(service.list_jobs(updated_after=kind.clock() - 60))


def test_a_price_is_told_and_nothing_is_paid(kind: Kind, picture: Path) -> None:
    asset_id = kind.service.upload(picture, kind="image")
    assert kind.service.estimate_cost(kind.model_id, {"image": asset_id}).creative_units > 0
    assert not list(kind.service.list_jobs(updated_after=kind.clock() - 60))


def test_inputs_that_are_not_right_are_refused_before_anything_is_paid(kind: Kind) -> None:
    for ask in (kind.service.estimate_cost, kind.service.generate):
        with pytest.raises(InputError):
            ask(kind.model_id, {})
    assert not list(kind.service.list_jobs(updated_after=kind.clock() - 60))


def test_a_file_that_is_not_there_is_refused(kind: Kind, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        kind.service.upload(tmp_path / "no.png", kind="image")


def test_a_submitted_job_is_listed_with_what_was_asked_for(kind: Kind, picture: Path) -> None:
    job_id, inputs = submit(kind, picture)
    (job,) = kind.service.list_jobs(updated_after=kind.clock() - 60)
    assert (job.id, job.model_id) == (job_id, kind.model_id)
    assert job.input.items() >= inputs.items()
    assert job.created_at == pytest.approx(kind.clock(), abs=1.0)
    assert job.cost_cu and job.cost_cu > 0


def test_each_submission_is_a_job_of_its_own(kind: Kind, picture: Path) -> None:
    ids = {submit(kind, picture)[0] for _ in range(3)}
    assert {job.id for job in kind.service.list_jobs(updated_after=kind.clock() - 60)} == ids
    assert len(ids) == 3


def test_what_is_done_right_before_the_request_is_done_once_and_before_anything_is_paid(
    kind: Kind, picture: Path
) -> None:
    inputs = {"image": kind.service.upload(picture, kind="image")}
    seen: list[int] = []

    def look() -> None:
        seen.append(len(list(kind.service.list_jobs(updated_after=kind.clock() - 60))))

    kind.service.generate(kind.model_id, inputs, before_send=look)
    assert seen == [0]


def test_what_is_raised_right_before_the_request_is_raised_and_nothing_is_paid(
    kind: Kind, picture: Path
) -> None:
    inputs = {"image": kind.service.upload(picture, kind="image")}

    def refuse() -> None:
        raise NetworkError("It was not sent")

    with pytest.raises(NetworkError, match="It was not sent") as caught:
        kind.service.generate(kind.model_id, inputs, before_send=refuse)
    assert not caught.value.may_have_arrived
    assert not list(kind.service.list_jobs(updated_after=kind.clock() - 60))


def test_jobs_are_listed_by_when_they_were_made(kind: Kind, picture: Path) -> None:
    job_id, inputs = submit(kind, picture)
    made_at = kind.service.get_job(job_id).created_at
    (job,) = kind.service.list_new_jobs(created_after=made_at - 60)
    assert job.id == job_id
    assert job.input.items() >= inputs.items()
    kind.finish()  # it is updated later than it was made
    assert not list(kind.service.list_new_jobs(created_after=made_at + 1))


def test_each_job_has_an_address_of_its_own(kind: Kind) -> None:
    urls = {kind.service.job_url(job_id) for job_id in ("job_1", "job_2")}
    assert len(urls) == 2
    assert all(urlsplit(url).scheme in ("http", "https") for url in urls)


def test_jobs_that_were_updated_before_are_not_listed(kind: Kind, picture: Path) -> None:
    submit(kind, picture)
    kind.finish()
    list(kind.service.list_jobs(updated_after=0.0))
    assert not list(kind.service.list_jobs(updated_after=kind.clock() + 3600))


def test_a_finished_jobs_result_can_be_downloaded_whole(kind: Kind, picture: Path, tmp_path: Path) -> None:
    job_id, _ = submit(kind, picture)
    kind.finish()
    job = kind.service.get_job(job_id)
    assert job.status is JobStatus.SUCCESS and job.asset_ids
    assets = kind.service.get_assets([*job.asset_ids, "asset_unknown"])
    assert [each.id for each in assets] == list(job.asset_ids)
    told: list[int] = []
    got = kind.service.download(
        assets[0], tmp_path / "a.glb", max_bytes=1 << 20, progress=lambda done, _: told.append(done)
    )
    content = (tmp_path / "a.glb").read_bytes()
    assert (got.size_bytes, got.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert told[-1] == len(content)
    assert sorted(path.name for path in tmp_path.glob("a.glb*")) == ["a.glb"]


def test_a_download_that_is_not_there_leaves_nothing(kind: Kind, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        kind.service.download(asset("asset_unknown", url=""), tmp_path / "b.glb", max_bytes=1 << 20)
    assert not (tmp_path / "b.glb").exists()


def test_a_cancel_is_carried_out_or_refused_in_words(kind: Kind, picture: Path) -> None:
    job_id, _ = submit(kind, picture)
    with suppress(CancelRefusedError):
        assert kind.service.cancel_job(job_id).status is JobStatus.CANCELED


def test_what_is_left_is_told_and_gets_less(kind: Kind, picture: Path) -> None:
    before = kind.service.get_balance()
    submit(kind, picture)
    after = kind.service.get_balance()
    assert before is not None and after is not None
    assert after.remaining_cu is not None and before.remaining_cu is not None
    assert after.remaining_cu < before.remaining_cu
