# SPDX-License-Identifier: GPL-3.0-or-later
"""`place`: a result into a scene, in milliseconds; also where Blender has a window."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import bpy

from .. import scene as scenes
from ..client import InputError
from ..jobs import read_size
from .errors import Exit, MaquetteError
from .results import BatchRow, Result


def place(
    what: Result | BatchRow | str | os.PathLike[str],
    *,
    location: tuple[float, float, float] = (0.0, 0.0, 0.0),
    rotation_z: float = 0.0,
    size: float | Literal["original"] | None = None,
    name: str | None = None,
    scene: bpy.types.Scene | None = None,
) -> bpy.types.Object:
    """Puts an independent copy of a result into a scene, and returns it: its object, or the empty
    over it where it has several parts or a rig.

    `what` is what `generate` returned, a row of what `batch` returned, or the path of a .blend that Maquette
    wrote. Its bottom centre comes to `location`, in the scene's units; `rotation_z` is in radians. `size` is
    the longest side in metres, `"original"` the size as delivered; without it, what `generate` or the row
    said, and of a path the size as delivered. `scene` is the current one if not given. The object is in the
    collection Maquette; its custom properties tell how it was made. Matrices follow with
    `view_layer.update()`.

    Raises MaquetteError if the file is missing, cannot be read, or is no result; then nothing has changed.

        chair = place(generate("chair.jpg"), location=(2.0, 0.0, 0.0), size=0.9)
    """
    source = source_of(what)
    try:
        return scenes.append_result(
            source.blend,
            name=name or source.name,
            scene=scene or cast("bpy.types.Scene", bpy.context.scene),
            placement=scenes.Placement(
                location, rotation_z, source.size_m if size is None else read_size(size)
            ),
            provenance=source.in_scene,
        )
    except (InputError, ValueError) as error:
        raise MaquetteError(str(error)) from error
    except OSError as error:
        text = f"{source.blend} cannot be read: {error.strerror or error}. Convert the result again."
        raise MaquetteError(text, code=Exit.JOB_FAILED) from error


@dataclass(frozen=True, slots=True)
class Source:
    """A result's .blend, and what goes along with it; `size_m` is its longest side, None as delivered.

    `provenance` is for files for elsewhere; a scene is told the job, `job_id`, in any case.
    """

    blend: Path
    name: str
    size_m: float | None
    provenance: Mapping[str, str | int | float]
    job_id: str = ""

    @property
    def in_scene(self) -> Mapping[str, str | int | float]:
        return {**self.provenance, "job": self.job_id} if self.job_id else self.provenance


def source_of(what: Result | BatchRow | str | os.PathLike[str]) -> Source:
    """What a script gives as a result. Raises MaquetteError if nothing was made."""
    if not isinstance(what, Result | BatchRow):
        blend = Path(what).expanduser()
        return Source(blend, blend.stem, None, {})
    if what.blend is None:
        listed = ", ".join(map(str, what.files)) or what.message
        raise MaquetteError(f"{what.name} has nothing that Blender can take in: {listed or 'not made yet'}.")
    job_id = what.id if isinstance(what, Result) else what.job_id
    return Source(what.blend, what.name, what.size_m, what.provenance, job_id)
