# SPDX-License-Identifier: GPL-3.0-or-later
"""Leaves of a file what the file itself shows: its default scene, nothing hidden, no bones' shapes.

glTF is settled in its description, before the import: Blenders differ in what they make of other scenes and
of nodes that no scene has, and none heeds KHR_node_visibility. Where nothing would be left, all is.
"""

import re
from collections.abc import Iterator
from typing import Any

import bpy

_VISIBILITY = "KHR_node_visibility"
_TRIANGLES = 4  # this mode and those above make faces
_BONE_SHAPE = re.compile(r"icosphere(\.\d+)?", re.IGNORECASE)
_BONE_SHAPE_FACES = 80  # of the sphere that Blender's glTF importer draws bones with


def hidden_words(name: str, count: int) -> list[str]:
    """What is said of objects that a file does not show; nothing of none."""
    if not count:
        return []
    if count == 1:
        return [f"An object of {name} is hidden, or in no default scene, and is left out."]
    return [f"{count:,} objects of {name} are hidden, or in no default scene, and are left out."]


def keep_shown_nodes(document: dict[str, Any]) -> tuple[bool, int]:
    """Takes the meshes away from all nodes that a glTF does not show; whether anything changed, and how many.

    Raises LookupError, TypeError or AttributeError if the document is no glTF.
    """
    nodes: list[dict[str, Any]] = document.get("nodes", [])
    scenes: list[dict[str, Any]] = document.get("scenes", [])
    is_changed = _VISIBILITY in document.get("extensionsRequired", [])
    if is_changed:  # Blender's importer knows nothing of it and would refuse the file
        document["extensionsRequired"].remove(_VISIBILITY)
    solid = {number for number, mesh in enumerate(document.get("meshes", [])) if _has_faces(mesh)}
    with_faces = {number for number, node in enumerate(nodes) if node.get("mesh") in solid}
    default = scenes[document.get("scene", 0)] if scenes else {"nodes": range(len(nodes))}
    shown = set(_shown(nodes, default.get("nodes", [])))
    if not shown & with_faces:
        return is_changed, 0
    if len(scenes) > 1:
        document["scenes"], document["scene"] = [default], 0
    left_out = [node for number, node in enumerate(nodes) if "mesh" in node and number not in shown]
    for node in left_out:
        node.pop("mesh")
        node.pop("skin", None)
    if left_out:
        _keep_used_skins(document, nodes)
    return is_changed or bool(left_out) or len(scenes) > 1, len(left_out)


def _has_faces(mesh: dict[str, Any]) -> bool:
    return any(part.get("mode", _TRIANGLES) >= _TRIANGLES for part in mesh["primitives"])


def _shown(nodes: list[dict[str, Any]], roots: list[int]) -> Iterator[int]:
    """The numbers of the nodes under these, without those that are hidden with all that they hold."""
    waiting = list(roots)
    seen: set[int] = set()
    while waiting:
        number = waiting.pop()
        if number in seen:
            continue
        seen.add(number)
        node = nodes[number]
        if node.get("extensions", {}).get(_VISIBILITY, {}).get("visible", True):
            yield number
            waiting += node.get("children", [])


def _keep_used_skins(document: dict[str, Any], nodes: list[dict[str, Any]]) -> None:
    """Blender makes a rig of every skin, used or not."""
    skins: list[Any] = document.get("skins", [])
    used = sorted({node["skin"] for node in nodes if "skin" in node})
    if not skins or len(used) == len(skins):
        return
    document["skins"] = [skins[number] for number in used]
    for node in nodes:
        if "skin" in node:
            node["skin"] = used.index(node["skin"])
    if not used:
        del document["skins"]


def shown_meshes(meshes: list[bpy.types.Object], *, has_rig: bool) -> list[bpy.types.Object]:
    """Those of the imported meshes that the file shows and that are no helper; all if that leaves none."""
    seen = [each for each in meshes if not (each.hide_viewport or each.hide_render)]
    for each in meshes if not seen else ():
        each.hide_viewport = each.hide_render = False
    seen = seen or meshes
    return [each for each in seen if not (has_rig and _is_bone_shape(each))] or seen


def include_all_collections() -> None:
    """What Blender's glTF importer has excluded (parts of a rig that no scene names) is not evaluated."""
    assert bpy.context.view_layer
    for layer in bpy.context.view_layer.layer_collection.children:
        layer.exclude = False


def _is_bone_shape(item: bpy.types.Object) -> bool:
    """Files that went through Blender bring the sphere along that its importer drew bones with."""
    mesh = item.data
    assert isinstance(mesh, bpy.types.Mesh)
    is_plain = not any(mesh.materials) and not item.vertex_groups and not mesh.shape_keys
    return is_plain and len(mesh.polygons) == _BONE_SHAPE_FACES and bool(_BONE_SHAPE.fullmatch(item.name))
