# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service says, as records: both vocabularies, missing fields, hostile values."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maquette.client import AnswerError, Asset, Credentials, Input, Job, JobStatus, Model
from maquette.client.labels import readable_name
from maquette.client.models import Required

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def job(**more: Any) -> Job:
    return Job.from_json({"jobId": "job_1", "status": "queued", **more})


@pytest.mark.parametrize(
    ("word", "status", "has_ended"),
    [
        ("pending", JobStatus.PENDING, False),
        ("queued", JobStatus.QUEUED, False),
        ("warming-up", JobStatus.WARMING_UP, False),
        ("in-progress", JobStatus.IN_PROGRESS, False),
        ("processing", JobStatus.IN_PROGRESS, False),
        ("finalizing", JobStatus.FINALIZING, False),
        ("running", JobStatus.IN_PROGRESS, False),
        ("IN_PROGRESS", JobStatus.IN_PROGRESS, False),
        ("success", JobStatus.SUCCESS, True),
        (" Success ", JobStatus.SUCCESS, True),
        ("SUCCEEDED", JobStatus.SUCCESS, True),
        ("completed", JobStatus.SUCCESS, True),
        ("failure", JobStatus.FAILURE, True),
        ("failed", JobStatus.FAILURE, True),
        ("error", JobStatus.FAILURE, True),
        ("canceled", JobStatus.CANCELED, True),
        ("Cancelled", JobStatus.CANCELED, True),
        ("on-holiday", JobStatus.UNKNOWN, False),
        ("unknown", JobStatus.UNKNOWN, False),
    ],
)
def test_both_vocabularies_of_the_job_status_are_read(word: str, status: JobStatus, has_ended: bool) -> None:
    record = job(status=word)
    assert record.status is status
    assert record.status_word == word
    assert record.has_ended is has_ended
    assert record.is_success is (status is JobStatus.SUCCESS)


def test_a_whole_job_is_read() -> None:
    record = job(
        progress=0.5,
        metadata={
            "assetIds": ["asset_1", "asset_2"],
            "error": "no subject",
            "hint": "crop it",
            "input": {"modelId": "model_x", "steps": 30},
        },
        billing={"cuCost": 7.25},
        createdAt="2026-09-01T10:00:00.500Z",
        updatedAt="2026-09-01T10:00:02Z",
        somethingNew={"a": 1},
    )
    assert (record.progress, record.asset_ids) == (0.5, ("asset_1", "asset_2"))
    assert (record.error, record.hint, record.model_id, record.cost_cu) == (
        "no subject",
        "crop it",
        "model_x",
        7.25,
    )
    assert record.input["steps"] == 30
    assert record.updated_at - record.created_at == pytest.approx(1.5)


def test_a_job_s_history_tells_when_it_was_begun_and_when_it_succeeded() -> None:
    history = [
        {"status": "queued", "date": "2026-09-01T10:00:00Z"},
        {"status": "in-progress", "date": "2026-09-01T10:00:05Z"},
        {"status": "queued", "date": "2026-09-01T10:00:07Z"},
        {"status": "processing", "date": "2026-09-01T10:00:10.250Z"},
        {"status": "success", "date": "2026-09-01T10:01:10Z"},
    ]
    record = job(status="success", statusHistory=history, updatedAt="2026-09-01T10:05:00Z")
    assert record.succeeded_at - record.started_at == 59.75
    running = job(status="in-progress", statusHistory=history[:2], updatedAt="2026-09-01T10:05:00Z")
    assert running.succeeded_at == 0.0
    assert record.started_at - running.started_at == 5.25


@pytest.mark.parametrize(
    "history", [None, [], "odd", ["odd"], [{"status": "success", "date": "never"}], [{}]]
)
def test_a_job_without_a_readable_history_succeeded_when_it_was_last_updated(history: Any) -> None:
    record = job(status="success", statusHistory=history, updatedAt="2026-09-01T10:00:02Z")
    assert (record.started_at, record.succeeded_at) == (0.0, record.updated_at)


def test_control_characters_do_not_reach_a_terminal() -> None:
    assert job(metadata={"hint": "a\x1b[31mb\x9b\nc"}).hint == "a[31mb\nc"


def test_a_progress_of_zero_is_unknown_and_one_above_1_is_1() -> None:
    assert job(progress=0).progress is None
    assert job(progress=1.5).progress == 1


def test_the_error_and_price_are_found_where_the_guides_have_them() -> None:
    record = job(error="broken", creativeUnitsCost=3)
    assert (record.error, record.cost_cu) == ("broken", 3)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"id": 5}, "model.id"),
        ({"id": ""}, "model.id"),
        ({"capabilities": "img23d"}, "model.capabilities"),
        ({"inputs": {}}, "model.inputs"),
        ({"inputs": [{"type": ["file"]}]}, "input.type"),
        ({"inputs": [{"type": "number", "min": 10**400}]}, "input.min"),
    ],
)
def test_a_field_of_the_wrong_type_is_an_answer_error_that_names_it(wrong: dict[str, Any], name: str) -> None:
    with pytest.raises(AnswerError, match=rf"{name} should be"):
        Model.from_json({"id": "model_x", **wrong})


@pytest.mark.parametrize(
    "odd",
    [
        {"progress": "half"},
        {"progress": float("inf")},
        {"progress": 10**400},
        {"metadata": []},
        {"metadata": {"assetIds": "asset_1"}},
        {"createdAt": "yesterday"},
        {"createdAt": 5},
    ],
)
def test_what_is_not_understood_of_a_job_counts_as_not_told(odd: dict[str, Any]) -> None:
    assert job(**odd) == job()


def test_a_status_that_is_not_understood_is_unknown() -> None:
    assert job(status=["queued"]).status is job(status=None).status is JobStatus.UNKNOWN


@pytest.mark.parametrize(
    "parse", [Job.from_json, Asset.from_json, Model.from_json, Input.from_json, Required.from_json]
)
@given(value=json_values)
def test_no_json_gets_anything_but_a_record_or_an_answer_error(parse: Any, value: object) -> None:
    with contextlib.suppress(AnswerError):
        parse(value)


@given(
    st.dictionaries(
        st.sampled_from(["jobId", "status", "progress", "metadata", "billing", "createdAt"]), json_values
    )
)
def test_no_job_gets_anything_but_a_record_or_an_answer_error(value: object) -> None:
    with contextlib.suppress(AnswerError):
        Job.from_json(value)


def test_a_whole_asset_is_read() -> None:
    asset = Asset.from_json(
        {
            "id": "asset_1",
            "url": "https://cdn.test/a",
            "mimeType": "model/spz",
            "kind": "3d",
            "status": "success",
            "outputIndex": 2,
            "originalFileUrl": "https://cdn.test/o",
            "originalMimeType": "model/ply",
            "thumbnail": {"assetId": "asset_t", "url": "https://cdn.test/t"},
            "metadata": {
                "type": "img2splat",
                "parentId": "asset_p",
                "rootParentId": "asset_r",
                "parentJobId": "job_1",
            },
            "properties": {"size": 1234, "faceCount": 7},
        }
    )
    assert (asset.size_bytes, asset.output_index, asset.type) == (1234, 2, "img2splat")
    assert asset.parent_id == "asset_p"


ODD_ASSETS: list[dict[str, Any]] = [
    *({"properties": {"size": size}} for size in (-1, 1.5, "12", True, [])),
    *({"outputIndex": index} for index in ("0", -1, 0.5, {})),
    *({"metadata": odd} for odd in ([], "", 5, {"fileName": 7, "parentId": [], "type": {}})),
    {"metadata": {"outputIndex": "0"}},
    {"properties": []},
    {"url": 5, "kind": ["3d"], "mimeType": {"a": "model/gltf-binary"}},
    {"mimeType": "x" * (1 << 20)},
]


@pytest.mark.parametrize("odd", ODD_ASSETS)
def test_what_is_not_understood_of_an_asset_counts_as_not_told(odd: dict[str, Any]) -> None:
    assert Asset.from_json({"id": "asset_1", **odd}) == Asset.from_json({"id": "asset_1"})


@pytest.mark.parametrize(
    "odd", [None, 5, "", "a b", "a/b", "..", "-rf", "a\x1b[2J", "ä", "a\n", "j" * 201, ["a"]]
)
def test_what_cannot_be_asked_for_is_no_id(odd: Any) -> None:
    for read, name in ((Job.from_json, "jobId"), (Asset.from_json, "id"), (Model.from_json, "id")):
        with pytest.raises(AnswerError, match=rf"{name} should be an id"):
            read({name: odd, "status": "queued"})
    assert job(metadata={"assetIds": [odd, "asset_1", odd]}).asset_ids == ("asset_1",)


@pytest.mark.parametrize("good", ["j" * 200, "job_1", "model_x-3.0", "urn:job~1", "7"])
def test_an_id_of_usual_form_is_one(good: str) -> None:
    assert job(jobId=good).id == good


def test_no_text_for_people_is_longer_than_they_would_read() -> None:
    endless = "x" * (10 << 20)
    cut = "x" * 1999 + "…"
    record = job(metadata={"hint": endless, "error": endless})
    assert (record.hint, record.error) == (cut, cut)
    assert job(error={"reason": endless}).error.endswith("x…")
    texts = dict.fromkeys(["label", "description", "hint", "group", "placeholder"], endless)
    spec = {"name": "a", "type": "string", "required": {"ifDefined": {"b": endless}}, **texts}
    labels = {"selects": {"a": {"b": endless}}}
    model = Model.from_json(
        {"id": "m", "name": endless, "shortDescription": endless, "inputs": [spec], "uiConfig": labels}
    )
    (a,) = model.inputs
    found = [model.name, model.short_description, a.required.if_defined["b"], a.choice_label("b")]
    assert {*found, a.label, a.description, a.hint, a.group, a.placeholder} == {cut}


def test_an_error_s_text_says_what_is_wrong_and_what_to_do() -> None:
    with pytest.raises(AnswerError) as caught:
        Model.from_json({"id": "m", "accessRestrictions": "pro"})
    assert str(caught.value) == (
        "The service's answer is not understood: model.accessRestrictions should be a number, not 'pro'."
        " Try again later; if it stays so, look for a newer version of Maquette."
    )


def test_a_model_is_read_with_every_form_of_required() -> None:
    model = Model.from_json(
        {
            "id": "model_x-3.0",
            "name": "X",
            "capabilities": ["img23d"],
            "tags": ["sc:featured", "deprecated:model_y"],
            "accessRestrictions": 50,
            "inputs": [
                {"name": "a", "type": "file", "required": True},
                {"name": "b", "type": "file", "required": {"always": True}},
                {"name": "c", "type": "string", "required": {"ifDefined": {"a": "needs it"}}},
                {
                    "name": "d",
                    "type": "string",
                    "required": {"ifNotDefined": {"a": {"message": "one of both"}}},
                },
                {
                    "name": "e",
                    "type": "string",
                    "required": {"conditional": {"values": {"a": [1, 3], "b": 2}, "operator": "or"}},
                },
                {"name": "f", "type": "inputs_array", "inputs": [{"name": "g", "type": "number", "min": 1}]},
            ],
        }
    )
    a, b, c, d, e, f = model.inputs
    assert a.required == b.required == Required(is_always=True)
    assert c.required.if_defined == {"a": "needs it"}
    assert d.required.if_not_defined == {"a": "one of both"}
    assert e.required.conditional is not None
    assert e.required.conditional.values == {"a": (1, 3), "b": (2,)}
    assert e.required.conditional.is_any
    assert f.inputs[0].min == 1
    assert (model.required_plan_name, model.replaced_by) == ("Pro", "model_y")


def test_what_only_the_panel_draws_is_read_too() -> None:
    value: dict[str, Any] = {
        "id": "m",
        "complianceMetadata": {"large": 1},
        "uiConfig": {"selects": {"size": {"1024": "Small", "2048": 5}, "gone": {"a": "A"}, "x": []}},
        "performanceStats": {
            "default": "hd",
            "variants": [
                {"variantKey": "sd", "costPerAssetP50CU": 5},
                {"variantKey": "hd", "costPerAssetMinCU": 9},
            ],
        },
        "inputs": [
            {"name": "size", "type": "number", "allowedValues": [1024, 2048], "placeholder": "Pick"},
            {"name": "tint", "type": "string", "color": True, "parent": True, "label": "Tint"},
        ],
    }
    model = Model.from_json(value)
    size, tint = model.inputs
    assert [size.choice_label(choice) for choice in (*size.allowed_values, 1024.0)] == [
        "Small",
        "2048",
        "Small",
    ]
    assert (size.title, size.placeholder) == ("Size", "Pick")
    assert (tint.title, tint.is_color, tint.is_parent) == ("Tint", True, True)
    assert model.typical_cost_cu == 9.0
    assert "complianceMetadata" not in model.raw
    assert Model.from_json(dict(model.raw)) == model


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("faceCount", "Face Count"),
        ("enablePbr", "Enable PBR"),
        ("texture_size", "Texture Size"),
        ("file3d", "File 3D"),
        ("generateUvs", "Generate UVs"),
        ("splitByConnectivity", "Split by Connectivity"),
        ("biped:climb", "Biped Climb"),
        ("LowPoly", "Low Poly"),
        ("OFF", "Off"),
        ("4k", "4K"),
        ("", "None"),
    ],
)
def test_a_name_on_the_wire_is_made_readable(name: str, title: str) -> None:
    assert readable_name(name) == title


@given(st.text(max_size=20))
def test_any_name_has_a_title(name: str) -> None:
    assert readable_name(name).strip()


@given(json_values, json_values)
def test_decoration_that_is_not_understood_is_left_out(config: Any, stats: Any) -> None:
    inputs = [{"name": "a", "type": "string"}]
    value = {"id": "m", "inputs": inputs}
    for selects in (config, {"selects": config}, {"selects": {"a": config}}):
        for figures in (stats, {"variants": stats}, {"variants": [stats], "default": config}):
            model = Model.from_json({**value, "uiConfig": selects, "performanceStats": figures})
            assert model.inputs[0].choice_label("x") == "X"


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({"totalLatencyP50Sec": 60, "totalLatencyP75Sec": 90, "inferenceLatencyP50Sec": 50}, (60.0, 90.0)),
        ({"inferenceLatencyP50Sec": 50, "inferenceLatencyP75Sec": 55}, (50.0, 55.0)),
        ({"totalLatencyP50Sec": 60}, (60.0, 90.0)),
        ({"totalLatencyP50Sec": 60, "totalLatencyP75Sec": 5}, (60.0, 60.0)),
        ({"totalLatencyP50Sec": 0, "totalLatencyP75Sec": 0}, None),
        ({"totalLatencyP50Sec": "long"}, None),
        ({"totalLatencyP50Sec": -4}, None),
        ({}, None),
    ],
)
def test_a_model_s_statistics_tell_how_long_a_run_takes(figures: Any, expected: Any) -> None:
    other = {"variantKey": "other", "totalLatencyP50Sec": 7, "totalLatencyP75Sec": 9}
    variants = [other, {"variantKey": "usual", **figures}] if expected else [figures]
    stats = {"default": "usual", "variants": variants}
    assert Model.from_json({"id": "m", "performanceStats": stats}).typical_s == expected


def test_inputs_nested_without_end_are_an_answer_error() -> None:
    spec: dict[str, Any] = {"name": "x", "type": "inputs_array"}
    for _ in range(100_000):
        spec = {"name": "x", "type": "inputs_array", "inputs": [spec]}
    with pytest.raises(AnswerError, match="nested"):
        Model.from_json({"id": "model_x", "inputs": [spec]})
    while spec.get("inputs"):  # taken apart by hand: freeing it in one go is as deep
        spec = spec.pop("inputs")[0]


def test_a_secret_is_not_in_the_repr() -> None:
    assert "hush" not in repr(Credentials("key", "hush"))


def test_no_text_of_the_service_moves_a_terminal_s_cursor_or_turns_the_writing_about() -> None:
    odd = "\x1b]0;x\x07a\x9b2J\u202eb\u2066c\u200f\r"
    raw = {
        "jobId": "job",
        "jobType": f"job{odd}",
        "status": "failure",
        "metadata": {"error": {"reason": odd}, "hint": odd},
    }
    job = Job.from_json(raw)
    asset = Asset.from_json({"id": "a", "metadata": {"fileName": f"{odd}.glb"}})
    for text in (job.type, job.hint, asset.file_name):
        assert text.replace("job", "").removesuffix(".glb") == "]0;xa2Jbc"
    raw["metadata"] = {"error": odd}
    job = Job.from_json(raw)
    assert job.error == "]0;xa2Jbc"
