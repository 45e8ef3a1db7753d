# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the GLB that is uploaded, of objects in a .blend of their own: a task of background_main.py.

One object is sent in its own space (see own_shape.py), so that what comes back fits wherever it stands.
Several are sent as they stand to each other. What they refer to (parents, cutters) counts but is not sent.
"""

from typing import Any

import bpy

from .own_shape import WITH_FACES, load_objects, mesh_of, owner_of, to_own_space


def send(request: dict[str, Any]) -> dict[str, object]:
    """Makes the file `target` of those `objects` in the .blend `source`; of all if none is named.

    `own` says whose space it is and how it is stretched there, and whether modifiers are left out.
    """
    try:
        _prepare(
            request["source"], set(request["objects"]), request.get("own") or {}, request.get("frame", 1)
        )
        # A name that ends in .glb, else the exporter adds that.
        bpy.ops.export_scene.gltf(
            filepath=request["target"],
            export_format="GLB",
            use_selection=True,
            export_animations=False,
            export_morph=False,
            export_skins=False,
        )
    except (OSError, RuntimeError, ValueError) as error:  # Blender's operators raise RuntimeError
        reason = (str(error).strip().splitlines() or ["no reason given"])[-1][:300]
        return {"ok": False, "error": f"The mesh could not be prepared: {reason.rstrip('.')}."}
    return {"ok": True}


def _prepare(source: str, names: set[str], own: dict[str, Any], frame: int) -> None:
    """Selects, in the scene, plain copies of what is sent: meshes alone, where they are to be."""
    scene = bpy.context.scene
    assert scene
    scene.frame_set(frame)
    loaded = load_objects(source)
    sent = [each for name, each in loaded.items() if each.type in WITH_FACES and (name in names or not names)]
    owner = owner_of(loaded, sent, own.get("object", ""))
    to_own, stretch = to_own_space(owner, own.get("stretch"))
    made: list[bpy.types.Object] = []
    for each in sent:
        name = each.name
        place = stretch @ to_own @ each.matrix_world if owner else None  # some services heed no transforms
        copy = bpy.data.objects.new("sent", mesh_of(each, place, is_base=bool(own.get("is_base"))))
        if owner is None:
            copy.matrix_world = each.matrix_world
        if len(copy.material_slots) == len(each.material_slots):  # those of the object, not of its mesh
            for slot, used in zip(copy.material_slots, each.material_slots, strict=True):
                slot.material = used.material
        each.name = f"{name} (here)"
        copy.name = name
        made.append(copy)
    if not any(len(each.data.polygons) for each in made if isinstance(each.data, bpy.types.Mesh)):
        raise ValueError("it has no faces")
    for each in made:
        scene.collection.objects.link(each)
        each.select_set(True)
