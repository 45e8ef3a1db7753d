# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of inputs against a model's table: each rule, and that no input gets past or crashes it."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maquette.client import Input, InputError, Model, check_inputs, describe_input, parse_value

from .test_client_records import json_values

MODELS_FILE = Path(__file__).parents[2] / "sandbox" / "models3d.json"


def model(*inputs: dict[str, Any]) -> Model:
    return Model.from_json({"id": "model_x", "inputs": list(inputs)})


def problems(table: Model, **values: object) -> list[tuple[str, str]]:
    with pytest.raises(InputError) as caught:
        check_inputs(table, values)
    for name, text in caught.value.problems:
        assert f"{name}: {text}" in str(caught.value)
    return caught.value.problems


NUMBER = {"name": "faces", "type": "number", "min": 100, "max": 1000, "default": 400}


def test_an_unknown_name_is_refused_with_the_nearest_known_one() -> None:
    assert problems(model(NUMBER), facs=5) == [("facs", "this model has no such input; did you mean faces?")]
    assert "did you mean faces?" in problems(model(NUMBER), FACES=5)[0][1]
    assert "it takes faces" in problems(model(NUMBER), zzz=5)[0][1]


def test_what_is_unset_is_left_out() -> None:
    assert check_inputs(model(NUMBER), {"faces": None}) == {}
    assert check_inputs(model(NUMBER), {}) == {}


@pytest.mark.parametrize("value", [True, "500", [500], float("nan"), float("inf"), 10**400, {}])
def test_a_number_is_a_number(value: object) -> None:
    assert problems(model(NUMBER), faces=value)[0][0] == "faces"


def test_a_number_keeps_to_its_range_and_says_which() -> None:
    assert problems(model(NUMBER), faces=50) == [("faces", "must be 100 to 1000, not 50")]
    assert problems(model(NUMBER), faces=9_999_999.0) == [("faces", "must be 100 to 1000, not 9999999")]
    assert problems(model({"name": "n", "type": "number", "min": 1}), n=0) == [
        ("n", "must be 1 or more, not 0")
    ]


def test_a_whole_number_goes_out_as_one() -> None:
    checked = check_inputs(model(NUMBER), {"faces": 500.0})
    assert json.dumps(checked) == '{"faces": 500}'


def test_a_whole_step_asks_for_whole_numbers_and_a_fine_one_for_nothing() -> None:
    assert "whole number" in problems(model({"name": "n", "type": "number", "step": 1}), n=1.5)[0][1]
    assert check_inputs(model({"name": "n", "type": "number", "step": 0.5}), {"n": 1.3}) == {"n": 1.3}


@pytest.mark.parametrize("value", [1, 0, "true", None.__class__, []])
def test_a_boolean_is_true_or_false(value: object) -> None:
    assert problems(model({"name": "b", "type": "boolean"}), b=value)[0][0] == "b"


def test_choices_of_numbers_texts_and_the_empty_text_hold() -> None:
    size = {"name": "size", "type": "number", "allowedValues": [512, 1024]}
    pose = {"name": "pose", "type": "string", "allowedValues": ["", "a-pose", "t-pose"]}
    assert check_inputs(model(size, pose), {"size": 512.0, "pose": ""}) == {"size": 512, "pose": ""}
    assert problems(model(size), size=600) == [("size", "600 is not one of 512, 1024")]
    assert 'not one of "", a-pose, t-pose (did you mean a-pose?)' in problems(model(pose), pose="apose")[0][1]


def test_true_is_not_the_choice_1() -> None:
    assert problems(model({"name": "n", "type": "number", "allowedValues": [1, 3]}), n=True)


def test_lengths_of_texts_and_lists_hold() -> None:
    text = {"name": "t", "type": "string", "minLength": 2, "maxLength": 4}
    files = {"name": "f", "type": "file_array", "minLength": 2, "maxLength": 3}
    assert "at most 4 characters, not 5" in problems(model(text), t="abcde")[0][1]
    assert "at least 2 characters" in problems(model(text), t="a")[0][1]
    assert "at most 3 items, not 4" in problems(model(files), f=["a"] * 4)[0][1]
    assert "at least 2 items" in problems(model(files), f=["a"])[0][1]
    assert check_inputs(model(files), {"f": ("a", "b")}) == {"f": ["a", "b"]}


def test_a_list_input_takes_no_bare_text() -> None:
    """The service drops it without a word."""
    assert problems(model({"name": "f", "type": "file_array"}), f="asset_1") == [
        ("f", "must be a list, not asset_1")
    ]


def test_lists_of_choices_and_numbers_are_checked_item_by_item() -> None:
    tags = {"name": "tags", "type": "string_array", "allowedValues": ["a", "b"]}
    ages = {"name": "ages", "type": "number_array", "min": 1}
    found = problems(model(tags, ages), tags=["a", "c"], ages=[1, 0, "x"])
    assert [name for name, _ in found] == ["tags[2]", "ages[2]", "ages[3]"]


def test_the_items_of_an_inputs_array_are_checked_as_tables() -> None:
    views = {
        "name": "views",
        "type": "inputs_array",
        "inputs": [
            {"name": "image", "type": "file", "required": True},
            {"name": "angle", "type": "number", "max": 360},
        ],
    }
    assert check_inputs(model(views), {"views": [{"image": "a", "angle": 90}]}) == {
        "views": [{"image": "a", "angle": 90}]
    }
    found = problems(model(views), views=[{"image": "a", "angle": 400}, {"angl": 1}, 5])
    assert [name for name, _ in found] == ["views[1].angle", "views[2].angl", "views[2].image", "views[3]"]


def test_a_required_input_is_asked_for_and_its_default_filled_in() -> None:
    action = {"name": "actionId", "type": "number", "required": True, "default": 0}
    image = {"name": "image", "type": "file", "required": {"always": True}}
    assert check_inputs(model(action), {}) == {"actionId": 0}
    assert problems(model(action, image)) == [("image", "is required")]
    assert problems(model(image), image="") != []


def test_if_defined_asks_for_the_other_input_too() -> None:
    mask = {"name": "mask", "type": "file", "required": {"ifDefined": {"edit": "an edit needs a mask"}}}
    edit = {"name": "edit", "type": "string"}
    assert check_inputs(model(mask, edit), {}) == {}
    assert problems(model(mask, edit), edit="x") == [
        ("mask", "is required together with edit: an edit needs a mask")
    ]


def test_if_not_defined_asks_for_one_of_several() -> None:
    prompt = {
        "name": "prompt",
        "type": "string",
        "required": {"ifNotDefined": {"image": {"message": "give either"}}},
    }
    image = {"name": "image", "type": "file", "required": {"ifNotDefined": {"prompt": "give either"}}}
    assert [name for name, _ in problems(model(prompt, image))] == ["prompt", "image"]
    assert check_inputs(model(prompt, image), {"image": "asset_1"}) == {"image": "asset_1"}
    assert check_inputs(model(prompt, image), {"prompt": "cat"}) == {"prompt": "cat"}


def test_an_input_with_a_default_counts_as_given_for_if_not_defined() -> None:
    style = {"name": "style", "type": "string", "default": "plain"}
    prompt = {"name": "prompt", "type": "string", "required": {"ifNotDefined": {"style": ""}}}
    assert check_inputs(model(style, prompt), {}) == {}


@pytest.mark.parametrize(("operator", "is_needed"), [("and", False), ("or", True)])
def test_a_condition_on_other_values_is_kept_with_defaults(operator: str, is_needed: bool) -> None:
    kind = {"name": "kind", "type": "number", "allowedValues": [1, 3], "default": 3}
    flag = {"name": "flag", "type": "boolean"}
    condition = {"values": {"kind": [3], "flag": True}, "operator": operator}
    mesh = {"name": "mesh", "type": "file", "required": {"conditional": condition}}
    table = model(kind, flag, mesh)
    if is_needed:
        assert problems(table)[0][0] == "mesh"
    else:
        assert check_inputs(table, {}) == {}
    assert problems(table, flag=True)[0][0] == "mesh"
    assert check_inputs(table, {"kind": 1, "flag": False}) == {"kind": 1, "flag": False}


def test_every_problem_is_told_at_once() -> None:
    image = {"name": "image", "type": "file", "required": True}
    assert [name for name, _ in problems(model(NUMBER, image), faces=1, nonsense=2)] == [
        "nonsense",
        "faces",
        "image",
    ]


@pytest.mark.parametrize(
    ("spec", "text", "value"),
    [
        ({"type": "boolean"}, "Yes", True),
        ({"type": "boolean"}, "off", False),
        ({"type": "boolean"}, "1", True),
        ({"type": "number"}, " 5 ", 5),
        ({"type": "number"}, "-0.5", -0.5),
        ({"type": "number"}, "1e3", 1000),
        ({"type": "number", "allowedValues": [512, 1024]}, "1024", 1024),
        ({"type": "string"}, " a, b ", " a, b "),
        ({"type": "string", "allowedValues": ["", "x"]}, "", ""),
        ({"type": "file"}, "my picture.png", "my picture.png"),
        ({"type": "file_array"}, "a.png, b.png", ["a.png", "b.png"]),
        ({"type": "file_array"}, '["a,1.png"]', ["a,1.png"]),
        ({"type": "number_array"}, "1,2.5", [1, 2.5]),
        ({"type": "string_array"}, "", []),
        ({"type": "inputs_array", "inputs": [{"name": "n", "type": "number"}]}, '[{"n": 1}]', [{"n": 1}]),
    ],
)
def test_a_value_from_the_command_line_is_understood(spec: dict[str, Any], text: str, value: object) -> None:
    assert parse_value(Input.from_json({"name": "x", **spec}), text) == value


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"type": "boolean"}, "maybe"),
        ({"type": "number"}, "many"),
        ({"type": "number"}, "nan"),
        ({"type": "number"}, "9" * 5000),
        ({"type": "number", "max": 5}, "6"),
        ({"type": "string", "allowedValues": ["a"]}, "b"),
        ({"type": "inputs_array"}, "a,b"),
        ({"type": "inputs_array"}, "{}"),
        ({"type": "file_array"}, "[1"),
        ({"type": "file"}, ""),
    ],
)
def test_a_value_that_means_nothing_is_an_input_error_that_names_it(spec: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=r"^x"):
        parse_value(Input.from_json({"name": "x", **spec}), text)


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        (NUMBER, "number 100 to 1000, default 400"),
        ({"name": "b", "type": "boolean", "default": True}, "boolean, default true"),
        ({"name": "i", "type": "file", "kind": "image", "required": True}, "image file, required"),
        ({"name": "f", "type": "file_array", "kind": "3d", "maxLength": 4}, "up to 4 3d files"),
        (
            {"name": "s", "type": "string", "allowedValues": ["", "a"], "default": ""},
            'string, one of "", a, default ""',
        ),
        (
            {"name": "p", "type": "string", "required": {"ifNotDefined": {"image": "x"}}},
            "string, required unless image is given",
        ),
    ],
)
def test_an_input_is_described_in_one_line(spec: dict[str, Any], line: str) -> None:
    assert describe_input(Input.from_json(spec)) == line


specs = st.fixed_dictionaries(
    {
        "name": st.sampled_from("abc"),
        "type": st.sampled_from(
            ["boolean", "number", "string", "file", "file_array", "number_array", "inputs_array", "new"]
        ),
    },
    optional={
        "required": st.booleans()
        | st.fixed_dictionaries(
            {}, optional={"ifDefined": st.just({"b": "m"}), "ifNotDefined": st.just({"c": "m"})}
        ),
        "default": json_values,
        "min": st.integers(-5, 5),
        "max": st.integers(-5, 5),
        "maxLength": st.integers(0, 3),
        "allowedValues": st.lists(st.integers(-3, 3) | st.text(max_size=2), max_size=3),
    },
)


@given(
    st.lists(specs, max_size=3, unique_by=lambda spec: spec["name"]),
    st.dictionaries(st.sampled_from("abcd"), json_values),
)
def test_whatever_is_given_is_checked_or_refused_and_what_passed_passes_again(
    table: list[dict[str, Any]], values: dict[str, Any]
) -> None:
    one = model(*table)
    try:
        checked = check_inputs(one, values)
    except InputError:
        return
    # Of a default only the type is checked.
    defaults = {spec.name: spec.default for spec in one.inputs}
    own = {name: value for name, value in checked.items() if value is not defaults[name]}
    again = check_inputs(one, own)
    assert {name: again[name] for name in own} == own


@given(specs, st.text(max_size=12))
def test_whatever_is_typed_is_understood_or_refused(spec: dict[str, Any], text: str) -> None:
    one = Input.from_json(spec)
    assert len(describe_input(one).splitlines()) == 1
    with contextlib.suppress(InputError):
        assert check_inputs(model(spec), {one.name: parse_value(one, text)}) is not None


def test_every_known_model_is_content_with_its_required_inputs_alone() -> None:
    records = json.loads(MODELS_FILE.read_text(encoding="utf-8"))
    assert len(records) >= 60
    for record in records:
        table = Model.from_json(record)
        least: dict[str, object] = {}
        for spec in table.inputs:
            others = spec.required.if_not_defined
            if (spec.required.is_always and spec.default is None) or (
                others and not least.keys() & others.keys()
            ):
                least[spec.name] = (
                    ["asset_1"] * (spec.min_length or 1)
                    if spec.type == "file_array"
                    else "asset_1"
                    if spec.is_file
                    else "word"
                )
        assert set(check_inputs(table, least)) >= {
            spec.name for spec in table.inputs if spec.required.is_always
        }
        assert all(describe_input(spec) for spec in table.inputs)
