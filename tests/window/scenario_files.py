# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever file, scene or work the artist is in when a result comes: it goes where it belongs, or waits."""

import bpy
import expected
from driver import Steps, Window
from expected import job


def steps(w: Window) -> Steps:
    inputs = yield from expected.in_sandbox(w, 7)

    # Another file is opened while the job runs.
    expected.choose_horse(inputs)
    first, other = w.folder / "first.blend", w.folder / "other.blend"
    yield from expected.generate(w)
    bpy.ops.wm.save_as_mainfile(filepath=str(first))
    bpy.ops.wm.read_homefile(use_empty=False)
    yield 1.0
    bpy.ops.wm.save_as_mainfile(filepath=str(other))
    yield from w.until(lambda: job(w, 0).state == "ready", 60, "the job becomes ready in the list")
    yield 2.0
    w.check("horse" not in bpy.data.objects, "nothing is placed into a file that it was not made for")
    bpy.ops.wm.open_mainfile(filepath=str(first))
    yield from w.until(lambda: expected.is_placed("horse"), 20, "it arrives when its own file is open again")
    w.check(job(w, 0).state == "placed", "the list says so")

    # A placeholder is deleted, renamed, copied.
    yield from w.open_sidebar()
    expected.choose_horse(inputs)
    before = set(bpy.data.objects.keys())
    name = yield from expected.generate(w)
    bpy.data.objects.remove(bpy.data.objects[name])
    yield from w.until(lambda: job(w, 0).state == "ready", 60, "a job without its placeholder becomes ready")
    yield 1.5
    w.check(set(bpy.data.objects.keys()) == before, "a deleted placeholder says: do not place it")
    waiting = bpy.data.objects[(yield from expected.generate(w))]
    waiting.name, waiting.location.x = "Bucephalus", 5.0
    twin = waiting.copy()
    assert twin
    twin.location.x = -5.0
    bpy.context.collection.objects.link(twin)
    names = "Bucephalus", twin.name
    del waiting, twin
    yield from w.until(lambda: all(map(expected.is_placed, names)), 60, "a renamed one and its copy get it")
    meshes = {item.data for name in names for item in [bpy.data.objects[name]]}
    w.check(len(meshes) == 1, "both share one mesh", meshes)
    middles = [sum(expected.bounds(name), expected.Vector()).x / 2 for name in names]
    w.check(abs(middles[0] - 5) < 0.1 and abs(middles[1] + 5) < 0.1, "each where it was moved to", middles)

    # Playback holds it back; it goes to the scene of its placeholder.
    name = yield from expected.generate(w)
    scene = bpy.context.scene.name
    w.window.scene = bpy.data.scenes.new("Another")
    yield from expected.in_view(w, lambda: bpy.ops.screen.animation_play())
    yield from expected.held_back(w, "an animation plays")
    yield from expected.in_view(w, lambda: bpy.ops.screen.animation_play())
    yield from w.until(lambda: expected.is_placed(name), 10, "and comes when it has stopped")
    users = [each.name for each in bpy.data.objects[name].users_scene]
    w.check(users == [scene], "into the scene that it was made for", users)
    w.picture("another-scene")
    w.check(expected.paid(w) == 4, "four jobs were paid for", expected.paid(w))
    expected.check_opens(w)
