# SPDX-License-Identifier: GPL-3.0-or-later
"""The service's answers, in memory: models, their inputs, prices, the balance. Drawn without any I/O.

Each `ask_…` writes a lookup into the store unless a good answer is there or awaited; the worker answers it,
and `read` takes the answers in, a little at a time.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from ..client import AnswerError, JsonValue, Model
from .lookups import ABANDONED_S, Lookup, LookupTable, Price
from .record import InputValue, placeholder_inputs
from .supervisor import Supervisor

ANSWERS = 5  # answers read in one call: a model's inputs take up to a millisecond to understand
_DAY_S = 86_400.0
_RETRY_S = 60.0  # an answer that is an error is believed for so long
# For how long an answer is good.
_FRESH_S = {
    "models": _DAY_S / 4,
    "model": _DAY_S,
    "price": 900.0,
    "balance": 60.0,
    "picture": 600.0,
    "preview": 600.0,
}
_BROKEN_S = 5.0  # a picture in which something is wrong may be mended at any time
_BACKGROUND_FRESH_S = 7 * _DAY_S


@dataclass(frozen=True, slots=True)
class _PricedModel:
    """A model with its inputs, and the price of a run with defaults."""

    model: Model
    cost_cu: float | None


_Value = dict[str, Model] | _PricedModel | Price | float | str | None


@dataclass(slots=True)
class _Row:
    """A lookup and its last good answer; times in Unix seconds.

    `good_until` is when it may be asked for again; `error` is the last answer, if that was one. What is
    awaited was asked before it changed if it `is_outdated`.
    """

    is_background: bool = False
    answered_at: float = 0.0
    good_until: float = 0.0
    error: str = ""
    value: _Value = None
    is_outdated: bool = False


class Catalogue:
    """One service's answers. With `can_ask` False (signed out) nothing is asked; past answers are shown."""

    def __init__(
        self,
        lookups: LookupTable,
        service: str,
        supervisor: Supervisor,
        *,
        can_ask: bool,
        clock: Callable[[], float],
    ) -> None:
        self.last_error = ""  # the last answer to what the user waited for, if it was an error
        self.last_error_kind = ""  # its class's name
        self.revision = 0  # rises with each answer
        self.is_behind = True  # the store may have more than was read
        self._lookups = lookups
        self._service = service
        self._supervisor = supervisor
        self._can_ask = can_ask
        self._clock = clock
        self._opened_at = clock()
        self._rows: dict[tuple[str, str], _Row] = {}  # by kind and key
        self._awaited: dict[tuple[str, str], float] = {}  # since when
        self._newest_read = 0
        self._has_new_models = False

    # What panels draw.

    @property
    def models(self) -> dict[str, Model]:
        """All models by id, without inputs; empty until they are known."""
        value = self._value("models")
        return value if isinstance(value, dict) else {}

    def schema(self, model_id: str) -> Model | None:
        """The model with its inputs, once known."""
        value = self._value("model", model_id)
        return value.model if isinstance(value, _PricedModel) else None

    def model(self, model_id: str) -> Model | None:
        """The model, with its inputs once these are known; None if it is not in the list."""
        return self.schema(model_id) or self.models.get(model_id)

    def typical_cost_cu(self, model_id: str) -> float | None:
        """The price of a run with defaults, once known; else what the service's statistics tell."""
        value = self._value("model", model_id)
        if isinstance(value, _PricedModel) and value.cost_cu is not None:
            return value.cost_cu
        model = self.model(model_id)
        return model.typical_cost_cu if model else None

    def price(self, key: str) -> Price | None:
        """The answer to `ask_price`; None while it is awaited."""
        value = self._value("price", key)
        return value if isinstance(value, Price) else None

    @property
    def balance_cu(self) -> float | None:
        value = self._value("balance")
        return value if isinstance(value, float) else None

    def picture_problem(self, path: str) -> str:
        """What is wrong with the picture's file; "" if nothing is, or if that is not known yet."""
        value = self._value("picture", path)
        return value if isinstance(value, str) else ""

    def is_picture_known(self, path: str) -> bool:
        """Whether `ask_picture` was answered."""
        return self._value("picture", path) is not None

    def error(self, kind: str, key: str = "") -> str:
        """The last answer to this lookup, if it was an error; "" if not."""
        row = self._rows.get((kind, key))
        return row.error if row else ""

    def is_waiting(self) -> bool:
        """Whether an answer is awaited that was not asked for in the background."""
        now = self._clock()
        return any(
            now - asked_at < ABANDONED_S and not self._rows[key].is_background
            for key, asked_at in self._awaited.items()
        )

    # Lookups. Raise StoreError.

    def ask_models(self) -> None:
        self._ask("models")

    def ask_model(self, model_id: str) -> None:
        self._ask("model", model_id)

    def ask_balance(self) -> None:
        self._ask("balance")

    def ask_price(self, model_id: str, inputs: Mapping[str, InputValue]) -> str:
        """Ask what a run with these inputs costs; returns the key for `price`. No file is sent."""
        request: JsonValue = [model_id, placeholder_inputs(inputs)]
        key = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:32]
        self._ask("price", key, request)
        return key

    def ask_picture(self, path: str) -> None:
        """Ask what is wrong with a picture's file: the worker reads it."""
        self._ask("picture", path)

    def ask_preview(self, job_ids: Iterable[str]) -> None:
        """Have the picture of a result made: of the first of these jobs for which that was not asked lately.

        One at a time, behind whatever else is to be done: see previews.py.
        """
        now = self._clock()
        is_awaited = any(
            kind == "preview" and now - asked_at < ABANDONED_S
            for (kind, _), asked_at in self._awaited.items()
        )
        wanted = (each for each in job_ids if now >= self._row("preview", each).good_until)
        job_id = None if is_awaited or not self._can_ask else next(wanted, None)
        if job_id is not None:
            self._ask_in_background("preview", [job_id])

    def expire_balance(self) -> None:
        """The balance has changed: the next `ask_balance` asks, also if an older answer is still to come."""
        row = self._row("balance")
        row.good_until = 0.0
        row.is_outdated = ("balance", "") in self._awaited

    def expire_errors(self) -> None:
        """Forget errors: what they answered may be asked again."""
        self.last_error = self.last_error_kind = ""
        for row in self._rows.values():
            if row.error:
                row.error = ""
                row.good_until = 0.0

    def _value(self, kind: str, key: str = "") -> _Value:
        row = self._rows.get((kind, key))
        return row.value if row else None

    def _row(self, kind: str, key: str = "") -> _Row:
        row = self._rows.get((kind, key))
        if row is None:
            row = self._rows[kind, key] = _Row()
        return row

    def _ask(self, kind: str, key: str = "", request: JsonValue = None) -> None:
        row = self._row(kind, key)
        now = self._clock()
        asked_at = self._awaited.get((kind, key))
        is_awaited = asked_at is not None and now - asked_at < ABANDONED_S and not row.is_background
        if not self._can_ask or is_awaited or now < row.good_until:
            return
        self._lookups.ask(self._service, kind, (key,), request=request)
        self._awaited[kind, key] = now
        row.is_background = False
        self._supervisor.invalidate()

    def ask_about_new_models(self) -> None:
        """After `models` was answered: ask in the background for inputs that are unknown, or of long ago."""
        if not (self._has_new_models and self._can_ask):
            return
        self._has_new_models = False
        self._ask_behind(_BACKGROUND_FRESH_S)

    def refresh_prices(self) -> None:
        """Ask in the background for the models' prices that are not of today; what is known is shown."""
        if self._can_ask:
            self._ask_behind(_DAY_S)

    def _ask_behind(self, fresh_s: float) -> None:
        now = self._clock()
        rows = {model_id: self._row("model", model_id) for model_id in self.models}
        gaps = [
            model_id
            for model_id, row in rows.items()
            if ("model", model_id) not in self._awaited
            and (row.value is None or row.answered_at < now - fresh_s)
        ]
        if gaps:
            self._ask_in_background("model", gaps)

    def _ask_in_background(self, kind: str, keys: Collection[str]) -> None:
        self._lookups.ask(self._service, kind, keys, is_background=True)
        for key in keys:
            self._awaited[kind, key] = self._clock()
            self._row(kind, key).is_background = True
        self._supervisor.invalidate()

    # Reading the store.

    def read(self) -> None:
        """Take in ANSWERS new answers; see `is_behind`."""
        answers = self._lookups.answered_since(self._service, self._newest_read, ANSWERS)
        for answer in answers:
            self._newest_read = answer.change
            with contextlib.suppress(AnswerError):  # written by another version of Maquette
                self.apply(answer)
        self.is_behind = len(answers) == ANSWERS

    def apply(self, answer: Lookup) -> None:
        """Take in one answer; raises AnswerError if it cannot be understood."""
        row = self._row(answer.kind, answer.key)
        at = answer.answered_at or 0.0
        is_of_now = at >= self._opened_at  # an error of before may be mended
        self.revision += 1
        row.answered_at = at
        if answer.is_open:
            self._awaited.setdefault((answer.kind, answer.key), self._clock())
        else:
            self._awaited.pop((answer.kind, answer.key), None)
            row.is_background = False
            row.error = answer.error if is_of_now else ""
            if not answer.error:
                is_broken = answer.kind == "picture" and bool(answer.answer)
                row.good_until = at + (_BROKEN_S if is_broken else _FRESH_S[answer.kind])
            elif is_of_now:
                row.good_until = at + _RETRY_S
            if row.is_outdated:
                row.is_outdated = False
                row.good_until = 0.0
            if is_of_now and not answer.is_background and answer.kind != "picture":
                self.last_error = answer.error
                self.last_error_kind = answer.error_kind
        match answer.kind, answer.answer:
            case "models", list(entries):
                models = [Model.from_json(entry) for entry in entries]
                row.value = {model.id: model for model in models if model.replaced_by is None}
                self._has_new_models = True
            case "model", {"model": entry, "cost_cu": float() | None as cost_cu}:
                row.value = _PricedModel(Model.from_json(entry), cost_cu)
            case "balance", float() | None as left if at > self._opened_at - _DAY_S:
                row.value = left
            case "picture", str(problem):
                row.value = problem
            case "price", cost_cu:
                known = cost_cu if isinstance(cost_cu, float) and not answer.error else None
                row.value = Price(known, answer.error)
            case _:
                pass
