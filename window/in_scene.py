# SPDX-License-Identifier: GPL-3.0-or-later
"""Which object of the scene is of which job, which of them a collection hides, and the row of each.

All objects are looked through when their number, the scene or a job has changed; else a look costs
microseconds. The row follows the active object, and a click on a row selects and frames.
"""

import logging
from dataclasses import dataclass, field
from typing import Any

import bpy

from .. import properties, scene
from ..jobs import JobCache
from ..session_state import state
from . import placeholders
from .status import redraw_sidebars

log = logging.getLogger(__name__)
_PAUSE_S = 1.0  # between two looks through all objects


@dataclass
class _Tracker:
    """What was found last; names and ids alone."""

    seen: tuple[object, ...] = ()
    looked_at: float = 0.0
    active: tuple[str, str] = ("", "")  # the active object, and the job that it came of
    # Jobs that wait for their result in this scene, until that was seen in it.
    watched: set[str] = field(default_factory=set[str])

    @property
    def is_watching(self) -> bool:
        return bool(self.watched or state.placeholders or state.clicked_job or state.clicked_model)

    def look(self, jobs: JobCache, now: float) -> None:
        """Bring `state.in_scene`, `state.hidden` and the chosen row up to date."""
        manager = bpy.context.window_manager
        if not manager.windows:
            return
        window = manager.windows[0]
        seen = (window.scene.name, len(bpy.data.objects), jobs.revision, properties.edits.reloaded)
        if (seen != self.seen or self.watched) and now - self.looked_at >= _PAUSE_S:
            self.seen = seen
            self.looked_at = now
            before = state.in_scene
            self.find(window)
            if state.in_scene != before:
                properties.sync_jobs(manager, jobs)
        self.follow()

    def follow(self) -> None:
        """Do what was clicked in the lists, and have the row of what was made active since the last time."""
        windows = bpy.context.window_manager.windows
        if not windows:
            return
        window = windows[0]
        if state.clicked_model:
            _choose_clicked(window)
        if state.clicked_job:
            _select_clicked(window)
        self._follow_active(window)

    def forget(self) -> None:
        """Another file, or none."""
        self.seen = ()
        self.active = ("", "")
        self.watched.clear()
        state.in_scene = {}
        state.hidden = ()

    def find(self, window: bpy.types.Window) -> None:
        layer = window.view_layer
        found: dict[str, bpy.types.Object] = {}
        waiting: set[str] = set()
        for item in window.scene.objects:
            job_ids = scene.job_ids_of(item)
            if job_ids and scene.awaited_job(item):
                job_ids = job_ids[:1]
                waiting.update(job_ids)
            for job_id in job_ids:
                found.setdefault(job_id, item)
        self.watched &= found.keys()
        self.watched |= waiting
        hidden = {job_id for job_id in self.watched if _is_hidden(found[job_id], layer)}
        self.watched = waiting | hidden
        state.in_scene = {job_id: item.name for job_id, item in found.items()}
        names = tuple(sorted(found[job_id].name for job_id in hidden))
        if names != state.hidden:
            state.hidden = names
            redraw_sidebars()

    def _follow_active(self, window: bpy.types.Window) -> None:
        """The row of what was made active, or came in the place of that, since the last look."""
        item = window.view_layer.objects.active
        name = item.name if item and item.select_get(view_layer=window.view_layer) else ""
        job_id = placeholders.job_id_of(item) if name else ""
        if (name, job_id) == self.active:
            return
        self.active = (name, job_id)
        if job_id and job_id != properties.active_job_id(bpy.context.window_manager):
            properties.activate_job(bpy.context.window_manager, job_id)
            redraw_sidebars()


def dimensions_text(item: bpy.types.Object, current: bpy.types.Scene) -> str:
    """Width, depth and height as the scene's units have them; "" where nothing has a size."""
    low_high = scene.bounds_or_none(item)
    sizes = item.dimensions
    if low_high and item.type == "EMPTY":
        scale = item.matrix_world.to_scale()
        sizes = [edge * abs(factor) for edge, factor in zip(low_high[1] - low_high[0], scale, strict=True)]
    if not any(sizes):
        return ""
    return " × ".join(length_text(size, current) for size in sizes)


def length_text(length: float, current: bpy.types.Scene) -> str:
    """A length as the scene's units have it."""
    units = current.unit_settings
    if units.system == "NONE":
        return f"{length:.3g}"
    return bpy.utils.units.to_string(units.system, "LENGTH", length * units.scale_length, precision=3)


def _is_hidden(item: bpy.types.Object, layer: bpy.types.ViewLayer) -> bool:
    """Whether a collection, and not the object's own eye or screen, hides it."""
    if item.name not in layer.objects:
        return True
    is_own = item.hide_viewport or item.hide_get(view_layer=layer)
    return not is_own and not item.visible_get(view_layer=layer)


def show(names: tuple[str, ...], window: bpy.types.Window) -> None:
    """Show the collections that these objects are in, and those above them."""
    for item in (window.scene.objects.get(name) for name in names):
        if item is not None and _is_hidden(item, window.view_layer):
            _show_above(item, window.view_layer.layer_collection)


def _show_above(item: bpy.types.Object, layer: bpy.types.LayerCollection) -> bool:
    """Whether the object is in or under this collection, which is shown then."""
    is_in = item.name in layer.collection.objects
    for child in layer.children:
        if item.name in child.collection.all_objects:
            is_in = _show_above(item, child) or is_in
    if is_in and layer.collection != bpy.context.scene.collection:
        layer.exclude = False
        layer.hide_viewport = False
        layer.collection.hide_viewport = False
    return is_in


def _select_clicked(window: bpy.types.Window) -> None:
    """Select what the clicked row is about, and frame it in the view beside the list."""
    job_id = state.clicked_job
    state.clicked_job = ""
    name = state.in_scene.get(job_id, "")
    if name not in window.view_layer.objects or not window.view_layer.objects[name].visible_get():
        return
    areas = [area for area in window.screen.areas if area.type == "VIEW_3D"]
    areas.sort(key=lambda area: area.as_pointer() != state.clicked_area)
    for area in areas[:1]:
        region = [each for each in area.regions if each.type == "WINDOW"][-1]
        with bpy.context.temp_override(window=window, area=area, region=region):
            if bpy.context.mode == "OBJECT" and _done(bpy.ops.maquette.select_job, job_id=job_id):
                bpy.ops.view3d.view_selected("EXEC_DEFAULT")


def _done(operator: Any, **options: str) -> bool:
    """Have it done, as one undo step; False if it could not, which it has told the person itself."""
    try:
        return "FINISHED" in operator("EXEC_DEFAULT", True, **options)
    except RuntimeError as error:  # what it has reported
        log.info("%s", error)
        return False


def _choose_clicked(window: bpy.types.Window) -> None:
    """Choose the model whose row was clicked twice, and close the dialog that the list is in."""
    model_id = state.clicked_model
    state.clicked_model = ""
    with bpy.context.temp_override(window=window):
        _done(bpy.ops.maquette.choose_model, model_id=model_id)
    window.screen = window.screen  # closes what is open over it


tracker = _Tracker()
