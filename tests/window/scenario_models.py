# SPDX-License-Identifier: GPL-3.0-or-later
"""Very different models in the sidebar at its default width: pictures to look at, at scale 1 and 2."""

import subprocess

import bpy
import expected
from answers import teach
from driver import HERE, Steps, Window

EXAMPLES = HERE.parent.parent / "examples"
PAGES_MAX = 5
SCROLL = 40  # points that Blender's scrolling moves a view by
PROMPT = "a red teapot with a wooden handle, painted by hand, on three feet"
MODELS = {
    "image": "model_hunyuan-3d-v2-1",
    "views": "model_hunyuan-3d-pro-3-1-multiview",
    "images": "model_meshy-multi-image-to-3d",
    "text": "model_meshy-txt23d",
    "retexture": "model_yvo3d-retexture",
    "motion": "model_uthana-video-to-motion-2.1",
    "rig": "model_tripo-rigging-v2-5",
    "many": "model_pixal3d",
    "splat": "model_worldlabs-marble-1-1",
    "align": "model_meta-sam-3d-align",
}
EMPTY = ("image", "views", "images", "text")
LIGHT = ("views", "retexture", "splat")
UNSEEN = {  # a model as no one has made it yet: every kind of input that a table may hold
    "id": "model_unseen",
    "name": "A Model Never Seen Before, With a Long Name",
    "capabilities": ["img23d"],
    "inputs": [
        {"name": "subjectImage", "type": "file", "required": True},
        {"name": "tint", "type": "string", "color": True, "group": "Surface"},
        {"name": "surfaceTags", "type": "string_array", "allowedValues": ["worn", "wet", "gold_leaf"]},
        {"name": "tileSizes", "type": "number_array", "default": [1, 2], "group": "Layout"},
        {"name": "aRatherLongNameForAnOption", "type": "boolean"},
        {"name": "anEvenLongerNameForSomeNumberOfTheModel", "type": "number", "min": 0, "max": 9},
        {"name": "tensor", "type": "tensor", "group": ""},
        {
            "name": "parts",
            "type": "inputs_array",
            "inputs": [
                {"name": "partName", "type": "string"},
                {"name": "partImage", "type": "file"},
                {"name": "weight", "type": "number", "default": 1},
                {"name": "isRigid", "type": "boolean"},
            ],
        },
    ],
}


def steps(w: Window) -> Steps:
    view = bpy.context.preferences.view
    yield from w.open_sidebar()
    yield from w.press("maquette.use_sandbox")
    yield from w.until(
        lambda: expected.backend(w) and expected.backend(w).catalogue.models, 60, "the catalogue is there"
    )
    teach(expected.backend(w).catalogue, UNSEEN, cost_cu=20.0)
    names = [bpy.data.images.load(str(file)).name for file in sorted(EXAMPLES.glob("*.png"))]
    models = {**MODELS, "unseen": UNSEEN["id"]}
    yield from show(w, "pixal", models["many"])
    yield from open_more_options(w)
    for kind in EMPTY:
        yield from show(w, kind, models[kind])
        yield from picture_pages(w, f"{kind}-empty")
    for scale in (1.0, 2.0):
        view.ui_scale = scale
        yield from picture_chooser(w, f"chooser-{scale:.0f}x")
        for kind, model_id in models.items():
            yield from show(w, kind, model_id)
            fill(w, model_id, names)
            yield from picture_pages(w, f"{kind}-{scale:.0f}x")
    light = bpy.utils.preset_paths("interface_theme")[0] + "/Blender_Light.xml"
    bpy.ops.script.execute_preset(filepath=light, menu_idname="USERPREF_MT_interface_theme_presets")
    for scale in (2.0, 1.0):
        view.ui_scale = scale
        for kind in LIGHT:
            yield from show(w, kind, models[kind])
            yield from picture_pages(w, f"{kind}-light-{scale:.0f}x")
    expected.check_opens(w)


def show(w: Window, kind: str, model_id: str) -> Steps:
    yield from expected.inputs_shown(w, model_id)
    yield from w.move(w.view_point())
    yield 1.0  # panels slide to their new places


def open_more_options(w: Window) -> Steps:
    """Clicks its header, which stands above that of the place."""
    x, y = yield from w.find("place_mode")
    yield from w.click((x, y + int(50 * w.scale)))
    yield 1.0


def fill(w: Window, model_id: str, names: list[str]) -> None:
    """Sets what the model works from, as an artist would."""
    properties = expected.part(w, "properties")
    group = properties.inputs_of(bpy.context.scene.maquette, model_id)
    for number, field in enumerate(properties.fields_of(model_id)):
        held, image = getattr(group, field.attribute), bpy.data.images[names[number % len(names)]]
        if field.role == "picture" and number % 3 != 2:
            setattr(group, field.attribute, image)
        elif field.role in ("pictures", "items") and not held:
            for _ in range(2):
                held.add()
            if field.role == "pictures":
                held[0].image = image
        elif field.role == "mesh" and number % 2 == 0:
            setattr(group, field.attribute, bpy.data.objects["Cube"])
        elif field.spec.is_prompt:
            setattr(group, field.attribute, PROMPT)


def picture_chooser(w: Window, name: str) -> Steps:
    """The dialog with the list of models."""
    yield from show(w, "image", MODELS["image"])
    yield from scroll(w, bpy.ops.view2d.scroll_up, 100)
    w.known.clear()
    yield from w.press("maquette.choose_model")
    yield 1.0
    w.picture(name)
    yield from w.key("Escape")  # out of the search
    yield from w.key("Escape")
    yield from w.move(w.view_point())


def picture_pages(w: Window, name: str) -> Steps:
    """The whole sidebar: pages side by side in one picture."""
    region, pages, low = w.region("UI"), [], None
    notches = int((region.height / w.scale - 60) / SCROLL)
    yield from scroll(w, bpy.ops.view2d.scroll_up, PAGES_MAX * notches)
    yield 1.5  # thumbnails are read, panels slide
    for page in range(PAGES_MAX):
        region = w.region("UI")
        before, low = low, region.view2d.region_to_view(0.0, 0.0)
        if before == low:
            break
        pages.append(w.picture(f"{name}-page{page}", region))
        yield from scroll(w, bpy.ops.view2d.scroll_down, notches)
    subprocess.run(["convert", *map(str, pages), "+append", str(w.folder / f"{name}.png")], check=True)
    for file in pages:
        file.unlink()


def scroll(w: Window, operator, notches: int) -> Steps:
    with bpy.context.temp_override(window=w.window, area=w.area(), region=w.region("UI")):
        for _ in range(notches):
            operator()
    yield 0.3
