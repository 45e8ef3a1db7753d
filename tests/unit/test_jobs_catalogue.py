# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookups, which spend nothing, and their answers in memory."""

from pathlib import Path
from typing import Any

import pytest
from backend_scene import HUNYUAN, MODELS, BackendScene
from maquette.client import InputError, Model, NetworkError, SignInError
from maquette.jobs import InputFile
from maquette.jobs.catalogue import ANSWERS
from maquette.jobs.lookup_runner import made_up_inputs
from service import Clock, MemoryService


def test_the_catalogue_brings_the_inputs_and_typical_price_of_each_model(opened: BackendScene) -> None:
    opened.backend.catalogue.ask_models()
    assert opened.backend.has_work()
    opened.work(2)
    assert opened.backend.catalogue.models.keys() == MODELS.keys()
    opened.work(2 * len(MODELS))
    opened.settle()
    assert {
        model.id for model in MODELS.values() if opened.backend.catalogue.schema(model.id) == model
    } == MODELS.keys()
    told = [model for model in MODELS if opened.backend.catalogue.typical_cost_cu(model) is not None]
    assert len(told) == len(MODELS)
    assert not opened.backend.has_work()
    assert not opened.service.paid
    # Another start of Blender asks nobody: the answers are there.
    calls = opened.service.calls.copy()
    opened.backend = opened.open()
    opened.backend.tick()
    opened.backend.catalogue.ask_models()
    assert opened.schemas() < ANSWERS
    opened.settle()
    assert opened.schemas() == len(MODELS)
    assert not opened.backend.has_work()
    opened.work(3)
    assert opened.service.calls == calls


def test_the_artist_s_question_comes_before_the_background(opened: BackendScene) -> None:
    opened.backend.catalogue.ask_models()
    opened.work(2)
    chosen = list(MODELS)[30]
    opened.backend.catalogue.ask_model(chosen)
    opened.backend.catalogue.ask_balance()
    opened.work(2)
    assert opened.backend.catalogue.schema(chosen)
    assert opened.backend.catalogue.balance_cu == 900
    assert opened.schemas() <= 3


def test_a_price_is_asked_once_without_the_file(opened: BackendScene, tmp_path: Path) -> None:
    inputs: Any = {"image": InputFile(tmp_path / "never-read.png"), "steps": 20}
    key = opened.backend.catalogue.ask_price(HUNYUAN, inputs)
    assert opened.backend.catalogue.price(key) is None
    assert opened.backend.catalogue.ask_price(HUNYUAN, dict(reversed(inputs.items()))) == key
    opened.work()
    price = opened.backend.catalogue.price(key)
    assert price is not None
    assert (price.cost_cu, price.error) == (2.0, "")
    opened.backend.catalogue.ask_price(HUNYUAN, inputs)
    opened.work()
    assert opened.service.calls["estimate_cost"] == 1
    assert not opened.service.paid


def test_old_models_and_prices_are_shown_at_once_and_asked_for_anew_behind_them(opened: BackendScene) -> None:
    inputs: Any = {"image": InputFile(Path("never-read.png"))}
    catalogue = opened.backend.catalogue
    catalogue.ask_models()
    catalogue.ask_model(HUNYUAN)
    key = catalogue.ask_price(HUNYUAN, inputs)
    opened.work(6)
    opened.clock.time += 50_000.0  # models are good for a quarter of a day, prices for a quarter of an hour
    opened.backend = opened.open()
    opened.settle()
    catalogue = opened.backend.catalogue
    calls = opened.service.calls.copy()
    catalogue.ask_models()
    assert catalogue.ask_price(HUNYUAN, inputs) == key
    price = catalogue.price(key)
    assert (len(catalogue.models), price and price.cost_cu) == (len(MODELS), 1.0)
    assert catalogue.schema(HUNYUAN) == MODELS[HUNYUAN]
    assert opened.service.calls == calls
    opened.work(6)
    assert opened.service.calls["list_models"] == calls["list_models"] + 1
    assert opened.service.calls["estimate_cost"] > calls["estimate_cost"]
    assert catalogue.price(key) is not None


def test_an_answer_that_is_an_error_is_told_and_not_asked_in_a_loop(opened: BackendScene) -> None:
    opened.service.fail["estimate_cost"] = [InputError("steps: too many.")] * 9
    key = opened.backend.catalogue.ask_price(HUNYUAN, {})
    for _ in range(5):
        opened.work(2)
        opened.backend.catalogue.ask_price(HUNYUAN, {})
    price = opened.backend.catalogue.price(key)
    assert price is not None
    assert (price.cost_cu, price.error) == (None, "steps: too many.")
    assert opened.backend.catalogue.last_error == "steps: too many."
    assert opened.backend.catalogue.error("price", key) == "steps: too many."
    assert opened.service.calls["estimate_cost"] == 1
    opened.backend.ask_again()
    assert opened.backend.catalogue.error("price", key) == ""
    opened.backend.catalogue.ask_price(HUNYUAN, {})
    opened.backend.catalogue.ask_balance()
    opened.work()
    assert opened.service.calls["estimate_cost"] == 2
    assert opened.backend.catalogue.balance_cu == 900


@pytest.mark.parametrize("error", [SignInError("No."), NetworkError("No network", kind="dns")])
def test_without_a_way_to_the_service_the_background_gives_up_at_once(
    opened: BackendScene, error: Exception
) -> None:
    opened.backend.catalogue.ask_models()
    opened.work(2)
    opened.service.fail["get_model"] = [error]
    opened.work(3)
    assert opened.service.calls["get_model"] <= 2
    opened.settle()
    assert not opened.backend.has_work()
    assert opened.backend.catalogue.last_error == ""


def test_an_error_from_before_is_not_believed(opened: BackendScene) -> None:
    opened.service.fail["get_model"] = [SignInError("No.")]
    opened.backend.catalogue.ask_model(HUNYUAN)
    opened.work()
    assert opened.backend.catalogue.error("model", HUNYUAN) == "No."
    opened.clock.time += 1
    opened.backend = opened.open()
    opened.settle()
    assert opened.backend.catalogue.error("model", HUNYUAN) == ""
    opened.backend.catalogue.ask_model(HUNYUAN)
    opened.work()
    assert opened.backend.catalogue.schema(HUNYUAN)


def test_an_error_that_nobody_foresaw_is_an_answer_too(opened: BackendScene) -> None:
    opened.service.fail["get_balance"] = [ZeroDivisionError("x")]
    opened.backend.catalogue.ask_balance()
    opened.work()
    assert "ZeroDivisionError" in opened.backend.catalogue.last_error


def test_old_and_abandoned_questions_are_forgotten(opened: BackendScene) -> None:
    opened.backend.catalogue.ask_price(HUNYUAN, {"steps": 1})
    opened.work()
    opened.backend.catalogue.ask_balance()
    opened.clock.time += 700
    opened.backend = opened.open()
    assert opened.other.lookups.list_open("s", -1) == []
    assert len(opened.other.lookups.answered_since("s", 0, -1)) == 1
    opened.clock.time += 90_000
    opened.open()
    assert opened.other.lookups.answered_since("s", 0, -1) == []


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_made_up_inputs_are_what_the_model_takes(model: Model) -> None:
    service = MemoryService(Clock())
    service.models = MODELS
    assert service.estimate_cost(model.id, made_up_inputs(model)).creative_units
