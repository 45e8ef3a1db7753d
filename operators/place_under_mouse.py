# SPDX-License-Identifier: GPL-3.0-or-later
"""Place › Under Mouse: the box of the 3D model follows the surface under the mouse until a click pays for it.

A modal operator, unlike the timer: it holds autosave and arriving results back only until that click or Esc.
"""

import math
from typing import Any

import bpy
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Matrix, Vector

from .. import properties
from ..jobs import cost_text
from ..window import blocker, box_lines, confirm, in_scene, spots, start_jobs, wanted_now
from .paid_operator import PaidOperator

_VIEW = ("MIDDLEMOUSE", "WHEELUPMOUSE", "WHEELDOWNMOUSE", "TRACKPADPAN", "TRACKPADZOOM", "NDOF_MOTION")
_WORDS = {
    "MOVE": "Click: Generate{price}    R: Turn    S: Scale    Esc: Cancel",
    "TURN": "Turn: {turn:.0f}°    Click: Keep    Esc: As Before",
    "SCALE": "Size: {size}    Click: Keep    Esc: As Before",
}


class MAQUETTE_OT_place_under_mouse(PaidOperator, bpy.types.Operator):
    bl_idname = "maquette.place_under_mouse"
    bl_label = "Generate Under Mouse"
    bl_description = "Show where the 3D model will stand under the mouse; a click there generates it"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return not bpy.app.background and context.area is not None and context.area.type == "VIEW_3D"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if found := blocker(context):
            self.report({"ERROR"}, found.text)
            return {"CANCELLED"}
        settings = properties.get(context.scene)
        self._point = Vector(context.scene.cursor.location)
        self._turn = 0.0
        self._size = settings.size
        self._mode = "MOVE"
        self._kept = (self._turn, self._size)
        self._from = Vector((0.0, 0.0))
        self._is_seen = False
        self._area = context.area.as_pointer()
        arguments = (self._box, self._area)
        self._handle: Any = bpy.types.SpaceView3D.draw_handler_add(_draw, arguments, "WINDOW", "POST_VIEW")
        context.window_manager.modal_handler_add(self)
        context.window.cursor_modal_set("CROSSHAIR")
        self._follow(context, event)
        self._tell(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        is_press = event.value == "PRESS"
        region = _region_under(context, event, self._area)
        if event.type == "MOUSEMOVE":
            self._follow(context, event)
        elif event.type == "LEFTMOUSE" and is_press and region:
            if self._mode == "MOVE":
                return self._place(context, event)
            self._mode = "MOVE"
        elif event.type in ("R", "S") and is_press and not (event.ctrl or event.alt or event.oskey):
            self._begin(context, event, "TURN" if event.type == "R" else "SCALE")
        elif event.type in ("ESC", "RIGHTMOUSE") and is_press:
            if self._mode == "MOVE":
                self.cancel(context)
                return {"CANCELLED"}
            self._turn, self._size = self._kept
            self._mode = "MOVE"
        elif event.type in _VIEW and region:
            return {"PASS_THROUGH"}
        self._tell(context)
        return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender calls it, too, when it ends or opens another file."""
        bpy.types.SpaceView3D.draw_handler_remove(self._handle, "WINDOW")
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)
        for area in context.screen.areas:
            if area.as_pointer() == self._area:
                area.header_text_set(None)
                area.tag_redraw()

    def start(self, context: bpy.types.Context) -> tuple[list[str], str]:
        return start_jobs.start_jobs(context, spot=self._spot())

    def _place(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """The click: what is asked for is paid for, at the price that stands over the view."""
        self._follow(context, event)
        cost_cu = wanted_now(context, spot=self._spot()).cost_cu
        if not self._is_seen or cost_cu is None:
            return {"RUNNING_MODAL"}
        done = confirm.invoke(
            self,
            context,
            event,
            question="Generate a 3D Model?",
            cost_cu=cost_cu,
            is_shown=True,
            request=start_jobs.request_key(context, spot=self._spot()),
        )
        self.cancel(context)
        return done

    def _follow(self, context: bpy.types.Context, event: bpy.types.Event) -> None:
        found = _region_under(context, event, self._area)
        if found is None:
            return
        area, region, view = found
        mouse = Vector((event.mouse_x - region.x, event.mouse_y - region.y))
        with context.temp_override(area=area, region=region):
            if self._mode == "MOVE":
                self._point = spots.point_under(bpy.context, mouse.x, mouse.y)
                self._is_seen = True
        middle = location_3d_to_region_2d(region, view, self._point)
        if self._mode != "MOVE" and middle:
            start, end = self._from - middle, mouse - middle
            turn, size = self._kept
            if self._mode == "TURN" and start.length and end.length:
                self._turn = turn + math.atan2(start.x * end.y - start.y * end.x, start.dot(end))
            elif self._mode == "SCALE" and start.length > 1:
                self._size = max(0.0001, size * end.length / start.length)
        area.tag_redraw()

    def _begin(self, context: bpy.types.Context, event: bpy.types.Event, mode: str) -> None:
        """Turn or scale about the point; the mouse may begin right on it."""
        found = _region_under(context, event, self._area)
        if found is None:
            return
        _, region, view = found
        self._mode, self._kept = mode, (self._turn, self._size)
        self._from = Vector((event.mouse_x - region.x, event.mouse_y - region.y))
        middle = location_3d_to_region_2d(region, view, self._point)
        if middle and (self._from - middle).length < 30:
            self._from = middle + Vector((100.0, 0.0))

    def _spot(self) -> spots.Spot:
        return spots.Spot(tuple(self._point), self._turn, self._size)

    def _box(self) -> Matrix:
        turn = Matrix.Rotation(self._turn, 4, "Z")
        return Matrix.Translation(self._point) @ turn @ Matrix.Scale(self._size, 4)

    def _tell(self, context: bpy.types.Context) -> None:
        cost_cu = wanted_now(context, spot=self._spot()).cost_cu
        price = " · …" if cost_cu is None else f" · {cost_text(cost_cu)}"
        size = in_scene.length_text(self._size, context.scene)
        text = _WORDS[self._mode].format(price=price, turn=math.degrees(self._turn), size=size)
        context.workspace.status_text_set(text)
        for area in context.screen.areas:
            if area.as_pointer() == self._area:
                area.header_text_set(text)


def _region_under(
    context: bpy.types.Context, event: bpy.types.Event, area_pointer: int
) -> tuple[bpy.types.Area, bpy.types.Region, bpy.types.RegionView3D] | None:
    """The region of the 3D view that the mouse is over; None over its sidebar, its header or elsewhere."""
    area = next((each for each in context.screen.areas if each.as_pointer() == area_pointer), None)
    if area is None:
        return None
    over = [
        each
        for each in area.regions
        if each.x <= event.mouse_x < each.x + each.width and each.y <= event.mouse_y < each.y + each.height
    ]
    if not over or any(each.type != "WINDOW" and each.width > 1 and each.height > 1 for each in over):
        return None
    with context.temp_override(area=area, region=over[0]):
        return area, over[0], bpy.context.region_data


def _draw(box_of: Any, area_pointer: int) -> None:
    context = bpy.context
    if context.area is not None and context.area.as_pointer() == area_pointer:
        box_lines.draw_box(box_of(), has_arrow=True)
