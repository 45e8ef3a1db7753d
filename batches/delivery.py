# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a batch: each item's outputs in DIR under its key, small pictures for the page in DIR/sheet.

An output takes its place whole. What a changed row had before goes to DIR/earlier. With a library, each
result is an asset of it, too.
"""

import contextlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from ..client import UPRIGHT, InputError, JsonValue, orientation_of
from ..jobs import (
    AS_DELIVERED,
    BlenderPool,
    BlenderTask,
    ChildError,
    JobRecord,
    Store,
    asset_path,
    asset_request,
    new_id,
    note_asset,
    profile_key,
    replacing,
    request_to_write,
    sha256_of,
)
from .claims import Claims
from .outcome import Outcome, WrittenFile
from .plan import Item
from .row_state import RowState, RowStatus


def delivered_files(store: Store, job: JobRecord) -> list[Path]:
    """The files of the job as the service delivered them."""
    return [store.job_folder(job.id) / entry["path"] for entry in job.files]


@dataclass(frozen=True, slots=True)
class Writing:
    """An item's outputs, which `task` writes. Those that are unconverted are there as they came: it makes
    the picture alone.
    """

    item: Item
    job: JobRecord
    outputs: Sequence[Path] = ()
    turntable: Path | None = None
    is_unconverted: bool = False
    task: BlenderTask | None = None
    problem: str = ""  # why the result cannot be kept in the library


class Delivery:
    """Writes results of `store` into `folder`, in background Blenders, `most` items at a time; and into the
    folder `library`, if there is one.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        claims: Claims,
        blender: str,
        *,
        has_turntable: bool,
        most: int,
        library: Path | None = None,
    ) -> None:
        self._store = store
        self._folder = folder
        self._claims = claims
        self._has_turntable = has_turntable
        self.most = most
        self._library = library
        self._blenders = BlenderPool(blender)
        self._thumbnails: BlenderTask | None = None  # of rows that have failed
        self._pictures: dict[str, str | None] = {}  # of such rows, by job; None: not made, or not yet

    def close(self) -> None:
        self._blenders.end()

    def spec(self, item: Item) -> JsonValue:
        """What the outputs are to be: written again where it has changed."""
        profile = item.profile
        finished: list[JsonValue] = []
        if profile != AS_DELIVERED:
            finished = [profile_key(profile), [*profile.strip]]
        return [*item.outputs, item.size_m, item.name, self._has_turntable, *finished]

    def is_there(self, outcome: Outcome) -> bool:
        """Whether all files that were written still stand as they were written, and the asset is there."""
        is_as_written = all(self._is_as_written(outcome, name) for name in outcome.outputs)
        if self._library is None or outcome.is_unconverted:
            return is_as_written
        return is_as_written and bool(outcome.asset) and (self._library / outcome.asset).is_file()

    def _is_as_written(self, outcome: Outcome, name: str) -> bool:
        """By size and time; by content where the time is another. Old results tell neither."""
        path, file = self._folder / name, outcome.files.get(name)
        try:
            stat = path.stat()
            if file is None or (stat.st_size, stat.st_mtime_ns) == (file.size, file.mtime_ns):
                return True
            return stat.st_size == file.size and sha256_of(path) == file.sha256
        except OSError:
            return False

    def begin(self, item: Item, job: JobRecord) -> Writing:
        """Start writing all outputs. Raises OSError or RuntimeError."""
        stem, job_folder = item.row.stem, self._store.job_folder(job.id)
        self._keep_earlier(stem, job.id)
        result = self._store.result_blend(job)
        if not result.exists():  # what Blender cannot read is handed on as it came
            outputs = self._handed_on(stem, delivered_files(self._store, job))
            task = self._begin_thumbnails([item], job_folder)
            return Writing(item, job, outputs, is_unconverted=True, task=task)
        outputs = [self._target(stem, ending) for ending in item.outputs]
        strip = self._folder / "sheet" / f"{stem}.turn.jpg" if self._has_turntable else None
        request = request_to_write(job, result, outputs, item.size_m) | self._picture_request(item)
        request["turntable"] = strip and str(strip)
        problem = ""
        try:
            if self._library:
                request["asset"] = asset_request(job, self._library, batch=self._folder.name)
        except (InputError, OSError) as error:  # the outputs are written all the same
            problem = f"It is not in the library: {error}"
        request["threads"] = (os.cpu_count() or 1) // self.most if self.most > 1 else 0
        task = self._blenders.begin("write", request, job_folder, "writing the outputs")
        return Writing(item, job, outputs, strip, task=task, problem=problem)

    def poll(self, writing: Writing) -> Outcome | None:
        """What was written, once all of it is there. Raises OSError, RuntimeError or StoreError."""
        has_picture = False
        if writing.task is not None and writing.is_unconverted:
            if (made := _thumbnails_of(writing.task)) is None:
                return None
            has_picture = bool(made)
        elif writing.task is not None:
            if (answer := writing.task.poll()) is None:
                return None
            has_picture = bool(answer["has_thumbnail"])
        if writing.problem:
            raise OSError(writing.problem)
        asset = self._note_asset(writing)
        outputs, strip = writing.outputs, writing.turntable
        self._claims.set_current(writing.item.row.stem, writing.job.id)
        previews = [path for path in outputs if path.suffix == ".png" and not writing.is_unconverted]
        return Outcome(
            outputs=tuple(self._relative(path) for path in dict.fromkeys(outputs)),
            files={self._relative(path): _description(path) for path in outputs},
            preview=self._relative(previews[0]) if previews else None,
            turntable=strip and self._relative(strip),
            picture=self._relative(self._thumbnail(writing.item)) if has_picture else None,
            is_unconverted=writing.is_unconverted,
            asset=asset,
            spec=self.spec(writing.item),
        )

    def _note_asset(self, writing: Writing) -> str:
        """The name of the asset's file that was written, "" if none was."""
        if self._library is None or writing.is_unconverted:
            return ""
        path = asset_path(writing.job, self._library)
        note_asset(self._store, writing.job, path)
        return path.name

    def _handed_on(self, stem: str, files: Sequence[Path]) -> list[Path]:
        """One under the row's name; several, which may name each other, in a folder under their own."""
        folder = self._folder / "delivered" / stem
        targets = [folder / path.name for path in files]
        if len(files) == 1:
            targets = [self._folder / f"{stem}{files[0].suffix.lower()}"]
        for path, target in zip(files, targets, strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as part:
                shutil.copyfile(path, part)
        return targets

    def _thumbnail(self, item: Item) -> Path:
        return self._folder / "sheet" / f"{item.row.stem}.jpg"

    def add_pictures(self, rows: Sequence[RowState]) -> bool:
        """The input's picture also for rows that have failed, by one task; True while it is under way."""
        failed = [row for row in rows if row.status is RowStatus.FAILED and row.item.picture]
        failed = [row for row in failed if not (row.outcome and row.outcome.picture)]
        wanted = {row.job_id: row.item for row in failed if row.job_id not in self._pictures}
        self._look_at_thumbnails(rows)
        if self._thumbnails is None and wanted:
            self._thumbnails = self._begin_thumbnails([*wanted.values()], self._store.folder)
            self._pictures |= dict.fromkeys(wanted)
        for row in failed:
            if picture := self._pictures.get(row.job_id):
                row.outcome = replace(row.outcome or Outcome(), picture=picture)
        return self._thumbnails is not None

    def _look_at_thumbnails(self, rows: Sequence[RowState]) -> None:
        if self._thumbnails is None or (made := _thumbnails_of(self._thumbnails)) is None:
            return
        self._thumbnails = None
        for row in rows:
            thumbnail = self._thumbnail(row.item)
            if row.job_id in self._pictures and str(thumbnail) in made:
                self._pictures[row.job_id] = self._relative(thumbnail)

    def _begin_thumbnails(self, items: Sequence[Item], folder: Path) -> BlenderTask | None:
        """None where there is no picture, or no Blender: the page shows a dash."""
        pictures: list[JsonValue] = []
        for item in items:
            with contextlib.suppress(OSError):  # gone since it was read
                pictures += [self._picture_request(item)] if item.picture else []
        if not pictures:
            return None
        try:
            request: dict[str, JsonValue] = {"pictures": pictures}
            return self._blenders.begin("thumbnails", request, folder, "making small pictures")
        except ChildError:
            return None

    def _picture_request(self, item: Item) -> dict[str, JsonValue]:
        return {
            "picture": item.picture and str(item.picture),
            "thumbnail": str(self._thumbnail(item)),
            "orientation": orientation_of(item.picture) if item.picture else UPRIGHT,
        }

    def _target(self, stem: str, ending: str) -> Path:
        # A .usd has its textures beside it.
        folder = self._folder / "usd" / stem if ending == ".usd" else self._folder
        return folder / f"{stem}{ending}"

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _keep_earlier(self, stem: str, job_id: str) -> None:
        """Move what another job has delivered under this name, or a person has changed, out of the way."""
        before = self._claims.current(stem)
        if before is None:
            return
        outcome = self._claims.result(before) or Outcome()
        for name in outcome.outputs:
            path, target = self._folder / name, self._folder / "earlier" / before / Path(name).name
            is_changed = before == job_id and path.exists() and not self._is_as_written(outcome, name)
            if is_changed:  # by hand, after it was written
                target = target.with_name(f"changed-{new_id()}-{target.name}")
            if path.exists() and (is_changed or before != job_id):
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, target)


def _thumbnails_of(task: BlenderTask) -> set[str] | None:
    """The thumbnails that `task` has made, once it has ended: none is an error, the page shows a dash."""
    try:
        answer = task.poll()
    except ChildError:
        return set()
    return None if answer is None else set(cast("list[str]", answer["written"]))


def _description(path: Path) -> WrittenFile:
    stat = path.stat()
    return WrittenFile(size=stat.st_size, mtime_ns=stat.st_mtime_ns, sha256=sha256_of(path))
