# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's inputs once more: seeds, other models, groups."""

from pathlib import Path
from typing import Any

import pytest
from backend_scene import MODELS, BackendScene
from maquette.client import InputError, Model
from maquette.jobs import InputFile, NewJob, Store, repeat, takes
from maquette.jobs.repeats import for_model, with_new_seed

HUNYUAN = MODELS["model_hunyuan-3d-v2-1"]
TRELLIS = MODELS["model_trellis"]


def new(inputs: dict[str, Any], **more: Any) -> NewJob:
    return NewJob(name="horse", model_id=HUNYUAN.id, inputs=inputs, service="s", **more)


def picture(folder: Path, name: str = "horse.png") -> InputFile:
    path = folder / name
    path.write_bytes(b"picture")
    return InputFile(path)


def test_what_is_run_again_is_of_the_first_ones_group_however_often(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    first = store.add(new({"image": picture(tmp_path), "seed": 42}))
    made, left_out = repeat(first, store.job_folder(first.id), None, times=3)
    assert len({each.id for each in made}) == 3
    assert not left_out
    second, *others = store.add_all(made)
    (third,) = store.add_all(repeat(second, store.job_folder(second.id), None, keeps_seed=True)[0])
    assert {each.group for each in (first, second, *others, third)} == {first.id}
    assert "seed" not in second.inputs
    assert second.input_files[0].name == "horse.png"


def test_a_group_is_known_without_looking_through_all_jobs(opened: BackendScene) -> None:
    jobs = opened.backend.jobs
    first = jobs.add(new({}))
    opened.clock.time += 1.0
    alone = jobs.add(new({}))
    opened.clock.time += 1.0
    more = jobs.add_all([new({}, placement={"group": first.id}) for _ in range(2)])
    assert jobs.group(more[1]) == [first, *more]
    assert jobs.group(alone) == [alone]
    opened.other.request_cancel(more[0])
    opened.settle()
    jobs.remove(jobs.by_id[more[0].id])
    assert [each.id for each in jobs.group(first)] == [first.id, more[1].id]
    again = opened.open()
    again.tick()
    assert [each.id for each in again.jobs.group(first)] == [first.id, more[1].id]
    again.close()


@pytest.mark.parametrize("group", [None, 5, [], {"a": 1}])
def test_a_job_whose_group_is_none_is_a_group_of_its_own(tmp_path: Path, group: Any) -> None:
    job = Store(tmp_path).add(new({}, placement={"group": group}))
    assert job.group == job.id


def test_seeds_that_are_given_or_usual_are_drawn_anew() -> None:
    spec = [{"name": "seed", "type": "number", "default": 7}, {"name": "textureSeed", "type": "number"}]
    model = Model.from_json({"id": "m", "name": "M", "inputs": spec})
    seeds = {str(with_new_seed(new({}), model).inputs["seed"]) for _ in range(3)}
    assert len(seeds) == 3
    settings = {"settings": {"seed": 1, "textureSeed": 1, "faces": 2}}
    again = with_new_seed(new({"seed": 1, "textureSeed": 1}, placement=settings), None)
    assert (again.inputs, again.placement) == ({}, {"settings": {"faces": 2}})
    assert with_new_seed(new({"a": 1}), model).inputs["a"] == 1


def test_another_model_gets_files_words_and_settings_that_it_has_a_place_for(tmp_path: Path) -> None:
    image = picture(tmp_path)
    placement = {"settings": {"a": 1}, "own": 2}
    first = new({"image": image, "targetFaceNum": 4000, "seed": 3}, placement=placement)
    made, left_out = for_model(first, TRELLIS)
    assert made.model_id == TRELLIS.id
    assert made.inputs["images"] == [image]
    assert (left_out, made.placement, made.estimate_cu) == (["targetFaceNum"], {"own": 2}, None)
    back, _ = for_model(made, HUNYUAN)
    assert back.inputs["image"] == image


def test_views_are_not_taken_for_one_another(tmp_path: Path) -> None:
    names = ("frontImage", "leftImage", "backImage")
    views = {name: picture(tmp_path, f"{name}.png") for name in names}
    multiview, other = MODELS["model_hunyuan-3d-pro-multiview"], MODELS["model_tripo-p1-multiview-to-3d"]
    assert dict(for_model(new(views), other)[0].inputs) == views
    made, left_out = for_model(new(views), HUNYUAN)
    assert (made.inputs["image"], left_out) == (views["frontImage"], ["leftImage", "backImage"])
    listed = for_model(new(views), TRELLIS)[0].inputs["images"]
    assert listed == list(views.values())
    one, left_out = for_model(new({"images": listed}), multiview)
    assert one.inputs == {"frontImage": views["frontImage"]}
    assert left_out == []


def test_a_model_that_cannot_do_with_the_inputs_says_what_is_missing(tmp_path: Path) -> None:
    image = picture(tmp_path)
    remesh, words = MODELS["model_meshy-remesh"], MODELS["model_meshy-txt23d"]
    with pytest.raises(InputError, match=r"Meshy Remesh cannot do with these inputs: Model is required"):
        for_model(new({"image": image}), remesh)
    assert not takes(remesh, {"image": image})
    assert not takes(words, {"image": image})
    assert takes(TRELLIS, {"image": image})
    assert takes(words, {"prompt": "a red box"})
    assert not takes(TRELLIS, {})
    both = MODELS["model_scenario-voxels"]
    with pytest.raises(InputError, match="has no place for image"):
        for_model(new({"image": image, "prompt": "a horse"}), words)
    assert for_model(new({"prompt": "a horse"}), both)[0].inputs["prompt"] == "a horse"
