# SPDX-License-Identifier: GPL-3.0-or-later
"""What jobs ask of a service. `client.Scenario` is the one there is; who adds another writes these methods.

Those that ask raise ScenarioError's children. Only `generate` spends; it sends its request once at most.
`tests/faults/test_service.py` holds what each method promises, and runs for every service.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ..client import Asset, Balance, Cost, Download, Job, JsonValue, Model, Progress, Submission


class Service(Protocol):
    """Several threads may use it at a time. Every unknown id is a NotFoundError. Times are Unix seconds."""

    def now(self) -> float:
        """The service's clock, to within a second; until it has answered anything, this computer's."""
        ...

    def last_answer_at(self) -> float | None:
        """The service's clock in its last answer, in whole seconds; None while it has told none.

        What the service does from now on has no earlier time: a submission is dated by it.
        """
        ...

    def list_models(self, *, capabilities: Collection[str]) -> Iterable[Model]:
        """The models that have any of `capabilities`; perhaps without inputs."""
        ...

    def get_model(self, model_id: str) -> Model:
        """The model with its inputs."""
        ...

    def get_balance(self) -> Balance | None:
        """What is left of the account's creative units; None where that may not be read."""
        ...

    def estimate_cost(self, model_id: str, inputs: Mapping[str, JsonValue]) -> Cost:
        """The price of `generate` with these inputs. Raises InputError if they are not right."""
        ...

    def upload(
        self, path: Path, *, kind: str = "image", name: str | None = None, progress: Progress | None = None
    ) -> str:
        """The id of the asset made of the file. Raises InputError if the file cannot be used."""
        ...

    def generate(
        self, model_id: str, inputs: Mapping[str, JsonValue], *, before_send: Callable[[], None] = ...
    ) -> Submission:
        """Start the paid job. After an error with `may_have_arrived` it may be there: look for it.

        `before_send` is called right before the first byte of the request. What it raises is raised, and
        nothing was paid.
        """
        ...

    def list_jobs(self, *, updated_after: float) -> Iterable[Job]:
        """All jobs on models updated since `updated_after`, or an error."""
        ...

    def list_new_jobs(self, *, created_after: float) -> Iterable[Job]:
        """All jobs created since `created_after`, of whatever type, or an error. What the list has is not
        left out, however little of it is understood; one without an id has one that begins with `UNNAMED`.
        """
        ...

    def get_job(self, job_id: str) -> Job: ...

    def job_url(self, job_id: str) -> str:
        """An address of the job for a person who can sign in; it does not expire. No request is made."""
        ...

    def cancel_job(self, job_id: str) -> Job:
        """Raises CancelRefusedError where the service does not stop it."""
        ...

    def get_assets(self, asset_ids: Sequence[str]) -> list[Asset]:
        """The assets in the order of their ids, without those that are not there."""
        ...

    def download(
        self, asset: Asset, target: Path, *, max_bytes: int, progress: Progress | None = None
    ) -> Download:
        """The asset's file at `target`, whole or not at all."""
        ...
