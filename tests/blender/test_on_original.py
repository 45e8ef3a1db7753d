# SPDX-License-Identifier: GPL-3.0-or-later
"""*Place › On the Original*, without a window, on the sandbox: what operators make of an artist's objects."""

import json
from pathlib import Path
from typing import Any

import bpy
import pytest
from sandbox_scene import newest, operators, part, properties, until, wait

scene_package = part("scene")

TEXTURE, REMESH, RIG = "model_meshy-retexture", "model_meshy-remesh", "model_meshy-rigging"
WORDS = json.dumps({"textStylePrompt": "a red toy"})


def choose(backend: Any, model_id: str) -> None:
    backend.catalogue.ask_model(model_id)
    until(lambda: backend.catalogue.schema(model_id))
    properties.choose_model(bpy.context.scene.maquette, backend.catalogue.schema(model_id), backend.catalogue)  # type: ignore[attr-defined]


def monkeys(count: int) -> list[str]:
    names: list[str] = []
    for number in range(count):
        bpy.ops.mesh.primitive_monkey_add(location=(3 * number, 0, 0), rotation=(0, 0, 1))
        names.append(bpy.context.object.name)  # type: ignore[union-attr]
    for name in names:
        bpy.data.objects[name].select_set(True)
    return names


def picture_of(name: str) -> Any:
    """The texture in the object's first slot."""
    slots = bpy.data.objects[name].material_slots
    tree = slots[0].material.node_tree if slots and slots[0].material else None
    nodes = tree.nodes if tree else ()
    return next((node.image for node in nodes if node.type == "TEX_IMAGE"), None)  # type: ignore[attr-defined]


def test_two_meshes_are_two_jobs_and_each_gets_its_texture(scene: Any, backend: Any) -> None:
    choose(backend, TEXTURE)
    names = monkeys(2)
    bpy.ops.object.camera_add()
    for each in scene.objects:
        each.select_set(True)
    known = len(backend.jobs.by_id)
    operators.generate(inputs=WORDS)
    assert len(backend.jobs.by_id) == known + 2
    assert len(scene.objects) == 3
    assert all(map(picture_of, names))
    assert newest(backend).state == "placed"
    assert newest(backend).result["put_back"]["result"] == "MATERIAL"
    operators.restore_original()
    assert not any(map(picture_of, names))
    assert not any(bpy.data.objects[name].material_slots for name in names)


def test_linked_duplicates_without_a_material_have_none_again(scene: Any, backend: Any) -> None:
    choose(backend, TEXTURE)
    (name,) = monkeys(1)
    twin = bpy.data.objects[name].copy()
    scene.collection.objects.link(twin)
    twin.location.x = 4
    twin.select_set(True)
    operators.generate(inputs=WORDS)
    assert all(map(picture_of, (name, twin.name)))
    for each in scene.objects:
        each.select_set(True)
    operators.restore_original()
    assert not any(each.material_slots for each in scene.objects)


def test_the_object_that_is_named_is_worked_on_whatever_is_selected(scene: Any, backend: Any) -> None:
    choose(backend, TEXTURE)
    first, second = monkeys(2)
    properties.inputs_of(scene.maquette, TEXTURE).model = bpy.data.objects[first]
    operators.generate(inputs=WORDS)
    assert picture_of(first)
    assert not picture_of(second)


def test_a_result_that_was_restored_can_be_placed_again_and_run_again(scene: Any, backend: Any) -> None:
    choose(backend, TEXTURE)
    (name,) = monkeys(1)
    operators.generate(inputs=WORDS)
    job = newest(backend)
    for act in (operators.place_job, operators.repeat_job):
        operators.restore_original()
        assert not picture_of(name)
        act(job_id=job.id)
        assert picture_of(name)
        assert len(scene.objects) == 1
    assert newest(backend).id != job.id
    bpy.data.objects[name].select_set(False)
    operators.select_job(job_id=newest(backend).id)
    assert bpy.data.objects[name].select_get()


def test_run_again_for_what_is_an_override_by_now_stands_by_itself(
    scene: Any, backend: Any, tmp_path: Path
) -> None:
    choose(backend, TEXTURE)
    (name,) = monkeys(1)
    operators.generate(inputs=WORDS)
    job = newest(backend)
    operators.restore_original()
    library = str(tmp_path / "library.blend")
    bpy.data.libraries.write(library, {bpy.data.objects[name]})
    bpy.data.objects.remove(bpy.data.objects[name])
    with bpy.data.libraries.load(library, link=True) as (_, wanted):  # pyright: ignore[reportGeneralTypeIssues]
        wanted.objects = [name]
    override = wanted.objects[0].override_create()
    scene.collection.objects.link(override)
    operators.repeat_job(job_id=job.id)
    again = newest(backend)
    assert again.id != job.id
    assert again.state == "placed"
    assert not picture_of(override.name)
    assert scene_package.AWAITS not in override
    assert [each for each in scene.objects if each.get(scene_package.JOB) == again.id]


def test_what_is_chosen_for_a_kind_of_models_stays_with_the_scene(scene: Any, backend: Any) -> None:
    settings = scene.maquette
    choose(backend, TEXTURE)
    assert (settings.mesh_place_mode, settings.result, settings.shape) == ("ORIGINAL", "MATERIAL", "SEEN")
    settings.result = "OBJECT"
    choose(backend, REMESH)
    assert (settings.result, settings.shape) == ("MESH", "BASE")
    settings.shape = "SEEN"
    choose(backend, RIG)
    assert settings.result == "OBJECT"
    choose(backend, TEXTURE)
    assert settings.result == "OBJECT"
    choose(backend, REMESH)
    assert settings.shape == "SEEN"


def test_a_remeshed_object_keeps_its_name_and_its_place(scene: Any, backend: Any) -> None:
    choose(backend, REMESH)
    (name,) = monkeys(1)
    bpy.context.view_layer.update()
    item = bpy.data.objects[name]
    place, box = item.matrix_world.copy(), [tuple(corner) for corner in item.bound_box]
    operators.generate(inputs=json.dumps({"targetPolycount": 500}))
    bpy.context.view_layer.update()
    item = bpy.data.objects[name]
    assert len(item.data.polygons) <= 500
    assert item.matrix_world == place
    found = [tuple(corner) for corner in item.bound_box]
    assert all(a == pytest.approx(b, abs=0.05) for a, b in zip(found, box, strict=True))
    assert item.data.name == "Suzanne"
    assert "Suzanne (before)" in bpy.data.meshes


def test_what_becomes_another_object_stands_where_the_original_does(scene: Any, backend: Any) -> None:
    choose(backend, RIG)
    (name,) = monkeys(1)
    item = bpy.data.objects[name]
    item.scale = (2, 1, 0.5)
    bpy.context.view_layer.update()
    corners = {tuple(round(value, 3) for value in item.matrix_world @ v.co) for v in item.data.vertices}
    operators.generate()
    bpy.context.view_layer.update()
    others = [each for each in scene.objects if each.type == "MESH" and each.name != name]
    found = {
        tuple(round(value, 3) for value in each.matrix_world @ v.co)
        for each in others
        for v in each.data.vertices
    }
    assert len(corners & found) > 0.9 * len(corners)
    assert "maquette_awaits" not in bpy.data.objects[name]


def test_a_job_that_is_canceled_leaves_the_object_as_it_was(
    scene: Any, backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "wait_for_jobs", lambda _jobs: None)  # as in a window
    choose(backend, TEXTURE)
    (name,) = monkeys(1)
    operators.generate(inputs=WORDS)
    operators.cancel_job(job_id=newest(backend).id)
    assert not [key for key in bpy.data.objects[name].keys() if key.startswith("maquette_")]  # noqa: SIM118
