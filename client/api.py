# SPDX-License-Identifier: GPL-3.0-or-later
"""The Scenario API's calls that 3D needs, one method each. No Blender, no state on disk."""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Self, cast
from urllib.parse import quote

from .elapsed import Timing
from .errors import AnswerError, CancelRefusedError, InputError, NotAllowedError, NotFoundError
from .fields import Fields, JsonValue, log
from .models import Model
from .records import Asset, Balance, Cost, Credentials, Download, Job, Progress, Submission, price_or_none

DEFAULT_API_URL = "https://api.cloud.scenario.com/v1"
MAX_PAGES = 200
MAX_LIST_BYTES = 256 << 20  # of all its pages, 6 KB of which are a usual job
UNNAMED = "unnamed-"  # how the made-up id of a job begins whose own is not understood
MAX_FILE_BYTES = 16 << 30


class Scenario:
    """One account at one address; without credentials only what is public can be read. Threads may share it.

    Every method raises ScenarioError's children. What only reads is retried; `generate` is never.
    """

    def __init__(
        self,
        api_url: str,
        credentials: Credentials | None = None,
        *,
        project_id: str | None = None,
        timing: Timing = Timing(),  # noqa: B008  # nothing changes it
    ) -> None:
        # Imported late: it brings the HTTP library, which Blender's own process has no use for.
        from .transport import Transport

        self._transport = Transport(api_url, credentials, project_id, timing)
        self._project_id = project_id
        self._team_id: str | None = None  # once it is known
        self._timing = timing

    @staticmethod
    def load() -> None:
        """Import the HTTP library now and not with the first account."""
        import_module(".transport", __package__)

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def now(self) -> float:
        """The service's clock in Unix seconds, to within one; until it has answered anything, ours."""
        return self._transport.clock.now()

    def last_answer_at(self) -> float | None:
        """The service's clock in its last answer, whole seconds: what it does from now on is no older."""
        return self._transport.clock.last_answer_at

    def list_models(self, *, capabilities: Collection[str]) -> Iterator[Model]:
        """The public models that have any of `capabilities`, but deprecated ones; without inputs."""
        for page in self._pages("models", {"privacy": "public", "pageSize": "500"}):
            for model in page.understood("models", Model.from_json):
                if model.replaced_by is None and not set(capabilities).isdisjoint(model.capabilities):
                    yield model

    def get_model(self, model_id: str) -> Model:
        """The model with its inputs."""
        return Model.from_json(self._transport.ask("models", model_id).any("model"))

    def estimate_cost(self, model_id: str, inputs: Mapping[str, JsonValue]) -> Cost:
        """The price of `generate` with these inputs. Costs and starts nothing.

        The service answers with HTTP status 269.
        """
        cost = _cost(self._run(model_id, inputs, is_dry=True))
        if cost is None:
            raise AnswerError("The service does not tell the price. Try again later.")
        return cost

    def generate(
        self,
        model_id: str,
        inputs: Mapping[str, JsonValue],
        *,
        before_send: Callable[[], None] = lambda: None,
    ) -> Submission:
        """Start the paid job. Sent once at most: after an error with `may_have_arrived`, look for the job.

        `before_send` is called when the connection is there, right before the first byte that counts; what
        it raises is raised, and nothing was started. Of the answer the job's id alone has to be understood.
        """
        try:
            answer = self._run(model_id, inputs, is_dry=False, before_send=before_send)
            job = answer.any("job")
            return Submission(Job.from_json(answer.raw if job is None else job), _cost_or_none(answer))
        except AnswerError as error:
            error.may_have_arrived = True  # whatever was answered, the request was there
            raise

    def _run(
        self,
        model_id: str,
        inputs: Mapping[str, JsonValue],
        *,
        is_dry: bool,
        before_send: Callable[[], None] = lambda: None,
    ) -> Fields:
        route, query = ("generate", "custom", model_id), {"dryRun": "true"} if is_dry else {}
        body = dict(inputs)
        try:
            return self._transport.ask(
                *route, body=body, query=query, is_safe=is_dry, is_paid=not is_dry, before_send=before_send
            )
        except InputError as error:
            text = str(error)
            error.problems = [(name, text) for name in inputs if re.search(rf"\b{re.escape(name)}\b", text)]
            raise

    def get_job(self, job_id: str) -> Job:
        """The job, as far as it is understood; AnswerError where not even its id is."""
        if job_id.startswith(UNNAMED):
            raise NotFoundError("The service's id of this job is not known.")
        return Job.from_json(self._transport.ask("jobs", job_id).any("job"))

    def list_jobs(self, *, updated_after: float) -> Iterator[Job]:
        """The jobs on models updated since `updated_after` (Unix seconds): all of them, or AnswerError.

        Each is read as far as it is understood; one without an id, which can be nobody's, is left out.
        """
        query = {"types": "custom", "updatedAfter": _date(updated_after)}
        return (job for job in self._list_jobs(query) if not job.id.startswith(UNNAMED))

    def list_new_jobs(self, *, created_after: float) -> Iterator[Job]:
        """The same for all jobs created since then, of whatever type: the service takes this date only
        without a type (and `updatedAfter` only with one). One without an id, which may be anybody's, has one
        that begins with `UNNAMED`.
        """
        return self._list_jobs({"createdAfter": _date(created_after)})

    def _list_jobs(self, query: Mapping[str, str]) -> Iterator[Job]:
        for page in self._pages("jobs", {"pageSize": "100", **query}):
            if page.any("jobs") is None:  # what is no list must not look like an empty one
                raise AnswerError("The service's answer is not understood: it has no list of jobs.")
            for value in page.array("jobs"):
                yield _listed_job(value)

    def job_url(self, job_id: str) -> str:
        """Where the service tells of this job, for a person with the key; the address does not expire."""
        return f"{self._transport.api_url}/jobs/{quote(job_id, safe='')}"

    def cancel_job(self, job_id: str) -> Job:
        """Ask for a job to be stopped; raises CancelRefusedError where the service does not stop it."""
        try:
            answer = self._transport.ask("jobs", job_id, "action", body={"action": "cancel"})
        except (InputError, NotAllowedError) as error:
            raise CancelRefusedError(
                f"The service does not cancel this job: it goes on and is paid for. {error}"
            ) from None
        return Job.from_json(answer.any("job"))

    def get_asset(self, asset_id: str) -> Asset:
        return Asset.from_json(self._transport.ask("assets", asset_id).any("asset"))

    def get_assets(self, asset_ids: Sequence[str]) -> list[Asset]:
        """Up to 200 assets in the order of their ids; those that the service does not know are absent."""
        answer = self._transport.ask("assets", "get-bulk", body={"assetIds": list(asset_ids)}, is_safe=True)
        found = {asset.id: asset for asset in answer.understood("assets", Asset.from_json)}
        return [found[asset_id] for asset_id in dict.fromkeys(asset_ids) if asset_id in found]

    def upload(
        self, path: Path, *, kind: str = "image", name: str | None = None, progress: Progress | None = None
    ) -> str:
        """The id of the asset made of the file; `progress` may raise to stop it."""
        from .upload import upload

        return upload(self._transport, path, kind, name or path.name, progress, self._timing.sleep)

    def download(
        self, asset: Asset, target: Path, *, max_bytes: int = MAX_FILE_BYTES, progress: Progress | None = None
    ) -> Download:
        """The asset's file at `target`, whole or not at all; what arrived stays as `.part` for the next time.

        `progress` may raise to stop it. Raises NetworkError or ServerError where later may be better, and
        TransferError where it will not.
        """
        from .download import Downloader

        work = Downloader(
            self._transport, asset, target, self.get_asset, max_bytes, progress, self._timing.sleep
        )
        return work.run()

    def get_balance(self) -> Balance | None:
        """What is left of the account's creative units, or None where that may not be read or is odd."""
        try:
            self._team_id = self._team_id or self._find_team()
            if self._team_id is None:
                return None
            return Balance.from_json(self._transport.ask("teams", self._team_id, "limits"))
        except (NotAllowedError, NotFoundError, AnswerError) as error:
            if isinstance(error, AnswerError):
                log.warning("The balance is not known. %s", error)
            self._team_id = None
            return None

    def _find_team(self) -> str | None:
        """The id of the project's team, else of the first one."""
        teams = self._transport.ask("teams").nested_list("teams")
        projects = {project.text("id"): team for team in teams for project in team.nested_list("projects")}
        team = projects.get(self._project_id or "") or next(iter(teams), None)
        return team and team.text("id")

    def _pages(self, plural: str, query: Mapping[str, str]) -> Iterator[Fields]:
        """The list's pages; a short or empty page is not the end as long as a token comes with it."""
        asked = dict(query)
        left_bytes = MAX_LIST_BYTES
        tokens: set[str] = set()
        for _ in range(MAX_PAGES):
            page = self._transport.ask(plural, query=asked)
            left_bytes -= page.size_bytes
            if left_bytes < 0:
                most = MAX_LIST_BYTES >> 20
                raise AnswerError(
                    f"The service's list of {plural} is larger than {most} MB. Try again later."
                )
            yield page
            if not (token := page.optional_text("nextPaginationToken")):
                return
            if token in tokens:
                raise AnswerError(f"The service's list of {plural} leads back to a page that was there.")
            tokens.add(token)
            asked["paginationToken"] = token
        raise AnswerError(f"The service's list of {plural} does not end after {MAX_PAGES} pages.")


def _listed_job(value: JsonValue) -> Job:
    """An entry of a list, as far as it is understood; the id that it gets if it has none is its content's."""
    with suppress(AnswerError):
        return Job.from_json(value)
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
    table = cast("dict[str, JsonValue]", value if isinstance(value, dict) else {})
    return Job.from_json({**table, "jobId": f"{UNNAMED}{digest}"})


def _date(moment: float) -> str:
    latest = 253402300799.0  # the end of the year 9999
    text = datetime.fromtimestamp(min(max(0.0, moment), latest), UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _cost_or_none(answer: Fields) -> Cost | None:
    """None also for a price that is not understood."""
    with suppress(AnswerError):
        return _cost(answer)
    return None


def _cost(answer: Fields) -> Cost | None:
    units = price_or_none(answer.number("creativeUnitsCost"))
    return None if units is None else Cost(units)
