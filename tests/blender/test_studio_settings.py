# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of models look right whatever a studio has set, and photos are upright."""

import importlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import addon_utils
import bpy
import numpy as np
import pytest
from commands import HORSE
from rendered import rendered

PACKAGE = os.environ["MAQUETTE_PACKAGE"]
scene_of = importlib.import_module(f"{PACKAGE}.scene")
children = importlib.import_module(f"{PACKAGE}.jobs.blender_pool")
pictures = importlib.import_module(f"{PACKAGE}.client.pictures")
HAS_OWN_ACES = bpy.app.ocio.version >= (2, 2, 0)

# As a show's configuration may be: nothing in it is called as in Blender's own.
FILM = """ocio_profile_version: 1
strictparsing: false
luma: [0.2126, 0.7152, 0.0722]
roles: {default: plain, scene_linear: lin, rendering: lin, reference: lin, data: plain,
  color_picking: plain, texture_paint: plain, compositing_log: lin, color_timing: lin, matte_paint: plain}
displays:
  Cinema:
    - !<View> {name: Film, colorspace: gamma}
    - !<View> {name: Data, colorspace: plain}
active_displays: [Cinema]
active_views: [Film, Data]
colorspaces:
  - !<ColorSpace> {name: lin, bitdepth: 32f, isdata: false, allocation: uniform}
  - !<ColorSpace> {name: plain, bitdepth: 32f, isdata: true, allocation: uniform}
  - !<ColorSpace>
    name: gamma
    bitdepth: 8ui
    isdata: false
    allocation: uniform
    from_reference: !<ExponentTransform> {value: [0.4545, 0.4545, 0.4545, 1]}
    to_reference: !<ExponentTransform> {value: [2.2, 2.2, 2.2, 1]}
"""


def pixels_of(path: Path) -> Any:
    """Rows from the top, RGB."""
    image = bpy.data.images.load(str(path), check_existing=False)
    try:
        width, height = tuple(image.size)
        values = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(values)
        return values.reshape(height, width, 4)[::-1, :, :3]
    finally:
        bpy.data.images.remove(image)


def save(pixels: Any, path: Path, form: str = "JPEG") -> None:
    height, width = pixels.shape[:2]
    image = bpy.data.images.new("picture", width, height)
    values = np.ones((height, width, 4), np.float32)
    values[..., :3] = pixels[::-1]
    image.pixels.foreach_set(values.ravel())
    image.file_format = form
    image.save(filepath=str(path), quality=98)
    bpy.data.images.remove(image)


def red_cube(folder: Path) -> Path:
    """A GLB of a cube with a red picture on it."""
    for each in [*bpy.data.objects]:
        bpy.data.objects.remove(each)
    bpy.ops.mesh.primitive_cube_add(size=1)
    cube = bpy.context.object
    save(np.full((8, 8, 3), (0.8, 0.1, 0.1), np.float32), folder / "red.png", "PNG")
    material = bpy.data.materials.new("red")
    if bpy.app.version < (5, 0):
        material.use_nodes = True  # always so from 5.0 on
    texture = material.node_tree.nodes.new("ShaderNodeTexImage")
    texture.image = bpy.data.images.load(str(folder / "red.png"))
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    material.node_tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    cube.data.materials.append(material)
    bpy.ops.export_scene.gltf(filepath=str(folder / "cube.glb"))
    return folder / "cube.glb"


@pytest.fixture
def blenders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes background Blenders that are started with this colour configuration, and ends them."""
    made: list[Any] = []

    def start(ocio: str) -> Any:
        if ocio:
            monkeypatch.setenv("OCIO", ocio)
        else:
            monkeypatch.delenv("OCIO", raising=False)
        made.append(children.BlenderPool(os.environ["MAQUETTE_BLENDER"]))
        return made[-1]

    yield start
    for each in made:
        each.end()


def written(blenders: Any, source: Path, folder: Path, has_turntable: bool = True) -> dict[str, Any]:
    """What a result's pictures look like: preview, turntable, thumbnail of the input."""
    folder.mkdir()
    result = folder / "result.blend"
    sources = [{"path": str(source), "role": "mesh", "name": source.name}]
    request = {"sources": sources, "target": str(result), "name": "cube"}
    assert blenders.run("convert", request, folder, "reading")["objects"] == 1
    names = ["preview.png", "thumbnail.jpg", *(["turn.jpg"] if has_turntable else [])]
    paths = {name: folder / name for name in names}
    request = {
        "result": str(result),
        "outputs": [str(paths["preview.png"])],
        "turntable": str(paths["turn.jpg"]) if has_turntable else "",
        "picture": HORSE,
        "orientation": 1,
        "thumbnail": str(paths["thumbnail.jpg"]),
        "name": "cube",
        "size_m": 1.0,
        "provenance": {},
        "threads": 1,
    }
    assert blenders.run("write", request, folder, "writing")["has_thumbnail"]
    return {name: pixels_of(path) for name, path in paths.items()}


def test_previews_look_the_same_under_any_colour_configuration(tmp_path: Path, blenders: Any) -> None:
    source = red_cube(tmp_path)
    (tmp_path / "film.ocio").write_text(FILM)
    usual = written(blenders(""), source, tmp_path / "usual")
    configurations = {
        "film": str(tmp_path / "film.ocio"),
        **({"aces": "ocio://default"} if HAS_OWN_ACES else {}),
    }
    other = {
        name: written(blenders(ocio), source, tmp_path / name, has_turntable=False)
        for name, ocio in configurations.items()
    }
    for name, pixels in other.get("aces", {}).items():
        assert np.abs(pixels - usual[name]).mean() < 0.02, name
    film = other["film"]
    for name in film:
        assert np.isfinite(film[name]).all()
        assert film[name].mean() > 0.2, name  # nothing is promised of a film's look but that it is there
    middle = usual["preview.png"][180:200, 180:200].mean((0, 1))
    assert middle[0] > 2 * middle[1]  # the cube is red


def test_outputs_are_written_where_the_preferences_have_their_add_ons_off(tmp_path: Path) -> None:
    mesh = bpy.data.meshes.new("a")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 1)], [], [(0, 1, 2)])
    root = bpy.data.objects.new("a", mesh)
    root["maquette_min"], root["maquette_max"] = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    bpy.context.scene.collection.objects.link(root)
    off = ("cycles", "io_scene_gltf2")  # a warning in the exporter of FBX is an error in tests
    for name in off:
        addon_utils.disable(name)
    try:
        for ending in (".png", ".glb"):
            scene_of.write_output([root], tmp_path / f"a{ending}")
            assert (tmp_path / f"a{ending}").stat().st_size
    finally:
        for name in off:
            addon_utils.enable(name)
        bpy.data.objects.remove(root)


def test_a_preview_takes_nothing_of_the_scene_that_is_open(tmp_path: Path) -> None:
    """Whatever the startup file has set, in Edit Mode, too."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    mesh = bpy.data.meshes.new("a")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 1)], [], [(0, 1, 2)])
    root = bpy.data.objects.new("a", mesh)
    root["maquette_min"], root["maquette_max"] = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    bpy.context.scene.collection.objects.link(root)
    scene_of.write_output([root], tmp_path / "usual.png")
    scene = bpy.context.scene
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.view_settings.exposure = 4.0
    scene.render.resolution_percentage = 25
    scene.render.use_border = scene.render.film_transparent = True
    scene.unit_settings.system = "IMPERIAL"
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.mode_set(mode="EDIT")
    scene_of.write_output([root], tmp_path / "odd.png")
    assert bpy.context.mode == "EDIT_MESH"
    usual, odd = (pixels_of(tmp_path / f"{name}.png") for name in ("usual", "odd"))
    assert usual.shape == odd.shape
    assert np.abs(usual - odd).mean() < 0.01
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


@pytest.mark.parametrize(("form", "depth"), [("PNG", "16"), ("TIFF", "16"), ("OPEN_EXR", "32"), ("PNG", "8")])
def test_a_picture_of_any_depth_is_as_bright_on_the_page(tmp_path: Path, form: str, depth: str) -> None:
    scene = bpy.context.scene
    settings = scene.render.image_settings
    image = bpy.data.images.new("grey", 4, 4, float_buffer=True)
    grey = 0.214 if form == "OPEN_EXR" else 0.5  # linear, and as sRGB has it
    image.colorspace_settings.is_data = True
    image.pixels.foreach_set(np.tile(np.float32([grey, grey, grey, 1]), 16))
    for name, value in (("media_type", "IMAGE"), ("file_format", form), ("color_mode", "RGB")):
        if hasattr(settings, name):
            setattr(settings, name, value)
    settings.color_depth = depth
    scene.view_settings.view_transform = "Raw"
    image.save_render(str(tmp_path / "grey"), scene=scene)
    bpy.data.images.remove(image)
    scene_of.write_thumbnail(tmp_path / "grey", tmp_path / "page.jpg")
    assert pixels_of(tmp_path / "page.jpg").mean() == pytest.approx(0.5, abs=0.02)


# Where each corner of what was seen lies in the file, by EXIF's number.
STORED = {
    1: lambda seen: seen,
    2: lambda seen: seen[:, ::-1],
    3: lambda seen: np.rot90(seen, 2),
    4: lambda seen: seen[::-1],
    5: lambda seen: seen.swapaxes(0, 1),
    6: lambda seen: np.rot90(seen, 1),
    7: lambda seen: np.rot90(seen, 2).swapaxes(0, 1),
    8: lambda seen: np.rot90(seen, -1),
}


def seen() -> Any:
    """Higher than wide, each quarter in another colour."""
    picture = np.zeros((96, 64, 3), np.float32)
    picture[:48, :32] = (0.9, 0.1, 0.1)
    picture[:48, 32:] = (0.1, 0.9, 0.1)
    picture[48:, :32] = (0.1, 0.1, 0.9)
    picture[48:, 32:] = (0.9, 0.9, 0.9)
    return picture


def photo(path: Path, orientation: int) -> Path:
    save(STORED[orientation](seen()), path)
    content = path.read_bytes()
    told = struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 274, 3, 1, orientation, 0, 0)
    segment = b"\xff\xe1" + struct.pack(">H", len(told) + 8) + b"Exif\0\0" + told
    path.write_bytes(content[:2] + segment + content[2:])
    assert pictures.orientation_of(path) == orientation
    return path


def test_a_photo_is_upright_where_it_is_sent_and_on_the_page(tmp_path: Path, blenders: Any) -> None:
    child = blenders("")
    for orientation in STORED:
        path = photo(tmp_path / f"{orientation}.jpg", orientation)
        sent = tmp_path / f"{orientation}-sent.jpg"
        page = tmp_path / f"{orientation}-page.jpg"
        request = {"source": str(path), "target": str(sent), "orientation": orientation, "is_jpeg": True}
        assert child.run("turn", request, tmp_path, "turning")["ok"]
        scene_of.write_thumbnail(path, page, orientation=orientation)
        for name in (sent, page):
            made = pixels_of(name)
            assert made.shape == seen().shape, name
            assert np.abs(made - seen()).mean() < 0.05, name
        assert pictures.orientation_of(sent) == 1
        assert not pictures.is_cut_short(sent)


@pytest.fixture
def german() -> Iterator[None]:
    """All of Blender in German: what it makes itself has a German name."""
    view: Any = bpy.context.preferences.view
    try:
        view.language = "de_DE"
    except TypeError:
        pytest.skip("this Blender has no translations")
    switches = ("use_translate_interface", "use_translate_tooltips", "use_translate_new_dataname")
    before = {name: getattr(view, name) for name in switches}
    for name in switches:
        setattr(view, name, True)
    yield
    for name, value in before.items():
        setattr(view, name, value)
    view.language = "DEFAULT"
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


def test_nothing_is_looked_up_by_a_name_that_blender_translates(tmp_path: Path, german: None) -> None:
    """A result comes, is shown, exported and captured as in an English Blender; so is one converted there."""
    source = red_cube(tmp_path)
    assert bpy.context.object.name == "Würfel"
    wish = {"name": "cube", "target": str(tmp_path / "result.blend")}
    wish["sources"] = [{"path": str(source), "role": "mesh", "name": source.name}]
    convert = importlib.import_module(f"{PACKAGE}.scene.convert")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert next(convert.convert(wish))["textures"] == 1
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    placement = scene_of.Placement()
    root = scene_of.append_result(
        tmp_path / "result.blend", name="cube", scene=scene, placement=placement, provenance={}
    )
    assert [each.name for each in scene.collection.children] == ["Maquette"]
    for ending in (".png", ".glb", ".fbx"):
        scene_of.write_output([root], tmp_path / f"a{ending}")
    middle = pixels_of(tmp_path / "a.png")[180:200, 180:200].mean((0, 1))
    assert middle[0] > 2 * middle[1]  # the cube is red
    capture = importlib.import_module(f"{PACKAGE}.window.capture")
    rendered()
    assert capture.capture_render(bpy.context).packed_file
