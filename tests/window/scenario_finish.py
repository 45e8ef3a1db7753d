# SPDX-License-Identifier: GPL-3.0-or-later
"""A profile under Place, and *Finish…* from the list: what stands is replaced, in one undo step."""

from typing import Any

import bpy
import expected
from driver import Steps, Window

QUICK = 'name = "Prop"\nbase = "game"\nbake = 256\nfaces = 1500\n'


def steps(w: Window) -> Steps:
    folder = expected.part(w, "preferences").profiles_folder()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prop.toml").write_text(QUICK, encoding="utf-8")
    inputs = yield from expected.in_sandbox(w, 2.0)
    expected.choose_horse(inputs)
    yield 1.0
    w.picture("finish-as-delivered", w.region("UI"))
    expected.settings_of(w).finish = "game"
    w.region("UI").tag_redraw()
    yield 1.0
    w.picture("finish-game", w.region("UI"))
    expected.settings_of(w).finish = "prop.toml"
    w.region("UI").tag_redraw()
    yield 1.0
    w.picture("finish-own", w.region("UI"))
    settings = expected.settings_of(w)
    w.check((settings.finish, settings.finish_faces) == ("prop.toml", 1500), "one's own profile is there")

    name = yield from expected.generate(w)
    yield from w.until(lambda: expected.is_placed(name), 120, "the finished result arrives")
    yield 2.0
    job = expected.job(w, 0)
    w.check(job.result.get("finish", {}).get("profile") == "Prop", "it is finished", job.result.get("finish"))
    w.check(expected.settings_of(w).finish == "prop.toml", "the profile stays chosen")
    w.check(faces_of(name) == job.result["faces"], "and that is what stands there", faces_of(name))
    yield from w.find("maquette.finish_job")
    w.picture("finish-jobs", w.region("UI"))

    # Put elsewhere by hand, then finished by another profile.
    item = bpy.data.objects[name]
    item.location = (1.0, 0.5, 0.0)
    item.rotation_euler.z = 0.8
    item.scale = (1.0, 1.0, 1.5)
    item.name = "Hero"
    bpy.ops.ed.undo_push(message="moved")
    yield 1.0
    w.picture("finish-before")
    matrix, before = item.matrix_world.copy(), faces_of("Hero")
    yield from w.press("maquette.finish_job")
    yield 1.0
    w.picture("finish-dialog")
    yield from w.key("Escape")
    yield 0.5
    w.check("maquette_awaits" not in bpy.data.objects["Hero"], "Escape does nothing")
    finish: Any = bpy.ops.maquette.finish_job  # type: ignore[attr-defined]
    with bpy.context.temp_override(window=w.window, area=w.area(), region=w.region("WINDOW")):
        finish("EXEC_DEFAULT", job_id=job.id, profile="prop.toml", faces=400)
    w.check("maquette_awaits" in bpy.data.objects["Hero"], "what stands there waits")
    yield 0.3
    w.picture("finish-waiting")
    yield from w.until(lambda: "maquette_awaits" not in bpy.data.objects["Hero"], 120, "it arrives")
    yield 2.0
    w.picture("finish-after")
    new = bpy.data.objects["Hero"]
    bpy.context.view_layer.update()
    w.check(
        all((new.matrix_world[row] - matrix[row]).length < 1e-5 for row in range(4)),
        "it stands as it stood",
        (new.matrix_world, matrix),
    )
    job = expected.job(w, 0)
    w.check(faces_of("Hero") == job.result["faces"], "with its new faces", (before, faces_of("Hero")))
    w.check(job.state == "placed", "the list says so", job.state)
    w.picture("finish-details", w.region("UI"))
    now = faces_of("Hero")
    yield from w.move(w.view_point(0.3, 0.3))
    yield from w.key("ctrl+z")
    yield 1.0
    w.check(faces_of("Hero") == before, "one undo brings the former back", faces_of("Hero"))
    w.check("maquette_awaits" not in bpy.data.objects["Hero"], "which waits for nothing")
    w.picture("finish-undone")
    yield from w.key("ctrl+shift+z")
    yield 1.0
    w.check(faces_of("Hero") == now, "redo the finished one", faces_of("Hero"))
    w.check(expected.paid(w) == 1, "one job was paid for", expected.paid(w))
    expected.check_opens(w)


def faces_of(name: str) -> int:
    mesh = bpy.data.objects[name].data
    return len(mesh.polygons) if isinstance(mesh, bpy.types.Mesh) else 0
