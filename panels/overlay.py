# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws over a 3D view what its placeholders wait for, what is compared, and where a dropped image's 3D model
would stand.

Reads objects by the names that the timer has found: it looks through none.
"""

import blf
import bpy
import gpu
from bpy_extras.view3d_utils import location_3d_to_region_2d
from gpu_extras.batch import batch_for_shader
from mathutils import Matrix, Vector

from .. import properties, scene
from ..jobs import JobRecord, State
from ..session_state import state
from ..window import box_lines
from .job_text import progress_of, state_of
from .variations import label_of

WIDTH, HEIGHT = 120, 5  # of a bar, in points
LABELS_MAX = 12  # with more placeholders in sight, bars alone, and short ones
_SHADOW = (0, 0, 0, 0.6)
_TROUGH = (0.1, 0.1, 0.1, 0.75)
_TEXT = (1, 1, 1, 1)
_handles: list[object] = []


def _draw_labels() -> None:
    """Above each box: name, what is happening and how far it is."""
    context = bpy.context
    jobs = state.jobs
    space = context.space_data
    compared = _compared()
    if jobs is None or not (state.placeholders or compared) or not space.overlay.show_overlays:
        return
    view = context.region_data  # of this region: each of four quad views has its own
    seen: list[tuple[float, Vector, str, JobRecord]] = []  # how near, and where
    for name, job_id in [*compared, *state.placeholders.items()]:
        item, job = context.view_layer.objects.get(name), jobs.by_id.get(job_id)
        if item and job and item.visible_get(viewport=space):
            top = max((item.matrix_world @ corner for corner in _box(item)), key=lambda point: point.z)
            middle = item.matrix_world @ _middle(item)
            above = Vector((middle.x, middle.y, top.z))
            place = location_3d_to_region_2d(context.region, view, above)
            if place:
                seen.append(((view.view_matrix @ above).z, place, name, job))
    unit = context.preferences.system.ui_scale
    bars = [(place, job) for _, place, name, job in seen if name in state.placeholders]
    draw_bars([(place + Vector((0, 10 * unit)), progress_of(jobs, job)) for place, job in bars], unit)
    taken: list[tuple[float, float, float]] = []  # left, right and height of the labels that are drawn
    for _, place, name, job in sorted(seen, key=lambda it: -it[0]) if len(seen) <= LABELS_MAX else ():
        _draw_label(place + Vector((0, (16 + HEIGHT) * unit)), unit, _label(name, job), taken)


def _compared() -> list[tuple[str, str]]:
    """What stands of the group that is compared, while one of it is chosen: object's name, and job."""
    jobs = state.jobs
    chosen = jobs.by_id.get(properties.active_job_id(bpy.context.window_manager)) if jobs else None
    if jobs is None or chosen is None or chosen.group != state.compared:
        return []
    found = [(state.in_scene.get(each.id, ""), each.id) for each in jobs.group(chosen)]
    return [(name, job_id) for name, job_id in found if name and name not in state.placeholders]


def _box(item: bpy.types.Object) -> list[Vector]:
    low, high = scene.box_of(item)
    return [low + (corner + Vector((0.5, 0.5, 0))) * (high - low) for corner in box_lines.CORNERS]


def _middle(item: bpy.types.Object) -> Vector:
    corners = _box(item)
    return sum(corners, Vector()) / len(corners)


def draw_bars(bars: list[tuple[Vector, float | None]], unit: float) -> None:
    """All of them in two goes: bottom centre in pixels, and how full (None: no bar).

    By the shader of Blender's own lines: another would be compiled at the first bar, which takes 0.1 s.
    """
    width = (WIDTH if len(bars) <= LABELS_MAX else WIDTH / 4) * unit
    troughs: list[tuple[float, float]] = []
    fills: list[tuple[float, float]] = []
    for place, share in bars:
        if share is not None:
            left, low = place.x - width / 2, place.y
            troughs += _rectangle(left - unit, low - unit, width + 2 * unit, (HEIGHT + 2) * unit)
            fills += _rectangle(left, low, width * share, HEIGHT * unit)
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    gpu.state.blend_set("ALPHA")
    for points, color in ((troughs, _TROUGH), (fills, box_lines.COLOR)) if troughs else ():
        shader.uniform_float("color", color)
        batch_for_shader(shader, "TRIS", {"pos": points}).draw(shader)
    gpu.state.blend_set("NONE")


def _rectangle(x: float, y: float, width: float, height: float) -> list[tuple[float, float]]:
    """As two triangles."""
    a = (x, y)
    b = (x + width, y)
    c = (x, y + height)
    d = (x + width, y + height)
    return [a, b, c, c, b, d]


def _label(name: str, job: JobRecord) -> str:
    if state.jobs and name not in state.placeholders:
        return f"{name}  ·  {label_of(state.jobs, job)}"
    share = progress_of(state.jobs, job)
    word = "Undone" if job.state is State.PLACED else state_of(job)[0]  # what waits again was undone
    return f"{name}  ·  {f'{share:.0%}' if job.state is State.RUNNING and share else word}"


def _draw_label(place: Vector, unit: float, text: str, taken: list[tuple[float, float, float]]) -> None:
    """Nothing where it would cover a nearer one's."""
    blf.size(0, 11 * unit)
    width, _ = blf.dimensions(0, text)
    left, right = place.x - width / 2, place.x + width / 2
    if any(left < end and start < right and abs(place.y - low) < 14 * unit for start, end, low in taken):
        return
    taken.append((left, right, place.y))
    blf.enable(0, blf.SHADOW)
    blf.shadow(0, 3, *_SHADOW)
    blf.position(0, left, place.y, 0)
    blf.color(0, *_TEXT)
    blf.draw(0, text)
    blf.disable(0, blf.SHADOW)


def _draw_drop_box() -> None:
    """The box that the next 3D model would fill, while the place is where an image was dropped."""
    context = bpy.context
    settings = properties.get(context.scene)
    model = properties.model_of(settings, state.catalogue)
    if properties.place_mode_of(settings, model) != "POINT" or not context.space_data.overlay.show_overlays:
        return
    turn = Matrix.Rotation(settings.drop_rotation_z, 4, "Z")
    box = Matrix.Translation(settings.drop_point) @ turn @ Matrix.Scale(settings.size, 4)
    gpu.state.depth_test_set("LESS_EQUAL")
    box_lines.draw_box(box)
    gpu.state.depth_test_set("NONE")


def register() -> None:
    if bpy.app.background:
        return
    for draw, when in ((_draw_labels, "POST_PIXEL"), (_draw_drop_box, "POST_VIEW")):
        _handles.append(bpy.types.SpaceView3D.draw_handler_add(draw, (), "WINDOW", when))


def unregister() -> None:
    while _handles:
        bpy.types.SpaceView3D.draw_handler_remove(_handles.pop(), "WINDOW")
