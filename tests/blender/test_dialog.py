# SPDX-License-Identifier: GPL-3.0-or-later
"""The dialog in which a texture or a 3D model is described: what it tells, and when its button pays."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import bpy
import pytest
from answers import answer
from layouts import Layout
from sandbox_scene import (
    cancel_all,
    choose_model,
    operators,
    part,
    properties,
    session_state,
    timer,
    until,
    wait,
)

TEXTURE = "model_meshy-retexture"
ADVICE = "Write a prompt or choose the Image Style"
confirm, dialog, when_ready, wanted = map(
    part, ("window.confirm", "window.dialog", "window.when_ready", "window.wanted")
)
generate_dialog, generate = map(part, ("operators.generate_dialog", "operators.generate"))


@pytest.fixture
def scene(backend: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cube is selected, and the dialog for its texture is open."""
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.mesh.primitive_cube_add()
    monkeypatch.setattr(wait, "wait_for_jobs", lambda _jobs: None)
    choose_model(TEXTURE)
    operators.use_task(task="TEXTURE")
    dialog.opened(bpy.context)
    yield bpy.context.scene
    dialog.closed()
    confirm.unregister()
    cancel_all(backend)


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Filled with each question that is opened about the exact price."""
    opened: list[str] = []
    monkeypatch.setattr(when_ready, "ask_to_generate", lambda _context: opened.append("asked"))
    return opened


def write(scene: Any, text: str) -> None:
    """As a person who ends with Return."""
    properties.inputs_of(scene.maquette, TEXTURE).textStylePrompt = text
    dialog.changed()


def drawn() -> list[str]:
    said: list[str] = []
    generate_dialog.GenerateDialog.draw(SimpleNamespace(layout=Layout(said)), bpy.context)
    return said


def priced(scene: Any) -> None:
    """There are words, and the dialog has shown what they cost, long enough to be read."""
    write(scene, "a red wooden toy")
    until(lambda: dialog.offer_now(bpy.context).cost_cu is not None)
    drawn()
    read()


def read() -> None:
    dialog.current.since -= confirm.UNREAD_S


def press() -> set[str]:
    """The dialog's button."""
    kind = generate.MAQUETTE_OT_generate
    told: list[str] = []
    operator = SimpleNamespace(
        bl_idname=kind.bl_idname,
        bl_label=kind.bl_label,
        inputs="",
        asks=False,
        in_dialog=True,
        report=lambda _kind, text: told.append(text),
    )
    operator.start = lambda context: kind.start(operator, context)
    operator.execute = lambda context: kind.execute(operator, context)
    return kind.invoke(operator, bpy.context, SimpleNamespace(mouse_x=10, mouse_y=10))


def cancel(scene: Any) -> None:
    """The dialog closes; before it opened an image was to become a 3D model."""
    before = ("model_hunyuan-3d-v2-1", "ROW", "ORIGINAL")
    generate_dialog.GenerateDialog.cancel(SimpleNamespace(_before=before), bpy.context)


def test_the_dialog_tells_what_is_made_of_what_by_what_and_for_how_much(scene: Any, backend: Any) -> None:
    before = list(backend.jobs.order)
    said = drawn()
    assert {"Meshy Retexture", "Cube", "On the Original: Material"} <= set(said)
    assert ADVICE in said
    write(scene, "a red wooden toy")
    assert "Generate · …" in drawn()
    until(lambda: dialog.offer_now(bpy.context).cost_cu is not None)
    said = drawn()
    assert any(text.startswith("Generate · ") and text.endswith(" CU") for text in said)
    assert ADVICE not in said
    assert backend.jobs.order == before, "to be looked at costs nothing"


def test_at_the_price_that_was_shown_there_is_one_job_also_of_a_double_press(
    scene: Any, backend: Any, questions: list[str]
) -> None:
    before = list(backend.jobs.order)
    priced(scene)
    assert press() == {"FINISHED"}
    scene.objects["Cube"].pop("maquette_awaits", None)  # or the second would have nothing to work on
    assert press() == {"CANCELLED"}
    (job_id,) = backend.jobs.order[: len(backend.jobs.order) - len(before)]
    job = backend.jobs.by_id[job_id]
    assert job.inputs["textStylePrompt"] == "a red wooden toy"
    assert job.placement["own"]["result"] == "MATERIAL"


def test_a_price_that_is_not_known_yet_is_asked_about(scene: Any, backend: Any, questions: list[str]) -> None:
    before = list(backend.jobs.order)
    write(scene, "a price of its own")
    drawn()
    read()
    assert press() == {"CANCELLED"}
    assert questions == ["asked"]
    assert backend.jobs.order == before


def test_a_price_that_came_after_the_dialog_was_drawn_is_asked_about(
    scene: Any, backend: Any, questions: list[str]
) -> None:
    before = list(backend.jobs.order)
    write(scene, "a price that comes late")
    drawn()
    read()
    until(lambda: dialog.offer_now(bpy.context).cost_cu is not None)
    assert press() == {"CANCELLED"}
    assert questions == ["asked"]
    assert backend.jobs.order == before


def test_another_price_than_was_shown_is_asked_about(scene: Any, backend: Any, questions: list[str]) -> None:
    before = list(backend.jobs.order)
    priced(scene)
    key = session_state.state.price_keys[wanted.price_name(scene.name, "")]
    answer(backend.catalogue, "price", key, 99.0)
    assert press() == {"CANCELLED"}
    assert questions == ["asked"]
    assert backend.jobs.order == before


def test_another_object_than_was_shown_is_asked_about(scene: Any, backend: Any, questions: list[str]) -> None:
    before = list(backend.jobs.order)
    priced(scene)
    bpy.ops.mesh.primitive_torus_add()
    until(lambda: dialog.offer_now(bpy.context).cost_cu is not None)
    assert press() == {"CANCELLED"}
    assert questions == ["asked"]
    assert backend.jobs.order == before


def test_a_price_that_cannot_have_been_read_is_asked_about(
    scene: Any, backend: Any, questions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialog, "UNREAD_S", float("inf"))  # however long a busy machine takes to press
    before = list(backend.jobs.order)
    write(scene, "a price that has just come")
    until(lambda: dialog.offer_now(bpy.context).cost_cu is not None)
    drawn()
    assert press() == {"CANCELLED"}
    assert questions == ["asked"]
    assert backend.jobs.order == before


def test_a_dialog_that_was_closed_has_shown_nothing(scene: Any, backend: Any, questions: list[str]) -> None:
    before = list(backend.jobs.order)
    priced(scene)
    dialog.closed()
    assert backend.jobs.order == before
    assert press() == {"CANCELLED"}
    assert questions == ["asked"]
    assert backend.jobs.order == before


def test_the_sidebar_is_as_it_was_unless_generate_is_pressed(
    scene: Any, backend: Any, questions: list[str]
) -> None:
    priced(scene)
    press()
    cancel(scene)
    assert scene.maquette.model_id == TEXTURE
    dialog.opened(bpy.context)
    cancel(scene)
    assert (scene.maquette.model_id, scene.maquette.place_mode) == ("model_hunyuan-3d-v2-1", "ROW")


def test_too_few_credits_are_told_in_the_dialog_and_nothing_begins(
    scene: Any, backend: Any, questions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list(backend.jobs.order)
    priced(scene)
    monkeypatch.setattr(type(backend.catalogue), "balance_cu", property(lambda _: 1.0))
    said = drawn()
    assert any("short" in text for text in said)
    assert any(text.startswith("Generate · ") and text.endswith(" CU") for text in said), "and of what"
    assert press() == {"CANCELLED"}
    assert not questions
    assert backend.jobs.order == before


def test_what_was_typed_into_a_dialog_has_its_price_asked_for_at_once(scene: Any) -> None:
    write(scene, "marble")
    session_state.state.drawn_at = float("inf")
    timer.tick()
    assert wanted.price_name(scene.name, "") in session_state.state.price_keys


def test_an_object_s_own_words_are_told(scene: Any) -> None:
    choose_model("model_tripo-v3-0-texturing")
    assert any(text.startswith("Write a prompt or") for text in drawn())
    scene.objects["Cube"].maquette.prompt = "moss"
    said = drawn()
    assert "Cube: moss" in said
    assert not any(text.startswith("Write a prompt") for text in said)
