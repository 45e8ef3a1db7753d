# SPDX-License-Identifier: GPL-3.0-or-later
"""What a material is made of, read from its nodes as importers make them; and new ones of baked pictures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

_COMPONENTS = {"Red": 0, "R": 0, "Green": 1, "G": 1, "Blue": 2, "B": 2, "Alpha": 3}
_VERTEX_COLOURS = ("VERTEX_COLOR", "ATTRIBUTE")  # nodes that read them
_STEPS_MAX = 12  # nodes between a picture and the shader


@dataclass
class Channel:
    """A property of a surface: what a picture has (one component of it, or its colour) times a factor."""

    factor: tuple[float, float, float]
    image: bpy.types.Image | None = None
    component: int | None = None
    has_colours: bool = False  # whether colours of vertices are multiplied with it, too


CHANNELS = ("color", "alpha", "metallic", "roughness", "emission", "normal")
_USUAL = {
    "color": (0.8, 0.8, 0.8),
    "alpha": (1.0, 1.0, 1.0),
    "metallic": (0.0, 0.0, 0.0),
    "roughness": (0.5, 0.5, 0.5),
    "emission": (0.0, 0.0, 0.0),
    "normal": (1.0, 1.0, 1.0),
}
_SOCKETS = {"color": "Base Color", "alpha": "Alpha", "metallic": "Metallic", "roughness": "Roughness"}


def channels_of(material: bpy.types.Material | None) -> dict[str, Channel]:
    """What the material is made of, by CHANNELS."""
    found = {name: Channel(_USUAL[name]) for name in CHANNELS}
    tree = material.node_tree if material else None
    if tree is None:
        return found
    shader: Any = next((node for node in tree.nodes if node.type == "BSDF_PRINCIPLED"), None)
    if shader is None:  # unlit: the picture is its colour
        pictures = (node for node in tree.nodes if node.type == "TEX_IMAGE")
        image: Any = next((node.image for node in pictures if node.image), None)  # type: ignore[attr-defined]
        found["color"] = Channel((1.0, 1.0, 1.0), image)
        return found
    for name, socket in _SOCKETS.items():
        found[name] = _channel(shader.inputs[socket])
    glow = _channel(shader.inputs["Emission Color"])
    strength = shader.inputs["Emission Strength"].default_value
    glow.factor = tuple(part * strength for part in glow.factor)  # type: ignore[assignment]
    found["emission"] = glow
    if shader.inputs["Normal"].is_linked:
        found["normal"] = _channel(shader.inputs["Normal"])
    return found


def has_texture(material: bpy.types.Material | None) -> bool:
    """Whether a picture, or colours of vertices, say what some property of the material is."""
    return any(each.image or each.has_colours for each in channels_of(material).values())


def _channel(socket: Any) -> Channel:
    """Follows the links back to a picture; factors on the way are multiplied."""
    channel = Channel((1.0, 1.0, 1.0))
    for _ in range(_STEPS_MAX):
        if not socket.is_linked:
            channel.factor = _times(channel.factor, _constant(socket))
            break
        link = socket.links[0]
        node = link.from_node
        if node.type == "TEX_IMAGE":
            channel.image = node.image
            channel.component = 3 if link.from_socket.name == "Alpha" else channel.component
            break
        if node.type in _VERTEX_COLOURS:
            channel.has_colours = True
            break
        if node.type in ("SEPARATE_COLOR", "SEPRGB"):
            channel.component = _COMPONENTS.get(link.from_socket.name)
        inputs = _inputs_of(node)
        if node.type == "NORMAL_MAP":
            strength = node.inputs["Strength"].default_value
            channel.factor = (strength, strength, 1.0)
        linked = [each for each in inputs if each.is_linked]
        if not linked:
            break
        for each in linked[1:]:  # a colour of vertices beside a picture
            channel.has_colours |= each.links[0].from_node.type in _VERTEX_COLOURS
        if linked[0].links[0].from_node.type in _VERTEX_COLOURS and len(linked) > 1:
            channel.has_colours = True
            linked.reverse()
        if getattr(node, "blend_type", getattr(node, "operation", "")) == "MULTIPLY":
            for each in [each for each in inputs if not each.is_linked]:
                channel.factor = _times(channel.factor, _constant(each))
        socket = linked[0]
    return channel


def _inputs_of(node: Any) -> list[Any]:
    """The sockets of the colours or values that the node makes another of."""
    if node.type == "NORMAL_MAP":
        return [node.inputs["Color"]]
    inputs = [each for each in node.inputs if each.enabled and not each.is_unavailable]
    return [each for each in inputs if each.type in ("RGBA", "VALUE") and "Fac" not in each.name]


def _constant(socket: Any) -> tuple[float, float, float]:
    value = getattr(socket, "default_value", 1.0)
    if isinstance(value, int | float):
        return (float(value),) * 3  # type: ignore[return-value]
    red, green, blue, *_ = value
    return (red, green, blue)


def _times(one: tuple[float, float, float], other: tuple[float, float, float]) -> tuple[float, float, float]:
    return tuple(a * b for a, b in zip(one, other, strict=True))  # type: ignore[return-value]


def bytes_of(image: bpy.types.Image) -> np.ndarray:
    """Its pixels as they are in the file, (height, width, 4) bytes; none if it cannot be read."""
    return (_pixels(image) * 255 + 0.5).clip(0, 255).astype(np.uint8)


def _pixels(image: bpy.types.Image) -> np.ndarray:
    width, height = tuple(image.size)
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    image.buffers_free()
    return pixels.reshape(height, width, 4)


def to_linear(values: np.ndarray) -> np.ndarray:
    """From what sRGB has (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def to_srgb(values: np.ndarray) -> np.ndarray:
    """Linear colours as sRGB has them (IEC 61966-2-1)."""
    values = np.maximum(values, 0.0)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


def image_of(name: str, pixels: np.ndarray, *, is_color: bool, has_alpha: bool = False) -> bpy.types.Image:
    """A packed PNG of pixels (height, width, 3 or 4) from 0 to 1, as they are to be in the file."""
    height, width, count = pixels.shape
    image = bpy.data.images.new(name, width, height, alpha=has_alpha)
    image.colorspace_settings.name = "sRGB" if is_color else "Non-Color"
    image.alpha_mode = "CHANNEL_PACKED" if has_alpha else "NONE"
    whole = np.ones((height, width, 4), np.float32)
    whole[..., :count] = pixels
    image.pixels.foreach_set(whole.ravel())
    image.filepath_raw = f"//textures/{name}.png"
    image.file_format = "PNG"
    image.pack()
    return image


def material_of(
    name: str, pictures: Mapping[str, bpy.types.Image], values: Mapping[str, Channel], uv: str
) -> bpy.types.Material:
    """A material of these pictures, all on that UV map; what has none has the value of its channel."""
    made = bpy.data.materials.new(name)
    if made.node_tree is None:
        made.use_nodes = True
    tree: Any = made.node_tree
    tree.nodes.clear()
    output, shader = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("OutputMaterial", "BsdfPrincipled"))
    output.location = (300, 0)
    tree.links.new(shader.outputs[0], output.inputs[0])
    inputs = shader.inputs
    for key, socket in (("metallic", "Metallic"), ("roughness", "Roughness")):
        inputs[socket].default_value = values[key].factor[0]
    inputs["Base Color"].default_value = (*values["color"].factor, 1.0)
    inputs["Alpha"].default_value = values["alpha"].factor[0]
    if any(values["emission"].factor):
        inputs["Emission Color"].default_value = (*values["emission"].factor, 1.0)
        inputs["Emission Strength"].default_value = 1.0
    place = tree.nodes.new("ShaderNodeUVMap")
    place.uv_map = uv
    place.location = (-900, 0)
    for number, (key, image) in enumerate(pictures.items()):
        node = tree.nodes.new("ShaderNodeTexImage")
        node.image = image
        node.location = (-600, 300 - 300 * number)
        tree.links.new(place.outputs[0], node.inputs[0])
        for source, target in _plugs(tree, key, node, image):
            tree.links.new(source, inputs[target])
    if "emission" in pictures:
        inputs["Emission Strength"].default_value = 1.0
    return made


def show_in_solid(material: bpy.types.Material) -> None:
    """Has the material's colour in Solid shading be about that of its texture."""
    channel = channels_of(material)["color"]
    color = np.array(channel.factor)
    if channel.image and min(channel.image.size) > 0:
        color = color * to_linear(_pixels(channel.image)[::16, ::16, :3].mean(axis=(0, 1)))
    material.diffuse_color = (*color.clip(0.0, 1.0).tolist(), 1.0)


def use_uv_map(material: bpy.types.Material, uv: str) -> None:
    """Has all pictures of the material lie on that UV map."""
    tree: Any = material.node_tree
    place = None
    for node in list(tree.nodes) if tree else ():
        if node.type == "UVMAP" or node.type == "NORMAL_MAP":
            node.uv_map = uv
        elif node.type == "TEX_IMAGE" and not node.inputs["Vector"].is_linked:
            place = place or tree.nodes.new("ShaderNodeUVMap")
            place.uv_map = uv
            tree.links.new(place.outputs[0], node.inputs["Vector"])


def _plugs(tree: Any, key: str, node: Any, image: bpy.types.Image) -> Iterator[tuple[Any, str]]:
    """Which outputs go to which of the shader's inputs."""
    if key == "surface":  # as glTF has it
        apart = tree.nodes.new("ShaderNodeSeparateColor")
        apart.location = (-250, node.location.y)
        tree.links.new(node.outputs["Color"], apart.inputs[0])
        yield apart.outputs["Green"], "Roughness"
        yield apart.outputs["Blue"], "Metallic"
    elif key == "normal":
        bent = tree.nodes.new("ShaderNodeNormalMap")
        bent.location = (-250, node.location.y)
        bent.uv_map = node.inputs[0].links[0].from_node.uv_map
        tree.links.new(node.outputs["Color"], bent.inputs["Color"])
        yield bent.outputs[0], "Normal"
    elif key == "emission":
        yield node.outputs["Color"], "Emission Color"
    else:
        yield node.outputs["Color"], "Base Color"
        if image.alpha_mode != "NONE":
            yield node.outputs["Alpha"], "Alpha"
