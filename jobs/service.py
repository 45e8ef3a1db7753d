# SPDX-License-Identifier: GPL-3.0-or-later
"""What jobs, look-ups and commands ask of a service. `client.Scenario` is one, tests have another.

All methods raise ScenarioError's children. Only `generate` spends; it sends its request once at most.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ..client import Asset, Balance, Cost, Download, Job, JsonValue, Model, Progress, Submission


class Service(Protocol):
    """May be shared among threads. Every unknown id is a NotFoundError."""

    def now(self) -> float:
        """The service's clock in Unix seconds."""
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

    def generate(self, model_id: str, inputs: Mapping[str, JsonValue]) -> Submission:
        """Start the paid job. After an error with `may_have_arrived` it may be there: look for it."""
        ...

    def list_jobs(self, *, updated_after: float) -> Iterable[Job]:
        """All jobs on models updated since `updated_after`, or an error."""
        ...

    def get_job(self, job_id: str) -> Job: ...

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
