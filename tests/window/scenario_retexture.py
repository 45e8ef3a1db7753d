# SPDX-License-Identifier: GPL-3.0-or-later
"""The artist's own mesh: Suzanne gets a texture on her UVs, gives it back, and is remeshed; two at once."""

import hashlib
from typing import Any, cast

import bpy
import expected
from driver import Place, Steps, Window

TEXTURE = "model_meshy-retexture"
REMADE = "model_trellis-2-retexture"
REMESH = "model_meshy-remesh"


def steps(w: Window) -> Steps:
    make_suzanne()
    inputs = yield from expected.in_sandbox(w, 3.0, TEXTURE)
    inputs().textStylePrompt = "a red wooden toy"
    yield from w.click(place_of(w, "Suzanne"))
    w.check([each.name for each in bpy.context.selected_objects] == ["Suzanne"], "a click selects Suzanne")
    before = fingerprint("Suzanne")
    yield from w.until(lambda: expected.price(w), 30, "the price is on the button")
    settings = expected.settings_of(w)
    w.check(
        (settings.mesh_place_mode, settings.result) == ("ORIGINAL", "MATERIAL"), "a texture goes onto her"
    )
    yield 1.0
    w.picture("retexture-make", w.region("UI"))
    w.picture("retexture-before")
    yield from w.press("maquette.generate")
    yield from w.until(lambda: "maquette_awaits" in bpy.data.objects["Suzanne"], 10, "she waits herself")
    yield 1.5
    w.picture("retexture-waiting")
    yield from w.until(is_textured, 120, "the texture arrives")
    yield 2.0
    show_textures(w)
    yield from expected.in_view(w, bpy.ops.view3d.view_selected)
    yield 8.0
    w.picture("retexture-jobs", w.region("UI"))
    after = fingerprint("Suzanne")
    same = {key for key in before if before[key] == after[key]}
    w.check(before.keys() - same == {"slots"}, "all that is hers stays, but what is in the slots", same)
    w.check("maquette_awaits" not in bpy.data.objects["Suzanne"], "she waits no more")
    w.check(expected.paid(w) == 1, "one job was paid for", expected.paid(w))

    # Back, by undo and by the button.
    yield from w.move(w.view_point(0.3, 0.3))
    yield from w.key("ctrl+z")
    w.check(fingerprint("Suzanne")["slots"] == before["slots"], "one undo takes it away")
    yield from w.key("ctrl+shift+z")
    w.check(is_textured(), "redo brings it back")
    yield 8.0  # by now Blender has compiled what draws it
    w.picture("retexture")
    textured = w.picture("textured", w.region("WINDOW"))
    yield from w.press("maquette.restore_original")
    yield 0.5
    _, _, width, height = w.appeared(textured)
    w.check(min(width, height) > 100, "and that is what the view shows", (width, height))
    w.check(fingerprint("Suzanne") == before, "Restore Original gives her back what she had")
    w.picture("retexture-restored")
    yield from w.move(w.view_point(0.3, 0.3))
    yield from w.key("ctrl+z")
    w.check(is_textured(), "which is one undo step")
    file = w.folder / "retexture.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    bpy.ops.wm.open_mainfile(filepath=str(file))
    yield 2.0
    yield from w.open_sidebar()
    w.check(is_textured(), "the texture is in the saved file")
    yield from w.search("Restore Original")
    yield 0.5
    w.check(fingerprint("Suzanne")["slots"] == before["slots"], "and so is what she had")

    # Two, with a service that makes other faces, of another size.
    add_torus()
    yield from expected.in_view(w, bpy.ops.view3d.view_all)
    inputs = yield from expected.inputs_shown(w, REMADE)
    yield from w.move(w.view_point(0.3, 0.3))
    inputs().image = bpy.data.images.load(str(expected.EXAMPLES / "coffee.png"), check_existing=True)
    for name in ("Suzanne", "Torus"):
        bpy.data.objects[name].select_set(True)
    yield from w.until(lambda: expected.price(w), 30, "the price is known")
    yield 1.0
    yield from w.press("maquette.generate")
    yield 0.7
    w.picture("retexture-two-question")
    yield from w.key("Return")
    yield from w.until(lambda: len(expected.waiting()) == 2, 10, "two meshes are two jobs")
    yield from w.until(lambda: not expected.waiting(), 120, "both arrive")
    yield 2.0
    show_textures(w)
    yield 1.0
    w.picture("retexture-two")
    w.check(
        expected.job(w, 0).message == "" or "UV" in expected.job(w, 0).message, "what is told", messages(w)
    )

    # Another mesh.
    inputs = yield from expected.inputs_shown(w, REMESH)
    inputs().targetPolycount = 300
    yield from w.click(place_of(w, "Suzanne"))
    faces = len(mesh_of("Suzanne").polygons)
    yield from w.until(lambda: expected.price(w), 30, "the price is known")
    yield 1.0
    w.picture("remesh-make", w.region("UI"))
    yield from w.press("maquette.generate")
    yield from w.until(lambda: len(mesh_of("Suzanne").polygons) != faces, 120, "she gets another mesh")
    yield 1.5
    w.picture("remesh")
    w.check("Suzanne (before)" in bpy.data.meshes, "the old mesh is kept")
    w.check(
        [each.name for each in bpy.data.objects["Suzanne"].modifiers] == ["Subdivision"], "modifiers stay"
    )
    yield from w.press("maquette.restore_original")
    yield 0.5
    w.check(len(mesh_of("Suzanne").polygons) == faces, "Restore Original gives back the old one")
    expected.check_opens(w)


def place_of(w: Window, name: str) -> Place:
    x, y, z = bpy.data.objects[name].location
    return w.place_of((x, y, z))


def mesh_of(name: str) -> bpy.types.Mesh:
    return cast("bpy.types.Mesh", bpy.data.objects[name].data)


def make_suzanne() -> None:
    bpy.data.batch_remove([each for each in bpy.data.objects if each.type == "MESH"])
    bpy.ops.mesh.primitive_monkey_add(location=(0, 0, 1))
    item: Any = bpy.context.object
    item.name = item.data.name = "Suzanne"
    item.rotation_euler.z = 0.6
    item.scale = (1.2, 1.0, 1.0)
    item.modifiers.new("Subdivision", "SUBSURF").levels = 1
    item.shape_key_add(name="Basis")
    item.shape_key_add(name="Smile")
    item.vertex_groups.new(name="Head").add(range(100), 0.5, "REPLACE")
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.uv.smart_project(angle_limit=1.15, island_margin=0.01)
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.ops.object.shade_smooth()
    item.data.materials.append(bpy.data.materials.new("Fur"))
    item.select_set(False)


def add_torus() -> None:
    bpy.ops.mesh.primitive_torus_add(location=(0, -3, 0.5), rotation=(0.8, 0, 0))


def show_textures(w: Window) -> None:
    space: Any = w.area().spaces.active
    space.shading.type = "MATERIAL"


def is_textured() -> bool:
    slot = bpy.data.objects["Suzanne"].material_slots[0]
    tree = slot.material and slot.material.node_tree
    return bool(tree) and any(node.type == "TEX_IMAGE" for node in tree.nodes)


def messages(w: Window) -> str:
    return " | ".join(expected.job(w, place).message for place in range(2))


def fingerprint(name: str) -> dict[str, Any]:
    """What the artist has made of it, as short as can be."""
    item, mesh = bpy.data.objects[name], cast("Any", mesh_of(name))
    keys: Any = mesh.shape_keys
    found: dict[str, Any] = {"modifiers": [each.name for each in item.modifiers]}
    points = [tuple(vertex.co) for vertex in mesh.vertices]
    uv = [tuple(each.vector) for layer in mesh.uv_layers for each in layer.uv]
    shapes = [tuple(point.co) for key in keys.key_blocks for point in key.data] if keys else []
    weights = [[(group.group, group.weight) for group in point.groups] for point in mesh.vertices]
    for key, values in (("points", points), ("uv", uv), ("shapes", shapes), ("weights", weights)):
        found[key] = hashlib.sha256(repr(values).encode()).hexdigest()
    found["place"] = repr(item.matrix_world)
    found["slots"] = [slot.material and slot.material.name for slot in item.material_slots]
    return found
