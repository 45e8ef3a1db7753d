# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar drawn into a layout that only listens: every model in every state, and no file opened."""

import dataclasses
import gc
import importlib
import re
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace

import bpy
import pytest
from answers import answer, teach
from layouts import CONTENT, Layout, drawing_context
from model_table import MODELS, PACKAGE, ROOT, TABLE, jobs, model_with, properties, set_something

inputs, joblist, models, sidebar, text = (
    importlib.import_module(f"{PACKAGE}.panels.{name}")
    for name in ("inputs", "joblist", "models", "sidebar", "text")
)
session_state = importlib.import_module(f"{PACKAGE}.session_state")
words = importlib.import_module(f"{PACKAGE}.properties.labels")
timer = importlib.import_module(f"{PACKAGE}.window.timer")
State = jobs.State
SMALL = ("a", "and", "at", "by", "from", "in", "m", "of", "on", "or", "px", "s", "the", "to")
forbidden: list[str] = []
is_drawing = False


def listen(event: str, _arguments: tuple) -> None:
    if is_drawing and event.split(".")[0] in ("open", "sqlite3", "socket", "subprocess", "os"):
        forbidden.append(event)


sys.addaudithook(listen)


def in_sidebar(width: int) -> SimpleNamespace:
    context = drawing_context()
    context.region.width = width
    return context


def draw(panel: type, selected: tuple = ()) -> list[str]:
    """What the panel says and offers."""
    global is_drawing
    forbidden.clear()
    gc.disable()  # what other tests left for Python to clear away is not the panel's doing
    said: list[str] = []
    cut: list[str] = []
    context = drawing_context(selected)
    is_drawing = True
    try:
        panel.draw(SimpleNamespace(layout=Layout(said, cut, CONTENT)), context)
    finally:
        is_drawing = False
        gc.enable()
    assert forbidden == []
    assert cut == []
    return said


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory) -> object:
    """All models and their inputs; nothing can be asked."""
    made = jobs.Backend(tmp_path_factory.mktemp("state"), "sandbox", None)
    teach(made.catalogue, *TABLE, cost_cu=12.5)
    made.close()
    return made.catalogue


@pytest.fixture
def backend(tmp_path, catalogue) -> Iterator[object]:
    """A backend with all models and no worker."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    before, made = dataclasses.replace(session_state.state), jobs.Backend(tmp_path, "sandbox", None)
    made.catalogue = catalogue
    for model in MODELS.values():
        properties.ensure_inputs(model)
    session_state.state.backend = made
    session_state.state.account, session_state.state.online = "sandbox", True
    yield made
    session_state.state.backend = None
    made.close()
    vars(session_state.state).update(vars(before))
    properties.sync_jobs(bpy.context.window_manager, None)


def add_job(backend, name: str = "Cup", **changes):
    job = backend.jobs.add(jobs.NewJob(name, "model_trellis", {}, "Trellis", "sandbox", estimate_cu=12.0))
    backend.jobs.by_id[job.id] = dataclasses.replace(job, **changes)
    properties.sync_jobs(bpy.context.window_manager, backend.jobs)
    return backend.jobs.by_id[job.id]


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_every_model_draws_empty_and_filled(model, backend) -> None:
    chosen = properties.get(bpy.context.scene)
    chosen.model_id = model.id
    said = draw(sidebar.MAQUETTE_PT_make)
    assert model.name in said
    assert "Generate" in said
    set_something(model, properties.inputs_of(chosen, model.id), bpy.data.images.new("cup", 4, 4))
    chosen.place_mode = "CURSOR"
    key = session_state.state.price_keys[bpy.context.scene.name] = f"key of {model.id}"
    assert "Generate · …" in draw(sidebar.MAQUETTE_PT_make)
    answer(backend.catalogue, "price", key, 12.25)
    assert "Generate · 12.25 CU" in draw(sidebar.MAQUETTE_PT_make)
    answer(backend.catalogue, "price", key, None, "The service does not answer.")
    assert "The service does not answer." in " ".join(draw(sidebar.MAQUETTE_PT_make))


def words_of(field) -> Iterator[tuple[str, str]]:
    """Titles and tooltips of a field, its choices and what is in it."""
    yield field.title, field.tip
    spec = field.spec
    yield from ((words.choice_label(spec, value), "") for value in spec.allowed_values)
    for inner in field.fields:
        yield from words_of(inner)


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_every_model_speaks_like_a_person(model, backend) -> None:
    """Titles in Title Case without names from programs, none twice; tooltips without a full stop."""
    fields = properties.fields_of(model.id)
    titles = [field.title for field in fields]
    assert len(set(titles)) == len(titles)
    for field in fields:
        for title, tip in words_of(field):
            assert not re.search("[a-z][A-Z]|_", title.replace("UVs", "")), title
            assert all(word[0].isupper() or word in SMALL for word in re.findall(r"[^\W\d]\w*", title)), title
            assert not tip.endswith(".")
            assert not re.search(r"\b[a-z]+[A-Z]\w*|\w_\w", tip), tip


def test_every_action_says_what_it_does() -> None:
    kinds = [getattr(bpy.types, name) for name in dir(bpy.types) if name.startswith("MAQUETTE_OT_")]
    assert len(kinds) > 20
    for kind in kinds:
        label, tip = kind.bl_label, getattr(kind, "bl_description", "")
        assert all(word[0].isupper() or word in SMALL for word in re.findall(r"[^\W\d]\w*", label)), label
        assert tip or "INTERNAL" in kind.bl_options, label
        assert not tip.endswith("."), tip
        assert tip[:1] == tip[:1].upper()
        for known in kind.bl_rna.properties:
            assert not known.description.endswith("."), (label, known.identifier)


def test_many_objects_show_the_price_of_all(backend) -> None:
    chosen = properties.get(bpy.context.scene)
    chosen.model_id, chosen.place_mode = "model_scenario-voxels", "SELECTED"
    properties.inputs_of(chosen, chosen.model_id).prompt = "a tree"
    session_state.state.price_keys[bpy.context.scene.name] = "key"
    answer(backend.catalogue, "price", "key", 12.0)
    cubes = [bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube")) for _ in range(30)]
    assert "Generate 30 · 360 CU" in draw(sidebar.MAQUETTE_PT_make, tuple(cubes))


def test_the_ways_in_are_offered(backend) -> None:
    session_state.state.account = "signed_out"
    said = draw(sidebar.MAQUETTE_PT_make)
    assert {"maquette.open_preferences", "maquette.use_sandbox"} <= set(said)
    assert "maquette.generate" not in said
    session_state.state.account, session_state.state.online = "key", False
    assert "maquette.allow_online" in draw(sidebar.MAQUETTE_PT_make)
    session_state.state.backend = None
    assert "maquette.generate" in draw(sidebar.MAQUETTE_PT_make)


def test_what_stops_generate_is_shown_once_with_the_operator_that_mends_it(backend, tmp_path) -> None:
    unknown = jobs.Backend(tmp_path / "unknown", "sandbox", None)
    unknown.close()
    backend.catalogue = unknown.catalogue
    assert "Fetching the models…" in draw(sidebar.MAQUETTE_PT_make)
    backend.trouble = "No network."
    assert draw(sidebar.MAQUETTE_PT_make).count("No network.") == 1
    session_state.state.account, session_state.state.online = "key", False
    said = draw(sidebar.MAQUETTE_PT_make)
    assert said.count("Blender's online access is off") == said.count("maquette.allow_online") == 1
    assert said.count("No network.") == 1


def test_a_tick_that_failed_is_told_until_one_succeeds(backend, monkeypatch) -> None:
    told = "Something went wrong in Maquette."
    with monkeypatch.context() as patch:
        patch.setattr(backend, "tick", lambda: 1 / 0)
        assert timer.tick() == timer.AFTER_ERROR_S
    assert told in " ".join(draw(sidebar.MAQUETTE_PT_make))
    timer.tick()
    assert told not in " ".join(draw(sidebar.MAQUETTE_PT_make))


@pytest.mark.parametrize("state", list(State))
def test_a_job_in_any_state_offers_what_can_be_done(state, backend) -> None:
    job = add_job(
        backend,
        state=state,
        message="It did not work. " + "x" * 300,
        resume_state=State.DOWNLOADING if state is State.FAILED else None,
        finished_at=time.time() if state in jobs.DONE else None,
        result={"faces": 40_000},
        inputs={"images": [{"file": "input/none.png", "name": "none.png", "kind": "image"}]},
    )
    said = draw(joblist.MAQUETTE_PT_jobs)
    assert ("maquette.place_job" in said) == (state in jobs.DONE)
    assert ("maquette.cancel_job" in said) == job.is_working
    assert ("maquette.resume_job" in said) == (state is State.FAILED)
    assert ("Run Again · 12 CU" in said) == (not job.is_working)
    row: list[str] = []
    item = properties.lists(bpy.context.window_manager).jobs[0]
    joblist.MAQUETTE_UL_jobs.draw_item(None, in_sidebar(300), Layout(row), None, item, 0, None, "")
    assert "Cup" in row


def test_a_result_tells_its_report_in_a_light_a_sentence_and_folded_numbers(backend) -> None:
    report = {
        "faces": 48210,
        "triangles": 48210,
        "boundary_edges": 14,
        "non_manifold_edges": 0,
        "uv_layers": 1,
    }
    report |= {
        "uv_overlap": 0.03,
        "textures": 3,
        "texture_bytes": 12_000_000,
        "dimensions_m": [1.0, 2.0, 3.0],
    }
    for state in State:
        add_job(backend, state=state, result={"faces": 48210, "report": report})
        said = draw(joblist.MAQUETTE_PT_jobs)
        is_there = state in jobs.DONE
        sentence = "48,210 triangles, not closed: 14 open edges; UVs overlap by 3 %"
        assert (sentence in " ".join(said)) == is_there
        assert ({"Open Edges", "14"} <= {*said}) == is_there
    add_job(backend, state=State.READY, result={"faces": 48210})
    assert "Open Edges" not in draw(joblist.MAQUETTE_PT_jobs)


def test_a_finished_result_says_what_has_become_of_it_and_each_can_be_finished(backend) -> None:
    finish = {"profile": "game", "faces_before": 512340, "faces_after": 20000, "deviation_max_share": 0.0006}
    report = {"faces": 20000, "triangles": 20000, "dimensions_m": [1.0, 2.0, 0.5]}
    result = {"faces": 20000, "objects": 1, "report": report, "finish": finish, "finished": "b5dfcd87a977"}
    for state in State:
        add_job(backend, state=state, result=result)
        said = draw(joblist.MAQUETTE_PT_jobs)
        words = "Game: 512,340 → 20,000 faces, at most 1.2 mm from the original"
        assert (words in " ".join(said)) == (state in jobs.DONE)
        assert ("maquette.finish_job" in said) == (state in jobs.DONE)
    failed = {**result, "finish": {"profile": "game", "error": "It is empty."}}
    add_job(backend, state=State.READY, result=failed, message="It comes as delivered: it is empty.")
    said = " ".join(draw(joblist.MAQUETTE_PT_jobs))
    assert ("It comes as delivered" in said, "not finished" in said) == (True, False)


def test_a_state_that_has_no_room_is_its_icon_alone(backend, monkeypatch) -> None:
    job = add_job(backend, state=State.FAILED, name="A long name of a job")
    item = properties.lists(bpy.context.window_manager).jobs[0]
    wide: list[str] = []
    narrow: list[str] = []
    for said, width in ((wide, 400), (narrow, 150)):
        monkeypatch.setattr(joblist.MAQUETTE_UL_jobs, "ruler", text.Ruler.of(in_sidebar(width)))
        joblist.MAQUETTE_UL_jobs.draw_item(None, in_sidebar(width), Layout(said), None, item, 0, None, "")
    assert ("Failed" in wide, "Failed" in narrow) == (True, False)
    assert job.name in narrow


def test_names_are_shown_as_they_are_whatever_the_language(backend, tmp_path) -> None:
    """Blender's dictionaries have "Light" and "Cube": the list would show another name than the scene."""
    own = jobs.Backend(tmp_path / "own", "sandbox", None)
    own.close()
    table = next(each for each in TABLE if each["id"] == "model_trellis")
    teach(own.catalogue, {**table, "id": "model_light", "name": "Light"}, cost_cu=12.5)
    backend.catalogue = own.catalogue
    light = own.catalogue.models["model_light"]
    add_job(backend, name="Cube", message="Camera", state=State.FAILED)
    Layout.translated.clear()
    draw(joblist.MAQUETTE_PT_jobs)
    shown = properties.lists(bpy.context.window_manager)
    said: list[str] = []
    joblist.MAQUETTE_UL_jobs.draw_item(None, in_sidebar(300), Layout(said), None, shown.jobs[0], 0, None, "")
    shown.search = "Light"
    (item,) = [each for each in shown.models if each.model_id == light.id]
    models.MAQUETTE_UL_models.draw_item(None, None, Layout(said), None, item, 0, None, "")
    models.draw_model(Layout(said), text.Ruler.of(drawing_context()), backend.catalogue, light)
    assert said.count("Cube") == 1 and said.count("Light") == 2
    assert {"Cube", "Camera", "Light"}.isdisjoint(Layout.translated)
    assert "Remove" in Layout.translated


def test_a_job_in_doubt_offers_each_candidate_and_no_other_try(backend) -> None:
    candidates = [
        {"id": "job_7", "url": "https://api.test/v1/jobs/job_7", "created_at": 1_800_000_000},
        {"id": "job_8", "url": "https://api.test/v1/jobs/job_8", "created_at": 0, "is_refused": True},
    ]
    add_job(backend, state=State.UNCERTAIN, resume_state=State.PREPARED, candidates=candidates)
    said = draw(joblist.MAQUETTE_PT_jobs)
    assert "job_7, 2027-01-15 08:00:00 UTC" in " ".join(said)
    assert not [word for word in said if "job_8" in word]
    assert {"maquette.take_candidate", "maquette.refuse_candidate"} <= set(said)
    assert "maquette.resume_job" not in said
    assert "maquette.cancel_job" not in said


def test_trying_again_names_its_price_where_it_is_to_be_paid(backend) -> None:
    add_job(backend, state=State.FAILED, resume_state=State.PREPARED, estimate_cu=20.25)
    assert "Try Again · 20.25 CU" in draw(joblist.MAQUETTE_PT_jobs)
    add_job(backend, state=State.FAILED, resume_state=State.DOWNLOADING, estimate_cu=20.25)
    said = draw(joblist.MAQUETTE_PT_jobs)
    assert "Try Again" in said


def test_the_list_keeps_the_chosen_job_and_shows_a_new_one(backend) -> None:
    manager = bpy.context.window_manager
    first, second = add_job(backend), add_job(backend, state=State.FAILED)
    shown = properties.lists(manager)
    assert properties.active_job_id(manager) == second.id
    shown.active_job = 1
    shown.filter = "ACTIVE"
    assert [item.job_id for item in shown.jobs] == [first.id]
    assert properties.active_job_id(manager) == first.id
    shown.filter = "ALL"
    assert properties.active_job_id(manager) == first.id
    backend.jobs.remove(backend.jobs.cancel(second))
    properties.sync_jobs(manager, backend.jobs)
    assert [item.job_id for item in shown.jobs] == [first.id]


def test_jobs_of_earlier_days_are_added_at_the_end_as_they_are_read(backend) -> None:
    manager = bpy.context.window_manager
    made = [add_job(backend, f"job {number}") for number in range(4)]
    order, shown = backend.jobs.order, properties.lists(manager)
    assert order == [job.id for job in made[::-1]]
    properties.sync_jobs(manager, None)
    for count in (1, 3, 4):
        properties.sync_jobs(manager, SimpleNamespace(by_id=backend.jobs.by_id, order=order[:count]))
        assert [item.job_id for item in shown.jobs] == order[:count]
        assert properties.active_job_id(manager) == order[0]
    properties.sync_jobs(manager, SimpleNamespace(by_id=backend.jobs.by_id, order=order[:2]))
    assert [(item.job_id, item.name) for item in shown.jobs] == [(order[0], "job 3"), (order[1], "job 2")]
    properties.sync_jobs(manager, SimpleNamespace(by_id=backend.jobs.by_id, order=order[1:]))
    assert [item.job_id for item in shown.jobs] == order[1:]
    properties.sync_jobs(manager, backend.jobs)
    assert [item.job_id for item in shown.jobs] == order


def test_all_that_is_finished_is_removed_at_once(backend) -> None:
    working, failed = add_job(backend), add_job(backend)
    for job in (failed, *(add_job(backend) for _ in range(3))):
        backend.jobs.cancel(job)
    bpy.ops.maquette.clear_jobs()
    assert [*backend.jobs.by_id] == backend.jobs.order == [working.id]
    assert not bpy.ops.maquette.clear_jobs.poll()


def test_the_list_is_there_again_in_another_file(backend) -> None:
    job = add_job(backend)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    shown = properties.lists(bpy.context.window_manager)
    assert [item.job_id for item in shown.jobs] == [job.id]


def test_models_are_found_by_words_and_by_what_they_are_for(backend) -> None:
    shown = properties.lists(bpy.context.window_manager)
    shown.search = "hunyuan multi"
    assert {item.name for item in shown.models} >= {"Hunyuan 3D 3.1 Pro (Multiview)"}
    shown.search, shown.task = "", "FROM_TEXT"
    assert 0 < len(shown.models) < len(MODELS)
    assert all("txt23d" in MODELS[item.model_id].capabilities for item in shown.models)
    row: list[str] = []
    models.MAQUETTE_UL_models.draw_item(None, None, Layout(row), None, shown.models[0], 0, None, "")
    assert "12.5 CU" in row
    shown.task = "ALL"
    assert bpy.ops.maquette.choose_model(model_id="model_trellis") == {"FINISHED"}
    assert properties.get(bpy.context.scene).model_id == "model_trellis"
    preferences = bpy.context.preferences.addons[PACKAGE].preferences
    bpy.ops.maquette.toggle_favourite(model_id="model_sparc3d")
    properties.list_models(shown)
    assert [item.model_id for item in shown.models[:2]] == ["model_sparc3d", "model_trellis"]
    bpy.ops.maquette.toggle_favourite(model_id="model_sparc3d")
    assert preferences.favourites == ""


def test_parameters_are_reset_and_inputs_stay(backend) -> None:
    chosen, model = properties.get(bpy.context.scene), MODELS["model_trellis"]
    chosen.model_id = model.id
    group = properties.inputs_of(chosen, model.id)
    bpy.ops.maquette.add_item(input_name="images")
    bpy.ops.maquette.add_item(input_name="images")
    group.images[1].image = bpy.data.images.new("cup", 4, 4)
    bpy.ops.maquette.remove_item(input_name="images", index=0)
    group.slatSamplingSteps = 3
    bpy.ops.maquette.reset_parameters()
    assert properties.values_of(chosen, model) == {"images": [properties.Picture("cup")]}


def test_a_change_takes_the_price_off_the_button(backend) -> None:
    chosen = properties.get(bpy.context.scene)
    chosen.model_id, chosen.place_mode = "model_scenario-voxels", "CURSOR"
    group = properties.inputs_of(chosen, chosen.model_id)
    group.prompt = "a tree"
    answer(backend.catalogue, "price", "key", 12.0)
    for change in (
        lambda: setattr(group, "prompt", "two trees"),
        lambda: setattr(chosen, "model_id", "model_meshy-txt23d"),
        lambda: bpy.ops.maquette.reset_parameters(),
    ):
        session_state.state.price_keys[bpy.context.scene.name] = "key"
        change()
        assert session_state.state.price_keys == {}


def test_inputs_that_depend_on_others_come_and_go(backend) -> None:
    chosen = properties.get(bpy.context.scene)
    chosen.model_id = "model_yvo3d-retexture"
    model, group = backend.catalogue.schema(chosen.model_id), properties.inputs_of(chosen, chosen.model_id)

    def titles() -> list[str]:
        return [field.title for field in properties.relevant_fields(chosen, model)]

    assert "Reference Image" not in titles()
    group.retexture = True
    assert "Reference Image" in titles()
    assert properties.missing(chosen, model, has_mesh=True) == "Choose the Reference Image"
    group.referenceImage = image = bpy.data.images.new("cup", 4, 4)
    assert properties.missing(chosen, model, has_mesh=True) == ""
    bpy.data.images.remove(image)
    assert properties.missing(chosen, model, has_mesh=True) == "Choose the Reference Image"


def test_several_images_fill_the_input_and_the_free_ones_after_it(backend) -> None:
    chosen, examples = properties.get(bpy.context.scene), ROOT / "examples"
    files = [{"name": file.name} for file in sorted(examples.glob("*.png"))]

    def opened(model_id: str, input_name: str) -> dict:
        chosen.model_id = model_id
        properties.ensure_inputs(MODELS[model_id])
        bpy.ops.maquette.open_images(input_name=input_name, directory=str(examples), files=files)
        return properties.values_of(chosen, MODELS[model_id])

    assert len(files) == 3
    views = opened("model_hunyuan-3d-pro-3-1-multiview", "leftImage")
    assert [views[name].name for name in ("leftImage", "frontImage", "rightImage")] == [
        file["name"] for file in files
    ]
    assert len(opened("model_trellis", "images")["images"]) == 3
    assert opened("model_hunyuan-3d-v2-1", "image")["image"].name == files[0]["name"]
    images = opened("model_meshy-multi-image-to-3d", "image")["image"]
    opened("model_meshy-multi-image-to-3d", "image")
    most = properties.fields_of("model_meshy-multi-image-to-3d")[0].spec.max_length
    assert len(images) == 3
    assert len(properties.items_of(chosen, backend.catalogue, "image")) == min(6, most or 6)


def test_text_is_broken_where_the_sidebar_ends(backend) -> None:
    ruler = text.Ruler.of(drawing_context())
    for words in ("a", "the subject touches the border " * 9, "/a/very/long/path" * 20, "", "one\n\ntwo"):
        said: list[str] = []
        text.draw_text(Layout(said), ruler, words)
        assert re.sub(r"\s", "", "".join(said)) == re.sub(r"\s", "", words)
        assert all(ruler.fits(line, taken=0.0) for line in said)
    assert jobs.cost_text(13.25) == "13.25 CU"
    assert jobs.cost_text(1200.0) == "1,200 CU"
    assert text.time_text(3725) == "1:02:05"


def test_few_parameters_are_all_seen_and_rare_ones_are_folded(backend) -> None:
    sources, seen, folded = inputs.arranged(properties.fields_of("model_pixal3d"))
    assert [field.spec.name for field in sources] == ["image"]
    assert {"resolution", "decimationTarget"} <= {field.spec.name for field in seen}
    assert {"seed", "texSlatRescaleT"} <= {field.spec.name for field in folded}
    model = model_with({"name": "a", "type": "boolean"}, {"name": "seed", "type": "number"})
    properties.ensure_inputs(model)
    assert inputs.arranged(properties.fields_of(model.id))[2] == []
