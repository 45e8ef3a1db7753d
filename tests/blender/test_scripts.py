# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripts without a window: whatever is wrong, they are told so soon, and nothing is lost or paid twice."""

import contextlib
import importlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import pytest
from commands import HORSE, NOBODY, Sandbox, running_sandbox
from holding import HoldingProxy

PACKAGE = os.environ["MAQUETTE_PACKAGE"]
MODEL = "model_hunyuan-3d-v2-1"
INPUTS = json.dumps({"image": HORSE, "targetFaceNum": 2000})
operators: Any = bpy.ops.maquette  # type: ignore[attr-defined]


def part(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


session_state, connection, wait = map(part, ("session_state", "window.connection", "window.wait"))


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("service"), "--delay", "2") as running:
        yield running


@pytest.fixture
def preferences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Signed out, with an empty history and an empty scene."""
    for name in ("SCENARIO_SDK_API_KEY", "SCENARIO_SDK_API_SECRET", "MAQUETTE_API_URL"):
        monkeypatch.delenv(name, raising=False)
    found: Any = bpy.context.preferences.addons[PACKAGE].preferences
    found.folder, found.is_sandbox, found.recent = str(tmp_path / "state"), False, ""
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.context.scene.maquette.model_id = MODEL  # type: ignore[attr-defined]
    yield found
    connection.close_backend()
    found.folder, found.is_sandbox = "", False


@pytest.fixture
def service(preferences: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[HoldingProxy]:
    """Signed in to a service that can be told to refuse requests."""
    proxy = HoldingProxy(sandbox.api)
    sign_in(monkeypatch, sandbox, proxy.api)
    yield proxy
    connection.close_backend()
    proxy.close()


def sign_in(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, api: str, secret: str = "") -> None:
    names = ("SCENARIO_SDK_API_KEY", "SCENARIO_SDK_API_SECRET")
    for name, value in zip(names, (sandbox.env[names[0]], secret or sandbox.env[names[1]]), strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MAQUETTE_API_URL", api)


@contextlib.contextmanager
def little_patience() -> Iterator[None]:
    """Where it is to be lost; elsewhere a worker that starts on a busy machine has its minute."""
    before, wait.patience.stuck_s = wait.patience.stuck_s, 4.0
    try:
        yield
    finally:
        wait.patience.stuck_s = before


def jobs() -> list[Any]:
    return list(session_state.state.jobs.by_id.values())


def resume_told_in(text: str) -> str:
    """The job that the error says how to go on with."""
    found = re.search(r'bpy\.ops\.maquette\.resume_job\(job_id="(\w+)"\)', text)
    assert found, text
    return found[1]


def is_placed(name: str) -> bool:
    return "maquette_min" in bpy.data.objects[name]


def test_the_sandbox_is_switched_on_in_the_script_that_uses_it(preferences: Any) -> None:
    with pytest.raises(RuntimeError, match="Sign in, or try the sandbox"):
        operators.generate(inputs=INPUTS)
    assert session_state.state.backend  # one is open, of the service
    preferences.is_sandbox = True
    assert operators.generate(inputs=INPUTS) == {"FINISHED"}
    assert is_placed("horse")
    preferences.is_sandbox = False
    with pytest.raises(RuntimeError, match="Sign in, or try the sandbox"):
        operators.generate(inputs=INPUTS)
    assert operators.use_sandbox() == {"FINISHED"}
    assert operators.generate(inputs=INPUTS) == {"FINISHED"}
    assert is_placed("horse.001")


def test_a_script_needs_no_model_to_be_chosen(preferences: Any) -> None:
    preferences.is_sandbox = True
    bpy.context.scene.maquette.model_id = ""  # type: ignore[attr-defined]
    operators.generate(inputs=INPUTS)
    assert [job.model_id for job in jobs()] == [MODEL]


def test_a_refused_key_is_told_and_the_right_one_is_taken_in_the_same_script(
    preferences: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(monkeypatch, sandbox, sandbox.api, "a-wrong-secret")
    with pytest.raises(RuntimeError, match=r"does not accept the API key.*Nothing was started"):
        operators.generate(inputs=INPUTS)
    assert not jobs()
    assert not bpy.data.objects
    sign_in(monkeypatch, sandbox, sandbox.api)
    operators.generate(inputs=INPUTS)
    assert is_placed("horse")


def test_a_key_that_is_refused_in_mid_job_ends_the_wait_and_the_job_is_resumed(
    service: HoldingProxy, sandbox: Sandbox
) -> None:
    paid = sandbox.stats()["paidJobs"]
    service.refusals["GET /v1/jobs"] = 401, "Unauthorized"
    with little_patience(), pytest.raises(RuntimeError, match="does not accept the API key") as told:
        operators.generate(inputs=INPUTS)
    assert not is_placed("horse")
    service.refusals.clear()
    assert operators.resume_job(job_id=resume_told_in(str(told.value))) == {"FINISHED"}
    assert is_placed("horse")
    assert sandbox.stats()["paidJobs"] == paid + 1


def test_a_service_that_does_not_answer_ends_the_wait_and_a_later_script_goes_on(
    service: HoldingProxy, sandbox: Sandbox, tmp_path: Path
) -> None:
    paid = sandbox.stats()["paidJobs"]
    operators.generate(inputs=INPUTS)  # the model is known from here on
    service.refusals[r"(GET|POST) /v1/(models|assets|uploads)"] = 503, "Down"
    other = json.dumps({"image": str(Path(HORSE).with_name("cat.png")), "targetFaceNum": 2000})
    with little_patience(), pytest.raises(RuntimeError, match="has trouble") as told:
        operators.generate(inputs=other)
    assert sandbox.stats()["paidJobs"] == paid + 1
    path = str(tmp_path / "waiting.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True)
    connection.close_backend()  # as if Blender was started again
    service.refusals.clear()
    bpy.ops.wm.open_mainfile(filepath=path)
    operators.resume_job(job_id=resume_told_in(str(told.value)))
    assert is_placed("cat")
    assert sandbox.stats()["paidJobs"] == paid + 2


def test_without_a_network_nothing_is_started(
    preferences: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(monkeypatch, sandbox, f"http://{NOBODY}/v1")
    with pytest.raises(RuntimeError, match=rf"Nothing answers at {re.escape(NOBODY)}.*Nothing was started"):
        operators.generate(inputs=INPUTS)
    assert not jobs()


def test_a_service_that_is_silent_is_not_waited_for_without_end(
    service: HoldingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait.patience, "answer_s", 4.0)
    service.hold(r"GET /v1/models", "answer")
    with pytest.raises(RuntimeError, match=r"does not answer.*Nothing was started"):
        operators.generate(inputs=INPUTS)
    assert not jobs()


def test_an_unknown_model_is_told_and_the_next_one_is_taken(service: HoldingProxy) -> None:
    settings: Any = bpy.context.scene.maquette  # type: ignore[attr-defined]
    settings.model_id = "model_nonsense"
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"model_nonsense: .*does not know this.*Nothing was started"):
            operators.generate(inputs=INPUTS)
    settings.model_id = MODEL
    operators.generate(inputs=INPUTS)
    assert is_placed("horse")


def test_a_model_that_the_account_may_not_use_is_told_and_the_job_is_kept(
    service: HoldingProxy, sandbox: Sandbox
) -> None:
    paid = sandbox.stats()["paidJobs"]
    service.refusals[r"POST /v1/generate/custom/[^?]*$"] = 403, "Your plan does not include this model"
    with pytest.raises(RuntimeError, match=r"may not do this.*Your plan does not include") as told:
        operators.generate(inputs=INPUTS)
    assert sandbox.stats()["paidJobs"] == paid
    with pytest.raises(RuntimeError, match="may not do this"):
        operators.resume_job(job_id=resume_told_in(str(told.value)))
    service.refusals.clear()
    operators.resume_job(job_id=resume_told_in(str(told.value)))
    assert is_placed("horse")
    assert sandbox.stats()["paidJobs"] == paid + 1


def test_a_place_that_is_being_edited_is_not_waited_for_without_end(preferences: Any) -> None:
    preferences.is_sandbox = True
    bpy.ops.mesh.primitive_cube_add()
    bpy.context.scene.maquette.place_mode = "SELECTED"  # type: ignore[attr-defined]
    bpy.ops.object.mode_set(mode="EDIT")
    with little_patience(), pytest.raises(RuntimeError, match=r"is being edited.*place_job\(job_id="):
        operators.generate(inputs=INPUTS)
    bpy.ops.object.mode_set(mode="OBJECT")
    operators.place_job(job_id=jobs()[0].id)
    assert is_placed("Cube")


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ("[]", "JSON object, such as"),
        ("5", "JSON object, such as"),
        ("null", "JSON object, such as"),
        ('"horse.png"', "JSON object, such as"),
        ("{", "JSON object, such as .*Expecting"),
        ("horse.png", "JSON object, such as"),
        ("[" * 100_000, "JSON object, such as"),
        ('{"image": 5}', "image: must be a file or an asset id, not 5"),
        ('{"image": true}', "image: must be a file"),
        ('{"image": {"file": "a.png"}}', "image: must be a file"),
        ('{"image": ["a.png"]}', "image: must be a file"),
        ('{"image": {"$picture": "nope"}}', "image nope is no longer in this file"),
        ('{"image": {"$meshes": ["nope"]}}', "object nope is no longer in this file"),
        ('{"image": "a\\u0000b.png"}', r"a\?b\.png cannot be read: .*embedded null"),
        ('{"image": "/"}', "/ cannot be read"),
        ('{"targetFaceNum": "many"}', "targetFaceNum: must be a number"),
        ('{"targetFaceNum": NaN}', "targetFaceNum: must be a number"),
        ('{"colour": 1}', "colour: this model has no such input"),
    ],
)
def test_inputs_that_are_none_are_told(preferences: Any, inputs: str, told: str) -> None:
    preferences.is_sandbox = True
    with pytest.raises(RuntimeError, match=told) as error:
        operators.generate(inputs=inputs)
    assert "Traceback" not in str(error.value)
    assert not jobs()
    assert not bpy.data.objects
