# SPDX-License-Identifier: GPL-3.0-or-later
"""A prompt for each object, several images at once, and where a 3D model may be begun: on the sandbox."""

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest
from commands import EXAMPLES
from sandbox_scene import (
    cancel_all,
    choose_model,
    operators,
    part,
    placeholders,
    properties,
    session_state,
    timer,
    until,
    wait,
)

VOXELS, RODIN, IMAGE = "model_scenario-voxels", "model_rodin-hyper3d", "model_hunyuan-3d-v2-1"


own_inputs, wanted, blockers = map(part, ("properties.own_inputs", "window.wanted", "window.blockers"))
begin = part("window.begin")


@pytest.fixture
def scene(backend: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty scene; Generate returns at once, as in a window. What was begun is canceled."""
    bpy.ops.wm.read_homefile(use_empty=True)
    monkeypatch.setattr(wait, "wait_for_jobs", lambda _jobs: None)
    yield bpy.context.scene
    cancel_all(backend)


def choose(scene: Any, model_id: str) -> Any:
    """Has the model chosen, and returns the group of its inputs."""
    choose_model(model_id)
    return properties.inputs_of(scene.maquette, model_id)


def boxes(*names: str) -> list[Any]:
    """Selected meshes of these names, to be replaced."""
    made = []
    for name in names:
        made.append(bpy.data.objects.new(name, bpy.data.meshes.new(name)))
        bpy.context.scene.collection.objects.link(made[-1])
        made[-1].select_set(True)
    bpy.context.scene.maquette.place_mode = "SELECTED"
    bpy.context.view_layer.update()
    return made


def asked(backend: Any, count: int) -> dict[str, Any]:
    """The newest jobs by name, with what they ask for."""
    return {job.name: job.inputs for job in map(backend.jobs.by_id.get, backend.jobs.order[:count])}


def own_lines() -> list[str]:
    return wanted.wanted_now(bpy.context).lines()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Chair", "chair"),
        ("Chair.001", "chair"),
        ("Oak_Table_02.003", "oak table"),
        ("OakTable", "oak table"),
        ("UFO", "UFO"),
        ("Boeing 747", "boeing 747"),
        ("007", "007"),
        ("Стул.002", "стул"),
    ],
)
def test_an_object_s_name_is_words_without_its_number(name: str, words: str) -> None:
    assert own_inputs.words_of(name) == words


def test_ten_named_boxes_are_ten_jobs_with_their_own_prompts(scene: Any, backend: Any) -> None:
    choose(scene, VOXELS)
    names = ["Chair", "Chair.001", *(f"Thing {letter}" for letter in "abcdefgh")]
    boxes(*names)
    assert scene.maquette.use_object_names
    assert blockers.blocker(bpy.context) is None
    assert operators.generate() == {"FINISHED"}
    found = asked(backend, 10)
    assert {name: inputs["prompt"] for name, inputs in found.items()} == {
        "Chair": "chair",
        "Chair.001": "chair",
        **{f"Thing {letter}": f"thing {letter}" for letter in "abcdefgh"},
    }


def test_a_name_stands_where_the_prompt_says(scene: Any, backend: Any) -> None:
    inputs = choose(scene, VOXELS)
    inputs.prompt = "a {name}, weathered oak"
    boxes("Chair", "Oak_Table.001")
    assert not scene.maquette.use_object_names
    assert own_lines() == ["Chair: a chair, weathered oak", "Oak_Table.001: an oak table, weathered oak"]
    operators.generate()
    prompts = {name: found["prompt"] for name, found in asked(backend, 2).items()}
    assert prompts == {"Chair": "a chair, weathered oak", "Oak_Table.001": "an oak table, weathered oak"}


def test_names_go_before_a_prompt_if_a_person_says_so_and_not_if_not(scene: Any) -> None:
    inputs = choose(scene, VOXELS)
    inputs.prompt = "weathered oak"
    boxes("Chair")
    assert own_lines() == []
    scene.maquette.use_object_names = True
    assert own_lines() == ["Chair: chair, weathered oak"]
    scene.maquette.use_object_names = False
    inputs.prompt = ""
    assert own_lines() == []
    assert "prompt" in blockers.blocker(bpy.context).text


def test_a_prompt_with_a_name_is_not_sent_where_nothing_is_replaced(scene: Any) -> None:
    inputs = choose(scene, VOXELS)
    inputs.prompt = "a {name}"
    assert "needs Place › Replace Selected" in blockers.blocker(bpy.context).text
    boxes("Chair")
    assert blockers.blocker(bpy.context) is None


def test_an_object_s_own_prompt_image_and_seed_are_its_job_s_and_in_the_file(
    scene: Any, backend: Any, tmp_path: Path
) -> None:
    inputs = choose(scene, RODIN)
    inputs.prompt = "weathered oak"
    chair, table, _ = boxes("Chair", "Table", "Lamp")
    chair.maquette.prompt, chair.maquette.has_seed, chair.maquette.seed = "a red {name}", True, 7
    image = bpy.data.images.new("table", 8, 8)
    image.pack()
    table.maquette.image = image
    path = str(tmp_path / "own.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert own_lines() == ["Chair: a red chair", "Table: table"]
    operators.generate()
    found = asked(backend, 3)
    assert {name: each["prompt"] for name, each in found.items()} == {
        "Chair": "a red chair",
        "Table": "weathered oak",
        "Lamp": "weathered oak",
    }
    assert found["Chair"]["seed"] == 7
    assert "seed" not in found["Lamp"]
    assert [file.name for file in found["Table"]["images"]] == ["table.png"]
    assert "images" not in found["Chair"]


def test_an_empty_that_shows_an_image_is_made_from_it(scene: Any, backend: Any) -> None:
    choose(scene, IMAGE)
    for name in ("cat", "dog"):
        empty = bpy.data.objects.new(name, None)
        scene.collection.objects.link(empty)
        empty.empty_display_type, empty.data = "IMAGE", bpy.data.images.new(name, 8, 8)
        empty.select_set(True)
    scene.maquette.place_mode = "SELECTED"
    assert blockers.blocker(bpy.context) is None
    operators.generate()
    assert {name: each["image"].name for name, each in asked(backend, 2).items()} == {
        "cat": "cat.png",
        "dog": "dog.png",
    }


def test_the_price_of_all_is_the_sum_of_each_object_s_own(scene: Any, backend: Any) -> None:
    """Prompts are one lookup; an image beside one is another, and each object's price is its own."""
    choose(scene, RODIN)
    _, table, _ = boxes("Chair", "Table", "Lamp")
    table.maquette.image = bpy.data.images.new("table", 8, 8)
    shapes = wanted.wanted_now(bpy.context).shapes
    assert len(shapes) == 2
    session_state.state.price_keys.clear()
    model = properties.model_of(scene.maquette, backend.catalogue)
    for shape, own in shapes.items():
        values = properties.values_of(scene.maquette, model, own)
        inputs = part("window.collect_inputs").priced_inputs(model, values)
        key = backend.catalogue.ask_price(model.id, inputs)
        session_state.state.price_keys[wanted.price_name(scene.name, shape)] = key
        assert wanted.wanted_now(bpy.context).cost_cu is None
    until(lambda: wanted.wanted_now(bpy.context).is_priced)
    now = wanted.wanted_now(bpy.context)
    assert now.cost_cu == sum(price.cost_cu for price in now.prices)


def test_a_question_lists_what_fits_a_window(scene: Any) -> None:
    choose(scene, VOXELS).prompt = f"a {{name}}, {'very ' * 40}old"
    boxes(*(f"Thing {number}" for number in range(40)))
    found = own_lines()
    assert len(found) == wanted.LINES_MAX
    assert found[-1] == f"and {40 - wanted.LINES_MAX + 1} more"
    assert all(len(line) <= wanted.LINE_MAX for line in found)


def drop(*names: str) -> None:
    files = [{"name": name} for name in names]
    operators.drop_image("EXEC_DEFAULT", directory=str(EXAMPLES), files=files)


def test_of_several_dropped_images_none_vanishes_without_a_word(
    scene: Any, backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the model takes one, the first is its input and it is asked what to do with all."""
    inputs = choose(scene, IMAGE)
    questions: list[list[str]] = []
    monkeypatch.setattr(begin, "ask_about", lambda _, names: questions.append(list(names)))
    known = set(backend.jobs.by_id)
    drop("horse.png", "cat.png", "coffee.png")
    assert questions == [["horse.png", "cat.png", "coffee.png"]]
    assert inputs.image.name == "horse.png"
    assert set(backend.jobs.by_id) == known, "nothing is paid before the answer"
    drop("cat.png")
    assert (inputs.image.name, len(questions)) == ("cat.png", 1)


def test_each_of_several_images_is_made_and_they_stand_on_a_grid(scene: Any, backend: Any) -> None:
    choose(scene, IMAGE)
    drop("horse.png", "cat.png", "coffee.png")
    scene.maquette.drop_point, scene.maquette.place_mode = (5.0, 6.0, 7.0), "POINT"
    operators.make_each("EXEC_DEFAULT", names="horse.png\ncat.png\ncoffee.png")
    found = asked(backend, 3)
    assert {name: each["image"].name for name, each in found.items()} == {
        "horse": "horse.png",
        "cat": "cat.png",
        "coffee": "coffee.png",
    }
    step = scene.maquette.size * 1.25
    places = {each.name: tuple(each.location) for each in scene.objects}
    foot = 7.0 + scene.maquette.size / 2
    assert places["horse"] == pytest.approx((5.0, 6.0, foot))
    assert places["cat"] == pytest.approx((5.0 + step, 6.0, foot))
    assert places["coffee"] == pytest.approx((5.0, 6.0 + step, foot))


def test_what_is_made_again_of_a_dropped_image_stands_beside_the_first(scene: Any, backend: Any) -> None:
    """The surface that it was dropped on is no hindrance."""
    bpy.ops.mesh.primitive_cube_add(size=4, location=(5, 6, 6))
    choose(scene, IMAGE)
    drop("horse.png")
    scene.maquette.drop_point, scene.maquette.place_mode = (5.0, 6.0, 7.0), "POINT"
    known = {each.name for each in scene.objects}
    for _ in range(3):
        operators.generate("EXEC_DEFAULT")
    step = scene.maquette.size * 1.25
    found = sorted(each.location.x for each in scene.objects if each.name not in known)
    assert found == pytest.approx([5.0, 5.0 + step, 5.0 + 2 * step])


def test_several_stand_clear_of_what_is_at_the_3d_cursor(scene: Any) -> None:
    """All are moved together: they keep their places among one another."""
    spots = part("window.spots")
    bpy.ops.mesh.primitive_cube_add(size=2)
    scene.maquette.place_mode = "CURSOR"
    places = [spot.location for spot in spots.grid(bpy.context, 4)]
    step = scene.maquette.size * 1.25
    assert min(x for x, _, _ in places) == pytest.approx(1 + 0.75 * scene.maquette.size)
    x, y, z = places[0]
    wanted_places = [(x, y, z), (x + step, y, z), (x, y + step, z), (x + step, y + step, z)]
    assert places == [pytest.approx(place) for place in wanted_places]
    bpy.ops.mesh.primitive_cube_add(size=1, location=(x + step, y + step, 0.5))
    assert min(x for x, _, _ in (spot.location for spot in spots.grid(bpy.context, 4))) > x + step


def test_several_go_on_with_a_row(scene: Any) -> None:
    spots = part("window.spots")
    (last,) = boxes("Last")
    last.location.x = 5.0
    last["maquette_awaits"] = "a-job"
    scene.maquette.place_mode = "ROW"
    assert spots.grid(bpy.context, 2)[0].location[0] > 5.0


def test_a_row_begins_beside_what_is_at_the_3d_cursor(scene: Any, backend: Any) -> None:
    start_jobs = part("window.start_jobs")
    choose(scene, VOXELS).prompt = "a vase"
    bpy.ops.mesh.primitive_cube_add(size=2)
    scene.maquette.place_mode = "ROW"
    job_ids, problem = start_jobs.start_jobs(bpy.context)
    assert not problem
    (found,) = placeholders.objects_of(job_ids[0], scene.objects)
    assert found.location.x == pytest.approx(1 + 0.75 * scene.maquette.size)


def test_one_of_several_images_that_cannot_be_read_is_named_before_anything_is_paid(
    scene: Any, tmp_path: Path
) -> None:
    catalogue = session_state.state.catalogue
    inputs = choose(scene, IMAGE)
    good, broken = tmp_path / "good.png", tmp_path / "broken.png"
    content = (EXAMPLES / "cat.png").read_bytes()
    good.write_bytes(content)
    broken.write_bytes(content[: len(content) // 2])
    images = [bpy.data.images.load(str(path)) for path in (good, broken)]
    until(lambda: part("window.pictures").ask_of(catalogue, images))

    def problem(*names: str) -> str:
        found = blockers.blocker(bpy.context, wanted=wanted.wanted_now(bpy.context, images=names))
        return found.text if found else ""

    inputs.image = images[1]
    assert problem("good.png") == "", "what is in the panel is not sent"
    inputs.image = images[0]
    assert "broken.png" in problem("good.png", "broken.png")
    assert begin.readable(["good.png", "broken.png"]) == ["good.png"]


def test_a_3d_model_is_begun_from_images_and_from_words_by_a_model_that_takes_them(scene: Any) -> None:
    choose(scene, "model_meshy-remesh")
    scene.maquette.place_mode = "SELECTED"
    operators.add_from_images("EXEC_DEFAULT", directory=str(EXAMPLES), files=[{"name": "cat.png"}])
    model = properties.model_of(scene.maquette, session_state.state.catalogue)
    assert "img23d" in model.capabilities
    assert scene.maquette.place_mode == "CURSOR"
    inputs = choose(scene, model.id)
    operators.use_images("EXEC_DEFAULT", names="cat.png", asks=True)
    assert inputs.image.name == "cat.png"
    scene.maquette.place_mode = "SELECTED"
    operators.add_from_text("EXEC_DEFAULT")
    model = properties.model_of(scene.maquette, session_state.state.catalogue)
    assert "txt23d" in model.capabilities
    assert scene.maquette.place_mode == "CURSOR"
    with pytest.raises(
        RuntimeError, match="one folder at a time"
    ):  # Blender tells one for all that is dropped
        drop("cat.png", "elsewhere.png")
    with pytest.raises(RuntimeError, match="Not an image"):
        operators.add_from_images("EXEC_DEFAULT", directory=str(EXAMPLES), files=[{"name": "SOURCES.md"}])


@pytest.mark.parametrize(("task", "word"), [("TEXTURE", "extur"), ("TOPOLOGY", "emesh"), ("RIG", "igging")])
def test_what_is_to_be_done_with_an_object_chooses_a_model_for_it(scene: Any, task: str, word: str) -> None:
    boxes("Chair")
    operators.use_task(task=task)
    model = properties.model_of(scene.maquette, session_state.state.catalogue)
    assert word in model.name or "opology" in model.name
    assert "3d23d" in model.capabilities


def test_the_job_of_an_object_is_shown_in_the_list(scene: Any, backend: Any) -> None:
    choose(scene, VOXELS)
    boxes("Chair", "Table")
    operators.generate()
    shown = properties.lists(bpy.context.window_manager)
    shown.filter = "DONE"
    for name in ("Chair", "Table"):
        bpy.context.view_layer.objects.active = bpy.data.objects[name]
        operators.show_job()
        job = backend.jobs.by_id[properties.active_job_id(bpy.context.window_manager)]
        assert job.name == name


def test_what_spends_is_neither_redone_nor_repeated_by_blender() -> None:
    for name in ("generate", "make_each", "place_under_mouse", "repeat_job"):
        assert "REGISTER" not in getattr(bpy.types, f"MAQUETTE_OT_{name}").bl_options


def test_a_click_before_a_question_can_be_read_pays_nothing(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirm = part("window.confirm")
    monkeypatch.setattr(confirm, "UNREAD_S", 3600.0)  # however long a busy machine takes to click
    begun: list[str] = []
    operator = SimpleNamespace(
        bl_idname="maquette.make_each",
        bl_label="Make",
        report=lambda *_: None,
        execute=lambda _: begun.append("paid") or {"CANCELLED"},
    )
    event = SimpleNamespace(mouse_x=10, mouse_y=10)

    def click() -> set[str]:
        return confirm.invoke(
            operator, bpy.context, event, question="?", cost_cu=1.0, is_shown=True, request="cat"
        )

    confirm.question_opened()
    assert click() == {"CANCELLED"}
    assert not begun
    confirm.spent.asked_at -= confirm.UNREAD_S
    click()
    assert begun == ["paid"]


def test_a_name_is_no_texture(scene: Any) -> None:
    """A model that changes a mesh is told by a name what the object is only if a person says so."""
    choose(scene, "model_tripo-v3-0-texturing")
    boxes("Chair")
    assert not scene.maquette.use_object_names
    scene.maquette.use_object_names = True
    assert own_lines() == ["Chair: chair"]


def test_what_an_object_says_and_where_it_is_to_stand_make_another_request(scene: Any) -> None:
    start_jobs, spots = part("window.start_jobs"), part("window.spots")
    choose(scene, RODIN).prompt = "oak"
    (chair,) = boxes("Chair")
    seen = [start_jobs.request_key(bpy.context)]
    assert start_jobs.request_key(bpy.context) == seen[0]
    chair.maquette.prompt = "a throne"
    seen.append(start_jobs.request_key(bpy.context))
    chair.maquette.has_seed = True
    seen.append(start_jobs.request_key(bpy.context))
    chair.maquette.seed = 7
    seen.append(start_jobs.request_key(bpy.context))
    chair.maquette.image = bpy.data.images.new("own", 8, 8)
    seen.append(start_jobs.request_key(bpy.context))
    chair.maquette.prompt = ""
    seen.append(start_jobs.request_key(bpy.context))
    scene.maquette.use_object_names = True
    seen.append(start_jobs.request_key(bpy.context))
    seen.append(start_jobs.request_key(bpy.context, images=["cat.png"]))
    for x in (1.0, 2.0):
        seen.append(start_jobs.request_key(bpy.context, spot=spots.Spot((x, 0.0, 0.0))))
    assert len(set(seen)) == len(seen)


def test_too_few_credits_for_all_are_told_though_each_could_be_paid(
    scene: Any, backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(scene, VOXELS)
    boxes("Chair", "Table")
    model = properties.model_of(scene.maquette, backend.catalogue)
    for shape, own in wanted.wanted_now(bpy.context).shapes.items():
        values = properties.values_of(scene.maquette, model, own)
        inputs = part("window.collect_inputs").priced_inputs(model, values)
        key = backend.catalogue.ask_price(model.id, inputs)
        session_state.state.price_keys[wanted.price_name(scene.name, shape)] = key

    def prices() -> list[Any]:
        return wanted.wanted_now(bpy.context).prices

    until(lambda: None not in prices())
    cost_cu = prices()[0].cost_cu
    have_cu = [2 * cost_cu + backend.jobs.unpaid_cu()]
    monkeypatch.setattr(type(backend.catalogue), "balance_cu", property(lambda _: have_cu[0]))
    assert blockers.blocker(bpy.context) is None
    have_cu[0] -= 0.5 * cost_cu
    assert "short" in blockers.blocker(bpy.context).text
    with pytest.raises(RuntimeError, match="short"):
        operators.generate()


def test_a_3d_model_stands_on_the_spot_that_was_clicked_whatever_is_there(scene: Any, backend: Any) -> None:
    start_jobs, spots = part("window.start_jobs"), part("window.spots")
    bpy.ops.mesh.primitive_cube_add()
    choose(scene, VOXELS).prompt = "a vase"
    scene.maquette.place_mode = "MOUSE"
    job_ids, problem = start_jobs.start_jobs(bpy.context, spot=spots.Spot((0.0, 0.0, 1.0), 0.5, 2.0))
    assert not problem
    (found,) = placeholders.objects_of(job_ids[0], scene.objects)
    assert tuple(found.location) == pytest.approx((0.0, 0.0, 2.0))
    assert found.rotation_euler.z == pytest.approx(0.5)


def test_a_panel_is_seen_however_long_its_redraw_takes(
    scene: Any, backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a heavy scene Blender may draw for longer than a panel counts as seen."""
    choose(scene, VOXELS)
    monkeypatch.setattr(timer, "last", timer.LastTicks())
    now = time.monotonic()
    timer.tick(now)
    session_state.state.drawn_at = now + 1.0
    timer.tick(now + 10.0)
    assert timer.last.asked_at == now + 10.0
    timer.tick(now + 20.0)
    assert timer.last.asked_at == now + 10.0, "once: it was not drawn again"
