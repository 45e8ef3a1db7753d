# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs as Blender properties: every known model, tables never seen before, and values that must survive."""

import json
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from model_table import MODELS, client, group_of, model_with, properties, set_something

each_model = pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))


@pytest.fixture
def chosen():
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return properties.get(bpy.context.scene)


@pytest.fixture
def image() -> bpy.types.Image:
    return bpy.data.images.new("cup.png", 4, 4)


def as_request(values: dict) -> dict:
    """What the operator makes of pictures, objects and paths: asset ids, here made up."""

    def one(value: object) -> object:
        if isinstance(value, list):
            return [one(item) for item in value]
        return "asset_x" if isinstance(value, properties.Picture | properties.Meshes | Path) else value

    return {name: one(value) for name, value in values.items()}


@each_model
def test_untouched_inputs_are_not_sent_and_what_is_missing_is_told(model, chosen) -> None:
    group = group_of(chosen, model)
    assert len(properties.fields_of(model.id)) == len(model.inputs)
    assert all(value == properties.Meshes() for value in properties.values_of(chosen, model).values())
    for field in properties.fields_of(model.id):
        if field.spec.default is not None and field.role in ("boolean", "integer", "text"):
            assert getattr(group, field.attribute) == field.spec.default
        if field.role == "choice" and field.spec.default is not None:
            assert field.choices[getattr(group, field.attribute)] == field.spec.default
    assert properties.missing(chosen, model, has_mesh=False)


@pytest.mark.parametrize(("system", "length", "size"), [("METRIC", 0.001, 1000), ("NONE", 0.001, 1)])
def test_the_size_that_is_offered_is_a_metre_in_a_scene_of_any_unit(chosen, system, length, size) -> None:
    settings = bpy.context.scene.unit_settings
    settings.system = system
    settings.scale_length = length
    assert chosen.size == pytest.approx(size)


@each_model
def test_what_is_set_passes_the_check_before_sending(model, chosen, image) -> None:
    set_something(model, group_of(chosen, model), image)
    values = properties.values_of(chosen, model)
    assert values.keys() == {spec.name for spec in model.inputs}
    assert properties.missing(chosen, model, has_mesh=True) == ""
    client.check_inputs(model, as_request(values))
    kept = json.loads(json.dumps(properties.values_to_json(values)))
    properties.set_values(chosen, model, {})
    assert all(value == properties.Meshes() for value in properties.values_of(chosen, model).values())
    properties.set_values(chosen, model, properties.values_from_json(kept))
    assert properties.values_of(chosen, model) == values


@each_model
def test_values_survive_saving_loading_and_other_models(model, chosen, image, tmp_path) -> None:
    set_something(model, group_of(chosen, model), image)
    values = properties.values_of(chosen, model)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    again = properties.get(bpy.context.scene)
    assert properties.values_of(again, model) == values
    group_of(again, MODELS["model_trellis"])
    assert properties.values_of(again, model) == values


def test_values_survive_a_session_that_never_saw_the_model(chosen, tmp_path) -> None:
    model = model_with({"name": "steps", "type": "number", "default": 3})
    group_of(chosen, model).steps = 7
    properties.ensure_inputs(model_with({"name": "other", "type": "boolean"}))  # the table changed meanwhile
    for name in ("b.blend", "c.blend"):
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / name))
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / name))
    properties.ensure_inputs(model)
    assert properties.values_of(properties.get(bpy.context.scene), model) == {"steps": 7}


def test_choices_keep_their_value_when_the_list_changes(chosen) -> None:
    def model(*choices: object):
        return model_with(
            {"name": "size", "type": "string", "allowedValues": [*choices], "default": choices[0]}
        )

    group_of(chosen, model("1k", "2k", "4k")).size = "4k"
    longer = model("8k", "4k", "2k", "1k")
    properties.ensure_inputs(longer)
    assert properties.values_of(chosen, longer) == {"size": "4k"}
    shorter = model("8k", "2k")
    properties.ensure_inputs(shorter)
    assert properties.values_of(chosen, shorter) == {}
    assert properties.inputs_of(chosen, shorter.id).size == "8k"


def test_pictures_objects_and_the_prompt_go_along_to_another_model(chosen, image) -> None:
    class Catalogue:
        models = MODELS
        model = staticmethod(MODELS.get)

    multiview, single = MODELS["model_hunyuan-3d-pro-3-1-multiview"], MODELS["model_rodin-hyper3d"]
    properties.choose_model(chosen, multiview, Catalogue)
    left = bpy.data.images.new("left.png", 4, 4)
    assert properties.set_picture(chosen, multiview, image) == "frontImage"
    assert properties.set_picture(chosen, multiview, left, "leftImage") == "leftImage"
    properties.choose_model(chosen, single, Catalogue)
    pictures = [properties.Picture("cup.png"), properties.Picture("left.png")]
    assert properties.values_of(chosen, single) == {"images": pictures}
    properties.inputs_of(chosen, single.id).prompt = "a cup"
    properties.choose_model(chosen, MODELS["model_hunyuan-3d-pro-sketch"], Catalogue)
    assert properties.values_of(chosen, MODELS["model_hunyuan-3d-pro-sketch"]) == {
        "prompt": "a cup",
        "image": properties.Picture("cup.png"),
    }
    properties.choose_model(chosen, multiview, Catalogue)
    assert properties.values_of(chosen, multiview)["leftImage"] == properties.Picture("left.png")


@pytest.mark.parametrize("model_id", ["model_meshy-retexture", "model_tencent-texture-edit"])
def test_the_image_of_one_model_becomes_no_style_of_another(chosen, image, model_id: str) -> None:
    class Catalogue:
        models = MODELS
        model = staticmethod(MODELS.get)

    single, retexture = MODELS["model_hunyuan-3d-v2-1"], MODELS[model_id]
    properties.choose_model(chosen, single, Catalogue)
    assert properties.set_picture(chosen, single, image)
    properties.choose_model(chosen, retexture, Catalogue)
    given = properties.values_of(chosen, retexture).values()
    assert not any(isinstance(value, properties.Picture) for value in given)


def test_words_that_only_programs_know_are_not_shown(chosen) -> None:
    remesh = MODELS["model_meshy-remesh"]
    properties.ensure_inputs(remesh)
    fields = {field.spec.name: field for field in properties.fields_of(remesh.id)}
    assert "GLB" not in fields["model"].tip
    group = properties.inputs_of(chosen, remesh.id)
    names = {each.name for each in group.bl_rna.properties[fields["originAt"].attribute].enum_items}
    assert names == {"Default", "Bottom", "Center"}


def test_an_input_that_does_not_apply_is_not_sent(chosen, image) -> None:
    model = MODELS["model_yvo3d-retexture"]
    group = group_of(chosen, model)
    group.referenceImage = image
    assert "referenceImage" not in properties.values_of(chosen, model)
    group.retexture = True
    assert properties.values_of(chosen, model)["referenceImage"] == properties.Picture("cup.png")


def test_names_from_programs_become_words(chosen) -> None:
    model = model_with(
        {"name": "requestType", "type": "number", "allowedValues": [1, 3], "default": 3,
         "description": "1 = mesh only, 3 = mesh + texture"},
        {"name": "heightMeters", "type": "number", "default": 1.7, "description": "Height in metres."},
        {"name": "maxNumTokens", "type": "number", "default": 3, "description": "Ignored when isPano is on"},
        {"name": "isPano", "type": "boolean"},
        {"name": "meshFile", "type": "file", "kind": "3d"},
        {"name": "backend", "type": "string", "allowedValues": ["full", "qwen2fast"], "label": "isBackend_x",
         "description": "full = best quality"},
    )  # fmt: skip
    group = group_of(chosen, model)
    fields = {field.spec.name: field for field in properties.fields_of(model.id)}
    assert [field.title for field in fields.values()] == [
        "Output", "Height (m)", "Max Tokens", "Panorama", "Mesh", "isBackend_x",
    ]  # fmt: skip
    known = group.bl_rna.properties
    assert [item.name for item in known["requestType"].enum_items] == ["Mesh Only", "Mesh + Texture"]
    assert [(item.name, item.description) for item in known["backend"].enum_items][1:] == [
        ("Full", "Best quality"),
        ("Qwen2 Fast", ""),
    ]
    assert known["maxNumTokens"].description == "Ignored when Panorama is on"
    assert known["heightMeters"].description == "Height in metres"


def test_what_models_of_today_do_not_have(chosen) -> None:
    model = model_with(
        {"name": "tint", "type": "string", "color": True, "default": "#ff8000"},
        {"name": "tags", "type": "string_array", "allowedValues": ["a", "b", "c"], "default": ["b"]},
        {"name": "sizes", "type": "number_array", "default": [1, 2]},
        {"name": "odd", "type": "tensor"},
        {"name": "parts", "type": "inputs_array", "inputs": [{"name": "name", "type": "string"}]},
        {"name": "seed", "type": "number", "max": 4294967295, "min": 0},
        {"name": "level", "type": "number", "allowedValues": [1, 2.5], "default": 1},
    )
    group = group_of(chosen, model)
    assert properties.values_of(chosen, model) == {}
    group.tint, group.tags, group.sizes, group.odd = (0, 0.5, 1), {"a", "c"}, "1, 2.5", '{"x": [1]}'
    properties.items_of(chosen, None, "parts")
    field = next(f for f in properties.fields_of(model.id) if f.role == "items")
    setattr(group.parts.add(), field.fields[0].attribute, "leg")
    group.seed, group.seed__set, group.level = 2**31 - 1, True, "2.5"
    values = properties.values_of(chosen, model)
    assert values == {
        "tint": "#0080ff",
        "tags": ["a", "c"],
        "sizes": [1, 2.5],
        "odd": {"x": [1]},
        "parts": [{"name": "leg"}],
        "seed": 2**31 - 1,
        "level": 2.5,
    }
    properties.set_values(chosen, model, values)
    assert properties.values_of(chosen, model) == values


@pytest.fixture(autouse=True, scope="module")
def _forget() -> Iterator[None]:
    """The odd groups do not outlive this file."""
    yield
    properties.unregister()
    properties.register()
