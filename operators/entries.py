# SPDX-License-Identifier: GPL-3.0-or-later
"""What Maquette adds to Blender's own menus: where an artist has an image, an object, or adds one."""

import time
from collections.abc import Callable

import bpy

from ..jobs import DONE
from ..session_state import state
from ..window import asset_facts, placeholders, repeats


class MAQUETTE_MT_object(bpy.types.Menu):
    """Of the object under the mouse, in its context menu."""

    bl_idname = "MAQUETTE_MT_object"
    bl_label = "Maquette"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_enum("maquette.use_task", "task")
        layout.separator()
        job = placeholders.job_of(context.object, state.jobs)
        if job:
            for name, text, icon in (
                ("repeat_job", f"Run Again{repeats.price_suffix(job)}", "FILE_REFRESH"),
                ("vary_job", "Run Again…", "DUPLICATE"),
                ("use_settings", "Use Settings", "COPYDOWN"),
            ):
                layout.operator(f"maquette.{name}", text=text, icon=icon).job_id = job.id
            if state.jobs and len(state.jobs.group(job)) > 1:
                layout.separator()
                layout.context_string_set("maquette_job", job.id)
                layout.menu("MAQUETTE_MT_swap", icon="UV_SYNC_SELECT")
                layout.operator("maquette.compare_job", icon="ALIGN_JUSTIFY").job_id = job.id
                layout.operator("maquette.keep_job", icon="PINNED").job_id = job.id
                layout.separator()
        layout.operator("maquette.show_job", icon="VIEWZOOM")


class MAQUETTE_MT_asset(bpy.types.Menu):
    """Of the asset that is chosen in the Asset Browser; its job may be here, or of another computer."""

    bl_idname = "MAQUETTE_MT_asset"
    bl_label = "Maquette"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        facts = asset_facts.chosen_facts(context)
        job = facts.job if facts else None
        if job is None:
            layout.operator("maquette.use_asset", icon="COPYDOWN")
            layout.operator("maquette.repeat_asset", icon="FILE_REFRESH")
            return
        actions = [
            ("place_job", "Place", "IMPORT"),
            ("use_settings", "Use Settings", "COPYDOWN"),
            ("repeat_job", f"Run Again{repeats.price_suffix(job)}", "FILE_REFRESH"),
        ]
        for name, text, icon in actions if job.state in DONE else actions[1:]:
            layout.operator(f"maquette.{name}", text=text, icon=icon).job_id = job.id


def _draw_asset(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    if asset_facts.chosen_facts(context):
        _wake()
        menu.layout.separator()
        menu.layout.menu("MAQUETTE_MT_asset", icon="MESH_MONKEY")


def _draw_object(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.menu("MAQUETTE_MT_menu")


def _draw_object_context(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    item = context.object
    if item:
        _wake()
        menu.layout.separator()
        root = placeholders.root_of(item)
        if root and (root != item or root.type == "EMPTY"):  # it has several parts
            menu.layout.operator("maquette.select_model", icon="OUTLINER")
        menu.layout.menu("MAQUETTE_MT_object", icon="MESH_MONKEY")


def _draw_add(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    if context.mode == "OBJECT":
        _wake()
        menu.layout.separator()
        menu.layout.operator("maquette.add_from_images", text="3D Model from Image…", icon="IMAGE_DATA")
        menu.layout.operator("maquette.add_from_text", text="3D Model from Text…", icon="TEXT")


def _draw_image(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    _wake()
    menu.layout.separator()
    menu.layout.operator("maquette.use_editor_image", icon="MESH_MONKEY")


def _draw_files(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    if getattr(context, "selected_files", None):
        _wake()
        menu.layout.separator()
        menu.layout.operator("maquette.use_files", icon="MESH_MONKEY")


def _wake() -> None:
    """The timer opens the backend, as if the sidebar was seen: what stands in the menu needs it."""
    state.drawn_at = time.monotonic()


_ENTRIES: tuple[tuple[str, Callable[[bpy.types.Menu, bpy.types.Context], None]], ...] = (
    ("VIEW3D_MT_object", _draw_object),
    ("VIEW3D_MT_object_context_menu", _draw_object_context),
    ("VIEW3D_MT_add", _draw_add),
    ("IMAGE_MT_image", _draw_image),
    ("FILEBROWSER_MT_context_menu", _draw_files),
    ("ASSETBROWSER_MT_asset", _draw_asset),
    ("ASSETBROWSER_MT_context_menu", _draw_asset),
)


def append() -> None:
    for menu, draw in _ENTRIES:
        getattr(bpy.types, menu).append(draw)


def remove() -> None:
    """Where Blender ends, some of its menus go before add-ons do (4.3: those of the Asset Browser)."""
    for name, draw in _ENTRIES:
        menu = getattr(bpy.types, name, None)
        if menu is not None:
            menu.remove(draw)
