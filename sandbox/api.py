# SPDX-License-Identifier: GPL-3.0-or-later
"""The routes of the service's API that Maquette uses, with its shapes, statuses and checks.

Each route is a function of the `Api` and a `Call` that returns the body; `ROUTES` says which.
"""

import base64
import hmac
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from .assets import Assets
from .catalogue import MADE_AT, check_assets, check_inputs, price_cu, read_models, work
from .lifecycle import Lifecycle
from .state import Record, iso, new_id, public
from .web import ApiError, Handler

MAX_BODY_BYTES = 10_000_000  # the service's gateway refuses more than 10 MB
MAX_TABLE_BYTES = 1_000_000  # of a body without a picture in it
DRY_RUN_STATUS = 269
MAX_BULK = 200
PLAN = "cu-max"
VALUES = ("apiKeys", "canvasAssets", "collections", "projects", "seats")  # beside the creative units
LIMITS = (
    *VALUES,
    "OTPSessions",
    "canvasAssetLayers",
    "defaultSeats",
    "downloadAssets",
    "downloadModel",
    "inferenceBatchSize",
    "maxCooldown",
    "maxTrainingDatasets",
    "minCooldown",
    "models",
    "parallelCustomJobs",
    "parallelInferences",
    "parallelTraining",
    "parallelWorkflowRuns",
    "premiumGenerationSamples",
    "scalingFactor",
    "snapshotsRetention",
    "upload",
)


@dataclass
class Call:
    """One request: the id in its path, its query and its JSON body; `status` is the answer's."""

    id: str
    query: dict[str, str]
    body: Record
    status: int = 200

    def page_size(self, default: int, most: int) -> int:
        text = self.query.get("pageSize", str(default))
        if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= most:
            raise ApiError(400, f"pageSize must be between 1 and {most}")
        return int(text)


class Api:
    """The service behind the routes. It counts requests, and the CDN's unwanted headers."""

    def __init__(
        self, assets: Assets, lifecycle: Lifecycle, *, credits_cu: float, fixed_price: float | None
    ) -> None:
        self.state = state = assets.state
        self.assets = assets
        self.lifecycle = lifecycle
        self.models = read_models(fixed_price, lifecycle.delay_s)
        self.credits_cu = credits_cu
        self.fixed_price = fixed_price
        self.key = state.setting("key", lambda: new_id("api_sandbox"))
        self.secret = state.setting("secret", lambda: new_id("secret_sandbox"))
        self.team_id = state.setting("team", lambda: new_id("team"))
        self.project_id = assets.owner["ownerId"]
        self.requests: Counter[str] = Counter()
        self.auth_headers: Counter[str] = Counter()

    def authorise(self, header: str, is_public: bool) -> None:
        """Raise the service's 401 unless the header holds the key and secret, or the route is public."""
        pair = base64.b64encode(f"{self.key}:{self.secret}".encode())
        is_ours = hmac.compare_digest(header.encode(), b"Basic " + pair)
        if not is_ours and not (is_public and header == "public-auth-token"):
            raise ApiError(401, "Unauthorized: the API key or secret is missing or wrong")

    def stats(self) -> Record:
        counts = {"paidJobs": len(self.state.all("job")), "spentCu": self.lifecycle.spent_cu()}
        return {**counts, "requests": self.requests, "authHeadersOnCdn": self.auth_headers.total()}

    def list_models(self, call: Call) -> Record:
        """Public records without their `inputs`; an account of its own has none."""
        if call.query.get("privacy", "private") != "public":
            return {"models": []}
        start = call.query.get("paginationToken", "0")
        if not re.fullmatch("[0-9]{1,9}", start):
            raise ApiError(400, "Invalid paginationToken")
        end = int(start) + call.page_size(100, 500)
        page = list(self.models.values())[int(start) : end]
        models = [{key: value for key, value in model.items() if key != "inputs"} for model in page]
        return {"models": models} | ({"nextPaginationToken": str(end)} if end < len(self.models) else {})

    def model(self, model_id: str) -> Record:
        if model_id not in self.models:
            raise ApiError(404, f"Model {model_id} not found")
        return self.models[model_id]

    def generate(self, call: Call) -> Record:
        model = self.model(call.id)
        is_dry = call.query.get("dryRun") in ("true", "api")
        check_inputs(model, call.body)
        price = price_cu(model, call.body) if self.fixed_price is None else self.fixed_price
        cost: Record = {"creativeUnitsCost": price, "creativeUnitsDiscount": 0}
        cost |= {"costDetails": {"custom-generation": price}, "note": "A made-up price of the sandbox"}
        if is_dry:
            call.status = DRY_RUN_STATUS
            return {"job": public(self.lifecycle.new_job(model, call.body, price)), **cost}
        check_assets(model, call.body, partial(self.state.find, "asset"))
        with self.state.lock:  # two submissions must not both take the last credits
            left = self.credits_cu - self.lifecycle.spent_cu()
            if price > left:
                raise ApiError(402, f"Not enough creative units: {price:g} CU needed, {left:g} CU left")
            job = self.lifecycle.submit(model, call.body, work(model, call.body, self.assets.path), price)
        return {"job": public(job), **cost}

    def list_jobs(self, call: Call) -> Record:
        """The jobs on models: with `types` those updated last first, else those created last."""
        if "types" in call.query:
            wrong = "createdAfter"
            date = "updatedAfter"
            field = "updatedAt"
        else:
            wrong = "updatedAfter"
            date = "createdAfter"
            field = "createdAt"
        if wrong in call.query:
            can = "only" if wrong == "updatedAfter" else "not"
            raise ApiError(400, f"{wrong} can {can} be used with status, type, types or workflowId")
        try:
            after = datetime.fromisoformat(call.query.get(date, "1970-01-01T00:00:00Z"))
            since = iso(after.timestamp())
        except (ValueError, OverflowError):
            raise ApiError(400, f"{date} must be an ISO 8601 date") from None
        rows = sorted(((job[field], job["jobId"], job) for job in self.state.all("job")), reverse=True)
        before = tuple(call.query.get("paginationToken", "~").split("/"))
        size = call.page_size(50, 100)
        page = [row for row in rows if row[0] > since and row[:2] < before][:size]
        answer: Record = {"jobs": [public(job) for _, _, job in page]}
        return answer | ({"nextPaginationToken": "/".join(page[-1][:2])} if len(page) == size else {})

    def act_on_job(self, call: Call) -> Record:
        self.state.find("job", call.id)
        raise ApiError(400, "Cannot cancel this type of job. Action not permitted.")

    def get_assets(self, call: Call) -> Record:
        ids = call.body.get("assetIds")
        if not isinstance(ids, list) or len(ids) > MAX_BULK:
            raise ApiError(400, f"'assetIds' must be a list of at most {MAX_BULK} ids")
        return {"assets": [self.assets.show(asset) for i in ids if (asset := self.state.get("asset", i))]}

    def list_teams(self, _call: Call) -> Record:
        usual: Record = {"name": "Sandbox", "createdAt": MADE_AT, "updatedAt": MADE_AT}
        team: Record = {"id": self.team_id, "plan": PLAN, "type": "shared", **usual}
        team["context"] = {"invitationsCount": 0, "keysCount": 1, "usersCount": 1, "userRole": "key"}
        return {"teams": [team | {"projects": [{"id": self.project_id, **usual}]}]}

    def get_limits(self, call: Call) -> Record:
        if call.id != self.team_id:
            raise ApiError(403, "You do not have access to this team")
        limits = dict.fromkeys(LIMITS, 200) | {"creativeUnits": self.credits_cu}
        values = dict.fromkeys(VALUES, 1) | {"creativeUnits": self.lifecycle.spent_cu()}
        answer: Record = {"plan": PLAN, "limits": limits, "values": values, "oneShotCreativeUnits": []}
        return answer | {"period": {"start": MADE_AT, "end": "2100-01-01T00:00:00.000Z"}}


ROUTES: tuple[tuple[str, str, Callable[[Api, Call], Record]], ...] = (
    ("GET", "/models", Api.list_models),
    ("GET", "/models/{id}", lambda api, call: {"model": api.model(call.id)}),
    ("POST", "/generate/custom/{id}", Api.generate),
    ("GET", "/jobs", Api.list_jobs),
    ("GET", "/jobs/{id}", lambda api, call: {"job": public(api.state.find("job", call.id))}),
    ("POST", "/jobs/{id}/action", Api.act_on_job),
    ("POST", "/assets", lambda api, call: {"asset": api.assets.show(api.assets.add_image(call.body))}),
    ("POST", "/assets/get-bulk", Api.get_assets),
    ("GET", "/assets/{id}", lambda api, call: {"asset": api.assets.show(api.state.find("asset", call.id))}),
    ("POST", "/uploads", lambda api, call: {"upload": api.assets.start_upload(call.body)}),
    ("GET", "/uploads/{id}", lambda api, call: {"upload": api.assets.show_upload(call.id)}),
    (
        "POST",
        "/uploads/{id}/action",
        lambda api, call: {"upload": api.assets.complete_upload(call.id, call.body)},
    ),
    ("GET", "/teams", Api.list_teams),
    ("GET", "/teams/{id}/limits", Api.get_limits),
)


class ApiHandler(Handler):
    """Finds a request's route, checks who asks, and sends what it returns."""

    api: Api

    def answer(self, path: str, query: dict[str, str]) -> None:
        for method, pattern, route in ROUTES:
            found = re.fullmatch("/v1" + pattern.replace("{id}", "([^/]+)"), path)
            if found and method == self.command:
                is_dry = route is Api.generate and "dryRun" in query
                self.api.requests[f"{method} {pattern}{'?dryRun' if is_dry else ''}"] += 1
                self._authorise(is_public=method == "GET" and pattern.startswith(("/models", "/assets")))
                if query.get("projectId", self.api.project_id) != self.api.project_id:
                    raise ApiError(403, "You do not have access to this project")
                body = self._read_table(MAX_BODY_BYTES if pattern == "/assets" else MAX_TABLE_BYTES)
                call = Call("".join(found.groups()), query, body)
                answer = route(self.api, call)  # may change the call's status
                self.send_json(call.status, answer)
                return
        self._authorise(is_public=False)
        if path != "/sandbox/stats":
            raise ApiError(404, f"No route {self.command} {path} in the sandbox")
        self._read_table(MAX_TABLE_BYTES)
        self.send_json(200, self.api.stats())

    def _authorise(self, *, is_public: bool) -> None:
        """Before a byte of the body is read."""
        self.api.authorise(self.headers.get("Authorization", ""), is_public)

    def _read_table(self, limit: int) -> Record:
        try:
            body = json.loads(self.read_body(limit) or b"{}")
        except (ValueError, RecursionError) as error:
            raise ApiError(400, f"The body is no JSON: {error}") from None
        if not isinstance(body, dict):
            raise ApiError(400, "The body must be a JSON object")
        return body
