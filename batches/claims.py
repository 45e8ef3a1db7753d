# SPDX-License-Identifier: GPL-3.0-or-later
"""Which machine makes which job, and what came of it: small files that machines may share over a network.

A claim is a folder that is renamed into place with its content, so one machine alone gets it; it is for good.
The store of the machine that holds it refuses a second job of the same id: together nothing is paid twice.
"""

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from ..client import AnswerError, InputError, JsonValue
from ..jobs import take_folder, write_whole
from .outcome import Outcome

_JOB_ID = re.compile(r"[\w-]+", re.ASCII)  # other names are a system's own: .DS_Store, @eaDir
_BYTES_MAX = 16_000_000  # of one file
_INCOMPLETE_S = 60.0  # longer than shares remember that a file was not there


class Claims:
    """The folder of a batch's claims, seen by `machine`. Raises OSError: it does not answer just now;
    InputError: a damaged file.
    """

    def __init__(self, folder: Path, machine: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder.absolute()
        self.machine = machine
        self._clock = clock
        self._incomplete: dict[str, float] = {}  # by job, since when its claim has no file
        self._others: dict[str, float] = {}  # by job, what each claim that was read costs another machine
        for name in ("claims", "current", "failures"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def owner(self, job_id: str) -> str | None:
        """The machine that has claimed the job."""
        claim = self._claim(job_id)
        return str(claim["machine"]) if claim else None

    def acquire(self, job_id: str, price_cu: float | None) -> bool:
        """Claim the job for this machine, or find that it is claimed for it; False: another one's."""
        if (holder := self.owner(job_id)) is not None:  # one look: of many machines, most come too late
            return holder == self.machine
        claim = json.dumps({"machine": self.machine, "price_cu": price_cu})
        take_folder(self.folder / "claims" / job_id, {"claim.json": claim}, place=self.folder)
        self._others.pop(job_id, None)  # whose it was before
        return self.owner(job_id) == self.machine

    def result(self, job_id: str) -> Outcome | None:
        path = self.folder / "claims" / job_id / "result.json"
        found = _read(path)
        try:
            return None if found is None else Outcome.from_json(found)
        except (InputError, AnswerError) as error:
            raise InputError(_unreadable(path)) from error

    def write_result(self, job_id: str, outcome: Outcome) -> None:
        _write(self.folder / "claims" / job_id / "result.json", outcome.to_json())

    def current(self, stem: str) -> str | None:
        """The job whose files stand under this name."""
        found = _read(self.folder / "current" / f"{stem}.json")
        return None if found is None else str(found.get("job"))

    def stems(self) -> set[str]:
        """The names under which files of some job stand."""
        names = [name for name in os.listdir(self.folder / "current") if not name.startswith(".")]
        return {name.removesuffix(".json") for name in names}

    def set_current(self, stem: str, job_id: str) -> None:
        _write(self.folder / "current" / f"{stem}.json", {"job": job_id})

    def failure(self, stem: str) -> str | None:
        """Why the last task of a farm made nothing of the row."""
        found = _read(self.folder / "failures" / f"{stem}.json")
        return None if found is None else str(found.get("message"))

    def set_failure(self, stem: str, message: str | None) -> None:
        path = self.folder / "failures" / f"{stem}.json"
        if message is None:
            path.unlink(missing_ok=True)
        else:
            _write(path, {"message": message})

    def release(self, job_id: str) -> None:
        """Give back a claim of this machine's for which there is no job."""
        part = self.folder / f"new-{secrets.token_hex(6)}"
        os.rename(self.folder / "claims" / job_id, part)
        shutil.rmtree(part, ignore_errors=True)
        self._others.pop(job_id, None)  # it may be another machine's at once

    def price_cu(self, job_id: str) -> float:
        """What the job was to cost when it was claimed; 0 where that was not known."""
        return _price_cu(self._path(job_id), self._claim(job_id) or {})

    def cost_of_others_cu(self) -> float:
        """What the jobs of other machines cost, or are to cost; each claim is read once."""
        names = {name for name in os.listdir(self.folder / "claims") if _JOB_ID.fullmatch(name)}
        for name in self._others.keys() - names:  # released
            del self._others[name]
        for name in names - self._others.keys():
            claim = self._claim(name)
            if claim is not None:
                outcome = self.result(name) or Outcome()
                known = _price_cu(self._path(name), claim) if outcome.cost_cu is None else outcome.cost_cu
                is_others = claim.get("machine") != self.machine
                self._others[name] = known - (outcome.refunded_cu or 0.0) if is_others else 0.0
        return sum(self._others.values())

    def _path(self, job_id: str) -> Path:
        return self.folder / "claims" / job_id / "claim.json"

    def _claim(self, job_id: str) -> dict[str, JsonValue] | None:
        """None: there is none, or it is not seen yet. Raises InputError where it stays away."""
        path = self._path(job_id)
        claim = _read(path)
        if claim is not None and not isinstance(claim.get("machine"), str):
            raise InputError(_unreadable(path))
        if claim is None and path.parent.is_dir():  # they come together, but a share may show them apart
            since = self._incomplete.setdefault(job_id, self._clock())
            if self._clock() - since >= _INCOMPLETE_S:
                raise InputError(_unreadable(path))
        else:
            self._incomplete.pop(job_id, None)
        return claim


def _read(path: Path) -> dict[str, JsonValue] | None:
    """None where there is no such file. Raises OSError; InputError: damaged, and it may tell of a payment."""
    try:
        with path.open("rb") as stream:
            text = stream.read(_BYTES_MAX + 1)
        if len(text) > _BYTES_MAX:
            raise ValueError("far too long")
        value: object = json.loads(text.decode("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, RecursionError) as error:
        raise InputError(_unreadable(path)) from error
    if not isinstance(value, dict):
        raise InputError(_unreadable(path))
    return cast("dict[str, JsonValue]", value)


def _price_cu(path: Path, claim: Mapping[str, JsonValue]) -> float:
    """0 where it was not known. Raises InputError if it is no price: the limit on cost counts it."""
    price = claim.get("price_cu")
    if price is None:
        return 0.0
    if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < 1e300:
        raise InputError(_unreadable(path))
    return float(price)


def _unreadable(path: Path) -> str:
    what = "The job may be paid for: look whether it is in the service's list of jobs, then delete"
    what = what if path.name == "claim.json" else "Look at it, then delete"
    return f"{path} cannot be read. {what} {path.parent if path.name == 'claim.json' else 'the file'}."


def _write(path: Path, facts: Mapping[str, JsonValue]) -> None:
    write_whole(path, json.dumps(facts).encode())
