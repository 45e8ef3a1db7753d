# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers the window's lookups in the worker, by the service's reading side alone: nothing here spends.

A person's lookups come first; background ones are asked one at a time, with pauses.
"""

from concurrent.futures import Future  # of the worker process, which is plain Python
from pathlib import Path
from typing import Any, cast

from ..client import (
    CAPABILITIES,
    Input,
    InputError,
    JsonValue,
    Model,
    NetworkError,
    ScenarioError,
    SignInError,
    check_inputs,
    problem_of_picture,
)
from .leased_store import STORE_TROUBLE, LeasedStore, log
from .lookups import Lookup
from .record import PLACEHOLDER_ASSET
from .service import Service
from .tasks import Tasks

PAUSE_S = 0.3
_AT_ONCE = 4


class LookupRunner:
    """Takes up open lookups, one look at a time."""

    def __init__(self, leased: LeasedStore, api: Service, tasks: Tasks) -> None:
        self._leased = leased
        self._api = api
        self._tasks = tasks
        self._lookups = leased.store.lookups
        self._background = ""  # key of the last background task
        self._next_background = 0.0

    def start_open(self) -> None:
        """Begin to answer the lookups that wait."""
        for lookup in self._lookups.list_open(self._leased.service, _AT_ONCE):
            key = f"{lookup.kind} {lookup.key}"
            if key in self._tasks:
                continue
            if lookup.is_background:
                if self._background in self._tasks or self._leased.clock() < self._next_background:
                    return
                self._background = key
            self._tasks.start(
                key,
                "lookup",
                lambda _, lookup=lookup: answer_to(self._api, lookup),
                lambda future, lookup=lookup: self._answered(lookup, future),
            )

    def _answered(self, lookup: Lookup, future: Future[Any]) -> None:
        error, service = future.exception(), self._leased.service
        self._next_background = self._leased.clock() + PAUSE_S
        if error is None:
            try:
                self._lookups.answer(service, lookup, future.result())
                return
            except STORE_TROUBLE:
                raise
            except Exception as defect:  # an answer that cannot be kept: this lookup's trouble
                log.exception("lookup %s %s: a defect", lookup.kind, lookup.key)
                error = defect
        text = str(error)
        if not isinstance(error, ScenarioError):
            text = f"The service's answer could not be read ({type(error).__name__}: {text})."
        log.info("lookup %s %s: %s", lookup.kind, lookup.key, text)
        kind = type(error).__name__
        self._lookups.answer(service, lookup, None, text, kind)
        if isinstance(error, SignInError | NetworkError):  # nor would the others be answered
            for other in self._lookups.list_open(service, -1):
                if other.is_background:
                    self._lookups.answer(service, other, None, text, kind)


def answer_to(api: Service, lookup: Lookup) -> JsonValue:
    """What the service says to the lookup; raises ScenarioError."""
    match lookup.kind, lookup.request:
        case "models", _:
            return [dict(model.raw) for model in api.list_models(capabilities=CAPABILITIES)]
        case "model", _:
            model = api.get_model(lookup.key)
            return {"model": dict(model.raw), "cost_cu": _typical_cost_cu(api, model)}
        case "price", [str(model_id), dict(inputs)]:
            return api.estimate_cost(model_id, inputs).creative_units
        case "balance", _:
            balance = api.get_balance()
            return None if balance is None else balance.remaining_cu
        case "picture", _:
            return problem_of_picture(Path(lookup.key))
        case _:
            raise InputError(f"This version of Maquette knows no lookup {lookup.kind!r}.")


def _typical_cost_cu(api: Service, model: Model) -> float | None:
    """The price of a run with defaults; None where the service does not tell it for made-up inputs."""
    try:
        return api.estimate_cost(model.id, made_up_inputs(model)).creative_units
    except ScenarioError as error:
        log.info("no typical price of %s: %s", model.id, error)
        return None


def made_up_inputs(model: Model) -> dict[str, JsonValue]:
    """Minimal placeholder inputs that pass the model's checks; used to ask for a typical price."""
    specs = {spec.name: spec for spec in model.inputs}
    sources = [spec.name for spec in model.inputs if spec.is_file or "prompt" in spec.name.lower()]
    values: dict[str, JsonValue] = {}
    for _ in specs:
        try:
            values = check_inputs(model, values)
            break
        except InputError as error:  # names what is missing; one made-up value may call for another
            values |= {name: _made_up(specs[name]) for name, _ in error.problems if name in specs}
    if sources and not values.keys() & set(sources):
        values[sources[0]] = _made_up(specs[sources[0]])
    return values


def _made_up(spec: Input) -> JsonValue:
    if spec.default is not None:
        return spec.default
    if spec.type == "boolean":
        return False
    one: JsonValue = "a cup".ljust(spec.min_length or 0, ".")
    if spec.is_file:
        one = PLACEHOLDER_ASSET
    elif spec.allowed_values:
        one = spec.allowed_values[0]
    elif "number" in spec.type:
        one = spec.min if spec.min is not None else min(1.0, spec.max or 1.0)
    elif spec.type == "inputs_array":
        one = cast("JsonValue", {sub.name: _made_up(sub) for sub in spec.inputs if sub.required.is_always})
    return [one] * max(1, spec.min_length or 1) if spec.type.endswith("_array") else one
