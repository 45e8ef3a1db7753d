# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a batch: each item's outputs in DIR under its key, small pictures for the page in DIR/sheet.

An output takes its place whole. What a changed row had before goes to DIR/earlier.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from .. import scene
from ..batches import Claims, Item, RowState, RowStatus
from ..batches.claims import Facts
from ..client import JsonValue
from ..client.pictures import UPRIGHT, orientation_of
from ..jobs import JobRecord, new_id, provenance_of
from ..jobs.blender_pool import BlenderPool
from ..jobs.files import sha256_of
from .outputs import delivered_files, quiet
from .session import Session, blender_binary


class Delivery:
    """Writes results of `session`'s store into `folder`, in background Blenders, `most` items at a time."""

    def __init__(
        self, session: Session, folder: Path, claims: Claims, *, has_turntable: bool, most: int
    ) -> None:
        self._session, self._folder, self._claims = session, folder, claims
        self._has_turntable, self.most = has_turntable, most
        self._blenders = BlenderPool(blender_binary())

    def close(self) -> None:
        self._blenders.tidy(0)

    def wish(self, item: Item) -> JsonValue:
        return [*item.outputs, item.size_m, item.name, self._has_turntable]

    def is_there(self, facts: Facts) -> bool:
        """Whether all files that were written still stand as they were written."""
        return all(self._is_as_written(facts, name) for name in cast("list[str]", facts["outputs"]))

    def _is_as_written(self, facts: Facts, name: str) -> bool:
        """By size and time; by content where the time is another. Old results tell neither."""
        path = self._folder / name
        files = cast("dict[str, dict[str, JsonValue]]", facts.get("files") or {})
        try:
            stat, file = path.stat(), files.get(name)
            if file is None or (stat.st_size, stat.st_mtime_ns) == (file["size"], file["mtime_ns"]):
                return True
            return stat.st_size == file["size"] and sha256_of(path) == file["sha256"]
        except OSError:
            return False

    def begin(self, item: Item, job: JobRecord) -> Callable[[], Facts | None]:
        """Start writing all outputs; returns a function to poll: None until they exist, then their facts.

        Both may raise OSError or RuntimeError.
        """
        stem, job_folder = item.row.stem, self._session.store.job_folder(job.id)
        self._keep_earlier(stem, job.id)
        if not (job_folder / "result.blend").exists():  # what Blender cannot read is handed on as it came
            outputs = self._handed_on(stem, delivered_files(self._session, job))
            return lambda: {
                **self._facts(item, job, outputs, None, self._picture(item)),
                "preview": None,
                "is_kept": True,
            }
        outputs = [self._target(stem, ending) for ending in item.outputs]
        strip = self._folder / "sheet" / f"{stem}.turn.jpg" if self._has_turntable else None
        thumbnail = self._thumbnail(item)
        request: dict[str, JsonValue] = {
            "result": str(job_folder.resolve() / "result.blend"),
            "outputs": [str(path) for path in outputs],
            "turntable": strip and str(strip),
            "picture": item.picture and str(item.picture),
            "thumbnail": str(thumbnail),
            "orientation": orientation_of(item.picture) if item.picture else UPRIGHT,
            "name": job.name,
            "size_m": item.size_m,
            "provenance": dict(provenance_of(job)),
            "threads": (os.cpu_count() or 1) // self.most if self.most > 1 else 0,
        }
        task = self._blenders.begin("write", request, job_folder, "writing the outputs")

        def facts() -> Facts | None:
            if (answer := task.poll()) is None:
                return None
            picture = self._relative(thumbnail) if answer["has_thumbnail"] else None
            return self._facts(item, job, outputs, strip, picture)

        return facts

    def _facts(
        self, item: Item, job: JobRecord, outputs: list[Path], strip: Path | None, picture: str | None
    ) -> Facts:
        self._claims.set_current(item.row.stem, job.id)
        preview = next((path for path in outputs if path.suffix == ".png"), None)
        return {
            "outputs": [self._relative(path) for path in dict.fromkeys(outputs)],
            "files": {self._relative(path): _description(path) for path in outputs},
            "preview": preview and self._relative(preview),
            "turntable": strip and self._relative(strip),
            "picture": picture,
        }

    def _handed_on(self, stem: str, files: Sequence[Path]) -> list[Path]:
        """One under the row's name; several, which may name each other, in a folder under their own."""
        folder = self._folder / "delivered" / stem
        targets = [folder / path.name for path in files]
        if len(files) == 1:
            targets = [self._folder / f"{stem}{files[0].suffix.lower()}"]
        for path, target in zip(files, targets, strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f".{target.name}.new")
            shutil.copyfile(path, part)
            os.replace(part, target)
        return targets

    def _thumbnail(self, item: Item) -> Path:
        return self._folder / "sheet" / f"{item.row.stem}.jpg"

    def add_pictures(self, rows: Sequence[RowState]) -> None:
        """The input's picture also for items that have failed."""
        for row in rows:
            if row.stage is RowStatus.FAILED and "picture" not in (row.facts or {}):
                row.facts = {"outputs": [], **(row.facts or {}), "picture": self._picture(row.item)}

    def _target(self, stem: str, ending: str) -> Path:
        # A .usd has its textures beside it.
        folder = self._folder / "usd" / stem if ending == ".usd" else self._folder
        return folder / f"{stem}{ending}"

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _picture(self, item: Item) -> str | None:
        target = self._thumbnail(item)
        if item.picture is None:
            return None
        try:
            with quiet(self._session.folder / "blender.log"):
                scene.write_thumbnail(item.picture, target, orientation=orientation_of(item.picture))
        except (OSError, RuntimeError):
            return None  # the page shows a dash
        return self._relative(target)

    def _keep_earlier(self, stem: str, job_id: str) -> None:
        """Move what another job has delivered under this name, or a person has changed, out of the way."""
        before = self._claims.current(stem)
        if before is None:
            return
        facts = self._claims.result(before) or {}
        for name in cast("list[str]", facts.get("outputs") or []):
            path, target = self._folder / name, self._folder / "earlier" / before / Path(name).name
            is_changed = before == job_id and path.exists() and not self._is_as_written(facts, name)
            if is_changed:  # by hand, after it was written
                target = target.with_name(f"changed-{new_id()}-{target.name}")
            if path.exists() and (is_changed or before != job_id):
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, target)


def _description(path: Path) -> dict[str, JsonValue]:
    stat = path.stat()
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": sha256_of(path)}
