# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats that results are exported in: Blender's own exporters, and what each is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ExportFormat:
    """A format that Blender writes: its exporter, how that takes the selection alone, and our options."""

    title: str
    operator: str
    selection: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    addon: str = ""


_GLTF = {
    "use_active_scene": True,
    "export_extras": True,
    "export_rest_position_armature": False,  # at rest a rig's scale, and so the size, would be lost
}
_IN_GLTF = {"use_selection": True}
_USD = {"selected_objects_only": True}
# By the file's ending.
EXPORT_FORMATS = {
    ".glb": ExportFormat(
        "glTF Binary", "export_scene.gltf", {**_IN_GLTF, "export_format": "GLB"}, _GLTF, "io_scene_gltf2"
    ),
    ".gltf": ExportFormat(
        "glTF",
        "export_scene.gltf",
        {**_IN_GLTF, "export_format": "GLTF_SEPARATE"},
        {**_GLTF, "export_format": "GLTF_SEPARATE"},
        "io_scene_gltf2",
    ),
    ".fbx": ExportFormat(
        "FBX",
        "export_scene.fbx",
        {"use_selection": True},
        {"path_mode": "COPY", "embed_textures": True},
        "io_scene_fbx",
    ),
    ".obj": ExportFormat("Wavefront OBJ", "wm.obj_export", {"export_selected_objects": True}),
    ".usdc": ExportFormat("USD", "wm.usd_export", _USD),
    ".usd": ExportFormat("USD", "wm.usd_export", _USD),
    ".usdz": ExportFormat("USDZ", "wm.usd_export", _USD),
    ".stl": ExportFormat("STL", "wm.stl_export", {"export_selected_objects": True}),
}
