# SPDX-License-Identifier: GPL-3.0-or-later
"""A report in words: one light, one sentence, and all numbers for who looks closer.

docs/report.md has the rules of the light; whoever changes them here changes them there.
"""

from dataclasses import fields
from enum import StrEnum

from ..client import JsonValue
from .report import Report

NOT_MEASURED = "not measured"
_FLIPPED_SHARE = 0.01  # of all faces; more can be seen from afar
_OVERLAP_SHARE = 0.01  # of what the UVs cover; less may be the rounding of texels
_DOUBLES_SHARE = 0.5  # of all vertices: even where a surface goes on, its faces are not joined
_CLIPS = 3  # that are named
_MB = 1e6


class Light(StrEnum):
    GREEN = "green"
    YELLOW = "yellow"  # something is to be mended for some purposes
    RED = "red"  # it looks wrong as it is


def light_of(report: Report) -> Light:
    lights = {light for light, _ in _problems(report)}
    return next((light for light in (Light.RED, Light.YELLOW) if light in lights), Light.GREEN)


def sentence_of(report: Report | None) -> str:
    """What came, and all that is wrong with it, the worst first."""
    if report is None:
        return NOT_MEASURED
    words = _what(report)
    if report.is_closed is not None:
        words += ", closed" if report.is_closed else f", not closed: {_open_edges(report)}"
    return "; ".join([words, *(text for _, text in _problems(report) if text)])


def report_json(report: Report | None) -> dict[str, JsonValue] | None:
    """All that is known, under the names that the numbers have everywhere, with its light and sentence."""
    if report is None:
        return None
    values: dict[str, JsonValue] = {"light": str(light_of(report)), "sentence": sentence_of(report)}
    for one in fields(report):
        value = getattr(report, one.name)
        if value is not None:
            values[one.name] = [*value] if isinstance(value, tuple) else value
    return values


# Of a table with a line for each result. Megabytes are of a million bytes.
REPORT_COLUMNS = (
    "light",
    "report",
    "triangles",
    "quads",
    "ngons",
    "tris",
    "vertices",
    "objects",
    "parts",
    "boundary_edges",
    "non_manifold_edges",
    "flipped_faces",
    "degenerate_faces",
    "doubles",
    "uv_layers",
    "uv_coverage",
    "uv_overlap",
    "uv_outside_faces",
    "materials",
    "duplicate_materials",
    "textures",
    "duplicate_textures",
    "texture_pixels",
    "texture_mb",
    "texture_gpu_mb",
    "width_m",
    "depth_m",
    "height_m",
    "bones",
    "shape_keys",
    "clips",
    "points",
    "split_edges",
    "loose_edges",
    "one_sided_faces",
    "invalid_vertices",
    "faces_without_uv",
    "textured_faces_without_uv",
    "uv_invalid_faces",
    "largest_texture_px",
)


def report_cells(report: Report | None) -> list[object]:
    """The values of REPORT_COLUMNS, in their order."""
    cells: dict[str, object] = {"report": sentence_of(report)}
    if report is not None:
        cells |= {one.name: getattr(report, one.name) for one in fields(report)}
        cells |= {"light": str(light_of(report)), "clips": ", ".join(report.clips)}
        cells |= {"texture_mb": _megabytes(report.texture_bytes)}
        cells |= {"texture_gpu_mb": _megabytes(report.texture_gpu_bytes)}
        cells |= dict(zip(("width_m", "depth_m", "height_m"), report.dimensions_m, strict=False))
    return [cells.get(name) for name in REPORT_COLUMNS]


def details_of(report: Report) -> list[tuple[str, str]]:
    """Each number with its title; what is not there, such as a rig, has no line."""
    layers = report.uv_layers
    uvs = [_counted(layers, "layer")] if layers else []
    uvs += [f"cover {share_text(report.uv_coverage)}"] if layers and report.uv_coverage is not None else []
    uvs += [f"overlap {share_text(report.uv_overlap)}"] if layers and report.uv_overlap is not None else []
    copies = f" ({report.duplicate_materials:,} the same)" if report.duplicate_materials else ""
    lines = [
        ("Faces", _faces(report) if report.faces is not None else NOT_MEASURED),
        ("Triangulated", _counted(report.tris, "triangle") if report.quads or report.ngons else ""),
        ("Vertices", _number(report.vertices)),
        ("Points", _number(report.points, is_zero_told=False)),
        ("Objects", _number(report.objects)),
        ("Loose Parts", _number(report.parts)),
        ("Open Edges", _number(report.boundary_edges)),
        ("Non-Manifold Edges", _number(report.non_manifold_edges)),
        ("Loose Edges", _number(report.loose_edges, is_zero_told=False)),
        ("Flipped Faces", _number(report.flipped_faces)),
        ("Degenerate Faces", _number(report.degenerate_faces)),
        ("Doubles", _number(report.doubles)),
        ("UVs", ", ".join(uvs) if layers is None or layers else "none"),
        ("UVs Outside 0 to 1", _number(report.uv_outside_faces, is_zero_told=False)),
        ("Materials", _number(report.materials) + copies),
        ("Textures", _textures(report)),
        ("Dimensions", dimensions_text(report)),
        ("Rig", _counted(report.bones, "bone") if report.bones else ""),
        ("Shape Keys", _number(report.shape_keys, is_zero_told=False)),
        ("Clips", _clips(report)),
        ("Not Measured", ", ".join(report.not_measured)),
    ]
    return [(title, text) for title, text in lines if text]


def dimensions_text(report: Report) -> str:
    sides = [f"{side:.3g}" if side < 100 else f"{side:,.0f}" for side in report.dimensions_m]
    return f"{' × '.join(sides)} m" if sides else ""


def share_text(share: float) -> str:
    percent = share * 100
    return f"{percent:.0f} %" if percent >= 1 or not percent else f"{percent:.1g} %"


def _problems(report: Report) -> list[tuple[Light, str]]:
    """The worst first. One without words is told in another place of the sentence."""
    faces = report.faces or 0
    flipped = report.flipped_faces or 0
    overlap = report.uv_overlap or 0.0
    is_bare = bool(faces) and report.uv_layers == 0
    is_apart = (report.doubles or 0) > (report.vertices or 0) * _DOUBLES_SHARE
    many_flipped = flipped > faces * _FLIPPED_SHARE
    red = [
        (report.invalid_vertices, f"{_counted(report.invalid_vertices, 'vertex')} at no place"),
        (report.textured_faces_without_uv, "textures without UVs"),
        (many_flipped, f"{_counted(flipped, 'face')} flipped"),
    ]
    yellow = [
        (report.is_closed is False, ""),
        (flipped and not many_flipped, f"{_counted(flipped, 'face')} flipped"),
        (report.one_sided_faces, "a surface that has one side alone"),
        (report.degenerate_faces, _counted(report.degenerate_faces, "degenerate face")),
        (is_apart, f"faces that are not joined: {_counted(report.doubles, 'double')}"),
        (is_bare and not report.textured_faces_without_uv, "no UVs"),
        (not is_bare and report.faces_without_uv, f"no UVs on {_counted(report.faces_without_uv, 'face')}"),
        (overlap >= _OVERLAP_SHARE, f"UVs overlap by {share_text(overlap)}"),
        (report.uv_outside_faces, f"UVs outside 0 to 1 on {_counted(report.uv_outside_faces, 'face')}"),
        (report.uv_invalid_faces, f"UVs at no place on {_counted(report.uv_invalid_faces, 'face')}"),
        (report.not_measured, f"{NOT_MEASURED}: {', '.join(report.not_measured)}"),
    ]
    found = [(Light.RED, text) for is_there, text in red if is_there]
    return found + [(Light.YELLOW, text) for is_there, text in yellow if is_there]


def _what(report: Report) -> str:
    if report.faces:
        return _faces(report)
    if report.points:
        return _counted(report.points, "point")
    return "no faces" if report.faces == 0 else f"faces {NOT_MEASURED}"


def _faces(report: Report) -> str:
    """`48,210 triangles`, or how many faces there are and of which kinds."""
    kinds = [(report.triangles, "triangle"), (report.quads, "quad"), (report.ngons, "n-gon")]
    there = [_counted(count, word) for count, word in kinds if count]
    if len(there) == 1:
        return there[0]
    faces = _counted(report.faces, "face")
    return f"{faces} ({', '.join(there)})" if there else faces


def _open_edges(report: Report) -> str:
    words = [_counted(report.boundary_edges, "open edge")] if report.boundary_edges else []
    words += [_counted(report.non_manifold_edges, "non-manifold edge")] if report.non_manifold_edges else []
    return ", ".join(words)


def _textures(report: Report) -> str:
    if not report.textures:
        return _number(report.textures)
    words = [f"{report.textures:,}, {report.largest_texture_px or 0:,} px at most"]
    words += [f"{_megabytes(report.texture_bytes) or 0:,.1f} MB"]
    words += [f"{_megabytes(report.texture_gpu_bytes) or 0:,.0f} MB on the GPU"]
    words += [f"{report.duplicate_textures:,} the same"] if report.duplicate_textures else []
    return ", ".join(words)


def _megabytes(size: int | None) -> float | None:
    return None if size is None else round(size / _MB, 3)


def _clips(report: Report) -> str:
    count = len(report.clips)
    names = ", ".join(report.clips[:_CLIPS])
    return f"{names} and {count - _CLIPS} more" if count > _CLIPS else names


def _counted(count: int | None, word: str) -> str:
    """`1,204 faces`, `1 face`."""
    many = "vertices" if word == "vertex" else f"{word}s"
    return f"{count or 0:,} {word if count == 1 else many}"


def _number(value: int | None, *, is_zero_told: bool = True) -> str:
    if value is None:
        return NOT_MEASURED if is_zero_told else ""
    return f"{value:,}" if value or is_zero_told else ""
