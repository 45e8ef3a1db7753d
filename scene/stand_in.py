# SPDX-License-Identifier: GPL-3.0-or-later
"""One object takes over from another of any type all that the artist has given it, in one step to undo.

An object cannot change its type, so what comes is another object. The one before stays as it was, in no
scene: freeing it would crash Blender while a field of it is edited.
"""

import math
from typing import Any

import bpy

from .append import give_up_name
from .custom_properties import BESIDE, PREFIX

# What is neither its shape nor its place.
_KEPT = (
    "rotation_mode",
    "delta_location",
    "delta_rotation_euler",
    "delta_rotation_quaternion",
    "delta_scale",
    "lock_location",
    "lock_rotation",
    "lock_rotation_w",
    "lock_rotations_4d",
    "lock_scale",
    "parent",
    "parent_type",
    "parent_bone",
    "parent_vertices",
    "matrix_parent_inverse",
    "hide_viewport",
    "hide_render",
    "hide_select",
    "pass_index",
    "color",
    "visible_camera",
    "visible_diffuse",
    "visible_glossy",
    "visible_transmission",
    "visible_volume_scatter",
    "visible_shadow",
    "is_holdout",
    "is_shadow_catcher",
    "lightgroup",
    "track_axis",
    "up_axis",
)
# A block-out is often shown as wire; what gets another version of itself is shown as it was.
_SHOWN = (
    "display_type",
    "show_name",
    "show_in_front",
    "show_wire",
    "show_all_edges",
    "show_axis",
    "show_bounds",
    "display_bounds_type",
    "show_texture_space",
    "show_transparent",
)
_GROUPS = ("lineart", "light_linking", "rigid_body", "rigid_body_constraint")
_CHANNELS = ("location", "rotation_euler", "rotation_quaternion", "rotation_axis_angle", "scale")
_LAST_FRAME = 1_048_574  # of Blender's time; a file from elsewhere may hold more, or no number
# In this order: what comes later is not changed by what came before.
_OF_STRIP = (
    "use_sync_length",
    "action_frame_start",
    "action_frame_end",
    "scale",
    "repeat",
    "frame_start_raw",
    "frame_end_raw",
    "blend_type",
    "use_auto_blend",
    "blend_in",
    "blend_out",
    "extrapolation",
    "use_reverse",
    "influence",
    "use_animated_influence",
    "strip_time",
    "use_animated_time",
    "use_animated_time_cyclic",
    "mute",
    "select",
    "name",
)
# Each with how many numbers it has; a choice is one. Set at once: one by one, each would sort the keyframes.
_OF_KEYFRAME = {
    "co": 2,
    "handle_left": 2,
    "handle_right": 2,
    "handle_left_type": 1,
    "handle_right_type": 1,
    "interpolation": 1,
    "easing": 1,
    "back": 1,
    "amplitude": 1,
    "period": 1,
    "type": 1,
}


def stand_in(new: bpy.types.Object, item: bpy.types.Object, *, is_version: bool = False) -> None:
    """Gives `new` the name of `item`, its links and settings, and its selection; what pointed at it follows.

    The transform is the caller's, and the collections that it is linked to. `is_version`: they are two
    versions of one thing.
    """
    for name in (*_KEPT, *(_SHOWN if is_version else ())):
        setattr(new, name, getattr(item, name))
    for group in _GROUPS:
        mine, its = getattr(new, group), getattr(item, group)
        if mine and its:  # who is in the collection of a simulation has its settings
            _copy_group(mine, its)
    for constraint in item.constraints:
        new.constraints.copy(constraint)
    _animate(new, item)
    _copy_properties(new, item)
    _hand_over_asset(new, item)
    shown = [
        (layer, item.select_get(view_layer=layer), item.hide_get(view_layer=layer))
        for scene in item.users_scene
        for layer in scene.view_layers
        if item.name in layer.objects
    ]
    active = [layer for layer, _, _ in shown if layer.objects.active == item]
    spaces = [space for space in _local_views() if item.local_view_get(space)]
    for collection in item.users_collection:
        _keep_out_of_light(new, item, collection)
        collection.objects.unlink(item)
    item.user_remap(new)
    for layer, is_selected, is_hidden in shown:
        if new.name in layer.objects:
            new.select_set(is_selected, view_layer=layer)
            new.hide_set(is_hidden, view_layer=layer)
    for layer in active:
        layer.objects.active = new
    for space in spaces:
        new.local_view_set(space, True)
    name = item.name
    give_up_name(item)
    new.name = name


def keep_own(new: bpy.types.Object, item: bpy.types.Object) -> None:
    """What the artist has put on the item, whose other version is `new`: custom properties of its mesh, and
    materials on the object, not on its mesh, in the same slots.
    """
    if isinstance(new.data, bpy.types.Mesh) and isinstance(item.data, bpy.types.Mesh):
        _copy_properties(new.data, item.data)
    for slot, was in zip(new.material_slots, item.material_slots, strict=False):
        if was.link == "OBJECT":
            slot.link = "OBJECT"
            slot.material = was.material


def keep_channels(new: bpy.types.Object, item: bpy.types.Object) -> None:
    """The same location, rotation and scale, as they were typed: a matrix does not tell them."""
    for name in _CHANNELS:
        setattr(new, name, getattr(item, name))


def _animate(new: bpy.types.Object, item: bpy.types.Object) -> None:
    """The same actions, and drivers and tracks like those of the item."""
    was = item.animation_data
    if was is None:
        return
    data = new.animation_data_create()
    for driver in was.drivers:
        data.drivers.from_existing(src_driver=driver)
    solo: list[bpy.types.NlaTrack] = []
    for track in was.nla_tracks:
        made = data.nla_tracks.new()
        for strip in track.strips:
            ends = (strip.frame_start, strip.frame_end)
            if strip.action and all(abs(each) <= _LAST_FRAME for each in ends):
                _copy_strip(made, strip)
        for name in ("name", "mute", "lock"):
            setattr(made, name, getattr(track, name))
        if track.is_solo:
            solo.append(made)
    for made in solo:  # at last, and none is told that it is not: that would count for all
        made.is_solo = True
    data.action = was.action
    if was.action and hasattr(was, "action_slot"):  # from 4.4 on
        data.action_slot = was.action_slot
    for name in ("action_influence", "action_blend_type", "action_extrapolation", "use_nla"):
        setattr(data, name, getattr(was, name))


def _copy_strip(track: bpy.types.NlaTrack, strip: bpy.types.NlaStrip) -> None:
    free = max([strip.frame_start, *(each.frame_end for each in track.strips)])
    made = track.strips.new(strip.name, math.ceil(free), strip.action)
    if hasattr(strip, "action_slot") and strip.action_slot:
        made.action_slot = strip.action_slot
    for name in _OF_STRIP:
        setattr(made, name, getattr(strip, name))
    for curve in strip.fcurves:
        mine = made.fcurves.find(curve.data_path, index=curve.array_index)
        if mine:  # it is there once it is in use
            _copy_curve(mine, curve)


def _copy_curve(new: bpy.types.FCurve, curve: bpy.types.FCurve) -> None:
    count = len(curve.keyframe_points)
    new.keyframe_points.clear()
    new.keyframe_points.add(count)
    for name, size in _OF_KEYFRAME.items():
        kind = bpy.types.Keyframe.bl_rna.properties[name].type
        numbers = [0.0 if kind == "FLOAT" else 0] * (count * size)
        curve.keyframe_points.foreach_get(name, numbers)
        new.keyframe_points.foreach_set(name, numbers)
    for name in ("extrapolation", "mute", "lock"):
        setattr(new, name, getattr(curve, name))
    for modifier in curve.modifiers:
        _copy_group(new.modifiers.new(modifier.type), modifier)
    new.update()


def _copy_group(new: bpy.types.bpy_struct, item: bpy.types.bpy_struct) -> None:
    for each in item.bl_rna.properties:
        if not each.is_readonly:
            setattr(new, each.identifier, getattr(item, each.identifier))


def _copy_properties(new: bpy.types.bpy_struct, item: bpy.types.bpy_struct) -> None:
    """The artist's custom properties, and those that add-ons have registered; those of ours tell of another
    result.
    """
    for key in item.keys():  # noqa: SIM118 # no dict
        if key.startswith(PREFIX) and key != BESIDE:
            continue
        value = item[key]
        new[key] = _plain(value)
        if not isinstance(value, list) and not hasattr(value, "to_dict"):  # which have no such settings
            new.id_properties_ui(key).update_from(item.id_properties_ui(key))
        path = f'["{bpy.utils.escape_identifier(key)}"]'
        if item.is_property_overridable_library(path):
            new.property_overridable_library_set(path, True)
    # Blender 5.0 keeps apart what is registered. It calls this way to it internal; the other, by the names,
    # would have the add-ons act, of which some rebuild the active object.
    stored: Any = getattr(item, "bl_system_properties_get", lambda: None)()
    if stored is not None:
        mine: Any = new.bl_system_properties_get(do_create=True)  # type: ignore[attr-defined]
        for key in stored.keys():  # noqa: SIM118 # no dict
            mine[key] = _plain(stored[key])


def _plain(value: Any) -> Any:
    return value.to_dict() if hasattr(value, "to_dict") else value


def _hand_over_asset(new: bpy.types.Object, item: bpy.types.Object) -> None:
    """What was an asset is one by the new object, without the picture of what goes."""
    its = item.asset_data
    if its is None:
        return
    new.asset_mark()
    mine = new.asset_data
    assert mine
    for tag in its.tags:
        mine.tags.new(tag.name)
    _copy_group(mine, its)
    _copy_properties(mine, its)
    item.asset_clear()


def _keep_out_of_light(
    new: bpy.types.Object, item: bpy.types.Object, collection: bpy.types.Collection
) -> None:
    """What a light or a shadow leaves out stays so, with all that has come under the new object."""
    state = _link_state(collection, item)
    if state.link_state == "INCLUDE":  # as whatever is linked to a collection
        return
    for each in {new, *new.children_recursive} & set(collection.objects):
        _link_state(collection, each).link_state = state.link_state


def _link_state(collection: bpy.types.Collection, item: bpy.types.Object) -> bpy.types.CollectionLightLinking:
    index = collection.objects.find(item.name)
    if collection.objects[index] != item:  # one from a library may have the same name
        index = list(collection.objects).index(item)
    return collection.collection_objects[index].light_linking


def _local_views() -> list[bpy.types.SpaceView3D]:
    return [
        space
        for window in bpy.context.window_manager.windows
        for area in window.screen.areas
        for space in area.spaces
        if isinstance(space, bpy.types.SpaceView3D) and space.local_view
    ]
