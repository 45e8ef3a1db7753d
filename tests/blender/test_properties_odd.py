# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the service may say that a model takes becomes properties, and draws; it never raises."""

import contextlib
import importlib
import json

import bpy
import pytest

pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layouts import Layout, drawing_context
from model_table import PACKAGE, group_of, model_with, properties, set_something

Ruler = importlib.import_module(f"{PACKAGE}.panels.text").Ruler
inputs = importlib.import_module(f"{PACKAGE}.panels.inputs")
ODD_TEXTS = st.sampled_from(
    ["name", "def", "1x", "", "é", "bl_rna", "a__set", "a", "x" * 200, "😀", "\0", "id_data"]
)
names = ODD_TEXTS.filter(bool) | st.text(min_size=1, max_size=12)
json_values = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ODD_TEXTS | st.lists(names)
)
TYPES = ("boolean", "file", "file_array", "model", "number", "number_array", "string", "string_array", "?")
numbers = st.none() | st.floats(-1e290, 1e290) | st.integers(-(2**70), 2**70)
input_tables = st.fixed_dictionaries(
    {"name": names, "type": st.sampled_from(TYPES)},
    optional={
        "default": json_values,
        "min": numbers,
        "max": numbers,
        "step": numbers,
        "allowedValues": st.lists(json_values, max_size=200),
        "label": names,
        "description": st.just("d" * 10_000) | names,
        "required": st.sampled_from([{"always": True}, {"ifNotDefined": {"a": "b"}}, True]),
        "kind": st.sampled_from(["image", "3d", "video"]),
        "color": st.booleans(),
    },
)
nested = st.fixed_dictionaries(
    {"name": names, "type": st.just("inputs_array"), "inputs": st.lists(input_tables, max_size=3)}
)


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(st.lists(input_tables | nested, max_size=6))
def test_any_table_becomes_properties(tables: list[dict]) -> None:
    chosen, image = properties.get(bpy.context.scene), bpy.data.images.new("x", 1, 1)
    model = model_with(*tables, model_id="model_odd")
    group = group_of(chosen, model)
    for field in properties.fields_of(model.id):
        with contextlib.suppress(TypeError):  # what an optional pointer or a set does not take
            getattr(group, field.attribute)
    set_something(model, group, image)
    values = properties.values_of(chosen, model)
    properties.missing(chosen, model, has_mesh=False)
    inputs.draw_inputs(Layout([]), Ruler.of(drawing_context()), chosen, model)
    json.dumps(properties.values_to_json(values))
    properties.set_values(chosen, model, values)
    assert properties.values_of(chosen, model).keys() <= values.keys() | {spec.name for spec in model.inputs}
    bpy.data.images.remove(image)
