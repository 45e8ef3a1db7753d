# SPDX-License-Identifier: GPL-3.0-or-later
"""The routes of the service's API that Maquette uses, with its shapes, statuses and checks.

Each route is one method of `Api` that takes a `Call` and returns the body; `ROUTES` says which.
"""

import base64
import binascii
import hmac
import json
import re
from collections import Counter
from dataclasses import dataclass

from .assets import Assets, Uploads
from .catalogue import Catalogue, check_inputs, price_cu, work
from .lifecycle import Lifecycle
from .state import Record, State, iso, new_id, public, unix_ms
from .web import ApiError, Handler

DRY_RUN_STATUS = 269
MAX_BULK = 200
PLAN = "cu-max"


@dataclass
class Call:
    """One request: the id in its path, its query and its JSON body; `status` is the answer's."""

    id: str
    query: dict[str, str]
    body: Record
    status: int = 200


class Api:
    """The service behind the routes. It counts requests, and the CDN's unwanted headers."""

    def __init__(
        self,
        state: State,
        assets: Assets,
        lifecycle: Lifecycle,
        *,
        credits_cu: float,
        fixed_price: float | None,
    ) -> None:
        self.state = state
        self.assets = assets
        self.uploads = Uploads(assets)
        self.lifecycle = lifecycle
        self.catalogue = Catalogue()
        self.credits_cu = credits_cu
        self.fixed_price = fixed_price
        self.key = str(state.setting("key", lambda: new_id("api_sandbox")))
        self.secret = str(state.setting("secret", lambda: new_id("secret_sandbox")))
        self.team_id = str(state.setting("team", lambda: new_id("team")))
        self.requests: Counter[str] = Counter()
        self.auth_headers: Counter[str] = Counter()

    def authorise(self, header: str, is_public: bool) -> None:
        """Raise the service's 401 unless the header holds the key and secret, or the route is public."""
        if header == "public-auth-token" and is_public:
            return
        scheme, _, token = header.partition(" ")
        try:
            pair = base64.b64decode(token, validate=True) if scheme == "Basic" else b""
        except (binascii.Error, ValueError):
            pair = b""
        if not hmac.compare_digest(pair, f"{self.key}:{self.secret}".encode()):
            raise ApiError(401, "Unauthorized: the API key or secret is missing or wrong")

    def stats(self) -> Record:
        spent, paid = self.lifecycle.spent_cu(), self.lifecycle.paid_jobs()
        counts = dict(sorted(self.requests.items()))
        return {
            "paidJobs": paid,
            "spentCu": spent,
            "requests": counts,
            "authHeadersOnCdn": self.auth_headers.total(),
        }

    def list_models(self, call: Call) -> Record:
        if call.query.get("privacy", "private") != "public":
            return {"models": []}
        size = _page_size(call.query, 100, 500)
        cursor = _cursor(call.query) or {"offset": 0}
        offset = int(cursor.get("offset", 0))
        answer: Record = {"models": self.catalogue.listing(offset, size)}
        if offset + size < len(self.catalogue.models):
            answer["nextPaginationToken"] = _token({"offset": offset + size, "limit": size})
        return answer

    def get_model(self, call: Call) -> Record:
        return {"model": self.catalogue.get(call.id)}

    def generate(self, call: Call) -> Record:
        model = self.catalogue.get(call.id)
        is_dry = call.query.get("dryRun") in ("true", "api")
        check_inputs(model, call.body, None if is_dry else self.assets.get)
        price = price_cu(model, call.body) if self.fixed_price is None else self.fixed_price
        cost: Record = {"creativeUnitsCost": price, "creativeUnitsDiscount": 0}
        cost |= {"costDetails": {"custom-generation": price}, "note": "A made-up price of the sandbox"}
        if is_dry:
            call.status = DRY_RUN_STATUS
            return {"job": {}, **cost}
        with self.state.lock:  # two submissions must not both take the last credits
            left = self.credits_cu - self.lifecycle.spent_cu()
            if price > left:
                raise ApiError(
                    402, f"Not enough creative units: this costs {price:g} CU, {left:g} CU are left"
                )
            job = self.lifecycle.submit(model, call.body, work(model, call.body, self.assets.path), price)
        return {"job": public(job), **cost}

    def get_job(self, call: Call) -> Record:
        return {"job": public(self._job(call.id))}

    def _job(self, job_id: str) -> Record:
        job = self.state.get("job", job_id)
        if job is None:
            raise ApiError(404, f"Job {job_id} not found")
        return job

    def list_jobs(self, call: Call) -> Record:
        """Newest first; filtered after a page was read, so a page may be short or empty before the end."""
        query = call.query
        types = set(filter(None, (query.get("types") or query.get("type") or "").split(",")))
        is_filtered = bool(types or "status" in query)
        if "updatedAfter" in query and not is_filtered:
            raise ApiError(400, "updatedAfter can only be used with status, type, types or workflowId")
        if "createdAfter" in query and is_filtered:
            raise ApiError(400, "createdAfter cannot be used with status, type, types or workflowId")
        try:
            after_ms = unix_ms(query.get("updatedAfter") or query.get("createdAfter") or iso(0))
        except ValueError:
            raise ApiError(400, "updatedAfter and createdAfter must be ISO 8601 dates") from None
        size = _page_size(query, 50, 100)
        cursor = _cursor(query)
        start = (int(cursor["date"]), str(cursor["id"])) if cursor else None
        rows = self.state.page("job", "updated" if is_filtered else "created", size, after_ms, start)
        jobs = [job for _, _, job in rows if not types or job["jobType"] in types]
        jobs = [public(job) for job in jobs if job["status"] == query.get("status", job["status"])]
        answer: Record = {"jobs": jobs}
        if len(rows) == size:
            answer["nextPaginationToken"] = _token({"date": rows[-1][0], "id": rows[-1][1]})
        return answer

    def act_on_job(self, call: Call) -> Record:
        if call.body.get("action") != "cancel":
            raise ApiError(400, "'action' must be 'cancel'")
        self._job(call.id)
        raise ApiError(400, "Cannot cancel this type of job. Action not permitted.")

    def get_asset(self, call: Call) -> Record:
        asset = self.assets.get(call.id)
        if asset is None:
            raise ApiError(404, f"Asset {call.id} not found")
        return {"asset": self.assets.show(asset)}

    def get_assets(self, call: Call) -> Record:
        ids = call.body.get("assetIds")
        if not isinstance(ids, list) or len(ids) > MAX_BULK:
            raise ApiError(400, f"'assetIds' must be a list of at most {MAX_BULK} ids")
        return {"assets": [self.assets.show(asset) for i in ids if (asset := self.assets.get(i))]}

    def add_asset(self, call: Call) -> Record:
        return {"asset": self.assets.show(self.assets.add_image(call.body))}

    def download_asset(self, call: Call) -> Record:
        """The address of the original; converting is refused, as some clients report of the service."""
        asset = self.get_asset(call)["asset"]
        wanted = call.body.get("targetFormat")
        if wanted not in (None, asset["properties"].get("format")):
            raise ApiError(400, "Invalid target format")
        return {"url": asset["url"], "mimeType": asset["mimeType"]}

    def add_upload(self, call: Call) -> Record:
        return {"upload": self.uploads.create(call.body)}

    def get_upload(self, call: Call) -> Record:
        return {"upload": self.uploads.show(call.id)}

    def act_on_upload(self, call: Call) -> Record:
        return {"upload": self.uploads.complete(call.id, call.body)}

    def list_teams(self, call: Call) -> Record:
        project = {"id": self.assets.project_id, "name": "Sandbox"}
        team = {"id": self.team_id, "name": "Sandbox", "plan": PLAN, "type": "team", "projects": [project]}
        return {"teams": [team | {"context": {"userRole": "key", "keysCount": 1}}]}

    def get_limits(self, call: Call) -> Record:
        if call.id != self.team_id:
            raise ApiError(403, "You do not have access to this team")
        limits = {"creativeUnits": self.credits_cu, "parallelCustomJobs": 200}
        return {"plan": PLAN, "limits": limits, "values": {"creativeUnits": self.lifecycle.spent_cu()},
                "oneShotCreativeUnits": []}  # fmt: skip


ROUTES = (
    ("GET", "/models", Api.list_models),
    ("GET", "/models/{id}", Api.get_model),
    ("POST", "/generate/custom/{id}", Api.generate),
    ("GET", "/jobs", Api.list_jobs),
    ("GET", "/jobs/{id}", Api.get_job),
    ("POST", "/jobs/{id}/action", Api.act_on_job),
    ("POST", "/assets", Api.add_asset),
    ("POST", "/assets/get-bulk", Api.get_assets),
    ("GET", "/assets/{id}", Api.get_asset),
    ("POST", "/assets/{id}/download", Api.download_asset),
    ("POST", "/uploads", Api.add_upload),
    ("GET", "/uploads/{id}", Api.get_upload),
    ("POST", "/uploads/{id}/action", Api.act_on_upload),
    ("GET", "/teams", Api.list_teams),
    ("GET", "/teams/{id}/limits", Api.get_limits),
)


class ApiHandler(Handler):
    """Finds a request's route, checks who asks, and sends what it returns. `api` is set on a subclass."""

    api: Api

    def _answer(self) -> None:
        try:
            status, body = self._call()
        except ApiError as error:
            status, body = error.status, error.body
        self.send_json(status, body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer

    def _call(self) -> tuple[int, Record]:
        body = self.read_json() if self.command in ("POST", "PUT", "DELETE") else {}
        path, query = self.split_target()
        if (self.command, path) == ("GET", "/sandbox/stats"):
            return 200, self.api.stats()
        for method, pattern, route in ROUTES:
            found = re.fullmatch("/v1" + pattern.replace("{id}", "([^/]+)"), path)
            if found and method == self.command:
                is_dry = pattern.startswith("/generate") and "dryRun" in query
                self.api.requests[f"{method} {pattern}{'?dryRun' if is_dry else ''}"] += 1
                is_public = method == "GET" and pattern.startswith(("/models", "/assets"))
                self.api.authorise(self.headers.get("Authorization", ""), is_public)
                if query.get("projectId", self.api.assets.project_id) != self.api.assets.project_id:
                    raise ApiError(403, "You do not have access to this project")
                call = Call(found.group(1) if found.groups() else "", query, body)
                answer = route(self.api, call)
                return call.status, answer
        raise ApiError(404, f"No route {self.command} {path} in the sandbox")


def _page_size(query: dict[str, str], default: int, most: int) -> int:
    text = query.get("pageSize", str(default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise ApiError(400, f"pageSize must be between 1 and {most}")
    return int(text)


def _token(position: Record) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def _cursor(query: dict[str, str]) -> dict | None:
    """Return the position that a cursor of ours stands for, None at the start."""
    token = query.get("paginationToken")
    if not token:
        return None
    try:
        position = json.loads(base64.urlsafe_b64decode(token))
        return {key: value if key == "id" else int(value) for key, value in position.items()}
    except (ValueError, TypeError, AttributeError, binascii.Error):
        raise ApiError(400, "Invalid paginationToken") from None
