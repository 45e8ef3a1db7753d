# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a batch: each item's outputs in DIR under its key, small pictures for the page in DIR/sheet.

An output takes its place whole. What a changed row had before goes to DIR/earlier.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from .. import scene
from ..batch import Claims, Item, Stage, Tracked
from ..batch.claims import Facts
from ..client import JsonValue
from ..jobs import JobRecord
from .deliver import quiet, write_outputs
from .session import Session


class Delivery:
    """Writes results of `session`'s store into `folder`."""

    def __init__(self, session: Session, folder: Path, claims: Claims, *, has_turntable: bool) -> None:
        self._session, self._folder, self._claims = session, folder, claims
        self._has_turntable = has_turntable

    def wish(self, item: Item) -> JsonValue:
        return [*item.outputs, item.size_m, item.name, self._has_turntable]

    def is_there(self, facts: Facts) -> bool:
        """Whether all files that were written still stand."""
        return all((self._folder / name).exists() for name in cast("list[str]", facts["outputs"]))

    def write(self, item: Item, job: JobRecord) -> Facts:
        """All outputs; returns what the page and the next run want to know."""
        stem = item.row.stem
        self._keep_earlier(stem, job.id)
        outputs = [self._target(stem, ending) for ending in item.outputs]
        strip = self._folder / "sheet" / f"{stem}.turn.jpg" if self._has_turntable else None
        kept = write_outputs(self._session, job, outputs, size_m=item.size_m, turntable=strip)
        if kept is not None:  # what Blender cannot read is handed on as it came
            outputs, strip = [self._folder / f"{stem}{path.suffix.lower()}" for path in kept], None
            for path, target in zip(kept, outputs, strict=True):
                part = target.with_name(f".{target.name}.new")
                shutil.copyfile(path, part)
                os.replace(part, target)
        self._claims.set_current(stem, job.id)
        preview = next((path for path in outputs if path.suffix == ".png"), None)
        return {
            "outputs": [self._relative(path) for path in dict.fromkeys(outputs)],
            "preview": preview and self._relative(preview),
            "turntable": strip and self._relative(strip),
            "picture": self._picture(item),
        }

    def add_pictures(self, rows: Sequence[Tracked]) -> None:
        """The input's picture also for items that have failed."""
        for row in rows:
            if row.stage is Stage.FAILED:
                row.facts = {"outputs": [], **(row.facts or {}), "picture": self._picture(row.item)}

    def _target(self, stem: str, ending: str) -> Path:
        # A .usd has its textures beside it.
        folder = self._folder / "usd" / stem if ending == ".usd" else self._folder
        return folder / f"{stem}{ending}"

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _picture(self, item: Item) -> str | None:
        target = self._folder / "sheet" / f"{item.row.stem}.jpg"
        if item.picture is None:
            return None
        try:
            with quiet(self._session.folder / "blender.log"):
                scene.write_thumbnail(item.picture, target)
        except (OSError, RuntimeError):
            return None  # the page shows a dash
        return self._relative(target)

    def _keep_earlier(self, stem: str, job_id: str) -> None:
        """Move what another job has delivered under this name out of the way, and keep it."""
        before = self._claims.current(stem)
        if before in (None, job_id):
            return
        facts = self._claims.result(str(before)) or {}
        for name in cast("list[str]", facts.get("outputs") or []):
            path, target = self._folder / name, self._folder / "earlier" / str(before) / Path(name).name
            if path.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, target)
