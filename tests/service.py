"""A service in memory, for tests of jobs: it keeps `jobs.service.Service`, with failures to order."""

import hashlib
import itertools
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from maquette.client import (
    Asset,
    Balance,
    Cost,
    Download,
    InputError,
    Job,
    JobStatus,
    Model,
    NotFoundError,
    Submission,
    check_inputs,
)

MODEL = Model.from_json(
    {
        "id": "model_x",
        "name": "X",
        "capabilities": ["img23d"],
        "inputs": [
            {"name": "image", "type": "file", "kind": "image"},
            {"name": "prompt", "type": "string"},
            {"name": "targetFaceNum", "type": "number"},
        ],
    }
)


class Clock:
    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.time = now

    def __call__(self) -> float:
        return self.time


class MemoryService:
    """`fail` has the errors of each method's next calls; "answer" those of `generate` after it was paid."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.jobs: dict[str, Job] = {}
        self.paid: list[tuple[str, Mapping[str, Any]]] = []
        self.calls: Counter[str] = Counter()
        self.fail: dict[str, list[Exception]] = {}
        self.lose_answer = False
        self.final = JobStatus.SUCCESS
        self.is_finishing = True
        self.lasts_s = 0.0  # how long a job takes at least
        self.shows_after_s = 0.0  # how late jobs come into the list
        self.assets_gone = False
        self.models: dict[str, Model] = {"model_x": MODEL}
        self.uploads: list[tuple[str, str]] = []
        self.has_list_inputs = True  # whether lists tell what each job was made of; alone, a job always does
        self.listed: Callable[[Job], Job] = lambda job: job  # what the service keeps or tells of a job
        self.answered_at: float | None = None
        self.on_upload: Callable[[str], None] = lambda name: None
        self.on_connect: Callable[[], None] = lambda: None  # runs while `generate` makes its connection
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def _call(self, name: str) -> None:
        with self._lock:
            self.calls[name] += 1
            self.answered_at = float(int(self.clock()))
            if self.fail.get(name):
                raise self.fail[name].pop(0)

    def now(self) -> float:
        return self.clock()

    def last_answer_at(self) -> float | None:
        return self.answered_at

    def job_url(self, job_id: str) -> str:
        return f"https://api.test/v1/jobs/{job_id}"

    def list_models(self, *, capabilities: Collection[str]) -> list[Model]:
        self._call("list_models")
        return [m for m in self.models.values() if not set(capabilities).isdisjoint(m.capabilities)]

    def get_model(self, model_id: str) -> Model:
        self._call("get_model")
        return self._model(model_id)

    def _model(self, model_id: str) -> Model:
        if model_id not in self.models:
            raise NotFoundError(f"there is no {model_id}")
        return self.models[model_id]

    def estimate_cost(self, model_id: str, inputs: Mapping[str, Any]) -> Cost:
        """As the sandbox does it: what is required must be there, and something to make a model from."""
        self._call("estimate_cost")
        self._check(model_id, inputs)
        return Cost(float(len(inputs)))

    def _check(self, model_id: str, inputs: Mapping[str, Any]) -> None:
        model = self._model(model_id)
        check_inputs(model, inputs)
        sources = {spec.name for spec in model.inputs if spec.is_file or spec.name == "prompt"}
        if not sources & inputs.keys():
            raise InputError("nothing to make a model from")

    def get_balance(self) -> Balance | None:
        self._call("get_balance")
        return Balance(900.0 - 2.5 * len(self.paid))

    def upload(
        self, path: Path, *, kind: str = "image", name: str | None = None, progress: Any = None
    ) -> str:
        self.on_upload(path.name)
        self._call("upload")
        if not path.is_file():
            raise InputError(f"{path} is not there")
        size = path.stat().st_size
        if progress:
            progress(size, size)
        with self._lock:
            self.uploads.append((path.name, kind))
            return f"asset_{len(self.uploads)}"

    def asset_of(self, name: str) -> str:
        """The id of the one upload of this name."""
        ((number, _),) = [found for found in enumerate(self.uploads, 1) if found[1][0] == name]
        return f"asset_{number}"

    def generate(
        self, model_id: str, inputs: Mapping[str, Any], *, before_send: Callable[[], None] = lambda: None
    ) -> Submission:
        self.on_connect()
        before_send()
        self._call("generate")
        self._model(model_id)
        if not inputs:
            raise InputError("nothing to make a model from")
        job = self.make(model_id, inputs)
        if self.fail.get("answer"):
            raise self.fail["answer"].pop(0)
        return Submission(job, Cost(2.5))

    def make(self, model_id: str, inputs: Mapping[str, Any], *, has_model: bool = True, **values: Any) -> Job:
        """What the service does when the request arrives: a job, and a bill."""
        self.paid.append((model_id, inputs))
        now = self.clock()
        job = Job(
            id=f"job_{next(self._ids)}",
            status=JobStatus.QUEUED,
            progress=None,
            asset_ids=(),
            error="",
            hint="",
            input=dict(inputs),
            model_id=model_id if has_model else None,
            cost_cu=2.5,
            created_at=now,
            updated_at=now,
        )
        job = self.jobs[job.id] = _with(job, **values)
        return job

    def _seen(self, job: Job) -> Job:
        if self.is_finishing and not job.has_ended and self.clock() >= job.created_at + self.lasts_s:
            job = _with(job, status=self.final, asset_ids=(f"asset_of_{job.id}",), progress=1.0)
            job = _with(job, succeeded_at=job.created_at + self.lasts_s)
            if self.final is JobStatus.FAILURE:
                job = _with(job, error="The subject was not found.", hint="Use another picture.")
            self.jobs[job.id] = job
        return job

    def list_jobs(self, *, updated_after: float) -> Any:
        self._call("list_jobs")
        shown = [job for job in self._shown() if job.type in ("", "custom")]
        return iter([self._told(job) for job in shown if job.updated_at >= updated_after])

    def list_new_jobs(self, *, created_after: float) -> Any:
        self._call("list_new_jobs")
        return iter([self._told(job) for job in self._shown() if job.created_at > created_after])

    def _shown(self) -> list[Job]:
        return [job for job in self.jobs.values() if job.created_at + self.shows_after_s <= self.clock()]

    def _told(self, job: Job) -> Job:
        told = self.listed(self._seen(job))
        return told if self.has_list_inputs else _with(told, input={}, model_id=None)

    def get_job(self, job_id: str) -> Job:
        self._call("get_job")
        return self.listed(self._seen(self._job(job_id)))

    def _job(self, job_id: str) -> Job:
        if job_id not in self.jobs:
            raise NotFoundError(f"there is no {job_id}")
        return self.jobs[job_id]

    def cancel_job(self, job_id: str) -> Job:
        self._call("cancel_job")
        self.jobs[job_id] = _with(self._job(job_id), status=JobStatus.CANCELED)
        return self.jobs[job_id]

    def get_assets(self, asset_ids: Sequence[str]) -> list[Asset]:
        self._call("get_assets")
        if self.assets_gone:
            raise NotFoundError("gone")
        made = {name for job in self.jobs.values() for name in job.asset_ids}
        return [asset(name) for name in asset_ids if name in made]

    def download(self, asset: Asset, target: Path, *, max_bytes: int, progress: Any = None) -> Download:
        self._call("download")
        if not asset.url:
            raise NotFoundError(f"there is no {asset.id}")
        content = b"glTF of " + asset.id.encode()
        target.write_bytes(content)
        if progress:
            progress(len(content), len(content))
        return Download(target, len(content), hashlib.sha256(content).hexdigest())


def asset(asset_id: str, **values: Any) -> Asset:
    defaults: dict[str, Any] = {
        "id": asset_id,
        "url": "http://127.0.0.1/x",
        "kind": "3d",
        "mime_type": "model/gltf-binary",
        "size_bytes": None,
        "file_name": None,
        "parent_id": None,
        "output_index": None,
        "type": "img23d",
    }
    return Asset(**(defaults | values))


def _with(job: Job, **values: Any) -> Job:
    from dataclasses import replace

    return replace(job, **values)


def fake_blender(folder: Path, answer: dict[str, Any] | None, **others: dict[str, Any] | None) -> str:
    """An executable that converts as asked: writes `answer`, or crashes if there is none; `others` are by
    another task's name.
    """
    script = folder / "blender"
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, os, pathlib, sys\n"
        f"others = json.loads({json.dumps({'': answer, **others})!r})\n"
        "for line in sys.stdin:\n"
        "    task = json.loads(line)\n"
        "    answer = others.get(task['command'], others[''])\n"
        "    with open(task['log'], 'a') as log:\n"
        "        print('secrets:', [n for n in os.environ if n.startswith('SCENARIO_')], file=log)\n"
        "        print('objects:', task.get('objects'), file=log)\n"
        "    if answer is None: sys.exit(11)\n"
        "    said = 'BLENDER' if task['command'] != 'finish' else task['profile']['name']\n"
        "    asset = task.get('asset') or {}\n"
        "    target = asset.get('file') or task.get('target')\n"
        "    for made in [*(task.get('outputs') or []), asset.get('picture'), target]:\n"
        "        if made: pathlib.Path(made).write_bytes(said.encode())\n"
        "    pathlib.Path(task['answer'] + '.part').write_text(json.dumps(answer))\n"
        "    os.replace(task['answer'] + '.part', task['answer'])\n"
    )
    script.chmod(0o755)
    return str(script)
