# SPDX-License-Identifier: GPL-3.0-or-later
"""The Scenario API's calls that 3D needs, one method each. No Blender, no state on disk."""

import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from .errors import AnswerError, CancelRefusedError, InputError, NotAllowedError, NotFoundError
from .fields import Fields, JsonValue
from .models import Model
from .records import Asset, Balance, Cost, Credentials, Download, Job, Progress, Submission

DEFAULT_API_URL = "https://api.cloud.scenario.com/v1"
MAX_PAGES = 200
MAX_DOWNLOAD_BYTES = 16 << 30
BULK_SIZE = 200


class Scenario:
    """One account at one address; without credentials only what is public can be read. Threads may share it.

    Every method raises ScenarioError's children. What only reads is retried; `generate` is never.
    """

    def __init__(
        self,
        api_url: str = DEFAULT_API_URL,
        credentials: Credentials | None = None,
        *,
        project_id: str | None = None,
        user_agent: str = "Maquette",
    ) -> None:
        # Imported late: it brings the HTTP library, which Blender's own process has no use for.
        from .transport import Transport

        self._transport = Transport(api_url, credentials, project_id=project_id, user_agent=user_agent)
        self._project_id = project_id
        self._sleep = time.sleep

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def api_url(self) -> str:
        return self._transport.api_url

    def now(self) -> float:
        """The service's clock in Unix seconds, to within one; until it has answered anything, ours."""
        return time.time() + self._transport.clock_offset_s

    def list_models(self, *, capabilities: Collection[str] = (), is_public: bool = True) -> Iterator[Model]:
        """The models that have any of `capabilities` (all if empty), but deprecated ones; without inputs."""
        wanted = set(capabilities)
        query = {"privacy": "public" if is_public else "private", "pageSize": "500"}
        for page in self._pages("models", query, MAX_PAGES):
            for model in page.items("models", Model.from_json):
                if model.replaced_by is None and (not wanted or wanted.intersection(model.capabilities)):
                    yield model

    def get_model(self, model_id: str) -> Model:
        """The model with its inputs."""
        answer = self._transport.get("models", model_id, is_public=True)
        return Model.from_json(Fields(answer, "answer").raw.get("model"))

    def estimate_cost(self, model_id: str, inputs: Mapping[str, JsonValue]) -> Cost:
        """The price of `generate` with these inputs. Costs and starts nothing (the service answers 269)."""
        try:
            answer = self._transport.post(
                "generate", "custom", model_id, body=dict(inputs), query={"dryRun": "true"}, is_safe=True
            )
        except InputError as error:
            raise _about_inputs(error, inputs) from None
        cost = _cost(Fields(answer, "answer"))
        if cost is None:
            raise AnswerError("The service does not tell the price. Try again later.")
        return cost

    def generate(self, model_id: str, inputs: Mapping[str, JsonValue]) -> Submission:
        """Start the paid job. Sent once at most: after an error with `may_have_arrived`, look for the job."""
        try:
            answer = Fields(self._transport.post("generate", "custom", model_id, body=dict(inputs)), "answer")
            return Submission(Job.from_json(answer.raw.get("job")), _cost(answer))
        except InputError as error:
            raise _about_inputs(error, inputs) from None
        except AnswerError as error:
            error.may_have_arrived = True  # whatever was answered, the request was there
            raise

    def get_job(self, job_id: str) -> Job:
        return Job.from_json(Fields(self._transport.get("jobs", job_id), "answer").raw.get("job"))

    def list_jobs(
        self, *, updated_after: float | None = None, types: Sequence[str] = ("custom",), max_pages: int = 50
    ) -> Iterator[Job]:
        """Jobs of these types updated since `updated_after` (Unix seconds).

        Raises AnswerError if `max_pages` do not hold them all: a list that looks whole must be whole.
        """
        query = {"types": ",".join(types), "pageSize": "100"}
        if updated_after is not None:
            moment = datetime.fromtimestamp(max(0.0, updated_after), UTC)
            query["updatedAfter"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for page in self._pages("jobs", query, max_pages):
            yield from page.items("jobs", Job.from_json)

    def cancel_job(self, job_id: str) -> Job:
        """Ask for a job to be stopped; raises CancelRefusedError where the service does not stop it."""
        try:
            answer = self._transport.post("jobs", job_id, "action", body={"action": "cancel"})
        except (InputError, NotAllowedError) as error:
            raise CancelRefusedError(
                f"The service does not cancel this job: it goes on and is paid for. {error}", trace_id=None
            ) from None
        return Job.from_json(Fields(answer, "answer").raw.get("job"))

    def get_asset(self, asset_id: str) -> Asset:
        answer = self._transport.get("assets", asset_id, is_public=True)
        return Asset.from_json(Fields(answer, "answer").raw.get("asset"))

    def get_assets(self, asset_ids: Sequence[str]) -> list[Asset]:
        """The assets in the order of their ids; those that the service does not know are absent."""
        found: dict[str, Asset] = {}
        for start in range(0, len(asset_ids), BULK_SIZE):
            wish = {"assetIds": list(asset_ids[start : start + BULK_SIZE])}
            answer = Fields(self._transport.post("assets", "get-bulk", body=wish, is_safe=True), "answer")
            found.update((asset.id, asset) for asset in answer.items("assets", Asset.from_json))
        return [found[asset_id] for asset_id in dict.fromkeys(asset_ids) if asset_id in found]

    def upload(
        self, path: Path, *, kind: str = "image", name: str | None = None, progress: Progress | None = None
    ) -> str:
        """The id of the asset made of the file; `progress` may raise to stop it."""
        from .upload import Uploader

        return Uploader(
            self._transport, path, kind=kind, name=name, progress=progress, sleep=self._sleep
        ).run()

    def download(
        self,
        asset: Asset,
        target: Path,
        *,
        max_bytes: int = MAX_DOWNLOAD_BYTES,
        progress: Progress | None = None,
    ) -> Download:
        """The asset's file at `target`, whole or not at all; what arrived stays as `.part` for the next time.

        `progress` may raise to stop it. Raises NetworkError or ServerError where later may be better,
        DiskFullError, and TransferError where it will not.
        """
        from .download import Downloader

        return Downloader(
            self._transport,
            asset,
            target,
            refetch=lambda: self.get_asset(asset.id),
            max_bytes=max_bytes,
            progress=progress,
            sleep=self._sleep,
        ).run()

    def get_balance(self) -> Balance | None:
        """What is left of the account's creative units, or None where the key may not read it."""
        try:
            answer = Fields(self._transport.get("teams"), "answer")
            teams = answer.items("teams", lambda item: Fields(item, "team"))
            own = [team for team in teams if self._project_id in team.items("projects", _id_of)] or teams
            return (
                Balance.from_json(self._transport.get("teams", own[0].text("id"), "limits")) if own else None
            )
        except (NotAllowedError, NotFoundError):
            return None

    def _pages(self, plural: str, query: Mapping[str, str], max_pages: int) -> Iterator[Fields]:
        """The list's pages; a short or empty page is not the end as long as a token comes with it."""
        token: str | None = None
        for _ in range(max_pages):
            asked = {**query, **({"paginationToken": token} if token else {})}
            page = Fields(self._transport.get(plural, query=asked, is_public=plural == "models"), "answer")
            yield page
            token = page.text_or_none("nextPaginationToken")
            if token is None:
                return
        raise AnswerError(f"The service's list of {plural} does not end after {max_pages} pages.")


def _id_of(project: object) -> str:
    return Fields(project, "project").text("id")


def _cost(answer: Fields) -> Cost | None:
    units = answer.number_or_none("creativeUnitsCost")
    return None if units is None else Cost(units, answer.number_or_none("creativeUnitsDiscount") or 0.0)


def _about_inputs(error: InputError, inputs: Mapping[str, JsonValue]) -> InputError:
    """The service's refusal with the inputs that it names."""
    text = str(error)
    error.problems = [(name, text) for name in inputs if re.search(rf"\b{re.escape(name)}\b", text)]
    return error
