# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a result: the numbers that the converter has measured (scene/conversion/report.py).

docs/report.md says what each one means. A number is None where it was not measured; results of earlier
versions have no report. Its words are in report_words.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from ..client import JsonValue, without_controls

_LARGEST = 2**63 - 1
_MAX_TEXTS = 100
SHARES = ("uv_coverage", "uv_overlap")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The names are those of results.csv, `--json` and `--require`."""

    faces: int | None = None
    triangles: int | None = None
    quads: int | None = None
    ngons: int | None = None
    tris: int | None = None  # once all faces are triangulated
    vertices: int | None = None
    points: int | None = None  # of point clouds and splats
    objects: int | None = None
    parts: int | None = None
    boundary_edges: int | None = None
    non_manifold_edges: int | None = None
    split_edges: int | None = None
    loose_edges: int | None = None
    flipped_faces: int | None = None
    one_sided_faces: int | None = None
    degenerate_faces: int | None = None
    doubles: int | None = None
    invalid_vertices: int | None = None
    uv_layers: int | None = None
    faces_without_uv: int | None = None
    textured_faces_without_uv: int | None = None
    uv_coverage: float | None = None
    uv_overlap: float | None = None
    uv_outside_faces: int | None = None
    uv_invalid_faces: int | None = None
    materials: int | None = None
    duplicate_materials: int | None = None
    textures: int | None = None
    duplicate_textures: int | None = None
    texture_pixels: int | None = None
    largest_texture_px: int | None = None
    texture_bytes: int | None = None
    texture_gpu_bytes: int | None = None
    bones: int | None = None
    shape_keys: int | None = None
    dimensions_m: tuple[float, ...] = ()  # X, Y and Z
    clips: tuple[str, ...] = ()
    not_measured: tuple[str, ...] = ()  # what, and why

    @property
    def is_closed(self) -> bool | None:
        """Whether each edge has two faces, as a solid's have; None where there are no faces."""
        if not self.faces or self.boundary_edges is None or self.non_manifold_edges is None:
            return None
        return not (self.boundary_edges or self.non_manifold_edges)

    def at_size(self, size_m: float | None) -> "Report":
        """With the dimensions that it has where its longest side is `size_m`; None: as delivered."""
        longest = max(self.dimensions_m, default=0.0)
        if size_m is None or longest <= 0:
            return self
        return replace(self, dimensions_m=tuple(side * size_m / longest for side in self.dimensions_m))


def report_of(result: Mapping[str, JsonValue]) -> Report | None:
    """The report in a converter's answer; None: it was made before there were reports."""
    return read_report(result.get("report"))


def read_report(value: object) -> Report | None:
    """What is understood of a report that was written down; None if it is none."""
    if not isinstance(value, dict):
        return None
    table = cast("dict[str, object]", value)
    values: dict[str, Any] = {}
    for one in fields(Report):
        found = table.get(one.name)
        listed = cast("list[object]", found) if isinstance(found, list) else []
        if one.name == "dimensions_m":
            sides = [number_or_none(side) for side in listed]
            values[one.name] = tuple(side for side in sides if side is not None) if len(sides) == 3 else ()
        elif one.default == ():
            texts = [text for text in listed[:_MAX_TEXTS] if isinstance(text, str)]
            values[one.name] = tuple(map(without_controls, texts))
        else:
            number = number_or_none(table.get(one.name))
            values[one.name] = number if one.name in SHARES or number is None else int(number)
    return Report(**values)


def number_or_none(value: object) -> float | None:
    """A number of a report, as it may be; None for anything else that stands in its place."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value <= _LARGEST else None
