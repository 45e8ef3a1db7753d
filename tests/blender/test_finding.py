# SPDX-License-Identifier: GPL-3.0-or-later
"""What stops Generate and what it costs, the list of jobs beside the scene, and the chooser, in words."""

import dataclasses
import importlib
import re
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import bpy
import pytest
from answers import answer, teach
from layouts import CONTENT, Layout, drawing_context
from model_table import MODELS, PACKAGE, TABLE, jobs, properties

confirm, in_scene, blockers, placing, placeholders, wanted = (
    importlib.import_module(f"{PACKAGE}.window.{name}")
    for name in ("confirm", "in_scene", "blockers", "placing", "placeholders", "wanted")
)
joblist, job_text, sidebar, result = (
    importlib.import_module(f"{PACKAGE}.panels.{name}")
    for name in ("joblist", "job_text", "sidebar", "result")
)
choose_model = importlib.import_module(f"{PACKAGE}.operators.choose_model")
state = importlib.import_module(f"{PACKAGE}.session_state").state
State = jobs.State
TEXT_MODEL = "model_scenario-voxels"


@pytest.fixture
def backend(tmp_path) -> Iterator[object]:
    """A backend with all models and no worker, signed in by a key; words are chosen that cost 12 CU."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    before, made = dataclasses.replace(state), jobs.Backend(tmp_path, "s", None)
    teach(made.catalogue, *TABLE, cost_cu=12.5)
    for model in MODELS.values():
        properties.ensure_inputs(model)
    state.backend = made
    state.account, state.online = "key", True
    chosen = properties.get(bpy.context.scene)
    chosen.model_id = TEXT_MODEL
    chosen.place_mode = "CURSOR"
    properties.inputs_of(chosen, TEXT_MODEL).prompt = "a tree"
    state.price_keys[bpy.context.scene.name] = "key"
    answer(made.catalogue, "price", "key", 12.0)
    yield made
    state.backend = None
    made.close()
    vars(state).update(vars(before))
    in_scene.tracker.forget()
    properties.sync_jobs(bpy.context.window_manager, None)


def draw(panel: type, context: object = None) -> list[str]:
    said: list[str] = []
    cut: list[str] = []
    panel.draw(SimpleNamespace(layout=Layout(said, cut, CONTENT)), context or drawing_context())
    assert cut == []
    return said


def add_job(backend, name: str = "Cup", **changes):
    new = jobs.NewJob(name, "model_trellis", {}, "Trellis", "s", estimate_cu=20.25)
    job = backend.jobs.add(new)
    backend.jobs.by_id[job.id] = dataclasses.replace(job, **changes)
    properties.sync_jobs(bpy.context.window_manager, backend.jobs)
    return backend.jobs.by_id[job.id]


def add_object(job, name: str = "Cup", **properties_of: object) -> bpy.types.Object:
    item = bpy.data.objects.new(name, bpy.data.meshes.new(name))
    bpy.context.scene.collection.objects.link(item)
    item["maquette_job"] = job.id
    for key, value in properties_of.items():
        item[f"maquette_{key}"] = value
    return item


def find_objects() -> None:
    in_scene.tracker.find(bpy.context.window_manager.windows[0])


# Lines 9 and 11: what stops Generate


def test_too_few_credits_stop_generate_and_say_what_is_short(backend) -> None:
    answer(backend.catalogue, "balance", "", 100.0)
    assert "Generate · 12 CU" in draw(sidebar.MAQUETTE_PT_make)
    answer(backend.catalogue, "balance", "", 4.0)
    said = draw(sidebar.MAQUETTE_PT_make)
    assert "8 CU short" in said
    assert "maquette.open_account" in said
    assert blockers.blocker(bpy.context).is_blocking
    state.account = "sandbox"
    assert "maquette.open_account" not in draw(sidebar.MAQUETTE_PT_make)


def test_what_is_on_its_way_is_short_of_credits_too(backend) -> None:
    answer(backend.catalogue, "balance", "", 30.0)
    assert blockers.blocker(bpy.context) is None
    add_job(backend)
    assert blockers.blocker(bpy.context).text == "2.25 CU short"


def test_a_refused_key_stops_generate_with_a_button_to_the_key(backend) -> None:
    text = "The service does not accept the API key and secret. Check both."
    backend.catalogue.last_error, backend.catalogue.last_error_kind = text, "SignInError"
    backend.trouble, backend.trouble_kind = text, "SignInError"
    said = draw(sidebar.MAQUETTE_PT_make)
    assert said.count("maquette.open_preferences") == 1
    assert "Enter Key…" in said
    assert " ".join(said).count("does not accept") == 1
    assert blockers.blocker(bpy.context).is_error
    assert blockers.service_blocker() is None  # a test of the connection asks again


def test_a_broken_picture_stops_generate_and_is_not_waited_for(backend, tmp_path) -> None:
    path = tmp_path / "horse.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n broken")
    chosen = properties.get(bpy.context.scene)
    chosen.model_id = "model_hunyuan-3d-v2-1"
    image = bpy.data.images.new("horse.png", 4, 4)
    image.source = "FILE"
    image.filepath = str(path)
    properties.inputs_of(chosen, chosen.model_id).image = image
    answer(backend.catalogue, "picture", str(path), "")
    assert blockers.blocker(bpy.context) is None
    answer(backend.catalogue, "picture", str(path), "is damaged: its pixels cannot be read")
    assert blockers.blocker(bpy.context).text == "horse.png is damaged: its pixels cannot be read"
    said = draw(sidebar.MAQUETTE_PT_make)
    assert "Cannot Be Read" in said
    assert "template_icon" not in said


# Deliver 8: money in words


def test_a_job_costs_about_before_and_exactly_after_and_says_what_came_back(backend) -> None:
    for changes, text in (
        ({}, "about 20.25 CU, not paid yet"),
        ({"state": State.SUBMITTING}, "about 20.25 CU"),
        ({"state": State.RUNNING, "cost_cu": 19.5, "remote_id": "j"}, "19.5 CU"),
        ({"state": State.FAILED, "cost_cu": 19.5, "refunded_cu": 19.5, "remote_id": "j"}, "19.5 CU refunded"),
        (
            {"state": State.FAILED, "cost_cu": 19.5, "refunded_cu": 9.5, "remote_id": "j"},
            "19.5 CU, 9.5 CU refunded",
        ),
        ({"state": State.FAILED}, "nothing paid"),
    ):
        job = add_job(backend, **changes)
        assert job_text.money_text(job) == text
        assert text in " ".join(draw(joblist.MAQUETTE_PT_jobs))


def test_a_job_that_does_not_reach_the_service_waits_and_is_not_paid(backend) -> None:
    add_job(backend, state=State.PLACED, cost_cu=20.25, created_at=0.0, finished_at=5.0)
    add_job(backend, state=State.UPLOADING, error_kind="NetworkError", message="Nothing answers.")
    said = " ".join(draw(joblist.MAQUETTE_PT_jobs))
    assert re.search(r"Waiting \d+:\d\d\b", said)
    assert "of about" not in said
    assert "Sending" not in said
    assert "not paid yet" in said


def test_the_panel_says_what_was_spent_today(backend) -> None:
    answer(backend.catalogue, "balance", "", 100.0)
    add_job(backend, state=State.PLACED, cost_cu=5.0, remote_id="c", created_at=time.time() - 200_000)
    add_job(backend, state=State.PLACED, cost_cu=20.25, remote_id="a")
    add_job(backend, state=State.FAILED, cost_cu=7.0, refunded_cu=7.0, remote_id="b")
    backend.jobs.revision += 1
    assert "100 CU left · 20.25 CU spent today" in " ".join(draw(sidebar.MAQUETTE_PT_make))


# Line 10: double clicks, hidden collections


def click(request: str, place: tuple[int, int] = (10, 10)) -> set[str]:
    operator = SimpleNamespace(
        bl_idname="maquette.generate", report=lambda *_: None, execute=lambda _: {"FINISHED"}
    )
    event = SimpleNamespace(mouse_x=place[0], mouse_y=place[1])
    return confirm.invoke(
        operator, bpy.context, event, question="?", cost_cu=1.0, is_shown=True, request=request
    )


def test_only_the_second_click_of_a_double_click_on_the_same_is_ignored() -> None:
    confirm.unregister()
    assert click("horse") == {"FINISHED"}
    assert click("horse") == {"CANCELLED"}
    assert click("cat") == {"FINISHED"}
    assert click("cat") == {"CANCELLED"}
    assert click("cat", (40, 10)) == {"FINISHED"}
    confirm.spent.at -= bpy.context.preferences.inputs.mouse_double_click_time / 1000
    assert confirm.settle() is not None  # the first tick after it: what was clicked meanwhile comes now
    assert confirm.settle() is None
    confirm.unregister()
    assert click("cat", (40, 10)) == {"FINISHED"}
    confirm.unregister()


def test_another_input_is_another_request(backend) -> None:
    start_jobs = importlib.import_module(f"{PACKAGE}.window.start_jobs")
    group = properties.inputs_of(properties.get(bpy.context.scene), TEXT_MODEL)
    before = start_jobs.request_key(bpy.context, "")
    assert start_jobs.request_key(bpy.context, "") == before
    group.prompt = "two trees"
    assert start_jobs.request_key(bpy.context, "") != before


@pytest.mark.parametrize("hide", ["exclude", "eye", "screen"])
def test_what_arrives_in_a_hidden_collection_is_told_with_a_button_that_shows_it(backend, hide) -> None:
    job = add_job(backend, state=State.RUNNING)
    item = add_object(job)
    outer, inner = (bpy.data.collections.new(name) for name in ("outer", "inner"))
    bpy.context.scene.collection.children.link(outer)
    outer.children.link(inner)
    inner.objects.link(item)
    bpy.context.scene.collection.objects.unlink(item)
    del item["maquette_job"]
    item["maquette_awaits"] = job.id
    bpy.context.view_layer.update()
    find_objects()
    assert state.hidden == ()
    layer = bpy.context.view_layer.layer_collection.children["outer"]
    setattr(
        layer.collection if hide == "screen" else layer,
        "exclude" if hide == "exclude" else "hide_viewport",
        True,
    )
    bpy.context.view_layer.update()
    del item["maquette_awaits"]
    item["maquette_job"] = job.id
    find_objects()
    assert state.hidden == ("Cup",)
    said = draw(sidebar.MAQUETTE_PT_make)
    assert "Cup is in a hidden collection" in said
    assert "maquette.show_hidden" in said
    bpy.ops.maquette.show_hidden()
    bpy.context.view_layer.update()
    assert item.visible_get()
    find_objects()
    assert state.hidden == ()
    item.hide_set(True)  # the artist's own wish
    find_objects()
    assert state.hidden == ()


# Deliver 5: find it


def test_an_object_with_a_later_result_on_it_is_of_both_jobs_and_shows_the_last(backend) -> None:
    made, texture = add_job(backend, name="Cup"), add_job(backend, name="Glaze")
    item = add_object(made)
    item["maquette_before"] = {"first": "", "job": texture.id}
    find_objects()
    assert state.in_scene == {made.id: "Cup", texture.id: "Cup"}
    assert placeholders.job_of(item, backend.jobs) == texture
    assert placeholders.objects_of(made.id, [item]) == placeholders.objects_of(texture.id, [item]) == [item]
    bpy.context.view_layer.objects.active = item
    item.select_set(True)
    in_scene.tracker.follow()
    assert properties.active_job_id(bpy.context.window_manager) == texture.id


def rows() -> list[str]:
    shown = properties.lists(bpy.context.window_manager)
    said: list[str] = []
    for item in shown.jobs:
        joblist.MAQUETTE_UL_jobs.draw_item(None, None, Layout(said), None, item, 0, None, "")
    return said


def test_a_row_has_the_object_s_name_and_what_there_is_room_for(backend) -> None:
    job = add_job(backend, state=State.PLACED, result={"faces": 2000}, created_at=100.0, finished_at=105.0)
    add_object(job, "Old Chair")
    find_objects()
    joblist.MAQUETTE_UL_jobs.ruler = None
    assert {"Old Chair", "Trellis · 0:05 · 2,000 faces"} <= set(rows())
    draw(joblist.MAQUETTE_PT_jobs)
    assert {"Old Chair", "2,000 faces"} <= set(rows()) or "0:05 · 2,000 faces" in rows()
    add_job(backend, name="A Chair With a Very Long Name That Takes All of It", state=State.FAILED)
    draw(joblist.MAQUETTE_PT_jobs)
    assert "Failed" not in rows()  # the icon says it


def test_the_list_is_filtered_by_words_and_by_the_scene(backend) -> None:
    chair, cup = add_job(backend, name="Chair", source="wooden.png"), add_job(backend, name="Cup")
    add_object(chair, "Throne")
    find_objects()
    shown = properties.lists(bpy.context.window_manager)

    def listed() -> list[str]:
        return [item.job_id for item in shown.jobs]

    for words in ("throne", "CHAIR", "wood trellis"):
        shown.job_search = words
        assert listed() == [chair.id]
    shown.job_search = ""
    assert listed() == [cup.id, chair.id]
    shown.filter = "SCENE"
    assert listed() == [chair.id]
    shown.filter = "ALL"


def test_what_is_made_active_has_its_row_chosen_and_a_click_on_a_row_selects(backend) -> None:
    manager = bpy.context.window_manager
    chair, cup = add_job(backend, name="Chair"), add_job(backend, name="Cup")
    items = [add_object(each, each.name) for each in (chair, cup)]
    part = bpy.data.objects.new("Leg", bpy.data.meshes.new("Leg"))
    bpy.context.scene.collection.objects.link(part)
    part.parent = items[0]
    find_objects()
    for item, job in ((part, chair), (items[1], cup), (items[0], chair)):
        bpy.context.view_layer.objects.active = item
        item.select_set(True)
        in_scene.tracker.follow()
        assert properties.active_job_id(manager) == job.id
        assert state.clicked_job == ""
    properties.lists(manager).active_job = 0
    assert state.clicked_job == cup.id
    state.clicked_job = ""


def test_a_result_is_told_where_objects_are(backend) -> None:
    job = add_job(
        backend, state=State.PLACED, result={"faces": 7}, cost_cu=20.25, created_at=100.0, finished_at=105.0
    )
    item = add_object(job, source="cup.png", seed="42", parameters='{"prompt": "a cup"}')
    item.data.from_pydata([(0, 0, 0), (2, 0, 0), (0, 1, 3)], [], [(0, 1, 2)])
    bpy.context.view_layer.update()
    context = drawing_context()
    context.object = item
    assert result.MAQUETTE_PT_result.poll(context)
    said = draw(result.MAQUETTE_PT_result, context)
    assert {"Trellis", "cup.png", "42", "20.25 CU", "0:05", "1", "2 m × 1 m × 3 m", "a cup"} <= set(said)
    item["maquette_parameters"] = "no JSON"
    backend.jobs.by_id.clear()
    assert "cup.png" in draw(result.MAQUETTE_PT_result, context)
    context.object = bpy.data.objects.new("Other", None)
    assert not result.MAQUETTE_PT_result.poll(context)


# Deliver 6: the chooser


def names() -> list[str]:
    return [item.model_id for item in properties.lists(bpy.context.window_manager).models]


def test_the_chooser_lists_by_task_and_by_price(backend) -> None:
    shown = properties.lists(bpy.context.window_manager)
    shown.task = "RIG"
    assert set(names()) == {
        *("model_meshy-rigging", "model_tripo-rigging-v1", "model_tripo-rigging-v2-5"),
        *("model_uthana-character-rigging", "model_cartwheel-character-rigging"),
    }
    shown.task = "MESH"
    assert "model_meshy-retexture" in names()
    assert "model_trellis" not in names()
    shown.task = "ALL"
    cheap = {"model": next(each for each in TABLE if each["id"] == "model_pixal3d"), "cost_cu": 1.0}
    answer(backend.catalogue, "model", "model_pixal3d", cheap)
    shown.model_sort = "PRICE"
    assert names()[0] == "model_pixal3d"
    shown.model_sort = "USE"
    add_job(backend)
    properties.list_models(shown)
    assert names()[0] == "model_trellis"


def test_a_model_whose_result_this_blender_cannot_show_says_so(backend) -> None:
    splat = " ".join(choose_model.about(MODELS["model_vast-ai-triposplat"]))
    assert ("cannot show" in splat) == ("spz_import" not in dir(bpy.ops.wm))
    assert "cannot show" not in " ".join(choose_model.about(MODELS["model_trellis"]))
    assert len(choose_model.about(MODELS["model_trellis"])) <= choose_model.LINES


def test_a_double_click_on_a_row_chooses_its_model(backend, monkeypatch) -> None:
    shown = properties.lists(bpy.context.window_manager)
    shown.task, shown.search = "ALL", ""
    properties.list_models(shown)
    assert state.clicked_model == ""
    shown.active_model = 3
    shown.active_model = 4
    assert state.clicked_model == ""
    shown.active_model = 4
    assert state.clicked_model == names()[4]
    state.clicked_model = ""


# What a file from elsewhere says of its objects

ODD = ["", "x" * 200_000, 7, -1.5, float("nan"), True, [1, 2], [1.5] * 16, [{"a": 1}], {"job": 3, "mesh": 1}]
ODD += [{"slots": "two", "slot_0": 5, "links": 3, "off": "[[1, 2]]", "uv": [1]}]
OURS = ["job", "awaits", "own", "fit", "version", "arrives", "before", "beside", "min", "max", "unit"]
OURS += ["named", "made", "part", "parts", "model", "source", "seed", "parameters"]


@pytest.mark.parametrize("key", OURS)
def test_whatever_a_file_says_of_its_objects_ticks_and_draws_go_on(backend, key) -> None:
    job = add_job(backend, state=State.READY)
    for number, value in enumerate(ODD):
        item = add_object(job, f"Cup {number}")
        item.data.materials.append(bpy.data.materials.new("Clay"))
        del item["maquette_job"]
        item[f"maquette_{key}"] = value
    bpy.context.view_layer.update()
    placing.find_placeholders()
    find_objects()
    placing.placer.jobs_changed(backend.jobs, [job])
    assert placing.placer.step(backend.jobs) is False
    for item in [each for each in bpy.data.objects if each.name.startswith("Cup")]:
        for each in bpy.context.selected_objects:
            each.select_set(False)
        item.select_set(True)
        bpy.context.view_layer.objects.active = item
        in_scene.tracker.follow()
        context = drawing_context((item,))
        context.object = item
        draw(sidebar.MAQUETTE_PT_make, context)
        draw(joblist.MAQUETTE_PT_jobs, context)
        if result.MAQUETTE_PT_result.poll(context):
            draw(result.MAQUETTE_PT_result, context)
        if bpy.ops.maquette.restore_original.poll():
            assert bpy.ops.maquette.restore_original() == {"FINISHED"}
            assert not bpy.ops.maquette.restore_original.poll()


# What can be replaced


def replaced(backend, item: bpy.types.Object) -> None:
    properties.get(bpy.context.scene).place_mode = "SELECTED"
    for each in bpy.context.selected_objects:
        each.select_set(False)
    item.select_set(True)
    bpy.context.view_layer.objects.active = item


@pytest.mark.parametrize("became", [State.PLACED, State.FAILED, State.CANCELED, None])
def test_what_waits_for_nothing_that_comes_can_be_replaced(backend, became) -> None:
    job = add_job(backend, state=State.RUNNING)
    item = add_object(job)
    del item["maquette_job"]
    item["maquette_awaits"], item["maquette_fit"] = job.id, [1.0] * 16
    replaced(backend, item)
    assert blockers.blocker(bpy.context).text == "What is selected waits for a 3D model"
    if became:
        backend.jobs.by_id[job.id] = dataclasses.replace(job, state=became)
    else:  # removed, or of another computer
        del backend.jobs.by_id[job.id]
    assert blockers.blocker(bpy.context) is None
    new = jobs.NewJob("Cup", "model_trellis", {}, "Trellis", "s")
    placeholders.create(bpy.context, new, item)
    assert item["maquette_awaits"] == new.id
    assert "maquette_fit" not in item


def test_what_keeps_a_result_from_coming_is_told(backend) -> None:
    job = add_job(backend, state=State.READY)
    item = add_object(job)
    del item["maquette_job"]
    item["maquette_awaits"] = job.id
    placing.find_placeholders()
    replaced(backend, item)
    properties.activate_job(bpy.context.window_manager, job.id)
    told = "It comes once you leave Edit Mode"
    assert told not in " ".join(draw(joblist.MAQUETTE_PT_jobs))
    bpy.ops.object.mode_set(mode="EDIT")
    assert told in " ".join(draw(joblist.MAQUETTE_PT_jobs))
    assert blockers.blocker(bpy.context).text == "Its 3D model comes once you leave Edit Mode"
    bpy.ops.object.mode_set(mode="OBJECT")


def test_what_is_linked_is_neither_sent_nor_replaced_and_that_is_said(backend, tmp_path) -> None:
    item = add_object(add_job(backend), "Chair")
    bpy.data.libraries.write(str(tmp_path / "chair.blend"), {item})
    bpy.data.objects.remove(item)
    libraries: Any = bpy.data.libraries  # the stubs know no context manager
    with libraries.load(str(tmp_path / "chair.blend"), link=True) as (_, wanted):
        wanted.objects = ["Chair"]
    bpy.context.scene.collection.objects.link(wanted.objects[0])
    replaced(backend, wanted.objects[0])
    told = "Chair is linked from another file. Make it local first"
    assert blockers.blocker(bpy.context).text == told
    properties.get(bpy.context.scene).model_id = "model_meshy-retexture"
    assert blockers.blocker(bpy.context).text == told


def test_what_overrides_another_file_is_not_replaced_and_that_is_said_before_it_is_paid(
    backend, tmp_path
) -> None:
    chosen: Any = properties.get(bpy.context.scene)
    item = add_object(add_job(backend), "Chair")
    room = bpy.data.collections.new("Set")
    room.objects.link(item)
    bpy.data.libraries.write(str(tmp_path / "set.blend"), {room})
    bpy.data.objects.remove(item)
    bpy.data.collections.remove(room)
    libraries: Any = bpy.data.libraries  # the stubs know no context manager
    with libraries.load(str(tmp_path / "set.blend"), link=True) as (_, found):
        found.collections = ["Set"]
    (linked,), layer = found.collections, bpy.context.view_layer
    made = linked.override_hierarchy_create(bpy.context.scene, layer, do_fully_editable=True)
    (own,) = made.objects
    replaced(backend, own)
    told = "{} is a library override. Make it local first"
    assert blockers.blocker(bpy.context).text == told.format("Chair")
    chosen.model_id = "model_meshy-retexture"
    assert (chosen.mesh_place_mode, chosen.result) == ("ORIGINAL", "MATERIAL")
    assert blockers.blocker(bpy.context).text == told.format("Chair")
    chosen.mesh_place_mode = "CURSOR"  # it is only sent
    assert told.format("Chair") not in str(blockers.blocker(bpy.context))
    own.make_local()
    chosen.mesh_place_mode = "ORIGINAL"
    assert "overrides" not in str(blockers.blocker(bpy.context))
    chosen.result = "OBJECT"
    assert blockers.blocker(bpy.context).text == told.format("Set")


def test_a_selection_of_thousands_is_not_read_to_its_end_at_each_redraw(backend) -> None:
    properties.get(bpy.context.scene).place_mode = "SELECTED"
    mesh, most = bpy.data.meshes.new("Box"), wanted.JOBS_MAX
    for number in range(most + 3):
        found = blockers.blocker(bpy.context) if number else None
        assert (found.text if found else "") == (
            f"At most {most} are made at once. Select fewer" if number > most else ""
        )
        item = bpy.data.objects.new("Box", mesh)
        bpy.context.collection.objects.link(item)
        item.select_set(True)
    assert len(wanted.wanted_now(bpy.context).targets) == most + 1
    assert wanted.wanted_now(bpy.context).action(has_price=False) == "Generate"
